//! What stands before the web framework: limits, TLS, HTTP/2, stopping.

mod http2;
mod limits;
mod peers;
mod stopping;
mod tls;

use std::net::Ipv4Addr;

use custos::http::front::limits::Limits;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::support::{TestApp, User, bench::Bench, edge, free_port};

/// A room with limits of its own.
async fn room(limits: Limits) -> TestApp {
    let mut edge = edge(free_port());
    edge.limits = limits;
    TestApp::start_at(edge).await
}

/// A connection from 127.0.0.`last`, and what was sent on it.
async fn connect(app: &TestApp, last: u8, sent: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    let own = (Ipv4Addr::new(127, 0, 0, last), 0).into();
    socket.bind(own).expect("an address of this machine");
    let room = (Ipv4Addr::LOCALHOST, app.port).into();
    let mut stream = socket.connect(room).await.expect("a connection");
    stream.write_all(sent.as_bytes()).await.expect("it is sent");
    stream
}

/// Everything that comes until the room closes the connection.
async fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    drop(stream.read_to_end(&mut bytes).await);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The head of a deposit of `length` bytes that somebody who may is about to send.
fn deposit(user: &User, content: &str, length: usize) -> String {
    format!(
        "PUT {content} HTTP/1.1\r\nHost: localhost\r\nCookie: {}\r\nX-Custos-CSRF: {}\r\n\
         Content-Length: {length}\r\n\r\n",
        user.cookie, user.csrf
    )
}

/// A deposit of `length` bytes of which the room has the head and waits for the body.
async fn begun(bench: &Bench, last: u8, length: usize) -> TcpStream {
    let content = bench.upload().await;
    let head = deposit(&bench.officer, &content, length);
    let head = head.replace("Host:", "Expect: 100-continue\r\nHost:");
    let mut stream = connect(&bench.app, last, &head).await;
    let mut interim = [0; 25];
    let read = stream.read_exact(&mut interim).await;
    read.expect("an interim answer");
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}
