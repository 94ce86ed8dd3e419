//! From which scopes somebody may export, and of what in them: policy's answers, and nothing
//! of the entries themselves.

use std::collections::HashMap;

use custos_core::{
    export::Asked,
    ids::{CaseId, Id, ItemId, PersonId, ScopeId},
};

use crate::{
    app::{
        SignedIn, cases::decided, context::Core, custody::may_receive_whole, deciding::Asking,
        disclosing::Sight, error::Error, sessions::holder_account,
    },
    db::{
        Connection, DbError,
        decide::{self, CaseFacts},
    },
    policy::{
        action::{ExportCustody, OpenView, ReadCase, ReadHistory},
        classes::ItemClass,
        facts::{CaseRole, Context, Resource, RoomRole},
        permit::Permit,
    },
};

/// A scope from which entries may be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reach {
    pub scope: ScopeId,
    /// The case of the scope; none for the room.
    pub case: Option<CaseId>,
    /// Whether entries of others are given too.
    pub others: bool,
}

/// What may be given of the entries about one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grant {
    /// All of them; `whole` where it is an item that the person receives.
    All { whole: bool },
    /// What the person did themselves.
    Own,
}

/// Who asks, as of one moment, and from where they may export.
pub(super) struct Ground {
    pub asking: Asking,
    pub permit: Permit<ExportCustody>,
    pub reaches: Vec<Reach>,
}

/// What the permission to export is asked about; `None` where it is not there.
pub(super) fn resource(
    connection: &mut Connection,
    core: &Core,
    room: ScopeId,
    asked: &Asked,
) -> Result<Option<Resource>, DbError> {
    Ok(if let Some(item) = asked.item {
        decide::item(connection, &core.keyring, item.into())?
            .map(|facts| Resource::Item(facts.item))
    } else if let Some(case) = asked.case {
        decide::case(connection, &core.keyring, case.into())?
            .map(|facts| Resource::Case(facts.case))
    } else if let Some(person) = asked.person {
        // Whether there is such a person decides nothing and is not told.
        Some(Resource::Person(person.into()))
    } else {
        Some(Resource::Room(room))
    })
}

impl Ground {
    /// The facts of now; `None` where nothing may be exported for what was asked.
    pub fn now(
        connection: &mut Connection,
        (core, room): (&Core, ScopeId),
        who: &SignedIn,
        asked: &Asked,
    ) -> Result<Option<Self>, Error> {
        let Some(account) = holder_account(connection, core, room, who.holder)? else {
            return Ok(None);
        };
        let Some(actor) = decide::actor(connection, &core.keyring, room, account)? else {
            return Ok(None);
        };
        let context = Context::new(core.ambient.now(), who.means, true);
        let asking = Asking { actor, context };
        let Some(resource) = resource(connection, core, room, asked)? else {
            return Ok(None);
        };
        let Ok(permit) = decided::<ExportCustody>(core, &asking, &resource) else {
            return Ok(None);
        };
        let mut reaches = Vec::new();
        if let Some(item) = asked.item {
            let item = decide::item(connection, &core.keyring, item.into())?;
            let item = item.ok_or(Error::NotFound)?;
            reaches.extend(of_case(&asking, &item.case, item.scope));
        } else if let Some(case) = asked.case {
            let case = decide::case(connection, &core.keyring, case.into())?;
            let case = case.ok_or(Error::NotFound)?;
            reaches.extend(of_case(&asking, &case, case.scope));
        } else {
            reaches = everywhere(connection, core, &asking)?;
            reaches.push(Reach {
                scope: room,
                case: None,
                others: false,
            });
        }
        Ok(Some(Self {
            asking,
            permit,
            reaches,
        }))
    }

    /// The person who asks.
    pub fn person(&self) -> PersonId {
        self.asking.actor.person
    }

    /// Whether someone sees everything of a case, so that no gap tells them of anything.
    pub fn sees_all(&self, case: Option<CaseId>) -> bool {
        let all = [CaseRole::Judge, CaseRole::ProtectionOfficer];
        let mut roles = self.asking.actor.case_roles.iter();
        case.is_some()
            && (self.is_custodian()
                || roles.any(|role| Some(role.case) == case && all.contains(&role.role)))
    }

    /// Whether they keep cases and walls.
    pub fn is_custodian(&self) -> bool {
        self.asking.actor.room_roles.contains(&RoomRole::Custodian)
    }

    /// How much of the entries of a scope they see.
    pub fn sight(&self, case: Option<CaseId>, whole: bool) -> Sight {
        match case {
            Some(case) => Sight::of(&self.asking, case, whole),
            None => Sight::of_own(self.person()),
        }
    }
}

/// The scopes of a case: the court sees the defence's activity, counsel their own, everyone else
/// none of it.
fn of_case(asking: &Asking, case: &CaseFacts, scope: ScopeId) -> Vec<Reach> {
    let has = |wanted| {
        let mut roles = asking.actor.case_roles.iter();
        roles.any(|role| role.case == case.case.id && role.role == wanted)
    };
    let reach = |scope, others| Reach {
        scope,
        case: Some(case.case.id),
        others,
    };
    let mut reaches = vec![reach(scope, true)];
    if has(CaseRole::Judge) {
        reaches.push(reach(case.court, true));
    } else if has(CaseRole::Defence) {
        reaches.push(reach(case.court, false));
    }
    reaches
}

/// The scopes of all cases that may be read.
fn everywhere(
    connection: &mut Connection,
    core: &Core,
    asking: &Asking,
) -> Result<Vec<Reach>, Error> {
    let mut reaches = Vec::new();
    for case in decide::case_ids(connection)? {
        let Some(facts) = decide::case(connection, &core.keyring, case)? else {
            continue;
        };
        if decided::<ReadCase>(core, asking, &Resource::Case(facts.case)).is_ok() {
            reaches.extend(of_case(asking, &facts, facts.scope));
        }
    }
    Ok(reaches)
}

/// Policy's answers about things, each class of items asked about once.
pub(super) struct Grants<'a> {
    core: &'a Core,
    ground: &'a Ground,
    asked: &'a Asked,
    /// By what decides whether the history may be read, and whether the whole is received.
    classes: HashMap<(ItemClass, ItemClass), Option<Grant>>,
}

impl<'a> Grants<'a> {
    pub fn new(core: &'a Core, ground: &'a Ground, asked: &'a Asked) -> Self {
        Self {
            core,
            ground,
            asked,
            classes: HashMap::new(),
        }
    }

    /// What may be given of the entries of a scope about one thing; `None`: nothing, and that
    /// they are there is not told.
    pub fn of(
        &mut self,
        connection: &mut Connection,
        reach: &Reach,
        subject: Id,
    ) -> Result<Option<Grant>, Error> {
        if self.asked.item.is_some_and(|item| item != subject) {
            return Ok(None);
        }
        let Some(case) = reach.case else {
            return Ok(Some(Grant::Own));
        };
        if subject == case.id() {
            return self.of_case(connection, case);
        }
        let keyring = &self.core.keyring;
        match decide::item(connection, keyring, ItemId::from(subject)) {
            Ok(Some(facts)) if facts.item.case == case => return Ok(self.of_item(facts.item)),
            Ok(Some(_)) => return Ok(None),
            Ok(None) => {}
            // Nobody knows which states an item has whose rows are damaged. Whoever may know of
            // every item is told; to everyone else it is not there.
            Err(damage @ DbError::Damaged { .. }) if self.ground.sees_all(Some(case)) => {
                return Err(damage.into());
            }
            Err(DbError::Damaged { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let request = decide::request(connection, keyring, subject.into())?;
        let known = request.filter(|row| {
            row.case_id == Some(case)
                && (row.asker_id == self.ground.person() || self.ground.is_custodian())
        });
        Ok(known.map(|_| Grant::All { whole: false }))
    }

    fn of_case(&self, connection: &mut Connection, case: CaseId) -> Result<Option<Grant>, Error> {
        let Some(facts) = decide::case(connection, &self.core.keyring, case)? else {
            return Ok(None);
        };
        let resource = Resource::Case(facts.case);
        let read = decided::<ReadHistory>(self.core, &self.ground.asking, &resource);
        Ok(Some(match read {
            Ok(_) => Grant::All { whole: false },
            Err(_) => Grant::Own,
        }))
    }

    fn of_item(&mut self, item: crate::policy::facts::Item) -> Option<Grant> {
        let engine = &self.core.engine;
        let class = (
            engine.class_of::<ReadHistory>(&item),
            engine.class_of::<OpenView>(&item),
        );
        if let Some(known) = self.classes.get(&class) {
            return *known;
        }
        let asking = &self.ground.asking;
        let resource = Resource::Item(item);
        let grant = decided::<ReadHistory>(self.core, asking, &resource)
            .ok()
            .map(|_| Grant::All {
                whole: may_receive_whole(self.core, asking, &resource),
            });
        self.classes.insert(class, grant);
        grant
    }
}
