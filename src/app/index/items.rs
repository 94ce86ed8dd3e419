//! The items of one case in memory, in three orders.

use std::cmp::Ordering;

use custos_core::ids::{Id, ItemId, PersonId, Timestamp};
use zeroize::{Zeroize, Zeroizing};

use super::{
    memory::{Grown, Lies, Texts},
    text,
};
use crate::{
    db::index::{Checked, Mark},
    policy::{Engine, action::ReadItem, classes::ItemClass},
};

/// By what a list is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The exhibit reference, numbers in it as numbers.
    Reference,
    /// When its last byte was received.
    Received,
    /// Its size.
    Size,
}

impl Order {
    /// Every order.
    pub const ALL: [Self; 3] = [Self::Reference, Self::Received, Self::Size];
}

/// The first part of a media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family(u8);

/// Names of the families, ascending; the last stands for whatever else there may be.
const FAMILIES: [&str; Family::COUNT] = [
    "application",
    "audio",
    "font",
    "image",
    "message",
    "model",
    "text",
    "video",
    "other",
];

impl Family {
    /// How many there are.
    pub const COUNT: usize = 9;

    /// The family of a media type.
    pub fn of(media_type: &str) -> Self {
        let first = media_type.split('/').next().unwrap_or_default();
        Self::named(first).unwrap_or(Self(8))
    }

    /// The family of this name.
    pub fn named(name: &str) -> Option<Self> {
        let place = FAMILIES.iter().position(|known| *known == name)?;
        Some(Self(u8::try_from(place).expect("there are nine")))
    }

    /// Every family.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..8).chain([8]).map(Self)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        FAMILIES[self.number()]
    }

    /// Its place among all.
    pub fn number(self) -> usize {
        self.0.into()
    }
}

/// More changes than this are put in order together.
pub const MANY: usize = 64;
/// An item in no class: its rows are damaged.
pub const NO_CLASS: u32 = u32::MAX;

/// What is kept of an item beside its text.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// Its id.
    pub id: [u8; Id::BYTES],
    /// Bytes.
    pub size: u64,
    /// When its last byte was received, in microseconds since 1970.
    pub received: i64,
    /// Over its rows as they were checked.
    pub mark: Mark,
    /// Reference, file name and description, folded.
    text: Lies,
    /// Who deposited it, by place.
    depositor: u32,
    /// Its class, by place.
    pub class: u32,
    /// Bytes of the reference at the beginning of the text.
    reference: u16,
    /// The family of its media type.
    pub family: Family,
}

impl Zeroize for Kept {
    fn zeroize(&mut self) {
        self.id.zeroize();
        self.size.zeroize();
        self.received.zeroize();
        self.mark.zeroize();
        self.text.zeroize();
        self.depositor.zeroize();
        self.class.zeroize();
        self.reference.zeroize();
        self.family.0.zeroize();
    }
}

/// What is kept of an item, ready to be taken in.
pub struct Ready {
    /// Its class.
    pub class: ItemClass,
    /// Over its rows as they were checked.
    pub mark: Mark,
    size: u64,
    received: i64,
    depositor: PersonId,
    family: Family,
    /// Reference, file name and descriptions, folded.
    text: Zeroizing<Vec<u8>>,
    /// Bytes of the reference at the beginning of the text.
    reference: u16,
}

impl Ready {
    /// Takes of an item what is kept, and wipes the rest.
    pub fn of(engine: &Engine, mut read: Checked) -> Self {
        let told = &mut read.row.details;
        let (text, reference) = text::searched(
            &told.reference,
            &told.file_name,
            &told.description,
            &read.corrected,
        );
        told.wipe();
        Self {
            class: engine.class_of::<ReadItem>(&read.facts),
            mark: read.mark,
            size: told.size,
            received: told.received_at.micros(),
            depositor: told.depositor,
            family: Family::of(&told.media_type),
            text,
            reference,
        }
    }

    /// Bytes of its text.
    pub fn text_bytes(&self) -> usize {
        self.text.len()
    }
}

/// Items by the place at which they were kept; none is ever taken out.
#[derive(Default)]
pub struct Items {
    kept: Grown<Kept>,
    /// Places in the order of the ids, as far as they are settled.
    by_id: Grown<u32>,
    /// How many of them are.
    settled: usize,
    texts: Texts,
    depositors: Vec<PersonId>,
}

impl Items {
    /// None yet, and room for so many.
    pub fn with_capacity(count: usize) -> Self {
        Self {
            kept: Grown::with_capacity(count),
            by_id: Grown::with_capacity(count),
            ..Self::default()
        }
    }

    /// The item at a place.
    pub fn at(&self, place: u32) -> &Kept {
        &self.kept[place as usize]
    }

    /// Puts an item into a class.
    pub fn put_into(&mut self, place: u32, class: u32) {
        self.kept[place as usize].class = class;
    }

    /// The id of the item at a place.
    pub fn id(&self, place: u32) -> ItemId {
        ItemId::from_bytes(self.at(place).id)
    }

    /// Reference, file name and description of an item, folded.
    pub fn text(&self, kept: &Kept) -> &[u8] {
        self.texts.get(kept.text)
    }

    /// Whether a person deposited an item.
    pub fn is_by(&self, kept: &Kept, person: PersonId) -> bool {
        self.depositors[kept.depositor as usize] == person
    }

    /// Where an item lies that was settled.
    pub fn find(&self, item: ItemId) -> Option<u32> {
        let settled = &self.by_id[..self.settled];
        let found = settled.binary_search_by(|place| self.at(*place).id.cmp(item.as_bytes()));
        Some(settled[found.ok()?])
    }

    /// Lets items be found that were kept since.
    pub fn settle(&mut self) {
        let fresh = self.by_id.len() - self.settled;
        let kept = &self.kept;
        let id = |place: u32| kept[place as usize].id;
        if fresh > MANY {
            self.by_id.sort_unstable_by_key(|place| id(*place));
        } else {
            for next in self.by_id.len() - fresh..self.by_id.len() {
                let new = id(self.by_id[next]);
                let at = self.by_id[..next].partition_point(|place| id(*place) < new);
                self.by_id[at..=next].rotate_right(1);
            }
        }
        self.settled = self.by_id.len();
    }

    /// Keeps an item that is not here yet, in no class; it is found once it was settled.
    ///
    /// # Panics
    /// There are 2^32 of them.
    pub fn keep(&mut self, item: ItemId, ready: &Ready) -> u32 {
        let place = u32::try_from(self.kept.len()).expect("a case has fewer items");
        let depositor = self.depositor(ready.depositor);
        self.kept.push(Kept {
            id: *item.as_bytes(),
            size: ready.size,
            received: ready.received,
            mark: ready.mark,
            text: self.texts.keep(&ready.text),
            depositor,
            class: NO_CLASS,
            reference: ready.reference,
            family: ready.family,
        });
        self.by_id.push(place);
        place
    }

    /// Keeps what is told now of an item that is here. What it is sorted by never changes.
    pub fn retell(&mut self, place: u32, ready: &Ready) {
        let before = self.at(place).text;
        self.kept[place as usize].mark = ready.mark;
        if self.texts.get(before) == ready.text.as_slice() {
            return;
        }
        self.texts.wipe(before);
        self.kept[place as usize].text = self.texts.keep(&ready.text);
        if self.texts.is_sparse() {
            let mut texts = Texts::default();
            for kept in self.kept.iter_mut() {
                kept.text = texts.keep(self.texts.get(kept.text));
            }
            self.texts = texts;
        }
    }

    fn depositor(&mut self, person: PersonId) -> u32 {
        let known = self.depositors.iter().position(|known| *known == person);
        let place = known.unwrap_or_else(|| {
            self.depositors.push(person);
            self.depositors.len() - 1
        });
        u32::try_from(place).expect("there are fewer people")
    }

    /// How two items stand in an order; those that are equal in it, in that of their numbers.
    pub fn compare(&self, order: Order, one: u32, other: u32) -> Ordering {
        let (a, b) = (self.at(one), self.at(other));
        let first = match order {
            Order::Reference => text::natural(self.reference(a), self.reference(b)),
            Order::Received => a.received.cmp(&b.received),
            Order::Size => a.size.cmp(&b.size),
        };
        first.then(one.cmp(&other))
    }

    fn reference(&self, kept: &Kept) -> &[u8] {
        &self.text(kept)[..kept.reference.into()]
    }

    /// Whether an item was received within these times, both counted in.
    pub fn is_within(kept: &Kept, from: Option<Timestamp>, to: Option<Timestamp>) -> bool {
        from.is_none_or(|from| from.micros() <= kept.received)
            && to.is_none_or(|to| kept.received <= to.micros())
    }

    /// Items, bytes of their texts, and all bytes that are set aside for them.
    pub fn measure(&self) -> (usize, usize, usize) {
        let (texts, pieces) = self.texts.bytes();
        let people = self.depositors.capacity() * size_of::<PersonId>();
        let all = self.kept.bytes() + self.by_id.bytes() + pieces + people;
        (self.kept.len(), texts, all)
    }
}
