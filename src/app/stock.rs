//! Blanks for entries that are still to come: random bytes and what follows from them alone,
//! made ahead by a thread of its own, so that the writer's thread does not wait for it.

use std::{
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use custos_core::{
    cipher::Salt,
    event::{self, Opening},
    ids::Id,
};

use crate::ambient::Ambient;

/// Blanks that are handed over together: waking the thread for each would cost more than it saves.
const SHEAF_BLANKS: usize = 64;
/// Sheaves that are kept ready: two full batches of the writer.
const STOCK_SHEAVES: usize = 16;

/// What one entry takes from chance. Wiped when dropped, used or not.
#[derive(Debug)]
pub struct Blank {
    /// The row's id.
    pub id: Id,
    /// Both openings, and what they commit to.
    pub slots: event::Blank,
    /// For the link part and the body part.
    pub salts: [Salt; 2],
}

impl Blank {
    fn draw(ambient: &Ambient) -> Self {
        let opening = || Opening::from_bytes(ambient.bytes());
        Self {
            id: Id::from_bytes(ambient.bytes()),
            slots: event::Blank::new(opening(), opening()),
            salts: [
                Salt::from_bytes(ambient.bytes()),
                Salt::from_bytes(ambient.bytes()),
            ],
        }
    }
}

/// The way to the thread that makes them; it ends when this is dropped.
pub struct Stock {
    sheaves: Receiver<Vec<Blank>>,
    /// What is left of the sheaf taken last.
    open: Vec<Blank>,
    ambient: Ambient,
}

impl Stock {
    /// Starts the thread.
    pub fn start(ambient: Ambient) -> Self {
        let (sender, sheaves) = sync_channel(STOCK_SHEAVES);
        let maker = ambient.clone();
        thread::Builder::new()
            .name("stock".into())
            .spawn(move || fill(&sender, &maker))
            .expect("the system starts a thread");
        Self::of(sheaves, ambient)
    }

    /// A stock that keeps nothing: each blank is made when it is taken.
    pub fn none(ambient: Ambient) -> Self {
        let (_, sheaves) = sync_channel(0);
        Self::of(sheaves, ambient)
    }

    fn of(sheaves: Receiver<Vec<Blank>>, ambient: Ambient) -> Self {
        Self {
            sheaves,
            open: Vec::new(),
            ambient,
        }
    }

    /// A blank, made now if none is ready.
    pub fn take(&mut self) -> Blank {
        if self.open.is_empty() {
            self.open = self.sheaves.try_recv().unwrap_or_default();
        }
        let ready = self.open.pop();
        ready.unwrap_or_else(|| Blank::draw(&self.ambient))
    }
}

fn fill(sender: &SyncSender<Vec<Blank>>, ambient: &Ambient) {
    let sheaf = || (0..SHEAF_BLANKS).map(|_| Blank::draw(ambient)).collect();
    while sender.send(sheaf()).is_ok() {}
}
