//! The tables whose rows the room authenticates, column by column, as the formats describe
//! them: an account of its own beside the types that read them one at a time.

/// How a row is authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// By slot 31 of the entry that last wrote it; it has `salt` and `entry`.
    Entry,
    /// By an HMAC under the session key; it has `mac`.
    Mac,
}

/// Under whose value key the encrypted columns are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Under {
    /// None is encrypted.
    Nothing,
    /// The room's.
    Room,
    /// That of the scope in the column `scope_id`.
    Scope,
    /// That of the case in the column `case_id`.
    Case,
}

/// What a column holds, and how it is written as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 16 bytes; hex.
    Id,
    /// Bytes of any number; hex.
    Bytes,
    /// Text.
    Text,
    /// Text that is JSON; as that JSON.
    Json,
    /// An integer.
    Integer,
    /// 0 or 1; as true or false.
    Flag,
    /// An encrypted value; as the JSON in it.
    Sealed,
}

/// A column besides `salt`, `entry` and `mac`.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it may be null.
    pub optional: bool,
}

/// A table.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// How its rows are authenticated.
    pub guard: Guard,
    /// Under whose value key its encrypted columns are.
    pub under: Under,
    /// Its columns, `id` first.
    pub columns: &'static [Column],
}

impl Table {
    /// Where a column stands among the columns.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

/// The table of this name.
pub fn named(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|table| table.name == name)
}

const fn one(name: &'static str, kind: Kind) -> Column {
    Column {
        name,
        kind,
        optional: false,
    }
}

const fn maybe(name: &'static str, kind: Kind) -> Column {
    Column {
        name,
        kind,
        optional: true,
    }
}

const ID: Column = one("id", Kind::Id);
const REV: Column = one("rev", Kind::Integer);
const STATUS: Column = one("status", Kind::Text);
const DETAILS: Column = one("details", Kind::Sealed);
const CASE: Column = one("case_id", Kind::Id);
const SCOPE: Column = one("scope_id", Kind::Id);
const ITEM: Column = one("item_id", Kind::Id);
const PERSON: Column = one("person_id", Kind::Id);
const ACCOUNT: Column = one("account_id", Kind::Id);
const SECRET: Column = one("secret_hash", Kind::Bytes);

const fn bound(name: &'static str, under: Under, columns: &'static [Column]) -> Table {
    Table {
        name,
        guard: Guard::Entry,
        under,
        columns,
    }
}

const fn brief(name: &'static str, under: Under, columns: &'static [Column]) -> Table {
    Table {
        name,
        guard: Guard::Mac,
        under,
        columns,
    }
}

/// Every table with authenticated rows; those that others name come first. Cosignatures and
/// contradictions (`db/witnesses`) and tokens of time authorities (`db/timestamps`) are none of them:
/// each proves itself by its signature, and one that is lost decides nothing.
pub const TABLES: &[Table] = &[
    bound("people", Under::Room, &[ID, REV, STATUS, DETAILS]),
    bound(
        "accounts",
        Under::Room,
        &[
            ID,
            REV,
            PERSON,
            one("login_index", Kind::Bytes),
            STATUS,
            DETAILS,
        ],
    ),
    bound(
        "credentials",
        Under::Room,
        &[ID, REV, ACCOUNT, one("kind", Kind::Text), STATUS, DETAILS],
    ),
    bound(
        "tokens",
        Under::Room,
        &[
            ID,
            REV,
            ACCOUNT,
            SECRET,
            one("rights", Kind::Json),
            one("expires_at", Kind::Integer),
            STATUS,
            DETAILS,
        ],
    ),
    bound(
        "cases",
        Under::Scope,
        &[
            ID,
            REV,
            SCOPE,
            one("court_scope_id", Kind::Id),
            one("stage", Kind::Text),
            DETAILS,
        ],
    ),
    bound(
        "parties",
        Under::Case,
        &[ID, REV, CASE, one("side", Kind::Text), DETAILS],
    ),
    bound(
        "roles",
        Under::Nothing,
        &[
            ID,
            REV,
            PERSON,
            maybe("case_id", Kind::Id),
            maybe("party_id", Kind::Id),
            one("role", Kind::Text),
            STATUS,
        ],
    ),
    bound(
        "items",
        Under::Scope,
        &[
            ID,
            REV,
            CASE,
            SCOPE,
            one("nth", Kind::Integer),
            one("object_id", Kind::Id),
            DETAILS,
            maybe("reference_index", Kind::Bytes),
        ],
    ),
    bound(
        "states",
        Under::Nothing,
        &[ID, REV, one("state", Kind::Text)],
    ),
    bound(
        "servings",
        Under::Nothing,
        &[ID, REV, CASE, ITEM, one("party_id", Kind::Id), STATUS],
    ),
    bound(
        "filings",
        Under::Case,
        &[
            ID,
            REV,
            CASE,
            maybe("item_id", Kind::Id),
            one("kind", Kind::Text),
            STATUS,
            one("filed_at", Kind::Integer),
            DETAILS,
        ],
    ),
    bound("walls", Under::Nothing, &[ID, REV, PERSON, CASE, STATUS]),
    bound(
        "requests",
        Under::Scope,
        &[
            ID,
            REV,
            SCOPE,
            maybe("case_id", Kind::Id),
            one("asked_for", Kind::Text),
            one("asked_hash", Kind::Bytes),
            one("asker_id", Kind::Id),
            maybe("approver_id", Kind::Id),
            STATUS,
            one("asked_at", Kind::Integer),
            one("expires_at", Kind::Integer),
            DETAILS,
        ],
    ),
    bound(
        "policies",
        Under::Room,
        &[ID, REV, one("set_hash", Kind::Bytes), STATUS, DETAILS],
    ),
    bound(
        "addresses",
        Under::Room,
        &[ID, REV, ACCOUNT, STATUS, DETAILS],
    ),
    bound(
        "audits",
        Under::Room,
        &[
            ID,
            REV,
            one("nth", Kind::Integer),
            one("began_at", Kind::Integer),
            one("ended_at", Kind::Integer),
            one("findings", Kind::Integer),
            DETAILS,
        ],
    ),
    brief(
        "notices",
        Under::Nothing,
        &[
            ID,
            maybe("account_id", Kind::Id),
            maybe("endpoint", Kind::Text),
            one("kind", Kind::Text),
            one("about_id", Kind::Id),
            maybe("address_id", Kind::Id),
            one("created_at", Kind::Integer),
            maybe("read_at", Kind::Integer),
            one("state", Kind::Text),
            one("attempts", Kind::Integer),
            maybe("next_at", Kind::Integer),
            maybe("told", Kind::Text),
        ],
    ),
    brief(
        "sessions",
        Under::Nothing,
        &[
            ID,
            ACCOUNT,
            SECRET,
            one("means", Kind::Text),
            one("created_at", Kind::Integer),
            one("seen_at", Kind::Integer),
            maybe("ended_at", Kind::Integer),
        ],
    ),
    brief(
        "replies",
        Under::Nothing,
        &[
            ID,
            ACCOUNT,
            one("request", Kind::Bytes),
            one("created_at", Kind::Integer),
            one("answer", Kind::Bytes),
        ],
    ),
    brief(
        "enrolments",
        Under::Nothing,
        &[
            ID,
            ACCOUNT,
            one("purpose", Kind::Text),
            SECRET,
            one("expires_at", Kind::Integer),
            maybe("used_at", Kind::Integer),
        ],
    ),
    brief(
        "uploads",
        Under::Case,
        &[
            ID,
            CASE,
            PERSON,
            one("created_at", Kind::Integer),
            maybe("item_id", Kind::Id),
            DETAILS,
        ],
    ),
    brief(
        "views",
        Under::Nothing,
        &[
            ID,
            ITEM,
            CASE,
            SCOPE,
            PERSON,
            one("holder_id", Kind::Id),
            one("download", Kind::Flag),
            one("opened_at", Kind::Integer),
            one("expires_at", Kind::Integer),
            maybe("closed_at", Kind::Integer),
        ],
    ),
];
