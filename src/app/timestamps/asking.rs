//! Tokens at once, for whoever asks for them in the room.
//!
//! That somebody asked is entered first, and a token counts for it if its checkpoint covers that
//! entry. So a request that is repeated under its key is answered by the tokens that it brought.

use custos_core::{
    event::slot,
    ids::{LeafIndex, Timestamp},
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{Asked, Outcome, Sender, When, stamp};
use crate::{
    app::{
        SignedIn,
        context::Room,
        entering::{Draft, Tx},
        error::Error,
        schema,
        writer::{Command, Done, Stop},
    },
    db::timestamps::{self, Stamped},
    policy::{action::ManagePeople, facts::Resource},
};

/// How often an authority is asked in one request: tokens that the room has made by itself
/// meanwhile may come in between.
const MAX_TURNS: usize = 3;

/// A token that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TokenGiven {
    /// The authority's name in the settings.
    pub authority: String,
    /// Size of the checkpoint that it is over.
    pub size: u64,
    /// When that existed, by the authority's clock.
    #[schema(value_type = schema::Time)]
    pub time: Timestamp,
    /// The entry with the token's SHA-256.
    #[schema(value_type = schema::LogIndex)]
    pub leaf: u64,
}

/// An authority that gave no token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NoToken {
    /// Its name in the settings.
    pub authority: String,
    /// Why.
    pub why: String,
}

/// What came of asking.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// Tokens, one of each authority that gave one.
    pub tokens: Vec<TokenGiven>,
    /// The other authorities.
    pub failed: Vec<NoToken>,
}

/// Has the newest checkpoint stamped by each time authority of the settings.
///
/// # Errors
/// Refused; [`Error::Conflict`] where none is named; [`Error::Unanswered`] where none gave a
/// token: then the asking alone is entered, and asking again is right.
pub async fn ask(room: &Room, who: &SignedIn) -> Result<Done<Given>, Error> {
    let all = room.authorities.all();
    let names = all.iter().map(|asked| asked.authority.name.clone());
    let command = Ask {
        who: *who,
        names: names.collect(),
    };
    let asked = room.change(who, command).await?;
    let sender = Sender::new().map_err(|failed| Error::Unanswered(failed.told))?;
    let mut given = Given::default();
    // One after the other: the second stamps a checkpoint that covers the first one's entry.
    for authority in all {
        match over(room, &sender, authority, asked.output).await? {
            Ok(token) => given.tokens.push(token),
            Err(failed) => given.failed.push(failed),
        }
    }
    if given.tokens.is_empty() {
        let why = given.failed.iter();
        let why: Vec<String> = why
            .map(|failed| format!("`{}`: {}", failed.authority, failed.why))
            .collect();
        return Err(Error::Unanswered(why.join("; ")));
    }
    Ok(Done {
        output: given,
        entered: asked.entered,
    })
}

/// A token of one authority over a checkpoint that covers this entry: the one that there is, or
/// a new one.
async fn over(
    room: &Room,
    sender: &Sender,
    asked: &Asked,
    index: LeafIndex,
) -> Result<Result<TokenGiven, NoToken>, Error> {
    let name = asked.authority.name.clone();
    let mut why = "another token came in between".to_owned();
    for _ in 0..MAX_TURNS {
        if let Some(token) = newest(room, &name).await?
            && token.size > index.get()
        {
            return Ok(Ok(TokenGiven {
                authority: name,
                size: token.size,
                time: token.time,
                leaf: token.leaf,
            }));
        }
        room.covered(index.get()).await?;
        if let Outcome::Failed(told) = stamp(room, sender, asked, When::Now).await? {
            why = told;
            break;
        }
    }
    let authority = name;
    Ok(Err(NoToken { authority, why }))
}

async fn newest(room: &Room, name: &str) -> Result<Option<Stamped>, Error> {
    let name = name.to_owned();
    room.read(move |connection| Ok(timestamps::newest(connection, Some(&name))?))
        .await
}

/// Enters that somebody asks.
struct Ask {
    who: SignedIn,
    names: Vec<String>,
}

impl Command for Ask {
    /// Index of the entry.
    type Output = LeafIndex;

    fn run(self, tx: &mut Tx<'_>) -> Result<LeafIndex, Stop> {
        let asking = tx.asking(&self.who)?;
        let room = tx.room();
        let permit = tx.permit::<ManagePeople>(&asking, &Resource::Room(room))?;
        if self.names.is_empty() {
            return Err(Error::Conflict("the settings name no time authority".into()).into());
        }
        let draft = Draft::of_room("timestamp_ask", room)
            .permitted(tx.acting(&asking, None), &permit)
            .detail(slot::DETAIL, json!({"authorities": self.names}));
        // A crash behind the commit leaves the entry without a token: whoever asks again under
        // the same key gets one.
        Ok(tx.enter(draft)?.index)
    }
}
