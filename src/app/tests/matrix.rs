//! The fault matrix: whatever the room writes goes wrong once, in each way that it can, with and
//! without a start behind it, and then the whole log is compared with all that was ever said.
//!
//! | point | what is written there |
//! |---|---|
//! | `Announced`, `TakenIn`, `Viewed` | a batch of the writer, in the register |
//! | `Part`, `Object` | the bytes of an item, and their being put in place |
//! | `Bundle`, `Tile` | public files of the log |
//! | `Signed` | nothing: a signature that is lost |
//! | `Kept` | the note and the published size, in the register |
//! | `Checkpoint` | the file that anyone reads |

mod bench;

use std::io::ErrorKind;

use self::bench::Matrix;
use crate::{
    db::dialect::faults::{self, Outcome as Commit},
    store::faults::Outcome as File,
};

/// Where something goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Point {
    Announced,
    TakenIn,
    Viewed,
    Part,
    Object,
    /// The file of its kind behind so many others.
    Bundle(usize),
    Tile(usize),
    Signed,
    Kept,
    Checkpoint,
}

/// How it goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// Nothing was written, and that is said.
    Failed,
    /// The same, because the disk is full.
    Full,
    /// The same, because of a disk that fails: nobody knows what it holds.
    Broken,
    /// It was written, and the contrary is said.
    Unsaid,
    /// The same by a disk that fails.
    UnsaidBroken,
    /// It was not written, and the contrary is said. Nothing may do this; the matrix finds it.
    Lost,
}

impl How {
    pub const fn is_unsaid(self) -> bool {
        matches!(self, Self::Unsaid | Self::UnsaidBroken)
    }

    /// As a commit of the register.
    pub const fn commit(self, after: usize) -> faults::Fault {
        let outcome = match self {
            Self::Failed | Self::Full | Self::Broken => Commit::Failed,
            Self::Unsaid | Self::UnsaidBroken => Commit::Unsaid,
            Self::Lost => Commit::Lost,
        };
        let words = match self {
            Self::Full => "database or disk is full",
            Self::Broken | Self::UnsaidBroken => "disk I/O error",
            _ => "the connection was lost",
        };
        faults::Fault {
            after,
            outcome,
            words,
        }
    }

    /// As a public file of the store.
    pub const fn file(self) -> File {
        match self {
            Self::Full => File::Failed(ErrorKind::StorageFull),
            Self::Failed | Self::Broken => File::Failed(ErrorKind::TimedOut),
            Self::Unsaid | Self::UnsaidBroken => File::Unsaid(ErrorKind::TimedOut),
            Self::Lost => File::Lost,
        }
    }

    /// Of these a point of the register has all; a store can't say that its disk fails here,
    /// which the campaign of system calls looks at.
    const REGISTER: [Self; 5] = [
        Self::Failed,
        Self::Full,
        Self::Broken,
        Self::Unsaid,
        Self::UnsaidBroken,
    ];
    const STORE: [Self; 3] = [Self::Failed, Self::Full, Self::Unsaid];
    const SIGNATURE: [Self; 2] = [Self::Failed, Self::Unsaid];
    /// A part that is stored and not acknowledged is no object yet: the same as one that failed.
    const PART: [Self; 2] = [Self::Failed, Self::Full];
    const OBJECT: [Self; 2] = [Self::Failed, Self::Unsaid];
}

impl Point {
    pub fn all() -> Vec<(Self, &'static [How])> {
        vec![
            (Self::Announced, &How::REGISTER),
            (Self::TakenIn, &How::REGISTER),
            (Self::Viewed, &How::REGISTER),
            (Self::Part, &How::PART),
            (Self::Object, &How::OBJECT),
            (Self::Bundle(0), &How::STORE),
            (Self::Bundle(1), &How::STORE),
            (Self::Tile(0), &How::STORE),
            (Self::Tile(1), &How::STORE),
            (Self::Tile(2), &How::STORE),
            (Self::Signed, &How::SIGNATURE),
            (Self::Kept, &How::REGISTER),
            (Self::Checkpoint, &How::STORE),
        ]
    }

    /// Whether more than one file of its kind must be written for it to be there.
    pub const fn is_wide(self) -> bool {
        matches!(self, Self::Bundle(1) | Self::Tile(1 | 2))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_goes_wrong_nothing_acknowledged_is_lost_and_the_log_never_forks() {
    let (mut passed, mut failed) = (0, Vec::new());
    let (mut items, mut answers_lost, mut checkpoints) = (0, 0, 0);
    for (point, ways) in Point::all() {
        let mut matrix = Matrix::new().await;
        for how in ways {
            for restarts in [false, true] {
                match matrix.cell(point, *how, restarts).await {
                    Ok(()) => passed += 1,
                    Err(said) => {
                        failed.push(format!("{point:?}, {how:?}, {restarts}: {said}"));
                        // What it left must not be counted again.
                        matrix = Matrix::new().await;
                    }
                }
            }
        }
        for known in &matrix.acknowledged {
            matrix.compare(known).await.expect("as it was deposited");
        }
        items += matrix.acknowledged.len();
        answers_lost += matrix.lost_answers;
        checkpoints += matrix.store.checkpoints().len();
    }
    println!(
        "fault matrix: {passed} passed, {} failed; {items} items, {answers_lost} answers lost, \
         {checkpoints} checkpoints seen",
        failed.len(),
    );
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert_eq!(passed, 88);
}

/// Each defect is planted in a room of its own, and the cell that looks for it must find it.
#[tokio::test(flavor = "multi_thread")]
async fn the_matrix_finds_what_is_planted() {
    for (point, restarts, expected) in [
        // A database that commits nothing and says that it did: acknowledged before it is durable.
        (Point::TakenIn, false, "is lost"),
        (Point::TakenIn, true, "is lost"),
        // A store that keeps nothing and says that it did.
        (Point::Bundle(0), false, "is not in the store"),
        (Point::Tile(0), true, "does not start"),
    ] {
        let mut matrix = Matrix::new().await;
        let said = matrix.cell(point, How::Lost, restarts).await;
        let said = said.expect_err("it was planted");
        assert!(said.contains(expected), "{point:?}: {said}");
        println!("planted: {point:?}: {said}");
    }
    let mut matrix = Matrix::new().await;
    matrix.plant_early_signatures().await;
    let said = matrix.cell(Point::TakenIn, How::Failed, false).await;
    let said = said.expect_err("a tree was signed that was never committed");
    assert!(said.contains("a fork"), "{said}");
    println!("planted: signed before the commit: {said}");

    let mut matrix = Matrix::new().await;
    matrix.case.world.room.publisher.told.plant_file_first();
    let said = matrix.cell(Point::Kept, How::Failed, true).await;
    let said = said.expect_err("more was given out than the register keeps");
    assert!(said.contains("older than what was published"), "{said}");
    println!("planted: given out before it is kept: {said}");
}
