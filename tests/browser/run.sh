#!/usr/bin/env bash
# Walks through the demo in a real browser; with --long also with a file of 4 GiB, in the
# release binaries. Prints `N passed, N failed`.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
custos=${CUSTOS_BIN:-$root/target/debug/custos}
verifier=${CUSTOS_VERIFY_BIN:-$root/target/debug/custos-verify}

browser=$(command -v chromium || command -v chromium-browser || true)
if [ -z "$browser" ]; then
  echo "chromium is missing: apt-get install chromium" >&2
  exit 1
fi
for binary in "$custos" "$verifier"; do
  [ -x "$binary" ] || (cd "$root" && cargo build --locked --workspace --bins)
done

# The packages lie outside the sources, so that nothing of them is ever committed.
packages=$root/target/browser
mkdir -p "$packages"
cp "$here/package.json" "$here/package-lock.json" "$packages/"
(cd "$packages" && npm ci --no-audit --no-fund --silent)
cp "$here"/*.mjs "$packages/"

export BROWSER_BIN=$browser CUSTOS_ROOT=$root
CUSTOS_BIN=$custos CUSTOS_VERIFY_BIN=$verifier \
  timeout 600 node "$packages/walk.mjs" "$packages/shots"
if [ "${1-}" = --long ]; then
  (cd "$root" && cargo build --release --locked -p custos -p custos-verify --bins)
  release=$root/target/release
  : "${CUSTOS_PYTHON:=$root/target/venv/bin/python}"
  export CUSTOS_PYTHON
  CUSTOS_BIN=$release/custos CUSTOS_VERIFY_BIN=$release/custos-verify \
    timeout 3600 node "$packages/large.mjs"
fi
