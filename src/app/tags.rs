//! Tags of what somebody was shown, by which a change says what it is made upon: whoever
//! decides on what they saw is told when it is so no more (RFC 9110, sections 8.8.3 and 13.1.1).
//!
//! A tag follows from what its reader was shown and from nothing else, so what is hidden from
//! them changes no tag of theirs. It is compared in the writer's transaction, on the facts on
//! which the change is decided (decision 16).

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use custos_core::hash::hmac_sha256;
use serde::Serialize;

use super::{context::Core, error::Error, writer::Stop};

/// Bytes of the HMAC that are kept.
const TAG_BYTES: usize = 16;
/// Most tags of which a change can be made upon any.
pub const MAX_TAGS: usize = 4;

/// The tag of what somebody was shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Tag([u8; TAG_BYTES]);

impl Tag {
    /// The tag of something in the form in which it is shown:
    /// `HMAC-SHA-256(session key, "custos/tag/v1" 0x00 | JSON)`, its first 16 bytes. Keyed, so
    /// that a tag in somebody's log lets nobody try out what it may be of.
    pub fn of(core: &Core, shown: &impl Serialize) -> Self {
        let json = serde_json::to_vec(shown).expect("what is shown is JSON");
        Self::of_bytes(core, &json)
    }

    /// The same of something that is JSON already, or no JSON.
    pub fn of_bytes(core: &Core, shown: &[u8]) -> Self {
        let tag = hmac_sha256(core.keys.session.as_bytes(), &[b"custos/tag/v1\0", shown]);
        Self(std::array::from_fn(|at| tag[at]))
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({self})")
    }
}

impl FromStr for Tag {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(drop)?;
        bytes.try_into().map(Self).map_err(drop)
    }
}

/// What a change is made upon, as its caller says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Upon {
    /// Nothing is said.
    #[default]
    Unsaid,
    /// Whatever there is.
    Anything,
    /// What had one of these tags; one that is not of this room is none.
    One([Option<Tag>; MAX_TAGS]),
}

impl Upon {
    /// Whether a change may be made upon what there is now. `now` gives the tag of what the
    /// caller would be shown; `None` where that is nothing.
    ///
    /// # Errors
    /// [`Error::Changed`]; [`Error::Unsaid`] where it is `required` and not said.
    pub(super) fn holds(
        self,
        required: bool,
        now: impl FnOnce() -> Result<Option<Tag>, Stop>,
    ) -> Result<(), Stop> {
        match self {
            Self::Unsaid if required => Err(Error::Unsaid.into()),
            Self::Unsaid | Self::Anything => Ok(()),
            Self::One(tags) => {
                let now = now()?;
                if now.is_some() && tags.contains(&now) {
                    Ok(())
                } else {
                    Err(Error::Changed.into())
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::tests::world::World;

    fn one(tag: Tag) -> Upon {
        Upon::One([None, Some(tag), None, None])
    }

    #[tokio::test]
    async fn a_change_is_made_upon_what_was_shown_or_not_at_all() {
        let world = World::new().await;
        let core = &world.room.core;
        let (seen, other) = (Tag::of(core, &"seen"), Tag::of(core, &"other"));
        assert_ne!(seen, other);
        assert_eq!(seen.to_string().parse(), Ok(seen));
        let now = || Ok(Some(seen));
        assert!(one(seen).holds(true, now).is_ok());
        assert!(Upon::Anything.holds(true, now).is_ok());
        assert!(Upon::Unsaid.holds(false, now).is_ok());
        let stopped = |upon: Upon, now: Option<Tag>| {
            let stop = upon.holds(true, || Ok(now)).expect_err("it is stopped");
            assert!(stop.leaves.is_none());
            stop.error
        };
        assert!(matches!(stopped(one(other), Some(seen)), Error::Changed));
        assert!(matches!(stopped(one(seen), None), Error::Changed));
        let none = Upon::One([None; MAX_TAGS]);
        assert!(matches!(stopped(none, None), Error::Changed));
        assert!(matches!(stopped(Upon::Unsaid, Some(seen)), Error::Unsaid));
        for odd in ["", "x", "*", "AAAA", "A A", "AAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert!(odd.parse::<Tag>().is_err(), "{odd}");
        }
    }
}
