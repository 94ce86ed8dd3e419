//! Opening a room: everything is checked before anything is written.

use std::{path::PathBuf, sync::Arc};

use custos_core::checkpoint::NoteSigner;
use tokio::sync::Semaphore;
use tracing::{info, warn};

use super::{
    behind::{self, At, Elsewhere, Mark},
    context::{BUNDLES_AT_ONCE, Core, Room},
    found::bundle_name,
    notices::Outlets,
    proofs::Tiles,
    publisher::{Mismatch, Publisher, recover},
    reserve::Reserve,
    sessions::Entrance,
    writer::Writer,
};
use crate::{
    ambient::Ambient,
    db::{Connection, DbError, Pool, head, keys, policies},
    keyring::{Keyring, RootFile, RootFileError, same_disk},
    policy::{Engine, LoadError, Source, SourceError},
    store::{Store, StoreError},
};

/// Where a room lies.
#[derive(Debug, Clone)]
pub struct Places {
    /// Folder of the root key file.
    pub keys: PathBuf,
    /// The register's database file.
    pub database: PathBuf,
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
    #[error("the policy set in force does not load: {0}")]
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
    let Around { elsewhere, reserve } = around;
    // SQLite would make an empty register where there is none.
    if !places.database.is_file() {
        return Err(OpenError::NoRoom);
    }
    let keyring = Keyring::new(RootFile::open(&places.keys)?);
    let pool = Pool::open(&places.database)?;
    if same_disk(&places.keys, &places.database) {
        warn!(
            "the root key lies on the disk of the data it protects: whoever takes the disk takes both"
        );
    }
    let mut connection = pool.connect()?;
    let head = head::read(&mut connection)?.ok_or(OpenError::NoRoom)?;
    let room_keys = keys::room_keys(&mut connection, &keyring, head.room)?;
    let signer = |name: &str, seed: &[u8; 32]| {
        NoteSigner::from_seed(name, seed).map_err(|_| OpenError::Origin(head.origin.clone()))
    };
    let log_signer = signer(&head.origin, room_keys.log.as_bytes())?;
    let bundle_signer = signer(&bundle_name(&head.origin), room_keys.bundle.as_bytes())?;
    let log_key = log_signer.verifier_key().clone();
    let mark = Mark::of(&places.keys, elsewhere.mark.as_deref());
    let kept = head::checkpoint(&mut connection, head.published)?;
    let at = At {
        store: &store,
        key: &log_key,
        head: &head,
        kept: kept.as_deref(),
    };
    let behind = behind::find(&at, &mark, &elsewhere.witnesses).await?;
    let is_behind = behind.is_some();
    let edge = recover(&mut connection, &store, &log_key, &head, is_behind).await?;
    let engine = engine(&mut connection, &keyring, &head)?;
    let origin: Arc<str> = head.origin.as_str().into();
    let behind = behind.map(Arc::new);
    match &behind {
        Some(behind) => behind::alarm(behind),
        None => {
            mark.begin(&log_key, kept.as_deref())?;
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
    let writer = match &behind {
        Some(behind) => Writer::closed(head.size(), behind.clone()),
        None => Writer::start(connection, core.clone(), head),
    };
    let places = (pool.clone(), store.clone());
    let (publisher, published) = Publisher::new(places, writer.clone(), log_signer, mark, edge);
    Ok(Room {
        pool,
        tiles: Arc::new(Tiles::of(store.clone())),
        store,
        core,
        writer,
        id: room_id,
        origin,
        log_key: Arc::new(log_key),
        bundle_signer: Arc::new(bundle_signer),
        published,
        deliveries: Arc::default(),
        indexes: Arc::default(),
        sending: Arc::new(Semaphore::new(BUNDLES_AT_ONCE)),
        fatal: Arc::default(),
        entrance,
        publisher: Arc::new(publisher),
        witnesses: Arc::default(),
        authorities: Arc::default(),
        behind,
    })
}

/// The policy set in force; the one built in is only a pending change where it differs.
fn engine(
    connection: &mut Connection,
    keyring: &Keyring,
    head: &head::Head,
) -> Result<Engine, OpenError> {
    let row = policies::in_force(connection, keyring, head.room)?;
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
    if source.hash() != Source::embedded().hash() {
        warn!(policy.set = %source.hash(), "the policy set built into this version is not the one in force; it is a pending change");
    }
    Ok(Engine::from_source(&source)?)
}
