//! A bad link: a relay between the program and the room that fails when it is told.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, watch},
};

/// What goes wrong with a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// After so many bytes of bodies nothing gets through any more.
    StallAfter(u64),
    /// After so many bytes of bodies the connection is cut, once.
    CutAfter(u64),
    /// The room answers a transfer, and nobody ever hears it.
    LoseAnswer,
    /// The room answers a transfer or a change, and the connection is cut before the answer, once.
    CutAnswer,
    /// After so many bytes from the room the connection is cut.
    CutComing(u64),
}

/// The relay.
pub struct Wire {
    pub port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    fault: watch::Sender<Fault>,
    reached: Notify,
    up: AtomicU64,
}

impl Wire {
    pub async fn to(room: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            fault: watch::Sender::new(Fault::None),
            reached: Notify::new(),
            up: AtomicU64::new(0),
        });
        let all = shared.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let shared = all.clone();
                tokio::spawn(async move {
                    if let Ok(far) = TcpStream::connect(("127.0.0.1", room)).await {
                        shared.relay(near, far).await;
                    }
                });
            }
        });
        Self { port, shared }
    }

    /// From now on this goes wrong.
    pub fn fail(&self, fault: Fault) {
        self.shared.up.store(0, Ordering::SeqCst);
        self.shared.fault.send_replace(fault);
    }

    /// Waits until it went wrong.
    pub async fn reached(&self) {
        self.shared.reached.notified().await;
    }

    pub fn fault(&self) -> Fault {
        self.shared.now()
    }
}

impl Shared {
    fn now(&self) -> Fault {
        *self.fault.borrow()
    }

    async fn relay(&self, near: TcpStream, far: TcpStream) {
        let (mut near_in, mut near_out) = near.into_split();
        let (mut far_in, mut far_out) = far.into_split();
        let transfers = AtomicU64::new(0);
        let up = async {
            let mut piece = vec![0; 16 << 10];
            while let Ok(got @ 1..) = near_in.read(&mut piece).await {
                let has = |mark: &[u8]| piece[..got].windows(mark.len()).any(|text| text == mark);
                if has(b"PUT /") || has(b"idempotency-key: ") {
                    transfers.store(1, Ordering::SeqCst);
                }
                if transfers.load(Ordering::SeqCst) == 1 {
                    let sum = self.up.fetch_add(got as u64, Ordering::SeqCst) + got as u64;
                    match self.now() {
                        Fault::StallAfter(limit) if sum > limit => {
                            self.reached.notify_one();
                            std::future::pending::<()>().await;
                        }
                        Fault::CutAfter(limit) if sum > limit => {
                            self.fault.send_replace(Fault::None);
                            return;
                        }
                        _ => {}
                    }
                }
                if far_out.write_all(&piece[..got]).await.is_err() {
                    return;
                }
            }
        };
        let down = async {
            let mut piece = vec![0; 16 << 10];
            let mut sum = 0;
            while let Ok(got @ 1..) = far_in.read(&mut piece).await {
                sum += got as u64;
                let transfer = transfers.load(Ordering::SeqCst) == 1;
                match self.now() {
                    Fault::LoseAnswer if transfer => {
                        self.reached.notify_one();
                        std::future::pending::<()>().await;
                    }
                    Fault::CutAnswer if transfer => {
                        self.fault.send_replace(Fault::None);
                        return;
                    }
                    Fault::CutComing(limit) if sum > limit => return,
                    _ => {}
                }
                if near_out.write_all(&piece[..got]).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = up => {}
            () = down => {}
        }
    }
}
