//! What a search finds.

use super::{Case, references};
use crate::app::uploads::{FileName, HexName, NewItem};

#[tokio::test(flavor = "multi_thread")]
async fn words_are_found_in_every_script_and_spelling() {
    let case = Case::new().await;
    let long = format!("{}ende.jpg", "ü".repeat(146));
    assert_eq!(long.len(), 300);
    for (reference, description, name) in [
        ("JS/1", "Straße am Hafen", "IMG_0001.jpg"),
        ("JS/2", "Aussage von Ana Ilić", "aussage.pdf"),
        ("JS/3", "تسجيل صوتي مُحَمَّد", "تسجيل.ogg"),
        ("JS/4", "שָׁלוֹם", "rück\u{202e}gpj.exe"),
        ("JS/5", "Ilic\u{301} again, decomposed", &long),
        ("JS/6", "ΟΔΟΣ ΕΡΜΟΥ", "two words.txt"),
    ] {
        case.deposit_named(reference, description, name).await;
    }
    case.deposit_of(NewItem {
        reference: "JS/7".into(),
        file_name: Some(FileName::Bytes(HexName {
            hex: hex::encode(b"caf\xe9.doc"),
        })),
        ..NewItem::default()
    })
    .await;
    for (query, found) in [
        ("STRASSE hafen", &["JS/1"][..]),
        ("strasse lager", &[]),
        ("ilic", &["JS/2", "JS/5"]),
        ("ILIĆ", &["JS/2", "JS/5"]),
        ("محمد", &["JS/3"]),
        ("تسجيل", &["JS/3"]),
        ("שלום", &["JS/4"]),
        ("rückgpj", &["JS/4"]),
        ("üende.JPG", &["JS/5"]),
        (&long, &["JS/5"]),
        ("οδος ερμού", &["JS/6"]),
        ("words two", &["JS/6"]),
        ("caf .doc", &["JS/7"]),
        ("js/7", &["JS/7"]),
        ("img_0001 js/1", &["JS/1"]),
        // No word reaches from one part into the next.
        ("js/1img", &[]),
        (
            "\u{301}",
            &["JS/1", "JS/2", "JS/3", "JS/4", "JS/5", "JS/6", "JS/7"],
        ),
    ] {
        let list = case.list(&case.officer, &[("q", query)]).await;
        assert_eq!(references(&list), found, "{query}");
        assert_eq!(list.total, found.len() as u64, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_narrow_together() {
    let case = Case::new().await;
    let first = case.deposit("JS/10", "").await;
    case.deposit("JS/9", "").await;
    case.world.minutes(2 * 24 * 60);
    case.deposit("JS/8", "").await;
    case.serve(first).await;
    let list = case.list(&case.officer, &[]).await;
    assert_eq!(
        references(&list),
        ["JS/8", "JS/9", "JS/10"],
        "numbers count as numbers"
    );
    let received = list.items[1].received_at.micros();
    let late = received.to_string();
    let early = (received - 1).to_string();
    let officer = case.officer.person.to_string();
    let judge = case.judge.person.to_string();
    for (query, found) in [
        (&[("sort", "received")][..], &["JS/10", "JS/9", "JS/8"][..]),
        (&[("sort", "-received")], &["JS/8", "JS/9", "JS/10"]),
        (&[("sort", "size")], &["JS/9", "JS/8", "JS/10"]),
        (&[("sort", "-size")], &["JS/10", "JS/8", "JS/9"]),
        (&[("to", &late)], &["JS/9", "JS/10"]),
        (&[("to", &early)], &[]),
        (&[("from", &late)], &["JS/8", "JS/9", "JS/10"]),
        (&[("state", "served")], &["JS/10"]),
        (&[("state", "normal"), ("to", &late)], &["JS/9"]),
        (&[("type", "text")], &["JS/8", "JS/9", "JS/10"]),
        (&[("type", "image")], &[]),
        (&[("depositor", &officer), ("q", "8")], &["JS/8"]),
        (&[("depositor", &judge)], &[]),
    ] {
        let list = case.list(&case.officer, query).await;
        assert_eq!(references(&list), found, "{query:?}");
    }
}
