//! One transaction's view of the log: drafts become entries, in order.

use std::{
    collections::{HashMap, hash_map::Entry::Vacant},
    sync::Arc,
};

use custos_core::{
    event::{self, Entry, SLOTS, slot},
    hash::Hash,
    ids::{CaseId, Id, LeafIndex, PersonId, ScopeId, Timestamp},
    keys::EntryKey,
    merkle,
    row::{BoundRow, rows_value},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    context::Core,
    error::Error,
    stock::{Blank, Stock},
    synthetic,
};
use crate::{
    db::{
        Connection, DbError,
        entries::{self, Chain, ChainHead, EntryRow},
        head::Head,
        keys,
    },
    keyring::ScopeKeys,
};

/// Who acts, in which role, and how they proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acting {
    /// The person.
    pub person: PersonId,
    /// The role that allowed it, or in which it was refused.
    pub role: Option<String>,
    /// `password`, `token`, `link`.
    pub means: String,
}

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    /// `item`, `case`, `set`, `request`, `room`.
    pub noun: &'static str,
    /// Its id.
    pub id: Id,
}

/// A purpose that was given: a code and, where policy asks for it, a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purpose {
    /// A short code: `investigation`, `trial`, `disclosure`, ...
    pub code: String,
    /// In the person's own words.
    pub text: String,
}

/// An entry before its place in the log is known.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What happened; one of the kinds in `docs/FORMATS.md`.
    pub kind: &'static str,
    /// The scope whose chains and keys it belongs to.
    pub scope: ScopeId,
    /// The case, if it is about one.
    pub case: Option<CaseId>,
    /// What it is about.
    pub subject: Subject,
    /// Who did it; `None` for what the room does by itself.
    pub acting: Option<Acting>,
    /// The order under which it was done.
    pub authority: Option<Id>,
    /// Hash of the policy set, and slot 18.
    pub decision: Option<(Hash, Value)>,
    /// `C` of the entries that approved it.
    pub approvals: Vec<Hash>,
    /// Why.
    pub purpose: Option<Purpose>,
    /// Slots 22 to 30.
    pub detail: [Value; 9],
    /// Bound rows that are written with it.
    pub rows: Vec<BoundRow>,
}

impl Draft {
    /// A draft with what every entry has.
    pub fn new(kind: &'static str, scope: ScopeId, subject: Subject) -> Self {
        Self {
            kind,
            scope,
            case: None,
            subject,
            acting: None,
            authority: None,
            decision: None,
            approvals: Vec::new(),
            purpose: None,
            detail: [const { Value::Null }; 9],
            rows: Vec::new(),
        }
    }

    /// An event of the room, whose subject is the room.
    pub fn of_room(kind: &'static str, room: ScopeId) -> Self {
        let subject = Subject {
            noun: "room",
            id: room.id(),
        };
        Self::new(kind, room, subject)
    }

    /// With the detail slot `slot` (22 to 30) set.
    #[must_use]
    pub fn detail(mut self, slot: usize, value: Value) -> Self {
        self.detail[slot - slot::DETAIL] = value;
        self
    }

    /// With the case that it is about.
    #[must_use]
    pub fn case(mut self, case: CaseId) -> Self {
        self.case = Some(case);
        self
    }

    /// With who did it.
    #[must_use]
    pub fn by(mut self, acting: Acting) -> Self {
        self.acting = Some(acting);
        self
    }

    /// With a bound row that is written with it.
    #[must_use]
    pub fn writes(mut self, row: BoundRow) -> Self {
        self.rows.push(row);
        self
    }
}

/// What a change is acknowledged with, once it is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entered {
    /// Position in the log.
    pub index: LeafIndex,
    /// `C`.
    pub c: Hash,
    /// Hash of the leaf, `SHA-256(0x00 | 0x01 | C)`.
    pub leaf_hash: Hash,
    /// The entry's time, slot 3.
    pub time: Timestamp,
    /// Number among the scope's items, for an entry that adds one.
    pub item_nth: Option<u64>,
}

/// One command's transaction: the connection, and the log as it stands within it.
pub struct Tx<'a> {
    /// The connection, inside a savepoint.
    pub connection: &'a mut Connection,
    /// Keys, policy, time and randomness of the room.
    pub core: &'a Core,
    stock: &'a mut Stock,
    head: &'a mut Head,
    known: &'a mut Known,
    now: Timestamp,
    entered: Vec<Entered>,
}

/// What every transaction of the writer stands on.
pub(super) struct Ground<'a> {
    pub(super) core: &'a Core,
    pub(super) stock: &'a mut Stock,
    pub(super) known: &'a mut Known,
}

/// What the writer has read or written and need not read again. Forgotten when a savepoint or
/// a batch is undone.
#[derive(Default)]
pub struct Known {
    /// Chain heads, kept between batches.
    chains: HashMap<Chain, Option<ChainHead>>,
    /// Entry keys of the present batch. INVARIANT: none outlives its batch, so that a key that
    /// was destroyed is used by nobody; whoever destroys one forgets all.
    entry_keys: HashMap<(ScopeId, Id), EntryKey>,
}

/// Chain heads kept between batches before all are read afresh.
const MAX_KNOWN_CHAINS: usize = 100_000;

impl Known {
    /// Forgets everything.
    pub fn forget(&mut self) {
        self.chains.clear();
        self.entry_keys.clear();
    }

    /// Forgets what must not be kept between batches; everything if another process `moved`
    /// the log's head.
    pub(super) fn begin(&mut self, moved: bool) {
        self.entry_keys.clear();
        if moved || self.chains.len() > MAX_KNOWN_CHAINS {
            self.chains.clear();
        }
    }
}

impl<'a> Tx<'a> {
    pub(super) fn new(
        connection: &'a mut Connection,
        ground: &'a mut Ground<'_>,
        head: &'a mut Head,
    ) -> Self {
        // Slot 3 never falls as the index rises, whatever the clock does.
        let now = ground.core.ambient.now().max(head.time);
        Self {
            connection,
            core: ground.core,
            stock: &mut *ground.stock,
            head,
            known: &mut *ground.known,
            now,
            entered: Vec::new(),
        }
    }

    /// The time that every entry of this transaction carries.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Entries in the log.
    pub(super) fn size(&self) -> u64 {
        self.head.size()
    }

    /// The room's scope.
    pub fn room(&self) -> ScopeId {
        self.head.room
    }

    /// A fresh random id.
    pub fn id<T: From<Id>>(&self) -> T {
        Id::from_bytes(self.core.ambient.bytes()).into()
    }

    /// The keys of a scope.
    ///
    /// # Errors
    /// They are missing or do not unwrap.
    pub fn scope_keys(&mut self, scope: ScopeId) -> Result<Arc<ScopeKeys>, DbError> {
        keys::scope(self.connection, &self.core.keyring, scope)
    }

    /// The number that the next item of a scope gets.
    ///
    /// # Errors
    /// The register can't be read.
    pub fn next_item(&mut self, scope: ScopeId) -> Result<u64, DbError> {
        Ok(self.next(Chain::Items(scope))?.nth)
    }

    /// What was entered in this transaction so far.
    pub fn entered(&self) -> &[Entered] {
        &self.entered
    }

    pub(super) fn into_entered(self) -> Vec<Entered> {
        self.entered
    }

    /// Gives a draft its place in the log and in its chains, commits to it, and writes it.
    ///
    /// # Errors
    /// The register can't be read or written; [`Error::Invalid`] when a detail is longer than
    /// an entry may be.
    pub fn enter(&mut self, draft: Draft) -> Result<Entered, Error> {
        debug_assert!(
            event::kind::is_known(draft.kind),
            "`{}` is in the list of kinds",
            draft.kind
        );
        let keys = self.scope_keys(draft.scope)?;
        let adds = event::kind::adds_item(draft.kind);
        let subject_chain = Chain::Subject(draft.scope, draft.subject.id);
        let scope_link = self.next(Chain::Scope(draft.scope))?;
        let subject_link = self.next(subject_chain)?;
        let item_link = if adds {
            Some(self.next(Chain::Items(draft.scope))?)
        } else {
            None
        };
        let index =
            LeafIndex::new(self.head.size()).map_err(|_| Error::CustodyUnavailable(None))?;
        let first = subject_link.prev.is_none();
        self.know_entry_key(&keys, draft.subject.id, first)?;
        let (scope, subject, kind) = (draft.scope, draft.subject.id, draft.kind);
        let writes_rows = !draft.rows.is_empty();
        let values = self.values(draft, &scope_link, item_link.as_ref(), &subject_link);
        let entry = Entry::new(values)
            .map_err(|error| Error::invalid(format!("an entry of kind `{kind}`: {error}")))?;
        let Blank { id, slots, salts } = self.stock.take();
        let commitments = entry.commit_on(&slots);
        let c = commitments.entry();
        let entry_key = &self.known.entry_keys[&(scope, subject)];
        let sealed = entries::seal(
            id,
            (keys.value.as_bytes(), entry_key.as_bytes()),
            &salts,
            (slots.link(), slots.body()),
            &entry,
            &commitments,
        );
        let leaf = event::leaf_data(&c);
        let number = |nth: u64| i64::try_from(nth).expect("chains are shorter than the log");
        entries::insert(
            self.connection,
            &EntryRow {
                idx: number(index.get()),
                id: id.as_bytes().to_vec(),
                leaf: leaf.to_vec(),
                scope_id: Some(scope.as_bytes().to_vec()),
                scope_nth: Some(number(scope_link.nth)),
                item_nth: item_link.as_ref().map(|link| number(link.nth)),
                subject_id: Some(subject.as_bytes().to_vec()),
                subject_nth: Some(number(subject_link.nth)),
                writes_rows,
                link: Some(sealed.link),
                body: Some(sealed.body),
            },
        )?;
        for (chain, link) in [
            (Chain::Scope(scope), Some(&scope_link)),
            (Chain::Items(scope), item_link.as_ref()),
            (subject_chain, Some(&subject_link)),
        ] {
            if let Some(link) = link {
                let head = ChainHead { nth: link.nth, c };
                self.known.chains.insert(chain, Some(head));
            }
        }
        let leaf_hash = merkle::leaf_hash(&leaf);
        self.push(leaf_hash);
        let entered = Entered {
            index,
            c,
            leaf_hash,
            time: self.now,
            item_nth: item_link.map(|link| link.nth),
        };
        self.entered.push(entered);
        Ok(entered)
    }

    /// Appends a public control entry.
    ///
    /// # Errors
    /// It is too long, or can't be written.
    pub fn enter_control(&mut self, control: &event::Control) -> Result<LeafIndex, Error> {
        let leaf = control
            .to_leaf()
            .map_err(|error| Error::invalid(error.to_string()))?;
        self.append(leaf)
    }

    /// Appends a leaf that commits to nothing, in a log that is for measurements alone.
    ///
    /// # Errors
    /// [`Error::Invalid`] in any other log; it can't be written.
    pub(super) fn enter_made_up(&mut self, c: &Hash) -> Result<LeafIndex, Error> {
        if self.head.origin != synthetic::ORIGIN {
            return Err(Error::invalid("made-up entries have no place in this log"));
        }
        self.append(event::leaf_data(c).to_vec())
    }

    /// Appends a leaf of no scope.
    fn append(&mut self, leaf: Vec<u8>) -> Result<LeafIndex, Error> {
        let index =
            LeafIndex::new(self.head.size()).map_err(|_| Error::CustodyUnavailable(None))?;
        self.push(merkle::leaf_hash(&leaf));
        let id: Id = self.id();
        entries::insert(
            self.connection,
            &EntryRow {
                idx: i64::try_from(index.get()).expect("indices are below 2^53"),
                id: id.as_bytes().to_vec(),
                leaf,
                scope_id: None,
                scope_nth: None,
                item_nth: None,
                subject_id: None,
                subject_nth: None,
                writes_rows: false,
                link: None,
                body: None,
            },
        )?;
        Ok(index)
    }

    fn push(&mut self, leaf_hash: Hash) {
        self.head.frontier.push(leaf_hash);
        self.head.time = self.now;
    }

    fn next(&mut self, chain: Chain) -> Result<Link, DbError> {
        let head = match self.known.chains.get(&chain) {
            Some(head) => *head,
            None => {
                let head = entries::chain_head(self.connection, chain)?;
                self.known.chains.insert(chain, head);
                head
            }
        };
        Ok(Link {
            nth: head.map_or(1, |head| head.nth + 1),
            prev: head.map(|head| head.c),
        })
    }

    /// Reads or makes the entry key of a subject, unless this batch has done so.
    fn know_entry_key(
        &mut self,
        scope: &ScopeKeys,
        subject: Id,
        first: bool,
    ) -> Result<(), DbError> {
        if let Vacant(place) = self.known.entry_keys.entry((scope.scope, subject)) {
            let ambient = &self.core.ambient;
            place.insert(keys::entry_key(
                self.connection,
                ambient,
                scope,
                subject,
                first,
            )?);
        }
        Ok(())
    }

    fn values(
        &self,
        draft: Draft,
        scope: &Link,
        item: Option<&Link>,
        subject: &Link,
    ) -> [Value; SLOTS] {
        let mut values = [const { Value::Null }; SLOTS];
        values[slot::V] = json!(1);
        values[slot::ORIGIN] = json!(self.head.origin);
        values[slot::KIND] = json!(draft.kind);
        values[slot::TIME] = json!(self.now);
        values[slot::CASE] = json!(draft.case);
        values[slot::SCOPE] = json!(draft.scope);
        for (nth, link) in [
            (slot::SCOPE_NTH, Some(scope)),
            (slot::ITEM_NTH, item),
            (slot::SUBJECT_NTH, Some(subject)),
        ] {
            values[nth] = json!(link.map(|link| link.nth));
            values[nth + 1] = json!(link.and_then(|link| link.prev));
        }
        if let Some(acting) = draft.acting {
            values[slot::ACTOR] = json!(acting.person);
            values[slot::ROLE] = json!(acting.role);
            values[slot::AUTHENTICATION] = json!(acting.means);
        }
        values[slot::AUTHORITY] = json!(draft.authority);
        // Under which set it happened stands in every entry, also where nothing was decided.
        values[slot::POLICY_SET] = json!(self.core.engine.set_hash());
        if let Some((set, decision)) = draft.decision {
            values[slot::POLICY_SET] = json!(set);
            values[slot::DECISION] = decision;
        }
        values[slot::APPROVALS] = json!(draft.approvals);
        values[slot::SUBJECT] = json!({"type": draft.subject.noun, "id": draft.subject.id});
        if let Some(purpose) = draft.purpose {
            values[slot::PURPOSE] = json!({"code": purpose.code, "text": purpose.text});
        }
        for (value, detail) in values[slot::DETAIL..].iter_mut().zip(draft.detail) {
            *value = detail;
        }
        values[slot::ROWS] = rows_value(draft.rows);
        values
    }
}

/// A place in a chain.
struct Link {
    nth: u64,
    prev: Option<Hash>,
}
