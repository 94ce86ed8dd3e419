//! The register: rows of the room, on SQLite or on PostgreSQL.
//!
//! What is sensitive is encrypted before it comes here and decrypted after it left, under the
//! keys of the row's scope ([`value`]). What may decide something is bound to the custody log
//! ([`bound`]). Reads and changes take a `Permit`; the only reads without one are the facts on
//! which policy decides ([`decide`]), what the index of a case holds until a permit opens it
//! ([`index`]), what recognises whoever asks ([`sessions`]), what the audit compares ([`audit`]),
//! and what a backup copies ([`copying`]).

pub mod audit;
pub mod audits;
pub mod bound;
pub mod cases;
pub mod copying;
pub mod custody;
pub mod decide;
pub mod dialect;
pub mod disclosures;
pub mod entries;
pub mod evidence;
pub mod filings;
pub mod founding;
pub mod head;
pub mod index;
pub mod keys;
pub mod leases;
pub mod location;
pub mod mac;
pub mod outbox;
pub mod people;
pub mod policies;
pub mod pool;
pub mod replies;
pub mod requests;
pub mod rows;
pub mod schema;
pub mod scratch;
pub mod sessions;
pub mod timestamps;
pub mod uploads;
pub mod value;
pub mod views;
pub mod walls;
pub mod witnesses;

pub use dialect::AnyConnection as Connection;
pub use location::Location;
pub use pool::{Pool, Pooled};

/// What can go wrong with the register.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// A query failed.
    #[error("the register can't be read or written: {0}")]
    Query(#[from] diesel::result::Error),
    /// The database can't be opened.
    #[error("the register can't be opened: {0}")]
    Open(#[from] diesel::ConnectionError),
    /// No connection became free in time.
    #[error("no connection to the register became free: {0}")]
    Pool(String),
    /// The schema can't be brought up to date.
    #[error("the register's schema can't be brought up to date: {0}")]
    Migration(String),
    /// The database does not keep a setting that durability or safety needs.
    #[error(
        "the database does not keep `{name} = {wanted}` (it says `{got}`); nothing was written"
    )]
    Setting {
        /// The setting.
        name: &'static str,
        /// What was asked for.
        wanted: &'static str,
        /// What it reads back as.
        got: String,
    },
    /// SQLite is older than the first version that keeps every commit.
    #[error("SQLite {0} can lose commits; 3.51.3 or newer is needed")]
    Version(String),
    /// The server is older than the first version that keeps the bounds of a connection.
    #[error("PostgreSQL {0} is too old for a room; 14 or newer is needed")]
    Server(String),
    /// This program knows no servers.
    #[error(
        "this program was built without PostgreSQL, so it can't use the database that the settings name; build it with `--features postgres`, or leave `database` out to keep the register in the data folder"
    )]
    NoServers,
    /// The URL is not one of a server that can be used.
    #[error("the URL of the database does not begin with `postgres://`")]
    Url,
    /// What is asked for is about a file, and the register lies on a server.
    #[error(
        "the register lies on a PostgreSQL server, which copies it itself: use `pg_dump`, then copy the data folder (docs/OPERATIONS.md)"
    )]
    NoFile,
    /// A row is not what the custody log says, or does not decrypt.
    #[error("row {id} of `{table}` is damaged: {what}")]
    Damaged {
        /// The table.
        table: &'static str,
        /// The row's id or index, as it is shown.
        id: String,
        /// What does not hold.
        what: &'static str,
    },
    /// A key is missing or does not unwrap.
    #[error(transparent)]
    Key(#[from] crate::keyring::KeyError),
    /// The head of the log moved under this writer: another one is at work.
    #[error("the log's head is not where this writer left it; another process writes to this room")]
    HeadMoved,
    /// The log's key was rotated while this process was at work.
    #[error(
        "the log's key was rotated while this process was at work, so it signs nothing any more; what was acknowledged is safe, start it again"
    )]
    KeyRotated,
}

impl DbError {
    /// The error that names a damaged row.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "ids and numbers are small copies"
    )]
    pub fn damaged(table: &'static str, id: impl ToString, what: &'static str) -> Self {
        Self::Damaged {
            table,
            id: id.to_string(),
            what,
        }
    }
}
