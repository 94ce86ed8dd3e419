"""Two server processes at one PostgreSQL database and one store folder, killed and paused in turn.

    two.py [--rounds N] [--seconds N] [--seed N]

While writers deposit, view and take receipts through both, one of the two is killed (-9) and
started again, or stopped (SIGSTOP) for up to a quarter of a minute, which is longer than the
database lets a transaction be silent. Meanwhile tokens and roles are taken away through one
process and tried through the other. Then nothing that was acknowledged is lost, the log is one,
its audit finds nothing, and nothing was allowed that began after a revocation was acknowledged.
Last the harness plants what a broken room would show, and the same checks must find each of it.

Programs: CUSTOS_BIN and CUSTOS_VERIFY_BIN, built with `--features postgres`, or the debug build.
PostgreSQL is a server of its own.
"""

import argparse
import pathlib
import random
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import time

import kill
import postgres
from history import Fork
from kill import Wrong
from room import (
    CUT, START_LIMIT_SECONDS, Caller, NotStarted, Refused, Room, open_view,
)

DATABASE = "custos_two"
OLDER = "custos_older"
RESTORED = "custos_restored"
SHORT = "short"
# What a process says that has just lost its connection, or waits for a lock in vain.
FOR_NOW = (503,)
DENIED = (401, 403, 404)
PAUSES = (0.1, 2.0)
LONG_PAUSES = (11.0, 15.0)
LONG = 0.15
BETWEEN = (0.3, 2.0)
DOWN = (0.0, 1.0)


class Twin(Room):
    """One of two processes at the same room."""

    def __init__(self, folder, name, server, database=DATABASE):
        super().__init__(folder)
        self.name, self.server, self.database = name, server, database
        self.settings["CUSTOS_DATABASE"] = server.url(database)

    def launch(self):
        """Starts the server with a log of its own, and does not wait for it."""
        with open(self.folder / f"{self.name}.log", "ab") as output:
            self.process = self.popen(output)

    def last_words(self):
        """The end of what the server wrote."""
        return (self.folder / f"{self.name}.log").read_text(errors="replace")[-600:].strip()

    def settle(self):
        """Waits until everything that is committed is published; gives the size."""
        deadline = time.monotonic() + START_LIMIT_SECONDS
        while time.monotonic() < deadline:
            row = self.server.sql("SELECT size, published FROM log_head", self.database)
            size, published = map(int, row.split("|"))
            if size == published and self.tells(published):
                return published
            time.sleep(0.05)
        raise NotStarted(f"not published within {START_LIMIT_SECONDS} s: {self.last_words()}")

    def pause(self, seconds):
        """Stops the process for a while, as a machine does that is held up."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            self.process.send_signal(signal.SIGCONT)

    def must_live(self):
        """It may lose its connection, not its life."""
        if self.process.poll() is not None:
            code, self.process = self.process.returncode, None
            raise Wrong(f"{self.name} ended by itself with {code}: {self.last_words()}")


class Pair(kill.Campaign):
    """Two processes at one room, and all that they ever said."""

    def __init__(self, twins, case, token, rng, folder):
        super().__init__(twins[0], case, token, rng, folder)
        self.twins = twins
        self.revokers = []
        self.revoke = True

    def caller(self):
        """A caller with the investigator's token, at either of the two."""
        return Caller(random.choice(self.twins).port, self.token)

    # --- load ----------------------------------------------------------------------------

    def guarded(self, run, rng, stop):
        """Goes on with either process while one of them is away; keeps any other end."""
        while not stop.is_set() and not self.unexpected:
            caller = self.caller()
            try:
                while not stop.is_set():
                    run(caller, rng)
            except (*CUT, OSError):
                self.figures["requests cut"] += 1
                time.sleep(0.02)
            except Refused as refused:
                if refused.status in FOR_NOW:
                    self.figures["requests put off"] += 1
                    time.sleep(0.1)
                else:
                    self.unexpected.append(refused)
            except Exception as error:  # pylint: disable=broad-except
                self.unexpected.append(error)
            finally:
                caller.close()

    def round(self, seconds):
        """Load through both, while one after the other is killed or paused."""
        stop = threading.Event()
        revoking = [
            threading.Thread(target=self.guarded, args=(work, self.rng, stop))
            for work in (self.token_withdrawn, self.role_ended)
        ]
        with self.writers():
            for thread in revoking:
                thread.start()
            try:
                self.disturb(seconds)
            finally:
                stop.set()
                for thread in revoking:
                    thread.join()

    def disturb(self, seconds):
        """Kills and pauses the two in turn."""
        end, turn = time.monotonic() + seconds, 0
        while time.monotonic() < end and not self.unexpected:
            time.sleep(self.rng.uniform(*BETWEEN))
            twin, turn = self.twins[turn % 2], turn + 1
            twin.must_live()
            if self.rng.random() < 0.5:
                twin.kill()
                time.sleep(self.rng.uniform(*DOWN))
                twin.start()
                self.figures["kills"] += 1
            elif self.rng.random() < LONG:
                twin.pause(self.rng.uniform(*LONG_PAUSES))
                self.figures["long pauses"] += 1
            else:
                twin.pause(self.rng.uniform(*PAUSES))
                self.figures["pauses"] += 1
        for twin in self.twins:
            twin.must_live()

    # --- revocation ------------------------------------------------------------------------

    def both(self):
        """The two processes in either order."""
        return self.rng.sample(self.twins, 2)

    def token_withdrawn(self, *_):
        """A token that one process withdrew opens nothing at the other."""
        here, there = self.both()
        owner = Caller(here.port, self.revokers["investigator"])
        new = {"label": SHORT, "rights": ["read", "deposit"], "days": 1}
        try:
            try:
                issued = owner.json("POST", "/api/v1/tokens", new)
            except Refused as refused:
                if refused.status != 409:
                    raise
                # Those of attempts that were cut are too many by now.
                self.clear(owner)
                issued = owner.json("POST", "/api/v1/tokens", new)
            held = Caller(there.port, {"Authorization": f"Bearer {issued['secret']}"})
            with self.lock:
                known = self.rng.choice(self.acknowledged) if self.acknowledged else None
            view = known and open_view(held, known[1]["item"])
            if self.revoke:
                owner.json("DELETE", f"/api/v1/tokens/{issued['id']}", expected=204)
            self.denied(held, "GET", f"/api/v1/cases/{self.case}", "a token")
            if view:
                self.denied(held, "GET", f"/api/v1/views/{view}/content", "a token's view")
            held.close()
        finally:
            owner.close()
        self.figures["tokens withdrawn"] += 1

    @staticmethod
    def clear(owner):
        """Withdraws the tokens of attempts that were cut."""
        listed = owner.json("GET", "/api/v1/tokens", expected=200)["items"]
        for token in listed:
            if token["label"] == SHORT and token["status"] == "active":
                owner.json("DELETE", f"/api/v1/tokens/{token['id']}", expected=204)

    def role_ended(self, *_):
        """Somebody whose role one process ended sees nothing at the other."""
        here, there = self.both()
        custodian = Caller(here.port, self.revokers["custodian"])
        person, headers = self.revokers["colleague"]
        member = {"person": person, "role": "investigator"}
        try:
            status, _, body = custodian.request(
                "POST", f"/api/v1/cases/{self.case}/people", kill.json.dumps(member),
                {"Content-Type": "application/json"})
            # Where the last end was cut, the role is still there.
            if status not in (201, 409):
                raise Refused("role", status, body)
            path = f"/api/v1/cases/{self.case}/people/{person}/investigator"
            if self.revoke:
                custodian.json("DELETE", path, expected=200)
            colleague = Caller(there.port, headers)
            self.denied(colleague, "GET", f"/api/v1/cases/{self.case}", "a role")
            colleague.close()
        finally:
            custodian.close()
        self.figures["roles ended"] += 1

    @staticmethod
    def denied(caller, method, path, what):
        """What begins after a revocation was acknowledged is denied."""
        status, _, body = caller.request(method, path)
        if status in FOR_NOW:
            raise Refused(path, status, body)
        if status not in DENIED:
            raise Wrong(f"{what} was taken away, and {method} {path} still answered {status}")

    # --- checks ----------------------------------------------------------------------------

    def check(self):
        """Compares both processes with everything they ever said."""
        for twin in self.twins:
            twin.settle()
        super().check()


    def check_dump(self):
        """What docs/OPERATIONS.md says of a copy: the database by `pg_dump`, then the folder."""
        server, folder = self.twins[0].server, self.folder / "restored"
        (folder / "data").mkdir(parents=True)
        before = list(self.acknowledged)
        dump, data = self.folder / "room.dump", self.room.folder / "data"
        with self.writers():
            time.sleep(1)
            kill.run([server.programs / "pg_dump", "--format=custom", f"--file={dump}",
                      server.url(DATABASE)])
            time.sleep(1)
            kill.run(["tar", "--create", f"--file={self.folder / 'data.tar'}",
                      f"--directory={data}", "--exclude=./log/checkpoint",
                      "--warning=no-file-changed", "--ignore-failed-read", "."],
                     # 1: a file changed while it was read, which the room then writes anew.
                     good=(0, 1))
        kill.run(["tar", "--extract", f"--file={self.folder / 'data.tar'}",
                  f"--directory={folder / 'data'}"])
        # Not the mark of what was published last, which such a copy is behind of.
        (folder / "keys").mkdir(mode=0o700)
        shutil.copy(self.room.folder / "keys" / "root.key", folder / "keys")
        server.sql(f"CREATE DATABASE {RESTORED}")
        kill.run([server.programs / "pg_restore", "--exit-on-error", "--no-owner",
                  f"--dbname={server.url(RESTORED)}", dump])
        twin = Twin(folder, "restored", server, RESTORED)
        copy = Pair([twin], self.case, self.token, self.rng, self.folder)
        copy.acknowledged = before
        try:
            twin.start()
            copy.check()
            copy.check_audit()
        finally:
            twin.kill()


def founded(folder, server):
    """A room with people in it: its two processes, case, token, and those who take away."""
    server.sql(f"CREATE DATABASE {DATABASE}")
    twins = [Twin(folder, name, server) for name in ("one", "other")]
    secret = twins[0].found()
    twins[0].start()
    case, token = twins[0].people(secret)
    administrator = twins[0].sign_in("administrator")
    colleague, session = twins[0].person(administrator, "colleague")
    sessions = {
        "investigator": dict(twins[0].sign_in("investigator").headers),
        "custodian": dict(twins[0].sign_in("custodian").headers),
        "colleague": (colleague, dict(session.headers)),
    }
    twins[0].kill()
    return twins, case, token, sessions


# --- planted defects --------------------------------------------------------------------------


def planted(pair, backup, work):
    """Has the checks meet what a broken room would show; gives a name, and what was said."""
    for twin in pair.twins:
        twin.start()
    for name, plant in (
        ("nothing", lambda: (pair.check(), pair.token_withdrawn(), pair.role_ended())),
        ("a token that is not withdrawn", lambda: unmade(pair, pair.token_withdrawn)),
        ("a role that is not ended", lambda: unmade(pair, pair.role_ended)),
        ("an acknowledged entry that is not there", lambda: lost(pair)),
        ("an older database", lambda: older(pair, None, work / "database")),
        ("an older database and log", lambda: older(pair, backup, work / "both")),
    ):
        said = None
        try:
            plant()
        except (NotStarted, Fork, Wrong, Refused) as found:
            said = f"{type(found).__name__}: {found}"
        yield name, (said is None) == (name == "nothing"), (said or "not found").splitlines()[-1]


def unmade(pair, work):
    """Nothing is taken away, and yet it is said."""
    pair.revoke = False
    try:
        work()
    finally:
        pair.revoke = True


def lost(pair):
    """An acknowledgement of an entry that the log does not hold."""
    deposit, acknowledgement = pair.acknowledged[-1]
    entry = dict(acknowledgement["entry"], c="00" * 32)
    entry["leaf_hash"] = kill.leaf_hash(b"\1" + bytes(32)).hex()
    pair.acknowledged.append((deposit, {**acknowledgement, "entry": entry}))
    try:
        pair.check_entries()
    finally:
        pair.acknowledged.pop()


def older(pair, log, folder):
    """The database goes back, with or without the published log, and both go on."""
    for twin in pair.twins:
        twin.kill()
    shutil.copytree(pair.room.folder, folder)
    if log:
        # The whole machine goes back: only who kept a checkpoint can know.
        (folder / "keys" / "published.mark").unlink(missing_ok=True)
        shutil.rmtree(folder / "data" / "log")
        shutil.copytree(log, folder / "data" / "log")
    server = pair.twins[0].server
    server.sql(f"DROP DATABASE IF EXISTS {OLDER}_copy")
    server.sql(f"CREATE DATABASE {OLDER}_copy TEMPLATE {OLDER}")
    twins = [Twin(folder, name, server, f"{OLDER}_copy") for name in ("one", "other")]
    victim = Pair(twins, pair.case, pair.token, pair.rng, pair.folder)
    victim.history, victim.acknowledged = pair.history, list(pair.acknowledged)
    try:
        for twin in twins:
            twin.start()
        victim.check()
    finally:
        for twin in twins:
            twin.kill()


# --- the campaign -----------------------------------------------------------------------------


def rounds(pair, number, seconds, backup):
    """Runs the rounds; keeps a copy of database and log from the middle."""
    for count in range(number):
        for twin in pair.twins:
            twin.start()
        pair.round(seconds)
        for twin in pair.twins:
            twin.kill()
        if count == (number - 1) // 2:
            pair.twins[0].server.sql(f"CREATE DATABASE {OLDER} TEMPLATE {DATABASE}")
            shutil.copytree(pair.room.folder / "data" / "log", backup)
        for twin in pair.twins:
            twin.start()
        pair.check()
        # What comes behind the copy is not in it.
        caller = pair.caller()
        pair.deposit(caller, kill.Deposit(next(pair.numbers), 1))
        caller.close()
        for twin in pair.twins:
            twin.settle()
            twin.kill()
        print(f"round {count + 1}: {len(pair.acknowledged)} acknowledged, "
              f"{pair.history.newest()} entries", flush=True)
    return number


def campaign_in(folder, server, rng, given):
    """The whole campaign; gives how many checks passed and failed."""
    passed = failed = 0
    for name in ("room", "receipts", "planted"):
        (folder / name).mkdir()
    twins, case, token, sessions = founded(folder / "room", server)
    try:
        pair = Pair(twins, case, token, rng, folder)
        pair.revokers = sessions
        passed += rounds(pair, given.rounds, given.seconds, folder / "older-log")
        for twin in twins:
            twin.start()
        copying = [("a copy by the server's own tools", pair.check_dump)]
        for name, check in copying + kill.closing(pair):
            check()
            print(f"held: {name}", flush=True)
            passed += 1
        for twin in twins:
            twin.kill()
        for name, good, said in planted(pair, folder / "older-log", folder / "planted"):
            print(f"{'planted' if good else 'FAILED planted'}: {name}: {said[:160]}")
            passed, failed = passed + good, failed + (not good)
        for name, figure in sorted(pair.figures.items()):
            print(f"{figure:>8} {name}")
    except (NotStarted, Fork, Wrong, Refused) as broken:
        failed += 1
        print(f"FAILED {type(broken).__name__}: {broken}")
        for twin in twins:
            print(f"--- {twin.name}: {twin.last_words()}")
    finally:
        for twin in twins:
            twin.kill()
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    given = parser.parse_args()
    print(f"two processes, {given.rounds} x {given.seconds:.0f} s, seed {given.seed}", flush=True)
    rng = random.Random(given.seed)
    with tempfile.TemporaryDirectory(prefix="custos-two-") as folder, postgres.served() as server:
        passed, failed = campaign_in(pathlib.Path(folder), server, rng, given)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
