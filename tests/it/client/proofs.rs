//! Receipts, bundles and exports of the log that are taken away.

use std::{ffi::OsStr, fs, io::Cursor, path::Path};

use custos_core::{
    bundle::Place,
    hash::sha256,
    ids::Timestamp,
    verify::{verify, verify_export},
};
use serde_json::Value;

use super::{
    Ended, Field, noise, run, text,
    wire::{Fault, Wire},
};

const WHY: &str = "to check its custody away from the room";

impl Field {
    async fn take(&self, command: &str, item: &str, more: &[&str]) -> Ended {
        self.take_from(self.app.port, command, item, more).await
    }

    async fn take_from(&self, port: u16, command: &str, item: &str, more: &[&str]) -> Ended {
        let arguments = [&[command, "--item", item], more].concat();
        let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        run(self.command_to(port, &arguments)).await
    }

    /// Files that a command left unfinished.
    fn unfinished(&self) -> usize {
        let names = fs::read_dir(self.folder.path()).expect("a folder");
        names
            .filter(|name| {
                let name = name.as_ref().expect("a name").file_name();
                name.to_string_lossy().starts_with('.')
            })
            .count()
    }
}

/// The content in a bundle, found by its entry in the ZIP that stores it as it is.
fn holds(bundle: &[u8], content: &[u8]) -> bool {
    let name = Place::Item.name().to_string();
    // A local file header is 30 bytes, then the name (APPNOTE.TXT, section 4.3.7).
    let at = (30..bundle.len() - name.len()).find(|at| {
        bundle[*at..].starts_with(name.as_bytes()) && bundle[at - 30..].starts_with(b"PK\x03\x04")
    });
    let rest = &bundle[at.expect("an entry of that name") + name.len()..];
    rest.windows(content.len())
        .take(64)
        .any(|part| part == content)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_is_taken_once() {
    let field = Field::new().await;
    let file = field.file("a.txt", b"hello");
    let ended = field.run_deposit(&[file], &[]).await.ends_with(0);
    let item = text(&ended.of("a.txt")["item"]);
    let out = field.path("a.receipt");
    field
        .take("receipt", &item, &["--out", "a.receipt"])
        .await
        .ends_with(0);
    field.check_receipt(&out, b"hello");
    assert_eq!(
        fs::metadata(&out).expect("there").len(),
        fs::read(&out).expect("there").len() as u64
    );
    fs::write(&out, b"mine").expect("written");
    field
        .take("receipt", &item, &["--out", "a.receipt"])
        .await
        .ends_with(1);
    assert_eq!(fs::read(&out).expect("there"), b"mine");
    let unknown = "0".repeat(32);
    field
        .take("receipt", &unknown, &["--out", "b.receipt"])
        .await
        .ends_with(1);
    assert!(!field.path("b.receipt").exists());
    field
        .take("receipt", "x", &["--out", "b.receipt"])
        .await
        .ends_with(2);
    assert_eq!(field.unfinished(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_verifies_and_holds_the_very_bytes() {
    let field = Field::new().await;
    let bytes = noise(3 << 20, 5);
    let file = field.file("a.bin", &bytes);
    let more = ["--receipts", "receipts"];
    let ended = field.run_deposit(&[file], &more).await.ends_with(0);
    let object = ended.of("a.bin");
    let item = text(&object["item"]);
    let receipt = fs::read(field.path(text(&object["receipt"]))).expect("a receipt");
    let check = |path: &Path| {
        let bundle = fs::read(path).expect("a bundle");
        let now = Timestamp::from_micros(4_000_000_000_000_000).expect("a time");
        let held = [custos_core::receipt::Receipt::parse(&receipt).expect("a receipt")];
        let verified = verify(
            Cursor::new(&bundle),
            &field.trust(),
            &held,
            now,
            &mut |_| {},
        );
        assert!(verified.is_ok(), "{:?}", verified.err());
        bundle
    };
    let purpose = ["--purpose", "investigation", "--why", WHY];
    let whole = [&purpose[..], &["--out", "a.zip"]].concat();
    field.take("bundle", &item, &whole).await.ends_with(0);
    assert!(holds(&check(&field.path("a.zip")), &bytes));
    field
        .take("bundle", &item, &["--no-content", "--out", "history.zip"])
        .await
        .ends_with(0);
    let history = check(&field.path("history.zip"));
    assert!(history.len() < bytes.len() / 2);
    // What stands there is replaced only when told.
    let before = fs::read(field.path("a.zip")).expect("there");
    field.take("bundle", &item, &whole).await.ends_with(1);
    assert_eq!(fs::read(field.path("a.zip")).expect("there"), before);
    let forced = [&whole[..], &["--force"]].concat();
    field.take("bundle", &item, &forced).await.ends_with(0);
    assert!(fs::read(field.path("a.zip")).expect("there") != before);
    check(&field.path("a.zip"));
    for odd in [
        &["--out", "b.zip"][..],
        &["--purpose", "investigation", "--out", "b.zip"],
    ] {
        field.take("bundle", &item, odd).await.ends_with(2);
    }
    let odd = ["--purpose", "curiosity", "--why", WHY, "--out", "b.zip"];
    field.take("bundle", &item, &odd).await.ends_with(1);
    assert!(!field.path("b.zip").exists());
    assert_eq!(field.unfinished(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_that_is_cut_leaves_nothing() {
    let field = Field::new().await;
    let file = field.file("a.bin", &noise(3 << 20, 5));
    let ended = field.run_deposit(&[file], &[]).await.ends_with(0);
    let item = text(&ended.of("a.bin")["item"]);
    let wire = Wire::to(field.app.port).await;
    wire.fail(Fault::CutComing(1 << 20));
    let more = ["--purpose", "investigation", "--why", WHY, "--out", "a.zip"];
    field
        .take_from(wire.port, "bundle", &item, &more)
        .await
        .ends_with(1);
    assert!(!field.path("a.zip").exists());
    assert_eq!(field.unfinished(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_the_log_is_taken_whole_and_verifies() {
    let field = Field::new().await;
    let file = field.file("a.bin", b"a note");
    let ended = field.run_deposit(&[file], &[]).await.ends_with(0);
    let item = text(&ended.of("a.bin")["item"]).to_owned();
    let export = async |of: &[&str], more: &[&str]| {
        let start = ["log", "export"];
        let arguments = start
            .iter()
            .chain(of)
            .chain(more)
            .map(|word| OsStr::new(*word));
        let arguments: Vec<&OsStr> = arguments.collect();
        run(field.command(&arguments)).await
    };
    let of = ["--item", item.as_str()];
    let fields = [
        "--withhold",
        "actor,fingerprints",
        "--out",
        "log.jsonl",
        "--json",
    ];
    let told = export(&of, &fields).await.ends_with(0);
    let told: Value = serde_json::from_str(&told.out).expect("one object");
    let bytes = fs::read(field.path("log.jsonl")).expect("an export");
    assert_eq!(told["bytes"], bytes.len());
    assert_eq!(text(&told["sha256"]), sha256(&[&bytes]).to_string());
    let now = Timestamp::from_micros(4_000_000_000_000_000).expect("a time");
    let found = verify_export(bytes.as_slice(), &field.trust(), &[], now).expect("it verifies");
    assert_eq!(found.entries[0].kind.as_deref(), Some("deposit"));
    // What stands there is replaced only when told.
    export(&of, &fields).await.ends_with(1);
    assert_eq!(fs::read(field.path("log.jsonl")).expect("there"), bytes);
    let case = ["--case", field.case.as_str(), "--from", "2020-01-01"];
    export(&case, &["--format", "html", "--out", "log.html"])
        .await
        .ends_with(0);
    export(&of, &["--format", "csv", "--out", "log.csv"])
        .await
        .ends_with(0);
    for (of, more) in [
        (&[][..], &["--out", "b"][..]),
        (&of[..], &["--withhold", "rows", "--out", "b"]),
        (&["--from", "yesterday"], &["--out", "b"]),
    ] {
        export(of, more).await.ends_with(2);
    }
    let unknown = "f".repeat(32);
    export(&["--item", &unknown], &["--out", "b"])
        .await
        .ends_with(1);
    assert!(!field.path("b").exists());
    assert_eq!(field.unfinished(), 0);
}
