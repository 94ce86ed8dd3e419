//! Tags of what is read, and changes that say what they are made upon.

use futures::future::join_all;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::{TestApp, User, location};

/// A case with those on it who change something.
struct Floor {
    app: TestApp,
    custodian: User,
    officer: User,
    colleague: User,
    prosecutor: User,
    judge: User,
    case: String,
    item: String,
}

impl Floor {
    async fn new() -> Self {
        let app = TestApp::start().await;
        let custodian = app.person("custodian", &["custodian"]).await;
        let officer = app.person("officer", &[]).await;
        let colleague = app.person("colleague", &[]).await;
        let prosecutor = app.person("prosecutor", &[]).await;
        let judge = app.person("judge", &[]).await;
        let on_case = [
            (&officer, "investigator"),
            (&colleague, "investigator"),
            (&prosecutor, "prosecutor"),
            (&judge, "judge"),
        ];
        let case = app.case(&custodian, &on_case).await;
        let item = app.deposit(&officer, &case, b"hello").await;
        Self {
            item: format!("/items/{}", item["item"].as_str().expect("an id")),
            case: format!("/cases/{case}"),
            app,
            custodian,
            officer,
            colleague,
            prosecutor,
            judge,
        }
    }

    fn case_id(&self) -> &str {
        self.case.rsplit('/').next().expect("an id")
    }

    /// The tag of what is read.
    async fn tag(&self, user: &User, path: &str) -> String {
        let answer = self.app.api(user, Method::GET, path, None).await;
        assert_eq!(answer.status(), 200, "{path}");
        header(&answer, "etag")
    }

    /// A change upon `tags`; nothing is said where they are empty.
    async fn change(
        &self,
        user: &User,
        (method, path): (Method, &str),
        body: &Value,
        tags: &str,
    ) -> u16 {
        let headers = [("If-Match", tags)];
        let headers = if tags.is_empty() { &[] } else { &headers[..] };
        let body = (!body.is_null()).then(|| body.clone());
        let answer = self.app.api_with(user, method, path, body, headers).await;
        answer.status().as_u16()
    }

    /// The same, which must change nothing and leave no entry.
    async fn unchanged(&self, user: &User, what: (Method, &str), body: &Value, tags: &str) -> u16 {
        let start = self.app.size().await;
        let status = self.change(user, what, body, tags).await;
        assert_eq!(self.app.size().await, start, "{tags}: {status}");
        status
    }

    async fn offered(&self) -> String {
        let path = format!("{}/exhibits", self.item);
        let offer = json!({"number": "P1"});
        let offer = self
            .app
            .ask(&self.prosecutor, Method::POST, &path, Some(offer));
        let offer = offer.await;
        format!("{path}/{}/ruling", offer["id"].as_str().expect("an id"))
    }
}

/// Who sends a form, the page it stands on, where it goes, and its fields.
type Form<'a> = (&'a User, &'a str, &'a str, &'a [(&'a str, &'a str)]);

fn header(answer: &Response, name: &str) -> String {
    let value = answer.headers().get(name).expect("a header");
    value.to_str().expect("text").into()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_has_a_strong_tag_and_a_known_one_spares_the_bytes_alone() {
    let floor = Floor::new().await;
    let (case, item) = (&floor.case, &floor.item);
    let admin = floor.app.admin.clone();
    let people = floor.app.ask(&admin, Method::GET, "/people", None).await;
    let person = people["items"][0]["id"].as_str().expect("an id");
    for (user, path, kinds) in [
        (&floor.officer, "/me".to_owned(), &[][..]),
        (&floor.officer, "/cases".to_owned(), &["list"]),
        (&floor.officer, case.clone(), &["list"]),
        (&floor.officer, format!("{case}/items?limit=1"), &["list"]),
        (&floor.officer, format!("{case}/exhibits"), &["list"]),
        (&floor.judge, format!("{case}/orders"), &["list"]),
        (&floor.custodian, format!("{case}/walls"), &["list"]),
        (&floor.officer, item.clone(), &["read"]),
        (&admin, "/people".to_owned(), &["list"]),
        (&admin, format!("/people/{person}"), &["list"]),
        (&floor.officer, "/tokens".to_owned(), &["list"]),
    ] {
        let tag = floor.tag(user, &path).await;
        assert!(tag.starts_with('"') && tag.ends_with('"'), "{path}: {tag}");
        assert_eq!(tag, floor.tag(user, &path).await, "{path}: the same again");
        let known = async |names: &str| {
            let start = floor.app.size().await;
            let headers = [("If-None-Match", names)];
            let answer = floor.app.api_with(user, Method::GET, &path, None, &headers);
            let answer = answer.await;
            assert_eq!(header(&answer, "etag"), tag, "{path}");
            assert_eq!(header(&answer, "cache-control"), "no-store", "{path}");
            assert_eq!(floor.app.kinds_since(start).await, kinds, "{path}");
            let status = answer.status().as_u16();
            let body = answer.bytes().await.expect("a body");
            assert_eq!(status == 304, body.is_empty(), "{path}");
            status
        };
        for same in [tag.clone(), format!("\"x\", W/{tag}"), "*".into()] {
            assert_eq!(known(&same).await, 304, "{path}: {same}");
        }
        for other in ["\"x\"", "x", tag.trim_matches('"'), ""] {
            assert_eq!(known(other).await, 200, "{path}: {other}");
        }
    }
    let asked = [("If-None-Match", "*")];
    let answer = floor
        .app
        .api_with(&floor.officer, Method::GET, "/items/0", None, &asked);
    assert_eq!(answer.await.status(), 404, "a refusal is never spared");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_is_closed_upon_what_was_seen_of_it() {
    let floor = Floor::new().await;
    let path = format!("{}/stage", floor.case);
    let stage = || (Method::PUT, path.as_str());
    let closed = json!({"stage": "closed", "outcome": "a conviction"});
    let custodian = &floor.custodian;
    let seen = floor.tag(custodian, &floor.case).await;
    assert_eq!(floor.unchanged(custodian, stage(), &closed, "").await, 428);
    for (tags, status) in [
        ("\"AAAAAAAAAAAAAAAAAAAAAA\"", 412),
        ("\"another's\"", 412),
        (&format!("W/{seen}"), 412),
        (seen.trim_matches('"'), 400),
        ("\"a\",\"b\",\"c\",\"d\",\"e\"", 400),
        ("*, *", 400),
    ] {
        let got = floor.unchanged(custodian, stage(), &closed, tags).await;
        assert_eq!(got, status, "{tags}");
    }
    // Those who may not are told so first, whatever they say they saw.
    for tags in ["", "\"x\"", &seen] {
        assert_eq!(
            floor.change(&floor.judge, stage(), &closed, tags).await,
            403
        );
        let admin = floor.app.admin.clone();
        assert_eq!(floor.change(&admin, stage(), &closed, tags).await, 404);
    }
    // Another custodian adds a party: what was seen is no more.
    let party = json!({"side": "victim", "name": "V."});
    let parties = format!("{}/parties", floor.case);
    floor
        .app
        .ask(custodian, Method::POST, &parties, Some(party))
        .await;
    assert_eq!(
        floor.unchanged(custodian, stage(), &closed, &seen).await,
        412
    );
    let seen = floor.tag(custodian, &floor.case).await;
    // What is deposited meanwhile is another matter.
    floor
        .app
        .deposit(&floor.officer, floor.case_id(), b"more")
        .await;
    let now = floor.tag(custodian, &floor.case).await;
    let either = format!("\"x\", {seen}");
    assert_eq!(
        floor.change(custodian, stage(), &closed, &either).await,
        200
    );
    // The tag of the case before is not that of the closed one.
    let open = json!({"stage": "open", "outcome": "an appeal"});
    assert_eq!(floor.unchanged(custodian, stage(), &open, &now).await, 412);
    assert_eq!(floor.change(custodian, stage(), &open, "*").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_rulings_at_the_same_time_upon_the_same_one_is_made() {
    let floor = Floor::new().await;
    let ruling = floor.offered().await;
    let seen = floor.tag(&floor.judge, &floor.item).await;
    let start = floor.app.size().await;
    let rule = |nth: usize| {
        let status = ["admitted", "rejected"][nth % 2];
        let body = json!({"status": status, "note": format!("{nth}")});
        let (floor, ruling, seen) = (&floor, &ruling, &seen);
        async move {
            let what = (Method::PUT, ruling.as_str());
            floor.change(&floor.judge, what, &body, seen).await
        }
    };
    let mut statuses = join_all((0..12).map(rule)).await;
    statuses.sort_unstable();
    assert_eq!(statuses[0], 200, "{statuses:?}");
    assert!(
        statuses[1..].iter().all(|status| *status == 412),
        "{statuses:?}"
    );
    assert_eq!(floor.app.kinds_since(start).await, ["exhibit"]);
    let rejected = json!({"status": "rejected"});
    let what = || (Method::PUT, ruling.as_str());
    assert_eq!(
        floor.unchanged(&floor.judge, what(), &rejected, "").await,
        428
    );
    let seen = floor.tag(&floor.judge, &floor.item).await;
    assert_eq!(
        floor.change(&floor.judge, what(), &rejected, &seen).await,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_protects_is_done_unseen_and_what_opens_again_is_not() {
    let floor = Floor::new().await;
    let (app, admin) = (&floor.app, floor.app.admin.clone());
    let person = format!("/people/{}", floor.colleague.person);
    let one = app.ask(&admin, Method::GET, &person, None).await;
    let account = one["accounts"][0]["id"].as_str().expect("an id").to_owned();
    let restriction = format!("{}/restriction", floor.item);
    let walls = format!("{}/walls", floor.case);
    let wall = format!("{walls}/{}", floor.colleague.person);
    let status = |status: &str| json!({"status": status});
    let moved = |to: &str| json!({"status": to, "reason": "the other side"});
    let (post, put) = (Method::POST, Method::PUT);
    let account = format!("/accounts/{account}/status");
    let of_person = format!("{person}/status");
    for (user, read, protects, opens) in [
        (
            &admin,
            &person,
            (&post, &of_person, status("suspended")),
            (&post, &of_person, status("active")),
        ),
        (
            &admin,
            &person,
            (&post, &account, status("suspended")),
            (&post, &account, status("active")),
        ),
        (
            &floor.custodian,
            &walls,
            (&put, &wall, moved("up")),
            (&put, &wall, moved("down")),
        ),
        (
            &floor.judge,
            &floor.item,
            (&put, &restriction, Value::Null),
            (&Method::DELETE, &restriction, Value::Null),
        ),
    ] {
        let before = floor.tag(user, read).await;
        let protect = || (protects.0.clone(), protects.1.as_str());
        let open = || (opens.0.clone(), opens.1.as_str());
        let stale = "\"AAAAAAAAAAAAAAAAAAAAAA\"";
        assert_eq!(
            floor.unchanged(user, protect(), &protects.2, stale).await,
            412,
            "{read}"
        );
        assert_eq!(
            floor.change(user, protect(), &protects.2, "").await,
            200,
            "{read}"
        );
        assert_eq!(
            floor.unchanged(user, open(), &opens.2, "").await,
            428,
            "{read}"
        );
        assert_eq!(
            floor.unchanged(user, open(), &opens.2, &before).await,
            412,
            "{read}"
        );
        let seen = floor.tag(user, read).await;
        assert_eq!(
            floor.change(user, open(), &opens.2, &seen).await,
            200,
            "{read}"
        );
        // As it was before, as far as they see.
        let seen = floor.tag(user, read).await;
        let protected = floor.change(user, protect(), &protects.2, &seen).await;
        assert_eq!(protected, 200, "{read}");
        assert_eq!(
            floor.change(user, open(), &opens.2, "*").await,
            200,
            "{read}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_hidden_changes_no_tag_of_those_from_whom_it_is() {
    let floor = Floor::new().await;
    let app = &floor.app;
    let reads = [
        "/cases".to_owned(),
        floor.case.clone(),
        format!("{}/items", floor.case),
        format!("{}/exhibits", floor.case),
        floor.item.clone(),
    ];
    let tags = async |user: &User| {
        let mut tags = Vec::new();
        for path in &reads {
            tags.push(floor.tag(user, path).await);
        }
        tags
    };
    let (seen, of_judge) = (tags(&floor.colleague).await, tags(&floor.judge).await);
    let new = json!({"reference": "JS/9", "description": "a name", "sensitivity": "restricted"});
    let hidden = app
        .deposit_told(&floor.officer, floor.case_id(), new, b"who she is")
        .await;
    let hidden = format!("/items/{}", hidden["item"].as_str().expect("an id"));
    assert_eq!(tags(&floor.colleague).await, seen, "a hidden deposit");
    let correction = json!({"field": "place", "value": "Gate 3", "reason": "a slip"});
    let path = format!("{hidden}/corrections");
    let corrected = app
        .api(&floor.judge, Method::POST, &path, Some(correction))
        .await;
    assert!(!corrected.status().is_server_error());
    assert_eq!(tags(&floor.colleague).await, seen, "a hidden correction");
    assert_ne!(tags(&floor.judge).await, of_judge, "the judge sees more");
    let path = format!("{hidden}/restriction");
    app.ask(&floor.judge, Method::DELETE, &path, None).await;
    assert_ne!(tags(&floor.colleague).await, seen, "it is hidden no more");
    app.ask(&floor.judge, Method::PUT, &path, None).await;
    assert_eq!(tags(&floor.colleague).await, seen, "it is hidden again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_that_is_not_looked_at_is_refused() {
    let floor = Floor::new().await;
    let new = json!({"number": "26/2", "title": "Quay"});
    for name in ["If-Match", "If-None-Match"] {
        let start = floor.app.size().await;
        let headers = [(name, "*")];
        let answer = floor.app.api_with(
            &floor.custodian,
            Method::POST,
            "/cases",
            Some(new.clone()),
            &headers,
        );
        let answer = answer.await;
        assert_eq!(answer.status(), 400, "{name}");
        assert!(answer.text().await.expect("a problem").contains(name));
        assert_eq!(floor.app.size().await, start);
    }
    let path = format!("{}/stage", floor.case);
    let closed = json!({"stage": "closed", "outcome": "over"});
    let headers = [("If-Match", "*"), ("If-None-Match", "*")];
    let answer = floor
        .app
        .api_with(&floor.custodian, Method::PUT, &path, Some(closed), &headers);
    assert_eq!(answer.await.status(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_under_a_key_is_answered_again_upon_what_is_no_more() {
    let floor = Floor::new().await;
    let seen = floor.tag(&floor.officer, &floor.item).await;
    let path = format!("{}/corrections", floor.item);
    let correction = json!({"field": "place", "value": "Gate 3", "reason": "a slip"});
    let correct = async |key: &str, tag: &str| {
        let headers = [("If-Match", tag), ("Idempotency-Key", key)];
        let body = Some(correction.clone());
        let answer = floor
            .app
            .api_with(&floor.officer, Method::POST, &path, body, &headers)
            .await;
        let status = answer.status().as_u16();
        (status, answer.text().await.expect("a body"))
    };
    let first = correct("k", &seen).await;
    assert_eq!(first.0, 201);
    assert_eq!(correct("k", &seen).await, first, "it was made once");
    assert_eq!(correct("other", &seen).await.0, 412);
    let now = floor.tag(&floor.officer, &floor.item).await;
    assert_eq!(correct("other", &now).await.0, 201, "a refusal is not kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_are_sent_upon_what_their_page_showed() {
    let floor = Floor::new().await;
    let (app, admin) = (&floor.app, floor.app.admin.clone());
    let ruling = floor.offered().await;
    app.ask(
        &floor.judge,
        Method::PUT,
        &format!("{}/restriction", floor.item),
        None,
    )
    .await;
    let wall = format!("{}/walls/{}", floor.case, floor.colleague.person);
    let up = json!({"status": "up", "reason": "the other side"});
    app.ask(&floor.custodian, Method::PUT, &wall, Some(up))
        .await;
    let status = format!("/people/{}/status", floor.colleague.person);
    let suspended = json!({"status": "suspended"});
    app.ask(&admin, Method::POST, &status, Some(suspended))
        .await;
    let walls = format!("{}/walls", floor.case);
    let stage = format!("{}/stage", floor.case);
    let lift = format!("{}/lift-restriction", floor.item);
    let colleague = floor.colleague.person.clone();
    let forms: &[Form<'_>] = &[
        (
            &floor.judge,
            &floor.item,
            &ruling,
            &[("status", "admitted"), ("order", ""), ("note", "")],
        ),
        (&floor.judge, &floor.item, &lift, &[]),
        (
            &floor.custodian,
            &floor.case,
            &walls,
            &[
                ("person", &colleague),
                ("status", "down"),
                ("reason", "an error"),
            ],
        ),
        (
            &floor.custodian,
            &floor.case,
            &stage,
            &[("stage", "closed"), ("outcome", "a conviction")],
        ),
        (&admin, "/people", &status, &[("status", "active")]),
    ];
    for (user, page, action, fields) in forms {
        let shown = app.get(user, page).await.text().await.expect("a page");
        let form = shown.split(&format!("action=\"{action}\"")).nth(1);
        let form = form.unwrap_or_else(|| panic!("{action} in {shown}"));
        let tag = form.split("name=\"tag\" value=\"").nth(1).expect("a tag");
        let tag = tag.split('"').next().expect("an end");
        let stale = "AAAAAAAAAAAAAAAAAAAAAA";
        for (tag, status) in [(stale, 412), ("", 400), (tag, 303)] {
            let start = app.size().await;
            let sent: Vec<_> = fields.iter().copied().chain([("tag", tag)]).collect();
            let answer = app.post(user, action, &sent).await;
            assert_eq!(answer.status(), status, "{action}");
            if status == 303 {
                location(&answer);
                continue;
            }
            let told = answer.text().await.expect("a page");
            assert!(told.contains("nothing was changed"), "{told}");
            assert_eq!(app.size().await, start, "{action}");
        }
        // The page that was shown is no more; its form would undo what was just done.
        let sent: Vec<_> = fields.iter().copied().chain([("tag", tag)]).collect();
        assert_eq!(
            app.post(user, action, &sent).await.status(),
            412,
            "{action}"
        );
    }
}
