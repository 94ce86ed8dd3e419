//! The length that a body is said to have.

use rocket::{
    Request,
    outcome::Outcome,
    request::{self, FromRequest},
};

use super::{errors::Failure, json::content_length};

/// `Content-Length`, which must be there.
pub struct Length(pub u64);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Length {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, ()> {
        match content_length(request).and_then(|said| said.ok_or(Failure::Length)) {
            Ok(length) => Outcome::Success(Self(length)),
            Err(failure) => Outcome::Error(failure.stash(request)),
        }
    }
}
