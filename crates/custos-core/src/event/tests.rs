//! Commitments, disclosure, and what the readers refuse.

use serde_json::json;

use super::*;

fn values() -> [Value; SLOTS] {
    let mut values = std::array::from_fn(|_| Value::Null);
    values[slot::V] = json!(1);
    values[slot::ORIGIN] = json!("room.example/log");
    values[slot::KIND] = json!("view");
    values[slot::TIME] = json!(1_790_000_000_000_000_i64);
    values[slot::SCOPE] = json!("11".repeat(16));
    values[slot::SCOPE_NTH] = json!(2);
    values[slot::SCOPE_PREV] = json!("22".repeat(32));
    values[slot::SUBJECT_NTH] = json!(1);
    values[slot::SUBJECT] = json!({"type": "item", "id": "33".repeat(16)});
    values[slot::ROWS] = json!({"facts": null, "rows": []});
    values
}

fn openings() -> (Opening, Opening) {
    (Opening::from_bytes([1; 32]), Opening::from_bytes([2; 32]))
}

#[test]
fn what_is_disclosed_commits_to_the_same_entry() {
    let entry = Entry::new(values()).expect("the values are of their types");
    let (link, body) = openings();
    let c = entry.commit(&link, &body).entry();
    for shown in [0_u32, 0b11, 0xff, 0x7fff_ffff, u32::MAX] {
        let open = |slot: usize| slot < 2 || (slot == slot::KIND) || shown >> slot & 1 == 1;
        let disclosed = entry.disclose(&link, &body, open).expect("disclosable");
        assert_eq!(*disclosed.commitment(), c);
        let jcs = disclosed.to_jcs().expect("short");
        assert_eq!(Disclosed::parse(&jcs), Ok(disclosed));
    }
}

#[test]
fn another_value_is_another_entry() {
    let (link, body) = openings();
    let entry = Entry::new(values()).expect("the values are of their types");
    let c = entry.commit(&link, &body).entry();
    let mut changed = values();
    changed[slot::PURPOSE] = json!({"code": "review", "text": "x"});
    let changed = Entry::new(changed).expect("the values are of their types");
    assert_ne!(changed.commit(&link, &body).entry(), c);
}

#[test]
fn slots_of_the_wrong_type_are_named() {
    for (slot, value) in [
        (slot::V, json!(2)),
        (slot::TIME, json!("now")),
        (slot::SCOPE, json!(null)),
        (slot::CASE, json!("AA".repeat(16))),
        (slot::SCOPE_NTH, json!(0)),
        (slot::SIGNATURE, json!("x")),
        (slot::DECISION, json!({"decision": "allow"})),
        (slot::APPROVALS, json!(["x"])),
        (slot::SUBJECT, json!({"type": "item"})),
        (slot::ROWS, json!({"facts": {}, "rows": []})),
        (slot::SUBJECT_PREV, json!("44".repeat(32))),
        (slot::SCOPE_NTH, json!(1)),
    ] {
        let mut values = values();
        values[slot] = value.clone();
        assert!(Entry::new(values).is_err(), "slot {slot} = {value}");
    }
}

#[test]
fn rows_are_strictly_ascending() {
    let row = |table: &str, id: &str| json!({"table": table, "id": id.repeat(16), "rev": 1, "hash": "55".repeat(32)});
    let rows = |rows: &[Value]| check_slot(slot::ROWS, &json!({"facts": null, "rows": rows}));
    assert_eq!(
        rows(&[row("items", "01"), row("items", "02"), row("roles", "01")]),
        Ok(())
    );
    assert!(rows(&[row("items", "02"), row("items", "01")]).is_err());
    assert!(rows(&[row("items", "01"), row("items", "01")]).is_err());
    assert!(rows(&[row("roles", "01"), row("items", "01")]).is_err());
}

#[test]
fn a_detail_needs_its_kind() {
    let (link, body) = openings();
    let entry = Entry::new(values()).expect("the values are of their types");
    assert!(
        entry
            .disclose(&link, &body, |slot| slot < 2 || slot == slot::DETAIL)
            .is_err()
    );
    assert!(
        entry
            .disclose(&link, &body, |slot| slot != slot::ORIGIN)
            .is_err()
    );
}

#[test]
fn control_entries_have_one_form() {
    let control = Control {
        kind: ControlKind::Open,
        origin: "room.example/log".into(),
        log_keys: vec!["room.example/log+00000000+AQ==".into()],
        bundle_keys: vec![],
        previous: None,
    };
    let leaf = control.to_leaf().expect("short");
    assert_eq!(Control::parse_leaf(&leaf), Ok(control.clone()));
    assert!(Control::parse_leaf(&leaf_data(&Hash::from_bytes([0; 32]))).is_err());
    let succeed = Control {
        kind: ControlKind::Succeed,
        ..control
    };
    assert!(succeed.to_leaf().is_err());
}
