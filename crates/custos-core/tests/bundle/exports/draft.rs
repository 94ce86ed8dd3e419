//! An export before it is written down, so that each part of it can be spoilt.

use custos_core::{
    event::{kind, slot},
    export::{Field, Listed, Withheld},
    json::canonical,
};
use serde_json::{Value, json};

use crate::{
    room::{Event, ORIGIN, Room, START_SECONDS, id, index},
    samples::{CASE_SCOPE, ITEM, TEXT, deposit, event},
};

/// The time of the entry at an index.
pub fn time(at: i64) -> i64 {
    (START_SECONDS + 60 * at) * 1_000_000
}

/// A room with a statement (1), which somebody else looked at (2), another deposit (3), a
/// control entry (4), and an entry of the case (5).
pub fn room() -> Room {
    let mut room = Room::new("export");
    room.append(&deposit(ITEM, TEXT.as_bytes()));
    room.append_with(&event("view", ITEM), |values| {
        values[slot::ACTOR] = json!(id("other"));
        values[slot::ROLE] = json!("prosecutor");
    });
    room.append(&deposit("another", b"another"));
    room.control(custos_core::event::ControlKind::Keys);
    room.append(&Event {
        kind: "case_stage",
        scope: CASE_SCOPE,
        subject: ("case", "case"),
        detail: vec![(
            slot::DETAIL,
            json!({"stage": "closed", "outcome": "convicted"}),
        )],
    });
    room
}

/// All entries of the case.
pub fn asked_case() -> Value {
    json!({"case": id("case"), "from": null, "item": null, "person": null, "to": null})
}

pub struct Draft {
    pub header: Value,
    /// Entry, index and proof of each; the last is that of the export's own making.
    pub lines: Vec<Value>,
}

impl Draft {
    pub fn bytes(&self) -> Vec<u8> {
        let values = std::iter::once(&self.header).chain(&self.lines);
        let mut bytes = Vec::new();
        for value in values {
            bytes.extend(canonical(value).expect("JSON of the formats"));
            bytes.push(b'\n');
        }
        bytes
    }

    /// Puts another value in place of a slot's, which stays open.
    pub fn change(&mut self, line: usize, slot: usize, value: Value) {
        self.lines[line]["entry"][slot]["value"] = value;
    }
}

/// Slots that the room would open to someone who counts the scope and receives the items.
fn opens(slot: usize) -> bool {
    slot != slot::ROWS
}

/// A line of the file.
pub fn line(room: &Room, at: u64, size: u64, open: impl Fn(usize) -> bool) -> Value {
    let entry = room.entry(index(at), open).to_value();
    json!({"entry": entry, "index": at, "proof": room.inclusion(index(at), size)})
}

/// What the room would send: it enters the export and signs a checkpoint.
pub fn exported(room: &Room, asked: &Value, withheld: &[Field], of: &[u64]) -> Draft {
    named(room, asked, withheld, of, |_| {})
}

/// The same, after `change` had its hands on slot 22 of the export's own entry.
pub fn named(
    room: &Room,
    asked: &Value,
    fields: &[Field],
    of: &[u64],
    change: impl FnOnce(&mut Value),
) -> Draft {
    let mut listed = Listed::new();
    for at in of {
        listed.push(index(*at), &room.c(index(*at)));
    }
    let withheld = Withheld::of(fields.iter().copied());
    let mut made = json!({"asked": asked, "entries": listed.clone().finish(),
        "n": listed.n(), "withheld": withheld.to_value()});
    change(&mut made);
    let mut room = room.again();
    let own = room.append(&Event {
        kind: kind::EXPORT,
        scope: CASE_SCOPE,
        subject: ("case", "case"),
        detail: vec![(slot::DETAIL, made)],
    });
    // The log goes on before a checkpoint is signed.
    room.append(&event("view", "another"));
    written(&room, asked, &withheld, of, own.get())
}

/// The file of these entries.
pub fn written(room: &Room, asked: &Value, withheld: &Withheld, of: &[u64], own: u64) -> Draft {
    let size = room.size();
    let mut lines = Vec::new();
    for at in of {
        let kind = room.entry(index(*at), |slot| slot <= slot::KIND);
        let kind = kind.string(slot::KIND).expect("open").to_string();
        lines.push(line(room, *at, size, |slot| {
            opens(slot) && !withheld.withholds(slot, &kind)
        }));
    }
    lines.push(line(room, own, size, |slot| {
        opens(slot) && !withheld.withholds_own(slot)
    }));
    let note = room.checkpoint(size, true);
    let note = std::str::from_utf8(note.as_bytes())
        .expect("UTF-8")
        .to_string();
    Draft {
        header: json!({"asked": asked, "checkpoint": note, "format": "custos/export",
            "n": of.len(), "origin": ORIGIN, "v": 1, "withheld": withheld.to_value()}),
        lines,
    }
}
