"""Multi-proofs of some leaves of an item's tree, read as docs/FORMATS.md says in section 3."""

from conventions import is_integer, members, need, parse_json, unhex
from formats import leaf_hash, logged_root, node


class MultiProof:
    """A multi-proof of its form."""

    def __init__(self, data):
        hashes, leaves, self.n = members(parse_json(data), "hashes", "leaves", "n")
        need(is_integer(self.n) and isinstance(hashes, list) and isinstance(leaves, list), "its form")
        self.hashes, self.leaves = [unhex(value, 32) for value in hashes], []
        for leaf in leaves:
            i, length, salt = members(leaf, "i", "length", "salt")
            need(is_integer(i) and is_integer(length) and length < 1 << 32, "an odd leaf")
            need(not self.leaves or self.leaves[-1][0] < i, "leaves out of order")
            self.leaves.append((i, length, unhex(salt, 16)))
        need(self.leaves and self.leaves[-1][0] < self.n, "no leaf, or one too far")

    def check(self, kind, data, logged):
        level, given = [], iter(self.hashes)
        for (i, length, salt), bytes_ in zip(self.leaves, data, strict=True):
            last = i + 1 == self.n
            full = length == 65536 if not last else length <= 65536 and (length or self.n == 1)
            need(full if kind == 1 else length > 0, "a length that no leaf has")
            need(len(bytes_) == length, "bytes of another length")
            level.append((i, leaf_hash(kind, salt, bytes_)))
        width = self.n
        while width > 1:
            above, known = [], dict(level)
            for i, value in level:
                if i % 2 and i - 1 not in known:
                    value = node(next_of(given), value)
                elif i % 2:
                    continue
                elif i + 1 < width:
                    value = node(value, known[i + 1] if i + 1 in known else next_of(given))
                above.append((i // 2, value))
            level, width = above, (width + 1) // 2
        need(next(given, None) is None, "spare hashes")
        need(logged_root(kind, self.n, level[0][1]).hex() == logged, "of another tree")


def next_of(given):
    value = next(given, None)
    need(value is not None, "too few hashes")
    return value
