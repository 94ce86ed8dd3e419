//! Opening a room: everything is checked before anything is written.

use std::{path::PathBuf, sync::Arc};

use custos_core::{
    checkpoint::{LogKeys, NoteSigner},
    merkle::Edge,
};
use tokio::sync::Semaphore;
use tracing::{info, warn};

use super::{
    behind::{self, At, Behind, Elsewhere, Held, Mark},
    context::{BUNDLES_AT_ONCE, Core, Room},
    found::bundle_name,
    leading::Lead,
    log_keys::Signers,
    notices::Outlets,
    proofs::Tiles,
    publisher::{Among, Mismatch, Publisher, recover},
    reserve::Reserve,
    sessions::Entrance,
    writer::Writer,
};
use crate::{
    ambient::Ambient,
    db::{
        Connection, DbError, Location, Pool, dialect, head, keys,
        policies::{self, PolicyRow},
        pool,
    },
    keyring::{Keyring, RoomKeys, RootFile, RootFileError, same_disk},
    policy::{Engine, LoadError, Source, SourceError},
    store::{Store, StoreError},
};

/// Where a room lies.
#[derive(Debug, Clone)]
pub struct Places {
    /// Folder of the root key file.
    pub keys: PathBuf,
    /// Where the register lies.
    pub database: Location,
}

/// Why a room does not open. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The root key can't be had.
    #[error(transparent)]
    Root(#[from] RootFileError),
    /// The register can't be read, or is damaged.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The store can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored does not fit together.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// No room was founded here.
    #[error(
        "there is no room here; found one with `custos init`, or restore a backup with `custos restore`"
    )]
    NoRoom,
    /// The policy set in force does not load.
    #[error(
        "the policy set in force does not load: {0}. Nothing was changed; `custos policy upgrade` brings the set forward, and the version before still opens the room"
    )]
    Policy(#[from] LoadError),
    /// The policy set in force is not text of its form.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The log's origin is not of its form.
    #[error("the log's origin `{0}` is not of its form")]
    Origin(String),
}

/// Opens the room: reads its keys, checks head, tiles and checkpoint, starts its writer.
///
/// # Errors
/// [`OpenError`] names what does not hold.
pub async fn open(places: &Places, store: Store, ambient: Ambient) -> Result<Room, OpenError> {
    open_telling(places, store, ambient, Outlets::default()).await
}

/// The same for a room that tells by mail and to endpoints too.
///
/// # Errors
/// [`OpenError`] names what does not hold.
pub async fn open_telling(
    places: &Places,
    store: Store,
    ambient: Ambient,
    outlets: Outlets,
) -> Result<Room, OpenError> {
    let around = Around::default();
    open_within(places, store, ambient, outlets, around).await
}

/// What a room starts with besides its own folders.
#[derive(Debug, Default)]
pub struct Around {
    /// What its register is compared with.
    pub elsewhere: Elsewhere,
    /// Its space on a full disk.
    pub reserve: Reserve,
    /// A policy set that is to come into force, and decides from here on.
    pub policy: Option<Source>,
}

/// The same, compared with what is known elsewhere of what was published. A register that is
/// behind opens a room that enters nothing: [`Room::behind`].
///
/// # Errors
/// [`OpenError`] names what does not hold.
pub async fn open_within(
    places: &Places,
    store: Store,
    ambient: Ambient,
    outlets: Outlets,
    around: Around,
) -> Result<Room, OpenError> {
    let Around {
        elsewhere,
        reserve,
        policy,
    } = around;
    // An empty register would be made where there is none.
    if !places.database.holds_register()? {
        return Err(OpenError::NoRoom);
    }
    let keyring = Keyring::new(RootFile::open(&places.keys)?);
    let policy = match policy {
        Some(source) => Some(Engine::of(&source)?),
        None => {
            loads_before(&places.database, &keyring)?;
            None
        }
    };
    let pool = Pool::open(&places.database)?;
    let file = places.database.file();
    if file.is_some_and(|file| same_disk(&places.keys, file)) {
        warn!(
            "the root key lies on the disk of the data it protects: whoever takes the disk takes both"
        );
    }
    let mut connection = pool.connect_to_write()?;
    let origin = head::read(&mut connection)?
        .ok_or(OpenError::NoRoom)?
        .origin;
    let mark = Mark::of(&places.keys, elsewhere.mark.as_deref());
    let held = behind::held(&store, &mark, &elsewhere.witnesses, &origin).await?;
    // Other processes may be at work: everything is checked as it is at one moment.
    dialect::fix_moment(&mut connection)?;
    let checked = check(
        (&mut connection, &keyring),
        (&store, held),
        pool.is_shared(),
        policy,
    )
    .await;
    dialect::leave_moment(&mut connection)?;
    let Checked {
        head,
        room_keys,
        signers,
        bundle_signer,
        kept,
        turns,
        behind,
        edge,
        engine,
    } = checked?;
    let log_keys = signers.keys().clone();
    let origin: Arc<str> = head.origin.as_str().into();
    let behind = behind.map(Arc::new);
    match &behind {
        Some(behind) => behind::alarm(behind),
        None => {
            mark.begin(&log_keys, kept.as_deref(), &turns)?;
            info!(
                log.size = head.size(),
                log.published = head.published,
                "opened the room"
            );
        }
    }
    let core = Arc::new(Core {
        keyring,
        keys: room_keys,
        engine,
        ambient,
        outlets,
        reserve,
    });
    let room_id = head.room;
    let entrance = Arc::new(Entrance::new(&core.ambient));
    let lead = Lead::new(&core.ambient, pool.is_shared());
    let writer = match &behind {
        Some(behind) => Writer::closed(head.size(), behind.clone()),
        None => Writer::start(pool.clone(), connection, core.clone(), head),
    };
    let places = (pool.clone(), store.clone());
    let (publisher, published) = Publisher::new(places, writer.clone(), signers, mark, edge);
    let room = Room {
        pool,
        tiles: Arc::new(Tiles::of(store.clone())),
        store,
        core,
        writer,
        id: room_id,
        origin,
        log_key: Arc::new(log_keys.present().clone()),
        log_keys,
        bundle_signer: Arc::new(bundle_signer),
        published,
        deliveries: Arc::default(),
        indexes: Arc::default(),
        sending: Arc::new(Semaphore::new(BUNDLES_AT_ONCE)),
        fatal: Arc::default(),
        entrance,
        lead: Arc::new(lead),
        publisher: Arc::new(publisher),
        witnesses: Arc::default(),
        authorities: Arc::default(),
        auditing: Arc::default(),
        behind,
    };
    if room.behind.is_none() && room.publisher.is_rotating() {
        // A rotation that a crash left; whatever publishes next would do the same.
        if let Err(error) = room.publisher.publish().await {
            warn!(%error, "the rotation of the log's key can't be ended yet");
        }
    }
    Ok(room)
}

/// What start-up found.
struct Checked {
    head: head::Head,
    room_keys: RoomKeys,
    signers: Signers,
    bundle_signer: NoteSigner,
    /// The newest checkpoint that the register keeps.
    kept: Option<Vec<u8>>,
    /// Those that two keys signed.
    turns: Vec<(u64, Vec<u8>)>,
    behind: Option<Behind>,
    edge: Edge,
    engine: Arc<Engine>,
}

/// Checks head, keys, tiles, checkpoint and policy set against each other.
async fn check(
    (connection, keyring): (&mut Connection, &Keyring),
    (store, held): (&Store, Held),
    is_shared: bool,
    policy: Option<Arc<Engine>>,
) -> Result<Checked, OpenError> {
    let head = head::read(connection)?.ok_or(OpenError::NoRoom)?;
    let room_keys = keys::room_keys(connection, keyring, head.room)?;
    let bundle_signer =
        NoteSigner::from_seed(&bundle_name(&head.origin), room_keys.bundle.as_bytes())
            .map_err(|_| OpenError::Origin(head.origin.clone()))?;
    let signers = Signers::load((connection, keyring), &head, &room_keys.log)?;
    let log_keys = signers.keys().clone();
    let kept = head::checkpoint(connection, head.published)?;
    let at = At {
        store,
        keys: &log_keys,
        head: &head,
        kept: kept.as_deref(),
    };
    let behind = behind::find(&at, &held).await?;
    let among = Among {
        is_behind: behind.is_some(),
        is_shared,
    };
    let edge = recover((connection, store), &log_keys, (&head, held.file), among).await?;
    let turns = turns(connection, &log_keys, head.published)?;
    let engine = match policy {
        Some(engine) => engine,
        None => engine(connection, keyring, &head)?,
    };
    Ok(Checked {
        head,
        room_keys,
        signers,
        bundle_signer,
        kept,
        turns,
        behind,
        edge,
        engine,
    })
}

/// The published checkpoints that two keys of the log signed.
fn turns(
    connection: &mut Connection,
    keys: &LogKeys,
    published: u64,
) -> Result<Vec<(u64, Vec<u8>)>, OpenError> {
    let mut turns = Vec::new();
    for size in keys.turns().filter(|size| *size <= published) {
        let note = head::checkpoint(connection, size)?;
        turns.extend(note.map(|note| (size, note)));
    }
    Ok(turns)
}

/// The policy set in force; the one built in is only a pending change where it differs.
fn engine(
    connection: &mut Connection,
    keyring: &Keyring,
    head: &head::Head,
) -> Result<Arc<Engine>, OpenError> {
    let row = policies::in_force(connection, keyring, head.room)?;
    let source = source_of(&row)?;
    if source.hash() != Source::embedded().hash() {
        warn!(policy.set = %source.hash(), "the policy set built into this version is not the one in force; it is a pending change, which `custos policy upgrade` shows");
    }
    Ok(Engine::of(&source)?)
}

/// The text of a policy set as it is kept.
pub(super) fn source_of(row: &PolicyRow) -> Result<Source, OpenError> {
    let files: Vec<(&str, &str)> = row
        .details
        .files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let source = Source::new(&row.details.schema, &files)?;
    if source.hash() != row.set_hash {
        return Err(
            DbError::damaged("policies", row.id, "its hash is not that of its text").into(),
        );
    }
    Ok(source)
}

/// No schema is brought up to date under a policy set that does not load: there is no way back
/// from that, and a version before would still open the room.
fn loads_before(database: &Location, keyring: &Keyring) -> Result<(), OpenError> {
    let mut connection = pool::open_unchanged(database)?;
    let (unknown, missing) = pool::behind(&mut connection)?;
    if missing.is_empty() || !unknown.is_empty() {
        // There is nothing to bring up to date, or that is refused by name.
        return Ok(());
    }
    let read = head::read(&mut connection).and_then(|head| {
        let room = head.map(|head| head.room);
        room.map(|room| policies::in_force(&mut connection, keyring, room))
            .transpose()
    });
    match read {
        Ok(Some(row)) => {
            Engine::of(&source_of(&row)?)?;
            Ok(())
        }
        // What is so old that the set can't be read yet is looked at afterwards.
        Ok(None) | Err(DbError::Query(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
