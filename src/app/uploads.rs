//! Depositing: what is announced, then its bytes, then one entry that takes both in.

mod told;

use custos_core::{
    cipher::Salt,
    content::{TreeKind, tree_key},
    event::{kind, slot},
    ids::{CaseId, Id, ItemId, ObjectId, Timestamp, UploadId},
    keys::{DataKey, Purpose, SaltKey},
};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::AsyncRead;
use tracing::{error, info};
use zeroize::Zeroizing;

use super::{
    SignedIn,
    context::Room,
    entering::{Draft, Entered, Subject, Tx},
    error::Error,
    writer::{Command, Stop},
};
use crate::{
    content::{
        declared::Fingerprint,
        media,
        write::{self, WriteError, Written},
    },
    db::{
        bound,
        evidence::{self, ItemDetails, ItemRow, StateRow},
        keys,
        uploads::{self, UploadDetails, UploadRow},
    },
    policy::{
        action::Deposit,
        facts::{ItemState, Resource},
    },
};

pub use told::{DeclaredHash, FileName, HexName, MAX_FILE_NAME_BYTES, NewItem};
use told::{details, parse_declared};

/// Largest item that is taken, in bytes: 1 TiB.
pub const MAX_ITEM_BYTES: u64 = 1 << 40;
/// A hash that was declared and does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// The algorithm.
    pub algorithm: String,
    /// What was declared.
    pub declared: String,
    /// What the bytes have.
    pub found: String,
}

/// What a deposit is acknowledged with: everything in it is durable.
#[derive(Debug, Clone)]
pub struct Deposited {
    /// The item.
    pub item: ItemId,
    /// Exhibit reference.
    pub reference: String,
    /// Its place in the log.
    pub entered: Entered,
    /// Bytes.
    pub size: u64,
    /// Fingerprint of the whole, in hex.
    pub sha256: String,
    /// As the room found it by looking at the bytes.
    pub media_type: String,
    /// When its last byte was received.
    pub received_at: Timestamp,
    /// Hashes that do not fit; the item is quarantined if there are any.
    pub mismatches: Vec<Mismatch>,
    /// Whether it was deposited restricted, so that its depositor sees it no more.
    pub restricted: bool,
}

/// Keeps what is told of an item, and gives the id under which its bytes are sent.
///
/// # Errors
/// Refused, or something that can't be taken, which is named.
pub async fn announce(
    room: &Room,
    who: &SignedIn,
    case: CaseId,
    new: NewItem,
) -> Result<UploadId, Error> {
    let details = details(new)?;
    let command = Announce {
        who: *who,
        case,
        details,
    };
    Ok(room.writer.submit(command).await?.output)
}

/// Takes the bytes of what was announced: one pass into the store, then one entry.
///
/// `length` is what the sender said it would send; bytes of any other number are refused.
///
/// # Errors
/// [`Error::Incomplete`], [`Error::Full`], refused, or an upload that is not this person's.
/// Nothing is listed and nothing is kept then.
pub async fn receive<R: AsyncRead + Unpin>(
    room: &Room,
    who: &SignedIn,
    upload: UploadId,
    source: R,
    length: Option<u64>,
) -> Result<Deposited, Error> {
    let row = announced(room, who, upload).await?;
    not_taken_in(&row)?;
    let declared = parse_declared(&row.details.declared)?;
    let ambient = &room.core.ambient;
    let item = ItemId::from_bytes(ambient.bytes());
    let fresh = Fresh {
        item,
        object: ObjectId::from_bytes(ambient.bytes()),
        data_key: Zeroizing::new(ambient.bytes()),
        salt_key: Zeroizing::new(ambient.bytes()),
    };
    let deposit = write::Deposit {
        item,
        object: fresh.object,
        data_key: DataKey::from_bytes(*fresh.data_key),
        tree_key: tree_key(&SaltKey::from_bytes(*fresh.salt_key), TreeKind::Content, 0)
            .expect("the content tree has number 0"),
        declared: declared.iter().map(Fingerprint::algorithm).collect(),
        length,
        limit: MAX_ITEM_BYTES,
    };
    let object = fresh.object;
    let written = write::write(&room.store, &deposit, source, || {
        Salt::from_bytes(ambient.bytes())
    })
    .await
    .map_err(|error| room.stop_if_fatal(write_error(error)))?;
    // A crash here leaves an orphan object, which is swept; never a row without bytes.
    let command = TakeIn {
        who: *who,
        received_at: ambient.now(),
        row,
        declared,
        fresh,
        written,
    };
    match room.writer.submit(command).await {
        Ok(done) => {
            info!(item.id = %item, item.size = done.output.size, "took an item in");
            Ok(done.output)
        }
        Err(refused) => {
            // Not taken in, so its bytes go. After an unknown outcome they stay: the sweep
            // removes them only if no row names them.
            if !matches!(refused, Error::CustodyUnavailable(_))
                && let Err(left) = room.store.delete(object).await
            {
                error!(object.id = %object, error = %left, "an orphan object is left for the sweep");
            }
            Err(refused)
        }
    }
}

/// The item that an announced deposit became, if its bytes were taken in: so that whoever
/// lost the acknowledgement neither loses nor doubles the deposit. It says nothing that the
/// depositor was not told, so it leaves no entry.
///
/// # Errors
/// [`Error::NotFound`] for an upload that is not this person's.
pub async fn state(room: &Room, who: &SignedIn, upload: UploadId) -> Result<Option<ItemId>, Error> {
    Ok(announced(room, who, upload).await?.item_id)
}

/// What was announced under this id by whoever is signed in.
async fn announced(room: &Room, who: &SignedIn, upload: UploadId) -> Result<UploadRow, Error> {
    let (core, person) = (room.core.clone(), who.person);
    room.read(move |connection| {
        uploads::of_person(
            connection,
            (&core.keyring, &core.keys.session),
            upload,
            person,
        )?
        .ok_or(Error::NotFound)
    })
    .await
}

fn not_taken_in(row: &UploadRow) -> Result<(), Error> {
    match row.item_id {
        Some(item) => Err(Error::Conflict(format!(
            "these bytes were deposited already, as item `{item}`"
        ))),
        None => Ok(()),
    }
}

fn write_error(error: WriteError) -> Error {
    match error {
        WriteError::Incomplete {
            received, expected, ..
        } => Error::Incomplete { received, expected },
        WriteError::TooLarge { limit } => {
            Error::TooLarge(format!("an item has at most {limit} bytes"))
        }
        WriteError::Store(error) => error.into(),
        WriteError::Object(_) | WriteError::Broken => Error::StoreUnavailable(None),
    }
}

struct Announce {
    who: SignedIn,
    case: CaseId,
    details: UploadDetails,
}

impl Command for Announce {
    type Output = UploadId;

    fn run(self, tx: &mut Tx<'_>) -> Result<UploadId, Stop> {
        let asking = tx.asking(&self.who)?;
        let facts = tx.case::<Deposit>(&asking, self.case)?;
        let permit = tx.permit::<Deposit>(&asking, &Resource::Case(facts.case))?;
        let row = UploadRow {
            id: tx.id(),
            case_id: self.case,
            person_id: self.who.person,
            created_at: tx.now(),
            item_id: None,
            details: self.details,
        };
        let core = tx.core;
        uploads::insert(
            tx.connection,
            &permit,
            (&core.keyring, &core.ambient, &core.keys.session),
            facts.scope,
            &row,
        )?;
        Ok(row.id)
    }
}

/// Ids and keys that are made for one pass over the bytes and for no other.
struct Fresh {
    item: ItemId,
    object: ObjectId,
    data_key: Zeroizing<[u8; 32]>,
    salt_key: Zeroizing<[u8; 32]>,
}

struct TakeIn {
    who: SignedIn,
    received_at: Timestamp,
    row: UploadRow,
    declared: Vec<Fingerprint>,
    fresh: Fresh,
    written: Written,
}

impl Command for TakeIn {
    type Output = Deposited;

    fn run(self, tx: &mut Tx<'_>) -> Result<Deposited, Stop> {
        let asking = tx.asking(&self.who)?;
        let facts = tx.case::<Deposit>(&asking, self.row.case_id)?;
        let permit = tx.permit::<Deposit>(&asking, &Resource::Case(facts.case))?;
        let core = tx.core;
        // The same bytes may have been sent twice at once; the first to come here is the item.
        let keys = (&core.keyring, &core.keys.session);
        let announced = uploads::of_person(tx.connection, keys, self.row.id, self.who.person)?;
        not_taken_in(&announced.ok_or(Error::NotFound)?)?;
        let scope = tx.scope_keys(facts.scope)?;
        for (key, purpose) in [
            (&self.fresh.data_key, Purpose::Data),
            (&self.fresh.salt_key, Purpose::Salt),
        ] {
            keys::keep(
                tx.connection,
                &core.ambient,
                &scope,
                self.fresh.item.id(),
                purpose,
                key,
            )?;
        }
        let (declared, mismatches) = compare(&self.declared, &self.written);
        let item = self.item(facts.scope, tx.next_item(facts.scope)?, declared);
        let state = StateRow {
            id: item.id,
            rev: 1,
            state: state_names(self.row.details.restricted, !mismatches.is_empty()),
        };
        let bindings = (
            bound::bind(&item, &core.ambient),
            bound::bind(&state, &core.ambient),
        );
        let draft = adding(&item)
            .permitted(tx.acting(&asking, Some(item.case_id)), &permit)
            .writes(bindings.0.slot.clone())
            .writes(bindings.1.slot.clone());
        let entered = tx.enter(draft)?;
        evidence::insert(
            tx.connection,
            &permit,
            (&core.keyring, &core.ambient),
            (&item, &bindings.0),
            (&state, &bindings.1),
            &self.written.commitments.concat(),
            entered.c.as_bytes(),
        )?;
        let mut upload = self.row;
        let restricted = upload.details.restricted;
        upload.item_id = Some(item.id);
        uploads::finish(tx.connection, &permit, &core.keys.session, &upload)?;
        Ok(Deposited {
            item: item.id,
            reference: item.details.reference,
            entered,
            size: item.details.size,
            sha256: item.details.sha256,
            media_type: item.details.media_type,
            received_at: self.received_at,
            mismatches,
            restricted,
        })
    }
}

impl TakeIn {
    fn item(&self, scope_id: custos_core::ids::ScopeId, nth: u64, declared: Value) -> ItemRow {
        let (told, written) = (&self.row.details, &self.written);
        ItemRow {
            id: self.fresh.item,
            rev: 1,
            case_id: self.row.case_id,
            scope_id,
            nth,
            object_id: self.fresh.object,
            details: ItemDetails {
                reference: told.reference.clone(),
                description: told.description.clone(),
                file_name: told.file_name.clone(),
                media_type: media::sniff(&written.head).into(),
                size: written.size,
                sha256: written.sha256.to_string(),
                content_root: written.content_root.to_string(),
                leaves: written.leaves,
                crc32: written.crc32,
                stored: written.stored.to_value(),
                declared,
                provenance: told.provenance.clone(),
                depositor: self.who.person,
                received_at: self.received_at,
            },
        }
    }
}

/// The entry that adds an item: slots 22 to 30.
fn adding(item: &ItemRow) -> Draft {
    let subject = Subject {
        noun: "item",
        id: Id::from(item.id),
    };
    let told = &item.details;
    Draft::new(kind::DEPOSIT, item.scope_id, subject)
        .case(item.case_id)
        .detail(slot::SIZE, json!(told.size))
        .detail(slot::SHA256, json!(told.sha256))
        .detail(slot::CONTENT_ROOT, json!(told.content_root))
        .detail(slot::MEDIA_TYPE, json!(told.media_type))
        .detail(slot::DECLARED, told.declared.clone())
        .detail(slot::STORED, told.stored.clone())
        .detail(
            slot::DESCRIPTION,
            json!({
                "reference": told.reference,
                "description": told.description,
                "file_name": told.file_name,
            }),
        )
        .detail(
            slot::PROVENANCE,
            json!({"told": told.provenance, "received_at": told.received_at}),
        )
}

/// Declared hashes beside what the bytes have, for slot 26, and those that do not fit.
fn compare(declared: &[Fingerprint], written: &Written) -> (Value, Vec<Mismatch>) {
    let mut mismatches = Vec::new();
    let mut shown = Vec::new();
    for print in declared {
        let found = written
            .declared
            .iter()
            .find(|found| found.algorithm() == print.algorithm())
            .map(ToString::to_string)
            .unwrap_or_default();
        let algorithm = print.algorithm().as_str();
        shown.push(json!({"algorithm": algorithm, "declared": print.to_string(), "found": found}));
        if found != print.to_string() {
            mismatches.push(Mismatch {
                algorithm: algorithm.into(),
                declared: print.to_string(),
                found,
            });
        }
    }
    (Value::Array(shown), mismatches)
}

fn state_names(restricted: bool, quarantined: bool) -> String {
    let states = [
        (quarantined, ItemState::Quarantined),
        (restricted, ItemState::Restricted),
    ];
    let names: Vec<&str> = states
        .iter()
        .filter(|(holds, _)| *holds)
        .map(|(_, state)| state.name())
        .collect();
    names.join(",")
}
