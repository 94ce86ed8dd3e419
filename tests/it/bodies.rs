//! Bytes in: whole, cut, without a length, by a form.

mod forms;

use crate::support::{bench::Bench, raw::status};

impl Bench {
    fn head(&self, method: &str, path: &str, more: &str) -> String {
        format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: {}\r\n\
             X-Custos-CSRF: {}\r\n{more}\r\n\r\n",
            self.officer.cookie, self.officer.csrf
        )
    }

    /// A form as a browser sends it, with the file last.
    fn multipart(&self, fields: &[(&str, &str)], file: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        for (name, value) in fields {
            let part = format!(
                "--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
            body.extend_from_slice(part.as_bytes());
        }
        body.extend_from_slice(
            b"--edge\r\nContent-Disposition: form-data; name=\"file\"; \
              filename=\"../../notes <b>.txt\"\r\nContent-Type: text/html\r\n\r\n",
        );
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n--edge--\r\n");
        body
    }

    fn form_head(&self, length: usize) -> String {
        let path = format!("/cases/{}/deposit", self.case);
        let more =
            format!("Content-Type: multipart/form-data; boundary=edge\r\nContent-Length: {length}");
        self.head("POST", &path, &more)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_is_deposited() {
    let bench = Bench::new().await;
    let bytes: Vec<u8> = (0..9 << 20).map(|at: u32| (at / 251) as u8).collect();
    for bytes in [&b""[..], &b"a"[..], &bytes[..]] {
        let made = bench.app.deposit(&bench.officer, &bench.case, bytes).await;
        assert_eq!(made["size"], bytes.len());
        let sha256 = hex::encode(ring::digest::digest(&ring::digest::SHA256, bytes));
        assert_eq!(made["sha256"], sha256);
        assert_eq!(made["quarantined"], false);
    }
    assert_eq!(bench.items().await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_body_leaves_nothing() {
    let bench = Bench::new().await;
    // Rocket looks at the first bytes by itself; a cut within them is hidden from a handler. A
    // longer body does not go through it.
    for length in [40_000, 400_000] {
        let bytes = vec![7_u8; length];
        for sent in [0, 1, 12, 13, 14, 4_096, 39_999, length - 1] {
            let content = bench.upload().await;
            let mut request = bench
                .head("PUT", &content, &format!("Content-Length: {length}"))
                .into_bytes();
            request.extend_from_slice(&bytes[..sent]);
            let answer = bench.app.cut(&request).await;
            assert!(matches!(status(&answer), 400 | 0), "{sent}: {answer}");
        }
    }
    assert_eq!(bench.items().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_without_a_length_are_not_taken() {
    let bench = Bench::new().await;
    let content = bench.upload().await;
    let request =
        bench.head("PUT", &content, "Transfer-Encoding: chunked") + "5\r\nhello\r\n0\r\n\r\n";
    let answer = bench.app.raw(request.as_bytes()).await;
    assert_eq!(status(&answer), 411, "{answer}");
    let request = bench.head("PUT", &content, "Content-Length: -1") + "hello";
    let answer = bench.app.raw(request.as_bytes()).await;
    assert_eq!(status(&answer), 400, "{answer}");
    assert_eq!(bench.items().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_deposited_as_it_is() {
    let bench = Bench::new().await;
    let fields = [
        ("csrf", bench.officer.csrf.as_str()),
        ("reference", "JS/2"),
        ("description", "notes"),
        ("captured_at", "2026-11-20T09:30"),
        ("captured_offset", "+01:00"),
        ("sensitivity", "normal"),
        ("sha256", ""),
    ];
    // What looks like the end of the form is part of the file.
    let file = b"--edge-\r\n--edg\r\n<script>alert(1)</script>\n--edge".as_slice();
    let body = bench.multipart(&fields, file);
    let mut request = bench.form_head(body.len()).into_bytes();
    request.extend_from_slice(&body);
    let answer = bench.app.raw(&request).await;
    assert_eq!(status(&answer), 303, "{answer}");
    let location = answer
        .lines()
        .find_map(|line| line.strip_prefix("location: "));
    let page = bench
        .app
        .get(&bench.officer, location.expect("a way on"))
        .await;
    let page = page.text().await.expect("a page");
    let sha256 = hex::encode(ring::digest::digest(&ring::digest::SHA256, file));
    assert!(page.contains(&sha256), "{page}");
    assert!(
        page.contains("20 November 2026, 09:30:00 (UTC+01:00)"),
        "{page}"
    );
    assert!(page.contains("20 November 2026, 08:30:00 UTC"), "{page}");
    assert!(!page.contains("<b>.txt"), "a name is never markup");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_is_told_the_way_on() {
    let bench = Bench::new().await;
    let fields = [
        ("csrf", bench.officer.csrf.as_str()),
        ("reference", "JS/2"),
        ("description", "notes"),
    ];
    let body = bench.multipart(&fields, b"x");
    let head = bench.form_head(body.len());
    let head = head.replace("Host:", "Accept: application/problem+json\r\nHost:");
    let mut request = head.into_bytes();
    request.extend_from_slice(&body);
    let start = bench.app.size().await;
    let answer = bench.app.raw(&request).await;
    assert_eq!(status(&answer), 201, "{answer}");
    assert!(answer.contains("\r\nlocation: /items/"), "{answer}");
    assert_eq!(bench.app.kinds_since(start).await, ["deposit"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_cut_or_forged_leaves_nothing() {
    let bench = Bench::new().await;
    let honest = [
        ("csrf", bench.officer.csrf.as_str()),
        ("reference", "JS/2"),
        ("description", "notes"),
    ];
    let file = vec![b'x'; 100_000];
    let body = bench.multipart(&honest, &file);
    for sent in [0, 5, 13, 40, 200, 50_000, body.len() - 5] {
        let mut request = bench.form_head(body.len()).into_bytes();
        request.extend_from_slice(&body[..sent]);
        let answer = bench.app.cut(&request).await;
        assert!(matches!(status(&answer), 400 | 0), "{sent}: {answer}");
    }
    // A file in which the boundary stands is not what the sender meant.
    let body = bench.multipart(&honest, b"half\r\n--edge\r\n\r\nother half");
    let mut request = bench.form_head(body.len()).into_bytes();
    request.extend_from_slice(&body);
    let answer = bench.app.raw(&request).await;
    assert_eq!(status(&answer), 400, "{answer}");
    assert_eq!(bench.items().await, 0);
    let zeros = "0".repeat(64);
    for (fields, expected) in [
        (vec![("reference", "JS/2"), ("description", "notes")], 403),
        (vec![("csrf", zeros.as_str()), ("reference", "JS/2")], 403),
        (vec![honest[0], honest[1], ("role", "judge")], 400),
        (vec![honest[0], honest[1], ("captured_at", "then")], 400),
        (vec![honest[0], ("description", "no reference")], 400),
    ] {
        let body = bench.multipart(&fields, b"x");
        let mut request = bench.form_head(body.len()).into_bytes();
        request.extend_from_slice(&body);
        let answer = bench.app.raw(&request).await;
        assert_eq!(status(&answer), expected, "{fields:?}: {answer}");
    }
    assert_eq!(bench.items().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_that_does_not_fit_is_shown_with_both_values() {
    let bench = Bench::new().await;
    let declared = "ab".repeat(32);
    let fields = [
        ("csrf", bench.officer.csrf.as_str()),
        ("reference", "JS/3"),
        ("description", "notes"),
        ("sha256", declared.as_str()),
    ];
    let body = bench.multipart(&fields, b"other bytes");
    let mut request = bench.form_head(body.len()).into_bytes();
    request.extend_from_slice(&body);
    let answer = bench.app.raw(&request).await;
    assert_eq!(status(&answer), 303, "{answer}");
    let location = answer
        .lines()
        .find_map(|line| line.strip_prefix("location: "));
    let page = bench
        .app
        .get(&bench.officer, location.expect("a way on"))
        .await;
    let page = page.text().await.expect("a page");
    let found = hex::encode(ring::digest::digest(&ring::digest::SHA256, b"other bytes"));
    assert!(
        page.contains("quarantine") && page.contains(&declared) && page.contains(&found),
        "{page}"
    );
}

/// What stands in a form before its file's bytes is bounded, wherever it stands.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_never_comes_to_its_file_is_refused() {
    const LONG: usize = 4 << 20;
    let bench = Bench::new().await;
    let part = "--edge\r\nContent-Disposition: form-data; name=\"description\"\r\n";
    for (name, before) in [
        ("preamble", String::new()),
        ("head", format!("{part}X-Long: ")),
        ("field", format!("{part}\r\n")),
    ] {
        let mut request = bench.form_head(1 << 30).into_bytes();
        request.extend_from_slice(before.as_bytes());
        request.extend(std::iter::repeat_n(b'a', LONG));
        // The rest of what was said never comes; the answer does not wait for it.
        let answer = bench.app.raw(&request).await;
        assert!(matches!(status(&answer), 400 | 413), "{name}: {answer}");
    }
    assert_eq!(bench.items().await, 0);
}
