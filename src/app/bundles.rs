//! Bundles: one file with which a court checks an item's custody without this room.
//!
//! The entry `bundle` comes first and the bundle ends with it; when a checkpoint covers it,
//! every other part follows from what is durable, so a bundle is written while it is sent and
//! nothing of it is kept.

mod assemble;
mod send;

use std::sync::Arc;

use custos_core::{
    event::{kind, slot},
    ids::{ItemId, LeafIndex, ScopeId},
};
use serde_json::json;

pub use send::BundleStream;

use super::{
    SignedIn,
    cases::activity_scope,
    context::{Core, Room},
    custody::receives_whole,
    deciding::Asking,
    disclosing::Sight,
    entering::{Purpose, Tx},
    error::Error,
    evidence::of_item,
    rechecking::Stands,
    text,
    views::standing::permitted_again,
    witnesses,
    writer::{Command, Stop},
};
use crate::{
    db::{
        Connection,
        custody::{self, Opened},
        decide::ItemFacts,
        evidence::{self, Content},
    },
    policy::{
        action::{Download, MakeBundle},
        facts::{CaseRole, Purpose as PolicyPurpose, PurposeCode, Resource},
        permit::Permit,
    },
};

/// What whoever finds too many bundles on their way is told to wait.
const RETRY_SECONDS: u64 = 30;

/// What a bundle shall hold besides the history.
#[derive(Debug, Clone)]
pub enum Wish {
    /// No content.
    History,
    /// The whole item, for this purpose.
    Content {
        /// A code of the closed list.
        purpose: String,
        /// In the person's own words.
        why: String,
    },
}

impl Wish {
    /// A bundle with the content or without it. What is given and not looked at must be right
    /// all the same: whoever gave it relies on it.
    ///
    /// # Errors
    /// The purpose is none of the list, or the words are not a text.
    pub fn of(content: bool, purpose: String, why: String) -> Result<Self, Error> {
        if content {
            return Ok(Self::Content { purpose, why });
        }
        if !purpose.is_empty() {
            purpose_of(&purpose)?;
        }
        text::text("why", &why)?;
        Ok(Self::History)
    }
}

fn purpose_of(code: &str) -> Result<PurposeCode, Error> {
    PurposeCode::of(code).ok_or_else(|| Error::invalid("`purpose` is not in the list of purposes"))
}

/// Makes a bundle of an item's custody, ready to be sent.
///
/// # Errors
/// Refused, which is told as not found where the person may not know of the item;
/// [`Error::TooMany`] while as many are sent as the room can send.
pub async fn bundle(
    room: &Room,
    who: &SignedIn,
    item: ItemId,
    wish: Wish,
) -> Result<BundleStream, Error> {
    let purpose = match wish {
        Wish::History => None,
        Wish::Content { purpose, why } => {
            let code = purpose_of(&purpose)?;
            Some((code, text::text("why", &why)?))
        }
    };
    let (core, room_id, who) = (room.core.clone(), room.id, *who);
    let content = purpose.is_some();
    let stands: Stands = Arc::new(move |connection| {
        still_permitted(connection, &core, room_id, (&who, item, content))
    });
    // Before the entry: who finds no place has taken nothing.
    let place = room.sending.clone().try_acquire_owned();
    let place = place.map_err(|_| Error::TooMany {
        seconds: RETRY_SECONDS,
    })?;
    let command = Make { who, item, purpose };
    let made = room.writer.submit(command).await?.output;
    let newest = made.entries.last().ok_or(Error::NotFound)?.index;
    let size = witnesses::covered(room, newest).await?;
    // Publication may have taken a while.
    let first = stands.clone();
    if !room.read(move |connection| first(connection)).await? {
        return Err(Error::NotFound);
    }
    send::prepare(room, made, size, (stands, place)).await
}

/// Whether whoever asked for a bundle would still be given it.
fn still_permitted(
    connection: &mut Connection,
    core: &Core,
    room: ScopeId,
    (who, item, content): (&SignedIn, ItemId, bool),
) -> Result<bool, Error> {
    let whose = (who.holder, who.person);
    permitted_again(connection, core, room, whose, item, |facts| {
        core.engine.decide::<MakeBundle>(facts).is_ok()
            && (!content || core.engine.decide::<Download>(facts).is_ok())
    })
}

/// What the transaction gives: everything that is opened for this reader.
pub(super) struct Made {
    /// The scope whose chain the bundle holds.
    pub(super) scope: ScopeId,
    /// The item.
    pub(super) item: ItemId,
    /// The chain up to the entry with which the bundle ends.
    pub(super) entries: Vec<Opened>,
    /// How much of them is shown.
    pub(super) sight: Sight,
    /// The newest control entry below that.
    pub(super) control: (LeafIndex, Vec<u8>),
    /// The item, if its content is in the bundle.
    pub(super) content: Option<Content>,
}

struct Make {
    who: SignedIn,
    item: ItemId,
    purpose: Option<(PurposeCode, String)>,
}

impl Command for Make {
    type Output = Made;

    fn run(self, tx: &mut Tx<'_>) -> Result<Made, Stop> {
        let mut asking = tx.asking(&self.who)?;
        if let Some((code, why)) = &self.purpose {
            asking.context = asking.context.with_purpose(PolicyPurpose::new(*code, why));
        }
        let facts = tx.item::<MakeBundle>(&asking, self.item)?;
        let resource = Resource::Item(facts.item.clone());
        let permit = tx.permit::<MakeBundle>(&asking, &resource)?;
        let download = match self.purpose {
            Some(_) => Some(tx.permit::<Download>(&asking, &resource)?),
            None => None,
        };
        let mut draft = of_item(kind::BUNDLE, &facts, activity_scope(&asking, &facts.case))
            .permitted(tx.acting(&asking, Some(facts.item.case)), &permit)
            .detail(slot::DETAIL, json!({"content": download.is_some()}));
        draft.purpose = self.purpose.map(|(code, text)| Purpose {
            code: code.name().into(),
            text,
        });
        if !ends_with_own_entry(&asking, &facts) {
            draft.kind = "bundle_taken";
        }
        tx.enter(draft)?;
        let whole = download.is_some() || receives_whole(tx, &asking, &resource);
        let entries = chain(tx, &asking, &facts, &permit)?;
        let newest = entries.last().ok_or(Error::NotFound)?.index;
        let core = tx.core;
        let content = match download {
            Some(permit) => evidence::downloaded(tx.connection, &core.keyring, &permit)?,
            None => None,
        };
        Ok(Made {
            scope: facts.scope,
            item: self.item,
            entries,
            sight: Sight::of(&asking, facts.item.case, whole),
            control: custody::control_below(tx.connection, newest)?,
            content,
        })
    }
}

/// Counsel takes the bundle that was made when the item was served: one made now would tell
/// everyone who counts the scope that counsel asked.
fn ends_with_own_entry(asking: &Asking, facts: &ItemFacts) -> bool {
    activity_scope(asking, &facts.case) == facts.scope
}

/// The item's chain up to the entry with which this reader's bundle ends.
fn chain(
    tx: &mut Tx<'_>,
    asking: &Asking,
    facts: &ItemFacts,
    permit: &Permit<MakeBundle>,
) -> Result<Vec<Opened>, Stop> {
    let core = tx.core;
    let mut entries = custody::of_subject(
        tx.connection,
        (&core.keyring, &core.ambient),
        permit,
        facts.scope,
        None,
    )?;
    if !ends_with_own_entry(asking, facts) {
        let parties: Vec<String> = asking
            .actor
            .case_roles
            .iter()
            .filter(|role| role.case == facts.item.case && role.role == CaseRole::Defence)
            .filter_map(|role| role.party.map(|party| party.to_string()))
            .collect();
        let served = entries.iter().rposition(|opened| {
            opened.kind() == kind::BUNDLE
                && opened.entry.values()[slot::DETAIL]["for"]
                    .as_str()
                    .is_some_and(|party| parties.iter().any(|own| own == party))
        });
        entries.truncate(served.map_or(0, |position| position + 1));
    }
    Ok(entries)
}
