//! What stands beside an item: what was filed about it, what it was made from and what was made
//! of it.

use custos_core::ids::ItemId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::{
        cases::allowed, corrections::CorrectionSummary, deciding::Asking, entering::Tx,
        exhibits::ExhibitSummary, schema, transfers::TransferSummary, writer::Stop,
    },
    db::{
        decide::{self, ItemFacts},
        evidence::Derived,
        filings::{self, Correction, Derivative, Exhibit, Transfer},
        people,
    },
    policy::{Permit, action::ReadItem, facts::Resource},
};

/// What was filed about an item, each list oldest first.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Filed {
    /// Corrections; what was told at first stands unchanged beside them.
    pub corrections: Vec<CorrectionSummary>,
    /// How the physical thing changed hands.
    pub transfers: Vec<TransferSummary>,
    /// How it was offered to the court.
    pub exhibits: Vec<ExhibitSummary>,
    /// The items made of it of which the reader may know.
    #[schema(value_type = Vec<schema::Id>)]
    pub derivatives: Vec<ItemId>,
}

/// What was filed about the item.
pub(super) fn filed(
    tx: &mut Tx<'_>,
    asking: &Asking,
    facts: &ItemFacts,
    permit: &Permit<ReadItem>,
) -> Result<Filed, Stop> {
    let (core, room, scope) = (tx.core, tx.room(), facts.case.scope);
    let keyring = &core.keyring;
    let mut filed = Filed::default();
    for row in filings::of_item::<Correction>(tx.connection, keyring, scope, permit)? {
        let told = row.details;
        filed.corrections.push(CorrectionSummary {
            id: row.id,
            field: told.field,
            value: told.value,
            reason: told.reason,
            filed_at: row.filed_at,
            by: people::told_name(tx.connection, keyring, room, permit, told.by)?,
        });
    }
    for row in filings::of_item::<Transfer>(tx.connection, keyring, scope, permit)? {
        let told = row.details;
        filed.transfers.push(TransferSummary {
            id: row.id,
            released_by: told.released_by,
            received_by: told.received_by,
            at: told.at,
            offset_minutes: told.offset_minutes,
            place: told.place,
            reason: told.reason,
            seal: told.seal,
            seal_state: told.seal_state,
            filed_at: row.filed_at,
            by: people::told_name(tx.connection, keyring, room, permit, told.by)?,
        });
    }
    let exhibits = filings::of_item::<Exhibit>(tx.connection, keyring, scope, permit)?;
    filed.exhibits = exhibits
        .into_iter()
        .map(|row| ExhibitSummary::of(row, facts.item.id))
        .collect();
    for row in filings::of_item::<Derivative>(tx.connection, keyring, scope, permit)? {
        if may_know(tx, asking, row.details.item)? {
            filed.derivatives.push(row.details.item);
        }
    }
    Ok(filed)
}

/// The same derivation with those sources alone of which the reader may know.
pub(super) fn visible_sources(
    tx: &mut Tx<'_>,
    asking: &Asking,
    mut derived: Derived,
) -> Result<Derived, Stop> {
    let mut visible = Vec::new();
    for source in derived.sources {
        if may_know(tx, asking, source)? {
            visible.push(source);
        }
    }
    derived.sources = visible;
    Ok(derived)
}

fn may_know(tx: &mut Tx<'_>, asking: &Asking, item: ItemId) -> Result<bool, Stop> {
    let facts = decide::item(tx.connection, &tx.core.keyring, item)?;
    Ok(facts.is_some_and(|facts| {
        allowed::<ReadItem>(tx, asking, &Resource::Item(facts.item)).is_some()
    }))
}
