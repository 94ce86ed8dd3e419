"""A case with everything in it, and people who may do what: made anew for each caller.

What one caller closes, ends or suspends is missing to none that comes after.
"""

import json
import re
import time

from room import Caller, Deposit, announce, send

WHY = "to compare it with what the witness said"
# Who works on the case, by their role there; their login is the same.
ROLES = ("investigator", "prosecutor", "defence", "judge", "protection_officer", "advocate")
ROOM_ROLES = ("custodian", "auditor")
SPARES = 7
# Half of what a session lasts unused.
MAX_AGE_SECONDS = 900
ID = re.compile(r"[0-9a-f]{32}")
AT = 1_772_370_300_000_000


class People:
    """Everyone of a room. Sessions are begun when they are needed, so that none has run out."""

    def __init__(self, room, secret):
        self.room = room
        self.logins, self.ids, self.sessions = {}, {}, {}
        administrator = room.enrol(secret)
        only = administrator.json("GET", "/api/v1/people", expected=200)["items"][0]
        self.ids["administrator"] = only["id"]
        self.logins["administrator"] = only["accounts"][0]["login"]
        for role in ROLES + ("outsider", "colleague", "successor"):
            self.add(administrator, role, ["custodian"] if role == "colleague" else [])
        for role in ROOM_ROLES:
            self.add(administrator, role, [role])
        administrator.close()

    def add(self, administrator, login, roles):
        """Somebody who enrols."""
        self.ids[login], caller = self.room.person(administrator, login, roles)
        self.logins[login] = login
        caller.close()

    def kept(self, who):
        """A session of somebody, begun not long ago."""
        begun, headers = self.sessions.get(who, (0, None))
        if headers is None or time.monotonic() - begun > MAX_AGE_SECONDS:
            fresh = self.session(who)
            headers = dict(fresh.headers)
            fresh.close()
            self.sessions[who] = time.monotonic(), headers
        return Caller(self.room.port, headers)

    def session(self, who):
        """A new session of somebody."""
        return self.room.sign_in(self.logins[who])

    def token(self, who, rights):
        """A new token of somebody, as headers; and its id."""
        session = self.kept(who)
        new = {"label": "campaign", "rights": rights, "days": 1}
        made = session.json("POST", "/api/v1/tokens", new)
        session.close()
        return {"Authorization": f"Bearer {made['secret']}"}, made["id"]


class World:
    """One case with everything in it, and what else there is to be named.

    `ids` has them by the name of the parameter that takes them: those of which a caller may do
    anything. `pairs` are those that belong together, `special` those of a state of their own.
    """

    def __init__(self, people, number):
        self.people, self.number = people, number
        self.ids = {name: [] for name in (
            "case", "item", "exhibit", "person", "account", "party", "order", "request", "upload",
            "view", "token", "session", "notice")}
        self.pairs = {"exhibit": [], "role": []}
        self.special = {}
        self.by = {}
        try:
            self.build()
        finally:
            for caller in self.by.values():
                caller.close()

    def ask(self, who, method, path, value=None, expected=201):
        """A request that must succeed; gives the JSON."""
        if who not in self.by:
            self.by[who] = self.people.kept(who)
        return self.by[who].json(method, f"/api/v1/{path}", value, expected)

    def build(self):
        """All of it."""
        self.ids["case"] = [self.case(name) for name in ("main", "other", "closing", "spare")]
        self.special["closed"] = self.case("closed")
        stage = {"stage": "closed", "outcome": "a conviction"}
        caller = self.by["custodian"]
        caller.headers["If-Match"] = "*"
        self.ask("custodian", "PUT", f"cases/{self.special['closed']}/stage", stage, 200)
        del caller.headers["If-Match"]
        main = self.ids["case"][0]
        for side in ("prosecution", "defence"):
            party = {"side": side, "name": f"The {side}"}
            party = self.ask("custodian", "POST", f"cases/{main}/parties", party)["id"]
            self.ids["party"].append(party)
        self.special["defence"] = party
        for role in ROLES:
            self.role(main, role, party)
        self.role(self.special["closed"], "investigator", party)
        self.spares()
        self.items(main)
        self.filed(main)
        self.asked()
        self.ids["case"].append(self.special["closed"])

    def case(self, name):
        """An open case."""
        new = {"number": f"{self.number}/{name}", "title": name.title()}
        return self.ask("custodian", "POST", "cases", new)["id"]

    def role(self, case, role, party):
        """Gives its person a role on a case."""
        member = {"person": self.people.ids[role], "role": role}
        if role == "defence":
            member["party"] = party
        self.ask("custodian", "POST", f"cases/{case}/people", member)
        self.pairs["role"].append((member["person"], role))

    def spares(self):
        """People whom nobody needs: one of them suspended, one gone."""
        for number in range(SPARES):
            new = {"name": f"Spare {number}", "login": f"spare-{self.number}-{number}"}
            made = self.ask("administrator", "POST", "people", new)
            self.ids["person"].append(made["person"])
            self.ids["account"].append(made["account"])
        person, account = self.ids["person"], self.ids["account"]
        suspended = {"status": "suspended"}
        self.ask("administrator", "POST", f"people/{person[5]}/status", suspended, 200)
        self.ask("administrator", "POST", f"accounts/{account[6]}/status", suspended, 200)

    def items(self, case):
        """Items in every state."""
        self.by["investigator"] = self.people.kept("investigator")
        caller = self.by["investigator"]
        for number in range(6):
            deposit = Deposit(1_000 * self.number + number, 700)
            announce(caller, case, deposit)
            self.ids["item"].append(send(caller, deposit)["item"])
            self.ids["upload"].append(deposit.upload)
        self.special["uploaded"] = deposit.upload
        self.special["taken"] = f"KC/{deposit.number}"
        waiting = Deposit(1_000 * self.number + 900, 5)
        announce(caller, case, waiting)
        self.ids["upload"].append(waiting.upload)
        self.special["waiting"] = waiting.upload
        told = {"reference": f"Q/{self.number}",
                "declared": [{"algorithm": "sha256", "value": "0" * 64}]}
        upload = self.ask("investigator", "POST", f"cases/{case}/items", told)["upload"]
        caller.request("PUT", f"/api/v1/uploads/{upload}/content", b"quarantined",
                       {"Content-Type": "application/octet-stream"})
        quarantined = self.ask("investigator", "GET", f"uploads/{upload}", expected=200)["item"]
        items = self.ids["item"]
        items.append(quarantined)
        self.ask("protection_officer", "PUT", f"items/{items[1]}/restriction", expected=200)
        to = {"party": self.special["defence"]}
        self.ask("prosecutor", "POST", f"items/{items[2]}/servings", to)

    def filed(self, case):
        """Orders, exhibits, a wall."""
        items = self.ids["item"]
        for kind in ("admit", "other"):
            order = {"number": f"O-{kind}", "orders": kind, "text": "So ordered."}
            made = self.ask("judge", "POST", f"cases/{case}/orders", order)
            self.ids["order"].append(made["id"])
        for number, item in (("P1", items[0]), ("P2", items[2]), ("P3", items[3])):
            made = self.ask("prosecutor", "POST", f"items/{item}/exhibits", {"number": number})
            self.pairs["exhibit"].append((item, made["id"]))
            self.ids["exhibit"].append(made["id"])
        item, withdrawn = self.pairs["exhibit"][2]
        self.ask("prosecutor", "DELETE", f"items/{item}/exhibits/{withdrawn}", expected=200)
        wall = {"status": "up", "reason": "acted for the other side"}
        path = f"cases/{case}/walls/{self.people.ids['outsider']}"
        self.ask("custodian", "PUT", path, wall, 200)

    def asked(self):
        """Requests that wait for a second person, and one that was taken back."""
        for number, who in enumerate(("custodian", "colleague", "custodian")):
            proposal = {"asked": "transfer_case", "case": self.ids["case"][3],
                        "authority": "The Hague", "reference": f"H-{number}"}
            new = {"proposal": proposal, "reason": "it is theirs"}
            made = self.ask(who, "POST", "requests", new)["id"]
            self.ids["request"].append(made)
        self.ask("custodian", "POST", f"requests/{made}/withdrawal", expected=200)

    def own(self, who, session):
        """What is the caller's own: tokens, sessions, notices, views."""
        for _ in range(2):
            self.ids["token"].append(self.people.token(who, ["read"])[1])
        self.people.session(who).close()
        sessions = json.loads(session.get("/api/v1/sessions"))["items"]
        # The newest but one's own: nothing else depends on it.
        self.ids["session"] += [one["id"] for one in sessions if not one["present"]][:1]
        notices = json.loads(session.get("/api/v1/notices"))["items"]
        self.ids["notice"] += [one["id"] for one in notices][:3]
        reason = {"purpose": "investigation", "why": WHY, "download": True}
        for item in self.ids["item"][:4]:
            status, _, body = session.request(
                "POST", f"/api/v1/items/{item}/views", json.dumps(reason),
                {"Content-Type": "application/json"})
            if status == 201:
                self.ids["view"].append(json.loads(body)["id"])

    # --- putting what is there into what was invented --------------------------------------------

    def into_path(self, given, rng):
        """The parameters of a path, most of them of what is there."""
        given = dict(given)
        for name in given:
            known = self.ids.get(name)
            if known and rng.random() < 0.8:
                given[name] = rng.choice(known)
        if "exhibit" in given and rng.random() < 0.8:
            given["item"], given["exhibit"] = rng.choice(self.pairs["exhibit"])
        if "role" in given and rng.random() < 0.5:
            given["person"], given["role"] = rng.choice(self.pairs["role"])
        return given

    def into_body(self, value, rng, name=None):
        """A body of JSON whose ids are of what is there, most of them."""
        if isinstance(value, dict):
            return {key: self.into_body(inner, rng, key) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.into_body(inner, rng, name) for inner in value]
        if isinstance(value, str) and ID.fullmatch(value) and rng.random() < 0.8:
            kind = {"into": "case", "successor": "person", "sources": "item"}.get(name, name)
            known = self.ids.get(kind)
            if kind == "person":
                known = known + list(self.people.ids.values())
            return rng.choice(known) if known else value
        return value
