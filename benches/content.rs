//! How fast items go into the store and come out, beside the tools that do parts of it.
//!
//! `cargo bench --bench content -- [MIB]...` (256 unless told). Works in the system's folder
//! for temporary files, where it needs three times the size; needs `openssl`, `cp`, `sync`.
//! Ratios of one run hold, absolute figures drift with the machine and its neighbours.

use std::{
    fmt, fs,
    io::Write,
    path::Path,
    pin::Pin,
    process::{Command, Stdio},
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
    path::Path as StorePath,
};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use custos::{
    content::{
        audit,
        read::Reader,
        write::{Deposit, Written, write},
    },
    store::Store,
};
use custos_core::{
    cipher::Salt,
    content::TreeKey,
    ids::{ItemId, ObjectId},
    keys::DataKey,
};

const MIB: u64 = 1 << 20;
/// Each figure is the best of so many; the tools and ours take turns.
const ROUNDS: usize = 3;
/// What a pass may take, relative to the slower of the two tools.
const ALLOWED_RATIO: f64 = 1.5;

fn main() {
    let sizes: Vec<u64> = std::env::args()
        .skip(1)
        .filter_map(|a| a.parse().ok())
        .collect();
    let sizes = if sizes.is_empty() { vec![256] } else { sizes };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    for mib in sizes {
        runtime.block_on(run(mib * MIB));
    }
}

/// What one pass took.
#[derive(Clone, Copy)]
struct Took {
    wall: Duration,
    /// Of all threads, and of tools that were run and have ended.
    processor: Duration,
}

impl Took {
    /// Runs `pass` and measures it.
    async fn of<T>(pass: impl Future<Output = T>) -> (T, Self) {
        let (begun, processor) = (Instant::now(), processor_time());
        let result = pass.await;
        let took = Self {
            wall: begun.elapsed(),
            processor: processor_time() - processor,
        };
        (result, took)
    }
}

/// Best times of one size.
struct Best(Vec<(&'static str, Took)>);

impl Best {
    fn note(&mut self, name: &'static str, took: Took) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, best)) => {
                best.wall = took.wall.min(best.wall);
                best.processor = took.processor.min(best.processor);
            }
            None => self.0.push((name, took)),
        }
    }

    fn get(&self, name: &str) -> f64 {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map_or(f64::NAN, |(_, took)| took.wall.as_secs_f64())
    }
}

/// Processor time of this process and of the tools it ran; 0 where the system does not say.
fn processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name in brackets: utime, stime, cutime, cstime in hundredths of a second.
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    let ticks: u64 = fields
        .skip(11)
        .take(4)
        .filter_map(|f| f.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10)
}

async fn run(size: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("item");
    make_file(&file, size);
    let store = Store::local(&folder.path().join("store")).expect("a store");
    let discard = Store::over(Arc::new(Discard));
    let mut best = Best(Vec::new());
    let mut peak = 0;
    for _ in 0..ROUNDS {
        let openssl = async { tool(&["openssl", "dgst", "-sha256"], &file) };
        best.note("openssl dgst -sha256", Took::of(openssl).await.1);
        let copy = folder.path().join("copy");
        let cp = async { copy_durably(&file, &copy) };
        best.note("cp and fsync", Took::of(cp).await.1);
        fs::remove_file(&copy).expect("the copy is there");

        let source = tokio::fs::File::open(&file).await.expect("it is there");
        forget_peak();
        let before = memory_mib("VmRSS:");
        let ((written, deposit), took) = Took::of(deposit(&store, source, size)).await;
        peak = peak.max(memory_mib("VmHWM:").saturating_sub(before));
        best.note("write to disk", took);
        best.note(
            "read from disk",
            Took::of(read(&store, &written, &deposit)).await.1,
        );
        best.note("audit", Took::of(audit(&store, &written, &deposit)).await.1);
        store.delete(deposit.object).await.expect("deleted");

        let source = Repeat::new(size).take(size);
        let pass = self::deposit(&discard, source, size);
        best.note("write in memory", Took::of(pass).await.1);
    }
    report(size, &best, peak);
}

/// Writes `size` bytes of `source` under fresh keys.
async fn deposit(store: &Store, source: impl AsyncRead + Unpin, size: u64) -> (Written, Deposit) {
    let deposit = Deposit {
        item: ItemId::from_bytes(random()),
        object: ObjectId::from_bytes(random()),
        data_key: DataKey::from_bytes(random()),
        tree_key: TreeKey::from_bytes(random()),
        declared: Vec::new(),
        length: Some(size),
        limit: size,
    };
    let salts = || Salt::from_bytes(random());
    let written = write(store, &deposit, source, salts)
        .await
        .expect("it is written");
    (written, deposit)
}

/// Reads an item from its start to its end.
async fn read(store: &Store, written: &Written, deposit: &Deposit) {
    let reader = Reader::open(
        store,
        deposit.item,
        deposit.data_key.clone(),
        written.stored.clone(),
        written.commitments.clone(),
    );
    let mut pieces = reader.await.expect("it opens").whole();
    let mut bytes = 0;
    while let Some(piece) = pieces.try_next().await.expect("it is sound") {
        bytes += piece.len() as u64;
    }
    assert_eq!(bytes, written.size);
}

/// Opens all of an item and compares its sums.
async fn audit(store: &Store, written: &Written, deposit: &Deposit) {
    let expected = audit::Expected {
        item: deposit.item,
        data_key: deposit.data_key.clone(),
        tree_key: deposit.tree_key.clone(),
        stored: written.stored.clone(),
        commitments: written.commitments.clone(),
        sha256: written.sha256,
        content_root: written.content_root,
    };
    let report = audit::content(store, &expected).await.expect("no fault");
    assert!(report.is_sound(), "{report:?}");
}

fn report(size: u64, best: &Best, peak: u64) {
    println!("{} MiB, best of {ROUNDS}", size / MIB);
    for (name, took) in &best.0 {
        let wall = took.wall.as_secs_f64();
        let rate = size as f64 / wall / 1e9;
        let processor = took.processor.as_secs_f64();
        println!("  {name:<22} {wall:8.3} s  {rate:5.2} GB/s  {processor:7.2} s of processor");
    }
    let slower = best
        .get("openssl dgst -sha256")
        .max(best.get("cp and fsync"));
    let ratio = best.get("write to disk") / slower;
    let verdict = if ratio <= ALLOWED_RATIO {
        "within"
    } else {
        "ABOVE"
    };
    println!("  write / slower tool    {ratio:8.2}    {verdict} {ALLOWED_RATIO}");
    println!("  memory of a write      {peak:8} MiB at its peak");
}

/// A line of the process's status in MiB; 0 where the system does not say.
fn memory_mib(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// Lets the system measure the peak of memory anew.
fn forget_peak() {
    // Where that is not allowed, the peak of the whole run is reported.
    let _not_allowed = fs::write("/proc/self/clear_refs", "5");
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the system has randomness");
    bytes
}

fn make_file(path: &Path, size: u64) {
    let mut file = fs::File::create(path).expect("a file");
    let mut block = vec![0; 1 << 20];
    for _ in 0..size / MIB {
        SystemRandom::new()
            .fill(&mut block)
            .expect("the system has randomness");
        file.write_all(&block).expect("there is room");
    }
    file.sync_all().expect("it is durable");
}

fn tool(command: &[&str], file: &Path) {
    let mut tool = Command::new(command[0]);
    let status = tool
        .args(&command[1..])
        .arg(file)
        .stdout(Stdio::null())
        .status();
    assert!(status.expect("the tool is there").success());
}

fn copy_durably(from: &Path, to: &Path) {
    let copied = Command::new("cp").args([from, to]).status();
    assert!(copied.expect("cp is there").success());
    let synced = Command::new("sync").arg(to).status();
    assert!(synced.expect("sync is there").success());
}

/// The same MiB of noise again and again.
struct Repeat {
    block: Vec<u8>,
    at: usize,
}

impl Repeat {
    fn new(size: u64) -> Self {
        let mut block = vec![0; usize::try_from(size.clamp(1, MIB)).expect("a MiB")];
        SystemRandom::new()
            .fill(&mut block)
            .expect("the system has randomness");
        Self { block, at: 0 }
    }
}

impl AsyncRead for Repeat {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let bytes = buffer.remaining().min(self.block.len() - self.at);
        buffer.put_slice(&self.block[self.at..self.at + bytes]);
        self.at = (self.at + bytes) % self.block.len();
        Poll::Ready(Ok(()))
    }
}

/// A store that takes everything and keeps nothing, so that only our own work is measured.
#[derive(Debug)]
struct Discard;

impl fmt::Display for Discard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Discard")
    }
}

fn nothing<T>(location: &StorePath) -> Result<T> {
    Err(Error::NotFound {
        path: location.to_string(),
        source: "nothing is kept".into(),
    })
}

#[async_trait]
impl ObjectStore for Discard {
    async fn put_opts(&self, at: &StorePath, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        nothing(at)
    }

    async fn put_multipart_opts(
        &self,
        _: &StorePath,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(Self))
    }

    async fn get_opts(&self, at: &StorePath, _: GetOptions) -> Result<GetResult> {
        nothing(at)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<StorePath>>,
    ) -> BoxStream<'static, Result<StorePath>> {
        locations
    }

    fn list(&self, _: Option<&StorePath>) -> BoxStream<'static, Result<ObjectMeta>> {
        futures::stream::empty().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&StorePath>) -> Result<ListResult> {
        nothing(prefix.unwrap_or(&StorePath::default()))
    }

    async fn copy_opts(&self, from: &StorePath, _: &StorePath, _: CopyOptions) -> Result<()> {
        nothing(from)
    }
}

#[async_trait]
impl MultipartUpload for Discard {
    fn put_part(&mut self, part: PutPayload) -> UploadPart {
        drop(part);
        Box::pin(std::future::ready(Ok(())))
    }

    async fn complete(&mut self) -> Result<PutResult> {
        Ok(PutResult {
            e_tag: None,
            version: None,
            extensions: Default::default(),
        })
    }

    async fn abort(&mut self) -> Result<()> {
        Ok(())
    }
}
