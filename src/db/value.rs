//! Values encrypted before they become columns.

use custos_core::{
    cipher::{self, Salt},
    ids::Id,
};
use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use super::DbError;
use crate::ambient::Ambient;

/// The place of a value; it is bound into the encryption, so that a value put elsewhere does
/// not decrypt.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The table.
    pub table: &'static str,
    /// The row.
    pub row: Id,
    /// The column.
    pub column: &'static str,
}

impl Place {
    /// Encrypts `plain` for this place.
    pub fn seal(&self, key: &[u8; 32], ambient: &Ambient, plain: &[u8]) -> Vec<u8> {
        self.seal_with(key, &Salt::from_bytes(ambient.bytes()), plain)
    }

    /// Encrypts `plain` for this place under a salt that was never used before.
    pub fn seal_with(&self, key: &[u8; 32], salt: &Salt, plain: &[u8]) -> Vec<u8> {
        cipher::seal(key, salt, &self.context(), plain)
    }

    /// Decrypts what [`Place::seal`] made.
    ///
    /// # Errors
    /// [`DbError::Damaged`]: the value was changed or moved, or the key is another.
    pub fn open(&self, key: &[u8; 32], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, DbError> {
        cipher::open(key, &self.context(), sealed)
            .map_err(|_| DbError::damaged(self.table, self.row, "a value does not decrypt"))
    }

    /// Encrypts `value` as JSON.
    pub fn seal_json<T: Serialize>(&self, key: &[u8; 32], ambient: &Ambient, value: &T) -> Vec<u8> {
        let plain = serde_json::to_vec(value).expect("rows serialize into JSON");
        self.seal(key, ambient, &Zeroizing::new(plain))
    }

    /// Decrypts JSON that [`Place::seal_json`] made.
    ///
    /// # Errors
    /// [`DbError::Damaged`].
    pub fn open_json<T: DeserializeOwned>(
        &self,
        key: &[u8; 32],
        sealed: &[u8],
    ) -> Result<T, DbError> {
        serde_json::from_slice(&self.open(key, sealed)?)
            .map_err(|_| DbError::damaged(self.table, self.row, "a value is not of its form"))
    }

    fn context(&self) -> Vec<u8> {
        cipher::value_context(self.table, &self.row, self.column)
    }
}
