//! Passwords: stretched with Argon2id (RFC 9106), a few at a time, off the threads that serve.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::{
        self, CustomizedPasswordHasher, PasswordVerifier,
        phc::{Output, PasswordHash, Salt},
    },
};
use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
use tokio::sync::Semaphore;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{ambient::Ambient, app::error::Error};

/// Memory of one evaluation, in KiB (OWASP Password Storage, Argon2id: 19 MiB, t = 2, p = 1).
pub const ARGON2_MEMORY_KIB: u32 = 19 * 1024;
/// Passes over that memory.
pub const ARGON2_PASSES: u32 = 2;
/// Lanes.
pub const ARGON2_LANES: u32 = 1;
/// Shortest password that is set, in characters.
pub const MIN_PASSWORD_CHARS: usize = 12;
/// Longest password, in bytes.
pub const MAX_PASSWORD_BYTES: usize = 1_024;

/// Evaluations at once; each holds its memory.
const PARALLEL_EVALUATIONS: usize = 2;
/// Callers that wait for one before further callers are sent away.
const MAX_WAITING: usize = 64;
/// When those who were sent away may come back.
const BUSY_SECONDS: u64 = 5;
/// Blocks of 1 KiB for which memory is asked: more than the greatest size that glibc ever keeps
/// in its arenas (32 MiB). What of it is never touched takes no memory.
const RESERVED_BLOCKS: usize = 33 * 1024;
/// Bytes of what a password becomes.
const OUTPUT_BYTES: usize = 32;
/// Bytes of a password's salt.
const SALT_BYTES: usize = 16;

/// A password as it was typed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Password(String);

impl Password {
    /// Whether it may be set: from 12 characters to 1,024 bytes, checked against nothing else.
    ///
    /// # Errors
    /// [`Error::Invalid`] says what is asked for.
    pub fn check(&self) -> Result<(), Error> {
        if self.0.chars().count() < MIN_PASSWORD_CHARS {
            return Err(Error::invalid(format!(
                "a password has at least {MIN_PASSWORD_CHARS} characters"
            )));
        }
        if self.0.len() > MAX_PASSWORD_BYTES {
            return Err(Error::invalid(format!(
                "a password has at most {MAX_PASSWORD_BYTES} bytes"
            )));
        }
        Ok(())
    }
}

impl From<String> for Password {
    fn from(typed: String) -> Self {
        Self(typed)
    }
}

impl From<&str> for Password {
    fn from(typed: &str) -> Self {
        Self(typed.into())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(redacted)")
    }
}

/// Evaluates Argon2id.
pub struct Passwords {
    slots: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// A hash of no password, with the parameters of all others: who has none is answered with
    /// the same work.
    dummy: Arc<str>,
    evaluations: Arc<AtomicU64>,
}

impl Passwords {
    /// An evaluator with slots of its own.
    pub fn new(ambient: &Ambient) -> Self {
        let salt = BASE64_STANDARD_NO_PAD.encode(ambient.bytes::<SALT_BYTES>());
        let output = BASE64_STANDARD_NO_PAD.encode(ambient.bytes::<32>());
        let dummy = format!(
            "$argon2id$v=19$m={ARGON2_MEMORY_KIB},t={ARGON2_PASSES},p={ARGON2_LANES}${salt}${output}"
        );
        Self {
            slots: Arc::new(Semaphore::new(PARALLEL_EVALUATIONS)),
            waiting: AtomicUsize::new(0),
            dummy: dummy.into(),
            evaluations: Arc::default(),
        }
    }

    /// Hashes a password that is to be set; the result is a PHC string.
    ///
    /// # Errors
    /// It may not be set, or too many wait.
    pub async fn hash(&self, ambient: &Ambient, password: Password) -> Result<String, Error> {
        password.check()?;
        let salt: [u8; SALT_BYTES] = ambient.bytes();
        self.evaluate(move || {
            let hash = Stretch
                .hash_password_customized(password.0.as_bytes(), &salt, None, None, params())
                .expect("length of password and salt are in range");
            hash.to_string()
        })
        .await
    }

    /// Whether a password is the one of `phc`. Without one the answer is no, after as much work.
    ///
    /// # Errors
    /// Too many wait.
    pub async fn verify(&self, password: Password, phc: Option<String>) -> Result<bool, Error> {
        let known = phc.is_some();
        let dummy = self.dummy.clone();
        let right = self
            .evaluate(move || {
                let phc = phc.as_deref().unwrap_or(&dummy);
                let fits = password.0.len() <= MAX_PASSWORD_BYTES;
                let bytes = if fits { password.0.as_bytes() } else { b"" };
                let right = PasswordHash::new(phc)
                    .is_ok_and(|hash| Stretch.verify_password(bytes, &hash).is_ok());
                fits && right
            })
            .await?;
        Ok(known && right)
    }

    /// Evaluations so far; unknown and known accounts must cost the same number.
    pub fn evaluations(&self) -> u64 {
        self.evaluations.load(Ordering::Relaxed)
    }

    async fn evaluate<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let waiting = Waiting::enter(&self.waiting)?;
        let slot = self.slots.clone().acquire_owned().await;
        drop(waiting);
        let slot = slot.map_err(|_| Error::CustodyUnavailable(None))?;
        let evaluations = self.evaluations.clone();
        // The slot goes with the work: a caller that is gone does not free it early.
        tokio::task::spawn_blocking(move || {
            let result = work();
            evaluations.fetch_add(1, Ordering::Relaxed);
            drop(slot);
            result
        })
        .await
        .map_err(|_| Error::CustodyUnavailable(None))
    }
}

/// One who waits for a slot; dropped when it has one, or is gone.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(waiting: &'a AtomicUsize) -> Result<Self, Error> {
        let entered = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) >= MAX_WAITING {
            return Err(Error::TooMany {
                seconds: BUSY_SECONDS,
            });
        }
        Ok(entered)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Argon2id in memory that goes back to the system with each evaluation: of what is smaller than
/// [`RESERVED_BLOCKS`] each thread's arena keeps some, and the threads are many.
struct Stretch;

fn params() -> Params {
    Params::new(ARGON2_MEMORY_KIB, ARGON2_PASSES, ARGON2_LANES, None)
        .expect("the parameters are in range")
}

impl CustomizedPasswordHasher<PasswordHash> for Stretch {
    type Params = Params;

    fn hash_password_customized(
        &self,
        password: &[u8],
        salt: &[u8],
        algorithm: Option<&str>,
        version: Option<u32>,
        params: Params,
    ) -> password_hash::Result<PasswordHash> {
        let algorithm = algorithm.map_or(Ok(Algorithm::Argon2id), Algorithm::try_from)?;
        let version = version.map_or(Ok(Version::V0x13), Version::try_from)?;
        let mut output = [0; OUTPUT_BYTES];
        let mut memory = Vec::with_capacity(params.block_count().max(RESERVED_BLOCKS));
        memory.resize(params.block_count(), Block::default());
        let argon2 = Argon2::new(algorithm, version, params.clone());
        argon2.hash_password_into_with_memory(password, salt, &mut output, &mut memory)?;
        Ok(PasswordHash {
            algorithm: algorithm.ident(),
            version: Some(version.into()),
            params: (&params).try_into()?,
            salt: Some(Salt::new(salt)?),
            hash: Some(Output::new(&output)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use argon2::PasswordHasher;

    use super::*;

    #[tokio::test]
    async fn a_password_verifies_and_another_does_not() {
        let ambient = Ambient::system();
        let passwords = Passwords::new(&ambient);
        let phc = passwords
            .hash(&ambient, "correct horse battery".into())
            .await
            .expect("hashed");
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        for (password, hash, expected) in [
            ("correct horse battery", Some(phc.clone()), true),
            ("correct horse batterz", Some(phc.clone()), false),
            ("", Some(phc.clone()), false),
            ("correct horse battery", None, false),
            ("correct horse battery", Some("$argon2id$".into()), false),
        ] {
            let right = passwords
                .verify(password.into(), hash)
                .await
                .expect("evaluated");
            assert_eq!(right, expected);
        }
        let long = "x".repeat(MAX_PASSWORD_BYTES + 1);
        let right = passwords
            .verify(long.into(), Some(phc))
            .await
            .expect("evaluated");
        assert!(!right);
    }

    #[test]
    fn the_dummy_costs_what_others_cost() {
        let ambient = Ambient::system();
        let dummy = Passwords::new(&ambient).dummy;
        let dummy = PasswordHash::new(&dummy).expect("of the form");
        let real = Stretch
            .hash_password_customized(b"something else", &[1; SALT_BYTES], None, None, params())
            .expect("in range");
        // The library's own way, with its own memory, comes to the same.
        let library = Argon2::new(Algorithm::Argon2id, Version::V0x13, params());
        let library: PasswordHash = library
            .hash_password_with_salt(b"something else", &[1; SALT_BYTES])
            .expect("in range");
        assert_eq!(real.to_string(), library.to_string());
        assert_eq!(dummy.algorithm, real.algorithm);
        assert_eq!(dummy.version, real.version);
        assert_eq!(dummy.params, real.params);
        let lengths = |hash: &PasswordHash| {
            let salt = hash.salt.as_ref().map(|salt| salt.as_ref().len());
            (
                salt,
                hash.hash.as_ref().map(|output| output.as_bytes().len()),
            )
        };
        assert_eq!(lengths(&dummy), lengths(&real));
    }

    #[tokio::test]
    async fn a_short_or_endless_password_is_not_set() {
        let ambient = Ambient::system();
        let passwords = Passwords::new(&ambient);
        for odd in ["", "elf letters", &"x".repeat(MAX_PASSWORD_BYTES + 1)] {
            let hashed = passwords.hash(&ambient, odd.into()).await;
            assert!(matches!(hashed, Err(Error::Invalid(_))), "{odd:?}");
        }
        assert_eq!(passwords.evaluations(), 0);
        assert!(Password::from("zwölf Zeichen").check().is_ok());
    }

    #[tokio::test]
    async fn a_crowd_is_sent_away() {
        let passwords = Passwords::new(&Ambient::system());
        let held = passwords
            .slots
            .clone()
            .acquire_many_owned(u32::try_from(PARALLEL_EVALUATIONS).expect("few"))
            .await
            .expect("free");
        let crowd = (0..MAX_WAITING).map(|_| passwords.verify("x".into(), None));
        let mut crowd = Box::pin(futures::future::join_all(crowd));
        let pending = futures::poll!(&mut crowd);
        assert!(pending.is_pending());
        let one_more = passwords.verify("x".into(), None).await;
        assert!(matches!(
            one_more,
            Err(Error::TooMany {
                seconds: BUSY_SECONDS
            })
        ));
        drop((crowd, held));
        assert_eq!(passwords.waiting.load(Ordering::Relaxed), 0);
        assert!(passwords.verify("x".into(), None).await.is_ok());
    }
}
