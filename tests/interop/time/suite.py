"""A room whose checkpoints a local authority stamps, by `openssl ts` behind an HTTP server.

Prints `N passed, N failed`.
"""

import base64
import contextlib
import http.server
import json
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "campaigns"))
import room as rooms  # noqa: E402

CUSTOS = rooms.binary("custos", "CUSTOS_BIN")
VERIFY = rooms.binary("custos-verify", "CUSTOS_VERIFY_BIN")
LIMIT_SECONDS = 60
CONFIG = """[req]
distinguished_name = names
[names]
[authority]
basicConstraints = critical,CA:TRUE
[stamping]
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[tsa]
default_tsa = t
[t]
serial = tsaserial
crypto_device = builtin
default_policy = 1.2.3.4
digests = sha256
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""
counts = {True: 0, False: 0}


def check(name, passed, said=""):
    """Counts one check."""
    counts[bool(passed)] += 1
    print(f"{'ok   ' if passed else 'FAIL '} {name}")
    if not passed:
        print("      " + str(said).replace("\n", "\n      "))


class Authority:
    """Keys of one kind, and the server that stamps with them."""

    def __init__(self, folder, kind):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.bad = None
        (self.folder / "config").write_text(CONFIG)
        (self.folder / "tsaserial").write_text("01\n")
        for name in ("root", "signer"):
            self.openssl("genpkey", *kind, "-out", f"{name}.key")
            self.openssl("req", "-new", "-config", "config", "-key", f"{name}.key", "-subj", f"/CN={name}",
                         "-out", f"{name}.csr")
        self.openssl("x509", "-req", "-in", "root.csr", "-signkey", "root.key", "-days", "3650",
                     "-extfile", "config", "-extensions", "authority", "-out", "root.pem")
        self.openssl("x509", "-req", "-in", "signer.csr", "-CA", "root.pem", "-CAkey", "root.key",
                     "-CAcreateserial", "-days", "365", "-extfile", "config", "-extensions", "stamping",
                     "-out", "signer.pem")
        handler = type("Handler", (Handler,), {"authority": self})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    def reply(self, query):
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            at, out = pathlib.Path(folder) / "query", pathlib.Path(folder) / "reply"
            at.write_bytes(query)
            self.openssl("ts", "-reply", "-config", "config", "-queryfile", str(at), "-signer", "signer.pem",
                         "-inkey", "signer.key", "-sha256", "-out", str(out))
            return out.read_bytes()

    def judges(self, token, stamped):
        """What `openssl ts -verify` says; empty where it takes the token."""
        with tempfile.TemporaryDirectory() as folder:
            at, data = pathlib.Path(folder) / "token", pathlib.Path(folder) / "stamped"
            at.write_bytes(token)
            data.write_bytes(stamped)
            done = subprocess.run(
                ["openssl", "ts", "-verify", "-data", str(data), "-in", str(at), "-CAfile",
                 str(self.folder / "root.pem")], text=True, capture_output=True, check=False)
        return "" if done.returncode == 0 else done.stdout + done.stderr

    @property
    def root(self):
        done = subprocess.run(["openssl", "x509", "-in", "root.pem", "-outform", "DER"], cwd=self.folder,
                              check=True, capture_output=True)
        return done.stdout

    def settings(self, name):
        return (f'[[time_authorities]]\nname = "{name}"\nurl = "http://127.0.0.1:{self.port}/tsr"\n'
                f'certificates = ["{self.folder / "root.pem"}"]\n\n')


class Handler(http.server.BaseHTTPRequestHandler):
    """Speaks RFC 3161 over HTTP."""

    def do_HEAD(self):
        self.send_response(405)
        self.end_headers()

    def do_POST(self):
        query = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Type"] != "application/timestamp-query":
            self.send_error(415)
            return
        reply = self.authority.reply(query)
        if self.authority.bad:
            reply = self.authority.bad(reply)
        self.send_response(200)
        self.send_header("Content-Type", "application/timestamp-reply")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        pass


def rows(room):
    """Tokens by size: the authority's name and the reply."""
    register = f"file:{room.folder / 'data' / 'register.db'}?mode=ro"
    with contextlib.closing(sqlite3.connect(register, uri=True)) as connection:
        found = connection.execute("SELECT size, authority, token FROM timestamps ORDER BY size").fetchall()
        notes = dict(connection.execute("SELECT size, note FROM checkpoints"))
    return [(size, name, token, bytes(notes[size])) for size, name, token in found]


def until(what, is_so):
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        if found := is_so():
            return found
        time.sleep(0.2)
    raise RuntimeError(f"{what}: not within {LIMIT_SECONDS} s")


def stamped(note):
    """What a token is over: text, an empty line, the log's line, which is the first."""
    text, lines = note.split(b"\n\n", 1)
    return text + b"\n\n" + lines.split(b"\n", 1)[0] + b"\n"


def ask(room):
    """`custos timestamp`."""
    return subprocess.run([str(CUSTOS), "timestamp"], env=room.environment(), cwd=room.folder, text=True,
                          capture_output=True, timeout=120, check=False)


def walk(folder):
    rsa = Authority(folder / "rsa", ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
    ecdsa = Authority(folder / "ecdsa", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"])
    by_name = {"rsa": rsa, "ecdsa": ecdsa}
    (folder / "room").mkdir()
    room = rooms.Room(folder / "room")
    secret = room.found()
    check("without authorities nothing is asked", ask(room).returncode == 1)
    (room.folder / "custos.toml").write_text(rsa.settings("rsa") + ecdsa.settings("ecdsa"))
    room.start()
    try:
        first = until("two tokens", lambda: len(rows(room)) >= 2 and rows(room))
        check("each authority stamps another checkpoint", {name for _, name, _, _ in first} == set(by_name), first)
        case, headers = room.people(secret)
        caller = rooms.Caller(room.port, headers)
        deposit = rooms.Deposit(1, 10_000)
        rooms.announce(caller, case, deposit)
        item = rooms.send(caller, deposit)["item"]
        room.settle()
        done = ask(room)
        check("a token on demand", done.returncode == 0 and "existed at" in done.stdout, done.stdout + done.stderr)
        until("four tokens", lambda: len(rows(room)) >= 4)
        before = rows(room)
        for size, name, token, note in before:
            said = by_name[name].judges(token, stamped(note))
            check(f"openssl takes the token of {name} over {size} entries", not said, said)
            check("and over no other", by_name[name].judges(token, stamped(note) + b"x"))
        room.settle()
        status, _, bundle = caller.request("POST", f"/api/v1/items/{item}/bundle",
                                           json.dumps({"content": False}), {"Content-Type": "application/json"})
        check("a bundle is made", status == 200, bundle[:300])
        file = folder / "bundle.zip"
        file.write_bytes(bundle)
        verified(folder, room, file, by_name)
        for name, change in {"cut short": lambda reply: reply[:-1], "a changed signature":
                             lambda reply: reply[:-3] + bytes([reply[-3] ^ 1]) + reply[-2:]}.items():
            for authority in by_name.values():
                authority.bad = change
            kept = len(rows(room))
            rooms.announce(caller, case, rooms.Deposit(2, 10))
            (room.folder / "data" / "stamp-now").touch()
            until("it is heard", lambda: not (room.folder / "data" / "stamp-now").exists())
            until("it is told", lambda: "no token of a time authority" in room.last_words())
            check(f"{name}: nothing is kept", len(rows(room)) == kept)
        for authority in by_name.values():
            authority.bad = None
        doctor = subprocess.run([str(CUSTOS), "doctor", "--json"], env=room.environment(), cwd=room.folder,
                                text=True, capture_output=True, timeout=120, check=False)
        lines = [line for line in json.loads(doctor.stdout)["checks"] if line["name"] in ("time", "timestamps")]
        check("the doctor sees both, and the newest token",
              [line["status"] for line in lines] == ["ok"] * 3, doctor.stdout)
    finally:
        room.kill()
    audit = subprocess.run([str(CUSTOS), "audit"], env=room.environment(), cwd=room.folder, text=True,
                           capture_output=True, timeout=300, check=False)
    check("the audit finds nothing", audit.returncode == 0, audit.stdout + audit.stderr)


def verified(folder, room, file, by_name):
    """What our verifier says, and openssl of what stands in the bundle."""
    with zipfile.ZipFile(file) as archive:
        tokens = [name for name in archive.namelist() if name.startswith("timestamps/")]
        check("it holds a token", tokens)
        for name in tokens:
            note = archive.read(f"checkpoints/{name.split('/')[1].split('-')[0]}.note")
            token = archive.read(name)
            taken = [who for who, authority in by_name.items() if not authority.judges(token, stamped(note))]
            check(f"openssl takes {name}, of {taken}", len(taken) == 1)
    policy = folder / "trust.policy"
    policy.write_text(room.trust.read_text())
    beside = folder / "trust.json"
    stranger = Authority(folder / "stranger", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])
    for name, authorities, code in [("both are named", list(by_name.values()), 0),
                                    ("a stranger and both", [stranger, *by_name.values()], 0),
                                    ("a stranger alone", [stranger], 3)]:
        listed = [{"name": f"authority {number}", "certificate": base64.b64encode(one.root).decode()}
                  for number, one in enumerate(authorities)]
        beside.write_text(json.dumps({"v": 1, "log_keys": [], "bundle_keys": [], "time_authorities": listed}))
        done = subprocess.run([str(VERIFY), str(file), "--trust", str(policy)], text=True, capture_output=True,
                              timeout=120, check=False)
        said = done.stdout + done.stderr
        expected = "existed at" if code == 0 else "Step `timestamp` failed"
        check(f"the verifier where {name}", done.returncode == code and expected in said, said)


def main():
    with tempfile.TemporaryDirectory() as folder:
        walk(pathlib.Path(folder))
    print(f"{counts[True]} passed, {counts[False]} failed")
    sys.exit(bool(counts[False]))


if __name__ == "__main__":
    main()
