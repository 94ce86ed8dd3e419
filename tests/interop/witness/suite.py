"""Our witness and our room among programs of others, in folders and on ports of their own.

    python suite.py FOLDER      FOLDER holds the built programs witness and litewitness

Prints `N passed, N failed`.
"""

import base64
import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "campaigns"))
import room as rooms  # noqa: E402

PROGRAMS = pathlib.Path(sys.argv[1])
CUSTOS = rooms.binary("custos", "CUSTOS_BIN")
VERIFY = rooms.binary("custos-verify", "CUSTOS_VERIFY_BIN")
READER = [os.environ.get("CUSTOS_PYTHON", sys.executable), "-B",
          str(ROOT / "tests" / "interop" / "python" / "bundle.py")]
LIMIT_SECONDS = 60
counts = {True: 0, False: 0}
running = []


def check(name, passed, said=""):
    """Counts one check."""
    counts[bool(passed)] += 1
    print(f"{'ok   ' if passed else 'FAIL '} {name}")
    if not passed:
        print("      " + str(said).replace("\n", "\n      "))
    return passed


def run(*arguments, code=0, **more):
    """Runs a program to its end; gives its output, or raises if it ends otherwise."""
    done = subprocess.run([str(argument) for argument in arguments], text=True,
                          capture_output=True, timeout=300, check=False, **more)
    if done.returncode != code:
        raise RuntimeError(f"{arguments[:3]} ended with {done.returncode}, not {code}: "
                           f"{done.stdout}{done.stderr}")
    return done.stdout


def start(port, *arguments, **more):
    """Starts a program and waits until it listens."""
    process = subprocess.Popen([str(argument) for argument in arguments],
                               stdin=subprocess.DEVNULL, **more)
    running.append(process)
    until(f"{arguments[0]} listens", lambda: listens(port))
    return process


def end(process):
    """Ends a program, by its process id."""
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=LIMIT_SECONDS)
    running.remove(process)


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def until(what, is_so):
    """Waits until something is so; gives it."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        if found := is_so():
            return found
        time.sleep(0.1)
    raise RuntimeError(f"{what}: not within {LIMIT_SECONDS} s")


class OwnWitness:
    """`custos witness`."""

    def __init__(self, folder, name):
        self.folder = folder
        self.port = rooms.free_port()
        said = run(CUSTOS, "witness", "init", "--name", name, "--folder", folder)
        self.vkey = re.search(rf"^\s+({re.escape(name)}\+\S+)$", said, re.M).group(1)
        self.settings = folder / "witness.toml"
        text = self.settings.read_text().replace("# port = 7380", f"port = {self.port}")
        self.settings.write_text(text)

    def knows(self, origin, vkey):
        """Names a log that it confirms."""
        log = f'\n[[logs]]\norigin = "{origin}"\nvkey = "{vkey}"\n'
        self.settings.write_text(self.settings.read_text() + log)

    def serve(self):
        return start(self.port, CUSTOS, "witness", "serve", "--config", self.settings,
                     stderr=open(self.folder / "log", "ab"))


def foreign_log(folder):
    """A log by golang.org/x/mod at our witness, asked by transparency-dev's client."""
    log = folder / "log"
    log.mkdir()
    origin = "foreign.example/log"
    run(PROGRAMS / "witness", "keys", log, origin)
    witness = OwnWitness(folder / "own", "custos.example/witness")
    witness.knows(origin, (log / "vkey").read_text().strip())
    process = witness.serve()
    address = f"http://127.0.0.1:{witness.port}"
    done = subprocess.run([str(PROGRAMS / "witness"), "log", address, str(log), witness.vkey],
                          text=True, capture_output=True, timeout=300, check=False)
    figures = re.search(r"^(\d+) passed, (\d+) failed$", done.stdout, re.M)
    if check("a foreign log at our witness", figures and figures.group(2) == "0",
             done.stdout + done.stderr):
        counts[True] += int(figures.group(1)) - 1
    conflicts = subprocess.run([str(CUSTOS), "witness", "conflicts", "--config",
                                str(witness.settings)], text=True, capture_output=True,
                               timeout=60, check=False)
    check("its fork is kept as evidence",
          conflicts.returncode == 3 and conflicts.stdout.count("\n70000\n") == 2,
          conflicts.stdout)
    end(process)


def litewitness(folder, origin, log_vkey):
    """filippo.io/torchwood's witness, whose key is in an SSH agent."""
    folder.mkdir()
    key, agent, database = folder / "key", folder / "agent", folder / "witness.db"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(agent)],
                               stdout=subprocess.DEVNULL)
    running.append(process)
    until("the agent", agent.exists)
    run("ssh-add", "-q", key, env={**os.environ, "SSH_AUTH_SOCK": str(agent)})
    fingerprint = run("ssh-keygen", "-l", "-f", key).split()[1]
    # What its own witnessctl would do; that needs a module that not every proxy has.
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.executescript("""
            CREATE TABLE log (origin TEXT PRIMARY KEY, tree_size INTEGER NOT NULL,
                              tree_hash TEXT NOT NULL);
            CREATE TABLE key (origin TEXT NOT NULL, key TEXT NOT NULL,
                              FOREIGN KEY(origin) REFERENCES log(origin));""")
        empty = base64.b64encode(hashlib.sha256().digest()).decode()
        connection.execute("INSERT INTO log VALUES (?, 0, ?)", (origin, empty))
        connection.execute("INSERT INTO key VALUES (?, ?)", (origin, log_vkey))
        connection.commit()
    port = rooms.free_port()
    said = folder / "log"
    start(port, PROGRAMS / "litewitness", "-name", "lite.example/witness", "-db", database,
          "-ssh-agent", agent, "-listen", f"127.0.0.1:{port}", "-key", fingerprint,
          stderr=open(said, "ab"))
    vkey = until("its key", lambda: re.search(r"vkey=(\S+)", said.read_text()))
    return port, vkey.group(1)


def transparency_dev(folder, origin, log_vkey):
    """transparency-dev's witness with torchwood's signer."""
    folder.mkdir()
    port = rooms.free_port()
    start(port, PROGRAMS / "witness", "serve", f"127.0.0.1:{port}", "tdev.example/witness",
          folder, log_vkey)
    return port, (folder / "vkey").read_text().strip()


def policy(file, log_vkey, keys, threshold):
    """A policy file of a verifier."""
    names = [f"w{number}" for number in range(len(keys))]
    lines = [f"log {log_vkey}"]
    lines += [f"witness {name} {key}" for name, key in zip(names, keys)]
    lines += [f"group enough {threshold} {' '.join(names)}", "quorum enough"]
    file.write_text("\n".join(lines) + "\n")
    return file


def verified(what, bundle, trust, code):
    """The verdict of our verifier and of the Python reader."""
    for name, command in [
        ("the verifier", [VERIFY, bundle, "--trust", trust]),
        ("the Python reader", [*READER, trust, bundle]),
    ]:
        done = subprocess.run([str(part) for part in command], text=True,
                              capture_output=True, timeout=300, check=False)
        said = done.stdout + done.stderr
        said = said.replace(str(bundle), "BUNDLE").replace(str(trust), "POLICY")
        # The reader has one exit code for all that it refuses; it must name the step.
        passed = done.returncode == 0 if not code else done.returncode and "witness" in said
        if name == "the verifier":
            passed = passed and done.returncode == code
        check(f"{what}: {name}", passed, said)


def conflicts_of(room):
    register = f"file:{room.folder / 'data' / 'register.db'}?mode=ro"
    with contextlib.closing(sqlite3.connect(register, uri=True)) as connection:
        return connection.execute("SELECT kind, source, theirs FROM conflicts").fetchall()


def foreign_witnesses(folder):
    """A room that two foreign witnesses and one of ours confirm."""
    (folder / "room").mkdir()
    room = rooms.Room(folder / "room")
    secret = room.found()
    log_vkey = room.trust.read_text().split()[1]
    own = OwnWitness(folder / "third", "custos.example/witness")
    own.knows(rooms.ORIGIN, log_vkey)
    serving = own.serve()
    witnesses = {
        "tdev": transparency_dev(folder / "tdev", rooms.ORIGIN, log_vkey),
        "lite": litewitness(folder / "lite", rooms.ORIGIN, log_vkey),
        "own": (own.port, own.vkey),
    }
    settings = "".join(
        f'[[witnesses]]\nname = "{name}"\nvkey = "{vkey}"\nurl = "http://127.0.0.1:{port}"\n\n'
        for name, (port, vkey) in witnesses.items())
    (room.folder / "custos.toml").write_text(settings)
    keys = [vkey for _, vkey in witnesses.values()]
    room.start()
    try:
        token = told(room, secret, log_vkey, keys, folder)
        rolled_back(room, token, own, serving)
    finally:
        room.kill()


def cosigned(room, log_vkey, keys):
    """Whether the newest checkpoint soon has the lines of all, by Go's packages."""
    address = f"http://localhost:{room.port}/log/checkpoint"
    done = subprocess.run([str(PROGRAMS / "witness"), "checkpoint", address, log_vkey, *keys],
                          text=True, capture_output=True, timeout=300, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def told(room, secret, log_vkey, keys, folder):
    """Cosignatures come, stay over a kill, and a court sees them."""
    check("two foreign witnesses and ours confirm the room's log", *cosigned(room, log_vkey, keys))
    case, token = room.people(secret)
    caller = rooms.Caller(room.port, token)
    deposit = rooms.Deposit(1, 10_000)
    rooms.announce(caller, case, deposit)
    item = rooms.send(caller, deposit)["item"]
    check("and what is deposited", *cosigned(room, log_vkey, keys))
    room.kill()
    room.start()
    caller.close()
    check("kill -9, and they are still there", *cosigned(room, log_vkey, keys))
    status, _, bundle = caller.request(
        "POST", f"/api/v1/items/{item}/bundle", json.dumps({"content": False}),
        {"Content-Type": "application/json"})
    check("a bundle is made", status == 200, bundle)
    file = folder / "bundle.zip"
    file.write_bytes(bundle)
    stranger = OwnWitness(folder / "stranger", "stranger.example/witness").vkey
    for name, keys_asked, threshold, code in [
        ("all three are asked for", keys, "all", 0),
        ("one foreign one is", keys[:1], "all", 0),
        ("two of three and a stranger", [*keys, stranger], "2", 0),
        ("the stranger too", [*keys, stranger], "all", 3),
        ("the stranger alone", [stranger], "any", 3),
    ]:
        trust = policy(folder / "trust.policy", log_vkey, keys_asked, threshold)
        verified(name, file, trust, code)
    return token


def rolled_back(room, token, own, serving):
    """The whole room is put back to an older state, and goes on: each witness says so."""
    room.settle()
    room.kill(signal.SIGTERM)
    data, older = room.folder / "data", room.folder / "older"
    mark = room.folder / "keys" / "published.mark"
    shutil.copytree(data, older)
    marked = mark.read_bytes()
    room.start()
    caller = rooms.Caller(room.port, token)
    before = room.settle()
    for _ in range(12):
        # Whoever looks leaves an entry.
        caller.get("/api/v1/cases")
    caller.close()
    check("the room grows", room.settle() >= before + 12)
    until("they are confirmed", lambda: all_at(room, room.settle()))
    newer = room.folder / "newer.note"
    newer.write_bytes(rooms.Caller(room.port).get("/log/checkpoint"))
    room.kill(signal.SIGTERM)
    shutil.rmtree(data)
    older.rename(data)
    closed(room, "a room that was put back beside its mark does not work",
           "the mark beside its keys holds")
    # Only the witnesses remember where the whole machine was put back.
    mark.write_bytes(marked)
    closed(room, "nor does one beside a witness that shows what it confirmed",
           "the witness `own` holds")
    # One that was not there at the start is asked by the room at work, as are those that show
    # nothing.
    end(serving)
    room.start()
    own.serve()
    found = until("the alarms", lambda: len(conflicts_of(room)) >= 3 and conflicts_of(room))
    check("each witness finds that the room was put back",
          {(kind, source) for kind, source, _ in found}
          == {("rollback", "tdev"), ("rollback", "lite"), ("rollback", "own")}, found)
    check("ours shows what it confirmed",
          any(theirs for _, source, theirs in found if source == "own"), found)
    told_elsewhere(room, newer)
    check("the room goes on", rooms.Caller(room.port).get("/health"))
    log = (room.folder / "server.log").read_text(errors="replace")
    check("it is in the program's log", "log_contradicted" in log, log[-2000:])


def closed(room, name, why):
    """Whether a room does not start to work, and says why."""
    try:
        room.start()
        check(name, False)
    except rooms.NotStarted as error:
        check(name, why in str(error), repr(error))
    room.kill()


def told_elsewhere(room, newer):
    """What somebody else kept of the log, compared beside the room."""
    own = room.folder / "own.note"
    own.write_bytes(rooms.Caller(room.port).get("/log/checkpoint"))
    for name, code, arguments in [
        ("the room's own checkpoint is continued", 0, ["compare", own]),
        ("a newer one contradicts it", 3, ["compare", own, newer]),
        ("what is none is told", 1, ["compare", room.folder / "custos.toml"]),
        ("the evidence is printed", 3, ["conflicts"]),
    ]:
        done = subprocess.run([str(CUSTOS), "checkpoint", *map(str, arguments)], text=True,
                              env=room.environment(), cwd=room.folder, capture_output=True,
                              timeout=60, check=False)
        check(name, done.returncode == code, done.stdout + done.stderr)
    check("with the log's signature", done.stdout.count(f"\u2014 {rooms.ORIGIN} ") >= 4, done.stdout)


def all_at(room, size):
    register = f"file:{room.folder / 'data' / 'register.db'}?mode=ro"
    with contextlib.closing(sqlite3.connect(register, uri=True)) as connection:
        query = "SELECT count(*) FROM cosignatures WHERE size = ?"
        return connection.execute(query, (size,)).fetchone()[0] == 3


def main():
    try:
        for part in (foreign_log, foreign_witnesses):
            folder = PROGRAMS / part.__name__
            folder.mkdir()
            try:
                part(folder)
            except (RuntimeError, rooms.Refused, rooms.NotStarted, AttributeError) as error:
                logs = [file for file in folder.rglob("*") if file.name.endswith("log")]
                told = [file.read_text(errors="replace")[-3000:] for file in logs if file.is_file()]
                check(part.__name__, False, "\n".join([repr(error), *told]))
    finally:
        for process in running:
            process.kill()
            process.wait()
    print(f"{counts[True]} passed, {counts[False]} failed")
    return 1 if counts[False] else 0


if __name__ == "__main__":
    sys.exit(main())
