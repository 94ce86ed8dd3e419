//! `custos witness`: a witness of other rooms' custody logs, apart from any room.

use std::{
    fs,
    io::Write,
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};
use custos_core::checkpoint::Cosigner;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use super::{Failed, say};
use crate::{
    ambient::Ambient,
    config::witness::{FILE, WitnessConfig},
    http::text,
    telemetry,
    witness::{Logs, key, record::Record, server::Server},
};

/// Where a new witness's key and record lie, in its folder.
const KEY_FILE: &str = "witness.key";
const RECORD_FILE: &str = "witness.db";

/// The commands of a witness.
#[derive(Debug, Subcommand)]
pub(super) enum Witness {
    /// Found a witness: its key, its record, its settings
    Init(Init),
    /// Answer the logs that the settings name
    Serve,
    /// Show what was confirmed last of each log
    Show,
    /// Print every contradiction that a log signed, as evidence
    Conflicts,
}

#[derive(Debug, Args)]
pub(super) struct Init {
    /// The witness's name: a host that is yours, and a path, like `institute.example/witness`
    #[arg(long, value_name = "NAME")]
    name: String,
    /// The folder of key, record and settings, which is made
    #[arg(long, value_name = "FOLDER", default_value = "witness")]
    folder: PathBuf,
}

/// Runs one of them. `file` is the settings' file, if one is named.
pub(super) async fn run(command: &Witness, file: Option<&Path>) -> Result<ExitCode, Failed> {
    match command {
        Witness::Init(asked) => init(asked),
        Witness::Serve => serve(&WitnessConfig::read(file)?).await,
        Witness::Show => show(&WitnessConfig::read(file)?),
        Witness::Conflicts => conflicts(&WitnessConfig::read(file)?),
    }
}

fn init(asked: &Init) -> Result<ExitCode, Failed> {
    let folder = &asked.folder;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let settings = folder.join(FILE);
    for name in [KEY_FILE, RECORD_FILE, FILE] {
        if folder.join(name).exists() {
            return Err(Failed::because(format!(
                "`{}` is there already; nothing was changed",
                folder.join(name).display()
            )));
        }
    }
    let cosigner = key::create(&folder.join(KEY_FILE), &asked.name, &Ambient::system())?;
    let vkey = cosigner.verifier_key();
    // A crash before the settings leaves a key that nobody trusts yet.
    Record::create(&folder.join(RECORD_FILE), vkey)?;
    let name = &asked.name;
    let text = format!(
        "# A witness of custody logs; start it with `custos witness serve --config FILE`.\n\
         name = {name:?}\nkey = \"{KEY_FILE}\"\nrecord = \"{RECORD_FILE}\"\n\
         # address = \"127.0.0.1\"\n# port = 7380\n\n\
         # A log that it confirms, and the key of that log, had by a way of its own:\n\
         # [[logs]]\n# origin = \"room.example/log\"\n# vkey = \"room.example/log+...\"\n"
    );
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&settings)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::File::open(folder)?.sync_all()?;
    println!(
        "The witness `{name}` is founded.

Its key. Give it to every room that asks it, and to everyone who checks bundles of theirs:

    {vkey}

Name the logs that it confirms in {}. Never put an older copy of {} in its place: if it is
lost, found another witness with another key.",
        settings.display(),
        folder.join(RECORD_FILE).display()
    );
    Ok(ExitCode::SUCCESS)
}

fn open(config: &WitnessConfig) -> Result<(Logs, Record, Cosigner), Failed> {
    let pairs = config.logs.iter();
    let logs = Logs::new(pairs.map(|log| (log.origin.as_str(), log.vkey.as_str())))?;
    let cosigner = key::open(&config.key, &config.name)?;
    let record = Record::open(&config.record, cosigner.verifier_key())?;
    Ok((logs, record, cosigner))
}

async fn serve(config: &WitnessConfig) -> Result<ExitCode, Failed> {
    telemetry::start(&crate::config::Telemetry::default());
    let (logs, record, cosigner) = open(config)?;
    let count = logs.origins().count();
    if count == 0 {
        warn!("no log is named under `[[logs]]`: nothing is confirmed");
    }
    if !config.address.is_loopback() {
        warn!(
            address = %config.address,
            "the witness can be reached from outside; it speaks no TLS, which is for a proxy \
             before it"
        );
    }
    let address = SocketAddr::new(config.address, config.port);
    let name = cosigner.verifier_key().name().to_owned();
    let server = Server::open(address, logs, record, cosigner, Ambient::system());
    let server = server
        .await
        .map_err(|error| Failed::because(format!("`{address}` can't be listened on: {error}")))?;
    let address = server.address()?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    info!(witness = %name, logs = count, address = %address.ip(), port = address.port(), "serving as a witness");
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    server.run(stop).await?;
    info!("the witness is closed");
    Ok(ExitCode::SUCCESS)
}

fn show(config: &WitnessConfig) -> Result<ExitCode, Failed> {
    let (logs, record, cosigner) = open(config)?;
    say(&format!("{}", cosigner.verifier_key()));
    for origin in logs.origins() {
        let newest = record.newest(origin)?;
        let size = newest.map_or(0, |signed| signed.checkpoint().size());
        say(&format!("{size:>12}  {origin}"));
    }
    Ok(ExitCode::SUCCESS)
}

fn conflicts(config: &WitnessConfig) -> Result<ExitCode, Failed> {
    let (_, record, _) = open(config)?;
    let conflicts = record.conflicts()?;
    for conflict in &conflicts {
        let micros = i64::try_from(conflict.found_at)
            .unwrap_or(0)
            .saturating_mul(1_000_000);
        let time = custos_core::ids::Timestamp::from_micros(micros)
            .map_or_else(|_| "?".into(), |time| text::machine(&time).to_string());
        say(&format!(
            "== {} {time}\n-- what was confirmed\n{}\n-- what was shown\n{}",
            conflict.origin,
            String::from_utf8_lossy(&conflict.kept),
            String::from_utf8_lossy(&conflict.request),
        ));
    }
    // As an audit that found something.
    Ok(if conflicts.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(3)
    })
}
