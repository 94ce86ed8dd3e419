//! An endpoint of webhooks that does what a test tells it to.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use custos::{
    app::notices::{Hook, Kind},
    peers::{
        client::Address,
        webhooks::{Endpoint, Secret},
    },
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// The secret of every endpoint here.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What the endpoint does with the next event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manner {
    /// Answers with this status.
    Status(u16),
    /// Sends elsewhere.
    Redirects(String),
    /// Never answers.
    Hangs,
    /// Answers 200 and a body without end.
    Endless,
    /// Closes the connection.
    Drops,
}

/// An event as it came.
#[derive(Debug, Clone)]
pub struct Came {
    /// Names in lower case.
    pub headers: HashMap<String, String>,
    pub body: String,
}

#[derive(Default)]
struct Shared {
    manners: Mutex<VecDeque<Manner>>,
    came: Mutex<Vec<Came>>,
}

/// An endpoint on a port of its own.
pub struct HookSink {
    pub port: u16,
    shared: Arc<Shared>,
}

impl HookSink {
    /// One that takes every event unless told otherwise.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared::default());
        let serving = shared.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = serving.clone();
                tokio::spawn(async move {
                    // A client that goes away ends it.
                    let _gone = serve(stream, &shared).await;
                });
            }
        });
        Self { port, shared }
    }

    /// What it does with the next events, in their order.
    pub fn will(&self, manners: &[Manner]) {
        let mut told = self.shared.manners.lock().expect("whole");
        told.extend(manners.iter().cloned());
    }

    /// The events so far.
    pub fn came(&self) -> Vec<Came> {
        self.shared.came.lock().expect("whole").clone()
    }

    /// Waits for the event of this number, from 1.
    pub async fn event(&self, number: usize) -> Came {
        for _ in 0..600 {
            if let Some(event) = self.came().get(number - 1) {
                return event.clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("event {number} does not come; {:?} did", self.came());
    }

    /// The endpoint as the room knows it.
    pub fn endpoint(&self, name: &str) -> Endpoint {
        let address = format!("http://127.0.0.1:{}/hook?key=of-the-path", self.port);
        Endpoint {
            name: name.into(),
            address: Address::parse(&address).expect("on this machine"),
            secret: Secret::parse(SECRET).expect("a secret"),
        }
    }

    /// The same, for these kinds.
    pub fn hook(&self, name: &str, kinds: &[Kind]) -> Hook {
        Hook {
            endpoint: self.endpoint(name),
            kinds: kinds.iter().copied().collect(),
        }
    }
}

async fn serve(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            if line.trim_end().is_empty() {
                break;
            }
            continue;
        };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers
        .get("content-length")
        .and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await?;
    let body = String::from_utf8_lossy(&body).into_owned();
    shared
        .came
        .lock()
        .expect("whole")
        .push(Came { headers, body });
    let manner = shared.manners.lock().expect("whole").pop_front();
    let head = match manner.unwrap_or(Manner::Status(204)) {
        Manner::Status(status) => format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n"),
        Manner::Redirects(to) => {
            format!("HTTP/1.1 307 X\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
        }
        Manner::Hangs => std::future::pending().await,
        Manner::Endless => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".into(),
        Manner::Drops => return Ok(()),
    };
    stream.write_all(head.as_bytes()).await?;
    if !head.contains("chunked") {
        return stream.flush().await;
    }
    loop {
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        stream.write_all(chunk.as_bytes()).await?;
    }
}
