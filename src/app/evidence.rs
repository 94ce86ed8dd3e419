//! Items: what is known of them, and what narrows their use.

mod filed;

use custos_core::{
    event::slot,
    ids::{CaseId, Id, ItemId, PersonId, ScopeId, Timestamp},
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    SignedIn,
    cases::{activity_scope, allowed, shown_states},
    context::{Core, Room},
    deciding::Asking,
    entering::{Draft, Subject, Tx},
    error::Error,
    schema::{self, Compared},
    tags::Tag,
    uploads::FileName,
    writer::{Command, Done, Stop},
};
use crate::{
    db::{
        bound,
        decide::ItemFacts,
        evidence::{self, ChangesState, Derived, StateRow},
        people,
    },
    policy::{
        Permit,
        action::{Action, LiftRestriction, ReadItem, Restrict},
        facts::{Facts, Item, ItemState, Purpose as PolicyPurpose, PurposeCode, Resource},
    },
};

pub use filed::Filed;
use filed::{filed, visible_sources};

/// What the reader may do with an item, so that pages offer nothing that would be refused.
#[derive(Debug, Clone, Copy, Default, Serialize, ToSchema)]
#[allow(clippy::struct_excessive_bools, reason = "one answer for each action")]
pub struct MayOnItem {
    /// View it in place, for a purpose.
    pub view: bool,
    /// Take a copy away, for a purpose.
    pub download: bool,
    /// Read its history.
    pub history: bool,
    /// Take its receipt.
    pub receipt: bool,
    /// Make a bundle.
    pub bundle: bool,
    /// Serve it to a party.
    pub serve: bool,
    /// Restrict it.
    pub restrict: bool,
    /// Lift its restriction.
    pub lift_restriction: bool,
    /// Append a correction.
    pub correct: bool,
    /// Record that the physical thing changed hands.
    pub record_transfer: bool,
    /// Offer it as an exhibit.
    pub offer_exhibit: bool,
    /// Rule on it as an exhibit.
    pub rule_on_exhibit: bool,
}

/// An item's metadata, as far as the reader may know it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ItemPage {
    /// Its id.
    #[schema(value_type = schema::Id)]
    pub id: ItemId,
    /// The case.
    #[schema(value_type = schema::Id)]
    pub case: CaseId,
    /// Exhibit reference.
    pub reference: String,
    /// What it is.
    pub description: String,
    /// The original file name: text, `{"hex"}`, or null.
    #[schema(value_type = Option<FileName>)]
    pub file_name: Value,
    /// As the room found it.
    pub media_type: String,
    /// Bytes.
    #[schema(value_type = schema::Bytes)]
    pub size: u64,
    /// Fingerprint (SHA-256) of the whole, in hex.
    #[schema(value_type = schema::Sha256)]
    pub sha256: String,
    /// Declared hashes beside what was found.
    #[schema(value_type = Vec<Compared>)]
    pub declared: Value,
    /// What was told of its origin.
    #[schema(value_type = BTreeMap<String, Value>)]
    pub provenance: Value,
    /// Who deposited it.
    #[schema(value_type = schema::Id)]
    pub depositor: PersonId,
    /// Their name.
    pub depositor_name: String,
    /// When its last byte was received.
    #[schema(value_type = schema::Time)]
    pub received_at: Timestamp,
    /// Names of the states that hold.
    #[schema(value_type = Vec<schema::State>)]
    pub states: Vec<String>,
    /// How it was made from other items, of which those are named that the reader may know of.
    pub derived: Option<Derived>,
    /// What was filed about it.
    #[serde(flatten)]
    pub filed: Filed,
    /// What the reader may do.
    pub may: MayOnItem,
}

/// Reads an item's metadata; one entry for the request.
///
/// # Errors
/// Refused, which is told as not found where the person may not know of the item.
pub async fn read_item(room: &Room, who: &SignedIn, item: ItemId) -> Result<ItemPage, Error> {
    let done = room.writer.submit(Read { who: *who, item }).await?;
    let (mut page, asking, item) = done.output;
    // Of the same facts, and no permit: the writer's thread need not decide it.
    page.may = may(&room.core, &asking, &item);
    Ok(page)
}

/// Restricts an item: from now on those who need it least do not know of it.
///
/// # Errors
/// Refused, or restricted already.
pub async fn restrict(room: &Room, who: &SignedIn, item: ItemId) -> Result<Done<()>, Error> {
    let command = SetRestriction {
        who: *who,
        item,
        restrict: true,
    };
    room.change(who, command).await
}

/// Lifts an item's restriction.
///
/// # Errors
/// Refused, or not restricted.
pub async fn lift_restriction(
    room: &Room,
    who: &SignedIn,
    item: ItemId,
) -> Result<Done<()>, Error> {
    let command = SetRestriction {
        who: *who,
        item,
        restrict: false,
    };
    room.change(who, command).await
}

struct Read {
    who: SignedIn,
    item: ItemId,
}

impl Command for Read {
    /// What is shown but for what may be done, and the facts on which that is decided.
    type Output = (ItemPage, Asking, Item);

    fn run(self, tx: &mut Tx<'_>) -> Result<Self::Output, Stop> {
        let asking = tx.asking(&self.who)?;
        let facts = tx.item::<ReadItem>(&asking, self.item)?;
        let resource = Resource::Item(facts.item.clone());
        let permit = tx.permit::<ReadItem>(&asking, &resource)?;
        let draft = of_item("read", &facts, activity_scope(&asking, &facts.case))
            .permitted(tx.acting(&asking, Some(facts.item.case)), &permit);
        tx.enter(draft)?;
        let page = shown(tx, &asking, &facts, &permit, MayOnItem::default())?;
        Ok((page, asking, facts.item))
    }
}

/// What a reader of an item is shown now.
fn shown(
    tx: &mut Tx<'_>,
    asking: &Asking,
    facts: &ItemFacts,
    permit: &Permit<ReadItem>,
    may: MayOnItem,
) -> Result<ItemPage, Stop> {
    let core = tx.core;
    let row = evidence::get(tx.connection, &core.keyring, permit)?.ok_or(Error::NotFound)?;
    let depositor_name = people::told_name(
        tx.connection,
        &core.keyring,
        tx.room(),
        permit,
        row.details.depositor,
    )?;
    let filed = filed(tx, asking, facts, permit)?;
    let told = row.details;
    let derived = told
        .derived
        .map(|derived| visible_sources(tx, asking, derived))
        .transpose()?;
    Ok(ItemPage {
        id: row.id,
        case: row.case_id,
        reference: told.reference,
        description: told.description,
        file_name: told.file_name,
        media_type: told.media_type,
        size: told.size,
        sha256: told.sha256,
        declared: told.declared,
        provenance: told.provenance,
        depositor: told.depositor,
        depositor_name,
        received_at: told.received_at,
        states: shown_states(asking, &facts.item),
        derived,
        filed,
        may,
    })
}

/// Whether a change of the item may be made upon what there is now.
///
/// # Errors
/// As [`Upon::holds`](super::tags::Upon::holds).
pub(super) fn upon(
    tx: &mut Tx<'_>,
    who: &SignedIn,
    asking: &Asking,
    facts: &ItemFacts,
    required: bool,
) -> Result<(), Stop> {
    who.upon.holds(required, || {
        let resource = Resource::Item(facts.item.clone());
        let Some(permit) = allowed::<ReadItem>(tx, asking, &resource) else {
            return Ok(None);
        };
        let may = may(tx.core, asking, &facts.item);
        let page = shown(tx, asking, facts, &permit, may)?;
        Ok(Some(Tag::of(tx.core, &page)))
    })
}

/// What would be permitted; a purpose that is asked for later is taken as given.
fn may(core: &Core, asking: &Asking, item: &Item) -> MayOnItem {
    let given = PolicyPurpose::new(PurposeCode::Investigation, "a purpose will be asked for");
    let restricted = item.states.contains(&ItemState::Restricted);
    let actions = [
        Action::OpenView,
        Action::Download,
        Action::ReadHistory,
        Action::TakeReceipt,
        Action::MakeBundle,
        Action::Serve,
        Action::Restrict,
        Action::LiftRestriction,
        Action::Correct,
        Action::RecordTransfer,
        Action::OfferExhibit,
        Action::RuleOnExhibit,
    ];
    let facts = Facts {
        actor: &asking.actor,
        resource: &Resource::Item(item.clone()),
        context: &asking.context.clone().with_purpose(given),
    };
    let [
        view,
        download,
        history,
        receipt,
        bundle,
        serve,
        restrict,
        lift_restriction,
        correct,
        record_transfer,
        offer_exhibit,
        rule_on_exhibit,
    ] = core.engine.offers(actions, facts);
    MayOnItem {
        view,
        download,
        history,
        receipt,
        bundle,
        serve,
        restrict: restrict && !restricted,
        lift_restriction: lift_restriction && restricted,
        correct,
        record_transfer,
        offer_exhibit,
        rule_on_exhibit,
    }
}

struct SetRestriction {
    who: SignedIn,
    item: ItemId,
    restrict: bool,
}

impl Command for SetRestriction {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let asking = tx.asking(&self.who)?;
        if self.restrict {
            let facts = tx.item::<Restrict>(&asking, self.item)?;
            let permit = tx.permit::<Restrict>(&asking, &Resource::Item(facts.item.clone()))?;
            upon(tx, &self.who, &asking, &facts, false)?;
            set_state(tx, &asking, &facts, &permit, true)
        } else {
            let facts = tx.item::<LiftRestriction>(&asking, self.item)?;
            let permit =
                tx.permit::<LiftRestriction>(&asking, &Resource::Item(facts.item.clone()))?;
            // What was kept from people is opened to them again: never unseen.
            upon(tx, &self.who, &asking, &facts, true)?;
            set_state(tx, &asking, &facts, &permit, false)
        }
    }
}

fn set_state<A: ChangesState>(
    tx: &mut Tx<'_>,
    asking: &Asking,
    facts: &ItemFacts,
    permit: &Permit<A>,
    restrict: bool,
) -> Result<(), Stop> {
    let mut states = facts.item.states.clone();
    let changed = if restrict {
        states.insert(ItemState::Restricted)
    } else {
        states.remove(&ItemState::Restricted)
    };
    if !changed {
        let already = if restrict {
            "is restricted already"
        } else {
            "is not restricted"
        };
        return Err(Error::Conflict(format!("the item {already}")).into());
    }
    let mut names: Vec<&str> = states.iter().map(|state| state.name()).collect();
    names.sort_unstable();
    let row = StateRow {
        id: facts.item.id,
        rev: facts.state_rev + 1,
        state: names.join(","),
    };
    let binding = bound::bind(&row, &tx.core.ambient);
    let kind = if restrict {
        "restrict"
    } else {
        "lift_restriction"
    };
    let draft = of_item(kind, facts, facts.scope)
        .permitted(tx.acting(asking, Some(facts.item.case)), permit)
        .detail(slot::DETAIL, json!({"states": names}))
        .writes(binding.slot.clone());
    let entered = tx.enter(draft)?;
    evidence::set_state(tx.connection, permit, &row, &binding, entered.c.as_bytes())?;
    Ok(())
}

/// A draft about an item, in the scope of whoever acts on it.
pub(super) fn of_item(kind: &'static str, facts: &ItemFacts, scope: ScopeId) -> Draft {
    let subject = Subject {
        noun: "item",
        id: Id::from(facts.item.id),
    };
    Draft::new(kind, scope, subject).case(facts.item.case)
}
