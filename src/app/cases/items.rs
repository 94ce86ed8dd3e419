//! Lists of a case's items: one entry, then one page, cut outside the writer (decision 12).
//!
//! The writer reads who asks, decides whether they may read the case, and enters that they list
//! it. Once that is durable a reader cuts the page: index, facts and rows are of one moment, at
//! or behind the entry, and policy is asked about each class of items as of that moment.

use std::collections::BTreeMap;

use custos_core::{
    event::slot,
    ids::{CaseId, ItemId, LeafIndex, Timestamp},
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    activity_scope, asked::Asked, cursor::NO_CURSOR, decided, listing::shown_states, of_case,
};
use crate::{
    app::{
        SignedIn,
        context::{Core, Room},
        deciding::Asking,
        entering::Tx,
        error::Error,
        index::{
            case::{CaseIndex, Class},
            cut::{Cut, Shown, Side, Wanted, cut},
            items::Family,
        },
        schema,
        writer::{Command, Stop},
    },
    db::{
        Connection, DbError,
        decide::{self, CaseFacts},
        index as rows,
    },
    policy::{
        ClassPermit, Permit,
        action::{ReadCase, ReadItem},
        classes::ItemClass,
        facts::Resource,
    },
};

/// An item in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ItemSummary {
    /// Its id.
    #[schema(value_type = schema::Id)]
    pub id: ItemId,
    /// Exhibit reference.
    pub reference: String,
    /// What it is, as it was told last.
    pub description: String,
    /// What was told first, where the description was corrected since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told_first: Option<String>,
    /// As the room found it.
    pub media_type: String,
    /// Bytes.
    #[schema(value_type = schema::Bytes)]
    pub size: u64,
    /// When its last byte was received.
    #[schema(value_type = schema::Time)]
    pub received_at: Timestamp,
    /// Names of the states that hold: `restricted`, `quarantined`, and `served` where it was
    /// served to anyone whom the reader may know of.
    #[schema(value_type = Vec<schema::State>)]
    pub states: Vec<String>,
}

/// How many items there are of each kind, as far as the reader may know; nothing is zero.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Facets {
    /// By state: how many there would be, were that state asked for.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub states: BTreeMap<&'static str, u64>,
    /// By the first part of the media type: how many there would be, were that asked for.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub types: BTreeMap<&'static str, u64>,
}

/// A page of a list of items. Everything is counted after what the reader may not know of was
/// left out.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct ItemList {
    /// The items of this page.
    pub items: Vec<ItemSummary>,
    /// How many there are on all pages.
    pub total: u64,
    /// Where the next page begins.
    pub next: Option<String>,
    /// Where the page before ends.
    pub previous: Option<String>,
    /// How many there are of each kind.
    pub facets: Facets,
}

/// A page of a case's items; one entry for the request.
///
/// # Errors
/// Refused, which is told as not found where the person may not know of the case, or a cursor
/// that is not of this list.
pub async fn list_items(
    room: &Room,
    who: &SignedIn,
    case: CaseId,
    asked: &Asked,
) -> Result<ItemList, Error> {
    let wanted = asked.wanted_by(&room.core, who.person, case)?;
    let asked = asked.clone();
    let detail = detail("items", &asked);
    entered(room, who, case, detail, move |reading| {
        reading.items(&asked, &wanted)
    })
    .await
}

/// What an entry says was listed.
pub(super) fn detail(of: &str, asked: &Asked) -> Value {
    match asked.entered() {
        Some(asked) => json!({"of": of, "asked": asked}),
        None => json!({"of": of}),
    }
}

/// What is read of a case behind the entry that it is read.
pub(super) struct Reading<'a> {
    pub(super) connection: &'a mut Connection,
    pub(super) core: &'a Core,
    pub(super) ground: Ground,
    index: &'a CaseIndex,
}

/// Who asks about which case, all of one moment.
pub(super) struct Ground {
    pub(super) asking: Asking,
    pub(super) facts: CaseFacts,
    pub(super) permit: Permit<ReadCase>,
}

/// Enters that a case is listed, and reads once that is durable.
pub(super) async fn entered<T: Send + 'static>(
    room: &Room,
    who: &SignedIn,
    case: CaseId,
    detail: Value,
    read: impl FnOnce(&mut Reading<'_>) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let command = Enter {
        who: *who,
        case,
        detail,
    };
    let done = room.writer.submit(command).await?;
    let (ground, entered) = (done.output, done.entered[0].index);
    let room = room.clone();
    let reading = move || {
        let (core, case) = (&room.core, ground.facts.clone());
        room.indexes
            .read((&room.pool, core), &case, |connection, index| {
                let ground = of_now(ground, entered, connection, &room)?;
                read(&mut Reading {
                    connection,
                    core,
                    ground,
                    index,
                })
            })
    };
    tokio::task::spawn_blocking(reading)
        .await
        .map_err(|_| Error::CustodyUnavailable(None))?
}

struct Enter {
    who: SignedIn,
    case: CaseId,
    detail: Value,
}

impl Command for Enter {
    type Output = Ground;

    fn run(self, tx: &mut Tx<'_>) -> Result<Ground, Stop> {
        let asking = tx.asking(&self.who)?;
        let facts = tx.case::<ReadCase>(&asking, self.case)?;
        let permit = tx.permit::<ReadCase>(&asking, &Resource::Case(facts.case))?;
        let draft = of_case("list", self.case, activity_scope(&asking, &facts))
            .permitted(tx.acting(&asking, Some(self.case)), &permit)
            .detail(slot::DETAIL, self.detail);
        tx.enter(draft)?;
        Ok(Ground {
            asking,
            facts,
            permit,
        })
    }
}

/// The same facts as of this moment, at or behind the entry. Who asks and what is there must be
/// of one moment: a person who lost a role, and an item that was opened to others since, were
/// never together.
fn of_now(
    ground: Ground,
    entered: LeafIndex,
    connection: &mut Connection,
    room: &Room,
) -> Result<Ground, Error> {
    if !rows::changed_since(connection, entered)? {
        return Ok(ground);
    }
    let (core, before) = (&room.core, ground.asking);
    let actor = decide::actor(connection, &core.keyring, room.id, before.actor.account)?;
    let asking = Asking {
        actor: actor.ok_or(Error::SignedOut)?,
        context: before.context,
    };
    let facts = decide::case(connection, &core.keyring, ground.facts.case.id)?;
    let facts = facts.ok_or(Error::NotFound)?;
    let permit = decided::<ReadCase>(core, &asking, &Resource::Case(facts.case));
    Ok(Ground {
        permit: permit.map_err(|_| Error::NotFound)?,
        asking,
        facts,
    })
}

impl Reading<'_> {
    /// A page of the items, cut from the classes that policy permits.
    pub(super) fn items(&mut self, asked: &Asked, wanted: &Wanted) -> Result<ItemList, Error> {
        let (core, index, case) = (self.core, self.index, self.ground.facts.case.id);
        self.refuse_damaged()?;
        let classes = index.classes();
        let decided = self.decided(classes.iter().map(|class| &class.class));
        let permitted: Vec<(ClassPermit<ReadItem>, &Class)> = decided
            .into_iter()
            .zip(classes)
            .filter_map(|(permit, class)| Some((permit?, class)))
            .collect();
        let shown: Vec<(&Class, Shown)> = permitted
            .iter()
            .map(|(_, class)| {
                let states = shown_states(&self.ground.asking, &class.class.item());
                (*class, Shown::of(&states))
            })
            .collect();
        let page = cut(index, &shown, wanted).ok_or_else(|| Error::invalid(NO_CURSOR))?;
        let permits: Vec<ClassPermit<ReadItem>> =
            permitted.into_iter().map(|(permit, _)| permit).collect();
        let named: Vec<(ItemId, rows::Mark)> = page
            .items
            .iter()
            .filter_map(|item| Some((*item, index.items().at(index.items().find(*item)?).mark)))
            .collect();
        let facts = &self.ground.facts;
        let found = rows::listed(self.connection, &core.keyring, facts, &permits, &named)?;
        let cursors = asked.cursors(self.ground.asking.actor.person, case);
        let cursor = |is_there: bool, item: Option<&ItemId>, side| {
            let item = item.filter(|_| is_there)?;
            Some(cursors.seal(core, item.id(), side))
        };
        Ok(ItemList {
            items: found
                .into_iter()
                .map(|checked| summary(&self.ground.asking, checked))
                .collect(),
            total: page.total,
            next: cursor(page.behind, page.items.last(), Side::Behind),
            previous: cursor(page.before, page.items.first(), Side::Before),
            facets: facets(&page),
        })
    }

    fn decided<'c>(
        &self,
        classes: impl IntoIterator<Item = &'c ItemClass>,
    ) -> Vec<Option<ClassPermit<ReadItem>>> {
        let asking = &self.ground.asking;
        let engine = &self.core.engine;
        engine.decide_classes((&asking.actor, &asking.context), classes)
    }

    /// Nobody knows which states an item has whose rows are damaged. Whoever may know of every
    /// item of the case is told; to everyone else it is not there.
    fn refuse_damaged(&self) -> Result<(), Error> {
        let engine = &self.core.engine;
        let Some((item, class)) = self.index.damaged(engine, self.ground.facts.case.id) else {
            return Ok(());
        };
        match self.decided([&class])[..] {
            [None] => Ok(()),
            _ => Err(DbError::damaged("items", item, "it could not be listed").into()),
        }
    }
}

fn summary(asking: &Asking, checked: rows::Checked) -> ItemSummary {
    let states = shown_states(asking, &checked.facts);
    let description = checked.description().to_owned();
    let (id, told) = (checked.row.id, checked.row.details);
    let is_corrected = !checked.corrected.is_empty();
    ItemSummary {
        id,
        reference: told.reference,
        description,
        told_first: is_corrected.then_some(told.description),
        media_type: told.media_type,
        size: told.size,
        received_at: told.received_at,
        states,
    }
}

fn facets(page: &Cut) -> Facets {
    let states = Shown::NAMES.into_iter().zip(page.states);
    let types = Family::all().map(|family| (family.name(), page.families[family.number()]));
    Facets {
        states: states.filter(|(_, count)| *count > 0).collect(),
        types: types.filter(|(_, count)| *count > 0).collect(),
    }
}
