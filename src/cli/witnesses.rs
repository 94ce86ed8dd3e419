//! From settings to the witnesses that are asked.

use std::collections::BTreeSet;

use custos_core::checkpoint::{SignatureType, VerifierKey};

use super::{Failed, outlets::is_plain};
use crate::{
    config,
    peers::{client::Address, witnesses::Witness},
};

/// Witnesses at most: their lines go into every note.
const MAX_WITNESSES: usize = 16;

/// The witnesses; what can't be used is refused by name.
pub(super) fn witnesses(named: &[config::Witness]) -> Result<Vec<Witness>, Failed> {
    if named.len() > MAX_WITNESSES {
        return Err(Failed::because(format!(
            "more than {MAX_WITNESSES} witnesses under `[[witnesses]]`"
        )));
    }
    let (mut names, mut keys) = (BTreeSet::new(), BTreeSet::new());
    let read = named.iter().map(|named| {
        let witness = witness(named)?;
        if !names.insert(&named.name) || !keys.insert(witness.key.key_bytes().to_vec()) {
            return Err(Failed::because(format!(
                "the witness `{}`, or its key, stands twice",
                named.name
            )));
        }
        Ok(witness)
    });
    read.collect()
}

fn witness(named: &config::Witness) -> Result<Witness, Failed> {
    let name = &named.name;
    if !is_plain(name) {
        return Err(Failed::because(
            "`witnesses.name` is not 1 to 64 letters, digits, `-`, `_` and `.`",
        ));
    }
    let of = |what: String| Failed::because(format!("witness `{name}`: {what}"));
    let key: Option<VerifierKey> = named.vkey.parse().ok();
    let key = key.filter(|key| key.signature_type() == SignatureType::CosignatureV1);
    let key = key.ok_or_else(|| of("`vkey` is no key of cosignatures (type 0x04)".into()))?;
    let address = |setting: &str, url: &str| {
        Address::parse(url).map_err(|error| of(format!("`{setting}`: {error}")))
    };
    let submission = address("url", &named.url)?;
    let monitoring = match &named.monitoring {
        Some(url) => address("monitoring", url)?,
        None => submission.clone(),
    };
    Ok(Witness {
        name: name.clone(),
        key,
        submission,
        monitoring,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn witnesses_are_whole_or_refused_by_name() {
        let vkey = "witness1.example+cef45f7e+BNBKsjJ0K7SrOhNovUYV5ObQIkq3GgFrr4UgozLJd4c3";
        let good = config::Witness {
            name: "court".into(),
            vkey: vkey.into(),
            url: "https://witness.example/custos".into(),
            monitoring: None,
        };
        let one = witnesses(std::slice::from_ref(&good)).expect("one");
        assert_eq!(one[0].monitoring, one[0].submission);
        let refused = |change: &dyn Fn(&mut config::Witness)| {
            let mut witness = good.clone();
            change(&mut witness);
            witnesses(&[witness]).expect_err("refused").to_string()
        };
        assert!(refused(&|one| one.name = "a b".into()).contains("name"));
        assert!(refused(&|one| one.url = "http://witness.example/".into()).contains("https"));
        assert!(refused(&|one| one.monitoring = Some("x".into())).contains("monitoring"));
        assert!(refused(&|one| one.vkey.push('x')).contains("vkey"));
        // The key of a log signs checkpoints; it confirms none.
        let log = "room.example/log+2d56b37b+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";
        assert!(refused(&|one| one.vkey = log.into()).contains("vkey"));
        let renamed = config::Witness {
            name: "other".into(),
            ..good.clone()
        };
        for twice in [[good.clone(), good.clone()], [good.clone(), renamed]] {
            let told = witnesses(&twice).expect_err("refused").to_string();
            assert!(told.contains("twice"), "{told}");
        }
    }
}
