//! An address is its owner's who shows that they read it, and nobody else's.

use std::time::Duration;

use super::{addressed, code, due, letter, rows, telling};
use crate::{
    app::{
        Error,
        notices::{
            addresses::{self, MAX_CODES, OwnAddress},
            sending as ways,
        },
        tests::world::{bound, detail, kind},
    },
    policy::facts::Means,
};

const MAIL: &str = "officer@agency.example";

#[tokio::test]
async fn nothing_but_the_confirmation_goes_to_an_address_that_is_not_confirmed() {
    let case = telling().await;
    let (world, room) = (&case.world, &case.world.room);
    let from = world.size();
    addresses::name(room, &case.officer, MAIL)
        .await
        .expect("named");
    let item = super::quarantined(&case, "JS/1", "normal").await;
    assert_eq!(due(world).await.len(), 1, "about {item}");
    let (_, sent) = letter(world).await.expect("a letter");
    assert_eq!(
        (sent.to.as_str(), sent.subject),
        (MAIL, "Confirm this mail address")
    );
    let own = addresses::own(room, &case.officer).await.expect("read");
    let expected = OwnAddress {
        confirmed: None,
        unconfirmed: Some(MAIL.into()),
        is_served: true,
    };
    assert_eq!(own, expected);

    // Whoever got it by mistake, and is signed in as somebody else, confirms nothing.
    let code = code(&sent);
    for odd in [
        "",
        "1-2",
        &code[1..],
        &format!("{code}0"),
        &code.replace('-', "-0"),
    ] {
        let refused = addresses::confirm(room, &case.officer, odd).await;
        assert!(
            matches!(refused, Err(Error::Invalid(_))),
            "{odd}: {refused:?}"
        );
    }
    let foreign = addresses::confirm(room, &case.judge, &code).await;
    assert!(matches!(foreign, Err(Error::Invalid(_))), "{foreign:?}");
    let program = crate::app::SignedIn {
        means: Means::Token,
        ..case.officer
    };
    let program = addresses::confirm(room, &program, &code).await;
    assert!(program.is_err(), "a token confirms no address");

    addresses::confirm(room, &case.officer, &code)
        .await
        .expect("confirmed");
    let again = addresses::confirm(room, &case.officer, &code).await;
    assert!(matches!(again, Err(Error::Invalid(_))), "{again:?}");
    super::quarantined(&case, "JS/2", "normal").await;
    assert_eq!(letter(world).await.expect("a letter").1.to, MAIL);
    let entries = world.entries(from).await;
    let entries: Vec<_> = entries
        .iter()
        .filter(|entry| kind(entry) == "mail_address")
        .collect();
    let said: Vec<_> = entries
        .iter()
        .map(|entry| detail(entry, "status").clone())
        .collect();
    assert_eq!(said, ["unconfirmed", "confirmed"]);
    assert_eq!(bound(entries[1]), [("addresses".into(), 2)]);
    for entry in entries {
        let text = format!("{:?}", entry.values());
        assert!(!text.contains("agency.example"), "{text}");
    }
    world.check_log().await;
}

#[tokio::test]
async fn a_code_holds_for_a_quarter_of_an_hour_from_its_letter() {
    let case = telling().await;
    let (world, room) = (&case.world, &case.world.room);
    addresses::name(room, &case.officer, MAIL)
        .await
        .expect("named");
    world.minutes(60);
    let (notice, first) = letter(world).await.expect("a letter");
    ways::settle(room, notice, Ok(())).await.expect("settled");
    world.minutes(15);
    let late = addresses::confirm(room, &case.officer, &code(&first)).await;
    assert!(matches!(late, Err(Error::Invalid(_))), "{late:?}");
    addresses::name(room, &case.officer, MAIL)
        .await
        .expect("another letter");
    let (_, second) = letter(world).await.expect("a letter");
    world.clock.advance(Duration::from_secs(15 * 60 - 1));
    addresses::confirm(room, &case.officer, &code(&second))
        .await
        .expect("in time");
    let same = addresses::name(room, &case.officer, MAIL).await;
    assert!(matches!(same, Err(Error::Conflict(_))), "{same:?}");
}

#[tokio::test]
async fn the_address_before_is_told_and_gets_nothing_else() {
    let case = telling().await;
    let (world, room) = (&case.world, &case.world.room);
    addressed(world, &case.officer, MAIL).await;
    assert!(due(world).await.is_empty());
    addressed(world, &case.officer, "new@agency.example").await;
    let (notice, told) = letter(world).await.expect("a letter");
    assert_eq!(told.to, MAIL);
    assert!(told.text.contains("changed"), "{}", *told.text);
    ways::settle(room, notice, Ok(())).await.expect("settled");
    super::quarantined(&case, "JS/1", "normal").await;
    let (notice, sent) = letter(world).await.expect("a letter");
    assert_eq!(sent.to, "new@agency.example");
    ways::settle(room, notice, Ok(())).await.expect("settled");
    addresses::remove(room, &case.officer)
        .await
        .expect("removed");
    assert_eq!(
        letter(world).await.expect("a letter").1.to,
        "new@agency.example"
    );
    let none = addresses::remove(room, &case.officer).await;
    assert!(matches!(none, Err(Error::Conflict(_))), "{none:?}");
    super::quarantined(&case, "JS/2", "normal").await;
    assert!(due(world).await.is_empty());
}

#[tokio::test]
async fn nobody_is_made_to_get_many_letters() {
    let case = telling().await;
    let (world, room) = (&case.world, &case.world.room);
    for n in 0..MAX_CODES {
        let mail = format!("somebody-{n}@elsewhere.example");
        addresses::name(room, &case.officer, &mail)
            .await
            .expect("named");
    }
    let more = addresses::name(room, &case.officer, MAIL).await;
    assert!(matches!(more, Err(Error::TooMany { .. })), "{more:?}");
    // Of the addresses only the last one still waits; letters to the others are dropped.
    let mut sent = Vec::new();
    for notice in due(world).await {
        sent.extend(ways::take_up(room, notice).await.expect("taken up"));
    }
    assert_eq!(sent.len(), 1, "{sent:?}");
    for odd in ["", "officer", "a@b\r\nBcc: c@d", "a@b.example, c@d.example"] {
        let refused = addresses::name(room, &case.judge, odd).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{odd}");
    }
    assert!(
        rows(world)
            .await
            .iter()
            .all(|row| row.account_id != Some(case.judge.account) || row.kind != "address_named")
    );
}
