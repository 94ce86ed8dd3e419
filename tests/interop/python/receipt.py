"""Checks receipts: `receipt.py POLICY RECEIPT...`, or all frozen vectors without arguments."""

import json
import sys
from pathlib import Path

from conventions import Refused
from reader import Receipt, Trust

VECTORS = Path(__file__).parents[2] / "vectors" / "receipt.json"


def verdict(receipt, policy):
    """None for a receipt that holds, else the step at which it fails."""
    try:
        read = Receipt(receipt)
    except Refused:
        return "parse"
    try:
        read.check(Trust(policy))
    except Refused:
        return "verify"
    return None


def vectors():
    cases = json.loads(VECTORS.read_text())
    wrong = []
    for case in cases["valid"] + cases["invalid"]:
        text = case["receipt"]
        found = verdict(text.encode("utf-8", "surrogateescape"), case["policy"])
        if found != case.get("step"):
            wrong.append(f"{case['name']}: {found}, not {case.get('step')}")
    return len(cases["valid"]) + len(cases["invalid"]), wrong


def main():
    if len(sys.argv) > 2:
        policy = Path(sys.argv[1]).read_text()
        found = {name: verdict(Path(name).read_bytes(), policy) for name in sys.argv[2:]}
        count, wrong = len(found), [f"{name}: {step}" for name, step in found.items() if step]
    else:
        count, wrong = vectors()
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(f"{count - len(wrong)} passed, {len(wrong)} failed")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
