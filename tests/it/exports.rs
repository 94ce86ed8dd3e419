//! Exports of the custody log: who gets what, and that what comes verifies as it is.

use custos_core::{
    checkpoint::TrustPolicy,
    event::slot,
    export::{Line, Reader},
    ids::Timestamp,
    verify::{VerifiedExport, verify_export},
};
use futures::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{TestApp, WHY, user::User};

/// A case with two items, one of them restricted, the other served to counsel.
struct World {
    app: TestApp,
    custodian: User,
    officer: User,
    judge: User,
    counsel: User,
    case: String,
    served: String,
    hidden: String,
}

async fn world() -> World {
    let app = TestApp::start().await;
    let custodian = app.person("custodian", &["custodian"]).await;
    let officer = app.person("officer", &[]).await;
    let prosecutor = app.person("prosecutor", &[]).await;
    let judge = app.person("judge", &[]).await;
    let counsel = app.person("counsel", &[]).await;
    let people = [
        (&officer, "investigator"),
        (&prosecutor, "prosecutor"),
        (&judge, "judge"),
    ];
    let case = app.case(&custodian, &people).await;
    let party = json!({"side": "defence", "name": "D."});
    let path = format!("/cases/{case}/parties");
    let party = app.ask(&custodian, Method::POST, &path, Some(party)).await;
    let member = json!({"person": counsel.person, "role": "defence", "party": party["id"]});
    let path = format!("/cases/{case}/people");
    app.ask(&custodian, Method::POST, &path, Some(member)).await;
    let mut items = Vec::new();
    for bytes in [&b"the first"[..], b"the second"] {
        let made = app.deposit(&officer, &case, bytes).await;
        items.push(made["item"].as_str().expect("an item").to_owned());
    }
    let [served, hidden] = items.try_into().expect("two items");
    let path = format!("/items/{served}/servings");
    let party = json!({"party": party["id"]});
    app.ask(&prosecutor, Method::POST, &path, Some(party)).await;
    app.view(&counsel, &served, "view").await;
    let path = format!("/items/{hidden}/restriction");
    app.ask(&judge, Method::PUT, &path, None).await;
    World {
        app,
        custodian,
        officer,
        judge,
        counsel,
        case,
        served,
        hidden,
    }
}

impl World {
    async fn taken(&self, user: &User, asked: Value) -> Vec<u8> {
        let path = "/custody/exports";
        let answer = self.app.api(user, Method::POST, path, Some(asked)).await;
        assert_eq!(answer.status(), 200);
        answer.bytes().await.expect("a body").to_vec()
    }

    async fn status(&self, user: &User, asked: Value) -> u16 {
        let path = "/custody/exports";
        let answer = self.app.api(user, Method::POST, path, Some(asked)).await;
        answer.status().as_u16()
    }

    fn verified(&self, bytes: &[u8]) -> VerifiedExport {
        let trust = TrustPolicy::of_log((*self.app.room.log_key).clone());
        let now = Timestamp::from_micros(4_000_000_000_000_000).expect("a time");
        verify_export(bytes, &trust, &[], now).expect("it verifies")
    }

    /// The lines of a verified export, its own last.
    async fn lines(&self, user: &User, asked: Value) -> Vec<Line> {
        let bytes = self.taken(user, asked).await;
        self.verified(&bytes);
        lines(&bytes)
    }

    fn of_case(&self) -> Value {
        json!({"case": self.case})
    }
}

fn lines(bytes: &[u8]) -> Vec<Line> {
    let mut reader = Reader::open(bytes).expect("an export");
    let mut lines = Vec::new();
    while let Some((line, _)) = reader.next_line().expect("lines") {
        lines.push(line);
    }
    lines
}

fn subjects(lines: &[Line]) -> Vec<&str> {
    let ids = lines.iter().filter_map(|line| {
        let subject = line.entry.value(slot::SUBJECT)?;
        subject["id"].as_str()
    });
    ids.collect()
}

fn kinds(lines: &[Line]) -> Vec<&str> {
    let kinds = lines
        .iter()
        .filter_map(|line| line.entry.string(slot::KIND));
    kinds.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_gets_of_a_case_what_they_may_see() {
    let world = world().await;
    let of_judge = world.lines(&world.judge, world.of_case()).await;
    let of_officer = world.lines(&world.officer, world.of_case()).await;
    let of_counsel = world.lines(&world.counsel, world.of_case()).await;
    assert!(subjects(&of_judge).contains(&world.hidden.as_str()));
    for lines in [&of_officer, &of_counsel] {
        assert!(subjects(lines).contains(&world.served.as_str()));
        let text: String = lines
            .iter()
            .map(|line| line.entry.to_value().to_string())
            .collect();
        assert!(
            !text.contains(&world.hidden),
            "nothing names what is hidden"
        );
    }
    // The court sees what counsel opened; staff do not, and counsel sees their own.
    assert!(
        kinds(&of_judge)
            .iter()
            .filter(|kind| **kind == "view")
            .count()
            == 1
    );
    assert!(!kinds(&of_officer).contains(&"view"));
    assert!(kinds(&of_counsel).contains(&"view"));
    assert!(!kinds(&of_counsel).contains(&"case_open"));
    assert!(kinds(&of_officer).contains(&"case_open"));
    for line in &of_officer {
        for numbers in slot::SCOPE_NTH..=slot::ITEM_PREV {
            assert!(line.entry.value(numbers).is_none(), "gaps would count");
        }
        assert!(line.entry.value(slot::SUBJECT_NTH).is_some());
    }
    for line in &of_counsel {
        let counted = slot::SCOPE_NTH..=slot::SUBJECT_PREV;
        let decided = slot::POLICY_SET..=slot::APPROVALS;
        for closed in counted.chain(decided) {
            assert!(line.entry.value(closed).is_none(), "slot {closed}");
        }
    }
    assert!(of_judge[0].entry.value(slot::SCOPE_NTH).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn how_many_entries_somebody_exported_is_their_own() {
    let world = world().await;
    world
        .lines(&world.judge, json!({"item": world.served}))
        .await;
    for (reader, sees) in [(&world.officer, false), (&world.judge, true)] {
        let lines = world.lines(reader, json!({"item": world.served})).await;
        let of_judge = lines.iter().find(|line| {
            line.entry.string(slot::KIND) == Some("export")
                && line.entry.string(slot::ACTOR) == Some(&world.judge.person)
        });
        let of_judge = of_judge.expect("it stands in the item's history");
        assert_eq!(of_judge.entry.value(slot::DETAIL).is_some(), sees);
    }
    let path = format!("/items/{}/history", world.served);
    let history = world
        .app
        .ask(&world.officer, Method::GET, &path, None)
        .await;
    let items = history["items"].as_array().expect("lines").iter();
    let exports: Vec<&Value> = items.filter(|line| line["kind"] == "export").collect();
    assert!(exports.iter().any(|line| line["detail"].is_null()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_chosen_is_withheld_and_the_rest_verifies() {
    let world = world().await;
    let asked = json!({"case": world.case, "withhold": ["actor", "fingerprints", "purpose"]});
    let bytes = world.taken(&world.judge, asked).await;
    let found = world.verified(&bytes);
    assert_eq!(found.entries.len() + 1, lines(&bytes).len());
    let text = String::from_utf8(bytes.clone()).expect("UTF-8");
    for person in [&world.officer, &world.judge, &world.counsel] {
        let entry = format!("\"value\":\"{}\"", person.person);
        assert!(!text.contains(&entry), "who acted is withheld");
    }
    assert!(!text.contains(WHY));
    for line in lines(&bytes) {
        if line.entry.adds_item() {
            assert!(line.entry.value(slot::SHA256).is_none());
            assert!(line.entry.value(slot::CONTENT_ROOT).is_some());
        }
    }
    let cut = &bytes[..bytes.len() / 2];
    let trust = TrustPolicy::of_log((*world.app.room.log_key).clone());
    assert!(verify_export(cut, &trust, &[], found.made.time.expect("a time")).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_person_did_is_for_them_and_for_custodians() {
    let world = world().await;
    let of = |user: &User| json!({"person": user.person});
    let own = world.lines(&world.counsel, of(&world.counsel)).await;
    assert!(kinds(&own).contains(&"view"));
    for line in &own {
        assert_eq!(
            line.entry.string(slot::ACTOR),
            Some(world.counsel.person.as_str())
        );
    }
    // The custodian keeps cases, and neither reads nor counts what counsel does.
    let of_counsel = world.lines(&world.custodian, of(&world.counsel)).await;
    assert_eq!(kinds(&of_counsel), ["export"]);
    let of_officer = world.lines(&world.custodian, of(&world.officer)).await;
    assert_eq!(
        kinds(&of_officer)
            .iter()
            .filter(|kind| **kind == "deposit")
            .count(),
        2
    );
    // An id that names nobody is answered as somebody who did nothing.
    let nobody = world
        .lines(&world.custodian, json!({"person": "f".repeat(32)}))
        .await;
    assert_eq!(kinds(&nobody), ["export"]);
    // Everyone else is told the same of everybody.
    for person in [world.counsel.person.clone(), "f".repeat(32)] {
        let asked = json!({"person": person});
        assert_eq!(world.status(&world.officer, asked).await, 404);
    }
    // Within a case it narrows what they see anyway.
    let asked = json!({"case": world.case, "person": world.judge.person});
    let of_judge = world.lines(&world.officer, asked).await;
    assert!(
        kinds(&of_judge)
            .iter()
            .all(|kind| *kind == "export" || *kind == "list")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_of_time_ends_where_it_says() {
    let world = world().await;
    let all = world.lines(&world.judge, world.of_case()).await;
    let times: Vec<i64> = all
        .iter()
        .map(|line| {
            line.entry
                .value(slot::TIME)
                .and_then(Value::as_i64)
                .expect("a time")
        })
        .collect();
    let (from, to) = (times[1], times[times.len() - 2]);
    let asked = json!({"case": world.case, "from": from, "to": to});
    let some = world.lines(&world.judge, asked).await;
    let expected = times[..times.len() - 1]
        .iter()
        .filter(|time| (from..to).contains(*time));
    assert_eq!(some.len() - 1, expected.count());
    let everywhere = world.lines(&world.officer, json!({"from": from})).await;
    assert!(everywhere.len() > 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_wrongly_is_told() {
    let world = world().await;
    for asked in [
        json!({}),
        json!({"case": world.case, "item": world.served}),
        json!({"from": 5, "to": 5}),
        json!({"case": world.case, "withhold": ["rows"]}),
        json!({"case": world.case, "format": "pdf"}),
    ] {
        assert_eq!(world.status(&world.judge, asked).await, 400);
    }
    let unknown = "0123456789abcdef".repeat(2);
    for asked in [
        json!({"case": unknown}),
        json!({"item": unknown}),
        json!({"item": world.hidden}),
    ] {
        assert_eq!(world.status(&world.officer, asked).await, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_holds_no_formula_and_a_page_carries_what_verifies() {
    let world = world().await;
    let new = json!({"reference": "JS/9", "description": "=HYPERLINK(\"http://x\")<script>"});
    let app = &world.app;
    let made = app
        .deposit_told(&world.officer, &world.case, new, b"x")
        .await;
    let item = made["item"].as_str().expect("an item");
    let fields = [
        ("purpose", "investigation"),
        ("why", "=1+1 is what I asked"),
        ("how", "view"),
    ];
    let answer = app
        .post(&world.officer, &format!("/items/{item}/views"), &fields)
        .await;
    assert_eq!(answer.status(), 303);
    let csv = world
        .taken(&world.officer, json!({"item": item, "format": "csv"}))
        .await;
    let mut csv = csv::Reader::from_reader(csv.as_slice());
    let records: Vec<csv::StringRecord> = csv
        .records()
        .map(|record| record.expect("a record"))
        .collect();
    assert!(records.len() > 2);
    let cells = records.iter().flat_map(|record| record.iter());
    assert!(
        !cells
            .clone()
            .any(|cell| cell.starts_with(['=', '+', '-', '@']))
    );
    assert!(cells.clone().any(|cell| cell.starts_with("'=1+1")));

    let page = world
        .taken(&world.officer, json!({"item": item, "format": "html"}))
        .await;
    let page = String::from_utf8(page).expect("UTF-8");
    assert!(!page.contains("<script"));
    assert!(page.contains("Person officer"));
    let begin = page.find("<pre id=\"custos-export\"").expect("the lines");
    let (_, text) = page[begin..].split_once('>').expect("the end of a tag");
    let text = text.split("</pre>").next().expect("an end");
    let text = text.strip_prefix('\n').unwrap_or(text);
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    world.verified(text.as_bytes());
    let sha256 = custos_core::hash::sha256(&[text.as_bytes()]);
    assert!(page.contains(&sha256.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_offer_it_and_take_it_away() {
    let world = world().await;
    for (path, user) in [
        (format!("/cases/{}", world.case), &world.counsel),
        (format!("/items/{}", world.served), &world.officer),
    ] {
        let page = world.app.get(user, &path).await;
        let page = page.text().await.expect("a page");
        assert!(page.contains("action=\"/custody/exports\""), "{path}");
        assert!(page.contains("value=\"fingerprints\" checked"), "{path}");
    }
    let fields = [
        ("case", world.case.as_str()),
        ("item", ""),
        ("person", ""),
        ("from", "2020-01-01T00:00"),
        ("to", ""),
        ("withhold", "actor"),
        ("withhold", "fingerprints"),
        ("format", "jsonl"),
    ];
    let answer = world
        .app
        .post(&world.counsel, "/custody/exports", &fields)
        .await;
    assert_eq!(answer.status(), 200);
    let name = answer.headers()["content-disposition"]
        .to_str()
        .expect("text")
        .to_owned();
    assert!(name.starts_with("attachment; filename=\"custody-log-") && name.ends_with(".jsonl\""));
    assert!(answer.headers().contains_key("repr-digest"));
    let bytes = answer.bytes().await.expect("a body");
    world.verified(&bytes);
}

/// Longer than what is kept while it is made, so that it is made again while it is sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_export_comes_whole() {
    const ENTRIES: usize = 3_000;
    let world = world().await;
    let path = format!("/items/{}/history", world.served);
    let one = world.app.api(&world.judge, Method::GET, &path, None).await;
    assert_eq!(one.status(), 200);
    let path = format!("/items/{}", world.served);
    let ask = |_| world.app.api(&world.judge, Method::GET, &path, None);
    let asked = stream::iter(0..ENTRIES).map(ask).buffer_unordered(64);
    let answered: Vec<u16> = asked.map(|answer| answer.status().as_u16()).collect().await;
    assert!(answered.iter().all(|status| *status == 200));
    let bytes = world
        .taken(&world.judge, json!({"item": world.served}))
        .await;
    assert!(bytes.len() > 9 << 20, "{}", bytes.len());
    let found = world.verified(&bytes);
    assert!(found.entries.len() > ENTRIES);
    let wanted = json!({"item": world.served, "format": "csv"});
    let csv = world.taken(&world.judge, wanted).await;
    let csv = String::from_utf8(csv).expect("UTF-8");
    assert_eq!(csv.lines().count(), found.entries.len() + 3);
}
