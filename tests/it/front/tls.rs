//! TLS: a pair of files, and what happens when they change.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, sync::Arc};

use custos::http::front::tls::{Tls, TlsError};
use reqwest::Method;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
    version::{TLS12, TLS13},
};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::support::{ROOM_HOST, TestApp, certificate, edge, free_port};

/// A room that speaks TLS, with its pair in a folder.
pub async fn room() -> (TestApp, TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let port = free_port();
    let mut edge = edge(port);
    let origin = |host: &str| format!("https://{host}:{port}");
    edge.origins =
        custos::http::origins::Origins::new(&origin("localhost"), &origin("content.localhost"))
            .expect("two origins");
    edge.tls = Some(certificate::make(folder.path()));
    (TestApp::start_at(edge).await, folder)
}

/// A connection that trusts the certificate in `folder` alone.
pub async fn connect(
    app: &TestApp,
    folder: &Path,
    (protocol, versions): (&[u8], &[&'static rustls::SupportedProtocolVersion]),
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    let own = CertificateDer::from_pem_file(folder.join("certificate.pem")).expect("PEM");
    roots.add(own).expect("a certificate");
    let mut config = ClientConfig::builder_with_protocol_versions(versions)
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(("127.0.0.1", app.port)).await?;
    let name = ServerName::try_from(ROOM_HOST).expect("a name");
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

async fn trusted(app: &TestApp, folder: &Path) -> bool {
    connect(app, folder, (b"http/1.1", &[&TLS13])).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_speaks_tls_and_browsers_insist_on_it() {
    let (app, folder) = room().await;
    let request = app.request(Method::GET, "/sign-in");
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let insists = answer.headers().get("strict-transport-security");
    assert!(insists.is_some());
    for (protocol, versions) in [
        (&b"h2"[..], &[&TLS13][..]),
        (b"http/1.1", &[&TLS13]),
        (b"http/1.1", &[&TLS12]),
    ] {
        let stream = connect(&app, folder.path(), (protocol, versions)).await;
        let stream = stream.expect("a connection");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol));
    }
    assert!(
        connect(&app, folder.path(), (b"http/0.9", &[&TLS13]))
            .await
            .is_err(),
        "no protocol in common"
    );
    let plain = app.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(!plain.contains("HTTP/1.1 200"), "{plain}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_pair_is_taken_and_a_broken_one_is_not() {
    let (app, folder) = room().await;
    let tls = app.tls.clone().expect("it speaks TLS");
    assert!(!tls.look(), "nothing changed");
    let (first, second) = (
        tempfile::tempdir().expect("a folder"),
        tempfile::tempdir().expect("a folder"),
    );
    fs::copy(
        folder.path().join("certificate.pem"),
        first.path().join("certificate.pem"),
    )
    .expect("a copy");
    let fresh = certificate::make(second.path());
    let read = |path: &Path| fs::read_to_string(path).expect("a file");
    let (certificate, key) = (
        folder.path().join("certificate.pem"),
        folder.path().join("certificate-key.pem"),
    );
    let old_key = read(&key);
    // Half of a pair, nothing at all, and what everybody may read.
    certificate::write(&certificate, &read(&fresh.certificate));
    assert!(!tls.look());
    certificate::write(&key, "");
    assert!(!tls.look());
    certificate::write(&key, &read(&fresh.key));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("its mode is set");
    assert!(!tls.look());
    fs::remove_file(&key).expect("it is removed");
    assert!(!tls.look());
    certificate::write(&key, &old_key);
    assert!(!tls.look());
    assert!(trusted(&app, first.path()).await, "the first pair stays");
    assert!(!trusted(&app, second.path()).await);
    certificate::write(&key, &read(&fresh.key));
    assert!(tls.look());
    assert!(trusted(&app, second.path()).await, "the second one is used");
    assert!(!trusted(&app, first.path()).await);
}

#[test]
fn a_pair_that_is_no_good_is_refused() {
    let (one, other) = (
        tempfile::tempdir().expect("a folder"),
        tempfile::tempdir().expect("a folder"),
    );
    let (files, others) = (
        certificate::make(one.path()),
        certificate::make(other.path()),
    );
    assert!(Tls::load(files.clone()).is_ok());
    let mut mixed = files.clone();
    mixed.key = others.key.clone();
    assert!(matches!(Tls::load(mixed), Err(TlsError::Pair(_))));
    let mut swapped = files.clone();
    swapped.key = files.certificate.clone();
    assert!(matches!(Tls::load(swapped), Err(TlsError::Form { .. })));
    let mut missing = files.clone();
    missing.certificate = one.path().join("nothing");
    assert!(matches!(Tls::load(missing), Err(TlsError::Io { .. })));
    fs::set_permissions(&files.key, fs::Permissions::from_mode(0o604)).expect("its mode is set");
    assert!(matches!(Tls::load(files), Err(TlsError::Open(_))));
}
