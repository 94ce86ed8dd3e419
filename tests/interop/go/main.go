// Command interop checks a custody log with the Go checksum database's own packages, which
// share no code with the room that published it.
//
//	interop log FOLDER [INDEX...]   a published log: checkpoint, checkpoints/, tile/, vkey
//	interop note FILE VKEY...       a note that every one of these keys signed
//	interop vectors FOLDER          merkle.json and checkpoint.json
//
// It prints `N passed, N failed` and exits with 1 when anything failed, 2 on wrong usage.
package main

import (
	"fmt"
	"os"
	"strconv"
)

// tally counts checks and says which failed.
type tally struct {
	passed, failed int
}

// check counts one check; err says why it failed.
func (t *tally) check(name string, err error) bool {
	if err != nil {
		t.failed++
		fmt.Printf("FAILED %s: %v\n", name, err)
		return false
	}
	t.passed++
	return true
}

// refused counts a check that passes when something was refused.
func (t *tally) refused(name string, err error) {
	if err == nil {
		t.check(name, fmt.Errorf("accepted"))
	} else {
		t.check(name, nil)
	}
}

func main() {
	if len(os.Args) < 3 {
		usage()
	}
	var t tally
	switch os.Args[1] {
	case "log":
		var indices []int64
		for _, argument := range os.Args[3:] {
			index, err := strconv.ParseInt(argument, 10, 64)
			if err != nil {
				usage()
			}
			indices = append(indices, index)
		}
		checkLog(&t, os.Args[2], indices)
	case "note":
		checkNote(&t, os.Args[2], os.Args[3:])
	case "vectors":
		checkMerkle(&t, os.Args[2])
		checkCheckpoints(&t, os.Args[2])
	default:
		usage()
	}
	fmt.Printf("%d passed, %d failed\n", t.passed, t.failed)
	if t.failed > 0 || t.passed == 0 {
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: interop log FOLDER [INDEX...] | interop note FILE VKEY... | interop vectors FOLDER")
	os.Exit(2)
}
