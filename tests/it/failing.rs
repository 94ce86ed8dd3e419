//! A full disk, a register that can't be written, a hash that is none: a named answer, nothing
//! half-made, nothing lost.

use custos::{
    app::{
        entering::Tx,
        writer::{Command, Stop},
    },
    db::scratch,
};
use diesel::connection::SimpleConnection;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::{WHY, bench::Bench};

/// Lets the register grow by so many pages and no further.
struct Space(Option<i64>);

impl Command for Space {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        Ok(scratch::fill(tx.connection, self.0)?)
    }
}

impl Bench {
    /// Objects in the store, staged ones counted.
    fn objects(&self) -> usize {
        let objects = self.app.folder.path().join("store").join("objects");
        let folders = std::fs::read_dir(objects).expect("a folder");
        folders
            .map(|folder| std::fs::read_dir(folder.expect("an entry").path()).expect("a folder"))
            .map(Iterator::count)
            .sum()
    }

    async fn send(&self, address: &str) -> Response {
        self.officer
            .on(self.app.request(Method::PUT, address))
            .header("X-Custos-CSRF", &self.officer.csrf)
            .body(vec![7; 100_000])
            .send()
            .await
            .expect("an answer")
    }
}

async fn problem(answer: Response, status: u16) -> String {
    assert_eq!(answer.status(), status);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let text = answer.text().await.expect("a body");
    let problem: Value = serde_json::from_str(&text).expect("JSON");
    problem["detail"].as_str().expect("a detail").into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_keeps_nothing_of_a_deposit_and_loses_nothing() {
    let bench = Bench::new().await;
    let address = bench.upload().await;
    bench
        .app
        .room
        .writer
        .submit(Space(Some(0)))
        .await
        .expect("set");
    let told = problem(bench.send(&address).await, 507).await;
    assert!(told.contains("the disk is full"), "{told}");
    assert_eq!(bench.objects(), 0);
    bench
        .app
        .room
        .writer
        .submit(Space(None))
        .await
        .expect("set");
    assert_eq!(bench.items().await, 0);
    // What was announced is still there; the same bytes are taken when there is room again.
    assert_eq!(bench.send(&address).await.status(), 201);
    assert_eq!((bench.items().await, bench.objects()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_given_out_while_custody_cannot_be_written() {
    let bench = Bench::new().await;
    let address = bench.upload().await;
    let sent = bench.send(&address).await.text().await.expect("a body");
    let sent: Value = serde_json::from_str(&sent).expect("JSON");
    let item = sent["item"].as_str().expect("an id");
    // Somebody else holds the register's lock for longer than the writer waits.
    let mut holder = scratch::lock(bench.app.room.pool.location());
    let reason = json!({"purpose": "investigation", "why": WHY, "download": true});
    let path = format!("/items/{item}/views");
    let refused = bench
        .app
        .api(&bench.officer, Method::POST, &path, Some(reason.clone()))
        .await;
    let told = problem(refused, 503).await;
    assert!(told.contains("nothing is given out"), "{told}");
    holder.batch_execute("ROLLBACK").expect("unlocked");
    let view = bench
        .app
        .ask(&bench.officer, Method::POST, &path, Some(reason))
        .await;
    assert!(view["id"].is_string(), "{view}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_that_is_none_announces_nothing() {
    let bench = Bench::new().await;
    let path = format!("/cases/{}/items", bench.case);
    let start = bench.app.size().await;
    for (algorithm, value) in [
        ("sha256", "xyz".to_owned()),
        ("sha256", "ab".repeat(31)),
        ("md5", "ab".repeat(32)),
        ("crc32", "ab".repeat(4)),
        ("sha256", String::new()),
    ] {
        let new = json!({
            "reference": "JS/1",
            "description": "a recording",
            "declared": [{"algorithm": algorithm, "value": value}],
        });
        let answer = bench
            .app
            .api(&bench.officer, Method::POST, &path, Some(new))
            .await;
        let told = problem(answer, 400).await;
        assert!(told.contains("nothing was changed"), "{algorithm}: {told}");
    }
    assert_eq!(bench.app.size().await, start);
    assert_eq!(bench.items().await, 0);
}
