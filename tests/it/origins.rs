//! Two origins, the headers of each, and the public log.

use reqwest::Method;

use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn each_origin_answers_only_its_own() {
    let app = TestApp::start().await;
    for (host, path, status) in [
        ("localhost", "/sign-in", 200),
        ("LOCALHOST", "/sign-in", 200),
        ("content.localhost", "/sign-in", 404),
        ("content.localhost", "/log/checkpoint", 404),
        ("content.localhost", "/api/v1/cases", 404),
        ("content.localhost", "/health", 404),
        ("localhost", "/v/00000000000000000000000000000000/x", 404),
        ("localhost", "/%76/00000000000000000000000000000000/x", 404),
        ("room.example", "/sign-in", 421),
        ("127.0.0.1", "/", 421),
        ("evil.localhost", "/v/a/b", 421),
    ] {
        let answer = app
            .request_at(host, Method::GET, path)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), status, "{host} {path}");
    }
    for path in ["/api/v1/me", "/health"] {
        let answer = app.request_at("room.example", Method::GET, path).send();
        let answer = answer.await.expect("an answer");
        assert_eq!(answer.status(), 421);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let text = answer.text().await.expect("a body");
        assert!(text.contains("/problems/misdirected"), "{text}");
    }
    let twice = "GET /sign-in HTTP/1.1\r\nHost: localhost\r\nHost: content.localhost\r\n\
                 Connection: close\r\n\r\n";
    let answer = app.raw(twice.as_bytes()).await;
    assert!(
        matches!(crate::support::raw::status(&answer), 400 | 421),
        "{answer}"
    );
    let none = app.raw(b"GET /sign-in HTTP/1.0\r\n\r\n").await;
    assert!(
        matches!(crate::support::raw::status(&none), 400 | 421),
        "{none}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_its_headers() {
    let app = TestApp::start().await;
    for (path, cached) in [
        ("/sign-in", "no-store"),
        ("/nothing-here", "no-store"),
        ("/api/v1/cases", "no-store"),
        ("/health", "no-store"),
        ("/log/key", "no-cache"),
    ] {
        let answer = app
            .request(Method::GET, path)
            .send()
            .await
            .expect("an answer");
        let header = |name: &str| {
            let value = answer
                .headers()
                .get(name)
                .unwrap_or_else(|| panic!("{path}: no {name}"));
            value.to_str().expect("text").to_owned()
        };
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'; "));
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(header("cache-control"), cached);
        assert!(answer.headers().get("server").is_none());
    }
    let answer = app.request_at("content.localhost", Method::GET, "/v/a/b");
    let answer = answer.send().await.expect("an answer");
    let policy = answer.headers()["content-security-policy"]
        .to_str()
        .expect("text");
    assert!(
        policy.starts_with("sandbox; default-src 'none'"),
        "{policy}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_public_up_to_its_checkpoint() {
    let app = TestApp::start().await;
    app.room.publisher.publish().await.expect("published");
    let get = async |path: String| {
        let answer = app
            .request(Method::GET, &path)
            .send()
            .await
            .expect("an answer");
        (
            answer.status().as_u16(),
            answer.bytes().await.expect("a body"),
        )
    };
    let (status, checkpoint) = get("/log/checkpoint".into()).await;
    assert_eq!(status, 200);
    let text = String::from_utf8(checkpoint.to_vec()).expect("text");
    let size: u64 = text
        .lines()
        .nth(1)
        .and_then(|size| size.parse().ok())
        .expect("a size");
    assert!(size > 0 && size < 256, "{size}");
    let (status, tile) = get(format!("/log/tile/0/000.p/{size}")).await;
    assert_eq!((status, tile.len() as u64), (200, 32 * size));
    let (status, _) = get(format!("/log/tile/entries/000.p/{size}")).await;
    assert_eq!(status, 200);
    let (status, key) = get("/log/key".into()).await;
    assert_eq!(status, 200);
    assert!(key.starts_with(b"localhost/log+"));
    let (status, keys) = get("/log/keys".into()).await;
    let keys: serde_json::Value = serde_json::from_slice(&keys).expect("JSON");
    let vkey = String::from_utf8_lossy(&key);
    let row = serde_json::json!({"vkey": vkey.trim(), "from": 1, "to": null});
    assert_eq!(
        (status, keys),
        (200, serde_json::json!({"log_keys": [row]}))
    );
    for hidden in [
        format!("/log/tile/0/000.p/{}", size + 1),
        "/log/tile/0/000".into(),
        "/log/tile/0/0".into(),
        "/log/tile/0/000.p/0".into(),
        "/log/tile/8/000/000".into(),
        "/log/tile/0/..%2f..%2fregister.db".into(),
        "/log/other".into(),
    ] {
        assert_eq!(get(hidden.clone()).await.0, 404, "{hidden}");
    }
}
