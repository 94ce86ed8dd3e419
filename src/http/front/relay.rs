//! One request through the front: looked at, passed on, and its answer given back.

use std::{net::IpAddr, sync::Arc};

use futures::stream;
use hyper::{
    Method, Request, Response, Uri, Version,
    body::{Body, Incoming},
    header::{self, HeaderMap, HeaderName, HeaderValue},
    http::request::Parts,
};
use tracing::error;

use super::{
    Shared,
    body::{Answered, Asked, Fault, Sent},
    crowd::Asking,
    handover::{Handover, LEAST_BYTES, Laid, Pieces},
    inner::{Borrowed, InnerError},
    life::{Life, Running},
    limits::MAX_HEADERS,
    told::{Asker, Refusal},
};

/// Headers that are about one connection and go no further (RFC 9110, section 7.6.1), and what
/// hyper answers by itself.
const OF_ONE_CONNECTION: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::EXPECT,
];
/// Bytes between a header's name and value, and behind it.
const BETWEEN: usize = 4;

/// Answers one request; never with an error, so that hyper never cuts a connection for one.
pub(super) async fn relay(
    shared: &Arc<Shared>,
    peer: IpAddr,
    life: &Arc<Life>,
    request: Request<Incoming>,
) -> Response<Answered> {
    let mut running = life.request();
    let asker = Asker::of(request.uri(), request.headers());
    let version = request.version();
    let head = request.method() == Method::HEAD;
    match pass_on(shared, peer, request).await {
        Ok(Passed {
            answer,
            way,
            asking,
            laid,
            is_read,
        }) => {
            running.answered();
            let (mut parts, body) = answer.into_parts();
            for name in OF_ONE_CONNECTION {
                parts.headers.remove(name);
            }
            // hyper says which version it is, and whether the connection goes on.
            parts.version = version;
            if !is_read {
                close(&mut parts.headers, version);
            }
            let Some((length, pieces)) = laid.handover.answered() else {
                return Response::from_parts(parts, Answered::wire(body, way, running, asking));
            };
            way.give_back();
            parts.headers.insert(header::CONTENT_LENGTH, length.into());
            // Whoever asks for the head alone is told the length and given nothing.
            let (pieces, length): (Pieces, u64) = if head {
                (Box::pin(stream::empty()), 0)
            } else {
                (pieces, length)
            };
            Response::from_parts(parts, Answered::hand(pieces, length, running, asking))
        }
        Err(refusal) => refused(shared, running, refusal, (asker, version)),
    }
}

fn refused(
    shared: &Shared,
    mut running: Running,
    refusal: Refusal,
    (asker, version): (Asker, Version),
) -> Response<Answered> {
    running.answered();
    let (mut parts, text) = refusal.answer(asker, &shared.limits).into_parts();
    parts.version = version;
    close(&mut parts.headers, version);
    Response::from_parts(parts, Answered::front(text, running))
}

/// Says that the connection ends with this answer. With the rest of a body on it hyper ends it
/// without a word, and whoever sends the next request on it would not know what became of that.
fn close(headers: &mut HeaderMap, version: Version) {
    if version != Version::HTTP_2 {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}

/// What became of a request that was passed on.
struct Passed {
    answer: Response<Incoming>,
    way: Borrowed,
    asking: Asking,
    laid: Laid,
    /// Whether all of the request's body was taken.
    is_read: bool,
}

async fn pass_on(
    shared: &Arc<Shared>,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Result<Passed, Refusal> {
    let (mut parts, body) = request.into_parts();
    check(&parts, shared)?;
    let peer = believed(shared.proxy_header.as_ref(), &parts.headers, peer);
    let asking = shared.crowd.ask(peer).map_err(Refusal::Turned)?;
    let length = rewrite(&mut parts, &body)?;
    let body = Asked::new(body, parts.version, &shared.limits);
    parts.version = Version::HTTP_11;
    let fate = body.fate();
    let handed = length.is_some_and(|length| length >= LEAST_BYTES);
    let (body, handover) = match length {
        Some(length) if length >= LEAST_BYTES => {
            // The handler is told it all the same.
            parts.headers.remove(header::CONTENT_LENGTH);
            (Sent::Nothing, Handover::of_body(body, length))
        }
        _ => (Sent::Wire(body), Handover::default()),
    };
    let laid = shared.pass.handovers.lay_out(handover);
    shared.pass.mark(&mut parts.headers, peer, &laid);
    let answer = shared.inner.send(Request::from_parts(parts, body)).await;
    fate.answer();
    match answer {
        // Whatever the handler made of it.
        Ok((answer, _)) if !answer.status().is_success() && fate.fault().is_some_and(is_told) => {
            Err(Refusal::Body(fate.fault().unwrap_or(Fault::Cut)))
        }
        Ok((answer, mut way)) => {
            // With the rest of a body on it, it would belong to its client still.
            let is_read = fate.is_over();
            way.keep = handed || is_read;
            Ok(Passed {
                answer,
                way,
                asking,
                laid,
                is_read,
            })
        }
        Err(failed) => Err(match (fate.fault(), &failed) {
            (Some(fault), _) => Refusal::Unknown(fault),
            (None, InnerError::Connect(cause)) => {
                error!(cause = %cause, "{failed}");
                Refusal::Away
            }
            (None, InnerError::Broke(cause)) => {
                error!(cause = %cause, "{failed}");
                Refusal::Defect
            }
        }),
    }
}

/// Whether the front tells it better than the handler, which only knows that the body was cut.
fn is_told(fault: Fault) -> bool {
    matches!(fault, Fault::Slow | Fault::Long)
}

/// What no request may be. Framing is hyper's; what is left is size, and whom it is for.
fn check(parts: &Parts, shared: &Shared) -> Result<(), Refusal> {
    let line = parts.uri.path_and_query().map_or(0, |at| at.as_str().len());
    let bytes: usize = parts
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + BETWEEN)
        .sum();
    let lines = shared.limits.headers.min(MAX_HEADERS);
    if line + bytes > shared.limits.header_bytes || parts.headers.len() > lines {
        return Err(Refusal::Head);
    }
    if parts.method == Method::CONNECT || parts.uri.path_and_query().is_none() {
        return Err(Refusal::Malformed);
    }
    // A host in the request line and another in a header would be two answers to one question.
    if let Some(authority) = parts.uri.authority() {
        let mut hosts = parts.headers.get_all(header::HOST).iter();
        let same = |host: &HeaderValue| {
            host.as_bytes()
                .eq_ignore_ascii_case(authority.as_str().as_bytes())
        };
        if !hosts.all(same) {
            return Err(Refusal::Malformed);
        }
    }
    Ok(())
}

/// Makes the request one to the framework: HTTP/1.1, the path alone, nothing of this connection.
/// Gives the length of its body, if one was declared.
fn rewrite(parts: &mut Parts, body: &Incoming) -> Result<Option<u64>, Refusal> {
    let headers = &mut parts.headers;
    if let Some(authority) = parts.uri.authority() {
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| Refusal::Malformed)?;
        headers.insert(header::HOST, host);
    }
    for name in named_by_connection(headers) {
        headers.remove(name);
    }
    for name in OF_ONE_CONNECTION {
        headers.remove(name);
    }
    // The length that hyper believes, so that both read the body alike.
    let told = headers.remove(header::CONTENT_LENGTH).is_some();
    let length = body.size_hint().exact();
    let length = length.filter(|length| told || *length > 0);
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
    let path = parts.uri.path_and_query().map_or("/", |at| at.as_str());
    parts.uri = path.parse::<Uri>().map_err(|_| Refusal::Malformed)?;
    Ok(length)
}

/// Headers that `Connection` names; not those on which the meaning of the request hangs.
fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .filter(|name| ![header::HOST, header::CONTENT_LENGTH].contains(name))
        .collect()
}

/// The address of whoever asks: the connection's, or what the named proxy says. Of several
/// addresses the last one counts, which the proxy itself wrote.
fn believed(proxy_header: Option<&HeaderName>, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
    let said = proxy_header.and_then(|name| headers.get_all(name).iter().next_back());
    let last = said
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.rsplit(',').next());
    last.and_then(|address| address.trim().parse().ok())
        .unwrap_or(peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_named_header_is_believed_and_its_last_address() {
        let peer: IpAddr = [10, 0, 0, 1].into();
        let name = HeaderName::from_static("x-real-ip");
        let mut headers = HeaderMap::new();
        let said = |headers: &HeaderMap| believed(Some(&name), headers, peer).to_string();
        assert_eq!(said(&headers), "10.0.0.1");
        headers.append(&name, HeaderValue::from_static("192.0.2.9"));
        assert_eq!(believed(None, &headers, peer), peer);
        assert_eq!(said(&headers), "192.0.2.9");
        headers.append(&name, HeaderValue::from_static("192.0.2.8, 2001:db8::1"));
        assert_eq!(said(&headers), "2001:db8::1");
        headers.append(&name, HeaderValue::from_static("unknown"));
        assert_eq!(said(&headers), "10.0.0.1", "the last one counts, or none");
    }

    #[test]
    fn a_connection_can_name_no_header_that_carries_the_meaning() {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_static("close, X-Mine, host , content-length,,@");
        headers.insert(header::CONNECTION, value);
        let named = named_by_connection(&headers);
        assert_eq!(named, ["close", "x-mine"]);
    }
}
