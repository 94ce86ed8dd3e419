//! A room with people in it, and a clock that stands still.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use custos_core::{
    event::{Entry, slot},
    ids::{AccountId, Id, PersonId, ScopeId},
};
use serde_json::Value;
use tempfile::TempDir;

use super::{Bench, check_log};
use crate::{
    ambient::{Ambient, testing::HandClock},
    app::{
        Error, Room, SignedIn,
        entering::Tx,
        notices::Outlets,
        open::{OpenError, Places},
        people::{
            NewPerson, RoomRole, create_person,
            enrolment::{ENROLMENT, testing},
            first_enrolment,
        },
        sessions::{NewSession, Secret, redeem, redeem::Purpose, sign_in},
        tags::Upon,
        writer::{Command, Stop},
    },
    db::{self, dialect::faults},
    peers::mail,
    store::Store,
};

/// The password of everyone who has one.
pub const PASSWORD: &str = "correct horse battery";

/// Where every request comes from, unless a test says otherwise.
pub const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

/// A room whose administrator `ana` is signed in.
pub struct World {
    /// The room.
    pub room: Room,
    /// Its only clock.
    pub clock: HandClock,
    /// The administrator.
    pub ana: SignedIn,
    bench: Bench,
}

/// The same person, whose changes are made upon whatever there is.
fn heedless(who: SignedIn) -> SignedIn {
    let upon = Upon::Anything;
    SignedIn { upon, ..who }
}

impl World {
    pub async fn new() -> Self {
        Self::telling(outlets()).await
    }

    /// A room that tells by mail and to endpoints.
    pub async fn telling(outlets: Outlets) -> Self {
        Self::begun(Store::memory(), outlets).await
    }

    /// A room in a store of the caller's.
    pub async fn in_store(store: Store) -> Self {
        Self::begun(store, outlets()).await
    }

    async fn begun(store: Store, outlets: Outlets) -> Self {
        Self::enrolled_in(Self::founded_in(store, outlets).await).await
    }

    /// A room whose register is a file, whatever others have.
    pub async fn in_file() -> Self {
        let clock = HandClock::new(Ambient::system().now());
        let bench = Bench::founded_in_file(&clock.ambient());
        Self::enrolled_in(Self::opened(bench, clock, outlets()).await).await
    }

    async fn enrolled_in((mut world, link): (Self, Secret)) -> Self {
        let session = world
            .redeem(&link, Some(PASSWORD))
            .await
            .expect("ana enrols");
        world.ana = heedless(session.session.who);
        world
    }

    /// A room where nobody has enrolled, and the link with which ana would.
    pub async fn founded() -> (Self, Secret) {
        Self::founded_in(Store::memory(), outlets()).await
    }

    async fn founded_in(store: Store, outlets: Outlets) -> (Self, Secret) {
        let clock = HandClock::new(Ambient::system().now());
        let bench = Bench::founded(&clock.ambient()).over(store);
        Self::opened(bench, clock, outlets).await
    }

    async fn opened(bench: Bench, clock: HandClock, outlets: Outlets) -> (Self, Secret) {
        let room = bench.open_telling(clock.ambient(), outlets).await;
        Self::before(bench, clock, room.expect("opens")).await
    }

    /// A room that the caller founded and opened, where nobody has enrolled yet.
    pub async fn of(folder: TempDir, places: Places, room: Room) -> Self {
        let bench = Bench {
            _folder: folder,
            places,
            store: room.store.clone(),
        };
        let clock = HandClock::new(Ambient::system().now());
        Self::enrolled_in(Self::before(bench, clock, room).await).await
    }

    async fn before(bench: Bench, clock: HandClock, room: Room) -> (Self, Secret) {
        let link = first_enrolment(&room, "ana", ENROLMENT)
            .await
            .expect("a link");
        let nobody = SignedIn {
            account: AccountId::from_bytes([0; 16]),
            person: PersonId::from_bytes([0; 16]),
            holder: Id::from_bytes([0; 16]),
            means: crate::policy::facts::Means::Link,
            once: None,
            upon: Upon::Anything,
        };
        let world = Self {
            room,
            clock,
            ana: nobody,
            bench,
        };
        (world, link.output)
    }

    /// Creates someone who has not enrolled.
    pub async fn person(&self, login: &str, roles: &[RoomRole]) -> (PersonId, AccountId) {
        let new = NewPerson {
            name: format!("Name of {login}"),
            office: String::new(),
            login: login.into(),
            room_roles: roles.iter().copied().collect::<BTreeSet<_>>(),
        };
        create_person(&self.room, &self.ana, new)
            .await
            .expect("created")
            .output
    }

    /// Creates someone and enrols them.
    pub async fn enrolled(&self, login: &str, roles: &[RoomRole]) -> SignedIn {
        let (_, account) = self.person(login, roles).await;
        let link = self.link(account, Purpose::Enrol).await;
        let session = self.redeem(&link, Some(PASSWORD)).await.expect("enrols");
        heedless(session.session.who)
    }

    /// Creates someone who acts without having signed in: no test of theirs is about that.
    pub async fn hired(&self, login: &str, roles: &[RoomRole]) -> SignedIn {
        let (person, account) = self.person(login, roles).await;
        SignedIn {
            account,
            person,
            holder: Id::from_bytes([0; 16]),
            means: crate::policy::facts::Means::Password,
            once: None,
            upon: Upon::Anything,
        }
    }

    /// Issues a link.
    pub async fn link(&self, account: AccountId, purpose: Purpose) -> Secret {
        testing::link(&self.room, &self.ana, account, purpose).await
    }

    pub async fn redeem(&self, link: &Secret, password: Option<&str>) -> Result<NewSession, Error> {
        redeem(&self.room, &link.text(), password.map(Into::into), PEER).await
    }

    pub async fn sign_in(&self, login: &str, password: &str) -> Result<NewSession, Error> {
        sign_in(&self.room, login, password.into(), PEER).await
    }

    pub fn minutes(&self, minutes: u64) {
        self.clock.advance(Duration::from_secs(60 * minutes));
    }

    /// Opens the room again, as after a crash: what was in memory is gone.
    pub async fn restart(&mut self) -> Result<(), OpenError> {
        let opened = self.bench.open_telling(self.clock.ambient(), outlets());
        self.room = opened.await?;
        Ok(())
    }

    /// Entries in the log.
    pub fn size(&self) -> u64 {
        *self.room.writer.committed().borrow()
    }

    /// Where its register and its keys lie.
    pub fn places(&self) -> &Places {
        &self.bench.places
    }

    /// What someone with the database's file in hand does to it.
    pub fn tamper(&self, statement: &str) {
        db::scratch::run(self.bench.database(), statement);
    }

    /// The entries of the room from `from` on, decrypted, in their order.
    pub async fn entries(&self, from: u64) -> Vec<Entry> {
        self.entries_of(self.room.id, self.room.id.id(), from).await
    }

    /// The entries about a subject in a scope from `from` on, decrypted, in their order.
    pub async fn entries_of(&self, scope: ScopeId, subject: Id, from: u64) -> Vec<Entry> {
        let core = self.room.core.clone();
        self.room
            .read(move |connection| {
                let keys = db::keys::scope(connection, &core.keyring, scope)?;
                let key = db::keys::entry_key(connection, &core.ambient, &keys, subject, false)?;
                let mut entries = Vec::new();
                for row in db::entries::of_subject(connection, scope, subject)? {
                    if row.idx.cast_unsigned() < from {
                        continue;
                    }
                    let link = row.open_link(keys.value.as_bytes())?;
                    let body = row.open_body(key.as_bytes())?.expect("not expunged");
                    entries.push(row.assemble(&link, &body)?);
                }
                Ok(entries)
            })
            .await
            .expect("all entries open")
    }

    /// The kinds of these entries.
    pub async fn kinds(&self, from: u64) -> Vec<String> {
        let entries = self.entries(from).await;
        entries.iter().map(kind).collect()
    }

    /// The log is one tree, and its checkpoint says so.
    pub async fn check_log(&self) {
        check_log(&self.room).await;
    }
}

/// A mail server that nobody asks, because no job runs here.
pub fn outlets() -> Outlets {
    let settings = mail::Settings {
        server: "127.0.0.1".into(),
        port: Some(9),
        encryption: mail::Encryption::None,
        from: "room@room.example".into(),
        sign_in: None,
        roots: None,
        host: "room.example".into(),
    };
    Outlets {
        room: "https://room.example".into(),
        mail: Some(mail::Server::new(&settings).expect("on this machine")),
        ..Outlets::default()
    }
}

/// Tells the writer's thread what goes wrong.
pub struct Arm(pub faults::Fault);

impl Command for Arm {
    type Output = ();

    fn run(self, _: &mut Tx<'_>) -> Result<(), Stop> {
        faults::tell(self.0);
        Ok(())
    }
}

pub fn kind(entry: &Entry) -> String {
    text(&entry.values()[slot::KIND])
}

pub fn detail<'a>(entry: &'a Entry, member: &str) -> &'a Value {
    &entry.values()[slot::DETAIL][member]
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").into()
}

/// The tables of the rows that an entry binds, with their revisions.
pub fn bound(entry: &Entry) -> Vec<(String, u64)> {
    let rows = entry.values()[slot::ROWS]["rows"].as_array();
    let row = |row: &Value| (text(&row["table"]), row["rev"].as_u64().expect("a number"));
    rows.expect("an array").iter().map(row).collect()
}
