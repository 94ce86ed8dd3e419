"""Writes the vectors of the custody log: `python3 tests/vectors/make [--check]`.

A second implementation of the formats, in Python, made them, so that they judge the Rust
code and do not mirror it. They are frozen: `--check` compares and writes nothing, and a
difference is a change of format. Needs `cryptography` for Ed25519.
"""

import json
import pathlib
import sys

import log_checkpoint
import log_event
import log_merkle
import log_receipt
import log_tile

FILES = {
    "event.json": log_event.vectors,
    "merkle.json": log_merkle.vectors,
    "tile.json": log_tile.vectors,
    "checkpoint.json": log_checkpoint.vectors,
    "receipt.json": log_receipt.vectors,
}


def main():
    check = sys.argv[1:] == ["--check"]
    folder = pathlib.Path(__file__).resolve().parent.parent
    differ = 0
    for name, vectors in FILES.items():
        text = json.dumps(vectors(), indent=1, ensure_ascii=True) + "\n"
        file = folder / name
        if not check:
            file.write_text(text)
        elif file.read_text() != text:
            differ += 1
            print(f"{name} differs")
    print(f"{len(FILES) - differ} passed, {differ} failed")
    return 1 if differ else 0


sys.exit(main())
