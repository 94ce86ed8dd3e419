#!/bin/sh
# Sections 1 to 3 of the formats by Python: the frozen vectors, and a thousand messages both
# ways. `CUSTOS_PYTHON` names a Python with tests/interop/python/requirements.txt.
set -eu
cd "$(dirname "$0")/../.."
: "${CUSTOS_PYTHON:=$PWD/target/venv/bin/python}"
export CUSTOS_PYTHON
"$CUSTOS_PYTHON" -B tests/interop/python/seal.py check
cargo test --locked -p custos-core --test interop_python -- --ignored
