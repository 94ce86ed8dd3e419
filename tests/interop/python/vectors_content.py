"""Frozen vectors of content trees, record trees and multi-proofs."""

from formats import (
    GENERATED,
    LEAF,
    content_leaves,
    generated,
    jcs,
    leaf_hash,
    leaf_salt,
    logged_root,
    node,
    proof,
    root,
    tree,
    tree_key,
)

SALT_KEY = bytes(range(64, 96))
CONTENT, RECORDS = 1, 2
KEYS = {CONTENT: tree_key(SALT_KEY, CONTENT, 0), RECORDS: tree_key(SALT_KEY, RECORDS, 1)}


def records(n):
    return [f"line {i}\n".encode() for i in range(n)]


def keys():
    numbered = [(CONTENT, 0), (RECORDS, 1), (RECORDS, 2), (RECORDS, (1 << 32) - 1)]
    return [
        {"kind": kind, "number": number, "tree_key": tree_key(SALT_KEY, kind, number).hex()}
        for kind, number in numbered
    ]


def salts():
    return [
        {"i": i, "salt": leaf_salt(KEYS[CONTENT], i).hex()}
        for i in [0, 1, 255, 256, 1 << 32, (1 << 53) - 2]
    ]


def content_trees():
    out = []
    for length in [
        0,
        1,
        LEAF - 1,
        LEAF,
        LEAF + 1,
        2 * LEAF,
        16 * LEAF,
        16 * LEAF + 1,
        17 * LEAF,
        33 * LEAF + 9,
    ]:
        hashes, logged = tree(CONTENT, KEYS[CONTENT], content_leaves(generated(length)))
        out.append(
            {
                "generated": length,
                "n": len(hashes),
                "root": root(hashes).hex(),
                "logged_root": logged.hex(),
            }
        )
    return out


def record_trees():
    out = []
    for n in [1, 2, 3, 5, 16, 17, 1000, 1001]:
        hashes, logged = tree(RECORDS, KEYS[RECORDS], records(n))
        out.append(
            {
                "n": n,
                "first_leaf": hashes[0].hex(),
                "root": root(hashes).hex(),
                "logged_root": logged.hex(),
            }
        )
    return out


def case(name, kind, logged, text, leaves, **more):
    """A proof as its exact text, with the bytes of its leaves."""
    text = text if isinstance(text, str) else jcs(text).decode()
    return {
        "name": name,
        "kind": kind,
        "logged_root": logged.hex(),
        "proof": text,
        "leaves": leaves,
        **more,
    }


def literal(*leaves):
    return [{"hex": leaf.hex()} for leaf in leaves]


def valid_proofs():
    out = []
    for n, shown in [
        (1, [0]),
        (2, [0]),
        (2, [1]),
        (2, [0, 1]),
        (5, [4]),
        (5, [0, 4]),
        (7, [1, 2]),
        (16, [3]),
        (17, [16]),
        (17, [0, 16]),
        (40, [0, 15, 16, 17, 31, 39]),
        (1000, [0, 500, 999]),
        (1001, [0, 500, 1000]),
        (1500, [3, 4, 5, 900, 1499]),
    ]:
        leaves = records(n)
        hashes, logged = tree(RECORDS, KEYS[RECORDS], leaves)
        name = f"records_{n}_show_{'_'.join(map(str, shown))}"
        made = proof(hashes, KEYS[RECORDS], leaves, shown)
        out.append(case(name, RECORDS, logged, made, literal(*(leaves[i] for i in shown))))
    for length, shown in [
        (0, [0]),
        (1, [0]),
        (LEAF, [0]),
        (LEAF + 1, [1]),
        (20 * LEAF + 3, [0, 17, 20]),
    ]:
        leaves = content_leaves(generated(length))
        hashes, logged = tree(CONTENT, KEYS[CONTENT], leaves)
        name = f"content_{length}_show_{'_'.join(map(str, shown))}"
        made = proof(hashes, KEYS[CONTENT], leaves, shown)
        parts = [{"generated": [i * LEAF, i * LEAF + len(leaves[i])]} for i in shown]
        out.append(case(name, CONTENT, logged, made, parts))
    return out


def invalid_structure():
    """Refused before any leaf is hashed."""
    leaves = records(5)
    hashes, logged = tree(RECORDS, KEYS[RECORDS], leaves)
    good = proof(hashes, KEYS[RECORDS], leaves, [1, 3])
    one, three = good["leaves"]
    text = jcs(good).decode()
    both = literal(leaves[1], leaves[3])

    def bad(name, error, proof_, parts=both):
        return case(name, RECORDS, logged, proof_, parts, error=error)

    lone_hash = {"hashes": [root(hashes).hex()], "leaves": [], "n": 5}
    huge = {**good, "n": 1 << 53}
    return [
        bad("multiproof_without_leaves", "no_leaf", lone_hash, []),
        bad(
            "multiproof_repeated_index",
            "order",
            {**good, "leaves": [one, one]},
            literal(leaves[1], leaves[1]),
        ),
        bad(
            "multiproof_descending_indices",
            "order",
            {**good, "leaves": [three, one]},
            literal(leaves[3], leaves[1]),
        ),
        bad("multiproof_index_at_count", "order", {**good, "leaves": [one, {**three, "i": 5}]}),
        bad("multiproof_count_zero", "order", {**good, "n": 0}),
        bad("multiproof_count_2_53", "json", huge),
        bad("multiproof_spare_hash", "hashes", {**good, "hashes": good["hashes"] + ["00" * 32]}),
        bad(
            "multiproof_spare_hash_first",
            "hashes",
            {**good, "hashes": ["00" * 32] + good["hashes"]},
        ),
        bad("multiproof_missing_hash", "hashes", {**good, "hashes": good["hashes"][:-1]}),
        bad("multiproof_no_hashes", "hashes", {**good, "hashes": []}),
        bad("multiproof_smaller_count", "hashes", {**good, "n": 4}),
        bad("multiproof_far_larger_count", "hashes", {**good, "n": 1 << 40}),
        bad(
            "multiproof_upper_case_hash",
            "json",
            {**good, "hashes": [h.upper() for h in good["hashes"]]},
        ),
        bad("multiproof_short_hash", "json", {**good, "hashes": [h[:-2] for h in good["hashes"]]}),
        bad(
            "multiproof_short_salt",
            "json",
            {**good, "leaves": [{**one, "salt": one["salt"][2:]}, three]},
        ),
        bad(
            "multiproof_length_as_text", "json", {**good, "leaves": [{**one, "length": "7"}, three]}
        ),
        bad(
            "multiproof_length_2_32",
            "json",
            {**good, "leaves": [{**one, "length": 1 << 32}, three]},
        ),
        bad("multiproof_negative_index", "json", {**good, "leaves": [{**one, "i": -1}, three]}),
        bad("multiproof_spare_member", "json", {**good, "root": root(hashes).hex()}),
        bad("multiproof_spare_leaf_member", "json", {**good, "leaves": [{**one, "x": 1}, three]}),
        bad("multiproof_without_count", "json", {key: good[key] for key in ("hashes", "leaves")}),
        bad("multiproof_repeated_member", "json", text[:-1] + ',"n":5}'),
        bad("multiproof_white_space", "json", text.replace('"n":', '"n": ')),
        bad("multiproof_line_feed_at_end", "json", text + "\n"),
        bad("multiproof_count_with_fraction", "json", text.replace('"n":5', '"n":5.0')),
        bad("multiproof_members_unsorted", "json", '{"n":5,' + text[1:].replace(',"n":5', "")),
        bad("multiproof_empty", "json", ""),
    ]


def invalid_leaves():
    """Refused by what the leaves hash to, or by their lengths."""
    leaves = records(6)
    hashes, logged = tree(RECORDS, KEYS[RECORDS], leaves)
    good = proof(hashes, KEYS[RECORDS], leaves, [1, 3])
    one, three = good["leaves"]
    first = proof(hashes, KEYS[RECORDS], leaves, [0])
    both = literal(leaves[1], leaves[3])
    swapped = [{**one, "salt": three["salt"]}, {**three, "salt": one["salt"]}]
    pair, pair_logged = tree(RECORDS, KEYS[RECORDS], records(2))
    inner = {"hashes": [], "leaves": [{"i": 0, "length": 65, "salt": "00" * 16}], "n": 1}
    other_hashes, _ = tree(RECORDS, KEYS[RECORDS], records(7))

    def bad(name, error, proof_, parts=both, logged=logged, kind=RECORDS):
        return case(name, kind, logged, proof_, parts, error=error)

    return [
        bad("hashes_swapped", "root", {**good, "hashes": good["hashes"][::-1]}),
        bad("flipped_hash", "root", {**good, "hashes": ["00" * 32] + good["hashes"][1:]}),
        bad("salts_swapped", "root", {**good, "leaves": swapped}),
        bad("leaves_swapped", "root", good, both[::-1]),
        bad("altered_leaf", "root", good, literal(b"LINE 1\n", leaves[3])),
        bad("moved_leaf", "root", {**good, "leaves": [{**one, "i": 0}, three]}),
        bad("another_count_of_the_same_shape", "root", {**first, "n": 7}, literal(leaves[0])),
        bad(
            "proof_of_another_tree", "root", proof(other_hashes, KEYS[RECORDS], records(7), [1, 3])
        ),
        bad("unbound_root", "root", good, logged=root(hashes)),
        bad("root_of_another_kind", "root", good, logged=logged_root(CONTENT, 6, root(hashes))),
        bad("root_of_another_count", "root", good, logged=logged_root(RECORDS, 7, root(hashes))),
        bad("node_as_leaf", "root", inner, literal(b"\1" + pair[0] + pair[1]), logged=pair_logged),
        bad("leaf_left_out", "bytes", good, both[:1]),
        bad("spare_leaf", "bytes", good, both + literal(leaves[4])),
        bad("leaf_cut", "bytes", good, literal(leaves[1][:-1], leaves[3])),
        bad("leaf_extended", "bytes", good, literal(leaves[1] + b"\n", leaves[3])),
        bad("length_of_another_leaf", "bytes", {**good, "leaves": [{**one, "length": 8}, three]}),
    ]


def invalid_lengths():
    """Trees that hash as they should, of leaves that no tree of their kind has."""

    def of(name, kind, leaves, shown, parts):
        hashes, logged = tree(kind, KEYS[kind], leaves)
        made = proof(hashes, KEYS[kind], leaves, shown)
        return case(name, kind, logged, made, parts, error="leaf_length")

    short, long = generated(LEAF - 1), generated(LEAF + 1)
    return [
        of("content_short_inner_leaf", CONTENT, [short, b"x"], [0], [{"generated": [0, LEAF - 1]}]),
        of("content_long_inner_leaf", CONTENT, [long, b"x"], [0], [{"generated": [0, LEAF + 1]}]),
        of("content_long_last_leaf", CONTENT, [long], [0], [{"generated": [0, LEAF + 1]}]),
        of("content_empty_last_leaf", CONTENT, [generated(LEAF), b""], [1], literal(b"")),
        of("records_empty_record", RECORDS, [b"a", b"", b"c"], [1], literal(b"")),
        of("records_empty_item", RECORDS, [b""], [0], literal(b"")),
    ]


def content():
    assert node(bytes(32), bytes(32)) != leaf_hash(RECORDS, bytes(16), bytes(64))
    return {
        "about": "section 3: trees over an item's bytes. Record i of the record trees is "
        "`line i` and a line feed; a proof stands as its exact text, its leaves in hex or as "
        "[from, to) of the generated input",
        "generated": GENERATED,
        "salt_key": SALT_KEY.hex(),
        "keys": keys(),
        "salts": salts(),
        "content_trees": content_trees(),
        "record_trees": record_trees(),
        "valid": valid_proofs(),
        "invalid": invalid_structure() + invalid_leaves() + invalid_lengths(),
    }
