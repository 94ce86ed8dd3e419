//! Witnesses: those of the program, and one that does what a test tells it to.

use std::{
    collections::VecDeque,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex},
};

use custos::{
    ambient::Ambient,
    peers::{client::Address, witnesses::Witness},
    witness::{Logs, key, record::Record, server::Server},
};
use custos_core::checkpoint::{Cosigner, VerifierKey, witness::AddCheckpoint};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};

use super::free_port;

/// A witness of the program, with a key and a record, which may answer or not.
pub struct TestWitness {
    pub folder: TempDir,
    pub port: u16,
    pub key: VerifierKey,
    name: String,
}

impl TestWitness {
    /// Founds one.
    pub fn found(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("witness.key");
        let cosigner = key::create(&file, name, &Ambient::system()).expect("a key");
        let key = cosigner.verifier_key().clone();
        Record::create(&folder.path().join("witness.db"), &key).expect("a record");
        Self {
            folder,
            port: free_port(),
            key,
            name: name.into(),
        }
    }

    /// Where its record lies.
    pub fn database(&self) -> PathBuf {
        self.folder.path().join("witness.db")
    }

    /// Its record.
    pub fn record(&self) -> Record {
        Record::open(&self.database(), &self.key).expect("a record")
    }

    /// The witness as a room knows it.
    pub fn known(&self) -> Witness {
        at(self.port, &self.key)
    }

    /// Answers these logs until the task is ended.
    pub async fn serve(&self, logs: &[(&str, &VerifierKey)]) -> JoinHandle<()> {
        let keys: Vec<String> = logs.iter().map(|(_, key)| key.to_string()).collect();
        let pairs = logs.iter().zip(&keys);
        let logs = Logs::new(pairs.map(|((origin, _), key)| (*origin, key.as_str())));
        let cosigner = key::open(&self.folder.path().join("witness.key"), &self.name);
        let server = Server::open(
            SocketAddr::new(Ipv4Addr::LOCALHOST.into(), self.port),
            logs.expect("logs"),
            self.record(),
            cosigner.expect("a key"),
            Ambient::system(),
        );
        let server = server.await.expect("it listens");
        tokio::spawn(async move {
            server.run(std::future::pending()).await.expect("whole");
        })
    }
}

/// A witness on a port of this machine.
pub fn at(port: u16, key: &VerifierKey) -> Witness {
    let address = Address::parse(&format!("http://127.0.0.1:{port}")).expect("an address");
    Witness {
        name: "neighbour".into(),
        key: key.clone(),
        submission: address.clone(),
        monitoring: address,
    }
}

/// From a request to the bytes of an answer, head and all.
pub type Says = Box<dyn Fn(&AddCheckpoint) -> Vec<u8> + Send>;

/// What a witness of a test does with a request.
pub enum Manner {
    /// Answers with these bytes, head and all, as they follow from the request.
    Says(Says),
    /// Answers when it is told to, and then confirms.
    Hangs(Arc<Notify>),
    /// Answers 200 and a body without end.
    Endless,
    /// Closes the connection.
    Drops,
}

/// A witness that does what it is told; by itself it confirms everything.
pub struct Stub {
    pub port: u16,
    pub cosigner: Arc<Cosigner>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    manners: Mutex<VecDeque<Manner>>,
    asked: Mutex<Vec<Vec<u8>>>,
    shown: Mutex<Option<Vec<u8>>>,
}

impl Stub {
    /// Starts one.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let cosigner = Cosigner::from_seed("stub.example/witness", &[5; 32]).expect("a key");
        let (cosigner, shared) = (Arc::new(cosigner), Arc::new(Shared::default()));
        let stub = Self {
            port,
            cosigner: cosigner.clone(),
            shared: shared.clone(),
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (cosigner, shared) = (cosigner.clone(), shared.clone());
                tokio::spawn(async move {
                    // A client that goes away ends it.
                    let _gone = serve(stream, &cosigner, &shared).await;
                });
            }
        });
        stub
    }

    /// What it does with the next requests, in their order.
    pub fn will(&self, manner: Manner) {
        self.shared.manners.lock().expect("whole").push_back(manner);
    }

    /// The checkpoint that it shows as the newest that it confirmed; none by itself.
    pub fn shows(&self, note: Vec<u8>) {
        *self.shared.shown.lock().expect("whole") = Some(note);
    }

    /// The bodies of requests so far.
    pub fn asked(&self) -> Vec<Vec<u8>> {
        self.shared.asked.lock().expect("whole").clone()
    }

    /// The witness as a room knows it.
    pub fn known(&self) -> Witness {
        at(self.port, self.cosigner.verifier_key())
    }
}

/// An answer of HTTP.
pub fn answer(status: u16, kind: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Seconds since 1970.
pub fn seconds() -> u64 {
    u64::try_from(Ambient::system().now().micros() / 1_000_000).expect("after 1970")
}

/// What a witness that confirms answers.
pub fn cosigned(cosigner: &Cosigner, request: &AddCheckpoint) -> Vec<u8> {
    let line = cosigner.cosign(request.checkpoint.note().text(), seconds());
    answer(200, "text/plain", line.to_line().as_bytes())
}

/// Reads a request of HTTP with `Content-Length`: its head, and its body.
pub async fn read_request(stream: &mut TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        let head = bytes.windows(4).position(|part| part == b"\r\n\r\n");
        if let Some(at) = head {
            let head = String::from_utf8_lossy(&bytes[..at]).to_lowercase();
            let length = head.split("content-length: ").nth(1);
            let length = length.and_then(|rest| rest.lines().next()?.parse().ok());
            let length: usize = length.unwrap_or(0);
            while bytes.len() < at + 4 + length {
                if stream.read_buf(&mut bytes).await? == 0 {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
            }
            return Ok((head, bytes.split_off(at + 4)));
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

async fn serve(mut stream: TcpStream, cosigner: &Cosigner, shared: &Shared) -> std::io::Result<()> {
    let (head, body) = read_request(&mut stream).await?;
    if !head.starts_with("post ") {
        let shown = shared.shown.lock().expect("whole").clone();
        let said = shown.map_or_else(
            || answer(404, "text/plain", b""),
            |note| answer(200, "text/plain", &note),
        );
        return stream.write_all(&said).await;
    }
    shared.asked.lock().expect("whole").push(body.clone());
    let request = AddCheckpoint::parse(&body).expect("the room asks as it should");
    let manner = shared.manners.lock().expect("whole").pop_front();
    match manner {
        None => stream.write_all(&cosigned(cosigner, &request)).await,
        Some(Manner::Says(says)) => {
            let said = says(&request);
            stream.write_all(&said).await
        }
        Some(Manner::Hangs(told)) => {
            told.notified().await;
            stream.write_all(&cosigned(cosigner, &request)).await
        }
        Some(Manner::Endless) => {
            stream.write_all(b"HTTP/1.1 200 X\r\n\r\n").await?;
            loop {
                stream.write_all(&[b'x'; 65_536]).await?;
            }
        }
        Some(Manner::Drops) => Ok(()),
    }
}
