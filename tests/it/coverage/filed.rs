//! Files beside a case and an item of it, and sees what each use leaves.

use serde_json::json;

use super::uses::{Drive, between, id};
use crate::support::User;

/// What is filed beside a case and an item of it, by the API.
pub async fn by_api(
    drive: &mut Drive,
    [custodian, officer, prosecutor, judge]: [&User; 4],
    (case, item): (&str, &str),
) {
    let correction = json!({"field": "place", "value": "Gate 3", "reason": "a slip"});
    let path = format!("{item}/corrections");
    let route = "POST /api/v1/items/<item>/corrections";
    drive.api(officer, route, &path, Some(correction)).await;
    let transfer = json!({
        "released_by": "J. Sant", "received_by": "the laboratory", "reason": "analysis",
        "at": 1_770_000_000_000_000_i64, "seal": "A-77", "seal_state": "intact",
    });
    let path = format!("{item}/transfers");
    let route = "POST /api/v1/items/<item>/transfers";
    drive.api(officer, route, &path, Some(transfer)).await;
    let path = format!("{case}/orders");
    let order = json!({"number": "O-1", "orders": "admit", "text": "It is admitted."});
    let route = "POST /api/v1/cases/<case>/orders";
    let order = drive.api(judge, route, &path, Some(order)).await;
    drive
        .api(judge, "GET /api/v1/cases/<case>/orders", &path, None)
        .await;
    let path = format!("{item}/exhibits");
    let route = "POST /api/v1/items/<item>/exhibits";
    for (number, ruled) in [("P1", false), ("P2", true)] {
        let offer = Some(json!({"number": number}));
        let offer = drive.api(prosecutor, route, &path, offer).await;
        let exhibit = format!("{path}/{}", id(&offer, "id"));
        if ruled {
            let ruling = json!({"status": "admitted", "order": id(&order, "id")});
            let route = "PUT /api/v1/items/<item>/exhibits/<exhibit>/ruling";
            let exhibit = format!("{exhibit}/ruling");
            drive.api(judge, route, &exhibit, Some(ruling)).await;
        } else {
            let route = "DELETE /api/v1/items/<item>/exhibits/<exhibit>";
            drive.api(prosecutor, route, &exhibit, None).await;
        }
    }
    let path = format!("{case}/exhibits");
    drive
        .api(judge, "GET /api/v1/cases/<case>/exhibits", &path, None)
        .await;
    let stage = json!({"stage": "closed", "outcome": "a conviction"});
    let path = format!("{case}/stage");
    let route = "PUT /api/v1/cases/<case>/stage";
    drive.api(custodian, route, &path, Some(stage)).await;
    let wall = json!({"status": "up", "reason": "acted for the other side"});
    let path = format!("{case}/walls/{}", officer.person);
    let route = "PUT /api/v1/cases/<case>/walls/<person>";
    drive.api(custodian, route, &path, Some(wall)).await;
    let path = format!("{case}/walls");
    drive
        .api(custodian, "GET /api/v1/cases/<case>/walls", &path, None)
        .await;
    let path = format!("{case}/people/{}/prosecutor", prosecutor.person);
    let route = "DELETE /api/v1/cases/<case>/people/<person>/<role>";
    drive.api(custodian, route, &path, None).await;
}

/// The same by pages.
pub async fn by_pages(
    drive: &mut Drive,
    [custodian, officer, prosecutor, judge]: [&User; 4],
    (case, item): (&str, &str),
) {
    let path = format!("{item}/corrections");
    for (field, value) in [
        ("place", "Gate 3"),
        ("captured_at", "2026-03-01T14:05+01:00"),
    ] {
        let correction = [("field", field), ("value", value), ("reason", "a slip")];
        let route = "POST /items/<item>/corrections";
        drive.page(officer, route, &path, &correction).await;
    }
    let transfer = [
        ("released_by", "J. Sant"),
        ("received_by", "the laboratory"),
        ("at", "2026-03-01T14:05"),
        ("offset", "+01:00"),
        ("place", ""),
        ("reason", "analysis"),
        ("seal", "A-77"),
        ("seal_state", "intact"),
    ];
    let path = format!("{item}/transfers");
    drive
        .page(officer, "POST /items/<item>/transfers", &path, &transfer)
        .await;
    let path = format!("{case}/orders");
    let order = [
        ("number", "O-1"),
        ("orders", "admit"),
        ("text", "Admitted."),
    ];
    drive
        .page(judge, "POST /cases/<case>/orders", &path, &order)
        .await;
    let register = format!("{case}/register");
    let page = drive
        .page(judge, "GET /cases/<case>/register", &register, &[])
        .await;
    let order = between(&page, "names it: <span class=\"mono\">", "<");
    let path = format!("{item}/exhibits");
    for (number, ruled) in [("P1", false), ("P2", true)] {
        let offer = [("number", number), ("note", "")];
        let route = "POST /items/<item>/exhibits";
        drive.page(prosecutor, route, &path, &offer).await;
        let page = drive
            .page(judge, "GET /items/<item>?<deposited>", item, &[])
            .await;
        // The newest stands last; rulings on all but withdrawn ones are offered.
        let mark = format!("action=\"{path}/");
        let exhibit = page
            .rsplit(&mark)
            .next()
            .and_then(|rest| rest.split('/').next())
            .expect("an exhibit")
            .to_owned();
        if ruled {
            let path = format!("{path}/{exhibit}/ruling");
            let ruling = [
                ("tag", "*"),
                ("status", "admitted"),
                ("order", &order),
                ("note", ""),
            ];
            let route = "POST /items/<item>/exhibits/<exhibit>/ruling";
            drive.page(judge, route, &path, &ruling).await;
        } else {
            let path = format!("{path}/{exhibit}/withdraw");
            let route = "POST /items/<item>/exhibits/<exhibit>/withdraw";
            drive.page(prosecutor, route, &path, &[]).await;
        }
    }
    let path = format!("{case}/stage");
    for (stage, outcome) in [("closed", "a conviction"), ("open", "an appeal")] {
        let stage = [("tag", "*"), ("stage", stage), ("outcome", outcome)];
        let route = "POST /cases/<case>/stage";
        drive.page(custodian, route, &path, &stage).await;
    }
    let path = format!("{case}/walls");
    let wall = [
        ("tag", "*"),
        ("person", officer.person.as_str()),
        ("status", "up"),
        ("reason", "acted for the other side"),
    ];
    drive
        .page(custodian, "POST /cases/<case>/walls", &path, &wall)
        .await;
    let path = format!("{case}/people/end");
    let role = [
        ("person", prosecutor.person.as_str()),
        ("role", "prosecutor"),
    ];
    let route = "POST /cases/<case>/people/end";
    drive.page(custodian, route, &path, &role).await;
}
