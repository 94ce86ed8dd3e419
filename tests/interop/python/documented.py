"""Recomputes every example of docs/FORMATS.md from what stands beside it.

The page's other test makes the examples with the program; this one shows that they follow from
the page. A block that no check here reads is a failure.
"""

import re
import sys
from pathlib import Path

import archive
import formats
from bundle import register_leaf
from conventions import Refused, canonical, members, need, parse_json, sha256, unhex
from entry import KINDS, Entry, check_control
from export import Export
from multi_proof import MultiProof
from reader import (
    Checkpoint, Key, Note, Proof, Receipt, Trust, check_consistency, log_leaf, log_node,
)

PAGE = Path(__file__).parents[3] / "docs" / "FORMATS.md"
ZIP = Path(__file__).parents[2] / "vectors" / "bundle" / "valid.zip"


def blocks(page):
    """Labelled blocks: fields as an object, text and JSON as bytes."""
    found = {}
    for form, label, body in re.findall(r"^```(fields|text|json) (\S+)\n(.*?)^```$", page, re.M | re.S):
        if form == "fields":
            lines = body.replace("\n    ", "").splitlines()
            found[label] = dict(line.split(" = ", 1) for line in lines)
        else:
            joined = body.replace("\\\n", "").encode()
            found[label] = joined if form == "text" else joined[:-1]
    return found


class Page:
    """One method for each example; a label's dots and hyphens are underscores."""

    def __init__(self, found):
        self.found = found

    def fields(self, label, *names):
        return [bytes.fromhex(self.found[label][name]) for name in names]

    def jcs(self):
        text = self.found["jcs"]["text"]
        need(canonical(parse_json(text.encode())) == self.fields("jcs", "bytes")[0], "bytes")

    def message(self):
        names = ("input key", "salt", "context", "plaintext", "commitment", "message")
        key, salt, context, plain, commitment, message = self.fields("message", *names)
        need(formats.seal(key, salt, context, plain) == message, "message")
        need(message[24:56] == commitment, "commitment")
        need(formats.open_by_cobblestone(key, context, message) == plain, "plaintext")

    def object(self):
        value = parse_json(self.found["object"])
        need(value["segments"] == value["size"] // 8388608 + 1, "segments")
        need(value["heads"] == self.found["object-heads"]["heads"], "heads")

    def object_heads(self):
        names = ("commitment 0", "commitment 1", "commitment 2", "heads")
        *commitments, heads = self.fields("object-heads", *names)
        need(sha256(b"".join(commitments)) == heads, "heads")
        size = parse_json(self.found["object"])["size"]
        last = size % 8388608
        stored = size // 8388608 * 8396872 + 56 + last + 16 * (last // 16384 + 1)
        need(str(stored) == self.found["object-heads"]["stored bytes"], "stored bytes")

    def object_context(self):
        block = self.found["object-context"]
        item, object_id, context = self.fields("object-context", "item", "object", "context")
        made = formats.object_context(item, object_id, block["kind"], int(block["segment"]))
        need(made == context, "context")

    def value_context(self):
        block = self.found["value-context"]
        row, context = self.fields("value-context", "row", "context")
        need(formats.value_context(block["table"], row, block["column"]) == context, "context")

    def wrapped_key(self):
        names = ("parent", "parent id", "child", "child id", "salt", "wrapped")
        parent, parent_id, child, child_id, salt, wrapped = self.fields("wrapped-key", *names)
        context = formats.wrap_context(parent_id, child_id, self.found["wrapped-key"]["purpose"])
        need(formats.seal(parent, salt, context, child) == wrapped, "wrapped")

    def tree_keys(self):
        names = list(self.found["tree-keys"])
        salt_key, content, salt_0, salt_2, records = self.fields("tree-keys", *names)
        need(formats.tree_key(salt_key, 1, 0) == content, "content")
        need(formats.tree_key(salt_key, 2, 1) == records, "records")
        salts = [formats.leaf_salt(content, i) for i in (0, 2)]
        need(salts == [salt_0, salt_2], "salts")

    def tree(self, label, kind, key, leaves):
        names = ("leaf 0", "leaf 1", "leaf 2", "root", "logged root")
        *shown, root, logged = self.fields(label, *names)
        key = self.fields("tree-keys", key)[0]
        hashes, made = formats.tree(kind, key, leaves)
        need((hashes, formats.root(hashes), made) == (shown, root, logged), "tree")

    def content_tree(self):
        leaves = formats.content_leaves(formats.generated(131_077))
        self.tree("content-tree", 1, "tree key of kind 1, number 0", leaves)

    def record_tree(self):
        leaves = [b"line 0\n", b"line 1\n", b"line 2\n"]
        self.tree("record-tree", 2, "tree key of kind 2, number 1", leaves)

    def multi_proof(self):
        logged = self.found["record-tree"]["logged root"]
        MultiProof(self.found["multi-proof"]).check(2, [b"line 1\n"], logged)

    def slot(self):
        block = self.found["slot"]
        opening, key, c = self.fields("slot", "opening", "k_2", "c_2")
        need(self.slot_key(opening, int(block["slot"])) == key, "key")
        value = block["JCS of its value"].encode()
        need(sha256(b"custos/slot/v1\0\2" + key + value) == c, "c")

    @staticmethod
    def slot_key(opening, slot):
        return formats.hmac.new(opening, bytes([slot]), "sha256").digest()

    def entry_values(self):
        link, body = self.fields("entry", "link opening", "body opening")
        values = parse_json(self.found["entry-values"])
        for slot, value in enumerate(values):
            key = self.slot_key(body if 20 <= slot <= 30 else link, slot)
            c = sha256(b"custos/slot/v1\0" + bytes([slot]) + key + canonical(value))
            need(c.hex() == self.found["entry"][f"c_{slot}"], f"c_{slot}")
        need(len(values) == 32, "32 slots")

    def entry(self):
        commitments = self.fields("entry", *(f"c_{slot}" for slot in range(32)))
        c = sha256(b"custos/entry/v1\0" + b"".join(commitments))
        need(c.hex() == self.found["entry"]["C"], "C")

    def disclosed_entry(self):
        entry = Entry(self.found["disclosed-entry"])
        need(entry.c.hex() == self.found["entry"]["C"], "C")
        values = parse_json(self.found["entry-values"])
        need(all(values[slot] == value for slot, value in entry.open.items()), "values")

    def control_leaf(self):
        jcs = self.found["control-leaf"]["JCS"].encode()
        need(check_control(jcs)["kind"] == "open", "kind")
        need(b"\2" + jcs == self.fields("control-leaf", "leaf data")[0], "leaf data")

    def log_tree(self):
        names = ("leaf data 1", "leaf hash 0", "leaf hash 1", "root of 2")
        data, hash_0, hash_1, root = self.fields("log-tree", *names)
        need(data == b"\1" + self.fields("entry", "C")[0], "leaf data")
        leaves = [self.fields("control-leaf", "leaf data")[0], data]
        need([log_leaf(leaf) for leaf in leaves] == [hash_0, hash_1], "leaf hashes")
        need(log_node(hash_0, hash_1) == root, "root")

    def tile_paths(self):
        for what, path in self.found["tile-paths"].items():
            level, index, width = re.fullmatch(r"(.+), index (\d+), width (\d+)", what).groups()
            groups = f"{int(index):,}".split(",")
            groups = [group.zfill(3) for group in groups]
            made = "/".join(["x" + group for group in groups[:-1]] + groups[-1:])
            made += "" if width == "256" else f".p/{width}"
            need(path == f"tile/{level.removeprefix('level ')}/{made}", "path")

    def entry_bundle(self):
        leaves = self.fields("control-leaf", "leaf data") + self.fields("log-tree", "leaf data 1")
        made = b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)
        need(made == self.fields("entry-bundle", "bytes")[0], "bytes")

    def vkey(self):
        block, public = self.found["vkey"], self.fields("vkey", "public key")[0]
        key = Key(block["vkey"])
        need((key.name, key.key, key.id.hex()) == (block["name"], public, block["key id"]), "vkey")

    def checkpoint(self):
        head = Checkpoint(self.found["checkpoint"])
        Trust(self.found["policy"].decode()).endorsed(head)
        need(head.root == self.fields("log-tree", "root of 2")[0], "root")

    def rotation_control(self):
        jcs = self.found["rotation-control"]["JCS"].encode()
        need(check_control(jcs)["kind"] == "keys", "kind")

    def rotation_checkpoint(self):
        head = Checkpoint(self.found["rotation-checkpoint"])
        leaf = b"\2" + self.found["rotation-control"]["JCS"].encode()
        need(log_node(self.fields("log-tree", "root of 2")[0], log_leaf(leaf)) == head.root, "root")
        trust = self.rotated()
        need(len(trust.logged(head)) == 2, "both keys sign it")
        for at, whole in ((0, "old"), (1, "new")):
            alone = Trust(f"log {trust.vkeys[at]}\nquorum none\n")
            need(len(alone.logged(head)) == 1, f"the {whole} key alone")

    def rotation_policy(self):
        names = check_control(self.found["rotation-control"]["JCS"].encode())["log_keys"]
        vkeys = self.rotated().vkeys
        need([self.found["vkey"]["vkey"], *names] == vkeys, "old and new key")

    def rotation_trust(self):
        trust = self.rotated()
        old, new = trust.logs
        need([trust.valid(old, n) for n in (1, 3, 4)] == [True, True, False], "the old key's sizes")
        need([trust.valid(new, n) for n in (2, 3, 4)] == [False, True, True], "the new key's sizes")

    def rotated(self):
        trust = Trust(self.found["rotation-policy"].decode(), self.found["rotation-trust"])
        trust.vkeys = [line.split()[1] for line in self.found["rotation-policy"].decode().split("\n")[:2]]
        return trust

    def policy(self):
        trust = Trust(self.found["policy"].decode())
        need((len(trust.logs), len(trust.witnesses)) == (1, 1), "keys")

    def trust_json(self):
        names = ("bundle_keys", "log_keys", "time_authorities", "v")
        bundle_keys, log_keys, _, version = members(parse_json(self.found["trust.json"]), *names)
        need(version == 1 and log_keys[0]["vkey"] == self.found["vkey"]["vkey"], "log key")
        need(Key(bundle_keys[0]["vkey"]).name == "room.example/log/bundle", "bundle key")

    def receipt(self):
        receipt = Receipt(self.found["receipt"])
        receipt.check(Trust(self.found["policy"].decode()))
        need(receipt.proof.extra == self.found["disclosed-entry"], "entry")

    def bundle_note(self):
        note = Note(self.found["bundle.note"], 1 << 24)
        files = parse_json(note.text[:-1].encode())["files"]
        for name, label in (
            ("checkpoints/3-7.consistency", "consistency"),
            ("content/tree.json", "tree.json"),
            ("proofs/1.tlog-proof", "tlog-proof"),
        ):
            data = self.found[label]
            need(files[name] == {"length": len(data), "sha256": sha256(data).hex()}, name)

    def consistency(self):
        data = ZIP.read_bytes()
        files = archive.read(data)
        old, new = (Checkpoint(data[slice(*files[f"checkpoints/{n}.note"][:2])]) for n in (3, 7))
        hashes = [unhex(value, 32) for value in parse_json(self.found["consistency"])]
        check_consistency(hashes, 3, old.root, 7, new.root)

    def tree_json(self):
        members(parse_json(self.found["tree.json"]), "kind", "number", "tree_key")

    def tlog_proof(self):
        data = ZIP.read_bytes()
        entry = Entry(data[slice(*archive.read(data)["entries/1.json"][:2])])
        Proof(self.found["tlog-proof"]).check(b"\1" + entry.c)

    def zip(self):
        block, data = self.found["zip"], ZIP.read_bytes()
        files = archive.read(data)
        offset = 0
        for name in ("bundle.note", "README.txt"):
            begin, end, crc = files[name]
            local = archive.local_header(name.encode(), end - begin, crc)
            central = archive.central_header(name.encode(), end - begin, crc, offset)
            need(local.hex() == block[f"local header of {name}"], "local header")
            need(central.hex() == block[f"central header of {name}"], "central header")
            offset = end
        numbers = [int(block[name]) for name in ("files", "directory size", "directory offset")]
        need(archive.end_records(*numbers).hex() == block["end record"], "end record")
        need(len(files) == numbers[0] and str(len(data)) == block["length"], "length")
        need(sha256(data).hex() == block["SHA-256"], "SHA-256")

    def redacted_copy(self):
        copy = parse_json(self.found["redacted-copy"]).encode()
        runs = parse_json(self.found["redaction-slot-28"])["parameters"]["runs"]
        lengths = {i: length for i, length, _ in MultiProof(self.found["redaction.json"]).leaves}
        marks = {run["first"]: f"[withheld {run['code']}]".encode() for run in runs}
        at = 0
        for index in sorted({*lengths, *marks}):
            if index in marks:
                need(copy[at:].startswith(marks[index]), "a mark")
            at += len(marks[index]) if index in marks else lengths[index]
        need(at == len(copy), "the copy's length")

    def redaction_slot_28(self):
        value = parse_json(self.found["redaction-slot-28"])
        members(value, "operator", "parameters", "reason", "sources", "tool", "version")

    def redaction_json(self):
        runs = parse_json(self.found["redaction-slot-28"])["parameters"]["runs"]
        proof = MultiProof(self.found["redaction.json"])
        withheld = {i for run in runs for i in range(run["first"], run["last"] + 1)}
        need(withheld ^ {i for i, _, _ in proof.leaves} == set(range(proof.n)), "all records")

    def register_json(self):
        members(parse_json(self.found["register.json"]), "entry", "leaves")

    def register(self):
        block, hashes = self.found["register"], []
        for i, leaf in enumerate(parse_json(self.found["register.json"])["leaves"]):
            a, b, _, _ = register_leaf(leaf)
            hashes.append(sha256(b"\0custos/register/v1\0" + a + b))
            shown = [block[f"{name} {i}"] for name in ("a", "b", "leaf")]
            need([a.hex(), b.hex(), hashes[-1].hex()] == shown, f"leaf {i}")
        need(formats.root(hashes).hex() == block["root"], "root")

    def export(self):
        index = PAGE.parents[1] / "tests" / "vectors" / "export" / "trust.policy"
        made = Export(self.found["export"], Trust(index.read_text()), [])
        need(made.verify() is None, "the export")

    def export_entries(self):
        block, (c, entries) = self.found["export-entries"], self.fields("export-entries", "C", "entries")
        listed = b"custos/export/v1\0" + int(block["index"]).to_bytes(8, "big") + c
        need(sha256(listed) == entries, "entries")
        own = parse_json(self.found["export"].splitlines()[-1])
        need(Entry(canonical(own["entry"])).open[22]["entries"] == entries.hex(), "its own entry")

    def row(self):
        block, salt = self.found["row"], self.fields("row", "salt")[0]
        parse_json(block["JCS"].encode())
        table = formats.lp(block["table"].encode())
        made = sha256(b"custos/row/v1\0" + salt + table + block["JCS"].encode())
        need(made.hex() == block["hash"], "hash")


def main():
    found = blocks(PAGE.read_text())
    page, wrong = Page(found), []
    table = re.search("^### Kinds\n(.*?)^The detail of", PAGE.read_text(), re.M | re.S)[1]
    if set(re.findall("^[|] `(\\w+)`", table, re.M)) != KINDS:
        wrong.append("the kinds are not those of the page")
    for label in found:
        check = getattr(page, label.replace("-", "_").replace(".", "_"), None)
        try:
            need(check is not None, "nothing checks it")
            check()
        except (Refused, KeyError, ValueError) as error:
            wrong.append(f"{label}: {error!r}")
    need(len(found) > 30, "the page's examples are missing")
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(f"{len(found) - len(wrong)} passed, {len(wrong)} failed")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
