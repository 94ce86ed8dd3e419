//! Who confirms the log of a room, and says when it was.

use custos::peers::{timestamps::Authority, witnesses::Witness};

/// Who confirms the log of a room, and says when it was.
#[derive(Default)]
pub struct Others {
    pub witnesses: Vec<Witness>,
    pub authorities: Vec<Authority>,
}

impl Others {
    pub fn witnesses(witnesses: Vec<Witness>) -> Self {
        Self {
            witnesses,
            authorities: Vec::new(),
        }
    }
}
