//! Pages that are cut from the index are those that a plain filter over all items gives.

use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
};

use custos_core::ids::{CaseId, ItemId, ObjectId, PartyId, PersonId, ScopeId, Timestamp};
use proptest::prelude::*;
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    app::index::{
        case::{CaseIndex, Class},
        cut::{Cut, Shown, Side, Wanted, cut},
        items::{Family, Order, Ready},
        text::{fold, natural, words},
    },
    db::{
        evidence::{ItemDetails, ItemRow},
        index::Checked,
    },
    policy::{
        Engine,
        action::ReadItem,
        facts::{Item, ItemState},
    },
};

const CASE: CaseId = CaseId::from_bytes([1; 16]);
const TYPES: [&str; 4] = ["image/png", "text/plain", "video/mp4", "chemical/x-pdb"];

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Arc<Engine>> = OnceLock::new();
    ENGINE.get_or_init(Engine::embedded)
}

/// An item as the plain filter sees it.
#[derive(Debug, Clone)]
struct Plain {
    nth: u8,
    reference: String,
    description: String,
    /// What the description should have said, oldest first.
    corrected: Vec<String>,
    name: String,
    media: usize,
    size: u64,
    received: i64,
    depositor: u8,
    states: u8,
    served: u8,
}

impl Plain {
    fn id(&self) -> ItemId {
        // Not in the order of the numbers.
        ItemId::from_bytes([self.nth.wrapping_mul(167); 16])
    }

    fn facts(&self) -> Item {
        let states = ItemState::ALL.iter().enumerate();
        let states = states.filter(|(bit, _)| self.states >> bit & 1 == 1);
        let parties = (0..2).filter(|bit| self.served >> bit & 1 == 1);
        Item {
            id: self.id(),
            case: CASE,
            states: states.map(|(_, state)| *state).collect(),
            served_to: parties
                .map(|party| PartyId::from_bytes([party; 16]))
                .collect(),
            depositor: PersonId::from_bytes([self.depositor; 16]),
        }
    }

    fn checked(&self) -> Checked {
        let details = ItemDetails {
            reference: self.reference.clone(),
            description: self.description.clone(),
            file_name: json!(self.name),
            media_type: TYPES[self.media].into(),
            size: self.size,
            sha256: String::new(),
            content_root: String::new(),
            leaves: 1,
            crc32: 0,
            stored: json!(null),
            declared: json!([]),
            provenance: json!({}),
            depositor: self.facts().depositor,
            received_at: Timestamp::from_micros(self.received).expect("a time"),
            derived: None,
        };
        let row = ItemRow {
            id: self.id(),
            rev: 1,
            case_id: CASE,
            scope_id: ScopeId::from_bytes([2; 16]),
            nth: self.nth.into(),
            object_id: ObjectId::from_bytes([3; 16]),
            reference_index: None,
            details,
        };
        Checked {
            row,
            facts: self.facts(),
            corrected: self.corrected.iter().cloned().map(Zeroizing::new).collect(),
            mark: [0; 16],
        }
    }

    /// Whether a state of this place among [`Shown::NAMES`] is shown.
    fn has(&self, state: usize) -> bool {
        match Shown::NAMES[state] {
            "normal" => self.states == 0 && self.served == 0,
            "served" => self.served != 0,
            name => self.facts().states.iter().any(|held| held.name() == name),
        }
    }
}

fn shown(item: &Item) -> Shown {
    let mut names: Vec<String> = item
        .states
        .iter()
        .map(|state| state.name().into())
        .collect();
    if !item.served_to.is_empty() {
        names.push("served".into());
    }
    Shown::of(&names)
}

prop_compose! {
    fn plain()(
        reference in "(JS|js|É)/[0-9]{1,3}",
        description in "[a-c é]{0,8}",
        name in "[ab\u{301}.]{0,6}",
        (media, size, received) in (0..TYPES.len(), 0..4_u64, 0..5_i64),
        (depositor, states, served) in (0..3_u8, 0..4_u8, 0..4_u8),
    ) -> Plain {
        let corrected = Vec::new();
        Plain { nth: 0, reference, description, corrected, name, media, size, received, depositor, states, served }
    }
}

#[derive(Debug, Clone)]
struct Question {
    query: String,
    state: Option<usize>,
    family: Option<Family>,
    from: Option<i64>,
    to: Option<i64>,
    depositor: Option<u8>,
    order: Order,
    descending: bool,
    limit: usize,
}

prop_compose! {
    fn question()(
        query in "[abcÉ ]{0,3}",
        state in proptest::option::of(0..4_usize),
        family in proptest::option::of(prop_oneof![Just("image"), Just("text"), Just("other")]),
        (from, to) in (proptest::option::of(0..5_i64), proptest::option::of(0..5_i64)),
        depositor in proptest::option::of(0..3_u8),
        order in prop_oneof![Just(Order::Reference), Just(Order::Received), Just(Order::Size)],
        descending: bool,
        limit in 1..9_usize,
    ) -> Question {
        let family = family.and_then(Family::named);
        Question { query, state, family, from, to, depositor, order, descending, limit }
    }
}

impl Question {
    fn wanted(&self) -> Wanted {
        let time = |micros: i64| Timestamp::from_micros(micros).expect("a time");
        Wanted {
            words: words(&self.query),
            state: self.state,
            family: self.family,
            from: self.from.map(time),
            to: self.to.map(time),
            depositor: self
                .depositor
                .map(|person| PersonId::from_bytes([person; 16])),
            order: Some(self.order),
            descending: self.descending,
            limit: self.limit,
            start: None,
        }
    }

    /// All but state and family, each of which is counted without itself.
    fn fits(&self, item: &Plain) -> bool {
        let told = [&item.reference, &item.description, &item.name];
        let parts = told.into_iter().chain(&item.corrected);
        let parts: Vec<_> = parts.map(|part| fold(part)).collect();
        let found = |word: &str| parts.iter().any(|part| part.contains(word));
        words(&self.query).iter().all(|word| found(word))
            && self.from.is_none_or(|from| item.received >= from)
            && self.to.is_none_or(|to| item.received <= to)
            && self.depositor.is_none_or(|person| item.depositor == person)
    }

    fn is_state(&self, item: &Plain) -> bool {
        self.state.is_none_or(|state| item.has(state))
    }

    fn is_family(&self, item: &Plain) -> bool {
        self.family
            .is_none_or(|family| family == Family::of(TYPES[item.media]))
    }
}

/// What the plain filter gives: everything in order, and the counts.
fn naive(items: &[&Plain], question: &Question) -> (Vec<ItemId>, Cut) {
    let fitting: Vec<&&Plain> = items.iter().filter(|item| question.fits(item)).collect();
    let mut counts = Cut::default();
    for item in &fitting {
        for state in 0..Shown::NAMES.len() {
            if question.is_family(item) && item.has(state) {
                counts.states[state] += 1;
            }
        }
        if question.is_state(item) {
            counts.families[Family::of(TYPES[item.media]).number()] += 1;
        }
    }
    let mut listed: Vec<&&Plain> = fitting
        .into_iter()
        .filter(|item| question.is_state(item) && question.is_family(item))
        .collect();
    listed.sort_by(|one, other| {
        let order = match question.order {
            Order::Reference => natural(
                fold(&one.reference).as_bytes(),
                fold(&other.reference).as_bytes(),
            ),
            Order::Received => one.received.cmp(&other.received),
            Order::Size => one.size.cmp(&other.size),
        };
        order.then(one.nth.cmp(&other.nth))
    });
    if question.descending {
        listed.reverse();
    }
    counts.total = listed.len() as u64;
    (listed.into_iter().map(|item| item.id()).collect(), counts)
}

/// Walks all pages forwards, then back again.
fn walk(
    index: &CaseIndex,
    permitted: &[(&Class, Shown)],
    question: &Question,
) -> (Vec<ItemId>, Vec<ItemId>, Cut) {
    let mut wanted = question.wanted();
    let page = |wanted: &Wanted| cut(index, permitted, wanted).expect("it begins at what is there");
    let first = page(&wanted);
    let (mut there, mut last) = (first.items.clone(), page(&wanted));
    while last.behind {
        let from = *last.items.last().expect("a page that goes on has items");
        wanted.start = Some((from, Side::Behind));
        last = page(&wanted);
        assert!(last.before && !last.items.is_empty());
        there.extend(&last.items);
    }
    let mut back = vec![last.items.clone()];
    while last.before {
        wanted.start = Some((last.items[0], Side::Before));
        last = page(&wanted);
        assert!(last.behind && !last.items.is_empty());
        back.push(last.items.clone());
    }
    back.reverse();
    (there, back.concat(), first)
}

/// Something that becomes of an item.
#[derive(Debug, Clone)]
enum Change {
    Narrowed { states: u8, served: u8 },
    Corrected(String),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (0..4_u8, 0..4_u8).prop_map(|(states, served)| Change::Narrowed { states, served }),
        "[b-d É]{0,12}".prop_map(Change::Corrected),
    ]
}

/// Whether pages of the index are those of a plain filter, for somebody from whom items of these
/// states and servings are hidden.
fn compare(
    index: &CaseIndex,
    items: &[Plain],
    hidden: &BTreeSet<(u8, u8)>,
    questions: &[Question],
) -> Result<(), TestCaseError> {
    let engine = engine();
    let is_hidden = |item: &Plain| hidden.contains(&(item.states, item.served));
    let hidden_classes: Vec<_> = items
        .iter()
        .filter(|item| is_hidden(item))
        .map(|item| engine.class_of::<ReadItem>(&item.facts()))
        .collect();
    let permitted: Vec<(&Class, Shown)> = index
        .classes()
        .iter()
        .filter(|class| !hidden_classes.contains(&class.class))
        .map(|class| (class, shown(&class.class.item())))
        .collect();
    let seen: Vec<&Plain> = items.iter().filter(|item| !is_hidden(item)).collect();
    for question in questions {
        let (wanted, counts) = naive(&seen, question);
        let (there, back, first) = walk(index, &permitted, question);
        prop_assert_eq!(&there, &wanted, "{:?}", question);
        prop_assert_eq!(&back, &wanted, "back: {:?}", question);
        prop_assert_eq!(first.total, counts.total);
        prop_assert_eq!(first.states, counts.states, "{:?}", question);
        prop_assert_eq!(first.families, counts.families, "{:?}", question);
        prop_assert!(!first.before);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn pages_are_those_of_a_plain_filter(
        mut items in proptest::collection::vec(plain(), 0..150),
        rounds in proptest::collection::vec(
            proptest::collection::vec((any::<prop::sample::Index>(), change()), 0..90),
            1..4,
        ),
        parts in proptest::collection::vec(1..150_usize, 1..4),
        hidden in proptest::collection::vec((0..4_u8, 0..4_u8), 0..6),
        questions in proptest::collection::vec(question(), 1..6),
    ) {
        for (item, nth) in items.iter_mut().zip(0..) {
            item.nth = nth;
        }
        let engine = engine();
        let hidden: BTreeSet<(u8, u8)> = hidden.into_iter().collect();
        let mut index = CaseIndex::with_capacity(engine, CASE, 0);
        let mut rest = items.as_slice();
        for part in parts.into_iter().chain([items.len()]) {
            let (some, others) = rest.split_at(part.min(rest.len()));
            index.take(engine, some.iter().map(|item| (item.id(), Ok(item.checked()))).collect());
            rest = others;
        }
        for changes in rounds {
            let mut changed = BTreeSet::new();
            for (which, change) in changes {
                if items.is_empty() { break; }
                let nth = which.get(&items).nth;
                let item = &mut items[usize::from(nth)];
                match change {
                    Change::Narrowed { states, served } => (item.states, item.served) = (states, served),
                    Change::Corrected(text) => item.corrected.push(text),
                }
                changed.insert(nth);
            }
            let read = changed.iter().map(|nth| &items[usize::from(*nth)]);
            index.take(engine, read.map(|item| (item.id(), Ok(item.checked()))).collect());
            compare(&index, &items, &hidden, &questions)?;
        }
        let (_, texts, _) = index.measure();
        let told = items.iter().map(|item| Ready::of(engine, item.checked()).text_bytes());
        prop_assert_eq!(texts, told.sum::<usize>(), "texts that nobody needs are not counted");
    }
}

/// However often items are corrected, an index takes little more than their texts.
#[test]
fn corrections_leave_no_room_behind() {
    let engine = engine();
    let mut index = CaseIndex::with_capacity(engine, CASE, 0);
    let item = |nth: u8, description: &str| Plain {
        nth,
        reference: format!("JS/{nth}"),
        description: description.into(),
        corrected: vec!["x".repeat(300)],
        name: String::new(),
        media: 0,
        size: 0,
        received: 0,
        depositor: 0,
        states: 0,
        served: 0,
    };
    for round in 0..30 {
        let text = format!("round {round} {}", "y".repeat(round * 30));
        let read = (0..200_u8).map(|nth| {
            let item = item(nth, &text);
            (item.id(), Ok(item.checked()))
        });
        index.take(engine, read.collect());
        let (items, texts, bytes) = index.measure();
        assert_eq!(items, 200);
        let beside = bytes - texts;
        assert!(
            beside < texts / 2 + (256 << 10),
            "{round}: {beside} beside {texts}"
        );
    }
}
