//! One request of a row, as it is sent, and its answer.

use reqwest::Method;
use serde_json::Value;

use super::{
    UNKNOWN,
    table::{Body, Hard},
    world::World,
};
use crate::support::{MOVES, User, form, reference};

/// A request.
#[derive(Debug, Clone)]
pub struct Ask {
    pub method: String,
    pub path: String,
    pub user: User,
    pub headers: Vec<(String, String)>,
    pub body: Option<Vec<u8>>,
}

impl Ask {
    /// The request of a row that its owner would send.
    pub fn of(world: &World, row: &Hard, user: &User) -> Self {
        let mut ask = Self {
            method: row.method().into(),
            path: world.filled(row.path()),
            user: user.clone(),
            headers: Vec::new(),
            body: None,
        };
        let api = ask.path.strip_prefix("/api/v1").map(str::to_owned);
        if api.is_some() && ask.method != "GET" {
            ask = ask.with("X-Custos-CSRF", &user.csrf);
        }
        if api.is_some_and(|path| reference::is_conditional(&ask.method, &path)) {
            ask = ask.with("If-Match", "*");
        }
        match row.body {
            Body::None(_) | Body::Query(_) => ask,
            Body::Json(example) => {
                let body = world.filled(example).into_bytes();
                ask.with("Content-Type", "application/json").sending(body)
            }
            Body::Form(fields) => {
                let body = ask.form(world, fields);
                ask.with_form().sending(body)
            }
            Body::Parts => ask
                .with("Content-Type", "multipart/form-data; boundary=e")
                .sending(parts(&user.csrf, "")),
            Body::Bytes => ask
                .with("Content-Type", "application/octet-stream")
                .sending(b"hello".to_vec()),
        }
    }

    /// A form with the CSRF token of whoever sends it.
    pub fn form(&self, world: &World, fields: &[(&str, &str)]) -> Vec<u8> {
        let fields: Vec<(&str, String)> = fields
            .iter()
            .map(|(name, value)| (name.trim_end_matches('?'), world.filled(value)))
            .collect();
        let fields = fields.iter().map(|(name, value)| (*name, value.as_str()));
        let csrf = (!self.user.csrf.is_empty()).then_some(("csrf", self.user.csrf.as_str()));
        form(fields.chain(csrf)).into_bytes()
    }

    fn with_form(self) -> Self {
        self.with("Content-Type", "application/x-www-form-urlencoded")
            .with("Sec-Fetch-Site", "same-origin")
    }

    /// With this header and no other of its name.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut ask = self.without(name);
        ask.headers.push((name.into(), value.into()));
        ask
    }

    /// Without a header.
    pub fn without(&self, name: &str) -> Self {
        let mut ask = self.clone();
        ask.headers.retain(|(known, _)| known != name);
        ask
    }

    /// With this body.
    pub fn sending(&self, body: impl Into<Vec<u8>>) -> Self {
        let mut ask = self.clone();
        ask.body = Some(body.into());
        ask
    }

    /// At this address.
    pub fn at(&self, path: &str) -> Self {
        let mut ask = self.clone();
        ask.path = path.into();
        ask
    }

    /// The same of what does not exist.
    pub fn unknown(&self, world: &World, row: &Hard) -> Self {
        self.at(&world.unknown(row.path()))
    }

    pub async fn send(&self, world: &World) -> Answer {
        let host = if self.path.starts_with("/v/") {
            "content.localhost"
        } else {
            "localhost"
        };
        let method = Method::from_bytes(self.method.as_bytes()).expect("a method");
        let request = world.app.request_at(host, method, &self.path);
        let request = self
            .headers
            .iter()
            .fold(self.user.on(request), |request, (name, value)| {
                request.header(name, value)
            });
        // What is refused unread may end the connection; none is used twice.
        let request = request.header("Connection", "close");
        let request = match &self.body {
            Some(body) => request.body(body.clone()),
            None if self.method == "GET" => request,
            None => request.header("Content-Length", 0),
        };
        let answer = request.send().await.expect("an answer");
        let kind = answer
            .headers()
            .get("content-type")
            .map(|kind| kind.to_str());
        let kind = kind.and_then(Result::ok).unwrap_or_default().to_owned();
        let mut headers: Vec<String> = answer
            .headers()
            .iter()
            .filter(|(name, _)| !MOVES.contains(&name.as_str()))
            .map(|(name, value)| format!("{name}: {value:?}"))
            .collect();
        headers.sort();
        let status = answer.status().as_u16();
        let body = answer.bytes().await.expect("a body");
        let body = String::from_utf8_lossy(&body).into_owned();
        let path = self.path.clone();
        let breach = reference::breach(&self.method, &path, status, &kind, body.as_bytes());
        Answer {
            path,
            status,
            kind,
            headers,
            body,
            breach,
        }
    }
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub path: String,
    pub status: u16,
    pub kind: String,
    headers: Vec<String>,
    pub body: String,
    /// What the document of the API does not say of it.
    pub breach: Option<String>,
}

impl Answer {
    /// All that could tell what exists.
    pub fn masked(&self) -> (u16, Vec<String>, String) {
        let mask = |text: &str| {
            let parts = self
                .path
                .split('/')
                .filter(|part| part.len() == UNKNOWN.len());
            parts.fold(text.to_owned(), |text, id| text.replace(id, "ID"))
        };
        let headers = self.headers.iter().map(|header| mask(header)).collect();
        (self.status, headers, mask(&self.body))
    }

    /// Whether a problem says its stable type, and its status again.
    pub fn has_type(&self) -> bool {
        let problem: Value = serde_json::from_str(&self.body).unwrap_or_default();
        let named = problem["type"].as_str().unwrap_or_default();
        named.starts_with("/problems/") && problem["status"] == self.status
    }

    /// Whether it is of the public log or of the second origin, which speak in lines.
    pub fn is_line(&self) -> bool {
        self.path.starts_with("/log/") || self.path.starts_with("/v/")
    }

    /// The body in short.
    pub fn said(&self) -> String {
        match self.body.split_once("<h1>") {
            Some((_, rest)) => rest.chars().take(200).collect(),
            None => self.body.chars().take(200).collect(),
        }
    }
}

/// A deposit by a form, with these further parts.
pub fn parts(csrf: &str, more: &str) -> Vec<u8> {
    let mut body = String::new();
    for (name, value) in [("csrf", csrf), ("reference", "JS/77"), ("description", "")] {
        body += &part(name, value);
    }
    body += more;
    body += "--e\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nhello\r\n--e--\r\n";
    body.into_bytes()
}

/// One part of such a form.
pub fn part(name: &str, value: &str) -> String {
    format!("--e\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}
