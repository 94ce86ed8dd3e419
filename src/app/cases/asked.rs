//! What is asked of a list of items: filters, an order, a page.

use custos_core::ids::{CaseId, ItemId, PersonId, Timestamp};
use serde_json::{Map, Value, json};
use time::{Date, format_description::BorrowedFormatItem, macros::format_description};

use super::cursor::{Cursor, NO_CURSOR};
use crate::app::{
    context::Core,
    error::Error,
    index::{
        cut::{Shown, Wanted},
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
        fill(&mut asked, pairs, Self::place)?;
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
        entered(self.filters())
    }

    /// What is asked for, parsed; all but the cursor.
    ///
    /// # Errors
    /// [`Error::Invalid`] names what can't be taken.
    pub(super) fn wanted(&self) -> Result<Wanted, Error> {
        let (order, descending) = order(
            &self.sort,
            &ORDERS,
            "`sort` is none of `reference`, `received`, `size`, with or without `-` before it",
        )?;
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
            limit: limit(&self.limit)?,
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
            let start = self.cursors(person, case).open(core, &self.cursor);
            let (item, side) = start.ok_or_else(|| Error::invalid(NO_CURSOR))?;
            wanted.start = Some((ItemId::from(item), side));
        }
        Ok(wanted)
    }

    /// The cursors of this list of a person's.
    pub(super) fn cursors(&self, person: PersonId, case: CaseId) -> Cursor {
        Cursor::of_items(person, case, self.filters())
    }
}

/// Takes what stands in a query, each name once, to the places of their names.
///
/// # Errors
/// [`Error::Invalid`] names what is unknown or given twice.
pub(super) fn fill<'a, T>(
    asked: &mut T,
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    place: for<'t> fn(&'t mut T, &str) -> Option<&'t mut String>,
) -> Result<(), Error> {
    let mut seen = Vec::new();
    for (name, value) in pairs {
        let place = place(asked, name).ok_or_else(|| {
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
    Ok(())
}

/// What an entry says was asked for; nothing where it was all.
pub(super) fn entered<'a>(filters: impl Iterator<Item = (&'static str, &'a str)>) -> Option<Value> {
    let asked: Map<String, Value> = filters
        .map(|(name, value)| (name.into(), json!(value)))
        .collect();
    (!asked.is_empty()).then_some(Value::Object(asked))
}

/// How many a page shows.
///
/// # Errors
/// [`Error::Invalid`]: it is no number from 1 to [`MAX_PAGE_ITEMS`].
pub(super) fn limit(limit: &str) -> Result<usize, Error> {
    let limit = given(limit, "`limit` is not a number from 1 to 200", |limit| {
        let limit = limit.parse().ok();
        limit.filter(|limit| (1..=MAX_PAGE_ITEMS).contains(limit))
    })?;
    Ok(limit.unwrap_or(PAGE_ITEMS))
}

/// An order by its name, and whether it goes from the last to the first; the first of all where
/// nothing is asked for.
///
/// # Errors
/// [`Error::Invalid`] says which there are.
pub(super) fn order<T: Copy>(
    sort: &str,
    orders: &[(&str, T)],
    odd: &str,
) -> Result<(T, bool), Error> {
    let (name, descending) = match sort.strip_prefix('-') {
        Some(name) => (name, true),
        None => (sort, false),
    };
    let found = match name {
        "" if !descending => orders.first(),
        name => orders.iter().find(|(known, _)| *known == name),
    };
    let (_, order) = found.ok_or_else(|| Error::invalid(odd))?;
    Ok((*order, descending))
}

const NO_DAY: &str = "`from` and `to` are days like `2026-11-23` or microseconds since 1970";

/// A value that may be left out.
///
/// # Errors
/// [`Error::Invalid`] says what is `odd` about it.
pub(super) fn given<T>(
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
