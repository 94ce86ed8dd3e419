//! A case with an investigator who deposits.

use reqwest::Method;
use serde_json::json;

use super::{TestApp, User};

/// A room, an investigator, and the case on which they work.
pub struct Bench {
    pub app: TestApp,
    pub officer: User,
    pub case: String,
}

impl Bench {
    pub async fn new() -> Self {
        Self::at(TestApp::start().await).await
    }

    /// The same on a room that is there.
    pub async fn at(app: TestApp) -> Self {
        let custodian = app.person("custodian", &["custodian"]).await;
        let officer = app.person("officer", &[]).await;
        let case = app.case(&custodian, &[(&officer, "investigator")]).await;
        Self { app, officer, case }
    }

    pub async fn upload(&self) -> String {
        let new = json!({"reference": self.app.reference(), "description": "a recording"});
        let path = format!("/cases/{}/items", self.case);
        let upload = self
            .app
            .ask(&self.officer, Method::POST, &path, Some(new))
            .await;
        upload["content"].as_str().expect("an address").into()
    }

    pub async fn items(&self) -> usize {
        let path = format!("/cases/{}", self.case);
        let page = self.app.ask(&self.officer, Method::GET, &path, None).await;
        page["items"].as_array().map_or(0, Vec::len)
    }
}
