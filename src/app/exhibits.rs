//! Exhibits: items offered to the court by a side, and how it ruled on them.

use custos_core::{
    event::slot,
    ids::{CaseId, ItemId, RowId, Timestamp},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{
    SignedIn,
    cases::{activity_scope, allowed, of_case},
    context::Room,
    deciding::Asking,
    entering::{Draft, Tx},
    error::Error,
    evidence::{of_item, upon},
    filing::file,
    orders, schema, text,
    writer::{Command, Done, Stop},
};
use crate::{
    db::{
        bound,
        decide::{self, CaseFacts, ItemFacts},
        filings::{self, Exhibit, FilingRow, MovesExhibit},
    },
    policy::{
        Permit,
        action::{OfferExhibit, ReadCase, ReadItem, RuleOnExhibit},
        facts::{CaseRole, Resource},
    },
};

/// How a court rules on an exhibit.
pub const RULINGS: &[&str] = &["admitted", "rejected"];

/// An offer to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOffer {
    /// The exhibit's number in court.
    #[schema(value_type = schema::Line)]
    pub number: String,
    /// What it is to show; may be empty.
    #[serde(default)]
    #[schema(value_type = schema::Text)]
    pub note: String,
}

/// A ruling on an exhibit.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRuling {
    /// `admitted` or `rejected`.
    #[schema(value_type = schema::RulingStatus)]
    pub status: String,
    /// The order under which it is made.
    #[serde(default)]
    #[schema(value_type = Option<schema::Id>)]
    pub order: Option<RowId>,
    /// Reasons; may be empty.
    #[serde(default)]
    #[schema(value_type = schema::Text)]
    pub note: String,
}

/// An exhibit as those who may know of its item see it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ExhibitSummary {
    /// Its id.
    #[schema(value_type = schema::Id)]
    pub id: RowId,
    /// The item.
    #[schema(value_type = schema::Id)]
    pub item: ItemId,
    /// Its number in court.
    pub number: String,
    /// `prosecution` or `defence`.
    #[schema(value_type = schema::ExhibitSide)]
    pub side: String,
    /// `offered`, `admitted`, `rejected` or `withdrawn`.
    #[schema(value_type = schema::ExhibitStatus)]
    pub status: String,
    /// The order that ruled on it.
    #[schema(value_type = Option<schema::Id>)]
    pub order: Option<RowId>,
    /// Reasons of the ruling, or of the offer while there is none.
    pub note: String,
    /// When it was offered.
    #[schema(value_type = schema::Time)]
    pub filed_at: Timestamp,
}

impl ExhibitSummary {
    /// What readers see of a row.
    pub(super) fn of(row: FilingRow<Exhibit>, item: ItemId) -> Self {
        Self {
            id: row.id,
            item,
            number: row.details.number,
            side: row.details.side,
            status: row.status,
            order: row.details.order,
            note: row.details.note,
            filed_at: row.filed_at,
        }
    }
}

/// Offers an item to the court.
///
/// # Errors
/// Refused, an item that this side offers already, or a number that it has given.
pub async fn offer(
    room: &Room,
    who: &SignedIn,
    item: ItemId,
    new: NewOffer,
) -> Result<Done<RowId>, Error> {
    let command = Offer {
        who: *who,
        item,
        number: text::line("number", &new.number)?,
        note: text::text("note", &new.note)?,
    };
    room.change(who, command).await
}

/// Takes an offer back, before the court ruled on it.
///
/// # Errors
/// Refused, an exhibit of the other side, or one that is offered no more.
pub async fn withdraw(
    room: &Room,
    who: &SignedIn,
    item: ItemId,
    exhibit: RowId,
) -> Result<Done<()>, Error> {
    let command = Withdraw {
        who: *who,
        item,
        exhibit,
    };
    room.change(who, command).await
}

/// Admits or rejects an exhibit; a ruling may be followed by another.
///
/// # Errors
/// Refused, an exhibit that was withdrawn, an order of another case.
pub async fn rule(
    room: &Room,
    who: &SignedIn,
    item: ItemId,
    exhibit: RowId,
    new: NewRuling,
) -> Result<Done<()>, Error> {
    if !RULINGS.contains(&new.status.as_str()) {
        return Err(Error::invalid(
            "`status` is neither `admitted` nor `rejected`",
        ));
    }
    let command = Rule {
        who: *who,
        item,
        exhibit,
        status: new.status,
        order: new.order,
        note: text::text("note", &new.note)?,
    };
    room.change(who, command).await
}

/// The exhibits of a case of whose items the reader may know, oldest first; one entry for the
/// request.
///
/// # Errors
/// Refused, which is told as not found where the person may not know of the case.
pub async fn list(room: &Room, who: &SignedIn, case: CaseId) -> Result<Vec<ExhibitSummary>, Error> {
    Ok(room.writer.submit(List { who: *who, case }).await?.output)
}

struct Offer {
    who: SignedIn,
    item: ItemId,
    number: String,
    note: String,
}

impl Command for Offer {
    type Output = RowId;

    fn run(self, tx: &mut Tx<'_>) -> Result<RowId, Stop> {
        let asking = tx.asking(&self.who)?;
        let facts = tx.item::<OfferExhibit>(&asking, self.item)?;
        let permit = tx.permit::<OfferExhibit>(&asking, &Resource::Item(facts.item.clone()))?;
        upon(tx, &self.who, &asking, &facts, false)?;
        let side = side(&asking, facts.item.case);
        for known in visible(tx, &asking, &facts.case)? {
            if known.side != side || known.status == "withdrawn" {
                continue;
            }
            if known.item == self.item {
                return Err(Error::Conflict("this side offers the item already".into()).into());
            }
            if known.number == self.number {
                return Err(Error::Conflict("this side gave the number already".into()).into());
            }
        }
        let offer = Exhibit {
            number: self.number,
            side: side.into(),
            order: None,
            note: self.note,
            by: self.who.person,
        };
        let acting = tx.acting(&asking, Some(facts.item.case));
        let about = (&facts.case, Some(self.item));
        file(tx, &permit, about, ("offered", offer), |row| {
            moved(&facts, row).permitted(acting, &permit)
        })
    }
}

struct Withdraw {
    who: SignedIn,
    item: ItemId,
    exhibit: RowId,
}

impl Command for Withdraw {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let asking = tx.asking(&self.who)?;
        let facts = tx.item::<OfferExhibit>(&asking, self.item)?;
        let permit = tx.permit::<OfferExhibit>(&asking, &Resource::Item(facts.item.clone()))?;
        upon(tx, &self.who, &asking, &facts, false)?;
        let mut row = of_this_item(tx, &facts, self.exhibit)?;
        if row.details.side != side(&asking, facts.item.case) {
            return Err(Error::Conflict("the other side offers it".into()).into());
        }
        if row.status != "offered" {
            return Err(Error::Conflict(format!("the exhibit is `{}`", row.status)).into());
        }
        row.status = "withdrawn".into();
        row.details.by = self.who.person;
        revise(tx, &asking, &facts, &permit, row)
    }
}

struct Rule {
    who: SignedIn,
    item: ItemId,
    exhibit: RowId,
    status: String,
    order: Option<RowId>,
    note: String,
}

impl Command for Rule {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let asking = tx.asking(&self.who)?;
        let facts = tx.item::<RuleOnExhibit>(&asking, self.item)?;
        let permit = tx.permit::<RuleOnExhibit>(&asking, &Resource::Item(facts.item.clone()))?;
        // A ruling takes the place of the one before.
        upon(tx, &self.who, &asking, &facts, true)?;
        let mut row = of_this_item(tx, &facts, self.exhibit)?;
        if row.status == "withdrawn" {
            return Err(Error::Conflict("the exhibit is `withdrawn`".into()).into());
        }
        orders::authority(tx, &facts.case, self.order)?;
        row.status = self.status;
        row.details.order = self.order;
        row.details.note = self.note;
        row.details.by = self.who.person;
        revise(tx, &asking, &facts, &permit, row)
    }
}

fn revise<A: MovesExhibit>(
    tx: &mut Tx<'_>,
    asking: &Asking,
    facts: &ItemFacts,
    permit: &Permit<A>,
    mut row: FilingRow<Exhibit>,
) -> Result<(), Stop> {
    row.rev += 1;
    let core = tx.core;
    let binding = bound::bind(&row, &core.ambient);
    let mut draft = moved(facts, &row)
        .permitted(tx.acting(asking, Some(facts.item.case)), permit)
        .writes(binding.slot.clone());
    draft.authority = row.details.order.map(|order| order.id());
    let entered = tx.enter(draft)?;
    filings::revise(
        tx.connection,
        permit,
        (&core.keyring, &core.ambient, facts.case.scope),
        &row,
        &binding,
        entered.c.as_bytes(),
    )?;
    Ok(())
}

/// The entry of a step: what a side says to the court is said to all, so it stands in the
/// scope of the case, also when the defence says it.
fn moved(facts: &ItemFacts, row: &FilingRow<Exhibit>) -> Draft {
    of_item("exhibit", facts, facts.scope).detail(
        slot::DETAIL,
        json!({
            "exhibit": row.id,
            "number": row.details.number,
            "side": row.details.side,
            "status": row.status,
            "note": row.details.note,
        }),
    )
}

/// An exhibit that is of this item.
fn of_this_item(
    tx: &mut Tx<'_>,
    facts: &ItemFacts,
    exhibit: RowId,
) -> Result<FilingRow<Exhibit>, Stop> {
    let of_item = decide::exhibits(tx.connection, &tx.core.keyring, &facts.case)?;
    of_item
        .into_iter()
        .find(|row| row.id == exhibit && row.item_id == Some(facts.item.id))
        .ok_or_else(|| Error::NotFound.into())
}

/// On which side of a case the person stands.
fn side(asking: &Asking, case: CaseId) -> &'static str {
    let roles = asking.actor.case_roles.iter();
    let prosecutes = roles
        .filter(|role| role.case == case)
        .any(|role| role.role == CaseRole::Prosecutor);
    if prosecutes { "prosecution" } else { "defence" }
}

/// The exhibits of whose items the person may know.
fn visible(
    tx: &mut Tx<'_>,
    asking: &Asking,
    case: &CaseFacts,
) -> Result<Vec<ExhibitSummary>, Stop> {
    let core = tx.core;
    let mut summaries = Vec::new();
    for row in decide::exhibits(tx.connection, &core.keyring, case)? {
        let Some(item) = row.item_id else { continue };
        let Some(facts) = decide::item(tx.connection, &core.keyring, item)? else {
            continue;
        };
        if allowed::<ReadItem>(tx, asking, &Resource::Item(facts.item)).is_some() {
            summaries.push(ExhibitSummary::of(row, item));
        }
    }
    Ok(summaries)
}

struct List {
    who: SignedIn,
    case: CaseId,
}

impl Command for List {
    type Output = Vec<ExhibitSummary>;

    fn run(self, tx: &mut Tx<'_>) -> Result<Vec<ExhibitSummary>, Stop> {
        let asking = tx.asking(&self.who)?;
        let facts = tx.case::<ReadCase>(&asking, self.case)?;
        let permit = tx.permit::<ReadCase>(&asking, &Resource::Case(facts.case))?;
        let draft = of_case("list", self.case, activity_scope(&asking, &facts))
            .permitted(tx.acting(&asking, Some(self.case)), &permit)
            .detail(slot::DETAIL, json!({"of": "exhibits"}));
        tx.enter(draft)?;
        visible(tx, &asking, &facts)
    }
}
