//! Exports of the custody log: what somebody may see of it, with fields of their choice
//! withheld, as a file that verifies as it is (decision 22).
//!
//! ```text
//! plan      which entries, by policy's answers, at one moment of the register
//! enter     the entry `export` names them: what was asked, how many, a hash over all
//!           a crash here leaves the entry, and nothing was given out
//! stands    policy still answers so behind that entry
//! write     each entry is decrypted, disclosed, proven from the published tiles, and sent
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | `reach` | from which scopes somebody may export, and of what in them |
//! | `plan` | which entries that are |
//! | `shown` | which slots of each are open |
//! | `lines` | the entries, one after the other, with their proofs |
//! | `rows` | an entry in words, for people |
//! | `table`, `page` | the same as CSV, and as a page to be read and printed |
//! | `send` | the stream |

mod lines;
mod page;
mod plan;
mod reach;
mod rows;
mod send;
mod shown;
mod table;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use custos_core::{
    event::{kind, slot},
    export::{Asked, Field, Made, Withheld},
    ids::{CaseId, Id, ItemId, LeafIndex, PersonId, ScopeId, Timestamp},
};

pub use send::ExportStream;

use self::{plan::Plan, reach::resource};
use super::{
    SignedIn,
    cases::{activity_scope, of_case},
    context::{Core, Room},
    entering::{Draft, Tx},
    error::Error,
    evidence::of_item,
    rechecking::Stands,
    sessions::holder_account,
    witnesses,
    writer::{Command, Stop},
};
use crate::{
    db::{Connection, dialect, head, index::changed_since},
    policy::{action::ExportCustody, facts::Resource},
};

/// What whoever finds too many files on their way is told to wait.
const RETRY_SECONDS: u64 = 30;

/// In which form an export is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON lines: the export itself, which verifies.
    Lines,
    /// CSV for people: each row names its entry's commitment.
    Table,
    /// A page to be read and printed, which carries the JSON lines.
    Page,
}

impl Format {
    /// Every format with its name.
    pub const ALL: [(Self, &'static str); 3] = [
        (Self::Lines, "jsonl"),
        (Self::Table, "csv"),
        (Self::Page, "html"),
    ];

    /// The format of a name.
    ///
    /// # Errors
    /// It is none of the list.
    pub fn of(name: &str) -> Result<Self, Error> {
        let mut all = Self::ALL.into_iter();
        let found = all.find(|(_, known)| *known == name);
        found
            .map(|(format, _)| format)
            .ok_or_else(|| Error::invalid("`format` is none of `jsonl`, `csv`, `html`"))
    }

    /// Its name, which is also how its files end.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

/// What is to be exported, and how.
#[derive(Debug, Clone)]
pub struct Wish {
    asked: Asked,
    withheld: Withheld,
    format: Format,
}

impl Wish {
    /// Of a case, an item, a person or a span of time, or of several of them at once.
    ///
    /// # Errors
    /// Nothing or too much is named, or a field that there is not.
    pub fn of(
        (case, item, person): (Option<CaseId>, Option<ItemId>, Option<PersonId>),
        (from, to): (Option<Timestamp>, Option<Timestamp>),
        withhold: &[String],
        format: Format,
    ) -> Result<Self, Error> {
        let asked = Asked {
            case: case.map(Id::from),
            item: item.map(Id::from),
            person: person.map(Id::from),
            from,
            to,
        };
        asked
            .check()
            .map_err(|error| Error::invalid(error.to_string()))?;
        let fields = withhold.iter().map(|name| {
            Field::of(name).ok_or_else(|| {
                let names: Vec<&str> = Field::ALL.iter().map(|field| field.name()).collect();
                Error::invalid(format!("`withhold` names none of `{}`", names.join("`, `")))
            })
        });
        Ok(Self {
            asked,
            withheld: Withheld::of(fields.collect::<Result<Vec<_>, _>>()?),
            format,
        })
    }
}

/// Exports part of the custody log, ready to be sent.
///
/// # Errors
/// Refused, which is told as not found where the person may not know of what was named;
/// [`Error::TooMany`] while as many files are sent as the room can send.
pub async fn export(room: &Room, who: &SignedIn, wish: Wish) -> Result<ExportStream, Error> {
    // Before the entry: who finds no place has taken nothing.
    let place = room.sending.clone().try_acquire_owned();
    let place = place.map_err(|_| Error::TooMany {
        seconds: RETRY_SECONDS,
    })?;
    let Wish {
        asked,
        withheld,
        format,
    } = wish;
    let (core, room_id, who) = (room.core.clone(), room.id, *who);
    let plan = room
        .read(move |connection| {
            dialect::snapshot(connection, |connection| {
                let what = (&asked, &withheld);
                Plan::of(connection, (&core, room_id), &who, what)
            })?
        })
        .await?;
    let command = Enter {
        who,
        asked,
        made: plan.as_ref().map(|plan| plan.made.clone()),
    };
    let entered = room.writer.submit(command).await?.output;
    // Whoever got permission between the plan and the entry asks again.
    let plan = Arc::new(plan.ok_or_else(changed)?);
    let (core, planned) = (room.core.clone(), plan.clone());
    let (answered, signed_in) = (AtomicU64::new(0), who);
    // Where nothing was entered that changes what decides, the answer is that of before.
    let stands: Stands = Arc::new(move |connection| {
        let size = head::size(connection)?;
        let upto = answered.load(Ordering::Relaxed);
        let upto = LeafIndex::new(upto).map_err(|_| Error::CustodyUnavailable(None))?;
        if upto.get() > 0 && !changed_since(connection, upto)? {
            return stands_signed_in(connection, (&core, room_id), &signed_in);
        }
        let stands = planned.stands(connection, (&core, room_id), &signed_in)?;
        if stands {
            answered.store(size.saturating_sub(1), Ordering::Relaxed);
        }
        Ok(stands)
    });
    let first = stands.clone();
    if !room.read(move |connection| first(connection)).await? {
        return Err(changed());
    }
    let size = witnesses::covered(room, entered).await?;
    send::prepare(room, (plan, who), (entered, size, format), (stands, place)).await
}

fn changed() -> Error {
    Error::Conflict(
        "what you may see of the log has changed meanwhile, and nothing was given out; ask again"
            .into(),
    )
}

struct Enter {
    who: SignedIn,
    asked: Asked,
    /// What is entered; nothing where nothing may be exported, which is then refused.
    made: Option<Made>,
}

impl Command for Enter {
    type Output = LeafIndex;

    fn run(self, tx: &mut Tx<'_>) -> Result<LeafIndex, Stop> {
        let asking = tx.asking(&self.who)?;
        let asked = self.asked;
        let (draft, case, resource) = if let Some(item) = asked.item {
            let facts = tx.item::<ExportCustody>(&asking, item.into())?;
            let scope = activity_scope(&asking, &facts.case);
            let draft = of_item(kind::EXPORT, &facts, scope);
            (draft, Some(facts.item.case), Resource::Item(facts.item))
        } else if let Some(case) = asked.case {
            let facts = tx.case::<ExportCustody>(&asking, case.into())?;
            let scope = activity_scope(&asking, &facts);
            let draft = of_case(kind::EXPORT, facts.case.id, scope);
            (draft, Some(facts.case.id), Resource::Case(facts.case))
        } else {
            let draft = Draft::of_room(kind::EXPORT, tx.room());
            let (core, room) = (tx.core, tx.room());
            let resource = resource(tx.connection, core, room, &asked)?;
            (draft, None, resource.ok_or(Error::NotFound)?)
        };
        let permit = tx.permit::<ExportCustody>(&asking, &resource)?;
        let Some(made) = self.made else {
            return Err(changed().into());
        };
        let draft = draft
            .permitted(tx.acting(&asking, case), &permit)
            .detail(slot::DETAIL, made.to_value());
        Ok(tx.enter(draft)?.index)
    }
}

/// Whether the session or token by which it was asked still holds.
fn stands_signed_in(
    connection: &mut Connection,
    (core, room): (&Core, ScopeId),
    who: &SignedIn,
) -> Result<bool, Error> {
    let account = holder_account(connection, core, room, who.holder)?;
    Ok(account == Some(who.account))
}

/// Names a file by what names the export: the hash over its entries.
fn file_name(made: &Made, format: Format) -> String {
    let name = made.entries.to_string();
    format!("custody-log-{}.{}", &name[..16], format.name())
}
