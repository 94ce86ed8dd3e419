#!/usr/bin/env bash
# A room that the program built, judged by others: its published log by the Go checksum
# database's packages, its receipt and bundle by the verifier and by the Python reader, and
# everything that is stored by its own audit. Prints `N passed, N failed`.
set -uo pipefail
cd "$(dirname "$0")/../.."
: "${CUSTOS_PYTHON:=$PWD/target/venv/bin/python}"
custos=${CUSTOS_BIN:-$PWD/target/debug/custos}
verifier=${CUSTOS_VERIFY_BIN:-$PWD/target/debug/custos-verify}
for binary in "$custos" "$verifier"; do
  [ -x "$binary" ] || cargo build --locked --workspace --bins || exit 1
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
passed=0
failed=0

check() {
  local name=$1
  shift
  if "$@" >"$folder/said" 2>&1; then
    passed=$((passed + 1))
    echo "ok    $name"
  else
    failed=$((failed + 1))
    echo "FAIL  $name"
    sed 's/^/      /' "$folder/said"
  fi
}

# The opposite: the command must fail with this exit code.
refuse() {
  local name=$1 code=$2
  shift 2
  # shellcheck disable=SC2016 # The inner shell expands these.
  check "$name" bash -c '"${@:2}"; [ $? -eq "$1" ]' refuse "$code" "$@"
}

# A folder as the Go program takes it: the public files, the older checkpoints, the key.
public_log() {
  cp -r "$room/data/log" "$folder/log" && mkdir "$folder/log/checkpoints" &&
    sed -n 's/^log //p' "$trust" >"$folder/log/vkey" &&
    "$CUSTOS_PYTHON" - "$room/data/register.db" "$folder/log/checkpoints" <<'PY'
import pathlib, sqlite3, sys

notes = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True).execute(
    "SELECT size, note FROM checkpoints ORDER BY size DESC").fetchall()
for size, note in notes[1:]:
    pathlib.Path(sys.argv[2], str(size)).write_bytes(note)
PY
}

# One byte of the file is another.
changed() {
  cp "$1" "$2"
  printf '\x5a' | dd of="$2" bs=1 seek="$3" conv=notrunc status=none
}

room=$folder/room
trust=$room/trust.policy
bundle=$room/JS-1.bundle.zip
receipt=$room/JS-1.receipt
export CUSTOS_DATA=$room/data CUSTOS_KEYS=$room/keys CUSTOS_LOG=error

check "a room is built" "$custos" demo --folder "$room" --port 0 --build-only
check "its public log is taken" public_log
check "Go compiles" go -C tests/interop/go build -o "$folder/interop" .
check "Go accepts its log" "$folder/interop" log "$folder/log" 0 1 40
check "the verifier accepts the bundle" "$verifier" "$bundle" --trust "$trust" --held "$receipt"
check "the verifier accepts the receipt" "$verifier" --receipt "$receipt" --trust "$trust"
check "Python accepts the bundle" "$CUSTOS_PYTHON" -B tests/interop/python/bundle.py "$trust" "$bundle" "$receipt"
check "Python accepts the receipt" "$CUSTOS_PYTHON" -B tests/interop/python/receipt.py "$trust" "$receipt"
check "the audit finds nothing" "$custos" audit

changed "$bundle" "$folder/changed.zip" 9000
refuse "the verifier refuses a changed bundle" 3 "$verifier" "$folder/changed.zip" --trust "$trust"
object=$(find "$room/data/objects" -type f | head -1)
changed "$object" "$folder/object" 60
cp "$folder/object" "$object"
refuse "the audit finds a changed object" 3 "$custos" audit
check "and says which" bash -c '"$1" audit | grep -q "$2"' which "$custos" "$(basename "$object")"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
