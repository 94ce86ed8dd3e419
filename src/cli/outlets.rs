//! From settings to where notices go: the mail server and the endpoints, with their secrets.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, path::Path};

use zeroize::Zeroizing;

use super::Failed;
use crate::{
    app::notices::{Hook, Kind, Outlets},
    config::{self, Config, MailTls},
    http::origins::Origin,
    peers::{
        client::Address,
        mail::{Encryption, Server, Settings, SignIn},
        webhooks::{Endpoint, Secret},
    },
};

/// Longest file of a password, secret or certificates.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// Endpoints at most.
const MAX_ENDPOINTS: usize = 32;
/// Longest name of an endpoint, in characters.
const MAX_NAME_CHARS: usize = 64;

/// Where notices go, as the settings say; what can't be used is refused by name.
pub(super) fn outlets(config: &Config) -> Result<Outlets, Failed> {
    let origin = Origin::parse(&config.http.origin)?;
    Ok(Outlets {
        room: origin.to_string(),
        mail: mail(&config.mail, origin.host())?,
        hooks: hooks(&config.webhooks)?,
        ..Outlets::default()
    })
}

/// The mail server, if one is named.
pub(super) fn mail(mail: &config::Mail, host: &str) -> Result<Option<Server>, Failed> {
    let Some(server) = &mail.server else {
        return Ok(None);
    };
    let from = mail.from.clone();
    let from = from.ok_or_else(|| Failed::because("`mail.server` needs `mail.from` beside it"))?;
    let sign_in = match (&mail.user, &mail.password) {
        (None, None) => None,
        (Some(user), Some(file)) => Some(SignIn {
            user: user.clone(),
            password: secret("mail.password", file)?,
        }),
        _ => {
            return Err(Failed::because(
                "`mail` needs both `user` and `password`, or neither",
            ));
        }
    };
    let roots = match &mail.roots {
        None => None,
        Some(file) => Some(bytes("mail.roots", file)?.to_vec()),
    };
    let settings = Settings {
        server: server.clone(),
        port: mail.port,
        encryption: match mail.tls.unwrap_or(MailTls::Required) {
            MailTls::Required => Encryption::Required,
            MailTls::StartTls => Encryption::StartTls,
            MailTls::None => Encryption::None,
        },
        from,
        sign_in,
        roots,
        host: host.into(),
    };
    Ok(Some(Server::new(&settings)?))
}

/// The endpoints.
pub(super) fn hooks(webhooks: &[config::Webhook]) -> Result<Vec<Hook>, Failed> {
    if webhooks.len() > MAX_ENDPOINTS {
        return Err(Failed::because(format!(
            "more than {MAX_ENDPOINTS} endpoints under `[[webhooks]]`"
        )));
    }
    let mut names = BTreeSet::new();
    let read = webhooks.iter().map(|webhook| {
        let name = &webhook.name;
        if !names.insert(name) {
            return Err(Failed::because(format!("two endpoints are named `{name}`")));
        }
        hook(webhook)
    });
    read.collect()
}

fn hook(webhook: &config::Webhook) -> Result<Hook, Failed> {
    let name = &webhook.name;
    if !is_plain(name) {
        return Err(Failed::because(format!(
            "`webhooks.name` is not 1 to {MAX_NAME_CHARS} letters, digits, `-`, `_` and `.`"
        )));
    }
    let of = |what: String| Failed::because(format!("endpoint `{name}`: {what}"));
    let kinds = webhook.kinds.iter().map(|kind| {
        Kind::of(kind)
            .filter(|kind| kind.goes_out())
            .ok_or_else(|| {
                of(format!(
                    "`{kind}` is no kind of event that goes to endpoints"
                ))
            })
    });
    let kinds: BTreeSet<Kind> = kinds.collect::<Result<_, _>>()?;
    if kinds.is_empty() {
        return Err(of("`kinds` is empty".into()));
    }
    let text = secret("webhooks.secret", &webhook.secret).map_err(|error| of(error.to_string()))?;
    Ok(Hook {
        endpoint: Endpoint {
            name: name.clone(),
            address: Address::parse(&webhook.url).map_err(|error| of(format!("`url`: {error}")))?,
            secret: Secret::parse(&text).map_err(|error| of(error.to_string()))?,
        },
        kinds,
    })
}

/// Whether a name in the settings may stand in rows and lines.
pub(super) fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !name.is_empty() && name.len() <= MAX_NAME_CHARS && name.chars().all(plain)
}

/// The text of a secret's file, which others may not read.
fn secret(setting: &str, file: &Path) -> Result<Zeroizing<String>, Failed> {
    let shown = file.display();
    let mode = fs::metadata(file).map_err(|error| unreadable(setting, file, &error))?;
    if mode.permissions().mode() & 0o007 != 0 {
        return Err(Failed::because(format!(
            "`{setting}`: others may read `{shown}`; give it the mode 0600 or 0640"
        )));
    }
    let bytes = bytes(setting, file)?;
    let text = std::str::from_utf8(&bytes)
        .map(str::trim)
        .unwrap_or_default();
    if text.is_empty() || text.contains(char::is_control) {
        return Err(Failed::because(format!(
            "`{setting}`: `{shown}` is not one line of text"
        )));
    }
    Ok(Zeroizing::new(text.into()))
}

fn bytes(setting: &str, file: &Path) -> Result<Zeroizing<Vec<u8>>, Failed> {
    let failed = |error| unreadable(setting, file, &error);
    if fs::metadata(file).map_err(failed)?.len() > MAX_FILE_BYTES {
        return Err(Failed::because(format!(
            "`{setting}`: `{}` is longer than {MAX_FILE_BYTES} bytes",
            file.display()
        )));
    }
    fs::read(file).map(Zeroizing::new).map_err(failed)
}

fn unreadable(setting: &str, file: &Path, error: &std::io::Error) -> Failed {
    Failed::because(format!(
        "`{setting}`: `{}` can't be read: {error}",
        file.display()
    ))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::OpenOptionsExt;

    use super::*;

    fn file(folder: &Path, name: &str, mode: u32, text: &str) -> std::path::PathBuf {
        use std::io::Write;

        let path = folder.join(name);
        let file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path);
        file.expect("made")
            .write_all(text.as_bytes())
            .expect("written");
        path
    }

    #[test]
    fn mail_is_whole_or_refused_by_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut mail = config::Mail::default();
        let refused = |mail: &config::Mail| {
            let server = super::mail(mail, "room.example");
            server.err().map(|failed| failed.to_string())
        };
        assert_eq!(refused(&mail), None);
        mail.server = Some("mail.example".into());
        assert!(refused(&mail).is_some_and(|text| text.contains("mail.from")));
        mail.from = Some("room@room.example".into());
        assert_eq!(refused(&mail), None);
        mail.tls = Some(MailTls::None);
        assert!(refused(&mail).is_some_and(|text| text.contains("this machine")));
        mail.tls = Some(MailTls::StartTls);
        mail.user = Some("room".into());
        assert!(refused(&mail).is_some_and(|text| text.contains("both")));
        mail.password = Some(file(folder.path(), "open", 0o644, "several words"));
        let told = refused(&mail).expect("refused");
        assert!(
            told.contains("others may read") && !told.contains("several"),
            "{told}"
        );
        mail.password = Some(folder.path().join("missing"));
        assert!(refused(&mail).is_some_and(|text| text.contains("can't be read")));
        mail.password = Some(file(folder.path(), "private", 0o600, "several words\n"));
        assert_eq!(refused(&mail), None);
    }

    #[test]
    fn endpoints_are_whole_or_refused_by_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let good = config::Webhook {
            name: "desk".into(),
            url: "https://events.example/custos?key=of-the-path".into(),
            secret: file(folder.path(), "secret", 0o600, text),
            kinds: vec!["damage_found".into()],
        };
        let hooks = hooks(std::slice::from_ref(&good)).expect("one");
        assert_eq!(hooks[0].kinds, [Kind::DamageFound].into());
        let refused = |change: &dyn Fn(&mut config::Webhook)| {
            let mut webhook = good.clone();
            change(&mut webhook);
            let told = super::hooks(&[webhook]).expect_err("refused").to_string();
            assert!(
                !told.contains("of-the-path") && !told.contains(text),
                "{told}"
            );
            told
        };
        assert!(refused(&|hook| hook.name = "a b".into()).contains("name"));
        assert!(refused(&|hook| hook.url = "http://events.example/".into()).contains("https"));
        assert!(refused(&|hook| hook.kinds = vec![]).contains("empty"));
        for kind in ["everything", "address_named"] {
            assert!(refused(&|hook| hook.kinds = vec![kind.into()]).contains(kind));
        }
        let odd = file(folder.path(), "odd", 0o600, "whsec_short");
        assert!(refused(&|hook| hook.secret = odd.clone()).contains("24 to 64"));
        let twice = super::hooks(&[good.clone(), good.clone()]).expect_err("refused");
        assert!(twice.to_string().contains("desk"));
    }
}
