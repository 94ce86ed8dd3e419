//! Invalid exports, each named by its one defect, with the step that must refuse it.

use custos_core::{
    checkpoint::{Checkpoint, NoteSigner, SignedCheckpoint},
    event::slot,
    export::{Field, MAX_EXPORT_ENTRIES, Withheld},
    hash::Hash,
    json::canonical,
};
use serde_json::{Value, json};

use super::{
    Case,
    draft::{Draft, asked_case, exported, line, named, room, time, written},
};
use crate::{
    room::{ORIGIN, Room, id, index},
    samples::{ITEM, event},
};

const ALL: [u64; 4] = [1, 2, 3, 5];

/// Every defect.
pub fn all() -> Vec<Case> {
    [
        export(),
        heads(),
        entry(),
        inclusion(),
        chain(),
        asked(),
        held(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn case(name: &'static str, step: &'static str, bytes: Vec<u8>) -> Case {
    Case {
        name,
        bytes,
        held: Vec::new(),
        step: Some(step),
    }
}

fn good() -> Draft {
    exported(&room(), &asked_case(), &[Field::Fingerprints], &ALL)
}

/// The valid export after one change.
fn spoilt(name: &'static str, step: &'static str, change: impl FnOnce(&mut Draft)) -> Case {
    let mut draft = good();
    change(&mut draft);
    case(name, step, draft.bytes())
}

fn export() -> Vec<Case> {
    const STEP: &str = "export";
    let header =
        |name, member: &str, value: Value| spoilt(name, STEP, |draft| draft.header[member] = value);
    let asks = |name, member: &str, value: Value| {
        spoilt(name, STEP, |draft| draft.header["asked"][member] = value)
    };
    let bytes =
        |name, change: &dyn Fn(Vec<u8>) -> Vec<u8>| case(name, STEP, change(good().bytes()));
    let mut all = vec![
        header("header-of-version-2", "v", json!(2)),
        header("header-of-another-format", "format", json!("custos/import")),
        header("header-with-spare-member", "note", json!("")),
        header(
            "header-of-another-log",
            "origin",
            json!("other.example/log"),
        ),
        header(
            "header-with-unknown-field",
            "withheld",
            json!(["fingerprints", "rows"]),
        ),
        header(
            "header-with-fields-out-of-order",
            "withheld",
            json!(["role", "actor"]),
        ),
        header(
            "header-with-field-twice",
            "withheld",
            json!(["actor", "actor"]),
        ),
        header("header-counts-one-more", "n", json!(5)),
        header("header-counts-one-less", "n", json!(3)),
        header("header-counts-too-many", "n", json!(MAX_EXPORT_ENTRIES + 1)),
        header("header-without-checkpoint", "checkpoint", json!("")),
        asks("header-asks-for-nothing", "case", Value::Null),
        asks("header-asks-for-item-and-case", "item", json!(id(ITEM))),
        asks("header-asks-for-an-odd-id", "person", json!("0")),
        spoilt("header-asks-for-a-span-of-no-moment", STEP, |draft| {
            draft.header["asked"]["from"] = json!(time(3));
            draft.header["asked"]["to"] = json!(time(3));
        }),
        spoilt("lines-out-of-order", STEP, |draft| draft.lines.swap(0, 1)),
        spoilt("line-twice", STEP, |draft| {
            draft.lines[1] = draft.lines[0].clone();
        }),
        spoilt("line-with-spare-member", STEP, |draft| {
            draft.lines[0]["note"] = json!("");
        }),
        spoilt("line-with-64-hashes", STEP, |draft| {
            draft.lines[0]["proof"] = json!(vec![Hash::from_bytes([0; 32]); 64]);
        }),
        spoilt("line-with-an-odd-hash", STEP, |draft| {
            draft.lines[0]["proof"][0] = json!("00");
        }),
        spoilt("line-behind-the-last", STEP, |draft| {
            let room = room();
            draft
                .lines
                .push(line(&room, 5, room.size(), |slot| slot < 4));
        }),
        bytes("last-line-without-its-end", &|mut bytes| {
            bytes.pop();
            bytes
        }),
        bytes("lines-with-carriage-returns", &|bytes| {
            let text = String::from_utf8(bytes).expect("UTF-8");
            text.replace('\n', "\r\n").into_bytes()
        }),
        bytes("line-without-anything", &|mut bytes| {
            let first = bytes
                .iter()
                .position(|byte| *byte == b'\n')
                .expect("a line");
            bytes.insert(first, b'\n');
            bytes
        }),
        bytes("line-longer-than-its-limit", &|bytes| {
            let first = bytes
                .iter()
                .position(|byte| *byte == b'\n')
                .expect("a line");
            let mut long = bytes[..=first].to_vec();
            long.resize(first + 270_000, b' ');
            long.push(b'\n');
            long
        }),
        bytes("without-its-first-line", &|bytes| {
            let first = bytes
                .iter()
                .position(|byte| *byte == b'\n')
                .expect("a line");
            bytes[first + 1..].to_vec()
        }),
        bytes("of-no-byte", &|_| Vec::new()),
    ];
    let header = canonical(&good().header).expect("JSON");
    let loose = String::from_utf8(header.clone())
        .expect("UTF-8")
        .replacen(':', ": ", 1);
    let rest = good().bytes().split_off(header.len());
    all.push(case(
        "header-not-canonical",
        STEP,
        [loose.into_bytes(), rest].concat(),
    ));
    all
}

fn heads() -> Vec<Case> {
    let sign = |key: &NoteSigner| {
        let draft = good();
        let note = draft.header["checkpoint"]
            .as_str()
            .expect("a note")
            .as_bytes();
        let read = SignedCheckpoint::parse(note).expect("a checkpoint");
        let again = Checkpoint::new(ORIGIN, read.checkpoint().size(), *read.checkpoint().root());
        let signed = SignedCheckpoint::sign(again.expect("the same"), &[key]).expect("one key");
        std::str::from_utf8(signed.as_bytes())
            .expect("UTF-8")
            .to_string()
    };
    let other = NoteSigner::from_seed(ORIGIN, &[9; 32]).expect("a good name");
    let unknown = sign(&other);
    let alone = sign(&Room::new("any").log_key);
    vec![
        spoilt("checkpoint-by-unknown-key", "checkpoint", |draft| {
            draft.header["checkpoint"] = json!(unknown);
        }),
        spoilt("checkpoint-with-false-signature", "checkpoint", |draft| {
            let note = draft.header["checkpoint"].as_str().expect("a note");
            let size = format!("\n{}\n", room().size() + 2);
            let changed = note.replacen(&size, "\n9\n", 1);
            assert_ne!(changed, note);
            draft.header["checkpoint"] = json!(changed);
        }),
        spoilt("witness-missing", "witness", |draft| {
            draft.header["checkpoint"] = json!(alone);
        }),
    ]
}

fn entry() -> Vec<Case> {
    const STEP: &str = "entry";
    vec![
        spoilt("entry-of-another-log", STEP, |draft| {
            draft.change(0, slot::ORIGIN, json!("other.example/log"));
        }),
        spoilt("entry-of-version-2", STEP, |draft| {
            draft.change(0, slot::V, json!(2))
        }),
        spoilt("entry-with-31-slots", STEP, |draft| {
            draft.lines[0]["entry"].as_array_mut().expect("slots").pop();
        }),
        spoilt("entry-with-slot-of-another-type", STEP, |draft| {
            draft.change(0, slot::TIME, json!("noon"));
        }),
        spoilt("entry-in-place-of-the-first", STEP, |draft| {
            draft.lines[0]["index"] = json!(0);
        }),
        spoilt("entry-not-below-the-checkpoint", STEP, |draft| {
            let last = draft.lines.len() - 1;
            draft.lines[last]["index"] = json!(100);
        }),
        spoilt("entry-stands-twice", STEP, |draft| {
            let entry = draft.lines[0]["entry"].clone();
            draft.lines[1]["entry"] = entry;
            draft.lines[1]["index"] = json!(2);
            draft.lines[1]["proof"] = draft.lines[0]["proof"].clone();
        }),
        spoilt("entry-shows-bound-rows", STEP, |draft| {
            let room = room_of(&asked_case());
            draft.lines[0] = line(&room, 1, room.size(), |slot| slot < 4 || slot == slot::ROWS);
        }),
        spoilt("entry-with-detail-but-no-kind", STEP, |draft| {
            let room = room_of(&asked_case());
            draft.lines[1] = line(&room, 2, room.size(), |slot| slot < slot::ROWS);
            let c = room.entry(index(2), |slot| slot < 2).to_value()[slot::KIND].clone();
            draft.lines[1]["entry"][slot::KIND] = c;
        }),
        spoilt("entry-shows-what-is-withheld", STEP, |draft| {
            let room = room_of(&asked_case());
            draft.lines[2] = line(&room, 3, room.size(), |slot| slot < slot::ROWS);
        }),
        shows_own(),
        case("export-of-another-form-named", STEP, {
            let odd = |made: &mut Value| made["entries"] = json!("00");
            // No reader takes such an entry, so it can't be written with its detail open; the
            // detail is put in by hand.
            let mut draft = good();
            let last = draft.lines.len() - 1;
            odd(&mut draft.lines[last]["entry"][slot::DETAIL]["value"]);
            draft.bytes()
        }),
    ]
}

/// The room of the valid export, with its own entry and one more.
fn room_of(asked: &Value) -> Room {
    let mut again = room();
    let made = named_detail(asked);
    again.append(&crate::room::Event {
        kind: "export",
        scope: crate::samples::CASE_SCOPE,
        subject: ("case", "case"),
        detail: vec![(slot::DETAIL, made)],
    });
    again.append(&event("view", "another"));
    again
}

fn named_detail(asked: &Value) -> Value {
    let draft = exported(&room(), asked, &[Field::Fingerprints], &ALL);
    let last = draft.lines.last().expect("its own");
    last["entry"][slot::DETAIL]["value"].clone()
}

/// The export's own entry shows who made it, which the first line says is withheld.
fn shows_own() -> Case {
    let mut draft = exported(&room(), &asked_case(), &[Field::Actor], &ALL);
    let shown = exported(&room(), &asked_case(), &[Field::Actor], &ALL);
    let mut again = room();
    again.append(&crate::room::Event {
        kind: "export",
        scope: crate::samples::CASE_SCOPE,
        subject: ("case", "case"),
        detail: vec![(
            slot::DETAIL,
            shown.lines[4]["entry"][slot::DETAIL]["value"].clone(),
        )],
    });
    again.append(&event("view", "another"));
    draft.lines[4] = line(&again, 6, again.size(), |slot| slot < slot::ROWS);
    case("own-entry-shows-what-is-withheld", "entry", draft.bytes())
}

fn inclusion() -> Vec<Case> {
    const STEP: &str = "inclusion";
    vec![
        spoilt("inclusion-of-changed-value", STEP, |draft| {
            draft.change(0, slot::ROLE, json!("judge"));
        }),
        spoilt("inclusion-of-changed-commitment", STEP, |draft| {
            draft.lines[0]["entry"][slot::SHA256] = json!({"c": Hash::from_bytes([1; 32])});
        }),
        spoilt("inclusion-of-other-index", STEP, |draft| {
            draft.lines[3]["index"] = json!(4);
        }),
        spoilt("inclusion-with-other-hash", STEP, |draft| {
            draft.lines[0]["proof"][0] = json!(Hash::from_bytes([1; 32]));
        }),
        spoilt("inclusion-with-spare-hash", STEP, |draft| {
            let proof = draft.lines[0]["proof"].as_array_mut().expect("hashes");
            proof.push(json!(Hash::from_bytes([1; 32])));
        }),
        spoilt("inclusion-without-a-hash", STEP, |draft| {
            draft.lines[0]["proof"]
                .as_array_mut()
                .expect("hashes")
                .pop();
        }),
    ]
}

fn chain() -> Vec<Case> {
    const STEP: &str = "chain";
    let with = |name, change: &dyn Fn(&mut [Value; 32])| {
        let mut room = room();
        let at = room.append_with(&event("view", ITEM), change);
        let of = [1, 2, 3, 5, at.get()];
        case(name, STEP, exported(&room, &asked_case(), &[], &of).bytes())
    };
    vec![
        with("chain-goes-back-in-time", &|values| {
            values[slot::TIME] = json!(time(0));
        }),
        with("chain-forks", &|values| {
            values[slot::SCOPE_PREV] = json!(room().c(index(1)));
        }),
        with("chain-repeats-a-number", &|values| {
            values[slot::SCOPE_NTH] = json!(3);
        }),
    ]
}

fn asked() -> Vec<Case> {
    const STEP: &str = "asked";
    let of = |case: Value, item: Value, person: Value, from: Value| json!({"case": case, "from": from, "item": item, "person": person, "to": null});
    let null = || Value::Null;
    let wrong =
        |name, asked: Value| case(name, STEP, exported(&room(), &asked, &[], &[1, 2]).bytes());
    let mut all = vec![
        wrong(
            "asked-for-another-case",
            of(json!(id("case 2")), null(), null(), null()),
        ),
        wrong(
            "asked-for-another-item",
            of(null(), json!(id("another")), null(), null()),
        ),
        wrong(
            "asked-for-another-person",
            of(null(), null(), json!(id("actor")), null()),
        ),
        wrong(
            "asked-for-a-later-span",
            of(null(), null(), null(), json!(time(2))),
        ),
        spoilt("own-entry-missing", STEP, |draft| {
            draft.lines.pop();
            draft.header["n"] = json!(3);
        }),
        spoilt("one-entry-taken-out", STEP, |draft| {
            draft.lines.remove(1);
            draft.header["n"] = json!(3);
        }),
        spoilt("other-field-withheld-than-named", STEP, |draft| {
            draft.header["withheld"] = json!([]);
        }),
        spoilt("asked-otherwise-than-named", STEP, |draft| {
            draft.header["asked"]["from"] = json!(time(1));
        }),
    ];
    for (name, member, value) in [
        ("own-entry-names-another-count", "n", json!(3)),
        (
            "own-entry-names-other-entries",
            "entries",
            json!(Hash::from_bytes([1; 32])),
        ),
    ] {
        let draft = named(&room(), &asked_case(), &[], &ALL, |made| {
            made[member] = value
        });
        all.push(case(name, STEP, draft.bytes()));
    }
    let whole = named(&room(), &asked_case(), &[], &[1, 2], |_| {});
    let mut more = whole;
    let room = {
        let mut again = room();
        let last = more.lines.last().expect("its own");
        again.append(&crate::room::Event {
            kind: "export",
            scope: crate::samples::CASE_SCOPE,
            subject: ("case", "case"),
            detail: vec![(slot::DETAIL, last["entry"][slot::DETAIL]["value"].clone())],
        });
        again.append(&event("view", "another"));
        again
    };
    more = written(&room, &asked_case(), &Withheld::default(), &[1, 2, 3], 6);
    all.push(case("one-entry-put-in", STEP, more.bytes()));
    all.push({
        let mut draft = exported(&room, &asked_case(), &[], &[1, 2]);
        draft.header["n"] = json!(1);
        draft.lines.pop();
        case("last-entry-of-another-kind", STEP, draft.bytes())
    });
    all
}

fn held() -> Vec<Case> {
    let room = room();
    let draft = exported(&room, &asked_case(), &[], &[1, 2]);
    let receipt = room.receipt(index(3), room.size());
    vec![Case {
        name: "held-of-entry-not-there",
        bytes: draft.bytes(),
        held: vec![("held-of-entry-not-there", receipt)],
        step: Some("held"),
    }]
}
