//! A row for each route: what somebody without a part in it gets, and what it takes.

use super::bodies::Odd;

/// What somebody gets who is signed in and has no part in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// What an id that names nothing gets: 404, and the refusal is entered.
    Nothing,
    /// The same without an entry: it is looked up among what is one's own.
    Unentered,
    /// They may know of it, and not do it: 403, and the refusal is entered.
    Forbidden,
    /// Everyone signed in does this, with what is their own; and what that is.
    Own(&'static str),
    /// It is for everyone; and why.
    Open(&'static str),
}

/// Somebody who may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    Nobody,
    Admin,
    Custodian,
    Officer,
    Prosecutor,
    Judge,
}

/// What a request carries, right as it stands here.
#[derive(Debug, Clone, Copy)]
pub enum Body {
    /// Nothing; and why nothing can be wrong with it.
    None(&'static str),
    /// Nothing, and queries in the address, all of them wrong.
    Query(&'static [&'static str]),
    /// An object of JSON.
    Json(&'static str),
    /// Fields of a form; those with a question mark may be left out, or given twice.
    Form(&'static [(&'static str, &'static str)]),
    /// A form with a file.
    Parts,
    /// The bytes of an item.
    Bytes,
}

/// A route, and what it answers to what it does not take.
pub struct Hard {
    /// Method and path, as mounted.
    pub route: &'static str,
    pub wrong: Wrong,
    pub by: By,
    pub body: Body,
    /// What is answered otherwise than the same of other routes.
    but: &'static [(&'static str, u16)],
}

impl Hard {
    pub fn method(&self) -> &'static str {
        self.route.split_once(' ').expect("a method").0
    }

    pub fn path(&self) -> &'static str {
        self.route.split_once(' ').expect("a path").1
    }

    /// The status of something odd.
    pub fn expected(&self, odd: &Odd) -> u16 {
        let mut but = self.but.iter();
        but.find(|(what, _)| *what == odd.what)
            .map_or(odd.status, |(_, status)| *status)
    }

    const fn but(mut self, but: &'static [(&'static str, u16)]) -> Self {
        self.but = but;
        self
    }
}

const fn row(route: &'static str, wrong: Wrong, by: By, body: Body) -> Hard {
    Hard {
        route,
        wrong,
        by,
        body,
        but: &[],
    }
}

use Body::{Bytes, Form, Json, None, Parts, Query};
use By::{Admin, Custodian, Judge, Nobody, Officer, Prosecutor};
use Wrong::{Forbidden, Nothing, Open, Own, Unentered};

const READ: Body = None("it is only read");
const ADDRESSED: Body = None("the address says all, nothing else is read");
const PUBLIC: Wrong = Open("it says nothing of any case or person");
const ENTRANCE: Wrong = Open("nobody is signed in yet");
/// A form that says nothing but who sends it.
const BARE: Body = Form(&[]);
const TAGGED: Body = Form(&[("tag", "*")]);
const LISTS: Body = Query(&[
    "odd=1",
    "limit=0",
    "limit=201",
    "limit=x",
    "limit=1&limit=2",
    "q=a%00b",
    "q=%FF",
    "sort=name",
    "state=odd",
    "type=image/png",
    "from=2026-02-30",
    "to=x",
    "depositor=x",
    "cursor=x",
]);

pub const ROWS: &[Hard] = &[
    row("GET /", PUBLIC, Nobody, READ),
    row("GET /health", PUBLIC, Nobody, READ),
    row("GET /openapi.json", PUBLIC, Nobody, READ),
    row("GET /docs/api", PUBLIC, Nobody, READ),
    row("GET /problems/<name>", PUBLIC, Nobody, READ),
    row("GET /static/<mark>/<name>", PUBLIC, Nobody, READ),
    row("GET /log/checkpoint", PUBLIC, Nobody, READ),
    row("GET /log/key", PUBLIC, Nobody, READ),
    row("GET /log/tile/<path..>", PUBLIC, Nobody, READ),
    row(
        "GET /v/<view>/<link>",
        Open("its link is the secret"),
        Nobody,
        READ,
    ),
    row("GET /sign-in", ENTRANCE, Nobody, READ),
    row("GET /enter", ENTRANCE, Nobody, READ),
    row(
        "POST /sign-in",
        ENTRANCE,
        Nobody,
        Form(&[("login", "nobody"), ("password", "several plain words")]),
    )
    .but(&[
        // What nobody has is answered as what somebody might have.
        ("NUL in `login`", 401),
        ("`login` too long", 401),
        ("NUL in `password`", 401),
        ("`password` too long", 401),
    ]),
    row("POST /enter", ENTRANCE, Nobody, Form(&[("secret", "x")])),
    row(
        "POST /enter/password",
        ENTRANCE,
        Nobody,
        Form(&[
            ("secret", "x"),
            ("password", "several plain words"),
            ("again", "several plain words"),
        ]),
    ),
    row("POST /sign-out", Own("one's session"), Officer, BARE),
    row(
        "POST /sign-out/everywhere",
        Own("one's sessions"),
        Officer,
        BARE,
    ),
    row("GET /password", Own("one's password"), Officer, READ),
    row(
        "POST /password",
        Own("one's password"),
        Officer,
        Form(&[
            ("old", "x"),
            ("password", "other plain words"),
            ("again", "other plain words"),
        ]),
    ),
    row("GET /sessions", Own("one's sessions"), Officer, READ),
    row("POST /sessions/<session>/end", Unentered, Officer, BARE),
    row("GET /notices", Own("one's notices"), Officer, READ),
    row("POST /notices/read", Own("one's notices"), Officer, BARE),
    row("POST /notices/<notice>/read", Unentered, Officer, BARE),
    row("GET /notices/undelivered", Forbidden, Admin, READ),
    row("GET /mail", Own("one's address"), Officer, READ),
    row(
        "POST /mail",
        Own("one's address"),
        Officer,
        Form(&[("mail", "a@agency.example")]),
    ),
    row(
        "POST /mail/confirm",
        Own("one's address"),
        Officer,
        Form(&[("secret", "x")]),
    ),
    row("POST /mail/remove", Own("one's address"), Officer, BARE),
    row("GET /tokens", Own("one's tokens"), Officer, READ),
    row(
        "POST /tokens",
        Own("one's tokens"),
        Officer,
        Form(&[("label", "l"), ("right?", "read"), ("days", "1")]),
    ),
    row("POST /tokens/<token>/revoke", Unentered, Officer, BARE),
    row(
        "GET /cases",
        Own("the cases that one works on"),
        Officer,
        READ,
    ),
    row(
        "POST /cases",
        Forbidden,
        Custodian,
        Form(&[("number", "26/9"), ("title", "Pier"), ("description", "")]),
    ),
    row("GET /cases/<case>", Nothing, Officer, LISTS),
    row(
        "POST /cases/<case>/parties",
        Nothing,
        Custodian,
        Form(&[("side", "defence"), ("name", "D.")]),
    ),
    row(
        "POST /cases/<case>/people",
        Nothing,
        Custodian,
        Form(&[("person", "{person}"), ("role", "advocate"), ("party", "")]),
    ),
    row(
        "POST /cases/<case>/people/end",
        Nothing,
        Custodian,
        Form(&[("person", "{person}"), ("role", "advocate")]),
    ),
    row("GET /cases/<case>/deposit", Nothing, Officer, READ),
    row("POST /cases/<case>/deposit", Nothing, Officer, Parts),
    row("GET /cases/<case>/register", Nothing, Officer, READ),
    row(
        "POST /cases/<case>/orders",
        Nothing,
        Judge,
        Form(&[
            ("number", "O-2"),
            ("orders", "admit"),
            ("text", "Admitted."),
        ]),
    ),
    row(
        "POST /cases/<case>/stage",
        Nothing,
        Custodian,
        Form(&[
            ("tag", "*"),
            ("stage", "closed"),
            ("outcome", "a conviction"),
        ]),
    ),
    row(
        "POST /cases/<case>/walls",
        Nothing,
        Custodian,
        Form(&[
            ("tag", "*"),
            ("person", "{person}"),
            ("status", "up"),
            ("reason", "a friend"),
        ]),
    ),
    row(
        "POST /cases/<case>/merge",
        Nothing,
        Custodian,
        Form(&[("into", "{other}"), ("reason", "one matter")]),
    ),
    row(
        "POST /cases/<case>/transfer",
        Forbidden,
        Custodian,
        Form(&[
            ("authority", "The Hague"),
            ("reference", "H-2"),
            ("reason", "theirs"),
        ]),
    ),
    row(
        "GET /requests",
        Own("what one may answer, or asked for"),
        Custodian,
        READ,
    ),
    row(
        "POST /requests/<request>/approval",
        Nothing,
        Custodian,
        BARE,
    ),
    row("POST /requests/<request>/refusal", Nothing, Custodian, BARE),
    row(
        "POST /requests/<request>/withdrawal",
        Nothing,
        Custodian,
        BARE,
    ),
    row(
        "POST /requests/<request>/execution",
        Nothing,
        Custodian,
        BARE,
    ),
    row("GET /items/<item>?<deposited>", Nothing, Officer, READ),
    row(
        "POST /items/<item>/views",
        Nothing,
        Officer,
        Form(&[
            ("purpose", "investigation"),
            ("why", "to compare it with what the witness said"),
            ("how", "view"),
        ]),
    ),
    row("GET /views/<view>", Unentered, Officer, READ),
    row(
        "POST /items/<item>/views/<view>/close",
        Unentered,
        Officer,
        BARE,
    ),
    row("POST /items/<item>/restrict", Nothing, Judge, BARE),
    row(
        "POST /items/<item>/lift-restriction",
        Nothing,
        Judge,
        TAGGED,
    ),
    row(
        "POST /items/<item>/corrections",
        Nothing,
        Officer,
        Form(&[
            ("field", "place"),
            ("value", "Gate 3"),
            ("reason", "a slip"),
        ]),
    ),
    row(
        "POST /items/<item>/transfers",
        Nothing,
        Officer,
        Form(&[
            ("released_by", "J. Sant"),
            ("received_by", "the laboratory"),
            ("at", "2026-03-01T14:05"),
            ("offset", "+01:00"),
            ("place", ""),
            ("reason", "analysis"),
            ("seal", "A-77"),
            ("seal_state", "intact"),
        ]),
    ),
    row(
        "POST /items/<item>/exhibits",
        Nothing,
        Prosecutor,
        Form(&[("number", "P2"), ("note", "")]),
    ),
    row(
        "POST /items/<item>/exhibits/<exhibit>/withdraw",
        Nothing,
        Prosecutor,
        BARE,
    ),
    row(
        "POST /items/<item>/exhibits/<exhibit>/ruling",
        Nothing,
        Judge,
        Form(&[
            ("tag", "*"),
            ("status", "admitted"),
            ("order", "{order}"),
            ("note", ""),
        ]),
    ),
    row("GET /items/<item>/history", Nothing, Officer, READ),
    row("GET /items/<item>/receipt", Nothing, Officer, READ),
    row(
        "POST /items/<item>/bundle",
        Nothing,
        Officer,
        Form(&[("what", "history"), ("purpose", ""), ("why", "")]),
    ),
    row("GET /items/<item>/serve", Nothing, Prosecutor, READ),
    row(
        "POST /items/<item>/serve",
        Nothing,
        Prosecutor,
        Form(&[("party", "{party}")]),
    ),
    row("GET /people", Forbidden, Admin, READ),
    row(
        "POST /people",
        Forbidden,
        Admin,
        Form(&[
            ("name", "Newer"),
            ("office", ""),
            ("login", "newer"),
            ("room_role?", "auditor"),
        ]),
    ),
    row("POST /accounts/<account>/enrolment", Forbidden, Admin, BARE),
    row(
        "POST /accounts/<account>/recovery",
        Forbidden,
        Admin,
        Form(&[("reason", "lost")]),
    ),
    row(
        "POST /accounts/<account>/status",
        Forbidden,
        Admin,
        Form(&[("status", "suspended"), ("tag?", "*")]),
    ),
    row(
        "POST /people/<person>/status",
        Forbidden,
        Admin,
        Form(&[("status", "suspended"), ("tag?", "*")]),
    ),
    row(
        "POST /people/<person>/departure",
        Forbidden,
        Admin,
        Form(&[("successor", "")]),
    ),
    row("GET /api/v1/me", Own("who one is"), Officer, READ),
    row("GET /api/v1/sessions", Own("one's sessions"), Officer, READ),
    row(
        "POST /api/v1/sessions/<session>/end",
        Unentered,
        Officer,
        ADDRESSED,
    ),
    row("GET /api/v1/notices", Own("one's notices"), Officer, READ),
    row(
        "POST /api/v1/notices/<notice>/read",
        Unentered,
        Officer,
        ADDRESSED,
    ),
    row("GET /api/v1/notices/undelivered", Forbidden, Admin, READ),
    row("GET /api/v1/tokens", Own("one's tokens"), Officer, READ),
    row(
        "POST /api/v1/tokens",
        Own("one's tokens"),
        Officer,
        Json(r#"{"label": "l", "rights": ["read"], "days": 1}"#),
    ),
    row(
        "DELETE /api/v1/tokens/<token>",
        Unentered,
        Officer,
        ADDRESSED,
    ),
    row(
        "GET /api/v1/requests",
        Own("what one may answer, or asked for"),
        Custodian,
        READ,
    ),
    row(
        "POST /api/v1/requests",
        Forbidden,
        Custodian,
        Json(
            r#"{"proposal": {"asked": "transfer_case", "case": "{case}", "authority": "The Hague", "reference": "H-2"}, "reason": "theirs"}"#,
        ),
    ),
    row(
        "POST /api/v1/requests/<request>/approval",
        Nothing,
        Custodian,
        ADDRESSED,
    ),
    row(
        "POST /api/v1/requests/<request>/refusal",
        Nothing,
        Custodian,
        ADDRESSED,
    ),
    row(
        "POST /api/v1/requests/<request>/withdrawal",
        Nothing,
        Custodian,
        ADDRESSED,
    ),
    row(
        "POST /api/v1/requests/<request>/execution",
        Nothing,
        Custodian,
        ADDRESSED,
    ),
    row(
        "GET /api/v1/cases",
        Own("the cases that one works on"),
        Officer,
        READ,
    ),
    row(
        "POST /api/v1/cases",
        Forbidden,
        Custodian,
        Json(r#"{"number": "26/9", "title": "Pier", "description": ""}"#),
    ),
    row("GET /api/v1/cases/<case>", Nothing, Officer, LISTS),
    row("GET /api/v1/cases/<case>/items", Nothing, Officer, LISTS),
    row(
        "POST /api/v1/cases/<case>/items",
        Nothing,
        Officer,
        Json(
            r#"{"reference": "JS/55", "description": "", "place": "Gate", "sensitivity": "", "declared": []}"#,
        ),
    ),
    row(
        "POST /api/v1/cases/<case>/parties",
        Nothing,
        Custodian,
        Json(r#"{"side": "defence", "name": "D."}"#),
    ),
    row(
        "POST /api/v1/cases/<case>/people",
        Nothing,
        Custodian,
        Json(r#"{"person": "{person}", "role": "advocate"}"#),
    ),
    row(
        "DELETE /api/v1/cases/<case>/people/<person>/<role>",
        Nothing,
        Custodian,
        ADDRESSED,
    ),
    row(
        "PUT /api/v1/cases/<case>/stage",
        Nothing,
        Custodian,
        Json(r#"{"stage": "closed", "outcome": "a conviction"}"#),
    ),
    row(
        "POST /api/v1/cases/<case>/merge",
        Nothing,
        Custodian,
        Json(r#"{"into": "{other}", "reason": "one matter"}"#),
    ),
    row("GET /api/v1/cases/<case>/walls", Nothing, Custodian, READ),
    row(
        "PUT /api/v1/cases/<case>/walls/<person>",
        Nothing,
        Custodian,
        Json(r#"{"status": "up", "reason": "a friend"}"#),
    ),
    row("GET /api/v1/cases/<case>/orders", Nothing, Judge, READ),
    row(
        "POST /api/v1/cases/<case>/orders",
        Nothing,
        Judge,
        Json(r#"{"number": "O-2", "orders": "admit", "text": "Admitted."}"#),
    ),
    row("GET /api/v1/cases/<case>/exhibits", Nothing, Judge, READ),
    row(
        "POST /api/v1/items/<item>/exhibits",
        Nothing,
        Prosecutor,
        Json(r#"{"number": "P2", "note": ""}"#),
    ),
    row(
        "DELETE /api/v1/items/<item>/exhibits/<exhibit>",
        Nothing,
        Prosecutor,
        ADDRESSED,
    ),
    row(
        "PUT /api/v1/items/<item>/exhibits/<exhibit>/ruling",
        Nothing,
        Judge,
        Json(r#"{"status": "admitted", "order": "{order}", "note": ""}"#),
    ),
    row(
        "POST /api/v1/items/<item>/corrections",
        Nothing,
        Officer,
        Json(r#"{"field": "place", "value": "Gate 3", "reason": "a slip"}"#),
    ),
    row(
        "POST /api/v1/items/<item>/transfers",
        Nothing,
        Officer,
        Json(
            r#"{"released_by": "J. Sant", "received_by": "the laboratory", "at": 1770000000000000, "offset_minutes": 0, "place": "", "reason": "analysis", "seal": "A-77", "seal_state": "intact"}"#,
        ),
    ),
    row("GET /api/v1/uploads/<upload>", Unentered, Officer, READ),
    row(
        "PUT /api/v1/uploads/<upload>/content",
        Unentered,
        Officer,
        Bytes,
    ),
    row("GET /api/v1/items/<item>", Nothing, Officer, READ),
    row(
        "POST /api/v1/items/<item>/views",
        Nothing,
        Officer,
        Json(
            r#"{"purpose": "investigation", "why": "to compare it with what the witness said", "download": false}"#,
        ),
    ),
    row("GET /api/v1/views/<view>/content", Unentered, Officer, READ),
    row("DELETE /api/v1/views/<view>", Unentered, Officer, ADDRESSED),
    row(
        "PUT /api/v1/items/<item>/restriction",
        Nothing,
        Judge,
        ADDRESSED,
    ),
    row(
        "DELETE /api/v1/items/<item>/restriction",
        Nothing,
        Judge,
        ADDRESSED,
    ),
    row("GET /api/v1/items/<item>/history", Nothing, Officer, READ),
    row("GET /api/v1/items/<item>/receipt", Nothing, Officer, READ),
    row(
        "POST /api/v1/items/<item>/bundle",
        Nothing,
        Officer,
        Json(r#"{"content": false, "purpose": "", "why": ""}"#),
    ),
    row(
        "POST /api/v1/items/<item>/servings",
        Nothing,
        Prosecutor,
        Json(r#"{"party": "{party}"}"#),
    ),
    row("GET /api/v1/people", Forbidden, Admin, READ),
    row(
        "POST /api/v1/people",
        Forbidden,
        Admin,
        Json(r#"{"name": "Newer", "office": "", "login": "newer", "room_roles": []}"#),
    ),
    row("GET /api/v1/people/<person>", Forbidden, Admin, READ),
    row(
        "POST /api/v1/accounts/<account>/enrolments",
        Forbidden,
        Admin,
        ADDRESSED,
    ),
    row(
        "POST /api/v1/people/<person>/status",
        Forbidden,
        Admin,
        Json(r#"{"status": "suspended"}"#),
    ),
    row(
        "POST /api/v1/accounts/<account>/status",
        Forbidden,
        Admin,
        Json(r#"{"status": "suspended"}"#),
    ),
    row(
        "POST /api/v1/people/<person>/departure",
        Forbidden,
        Admin,
        Json(r#"{"successor": null}"#),
    ),
];
