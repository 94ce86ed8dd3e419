//! Wrapped keys: each unwraps, each is owned, and whoever must have one has it.

use std::{collections::HashMap, sync::Arc};

use custos_core::{
    ids::{Id, ScopeId},
    keys::Purpose,
};

use super::{Audit, AuditError, BATCH_ROWS, Phase, Place};
use crate::{
    db::{
        Connection,
        audit::{self as register, RawKey},
    },
    keyring::Wrapped,
};

/// The key of each scope as it lies in the register.
type ScopeKeyRows = HashMap<ScopeId, Wrapped>;

impl Audit<'_> {
    pub(super) fn keys(&mut self, connection: &mut Connection) -> Result<(), AuditError> {
        let scope_keys = self.scopes(connection)?;
        let total = register::count(connection, "wrapped_keys")?;
        let mut after = i64::MIN;
        loop {
            self.progress(Phase::Keys, self.report.checked.keys, total);
            let batch = register::keys(connection, after, BATCH_ROWS)?;
            let Some(last) = batch.last() else { break };
            after = last.rowid;
            for key in &batch {
                self.key(key, &scope_keys);
            }
        }
        let Some(room) = self.room.id else {
            return Ok(());
        };
        for (id, purpose) in register::spare_keys(connection, room)? {
            self.report.found(
                Place::Key {
                    id: Some(id),
                    purpose: purpose.map(Purpose::as_str),
                    owner: None,
                },
                "nothing that is there owns it",
            );
        }
        for (purpose, owner) in register::missing_keys(connection, room)? {
            self.report.found(
                Place::Key {
                    id: None,
                    purpose: Some(purpose.as_str()),
                    owner: Some(owner),
                },
                "it is missing",
            );
        }
        Ok(())
    }

    /// Checks the scopes against room and cases, and unwraps the two keys of each.
    fn scopes(&mut self, connection: &mut Connection) -> Result<ScopeKeyRows, AuditError> {
        let mut rows = ScopeKeyRows::new();
        let mut wanted: HashMap<ScopeId, (&str, Option<Id>)> = HashMap::new();
        wanted.extend(self.room.id.map(|room| (room, ("room", None))));
        for (case, scope, court) in register::case_scopes(connection)? {
            wanted.extend(scope.map(|scope| (scope, ("case", Some(case)))));
            wanted.extend(court.map(|court| (court, ("court", Some(case)))));
        }
        for found in register::scopes(connection)? {
            let place = |column| Place::Row {
                table: "scopes",
                id: found.shown.clone(),
                column,
            };
            let Some(id) = found.id else {
                self.report.found(place(Some("id")), "it is no id");
                continue;
            };
            match wanted.remove(&id) {
                None => self
                    .report
                    .found(place(None), "neither room nor case has it"),
                Some((kind, case)) => {
                    if found.kind.as_deref() != Some(kind) {
                        let what = format!("it should be `{kind}`");
                        self.report.found(place(Some("kind")), what);
                    }
                    if found.case != Ok(case) {
                        let what = "it is not the case that names this scope";
                        self.report.found(place(Some("case_id")), what);
                    }
                }
            }
            self.scope_keys(connection, id, &mut rows)?;
        }
        for (missing, (kind, _)) in wanted {
            let place = Place::Row {
                table: "scopes",
                id: missing.to_string(),
                column: None,
            };
            self.report
                .found(place, format!("it is missing: it is a `{kind}`'s"));
            // Where its keys are there, its entries can be judged all the same.
            self.scope_keys(connection, missing, &mut rows)?;
            if !rows.contains_key(&missing) {
                self.scopes.remove(&missing);
            }
        }
        Ok(rows)
    }

    fn scope_keys(
        &mut self,
        connection: &mut Connection,
        scope: ScopeId,
        rows: &mut ScopeKeyRows,
    ) -> Result<(), AuditError> {
        let key = register::key_of(connection, scope, scope.id(), Purpose::Scope)?;
        let value = register::key_of(connection, scope, scope.id(), Purpose::Value)?;
        let keys = key
            .as_ref()
            .zip(value)
            .and_then(|(key, value)| self.keyring.unwrap_scope(key, &value).ok());
        self.scopes.insert(scope, keys.map(Arc::new));
        rows.extend(key.map(|key| (scope, key)));
        Ok(())
    }

    fn key(&mut self, found: &RawKey, scope_keys: &ScopeKeyRows) {
        self.report.checked.keys += 1;
        let place = |purpose: Option<Purpose>| Place::Key {
            id: Some(found.shown.clone()),
            purpose: purpose.map(Purpose::as_str),
            owner: None,
        };
        let key = match &found.key {
            Ok(key) => key,
            Err(column) => {
                let what = format!("its `{column}` is not what this column holds");
                return self.report.found(place(None), what);
            }
        };
        match self.unwraps(key, scope_keys) {
            Some(true) => {}
            Some(false) => {
                let what =
                    "it does not unwrap: it was changed, moved, or belongs to another root key";
                self.report.found(place(Some(key.purpose)), what);
            }
            None => self.report.unchecked += 1,
        }
    }

    /// Whether a key unwraps; `None` when the key above it is missing or unusable, which is
    /// told of that key.
    fn unwraps(&self, key: &Wrapped, scope_keys: &ScopeKeyRows) -> Option<bool> {
        match key.purpose {
            Purpose::Data | Purpose::Salt | Purpose::Entry => {
                let keys = self.scopes.get(&key.scope)?.as_ref()?;
                Some(keys.unwrap(key).is_ok())
            }
            Purpose::Value => {
                let scope_key = scope_keys.get(&key.scope)?;
                self.keyring.unwrap_under_root(scope_key).ok()?;
                Some(self.keyring.unwrap_scope(scope_key, key).is_ok())
            }
            _ => Some(self.keyring.unwrap_under_root(key).is_ok()),
        }
    }
}
