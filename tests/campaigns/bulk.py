#!/usr/bin/env python3
"""Many files by one command, killed twice: the report is the truth, and so is the room.

    bulk.py [--files N] [--seed N] [--keep FOLDER]

A disk of N small files and a hashdeep list of it in which some hashes are wrong, some files
missing, one outside the root, one no file, some named twice and some not at all. `custos deposit`
is killed with SIGKILL twice, at moments that the seed chooses, and run once more to its end. Then
its report, the room's list of items, each item's fingerprint, the receipts and the audit are held
against what the disk holds. At the end the harness plants what a broken client would leave - a
doubled item, a report with another hash or state, one file less - and each of it must be found.

Programs: CUSTOS_BIN and CUSTOS_VERIFY_BIN, or the debug build.
"""

import argparse
import copy
import hashlib
import json
import os
import pathlib
import pty
import random
import re
import secrets
import subprocess
import sys
import tempfile
import time

from room import CUT, Caller, Deposit, NotStarted, Refused, Room, announce, binary, send

LIMIT_SECONDS = 7_200
MAX_BYTES = 4_000
DIFFERENT_OR_FAILED = 1
RECEIPTS = 20
IN_ROOM = ("deposited", "skipped", "recovered")


class Wrong(Exception):
    """The client or the room broke its word."""


class Disk:
    """Files, the list of them, and what is true of each."""

    def __init__(self, folder, count, rng):
        self.root = folder / "usb"
        self.root.mkdir()
        self.list = self.root / "list.hashdeep"
        self.truth = {}
        self.rows = []
        few = max(3, count // 100)
        kinds = ["wrong"] * few + ["missing"] * few + ["unlisted"] * few + ["twice"] * few
        kinds += ["good"] * (count - len(kinds))
        rng.shuffle(kinds)
        for number, kind in enumerate(kinds):
            self.add(number, kind, rng)
        self.oddities(rng)
        self.number()
        self.write()

    def add(self, number, kind, rng):
        """One file, or what should be one."""
        # Some have one name, some one content, all sizes are met often.
        name = f"{number // 100:03}/{'same' if number % 7 == 0 else number}"
        if number % 7 == 0:
            name = f"{number // 100:03}/{number}/same"
        content = random.Random(number % 500 if number % 11 == 0 else number).randbytes(
            rng.randrange(MAX_BYTES))
        told = {"state": "matched", "mismatches": [], "twice": kind == "twice"}
        if kind != "missing":
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            told |= {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        noted = {"size": str(len(content)), "md5": hashlib.md5(content).hexdigest(),
                 "sha256": hashlib.sha256(content).hexdigest()}
        if kind == "wrong":
            which = rng.choice(("md5", "sha256"))
            right = noted[which]
            noted[which] = rng.randbytes(len(right) // 2).hex()
            told |= {"state": "mismatched", "mismatches": [
                {"algorithm": which, "declared": noted[which], "found": right}]}
        if kind == "missing":
            told["state"] = "missing"
        if kind == "unlisted":
            told["state"] = "unlisted"
            told |= {"size": None, "sha256": None}
        else:
            self.rows.append((name, noted))
        if kind == "twice":
            self.rows.append((f"./{name}", noted))
        self.truth[str(self.root / name)] = told

    def oddities(self, rng):
        """What is neither a file that is there nor one that is not."""
        noted = {"size": "1", "md5": "0" * 32, "sha256": "0" * 64}
        (self.root / "folder").mkdir()
        (self.root / "link").symlink_to(self.list)
        for name, state, path in (("../outside", "outside", "../outside"),
                                  ("folder", "unreadable", self.root / "folder")):
            self.rows.insert(rng.randrange(len(self.rows)), (name, noted))
            self.truth[str(path)] = {"state": state, "mismatches": [], "twice": False}
        for path, state in ((self.root / "link", "link"), (self.list, "own")):
            self.truth[str(path)] = {"state": state, "mismatches": [], "twice": False}

    def number(self):
        """The reference of each file that is to be in the room, in the order of the list."""
        number = 0
        for name, _ in self.rows:
            told = self.truth[str(self.root / name) if name != "../outside" else name]
            if told["state"] in ("matched", "mismatched") and "reference" not in told:
                number += 1
                told["reference"] = f"BK/{number}"

    def write(self):
        """Writes the list, its columns in an order of their own."""
        columns = ("size", "sha256", "md5")
        lines = ["%%%% HASHDEEP-1.0", "%%%% size,sha256,md5,filename", "## made by a campaign"]
        for name, noted in self.rows:
            lines.append(",".join([noted[column] for column in columns] + [name]))
        self.list.write_text("\n".join(lines) + "\n", encoding="ascii")

    def in_room(self):
        """What the room is to hold, by reference."""
        return {told["reference"]: told for told in self.truth.values() if "reference" in told}


class Campaign:
    """One room, one disk, and the command."""

    def __init__(self, folder, count, rng):
        self.folder, self.rng = folder, rng
        self.room = Room(folder / "room")
        self.disk = Disk(folder, count, rng)
        self.report = folder / "report.json"
        self.journal = folder / "journal"
        self.case, self.token = None, None

    def open(self):
        """A running room with a case and a depositor."""
        secret = self.room.found()
        self.room.start()
        self.case, self.token = self.room.people(secret)
        file = self.folder / "token"
        file.touch(0o600)
        file.write_text(self.token["Authorization"].removeprefix("Bearer "), encoding="ascii")

    def command(self):
        """The command, always the same."""
        return [self.room.program, "deposit", "--json", "--case", self.case,
                "--server", f"http://localhost:{self.room.port}",
                "--token-file", self.folder / "token", "--journal", self.journal,
                "--manifest", self.disk.list, "--reference", "BK", "--jobs", "4",
                "--receipts", self.folder / "receipts", "--report", self.report]

    def launch(self):
        """Starts it; what it says goes to a file."""
        with open(self.folder / "deposit.out", "wb") as output:
            return subprocess.Popen([str(part) for part in self.command()], stdout=output,
                                    stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                    env=self.room.environment())

    def acknowledged(self):
        """How many deposits the journal knows to be acknowledged."""
        if not self.journal.exists():
            return 0
        return self.journal.read_bytes().count(b'"state":"acknowledged"')

    def interrupt(self, part):
        """Runs the command until so much is in the room, and kills it there."""
        wanted = int(len(self.disk.in_room()) * part)
        process = self.launch()
        deadline = time.monotonic() + LIMIT_SECONDS
        while self.acknowledged() < wanted:
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise Wrong(f"it was to be killed and ended by itself: {self.said()}")
            time.sleep(0.01)
        time.sleep(self.rng.random() * 0.05)
        if process.poll() is not None:
            raise Wrong("it was faster than the kill")
        process.kill()
        process.wait()
        if self.report.exists():
            raise Wrong("a killed run left a report")
        return self.acknowledged()

    def finish(self):
        """Runs the command to its end."""
        process = self.launch()
        code = process.wait(LIMIT_SECONDS)
        if code != DIFFERENT_OR_FAILED:
            raise Wrong(f"it ended with {code}: {self.said()}")
        return json.loads(self.report.read_bytes())

    def said(self):
        """The last of what it said."""
        return (self.folder / "deposit.out").read_text(errors="replace")[-400:]

    def listed(self):
        """The room's items, read page by page."""
        caller, items, cursor = Caller(self.room.port, self.token), [], ""
        while cursor is not None:
            page = json.loads(caller.get(f"/api/v1/cases/{self.case}/items?limit=200{cursor}"))
            items += page["items"]
            cursor = f"&cursor={page['next']}" if page["next"] else None
        for item in items:
            item["sha256"] = json.loads(caller.get(f"/api/v1/items/{item['id']}"))["sha256"]
        caller.close()
        return items

    def check_terminal(self):
        """Progress stands on a terminal, with rate and time left, and nowhere else."""
        command = [str(part) for part in self.command()]
        quiet = subprocess.run(command, capture_output=True, check=False,
                               env=self.room.environment(), timeout=LIMIT_SECONDS)
        if b"hashing" in quiet.stderr:
            raise Wrong("there is progress where there is no terminal")
        mine, its = pty.openpty()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=its,
                              env=self.room.environment() | {"NO_COLOR": "1", "TERM": "xterm"}):
            os.close(its)
            seen = b""
            while piece := read(mine):
                seen += piece
        os.close(mine)
        if not re.search(rb"hashing .*files [0-9.,]+\S*/s .* left", seen):
            raise Wrong(f"no rate and time left on a terminal: {seen[-300:]!r}")
        if re.search(rb"\x1b\[[0-9;]*[1-9][0-9;]*m", seen):
            raise Wrong("there are colours although NO_COLOR is set")

    # --- comparisons, used for the truth and for what is planted ------------------------------

    def check_report(self, report):
        """The report says of every file what is true, and of nothing else anything."""
        truth = self.disk.truth
        told = {file["file"]: file for file in report["files"]}
        if len(told) != len(report["files"]):
            raise Wrong("the report tells of a file twice")
        if told.keys() != truth.keys():
            raise Wrong(f"the report differs in {sorted(told.keys() ^ truth.keys())[:5]}")
        for path, true in truth.items():
            said = told[path]
            for name in ("state", "mismatches", "twice"):
                if said[name] != true[name]:
                    raise Wrong(f"{path}: {name} is {true[name]}, not {said[name]}")
            for name in ("size", "sha256", "reference"):
                if said[name] != true.get(name):
                    raise Wrong(f"{path}: {name} is {true.get(name)}, not {said[name]}")
            if ("reference" in true) != (said["outcome"] in IN_ROOM):
                raise Wrong(f"{path}: {said['outcome']}")
            if "reference" in true and said["quarantined"] != (true["state"] == "mismatched"):
                raise Wrong(f"{path}: quarantined is {said['quarantined']}")
        states = [true["state"] for true in truth.values()]
        for name in ("matched", "mismatched", "missing", "unlisted", "outside", "unreadable"):
            if report["summary"][name] != states.count(name):
                raise Wrong(f"{report['summary'][name]} {name}, not {states.count(name)}")

    def check_room(self, items):
        """The room holds what the disk holds, each once."""
        truth = self.disk.in_room()
        if len(items) != len(truth):
            raise Wrong(f"the room holds {len(items)} items, not {len(truth)}")
        for item in items:
            true = truth.get(item["reference"])
            if true is None:
                raise Wrong(f"nothing is called {item['reference']}")
            quarantined = "quarantined" in item["states"]
            if (item["size"], item["sha256"]) != (true["size"], true["sha256"]):
                raise Wrong(f"{item['reference']} is another file")
            if quarantined != (true["state"] == "mismatched"):
                raise Wrong(f"{item['reference']}: quarantined is {quarantined}")

    def check_receipts(self, report):
        """Every file in the room has its receipt; some are verified."""
        receipts = [file["receipt"] for file in report["files"] if file.get("receipt")]
        if len(set(receipts)) != len(self.disk.in_room()):
            raise Wrong(f"{len(set(receipts))} receipts")
        for receipt in self.rng.sample(receipts, min(RECEIPTS, len(receipts))):
            run([binary("custos-verify", "CUSTOS_VERIFY_BIN"), "--receipt", receipt,
                 "--trust", self.room.trust])


def read(terminal):
    """What a terminal got; nothing once its other side is closed."""
    try:
        return os.read(terminal, 65_536)
    except OSError:
        return b""


def run(command, **options):
    """Runs a program that must succeed; gives what it wrote."""
    done = subprocess.run([str(part) for part in command], text=True, capture_output=True,
                          timeout=LIMIT_SECONDS, check=False, **options)
    if done.returncode != 0:
        raise Wrong(f"{command[0]}: {(done.stdout + done.stderr)[-600:]}")
    return done.stdout


def walk(campaign):
    """All that must hold; gives the name of each step when it is done."""
    begin = time.monotonic()
    campaign.open()
    for part in (campaign.rng.uniform(0.05, 0.45), campaign.rng.uniform(0.5, 0.9)):
        known = campaign.interrupt(part)
        yield f"killed with {known} files acknowledged"
    report = campaign.finish()
    count, took = len(campaign.disk.in_room()), time.monotonic() - begin
    yield f"{count} files are in the room after {took:.1f} s, with two kills"
    campaign.check_report(report)
    yield "the report is the truth"
    items = campaign.listed()
    campaign.check_room(items)
    yield "the room's list is the truth"
    campaign.check_receipts(report)
    yield f"receipts are there, and {RECEIPTS} of them verify"
    begin = time.monotonic()
    again = campaign.finish()
    campaign.check_report(again)
    campaign.check_room(campaign.listed())
    if again["summary"]["deposited"] != 0:
        raise Wrong("the same command deposited something again")
    yield f"the same command once more changes nothing ({time.monotonic() - begin:.1f} s)"
    campaign.check_terminal()
    yield "a terminal sees rate and time left, nothing else sees anything"
    yield from planted(campaign, report, items)
    campaign.room.kill()
    run([campaign.room.program, "audit"], env=campaign.room.environment(),
        cwd=campaign.room.folder)
    yield "`custos audit` finds nothing"


def planted(campaign, report, items):
    """What a broken client would leave must be found; what is whole must not."""
    files = [at for at, file in enumerate(report["files"]) if file["state"] == "matched"]

    def damaged(change):
        other = copy.deepcopy(report)
        change(other["files"], campaign.rng.choice(files))
        return lambda: campaign.check_report(other)

    def another_hash(all_files, at):
        all_files[at]["sha256"] = "0" * 64

    def another_state(all_files, at):
        all_files[at]["state"] = "mismatched"

    def another_reference(all_files, at):
        all_files[at]["reference"] += "0"

    def not_in_quarantine(all_files, at):
        held = [file for file in all_files if file["quarantined"]]
        campaign.rng.choice(held)["quarantined"] = False

    def left(all_files, at):
        del all_files[at]

    double = Deposit(1, 10)
    caller = Caller(campaign.room.port, campaign.token)
    announce(caller, campaign.case, double)
    send(caller, double)
    caller.close()
    for name, check in (
        ("a doubled item", lambda: campaign.check_room(campaign.listed())),
        ("a lost item", lambda: campaign.check_room(items[1:])),
        ("another hash", damaged(another_hash)),
        ("another state", damaged(another_state)),
        ("another reference", damaged(another_reference)),
        ("a mismatch that is not held", damaged(not_in_quarantine)),
        ("a file less", damaged(left)),
    ):
        try:
            check()
        except Wrong as found:
            yield f"planted: {name}: {found}"
        else:
            raise Wrong(f"planted and not found: {name}")
    campaign.check_report(report)
    campaign.check_room(items)
    yield "planted: nothing, and nothing is found"


def round_in(folder, count, rng):
    """One room; gives how many checks passed and failed."""
    (folder / "room").mkdir()
    campaign = Campaign(folder, count, rng)
    passed = failed = 0
    try:
        for name in walk(campaign):
            print(f"ok: {name}", flush=True)
            passed += 1
    except (NotStarted, Wrong, Refused, *CUT) as broken:
        failed += 1
        print(f"FAILED {type(broken).__name__}: {broken}")
    finally:
        campaign.room.kill()
    return passed, failed


def main():
    """The campaign."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--files", type=int, default=600)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    parser.add_argument("--keep", type=pathlib.Path, help="work in this folder, and keep it")
    arguments = parser.parse_args()
    print(f"bulk deposit: {arguments.files} files, seed {arguments.seed}")
    rng = random.Random(arguments.seed)
    if arguments.keep:
        arguments.keep.mkdir(parents=True)
        passed, failed = round_in(arguments.keep.resolve(), arguments.files, rng)
    else:
        with tempfile.TemporaryDirectory(prefix="custos-bulk-") as folder:
            passed, failed = round_in(pathlib.Path(folder), arguments.files, rng)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
