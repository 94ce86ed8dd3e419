//! Who calls, and whether the room answers.

use custos_core::ids::{AccountId, PersonId, SessionId};
use rocket::{State, get, post, serde::json::Json};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Changed, List};
use crate::{
    app::{
        Room, schema,
        sessions::{self, SessionSummary},
        standing,
    },
    http::{
        errors::Failure,
        room::guards::{Manager, Named, Reader},
        tags::Tagged,
    },
};

/// Who calls.
#[derive(Serialize, ToSchema)]
pub struct Me {
    /// The person.
    #[schema(value_type = schema::Id)]
    person: PersonId,
    /// The account.
    #[schema(value_type = schema::Id)]
    account: AccountId,
    /// The person's name.
    name: String,
    /// How they were recognised.
    #[schema(value_type = schema::RecognisedBy)]
    means: &'static str,
}

/// What is told of the process.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// `ok`: it answers.
    status: &'static str,
    /// How many entries the newest published checkpoint covers.
    #[schema(value_type = schema::LogIndex)]
    published: u64,
}

#[get("/me")]
pub async fn me(caller: Reader, room: &State<Room>) -> Result<Tagged<Me>, Failure> {
    let standing = standing::standing(room, &caller.0).await?;
    Ok(Tagged::of(Me {
        person: caller.0.person,
        account: caller.0.account,
        name: standing.name,
        means: caller.0.means.name(),
    }))
}

/// For whoever watches over the process: it answers, and its log is published so far. How much is
/// committed behind that nobody outside learns.
#[get("/health")]
pub fn health(room: &State<Room>) -> Json<Health> {
    Json(Health {
        status: "ok",
        published: *room.published.borrow(),
    })
}

/// One's own sessions that hold.
#[get("/sessions")]
pub async fn list(
    caller: Manager,
    room: &State<Room>,
) -> Result<Tagged<List<SessionSummary>>, Failure> {
    let items = sessions::list_sessions(room, &caller.0).await?;
    Ok(Tagged::of(List { items }))
}

#[post("/sessions/<session>/end")]
pub async fn end(
    caller: Manager,
    room: &State<Room>,
    session: Named<SessionId>,
) -> Result<Json<Changed>, Failure> {
    let done = sessions::end_session(room, &caller.0, session.0).await?;
    Ok(Json(Changed::by(&done.entered)))
}
