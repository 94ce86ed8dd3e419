"""Disclosed entries and control entries, read as docs/FORMATS.md says in section 4."""

import re

from conventions import (
    LARGEST, canonical, is_hex, is_integer, members, need, parse_json, sha256, unhex,
)

ADDING = ("deposit", "derive", "move_in")
KINDS = set(
    "account_status audit bundle bundle_taken case_merge case_open case_stage case_transfer "
    "clock correct cover deposit derive enrolment_issue enrolment_use exhibit export expunge history "
    "lift_restriction list mail_address move_in order party_add password_set person_add person_create "
    "person_leave person_status policy_set read receipt record_tree refuse register request "
    "request_approve request_end restored restrict role_end serve session_end sign_in "
    "sign_in_failed sign_out timestamp timestamp_ask token_issue token_revoke transfer view view_close wall".split()
)
SUBJECTS = ("case", "item", "request", "room", "set")


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


def _is_needless(value):
    """Holds a `{"hex"}` that is not the one spelling of bytes that are not UTF-8."""
    if isinstance(value, list):
        return any(map(_is_needless, value))
    if not isinstance(value, dict):
        return False
    if set(value) != {"hex"}:
        return any(map(_is_needless, value.values()))
    text = value["hex"]
    if not isinstance(text, str) or not re.fullmatch("([0-9a-f]{2})*", text, re.A):
        return True
    try:
        bytes.fromhex(text).decode()
    except UnicodeDecodeError:
        return False
    return True


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
    **{
        kind: {
            22: is_integer, 23: _is_hash, 24: _is_hash, 27: _is_stored,
            29: lambda value: not _is_needless(value),
        }
        for kind in ADDING
    },
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
        if kind in KINDS and 20 in self.open:
            need(self.open[20]["type"] in SUBJECTS, "a subject of an unknown type")
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
