//! What a verifier trusts, written for the keys that a log has: a `tlog-policy` file that names all
//! of them, and a `trust.json` beside it with the sizes that each signs. Whatever else stands in
//! files that are there already is kept.

use custos_core::checkpoint::{LogKeys, TrustError, TrustPolicy, VerifierKey};
use serde_json::{Value, json};

/// Why a file that is there can't be brought up to date. It is left as it is.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// It is not of its form.
    #[error(transparent)]
    Form(#[from] TrustError),
    /// It is about other logs.
    #[error("it names no key of this log")]
    Foreign,
}

/// The policy file: one that is there, with a line for each key that it lacks, or a new one that asks for
/// no witness.
///
/// # Errors
/// [`FilesError`].
pub fn policy(existing: Option<&[u8]>, keys: &LogKeys) -> Result<String, FilesError> {
    let Some(existing) = existing else {
        let logs = keys.all().iter().map(|key| format!("log {}\n", key.key()));
        return Ok(format!("{}quorum none\n", logs.collect::<String>()));
    };
    let trusted = TrustPolicy::parse(existing)?;
    let has = |key: &VerifierKey| trusted.logs().iter().any(|log| log.key() == key);
    let missing = keys.all().iter().filter(|key| !has(key.key()));
    let missing: Vec<&VerifierKey> = missing.map(|key| key.key()).collect();
    let text = String::from_utf8_lossy(existing);
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.iter().rposition(|line| names(line, keys));
    let last = last.ok_or(FilesError::Foreign)?;
    let url = lines[last].split_whitespace().nth(2);
    let mut out = String::new();
    for (at, line) in lines.iter().enumerate() {
        out.push_str(line);
        out.push('\n');
        for key in missing.iter().filter(|_| at == last) {
            out.push_str(&match url {
                Some(url) => format!("log {key} {url}\n"),
                None => format!("log {key}\n"),
            });
        }
    }
    TrustPolicy::parse(out.as_bytes())?;
    Ok(out)
}

/// Whether a line of a policy names a key of this log.
fn names(line: &str, keys: &LogKeys) -> bool {
    let mut words = line.split_whitespace();
    words.next() == Some("log")
        && words
            .next()
            .and_then(|vkey| vkey.parse::<VerifierKey>().ok())
            .is_some_and(|key| keys.all().iter().any(|known| *known.key() == key))
}

/// The `trust.json` beside that policy: one that is there, with the sizes of this log's keys, or a
/// new one.
///
/// # Errors
/// [`FilesError`].
pub fn trust_json(
    existing: Option<&[u8]>,
    policy: &str,
    keys: &LogKeys,
) -> Result<String, FilesError> {
    let trusted = TrustPolicy::parse(policy.as_bytes())?;
    let mut file = match existing {
        None => json!({"v": 1, "log_keys": [], "bundle_keys": [], "time_authorities": []}),
        Some(existing) => {
            trusted.clone().with_trust_json(existing)?;
            let form = |_| TrustError::File("not JSON");
            serde_json::from_slice(existing).map_err(form)?
        }
    };
    let own: Vec<String> = keys.all().iter().map(|key| key.key().to_string()).collect();
    let rows = file["log_keys"].as_array_mut();
    let rows = rows.ok_or(TrustError::File("it has no `log_keys`"))?;
    rows.retain(|row| !own.iter().any(|vkey| row["vkey"] == json!(vkey)));
    rows.extend(self::rows(keys));
    let text = format!("{file:#}\n");
    trusted.with_trust_json(text.as_bytes())?;
    Ok(text)
}

/// The rows of `log_keys` for these keys.
pub fn rows(keys: &LogKeys) -> Vec<Value> {
    let row = |key: &custos_core::checkpoint::LogKey| json!({"vkey": key.key().to_string(), "from": key.from(), "to": key.to()});
    keys.all().iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use custos_core::{
        checkpoint::{Checkpoint, NoteSigner, SignedCheckpoint},
        event::{Control, ControlKind},
        hash::sha256,
        ids::LeafIndex,
    };

    use super::*;

    const ORIGIN: &str = "room.example/log";
    const WITNESS: &str = "witness w1 witness1.example+cef45f7e+BNBKsjJ0K7SrOhNovUYV5ObQIkq3GgFrr4UgozLJd4c3 https://w.example\n";

    fn signer(seed: u8) -> NoteSigner {
        NoteSigner::from_seed(ORIGIN, &[seed; 32]).expect("a signer")
    }

    fn keys() -> LogKeys {
        let control = |kind, seed| Control {
            kind,
            origin: ORIGIN.into(),
            log_keys: vec![signer(seed).verifier_key().to_string()],
            bundle_keys: vec![],
            previous: None,
        };
        let all = [
            (0, control(ControlKind::Open, 1)),
            (9, control(ControlKind::Keys, 2)),
        ];
        let all = all.iter().map(|(index, control)| {
            let index = LeafIndex::new(*index).expect("small");
            (index, control)
        });
        LogKeys::named_by(all).expect("they say who signs")
    }

    fn note(size: u64, seed: u8) -> SignedCheckpoint {
        let checkpoint = Checkpoint::new(ORIGIN, size, sha256(&[b"root"])).expect("a checkpoint");
        SignedCheckpoint::sign(checkpoint, &[&signer(seed)]).expect("signed")
    }

    #[test]
    fn new_files_believe_each_key_for_its_sizes() {
        let keys = keys();
        let policy = policy(None, &keys).expect("written");
        let json = trust_json(None, &policy, &keys).expect("written");
        let trust = TrustPolicy::parse(policy.as_bytes()).expect("a policy");
        let trust = trust.with_trust_json(json.as_bytes()).expect("of its form");
        for (size, seed, holds) in [(10, 1, true), (11, 1, false), (9, 2, false), (10, 2, true)] {
            let found = trust.verify_newest(&note(size, seed)).is_ok();
            assert_eq!(found, holds, "{size} {seed}");
        }
    }

    #[test]
    fn what_stands_in_the_files_is_kept() {
        let (keys, old) = (keys(), signer(1));
        let old = old.verifier_key();
        let there = format!(
            "# ours\nlog {old} https://room.example/log/\n{WITNESS}group g any w1\nquorum g\n"
        );
        let policy = policy(Some(there.as_bytes()), &keys).expect("brought up to date");
        let new = signer(2);
        let new = new.verifier_key();
        let wanted = format!(
            "# ours\nlog {old} https://room.example/log/\nlog {new} https://room.example/log/\n{WITNESS}group g any w1\nquorum g\n"
        );
        assert_eq!(policy, wanted);
        // The second time nothing is added.
        let again = super::policy(Some(policy.as_bytes()), &keys).expect("as it is");
        assert_eq!(again, policy);
        let bundle = NoteSigner::from_seed("room.example/log/bundle", &[5; 32]).expect("a signer");
        let bundle = bundle.verifier_key().to_string();
        let there = json!({
            "v": 1,
            "log_keys": [{"vkey": old.to_string(), "from": 1, "to": null}],
            "bundle_keys": [{"vkey": bundle, "from": 1, "to": null}],
            "time_authorities": [{"name": "notary", "certificate": "AQID"}],
        });
        let written = trust_json(Some(there.to_string().as_bytes()), &policy, &keys);
        let written: Value = serde_json::from_str(&written.expect("written")).expect("JSON");
        assert_eq!(written["bundle_keys"], there["bundle_keys"]);
        assert_eq!(written["time_authorities"], there["time_authorities"]);
        assert_eq!(written["log_keys"], json!(rows(&keys)));
        assert_eq!(written["log_keys"][0]["to"], json!(10));
    }

    #[test]
    fn files_that_are_not_of_their_form_are_left() {
        let keys = keys();
        let other = NoteSigner::from_seed("other.example/log", &[3; 32]).expect("a signer");
        let foreign = format!("log {}\nquorum none\n", other.verifier_key());
        for odd in [foreign.as_str(), "quorum none\n", "garbage"] {
            policy(Some(odd.as_bytes()), &keys).expect_err(odd);
        }
        let policy = policy(None, &keys).expect("written");
        for odd in [
            "",
            "{}",
            "[]",
            r#"{"v":2,"log_keys":[],"bundle_keys":[],"time_authorities":[]}"#,
        ] {
            trust_json(Some(odd.as_bytes()), &policy, &keys).expect_err(odd);
        }
    }
}
