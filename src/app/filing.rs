//! Filing: one row of the register with its entry, whatever its kind.

use custos_core::ids::{ItemId, RowId};

use super::{
    entering::{Draft, Tx},
    writer::Stop,
};
use crate::{
    db::{
        bound,
        decide::CaseFacts,
        filings::{self, Filed, Files, FilingRow},
    },
    policy::Permit,
};

/// Files what is said about a case, or about an item of it; `entry` drafts the entry of the row.
///
/// # Errors
/// The register can't be read or written.
pub(super) fn file<T: Filed, A: Files<T>>(
    tx: &mut Tx<'_>,
    permit: &Permit<A>,
    (case, item): (&CaseFacts, Option<ItemId>),
    (status, details): (&str, T),
    entry: impl FnOnce(&FilingRow<T>) -> Draft,
) -> Result<RowId, Stop> {
    let row = FilingRow {
        id: tx.id::<RowId>(),
        rev: 1,
        case_id: case.case.id,
        item_id: item,
        kind: T::KIND,
        status: status.into(),
        filed_at: tx.now(),
        details,
    };
    let core = tx.core;
    let binding = bound::bind(&row, &core.ambient);
    let entered = tx.enter(entry(&row).writes(binding.slot.clone()))?;
    filings::insert(
        tx.connection,
        permit,
        (&core.keyring, &core.ambient, case.scope),
        &row,
        &binding,
        entered.c.as_bytes(),
    )?;
    Ok(row.id)
}
