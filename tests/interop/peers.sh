#!/bin/sh
# A published log judged by the programs that others check their own logs with: Tessera's fsck and
# client, torchwood's tile client. Needs Go. Prints `N passed, N failed`.
set -eu
cd "$(dirname "$0")/../.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
go -C tests/interop/peers build -o "$folder/peers" .
cargo run --quiet --locked -p custos-core --example write_log -- \
    "$folder/log" 1 2 255 256 257 1000 70000
timeout 300 "$folder/peers" "$folder/log" "$folder/scratch" 2>"$folder/said" || {
  code=$?
  tail -20 "$folder/said" >&2
  exit $code
}
