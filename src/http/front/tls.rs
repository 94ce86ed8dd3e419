//! TLS: a certificate and its key from two files, read again when they change.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, RwLock},
    time::Duration,
};

use rustls::{
    ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
    version::{TLS12, TLS13},
};
use tokio_rustls::TlsAcceptor;
use tracing::{error, info};

use super::ALPN_HTTP2;

/// How often the files are looked at.
pub const LOOK: Duration = Duration::from_secs(60);
const ALPN_HTTP1: &[u8] = b"http/1.1";
/// What nobody but the owner and group may do with a key file.
const OTHERS: u32 = 0o007;

/// The two files, in PEM.
#[derive(Debug, Clone)]
pub struct Files {
    /// The certificate, then those that lead from it towards a root.
    pub certificate: PathBuf,
    /// Its key; others may not read it.
    pub key: PathBuf,
}

/// Why certificate and key can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("`{path}` can't be read")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Everybody on the machine may read the key.
    #[error(
        "`{0}` can be read by others; run `chmod o= {0}`, and make a new key if somebody may have read it"
    )]
    Open(PathBuf),
    /// A file is not PEM, or holds nothing of its kind.
    #[error("`{path}` is not of its form")]
    Form {
        /// The file.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// The key is not the certificate's, or is of a kind that is not taken.
    #[error("certificate and key do not go together")]
    Pair(#[source] rustls::Error),
}

/// What changes when a file is written or replaced: device and number, size, time of the change.
type Stamp = [(u64, u64, u64, i64, i64); 2];

/// Certificate and key as they are used for new connections.
pub struct Tls {
    files: Files,
    current: RwLock<Arc<ServerConfig>>,
    /// The files when they were last read; a pair that was no good is not read again and again.
    seen: Mutex<Option<Stamp>>,
}

impl Tls {
    /// Reads both files.
    ///
    /// # Errors
    /// [`TlsError`] says which is no good.
    pub fn load(files: Files) -> Result<Self, TlsError> {
        let stamp = stamp(&files);
        let current = RwLock::new(Arc::new(read(&files)?));
        Ok(Self {
            files,
            current,
            seen: Mutex::new(stamp),
        })
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let current = self.current.read().expect("no holder of this lock panics");
        TlsAcceptor::from(current.clone())
    }

    /// Reads the files if they changed since they were last read. What is no good is said in the
    /// log, and the pair in use stays. Gives whether another one is used from now on.
    pub fn look(&self) -> bool {
        let stamp = stamp(&self.files);
        let mut seen = self.seen.lock().expect("no holder of this lock panics");
        if *seen == stamp {
            return false;
        }
        *seen = stamp;
        drop(seen);
        self.reload()
    }

    /// Reads the files.
    pub fn reload(&self) -> bool {
        match read(&self.files) {
            Ok(fresh) => {
                let mut current = self.current.write().expect("no holder of this lock panics");
                *current = Arc::new(fresh);
                info!("took another certificate and key");
                true
            }
            Err(failed) => {
                let cause = std::error::Error::source(&failed).map(ToString::to_string);
                error!(
                    cause = cause.as_deref(),
                    "{failed}; the certificate in use stays"
                );
                false
            }
        }
    }
}

fn stamp(files: &Files) -> Option<Stamp> {
    let of = |path: &Path| {
        let file = fs::metadata(path).ok()?;
        Some((
            file.dev(),
            file.ino(),
            file.size(),
            file.ctime(),
            file.ctime_nsec(),
        ))
    };
    Some([of(&files.certificate)?, of(&files.key)?])
}

fn read(files: &Files) -> Result<ServerConfig, TlsError> {
    let Files { certificate, key } = files;
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| TlsError::Io { path, source }
    };
    let form = |path: &Path| {
        let path = path.to_owned();
        move |source| match source {
            pem::Error::Io(source) => TlsError::Io { path, source },
            source => TlsError::Form { path, source },
        }
    };
    let mode = fs::metadata(key).map_err(io(key))?.permissions().mode();
    if mode & OTHERS != 0 {
        return Err(TlsError::Open(key.clone()));
    }
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(form(certificate))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(form(key))?;
    let mut config = ServerConfig::builder_with_provider(default_provider().into())
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(TlsError::Pair)?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(TlsError::Pair)?;
    config.alpn_protocols = vec![ALPN_HTTP2.to_vec(), ALPN_HTTP1.to_vec()];
    Ok(config)
}
