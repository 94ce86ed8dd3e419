//! Pages and cursors.

use std::collections::BTreeSet;

use super::{Case, references};
use crate::app::{
    Error,
    cases::{Asked, ItemList, list_items},
};

fn invalid(outcome: Result<ItemList, Error>) -> String {
    match outcome {
        Err(Error::Invalid(what)) => what,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_walk_every_item_once_while_others_come() {
    let case = Case::new().await;
    for n in 0..25 {
        case.deposit(
            &format!("JS/{n}"),
            if n % 5 == 4 { "restricted" } else { "" },
        )
        .await;
    }
    for sort in [
        "reference",
        "-reference",
        "received",
        "-received",
        "size",
        "-size",
    ] {
        let first: BTreeSet<String> = all(&case, sort).await.into_iter().collect();
        let coming = async {
            for n in 0..8 {
                case.deposit(
                    &format!("{sort}/{n}"),
                    if n % 2 == 0 { "restricted" } else { "" },
                )
                .await;
            }
        };
        let (walked, ()) = futures::join!(all(&case, sort), coming);
        let once: BTreeSet<String> = walked.iter().cloned().collect();
        assert_eq!(
            once.len(),
            walked.len(),
            "{sort}: one came twice: {walked:?}"
        );
        assert!(
            first.is_subset(&once),
            "{sort}: one was left out: {walked:?}"
        );
        assert!(
            once.iter().all(|reference| !reference.ends_with("/4")),
            "{walked:?}"
        );
    }
}

/// The references on all pages of three, and back to the first.
async fn all(case: &Case, sort: &str) -> Vec<String> {
    let mut walked = Vec::new();
    let mut list = case
        .list(&case.officer, &[("sort", sort), ("limit", "3")])
        .await;
    loop {
        assert!(list.items.len() <= 3 && list.total >= list.items.len() as u64);
        walked.extend(references(&list).into_iter().map(String::from));
        let Some(next) = list.next.clone() else { break };
        assert_eq!(list.items.len(), 3, "a page that goes on is full");
        list = case
            .list(
                &case.officer,
                &[("sort", sort), ("limit", "3"), ("cursor", &next)],
            )
            .await;
        assert!(list.previous.is_some());
    }
    walked
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_before_ends_where_the_next_began() {
    let case = Case::new().await;
    for n in 0..7 {
        case.deposit(&format!("JS/{n}"), "").await;
    }
    let query = [("limit", "3")];
    let first = case.list(&case.officer, &query).await;
    assert_eq!(references(&first), ["JS/0", "JS/1", "JS/2"]);
    let go = async |cursor: &Option<String>| {
        let cursor = cursor.as_deref().expect("a page beside it");
        case.list(&case.officer, &[("limit", "3"), ("cursor", cursor)])
            .await
    };
    let second = go(&first.next).await;
    let third = go(&second.next).await;
    assert_eq!(references(&third), ["JS/6"]);
    assert_eq!(third.next, None);
    assert_eq!(references(&go(&third.previous).await), references(&second));
    let back = go(&second.previous).await;
    assert_eq!(references(&back), references(&first));
    assert_eq!(back.previous, None);
    assert!(
        [&first, &second, &third, &back]
            .iter()
            .all(|list| list.total == 7)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_is_good_for_its_person_its_case_and_its_list() {
    let case = Case::new().await;
    for n in 0..4 {
        case.deposit(&format!("JS/{n}"), "").await;
    }
    let query = [("q", "js"), ("sort", "size"), ("limit", "2")];
    let next = case
        .list(&case.officer, &query)
        .await
        .next
        .expect("a cursor");
    let size = case.world.size();
    let with = |cursor: &str, more: &[(&'static str, &'static str)]| {
        let pairs = more.iter().copied().chain([("cursor", cursor)]);
        Asked::of(pairs).expect("of its form")
    };
    let list = async |who, of, asked: Asked| list_items(&case.world.room, who, of, &asked).await;

    let foreign = list(&case.judge, case.case, with(&next, &query)).await;
    assert!(invalid(foreign).contains("`cursor`"));
    let other = case.other().await;
    let grown = case.world.size();
    assert!(grown > size);
    invalid(list(&case.officer, other, with(&next, &query)).await);
    for changed in [
        &[("q", "j"), ("sort", "size")][..],
        &[("q", "js"), ("sort", "-size")],
        &[("q", "js"), ("sort", "size"), ("state", "normal")],
        &[("sort", "size")],
        &[],
    ] {
        invalid(list(&case.officer, case.case, with(&next, changed)).await);
    }
    for at in 0..next.len() {
        let mut forged = next.clone().into_bytes();
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).expect("ASCII");
        invalid(list(&case.officer, case.case, with(&forged, &query)).await);
    }
    for odd in [&next[1..], &format!("{next}A"), "AAAA", "%%", "0"] {
        invalid(list(&case.officer, case.case, with(odd, &query)).await);
    }
    assert_eq!(
        case.world.size(),
        grown,
        "what can't be taken leaves no entry"
    );

    // Another number of items on a page is the same list.
    let more = [("q", "js"), ("sort", "size"), ("limit", "1")];
    let list = list(&case.officer, case.case, with(&next, &more))
        .await
        .expect("listed");
    assert_eq!((references(&list), list.total), (vec!["JS/2"], 4));
}

/// A page goes on behind an item that was hidden since, and says nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_goes_on_behind_what_was_hidden_since() {
    let case = Case::new().await;
    let mut items = Vec::new();
    for n in 0..4 {
        items.push(case.deposit(&format!("JS/{n}"), "").await);
    }
    let next = case
        .list(&case.officer, &[("limit", "2")])
        .await
        .next
        .expect("a cursor");
    crate::app::evidence::restrict(&case.world.room, &case.judge, items[1])
        .await
        .expect("restricted");
    let list = case
        .list(&case.officer, &[("limit", "2"), ("cursor", &next)])
        .await;
    assert_eq!((references(&list), list.total), (vec!["JS/2", "JS/3"], 3));
    let back = case
        .list(
            &case.officer,
            &[
                ("limit", "2"),
                ("cursor", &list.previous.expect("one before")),
            ],
        )
        .await;
    assert_eq!(references(&back), ["JS/0"]);
}
