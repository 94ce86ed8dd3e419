"""event.json: entries, disclosed entries, control entries."""

import copy

from log_reference import (
    LOG, ORIGIN, OTHER_LOG, commitments, disclose, entry_commitment, jcs, slot_key,
)

LINK, BODY = bytes(range(32)), bytes(range(32, 64))


def identity(byte):
    return f"{byte:02x}" * 16


def digest(byte):
    return f"{byte:02x}" * 32


def base(kind, **slots):
    values = [None] * 32
    values[0:6] = [1, ORIGIN, kind, 1_790_000_000_123_456, identity(0xCA), identity(0x5C)]
    values[20] = {"type": "item", "id": identity(0x17)}
    values[31] = {"facts": None, "rows": []}
    for slot, value in slots.items():
        values[int(slot[1:])] = value
    return values


def deposit():
    stored = {"object": identity(0x0B), "suite": 1, "segments": 2, "size": 9_000_000,
              "heads": digest(0x4E), "blake3": digest(0xB3)}
    rows = [{"table": "items", "id": identity(0x17), "rev": 1, "hash": digest(0x33)},
            {"table": "roles", "id": identity(0x01), "rev": 4, "hash": digest(0x44)}]
    return base(
        "deposit", s6=7, s7=digest(0x07), s8=1, s10=1, s12=identity(0xAC), s13="investigator",
        s14="passkey", s17=digest(0x99), s18={"decision": "allow", "policies": ["deposit", "wall"]},
        s19=[], s21={"code": "deposit", "text": "Zeugin K-7 \u2013 \"Aussage\" \U0001f3a5\n\u0007/\\"},
        s22=9_000_000, s23=digest(0x23), s24=digest(0x24), s25="video/mp4", s26={"md5": "d4" * 16},
        s27=stored, s29="JS/1", s30={"where": "Kyiv", "\ufb33": 1, "\U0001f600": 2},
        s31={"facts": None, "rows": rows},
    )


def entries():
    derivation = {"sources": [digest(0xD0)], "tool": "redact", "version": "1", "parameters": None,
                  "operator": None, "reason": None}
    register = {"recipient": identity(0xDE), "n": 0, "root": digest(0xE3), "last_item_nth": 0,
                "last_item": None}
    return {
        "deposit": deposit(),
        "view": base("view", s6=2, s7=digest(0x22), s10=1, s12=identity(0xAC)),
        "derive": base("derive", s8=2, s9=digest(0x98), s22=0, s23=digest(1), s24=digest(2),
                       s27={"object": identity(1), "suite": 1, "segments": 1, "size": 0,
                            "heads": digest(3), "blake3": digest(4)}, s28=derivation),
        "record-tree": base("record_tree", s24={"number": 1, "rule": "lines", "n": 3, "root": digest(5)}),
        "register": base("register", s22=register),
        "expunge": base("expunge", s16=identity(0x0D), s22={"item": identity(0x17), "adding": digest(6)}),
        "before-1970": base("view", s3=-1),
        "unknown-kind": base("teleport", s22="of any type", s24=[1, {"a": None}]),
    }


def vector(name, values):
    slots = commitments(values, LINK, BODY)
    commitment = entry_commitment(slots)
    return {
        "name": name,
        "link_opening": LINK.hex(),
        "body_opening": BODY.hex(),
        "values": values,
        "slot_keys": [slot_key(LINK, BODY, slot).hex() for slot in range(32)],
        "slot_commitments": [c.hex() for c in slots],
        "commitment": commitment.hex(),
        "leaf_data": (b"\x01" + commitment).hex(),
    }


def disclosed(values, opened=range(32)):
    return disclose(values, LINK, BODY, opened)


def text(members):
    return jcs(members)


def with_value(slot, value, kind=None):
    """A whole, open entry with one value changed and committed to."""
    values = deposit() if kind is None else copy.deepcopy(entries()[kind])
    values[slot] = value
    return text(disclosed(values))


def odd_entries():
    """What a reader takes, though it looks odd."""
    named = deposit()
    named[29] = {"reference": "", "description": "", "file_name": {"hex": "ff2e6d7034"}}
    other = base("teleport", s29={"hex": "612e747874"})
    other[20] = {"type": "verdict", "id": identity(1)}
    return {"file-name-not-utf-8": named, "unknown-kind-of-unknown-subject-type": other}


def invalid_values():
    """Wrong types, one slot each; every other byte is right."""
    row = {"table": "items", "id": identity(2), "rev": 1, "hash": digest(1)}
    rows = lambda *rows, facts=None: {"facts": facts, "rows": list(rows)}
    stored = deposit()[27]
    register = entries()["register"][22]
    tree = entries()["record-tree"][24]
    name = lambda text: {"reference": "", "description": "", "file_name": {"hex": text}}
    return {
        "version-2": with_value(0, 2), "version-as-string": with_value(0, "1"),
        "time-as-string": with_value(3, "1"), "case-upper-case-hex": with_value(4, "CA" * 16),
        "scope-null": with_value(5, None), "scope-too-short": with_value(5, "5c" * 15),
        "nth-zero": with_value(6, 0), "nth-without-prev": with_value(7, None),
        "first-with-prev": with_value(6, 1), "prev-without-nth": with_value(6, None),
        "item-chain-first-with-prev": with_value(9, digest(9)),
        "signature-in-v1": with_value(15, "x"), "authority-not-an-id": with_value(16, "order 7"),
        "decision-with-spare-member": with_value(18, {"decision": "allow", "policies": [], "x": 1}),
        "approval-not-a-hash": with_value(19, ["x"]), "subject-null": with_value(20, None),
        "subject-without-type": with_value(20, {"id": identity(1)}),
        "subject-of-unknown-type": with_value(20, {"type": "verdict", "id": identity(1)}),
        "purpose-without-text": with_value(21, {"code": "x"}), "size-negative": with_value(22, -1),
        "sha256-upper-case": with_value(23, "AB" * 32), "root-missing": with_value(24, None),
        "segments-do-not-fit-size": with_value(27, stored | {"segments": 1}),
        "suite-2": with_value(27, stored | {"suite": 2}),
        "stored-with-spare-member": with_value(27, stored | {"x": None}),
        "file-name-hex-of-utf-8": with_value(29, name("612e747874")),
        "file-name-hex-upper-case": with_value(29, name("FF2E6D7034")),
        "file-name-hex-not-hex": with_value(29, name("f")),
        "file-name-hex-as-number": with_value(29, name(7)),
        "rows-descending": with_value(31, rows(row, row | {"id": identity(1)})),
        "row-twice": with_value(31, rows(row, row)),
        "row-rev-zero": with_value(31, rows(row | {"rev": 0})),
        "facts-in-v1": with_value(31, rows(facts=digest(1))),
        "derivation-without-source": with_value(28, entries()["derive"][28] | {"sources": []}, "derive"),
        "record-tree-without-records": with_value(24, tree | {"n": 0}, "record-tree"),
        "record-tree-number-zero": with_value(24, tree | {"number": 0}, "record-tree"),
        "register-n-is-not-last-nth": with_value(22, register | {"n": 1}, "register"),
        "register-empty-with-last-item": with_value(22, register | {"last_item": digest(1)}, "register"),
        "expunge-without-item": with_value(22, {"adding": digest(1)}, "expunge"),
    }


def invalid_texts():
    """Wrong bytes."""
    members = disclosed(deposit(), [0, 1, 2, 3, 5, 20])
    good = text(members)

    def changed(slot, member):
        return text([member if n == slot else m for n, m in enumerate(members)])

    withheld, opened = members[4]["c"], members[3]
    deep = "x"
    for _ in range(17):
        deep = [deep]
    deepest = disclosed(base("teleport", s22=deep), [0, 1, 2, 22])
    return {
        "31-slots": text(members[:31]), "33-slots": text(members + [members[31]]),
        "no-slots": "[]", "object": "{}", "empty": "", "not-json": good[:-1],
        "both-key-and-commitment": changed(3, opened | {"c": withheld}),
        "key-without-value": changed(3, {"k": opened["k"]}), "value-without-key": changed(3, {"value": 1}),
        "slot-null": changed(4, None), "slot-empty": changed(4, {}),
        "spare-member": changed(4, {"c": withheld, "x": 1}),
        "commitment-upper-case": changed(4, {"c": withheld.upper()}),
        "commitment-too-short": changed(4, {"c": withheld[2:]}),
        "commitment-as-number": changed(4, {"c": 1}),
        "key-upper-case": changed(3, opened | {"k": opened["k"].upper()}),
        "key-too-long": changed(3, opened | {"k": opened["k"] + "00"}),
        "version-withheld": changed(0, {"c": withheld}), "origin-withheld": changed(1, {"c": withheld}),
        "detail-open-kind-withheld": text(disclosed(deposit(), [0, 1, 22])),
        "duplicate-member": good.replace('{"c":"' + withheld, '{"c":"' + withheld + '","c":"' + withheld, 1),
        "members-out-of-order": good.replace(jcs(opened), f'{{"value":{opened["value"]},"k":"{opened["k"]}"}}'),
        "white-space": good.replace(",", ", ", 1), "line-feed-behind": good + "\n",
        "byte-order-mark": "\ufeff" + good, "text-behind": good + "[]",
        "fraction": good.replace(str(opened["value"]), str(opened["value"]) + ".0"),
        "exponent": good.replace(str(opened["value"]), "1e15"),
        "integer-2-to-the-53": good.replace(str(opened["value"]), str(2**53)),
        "minus-zero": good.replace(str(opened["value"]), "-0"),
        "needless-escape": good.replace("deposit", "\\u0064eposit"),
        "escaped-solidus": good.replace("room.example/log", "room.example\\/log"),
        "lone-surrogate": good.replace("deposit", "\\ud800"),
        "nested-too-deep": text(deepest),
    }


def control(**changed):
    return {"v": 1, "kind": "open", "origin": ORIGIN, "log_keys": [LOG.vkey],
            "bundle_keys": [], "previous": None} | changed


def leaf(value, kind=b"\x02"):
    return (kind + (value if isinstance(value, str) else jcs(value)).encode()).hex()


def control_vectors():
    previous = {"origin": OTHER_LOG.name, "checkpoint": "a note"}
    without = control()
    del without["previous"]
    valid = {
        "open": control(), "keys": control(kind="keys", bundle_keys=[LOG.vkey]),
        "close": control(kind="close", log_keys=[]),
        "succeed": control(kind="succeed", previous=previous),
    }
    good = jcs(control())
    invalid = {
        "version-2": leaf(control(v=2)), "unknown-kind": leaf(control(kind="pause")),
        "member-missing": leaf(without), "spare-member": leaf(control(case="x")),
        "succeed-without-previous": leaf(control(kind="succeed")),
        "open-with-previous": leaf(control(previous=previous)),
        "key-not-a-string": leaf(control(log_keys=[1])),
        "previous-without-checkpoint": leaf(control(kind="succeed", previous={"origin": "x"})),
        "duplicate-member": leaf(good.replace('"v":1', '"v":1,"v":1')),
        "white-space": leaf(good + " "), "line-feed-behind": leaf(good + "\n"),
        "leaf-type-1": leaf(control(), b"\x01"), "leaf-type-3": leaf(control(), b"\x03"),
        "leaf-type-missing": leaf(control(), b""), "empty": "", "only-type": "02",
        "65536-bytes": leaf(control(log_keys=["x" * (65_536 - len(good) - 1 + len(LOG.vkey))])),
    }
    return (
        [{"name": name, "value": value, "leaf_data": leaf(value)} for name, value in valid.items()],
        [{"name": name, "leaf_data": data} for name, data in invalid.items()],
    )


def vectors():
    shown = {"all-open": range(32), "least": [0, 1], "receipt": [0, 1, 2, 3, 5, 20],
             "all-but-rows": range(31)}
    valid_control, invalid_control = control_vectors()
    commitment = lambda values: entry_commitment(commitments(values, LINK, BODY)).hex()
    return {
        "valid_entries": [vector(name, values) for name, values in entries().items()],
        "valid_disclosed": [
            {"name": f"{kind}-{name}", "jcs": text(disclosed(values, opened)),
             "commitment": commitment(values)}
            for kind, values in entries().items() if kind in ["deposit", "view", "unknown-kind"]
            for name, opened in shown.items()
        ] + [
            {"name": name, "jcs": text(disclosed(values)), "commitment": commitment(values)}
            for name, values in odd_entries().items()
        ],
        "invalid_disclosed": [
            {"name": name, "jcs": jcs_text}
            for name, jcs_text in (invalid_values() | invalid_texts()).items()
        ],
        "valid_control": valid_control,
        "invalid_control": invalid_control,
    }
