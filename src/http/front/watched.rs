//! A connection's bytes, watched for the first ones of a request.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::life::Life;

/// A connection that tells its life when bytes come, and when bytes wait to be taken.
pub(super) struct Watched<S> {
    pub(super) stream: S,
    pub(super) life: Arc<Life>,
    /// Whether bytes that come while no request runs are a head's; HTTP/2 sends others, too.
    pub(super) heads: bool,
}

impl<S> Watched<S> {
    /// What a write says of bytes that wait.
    fn wrote(&self, written: &Poll<io::Result<usize>>) {
        match written {
            Poll::Pending => self.life.unsent(true),
            Poll::Ready(_) => self.life.sent(),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if self.heads && buffer.filled().len() > before {
            self.life.received();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.wrote(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes once it has written all that it holds.
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.life.unsent(flushed.is_pending());
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn bytes_that_wait_for_the_client_keep_a_connection_busy() {
        let (stream, mut client) = duplex(64);
        let life = Arc::new(Life::new());
        let mut watched = Watched {
            stream,
            life: life.clone(),
            heads: true,
        };
        watched.write_all(&[0; 64]).await.expect("it fits");
        assert!(life.quiet_since().is_some(), "all of it was taken");
        let writing = tokio::spawn(async move {
            watched.write_all(&[0; 40]).await.expect("it is taken");
            watched.flush().await.expect("it is out");
            watched
        });
        while life.quiet_since().is_some() {
            tokio::task::yield_now().await;
        }
        client.read_exact(&mut [0; 104]).await.expect("all bytes");
        let _watched = writing.await.expect("it ends");
        assert!(life.quiet_since().is_some());
    }
}
