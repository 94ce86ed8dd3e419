//! What the front itself answers, in the words of `http/errors.rs`.

use hyper::{
    Response, StatusCode, Uri,
    header::{self, HeaderMap, HeaderValue},
};

use super::{body::Fault, crowd::Turned, limits::Limits};
use crate::http::errors::{self, Problem};

/// Seconds after which somebody who was turned away may come again.
const RETRY_SECONDS: &str = "5";
const NOTHING_CHANGED: &str = "; nothing was changed";
const UNKNOWN: &str = "; it is not known whether anything was changed: look, then ask again";
const PROBLEM_JSON: &str = "application/problem+json";

/// Something that the front does not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A head that does not come.
    SlowHead,
    /// A head that is too large.
    Head,
    /// A head that two readers may read in two ways.
    Malformed,
    /// A body that is no good; the handler was told, and did nothing.
    Body(Fault),
    /// A body that is no good, and a handler that gave no answer: one that wants no body may
    /// have acted already.
    Unknown(Fault),
    /// Too many connections or requests.
    Turned(Turned),
    /// The room can't be reached.
    Away,
    /// The room gave no answer.
    Defect,
}

impl Refusal {
    pub(super) fn problem(self, limits: &Limits) -> Problem {
        let (name, detail) = match self {
            Self::SlowHead => (
                "too-slow",
                format!(
                    "the head of the request did not come within {} s; nothing was changed",
                    limits.header.as_secs_f32()
                ),
            ),
            Self::Head => (
                "head-too-large",
                format!(
                    "the head of the request has more than {} bytes or {} lines; nothing was changed",
                    limits.header_bytes, limits.headers
                ),
            ),
            Self::Malformed => (
                "invalid",
                "the request is not of its form; nothing was changed".into(),
            ),
            Self::Body(Fault::Cut) => (
                "incomplete",
                "the body ended before its end; nothing was changed".into(),
            ),
            Self::Body(Fault::Slow) => (
                "too-slow",
                format!(
                    "less than {} bytes of the body came in {} s; nothing was changed",
                    limits.body_bytes,
                    limits.body.as_secs_f32()
                ),
            ),
            Self::Body(Fault::Long) => (
                "too-large",
                format!(
                    "a body without `Content-Length` may have {} bytes; nothing was changed",
                    limits.undeclared_body_bytes
                ),
            ),
            Self::Unknown(fault) => {
                let Problem { name, detail, .. } = Self::Body(fault).problem(limits);
                let wrong = detail.strip_suffix(NOTHING_CHANGED).unwrap_or(&detail);
                (name, format!("{wrong}{UNKNOWN}"))
            }
            Self::Turned(Turned::Peer) => (
                "crowded",
                format!(
                    "more than {} connections or requests at a time from this address; nothing was changed",
                    limits.per_peer
                ),
            ),
            Self::Turned(Turned::Full) => (
                "busy",
                "the room has too many requests at present; nothing was changed".into(),
            ),
            Self::Away => (
                "busy",
                "the room can't take the request at present; nothing was changed".into(),
            ),
            Self::Defect => (
                "defect",
                "the room gave no answer; what was acknowledged before is safe, tell the operator \
                 when it happened"
                    .into(),
            ),
        };
        errors::problem(name, detail)
    }

    /// Whether it helps to come again.
    fn passes(self) -> bool {
        matches!(self, Self::Turned(_) | Self::Away)
    }

    /// The answer to a request: JSON for programs, a line for everybody else.
    pub(super) fn answer(self, asked: Asker, limits: &Limits) -> Response<String> {
        let problem = self.problem(limits);
        let (kind, text) = match asked {
            Asker::Program => (PROBLEM_JSON, problem.json()),
            Asker::Other => ("text/plain; charset=utf-8", format!("{}\n", problem.detail)),
        };
        let mut response = Response::new(text);
        *response.status_mut() =
            StatusCode::from_u16(problem.status.code).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        let headers = response.headers_mut();
        for (name, value) in [
            (header::CONTENT_TYPE, kind),
            (header::CACHE_CONTROL, "no-store"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if self.passes() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS));
        }
        response
    }

    /// The same as bytes of HTTP/1.1, for a connection on which no request is known.
    pub(super) fn bytes(self, limits: &Limits) -> Vec<u8> {
        let answer = self.answer(Asker::Program, limits);
        let mut text = format!("HTTP/1.1 {}\r\n", answer.status());
        for (name, value) in answer.headers() {
            let value = value.to_str().unwrap_or_default();
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        let body = answer.body();
        text.push_str(&format!(
            "content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        ));
        text.into_bytes()
    }
}

/// Who is to read an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// A program, or a script of ours.
    Program,
    /// Somebody else.
    Other,
}

impl Asker {
    /// Who sent this request.
    pub(super) fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        let path = uri.path();
        let accepts = headers.get(header::ACCEPT).map(HeaderValue::as_bytes);
        let script = accepts.is_some_and(|accepts| {
            let wanted = PROBLEM_JSON.as_bytes();
            accepts.windows(wanted.len()).any(|part| part == wanted)
        });
        if script || path == "/health" || path.starts_with("/api/") {
            Self::Program
        } else {
            Self::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_not_said() {
        let limits = Limits::default();
        for fault in [Fault::Cut, Fault::Slow, Fault::Long] {
            let (known, unknown) = (Refusal::Body(fault), Refusal::Unknown(fault));
            let (known, unknown) = (known.problem(&limits), unknown.problem(&limits));
            assert_eq!(known.name, unknown.name);
            assert!(known.detail.ends_with(NOTHING_CHANGED));
            assert!(unknown.detail.ends_with(UNKNOWN));
            assert!(!unknown.detail.contains(NOTHING_CHANGED));
        }
    }
}
