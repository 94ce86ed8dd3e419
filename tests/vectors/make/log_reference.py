"""The custody log's formats in Python, from their description alone."""

import base64
import hashlib
import hmac
import json

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ORIGIN = "room.example/log"


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def b64(data):
    return base64.b64encode(data).decode()


def stray_bits(text):
    """The same base64 with a bit set that decodes to nothing: `=` must end it."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    body = text.rstrip("=")
    assert body != text
    changed = alphabet[alphabet.index(body[-1]) ^ 1]
    return body[:-1] + changed + text[len(body):]


def jcs(value):
    """RFC 8785 for integers, strings, null, arrays and objects."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        members = (jcs(name) + ":" + jcs(value[name]) for name in names)
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(jcs(member) for member in value) + "]"
    return json.dumps(value, ensure_ascii=False)


# Entries: section 4.


def slot_key(link, body, slot):
    opening = body if 20 <= slot <= 30 else link
    return hmac.new(opening, bytes([slot]), hashlib.sha256).digest()


def slot_commitment(slot, key, value):
    return sha256(b"custos/slot/v1\0", bytes([slot]), key, jcs(value).encode())


def commitments(values, link, body):
    return [
        slot_commitment(slot, slot_key(link, body, slot), value)
        for slot, value in enumerate(values)
    ]


def entry_commitment(slots):
    return sha256(b"custos/entry/v1\0", *slots)


def disclose(values, link, body, opened):
    slots = commitments(values, link, body)
    return [
        {"k": slot_key(link, body, slot).hex(), "value": values[slot]}
        if slot in opened
        else {"c": slots[slot].hex()}
        for slot in range(32)
    ]


# The tree: RFC 6962 section 2.1, by its recursive definitions.


def leaf_hash(data):
    return sha256(b"\0", data)


def node_hash(left, right):
    return sha256(b"\1", left, right)


def split(n):
    """The largest power of two below n."""
    return 1 << ((n - 1).bit_length() - 1)


class Tree:
    """Roots and proofs over given leaf hashes."""

    def __init__(self, leaves):
        self.leaves = leaves
        self.cache = {}

    def root(self, start, end):
        if start == end:
            return sha256()
        if end - start == 1:
            return self.leaves[start]
        if (start, end) not in self.cache:
            k = start + split(end - start)
            self.cache[start, end] = node_hash(self.root(start, k), self.root(k, end))
        return self.cache[start, end]

    def path(self, index, start, end):
        if end - start == 1:
            return []
        k = start + split(end - start)
        if index < k:
            return self.path(index, start, k) + [self.root(k, end)]
        return self.path(index, k, end) + [self.root(start, k)]

    def inclusion(self, index, size):
        return self.path(index, 0, size)

    def consistency(self, old, new):
        return self.subproof(old, 0, new, True)

    def subproof(self, m, start, end, whole):
        if m == end - start:
            return [] if whole else [self.root(start, end)]
        k = split(end - start)
        if m <= k:
            return self.subproof(m, start, start + k, whole) + [self.root(start + k, end)]
        return self.subproof(m - k, start + k, end, False) + [self.root(start, start + k)]

    def frontier(self, size):
        hashes, start = [], 0
        for bit in reversed(range(size.bit_length())):
            if size >> bit & 1:
                hashes.append(self.root(start, start + (1 << bit)))
                start += 1 << bit
        return hashes


# Notes: C2SP signed-note, tlog-checkpoint, tlog-cosignature.


class Key:
    """An Ed25519 key under a name: type 1 signs notes, type 4 cosigns checkpoints."""

    def __init__(self, name, seed, kind=1):
        self.name, self.seed, self.kind = name, seed, kind
        self.private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self.private.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw
        )
        self.typed = bytes([kind]) + self.public
        self.id = sha256(name.encode(), b"\n", self.typed)[:4]
        self.vkey = f"{name}+{self.id.hex()}+{b64(self.typed)}"

    def sign(self, text, seconds=0):
        if self.kind == 1:
            return line(self.name, self.id, self.private.sign(text.encode()))
        message = f"cosignature/v1\ntime {seconds}\n{text}".encode()
        return line(self.name, self.id, seconds.to_bytes(8, "big") + self.private.sign(message))


def line(name, key_id, signature):
    return f"\u2014 {name} {b64(key_id + signature)}\n"


def checkpoint_text(size, root, origin=ORIGIN):
    return f"{origin}\n{size}\n{b64(root)}\n"


def note(text, *lines):
    return text + "\n" + "".join(lines)


LOG = Key(ORIGIN, bytes([1]) * 32)
OLD_LOG = Key(ORIGIN, bytes([2]) * 32)
STRANGER = Key(ORIGIN, bytes([3]) * 32)
OTHER_LOG = Key("other.example/log", bytes([4]) * 32)
WITNESSES = [Key(f"witness{n}.example", bytes([16 + n]) * 32, 4) for n in range(1, 5)]
SECONDS = 1_790_000_000


def tlog_proof(index, hashes, checkpoint, extra=None):
    head = "c2sp.org/tlog-proof@v1\n"
    if extra is not None:
        head += f"extra {b64(extra)}\n"
    return head + f"index {index}\n" + "".join(b64(h) + "\n" for h in hashes) + "\n" + checkpoint
