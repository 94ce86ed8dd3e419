"""Frozen vectors of messages, wrapped keys and stored objects."""

import hashlib

from formats import (
    CHUNK,
    GENERATED,
    HEADER,
    SEALED_CHUNK,
    SEGMENT,
    derive,
    generated,
    jcs,
    object_context,
    seal,
    value_context,
    wrap_context,
)

KEY = bytes(range(32))
OTHER_KEY = bytes(range(1, 33))
ITEM = bytes.fromhex("a0" * 16)
OBJECT = bytes.fromhex("b1" * 16)
PARENT = bytes.fromhex("c2" * 16)
CHILD = bytes.fromhex("d3" * 16)
PURPOSES = ["scope", "value", "data", "salt", "entry", "log", "bundle", "session", "index"]


def salt(name):
    """A salt of its own for each vector."""
    return hashlib.sha256(b"salt " + name.encode()).digest()[:24]


def shown(data):
    """Short bytes in hex, long ones by length and SHA-256."""
    if len(data) <= 512:
        return {"hex": data.hex()}
    return {"length": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def valid_message(name, context, plaintext, plain=None):
    message = seal(KEY, salt(name), context, plaintext)
    return {
        "name": name,
        "key": KEY.hex(),
        "salt": salt(name).hex(),
        "context": context.hex(),
        "plain": plain or {"hex": plaintext.hex()},
        "commitment": message[24:56].hex(),
        "message": shown(message),
    }


def contexts():
    row = bytes.fromhex("e4" * 16)
    return [
        {
            "name": f"object_{kind}_{segment}",
            "type": "object",
            "item": ITEM.hex(),
            "object": OBJECT.hex(),
            "kind": kind,
            "segment": segment,
            "context": object_context(ITEM, OBJECT, kind, segment).hex(),
        }
        for kind, segment in [("content", 0), ("content", 1 << 24), ("staged", 3)]
    ] + [
        {
            "name": "wrap_data",
            "type": "wrap",
            "parent": PARENT.hex(),
            "child": CHILD.hex(),
            "purpose": "data",
            "context": wrap_context(PARENT, CHILD, "data").hex(),
        },
        {
            "name": "value_person_name",
            "type": "value",
            "table": "people",
            "row": row.hex(),
            "column": "name",
            "context": value_context("people", row, "name").hex(),
        },
    ]


def invalid_messages(short, two):
    """Each message by pieces of a valid one and literal bytes."""
    end_short = HEADER + len("a name that nobody may learn") + 16
    first, second = HEADER + SEALED_CHUNK, HEADER + 2 * SEALED_CHUNK
    end_two = second + 100 + 16
    assert len(seal(KEY, salt("short"), b"", bytes(28))) == end_short

    def flip(base, at):
        byte = base[at] ^ 1
        return [[0, at], bytes([byte]).hex(), [at + 1, len(base)]]

    other_commitment = derive(OTHER_KEY, salt("short"), b"")[2].hex()
    cases = [
        ("empty_message", "short", [], "length", {}),
        ("header_only", "short", [[0, HEADER]], "length", {}),
        ("truncated_header", "short", [[0, HEADER - 1]], "length", {}),
        ("truncated_tag", "short", [[0, HEADER + 15]], "length", {}),
        ("truncated_last_chunk", "two_chunks_and_100", [[0, end_two - 1]], "chunk", {"chunk": 2}),
        ("last_chunk_left_out", "two_chunks_and_100", [[0, second]], "length", {}),
        ("truncated_within_chunk", "two_chunks_and_100", [[0, second - 7]], "chunk", {"chunk": 1}),
        ("truncated_to_one_chunk", "two_chunks_and_100", [[0, first]], "length", {}),
        ("spare_byte", "short", [[0, end_short], "00"], "chunk", {"chunk": 0}),
        ("spare_bytes", "two_chunks_and_100", [[0, end_two], "00" * 64], "chunk", {"chunk": 2}),
        (
            "spare_tag_behind_full_chunk",
            "two_chunks_and_100",
            [[0, second], "00" * 16],
            "chunk",
            {"chunk": 2},
        ),
        (
            "first_chunk_left_out",
            "two_chunks_and_100",
            [[0, HEADER], [first, end_two]],
            "chunk",
            {"chunk": 0},
        ),
        (
            "chunks_swapped",
            "two_chunks_and_100",
            [[0, HEADER], [first, second], [HEADER, first], [second, end_two]],
            "chunk",
            {"chunk": 0},
        ),
        (
            "chunk_repeated",
            "two_chunks_and_100",
            [[0, first], [HEADER, first], [second, end_two]],
            "chunk",
            {"chunk": 1},
        ),
        ("message_sealed_twice", "short", [[0, end_short], [0, end_short]], "chunk", {"chunk": 0}),
        ("flipped_salt", "short", flip(short, 3), "commitment", {}),
        ("flipped_commitment", "short", flip(short, 30), "commitment", {}),
        ("flipped_ciphertext", "short", flip(short, HEADER), "chunk", {"chunk": 0}),
        ("flipped_tag", "short", flip(short, end_short - 1), "chunk", {"chunk": 0}),
        ("flipped_second_chunk", "two_chunks_and_100", flip(two, first + 9), "chunk", {"chunk": 1}),
        (
            "salt_of_another_message",
            "short",
            [salt("another").hex(), [24, end_short]],
            "commitment",
            {},
        ),
        ("another_key", "short", [[0, end_short]], "commitment", {"key": OTHER_KEY.hex()}),
        ("another_context", "short", [[0, end_short]], "commitment", {"context": "00"}),
        (
            "commitment_of_another_key",
            "short",
            [[0, 24], other_commitment, [56, end_short]],
            "commitment",
            {},
        ),
        # Without a commitment that is compared, this one would reach AES-GCM.
        (
            "commitment_of_another_key_opened_with_it",
            "short",
            [[0, 24], other_commitment, [56, end_short]],
            "chunk",
            {"chunk": 0, "key": OTHER_KEY.hex()},
        ),
    ]
    return [
        {"name": name, "of": of, "message": pieces, "error": error, **more}
        for name, of, pieces, error, more in cases
    ]


def segments():
    """Contexts that a stored object's segments must not be exchanged between."""
    at = object_context(ITEM, OBJECT, "content", 1)
    others = [
        ("segment_of_another_number", object_context(ITEM, OBJECT, "content", 2)),
        ("segment_of_another_item", object_context(bytes(16), OBJECT, "content", 1)),
        ("segment_of_another_object", object_context(ITEM, bytes(16), "content", 1)),
        ("staged_tail_as_content", object_context(ITEM, OBJECT, "staged", 1)),
    ]
    valid = valid_message("segment", at, b"some of the content")
    message = [[0, HEADER + 19 + 16]]
    return valid, [
        {
            "name": name,
            "of": "segment",
            "message": message,
            "error": "commitment",
            "context": context.hex(),
        }
        for name, context in others
    ]


def lengths():
    plain = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, SEGMENT - 1]
    full = HEADER + SEGMENT // CHUNK * SEALED_CHUNK + 16

    def message(size):
        return HEADER + size + (size // CHUNK + 1) * 16

    sizes = plain + [SEGMENT, SEGMENT + 1, 2 * SEGMENT, 1 << 40, (1 << 53) - 1]
    return {
        "messages": [{"plain": size, "sealed": message(size)} for size in plain + [SEGMENT]],
        "impossible_messages": [
            0,
            55,
            56,
            71,
            HEADER + SEALED_CHUNK,
            HEADER + SEALED_CHUNK + 15,
            HEADER + 2 * SEALED_CHUNK,
        ],
        "objects": [
            {
                "size": size,
                "segments": size // SEGMENT + 1,
                "stored": size // SEGMENT * full + message(size % SEGMENT),
            }
            for size in sizes
        ],
        "impossible_objects": [0, 71, full, full + 71, 2 * full],
    }


def cipher():
    short_text = b"a name that nobody may learn"
    two_plain = generated(2 * CHUNK + 100)
    valid = [
        valid_message("empty", b"", b""),
        valid_message("one_byte", b"", b"\0"),
        valid_message("short", b"", short_text),
        valid_message("long_context", bytes(range(256)), short_text),
    ]
    for name, length in [
        ("chunk_less_one", CHUNK - 1),
        ("chunk", CHUNK),
        ("chunk_and_one", CHUNK + 1),
        ("two_chunks_and_100", len(two_plain)),
        ("segment_less_one", SEGMENT - 1),
        ("whole_segment", SEGMENT),
    ]:
        valid.append(valid_message(name, b"", generated(length), {"generated": length}))
    segment, exchanged = segments()
    short = seal(KEY, salt("short"), b"", short_text)
    two = seal(KEY, salt("two_chunks_and_100"), b"", two_plain)
    return {
        "about": "section 1: messages. Long inputs and messages are given by rule or SHA-256; "
        "an invalid message is put together from [from, to) of the valid one named by `of` "
        "and literal hex, and opened with that one's key and context unless it says others",
        "generated": GENERATED,
        "contexts": contexts(),
        "lengths": lengths(),
        "valid": valid + [segment],
        "invalid": invalid_messages(short, two) + exchanged,
    }


def wrap():
    child_key = bytes(range(100, 132))

    def wrapped(name, purpose):
        return seal(KEY, salt(name), wrap_context(PARENT, CHILD, purpose), child_key)

    valid = [
        {
            "name": purpose,
            "parent": KEY.hex(),
            "parent_id": PARENT.hex(),
            "child_id": CHILD.hex(),
            "purpose": purpose,
            "salt": salt(purpose).hex(),
            "child": child_key.hex(),
            "wrapped": wrapped(purpose, purpose).hex(),
        }
        for purpose in PURPOSES
    ]
    data = wrapped("data", "data")
    short = seal(KEY, salt("16"), wrap_context(PARENT, CHILD, "data"), child_key[:16])
    forged = seal(
        OTHER_KEY, salt("data"), wrap_context(PARENT, CHILD, "data"), child_key, data[24:56]
    )

    def bad(name, bytes_, error, **more):
        return {
            "name": name,
            "parent": KEY.hex(),
            "parent_id": PARENT.hex(),
            "child_id": CHILD.hex(),
            "purpose": "data",
            "wrapped": bytes_.hex(),
            "error": error,
            **more,
        }

    invalid = [
        bad("empty", b"", "length"),
        bad("truncated", data[:-1], "length"),
        bad("spare_byte", data + b"\0", "length"),
        bad("key_of_16_bytes", short, "length"),
        bad("another_parent", data, "commitment", parent=OTHER_KEY.hex()),
        bad("another_parent_id", data, "commitment", parent_id=OBJECT.hex()),
        bad("another_child_id", data, "commitment", child_id=OBJECT.hex()),
        bad("ids_swapped", data, "commitment", parent_id=CHILD.hex(), child_id=PARENT.hex()),
        bad("another_purpose", data, "commitment", purpose="salt"),
        bad("flipped_salt", bytes([data[0] ^ 1]) + data[1:], "commitment"),
        bad("flipped_commitment", data[:24] + bytes([data[24] ^ 1]) + data[25:], "commitment"),
        bad("flipped_key", data[:56] + bytes([data[56] ^ 1]) + data[57:], "chunk"),
        bad("flipped_tag", data[:-1] + bytes([data[-1] ^ 1]), "chunk"),
        bad("commitment_of_another_key", forged, "chunk"),
    ]
    return {"about": "section 2: wrapped keys", "valid": valid, "invalid": invalid}


def stored_object():
    commitments = [hashlib.sha256(bytes([i])).digest() for i in range(3)]
    heads = hashlib.sha256(b"".join(commitments)).hexdigest()
    slot = {
        "object": OBJECT.hex(),
        "suite": 1,
        "segments": 3,
        "size": 2 * SEGMENT + 5,
        "heads": heads,
        "blake3": "5b" * 32,
    }
    whole = {**slot, "segments": 1, "size": 0, "heads": hashlib.sha256(commitments[0]).hexdigest()}

    def bad(defect, **more):
        return {"name": defect, "slot": jcs({**slot, **more}).decode()}

    def without(member):
        return jcs({key: value for key, value in slot.items() if key != member}).decode()

    def listed(*which):
        return [commitments[i].hex() for i in which]

    return {
        "about": "section 1: slot 27 and the list of commitments",
        "valid": [
            {"name": "three_segments", "slot": jcs(slot).decode(), "commitments": listed(0, 1, 2)},
            {"name": "empty_item", "slot": jcs(whole).decode(), "commitments": listed(0)},
        ],
        "invalid_slots": [
            bad("another_suite", suite=2),
            bad("suite_as_text", suite="1"),
            bad("segments_too_few", segments=2),
            bad("segments_too_many", segments=4),
            bad("full_last_segment", size=3 * SEGMENT),
            bad("size_negative", size=-1),
            bad("size_2_53", size=1 << 53, segments=(1 << 53) // SEGMENT + 1),
            bad("upper_case_hash", blake3="5B" * 32),
            bad("short_id", object="b1" * 15),
            bad("spare_member", name="x.mp4"),
            {"name": "heads_missing", "slot": without("heads")},
        ],
        "invalid_lists": [
            {"name": "commitments_swapped", "commitments": listed(1, 0, 2), "error": "heads"},
            {"name": "commitment_repeated", "commitments": listed(0, 0, 2), "error": "heads"},
            {"name": "commitment_left_out", "commitments": listed(0, 1), "error": "count"},
            {"name": "spare_commitment", "commitments": listed(0, 1, 2, 2), "error": "count"},
            {"name": "no_commitments", "commitments": [], "error": "count"},
        ],
    }
