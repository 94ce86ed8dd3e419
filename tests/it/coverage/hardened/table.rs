//! A row for each route: what somebody without a part in it gets, and what it takes.

mod api;
mod pages;

use super::bodies::Odd;

/// What somebody gets who is signed in and has no part in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// What an id that names nothing gets: 404, and the refusal is entered.
    Nothing,
    /// The same without an entry: it is looked up among what is one's own.
    Unentered,
    /// They may know of it, and not do it: 403, and the refusal is entered.
    Forbidden,
    /// Everyone signed in does this, with what is their own; and what that is.
    Own(&'static str),
    /// It is for everyone; and why.
    Open(&'static str),
}

/// Somebody who may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    Nobody,
    Admin,
    Custodian,
    Officer,
    Prosecutor,
    Judge,
}

/// What a request carries, right as it stands here.
#[derive(Debug, Clone, Copy)]
pub enum Body {
    /// Nothing; and why nothing can be wrong with it.
    None(&'static str),
    /// Nothing, and queries in the address, all of them wrong.
    Query(&'static [&'static str]),
    /// An object of JSON.
    Json(&'static str),
    /// Fields of a form; those with a question mark may be left out, or given twice.
    Form(&'static [(&'static str, &'static str)]),
    /// A form with a file.
    Parts,
    /// The bytes of an item.
    Bytes,
}

/// A route, and what it answers to what it does not take.
pub struct Hard {
    /// Method and path, as mounted.
    pub route: &'static str,
    pub wrong: Wrong,
    pub by: By,
    pub body: Body,
    /// What is answered otherwise than the same of other routes.
    but: &'static [(&'static str, u16)],
}

impl Hard {
    pub fn method(&self) -> &'static str {
        self.route.split_once(' ').expect("a method").0
    }

    pub fn path(&self) -> &'static str {
        self.route.split_once(' ').expect("a path").1
    }

    /// The status of something odd.
    pub fn expected(&self, odd: &Odd) -> u16 {
        let mut but = self.but.iter();
        but.find(|(what, _)| *what == odd.what)
            .map_or(odd.status, |(_, status)| *status)
    }

    const fn but(mut self, but: &'static [(&'static str, u16)]) -> Self {
        self.but = but;
        self
    }
}

const fn row(route: &'static str, wrong: Wrong, by: By, body: Body) -> Hard {
    Hard {
        route,
        wrong,
        by,
        body,
        but: &[],
    }
}

/// Every row.
pub fn rows() -> impl Iterator<Item = &'static Hard> {
    pages::ROWS.iter().chain(api::ROWS)
}

const READ: Body = Body::None("it is only read");
/// What is asked of a list, each time wrongly.
const LISTS: Body = Body::Query(&[
    "odd=1",
    "limit=0",
    "limit=201",
    "limit=x",
    "limit=1&limit=2",
    "q=a%00b",
    "q=%FF",
    "sort=name",
    "state=odd",
    "type=image/png",
    "from=2026-02-30",
    "to=x",
    "depositor=x",
    "cursor=x",
]);
/// The same of the list of cases.
const LISTS_OF_CASES: Body = Body::Query(&[
    "odd=1",
    "limit=0",
    "limit=x",
    "limit=1&limit=2",
    "q=a%00b",
    "q=%FF",
    "sort=size",
    "stage=odd",
    "cursor=x",
]);
