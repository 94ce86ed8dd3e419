// Command witness judges the witnesses of Custos by programs of others: the witness and the
// client of github.com/transparency-dev/witness, the signer of filippo.io/torchwood, and
// golang.org/x/mod.
//
//	witness serve ADDRESS NAME FOLDER LOG-VKEY   a foreign witness of a room's log; its vkey goes
//	                                             to FOLDER/vkey
//	witness log URL LOG-FOLDER WITNESS-VKEY      a foreign log that asks a witness; its own vkey
//	                                             is LOG-FOLDER/vkey, its key LOG-FOLDER/skey
//	witness keys FOLDER ORIGIN                   makes those two
//	witness checkpoint URL LOG-VKEY WITNESS-VKEY...
//	                                             waits for a note that log and witnesses signed
//
// `log` and `checkpoint` print `N passed, N failed`.
package main

import (
	"fmt"
	"os"
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

func main() {
	arguments := os.Args[1:]
	var t tally
	switch {
	case len(arguments) == 5 && arguments[0] == "serve":
		fail(serve(arguments[1], arguments[2], arguments[3], arguments[4]))
		return
	case len(arguments) == 3 && arguments[0] == "keys":
		fail(makeKeys(arguments[1], arguments[2]))
		return
	case len(arguments) == 4 && arguments[0] == "log":
		askWitness(&t, arguments[1], arguments[2], arguments[3])
	case len(arguments) >= 4 && arguments[0] == "checkpoint":
		checkNote(&t, arguments[1], arguments[2], arguments[3:])
	default:
		fmt.Fprintln(os.Stderr, "usage: witness serve|log|keys|checkpoint ...")
		os.Exit(2)
	}
	fmt.Printf("%d passed, %d failed\n", t.passed, t.failed)
	if t.failed > 0 {
		os.Exit(1)
	}
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
