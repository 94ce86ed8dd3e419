#!/usr/bin/env python3
"""System calls that fail, and their order: nothing acknowledged is lost, a failed sync ends the
room, and every deposit is durable before it is acknowledged.

    syscalls.py [--each N] [--deposits N] [--seed N] [--keep FOLDER]

First strace watches deposits, one after the other: of each the object's file must be synced, put
in its place, and the place synced, then the register, then comes the acknowledgement. Then each
of fsync, pwrite64 and rename fails by strace, and write by a small library of ours (faulty.c),
with EIO, with ENOSPC, or by the end of the process, at a random call under four writers. Whoever
waits is told 503 or 507, or is cut off; the room is started again and compared with everything
that it ever acknowledged or published. At the end the harness plants what it looks for.

Programs: strace, cc, CUSTOS_BIN and CUSTOS_VERIFY_BIN, or the debug build.
"""

import argparse
import itertools
import os
import pathlib
import random
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time

from history import Fork
from kill import Campaign, Wrong, closing, copy_register, planted
from room import CUT, Deposit, NotStarted, Refused, Room, announce, send

HERE = pathlib.Path(__file__).parent
LOAD_LIMIT_SECONDS = 20
END_LIMIT_SECONDS = 20
# Longer than a room that stops lets its callers be told.
WORDS_SECONDS = 3
STRACED = ("fsync", "pwrite64", "rename")
HOW = ("EIO", "ENOSPC", "KILL")
# Which call of its kind fails, at most; that many come in a second or two.
MOST_CALLS = {"fsync": 60, "pwrite64": 600, "rename": 30, "write": 30}
TOLD = {503, 507}


class FaultyRoom(Room):
    """A room whose server can be started so that something in it fails."""

    def __init__(self, folder):
        super().__init__(folder)
        self.prefix, self.extra = [], {}

    def environment(self):
        """The settings, and what shall fail."""
        return {**super().environment(), **self.extra}

    def launch(self):
        """Starts the server under what was chosen."""
        with open(self.folder / "server.log", "ab") as output:
            self.process = subprocess.Popen(
                [*self.prefix, self.program, "serve"], env=self.environment(), cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def plain(self):
        """From now on nothing fails."""
        self.prefix, self.extra = [], {}


class Faults(Campaign):
    """The kill campaign's room, whose writers are told of faults."""

    def guarded(self, run, rng, stop):
        """A writer that goes on when the room says that it can't, and knows nothing then."""
        def told(caller, rng):
            try:
                run(caller, rng)
            except Refused as refused:
                if refused.status not in TOLD:
                    raise
                self.figures[f"told {refused.status}"] += 1
                time.sleep(0.05)
        super().guarded(told, rng, stop)

    def deposit(self, caller, deposit):
        """As it is, but what was refused is not looked for."""
        try:
            super().deposit(caller, deposit)
        except Refused as refused:
            if refused.status in TOLD and deposit in self.pending:
                # It may have been taken in all the same: then its upload says so.
                self.figures["unsure"] += 1
            raise


# --- order --------------------------------------------------------------------------------------


LINE = re.compile(r"^(\d+)\s+([\d.]+) (.*)$")
CALL = re.compile(r"^(\w+)\((.*?)(?: <unfinished \.\.\.>|\)\s+= (-?\d+).*)$")
RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>.*\)\s+= (-?\d+)")
FILE = re.compile(r"^\d+<([^>]*)>")


def events(lines):
    """What began and what ended, in order: (kind, call, arguments)."""
    begun = {}
    for line in lines:
        found = LINE.match(line)
        if not found:
            continue
        thread, _, rest = found.groups()
        if resumed := RESUMED.match(rest):
            call, arguments = begun.pop(thread, (None, None))
            if call == resumed.group(1) and resumed.group(2) != "-1":
                yield "end", call, arguments
        elif call := CALL.match(rest):
            name, arguments, result = call.groups()
            yield "begin", name, arguments
            if result is None:
                begun[thread] = (name, arguments)
            elif result != "-1":
                yield "end", name, arguments


def in_order(lines):
    """How many acknowledged deposits were durable before, and what was out of order."""
    ordered, wrong = 0, []
    synced, state, place = set(), None, None
    for kind, call, arguments in events(lines):
        if call in ("fsync", "fdatasync") and kind == "end":
            file = FILE.match(arguments).group(1)
            synced.add(file)
            if state == "placed" and file == place:
                state = "durable"
            elif state == "durable" and file.endswith("register.db-wal"):
                state = "committed"
        elif call == "rename" and kind == "end" and "/objects/" in arguments:
            source, target = re.findall(r'"([^"]*)"', arguments)
            if source not in synced:
                wrong.append(f"{source} was placed before it was synced")
            state, place = "placed", str(pathlib.PurePath(target).parent)
        elif call == "writev" and kind == "begin" and "201 Created" in arguments and state:
            # The first of the two on the way out; the second finds nothing to wait for.
            if state == "committed":
                ordered += 1
            else:
                wrong.append(f"acknowledged when the deposit was {state}")
            state = None
    return ordered, wrong


def watch_order(campaign, trace, number):
    """Deposits one after the other under strace; gives the trace's lines."""
    room = campaign.room
    calls = "fsync,fdatasync,rename,writev"
    room.prefix = ["strace", "-D", "-f", "-y", "-ttt", "-s", "24", "-o", str(trace),
                   "-e", f"trace={calls}", "-e", "signal=KILL"]
    room.start()
    caller = campaign.caller()
    for _ in range(number):
        deposit = Deposit(next(campaign.numbers), campaign.rng.randrange(1, 100_000))
        announce(caller, campaign.case, deposit)
        campaign.acknowledged.append((deposit, send(caller, deposit)))
    caller.close()
    room.settle()
    room.kill()
    room.plain()
    return wait_for_end(trace)


def wait_for_end(trace):
    """The lines of a trace, once its tracer has written the last."""
    deadline = time.monotonic() + END_LIMIT_SECONDS
    while time.monotonic() < deadline:
        lines = trace.read_text(errors="replace").splitlines()
        if any("killed by SIGKILL" in line for line in lines[-20:]):
            return lines
        time.sleep(0.1)
    raise Wrong("the trace has no end")


def order(campaign, folder, number):
    """The checks of the order; gives a name and whether it holds."""
    lines = watch_order(campaign, folder / "trace", number)
    ordered, wrong = in_order(lines)
    yield (f"{ordered} of {number} deposits are durable before they are acknowledged; {wrong[:3]}",
           ordered == number and not wrong)
    # Planted: a server that syncs the register too late, one that never syncs the object's file,
    # one that does not sync its place.
    for name, gone in [("register", r"fsync.*register\.db-wal"), ("object", r"fsync.*objects/.*#1"),
                       ("place", r"fsync\(\d+<[^>]*objects/[0-9a-f]{2}>")]:
        without = [line for line in lines if not re.search(gone, line)]
        found, bad = in_order(without)
        yield f"planted: no sync of the {name}: {(bad or ['nothing found'])[0][-60:]}", bool(bad)
        if name != "object" and found:
            yield f"planted: {found} are taken for durable without it", False


# --- faults -------------------------------------------------------------------------------------


def arm(room, library, call, how, number):
    """The next server of the room fails so; gives a function that says whether it did."""
    if call == "write":
        told = room.folder / "faulty.told"
        told.unlink(missing_ok=True)
        room.extra = {"LD_PRELOAD": str(library), "FAULTY_BELOW": str(room.folder / "data"),
                      "FAULTY_CALL": str(number), "FAULTY_HOW": how, "FAULTY_TOLD": str(told)}
        return told.exists
    trace = room.folder / "trace"
    trace.unlink(missing_ok=True)
    fault = "signal=KILL" if how == "KILL" else f"error={how}"
    room.prefix = ["strace", "-D", "-f", "-o", str(trace), "-e", f"trace={call}",
                   "-e", f"inject={call}:{fault}:when={number}"]

    def did():
        text = trace.read_text(errors="replace") if trace.exists() else ""
        return "(INJECTED)" in text or "killed by SIGKILL" in text
    return did


def cycle(campaign, library, call, how):
    """One fault under load, and the start after it; gives what came of it."""
    room = campaign.room
    for number in itertools.takewhile(
            bool, (campaign.rng.randint(1, MOST_CALLS[call]) >> less for less in range(12))):
        did = arm(room, library, call, how, number)
        must_stop = call == "fsync" and how != "KILL"
        came = strike(campaign, did, END_LIMIT_SECONDS if must_stop else WORDS_SECONDS)
        room.kill()
        room.plain()
        room.start()
        campaign.check()
        room.kill()
        if came is not None:
            if must_stop and came != "it stopped":
                raise Wrong(f"fsync number {number} failed with {how}, and the room went on")
            return f"number {number}: {came}"
    raise Wrong(f"no {call} came that could fail")


def strike(campaign, did, patience):
    """Loads the room until the fault came; whether the room stopped or went on, or nothing."""
    room = campaign.room
    try:
        room.start()
    except NotStarted:
        if did():
            return "it stopped"
        raise
    with campaign.writers():
        deadline = time.monotonic() + LOAD_LIMIT_SECONDS
        while time.monotonic() < deadline and not did() and room.process.poll() is None:
            time.sleep(0.02)
        # Whoever stops may still be writing its last words.
        deadline = time.monotonic() + patience
        while did() and time.monotonic() < deadline and room.process.poll() is None:
            time.sleep(0.02)
    if not did():
        return None
    return "it went on" if room.process.poll() is None else "it stopped"


# --- the campaign -------------------------------------------------------------------------------


def build(folder):
    """The library that lets write() fail."""
    library = folder / "faulty.so"
    done = subprocess.run(
        [os.environ.get("CC", "cc"), "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library,
         HERE / "faulty.c", "-ldl"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotStarted(f"faulty.c: {done.stderr}")
    return library


def campaign_in(folder, rng, given):
    """The whole campaign; gives how many checks passed and failed."""
    passed = failed = 0
    for name in ("room", "receipts", "backup", "planted"):
        (folder / name).mkdir()
    room = FaultyRoom(folder / "room")
    try:
        library = build(folder)
        secret = room.found()
        room.start()
        case, token = room.people(secret)
        room.kill()
        campaign = Faults(room, case, token, rng, folder)
        for name, good in order(campaign, folder, given.deposits):
            print(f"{'ok' if good else 'FAILED'}: {name}", flush=True)
            passed, failed = passed + good, failed + (not good)
        plan = [(call, how) for call in STRACED for how in HOW]
        plan += [("write", how) for how in (*HOW, "SHORT")]
        for number in range(given.each):
            for call, how in plan:
                print(f"ok: {call}, {how}, {cycle(campaign, library, call, how)}", flush=True)
                passed += 1
            if number == given.each // 2:
                data = room.folder / "data"
                copy_register(data, folder / "backup")
                shutil.copytree(data / "log", folder / "backup" / "log")
        room.start()
        campaign.load(2)
        room.start()
        for name, check in closing(campaign):
            check()
            print(f"ok: {name}")
            passed += 1
        for name, good, said in planted(campaign, folder / "backup", folder / "planted"):
            print(f"{'planted' if good else 'FAILED planted'}: {name}: {said}")
            passed, failed = passed + good, failed + (not good)
        for name, figure in sorted(campaign.figures.items()):
            print(f"{figure:>8} {name}")
    except (NotStarted, Fork, Wrong, Refused, *CUT) as broken:
        failed += 1
        print(f"FAILED {type(broken).__name__}: {broken}")
    finally:
        room.kill()
    return passed, failed


def main():
    """The campaign."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--each", type=int, default=2, help="faults of each kind")
    parser.add_argument("--deposits", type=int, default=200)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    parser.add_argument("--keep", type=pathlib.Path, help="leave everything in this folder")
    given = parser.parse_args()
    print(f"system calls: seed {given.seed}", flush=True)
    rng = random.Random(given.seed)
    if given.keep:
        given.keep.mkdir(parents=True)
        passed, failed = campaign_in(given.keep.resolve(), rng, given)
    else:
        with tempfile.TemporaryDirectory(prefix="custos-syscalls-") as folder:
            passed, failed = campaign_in(pathlib.Path(folder), rng, given)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
