#!/usr/bin/env python3
"""Slow and many: what a crowd of bad clients leaves to a good one.

    tests/campaigns/slow.py [--long] [--seed N]

1,000 slow heads, 200 slow bodies, readers that take nothing, thousands of idle connections, one
address that wants everything, and HTTP/2 misused; slowhttptest besides, which is not ours. They
come from many addresses (127.1.0.0/16), while a good client signs in, reads and deposits. It
reports that client's p50 and p99, and the server's memory and open files. It fails when a bad
client is kept, a good one is refused, memory grows by 256 MiB, or does not come back within 60 s.

A room whose limits are as good as none runs beside: the campaign fails unless its own check finds
what is kept there. Prints its seed and `N passed, N failed`. Needs openssl and slowhttptest.
"""

import argparse
import array
import concurrent.futures
import contextlib
import fcntl
import http.client
import multiprocessing
import pathlib
import random
import re
import resource
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import termios
import threading
import time

import http2
from room import CUT, PASSWORD, Caller, Deposit, Refused, Room, announce, open_view, send

MIB = 1 << 20
MAX_GROWTH = 256 * MIB
# What an allocator keeps is not what a crowd holds.
MAX_LEFT = 96 * MIB
SETTLED_SECONDS = 60
GOAL_P99_SECONDS = 1.0
# Beyond this something is wrong even on a machine that others use too.
MAX_P99_SECONDS = 5.0
HEADER_SECONDS = 10
CONNECTIONS = 1024
PER_PEER = 128
STREAMS = 64
GOOD_ADDRESS = "127.3.0.1"
DEPOSIT_BYTES = 64 << 10
LARGE_BYTES = 16 * MIB
READERS = 20
# How often the server looks at a busy connection.
LOOK_SECONDS = 5
# On a busy machine a deadline is heard of later than it is.
MARGIN_SECONDS = 5
# What slowhttptest says when the server has closed everything.
NOTHING_LEFT = "No open connections left"
NO_LIMITS = {
    "HEADER_SECONDS": 100_000, "IDLE_SECONDS": 100_000, "BODY_SECONDS": 100_000,
    "STALL_SECONDS": 100_000, "CONNECTIONS": 1_000_000, "PER_PEER": 1_000_000,
}


class LimitedRoom(Room):
    """A room with settings of its own, in TLS if there is a certificate."""

    def __init__(self, folder, limits, certificate=None):
        super().__init__(folder)
        self.limits, self.certificate = limits, certificate

    def environment(self):
        limits = {f"CUSTOS_HTTP__LIMITS__{name}": str(value) for name, value in self.limits.items()}
        settings = {**super().environment(), **limits}
        if self.certificate:
            settings |= {
                "CUSTOS_HTTP__TLS__CERTIFICATE": str(self.certificate),
                "CUSTOS_HTTP__TLS__KEY": str(self.certificate.with_suffix(".secret")),
                "CUSTOS_HTTP__ORIGIN": f"https://localhost:{self.port}",
                "CUSTOS_HTTP__CONTENT_ORIGIN": f"https://content.localhost:{self.port}",
            }
        return settings

    def memory(self):
        """The server's resident memory in bytes."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) << 10

    def files(self):
        """The server's open files."""
        return len(list(pathlib.Path(f"/proc/{self.process.pid}/fd").iterdir()))


def certificate(folder):
    """A certificate that signed itself, and its key beside it."""
    path = folder / "room.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-out", path,
         "-keyout", path.with_suffix(".secret")],
        check=True, capture_output=True)
    path.with_suffix(".secret").chmod(0o600)
    return path


# --- the good client ------------------------------------------------------------------------


class Good:
    """Signs in, reads and deposits, each on a fresh connection, and takes the time of each. It
    runs in a process of its own, so that the bad ones cost it nothing on this side."""

    def __init__(self, room, case, token):
        self.room, self.case, self.token = room, case, token
        self.times = {}
        self.errors = []
        self.number = 0
        self.done = self.result = self.process = None

    def _caller(self, headers=None):
        return Caller(self.room.port, headers, GOOD_ADDRESS)

    def sign_in(self):
        """A login name and a password become a session."""
        fields = {"login": "investigator", "password": PASSWORD}
        caller = self._caller()
        caller.form("/sign-in", fields, 303)
        caller.close()

    def read(self):
        """A case with its items."""
        caller = self._caller(self.token)
        caller.get(f"/api/v1/cases/{self.case}")
        caller.close()

    def deposit(self):
        """A small item."""
        self.number += 1
        caller = self._caller(self.token)
        deposit = Deposit(self.number, DEPOSIT_BYTES)
        announce(caller, self.case, deposit)
        send(caller, deposit)
        caller.close()

    def start(self):
        """Begins."""
        context = multiprocessing.get_context("fork")
        self.done, self.result = context.Event(), context.Queue()
        self.process = context.Process(target=self._run, daemon=True)
        self.process.start()

    def end(self):
        """Ends it, and takes over what it found."""
        self.done.set()
        self.times, self.errors = self.result.get(timeout=120)
        self.process.join(timeout=10)

    def _run(self):
        while not self.done.is_set():
            for work in (self.sign_in, self.read, self.read, self.deposit):
                begin = time.monotonic()
                try:
                    work()
                except (*CUT, OSError, Refused) as error:
                    self.errors.append(f"{work.__name__}: {error!r}")
                self.times.setdefault(work.__name__, []).append(time.monotonic() - begin)
            time.sleep(0.02)
        self.result.put((self.times, self.errors))

    def report(self):
        """Prints p50 and p99; gives the p99 of everything in seconds."""
        everything = []
        for name, times in sorted(self.times.items()):
            everything += times
            print(f"      good client, {name}: {len(times)} times, "
                  f"p50 {quantile(times, 0.5):.3f} s, p99 {quantile(times, 0.99):.3f} s")
        worst = quantile(everything, 0.99)
        verdict = "met" if worst <= GOAL_P99_SECONDS else "missed"
        print(f"      good client, all: p50 {quantile(everything, 0.5):.3f} s, "
              f"p99 {worst:.3f} s (goal {GOAL_P99_SECONDS:.0f} s {verdict})")
        return worst


def quantile(times, part):
    """The value below which this part of them lies."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else 0.0


# --- bad clients ----------------------------------------------------------------------------


def address(number):
    """An address of this machine that is no one else's."""
    return f"127.1.{number // 250}.{number % 250 + 1}"


def waiting(connection):
    """Bytes that came and were not taken."""
    count = array.array("i", [0])
    fcntl.ioctl(connection, termios.FIONREAD, count)
    return count[0]


class Swarm:
    """Connections that are kept open as long as the server lets them be."""

    def __init__(self, room, random_source):
        self.room, self.random = room, random_source
        self.open = {}
        self.statuses = {}
        self.refused = 0

    def add(self, source, first=b"", drip=b""):
        """Opens one and sends its first bytes; `drip` is sent again and again."""
        one = socket.socket()
        try:
            one.bind((source, 0))
            one.settimeout(10)
            one.connect(("127.0.0.1", self.room.port))
            one.sendall(first)
        except OSError:
            self.refused += 1
            one.close()
            return
        one.setblocking(False)
        self.open[one] = drip

    def look(self, drips=True):
        """Sends a drip on a third of them, and forgets those that the server closed."""
        for one, drip in list(self.open.items()):
            try:
                if drips and drip and self.random.random() < 0.3:
                    one.send(drip)
                data = one.recv(1 << 12)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if data:
                status = re.match(rb"HTTP/1\.[01] (\d+)", data)
                name = status.group(1).decode() if status else "more"
                self.statuses[name] = self.statuses.get(name, 0) + 1
                continue
            one.close()
            del self.open[one]

    def filled(self, seconds):
        """Waits until no more comes to anybody who takes nothing, for three seconds; at most so
        long. A busy machine takes a while to fill what the system keeps of every answer."""
        end = time.monotonic() + seconds
        before, since = -1, time.monotonic()
        while time.monotonic() < min(end, since + 3):
            there = sum(waiting(one) for one in self.open)
            if there != before:
                before, since = there, time.monotonic()
            time.sleep(0.1)

    def outlast(self, seconds, drips=True):
        """Looks until all are closed, for so long; gives how many are still open."""
        end = time.monotonic() + seconds
        while self.open and time.monotonic() < end:
            self.look(drips)
            time.sleep(0.25)
        return len(self.open)

    def end(self):
        """Closes what is left."""
        for one in self.open:
            one.close()
        self.open = {}


SLOW_HEAD = b"GET /sign-in HTTP/1.1\r\nHost: localhost\r\nX-a: "


def slow_heads(room, count, random_source):
    """Heads that never end."""
    swarm = Swarm(room, random_source)
    for number in range(count):
        swarm.add(address(number // 4), SLOW_HEAD, b"a")
    return swarm


def slow_bodies(room, count, random_source):
    """Bodies of which a byte comes now and then."""
    swarm = Swarm(room, random_source)
    head = (b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\n")
    for number in range(count):
        swarm.add(address(number // 4), head + b"login=", b"a")
    return swarm


def readers(room, count, random_source, path, token):
    """Downloads of which nothing is taken."""
    swarm = Swarm(room, random_source)
    head = (f"GET {path} HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: {token['Authorization']}\r\n\r\n")
    for number in range(count):
        swarm.add(address(number), head.encode())
    return swarm


class Slowhttptest:
    """The same by another hand."""

    def __init__(self, room, mode, count, seconds):
        self.process = subprocess.Popen(
            ["slowhttptest", mode, "-c", str(count), "-r", "200", "-i", "2", "-x", "16",
             "-p", "3", "-l", str(seconds), "-u", f"http://127.0.0.1:{room.port}/sign-in"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.limit = seconds + 30

    def ending(self):
        """Why it ended, in its own words."""
        told, _ = self.process.communicate(timeout=self.limit)
        told = re.sub(r"\x1b\[[0-9;]*m", "", told)
        return re.search(r"Exit status:\s*(.*)", told).group(1).strip()


# --- the campaign ---------------------------------------------------------------------------


class Campaign:
    """Checks, one after the other, on one room."""

    def __init__(self, folder, given):
        self.folder, self.long = folder, given.long
        self.random = random.Random(given.seed)
        self.passed = self.failed = 0
        self.body_seconds = 30 if given.long else 5
        limits = {"BODY_SECONDS": self.body_seconds, "STALL_SECONDS": self.body_seconds}
        self.room = self.found("room", limits)
        self.unlimited = self.found("unlimited", NO_LIMITS)
        self.highest = 0

    def found(self, name, limits, certified=None):
        """A room in a folder of its own."""
        folder = self.folder / name
        folder.mkdir()
        return LimitedRoom(folder, limits, certified)

    def check(self, name, truth, told=""):
        """Counts one check."""
        if truth:
            self.passed += 1
        else:
            self.failed += 1
        print(f"{'ok   ' if truth else 'FAIL '} {name}{f': {told}' if told else ''}", flush=True)

    def sample(self):
        """Keeps the greatest memory, until the campaign is over."""
        while self.room.process is not None:
            with contextlib.suppress(OSError, AttributeError):
                self.highest = max(self.highest, self.room.memory())
            time.sleep(0.2)

    def heads(self):
        """1,000 slow heads, and those of slowhttptest from one address."""
        planted = slow_heads(self.unlimited, 300, self.random)
        count = 5_000 if self.long else 1_000
        other = Slowhttptest(self.room, "-H", 200, HEADER_SECONDS + MARGIN_SECONDS)
        swarm = slow_heads(self.room, count, self.random)
        kept = swarm.outlast(HEADER_SECONDS + MARGIN_SECONDS)
        self.check(f"{count} slow heads are all cut", kept == 0,
                   f"{kept} kept, answers {swarm.statuses}")
        ending = other.ending()
        self.check("those of slowhttptest too", ending == NOTHING_LEFT, ending)
        planted.look()
        self.check("a room without limits is found by that check", len(planted.open) == 300,
                   f"it keeps {len(planted.open)} of 300")
        planted.end()
        swarm.end()

    def bodies(self, path, token):
        """200 slow bodies, readers that stand still, and the bodies of slowhttptest."""
        other = Slowhttptest(self.room, "-B", 200, self.body_seconds + MARGIN_SECONDS + 2)
        bodies = slow_bodies(self.room, 200, self.random)
        still = readers(self.room, READERS, self.random, path, token)
        still.filled(60)
        begun = time.monotonic()
        planted = slow_bodies(self.unlimited, 50, self.random)
        kept = bodies.outlast(self.body_seconds + MARGIN_SECONDS + 2)
        self.check("200 slow bodies are all cut", kept == 0,
                   f"{kept} kept, answers {bodies.statuses}")
        self.check("they are told so", bodies.statuses.get("408", 0) > 0)
        # Whoever reads nothing learns only then that it was cut.
        late = self.body_seconds + LOOK_SECONDS + MARGIN_SECONDS
        time.sleep(max(0.0, begun + late - time.monotonic()))
        cut = self.cut_short(still)
        self.check("readers that stand still are cut", cut == READERS, f"{cut} of {READERS}")
        ending = other.ending()
        self.check("the bodies of slowhttptest too", ending == NOTHING_LEFT, ending)
        planted.look()
        self.check("a room without limits keeps such bodies", len(planted.open) == 50)
        for swarm in (planted, bodies):
            swarm.end()

    def cut_short(self, still):
        """How many downloads end before their end once they are read at last."""
        cut = 0
        for one in still.open:
            one.settimeout(10)
            got = 0
            with contextlib.suppress(OSError):
                while data := one.recv(1 << 16):
                    got += len(data)
            cut += got < LARGE_BYTES
            if got >= LARGE_BYTES:
                print(f"      a reader that stood still got {got} bytes when it read at last")
            one.close()
        still.open = {}
        return cut

    def idle(self):
        """Thousands of idle connections."""
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        count = min(5_000, most - 1_000)
        if count < 5_000:
            print(f"      only {count} idle connections: the limit of open files allows no more")
        swarm = Swarm(self.room, self.random)
        for number in range(count):
            swarm.add(address(number // 20))
        time.sleep(1)
        files = self.room.files()
        swarm.look()
        kept = len(swarm.open)
        self.check(f"of {count} idle connections so many stay as may",
                   kept <= CONNECTIONS and files < 3 * CONNECTIONS,
                   f"{kept} kept, {files} files open")
        swarm.end()

    def greedy(self):
        """One address that wants everything."""
        swarm = Swarm(self.room, self.random)
        head = (b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
                b"Content-Type: application/x-www-form-urlencoded\r\n\r\nlogin=")
        most = 0
        for _ in range(16):
            for _ in range(64):
                swarm.add("127.2.0.1", head)
            # Sooner than the bodies' time is over, so that it is the refusals that are seen.
            end = time.monotonic() + self.body_seconds / 2
            swarm.look(drips=False)
            while len(swarm.open) > PER_PEER and time.monotonic() < end:
                time.sleep(0.05)
                swarm.look(drips=False)
            most = max(most, len(swarm.open))
        self.check("one address gets no more than its part",
                   0 < most <= PER_PEER and swarm.statuses.get("429", 0) > 0,
                   f"{most} of 1024, answers {swarm.statuses}")
        swarm.end()

    def misuse(self):
        """HTTP/2: streams beyond the limit, resets, a head without end; on a room with TLS."""
        certified = certificate(self.folder)
        room = self.found("tls", {}, certified)
        room.found()
        room.launch()
        host, trusted = f"localhost:{room.port}", http2.context(certified)
        try:
            self.wait(room, certified)
            before = room.memory()
            first = http2.Connection(room.port, trusted, address(0))
            first.read(1)
            streams = first.settings.get(http2.MAX_CONCURRENT_STREAMS)
            self.check("an HTTP/2 connection has so many streams", streams == STREAMS, streams)
            first.close()
            limit = 20_000 if self.long else 2_000
            for name, attack, most in (
                ("a connection that only resets is cut", http2.rapid_reset, limit),
                ("a head without end is cut", http2.endless_head, limit << 10),
            ):
                taken = []
                for number in range(20):
                    bad = http2.Connection(room.port, trusted, address(number))
                    taken.append(attack(bad, host, most))
                    bad.close()
                self.check(name, max(taken) < most, f"after {max(taken)} at most")
            self.wait(room, certified)
            grown = room.memory() - before
            self.check("memory does not grow with it", grown < MAX_GROWTH, mib(grown))
        finally:
            room.kill(signal.SIGTERM)

    def wait(self, room, certified):
        """Waits until a room with TLS answers a good client."""
        trusted = ssl.create_default_context(cafile=certified)
        for _ in range(600):
            if room.process.poll() is not None:
                raise RuntimeError(f"the server ended: {room.last_words()}")
            good = http.client.HTTPSConnection("localhost", room.port, context=trusted, timeout=60)
            try:
                good.request("GET", "/health")
                if good.getresponse().status == 200:
                    return
            except OSError:
                time.sleep(0.1)
            finally:
                good.close()
        raise RuntimeError("the room with TLS does not answer")

    def all(self):
        """Everything, with the good client beside it."""
        secret = self.room.found()
        self.unlimited.found()
        self.room.start()
        self.unlimited.start()
        try:
            self.beside(*self.room.people(secret))
        finally:
            self.unlimited.kill()
            if self.room.process:
                self.room.kill()
        self.misuse()

    def beside(self, case, token):
        """Everything on the room without TLS."""
        caller = Caller(self.room.port, token)
        large = Deposit(1_000_000, LARGE_BYTES)
        announce(caller, case, large)
        view = open_view(caller, send(caller, large)["item"])
        caller.close()
        good = Good(self.room, case, token)
        path = f"/api/v1/views/{view}/content"
        self.warm(good, path, token)
        before, files = self.room.memory(), self.room.files()
        threading.Thread(target=self.sample, daemon=True).start()
        good.start()
        self.heads()
        self.bodies(path, token)
        self.idle()
        self.greedy()
        good.end()
        worst = good.report()
        self.check("the good client is always served", not good.errors,
                   f"{len(good.errors)} failures, {good.errors[:3]}" if good.errors else "")
        self.check(f"its p99 is below {MAX_P99_SECONDS:.0f} s", worst < MAX_P99_SECONDS)
        self.settles(before, files)
        begin = time.monotonic()
        self.room.process.send_signal(signal.SIGTERM)
        code = self.room.process.wait(timeout=60)
        self.room.process = None
        self.check("the room stops when it is told to", code == 0,
                   f"{code} after {time.monotonic() - begin:.1f} s")

    def warm(self, good, path, token):
        """Honest use of the same breadth: what the allocator keeps of that is the baseline."""
        for work in (good.sign_in, good.read, good.deposit) * 3:
            work()

        def download():
            caller = Caller(self.room.port, token)
            if len(caller.get(path)) != LARGE_BYTES:
                raise RuntimeError("an honest download was cut")
            caller.close()
        with concurrent.futures.ThreadPoolExecutor(READERS) as threads:
            for done in [threads.submit(download) for _ in range(READERS)]:
                done.result()

    def settles(self, before, files):
        """Memory and open files come back."""
        end = time.monotonic() + SETTLED_SECONDS
        while time.monotonic() < end and not (
                self.room.memory() <= before + MAX_LEFT and self.room.files() <= files + 80):
            time.sleep(0.5)
        after, left = self.room.memory(), self.room.files()
        print(f"      memory {mib(before)} before, {mib(self.highest)} at most, {mib(after)} after; "
              f"{files} files open before, {left} after")
        self.check("memory grows by less than 256 MiB", self.highest - before < MAX_GROWTH,
                   mib(self.highest - before))
        self.check("memory comes back within 60 s", after <= before + MAX_LEFT, mib(after - before))
        self.check("open files come back within 60 s", left <= files + 80, f"{left - files} more")


def mib(size):
    """A size for people."""
    return f"{size / MIB:.1f} MiB"


def main():
    """The campaign."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory(prefix="custos-slow-") as folder:
        campaign = Campaign(pathlib.Path(folder), given)
        campaign.all()
    print(f"{campaign.passed} passed, {campaign.failed} failed")
    return 0 if campaign.failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
