//! The index of the room's cases: number and title, folded, and what policy looks at.
//!
//! Unlike the items of a case, cases are few, and each has keys and a chain of its own. A case is
//! taken in when somebody lists it, and again whenever its row lies there otherwise than it did.
//! What is cut is cut from those cases alone that whoever asks may read.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap},
    sync::{
        PoisonError, RwLock, TryLockError,
        atomic::{AtomicI64, Ordering as Atomic},
    },
};

use custos_core::ids::{CaseId, Id, LeafIndex, Timestamp};
use memchr::memmem::Finder;
use tracing::{debug, error};
use zeroize::{Zeroize, Zeroizing};

use super::{
    IDLE_MICROS,
    cut::Side,
    memory::{Grown, Lies, Texts},
    text,
};
use crate::{
    app::{context::Core, error::Error},
    db::{
        Connection, DbError, Pool, dialect,
        index::{
            self as entries,
            cases::{self as rows, CheckedCase, Lie},
        },
    },
    policy::facts::{Case, Stage},
};

/// By what a list of cases is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaseOrder {
    /// The agency's number, numbers in it as numbers.
    Number,
    /// When it was opened.
    Opened,
}

impl CaseOrder {
    const ALL: [Self; 2] = [Self::Number, Self::Opened];
}

/// Which cases, and how.
pub struct WantedCases {
    /// Folded words, all of which must be found.
    pub words: Vec<Zeroizing<String>>,
    /// In this stage.
    pub stage: Option<Stage>,
    /// In which order.
    pub order: CaseOrder,
    /// From the last to the first.
    pub descending: bool,
    /// Most cases of the page.
    pub limit: usize,
    /// Where it goes on; at the beginning if nowhere.
    pub start: Option<(CaseId, Side)>,
}

/// A page of a list of cases.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct CaseCut {
    /// Its cases, with the time at which each was opened.
    pub cases: Vec<(Case, Timestamp)>,
    /// How many there are on all pages.
    pub total: u64,
    /// For each stage how many there would be, were that stage wanted.
    pub stages: [u64; Stage::ALL.len()],
    /// Whether there are more before.
    pub before: bool,
    /// Whether there are more behind.
    pub behind: bool,
}

/// What is kept of a case beside its text.
#[derive(Debug, Clone, Copy)]
struct Kept {
    id: [u8; Id::BYTES],
    /// How its row lay there when it was checked.
    rev: i64,
    entry: [u8; 32],
    /// In microseconds since 1970.
    opened: i64,
    /// By its place among all.
    stage: u8,
    /// Number and title, folded.
    text: Lies,
    /// Bytes of the number at the beginning of the text.
    number: u16,
}

impl Zeroize for Kept {
    fn zeroize(&mut self) {
        self.id.zeroize();
        self.rev.zeroize();
        self.entry.zeroize();
        self.opened.zeroize();
        self.stage.zeroize();
        self.text.zeroize();
        self.number.zeroize();
    }
}

impl Kept {
    fn id(&self) -> CaseId {
        CaseId::from_bytes(self.id)
    }

    fn stage(&self) -> Stage {
        Stage::ALL[usize::from(self.stage)]
    }

    fn facts(&self) -> Case {
        Case {
            id: self.id(),
            stage: self.stage(),
        }
    }
}

/// The cases that were listed since the index was begun.
pub struct CasesIndex {
    kept: Grown<Kept>,
    places: HashMap<CaseId, u32>,
    texts: Texts,
    /// Every place, in each of [`CaseOrder::ALL`].
    sorted: [Vec<u32>; CaseOrder::ALL.len()],
    /// Cases whose rows are not what their entries say, and how they lie there.
    damaged: BTreeMap<CaseId, Lie>,
    /// The newest entry behind which no case of the room changed that is not here; -1 where some
    /// were never read.
    whole_upto: AtomicI64,
}

impl Default for CasesIndex {
    fn default() -> Self {
        Self {
            kept: Grown::default(),
            places: HashMap::new(),
            texts: Texts::default(),
            sorted: Default::default(),
            damaged: BTreeMap::new(),
            whole_upto: AtomicI64::new(-1),
        }
    }
}

impl CasesIndex {
    /// Whether these cases, or all of the room, are here as they lie there now.
    fn is_current(
        &self,
        connection: &mut Connection,
        named: Option<&[CaseId]>,
    ) -> Result<bool, DbError> {
        let upto = u64::try_from(self.whole_upto.load(Atomic::Acquire));
        if let Some(upto) = upto.ok().and_then(|upto| LeafIndex::new(upto).ok())
            && !entries::changed_since(connection, upto)?
        {
            return Ok(true);
        }
        let end = entries::end(connection)?;
        let lying = rows::lying(connection, named)?;
        let is_current = lying.iter().all(|(case, lie)| self.is_as(*case, lie));
        if is_current && named.is_none() {
            self.whole_upto.fetch_max(end, Atomic::AcqRel);
        }
        Ok(is_current)
    }

    fn is_as(&self, case: CaseId, (rev, entry): &Lie) -> bool {
        match self.places.get(&case) {
            Some(place) => {
                let kept = &self.kept[*place as usize];
                kept.rev == *rev && kept.entry.as_slice() == entry.as_slice()
            }
            None => self.damaged.get(&case) == Some(&(*rev, entry.clone())),
        }
    }

    /// Brings these cases, or all of the room, to what they are now.
    fn refresh(
        &mut self,
        connection: &mut Connection,
        core: &Core,
        named: Option<&[CaseId]>,
    ) -> Result<(), DbError> {
        let end = entries::end(connection)?;
        let mut changed = false;
        for (case, lie) in rows::lying(connection, named)? {
            if self.is_as(case, &lie) {
                continue;
            }
            changed = true;
            match rows::case(connection, &core.keyring, case) {
                Ok(read) => self.take(lie, read),
                Err(damaged @ DbError::Damaged { .. }) => {
                    error!(alarm = "damaged_row", error = %damaged, "a case was not indexed");
                    self.give_up(case);
                    self.damaged.insert(case, lie);
                }
                Err(error) => return Err(error),
            }
        }
        if changed {
            self.settle();
        }
        if named.is_none() {
            *self.whole_upto.get_mut() = end;
        }
        Ok(())
    }

    fn take(&mut self, (rev, entry): Lie, mut read: CheckedCase) {
        let id = read.facts.id;
        self.damaged.remove(&id);
        let (text, number) = text::parts(&[&read.details.number, &read.details.title]);
        read.details.wipe();
        let place = self.places.get(&id).copied();
        if let Some(place) = place {
            self.texts.wipe(self.kept[place as usize].text);
        }
        let kept = Kept {
            id: *id.as_bytes(),
            rev,
            // An entry of another length is found to be none when the row is checked.
            entry: entry.try_into().unwrap_or_default(),
            opened: read.opened_at.micros(),
            stage: stage_number(read.facts.stage),
            text: self.texts.keep(&text),
            number,
        };
        match place {
            Some(place) => self.kept[place as usize] = kept,
            None => {
                let place = u32::try_from(self.kept.len()).expect("a room has fewer cases");
                self.kept.push(kept);
                self.places.insert(id, place);
            }
        }
    }

    /// Takes a case out whose row is damaged.
    fn give_up(&mut self, case: CaseId) {
        let Some(place) = self.places.remove(&case) else {
            return;
        };
        self.texts.wipe(self.kept[place as usize].text);
        let last = self.kept.len() - 1;
        let moved = self.kept[last];
        self.kept[place as usize] = moved;
        self.kept.remove(last).zeroize();
        if moved.id != *case.as_bytes() {
            self.places.insert(moved.id(), place);
        }
    }

    fn settle(&mut self) {
        if self.texts.is_sparse() {
            let mut texts = Texts::default();
            for kept in self.kept.iter_mut() {
                kept.text = texts.keep(self.texts.get(kept.text));
            }
            self.texts = texts;
        }
        let count = u32::try_from(self.kept.len()).expect("a room has fewer cases");
        for (nth, order) in CaseOrder::ALL.into_iter().enumerate() {
            let mut sorted: Vec<u32> = (0..count).collect();
            sorted.sort_unstable_by(|one, other| self.compare(order, *one, *other));
            self.sorted[nth] = sorted;
        }
    }

    fn at(&self, place: u32) -> &Kept {
        &self.kept[place as usize]
    }

    fn compare(&self, order: CaseOrder, one: u32, other: u32) -> Ordering {
        let (a, b) = (self.at(one), self.at(other));
        let number = |kept: &Kept| -> &[u8] { &self.texts.get(kept.text)[..kept.number.into()] };
        let by_opening = a.opened.cmp(&b.opened);
        let first = match order {
            CaseOrder::Number => text::natural(number(a), number(b)).then(by_opening),
            CaseOrder::Opened => by_opening.then_with(|| text::natural(number(a), number(b))),
        };
        first.then_with(|| a.id.cmp(&b.id))
    }

    /// The damaged ones of these cases, or of all.
    pub fn damaged(&self, named: Option<&[CaseId]>) -> impl Iterator<Item = CaseId> {
        let all = self.damaged.keys().copied();
        all.filter(move |case| named.is_none_or(|named| named.contains(case)))
    }

    /// Cuts a page of these cases, or of all, of those that are allowed; nothing where it would
    /// begin at a case that was never listed.
    pub fn cut(
        &self,
        named: Option<&[CaseId]>,
        mut allows: impl FnMut(&Case) -> bool,
        wanted: &WantedCases,
    ) -> Option<CaseCut> {
        let own;
        let places = match named {
            None => &self.sorted[wanted.order as usize],
            Some(named) => {
                let places = named.iter().filter_map(|case| self.places.get(case));
                let mut places: Vec<u32> = places.copied().collect();
                places.sort_unstable_by(|one, other| self.compare(wanted.order, *one, *other));
                own = places;
                &own
            }
        };
        let words = wanted.words.iter();
        let words: Vec<Finder<'_>> = words.map(|word| Finder::new(word.as_str())).collect();
        let says = |text: &[u8]| words.iter().all(|word| word.find(text).is_some());
        let (mut page, mut listed) = (CaseCut::default(), Vec::new());
        for place in places {
            let kept = self.at(*place);
            if !allows(&kept.facts()) || !says(self.texts.get(kept.text)) {
                continue;
            }
            page.stages[usize::from(kept.stage)] += 1;
            if wanted.stage.is_none_or(|stage| stage == kept.stage()) {
                listed.push(*place);
            }
        }
        if wanted.descending {
            listed.reverse();
        }
        page.total = listed.len() as u64;
        let (begin, end) = self.bounds(&listed, wanted)?;
        page.before = begin > 0;
        page.behind = end < listed.len();
        let shown = listed[begin..end].iter().map(|place| self.at(*place));
        page.cases = shown
            .filter_map(|kept| Some((kept.facts(), Timestamp::from_micros(kept.opened).ok()?)))
            .collect();
        Some(page)
    }

    /// Where a page of a list begins and ends.
    fn bounds(&self, listed: &[u32], wanted: &WantedCases) -> Option<(usize, usize)> {
        let most = |begin: usize| begin.saturating_add(wanted.limit).min(listed.len());
        let Some((case, side)) = wanted.start else {
            return Some((0, most(0)));
        };
        let start = *self.places.get(&case)?;
        let compared = |place: &u32| {
            let order = self.compare(wanted.order, *place, start);
            if wanted.descending {
                order.reverse()
            } else {
                order
            }
        };
        Some(match side {
            Side::Behind => {
                let begin = listed.partition_point(|place| compared(place).is_le());
                (begin, most(begin))
            }
            Side::Before => {
                let end = listed.partition_point(|place| compared(place).is_lt());
                (end.saturating_sub(wanted.limit), end)
            }
        })
    }
}

fn stage_number(stage: Stage) -> u8 {
    let place = Stage::ALL.iter().position(|known| *known == stage);
    let place = place.expect("every stage is among all");
    u8::try_from(place).expect("there are few stages")
}

/// The index of the room's cases, and when it was last used.
#[derive(Default)]
pub struct Cases {
    held: RwLock<CasesIndex>,
    /// In microseconds since 1970.
    used: AtomicI64,
}

impl Cases {
    /// Reads the index at one moment of the register, which is not before the call. `who` reads
    /// who asks, and which cases are to be listed if not all; it may be called twice. It blocks.
    ///
    /// # Errors
    /// Those of `who` and `read`, or the register can't be read.
    pub fn read<A, T>(
        &self,
        (pool, core): (&Pool, &Core),
        who: impl Fn(&mut Connection) -> Result<(A, Option<Vec<CaseId>>), Error>,
        read: impl FnOnce(&mut Connection, &CasesIndex, A, Option<&[CaseId]>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.used
            .store(core.ambient.now().micros(), Atomic::Relaxed);
        let mut read = Some(read);
        let mut read = |connection: &mut Connection,
                        index: &CasesIndex,
                        asks: A,
                        named: Option<Vec<CaseId>>| {
            let read = read.take().expect("it is called once");
            read(connection, index, asks, named.as_deref())
        };
        {
            // The lock comes before the moment: then the index can't be of a later one.
            let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
            let mut connection = pool.get()?;
            let done = dialect::snapshot(&mut connection, |connection| {
                let (asks, named) = who(connection)?;
                if held.is_current(connection, named.as_deref())? {
                    read(connection, &held, asks, named).map(Some)
                } else {
                    Ok(None)
                }
            })??;
            if let Some(done) = done {
                return Ok(done);
            }
        }
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let mut connection = pool.get()?;
        dialect::snapshot(&mut connection, |connection| {
            let (asks, named) = who(connection)?;
            held.refresh(connection, core, named.as_deref())?;
            read(connection, &held, asks, named)
        })?
    }

    /// How many cases are in the index.
    pub fn count(&self) -> usize {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.kept.len()
    }

    /// Wipes the index if it was not used for [`IDLE_MICROS`].
    pub(super) fn forget_idle(&self, now: Timestamp) {
        let idle = now.micros() - self.used.load(Atomic::Relaxed);
        // Of a clock that was put back nobody knows how long it was.
        if (0..IDLE_MICROS).contains(&idle) {
            return;
        }
        let mut held = match self.held.try_write() {
            Ok(held) => held,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // It is in use.
            Err(TryLockError::WouldBlock) => return,
        };
        if !held.kept.is_empty() {
            *held = CasesIndex::default();
            debug!("wiped the index of cases, which nobody used");
        }
    }
}
