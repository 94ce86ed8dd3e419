//! Stored objects: present, of their length, unaltered; and what nobody names.

use custos_core::{
    content::{TreeKind, tree_key},
    hash::Hash,
    ids::{Id, ItemId, ScopeId},
    keys::{DataKey, Purpose, SaltKey},
    object::{SegmentHeads, StoredObject},
};
use futures::TryStreamExt;
use zeroize::Zeroizing;

use super::{Audit, AuditError, Content, Options, Phase, Place};
use crate::{
    content::{
        audit::{self as stored_bytes, Damage, Expected},
        read::ReadError,
    },
    db::{Connection, audit as register, evidence},
};

/// Objects one after the other that can't be read, before the store itself is taken for gone.
const MAX_UNREADABLE: u32 = 16;

/// An object that a custody entry says is stored.
pub(super) struct ToRead {
    pub(super) item: Id,
    pub(super) scope: ScopeId,
    pub(super) stored: StoredObject,
    /// Commitments of its segments; none where they are damaged.
    pub(super) heads: Option<SegmentHeads>,
    pub(super) sha256: Option<Hash>,
    pub(super) content_root: Option<Hash>,
}

/// A key with its id, as it is shown.
type NamedKey = (String, Zeroizing<[u8; 32]>);

impl Audit<'_> {
    pub(super) fn objects(
        &mut self,
        connection: &mut Connection,
        objects: &[ToRead],
        options: Options,
    ) -> Result<(), AuditError> {
        if options.content == Content::Skip {
            return Ok(());
        }
        let bytes = |object: &ToRead| object.stored.layout().stored_len();
        let compared = options
            .after
            .and_then(|after| objects.iter().position(|object| object.item == after));
        let objects = &objects[compared.map_or(0, |at| at + 1)..];
        let total = objects.iter().map(bytes).sum();
        let mut unreadable = 0;
        for object in objects {
            self.progress(Phase::Content, self.report.checked.stored_bytes, total);
            match self.compared_with(connection, object, options) {
                Ok(()) => unreadable = 0,
                // One that can't be read keeps nobody from the others.
                Err(AuditError::Store(error)) if unreadable < MAX_UNREADABLE => {
                    unreadable += 1;
                    let place = Place::Object {
                        id: object.stored.object(),
                        segment: None,
                        chunk: None,
                    };
                    self.report
                        .found(place, format!("it can't be read: {error}"));
                }
                Err(error) => return Err(error),
            }
            self.report.checked.stored_bytes += bytes(object);
            self.compared = Some(object.item);
        }
        self.progress(Phase::Content, total, total);
        self.orphans(connection)
    }

    /// Compares one object with what its entry says of it.
    fn compared_with(
        &mut self,
        connection: &mut Connection,
        object: &ToRead,
        options: Options,
    ) -> Result<(), AuditError> {
        let expected = match options.content {
            Content::Full => self.expected(connection, object)?,
            _ => None,
        };
        match expected {
            Some(expected) => self.opened(connection, object, &expected),
            None => self.altered(object),
        }
    }

    /// What is needed to open an object; none where keys or commitments are damaged, which
    /// was told of those.
    fn expected(
        &mut self,
        connection: &mut Connection,
        object: &ToRead,
    ) -> Result<Option<Expected>, AuditError> {
        let data = self.item_key(connection, object, Purpose::Data)?;
        let salt = self.item_key(connection, object, Purpose::Salt)?;
        let parts = (
            data,
            salt,
            &object.heads,
            object.sha256,
            object.content_root,
        );
        let (Some((_, data)), Some((_, salt)), Some(heads), Some(sha256), Some(content_root)) =
            parts
        else {
            self.report.unchecked += 1;
            return Ok(None);
        };
        let salt_key = SaltKey::from_bytes(*salt);
        let Ok(tree_key) = tree_key(&salt_key, TreeKind::Content, 0) else {
            return Ok(None);
        };
        Ok(Some(Expected {
            item: ItemId::from(object.item),
            data_key: DataKey::from_bytes(*data),
            tree_key,
            stored: object.stored.clone(),
            commitments: heads.commitments().to_vec(),
            sha256,
            content_root,
        }))
    }

    /// A key of an item with the key's id.
    fn item_key(
        &self,
        connection: &mut Connection,
        object: &ToRead,
        purpose: Purpose,
    ) -> Result<Option<NamedKey>, AuditError> {
        let keys = self.scopes.get(&object.scope).cloned().flatten();
        let wrapped = register::key_of(connection, object.scope, object.item, purpose)?;
        Ok(keys.zip(wrapped).and_then(|(keys, wrapped)| {
            let key = keys.unwrap(&wrapped).ok()?;
            Some((wrapped.id.to_string(), key))
        }))
    }

    /// Opens every chunk of an object.
    fn opened(
        &mut self,
        connection: &mut Connection,
        object: &ToRead,
        expected: &Expected,
    ) -> Result<(), AuditError> {
        let report = self.read(stored_bytes::content(self.store, expected))?;
        if report.is_sound() {
            return Ok(());
        }
        // Where the stored bytes are the right ones, it is a key that is another's.
        let purpose = match report.named[..] {
            [Damage::ContentRoot] => Some(Purpose::Salt),
            [Damage::Header { .. }, ..] => Some(Purpose::Data),
            _ => None,
        };
        if let Some(purpose) = purpose
            && self.is_unaltered(object)?
            && let Some((id, _)) = self.item_key(connection, object, purpose)?
        {
            let place = Place::Key {
                id: Some(id),
                purpose: Some(purpose.as_str()),
                owner: Some(object.item.to_string()),
            };
            self.report
                .found(place, "it is not the key of what is stored of its item");
            return Ok(());
        }
        for damage in &report.named {
            self.damage(object, *damage);
        }
        self.report.total += report.total - report.named.len() as u64;
        Ok(())
    }

    fn is_unaltered(&self, object: &ToRead) -> Result<bool, AuditError> {
        let report = stored_bytes::stored(self.store, &object.stored);
        Ok(self.read(report)?.is_sound())
    }

    fn read(
        &self,
        reading: impl Future<Output = Result<stored_bytes::Report, ReadError>>,
    ) -> Result<stored_bytes::Report, AuditError> {
        self.runtime.block_on(reading).map_err(|error| match error {
            ReadError::Store(error) => error.into(),
            // The commitments were checked before; anything else is the machine's fault.
            _ => AuditError::Stopped,
        })
    }

    /// Compares the stored bytes without keys.
    fn altered(&mut self, object: &ToRead) -> Result<(), AuditError> {
        let report = stored_bytes::stored(self.store, &object.stored);
        for damage in self.read(report)?.named {
            self.damage(object, damage);
        }
        Ok(())
    }

    fn damage(&mut self, object: &ToRead, damage: Damage) {
        let (segment, chunk, what) = match damage {
            Damage::Missing => (None, None, "it is missing".into()),
            Damage::Length { expected, found } => (
                None,
                None,
                format!("{found} of {expected} stored bytes are there"),
            ),
            Damage::Stored => (None, None, "a stored byte was changed".into()),
            Damage::Header { segment } => (Some(segment), None, "its header was changed".into()),
            Damage::Chunk { segment, chunk } => {
                (Some(segment), Some(chunk), "it does not decrypt".into())
            }
            Damage::Sha256 => (None, None, "it is not of its entry's SHA-256".into()),
            Damage::ContentRoot => (None, None, "it is not of its entry's content root".into()),
        };
        let place = Place::Object {
            id: object.stored.object(),
            segment,
            chunk,
        };
        self.report.found(place, what);
    }

    /// Objects that no row names: what a crash or a refusal left, or a deposit under way.
    fn orphans(&mut self, connection: &mut Connection) -> Result<(), AuditError> {
        let mut listed = self.store.list_objects();
        while let Some(object) = self.runtime.block_on(listed.try_next())? {
            if !evidence::names_object(connection, object.object)? {
                let place = Place::Object {
                    id: object.object,
                    segment: None,
                    chunk: None,
                };
                let what = format!("no item names its {} stored bytes", object.size);
                self.report.note(place, what);
            }
        }
        Ok(())
    }
}
