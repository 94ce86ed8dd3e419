"""The root of a published log by pymerkle, compared with the one that its checkpoint signs.

    root.py FOLDER [INDEX...]    and a proof of its own for each index
"""

import base64
import pathlib
import sys

from pymerkle import InmemoryTree, verify_inclusion

WIDTH = 256


def name(number):
    """C2SP's: groups of three digits, all but the last behind an x."""
    groups = [f"{number % 1000:03}"]
    while number := number // 1000:
        groups.insert(0, f"x{number % 1000:03}")
    return "/".join(groups)


def leaves(folder, size):
    for first in range(0, size, WIDTH):
        width = min(WIDTH, size - first)
        place = f"tile/entries/{name(first // WIDTH)}"
        bundle = (folder / (place if width == WIDTH else f"{place}.p/{width}")).read_bytes()
        for _ in range(width):
            end = 2 + int.from_bytes(bundle[:2])
            assert len(bundle) >= end, "a bundle is short"
            yield bundle[2:end]
            bundle = bundle[end:]
        assert not bundle, "a bundle is long"


def main(folder, indices):
    folder = pathlib.Path(folder)
    _, size, root = (folder / "checkpoint").read_text().split("\n")[:3]
    size = int(size)
    tree = InmemoryTree(algorithm="sha256")
    for leaf in leaves(folder, size):
        tree.append_entry(leaf)
    assert tree.get_size() == size
    assert tree.get_root(size) == base64.b64decode(root, validate=True), "another root"
    for index in map(int, indices):
        # It counts from 1.
        base = tree.get_leaf(index + 1)
        verify_inclusion(base, tree.get_root(size), tree.prove_inclusion(index + 1, size))
    print(f"pymerkle makes the same root of {size} entries")


main(sys.argv[1], sys.argv[2:])
