//! A room with one of everything, and copies of it to damage.

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    os::unix::fs::PermissionsExt,
    sync::{Arc, OnceLock},
    thread,
    time::Duration,
};

use custos_core::ids::{ItemId, ObjectId};
use diesel::connection::SimpleConnection;
use futures::TryStreamExt;
use object_store::{ObjectStoreExt, memory::InMemory, path::Path};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    app::{
        Room, SignedIn,
        audit::{Content, Options, Parts, Place, Report, run},
        auditing::{self, Pace},
        cases::{self, NewCase},
        corrections::{self, NewCorrection},
        disclosures, evidence,
        notices::addresses,
        once::Once,
        people::{RoomRole, issue_token, tokens::MAX_TOKEN},
        requests::{self, Proposal},
        sessions::redeem::Purpose,
        tests::world::World,
        uploads::{self, FileName, NewItem},
        views,
        walls::{self, Wall},
    },
    db::{self, Connection, people::tokens::Right},
    keyring::{Keyring, RootFile},
    store::Store,
};

/// What no finding may tell.
pub const SECRETS: [&str; 8] = [
    "Ana Ilić",
    "Name of",
    "Case title",
    "Case of",
    "JS/",
    "statement.txt",
    "the witness said",
    "Bars and Tone",
];

/// Plaintext of the smaller item: one segment of one chunk.
pub const SMALL: &[u8] = b"the witness said: it was raining";

/// A room that was made once, as bytes.
pub struct Made {
    database: Vec<u8>,
    files: BTreeMap<String, Vec<u8>>,
    root_key: Vec<u8>,
    /// The object of the smaller item.
    pub small: ObjectId,
    /// An object of two chunks.
    pub large: ObjectId,
}

/// The room, made on first use.
pub fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let build = || Runtime::new().expect("a runtime").block_on(build());
        thread::spawn(build).join().expect("a room is made")
    })
}

/// One copy of the room, to be damaged.
pub struct Copy {
    _folder: TempDir,
    pub runtime: Runtime,
    pub connection: Connection,
    pub files: Arc<InMemory>,
    store: Store,
    keyring: Keyring,
}

impl Copy {
    pub fn new() -> Self {
        let made = made();
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("register.db");
        std::fs::write(&path, &made.database).expect("written");
        let mut connection = db::dialect::connect(&path.into()).expect("connects");
        sql(
            &mut connection,
            "PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; \
             PRAGMA ignore_check_constraints = ON;",
        )
        .expect("set up");
        let files = Arc::new(InMemory::new());
        let runtime = Runtime::new().expect("a runtime");
        runtime.block_on(async {
            for (path, bytes) in &made.files {
                let path = Path::from(path.as_str());
                files.put(&path, bytes.clone().into()).await.expect("put");
            }
        });
        Self {
            keyring: keyring(&folder.path().join("keys"), &made.root_key),
            _folder: folder,
            runtime,
            connection,
            store: Store::over(files.clone()),
            files,
        }
    }

    /// Audits what is there now.
    pub fn audit(&mut self) -> Report {
        self.audit_with(Content::Full)
    }

    pub fn audit_with(&mut self, content: Content) -> Report {
        let parts = Parts {
            connection: &mut self.connection,
            store: &self.store,
            keyring: &self.keyring,
        };
        let options = Options {
            content,
            ..Options::default()
        };
        let report = run(parts, self.runtime.handle(), options, &mut |_| {});
        let report = report.expect("an audit goes to its end");
        let told = serde_json::to_string(&report).expect("a report is JSON");
        for secret in SECRETS {
            assert!(!told.contains(secret), "plaintext in {told}");
        }
        report
    }

    /// Audits after `change`, then takes the change back; `None` when it can't be made.
    pub fn changed(&mut self, change: &str) -> Option<Report> {
        sql(&mut self.connection, "BEGIN").expect("begins");
        let done = sql(&mut self.connection, change);
        let report = done.is_ok().then(|| self.audit());
        sql(&mut self.connection, "ROLLBACK").expect("rolls back");
        report
    }

    /// Audits with a file of the store replaced (`None`: removed), then puts it back.
    pub fn with_file(&mut self, path: &str, bytes: Option<Vec<u8>>) -> Report {
        self.put(path, bytes);
        let report = self.audit();
        self.put(path, made().files.get(path).cloned());
        report
    }

    fn put(&self, path: &str, bytes: Option<Vec<u8>>) {
        let at = Path::from(path);
        self.runtime.block_on(async {
            match bytes {
                Some(bytes) => drop(self.files.put(&at, bytes.into()).await.expect("put")),
                None => self.files.delete(&at).await.expect("deleted"),
            }
        });
    }
}

impl Made {
    /// The paths of the store's files below `folder`, with their bytes.
    pub fn below(&self, folder: &str) -> Vec<(String, Vec<u8>)> {
        let files = self.files.iter();
        files
            .filter(|(path, _)| path.starts_with(folder))
            .map(|(path, bytes)| (path.clone(), bytes.clone()))
            .collect()
    }

    /// Path and bytes of an object.
    pub fn object(&self, object: ObjectId) -> (String, Vec<u8>) {
        let mut found = self.below("objects/");
        found.retain(|(path, _)| path.ends_with(&object.to_string()));
        found.pop().expect("it is stored")
    }
}

/// Whether a report names a place.
pub fn names(report: &Report, wanted: impl Fn(&Place) -> bool) -> bool {
    report.findings.iter().any(|finding| wanted(&finding.place))
}

/// The findings, for a failed test.
pub fn shown(report: &Report) -> String {
    let lines = report.findings.iter().chain(&report.notes);
    lines.map(|finding| format!("  {finding}\n")).collect()
}

pub fn sql(connection: &mut Connection, statements: &str) -> diesel::QueryResult<()> {
    connection.batch_execute(statements)
}

fn keyring(folder: &std::path::Path, root_key: &[u8]) -> Keyring {
    let private = |path: &std::path::Path, mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(path, mode).expect("set");
    };
    std::fs::create_dir(folder).expect("made");
    private(folder, 0o700);
    let file = folder.join("root.key");
    std::fs::write(&file, root_key).expect("written");
    private(&file, 0o600);
    Keyring::new(RootFile::open(folder).expect("a root key"))
}

/// Everything that the room can do today, once.
async fn build() -> Made {
    let world = World::in_file().await;
    let custodian = world.enrolled("cleo", &[RoomRole::Custodian]).await;
    let dan = world.enrolled("dan", &[]).await;
    let eve = world.enrolled("eve", &[]).await;
    let room = world.room.clone();
    publish(&room).await;
    let new = NewCase {
        number: "Case of 2026".into(),
        title: "Case title".into(),
        description: "Case of someone".into(),
    };
    let case = cases::open_case(&room, &custodian, new)
        .await
        .expect("opened")
        .output;
    let party = cases::add_party(&room, &custodian, case, ("defence", "Name of a party"))
        .await
        .expect("added")
        .output;
    for (who, role, party) in [
        (&dan, "investigator", None),
        (&eve, "prosecutor", None),
        (&custodian, "custodian", None),
    ] {
        let role = (role, party);
        if let Err(error) = cases::add_person(&room, &custodian, case, who.person, role).await {
            assert_eq!(role.0, "custodian", "{error}");
        }
    }
    publish(&room).await;
    let small = deposit(&room, &dan, case, SMALL.to_vec()).await;
    let large = deposit(&room, &dan, case, tone()).await;
    let purpose = ("investigation", "to see what is there, at length");
    let view = views::open_view(&room, &dan, small, purpose, false).await;
    view.expect("a view");
    publish(&room).await;
    disclosures::serve(&room, &eve, small, party)
        .await
        .expect("served");
    evidence::read_item(&room, &dan, large).await.expect("read");
    let correction = NewCorrection {
        field: "place".into(),
        value: "Name of a place".into(),
        reason: "misread".into(),
    };
    corrections::correct(&room, &dan, large, correction)
        .await
        .expect("corrected");
    let between = (case, world.enrolled("fay", &[]).await.person);
    let once = Once::new(&room.core, custodian.account, "a-key", "a change").expect("a key");
    let keyed = SignedIn {
        once: Some(once),
        ..custodian
    };
    walls::set(&room, &keyed, between, Wall::Up, "the other side")
        .await
        .expect("raised");
    let proposal = Proposal::TransferCase {
        case,
        authority: "Name of an authority".into(),
        reference: "its number".into(),
    };
    requests::ask(&room, &custodian, proposal, "it is theirs")
        .await
        .expect("asked");
    issue_token(
        &room,
        &dan,
        "Name of a token",
        [Right::Read, Right::Deposit].into(),
        MAX_TOKEN,
    )
    .await
    .expect("a token");
    addresses::name(&room, &dan, "name.of.dan@agency.example")
        .await
        .expect("named");
    world.link(dan.account, Purpose::SignIn).await;
    audit_itself(&room).await;
    publish(&room).await;
    // Entries that are not published yet.
    evidence::read_item(&room, &dan, small).await.expect("read");
    let (small, large) = (object(&room, small).await, object(&room, large).await);
    taken(&world, small, large).await
}

/// A round of the room's own, so that there is the row of one.
async fn audit_itself(room: &Room) {
    let data = tempfile::tempdir().expect("a folder");
    let (room, pace) = (
        room.clone(),
        Pace {
            every: Duration::from_secs(3_600),
            bytes_per_second: NonZeroU32::MAX,
        },
    );
    let work = move || auditing::round(&room, data.path(), pace);
    let done = tokio::task::spawn_blocking(work).await.expect("no panic");
    assert!(done.expect("a round").is_sound());
}

/// Two chunks and a bit.
fn tone() -> Vec<u8> {
    let mut bytes = b"Bars and Tone".to_vec();
    bytes.resize(16 * 1024 + 100, 0x5a);
    bytes
}

async fn publish(room: &Room) {
    room.publisher.publish().await.expect("published");
}

async fn deposit(
    room: &Room,
    who: &SignedIn,
    case: custos_core::ids::CaseId,
    bytes: Vec<u8>,
) -> ItemId {
    let new = NewItem {
        reference: format!("JS/{}", bytes.len()),
        description: "what the witness said".into(),
        file_name: Some(FileName::Text("statement.txt".into())),
        ..NewItem::default()
    };
    let upload = uploads::announce(room, who, case, new)
        .await
        .expect("announced");
    let length = Some(bytes.len() as u64);
    uploads::receive(room, who, upload, bytes.as_slice(), length)
        .await
        .expect("deposited")
        .item
}

async fn object(room: &Room, item: ItemId) -> ObjectId {
    use diesel::prelude::*;

    use db::schema::items;

    room.read(move |connection| {
        let id: Vec<u8> = items::table
            .find(item.as_bytes().to_vec())
            .select(items::object_id)
            .first(connection)
            .map_err(db::DbError::from)?;
        Ok(ObjectId::from_bytes(id.try_into().expect("16 bytes")))
    })
    .await
    .expect("it is there")
}

/// Takes the room's bytes with it.
async fn taken(world: &World, small: ObjectId, large: ObjectId) -> Made {
    let folder = tempfile::tempdir().expect("a folder");
    let root_key = std::fs::read(world.places().keys.join("root.key")).expect("read");
    let copy = folder.path().join("register.db");
    world.tamper(&format!("VACUUM INTO '{}'", copy.display()));
    let database = std::fs::read(&copy).expect("read");
    let mut files = BTreeMap::new();
    let store = &world.room.store;
    let paths: Vec<String> = store.list_public().try_collect().await.expect("listed");
    for path in paths {
        let bytes = store.get_public(&path).await.expect("read");
        files.insert(format!("log/{path}"), bytes.to_vec());
    }
    let objects: Vec<_> = store.list_objects().try_collect().await.expect("listed");
    for listed in objects {
        let name = listed.object.to_string();
        let bytes = store.get_range(listed.object, 0..listed.size).await;
        let bytes = bytes.expect("read").to_vec();
        files.insert(format!("objects/{}/{name}", &name[..2]), bytes);
    }
    Made {
        database,
        files,
        root_key,
        small,
        large,
    }
}
