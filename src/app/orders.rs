//! Orders of the court. What is done under one names it as its authority.

use custos_core::{
    event::slot,
    ids::{CaseId, Id, RowId, Timestamp},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{
    SignedIn,
    cases::{allowed, of_case},
    context::Room,
    entering::Tx,
    error::Error,
    filing::file,
    notices::{self, Event},
    schema, text,
    writer::{Command, Done, Stop},
};
use crate::{
    db::{
        decide::{self, CaseFacts},
        filings::{self, Order},
        people,
    },
    policy::{
        action::{MakeOrder, ReadHistory},
        facts::Resource,
    },
};

/// What a court orders.
pub const KINDS: &[&str] = &[
    "protective_measure",
    "unseal",
    "admit",
    "reject",
    "expunge",
    "disclose_notes",
    "other",
];

/// An order to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    /// Its number, as the court gives it.
    #[schema(value_type = schema::Line)]
    pub number: String,
    /// One of [`KINDS`].
    #[schema(value_type = schema::OrderKind)]
    pub orders: String,
    /// In its own words.
    #[schema(value_type = schema::FilledText)]
    pub text: String,
}

/// An order as those who work on the case see it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OrderSummary {
    /// Its id, by which what is done under it names it.
    #[schema(value_type = schema::Id)]
    pub id: RowId,
    /// Its number.
    pub number: String,
    /// One of [`KINDS`].
    #[schema(value_type = schema::OrderKind)]
    pub orders: String,
    /// In its own words.
    pub text: String,
    /// When it was made here.
    #[schema(value_type = schema::Time)]
    pub filed_at: Timestamp,
    /// The judge, by name.
    pub by: String,
}

/// The orders of a case.
#[derive(Debug, Clone)]
pub struct OrderList {
    /// Oldest first.
    pub orders: Vec<OrderSummary>,
    /// Whether the reader may make one.
    pub may_make: bool,
}

/// Makes an order.
///
/// # Errors
/// Refused, a kind that is not known, a number that an order of the case has.
pub async fn make(
    room: &Room,
    who: &SignedIn,
    case: CaseId,
    new: NewOrder,
) -> Result<Done<RowId>, Error> {
    if !KINDS.contains(&new.orders.as_str()) {
        return Err(Error::invalid(format!(
            "`orders` is none of `{}`",
            KINDS.join("`, `")
        )));
    }
    let told = text::text("text", &new.text)?;
    if told.is_empty() {
        return Err(Error::invalid("`text` is empty"));
    }
    let command = Make {
        who: *who,
        case,
        order: Order {
            number: text::line("number", &new.number)?,
            orders: new.orders,
            text: told,
            by: who.person,
        },
    };
    room.change(who, command).await
}

/// The orders of a case, oldest first; one entry for the request.
///
/// # Errors
/// Refused, which is told as not found where the person may not know of the case.
pub async fn list(room: &Room, who: &SignedIn, case: CaseId) -> Result<OrderList, Error> {
    Ok(room.writer.submit(List { who: *who, case }).await?.output)
}

/// The order under which something is done, as slot 16 names it.
///
/// # Errors
/// It is no order of this case.
pub(super) fn authority(
    tx: &mut Tx<'_>,
    facts: &CaseFacts,
    order: Option<RowId>,
) -> Result<Option<Id>, Stop> {
    let Some(order) = order else { return Ok(None) };
    if decide::order_in_case(tx.connection, &tx.core.keyring, facts, order)? {
        Ok(Some(order.id()))
    } else {
        Err(Error::invalid("`order` is no order in this case").into())
    }
}

struct Make {
    who: SignedIn,
    case: CaseId,
    order: Order,
}

impl Command for Make {
    type Output = RowId;

    fn run(self, tx: &mut Tx<'_>) -> Result<RowId, Stop> {
        let asking = tx.asking(&self.who)?;
        let facts = tx.case::<MakeOrder>(&asking, self.case)?;
        let permit = tx.permit::<MakeOrder>(&asking, &Resource::Case(facts.case))?;
        let core = tx.core;
        let made = decide::orders(tx.connection, &core.keyring, &facts)?;
        if made
            .iter()
            .any(|order| order.details.number == self.order.number)
        {
            return Err(Error::Conflict("an order of this case has this number".into()).into());
        }
        let acting = tx.acting(&asking, Some(self.case));
        let made = file(tx, &permit, (&facts, None), ("filed", self.order), |row| {
            let told = &row.details;
            let mut draft = of_case("order", self.case, facts.scope)
                .permitted(acting, &permit)
                .detail(
                    slot::DETAIL,
                    json!({
                        "order": row.id,
                        "number": told.number,
                        "orders": told.orders,
                        "text": told.text,
                    }),
                );
            draft.authority = Some(row.id.id());
            draft
        })?;
        let (case, by) = (self.case, self.who.person);
        notices::queue(tx, &Event::OrderMade { case, by })?;
        Ok(made)
    }
}

struct List {
    who: SignedIn,
    case: CaseId,
}

impl Command for List {
    type Output = OrderList;

    fn run(self, tx: &mut Tx<'_>) -> Result<OrderList, Stop> {
        let asking = tx.asking(&self.who)?;
        let facts = tx.case::<ReadHistory>(&asking, self.case)?;
        let permit = tx.permit::<ReadHistory>(&asking, &Resource::Case(facts.case))?;
        let draft = of_case("list", self.case, facts.scope)
            .permitted(tx.acting(&asking, Some(self.case)), &permit)
            .detail(slot::DETAIL, json!({"of": "orders"}));
        tx.enter(draft)?;
        let core = tx.core;
        let room = tx.room();
        let mut summaries = Vec::new();
        for row in filings::orders(tx.connection, &core.keyring, facts.scope, &permit)? {
            let by =
                people::told_name(tx.connection, &core.keyring, room, &permit, row.details.by)?;
            summaries.push(OrderSummary {
                id: row.id,
                number: row.details.number,
                orders: row.details.orders,
                text: row.details.text,
                filed_at: row.filed_at,
                by,
            });
        }
        Ok(OrderList {
            orders: summaries,
            may_make: allowed::<MakeOrder>(tx, &asking, &Resource::Case(facts.case)).is_some(),
        })
    }
}
