"""A room of its own for a campaign or a benchmark: the real binary, founded, served, killed.

Everything listens on 127.0.0.1, lies in a temporary folder, and is ended by its process id.
"""

import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import random
import re
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
ORIGIN = "campaign.example/log"
PASSWORD = "a long sentence nobody would guess"
COOKIE = "__Host-custos"
START_LIMIT_SECONDS = 60
REQUEST_LIMIT_SECONDS = 60
# Below the ports that the system gives to outgoing connections: none of ours can take it
# while the server is down.
PORTS = range(20_000, 30_000)


class Refused(Exception):
    """An answer other than the one that was expected."""

    def __init__(self, what, status, body):
        super().__init__(f"{what}: {status} {body[:300]!r}")
        self.status = status
        self.body = body


class NotStarted(Exception):
    """The server ended, or did not answer, when it was to start."""


# What a request meets when the server is killed under it.
CUT = (ConnectionError, http.client.HTTPException, socket.timeout, TimeoutError)


def binary(name, variable):
    """A program of this repository: named by a variable, or the debug build."""
    named = os.environ.get(variable)
    if named:
        return pathlib.Path(named).resolve()
    return ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug" / name


def free_port():
    """A port of 127.0.0.1 on which nobody listens."""
    for port in random.SystemRandom().sample(PORTS, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free")


class Caller:
    """A person or program that talks to the room, on a connection of its own."""

    def __init__(self, port, headers=None, source=None):
        self.port = port
        self.headers = dict(headers or {})
        self.source = source and (source, 0)
        self.connection = None

    def close(self):
        """Closes the connection; the next request opens another."""
        if self.connection:
            self.connection.close()
            self.connection = None

    def request(self, method, path, body=None, headers=None):
        """Sends one request; gives status, headers, body. Raises one of CUT."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection(
                "127.0.0.1", self.port, timeout=REQUEST_LIMIT_SECONDS,
                source_address=self.source,
            )
        # The room knows itself by its name only.
        sent = {"Host": f"localhost:{self.port}", **self.headers, **(headers or {})}
        try:
            self.connection.request(method, path, body, sent)
            answer = self.connection.getresponse()
            return answer.status, answer.headers, answer.read()
        except (*CUT, OSError):
            self.close()
            raise

    def get(self, path, headers=None, expected=200):
        """The body of an answer with the expected status."""
        status, _, body = self.request("GET", path, headers=headers)
        if status != expected:
            raise Refused(f"GET {path}", status, body)
        return body

    def json(self, method, path, value=None, expected=201):
        """Sends JSON if there is any, reads JSON."""
        body = None if value is None else json.dumps(value)
        headers = {"Content-Type": "application/json"} if body else {"Content-Length": "0"}
        status, _, answer = self.request(method, path, body, headers)
        if status != expected:
            raise Refused(f"{method} {path}", status, answer)
        return json.loads(answer) if answer else None

    def form(self, path, fields, expected):
        """Sends a form; gives headers and body."""
        body = urllib.parse.urlencode(fields)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        status, got, answer = self.request("POST", path, body, headers)
        if status != expected:
            raise Refused(f"POST {path}", status, answer)
        return got, answer


class Deposit:
    """Something to deposit: bytes that a number gives again."""

    def __init__(self, number, size):
        self.number = number
        self.size = size
        self.upload = None

    def content(self):
        """The bytes."""
        return random.Random(self.number).randbytes(self.size)

    def sha256(self):
        """Their fingerprint in hex."""
        return hashlib.sha256(self.content()).hexdigest()


def with_session(caller, headers):
    """The caller with the session that an answer began."""
    cookie = re.search(rf"{COOKIE}=([^;]+)", headers.get("Set-Cookie", ""))
    if cookie is None:
        raise NotStarted("there is no session")
    caller.headers["Cookie"] = f"{COOKIE}={cookie.group(1)}"
    page = caller.get("/tokens").decode()
    caller.headers["X-Custos-CSRF"] = re.search(r'name="csrf" value="([^"]+)"', page).group(1)
    return caller


def ahead(hours):
    """What sets the clock of a program forward; monotonic time goes on as it does."""
    libraries = sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not libraries:
        raise NotStarted("libfaketime is missing")
    return {"LD_PRELOAD": str(libraries[0]), "FAKETIME": f"+{hours}h",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


class Room:
    """A founded room in a folder, and its server when it runs."""

    def __init__(self, folder, program=None, port=None):
        self.folder = pathlib.Path(folder)
        self.program = program or binary("custos", "CUSTOS_BIN")
        self.port = port or free_port()
        self.process = None
        # Settings of its own, as variables.
        self.settings = {}
        self.starts = []
        # How far ahead the clocks of the programs are, in hours.
        self.hours_ahead = 0

    def environment(self):
        """The settings, as variables."""
        return {
            **(ahead(self.hours_ahead) if self.hours_ahead else {}),
            **{k: v for k, v in os.environ.items() if not k.startswith("CUSTOS_")},
            "CUSTOS_DATA": str(self.folder / "data"),
            "CUSTOS_KEYS": str(self.folder / "keys"),
            "CUSTOS_HTTP__PORT": str(self.port),
            "CUSTOS_HTTP__ORIGIN": f"http://localhost:{self.port}",
            "CUSTOS_HTTP__CONTENT_ORIGIN": f"http://content.localhost:{self.port}",
            "CUSTOS_LOG__LEVEL": "warn",
            # No entry comes of itself.
            "CUSTOS_AUDIT__EVERY_HOURS": "0",
            "CUSTOS_CLOCK__EVERY_HOURS": "0",
            # Folders of rooms are copied.
            "CUSTOS_DISK__RESERVE_MEBIBYTES": "1",
            **self.settings,
        }

    def found(self):
        """Founds the room; gives the secret that enrols the first administrator."""
        done = subprocess.run(
            [self.program, "init", "--origin", ORIGIN],
            env=self.environment(), cwd=self.folder, text=True, capture_output=True,
            timeout=START_LIMIT_SECONDS, check=False,
        )
        link = re.search(r"/enter#(\S+)", done.stdout)
        if done.returncode != 0 or link is None:
            raise NotStarted(f"init: {done.stdout}{done.stderr}")
        return link.group(1)

    @property
    def trust(self):
        """The policy file that trusts this room's log."""
        return self.folder / "data" / "trust.policy"

    def launch(self):
        """Starts the server and does not wait for it."""
        with open(self.folder / "server.log", "ab") as output:
            self.process = self.popen(output)

    def popen(self, output):
        """The server, which writes what it says to a file."""
        return subprocess.Popen(
            [self.program, "serve"], env=self.environment(), cwd=self.folder,
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )

    def start(self):
        """Starts the server and waits until it answers; gives the seconds that took."""
        begin = time.monotonic()
        self.launch()
        caller = Caller(self.port)
        while True:
            if self.process.poll() is not None:
                code, self.process = self.process.returncode, None
                raise NotStarted(f"the server ended with {code}: {self.last_words()}")
            if time.monotonic() - begin > START_LIMIT_SECONDS:
                self.kill()
                raise NotStarted(f"no answer within {START_LIMIT_SECONDS} s")
            try:
                caller.get("/health")
                break
            except Refused as refused:
                # It answers, and is not at work.
                self.kill()
                told = json.loads(refused.body)["detail"]
                known = "put back: " if "put back" in told or "another history" in told else ""
                raise NotStarted(f"{known}{told}") from refused
            except (*CUT, OSError):
                time.sleep(0.005)
        caller.close()
        took = time.monotonic() - begin
        self.starts.append(took)
        return took

    def last_words(self):
        """The end of what the server wrote."""
        return (self.folder / "server.log").read_text(errors="replace")[-600:].strip()

    def kill(self, how=signal.SIGKILL):
        """Ends the server, by its process id, and waits for its end."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(timeout=START_LIMIT_SECONDS)
            self.process = None

    def settle(self):
        """Waits until everything that is committed is published; gives the size.

        The register says it; the room tells nobody from outside how much is committed.
        """
        register = f"file:{self.folder / 'data' / 'register.db'}?mode=ro"
        deadline = time.monotonic() + START_LIMIT_SECONDS
        while time.monotonic() < deadline:
            with contextlib.closing(sqlite3.connect(register, uri=True)) as connection:
                size, published = connection.execute(
                    "SELECT size, published FROM log_head").fetchone()
            if size == published and self.tells(published):
                return published
            time.sleep(0.02)
        raise NotStarted(f"not published within {START_LIMIT_SECONDS} s: {self.last_words()}")

    def tells(self, size):
        """Whether the checkpoint that the room gives to anyone is of this size."""
        caller = Caller(self.port)
        try:
            return caller.get("/log/checkpoint").split(b"\n")[1] == str(size).encode()
        except (*CUT, OSError) as error:
            raise NotStarted(f"it answers no more ({error}): {self.last_words()}") from error
        finally:
            caller.close()

    # --- people ------------------------------------------------------------------------------

    def enrol(self, secret):
        """Sets a password with a link's secret; gives the person's session."""
        caller = Caller(self.port)
        fields = {"secret": secret, "password": PASSWORD, "again": PASSWORD}
        headers, _ = caller.form("/enter/password", fields, 303)
        return with_session(caller, headers)

    def sign_in(self, login):
        """Signs in; gives the person's session."""
        caller = Caller(self.port)
        fields = {"login": login, "password": PASSWORD}
        headers, _ = caller.form("/sign-in", fields, 303)
        return with_session(caller, headers)

    def person(self, administrator, login, roles=()):
        """Creates and enrols a person; gives their id and session."""
        new = {"name": login.title(), "office": "campaign", "login": login,
               "room_roles": list(roles)}
        made = administrator.json("POST", "/api/v1/people", new)
        path = f"/api/v1/accounts/{made['account']}/enrolments"
        return made["person"], self.enrol(administrator.json("POST", path)["secret"])

    def people(self, secret):
        """From the first link to an investigator's token on an open case."""
        administrator = self.enrol(secret)
        _, custodian = self.person(administrator, "custodian", ["custodian"])
        investigator, session = self.person(administrator, "investigator")
        new = {"number": "K/1", "title": "Campaign", "description": ""}
        case = custodian.json("POST", "/api/v1/cases", new)["id"]
        role = {"person": investigator, "role": "investigator"}
        custodian.json("POST", f"/api/v1/cases/{case}/people", role)
        token = {"label": "campaign", "rights": ["read", "deposit"], "days": 30}
        secret = session.json("POST", "/api/v1/tokens", token)["secret"]
        return case, {"Authorization": f"Bearer {secret}"}


# --- what a depositor does -------------------------------------------------------------------


def announce(caller, case, deposit):
    """Announces a deposit with its fingerprint; keeps the upload's id."""
    told = {
        "reference": f"KC/{deposit.number}",
        "description": "made by a campaign",
        "declared": [{"algorithm": "sha256", "value": deposit.sha256()}],
    }
    deposit.upload = caller.json("POST", f"/api/v1/cases/{case}/items", told)["upload"]


def send(caller, deposit):
    """Sends the bytes; gives the acknowledgement."""
    path = f"/api/v1/uploads/{deposit.upload}/content"
    headers = {"Content-Type": "application/octet-stream"}
    status, _, body = caller.request("PUT", path, deposit.content(), headers)
    if status != 201:
        raise Refused(f"PUT {path}", status, body)
    return json.loads(body)


def open_view(caller, item):
    """Opens a view of an item for download; gives its id."""
    reason = {"purpose": "investigation", "why": "to compare what was deposited",
              "download": True}
    return caller.json("POST", f"/api/v1/items/{item}/views", reason)["id"]


def read_view(caller, view, headers=None, expected=200):
    """The content behind a view."""
    return caller.get(f"/api/v1/views/{view}/content", headers, expected)
