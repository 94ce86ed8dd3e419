//! Defects of registers.

use custos_core::{
    bundle::Place,
    event::{kind, slot},
};
use serde_json::{Value, json};

use super::{Case, case};
use crate::{
    draft::Draft,
    room::{Event, Room, id, index},
    samples::{self, REGISTERED},
};

fn registered(change: impl FnOnce(&Room, &mut Draft)) -> Vec<u8> {
    let room = samples::register_room(&REGISTERED);
    let mut draft = samples::register(&room);
    change(&room, &mut draft);
    draft.seal(&room)
}

/// A register whose entry commits to what it should not.
fn committed(items: &[(&str, &str)]) -> Vec<u8> {
    let room = samples::register_room(items);
    samples::register_with(&room, items, |state| state == "served").seal(&room)
}

/// Three of four items are registered, and the fourth one's entry is shown.
fn one_too_few() -> (Room, Draft) {
    let mut room = samples::items_room(3);
    samples::append_register(&mut room, &REGISTERED[..3], index(3));
    room.append(&samples::set(kind::BUNDLE));
    let draft = samples::register_with(&room, &REGISTERED[..3], |state| state == "served");
    (room, draft)
}

/// The set is exported in another scope than the one that is counted.
fn other_scope() -> Vec<u8> {
    let mut room = samples::items_room(3);
    samples::append_register(&mut room, &REGISTERED, index(4));
    room.append(&Event {
        scope: "another scope",
        ..samples::set(kind::BUNDLE)
    });
    let mut draft = samples::register(&room);
    draft.scope = json!(id("another scope"));
    draft.seal(&room)
}

fn walk_and_subject(slot: usize) -> bool {
    let walk = matches!(slot, 0 | 1 | slot::SCOPE | slot::ITEM_NTH | slot::ITEM_PREV);
    walk || slot == slot::SUBJECT
}

pub fn register() -> Vec<Case> {
    let leaves = |change: &dyn Fn(&mut Vec<Value>)| {
        registered(|_, draft| {
            let mut register: Value =
                serde_json::from_slice(draft.file(&Place::Register)).expect("JSON");
            change(register["leaves"].as_array_mut().expect("an array"));
            draft.put_json(&Place::Register, &register);
        })
    };
    let without = |at: u64| {
        registered(|_, draft| {
            draft.files.remove(&format!("entries/{at}.json"));
            draft.files.remove(&format!("proofs/{at}.tlog-proof"));
        })
    };
    let [one, two, three, four] = REGISTERED;
    vec![
        case(
            "register-with-leaf-left-out",
            "register",
            leaves(&|all| {
                all.pop();
            }),
        ),
        case(
            "register-out-of-order",
            "register",
            leaves(&|all| all.swap(0, 1)),
        ),
        case(
            "register-with-leaf-twice",
            "register",
            leaves(&|all| {
                let again = all[0].clone();
                all.insert(0, again);
            }),
        ),
        case(
            "register-with-other-state",
            "register",
            leaves(&|all| {
                let leaf = all.iter_mut().find(|leaf| leaf["state"] == "expunged");
                leaf.expect("it is there")["state"] = json!("withheld:X");
            }),
        ),
        case(
            "register-with-unknown-state",
            "register",
            leaves(&|all| {
                all[0]["state"] = json!("lost");
            }),
        ),
        case(
            "register-with-served-leaf-closed",
            "register",
            registered(|_, draft| {
                let (leaves, _) = samples::register_of(&REGISTERED, |_| false);
                draft.put_json(&Place::Register, &json!({"entry": 6, "leaves": leaves}));
            }),
        ),
        case(
            "register-of-no-register-entry",
            "register",
            registered(|_, draft| {
                let (leaves, _) = samples::register_of(&REGISTERED, |state| state == "served");
                draft.put_json(&Place::Register, &json!({"entry": 5, "leaves": leaves}));
            }),
        ),
        case("register-without-first-item", "register", without(1)),
        case("register-without-withheld-item", "register", without(2)),
        case("register-without-last-item", "register", without(4)),
        case(
            "register-with-item-twice",
            "register",
            committed(&[one, two, three, one]),
        ),
        case(
            "register-serves-what-never-came-in",
            "register",
            committed(&[one, two, three, ("five", "served")]),
        ),
        case(
            "register-with-one-item-too-few",
            "register",
            committed(&[one, two, four]),
        ),
        case(
            "register-hides-a-served-item-s-entry",
            "register",
            registered(|room, draft| {
                draft.entry(room, index(1), |slot| {
                    matches!(slot, 0 | 1 | slot::SCOPE | slot::ITEM_NTH | slot::ITEM_PREV)
                });
            }),
        ),
        case("register-hides-a-later-item", "register", {
            let (room, draft) = one_too_few();
            draft.seal(&room)
        }),
        case("register-hides-a-later-item-s-number", "register", {
            let (room, mut draft) = one_too_few();
            draft.entry(&room, index(4), |slot| {
                slot <= slot::KIND || slot == slot::SCOPE
            });
            draft.seal(&room)
        }),
        case("register-hides-a-later-item-s-scope", "register", {
            let (room, mut draft) = one_too_few();
            draft.entry(&room, index(4), |slot| slot < 2 || slot == slot::ITEM_PREV);
            draft.seal(&room)
        }),
        case("register-with-item-back-that-never-came", "register", {
            let room = samples::came_back_room("five");
            let mut draft = samples::came_back(&room);
            draft.entry(&room, index(3), walk_and_subject);
            draft.seal(&room)
        }),
        case("register-of-other-scope", "register", other_scope()),
        case(
            "register-with-expunge-entry-left-out",
            "register",
            without(5),
        ),
        case("register-expunges-by-its-word-alone", "register", {
            let room = samples::register_room(&REGISTERED);
            let mut draft = samples::register_with(&room, &REGISTERED, |_| true);
            draft.entry(&room, index(3), walk_and_subject);
            draft.files.remove("entries/5.json");
            draft.files.remove("proofs/5.tlog-proof");
            draft.seal(&room)
        }),
        case("register-with-expunge-of-other-entry", "register", {
            let mut room = samples::items_room(1);
            samples::append_register(&mut room, &REGISTERED, index(4));
            room.append(&samples::set(kind::BUNDLE));
            let mut draft = samples::register_with(&room, &REGISTERED, |_| true);
            draft.entry(&room, index(3), walk_and_subject);
            draft.seal(&room)
        }),
        case("register-without-expunge-entry", "register", {
            let room = samples::register_room(&REGISTERED);
            let mut draft = samples::register_with(&room, &REGISTERED, |_| true);
            draft.files.remove("entries/5.json");
            draft.files.remove("proofs/5.tlog-proof");
            draft.seal(&room)
        }),
    ]
}
