#!/usr/bin/env bash
# A large log of made-up entries: built by the program, checked whole by the verifier, its root
# made by Go's packages and by pymerkle; and no room takes or serves made-up entries.
# --long builds a million. Prints `N passed, N failed`.
set -uo pipefail
cd "$(dirname "$0")/../.."
: "${CUSTOS_PYTHON:=$PWD/target/venv/bin/python}"
custos=${CUSTOS_BIN:-$PWD/target/debug/custos}
verifier=${CUSTOS_VERIFY_BIN:-$PWD/target/debug/custos-verify}
for binary in "$custos" "$verifier"; do
  [ -x "$binary" ] || cargo build --locked --workspace --bins || exit 1
done
entries=70000
[ "${1:-}" != --long ] || entries=1000000
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

# Whether a command ends with this exit code.
ends() {
  local code=$1
  shift
  "$@"
  [ $? -eq "$code" ]
}

verify() {
  "$verifier" --trust "$folder/room/trust.policy" --log "$folder/room/log"
}

no_partial_beside_a_full_one() {
  local partial
  while read -r partial; do
    [ ! -e "${partial%.p}" ] || { echo "$partial"; return 1; }
  done < <(find "$folder/room/log" -name '*.p')
}

# A byte in the middle of a file flipped, judged, and flipped back.
flipped() {
  local file=$1 code
  shift
  cp "$file" "$folder/sound"
  printf '\xff' | dd of="$file" bs=1 seek=1000 conv=notrunc status=none
  cmp -s "$file" "$folder/sound" && printf '\x00' | dd of="$file" bs=1 seek=1000 conv=notrunc status=none
  ends 3 "$@"
  code=$?
  cp "$folder/sound" "$file"
  return $code
}

export -f ends verify
export folder verifier
log=$folder/room/log
build=("$custos" log build --into "$folder/room" --entries)
check "a log of $entries made-up entries is built" "${build[@]}" "$entries"
check "none is built where something is" ends 1 "${build[@]}" 10
check "the whole log is verified" verify
check "partial tiles made way" no_partial_beside_a_full_one
check "a changed tile is found" flipped "$log/tile/0/017" verify
check "a changed entry is found" flipped "$log/tile/entries/017" verify
check "Go makes the same root" go -C benches/peers run . root "$log" "$entries"
check "Go's proofs hold" go -C benches/peers run . prove "$log" "$entries"
check "pymerkle makes the same root, and proofs" "$CUSTOS_PYTHON" tests/interop/scale/root.py \
  "$log" 0 1 255 256 65535 65536 $((entries - 1))
check "nobody serves it" env CUSTOS_DATA="$folder/room" CUSTOS_KEYS="$folder/room/keys" \
  bash -c 'ends 1 timeout 60 "$0" serve' "$custos"
check "no room is founded with its name" env CUSTOS_DATA="$folder/other" \
  CUSTOS_KEYS="$folder/other-keys" bash -c 'ends 1 "$0" init --origin synthetic.invalid/log' \
  "$custos"
check "and nothing of one is left" test ! -e "$folder/other"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
