//! Rooms whose set is of an earlier version, or was edited.

use custos_core::event::slot;

use super::*;
use crate::{
    ambient::Ambient,
    app::{
        audit,
        found::{FirstAdministrator, found_under},
        notices::Outlets,
        open::{Around, open, open_within},
        tests::world::World,
    },
    db::scratch,
    policy::action::Action,
    store::Store,
};

/// The built-in set as a version would have it that knew nothing of exports.
fn without_exports() -> Source {
    let embedded = Source::embedded();
    let schema = embedded.schema();
    let start = schema.find("action export_custody").expect("declared");
    let end = start + schema[start..].find(';').expect("an end") + 1;
    let schema = format!("{}{}", &schema[..start], &schema[end..]);
    let files: Vec<(String, String)> = embedded
        .files()
        .iter()
        .map(|(name, text)| (name.clone(), without_rules(text)))
        .collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    Source::new(&schema, &files).expect("a set")
}

/// The text without the policies that name the action.
fn without_rules(text: &str) -> String {
    let named = r#"Action::"export_custody""#;
    let policies = text.split_inclusive(";\n").map(|policy| {
        // A rule that forbids stays, for the actions that there were.
        if policy.contains("forbid") {
            policy.replace(&format!(", {named}"), "")
        } else {
            policy.to_owned()
        }
    });
    policies.filter(|policy| !policy.contains(named)).collect()
}

fn merged() -> Source {
    let embedded = Source::embedded();
    let mut files: Vec<(&str, &str)> = embedded
        .files()
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let own = r#"@id("own.audit.custodian")
permit (principal, action == Action::"read_audit", resource is Room)
when { principal.room_roles.contains(RoomRole::"custodian") };
"#;
    files.push(("own.cedar", own));
    Source::new(embedded.schema(), &files).expect("a set")
}

/// The room opened under a set.
async fn under(places: &Places, store: &Store, source: &Source) -> Result<Room, OpenError> {
    let around = Around {
        policy: Some(source.clone()),
        ..Around::default()
    };
    let ambient = Ambient::system();
    open_within(places, store.clone(), ambient, Outlets::default(), around).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_that_lacks_an_action_is_brought_forward() {
    let folder = tempfile::tempdir().expect("a folder");
    let places = Places {
        keys: folder.path().join("keys"),
        database: scratch::register(folder.path()),
    };
    let first = FirstAdministrator {
        name: "Ana Ilić".into(),
        login: "ana".into(),
    };
    let (old, at) = (without_exports(), (&places.keys, &places.database));
    let ambient = Ambient::system();
    found_under(
        &old,
        (at.0, at.1),
        ("room.example/log", None),
        &first,
        &ambient,
    )
    .expect("founded");
    let store = Store::memory();
    let refused = open(&places, store.clone(), ambient.clone()).await;
    let Err(OpenError::Policy(error)) = refused else {
        panic!("it does not open");
    };
    assert!(error.to_string().contains("export_custody"), "{error}");
    let found = kept(&places).expect("it is read all the same");
    assert_eq!(found, old);
    let new = Source::embedded();
    let Standing::Edited(differences) = standing(&found, &new) else {
        panic!("no version had this one");
    };
    let lines: Vec<&String> = differences.iter().flat_map(|one| &one.lines).collect();
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("+ action export_custody"))
    );
    assert!(
        lines
            .iter()
            .any(|line| line.contains("custody.export.room"))
    );

    let room = under(&places, &store, &new).await.expect("it opens");
    let alone = put_into_force(&room, new.clone(), ["ana", "ana"]).await;
    assert!(matches!(alone, Err(Error::Invalid(_))), "{alone:?}");
    room.publisher.publish().await.expect("published");
    drop(room);
    let still = open(&places, store.clone(), ambient.clone()).await;
    assert!(
        matches!(still, Err(OpenError::Policy(_))),
        "nothing came into force"
    );

    // Somebody else is there in rooms that are older than an hour.
    let room = under(&places, &store, &new).await.expect("it opens");
    let world = World::of(folder, places, room).await;
    world.hired("kim", &[RoomRole::Custodian]).await;
    let from = world.size();
    let done = put_into_force(&world.room, new.clone(), ["ana", "kim"]).await;
    assert_eq!(done.expect("in force").output, old.hash());
    let entries = world.entries(from).await;
    let detail = &entries[0].values()[slot::DETAIL];
    assert_eq!(detail["before"], json!(old.hash()));
    assert_eq!(detail["by"][0], json!(world.ana.person));
    assert_eq!(detail["operator"], json!(true));
    world.room.publisher.publish().await.expect("published");
    let places = world.places().clone();
    let room = open(&places, store.clone(), ambient)
        .await
        .expect("it opens");
    assert_eq!(room.core.engine.set_hash(), new.hash());
    assert_eq!(kept(&places).expect("read"), new);
    drop(room);
    let found = audit::audit(
        (&places.keys, &places.database),
        store,
        audit::Options::default(),
        |_| (),
    );
    let found = found.await.expect("audited");
    assert!(found.is_sound(), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merged_set_comes_into_force_by_two_who_may() {
    let world = World::new().await;
    let (places, store) = (world.places().clone(), world.room.store.clone());
    world.hired("kim", &[RoomRole::Custodian]).await;
    world.hired("lea", &[RoomRole::Auditor]).await;
    world.hired("mia", &[RoomRole::Custodian]).await;
    let before = Source::embedded().hash();
    assert_eq!(
        standing(&Source::embedded(), &Source::embedded()),
        Standing::Same
    );
    assert!(matches!(
        standing(&Source::embedded(), &merged()),
        Standing::Earlier(_)
    ));
    world.room.publisher.publish().await.expect("published");
    let room = under(&places, &store, &merged()).await.expect("it opens");
    let size = *room.writer.committed().borrow();
    for by in [
        ["ana", "lea"],
        ["kim", "mia"],
        ["ana", "nobody"],
        ["ana", "ana"],
    ] {
        let refused = put_into_force(&room, merged(), by).await;
        assert!(
            matches!(refused, Err(Error::Invalid(_))),
            "{by:?}: {refused:?}"
        );
    }
    assert_eq!(
        *room.writer.committed().borrow(),
        size,
        "nothing was entered"
    );
    let done = put_into_force(&room, merged(), ["mia", "ana"]).await;
    assert_eq!(done.expect("in force").output, before);
    let again = put_into_force(&room, merged(), ["mia", "ana"]).await;
    assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
    room.publisher.publish().await.expect("published");
    drop(room);
    let room = open(&places, store, Ambient::system())
        .await
        .expect("it opens");
    assert_eq!(room.core.engine.set_hash(), merged().hash());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_that_does_not_load_touches_nothing() {
    let world = World::new().await;
    let (places, store) = (world.places().clone(), world.room.store.clone());
    world.room.publisher.publish().await.expect("published");
    let size = world.size();
    let refused = under(&places, &store, &without_exports()).await;
    let Err(OpenError::Policy(error)) = refused else {
        panic!("it does not load");
    };
    assert!(error.to_string().contains(Action::ExportCustody.name()));
    let room = open(&places, store, Ambient::system())
        .await
        .expect("it opens");
    assert_eq!(*room.writer.committed().borrow(), size);
}

#[test]
fn what_is_written_is_read_as_the_same_set() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().join("set");
    write(&merged(), &at).expect("written");
    assert_eq!(Source::folder(&at).expect("read"), merged());
    let full = write(&merged(), &at).expect_err("it is not empty");
    assert_eq!(full.kind(), std::io::ErrorKind::AlreadyExists);
}

/// A schema is brought up to date only under a set that loads.
#[tokio::test(flavor = "multi_thread")]
async fn no_schema_is_brought_up_to_date_under_a_set_that_does_not_load() {
    let folder = tempfile::tempdir().expect("a folder");
    let places = Places {
        keys: folder.path().join("keys"),
        database: folder.path().join("register.db").into(),
    };
    let first = FirstAdministrator {
        name: "Ana Ilić".into(),
        login: "ana".into(),
    };
    let (old, ambient) = (without_exports(), Ambient::system());
    let at = (places.keys.as_path(), &places.database);
    found_under(&old, at, ("room.example/log", None), &first, &ambient).expect("founded");
    scratch::run(
        &places.database,
        "DROP TABLE audits; DELETE FROM __diesel_schema_migrations WHERE version = '20261127000020';",
    );
    let pending = || {
        let mut connection = pool::open_unchanged(&places.database).expect("opens");
        pool::behind(&mut connection).expect("read").1
    };
    assert_eq!(pending(), ["20261127000020"]);
    let refused = open(&places, Store::memory(), ambient).await;
    assert!(
        matches!(refused, Err(OpenError::Policy(_))),
        "it does not open"
    );
    assert_eq!(pending(), ["20261127000020"]);
    // Whoever brings the set forward brings the schema up to date with it.
    let room = under(&places, &Store::memory(), &Source::embedded()).await;
    assert!(room.is_ok() && pending().is_empty());
}
