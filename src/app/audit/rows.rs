//! Authenticated rows beside what the entries, replayed in order, last said of them, and
//! beside their HMACs.

use std::{collections::HashMap, sync::Arc};

use custos_core::ids::{Id, ScopeId};
use serde_json::{Map, Value};

use super::{Audit, AuditError, BATCH_ROWS, Phase, Place, Written};
use crate::{
    db::{
        Connection,
        audit::{
            self as register, Opened, RawRow, Unseal,
            tables::{Guard, TABLES, Table, Under},
        },
        policies::PolicyText,
    },
    keyring::ScopeKeys,
    policy::{Engine, Source},
};

/// Scopes of the cases that rows name, as far as they were asked for.
type CaseScopes = HashMap<Id, Option<ScopeId>>;

/// The table of policy sets, whose text is looked at too.
const POLICIES: &str = "policies";

impl Audit<'_> {
    pub(super) fn rows(&mut self, connection: &mut Connection) -> Result<(), AuditError> {
        let mut total = 0;
        for table in TABLES {
            total += register::count(connection, table.name)?;
        }
        let mut cases = CaseScopes::new();
        let mut in_force = 0_u64;
        for table in TABLES {
            let mut after = i64::MIN;
            loop {
                self.progress(Phase::Rows, self.report.checked.rows, total);
                let batch = register::rows(connection, table, after, BATCH_ROWS)?;
                let Some(last) = batch.last() else { break };
                after = last.rowid;
                for row in &batch {
                    let opened = self.row(connection, table, row, &mut cases)?;
                    if table.name == POLICIES {
                        in_force += u64::from(self.policy(row, &opened.columns));
                    }
                }
            }
        }
        if in_force != 1 {
            let place = Place::Row {
                table: POLICIES,
                id: "?".into(),
                column: Some("status"),
            };
            self.report
                .found(place, "not exactly one policy set is in force");
        }
        self.missing_rows();
        Ok(())
    }

    fn row(
        &mut self,
        connection: &mut Connection,
        table: &'static Table,
        row: &RawRow,
        cases: &mut CaseScopes,
    ) -> Result<Opened, AuditError> {
        self.report.checked.rows += 1;
        let keys = self.value_key(connection, table, row, cases)?;
        let opened = row.open(table, unseal(&keys));
        let shown = row.shown();
        for (column, what) in &opened.odd {
            let place = row_place(table, &shown, Some(column));
            self.report.found(place, *what);
        }
        match table.guard {
            Guard::Entry => self.bound(table, row, &shown, &opened),
            Guard::Mac => self.brief(table, row, &shown, &opened),
        }
        Ok(opened)
    }

    /// The key of a row's encrypted columns.
    fn value_key(
        &self,
        connection: &mut Connection,
        table: &Table,
        row: &RawRow,
        cases: &mut CaseScopes,
    ) -> Result<Keys, AuditError> {
        let (scope, column) = match table.under {
            Under::Nothing => return Ok(Keys::Unusable),
            Under::Room => (self.room.id, "id"),
            Under::Scope => (row.id_in(table, "scope_id").map(ScopeId::from), "scope_id"),
            Under::Case => {
                let Some(case) = row.id_in(table, "case_id") else {
                    return Ok(Keys::NoScope("case_id"));
                };
                let scope = match cases.get(&case) {
                    Some(scope) => *scope,
                    None => {
                        let scope = register::scope_of_case(connection, case)?;
                        cases.insert(case, scope);
                        scope
                    }
                };
                match scope {
                    None => return Ok(Keys::NoScope("case_id")),
                    // The case is there and names no scope, which is told of the case.
                    Some(scope) if !self.scopes.contains_key(&scope) => return Ok(Keys::Unusable),
                    scope => (scope, "case_id"),
                }
            }
        };
        Ok(match scope.and_then(|scope| self.scopes.get(&scope)) {
            None => Keys::NoScope(column),
            Some(None) => Keys::Unusable,
            Some(Some(keys)) => Keys::Scope(keys.clone()),
        })
    }

    /// A bound row beside what the entries last said of it.
    fn bound(&mut self, table: &'static Table, row: &RawRow, shown: &str, opened: &Opened) {
        let entry = row.entry(table);
        if entry.is_some_and(|entry| self.unreadable.contains(&entry)) {
            // What its entry said of it can't be known, and that was told of the entry.
            self.report.unchecked += 1;
            if let Some(id) = row.id() {
                self.written.remove(&(table.name, id));
            }
            return;
        }
        let written = row
            .id()
            .and_then(|id| self.written.remove(&(table.name, id)));
        let Some(written) = written else {
            let place = row_place(table, shown, None);
            return self
                .report
                .found(place, "no custody entry wrote it, or it is there twice");
        };
        match row.rev(table) {
            Some(rev) if rev < written.rev => {
                let what = format!("it was rolled back to revision {rev} of {}", written.rev);
                return self
                    .report
                    .found(row_place(table, shown, Some("rev")), what);
            }
            Some(rev) if rev == written.rev => {}
            _ => {
                let what = format!("its newest revision is {}", written.rev);
                return self
                    .report
                    .found(row_place(table, shown, Some("rev")), what);
            }
        }
        if entry != Some(written.c) {
            let what = "it names another entry than the one that last wrote it";
            self.report
                .found(row_place(table, shown, Some("entry")), what);
        }
        self.hash(table, row, shown, opened, &written);
    }

    fn hash(
        &mut self,
        table: &'static Table,
        row: &RawRow,
        shown: &str,
        opened: &Opened,
        written: &Written,
    ) {
        if opened.incomplete {
            self.report.unchecked += 1;
        } else if opened.odd.is_empty() && row.hash(table, &opened.columns) != Some(written.hash) {
            let what = "a column or its salt is not what its custody entry says";
            self.report.found(row_place(table, shown, None), what);
        }
    }

    /// A row that lives for hours beside its HMAC.
    fn brief(&mut self, table: &'static Table, row: &RawRow, shown: &str, opened: &Opened) {
        match &self.room.session {
            Some(key) if !opened.incomplete => {
                if opened.odd.is_empty() && !row.has_mac(table, key, &opened.columns) {
                    let what = "it was not written by this room";
                    self.report.found(row_place(table, shown, None), what);
                }
            }
            _ => self.report.unchecked += 1,
        }
    }

    /// Whether a policy set is in force; its text must be of its hash, and load.
    fn policy(&mut self, row: &RawRow, columns: &Map<String, Value>) -> bool {
        let in_force = columns.get("status").and_then(Value::as_str) == Some("in_force");
        let place = |column| Place::Row {
            table: POLICIES,
            id: row.shown(),
            column: Some(column),
        };
        let Some(details) = columns.get("details") else {
            return in_force;
        };
        let text = serde_json::from_value::<PolicyText>(details.clone()).ok();
        let source = text.and_then(|text| {
            let files: Vec<(&str, &str)> = text
                .files
                .iter()
                .map(|(name, text)| (name.as_str(), text.as_str()))
                .collect();
            Source::new(&text.schema, &files).ok()
        });
        let Some(source) = source else {
            self.report.found(place("details"), "it is no policy set");
            return in_force;
        };
        if columns.get("set_hash").and_then(Value::as_str) != Some(&source.hash().to_string()) {
            self.report
                .found(place("set_hash"), "it is not the hash of its text");
        }
        // That the set built into this program loads is one of its tests.
        let built_in = source.hash() == Source::embedded().hash();
        if in_force && !built_in && Engine::from_source(&source).is_err() {
            self.report
                .found(place("details"), "the set in force does not load");
        }
        in_force
    }

    /// Rows that entries wrote and that are not there.
    fn missing_rows(&mut self) {
        let mut missing: Vec<_> = self.written.drain().map(|(place, _)| place).collect();
        missing.sort_unstable();
        for (table, id) in missing {
            let place = Place::Row {
                table,
                id: id.to_string(),
                column: None,
            };
            self.report.found(place, "it is missing");
        }
    }
}

/// The key of a row's encrypted columns, with what keeps it.
enum Keys {
    Scope(Arc<ScopeKeys>),
    Unusable,
    NoScope(&'static str),
}

fn unseal(keys: &Keys) -> Unseal<'_> {
    match keys {
        Keys::Scope(keys) => Unseal::Key(keys.value.as_bytes()),
        Keys::Unusable => Unseal::Unusable,
        Keys::NoScope(column) => Unseal::NoScope(column),
    }
}

fn row_place(table: &'static Table, shown: &str, column: Option<&'static str>) -> Place {
    Place::Row {
        table: table.name,
        id: shown.into(),
        column,
    }
}
