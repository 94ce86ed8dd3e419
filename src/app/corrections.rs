//! Corrections: what was told of an item stays, and what it should have said is appended.

use custos_core::{
    event::slot,
    ids::{ItemId, RowId, Timestamp},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    SignedIn,
    context::Room,
    entering::Tx,
    error::Error,
    evidence::{of_item, upon},
    filing::file,
    schema, text,
    uploads::PARTICULARS,
    writer::{Command, Done, Stop},
};
use crate::{
    db::filings::{self, Correction},
    policy::{action::Correct, facts::Resource},
};

/// What can be corrected with a text. The exhibit reference is never renumbered, and what the
/// bytes say of themselves needs no correction.
pub const TEXTS: &[&str] = &[
    "description",
    "place",
    "authority",
    "source",
    "device",
    "tool",
];
/// What can be corrected with a time, in microseconds since 1970 UTC.
pub const TIMES: &[&str] = &["captured_at"];

/// A correction to be appended.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCorrection {
    /// Which of [`TEXTS`], [`TIMES`] or [`PARTICULARS`].
    #[schema(value_type = schema::Correctable)]
    pub field: String,
    /// A text, or microseconds since 1970 UTC.
    #[schema(value_type = schema::CorrectedValue)]
    pub value: Value,
    /// Why.
    #[schema(value_type = schema::Line)]
    pub reason: String,
}

/// A correction as readers of the item see it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CorrectionSummary {
    /// Its id.
    #[schema(value_type = schema::Id)]
    pub id: RowId,
    /// What is corrected.
    #[schema(value_type = schema::Correctable)]
    pub field: String,
    /// What it should say.
    #[schema(value_type = schema::CorrectedValue)]
    pub value: Value,
    /// Why.
    pub reason: String,
    /// When it was appended.
    #[schema(value_type = schema::Time)]
    pub filed_at: Timestamp,
    /// Who appended it, by name.
    pub by: String,
}

/// Appends a correction to an item.
///
/// # Errors
/// Refused, a field that can't be corrected, a value that is not of the field's kind, an item that
/// has too many.
pub async fn correct(
    room: &Room,
    who: &SignedIn,
    item: ItemId,
    new: NewCorrection,
) -> Result<Done<RowId>, Error> {
    let value = value(&new.field, &new.value)?;
    let command = Append {
        who: *who,
        item,
        correction: Correction {
            field: new.field,
            value,
            reason: text::line("reason", &new.reason)?,
            by: who.person,
        },
    };
    room.change(who, command).await
}

/// What can be corrected.
pub fn fields() -> impl Iterator<Item = &'static str> {
    let particulars = PARTICULARS.iter().map(|(name, _)| *name);
    let own = TEXTS.iter().chain(TIMES).copied();
    own.chain(particulars)
}

fn value(field: &str, given: &Value) -> Result<Value, Error> {
    let particular = PARTICULARS.iter().any(|(name, _)| *name == field);
    if particular || TEXTS.contains(&field) {
        let told = given
            .as_str()
            .ok_or_else(|| Error::invalid("`value` is not a text"))?;
        let told = if field == "description" {
            text::text("value", told)?
        } else {
            text::optional_line("value", told)?
        };
        return Ok(json!(told));
    }
    if TIMES.contains(&field) {
        let time = given
            .as_i64()
            .and_then(|micros| Timestamp::from_micros(micros).ok())
            .ok_or_else(|| Error::invalid("`value` is no time in microseconds since 1970 UTC"))?;
        return Ok(json!(time));
    }
    let known: Vec<&str> = fields().collect();
    Err(Error::invalid(format!(
        "`field` is none of `{}`",
        known.join("`, `")
    )))
}

/// Corrections of an item, at most: whoever reads the item, or a list with it, is shown them all.
const MAX_OF_AN_ITEM: i64 = 500;

struct Append {
    who: SignedIn,
    item: ItemId,
    correction: Correction,
}

impl Command for Append {
    type Output = RowId;

    fn run(self, tx: &mut Tx<'_>) -> Result<RowId, Stop> {
        let asking = tx.asking(&self.who)?;
        let facts = tx.item::<Correct>(&asking, self.item)?;
        let permit = tx.permit::<Correct>(&asking, &Resource::Item(facts.item.clone()))?;
        upon(tx, &self.who, &asking, &facts, false)?;
        let count = filings::count_about::<Correction, _>(tx.connection, &permit, self.item)?;
        if count >= MAX_OF_AN_ITEM {
            let what = format!(
                "this item has {MAX_OF_AN_ITEM} corrections and takes no more; they stay, and nothing was changed; say what else is wrong in a deposit of its own"
            );
            return Err(Error::Conflict(what).into());
        }
        let acting = tx.acting(&asking, Some(facts.item.case));
        let about = (&facts.case, Some(self.item));
        file(tx, &permit, about, ("filed", self.correction), |row| {
            let told = &row.details;
            of_item("correct", &facts, facts.scope)
                .permitted(acting, &permit)
                .detail(
                    slot::DETAIL,
                    json!({
                        "correction": row.id,
                        "field": told.field,
                        "value": told.value,
                        "reason": told.reason,
                    }),
                )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{
        cases::tests::Case,
        exhibits::{self, NewOffer},
    };

    #[test]
    fn a_field_takes_values_of_its_kind_only() {
        assert_eq!(
            value("place", &json!("  Gate 3 ")).expect("a text"),
            json!("Gate 3")
        );
        assert_eq!(
            value("captured_at", &json!(1_770_000_000_000_000_i64)).expect("a time"),
            json!(1_770_000_000_000_000_i64)
        );
        for (field, odd) in [
            ("place", json!(7)),
            ("place", json!("a\nb")),
            ("captured_at", json!("yesterday")),
            ("captured_at", json!(1.5)),
            ("reference", json!("JS/2")),
            ("sha256", json!("00")),
            ("", json!("x")),
        ] {
            assert!(value(field, &odd).is_err(), "{field} {odd}");
        }
    }

    #[tokio::test]
    async fn an_item_takes_so_many_corrections_and_everything_else_still() {
        let case = Case::new().await;
        let room = &case.world.room;
        let item = case.deposit("A1", "").await;
        let correction = || NewCorrection {
            field: "place".into(),
            value: json!("Gate 3"),
            reason: "a slip".into(),
        };
        for _ in 0..MAX_OF_AN_ITEM {
            correct(room, &case.officer, item, correction())
                .await
                .expect("filed");
        }
        let size = case.world.size();
        let refused = correct(room, &case.officer, item, correction()).await;
        assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
        assert_eq!(case.world.size(), size);
        // Nobody who fills an item keeps the others from what they have to file.
        let offer = NewOffer {
            number: "P1".into(),
            note: String::new(),
        };
        exhibits::offer(room, &case.prosecutor, item, offer)
            .await
            .expect("offered");
        let other = case.deposit("A2", "").await;
        correct(room, &case.officer, other, correction())
            .await
            .expect("filed");
    }
}
