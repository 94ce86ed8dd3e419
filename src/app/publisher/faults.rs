//! Signing that fails when it is told to, for tests; and a defect to be found.

use std::sync::Mutex;

use crate::{
    app::{error::Error, publisher::CHECKPOINT_PATH},
    store::Store,
};

/// What goes wrong with the next signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::app) enum Fault {
    /// It is not made.
    Failed,
    /// It is made, and nothing comes of it.
    Unsaid,
}

/// What a publisher was told.
#[derive(Default)]
pub(in crate::app) struct Told {
    fault: Mutex<Option<Fault>>,
    /// Every note that was ever signed.
    signed: Mutex<Vec<Vec<u8>>>,
    /// The planted defect: the file is put in place before the register keeps its note.
    file_first: Mutex<bool>,
}

impl Told {
    /// Tells what goes wrong, once.
    pub(in crate::app) fn tell(&self, fault: Fault) {
        *self.fault.lock().expect("no test panics here") = Some(fault);
    }

    /// Plants the defect.
    pub(in crate::app) fn plant_file_first(&self) {
        *self.file_first.lock().expect("no test panics here") = true;
    }

    /// Every note that was ever signed, given out or not.
    pub(in crate::app) fn signed(&self) -> Vec<Vec<u8>> {
        self.signed.lock().expect("no test panics here").clone()
    }

    /// Signs, as it was told.
    pub(super) fn around(
        &self,
        sign: impl FnOnce() -> Result<Vec<u8>, Error>,
    ) -> Result<Vec<u8>, Error> {
        let fault = self.fault.lock().expect("no test panics here").take();
        if fault == Some(Fault::Failed) {
            return Err(Error::CustodyUnavailable(None));
        }
        let note = sign()?;
        let mut signed = self.signed.lock().expect("no test panics here");
        signed.push(note.clone());
        match fault {
            None => Ok(note),
            Some(_) => Err(Error::CustodyUnavailable(None)),
        }
    }

    /// What the planted defect does before the register keeps the note.
    pub(super) async fn too_early(&self, store: &Store, note: &[u8]) -> Result<(), Error> {
        if *self.file_first.lock().expect("no test panics here") {
            store
                .put_public(CHECKPOINT_PATH, note.to_vec().into())
                .await?;
        }
        Ok(())
    }
}
