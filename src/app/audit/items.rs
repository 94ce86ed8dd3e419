//! Items beside the entries that added them, and the commitments of what is stored of them.

use custos_core::{
    event::slot,
    ids::Id,
    object::{SegmentHeads, StoredObject},
};
use serde_json::{Value, json};

use super::{Added, Audit, AuditError, Phase, Place, log::Found, objects::ToRead};
use crate::{
    db::{
        Connection,
        audit::{self as register, Unseal, tables},
        entries::{Body, Link},
        value,
    },
    keyring::ScopeKeys,
};

/// The table of items.
const ITEMS: &str = "items";
/// The table of the commitments of their objects.
const OBJECTS: &str = "objects";

impl Audit<'_> {
    pub(super) fn items(&mut self, connection: &mut Connection) -> Result<Vec<ToRead>, AuditError> {
        let added = std::mem::take(&mut self.added);
        let total = added.len() as u64;
        let mut objects = Vec::new();
        for item in added {
            self.progress(Phase::Items, self.report.checked.items, total);
            self.report.checked.items += 1;
            objects.extend(self.item(connection, &item)?);
        }
        for id in register::spare_objects(connection)? {
            let place = Place::Row {
                table: OBJECTS,
                id,
                column: None,
            };
            self.report.found(place, "no item names it");
        }
        self.progress(Phase::Items, total, total);
        Ok(objects)
    }

    fn item(
        &mut self,
        connection: &mut Connection,
        added: &Added,
    ) -> Result<Option<ToRead>, AuditError> {
        let Some((keys, link, body)) = self.reopen(connection, added)? else {
            self.report.unchecked += 1;
            return Ok(None);
        };
        let Ok(stored) = StoredObject::from_value(body.value(slot::STORED)) else {
            let index = added.index;
            let place = Place::Entry {
                index,
                part: "body",
            };
            self.report.found(place, "it does not say what is stored");
            return Ok(None);
        };
        self.item_row(connection, added, &keys, (&link, &body), &stored)?;
        let heads = self.heads(connection, added, &keys, &stored)?;
        let parsed = |slot: usize| body.value(slot).as_str().and_then(|hash| hash.parse().ok());
        Ok(Some(ToRead {
            item: added.item,
            scope: added.scope,
            stored,
            heads,
            sha256: parsed(slot::SHA256),
            content_root: parsed(slot::CONTENT_ROOT),
        }))
    }

    /// The entry that added an item; it was checked when the log was.
    fn reopen(
        &mut self,
        connection: &mut Connection,
        added: &Added,
    ) -> Result<Option<(std::sync::Arc<ScopeKeys>, Link, Body)>, AuditError> {
        let Some(keys) = self.scopes.get(&added.scope).cloned().flatten() else {
            return Ok(None);
        };
        let entry = register::entries(connection, added.index - 1, 1)?.pop();
        let Some(row) = entry.map(|entry| entry.row) else {
            return Ok(None);
        };
        let Found::Key(key) = self.entry_key(connection, &keys, added.item)? else {
            return Ok(None);
        };
        let link = row.decrypt_link(keys.value.as_bytes());
        let body = row.open_body(&key);
        Ok(match (link, body) {
            (Ok(link), Ok(Some(body))) => Some((keys, link, body)),
            _ => None,
        })
    }

    /// The item's row beside the slots of its entry. That it is missing was told already.
    fn item_row(
        &mut self,
        connection: &mut Connection,
        added: &Added,
        keys: &ScopeKeys,
        (link, body): (&Link, &Body),
        stored: &StoredObject,
    ) -> Result<(), AuditError> {
        let Some(table) = tables::named(ITEMS) else {
            return Ok(());
        };
        let rows = register::rows_with(connection, table, "id", added.item)?;
        let Some(row) = rows.first() else {
            return Ok(());
        };
        let columns = row.open(table, Unseal::Key(keys.value.as_bytes())).columns;
        let differs =
            |column: &str, wanted: &Value| columns.get(column).is_some_and(|found| found != wanted);
        let mut wrong = Vec::new();
        for (column, wanted) in [
            ("case_id", link.value(slot::CASE)),
            ("scope_id", link.value(slot::SCOPE)),
            ("nth", link.value(slot::ITEM_NTH)),
            ("object_id", &json!(stored.object())),
        ] {
            if differs(column, wanted) {
                wrong.push(column);
            }
        }
        let description = body.value(slot::DESCRIPTION);
        let provenance = body.value(slot::PROVENANCE);
        let details = columns.get("details");
        let odd_details = details.is_some_and(|details| {
            [
                ("size", body.value(slot::SIZE)),
                ("sha256", body.value(slot::SHA256)),
                ("content_root", body.value(slot::CONTENT_ROOT)),
                ("media_type", body.value(slot::MEDIA_TYPE)),
                ("declared", body.value(slot::DECLARED)),
                ("stored", body.value(slot::STORED)),
                ("reference", &description["reference"]),
                ("description", &description["description"]),
                ("file_name", &description["file_name"]),
                ("provenance", &provenance["told"]),
                ("received_at", &provenance["received_at"]),
            ]
            .iter()
            .any(|(name, wanted)| &details[*name] != *wanted)
        });
        if odd_details {
            wrong.push("details");
        }
        for column in wrong {
            let place = Place::Row {
                table: ITEMS,
                id: added.item.to_string(),
                column: Some(column),
            };
            self.report
                .found(place, "it is not what the entry that added the item says");
        }
        Ok(())
    }

    /// The commitments of an object's segments, if they are those of the entry.
    fn heads(
        &mut self,
        connection: &mut Connection,
        added: &Added,
        keys: &ScopeKeys,
        stored: &StoredObject,
    ) -> Result<Option<SegmentHeads>, AuditError> {
        let object: Id = stored.object().id();
        let place = |column| Place::Row {
            table: OBJECTS,
            id: object.to_string(),
            column,
        };
        let Some(row) = register::object(connection, object)? else {
            self.report.found(place(None), "it is missing");
            return Ok(None);
        };
        if row.item != Some(added.item) {
            let what = "it is not the item that its entry added";
            self.report.found(place(Some("item_id")), what);
        }
        if row.scope != Some(added.scope) {
            let what = "it is not the scope to which the item was added";
            self.report.found(place(Some("scope_id")), what);
        }
        let sealed = value::Place {
            table: OBJECTS,
            row: object,
            column: "heads",
        };
        let heads = row
            .heads
            .and_then(|heads| sealed.open(keys.value.as_bytes(), &heads).ok())
            .and_then(|heads| SegmentHeads::parse(stored, &heads).ok());
        if heads.is_none() {
            let what = "it does not decrypt, or is not what the entry says";
            self.report.found(place(Some("heads")), what);
        }
        Ok(heads)
    }
}
