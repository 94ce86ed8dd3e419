#!/usr/bin/env python3
"""A disk that is really full: deposits are refused, reading goes on, nothing is lost.

    full.py [--rounds N] [--seed N] [--keep FOLDER]

The room's data folder is a small file system of its own: a file with ext4 in it where that can be
made, or memory (tmpfs). Each round fills it to the last byte twice: under four writers, and while
the room is stopped, so that it must start there. Then deposits must be told 507, and what was
acknowledged must be read, with its entries and receipts; the room is killed and started again; the
doctor must say what is wrong. Then room is made: the reserve must come back, deposits be taken
again, and everything that was ever acknowledged or published hold.

At the end a room without a reserve is put on a full disk, and the same checks must find it.

Mounting asks for root; without it the campaign runs itself again in a name space of its own
(`unshare -rm`), and fails where that can't be had. Programs: CUSTOS_BIN and CUSTOS_VERIFY_BIN, or
the debug build.
"""

import argparse
import contextlib
import os
import pathlib
import random
import secrets
import subprocess
import sys
import tempfile
import time

from history import Fork
from kill import Wrong, closing, equal
from room import CUT, Deposit, NotStarted, Refused, Room, announce, open_view, read_view, send
from syscalls import Faults

DISK_MEBIBYTES = 192
RESERVE_MEBIBYTES = 16
# The last of the disk, which deposits take.
LAST_MEBIBYTES = 6
# Entries for so many views must find space on a full disk.
VIEWS = 200
# How soon the room takes deposits again when there is room.
AGAIN_SECONDS = 60
# The tries that a reader may lose until the reserve is spent.
LOST_TRIES = 3
FULL = 507


# --- a small disk -------------------------------------------------------------------------------


class Disk:
    """A file system of its own at a folder."""

    def __init__(self, folder, image):
        self.folder, self.image = folder, image
        folder.mkdir(exist_ok=True)
        self.kind = self.mount()
        os.chmod(folder, 0o700)

    def mount(self):
        """Mounts ext4 in a file, or memory; says which."""
        with open(self.image, "wb") as file:
            file.truncate(DISK_MEBIBYTES << 20)
        for kind, commands in (
            ("ext4", [["mkfs.ext4", "-q", "-m", "0", self.image],
                      ["mount", "-o", "loop", self.image, self.folder]]),
            ("tmpfs", [["mount", "-t", "tmpfs", "-o", f"size={DISK_MEBIBYTES}m", "custos",
                        self.folder]]),
        ):
            if all(ran(command) for command in commands):
                return kind
        raise NotStarted("no file system can be mounted here: run this as root")

    def fill(self, but=0, until=lambda: False):
        """Takes all that is left but so many bytes: else to the last one. It ends when `until` says
        so: what the room gives its log when it finds no space is not for the filler."""
        with open(self.folder / "filler", "ab", buffering=0) as file:
            for size in (1 << 20, 4096, 512, 1):
                with contextlib.suppress(OSError):
                    while (not but or self.free() > but + size) and not until():
                        file.write(bytes(size))

    def free(self):
        """Bytes that are left."""
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def make_room(self):
        """Removes what was filled in."""
        (self.folder / "filler").unlink()

    def end(self):
        """Gives the file system up."""
        ran(["umount", self.folder])
        self.image.unlink(missing_ok=True)


def ran(command):
    """Whether a command ran and succeeded."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


# --- what must hold on a full disk ---------------------------------------------------------------


class Full(Faults):
    """A room whose writers are told of a full disk, and its disk."""

    def __init__(self, disk, *rest):
        super().__init__(*rest)
        self.disk = disk

    @property
    def reserve(self):
        """Bytes of the reserve that are really there."""
        file = self.room.folder / "data" / "reserve"
        return file.stat().st_blocks * 512 if file.exists() else 0

    def deposit_until_full(self):
        """Deposits until the room says that it is full."""
        self.disk.fill(but=LAST_MEBIBYTES << 20)
        caller = self.caller()
        try:
            while self.disk.free() > 0:
                self.deposit(caller, Deposit(next(self.numbers), self.rng.randrange(1 << 21)))
        except Refused as refused:
            if refused.status != FULL:
                raise
            self.figures["filled by deposits"] += 1
        finally:
            caller.close()

    def read_on(self, caller):
        """Readers lose a few tries at most, and then read all that they ask for."""
        lost = 0
        for _ in range(VIEWS):
            deposit, acknowledgement = self.rng.choice(self.acknowledged)
            while True:
                try:
                    equal(read_view(caller, open_view(caller, acknowledgement["item"])), deposit)
                    break
                except Refused as refused:
                    lost += 1
                    if refused.status != FULL or lost > LOST_TRIES:
                        raise Wrong(f"reading ends on a full disk: {refused}") from refused
            self.figures["views on a full disk"] += 1
        try:
            self.receipt(caller, self.acknowledged[-1][1])
        except Refused as refused:
            raise Wrong(f"no receipt on a full disk: {refused}") from refused

    def refused(self, caller):
        """A deposit is told that the disk is full."""
        deposit = Deposit(next(self.numbers), 1000)
        try:
            announce(caller, self.case, deposit)
            send(caller, deposit)
        except Refused as refused:
            if refused.status != FULL or b"the disk is full" not in refused.body:
                raise Wrong(f"a deposit on a full disk: {refused}") from refused
            self.figures["deposits refused"] += 1
            return
        raise Wrong("a deposit was taken in on a full disk")

    def told(self):
        """The doctor and the room's log say what is wrong."""
        done = subprocess.run(
            [self.room.program, "doctor"], env=self.room.environment(), cwd=self.room.folder,
            text=True, capture_output=True, timeout=60, check=False)
        if "FAILED   reserve" not in done.stdout:
            raise Wrong(f"the doctor says nothing of the reserve: {done.stdout}{done.stderr}")
        log = (self.room.folder / "server.log").read_text(errors="replace")
        if "disk_full" not in log:
            raise Wrong("the room's log says nothing of the full disk")

    def full(self):
        """What must hold while the disk is full, and behind a start there."""
        for starts in (False, True):
            if starts:
                self.room.kill()
                self.room.start()
            caller = self.caller()
            try:
                self.read_on(caller)
                self.refused(caller)
            finally:
                caller.close()
            if self.reserve:
                raise Wrong("the reserve is not spent")
            self.told()

    def again(self):
        """There is room again: the reserve comes back, and deposits are taken."""
        self.disk.make_room()
        deadline = time.monotonic() + AGAIN_SECONDS
        while self.reserve < RESERVE_MEBIBYTES << 20:
            if time.monotonic() > deadline:
                raise Wrong(f"the reserve does not come back: {self.reserve} bytes")
            time.sleep(0.2)
        caller = self.caller()
        self.deposit(caller, Deposit(next(self.numbers), 100_000))
        caller.close()
        self.check()


def rounds(campaign, number):
    """Each round fills the disk under the running room, and under the stopped one."""
    room = campaign.room
    for _ in range(number):
        room.start()
        if campaign.reserve < RESERVE_MEBIBYTES << 20:
            raise Wrong(f"there are {campaign.reserve} bytes of reserve")
        campaign.deposit_until_full()
        with campaign.writers():
            campaign.disk.fill(until=lambda: campaign.reserve == 0)
            time.sleep(campaign.rng.uniform(0.2, 2))
        campaign.full()
        campaign.again()
        yield "filled at work: reading goes on, deposits are refused, all of it comes back"
        room.kill()
        campaign.disk.fill()
        room.start()
        campaign.full()
        campaign.again()
        yield "filled while stopped: it starts, and the same holds"
        room.kill()


def planted(campaign):
    """Without a reserve the same checks must find that reading ends."""
    room = campaign.room
    room.settings["CUSTOS_DISK__RESERVE_MEBIBYTES"] = "0"
    (room.folder / "data" / "reserve").unlink()
    room.start()
    campaign.disk.fill()
    caller = campaign.caller()
    try:
        campaign.read_on(caller)
        return False, "not found"
    except Wrong as found:
        return True, str(found)
    finally:
        caller.close()
        room.kill()
        campaign.disk.make_room()


def campaign_in(folder, rng, number):
    """The whole campaign; gives how many checks passed and failed."""
    passed = failed = 0
    for name in ("room", "receipts"):
        (folder / name).mkdir()
    room = Room(folder / "room")
    room.settings["CUSTOS_DISK__RESERVE_MEBIBYTES"] = str(RESERVE_MEBIBYTES)
    disk = None
    try:
        disk = Disk(room.folder / "data", folder / "disk")
        print(f"a disk of {DISK_MEBIBYTES} MiB, {disk.kind}", flush=True)
        secret = room.found()
        room.start()
        case, token = room.people(secret)
        campaign = Full(disk, room, case, token, rng, folder)
        caller = campaign.caller()
        for _ in range(6):
            campaign.deposit(caller, Deposit(next(campaign.numbers), rng.randrange(200_000)))
        caller.close()
        room.kill()
        for name in rounds(campaign, number):
            print(f"ok: {name}", flush=True)
            passed += 1
        room.start()
        for name, check in closing(campaign):
            check()
            print(f"ok: {name}")
            passed += 1
        room.kill()
        good, said = planted(campaign)
        print(f"{'planted' if good else 'FAILED planted'}: no reserve: {said[:160]}")
        passed, failed = passed + good, failed + (not good)
        room.start()
        campaign.check()
        print("ok: and there too nothing is lost")
        passed += 1
        for name, figure in sorted(campaign.figures.items()):
            print(f"{figure:>8} {name}")
    except (NotStarted, Fork, Wrong, Refused, *CUT) as broken:
        failed += 1
        print(f"FAILED {type(broken).__name__}: {broken}")
    finally:
        room.kill()
        if disk is not None:
            disk.end()
    return passed, failed


def main():
    """The campaign."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    parser.add_argument("--keep", type=pathlib.Path, help="leave everything but the disk here")
    given = parser.parse_args()
    if os.geteuid() != 0:
        os.execvp("unshare", ["unshare", "-rm", sys.executable, *sys.argv])
    print(f"a full disk: seed {given.seed}", flush=True)
    rng = random.Random(given.seed)
    if given.keep:
        given.keep.mkdir(parents=True)
        passed, failed = campaign_in(given.keep.resolve(), rng, given.rounds)
    else:
        with tempfile.TemporaryDirectory(prefix="custos-full-") as folder:
            passed, failed = campaign_in(pathlib.Path(folder), rng, given.rounds)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
