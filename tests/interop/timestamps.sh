#!/usr/bin/env bash
# A room and a time authority of openssl's on this machine: what the room keeps is judged by
# `openssl ts -verify`, and so is what a bundle holds. Prints `N passed, N failed`.
set -uo pipefail
cd "$(dirname "$0")/../.."
: "${CUSTOS_PYTHON:=$PWD/target/venv/bin/python}"
export CUSTOS_PYTHON
for binary in "${CUSTOS_BIN:-target/debug/custos}" "${CUSTOS_VERIFY_BIN:-target/debug/custos-verify}"; do
  [ -x "$binary" ] || cargo build --locked --workspace --bins || exit 1
done
"$CUSTOS_PYTHON" -B tests/interop/time/suite.py
