//! One entry against itself: what decrypts, what it commits to, and the columns beside it.

use custos_core::{
    checkpoint::VerifierKey,
    event::{Control, ControlKind, kind, leaf_data, slot},
    hash::Hash,
    ids::{Id, ScopeId},
    keys::Purpose,
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Pass, chains::Link};
use crate::{
    app::audit::{Added, Audit, AuditError, Place, Written},
    db::{
        Connection,
        audit::{self as register, RawEntry, tables},
        entries::{self, Body, Chain, EntryRow},
    },
    keyring::ScopeKeys,
};

/// How much of an entry's body could be had.
enum Readable {
    /// All of it.
    Yes(Body),
    /// It is damaged, and that was told.
    No,
    /// Its key is, which was told elsewhere.
    Unusable,
}

/// Keys of subjects that are kept unwrapped; more are unwrapped again.
const MAX_ENTRY_KEYS: usize = 65_536;

/// A key that was looked for.
pub(in crate::app::audit) enum Found {
    /// The key.
    Key(Zeroizing<[u8; 32]>),
    /// There is none.
    Missing,
    /// It does not unwrap, which is told of the key.
    Unusable,
}

impl Audit<'_> {
    /// Checks one entry, and gives its leaf as its commitments make it.
    pub(super) fn entry(
        &mut self,
        connection: &mut Connection,
        pass: &mut Pass,
        RawEntry { row, odd }: RawEntry,
    ) -> Result<Vec<u8>, AuditError> {
        for part in odd {
            self.entry_found(&row, part, "it is not what this column holds");
        }
        if row.leaf.first() == Some(&0x02) {
            self.control(pass, &row);
            return Ok(row.leaf);
        }
        let Some(scope) = id(row.scope_id.as_deref()).map(ScopeId::from) else {
            self.entry_found(&row, "scope_id", "it is no scope");
            self.unreadable.extend(row.commitment());
            return Ok(row.leaf);
        };
        let Some(keys) = self.scopes.get(&scope).cloned() else {
            self.entry_found(&row, "scope_id", "there is no such scope");
            self.unreadable.extend(row.commitment());
            return Ok(row.leaf);
        };
        let Some(keys) = keys else {
            self.report.unchecked += 1;
            self.without_slots(pass, &row, scope);
            return Ok(row.leaf);
        };
        let link = match row.decrypt_link(keys.value.as_bytes()) {
            Ok(link) => link,
            Err(_) => {
                let body = self.body(connection, &row, &keys)?;
                // Both parts are bound to the row's id: where neither decrypts it is that.
                let part = match body {
                    Readable::Yes(_) | Readable::Unusable => "link",
                    Readable::No => "id",
                };
                self.entry_found(&row, part, "its link part does not decrypt");
                self.without_slots(pass, &row, scope);
                return Ok(row.leaf);
            }
        };
        let c = link.commitments.entry();
        let leaf = leaf_data(&c).to_vec();
        if row.leaf != leaf {
            self.entry_found(&row, "leaf", "it is not what its commitments make");
        }
        let body = self.read_body(connection, &row, &keys)?;
        if let Some(body) = &body
            && row.assemble(&link, body).is_err()
        {
            self.entry_found(
                &row,
                "row",
                "a slot does not fit its commitment, or its type",
            );
        }
        self.slots(&row, &link, body.as_ref());
        self.time(pass, &row, link.value(slot::TIME));
        self.follow(pass, &row, scope, &link, c);
        self.bound_rows(&row, link.value(slot::ROWS), c);
        self.adds(&row, scope, &link, body.is_some());
        Ok(leaf)
    }

    fn entry_found(&mut self, row: &EntryRow, part: &'static str, what: &'static str) {
        let index = row.idx;
        self.report.found(Place::Entry { index, part }, what);
    }

    /// A public control entry: the first names the log's keys.
    fn control(&mut self, pass: &mut Pass, row: &EntryRow) {
        let columns = [
            ("scope_id", row.scope_id.is_some()),
            ("scope_nth", row.scope_nth.is_some()),
            ("item_nth", row.item_nth.is_some()),
            ("subject_id", row.subject_id.is_some()),
            ("subject_nth", row.subject_nth.is_some()),
            ("writes_rows", row.writes_rows),
            ("link", row.link.is_some()),
            ("body", row.body.is_some()),
        ];
        for (part, _) in columns.into_iter().filter(|(_, there)| *there) {
            self.entry_found(row, part, "a control entry has none");
        }
        let control = match Control::parse_leaf(&row.leaf) {
            Ok(control) => control,
            Err(_) => return self.entry_found(row, "leaf", "it is no control entry"),
        };
        let first = matches!(control.kind, ControlKind::Open | ControlKind::Succeed);
        if first != (row.idx == 0) {
            self.entry_found(row, "leaf", "the log begins elsewhere");
        }
        if control.origin != self.room.origin {
            self.entry_found(row, "leaf", "it is of another log");
        }
        let named = |keys: &[String], key: &VerifierKey| keys.contains(&key.to_string());
        let size = u64::try_from(row.idx).map_or(0, |index| index + 1);
        let log = self.room.log_keys.as_ref();
        let log = log.map_or(Vec::new(), |keys| keys.from_size(size));
        let bundle = self.room.bundle_key.iter();
        if !log.into_iter().all(|key| named(&control.log_keys, key))
            || !bundle
                .into_iter()
                .all(|key| named(&control.bundle_keys, key))
        {
            self.entry_found(row, "leaf", "the keys that it names are not the room's");
        }
        pass.control = Some(control.kind);
    }

    /// Decrypts the body part; where it does not, that is told.
    fn read_body(
        &mut self,
        connection: &mut Connection,
        row: &EntryRow,
        keys: &ScopeKeys,
    ) -> Result<Option<Body>, AuditError> {
        match self.body(connection, row, keys)? {
            Readable::Yes(body) => return Ok(Some(body)),
            Readable::No => self.entry_found(row, "body", "it is missing, or does not decrypt"),
            Readable::Unusable => self.report.unchecked += 1,
        }
        Ok(None)
    }

    fn body(
        &mut self,
        connection: &mut Connection,
        row: &EntryRow,
        keys: &ScopeKeys,
    ) -> Result<Readable, AuditError> {
        let Some(subject) = id(row.subject_id.as_deref()) else {
            self.entry_found(row, "subject_id", "it is no id");
            return Ok(Readable::Unusable);
        };
        match self.entry_key(connection, keys, subject)? {
            Found::Key(key) => Ok(match row.open_body(&key) {
                Ok(Some(body)) => Readable::Yes(body),
                _ => Readable::No,
            }),
            Found::Missing => {
                self.entry_found(row, "subject_id", "there is no key of this subject");
                Ok(Readable::Unusable)
            }
            Found::Unusable => Ok(Readable::Unusable),
        }
    }

    /// The key of a subject's entries in a scope.
    pub(in crate::app::audit) fn entry_key(
        &mut self,
        connection: &mut Connection,
        keys: &ScopeKeys,
        subject: Id,
    ) -> Result<Found, AuditError> {
        let place = (keys.scope, subject);
        if let Some(key) = self.entry_keys.get(&place) {
            return Ok(Found::Key(key.clone()));
        }
        let Some(wrapped) = register::key_of(connection, keys.scope, subject, Purpose::Entry)?
        else {
            return Ok(Found::Missing);
        };
        let Ok(key) = keys.unwrap(&wrapped) else {
            return Ok(Found::Unusable);
        };
        if self.entry_keys.len() >= MAX_ENTRY_KEYS {
            self.entry_keys.clear();
        }
        self.entry_keys.insert(place, key.clone());
        Ok(Found::Key(key))
    }

    /// The columns in the clear beside the slots that they repeat.
    fn slots(&mut self, row: &EntryRow, link: &entries::Link, body: Option<&Body>) {
        let shown = |bytes: Option<&[u8]>| bytes.map(hex::encode);
        let wrong = [
            (
                "scope_id",
                link.value(slot::SCOPE) != &json!(shown(row.scope_id.as_deref())),
            ),
            (
                "scope_nth",
                link.value(slot::SCOPE_NTH) != &json!(row.scope_nth),
            ),
            (
                "item_nth",
                link.value(slot::ITEM_NTH) != &json!(row.item_nth),
            ),
            (
                "subject_nth",
                link.value(slot::SUBJECT_NTH) != &json!(row.subject_nth),
            ),
            (
                "writes_rows",
                (link.value(slot::ROWS)["rows"] != json!([])) != row.writes_rows,
            ),
            (
                "subject_id",
                body.is_some_and(|body| {
                    body.value(slot::SUBJECT)["id"] != json!(shown(row.subject_id.as_deref()))
                }),
            ),
        ];
        for (part, _) in wrong.into_iter().filter(|(_, wrong)| *wrong) {
            self.entry_found(row, part, "it is not what its slot says");
        }
        if link.value(slot::ORIGIN) != &json!(self.room.origin) {
            self.entry_found(row, "link", "it is of another log");
        }
        let adds = link.value(slot::KIND).as_str().is_some_and(kind::adds_item);
        if !adds && !link.value(slot::ITEM_NTH).is_null() {
            self.entry_found(row, "link", "it counts as an item and adds none");
        }
    }

    /// Slot 3 never falls as the index rises.
    fn time(&mut self, pass: &mut Pass, row: &EntryRow, time: &Value) {
        let Some(time) = time.as_i64() else {
            return self.entry_found(row, "link", "its time is no time");
        };
        if pass.time.is_some_and(|before| time < before) {
            self.entry_found(row, "row", "it is earlier than the entry before it");
        }
        pass.time = pass.time.max(Some(time));
        pass.newest_time = Some(time);
    }

    /// Takes the entry into its chains.
    fn follow(
        &mut self,
        pass: &mut Pass,
        row: &EntryRow,
        scope: ScopeId,
        link: &entries::Link,
        c: Hash,
    ) {
        let mut chains = vec![
            (Chain::Scope(scope), slot::SCOPE_NTH),
            (Chain::Items(scope), slot::ITEM_NTH),
        ];
        let subject = id(row.subject_id.as_deref());
        chains.extend(subject.map(|id| (Chain::Subject(scope, id), slot::SUBJECT_NTH)));
        for (chain, nth) in chains {
            let Some(number) = link.value(nth).as_u64() else {
                continue;
            };
            let prev = link.value(nth + 1).as_str().and_then(|c| c.parse().ok());
            let link = Link {
                chain,
                nth: number,
                prev: Ok(prev),
                c,
                index: row.idx,
            };
            pass.chains.take(self, &link);
        }
    }

    /// Follows the chains of an entry whose slots can't be read by the columns beside them,
    /// so that what comes after it is not condemned.
    fn without_slots(&mut self, pass: &mut Pass, row: &EntryRow, scope: ScopeId) {
        let Some(c) = row.commitment() else { return };
        self.unreadable.insert(c);
        let subject = id(row.subject_id.as_deref());
        for (chain, nth) in [
            (Some(Chain::Scope(scope)), row.scope_nth),
            (Some(Chain::Items(scope)), row.item_nth),
            (subject.map(|id| Chain::Subject(scope, id)), row.subject_nth),
        ] {
            let nth = nth.and_then(|nth| u64::try_from(nth).ok());
            if let (Some(chain), Some(nth)) = (chain, nth) {
                let link = Link {
                    chain,
                    nth,
                    prev: Err(()),
                    c,
                    index: row.idx,
                };
                pass.chains.take(self, &link);
            }
        }
    }

    /// Replays slot 31.
    fn bound_rows(&mut self, row: &EntryRow, rows: &Value, c: Hash) {
        let rows = rows["rows"].as_array().map_or(&[][..], Vec::as_slice);
        for told in rows {
            let parsed = || {
                let table = tables::named(told["table"].as_str()?)?;
                let id: Id = told["id"].as_str()?.parse().ok()?;
                let rev = told["rev"].as_u64()?;
                let hash = told["hash"].as_str()?.parse().ok()?;
                Some((table.name, id, Written { rev, hash, c }))
            };
            let Some((table, id, written)) = parsed() else {
                self.entry_found(row, "link", "it writes a row of an unknown table");
                continue;
            };
            let rev = written.rev;
            let before = self.written.insert((table, id), written);
            if before.map_or(0, |before| before.rev) >= rev {
                self.entry_found(row, "link", "it writes a revision that was written before");
            }
        }
    }

    fn adds(&mut self, row: &EntryRow, scope: ScopeId, link: &entries::Link, readable: bool) {
        let adds = link.value(slot::KIND).as_str().is_some_and(kind::adds_item);
        let subject = id(row.subject_id.as_deref()).filter(|_| adds);
        match subject {
            Some(item) if readable => self.added.push(Added {
                item,
                scope,
                index: row.idx,
            }),
            Some(_) => self.report.unchecked += 1,
            None => {}
        }
    }
}

fn id(bytes: Option<&[u8]>) -> Option<Id> {
    bytes?.try_into().ok().map(Id::from_bytes)
}
