"""kill -9 under deposits: nothing acknowledged is lost, the log never forks, a start is quick.

    kill.py [--cycles N] [--seed N] [--keep FOLDER]

Each cycle starts the room, compares it with everything it ever acknowledged or published, lets
four writers deposit, view and take receipts, and kills it at a random moment, sometimes while
it still starts. Then the harness itself plants what a broken room would show - an older
register, an older machine, lost objects - and the same checks must find each of it.

A kill leaves what the process wrote with the system, so this says nothing about a lost power
supply. Programs: CUSTOS_BIN and CUSTOS_VERIFY_BIN, or the debug build.
"""

import argparse
import collections
import contextlib
import json
import pathlib
import random
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from history import Fork, History, leaf_hash, parse_checkpoint
from room import (
    CUT, ORIGIN, ROOT, Caller, Deposit, NotStarted, Refused, Room, announce, binary, open_view,
    read_view, send,
)

WRITERS = 4
MAX_DEPOSIT_BYTES = 3 << 20
RUN_SECONDS = (0.02, 0.9)
START_KILL_SECONDS = (0.0, 0.4)
START_KILLS = 0.1
SAMPLE = 4
MAX_READ_AT_END = 3_000
MAX_CHECKPOINTS_FOR_GO = 60


class Wrong(Exception):
    """The room broke its word."""


class Campaign:
    """One room, and all that it ever said."""

    def __init__(self, room, case, token, rng, folder):
        self.room, self.case, self.token, self.rng = room, case, token, rng
        self.folder = folder
        self.history = History(ORIGIN)
        self.lock = threading.Lock()
        self.numbers = iter(range(rng.randrange(1 << 40), 1 << 60))
        self.acknowledged = []
        self.pending = []
        self.notes = []
        self.views = []
        self.receipts = []
        self.unexpected = []
        self.figures = collections.Counter()

    def caller(self):
        """A caller with the investigator's token."""
        return Caller(self.room.port, self.token)

    # --- load ----------------------------------------------------------------------------

    def load(self, seconds):
        """Lets the writers work, then kills the server under them."""
        with self.writers():
            time.sleep(seconds)
            self.room.kill()

    @contextlib.contextmanager
    def writers(self):
        """Four writers and a watcher at work; they end with the server, or behind this."""
        stop = threading.Event()
        work = [self.work] * WRITERS + [self.watch]
        threads = [
            threading.Thread(target=self.guarded, args=(run, random.Random(seed), stop))
            for run, seed in zip(work, [self.rng.random() for _ in work])
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        if self.unexpected:
            raise self.unexpected[0]

    def guarded(self, run, rng, stop):
        """A thread that ends with the server, and keeps any other end for the report."""
        caller = self.caller()
        try:
            while not stop.is_set():
                run(caller, rng)
        except (*CUT, OSError):
            pass
        except Exception as error:  # pylint: disable=broad-except
            self.unexpected.append(error)
        finally:
            caller.close()

    def work(self, caller, rng):
        """One thing that a writer does."""
        with self.lock:
            known = rng.choice(self.acknowledged) if self.acknowledged else None
        chance = rng.random()
        if known is None or chance < 0.75:
            self.deposit(caller, Deposit(next(self.numbers), size(rng)))
        elif chance < 0.9:
            view = open_view(caller, known[1]["item"])
            with self.lock:
                self.views.append((view, known[0]))
            equal(read_view(caller, view), known[0])
        else:
            self.receipt(caller, known[1])

    def deposit(self, caller, deposit):
        """Deposits, and keeps the acknowledgement from the moment it is there."""
        announce(caller, self.case, deposit)
        with self.lock:
            self.pending.append(deposit)
        acknowledgement = send(caller, deposit)
        with self.lock:
            self.pending.remove(deposit)
            self.acknowledged.append((deposit, acknowledgement))
        self.figures["deposits acknowledged"] += 1

    def receipt(self, caller, acknowledgement):
        """Takes and keeps a receipt."""
        item = acknowledgement["item"]
        receipt = caller.get(f"/api/v1/items/{item}/receipt")
        with self.lock:
            file = self.folder / "receipts" / f"{len(self.receipts)}.tlog-proof"
            file.write_bytes(receipt)
            self.receipts.append((file, acknowledgement))

    def watch(self, caller, _):
        """Keeps every checkpoint that is to be had."""
        note = caller.get("/log/checkpoint")
        if not self.notes or self.notes[-1] != note:
            self.notes.append(note)
        time.sleep(0.02)

    # --- what must hold after each start ----------------------------------------------------

    def check(self):
        """Compares the running room with everything it ever said."""
        self.room.settle()
        caller = self.caller()
        try:
            self.check_log(caller)
            self.check_entries()
            self.check_pending(caller)
            self.check_items(caller, self.sample())
            self.check_views(caller)
        finally:
            caller.close()

    def check_log(self, caller):
        """The log continues all that was ever seen of it."""
        self.history.follow(lambda path: caller.get(f"/log/{path}"))
        for note in self.notes:
            self.history.see(note)
        self.figures["checkpoints seen"] = len(self.history.notes)
        self.notes = self.notes[-1:]

    def check_entries(self):
        """Every acknowledged entry stands at its index."""
        for deposit, acknowledgement in self.acknowledged:
            entry = acknowledgement["entry"]
            leaf = leaf_hash(b"\1" + bytes.fromhex(entry["c"])).hex()
            if leaf != entry["leaf_hash"]:
                raise Wrong(f"deposit {deposit.number}: leaf hash and C do not fit")
            if not self.history.holds(entry["index"], leaf):
                raise Wrong(f"deposit {deposit.number}: entry {entry['index']} is lost")

    def check_pending(self, caller):
        """What was announced is known, and can be sent again to its end, once."""
        pending, self.pending = self.pending, []
        for deposit in pending:
            try:
                self.acknowledged.append((deposit, send(caller, deposit)))
                self.figures["uploads sent again"] += 1
            except Refused as refused:
                item = re.search(r"item `([0-9a-f]{32})`", refused.body.decode())
                if refused.status != 409 or item is None:
                    raise
                # It was taken in, and the answer lost.
                equal(read_view(caller, open_view(caller, item.group(1))), deposit)
                self.figures["answers lost after the commit"] += 1

    def sample(self):
        """The newest acknowledgements and some older ones."""
        older = self.rng.sample(self.acknowledged, min(SAMPLE, len(self.acknowledged)))
        return self.acknowledged[-SAMPLE:] + older

    def check_items(self, caller, some):
        """These items are byte for byte what was deposited."""
        for deposit, acknowledgement in some:
            if acknowledgement["sha256"] != deposit.sha256() or acknowledgement["mismatches"]:
                raise Wrong(f"deposit {deposit.number} was acknowledged with other hashes")
            view = open_view(caller, acknowledgement["item"])
            equal(read_view(caller, view), deposit)
            self.figures["items compared"] += 1

    def check_views(self, caller):
        """A view that was opened before the kill is still open."""
        for view, deposit in self.views[-1:]:
            equal(read_view(caller, view), deposit)
            self.figures["views outlived the server"] += 1
        self.views = []

    def check_receipts(self):
        """All receipts ever taken verify, and are of this history."""
        for file, acknowledgement in self.receipts:
            verify(["--receipt", file, "--trust", self.room.trust])
            parts = file.read_text().split("\n\n", 1)
            index = int(re.search(r"^index (\d+)$", parts[0], re.M).group(1))
            if index != acknowledgement["entry"]["index"]:
                raise Wrong(f"{file.name} is a receipt of entry {index}")
            self.history.see(parts[1].encode())
            self.figures["receipts verified"] += 1

    # --- at the end -------------------------------------------------------------------------

    def check_whole_log(self):
        """Somebody who reads the log for the first time finds every checkpoint in it."""
        caller, fresh = self.caller(), History(ORIGIN)
        fresh.follow(lambda path: caller.get(f"/log/{path}"))
        caller.close()
        for note in self.history.notes.values():
            fresh.see(note)

    def check_bundles(self):
        """Bundles made now verify, together with receipts taken between the kills."""
        caller = self.caller()
        held = {acknowledgement["item"]: file for file, acknowledgement in self.receipts}
        for item, receipt in list(held.items())[:SAMPLE]:
            asked = {"content": True, "purpose": "investigation",
                     "why": "to check its custody after the campaign"}
            status, _, bundle = caller.request(
                "POST", f"/api/v1/items/{item}/bundle", json.dumps(asked),
                {"Content-Type": "application/json"},
            )
            if status not in (200, 201):
                raise Refused("bundle", status, bundle)
            file = self.folder / f"{item}.zip"
            file.write_bytes(bundle)
            verify([file, "--trust", self.room.trust, "--held", receipt])
            self.figures["bundles verified"] += 1
        caller.close()

    def check_by_go(self):
        """The Go checksum database's own code finds every checkpoint consistent."""
        notes = sorted(self.history.notes.items())
        step = len(notes) // MAX_CHECKPOINTS_FOR_GO + 1
        notes = notes[:-1:step] + notes[-1:]
        log = self.folder / "log"
        (log / "checkpoints").mkdir(parents=True)
        for number, note in notes:
            (log / "checkpoints" / str(number)).write_bytes(note)
            for tile in tiles(number):
                (log / tile).parent.mkdir(parents=True, exist_ok=True)
                (log / tile).write_bytes(published(self.room.folder / "data" / "log", tile))
        (log / "checkpoint").write_bytes(notes[-1][1])
        caller = self.caller()
        (log / "vkey").write_bytes(caller.get("/log/key"))
        caller.close()
        program = self.folder / "interop"
        run(["go", "-C", ROOT / "tests/interop/go", "build", "-o", program, "."])
        said = run([program, "log", log])
        self.figures["checks by Go"] = int(said.split()[-4])

    def check_audit(self):
        """The room's own audit finds nothing, where there is one."""
        asked = [self.room.program, "audit"]
        known = subprocess.run([*asked, "--help"], capture_output=True, check=False)
        if known.returncode == 0:
            run(asked, env=self.room.environment(), cwd=self.room.folder)
            self.figures["audits"] += 1


def size(rng):
    """A size in bytes: every edge of the format, mostly small."""
    chance = rng.random()
    if chance < 0.05:
        return 0
    if chance < 0.35:
        return rng.randrange(1, 2_000)
    if chance < 0.55:
        return rng.choice((16_384, 65_536, 131_072)) + rng.randrange(-1, 2)
    if chance < 0.93:
        return rng.randrange(2_000, 300_000)
    return rng.randrange(300_000, MAX_DEPOSIT_BYTES + 1)


def equal(found, deposit):
    """Compares content with what was deposited."""
    if found != deposit.content():
        raise Wrong(f"deposit {deposit.number} ({deposit.size} bytes) came back as other bytes")


def tiles(number):
    """Paths of all tiles and entry bundles of a tree of so many leaves."""
    paths = [("entries", number)]
    level, width = 0, number
    while width:
        paths.append((str(level), width))
        level, width = level + 1, width >> 8
    for name, hashes in paths:
        for index in range((hashes + 255) // 256):
            wide = min(256, hashes - index * 256)
            path, rest = f"{index % 1000:03}", index // 1000
            while rest:
                path, rest = f"x{rest % 1000:03}/{path}", rest // 1000
            yield f"tile/{name}/{path}" + ("" if wide == 256 else f".p/{wide}")


def published(log, tile):
    """A tile or bundle as it was published: a partial one that made way begins the full one."""
    if (log / tile).exists():
        return (log / tile).read_bytes()
    full, width = tile.rsplit(".p/", 1)
    data, wanted = (log / full).read_bytes(), int(width)
    if not full.startswith("tile/entries/"):
        return data[:32 * wanted]
    end = 0
    for _ in range(wanted):
        end += 2 + int.from_bytes(data[end:end + 2], "big")
    return data[:end]


def run(command, good=(0,), **options):
    """Runs a program that must end with a good code; gives what it wrote."""
    done = subprocess.run(
        command, text=True, capture_output=True, timeout=600, check=False, **options
    )
    if done.returncode not in good:
        raise Wrong(f"{command[0]}: {(done.stdout + done.stderr)[-600:]}")
    return done.stdout


def verify(arguments):
    """Runs custos-verify, which must find everything verified."""
    run([binary("custos-verify", "CUSTOS_VERIFY_BIN"), *arguments])


# --- planted defects --------------------------------------------------------------------------


def copy_register(source, target):
    """Copies the register of a room that does not run."""
    for file in target.glob("register.db*"):
        file.unlink()
    for file in source.glob("register.db*"):
        shutil.copy(file, target / file.name)


def planted(campaign, backup, work):
    """Damages copies of the room; gives a name, whether all went as it must, and what was said.

    The first copy is not damaged, so that a check that always cries is found too.
    """
    campaign.room.kill()
    for number, (name, damage, expected) in enumerate((
        ("nothing", nothing, None),
        ("an older register", older_register, r"NotStarted: put back: .*its public log holds"),
        ("an older register beside its mark", older_register_and_mark,
         r"NotStarted: put back: .*the mark beside its keys holds"),
        ("an older folder beside its mark", older_folder,
         r"NotStarted: put back: .*the mark beside its keys holds"),
        ("an older machine", older_machine, r"Fork: the log had \d+ entries and now"),
        ("an older machine, written on", older_machine_written_on, r"Fork: entry \d+ is not"),
        ("lost objects", lost_objects, r"Refused: GET /api/v1/views/\w+/content: 50"),
    )):
        copy = work / str(number)
        shutil.copytree(campaign.room.folder, copy)
        (copy / "server.log").unlink()
        room = Room(copy)
        victim = Campaign(room, campaign.case, campaign.token, campaign.rng, campaign.folder)
        victim.history, victim.acknowledged = campaign.history, list(campaign.acknowledged)
        said = "not found"
        try:
            damage(victim, copy / "data", backup)
        except (NotStarted, Fork, Wrong, Refused) as found:
            said = f"{type(found).__name__}: {found}"
        finally:
            room.kill()
            shutil.rmtree(copy)
        good = said == "not found" if expected is None else re.search(expected, said, re.S)
        yield name, bool(good), said.splitlines()[-1][:160]


def nothing(victim, *_):
    """Leaves the room as it is."""
    victim.room.start()
    victim.check()


def older_register(victim, data, backup):
    """Acknowledged entries vanish from the register, and nobody has its mark."""
    copy_register(backup, data)
    mark_of(data).unlink()
    victim.room.start()
    victim.check()


def older_register_and_mark(victim, data, backup):
    """Acknowledged entries vanish from the register."""
    copy_register(backup, data)
    victim.room.start()
    victim.check()


def older_folder(victim, data, backup):
    """The data folder goes back, and the keys do not."""
    put_back(data, backup)
    victim.room.start()
    victim.check()


def put_back(data, backup):
    """Register and log are as they were."""
    copy_register(backup, data)
    shutil.rmtree(data / "log")
    shutil.copytree(backup / "log", data / "log")


def mark_of(data):
    """The file of what was published last."""
    return data.parent / "keys" / "published.mark"


def older_machine(victim, data, backup):
    """The whole machine goes back: only who kept a checkpoint can know."""
    put_back(data, backup)
    mark_of(data).unlink()
    victim.room.start()
    victim.check()


def older_machine_written_on(victim, data, backup):
    """The machine goes back and then grows beyond what was seen: a second history."""
    put_back(data, backup)
    mark_of(data).unlink()
    victim.room.start()
    caller = victim.caller()
    while victim.room.settle() <= victim.history.newest():
        for _ in range(100):
            # A reference is given once.
            deposit = Deposit(next(victim.numbers), 1)
            announce(caller, victim.case, deposit)
            send(caller, deposit)
    caller.close()
    victim.check()


def lost_objects(victim, data, _):
    """The bytes of the acknowledged items are gone."""
    for file in sorted((data / "objects").rglob("*")):
        if file.is_file():
            file.unlink()
    victim.room.start()
    victim.check()


# --- the campaign -----------------------------------------------------------------------------


def cycles(campaign, number, backup):
    """Runs the cycles; keeps a copy of register and log from the middle."""
    rng, passed = campaign.rng, 0
    for cycle in range(number):
        while rng.random() < START_KILLS:
            campaign.room.launch()
            time.sleep(rng.uniform(*START_KILL_SECONDS))
            campaign.room.kill()
            campaign.figures["kills while starting"] += 1
        campaign.room.start()
        campaign.check()
        campaign.load(rng.uniform(*RUN_SECONDS))
        campaign.figures["kills under load"] += 1
        passed += 1
        if cycle == number // 2:
            data = campaign.room.folder / "data"
            copy_register(data, backup)
            shutil.copytree(data / "log", backup / "log")
        if (cycle + 1) % 100 == 0:
            print(f"{cycle + 1} cycles, {len(campaign.acknowledged)} acknowledged", flush=True)
    return passed


def closing(campaign):
    """The checks at the end; gives a name and a check for each."""
    def items():
        caller, all_of = campaign.caller(), campaign.acknowledged
        some = campaign.rng.sample(all_of, min(MAX_READ_AT_END, len(all_of)))
        campaign.check_items(caller, some)
        caller.close()

    return [
        ("everything acknowledged is there", campaign.check),
        ("items are what was deposited", items),
        ("receipts verify", campaign.check_receipts),
        ("the log as a stranger reads it", campaign.check_whole_log),
        ("the log as Go reads it", campaign.check_by_go),
        ("bundles and held receipts", campaign.check_bundles),
        ("audit", campaign.check_audit),
    ]


def campaign_in(folder, rng, number):
    """The whole campaign; gives how many checks passed and failed."""
    passed = failed = 0
    for name in ("room", "receipts", "backup", "planted"):
        (folder / name).mkdir()
    room = Room(folder / "room")
    try:
        secret = room.found()
        room.start()
        case, token = room.people(secret)
        room.kill()
        campaign = Campaign(room, case, token, rng, folder)
        passed += cycles(campaign, number, folder / "backup")
        room.start()
        for name, check in closing(campaign):
            check()
            passed += 1
        for name, good, said in planted(campaign, folder / "backup", folder / "planted"):
            print(f"{'planted' if good else 'FAILED planted'}: {name}: {said}")
            passed, failed = passed + good, failed + (not good)
        for name, figure in sorted(campaign.figures.items()):
            print(f"{figure:>8} {name}")
        print(f"start: longest of {len(room.starts)} took {max(room.starts):.2f} s (limit 5 s)")
    except (NotStarted, Fork, Wrong, Refused) as broken:
        failed += 1
        print(f"FAILED {type(broken).__name__}: {broken}")
    finally:
        room.kill()
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    parser.add_argument("--keep", type=pathlib.Path, help="leave everything in this folder")
    given = parser.parse_args()
    print(f"kill -9, {given.cycles} cycles, seed {given.seed}", flush=True)
    rng = random.Random(given.seed)
    if given.keep:
        given.keep.mkdir(parents=True)
        passed, failed = campaign_in(given.keep.resolve(), rng, given.cycles)
    else:
        with tempfile.TemporaryDirectory(prefix="custos-kill-") as folder:
            passed, failed = campaign_in(pathlib.Path(folder), rng, given.cycles)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
