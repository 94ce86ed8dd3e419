"""Checks the frozen vectors of sections 1 to 3, and reads and writes messages for others.

    seal.py check            recompute every vector; open messages with Cobblestone-256
    seal.py write            write tests/vectors/{cipher,wrap,object,content}.json anew
    seal.py emit N SEED      N messages made by Cobblestone-256, a JSON line each
    seal.py open             open messages from standard input, a JSON line each

`check` and `open` print `N passed, N failed` and fail if anything did. The lines of `emit`
and `open` are {"key","context","plain","message"}, all hex.
"""

import json
import pathlib
import random
import sys

import vectors_cipher
import vectors_content
from cryptography.exceptions import InvalidTag
from formats import generated, open_by_cobblestone, seal, seal_by_cobblestone

VECTORS = pathlib.Path(__file__).parents[2] / "vectors"
FILES = {
    "cipher": vectors_cipher.cipher,
    "wrap": vectors_cipher.wrap,
    "object": vectors_cipher.stored_object,
    "content": vectors_content.content,
}


class Tally:
    """Counts, and names what failed."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, name, good):
        if good:
            self.passed += 1
        else:
            self.failed += 1
            print("failed:", name)

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed")
        sys.exit(1 if self.failed or not self.passed else 0)


def text(value):
    return json.dumps(value, indent=1) + "\n"


def refused(key, context, message):
    """Whether the independent reader refuses the message."""
    try:
        open_by_cobblestone(key, context, message)
    except (InvalidTag, ValueError):
        return True
    return False


def check_messages(tally):
    """Messages are opened by Cobblestone-256 too, the bad ones refused."""
    vectors = json.loads((VECTORS / "cipher.json").read_bytes())
    made = {}
    for case in vectors["valid"]:
        key, context, salt = (bytes.fromhex(case[part]) for part in ("key", "context", "salt"))
        plain = case["plain"]
        plain = bytes.fromhex(plain["hex"]) if "hex" in plain else generated(plain["generated"])
        message = seal(key, salt, context, plain)
        made[case["name"]] = (case, message)
        tally.check(case["name"], vectors_cipher.shown(message) == case["message"])
        tally.check(case["name"], open_by_cobblestone(key, context, message) == plain)
    for case in vectors["invalid"]:
        of, base = made[case["of"]]
        pieces = [
            bytes.fromhex(piece) if isinstance(piece, str) else base[slice(*piece)]
            for piece in case["message"]
        ]
        key = bytes.fromhex(case.get("key", of["key"]))
        context = bytes.fromhex(case.get("context", of["context"]))
        tally.check(case["name"], refused(key, context, b"".join(pieces)))


def check():
    tally = Tally()
    for name, make in FILES.items():
        frozen = (VECTORS / f"{name}.json").read_text()
        tally.check(f"{name}.json is what the formats make", frozen == text(make()))
    check_messages(tally)
    tally.finish()


def write():
    for name, make in FILES.items():
        (VECTORS / f"{name}.json").write_text(text(make()))


def emit(count, seed):
    """Sizes fall around the edges of chunks."""
    chance = random.Random(seed)
    for _ in range(count):
        edge = chance.choice([0, 0, 1 << 14, 1 << 15])
        plain = chance.randbytes(max(0, edge + chance.randint(-40, 40)))
        key, context = chance.randbytes(32), chance.randbytes(chance.randint(0, 80))
        message = seal_by_cobblestone(key, context, plain)
        parts = {"key": key, "context": context, "plain": plain, "message": message}
        print(json.dumps({name: part.hex() for name, part in parts.items()}))


def open_all():
    tally = Tally()
    for number, line in enumerate(sys.stdin):
        case = {name: bytes.fromhex(part) for name, part in json.loads(line).items()}
        opened = open_by_cobblestone(case["key"], case["context"], case["message"])
        tally.check(f"line {number}", opened == case["plain"])
    tally.finish()


def main():
    match sys.argv[1:]:
        case ["check"]:
            check()
        case ["write"]:
            write()
        case ["emit", count, seed]:
            emit(int(count), int(seed))
        case ["open"]:
            open_all()
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
