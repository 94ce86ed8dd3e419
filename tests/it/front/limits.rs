//! Slow, large and many.

use std::time::Duration;

use custos::http::front::limits::Limits;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{begun, connect, deposit, rest, room};
use crate::support::{TestApp, bench::Bench, raw::status};

/// Longer than any test runs.
const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(300);

fn patient() -> Limits {
    Limits {
        header: LONG,
        idle: LONG,
        body: LONG,
        ..Limits::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_does_not_come_is_answered_and_cut() {
    let app = room(Limits {
        header: SHORT,
        ..patient()
    })
    .await;
    let answer = rest(connect(&app, 2, "GET /api/v1/cases HTTP/1.1\r\nHost: local").await).await;
    assert_eq!(status(&answer), 408, "{answer}");
    assert!(answer.contains("/problems/too-slow"), "{answer}");
    // On a connection on which requests were answered too.
    let twice = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut stream = connect(&app, 2, twice).await;
    tokio::time::sleep(SHORT * 2).await;
    stream.write_all(b"GET /hea").await.expect("it is sent");
    let answer = rest(stream).await;
    assert_eq!(status(&answer), 200, "{answer}");
    assert!(answer.contains("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_a_request_is_closed() {
    let app = room(Limits {
        idle: SHORT,
        ..patient()
    })
    .await;
    assert_eq!(rest(connect(&app, 2, "").await).await, "");
    let one = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let answer = rest(connect(&app, 2, one).await).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    assert_eq!(status(&answer), 200, "{answer}");
}

/// Sockets that this process holds on the room's port, the listening one not counted.
fn held(app: &TestApp) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("a table");
    let port = format!(":{:04X}", app.port);
    let is_held = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields[1].ends_with(&port) && fields[3] != "0A" && fields[9] != "0"
    };
    table.lines().skip(1).filter(is_held).count()
}

/// Whoever gave way must not linger: else a crowd of an address holds all file descriptors.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_gives_way_is_gone() {
    let app = room(Limits {
        per_peer: 4,
        ..patient()
    })
    .await;
    for sent in ["", "GET /cases HTTP/1.1\r\n"] {
        let (mut crowd, mut most) = (Vec::new(), 0);
        for _ in 0..400 {
            crowd.push(connect(&app, 9, sent).await);
            most = most.max(held(&app));
        }
        assert!(most < 200, "{most} of 400 were held");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_may_be_so_large_and_no_larger() {
    let app = room(patient()).await;
    let head = |more: &str| {
        format!("GET /sign-in HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n")
    };
    let long = |bytes: usize| format!("X-Long: {}\r\n", "a".repeat(bytes));
    let lines = |count: usize| "X-Line: a\r\n".repeat(count);
    for (more, expected) in [
        (long(32_000), 200),
        (long(33_000), 431),
        (long(1 << 20), 431),
        (lines(96), 200),
        (lines(97), 431),
        (lines(200), 431),
    ] {
        let answer = app.raw(head(&more).as_bytes()).await;
        assert_eq!(status(&answer), expected, "{} {answer}", more.len());
    }
}

/// Whoever sends the next request on a connection must know whether it goes on.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_before_the_end_of_a_body_says_that_the_connection_ends() {
    let app = room(patient()).await;
    let head = |length: usize| {
        format!(
            "POST /api/v1/cases HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n"
        )
    };
    let cut = rest(connect(&app, 2, &(head(200_000) + "{")).await).await;
    assert!((400..500).contains(&status(&cut)), "{cut}");
    assert!(
        cut.to_lowercase().contains("\r\nconnection: close\r\n"),
        "{cut}"
    );
    let whole = head(0) + "GET /sign-in HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let both = rest(connect(&app, 3, &whole).await).await;
    let (first, second) = both.split_once("\r\n\r\n").expect("a head");
    assert!(
        !first.to_lowercase().contains("connection: close"),
        "{first}"
    );
    assert!(second.contains("HTTP/1.1 200"), "{second}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stands_still_is_answered_and_leaves_nothing() {
    let app = room(Limits {
        body: SHORT,
        body_bytes: 1_000,
        ..patient()
    })
    .await;
    let bench = Bench::at(app).await;
    // A short one, and one that is handed over.
    for length in [40_000, 400_000] {
        let content = bench.upload().await;
        let head = deposit(&bench.officer, &content, length);
        let answer = rest(connect(&bench.app, 2, &(head + &"x".repeat(500))).await).await;
        assert_eq!(status(&answer), 408, "{answer}");
        assert!(answer.contains("/problems/too-slow"), "{answer}");
    }
    assert_eq!(bench.items().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_slow_and_goes_on_is_taken() {
    let app = room(Limits {
        body: Duration::from_secs(1),
        body_bytes: 1,
        ..patient()
    })
    .await;
    let bench = Bench::at(app).await;
    let content = bench.upload().await;
    let head = deposit(&bench.officer, &content, 25);
    let head = head.replace("Host:", "Connection: close\r\nHost:");
    let mut stream = connect(&bench.app, 2, &head).await;
    for _ in 0..25 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        stream.write_all(b"x").await.expect("it is sent");
    }
    let answer = rest(stream).await;
    assert_eq!(status(&answer), 201, "{answer}");
    assert_eq!(bench.items().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_a_length_is_bounded() {
    let app = room(Limits {
        undeclared_body_bytes: 100,
        ..patient()
    })
    .await;
    let ask = |size: usize| {
        let admin = &app.admin;
        format!(
            "POST /api/v1/cases HTTP/1.1\r\nHost: localhost\r\nCookie: {}\r\nX-Custos-CSRF: {}\r\n\
             Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\
             Connection: close\r\n\r\n{size:x}\r\n{}\r\n0\r\n\r\n",
            admin.cookie,
            admin.csrf,
            " ".repeat(size)
        )
    };
    let answer = app.raw(ask(101).as_bytes()).await;
    assert_eq!(status(&answer), 413, "{answer}");
    assert!(answer.contains("without `Content-Length`"), "{answer}");
    let answer = app.raw(ask(100).as_bytes()).await;
    assert_eq!(status(&answer), 400, "blanks are no JSON: {answer}");
}

/// Deposits that have begun and do not go on, from as many connections of one address.
async fn busy(bench: &Bench, last: u8, count: usize) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..count {
        streams.push(begun(bench, last, 40_000).await);
    }
    streams
}

async fn health(app: &TestApp, last: u8) -> String {
    let one = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    rest(connect(app, last, one).await).await
}

/// Asks until the answer is the expected one: what was sent before takes its time to be read.
async fn becomes(app: &TestApp, last: u8, expected: u16) -> String {
    let mut answer = String::new();
    for _ in 0..200 {
        answer = health(app, last).await;
        if status(&answer) == expected {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never {expected}: {answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_has_so_many_connections() {
    let app = room(Limits {
        per_peer: 4,
        ..patient()
    })
    .await;
    let bench = Bench::at(app).await;
    let streams = busy(&bench, 2, 4).await;
    let answer = becomes(&bench.app, 2, 429).await;
    assert!(answer.contains("/problems/crowded"), "{answer}");
    assert!(answer.contains("retry-after: 5"), "{answer}");
    let other = health(&bench.app, 3).await;
    assert_eq!(status(&other), 200, "{other}");
    drop(streams);
    becomes(&bench.app, 2, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_idle_give_way_and_the_busy_do_not() {
    let app = room(Limits {
        connections: 8,
        per_peer: 8,
        ..patient()
    })
    .await;
    let bench = Bench::at(app).await;
    let mut idle = Vec::new();
    for last in 2..42 {
        idle.push(connect(&bench.app, last, "GET / HTT").await);
    }
    let answer = health(&bench.app, 50).await;
    assert_eq!(status(&answer), 200, "{answer}");
    // The first of them is gone, without a word.
    assert_eq!(rest(idle.remove(0)).await, "");
    let streams = busy(&bench, 2, 8).await;
    let answer = becomes(&bench.app, 50, 503).await;
    assert!(answer.contains("/problems/busy"), "{answer}");
    drop((streams, idle));
    becomes(&bench.app, 50, 200).await;
}
