//! One page of a list, cut from the permitted classes of a case.

use std::cmp::Ordering;

use custos_core::ids::{ItemId, PersonId, Timestamp};
use memchr::memmem::Finder;
use zeroize::Zeroizing;

use super::{
    case::{CaseIndex, Class},
    items::{Family, Items, Kept, Order},
};

/// What is shown of an item's states, one bit each; none is no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown(u8);

impl Shown {
    /// Names of what can be shown; `normal` where nothing else is.
    pub const NAMES: [&str; 4] = ["normal", "quarantined", "restricted", "served"];

    /// What is shown for an item with states of these names.
    pub fn of(states: &[String]) -> Self {
        let bit = |state: &String| match Self::NAMES.iter().position(|name| name == state) {
            Some(place) => 1 << place,
            None => 0,
        };
        let bits = states.iter().map(bit).fold(0, |all, bit| all | bit);
        Self(if bits == 0 { 1 } else { bits })
    }

    fn has(self, place: usize) -> bool {
        self.0 >> place & 1 == 1
    }
}

/// From where a page goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Behind an item.
    Behind,
    /// Before an item.
    Before,
}

/// Which items of the permitted classes, and how.
#[derive(Default)]
pub struct Wanted {
    /// Folded words, all of which must be found.
    pub words: Vec<Zeroizing<String>>,
    /// A state that must be shown, by its place in [`Shown::NAMES`].
    pub state: Option<usize>,
    /// A family of media types.
    pub family: Option<Family>,
    /// Received at this time or later.
    pub from: Option<Timestamp>,
    /// Received at this time or earlier.
    pub to: Option<Timestamp>,
    /// Deposited by this person.
    pub depositor: Option<PersonId>,
    /// In which order.
    pub order: Option<Order>,
    /// From the last to the first.
    pub descending: bool,
    /// Most items of the page.
    pub limit: usize,
    /// Where it goes on; at the beginning if nowhere.
    pub start: Option<(ItemId, Side)>,
}

/// A page of a list.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// Its items.
    pub items: Vec<ItemId>,
    /// How many there are on all pages.
    pub total: u64,
    /// For each of [`Shown::NAMES`] how many there would be, were that state wanted.
    pub states: [u64; Shown::NAMES.len()],
    /// For each family how many there would be, were that family wanted.
    pub families: [u64; Family::COUNT],
    /// Whether there are more before.
    pub before: bool,
    /// Whether there are more behind.
    pub behind: bool,
}

/// Cuts a page; nothing where it would begin at an item that is not in the case.
pub fn cut(index: &CaseIndex, permitted: &[(&Class, Shown)], wanted: &Wanted) -> Option<Cut> {
    let items = index.items();
    let filter = Filter::of(items, wanted);
    let mut fitting = Places::default();
    let mut page = Cut::default();
    for (class, shown) in permitted {
        count((&filter, &mut fitting), class, *shown, wanted, &mut page);
    }
    let order = wanted.order.unwrap_or(Order::Reference);
    let lists: Vec<&[u32]> = permitted
        .iter()
        .filter(|(_, shown)| wanted.state.is_none_or(|state| shown.has(state)))
        .map(|(class, _)| class.in_order(order))
        .collect();
    let start = match wanted.start {
        Some((item, side)) => Some((items.find(item)?, side)),
        None => None,
    };
    let reads_back = matches!(start, Some((_, Side::Before)));
    let from = start.map(|(place, _)| place);
    let walk = Walk::new(items, order, &lists, from, wanted.descending == reads_back);
    let fits = |place: &u32| {
        let kept = items.at(*place);
        wanted.family.is_none_or(|family| family == kept.family)
            && (filter.is_open() || fitting.has(*place))
    };
    let mut walk = walk.filter(fits);
    let mut places: Vec<u32> = walk.by_ref().take(wanted.limit).collect();
    let more = walk.next().is_some();
    // The other way from where the page begins.
    let other = places.first().copied().and_then(|first| {
        let from = Some(first);
        let mut back = Walk::new(items, order, &lists, from, wanted.descending != reads_back);
        back.find(fits)
    });
    (page.before, page.behind) = (other.is_some(), more);
    if reads_back {
        places.reverse();
        (page.before, page.behind) = (more, other.is_some());
    }
    page.items = places.into_iter().map(|place| items.id(place)).collect();
    Some(page)
}

/// A set of places, one bit each.
#[derive(Default)]
struct Places(Vec<u64>);

impl Places {
    fn add(&mut self, place: u32) {
        let at = place as usize / 64;
        if at >= self.0.len() {
            self.0.resize(at + 1, 0);
        }
        self.0[at] |= 1 << (place % 64);
    }

    fn has(&self, place: u32) -> bool {
        let bits = self.0.get(place as usize / 64);
        bits.is_some_and(|bits| bits >> (place % 64) & 1 == 1)
    }
}

/// Adds what there is of one class, and which of it fits. What no filter narrows is counted
/// already.
fn count(
    (filter, fitting): (&Filter<'_>, &mut Places),
    class: &Class,
    shown: Shown,
    wanted: &Wanted,
    page: &mut Cut,
) {
    let mut families = class.families;
    if !filter.is_open() {
        families = [0; Family::COUNT];
        for place in class.in_order(Order::Received) {
            let kept = filter.items.at(*place);
            if filter.fits(kept) {
                families[kept.family.number()] += 1;
                fitting.add(*place);
            }
        }
    }
    let of_family: u64 = match wanted.family {
        Some(family) => families[family.number()].into(),
        None => families.iter().copied().map(u64::from).sum(),
    };
    for (state, states) in page.states.iter_mut().enumerate() {
        *states += if shown.has(state) { of_family } else { 0 };
    }
    if wanted.state.is_none_or(|state| shown.has(state)) {
        page.total += of_family;
        for (sum, count) in page.families.iter_mut().zip(families) {
            *sum += u64::from(count);
        }
    }
}

/// What an item must be, besides its class and its family.
struct Filter<'a> {
    items: &'a Items,
    words: Vec<Finder<'a>>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    depositor: Option<PersonId>,
}

impl<'a> Filter<'a> {
    fn of(items: &'a Items, wanted: &'a Wanted) -> Self {
        Self {
            items,
            words: wanted
                .words
                .iter()
                .map(|word| Finder::new(word.as_str()))
                .collect(),
            from: wanted.from,
            to: wanted.to,
            depositor: wanted.depositor,
        }
    }

    fn is_open(&self) -> bool {
        self.words.is_empty()
            && self.from.is_none()
            && self.to.is_none()
            && self.depositor.is_none()
    }

    fn fits(&self, kept: &Kept) -> bool {
        Items::is_within(kept, self.from, self.to)
            && self
                .depositor
                .is_none_or(|person| self.items.is_by(kept, person))
            && (self.words.is_empty() || self.says(self.items.text(kept)))
    }

    fn says(&self, text: &[u8]) -> bool {
        self.words.iter().all(|word| word.find(text).is_some())
    }
}

/// Goes through several sorted lists at once, up or down, from behind an item or from an end.
struct Walk<'a> {
    items: &'a Items,
    order: Order,
    /// What is still to come of each list.
    lists: Vec<&'a [u32]>,
    down: bool,
}

impl<'a> Walk<'a> {
    fn new(
        items: &'a Items,
        order: Order,
        lists: &[&'a [u32]],
        from: Option<u32>,
        up: bool,
    ) -> Self {
        let rest = |list: &&'a [u32]| -> &'a [u32] {
            let Some(from) = from else { return list };
            let compared = |place: &u32| items.compare(order, *place, from);
            if up {
                &list[list.partition_point(|place| compared(place) != Ordering::Greater)..]
            } else {
                &list[..list.partition_point(|place| compared(place) == Ordering::Less)]
            }
        };
        Self {
            items,
            order,
            lists: lists.iter().map(rest).collect(),
            down: !up,
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let ends = self.lists.iter().enumerate().filter_map(|(list, rest)| {
            let end = if self.down { rest.last() } else { rest.first() };
            Some((list, *end?))
        });
        let compare = |one: &(usize, u32), other: &(usize, u32)| {
            self.items.compare(self.order, one.1, other.1)
        };
        let (list, place) = if self.down {
            ends.max_by(compare)?
        } else {
            ends.min_by(compare)?
        };
        let rest = &mut self.lists[list];
        *rest = if self.down {
            &rest[..rest.len() - 1]
        } else {
            &rest[1..]
        };
        Some(place)
    }
}
