"""Verifies bundles: `bundle.py POLICY BUNDLE [RECEIPT...]`, or all frozen vectors without
arguments. A file `trust.json` beside the policy is not read unless a vector names one. It follows
docs/FORMATS.md, and gives the step at which a bundle fails; tokens of time authorities are judged by
`openssl ts`.
"""

import json
import re
import sys
from pathlib import Path

import archive
from conventions import (
    LARGEST, Refused, canonical, is_hex, is_integer, members, need, parse_json, sha256, unbase64,
    unhex,
)
from entry import SUBJECTS, Entry, check_control
from formats import leaf_hash, leaf_salt, logged_root, root
from multi_proof import MultiProof
from reader import Checkpoint, Key, Note, Proof, Receipt, Trust, check_consistency, trusted
from token_judge import Token

VECTORS = Path(__file__).parents[2] / "vectors" / "bundle"
LIMIT = 16 << 20
CODE = "[A-Z0-9.]{1,16}"
PLACES = {
    "certificate": "certificate[.]pdf",
    "content": "content/item|content/tree[.]json",
    "custody": r"entries/(N)([.]control)?[.]json|proofs/(N)[.]tlog-proof|checkpoints/(S)[.]note",
    "excerpt": "content/proof[.]json|content/leaves/(N)",
    "history": "checkpoints/(S)-(S)[.]consistency",
    "instructions": "README[.]txt",
    "keys": "keys/.*",
    "redaction": "content/redaction[.]json",
    "register": "register[.]json",
    "timestamps": "timestamps/(S)-([0-9a-f]{8})[.]tsr",
    "verifier": "verify[.]html",
}
PLACES = {
    part: re.compile(form.replace("N", "0|[1-9][0-9]*").replace("S", "[1-9][0-9]*"), re.A)
    for part, form in PLACES.items()
}


class Bundle:
    """One bundle; each method named as a step raises `Refused` where it fails."""

    def __init__(self, data, trust, held, authorities=()):
        self.data, self.trust, self.receipts = data, trust, held
        self.authorities = authorities

    def verify(self):
        """None, or the step that fails."""
        for step in (
            "zip", "bundle.note", "files", "checkpoint", "witness", "consistency", "entry",
            "inclusion", "key", "chain", "content", "redaction", "register", "timestamp", "held",
        ):
            try:
                getattr(self, step.replace(".", "_"))()
            except Refused:
                return step
        return None

    def zip(self):
        self.places = archive.read(self.data)
        for file in self.places.values():
            need(archive.crc_is(self.data, file), "a CRC-32")

    def bundle_note(self):
        self.note = Note(self.file("bundle.note"), LIMIT)
        need(self.note.text.endswith("}\n"), "not a line of JSON")
        value = parse_json(self.note.text[:-1].encode())
        names = "absent checkpoint control files included origin scope subject v withheld"
        absent, size, control, files, included, origin, scope, subject, v, withheld = members(
            value, *names.split()
        )
        need(type(v) is int and v == 1 and isinstance(origin, str), "another version")
        need(is_integer(size, 1) and is_integer(control) and control < size, "its numbers")
        kind, identity = members(subject, "type", "id")
        need(kind in SUBJECTS and is_hex(identity, 16) and is_hex(scope, 16), "its subject")
        need(isinstance(files, dict), "its files")
        for name, sums in files.items():
            length, digest = members(sums, "length", "sha256")
            need(is_integer(length) and is_hex(digest, 32), "a file's sums")
            good = archive.NAME.fullmatch(name) and len(name) <= 200
            need(good and name.lower() != "bundle.note", "a file's name")
        for words in (absent, included, withheld):
            need(isinstance(words, list) and all(w in PLACES for w in words), "its parts")
            need(words == sorted(set(words)), "parts out of order")
        need(sorted(absent + included + withheld) == sorted(PLACES), "not each part once")
        present = {self.part(name) for name in files} - {None} | {"custody"}
        need(included == sorted(present), "parts that are not those of the files")
        self.size, self.control, self.listed, self.origin = size, control, files, origin
        self.scope, self.subject = scope, subject

    def files(self):
        need(set(self.listed) == set(self.places) - {"bundle.note"}, "other files than listed")
        for name, sums in self.listed.items():
            data = self.file(name, None)
            need(self.part(name), "a file without a place")
            need(len(data) == sums["length"], "a length")
            need(sha256(data).hex() == sums["sha256"], "a SHA-256")

    def checkpoint(self):
        keys = [key for key in self.trust.logs if key.name == self.origin]
        need(keys, "no key of this log")
        self.heads = {}
        for size in self.numbers("checkpoints/(.*)[.]note"):
            head = Checkpoint(self.file(f"checkpoints/{size}.note", 65536))
            need((head.origin, head.size) == (self.origin, size), "of another log or size")
            need(head.note.signers(keys), "not signed by the log")
            self.heads[size] = head
        need(self.heads and max(self.heads) == self.size, "not the newest")

    def witness(self):
        for size, head in self.heads.items():
            (self.trust.endorsed if size == self.size else self.trust.logged)(head)

    def consistency(self):
        sizes = sorted(self.heads)
        for old, new in zip(sizes, sizes[1:]):
            heads = (self.heads[old], self.heads[new])
            check_consistency(self.joint(old, new), old, heads[0].root, new, heads[1].root)
        self.joints = []
        for name in self.listed:
            if match := re.fullmatch("checkpoints/(.*)-(.*)[.]consistency", name):
                old, new = map(int, match.groups())
                if (old, new) not in zip(sizes, sizes[1:]):
                    need(old not in self.heads and new in self.heads, "not of neighbours")
                    self.joints.append((old, new, self.joint(old, new)))
        self.joints.sort()

    def joint(self, old, new):
        hashes = parse_json(self.file(f"checkpoints/{old}-{new}.consistency", 63 * 67 + 2))
        need(isinstance(hashes, list) and len(hashes) <= 63, "no array of hashes")
        return [unhex(value, 32) for value in hashes]

    def entry(self):
        self.entries, self.controls = {}, {}
        for index in self.numbers("entries/([0-9]*)[.]json"):
            entry = Entry(self.file(f"entries/{index}.json", 262144))
            need(entry.open[1] == self.origin and 31 not in entry.open, "of another log, or rows")
            self.entries[index] = entry
        for index in self.numbers("entries/(.*)[.]control[.]json"):
            control = check_control(self.file(f"entries/{index}.control.json", 65534))
            need(control["origin"] == self.origin, "of another log")
            need((control["kind"] in ("open", "succeed")) == (index == 0), "where a log begins")
            self.controls[index] = control
        both = [*self.entries, *self.controls]
        need(all(index < self.size for index in both) and len(set(both)) == len(both), "an index")
        need(0 not in self.entries, "the first entry is a control entry")
        self.by_c = {entry.c: index for index, entry in self.entries.items()}
        need(len(self.by_c) == len(self.entries), "an entry stands twice")
        self.entries = dict(sorted(self.entries.items()))

    def inclusion(self):
        leaves = {index: b"\1" + entry.c for index, entry in self.entries.items()}
        leaves |= {index: b"\2" + canonical(control) for index, control in self.controls.items()}
        need(set(self.numbers("proofs/(.*)[.]tlog-proof")) == set(leaves), "a proof or entry lacks")
        for index, leaf in leaves.items():
            proof = Proof(self.file(f"proofs/{index}.tlog-proof"))
            need(proof.extra is None and proof.index == index, "another index, or extra data")
            need(proof.checkpoint.data == self.heads[self.size].data, "not the newest checkpoint")
            proof.check(leaf)

    def key(self):
        need(self.control in self.controls, "no control entry")
        own = [index for index, entry in self.entries.items() if self.is_own(entry)]
        if own:
            below = max((index for index in self.controls if index < own[-1]), default=None)
            need(below == self.control, "not the newest control entry")
        keys, name = [], self.origin + "/bundle"
        for vkey in self.controls[self.control]["bundle_keys"]:
            try:
                keys.append(Key(vkey))
            except Refused:
                continue
        keys = [key for key in keys if key.name == name and key.type == b"\1"]
        need(self.note.signers(keys), "no such key signed")

    def is_own(self, entry):
        return entry.open.get(20) == self.subject and entry.open.get(5) == self.scope

    def chain(self):
        last = -LARGEST - 1
        for entry in self.entries.values():
            need(entry.open.get(3, last) >= last, "time falls")
            last = entry.open.get(3, last)
        for nth in (6, 8, 10):
            self.links(nth)
        before, self.own = None, []
        for index, entry in self.entries.items():
            if self.is_own(entry):
                number = len(self.own) + 1
                need(2 in entry.open and entry.open.get(10) == number, "a gap")
                need(11 in entry.open and entry.open[11] == before, "another predecessor")
                before = entry.c.hex()
                self.own.append(index)
        need(self.own and self.entries[self.own[-1]].open[2] == "bundle", "not ended by a bundle")
        self.adding = [index for index in self.own if self.entries[index].adds()]

    def links(self, nth):
        chains, followed = {}, set()
        for index, entry in self.entries.items():
            shown = entry.open
            number, prev = shown.get(nth), shown.get(nth + 1)
            need(prev is None or prev not in followed, "a fork")
            followed.add(prev)
            if prev is not None and bytes.fromhex(prev) in self.by_c:
                at = self.by_c[bytes.fromhex(prev)]
                named = self.entries[at].open
                same = [5, 20] if nth == 10 else [5]
                need(at < index, "named before it stands")
                need(all(s not in named or s not in shown or named[s] == shown[s] for s in same), "")
                if nth in named:
                    need(named[nth] is not None, "named, and in no chain")
                    need(number is None or named[nth] + 1 == number, "numbers that do not follow")
            if nth == 10 and 20 not in shown or 5 not in shown or number is None:
                continue
            chain = (shown[5], canonical(shown[20]) if nth == 10 else None)
            if chain in chains:
                earlier, c = chains[chain]
                need(earlier < number, "a number that does not rise")
                follows = earlier + 1 == number and nth + 1 in shown
                need(not follows or prev == c.hex(), "another predecessor")
            chains[chain] = (number, entry.c)

    def content(self):
        item, tree = "content/item" in self.listed, "content/tree.json" in self.listed
        proof = "content/proof.json" in self.listed
        leaves = self.numbers("content/leaves/(.*)")
        if item and tree and not proof and not leaves:
            self.whole()
        elif proof and not item and not tree:
            self.excerpt(leaves)
        else:
            need(not (item or tree or proof or leaves), "content in parts")

    def whole(self):
        tree = parse_json(self.file("content/tree.json", 4096))
        kind, number, key = members(tree, "kind", "number", "tree_key")
        need(type(kind) is int and kind == 1 and type(number) is int and number == 0, "its kind")
        key, data = unhex(key, 32), self.file("content/item", None)
        pieces = [data[at : at + 65536] for at in range(0, len(data), 65536)] or [b""]
        hashes = [leaf_hash(1, leaf_salt(key, i), piece) for i, piece in enumerate(pieces)]
        logged = logged_root(1, len(hashes), root(hashes)).hex()
        wanted, complete = {22: len(data), 23: sha256(data).hex(), 24: logged}, False
        for index in self.adding:
            shown = self.entries[index].open
            need(all(shown.get(slot, value) == value for slot, value in wanted.items()), "other bytes")
            complete = complete or all(slot in shown for slot in wanted)
        need(complete, "no adding entry shows size, SHA-256 and root")

    def excerpt(self, leaves):
        proof = MultiProof(self.file("content/proof.json"))
        need(len(leaves) == len(proof.leaves), "other leaves than proven")
        self.refuse_guesses(self.subject)
        shown = [self.entries[index].open for index in self.adding]
        roots = [open_[24] for open_ in shown if 24 in open_]
        need(roots, "no root")
        data = [self.file(f"content/leaves/{i}", 65536) for i, _, _ in proof.leaves]
        proof.check(1, data, roots[0])

    def refuse_guesses(self, subject):
        for entry in self.entries.values():
            tells = entry.adds() or entry.open.get(2) == "restored"
            if tells and entry.open.get(20) == subject:
                need(not {22, 23, 26, 27} & set(entry.open), "what confirms guesses")

    def redaction(self):
        if "content/redaction.json" not in self.listed:
            return
        need("content/item" in self.listed, "no copy")
        derived = next((i for i in self.adding if 28 in self.entries[i].open), None)
        need(derived is not None, "no derivation")
        need(self.entries[derived].open[2] == "derive", "not derived")
        source, tree, runs = self.derivation(self.entries[derived].open[28])
        source, tree = self.named(source, derived), self.named(tree, derived)
        self.refuse_guesses(source.open[20])
        need(source.adds() and tree.open[2] == "record_tree" and 24 in tree.open, "other kinds")
        need(source.open[20] == tree.open[20], "a tree of another item")
        proof = MultiProof(self.file("content/redaction.json"))
        need(proof.n == tree.open[24]["n"], "another count")
        data, at, index, records = self.file("content/item", None), 0, 0, []
        shown, runs = list(proof.leaves), list(runs)
        while index < proof.n:
            if runs and runs[0][0] == index:
                _, last, code = runs.pop(0)
                piece, index = f"[withheld {code}]".encode(), last + 1
                need(data[at : at + len(piece)] == piece, "another mark")
            else:
                need(shown and shown[0][0] == index, "neither shown nor withheld")
                _, length, _ = shown.pop(0)
                need(length <= 64 << 20, "too long a record")
                piece, index = data[at : at + length], index + 1
                records.append(piece)
            at += len(piece)
        need(index == proof.n and not shown and not runs and at == len(data), "spare parts")
        proof.check(2, records, tree.open[24]["root"])

    @staticmethod
    def derivation(value):
        names = ("parameters", "sources", "operator", "reason", "tool", "version")
        parameters, sources, *_ = members(value, *names)
        need(isinstance(sources, list) and len(sources) == 1, "not one source")
        runs, tree = members(parameters, "runs", "tree")
        need(isinstance(runs, list), "no runs")
        found = []
        for run in runs:
            code, first, last = members(run, "code", "first", "last")
            good = is_integer(first) and is_integer(last) and first <= last
            need(good and isinstance(code, str) and re.fullmatch(CODE, code, re.A), "an odd run")
            if found:
                gap = first - found[-1][1]
                need(gap > 1 or gap == 1 and code != found[-1][2], "runs that do not follow")
            found.append((first, last, code))
        return unhex(sources[0], 32), unhex(tree, 32), found

    def named(self, c, below):
        index = self.by_c.get(c, below)
        need(index < below, "an entry is missing")
        need({2, 5, 20} <= set(self.entries[index].open), "a slot is withheld")
        return self.entries[index]

    def register(self):
        if "register.json" not in self.listed:
            return
        at, leaves = members(parse_json(self.file("register.json")), "entry", "leaves")
        need(is_integer(at) and isinstance(leaves, list), "an odd register")
        leaves = [register_leaf(leaf) for leaf in leaves]
        need(all(x[0] < y[0] for x, y in zip(leaves, leaves[1:])), "leaves out of order")
        need(at in self.entries, "no entry of the register")
        own = self.entries[at].open
        need(own.get(2) == "register" and {5, 22} <= set(own), "it shows no register")
        need(own[5] == self.scope, "a register of another scope")
        told = own[22]
        hashes = [sha256(b"\0custos/register/v1\0" + a + b) for a, b, _, _ in leaves]
        found = root(hashes) if hashes else sha256(b"")
        need(told["n"] == len(leaves) and told["root"] == found.hex(), "other leaves")
        items = self.walk(at, told)
        self.uncounted(at, items, told["last_item"])
        self.match(at, leaves, items)

    def below(self, at):
        """The entries of the scope below the register."""
        return [(i, e) for i, e in self.entries.items() if i < at and e.open.get(5) == self.scope]

    def walk(self, at, told):
        numbered = [(e.open[8], i) for i, e in self.below(at) if e.open.get(8) is not None]
        by_nth = dict(numbered)
        items, before = [], None
        for nth in range(1, told["n"] + 1):
            need(nth in by_nth, "an item's entry is missing")
            index = by_nth[nth]
            entry = self.entries[index]
            need(9 in entry.open and entry.open[9] == before, "it does not follow")
            need(not items or items[-1] < index, "indices that do not rise")
            items.append(index)
            before = entry.c.hex()
        need(before == told["last_item"], "another last item")
        return items

    def uncounted(self, at, items, last):
        """No other entry of the scope adds an item, save one that was there before."""
        came, counted = [], set(items)
        for index, entry in self.entries.items():
            subject, prev = entry.open.get(20), entry.open.get(9)
            follows = prev is not None and prev == last
            if index >= at or entry.open.get(5) != self.scope and not follows:
                continue
            if index in counted:
                came.append(subject)
                continue
            was_there = subject in came or None in came or (subject is None and came)
            back = entry.open.get(2) == "move_in" and entry.open.get(8, 0) is None and was_there
            need(entry.open.get(8) is None and prev is None, "an item that is not counted")
            need(back or not entry.adds(), "an item that is not counted")

    def match(self, at, leaves, items):
        named, cs, count = {}, [self.entries[index].c.hex() for index in items], 0
        for index, entry in self.entries.items():
            if index >= at or entry.open.get(2) != "expunge":
                continue
            told = entry.open.get(22)
            if told is None:
                count += entry.open.get(5) == self.scope
            elif told["adding"] in cs and not any(told["adding"] in all_ for all_ in named.values()):
                named.setdefault(told["item"], []).append(told["adding"])
                count += 1
        need(sum(state == "expunged" for *_, state in leaves) <= count, "not all were expunged")
        used = set()
        for _, _, item, state in leaves:
            if item is None:
                continue
            subject = {"type": "item", "id": item}
            of = [self.entries[i].c.hex() for i in items if self.entries[i].open.get(20) == subject]
            found = of
            if state == "expunged":
                closed = [self.entries[i].c.hex() for i in items if 20 not in self.entries[i].open]
                found = [c for c in named.get(item, []) if c in (of or closed)]
                need(len(of) < 2 and (of or len(named.get(item, [])) == 1), "not expunged as stated")
            need(len(found) == 1 and found[0] not in used, "an item is not added exactly once")
            used.add(found[0])

    def timestamp(self):
        confirmed = 0
        for name in self.listed:
            if match := re.fullmatch("timestamps/(.*)-(.*)[.]tsr", name):
                size, key = int(match[1]), bytes.fromhex(match[2])
                need(size in self.heads, "for no checkpoint")
                note = self.heads[size].note
                keys = [k for k in self.trust.logs if k.name == self.origin and k.id == key]
                need(note.signers(keys), "for no signer")
                token = Token(self.file(name, 65536))
                imprint = sha256(f"{note.text}\n{note.line_of(keys[0])}\n".encode())
                need(token.imprint == imprint, "over another checkpoint")
                known = token.vouched_by(self.authorities)
                need(known is not False, "it does not hold")
                confirmed += bool(known)
        need(confirmed or not self.authorities, "by no authority that is named")

    def held(self):
        for receipt in self.receipts:
            head, index = receipt.proof.checkpoint, receipt.proof.index
            need(head.origin == self.origin and index in self.entries, "of another log or entry")
            need(self.entries[index].c == receipt.entry.c, "of another entry")
            receipt.check(self.trust, newest=False)
            need(head.size <= self.size, "newer than the bundle")
            if head.size in self.heads:
                need(self.heads[head.size].root == head.root, "two histories")
                continue
            for old, new, hashes in self.joints:
                if old == head.size:
                    check_consistency(hashes, old, head.root, new, self.heads[new].root)
                    break

    def file(self, name, limit=LIMIT):
        need(name in self.places, f"`{name}` is missing")
        begin, end, _ = self.places[name]
        need(limit is None or end - begin <= limit, f"`{name}` is longer than its limit")
        return self.data[begin:end]

    def numbers(self, form):
        found = (re.fullmatch(form, name) for name in self.listed)
        return sorted(int(match[1]) for match in found if match)

    @staticmethod
    def part(name):
        for part, form in PLACES.items():
            if match := form.fullmatch(name):
                numbers = [int(n) for n in match.groups() if n and n.isdigit() and part != "timestamps"]
                limit = LARGEST - 1 if name.startswith(("entries", "proofs")) else LARGEST
                ordered = part != "history" or numbers[0] < numbers[1]
                return part if ordered and all(n <= limit for n in numbers) else None
        return None


def register_leaf(leaf):
    """a, b, the item if it is named, and the state."""
    need(isinstance(leaf, dict), "an odd leaf")
    if "a" in leaf:
        a, kb, state = members(leaf, "a", "kb", "state")
        a, item = unhex(a, 32), None
    else:
        item, ka, kb, state = members(leaf, "id", "ka", "kb", "state")
        a = sha256(b"custos/register-id/v1\0" + unhex(ka, 32) + unhex(item, 16))
    need(isinstance(state, str), "an odd state")
    known = re.fullmatch(f"expunged|served|withheld:{CODE}", state, re.A)
    need(known and (state != "served" or item), "an unknown state")
    b = sha256(b"custos/register-state/v1\0" + unhex(kb, 32) + state.encode())
    return a, b, item, state


def vectors():
    index = json.loads((VECTORS / "index.json").read_text())
    policy, wrong = (VECTORS / index["policy"]).read_text(), []
    for case in index["cases"]:
        held = [Receipt((VECTORS / name).read_bytes()) for name in case["held"]]
        named = case["trust"] and json.loads((VECTORS / case["trust"]).read_text())["time_authorities"]
        named = [(row["name"], unbase64(row["certificate"])) for row in named or []]
        found = Bundle((VECTORS / case["file"]).read_bytes(), Trust(policy), held, named).verify()
        if found != case["step"]:
            wrong.append(f"{case['file']}: {found}, not {case['step']}")
    return len(index["cases"]), wrong


def main():
    if len(sys.argv) > 2:
        policy, bundle, *held = map(Path, sys.argv[1:])
        receipts = [Receipt(path.read_bytes()) for path in held]
        step = Bundle(bundle.read_bytes(), trusted(policy), receipts).verify()
        count, wrong = 1, [f"{bundle}: {step}"] if step else []
    else:
        count, wrong = vectors()
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(f"{count - len(wrong)} passed, {len(wrong)} failed")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
