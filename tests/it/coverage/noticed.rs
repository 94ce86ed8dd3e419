//! Uses of the routes of notices and of one's own address.

use reqwest::Method;
use serde_json::json;

use super::uses::{Drive, id};
use crate::{
    notices::{named, sending},
    support::{User, letters::MailSink},
};

pub async fn notices(drive: &mut Drive, officer: &User, sink: &MailSink) {
    let token = json!({"label": "l", "rights": ["read"], "days": 1});
    let tokens = "/tokens";
    drive
        .app
        .ask(officer, Method::POST, tokens, Some(token))
        .await;
    drive.page(officer, "GET /notices", "/notices", &[]).await;
    let listed = drive
        .api(officer, "GET /api/v1/notices", "/notices", None)
        .await;
    let notice = format!("/notices/{}/read", id(&listed["items"][0], "id"));
    drive
        .page(officer, "POST /notices/<notice>/read", &notice, &[])
        .await;
    drive
        .api(officer, "POST /api/v1/notices/<notice>/read", &notice, None)
        .await;
    drive
        .page(officer, "POST /notices/read", "/notices/read", &[])
        .await;
    let admin = drive.app.person("second", &["administrator"]).await;
    let path = "/notices/undelivered";
    drive
        .page(&admin, "GET /notices/undelivered", path, &[])
        .await;
    drive
        .api(&admin, "GET /api/v1/notices/undelivered", path, None)
        .await;
    drive
        .page(&admin, "GET /witnesses", "/witnesses", &[])
        .await;
    looked_after(drive, &admin).await;
    let mail = "officer@agency.example";
    drive.page(officer, "GET /mail", "/mail", &[]).await;
    drive
        .page(officer, "POST /mail", "/mail", &[("mail", mail)])
        .await;
    // The letter with the code to the same address, which changes nothing and is entered nowhere.
    let job = sending(&drive.app);
    let code = named(&drive.app, sink, officer, mail, 1).await;
    let fields = [("secret", code.as_str())];
    drive
        .page(officer, "POST /mail/confirm", "/mail/confirm", &fields)
        .await;
    drive
        .page(officer, "POST /mail/remove", "/mail/remove", &[])
        .await;
    job.abort();
}

/// What the room found in itself, and what others say of its log.
async fn looked_after(drive: &mut Drive, admin: &User) {
    drive
        .page(admin, "POST /timestamps", "/timestamps", &[])
        .await;
    for (route, path) in [
        ("GET /api/v1/witnesses", "/witnesses"),
        ("POST /api/v1/timestamps", "/timestamps"),
        ("GET /api/v1/timestamps", "/timestamps"),
        ("GET /api/v1/audits", "/audits"),
    ] {
        drive.api(admin, route, path, None).await;
    }
    drive.page(admin, "GET /audits", "/audits", &[]).await;
    let one = format!("/audits/{}", drive.app.audit().await);
    drive.page(admin, "GET /audits/<audit>", &one, &[]).await;
    drive
        .api(admin, "GET /api/v1/audits/<audit>", &one, None)
        .await;
}
