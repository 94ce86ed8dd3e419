"""What a room has published, as an outsider keeps it: every leaf hash, every checkpoint.

Each checkpoint's root is recomputed from one row of leaf hashes (RFC 6962), so two that are
both accepted are consistent with each other. Signatures are left to `custos-verify` and to the
Go program.
"""

import base64
import hashlib

TILE = 256


class Fork(Exception):
    """What was published does not continue what was seen before."""


def leaf_hash(leaf):
    """The hash of a leaf's data."""
    return hashlib.sha256(b"\0" + leaf).digest()


def node_hash(left, right):
    """The hash of two neighbours."""
    return hashlib.sha256(b"\1" + left + right).digest()


def parse_checkpoint(note):
    """Origin, size and root of a signed note."""
    lines = note.decode().split("\n")
    if len(lines) < 5 or lines[3] != "":
        raise Fork(f"this is no checkpoint: {note[:100]!r}")
    return lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True)


def bundle_path(number, width):
    """The path of an entry bundle below `/log` (C2SP tlog-tiles)."""
    path = f"{number % 1000:03}"
    while number >= 1000:
        number //= 1000
        path = f"x{number % 1000:03}/{path}"
    part = "" if width == TILE else f".p/{width}"
    return f"tile/entries/{path}{part}"


def parse_bundle(data, width):
    """The leaves in an entry bundle."""
    leaves, at = [], 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at:at + 2], "big")
        if end > len(data):
            raise Fork("an entry bundle is cut")
        leaves.append(data[at + 2:end])
        at = end
    if len(leaves) != width:
        raise Fork(f"an entry bundle has {len(leaves)} entries instead of {width}")
    return leaves


class Tree:
    """Leaf hashes and all nodes above them, level by level."""

    def __init__(self):
        self.levels = [[]]

    def __len__(self):
        return len(self.levels[0])

    def push(self, leaf):
        """Appends a leaf hash."""
        node = leaf
        for level in range(64):
            if level == len(self.levels):
                self.levels.append([])
            row = self.levels[level]
            row.append(node)
            if len(row) % 2:
                return
            node = node_hash(row[-2], row[-1])

    def root(self, size):
        """The root of the first `size` leaves."""
        if size == 0:
            return hashlib.sha256(b"").digest()
        root, rest = None, size
        for level in range(size.bit_length()):
            if rest & 1:
                subtree = self.levels[level][rest - 1]
                root = subtree if root is None else node_hash(subtree, root)
            rest >>= 1
        return root


class History:
    """Everything that one log has ever shown us."""

    def __init__(self, origin):
        self.origin = origin
        self.tree = Tree()
        self.notes = {}

    def newest(self):
        """The largest size that was seen."""
        return max(self.notes, default=0)

    def see(self, note):
        """Keeps a checkpoint that is covered by what was read; any other is a fork."""
        origin, size, root = parse_checkpoint(note)
        if origin != self.origin:
            raise Fork(f"it names itself `{origin}`")
        if size > len(self.tree):
            raise Fork(f"a checkpoint of size {size} covers more than the log shows")
        if self.tree.root(size) != root:
            raise Fork(f"checkpoint {size} has another root than the entries seen before")
        self.notes.setdefault(size, note)
        return size

    def follow(self, get):
        """Reads what is new through `get(path below /log)`; gives the newest size."""
        note = get("checkpoint")
        _, size, _ = parse_checkpoint(note)
        if size < self.newest():
            raise Fork(f"the log had {self.newest()} entries and now has {size}")
        start = len(self.tree) - len(self.tree) % TILE
        while start < size:
            width = min(TILE, size - start)
            leaves = parse_bundle(get(bundle_path(start // TILE, width)), width)
            for index, leaf in enumerate(leaves, start):
                self.keep(index, leaf_hash(leaf))
            start += width
        return self.see(note)

    def keep(self, index, leaf):
        """Appends a leaf hash, or compares it with the one that was seen at its index."""
        if index == len(self.tree):
            self.tree.push(leaf)
        elif self.tree.levels[0][index] != leaf:
            raise Fork(f"entry {index} is not the one that was seen before")

    def holds(self, index, leaf):
        """Whether this leaf hash, in hex, was published at this index."""
        return index < len(self.tree) and self.tree.levels[0][index].hex() == leaf
