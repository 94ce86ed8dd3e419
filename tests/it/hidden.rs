//! What a person may not see is answered exactly as what does not exist.

use reqwest::{Method, Response};
use serde_json::json;

use crate::support::{MOVES, TestApp, User, WHY};

/// An id of the right form that names nothing.
const UNKNOWN: &str = "00112233445566778899aabbccddeeff";

/// Status, headers and body, without what names the id that was asked for, and without the date.
async fn masked(answer: Response, id: &str) -> (u16, Vec<String>, String) {
    let status = answer.status().as_u16();
    let mut headers: Vec<String> = answer
        .headers()
        .iter()
        .filter(|(name, _)| !MOVES.contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}", value.to_str().expect("text")).replace(id, "ID"))
        .collect();
    headers.sort();
    let body = answer.text().await.expect("a body").replace(id, "ID");
    (status, headers, body)
}

/// Every way to ask for an item, each answered once for `id`.
async fn answers(
    app: &TestApp,
    user: &User,
    id: &str,
) -> Vec<(String, (u16, Vec<String>, String))> {
    let mut answers = Vec::new();
    let party = UNKNOWN;
    let view = json!({"purpose": "investigation", "why": WHY, "download": false});
    let asked = [
        (Method::GET, "", None),
        (Method::GET, "/history", None),
        (Method::GET, "/receipt", None),
        (Method::POST, "/views", Some(view)),
        (Method::POST, "/servings", Some(json!({"party": party}))),
        (Method::POST, "/bundle", Some(json!({"content": false}))),
        (Method::PUT, "/restriction", None),
        (Method::DELETE, "/restriction", None),
    ];
    for (method, path, body) in asked {
        let path = format!("/items/{id}{path}");
        for headers in [&[][..], &[("If-Match", "*")], &[("If-Match", "\"x\"")]] {
            let sent = app.api_with(user, method.clone(), &path, body.clone(), headers);
            let answer = sent.await;
            if method == Method::GET || answer.status() != 400 {
                let name = format!("{method} {} {headers:?}", path.replace(id, "ID"));
                answers.push((name, masked(answer, id).await));
            }
        }
    }
    for path in ["", "?deposited", "/serve", "/history", "/receipt"] {
        let path = format!("/items/{id}{path}");
        let answer = app.get(user, &path).await;
        answers.push((path.replace(id, "ID"), masked(answer, id).await));
    }
    let open = [("purpose", "investigation"), ("why", WHY), ("how", "view")];
    for (path, fields) in [
        ("/views", &open[..]),
        ("/serve", &[("party", party)]),
        (
            "/bundle",
            &[("what", "history"), ("purpose", ""), ("why", "")],
        ),
        (&format!("/views/{}/close", "f".repeat(32)), &[]),
        ("/restrict", &[]),
        ("/lift-restriction", &[("tag", "*")]),
    ] {
        let path = format!("/items/{id}{path}");
        let answer = app.post(user, &path, fields).await;
        answers.push((
            format!("POST {}", path.replace(id, "ID")),
            masked(answer, id).await,
        ));
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_item_is_answered_as_an_unknown_one() {
    let app = TestApp::start().await;
    let custodian = app.person("custodian", &["custodian"]).await;
    let officer = app.person("officer", &[]).await;
    let colleague = app.person("colleague", &[]).await;
    let outsider = app.person("outsider", &[]).await;
    let people = [(&officer, "investigator"), (&colleague, "investigator")];
    let case = app.case(&custodian, &people).await;
    let party = json!({"side": "defence", "name": "D."});
    let path = format!("/cases/{case}/parties");
    let party = app.ask(&custodian, Method::POST, &path, Some(party)).await;
    let counsel = app.person("counsel", &[]).await;
    let member = json!({"person": counsel.person, "role": "defence", "party": party["id"]});
    let path = format!("/cases/{case}/people");
    app.ask(&custodian, Method::POST, &path, Some(member)).await;
    let new = json!({"reference": "JS/9", "description": "a name", "sensitivity": "restricted"});
    let path = format!("/cases/{case}/items");
    let upload = app.ask(&officer, Method::POST, &path, Some(new)).await;
    let address = upload["content"].as_str().expect("an address");
    let sent = officer
        .on(app.request(Method::PUT, address))
        .header("X-Custos-CSRF", &officer.csrf)
        .body("who she is")
        .send();
    let sent = sent.await.expect("an answer");
    assert_eq!(sent.status(), 201);
    let hidden: serde_json::Value =
        serde_json::from_str(&sent.text().await.expect("a body")).expect("JSON");
    let hidden = hidden["item"].as_str().expect("an id").to_owned();

    for user in [&colleague, &counsel, &outsider] {
        let start = app.size().await;
        let of_hidden = answers(&app, user, &hidden).await;
        let middle = app.size().await;
        let of_unknown = answers(&app, user, UNKNOWN).await;
        for (hidden, unknown) in of_hidden.iter().zip(&of_unknown) {
            assert_eq!(hidden, unknown);
        }
        for (name, (status, ..)) in &of_hidden {
            assert_eq!(*status, 404, "{name}");
        }
        let (first, second) = (app.kinds_since(start).await, app.kinds_since(middle).await);
        assert_eq!(first[..second.len()], second[..], "the entries differ");
        assert_eq!(
            first.len(),
            2 * second.len(),
            "the entries differ in number"
        );
    }
}
