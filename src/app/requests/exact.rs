//! What can be asked for, word for word: an approval covers its hash, and nothing else is
//! carried out.

use custos_core::{
    hash::{Hash, sha256},
    ids::{AccountId, CaseId, ScopeId},
    json,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    app::{deciding::Asking, entering::Tx, error::Error, schema, text, writer::Stop},
    db::{cases, sessions},
    policy::{
        action::{AskApproval, ReadCase},
        facts::{Asked, Resource},
    },
};

/// Something that needs a second person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "asked", rename_all = "snake_case", deny_unknown_fields)]
pub enum Proposal {
    /// To hand a case over to another authority.
    TransferCase {
        /// The case.
        #[schema(value_type = schema::Id)]
        case: CaseId,
        /// The authority.
        #[schema(value_type = schema::Line)]
        authority: String,
        /// Its reference, or that of the request for legal assistance.
        #[schema(value_type = schema::Line)]
        reference: String,
    },
    /// A link for an account that has enrolled, whose owner can't sign in any more.
    RecoverAccount {
        /// The account.
        #[schema(value_type = schema::Id)]
        account: AccountId,
    },
}

impl Proposal {
    /// What it is.
    pub const fn asked(&self) -> Asked {
        match self {
            Self::TransferCase { .. } => Asked::TransferCase,
            Self::RecoverAccount { .. } => Asked::RecoverAccount,
        }
    }

    /// The case that it is about.
    pub const fn case(&self) -> Option<CaseId> {
        match self {
            Self::TransferCase { case, .. } => Some(*case),
            Self::RecoverAccount { .. } => None,
        }
    }

    /// The same with its texts in the form in which they are kept.
    pub(super) fn read(self) -> Result<Self, Error> {
        Ok(match self {
            Self::TransferCase {
                case,
                authority,
                reference,
            } => Self::TransferCase {
                case,
                authority: text::line("authority", &authority)?,
                reference: text::line("reference", &reference)?,
            },
            recover @ Self::RecoverAccount { .. } => recover,
        })
    }
}

/// A proposal with what it is about in words, as the second person read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Exact {
    #[serde(flatten)]
    pub(super) proposal: Proposal,
    /// Number and title of the case; name of the person and of the account.
    pub(super) about: String,
}

impl Exact {
    /// As it is kept and hashed.
    pub(super) fn value(&self) -> Value {
        serde_json::to_value(self).expect("a proposal is JSON")
    }

    /// `SHA-256("custos/request/v1" 0x00 | JCS)`.
    pub(super) fn hash(&self) -> Hash {
        let jcs = json::canonical(&self.value()).expect("a proposal is JSON of the formats");
        sha256(&[b"custos/request/v1\0", &jcs])
    }
}

/// What is proposed with what it is about, and the scope in which it is entered.
///
/// # Errors
/// The case or the account is hidden or unknown, or as it is the proposal can't be carried out.
pub(super) fn of(
    tx: &mut Tx<'_>,
    asking: &Asking,
    proposal: Proposal,
) -> Result<(Exact, ScopeId), Stop> {
    let core = tx.core;
    let (about, scope) = match &proposal {
        Proposal::TransferCase { case, .. } => {
            let facts = tx.case::<AskApproval>(asking, *case)?;
            let permit = tx.permit::<ReadCase>(asking, &Resource::Case(facts.case))?;
            let row = cases::get(tx.connection, &core.keyring, &permit)?.ok_or(Error::NotFound)?;
            super::carrying::may_leave(&row)?;
            let details = row.details;
            (
                format!("{}, {}", details.number, details.title),
                facts.scope,
            )
        }
        Proposal::RecoverAccount { account } => {
            let room = tx.room();
            let (account, person) = tx.account::<AskApproval>(asking, *account)?;
            let password = sessions::password(tx.connection, &core.keyring, room, account.id)?;
            super::carrying::may_recover((&account, &person), password.is_some())?;
            let about = format!("{} ({})", person.details.name, account.details.login);
            (about, room)
        }
    };
    Ok((Exact { proposal, about }, scope))
}
