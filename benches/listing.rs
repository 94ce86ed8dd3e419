//! Lists of a case's items, as ratios within one run: the first page against the bare query of
//! as many rows, what an index costs to make and to keep, pages deep in a list, searches, what
//! hidden items change, and how long a room with 1,000 cases takes to open.
//!
//! `cargo bench --bench listing [-- ITEMS]`; nothing here is asserted.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use custos::{
    ambient::Ambient,
    app::{
        Error, Room, SignedIn,
        cases::{self, Asked, AskedCases, NewCase, PAGE_ITEMS},
        deciding::Means,
        entering::{Draft, Tx},
        found::{FirstAdministrator, found},
        index::Indexes,
        open::{Places, open},
        people::{self, NewPerson, RoomRole},
        tags::Upon,
        uploads::{self, FileName, NewItem},
        writer::{Command, Stop},
    },
    db::{Connection, evidence::ItemDetails, keys, schema, value::Place},
    store::Store,
};
use custos_core::ids::{AccountId, CaseId, Id, PersonId, ScopeId};
use diesel::prelude::*;

const CALLERS: usize = 64;
const CASES: usize = 1_000;
const ROUNDS: usize = 400;
/// Items that one of the two compared cases has, and hides.
const HIDDEN: usize = 10_000;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let items: usize = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .next()
        .unwrap_or(100_000);
    let folder = tempfile::tempdir_in(".")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run(folder.path(), items))
}

struct Bench {
    room: Room,
    places: Places,
    custodian: SignedIn,
    officer: SignedIn,
}

async fn run(folder: &Path, items: usize) -> Outcome<()> {
    let bench = founded(folder).await?;
    let case = bench.case(items, 0).await?;
    println!("lists of {items} items");
    making(&bench, case).await?;
    pages(&bench, case).await?;
    hiding(&bench, items / 5).await?;
    starting(bench).await
}

async fn founded(folder: &Path) -> Outcome<Bench> {
    let places = Places {
        keys: folder.join("keys"),
        database: folder.join("register.db").into(),
    };
    let first = FirstAdministrator {
        name: "Bench".into(),
        login: "bench".into(),
    };
    let ambient = Ambient::system();
    let founded = found(
        (&places.keys, &places.database),
        "bench.example/log",
        &first,
        &ambient,
    )?;
    let room = open(&places, Store::memory(), ambient).await?;
    let administrator = signed_in(founded.person, founded.administrator);
    let custodian = hired(&room, &administrator, "custodian", &[RoomRole::Custodian]).await?;
    let officer = hired(&room, &administrator, "officer", &[]).await?;
    Ok(Bench {
        room,
        places,
        custodian,
        officer,
    })
}

fn signed_in(person: PersonId, account: AccountId) -> SignedIn {
    SignedIn {
        account,
        person,
        holder: Id::from_bytes([0; 16]),
        means: Means::Password,
        once: None,
        upon: Upon::Unsaid,
    }
}

async fn hired(
    room: &Room,
    administrator: &SignedIn,
    login: &str,
    roles: &[RoomRole],
) -> Outcome<SignedIn> {
    let new = NewPerson {
        name: login.into(),
        office: String::new(),
        login: login.into(),
        room_roles: roles.iter().copied().collect(),
    };
    let (person, account) = people::create_person(room, administrator, new)
        .await?
        .output;
    Ok(signed_in(person, account))
}

impl Bench {
    async fn empty_case(&self, number: &str) -> Outcome<CaseId> {
        let new = NewCase {
            number: number.into(),
            title: format!("Case {number}"),
            description: String::new(),
        };
        Ok(cases::open_case(&self.room, &self.custodian, new)
            .await?
            .output)
    }

    /// A case with so many items that the officer sees, and so many that are hidden from them.
    async fn case(&self, seen: usize, hidden: usize) -> Outcome<CaseId> {
        let case = self.empty_case(&format!("{seen}/{hidden}")).await?;
        let role = ("investigator", None);
        cases::add_person(&self.room, &self.custodian, case, self.officer.person, role).await?;
        let begin = Instant::now();
        let callers = (0..CALLERS).map(|caller| {
            let (room, officer) = (self.room.clone(), self.officer);
            tokio::spawn(async move {
                for n in (0..seen + hidden).skip(caller).step_by(CALLERS) {
                    deposit(&room, &officer, case, n, n >= seen).await?;
                }
                Ok::<(), Error>(())
            })
        });
        for caller in callers.collect::<Vec<_>>() {
            caller.await??;
        }
        let all = seen + hidden;
        println!(
            "  deposited {all} in {:.0} s",
            begin.elapsed().as_secs_f64()
        );
        Ok(case)
    }

    async fn list(&self, case: CaseId, query: &[(&str, &str)]) -> Outcome<cases::ItemList> {
        let asked = Asked::of(query.iter().copied())?;
        Ok(cases::list_items(&self.room, &self.officer, case, &asked).await?)
    }

    /// The low time of a list.
    async fn time(&self, case: CaseId, query: &[(&str, &str)]) -> Outcome<f64> {
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let begin = Instant::now();
            self.list(case, query).await?;
            times.push(begin.elapsed().as_secs_f64());
        }
        Ok(low(&mut times))
    }
}

async fn deposit(
    room: &Room,
    who: &SignedIn,
    case: CaseId,
    n: usize,
    hidden: bool,
) -> Result<(), Error> {
    let new = NewItem {
        reference: format!("JS/{n}"),
        description: format!("Photograph {n} of the yard behind the second hangar, facing east"),
        file_name: Some(FileName::Text(format!("DCIM/100MEDIA/IMG_{n:06}.jpg"))),
        sensitivity: if hidden { "restricted" } else { "" }.into(),
        ..NewItem::default()
    };
    let upload = uploads::announce(room, who, case, new).await?;
    let bytes = format!("item {n}").into_bytes();
    let length = bytes.len() as u64;
    uploads::receive(room, who, upload, &bytes[..], Some(length)).await?;
    Ok(())
}

/// What the index takes to make, and in memory.
async fn making(bench: &Bench, case: CaseId) -> Outcome<()> {
    let mut times = Vec::new();
    for _ in 0..3 {
        let mut room = bench.room.clone();
        room.indexes = Arc::new(Indexes::default());
        let (begin, spent) = (Instant::now(), processor());
        let list = cases::list_items(&room, &bench.officer, case, &Asked::default()).await?;
        times.push(begin.elapsed().as_secs_f64());
        let taken = room.indexes.measure();
        let each = |bytes: usize| bytes as f64 / list.total as f64;
        println!(
            "  index made with the first page in {:.2} s ({:.2} s of processors); {:.0} bytes an item beside {:.0} of text",
            times[times.len() - 1],
            processor() - spent,
            each(taken.bytes - taken.text_bytes),
            each(taken.text_bytes),
        );
    }
    Ok(())
}

async fn pages(bench: &Bench, case: CaseId) -> Outcome<()> {
    let bare = bare(bench, case).await?;
    let cold = bare_behind_entries(bench, case).await?;
    let entry = entries(bench).await?;
    println!(
        "  bare query of {PAGE_ITEMS} rows          {:>8.2} ms; {:.2} ms where an entry was committed since the last",
        bare * 1e3,
        cold * 1e3
    );
    println!("  a durable entry alone          {:>8.2} ms", entry * 1e3);
    for (name, query) in [
        ("first page", &[][..]),
        ("first page, newest first", &[("sort", "-received")][..]),
        ("first page of one state", &[("state", "normal")][..]),
        ("a word that all have", &[("q", "hangar")][..]),
        ("two words that one has", &[("q", "yard 77777")][..]),
        ("a word that none has", &[("q", "submarine")][..]),
    ] {
        let time = bench.time(case, query).await?;
        println!(
            "  {name:<30} {:>8.2} ms, {:.2} x bare, {:.2} x without the entry; {:.2} x bare behind an entry",
            time * 1e3,
            time / bare,
            (time - entry) / bare,
            (time - entry) / cold
        );
    }
    let mut asked = Asked::of([("limit", "200")])?;
    let (mut count, begin) = (0, Instant::now());
    loop {
        let list = cases::list_items(&bench.room, &bench.officer, case, &asked).await?;
        count += list.items.len();
        let Some(next) = list.next else { break };
        asked.cursor = next;
    }
    println!(
        "  walked {count} items by 200 in {:.1} s",
        begin.elapsed().as_secs_f64()
    );
    Ok(())
}

/// The low time of a query of as many rows, each decrypted.
async fn bare(bench: &Bench, case: CaseId) -> Outcome<f64> {
    let core = bench.room.core.clone();
    let times = bench.room.read(move |connection| {
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let begin = Instant::now();
            let rows = queried(connection, &core.keyring, case)?;
            std::hint::black_box(rows);
            times.push(begin.elapsed().as_secs_f64());
        }
        Ok(times)
    });
    Ok(low(&mut times.await?))
}

/// The same where each is the first behind an entry, as in a list: a reader of SQLite keeps no
/// page over somebody else's commit.
async fn bare_behind_entries(bench: &Bench, case: CaseId) -> Outcome<f64> {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        bench.room.writer.submit(Cover).await?;
        let core = bench.room.core.clone();
        let time = bench.room.read(move |connection| {
            let begin = Instant::now();
            let rows = queried(connection, &core.keyring, case)?;
            std::hint::black_box(rows);
            Ok(begin.elapsed().as_secs_f64())
        });
        times.push(time.await?);
    }
    Ok(low(&mut times))
}

fn queried(
    connection: &mut Connection,
    keyring: &custos::keyring::Keyring,
    case: CaseId,
) -> Result<Vec<ItemDetails>, Error> {
    use schema::items;

    let rows: Vec<(Vec<u8>, Vec<u8>, Vec<u8>)> = items::table
        .filter(items::case_id.eq(case.as_bytes().to_vec()))
        .limit(PAGE_ITEMS as i64)
        .select((items::id, items::scope_id, items::details))
        .load(connection)?;
    let mut details = Vec::new();
    let id = |bytes: Vec<u8>| Id::from_bytes(bytes.try_into().expect("16 bytes"));
    for (row, scope, sealed) in rows {
        let keys = keys::scope(connection, keyring, ScopeId::from(id(scope)))?;
        let place = Place {
            table: "items",
            row: id(row),
            column: "details",
        };
        details.push(place.open_json(keys.value.as_bytes(), &sealed)?);
    }
    Ok(details)
}

/// Something that leaves an entry and nothing else.
struct Cover;

impl Command for Cover {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        tx.enter(Draft::of_room("cover", tx.room()))?;
        Ok(())
    }
}

async fn entries(bench: &Bench) -> Outcome<f64> {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        bench.room.writer.submit(Cover).await?;
        times.push(begin.elapsed().as_secs_f64());
    }
    Ok(low(&mut times))
}

/// Two cases of as many items that may be seen, one of which hides more: how well the time of a
/// list tells which is which. 0.5 is not at all.
async fn hiding(bench: &Bench, seen: usize) -> Outcome<()> {
    let plain = bench.case(seen, 0).await?;
    let hiding = bench.case(seen, HIDDEN).await?;
    for query in [&[][..], &[("q", "hangar 12")][..], &[("sort", "-size")][..]] {
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for round in 0..2 * ROUNDS {
            let (case, times) = if round % 2 == 0 {
                (plain, &mut without)
            } else {
                (hiding, &mut with)
            };
            let begin = Instant::now();
            let list = bench.list(case, query).await?;
            times.push(begin.elapsed().as_secs_f64());
            assert!(list.total <= seen as u64, "hidden items are not counted");
        }
        let auc = auc(&without, &with);
        println!(
            "  {seen} items, or {HIDDEN} hidden ones with them, {query:?}: {:.2} and {:.2} ms, AUC {auc:.3}",
            median(&mut without) * 1e3,
            median(&mut with) * 1e3,
        );
    }
    Ok(())
}

/// How often a time of `with` is above one of `without`.
fn auc(without: &[f64], with: &[f64]) -> f64 {
    let above = |one: &f64| without.iter().filter(|other| *other < one).count();
    let sum: usize = with.iter().map(above).sum();
    sum as f64 / (with.len() * without.len()) as f64
}

/// Opening a room of many cases, and listing them.
async fn starting(bench: Bench) -> Outcome<()> {
    for number in 0..CASES {
        bench.empty_case(&format!("26/{number}")).await?;
    }
    let mut listed = 0;
    for (name, query) in [
        ("for the first time", &[][..]),
        ("again", &[][..]),
        ("newest first", &[("sort", "-opened")][..]),
        ("with a word that one has", &[("q", "26/77")][..]),
    ] {
        let asked = AskedCases::of(query.iter().copied())?;
        let rounds = if listed == 0 { 1 } else { ROUNDS };
        let mut times = Vec::new();
        for _ in 0..rounds {
            let begin = Instant::now();
            let list = cases::list_cases(&bench.room, &bench.custodian, &asked).await?;
            times.push(begin.elapsed().as_secs_f64());
            listed = listed.max(list.total);
        }
        println!(
            "  a page of {listed} cases, {name:<26} {:>8.2} ms",
            low(&mut times) * 1e3
        );
    }
    let Bench { room, places, .. } = bench;
    let store = room.store.clone();
    room.publisher.publish().await?;
    drop(room);
    // The writer's thread ends once its last caller is gone.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let begin = Instant::now();
    let room = open(&places, store, Ambient::system()).await?;
    println!(
        "  opened the room with {listed} cases and {} entries in {:.0} ms",
        *room.writer.committed().borrow(),
        begin.elapsed().as_secs_f64() * 1e3
    );
    Ok(())
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// A time that a machine with other work reaches too: a tenth are shorter.
fn low(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 10]
}

/// Processor time of this process so far, in seconds; 0 where it is not told.
fn processor() -> f64 {
    let told = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind = told.rsplit(')').next().unwrap_or_default();
    let ticks = behind.split_whitespace().skip(11).take(2);
    ticks
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}
