//! Requests whose answers are shown as they are, and content that is read for a purpose.

use custos_core::ids::{CaseId, ItemId, ViewId};
use reqwest::{Method, header::CONTENT_TYPE};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    ANSWER, Api, Coming, MAX_ANSWER_BYTES, MAX_PAGES, PAGE_ITEMS, RETRIES, is_of_a_cursor, pause,
};
use crate::client::error::ClientError;

/// The header under which a change is made once.
const KEY: &str = "Idempotency-Key";

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
    pub async fn look(&self, path: &str) -> Result<Value, ClientError> {
        self.get(&format!("/api/v1/{path}")).await
    }

    /// Items of a case, as far as they are asked for: those of all pages, or the first `most`,
    /// and how many there are.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn list(
        &self,
        case: CaseId,
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
            let page: Page = self
                .get(&format!("/api/v1/cases/{case}/items?{query}"))
                .await?;
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
        Err(ClientError::Answer("a list of items without an end".into()))
    }

    /// Asks for a change at a path below `/api/v1` under a key. If the connection breaks it is
    /// asked for again under the same key: the room makes a change by `POST` once. Of another
    /// that stands so already it says that it does.
    ///
    /// # Errors
    /// See [`ClientError`]; after [`ClientError::Broken`] it is not known whether it was made.
    pub async fn change(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        key: &str,
    ) -> Result<Changed, ClientError> {
        let path = format!("/api/v1/{path}");
        let mut waits = RETRIES.into_iter();
        // Whether an earlier attempt may have been made.
        let mut unknown = false;
        loop {
            let mut request = self.request(method.clone(), &path)?.timeout(ANSWER);
            request = request.header(KEY, format!("\"{key}\""));
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
                && problem.name == "conflict"
                && *method != Method::POST
            {
                // Other conflicts say that somebody did something else meanwhile.
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
        let opened = self.change(&Method::POST, &path, Some(&body), key).await?;
        serde_json::from_value(opened.answer)
            .map_err(|error| ClientError::Answer(format!("it is not what the API says: {error}")))
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
        match self.change(&Method::DELETE, &path, None, key).await {
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
