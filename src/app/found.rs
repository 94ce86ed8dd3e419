//! Founding a room: its keys, its log, its policy set, its first administrator.

pub mod predecessor;

use std::path::Path;

use custos_core::{
    checkpoint::{NoteSigner, VerifierKey},
    event::{Control, ControlKind, Previous, slot},
    hash::hmac_sha256,
    ids::{AccountId, Id, PersonId, RowId, ScopeId},
};
use serde_json::json;

use super::{
    context::Core,
    entering::{Draft, Ground, Known, Tx},
    error::Error,
    notices::Outlets,
    reserve::Reserve,
    stock::Stock,
    writer::Stop,
};
use crate::{
    ambient::Ambient,
    db::{
        DbError, Location, Pool, bound,
        cases::RoleRow,
        dialect, founding, head,
        keys::{self, ScopeKind},
        people::{AccountDetails, AccountRow, PersonDetails, PersonRow},
        policies::{self, PolicyRow, PolicyText},
    },
    keyring::{Keyring, RootFile, RootFileError},
    policy::{Engine, Source},
};

/// Why a room can't be founded.
#[derive(Debug, thiserror::Error)]
pub enum FoundError {
    /// The key file can't be made.
    #[error(transparent)]
    Root(#[from] RootFileError),
    /// The register can't be made.
    #[error(transparent)]
    Db(#[from] DbError),
    /// There is a room already.
    #[error("there is a room here already; nothing was changed")]
    Exists,
    /// The origin is not of its form.
    #[error("`{0}` can't be the name of a log; give a host and `/log`, like `room.example/log`")]
    Origin(String),
    /// An entry could not be made.
    #[error(transparent)]
    Entry(#[from] Error),
}

/// The first administrator of a room.
#[derive(Debug, Clone)]
pub struct FirstAdministrator {
    /// Their name.
    pub name: String,
    /// The name they sign in with.
    pub login: String,
}

/// A founded room: what its founder must keep and hand on.
#[derive(Debug)]
pub struct Founded {
    /// Verifies checkpoints; everyone who is to check custody needs it.
    pub log_key: VerifierKey,
    /// The first administrator's account.
    pub administrator: AccountId,
    /// The first administrator.
    pub person: PersonId,
}

/// Makes keys and register of a new room. Nothing is published yet.
///
/// # Errors
/// See [`FoundError`]; nothing of a room is left that could be taken for one.
pub fn found(
    places: (&Path, &Location),
    origin: &str,
    administrator: &FirstAdministrator,
    ambient: &Ambient,
) -> Result<Founded, FoundError> {
    found_after(places, (origin, None), administrator, ambient)
}

/// The same for a log that continues another one, whose last checkpoint was believed.
///
/// # Errors
/// See [`FoundError`]; nothing of a room is left that could be taken for one.
pub fn found_after(
    places: (&Path, &Location),
    log: (&str, Option<Previous>),
    administrator: &FirstAdministrator,
    ambient: &Ambient,
) -> Result<Founded, FoundError> {
    found_under(&Source::embedded(), places, log, administrator, ambient)
}

/// The same under this policy set.
pub(super) fn found_under(
    source: &Source,
    (keys_folder, database): (&Path, &Location),
    (origin, previous): (&str, Option<Previous>),
    administrator: &FirstAdministrator,
    ambient: &Ambient,
) -> Result<Founded, FoundError> {
    let pool = Pool::open(database)?;
    let mut connection = pool.connect()?;
    if head::read(&mut connection)?.is_some() {
        return Err(FoundError::Exists);
    }
    // The key file comes first: a crash here leaves a key without a room, never a room
    // without its key.
    let keyring = Keyring::new(RootFile::create(keys_folder, ambient)?);
    let room: ScopeId = Id::from_bytes(ambient.bytes()).into();
    dialect::write(&mut connection, |connection| {
        head::create(connection, origin, room)?;
        let room_keys = keys::create_room(connection, &keyring, ambient, room)?;
        keys::create_scope(connection, &keyring, ambient, room, ScopeKind::Room, None)?;
        let core = Core {
            keyring,
            keys: room_keys,
            engine: Engine::embedded(),
            ambient: ambient.clone(),
            outlets: Outlets::default(),
            reserve: Reserve::default(),
        };
        let before = head::read(connection)?.ok_or(FoundError::Exists)?;
        let mut head = before.clone();
        let mut ground = Ground {
            core: &core,
            stock: &mut Stock::none(ambient.clone()),
            known: &mut Known::default(),
        };
        let mut tx = Tx::new(connection, &mut ground, &mut head);
        let log_key = first_entry(&mut tx, origin, previous)?;
        policy_set(&mut tx, source).map_err(|stop| stop.error)?;
        let (administrator, person) =
            first_person(&mut tx, administrator).map_err(|stop| stop.error)?;
        drop(tx);
        head::advance(connection, &before, &head)?;
        Ok(Founded {
            log_key,
            administrator,
            person,
        })
    })
}

impl From<diesel::result::Error> for FoundError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Db(error.into())
    }
}

/// Leaf 0: which keys sign checkpoints and bundles from here on.
fn first_entry(
    tx: &mut Tx<'_>,
    origin: &str,
    previous: Option<Previous>,
) -> Result<VerifierKey, FoundError> {
    let odd = |_| FoundError::Origin(origin.into());
    let log = NoteSigner::from_seed(origin, tx.core.keys.log.as_bytes()).map_err(odd)?;
    let bundle_name = bundle_name(origin);
    let bundle =
        NoteSigner::from_seed(&bundle_name, tx.core.keys.bundle.as_bytes()).map_err(odd)?;
    tx.enter_control(&Control {
        kind: match previous {
            None => ControlKind::Open,
            Some(_) => ControlKind::Succeed,
        },
        origin: origin.into(),
        log_keys: vec![log.verifier_key().to_string()],
        bundle_keys: vec![bundle.verifier_key().to_string()],
        previous,
    })?;
    Ok(log.verifier_key().clone())
}

/// The name of the key that signs bundles of this log.
pub(super) fn bundle_name(origin: &str) -> String {
    format!("{origin}/bundle")
}

fn policy_set(tx: &mut Tx<'_>, source: &Source) -> Result<(), Stop> {
    let row = in_force(tx, source);
    let binding = bound::bind(&row, &tx.core.ambient);
    let room = tx.room();
    let draft = Draft::of_room("policy_set", room)
        .detail(slot::DETAIL, json!({"set": source.hash()}))
        .writes(binding.slot.clone());
    let entered = tx.enter(draft)?;
    let core = tx.core;
    policies::found(
        tx.connection,
        (&core.keyring, &core.ambient, room),
        &row,
        &binding,
        entered.c.as_bytes(),
    )?;
    Ok(())
}

/// The row of a policy set that comes into force.
pub(super) fn in_force(tx: &Tx<'_>, source: &Source) -> PolicyRow {
    PolicyRow {
        id: tx.id::<RowId>(),
        rev: 1,
        set_hash: source.hash(),
        status: "in_force".into(),
        details: PolicyText {
            schema: source.schema().into(),
            files: source.files().to_vec(),
        },
    }
}

fn first_person(
    tx: &mut Tx<'_>,
    first: &FirstAdministrator,
) -> Result<(AccountId, PersonId), Stop> {
    let person = PersonRow {
        id: tx.id::<PersonId>(),
        rev: 1,
        status: "active".into(),
        details: PersonDetails {
            name: first.name.clone(),
            office: String::new(),
            successor: None,
        },
    };
    let account = AccountRow {
        id: tx.id::<AccountId>(),
        rev: 1,
        person_id: person.id,
        login_index: login_index(tx.core, &first.login).to_vec(),
        status: "active".into(),
        details: AccountDetails {
            login: first.login.clone(),
        },
    };
    let role = RoleRow {
        id: tx.id::<RowId>(),
        rev: 1,
        person_id: person.id,
        case_id: None,
        party_id: None,
        role: "administrator".into(),
        status: "active".into(),
    };
    let core = tx.core;
    let bindings = (
        bound::bind(&person, &core.ambient),
        bound::bind(&account, &core.ambient),
        bound::bind(&role, &core.ambient),
    );
    let room = tx.room();
    let draft = Draft::of_room("person_create", room)
        .detail(
            slot::DETAIL,
            json!({"person": person.id, "account": account.id, "roles": [role.role]}),
        )
        .writes(bindings.0.slot.clone())
        .writes(bindings.1.slot.clone())
        .writes(bindings.2.slot.clone());
    let entered = tx.enter(draft)?;
    founding::first_person(
        tx.connection,
        (&core.keyring, &core.ambient, room),
        (&person, &bindings.0),
        (&account, &bindings.1),
        (&role, &bindings.2),
        entered.c.as_bytes(),
    )?;
    Ok((account.id, person.id))
}

/// The blind index of a login name: HMAC under the index key of its lower-case form, so that
/// the register finds an account without holding the name in the clear.
pub fn login_index(core: &Core, login: &str) -> [u8; 32] {
    let folded = login.trim().to_lowercase();
    hmac_sha256(
        core.keys.index.as_bytes(),
        &[b"custos/login/v1\0", folded.as_bytes()],
    )
}
