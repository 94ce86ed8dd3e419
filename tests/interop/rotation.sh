#!/usr/bin/env bash
# The log's key is rotated in a room of the real programs: old and new receipts and bundles, a copy of
# the whole log, Go's own packages, a witness that follows, a room that is put back, a restored one,
# and a log that succeeds it. Prints `N passed, N failed`.
set -uo pipefail
cd "$(dirname "$0")/../.."
: "${CUSTOS_PYTHON:=$PWD/target/venv/bin/python}"
export CUSTOS_PYTHON
for binary in "${CUSTOS_BIN:-target/debug/custos}" "${CUSTOS_VERIFY_BIN:-target/debug/custos-verify}"; do
  [ -x "$binary" ] || cargo build --locked --workspace --bins || exit 1
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
go -C tests/interop/go build -o "$folder/interop" . || exit 1
"$CUSTOS_PYTHON" -B tests/interop/rotation/suite.py "$folder"
