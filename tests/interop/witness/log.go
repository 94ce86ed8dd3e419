package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"filippo.io/torchwood"
	f_note "github.com/transparency-dev/formats/note"
	client "github.com/transparency-dev/witness/client/http"
	"github.com/transparency-dev/witness/witness"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// makeKeys makes the two keys of a log.
func makeKeys(folder, origin string) error {
	secret, public, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "skey"), []byte(secret), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "vkey"), []byte(public), 0o644)
}

// tree is a log in memory: every node, as tlog numbers them.
type tree struct {
	nodes []tlog.Hash
	size  int64
}

func (t *tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	read := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		read[i] = t.nodes[index]
	}
	return read, nil
}

// grow adds leaves; trees of another seed have other leaves from here on.
func (t *tree) grow(to int64, seed string) error {
	for ; t.size < to; t.size++ {
		leaf := tlog.RecordHash(fmt.Appendf(nil, "%s %d", seed, t.size))
		nodes, err := tlog.StoredHashesForRecordHash(t.size, leaf, t)
		if err != nil {
			return err
		}
		t.nodes = append(t.nodes, nodes...)
	}
	return nil
}

// signed is the log's checkpoint of its present size.
func (t *tree) signed(signer note.Signer) ([]byte, error) {
	root, err := tlog.TreeHash(t.size, t)
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("%s\n%d\n%s\n", signer.Name(), t.size, root)
	return note.Sign(&note.Note{Text: text}, signer)
}

// proof leads from the tree of old leaves to the present one.
func (t *tree) proof(old int64) ([][]byte, error) {
	if old == 0 {
		return nil, nil
	}
	hashes, err := tlog.ProveTree(t.size, old, t)
	if err != nil {
		return nil, err
	}
	proof := make([][]byte, len(hashes))
	for i, hash := range hashes {
		proof[i] = hash[:]
	}
	return proof, nil
}

// asker asks one witness for one log.
type asker struct {
	witness client.Witness
	signer  note.Signer
	key     note.Verifier
}

// ask asks for a cosignature of the tree, and verifies what comes.
func (a asker) ask(t *tree, old int64) (size uint64, err error) {
	checkpoint, err := t.signed(a.signer)
	if err != nil {
		return 0, err
	}
	proof, err := t.proof(old)
	if err != nil {
		return 0, err
	}
	return a.send(checkpoint, proof, uint64(old))
}

func (a asker) send(checkpoint []byte, proof [][]byte, old uint64) (uint64, error) {
	lines, size, err := a.witness.Update(context.Background(), old, checkpoint, proof)
	if err != nil {
		return size, err
	}
	opened, err := note.Open(append(bytes.Clone(checkpoint), lines...), note.VerifierList(a.key))
	if err != nil {
		return 0, err
	}
	if len(opened.Sigs) != 1 {
		return 0, fmt.Errorf("%d cosignatures", len(opened.Sigs))
	}
	return 0, nil
}

func wants(wanted, got error) error {
	if !errors.Is(got, wanted) {
		return fmt.Errorf("%v and not %v", got, wanted)
	}
	return nil
}

// askWitness is a foreign log that a witness of Custos confirms, and what it does not.
func askWitness(t *tally, address, folder, witnessKey string) {
	secret, err := os.ReadFile(filepath.Join(folder, "skey"))
	if !t.check("the log's key is there", err) {
		return
	}
	signer, err := note.NewSigner(string(secret))
	if !t.check("the log's key", err) {
		return
	}
	key, err := f_note.NewVerifierForCosignatureV1(witnessKey)
	if !t.check("the witness's key", err) {
		return
	}
	prefix, err := url.Parse(address)
	if !t.check("the address", err) {
		return
	}
	a := asker{client.NewWitness(prefix, &http.Client{Timeout: 20 * time.Second}), signer, key}
	var log, fork tree
	old := int64(0)
	for _, size := range []int64{1, 2, 255, 256, 257, 1000, 70000} {
		err := log.grow(size, "leaf")
		if err == nil {
			_, err = a.ask(&log, old)
		}
		t.check(fmt.Sprintf("from %d to %d", old, size), err)
		old = size
	}
	_, err = a.ask(&log, old)
	t.check("the same again", err)
	size, err := a.ask(&log, 1000)
	t.check("a stale size", wants(witness.ErrCheckpointStale, err))
	if size != uint64(old) {
		t.check("the size that it names", fmt.Errorf("%d", size))
	}
	t.check("it is shown", shown(address, signer.Name(), old, key, folder))

	t.check("the fork grows", fork.grow(69999, "leaf"))
	t.check("the fork goes on otherwise", fork.grow(70000, "other"))
	_, err = a.ask(&fork, old)
	t.check("another root of one size", wants(witness.ErrRootMismatch, err))
	t.check("the fork goes on", fork.grow(70001, "other"))
	_, err = a.ask(&fork, old)
	t.check("a fork that has grown", wants(witness.ErrInvalidProof, err))

	t.check("the log goes on", log.grow(70300, "leaf"))
	checkpoint, err := log.signed(signer)
	t.check("signed", err)
	proof, err := log.proof(old)
	t.check("proven", err)
	_, err = a.send(checkpoint, proof[1:], uint64(old))
	t.check("a proof that lacks a hash", wants(witness.ErrInvalidProof, err))
	_, err = a.send(checkpoint, proof, 70301)
	t.check("an old size above the new", wants(witness.ErrOldSizeInvalid, err))
	_, otherKey, _ := ed25519.GenerateKey(rand.Reader)
	forger := forged{signer, otherKey}
	text, _, _ := bytes.Cut(checkpoint, []byte("\n\n"))
	forgery, err := note.Sign(&note.Note{Text: string(text) + "\n"}, forger)
	t.check("forged", err)
	_, err = a.send(forgery, proof, uint64(old))
	t.check("what another key signed", wants(witness.ErrNoValidSignature, err))
	unknown := bytes.ReplaceAll(checkpoint, []byte(signer.Name()), []byte("unknown.example/log"))
	_, err = a.send(unknown, proof, uint64(old))
	t.check("a log that it does not know", wants(witness.ErrUnknownLog, err))
	_, err = a.ask(&log, old)
	t.check("and then it goes on", err)
}

// forged signs under the name and key id of another key.
type forged struct {
	note.Signer
	key ed25519.PrivateKey
}

func (f forged) Sign(message []byte) ([]byte, error) {
	return ed25519.Sign(f.key, message), nil
}

// shown checks what a witness shows of a log: the log's signature and its own.
func shown(address, origin string, size int64, key note.Verifier, folder string) error {
	hash := sha256.Sum256([]byte(origin))
	body, err := fetch(address + "/" + hex.EncodeToString(hash[:]) + "/checkpoint")
	if err != nil {
		return err
	}
	vkey, err := os.ReadFile(filepath.Join(folder, "vkey"))
	if err != nil {
		return err
	}
	log, err := note.NewVerifier(string(vkey))
	if err != nil {
		return err
	}
	return signedBy(body, size, log, key)
}

// signedBy checks a checkpoint's size and that each of the keys signed it.
func signedBy(body []byte, size int64, keys ...note.Verifier) error {
	opened, err := note.Open(body, note.VerifierList(keys...))
	if err != nil {
		return err
	}
	if len(opened.Sigs) != len(keys) {
		return fmt.Errorf("%d of %d signed it", len(opened.Sigs), len(keys))
	}
	checkpoint, err := torchwood.ParseCheckpoint(opened.Text)
	if err != nil {
		return err
	}
	if size > 0 && checkpoint.N != size {
		return fmt.Errorf("it is of size %d and not %d", checkpoint.N, size)
	}
	return nil
}

// checkNote checks a room's newest checkpoint, as soon as every witness has signed it.
func checkNote(t *tally, address, logKey string, witnessKeys []string) {
	log, err := note.NewVerifier(logKey)
	if !t.check("the log's key", err) {
		return
	}
	keys := []note.Verifier{log}
	for _, vkey := range witnessKeys {
		key, err := f_note.NewVerifierForCosignatureV1(vkey)
		if !t.check("a witness's key", err) {
			return
		}
		keys = append(keys, key)
	}
	for range 120 {
		var body []byte
		if body, err = fetch(address); err == nil {
			err = signedBy(body, 0, keys...)
		}
		if err == nil {
			break
		}
		time.Sleep(250 * time.Millisecond)
	}
	t.check("the log and each witness signed it", err)
}

func fetch(address string) ([]byte, error) {
	answer, err := http.Get(address)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", answer.StatusCode)
	}
	return io.ReadAll(answer.Body)
}
