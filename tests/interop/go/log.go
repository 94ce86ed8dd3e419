package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// tileHeight is that of C2SP tlog-tiles: 256 hashes a tile.
const tileHeight = 8

// hashes holds every node of a tree, as tlog numbers them.
type hashes []tlog.Hash

func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	read := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(h)) {
			return nil, fmt.Errorf("node %d is not in the tree", index)
		}
		read[i] = h[index]
	}
	return read, nil
}

// push adds a leaf hash and the nodes that it completes.
func (h *hashes) push(index int64, leaf tlog.Hash) error {
	nodes, err := tlog.StoredHashesForRecordHash(index, leaf, *h)
	*h = append(*h, nodes...)
	return err
}

// published is a log folder and which of its tile files have been checked.
type published struct {
	folder  string
	entries [][]byte
	nodes   hashes
	checked map[string]bool
}

// checkLog verifies all that a published log holds.
func checkLog(t *tally, folder string, indices []int64) {
	vkey, err := os.ReadFile(filepath.Join(folder, "vkey"))
	if !t.check("vkey is there", err) {
		return
	}
	log, err := newVerifier(strings.TrimSpace(string(vkey)))
	if !t.check("vkey", err) {
		return
	}
	newest, err := readCheckpoint(filepath.Join(folder, "checkpoint"), log)
	if !t.check("checkpoint", err) {
		return
	}
	p := &published{folder: folder, checked: map[string]bool{}}
	if !t.check("entry bundles", p.readEntries(newest.N)) {
		return
	}
	trees := []tlog.Tree{newest}
	older, _ := os.ReadDir(filepath.Join(folder, "checkpoints"))
	for _, file := range older {
		tree, err := readCheckpoint(filepath.Join(folder, "checkpoints", file.Name()), log)
		if t.check("checkpoint "+file.Name(), err) {
			trees = append(trees, tree)
		}
	}
	slices.SortFunc(trees, func(a, b tlog.Tree) int { return int(a.N - b.N) })
	for i, tree := range trees {
		p.checkTree(t, tree)
		p.checkConsistency(t, trees[:i], tree)
		p.checkInclusion(t, tree, indices)
	}
	t.check("no other files", p.checkNothingElse())
}

func readCheckpoint(file string, log note.Verifier) (tlog.Tree, error) {
	signed, err := os.ReadFile(file)
	if err != nil {
		return tlog.Tree{}, err
	}
	tree, _, err := openCheckpoint(signed, log)
	return tree, err
}

// readEntries reads all bundles of the newest size and hashes every entry.
func (p *published) readEntries(size int64) error {
	for n := int64(0); n*256 < size; n++ {
		width := int(min(256, size-n*256))
		entries, err := p.bundle(n, width)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			index := int64(len(p.entries))
			if err := p.nodes.push(index, tlog.RecordHash(entry)); err != nil {
				return err
			}
			p.entries = append(p.entries, entry)
		}
	}
	return nil
}

// bundle reads an entry bundle of exactly width entries.
func (p *published) bundle(n int64, width int) ([][]byte, error) {
	path := tilePath("entries", n, width)
	rest, err := p.read(path)
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for len(rest) > 0 {
		if len(rest) < 2 || len(rest) < 2+int(binary.BigEndian.Uint16(rest)) {
			return nil, fmt.Errorf("%s is cut", path)
		}
		end := 2 + int(binary.BigEndian.Uint16(rest))
		entries = append(entries, rest[2:end])
		rest = rest[end:]
	}
	if len(entries) != width {
		return nil, fmt.Errorf("%s has %d entries", path, len(entries))
	}
	return entries, nil
}

// checkTree compares root, every hash tile and the last bundle of one size.
func (p *published) checkTree(t *tally, tree tlog.Tree) {
	name := fmt.Sprintf("size %d", tree.N)
	root, err := tlog.TreeHash(tree.N, p.nodes)
	if err == nil && root != tree.Hash {
		err = fmt.Errorf("the entries have the root %v", root)
	}
	t.check(name+" root", err)
	t.check(name+" last bundle", p.checkLastBundle(tree.N))
	for _, tile := range tlog.NewTiles(tileHeight, 0, tree.N) {
		path := tilePath(strconv.Itoa(tile.L), tile.N, tile.W)
		found, err := p.read(path)
		if err == nil {
			var expected []byte
			expected, err = tlog.ReadTileData(tile, p.nodes)
			if err == nil && !bytes.Equal(found, expected) {
				err = fmt.Errorf("it has other hashes than the entries")
			}
		}
		t.check(name+" "+path, err)
	}
}

func (p *published) checkLastBundle(size int64) error {
	n := (size - 1) / 256
	entries, err := p.bundle(n, int(size-n*256))
	for i, entry := range entries {
		if !bytes.Equal(entry, p.entries[n*256+int64(i)]) {
			return fmt.Errorf("entry %d differs between bundles", n*256+int64(i))
		}
	}
	return err
}

// checkConsistency proves older trees from the published tiles alone and checks the proofs.
func (p *published) checkConsistency(t *tally, older []tlog.Tree, tree tlog.Tree) {
	reader := tlog.TileHashReader(tree, p)
	for _, old := range older {
		proof, err := tlog.ProveTree(tree.N, old.N, reader)
		if err == nil {
			err = tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash)
		}
		t.check(fmt.Sprintf("consistency %d to %d", old.N, tree.N), err)
	}
}

// checkInclusion proves entries from the published tiles alone and checks the proofs.
func (p *published) checkInclusion(t *tally, tree tlog.Tree, indices []int64) {
	reader := tlog.TileHashReader(tree, p)
	for _, index := range append([]int64{0, tree.N / 2, tree.N - 1}, indices...) {
		if index >= tree.N {
			continue
		}
		proof, err := tlog.ProveRecord(tree.N, index, reader)
		if err == nil {
			leaf := tlog.RecordHash(p.entries[index])
			err = tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaf)
		}
		t.check(fmt.Sprintf("inclusion of %d in %d", index, tree.N), err)
	}
}

// checkNothingElse finds tiles that no checkpoint asked for.
func (p *published) checkNothingElse() error {
	return filepath.WalkDir(filepath.Join(p.folder, "tile"), func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		path, err := filepath.Rel(p.folder, file)
		if err == nil && !p.checked[filepath.ToSlash(path)] {
			err = fmt.Errorf("%s belongs to no checkpoint", path)
		}
		return err
	})
}

func (p *published) read(path string) ([]byte, error) {
	p.checked[path] = true
	return os.ReadFile(filepath.Join(p.folder, filepath.FromSlash(path)))
}

// Height, ReadTiles and SaveTiles make the folder a tlog.TileReader.
func (p *published) Height() int { return tileHeight }

// ReadTiles reads tiles in the width asked for.
func (p *published) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		var err error
		data[i], err = p.read(tilePath(strconv.Itoa(tile.L), tile.N, tile.W))
		if err != nil {
			return nil, err
		}
	}
	return data, nil
}

// SaveTiles keeps nothing.
func (p *published) SaveTiles([]tlog.Tile, [][]byte) {}

// tilePath is C2SP's, which has no height, where sumdb's has one.
func tilePath(level string, n int64, width int) string {
	path := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		path = fmt.Sprintf("x%03d/%s", n%1000, path)
	}
	if width < 256 {
		path += fmt.Sprintf(".p/%d", width)
	}
	return "tile/" + level + "/" + path
}
