#!/usr/bin/env python3
"""A file of several GiB from the command line, checked by others when the room is gone.

    tests/campaigns/large.py [--mib N]

Deposits it with `custos deposit`, reads it back byte for byte, takes receipt and bundle with
`custos receipt` and `custos bundle`, ends the server, and lets the verifier, the Python reader
and the audit judge. Prints `N passed, N failed`. Needs four times the size, the programs that
CUSTOS_BIN and CUSTOS_VERIFY_BIN name, and CUSTOS_PYTHON for the reader.
"""

import argparse
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from room import ROOT, Caller, Room, binary, open_view

PIECE = 1 << 20
LIMIT_SECONDS = 3_600


def make_file(path, mib):
    """Writes random bytes; gives their fingerprint."""
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        for _ in range(mib):
            piece = os.urandom(PIECE)
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


class Steps:
    """What was done, how long it took, and how it ended."""

    def __init__(self):
        self.passed = self.failed = 0

    def run(self, name, work):
        """Counts a step; gives what it gives, or None."""
        begin = time.monotonic()
        try:
            result = work()
        except Exception as error:  # pylint: disable=broad-except  # Each is told and counted.
            self.failed += 1
            print(f"FAIL  {name}: {error}")
            return None
        self.passed += 1
        print(f"ok    {name} ({time.monotonic() - begin:.1f} s)")
        return result


def program(*command, environment=None):
    """Runs a program that must succeed; gives what it printed."""
    done = subprocess.run([str(part) for part in command], env=environment, text=True,
                          capture_output=True, timeout=LIMIT_SECONDS, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def expect(truth, what):
    """Raises if something does not hold."""
    if not truth:
        raise RuntimeError(what)


def walk(steps, folder, mib):
    """All steps, on a room in `folder`."""
    room, file = Room(folder), folder / "recording.bin"
    sha256 = make_file(file, mib)
    secret = room.found()
    room.start()
    case, token = room.people(secret)
    secret_file = folder / "token"
    secret_file.touch(0o600)
    secret_file.write_text(token["Authorization"].removeprefix("Bearer "), encoding="ascii")
    environment = {**room.environment(), "CUSTOS_TOKEN_FILE": str(secret_file),
                   "CUSTOS_SERVER": f"http://localhost:{room.port}"}
    caller = Caller(room.port, token)
    items = f"/api/v1/cases/{case}"
    receipt, bundle = folder / "receipt", folder / "bundle.zip"

    def deposit():
        program(room.program, "deposit", "--case", case, "--reference", "JS", file,
                environment=environment)
        (item,) = json.loads(caller.get(items))["items"]
        caller.close()
        expect(item["size"] == mib * PIECE, "the case lists another size")
        return item["id"]

    def read_back(item):
        view = open_view(caller, item)
        caller.close()
        digest = hashlib.sha256()
        address = f"http://127.0.0.1:{room.port}/api/v1/views/{view}/content"
        command = ["curl", "-sSf", "-H", f"Host: localhost:{room.port}",
                   "-H", f"Authorization: {token['Authorization']}", address]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as curl:
            while piece := curl.stdout.read(PIECE):
                digest.update(piece)
        expect(curl.returncode == 0 and digest.hexdigest() == sha256, "other bytes came back")

    def take(item):
        program(room.program, "receipt", "--item", item, "--out", receipt,
                environment=environment)
        program(room.program, "bundle", "--item", item, "--out", bundle, "--purpose",
                "investigation", "--why", "to check it away from the room",
                environment=environment)

    try:
        item = steps.run(f"{mib} MiB are deposited", deposit)
        if item is None:
            return
        steps.run("the same command doubles nothing", deposit)
        steps.run("they are read back byte for byte", lambda: read_back(item))
        steps.run("receipt and bundle are taken away", lambda: take(item))
    finally:
        room.kill()

    def verified():
        told = program(binary("custos-verify", "CUSTOS_VERIFY_BIN"), bundle, "--trust",
                       room.trust, "--held", receipt)
        expect("VERIFIED" in told and sha256 in told, told)

    reader = ROOT / "tests" / "interop" / "python" / "bundle.py"
    python = os.environ.get("CUSTOS_PYTHON", sys.executable)
    steps.run("the verifier accepts them when the room is gone", verified)
    steps.run("the Python reader accepts them",
              lambda: program(python, "-B", reader, room.trust, bundle, receipt))
    steps.run("the audit finds nothing",
              lambda: program(room.program, "audit", environment=room.environment()))


def main():
    """The campaign."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--mib", type=int, default=4096)
    given = parser.parse_args()
    steps = Steps()
    with tempfile.TemporaryDirectory(prefix="custos-large-") as folder:
        walk(steps, pathlib.Path(folder), given.mib)
    print(f"{steps.passed} passed, {steps.failed} failed")
    return 0 if steps.failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
