//! What is asked of a list in the address, and addresses of its other pages.

use rocket::{
    Request, Response,
    http::RawStr,
    outcome::Outcome,
    request::{self, FromRequest},
    response::{self, Responder},
};
use serde::Serialize;

use crate::{
    app::{
        self,
        cases::{Asked, AskedCases, CaseList, ItemList},
    },
    http::{errors::Failure, tags::Tagged},
};

/// What can be asked of a list in an address.
pub trait Query: Sized {
    /// Takes what stands in a query, each name once.
    ///
    /// # Errors
    /// It names what is unknown, given twice, or can't be taken.
    fn of<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self, app::Error>;

    /// Filters, order and number on a page, by name, as far as they are given.
    fn kept(&self) -> impl Iterator<Item = (&'static str, &str)>;
}

impl Query for Asked {
    fn of<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self, app::Error> {
        Self::of(pairs)
    }

    fn kept(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.filters().chain([("limit", self.limit.as_str())])
    }
}

impl Query for AskedCases {
    fn of<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self, app::Error> {
        Self::of(pairs)
    }

    fn kept(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.filters().chain([("limit", self.limit.as_str())])
    }
}

/// A page of a list, which may have neighbours.
pub trait Neighbours {
    /// Where the next page begins, and where the page before ends.
    fn neighbours(&self) -> [Option<&str>; 2];
}

impl Neighbours for ItemList {
    fn neighbours(&self) -> [Option<&str>; 2] {
        [self.next.as_deref(), self.previous.as_deref()]
    }
}

impl Neighbours for CaseList {
    fn neighbours(&self) -> [Option<&str>; 2] {
        [self.next.as_deref(), self.previous.as_deref()]
    }
}

/// Filters, order and place of a list, as the address names them.
pub struct Listed<Q>(pub Q);

#[rocket::async_trait]
impl<'r, Q: Query + Send> FromRequest<'r> for Listed<Q> {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, ()> {
        let query = request.uri().query();
        match asked(query.map_or("", |query| query.as_str())) {
            Ok(asked) => Outcome::Success(Self(asked)),
            Err(failure) => Outcome::Error(failure.stash(request)),
        }
    }
}

fn asked<Q: Query>(query: &str) -> Result<Q, Failure> {
    let odd = || Failure::Malformed("the address is not UTF-8".into());
    let decoded = |text: &str| {
        let text = RawStr::new(text).url_decode();
        text.map(String::from).map_err(|_| odd())
    };
    let mut pairs = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.push((decoded(name)?, decoded(value)?));
    }
    let pairs = pairs
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    Ok(Q::of(pairs)?)
}

/// The address of the same list with another order or place; an empty value is left out.
pub fn address(path: &str, asked: &impl Query, other: (&'static str, &str)) -> String {
    let kept = asked.kept().filter(|(name, _)| *name != other.0);
    let pairs: Vec<String> = kept
        .chain([other])
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={}", encoded(value)))
        .collect();
    if pairs.is_empty() {
        path.into()
    } else {
        format!("{path}?{}", pairs.join("&"))
    }
}

/// Percent-encodes everything but what RFC 3986 leaves unreserved.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).into(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).into(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// A page of a list for programs: JSON, with the addresses of its neighbours (RFC 8288).
pub struct Paged<T> {
    body: Tagged<T>,
    links: Vec<(&'static str, String)>,
}

impl<T> Paged<T> {
    /// `body` with links to the pages beside `list`, which lie at `path`.
    pub fn of(body: Tagged<T>, path: &str, asked: &impl Query, list: &impl Neighbours) -> Self {
        let beside = ["next", "prev"].into_iter().zip(list.neighbours());
        let links = beside.filter_map(|(name, cursor)| {
            let at = address(path, asked, ("cursor", cursor?));
            Some((name, at))
        });
        Self {
            links: links.collect(),
            body,
        }
    }
}

impl<'r, T: Serialize> Responder<'r, 'static> for Paged<T> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut response = Response::build_from(self.body.respond_to(request)?);
        let links = self.links.iter();
        let links: Vec<String> = links
            .map(|(name, address)| format!("<{address}>; rel=\"{name}\""))
            .collect();
        if !links.is_empty() {
            response.raw_header("Link", links.join(", "));
        }
        response.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(query: &str) -> String {
        refusal::<Asked>(query)
    }

    fn refusal<Q: Query>(query: &str) -> String {
        let Err(failure) = asked::<Q>(query) else {
            panic!("{query} is taken");
        };
        assert_eq!(failure.problem().status.code, 400, "{query}");
        failure.problem().detail
    }

    #[test]
    fn what_is_asked_comes_back_in_addresses() {
        let query = "q=caf%C3%A9+%26%201&state=served&limit=7&cursor=abc&from=&sort=-size";
        let asked = asked::<Asked>(query).map_err(|failure| failure.problem().detail);
        let asked = asked.expect("it is read");
        assert_eq!((asked.q.as_str(), asked.from.as_str()), ("café & 1", ""));
        let next = address("/items", &asked, ("cursor", "x-y_z"));
        let told = "q=caf%C3%A9%20%26%201&state=served&sort=-size&limit=7&cursor=x-y_z";
        assert_eq!(next, format!("/items?{told}"));
        assert_eq!(address("/items", &Asked::default(), ("sort", "")), "/items");
    }

    #[test]
    fn what_is_odd_is_named() {
        assert!(refused("page=2").contains("`page`"));
        assert!(refused("q=a&q=b").contains("`q` is given twice"));
        assert!(refused("q=%FF").contains("UTF-8"));
        assert!(refused("q=a%00b").contains("`q`"));
        assert!(refused(&format!("q={}", "a".repeat(301))).contains("`q`"));
        for limit in ["0", "201", "-1", "x"] {
            assert!(refused(&format!("limit={limit}")).contains("`limit`"));
        }
        for day in ["2026-02-30", "yesterday", "99999999999999999"] {
            assert!(refused(&format!("from={day}")).contains("`from`"), "{day}");
        }
        for sort in ["-", "name", "--size", "Size"] {
            assert!(
                refused(&format!("sort={sort}")).contains("`sort`"),
                "{sort}"
            );
        }
        assert!(refused("state=sealed").contains("`state`"));
        assert!(refused("type=image/png").contains("`type`"));
        assert!(refused("depositor=7").contains("`depositor`"));
    }

    #[test]
    fn of_cases_other_things_are_asked() {
        let asked = asked::<AskedCases>("q=26%2F1&stage=closed&sort=-opened&limit=9");
        let asked = asked.map_err(|failure| failure.problem().detail);
        let asked = asked.expect("it is read");
        let told = "/cases?q=26%2F1&stage=closed&sort=-opened&limit=9&cursor=x";
        assert_eq!(address("/cases", &asked, ("cursor", "x")), told);
        for (query, named) in [
            ("state=served", "`state`"),
            ("stage=lost", "`stage`"),
            ("sort=size", "`sort`"),
            ("sort=-", "`sort`"),
            ("limit=0", "`limit`"),
            ("q=a&q=b", "`q` is given twice"),
        ] {
            assert!(refusal::<AskedCases>(query).contains(named), "{query}");
        }
    }
}
