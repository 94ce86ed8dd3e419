//! Lists of a case's items: pages, filters and addresses, as programs and browsers meet them.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt};

use custos::client::{
    access::{Server, Token},
    api::Api,
};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::{TestApp, User};

struct Room {
    app: TestApp,
    custodian: User,
    officer: User,
    case: String,
}

impl Room {
    async fn with(items: usize) -> Self {
        let app = TestApp::start().await;
        let custodian = app.person("custodian", &["custodian"]).await;
        let officer = app.person("officer", &[]).await;
        let case = app.case(&custodian, &[(&officer, "investigator")]).await;
        let room = Self {
            app,
            custodian,
            officer,
            case,
        };
        // A few at a time, so that two hundred do not take a minute.
        for some in (0..items).collect::<Vec<_>>().chunks(16) {
            let deposits = some.iter().map(|n| room.deposit(*n));
            futures::future::join_all(deposits).await;
        }
        room
    }

    async fn deposit(&self, n: usize) {
        let description = format!("Call <{n}> & \"more\"");
        let new = json!({"reference": format!("JS/{n}"), "description": description});
        let path = format!("/cases/{}/items", self.case);
        let upload = self
            .app
            .ask(&self.officer, Method::POST, &path, Some(new))
            .await;
        let address = upload["content"].as_str().expect("an address");
        let request = self.officer.on(self.app.request(Method::PUT, address));
        let request = request.header("X-Custos-CSRF", &self.officer.csrf);
        let answer = request.body(format!("call {n}")).send().await;
        assert_eq!(answer.expect("an answer").status(), 201);
    }

    async fn items(&self, query: &str) -> Response {
        let path = format!("/cases/{}/items{query}", self.case);
        self.app.api(&self.officer, Method::GET, &path, None).await
    }

    async fn page(&self, address: &str) -> String {
        let answer = self.app.get(&self.officer, address).await;
        assert_eq!(answer.status(), 200, "{address}");
        answer.text().await.expect("a page")
    }
}

async fn json_of(answer: Response) -> Value {
    serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON")
}

fn references(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().expect("items").iter();
    items
        .map(|item| item["reference"].as_str().expect("a reference").into())
        .collect()
}

/// The address behind a relation of the `Link` header.
fn link(answer: &Response, relation: &str) -> Option<String> {
    let links = answer.headers().get("link")?.to_str().expect("text");
    let relation = format!("; rel=\"{relation}\"");
    let link = links.split(", ").find(|link| link.ends_with(&relation))?;
    Some(
        link.trim_end_matches(&relation)
            .trim_matches(['<', '>'])
            .into(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_follow_links_from_page_to_page() {
    let room = Room::with(5).await;
    let path = format!("/cases/{}?limit=2", room.case);
    let answer = room.app.api(&room.officer, Method::GET, &path, None).await;
    let mut next = link(&answer, "next");
    assert_eq!(link(&answer, "prev"), None);
    let case = json_of(answer).await;
    assert_eq!(references(&case), ["JS/0", "JS/1"]);
    assert_eq!(case["items_total"], 5);
    assert_eq!(
        case["items_facets"],
        json!({"states": {"normal": 5}, "types": {"text": 5}})
    );
    let cursor = case["items_next"].as_str().expect("a cursor");
    assert!(
        next.as_ref()
            .expect("a link")
            .ends_with(&format!("?limit=2&cursor={cursor}"))
    );

    let mut walked = references(&case);
    while let Some(address) = next {
        let path = address
            .strip_prefix("/api/v1")
            .expect("an address of the API");
        let answer = room.app.api(&room.officer, Method::GET, path, None).await;
        assert_eq!(answer.status(), 200);
        next = link(&answer, "next");
        assert!(link(&answer, "prev").is_some());
        let list = json_of(answer).await;
        assert_eq!(list["total"], 5);
        assert_eq!(list["next"].is_string(), next.is_some());
        walked.extend(references(&list));
    }
    assert_eq!(walked, ["JS/0", "JS/1", "JS/2", "JS/3", "JS/4"]);

    let list = json_of(
        room.items("?q=js+3&state=normal&type=text&from=2020-01-01")
            .await,
    )
    .await;
    assert_eq!(
        (references(&list), &list["next"]),
        (vec!["JS/3".into()], &Value::Null)
    );
    let list = json_of(room.items("?to=2020-01-01").await).await;
    assert_eq!(
        (&list["total"], &list["facets"]["states"]),
        (&json!(0), &json!({}))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cant_be_asked_is_named() {
    let room = Room::with(2).await;
    let start = room.app.size().await;
    for query in [
        "?page=2",
        "?limit=0",
        "?limit=1000",
        "?sort=name",
        "?state=sealed",
        "?from=tomorrow",
        "?q=%FF",
        "?q=a&q=b",
        "?cursor=AAAA",
    ] {
        let answer = room.items(query).await;
        assert_eq!(answer.status(), 400, "{query}");
        assert_eq!(
            json_of(answer).await["type"],
            "/problems/invalid",
            "{query}"
        );
        let path = format!("/cases/{}{query}", room.case);
        assert_eq!(
            room.app.get(&room.officer, &path).await.status(),
            400,
            "{query}"
        );
    }
    assert_eq!(room.app.size().await, start, "it leaves no entry");

    let list = json_of(room.items("?limit=1").await).await;
    let cursor = list["next"].as_str().expect("a cursor");
    let path = format!("/cases/{}/items?cursor={cursor}", room.case);
    let own = room.app.api(&room.officer, Method::GET, &path, None).await;
    assert_eq!(own.status(), 200);
    let foreign = room
        .app
        .api(&room.custodian, Method::GET, &path, None)
        .await;
    assert_eq!(foreign.status(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_case_is_answered_as_an_unknown_one() {
    let room = Room::with(2).await;
    let stranger = room.app.person("stranger", &[]).await;
    let list = json_of(room.items("?limit=1").await).await;
    let cursor = format!("?cursor={}", list["next"].as_str().expect("a cursor"));
    let unknown = "00112233445566778899aabbccddeeff";
    for query in ["", "?q=js", "?limit=0", &cursor] {
        let told = async |id: &str| {
            let start = room.app.size().await;
            let mut answers = Vec::new();
            for path in ["", "/items"] {
                let path = format!("/cases/{id}{path}{query}");
                answers.push(room.app.api(&stranger, Method::GET, &path, None).await);
            }
            let path = format!("/cases/{id}{query}");
            answers.push(room.app.get(&stranger, &path).await);
            let mut told = Vec::new();
            for answer in answers {
                let status = answer.status();
                let body = answer.text().await.expect("a body");
                told.push((status, body.replace(id, "ID")));
            }
            let size = room.app.size().await;
            (told, size - start)
        };
        assert_eq!(told(&room.case).await, told(unknown).await, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_searched_sorted_and_turned_without_scripts() {
    let room = Room::with(5).await;
    let path = format!("/cases/{}", room.case);
    let page = room.page(&path).await;
    assert!(page.contains("<form class=\"search\" method=\"get\""));
    assert!(page.contains("5 items that you may know of") && !page.contains("rel=\"next\""));

    let mut address = format!("{path}?q=call&state=&type=&from=&to=&sort=-reference&limit=2");
    let mut walked = Vec::new();
    loop {
        let page = room.page(&address).await;
        assert!(
            page.contains("2 of 5 items") || page.contains("1 of 5 items"),
            "{page}"
        );
        assert!(page.contains("aria-sort=\"descending\""));
        assert!(
            page.contains("value=\"call\""),
            "what was asked stands in the form"
        );
        let rows = page
            .split("<th scope=\"row\">")
            .skip(1)
            .filter(|row| row.contains("JS/"));
        walked.extend(rows.map(|row| {
            let reference = row.split('>').nth(1).expect("a link");
            reference.split('<').next().expect("an end").to_owned()
        }));
        let Some(next) = page.split("rel=\"next\" href=\"").nth(1) else {
            break;
        };
        let next = next
            .split('"')
            .next()
            .expect("an end")
            .replace("&#38;", "&");
        assert!(next.ends_with("#items"), "{next}");
        address = next.trim_end_matches("#items").into();
    }
    assert_eq!(walked, ["JS/4", "JS/3", "JS/2", "JS/1", "JS/0"]);

    let page = room.page(&format!("{path}?q=%22%3E%3Cscript%3E")).await;
    assert!(page.contains("No item that you may know of fits."));
    assert!(!page.contains("\"><script>"), "what was typed is escaped");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_reads_a_case_page_by_page() {
    let room = Room::with(203).await;
    let new = json!({"label": "laptop", "rights": ["read"], "days": 1});
    let made = room
        .app
        .ask(&room.officer, Method::POST, "/tokens", Some(new))
        .await;
    let secret = made["secret"].as_str().expect("a secret");
    let file = room.app.folder.path().join("token");
    fs::write(&file, secret).expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("a mode");
    let server = Server::parse(&format!("http://localhost:{}", room.app.port)).expect("an address");
    let api = Api::new(server, Token::read(&file).expect("a token")).expect("a client");
    let read = api
        .case(room.case.parse().expect("an id"))
        .await
        .expect("read");
    let once: BTreeSet<String> = read
        .items
        .iter()
        .map(|item| item.reference.clone())
        .collect();
    assert_eq!((read.items.len(), once.len()), (203, 203));
    assert_eq!(read.items_next, None);
}

/// A room with cases of these numbers, and two custodians.
async fn with_cases(count: usize) -> (TestApp, User, User) {
    let app = TestApp::start().await;
    let custodian = app.person("custodian", &["custodian"]).await;
    let second = app.person("second", &["custodian"]).await;
    for n in 1..=count {
        let title = if n % 2 == 1 { "Harbour <1>" } else { "Quay" };
        let new = json!({"number": format!("26/{n}"), "title": title});
        app.ask(&custodian, Method::POST, "/cases", Some(new)).await;
    }
    (app, custodian, second)
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_follow_links_through_cases() {
    let (app, custodian, _) = with_cases(5).await;
    let numbers = |list: &Value| -> Vec<String> {
        let items = list["items"].as_array().expect("items").iter();
        items
            .map(|case| case["number"].as_str().expect("a number").into())
            .collect()
    };
    let mut next = Some("/api/v1/cases?limit=2&sort=-number".to_owned());
    let (mut walked, mut pages) = (Vec::new(), 0);
    while let Some(address) = next {
        let path = address.strip_prefix("/api/v1").expect("of the API");
        let answer = app.api(&custodian, Method::GET, path, None).await;
        assert_eq!(answer.status(), 200);
        next = link(&answer, "next");
        assert_eq!(link(&answer, "prev").is_some(), pages > 0);
        let list = json_of(answer).await;
        assert_eq!(
            (&list["total"], &list["facets"]),
            (&json!(5), &json!({"stages": {"open": 5}}))
        );
        assert_eq!(list["next"].is_string(), next.is_some());
        assert!(list["items"][0]["opened_at"].is_number());
        walked.extend(numbers(&list));
        pages += 1;
    }
    assert_eq!(walked, ["26/5", "26/4", "26/3", "26/2", "26/1"]);
    let found = app
        .ask(&custodian, Method::GET, "/cases?q=quay&stage=open", None)
        .await;
    assert_eq!(numbers(&found), ["26/2", "26/4"]);
    let start = app.size().await;
    for query in [
        "?page=2",
        "?limit=0",
        "?sort=size",
        "?stage=x",
        "?q=%FF",
        "?cursor=AAAA",
        "?state=open",
    ] {
        let answer = app
            .api(&custodian, Method::GET, &format!("/cases{query}"), None)
            .await;
        assert_eq!(answer.status(), 400, "{query}");
        let page = app.get(&custodian, &format!("/cases{query}")).await;
        assert_eq!(page.status(), 400, "{query}");
    }
    assert_eq!(app.size().await, start, "it leaves no entry");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_behind_a_wall_changes_nothing_of_a_list() {
    let (app, custodian, second) = with_cases(3).await;
    let told = async || {
        let mut told = Vec::new();
        for query in [
            "",
            "?limit=2",
            "?limit=3",
            "?q=26",
            "?q=secret",
            "?stage=open",
            "?sort=-opened",
        ] {
            let path = format!("/cases{query}");
            let answer = app.api(&second, Method::GET, &path, None).await;
            let links = link(&answer, "next").is_some();
            let mut list = json_of(answer).await;
            // A cursor is the same where it stands on the same case.
            let next = list["next"].take();
            told.push((list, next, links));
            let page = app.get(&second, &path).await;
            assert_eq!(page.status(), 200);
            let page = page.text().await.expect("a page");
            let main = page.split("<h1").nth(1).expect("a heading").to_owned();
            let csrf = main.split("name=\"csrf\" value=\"").nth(1);
            let csrf = csrf
                .and_then(|rest| rest.split('"').next())
                .unwrap_or("none");
            told.push((json!(main.replace(csrf, "CSRF")), Value::Null, false));
        }
        told
    };
    let before = told().await;
    let new = json!({"number": "26/2a", "title": "secret"});
    let case = app.ask(&custodian, Method::POST, "/cases", Some(new)).await;
    let path = format!(
        "/cases/{}/walls/{}",
        case["id"].as_str().expect("an id"),
        second.person
    );
    let wall = json!({"status": "up", "reason": "kin"});
    app.ask(&custodian, Method::PUT, &path, Some(wall)).await;
    assert_eq!(told().await, before);
    let all = app.ask(&custodian, Method::GET, "/cases", None).await;
    assert_eq!(all["total"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_cases_is_turned_without_scripts() {
    let (app, custodian, _) = with_cases(5).await;
    let page = async |path: &str| {
        let answer = app.get(&custodian, path).await;
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.expect("a page")
    };
    let first = page("/cases").await;
    assert!(first.contains("5 cases") && !first.contains("rel=\"next\""));
    let mut address = "/cases?q=26&stage=open&sort=-number&limit=2".to_owned();
    let mut rows = 0;
    loop {
        let shown = page(&address).await;
        assert!(shown.contains("of 5 cases that fit"), "{shown}");
        assert!(shown.contains("aria-sort=\"descending\"") && shown.contains("value=\"26\""));
        rows += shown.matches("<th scope=\"row\">").count();
        let Some(next) = shown.split("rel=\"next\" href=\"").nth(1) else {
            break;
        };
        let next = next.split('"').next().expect("an end");
        address = next.replace("&#38;", "&");
    }
    assert_eq!(rows, 5);
    let none = page("/cases?q=%22%3E%3Cscript%3E").await;
    assert!(none.contains("No case that you may know of fits."));
    assert!(!none.contains("\"><script>"), "what was typed is escaped");
    assert!(none.contains("href=\"/cases\">Show all cases"));
}
