//! What happened to an item, and the proof of it.

use custos_core::{
    event::{kind, leaf_data, slot},
    ids::{Id, ItemId, LeafIndex, PersonId, ScopeId, Timestamp},
    merkle::leaf_hash,
    receipt::Receipt,
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    SignedIn,
    cases::{activity_scope, decided},
    context::{Core, Room},
    deciding::Asking,
    disclosing::Sight,
    entering::Tx,
    error::Error,
    evidence::of_item,
    proofs::Published,
    schema::{self, StatedPurpose},
    witnesses,
    writer::{Command, Stop},
};
use crate::{
    db::{
        custody::{self, Opened},
        decide::ItemFacts,
        people,
    },
    policy::{
        action::{OpenView, ReadHistory, ReadItem, TakeReceipt},
        facts::{CaseRole, Purpose, PurposeCode, Resource},
        permit::Permit,
    },
};

/// One line of an item's history, as far as the reader may see it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HistoryLine {
    /// Position in the log.
    #[schema(value_type = schema::LogIndex)]
    pub index: u64,
    /// When.
    #[schema(value_type = schema::Time)]
    pub time: Timestamp,
    /// What happened; one of the kinds in `docs/FORMATS.md`.
    pub kind: String,
    /// Who did it; null where that is withheld, or where the room did it by itself.
    #[schema(value_type = Option<schema::Id>)]
    pub actor: Option<PersonId>,
    /// Their name.
    pub actor_name: Option<String>,
    /// In which role.
    pub role: Option<String>,
    /// The order under which it was done.
    #[schema(value_type = Option<schema::Id>)]
    pub authority: Option<Id>,
    /// Why: `{"code","text"}`.
    #[schema(value_type = Option<StatedPurpose>)]
    pub purpose: Option<Value>,
    /// Slot 22; what it holds depends on the kind. Null where it is withheld.
    #[schema(value_type = Value)]
    pub detail: Value,
    /// Whether a published checkpoint covers it.
    pub published: bool,
}

/// The history of an item, oldest first; one entry for the request.
///
/// # Errors
/// Refused, which is told as not found where the person may not know of the item.
pub async fn history(room: &Room, who: &SignedIn, item: ItemId) -> Result<Vec<HistoryLine>, Error> {
    let published = *room.published.borrow();
    let command = History {
        who: *who,
        item,
        published,
    };
    Ok(room.writer.submit(command).await?.output)
}

/// The receipt of an item's deposit, as a C2SP tlog-proof.
///
/// It waits for the next checkpoint if the entry is not covered by one yet.
///
/// # Errors
/// Refused, which is told as not found where the person may not know of the item.
pub async fn receipt(room: &Room, who: &SignedIn, item: ItemId) -> Result<Vec<u8>, Error> {
    let done = room.writer.submit(TakeIt { who: *who, item }).await?;
    let (index, disclosed) = done.output;
    let size = witnesses::covered(room, index).await?;
    let published = Published::of_size(room, size).await?;
    tokio::task::spawn_blocking(move || {
        let leaf = leaf_hash(&leaf_data(disclosed.commitment()));
        let hashes = published.inclusion(index, &leaf)?;
        Receipt::new(disclosed, index, hashes, published.checkpoint)
            .map(|receipt| receipt.to_bytes())
            .map_err(|_| Error::CustodyUnavailable(None))
    })
    .await
    .map_err(|_| Error::CustodyUnavailable(None))?
}

struct History {
    who: SignedIn,
    item: ItemId,
    published: u64,
}

impl Command for History {
    type Output = Vec<HistoryLine>;

    fn run(self, tx: &mut Tx<'_>) -> Result<Vec<HistoryLine>, Stop> {
        let asking = tx.asking(&self.who)?;
        let facts = tx.item::<ReadHistory>(&asking, self.item)?;
        let resource = Resource::Item(facts.item.clone());
        let permit = tx.permit::<ReadHistory>(&asking, &resource)?;
        let draft = of_item("history", &facts, activity_scope(&asking, &facts.case))
            .permitted(tx.acting(&asking, Some(facts.item.case)), &permit);
        tx.enter(draft)?;
        let sight = Sight::of(
            &asking,
            facts.item.case,
            receives_whole(tx, &asking, &resource),
        );
        let mut lines = Vec::new();
        for (scope, all) in scopes(&asking, &facts) {
            let core = tx.core;
            let opened = custody::of_subject(
                tx.connection,
                (&core.keyring, &core.ambient),
                &permit,
                scope,
                None,
            )?;
            for opened in opened {
                let own = opened.entry.values()[slot::ACTOR] == json!(asking.actor.person);
                if all || own {
                    lines.push(line(&sight, &opened, self.published));
                }
            }
        }
        lines.sort_by_key(|line| line.index);
        name_actors(tx, &permit, &mut lines)?;
        Ok(lines)
    }
}

/// The scopes that hold entries about an item, and whether the reader sees all of each: the
/// court sees the defence's activity, counsel their own, everyone else none of it.
fn scopes(asking: &Asking, facts: &ItemFacts) -> Vec<(ScopeId, bool)> {
    let role = |wanted| {
        asking
            .actor
            .case_roles
            .iter()
            .any(|role| role.case == facts.item.case && role.role == wanted)
    };
    let mut scopes = vec![(facts.scope, true)];
    if role(CaseRole::Judge) {
        scopes.push((facts.case.court, true));
    } else if role(CaseRole::Defence) {
        scopes.push((facts.case.court, false));
    }
    scopes
}

fn line(sight: &Sight, opened: &Opened, published: u64) -> HistoryLine {
    let values = opened.entry.values();
    let shown = |number: usize| {
        if sight.opens(opened, number) {
            values[number].clone()
        } else {
            Value::Null
        }
    };
    let text = |value: Value| value.as_str().map(String::from);
    let purpose = shown(slot::PURPOSE);
    HistoryLine {
        index: opened.index.get(),
        time: serde_json::from_value(values[slot::TIME].clone())
            .expect("slot 3 of a checked entry is a time"),
        kind: opened.kind().into(),
        actor: text(shown(slot::ACTOR)).and_then(|id| id.parse().ok()),
        actor_name: None,
        role: text(shown(slot::ROLE)),
        authority: text(shown(slot::AUTHORITY)).and_then(|id| id.parse().ok()),
        purpose: (!purpose.is_null()).then_some(purpose),
        detail: shown(slot::DETAIL),
        published: opened.index.get() < published,
    }
}

fn name_actors(
    tx: &mut Tx<'_>,
    permit: &Permit<ReadHistory>,
    lines: &mut [HistoryLine],
) -> Result<(), Stop> {
    let room = tx.room();
    for line in lines {
        if let Some(person) = line.actor {
            let core = tx.core;
            let name = people::told_name(tx.connection, &core.keyring, room, permit, person)?;
            line.actor_name = Some(name);
        }
    }
    Ok(())
}

struct TakeIt {
    who: SignedIn,
    item: ItemId,
}

impl Command for TakeIt {
    type Output = (LeafIndex, custos_core::event::Disclosed);

    fn run(self, tx: &mut Tx<'_>) -> Result<Self::Output, Stop> {
        let asking = tx.asking(&self.who)?;
        let facts = tx.item::<TakeReceipt>(&asking, self.item)?;
        let resource = Resource::Item(facts.item.clone());
        let permit = tx.permit::<TakeReceipt>(&asking, &resource)?;
        let draft = of_item("receipt", &facts, activity_scope(&asking, &facts.case))
            .permitted(tx.acting(&asking, Some(facts.item.case)), &permit);
        tx.enter(draft)?;
        let core = tx.core;
        let opened = custody::of_subject(
            tx.connection,
            (&core.keyring, &core.ambient),
            &permit,
            facts.scope,
            None,
        )?;
        let adding = opened
            .iter()
            .find(|opened| kind::adds_item(opened.kind()))
            .ok_or(Error::NotFound)?;
        let whole =
            facts.item.depositor == asking.actor.person || receives_whole(tx, &asking, &resource);
        let sight = Sight::of(&asking, facts.item.case, whole);
        Ok((adding.index, sight.disclose_receipt(adding)?))
    }
}

/// Whether someone may read the whole item, for whatever purpose.
pub(super) fn receives_whole(tx: &Tx<'_>, asking: &Asking, resource: &Resource) -> bool {
    may_receive_whole(tx.core, asking, resource)
}

/// The same outside a transaction.
pub(super) fn may_receive_whole(core: &Core, asking: &Asking, resource: &Resource) -> bool {
    let asking = Asking {
        actor: asking.actor.clone(),
        context: asking.context.clone().with_purpose(Purpose::new(
            PurposeCode::Investigation,
            "a purpose will be asked for",
        )),
    };
    decided::<ReadItem>(core, &asking, resource).is_ok()
        && decided::<OpenView>(core, &asking, resource).is_ok()
}
