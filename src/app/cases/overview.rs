//! The list of cases: one entry, then one page of the cases that the person may read, cut outside
//! the writer from the index of cases.

use std::collections::{BTreeMap, HashMap};

use custos_core::{
    event::slot,
    ids::{AccountId, CaseId, PersonId, Timestamp},
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    asked::{self, given},
    cursor::{Cursor, NO_CURSOR},
    decided,
    listing::{CaseSummary, summary},
};
use crate::{
    app::{
        SignedIn,
        context::{Core, Room},
        deciding::Asking,
        entering::{Draft, Tx},
        error::Error,
        index::{
            cases::{CaseCut, CaseOrder, CasesIndex, WantedCases},
            cut::Side,
            text::words,
        },
        writer::{Command, Stop},
    },
    db::{Connection, DbError, cases, decide},
    policy::{
        action::{ListCases, ReadCase},
        classes::{CaseClass, Standing},
        facts::{Case, Context, Resource, Stage},
    },
};

/// Names of the orders that can be asked for; each also with `-` before it, from the last to the
/// first.
const ORDERS: [(&str, CaseOrder); 2] =
    [("number", CaseOrder::Number), ("opened", CaseOrder::Opened)];

/// What is asked of a list of cases. Each filter stands as it was given.
#[derive(Debug, Clone, Default)]
pub struct AskedCases {
    /// Words that number or title must have.
    pub q: String,
    /// A stage: `open`, `closed`, `merged`, `transferred`.
    pub stage: String,
    /// `number` (or empty) or `opened`, with `-` before it for the other way.
    pub sort: String,
    /// Cases on a page; nothing is [`PAGE_ITEMS`](super::PAGE_ITEMS).
    pub limit: String,
    /// Where it goes on.
    pub cursor: String,
}

impl AskedCases {
    /// Takes what stands in a query, each name once; empty values are as good as none.
    ///
    /// # Errors
    /// [`Error::Invalid`] names what is unknown or given twice.
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Error> {
        let mut asked = Self::default();
        asked::fill(&mut asked, pairs, Self::place)?;
        asked.wanted()?;
        Ok(asked)
    }

    fn place(&mut self, name: &str) -> Option<&mut String> {
        Some(match name {
            "q" => &mut self.q,
            "stage" => &mut self.stage,
            "sort" => &mut self.sort,
            "limit" => &mut self.limit,
            "cursor" => &mut self.cursor,
            _ => return None,
        })
    }

    /// Filters and order by name, as far as they are given.
    pub fn filters(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [("q", &self.q), ("stage", &self.stage), ("sort", &self.sort)];
        let given = all.into_iter().filter(|(_, value)| !value.is_empty());
        given.map(|(name, value)| (name, value.as_str()))
    }

    fn wanted(&self) -> Result<WantedCases, Error> {
        let (order, descending) = asked::order(
            &self.sort,
            &ORDERS,
            "`sort` is none of `number`, `opened`, with or without `-` before it",
        )?;
        Ok(WantedCases {
            words: words(&self.q),
            stage: given(
                &self.stage,
                "`stage` is none of `open`, `closed`, `merged`, `transferred`",
                Stage::of,
            )?,
            order,
            descending,
            limit: asked::limit(&self.limit)?,
            start: None,
        })
    }

    fn cursors(&self, person: PersonId) -> Cursor {
        Cursor::of_cases(person, self.filters())
    }

    fn wanted_by(&self, core: &Core, person: PersonId) -> Result<WantedCases, Error> {
        let mut wanted = self.wanted()?;
        if !self.cursor.is_empty() {
            let start = self.cursors(person).open(core, &self.cursor);
            let (case, side) = start.ok_or_else(|| Error::invalid(NO_CURSOR))?;
            wanted.start = Some((CaseId::from(case), side));
        }
        Ok(wanted)
    }

    fn detail(&self) -> Value {
        match asked::entered(self.filters()) {
            Some(asked) => json!({"of": "cases", "asked": asked}),
            None => json!({"of": "cases"}),
        }
    }
}

/// How many cases there are of each kind, as far as the reader may know; nothing is zero.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct CaseFacets {
    /// By stage: how many there would be, were that stage asked for.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub stages: BTreeMap<&'static str, u64>,
}

/// A page of a list of cases. Everything is counted after what the reader may not know of was
/// left out.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct CaseList {
    /// The cases of this page.
    pub items: Vec<CaseSummary>,
    /// How many there are on all pages.
    pub total: u64,
    /// Where the next page begins.
    pub next: Option<String>,
    /// Where the page before ends.
    pub previous: Option<String>,
    /// How many there are of each kind.
    pub facets: CaseFacets,
}

/// A page of the cases that the person works on; one entry for the request.
///
/// # Errors
/// Refused, or a cursor that is not of this list.
pub async fn list_cases(
    room: &Room,
    who: &SignedIn,
    asked: &AskedCases,
) -> Result<CaseList, Error> {
    let wanted = asked.wanted_by(&room.core, who.person)?;
    let command = List {
        who: *who,
        detail: asked.detail(),
    };
    let (account, context) = room.writer.submit(command).await?.output;
    let (room, asked) = (room.clone(), asked.clone());
    let reading = move || {
        let core = &room.core;
        // Who asks and what is there are of one moment, at or behind the entry.
        let who = |connection: &mut Connection| {
            let actor = decide::actor(connection, &core.keyring, room.id, account)?;
            let asking = Asking {
                actor: actor.ok_or(Error::SignedOut)?,
                context: context.clone(),
            };
            let named = named(&asking, &wanted);
            Ok((asking, named))
        };
        let places = (&room.pool, &**core);
        room.indexes
            .cases
            .read(places, who, |connection, index, asking, named| {
                page(connection, core, (index, named), &asking, (&asked, &wanted))
            })
    };
    tokio::task::spawn_blocking(reading)
        .await
        .map_err(|_| Error::CustodyUnavailable(None))?
}

struct List {
    who: SignedIn,
    detail: Value,
}

impl Command for List {
    type Output = (AccountId, Context);

    fn run(self, tx: &mut Tx<'_>) -> Result<(AccountId, Context), Stop> {
        let asking = tx.asking(&self.who)?;
        let permit = tx.permit::<ListCases>(&asking, &Resource::Room(tx.room()))?;
        let draft = Draft::of_room("list", tx.room())
            .permitted(tx.acting(&asking, None), &permit)
            .detail(slot::DETAIL, self.detail);
        tx.enter(draft)?;
        Ok((self.who.account, asking.context))
    }
}

/// The cases among which there may be some for the person to read, and that at which the page
/// begins, which they may not know of any more; nothing where it may be any case of the room.
fn named(asking: &Asking, wanted: &WantedCases) -> Option<Vec<CaseId>> {
    if !asking.actor.room_roles.is_empty() {
        return None;
    }
    let roles = asking.actor.case_roles.iter();
    let mut named: Vec<CaseId> = roles.map(|role| role.case).collect();
    named.extend(wanted.start.map(|(case, _)| case));
    named.sort_unstable();
    named.dedup();
    Some(named)
}

fn page(
    connection: &mut Connection,
    core: &Core,
    (index, named): (&CasesIndex, Option<&[CaseId]>),
    asking: &Asking,
    (asked, wanted): (&AskedCases, &WantedCases),
) -> Result<CaseList, Error> {
    let mut deciding = Deciding::new(core, asking, named.is_none());
    for case in index.damaged(named) {
        // Nobody knows in which stage it is. Whoever might read it in each of them is told; to
        // everyone else it is not there.
        let mut stages = Stage::ALL.iter();
        if stages.all(|stage| {
            deciding.allows(&Case {
                id: case,
                stage: *stage,
            })
        }) {
            return Err(DbError::damaged("cases", case, "it could not be listed").into());
        }
    }
    let cut = index.cut(named, |case| deciding.allows(case), wanted);
    let cut = cut.ok_or_else(|| Error::invalid(NO_CURSOR))?;
    let mut items = Vec::with_capacity(cut.cases.len());
    for listed in &cut.cases {
        items.push(shown(connection, core, asking, *listed)?);
    }
    let cursors = asked.cursors(asking.actor.person);
    let cursor = |is_there: bool, case: Option<&CaseSummary>, side| {
        let case = case.filter(|_| is_there)?;
        Some(cursors.seal(core, case.id.id(), side))
    };
    Ok(CaseList {
        total: cut.total,
        next: cursor(cut.behind, items.last(), Side::Behind),
        previous: cursor(cut.before, items.first(), Side::Before),
        facets: facets(&cut),
        items,
    })
}

/// A case of the page, under a permit on itself, its row checked again.
fn shown(
    connection: &mut Connection,
    core: &Core,
    asking: &Asking,
    (case, opened_at): (Case, Timestamp),
) -> Result<CaseSummary, Error> {
    let damaged = || DbError::damaged("cases", case.id, "its row changed without an entry");
    // It is of a class that is allowed.
    let permit = decided::<ReadCase>(core, asking, &Resource::Case(case));
    let permit = permit.map_err(|_| Error::NotFound)?;
    let row = cases::get(connection, &core.keyring, &permit)?.ok_or_else(damaged)?;
    if row.stage != case.stage.name() {
        return Err(damaged().into());
    }
    Ok(summary(asking, &row, opened_at))
}

fn facets(cut: &CaseCut) -> CaseFacets {
    let stages = Stage::ALL.iter().map(|stage| stage.name()).zip(cut.stages);
    CaseFacets {
        stages: stages.filter(|(_, count)| *count > 0).collect(),
    }
}

/// Decides about many cases, once for all that policy can't tell apart.
struct Deciding<'a> {
    core: &'a Core,
    asking: &'a Asking,
    standing: Standing,
    decided: HashMap<CaseClass, bool>,
}

impl<'a> Deciding<'a> {
    /// For somebody who asks. Where `all` cases are looked at, those on which the person has no
    /// role are decided in every stage, before a wall and behind one, whether there are any: so
    /// nobody learns from the time of a list whether a wall stands.
    fn new(core: &'a Core, asking: &'a Asking, all: bool) -> Self {
        let mut deciding = Self {
            core,
            asking,
            standing: Standing::of(&asking.actor),
            decided: HashMap::new(),
        };
        if all {
            let nowhere = CaseId::from_bytes([0; 16]);
            let mut walled = Asking {
                actor: asking.actor.clone(),
                context: asking.context.clone(),
            };
            walled.actor.walled_from.insert(nowhere);
            for asking in [asking, &walled] {
                let standing = Standing::of(&asking.actor);
                for stage in Stage::ALL {
                    let case = Case {
                        id: nowhere,
                        stage: *stage,
                    };
                    let class = core.engine.class_of_case::<ReadCase>(&standing, &case);
                    let allowed = decided::<ReadCase>(core, asking, &Resource::Case(case)).is_ok();
                    deciding.decided.insert(class, allowed);
                }
            }
        }
        deciding
    }

    fn allows(&mut self, case: &Case) -> bool {
        let engine = &self.core.engine;
        let class = engine.class_of_case::<ReadCase>(&self.standing, case);
        if let Some(allowed) = self.decided.get(&class) {
            return *allowed;
        }
        let permit = decided::<ReadCase>(self.core, self.asking, &Resource::Case(*case));
        let allowed = permit.is_ok();
        self.decided.insert(class, allowed);
        allowed
    }
}
