//! A room in which there is one of everything, and people who may do something with it.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use super::{UNKNOWN, table::By};
use crate::{
    coverage::uses::{between, id},
    support::{TestApp, User, WHY},
};

pub struct World {
    pub app: TestApp,
    people: BTreeMap<By, User>,
    /// On no case, in no role.
    pub outsider: User,
    ids: BTreeMap<&'static str, String>,
    size: u64,
}

impl World {
    pub async fn new() -> Self {
        let app = TestApp::start().await;
        let custodian = app.person("custodian", &["custodian"]).await;
        let mut people = BTreeMap::from([
            (By::Nobody, User::nobody()),
            (By::Admin, app.admin.clone()),
            (By::Custodian, custodian.clone()),
        ]);
        for (by, login) in [
            (By::Officer, "officer"),
            (By::Prosecutor, "prosecutor"),
            (By::Judge, "judge"),
        ] {
            people.insert(by, app.person(login, &[]).await);
        }
        let outsider = app.person("outsider", &[]).await;
        let roles = [
            (&people[&By::Officer], "investigator"),
            (&people[&By::Prosecutor], "prosecutor"),
            (&people[&By::Judge], "judge"),
        ];
        let case = app.case(&custodian, &roles).await;
        let mut world = Self {
            ids: BTreeMap::from([("case", case)]),
            size: 0,
            app,
            people,
            outsider,
        };
        world.fill().await;
        world
    }

    /// Somebody who may.
    pub fn by(&self, by: By) -> &User {
        &self.people[&by]
    }

    async fn ask(&self, by: By, method: Method, path: &str, body: Option<Value>) -> Value {
        let path = self.filled(path);
        self.app.ask(self.by(by), method, &path, body).await
    }

    async fn keep(&mut self, name: &'static str, by: By, path: &str, body: Value) -> Value {
        let made = self.ask(by, Method::POST, path, Some(body)).await;
        let known = if name == "upload" { "upload" } else { "id" };
        self.ids.insert(name, id(&made, known));
        made
    }

    async fn fill(&mut self) {
        use By::{Admin, Custodian, Judge, Officer, Prosecutor};
        let other = json!({"number": "26/2", "title": "Quay"});
        self.keep("other", Custodian, "/cases", other).await;
        let party = json!({"side": "defence", "name": "D."});
        self.keep("party", Custodian, "/cases/<case>/parties", party)
            .await;
        let officer = self.by(Officer).clone();
        let case = self.filled("<case>");
        let item = self.app.deposit(&officer, &case, b"hello").await;
        self.ids.insert("item", id(&item, "item"));
        let waiting = json!({"reference": "JS/9", "description": "a note"});
        self.keep("upload", Officer, "/cases/<case>/items", waiting)
            .await;
        let order = json!({"number": "O-1", "orders": "admit", "text": "It is admitted."});
        self.keep("order", Judge, "/cases/<case>/orders", order)
            .await;
        let offer = json!({"number": "P1"});
        self.keep("exhibit", Prosecutor, "/items/<item>/exhibits", offer)
            .await;
        let view = json!({"purpose": "investigation", "why": WHY});
        self.keep("view", Officer, "/items/<item>/views", view)
            .await;
        let token = json!({"label": "l", "rights": ["read"], "days": 1});
        self.keep("token", Officer, "/tokens", token).await;
        let proposal = json!({
            "asked": "transfer_case", "case": self.filled("<other>"),
            "authority": "The Hague", "reference": "H-1",
        });
        let request = json!({"proposal": proposal, "reason": "it is theirs"});
        self.keep("request", Custodian, "/requests", request).await;
        let new = json!({"name": "New", "login": "new"});
        let made = self.ask(Admin, Method::POST, "/people", Some(new)).await;
        self.ids.insert("account", id(&made, "account"));
        self.ids.insert("person", id(&made, "person"));
        let notices = self.ask(Officer, Method::GET, "/notices", None).await;
        self.ids.insert("notice", id(&notices["items"][0], "id"));
        let again = self.app.sign_in("officer", &officer.person).await;
        let sessions = self.app.ask(&again, Method::GET, "/sessions", None).await;
        let sessions = sessions["items"].as_array().expect("sessions").iter();
        let mut others = sessions.filter(|session| session["present"] != true);
        self.ids
            .insert("session", id(others.next().expect("one"), "id"));
        self.people.insert(Officer, again);
        let page = self
            .app
            .view(&officer, &self.filled("<item>"), "view")
            .await;
        let link = between(&format!("{page}\""), "/v/", "\"");
        let (_, link) = link.split_once('/').expect("a view and its link");
        self.ids.insert("link", link.to_owned());
        self.ids.insert("audit", self.app.audit().await);
        self.size = self.app.room.publisher.publish().await.expect("published");
    }

    /// A text with what is there in place of `<case>`, `{case}` and the like.
    pub fn filled(&self, text: &str) -> String {
        self.with(text, |known| known)
    }

    /// A path with ids that name nothing.
    pub fn unknown(&self, path: &str) -> String {
        self.with(path, |_| UNKNOWN)
    }

    fn with<'a>(&'a self, text: &str, id: impl Fn(&'a str) -> &'a str) -> String {
        let style = custos::http::assets::href("custos.css").replace("/static/", "");
        let tile = format!("0/000.p/{}", self.size);
        let mut text = text
            .split('?')
            .next()
            .filter(|path| path.starts_with('/'))
            .unwrap_or(text)
            .replace("<mark>/<name>", &style)
            .replace("<path..>", &tile)
            .replace("<name>", "not-found")
            .replace("<role>", "investigator");
        for (name, known) in &self.ids {
            for mark in [format!("<{name}>"), format!("{{{name}}}")] {
                text = text.replace(&mark, id(known));
            }
        }
        text
    }
}
