//! A commit that goes wrong when it is told to, for tests.
//!
//! What was told belongs to the thread that told it: a command arms the writer that runs it, and
//! no other test's.

use std::cell::RefCell;

use diesel::{
    connection::SimpleConnection,
    result::{DatabaseErrorKind, Error},
};

use super::{AnyConnection, committing};

/// What becomes of a commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// It is not made, and its caller is told so.
    Failed,
    /// It is made, and its caller is told that it was not.
    Unsaid,
    /// It is not made, and its caller is told that it was: no database does this, and a room that
    /// ran on one must be found out.
    Lost,
}

/// One commit that goes wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// Commits of the thread before it, that of the command which tells not counted.
    pub(crate) after: usize,
    /// What becomes of it.
    pub(crate) outcome: Outcome,
    /// What the database says: its words alone tell a full disk from a failed one.
    pub(crate) words: &'static str,
}

/// What runs just before a commit.
pub(crate) type Hook = Box<dyn FnMut(&mut AnyConnection) + Send>;

thread_local! {
    static FAULT: RefCell<Option<Fault>> = const { RefCell::new(None) };
    static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
}

/// Tells what goes wrong on this thread, after the transaction that is open now.
pub(crate) fn tell(fault: Fault) {
    let after = fault.after + 1;
    FAULT.set(Some(Fault { after, ..fault }));
}

/// Runs `hook` before each commit of this thread, while the transaction is still open.
pub(crate) fn before_commits(hook: Option<Hook>) {
    HOOK.set(hook);
}

/// Commits, as it was told.
pub(super) fn commit(connection: &mut AnyConnection) -> Result<(), Error> {
    HOOK.with_borrow_mut(|hook| {
        if let Some(hook) = hook {
            hook(connection);
        }
    });
    let strikes = FAULT.with_borrow_mut(|told| {
        let fault = told.as_mut()?;
        if fault.after > 0 {
            fault.after -= 1;
            return None;
        }
        told.take()
    });
    let Some(fault) = strikes else {
        return committing(connection);
    };
    match fault.outcome {
        Outcome::Failed => {}
        Outcome::Unsaid => committing(connection)?,
        Outcome::Lost => return connection.batch_execute("ROLLBACK"),
    }
    let words = Box::new(fault.words.to_owned());
    Err(Error::DatabaseError(DatabaseErrorKind::Unknown, words))
}
