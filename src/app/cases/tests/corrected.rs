//! What was corrected is listed and searched as it was told last, and found as it was told first.

use std::sync::Arc;

use custos_core::ids::ItemId;
use serde_json::json;

use super::{Asked, Case, ItemList, list_items, references};
use crate::app::{
    Error, SignedIn,
    corrections::{self, NewCorrection},
    evidence,
    index::{Indexes, text::fold},
    uploads::{NewDerivation, NewItem},
    walls,
};

impl Case {
    async fn correct(&self, item: ItemId, field: &str, value: &str) {
        let new = NewCorrection {
            field: field.into(),
            value: json!(value),
            reason: "misheard".into(),
        };
        // The judge's restriction keeps investigators from it, and not the custodian.
        corrections::correct(&self.world.room, &self.custodian, item, new)
            .await
            .expect("corrected");
    }

    /// The same list from an index that is made anew, as after a start.
    async fn list_anew(&self, who: &SignedIn, query: &[(&str, &str)]) -> ItemList {
        let mut room = self.world.room.clone();
        room.indexes = Arc::new(Indexes::default());
        let asked = Asked::of(query.iter().copied()).expect("a query");
        list_items(&room, who, self.case, &asked)
            .await
            .expect("listed")
    }

    async fn found(&self, who: &SignedIn, words: &str) -> Vec<String> {
        let list = self.list(who, &[("q", words)]).await;
        let anew = self.list_anew(who, &[("q", words)]).await;
        assert_eq!(json!(list), json!(anew), "{words}");
        references(&list).into_iter().map(Into::into).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_is_listed_and_all_is_searched() {
    let case = Case::new().await;
    let item = case
        .deposit_named("JS/1", "A red lorry", "IMG_0001.jpg")
        .await;
    case.deposit_named("JS/2", "A green van", "IMG_0002.jpg")
        .await;
    let list = case.list(&case.officer, &[]).await;
    assert_eq!(list.items[0].told_first, None);
    case.correct(item, "place", "Gate 3").await;
    let list = case.list(&case.officer, &[]).await;
    assert_eq!(
        (&*list.items[0].description, &list.items[0].told_first),
        ("A red lorry", &None),
        "what is not listed changes nothing of it"
    );
    // The clock stands still: the entries tell which is the newest.
    for told in ["A blue lorry", "A violet bus", "A black taxi"] {
        case.correct(item, "description", told).await;
        for list in [
            case.list(&case.officer, &[]).await,
            case.list_anew(&case.officer, &[]).await,
        ] {
            assert_eq!(list.items[0].description, told);
            assert_eq!(list.items[0].told_first.as_deref(), Some("A red lorry"));
            assert_eq!(
                (&*list.items[1].description, &list.items[1].told_first),
                ("A green van", &None)
            );
        }
        let page = evidence::read_item(&case.world.room, &case.officer, item);
        let filed = page.await.expect("read").filed.corrections;
        assert_eq!(filed.last().expect("corrected").value, json!(told));
    }
    for (words, found) in [
        ("taxi", &["JS/1"][..]),
        ("RED LORRY", &["JS/1"]),
        ("violet", &["JS/1"]),
        ("taxi img_0001 js/1", &["JS/1"]),
        ("lorry taxi", &["JS/1"]),
        ("gate", &[]),
        ("misheard", &[]),
        // No word reaches from one telling into the next.
        ("lorrya", &[]),
        ("a", &["JS/1", "JS/2"]),
    ] {
        assert_eq!(case.found(&case.officer, words).await, found, "{words}");
    }
}

/// Whoever may not know of an item gets nothing of what was corrected of it.
#[tokio::test(flavor = "multi_thread")]
async fn corrections_of_what_is_hidden_are_hidden() {
    let case = Case::new().await;
    let room = &case.world.room;
    let item = case.deposit_named("JS/1", "A red lorry", "a.jpg").await;
    let other = case.deposit_named("JS/2", "A green van", "b.jpg").await;
    evidence::restrict(room, &case.judge, item)
        .await
        .expect("restricted");
    let before = json!(case.list(&case.officer, &[]).await);
    case.correct(item, "description", "Her brother's taxi")
        .await;
    assert_eq!(json!(case.list(&case.officer, &[]).await), before);
    let none: [&str; 0] = [];
    for who in [&case.officer, &case.prosecutor, &case.counsel] {
        assert_eq!(case.found(who, "taxi").await, none);
        assert_eq!(case.found(who, "lorry").await, none);
    }
    assert_eq!(case.found(&case.judge, "taxi").await, ["JS/1"]);
    evidence::lift_restriction(room, &case.judge, item)
        .await
        .expect("lifted");
    assert_eq!(case.found(&case.officer, "taxi").await, ["JS/1"]);

    // Counsel learns of what was served, as it is told now.
    case.correct(other, "description", "A turquoise van").await;
    case.serve(item).await;
    assert_eq!(case.found(&case.counsel, "taxi").await, ["JS/1"]);
    assert_eq!(case.found(&case.counsel, "lorry").await, ["JS/1"]);
    assert_eq!(case.found(&case.counsel, "turquoise").await, none);

    let wall = (case.case, case.officer.person);
    walls::set(room, &case.custodian, wall, walls::Wall::Up, "kin")
        .await
        .expect("a wall");
    let told = case.try_list(&case.officer, &[("q", "taxi")]).await;
    assert!(matches!(told, Err(Error::NotFound)), "{told:?}");
}

/// What was made of an item has a description of its own, and corrections of its own.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_derived_is_corrected_by_itself() {
    let case = Case::new().await;
    let source = case.deposit_named("JS/1", "Interview", "a.wav").await;
    let derived = case
        .deposit_of(NewItem {
            reference: "JS/1-T".into(),
            description: "Transcript".into(),
            derived: Some(NewDerivation {
                sources: vec![source],
                tool: "typist".into(),
                operator: "K. Weber".into(),
                reason: "transcript".into(),
                ..NewDerivation::default()
            }),
            ..NewItem::default()
        })
        .await;
    // That one item was made from another is filed about the source, and is no correction.
    let list = case.list(&case.officer, &[]).await;
    assert_eq!(list.items[0].told_first, None);
    case.correct(derived, "description", "Translation").await;
    assert_eq!(case.found(&case.officer, "translation").await, ["JS/1-T"]);
    case.correct(source, "description", "Interrogation").await;
    assert_eq!(case.found(&case.officer, "interrogation").await, ["JS/1"]);
    assert_eq!(case.found(&case.officer, "transcript").await, ["JS/1-T"]);
}

/// A correction that no entry vouches for is refused, as on the item's page.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_correction_is_not_believed() {
    for change in [
        "UPDATE filings SET details = zeroblob(length(details))",
        "UPDATE filings SET rev = 2",
        "UPDATE filings SET filed_at = filed_at + 1",
        "UPDATE filings SET item_id = (SELECT id FROM items WHERE nth = 2)",
        "DELETE FROM filings",
        "UPDATE filings SET kind = 'transfer'",
    ] {
        let case = Case::new().await;
        let item = case.deposit_named("JS/1", "A red lorry", "a.jpg").await;
        case.deposit("JS/2", "").await;
        case.correct(item, "description", "A black taxi").await;
        assert_eq!(case.found(&case.officer, "taxi").await, ["JS/1"]);
        case.world.tamper(change);
        let told = case.try_list(&case.officer, &[]).await;
        assert!(matches!(told, Err(Error::Damaged(_))), "{change}: {told:?}");
    }
    // In an index that is made anew an item is in no class while a row of it is forged.
    let mut case = Case::new().await;
    let item = case.deposit_named("JS/1", "A red lorry", "a.jpg").await;
    case.correct(item, "description", "A black taxi").await;
    case.world.tamper("UPDATE filings SET entry = zeroblob(32)");
    case.world.room.indexes = Arc::new(Indexes::default());
    assert_eq!(case.list(&case.officer, &[]).await.total, 0);
    let told = case.try_list(&case.judge, &[]).await;
    assert!(matches!(told, Err(Error::Damaged(_))), "{told:?}");
}

/// A plain generator, so that a run that fails can be run again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).expect("31 bits") % end
    }
}

/// Whatever becomes of items, lists are those that come of reading each item's own page.
#[tokio::test(flavor = "multi_thread")]
async fn lists_are_those_of_the_pages_of_items() {
    const WORDS: [&str; 6] = ["lorry", "van", "taxi", "Straße", "quay", "gate"];
    for seed in 1..=3 {
        let (case, mut dice) = (Case::new().await, Dice(seed));
        let room = &case.world.room;
        let mut items = Vec::new();
        for step in 0..40 {
            let word = WORDS[dice.below(WORDS.len())];
            let told = format!("{word} {}", WORDS[dice.below(WORDS.len())]);
            let item = match items.len() {
                0 => None,
                count => Some(items[dice.below(count)]),
            };
            match (dice.below(6), item) {
                (0 | 1, _) | (_, None) => {
                    let reference = format!("JS/{}", items.len() + 1);
                    items.push(case.deposit_named(&reference, &told, "x.bin").await);
                }
                (2 | 3, Some(item)) => case.correct(item, "description", &told).await,
                (4, Some(item)) => {
                    let turned = evidence::restrict(room, &case.judge, item).await;
                    if turned.is_err() {
                        let lifted = evidence::lift_restriction(room, &case.judge, item).await;
                        lifted.expect("it was restricted");
                    }
                }
                (_, Some(item)) => {
                    let serving =
                        crate::app::disclosures::serve(room, &case.prosecutor, item, case.party);
                    // It is refused for what is restricted, or was served.
                    let _ = serving.await.is_ok();
                }
            }
            if step % 4 != 3 {
                continue;
            }
            let word = WORDS[dice.below(WORDS.len())];
            for who in [&case.officer, &case.judge, &case.counsel] {
                let list = case.list(who, &[("q", word)]).await;
                let mut wanted = Vec::new();
                for item in &items {
                    let Ok(page) = evidence::read_item(room, who, *item).await else {
                        continue;
                    };
                    let corrections = page.filed.corrections.iter();
                    let since: Vec<&str> = corrections
                        .filter_map(|correction| correction.value.as_str())
                        .collect();
                    let mut all = vec![page.description.as_str()];
                    all.extend(since);
                    if all.iter().any(|told| fold(told).contains(&**fold(word))) {
                        let newest = all.last().expect("there is one at least");
                        wanted.push((page.reference.clone(), newest.to_string()));
                    }
                }
                let found = list.items.iter();
                let found: Vec<(String, String)> = found
                    .map(|item| (item.reference.clone(), item.description.clone()))
                    .collect();
                assert_eq!(found, wanted, "seed {seed}, step {step}, {word}");
                assert_eq!(list.total, wanted.len() as u64);
                let anew = case.list_anew(who, &[("q", word)]).await;
                assert_eq!(json!(list), json!(anew), "seed {seed}, step {step}");
            }
        }
    }
}
