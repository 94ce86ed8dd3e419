//! Where a page of a list goes on: a cursor that only this room makes, and only for one person and
//! one list of theirs.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use custos_core::{
    hash::{hmac_sha256, lp},
    ids::{CaseId, Id, PersonId},
};
use subtle::ConstantTimeEq;

use crate::app::{context::Core, index::cut::Side};

/// What is said of a cursor that can't be used.
pub(super) const NO_CURSOR: &str =
    "`cursor` does not belong to this list; leave it out to begin at the first page";

/// Bytes of a cursor's HMAC that are kept.
const TAG_BYTES: usize = 16;
const CURSOR_BYTES: usize = 1 + Id::BYTES + TAG_BYTES;

/// What makes the cursors of one list: `[side 1][id 16][tag 16]` in base64url. One names what was
/// shown, and tells nothing of what lies between it and any other.
pub(super) struct Cursor {
    /// Which list it is.
    list: Vec<u8>,
}

impl Cursor {
    /// Cursors of a list of a case's items:
    /// `"custos/list-cursor/v1" 0x00 | person | case | lp(name) lp(value) of each filter`.
    pub(super) fn of_items<'a>(
        person: PersonId,
        case: CaseId,
        filters: impl Iterator<Item = (&'static str, &'a str)>,
    ) -> Self {
        let mut list = b"custos/list-cursor/v1\0".to_vec();
        list.extend_from_slice(person.as_bytes());
        list.extend_from_slice(case.as_bytes());
        Self::of(list, filters)
    }

    /// Cursors of a list of cases:
    /// `"custos/cases-cursor/v1" 0x00 | person | lp(name) lp(value) of each filter`.
    pub(super) fn of_cases<'a>(
        person: PersonId,
        filters: impl Iterator<Item = (&'static str, &'a str)>,
    ) -> Self {
        let mut list = b"custos/cases-cursor/v1\0".to_vec();
        list.extend_from_slice(person.as_bytes());
        Self::of(list, filters)
    }

    fn of<'a>(mut list: Vec<u8>, filters: impl Iterator<Item = (&'static str, &'a str)>) -> Self {
        for (name, value) in filters {
            lp(&mut list, name.as_bytes());
            lp(&mut list, value.as_bytes());
        }
        Self { list }
    }

    /// The cursor at this side of what was shown.
    pub(super) fn seal(&self, core: &Core, id: Id, side: Side) -> String {
        let mut bytes = vec![u8::from(side == Side::Before)];
        bytes.extend_from_slice(id.as_bytes());
        let tag = self.tag(core, &bytes);
        bytes.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What a cursor names; `None` where it is none of these.
    pub(super) fn open(&self, core: &Core, cursor: &str) -> Option<(Id, Side)> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let bytes: [u8; CURSOR_BYTES] = bytes.try_into().ok()?;
        let (told, found) = bytes.split_at(1 + Id::BYTES);
        if !bool::from(self.tag(core, told).as_slice().ct_eq(found)) {
            return None;
        }
        let side = match told[0] {
            0 => Side::Behind,
            1 => Side::Before,
            _ => return None,
        };
        Some((Id::from_bytes(told[1..].try_into().ok()?), side))
    }

    /// `HMAC-SHA-256(session key, list | told)`, its first 16 bytes.
    fn tag(&self, core: &Core, told: &[u8]) -> [u8; TAG_BYTES] {
        let tag = hmac_sha256(core.keys.session.as_bytes(), &[&self.list, told]);
        std::array::from_fn(|at| tag[at])
    }
}
