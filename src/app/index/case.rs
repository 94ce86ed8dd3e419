//! The index of one case: its items, by classes that policy can't tell apart, each class sorted
//! in every order and counted. What is cut from it is cut from permitted classes alone, so that
//! neither its work nor its counts depend on what is hidden.

use std::collections::{BTreeSet, HashMap};

use custos_core::ids::{CaseId, ItemId, PersonId};
use tracing::error;

use super::{
    items::{Family, Items, MANY, NO_CLASS, Order, Ready},
    memory::Grown,
};
use crate::{
    db::{DbError, index::Found},
    policy::{
        Engine,
        action::ReadItem,
        classes::ItemClass,
        facts::{Item, ItemState},
    },
};

/// Items of one class.
pub struct Class {
    /// What they have in common.
    pub class: ItemClass,
    /// Their places, in each of [`Order::ALL`].
    sorted: [Grown<u32>; Order::ALL.len()],
    /// How many there are of each family.
    pub families: [u32; Family::COUNT],
}

impl Class {
    fn empty(class: ItemClass) -> Self {
        Self {
            class,
            sorted: std::array::from_fn(|_| Grown::default()),
            families: [0; Family::COUNT],
        }
    }

    /// The places of its items in an order.
    pub fn in_order(&self, order: Order) -> &[u32] {
        &self.sorted[order as usize]
    }

    fn count(&mut self, family: Family, by: i32) {
        let count = &mut self.families[family.number()];
        *count = count
            .checked_add_signed(by)
            .expect("what is taken out was counted");
    }
}

/// The index of one case.
pub struct CaseIndex {
    items: Items,
    classes: Vec<Class>,
    numbers: HashMap<ItemClass, u32>,
    /// Items whose rows are not what their entries say.
    damaged: BTreeSet<ItemId>,
}

impl CaseIndex {
    /// An index without items, and room for so many.
    pub fn with_capacity(engine: &Engine, case: CaseId, count: usize) -> Self {
        let mut index = Self {
            items: Items::with_capacity(count),
            classes: Vec::new(),
            numbers: HashMap::new(),
            damaged: BTreeSet::new(),
        };
        // Each class is a decision for whoever lists the case. These are always there, so that
        // nobody learns from the time of a list whether anything is restricted.
        for item in unserved(case) {
            index.number(engine.class_of::<ReadItem>(&item));
        }
        index
    }

    /// The items.
    pub fn items(&self) -> &Items {
        &self.items
    }

    /// Every class, empty ones too.
    pub fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// An item whose rows are damaged, and what policy is asked of it: whether somebody may know
    /// of an item of this case under every state that narrows.
    pub fn damaged(&self, engine: &Engine, case: CaseId) -> Option<(ItemId, ItemClass)> {
        let item = self.damaged.first()?;
        let narrowest = unserved(case).last()?;
        Some((*item, engine.class_of::<ReadItem>(&narrowest)))
    }

    /// Takes in what was read of items, new ones and those that are here already.
    pub fn take(&mut self, engine: &Engine, found: Vec<Found>) {
        let is_much = found.len() > MANY;
        let mut changed = BTreeSet::new();
        for (item, read) in found {
            let ready = read.map(|read| Ready::of(engine, read));
            self.take_one(item, ready, is_much.then_some(&mut changed));
        }
        self.settle(&changed);
    }

    /// Takes in one of many, which are then put in order by `CaseIndex::settle_all`.
    pub fn take_of_many(&mut self, item: ItemId, ready: Result<Ready, DbError>) {
        self.take_one(item, ready, Some(&mut BTreeSet::new()));
    }

    /// Puts every class in order.
    pub fn settle_all(&mut self) {
        let all = (0..self.classes.len()).filter_map(|number| u32::try_from(number).ok());
        self.settle(&all.collect());
    }

    fn take_one(
        &mut self,
        item: ItemId,
        ready: Result<Ready, DbError>,
        changed: Option<&mut BTreeSet<u32>>,
    ) {
        let known = self.items.find(item);
        let (place, class) = match ready {
            Ok(ready) => {
                self.damaged.remove(&item);
                let place = match known {
                    Some(place) => {
                        self.items.retell(place, &ready);
                        place
                    }
                    None => self.items.keep(item, &ready),
                };
                (Some(place), self.number(ready.class))
            }
            Err(damaged) => {
                error!(alarm = "damaged_row", error = %damaged, "an item was not indexed");
                self.damaged.insert(item);
                (known, NO_CLASS)
            }
        };
        let Some(place) = place else { return };
        let (before, family) = (self.items.at(place).class, self.items.at(place).family);
        if before == class {
            return;
        }
        for (number, by) in [(before, -1), (class, 1)] {
            if let Some(class) = self.classes.get_mut(number as usize) {
                class.count(family, by);
            }
        }
        match changed {
            Some(changed) => {
                self.items.put_into(place, class);
                changed.extend([before, class]);
                if let Some(class) = self.classes.get_mut(class as usize) {
                    class
                        .sorted
                        .iter_mut()
                        .for_each(|sorted| sorted.push(place));
                }
            }
            None => self.move_one(place, before, class),
        }
    }

    /// Moves one item from one class to another, each of which stays in order.
    fn move_one(&mut self, place: u32, before: u32, class: u32) {
        for (nth, order) in Order::ALL.into_iter().enumerate() {
            let items = &self.items;
            let is_before = |other: &u32| items.compare(order, *other, place).is_lt();
            if let Some(class) = self.classes.get_mut(before as usize) {
                let at = class.sorted[nth].partition_point(is_before);
                class.sorted[nth].remove(at);
            }
            if let Some(class) = self.classes.get_mut(class as usize) {
                let at = class.sorted[nth].partition_point(is_before);
                class.sorted[nth].insert(at, place);
            }
        }
        self.items.put_into(place, class);
        self.items.settle();
    }

    /// Puts classes in order that gained or lost many items.
    fn settle(&mut self, changed: &BTreeSet<u32>) {
        self.items.settle();
        let items = &self.items;
        for number in changed {
            let Some(class) = self.classes.get_mut(*number as usize) else {
                continue;
            };
            for (order, sorted) in Order::ALL.into_iter().zip(&mut class.sorted) {
                sorted.retain(|place| items.at(*place).class == *number);
                sorted.sort_unstable_by(|one, other| items.compare(order, *one, *other));
            }
        }
    }

    fn number(&mut self, class: ItemClass) -> u32 {
        if let Some(number) = self.numbers.get(&class) {
            return *number;
        }
        let number = u32::try_from(self.classes.len()).expect("there are fewer classes than items");
        self.classes.push(Class::empty(class.clone()));
        self.numbers.insert(class, number);
        number
    }

    /// Items, bytes of their texts, and all bytes that are set aside for the index.
    pub fn measure(&self) -> (usize, usize, usize) {
        let (items, texts, bytes) = self.items.measure();
        let classes = self.classes.iter().map(|class| {
            let sorted = class.sorted.iter().map(Grown::bytes).sum::<usize>();
            // The class stands in the map too; what its sets take is guessed.
            sorted + size_of::<Class>() + 2 * size_of::<ItemClass>() + 256
        });
        (items, texts, bytes + classes.sum::<usize>())
    }
}

/// An item for each set of states, served to nobody; the last under all of them.
fn unserved(case: CaseId) -> impl Iterator<Item = Item> {
    let states = ItemState::ALL;
    (0..1_u32 << states.len()).map(move |held| Item {
        id: ItemId::from_bytes([0; 16]),
        case,
        states: (0..states.len())
            .filter(|bit| held >> bit & 1 == 1)
            .map(|bit| states[bit])
            .collect(),
        served_to: BTreeSet::new(),
        depositor: PersonId::from_bytes([0; 16]),
    })
}
