//! Witnesses: two rooms that confirm each other's logs, copies that go on by themselves, and
//! witnesses that answer what they should not.

mod answers;
pub mod forks;
mod kills;
mod mutual;
mod server;

use std::{future::Future, time::Duration};

use custos::{
    app::{
        Room,
        witnesses::asking::{self, Outcome, Sender},
    },
    jobs,
};
use custos_core::checkpoint::SignedCheckpoint;
use reqwest::Method;
use tokio::task::JoinHandle;

use crate::support::TestApp;

/// Asks the first witness of a room once.
pub async fn ask(room: &Room) -> Outcome {
    let sender = Sender::new().expect("a client");
    let watched = room.witnesses.all().first().expect("a witness");
    asking::ask(room, &sender, watched)
        .await
        .expect("the room is whole")
}

/// Asks as `serve` does.
pub fn asking(room: &Room) -> JoinHandle<()> {
    let room = room.clone();
    let data = std::env::temp_dir().join("no-room-here");
    tokio::spawn(async move { jobs::witness::run(&room, &data).await })
}

/// The newest checkpoint as anyone has it.
pub async fn checkpoint(app: &TestApp) -> SignedCheckpoint {
    let answer = app.request(Method::GET, "/log/checkpoint").send().await;
    let note = answer.expect("an answer").bytes().await.expect("a note");
    SignedCheckpoint::parse(&note).expect("a checkpoint")
}

/// Waits until something is so.
pub async fn until<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    for _ in 0..600 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} does not come");
}
