//! Which entries an export holds, before anything of them is given out.

use std::collections::{BTreeMap, HashMap};

use custos_core::{
    event::slot,
    export::{Asked, Listed, MAX_EXPORT_ENTRIES, Made, Withheld},
    hash::Hash,
    ids::{Id, LeafIndex, ScopeId},
};

use super::{
    reach::{Grant, Grants, Ground, Reach},
    shown::Shown,
};
use crate::{
    app::{SignedIn, context::Core, error::Error},
    db::{Connection, custody, head},
};

/// Entries of a scope that are read together.
const TOGETHER: i64 = 1_000;
/// Entries that are looked at for one export at most.
pub const MAX_LOOKED_AT: u64 = 2_000_000;

/// The entries of an export, and on which answers of policy they are given.
pub(super) struct Plan {
    pub reaches: Vec<Reach>,
    pub grants: BTreeMap<(ScopeId, Id), Grant>,
    /// By ascending index.
    pub entries: Vec<Planned>,
    /// What the export's own entry says.
    pub made: Made,
}

/// One entry of an export.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planned {
    pub index: LeafIndex,
    pub c: Hash,
    pub subject: Id,
    /// Position in [`Plan::reaches`].
    pub reach: u32,
}

impl Plan {
    /// What may be exported now; `None` where that is nothing at all, and not to be known of.
    /// Blocks.
    ///
    /// # Errors
    /// More entries than an export holds; a row is damaged.
    pub fn of(
        connection: &mut Connection,
        (core, room): (&Core, ScopeId),
        who: &SignedIn,
        (asked, withheld): (&Asked, &Withheld),
    ) -> Result<Option<Self>, Error> {
        let Some(ground) = Ground::now(connection, (core, room), who, asked)? else {
            return Ok(None);
        };
        let mut survey = Survey {
            core,
            ground: &ground,
            asked,
            answers: Grants::new(core, &ground, asked),
            below: end(connection)?,
            looked_at: 0,
            answered: HashMap::new(),
            grants: BTreeMap::new(),
            entries: Vec::new(),
        };
        for (position, reach) in (0..).zip(&ground.reaches) {
            survey.scope(connection, position, reach)?;
        }
        let (mut entries, grants) = (survey.entries, survey.grants);
        entries.sort_unstable_by_key(|entry| entry.index);
        let mut listed = Listed::new();
        for entry in &entries {
            listed.push(entry.index, &entry.c);
        }
        Ok(Some(Self {
            made: Made {
                asked: *asked,
                withheld: withheld.clone(),
                n: listed.n(),
                entries: listed.finish(),
            },
            reaches: ground.reaches,
            grants,
            entries,
        }))
    }

    /// Whether policy answers now as it did for this plan.
    ///
    /// # Errors
    /// A row is damaged.
    pub fn stands(
        &self,
        connection: &mut Connection,
        (core, room): (&Core, ScopeId),
        who: &SignedIn,
    ) -> Result<bool, Error> {
        let asked = &self.made.asked;
        let Some(ground) = Ground::now(connection, (core, room), who, asked)? else {
            return Ok(false);
        };
        if ground.reaches != self.reaches || ground.person() != who.person {
            return Ok(false);
        }
        let mut answers = Grants::new(core, &ground, asked);
        for ((scope, subject), grant) in &self.grants {
            let reach = self.reaches.iter().find(|reach| reach.scope == *scope);
            let reach = reach.expect("grants are of these scopes");
            if answers.of(connection, reach, *subject)? != Some(*grant) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn end(connection: &mut Connection) -> Result<LeafIndex, Error> {
    let size = head::size(connection)?;
    LeafIndex::new(size).map_err(|_| Error::CustodyUnavailable(None))
}

struct Survey<'a> {
    core: &'a Core,
    ground: &'a Ground,
    asked: &'a Asked,
    answers: Grants<'a>,
    below: LeafIndex,
    looked_at: u64,
    answered: HashMap<(ScopeId, Id), Option<Grant>>,
    /// Those on which an entry is given.
    grants: BTreeMap<(ScopeId, Id), Grant>,
    entries: Vec<Planned>,
}

impl Survey<'_> {
    /// The entries of one scope.
    fn scope(
        &mut self,
        connection: &mut Connection,
        position: u32,
        reach: &Reach,
    ) -> Result<(), Error> {
        let (keyring, permit) = (&self.core.keyring, &self.ground.permit);
        let mut after = match self.asked.from {
            Some(from) => custody::first_at(connection, keyring, permit, reach.scope, from)?,
            None => 0,
        };
        loop {
            let page = (after, self.below);
            let found = custody::listed(connection, permit, reach.scope, page, TOGETHER)?;
            let Some(last) = found.last() else {
                return Ok(());
            };
            after = last.nth;
            for entry in found {
                self.looked_at += 1;
                if self.looked_at > MAX_LOOKED_AT {
                    return Err(too_many(
                        "more entries would have to be looked at",
                        MAX_LOOKED_AT,
                    ));
                }
                match self.look(connection, reach, &entry)? {
                    Look::Given => self.entries.push(Planned {
                        index: entry.index,
                        c: entry.c,
                        subject: entry.subject,
                        reach: position,
                    }),
                    Look::PassedOver => {}
                    Look::BehindTheSpan => return Ok(()),
                }
                if self.entries.len() as u64 > MAX_EXPORT_ENTRIES {
                    return Err(too_many("these are more entries", MAX_EXPORT_ENTRIES));
                }
            }
        }
    }

    fn look(
        &mut self,
        connection: &mut Connection,
        reach: &Reach,
        entry: &custody::Listed,
    ) -> Result<Look, Error> {
        let key = (reach.scope, entry.subject);
        let answer = match self.answered.get(&key) {
            Some(answer) => *answer,
            None => {
                let answer = self.answers.of(connection, reach, entry.subject)?;
                self.answered.insert(key, answer);
                answer
            }
        };
        let Some(grant) = answer else {
            return Ok(Look::PassedOver);
        };
        let own_only = !reach.others || grant == Grant::Own;
        if own_only || self.asked.person.is_some() || self.asked.to.is_some() {
            let link = entry.link(connection, &self.core.keyring, reach.scope)?;
            let text = |slot: usize| link.value(slot).as_str().unwrap_or_default();
            let time = link.value(slot::TIME).as_i64();
            if let (Some(micros), Some(to)) = (time, self.asked.to)
                && micros >= to.micros()
            {
                return Ok(Look::BehindTheSpan);
            }
            let own = text(slot::ACTOR) == self.ground.person().to_string();
            if own_only && !own {
                return Ok(Look::PassedOver);
            }
            if let Some(person) = self.asked.person {
                // To be found by who acted would tell who did.
                let shown = Shown::of(self.ground, reach, grant);
                let told = shown.opens(text(slot::KIND), own, slot::ACTOR);
                if !told || text(slot::ACTOR) != person.to_string() {
                    return Ok(Look::PassedOver);
                }
            }
        }
        self.grants.insert(key, grant);
        Ok(Look::Given)
    }
}

/// What becomes of an entry.
enum Look {
    Given,
    PassedOver,
    /// It and all behind it in its scope are later than what was asked for.
    BehindTheSpan,
}

fn too_many(what: &str, most: u64) -> Error {
    Error::invalid(format!(
        "{what} than the {most} of one export; ask for less, such as a shorter span of time"
    ))
}
