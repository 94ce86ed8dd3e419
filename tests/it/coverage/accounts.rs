//! Uses of the routes of people, their accounts, and one's own tokens.

use serde_json::json;

use super::uses::{Drive, between, id};
use crate::support::User;

pub async fn accounts(drive: &mut Drive) {
    let admin = drive.app.admin.clone();
    let new = json!({"name": "New", "login": "new"});
    let made = drive
        .api(&admin, "POST /api/v1/people", "/people", Some(new))
        .await;
    let account = format!("/accounts/{}", id(&made, "account"));
    let path = format!("{account}/enrolments");
    drive
        .api(
            &admin,
            "POST /api/v1/accounts/<account>/enrolments",
            &path,
            None,
        )
        .await;
    drive
        .api(&admin, "GET /api/v1/people", "/people", None)
        .await;
    let new = [
        ("name", "Newer"),
        ("office", ""),
        ("login", "newer"),
        ("room_role", "auditor"),
    ];
    drive.page(&admin, "POST /people", "/people", &new).await;
    drive.page(&admin, "GET /people", "/people", &[]).await;
    let path = format!("{account}/enrolment");
    let page = drive
        .page(&admin, "POST /accounts/<account>/enrolment", &path, &[])
        .await;
    let secret = between(&page, "/enter#", "<");
    let nobody = User::nobody();
    drive.page(&nobody, "GET /enter", "/enter", &[]).await;
    drive
        .page(&nobody, "POST /enter", "/enter", &[("secret", &secret)])
        .await;
    let password = "several plain words";
    let fields = [
        ("secret", secret.as_str()),
        ("password", password),
        ("again", password),
    ];
    drive
        .page(&nobody, "POST /enter/password", "/enter/password", &fields)
        .await;
    let person = format!("/people/{}", id(&made, "person"));
    let route = "GET /api/v1/people/<person>";
    drive.api(&admin, route, &person, None).await;
    for (api, page, path) in [
        (
            "POST /api/v1/accounts/<account>/status",
            "POST /accounts/<account>/status",
            format!("{account}/status"),
        ),
        (
            "POST /api/v1/people/<person>/status",
            "POST /people/<person>/status",
            format!("{person}/status"),
        ),
    ] {
        let suspended = Some(json!({"status": "suspended"}));
        drive.api(&admin, api, &path, suspended).await;
        let active = [("status", "active"), ("tag", "*")];
        drive.page(&admin, page, &path, &active).await;
    }
    let new = json!({"label": "l", "rights": ["read"], "days": 1});
    let made = drive
        .api(&admin, "POST /api/v1/tokens", "/tokens", Some(new))
        .await;
    drive
        .api(&admin, "GET /api/v1/tokens", "/tokens", None)
        .await;
    let token = format!("/tokens/{}", id(&made, "id"));
    drive
        .api(&admin, "DELETE /api/v1/tokens/<token>", &token, None)
        .await;
    let new = [("label", "l"), ("right", "read"), ("days", "1")];
    drive.page(&admin, "POST /tokens", "/tokens", &new).await;
    let page = drive.page(&admin, "GET /tokens", "/tokens", &[]).await;
    let revoke = format!("{}/revoke", between(&page, "action=\"/tokens/", "/revoke"));
    drive
        .page(
            &admin,
            "POST /tokens/<token>/revoke",
            &format!("/tokens/{revoke}"),
            &[],
        )
        .await;
    drive.page(&admin, "GET /password", "/password", &[]).await;
    let new = "other plain words";
    let change = [("old", password), ("password", new), ("again", new)];
    drive
        .page(&admin, "POST /password", "/password", &change)
        .await;
    let leaver = drive.app.person("leaver", &[]).await;
    let everywhere = "/sign-out/everywhere";
    drive
        .page(&leaver, "POST /sign-out/everywhere", everywhere, &[])
        .await;
    drive.page(&admin, "POST /sign-out", "/sign-out", &[]).await;
    drive.page(&nobody, "GET /sign-in", "/sign-in", &[]).await;
    let fields = [("login", "ana"), ("password", new)];
    drive
        .page(&nobody, "POST /sign-in", "/sign-in", &fields)
        .await;
}
