#!/bin/sh
# The custody log judged by the Go checksum database's packages: the frozen vectors, and a
# log published here, at sizes around every edge of a tile. Needs Go.
set -eu
cd "$(dirname "$0")/../.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
go -C tests/interop/go build -o "$folder/interop" .
"$folder/interop" vectors tests/vectors
cargo run --quiet --locked -p custos-core --example write_log -- \
    "$folder/log" 1 2 255 256 257 1000 70000
"$folder/interop" log "$folder/log" 254 255 256 257 65535 65536
