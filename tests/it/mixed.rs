//! What is of another case is answered as what is not there at all, in every place where two ids
//! stand together.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    coverage::uses::id,
    support::{MOVES, TestApp, User},
};

const UNKNOWN: &str = "00112233445566778899aabbccddeeff";

/// A case with one of everything that can be named beside it.
struct Case {
    case: String,
    party: String,
    item: String,
    exhibit: String,
    order: String,
}

struct People {
    custodian: User,
    officer: User,
    prosecutor: User,
    judge: User,
}

impl Case {
    async fn new(app: &TestApp, people: &People) -> Self {
        let roles = [
            (&people.officer, "investigator"),
            (&people.prosecutor, "prosecutor"),
            (&people.judge, "judge"),
        ];
        let case = app.case(&people.custodian, &roles).await;
        let party = json!({"side": "defence", "name": "D."});
        let path = format!("/cases/{case}/parties");
        let party = made(app, &people.custodian, &path, party).await;
        let item = app.deposit(&people.officer, &case, b"hello").await;
        let item = id(&item, "item");
        let order = json!({"number": "O-1", "orders": "admit", "text": "It is admitted."});
        let path = format!("/cases/{case}/orders");
        let order = made(app, &people.judge, &path, order).await;
        let path = format!("/items/{item}/exhibits");
        let exhibit = made(app, &people.prosecutor, &path, json!({"number": "P1"})).await;
        Self {
            case,
            party,
            item,
            exhibit,
            order,
        }
    }
}

async fn made(app: &TestApp, user: &User, path: &str, body: Value) -> String {
    id(&app.ask(user, Method::POST, path, Some(body)).await, "id")
}

/// Status, headers and body of an answer, without the id that was named.
async fn answered(
    app: &TestApp,
    (user, method, path): (&User, Method, &str),
    body: Option<Value>,
    named: &str,
) -> (u16, Vec<String>, String) {
    let answer = app.api(user, method, path, body).await;
    let status = answer.status().as_u16();
    let headers = answer.headers().iter();
    let mut headers: Vec<String> = headers
        .filter(|(name, _)| !MOVES.contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {value:?}"))
        .collect();
    headers.sort();
    let body = answer.text().await.expect("a body").replace(named, "ID");
    (status, headers, body)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_of_another_case_is_as_what_is_not_there() {
    let app = TestApp::start().await;
    let people = People {
        custodian: app.person("custodian", &["custodian"]).await,
        officer: app.person("officer", &[]).await,
        prosecutor: app.person("prosecutor", &[]).await,
        judge: app.person("judge", &[]).await,
    };
    let outsider = app.person("outsider", &[]).await;
    let here = Case::new(&app, &people).await;
    let there = Case::new(&app, &people).await;
    let Case { case, item, .. } = &here;
    let exhibits = format!("/items/{item}/exhibits");
    let member = json!({"person": outsider.person, "role": "defence", "party": "ID"});
    let admitted = json!({"status": "admitted"});
    let under = json!({"status": "admitted", "order": "ID"});
    let derived = json!({"sources": ["ID"], "tool": "t", "operator": "o", "reason": "clip"});
    let derived = json!({"reference": "JS/70", "derived": derived});
    let (custodian, officer) = (&people.custodian, &people.officer);
    let (prosecutor, judge) = (&people.prosecutor, &people.judge);
    // Whoever is on both cases may know of the item that something is made from; what they are
    // told of it is theirs, and need not be what they are told of nothing.
    let asked = [
        (
            prosecutor,
            Method::POST,
            format!("/items/{item}/servings"),
            Some(json!({"party": "ID"})),
            &there.party,
        ),
        (
            custodian,
            Method::POST,
            format!("/cases/{case}/people"),
            Some(member),
            &there.party,
        ),
        (
            prosecutor,
            Method::DELETE,
            format!("{exhibits}/ID"),
            None,
            &there.exhibit,
        ),
        (
            judge,
            Method::PUT,
            format!("{exhibits}/ID/ruling"),
            Some(admitted),
            &there.exhibit,
        ),
        (
            judge,
            Method::PUT,
            format!("{exhibits}/{}/ruling", here.exhibit),
            Some(under),
            &there.order,
        ),
        (
            officer,
            Method::POST,
            format!("/cases/{case}/items"),
            Some(derived),
            &there.item,
        ),
    ];
    for (user, method, path, body, other) in asked {
        let mut answers = Vec::new();
        for named in [other.as_str(), UNKNOWN] {
            let start = app.size().await;
            let path = path.replace("ID", named);
            let body = body.as_ref().map(|body| {
                let text = body.to_string().replace("ID", named);
                serde_json::from_str(&text).expect("JSON")
            });
            let asked = (user, method.clone(), path.as_str());
            let answer = answered(&app, asked, body, named).await;
            answers.push((answer, app.kinds_since(start).await));
        }
        let status = answers[0].0.0;
        assert!(matches!(status, 400 | 404), "{path}: {:?}", answers[0]);
        if other != &there.item {
            assert_eq!(answers[0], answers[1], "{path}");
        }
    }
}
