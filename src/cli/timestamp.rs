//! Time authorities of the settings, and `custos timestamp`, which asks the room beside it to have
//! its newest checkpoint stamped.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read},
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use custos_core::timestamp::{Anchor, MAX_CERTIFICATE_BYTES};
use rustls::pki_types::{CertificateDer, pem::PemObject};

use super::{Failed, outlets::is_plain, register, say};
use crate::{
    app::{open::Places, timestamps::newest_beside},
    config::{self, Config},
    http::text,
    jobs::timestamp::{ask, is_asked},
    peers::{client::Address, timestamps::Authority},
};

/// Authorities at most: each token is an entry.
const MAX_AUTHORITIES: usize = 8;
/// Certificates of one authority at most.
const MAX_CERTIFICATES: usize = 8;
/// Longest file of certificates, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// How long the room may take to hear that it is asked.
const HEARING: Duration = Duration::from_secs(15);
/// How long it may take to have a token then.
const ANSWERING: Duration = Duration::from_secs(60);
/// The pause between two looks.
const LOOK: Duration = Duration::from_millis(250);

/// The time authorities; what can't be used is refused by name.
pub(super) fn authorities(named: &[config::TimeAuthority]) -> Result<Vec<Authority>, Failed> {
    if named.len() > MAX_AUTHORITIES {
        return Err(Failed::because(format!(
            "more than {MAX_AUTHORITIES} authorities under `[[time_authorities]]`"
        )));
    }
    let mut names = BTreeSet::new();
    let read = named.iter().map(|named| {
        if !names.insert(&named.name) {
            return Err(Failed::because(format!(
                "the time authority `{}` stands twice",
                named.name
            )));
        }
        authority(named)
    });
    read.collect()
}

fn authority(named: &config::TimeAuthority) -> Result<Authority, Failed> {
    let name = &named.name;
    if !is_plain(name) {
        return Err(Failed::because(
            "`time_authorities.name` is not 1 to 64 letters, digits, `-`, `_` and `.`",
        ));
    }
    let of = |what: String| Failed::because(format!("time authority `{name}`: {what}"));
    let address = Address::parse(&named.url).map_err(|error| of(format!("`url`: {error}")))?;
    let policy = named.policy.as_ref().map(|policy| policy.parse());
    let policy = policy
        .transpose()
        .map_err(|_| of("`policy` is no object identifier, like `1.2.3.4.5`".into()))?;
    let mut anchors = Vec::new();
    for file in &named.certificates {
        let read = certificates(file);
        let more = read.map_err(|why| of(format!("`{}`: {why}", file.display())))?;
        anchors.extend(more);
    }
    if !(1..=MAX_CERTIFICATES).contains(&anchors.len()) {
        return Err(of(format!(
            "`certificates` names {} certificates, not 1 to {MAX_CERTIFICATES}",
            anchors.len()
        )));
    }
    Ok(Authority {
        name: name.clone(),
        address,
        anchors,
        policy,
        any_order: named.any_order,
    })
}

/// The certificates of a file, in PEM or one in DER.
fn certificates(file: &Path) -> Result<Vec<Anchor>, String> {
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|open| open.take(MAX_FILE_BYTES).read_to_end(&mut bytes));
    read.map_err(|error: io::Error| format!("it can't be read: {error}"))?;
    let in_pem: Result<Vec<CertificateDer<'_>>, _> =
        CertificateDer::pem_slice_iter(&bytes).collect();
    let in_pem = in_pem.map_err(|_| "it is no PEM".to_owned())?;
    let ders: Vec<&[u8]> = if in_pem.is_empty() {
        vec![&bytes]
    } else {
        in_pem.iter().map(AsRef::as_ref).collect()
    };
    let anchors = ders.into_iter().map(|der| {
        let most = MAX_CERTIFICATE_BYTES >> 10;
        Anchor::parse(der).map_err(|error| format!("{error} (PEM or DER, at most {most} KiB)"))
    });
    anchors.collect()
}

pub(super) async fn run(config: &Config) -> Result<ExitCode, Failed> {
    if authorities(&config.time_authorities)?.is_empty() {
        return Err(Failed::because(
            "no time authority is named under `[[time_authorities]]`; nothing was asked",
        ));
    }
    let places = Places {
        keys: config.keys.clone(),
        database: register(config)?,
    };
    let before = newest_beside(&places)?;
    ask(&config.data)
        .map_err(|error| Failed::because(format!("the room can't be asked: {error}")))?;
    let began = Instant::now();
    while is_asked(&config.data) {
        if began.elapsed() > HEARING {
            return Err(Failed::because(
                "the room did not hear it; it is asked again when it starts to serve",
            ));
        }
        tokio::time::sleep(LOOK).await;
    }
    let heard = Instant::now();
    while heard.elapsed() < ANSWERING {
        let newest = newest_beside(&places)?;
        if newest != before
            && let Some(stamped) = newest
        {
            say(&format!(
                "the log of {} entries existed at {}, according to `{}`",
                stamped.size,
                text::utc(&stamped.time),
                stamped.authority
            ));
            return Ok(ExitCode::SUCCESS);
        }
        tokio::time::sleep(LOOK).await;
    }
    Err(Failed::because(
        "there is no new token: either the newest checkpoint has one, or the room's log says why \
         an authority gave none",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate of the vectors.
    fn certificate() -> Vec<u8> {
        use base64::prelude::{BASE64_STANDARD, Engine as _};

        let vectors = include_str!("../../tests/vectors/timestamp.json");
        let vectors: serde_json::Value = serde_json::from_str(vectors).expect("JSON");
        let text = vectors["authorities"]["Root E"].as_str().expect("a text");
        BASE64_STANDARD.decode(text).expect("base64")
    }

    #[test]
    fn authorities_are_whole_or_refused_by_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("root.der");
        std::fs::write(&file, certificate()).expect("a file");
        let good = config::TimeAuthority {
            name: "court".into(),
            url: "https://time.example/tsr".into(),
            certificates: vec![file],
            policy: Some("1.2.3.4".into()),
            any_order: false,
        };
        let one = authorities(std::slice::from_ref(&good)).expect("one");
        assert_eq!(one[0].anchors.len(), 1);
        let refused = |change: &dyn Fn(&mut config::TimeAuthority)| {
            let mut authority = good.clone();
            change(&mut authority);
            authorities(&[authority]).expect_err("refused").to_string()
        };
        assert!(refused(&|one| one.name = "a b".into()).contains("name"));
        assert!(refused(&|one| one.url = "http://time.example/".into()).contains("https"));
        assert!(refused(&|one| one.policy = Some("one".into())).contains("policy"));
        assert!(refused(&|one| one.certificates.clear()).contains("certificates"));
        assert!(refused(&|one| one.certificates.push("not-there".into())).contains("read"));
        let odd = folder.path().join("odd");
        std::fs::write(&odd, "no certificate").expect("a file");
        assert!(refused(&|one| one.certificates.push(odd.clone())).contains("X.509"));
        let told = authorities(&[good.clone(), good]).expect_err("refused");
        assert!(told.to_string().contains("twice"));
    }
}
