//! HTTP/2: streams, resets, and bodies that are given up.

use bytes::Bytes;
use h2::{Reason, client::SendRequest};
use hyper::{Method, Request, http::request::Builder};
use rustls::version::TLS13;

use super::tls;
use crate::support::TestApp;

/// A connection of HTTP/2, and what ends when it does.
async fn connect(
    app: &TestApp,
    folder: &std::path::Path,
) -> (
    SendRequest<Bytes>,
    tokio::task::JoinHandle<Result<(), h2::Error>>,
) {
    let stream = tls::connect(app, folder, (b"h2", &[&TLS13])).await;
    let (sender, connection) = h2::client::handshake(stream.expect("a connection"))
        .await
        .expect("HTTP/2");
    (sender, tokio::spawn(connection))
}

fn request(app: &TestApp, method: Method, path: &str) -> Builder {
    Request::builder()
        .method(method)
        .uri(format!("https://localhost:{}{path}", app.port))
}

async fn status(sender: &SendRequest<Bytes>, request: Request<()>) -> Result<u16, h2::Error> {
    let mut sender = sender.clone().ready().await?;
    let (answer, _) = sender.send_request(request, true)?;
    Ok(answer.await?.status().as_u16())
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_bodies_go_over_http2() {
    let (app, folder) = tls::room().await;
    let (sender, _connection) = connect(&app, folder.path()).await;
    let get = |path: &str| {
        request(&app, Method::GET, path)
            .body(())
            .expect("a request")
    };
    assert_eq!(
        status(&sender, get("/sign-in")).await.expect("an answer"),
        200
    );
    assert_eq!(
        status(&sender, get("/nothing")).await.expect("an answer"),
        404
    );
    // One host in the address and another in a header.
    let two = request(&app, Method::GET, "/health").header("host", "content.localhost");
    let two = two.body(()).expect("a request");
    assert_eq!(status(&sender, two).await.expect("an answer"), 400);
    let large = request(&app, Method::GET, "/health").header("x-long", "a".repeat(33_000));
    let large = large.body(()).expect("a request");
    assert_eq!(status(&sender, large).await.expect("an answer"), 431);
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_streams_run_at_a_time() {
    let (app, folder) = tls::room().await;
    let stream = tls::connect(&app, folder.path(), (b"h2", &[&TLS13])).await;
    let (sender, connection) = h2::client::handshake(stream.expect("a connection"))
        .await
        .expect("HTTP/2");
    let mut connection = connection;
    let get = request(&app, Method::GET, "/health")
        .body(())
        .expect("a request");
    // The settings have come when an answer has.
    tokio::select! {
        answer = status(&sender, get) => assert_eq!(answer.expect("an answer"), 200),
        ended = &mut connection => panic!("it ended: {ended:?}"),
    }
    assert_eq!(connection.max_concurrent_send_streams(), 64);
}

/// What creates a case, as the administrator's session.
fn new_case(app: &TestApp) -> Request<()> {
    request(app, Method::POST, "/api/v1/people")
        .header("cookie", &app.admin.cookie)
        .header("x-custos-csrf", &app.admin.csrf)
        .header("content-type", "application/json")
        .body(())
        .expect("a request")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_given_up_is_never_a_whole_one() {
    let (app, folder) = tls::room().await;
    let (sender, _connection) = connect(&app, folder.path()).await;
    let whole = Bytes::from(r#"{"name": "Vera", "login": "vera", "room_roles": []}"#);
    let start = app.size().await;
    for reason in [Reason::CANCEL, Reason::NO_ERROR, Reason::INTERNAL_ERROR] {
        let mut sender = sender.clone().ready().await.expect("ready");
        let (answer, mut body) = sender.send_request(new_case(&app), false).expect("sent");
        // All of it, but not its end.
        body.send_data(whole.clone(), false).expect("sent");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        body.send_reset(reason);
        assert!(answer.await.is_err());
    }
    let get = request(&app, Method::GET, "/health")
        .body(())
        .expect("a request");
    assert_eq!(status(&sender, get).await.expect("an answer"), 200);
    assert_eq!(app.size().await, start, "nothing was done");
    // The same body with its end is taken.
    let mut sender = sender.ready().await.expect("ready");
    let (answer, mut body) = sender.send_request(new_case(&app), false).expect("sent");
    body.send_data(whole, true).expect("sent");
    assert_eq!(answer.await.expect("an answer").status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_only_resets_is_cut() {
    let (app, folder) = tls::room().await;
    let (sender, connection) = connect(&app, folder.path()).await;
    let mut sent = 0;
    while sent < 2_000 && !connection.is_finished() {
        let Ok(mut ready) = sender.clone().ready().await else {
            break;
        };
        let get = request(&app, Method::GET, "/log/key")
            .body(())
            .expect("a request");
        let Ok((answer, mut body)) = ready.send_request(get, true) else {
            break;
        };
        body.send_reset(Reason::CANCEL);
        drop(answer);
        sent += 1;
        tokio::task::yield_now().await;
    }
    let ended = connection.await.expect("no panic");
    assert!(ended.is_err(), "after {sent} resets: {ended:?}");
    let (sender, _connection) = connect(&app, folder.path()).await;
    let get = request(&app, Method::GET, "/health")
        .body(())
        .expect("a request");
    assert_eq!(status(&sender, get).await.expect("an answer"), 200);
}
