"""What receipts and bundles are made of, read as docs/FORMATS.md says, without code of
the program: the custody log's proofs, signed notes, and whom a verifier trusts.
"""

import json
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from conventions import Refused, base64_hash, decimal, members, need, sha256, unbase64
from entry import Entry

# 5. The log


def log_leaf(data):
    return sha256(b"\0" + data)


def log_node(left, right):
    return sha256(b"\1" + left + right)


def check_inclusion(hashes, size, root, index, leaf):
    """RFC 6962 section 2.1.1, as RFC 9162 section 2.1.3.2 spells it out."""
    need(index < size, "the index is not in the tree")
    at, last, found = index, size - 1, leaf
    for value in hashes:
        need(last > 0, "too many hashes")
        if at & 1 or at == last:
            found = log_node(value, found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = log_node(found, value)
        at, last = at >> 1, last >> 1
    need(last == 0 and found == root, "the entry is not in the log")


def check_consistency(hashes, old, old_root, new, new_root):
    """RFC 6962 section 2.1.2, as RFC 9162 section 2.1.4.2 spells it out."""
    if old == new:
        need(not hashes and old_root == new_root, "two trees of one size")
        return
    need(0 < old < new and hashes, "no proof")
    path = list(hashes) if old & (old - 1) else [old_root, *hashes]
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = path[0]
    for value in path[1:]:
        need(last > 0, "too many hashes")
        if at & 1 or at == last:
            before, after = log_node(value, before), log_node(value, after)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            after = log_node(after, value)
        at, last = at >> 1, last >> 1
    need(last == 0 and before == old_root and after == new_root, "two histories")


class Key:
    """A vkey."""

    def __init__(self, vkey):
        parts = vkey.split("+", 2)
        need(len(parts) == 3, "not a vkey")
        self.name, identity, typed = parts[0], parts[1], unbase64(parts[2])
        check_name(self.name)
        self.type, self.key = typed[:1], typed[1:]
        length = {b"\1": 32, b"\4": 32, b"\6": 1312}.get(self.type)
        need(length == len(self.key), "a key of an odd type or length")
        self.id = sha256(self.name.encode() + b"\n" + typed)[:4]
        need(identity == self.id.hex(), "not the key's id")

    def verifies(self, text, signature):
        if self.type == b"\4":
            seconds, signature = signature[:8], signature[8:]
            if len(seconds) < 8 or seconds[0] > 127:
                return False
            text = f"cosignature/v1\ntime {int.from_bytes(seconds, 'big')}\n{text}"
        elif self.type != b"\1":
            return False
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


def check_name(name):
    odd = any(c.isspace() or c == "+" or ord(c) < 32 or 127 <= ord(c) < 160 for c in name)
    need(name and not odd and len(name.encode()) <= 255, "not a name")


class Note:
    """A signed note."""

    def __init__(self, data, limit):
        need(len(data) <= limit, "a note longer than its limit")
        try:
            note = data.decode()
        except ValueError as error:
            raise Refused("not UTF-8") from error
        need(all(c >= " " or c == "\n" for c in note), "a control character")
        at = note.rfind("\n\n")
        need(at >= 0 and note.endswith("\n"), "no text and signatures")
        self.note, self.text, self.lines = note, note[: at + 1], []
        for line in note[at + 2 : -1].split("\n"):
            need(line.startswith("— ") and line.count(" ") == 2, "an odd signature line")
            name, value = line[2:].split(" ")
            signature = unbase64(value)
            odd = any(c.isspace() or c == "+" for c in name)
            need(name and not odd and len(signature) >= 5, "an odd signature line")
            self.lines.append((name, signature[:4], signature[4:]))
        need(1 <= len(self.lines) <= 64, "too many signatures")

    def line_of(self, key):
        """The first line by this key, which stands there."""
        lines = self.data_lines()
        return next(line for line in lines if line.split(" ")[1] == key.name
                    and unbase64(line.split(" ")[2])[:4] == key.id)

    def data_lines(self):
        return self.note[len(self.text) + 1 : -1].split("\n")

    def signers(self, keys):
        """The known keys that signed; all that stand there must."""
        seen, signed = set(), []
        for name, identity, signature in self.lines:
            key = next((k for k in keys if (k.name, k.id) == (name, identity)), None)
            if key is None or (name, identity) in seen:
                continue
            seen.add((name, identity))
            need(key.verifies(self.text, signature), "a known key's line is not its signature")
            signed.append(key)
        return signed


class Checkpoint:
    def __init__(self, data):
        self.data, self.note = data, Note(data, 65536)
        lines = self.note.text.split("\n")
        need(len(lines) == 4, "not three lines")
        self.origin, self.size, self.root = lines[0], decimal(lines[1]), base64_hash(lines[2])
        check_name(self.origin)
        need(self.size > 0, "a tree of no entries")


class Trust:
    """A policy file; of a `trust.json` beside it, the sizes that keys of logs sign."""

    def __init__(self, policy, trust=None):
        self.logs, self.witnesses = [], []
        self.names, self.quorum, grouped = {}, [], set()
        need(policy.endswith("\n") or not policy, "the last line is not ended")
        for line in policy.split("\n"):
            need(not any((c < " " and c != "\t") or c == "\x7f" for c in line), "control character")
            items = [item for item in re.split("[ \t]", line) if item]
            if not items or items[0].startswith("#"):
                continue
            self._line(items, grouped)
        need(len(self.quorum) == 1, "not one quorum")
        self.sizes = self._sizes(trust) if trust is not None else {}

    def _sizes(self, trust):
        names = ("bundle_keys", "log_keys", "time_authorities", "v")
        _, rows, _, version = members(json.loads(trust), *names)
        need(version == 1, "another version")
        sizes = {}
        for row in rows:
            first, to, vkey = members(row, "from", "to", "vkey")
            key = Key(vkey)
            known = [log for log in self.logs if (log.name, log.key) == (key.name, key.key)]
            need(len(known) == 1 and known[0] not in sizes, "not a key of the policy, or twice")
            need(first >= 1 and (to is None or first <= to), "odd sizes")
            sizes[known[0]] = (first, to)
        return sizes

    def valid(self, key, size):
        """Whether a key of a log signs trees of this size."""
        first, to = self.sizes.get(key, (1, None))
        return first <= size and (to is None or size <= to)

    def _line(self, items, grouped):
        word, count = items[0], len(items)
        if word == "log" and count in (2, 3):
            self._add(self.logs, Key(items[1]), b"\1")
        elif word == "witness" and count in (3, 4):
            key = Key(items[2])
            self._add(self.witnesses, key, b"\4")
            self._define(items[1], lambda signed: key in signed)
        elif word == "group" and count > 3:
            names = items[3:]
            for name in names:
                need(name in self.names and name not in grouped, "not a member")
                grouped.add(name)
            k = {"all": len(names), "any": 1}.get(items[2]) or decimal(items[2])
            need(1 <= k <= len(names), "an odd threshold")
            rules = [self.names[name] for name in names]
            self._define(items[1], lambda signed: sum(rule(signed) for rule in rules) >= k)
        elif word == "quorum" and count == 2:
            need(items[1] == "none" or items[1] in self.names, "no such quorum")
            self.quorum.append(self.names.get(items[1], lambda signed: True))
        else:
            raise Refused("an unknown line")

    @staticmethod
    def _add(keys, key, kind):
        need(key.type == kind and all(key.key != other.key for other in keys), "an odd key")
        keys.append(key)

    def _define(self, name, rule):
        need(name not in self.names and name != "none", "a name that is taken")
        self.names[name] = rule

    def logged(self, checkpoint):
        """The known keys that signed, the log's among them."""
        named = (key for key in self.logs if key.name == checkpoint.origin)
        logs = [key for key in named if self.valid(key, checkpoint.size)]
        signed = checkpoint.note.signers(logs + self.witnesses)
        need(any(key in logs for key in signed), "the log did not sign")
        return signed

    def endorsed(self, checkpoint):
        need(self.quorum[0](self.logged(checkpoint)), "too few witnesses")


def trusted(policy):
    """What a policy file and the `trust.json` beside it say."""
    beside = policy.with_name("trust.json")
    return Trust(policy.read_text(), beside.read_bytes() if beside.exists() else None)


# 6. Proofs and receipts


class Proof:
    """A tlog-proof."""

    def __init__(self, data):
        try:
            head, _, note = data.decode().partition("\n\n")
        except ValueError as error:
            raise Refused("not UTF-8") from error
        lines = head.split("\n")
        need(lines.pop(0) == "c2sp.org/tlog-proof@v1" and note, "not a tlog-proof")
        self.extra = None
        if lines and lines[0].startswith("extra"):
            need(lines[0].startswith("extra "), "an odd extra line")
            self.extra = unbase64(lines.pop(0)[6:])
        need(lines and lines[0].startswith("index "), "no index")
        self.index = decimal(lines.pop(0)[6:])
        need(len(lines) <= 63, "too many hashes")
        self.hashes = [base64_hash(line) for line in lines]
        self.checkpoint = Checkpoint(note.encode())
        need(self.index < self.checkpoint.size, "the index is not in the tree")

    def check(self, leaf_data):
        head = self.checkpoint
        check_inclusion(self.hashes, head.size, head.root, self.index, log_leaf(leaf_data))


class Receipt:
    """A receipt of its form; `check` says whether it holds."""

    def __init__(self, data):
        self.proof = Proof(data)
        need(self.proof.extra is not None, "no entry")
        self.entry = Entry(self.proof.extra)
        need(all(slot in self.entry.open for slot in (0, 1, 2, 3, 5, 20)), "a slot is withheld")
        need(31 not in self.entry.open, "slot 31 is open")
        need(self.entry.open[1] == self.proof.checkpoint.origin, "of another log")

    def check(self, trust, newest=True):
        self.proof.check(b"\1" + self.entry.c)
        (trust.endorsed if newest else trust.logged)(self.proof.checkpoint)
