package main

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// lenient names invalid vectors that the Go packages take, with the reason.
var lenient = map[string]string{
	"65-signatures": "golang.org/x/mod/sumdb/note allows 100",
}

// vector is any vector; each kind uses some of the members.
type vector struct {
	Name    string
	Size    string
	Root    string
	Index   string
	Leaf    string
	OldSize string `json:"old_size"`
	OldRoot string `json:"old_root"`
	NewSize string `json:"new_size"`
	NewRoot string `json:"new_root"`
	Proof   []string
	Note    string
	NoteHex string `json:"note_hex"`
	Policy  string
	Trust   any
	Answer  string
	Vkey    string
}

func readVectors(t *tally, folder, file string) map[string]json.RawMessage {
	lists := map[string]json.RawMessage{}
	text, err := os.ReadFile(filepath.Join(folder, file))
	if err == nil {
		err = json.Unmarshal(text, &lists)
	}
	t.check(file, err)
	return lists
}

func list(t *tally, lists map[string]json.RawMessage, name string) []vector {
	var vectors []vector
	err := json.Unmarshal(lists[name], &vectors)
	if err == nil && len(vectors) == 0 {
		err = fmt.Errorf("no vectors")
	}
	t.check(name, err)
	return vectors
}

// checkMerkle runs merkle.json over a tree of its own.
func checkMerkle(t *tally, folder string) {
	lists := readVectors(t, folder, "merkle.json")
	var nodes hashes
	for n := int64(0); n < 70_000; n++ {
		data := binary.BigEndian.AppendUint64(nil, uint64(n))
		if err := nodes.push(n, tlog.RecordHash(data)); err != nil {
			t.check("leaf", err)
			return
		}
	}
	for _, v := range list(t, lists, "roots") {
		size, root := mustSize(v.Size), mustHash(v.Root)
		found, err := tlog.TreeHash(size, nodes)
		if err == nil && found != root {
			err = fmt.Errorf("the root is %x", found)
		}
		t.check("root "+v.Size, err)
	}
	for _, v := range list(t, lists, "valid_inclusion") {
		t.check("inclusion "+v.Name, included(v))
		proof, err := tlog.ProveRecord(mustSize(v.Size), mustSize(v.Index), nodes)
		t.check("proof "+v.Name, same(proof, v, err))
	}
	for _, v := range list(t, lists, "invalid_inclusion") {
		t.refused("inclusion "+v.Name, included(v))
	}
	for _, v := range list(t, lists, "valid_consistency") {
		t.check("consistency "+v.Name, consistent(v))
		proof, err := tlog.ProveTree(mustSize(v.NewSize), mustSize(v.OldSize), nodes)
		t.check("proof "+v.Name, same(proof, v, err))
	}
	for _, v := range list(t, lists, "invalid_consistency") {
		t.refused("consistency "+v.Name, consistent(v))
	}
}

func included(v vector) error {
	size, err := strconv.ParseInt(v.Size, 10, 64)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(proof(v), size, mustHash(v.Root), mustSize(v.Index), mustHash(v.Leaf))
}

func consistent(v vector) error {
	older, newer := mustSize(v.OldSize), mustSize(v.NewSize)
	return tlog.CheckTree(proof(v), newer, mustHash(v.NewRoot), older, mustHash(v.OldRoot))
}

func same(found []tlog.Hash, v vector, err error) error {
	if err == nil && !slices.Equal(found, proof(v)) {
		err = fmt.Errorf("the proof has other hashes")
	}
	return err
}

func proof(v vector) []tlog.Hash {
	hashes := make([]tlog.Hash, len(v.Proof))
	for i, text := range v.Proof {
		hashes[i] = mustHash(text)
	}
	return hashes
}

// checkCheckpoints runs checkpoint.json: notes by the Go package, cosignatures by ours.
func checkCheckpoints(t *tally, folder string) {
	lists := readVectors(t, folder, "checkpoint.json")
	keys := list(t, lists, "keys")
	var verifiers []note.Verifier
	for _, v := range keys {
		verifier, err := newVerifier(v.Vkey)
		if !t.check("key "+v.Name, err) {
			return
		}
		verifiers = append(verifiers, verifier)
	}
	log := verifiers[0]
	for _, v := range list(t, lists, "valid") {
		tree, opened, err := openCheckpoint([]byte(v.Note), log, verifiers[3:]...)
		if err == nil && strconv.FormatInt(tree.N, 10) != v.Size {
			err = fmt.Errorf("the size is %d", tree.N)
		}
		if err == nil && v.Name == "cosigned" && len(opened.Sigs) != 4 {
			err = fmt.Errorf("%d signatures verify, not 4", len(opened.Sigs))
		}
		t.check("valid "+v.Name, err)
	}
	for _, v := range list(t, lists, "invalid") {
		signed := []byte(v.Note)
		if v.NoteHex != "" {
			signed, _ = hex.DecodeString(v.NoteHex)
		}
		_, _, err := openCheckpoint(signed, log)
		if reason := lenient[v.Name]; reason != "" {
			fmt.Printf("not compared: %s, because %s\n", v.Name, reason)
			continue
		}
		t.refused("invalid "+v.Name, err)
	}
	for _, v := range list(t, lists, "judged") {
		if v.Trust == nil {
			t.check("judged "+v.Name, judged(v))
		}
	}
}

// judged compares what the Go package says of a note under the keys of a policy file. Whether
// the witnesses are enough is not asked: `Quorum` is a note whose log signature holds.
func judged(v vector) error {
	var verifiers []note.Verifier
	var logs []note.Verifier
	for _, item := range strings.Fields(v.Policy) {
		if strings.Count(item, "+") < 2 {
			continue
		}
		verifier, err := newVerifier(item)
		if err != nil {
			return err
		}
		verifiers = append(verifiers, verifier)
		if _, witness := verifier.(cosigner); !witness {
			logs = append(logs, verifier)
		}
	}
	var err error
	for _, log := range logs {
		others := slices.DeleteFunc(slices.Clone(verifiers), func(o note.Verifier) bool { return o == log })
		if _, _, err = openCheckpoint([]byte(v.Note), log, others...); err == nil {
			break
		}
	}
	_, invalid := err.(*note.InvalidSignatureError)
	want := v.Answer
	switch {
	case (want == "ok" || want == "Quorum") && err != nil:
		return err
	case want == "Signature" && !invalid:
		return fmt.Errorf("not refused for its signature, but %v", err)
	case want == "Log" && (err == nil || invalid):
		return fmt.Errorf("not refused for want of the log's signature, but %v", err)
	}
	return nil
}

// mustSize reads a number below 2^64; those above 2^63 become negative and so are refused.
func mustSize(text string) int64 {
	size, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		panic(err)
	}
	return int64(size)
}

func mustHash(text string) tlog.Hash {
	bytes, err := hex.DecodeString(text)
	if err != nil || len(bytes) != tlog.HashSize {
		panic("not a hash: " + text)
	}
	return tlog.Hash(bytes)
}
