//! Who confirms the custody log and when it was, for administrators.

use custos_core::ids::{Id, Timestamp};
use rocket::{State, get, post, serde::json::Json};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Changed, EntryPlace, List};
use crate::{
    app::{
        Room, schema,
        timestamps::{
            self,
            asking::{self, NoToken, TokenGiven},
        },
        witnesses::{self, Overview},
    },
    http::{errors::Failure, room::guards::Manager, tags::Tagged},
};

/// What a witness confirmed last.
#[derive(Serialize, ToSchema)]
pub struct Confirmation {
    /// Entries that it confirmed.
    size: u64,
    /// When that came.
    #[schema(value_type = schema::Time)]
    at: Timestamp,
}

/// A witness of the settings.
#[derive(Serialize, ToSchema)]
pub struct WitnessSummary {
    /// Its name in the settings.
    name: String,
    /// What verifies its cosignatures, as a vkey.
    key: String,
    /// Host and port at which it is asked.
    at: String,
    /// What it confirmed last.
    confirmed: Option<Confirmation>,
    /// Whether the last request since the start was answered as it should be.
    answers: bool,
    /// Why not, if one was made.
    failure: Option<String>,
}

/// A checkpoint that contradicts the room's log.
#[derive(Serialize, ToSchema)]
pub struct ConflictSummary {
    /// Its id.
    #[schema(value_type = schema::Id)]
    id: Id,
    /// When it was found.
    #[schema(value_type = schema::Time)]
    found_at: Timestamp,
    /// `fork`: of another history; `rollback`: of more than this room ever published.
    kind: String,
    /// The witness, or who else showed it.
    source: String,
    /// Entries that it is of.
    size: u64,
    /// The room's own newest checkpoint at that time.
    ours: String,
    /// The other one, if it was shown.
    theirs: Option<String>,
    /// The proof that does not hold.
    proof: String,
}

/// The witnesses, and what contradicts the log.
#[derive(Serialize, ToSchema)]
pub struct WitnessList {
    /// Entries of the newest published checkpoint.
    published: u64,
    /// The witnesses of the settings.
    items: Vec<WitnessSummary>,
    /// Contradictions, the oldest first.
    conflicts: Vec<ConflictSummary>,
}

/// The newest token of an authority.
#[derive(Serialize, ToSchema)]
pub struct NewestToken {
    /// Entries of the checkpoint that it is over.
    size: u64,
    /// When that existed, by the authority's clock.
    #[schema(value_type = schema::Time)]
    time: Timestamp,
    /// When it was kept, by the room's clock.
    #[schema(value_type = schema::Time)]
    kept_at: Timestamp,
    /// Until when the signer's certificate is valid.
    #[schema(value_type = schema::Time)]
    certificate_ends: Timestamp,
    /// The entry with its SHA-256.
    #[schema(value_type = schema::LogIndex)]
    leaf: u64,
}

/// A time authority of the settings.
#[derive(Serialize, ToSchema)]
pub struct AuthoritySummary {
    /// Its name in the settings.
    name: String,
    /// Host and port at which it is asked.
    at: String,
    /// Its newest token.
    newest: Option<NewestToken>,
    /// Why the last request since the start failed.
    failure: Option<String>,
}

/// Tokens that were asked for.
#[derive(Serialize, ToSchema)]
pub struct Stamping {
    /// The entry of asking.
    entries: Vec<EntryPlace>,
    /// Tokens, one of each authority that gave one.
    tokens: Vec<TokenGiven>,
    /// The other authorities.
    failed: Vec<NoToken>,
}

#[get("/witnesses")]
pub async fn list(caller: Manager, room: &State<Room>) -> Result<Tagged<WitnessList>, Failure> {
    let seen = witnesses::overview(room, &caller.0).await?;
    Ok(Tagged::of(WitnessList::from(seen)))
}

#[get("/timestamps")]
pub async fn authorities(
    caller: Manager,
    room: &State<Room>,
) -> Result<Tagged<List<AuthoritySummary>>, Failure> {
    let seen = witnesses::authorities(room, &caller.0).await?;
    let items = seen.into_iter().map(AuthoritySummary::from).collect();
    Ok(Tagged::of(List { items }))
}

#[post("/timestamps")]
pub async fn stamp(caller: Manager, room: &State<Room>) -> Result<Json<Stamping>, Failure> {
    let done = asking::ask(room, &caller.0).await?;
    Ok(Json(Stamping {
        entries: Changed::by(&done.entered).entries,
        tokens: done.output.tokens,
        failed: done.output.failed,
    }))
}

impl From<Overview> for WitnessList {
    fn from(seen: Overview) -> Self {
        let note = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let conflicts = seen.conflicts.into_iter().map(|row| ConflictSummary {
            id: row.id,
            found_at: row.found_at,
            kind: row.kind,
            source: row.source,
            size: row.size,
            ours: note(row.ours),
            theirs: row.theirs.map(note),
            proof: row.proof,
        });
        let items = seen.witnesses.into_iter().map(WitnessSummary::from);
        Self {
            published: seen.published,
            items: items.collect(),
            conflicts: conflicts.collect(),
        }
    }
}

impl From<witnesses::Standing> for WitnessSummary {
    fn from(witness: witnesses::Standing) -> Self {
        let confirmed = witness.confirmed;
        Self {
            name: witness.name,
            key: witness.key,
            at: witness.at,
            confirmed: confirmed.map(|(size, at)| Confirmation { size, at }),
            answers: witness.answers,
            failure: witness.failure,
        }
    }
}

impl From<timestamps::Standing> for AuthoritySummary {
    fn from(authority: timestamps::Standing) -> Self {
        let newest = authority.newest.map(|newest| NewestToken {
            size: newest.size,
            time: newest.time,
            kept_at: newest.kept_at,
            certificate_ends: newest.ends,
            leaf: newest.leaf,
        });
        Self {
            name: authority.name,
            at: authority.at,
            newest,
            failure: authority.failure,
        }
    }
}
