"""Backup and restore of a room at work: nothing that a backup holds is lost, and damage is named.

    backup.py [--rounds N] [--seed N] [--keep FOLDER]

Four clients deposit, view and take receipts while backups are taken, cut by kill -9 and taken
again. Then the room is killed and deleted, all but its root key, which was kept apart; the backup
is restored and audited, the room starts, and its log must continue what everybody holds. Then the
harness plants defects in copies of the backup, and a restore must name each of them; and it lets
the restored room grow past a checkpoint that the lost room had published, which whoever kept that
must find.

Programs: CUSTOS_BIN and CUSTOS_VERIFY_BIN, or the debug build.
"""

import argparse
import collections
import json
import pathlib
import random
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from history import Fork
from kill import WRITERS, Campaign, Wrong
from room import CUT, Deposit, NotStarted, Refused, Room, announce, send

BACKUPS = 3
LOAD_SECONDS = 1.5
CUT_SECONDS = (0.0, 0.3)
LIMIT_SECONDS = 300
AFTER_RESTORE = 5
DAMAGED = 3
SMALL_FILES = 4


class Load:
    """The clients of a campaign at work, until they are stopped or the server dies."""

    def __init__(self, campaign):
        self.campaign = campaign
        self.stop = threading.Event()
        work = [campaign.work] * WRITERS + [campaign.watch]
        self.threads = [
            threading.Thread(
                target=campaign.guarded, args=(run_, random.Random(campaign.rng.random()), self.stop)
            )
            for run_ in work
        ]
        for thread in self.threads:
            thread.start()

    def end(self):
        """Waits until every client has ended; raises what none of them should have met."""
        self.stop.set()
        for thread in self.threads:
            thread.join()
        if self.campaign.unexpected:
            raise self.campaign.unexpected[0]


class Vault:
    """Where the backups of a room go, and the commands that make and use them."""

    def __init__(self, room, folder):
        self.room, self.folder = room, folder

    def command(self, *arguments, room=None):
        """Runs a command of the room; gives its exit code and what it printed."""
        room = room or self.room
        done = subprocess.run(
            [room.program, *arguments], env=room.environment(), cwd=room.folder, text=True,
            capture_output=True, timeout=LIMIT_SECONDS, check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def json(self, *arguments, room=None, expected=0):
        """Runs a command with `--json` that must end with this code."""
        room = room or self.room
        done = subprocess.run(
            [room.program, *arguments, "--json"], env=room.environment(), cwd=room.folder,
            text=True, capture_output=True, timeout=LIMIT_SECONDS, check=False,
        )
        if done.returncode != expected:
            raise Wrong(f"{arguments[0]}: {done.returncode} {(done.stdout + done.stderr)[-600:]}")
        return json.loads(done.stdout)

    def take(self):
        """Takes a backup; gives what it says of itself."""
        return self.json("backup", "--to", self.folder)

    def cut(self, seconds):
        """Kills a backup after so many seconds; gives whether it was cut."""
        process = subprocess.Popen(
            [self.room.program, "backup", "--to", self.folder], env=self.room.environment(),
            cwd=self.room.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        return process.wait(timeout=LIMIT_SECONDS) == -signal.SIGKILL

    def check(self):
        """A complete backup is whole, whatever happened since it was completed."""
        return self.json("restore", "--check", "--from", self.folder)["backup"]["facts"]


def fresh(room, folder):
    """A room's folder in which there is only a root key that was kept apart."""
    (folder / "keys").mkdir(parents=True, mode=0o700)
    shutil.copy2(room.folder / "keys" / "root.key", folder / "keys" / "root.key")
    return Room(folder, room.program)


# --- backups under load -----------------------------------------------------------------------


def backups(campaign, vault):
    """Takes backups under load and cuts others; gives the last one and the receipts before it."""
    rng, figures = campaign.rng, campaign.figures
    taken, receipts, passed = None, [], 0
    for nth in range(BACKUPS):
        load = Load(campaign)
        time.sleep(LOAD_SECONDS)
        while vault.cut(rng.uniform(*CUT_SECONDS)):
            figures["backups cut"] += 1
            if taken is None:
                code, said = vault.command("restore", "--check", "--from", vault.folder)
                if code == 0 or not re.search("never finished|holds no backup", said):
                    raise Wrong(f"a cut backup was not recognised: {code} {said}")
            elif vault.check() != taken["facts"]:
                raise Wrong("a cut backup changed the one before it")
            if rng.random() < 0.5:
                break
        with campaign.lock:
            receipts = list(campaign.receipts)
            deposits = list(campaign.acknowledged)
        before = figures["deposits acknowledged"]
        newer = vault.take()
        figures["deposits while a backup was taken"] += figures["deposits acknowledged"] - before
        load.end()
        what_a_backup_misses(campaign)
        campaign.check()
        if taken and newer["copied"] >= newer["files"]:
            raise Wrong(f"backup {nth} copied everything again: {newer}")
        if vault.check() != newer["facts"]:
            raise Wrong("the complete backup is another one")
        taken = newer
        figures["backups"] += 1
        passed += 1
    return taken, receipts, deposits, passed


def what_a_backup_misses(campaign):
    """A deposit and its receipt that come after the backup."""
    caller = campaign.caller()
    campaign.deposit(caller, Deposit(next(campaign.numbers), 100))
    campaign.receipt(caller, campaign.acknowledged[-1][1])
    caller.close()


def restored(campaign, vault, taken, receipts, deposits, folder):
    """Deletes the room, restores it, and goes on; gives names of what was checked."""
    room = campaign.room
    room.kill()
    lost_notes = dict(campaign.history.notes)
    # Read now: receipts of the restored room will take the names of these files.
    newer = [noted(file) for file, _ in campaign.receipts[len(receipts):]]
    again = fresh(room, folder)
    shutil.rmtree(room.folder / "data")
    for command in ("serve", "audit"):
        code, said = vault.command(command, room=again)
        if code != 1 or "there is no room here" not in said or (folder / "data").exists():
            raise Wrong(f"{command} where nothing is: {code} {said}")
    yield "where nothing is, no command makes anything"
    done = vault.json("restore", "--from", vault.folder, "--verify", room=again)
    if done["audit"]["total"] or done["backup"]["facts"] != taken["facts"]:
        raise Wrong(f"the restored room is not what was backed up: {done}")
    yield "a backup under load is restored and audited"

    code, said = vault.command("audit", room=again)
    if code != 0:
        raise Wrong(f"audit: {said}")
    yield "`custos audit` finds nothing"

    # What everybody holds of the time before the backup is held by the restored room.
    size = taken["facts"]["size"]
    campaign.room, campaign.acknowledged = again, deposits
    campaign.receipts, campaign.pending, campaign.views, campaign.notes = receipts, [], [], []
    campaign.history = older(campaign.history, taken["facts"]["published"])
    again.start()
    code, said = vault.command("doctor", room=again)
    if code != 0 or "restored from a backup" not in said or "the room answers" not in said:
        raise Wrong(f"doctor: {code} {said}")
    yield "`custos doctor` finds the restored room well, and says what it is"
    if "was restored from a backup" not in again.last_words():
        raise Wrong(f"the start did not say what was restored: {again.last_words()}")
    yield "the room says loudly what it was restored from"

    campaign.check()
    campaign.check_items(campaign.caller(), deposits)
    yield "everything acknowledged before the backup is there"
    campaign.check_receipts()
    yield "receipts from before the backup verify and are of the restored log"

    caller = campaign.caller()
    for _ in range(AFTER_RESTORE):
        campaign.deposit(caller, Deposit(next(campaign.numbers), 10_000))
        if campaign.acknowledged[-1][1]["entry"]["index"] < size:
            raise Wrong("a deposit after the restore took an index that was taken")
        campaign.receipt(caller, campaign.acknowledged[-1][1])
    caller.close()
    campaign.check()
    campaign.check_receipts()
    yield "deposits go on where the backup ended"
    campaign.check_bundles()
    yield "bundles of the restored room verify, with receipts from before the backup held"
    campaign.check_whole_log()
    campaign.check_by_go()
    yield "Go's own code finds every checkpoint consistent, old and new"

    vault.room = again
    vault.take()
    vault.check()
    yield "the restored room is backed up to the same folder"

    # What was lost was lost: whoever holds more than the backup did must be able to see it.
    caller = campaign.caller()
    deposit = Deposit(next(campaign.numbers), 1)
    while campaign.room.settle() <= max(lost_notes):
        for _ in range(50):
            announce(caller, campaign.case, deposit)
            send(caller, deposit)
    caller.close()
    campaign.check_log(campaign.caller())
    forked = sum(contradicted(campaign, note, size) for note in lost_notes.values())
    unfit = sum(contradicted(campaign, note, size) for note in newer)
    campaign.figures["newer checkpoints that do not fit"] = forked
    campaign.figures["newer receipts that do not fit"] = unfit
    if not forked or not unfit:
        raise Wrong(f"{forked} checkpoints and {unfit} receipts newer than the backup were found")
    yield "checkpoints and receipts that are newer than the backup are found not to fit"


def older(history, size):
    """A history as somebody holds it who saw nothing after the checkpoint of this size."""
    fresh_ = type(history)(history.origin)
    for leaf in history.tree.levels[0][:size]:
        fresh_.tree.push(leaf)
    for seen, note in history.notes.items():
        if seen <= size:
            fresh_.see(note)
    return fresh_


def noted(receipt):
    """The checkpoint in a receipt."""
    return receipt.read_text().split("\n\n", 1)[1].encode()


def contradicted(campaign, note, size):
    """Whether a checkpoint of more than so many entries is none of the restored log."""
    if int(note.split(b"\n")[1]) <= size:
        return False
    try:
        campaign.history.see(note)
    except Fork:
        return True
    return False


# --- planted defects --------------------------------------------------------------------------


def flip(file, rng):
    """One byte is another."""
    data = bytearray(file.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    file.write_bytes(data)


def truncate(file, rng):
    """The end is missing."""
    data = file.read_bytes()
    file.write_bytes(data[: rng.randrange(len(data))])


def remove(file, _):
    """It is gone."""
    file.unlink()


def planted(campaign, vault, work):
    """Damages copies of the backup; gives a name, whether it was named, and what was said."""
    rng, room = campaign.rng, campaign.room
    parts = sorted(
        path for path in vault.folder.rglob("*")
        if path.is_file() and path.parent != vault.folder and path.stat().st_size
    )
    register = [path for path in parts if path.name == "register.db"]
    objects = [path for path in parts if "objects" in path.parts]
    tiles = [path for path in parts if "log" in path.parts]
    victims = register + rng.sample(objects, min(len(objects), SMALL_FILES)) + rng.sample(
        tiles, min(len(tiles), SMALL_FILES)) + [vault.folder / "manifest"]
    keyed = fresh(room, work / "restored")
    code, said = vault.command("restore", "--from", vault.folder, room=keyed)
    yield "nothing", code == 0, said.splitlines()[0]
    shutil.rmtree(keyed.folder / "data")
    for victim in victims:
        whole = victim.read_bytes()
        for damage in (flip, truncate, remove):
            damage(victim, rng)
            code, said = vault.command("restore", "--from", vault.folder, room=keyed)
            path = victim.relative_to(vault.folder)
            data = keyed.folder / "data"
            empty = not data.exists() or not list(data.iterdir())
            if path == pathlib.Path("manifest"):
                good = code == 1 and empty and re.search("manifest", said)
            else:
                named = re.findall(r"^((?:objects|log|state-[0-9-]+)/\S+): ", said, re.M)
                good = code == DAMAGED and empty and named == [str(path)]
            yield f"{damage.__name__} {path}", bool(good), said.splitlines()[0][:160]
            victim.write_bytes(whole)
    code, said = vault.command("restore", "--from", vault.folder, room=keyed)
    yield "nothing any more", code == 0, said.splitlines()[0]


# --- the campaign -----------------------------------------------------------------------------


def round_in(folder, rng):
    """One room from its founding to its second life; gives how many checks passed and failed."""
    passed = failed = 0
    figures = collections.Counter()
    for name in ("room", "receipts", "planted"):
        (folder / name).mkdir()
    room = Room(folder / "room")
    campaign = None
    try:
        secret = room.found()
        room.start()
        case, token = room.people(secret)
        campaign = Campaign(room, case, token, rng, folder)
        figures = campaign.figures
        vault = Vault(room, folder / "backup")
        taken, receipts, deposits, good = backups(campaign, vault)
        passed += good
        for name in restored(campaign, vault, taken, receipts, deposits, folder / "again"):
            print(f"ok: {name}")
            passed += 1
        campaign.room.kill()
        for name, good, said in planted(campaign, vault, folder / "planted"):
            if not good or "nothing" in name:
                print(f"{'planted' if good else 'FAILED planted'}: {name}: {said}")
            figures["planted defects named"] += good
            passed, failed = passed + good, failed + (not good)
    except (NotStarted, Fork, Wrong, Refused, *CUT) as broken:
        failed += 1
        print(f"FAILED {type(broken).__name__}: {broken}")
    finally:
        room.kill()
        if campaign:
            campaign.room.kill()
    for name, figure in sorted(figures.items()):
        print(f"{figure:>8} {name}")
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    parser.add_argument("--keep", type=pathlib.Path, help="work in this folder, and keep it")
    arguments = parser.parse_args()
    print(f"backup and restore under load: seed {arguments.seed}")
    rng = random.Random(arguments.seed)
    passed = failed = 0
    for nth in range(arguments.rounds):
        if arguments.keep:
            folder = arguments.keep / str(nth)
            folder.mkdir(parents=True)
            good, bad = round_in(folder.resolve(), rng)
        else:
            with tempfile.TemporaryDirectory(prefix="custos-backup-") as folder:
                good, bad = round_in(pathlib.Path(folder), rng)
        passed, failed = passed + good, failed + bad
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
