//! Uses what needs a second person, leaving, and one's own sessions.

use std::time::Duration;

use serde_json::json;

use super::uses::{Drive, between, id};
use crate::support::User;

const DAY: Duration = Duration::from_secs(25 * 60 * 60);

/// Two custodians, and an administrator who asks for a recovery.
pub async fn by_two(drive: &mut Drive, custodian: &str) {
    let second = drive.app.person("colleague", &["custodian"]).await.person;
    // A role approves nothing on its first day; and all sessions end.
    drive.app.clock.put_on(DAY);
    let first = drive.app.sign_in("custodian", custodian).await;
    let second = drive.app.sign_in("colleague", &second).await;
    by_pages(drive, &first, &second).await;
    by_api(drive, &first, &second).await;
}

async fn by_pages(drive: &mut Drive, first: &User, second: &User) {
    let case = opened(drive, first, "26/8").await;
    let other = opened(drive, first, "26/9").await;
    let merging = [("into", other.as_str()), ("reason", "one matter")];
    let path = format!("/cases/{case}/merge");
    drive
        .page(first, "POST /cases/<case>/merge", &path, &merging)
        .await;
    let transfer = [
        ("authority", "The Hague"),
        ("reference", "H-1"),
        ("reason", "it is theirs"),
    ];
    let path = format!("/cases/{other}/transfer");
    for (user, action, route) in [
        (second, "refusal", "POST /requests/<request>/refusal"),
        (first, "withdrawal", "POST /requests/<request>/withdrawal"),
        (second, "approval", "POST /requests/<request>/approval"),
    ] {
        drive
            .page(first, "POST /cases/<case>/transfer", &path, &transfer)
            .await;
        let page = drive.page(user, "GET /requests", "/requests", &[]).await;
        let request = between(&page, "id=\"request-", "\"");
        let answer = format!("/requests/{request}/{action}");
        drive.page(user, route, &answer, &[]).await;
        if action == "approval" {
            let execution = format!("/requests/{request}/execution");
            let route = "POST /requests/<request>/execution";
            drive.page(first, route, &execution, &[]).await;
        }
    }
}

async fn by_api(drive: &mut Drive, first: &User, second: &User) {
    let admin = drive.app.sign_in("ana", "").await;
    let case = opened(drive, first, "26/10").await;
    let other = opened(drive, first, "26/11").await;
    let merging = Some(json!({"into": other, "reason": "one matter"}));
    let path = format!("/cases/{case}/merge");
    let route = "POST /api/v1/cases/<case>/merge";
    drive.api(first, route, &path, merging).await;
    let lost = drive.app.person_by(&admin, "lost", &[]).await;
    let account = drive.account(&admin, "lost").await;
    let asked = json!({
        "proposal": {"asked": "recover_account", "account": account},
        "reason": "a lost password",
    });
    for (user, action, route) in [
        (second, "refusal", "POST /api/v1/requests/<request>/refusal"),
        (
            &admin,
            "withdrawal",
            "POST /api/v1/requests/<request>/withdrawal",
        ),
        (
            second,
            "approval",
            "POST /api/v1/requests/<request>/approval",
        ),
    ] {
        let made = drive
            .api(
                &admin,
                "POST /api/v1/requests",
                "/requests",
                Some(asked.clone()),
            )
            .await;
        let request = format!("/requests/{}", id(&made, "id"));
        let answer = format!("{request}/{action}");
        drive.api(user, route, &answer, None).await;
        if action == "approval" {
            let execution = format!("{request}/execution");
            let route = "POST /api/v1/requests/<request>/execution";
            let done = drive.api(&admin, route, &execution, None).await;
            assert!(done["secret"].is_string(), "{done}");
        }
    }
    drive
        .api(second, "GET /api/v1/requests", "/requests", None)
        .await;
    let reason = [("reason", "a lost password")];
    let path = format!("/accounts/{account}/recovery");
    let route = "POST /accounts/<account>/recovery";
    drive.page(&admin, route, &path, &reason).await;

    let path = format!("/people/{}/departure", lost.person);
    let successor = [("successor", "")];
    let route = "POST /people/<person>/departure";
    drive.page(&admin, route, &path, &successor).await;
    let gone = drive.app.person_by(&admin, "gone", &[]).await;
    let path = format!("/people/{}/departure", gone.person);
    let route = "POST /api/v1/people/<person>/departure";
    drive.api(&admin, route, &path, Some(json!({}))).await;

    let spare = drive.app.sign_in("ana", "").await;
    let page = drive.page(&spare, "GET /sessions", "/sessions", &[]).await;
    let session = between(&page, "action=\"/sessions/", "/end");
    let path = format!("/sessions/{session}/end");
    drive
        .page(&admin, "POST /sessions/<session>/end", &path, &[])
        .await;
    let sessions = drive
        .api(&admin, "GET /api/v1/sessions", "/sessions", None)
        .await;
    let session = id(&sessions["items"][0], "id");
    let path = format!("/sessions/{session}/end");
    let route = "POST /api/v1/sessions/<session>/end";
    drive.api(&admin, route, &path, None).await;
}

async fn opened(drive: &mut Drive, custodian: &User, number: &str) -> String {
    let new = json!({"number": number, "title": "Quay"});
    let route = "POST /api/v1/cases";
    let made = drive.api(custodian, route, "/cases", Some(new)).await;
    id(&made, "id")
}
