//! Requests whose answers are shown as they are, and content that is read for a purpose.

use custos_core::ids::{ItemId, ViewId};
use reqwest::{
    Method,
    header::{CONTENT_TYPE, ETAG, IF_MATCH},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    ANSWER, Api, Coming, MAX_ANSWER_BYTES, MAX_PAGES, PAGE_ITEMS, RETRIES, is_of_a_cursor, odd,
    patiently, pause,
};
use crate::client::error::ClientError;

/// The header under which a change is made once.
const KEY: &str = "Idempotency-Key";

/// What was looked at.
#[derive(Debug)]
pub struct Looked {
    /// The room's answer.
    pub answer: Value,
    /// Its tag, by which a change says that it is made upon this.
    pub tag: Option<String>,
}

/// A change that is asked for.
#[derive(Debug)]
pub struct Wanted<'w> {
    /// How.
    pub method: &'w Method,
    /// The path below `/api/v1`.
    pub path: &'w str,
    /// What is told.
    pub body: Option<&'w Value>,
    /// What it is made upon: the tag of what was looked at, or `*` for whatever there is.
    pub upon: Option<&'w str>,
}

/// What a change came to.
#[derive(Debug)]
pub struct Changed {
    /// The room's answer; null where it has none.
    pub answer: Value,
    /// Whether it was made by an earlier attempt of this process, whose answer was lost.
    pub before: bool,
}

/// Why content is read.
#[derive(Debug, Clone, Serialize)]
pub struct Reason {
    /// A code of the room's list.
    pub purpose: String,
    /// In the person's own words.
    pub why: String,
    /// Whether a copy is taken away, which is a right of its own.
    pub download: bool,
}

/// A view that is open.
#[derive(Debug, Deserialize)]
pub struct View {
    /// Its id.
    pub id: ViewId,
    /// Bytes of the content.
    pub size: u64,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Value>,
    total: u64,
    next: Option<String>,
}

impl Api {
    /// What the room answers at a path below `/api/v1`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn look(&self, path: &str) -> Result<Looked, ClientError> {
        let path = format!("/api/v1/{path}");
        patiently(async || {
            let request = self.request(Method::GET, &path)?.timeout(ANSWER);
            let answer = self.answer(request).await?;
            let tag = answer.headers().get(ETAG);
            let tag = tag.and_then(|tag| tag.to_str().ok()).map(String::from);
            let bytes = self.whole(answer, MAX_ANSWER_BYTES).await?;
            let answer = serde_json::from_slice(&bytes).map_err(|error| odd(&error))?;
            Ok(Looked { answer, tag })
        })
        .await
    }

    /// What a list holds at a path below `/api/v1`, as far as it is asked for: that of all pages,
    /// or the first `most`, and how many there are.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn list(
        &self,
        path: &str,
        asked: &[(&str, &str)],
        most: Option<usize>,
    ) -> Result<(Vec<Value>, u64), ClientError> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let left = most.map_or(PAGE_ITEMS, |most| most.saturating_sub(items.len()));
            let limit = left.clamp(1, PAGE_ITEMS).to_string();
            let mut pairs = asked.to_vec();
            pairs.push(("limit", &limit));
            pairs.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let query = query(&pairs);
            let page: Page = self.get(&format!("/api/v1/{path}?{query}")).await?;
            items.extend(page.items);
            match page.next {
                Some(next) if most.is_none_or(|most| items.len() < most) => {
                    if !next.bytes().all(is_of_a_cursor) {
                        return Err(ClientError::Answer("a cursor of another form".into()));
                    }
                    cursor = Some(next);
                }
                _ => return Ok((items, page.total)),
            }
        }
        Err(ClientError::Answer("a list without an end".into()))
    }

    /// Asks for a change under a key. If the connection breaks it is
    /// asked for again under the same key: the room makes a change by `POST` once. Of another
    /// that stands so already it says that it does.
    ///
    /// # Errors
    /// See [`ClientError`]; after [`ClientError::Broken`] it is not known whether it was made.
    pub async fn change(&self, wanted: &Wanted<'_>, key: &str) -> Result<Changed, ClientError> {
        let Wanted { method, body, .. } = *wanted;
        let path = format!("/api/v1/{}", wanted.path);
        let mut waits = RETRIES.into_iter();
        // Whether an earlier attempt may have been made.
        let mut unknown = false;
        loop {
            let mut request = self.request(method.clone(), &path)?.timeout(ANSWER);
            request = request.header(KEY, format!("\"{key}\""));
            if let Some(tag) = wanted.upon {
                request = request.header(IF_MATCH, tag);
            }
            if let Some(body) = body {
                request = request
                    .header(CONTENT_TYPE, "application/json")
                    .body(body.to_string());
            } else if *method != Method::DELETE {
                request = request.body(Vec::new());
            }
            let error = match self.empty_or_json(request).await {
                Ok(answer) => {
                    return Ok(Changed {
                        answer,
                        before: false,
                    });
                }
                Err(error) => error,
            };
            if let ClientError::Refused(problem) = &error
                && unknown
                && (problem.name == "conflict" || problem.name == "changed")
                && *method != Method::POST
            {
                // Other conflicts say that somebody did something else meanwhile; that something
                // changed, may be by the attempt itself.
                if !problem.detail.contains("already") {
                    return Err(ClientError::Unclear(problem.detail.clone()));
                }
                return Ok(Changed {
                    answer: Value::Null,
                    before: true,
                });
            }
            let broken = matches!(error, ClientError::Broken(_));
            // A proxy that lost the answer says one of these.
            let lost = matches!(&error, ClientError::Refused(problem) if matches!(problem.status, 502 | 504));
            unknown |= broken || lost;
            match waits.next() {
                Some(wait) if broken || error.may_pass() => {
                    tokio::time::sleep(pause(&error, wait)).await;
                }
                _ => return Err(error),
            }
        }
    }

    /// Opens a view of an item.
    ///
    /// # Errors
    /// See [`Self::change`].
    pub async fn open_view(
        &self,
        item: ItemId,
        reason: &Reason,
        key: &str,
    ) -> Result<View, ClientError> {
        let body = serde_json::to_value(reason).expect("texts are JSON");
        let path = format!("items/{item}/views");
        let wanted = Wanted {
            method: &Method::POST,
            path: &path,
            body: Some(&body),
            upon: None,
        };
        let opened = self.change(&wanted, key).await?;
        serde_json::from_value(opened.answer).map_err(|error| odd(&error))
    }

    /// The content behind a view, which begins to come.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn content(&self, view: &View) -> Result<Coming<'_>, ClientError> {
        let path = format!("/api/v1/views/{}/content", view.id);
        let answer = self.answer(self.request(Method::GET, &path)?);
        let answer = tokio::time::timeout(ANSWER, answer).await;
        let answer = answer.map_err(|_| ClientError::Broken("no answer came".into()))??;
        Ok(Coming {
            api: self,
            length: view.size,
            answer,
        })
    }

    /// Closes a view. One that is closed already stays closed.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn close_view(&self, view: &View, key: &str) -> Result<(), ClientError> {
        let path = format!("views/{}", view.id);
        let wanted = Wanted {
            method: &Method::DELETE,
            path: &path,
            body: None,
            upon: None,
        };
        match self.change(&wanted, key).await {
            Ok(_) => Ok(()),
            Err(error) if error.problem() == Some("not-found") => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn empty_or_json(&self, request: reqwest::RequestBuilder) -> Result<Value, ClientError> {
        let answer = self.answer(request).await?;
        let bytes = self.whole(answer, MAX_ANSWER_BYTES).await?;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes)
            .map_err(|error| ClientError::Answer(format!("it is not what the API says: {error}")))
    }
}

/// Names and values as a query, encoded.
fn query(pairs: &[(&str, &str)]) -> String {
    let url = reqwest::Url::parse_with_params("https://room.example", pairs);
    let url = url.expect("the address is one");
    url.query().unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_searched_for_does_not_become_another_question() {
        assert_eq!(
            query(&[("q", "a&sort=x"), ("state", "")]),
            "q=a%26sort%3Dx&state="
        );
        assert_eq!(query(&[("q", "Zoë +#1")]), "q=Zo%C3%AB+%2B%231");
    }
}
