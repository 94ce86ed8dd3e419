//! The command line as a depositor meets it: the built program against a room on a socket.

mod bulk;
mod commands;
mod management;
mod proofs;
mod refusals;
mod resume;
mod wire;

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use custos_core::{
    checkpoint::TrustPolicy,
    hash::{Hash, sha256},
    receipt::Receipt,
};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{TestApp, User};

/// A room, a case, and somebody in the field with files.
struct Field {
    app: TestApp,
    officer: User,
    judge: User,
    case: String,
    folder: TempDir,
}

/// How a command ended.
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ended {
    /// The JSON objects on standard output, by file name.
    fn objects(&self) -> Vec<Value> {
        let mut lines = self.lines();
        lines.retain(|line| line["summary"].is_null());
        lines
    }

    /// What stands at the end: how many came out how.
    fn summary(&self) -> Value {
        let last = self.lines().pop().expect("a line");
        last["summary"].clone()
    }

    fn lines(&self) -> Vec<Value> {
        let lines = self.out.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
            .collect()
    }

    /// What became of each file, sorted.
    fn outcomes(&self) -> Vec<String> {
        let objects = self.objects();
        let mut outcomes: Vec<String> = objects
            .iter()
            .map(|object| text(&object["outcome"]))
            .collect();
        outcomes.sort();
        outcomes
    }

    fn of(&self, name: &str) -> Value {
        let found = self.objects().into_iter().find(|object| {
            let file = object["file"].as_str().unwrap_or_default();
            file.rsplit('/').next() == Some(name)
        });
        found.unwrap_or_else(|| panic!("no {name} in {} {}", self.out, self.err))
    }

    fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        self
    }
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value}"))
        .into()
}

impl Field {
    async fn new() -> Self {
        let app = TestApp::start().await;
        let custodian = app.person("custodian", &["custodian"]).await;
        let officer = app.person("officer", &[]).await;
        let judge = app.person("judge", &[]).await;
        let people = [(&officer, "investigator"), (&judge, "judge")];
        let case = app.case(&custodian, &people).await;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let field = Self {
            app,
            officer,
            judge,
            case,
            folder,
        };
        let rights = json!(["read", "deposit"]);
        field.token("token", &field.officer, rights).await;
        field
    }

    fn path(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.folder.path().join(name.as_ref())
    }

    /// Puts a token of somebody's own into a file.
    async fn token(&self, name: &str, user: &User, rights: Value) -> PathBuf {
        let new = json!({"label": "laptop", "rights": rights, "days": 1});
        let made = self.app.ask(user, Method::POST, "/tokens", Some(new)).await;
        let path = self.path(name);
        fs::write(&path, text(&made["secret"])).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
        path
    }

    fn file(&self, name: impl AsRef<OsStr>, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).expect("written");
        path
    }

    /// The program with what it takes from its surroundings.
    fn command(&self, arguments: &[&OsStr]) -> Command {
        self.command_to(self.app.port, arguments)
    }

    fn command_to(&self, port: u16, arguments: &[&OsStr]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_custos"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.path("officer-at-home"))
            .env("CUSTOS_SERVER", format!("http://localhost:{port}"))
            .env("CUSTOS_TOKEN_FILE", self.path("token"))
            .stdin(Stdio::null());
        command
    }

    /// The arguments of a deposit of these files.
    fn deposit<'a>(&'a self, files: &'a [PathBuf], more: &'a [&'a str]) -> Vec<&'a OsStr> {
        let mut arguments: Vec<&OsStr> = ["deposit", "--json", "--case"].map(OsStr::new).to_vec();
        arguments.push(OsStr::new(&self.case));
        arguments.extend(more.iter().map(OsStr::new));
        arguments.extend(files.iter().map(|file| file.as_os_str()));
        arguments
    }

    async fn run_deposit(&self, files: &[PathBuf], more: &[&str]) -> Ended {
        run(self.command(&self.deposit(files, more))).await
    }

    /// Items of the case as somebody sees them.
    async fn items(&self, user: &User) -> Vec<Value> {
        let path = format!("/cases/{}", self.case);
        let case = self.app.ask(user, Method::GET, &path, None).await;
        case["items"].as_array().expect("items").clone()
    }

    async fn item(&self, id: &Value) -> Value {
        let path = format!("/items/{}", text(id));
        self.app.ask(&self.judge, Method::GET, &path, None).await
    }

    fn trust(&self) -> TrustPolicy {
        let policy = format!("log {}\nquorum none\n", self.app.room.log_key);
        TrustPolicy::parse(policy.as_bytes()).expect("a policy")
    }

    /// Checks a receipt that was kept against the log's key and the bytes.
    fn check_receipt(&self, path: &Path, bytes: &[u8]) {
        let receipt = Receipt::parse(&fs::read(path).expect("a receipt")).expect("a receipt");
        receipt.verify(&self.trust()).expect("it holds");
        let entry = receipt.entry();
        let slot = custos_core::event::slot::SHA256;
        assert_eq!(entry.hash(slot), Some(sha256(&[bytes])));
    }
}

async fn run(mut command: Command) -> Ended {
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.expect("no panic").expect("it runs");
    Ended {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("UTF-8"),
        err: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// Bytes that no compression and no repetition helps with.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = (seed << 1) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Names that break careless programs; a file system takes them all.
fn odd_names() -> Vec<OsString> {
    let mut names: Vec<OsString> = [
        "two\r\nlines: x",
        "bidi\u{202e}gpj.exe",
        "\u{1b}[2Jclear",
        "-rf",
        "--json",
        " leading and trailing ",
        "quote\"'`$(x)",
        "Zoë 証拠.txt",
    ]
    .map(OsString::from)
    .to_vec();
    names.push("é".repeat(127).into());
    names.push(OsStr::from_bytes(b"not \xff\xfe utf-8").into());
    names.push("n".repeat(255).into());
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_every_kind_are_deposited_once() {
    let field = Field::new().await;
    let mut contents = vec![
        (OsString::from("empty"), Vec::new()),
        ("large.bin".into(), noise(20 << 20, 7)),
        ("segment.bin".into(), noise(8 << 20, 8)),
    ];
    let odd = odd_names().into_iter().enumerate();
    contents.extend(odd.map(|(at, name)| (name, noise(1_000 + at, at as u64))));
    let files: Vec<PathBuf> = contents
        .iter()
        .map(|(name, bytes)| field.file(name, bytes))
        .collect();
    let told = [
        "--description",
        "a search of the lock-up",
        "--place",
        "14 Tallow Lane",
        "--captured-at",
        "2026-03-01T14:05:00+01:00",
        "--receipts",
        "receipts",
        "--jobs",
        "4",
    ];
    let ended = field.run_deposit(&files, &told).await.ends_with(0);
    assert_eq!(ended.outcomes(), vec!["deposited"; files.len()]);
    assert!(ended.err.is_empty(), "{}", ended.err);
    for object in ended.objects() {
        let item = field.item(&object["item"]).await;
        let given = contents.iter().find(|(_, bytes)| {
            let sha256: Hash = text(&object["sha256"]).parse().expect("a hash");
            sha256 == custos_core::hash::sha256(&[bytes])
        });
        let (name, bytes) = given.expect("one of the files");
        let sent = match name.to_str() {
            Some(name) => json!(name),
            None => json!({"hex": hex::encode(name.as_bytes())}),
        };
        assert_eq!(item["file_name"], sent);
        assert_eq!(item["size"], bytes.len());
        assert_eq!(item["sha256"], object["sha256"]);
        assert_eq!(item["states"], json!([]));
        assert_eq!(item["reference"], object["reference"]);
        assert_eq!(item["description"], "a search of the lock-up");
        let provenance = &item["provenance"];
        assert_eq!(provenance["place"], "14 Tallow Lane");
        assert_eq!(provenance["captured_at"], 1_772_370_300_000_000_i64);
        assert_eq!(provenance["captured_offset_minutes"], 60);
        assert_eq!(item["declared"][0]["algorithm"], "sha256");
        field.check_receipt(&field.path(text(&object["receipt"])), bytes);
    }
    let again = field.run_deposit(&files, &told).await.ends_with(0);
    assert_eq!(again.outcomes(), vec!["skipped"; files.len()]);
    assert_eq!(field.items(&field.officer).await.len(), files.len());
    let receipts = fs::read_dir(field.path("receipts")).expect("a folder");
    assert_eq!(receipts.count(), files.len());
}

#[test]
fn the_help_says_what_there_is() {
    for name in ["deposit", "receipt", "bundle", "sign-in"] {
        let output = Command::new(env!("CARGO_BIN_EXE_custos"))
            .args([name, "--help"])
            .env_clear()
            .output()
            .expect("it runs");
        assert!(output.status.success());
        insta::assert_snapshot!(name, String::from_utf8_lossy(&output.stdout));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_told_in_plain_words() {
    let field = Field::new().await;
    let file = field.file("\u{1b}[2J\r\n\u{202e}x", b"hello");
    let mut arguments = field.deposit(std::slice::from_ref(&file), &[]);
    arguments.remove(1);
    let ended = run(field.command(&arguments)).await.ends_with(0);
    let (first, rest) = ended.out.split_once('\n').expect("lines");
    assert!(first.contains("deposited as _"), "{first}");
    assert!(
        first.contains("\\u{1b}[2J\\u{d}\\u{a}\\u{202e}x: "),
        "{first}"
    );
    assert_eq!(rest, "1 deposited\n");
    assert!(ended.err.is_empty());
    let ended = run(field.command(&arguments)).await.ends_with(0);
    assert!(
        ended.out.contains("skipped, it was deposited before"),
        "{}",
        ended.out
    );
    assert!(
        ended
            .out
            .ends_with("0 deposited, 1 skipped because they are in the room\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn exhibits_are_numbered_without_gap_or_repetition() {
    let field = Field::new().await;
    let files: Vec<PathBuf> = (0..5)
        .map(|n| field.file(format!("{n}.jpg"), &noise(100, n)))
        .collect();
    let number = |ended: &Ended, name: &str| text(&ended.of(name)["reference"]);
    let ended = field
        .run_deposit(&files[..2], &["--reference", "JS"])
        .await
        .ends_with(0);
    assert_eq!(number(&ended, "0.jpg"), "JS/1");
    assert_eq!(number(&ended, "1.jpg"), "JS/2");
    let ended = field
        .run_deposit(&files[..3], &["--reference", "JS"])
        .await
        .ends_with(0);
    assert_eq!(number(&ended, "0.jpg"), "JS/1");
    assert_eq!(number(&ended, "2.jpg"), "JS/3");
    let ended = field
        .run_deposit(&files[3..], &["--reference", "JS/3"])
        .await
        .ends_with(1);
    assert_eq!(ended.of("3.jpg")["outcome"], "failed");
    assert!(text(&ended.of("3.jpg")["error"]).contains("`JS/3` is taken"));
    assert_eq!(number(&ended, "4.jpg"), "JS/4");
    // The same bytes in another file are another exhibit.
    let same = [field.file("same.jpg", &noise(100, 0))];
    let ended = field
        .run_deposit(&same, &["--reference", "JS"])
        .await
        .ends_with(0);
    assert_eq!(number(&ended, "same.jpg"), "JS/5");
    // A file that was moved is not.
    fs::rename(&same[0], field.path("moved.jpg")).expect("moved");
    let moved = [field.path("moved.jpg")];
    let ended = field
        .run_deposit(&moved, &["--reference", "JS"])
        .await
        .ends_with(0);
    assert_eq!(number(&ended, "moved.jpg"), "JS/5");
    assert_eq!(ended.outcomes(), ["skipped"]);
    // Two files of one name get references of their own.
    fs::create_dir(field.path("other")).expect("a folder");
    let twins = [
        field.file("a.txt", b"one"),
        field.file("other/a.txt", b"one"),
    ];
    let ended = field.run_deposit(&twins, &[]).await.ends_with(0);
    let mut references: Vec<String> = ended
        .objects()
        .iter()
        .map(|o| text(&o["reference"]))
        .collect();
    references.sort();
    assert_eq!(references, ["a.txt", "a.txt (2)"]);
    assert_eq!(field.items(&field.officer).await.len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_restricted_is_deposited_and_its_receipt_taken() {
    let field = Field::new().await;
    let file = field.file("statement.txt", b"what K-7 saw");
    let more = ["--restricted", "--receipts", "receipts"];
    let ended = field
        .run_deposit(std::slice::from_ref(&file), &more)
        .await
        .ends_with(0);
    let object = ended.of("statement.txt");
    field.check_receipt(&field.path(text(&object["receipt"])), b"what K-7 saw");
    assert!(field.items(&field.officer).await.is_empty());
    assert_eq!(
        field.item(&object["item"]).await["states"],
        json!(["restricted"])
    );
    let again = field
        .run_deposit(std::slice::from_ref(&file), &more)
        .await
        .ends_with(0);
    assert_eq!(again.outcomes(), ["skipped"]);
    assert_eq!(field.items(&field.judge).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_that_does_not_fit_quarantines_and_is_told() {
    let field = Field::new().await;
    let files = [
        field.file("good.bin", b"good"),
        field.file("bad.bin", b"bad"),
    ];
    let list = format!(
        "{}  good.bin\n{}  bad.bin\n{} *good.bin\n",
        sha256(&[b"good"]),
        sha256(&[b"another"]),
        "0".repeat(32)
    );
    field.file(
        "SHA256SUMS",
        list.lines()
            .take(2)
            .collect::<Vec<_>>()
            .join("\n")
            .as_bytes(),
    );
    let more = ["--hashes", "SHA256SUMS"];
    let ended = field.run_deposit(&files, &more).await.ends_with(3);
    assert_eq!(ended.outcomes(), ["deposited", "deposited"]);
    assert_eq!(ended.of("good.bin")["quarantined"], false);
    let bad = ended.of("bad.bin");
    assert_eq!(bad["quarantined"], true);
    let again = field.run_deposit(&files, &more).await.ends_with(3);
    assert_eq!(again.outcomes(), ["skipped", "skipped"]);
    // Of a lost journal the room tells the same.
    let more = ["--hashes", "SHA256SUMS", "--journal", "new"];
    let again = field.run_deposit(&files, &more).await.ends_with(3);
    assert_eq!(again.outcomes(), ["skipped", "skipped"]);
    assert_eq!(field.items(&field.judge).await.len(), 2);
    assert_eq!(
        field.item(&bad["item"]).await["states"],
        json!(["quarantined"])
    );
    // Hashes of other kinds are declared beside our own.
    field.file("MD5SUMS", list.lines().last().expect("a line").as_bytes());
    let third = [field.file("other.bin", b"x"), field.path("good.bin")];
    let more = [
        "--hashes",
        "MD5SUMS",
        "--journal",
        "third",
        "--reference",
        "Q/1",
    ];
    let ended = field.run_deposit(&third, &more).await.ends_with(3);
    let declared = field.item(&ended.of("good.bin")["item"]).await["declared"].clone();
    let kinds: Vec<&Value> = declared
        .as_array()
        .expect("hashes")
        .iter()
        .map(|d| &d["algorithm"])
        .collect();
    assert_eq!(kinds, ["md5", "sha256"]);
}
