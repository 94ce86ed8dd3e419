//! The case tables of `policies/tests/`: what a reader can check without knowing Rust.

use std::{collections::BTreeSet, fs, path::Path};

use serde::Deserialize;

use super::world::{Candidate, On, Who, decide};
use crate::policy::{
    action::Action,
    engine::{Engine, POLICY_ERROR},
    facts::Means,
    source::Source,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    about: String,
    rows: Vec<Row>,
}

/// A row; what it does not say is as [`Who::with`] has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    says: String,
    #[serde(rename = "as")]
    roles: Vec<String>,
    action: String,
    on: On,
    #[serde(default)]
    with: With,
    decision: String,
    policies: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct With {
    #[serde(default)]
    on_another_case: bool,
    #[serde(default)]
    walled: bool,
    #[serde(default)]
    person_suspended: bool,
    #[serde(default)]
    account_suspended: bool,
    #[serde(default)]
    custody_not_durable: bool,
    #[serde(default)]
    token: bool,
    #[serde(default)]
    approved_by_oneself: bool,
    #[serde(default)]
    approved_by_nobody: bool,
    #[serde(default)]
    role_of_today: bool,
    #[serde(default)]
    no_second_factor: bool,
    second_factor_seconds: Option<u64>,
    purpose_text: Option<String>,
    candidate: Option<Candidate>,
}

impl Row {
    fn who(&self) -> Who {
        let roles: Vec<&str> = self.roles.iter().map(String::as_str).collect();
        let mut who = Who::with(&roles);
        let with = &self.with;
        who.here = !with.on_another_case;
        who.wall = with.walled.then_some(super::world::CASE);
        who.person_active = !with.person_suspended;
        who.account_active = !with.account_suspended;
        who.durable = !with.custody_not_durable;
        if with.token {
            who.means = Means::Token;
        }
        if with.approved_by_nobody {
            who.approvers.clear();
        }
        if with.approved_by_oneself {
            who.approvers = vec![super::world::ME];
        }
        who.settled = !with.role_of_today;
        if with.no_second_factor {
            who.factor = None;
        }
        who.factor = with.second_factor_seconds.or(who.factor);
        who.purpose = with.purpose_text.clone().or(who.purpose);
        who.candidate = with.candidate.unwrap_or(who.candidate);
        who
    }
}

fn tables() -> Vec<(String, Table)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/tests");
    let mut tables = Vec::new();
    for entry in fs::read_dir(folder).expect("the tables are in the repository") {
        let path = entry.expect("the folder can be read").path();
        let text = fs::read_to_string(&path).expect("a table can be read");
        let table = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        tables.push((path.display().to_string(), table));
    }
    tables
}

#[test]
fn the_tables_hold() {
    let engine = Engine::embedded();
    let mut rows = 0;
    for (path, table) in tables() {
        assert!(!table.about.is_empty(), "{path}");
        for row in table.rows {
            let named = |action: &&Action| action.name() == row.action;
            let action = *Action::ALL.iter().find(named).expect(&row.action);
            let (allowed, policies) = decide(&engine, action, &row.who(), row.on);
            let decision = if allowed { "allow" } else { "deny" };
            assert_eq!(
                (decision, &policies),
                (row.decision.as_str(), &row.policies),
                "{path}: {}",
                row.says
            );
            rows += 1;
        }
    }
    assert!(rows >= 60, "{rows} rows");
}

#[test]
fn every_policy_decides_a_row() {
    let decided: BTreeSet<String> = tables()
        .into_iter()
        .flat_map(|(_, table)| table.rows)
        .flat_map(|row| row.policies)
        .collect();
    for (file, text) in Source::embedded().files() {
        for line in text.lines() {
            let id = line
                .strip_prefix("@id(\"")
                .and_then(|rest| rest.strip_suffix("\")"));
            if let Some(id) = id {
                assert!(
                    decided.contains(id),
                    "no row is decided by `{id}` of `{file}`"
                );
            }
        }
    }
    assert!(
        decided.contains(POLICY_ERROR),
        "no row shows what cannot be asked"
    );
}
