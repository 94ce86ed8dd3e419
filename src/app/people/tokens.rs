//! One's own tokens, for programs.

use std::{collections::BTreeSet, time::Duration};

use custos_core::{
    event::slot,
    ids::{Timestamp, TokenId},
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    app::{
        SignedIn,
        context::Room,
        deciding::Asking,
        entering::{Draft, Tx},
        error::Error,
        notices::{self, Event, Kind},
        once::KeptSecret,
        schema,
        sessions::{Secret, after},
        text,
        writer::{Command, Done, Stop},
    },
    db::{
        bound,
        people::tokens::{self, Right, TokenDetails, TokenRow},
    },
    policy::{Permit, action::ManageTokens, facts::Resource},
};

/// How long a token lives at most.
pub const MAX_TOKEN: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// Tokens of one account that hold at the same time; one entry ends them all.
pub const MAX_TOKENS: usize = 50;

/// A token in the list; never its secret.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TokenSummary {
    /// Its id.
    #[schema(value_type = schema::Id)]
    pub id: TokenId,
    /// What its owner calls it.
    pub label: String,
    /// What it may be used for.
    pub rights: Vec<Right>,
    /// When it was issued.
    #[schema(value_type = schema::Time)]
    pub created_at: Timestamp,
    /// When it ends by itself.
    #[schema(value_type = schema::Time)]
    pub expires_at: Timestamp,
    /// `active`, `expired` or `ended`.
    #[schema(value_type = schema::TokenStatus)]
    pub status: &'static str,
}

/// Issues a token for oneself; its secret is never seen again.
///
/// # Errors
/// Refused, no right at all, a label that is empty, a lifetime of nothing or above
/// [`MAX_TOKEN`], or [`MAX_TOKENS`] that hold already.
pub async fn issue_token(
    room: &Room,
    who: &SignedIn,
    label: &str,
    rights: BTreeSet<Right>,
    lifetime: Duration,
) -> Result<Done<(TokenId, Secret)>, Error> {
    if lifetime.is_zero() || lifetime > MAX_TOKEN {
        return Err(Error::invalid("a token lives for at most 365 days"));
    }
    if rights.is_empty() {
        return Err(Error::invalid("a token needs a right"));
    }
    let secret = Secret::new(&room.core.ambient);
    let command = Issue {
        who: *who,
        label: text::line("label", label)?,
        rights: rights.into_iter().collect(),
        lifetime,
        secret: KeptSecret(secret),
    };
    let done = room.change(who, command).await?;
    let (token, secret) = done.output;
    Ok(Done {
        output: (token, secret.0),
        entered: done.entered,
    })
}

/// Ends one of one's own tokens at once.
///
/// # Errors
/// Refused; [`Error::NotFound`] for a token that is not one's own; one that has ended already.
pub async fn revoke_token(room: &Room, who: &SignedIn, token: TokenId) -> Result<Done<()>, Error> {
    room.writer.submit(Revoke { who: *who, token }).await
}

/// One's own tokens, newest first; one entry for the request.
///
/// # Errors
/// Refused.
pub async fn list_tokens(room: &Room, who: &SignedIn) -> Result<Vec<TokenSummary>, Error> {
    Ok(room.writer.submit(List { who: *who }).await?.output)
}

struct Issue {
    who: SignedIn,
    label: String,
    rights: Vec<Right>,
    lifetime: Duration,
    secret: KeptSecret,
}

impl Command for Issue {
    type Output = (TokenId, KeptSecret);

    fn run(self, tx: &mut Tx<'_>) -> Result<Self::Output, Stop> {
        let (asking, permit) = own(tx, &self.who)?;
        let (core, room, now) = (tx.core, tx.room(), tx.now());
        let holding = tokens::list(tx.connection, &core.keyring, room, &permit)?
            .iter()
            .filter(|row| status(row, now) == "active")
            .count();
        if holding >= MAX_TOKENS {
            return Err(Error::Conflict(format!(
                "{MAX_TOKENS} tokens hold already; revoke one first"
            ))
            .into());
        }
        let row = TokenRow {
            id: tx.id(),
            rev: 1,
            account_id: self.who.account,
            secret_hash: self.secret.0.hash(),
            rights: self.rights,
            expires_at: after(now, self.lifetime),
            status: "active".into(),
            details: TokenDetails {
                label: self.label,
                created_at: now,
            },
        };
        let binding = bound::bind(&row, &core.ambient);
        let draft = Draft::of_room("token_issue", room)
            .permitted(tx.acting(&asking, None), &permit)
            .detail(
                slot::DETAIL,
                json!({
                    "token": row.id,
                    "account": row.account_id,
                    "rights": row.rights,
                    "expires_at": row.expires_at,
                }),
            )
            .writes(binding.slot.clone());
        let entered = tx.enter(draft)?;
        tokens::insert(
            tx.connection,
            &permit,
            (&core.keyring, &core.ambient, room),
            &row,
            &binding,
            entered.c.as_bytes(),
        )?;
        let (kind, account) = (Kind::TokenMade, self.who.account);
        notices::queue(tx, &Event::OfAccount { kind, account })?;
        Ok((row.id, self.secret))
    }
}

struct Revoke {
    who: SignedIn,
    token: TokenId,
}

impl Command for Revoke {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let (asking, permit) = own(tx, &self.who)?;
        let (core, room) = (tx.core, tx.room());
        let mut row = tokens::list(tx.connection, &core.keyring, room, &permit)?
            .into_iter()
            .find(|row| row.id == self.token)
            .ok_or(Error::NotFound)?;
        if row.status != "active" {
            return Err(Error::Conflict("this token has ended already".into()).into());
        }
        row.status = "ended".into();
        row.rev += 1;
        let binding = bound::bind(&row, &core.ambient);
        let draft = Draft::of_room("token_revoke", room)
            .permitted(tx.acting(&asking, None), &permit)
            .detail(
                slot::DETAIL,
                json!({"token": row.id, "account": row.account_id}),
            )
            .writes(binding.slot.clone());
        let entered = tx.enter(draft)?;
        tokens::revoke(tx.connection, &permit, &row, &binding, entered.c.as_bytes())?;
        Ok(())
    }
}

struct List {
    who: SignedIn,
}

impl Command for List {
    type Output = Vec<TokenSummary>;

    fn run(self, tx: &mut Tx<'_>) -> Result<Vec<TokenSummary>, Stop> {
        let (asking, permit) = own(tx, &self.who)?;
        let (core, room, now) = (tx.core, tx.room(), tx.now());
        let draft = Draft::of_room("list", room)
            .permitted(tx.acting(&asking, None), &permit)
            .detail(slot::DETAIL, json!({"of": "tokens"}));
        tx.enter(draft)?;
        let mut summaries: Vec<TokenSummary> =
            tokens::list(tx.connection, &core.keyring, room, &permit)?
                .into_iter()
                .map(|row| TokenSummary {
                    id: row.id,
                    status: status(&row, now),
                    label: row.details.label,
                    rights: row.rights,
                    created_at: row.details.created_at,
                    expires_at: row.expires_at,
                })
                .collect();
        summaries.sort_by_key(|token| (std::cmp::Reverse(token.created_at), token.id));
        Ok(summaries)
    }
}

fn own(tx: &mut Tx<'_>, who: &SignedIn) -> Result<(Asking, Permit<ManageTokens>), Stop> {
    let asking = tx.asking(who)?;
    let permit = tx.permit::<ManageTokens>(&asking, &Resource::Account(who.account))?;
    Ok((asking, permit))
}

fn status(row: &TokenRow, now: Timestamp) -> &'static str {
    match row.status.as_str() {
        "active" if now < row.expires_at => "active",
        "active" => "expired",
        _ => "ended",
    }
}
