//! What a request says of the bytes that it sends.

use rocket::{
    Request,
    outcome::Outcome,
    request::{self, FromRequest},
};

use super::{digest, errors::Failure, json::content_length};
use crate::app::uploads::DeclaredHash;

/// The whole of something, as it is: its length, which must be said, and hashes, which may be.
pub struct Whole {
    /// How many bytes are sent.
    pub length: u64,
    /// What their hashes are said to be.
    pub hashes: Vec<DeclaredHash>,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Whole {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, ()> {
        match whole(request) {
            Ok(whole) => Outcome::Success(whole),
            Err(failure) => Outcome::Error(failure.stash(request)),
        }
    }
}

fn whole(request: &Request<'_>) -> Result<Whole, Failure> {
    let headers = request.headers();
    // Kept as if it were everything, a part would be taken for the whole.
    if headers.contains("content-range") {
        return Err(Failure::Malformed(
            "`Content-Range` is not taken here: the bytes are sent whole".into(),
        ));
    }
    // What is encoded has other bytes than what was meant, and bytes are kept as they come.
    let mut encodings = headers.get("content-encoding");
    if encodings.any(|encoding| !encoding.trim().eq_ignore_ascii_case("identity")) {
        return Err(Failure::MediaType("application/octet-stream, not encoded"));
    }
    Ok(Whole {
        length: content_length(request)?.ok_or(Failure::Length)?,
        hashes: digest::declared(headers)?,
    })
}
