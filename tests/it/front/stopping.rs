//! A room that is told to stop.

use std::time::Duration;

use custos::http::front::limits::Limits;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{begun, connect, rest, room};
use crate::support::{bench::Bench, raw::status};

/// Long enough to be handed over.
const LENGTH: usize = 400_000;

/// A deposit of which half has come, on a room with limits of its own.
async fn half(limits: Limits) -> (Bench, TcpStream) {
    let bench = Bench::at(room(limits).await).await;
    let mut stream = begun(&bench, 2, LENGTH).await;
    stream.write_all(&[7; LENGTH / 2]).await.expect("sent");
    (bench, stream)
}

async fn refuses(port: u16) {
    for _ in 0..200 {
        if TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it still takes connections");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_is_finished_and_nothing_new_is_taken() {
    let (bench, mut stream) = half(Limits::default()).await;
    let idle = connect(&bench.app, 3, "").await;
    bench.app.stopper.stop();
    refuses(bench.app.port).await;
    assert_eq!(rest(idle).await, "", "an idle connection is closed");
    stream.write_all(&[7; LENGTH / 2]).await.expect("sent");
    let answer = rest(stream).await;
    assert_eq!(status(&answer), 201, "{answer}");
    bench
        .app
        .served
        .await
        .expect("no panic")
        .expect("it stopped well");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_end_is_cut_after_the_grace() {
    let limits = Limits {
        grace: Duration::from_millis(300),
        ..Limits::default()
    };
    let (bench, stream) = half(limits).await;
    bench.app.stopper.stop();
    assert_eq!(rest(stream).await, "");
    let served = bench.app.served.await.expect("no panic");
    served.expect("it stopped well");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_word_cuts_at_once() {
    let limits = Limits {
        grace: Duration::from_secs(600),
        ..Limits::default()
    };
    let (bench, stream) = half(limits).await;
    bench.app.stopper.stop();
    refuses(bench.app.port).await;
    bench.app.stopper.cut();
    assert_eq!(rest(stream).await, "");
    let served = bench.app.served.await.expect("no panic");
    served.expect("it stopped well");
}
