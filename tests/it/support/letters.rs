//! A mail server that does what a test tells it to.

use std::{
    collections::VecDeque,
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use custos::peers::mail::{Encryption, Server, Settings, SignIn};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::certificate;

/// What the server does with the next letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Takes it.
    Takes,
    /// Answers 451 to its recipient.
    Later,
    /// Answers 550 to its recipient, and repeats the address.
    Refuses,
    /// Greets and says nothing more.
    Hangs,
    /// Closes the connection when the recipient was named.
    Drops,
    /// Takes it, and closes the connection before saying so.
    TakesAndDrops,
}

/// A letter as it was sent.
#[derive(Debug, Clone)]
pub struct Taken {
    pub from: String,
    pub to: String,
    /// Header and body.
    pub text: String,
    /// Whether it came by TLS.
    pub encrypted: bool,
    /// Name and password that signed in.
    pub signed_in: Option<String>,
}

impl Taken {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let head = self.text.split("\r\n\r\n").next().unwrap_or_default();
        let mut lines = head.split("\r\n").filter_map(|line| line.split_once(": "));
        lines
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value)
    }

    /// The body as it was written.
    pub fn body(&self) -> String {
        let (_, body) = self.text.split_once("\r\n\r\n").expect("a body");
        assert_eq!(self.header("Content-Transfer-Encoding"), Some("7bit"));
        body.replace("\r\n", "\n")
    }
}

#[derive(Default)]
struct Shared {
    manners: Mutex<VecDeque<Manner>>,
    taken: Mutex<Vec<Taken>>,
}

/// A mail server on a port of its own.
pub struct MailSink {
    pub port: u16,
    shared: Arc<Shared>,
    roots: Option<Vec<u8>>,
}

impl MailSink {
    /// A server that takes every letter unless told otherwise.
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// One that offers STARTTLS with a certificate of its own.
    pub async fn start_encrypted(folder: &Path) -> Self {
        let files = certificate::make(folder);
        let roots = fs::read(&files.certificate).expect("a certificate");
        let chain = CertificateDer::pem_file_iter(&files.certificate).expect("PEM");
        let chain = chain.collect::<Result<Vec<_>, _>>().expect("certificates");
        let key = PrivateKeyDer::from_pem_file(&files.key).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a pair");
        Self::start_with(Some((TlsAcceptor::from(Arc::new(config)), roots))).await
    }

    async fn start_with(tls: Option<(TlsAcceptor, Vec<u8>)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared::default());
        let (acceptor, roots) = tls.unzip();
        let serving = shared.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (shared, acceptor) = (serving.clone(), acceptor.clone());
                tokio::spawn(async move {
                    // A client that goes away ends the conversation.
                    let _gone = serve(Box::new(stream), &shared, acceptor).await;
                });
            }
        });
        Self {
            port,
            shared,
            roots,
        }
    }

    /// What it does with the next letters, in their order.
    pub fn will(&self, manners: &[Manner]) {
        self.shared.manners.lock().expect("whole").extend(manners);
    }

    /// The letters so far, those too whose taking was not acknowledged.
    pub fn taken(&self) -> Vec<Taken> {
        self.shared.taken.lock().expect("whole").clone()
    }

    /// Waits for the letter of this number, from 1.
    pub async fn letter(&self, number: usize) -> Taken {
        for _ in 0..600 {
            if let Some(letter) = self.taken().get(number - 1) {
                return letter.clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("letter {number} does not come; {:?} did", self.taken());
    }

    /// What an operator would say of it.
    pub fn settings(&self) -> Settings {
        Settings {
            server: "127.0.0.1".into(),
            port: Some(self.port),
            encryption: match self.roots {
                Some(_) => Encryption::StartTls,
                None => Encryption::None,
            },
            from: "room@agency.example".into(),
            sign_in: self.roots.as_ref().map(|_| SignIn {
                user: "room".into(),
                password: String::from("several plain words").into(),
            }),
            roots: self.roots.clone(),
            host: "room.example".into(),
        }
    }

    /// The server as the room speaks to it.
    pub fn server(&self) -> Server {
        let server = Server::new(&self.settings()).expect("good settings");
        server.within(Duration::from_secs(2))
    }
}

trait Both: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Both for T {}

/// One conversation.
async fn serve(
    mut stream: Box<dyn Both>,
    shared: &Shared,
    acceptor: Option<TlsAcceptor>,
) -> std::io::Result<()> {
    let mut letter = Taken {
        from: String::new(),
        to: String::new(),
        text: String::new(),
        encrypted: false,
        signed_in: None,
    };
    stream.write_all(b"220 sink\r\n").await?;
    let mut manner = None;
    loop {
        let line = line(&mut stream).await?;
        let verb = line
            .split([' ', ':'])
            .next()
            .unwrap_or_default()
            .to_uppercase();
        let answer: &str = match verb.as_str() {
            "EHLO" => match (&acceptor, letter.encrypted) {
                (Some(_), false) => "250-sink\r\n250 STARTTLS",
                (Some(_), true) => "250-sink\r\n250 AUTH PLAIN",
                (None, _) => "250 sink",
            },
            "STARTTLS" => {
                stream.write_all(b"220 go on\r\n").await?;
                let acceptor = acceptor.clone().expect("it was offered");
                stream = Box::new(acceptor.accept(stream).await?);
                letter.encrypted = true;
                continue;
            }
            "AUTH" => {
                let given = line.rsplit(' ').next().unwrap_or_default();
                let given = BASE64_STANDARD.decode(given).unwrap_or_default();
                letter.signed_in = Some(String::from_utf8_lossy(&given).replace('\0', "|"));
                "235 welcome"
            }
            "MAIL" => {
                let next = shared.manners.lock().expect("whole").pop_front();
                manner = Some(next.unwrap_or(Manner::Takes));
                letter.from = address(&line);
                if manner == Some(Manner::Hangs) {
                    std::future::pending::<()>().await;
                }
                "250 ok"
            }
            "RCPT" => {
                letter.to = address(&line);
                match manner {
                    Some(Manner::Later) => "451 4.7.1 try again later",
                    Some(Manner::Refuses) => {
                        let said = format!("550 5.1.1 <{}> is nobody here\r\n", letter.to);
                        stream.write_all(said.as_bytes()).await?;
                        continue;
                    }
                    Some(Manner::Drops) => return Ok(()),
                    _ => "250 ok",
                }
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                letter.text = text(&mut stream).await?;
                shared.taken.lock().expect("whole").push(letter.clone());
                if manner == Some(Manner::TakesAndDrops) {
                    return Ok(());
                }
                "250 taken"
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "250 ok",
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
}

fn address(line: &str) -> String {
    let inner = line
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    inner.map(|(inner, _)| inner.to_owned()).unwrap_or_default()
}

async fn line(stream: &mut Box<dyn Both>) -> std::io::Result<String> {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&line).trim_end().into())
}

async fn text(stream: &mut Box<dyn Both>) -> std::io::Result<String> {
    let mut text = String::new();
    loop {
        match line(stream).await?.as_str() {
            "." => return Ok(text),
            line => text += &format!("{}\r\n", line.strip_prefix('.').unwrap_or(line)),
        }
    }
}
