//! Completions and pages of the manual: one for every command, each with what it is for.

use std::{fs, process::Command};

fn custos(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_custos"))
        .args(arguments)
        .env_clear()
        // Settings that can't be read are in nobody's way here.
        .env("CUSTOS_CONFIG", "/nowhere/custos.toml")
        .output()
        .expect("it runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    (output.status.success(), text)
}

/// Names of commands below `path`, as its help lists them.
fn commands_below(path: &[&str]) -> Vec<String> {
    let (good, help) = custos(&[path, &["--help"]].concat());
    assert!(good, "{path:?}");
    let Some((_, listed)) = help.split_once("Commands:\n") else {
        return Vec::new();
    };
    let lines = listed.lines().take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let names = names.filter(|name| !name.is_empty() && *name != "help");
    names.map(str::to_owned).collect()
}

#[test]
fn every_command_has_a_page_that_says_what_it_is_for() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let man = folder.path().join("man1");
    let (good, _) = custos(&["man", man.to_str().expect("UTF-8")]);
    assert!(good);
    let mut expected = vec!["custos".to_string()];
    for command in commands_below(&[]) {
        for below in commands_below(&[&command]) {
            expected.push(format!("custos-{command}-{below}"));
        }
        expected.push(format!("custos-{command}"));
    }
    assert!(expected.len() > 40, "{expected:?}");
    let there = fs::read_dir(&man).expect("a folder").count();
    assert_eq!(there, expected.len());
    for name in expected {
        let page = fs::read_to_string(man.join(format!("{name}.1")));
        let page = page.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(page.contains("\n.TH "), "{name}");
        let (_, about) = page.split_once("\n.SH NAME\n").expect("a name");
        let line = about.lines().next().expect("a line").replace('\\', "");
        let what = line.strip_prefix(&format!("{name} - "));
        let what = what.unwrap_or_else(|| panic!("{name}: {line}"));
        assert!(what.contains(' ') && what.len() >= 10, "{name}: {what}");
        assert!(
            !what.starts_with("A look") && !what.starts_with("A change"),
            "{name}: {what}"
        );
    }
    let (good, page) = custos(&["man"]);
    assert!(good && page.contains("evidence room"));
}

#[test]
fn every_shell_completes_every_command() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (good, text) = custos(&["completions", shell]);
        assert!(good, "{shell}");
        for word in [
            "custos",
            "deposit",
            "lift-restriction",
            "idempotency-key",
            "manifest",
        ] {
            assert!(text.contains(word), "{shell}: {word}");
        }
    }
    assert!(!custos(&["completions", "csh"]).0);
}

#[test]
fn colours_are_left_where_they_are_not_wanted() {
    let help = |no_color: bool| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_custos"));
        command.arg("--help").env_clear().env("CLICOLOR_FORCE", "1");
        if no_color {
            command.env("NO_COLOR", "1");
        }
        command.output().expect("it runs").stdout
    };
    assert!(
        help(false).contains(&0x1b),
        "with colours, this test sees them"
    );
    assert!(!help(true).contains(&0x1b));
}
