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
    app::cases::{Asked, ItemList},
    http::{errors::Failure, tags::Tagged},
};

/// Filters, order and place of a list, as the address names them.
pub struct Listed(pub Asked);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Listed {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, ()> {
        let query = request.uri().query();
        match asked(query.map_or("", |query| query.as_str())) {
            Ok(asked) => Outcome::Success(Self(asked)),
            Err(failure) => Outcome::Error(failure.stash(request)),
        }
    }
}

fn asked(query: &str) -> Result<Asked, Failure> {
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
    Ok(Asked::of(pairs)?)
}

/// The address of the same list with another order or place; an empty value is left out.
pub fn address(path: &str, asked: &Asked, other: (&'static str, &str)) -> String {
    let kept = asked.filters().chain([("limit", asked.limit.as_str())]);
    let kept = kept.filter(|(name, _)| *name != other.0);
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
    pub fn of(body: Tagged<T>, path: &str, asked: &Asked, list: &ItemList) -> Self {
        let beside = [("next", &list.next), ("prev", &list.previous)];
        let links = beside.into_iter().filter_map(|(name, cursor)| {
            let cursor = cursor.as_deref()?;
            Some((name, address(path, asked, ("cursor", cursor))))
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
        let failure = asked(query).expect_err("it is refused");
        assert_eq!(failure.problem().status.code, 400, "{query}");
        failure.problem().detail
    }

    #[test]
    fn what_is_asked_comes_back_in_addresses() {
        let query = "q=caf%C3%A9+%26%201&state=served&limit=7&cursor=abc&from=&sort=-size";
        let asked = asked(query).map_err(|failure| failure.problem().detail);
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
}
