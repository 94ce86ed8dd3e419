"""checkpoint.json: keys, notes, trust policies."""

from log_reference import (
    LOG, OLD_LOG, ORIGIN, OTHER_LOG, SECONDS, STRANGER, WITNESSES, Key, b64, checkpoint_text, line,
    note, stray_bits,
)

ROOT = bytes(range(32))
SIZE = 20_852
TEXT = checkpoint_text(SIZE, ROOT)
GOOD = note(TEXT, LOG.sign(TEXT))
W1, W2, W3, W4 = WITNESSES
POLICIES = {
    "log": f"log {LOG.vkey}\nquorum none\n",
    "two-keys": f"log {LOG.vkey}\nlog {OLD_LOG.vkey}\nquorum none\n",
    "other-log": f"log {OTHER_LOG.vkey}\nquorum none\n",
    "one-witness": f"log {LOG.vkey}\nwitness w1 {W1.vkey}\nquorum w1\n",
    "two-of-three": f"log {LOG.vkey}\nwitness w1 {W1.vkey}\nwitness w2 {W2.vkey}\n"
    f"witness w3 {W3.vkey}\ngroup g 2 w1 w2 w3\nquorum g\n",
    "nested": f"# two organisations\n\n log\t{LOG.vkey}  https://room.example/log \n"
    f"witness w1 {W1.vkey} https://w1.example/\nwitness w2 {W2.vkey}\ngroup x any w1 w2\n"
    f"witness w3 {W3.vkey}\ngroup both all x w3\nquorum both\nwitness w4 {W4.vkey}\n",
    "witness-not-asked": f"log {LOG.vkey}\nwitness w1 {W1.vkey}\nquorum none\n",
}
OLD_TRUST = {
    "v": 1,
    "log_keys": [{"vkey": OLD_LOG.vkey, "from": 1, "to": SIZE - 1},
                 {"vkey": LOG.vkey, "from": SIZE, "to": None}],
    "bundle_keys": [], "time_authorities": [],
}


def cosigned(*witnesses):
    return note(TEXT, LOG.sign(TEXT), *(w.sign(TEXT, SECONDS + n) for n, w in enumerate(witnesses)))


def unknown(n):
    """A line of some key that no policy knows."""
    return line(f"unknown{n}.example", n.to_bytes(4, "big"), bytes([n]) * 72)


def resigned(text):
    return note(text, LOG.sign(text))


def bad_line(key):
    good = key.sign(TEXT, SECONDS)
    return good[:-8] + ("A" if good[-8] != "A" else "B") + good[-7:]


def valid():
    notes = {
        "one-signature": GOOD,
        "size-1": resigned(checkpoint_text(1, ROOT)),
        "size-2-to-the-53-less-one": resigned(checkpoint_text(2**53 - 1, ROOT)),
        "unknown-key-beside": note(TEXT, unknown(1), LOG.sign(TEXT), unknown(2)),
        "ml-dsa-line-beside": note(TEXT, LOG.sign(TEXT), line("pq.example", b"\6" * 4, b"\7" * 2428)),
        "same-line-twice": note(TEXT, LOG.sign(TEXT), LOG.sign(TEXT)),
        "17-signatures": note(TEXT, *(unknown(n) for n in range(16)), LOG.sign(TEXT)),
        "64-signatures": note(TEXT, *(unknown(n) for n in range(63)), LOG.sign(TEXT)),
        "two-log-keys": note(TEXT, OLD_LOG.sign(TEXT), LOG.sign(TEXT)),
        "cosigned": cosigned(W1, W2, W3),
        "name-of-a-known-key-other-id": note(TEXT, line(ORIGIN, b"\0\0\0\1", bytes(64)), LOG.sign(TEXT)),
        "id-of-a-known-key-other-name": note(TEXT, line("a.example", LOG.id, bytes(64)), LOG.sign(TEXT)),
    }
    vectors = []
    for name, signed in notes.items():
        origin, size, root = signed.split("\n")[:3]
        vectors.append({"name": name, "note": signed, "origin": origin, "size": size, "root": root})
    return vectors


def invalid():
    """Notes that are not checkpoints, each with a good signature where one can be."""
    sized = lambda size: resigned(f"{ORIGIN}\n{size}\n{b64(ROOT)}\n")
    rooted = lambda root: resigned(f"{ORIGIN}\n{SIZE}\n{root}\n")
    named = lambda origin: resigned(f"{origin}\n{SIZE}\n{b64(ROOT)}\n")
    signature = LOG.sign(TEXT)
    encoded = signature.split(" ")[2][:-1]
    text = {
        "size-07": (sized("07"), "Size"), "size-0": (sized("0"), "Size"),
        "size-2-to-the-53": (sized(2**53), "Size"), "size-2-to-the-64": (sized(2**64), "Size"),
        "size-empty": (sized(""), "Size"), "size-with-sign": (sized("+7"), "Size"),
        "size-negative": (sized("-7"), "Size"), "size-with-space": (sized("7 "), "Size"),
        "size-hexadecimal": (sized("0x7"), "Size"), "size-fraction": (sized("7.0"), "Size"),
        "size-other-digits": (sized("\u0667"), "Size"),
        "root-stray-bits": (rooted(stray_bits(b64(ROOT))), "Root"),
        "root-without-padding": (rooted(b64(ROOT).rstrip("=")), "Root"),
        "root-31-bytes": (rooted(b64(ROOT[:31])), "Root"), "root-33-bytes": (rooted(b64(ROOT + b"!")), "Root"),
        "root-url-alphabet": (rooted("-_" + b64(ROOT)[2:]), "Root"), "root-hex": (rooted(ROOT.hex()), "Root"),
        "root-with-space": (rooted(" " + b64(ROOT)), "Root"),
        "extension-line": (resigned(TEXT + "extension\n"), "Lines"), "two-lines": (resigned(f"{ORIGIN}\n7\n"), "Lines"),
        "empty-line-behind": (resigned(TEXT + "\n"), "Lines"),
        "origin-empty": (named(""), "Origin"), "origin-with-plus": (named("room+example"), "Origin"),
        "origin-with-space": (named("room example"), "Origin"),
        "origin-with-no-break-space": (named("room\u00a0example"), "Origin"),
        "origin-256-bytes": (named("r" * 256), "Origin"),
        "crlf": (resigned(TEXT.replace("\n", "\r\n")), "Note(Form)"),
        "crlf-in-signatures": (GOOD[:-1] + "\r\n", "Note(Line)"), "tab": (resigned(f"{ORIGIN}\n7\t\n{b64(ROOT)}\n"), "Note(Form)"),
        "no-signature": (TEXT + "\n", "Note(Form)"), "no-blank-line": (TEXT + signature, "Note(Form)"),
        "empty": ("", "Note(Form)"), "no-line-feed-at-the-end": (GOOD[:-1], "Note(Form)"),
        "65-signatures": (note(TEXT, *(unknown(n) for n in range(64)), LOG.sign(TEXT)), "Note(Signatures)"),
        "hyphen-for-dash": (note(TEXT, signature.replace("\u2014", "-")), "Note(Line)"),
        "text-behind-the-signatures": (GOOD + "more\n", "Note(Line)"),
        "signature-stray-bits": (note(TEXT, f"\u2014 x.example {stray_bits(b64(b'1234' + bytes(64)))}\n"), "Note(Line)"),
        "signature-without-padding": (note(TEXT, f"\u2014 x.example {b64(bytes(70)).rstrip('=')}\n"), "Note(Line)"),
        "signature-of-no-bytes": (note(TEXT, line("x.example", b"1234", b"")), "Note(Line)"),
        "signature-without-name": (note(TEXT, f"\u2014 {encoded}\n"), "Note(Line)"),
        "signature-with-two-spaces": (note(TEXT, f"\u2014 {ORIGIN}  {encoded}\n"), "Note(Line)"),
        "signature-name-with-plus": (note(TEXT, f"\u2014 a+b {encoded}\n"), "Note(Line)"),
    }
    vectors = [{"name": name, "note": signed, "error": error} for name, (signed, error) in text.items()]
    broken = GOOD.encode().replace(b"room", b"r\xffom", 1)
    return vectors + [{"name": "not-utf-8", "note_hex": broken.hex(), "error": "Note(Form)"}]


def judged():
    """What a policy says: `ok`, or the error."""
    moved = WITNESSES[0].sign(TEXT, SECONDS).split(" ")
    cases = [
        ("signed-by-the-log", "log", GOOD, "ok"),
        ("unknown-key-ignored", "log", note(TEXT, unknown(1), LOG.sign(TEXT)), "ok"),
        ("unknown-keys-only", "log", note(TEXT, unknown(1), STRANGER.sign(TEXT)), "Log"),
        ("signature-of-another-text", "log", note(TEXT, LOG.sign(TEXT + "x")), "Signature"),
        ("signature-flipped", "log", note(TEXT, bad_line(LOG)), "Signature"),
        ("one-key-good-other-bad", "two-keys", note(TEXT, LOG.sign(TEXT), bad_line(OLD_LOG)), "Signature"),
        ("other-key-of-the-log", "two-keys", note(TEXT, OLD_LOG.sign(TEXT)), "ok"),
        ("log-of-another-origin", "other-log", GOOD, "Log"),
        ("other-logs-key-on-this-origin", "other-log", note(TEXT, OTHER_LOG.sign(TEXT)), "Log"),
        ("witness-missing", "one-witness", GOOD, "Quorum"),
        ("witness-there", "one-witness", cosigned(W1), "ok"),
        ("witness-only", "one-witness", note(TEXT, W1.sign(TEXT, SECONDS)), "Log"),
        ("other-witness", "one-witness", cosigned(W2), "Quorum"),
        ("witness-time-changed", "one-witness",
         note(TEXT, LOG.sign(TEXT), line(W1.name, W1.id, bytes(72))), "Signature"),
        ("witness-signed-as-a-log", "one-witness",
         note(TEXT, LOG.sign(TEXT), line(W1.name, W1.id, Key(W1.name, W1.seed).private.sign(TEXT.encode()))), "Signature"),
        ("witness-time-2-to-the-63", "one-witness", note(TEXT, LOG.sign(TEXT), W1.sign(TEXT, 2**63)), "Signature"),
        ("witness-of-another-checkpoint", "one-witness",
         note(TEXT, LOG.sign(TEXT), W1.sign(checkpoint_text(7, ROOT), SECONDS)), "Signature"),
        ("witness-bad-though-not-asked", "witness-not-asked", note(TEXT, LOG.sign(TEXT), bad_line(W1)), "Signature"),
        ("one-of-three", "two-of-three", cosigned(W1), "Quorum"),
        ("one-of-three-twice", "two-of-three", cosigned(W1, W1), "Quorum"),
        ("two-of-three", "two-of-three", cosigned(W3, W1), "ok"),
        ("nested-one-side", "nested", cosigned(W1, W2), "Quorum"),
        ("nested-both-sides", "nested", cosigned(W2, W3), "ok"),
        ("nested-wrong-witness", "nested", cosigned(W2, W4), "Quorum"),
    ]
    assert len(moved) == 3
    vectors = [
        {"name": name, "policy": POLICIES[policy], "trust": None, "note": signed, "answer": answer}
        for name, policy, signed, answer in cases
    ]
    sizes = [("key-valid-from-this-size", LOG, "ok"), ("key-valid-only-before", OLD_LOG, "Log")]
    return vectors + [
        {"name": name, "policy": POLICIES["two-keys"], "trust": OLD_TRUST,
         "note": note(TEXT, key.sign(TEXT)), "answer": answer}
        for name, key, answer in sizes
    ]


def invalid_policies():
    log, w = f"log {LOG.vkey}\n", f"witness w1 {W1.vkey}\nwitness w2 {W2.vkey}\n"
    end = "quorum none\n"
    same_key = Key("renamed.example", W1.seed, 4)
    policies = {
        "no-quorum": (log, "Quorum"), "two-quorums": (log + end + end, "Quorum"), "empty": ("", "Quorum"),
        "no-line-feed-at-the-end": (log + end[:-1], "Characters"), "crlf": (log + "quorum none\r\n", "Characters"),
        "unknown-line": (log + "monitor x\n" + end, "Line(2)"), "log-without-key": ("log\n" + end, "Line(1)"),
        "log-with-spare-item": (f"log {LOG.vkey} u v\n" + end, "Line(1)"),
        "upper-case-keyword": (f"LOG {LOG.vkey}\n" + end, "Line(1)"),
        "witness-without-name": (f"witness {W1.vkey}\n" + end, "Line(1)"),
        "group-without-members": (w + "group g any\nquorum g\n", "Line(3)"),
        "log-key-of-a-witness": (f"log {W1.vkey}\n" + end, "Key(1)"),
        "witness-key-of-a-log": (f"witness w {LOG.vkey}\n" + end, "Key(1)"),
        "key-hash-wrong": (log.replace(LOG.id.hex(), "00000000") + end, "Key(1)"),
        "log-twice": (log + log + end, "DuplicateKey(2)"),
        "witness-key-twice-under-two-names": (w + f"witness w3 {same_key.vkey}\n" + end, "DuplicateKey(3)"),
        "name-twice": (w + f"witness w1 {W3.vkey}\n" + end, "DuplicateName(3)"),
        "name-none": (f"witness none {W1.vkey}\n" + end, "DuplicateName(1)"),
        "group-named-as-a-witness": (w + "group w1 any w2\nquorum w1\n", "DuplicateName(3)"),
        "member-undefined": (w + "group g any w1 w3\nquorum g\n", "Name(3)"),
        "member-none": (w + "group g any w1 none\nquorum g\n", "Name(3)"),
        "member-of-itself": (w + "group g any w1 g\nquorum g\n", "Name(3)"),
        "member-twice": (w + "group g 2 w1 w1\nquorum g\n", "Name(3)"),
        "member-of-two-groups": (w + "group g any w1\ngroup h any w1\nquorum h\n", "Name(4)"),
        "quorum-undefined": (log + "quorum w1\n", "Name(2)"), "quorum-before-definition": ("quorum w1\n" + w, "Name(1)"),
        "threshold-0": (w + "group g 0 w1\nquorum g\n", "Threshold(3)"),
        "threshold-above-members": (w + "group g 3 w1 w2\nquorum g\n", "Threshold(3)"),
        "threshold-01": (w + "group g 01 w1\nquorum g\n", "Threshold(3)"),
        "threshold-word": (w + "group g most w1\nquorum g\n", "Threshold(3)"),
    }
    return [{"name": name, "policy": text, "error": f"Policy({error})"} for name, (text, error) in policies.items()]


def trust_files():
    key = lambda start, end, vkey=LOG.vkey: f'{{"vkey":"{vkey}","from":{start},"to":{end}}}'
    file = lambda logs="", bundles="", times="", v=1: (
        f'{{"v":{v},"log_keys":[{logs}],"bundle_keys":[{bundles}],"time_authorities":[{times}]}}')
    bundle = Key(ORIGIN + "/bundle", bytes([9]) * 32)
    time = '{"name":"TSA","certificate":"MAA="}'
    valid = {
        "nothing": file(), "white-space-and-other-order": '{\n "time_authorities": [], "bundle_keys": [], "log_keys": [], "v": 1\n}\n',
        "everything": file(key(1, "null"), key(5, 5, bundle.vkey), time),
    }
    invalid = {
        "version-2": file(v=2), "member-missing": '{"v":1,"log_keys":[],"bundle_keys":[]}',
        "spare-member": file()[:-1] + ',"x":1}', "duplicate-member": file()[:-1] + ',"v":1}',
        "row-without-to": file(f'{{"vkey":"{LOG.vkey}","from":1}}'),
        "row-with-duplicate-from": file(f'{{"vkey":"{LOG.vkey}","from":1,"from":2,"to":null}}'),
        "from-0": file(key(0, "null")), "from-above-to": file(key(5, 4)), "to-2-to-the-53": file(key(1, 2**53)),
        "from-fraction": file(key("1.0", "null")), "from-negative": file(key("-1", "null")), "from-string": file(key('"1"', "null")),
        "log-key-not-in-the-policy": file(key(1, "null", STRANGER.vkey)),
        "log-key-twice": file(key(1, 5) + "," + key(6, "null")),
        "log-key-twice-first-without-end": file(key(1, "null") + "," + key(6, "null")),
        "log-key-of-a-witness": file(key(1, "null", W1.vkey)), "not-a-vkey": file(key(1, "null", "x")),
        "bundle-key-twice": file("", key(1, 5, bundle.vkey) + "," + key(6, 7, bundle.vkey)),
        "bundle-key-of-no-log-of-the-policy": file("", key(1, 5, Key("other.example/log/bundle", bytes([9]) * 32).vkey)),
        "bundle-key-named-as-its-log": file("", key(1, 5)),
        "certificate-stray-bits": file("", "", time.replace("MAA=", "MAB=")),
        "certificate-empty": file("", "", time.replace("MAA=", "")), "not-json": file()[:-1], "array": "[]",
    }
    named = lambda files: [{"name": name, "trust": text} for name, text in files.items()]
    return named(valid), named(invalid)


def vectors():
    keys = [LOG, OLD_LOG, OTHER_LOG, *WITNESSES]
    good = LOG.vkey
    parts = good.split("+", 2)
    odd_keys = {
        "hash-wrong": f"{parts[0]}+00000000+{parts[2]}", "hash-upper-case": f"{parts[0]}+{'ABCDEF01'}+{parts[2]}",
        "hash-of-another-name": good.replace("room", "loom"), "name-empty": "+" + "+".join(parts[1:]),
        "name-with-space": good.replace("room", "ro om"), "key-with-padding": good + "=",
        "key-31-bytes": f"{parts[0]}+{parts[1]}+{b64(LOG.typed[:-1])}", "key-33-bytes": f"{parts[0]}+{parts[1]}+{b64(LOG.typed + b'x')}",
        "type-2": Key(ORIGIN, LOG.seed, 2).vkey, "type-255": Key(ORIGIN, LOG.seed, 255).vkey, "type-missing": f"{parts[0]}+{parts[1]}+",
        "two-parts": "+".join(parts[:2]), "empty": "", "line-feed-behind": good + "\n", "four-parts": "a+b+" + good,
    }
    valid_trust, invalid_trust = trust_files()
    return {
        "keys": [{"name": k.name, "type": k.kind, "seed": k.seed.hex(), "public_key": k.public.hex(), "vkey": k.vkey} for k in keys],
        "invalid_vkeys": [{"name": name, "vkey": vkey} for name, vkey in odd_keys.items()],
        "policy": POLICIES["log"],
        "valid": valid(),
        "invalid": invalid(),
        "judged": judged(),
        "valid_policies": [{"name": name, "policy": text} for name, text in POLICIES.items()],
        "invalid_policies": invalid_policies(),
        "valid_trust": valid_trust,
        "invalid_trust": invalid_trust,
    }
