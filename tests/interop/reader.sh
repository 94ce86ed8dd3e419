#!/bin/sh
# Receipts, bundles and exports by a reader that follows docs/FORMATS.md and shares no code with the
# program, and the examples of that page. `CUSTOS_PYTHON` names a Python with tests/interop/python/requirements.txt.
set -eu
cd "$(dirname "$0")/../.."
: "${CUSTOS_PYTHON:=$PWD/target/venv/bin/python}"
"$CUSTOS_PYTHON" -B tests/interop/python/documented.py
"$CUSTOS_PYTHON" -B tests/interop/python/receipt.py
"$CUSTOS_PYTHON" -B tests/interop/python/bundle.py
"$CUSTOS_PYTHON" -B tests/interop/python/token_judge.py
"$CUSTOS_PYTHON" -B tests/interop/python/export.py
