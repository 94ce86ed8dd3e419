// Programs beside which the room is timed, and one that asks it much at once.
//
//	peers prove FOLDER SIZE    proofs by golang.org/x/mod/sumdb/tlog from the same tiles
//	peers root FOLDER SIZE     the root over all entry bundles, compared with the checkpoint
//	peers load                 requests as the JSON on standard input asks for, timed
//	peers append FOLDER ENTRIES CALLERS    durable appends by Tessera's POSIX driver
package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight = 8
	fullWidth  = 1 << tileHeight
	proofs     = 20_000
	warm       = 256
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 1 && arguments[0] == "load" {
		return load(os.Stdin, os.Stdout)
	}
	if len(arguments) == 4 && arguments[0] == "append" {
		return appendTo(arguments[1], arguments[2], arguments[3])
	}
	if len(arguments) != 3 {
		return errors.New("usage: peers load, peers append FOLDER ENTRIES CALLERS, peers prove|root FOLDER SIZE")
	}
	size, err := strconv.ParseInt(arguments[2], 10, 64)
	if err != nil {
		return err
	}
	tree, err := checkpoint(arguments[1], size)
	if err != nil {
		return err
	}
	switch arguments[0] {
	case "prove":
		return prove(arguments[1], tree)
	case "root":
		return root(arguments[1], tree)
	}
	return errors.New("usage: peers prove|root FOLDER SIZE")
}

// checkpoint reads the tree head; who signed it is no matter here.
func checkpoint(folder string, size int64) (tlog.Tree, error) {
	note, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := bytes.SplitN(note, []byte("\n"), 4)
	if len(lines) < 4 || string(lines[1]) != strconv.FormatInt(size, 10) {
		return tlog.Tree{}, errors.New("the checkpoint is of another size")
	}
	hash, err := tlog.ParseHash(string(lines[2]))
	return tlog.Tree{N: size, Hash: hash}, err
}

// tiles keeps every tile that was read.
type tiles struct {
	folder string
	kept   map[tlog.Tile][]byte
}

func (t *tiles) Height() int { return tileHeight }

func (t *tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t *tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	all := make([][]byte, len(wanted))
	for i, tile := range wanted {
		data, ok := t.kept[tile]
		if !ok {
			var err error
			if data, err = t.read(tile); err != nil {
				return nil, err
			}
			t.kept[tile] = data
		}
		all[i] = data
	}
	return all, nil
}

func (t *tiles) read(tile tlog.Tile) ([]byte, error) {
	return os.ReadFile(filepath.Join(t.folder, path(strconv.Itoa(tile.L), tile.N, int64(tile.W))))
}

// path is C2SP's, which has no height, where sumdb's has one.
func path(level string, index, width int64) string {
	text := fmt.Sprintf("%03d", index%1000)
	for rest := index / 1000; rest > 0; rest /= 1000 {
		text = fmt.Sprintf("x%03d/%s", rest%1000, text)
	}
	text = "tile/" + level + "/" + text
	if width < fullWidth {
		text += fmt.Sprintf(".p/%d", width)
	}
	return text
}

// prove times proofs of inclusion, each checked, as the bench beside it does.
func prove(folder string, tree tlog.Tree) error {
	spread := func(n int64) int64 { return int64(uint64(n) * 0x9e37_79b9_7f4a_7c15 % uint64(tree.N)) }
	reader := tlog.TileHashReader(tree, &tiles{folder, map[tlog.Tile][]byte{}})
	for _, series := range []struct {
		name string
		nth  func(int64) int64
	}{
		{"kept tiles", func(n int64) int64 { return spread(n % warm) }},
		{"any leaf", func(n int64) int64 { return spread(warm + n) }},
	} {
		var times []time.Duration
		for round := range 2 {
			for n := range int64(proofs) {
				index := series.nth(n)
				leaf, err := leafHash(reader, index)
				if err != nil {
					return err
				}
				begin := time.Now()
				proof, err := tlog.ProveRecord(tree.N, index, reader)
				if err != nil {
					return err
				}
				if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaf); err != nil {
					return err
				}
				if round == 1 {
					times = append(times, time.Since(begin))
				}
			}
		}
		slices.Sort(times)
		fmt.Printf("  Go's sumdb/tlog,  %-12s p50 %7.1f us, p99 %7.1f us\n", series.name,
			micros(times[len(times)/2]), micros(times[len(times)*99/100]))
	}
	return nil
}

func leafHash(reader tlog.HashReader, index int64) (tlog.Hash, error) {
	hashes, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
	if err != nil {
		return tlog.Hash{}, err
	}
	return hashes[0], nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// root times the whole log: every bundle is read and hashed, and the root compared.
func root(folder string, tree tlog.Tree) error {
	begin := time.Now()
	var edge []tlog.Hash // roots of the perfect subtrees, largest first
	for first := int64(0); first < tree.N; first += fullWidth {
		width := min(fullWidth, tree.N-first)
		bundle, err := os.ReadFile(filepath.Join(folder, path("entries", first/fullWidth, width)))
		if err != nil {
			return err
		}
		for nth := range width {
			if len(bundle) < 2 {
				return errors.New("a bundle is short")
			}
			length := int(binary.BigEndian.Uint16(bundle))
			if len(bundle) < 2+length {
				return errors.New("a bundle is short")
			}
			edge = append(edge, tlog.RecordHash(bundle[2:2+length]))
			bundle = bundle[2+length:]
			for index := first + nth; index&1 == 1; index >>= 1 {
				last := len(edge) - 1
				edge[last-1] = tlog.NodeHash(edge[last-1], edge[last])
				edge = edge[:last]
			}
		}
	}
	hash := edge[len(edge)-1]
	for i := len(edge) - 2; i >= 0; i-- {
		hash = tlog.NodeHash(edge[i], hash)
	}
	if hash != tree.Hash {
		return errors.New("the root is not the checkpoint's")
	}
	took := time.Since(begin)
	fmt.Printf("  Go, the whole log          %8.3f s, %.0f entries a second\n", took.Seconds(),
		float64(tree.N)/took.Seconds())
	return nil
}
