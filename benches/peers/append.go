package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

const (
	entryBytes = 33 // what our log holds of an entry
	batchSize  = 256
)

// ages are how long Tessera waits for a batch to fill; ours waits for none.
var ages = []time.Duration{time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond}

// appendTo has so many callers append so many entries to a log of Tessera's POSIX driver, each as
// soon as the one before is durable, once for each age of a batch.
func appendTo(folder, count, callers string) error {
	entries, err := strconv.ParseInt(count, 10, 64)
	if err != nil {
		return err
	}
	crowd, err := strconv.Atoi(callers)
	if err != nil {
		return err
	}
	for _, age := range ages {
		rate, err := appended(filepath.Join(folder, age.String()), entries, crowd, age)
		if err != nil {
			return err
		}
		fmt.Printf("    Tessera, POSIX, batches of %5s %14.0f a second\n", age, rate)
	}
	return nil
}

func appended(folder string, entries int64, callers int, age time.Duration) (float64, error) {
	ctx := context.Background()
	secret, _, err := note.GenerateKey(nil, "bench.example/peer")
	if err != nil {
		return 0, err
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		return 0, err
	}
	driver, err := posix.New(ctx, posix.Config{Path: folder})
	if err != nil {
		return 0, err
	}
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithBatching(batchSize, age)
	appender, shutdown, _, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		return 0, err
	}
	var all sync.WaitGroup
	var next atomic.Int64
	failed := make(chan error, callers)
	begin := time.Now()
	for range callers {
		all.Go(func() {
			for nth := next.Add(1); nth <= entries; nth = next.Add(1) {
				entry := tessera.NewEntry(fmt.Appendf(nil, "%0*d", entryBytes, nth))
				if _, err := appender.Add(ctx, entry)(); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	all.Wait()
	took := time.Since(begin).Seconds()
	select {
	case err := <-failed:
		return 0, err
	default:
	}
	return float64(entries) / took, shutdown(ctx)
}
