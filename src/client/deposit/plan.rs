//! What is to be done with each file: what the journal knows, what the room has, and the
//! exhibit references of the rest.

use std::collections::HashSet;

use custos_core::ids::{ItemId, UploadId};

use super::{Failure, Ground, Outcome, References, Run, Standing, fits};
use crate::client::{
    api::Listed,
    error::ClientError,
    journal::{Kept, Key, Known},
    names::{self, Name},
    receipt,
    source::Measured,
    told::Declared,
};

/// A file and what is to be done with it.
pub(super) struct Planned {
    pub(super) measured: Measured,
    pub(super) key: Key,
    pub(super) step: Step,
}

/// What is to be done with a file.
pub(super) enum Step {
    /// It is in the room.
    Nothing(Outcome, Kept),
    /// Announce it, unless it was announced in the same words, and send it.
    Send {
        reference: String,
        announced: Option<UploadId>,
    },
    /// It can't be told.
    Give(Failure),
}

/// What was found out of a file.
enum Found {
    In(Outcome, Kept),
    /// Announced under this reference in words with this fingerprint, and not taken in.
    Announced(UploadId, String, custos_core::hash::Hash),
    New,
    Failed(Failure),
}

impl Run<'_> {
    /// Plans every file, in the order of the command line.
    pub(super) async fn plan(
        &self,
        ground: &Ground,
        files: Vec<(usize, Measured)>,
    ) -> Vec<Planned> {
        let mut found = Vec::new();
        for (position, measured) in files {
            let key = Key::of(self.api.server(), self.order.case, &measured);
            let state = self.find(ground, &key, &measured).await;
            found.push((position, measured, key, state));
        }
        // An item that is known to be another file can't be this one, whatever its bytes; one
        // whose file is gone may be this file under a new name.
        let (server, case) = (self.api.server(), self.order.case);
        let mut used = self.journal.items_in_place(server, case);
        for (_, measured, key, state) in &mut found {
            if matches!(state, Found::New) {
                *state = self.look(ground, (measured, key), &mut used).await;
            }
        }
        let mut taken: HashSet<String> = ground.items.iter().map(|i| i.reference.clone()).collect();
        taken.extend(self.journal.references(server, case));
        found
            .into_iter()
            .map(|(position, measured, key, state)| {
                let step = self.step(position, &measured, state, &mut taken);
                Planned {
                    measured,
                    key,
                    step,
                }
            })
            .collect()
    }

    /// What the journal knows, and the room of what the journal only announced.
    async fn find(&self, ground: &Ground, key: &Key, measured: &Measured) -> Found {
        match self.journal.known(key) {
            None => Found::New,
            Some(Known::Acknowledged(kept)) => Found::In(Outcome::Skipped, kept),
            Some(Known::Announced {
                upload,
                reference,
                told,
            }) => match self.api.upload(upload).await {
                Ok(None) => Found::Announced(upload, reference, told),
                Ok(Some(item)) => {
                    let confirmed = self.confirm(ground, item, reference, (measured, key)).await;
                    confirmed.map_or_else(Found::Failed, |kept| Found::In(Outcome::Recovered, kept))
                }
                Err(error) if error.problem() == Some("not-found") => Found::New,
                Err(error) => Found::Failed(Failure {
                    error,
                    standing: Standing::Unknown,
                }),
            },
        }
    }

    /// Confirms, by its receipt, a deposit whose acknowledgement was lost, and notes it.
    pub(super) async fn confirm(
        &self,
        ground: &Ground,
        item: ItemId,
        reference: String,
        (measured, key): (&Measured, &Key),
    ) -> Result<Kept, Failure> {
        let mut kept = Kept {
            item,
            reference,
            quarantined: false,
            index: None,
            c: None,
        };
        let failed = |error, kept: &Kept| Failure {
            error,
            standing: Standing::In(Box::new(kept.clone())),
        };
        if ground.person.is_some() {
            let bytes = self.api.receipt(item).await;
            let proven = bytes.and_then(|bytes| receipt::prove(&bytes, item));
            let proven = proven.map_err(|error| failed(error, &kept))?;
            proven
                .fits(measured.size, &measured.sha256, None)
                .map_err(|error| failed(error, &kept))?;
            let told = std::mem::take(&mut kept.reference);
            kept = proven.kept;
            if kept.reference.is_empty() {
                kept.reference = told;
            }
        }
        self.acknowledge(key, &kept)
            .map_err(|error| failed(error, &kept))?;
        Ok(kept)
    }

    /// Looks among the case's items for what a lost journal would have known: the same bytes,
    /// by the same depositor, under a reference that this order would give.
    async fn look(
        &self,
        ground: &Ground,
        (measured, key): (&Measured, &Key),
        used: &mut HashSet<ItemId>,
    ) -> Found {
        let Some(person) = ground.person else {
            return Found::New;
        };
        let likely = |listed: &&Listed| {
            listed.size == measured.size
                && !used.contains(&listed.id)
                && self.would_give(&listed.reference, measured)
        };
        for listed in ground.items.iter().filter(likely) {
            // One that can't be read now is not one that is known to be there.
            let Ok(item) = self.api.item(listed.id).await else {
                continue;
            };
            if item.depositor == person && fits(listed.size, &item.sha256, measured).is_ok() {
                let kept = Kept {
                    item: listed.id,
                    reference: listed.reference.clone(),
                    quarantined: item.states.iter().any(|state| state == "quarantined"),
                    index: None,
                    c: None,
                };
                used.insert(listed.id);
                return match self.acknowledge(key, &kept) {
                    Ok(()) => Found::In(Outcome::Skipped, kept),
                    Err(error) => Found::Failed(Failure {
                        error,
                        standing: Standing::In(Box::new(kept)),
                    }),
                };
            }
        }
        Found::New
    }

    fn would_give(&self, reference: &str, measured: &Measured) -> bool {
        let rest_after = |prefix: &str| reference.strip_prefix(prefix);
        match &self.order.references {
            References::Names => {
                let rest = rest_after(&names::reference(&measured.given)).map(str::to_owned);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(" ("))
            }
            References::After(prefix) | References::From(prefix, _) => {
                rest_after(prefix).is_some_and(|rest| rest.starts_with('/'))
            }
        }
    }

    fn step(
        &self,
        position: usize,
        measured: &Measured,
        found: Found,
        taken: &mut HashSet<String>,
    ) -> Step {
        let announced = match found {
            Found::In(outcome, kept) => return Step::Nothing(outcome, kept),
            Found::Failed(failure) => return Step::Give(failure),
            Found::Announced(upload, reference, told) => Some((upload, reference, told)),
            Found::New => None,
        };
        let before = announced.as_ref().map(|(_, reference, _)| reference);
        let reference = match (&self.order.references, before) {
            (References::From(prefix, first), _) => {
                let reference = format!("{prefix}/{}", first.saturating_add(position as u64));
                if before != Some(&reference) && !taken.insert(reference.clone()) {
                    let what = format!(
                        "the reference `{reference}` is taken in this case; name another with `--reference`"
                    );
                    return Step::Give(Failure::out(ClientError::Usage(what)));
                }
                reference
            }
            (_, Some(before)) => before.clone(),
            (References::After(prefix), None) => format!("{prefix}/{}", next(prefix, taken)),
            (References::Names, None) => names::free(&names::reference(&measured.given), taken),
        };
        taken.insert(reference.clone());
        let (name, declared) = (self.name(measured), self.declared(measured));
        let told = self.order.told.announce(&reference, &name, &declared);
        let fingerprint = told.fingerprint();
        let same = announced.filter(|(_, _, before)| *before == fingerprint);
        Step::Send {
            announced: same.map(|(upload, ..)| upload),
            reference,
        }
    }

    /// The original file name, as it is announced.
    pub(super) fn name(&self, measured: &Measured) -> Name {
        Name::of(measured.given.file_name().unwrap_or_default())
    }

    /// The hashes that are declared: those taken before, and ours where there is no SHA-256.
    pub(super) fn declared(&self, measured: &Measured) -> Vec<Declared> {
        let listed = self.order.hashes.of(&measured.given).unwrap_or_default();
        let mut declared = listed.to_vec();
        if !declared.iter().any(|hash| hash.algorithm == "sha256") {
            declared.push(Declared {
                algorithm: "sha256",
                value: measured.sha256.to_string(),
            });
        }
        declared
    }
}

/// The number after the highest that anybody gave under this prefix.
fn next(prefix: &str, taken: &HashSet<String>) -> u64 {
    let numbers = taken.iter().filter_map(|reference| {
        let number = reference.strip_prefix(prefix)?.strip_prefix('/')?;
        custos_core::ids::decimal(number).ok()
    });
    numbers.max().unwrap_or(0).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_after_the_highest() {
        let taken = ["JS/1", "JS/9", "JS/10x", "JSX/70", "AB/80", "JS/007"];
        let taken = taken.map(String::from).into();
        assert_eq!(next("JS", &taken), 10);
        assert_eq!(next("QQ", &taken), 1);
    }
}
