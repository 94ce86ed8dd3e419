//! Figures of a room for whoever watches over it: counts and moments, nothing of any case.
//!
//! Nobody is asked who reads them, so nothing is entered; what a figure could tell of what is
//! hidden (items, cases, deposits) is none.

use custos_core::ids::Timestamp;

use super::{audits::unresolved, context::Room, error::Error};
use crate::db::{audits, head, timestamps, witnesses};

/// The figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// Entries that are committed.
    pub log_size: u64,
    /// Entries that the newest checkpoint covers.
    pub published_size: u64,
    /// Whether the register is behind what was published of it, so that nothing is entered.
    pub behind: bool,
    /// Whether the writer of the custody log stopped.
    pub stopped: bool,
    /// Whether the disk was full, so that deposits are refused.
    pub reserve_spent: bool,
    /// Findings of the newest audit and when it ended.
    pub audit: Option<(u64, Timestamp)>,
    /// What is not resolved of audits, that under way included.
    pub unresolved: u64,
    /// Whether an audit is under way in this process.
    pub auditing: bool,
    /// Checkpoints that contradict the log.
    pub conflicts: u64,
    /// Each witness: what it confirmed last, and when that came.
    pub witnesses: Vec<(String, Option<(u64, Timestamp)>)>,
    /// Each time authority: which size it stamped last, and when that was kept.
    pub authorities: Vec<(String, Option<(u64, Timestamp)>)>,
}

/// Reads the figures.
///
/// # Errors
/// The register can't be read.
pub async fn figures(room: &Room) -> Result<Figures, Error> {
    let under_way = room.auditing.under_way();
    let (behind, stopped) = (room.behind.is_some(), room.writer.is_stopped());
    let reserve_spent = room.core.reserve.takes_deposits().is_err();
    let watched = room.witnesses.all().iter();
    let watched: Vec<_> = watched
        .map(|watched| (watched.witness.name.clone(), watched.witness.key.clone()))
        .collect();
    let asked = room.authorities.all().iter();
    let names: Vec<String> = asked.map(|asked| asked.authority.name.clone()).collect();
    let (core, scope) = (room.core.clone(), room.id);
    room.read(move |connection| {
        let head = head::read(connection)?.ok_or(Error::CustodyUnavailable(None))?;
        let audit = audits::newest(connection, (&core.keyring, scope))?;
        let mut witnesses = Vec::with_capacity(watched.len());
        for (name, key) in watched {
            witnesses.push((name, witnesses::confirmed(connection, &key)?));
        }
        let mut authorities = Vec::with_capacity(names.len());
        for name in names {
            let newest = timestamps::newest(connection, Some(&name))?;
            authorities.push((name, newest.map(|token| (token.size, token.kept_at))));
        }
        Ok(Figures {
            log_size: head.size(),
            published_size: head.published,
            behind,
            stopped,
            reserve_spent,
            audit,
            unresolved: unresolved(audit.map(|(findings, _)| findings), under_way),
            auditing: under_way.is_some(),
            conflicts: witnesses::count_conflicts(connection)?,
            witnesses,
            authorities,
        })
    })
    .await
}
