"""How fast the room takes and gives items over HTTP, beside the tools that do parts of it.

    benches/http_speed.py [--size SIZE] [--rounds N] [--folder FOLDER] [--json] [--no-build]

SIZE is like 256M (the default) or 4G; N rounds (3 unless told; 1 from 1 GiB on), the best of
each counts. FOLDER (else the system's for temporary files, and /dev/shm where it has room) needs
six to eight times the size. It builds the release binaries, founds a room, serves it on 127.0.0.1,
and prints ratios of one run; absolute figures drift with the machine and its neighbours. Nothing
is asserted but that everything works and the bytes are right.

The table also says how much processor time each took: where others use the machine, what
works on two cores at once loses more of the clock than a tool that works on one.

Needs curl, openssl, cp; sha256sum and age where they are there.
"""

import argparse
import hashlib
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "campaigns"))

from room import Caller, Room, open_view  # noqa: E402  (found beside the campaigns)

RELEASE = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "release"
UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
PIECE = 1 << 20
RANGE_BYTES = 64 << 10
# Room, file, copy, encrypted copy, bundle.
FOLDER_SIZES = 5


def run(*command, output=subprocess.DEVNULL):
    """Runs a program that must succeed."""
    subprocess.run([str(part) for part in command], check=True, stdout=output)


def processor(server):
    """Seconds of processor time so far: of a process, or of all programs that were run."""
    if server is None:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime
    fields = pathlib.Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def size_of(text):
    """Bytes of `256M`, `4G` or a number."""
    found = re.fullmatch(r"(\d+)([KMG]?)", text.upper())
    if not found:
        raise argparse.ArgumentTypeError(f"`{text}` is no size")
    return int(found[1]) * UNITS.get(found[2], 1)


def make_file(path, size):
    """Writes random bytes durably; gives their fingerprint."""
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        left = size
        while left:
            piece = os.urandom(min(PIECE, left))
            digest.update(piece)
            file.write(piece)
            left -= len(piece)
        os.fsync(file.fileno())
    return digest.hexdigest()


def sync_file(path):
    """Waits until a file is on the disk."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


class Bench:
    """One room in one folder, and the best time of each piece of work."""

    def __init__(self, folder, size, rounds):
        self.folder, self.size, self.rounds = folder, size, rounds
        self.room = Room(folder, RELEASE / "custos")
        self.file = folder / "file"
        self.best = {}
        self.used = {}
        self.facts = {}

    def time(self, name, work, server=None):
        """Does the work and keeps its best time; the processor time is the server's, or that
        of the programs that were run."""
        before, begin = processor(server), time.monotonic()
        work()
        took, used = time.monotonic() - begin, processor(server) - before
        if took < self.best.get(name, took + 1):
            self.best[name], self.used[name] = took, used

    def curl(self, *arguments, output=subprocess.DEVNULL):
        """One request as curl sends it."""
        run("curl", "--silent", "--show-error", "--fail", *arguments, output=output)

    def address(self, path):
        """A URL of the room, and the name by which it knows itself."""
        where = f"http://127.0.0.1:{self.room.port}{path}"
        return ["--header", f"Host: localhost:{self.room.port}", *self.token, where]

    def prepare(self):
        """Founds and starts the room, makes the file."""
        secret = self.room.found()
        self.room.start()
        self.case, token = self.room.people(secret)
        self.caller = Caller(self.room.port, token)
        self.token = ["--header", f"Authorization: {token['Authorization']}"]
        self.sha256 = make_file(self.file, self.size)

    # --- taking in ------------------------------------------------------------------------

    def deposit(self):
        """Deposits the file; the time is from its first byte to the acknowledgement."""
        told = {"reference": f"B/{time.monotonic_ns()}",
                "declared": [{"algorithm": "sha256", "value": self.sha256}]}
        path = f"/api/v1/cases/{self.case}/items"
        content = self.caller.json("POST", path, told)["content"]
        self.caller.close()
        answer = self.folder / "answer"
        self.time("deposit", lambda: self.curl(
            "--upload-file", self.file, "--output", answer, *self.address(content)),
            self.room.process)
        said = json.loads(answer.read_text())
        if said["sha256"] != self.sha256 or said["mismatches"]:
            raise RuntimeError("the item was acknowledged with another hash")
        self.item = said["item"]

    def tools_in(self):
        """The same bytes by tools, each to the disk."""
        copy, locked = self.folder / "copy", self.folder / "copy.age"
        self.time("openssl dgst", lambda: run("openssl", "dgst", "-sha256", self.file))

        def copied():
            run("cp", self.file, copy)
            sync_file(copy)
        self.time("cp and sync", copied)
        copy.unlink()
        if not (shutil.which("age") and shutil.which("age-keygen")):
            return
        key = self.folder / "age.key"
        if not key.exists():
            subprocess.run(["age-keygen", "-o", str(key)], check=True, capture_output=True)
        recipient = re.search(r"age1\w+", key.read_text()).group()

        def encrypted():
            run("sha256sum", self.file)
            run("age", "-e", "-r", recipient, "-o", locked, self.file)
            sync_file(locked)
        self.time("sha256sum, then age", encrypted)
        locked.unlink()

    # --- giving out -----------------------------------------------------------------------

    def download(self):
        """The whole item through a view."""
        view = open_view(self.caller, self.item)
        self.caller.close()
        content = f"/api/v1/views/{view}/content"
        self.time("view", lambda: self.curl("--output", "/dev/null", *self.address(content)),
                  self.room.process)
        return content

    def check_download(self, content):
        """What is given out is what was deposited."""
        digest = subprocess.Popen(["openssl", "dgst", "-sha256", "-r"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.curl(*self.address(content), output=digest.stdin)
        found = digest.communicate()[0].decode().split()[0]
        if found != self.sha256:
            raise RuntimeError("the view gave other bytes")

    def plain(self):
        """The plain file by the same web framework."""
        port = self.room.port + 1
        server = subprocess.Popen([RELEASE / "examples" / "plain", self.file, str(port)])
        try:
            caller = Caller(port)
            while True:
                try:
                    caller.request("HEAD", "/")
                    break
                except OSError:
                    time.sleep(0.01)
            caller.close()
            address = f"http://127.0.0.1:{port}/"
            for _ in range(self.rounds):
                self.time("plain file",
                          lambda: self.curl("--output", "/dev/null", address), server)
                self.download()
        finally:
            server.kill()
            server.wait()

    def ranges(self):
        """What the process reads for 64 KiB, at three places in the item."""
        view = open_view(self.caller, self.item)
        read = []
        for start in (0, self.size // 2 + 12_345, self.size - RANGE_BYTES):
            before = self.counter("rchar")
            span = {"Range": f"bytes={start}-{start + RANGE_BYTES - 1}"}
            body = self.caller.get(f"/api/v1/views/{view}/content", span, 206)
            read.append(self.counter("rchar") - before)
            with open(self.file, "rb") as file:
                file.seek(start)
                if body != file.read(RANGE_BYTES):
                    raise RuntimeError("a range gave other bytes")
        self.facts["range: bytes read by the process for 64 KiB"] = max(read)
        self.caller.close()

    def counter(self, name):
        """A counter of the server's input and output."""
        io = pathlib.Path(f"/proc/{self.room.process.pid}/io").read_text()
        return int(re.search(rf"{name}: (\d+)", io).group(1))

    def peak(self):
        """The server's greatest memory so far, in bytes."""
        status = pathlib.Path(f"/proc/{self.room.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) << 10

    # --- checking -------------------------------------------------------------------------

    def bundle(self):
        """A bundle with the content, checked offline."""
        bundle = self.folder / "bundle.zip"
        asked = json.dumps({"content": True, "purpose": "investigation",
                            "why": "to measure how long its check takes"})
        self.time("bundle made", lambda: self.curl(
            "--json", asked, "--output", bundle,
            *self.address(f"/api/v1/items/{self.item}/bundle")), self.room.process)
        for _ in range(self.rounds):
            self.time("openssl dgst of the bundle",
                      lambda: run("openssl", "dgst", "-sha256", bundle))
            self.time("custos-verify", lambda: run(
                RELEASE / "custos-verify", bundle, "--trust", self.room.trust))
        bundle.unlink()

    def all(self):
        """Everything; the room is ended whatever happens."""
        try:
            self.prepare()
            for _ in range(self.rounds):
                self.deposit()
                self.tools_in()
            self.facts["server's greatest memory while it took items in"] = self.peak()
            self.check_download(self.download())
            self.plain()
            self.ranges()
            self.bundle()
        finally:
            self.room.kill()

    def goals(self):
        """Name, ratio, limit, whether it is met: below, or above for `at least`."""
        best = self.best
        slower = max(best["openssl dgst"], best["cp and sync"])
        yield "deposit / slower of openssl dgst, cp", best["deposit"] / slower, "<=", 1.5
        if "sha256sum, then age" in best:
            yield ("sha256sum then age / deposit",
                   best["sha256sum, then age"] / best["deposit"], ">=", 2.0)
        yield "plain file / view (throughput)", best["plain file"] / best["view"], ">=", 0.5
        yield ("custos-verify / openssl dgst of the bundle",
               best["custos-verify"] / best["openssl dgst of the bundle"], "<=", 1.3)


def table(bench, name):
    """Prints the figures for people."""
    print(f"\n{bench.size / (1 << 20):.0f} MiB in {name}, best of {bench.rounds}")
    for what, seconds in bench.best.items():
        rate = bench.size / (1 << 20) / seconds
        used = bench.used[what]
        print(f"  {what:<44}{seconds:>9.3f} s{rate:>10.0f} MiB/s{used:>9.2f} s of processor")
    for what, number in bench.facts.items():
        print(f"  {what:<50}{number / (1 << 10):>12.0f} KiB")
    for what, ratio, sign, limit in bench.goals():
        verdict = "met" if met(ratio, sign, limit) else "missed"
        print(f"  {what:<44}{ratio:>9.2f}   goal {verdict} ({sign} {limit})")


def met(ratio, sign, limit):
    """Whether a goal is met."""
    return ratio <= limit if sign == "<=" else ratio >= limit


def build():
    """The binaries that are measured."""
    run("cargo", "build", "--release", "--locked", "-p", "custos", "-p", "custos-verify",
        "--bins", "--manifest-path", ROOT / "Cargo.toml")
    run("cargo", "build", "--release", "--locked", "-p", "custos", "--example", "plain",
        "--manifest-path", ROOT / "Cargo.toml")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--size", type=size_of, default="256M")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--no-build", action="store_true")
    given = parser.parse_args()
    rounds = given.rounds or (3 if given.size < 1 << 30 else 1)
    if not given.no_build:
        build()
    sizes = FOLDER_SIZES + rounds
    # What lies in memory is not free for the programs: there it asks for twice the room.
    places = [(given.folder or pathlib.Path(tempfile.gettempdir()), sizes)]
    memory = pathlib.Path("/dev/shm")
    if not given.folder and memory.is_dir():
        places.append((memory, 2 * sizes))
    results = []
    for place, times in places:
        if shutil.disk_usage(place).free < times * given.size:
            print(f"{place} has no room for {times} times the size; not measured",
                  file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory(prefix="custos-http-", dir=place) as folder:
            bench = Bench(pathlib.Path(folder), given.size, rounds)
            bench.all()
        results.append({
            "folder": str(place), "size": given.size, "seconds": bench.best,
            "processor_seconds": bench.used, "bytes": bench.facts,
            "goals": [{"name": name, "ratio": round(ratio, 3), "goal": f"{sign} {limit}",
                       "met": met(ratio, sign, limit)}
                      for name, ratio, sign, limit in bench.goals()],
        })
        if not given.json:
            table(bench, place)
    if given.json:
        print(json.dumps(results, indent=1))
    return 0 if results else 1


if __name__ == "__main__":
    sys.exit(main())
