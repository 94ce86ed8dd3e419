//! Pages: what a browser finds in them.

use reqwest::Method;

use crate::support::{TestApp, User, WHY};

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_plain_and_whole() {
    let app = TestApp::start().await;
    let custodian = app.person("custodian", &["custodian"]).await;
    let officer = app.person("officer", &[]).await;
    let case = app.case(&custodian, &[(&officer, "investigator")]).await;
    let made = app.deposit(&officer, &case, b"a note").await;
    let item = made["item"].as_str().expect("an item");
    let pages = [
        (&User::nobody(), "/sign-in".to_owned()),
        (&User::nobody(), "/enter".to_owned()),
        (&User::nobody(), "/docs/api".to_owned()),
        (&app.admin, "/people".to_owned()),
        (&custodian, "/cases".to_owned()),
        (&officer, format!("/cases/{case}")),
        (&officer, format!("/cases/{case}/deposit")),
        (&officer, format!("/items/{item}")),
        (&officer, format!("/items/{item}/history")),
        (&officer, "/tokens".to_owned()),
        (&officer, "/password".to_owned()),
    ];
    for (user, path) in &pages {
        let answer = app.get(user, path).await;
        assert_eq!(answer.status(), 200, "{path}");
        let page = answer.text().await.expect("a page");
        assert!(page.contains("<html lang=\"en\">"), "{path}");
        assert_eq!(page.matches("<h1>").count(), 1, "{path}");
        assert!(
            !page.contains("style=\"") && !page.contains("<style"),
            "{path}"
        );
        assert!(
            !page.contains("onclick") && !page.contains("<script>"),
            "{path}"
        );
        assert!(!page.contains("/static/missing"), "{path}");
        for word in ["blockchain", "tamper-proof"] {
            assert!(!page.to_lowercase().contains(word), "{path}");
        }
        assets_are_there(&app, &page).await;
        labels_have_fields(path, &page);
    }
}

async fn assets_are_there(app: &TestApp, page: &str) {
    for part in page.split("\"/static/").skip(1) {
        let path = format!("/static/{}", part.split('"').next().expect("an end"));
        let answer = app
            .request(Method::GET, &path)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        assert!(
            answer.headers()["cache-control"]
                .to_str()
                .expect("text")
                .contains("immutable")
        );
    }
}

fn labels_have_fields(path: &str, page: &str) {
    for part in page.split("<label for=\"").skip(1) {
        let id = part.split('"').next().expect("an end");
        assert_eq!(
            page.matches(&format!(" id=\"{id}\"")).count(),
            1,
            "{path}: {id}"
        );
    }
    for part in page.split("aria-describedby=\"").skip(1) {
        let id = part.split('"').next().expect("an end");
        assert_eq!(
            page.matches(&format!(" id=\"{id}\"")).count(),
            1,
            "{path}: {id}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_and_a_bundle_can_be_taken() {
    let app = TestApp::start().await;
    let custodian = app.person("custodian", &["custodian"]).await;
    let officer = app.person("officer", &[]).await;
    let case = app.case(&custodian, &[(&officer, "investigator")]).await;
    let made = app.deposit(&officer, &case, b"a note").await;
    let item = made["item"].as_str().expect("an item");
    let receipt = app.get(&officer, &format!("/items/{item}/receipt")).await;
    assert_eq!(receipt.status(), 200);
    let name = format!("attachment; filename=\"{item}.tlog-proof\"");
    assert_eq!(receipt.headers()["content-disposition"], name.as_str());
    let receipt = receipt.text().await.expect("a receipt");
    assert!(receipt.starts_with("c2sp.org/tlog-proof@v1\n"), "{receipt}");
    for what in ["history", "content"] {
        let fields = [("what", what), ("purpose", "investigation"), ("why", WHY)];
        let bundle = app
            .post(&officer, &format!("/items/{item}/bundle"), &fields)
            .await;
        assert_eq!(bundle.status(), 200);
        let length = bundle.headers()["content-length"]
            .to_str()
            .expect("text")
            .to_owned();
        let bytes = bundle.bytes().await.expect("a body");
        assert_eq!(bytes.len().to_string(), length);
        assert!(bytes.starts_with(b"PK\x03\x04"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_is_plain() {
    let app = TestApp::start().await;
    let custodian = app.person("custodian", &["custodian"]).await;
    let officer = app.person("officer", &[]).await;
    let case = app.case(&custodian, &[(&officer, "investigator")]).await;
    let made = app.deposit(&officer, &case, b"a note").await;
    let item = made["item"].as_str().expect("an item");
    app.view(&officer, item, "view").await;
    let page = app.get(&officer, &format!("/items/{item}/history")).await;
    let page = page.text().await.expect("a page");
    for told in [
        "<strong>Person officer (investigator)</strong> deposited this item.",
        "opened the content.",
        WHY,
        "of the custody log",
    ] {
        assert!(page.contains(told), "{told}\n{page}");
    }
}
