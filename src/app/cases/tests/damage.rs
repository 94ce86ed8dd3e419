//! Rows that were changed in the database.

use custos_core::ids::ItemId;

use super::{Case, references};
use crate::app::Error;

fn of(item: ItemId) -> String {
    format!("WHERE id = x'{item}'")
}

/// Nobody knows the states of an item whose rows are damaged, so only those are told of it who
/// may know of every item.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_item_is_told_to_those_who_may_know_of_all() {
    for change in [
        "UPDATE states SET state = ''",
        "UPDATE states SET entry = zeroblob(32)",
        "DELETE FROM states",
        "UPDATE items SET details = zeroblob(length(details))",
    ] {
        let case = Case::new().await;
        let hidden = case.deposit("JS/1", "restricted").await;
        case.deposit("JS/2", "").await;
        case.world.tamper(&format!(
            "PRAGMA foreign_keys = OFF; {change} {}",
            of(hidden)
        ));
        for who in [&case.officer, &case.prosecutor] {
            assert_eq!(references(&case.list(who, &[]).await), ["JS/2"], "{change}");
        }
        for who in [&case.judge, &case.custodian] {
            let told = case.try_list(who, &[]).await;
            assert!(matches!(told, Err(Error::Damaged(_))), "{change}: {told:?}");
        }
    }
}

/// The index does not follow what no entry tells, and no row is shown that its entry does not
/// vouch for.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_changed_behind_the_log_is_not_shown() {
    let case = Case::new().await;
    let hidden = case.deposit("JS/1", "restricted").await;
    let seen = case.deposit("JS/2", "").await;
    assert_eq!(references(&case.list(&case.officer, &[]).await), ["JS/2"]);
    case.world
        .tamper(&format!("UPDATE states SET state = '' {}", of(hidden)));
    assert_eq!(references(&case.list(&case.officer, &[]).await), ["JS/2"]);
    case.world.tamper(&format!(
        "UPDATE items SET details = zeroblob(9) {}",
        of(seen)
    ));
    let told = case.try_list(&case.officer, &[]).await;
    assert!(matches!(told, Err(Error::Damaged(_))), "{told:?}");
    let other = case.try_list(&case.officer, &[("q", "js/9")]).await;
    assert_eq!(other.expect("another row").total, 0);
}

/// A serving that was changed is as damaged in a list as on its item's page, also when the list
/// was right before.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_serving_is_not_believed() {
    let case = Case::new().await;
    let item = case.deposit("JS/1", "").await;
    case.serve(item).await;
    assert_eq!(references(&case.list(&case.officer, &[]).await), ["JS/1"]);
    case.world.tamper("UPDATE servings SET rev = 2");
    let told = case.try_list(&case.officer, &[]).await;
    assert!(matches!(told, Err(Error::Damaged(_))), "{told:?}");
}
