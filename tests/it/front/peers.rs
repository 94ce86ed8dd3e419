//! Who is believed to be asking.

use std::net::Ipv4Addr;

use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{connect, rest};
use crate::support::{TestApp, edge, free_port, raw::status};

/// As many failures of one address as are heard (`MAX_FAILURES_PER_PEER`).
const HEARD: usize = 50;

/// Uses a link that there is none of, from 127.0.0.`last`, with this header.
async fn fail(app: &TestApp, last: u8, header: &str) -> u16 {
    let body = format!("secret=custos_{}", "A".repeat(43));
    let request = format!(
        "POST /enter HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-origin\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n\
         Content-Length: {}\r\n{header}\r\n{body}",
        body.len()
    );
    status(&rest(connect(app, last, &request).await).await)
}

/// Fails as often as is heard, with a header that changes, and asserts that it is heard.
async fn exhaust(app: &TestApp, last: u8, header: impl Fn(usize) -> String) {
    let tries = (0..HEARD).map(|at| {
        let header = header(at);
        async move { fail(app, last, &header).await }
    });
    for status in futures::future::join_all(tries).await {
        assert!(matches!(status, 400 | 401 | 404), "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_count_for_the_real_address_whatever_a_client_says() {
    let app = TestApp::start().await;
    exhaust(&app, 2, |at| {
        let peer = format!("192.0.2.{at}");
        format!(
            "X-Real-IP: {peer}\r\nX-Forwarded-For: {peer}\r\nForwarded: for={peer}\r\n\
             X-Custos-Front: {} {peer}\r\n",
            "0".repeat(64)
        )
    })
    .await;
    assert_eq!(fail(&app, 2, "X-Real-IP: 192.0.2.99\r\n").await, 429);
    assert_ne!(fail(&app, 3, "").await, 429, "another address is heard");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_proxy_is_believed_and_only_what_it_wrote_itself() {
    let mut edge = edge(free_port());
    edge.proxy_header = Some("X-Real-IP".into());
    let app = TestApp::start_at(edge).await;
    // A client that forges the header meets a proxy that appends to it.
    exhaust(&app, 2, |at| {
        format!("X-Real-IP: 198.51.100.{at}\r\nX-Real-IP: 198.51.100.7, 192.0.2.1\r\n")
    })
    .await;
    assert_eq!(fail(&app, 2, "X-Real-IP: 192.0.2.1\r\n").await, 429);
    assert_eq!(fail(&app, 3, "X-Real-IP: 192.0.2.1\r\n").await, 429);
    assert_ne!(fail(&app, 2, "X-Real-IP: 192.0.2.2\r\n").await, 429);
    // Without an address in it the proxy's own counts.
    assert_ne!(fail(&app, 2, "X-Real-IP: unknown\r\n").await, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_past_the_front() {
    let app = TestApp::start().await;
    assert_ne!(app.behind.port(), app.port);
    assert_eq!(app.behind.ip(), Ipv4Addr::LOCALHOST);
    let zeros = "0".repeat(64);
    for path in ["/health", "/sign-in", "/log/key", "/api/v1/cases", "/v/a/b"] {
        for header in [
            String::new(),
            "X-Custos-Front: \r\n".into(),
            format!("X-Custos-Front: {zeros} 127.0.0.1\r\n"),
            format!("X-Custos-Front: {zeros}\r\n"),
        ] {
            let mut stream = TcpStream::connect(app.behind).await.expect("a connection");
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}\r\n"
            );
            stream
                .write_all(request.as_bytes())
                .await
                .expect("it is sent");
            let answer = rest(stream).await;
            assert_eq!(status(&answer), 421, "{path} {header}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_answers_to_where_a_request_ends_or_goes_are_refused() {
    let app = TestApp::start().await;
    for (request, expected) in [
        // The host in the line is the one that counts, so another one is an error.
        (
            "GET http://localhost/health HTTP/1.1\r\nHost: localhost\r\n",
            200,
        ),
        (
            "GET http://localhost/health HTTP/1.1\r\nHost: evil.example\r\n",
            400,
        ),
        (
            "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n",
            400,
        ),
        (
            "GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
            400,
        ),
        (
            "GET /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: identity\r\n",
            400,
        ),
        (
            "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Bad : a\r\n",
            400,
        ),
        (
            "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Folded: a\r\n b\r\n",
            400,
        ),
    ] {
        let answer = app
            .raw(format!("{request}Connection: close\r\n\r\n").as_bytes())
            .await;
        assert_eq!(status(&answer), expected, "{request}: {answer}");
    }
}
