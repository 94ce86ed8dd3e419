//! Custody appends, as ratios within one run: the room's writer with 256 callers, against one
//! commit for each entry, and against bare batches of the same rows, with what the writer's
//! thread prepares and without; then beside Tessera's POSIX driver on the same disk, at three loads,
//! if there is Go.
//!
//! `cargo bench --bench custody [-- ENTRIES]`; nothing here is asserted.

use std::{
    path::Path,
    process::{Command as Program, Stdio},
    time::{Duration, Instant},
};

use custos::{
    ambient::Ambient,
    app::{
        Error, Room,
        entering::{Draft, Tx},
        found::{FirstAdministrator, found},
        open::{Places, open},
        writer::{Command, Stop},
    },
    db::{
        self, Connection, dialect,
        entries::{self, EntryRow},
    },
    store::Store,
};
use custos_core::{
    cipher::Salt,
    event::{Blank, Entry, Opening, SLOTS, slot},
    ids::Id,
};
use serde_json::{Value, json};

const CALLERS: usize = 256;
/// Loads at which others are measured: callers, and the part of the entries that they append.
const LOADS: [(usize, u64); 3] = [(1, 200), (16, 20), (CALLERS, 3)];
const ORIGIN: &str = "bench.example/log";

struct Append(u64);

impl Command for Append {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let draft = Draft::of_room("cover", tx.room()).detail(slot::DETAIL, json!(self.0));
        tx.enter(draft)?;
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let entries: u64 = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .next()
        .unwrap_or(20_000);
    let folder = tempfile::tempdir_in(".")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let (together, rows) =
        runtime.block_on(written(folder.path(), "together", entries, CALLERS))?;
    let single = runtime.block_on(one_by_one(folder.path(), (entries / 10).max(1_000)))?;
    let bare = bare_rate(&folder.path().join("bare.db"), &rows, CALLERS)?;
    let few = &rows[..rows.len().min(3_000)];
    let bare_single = bare_rate(&folder.path().join("bare-single.db"), few, 1)?;
    let preparing = preparing(entries)?;
    let committing = 1.0 / (1.0 / together - preparing.as_secs_f64());
    println!("custody append, {entries} entries");
    println!("  writer, {CALLERS} callers              {together:>9.0} a second");
    println!("  writer, one commit an entry      {single:>9.0} a second");
    println!("  bare rows, {CALLERS} a commit           {bare:>9.0} a second");
    println!("  bare rows, one a commit          {bare_single:>9.0} a second");
    println!(
        "  preparing one: commit and encrypt {:>8.1} microseconds",
        preparing.as_secs_f64() * 1e6
    );
    println!(
        "  ratio to one commit an entry       {:.1}",
        together / single
    );
    println!(
        "  ratio to bare rows, one a commit   {:.1}",
        together / bare_single
    );
    println!(
        "  ratio to bare batches              {:.2}",
        together / bare
    );
    println!(
        "  the same, preparation excluded     {:.2}",
        committing / bare
    );
    println!("durable appends beside others");
    for (callers, part) in LOADS {
        let (name, entries) = (format!("load-{callers}"), entries / part);
        let (ours, _) = runtime.block_on(written(folder.path(), &name, entries, callers))?;
        println!("  {callers} callers");
        println!("    this room, sealed entries          {ours:>10.0} a second");
        peer(&folder.path().join(name), entries, callers);
    }
    Ok(())
}

/// As many appends by Tessera's POSIX driver, if there is Go; it prints its figures.
fn peer(folder: &Path, entries: u64, callers: usize) {
    let ran = Program::new("go")
        .args(["run", ".", "append"])
        .arg(std::path::absolute(folder).unwrap_or_default())
        .args([entries.to_string(), callers.to_string()])
        .current_dir("benches/peers")
        .stderr(Stdio::null())
        .status();
    if !ran.is_ok_and(|status| status.success()) {
        println!("    Tessera could not be run");
    }
}

/// What the writer's thread does for one entry beside the database: its slots spelled and
/// committed to, both parts encrypted.
fn preparing(entries: u64) -> Result<Duration, Box<dyn std::error::Error>> {
    let id = "00112233445566778899aabbccddeeff";
    let hash = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    let values = json!([
        1, ORIGIN, "cover", 1_790_000_000_000_000_i64, null, id, 2, hash, null, null, 2, hash,
        null, null, null, null, null, hash, null, [], {"type": "room", "id": id}, null, 7,
        null, null, null, null, null, null, null, null, {"facts": null, "rows": []}
    ]);
    let values: [Value; SLOTS] = serde_json::from_value(values)?;
    let blank = Blank::new(Opening::from_bytes([1; 32]), Opening::from_bytes([2; 32]));
    let salts = [Salt::from_bytes([3; 24]), Salt::from_bytes([4; 24])];
    let begin = Instant::now();
    for _ in 0..entries {
        let entry = Entry::new(values.clone())?;
        let commitments = entry.commit_on(&blank);
        std::hint::black_box(commitments.entry());
        let openings = (blank.link(), blank.body());
        let keys = (&[5; 32], &[6; 32]);
        let row = Id::from_bytes([7; 16]);
        std::hint::black_box(entries::seal(
            row,
            keys,
            &salts,
            openings,
            &entry,
            &commitments,
        ));
    }
    Ok(begin.elapsed() / u32::try_from(entries)?)
}

async fn room(folder: &Path, name: &str) -> Result<(Room, Places), Box<dyn std::error::Error>> {
    let places = Places {
        keys: folder.join(format!("{name}.keys")),
        database: folder.join(format!("{name}.db")).into(),
    };
    let first = FirstAdministrator {
        name: "Bench".into(),
        login: "bench".into(),
    };
    found(
        (&places.keys, &places.database),
        ORIGIN,
        &first,
        &Ambient::system(),
    )?;
    let room = open(&places, Store::memory(), Ambient::system()).await?;
    Ok((room, places))
}

/// Entries a second of so many callers, and the rows that they made.
async fn written(
    folder: &Path,
    name: &str,
    entries: u64,
    callers: usize,
) -> Result<(f64, Vec<EntryRow>), Box<dyn std::error::Error>> {
    let (room, _) = room(folder, name).await?;
    let each = entries / callers as u64;
    let begin = Instant::now();
    let running = (0..callers).map(|_| {
        let room = room.clone();
        tokio::spawn(async move {
            for n in 0..each {
                room.writer.submit(Append(n)).await?;
            }
            Ok::<(), Error>(())
        })
    });
    for caller in running.collect::<Vec<_>>() {
        caller.await??;
    }
    let rate = rate(each * callers as u64, begin.elapsed());
    let rows = room
        .read(move |connection| Ok(entries::range(connection, 3, i64::MAX)?))
        .await?;
    Ok((rate, rows))
}

async fn one_by_one(folder: &Path, entries: u64) -> Result<f64, Box<dyn std::error::Error>> {
    let (room, _) = room(folder, "single").await?;
    let begin = Instant::now();
    for n in 0..entries {
        room.writer.submit(Append(n)).await?;
    }
    Ok(rate(entries, begin.elapsed()))
}

/// The same rows into an empty database, `per_batch` a transaction.
fn bare_rate(
    path: &Path,
    rows: &[EntryRow],
    per_batch: usize,
) -> Result<f64, Box<dyn std::error::Error>> {
    let pool = db::Pool::open(&path.into())?;
    let mut connection: Connection = pool.connect()?;
    let begin = Instant::now();
    for batch in rows.chunks(per_batch) {
        dialect::write(&mut connection, |connection| {
            batch
                .iter()
                .try_for_each(|row| entries::insert(connection, row))
        })?;
    }
    Ok(rate(rows.len() as u64, begin.elapsed()))
}

fn rate(count: u64, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64()
}
