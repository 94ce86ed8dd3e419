"""Each status that the document names, provoked on purpose; and those that no client can provoke.

A request that succeeds is known for every operation. From it follow the failures: signed out,
another's token, an id that names nothing, a condition that does not fit, and so on.
"""

import copy
import http.client
import json

import requests
from schemathesis import Response

from document import Unsendable
from world import AT, WHY

UNKNOWN = "00112233445566778899aabbccddeeff"
OTHER_TAG = '"AAAAAAAAAAAAAAAAAAAAAA"'
TOO_MUCH = "x" * 70_000
LONG_HEADER = "x" * 40_000
MAX_TOKENS = 100
# Corrections that an item takes.
MAX_CORRECTIONS = 500

_SLOW = "it takes a client that waits for half a minute; slow.py does"
# What is provoked a day later, when whoever approves has had their role for long enough.
LATER = {"approveRequest", "carryOutRequest", "declineRequest"}
_ROUND = "it takes a round of the room's audit of itself; tests/it/audits.rs"
_AUTHORITY = "it takes a time authority; tests/it/timestamps/asked.rs"
# What no client can provoke in minutes, with the reason. `*` is every operation.
UNPROVOKED = {
    ("*", 408): _SLOW,
    ("*", 500): "it says that the room has a defect",
    ("*", 503): "it takes a broken disk or 1,024 clients at a time; tests/it/failing.rs, slow.py",
    ("*", 507): "it takes a full disk; tests/it/failing.rs",
    ("exportLog", 409): "it takes a permission that changes between two moments of one request",
    ("readAudit", 200): _ROUND,
    ("readAudit", 304): _ROUND,
    ("stampLog", 200): _AUTHORITY,
    ("stampLog", 502): _AUTHORITY,
    ("readHealth", 429): "it takes 128 requests at a time from one address; slow.py does",
}


class Valid:
    """A request that succeeds: who makes it, of what, with which body; and what stands in its way
    when it is made again, or on something else."""

    def __init__(self, who, path=None, body=None, again=True, conflict=None, cautious=None,
                 absent=None):
        self.who, self.path, self.body = who, path or {}, body
        # Whether the same once more is a conflict.
        self.again = again
        # Path and body of one that is a conflict, where that is another.
        self.conflict = conflict
        # Path and body of one that must say what it is made upon, where that is another.
        self.cautious = cautious
        # A body that names what is not there, where the path names nothing.
        self.absent = absent


def valid(world):
    """Every operation with a request that succeeds, in an order in which all of them do."""
    ids, special, people = world.ids, world.special, world.people.ids
    main, other, closing, spare, _ = ids["case"]
    item = ids["item"]
    person, account = ids["person"], ids["account"]
    offered, ruled, withdrawn = world.pairs["exhibit"]
    why = {"purpose": "investigation", "why": WHY}
    suspended, active = {"status": "suspended"}, {"status": "active"}
    exhibit = lambda pair: {"item": pair[0], "exhibit": pair[1]}
    stage = {"stage": "closed", "outcome": "a conviction"}
    transfer = {"asked": "transfer_case", "authority": "The Hague", "reference": "H-9"}
    ask = lambda case: {"proposal": transfer | {"case": case}, "reason": "it is theirs"}
    new = {"reference": f"N/{world.number}", "description": "a note"}
    once = False
    return {
        "readHealth": Valid(None),
        "readMe": Valid("investigator"),
        "listCases": Valid("investigator"),
        "readCase": Valid("investigator", {"case": main}),
        "listItems": Valid("investigator", {"case": main}),
        "listExhibits": Valid("judge", {"case": main}),
        "listOrders": Valid("judge", {"case": main}),
        "listWalls": Valid("custodian", {"case": main}),
        "openCase": Valid("custodian", {}, {"number": "9/1", "title": "New"}),
        "addParty": Valid("custodian", {"case": main}, {"side": "defence", "name": "D. Two"}),
        "setWall": Valid("custodian", {"case": main, "person": people["outsider"]},
                         {"status": "down", "reason": "by mistake"}),
        "giveRole": Valid("custodian", {"case": main},
                          {"person": people["outsider"], "role": "advocate"}),
        "endRole": Valid("custodian", {"case": main, "person": people["outsider"],
                                       "role": "advocate"}),
        "announceItem": Valid("investigator", {"case": main}, new, once,
                              ({"case": main}, new | {"reference": special["taken"]})),
        "readUpload": Valid("investigator", {"upload": special["uploaded"]}),
        "sendBytes": Valid("investigator", {"upload": special["waiting"]}, b"12345", once,
                           ({"upload": special["uploaded"]}, b"12345")),
        "readItem": Valid("investigator", {"item": item[0]}),
        "readHistory": Valid("investigator", {"item": item[0]}),
        "takeReceipt": Valid("investigator", {"item": item[0]}),
        "makeBundle": Valid("investigator", {"item": item[0]}, {"content": False}),
        "exportLog": Valid("investigator", {}, {"item": item[0]}, again=False,
                           absent={"item": UNKNOWN}),
        "openView": Valid("investigator", {"item": item[0]}, why | {"download": True}),
        "readContent": Valid("investigator", {"view": special["views"][0]}),
        "closeView": Valid("investigator", {"view": special["views"][1]}),
        "correctItem": Valid("investigator", {"item": item[0]},
                             {"field": "place", "value": "Gate 3", "reason": "a slip"}),
        "recordTransfer": Valid("investigator", {"item": item[0]}, {
            "released_by": "J. Sant", "received_by": "the laboratory", "at": AT,
            "reason": "analysis"}),
        "offerExhibit": Valid("prosecutor", {"item": item[4]}, {"number": "P9"}),
        "ruleOnExhibit": Valid("judge", exhibit(ruled), {"status": "admitted"}, once,
                               (exhibit(withdrawn), {"status": "admitted"})),
        "withdrawExhibit": Valid("prosecutor", exhibit(offered)),
        "makeOrder": Valid("judge", {"case": main},
                           {"number": "O-9", "orders": "other", "text": "So ordered."}),
        "restrictItem": Valid("judge", {"item": item[5]}),
        "liftRestriction": Valid("judge", {"item": item[5]}),
        "serveItem": Valid("prosecutor", {"item": item[3]}, {"party": special["defence"]}),
        "setStage": Valid("custodian", {"case": closing}, stage),
        "mergeCase": Valid("custodian", {"case": other}, {"into": main, "reason": "one matter"}),
        "listRequests": Valid("custodian"),
        "askForApproval": Valid("custodian", {}, ask(spare), once, ({}, ask(other)),
                                absent=ask(UNKNOWN)),
        "declineRequest": Valid("colleague", {"request": ids["request"][0]}),
        "approveRequest": Valid("colleague", {"request": ids["request"][0]}),
        "carryOutRequest": Valid("custodian", {"request": ids["request"][0]}),
        "withdrawRequest": Valid("custodian", {"request": ids["request"][0]}),
        "listNotices": Valid("investigator"),
        "markNotice": Valid("investigator", {"notice": special["notice"]}),
        "listUndelivered": Valid("administrator"),
        "listWitnesses": Valid("administrator"),
        "listTimestamps": Valid("administrator"),
        "stampLog": Valid("administrator"),
        "listAudits": Valid("auditor"),
        "readAudit": Valid("auditor", {"audit": UNKNOWN}),
        "listSessions": Valid("investigator"),
        "endSession": Valid("investigator", {"session": special["session"]}),
        "listTokens": Valid("investigator"),
        "issueToken": Valid("successor", {}, {"label": "l", "rights": ["read"], "days": 1}, once),
        "revokeToken": Valid("investigator", {"token": special["token"]}),
        "listPeople": Valid("administrator"),
        "readPerson": Valid("administrator", {"person": person[0]}),
        "createPerson": Valid("administrator", {}, {"name": "New", "login": "new-one"}),
        "enrolAccount": Valid("administrator", {"account": account[0]}, None, once,
                              ({"account": account[6]}, None)),
        "setAccountStatus": Valid("administrator", {"account": account[1]}, suspended,
                                  cautious=({"account": account[6]}, active)),
        "setPersonStatus": Valid("administrator", {"person": person[2]}, suspended,
                                 cautious=({"person": person[5]}, active)),
        "leaveService": Valid("administrator", {"person": person[3]}, {}),
    }


class Provoker:
    """Sends what must fail in one way, or succeed."""

    def __init__(self, judge, people, world):
        self.judge, self.people, self.world = judge, people, world
        self.document = judge.document
        self.sessions = {}
        self.reader, _ = people.token("investigator", ["read"])
        self.depositor, _ = people.token("investigator", ["deposit"])

    def headers(self, who):
        """What somebody carries."""
        if who is None:
            return {}
        if who not in self.sessions:
            self.sessions[who] = self.people.kept(who)
        return dict(self.sessions[who].headers)

    def send(self, name, one, expected, headers=None, who="", path=None, body=None, query=None,
             media_type=None):
        """Sends a request; it must be answered with this status."""
        given = one.body if body is None else body
        kind = "application/octet-stream" if isinstance(given, bytes) else "application/json"
        case = self.judge.made(name, dict(one.path if path is None else path), query,
                               None, given, media_type or kind)
        sent = self.headers(one.who if who == "" else who) | (headers or {})
        sent = {key: value for key, value in sent.items() if value is not None}
        try:
            answer = self.judge.send(name, case, sent)
        except Unsendable as error:
            self.judge.breaches.append(f"{name}: {error}")
            return None
        if answer.status_code != expected:
            self.judge.breaches.append(
                f"{name}: {answer.status_code} instead of {expected}: {answer.text[:200]}")
        return answer

    def raw(self, name, one, expected, headers, body=None, target=None):
        """The same past every library that puts a request right."""
        operation = self.document.operations[name]
        path = operation.path
        for key, value in one.path.items():
            path = path.replace("{%s}" % key, value)
        method = operation.method.upper()
        connection = http.client.HTTPConnection("127.0.0.1", self.people.room.port, timeout=30)
        sent = {"Host": self.judge.host} | self.headers(one.who) | headers
        connection.putrequest(method, target or path, skip_host=True, skip_accept_encoding=True)
        for key, value in sent.items():
            connection.putheader(key, value)
        connection.endheaders(body)
        got = connection.getresponse()
        given = {}
        for key, value in got.headers.items():
            given.setdefault(key.lower(), []).append(value)
        prepared = requests.Request(method, f"{self.judge.base}{path}").prepare()
        answer = Response(status_code=got.status, headers=given, content=got.read(),
                          request=prepared, elapsed=0, verify=False)
        connection.close()
        self.judge.sent += 1
        self.judge.judge(name, self.judge.made(name, dict(one.path)), answer)
        if got.status != expected:
            self.judge.breaches.append(f"{name}: {got.status} instead of {expected}")

    # --- one status each -------------------------------------------------------------------------

    def failures(self, name, one):
        """What changes nothing."""
        described = self.document.described(self.document.operations[name])
        method = self.document.operations[name].method.upper()
        statuses = self.document.statuses(name)
        known = self.document.parameters(name)
        upon = {"If-Match": "*"} if "If-Match" in known else {}
        self.raw(name, one, 400, {}, target="http://other.example/health")
        self.send(name, one, 421, upon | {"Host": "other.example"})
        self.send(name, one, 431, upon | {"X-Long": LONG_HEADER})
        if one.who is None:
            return
        self.send(name, one, 401, upon, who=None)
        self.forbidden(name, one, upon, described)
        if one.path:
            nothing = {key: UNKNOWN if key != "role" else value for key, value in one.path.items()}
            self.send(name, one, 404, upon, path=nothing)
        elif one.absent:
            self.send(name, one, 404, upon, body=one.absent)
        if 304 in statuses and method == "GET" and name not in ("readContent", "readAudit"):
            tag = tag_of(self.send(name, one, 200))
            # Each reading of a history is itself in it.
            tag = "*" if name == "readHistory" else tag
            self.send(name, one, 304, {"If-None-Match": tag})
        if 412 in statuses:
            self.send(name, one, 412, {"If-Match": OTHER_TAG})
        if 428 in statuses:
            path, body = one.cautious or (one.path, one.body)
            self.send(name, one, 428, path=path, body=body)
        if 422 in statuses:
            self.reused(name, one, upon)
        if name == "sendBytes":
            self.bytes(name, one)
        elif 413 in statuses:
            self.send(name, one, 413, upon, body={"x": TOO_MUCH})
            self.send(name, one, 415, upon, body="x=1", media_type="text/plain")
            self.send(name, one, 400, upon, body={"odd": 1})

    def forbidden(self, name, one, upon, described):
        """Somebody who was recognised, and may not."""
        token = next((way["token"][0] for way in described["security"] if "token" in way), None)
        wrong = self.depositor if token == "read" else self.reader
        self.send(name, one, 403, upon | wrong, who=None)

    def reused(self, name, one, upon):
        """A key that was given for something else."""
        key = {"Idempotency-Key": f"of-{one.who}"}
        caller = self.people.kept(one.who)
        status, _, _ = caller.request(
            "POST", "/api/v1/tokens",
            json.dumps({"label": "k", "rights": ["read"], "days": 1}),
            {"Content-Type": "application/json"} | key)
        caller.close()
        if status not in (201, 409):
            self.judge.breaches.append(f"issueToken: {status} under a key")
        if name == "issueToken":
            one = copy.copy(one)
            one.body = one.body | {"label": "another"}
        self.send(name, one, 422, upon | key)

    def bytes(self, name, one):
        """What may be wrong with the bytes of an item."""
        self.raw(name, one, 411, {"Transfer-Encoding": "chunked"}, b"5\r\n12345\r\n0\r\n\r\n")
        self.raw(name, one, 413, {"Content-Length": str(1 << 60)})
        self.send(name, one, 415, {"Content-Encoding": "gzip"})
        self.send(name, one, 400, {"Repr-Digest": "sha-256=:odd:"})

    def succeeds(self, name, one):
        """The request itself, and what stands in the way of another."""
        statuses = self.document.statuses(name)
        upon = {"If-Match": "*"} if "If-Match" in self.document.parameters(name) else {}
        good = next(status for status in (200, 201, 204) if status in statuses)
        if name == "readContent":
            self.content(name, one)
        if name in LATER or name == "readAudit":
            return
        if name == "stampLog":
            # There is nobody to ask.
            self.send(name, one, 409, upon)
            return
        self.send(name, one, good, upon)
        if 409 not in statuses:
            return
        if name == "issueToken":
            self.tokens(name, one)
        elif name == "correctItem":
            self.corrections(name, one)
        elif one.conflict:
            path, body = one.conflict
            self.send(name, one, 409, upon, path=path, body=body)
        elif one.again:
            self.send(name, one, 409, upon)

    def content(self, name, one):
        """Ranges of it, and none."""
        tag = tag_of(self.send(name, one, 200))
        self.send(name, one, 304, {"If-None-Match": tag})
        self.send(name, one, 206, {"Range": "bytes=0-9"})
        self.send(name, one, 416, {"Range": "bytes=99999999-"})

    def tokens(self, name, one):
        """As many as may hold, and one more."""
        caller = self.people.kept(one.who)
        for _ in range(MAX_TOKENS + 1):
            status, _, _ = caller.request("POST", "/api/v1/tokens", json.dumps(one.body),
                                          {"Content-Type": "application/json"})
            if status == 409:
                break
        caller.close()
        self.send(name, one, 409)

    def corrections(self, name, one):
        """As many as an item takes, and one more."""
        caller = self.people.kept(one.who)
        path = f"/api/v1/items/{one.path['item']}/corrections"
        for _ in range(MAX_CORRECTIONS + 1):
            status, _, _ = caller.request("POST", path, json.dumps(one.body),
                                          {"Content-Type": "application/json"})
            if status == 409:
                break
        caller.close()
        self.send(name, one, 409)

    def close(self):
        """Closes what it opened."""
        for caller in self.sessions.values():
            caller.close()


def tag_of(answer):
    """The tag that an answer says, or none."""
    return answer.headers.get("etag", [""])[0]


def ready(people, world):
    """What belongs to those who ask."""
    session = people.kept("investigator")
    world.own("investigator", session)
    ids, special = world.ids, world.special
    special["views"], special["session"] = ids["view"][:2], ids["session"][0]
    special["token"], special["notice"] = ids["token"][0], ids["notice"][0]
    session.close()


def provoke(judge, people, world):
    """Every status but that of a quota."""
    ready(people, world)
    provoker = Provoker(judge, people, world)
    known = valid(world)
    unknown = sorted(set(judge.document.operations) - set(known))
    if unknown:
        judge.breaches.append(f"no request is known for {', '.join(unknown)}")
    for name, one in known.items():
        provoker.failures(name, one)
        provoker.succeeds(name, one)
    provoker.close()


def approve(judge, people, world):
    """What two people do, a day after they got their roles."""
    people.sessions.clear()
    provoker = Provoker(judge, people, world)
    known = valid(world)
    ask = known["askForApproval"]
    ids = []
    for _ in range(2):
        made = provoker.send("askForApproval", ask, 201)
        ids.append(json.loads(made.content)["id"])
    for name, request in (("declineRequest", ids[0]), ("approveRequest", ids[1]),
                          ("carryOutRequest", ids[1])):
        one = known[name]
        one.path = {"request": request}
        if name == "carryOutRequest":
            provoker.send(name, one, 409, path={"request": ids[0]})
        provoker.send(name, one, 200)
        provoker.send(name, one, 409)
    provoker.close()


def refuse_all(judge, people):
    """Everyone has used up what they may ask for."""
    session = people.session("custodian")
    headers = dict(session.headers)
    session.close()
    for name, operation in judge.document.operations.items():
        if name == "readHealth":
            continue
        path = {key: "investigator" if key == "role" else UNKNOWN
                for key in [part[1:-1] for part in operation.path.split("/") if "{" in part]}
        answer = judge.send(name, judge.made(name, path), headers)
        if answer.status_code != 429:
            judge.breaches.append(f"{name}: {answer.status_code} instead of 429")
