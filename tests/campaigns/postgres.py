"""A PostgreSQL server of its own, on a free port of 127.0.0.1, in a temporary folder.

    postgres.py COMMAND...      runs a command with CUSTOS_TEST_DATABASE naming the server

It runs as a user that is not root, and is ended by its process id. What it says goes to a file
of its folder, which is removed with it.
"""

import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from room import NotStarted, free_port

USER = "custos"
# As root somebody else is needed: Debian's package makes this user.
SYSTEM_USER = "postgres"
LIMIT_SECONDS = 60
# Databases in memory are made and dropped many times faster.
MEMORY = pathlib.Path("/dev/shm")
MEMORY_BYTES = 3 << 30
# Above what the rooms of all tests that run at a time may open.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "500",
    "shared_buffers": "256MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "1GB",
    "autovacuum": "off",
    "log_min_messages": "fatal",
}


def programs():
    """The folder of the server's programs; None where it is not installed."""
    found = shutil.which("initdb")
    if found:
        return pathlib.Path(found).resolve().parent
    versions = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"),
                      key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


class Server:
    """A server while it runs."""

    def __init__(self):
        self.programs = programs()
        if self.programs is None:
            raise NotStarted("PostgreSQL is missing: install `postgresql`")
        roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_BYTES
        self.folder = pathlib.Path(tempfile.mkdtemp(
            prefix="custos-postgres-", dir=MEMORY if roomy else None))
        self.port = free_port()
        self.process = None
        self.as_user = {}
        if os.geteuid() == 0:
            other = pwd.getpwnam(SYSTEM_USER)
            os.chown(self.folder, other.pw_uid, other.pw_gid)
            self.as_user = {"user": other.pw_uid, "group": other.pw_gid, "extra_groups": []}

    def url(self, database="postgres"):
        """The URL of a database."""
        return f"postgres://{USER}@127.0.0.1:{self.port}/{database}"

    def start(self):
        """Makes the server's files and starts it."""
        subprocess.run(
            [self.programs / "initdb", "-D", self.folder / "data", "-A", "trust", "-U", USER,
             "-E", "UTF8", "--locale=C"],
            check=True, stdout=subprocess.DEVNULL, cwd=self.folder, **self.as_user,
        )
        settings = [f"-c{name}={value}" for name, value in SETTINGS.items()]
        with open(self.folder / "log", "wb") as said:
            self.process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.folder / "data", "-p", str(self.port),
                 "-k", self.folder, *settings],
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd=self.folder,
                **self.as_user,
            )
        deadline = time.monotonic() + LIMIT_SECONDS
        while subprocess.run(
            [self.programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)],
            check=False,
        ).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                said = (self.folder / "log").read_text(errors="replace")[-600:]
                raise NotStarted(f"PostgreSQL does not start: {said}")
            time.sleep(0.05)

    def sql(self, statement, database="postgres"):
        """What a statement answers, a line a row, columns apart by `|`."""
        done = subprocess.run(
            [self.programs / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.url(database),
             "-c", statement],
            text=True, capture_output=True, timeout=LIMIT_SECONDS, check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{statement}: {done.stderr}")
        return done.stdout.strip()

    def stop(self):
        """Ends the server and removes its files."""
        if self.process is not None and self.process.poll() is None:
            # Connections are cut, and nothing is waited for.
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(timeout=LIMIT_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)
                self.process.wait(timeout=LIMIT_SECONDS)
        self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def served():
    """A server for as long as it is used."""
    server = Server()
    try:
        server.start()
        yield server
    finally:
        server.stop()


def main():
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    # `timeout` ends this with a signal; neither server nor command may outlive it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with served() as server:
        environment = {**os.environ, "CUSTOS_TEST_DATABASE": server.url()}
        command = subprocess.Popen(sys.argv[1:], env=environment, start_new_session=True)
        try:
            return command.wait()
        finally:
            # What it started is of its group; where all is over, there is none.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(command.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
