"""How many durable acknowledgements a second the room gives over HTTP, and how long one takes.

    benches/acknowledged.py [--seconds N] [--connections N] [--folder FOLDER] [--no-build]

It builds the release binaries and the program that asks (Go), founds a room in FOLDER (else the
system's for temporary files), serves it on 127.0.0.1 and asks it, once after the other on one
connection and then on N (256) at once: each answer stands for entries that are on the disk. Beside
it the same disk takes bare rows in SQLite, one a commit and N a commit, in the same run. All of it,
the program that asks too, shares the processors of this machine. Nothing is asserted but that every
answer is the right one, that the log holds, and that the next checkpoint has every receipt.
"""

import argparse
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "campaigns"))

from room import Caller, Deposit, Room, announce, send  # noqa: E402  (found beside the campaigns)

RELEASE = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "release"
# Bytes of an entry's row: link part and body part.
ROW_BYTES = 1_900
RECEIPTS = 50


def build(asker):
    """The binaries that are measured, and the program that asks."""
    subprocess.run(["cargo", "build", "--release", "--locked", "-p", "custos", "-p",
                    "custos-verify", "--bins", "--manifest-path", ROOT / "Cargo.toml"],
                   check=True)
    subprocess.run(["go", "build", "-o", asker, "."], cwd=ROOT / "benches/peers", check=True)


def bare(folder, batch, seconds):
    """Commits of so many rows each, with the settings of the room's register: how many rows a
    second, and the middle time of a commit."""
    path = folder / f"bare-{batch}.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE entries (idx INTEGER PRIMARY KEY, leaf BLOB, row BLOB)")
    times, count, begin = [], 0, time.monotonic()
    while time.monotonic() - begin < seconds:
        start = time.monotonic()
        connection.execute("BEGIN IMMEDIATE")
        for _ in range(batch):
            connection.execute("INSERT INTO entries VALUES (?, ?, ?)",
                               (count, os.urandom(33), os.urandom(ROW_BYTES)))
            count += 1
        connection.execute("COMMIT")
        times.append(time.monotonic() - start)
    took = time.monotonic() - begin
    connection.close()
    path.unlink()
    return count / took, sorted(times)[len(times) // 2]


class Bench:
    """One room and those who ask it."""

    def __init__(self, folder, asker):
        self.folder, self.asker = folder, asker
        self.room = Room(folder, RELEASE / "custos")
        self.room.settings |= {
            "CUSTOS_HTTP__LIMITS__CALLER_REQUESTS": "1000000000",
            "CUSTOS_HTTP__LIMITS__PER_PEER": "2000",
        }

    def prepare(self):
        """Founds and starts the room; one item lies in it."""
        secret = self.room.found()
        self.room.start()
        self.case, self.token = self.room.people(secret)
        self.caller = Caller(self.room.port, self.token)
        deposit = Deposit(1, 1_000)
        announce(self.caller, self.case, deposit)
        self.item = send(self.caller, deposit)["item"]
        self.caller.close()

    def ask(self, line, body, connections, requests):
        """Sends one request many times; gives what the program that asks tells."""
        headers = {"Host": f"localhost:{self.room.port}", **self.token,
                   **({"Content-Type": "application/json"} if body else {})}
        head = [f"{line} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        wanted = {"port": self.room.port, "head": "\r\n".join(head), "body": body,
                  "connections": connections, "requests": requests}
        done = subprocess.run([self.asker, "load"], input=json.dumps(wanted), text=True,
                              stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout)

    def processor(self):
        """Seconds of processor time that the server used so far."""
        fields = pathlib.Path(f"/proc/{self.room.process.pid}/stat").read_text()
        fields = fields.rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def measure(self, name, line, body, status, connections, seconds):
        """Asks for about so many seconds, and prints what came of it."""
        probe = self.ask(line, body, connections, 4 * connections)
        requests = max(8 * connections,
                       int(4 * connections / probe["Seconds"] * seconds))
        used = self.processor()
        told = self.ask(line, body, connections, requests)
        used = self.processor() - used
        if told["Statuses"] != {str(status): requests}:
            raise RuntimeError(f"{name}: {told['Statuses']} {told['Answer'][:300]}")
        rate = requests / told["Seconds"]
        print(f"  {name:<38}{rate:>8.0f} a second, p50 {told['Half'] * 1e3:>7.2f} ms, "
              f"p99 {told['Most'] * 1e3:>7.2f} ms, "
              f"server {used / told['Seconds']:.2f} processors", flush=True)
        return rate, told["Half"]

    def receipts(self):
        """The newest deposits' receipts are in the next checkpoint."""
        self.room.settle()
        listed = self.caller.json(
            "GET", f"/api/v1/cases/{self.case}/items?sort=-received&limit={RECEIPTS}",
            expected=200)["items"]
        for item in listed:
            self.caller.get(f"/api/v1/items/{item['id']}/receipt")
        return len(listed)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--connections", type=int, default=256)
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--no-build", action="store_true")
    given = parser.parse_args()
    many, seconds = given.connections, given.seconds
    asker = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "asker"
    if not given.no_build:
        build(asker)
    with tempfile.TemporaryDirectory(prefix="custos-acknowledged-", dir=given.folder) as folder:
        bench = Bench(pathlib.Path(folder), asker)
        try:
            bench.prepare()
            item = f"/api/v1/items/{bench.item}"
            view = json.dumps({"purpose": "investigation", "why": "to measure the room"})
            asked = [("read an item, one entry", f"GET {item}", "", 200),
                     ("open a view, one entry and one row", f"POST {item}/views", view, 201)]
            print(f"durable acknowledgements over HTTP, {os.cpu_count()} processors")
            single, commit = bare(bench.folder, 1, seconds / 4)
            print(f"  bare rows, one a commit {single:>22.0f} a second, p50 {commit * 1e3:>7.2f} ms")
            together, _ = bare(bench.folder, many, seconds / 4)
            print(f"  bare rows, {many} a commit {together:>22.0f} a second")
            print("one at a time")
            for name, line, body, status in asked:
                _, half = bench.measure(name, line, body, status, 1, seconds / 4)
                print(f"    p50 less that of a bare commit {(half - commit) * 1e3:>8.2f} ms")
            print(f"{many} at a time")
            for name, line, body, status in asked:
                rate, _ = bench.measure(name, line, body, status, many, seconds)
                print(f"    of bare rows {rate / together:>8.2f}")
            print(f"  receipts of the next checkpoint: {bench.receipts()}")
            size = bench.room.settle()
            bench.room.kill()
            subprocess.run([RELEASE / "custos-verify", "--log", bench.folder / "data" / "log",
                            "--trust", bench.room.trust], check=True, stdout=subprocess.DEVNULL)
            print(f"  the log of {size} entries holds")
        finally:
            bench.room.kill()
    return 0


if __name__ == "__main__":
    sys.exit(main())
