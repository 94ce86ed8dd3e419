#!/usr/bin/env python3
"""The API against its own document, as everyone who may call it.

    api.py [--long] [--cases N] [--seed N] [--keep FOLDER]

Schemathesis makes cases from the room's `/openapi.json`, valid and invalid ones. Each caller - nine
roles, an account on no case, four kinds of tokens, a stranger - sends them into a case of their
own that has everything in it, and most ids are of what is there. Then requests of our own provoke
each status that the document names (`provoke.py`); those that no client can provoke stand in a
list with the reason, and the list is checked both ways. No answer may be a 5xx, and each must be
what the document says: status, media type, headers, schema. After it all the log verifies, the
audit finds nothing, and the room's memory has not grown without bound. At the end documents with
planted defects are held against the same room; each must be found.

Programs: CUSTOS_BIN, or the debug build.
"""

import argparse
import copy
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

from document import Document, Judge, Unsendable, generator, has_invalid_body, shuffled
from history import Fork, History
from provoke import UNKNOWN, UNPROVOKED, approve, provoke, refuse_all
from room import CUT, ORIGIN, Caller, NotStarted, Refused, Room
from world import People, World

MIB = 1 << 20
SHORT_CASES = 110
LONG_CASES = 5_000
# Beyond what the room holds of a larger register.
MAX_GROWTH = 192 * MIB
MAX_SHOWN = 25
SESSIONS = ("administrator", "custodian", "investigator", "prosecutor", "defence", "judge",
            "protection_officer", "advocate", "auditor", "outsider")
TOKENS = {
    "token: read": ("investigator", ["read"]),
    "token: deposit": ("investigator", ["deposit"]),
    "token: both": ("investigator", ["read", "deposit"]),
    "token: of counsel": ("defence", ["read"]),
}
STRANGER = "stranger"
LIMIT_SECONDS = 600


class Campaign:
    """Rooms, callers, and what came of it."""

    def __init__(self, folder, given):
        self.room = Room(folder)
        self.seed, self.number = given.seed, given.cases
        self.passed = self.failed = self.unsendable = 0
        self.cases = {}
        self.memory = []

    def check(self, what, good, more=""):
        """One line of the report."""
        self.passed, self.failed = self.passed + bool(good), self.failed + (not good)
        print(f"{'ok   ' if good else 'FAIL '} {what}{f': {more}' if more else ''}", flush=True)

    def all(self):
        """Everything."""
        secret = self.room.found()
        self.room.start()
        try:
            people = People(self.room, secret)
            caller = Caller(self.room.port)
            document = Document(json.loads(caller.get("/openapi.json")))
            caller.close()
            judge = Judge(document, self.room.port)
            begin = time.monotonic()
            each = -(-self.number // len(document.operations))
            self.cases = {name: document.cases(name, each, self.seed)
                          for name in document.operations}
            print(f"      {each} cases of each of {len(document.operations)} operations, made in "
                  f"{time.monotonic() - begin:.0f} s", flush=True)
            for number, who in enumerate([*SESSIONS, *TOKENS, STRANGER]):
                self.caller(people, judge, who, number + 1)
            world = World(people, 900)
            self.held(judge, "what is provoked", lambda: provoke(judge, people, world))
            self.planted(people, document)
            self.settled()
            self.restart({})
            self.held(judge, "what two people do a day later",
                      lambda: approve(judge, people, world))
            # Beginning a session looks at one page, which is all that is left to anyone.
            self.restart({"CALLER_REQUESTS": "1", "CALLER_SECONDS": "3600"})
            self.held(judge, "a quota that is used up", lambda: refuse_all(judge, people))
            self.statuses(document, judge)
        finally:
            self.room.kill()
        self.audited()

    # --- callers ---------------------------------------------------------------------------------

    def caller(self, people, judge, who, number):
        """One caller sends every case."""
        world = World(people, number)
        session = None
        if who == STRANGER:
            headers = {}
        elif who in TOKENS:
            owner, rights = TOKENS[who]
            headers, _ = people.token(owner, rights)
            session = people.session(owner)
            world.own(owner, session)
        else:
            session = people.session(who)
            world.own(who, session)
            headers = dict(session.headers)
        rng = generator(self.seed, who)

        def send():
            for name in shuffled(self.cases, rng):
                for case in shuffled(self.cases[name], rng):
                    self.one(judge, world, name, case, headers, rng)

        self.held(judge, who, send)
        if session:
            session.close()
        self.memory.append(memory(self.room))

    def one(self, judge, world, name, case, headers, rng):
        """One case, with the ids of what is there and what this caller carries."""
        path = world.into_path(case.path_parameters or {}, rng)
        body = case.body
        if isinstance(body, (dict, list)):
            body = world.into_body(body, rng)
        sent = dict(headers)
        own = dict(case.headers or {})
        for given in [key for key in own if key.lower() in ("authorization", "cookie")]:
            # What was invented signs nobody in; now and then it is tried.
            if rng.random() < 0.95:
                del own[given]
            else:
                sent.pop(given, None)
        if rng.random() < 0.05:
            sent.pop("X-Custos-CSRF", None)
        known = {key.lower() for key in own}
        for header in ("If-Match", "If-None-Match"):
            if header.lower() in known and rng.random() < 0.7:
                sent[header] = "*"
        for given in [key for key in own if key.lower() in {key.lower() for key in sent}]:
            del own[given]
        made = case.operation.Case(
            method=case.method, path_parameters=path, headers=own, query=case.query, body=body,
            media_type=case.media_type)
        try:
            answer = judge.send(name, made, sent)
        except Unsendable:
            self.unsendable += 1
            return
        if has_invalid_body(case) and answer.status_code < 300:
            judge.breaches.append(f"{name} took an invalid body: {json.dumps(body)[:300]}")

    def held(self, judge, what, work):
        """Runs something, and counts its breaches."""
        start, sent, begin = len(judge.breaches), judge.sent, time.monotonic()
        work()
        breaches = judge.breaches[start:]
        sent = judge.sent - sent
        self.check(what, not breaches,
                   f"{sent} answers as documented, {time.monotonic() - begin:.0f} s"
                   if not breaches else f"{len(breaches)} of {sent} answers are not as documented")
        for breach in list(dict.fromkeys(breaches))[:MAX_SHOWN]:
            print(f"      {breach}")

    # --- the document as a whole -----------------------------------------------------------------

    def statuses(self, document, judge):
        """Each documented status was seen, or stands in the list; and none of the list was seen."""
        missing, wrong = [], []
        for name in document.operations:
            for status in document.statuses(name):
                seen = status in judge.seen.get(name, ())
                listed = (name, status) in UNPROVOKED or ("*", status) in UNPROVOKED
                if not seen and not listed:
                    missing.append(f"{name} {status}")
                if seen and listed:
                    wrong.append(f"{name} {status}")
        known = {(name, status) for name in document.operations
                 for status in document.statuses(name)}
        stale = [f"{name} {status}" for name, status in UNPROVOKED
                 if name != "*" and (name, status) not in known]
        total = len(known)
        self.check("every documented status was seen or can't be provoked", not missing,
                   ", ".join(missing) or f"{total} statuses of {len(document.operations)} operations")
        self.check("nothing was seen that can't be provoked", not wrong, ", ".join(wrong))
        self.check("what can't be provoked is documented", not stale, ", ".join(stale))
        high = sorted(f"{name} {status}" for name, seen in judge.seen.items()
                      for status in seen if status >= 500)
        self.check("no answer is a failure of the room", not high, ", ".join(high))

    def restart(self, limits):
        """The room once more, a day later, with limits of its own."""
        self.room.kill()
        self.room.hours_ahead = 25
        self.room.settings = {
            f"CUSTOS_HTTP__LIMITS__{name}": value for name, value in limits.items()}
        self.room.start()

    # --- planted defects -------------------------------------------------------------------------

    def planted(self, people, document):
        """Documents that are wrong must not pass."""
        world = World(people, 901)
        session = people.session("investigator")
        world.own("investigator", session)
        for what, name, spoil in PLANTED:
            value = copy.deepcopy(document.value)
            spoil(value)
            wrong = Document(value)
            judge = Judge(wrong, self.room.port)
            rng = generator(self.seed, what)
            for case in wrong.cases(name, 6, self.seed):
                self.one(judge, world, name, case, dict(session.headers), rng)
            # One each of what is there and of what is not, whatever was drawn.
            for item in (UNKNOWN, world.ids["item"][0]):
                path = {"item": item} if name == "readItem" else {}
                judge.send(name, judge.made(name, path), dict(session.headers))
            judge.close()
            self.check(f"planted and found: {what}", judge.breaches)
        session.close()

    # --- the room --------------------------------------------------------------------------------

    def settled(self):
        """What was published continues itself; memory does not grow with each caller."""
        self.room.settle()
        caller = Caller(self.room.port)
        try:
            size = History(ORIGIN).follow(lambda path: caller.get(f"/log/{path}"))
            self.check("the log verifies from its first entry", True, f"{size} entries")
        except Fork as fork:
            self.check("the log verifies from its first entry", False, str(fork))
        caller.close()
        first, last = self.memory[1], max(self.memory[2:])
        self.check(f"memory grows by less than {MAX_GROWTH // MIB} MiB", last - first < MAX_GROWTH,
                   ", ".join(f"{size / MIB:.0f}" for size in self.memory) + " MiB")

    def audited(self):
        """The room finds nothing wrong with itself."""
        done = subprocess.run(
            [self.room.program, "audit"], env=self.room.environment(), cwd=self.room.folder,
            text=True, capture_output=True, timeout=LIMIT_SECONDS, check=False)
        said = (done.stdout + done.stderr).strip()
        self.check("the audit finds nothing", done.returncode == 0, said[-300:])


def without_status(value):
    """A read that can find nothing, it says."""
    del value["paths"]["/api/v1/items/{item}"]["get"]["responses"]["404"]


def another_schema(value):
    """Somebody who calls has a number, it says."""
    value["components"]["schemas"]["Me"]["properties"]["name"] = {"type": "integer"}


def another_kind(value):
    """Failures are texts, it says."""
    problem = value["components"]["responses"]["NotFound"]
    problem["content"] = {"text/plain": problem["content"].pop("application/problem+json")}


def another_header(value):
    """A tag is a number, it says."""
    value["components"]["headers"]["ETag"]["schema"] = {"type": "integer"}


def no_header(value):
    """Each list says how long it is, it says."""
    value["components"]["headers"]["Total"] = {"required": True, "schema": {"type": "string"}}
    total = {"$ref": "#/components/headers/Total"}
    value["paths"]["/api/v1/cases"]["get"]["responses"]["200"]["headers"]["Total"] = total


PLANTED = (
    ("a status that is left out", "readItem", without_status),
    ("a schema that is wrong", "readMe", another_schema),
    ("a media type that is wrong", "readItem", another_kind),
    ("the schema of a header that is wrong", "listCases", another_header),
    ("a header that is not there", "listCases", no_header),
)


def memory(room):
    """The server's resident memory in bytes."""
    status = pathlib.Path(f"/proc/{room.process.pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) << 10


def main():
    """The campaign."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--cases", type=int, help="cases of each caller")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--keep", type=pathlib.Path, help="an empty folder for the room")
    given = parser.parse_args()
    given.cases = given.cases or (LONG_CASES if given.long else SHORT_CASES)
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="custos-api-") as folder:
        campaign = Campaign(given.keep or pathlib.Path(folder), given)
        try:
            campaign.all()
        except (NotStarted, Refused, *CUT) as error:
            campaign.check("the campaign reaches its end", False, str(error))
    print(f"{campaign.passed} passed, {campaign.failed} failed")
    return 0 if campaign.failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
