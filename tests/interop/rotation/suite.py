"""A room whose log gets another key, by the real programs, in folders and on ports of its own.

    python suite.py FOLDER      FOLDER holds the built program interop, of tests/interop/go

Prints `N passed, N failed`.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "campaigns"))
import kill as killing  # noqa: E402
import room as rooms  # noqa: E402

FOLDER = pathlib.Path(sys.argv[1])
CUSTOS = rooms.binary("custos", "CUSTOS_BIN")
VERIFY = rooms.binary("custos-verify", "CUSTOS_VERIFY_BIN")
READERS = ROOT / "tests" / "interop" / "python"
PYTHON = [os.environ.get("CUSTOS_PYTHON", sys.executable), "-B"]
WITNESS = "custos.example/witness"
SUCCESSOR = "successor.example/log"
LIMIT_SECONDS = 60
counts = {True: 0, False: 0}
running = []


def check(name, passed, said=""):
    """Counts one check."""
    counts[bool(passed)] += 1
    print(f"{'ok   ' if passed else 'FAIL '} {name}", flush=True)
    if not passed:
        print("      " + str(said).replace("\n", "\n      "), flush=True)
    return passed


def run(*arguments, **more):
    """Runs a program to its end; gives its exit code and all that it said."""
    done = subprocess.run([str(argument) for argument in arguments], text=True,
                          capture_output=True, timeout=300, check=False, **more)
    return done.returncode, done.stdout + done.stderr


def ends(name, code, *arguments, has="", **more):
    """A program ends with this code and says this; gives all that it said."""
    found, said = run(*arguments, **more)
    check(name, found == code and has in said, f"{found}: {said}")
    return said


def until(what, is_so):
    """Waits until something is so; gives it."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        if found := is_so():
            return found
        time.sleep(0.1)
    raise RuntimeError(f"{what}: not within {LIMIT_SECONDS} s")


class Witness:
    """`custos witness`, for one log."""

    def __init__(self, folder):
        self.folder, self.port, self.process = folder, rooms.free_port(), None
        code, said = run(CUSTOS, "witness", "init", "--name", WITNESS, "--folder", folder)
        if code:
            raise RuntimeError(said)
        self.vkey = re.search(rf"^\s+({re.escape(WITNESS)}\+\S+)$", said, re.M).group(1)
        self.settings = folder / "witness.toml"
        self.plain = self.settings.read_text().replace("# port = 7380", f"port = {self.port}")

    def serve(self, *vkeys):
        """Starts it again with these keys of the log."""
        self.end()
        logs = "".join(f'\n[[logs]]\norigin = "{rooms.ORIGIN}"\nvkey = "{vkey}"\n' for vkey in vkeys)
        self.settings.write_text(self.plain + logs)
        with open(self.folder / "log", "ab") as output:
            self.process = subprocess.Popen(
                [CUSTOS, "witness", "serve", "--config", self.settings],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        running.append(self.process)
        until("the witness listens", self.listens)

    def listens(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def end(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=LIMIT_SECONDS)
            running.remove(self.process)
            self.process = None


class Rotated:
    """The room and what was taken from it before and after."""

    def __init__(self, folder):
        folder.mkdir()
        self.folder, self.taken = folder, folder / "taken"
        self.taken.mkdir()
        self.room = rooms.Room(folder)
        secret = self.room.found()
        self.old = self.room.trust.read_text().split()[1]
        self.witness = Witness(folder / "witness")
        self.witness.serve(self.old)
        (folder / "custos.toml").write_text(
            f'[[witnesses]]\nname = "w"\nvkey = "{self.witness.vkey}"\n'
            f'url = "http://127.0.0.1:{self.witness.port}"\n')
        # What a verifier has: the log's policy, and a witness that is asked for.
        self.before = self.policy("before", self.room.trust.read_text())
        self.room.start()
        self.case, self.token = self.room.people(secret)

    def policy(self, name, text, trust_json=None):
        """The files of a verifier who asks for the witness."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        text = text.replace("quorum none", f"witness w {self.witness.vkey}\nquorum w")
        (folder / "trust.policy").write_text(text)
        if trust_json is not None:
            (folder / "trust.json").write_text(trust_json)
        return folder / "trust.policy"

    def command(self, *arguments):
        return run(CUSTOS, *arguments, env=self.room.environment(), cwd=self.folder)

    def cosigned(self):
        """Whether the newest checkpoint has the witness's line."""
        size = self.room.settle()
        caller = rooms.Caller(self.room.port)
        note = caller.get("/log/checkpoint")
        caller.close()
        lines = note.split(b"\n")
        return note if lines[1] == str(size).encode() and WITNESS.encode() in note else None

    def deposit(self, number):
        """Deposits a file; keeps receipt and bundle; gives the item."""
        caller = rooms.Caller(self.room.port, self.token)
        deposit = rooms.Deposit(number, 5_000)
        rooms.announce(caller, self.case, deposit)
        item = rooms.send(caller, deposit)["item"]
        until("the witness confirms", self.cosigned)
        caller.close()
        self.take(item, number)
        return item

    def take(self, item, name):
        caller = rooms.Caller(self.room.port, self.token)
        (self.taken / f"{name}.receipt").write_bytes(caller.get(f"/api/v1/items/{item}/receipt"))
        status, _, bundle = caller.request(
            "POST", f"/api/v1/items/{item}/bundle", json.dumps({"content": False}),
            {"Content-Type": "application/json"})
        check(f"a bundle of {name} is made", status == 200, bundle[:300])
        (self.taken / f"{name}.zip").write_bytes(bundle)
        caller.close()


def proofs(world, name, trust, code, numbers):
    """Receipts and bundles by our verifier, and by the Python readers where they hold."""
    for number in numbers:
        receipt, bundle = world.taken / f"{number}.receipt", world.taken / f"{number}.zip"
        ends(f"{name}: receipt of {number}", code, VERIFY, "--receipt", receipt, "--trust", trust)
        ends(f"{name}: bundle of {number}", code, VERIFY, bundle, "--trust", trust,
             has="Step `checkpoint` failed" if code else "VERIFIED")
        if not code:
            ends(f"{name}: bundle of {number}, by the Python reader", 0, *PYTHON,
                 READERS / "bundle.py", trust, bundle)


def rotate(world):
    """The command: what it says, what it writes, and what Go says of the checkpoint of both."""
    code, said = world.command("rotate-log-key")
    check("the key is rotated", code == 0, said)
    keys = re.findall(rf"^\s+({re.escape(rooms.ORIGIN)}\+\S+)\s+signs checkpoints (.*)$", said, re.M)
    check("it prints both keys with their sizes",
          len(keys) == 2 and keys[0][0] == world.old, said)
    world.new = keys[1][0]
    world.turn = int(re.search(r"The checkpoint of size (\d+)", said).group(1))
    policy = world.room.trust.read_text()
    check("the policy names both", policy == f"log {world.old}\nlog {world.new}\nquorum none\n", policy)
    sizes = json.loads(world.room.trust.with_name("trust.json").read_text())
    check("and trust.json their sizes", sizes["log_keys"] == [
        {"vkey": world.old, "from": 1, "to": world.turn},
        {"vkey": world.new, "from": world.turn, "to": None}], sizes)
    note = world.folder / "keys" / f"published.mark.{world.turn}"
    ends("Go's packages find both signatures", 0, FOLDER / "interop", "note", note, world.old, world.new)
    lines = note.read_text().split("\n\n")[1].strip().split("\n")
    check("the old one stands first", len(lines) == 2, lines)
    before = (world.room.trust.read_bytes(), world.room.trust.with_name("trust.json").read_bytes())
    code, said = world.command("rotate-log-key", "--trust-only")
    after = (world.room.trust.read_bytes(), world.room.trust.with_name("trust.json").read_bytes())
    check("the files alone can be written again, equal", code == 0 and before == after, said)
    world.after = world.policy("after", policy, json.dumps(sizes))


def follows(world):
    """The witness that knows the old key alone confirms nothing more until it is told the new one."""
    world.room.start()
    caller = rooms.Caller(world.room.port)
    check("/log/key is the new one", caller.get("/log/key").decode().strip() == world.new)
    rows = json.loads(caller.get("/log/keys"))["log_keys"]
    check("/log/keys lists both", [row["vkey"] for row in rows] == [world.old, world.new], rows)
    # The checkpoint of both it still confirms; a larger one not.
    until("the witness confirms the checkpoint of both", world.cosigned)
    check("a witness with the old key confirms the checkpoint of both", world.room.settle() == world.turn)
    caller.close()
    caller = rooms.Caller(world.room.port, world.token)
    caller.get("/api/v1/cases")
    caller.close()
    log = world.folder / "server.log"
    until("the witness refuses", lambda: "it knows another key" in log.read_text(errors="replace"))
    check("and nothing larger", world.cosigned() is None)
    world.witness.serve(world.old, world.new)
    # One that refused is asked seldom, and at each start.
    world.room.kill(signal.SIGTERM)
    world.room.start()
    until("the witness follows", world.cosigned)
    check("with the new key beside it follows", True)
    world.witness.serve(world.new)


def whole(world):
    """A copy of the whole log, by our verifier and by Go."""
    world.room.settle()
    log = world.folder / "log"
    (log / "checkpoints").mkdir(parents=True)
    mark = world.folder / "keys" / f"published.mark.{world.turn}"
    newest = (world.folder / "data" / "log" / "checkpoint").read_bytes()
    size = int(newest.split(b"\n")[1])
    for number, note in ((world.turn, mark.read_bytes()), (size, newest)):
        (log / "checkpoints" / str(number)).write_bytes(note)
        for tile in killing.tiles(number):
            (log / tile).parent.mkdir(parents=True, exist_ok=True)
            (log / tile).write_bytes(killing.published(world.folder / "data" / "log", tile))
    (log / "checkpoint").write_bytes(newest)
    (log / "vkey").write_text(world.new)
    ends("Go's packages follow the log under the new key", 0, FOLDER / "interop", "log", log)
    trust = world.room.trust
    said = ends("the whole log, by our verifier", 0, VERIFY, "--log", log, "--trust", trust,
                has=f"The key {world.old} was retired")
    check("and it says where the key followed", f"From entry {world.turn - 1} on (keys)" in said, said)
    stale = world.folder / "stale.policy"
    stale.write_text(f"log {world.old}\nquorum none\n")
    ends("the old policy alone refuses it", 3, VERIFY, "--log", log, "--trust", stale)
    code, said = world.command("audit")
    check("the audit finds nothing", code == 0, said)
    code, said = world.command("doctor")
    check("nor does the doctor of log, mark and keys",
          not re.search(r"^FAILED\s+(checkpoint|mark|room keys|custody log)", said, re.M), said)


def put_back(world, older):
    """The data of before the rotation, beside the keys of after it."""
    data, newer = world.folder / "data", world.folder / "newer"
    world.room.kill(signal.SIGTERM)
    data.rename(newer)
    shutil.copytree(older, data)
    # Without the witness: the mark alone must do.
    world.witness.end()
    try:
        world.room.start()
        check("a room of before the rotation does not work", False)
    except rooms.NotStarted as error:
        check("a room of before the rotation does not work", "rotation" in str(error), error)
    world.room.kill()
    # The whole machine: a witness shows a checkpoint under a key that this room never had.
    keys, aside = world.folder / "keys", world.folder / "marks"
    aside.mkdir()
    for mark in keys.glob("published.mark*"):
        mark.rename(aside / mark.name)
    world.witness.serve(world.new)
    try:
        world.room.start()
        check("nor does a machine of before it", False)
    except rooms.NotStarted as error:
        check("nor does a machine of before it", "the witness `w`" in str(error), error)
    world.room.kill()
    shutil.rmtree(data)
    newer.rename(data)
    for mark in aside.iterdir():
        mark.rename(keys / mark.name)
    world.room.start()
    check("the newer one works", world.room.settle() > world.turn)


def restored(world):
    """A backup of the rotated room, restored and audited."""
    backup, place = world.folder / "backup", world.folder / "restored"
    code, said = world.command("backup", "--to", str(backup))
    check("it is backed up", code == 0, said)
    (place / "keys").mkdir(parents=True, mode=0o700)
    place.chmod(0o700)
    shutil.copy2(world.folder / "keys" / "root.key", place / "keys")
    env = {**world.room.environment(), "CUSTOS_DATA": str(place / "data"),
           "CUSTOS_KEYS": str(place / "keys")}
    ends("restored and audited", 0, CUSTOS, "restore", "--from", backup, "--verify",
         env=env, cwd=place)
    for name in ("trust.policy", "trust.json"):
        check(f"with its {name}", (place / "data" / name).read_bytes()
              == world.room.trust.with_name(name).read_bytes())


def succeeded(world):
    """A log that continues this one at the checkpoint that the witness confirmed last."""
    note = world.folder / "last.checkpoint"
    note.write_bytes(until("the witness confirms", world.cosigned))
    size = note.read_text().split("\n")[1]
    place = world.folder / "successor"
    place.mkdir()
    env = {**world.room.environment(), "CUSTOS_DATA": str(place / "data"),
           "CUSTOS_KEYS": str(place / "keys")}
    sizes = world.after.with_name("trust.json")

    def init(origin, policy, *more):
        return (CUSTOS, "init", "--origin", origin, "--succeeds", note,
                "--predecessor-policy", policy, *more)

    stranger = world.policy("stranger", f"log {world.old}\nquorum none\n")
    for name, arguments, why in [
        ("under the old policy alone", init(SUCCESSOR, stranger), "does not hold under"),
        ("with the same name", init(rooms.ORIGIN, world.after), "another origin"),
        ("without a policy", (CUSTOS, "init", "--origin", SUCCESSOR, "--succeeds", note),
         "--predecessor-policy"),
    ]:
        code, said = run(*arguments, env=env, cwd=place)
        check(f"no successor {name}", code in (1, 2) and why in said, said)
        check(f"and nothing is made {name}", not (place / "keys").exists(), said)
    said = ends("a log that continues it", 0, *init(SUCCESSOR, world.after, "--predecessor-trust", sizes),
                env=env, cwd=place, has=f"which ended with {size} entries")
    check("and it says who confirmed the end", "1 witnesses of its policy" in said, said)
    trust = place / "data" / "trust.policy"
    told = f"It continues the log `{rooms.ORIGIN}`, which ended with {size} entries"
    log = place / "data" / "log"
    ends("its verifier says so", 0, VERIFY, "--log", log, "--trust", trust, has=told)
    both = place / "both"
    both.mkdir()
    text = world.after.read_text() + trust.read_text().split("\n")[0] + "\n"
    # One quorum for both would ask the witness of the new log, too.
    text = text.replace("quorum w", "quorum none")
    (both / "trust.policy").write_text(text)
    shutil.copy2(sizes, both / "trust.json")
    ends("and, with the old files, that they vouch for it", 0, VERIFY, "--log", log, "--trust",
         both / "trust.policy", has="the trust policy vouches for that checkpoint")
    code, said = run(CUSTOS, "audit", env=env, cwd=place)
    check("its audit finds nothing", code == 0, said)


def main():
    world = Rotated(FOLDER / "room")
    try:
        first = world.deposit(1)
        world.room.settle()
        world.room.kill(signal.SIGTERM)
        older = world.folder / "older"
        shutil.copytree(world.folder / "data", older)
        rotate(world)
        follows(world)
        world.deposit(2)
        world.take(first, "again")
        proofs(world, "with the new files", world.after, 0, (1, 2, "again"))
        proofs(world, "with the old policy alone", world.before, 0, (1,))
        proofs(world, "with the old policy alone", world.before, 3, (2, "again"))
        whole(world)
        put_back(world, older)
        restored(world)
        succeeded(world)
    finally:
        world.room.kill()
        for process in list(running):
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=LIMIT_SECONDS)
    print(f"{counts[True]} passed, {counts[False]} failed")
    return 1 if counts[False] else 0


if __name__ == "__main__":
    sys.exit(main())
