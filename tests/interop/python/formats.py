"""Sections 1 to 3 of the formats, a second time: encryption, wrapped keys, content trees.

Written from the text of the formats over hashlib, hmac and `cryptography`, so that the
frozen vectors do not come from the program that they test.
"""

import hashlib
import hmac
import json

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CHUNK = 16 << 10
SEALED_CHUNK = CHUNK + 16
HEADER = 56
SEGMENT = 8 << 20
LEAF = 64 << 10
LABEL = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0"

GENERATED = (
    "byte i of a generated input is "
    "(i * 31 + floor(i / 256) * 17 + floor(i / 65536) * 101 + 7) mod 256"
)


def generated(length):
    """The first `length` bytes of the generated input."""
    blocks = {}
    out = bytearray()
    for high in range((length + 255) // 256):
        offset = (high * 17 + (high >> 8) * 101 + 7) & 255
        if offset not in blocks:
            blocks[offset] = bytes((low * 31 + offset) & 255 for low in range(256))
        out += blocks[offset]
    return bytes(out[:length])


def lp(data):
    return len(data).to_bytes(2, "big") + data


def jcs(value):
    """RFC 8785 for what the vectors hold: ASCII keys and strings, integers."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


# 1. Messages


def derive(key, salt, context):
    """key, base nonce and commitment of one message: HKDF-Expand-SHA-512, 76 bytes."""
    info, block, out = LABEL + salt + context, b"", b""
    for counter in (1, 2):
        block = hmac.new(key, block + info + bytes([counter]), "sha512").digest()
        out += block
    return out[:32], out[32:44], out[44:76]


def chunk_nonce(base, number):
    return (int.from_bytes(base, "big") ^ number).to_bytes(12, "big")


def seal(key, salt, context, plaintext, commitment=None):
    """A message under a fixed salt; another commitment only to make a bad vector."""
    message_key, base, derived = derive(key, salt, context)
    out = [salt, commitment or derived]
    aead = AESGCM(message_key)
    for number in range(len(plaintext) // CHUNK + 1):
        chunk = plaintext[number * CHUNK : (number + 1) * CHUNK]
        out.append(aead.encrypt(chunk_nonce(base, number), chunk, None))
    return b"".join(out)


def seal_by_cobblestone(key, context, plaintext):
    """A message as `cryptography` makes it, under a salt of its own."""
    sealer = Cobblestone256Encryptor(key, context)
    return sealer.update(plaintext) + sealer.finalize()


def open_by_cobblestone(key, context, message):
    """The plaintext, or an exception."""
    opener = Cobblestone256Decryptor(key, context)
    return opener.update(message) + opener.finalize()


def object_context(item, object_id, kind, segment):
    parts = lp(item) + lp(object_id) + lp(kind.encode())
    return b"custos/object/v1\0" + parts + segment.to_bytes(8, "big")


def wrap_context(parent, child, purpose):
    return b"custos/wrap/v1\0" + lp(parent) + lp(child) + lp(purpose.encode())


def value_context(table, row, column):
    return b"custos/value/v1\0" + lp(table.encode()) + lp(row) + lp(column.encode())


# 3. Trees


def tree_key(salt_key, kind, number):
    message = b"custos/tree-salt/v1\0" + bytes([kind]) + number.to_bytes(4, "big")
    return hmac.new(salt_key, message, "sha256").digest()


def leaf_salt(key, i):
    return hmac.new(key, i.to_bytes(8, "big"), "sha256").digest()[:16]


def leaf_hash(kind, salt, data):
    head = b"\0custos/leaf/v1\0" + bytes([kind]) + salt + len(data).to_bytes(4, "big")
    return hashlib.sha256(head + data).digest()


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def root(hashes):
    """RFC 6962 section 2.1: split at the largest power of two below the count."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << ((len(hashes) - 1).bit_length() - 1)
    return node(root(hashes[:split]), root(hashes[split:]))


def logged_root(kind, n, tree_root):
    head = b"custos/tree/v1\0" + bytes([kind]) + n.to_bytes(8, "big")
    return hashlib.sha256(head + tree_root).digest()


def content_leaves(data):
    return [data[at : at + LEAF] for at in range(0, len(data), LEAF)] or [b""]


def tree(kind, key, leaves):
    """Leaf hashes and logged root."""
    hashes = [leaf_hash(kind, leaf_salt(key, i), leaf) for i, leaf in enumerate(leaves)]
    return hashes, logged_root(kind, len(hashes), root(hashes))


def missing_hashes(hashes, shown):
    """Level by level from the leaves, left to right, found by marking whole levels."""
    level, known, out = list(hashes), set(shown), []
    while len(level) > 1:
        for index in range(0, len(level) - 1, 2):
            have = {index, index + 1} & known
            if len(have) == 1:
                out.append(level[index + 1 if index in have else index])
        known = {index // 2 for index in known}
        above = [node(*level[at : at + 2]) for at in range(0, len(level) - 1, 2)]
        level = above + level[len(above) * 2 :]
    return out


def proof(hashes, key, leaves, shown):
    """A multi-proof as an object."""
    return {
        "hashes": [value.hex() for value in missing_hashes(hashes, shown)],
        "leaves": [
            {"i": i, "length": len(leaves[i]), "salt": leaf_salt(key, i).hex()} for i in shown
        ],
        "n": len(hashes),
    }
