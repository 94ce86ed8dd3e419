"""receipt.json: one entry at index 200 of a log of 300."""

import copy

import log_event
from log_reference import (
    LOG, ORIGIN, SECONDS, STRANGER, WITNESSES, Tree, b64, checkpoint_text, commitments, disclose,
    entry_commitment, jcs, leaf_hash, note, stray_bits, tlog_proof,
)

INDEX, SIZE = 200, 300
LINK, BODY = log_event.LINK, log_event.BODY
OPEN = [n for n in range(31) if not (6 <= n <= 11 or 17 <= n <= 19)]
LEAST = [0, 1, 2, 3, 5, 20]
POLICY = f"log {LOG.vkey}\nquorum none\n"
WITNESSED = f"log {LOG.vkey}\nwitness w {WITNESSES[0].vkey}\nquorum w\n"


class Logged:
    """A log that holds one given entry among others."""

    def __init__(self, values, index=INDEX, size=SIZE):
        self.values, self.index, self.size = values, index, size
        self.commitment = entry_commitment(commitments(values, LINK, BODY))
        leaves = [leaf_hash(n.to_bytes(8, "big")) for n in range(size)]
        leaves[index] = leaf_hash(b"\x01" + self.commitment)
        self.hashes = Tree(leaves).inclusion(index, size)
        self.text = checkpoint_text(size, Tree(leaves).root(0, size))

    def extra(self, opened=OPEN):
        return jcs(disclose(self.values, LINK, BODY, opened)).encode()

    def note(self, *keys):
        return note(self.text, *(key.sign(self.text, SECONDS) for key in keys or [LOG]))

    def receipt(self, **changed):
        parts = {"index": self.index, "hashes": self.hashes, "checkpoint": self.note(),
                 "extra": self.extra()}
        return tlog_proof(**(parts | changed))


def invalid(logged, good):
    hashes, extra, note = logged.hashes, logged.extra(), logged.note()
    receipt = logged.receipt
    foreign = copy.deepcopy(logged.values)
    foreign[1] = "other.example/log"
    foreign = Logged(foreign)
    changed = copy.deepcopy(logged.values)
    changed[22] = 9_000_001
    changed[27]["size"] = 9_000_001
    rewritten = Logged(changed).extra()
    first = b64(hashes[0])
    form = {
        "version-2": (good.replace("@v1", "@v2"), "Proof(Version)"), "empty": ("", "Proof(Version)"),
        "line-before": ("\n" + good, "Proof(Version)"), "crlf": (good.replace("\n", "\r\n"), "Proof(Version)"),
        "extra-missing": (receipt(extra=None), "NoEntry"),
        "extra-empty": (receipt(extra=b""), "Proof(Extra)"),
        "extra-twice": (good.replace("index ", f"extra {b64(extra)}\nindex "), "Proof(Index)"),
        "extra-behind-index": (good.replace(f"extra {b64(extra)}\n", "").replace(
            "index 200\n", f"index 200\nextra {b64(extra)}\n"), "Proof(Hash)"),
        "extra-not-base64": (good.replace("extra ", "extra !"), "Proof(Extra)"),
        "extra-stray-bits": (receipt(extra=None).replace(
            "index ", f"extra {stray_bits(b64(extra + b' ' * (1 + (-len(extra)) % 3)))}\nindex "), "Proof(Extra)"),
        "extra-not-canonical": (receipt(extra=extra + b" "), "Entry(Json(NotCanonical))"),
        "extra-not-an-entry": (receipt(extra=b"[]"), "Entry(Slots)"),
        "index-0200": (good.replace("index 200", "index 0200"), "Proof(Index)"),
        "index-with-sign": (good.replace("index 200", "index +200"), "Proof(Index)"),
        "index-2-to-the-64": (good.replace("index 200", f"index {2**64}"), "Proof(Index)"),
        "index-missing": (good.replace("index 200\n", ""), "Proof(Index)"),
        "index-upper-case": (good.replace("index 200", "Index 200"), "Proof(Index)"),
        "index-equals-size": (receipt(index=SIZE), "Proof(OutOfTree)"),
        "proof-of-64-hashes": (receipt(hashes=[hashes[0]] * 64), "Proof(Hash)"),
        "hash-stray-bits": (good.replace(first, stray_bits(first)), "Proof(Hash)"),
        "hash-31-bytes": (good.replace(first, b64(hashes[0][:31])), "Proof(Hash)"),
        "hash-hexadecimal": (good.replace(first, hashes[0].hex()), "Proof(Hash)"),
        "space-behind-a-hash": (good.replace(first, first + " "), "Proof(Hash)"),
        "no-blank-line": (good.replace("\n\n" + ORIGIN, "\n" + ORIGIN), "Proof(Hash)"),
        "two-blank-lines": (good.replace("\n\n" + ORIGIN, "\n\n\n" + ORIGIN), "Proof(Checkpoint(Lines))"),
        "no-checkpoint": (receipt(checkpoint=""), "Proof(Checkpoint(Note(Form)))"),
        "checkpoint-unsigned": (receipt(checkpoint=logged.text), "Proof(Checkpoint(Note(Form)))"),
        "checkpoint-size-0300": (good.replace(f"\n{SIZE}\n", f"\n0{SIZE}\n"), "Proof(Checkpoint(Size))"),
        "text-behind": (good + "x\n", "Proof(Checkpoint(Note(Line)))"),
        "rows-open": (receipt(extra=logged.extra(range(32))), "RowsOpen"),
        "kind-withheld": (receipt(extra=logged.extra([0, 1, 3, 5, 20])), "Withheld(2)"),
        "time-withheld": (receipt(extra=logged.extra([0, 1, 2, 5, 20])), "Withheld(3)"),
        "scope-withheld": (receipt(extra=logged.extra([0, 1, 2, 3, 20])), "Withheld(5)"),
        "subject-withheld": (receipt(extra=logged.extra([0, 1, 2, 3, 5])), "Withheld(20)"),
        "origin-of-another-log": (foreign.receipt(), "Origin"),
    }
    proof = {
        "value-changed": (receipt(extra=rewritten), "Inclusion(Proof)"),
        "commitment-changed": (receipt(extra=extra.replace(b'{"c":"', b'{"c":"00', 1).replace(
            extra.split(b'{"c":"')[1][:64], extra.split(b'{"c":"')[1][:62], 1)), "Inclusion(Proof)"),
        "other-index": (receipt(index=INDEX + 1), "Inclusion(Proof)"),
        "hash-missing": (receipt(hashes=hashes[:-1]), "Inclusion(Proof)"),
        "hash-too-many": (receipt(hashes=hashes + hashes[:1]), "Inclusion(Proof)"),
        "hashes-swapped": (receipt(hashes=[hashes[1], hashes[0], *hashes[2:]]), "Inclusion(Proof)"),
        "checkpoint-of-another-tree": (receipt(checkpoint=Logged(changed).note()), "Inclusion(Proof)"),
        "signed-by-a-stranger": (receipt(checkpoint=logged.note(STRANGER)), "Trust(Log)"),
        "signature-of-another-checkpoint": (
            receipt(checkpoint=note.split("\n\n")[0] + "\n\n" + LOG.sign(foreign.text)), "Trust(Signature)"),
    }
    cases = [("parse", form), ("verify", proof)]
    return [
        {"name": name, "step": step, "receipt": text, "policy": POLICY, "error": error}
        for step, all_of_step in cases for name, (text, error) in all_of_step.items()
    ]


def vectors():
    logged = Logged(log_event.deposit())
    alone = Logged(log_event.entries()["view"], 0, 1)
    good = logged.receipt()
    witnessed = logged.receipt(checkpoint=logged.note(LOG, WITNESSES[0]))

    def valid(name, receipt, logged, policy=POLICY):
        return {"name": name, "receipt": receipt, "policy": policy, "origin": ORIGIN,
                "index": str(logged.index), "size": str(logged.size), "kind": logged.values[2],
                "commitment": logged.commitment.hex()}

    return {
        "valid": [
            valid("deposit", good, logged),
            valid("counting-the-scope", logged.receipt(extra=logged.extra(range(31))), logged),
            valid("least-open", logged.receipt(extra=logged.extra(LEAST)), logged),
            valid("only-leaf", alone.receipt(), alone),
            valid("witnessed", witnessed, logged, WITNESSED),
        ],
        "invalid": [
            *invalid(logged, good),
            {"name": "witness-missing", "step": "verify", "receipt": good, "policy": WITNESSED,
             "error": "Trust(Quorum)"},
        ],
    }
