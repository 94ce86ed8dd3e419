//! The list of cases: who sees which, its pages, and that nothing hidden is counted.

use std::{collections::BTreeSet, sync::Arc};

use custos_core::ids::CaseId;
use serde_json::json;

use crate::app::{
    Error, SignedIn,
    cases::{
        AskedCases, CaseList, MAX_PAGE_ITEMS, NewCase, NewStage, add_person, end_role, list_cases,
        open_case, set_stage,
    },
    index::Indexes,
    people::{self, RoomRole, Status},
    tests::world::{World, detail, kind},
    walls::{self, Wall},
};

struct Room {
    world: World,
    custodian: SignedIn,
    /// Another custodian, from whom walls keep cases.
    second: SignedIn,
    officer: SignedIn,
}

impl Room {
    async fn new() -> Self {
        let world = World::new().await;
        let custodian = world.hired("custodian", &[RoomRole::Custodian]).await;
        let second = world.hired("second", &[RoomRole::Custodian]).await;
        let officer = world.hired("officer", &[]).await;
        Self {
            world,
            custodian,
            second,
            officer,
        }
    }

    async fn open(&self, number: &str, title: &str) -> CaseId {
        let new = NewCase {
            number: number.into(),
            title: title.into(),
            description: "Told in the case alone".into(),
        };
        let opened = open_case(&self.world.room, &self.custodian, new).await;
        self.world.minutes(1);
        opened.expect("opened").output
    }

    async fn give(&self, case: CaseId, role: &str) {
        let role = (role, None);
        let person = self.officer.person;
        add_person(&self.world.room, &self.custodian, case, person, role)
            .await
            .expect("a role");
    }

    async fn set(&self, case: CaseId, stage: &str) {
        let new = NewStage {
            stage: stage.into(),
            outcome: "so it went".into(),
        };
        set_stage(&self.world.room, &self.custodian, case, &new)
            .await
            .expect("moved on");
    }

    async fn wall(&self, case: CaseId, who: &SignedIn, wall: Wall) {
        let about = (case, who.person);
        walls::set(&self.world.room, &self.custodian, about, wall, "kin")
            .await
            .expect("a wall");
    }

    async fn try_list(&self, who: &SignedIn, query: &[(&str, &str)]) -> Result<CaseList, Error> {
        let asked = AskedCases::of(query.iter().copied())?;
        list_cases(&self.world.room, who, &asked).await
    }

    /// A list, which is the same from an index that is made anew.
    async fn list(&self, who: &SignedIn, query: &[(&str, &str)]) -> CaseList {
        let list = self.try_list(who, query).await.expect("listed");
        let mut room = self.world.room.clone();
        room.indexes = Arc::new(Indexes::default());
        let asked = AskedCases::of(query.iter().copied()).expect("a query");
        let anew = list_cases(&room, who, &asked).await.expect("listed");
        assert_eq!(json!(list), json!(anew), "{query:?}");
        list
    }

    async fn numbers(&self, who: &SignedIn, query: &[(&str, &str)]) -> Vec<String> {
        numbers(&self.list(who, query).await)
    }
}

fn numbers(list: &CaseList) -> Vec<String> {
    let cases = list.items.iter();
    cases.map(|case| case.number.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn cases_are_searched_filtered_and_sorted() {
    let room = Room::new().await;
    let first = room.open("26/10", "Straße am Hafen").await;
    room.open("26/9", "Lager").await;
    let third = room.open("25/100", "Hafen, zweite Halle").await;
    room.set(third, "closed").await;
    let own = &room.custodian;
    for (query, found) in [
        (&[][..], &["25/100", "26/9", "26/10"][..]),
        (&[("sort", "number")], &["25/100", "26/9", "26/10"]),
        (&[("sort", "-number")], &["26/10", "26/9", "25/100"]),
        (&[("sort", "opened")], &["26/10", "26/9", "25/100"]),
        (&[("sort", "-opened")], &["25/100", "26/9", "26/10"]),
        (&[("stage", "closed")], &["25/100"]),
        (&[("stage", "open"), ("q", "HAFEN")], &["26/10"]),
        (&[("q", "strasse 26")], &["26/10"]),
        (&[("q", "hafen"), ("sort", "opened")], &["26/10", "25/100"]),
        (&[("q", "10lager")], &[]),
        (&[("stage", "merged")], &[]),
        // What the case is about is told in the case.
        (&[("q", "alone")], &[]),
    ] {
        assert_eq!(room.numbers(own, query).await, found, "{query:?}");
    }
    let list = room.list(own, &[("stage", "closed")]).await;
    let stages: Vec<_> = list.facets.stages.into_iter().collect();
    assert_eq!(stages, [("closed", 1), ("open", 2)]);
    assert_eq!(list.total, 1);
    let list = room.list(own, &[("q", "hafen")]).await;
    let stages: Vec<_> = list.facets.stages.into_iter().collect();
    assert_eq!(stages, [("closed", 1), ("open", 1)]);
    let opened = list.items[1].opened_at;
    room.set(first, "closed").await;
    let list = room.list(own, &[("q", "hafen")]).await;
    assert_eq!(list.items[1].stage, "closed", "a list is never stale");
    assert_eq!(list.items[1].opened_at, opened, "it was opened once");
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_their_own_and_no_more_is_counted() {
    let room = Room::new().await;
    let mut cases = Vec::new();
    for n in 1..=4 {
        cases.push(room.open(&format!("26/{n}"), "Harbour").await);
    }
    room.give(cases[0], "investigator").await;
    room.give(cases[2], "judge").await;
    room.set(cases[3], "closed").await;
    assert_eq!(room.list(&room.custodian, &[]).await.total, 4);
    assert_eq!(room.numbers(&room.officer, &[]).await, ["26/1", "26/3"]);
    assert_eq!(room.list(&room.world.ana, &[]).await.total, 0);

    // What stands behind a wall changes no count, no facet and no page.
    room.wall(cases[1], &room.second, Wall::Up).await;
    room.wall(cases[3], &room.second, Wall::Up).await;
    let list = room.list(&room.second, &[("limit", "2")]).await;
    assert_eq!(numbers(&list), ["26/1", "26/3"]);
    assert_eq!((list.total, &list.next, &list.previous), (2, &None, &None));
    let stages: Vec<_> = list.facets.stages.into_iter().collect();
    assert_eq!(stages, [("open", 2)]);
    let none: [&str; 0] = [];
    for query in [[("q", "26/2")], [("stage", "closed")]] {
        assert_eq!(room.numbers(&room.second, &query).await, none);
    }
    room.wall(cases[0], &room.officer, Wall::Up).await;
    assert_eq!(room.numbers(&room.officer, &[]).await, ["26/3"]);
    room.wall(cases[0], &room.officer, Wall::Down).await;
    assert_eq!(room.numbers(&room.officer, &[]).await, ["26/1", "26/3"]);
    let role = (room.officer.person, "judge");
    end_role(&room.world.room, &room.custodian, cases[2], role)
        .await
        .expect("ended");
    assert_eq!(room.numbers(&room.officer, &[]).await, ["26/1"]);
    people::set_person_status(
        &room.world.room,
        &room.world.ana,
        room.officer.person,
        Status::Suspended,
    )
    .await
    .expect("suspended");
    assert!(room.try_list(&room.officer, &[]).await.is_err());
}

/// A page goes on where it was, whatever was opened, closed or hidden since.
#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_one_another() {
    let room = Room::new().await;
    let mut cases = Vec::new();
    for n in 1..=7 {
        cases.push(room.open(&format!("26/{n}"), "Harbour").await);
    }
    for sort in ["number", "-number", "opened", "-opened"] {
        let query = [("sort", sort), ("limit", "3")];
        let mut list = room.list(&room.custodian, &query).await;
        let (mut there, mut back) = (numbers(&list), Vec::new());
        while let Some(next) = list.next.clone() {
            let query = [("sort", sort), ("limit", "3"), ("cursor", &*next)];
            list = room.list(&room.custodian, &query).await;
            there.extend(numbers(&list));
            assert!(list.previous.is_some() && list.total == 7);
        }
        while let Some(previous) = list.previous.clone() {
            let query = [("sort", sort), ("limit", "3"), ("cursor", &*previous)];
            list = room.list(&room.custodian, &query).await;
            back.push(numbers(&list));
        }
        let mut wanted: Vec<String> = (1..=7).map(|n| format!("26/{n}")).collect();
        if sort.starts_with('-') {
            wanted.reverse();
        }
        assert_eq!(there, wanted, "{sort}");
        back.reverse();
        assert_eq!(back.concat(), wanted[..6], "{sort}");
    }
    let list = room.list(&room.second, &[("limit", "3")]).await;
    let cursor = list.next.expect("there are more");
    let on = [("limit", "2"), ("cursor", &*cursor)];
    room.wall(cases[2], &room.second, Wall::Up).await;
    room.wall(cases[3], &room.second, Wall::Up).await;
    room.open("26/3b", "Between").await;
    let list = room.list(&room.second, &on).await;
    assert_eq!(numbers(&list), ["26/3b", "26/5"]);

    let foreign = room.try_list(&room.custodian, &on).await;
    assert!(
        matches!(foreign, Err(Error::Invalid(_))),
        "another person's"
    );
    for odd in [
        &[("cursor", &*cursor), ("sort", "opened")][..],
        &[("cursor", "AAAA")],
        &[("cursor", "!")],
        &[("limit", "201")],
        &[("state", "open")],
        &[("stage", "ajar")],
    ] {
        let told = room.try_list(&room.second, odd).await;
        assert!(matches!(told, Err(Error::Invalid(_))), "{odd:?}");
    }
    // A role that ended since is no reason to lose the place.
    for case in &cases[..5] {
        room.give(*case, "investigator").await;
    }
    let list = room.list(&room.officer, &[("limit", "2")]).await;
    let cursor = list.next.expect("there are more");
    let role = (room.officer.person, "investigator");
    end_role(&room.world.room, &room.custodian, cases[1], role)
        .await
        .expect("ended");
    let on = [("limit", "2"), ("cursor", &*cursor)];
    assert_eq!(room.numbers(&room.officer, &on).await, ["26/3", "26/4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_entry_says_what_was_asked_of_cases() {
    let room = Room::new().await;
    room.open("26/1", "Harbour").await;
    let size = room.world.size();
    let asked = [("q", " Hafen "), ("stage", "open"), ("limit", "7")];
    room.try_list(&room.officer, &asked).await.expect("listed");
    room.try_list(&room.officer, &[]).await.expect("listed");
    assert_eq!(room.world.size(), size + 2, "one entry for each request");
    let entries = room.world.entries(size).await;
    assert!(entries.iter().all(|entry| kind(entry) == "list"));
    assert_eq!(detail(&entries[0], "of"), "cases");
    assert_eq!(
        *detail(&entries[0], "asked"),
        json!({"q": "Hafen", "stage": "open"})
    );
    assert!(detail(&entries[1], "asked").is_null());
}

/// A case whose row is not what its entry says is told to those who would read it, and changes
/// nothing for anyone else.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_case_is_told_to_those_who_would_read_it() {
    for change in [
        "UPDATE cases SET stage = 'closed'",
        "UPDATE cases SET entry = zeroblob(32)",
        "UPDATE cases SET details = zeroblob(length(details))",
    ] {
        let mut room = Room::new().await;
        let hidden = room.open("26/1", "Harbour").await;
        let own = room.open("26/2", "Quay").await;
        room.give(own, "investigator").await;
        room.wall(hidden, &room.second, Wall::Up).await;
        assert_eq!(room.list(&room.custodian, &[]).await.total, 2);
        let change = format!("{change} WHERE id = x'{hidden}'");
        room.world.tamper(&change);
        // First by the index as it was, then by one that is made anew.
        for round in 0..2 {
            let told = room.try_list(&room.custodian, &[]).await;
            assert!(
                matches!(told, Err(Error::Damaged(_))),
                "{change}, {round}: {told:?}"
            );
            for who in [&room.second, &room.officer] {
                let list = room.try_list(who, &[]).await.expect("listed");
                assert_eq!(numbers(&list), ["26/2"], "{change}, {round}");
            }
            room.world.room.indexes = Arc::new(Indexes::default());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_of_cases_is_wiped_once_nobody_uses_it() {
    let room = Room::new().await;
    room.open("26/1", "Harbour").await;
    let indexes = &room.world.room.indexes;
    room.try_list(&room.custodian, &[]).await.expect("listed");
    assert_eq!(indexes.cases.count(), 1);
    room.world.minutes(9);
    indexes.forget_idle(room.world.room.core.ambient.now());
    assert_eq!(indexes.cases.count(), 1);
    room.world.minutes(1);
    indexes.forget_idle(room.world.room.core.ambient.now());
    assert_eq!(indexes.cases.count(), 0);
    assert_eq!(room.list(&room.custodian, &[]).await.total, 1);
}

/// Whatever becomes of cases, lists are those that come of a look at each of them.
#[tokio::test(flavor = "multi_thread")]
async fn lists_are_those_of_the_cases_one_by_one() {
    use crate::app::cases::{Asked, read_case};

    const WORDS: [&str; 4] = ["Harbour", "Quay", "Straße", "Depot"];
    let room = Room::new().await;
    let mut state = 7_u64;
    let mut below = |end: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(state >> 33).expect("31 bits") % end
    };
    let (mut cases, mut walled) = (Vec::new(), BTreeSet::new());
    for step in 0..48 {
        let word = WORDS[below(WORDS.len())];
        match (below(5), cases.len()) {
            (0 | 1, _) | (_, 0) => {
                let number = format!("26/{}", below(30));
                cases.push(room.open(&number, word).await);
            }
            (2, count) => {
                let case = cases[below(count)];
                let open = ["open", "closed"][below(2)];
                // It is refused where it stands so already.
                let new = NewStage {
                    stage: open.into(),
                    outcome: "so it went".into(),
                };
                let _ = set_stage(&room.world.room, &room.custodian, case, &new)
                    .await
                    .is_ok();
            }
            (3, count) => {
                let case = cases[below(count)];
                let up = walled.insert(case);
                if !up {
                    walled.remove(&case);
                }
                let wall = if up { Wall::Up } else { Wall::Down };
                room.wall(case, &room.second, wall).await;
            }
            (_, count) => {
                let role = ("investigator", None);
                let (case, person) = (cases[below(count)], room.officer.person);
                let given = add_person(&room.world.room, &room.custodian, case, person, role);
                let _ = given.await.is_ok();
            }
        }
        if step % 6 != 5 {
            continue;
        }
        let limit = MAX_PAGE_ITEMS.to_string();
        for who in [&room.custodian, &room.second, &room.officer] {
            let list = room
                .list(who, &[("q", word), ("stage", "open"), ("limit", &limit)])
                .await;
            let mut wanted = BTreeSet::new();
            for case in &cases {
                let page = read_case(&room.world.room, who, *case, &Asked::default()).await;
                let Ok(page) = page else { continue };
                if page.case.title == word && page.case.stage == "open" {
                    wanted.insert((*case, page.case.number, page.case.opened_at));
                }
            }
            assert_eq!(list.total, wanted.len() as u64, "step {step}");
            let found = list.items.iter();
            let found: BTreeSet<_> = found
                .map(|case| (case.id, case.number.clone(), case.opened_at))
                .collect();
            assert_eq!(found, wanted, "step {step}");
        }
    }
}
