// Command peers checks a published log with the programs that others check their own logs with:
// Tessera's fsck and client, and torchwood's tile client.
//
//	peers FOLDER SCRATCH    a published log: checkpoint, tile/, vkey; an empty folder
//
// Then it plants defects in copies of the log, which both must see. It prints `N passed, N failed`
// and exits with 1 when anything failed, 2 on wrong usage.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/torchwood"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// published is a log in a folder.
type published struct {
	folder   string
	origin   string
	verifier note.Verifier
}

func open(folder, vkey string) (published, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return published{}, err
	}
	return published{folder, verifier.Name(), verifier}, nil
}

// leaves gives the leaf hashes of an entry bundle.
func leaves(data []byte) ([][]byte, error) {
	var bundle api.EntryBundle
	if err := bundle.UnmarshalText(data); err != nil {
		return nil, err
	}
	var hashes [][]byte
	for _, entry := range bundle.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(entry))
	}
	return hashes, nil
}

func (p published) fetcher() client.FileFetcher {
	return client.FileFetcher{Root: p.folder}
}

// fsck re-computes root and tiles from the entries, as Tessera does for its own logs.
func (p published) fsck(ctx context.Context) error {
	return fsck.New(p.origin, p.verifier, p.fetcher(), leaves, fsck.Opts{N: 2}).Check(ctx)
}

// proofs has Tessera's client build proofs from the tiles, and holds them against the checkpoint.
func (p published) proofs(ctx context.Context) (int, error) {
	from := p.fetcher()
	checkpoint, _, _, err := client.FetchCheckpoint(ctx, from.ReadCheckpoint, p.verifier, p.origin)
	if err != nil {
		return 0, err
	}
	size, count := checkpoint.Size, 0
	builder, err := client.NewProofBuilder(ctx, size, from.ReadTile)
	if err != nil {
		return 0, err
	}
	for _, index := range someBelow(size) {
		data, err := client.GetEntryBundle(ctx, from.ReadEntryBundle, index/256, size)
		if err != nil {
			return count, err
		}
		hash := rfc6962.DefaultHasher.HashLeaf(data.Entries[index%256])
		hashes, err := builder.InclusionProof(ctx, index)
		if err != nil {
			return count, err
		}
		err = proof.VerifyInclusion(rfc6962.DefaultHasher, index, size, hash, hashes, checkpoint.Hash)
		if err != nil {
			return count, fmt.Errorf("entry %d: %w", index, err)
		}
		count++
	}
	for _, older := range someBelow(size) {
		if older == 0 {
			continue
		}
		hashes, err := builder.ConsistencyProof(ctx, older, size)
		if err != nil {
			return count, err
		}
		root, err := p.rootAt(ctx, older)
		if err != nil {
			return count, err
		}
		err = proof.VerifyConsistency(
			rfc6962.DefaultHasher, older, size, hashes, root, checkpoint.Hash)
		if err != nil {
			return count, fmt.Errorf("size %d: %w", older, err)
		}
		count++
	}
	return count, nil
}

// rootAt is the root of the first `size` entries, by the tiles.
func (p published) rootAt(ctx context.Context, size uint64) ([]byte, error) {
	tree, err := p.tree()
	if err != nil {
		return nil, err
	}
	reader, stop, err := p.serve()
	if err != nil {
		return nil, err
	}
	defer stop()
	hash, err := tlog.TreeHash(int64(size), torchwood.TileHashReaderWithContext(ctx, tree, reader))
	return hash[:], err
}

func (p published) tree() (tlog.Tree, error) {
	signed, err := os.ReadFile(filepath.Join(p.folder, "checkpoint"))
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(signed, note.VerifierList(p.verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	checkpoint, err := torchwood.ParseCheckpoint(opened.Text)
	if err != nil {
		return tlog.Tree{}, err
	}
	if checkpoint.Origin != p.origin {
		return tlog.Tree{}, fmt.Errorf("the origin is %q", checkpoint.Origin)
	}
	return checkpoint.Tree, nil
}

// serve gives the folder out on this machine, as a room does.
func (p published) serve() (torchwood.TileReader, func(), error) {
	server := httptest.NewServer(http.FileServer(http.Dir(p.folder)))
	reader, err := torchwood.NewTileFetcher(server.URL)
	return reader, server.Close, err
}

// follow reads every entry as torchwood's client does, and takes some with their proofs.
func (p published) follow(ctx context.Context) (int64, error) {
	tree, err := p.tree()
	if err != nil {
		return 0, err
	}
	reader, stop, err := p.serve()
	if err != nil {
		return 0, err
	}
	defer stop()
	tail, err := torchwood.NewClient(reader)
	if err != nil {
		return 0, err
	}
	var next int64
	// It may stop before a partial bundle, and reads that when it is asked again.
	for range 2 {
		for index := range tail.Entries(ctx, tree, next) {
			if index != next {
				return next, fmt.Errorf("entry %d follows %d", index, next-1)
			}
			next++
		}
		if err := tail.Err(); err != nil {
			return next, err
		}
	}
	if next != tree.N {
		return next, fmt.Errorf("%d entries of %d", next, tree.N)
	}
	for _, index := range someBelow(uint64(tree.N)) {
		if _, _, err := tail.Entry(ctx, tree, int64(index)); err != nil {
			return next, fmt.Errorf("entry %d: %w", index, err)
		}
	}
	return next, nil
}

// someBelow gives indices at the edges of tiles and between them.
func someBelow(size uint64) []uint64 {
	var some []uint64
	for _, index := range []uint64{0, 1, 2, 100, 254, 255, 256, 257, 511, 512, 1000, 65535, 65536,
		size / 3, size / 2, size - 2, size - 1} {
		if index < size {
			some = append(some, index)
		}
	}
	return some
}

// planted is a copy of the log with one file changed.
func planted(log, scratch, file string, change func([]byte) []byte) error {
	if err := os.RemoveAll(scratch); err != nil {
		return err
	}
	if err := os.CopyFS(scratch, os.DirFS(log)); err != nil {
		return err
	}
	name := filepath.Join(scratch, filepath.FromSlash(file))
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	changed := change(bytes.Clone(data))
	if bytes.Equal(changed, data) {
		return errors.New("nothing was planted")
	}
	return os.WriteFile(name, changed, 0o600)
}

func flipped(data []byte) []byte {
	data[len(data)-3] ^= 1
	return data
}

// firstBelow names the first file of a folder of tiles.
func firstBelow(log, folder string) (string, error) {
	var found string
	err := fs.WalkDir(os.DirFS(log), folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && found == "" && !strings.Contains(path, ".p/") {
			found = path
		}
		return err
	})
	if err == nil && found == "" {
		err = fmt.Errorf("no full tile in %s", folder)
	}
	return found, err
}

type tally struct{ passed, failed int }

func (t *tally) check(name string, err error) {
	if err != nil {
		t.failed++
		fmt.Printf("FAILED %s: %v\n", name, err)
		return
	}
	t.passed++
	fmt.Printf("ok     %s\n", name)
}

func (t *tally) refused(name string, err error) {
	if err == nil {
		t.check(name, errors.New("accepted"))
	} else {
		t.check(fmt.Sprintf("%s: %.60s", name, err), nil)
	}
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: peers FOLDER SCRATCH")
		os.Exit(2)
	}
	var t tally
	run(&t, os.Args[1], os.Args[2])
	fmt.Printf("%d passed, %d failed\n", t.passed, t.failed)
	if t.failed > 0 {
		os.Exit(1)
	}
}

func run(t *tally, folder, scratch string) {
	ctx := context.Background()
	vkey, err := os.ReadFile(filepath.Join(folder, "vkey"))
	if err != nil {
		t.check("the key is there", err)
		return
	}
	log, err := open(folder, strings.TrimSpace(string(vkey)))
	if err != nil {
		t.check("the key is one", err)
		return
	}
	t.check("Tessera's fsck accepts the log", log.fsck(ctx))
	count, err := log.proofs(ctx)
	t.check(fmt.Sprintf("Tessera's client proves %d times", count), err)
	entries, err := log.follow(ctx)
	t.check(fmt.Sprintf("torchwood's client reads %d entries", entries), err)

	tile, err := firstBelow(folder, "tile/0")
	t.check("there is a full tile", err)
	bundle, err := firstBelow(folder, "tile/entries")
	t.check("there is a full bundle", err)
	if t.failed > 0 {
		return
	}
	// fsck of this version waits for ever behind a bundle that does not fit, so that is for the
	// client's proofs: the last entry of the first bundle is among those that are proven.
	proofs := func(log published) error {
		_, err := log.proofs(ctx)
		return err
	}
	check := func(log published) error { return log.fsck(ctx) }
	for _, plant := range []struct {
		name, file string
		tessera    func(published) error
	}{{"a hash", tile, check}, {"an entry", bundle, proofs}, {"the checkpoint", "checkpoint", check}} {
		if err := planted(folder, scratch, plant.file, flipped); err != nil {
			t.check("plant "+plant.name, err)
			continue
		}
		bad, _ := open(scratch, strings.TrimSpace(string(vkey)))
		t.refused("planted in "+plant.name+", Tessera", plant.tessera(bad))
		_, err := bad.follow(ctx)
		t.refused("planted in "+plant.name+", torchwood", err)
	}
}
