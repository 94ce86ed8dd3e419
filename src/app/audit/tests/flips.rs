//! Every byte of one row of each table, and every bit of its integers, one at a time.

use std::{collections::BTreeMap, thread};

use super::bench::{Copy, names, shown};
use crate::{
    app::audit::{Place, Report},
    db::{
        Connection,
        dialect::{Cell, raw},
    },
};

/// Copies of the room that are damaged side by side.
const THREADS: usize = 2;

/// How much of a row is flipped.
#[derive(Clone, Copy, PartialEq)]
enum Extent {
    /// Every byte, every bit of an integer.
    All,
    /// Every byte of values up to [`LONG_BYTES`], some of longer ones, some bits.
    Most,
    /// Some bytes, some bits.
    Some,
}

/// A value longer than this is a long one.
const LONG_BYTES: usize = 160;

/// Of integers that are not watched in every bit, these are.
const SOME_BITS: [u32; 9] = [0, 1, 2, 7, 20, 32, 52, 53, 63];

/// One change of one column of one row.
struct Flip {
    table: &'static str,
    column: String,
    /// The row's name before and after: an id in hex, an index, a size.
    names: Vec<String>,
    sql: String,
}

impl Flip {
    /// Whether a finding names exactly the row that was changed.
    fn is_at(&self, place: &Place) -> bool {
        let named = |name: &String| self.names.contains(name);
        match place {
            Place::Head { field } => self.table == "log_head" && *field == self.column,
            Place::Entry { index, .. } => self.table == "entries" && named(&index.to_string()),
            Place::Checkpoint { size } => self.table == "checkpoints" && named(&size.to_string()),
            Place::Key { id: Some(id), .. } => self.table == "wrapped_keys" && named(id),
            Place::Row { table, id, .. } => self.table == *table && named(id),
            _ => false,
        }
    }

    fn check(&self, report: &Report) {
        assert!(
            names(report, |place| self.is_at(place)),
            "`{}` was not located:\n{}",
            self.sql,
            shown(report)
        );
    }
}

/// How a value stands in a statement.
fn literal(cell: &Cell) -> String {
    match cell {
        Cell::Null => "NULL".into(),
        Cell::Integer(number) => number.to_string(),
        Cell::Real => "0.5".into(),
        Cell::Text(text) => format!("CAST(x'{}' AS TEXT)", hex::encode(text)),
        Cell::Blob(bytes) => format!("x'{}'", hex::encode(bytes)),
    }
}

fn name(cell: &Cell) -> String {
    match cell {
        Cell::Integer(number) => number.to_string(),
        Cell::Blob(bytes) | Cell::Text(bytes) => hex::encode(bytes),
        Cell::Null | Cell::Real => "?".into(),
    }
}

/// What a value is changed to: each byte and each bit alone, another type, nothing, more.
fn changes(cell: &Cell, extent: Extent) -> Vec<Cell> {
    let flipped = |bytes: &[u8]| -> Vec<Vec<u8>> {
        let stride = match extent {
            Extent::Most if bytes.len() > LONG_BYTES => 61,
            Extent::Some => 13,
            _ => 1,
        };
        let flip = |at: usize| {
            let mut bytes = bytes.to_vec();
            bytes[at] ^= 1 << (at % 8);
            bytes
        };
        let mut all: Vec<_> = (0..bytes.len()).step_by(stride).map(flip).collect();
        all.extend(bytes.split_last().map(|(_, rest)| rest.to_vec()));
        all.push([bytes, b"\0"].concat());
        all
    };
    match cell {
        Cell::Null => vec![
            Cell::Integer(1),
            Cell::Blob(vec![0; 16]),
            Cell::Text(b"1".to_vec()),
        ],
        Cell::Integer(number) => {
            let bits = (0..64).filter(|bit| extent == Extent::All || SOME_BITS.contains(bit));
            let flip = |bit| Cell::Integer(number ^ (1_i64 << bit));
            let mut all: Vec<_> = bits.map(flip).collect();
            all.extend([
                Cell::Null,
                Cell::Real,
                Cell::Blob(number.to_string().into_bytes()),
            ]);
            all
        }
        Cell::Text(text) => {
            let mut all: Vec<_> = flipped(text).into_iter().map(Cell::Text).collect();
            all.extend([Cell::Null, Cell::Blob(text.clone()), Cell::Integer(7)]);
            all
        }
        Cell::Blob(bytes) => {
            let mut all: Vec<_> = flipped(bytes).into_iter().map(Cell::Blob).collect();
            all.extend([Cell::Null, Cell::Text(bytes.clone()), Cell::Integer(7)]);
            all
        }
        Cell::Real => Vec::new(),
    }
}

/// The flips of one row.
fn flips(
    connection: &mut Connection,
    table: &'static str,
    (key, which): (&str, &str),
    extent: Extent,
) -> Vec<Flip> {
    let columns: Vec<String> = raw(
        connection,
        &format!("SELECT name FROM pragma_table_info('{table}')"),
        &[],
    )
    .expect("columns")
    .iter()
    .map(|row| match &row[0] {
        Cell::Text(name) => String::from_utf8_lossy(name).into_owned(),
        _ => panic!("a column has a name"),
    })
    .collect();
    let query = format!("SELECT rowid, {} FROM {table} {which}", columns.join(", "));
    let row = raw(connection, &query, &[]).expect("a row").remove(0);
    let Cell::Integer(rowid) = row[0] else {
        panic!("a row has a number");
    };
    let named = columns
        .iter()
        .position(|column| column == key)
        .expect("a key");
    let before = name(&row[named + 1]);
    let mut flips = Vec::new();
    for (column, cell) in columns.iter().zip(&row[1..]) {
        for change in changes(cell, extent) {
            let mut names = vec![before.clone()];
            if column == key {
                names.push(name(&change));
            }
            let value = literal(&change);
            flips.push(Flip {
                table,
                column: column.clone(),
                names,
                sql: format!("UPDATE {table} SET {column} = {value} WHERE rowid = {rowid}"),
            });
        }
    }
    flips
}

/// Makes every flip, each on a sound room, and gives how many were located.
fn located(flips: &[Flip], passed_over: impl Fn(&Flip) -> bool + Sync) -> BTreeMap<String, usize> {
    thread::scope(|scope| {
        let (flips, passed_over) = (&flips, &passed_over);
        let threads: Vec<_> = (0..THREADS)
            .map(|first| {
                scope.spawn(move || {
                    let mut copy = Copy::new();
                    let mut counts = BTreeMap::new();
                    for flip in flips.iter().skip(first).step_by(THREADS) {
                        // The database itself may refuse a second row of one name.
                        if passed_over(flip) {
                            continue;
                        }
                        if let Some(report) = copy.changed(&flip.sql) {
                            flip.check(&report);
                            *counts.entry(flip.table.to_string()).or_insert(0) += 1;
                        }
                    }
                    counts
                })
            })
            .collect();
        let mut counts = BTreeMap::new();
        for thread in threads {
            for (table, count) in thread.join().expect("every flip is located") {
                *counts.entry(table).or_insert(0) += count;
            }
        }
        counts
    })
}

#[test]
fn every_byte_of_an_entry_is_watched() {
    let mut copy = Copy::new();
    let which = "WHERE item_nth = 1";
    let flips = flips(&mut copy.connection, "entries", ("idx", which), Extent::All);
    let counts = located(&flips, |_| false);
    assert!(counts["entries"] > 2_500, "{counts:?}");
}

#[test]
fn every_byte_of_an_item_is_watched() {
    let mut copy = Copy::new();
    let flips = flips(
        &mut copy.connection,
        "items",
        ("id", "LIMIT 1"),
        Extent::All,
    );
    let counts = located(&flips, |_| false);
    assert!(counts["items"] > 1_000, "{counts:?}");
}

#[test]
fn every_bound_row_is_watched() {
    let mut copy = Copy::new();
    let mut all = Vec::new();
    for table in [
        "people",
        "accounts",
        "credentials",
        "tokens",
        "cases",
        "parties",
        "roles",
        "states",
        "servings",
        "filings",
        "walls",
        "requests",
        "policies",
        "addresses",
        "audits",
    ] {
        let key = ("id", "LIMIT 1");
        all.extend(flips(&mut copy.connection, table, key, Extent::Most));
    }
    let counts = located(&all, |_| false);
    assert_eq!(counts.len(), 15, "{counts:?}");
    assert!(counts.values().all(|count| *count > 80), "{counts:?}");
}

#[test]
fn every_brief_row_scope_and_key_is_watched() {
    let mut copy = Copy::new();
    let mut all = Vec::new();
    for (table, which) in [
        ("sessions", "LIMIT 1"),
        ("enrolments", "WHERE used_at IS NULL LIMIT 1"),
        ("uploads", "LIMIT 1"),
        ("replies", "LIMIT 1"),
        ("notices", "WHERE address_id IS NOT NULL"),
        ("views", "LIMIT 1"),
        ("objects", "LIMIT 1"),
        ("scopes", "WHERE kind = 'court'"),
        ("wrapped_keys", "WHERE purpose = 'scope' LIMIT 1"),
        ("wrapped_keys", "WHERE purpose = 'value' LIMIT 1"),
        ("wrapped_keys", "WHERE purpose = 'data' LIMIT 1"),
        ("wrapped_keys", "WHERE purpose = 'salt' LIMIT 1"),
        ("wrapped_keys", "WHERE purpose = 'entry' LIMIT 1"),
        ("wrapped_keys", "WHERE purpose = 'log'"),
        ("wrapped_keys", "WHERE purpose = 'bundle'"),
        ("wrapped_keys", "WHERE purpose = 'session'"),
        ("wrapped_keys", "WHERE purpose = 'index'"),
    ] {
        // Keys of all purposes are one format: one of them is watched in every byte.
        let extent = match which {
            "WHERE purpose = 'data' LIMIT 1" => Extent::All,
            _ if table == "wrapped_keys" => Extent::Some,
            _ => Extent::Most,
        };
        all.extend(flips(&mut copy.connection, table, ("id", which), extent));
    }
    let counts = located(&all, |_| false);
    assert_eq!(counts.len(), 9, "{counts:?}");
    assert!(counts["wrapped_keys"] > 500, "{counts:?}");
}

#[test]
fn head_and_checkpoints_are_watched() {
    let mut copy = Copy::new();
    let mut all = flips(&mut copy.connection, "log_head", ("id", ""), Extent::All);
    for which in ["ORDER BY size DESC LIMIT 1", "ORDER BY size LIMIT 1"] {
        let key = ("size", which);
        all.extend(flips(&mut copy.connection, "checkpoints", key, Extent::All));
    }
    // Nothing says when a checkpoint was published but that row.
    let counts = located(&all, |flip| {
        flip.table == "checkpoints" && flip.column == "time"
    });
    assert!(
        counts["log_head"] > 300 && counts["checkpoints"] > 300,
        "{counts:?}"
    );
}
