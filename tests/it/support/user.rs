//! Somebody with a session.

use reqwest::{RequestBuilder, Response};

use super::TestApp;

/// A cookie, and what its forms carry.
#[derive(Debug, Clone, Default)]
pub struct User {
    pub cookie: String,
    pub csrf: String,
    /// The id of the person, where the test created them.
    pub person: String,
}

impl User {
    /// Nobody is signed in.
    pub fn nobody() -> Self {
        Self::default()
    }

    /// Whoever was just signed in by `answer`.
    pub async fn of(app: &TestApp, answer: Response) -> Self {
        let status = answer.status();
        let cookie = answer.headers().get("set-cookie").cloned();
        let text = answer.text().await.expect("a body");
        assert_eq!(status, 303, "{text}");
        let cookie = cookie.expect("a cookie");
        let cookie = cookie.to_str().expect("plain text");
        let cookie = cookie.split(';').next().expect("a value").to_owned();
        let mut user = Self {
            cookie,
            ..Self::default()
        };
        let page = app
            .get(&user, "/password")
            .await
            .text()
            .await
            .expect("a page");
        let field = "name=\"csrf\" value=\"";
        let start = page.find(field).expect("a CSRF field") + field.len();
        user.csrf = page[start..].split('"').next().expect("an end").into();
        user
    }

    /// With the session's cookie.
    pub fn on(&self, request: RequestBuilder) -> RequestBuilder {
        if self.cookie.is_empty() {
            request
        } else {
            request.header("Cookie", &self.cookie)
        }
    }
}
