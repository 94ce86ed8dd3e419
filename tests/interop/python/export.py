"""Verifies exports of the custody log: `export.py POLICY EXPORT [RECEIPT...]`, or all frozen
vectors without arguments. It follows docs/FORMATS.md, and gives the step at which one fails.
"""

import json
import sys
from pathlib import Path

from bundle import Bundle
from conventions import (
    LARGEST, Refused, canonical, is_hex, is_integer, members, need, parse_json, sha256, unhex,
)
from entry import ADDING, Entry
from reader import Checkpoint, Receipt, Trust, check_inclusion, log_leaf, trusted

VECTORS = Path(__file__).parents[2] / "vectors" / "export"
LONGEST = 262144 + 63 * 67 + 256
MOST = 200_000
DETAIL = range(22, 31)
FIELDS = {
    "actor": [12], "approvals": [19], "authentication": [14, 15], "authority": [16], "case": [4],
    "description": [29], "detail": DETAIL, "fingerprints": [22, 23, 26, 27],
    "kind": [2, *DETAIL], "numbers": range(6, 12), "policy": [17, 18], "provenance": [30],
    "purpose": [21], "role": [13], "scope": [5], "subject": [20], "time": [3],
}


def is_time(value):
    return type(value) is int and abs(value) <= LARGEST


def check_asked(value):
    case, begin, item, person, end = members(value, "case", "from", "item", "person", "to")
    need(all(v is None or is_hex(v, 16) for v in (case, item, person)), "an odd id")
    need(all(v is None or is_time(v) for v in (begin, end)), "an odd time")
    need(any(v is not None for v in (case, begin, item, person, end)), "nothing asked for")
    need(item is None or case is None, "an item and a case")
    need(begin is None or end is None or begin < end, "a span without a moment")


def check_fields(value):
    need(isinstance(value, list) and all(v in FIELDS for v in value), "unknown fields")
    need(value == sorted(set(value)), "fields out of order")


def check_made(value):
    """Slot 22 of kind `export`."""
    asked, entries, n, withheld = members(value, "asked", "entries", "n", "withheld")
    check_asked(asked)
    check_fields(withheld)
    need(is_integer(n) and n <= MOST and is_hex(entries, 32), "an odd list")


def withheld_slots(fields, entry, own):
    """The slots that must be withheld of an entry."""
    kind, slots = entry.open.get(2), set()
    for field in fields:
        if field != "fingerprints" or kind in (*ADDING, "restored"):
            slots.update(FIELDS[field])
    return slots - {2, 22} if own else slots


class Export:
    """One export; each method named as a step raises `Refused` where it fails."""

    links = Bundle.links

    def __init__(self, data, trust, held):
        self.data, self.trust, self.receipts = data, trust, held

    def verify(self):
        """None, or the step that fails."""
        for step in (
            "export", "checkpoint", "witness", "entry", "inclusion", "chain", "asked", "held",
        ):
            try:
                getattr(self, step)()
            except Refused:
                return step
        return None

    def export(self):
        need(self.data.endswith(b"\n"), "cut")
        head, *lines = self.data[:-1].split(b"\n")
        need(all(len(line) <= LONGEST for line in (head, *lines)), "a line longer than its limit")
        names = ("asked", "checkpoint", "format", "n", "origin", "v", "withheld")
        asked, note, form, n, origin, v, fields = members(parse_json(head), *names)
        need(form == "custos/export" and type(v) is int and v == 1, "another version")
        check_asked(asked)
        check_fields(fields)
        need(is_integer(n) and n <= MOST and len(lines) == n + 1, "another count")
        need(isinstance(note, str) and isinstance(origin, str), "an odd header")
        self.head = Checkpoint(note.encode())
        need(self.head.origin == origin, "of another log")
        self.asked_for, self.fields, self.n, self.origin = asked, fields, n, origin
        self.lines, before = [], -1
        for line in lines:
            entry, index, proof = members(parse_json(line), "entry", "index", "proof")
            need(is_integer(index) and before < index < LARGEST, "indices that do not rise")
            need(isinstance(proof, list) and len(proof) <= 63, "an odd proof")
            self.lines.append((index, entry, [unhex(value, 32) for value in proof]))
            before = index

    def checkpoint(self):
        keys = [key for key in self.trust.logs if key.name == self.origin]
        need(keys and self.head.note.signers(keys), "not signed by a known key of the log")

    def witness(self):
        self.trust.endorsed(self.head)

    def entry(self):
        self.entries, self.own = {}, None
        for index, shown, _ in self.lines:
            entry = Entry(canonical(shown))
            own = len(self.entries) == self.n
            need(entry.open[1] == self.origin and 31 not in entry.open, "of another log, or rows")
            need(0 < index < self.head.size, "an index")
            need(not withheld_slots(self.fields, entry, own) & set(entry.open), "what is withheld")
            if entry.open.get(2) == "export" and 22 in entry.open:
                check_made(entry.open[22])
            self.entries[index] = entry
        self.by_c = {entry.c: index for index, entry in self.entries.items()}
        need(len(self.by_c) == len(self.entries), "an entry stands twice")

    def inclusion(self):
        for index, _, proof in self.lines:
            leaf = log_leaf(b"\1" + self.entries[index].c)
            check_inclusion(proof, self.head.size, self.head.root, index, leaf)

    def chain(self):
        last = -LARGEST - 1
        for entry in self.entries.values():
            need(entry.open.get(3, last) >= last, "time falls")
            last = entry.open.get(3, last)
        for nth in (6, 8, 10):
            self.links(nth)

    def asked(self):
        *entries, (_, own) = self.entries.items()
        wanted, listed = self.asked_for, b"custos/export/v1\0"
        for index, entry in entries:
            shown = entry.open
            for slot, name in ((4, "case"), (12, "person")):
                need(wanted[name] is None or shown.get(slot, wanted[name]) == wanted[name], name)
            item = {"id": wanted["item"], "type": "item"}
            need(wanted["item"] is None or shown.get(20, item) == item, "another item")
            if 3 in shown:
                need(wanted["from"] is None or wanted["from"] <= shown[3], "too early")
                need(wanted["to"] is None or shown[3] < wanted["to"], "too late")
            listed += index.to_bytes(8, "big") + entry.c
        made = {"asked": wanted, "entries": sha256(listed).hex(), "n": self.n,
                "withheld": self.fields}
        need(own.open.get(2) == "export" and own.open.get(22) == made, "another list")

    def held(self):
        for receipt in self.receipts:
            head, index = receipt.proof.checkpoint, receipt.proof.index
            need(head.origin == self.origin and index in self.entries, "of another log or entry")
            need(self.entries[index].c == receipt.entry.c, "of another entry")
            receipt.check(self.trust, newest=False)
            need(head.size <= self.head.size, "newer than the export")
            need(head.size != self.head.size or head.root == self.head.root, "two histories")


def vectors():
    index = json.loads((VECTORS / "index.json").read_text())
    policy, wrong = (VECTORS / index["policy"]).read_text(), []
    for case in index["cases"]:
        held = [Receipt((VECTORS / name).read_bytes()) for name in case["held"]]
        found = Export((VECTORS / case["file"]).read_bytes(), Trust(policy), held).verify()
        if found != case["step"]:
            wrong.append(f"{case['file']}: {found}, not {case['step']}")
    return len(index["cases"]), wrong


def main():
    if len(sys.argv) > 2:
        policy, export, *held = map(Path, sys.argv[1:])
        receipts = [Receipt(path.read_bytes()) for path in held]
        step = Export(export.read_bytes(), trusted(policy), receipts).verify()
        count, wrong = 1, [f"{export}: {step}"] if step else []
    else:
        count, wrong = vectors()
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(f"{count - len(wrong)} passed, {len(wrong)} failed")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
