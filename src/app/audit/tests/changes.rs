//! Rows deleted, doubled, exchanged, rolled back; entries removed and moved; schema changed.

use super::bench::{Copy, names, shown};
use crate::{
    app::audit::{ChainOf, Place, Report},
    db::{
        audit::tables::{Guard, TABLES},
        dialect::{Cell, raw},
    },
};

fn cell(copy: &mut Copy, query: &str) -> String {
    let rows = raw(&mut copy.connection, query, &[]).expect("a row");
    match &rows[0][0] {
        Cell::Blob(bytes) => hex::encode(bytes),
        Cell::Integer(number) => number.to_string(),
        other => panic!("{other:?}"),
    }
}

fn is_row(place: &Place, wanted: &str, row: &str) -> bool {
    matches!(place, Place::Row { table, id, .. } if *table == wanted && id == row)
}

fn at_row(report: &Report, table: &str, row: &str) {
    let at = |place: &Place| is_row(place, table, row);
    assert!(names(report, at), "{table} {row}:\n{}", shown(report));
}

#[test]
fn tables_are_described_column_by_column() {
    let mut copy = Copy::new();
    for table in TABLES {
        let query = format!("SELECT name FROM pragma_table_info('{}')", table.name);
        let mut found: Vec<_> = raw(&mut copy.connection, &query, &[])
            .expect("columns")
            .into_iter()
            .flatten()
            .collect();
        let guard = match table.guard {
            Guard::Entry => &["salt", "entry"][..],
            Guard::Mac => &["mac"],
        };
        let columns = table.columns.iter().map(|column| column.name);
        for name in columns.chain(guard.iter().copied()) {
            let at = found
                .iter()
                .position(|cell| *cell == Cell::Text(name.into()));
            found.remove(at.unwrap_or_else(|| panic!("{}: `{name}`", table.name)));
        }
        assert!(found.is_empty(), "{}: {found:?}", table.name);
    }
    let query = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' \
                 AND (sql LIKE '%salt %' OR sql LIKE '%mac %')";
    assert_eq!(cell(&mut copy, query), TABLES.len().to_string());
}

#[test]
fn deleted_and_doubled_rows_are_found() {
    let mut copy = Copy::new();
    for table in TABLES {
        let name = table.name;
        let id = cell(&mut copy, &format!("SELECT id FROM {name} LIMIT 1"));
        if table.guard == Guard::Entry {
            let delete = format!("DELETE FROM {name} WHERE id = x'{id}'");
            let report = copy.changed(&delete).expect("deleted");
            at_row(&report, name, &id);
        }
        // A copy under another id; what must be unique in it is made so.
        let other = "ff".repeat(16);
        let columns: Vec<String> = table.columns[1..]
            .iter()
            .map(|column| match (name, column.name) {
                ("accounts", "login_index")
                | ("tokens" | "sessions" | "enrolments", "secret_hash")
                | ("policies", "set_hash")
                | ("items", "reference_index") => "randomblob(32)".into(),
                ("cases", "scope_id" | "court_scope_id")
                | ("items", "object_id")
                | ("servings", "item_id")
                | ("walls", "person_id") => "randomblob(16)".into(),
                ("items", "nth") => "nth + 100".into(),
                _ => column.name.to_string(),
            })
            .collect();
        let names_of: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
        let guard = match table.guard {
            Guard::Entry => "salt, entry",
            Guard::Mac => "mac",
        };
        let double = format!(
            "INSERT INTO {name} ({}, {guard}) SELECT x'{other}', {}, {guard} FROM {name} \
             WHERE id = x'{id}'",
            names_of.join(", "),
            columns.join(", ")
        );
        let report = copy.changed(&double);
        let report = report.unwrap_or_else(|| panic!("{double}"));
        at_row(&report, name, &other);
    }
}

#[test]
fn exchanged_columns_are_found_in_both_rows() {
    let mut copy = Copy::new();
    for table in ["accounts", "people", "items", "roles", "states"] {
        let columns: &[&str] = match table {
            "accounts" | "people" | "items" => &["details", "salt", "entry", "status, details"],
            "roles" => &["salt", "entry", "salt, entry, rev"],
            _ => &["salt", "entry"],
        };
        for columns in columns {
            if table == "items" && columns.contains("status") {
                continue;
            }
            let query = format!("SELECT id FROM {table} ORDER BY id LIMIT 1");
            let first = cell(&mut copy, &query);
            let query = format!("SELECT id FROM {table} ORDER BY id DESC LIMIT 1");
            let second = cell(&mut copy, &query);
            let swap = format!(
                "CREATE TEMP TABLE c AS SELECT * FROM {table}; \
                 UPDATE {table} SET ({columns}) = (SELECT {columns} FROM c WHERE c.id = \
                   CASE {table}.id WHEN x'{first}' THEN x'{second}' ELSE x'{first}' END) \
                 WHERE id IN (x'{first}', x'{second}'); DROP TABLE c"
            );
            let report = copy.changed(&swap).expect("exchanged");
            if report.is_sound() {
                // Both were written by one entry: exchanged, they are as they were.
                assert_eq!(*columns, "entry", "{table}");
                continue;
            }
            at_row(&report, table, &first);
            at_row(&report, table, &second);
        }
    }
}

#[test]
fn a_rolled_back_row_is_found() {
    use crate::app::tests::world::World;

    // A change that is taken back with its row's old salt and entry, as an administrator of
    // the database would.
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let world = World::new().await;
        let (_, account) = world.person("bea", &[]).await;
        world.tamper("CREATE TABLE kept AS SELECT * FROM accounts");
        let status = crate::app::people::Status::Suspended;
        crate::app::people::set_account_status(&world.room, &world.ana, account, status)
            .await
            .expect("suspended");
        world.tamper(&format!(
            "UPDATE accounts SET (rev, salt, entry, status, details) = (SELECT rev, salt, entry, \
             status, details FROM kept WHERE kept.id = accounts.id) WHERE id = x'{account}'; \
             DROP TABLE kept"
        ));
        let places = world.places();
        let report = crate::app::audit::audit(
            (&places.keys, &places.database),
            world.room.store.clone(),
            crate::app::audit::Options::default(),
            |_| {},
        )
        .await
        .expect("audited");
        let rolled = |place: &Place| {
            matches!(place, Place::Row { table: "accounts", id, column: Some("rev") }
                if *id == account.to_string())
        };
        assert!(names(&report, rolled), "{}", shown(&report));
        assert_eq!(report.total, 1, "{}", shown(&report));
    });
}

#[test]
fn removed_and_moved_entries_are_located() {
    let mut copy = Copy::new();
    let size: i64 = cell(&mut copy, "SELECT size FROM log_head")
        .parse()
        .expect("a size");
    for index in 1..size {
        let delete = format!("DELETE FROM entries WHERE idx = {index}");
        let report = copy.changed(&delete).expect("deleted");
        let at =
            |place: &Place| matches!(place, Place::Entry { index: i, part: "row" } if *i == index);
        assert!(names(&report, at), "{index}:\n{}", shown(&report));
    }
    let report = copy
        .changed("DELETE FROM entries WHERE idx > 3")
        .expect("deleted");
    let at = |place: &Place| matches!(place, Place::Entry { index: 4, .. });
    assert!(names(&report, at), "{}", shown(&report));
    let swap = "UPDATE entries SET idx = -1 WHERE idx = 2; \
                UPDATE entries SET idx = 2 WHERE idx = 3; \
                UPDATE entries SET idx = 3 WHERE idx = -1";
    let report = copy.changed(swap).expect("exchanged");
    for index in [2, 3] {
        let at =
            |place: &Place| matches!(place, Place::Entry { index: i, part: "leaf" } if *i == index);
        assert!(names(&report, at), "{}", shown(&report));
    }
    let chain = |place: &Place| {
        matches!(
            place,
            Place::Chain {
                which: ChainOf::Scope,
                ..
            }
        )
    };
    assert!(names(&report, chain), "{}", shown(&report));
}

#[test]
fn an_entry_that_was_added_is_located() {
    let mut copy = Copy::new();
    let size: i64 = cell(&mut copy, "SELECT size FROM log_head")
        .parse()
        .expect("a size");
    for columns in [
        "max(idx) + 1, randomblob(16), leaf, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL",
        "max(idx) + 1, randomblob(16), leaf, scope_id, scope_nth + 1, NULL, subject_id, \
         subject_nth + 1, writes_rows, link, body",
    ] {
        let insert = format!("INSERT INTO entries SELECT {columns} FROM entries");
        let report = copy.changed(&insert).expect("added");
        let at = |place: &Place| matches!(place, Place::Entry { index, .. } if *index == size);
        assert!(names(&report, at), "{}", shown(&report));
    }
    // A log whose end was cut, head and all: the published files know better.
    let report = copy.changed("DELETE FROM checkpoints").expect("deleted");
    assert!(!report.is_sound());
}

#[test]
fn a_changed_schema_is_told() {
    let mut copy = Copy::new();
    for change in [
        "CREATE TRIGGER quiet AFTER INSERT ON roles BEGIN DELETE FROM roles WHERE 0; END",
        "CREATE TABLE stranger (id)",
        "DROP INDEX roles_person",
        "ALTER TABLE roles ADD COLUMN more TEXT",
        "INSERT INTO __diesel_schema_migrations (version) VALUES ('20990101000000')",
        "DELETE FROM __diesel_schema_migrations",
    ] {
        let report = copy.changed(change).expect("changed");
        assert!(
            names(&report, |place| *place == Place::Database),
            "{change}"
        );
    }
    // Even without a table the audit goes on and tells of all others.
    let report = copy.changed("DROP TABLE views").expect("dropped");
    assert!(names(&report, |place| *place == Place::Database));
    assert_eq!(report.checked.items, 2);
}
