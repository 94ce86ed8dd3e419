//! Digests of what is given and of what is sent (RFC 9530), and tags of content.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use custos_core::hash::sha256;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::{TestApp, User, WHY, bench::Bench};

const TEXT: &[u8] = b"twenty bytes, and so on, some more";

fn digest(bytes: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(sha256(&[bytes]).as_bytes()))
}

fn header(answer: &Response, name: &str) -> String {
    let value = answer.headers().get(name).expect("a header");
    value.to_str().expect("text").into()
}

async fn deposited(bench: &Bench, headers: &[(&str, &str)], declared: Value) -> (u16, Value) {
    let new = json!({"reference": bench.app.reference(), "description": "d", "declared": declared});
    let path = format!("/cases/{}/items", bench.case);
    let upload = bench
        .app
        .ask(&bench.officer, Method::POST, &path, Some(new));
    let upload = upload.await;
    let address = upload["content"].as_str().expect("an address");
    send(bench, address, headers).await
}

async fn send(bench: &Bench, address: &str, headers: &[(&str, &str)]) -> (u16, Value) {
    let request = bench
        .officer
        .on(bench.app.request(Method::PUT, address))
        .header("X-Custos-CSRF", &bench.officer.csrf)
        .body(TEXT);
    let with = |request: reqwest::RequestBuilder, header: &(&str, &str)| {
        request.header(header.0, header.1)
    };
    let request = headers.iter().fold(request, with);
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a body");
    (status, serde_json::from_str(&text).expect("JSON"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_that_fits_is_kept_with_what_was_declared() {
    let bench = Bench::new().await;
    let fits = digest(TEXT);
    let (status, told) = deposited(&bench, &[("Repr-Digest", &fits)], json!([])).await;
    assert_eq!((status, &told["quarantined"]), (201, &json!(false)));
    let path = format!("/items/{}", told["item"].as_str().expect("an id"));
    let item = bench
        .app
        .ask(&bench.officer, Method::GET, &path, None)
        .await;
    let hex = sha256(&[TEXT]).to_string();
    let one = json!([{"algorithm": "sha256", "declared": hex, "found": hex}]);
    assert_eq!(item["declared"], one);
    // Said thrice, kept once.
    let headers = [("Repr-Digest", fits.as_str()), ("Content-Digest", &fits)];
    let declared = json!([{"algorithm": "sha256", "value": hex}]);
    let (_, told) = deposited(&bench, &headers, declared).await;
    let path = format!("/items/{}", told["item"].as_str().expect("an id"));
    let item = bench
        .app
        .ask(&bench.officer, Method::GET, &path, None)
        .await;
    assert_eq!(item["declared"], one);
    let unknown = [("Repr-Digest", "md5=:AAAA:, crc32c=1")];
    let (status, told) = deposited(&bench, &unknown, json!([])).await;
    assert_eq!((status, &told["quarantined"]), (201, &json!(false)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_that_does_not_fit_puts_the_item_in_quarantine() {
    let bench = Bench::new().await;
    let (wrong, fits) = (digest(b"other bytes"), digest(TEXT));
    let hex = sha256(&[TEXT]).to_string();
    for (headers, declared) in [
        (vec![("Repr-Digest", wrong.as_str())], json!([])),
        (vec![("Content-Digest", &wrong)], json!([])),
        (
            vec![("Repr-Digest", &fits), ("Content-Digest", &wrong)],
            json!([]),
        ),
        (
            vec![("Repr-Digest", &wrong)],
            json!([{"algorithm": "sha256", "value": hex}]),
        ),
    ] {
        let start = bench.app.size().await;
        let (status, told) = deposited(&bench, &headers, declared).await;
        assert_eq!(status, 201, "{headers:?}");
        assert_eq!(told["quarantined"], true, "{headers:?}");
        let mismatch = json!({
            "algorithm": "sha256",
            "declared": sha256(&[b"other bytes"]).to_string(),
            "found": hex,
        });
        assert_eq!(told["mismatches"], json!([mismatch]), "{headers:?}");
        assert_eq!(bench.app.kinds_since(start).await, ["deposit"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_sent_whole_or_said_oddly_is_refused_and_can_be_sent_again() {
    let bench = Bench::new().await;
    let address = bench.upload().await;
    let start = bench.app.size().await;
    for (name, value, status) in [
        ("Repr-Digest", "sha-256", 400),
        ("Repr-Digest", "sha-256=:AAAA:", 400),
        ("Content-Digest", "sha-512=47DEQ", 400),
        ("Content-Digest", "sha-256=:AAAA", 400),
        ("Content-Range", "bytes 0-33/100", 400),
        ("Content-Encoding", "gzip", 415),
        ("Content-Encoding", "identity, br", 415),
    ] {
        let (got, problem) = send(&bench, &address, &[(name, value)]).await;
        assert_eq!(got, status, "{name}: {value}");
        assert_eq!(problem["status"], status);
    }
    assert_eq!(bench.items().await, 0);
    assert_eq!(
        bench.app.kinds_since(start).await,
        ["list"],
        "the look alone"
    );
    let (status, _) = send(&bench, &address, &[("Content-Encoding", "identity")]).await;
    assert_eq!(status, 201);
}

async fn view(app: &TestApp, user: &User, item: &str) -> String {
    let why = json!({"purpose": "investigation", "why": WHY});
    let path = format!("/items/{item}/views");
    let view = app.ask(user, Method::POST, &path, Some(why)).await;
    let content = view["content"].as_str().expect("an address");
    content.trim_start_matches("/api/v1").into()
}

#[tokio::test(flavor = "multi_thread")]
async fn content_says_the_digest_of_the_whole_and_has_a_tag() {
    let bench = Bench::new().await;
    let made = bench.app.deposit(&bench.officer, &bench.case, TEXT).await;
    let item = made["item"].as_str().expect("an id");
    let api = view(&bench.app, &bench.officer, item).await;
    let address = bench.app.view(&bench.officer, item, "view").await;
    let get = async |on_content: bool, headers: &[(&str, &str)]| {
        let with = |request: reqwest::RequestBuilder, header: &(&str, &str)| {
            request.header(header.0, header.1)
        };
        if on_content {
            let request = headers.iter().fold(bench.app.content(&address), with);
            request.send().await.expect("an answer")
        } else {
            let officer = &bench.officer;
            bench
                .app
                .api_with(officer, Method::GET, &api, None, headers)
                .await
        }
    };
    for on_content in [false, true] {
        let whole = get(on_content, &[]).await;
        assert_eq!(whole.status(), 200);
        assert_eq!(header(&whole, "repr-digest"), digest(TEXT));
        let tag = header(&whole, "etag");
        assert_eq!(whole.bytes().await.expect("a body"), TEXT);
        let part = [("Range", "bytes=3-9")];
        let given = get(on_content, &part).await;
        assert_eq!(given.status(), 206);
        assert_eq!(header(&given, "repr-digest"), digest(TEXT), "of the whole");
        assert_eq!(header(&given, "etag"), tag);
        assert_eq!(given.bytes().await.expect("a body"), TEXT[3..10]);
        for (condition, status) in [
            (tag.as_str(), 206),
            ("\"x\"", 200),
            (&format!("W/{tag}"), 200),
            (tag.trim_matches('"'), 200),
            ("Wed, 21 Oct 2015 07:28:00 GMT", 200),
        ] {
            let asked = [part[0], ("If-Range", condition)];
            assert_eq!(
                get(on_content, &asked).await.status(),
                status,
                "{condition}"
            );
        }
        let known = get(on_content, &[("If-None-Match", &tag)]).await;
        assert_eq!(known.status(), 304);
        assert_eq!(header(&known, "etag"), tag);
        assert!(known.bytes().await.expect("a body").is_empty());
        let other = get(on_content, &[("If-None-Match", "\"x\"")]).await;
        assert_eq!(other.status(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_says_its_digest_and_a_bundle_that_is_made_on_the_way_none() {
    let bench = Bench::new().await;
    let made = bench.app.deposit(&bench.officer, &bench.case, TEXT).await;
    let item = format!("/items/{}", made["item"].as_str().expect("an id"));
    for path in [format!("/api/v1{item}/receipt"), format!("{item}/receipt")] {
        let answer = bench.app.get(&bench.officer, &path).await;
        assert_eq!(answer.status(), 200, "{path}");
        let said = header(&answer, "repr-digest");
        assert_eq!(digest(&answer.bytes().await.expect("a body")), said);
    }
    let path = format!("{item}/bundle");
    let asked = Some(json!({"content": false}));
    let bundle = bench
        .app
        .api(&bench.officer, Method::POST, &path, asked)
        .await;
    assert_eq!(bundle.status(), 200);
    assert!(!bundle.headers().contains_key("repr-digest"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_says_which_methods_it_takes() {
    let app = TestApp::start().await;
    let unknown = "0".repeat(32);
    for (method, path, allowed) in [
        ("DELETE", "/api/v1/cases".to_owned(), "GET, HEAD, POST"),
        ("POST", format!("/api/v1/cases/{unknown}"), "GET, HEAD"),
        ("POST", "/api/v1/cases/odd".to_owned(), "GET, HEAD"),
        ("GET", format!("/api/v1/cases/{unknown}/parties"), "POST"),
        (
            "PATCH",
            format!("/api/v1/items/{unknown}/restriction"),
            "DELETE, PUT",
        ),
        ("OPTIONS", "/api/v1/me".to_owned(), "GET, HEAD"),
        ("PUT", "/log/checkpoint".to_owned(), "GET, HEAD"),
        ("PUT", "/sign-in".to_owned(), "GET, HEAD, POST"),
    ] {
        let start = app.size().await;
        let named = Method::from_bytes(method.as_bytes()).expect("a method");
        let answer = app.request(named, &path).send().await.expect("an answer");
        assert_eq!(answer.status(), 405, "{method} {path}");
        assert_eq!(header(&answer, "allow"), allowed, "{method} {path}");
        assert_eq!(app.size().await, start);
    }
    for (method, path) in [
        ("GET", "/api/v1/nothing".to_owned()),
        ("POST", "/api/v1/items".to_owned()),
        ("GET", format!("/v/{unknown}/x")),
        ("POST", "/~".to_owned()),
    ] {
        let named = Method::from_bytes(method.as_bytes()).expect("a method");
        let answer = app.request(named, &path).send().await.expect("an answer");
        assert_eq!(answer.status(), 404, "{method} {path}");
        assert!(!answer.headers().contains_key("allow"));
    }
}
