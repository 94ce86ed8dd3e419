#!/usr/bin/env bash
# Witnesses, judged by others: a foreign log at our witness, and foreign witnesses of our room, by
# github.com/transparency-dev/witness and filippo.io/torchwood's litewitness. Prints
# `N passed, N failed`.
set -uo pipefail
cd "$(dirname "$0")/../.."
: "${CUSTOS_PYTHON:=$PWD/target/venv/bin/python}"
export CUSTOS_PYTHON
for binary in "${CUSTOS_BIN:-target/debug/custos}" "${CUSTOS_VERIFY_BIN:-target/debug/custos-verify}"; do
  [ -x "$binary" ] || cargo build --locked --workspace --bins || exit 1
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
go -C tests/interop/witness build -o "$folder/" . filippo.io/torchwood/cmd/litewitness || exit 1
"$CUSTOS_PYTHON" -B tests/interop/witness/suite.py "$folder"
