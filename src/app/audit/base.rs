//! The database file, and which room, log and keys there are: what the rest starts from.

use custos_core::{
    checkpoint::{LogKeys, NoteSigner, SignedCheckpoint, VerifierKey},
    event::Control,
    ids::{LeafIndex, ScopeId},
    keys::{Purpose, SessionKey},
};
use zeroize::Zeroizing;

use super::{Audit, AuditError, Phase, Place, Room, published::Listed};
use crate::{
    app::found::bundle_name,
    db::{
        Connection,
        audit::{self as register, RawCheckpoint, RawHead},
    },
};

/// The table of the head, as places name it.
const HEAD: &str = "log_head";

impl Audit<'_> {
    /// Whether the file is whole and its schema that of this program.
    pub(super) fn database(&mut self, connection: &mut Connection) -> Result<(), AuditError> {
        self.progress(Phase::Database, 0, 1);
        for fault in register::faults(connection, &self.schema)? {
            self.report.found(Place::Database, fault);
        }
        let (unknown, pending) = register::migrations(connection)?;
        for version in unknown {
            let what = format!("migration `{version}` is unknown: a newer version wrote this");
            self.report.found(Place::Database, what);
        }
        for version in pending {
            let what =
                format!("migration `{version}` was not applied: an older version wrote this");
            self.report.found(Place::Database, what);
        }
        for (table, column, id) in register::unnumbered(connection)? {
            let column = Some(column);
            let place = Place::Row { table, id, column };
            self.report.found(place, "it is no integer");
        }
        self.progress(Phase::Database, 1, 1);
        Ok(())
    }

    /// Finds out which room this is. Where two places disagree, a third decides which of them
    /// is damaged, so that one flipped byte does not condemn all the rest.
    pub(super) fn base(
        &mut self,
        connection: &mut Connection,
        public: &Listed,
    ) -> Result<(), AuditError> {
        let mut heads = register::heads(connection)?;
        if heads.len() > 1 {
            self.report
                .found(Place::Head { field: "id" }, "there is more than one head");
        }
        let Some(head) = heads.pop() else {
            if register::count(connection, "entries")? == 0 {
                return Err(AuditError::NoRoom);
            }
            self.report
                .found(Place::Head { field: "id" }, "it is missing");
            return self.room(connection, RawHead::default(), public);
        };
        for (field, odd) in [
            ("id", head.id != Some(1)),
            ("origin", head.origin.is_none()),
            ("room_id", head.room.is_none()),
            ("size", head.size.is_none()),
            ("root", head.root.is_none()),
            ("edge", head.edge.is_none()),
            ("time", head.time.is_none()),
            ("published", head.published.is_none()),
        ] {
            if odd {
                let what = "it is not what this column holds";
                self.report.found(Place::Head { field }, what);
            }
        }
        self.room(connection, head, public)
    }

    fn room(
        &mut self,
        connection: &mut Connection,
        head: RawHead,
        public: &Listed,
    ) -> Result<(), AuditError> {
        let newest = register::newest_checkpoint(connection)?;
        let id = self.room_id(connection, &head)?;
        let log = self.room_key(connection, id, Purpose::Log)?;
        let bundle = self.room_key(connection, id, Purpose::Bundle)?;
        let session = self.room_key(connection, id, Purpose::Session)?;
        let control =
            register::first_leaf(connection)?.and_then(|leaf| Control::parse_leaf(&leaf).ok());
        let origin = origin(&head, control.as_ref(), log.as_deref(), newest.as_ref());
        if head.origin.as_ref().is_some_and(|found| *found != origin) {
            let what = "it is not the origin that the log's first entry names";
            self.report.found(Place::Head { field: "origin" }, what);
        }
        let key = |name: &str, seed: &Option<Zeroizing<[u8; 32]>>| {
            let signer = NoteSigner::from_seed(name, seed.as_deref()?).ok()?;
            Some(signer.verifier_key().clone())
        };
        let named = log_keys(connection, &origin)?;
        let log_keys = match key(&origin, &log) {
            // What the control entries say holds as far as it fits the key that the room has.
            Some(own) => named
                .filter(|named| *named.present() == own)
                .or(Some(LogKeys::of(own))),
            None => named.or_else(|| named_key(control.as_ref()).map(LogKeys::of)),
        };
        self.room = Room {
            id,
            bundle_key: key(&bundle_name(&origin), &bundle),
            session: session.map(|key| SessionKey::from_bytes(*key)),
            published: 0,
            head,
            origin,
            log_keys,
        };
        self.room.published = self.published_size(newest.as_ref(), public);
        Ok(())
    }

    /// The room's scope: the head's, unless only another has the room's keys.
    fn room_id(
        &mut self,
        connection: &mut Connection,
        head: &RawHead,
    ) -> Result<Option<ScopeId>, AuditError> {
        let named = register::scopes(connection)?
            .into_iter()
            .find(|scope| scope.kind.as_deref() == Some("room"))
            .and_then(|scope| scope.id);
        for candidate in [head.room, named].into_iter().flatten() {
            let has_keys = [Purpose::Log, Purpose::Session, Purpose::Scope]
                .into_iter()
                .map(|purpose| register::key_of(connection, candidate, candidate.id(), purpose))
                .collect::<Result<Vec<_>, _>>()?
                .iter()
                .any(Option::is_some);
            if has_keys {
                if head.room.is_some_and(|room| room != candidate) {
                    let what = "it is not the room that the keys belong to";
                    self.report.found(Place::Head { field: "room_id" }, what);
                }
                return Ok(Some(candidate));
            }
        }
        Ok(head.room.or(named))
    }

    /// One of the room's own keys, if it unwraps; that it does not is told with all keys.
    fn room_key(
        &self,
        connection: &mut Connection,
        room: Option<ScopeId>,
        purpose: Purpose,
    ) -> Result<Option<Zeroizing<[u8; 32]>>, AuditError> {
        let Some(room) = room else { return Ok(None) };
        let wrapped = register::key_of(connection, room, room.id(), purpose)?;
        Ok(wrapped.and_then(|wrapped| self.keyring.unwrap_under_root(&wrapped).ok()))
    }

    /// The newest published size: what head, kept checkpoints and published file say, two of
    /// which outvote the third.
    fn published_size(&mut self, newest: Option<&RawCheckpoint>, public: &Listed) -> u64 {
        let kept = newest
            .and_then(|newest| u64::try_from(newest.size).ok())
            .unwrap_or(0);
        let told = self.room.head.published.unwrap_or(kept);
        if told == kept {
            return kept;
        }
        let file = public
            .checkpoint
            .as_ref()
            .and_then(|note| SignedCheckpoint::parse(note).ok())
            .filter(|signed| {
                let keys = self.room.log_keys.as_ref();
                keys.is_some_and(|keys| keys.verify(signed).is_ok())
            })
            .map(|signed| signed.checkpoint().size());
        if file == Some(told) {
            let size = i64::try_from(told).unwrap_or(i64::MAX);
            self.report.found(
                Place::Checkpoint { size },
                format!("it is missing: `{HEAD}` and the published file name it"),
            );
            return told;
        }
        let what = format!("the newest kept checkpoint is of size {kept}");
        self.report.found(Place::Head { field: "published" }, what);
        kept
    }
}

/// The log's origin: that of the first entry, unless only the head's fits the signature of
/// the newest checkpoint.
fn origin(
    head: &RawHead,
    control: Option<&Control>,
    seed: Option<&[u8; 32]>,
    newest: Option<&RawCheckpoint>,
) -> String {
    let entered = control.map(|control| control.origin.clone());
    let fits = |origin: &String| {
        let signed = SignedCheckpoint::parse(newest?.note.as_ref()?).ok()?;
        let signer = NoteSigner::from_seed(origin, seed?).ok()?;
        signed.verify(signer.verifier_key()).ok().map(drop)
    };
    let candidates = || entered.iter().chain(&head.origin);
    candidates()
        .find(|origin| fits(origin).is_some())
        .or_else(|| candidates().next())
        .cloned()
        .unwrap_or_default()
}

/// The keys of the log of this origin as its control entries name them, if they do.
fn log_keys(connection: &mut Connection, origin: &str) -> Result<Option<LogKeys>, AuditError> {
    let controls = register::controls(connection)?;
    let controls: Vec<(LeafIndex, Control)> = controls
        .into_iter()
        .filter_map(|(index, leaf)| {
            let index = LeafIndex::new(u64::try_from(index).ok()?).ok()?;
            Some((index, Control::parse_leaf(&leaf).ok()?))
        })
        .filter(|(_, control)| control.origin == origin)
        .collect();
    let named = controls.iter().map(|(index, control)| (*index, control));
    Ok(LogKeys::named_by(named).ok())
}

/// The log's key as the first entry names it, where the room's own does not unwrap.
fn named_key(control: Option<&Control>) -> Option<VerifierKey> {
    control?.log_keys.first()?.parse().ok()
}
