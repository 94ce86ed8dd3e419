//! What is asked of a list of items: filters, an order, a page. And where a page goes on: a
//! cursor that only this room makes.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use custos_core::{
    hash::{hmac_sha256, lp},
    ids::{CaseId, Id, ItemId, PersonId, Timestamp},
};
use serde_json::{Map, Value, json};
use subtle::ConstantTimeEq;
use time::{Date, format_description::BorrowedFormatItem, macros::format_description};

use crate::app::{
    context::Core,
    error::Error,
    index::{
        cut::{Shown, Side, Wanted},
        items::{Family, Order},
        text::words,
    },
    text,
};

/// Items on a page, unless another number is asked for.
pub const PAGE_ITEMS: usize = 50;
/// Most items on a page.
pub const MAX_PAGE_ITEMS: usize = 200;

const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");
const DAY_MICROS: i64 = 24 * 3_600 * 1_000_000;

/// Names of the orders that can be asked for; each also with `-` before it, from the last to the
/// first.
const ORDERS: [(&str, Order); 3] = [
    ("reference", Order::Reference),
    ("received", Order::Received),
    ("size", Order::Size),
];

/// What is asked of a list of items. Each filter stands as it was given, and parsed.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Words that reference, description or file name must have.
    pub q: String,
    /// A state that must be shown: `normal`, `quarantined`, `restricted`, `served`.
    pub state: String,
    /// The first part of the media type.
    pub kind: String,
    /// Received on or after this day (`2026-11-23`, UTC) or time (microseconds since 1970).
    pub from: String,
    /// Received on or before this day or time.
    pub to: String,
    /// The person who deposited it.
    pub depositor: String,
    /// `reference` (or empty), `received` or `size`, with `-` before it for the other way.
    pub sort: String,
    /// Items on a page; nothing is [`PAGE_ITEMS`].
    pub limit: String,
    /// Where it goes on.
    pub cursor: String,
}

impl Asked {
    /// Takes what stands in a query, each name once; empty values are as good as none.
    ///
    /// # Errors
    /// [`Error::Invalid`] names what is unknown or given twice.
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Error> {
        let mut asked = Self::default();
        let mut seen = Vec::new();
        for (name, value) in pairs {
            let place = asked.place(name).ok_or_else(|| {
                // What was typed is shown to whoever typed it, in bounds.
                let name: String = name.chars().take(40).collect();
                Error::invalid(format!("`{name}` can't be asked of a list"))
            })?;
            if seen.contains(&name) {
                return Err(Error::invalid(format!("`{name}` is given twice")));
            }
            seen.push(name);
            *place = text::optional_line(name, value)?;
        }
        asked.wanted()?;
        Ok(asked)
    }

    fn place(&mut self, name: &str) -> Option<&mut String> {
        Some(match name {
            "q" => &mut self.q,
            "state" => &mut self.state,
            "type" => &mut self.kind,
            "from" => &mut self.from,
            "to" => &mut self.to,
            "depositor" => &mut self.depositor,
            "sort" => &mut self.sort,
            "limit" => &mut self.limit,
            "cursor" => &mut self.cursor,
            _ => return None,
        })
    }

    /// Filters and order by name, as far as they are given.
    pub fn filters(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("q", &self.q),
            ("state", &self.state),
            ("type", &self.kind),
            ("from", &self.from),
            ("to", &self.to),
            ("depositor", &self.depositor),
            ("sort", &self.sort),
        ];
        let given = all.into_iter().filter(|(_, value)| !value.is_empty());
        given.map(|(name, value)| (name, value.as_str()))
    }

    /// What an entry says was asked for; nothing where it was all of a case.
    pub(super) fn entered(&self) -> Option<Value> {
        let asked: Map<String, Value> = self
            .filters()
            .map(|(name, value)| (name.into(), json!(value)))
            .collect();
        (!asked.is_empty()).then_some(Value::Object(asked))
    }

    /// What is asked for, parsed; all but the cursor.
    ///
    /// # Errors
    /// [`Error::Invalid`] names what can't be taken.
    pub(super) fn wanted(&self) -> Result<Wanted, Error> {
        let (sort, descending) = match self.sort.strip_prefix('-') {
            Some(sort) => (sort, true),
            None => (self.sort.as_str(), false),
        };
        let order = match sort {
            "" if !descending => Order::Reference,
            sort => ORDERS
                .iter()
                .find(|(name, _)| *name == sort)
                .map(|(_, order)| *order)
                .ok_or_else(|| {
                    Error::invalid("`sort` is none of `reference`, `received`, `size`, with or without `-` before it")
                })?,
        };
        Ok(Wanted {
            words: words(&self.q),
            state: given(
                &self.state,
                "`state` is none of `normal`, `quarantined`, `restricted`, `served`",
                |state| Shown::NAMES.iter().position(|name| *name == state),
            )?,
            family: given(
                &self.kind,
                "`type` is not the first part of a media type, as `image` is",
                Family::named,
            )?,
            from: given(&self.from, NO_DAY, |from| moment(from, 0))?,
            to: given(&self.to, NO_DAY, |to| moment(to, DAY_MICROS - 1))?,
            depositor: given(&self.depositor, "`depositor` is not an id", |id| {
                id.parse::<PersonId>().ok()
            })?,
            order: Some(order),
            descending,
            limit: given(
                &self.limit,
                "`limit` is not a number from 1 to 200",
                |limit| {
                    let limit = limit.parse().ok();
                    limit.filter(|limit| (1..=MAX_PAGE_ITEMS).contains(limit))
                },
            )?
            .unwrap_or(PAGE_ITEMS),
            start: None,
        })
    }

    /// The same with the place at which it goes on.
    ///
    /// # Errors
    /// [`Error::Invalid`]: the cursor is not one that this room made for this person, this case
    /// and these filters.
    pub(super) fn wanted_by(
        &self,
        core: &Core,
        person: PersonId,
        case: CaseId,
    ) -> Result<Wanted, Error> {
        let mut wanted = self.wanted()?;
        if !self.cursor.is_empty() {
            let start = open_cursor(core, person, case, self);
            wanted.start = Some(start.ok_or_else(|| Error::invalid(NO_CURSOR))?);
        }
        Ok(wanted)
    }
}

const NO_DAY: &str = "`from` and `to` are days like `2026-11-23` or microseconds since 1970";
/// What is said of a cursor that can't be used.
pub(super) const NO_CURSOR: &str =
    "`cursor` does not belong to this list; leave it out to begin at the first page";

fn given<T>(
    value: &str,
    odd: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Error> {
    if value.is_empty() {
        return Ok(None);
    }
    parse(value).map(Some).ok_or_else(|| Error::invalid(odd))
}

/// A time, or so much behind the beginning of a day.
fn moment(text: &str, of_day: i64) -> Option<Timestamp> {
    let micros = match Date::parse(text, DAY) {
        Ok(day) => day.midnight().assume_utc().unix_timestamp() * 1_000_000 + of_day,
        Err(_) => text.parse().ok()?,
    };
    Timestamp::from_micros(micros).ok()
}

/// Bytes of a cursor's HMAC that are kept.
const TAG_BYTES: usize = 16;
const CURSOR_BYTES: usize = 1 + Id::BYTES + TAG_BYTES;

/// A cursor: `[side 1][item 16][tag 16]` in base64url. It names an item that was shown, and
/// tells nothing of what lies between it and any other.
pub(super) fn seal_cursor(
    core: &Core,
    person: PersonId,
    case: CaseId,
    asked: &Asked,
    (item, side): (ItemId, Side),
) -> String {
    let mut bytes = vec![u8::from(side == Side::Before)];
    bytes.extend_from_slice(item.as_bytes());
    let tag = tag(core, person, case, asked, &bytes);
    bytes.extend_from_slice(&tag);
    URL_SAFE_NO_PAD.encode(bytes)
}

fn open_cursor(
    core: &Core,
    person: PersonId,
    case: CaseId,
    asked: &Asked,
) -> Option<(ItemId, Side)> {
    let bytes = URL_SAFE_NO_PAD.decode(&asked.cursor).ok()?;
    let bytes: [u8; CURSOR_BYTES] = bytes.try_into().ok()?;
    let (told, found) = bytes.split_at(1 + Id::BYTES);
    let tag = tag(core, person, case, asked, told);
    if !bool::from(tag.as_slice().ct_eq(found)) {
        return None;
    }
    let side = match told[0] {
        0 => Side::Behind,
        1 => Side::Before,
        _ => return None,
    };
    Some((ItemId::from_bytes(told[1..].try_into().ok()?), side))
}

/// `HMAC-SHA-256(session key, "custos/list-cursor/v1" 0x00 | person | case | lp(name) lp(value)
/// of each filter | told)`, its first 16 bytes.
fn tag(core: &Core, person: PersonId, case: CaseId, asked: &Asked, told: &[u8]) -> [u8; TAG_BYTES] {
    let mut over = b"custos/list-cursor/v1\0".to_vec();
    over.extend_from_slice(person.as_bytes());
    over.extend_from_slice(case.as_bytes());
    for (name, value) in asked.filters() {
        lp(&mut over, name.as_bytes());
        lp(&mut over, value.as_bytes());
    }
    let tag = hmac_sha256(core.keys.session.as_bytes(), &[&over, told]);
    std::array::from_fn(|at| tag[at])
}
