#!/usr/bin/env python3
"""A fictional case from its opening to its closing and on to another authority, by the command
line or by the raw API.

    case.py [--by cli|api|both] [--seed N] [--keep FOLDER]

The steps stand in one table, each as a command and as a request. After every step the log must
continue what was seen of it, and the Go checksum database's own code must find its checkpoints
consistent. At the end the case must look as the table says, receipts and a bundle must verify.

Then every change is asked for again under the key of its first time: nothing is doubled, every
answer is the same, and the log does not grow. The API takes keys with POST alone; what is changed
by PUT or DELETE and still stands is answered with 409. What was undone since, and a ruling, which
may be made anew, is not asked for again. Then the harness plants what a forgotten key would do,
which must be found. At last it is a day later, by a clock that is set forward, and two custodians
hand the case over.

Programs: CUSTOS_BIN and CUSTOS_VERIFY_BIN, or the debug build.
"""

import argparse
import hashlib
import json
import pathlib
import random
import secrets
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

from history import Fork, History
from kill import tiles
from room import CUT, ORIGIN, PASSWORD, ROOT, NotStarted, Refused, Room, binary

LIMIT_SECONDS = 300
WHY = "to prepare the hearing of the case"
PEOPLE = ("custodian", "second", "investigator", "prosecutor", "counsel", "successor", "judge",
          "protector", "outsider")
AT = ("2026-03-01T14:05:00+01:00", 1_772_370_300_000_000, 60)
FILES = ("call.mp3", "ledger.csv", "photo.jpg")


class Wrong(Exception):
    """Something is not as the table says."""


class Step:
    """One thing that somebody does."""

    def __init__(self, who, command, request, keep=None, stands=True):
        self.who, self.command, self.request = who, command, request
        self.keep, self.stands = keep, stands

    @property
    def once(self):
        """Whether the API makes it once under its key."""
        return self.request[0] == "POST"

    @property
    def name(self):
        """What is done, in short."""
        return " ".join(self.command[:2])


def steps():
    """The whole case. `{x}` stands for what was kept as x, or for a person."""
    def post(who, command, path, body, keep=None):
        return Step(who, command, ("POST", path, body), keep)

    def put(who, command, path, body, stands=True):
        return Step(who, command, ("PUT", path, body), None, stands)

    def delete(who, command, path, stands=True):
        return Step(who, command, ("DELETE", path, None), None, stands)

    def role(person, name, party=None):
        return post("custodian",
                    ["case", "give-role", "{case}", "{%s}" % person, name]
                    + (["--party", party] if party else []),
                    "cases/{case}/people",
                    {"person": "{%s}" % person, "role": name} | ({"party": party} if party else {}))

    yield post("custodian", ["case", "open", "--number", "26/0417", "--title", "Harbour Lane",
                             "--description", "A fictional case."],
               "cases", {"number": "26/0417", "title": "Harbour Lane",
                         "description": "A fictional case."}, "case")
    for side, name in (("prosecution", "The Crown"), ("defence", "D. Marsh")):
        yield post("custodian", ["case", "add-party", "{case}", "--side", side, "--name", name],
                   "cases/{case}/parties", {"side": side, "name": name}, side)
    yield role("investigator", "investigator")
    yield role("prosecutor", "prosecutor")
    yield role("judge", "judge")
    yield role("protector", "protection_officer")
    yield role("counsel", "defence", "{defence}")
    yield Step("investigator", ["deposit"], ("POST", None, None))
    for number, field, value in ((1, "place", "14 Tallow Lane"), (2, "device", "a black phone")):
        yield post("investigator",
                   ["item", "correct", "{item%d}" % number, "--field", field, "--value", value,
                    "--reason", "it was misheard"],
                   "items/{item%d}/corrections" % number,
                   {"field": field, "value": value, "reason": "it was misheard"})
    yield post("investigator",
               ["item", "correct", "{item1}", "--field", "captured_at", "--value", AT[0],
                "--reason", "the clock was wrong"],
               "items/{item1}/corrections",
               {"field": "captured_at", "value": AT[1], "reason": "the clock was wrong"})
    yield post("investigator",
               ["item", "transfer", "{item3}", "--released-by", "J. Sand", "--received-by",
                "The store", "--at", AT[0], "--place", "the harbour", "--reason", "safe keeping",
                "--seal", "S-77", "--seal-state", "intact"],
               "items/{item3}/transfers",
               {"released_by": "J. Sand", "received_by": "The store", "at": AT[1],
                "offset_minutes": AT[2], "place": "the harbour", "reason": "safe keeping",
                "seal": "S-77", "seal_state": "intact"})
    yield put("protector", ["item", "restrict", "{item2}"], "items/{item2}/restriction", None,
              stands=False)
    yield delete("protector", ["item", "lift-restriction", "{item2}"],
                 "items/{item2}/restriction")
    wall = {"status": "up", "reason": "works for the other side"}
    yield put("custodian", ["wall", "raise", "{case}", "{outsider}", "--reason", wall["reason"]],
              "cases/{case}/walls/{outsider}", wall)
    yield put("custodian", ["wall", "raise", "{case}", "{counsel}", "--reason", "by mistake"],
              "cases/{case}/walls/{counsel}", {"status": "up", "reason": "by mistake"},
              stands=False)
    yield put("custodian", ["wall", "lower", "{case}", "{counsel}", "--reason", "a mistake"],
              "cases/{case}/walls/{counsel}", {"status": "down", "reason": "a mistake"})
    for number in (1, 2):
        yield post("prosecutor", ["exhibit", "offer", "{item%d}" % number, "--number",
                                  "P%d" % number, "--note", "what was said"],
                   "items/{item%d}/exhibits" % number,
                   {"number": "P%d" % number, "note": "what was said"}, "exhibit%d" % number)
    yield post("judge", ["order", "make", "{case}", "--number", "O-1", "--orders", "admit",
                         "--text", "P1 is admitted."],
               "cases/{case}/orders",
               {"number": "O-1", "orders": "admit", "text": "P1 is admitted."}, "order")
    yield put("judge", ["exhibit", "rule", "{item1}", "{exhibit1}", "admitted", "--order",
                        "{order}", "--note", "relevant"],
              "items/{item1}/exhibits/{exhibit1}/ruling",
              {"status": "admitted", "order": "{order}", "note": "relevant"}, stands=False)
    yield delete("prosecutor", ["exhibit", "withdraw", "{item2}", "{exhibit2}"],
                 "items/{item2}/exhibits/{exhibit2}")
    for number in (1, 3):
        yield post("prosecutor", ["item", "serve", "{item%d}" % number, "--party", "{defence}"],
                   "items/{item%d}/servings" % number, {"party": "{defence}"})
    yield role("successor", "defence", "{defence}")
    yield delete("custodian", ["case", "end-role", "{case}", "{counsel}", "defence"],
                 "cases/{case}/people/{counsel}/defence")
    for stage, flag, outcome, stands in (("closed", "--outcome", "a verdict", False),
                                         ("open", "--why", "an appeal", False),
                                         ("closed", "--outcome", "upheld", True)):
        command = "close" if stage == "closed" else "open-again"
        yield put("custodian", ["case", command, "{case}", flag, outcome], "cases/{case}/stage",
                  {"stage": stage, "outcome": outcome}, stands)


def handing_over():
    """What two custodians do who have been that for a day."""
    def post(who, command, path, body, keep=None):
        return Step(who, command, ("POST", path, body), keep)

    asked = {"proposal": {"asked": "transfer_case", "case": "{case}", "authority": "The Hague",
                          "reference": "H-77"}, "reason": "it is theirs"}
    yield post("custodian", ["request", "transfer-case", "{case}", "--authority", "The Hague",
                             "--reference", "H-77", "--reason", "it is theirs"],
               "requests", asked, "request")
    yield post("second", ["request", "approve", "{request}"], "requests/{request}/approval", None)
    yield post("custodian", ["request", "carry-out", "{request}"],
               "requests/{request}/execution", None)


class Case:
    """A room with its people, and the steps as one of two ways does them."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "room").mkdir()
        (folder / "usb").mkdir()
        self.room = Room(folder / "room")
        self.kept, self.headers, self.log = {}, {}, History(ORIGIN)
        self.go = folder / "interop"
        self.content = {}

    def open(self, rng):
        """Founds the room and enrols everyone."""
        secret = self.room.found()
        self.room.start()
        administrator = self.room.enrol(secret)
        for login in PEOPLE:
            roles = ["custodian"] if login in ("custodian", "second") else []
            person, session = self.room.person(administrator, login, roles)
            self.kept[login] = person
            new = {"label": "field", "rights": ["deposit"], "days": 1}
            token = session.json("POST", "/api/v1/tokens", new)["secret"]
            self.secret(f"{login}.token", token)
            self.headers[login] = dict(session.headers)
            session.close()
        for name in FILES:
            self.content[name] = rng.randbytes(rng.randrange(1, 200_000))
            (self.folder / "usb" / name).write_bytes(self.content[name])
        program(["go", "-C", ROOT / "tests/interop/go", "build", "-o", self.go, "."])

    def secret(self, name, text):
        """A file that only its owner can read."""
        file = self.folder / name
        file.touch(0o600)
        file.write_text(text, encoding="ascii")
        return file

    def enter(self):
        """Whatever else is needed before the first step."""

    def next_day(self):
        """It is 25 hours later, and everyone signs in again."""
        self.room.kill()
        self.room.hours_ahead = 25
        self.room.start()
        for login in PEOPLE:
            session = self.room.sign_in(login)
            self.headers[login] = dict(session.headers)
            session.close()
        self.enter()

    def filled(self, value):
        """The same with what was kept in its place."""
        if isinstance(value, str):
            return value.format(**self.kept)
        if isinstance(value, dict):
            return {name: self.filled(one) for name, one in value.items()}
        return [self.filled(one) for one in value] if isinstance(value, list) else value

    def check_log(self):
        """The log continues what was seen, and Go agrees."""
        size = self.room.settle()

        def get(path):
            address = f"http://127.0.0.1:{self.room.port}/log/{path}"
            request = urllib.request.Request(
                address, headers={"Host": f"localhost:{self.room.port}"})
            with urllib.request.urlopen(request, timeout=LIMIT_SECONDS) as answer:
                return answer.read()

        self.log.follow(get)
        log = self.folder / "log"
        shutil.rmtree(log, ignore_errors=True)
        (log / "checkpoints").mkdir(parents=True)
        notes = sorted(self.log.notes.items())[-2:]
        for number, note in notes:
            (log / "checkpoints" / str(number)).write_bytes(note)
            for tile in tiles(number):
                (log / tile).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(self.room.folder / "data" / "log" / tile, log / tile)
        (log / "checkpoint").write_bytes(notes[-1][1])
        (log / "vkey").write_bytes(get("key"))
        said = program([self.go, "log", log])
        if not said.strip().endswith("0 failed"):
            raise Wrong(said)
        return size

    def environment(self, who, token=False):
        """The command's surroundings for a person, with their session or a token."""
        shown = {"CUSTOS_TOKEN_FILE": f"{who}.token"} if token else {
            "CUSTOS_SESSION_FILE": f"{who}.session"}
        return {**shown, **self.room.environment(), "HOME": str(self.folder),
                "XDG_STATE_HOME": str(self.folder / f"state-{who}"),
                "CUSTOS_SERVER": f"http://localhost:{self.room.port}"}

    def run(self, who, arguments, token=False):
        """Runs the command; gives its code and what it told."""
        done = subprocess.run(
            [self.room.program, *[str(argument) for argument in arguments], "--json"],
            env=self.environment(who, token), text=True, capture_output=True,
            timeout=LIMIT_SECONDS, check=False, cwd=self.folder)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        if not lines:
            raise Wrong(f"{arguments}: {done.returncode} {done.stderr}")
        return done.returncode, lines


class ByCli(Case):
    """Everything by commands."""

    def enter(self):
        """Everyone signs in by the command."""
        password = self.secret("password", PASSWORD + "\n")
        for login in PEOPLE:
            program([self.room.program, "sign-in", login, "--password-file", password],
                    env=self.environment(login), cwd=self.folder)

    def do(self, step, key):
        """Does a step: status and answer."""
        if step.command == ["deposit"]:
            return self.deposit()
        code, lines = self.run(step.who, self.filled(step.command) + ["--idempotency-key", key])
        if code == 0:
            lines[0].pop("by_an_earlier_attempt")
            return 200, lines[0]
        if code != 1 or "error" not in lines[0]:
            raise Wrong(f"{step.command}: {code} {lines}")
        return lines[0]["error"]["status"], lines[0]

    def deposit(self):
        """Deposits the folder; the same command again changes nothing."""
        code, lines = self.run("investigator", [
            "deposit", "--case", self.kept["case"], "--reference", "HL/1", "--place", "the quay",
            self.folder / "usb"], token=True)
        if code != 0:
            raise Wrong(f"deposit: {code} {lines}")
        files = sorted((line for line in lines if "summary" not in line),
                       key=lambda line: line["file"])
        return 200, {f"item{n}": file["item"] for n, file in enumerate(files, 1)}

    def look(self, who, what, *arguments):
        """What a command shows."""
        paths = {"case": ["case", "show"], "items": ["case", "items"], "orders": ["order", "list"],
                 "exhibits": ["exhibit", "list"], "walls": ["wall", "list"],
                 "item": ["item", "show"], "history": ["item", "history"]}
        code, lines = self.run(who, paths[what] + list(arguments))
        return lines[0] if code == 0 else lines[0]["error"]["status"]

    def get(self, who, item):
        """Content, held against its fingerprint by the command."""
        out = self.folder / f"{who}-{item}"
        code, lines = self.run(who, ["item", "get", item, "--purpose", purpose(who), "--why", WHY,
                                     "--out", out])
        if code != 0:
            raise Wrong(f"get: {code} {lines}")
        return out.read_bytes()

    def proofs(self, item):
        """A receipt and a bundle, as files."""
        receipt, bundle = self.folder / "receipt", self.folder / "bundle.zip"
        for arguments in (["receipt", "--out", receipt],
                          ["bundle", "--out", bundle, "--purpose", "investigation", "--why", WHY]):
            program([self.room.program, *arguments, "--item", item],
                    env=self.environment("investigator"), cwd=self.folder)
        return receipt, bundle


class ByApi(Case):
    """Everything by requests of Python's own library."""

    def ask(self, who, method, path, body=None, headers=None):
        """One request: status and bytes."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body else None
        if data is None and method in ("POST", "PUT"):
            data = b""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.room.port}/api/v1/{path}", data, method=method,
            headers={"Host": f"localhost:{self.room.port}",
                     **self.headers[who],
                     "Content-Type": "application/json", **(headers or {})})
        try:
            with urllib.request.urlopen(request, timeout=LIMIT_SECONDS) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read()

    def do(self, step, key):
        """Does a step: status and answer."""
        if step.command == ["deposit"]:
            return self.deposit(key)
        method, path, body = (self.filled(part) for part in step.request)
        headers = {"Idempotency-Key": f'"{key}"'} if step.once else {"If-Match": "*"}
        status, answer = self.ask(step.who, method, path, body, headers)
        return 200 if status in (200, 201) else status, json.loads(answer)

    def deposit(self, key):
        """Announces and sends every file; what was sent is told by its item."""
        items = {}
        for number, name in enumerate(sorted(FILES), 1):
            told = {"reference": f"HL/{number}", "file_name": name, "place": "the quay",
                    "particulars": {"file_path": f"usb/{name}"},
                    "declared": [{"algorithm": "sha256", "value": sha256(self.content[name])}]}
            status, answer = self.ask("investigator", "POST", f"cases/{self.kept['case']}/items",
                                      told, {"Idempotency-Key": f'"{key}-{number}"'})
            if status != 201:
                raise Wrong(f"announce: {status} {answer}")
            upload = json.loads(answer)["upload"]
            status, answer = self.ask(
                "investigator", "PUT", f"uploads/{upload}/content", self.content[name],
                {"Content-Type": "application/octet-stream"})
            if status == 409:
                status, answer = self.ask("investigator", "GET", f"uploads/{upload}")
            items[f"item{number}"] = json.loads(answer)["item"]
        return 200, items

    def look(self, who, what, *arguments):
        """What a request shows."""
        path = {"case": "cases/{}", "items": "cases/{}/items", "orders": "cases/{}/orders",
                "exhibits": "cases/{}/exhibits", "walls": "cases/{}/walls", "item": "items/{}",
                "history": "items/{}/history"}[what].format(*arguments)
        status, answer = self.ask(who, "GET", path)
        return json.loads(answer) if status == 200 else status

    def get(self, who, item):
        """Content through a view."""
        reason = {"purpose": purpose(who), "why": WHY, "download": True}
        status, answer = self.ask(who, "POST", f"items/{item}/views", reason)
        if status != 201:
            raise Wrong(f"view: {status} {answer}")
        view = json.loads(answer)["id"]
        _, content = self.ask(who, "GET", f"views/{view}/content")
        status, answer = self.ask(who, "DELETE", f"views/{view}")
        if status != 204:
            raise Wrong(f"closing a view: {status} {answer}")
        return content

    def proofs(self, item):
        """A receipt and a bundle, as files."""
        receipt, bundle = self.folder / "receipt", self.folder / "bundle.zip"
        receipt.write_bytes(self.ask("investigator", "GET", f"items/{item}/receipt")[1])
        wish = {"content": True, "purpose": "investigation", "why": WHY}
        bundle.write_bytes(self.ask("investigator", "POST", f"items/{item}/bundle", wish)[1])
        return receipt, bundle


def purpose(who):
    """For what a person reads."""
    return "defence" if who in ("counsel", "successor") else "investigation"


def sha256(content):
    """A fingerprint in hex."""
    return hashlib.sha256(content).hexdigest()


def program(command, **options):
    """Runs a program that must succeed; gives what it wrote."""
    done = subprocess.run([str(part) for part in command], text=True, capture_output=True,
                          timeout=LIMIT_SECONDS, check=False, **options)
    if done.returncode != 0:
        raise Wrong(f"{command[0]}: {(done.stdout + done.stderr)[-600:]}")
    return done.stdout


def equal(found, expected, what):
    """Compares with what the table says."""
    if found != expected:
        raise Wrong(f"{what}: {found!r} is not {expected!r}")


def looks(case, stage="closed"):
    """The case as its people see it now."""
    kept = case.kept
    shown = case.look("judge", "case", kept["case"])
    equal((shown["case"]["stage"], shown["outcome"]), (stage, "upheld"), "the stage")
    equal(sorted(party["name"] for party in shown["parties"]), ["D. Marsh", "The Crown"],
          "the parties")
    items = case.look("judge", "items", kept["case"])["items"]
    equal([(item["reference"], item["size"], item["states"]) for item in items],
          [(f"HL/{n}", len(case.content[name]), [] if n == 2 else ["served"])
           for n, name in enumerate(sorted(FILES), 1)], "the items")
    exhibits = case.look("judge", "exhibits", kept["case"])["items"]
    equal(sorted((one["number"], one["status"]) for one in exhibits),
          [("P1", "admitted"), ("P2", "withdrawn")], "the exhibits")
    orders = case.look("judge", "orders", kept["case"])["items"]
    equal([(one["number"], one["id"]) for one in orders], [("O-1", kept["order"])], "the orders")
    walls = case.look("custodian", "walls", kept["case"])["items"]
    up = [wall["person"] for wall in walls if wall["status"] == "up"]
    equal(up, [kept["outsider"]], "the walls")
    one = case.look("investigator", "item", kept["item1"])
    equal([(c["field"], c["value"]) for c in one["corrections"]],
          [("place", "14 Tallow Lane"), ("captured_at", AT[1])], "the corrections")
    equal(one["provenance"]["file_path"], "usb/call.mp3", "the path")
    moved = case.look("investigator", "item", kept["item3"])["transfers"]
    equal([(t["received_by"], t["seal"]) for t in moved], [("The store", "S-77")], "transfers")
    history = case.look("judge", "history", kept["item1"])["items"]
    if len(history) < 5:
        raise Wrong(f"a history of {len(history)} lines")
    # An unknown item, and one of a case that is nobody's business, are answered alike.
    equal(case.look("outsider", "item", kept["item1"]), 404, "an outsider")
    equal(case.look("outsider", "item", "0" * 32), 404, "an outsider")


def walk(case, rng):
    """All that must hold; gives the name of each part when it is done."""
    case.open(rng)
    case.enter()
    done = []
    yield from does(case, steps(), done, rng)
    looks(case)
    for who, number in (("investigator", 1), ("prosecutor", 2), ("successor", 3)):
        equal(case.get(who, case.kept[f"item{number}"]), case.content[sorted(FILES)[number - 1]],
              f"what {who} reads")
    yield "the case looks as it should, and content is what was deposited"
    receipt, bundle = case.proofs(case.kept["item1"])
    verifier = binary("custos-verify", "CUSTOS_VERIFY_BIN")
    program([verifier, bundle, "--trust", case.room.trust, "--held", receipt])
    yield "receipt and bundle verify"

    size, count = all_once_more(case, done)
    looks(case)
    yield f"{count} changes under the same keys change nothing"

    # Nothing is added to a closed case, so the case itself is opened twice.
    try:
        once_more(case, done[0][0], "a-key-that-was-forgotten", done[0][2])
    except Wrong as found:
        if case.check_log() <= size:
            raise
        yield f"planted: a key that was forgotten: {str(found)[:100]}"
    else:
        raise Wrong("planted and not found: a key that was forgotten")

    case.next_day()
    done = []
    yield from does(case, handing_over(), done, rng)
    looks(case, "transferred")
    _, count = all_once_more(case, done)
    looks(case, "transferred")
    handed = case.look("judge", "case", case.kept["case"])["links"]["handed_to"]
    equal(handed, {"authority": "The Hague", "reference": "H-77"}, "who has the case now")
    yield f"handed over by two, and {count} changes under the same keys change nothing"


def does(case, plan, done, rng):
    """Does one step after the other; `done` gets each with its key and its answer."""
    for number, step in enumerate(plan, 1):
        key = f"{rng.getrandbits(64):016x}-{number}"
        before = case.room.settle()
        status, answer = case.do(step, key)
        if status != 200:
            raise Wrong(f"{step.name}: {status} {answer}")
        done.append((step, key, answer))
        if step.keep:
            case.kept[step.keep] = answer["id"]
        if step.command == ["deposit"]:
            case.kept.update(answer)
        if case.check_log() <= before:
            raise Wrong(f"{step.name} left nothing in the log")
        yield f"{number} {step.who}: {step.name}"


def all_once_more(case, done):
    """Asks for everything again that is made once or still stands: the size of the log, which
    stays as it was, and how much that was."""
    size = case.check_log()
    again = [one for one in done if one[0].once or one[0].stands]
    for step, key, answer in again:
        once_more(case, step, key, answer)
    equal(case.check_log(), size, "the size of the log after everything was asked for again")
    return size, len(again)


def once_more(case, step, key, before):
    """Asks for a change again, which must be answered as it was."""
    status, answer = case.do(step, key)
    if step.once:
        equal((status, answer), (200, before), f"{step.name} once more")
    else:
        equal(status, 409, f"{step.name} once more")


def round_in(way, folder, rng):
    """One room; gives how many checks passed and failed."""
    case = way(folder)
    passed = failed = 0
    try:
        for name in walk(case, rng):
            print(f"ok: {name}", flush=True)
            passed += 1
        case.room.kill()
        program([case.room.program, "audit"], env=case.room.environment(), cwd=case.room.folder)
        print("ok: `custos audit` finds nothing")
        passed += 1
    except (NotStarted, Fork, Wrong, Refused, *CUT) as broken:
        failed += 1
        print(f"FAILED {type(broken).__name__}: {broken}")
    finally:
        case.room.kill()
    return passed, failed


def main():
    """The campaign."""
    ways = {"cli": ByCli, "api": ByApi}
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--by", choices=[*ways, "both"], default="both")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    parser.add_argument("--keep", type=pathlib.Path, help="work in this folder, and keep it")
    arguments = parser.parse_args()
    passed = failed = 0
    for name in ways if arguments.by == "both" else [arguments.by]:
        print(f"a case by {name}: seed {arguments.seed}")
        rng = random.Random(arguments.seed)
        if arguments.keep:
            folder = arguments.keep / name
            folder.mkdir(parents=True)
            good, bad = round_in(ways[name], folder.resolve(), rng)
        else:
            with tempfile.TemporaryDirectory(prefix="custos-case-") as folder:
                good, bad = round_in(ways[name], pathlib.Path(folder), rng)
        passed, failed = passed + good, failed + bad
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
