"""What receipts and bundles are made of, read as docs/FORMATS.md says, without code of
the program: JSON, disclosed entries, the custody log's proofs, signed notes, and whom a verifier trusts.
"""

import base64
import hashlib
import json
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LARGEST = (1 << 53) - 1
ADDING = ("deposit", "derive", "move_in")


class Refused(Exception):
    """Something is not of its form, or does not hold."""


def need(holds, what):
    if not holds:
        raise Refused(what)


def sha256(data):
    return hashlib.sha256(data).digest()


# Conventions


def canonical(value):
    """The JCS of a value that JSON of the formats may hold."""
    return _jcs(value, 0).encode()


def _jcs(value, above):
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int):
        need(abs(value) <= LARGEST, "a number of 2^53 or more")
        return str(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    need(above < 16, "deeper than 16")
    if isinstance(value, list):
        return "[" + ",".join(_jcs(v, above + 1) for v in value) + "]"
    names = sorted(value, key=lambda name: name.encode("utf-16-be"))
    inside = (_jcs(n, above) + ":" + _jcs(value[n], above + 1) for n in names)
    return "{" + ",".join(inside) + "}"


def parse_json(data):
    def no_fraction(text):
        raise Refused(f"`{text}` is no integer")

    try:
        value = json.loads(data.decode(), parse_float=no_fraction, parse_constant=no_fraction)
        need(canonical(value) == data, "not canonical")
    except (ValueError, RecursionError) as error:
        raise Refused("not JSON") from error
    return value


def members(value, *names):
    """The members of an object that has exactly these."""
    need(isinstance(value, dict) and set(value) == set(names), f"not an object of {names}")
    return [value[name] for name in names]


def is_integer(value, least=0):
    return type(value) is int and least <= value <= LARGEST


def is_hex(value, length):
    return isinstance(value, str) and re.fullmatch(f"[0-9a-f]{{{2 * length}}}", value, re.A)


def unhex(value, length):
    need(is_hex(value, length), f"not {length} bytes of hex")
    return bytes.fromhex(value)


def unbase64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Refused("not base64") from error
    need(base64.b64encode(data).decode() == text, "base64 with stray bits")
    return data


def base64_hash(text):
    data = unbase64(text)
    need(len(data) == 32, "not a hash")
    return data


def decimal(text):
    need(re.fullmatch("0|[1-9][0-9]*", text, re.A) and len(text) <= 16, "not a decimal")
    need(int(text) <= LARGEST, "a decimal of 2^53 or more")
    return int(text)


# 4. Custody entries


def _exactly(value, *names):
    return isinstance(value, dict) and set(value) == set(names)


def _is_hash(value):
    return is_hex(value, 32)


def _is_rows(value):
    if not _exactly(value, "facts", "rows") or value["facts"] is not None:
        return False
    rows = value["rows"]
    good = isinstance(rows, list) and all(
        _exactly(row, "hash", "id", "rev", "table")
        and isinstance(row["table"], str)
        and is_hex(row["id"], 16)
        and is_integer(row["rev"], 1)
        and _is_hash(row["hash"])
        for row in rows
    )
    order = good and [(row["table"].encode(), row["id"]) for row in rows]
    return good and all(before < after for before, after in zip(order, order[1:]))


def _is_stored(value):
    return (
        _exactly(value, "blake3", "heads", "object", "segments", "size", "suite")
        and value["suite"] == 1
        and type(value["suite"]) is int
        and is_integer(value["size"])
        and is_integer(value["segments"])
        and value["segments"] == value["size"] // 8388608 + 1
        and _is_hash(value["heads"])
        and _is_hash(value["blake3"])
        and is_hex(value["object"], 16)
    )


def _is_derivation(value):
    names = ("operator", "parameters", "reason", "sources", "tool", "version")
    if not _exactly(value, *names) or not isinstance(value["sources"], list):
        return False
    return value["sources"] != [] and all(map(_is_hash, value["sources"]))


def _is_register(value):
    names = ("last_item", "last_item_nth", "n", "recipient", "root")
    if not _exactly(value, *names) or not is_hex(value["recipient"], 16):
        return False
    n, last = value["n"], value["last_item"]
    counts = is_integer(n) and is_integer(value["last_item_nth"]) and n == value["last_item_nth"]
    return counts and _is_hash(value["root"]) and (last is None if n == 0 else _is_hash(last))


def _is_record_tree(value):
    return (
        _exactly(value, "n", "number", "root", "rule")
        and is_integer(value["n"], 1)
        and is_integer(value["number"], 1)
        and value["number"] < 1 << 32
        and isinstance(value["rule"], str)
        and _is_hash(value["root"])
    )


def _is_expunge(value):
    return _exactly(value, "adding", "item") and _is_hash(value["adding"]) and is_hex(value["item"], 16)


def _or_null(check):
    return lambda value: value is None or check(value)


def _is_string(value):
    return isinstance(value, str)


def _is_id(value):
    return is_hex(value, 16)


def _is_decision(value):
    good = _exactly(value, "decision", "policies") and _is_string(value["decision"])
    return good and isinstance(value["policies"], list) and all(map(_is_string, value["policies"]))


def _is_subject(value):
    return _exactly(value, "id", "type") and _is_id(value["id"]) and _is_string(value["type"])


def _is_purpose(value):
    return _exactly(value, "code", "text") and all(map(_is_string, value.values()))


SLOTS = {
    0: lambda value: type(value) is int and value == 1,
    1: _is_string,
    2: _is_string,
    3: lambda value: type(value) is int and abs(value) <= LARGEST,
    4: _or_null(_is_id),
    5: _is_id,
    **{slot: _or_null(lambda value: is_integer(value, 1)) for slot in (6, 8, 10)},
    **{slot: _or_null(_is_hash) for slot in (7, 9, 11, 17)},
    **{slot: _or_null(_is_id) for slot in (12, 16)},
    **{slot: _or_null(_is_string) for slot in (13, 14)},
    15: lambda value: value is None,
    18: _or_null(_is_decision),
    19: _or_null(lambda value: isinstance(value, list) and all(map(_is_hash, value))),
    20: _is_subject,
    21: _or_null(_is_purpose),
    31: _is_rows,
}
DETAILS = {
    **{kind: {22: is_integer, 23: _is_hash, 24: _is_hash, 27: _is_stored} for kind in ADDING},
    "restored": {27: _is_stored},
    "record_tree": {24: _is_record_tree},
    "expunge": {22: _is_expunge},
    "register": {22: _is_register},
}
DETAILS["derive"] = {**DETAILS["derive"], 28: _is_derivation}


class Entry:
    """A disclosed entry: the values of its open slots, and C as what is shown makes it."""

    def __init__(self, data):
        need(len(data) <= 262144, "an entry longer than its limit")
        shown = parse_json(data)
        need(isinstance(shown, list) and len(shown) == 32, "not 32 slots")
        self.open, commitments = {}, b""
        for slot, member in enumerate(shown):
            if _exactly(member, "c"):
                commitments += unhex(member["c"], 32)
                continue
            key, value = members(member, "k", "value")
            self.open[slot] = value
            head = b"custos/slot/v1\0" + bytes([slot]) + unhex(key, 32)
            commitments += sha256(head + canonical(value))
        self.c = sha256(b"custos/entry/v1\0" + commitments)
        self._check()

    def _check(self):
        need(0 in self.open and 1 in self.open, "version or origin withheld")
        kind = self.open.get(2)
        for slot, value in self.open.items():
            need(SLOTS.get(slot, lambda _: True)(value), f"slot {slot} of another type")
            need(slot not in range(22, 31) or 2 in self.open, "a detail without its kind")
            need(DETAILS.get(kind, {}).get(slot, lambda _: True)(value), f"slot {slot} of {kind}")
        for nth in (6, 8, 10):
            if nth in self.open and nth + 1 in self.open:
                number, prev = self.open[nth], self.open[nth + 1]
                need((prev is None) == (number in (None, 1)), "number and predecessor differ")

    def adds(self):
        return self.open.get(2) in ADDING


def check_control(data):
    """A control entry without its first byte; gives its members."""
    need(len(data) < 65535, "a control entry longer than its limit")
    value = parse_json(data)
    names = ("bundle_keys", "kind", "log_keys", "origin", "previous", "v")
    bundle_keys, kind, log_keys, origin, previous, version = members(value, *names)
    need(type(version) is int and version == 1, "another version")
    need(kind in ("open", "keys", "close", "succeed") and _is_string(origin), "an odd control entry")
    for keys in (bundle_keys, log_keys):
        need(isinstance(keys, list) and all(map(_is_string, keys)), "keys are strings")
    need((previous is not None) == (kind == "succeed"), "a predecessor is for `succeed`")
    if previous is not None:
        need(all(map(_is_string, members(previous, "checkpoint", "origin"))), "an odd predecessor")
    return value


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
        self.text, self.lines = note[: at + 1], []
        for line in note[at + 2 : -1].split("\n"):
            need(line.startswith("— ") and line.count(" ") == 2, "an odd signature line")
            name, value = line[2:].split(" ")
            signature = unbase64(value)
            odd = any(c.isspace() or c == "+" for c in name)
            need(name and not odd and len(signature) >= 5, "an odd signature line")
            self.lines.append((name, signature[:4], signature[4:]))
        need(1 <= len(self.lines) <= 64, "too many signatures")

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
    """A policy file; `trust.json`, which may stand beside one, is not read here."""

    def __init__(self, policy):
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
        logs = [key for key in self.logs if key.name == checkpoint.origin]
        signed = checkpoint.note.signers(logs + self.witnesses)
        need(any(key in logs for key in signed), "the log did not sign")
        return signed

    def endorsed(self, checkpoint):
        need(self.quorum[0](self.logged(checkpoint)), "too few witnesses")


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
