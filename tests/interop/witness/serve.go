package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"filippo.io/torchwood"
	"github.com/transparency-dev/witness/persistence/inmemory"
	"github.com/transparency-dev/witness/witness"
	"golang.org/x/mod/sumdb/note"
)

// serve is a foreign witness of one log, until it is ended.
func serve(address, name, folder, logKey string) error {
	log, err := note.NewVerifier(logKey)
	if err != nil {
		return fmt.Errorf("the log's key: %w", err)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	signer, err := torchwood.NewCosignatureSigner(name, key)
	if err != nil {
		return err
	}
	w, err := witness.New(context.Background(), witness.Opts{
		Persistence: inmemory.New(),
		Signers:     []note.Signer{signer},
		VerifierForLog: func(_ context.Context, origin string) (note.Verifier, bool, error) {
			return log, origin == log.Name(), nil
		},
	})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", witness.NewHTTPHandler(w).AddCheckpoint)
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "vkey"), []byte(signer.Verifier().String()+"\n"), 0o644); err != nil {
		return err
	}
	return http.Serve(listener, mux)
}
