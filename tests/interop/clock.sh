#!/usr/bin/env bash
# A room under a clock that jumps, forwards and backwards, beside a time authority whose clock goes
# right. The room's log of itself, its entries and its receipts are looked at. Prints
# `N passed, N failed`.
set -uo pipefail
cd "$(dirname "$0")/../.."
: "${CUSTOS_PYTHON:=$PWD/target/venv/bin/python}"
export CUSTOS_PYTHON
for binary in "${CUSTOS_BIN:-target/debug/custos}" "${CUSTOS_VERIFY_BIN:-target/debug/custos-verify}"; do
  [ -x "$binary" ] || cargo build --locked --workspace --bins || exit 1
done
"$CUSTOS_PYTHON" -B tests/interop/clock/suite.py
