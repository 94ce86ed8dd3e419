package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// maxSize is the largest tree that our checkpoints have, 2^53 - 1.
const maxSize = 1<<53 - 1

// openCheckpoint verifies a note by the log's key and reads its three lines.
func openCheckpoint(signed []byte, log note.Verifier, others ...note.Verifier) (tlog.Tree, *note.Note, error) {
	opened, err := note.Open(signed, note.VerifierList(append(others, log)...))
	if err != nil {
		return tlog.Tree{}, nil, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return tlog.Tree{}, nil, fmt.Errorf("not three lines")
	}
	if lines[0] != log.Name() {
		return tlog.Tree{}, nil, fmt.Errorf("origin is %q", lines[0])
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || strconv.FormatInt(size, 10) != lines[1] || size < 1 || size > maxSize {
		return tlog.Tree{}, nil, fmt.Errorf("size is %q", lines[1])
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return tlog.Tree{}, nil, fmt.Errorf("root is %q", lines[2])
	}
	for _, signature := range opened.Sigs {
		if signature.Name == log.Name() && signature.Hash == log.KeyHash() {
			return tlog.Tree{N: size, Hash: tlog.Hash(root)}, opened, nil
		}
	}
	return tlog.Tree{}, nil, fmt.Errorf("the log did not sign it")
}

// cosigner verifies C2SP cosignature/v1 lines.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.hash }

// Verify takes eight bytes of seconds since 1970 and an Ed25519 signature.
func (c cosigner) Verify(text, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	seconds := binary.BigEndian.Uint64(signature)
	if seconds > math.MaxInt64 {
		return false
	}
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", seconds, text)
	return ed25519.Verify(c.key, []byte(message), signature[8:])
}

// newVerifier reads a vkey of type 1 (by the Go package) or 4 (by ourselves).
func newVerifier(vkey string) (note.Verifier, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, fmt.Errorf("not a vkey: %q", vkey)
	}
	typed, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, err
	}
	if len(typed) != 1+ed25519.PublicKeySize || typed[0] != 4 {
		return note.NewVerifier(vkey)
	}
	id := sha256.Sum256([]byte(parts[0] + "\n" + string(typed)))
	hash := binary.BigEndian.Uint32(id[:4])
	if fmt.Sprintf("%08x", hash) != parts[1] {
		return nil, fmt.Errorf("the hash of %q is wrong", vkey)
	}
	return cosigner{parts[0], hash, ed25519.PublicKey(typed[1:])}, nil
}

// checkNote checks that every one of these keys signed a checkpoint, and each alone is enough.
func checkNote(t *tally, file string, vkeys []string) {
	signed, err := os.ReadFile(file)
	if !t.check("the note is there", err) {
		return
	}
	var all []note.Verifier
	for _, vkey := range vkeys {
		key, err := newVerifier(vkey)
		if !t.check(vkey, err) {
			return
		}
		all = append(all, key)
		_, _, err = openCheckpoint(signed, key)
		t.check("under "+vkey+" alone", err)
	}
	opened, err := note.Open(signed, note.VerifierList(all...))
	if t.check("under all", err) && len(opened.Sigs) != len(vkeys) {
		t.check("under all", fmt.Errorf("%d of %d keys signed", len(opened.Sigs), len(vkeys)))
	}
}
