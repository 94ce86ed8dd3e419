//! What needs a second person; leaving; one's own sessions; cases that go elsewhere.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{TestApp, User};

const DAY: Duration = Duration::from_secs(25 * 60 * 60);
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Two custodians who have been that for a day, and one of today.
struct World {
    app: TestApp,
    admin: User,
    first: User,
    second: User,
    fresh: User,
}

impl World {
    async fn new() -> Self {
        let app = TestApp::start().await;
        let first = app.person("first", &["custodian"]).await.person;
        let second = app.person("second", &["custodian"]).await.person;
        app.clock.put_on(DAY);
        let admin = app.sign_in("ana", "").await;
        let fresh = app.person_by(&admin, "fresh", &["custodian"]).await;
        Self {
            first: app.sign_in("first", &first).await,
            second: app.sign_in("second", &second).await,
            admin,
            fresh,
            app,
        }
    }

    async fn status(&self, user: &User, path: &str, body: Option<Value>) -> u16 {
        let answer = self.app.api(user, Method::POST, path, body).await;
        answer.status().as_u16()
    }

    async fn ask(&self, user: &User, path: &str, body: Option<Value>) -> Value {
        self.app.ask(user, Method::POST, path, body).await
    }

    async fn opened(&self, number: &str) -> String {
        let new = Some(json!({"number": number, "title": "Quay"}));
        text(&self.ask(&self.first, "/cases", new).await["id"])
    }

    async fn account(&self, login: &str) -> String {
        let people = self.app.ask(&self.admin, Method::GET, "/people", None);
        let people = people.await;
        let mut people = people["items"].as_array().expect("people").iter();
        let found = people.find(|person| person["accounts"][0]["login"] == login);
        text(&found.expect("a person")["accounts"][0]["id"])
    }

    /// Asks to hand a case over.
    async fn transfer(&self, case: &str) -> String {
        let asked = json!({
            "proposal": {
                "asked": "transfer_case", "case": case,
                "authority": "The Hague", "reference": "H-1",
            },
            "reason": "it is theirs",
        });
        let made = self.ask(&self.first, "/requests", Some(asked)).await;
        format!("/requests/{}", text(&made["id"]))
    }

    async fn requests(&self, user: &User) -> Vec<Value> {
        let list = self.app.ask(user, Method::GET, "/requests", None).await;
        list["items"].as_array().expect("a list").clone()
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_is_handed_over_by_two() {
    let world = World::new().await;
    let case = world.opened("26/1").await;
    let request = world.transfer(&case).await;
    let approval = format!("{request}/approval");
    let execution = format!("{request}/execution");
    assert_eq!(world.status(&world.first, &execution, None).await, 409);
    assert_eq!(world.status(&world.first, &approval, None).await, 403);
    // A role of today approves nothing, and shows nothing.
    assert_eq!(world.status(&world.fresh, &approval, None).await, 404);
    assert!(world.requests(&world.fresh).await.is_empty());
    assert_eq!(world.status(&world.admin, &approval, None).await, 404);
    let seen = &world.requests(&world.second).await[0];
    assert_eq!(seen["asked"]["about"], "26/1, Quay");
    assert_eq!(seen["may_approve"], true);
    assert_eq!(seen["may_carry_out"], false);
    world.ask(&world.second, &approval, None).await;
    assert_eq!(world.status(&world.second, &approval, None).await, 409);
    assert_eq!(world.status(&world.second, &execution, None).await, 403);
    let start = world.app.size().await;
    world.ask(&world.first, &execution, None).await;
    assert_eq!(world.app.kinds_since(start).await, ["case_transfer"]);
    assert_eq!(world.status(&world.first, &execution, None).await, 409);
    let path = format!("/cases/{case}");
    let page = world.app.ask(&world.second, Method::GET, &path, None).await;
    assert_eq!(page["case"]["stage"], "transferred");
    assert_eq!(page["links"]["handed_to"]["authority"], "The Hague");
    let items = format!("/cases/{case}/items");
    let new = Some(json!({"reference": "JS/1"}));
    assert_eq!(world.status(&world.first, &items, new).await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_ends_by_either_or_by_itself() {
    let world = World::new().await;
    let case = world.opened("26/1").await;
    let declined = world.transfer(&case).await;
    world
        .ask(&world.second, &format!("{declined}/refusal"), None)
        .await;
    let withdrawn = world.transfer(&case).await;
    // An approval can still be taken back by whoever gave it, or by the asker.
    world
        .ask(&world.second, &format!("{withdrawn}/approval"), None)
        .await;
    let withdrawal = format!("{withdrawn}/withdrawal");
    assert_eq!(world.status(&world.second, &withdrawal, None).await, 403);
    world.ask(&world.first, &withdrawal, None).await;
    let expired = world.transfer(&case).await;
    world
        .ask(&world.second, &format!("{expired}/approval"), None)
        .await;
    world.app.clock.put_on(WEEK);
    let first = world.app.sign_in("first", &world.first.person).await;
    for request in [&declined, &withdrawn, &expired] {
        let execution = format!("{request}/execution");
        assert_eq!(world.status(&first, &execution, None).await, 409);
    }
    let listed = world.requests(&first).await;
    let mut status: Vec<String> = listed.iter().map(|one| text(&one["status"])).collect();
    status.sort();
    assert_eq!(status, ["declined", "expired", "withdrawn"]);
    let path = format!("/cases/{case}");
    let page = world.app.ask(&first, Method::GET, &path, None).await;
    assert_eq!(page["case"]["stage"], "open");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_falls_with_whoever_gave_it() {
    let world = World::new().await;
    let case = world.opened("26/1").await;
    let request = world.transfer(&case).await;
    world
        .ask(&world.second, &format!("{request}/approval"), None)
        .await;
    let status = format!("/people/{}/status", world.second.person);
    let set = async |status_of: &str| {
        let body = Some(json!({"status": status_of}));
        world.ask(&world.admin, &status, body).await;
    };
    set("suspended").await;
    let execution = format!("{request}/execution");
    assert_eq!(world.status(&world.first, &execution, None).await, 409);
    let page = world
        .app
        .ask(&world.first, Method::GET, &format!("/cases/{case}"), None)
        .await;
    assert_eq!(page["case"]["stage"], "open");
    set("active").await;
    assert_eq!(world.status(&world.first, &execution, None).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_recovered_by_two() {
    let world = World::new().await;
    let lost = world.app.person_by(&world.admin, "lost", &[]).await;
    let account = world.account("lost").await;
    // One person alone can't act in another's name.
    let alone = format!("/accounts/{account}/enrolments");
    assert_eq!(world.status(&world.admin, &alone, None).await, 409);
    let asked = json!({
        "proposal": {"asked": "recover_account", "account": account},
        "reason": "a lost password",
    });
    let status = world.status(&world.first, "/requests", Some(asked.clone()));
    assert_eq!(status.await, 403);
    let made = world.ask(&world.admin, "/requests", Some(asked)).await;
    let request = format!("/requests/{}", text(&made["id"]));
    let approval = format!("{request}/approval");
    assert_eq!(world.status(&world.admin, &approval, None).await, 403);
    assert_eq!(world.status(&lost, &approval, None).await, 404);
    world.ask(&world.second, &approval, None).await;
    let done = world
        .ask(&world.admin, &format!("{request}/execution"), None)
        .await;
    let secret = text(&done["secret"]);
    let fields = [
        ("secret", secret.as_str()),
        ("password", "quite other words"),
        ("again", "quite other words"),
    ];
    let nobody = User::nobody();
    let answer = world.app.post(&nobody, "/enter/password", &fields).await;
    User::of(&world.app, answer).await;
    let was = world.app.api(&lost, Method::GET, "/me", None).await;
    assert_eq!(was.status(), 401, "whoever knew the old password is out");
    let answer = world.app.post(&nobody, "/enter/password", &fields).await;
    assert_eq!(answer.status(), 400, "the link worked once");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_is_out_for_good_and_followed_by_decision() {
    let world = World::new().await;
    let case = world.opened("26/1").await;
    let leaver = world.app.person_by(&world.admin, "leaver", &[]).await;
    let heir = world.app.person_by(&world.admin, "heir", &[]).await;
    let people = format!("/cases/{case}/people");
    let role = json!({"person": leaver.person, "role": "investigator"});
    world.ask(&world.first, &people, Some(role)).await;
    let departure = format!("/people/{}/departure", leaver.person);
    let to = Some(json!({"successor": heir.person}));
    assert_eq!(
        world.status(&world.first, &departure, to.clone()).await,
        403
    );
    let itself = Some(json!({"successor": leaver.person}));
    assert_eq!(world.status(&world.admin, &departure, itself).await, 400);
    let start = world.app.size().await;
    let told = world.ask(&world.admin, &departure, to.clone()).await;
    // The administrator does not learn how many cases there were.
    assert_eq!(told["entries"].as_array().expect("entries").len(), 1);
    let kinds = world.app.kinds_since(start).await;
    assert_eq!(kinds, ["person_leave", "role_end"]);
    let was = world.app.api(&leaver, Method::GET, "/me", None).await;
    assert_eq!(was.status(), 401);
    let fields = [("login", "leaver"), ("password", "several plain words")];
    let again = world.app.post(&User::nobody(), "/sign-in", &fields).await;
    assert_eq!(again.status(), 401);
    assert_eq!(world.status(&world.admin, &departure, to).await, 409);
    let status = format!("/people/{}/status", leaver.person);
    let back = Some(json!({"status": "active"}));
    assert_eq!(world.status(&world.admin, &status, back).await, 409);
    // The successor has nothing by being named, and gets the role by decision.
    let path = format!("/cases/{case}");
    let hidden = world.app.api(&heir, Method::GET, &path, None).await;
    assert_eq!(hidden.status(), 404);
    let page = world.app.ask(&world.first, Method::GET, &path, None).await;
    assert_eq!(page["people"], json!([]));
    let open = &page["successions"][0];
    assert_eq!(open["successor"], heir.person.as_str());
    assert_eq!(open["left"], "Person leaver");
    let shown = world.app.get(&world.first, &path).await;
    let shown = shown.text().await.expect("a page");
    assert!(shown.contains("Give Person heir the role"), "{shown}");
    let role = json!({"person": heir.person, "role": open["role"], "party": open["party"]});
    world.ask(&world.first, &people, Some(role)).await;
    let page = world.app.ask(&world.first, Method::GET, &path, None).await;
    assert_eq!(page["successions"], json!([]));
    assert_eq!(page["people"][0]["name"], "Person heir");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_goes_into_another_and_stays_readable() {
    let world = World::new().await;
    let (case, other) = (world.opened("26/1").await, world.opened("26/2").await);
    let officer = world.app.person_by(&world.admin, "officer", &[]).await;
    let people = format!("/cases/{case}/people");
    let role = json!({"person": officer.person, "role": "investigator"});
    world.ask(&world.first, &people, Some(role)).await;
    let made = world.app.deposit(&officer, &case, b"hello").await;
    let merge = format!("/cases/{case}/merge");
    let into = |case: &str| Some(json!({"into": case, "reason": "one matter"}));
    assert_eq!(world.status(&world.first, &merge, into(&case)).await, 400);
    let nowhere = "0".repeat(32);
    assert_eq!(
        world.status(&world.first, &merge, into(&nowhere)).await,
        404
    );
    assert_eq!(world.status(&officer, &merge, into(&other)).await, 403);
    world.ask(&world.first, &merge, into(&other)).await;
    assert_eq!(world.status(&world.first, &merge, into(&other)).await, 409);
    let back = format!("/cases/{other}/merge");
    assert_eq!(world.status(&world.first, &back, into(&case)).await, 409);
    let page = world
        .app
        .ask(&world.first, Method::GET, &format!("/cases/{other}"), None)
        .await;
    assert_eq!(page["links"]["merged"][0]["number"], "26/1");
    // The officer has no role on the other case, and does not learn which it is.
    let path = format!("/cases/{case}");
    let page = world.app.ask(&officer, Method::GET, &path, None).await;
    assert_eq!(page["case"]["stage"], "merged");
    assert_eq!(page["links"]["merged_into"], Value::Null);
    let item = format!("/items/{}", text(&made["item"]));
    world.app.ask(&officer, Method::GET, &item, None).await;
    let items = format!("/cases/{case}/items");
    let new = Some(json!({"reference": "JS/9"}));
    assert_eq!(world.status(&officer, &items, new).await, 403);
    // Opened again, it is in no other case any more.
    let stage = Some(json!({"stage": "open", "outcome": "two matters after all"}));
    let path = format!("/cases/{case}/stage");
    world.app.ask(&world.first, Method::PUT, &path, stage).await;
    let path = format!("/cases/{other}");
    let page = world.app.ask(&world.first, Method::GET, &path, None).await;
    assert_eq!(page["links"]["merged"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_s_own_sessions_are_listed_and_ended() {
    let app = TestApp::start().await;
    let bea = app.person("bea", &[]).await;
    let other = app.sign_in("bea", &bea.person).await;
    let list = app.ask(&other, Method::GET, "/sessions", None).await;
    let sessions = list["items"].as_array().expect("sessions");
    assert_eq!(sessions.len(), 2);
    let means: Vec<String> = sessions.iter().map(|one| text(&one["means"])).collect();
    assert_eq!(means, ["password", "link"], "newest first");
    assert_eq!(sessions[0]["present"], true);
    let end = format!("/sessions/{}/end", text(&sessions[1]["id"]));
    // A session of somebody else is none.
    let admin = app.api(&app.admin, Method::POST, &end, None).await;
    assert_eq!(admin.status(), 404);
    app.ask(&other, Method::POST, &end, None).await;
    let was = app.api(&bea, Method::GET, "/me", None).await;
    assert_eq!(was.status(), 401);
    let again = app.api(&other, Method::POST, &end, None).await;
    assert_eq!(again.status(), 404);
    app.ask(&other, Method::GET, "/me", None).await;
}
