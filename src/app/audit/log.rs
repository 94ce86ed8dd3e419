//! The log from its first entry to its last, in one pass: every entry against itself, its
//! chains, the published files, the signed checkpoints and the head.

mod chains;
mod entry;

use std::collections::VecDeque;

use custos_core::{checkpoint::SignedCheckpoint, event::ControlKind};

use self::chains::Chains;
pub(super) use self::entry::Found;
use super::{
    Audit, AuditError, BATCH_ROWS, Phase, Place,
    published::{Listed, Published},
    trees::Trees,
};
use crate::db::{
    Connection,
    audit::{self as register, RawCheckpoint},
};

/// Missing entries that are replaced by what was published of them; of longer gaps the tree
/// is not followed.
const MAX_GAP: u64 = 65_536;

/// The pass over the log.
struct Pass {
    published: Published,
    chains: Chains,
    /// The index of the next entry.
    next: u64,
    /// Whether every leaf so far is known, so that the tree can be compared.
    known: bool,
    /// The latest time of an entry so far, slot 3.
    time: Option<i64>,
    /// Time of the entry before; none of a control entry, or where it can't be read.
    newest_time: Option<i64>,
    /// The keys that the newest control entry names, and whether they are the room's.
    control: Option<ControlKind>,
    /// Kept checkpoints that are not reached yet, ascending.
    kept: VecDeque<RawCheckpoint>,
    /// Behind which size further ones are read; none when all were.
    kept_above: Option<i64>,
    /// Time of the newest checkpoint so far.
    kept_time: i64,
    /// The kept note of the newest published size.
    newest: Option<Vec<u8>>,
}

impl Audit<'_> {
    pub(super) fn log(
        &mut self,
        connection: &mut Connection,
        listed: Listed,
    ) -> Result<(), AuditError> {
        let total = register::count(connection, "entries")?;
        let mut pass = Pass {
            published: Published::new(listed, self.room.published),
            chains: Chains::default(),
            next: 0,
            known: true,
            time: None,
            newest_time: None,
            control: None,
            kept: VecDeque::new(),
            kept_above: Some(i64::MIN),
            kept_time: i64::MIN,
            newest: None,
        };
        let mut after = i64::MIN;
        loop {
            self.progress(Phase::Log, self.report.checked.entries, total);
            let batch = register::entries(connection, after, BATCH_ROWS)?;
            let Some(last) = batch.last() else { break };
            after = last.row.idx;
            for entry in batch {
                self.take(connection, &mut pass, entry)?;
            }
        }
        self.end(connection, &mut pass)
    }

    /// Takes the next row, and fills the gap before it if there is one.
    fn take(
        &mut self,
        connection: &mut Connection,
        pass: &mut Pass,
        entry: register::RawEntry,
    ) -> Result<(), AuditError> {
        self.report.checked.entries += 1;
        let Ok(index) = u64::try_from(entry.row.idx) else {
            let place = Place::Entry {
                index: entry.row.idx,
                part: "idx",
            };
            self.report.found(place, "its index is negative");
            return Ok(());
        };
        if index > pass.next {
            self.gap(connection, pass, index)?;
        }
        pass.newest_time = None;
        let leaf = self.entry(connection, pass, entry)?;
        pass.next = index + 1;
        self.leaf(connection, pass, leaf)
    }

    fn leaf(
        &mut self,
        connection: &mut Connection,
        pass: &mut Pass,
        leaf: Vec<u8>,
    ) -> Result<(), AuditError> {
        if pass.known && pass.published.take(leaf) {
            self.flush(connection, pass)?;
        }
        Ok(())
    }

    /// Entries up to `index` are missing: what was published of them stands in.
    fn gap(
        &mut self,
        connection: &mut Connection,
        pass: &mut Pass,
        index: u64,
    ) -> Result<(), AuditError> {
        let (first, last) = (pass.next, index - 1);
        let place = Place::Entry {
            index: i64::try_from(first).unwrap_or(i64::MAX),
            part: "row",
        };
        if first == last {
            self.report.found(place, "it is missing");
        } else {
            let what = format!("the entries from here to {last} are missing");
            self.report.found(place, what);
        }
        pass.known &= last - first < MAX_GAP;
        for missing in first..index {
            if !pass.known {
                break;
            }
            match pass.published.leaf(self, missing)? {
                Some(leaf) => self.leaf(connection, pass, leaf)?,
                None => pass.known = false,
            }
        }
        if !pass.known {
            self.report.unchecked += 1;
        }
        pass.next = index;
        Ok(())
    }

    /// Compares a bundle with its tiles, and the checkpoints that fall into it.
    fn flush(&mut self, connection: &mut Connection, pass: &mut Pass) -> Result<(), AuditError> {
        let end = i64::try_from(pass.published.next()).unwrap_or(i64::MAX);
        let mut due = Vec::new();
        loop {
            if pass.kept.is_empty() && !self.more_checkpoints(connection, pass)? {
                break;
            }
            let Some(kept) = pass.kept.pop_front_if(|kept| kept.size <= end) else {
                break;
            };
            if let Some(signed) = self.checkpoint(pass, &kept) {
                due.push((kept.size, signed));
            }
        }
        let mut due = due.into_iter().peekable();
        pass.published.flush(self, |trees: &mut Trees, size| {
            while let Some((kept, signed)) =
                due.next_if(|(kept, _)| u64::try_from(*kept).is_ok_and(|kept| kept == size))
            {
                trees.signed(kept, signed.checkpoint().root());
            }
        })
    }

    fn more_checkpoints(
        &mut self,
        connection: &mut Connection,
        pass: &mut Pass,
    ) -> Result<bool, AuditError> {
        let Some(above) = pass.kept_above else {
            return Ok(false);
        };
        pass.kept = register::checkpoints(connection, above, BATCH_ROWS)?.into();
        pass.kept_above = pass.kept.back().map(|kept| kept.size);
        Ok(!pass.kept.is_empty())
    }

    /// A kept note by itself: its form, its signature, the size under which it is kept, and
    /// that its time is possible. Gives it if it can be compared with the tree.
    fn checkpoint(&mut self, pass: &mut Pass, kept: &RawCheckpoint) -> Option<SignedCheckpoint> {
        self.report.checked.checkpoints += 1;
        let place = Place::Checkpoint { size: kept.size };
        match kept.time {
            Some(time) if time >= pass.kept_time => pass.kept_time = time,
            _ => {
                let what = "its time is no time, or earlier than that of the one before";
                self.report.found(place.clone(), what);
            }
        }
        if u64::try_from(kept.size) == Ok(self.room.published) {
            pass.newest.clone_from(&kept.note);
        }
        let parsed = kept.note.as_ref().map(|note| SignedCheckpoint::parse(note));
        let Some(Ok(signed)) = parsed else {
            self.report.found(place, "it is no signed checkpoint");
            return None;
        };
        match &self.room.log_keys {
            Some(keys) if keys.verify_all(&signed).is_err() => {
                let what = match (keys.misused(&signed), keys.verify(&signed)) {
                    (_, Ok(_)) => "one of the two keys that sign this size did not sign it",
                    (Some(_), _) => "a key of this log signed it that does not sign such a size",
                    _ => "it is not signed by this room's key",
                };
                self.report.found(place, what);
                None
            }
            None => {
                self.report.unchecked += 1;
                None
            }
            _ if u64::try_from(kept.size) != Ok(signed.checkpoint().size()) => {
                let what = format!("its note is of size {}", signed.checkpoint().size());
                self.report.found(place, what);
                None
            }
            _ => Some(signed),
        }
    }

    /// What can be judged only at the end: partial tiles, checkpoints that reach too far,
    /// which of two trees is the true one, and the head.
    fn end(&mut self, connection: &mut Connection, pass: &mut Pass) -> Result<(), AuditError> {
        let claimed = self.room.head.size;
        self.head_size(connection, pass)?;
        self.flush(connection, pass)?;
        while !pass.kept.is_empty() || self.more_checkpoints(connection, pass)? {
            for kept in std::mem::take(&mut pass.kept) {
                self.checkpoint(pass, &kept);
                if pass.known {
                    let place = Place::Checkpoint { size: kept.size };
                    self.report
                        .found(place, "it covers more entries than there are");
                }
            }
        }
        if pass.known {
            pass.published.finish(self)?;
            self.compare_trees(pass);
            self.head(pass, claimed);
        }
        let newest = std::mem::take(&mut pass.newest);
        pass.published.check_file(self, newest.as_deref());
        if pass.control.is_none() && pass.next > 0 {
            let place = Place::Entry {
                index: 0,
                part: "leaf",
            };
            self.report
                .found(place, "the log does not begin with its keys");
        }
        self.progress(
            Phase::Log,
            self.report.checked.entries,
            self.report.checked.entries,
        );
        Ok(())
    }

    /// Entries that the head counts and that are not there, if the head itself holds.
    fn head_size(
        &mut self,
        connection: &mut Connection,
        pass: &mut Pass,
    ) -> Result<(), AuditError> {
        let head = &self.room.head;
        let (Some(size), Some(edge)) = (head.size, &head.edge) else {
            return Ok(());
        };
        // A right edge has a hash for each 1 bit of the size: a flipped size does not fit it.
        let fits = edge.len() == 32 * size.count_ones() as usize;
        if size > pass.next && (fits || size == self.room.published) {
            self.gap(connection, pass, size)?;
        }
        Ok(())
    }

    fn compare_trees(&mut self, pass: &mut Pass) {
        let trees = &mut pass.published.trees;
        if trees.bundles_are_true() {
            for index in std::mem::take(&mut trees.differing) {
                let place = Place::Entry {
                    index: i64::try_from(index).unwrap_or(i64::MAX),
                    part: "leaf",
                };
                self.report
                    .found(place, "it is not what was published and signed");
            }
        }
        for doubt in trees.confirmed() {
            self.report.found(doubt.place, doubt.what);
        }
    }

    /// The head beside the tree.
    fn head(&mut self, pass: &Pass, claimed: Option<u64>) {
        let tree = pass.published.trees.true_one();
        let head = &self.room.head;
        let place = |field| Place::Head { field };
        let mut wrong = Vec::new();
        let odd_root = head.root.is_some_and(|root| root != tree.root());
        let odd_edge = head
            .edge
            .as_ref()
            .is_some_and(|edge| *edge != tree.edge_bytes());
        match claimed {
            Some(size) if size < tree.size() && odd_root && odd_edge => {
                self.report.found(
                    Place::Entry {
                        index: i64::try_from(size).unwrap_or(i64::MAX),
                        part: "row",
                    },
                    "it and what follows stand behind the end of the log",
                );
                return;
            }
            Some(size) if size != tree.size() => {
                wrong.push(("size", format!("there are {} entries", tree.size())));
            }
            _ => {}
        }
        if odd_root {
            wrong.push(("root", "it is not that of the entries".into()));
        }
        if odd_edge {
            wrong.push(("edge", "it is not that of the entries".into()));
        }
        match (head.time, pass.newest_time) {
            (Some(told), Some(time)) if told != time => {
                wrong.push(("time", "it is not that of the newest entry".into()));
            }
            _ => {}
        }
        for (field, what) in wrong {
            self.report.found(place(field), what);
        }
    }
}
