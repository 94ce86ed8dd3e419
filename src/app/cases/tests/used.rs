//! Rows that were used before: whatever is changed in them is found at their next use.

use super::Case;
use crate::app::{Error, evidence};

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_used_is_refused_once_it_is_changed() {
    for change in [
        "UPDATE roles SET role = 'custodian' WHERE role = 'investigator'",
        "UPDATE roles SET rev = rev + 1",
        "UPDATE roles SET salt = zeroblob(16)",
        "UPDATE roles SET salt = x'00'",
        "UPDATE roles SET entry = zeroblob(32)",
        "UPDATE roles SET entry = (SELECT entry FROM cases)",
        "UPDATE people SET status = 'left'",
        "UPDATE accounts SET rev = rev + 1",
        "UPDATE cases SET stage = 'closed'",
        "UPDATE states SET state = 'restricted'",
        "UPDATE states SET rev = rev + 1",
        "UPDATE items SET details = zeroblob(length(details))",
        "UPDATE items SET salt = (SELECT salt FROM states)",
    ] {
        let case = Case::new().await;
        let item = case.deposit("JS/1", "").await;
        let read = || evidence::read_item(&case.world.room, &case.officer, item);
        for _ in 0..2 {
            read().await.expect("read");
        }
        case.world.tamper(change);
        let told = read().await.map(|page| page.reference);
        assert!(matches!(told, Err(Error::Damaged(_))), "{change}: {told:?}");
    }
}
