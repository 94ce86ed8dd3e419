//! What every route answers to somebody without a part in it, to what is malformed and to what is
//! too large: nothing changes, nothing is entered but a refusal, and the answer is in words.

mod bodies;
mod sent;
mod table;
mod world;

use std::collections::BTreeSet;

use custos::http::front::Pass;
use reqwest::Method;

use self::{
    bodies::{Odd, odd_bodies},
    sent::{Answer, Ask},
    table::{Body, Hard, Wrong, rows},
    world::World,
};
use crate::support::{TestApp, edge};

/// An id of the right form that names nothing.
const UNKNOWN: &str = "00112233445566778899aabbccddeeff";
/// Ids of no form at all; each is answered as one that names nothing.
const ODD_IDS: &[&str] = &[
    "0",
    "00112233445566778899AABBCCDDEEFF",
    "00112233445566778899aabbccddeeff%00",
    "..%2f..%2fetc%2fpasswd",
    "%F0%9F%92%A9",
    "%FF",
];
/// Bytes of a header that no request may have.
const LONG_HEADER_BYTES: usize = 40_000;

#[tokio::test(flavor = "multi_thread")]
async fn every_route_says_what_is_refused() {
    let app = TestApp::start().await;
    let pass = Pass::fresh(&app.room.core.ambient);
    let rocket = custos::http::rocket(app.room.clone(), &edge(app.port), pass);
    let mounted: BTreeSet<String> = rocket
        .routes()
        .map(|route| format!("{} {}", route.method, route.uri))
        .collect();
    let said: BTreeSet<String> = rows().map(|row| row.route.to_owned()).collect();
    assert_eq!(said.len(), rows().count(), "a row stands twice");
    assert_eq!(mounted, said);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_part_in_it_learns_and_changes_nothing() {
    let world = World::new().await;
    let mut wrong = Vec::new();
    for row in rows() {
        let expected = match row.wrong {
            Wrong::Nothing => (404, &["refuse"][..]),
            Wrong::Unentered => (404, &[][..]),
            Wrong::Forbidden => (403, &["refuse"][..]),
            Wrong::Own(_) | Wrong::Open(_) => continue,
        };
        let ask = Ask::of(&world, row, &world.outsider);
        let start = world.app.size().await;
        let of_real = ask.send(&world).await;
        let left = world.app.kinds_since(start).await;
        if (of_real.status, left.iter().map(String::as_str).collect())
            != (expected.0, expected.1.to_vec())
        {
            wrong.push(format!("{}: {} {left:?}", row.route, of_real.status));
        }
        wrong.extend(of_real.fault(row.route));
        let start = world.app.size().await;
        let of_unknown = ask.unknown(&world, row).send(&world).await;
        if of_real.masked() != of_unknown.masked() {
            wrong.push(format!("{}: {of_real:?} and {of_unknown:?}", row.route));
        }
        let left_of_unknown = world.app.kinds_since(start).await;
        if left != left_of_unknown {
            wrong.push(format!("{}: {left:?} and {left_of_unknown:?}", row.route));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_malformed_or_too_large_changes_nothing() {
    let world = World::new().await;
    let mut wrong = Vec::new();
    let mut sent = 0;
    for row in rows() {
        let ask = Ask::of(&world, row, world.by(row.by));
        let mut odd: Vec<(Odd, Ask)> = odd_bodies(&world, row, &ask);
        odd.extend(odd_addresses(row, &ask));
        let long = ask.with("X-Long", &"x".repeat(LONG_HEADER_BYTES));
        odd.push((Odd::new("a head too large", 431), long));
        for (what, ask) in odd {
            let start = world.app.size().await;
            let answer = ask.send(&world).await;
            let left = world.app.kinds_since(start).await;
            let expected = row.expected(&what);
            // An attempt with a wrong password is entered where it is known whose.
            let refused = match row.route {
                "POST /password" => left == ["sign_in_failed"],
                _ => expected == 404 && left == ["refuse"],
            };
            if answer.status != expected || !(left.is_empty() || refused) {
                wrong.push(format!(
                    "{}, {}: {} {left:?} instead of {expected}: {}",
                    row.route,
                    what.what,
                    answer.status,
                    answer.said()
                ));
            }
            wrong.extend(answer.fault(&format!("{}, {}", row.route, what.what)));
            sent += 1;
        }
    }
    assert!(sent > 1_000, "{sent}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The same request at addresses that are malformed.
fn odd_addresses(row: &Hard, ask: &Ask) -> Vec<(Odd, Ask)> {
    let mut odd = Vec::new();
    let parameters: Vec<usize> = row
        .path()
        .split('/')
        .enumerate()
        .filter(|(_, part)| {
            part.starts_with('<') && !matches!(*part, "<name>" | "<mark>" | "<path..>" | "<role>")
        })
        .map(|(at, _)| at)
        .collect();
    for at in parameters {
        for id in ODD_IDS {
            let mut parts: Vec<&str> = ask.path.split('/').collect();
            parts[at] = id;
            let path = parts.join("/");
            odd.push((Odd::new("an odd id", 404), ask.at(&path)));
        }
    }
    if let Body::Query(queries) = row.body {
        for query in queries {
            let path = format!("{}?{query}", ask.path);
            odd.push((Odd::new(*query, 400), ask.at(&path)));
        }
    }
    odd
}

/// Whether an answer is what a program or a person can read.
impl Answer {
    fn fault(&self, what: &str) -> Option<String> {
        if let Some(breach) = &self.breach {
            return Some(format!("{what}: {breach}"));
        }
        if self.status >= 500 {
            return Some(format!("{what}: {} {}", self.status, self.said()));
        }
        let by_program = self.path.starts_with("/api/") || self.path == "/health";
        let kind = self.kind.as_str();
        let told = match (by_program, self.status) {
            // The front speaks before it is known who asks.
            (_, 431) => kind == "application/problem+json" || kind == "text/plain; charset=utf-8",
            (true, _) => kind == "application/problem+json" && self.has_type(),
            (false, _) if self.is_line() => kind == "text/plain; charset=utf-8",
            (false, _) => kind == "text/html; charset=utf-8" && self.body.contains("<h1>"),
        };
        (!told).then(|| {
            format!(
                "{what}: {} is told as `{kind}`: {}",
                self.status,
                self.said()
            )
        })
    }
}

#[test]
fn each_row_names_a_method_and_reasons_are_given() {
    for row in rows() {
        let method = Method::from_bytes(row.method().as_bytes());
        assert!(method.is_ok(), "{}", row.route);
        if let Wrong::Own(why) | Wrong::Open(why) = row.wrong {
            assert!(why.len() > 5, "{}: {why}", row.route);
        }
        if let Body::None(why) = row.body {
            assert!(why.len() > 5, "{}: {why}", row.route);
        }
    }
}
