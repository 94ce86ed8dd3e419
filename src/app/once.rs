//! A change that is asked for under a key of its own is made once: whoever lost the answer asks
//! again and is answered the same, after a crash too.
//!
//! The answer commits with the change. It is kept for [`KEPT_FOR`], encrypted under a key that
//! follows from the asker's; a refusal or failure is not kept, and asking again tries again.

use std::{fmt, time::Duration};

use custos_core::{
    hash::{Hash, hmac_sha256, sha256},
    ids::{AccountId, Id, RowId},
};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, Error as _},
};
use zeroize::Zeroizing;

use super::{
    SignedIn,
    context::{Core, Room},
    entering::{Entered, Tx},
    error::Error,
    sessions::{Secret, before},
    writer::{Command, Done, Stop},
};
use crate::db::{
    DbError,
    replies::{self, Named},
};

/// How long an answer is kept.
pub const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// Longest key, in characters.
pub const MAX_KEY_CHARS: usize = 255;

/// The key under which a change is asked for, and what is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Once {
    /// Follows from the session key, the account and the key that was given.
    key: [u8; 32],
    /// Hash of what is asked.
    request: Hash,
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Once([redacted])")
    }
}

impl Once {
    /// Takes the key that an account gave, and what it is given for: method and address.
    ///
    /// # Errors
    /// The key is empty, longer than [`MAX_KEY_CHARS`], or not visible ASCII.
    pub fn new(core: &Core, account: AccountId, key: &str, what: &str) -> Result<Self, Error> {
        let odd = key.is_empty()
            || key.len() > MAX_KEY_CHARS
            || !key.bytes().all(|byte| byte.is_ascii_graphic());
        if odd {
            return Err(Error::invalid(format!(
                "`Idempotency-Key` is not 1 to {MAX_KEY_CHARS} visible characters of ASCII"
            )));
        }
        let parts: [&[u8]; 3] = [b"custos/once/v1\0", account.as_bytes(), key.as_bytes()];
        Ok(Self {
            key: hmac_sha256(core.keys.session.as_bytes(), &parts),
            request: sha256(&[what.as_bytes()]),
        })
    }

    /// The same, of a request whose body has this SHA-256.
    #[must_use]
    pub fn of(self, body: Hash) -> Self {
        Self {
            request: sha256(&[self.request.as_bytes(), body.as_bytes()]),
            ..self
        }
    }

    fn named(&self) -> Named {
        let id = hmac_sha256(&self.key, &[b"id"]);
        let mut first = [0; 16];
        first.copy_from_slice(&id[..16]);
        Named {
            id: RowId::from(Id::from_bytes(first)),
            key: Zeroizing::new(hmac_sha256(&self.key, &[b"answer"])),
        }
    }
}

impl SignedIn {
    /// The same person, asking with a body that has this SHA-256.
    #[must_use]
    pub fn of(self, body: Hash) -> Self {
        let once = self.once.map(|once| once.of(body));
        Self { once, ..self }
    }
}

/// A secret in an answer that is kept: encrypted like all of it, and told again to nobody but
/// whoever asks with the same key.
#[derive(Debug)]
pub struct KeptSecret(pub Secret);

impl Serialize for KeptSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.text())
    }
}

impl<'de> Deserialize<'de> for KeptSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let secret = Secret::parse(&text).ok_or_else(|| D::Error::custom("no secret"))?;
        Ok(Self(secret))
    }
}

impl Room {
    /// Hands a change to the writer; one that was asked for under a key, once.
    ///
    /// # Errors
    /// The command's own; [`Error::Reused`] when the key was given for another request.
    pub async fn change<C>(&self, who: &SignedIn, command: C) -> Result<Done<C::Output>, Error>
    where
        C: Command,
        C::Output: Serialize + DeserializeOwned,
    {
        let Some(once) = who.once else {
            return self.writer.submit(command).await;
        };
        let account = who.account;
        let command = Keyed {
            once,
            account,
            command,
        };
        let (output, entered) = self.writer.submit(command).await?.output;
        Ok(Done { output, entered })
    }
}

/// A change under a key.
struct Keyed<C> {
    once: Once,
    account: AccountId,
    command: C,
}

impl<C> Command for Keyed<C>
where
    C: Command,
    C::Output: Serialize + DeserializeOwned,
{
    type Output = (C::Output, Vec<Entered>);

    fn run(self, tx: &mut Tx<'_>) -> Result<Self::Output, Stop> {
        let (core, named) = (tx.core, self.once.named());
        if let Some(kept) = replies::find(tx.connection, &core.keys.session, &named)? {
            if kept.request != self.once.request {
                return Err(Error::Reused.into());
            }
            // A release that answers in another form may have come since it was kept.
            let odd = |_| DbError::damaged("replies", named.id, "the answer is of another form");
            return Ok(serde_json::from_slice(&kept.answer).map_err(odd)?);
        }
        let output = self.command.run(tx)?;
        let answer = (output, tx.entered().to_vec());
        let text = Zeroizing::new(serde_json::to_vec(&answer).expect("answers are JSON"));
        replies::insert(
            tx.connection,
            (&core.keys.session, &core.ambient),
            &named,
            (self.account, self.once.request, tx.now()),
            &text,
        )?;
        Ok(answer)
    }
}

/// Forgets answers that are older than [`KEPT_FOR`].
///
/// # Errors
/// The register can't be written.
pub async fn forget_old(room: &Room) -> Result<usize, Error> {
    Ok(room.writer.submit(Forget).await?.output)
}

struct Forget;

impl Command for Forget {
    type Output = usize;

    fn run(self, tx: &mut Tx<'_>) -> Result<usize, Stop> {
        let moment = before(tx.now(), KEPT_FOR);
        Ok(replies::expire(tx.connection, moment)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::tests::world::World;

    /// Answers with a value, and does nothing.
    struct Says<T>(T);

    impl<T: Send + 'static> Command for Says<T> {
        type Output = T;

        fn run(self, _: &mut Tx<'_>) -> Result<T, Stop> {
            Ok(self.0)
        }
    }

    #[tokio::test]
    async fn an_answer_of_another_form_stops_no_room() {
        let world = World::new().await;
        let ana = world.ana;
        let once = Once::new(&world.room.core, ana.account, "k", "POST /").expect("a key");
        let asking = SignedIn {
            once: Some(once),
            ..ana
        };
        let said = world.room.change(&asking, Says(7_u32)).await;
        assert_eq!(said.expect("an answer").output, 7);
        let again = world.room.change(&asking, Says(8_u32)).await;
        assert_eq!(again.expect("the same answer").output, 7);
        let other = world.room.change(&asking, Says(String::new())).await;
        assert!(matches!(other, Err(Error::Damaged(_))), "{other:?}");
        world
            .room
            .change(&ana, Says(9_u32))
            .await
            .expect("it goes on");
    }
}
