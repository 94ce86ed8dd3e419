"""merkle.json: leaf n is the leaf hash of n as eight bytes, big-endian."""

from log_reference import Tree, leaf_hash, node_hash

LEAVES = 70_000
TREE = Tree([leaf_hash(n.to_bytes(8, "big")) for n in range(LEAVES)])


def root(size):
    return TREE.root(0, size).hex()


def inclusion(name, of, at, **changed):
    vector = {
        "name": name,
        "size": str(of),
        "root": root(min(of, LEAVES)),
        "index": str(at),
        "leaf": TREE.leaves[min(at, LEAVES - 1)].hex(),
        "proof": [h.hex() for h in TREE.inclusion(at, of)] if at < of <= LEAVES else [],
    }
    return vector | changed


def consistency(name, old, new, **changed):
    proof = TREE.consistency(old, new) if 1 <= old <= new <= LEAVES else []
    vector = {
        "name": name,
        "old_size": str(old),
        "old_root": root(min(old, LEAVES)),
        "new_size": str(new),
        "new_root": root(min(new, LEAVES)),
        "proof": [h.hex() for h in proof],
    }
    return vector | changed


def invalid_inclusion():
    good = inclusion("", 13, 5)
    proof, zero = good["proof"], "00" * 32
    return [
        inclusion("index-equals-size", 13, 13, error="Index"),
        inclusion("index-above-size", 13, 14, error="Index"),
        inclusion("size-zero", 13, 5, size="0", error="Size"),
        inclusion("size-2-to-the-53", 13, 5, size=str(2**53), error="Size"),
        inclusion("size-2-to-the-64-less-one", 13, 5, size=str(2**64 - 1), error="Size"),
        inclusion("proof-of-64-hashes", 13, 5, proof=[zero] * 64, error="TooLong"),
        inclusion("proof-of-63-hashes", 13, 5, proof=[zero] * 63, error="Proof"),
        inclusion("last-hash-missing", 13, 5, proof=proof[:-1], error="Proof"),
        inclusion("first-hash-missing", 13, 5, proof=proof[1:], error="Proof"),
        inclusion("spare-hash-behind", 13, 5, proof=proof + [zero], error="Proof"),
        inclusion("spare-hash-before", 13, 5, proof=[zero] + proof, error="Proof"),
        inclusion("hashes-swapped", 13, 5, proof=[proof[1], proof[0]] + proof[2:], error="Proof"),
        inclusion("empty-proof", 13, 5, proof=[], error="Proof"),
        inclusion("other-index", 13, 5, index="4", error="Proof"),
        inclusion("other-size-same-shape", 14, 5, root=root(13), error="Proof"),
        inclusion("other-leaf", 13, 5, leaf=TREE.leaves[6].hex(), error="Proof"),
        inclusion("node-as-leaf", 13, 5, index="2", proof=proof[1:],
                  leaf=node_hash(TREE.leaves[4], TREE.leaves[5]).hex(), error="Proof"),
        inclusion("other-root", 13, 5, root=root(12), error="Proof"),
        inclusion("hash-where-the-tree-has-one-leaf", 1, 0, proof=[zero], error="Proof"),
    ]


def invalid_consistency():
    proof, zero = consistency("", 6, 13)["proof"], "00" * 32
    return [
        consistency("old-size-zero", 6, 13, old_size="0", error="Size"),
        consistency("old-above-new", 6, 13, old_size="14", error="Size"),
        consistency("sizes-exchanged", 6, 13, old_size="13", new_size="6", error="Size"),
        consistency("new-size-2-to-the-53", 6, 13, new_size=str(2**53), error="Size"),
        consistency("proof-of-64-hashes", 6, 13, proof=[zero] * 64, error="TooLong"),
        consistency("last-hash-missing", 6, 13, proof=proof[:-1], error="Proof"),
        consistency("first-hash-missing", 6, 13, proof=proof[1:], error="Proof"),
        consistency("spare-hash-behind", 6, 13, proof=proof + [zero], error="Proof"),
        consistency("spare-hash-before", 6, 13, proof=[zero] + proof, error="Proof"),
        consistency("empty-proof", 6, 13, proof=[], error="Proof"),
        consistency("old-root-changed", 6, 13, old_root=root(5), error="Proof"),
        consistency("new-root-changed", 6, 13, new_root=root(12), error="Proof"),
        consistency("same-size-other-roots", 6, 6, new_root=root(5), error="Proof"),
        consistency("same-size-with-a-hash", 6, 6, proof=[root(6)], error="Proof"),
        consistency("forked-log", 4, 8, old_root=zero, error="Proof"),
    ]


def frontier(size):
    hashes = TREE.frontier(size)
    return {"size": str(size), "bytes": b"".join(hashes).hex(), "root": TREE.root(0, size).hex()}


def vectors():
    sizes = [*range(1, 18), 255, 256, 257, 1000, 65_535, 65_536, 65_537, LEAVES]
    proven = [(s, i) for s in [1, 2, 3, 8, 13] for i in range(s)]
    proven += [(257, 0), (257, 255), (257, 256), (1000, 999), (65_537, 65_536), (LEAVES, 12_345)]
    pairs = [(o, n) for n in [1, 2, 3, 8, 13] for o in range(1, n + 1)]
    pairs += [(255, 257), (256, 257), (256, 1000), (1000, LEAVES), (65_536, LEAVES)]
    edge = frontier(13)
    return {
        "about": "Leaf n is SHA-256(0x00 | u64 BE n). Numbers are decimal strings.",
        "roots": [{"size": str(size), "root": root(size)} for size in [0, *sizes]],
        "valid_inclusion": [inclusion(f"leaf-{i}-of-{s}", s, i) for s, i in proven],
        "invalid_inclusion": invalid_inclusion(),
        "valid_consistency": [consistency(f"{o}-to-{n}", o, n) for o, n in pairs],
        "invalid_consistency": invalid_consistency(),
        "valid_frontier": [frontier(size) for size in [0, 1, 2, 3, 7, 8, 13, 255, 256, LEAVES]],
        "invalid_frontier": [
            edge | {"name": "hash-missing", "bytes": edge["bytes"][64:], "error": "Frontier"},
            edge | {"name": "hash-too-many", "bytes": edge["bytes"] + "00" * 32, "error": "Frontier"},
            edge | {"name": "byte-too-many", "bytes": edge["bytes"] + "00", "error": "Frontier"},
            edge | {"name": "hash-for-an-empty-tree", "size": "0", "error": "Frontier"},
            edge | {"name": "size-2-to-the-53", "size": str(2**53), "error": "Size"},
        ],
    }
