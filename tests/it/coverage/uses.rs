//! Uses every route as somebody who may, and looks at what each use leaves.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::{accounts::accounts, filed, noticed, rows::ROWS, twice};
use crate::{
    notices::telling_stamped,
    support::{TestApp, User, WHY, authority::TestAuthority, letters::MailSink},
};

/// Sends what the rows ask for, and looks at what each leaves.
pub struct Drive {
    pub app: TestApp,
    seen: BTreeSet<String>,
}

impl Drive {
    /// Uses a route on a page.
    pub async fn page(
        &mut self,
        user: &User,
        route: &'static str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> String {
        let start = self.app.size().await;
        let answer = if route.starts_with("POST ") {
            self.app.post(user, path, fields).await
        } else {
            self.app.get(user, path).await
        };
        let to = answer
            .headers()
            .get("location")
            .map(|to| to.to_str().expect("text").to_owned());
        let status = answer.status();
        assert!(
            status.is_success() || status.as_u16() == 303,
            "{route}: {status}"
        );
        let body = answer.bytes().await.expect("a body");
        self.left(route, start).await;
        to.unwrap_or_else(|| String::from_utf8_lossy(&body).into_owned())
    }

    /// Uses a route of the API.
    pub async fn api(
        &mut self,
        user: &User,
        route: &'static str,
        path: &str,
        body: Option<Value>,
    ) -> Value {
        let start = self.app.size().await;
        let method = route.split(' ').next().expect("a method");
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let answer = self.app.api(user, method, path, body).await;
        let status = answer.status();
        let body = answer.bytes().await.expect("a body");
        assert!(
            status.is_success(),
            "{route}: {status} {}",
            String::from_utf8_lossy(&body)
        );
        self.left(route, start).await;
        serde_json::from_slice(&body).unwrap_or(Value::Null)
    }

    /// The account that signs in by this name.
    pub async fn account(&mut self, admin: &User, login: &str) -> String {
        let people = self.api(admin, "GET /api/v1/people", "/people", None).await;
        let people = people["items"].as_array().expect("people").iter();
        let mut accounts = people.map(|person| &person["accounts"][0]);
        let found = accounts.find(|account| account["login"] == login);
        id(found.expect("an account"), "id")
    }

    async fn left(&mut self, route: &'static str, start: u64) {
        let row = ROWS
            .iter()
            .find(|row| format!("{} {}", row.0, row.1) == route);
        let row = row.unwrap_or_else(|| panic!("{route} has no row"));
        assert_eq!(self.app.kinds_since(start).await, row.3, "{route}");
        self.seen.insert(route.into());
    }
}

pub fn id(value: &Value, name: &str) -> String {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name} in {value}"))
        .into()
}

/// What stands between two marks of a page.
pub fn between(page: &str, before: &str, after: &str) -> String {
    let start = page
        .find(before)
        .unwrap_or_else(|| panic!("no {before} in {page}"))
        + before.len();
    page[start..].split(after).next().expect("an end").into()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_use_leaves_what_the_table_says() {
    let sink = MailSink::start().await;
    let authority = TestAuthority::start().await;
    let app = telling_stamped(Some(&sink), authority.known("notary")).await;
    let custodian = app.person("custodian", &["custodian"]).await;
    let officer = app.person("officer", &[]).await;
    let prosecutor = app.person("prosecutor", &[]).await;
    let judge = app.person("judge", &[]).await;
    let mut drive = Drive {
        app,
        seen: BTreeSet::new(),
    };
    let people = [&custodian, &officer, &prosecutor, &judge];
    by_pages(&mut drive, people).await;
    by_api(&mut drive, people).await;
    noticed::notices(&mut drive, &officer, &sink).await;
    twice::by_two(&mut drive, &custodian.person).await;
    drive.app.admin = drive.app.sign_in("ana", "").await;
    accounts(&mut drive).await;
    public(&mut drive).await;
    let rows: BTreeSet<String> = ROWS
        .iter()
        .map(|row| format!("{} {}", row.0, row.1))
        .collect();
    assert_eq!(drive.seen, rows, "a route was not used");
}

async fn by_pages(drive: &mut Drive, [custodian, officer, prosecutor, judge]: [&User; 4]) {
    let new = [
        ("number", "26/1"),
        ("title", "Harbour"),
        ("description", ""),
    ];
    let case = drive.page(custodian, "POST /cases", "/cases", &new).await;
    for (user, role) in [
        (officer, "investigator"),
        (prosecutor, "prosecutor"),
        (judge, "judge"),
    ] {
        let member = [
            ("person", user.person.as_str()),
            ("role", role),
            ("party", ""),
        ];
        let path = format!("{case}/people");
        drive
            .page(custodian, "POST /cases/<case>/people", &path, &member)
            .await;
    }
    let party = [("side", "defence"), ("name", "D.")];
    let path = format!("{case}/parties");
    drive
        .page(custodian, "POST /cases/<case>/parties", &path, &party)
        .await;
    drive.page(officer, "GET /cases", "/cases", &[]).await;
    drive.page(officer, "GET /cases/<case>", &case, &[]).await;
    let path = format!("{case}/deposit");
    drive
        .page(officer, "GET /cases/<case>/deposit", &path, &[])
        .await;
    let item = deposit_by_form(drive, officer, &path).await;
    drive
        .page(officer, "GET /items/<item>?<deposited>", &item, &[])
        .await;
    let why = [("purpose", "investigation"), ("why", WHY), ("how", "view")];
    let path = format!("{item}/views");
    let view = drive
        .page(officer, "POST /items/<item>/views", &path, &why)
        .await;
    let page = drive.page(officer, "GET /views/<view>", &view, &[]).await;
    let address = between(&page, "<iframe src=\"", "\"");
    let start = drive.app.size().await;
    let answer = drive.app.content(&address).send().await.expect("an answer");
    assert_eq!(answer.bytes().await.expect("a body"), "hello".as_bytes());
    drive.left("GET /v/<view>/<link>", start).await;
    let close = format!("{item}{view}/close");
    drive
        .page(
            officer,
            "POST /items/<item>/views/<view>/close",
            &close,
            &[],
        )
        .await;
    let path = format!("{item}/history");
    drive
        .page(officer, "GET /items/<item>/history", &path, &[])
        .await;
    let path = format!("{item}/receipt");
    drive
        .page(officer, "GET /items/<item>/receipt", &path, &[])
        .await;
    let path = format!("{item}/bundle");
    let asked = [("what", "history"), ("purpose", ""), ("why", "")];
    drive
        .page(officer, "POST /items/<item>/bundle", &path, &asked)
        .await;
    let named = item.rsplit('/').next().expect("the item's id");
    let asked = [
        ("case", ""),
        ("item", named),
        ("person", ""),
        ("from", ""),
        ("to", ""),
        ("withhold", "fingerprints"),
        ("format", "html"),
    ];
    drive
        .page(officer, "POST /custody/exports", "/custody/exports", &asked)
        .await;
    let path = format!("{item}/restrict");
    drive
        .page(judge, "POST /items/<item>/restrict", &path, &[])
        .await;
    let path = format!("{item}/lift-restriction");
    drive
        .page(
            judge,
            "POST /items/<item>/lift-restriction",
            &path,
            &[("tag", "*")],
        )
        .await;
    let path = format!("{item}/serve");
    let page = drive
        .page(prosecutor, "GET /items/<item>/serve", &path, &[])
        .await;
    let party = between(&page, "<option value=\"", "\"");
    let party = [("party", party.as_str())];
    drive
        .page(prosecutor, "POST /items/<item>/serve", &path, &party)
        .await;
    let people = [custodian, officer, prosecutor, judge];
    filed::by_pages(drive, people, (&case, &item)).await;
}

async fn deposit_by_form(drive: &mut Drive, officer: &User, path: &str) -> String {
    let mut body = String::new();
    for (name, value) in [
        ("csrf", officer.csrf.as_str()),
        ("reference", "JS/1"),
        ("description", "a note"),
    ] {
        body +=
            &format!("--e\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    body += "--e\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nhello\r\n--e--\r\n";
    let start = drive.app.size().await;
    let answer = officer
        .on(drive.app.request(Method::POST, path))
        .header("Content-Type", "multipart/form-data; boundary=e")
        .body(body)
        .send()
        .await
        .expect("an answer");
    drive.left("POST /cases/<case>/deposit", start).await;
    let to = crate::support::location(&answer);
    to.split('?').next().expect("a path").into()
}

async fn by_api(drive: &mut Drive, [custodian, officer, prosecutor, judge]: [&User; 4]) {
    let new = json!({"number": "26/2", "title": "Quay"});
    let made = drive
        .api(custodian, "POST /api/v1/cases", "/cases", Some(new))
        .await;
    let case = format!("/cases/{}", id(&made, "id"));
    for (user, role) in [
        (officer, "investigator"),
        (prosecutor, "prosecutor"),
        (judge, "judge"),
    ] {
        let member = json!({"person": user.person, "role": role});
        let path = format!("{case}/people");
        drive
            .api(
                custodian,
                "POST /api/v1/cases/<case>/people",
                &path,
                Some(member),
            )
            .await;
    }
    let party = json!({"side": "defence", "name": "D."});
    let path = format!("{case}/parties");
    let party = drive
        .api(
            custodian,
            "POST /api/v1/cases/<case>/parties",
            &path,
            Some(party),
        )
        .await;
    drive.api(officer, "GET /api/v1/me", "/me", None).await;
    drive
        .api(officer, "GET /api/v1/cases", "/cases", None)
        .await;
    drive
        .api(officer, "GET /api/v1/cases/<case>", &case, None)
        .await;
    let path = format!("{case}/items");
    drive
        .api(officer, "GET /api/v1/cases/<case>/items", &path, None)
        .await;
    let new = json!({"reference": "JS/1", "description": "a note"});
    let path = format!("{case}/items");
    let upload = drive
        .api(officer, "POST /api/v1/cases/<case>/items", &path, Some(new))
        .await;
    let content = format!("/uploads/{}/content", id(&upload, "upload"));
    let made = drive
        .api(
            officer,
            "PUT /api/v1/uploads/<upload>/content",
            &content,
            Some(json!({})),
        )
        .await;
    let path = format!("/uploads/{}", id(&upload, "upload"));
    let state = drive
        .api(officer, "GET /api/v1/uploads/<upload>", &path, None)
        .await;
    assert_eq!(state["item"], made["item"]);
    let item = format!("/items/{}", id(&made, "item"));
    drive
        .api(officer, "GET /api/v1/items/<item>", &item, None)
        .await;
    let why = json!({"purpose": "investigation", "why": WHY});
    let path = format!("{item}/views");
    let view = drive
        .api(officer, "POST /api/v1/items/<item>/views", &path, Some(why))
        .await;
    let view = format!("/views/{}", id(&view, "id"));
    let path = format!("{view}/content");
    drive
        .api(officer, "GET /api/v1/views/<view>/content", &path, None)
        .await;
    drive
        .api(officer, "DELETE /api/v1/views/<view>", &view, None)
        .await;
    let path = format!("{item}/history");
    drive
        .api(officer, "GET /api/v1/items/<item>/history", &path, None)
        .await;
    let path = format!("{item}/receipt");
    drive
        .api(officer, "GET /api/v1/items/<item>/receipt", &path, None)
        .await;
    let path = format!("{item}/bundle");
    let asked = json!({"content": false});
    drive
        .api(
            officer,
            "POST /api/v1/items/<item>/bundle",
            &path,
            Some(asked),
        )
        .await;
    let named = item.rsplit('/').next().expect("the item's id");
    drive
        .api(
            officer,
            "POST /api/v1/custody/exports",
            "/custody/exports",
            Some(json!({"item": named, "withhold": ["actor"]})),
        )
        .await;
    let path = format!("{item}/restriction");
    drive
        .api(judge, "PUT /api/v1/items/<item>/restriction", &path, None)
        .await;
    drive
        .api(
            judge,
            "DELETE /api/v1/items/<item>/restriction",
            &path,
            None,
        )
        .await;
    let path = format!("{item}/servings");
    let to = json!({"party": id(&party, "id")});
    drive
        .api(
            prosecutor,
            "POST /api/v1/items/<item>/servings",
            &path,
            Some(to),
        )
        .await;
    let people = [custodian, officer, prosecutor, judge];
    filed::by_api(drive, people, (&case, &item)).await;
}

async fn public(drive: &mut Drive) {
    let nobody = User::nobody();
    let size = drive.app.room.publisher.publish().await.expect("published");
    let tile = format!("/log/tile/0/000.p/{size}");
    let style = custos::http::assets::href("custos.css");
    for (route, path) in [
        ("GET /", "/"),
        ("GET /health", "/health"),
        ("GET /openapi.json", "/openapi.json"),
        ("GET /docs/api", "/docs/api"),
        ("GET /problems/<name>", "/problems/full"),
        ("GET /static/<mark>/<name>", style),
        ("GET /log/checkpoint", "/log/checkpoint"),
        ("GET /log/key", "/log/key"),
        ("GET /log/keys", "/log/keys"),
        ("GET /log/tile/<path..>", &tile),
    ] {
        drive.page(&nobody, route, path, &[]).await;
    }
}
