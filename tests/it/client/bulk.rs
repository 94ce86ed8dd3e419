//! Folders and manifests: what is on the disk against what was noted, and an exact report.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use custos_core::hash::sha256;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Ended, Field, noise, text};

impl Field {
    /// Writes files below a folder of the disk, each holding its own path.
    fn disk(&self, names: &[&str]) {
        for name in names {
            let path = self.path(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
            fs::write(path, name).expect("written");
        }
    }

    /// How many items there are on all pages.
    async fn total(&self) -> u64 {
        let path = format!("/cases/{}", self.case);
        let case = self.app.ask(&self.judge, Method::GET, &path, None).await;
        case["items_total"].as_u64().expect("a number")
    }

    fn report(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(name)).expect("a report")).expect("JSON")
    }
}

impl Ended {
    /// State and outcome of each file, by the end of its path.
    fn told(&self) -> BTreeMap<String, (String, String)> {
        let objects = self.objects();
        let told = objects.iter().map(|object| {
            let file = text(&object["file"]);
            let name = file
                .rsplit_once("/usb/")
                .map_or(file.as_str(), |(_, name)| name);
            (
                name.into(),
                (text(&object["state"]), text(&object["outcome"])),
            )
        });
        told.collect()
    }
}

fn sum(content: &str, name: &str) -> String {
    format!("{}  {name}\n", sha256(&[content.as_bytes()]))
}

fn expected(list: &[(&str, &str, &str)]) -> BTreeMap<String, (String, String)> {
    let told = list.iter();
    told.map(|(name, state, outcome)| (name.to_string(), (state.to_string(), outcome.to_string())))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_deposited_with_its_paths() {
    let field = Field::new().await;
    field.disk(&["usb/b/2", "usb/b/1", "usb/a"]);
    symlink(field.path("usb/a"), field.path("usb/link")).expect("a link");
    fs::copy(field.path("token"), field.path("usb/token")).expect("copied");
    let usb = [field.path("usb")];
    let token = field.path("usb/token");
    let token = [
        "--reference",
        "JS/1",
        "--token-file",
        token.to_str().expect("UTF-8"),
    ];
    let ended = field.run_deposit(&usb, &token).await.ends_with(0);
    let all = expected(&[
        ("a", "unchecked", "deposited"),
        ("b/1", "unchecked", "deposited"),
        ("b/2", "unchecked", "deposited"),
        ("link", "link", "left_out"),
        ("token", "own", "left_out"),
    ]);
    assert_eq!(ended.told(), all);
    for (name, reference) in [("a", "JS/1"), ("1", "JS/2"), ("2", "JS/3")] {
        assert_eq!(ended.of(name)["reference"], reference);
    }
    let item = field.item(&ended.of("1")["item"]).await;
    assert_eq!(item["file_name"], "1");
    assert_eq!(item["provenance"]["file_path"], "usb/b/1");
    let again = field.run_deposit(&usb, &token).await.ends_with(0);
    assert_eq!(again.summary()["skipped"], 3);
    assert_eq!(field.items(&field.judge).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_is_held_against_the_disk() {
    let field = Field::new().await;
    field.disk(&["usb/good", "usb/sub/bad", "usb/extra", "usb/dup"]);
    fs::create_dir(field.path("usb/folder")).expect("a folder");
    let list = [
        sum("usb/good", "good"),
        sum("another", "sub/bad"),
        sum("gone", "gone"),
        sum("token", "../token"),
        sum("usb/dup", "dup"),
        sum("usb/dup", "./dup"),
        sum("folder", "folder"),
    ];
    field.file("usb/SHA256SUMS", list.concat().as_bytes());
    let more = ["--manifest", "usb/SHA256SUMS", "--reference", "JS/1"];
    let ended = field.run_deposit(&[], &more).await.ends_with(1);
    let all = [
        ("usb/good", "matched", "deposited"),
        ("usb/sub/bad", "mismatched", "deposited"),
        ("usb/gone", "missing", "left_out"),
        ("../token", "outside", "left_out"),
        ("usb/dup", "matched", "deposited"),
        ("usb/folder", "unreadable", "failed"),
        ("usb/extra", "unlisted", "left_out"),
        ("usb/SHA256SUMS", "own", "left_out"),
    ];
    assert_eq!(ended.told(), expected(&all));
    let bad = ended.of("bad");
    assert_eq!(bad["quarantined"], true);
    let mismatch = json!([{
        "algorithm": "sha256",
        "declared": sha256(&[b"another"]),
        "found": sha256(&[b"usb/sub/bad"]),
    }]);
    assert_eq!(bad["mismatches"], mismatch);
    let item = field.item(&bad["item"]).await;
    assert_eq!(item["states"], json!(["quarantined"]));
    // Missing ones keep their number.
    assert_eq!(ended.of("dup")["reference"], "JS/5");
    let twice = ended.of("dup");
    let lines: Vec<&Value> = twice["named"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|n| &n["line"])
        .collect();
    assert_eq!(
        (lines, &twice["twice"]),
        (vec![&json!(5), &json!(6)], &json!(true))
    );
    // Without what can't be read there is no failure, and still a difference.
    fs::remove_dir(field.path("usb/folder")).expect("removed");
    fs::remove_file(field.path("usb/dup")).expect("removed");
    let with = [&more[..], &["--unlisted", "--report", "usb/report.csv"]].concat();
    let ended = field.run_deposit(&[], &with).await.ends_with(4);
    assert_eq!(
        ended.told()["usb/extra"],
        ("unchecked".into(), "deposited".into())
    );
    assert_eq!(ended.of("extra")["reference"], "JS/7");
    assert_eq!(ended.summary()["exit_code"], 4);
    assert_eq!(ended.summary()["unlisted_wanted"], 1);
    let table = fs::read_to_string(field.path("usb/report.csv")).expect("a report");
    assert_eq!(table.lines().count(), 1 + 8);
    let differ = format!(
        "sha256: declared {}, found {}",
        sha256(&[b"another"]),
        sha256(&[b"usb/sub/bad"])
    );
    assert!(table.contains(&differ), "{table}");
    // The report is one of this command's own, and is replaced.
    let ended = field.run_deposit(&[], &with).await.ends_with(4);
    assert_eq!(
        ended.told()["usb/report.csv"],
        ("own".into(), "left_out".into())
    );
    assert_eq!(field.items(&field.judge).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_quarantine_is_three_and_all_well_is_zero() {
    let field = Field::new().await;
    field.disk(&["usb/good", "usb/bad"]);
    field.file(
        "sums",
        [sum("usb/good", "good"), sum("x", "bad")]
            .concat()
            .as_bytes(),
    );
    let more = ["--manifest", "sums", "--root", "usb"];
    let skip = [&more[..], &["--mismatches", "skip"]].concat();
    let ended = field.run_deposit(&[], &skip).await.ends_with(4);
    assert_eq!(ended.of("bad")["outcome"], "left_out");
    assert_eq!(field.items(&field.judge).await.len(), 1);
    let ended = field.run_deposit(&[], &more).await.ends_with(3);
    assert_eq!(ended.of("bad")["quarantined"], true);
    // What is in the room stays there, whatever is wished for now.
    let ended = field.run_deposit(&[], &skip).await.ends_with(3);
    assert_eq!(ended.of("bad")["outcome"], "skipped");
    field.file("sums", sum("usb/good", "good").as_bytes());
    field.run_deposit(&[], &more).await.ends_with(4);
    fs::remove_file(field.path("usb/bad")).expect("removed");
    field.run_deposit(&[], &more).await.ends_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_tells_of_each_file() {
    let field = Field::new().await;
    field.disk(&["usb/a", "usb/b", "usb/c"]);
    let table = "path,reference,description,captured_at,sensitivity,size,device_serial,md5\n\
                 a,AB/7,\"a photo, \"\"blurred\"\"\",2026-03-01T14:05:00+01:00,,5,KX-77,\n\
                 b,,,,restricted,5,,\n\
                 c,AB/7,,,,9,,\n";
    field.file("usb/list.csv", table.as_bytes());
    let more = [
        "--manifest",
        "usb/list.csv",
        "--reference",
        "AB",
        "--device",
        "a phone",
    ];
    let ended = field.run_deposit(&[], &more).await.ends_with(1);
    let item = field.item(&ended.of("a")["item"]).await;
    assert_eq!(item["reference"], "AB/7");
    assert_eq!(item["description"], "a photo, \"blurred\"");
    let provenance = &item["provenance"];
    assert_eq!(provenance["captured_at"], 1_772_370_300_000_000_i64);
    assert_eq!(provenance["device_serial"], "KX-77");
    assert_eq!(provenance["device"], "a phone");
    assert_eq!(ended.of("b")["reference"], "AB/8");
    assert_eq!(ended.of("b")["state"], "matched");
    let item = field.item(&ended.of("b")["item"]).await;
    assert_eq!(item["states"], json!(["restricted"]));
    // A reference that is asked for twice is given once.
    let c = ended.of("c");
    assert!(text(&c["error"]).contains("`AB/7` is taken"), "{c}");
    assert_eq!(c["state"], "mismatched");
    assert_eq!(
        c["mismatches"][0],
        json!({"algorithm": "size", "declared": "9", "found": "5"})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_manifest_can_not_mean_is_refused() {
    let field = Field::new().await;
    field.disk(&["usb/a"]);
    field.file("usb/sums", sum("usb/a", "a").as_bytes());
    field.file("odd.csv", b"path,colour\na,red\n");
    let thesis = field.file("thesis.csv", b"once upon a time\n");
    let sums = ["--manifest", "usb/sums"];
    for more in [
        &["--manifest", "thesis.csv"][..],
        &["--manifest", "odd.csv"],
        &["--manifest", "usb/sums", "--manifest-format", "ftk"],
        &["--manifest", "usb/sums", "--manifest-format", "odd"],
        &["--manifest", "usb/sums", "--hashes", "usb/sums"],
        &["--manifest", "usb/sums", "usb/a"],
        &["--root", "usb", "usb/a"],
        &["--unlisted", "usb/a"],
        &["--manifest", "usb/sums", "--report", "report.txt"],
    ] {
        let ended = field.run_deposit(&[], more).await.ends_with(2);
        assert!(!ended.err.is_empty());
    }
    for more in [
        &["--manifest", "none"][..],
        &["--manifest", "usb/sums", "--root", "none"],
        &["--manifest", "usb/sums", "--report", "thesis.csv"],
        &["--manifest", "usb/sums", "--report", "none/report.csv"],
    ] {
        field.run_deposit(&[], more).await.ends_with(1);
    }
    assert_eq!(fs::read(thesis).expect("there"), b"once upon a time\n");
    assert!(field.items(&field.judge).await.is_empty());
    field.run_deposit(&[], &sums).await.ends_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_read_what_differs() {
    let field = Field::new().await;
    field.disk(&["usb/a", "usb/b", "usb/extra"]);
    let list = [
        sum("usb/a", "a"),
        sum("x", "b"),
        sum("x", "gone"),
        sum("x", "../x"),
    ]
    .concat();
    field.file("sums", list.as_bytes());
    let mut arguments = field.deposit(&[], &["--manifest", "sums", "--root", "usb"]);
    arguments.remove(1);
    let ended = super::run(field.command(&arguments)).await.ends_with(4);
    let (_, told) = ended
        .out
        .split_once("not what was noted:\n")
        .expect("a heading");
    let expected = format!(
        "  usb/b: sha256 noted as {}, is {}; in quarantine\n\
         named, but not there:\n  usb/gone\n\
         named, but outside the root, so not looked at:\n  ../x\n\
         there, but not named, so not deposited:\n  usb/extra\n\
         1 as noted, 1 not what was noted, 1 missing, 1 outside the root, 1 not named\n\
         2 deposited, 1 in quarantine\n",
        sha256(&[b"x"]),
        sha256(&[b"usb/b"])
    );
    assert_eq!(told, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_any_kill_the_report_is_that_of_one_run() {
    const FILES: usize = 60;
    let field = Field::new().await;
    fs::create_dir(field.path("usb")).expect("a folder");
    let mut list = String::from("%%%% HASHDEEP-1.0\n%%%% size,sha256,filename\n## \n");
    for n in 0..FILES {
        let bytes = noise(200 + n, n as u64);
        // Half of them have one name, so that they are counted.
        let name = if n % 2 == 0 {
            format!("{n:03}/same")
        } else {
            format!("{n:03}.bin")
        };
        let path = field.path("usb").join(&name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        fs::write(path, &bytes).expect("written");
        let declared = if n % 10 == 3 {
            sha256(&[b"x"])
        } else {
            sha256(&[&bytes])
        };
        list.push_str(&format!("{},{declared},{name}\n", bytes.len()));
    }
    field.file("list.hashdeep", list.as_bytes());
    for (reference, journal) in [(&["--reference", "JS"][..], "one"), (&[], "two")] {
        let before = field.total().await;
        let report = format!("{journal}.json");
        let more = [
            "--manifest",
            "list.hashdeep",
            "--root",
            "usb",
            "--journal",
            journal,
        ];
        let more = [&more[..], &["--report", &report, "--jobs", "4"], reference].concat();
        let mut interrupted = 0;
        for round in 0..8 {
            let arguments = field.deposit(&[], &more);
            let mut child = field
                .command(&arguments)
                .stdout(Stdio::null())
                .spawn()
                .expect("it runs");
            tokio::time::sleep(Duration::from_millis(40 + 25 * round)).await;
            if child.try_wait().expect("it ran").is_none() {
                child.kill().expect("killed");
                interrupted += 1;
            }
            child.wait().expect("it ended");
        }
        assert!(interrupted > 0, "the room was faster than every kill");
        field.run_deposit(&[], &more).await.ends_with(3);
        let told = field.report(&report);
        let files = told["files"].as_array().expect("files");
        assert_eq!(files.len(), FILES);
        let mut numbers = 0;
        for (n, file) in files.iter().enumerate() {
            let state = if n % 10 == 3 { "mismatched" } else { "matched" };
            assert_eq!(file["state"], state, "{file}");
            assert_eq!(file["quarantined"], n % 10 == 3);
            let same = n % 2 == 0;
            numbers += usize::from(same);
            let reference = match (journal, same, numbers) {
                ("one", ..) => format!("JS/{}", n + 1),
                (_, true, 1) => "same".into(),
                (_, true, number) => format!("same ({number})"),
                (_, false, _) => format!("{n:03}.bin"),
            };
            assert_eq!(
                file["reference"],
                reference.as_str(),
                "the order of the manifest"
            );
        }
        assert_eq!(told["summary"]["mismatched"], 6);
        assert_eq!(told["summary"]["in_room"], FILES);
        assert_eq!(
            field.total().await,
            before + FILES as u64,
            "doubled or lost"
        );
    }
    let left: Vec<PathBuf> = fs::read_dir(field.folder.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| is_unfinished(path))
        .collect();
    assert!(left.len() <= 16, "drafts of killed runs only: {left:?}");
}

fn is_unfinished(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with(".custos-unfinished-"))
}
