//! A certificate that signed itself, and its key, in two files.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use custos::http::front::tls::Files;

/// Makes a pair for `localhost`, `content.localhost` and 127.0.0.1.
pub fn make(folder: &Path) -> Files {
    let names = ["localhost", "content.localhost", "127.0.0.1"].map(String::from);
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let files = Files {
        certificate: folder.join("certificate.pem"),
        key: folder.join("certificate-key.pem"),
    };
    write(&files.certificate, &made.cert.pem());
    write(&files.key, &made.key_pair.serialize_pem());
    files
}

/// Replaces a file at once, readable by its owner.
pub fn write(path: &Path, text: &str) {
    let fresh = path.with_extension("fresh");
    fs::write(&fresh, text).expect("it is written");
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600)).expect("its mode is set");
    fs::rename(&fresh, path).expect("it is replaced");
}
