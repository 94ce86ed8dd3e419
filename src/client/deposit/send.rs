//! Sending one file, and what is kept of it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use custos_core::{event::leaf_data, ids::UploadId, merkle::leaf_hash};

use super::{
    Became, Done, Failure, Ground, Hashed, Outcome, Run, Stage, Standing, fits, numbers,
    plan::{Planned, Step},
};
use crate::client::{
    api::{Acknowledged, pause},
    error::ClientError,
    journal::{Kept, Key, Known},
    names, receipt,
    report::{Line, State},
    source::{self, Count, Measured},
};

/// Waits before the bytes are sent again; before each of them the room is asked whether it
/// has taken them in.
const WAITS: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

/// References that are tried for one file: the room takes none twice, and this client may not
/// know of all that are taken.
const MAX_REFERENCES_TRIED: usize = 1_000;

/// How long a checkpoint is waited for, before the room is asked for the receipt all the same.
const MAX_UNPUBLISHED: Duration = Duration::from_secs(30);
/// Between two looks at what is published.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

impl<'a> Run<'a> {
    /// Does what was planned for one file; gives its place in the listing and what became of it.
    pub(super) async fn carry_out(
        &self,
        ground: &Ground,
        planned: Planned<'a>,
    ) -> (usize, Line<'a>) {
        let Planned { file, key, step } = planned;
        let became = match step {
            Step::Give(failure) => Became::Failed(failure),
            Step::LeaveOut => Became::LeftOut,
            Step::Nothing(outcome, kept) => Became::In(Done {
                outcome,
                kept,
                received_at: None,
                receipt: None,
            }),
            Step::Send {
                reference,
                announced,
            } => {
                let sent = self.deposit(ground, (&file, &key), &reference, announced);
                sent.await.map_or_else(Became::Failed, Became::In)
            }
        };
        if let Became::Failed(failure) = &became
            && let Some(why) = failure.error.ends_all()
        {
            *ground.over.lock().expect("no holder of this lock panics") = Some(why);
        }
        let line = Line {
            entry: file.entry,
            state: State::of_hashed(file.entry, &file.mismatches),
            mismatches: file.mismatches,
            measured: Some(file.measured),
            became,
        };
        (file.position, line)
    }

    async fn deposit(
        &self,
        ground: &Ground,
        (file, key): (&Hashed<'_>, &Key),
        reference: &str,
        announced: Option<UploadId>,
    ) -> Result<Done, Failure> {
        let measured = &file.measured;
        let over = *ground.over.lock().expect("no holder of this lock panics");
        if let Some(why) = over {
            return Err(Failure::out(ClientError::NotTried(why)));
        }
        // Whether any byte may have reached the room under this id.
        let mut touched = announced.is_some();
        let (mut upload, mut reference) = match announced {
            Some(upload) => (upload, reference.to_owned()),
            None => self
                .announce_free(ground, (file, key), reference)
                .await
                .map_err(Failure::out)?,
        };
        let mut waits = WAITS.into_iter();
        loop {
            let error = match self.send(measured, upload).await {
                Ok(acknowledged) => return self.acknowledged((measured, key), acknowledged),
                Err(error) => error,
            };
            if !error.leaves_open() {
                return Err(Failure::out(error));
            }
            touched |= !matches!(error, ClientError::Unreachable { .. });
            let wait = waits.next();
            if let Some(wait) = wait {
                tokio::time::sleep(pause(&error, wait)).await;
            }
            // The bytes may have been taken in, and only the answer was lost.
            match self.api.upload(upload).await {
                Ok(Some(item)) => {
                    let kept = self.confirm(ground, item, reference, (file, key)).await?;
                    return Ok(Done {
                        outcome: Outcome::Recovered,
                        kept,
                        received_at: None,
                        receipt: None,
                    });
                }
                // Somebody else's file was taken in under this reference meanwhile; what was sent
                // under it is in the room under no item.
                Ok(None) if error.problem() == Some("conflict") => {
                    if self.is_fixed(file) {
                        return Err(Failure::out(numbers::taken(&reference)));
                    }
                    let next = self.next_free(ground, &reference);
                    (upload, reference) = self
                        .announce_free(ground, (file, key), &next)
                        .await
                        .map_err(Failure::out)?;
                    if wait.is_none() {
                        return Err(Failure::out(error));
                    }
                }
                Ok(None) if wait.is_some() => {}
                _ if !touched => return Err(Failure::out(error)),
                // A transfer that the room has not seen the end of may yet be a deposit.
                _ => {
                    return Err(Failure {
                        error,
                        standing: Standing::Unknown,
                    });
                }
            }
        }
    }

    /// Announces a file under this reference, or the next that nobody has. A reference that was
    /// given for this very file is never changed.
    async fn announce_free(
        &self,
        ground: &Ground,
        (file, key): (&Hashed<'_>, &Key),
        reference: &str,
    ) -> Result<(UploadId, String), ClientError> {
        let mut reference = reference.to_owned();
        for _ in 0..MAX_REFERENCES_TRIED {
            match self.announce((file, key), &reference).await {
                Ok(upload) => return Ok((upload, reference)),
                Err(error) if error.problem() == Some("conflict") && !self.is_fixed(file) => {
                    reference = self.next_free(ground, &reference);
                }
                Err(error) => return Err(error),
            }
        }
        let what = format!("`{reference}` and those before it are taken; name another reference");
        Err(ClientError::Usage(what))
    }

    /// The next reference after one that somebody has, which this run gives to no other file.
    fn next_free(&self, ground: &Ground, taken: &str) -> String {
        let mut given = ground.given.lock().expect("no holder of this lock panics");
        let mut reference = names::after(taken);
        while !given.insert(names::folded(&reference)) {
            reference = names::after(&reference);
        }
        reference
    }

    /// Announces a file, and makes the id durable under which its bytes will be sent.
    async fn announce(
        &self,
        (file, key): (&Hashed<'_>, &Key),
        reference: &str,
    ) -> Result<UploadId, ClientError> {
        let (name, declared) = (self.name(file), self.declared(file));
        let words = self.told(file);
        let told = words.announce(reference, &name, &declared);
        // A crash here leaves an announcement without bytes, which is no deposit.
        let upload = self.api.announce(self.order.case, &told).await?;
        let known = Known::Announced {
            upload,
            reference: reference.into(),
            told: told.fingerprint(),
        };
        self.journal.note(self.ambient.now(), key, &known)?;
        Ok(upload)
    }

    async fn send(
        &self,
        measured: &Measured,
        upload: UploadId,
    ) -> Result<Acknowledged, ClientError> {
        let count = Count::default();
        let size = measured.size;
        let _shown = self
            .watch
            .begins(Stage::Sending, &measured.given, size, count.clone());
        let pieces = source::pieces(measured, count.clone());
        self.api.send(upload, size, &count, pieces).await
    }

    /// Checks an acknowledgement and keeps it.
    fn acknowledged(
        &self,
        (measured, key): (&Measured, &Key),
        acknowledged: Acknowledged,
    ) -> Result<Done, Failure> {
        let entry = &acknowledged.entry;
        let kept = Kept {
            item: acknowledged.item,
            reference: acknowledged.reference,
            quarantined: acknowledged.quarantined,
            index: Some(entry.index),
            c: Some(entry.c),
        };
        let mut checked = fits(acknowledged.size, &acknowledged.sha256, measured);
        if leaf_hash(&leaf_data(&entry.c)) != entry.leaf_hash {
            let what = "the leaf hash is not that of its entry".into();
            checked = Err(ClientError::Answer(what));
        }
        // A crash here leaves the announcement, under which the room tells of the item.
        checked
            .and_then(|()| self.acknowledge(key, &kept))
            .map_err(|error| Failure {
                error,
                standing: Standing::In(Box::new(kept.clone())),
            })?;
        Ok(Done {
            outcome: Outcome::Deposited,
            kept,
            received_at: Some(acknowledged.received_at),
            receipt: None,
        })
    }

    /// Makes it durable that a file is in the room.
    pub(super) fn acknowledge(&self, key: &Key, kept: &Kept) -> Result<(), ClientError> {
        let known = Known::Acknowledged(kept.clone());
        self.journal.note(self.ambient.now(), key, &known)
    }

    /// Fetches the receipt of a file that is in the room, if receipts are wanted and it is not
    /// there. Gives the file's place in the listing back.
    pub(super) async fn take_receipt(
        &self,
        ground: &Ground,
        position: usize,
        mut line: Line<'a>,
    ) -> (usize, Line<'a>) {
        let (Some(folder), Became::In(done), Some(measured)) =
            (&self.order.receipts, &mut line.became, &line.measured)
        else {
            return (position, line);
        };
        match self.receipt_in(ground, folder, measured, &done.kept).await {
            Ok(path) => done.receipt = Some(path),
            Err(error) => {
                let standing = Standing::In(Box::new(done.kept.clone()));
                line.became = Became::Failed(Failure { error, standing });
            }
        }
        (position, line)
    }

    /// Returns when a checkpoint covers an entry. One asks for all that wait: the room would let
    /// each of them wait in a connection of its own.
    async fn published(&self, ground: &Ground, index: u64) {
        let mut published = ground.published.lock().await;
        let begin = tokio::time::Instant::now();
        while *published <= index && begin.elapsed() < MAX_UNPUBLISHED {
            match self.api.published().await {
                Ok(size) => *published = size,
                // The receipt itself is asked for, and says what is wrong.
                Err(_) => return,
            }
            if *published <= index {
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
        }
    }

    async fn receipt_in(
        &self,
        ground: &Ground,
        folder: &Path,
        measured: &Measured,
        kept: &Kept,
    ) -> Result<PathBuf, ClientError> {
        let stem = names::file_stem(&kept.reference);
        let usual = folder.join(format!("{stem}.receipt"));
        // References are unique in one case only.
        let with_item = folder.join(format!("{stem}.{}.receipt", kept.item));
        let own = [&usual, &with_item];
        if let Some(there) = own.iter().find(|path| receipt::stands_at(path, kept.item)) {
            return Ok(there.to_path_buf());
        }
        if let Some(index) = kept.index {
            self.published(ground, index).await;
        }
        let turn = ground.receipts.acquire().await;
        let bytes = self.api.receipt(kept.item).await?;
        drop(turn);
        let proven = receipt::prove(&bytes, kept.item)?;
        proven.fits(measured.size, &measured.sha256, Some(kept))?;
        match receipt::keep(&usual, &bytes, false) {
            Ok(()) => Ok(usual),
            Err(_) if usual.symlink_metadata().is_ok() => {
                receipt::keep(&with_item, &bytes, false)?;
                Ok(with_item)
            }
            Err(error) => Err(error),
        }
    }
}
