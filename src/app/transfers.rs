//! Transfers of the physical thing: they stand in the same chain as what happens to its bytes.

use custos_core::{
    event::slot,
    ids::{ItemId, RowId, Timestamp},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{
    SignedIn,
    context::Room,
    entering::Tx,
    error::Error,
    evidence::of_item,
    filing::file,
    schema, text,
    uploads::MAX_OFFSET_MINUTES,
    writer::{Command, Done, Stop},
};
use crate::{
    db::filings::Transfer,
    policy::{action::RecordTransfer, facts::Resource},
};

/// What a seal can be found to be.
pub const SEAL_STATES: &[&str] = &["none", "intact", "broken", "replaced"];

/// A transfer to be recorded.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewTransfer {
    /// Who gave it out of their hands.
    #[schema(value_type = schema::Line, required)]
    pub released_by: String,
    /// Who took it.
    #[schema(value_type = schema::Line, required)]
    pub received_by: String,
    /// When, in microseconds since 1970 UTC.
    #[schema(value_type = schema::Time, required)]
    pub at: Option<Timestamp>,
    /// Offset of the clock by which that was noted, in minutes east of UTC.
    #[schema(value_type = schema::Offset)]
    pub offset_minutes: i16,
    /// Where; may be empty.
    #[schema(value_type = schema::OptionalLine)]
    pub place: String,
    /// Why.
    #[schema(value_type = schema::Line, required)]
    pub reason: String,
    /// Number of the seal; empty where there is none.
    #[schema(value_type = schema::OptionalLine)]
    pub seal: String,
    /// One of [`SEAL_STATES`]; empty is `none`.
    #[schema(value_type = schema::GivenSealState)]
    pub seal_state: String,
}

/// A transfer as readers of the item see it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TransferSummary {
    /// Its id.
    #[schema(value_type = schema::Id)]
    pub id: RowId,
    /// Who gave it out of their hands.
    pub released_by: String,
    /// Who took it.
    pub received_by: String,
    /// When.
    #[schema(value_type = schema::Time)]
    pub at: Timestamp,
    /// Offset of the clock by which that was noted, in minutes east of UTC.
    #[schema(value_type = schema::Offset)]
    pub offset_minutes: i16,
    /// Where.
    pub place: String,
    /// Why.
    pub reason: String,
    /// Number of the seal.
    pub seal: String,
    /// One of [`SEAL_STATES`].
    #[schema(value_type = schema::SealState)]
    pub seal_state: String,
    /// When it was recorded here.
    #[schema(value_type = schema::Time)]
    pub filed_at: Timestamp,
    /// Who recorded it, by name.
    pub by: String,
}

/// Records that the physical thing changed hands.
///
/// # Errors
/// Refused, or something that is missing, too long, or still to come.
pub async fn record(
    room: &Room,
    who: &SignedIn,
    item: ItemId,
    new: &NewTransfer,
) -> Result<Done<RowId>, Error> {
    let command = Record {
        who: *who,
        item,
        transfer: parsed(who, new)?,
    };
    room.change(who, command).await
}

fn parsed(who: &SignedIn, new: &NewTransfer) -> Result<Transfer, Error> {
    let seal_state = match new.seal_state.as_str() {
        "" => "none",
        known if SEAL_STATES.contains(&known) => known,
        _ => {
            return Err(Error::invalid(format!(
                "`seal_state` is none of `{}`",
                SEAL_STATES.join("`, `")
            )));
        }
    };
    let seal = text::optional_line("seal", &new.seal)?;
    if seal.is_empty() != (seal_state == "none") {
        return Err(Error::invalid(
            "`seal` and `seal_state` do not fit: a seal has a number, and a number has a state",
        ));
    }
    if new.offset_minutes.unsigned_abs() > MAX_OFFSET_MINUTES {
        return Err(Error::invalid("`offset_minutes` is more than 14 hours"));
    }
    Ok(Transfer {
        released_by: text::line("released_by", &new.released_by)?,
        received_by: text::line("received_by", &new.received_by)?,
        at: new.at.ok_or_else(|| Error::invalid("`at` is missing"))?,
        offset_minutes: new.offset_minutes,
        place: text::optional_line("place", &new.place)?,
        reason: text::line("reason", &new.reason)?,
        seal,
        seal_state: seal_state.into(),
        by: who.person,
    })
}

struct Record {
    who: SignedIn,
    item: ItemId,
    transfer: Transfer,
}

impl Command for Record {
    type Output = RowId;

    fn run(self, tx: &mut Tx<'_>) -> Result<RowId, Stop> {
        let asking = tx.asking(&self.who)?;
        let facts = tx.item::<RecordTransfer>(&asking, self.item)?;
        let permit = tx.permit::<RecordTransfer>(&asking, &Resource::Item(facts.item.clone()))?;
        if self.transfer.at > tx.now() {
            return Err(Error::invalid("`at` is still to come").into());
        }
        let acting = tx.acting(&asking, Some(facts.item.case));
        let about = (&facts.case, Some(self.item));
        file(tx, &permit, about, ("filed", self.transfer), |row| {
            let told = &row.details;
            of_item("transfer", &facts, facts.scope)
                .permitted(acting, &permit)
                .detail(
                    slot::DETAIL,
                    json!({
                        "transfer": row.id,
                        "released_by": told.released_by,
                        "received_by": told.received_by,
                        "at": told.at,
                        "offset_minutes": told.offset_minutes,
                        "place": told.place,
                        "reason": told.reason,
                        "seal": told.seal,
                        "seal_state": told.seal_state,
                    }),
                )
        })
    }
}
