#!/usr/bin/env bash
# Walks through the demo in a real browser. Prints `N passed, N failed`.
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

CUSTOS_BIN=$custos CUSTOS_VERIFY_BIN=$verifier BROWSER_BIN=$browser \
  timeout 600 node "$packages/walk.mjs" "$packages/shots"
