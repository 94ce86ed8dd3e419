//! Defects of registers.

use custos_core::{bundle::Place, event::slot};
use serde_json::{Value, json};

use super::{Case, case};
use crate::{
    draft::Draft,
    room::{Room, index},
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
        case("register-without-expunge-entry", "register", {
            let room = samples::register_room(&REGISTERED);
            let mut draft = samples::register_with(&room, &REGISTERED, |_| true);
            draft.files.remove("entries/5.json");
            draft.files.remove("proofs/5.tlog-proof");
            draft.seal(&room)
        }),
    ]
}
