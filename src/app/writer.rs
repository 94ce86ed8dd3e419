//! The one writer of the process: commands become batches, one transaction and one sync each.
//!
//! A thread of its own owns the writing connection. It waits for a command, takes with it all
//! that wait by then, and commits them together; the next batch forms while this one syncs.
//! After a batch of several it waits for their callers, as long as the sync took at most, which is
//! what a batch more would cost; a lone caller is never delayed. Each command runs in a savepoint: it
//! reads facts, decides, enters what it does and changes rows. Its caller is answered after
//! the commit, never before.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info, warn};

use super::{
    behind::Behind,
    context::Core,
    entering::{Draft, Entered, Ground, Known, Tx},
    error::Error,
    stock::Stock,
};
use crate::db::{
    Connection, DbError, Pool,
    dialect::{self, Undone},
    head::{self, Head},
};

/// Most commands in one transaction.
const MAX_BATCH_COMMANDS: usize = 512;
/// Commands that wait before further callers wait to be heard.
const MAX_WAITING_COMMANDS: usize = 4_096;
/// The longest wait for callers who were in the batch before.
const MAX_PATIENCE: Duration = Duration::from_millis(2);
/// How long a server that is gone is waited for.
const RECONNECTING: Duration = Duration::from_secs(30);
/// The pause between two attempts to reach it.
const RECONNECT_PAUSE: Duration = Duration::from_millis(250);
/// How often it looks who came.
const GATHER_PAUSE: Duration = Duration::from_micros(20);

/// Something that reads facts, decides, and changes rows in one transaction with its entries.
pub trait Command: Send + 'static {
    /// What the caller gets once everything is durable.
    type Output: Send + 'static;

    /// Runs inside a savepoint; whatever it did is undone when it fails.
    ///
    /// # Errors
    /// What the caller is told, and for a refusal also the entry that it leaves.
    fn run(self, tx: &mut Tx<'_>) -> Result<Self::Output, Stop>;
}

/// Why a command did not happen.
#[derive(Debug)]
pub struct Stop {
    /// What the caller is told.
    pub error: Error,
    /// The entry that stays behind although the command was undone: a refusal.
    pub leaves: Option<Box<Draft>>,
}

impl<E: Into<Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self {
            error: error.into(),
            leaves: None,
        }
    }
}

/// A command's result with the entries it made, all durable.
#[derive(Debug)]
pub struct Done<T> {
    /// What the command returned.
    pub output: T,
    /// Its entries, in the order in which it made them.
    pub entered: Vec<Entered>,
}

/// The way to the writer's thread.
#[derive(Clone)]
pub struct Writer {
    jobs: mpsc::Sender<Box<dyn Job>>,
    /// Size of the committed log; the publisher waits on it.
    committed: watch::Receiver<u64>,
    closed: Option<Closed>,
}

/// A log that nothing is entered in.
#[derive(Clone)]
struct Closed {
    why: Arc<Behind>,
    /// The log is not over; it only stands still.
    _size: Arc<watch::Sender<u64>>,
}

impl Writer {
    /// Starts the thread on a connection of its own, at the head that start-up checked.
    pub fn start(pool: Pool, connection: Connection, core: Arc<Core>, head: Head) -> Self {
        let (jobs, receiver) = mpsc::channel(MAX_WAITING_COMMANDS);
        let (size, committed) = watch::channel(head.size());
        let thread = Thread {
            pool,
            connection,
            head,
            known: Known::default(),
            stock: Stock::start(core.ambient.clone()),
            core,
            crowd: 0,
            patience: Duration::ZERO,
            size,
        };
        thread::Builder::new()
            .name("writer".into())
            .spawn(move || thread.run(receiver))
            .expect("the system starts a thread");
        Self {
            jobs,
            committed,
            closed: None,
        }
    }

    /// A writer that enters nothing in a register which is not what was published last: it would
    /// be a second history.
    pub(super) fn closed(size: u64, why: Arc<Behind>) -> Self {
        let (jobs, _) = mpsc::channel(1);
        let (size, committed) = watch::channel(size);
        let _size = Arc::new(size);
        Self {
            jobs,
            committed,
            closed: Some(Closed { why, _size }),
        }
    }

    /// Refuses where nothing may be entered.
    ///
    /// # Errors
    /// [`Error::PutBack`].
    pub(super) fn open(&self) -> Result<(), Error> {
        match &self.closed {
            None => Ok(()),
            Some(closed) => Err(Error::PutBack(closed.why.clone())),
        }
    }

    /// Hands a command over and waits until it is durable.
    ///
    /// # Errors
    /// The command's own, or [`Error::CustodyUnavailable`].
    pub async fn submit<C: Command>(&self, command: C) -> Result<Done<C::Output>, Error> {
        self.open()?;
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Typed {
            command: Some(command),
            output: None,
            reply,
        });
        self.jobs
            .send(job)
            .await
            .map_err(|_| Error::CustodyUnavailable(None))?;
        answer.await.map_err(|_| Error::CustodyUnavailable(None))?
    }

    /// The same for a caller that is a thread of its own.
    ///
    /// # Errors
    /// As [`Writer::submit`].
    pub fn submit_blocking<C: Command>(&self, command: C) -> Result<Done<C::Output>, Error> {
        self.open()?;
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Typed {
            command: Some(command),
            output: None,
            reply,
        });
        self.jobs
            .blocking_send(job)
            .map_err(|_| Error::CustodyUnavailable(None))?;
        answer
            .blocking_recv()
            .map_err(|_| Error::CustodyUnavailable(None))?
    }

    /// Whether it writes no more.
    pub fn is_stopped(&self) -> bool {
        self.committed.has_changed().is_err()
    }

    /// Follows the size of the committed log. It closes when the writer stops.
    pub fn committed(&self) -> watch::Receiver<u64> {
        self.committed.clone()
    }
}

/// A command without its type.
trait Job: Send {
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), Stop>;
    fn reply(self: Box<Self>, outcome: Result<Vec<Entered>, Error>);
}

struct Typed<C: Command> {
    command: Option<C>,
    output: Option<C::Output>,
    reply: oneshot::Sender<Result<Done<C::Output>, Error>>,
}

impl<C: Command> Job for Typed<C> {
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let command = self.command.take().expect("a job runs once");
        self.output = Some(command.run(tx)?);
        Ok(())
    }

    fn reply(self: Box<Self>, outcome: Result<Vec<Entered>, Error>) {
        let Self { output, reply, .. } = *self;
        let answer = outcome.map(|entered| Done {
            output: output.expect("a job that succeeded has an output"),
            entered,
        });
        // The caller may have gone; what was done stays done and entered.
        drop(reply.send(answer));
    }
}

type Outcome = (Box<dyn Job>, Result<Vec<Entered>, Error>);

struct Thread {
    /// Where another connection comes from when a server closed this one.
    pool: Pool,
    connection: Connection,
    core: Arc<Core>,
    /// The head as committed. INVARIANT: equals the database's row between batches, or the
    /// thread reads it afresh.
    head: Head,
    known: Known,
    stock: Stock,
    /// Commands of the last batch.
    crowd: usize,
    /// How long the next batch waits for as many: as long as the last one's sync took.
    patience: Duration,
    size: watch::Sender<u64>,
}

impl Thread {
    fn run(mut self, mut receiver: mpsc::Receiver<Box<dyn Job>>) {
        while let Some(first) = receiver.blocking_recv() {
            let mut jobs = vec![first];
            self.gather(&mut jobs, &mut receiver);
            self.crowd = jobs.len();
            let result = self.batch(jobs);
            if let Err(error) = result {
                error!(%error, "the custody log can't be written; the writer stops");
                return;
            }
        }
        info!("the writer has no more callers and stops");
    }

    /// Takes all commands that wait. Callers who were just answered come again within
    /// microseconds; without a little patience for them every other batch would be a small
    /// one, at the price of a sync.
    fn gather(&self, jobs: &mut Vec<Box<dyn Job>>, receiver: &mut mpsc::Receiver<Box<dyn Job>>) {
        let begin = Instant::now();
        loop {
            while jobs.len() < MAX_BATCH_COMMANDS
                && let Ok(job) = receiver.try_recv()
            {
                jobs.push(job);
            }
            let enough = jobs.len() >= self.crowd.min(MAX_BATCH_COMMANDS);
            if enough || begin.elapsed() >= self.patience {
                return;
            }
            thread::sleep(GATHER_PAUSE);
        }
    }

    /// Commits one batch and answers its callers.
    ///
    /// # Errors
    /// The log's state is no longer known, and can't be found again.
    fn batch(&mut self, jobs: Vec<Box<dyn Job>>) -> Result<(), DbError> {
        match self.commit(jobs) {
            Ok(outcomes) => {
                self.size.send_replace(self.head.size());
                for (job, outcome) in outcomes {
                    job.reply(outcome);
                }
                Ok(())
            }
            Err(Failed { error, jobs }) => {
                let cause = std::error::Error::source(&error);
                error!(%error, cause, "a batch was not committed; nothing of it was kept");
                if matches!(error, Error::Full) {
                    // Before anyone is told, so that whoever asks again finds space.
                    self.core.reserve.spend();
                }
                for job in jobs {
                    job.reply(Err(match error {
                        Error::Full => Error::Full,
                        _ => Error::CustodyUnavailable(None),
                    }));
                }
                // After a failed sync nobody knows what is on the disk: stop, and let
                // start-up find out.
                if let Error::CustodyUnavailable(Some(error)) = error
                    && is_input_output(&error)
                {
                    return Err(error);
                }
                self.known.forget();
                self.head = self.head_as_it_is()?;
                // It may have been committed all the same; then it is published like any other.
                self.size.send_replace(self.head.size());
                Ok(())
            }
        }
    }

    /// The head as the database has it, after nobody knows what became of a batch. Of a server
    /// the connection may be lost; another one is tried for as long as [`RECONNECTING`].
    fn head_as_it_is(&mut self) -> Result<Head, DbError> {
        let give_up = Instant::now() + RECONNECTING;
        loop {
            let found = head::read(&mut self.connection);
            let found = found.and_then(|head| head.ok_or(DbError::HeadMoved));
            let lost = matches!(found, Err(DbError::Query(_))) && self.pool.is_shared();
            if !lost || Instant::now() >= give_up {
                return found;
            }
            thread::sleep(RECONNECT_PAUSE);
            match self.pool.connect_to_write() {
                Ok(connection) => self.connection = connection,
                Err(error) => warn!(%error, "the database can't be reached yet"),
            }
        }
    }

    fn commit(&mut self, mut jobs: Vec<Box<dyn Job>>) -> Result<Vec<Outcome>, Failed> {
        let core = self.core.clone();
        let mut head = self.head.clone();
        let mut ground = Ground {
            core: &core,
            stock: &mut self.stock,
            known: &mut self.known,
        };
        let mut outcomes = Vec::with_capacity(jobs.len());
        let waiting = &mut jobs;
        let mut ready = Instant::now();
        let result: Result<(), Error> = dialect::write(&mut self.connection, |connection| {
            // Another process may have moved the head; what is in the database decides.
            let stored = head::read(connection)?.ok_or(DbError::HeadMoved)?;
            ground
                .known
                .begin(stored.size() != head.size() || stored.root() != head.root());
            head = stored;
            let before = head.clone();
            for job in waiting.iter_mut() {
                outcomes.push(one(connection, &mut ground, &mut head, &mut **job)?);
            }
            if head.size() != before.size() {
                head::advance(connection, &before, &head)?;
            }
            ready = Instant::now();
            Ok(())
        });
        self.patience = ready.elapsed().min(MAX_PATIENCE);
        match result {
            Ok(()) => {
                self.head = head;
                core.keyring.vouched.settle();
                Ok(jobs.into_iter().zip(outcomes).collect())
            }
            Err(error) => {
                core.keyring.vouched.undo();
                Err(Failed { error, jobs })
            }
        }
    }
}

/// A batch that was not committed, with the callers to tell.
struct Failed {
    error: Error,
    jobs: Vec<Box<dyn Job>>,
}

/// Runs one command in its savepoint, and enters the refusal it leaves if it fails.
///
/// # Errors
/// The batch can't go on: the database failed, so that nobody knows what it kept of it.
fn one(
    connection: &mut Connection,
    ground: &mut Ground<'_>,
    head: &mut Head,
    job: &mut dyn Job,
) -> Result<Result<Vec<Entered>, Error>, Error> {
    let stop = match attempt(connection, ground, head, |tx| job.run(tx))? {
        Ok(entered) => return Ok(Ok(entered)),
        Err(stop) => stop,
    };
    if let Some(draft) = stop.leaves {
        let left = attempt(connection, ground, head, |tx| {
            tx.enter(*draft)?;
            Ok(())
        })?;
        if let Err(stop) = left {
            return Ok(Err(stop.error));
        }
    }
    Ok(Err(stop.error))
}

fn attempt(
    connection: &mut Connection,
    ground: &mut Ground<'_>,
    head: &mut Head,
    work: impl FnOnce(&mut Tx<'_>) -> Result<(), Stop>,
) -> Result<Result<Vec<Entered>, Stop>, Error> {
    let before = head.clone();
    let result: Result<_, Undone<Stop>> = dialect::savepoint(connection, |connection| {
        let mut tx = Tx::new(connection, ground, head);
        work(&mut tx)?;
        Ok(tx.into_entered())
    });
    let stop = match result {
        Ok(entered) => return Ok(Ok(entered)),
        Err(Undone::Transaction(stop)) => return Err(stop.error),
        Err(Undone::Savepoint(stop)) => stop,
    };
    if is_of_the_database(&stop.error) {
        return Err(stop.error);
    }
    *head = before;
    ground.known.forget();
    ground.core.keyring.vouched.undo();
    Ok(Err(stop))
}

/// Whether the database itself failed: full, unreadable, out of memory. A constraint that does
/// not hold is the command's own failure.
fn is_of_the_database(error: &Error) -> bool {
    use diesel::result::{DatabaseErrorKind as Kind, Error as Query};

    match error {
        Error::Full => true,
        Error::CustodyUnavailable(Some(DbError::Query(Query::DatabaseError(kind, _)))) => {
            !matches!(
                kind,
                Kind::UniqueViolation
                    | Kind::ForeignKeyViolation
                    | Kind::NotNullViolation
                    | Kind::CheckViolation
            )
        }
        _ => false,
    }
}

/// SQLite tells input and output errors in words alone.
fn is_input_output(error: &DbError) -> bool {
    matches!(
        error,
        DbError::Query(diesel::result::Error::DatabaseError(_, information))
            if information.message().contains("I/O error")
    )
}
