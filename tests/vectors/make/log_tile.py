"""tile.json: C2SP tlog-tiles paths, entry bundles, and what growing publishes."""


def path(level, index, width):
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03}")
    partial = f".p/{width}" if width < 256 else ""
    return f"tile/{level}/{'/'.join(reversed(groups))}{partial}"


def published(old, new):
    """From the definition: tile by tile, what differs between the two sizes."""
    paths = []
    for name, level in [("entries", 0), *((str(n), n) for n in range(7))]:
        before, after = old >> 8 * level, new >> 8 * level
        for index in range((after + 255) // 256):
            width = min(256, after - index * 256)
            if width != min(256, max(0, before - index * 256)):
                paths.append(path(name, index, width))
    return paths


def bundle(*entries):
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def vectors():
    named = [
        ("entries", 0, 1), ("entries", 0, 256), ("entries", 999, 255), ("entries", 1000, 256),
        ("0", 0, 256), ("0", 1_234_067, 256), ("0", 273, 112), ("1", 1, 17), ("2", 0, 1),
        ("6", 31, 200), ("63", 0, 256), ("0", 2**45 - 1, 255), ("0", 1_000_000, 256),
    ]
    odd = {
        "width-0": "tile/0/000.p/0", "width-256": "tile/0/000.p/256",
        "width-257": "tile/0/000.p/257", "width-07": "tile/0/000.p/07",
        "width-missing": "tile/0/000.p/", "suffix-without-width": "tile/0/000.p",
        "level-64": "tile/64/000", "level-07": "tile/07/000", "level-empty": "tile//000",
        "level-negative": "tile/-1/000", "level-upper-case": "tile/ENTRIES/000",
        "level-data": "tile/data/000", "index-of-two-digits": "tile/0/00",
        "index-of-four-digits": "tile/0/0000", "index-without-x": "tile/0/001/234",
        "index-with-x-last": "tile/0/x001", "index-with-spare-group": "tile/0/x000/001",
        "index-upper-case-x": "tile/0/X001/234", "index-empty": "tile/0/",
        "index-2-to-the-45": path("0", 2**45, 256), "index-beyond-64-bits": "tile/0/" + "x999/" * 7 + "999",
        "height-in-path": "tile/8/0/000", "leading-slash": "/tile/0/000",
        "trailing-slash": "tile/0/000/", "parent-folder": "tile/0/../0/000",
        "double-slash": "tile/0//000", "white-space": "tile/0/000 ", "line-feed": "tile/0/000\n",
        "other-digits": "tile/0/00\u0661", "empty": "", "only-tile": "tile",
        "escape": "tile/0/%30%30%30", "query": "tile/0/000?x", "sign": "tile/0/+00",
        "width-sign": "tile/0/000.p/+1", "width-twice": "tile/0/000.p/1.p/1",
    }
    three = [b"\x01" + bytes(32), b"", b"\xff" * 300]
    sizes = [(0, 1), (0, 256), (0, 257), (1, 2), (255, 256), (256, 257), (255, 513), (7, 7),
             (65_535, 65_536), (65_536, 65_537), (69_999, 70_000)]
    return {
        "valid_paths": [
            {"path": path(*parts), "level": parts[0], "index": str(parts[1]), "width": parts[2]}
            for parts in named
        ],
        "invalid_paths": [{"name": name, "path": text} for name, text in odd.items()],
        "published": [
            {"old_size": str(old), "new_size": str(new), "paths": published(old, new)}
            for old, new in sizes
        ],
        "valid_bundles": [
            {"name": "one-entry", "width": 1, "bytes": bundle(three[0]).hex(),
             "entries": [three[0].hex()]},
            {"name": "three-entries", "width": 3, "bytes": bundle(*three).hex(),
             "entries": [entry.hex() for entry in three]},
        ],
        "invalid_bundles": [
            {"name": "width-0", "width": 0, "bytes": "", "error": "Width"},
            {"name": "width-257", "width": 257, "bytes": bundle(*[b""] * 257).hex(), "error": "Width"},
            {"name": "entry-missing", "width": 3, "bytes": bundle(*three[:2]).hex(), "error": "Length"},
            {"name": "entry-too-many", "width": 2, "bytes": bundle(*three).hex(), "error": "Length"},
            {"name": "entry-cut", "width": 3, "bytes": bundle(*three)[:-1].hex(), "error": "Length"},
            {"name": "length-cut", "width": 1, "bytes": "00", "error": "Length"},
            {"name": "byte-behind", "width": 1, "bytes": bundle(three[0]).hex() + "00", "error": "Length"},
            {"name": "length-little-endian", "width": 1, "bytes": "2100" + "01" + "00" * 32, "error": "Length"},
        ],
        "valid_hash_tiles": [{"width": 2, "bytes": "11" * 32 + "22" * 32, "hashes": ["11" * 32, "22" * 32]}],
        "invalid_hash_tiles": [
            {"name": "width-0", "width": 0, "bytes": "", "error": "Width"},
            {"name": "width-257", "width": 257, "bytes": "11" * 32 * 257, "error": "Width"},
            {"name": "hash-missing", "width": 2, "bytes": "11" * 32, "error": "Length"},
            {"name": "hash-too-many", "width": 1, "bytes": "11" * 64, "error": "Length"},
            {"name": "byte-missing", "width": 1, "bytes": "11" * 31, "error": "Length"},
        ],
    }
