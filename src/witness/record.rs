//! What a witness confirmed last of each log, in an SQLite database of its own.
//!
//! ```text
//! checkpoint, proof ── judged against the record ┐
//! cosignature made                               │ one transaction, from BEGIN IMMEDIATE on
//! record replaced                                ┘
//! COMMIT, synced       a crash before leaves the older record, and nobody has the cosignature;
//!                      a crash after leaves the newer one, and whoever asks again gets the same
//!                      line, or another of the same checkpoint
//! answer
//! ```

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard},
};

use custos_core::{
    checkpoint::{
        Checkpoint, Cosigner, SignedCheckpoint, VerifierKey,
        witness::{AddCheckpoint, Refusal},
    },
    hash::sha256,
};
use diesel::{
    Connection, OptionalExtension, QueryableByName, RunQueryDsl, SqliteConnection,
    connection::SimpleConnection,
    sql_query,
    sql_types::{BigInt, Binary, Text},
};

/// Marks the database as a witness's (`PRAGMA application_id`): "cust" as a number.
const APPLICATION: i64 = 0x6375_7374;
/// The version of its tables (`PRAGMA user_version`).
const VERSION: i64 = 1;
/// Contradictions that are kept of one log; each is as good a proof as the first.
const MAX_CONFLICTS: i64 = 64;
/// A checkpoint that is asked for again within so many seconds gets the line that it got.
const SAME_LINE_SECONDS: u64 = 60;
/// How far the clock may go back before nothing is signed, in seconds.
const CLOCK_SLACK_SECONDS: u64 = 300;
/// How long one process waits for another that writes, in milliseconds.
const BUSY_TIMEOUT_MS: u32 = 5_000;

const TABLES: &str = "
    CREATE TABLE witness (
        id   INTEGER PRIMARY KEY CHECK (id = 1),
        vkey TEXT NOT NULL
    ) STRICT;
    CREATE TABLE logs (
        origin      TEXT PRIMARY KEY NOT NULL,
        size        INTEGER NOT NULL,
        note        BLOB NOT NULL,
        cosigned_at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE conflicts (
        hash     BLOB PRIMARY KEY NOT NULL,
        origin   TEXT NOT NULL,
        found_at INTEGER NOT NULL,
        kept     BLOB NOT NULL,
        request  BLOB NOT NULL
    ) STRICT;
";

/// Why the record can't be used. Nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It is not there.
    #[error(
        "the record `{0}` is not there. A witness without its record would confirm what contradicts it: if it is lost, found another one with another key (`custos witness init`)"
    )]
    Missing(PathBuf),
    /// It is there already.
    #[error("`{0}` is there already; nothing was changed")]
    Taken(PathBuf),
    /// It is another witness's, or no witness's at all.
    #[error("the record `{0}` is not that of this key")]
    Other(PathBuf),
    /// What is in it does not fit together.
    #[error("the record of `{origin}` is damaged: {what}")]
    Damaged {
        /// The log.
        origin: String,
        /// What does not fit.
        what: &'static str,
    },
    /// The clock is behind a time at which something was signed.
    #[error("the clock is {0} s behind the newest cosignature")]
    Clock(u64),
    /// The database can't be read or written.
    #[error("the record can't be used")]
    Database(#[from] diesel::result::Error),
    /// The database can't be opened.
    #[error("the record can't be opened: {0}")]
    Open(String),
}

/// What a witness answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The cosignature, a line.
    Cosigned(String),
    /// Nothing is signed.
    Refused(Refusal),
}

/// Two checkpoints of one log and size with different roots, both signed by the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The log.
    pub origin: String,
    /// When the second was shown, in seconds since 1970.
    pub found_at: u64,
    /// The first, with this witness's cosignature.
    pub kept: Vec<u8>,
    /// What was asked for the second: old size, proof, checkpoint.
    pub request: Vec<u8>,
}

/// The record of one witness.
pub struct Record {
    // The lock and the transaction make check and change one, in and between processes.
    connection: Mutex<SqliteConnection>,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    value: i64,
}

#[derive(QueryableByName)]
struct Word {
    #[diesel(sql_type = Text)]
    value: String,
}

#[derive(QueryableByName)]
struct Kept {
    #[diesel(sql_type = Binary)]
    note: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    cosigned_at: i64,
}

#[derive(QueryableByName)]
struct ConflictRow {
    #[diesel(sql_type = Text)]
    origin: String,
    #[diesel(sql_type = BigInt)]
    found_at: i64,
    #[diesel(sql_type = Binary)]
    kept: Vec<u8>,
    #[diesel(sql_type = Binary)]
    request: Vec<u8>,
}

impl Record {
    /// Makes the record of a new witness.
    ///
    /// # Errors
    /// [`RecordError`]; one that is there is never replaced.
    pub fn create(path: &Path, key: &VerifierKey) -> Result<(), RecordError> {
        if path.exists() {
            return Err(RecordError::Taken(path.into()));
        }
        let mut connection = connect(path)?;
        // A crash before its end leaves a file that `open` refuses, and no key was told yet.
        connection.immediate_transaction(|connection| {
            connection.batch_execute(TABLES)?;
            sql_query("INSERT INTO witness (id, vkey) VALUES (1, ?)")
                .bind::<Text, _>(key.to_string())
                .execute(connection)?;
            connection.batch_execute(&format!(
                "PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};"
            ))
        })?;
        Ok(())
    }

    /// Opens the record of this key.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn open(path: &Path, key: &VerifierKey) -> Result<Self, RecordError> {
        // SQLite would make an empty one, which remembers nothing.
        if !path.is_file() {
            return Err(RecordError::Missing(path.into()));
        }
        let mut connection = connect(path)?;
        let other = || RecordError::Other(path.into());
        let marks = [("application_id", APPLICATION), ("user_version", VERSION)];
        for (pragma, wanted) in marks {
            if number(&mut connection, pragma)? != wanted {
                return Err(other());
            }
        }
        let vkey: Word =
            sql_query("SELECT vkey AS value FROM witness").get_result(&mut connection)?;
        if vkey.value != key.to_string() {
            return Err(other());
        }
        Ok(Self {
            connection: Mutex::new(connection),
        })
    }

    /// Judges a request whose origin is known, and confirms it where nothing contradicts it.
    /// Durable when this returns a cosignature. Blocks.
    ///
    /// # Errors
    /// [`RecordError`]; nothing was signed that anyone has.
    pub fn add(
        &self,
        request: &AddCheckpoint,
        keys: &[VerifierKey],
        cosigner: &Cosigner,
        unix_seconds: u64,
    ) -> Result<Answer, RecordError> {
        let keys: Vec<&VerifierKey> = keys.iter().collect();
        let mut connection = self.lock();
        connection.immediate_transaction(|connection| {
            let origin = request.checkpoint.checkpoint().origin();
            let known = kept(connection, origin)?;
            let checkpoint = known.as_ref().map(|(signed, _)| signed.checkpoint());
            if let Some((kept, _)) = &known
                && contradicts(request, &keys, kept.checkpoint())
            {
                keep_conflict(connection, kept, request, unix_seconds)?;
            }
            if let Err(refusal) = request.judge(checkpoint, &keys) {
                return Ok(Answer::Refused(refusal));
            }
            let last = known.as_ref().map_or(0, |(_, cosigned_at)| *cosigned_at);
            if let Some((kept, cosigned_at)) = &known
                && kept.checkpoint() == request.checkpoint.checkpoint()
                && (*cosigned_at..=cosigned_at.saturating_add(SAME_LINE_SECONDS))
                    .contains(&unix_seconds)
            {
                return Ok(Answer::Cosigned(own_line(kept, cosigner, origin)?));
            }
            // The clock is one for all logs, so that of another proves it wrong too.
            let behind = newest_time(connection)?.saturating_sub(unix_seconds);
            if behind > CLOCK_SLACK_SECONDS {
                return Err(RecordError::Clock(behind));
            }
            // Times of cosignatures never fall, or a later one would deny an earlier.
            let at = unix_seconds.max(last);
            let line = cosigner.cosign(request.checkpoint.note().text(), at);
            let note = confirmed(&request.checkpoint, &keys)
                .and_then(|note| note.with_signature(line.clone()).ok())
                .ok_or_else(|| damaged(origin, "it would have too many signatures"))?;
            replace(connection, &note, at)?;
            // A crash before the commit leaves the older record, and the line nowhere.
            Ok(Answer::Cosigned(line.to_line()))
        })
    }

    /// The newest checkpoint that was confirmed, with the log's signatures and this witness's.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn newest(&self, origin: &str) -> Result<Option<SignedCheckpoint>, RecordError> {
        let found = kept(&mut self.lock(), origin)?;
        Ok(found.map(|(signed, _)| signed))
    }

    /// What contradicts what was confirmed, the oldest first.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn conflicts(&self) -> Result<Vec<Conflict>, RecordError> {
        let query = "SELECT origin, found_at, kept, request FROM conflicts ORDER BY found_at, hash";
        let rows: Vec<ConflictRow> = sql_query(query).load(&mut *self.lock())?;
        let conflicts = rows.into_iter().map(|row| Conflict {
            origin: row.origin,
            found_at: u64::try_from(row.found_at).unwrap_or(0),
            kept: row.kept,
            request: row.request,
        });
        Ok(conflicts.collect())
    }

    fn lock(&self) -> MutexGuard<'_, SqliteConnection> {
        self.connection
            .lock()
            .expect("no holder of this lock panics")
    }
}

/// Whether a request shows another root of the size that was confirmed, under the log's own
/// signature. Whatever old size and proof it names: these anyone can make up.
fn contradicts(request: &AddCheckpoint, keys: &[&VerifierKey], known: &Checkpoint) -> bool {
    let shown = request.checkpoint.checkpoint();
    shown.size() == known.size()
        && shown.root() != known.root()
        && request.checkpoint.note().verify(keys).is_ok()
}

/// The checkpoint with the log's own signatures alone: whatever else was sent along is not
/// passed on in this witness's name.
fn confirmed(signed: &SignedCheckpoint, keys: &[&VerifierKey]) -> Option<SignedCheckpoint> {
    let verified = signed.note().verify(keys).ok()?;
    let lines = verified.iter().map(|(_, line)| line.to_line());
    let note = format!("{}\n{}", signed.note().text(), lines.collect::<String>());
    SignedCheckpoint::parse(note.as_bytes()).ok()
}

fn own_line(
    kept: &SignedCheckpoint,
    cosigner: &Cosigner,
    origin: &str,
) -> Result<String, RecordError> {
    let mut lines = kept.note().signatures().iter();
    lines
        .find(|line| line.is_by(cosigner.verifier_key()))
        .map(custos_core::checkpoint::NoteSignature::to_line)
        .ok_or_else(|| damaged(origin, "its cosignature is missing"))
}

fn kept(
    connection: &mut SqliteConnection,
    origin: &str,
) -> Result<Option<(SignedCheckpoint, u64)>, RecordError> {
    let row: Option<Kept> = sql_query("SELECT note, cosigned_at FROM logs WHERE origin = ?")
        .bind::<Text, _>(origin)
        .get_result(connection)
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let signed = SignedCheckpoint::parse(&row.note).ok();
    let signed = signed.filter(|signed| signed.checkpoint().origin() == origin);
    let signed = signed.ok_or_else(|| damaged(origin, "it is no checkpoint of this log"))?;
    let at = u64::try_from(row.cosigned_at).map_err(|_| damaged(origin, "its time is none"))?;
    Ok(Some((signed, at)))
}

/// The newest time at which anything was cosigned, in seconds since 1970.
fn newest_time(connection: &mut SqliteConnection) -> Result<u64, RecordError> {
    let newest: Number = sql_query("SELECT coalesce(max(cosigned_at), 0) AS value FROM logs")
        .get_result(connection)?;
    u64::try_from(newest.value).map_err(|_| damaged("logs", "its time is none"))
}

fn replace(
    connection: &mut SqliteConnection,
    note: &SignedCheckpoint,
    at: u64,
) -> Result<(), RecordError> {
    let checkpoint = note.checkpoint();
    let size = checkpoint.size();
    sql_query(
        "INSERT INTO logs (origin, size, note, cosigned_at) VALUES (?, ?, ?, ?)
         ON CONFLICT (origin) DO UPDATE SET
             size = excluded.size, note = excluded.note, cosigned_at = excluded.cosigned_at",
    )
    .bind::<Text, _>(checkpoint.origin())
    .bind::<BigInt, _>(i64::try_from(size).expect("sizes are below 2^53"))
    .bind::<Binary, _>(note.as_bytes())
    .bind::<BigInt, _>(i64::try_from(at).map_err(|_| damaged(checkpoint.origin(), "the time"))?)
    .execute(connection)?;
    Ok(())
}

fn keep_conflict(
    connection: &mut SqliteConnection,
    kept: &SignedCheckpoint,
    request: &AddCheckpoint,
    unix_seconds: u64,
) -> Result<(), RecordError> {
    let origin = kept.checkpoint().origin();
    let shown = request.checkpoint.note().text();
    tracing::error!(
        alarm = "log_forked",
        log.origin = origin,
        log.size = kept.checkpoint().size(),
        "a log signed two checkpoints of one size; both are kept"
    );
    let hash = sha256(&[kept.note().text().as_bytes(), shown.as_bytes()]);
    sql_query(
        "INSERT INTO conflicts (hash, origin, found_at, kept, request)
         SELECT ?1, ?2, ?3, ?4, ?5
         WHERE (SELECT count(*) FROM conflicts WHERE origin = ?2) < ?6
         ON CONFLICT (hash) DO NOTHING",
    )
    .bind::<Binary, _>(hash.as_bytes().to_vec())
    .bind::<Text, _>(origin)
    .bind::<BigInt, _>(i64::try_from(unix_seconds).unwrap_or(i64::MAX))
    .bind::<Binary, _>(kept.as_bytes())
    .bind::<Binary, _>(request.to_bytes())
    .bind::<BigInt, _>(MAX_CONFLICTS)
    .execute(connection)?;
    Ok(())
}

fn connect(path: &Path) -> Result<SqliteConnection, RecordError> {
    let url = path
        .to_str()
        .ok_or_else(|| RecordError::Open("its path is not UTF-8".into()))?;
    let mut connection =
        SqliteConnection::establish(url).map_err(|error| RecordError::Open(error.to_string()))?;
    connection.batch_execute(&format!("PRAGMA busy_timeout = {BUSY_TIMEOUT_MS};"))?;
    connection.batch_execute(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;",
    )?;
    let mode: Word = sql_query("SELECT journal_mode AS value FROM pragma_journal_mode")
        .get_result(&mut connection)?;
    // What is not kept would be believed to be durable.
    if mode.value != "wal" || number(&mut connection, "synchronous")? != 2 {
        return Err(RecordError::Open(
            "it does not keep what it is given".into(),
        ));
    }
    Ok(connection)
}

fn number(connection: &mut SqliteConnection, pragma: &str) -> Result<i64, RecordError> {
    let query = format!("SELECT CAST({pragma} AS INTEGER) AS value FROM pragma_{pragma}");
    let found: Number = sql_query(query).get_result(connection)?;
    Ok(found.value)
}

fn damaged(origin: &str, what: &'static str) -> RecordError {
    RecordError::Damaged {
        origin: origin.into(),
        what,
    }
}
