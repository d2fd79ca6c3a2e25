//! A server for tests that answers with exactly the bytes it is told to.

use crate::ops::drain::Tasks;
use parking_lot::Mutex;
use rustls::ServerConfig;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

/// One answer, as bytes on the wire.
#[derive(Clone)]
pub(crate) struct Reply {
    pieces: Vec<Vec<u8>>,
    gap: Duration,
    end: End,
    gate: Option<Arc<Semaphore>>,
}

/// What the server does with the connection after a reply.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Keep,
    Close,
    Hang,
}

/// A running server; it ends with the runtime of its test.
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    requests: Mutex<Vec<String>>,
}

type Handler = dyn Fn(usize, &str) -> Reply + Send + Sync;

impl Reply {
    /// These bytes in one write; then the next request is awaited.
    pub(crate) fn raw(bytes: impl AsRef<[u8]>) -> Self {
        Self { pieces: vec![bytes.as_ref().to_vec()], gap: Duration::ZERO, end: End::Keep, gate: None }
    }

    /// A sound 200 with a length.
    pub(crate) fn ok(body: &str) -> Self {
        Self::raw(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
    }

    /// Then the connection is closed.
    pub(crate) fn close(mut self) -> Self {
        self.end = End::Close;
        self
    }

    /// Then nothing more happens.
    pub(crate) fn hang(mut self) -> Self {
        self.end = End::Hang;
        self
    }

    /// The same, once `gate` gives a permit, which is used up.
    pub(crate) fn behind(mut self, gate: &Arc<Semaphore>) -> Self {
        self.gate = Some(Arc::clone(gate));
        self
    }

    /// The same bytes, `size` at a time with a pause in between.
    pub(crate) fn dripping(mut self, size: usize, gap: Duration) -> Self {
        self.pieces = self.pieces.concat().chunks(size).map(<[u8]>::to_vec).collect();
        self.gap = gap;
        self
    }
}

impl Fake {
    /// Answers the n-th request (from zero, over all connections) with `handler(n, head and body)`.
    pub(crate) async fn start(handler: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Self {
        Self::serve(None, handler).await
    }

    /// The same over TLS.
    pub(crate) async fn tls(
        config: Arc<ServerConfig>,
        handler: impl Fn(usize, &str) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::serve(Some(TlsAcceptor::from(config)), handler).await
    }

    async fn serve(
        acceptor: Option<TlsAcceptor>,
        handler: impl Fn(usize, &str) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let handler: Arc<Handler> = Arc::new(handler);
        let (seen, tasks) = (Arc::new(Seen::default()), Tasks::new());
        let all = Arc::clone(&seen);
        tasks.clone().spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                all.connections.fetch_add(1, Ordering::SeqCst);
                tasks.spawn(welcome(tcp, acceptor.clone(), Arc::clone(&all), Arc::clone(&handler)));
            }
        });
        Self { address, seen }
    }

    /// How many connections were accepted.
    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// All requests, in order: their heads, each with its body behind it.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().clone()
    }
}

async fn welcome(tcp: TcpStream, acceptor: Option<TlsAcceptor>, seen: Arc<Seen>, handler: Arc<Handler>) -> Option<()> {
    match acceptor {
        None => converse(tcp, &seen, &*handler).await,
        Some(acceptor) => converse(acceptor.accept(tcp).await.ok()?, &seen, &*handler).await,
    }
}

async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, seen: &Seen, handler: &Handler) -> Option<()> {
    let mut head = Vec::new();
    loop {
        head.clear();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        let length =
            String::from_utf8_lossy(&head).lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok());
        for _ in 0..length.unwrap_or(0) {
            head.push(stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let number = {
            let mut requests = seen.requests.lock();
            requests.push(head.clone());
            requests.len() - 1
        };
        let reply = handler(number, &head);
        if let Some(gate) = &reply.gate {
            gate.acquire().await.ok()?.forget();
        }
        for piece in &reply.pieces {
            stream.write_all(piece).await.ok()?;
            stream.flush().await.ok()?;
            if !reply.gap.is_zero() {
                tokio::time::sleep(reply.gap).await;
            }
        }
        match reply.end {
            End::Keep => {}
            End::Close => return stream.shutdown().await.ok(),
            End::Hang => std::future::pending().await,
        }
    }
}
