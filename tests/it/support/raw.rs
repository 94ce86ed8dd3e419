//! Bytes on a socket, for what no client sends.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::TestApp;

/// A request whose sender is gone is answered to nobody; after so long it is over.
const SETTLED: Duration = Duration::from_millis(150);

impl TestApp {
    /// Sends bytes and gives the whole answer.
    pub async fn raw(&self, bytes: &[u8]) -> String {
        self.sent(bytes, false).await
    }

    /// Sends bytes and hangs up. What the room made of them is settled when this returns.
    pub async fn cut(&self, bytes: &[u8]) -> String {
        let answer = self.sent(bytes, true).await;
        tokio::time::sleep(SETTLED).await;
        answer
    }

    async fn sent(&self, bytes: &[u8], hangs_up: bool) -> String {
        sent_to(self.port, bytes, hangs_up).await
    }
}

/// Sends bytes to a port of this machine and gives the whole answer.
pub async fn sent_to(port: u16, bytes: &[u8], hangs_up: bool) -> String {
    let mut socket = TcpStream::connect(("127.0.0.1", port))
        .await
        .expect("a connection");
    // Whoever listens may answer and close before all is sent.
    drop(socket.write_all(bytes).await);
    if hangs_up {
        drop(socket.shutdown().await);
    }
    let mut answer = Vec::new();
    drop(socket.read_to_end(&mut answer).await);
    String::from_utf8_lossy(&answer).into_owned()
}

/// The status in the first line of an answer; 0 where there is none.
pub fn status(answer: &str) -> u16 {
    let code = answer.split(' ').nth(1).unwrap_or_default();
    code.parse().unwrap_or(0)
}
