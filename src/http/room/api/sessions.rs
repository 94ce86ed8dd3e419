//! Who calls, and whether the room answers.

use custos_core::ids::{AccountId, PersonId};
use rocket::{State, get, serde::json::Json};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::{Room, schema, standing},
    http::{errors::Failure, room::guards::Reader, tags::Tagged},
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
