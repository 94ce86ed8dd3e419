//! Sending one file, and what is kept of it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use custos_core::{event::leaf_data, ids::UploadId, merkle::leaf_hash};

use super::{
    Done, Failure, Ground, Outcome, References, Report, Run, Stage, Standing, fits,
    plan::{Planned, Step},
};
use crate::client::{
    api::{Acknowledged, pause},
    error::ClientError,
    journal::{Kept, Key, Known},
    names, receipt,
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

impl Run<'_> {
    /// Does what was planned for one file.
    pub(super) async fn carry_out(&self, ground: &Ground, planned: Planned) -> Report {
        let Planned {
            measured,
            key,
            step,
        } = planned;
        let result = match step {
            Step::Give(failure) => Err(failure),
            Step::Nothing(outcome, kept) => Ok(Done {
                outcome,
                kept,
                received_at: None,
                receipt: None,
            }),
            Step::Send {
                reference,
                announced,
            } => {
                let sent = self.deposit(ground, (&measured, &key), &reference, announced);
                sent.await
            }
        };
        let result = match result {
            Ok(done) => self.take_receipt(&measured, done).await,
            failed => failed,
        };
        if let Err(failure) = &result
            && let Some(why) = failure.error.ends_all()
        {
            *ground.over.lock().expect("no holder of this lock panics") = Some(why);
        }
        Report {
            file: measured.given.clone(),
            measured: Some(measured),
            result,
        }
    }

    async fn deposit(
        &self,
        ground: &Ground,
        (measured, key): (&Measured, &Key),
        reference: &str,
        announced: Option<UploadId>,
    ) -> Result<Done, Failure> {
        let over = *ground.over.lock().expect("no holder of this lock panics");
        if let Some(why) = over {
            return Err(Failure::out(ClientError::NotTried(why)));
        }
        // Whether any byte may have reached the room under this id.
        let mut touched = announced.is_some();
        let (upload, reference) = match announced {
            Some(upload) => (upload, reference.to_owned()),
            None => self
                .announce_free((measured, key), reference)
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
                    let kept = self
                        .confirm(ground, item, reference, (measured, key))
                        .await?;
                    return Ok(Done {
                        outcome: Outcome::Recovered,
                        kept,
                        received_at: None,
                        receipt: None,
                    });
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
        file: (&Measured, &Key),
        reference: &str,
    ) -> Result<(UploadId, String), ClientError> {
        let mut reference = reference.to_owned();
        for _ in 0..MAX_REFERENCES_TRIED {
            match self.announce(file, &reference).await {
                Ok(upload) => return Ok((upload, reference)),
                Err(error)
                    if error.problem() == Some("conflict")
                        && !matches!(self.order.references, References::From(..)) =>
                {
                    reference = names::after(&reference);
                }
                Err(error) => return Err(error),
            }
        }
        let what = format!("`{reference}` and those before it are taken; name another reference");
        Err(ClientError::Usage(what))
    }

    /// Announces a file, and makes the id durable under which its bytes will be sent.
    async fn announce(
        &self,
        (measured, key): (&Measured, &Key),
        reference: &str,
    ) -> Result<UploadId, ClientError> {
        let (name, declared) = (self.name(measured), self.declared(measured));
        let told = self.order.told.announce(reference, &name, &declared);
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

    /// Fetches the receipt, if receipts are wanted and it is not there.
    async fn take_receipt(&self, measured: &Measured, mut done: Done) -> Result<Done, Failure> {
        let Some(folder) = &self.order.receipts else {
            return Ok(done);
        };
        match self.receipt_in(folder, measured, &done.kept).await {
            Ok(path) => {
                done.receipt = Some(path);
                Ok(done)
            }
            Err(error) => Err(Failure {
                error,
                standing: Standing::In(Box::new(done.kept)),
            }),
        }
    }

    async fn receipt_in(
        &self,
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
        let bytes = self.api.receipt(kept.item).await?;
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
