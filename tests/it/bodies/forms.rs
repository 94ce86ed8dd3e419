//! Forms that no browser makes, and names that files have.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::Bench;
use crate::support::raw::status;

/// An honest room answers long before.
const PATIENCE: Duration = Duration::from_secs(10);

impl Bench {
    /// A form with these bytes as the file's `Content-Disposition`.
    fn named(&self, disposition: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        let reference = self.app.reference();
        let mut fields = self.honest();
        fields[1].1 = &reference;
        for (name, value) in fields {
            let part = format!(
                "--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
            body.extend_from_slice(part.as_bytes());
        }
        body.extend_from_slice(b"--edge\r\nContent-Disposition: form-data; name=\"file\"");
        body.extend_from_slice(disposition);
        body.extend_from_slice(b"\r\n\r\nbytes\r\n--edge--\r\n");
        body
    }

    fn honest(&self) -> [(&str, &str); 3] {
        [
            ("csrf", self.officer.csrf.as_str()),
            ("reference", "JS/2"),
            ("description", "notes"),
        ]
    }

    async fn sent(&self, body: &[u8]) -> String {
        let mut request = self.form_head(body.len()).into_bytes();
        request.extend_from_slice(body);
        self.app.raw(&request).await
    }

    /// The file name of an item that a form was redirected to.
    async fn name_of(&self, answer: &str) -> Value {
        assert_eq!(status(answer), 303, "{answer}");
        let location = answer
            .lines()
            .find_map(|line| line.strip_prefix("location: "));
        let path = location.expect("a way on").split('?').next();
        let item = self
            .app
            .ask(&self.officer, Method::GET, path.expect("a path"), None)
            .await;
        item["file_name"].clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_fills_no_memory() {
    let bench = Bench::new().await;
    let long = vec![b'x'; 140_000];
    let mut head = b"--edge\r\nContent-Disposition: form-data; name=\"a\r\nX-Long: ".to_vec();
    head.extend_from_slice(&long);
    let mut many = Vec::new();
    while many.len() < 140_000 {
        let name = many.len();
        let part = format!("--edge\r\nX-{name}: {}\r\n", "y".repeat(20_000));
        many.extend_from_slice(part.as_bytes());
    }
    // Bytes before the first boundary, one long head, many fields in one head.
    for sent in [&long, &head, &many] {
        // Most of what is announced never comes: the room must not wait for it.
        let mut request = bench.form_head(10_000_000).into_bytes();
        request.extend_from_slice(sent);
        let answer = tokio::time::timeout(PATIENCE, bench.app.raw(&request)).await;
        let answer = answer.expect("an answer before the rest");
        assert_eq!(status(&answer), 400, "{answer}");
        assert!(answer.contains("131072 bytes"), "{answer}");
    }
    assert_eq!(bench.items().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn long_fields_and_a_long_file_fit() {
    let bench = Bench::new().await;
    let description = "d".repeat(19_000);
    let place = "p".repeat(300);
    let fields = [
        ("csrf", bench.officer.csrf.as_str()),
        ("reference", "JS/2"),
        ("description", description.as_str()),
        ("place", place.as_str()),
    ];
    let body = bench.multipart(&fields, &vec![b'x'; 3_000_000]);
    let answer = bench.sent(&body).await;
    assert_eq!(status(&answer), 303, "{answer}");
    assert_eq!(bench.items().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_field_stands_twice() {
    let bench = Bench::new().await;
    let [csrf, reference, description] = bench.honest();
    for twice in [csrf, reference, description, ("reference", "JS/3")] {
        let fields = [csrf, reference, description, twice];
        let answer = bench.sent(&bench.multipart(&fields, b"x")).await;
        assert_eq!(status(&answer), 400, "{answer}");
        let told = format!("“{}” stands twice", twice.0);
        assert!(answer.contains(&told), "{answer}");
    }
    assert_eq!(bench.items().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_name_is_kept_as_it_was_sent() {
    let bench = Bench::new().await;
    let long = format!("{}.txt", "n".repeat(296));
    for (sent, kept) in [
        (long.as_bytes(), json!(long)),
        ("señal 信号.txt".as_bytes(), json!("señal 信号.txt")),
        (b"..\\..\\x", json!("..\\..\\x")),
        // A name that ends in what looks like an escape.
        (b"a\\", json!("a\\")),
        (b"\xff\xfe.bin", json!({"hex": "fffe2e62696e"})),
        (b"caf\xe9;.txt", json!({"hex": "636166e93b2e747874"})),
    ] {
        let mut disposition = b"; filename=\"".to_vec();
        disposition.extend_from_slice(sent);
        disposition.push(b'"');
        let answer = bench.sent(&bench.named(&disposition)).await;
        assert_eq!(bench.name_of(&answer).await, kept);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_depositor_of_a_restricted_item_is_told_what_they_keep() {
    let bench = Bench::new().await;
    let [csrf, _, description] = bench.honest();
    let declared = "ab".repeat(32);
    let restricted = ("sensitivity", "restricted");
    let sha256 = hex::encode(ring::digest::digest(&ring::digest::SHA256, b"who she is"));
    for accept in ["text/html", "application/problem+json"] {
        let reference = bench.app.reference();
        let fields = [
            csrf,
            ("reference", reference.as_str()),
            description,
            restricted,
            ("sha256", &declared),
        ];
        let body = bench.multipart(&fields, b"who she is");
        let head = bench.form_head(body.len());
        let head = head.replace("Host:", &format!("Accept: {accept}\r\nHost:"));
        let mut request = head.into_bytes();
        request.extend_from_slice(&body);
        let start = bench.app.size().await;
        let answer = bench.app.raw(&request).await;
        assert_eq!(status(&answer), 200, "{answer}");
        assert!(!answer.contains("\r\nlocation:"), "{answer}");
        for told in [&sha256, &declared, "quarantine", "Entry in the custody log"] {
            assert!(answer.contains(told), "{told}: {answer}");
        }
        assert_eq!(bench.app.kinds_since(start).await, ["deposit"]);
        let receipt = answer
            .split("href=\"")
            .find(|rest| rest.contains("/receipt\""));
        let receipt = receipt.and_then(|rest| rest.split('"').next());
        let receipt = receipt.expect("a way to the receipt");
        let number = receipt.split('/').nth(2).expect("a number");
        assert_eq!(answer.matches(number).count(), 2, "{answer}");
        let receipt = bench.app.get(&bench.officer, receipt).await;
        assert_eq!(receipt.status(), 200);
    }
    assert_eq!(bench.items().await, 0, "they see it in no list");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_name_that_can_not_be_kept_is_told() {
    let bench = Bench::new().await;
    for (disposition, told) in [
        (&b"; filename=\"a\0b.txt\""[..], "give the file another one"),
        (b"; filename*=UTF-8''a.txt", "give the file another one"),
        (b"; filename=\"\"", "no file was chosen"),
        (b"", "no file was chosen"),
    ] {
        let start = bench.app.size().await;
        let answer = bench.sent(&bench.named(disposition)).await;
        assert_eq!(status(&answer), 400, "{answer}");
        assert!(answer.to_lowercase().contains(told), "{answer}");
        assert_eq!(bench.app.size().await, start);
    }
    assert_eq!(bench.items().await, 0);
}
