//! The note that `custos audit --notify` leaves.

use std::{path::Path, process::Command};

use custos::db::{Location, scratch};

fn custos(folder: &Path, arguments: &[&str]) -> Option<i32> {
    let output = Command::new(env!("CARGO_BIN_EXE_custos"))
        .args(arguments)
        .current_dir(folder)
        .env("CUSTOS_DATA", folder.join("data"))
        .env("CUSTOS_KEYS", folder.join("keys"))
        .env_remove("CUSTOS_CONFIG")
        .output();
    output.expect("it runs").status.code()
}

#[test]
fn an_audit_leaves_its_note_where_it_is_asked_to_and_finds_something() {
    let folder = tempfile::tempdir().expect("a folder");
    let note = folder.path().join("data/damage-found.json");
    let audit = |more: &[&str]| {
        let code = custos(folder.path(), &[&["audit"], more].concat());
        (code, note.exists())
    };
    let init = ["init", "--origin", "room.example/log"];
    assert_eq!(custos(folder.path(), &init), Some(0));
    assert_eq!(audit(&["--notify"]), (Some(0), false));
    let database = Location::from(folder.path().join("data/register.db"));
    scratch::run(&database, "UPDATE people SET status = 'suspended'");
    assert_eq!(audit(&[]), (Some(3), false));
    assert_eq!(audit(&["--notify"]), (Some(3), true));
}
