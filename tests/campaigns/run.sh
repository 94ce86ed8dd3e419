#!/usr/bin/env bash
# The campaigns: tests/campaigns/run.sh [--long]
#
# Each prints its seed and a line `N passed, N failed`, and fails unless what it plants is found.
# They use the debug binaries, which this builds if they are missing, or those that CUSTOS_BIN
# and CUSTOS_VERIFY_BIN name.
set -euo pipefail
cd "$(dirname "$0")/../.."

cycles=100
rounds=1
turns=2
files=600
faults=1
fills=1
case ${1-} in
  '') ;;
  --long) cycles=2000 rounds=20 turns=30 files=10000 faults=25 fills=10 ;;
  *) echo "usage: tests/campaigns/run.sh [--long]" >&2; exit 2 ;;
esac
[ -n "${CUSTOS_BIN-}" ] && [ -n "${CUSTOS_VERIFY_BIN-}" ] ||
  cargo build --quiet --locked -p custos -p custos-verify --features custos/postgres --bins

# Two at a time, of which each waits much: for a program that was killed, for a disk. What the
# others say is shown once the first is done.
others() {
  python3 tests/campaigns/syscalls.py --each "$faults" &&
    python3 tests/campaigns/backup.py --rounds "$rounds" &&
    python3 tests/campaigns/bulk.py --files "$files" &&
    python3 tests/campaigns/case.py
}
said=$(mktemp)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -f "$said"' EXIT
(time others) >"$said" 2>&1 &
status=0
time python3 tests/campaigns/kill.py --cycles "$cycles" || status=$?
wait $! || status=$?
cat "$said"
[ "$status" = 0 ]
# These measure what others would disturb, or go by who is first.
python3 tests/campaigns/full.py --rounds "$fills"
python3 tests/campaigns/slow.py ${1+"$1"}
python3 tests/campaigns/two.py --rounds "$turns"
: "${CUSTOS_PYTHON:=$PWD/target/venv/bin/python}"
"$CUSTOS_PYTHON" tests/campaigns/api.py ${1+"$1"}
if [ "${1-}" = --long ]; then
  cargo build --quiet --release --locked -p custos -p custos-verify --bins
  CUSTOS_PYTHON=$CUSTOS_PYTHON CUSTOS_BIN=target/release/custos \
    CUSTOS_VERIFY_BIN=target/release/custos-verify python3 tests/campaigns/large.py
fi
