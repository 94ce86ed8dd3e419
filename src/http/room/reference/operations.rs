//! The table of operations: a row for each route of the API.

mod room;
mod tags;

pub use self::tags::TAGS;
use self::tags::{
    CASES, DEPOSITS, ITEMS, NOTICES, PEOPLE, PROOFS, REGISTER, REQUESTS, ROOM, TOKENS, WITNESSES,
};
use super::{
    operation::{
        Gives, Operation,
        Who::{Anyone, Session, Token},
    },
    parts::{LISTED, LISTED_CASES},
};
use crate::{
    app::{
        cases::{CaseList, ItemList, NewStage},
        corrections::NewCorrection,
        custody::HistoryLine,
        evidence::ItemPage,
        exhibits::{ExhibitSummary, NewOffer, NewRuling},
        orders::{NewOrder, OrderSummary},
        people::{PersonSummary, tokens::TokenSummary},
        transfers::NewTransfer,
        uploads::NewItem,
        walls::WallSummary,
    },
    http::room::api::{
        Changed, List, Made,
        cases::{Merging, NewMember, NewParty, OneCase, Opening},
        custody::{Asked, WantedExport},
        disclosures::Recipient,
        evidence::{Acknowledged, Announced, OpenView, Reason, UploadState},
        people::{Arrived, Departure, Enrolment, IssuedToken, NewStatus, NewToken, Newcomer},
        sessions::{Health, Me},
        walls::NewWall,
    },
};

const READ: super::operation::Who = Token("read");
const DEPOSIT: super::operation::Who = Token("deposit");

fn get(path: &'static str, id: &'static str) -> Operation {
    Operation::new("GET", path, id)
}

fn post(path: &'static str, id: &'static str) -> Operation {
    Operation::new("POST", path, id)
}

fn put(path: &'static str, id: &'static str) -> Operation {
    Operation::new("PUT", path, id)
}

fn delete(path: &'static str, id: &'static str) -> Operation {
    Operation::new("DELETE", path, id)
}

/// Every operation.
pub fn all() -> Vec<Operation> {
    [
        cases(),
        deposits(),
        items(),
        register(),
        proofs(),
        people(),
        room::requests(),
        tokens(),
        room::sessions(),
        room::notices(),
        room::witnesses(),
        room::audits(),
        general(),
    ]
    .concat()
}

fn cases() -> Vec<Operation> {
    vec![
        get("/api/v1/cases", "listCases")
            .of(CASES, READ)
            .says(
                "The cases that you work on, by pages",
                "Searched, filtered and sorted; custodians work on all. Everything is counted after what you may not know of was left out. `Link` leads to the pages beside.",
            )
            .listed(LISTED_CASES)
            .gives::<CaseList>()
            .or(&["damaged"]),
        post("/api/v1/cases", "openCase")
            .of(CASES, Session)
            .says("Open a case", "For custodians.")
            .takes::<Opening>()
            .makes::<Made>(),
        get("/api/v1/cases/<case>", "readCase")
            .of(CASES, READ)
            .says(
                "A case, with the first page of its items",
                "Parties, people, and the items of which you may know. Everything is counted after what you may not know of was left out.",
            )
            .listed(LISTED)
            .gives::<OneCase>()
            .or(&["damaged"]),
        get("/api/v1/cases/<case>/items", "listItems")
            .of(CASES, READ)
            .says(
                "The items of a case, by pages",
                "Searched, filtered and sorted. `Link` leads to the pages beside.",
            )
            .listed(LISTED)
            .gives::<ItemList>()
            .or(&["damaged"]),
        post("/api/v1/cases/<case>/parties", "addParty")
            .of(CASES, Session)
            .says("Add a party to a case", "For custodians.")
            .takes::<NewParty>()
            .makes::<Made>(),
        post("/api/v1/cases/<case>/people", "giveRole")
            .of(CASES, Session)
            .says("Give a person a role on a case", "For custodians.")
            .takes::<NewMember>()
            .makes::<Changed>()
            .or(&["conflict"]),
        delete("/api/v1/cases/<case>/people/<person>/<role>", "endRole")
            .upon("readCase", None)
            .of(CASES, Session)
            .says("End a person's role on a case", "It takes effect at once. For custodians.")
            .gives::<Changed>()
            .or(&["conflict"]),
        put("/api/v1/cases/<case>/stage", "setStage")
            .upon("readCase", Some(""))
            .of(CASES, Session)
            .says(
                "Close a case, or open it again",
                "A closed case takes nothing in; what is in it stays as readable as it was. For custodians.",
            )
            .takes::<NewStage>()
            .gives::<Changed>()
            .or(&["conflict"]),
        post("/api/v1/cases/<case>/merge", "mergeCase")
            .of(CASES, Session)
            .says(
                "Put a case into another one",
                "What is in it stays where it is, under the same references; new work goes into the other one. Roles stay as they are on each. For custodians of both.",
            )
            .takes::<Merging>()
            .gives::<Changed>()
            .or(&["conflict"]),
        get("/api/v1/cases/<case>/walls", "listWalls")
            .of(CASES, READ)
            .says("Who is kept from a case", "For custodians.")
            .gives::<List<WallSummary>>(),
        put("/api/v1/cases/<case>/walls/<person>", "setWall")
            .upon("listWalls", Some("to lower a wall"))
            .of(CASES, Session)
            .says(
                "Raise or lower a wall",
                "Behind a wall a person learns nothing of the case, whatever their role; what they are reading is cut within seconds. For custodians.",
            )
            .takes::<NewWall>()
            .gives::<Changed>()
            .or(&["conflict"]),
    ]
}

fn deposits() -> Vec<Operation> {
    vec![
        post("/api/v1/cases/<case>/items", "announceItem")
            .of(DEPOSITS, DEPOSIT)
            .says(
                "Announce an item",
                "What is told of it before its bytes. It leaves no entry; nothing is listed before the bytes came.",
            )
            .takes::<NewItem>()
            .makes::<Announced>()
            .or(&["conflict"]),
        get("/api/v1/uploads/<upload>", "readUpload")
            .of(DEPOSITS, DEPOSIT)
            .says(
                "Whether announced bytes were taken in",
                "For a depositor whose acknowledgement was lost. It leaves no entry.",
            )
            .gives::<UploadState>(),
        put("/api/v1/uploads/<upload>/content", "sendBytes")
            .of(DEPOSITS, DEPOSIT)
            .says(
                "Send the bytes of what was announced",
                "They are kept exactly. A declared hash that does not fit puts the item into quarantine; it is never dropped for that.",
            )
            .takes_bytes()
            .makes::<Acknowledged>()
            .or(&["conflict"]),
    ]
}

fn items() -> Vec<Operation> {
    vec![
        get("/api/v1/items/<item>", "readItem")
            .of(ITEMS, READ)
            .says("An item's details", "As far as you may know them, with what was filed about it.")
            .gives::<ItemPage>()
            .or(&["damaged"]),
        post("/api/v1/items/<item>/views", "openView")
            .of(ITEMS, READ)
            .says(
                "Open a view of an item's content",
                "Reading is for a purpose, which is entered before the first byte. A view lasts 30 minutes and is bound to the session or token that opened it.",
            )
            .takes::<Reason>()
            .makes::<OpenView>(),
        get("/api/v1/views/<view>/content", "readContent")
            .of(ITEMS, READ)
            .says(
                "The content behind a view",
                "Whole, or one range of it. A view that ends meanwhile cuts the answer.",
            )
            .streams(Gives::Ranges("application/octet-stream"))
            .or(&["damaged"]),
        delete("/api/v1/views/<view>", "closeView")
            .of(ITEMS, READ)
            .says("Close a view", "One entry says what was delivered."),
        put("/api/v1/items/<item>/restriction", "restrictItem")
            .upon("readItem", None)
            .of(ITEMS, Session)
            .says(
                "Restrict an item",
                "From now on those who need it least do not know of it. For protection officers and judges.",
            )
            .gives::<Changed>()
            .or(&["conflict"]),
        delete("/api/v1/items/<item>/restriction", "liftRestriction")
            .upon("readItem", Some(""))
            .of(ITEMS, Session)
            .says("Lift an item's restriction", "For protection officers and judges.")
            .gives::<Changed>()
            .or(&["conflict"]),
        post("/api/v1/items/<item>/servings", "serveItem")
            .of(ITEMS, Session)
            .says(
                "Serve an item to a party",
                "Counsel of that party may read it from now on. For prosecutors.",
            )
            .takes::<Recipient>()
            .makes::<Changed>()
            .or(&["conflict"]),
    ]
}

fn register() -> Vec<Operation> {
    vec![
        post("/api/v1/items/<item>/corrections", "correctItem")
            .upon("readItem", None)
            .of(REGISTER, Session)
            .says(
                "Append a correction to an item",
                "What was told at first stays beside it.",
            )
            .takes::<NewCorrection>()
            .makes::<Made>()
            .or(&["conflict"]),
        post("/api/v1/items/<item>/transfers", "recordTransfer")
            .of(REGISTER, Session)
            .says(
                "Record that the physical thing changed hands",
                "It stands in the same chain as what happens to the bytes.",
            )
            .takes::<NewTransfer>()
            .makes::<Made>(),
        get("/api/v1/cases/<case>/exhibits", "listExhibits")
            .of(REGISTER, READ)
            .says(
                "The exhibits of a case",
                "Those of whose items you may know, oldest first.",
            )
            .gives::<List<ExhibitSummary>>(),
        post("/api/v1/items/<item>/exhibits", "offerExhibit")
            .upon("readItem", None)
            .of(REGISTER, Session)
            .says(
                "Offer an item to the court",
                "For prosecutors and the defence.",
            )
            .takes::<NewOffer>()
            .makes::<Made>()
            .or(&["conflict"]),
        delete("/api/v1/items/<item>/exhibits/<exhibit>", "withdrawExhibit")
            .upon("readItem", None)
            .of(REGISTER, Session)
            .says(
                "Take an offer back",
                "Before the court ruled on it, by the side that made it.",
            )
            .gives::<Changed>()
            .or(&["conflict"]),
        put(
            "/api/v1/items/<item>/exhibits/<exhibit>/ruling",
            "ruleOnExhibit",
        )
        .upon("readItem", Some(""))
        .of(REGISTER, Session)
        .says(
            "Rule on an exhibit",
            "A ruling may be followed by another. For judges.",
        )
        .takes::<NewRuling>()
        .gives::<Changed>()
        .or(&["conflict"]),
        get("/api/v1/cases/<case>/orders", "listOrders")
            .of(REGISTER, READ)
            .says("The orders of a case", "Oldest first.")
            .gives::<List<OrderSummary>>(),
        post("/api/v1/cases/<case>/orders", "makeOrder")
            .of(REGISTER, Session)
            .says(
                "Make an order",
                "What is done under it names it as its authority. For judges.",
            )
            .takes::<NewOrder>()
            .makes::<Made>()
            .or(&["conflict"]),
    ]
}

fn proofs() -> Vec<Operation> {
    vec![
        get("/api/v1/items/<item>/history", "readHistory")
            .of(PROOFS, READ)
            .says("The history of an item", "As far as you may see it, oldest first.")
            .gives::<List<HistoryLine>>()
            .or(&["damaged"]),
        get("/api/v1/items/<item>/receipt", "takeReceipt")
            .of(PROOFS, READ)
            .says(
                "The receipt of an item's deposit",
                "A C2SP tlog-proof. It waits for the checkpoint that covers the deposit.",
            )
            .streams(Gives::Bytes("application/octet-stream"))
            .or(&["damaged"]),
        post("/api/v1/items/<item>/bundle", "makeBundle")
            .of(PROOFS, READ)
            .says(
                "A bundle of an item's custody",
                "One file that is checked offline, with or without the content. Each one leaves an entry, and none is kept.",
            )
            .takes::<Asked>()
            .streams(Gives::Bytes("application/zip"))
            .or(&["too-many", "damaged"]),
        post("/api/v1/custody/exports", "exportLog")
            .of(PROOFS, READ)
            .says(
                "Export part of the custody log",
                "What you may see of a case, an item, a person's doings or a span of time, with fields of your choice withheld. JSON lines verify as they are; CSV and the page are for people. Each one leaves an entry, and none is kept.",
            )
            .takes::<WantedExport>()
            .streams(Gives::Digested(&[
                "application/jsonl",
                "text/csv; charset=utf-8",
                "text/html; charset=utf-8",
            ]))
            .or(&["not-found", "conflict", "too-many", "damaged"]),
    ]
}

fn people() -> Vec<Operation> {
    vec![
        get("/api/v1/people", "listPeople")
            .of(PEOPLE, Session)
            .says("Everyone with their accounts", "By name. For administrators.")
            .gives::<List<PersonSummary>>(),
        post("/api/v1/people", "createPerson")
            .of(PEOPLE, Session)
            .says(
                "Create a person with an account",
                "The account can't sign in before it was enrolled. For administrators.",
            )
            .takes::<Newcomer>()
            .makes::<Arrived>()
            .or(&["conflict"]),
        get("/api/v1/people/<person>", "readPerson")
            .of(PEOPLE, Session)
            .says("A person with their accounts", "For administrators.")
            .gives::<PersonSummary>(),
        post("/api/v1/people/<person>/status", "setPersonStatus")
            .upon("readPerson", Some("to lift a suspension"))
            .of(PEOPLE, Session)
            .says(
                "Suspend a person, or lift that",
                "Suspending ends sessions, tokens and links of all their accounts at once. For administrators.",
            )
            .takes::<NewStatus>()
            .gives::<Changed>()
            .or(&["conflict"]),
        post("/api/v1/accounts/<account>/status", "setAccountStatus")
            .upon("readPerson", Some("to lift a suspension"))
            .of(PEOPLE, Session)
            .says(
                "Suspend an account, or lift that",
                "Suspending ends its sessions, tokens and links at once. For administrators.",
            )
            .takes::<NewStatus>()
            .gives::<Changed>()
            .or(&["conflict"]),
        post("/api/v1/people/<person>/departure", "leaveService")
            .of(PEOPLE, Session)
            .says(
                "Somebody leaves the service, for good",
                "Accounts, sessions, tokens and roles end. The successor gets nothing by it; custodians see the name on each case, and decide. For administrators.",
            )
            .takes::<Departure>()
            .gives::<Changed>()
            .or(&["conflict"]),
        post("/api/v1/accounts/<account>/enrolments", "enrolAccount")
            .of(PEOPLE, Session)
            .says(
                "Issue a single-use link for an account",
                "Its secret is told once. An older link is withdrawn. For administrators.",
            )
            .makes::<Enrolment>()
            .or(&["conflict"]),
    ]
}

fn tokens() -> Vec<Operation> {
    vec![
        get("/api/v1/tokens", "listTokens")
            .of(TOKENS, Session)
            .says("One's own tokens", "Never their secrets.")
            .gives::<List<TokenSummary>>(),
        post("/api/v1/tokens", "issueToken")
            .of(TOKENS, Session)
            .says("Issue a token for oneself", "Its secret is told once.")
            .takes::<NewToken>()
            .makes::<IssuedToken>()
            .or(&["conflict"]),
        delete("/api/v1/tokens/<token>", "revokeToken")
            .of(TOKENS, Session)
            .says("End one of one's own tokens", "It takes effect at once.")
            .or(&["conflict"]),
    ]
}

fn general() -> Vec<Operation> {
    vec![
        get("/api/v1/me", "readMe")
            .of(ROOM, READ)
            .says("Who calls", "It leaves no entry.")
            .gives::<Me>(),
        get("/health", "readHealth")
            .of(ROOM, Anyone)
            .says(
                "Whether the room answers",
                "For whoever watches over the process. How much is committed behind what is published nobody outside learns.",
            )
            .gives::<Health>(),
    ]
}
