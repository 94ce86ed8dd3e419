//! What is to be done with each file: what the journal knows, what the room has, and the
//! exhibit references of the rest.

use std::collections::{HashSet, hash_map::Entry};

use custos_core::{
    hash::Hash,
    ids::{ItemId, PersonId, UploadId},
};

use super::{
    Failure, Ground, Hashed, Outcome, References, Run, Standing, fits,
    numbers::{self, Numbers},
};
use crate::client::{
    api::Listed,
    error::ClientError,
    journal::{Kept, Key, Known},
    names::{self, Name},
    receipt,
    source::Measured,
    told::{Declared, Told},
};

/// A file and what is to be done with it.
pub(super) struct Planned<'a> {
    pub(super) file: Hashed<'a>,
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
    /// It is not what it should be, and is not wanted then.
    LeaveOut,
    /// It can't be told.
    Give(Failure),
}

/// What was found out of a file.
enum Found {
    In(Outcome, Kept),
    /// Announced under this reference in words with this fingerprint, and not taken in.
    Announced(UploadId, String, Hash),
    /// To be announced under this reference, as an earlier run decided.
    Numbered(String),
    New,
    Failed(Failure),
}

impl<'a> Run<'a> {
    /// Plans every file, in the order of the listing, and makes it durable which reference each
    /// will have: so that the run which goes on after this one gives the same.
    pub(super) async fn plan(
        &self,
        ground: &Ground,
        files: Vec<Hashed<'a>>,
    ) -> Result<Vec<Planned<'a>>, ClientError> {
        let mut found = Vec::new();
        for file in files {
            let key = Key::of(self.api.server(), self.order.case, &file.measured);
            let state = self.find(ground, &key, &file).await;
            found.push((file, key, state));
        }
        // An item that is known to be another file can't be this one, whatever its bytes; one
        // whose file is gone may be this file under a new name.
        let (server, case) = (self.api.server(), self.order.case);
        let mut used = self.journal.items_in_place(server, case);
        for (_, _, state) in &found {
            used.extend(match state {
                Found::Failed(Failure {
                    standing: Standing::In(kept),
                    ..
                }) => Some(kept.item),
                _ => None,
            });
        }
        // Under these something else was announced, which may be in the room by now.
        let announced: HashSet<String> = found
            .iter()
            .filter(|(_, key, _)| matches!(self.journal.known(key), Some(Known::Announced { .. })))
            .filter_map(|(_, key, _)| Some(names::folded(self.journal.known(key)?.reference())))
            .collect();
        for (file, key, state) in &mut found {
            if matches!(state, Found::New | Found::Numbered(_))
                && let Some(known) = self
                    .look(ground, (file, key, state), &announced, &mut used)
                    .await
            {
                *state = known;
            }
        }
        let items = ground.items.values().flatten();
        let mut taken: HashSet<String> = items.map(|item| item.reference.clone()).collect();
        taken.extend(self.journal.references(server, case));
        let mut numbers = Numbers::new(&self.order.references, &taken);
        let decided: Vec<_> = found
            .iter()
            .map(|(file, _, state)| self.decided(file, state, &mut numbers))
            .collect();
        let found = found.into_iter().zip(decided);
        let planned: Vec<Planned<'a>> = found
            .map(|((file, key, state), decided)| {
                let step = self.step(&file, state, decided, &mut numbers);
                Planned { file, key, step }
            })
            .collect();
        self.note_numbers(&planned)?;
        let given = planned.iter().filter_map(|planned| match &planned.step {
            Step::Send { reference, .. } => Some(names::folded(reference)),
            _ => None,
        });
        *ground.given.lock().expect("no holder of this lock panics") = given.collect();
        Ok(planned)
    }

    /// Keeps the references of what will be announced.
    fn note_numbers(&self, planned: &[Planned<'a>]) -> Result<(), ClientError> {
        let new = planned.iter().filter_map(|planned| match &planned.step {
            Step::Send {
                reference,
                announced: None,
            } if !self.is_fixed(&planned.file) => {
                let reference = reference.clone();
                let known = Known::Numbered { reference };
                // An announcement says more, and stays.
                let before = self.journal.known(&planned.key);
                let new = match before {
                    None => true,
                    Some(Known::Numbered { .. }) => before.as_ref() != Some(&known),
                    Some(_) => false,
                };
                new.then(|| (planned.key.clone(), known))
            }
            _ => None,
        });
        self.journal.note_all(self.ambient.now(), new.collect())
    }

    /// Whether the file can have no other reference than one.
    pub(super) fn is_fixed(&self, file: &Hashed<'_>) -> bool {
        asked(file).is_some() || matches!(self.order.references, References::From(..))
    }

    /// What the journal knows, and the room of what the journal only announced.
    async fn find(&self, ground: &Ground, key: &Key, file: &Hashed<'_>) -> Found {
        match self.journal.known(key) {
            None => Found::New,
            Some(Known::Numbered { reference }) => Found::Numbered(reference),
            Some(Known::Acknowledged(kept)) => Found::In(Outcome::Skipped, kept),
            Some(Known::Announced {
                upload,
                reference,
                told,
            }) => match self.api.upload(upload).await {
                Ok(None) => Found::Announced(upload, reference, told),
                Ok(Some(item)) => {
                    let confirmed = self.confirm(ground, item, reference, (file, key)).await;
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
        (file, key): (&Hashed<'_>, &Key),
    ) -> Result<Kept, Failure> {
        let measured = &file.measured;
        // What the room says counts; a token that may not read is told nothing but the item.
        let differs = |hash: &Declared| !measured.hashes.contains(hash);
        let mut kept = Kept {
            item,
            reference,
            quarantined: self.declared(file).iter().any(differs),
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
        (file, key, state): (&Hashed<'_>, &Key, &Found),
        announced: &HashSet<String>,
        used: &mut HashSet<ItemId>,
    ) -> Option<Found> {
        let (person, measured) = (ground.person?, &file.measured);
        let likely = |listed: &&Listed| {
            let would = match (asked(file), state) {
                (Some(reference), _) => reference == listed.reference,
                (None, Found::Numbered(reference)) => *reference == listed.reference,
                (None, _) => self
                    .order
                    .references
                    .would_give(&listed.reference, measured),
            };
            let others = announced.contains(&names::folded(&listed.reference));
            would && !others && !used.contains(&listed.id)
        };
        let of_size = ground.items.get(&measured.size)?;
        let likely: Vec<&Listed> = of_size.iter().filter(likely).collect();
        for listed in likely {
            let Some(quarantined) = self.is_this(ground, person, listed, measured).await else {
                continue;
            };
            let kept = Kept {
                item: listed.id,
                reference: listed.reference.clone(),
                quarantined,
                index: None,
                c: None,
            };
            used.insert(listed.id);
            return Some(match self.acknowledge(key, &kept) {
                Ok(()) => Found::In(Outcome::Skipped, kept),
                Err(error) => Found::Failed(Failure {
                    error,
                    standing: Standing::In(Box::new(kept)),
                }),
            });
        }
        None
    }

    /// Whether an item has these bytes of this person, and then whether it is in quarantine.
    /// Each item is asked for once, however many files have its size.
    async fn is_this(
        &self,
        ground: &Ground,
        person: PersonId,
        listed: &Listed,
        measured: &Measured,
    ) -> Option<bool> {
        let mut read = ground.read.lock().await;
        if let Entry::Vacant(unread) = read.entry(listed.id) {
            // One that can't be read now is not one that is known to be there.
            unread.insert(self.api.item(listed.id).await.ok());
        }
        let item = read.get(&listed.id)?.as_ref()?;
        let same = item.depositor == person && fits(listed.size, &item.sha256, measured).is_ok();
        same.then(|| item.states.iter().any(|state| state == "quarantined"))
    }

    /// The reference that a file must have: the one that its manifest names, or the one that an
    /// earlier run decided on, if nobody has it. They are taken before any other is given.
    fn decided(
        &self,
        file: &Hashed<'_>,
        state: &Found,
        numbers: &mut Numbers<'_>,
    ) -> Option<Result<String, ClientError>> {
        if self.is_left_out(file) {
            return None;
        }
        match (asked(file), state) {
            (_, Found::In(..) | Found::Failed(_)) => None,
            (Some(asked), Found::Announced(_, before, _)) if asked == before => {
                Some(Ok(asked.into()))
            }
            (Some(asked), _) if numbers.take(asked) => Some(Ok(asked.into())),
            (Some(asked), _) => Some(Err(numbers::taken(asked))),
            (None, _) if self.is_fixed(file) => None,
            (None, Found::Announced(_, before, _)) => Some(Ok(before.clone())),
            (None, Found::Numbered(before)) => {
                let ours = self.order.references.would_give(before, &file.measured);
                (ours && numbers.take(before)).then(|| Ok(before.clone()))
            }
            (None, Found::New) => None,
        }
    }

    fn is_left_out(&self, file: &Hashed<'_>) -> bool {
        self.order.skip_mismatches && !file.mismatches.is_empty()
    }

    fn step(
        &self,
        file: &Hashed<'_>,
        found: Found,
        decided: Option<Result<String, ClientError>>,
        numbers: &mut Numbers<'_>,
    ) -> Step {
        let announced = match found {
            Found::In(outcome, kept) => return Step::Nothing(outcome, kept),
            Found::Failed(failure) => return Step::Give(failure),
            _ if self.is_left_out(file) => return Step::LeaveOut,
            Found::Announced(upload, reference, told) => Some((upload, reference, told)),
            Found::New | Found::Numbered(_) => None,
        };
        let before = announced
            .as_ref()
            .map(|(_, reference, _)| reference.as_str());
        let give = || numbers.give(file.number, &file.measured, before);
        let reference = match decided.unwrap_or_else(give) {
            Ok(reference) => reference,
            Err(error) => return Step::Give(Failure::out(error)),
        };
        let (name, declared) = (self.name(file), self.declared(file));
        let told = self.told(file);
        let fingerprint = told.announce(&reference, &name, &declared).fingerprint();
        let same = announced.filter(|(_, _, before)| *before == fingerprint);
        Step::Send {
            announced: same.map(|(upload, ..)| upload),
            reference,
        }
    }

    /// What is told of a file.
    pub(super) fn told(&self, file: &Hashed<'_>) -> Told {
        let (words, below) = (file.entry.words.as_deref(), file.entry.below.as_deref());
        self.order.told.of_file(words, below)
    }

    /// The original file name, as it is announced.
    pub(super) fn name(&self, file: &Hashed<'_>) -> Name {
        Name::of(file.measured.given.file_name().unwrap_or_default())
    }

    /// The hashes that are declared: those noted before, and ours where there is no SHA-256. Of
    /// two for one algorithm the one that does not fit, so that the room keeps both values.
    pub(super) fn declared(&self, file: &Hashed<'_>) -> Vec<Declared> {
        let mut declared: Vec<Declared> = Vec::new();
        let differs = |hash: &Declared| !file.measured.hashes.contains(hash);
        for hash in &file.entry.expected {
            let same = |known: &&mut Declared| known.algorithm == hash.algorithm;
            match declared.iter_mut().find(same) {
                Some(known) if differs(hash) && !differs(known) => *known = hash.clone(),
                Some(_) => {}
                None => declared.push(hash.clone()),
            }
        }
        if !declared.iter().any(|hash| hash.algorithm == "sha256") {
            declared.push(Declared {
                algorithm: "sha256",
                value: file.measured.sha256.to_string(),
            });
        }
        declared
    }
}

/// The reference that a manifest names for a file.
fn asked<'a>(file: &Hashed<'a>) -> Option<&'a str> {
    file.entry.words.as_ref()?.reference.as_deref()
}
