//! A time authority by `openssl ts`, which does what a test tells it to.

use std::{
    collections::VecDeque,
    fs,
    path::Path,
    process::{Command, Output},
    sync::{Arc, Mutex},
};

use custos::peers::{client::Address, timestamps::Authority};
use custos_core::timestamp::Anchor;
use tempfile::TempDir;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::Notify,
};

use super::witness::{answer, read_request};

const CONFIG: &str = "\
[ca]\ndefault_ca = issuing\n\
[issuing]\ndir = .\ndatabase = index.txt\nserial = serial\nnew_certs_dir = .\n\
default_md = sha256\npolicy = anything\nunique_subject = no\n\
[anything]\ncommonName = supplied\n\
[req]\ndistinguished_name = names\n[names]\n\
[authority]\nbasicConstraints = critical,CA:TRUE\nkeyUsage = critical,keyCertSign\n\
[stamping]\nkeyUsage = critical,digitalSignature\nextendedKeyUsage = critical,timeStamping\n\
[tsa]\ndefault_tsa = t\n\
[t]\nserial = tsaserial\ncrypto_device = builtin\ndefault_policy = 1.2.3.4\n\
digests = sha256\ness_cert_id_chain = no\ness_cert_id_alg = sha256\n";

/// What an authority does with a request.
pub enum Manner {
    /// Answers with these bytes, head and all.
    Says(Vec<u8>),
    /// Stamps what came with one byte of the imprint changed.
    StampsAnother,
    /// Answers what it answered last.
    Repeats,
    /// Sends more certificates, in another order than that of DER.
    Unsorted,
    /// Signs by a certificate that has ended.
    Ended,
    /// Never answers.
    Hangs,
    /// Answers 200 and a body without end.
    Endless,
}

/// An authority; by itself it stamps what it is asked for.
pub struct TestAuthority {
    pub port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    folder: TempDir,
    manners: Mutex<VecDeque<Manner>>,
    last: Mutex<Vec<u8>>,
}

impl TestAuthority {
    /// Makes its keys and starts it.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path();
        for (name, text) in [
            ("config", CONFIG),
            ("index.txt", ""),
            ("serial", "1000\n"),
            ("tsaserial", "01\n"),
        ] {
            fs::write(at.join(name), text).expect("a file");
        }
        for name in ["root", "signer", "ended"] {
            let key = format!("{name}.key");
            let kind = ["EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out"];
            openssl(
                at,
                &[&["genpkey", "-algorithm"][..], &kind[..], &[key.as_str()]].concat(),
            );
        }
        certificate(
            at,
            "root",
            "authority",
            ("20200101000000Z", "20600101000000Z"),
        );
        certificate(
            at,
            "signer",
            "stamping",
            ("20250101000000Z", "20500101000000Z"),
        );
        certificate(
            at,
            "ended",
            "stamping",
            ("20200101000000Z", "20210101000000Z"),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            folder,
            manners: Mutex::default(),
            last: Mutex::default(),
        });
        let serving = shared.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = serving.clone();
                // A client that goes away ends it.
                tokio::spawn(async move { drop(serve(stream, &shared).await) });
            }
        });
        Self { port, shared }
    }

    /// What it does with the next request.
    pub fn will(&self, manner: Manner) {
        self.shared.manners.lock().expect("whole").push_back(manner);
    }

    /// The authority as a room knows it.
    pub fn known(&self, name: &str) -> Authority {
        let url = format!("http://127.0.0.1:{}/tsr", self.port);
        Authority {
            name: name.into(),
            address: Address::parse(&url).expect("an address"),
            anchors: vec![Anchor::parse(&self.root()).expect("a certificate")],
            policy: None,
            any_order: false,
        }
    }

    /// The certificate of its root, DER.
    pub fn root(&self) -> Vec<u8> {
        der(self.shared.folder.path(), "root")
    }

    /// Whether `openssl ts` takes a token over what was stamped.
    pub fn judges(&self, token: &[u8], stamped: &[u8]) -> bool {
        let at = self.shared.folder.path();
        fs::write(at.join("token"), token).expect("a file");
        fs::write(at.join("stamped"), stamped).expect("a file");
        let verify = [
            "ts", "-verify", "-data", "stamped", "-in", "token", "-CAfile", "root.pem",
        ];
        run(at, &verify).status.success()
    }
}

fn run(at: &Path, arguments: &[&str]) -> Output {
    let mut openssl = Command::new("openssl");
    openssl.current_dir(at).args(arguments);
    openssl.output().expect("openssl is installed")
}

fn openssl(at: &Path, arguments: &[&str]) {
    let done = run(at, arguments);
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{arguments:?}: {told}");
}

fn certificate(at: &Path, name: &str, extensions: &str, (from, to): (&str, &str)) {
    let (key, pem, subject) = (
        format!("{name}.key"),
        format!("{name}.pem"),
        format!("/CN={name}"),
    );
    let request = [
        "req", "-new", "-config", "config", "-subj", &subject, "-out", "csr", "-key",
    ];
    openssl(at, &[&request[..], &[key.as_str()]].concat());
    let issuer: &[&str] = if name == "root" {
        &["-selfsign", "-keyfile", "root.key"]
    } else {
        &["-cert", "root.pem", "-keyfile", "root.key"]
    };
    let issue = [
        "ca",
        "-batch",
        "-notext",
        "-config",
        "config",
        "-in",
        "csr",
        "-extensions",
    ];
    let rest = [extensions, "-startdate", from, "-enddate", to, "-out", &pem];
    openssl(at, &[&issue[..], &rest[..], issuer].concat());
}

fn der(at: &Path, name: &str) -> Vec<u8> {
    let pem = format!("{name}.pem");
    let done = run(at, &["x509", "-in", &pem, "-outform", "DER"]);
    assert!(done.status.success());
    done.stdout
}

/// The reply to a request.
fn stamp(at: &Path, query: &[u8], signer: &str, chain: &[&str]) -> Vec<u8> {
    fs::write(at.join("query"), query).expect("a file");
    let (key, pem) = (format!("{signer}.key"), format!("{signer}.pem"));
    let mut arguments = vec![
        "ts",
        "-reply",
        "-config",
        "config",
        "-queryfile",
        "query",
        "-sha256",
        "-out",
        "reply",
        "-signer",
        &pem,
        "-inkey",
        &key,
    ];
    if !chain.is_empty() {
        let all = chain
            .iter()
            .map(|name| fs::read(at.join(format!("{name}.pem"))));
        let all: Vec<Vec<u8>> = all.map(|pem| pem.expect("a file")).collect();
        fs::write(at.join("chain"), all.concat()).expect("a file");
        arguments.extend(["-chain", "chain"]);
    }
    openssl(at, &arguments);
    fs::read(at.join("reply")).expect("a reply")
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let (head, query) = read_request(&mut stream).await?;
    assert!(head.contains("content-type: application/timestamp-query"));
    let manner = shared.manners.lock().expect("whole").pop_front();
    let at = shared.folder.path();
    let reply = match manner {
        None => stamp(at, &query, "signer", &[]),
        Some(Manner::Says(bytes)) => {
            stream.write_all(&bytes).await?;
            return stream.shutdown().await;
        }
        Some(Manner::StampsAnother) => {
            let mut other = query.clone();
            let imprint = query.windows(2).position(|pair| pair == [0x04, 0x20]);
            other[imprint.expect("an imprint") + 2] ^= 1;
            stamp(at, &other, "signer", &[])
        }
        Some(Manner::Repeats) => shared.last.lock().expect("whole").clone(),
        Some(Manner::Unsorted) => {
            let (root, ended) = (der(at, "root"), der(at, "ended"));
            let descending = if root > ended {
                ["root", "ended"]
            } else {
                ["ended", "root"]
            };
            stamp(at, &query, "signer", &descending)
        }
        Some(Manner::Ended) => stamp(at, &query, "ended", &[]),
        Some(Manner::Hangs) => {
            Notify::new().notified().await;
            return Ok(());
        }
        Some(Manner::Endless) => {
            let head = "HTTP/1.1 200 X\r\nContent-Type: application/timestamp-reply\r\n\r\n";
            stream.write_all(head.as_bytes()).await?;
            loop {
                stream.write_all(&[0x30; 1 << 14]).await?;
            }
        }
    };
    shared.last.lock().expect("whole").clone_from(&reply);
    let sent = answer(200, "application/timestamp-reply", &reply);
    stream.write_all(&sent).await?;
    stream.shutdown().await
}
