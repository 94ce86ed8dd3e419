"""The real program under libfaketime: its clock is moved while it serves, and time that only goes on
stays as it is. What must hold: the time of entries never goes back, each jump becomes an entry and
an alarm, an authority whose clock is another raises one too, and receipts and bundles still verify.

Prints `N passed, N failed`.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests" / "campaigns"), str(ROOT / "tests" / "interop" / "time")]
import room as rooms  # noqa: E402
import suite as times  # noqa: E402

HOUR = 3_600_000_000
# How far a jump that is told may be from the one that was made: the room looks every few seconds.
SLACK = 30_000_000
WAIT_SECONDS = 20
check, counts = times.check, times.counts


class Moved(rooms.Room):
    """A room whose clock is so many hours ahead as a file says, read at each look at the clock."""

    def __init__(self, folder):
        super().__init__(folder)
        self.file = self.folder / "clock"
        self.move(0)

    def move(self, hours):
        """Moves the clock of the program that runs, and of those that will."""
        new = self.folder / "clock.new"
        new.write_text(f"{hours:+d}h\n")
        new.replace(self.file)

    def environment(self):
        faked = {k: v for k, v in rooms.ahead(0).items() if k != "FAKETIME"}
        return super().environment() | faked | {
            "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_NO_CACHE": "1", "NO_FAKE_STAT": "1"}

    def words(self):
        """Everything that the server wrote, without colours."""
        text = (self.folder / "server.log").read_text(errors="replace")
        return re.sub(r"\x1b\[[0-9;]*m", "", text)

    def jumps(self):
        """By how much the clock jumped, as the server told."""
        lines = [line for line in self.words().splitlines() if "clock_jumped" in line]
        return [int(re.search(r"microseconds=(-?\d+)", line).group(1)) for line in lines]

    def differences(self):
        """By how many seconds an authority's clock was another, as the server told."""
        lines = [line for line in self.words().splitlines() if "clock_differs" in line]
        return [int(re.search(r"seconds=(\d+)", line).group(1)) for line in lines]


class Walk:
    """What is done to the room, and what came of it."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "room").mkdir()
        self.room = Moved(folder / "room")
        self.receipts = []
        self.latest = (0, 0)

    def deposit(self, what):
        """Deposits something and takes its receipt; gives the entry's time, which never falls."""
        number = len(self.receipts) + 1
        deposit = rooms.Deposit(number, 1_000)
        rooms.announce(self.caller, self.case, deposit)
        done = rooms.send(self.caller, deposit)
        entry = done["entry"] if "entry" in done else done
        place = (entry["index"], entry["time"])
        check(f"{what}: its entry is not earlier than those before it",
              place[0] > self.latest[0] and place[1] >= self.latest[1], f"{place} after {self.latest}")
        self.latest = place
        file = self.folder / f"{number}.receipt"
        file.write_bytes(self.caller.get(f"/api/v1/items/{done['item']}/receipt"))
        self.receipts.append((what, file))
        self.item = done["item"]
        return place[1]

    def jump(self, what, hours, by):
        """Moves the clock and waits until the room says so; nothing else is done meanwhile."""
        before, told = self.room.settle(), len(self.room.jumps())
        self.room.move(hours)
        deadline = time.monotonic() + WAIT_SECONDS
        while len(self.room.jumps()) == told and time.monotonic() < deadline:
            time.sleep(0.1)
        jumps = self.room.jumps()[told:]
        check(f"{what}: the room's log says so and by how much",
              len(jumps) == 1 and abs(jumps[0] - by * HOUR) < SLACK, jumps or self.room.last_words())
        deadline = time.monotonic() + WAIT_SECONDS
        while (size := self.room.settle()) == before and time.monotonic() < deadline:
            time.sleep(0.1)
        check(f"{what}: it is an entry", size == before + 1, f"{size} entries after {before}")

    def stamp(self, what, differs):
        """Has the log stamped by the authority, whose clock goes right."""
        told, kept = len(self.room.differences()), len(times.rows(self.room))
        done = times.ask(self.room)
        check(f"{what}: a token is kept all the same",
              done.returncode == 0 and len(times.rows(self.room)) == kept + 1, done.stdout + done.stderr)
        new = self.room.differences()[told:]
        fits = [abs(seconds - differs) < 60 for seconds in new] == [True] if differs else not new
        check(f"{what}: that the clocks differ is {'told' if differs else 'not told'}", fits, new)

    def verify(self):
        """Every receipt by the verifier, and a bundle of the last item with all of them held."""
        verify = [str(times.VERIFY), "--trust", str(self.room.trust)]
        for what, file in self.receipts:
            done = subprocess.run([*verify, "--receipt", str(file)], text=True, capture_output=True,
                                  timeout=60, check=False)
            check(f"the receipt verifies: {what}", done.returncode == 0, done.stdout + done.stderr)
        self.room.settle()
        status, _, bundle = self.caller.request(
            "POST", f"/api/v1/items/{self.item}/bundle", json.dumps({"content": False}),
            {"Content-Type": "application/json"})
        file = self.folder / "bundle.zip"
        file.write_bytes(bundle)
        done = subprocess.run([*verify, str(file), "--held", str(self.receipts[-1][1])], text=True,
                              capture_output=True, timeout=60, check=False)
        check("a bundle verifies", status == 200 and done.returncode == 0, done.stdout + done.stderr)

    def walk(self):
        authority = times.Authority(self.folder / "authority", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])
        secret = self.room.found()
        (self.room.folder / "custos.toml").write_text(
            authority.settings("notary") + "[timestamps]\nevery_minutes = 0\n")
        self.room.start()
        try:
            self.case, headers = self.room.people(secret)
            self.caller = rooms.Caller(self.room.port, headers)
            before = self.deposit("with a clock that goes right")
            self.stamp("with a clock that goes right", None)
            self.jump("two hours forwards", 2, 2)
            later = self.deposit("after a jump forwards")
            check("its time is by the clock as it is", abs(later - before - 2 * HOUR) < 4 * SLACK, later - before)
            self.stamp("after a jump forwards", 7_200)
            self.jump("three hours backwards", -1, -3)
            held = self.deposit("after a jump backwards")
            check("its time waits until the clock has come so far", held - later < HOUR, held - later)
            self.stamp("after a jump backwards", 3_600)
            self.room.kill()
            self.caller.close()
            self.room.start()
            self.deposit("after a start with a clock that is behind the log")
            check("a clock that does not jump is told of no more", len(self.room.jumps()) == 2, self.room.jumps())
            self.verify()
        finally:
            self.room.kill()
        audit = subprocess.run([str(times.CUSTOS), "audit"], env=self.room.environment(), cwd=self.room.folder,
                               text=True, capture_output=True, timeout=120, check=False)
        check("the audit finds nothing", audit.returncode == 0, audit.stdout + audit.stderr)


def main():
    with tempfile.TemporaryDirectory() as folder:
        Walk(pathlib.Path(folder)).walk()
    print(f"{counts[True]} passed, {counts[False]} failed")
    sys.exit(bool(counts[False]))


if __name__ == "__main__":
    main()
