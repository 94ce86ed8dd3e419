//! Depositing: what is announced, then its bytes, then one entry that takes both in.

mod taking;
mod told;

use custos_core::{
    cipher::Salt,
    content::{TreeKind, tree_key},
    ids::{CaseId, ItemId, ObjectId, Timestamp, UploadId},
    keys::{DataKey, SaltKey},
};
use serde::Serialize;
use tokio::io::AsyncRead;
use tracing::{error, info};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::{SignedIn, context::Room, entering::Entered, error::Error, schema};
use crate::{
    content::{
        declared::Fingerprint,
        write::{self, WriteError},
    },
    db::uploads::{self, UploadRow},
};

use taking::{Announce, Fresh, MayDeposit, TakeIn};
pub use told::{
    DeclaredHash, FileName, HexName, MAX_FILE_NAME_BYTES, MAX_OFFSET_MINUTES, NewDerivation,
    NewItem, PARTICULARS,
};
use told::{details, pairs, parse_declared};

/// Largest item that is taken, in bytes: 1 TiB.
pub const MAX_ITEM_BYTES: u64 = 1 << 40;
/// A hash that was declared and does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Mismatch {
    /// The algorithm.
    #[schema(value_type = schema::HashAlgorithm)]
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

/// Whether somebody may deposit in a case, before they fill in a form.
///
/// # Errors
/// Refused; [`Error::Full`].
pub async fn may_deposit(room: &Room, who: &SignedIn, case: CaseId) -> Result<(), Error> {
    room.core.reserve.takes_deposits()?;
    let command = MayDeposit { who: *who, case };
    room.writer.submit(command).await?;
    Ok(())
}

/// Keeps what is told of an item, and gives the id under which its bytes are sent.
///
/// # Errors
/// Refused, or something that can't be taken, which is named; [`Error::Full`].
pub async fn announce(
    room: &Room,
    who: &SignedIn,
    case: CaseId,
    new: NewItem,
) -> Result<UploadId, Error> {
    room.core.reserve.takes_deposits()?;
    let details = details(new)?;
    let command = Announce {
        who: *who,
        case,
        details,
    };
    Ok(room.change(who, command).await?.output)
}

/// What a sender says of the bytes.
#[derive(Debug, Clone, Default)]
pub struct Sent {
    /// How many there will be; any other number is refused.
    pub length: Option<u64>,
    /// What their hashes are, beside those that were announced. One that does not fit puts the
    /// item into quarantine, as one that was announced.
    pub hashes: Vec<DeclaredHash>,
}

impl From<Option<u64>> for Sent {
    fn from(length: Option<u64>) -> Self {
        Self {
            length,
            ..Self::default()
        }
    }
}

/// Takes the bytes of what was announced: one pass into the store, then one entry.
///
/// # Errors
/// [`Error::Incomplete`], [`Error::Full`], refused, or an upload that is not this person's.
/// Nothing is listed and nothing is kept then.
pub async fn receive<R: AsyncRead + Unpin>(
    room: &Room,
    who: &SignedIn,
    upload: UploadId,
    source: R,
    sent: impl Into<Sent>,
) -> Result<Deposited, Error> {
    room.core.reserve.takes_deposits()?;
    let Sent { length, hashes } = sent.into();
    let row = announced(room, who, upload).await?;
    not_taken_in(&row)?;
    let mut declared = parse_declared(&row.details.declared)?;
    for hash in hashes {
        // Two that contradict each other are both kept: one of them does not fit.
        for hash in parse_declared(&pairs(vec![hash]))? {
            if !declared.contains(&hash) {
                declared.push(hash);
            }
        }
    }
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
