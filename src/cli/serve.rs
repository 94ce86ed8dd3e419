//! `custos serve`: opens the room and answers until it is told to stop.

use std::{
    future::Future,
    num::NonZeroU32,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use custos_core::checkpoint::VerifierKey;
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
    time::sleep,
};
use tracing::{error, info, warn};

use super::{Failed, edge::edge, outlets, register, timestamp::authorities, witnesses::witnesses};
use crate::{
    ambient::Ambient,
    app::{
        Room,
        auditing::Pace,
        backup,
        behind::Elsewhere,
        leading,
        notices::Outlets,
        open::{self, Around, OpenError, Places},
        reserve::Reserve,
        synthetic,
    },
    config::{self, Config},
    http::{
        front::{Front, Stopper, tls::Tls},
        metrics::Metrics,
        text,
    },
    jobs,
    policy::Source,
    store::Store,
};

/// How long requests may still be answered when the writer has stopped.
const LAST_WORDS: Duration = Duration::from_secs(2);

pub(super) async fn run(config: &Config) -> Result<ExitCode, Failed> {
    // Before the room is opened: what is odd in the settings changes nothing.
    let witnesses = witnesses(&config.witnesses)?;
    let authorities = authorities(&config.time_authorities)?;
    let room = open(config, Ambient::system(), outlets::outlets(config)?).await?;
    if *room.origin == *synthetic::ORIGIN {
        return Err(Failed::because(
            "the folder holds a log of made-up entries, which no room may serve; see `custos log build`",
        ));
    }
    let room = room.witnessed_by(witnesses).stamped_by(authorities);
    run_room(config, room).await
}

/// Opens the room that the settings name.
pub(super) async fn open(
    config: &Config,
    ambient: Ambient,
    outlets: Outlets,
) -> Result<Room, Failed> {
    open_under(config, ambient, outlets, None).await
}

/// The same under a policy set that is to come into force.
pub(super) async fn open_under(
    config: &Config,
    ambient: Ambient,
    outlets: Outlets,
    policy: Option<Source>,
) -> Result<Room, Failed> {
    backup::refuse_unfinished(&config.data)?;
    if let Some(kept) = backup::kept(&config.data)? {
        let facts = &kept.backup;
        // Said at each start until its operator has compared and removes the note.
        warn!(
            log.size = facts.size,
            log.published = facts.published,
            log.newest = %text::machine(&facts.newest_at),
            backup.taken = %text::machine(&facts.taken_at),
            "this room was restored from a backup: receipts and checkpoints of more than its \
             entries do not fit it, and what was revoked since is valid again; see \
             docs/OPERATIONS.md, then remove `{}`",
            backup::note(&config.data).display()
        );
    }
    let places = Places {
        keys: config.keys.clone(),
        database: register(config)?,
    };
    // A store would be made where there is none, and a restore wants an empty folder.
    if !places.database.holds_register()? {
        return Err(OpenError::NoRoom.into());
    }
    let elsewhere = Elsewhere {
        mark: config.mark.clone(),
        witnesses: witnesses(&config.witnesses)?,
    };
    // Before anything else is written: on a full disk there would be no space for it.
    let reserve = Reserve::begin(&config.data, config.disk.reserve_bytes());
    let store = Store::local(&config.data)?;
    let around = Around {
        elsewhere,
        reserve,
        policy,
    };
    Ok(open::open_within(&places, store, ambient, outlets, around).await?)
}

/// Serves an open room until it is told to stop, or its writer stops.
pub(super) async fn run_room(config: &Config, room: Room) -> Result<ExitCode, Failed> {
    let front = Front::open(room.clone(), &edge(config)?).await?;
    let address = front.address()?;
    let signals = tokio::spawn(heed(front.stopper(), front.tls())?);
    if room.behind.is_some() {
        // No job runs: whatever one does is entered, or changes what is stored.
        warn!(http.address = %address.ip(), http.port = address.port(), "serving the public log alone");
        let served = front.run().await;
        signals.abort();
        served?;
        return Ok(ExitCode::SUCCESS);
    }
    let stopper = front.stopper();
    let publishing = room.clone();
    let failing = Arc::new(AtomicBool::new(false));
    let failed = failing.clone();
    let publisher = tokio::spawn(async move {
        // It returns only when the writer stopped: the disk is no longer known, so stop too.
        jobs::publish::run(&publishing).await;
        failed.store(true, Ordering::Release);
        stopper.stop();
        // What still runs can be entered nowhere, so it gets no longer than its answer needs.
        tokio::spawn(async move {
            sleep(LAST_WORDS).await;
            stopper.cut();
        });
    });
    let expiring = room.clone();
    let expirer = tokio::spawn(async move { jobs::expire::run(&expiring).await });
    let sweeping = room.clone();
    let sweeper = tokio::spawn(async move { jobs::sweep::run(&sweeping).await });
    let tending = room.clone();
    let tender = tokio::spawn(async move { jobs::reserve::run(&tending).await });
    let forgetting = room.clone();
    let forgetter = tokio::spawn(async move { jobs::forget::run(&forgetting).await });
    let (notifying, data) = (room.clone(), config.data.clone());
    let notifier = tokio::spawn(async move { jobs::notify::run(&notifying, &data).await });
    let auditor = pace(&config.audit).map(|pace| {
        let (auditing, data) = (room.clone(), config.data.clone());
        tokio::spawn(async move { jobs::audit::run(&auditing, data, pace).await })
    });
    let watched = metrics(config, &room).await?;
    let (asking, data) = (room.clone(), config.data.clone());
    let asker = tokio::spawn(async move { jobs::witness::run(&asking, &data).await });
    let (stamping, data) = (room.clone(), config.data.clone());
    let every = span(config.timestamps.every_minutes, 60);
    let stamper = tokio::spawn(async move { jobs::timestamp::run(&stamping, &data, every).await });
    let watching = room.clone();
    let readings = span(config.clock.every_hours, 3_600);
    let watcher = tokio::spawn(async move { jobs::clock::run(&watching, readings).await });
    info!(http.address = %address.ip(), http.port = address.port(), "serving the room");
    let served = front.run().await;
    let tasks = [
        expirer, sweeper, tender, forgetter, notifier, asker, stamper, watcher, signals,
    ];
    for task in tasks.into_iter().chain(auditor).chain(watched) {
        task.abort();
    }
    let stopped = failing.load(Ordering::Acquire);
    publisher.abort();
    let broken = || {
        Failed::because(
            "the custody log can't be written; the room's own log says why, mostly the disk: look at that, then start again: start-up checks what is there",
        )
    };
    if stopped || room.writer.is_stopped() {
        return Err(broken());
    }
    if let Err(error) = leading::give_up(&room, true).await {
        warn!(%error, "the lease could not be given up, and ends by itself");
    }
    // What was acknowledged is durable; publishing it now spares the next start the wait.
    if let Err(error) = room.publisher.publish().await {
        error!(error = %error, "could not publish before stopping; the next start does");
        if error.is_fatal() || room.writer.is_stopped() {
            return Err(broken());
        }
    }
    served?;
    info!("the room is closed");
    Ok(ExitCode::SUCCESS)
}

/// Gives figures to whoever watches over the room, where a port is set for that.
async fn metrics(config: &Config, room: &Room) -> Result<Option<JoinHandle<()>>, Failed> {
    let Some(port) = config.metrics.port else {
        return Ok(None);
    };
    let metrics = Metrics::open(port).await.map_err(|error| {
        Failed::because(format!(
            "`metrics.port` {port} can't be listened on: {error}"
        ))
    })?;
    info!(metrics.port = metrics.address()?.port(), "giving figures");
    Ok(Some(tokio::spawn(metrics.run(room.clone()))))
}

/// So many times so many seconds; none where there are none.
fn span(number: u32, seconds: u64) -> Option<Duration> {
    let number = NonZeroU32::new(number)?;
    Some(Duration::from_secs(seconds) * number.get())
}

/// How often and how fast the room audits itself; none where it is not to.
fn pace(set: &config::Audit) -> Option<Pace> {
    let mebibyte = NonZeroU32::new(1 << 20).expect("it is not zero");
    let every = NonZeroU32::new(set.every_hours)?;
    Some(Pace {
        every: Duration::from_secs(3_600) * every.get(),
        bytes_per_second: set.mebibytes_per_second.saturating_mul(mebibyte),
    })
}

/// Heeds the signals of the process: SIGTERM and SIGINT stop the room, a second one cuts what
/// still runs, and SIGHUP has the certificate read again.
fn heed(
    stopper: Stopper,
    tls: Option<Arc<Tls>>,
) -> Result<impl Future<Output = ()> + Send, Failed> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // Without TLS the end of a terminal ends the room, as it does any program.
    let mut hangup = tls
        .as_ref()
        .map(|_| signal(SignalKind::hangup()))
        .transpose()?;
    Ok(async move {
        let mut told = false;
        loop {
            let hung_up = async {
                match &mut hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hung_up => {
                    if let Some(tls) = &tls {
                        tls.reload();
                    }
                    continue;
                }
            }
            if told {
                stopper.cut();
            } else {
                info!("stopping: running requests may end; a second signal cuts them");
                stopper.stop();
            }
            told = true;
        }
    })
}

/// A C2SP tlog-policy file that trusts one log and asks for no witness.
pub(super) fn trust_policy(key: &VerifierKey) -> String {
    format!("log {key}\nquorum none\n")
}
