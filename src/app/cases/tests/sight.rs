//! What each role sees, and that nothing hidden is counted.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Case, references, states};
use crate::app::{
    Error, evidence,
    tests::world::{detail, kind},
    uploads::{DeclaredHash, NewItem},
};

#[tokio::test(flavor = "multi_thread")]
async fn each_role_sees_its_part_and_counts_no_more() {
    let case = Case::new().await;
    case.deposit("JS/1", "").await;
    let served = case.deposit("JS/2", "").await;
    case.deposit("JS/3", "restricted").await;
    let wrong = DeclaredHash {
        algorithm: "sha256".into(),
        value: "0".repeat(64),
    };
    case.deposit_of(NewItem {
        reference: "JS/4".into(),
        declared: vec![wrong],
        ..NewItem::default()
    })
    .await;
    case.serve(served).await;
    let later = case.deposit("JS/5", "").await;
    case.serve(later).await;
    evidence::restrict(&case.world.room, &case.judge, later)
        .await
        .expect("restricted");

    let all = ["JS/1", "JS/2", "JS/3", "JS/4", "JS/5"];
    let staff = ["JS/1", "JS/2", "JS/4"];
    for (who, seen, counted) in [
        (
            &case.officer,
            &staff[..],
            &[("normal", 1), ("quarantined", 1), ("served", 1)][..],
        ),
        (
            &case.prosecutor,
            &staff[..],
            &[("normal", 1), ("quarantined", 1), ("served", 1)][..],
        ),
        (
            &case.judge,
            &all[..],
            &[
                ("normal", 1),
                ("quarantined", 1),
                ("restricted", 2),
                ("served", 2),
            ][..],
        ),
        (
            &case.custodian,
            &all[..],
            &[
                ("normal", 1),
                ("quarantined", 1),
                ("restricted", 2),
                ("served", 2),
            ][..],
        ),
        (&case.counsel, &["JS/2"][..], &[("served", 1)][..]),
    ] {
        let list = case.list(who, &[]).await;
        assert_eq!(references(&list), seen);
        assert_eq!(list.total, seen.len() as u64);
        assert_eq!(states(&list), counted);
        let types: BTreeMap<&str, u64> = [("text", seen.len() as u64)].into();
        assert_eq!(list.facets.types, types);
        assert_eq!((&list.next, &list.previous), (&None, &None));

        // What is hidden does not make another page.
        let limit = seen.len().to_string();
        let list = case.list(who, &[("limit", &limit)]).await;
        assert_eq!((list.items.len(), list.next), (seen.len(), None));

        let restricted = case.list(who, &[("state", "restricted")]).await;
        assert_eq!(restricted.total, if seen.len() == 5 { 2 } else { 0 });
        assert_eq!(
            states(&restricted),
            counted,
            "counted without the filter itself"
        );
        for query in [
            [("q", "js/3")],
            [("sort", "-size")],
            [("from", "2020-01-01")],
        ] {
            let list = case.list(who, &query).await;
            let wanted = if query[0].0 == "q" {
                usize::from(seen.len() == 5)
            } else {
                seen.len()
            };
            assert_eq!(list.items.len(), wanted, "{query:?}");
        }
    }
    assert!(matches!(
        case.try_list(&case.world.ana, &[]).await,
        Err(Error::NotFound)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_never_stale() {
    let case = Case::new().await;
    let room = &case.world.room;
    let mut seen = Vec::new();
    for n in 1..=5 {
        let item = case.deposit(&format!("JS/{n}"), "").await;
        seen.push(format!("JS/{n}"));
        assert_eq!(references(&case.list(&case.officer, &[]).await), seen);
        if n == 3 {
            evidence::restrict(room, &case.judge, item)
                .await
                .expect("restricted");
            seen.pop();
            assert_eq!(references(&case.list(&case.officer, &[]).await), seen);
            evidence::lift_restriction(room, &case.judge, item)
                .await
                .expect("lifted");
            seen.push("JS/3".into());
            assert_eq!(references(&case.list(&case.officer, &[]).await), seen);
        }
        assert!(case.list(&case.counsel, &[]).await.items.is_empty() == (n < 4));
        if n >= 3 {
            case.serve(item).await;
            let list = case.list(&case.counsel, &[]).await;
            assert_eq!(list.total, n - 2);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_entry_says_what_was_asked() {
    let case = Case::new().await;
    case.deposit("JS/1", "").await;
    let size = case.world.size();
    case.list(
        &case.officer,
        &[("q", "  Käthe "), ("sort", "-size"), ("limit", "7")],
    )
    .await;
    case.list(&case.officer, &[]).await;
    assert_eq!(case.world.size(), size + 2, "one entry for each request");
    let of_case = case.entries_of_case().await;
    let lists: Vec<_> = of_case
        .iter()
        .filter(|entry| kind(entry) == "list")
        .collect();
    assert_eq!(detail(lists[0], "of"), "items");
    assert_eq!(
        *detail(lists[0], "asked"),
        json!({"q": "Käthe", "sort": "-size"})
    );
    assert!(detail(lists[1], "asked").is_null());
    // Counsel's searches are the court's to know.
    case.list(&case.counsel, &[("q", "alibi")]).await;
    assert_eq!(case.entries_of_case().await.len(), of_case.len());
}
