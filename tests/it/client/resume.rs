//! Whatever is cut, and wherever: nothing acknowledged is lost, nothing is doubled.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::{Child, Stdio},
    time::Duration,
};

use super::{
    Ended, Field, noise, run, text,
    wire::{Fault, Wire},
};

/// Three files, one of them larger than what any buffer on the way holds.
fn files(field: &Field) -> Vec<PathBuf> {
    [(100, 1), (12 << 20, 2), (70_000, 3)]
        .into_iter()
        .map(|(length, seed)| field.file(format!("{seed}.bin"), &noise(length, seed)))
        .collect()
}

/// SIGKILL.
fn kill(child: &mut Child) {
    child.kill().expect("killed");
    child.wait().expect("it ended");
}

/// Every file is one item, and no file is two.
async fn each_is_there_once(field: &Field, files: &[PathBuf], ended: &Ended) {
    let mut items = BTreeMap::new();
    for listed in field.items(&field.judge).await {
        let item = field.item(&listed["id"]).await;
        let before = items.insert(text(&item["sha256"]), text(&item["id"]));
        assert_eq!(before, None, "doubled");
    }
    assert_eq!(items.len(), files.len());
    for object in ended.objects() {
        assert_eq!(items[&text(&object["sha256"])], text(&object["item"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_deposit_goes_on_where_it_was() {
    let field = Field::new().await;
    let files = files(&field);
    let wire = Wire::to(field.app.port).await;
    for more in [&["--reference", "JS"][..], &[]] {
        // Another journal and other references: another deposit of the same files.
        let journal = format!("journal-{}", more.len());
        let more = [more, &["--journal", &journal, "--jobs", "1"]].concat();
        let before = field.items(&field.judge).await.len();
        wire.fail(Fault::StallAfter(3 << 20));
        let mut child = field
            .command_to(wire.port, &field.deposit(&files, &more))
            .stdout(Stdio::null())
            .spawn()
            .expect("it runs");
        wire.reached().await;
        kill(&mut child);
        wire.fail(Fault::None);
        let taken = field.items(&field.judge).await.len();
        assert_eq!(taken, before + 1, "the first file alone was acknowledged");
        let command = field.command_to(wire.port, &field.deposit(&files, &more));
        let ended = run(command).await.ends_with(0);
        assert_eq!(ended.outcomes(), ["deposited", "deposited", "skipped"]);
        assert_eq!(field.items(&field.judge).await.len(), before + 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_acknowledgement_is_asked_for() {
    let field = Field::new().await;
    let files = files(&field);
    let wire = Wire::to(field.app.port).await;
    let more = ["--jobs", "1", "--receipts", "receipts"];
    wire.fail(Fault::LoseAnswer);
    let mut child = field
        .command_to(wire.port, &field.deposit(&files, &more))
        .stdout(Stdio::null())
        .spawn()
        .expect("it runs");
    wire.reached().await;
    kill(&mut child);
    // Taken in, and the depositor does not know.
    assert_eq!(field.items(&field.judge).await.len(), 1);
    wire.fail(Fault::CutAnswer);
    // Then once more, to a program that lives.
    let command = field.command_to(wire.port, &field.deposit(&files, &more));
    let ended = run(command).await.ends_with(0);
    assert_eq!(wire.fault(), Fault::None, "the answer was cut");
    assert_eq!(ended.outcomes(), ["deposited", "recovered", "recovered"]);
    each_is_there_once(&field, &files, &ended).await;
    for object in ended.objects() {
        let name = text(&object["file"]);
        let bytes = std::fs::read(&name).expect("there");
        field.check_receipt(&field.path(text(&object["receipt"])), &bytes);
        assert!(object["index"].is_u64(), "{object}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_transfer_is_sent_again() {
    let field = Field::new().await;
    let files = files(&field);
    let wire = Wire::to(field.app.port).await;
    wire.fail(Fault::CutAfter(2 << 20));
    let command = field.command_to(wire.port, &field.deposit(&files, &[]));
    let ended = run(command).await.ends_with(0);
    assert_eq!(wire.fault(), Fault::None, "it was cut");
    assert_eq!(ended.outcomes(), ["deposited"; 3]);
    each_is_there_once(&field, &files, &ended).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_journal_doubles_nothing() {
    let field = Field::new().await;
    // Two of them have the same bytes, and are two exhibits all the same.
    let mut files = files(&field);
    files.push(field.file("4.bin", &noise(100, 1)));
    for reference in [&["--reference", "JS"][..], &["--reference", "AB/5"], &[]] {
        let with = |journal: &'static str| [reference, &["--journal", journal]].concat();
        let before = field.items(&field.judge).await.len();
        let ended = field.run_deposit(&files, &with("one")).await.ends_with(0);
        assert_eq!(ended.outcomes(), ["deposited"; 4]);
        std::fs::remove_file(field.path("one")).expect("removed");
        let again = field.run_deposit(&files, &with("two")).await.ends_with(0);
        assert_eq!(again.outcomes(), ["skipped"; 4], "{reference:?}");
        let mut items = [ended, again].map(|ended| {
            let objects = ended.objects();
            let mut items: Vec<_> = objects.iter().map(|o| text(&o["item"])).collect();
            items.sort();
            items
        });
        assert_eq!(items[0], items[1]);
        items[0].dedup();
        assert_eq!(items[0].len(), 4);
        assert_eq!(field.items(&field.judge).await.len(), before + 4);
        std::fs::remove_file(field.path("two")).expect("removed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_at_any_moment_lose_and_double_nothing() {
    const KILLS: u64 = 12;
    // Restricted, so that the depositor does not find them in the case: the journal alone decides.
    let more = ["--restricted", "--reference", "JS"];
    let field = Field::new().await;
    let files: Vec<PathBuf> = (0..8)
        .map(|n| field.file(format!("{n}.bin"), &noise(400_000 + n as usize, n)))
        .collect();
    let mut interrupted = 0;
    for round in 0..KILLS {
        let arguments = field.deposit(&files, &more);
        let mut child = field
            .command(&arguments)
            .stdout(Stdio::null())
            .spawn()
            .expect("it runs");
        tokio::time::sleep(Duration::from_millis(20 + 23 * round)).await;
        if child.try_wait().expect("it ran").is_none() {
            kill(&mut child);
            interrupted += 1;
        }
    }
    assert!(interrupted > 0, "the room was faster than every kill");
    let ended = field.run_deposit(&files, &more).await.ends_with(0);
    each_is_there_once(&field, &files, &ended).await;
    let mut references: Vec<String> = ended
        .objects()
        .iter()
        .map(|o| text(&o["reference"]))
        .collect();
    references.sort();
    references.dedup();
    assert_eq!(references.len(), files.len());
}
