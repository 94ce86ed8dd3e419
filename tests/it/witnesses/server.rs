//! The witness over HTTP.

use custos_core::{
    checkpoint::{
        Checkpoint, NoteSigner, SignedCheckpoint,
        witness::{AddCheckpoint, SIZE_MEDIA_TYPE, read_cosignature},
    },
    hash::sha256,
    merkle::{MemoryLog, leaf_hash, prove_consistency},
};
use reqwest::{Client, Method, Response};

use crate::support::{raw, witness::TestWitness};

const ORIGIN: &str = "foreign.example/log";

struct Log {
    client: Client,
    witness: TestWitness,
    signer: NoteSigner,
    tree: MemoryLog,
}

impl Log {
    async fn start() -> Self {
        let witness = TestWitness::found("witness.example/one");
        let signer = NoteSigner::from_seed(ORIGIN, &[1; 32]).expect("a key");
        drop(witness.serve(&[(ORIGIN, signer.verifier_key())]).await);
        Self {
            client: Client::builder().no_proxy().build().expect("a client"),
            witness,
            signer,
            tree: MemoryLog::new(),
        }
    }

    fn grow(&mut self, leaves: u64) {
        for n in 0..leaves {
            self.tree.push(leaf_hash(&n.to_be_bytes()));
        }
    }

    fn request(&self, old: u64) -> AddCheckpoint {
        let checkpoint = Checkpoint::new(ORIGIN, self.tree.size(), self.tree.root());
        let proof = match old {
            0 => Vec::new(),
            old => prove_consistency(old, self.tree.size(), &self.tree).expect("a proof"),
        };
        AddCheckpoint {
            old,
            proof,
            checkpoint: SignedCheckpoint::sign(checkpoint.expect("one"), &[&self.signer])
                .expect("signed"),
        }
    }

    async fn send(&self, method: Method, path: &str, body: Vec<u8>) -> Response {
        let address = format!("http://127.0.0.1:{}{path}", self.witness.port);
        let request = self.client.request(method, address).body(body);
        request.send().await.expect("an answer")
    }

    async fn add(&self, body: Vec<u8>) -> Response {
        self.send(Method::POST, "/add-checkpoint", body).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_confirmed_and_its_newest_checkpoint_is_shown() {
    let mut log = Log::start().await;
    log.grow(5);
    let shown = format!("/{}/checkpoint", sha256(&[ORIGIN.as_bytes()]));
    assert_eq!(log.send(Method::GET, &shown, vec![]).await.status(), 404);
    let request = log.request(0);
    let answer = log.add(request.to_bytes()).await;
    assert_eq!(answer.status(), 200);
    let lines = answer.bytes().await.expect("lines");
    let now = custos::ambient::Ambient::system().now();
    let key = &log.witness.key.clone();
    read_cosignature(&lines, &request.checkpoint, key, now).expect("a cosignature");
    log.grow(300);
    assert_eq!(log.add(log.request(5).to_bytes()).await.status(), 200);
    let newest = log.send(Method::GET, &shown, vec![]).await;
    assert_eq!(newest.status(), 200);
    let newest = newest.bytes().await.expect("a note");
    let newest = SignedCheckpoint::parse(&newest).expect("a checkpoint");
    assert_eq!(newest.checkpoint().size(), 305);
    newest.verify(log.signer.verifier_key()).expect("the log's");
    newest.note().verify(&[key]).expect("the witness's");
    let vkey = log.send(Method::GET, "/key", vec![]).await.text().await;
    assert_eq!(vkey.expect("a key"), format!("{key}\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_confirmed_has_the_status_of_the_specification() {
    let mut log = Log::start().await;
    log.grow(5);
    let first = log.request(0);
    assert_eq!(log.add(first.to_bytes()).await.status(), 200);
    log.grow(5);
    let good = log.request(5);
    let stale = log.add(log.request(4).to_bytes()).await;
    assert_eq!(stale.status(), 409);
    assert_eq!(stale.headers()["content-type"], SIZE_MEDIA_TYPE);
    assert_eq!(stale.text().await.expect("a size"), "5\n");
    let mut bad = good.clone();
    bad.proof.pop();
    assert_eq!(log.add(bad.to_bytes()).await.status(), 422);
    let above = AddCheckpoint {
        old: 11,
        ..good.clone()
    };
    assert_eq!(log.add(above.to_bytes()).await.status(), 400);
    let checkpoint = good.checkpoint.checkpoint().clone();
    let signed_by = |seed: u8, origin: &str| {
        let key = NoteSigner::from_seed(origin, &[seed; 32]).expect("a key");
        let checkpoint = Checkpoint::new(origin, checkpoint.size(), *checkpoint.root());
        AddCheckpoint {
            checkpoint: SignedCheckpoint::sign(checkpoint.expect("one"), &[&key]).expect("signed"),
            ..good.clone()
        }
    };
    let wrong_key = signed_by(9, ORIGIN).to_bytes();
    assert_eq!(log.add(wrong_key).await.status(), 403);
    let unknown = signed_by(1, "unknown.example/log").to_bytes();
    assert_eq!(log.add(unknown).await.status(), 404);
    let mut fork = Log {
        client: log.client.clone(),
        tree: MemoryLog::new(),
        signer: NoteSigner::from_seed(ORIGIN, &[1; 32]).expect("a key"),
        witness: TestWitness::found("unused.example"),
    };
    fork.tree.push(leaf_hash(b"another"));
    fork.grow(4);
    let other = log.add(fork.request(5).to_bytes()).await;
    assert_eq!(other.status(), 409);
    assert_ne!(other.headers()["content-type"], SIZE_MEDIA_TYPE);
    assert_eq!(log.witness.record().conflicts().expect("read").len(), 1);
    // None of it stands in the way.
    assert_eq!(log.add(good.to_bytes()).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_strict_and_bounded() {
    let mut log = Log::start().await;
    log.grow(5);
    let good = String::from_utf8(log.request(0).to_bytes()).expect("text");
    let hash = "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n";
    let refused = [
        String::new(),
        "\n".into(),
        good.replace("old 0", "old 00"),
        good.replace("old 0", "old 07"),
        good.replace("old 0", "old 18446744073709551616"),
        good.replace('\n', "\r\n"),
        good.replacen("old 0\n", &format!("old 0\n{}", hash.repeat(64)), 1),
        good.replacen("old 0\n", "old 0\nAAAA\n", 1),
        good.replacen("\n5\n", "\n05\n", 1),
        good.replacen("\n5\n", "\n0\n", 1),
        good.trim_end().into(),
        format!("{good}garbage\n"),
    ];
    for body in refused {
        let answer = log.add(body.clone().into_bytes()).await;
        assert_eq!(answer.status(), 400, "{body:?}");
        let told = answer.text().await.expect("words");
        assert!(told.ends_with('\n') && told.len() < 200, "{told}");
    }
    let spare = good.replacen("old 0\n", &format!("old 0\n{hash}"), 1);
    assert_eq!(log.add(spare.into_bytes()).await.status(), 422);
    let long = good.clone() + &"x".repeat(64 << 10);
    assert_eq!(log.add(long.into_bytes()).await.status(), 413);
    for (method, path, status) in [
        (Method::GET, "/add-checkpoint", 405),
        (Method::PUT, "/key", 405),
        (Method::GET, "/", 404),
        (Method::GET, "/checkpoint", 404),
        (Method::GET, "/../key", 200),
        (Method::GET, "/0000/checkpoint", 404),
        (Method::POST, "/add-checkpoint/", 404),
    ] {
        let answer = log.send(method.clone(), path, vec![]).await;
        assert_eq!(answer.status(), status, "{method} {path}");
    }
    // It still answers what is good.
    assert_eq!(log.add(good.into_bytes()).await.status(), 200);
}

/// Of many at once, each with another root, one is confirmed.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_ask_at_once_one_is_confirmed() {
    let mut log = Log::start().await;
    log.grow(5);
    assert_eq!(log.add(log.request(0).to_bytes()).await.status(), 200);
    let forks = (0..16_u64).map(|fork| {
        let mut tree: MemoryLog = log.tree.leaves().iter().copied().collect();
        tree.push(leaf_hash(&fork.to_be_bytes()));
        let checkpoint = Checkpoint::new(ORIGIN, 6, tree.root()).expect("one");
        AddCheckpoint {
            old: 5,
            proof: prove_consistency(5, 6, &tree).expect("a proof"),
            checkpoint: SignedCheckpoint::sign(checkpoint, &[&log.signer]).expect("signed"),
        }
    });
    let asked = forks.map(|fork| log.add(fork.to_bytes()));
    let answers = futures::future::join_all(asked).await;
    let mut statuses: Vec<u16> = answers
        .iter()
        .map(|answer| answer.status().as_u16())
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses[0], 200);
    assert!(
        statuses[1..].iter().all(|status| *status == 409),
        "{statuses:?}"
    );
    assert_eq!(log.witness.record().conflicts().expect("read").len(), 15);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_ends_too_early_is_told() {
    let log = Log::start().await;
    let request = b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nold 0\n";
    let answer = raw::sent_to(log.witness.port, request, true).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
        "{answer}"
    );
}
