//! The register beside the items: what is filed about them, walls, the course of a case.

mod course;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{TestApp, User};

/// A case with everyone on it who files something.
struct World {
    app: TestApp,
    custodian: User,
    officer: User,
    prosecutor: User,
    counsel: User,
    judge: User,
    case: String,
    party: String,
}

impl World {
    async fn new() -> Self {
        let app = TestApp::start().await;
        let custodian = app.person("custodian", &["custodian"]).await;
        let officer = app.person("officer", &[]).await;
        let prosecutor = app.person("prosecutor", &[]).await;
        let counsel = app.person("counsel", &[]).await;
        let judge = app.person("judge", &[]).await;
        let on_case = [
            (&officer, "investigator"),
            (&prosecutor, "prosecutor"),
            (&judge, "judge"),
        ];
        let case = app.case(&custodian, &on_case).await;
        let path = format!("/cases/{case}/parties");
        let party = json!({"side": "defence", "name": "D."});
        let party = app.ask(&custodian, Method::POST, &path, Some(party)).await;
        let party = text(&party["id"]);
        let member = json!({"person": counsel.person, "role": "defence", "party": party});
        let path = format!("/cases/{case}/people");
        app.ask(&custodian, Method::POST, &path, Some(member)).await;
        Self {
            app,
            custodian,
            officer,
            prosecutor,
            counsel,
            judge,
            case,
            party,
        }
    }

    async fn status(&self, user: &User, method: Method, path: &str, body: Value) -> u16 {
        let answer = self.app.api(user, method, path, Some(body)).await;
        answer.status().as_u16()
    }

    async fn serve(&self, item: &str) {
        let to = Some(json!({"party": self.party}));
        let path = format!("/items/{item}/servings");
        self.app
            .ask(&self.prosecutor, Method::POST, &path, to)
            .await;
    }

    async fn item(&self, user: &User, item: &str) -> Value {
        let path = format!("/items/{item}");
        self.app.ask(user, Method::GET, &path, None).await
    }

    async fn deposit(&self, new: Value) -> String {
        let made = self
            .app
            .deposit_told(&self.officer, &self.case, new, b"hello")
            .await;
        text(&made["item"])
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").into()
}

#[tokio::test(flavor = "multi_thread")]
async fn corrections_are_appended_and_what_was_told_stays() {
    let world = World::new().await;
    let new = json!({"reference": "JS/1", "description": "a photo", "place": "Gate 2"});
    let item = world.deposit(new).await;
    let path = format!("/items/{item}/corrections");
    let correction = json!({"field": "place", "value": "Gate 3", "reason": "misread"});
    let made = world
        .app
        .ask(
            &world.officer,
            Method::POST,
            &path,
            Some(correction.clone()),
        )
        .await;
    assert!(made["entries"][0]["index"].is_u64(), "{made}");
    world.serve(&item).await;
    for reader in [&world.officer, &world.counsel, &world.judge] {
        let page = world.item(reader, &item).await;
        assert_eq!(page["provenance"]["place"], "Gate 2");
        assert_eq!(page["corrections"][0]["value"], "Gate 3");
        assert_eq!(page["corrections"][0]["by"], "Person officer");
    }
    for (odd, status) in [
        (
            json!({"field": "reference", "value": "JS/2", "reason": "r"}),
            400,
        ),
        (json!({"field": "place", "value": 7, "reason": "r"}), 400),
        (json!({"field": "place", "value": "x", "reason": ""}), 400),
        (json!({"field": "place", "value": "x"}), 400),
        (
            json!({"field": "place", "value": "x".repeat(301), "reason": "r"}),
            400,
        ),
    ] {
        let got = world
            .status(&world.officer, Method::POST, &path, odd.clone())
            .await;
        assert_eq!(got, status, "{odd}");
    }
    let by_form = format!("/items/{item}/corrections");
    for odd in [
        "é".repeat(20),
        "2026-03-01".into(),
        "2026-03-01T14:05+é".into(),
        String::new(),
    ] {
        let fields = [("field", "captured_at"), ("value", &odd), ("reason", "r")];
        let answer = world.app.post(&world.officer, &by_form, &fields).await;
        assert_eq!(answer.status(), 400, "{odd}");
    }
    for user in [&world.prosecutor, &world.counsel, &world.judge] {
        let got = world
            .status(user, Method::POST, &path, correction.clone())
            .await;
        assert_eq!(got, 403);
    }
    let page = world.item(&world.officer, &item).await;
    assert_eq!(page["corrections"].as_array().expect("a list").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_physical_thing_has_its_own_hands() {
    let world = World::new().await;
    let item = world.deposit(json!({"reference": "JS/1"})).await;
    let path = format!("/items/{item}/transfers");
    let transfer = json!({
        "released_by": "J. Sant", "received_by": "M. Okoye", "reason": "to the laboratory",
        "at": 1_770_000_000_000_000_i64, "offset_minutes": 60, "place": "Store 4",
        "seal": "A-77", "seal_state": "intact",
    });
    world
        .app
        .ask(
            &world.custodian,
            Method::POST,
            &path,
            Some(transfer.clone()),
        )
        .await;
    let page = world.item(&world.officer, &item).await;
    let kept = &page["transfers"][0];
    for (name, value) in transfer.as_object().expect("an object") {
        assert_eq!(&kept[name], value, "{name}");
    }
    let with = |name: &str, value: Value| {
        let mut odd = transfer.clone();
        odd[name] = value;
        odd
    };
    for odd in [
        with("at", Value::Null),
        with("at", json!(4_000_000_000_000_000_i64)),
        with("released_by", json!(" ")),
        with("seal_state", json!("melted")),
        with("seal_state", json!("none")),
        with("seal", json!("")),
        with("offset_minutes", json!(-900)),
        with("more", json!("x")),
    ] {
        let got = world
            .status(&world.officer, Method::POST, &path, odd.clone())
            .await;
        assert_eq!(got, 400, "{odd}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exhibits_are_offered_and_ruled_on_under_an_order() {
    let world = World::new().await;
    let item = world.deposit(json!({"reference": "JS/1"})).await;
    let orders = format!("/cases/{}/orders", world.case);
    let order = json!({"number": "O-7", "orders": "admit", "text": "The recording is admitted."});
    let made = world
        .app
        .ask(&world.judge, Method::POST, &orders, Some(order.clone()))
        .await;
    let made = text(&made["id"]);
    let again = world
        .status(&world.judge, Method::POST, &orders, order.clone())
        .await;
    assert_eq!(again, 409, "an order's number is given once");
    let got = world
        .status(&world.officer, Method::POST, &orders, order)
        .await;
    assert_eq!(got, 403);

    let path = format!("/items/{item}/exhibits");
    // Counsel knows of no item that was not served, and is told so as of one that is not there.
    let hidden = world
        .status(&world.counsel, Method::POST, &path, json!({"number": "D1"}))
        .await;
    assert_eq!(hidden, 404);
    world.serve(&item).await;
    let offer = json!({"number": "P1", "note": "it shows the handover"});
    let exhibit = world
        .app
        .ask(&world.prosecutor, Method::POST, &path, Some(offer.clone()))
        .await;
    let exhibit = format!("{path}/{}", text(&exhibit["id"]));
    let twice = world
        .status(&world.prosecutor, Method::POST, &path, offer)
        .await;
    assert_eq!(twice, 409);
    let own = world
        .app
        .ask(
            &world.counsel,
            Method::POST,
            &path,
            Some(json!({"number": "P1"})),
        )
        .await;
    let other_sides = world
        .status(&world.counsel, Method::DELETE, &exhibit, Value::Null)
        .await;
    assert_eq!(other_sides, 409, "a side withdraws its own");
    let withdrawn = format!("{path}/{}", text(&own["id"]));
    world
        .app
        .ask(&world.counsel, Method::DELETE, &withdrawn, None)
        .await;

    let ruling = format!("{exhibit}/ruling");
    for (body, status) in [
        (json!({"status": "perhaps"}), 400),
        (json!({"status": "admitted", "order": "0".repeat(32)}), 400),
        (
            json!({"status": "admitted", "order": made, "note": "relevant"}),
            200,
        ),
    ] {
        let got = world
            .status(&world.judge, Method::PUT, &ruling, body.clone())
            .await;
        assert_eq!(got, status, "{body}");
    }
    let ruled = format!("{withdrawn}/ruling");
    let got = world
        .status(
            &world.judge,
            Method::PUT,
            &ruled,
            json!({"status": "admitted"}),
        )
        .await;
    assert_eq!(got, 409, "what is withdrawn is not ruled on");
    let unknown = format!("{path}/{}/ruling", "0".repeat(32));
    let got = world
        .status(
            &world.judge,
            Method::PUT,
            &unknown,
            json!({"status": "admitted"}),
        )
        .await;
    assert_eq!(got, 404);

    let list = format!("/cases/{}/exhibits", world.case);
    let list = world
        .app
        .ask(&world.counsel, Method::GET, &list, None)
        .await;
    let shown: Vec<(String, String, String)> = list["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| {
            (
                text(&one["number"]),
                text(&one["side"]),
                text(&one["status"]),
            )
        })
        .collect();
    let row = |number: &str, side: &str, status: &str| (number.into(), side.into(), status.into());
    assert_eq!(
        shown,
        [
            row("P1", "prosecution", "admitted"),
            row("P1", "defence", "withdrawn")
        ]
    );
    // The ruling's entry names the order as its authority.
    let history = format!("/items/{item}/history");
    let history = world
        .app
        .ask(&world.judge, Method::GET, &history, None)
        .await;
    assert!(history.to_string().contains(&made), "{history}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_is_given_once_in_its_compartment() {
    let world = World::new().await;
    world.deposit(json!({"reference": "JS/1"})).await;
    let path = format!("/cases/{}/items", world.case);
    for same in ["JS/1", " js/1 "] {
        let got = world
            .status(
                &world.officer,
                Method::POST,
                &path,
                json!({"reference": same}),
            )
            .await;
        assert_eq!(got, 409, "{same}");
    }
    // Two announced at once: the first whose bytes are there has it.
    let announce = async || {
        let new = Some(json!({"reference": "JS/2"}));
        let told = world
            .app
            .ask(&world.officer, Method::POST, &path, new)
            .await;
        text(&told["upload"])
    };
    let (one, other) = (announce().await, announce().await);
    let send = async |upload: &str| {
        let path = format!("/uploads/{upload}/content");
        world
            .status(&world.officer, Method::PUT, &path, json!({}))
            .await
    };
    assert_eq!(send(&one).await, 201);
    assert_eq!(send(&other).await, 409);
    // What is restricted is another compartment: its number tells nobody of it.
    let restricted = json!({"reference": "JS/3", "sensitivity": "restricted"});
    world.deposit(restricted.clone()).await;
    world.deposit(json!({"reference": "JS/3"})).await;
    let got = world
        .status(&world.officer, Method::POST, &path, restricted.clone())
        .await;
    assert_eq!(got, 409, "its depositor knows of their own");
    let second = world.app.person("second", &[]).await;
    let member = json!({"person": second.person, "role": "investigator"});
    let people = format!("/cases/{}/people", world.case);
    world
        .app
        .ask(&world.custodian, Method::POST, &people, Some(member))
        .await;
    let got = world.status(&second, Method::POST, &path, restricted).await;
    assert_eq!(got, 201, "nobody else does");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_made_from_others_names_them() {
    let world = World::new().await;
    let source = world.deposit(json!({"reference": "JS/1"})).await;
    let derived = |sources: &[&str]| {
        json!({
            "reference": "JS/1-T", "description": "a transcript",
            "derived": {
                "sources": sources, "tool": "whisper", "version": "3", "parameters": "",
                "operator": "M. Okoye", "reason": "transcript",
            },
        })
    };
    let transcript = world.deposit(derived(&[&source])).await;
    let page = world.item(&world.officer, &transcript).await;
    assert_eq!(page["derived"]["sources"], json!([source]));
    assert_eq!(page["derived"]["tool"], "whisper");
    let page = world.item(&world.officer, &source).await;
    assert_eq!(page["derivatives"], json!([transcript]));
    // Counsel who was served the transcript alone is told of no original.
    world.serve(&transcript).await;
    let page = world.item(&world.counsel, &transcript).await;
    assert_eq!(page["derived"]["sources"], json!([]));
    let path = format!("/cases/{}/items", world.case);
    let unknown = "0".repeat(32);
    for (odd, status) in [
        (derived(&[]), 400),
        (derived(&[&unknown]), 404),
        (derived(&["x"]), 400),
    ] {
        let mut odd = odd;
        odd["reference"] = json!("JS/9");
        let got = world
            .status(&world.officer, Method::POST, &path, odd.clone())
            .await;
        assert_eq!(got, status, "{odd}");
    }
    // A restricted source is refused like one that is not there.
    let secret = world
        .deposit(json!({"reference": "JS/5", "sensitivity": "restricted"}))
        .await;
    let mut odd = derived(&[&secret]);
    odd["reference"] = json!("JS/9");
    let got = world.status(&world.officer, Method::POST, &path, odd).await;
    assert_eq!(got, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn particulars_are_kept_by_name() {
    let world = World::new().await;
    let new = json!({
        "reference": "JS/1",
        "particulars": {"device_serial": "KX-77", "consent": "in writing", "seal": ""},
    });
    let item = world.deposit(new).await;
    let page = world.item(&world.officer, &item).await;
    assert_eq!(page["provenance"]["device_serial"], "KX-77");
    assert_eq!(
        page["provenance"].get("seal"),
        None,
        "nothing was told of it"
    );
    let path = format!("/cases/{}/items", world.case);
    for odd in [
        json!({"reference": "JS/2", "particulars": {"colour": "red"}}),
        json!({"reference": "JS/2", "particulars": {"consent": "a\nb"}}),
        json!({"reference": "JS/2", "particulars": {"consent": 1}}),
    ] {
        let got = world
            .status(&world.officer, Method::POST, &path, odd.clone())
            .await;
        assert_eq!(got, 400, "{odd}");
    }
}
