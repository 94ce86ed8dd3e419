//! Rows of many cases at once, for the list of cases.

use std::collections::HashMap;

use custos_core::{
    event::slot,
    ids::{CaseId, ScopeId, Timestamp},
};
use diesel::prelude::*;

use super::TOGETHER;
use crate::{
    db::{
        Connection, DbError, cases,
        cases::CaseDetails,
        entries::{LINKED, Linked, linked},
        keys,
        rows::id,
        schema::{cases as cases_table, entries},
    },
    keyring::Keyring,
    policy::{Permit, action::ReadCase, facts},
};

/// How a case's row lies there: its revision, and the `C` of the entry that wrote it. Of a row
/// that lies as it lay when it was checked, what was checked still holds; whoever shows it checks
/// it again.
pub type Lie = (i64, Vec<u8>);

/// A case, as its row and the entry say that opened it.
pub struct CheckedCase {
    /// What policy sees of it.
    pub facts: facts::Case,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// What is encrypted of it.
    pub details: CaseDetails,
}

/// How the rows of cases lie there: of these, as far as there are any, or of all.
///
/// # Errors
/// The rows can't be read.
pub fn lying(
    connection: &mut Connection,
    named: Option<&[CaseId]>,
) -> Result<HashMap<CaseId, Lie>, DbError> {
    let columns = (cases_table::id, cases_table::rev, cases_table::entry);
    let mut found: Vec<(Vec<u8>, i64, Vec<u8>)> = Vec::new();
    match named {
        None => found = cases_table::table.select(columns).load(connection)?,
        Some(named) => {
            for named in named.chunks(TOGETHER) {
                let named: Vec<&[u8]> = named.iter().map(|id| id.as_bytes().as_slice()).collect();
                let some: Vec<(Vec<u8>, i64, Vec<u8>)> = cases_table::table
                    .filter(cases_table::id.eq_any(named))
                    .select(columns)
                    .load(connection)?;
                found.extend(some);
            }
        }
    }
    let found = found.into_iter();
    found
        .map(|(raw, rev, entry)| Ok((id("cases", &raw)?, (rev, entry))))
        .collect()
}

/// A case, checked against the entry that wrote it, with the time of the one that opened it.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn case(
    connection: &mut Connection,
    keyring: &Keyring,
    case: CaseId,
) -> Result<CheckedCase, DbError> {
    let damaged = |what| DbError::damaged("cases", case, what);
    let row = cases::find(connection, keyring, case)?.ok_or_else(|| damaged("it is missing"))?;
    let stage = facts::Stage::of(&row.stage).ok_or_else(|| damaged("its stage is unknown"))?;
    Ok(CheckedCase {
        facts: facts::Case { id: case, stage },
        opened_at: opened(connection, keyring, case, row.scope_id)?,
        details: row.details,
    })
}

/// When a case was opened.
///
/// # Errors
/// [`DbError::Damaged`].
pub fn opened_at(
    connection: &mut Connection,
    keyring: &Keyring,
    permit: &Permit<ReadCase>,
    scope: ScopeId,
) -> Result<Timestamp, DbError> {
    opened(connection, keyring, permit.resource().id.into(), scope)
}

/// The time of the first entry of its scope, which opened it.
fn opened(
    connection: &mut Connection,
    keyring: &Keyring,
    case: CaseId,
    scope: ScopeId,
) -> Result<Timestamp, DbError> {
    let damaged = || DbError::damaged("cases", case, "no custody entry opened it");
    let entry: Option<Linked> = entries::table
        .filter(entries::scope_id.eq(scope.as_bytes().to_vec()))
        .filter(entries::scope_nth.eq(1))
        .select(LINKED)
        .first(connection)
        .optional()?;
    let keys = keys::scope(connection, keyring, scope)?;
    let link = linked(entry.ok_or_else(damaged)?).open_link(keys.value.as_bytes())?;
    let is_first = link.value(slot::SCOPE_NTH).as_u64() == Some(1);
    let opens = link.value(slot::KIND) == "case_open"
        && link.value(slot::CASE).as_str() == Some(case.to_string().as_str());
    let micros = link
        .value(slot::TIME)
        .as_i64()
        .filter(|_| is_first && opens);
    let time = micros.and_then(|micros| Timestamp::from_micros(micros).ok());
    time.ok_or_else(damaged)
}
