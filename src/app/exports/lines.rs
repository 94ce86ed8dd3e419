//! The entries of an export, one after the other, each proven before it is given on.

use std::collections::HashMap;

use custos_core::{
    event::{Disclosed, leaf_data},
    export::{Header, Line},
    ids::{Id, LeafIndex, PersonId, ScopeId},
    merkle::leaf_hash,
};

use super::{
    plan::{Plan, Planned},
    reach::{Grant, Ground, Reach},
    shown::Shown,
};
use crate::{
    app::{SignedIn, context::Room, error::Error, proofs::Published},
    db::{
        Pooled,
        custody::{self, Opened},
        people,
    },
};

/// Entries that are decrypted together.
const TOGETHER: usize = 256;

/// Everything from which an export is written, as often as it takes.
pub(super) struct Source<'a> {
    pub room: &'a Room,
    pub ground: Ground,
    pub plan: &'a Plan,
    pub published: &'a Published,
    pub header: Header,
    /// The export's own entry, and what it is about.
    pub own: Planned,
    own_reach: Reach,
}

impl<'a> Source<'a> {
    /// Reads who asks once more. Blocks, as all that follows.
    ///
    /// # Errors
    /// Nothing may be exported any more.
    pub fn open(
        room: &'a Room,
        (plan, who): (&'a Plan, &SignedIn),
        published: &'a Published,
        entered: LeafIndex,
    ) -> Result<Self, Error> {
        let made = &plan.made;
        let mut connection = room.pool.get()?;
        let ground = Ground::now(&mut connection, (&room.core, room.id), who, &made.asked)?;
        let ground = ground.ok_or(Error::NotFound)?;
        let (scope, subject, c) = custody::whose(&mut connection, &ground.permit, entered)?;
        let in_case = plan.reaches.iter().find(|reach| reach.case.is_some());
        let case = in_case
            .filter(|_| scope != room.id)
            .and_then(|reach| reach.case);
        Ok(Self {
            room,
            ground,
            plan,
            published,
            header: Header {
                origin: room.origin.to_string(),
                checkpoint: published.checkpoint.clone(),
                asked: made.asked,
                withheld: made.withheld.clone(),
                n: made.n,
            },
            own: Planned {
                index: entered,
                c,
                subject,
                reach: 0,
            },
            own_reach: Reach {
                scope,
                case,
                others: false,
            },
        })
    }

    /// Gives each line to `take`, the export's own last.
    ///
    /// # Errors
    /// Those of `take`; an entry is damaged, or not in the published log.
    pub fn each(&self, mut take: impl FnMut(Line, bool) -> Result<(), Error>) -> Result<(), Error> {
        let mut connection = self.room.pool.get()?;
        // INVARIANT: what the register holds is what was published; the proof is checked.
        let prove = |index: LeafIndex, entry: Disclosed| {
            let leaf = leaf_hash(&leaf_data(entry.commitment()));
            let proof = self.published.inclusion(index, &leaf)?;
            Ok::<_, Error>(Line {
                index,
                entry,
                proof,
            })
        };
        for planned in self.plan.entries.chunks(TOGETHER) {
            for (place, opened) in self.read(&mut connection, planned)? {
                let reach = &self.plan.reaches[place.reach as usize];
                let grant = self.plan.grants[&(reach.scope, place.subject)];
                let disclosed = self.disclose(reach, grant, &opened)?;
                take(prove(place.index, disclosed)?, false)?;
            }
        }
        let core = &self.room.core;
        let (scope, own) = (self.own_reach.scope, [self.own.index]);
        let keys = (&core.keyring, &core.ambient);
        let found = custody::opened(&mut connection, keys, &self.ground.permit, scope, &own)?;
        let opened = found.first().ok_or(Error::NotFound)?;
        let shown = Shown::of(&self.ground, &self.own_reach, Grant::Own);
        let withheld = &self.header.withheld;
        let disclosed = disclose(opened, |slot| {
            shown.opens(opened.kind(), true, slot) && !withheld.withholds_own(slot)
        })?;
        take(prove(self.own.index, disclosed)?, true)
    }

    /// These entries, decrypted, in the order of the log.
    fn read(
        &self,
        connection: &mut Pooled,
        planned: &[Planned],
    ) -> Result<Vec<(Planned, Opened)>, Error> {
        let core = &self.room.core;
        let mut by_scope: HashMap<ScopeId, Vec<LeafIndex>> = HashMap::new();
        for entry in planned {
            let scope = self.plan.reaches[entry.reach as usize].scope;
            by_scope.entry(scope).or_default().push(entry.index);
        }
        let mut found: HashMap<LeafIndex, Opened> = HashMap::new();
        for (scope, indices) in by_scope {
            let keys = (&core.keyring, &core.ambient);
            let opened = custody::opened(connection, keys, &self.ground.permit, scope, &indices)?;
            found.extend(opened.into_iter().map(|opened| (opened.index, opened)));
        }
        let in_order = planned.iter().map(|entry| {
            let opened = found.remove(&entry.index).ok_or(Error::NotFound)?;
            Ok((*entry, opened))
        });
        in_order.collect()
    }

    fn disclose(&self, reach: &Reach, grant: Grant, opened: &Opened) -> Result<Disclosed, Error> {
        let shown = Shown::of(&self.ground, reach, grant);
        let (kind, own) = (opened.kind(), shown.sight.did(opened));
        let withheld = &self.header.withheld;
        disclose(opened, |slot| {
            shown.opens(kind, own, slot) && !withheld.withholds(slot, kind)
        })
    }

    /// The name of someone who acted in an entry that shows who did.
    ///
    /// # Errors
    /// Their row is damaged.
    pub fn name(&self, person: Id) -> Result<String, Error> {
        let (core, room) = (&self.room.core, self.room.id);
        let mut connection = self.room.pool.get()?;
        let person = PersonId::from(person);
        let permit = &self.ground.permit;
        Ok(people::told_name(
            &mut connection,
            &core.keyring,
            room,
            permit,
            person,
        )?)
    }
}

fn disclose(opened: &Opened, opens: impl Fn(usize) -> bool) -> Result<Disclosed, Error> {
    opened
        .entry
        .disclose(&opened.link.opening, &opened.body.opening, opens)
        .map_err(|_| Error::CustodyUnavailable(None))
}
