//! A thousand messages both ways with the Cobblestone-256 of Python's `cryptography`.
//!
//! `tests/run.sh` names a Python that has the requirements of `tests/interop/python` in
//! `CUSTOS_PYTHON` and runs this with `--ignored`.

mod common;

use std::{
    env,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use common::{array, bytes};
use custos_core::cipher::{self, Salt};
use serde_json::{Value, json};

const MESSAGES: usize = 1_000;

fn seal_py(arguments: &[&str]) -> Command {
    let python = env::var("CUSTOS_PYTHON").expect("`CUSTOS_PYTHON` names a Python");
    let script =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/interop/python/seal.py");
    let mut command = Command::new(python);
    command.arg("-B").arg(script).args(arguments);
    command
}

#[test]
#[ignore = "needs Python's `cryptography`; tests/run.sh runs it"]
fn a_thousand_messages_both_ways() {
    let emitted = seal_py(&["emit", &MESSAGES.to_string(), "7"]).output();
    let emitted = String::from_utf8(emitted.expect("Python runs").stdout).expect("JSON lines");
    let cases: Vec<Value> = emitted
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON line"))
        .collect();
    assert_eq!(cases.len(), MESSAGES);

    let mut reply = String::new();
    for (number, case) in cases.iter().enumerate() {
        let (key, context) = (array(case, "key"), bytes(case, "context"));
        let (plain, message) = (bytes(case, "plain"), bytes(case, "message"));
        let opened = cipher::open(&key, &context, &message).expect("sealed by Cobblestone");
        assert!(*opened == plain);
        let mut salt = [0; Salt::BYTES];
        salt[..8].copy_from_slice(&(number as u64).to_be_bytes());
        let sealed = cipher::seal(&key, &Salt::from_bytes(salt), &context, &plain);
        let line = json!({
            "key": hex::encode(key), "context": hex::encode(&context),
            "plain": hex::encode(&plain), "message": hex::encode(sealed),
        });
        reply.push_str(&format!("{line}\n"));
    }

    let mut reader = seal_py(&["open"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python runs");
    let mut input = reader.stdin.take().expect("a pipe");
    input.write_all(reply.as_bytes()).expect("Python reads");
    drop(input);
    let output = reader.wait_with_output().expect("Python ends");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said.trim(), format!("{MESSAGES} passed, 0 failed"));
    assert!(output.status.success());
}
