//! A connection with one deadline, for the HTTP/1.1 lane.
//!
//! The deadline is one timer for the connection's whole life, re-armed only when it fires: a request costs no timer
//! operation, and an idle connection holds no buffer.

use std::future::Future;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::ops::clock;
use crate::ops::drain::Stopping;

/// Why a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The other side closed it, or it broke.
    Closed,
    /// The deadline passed.
    TimedOut,
    /// monward is shutting down.
    Stopping,
}

/// A stream with a deadline.
pub(super) struct Wire<S> {
    stream: S,
    timer: Pin<Box<Sleep>>,
    deadline: Instant,
    stopping: Stopping,
    /// Ends when monward begins to shut down; polled while the connection is idle.
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// How much is read at once.
const READ: usize = 4096;
/// How much of what a refused client still sends is thrown away, so that it can read the answer.
const LINGER_BYTES: usize = 2 * 1024 * 1024;
const LINGER: Duration = Duration::from_secs(2);
/// The slowest reader that is served: a body is held in memory until it has left.
const SLOWEST_BYTES_PER_SECOND: u64 = 16 * 1024;

/// How long an answer of `bytes` may take to leave, however steadily the client reads.
pub(super) fn longest_write(bytes: usize, patience: Duration) -> Duration {
    patience + Duration::from_secs(bytes as u64 / SLOWEST_BYTES_PER_SECOND)
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(stream: S, stopping: Stopping) -> Self {
        let deadline = Instant::from_std(clock::instant());
        let mut watched = stopping.clone();
        let stopped = Box::pin(async move { watched.stopped().await });
        Self { stream, timer: Box::pin(sleep_until(deadline)), deadline, stopping, stopped }
    }

    /// From now on, everything must be done within `span`.
    pub(super) fn within(&mut self, span: Duration) {
        self.deadline = Instant::from_std(clock::instant()) + span;
    }

    /// Whether monward is shutting down.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.is_stopping()
    }

    /// Reads what is there, or waits for it; a shutdown ends the wait.
    pub(super) async fn read_idle(&mut self, into: &mut Vec<u8>) -> Result<(), Ended> {
        std::future::poll_fn(|context| match self.poll_read(context, into) {
            Poll::Pending if self.is_stopping() || self.stopped.as_mut().poll(context).is_ready() => {
                Poll::Ready(Err(Ended::Stopping))
            }
            polled @ (Poll::Ready(_) | Poll::Pending) => polled,
        })
        .await
    }

    /// Reads what is there, or waits for it.
    pub(super) async fn read(&mut self, into: &mut Vec<u8>) -> Result<(), Ended> {
        std::future::poll_fn(|context| self.poll_read(context, into)).await
    }

    fn poll_read(&mut self, context: &mut Context<'_>, into: &mut Vec<u8>) -> Poll<Result<(), Ended>> {
        let mut space = [MaybeUninit::<u8>::uninit(); READ];
        let mut space = ReadBuf::uninit(&mut space);
        match Pin::new(&mut self.stream).poll_read(context, &mut space) {
            Poll::Ready(Ok(())) if !space.filled().is_empty() => {
                into.extend_from_slice(space.filled());
                Poll::Ready(Ok(()))
            }
            Poll::Ready(_) => Poll::Ready(Err(Ended::Closed)),
            Poll::Pending => self.poll_deadline(context),
        }
    }

    /// Writes and flushes all of `bytes`; each piece of progress gives another `patience`, within [`longest_write`].
    pub(super) async fn write_all(&mut self, mut bytes: &[u8], patience: Duration) -> Result<(), Ended> {
        self.within(patience);
        let latest = Instant::from_std(clock::instant()) + longest_write(bytes.len(), patience);
        while !bytes.is_empty() {
            let written = std::future::poll_fn(|context| self.poll_write(context, bytes)).await?;
            bytes = bytes.get(written..).unwrap_or_default();
            self.within(patience);
            self.deadline = self.deadline.min(latest);
        }
        std::future::poll_fn(|context| match Pin::new(&mut self.stream).poll_flush(context) {
            Poll::Ready(done) => Poll::Ready(done.map_err(|_| Ended::Closed)),
            Poll::Pending => self.poll_deadline(context),
        })
        .await
    }

    fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Ended>> {
        match Pin::new(&mut self.stream).poll_write(context, bytes) {
            Poll::Ready(Ok(written)) if written > 0 => Poll::Ready(Ok(written)),
            Poll::Ready(_) => Poll::Ready(Err(Ended::Closed)),
            Poll::Pending => self.poll_deadline(context),
        }
    }

    /// Says goodbye, then throws away a bounded rest of what the client sends: closing a socket with unread bytes
    /// resets it, and the client would lose the answer.
    pub(super) async fn close(&mut self) {
        self.within(LINGER);
        let said = std::future::poll_fn(|context| match Pin::new(&mut self.stream).poll_shutdown(context) {
            Poll::Ready(done) => Poll::Ready(done.map_err(|_| Ended::Closed)),
            Poll::Pending => self.poll_deadline(context),
        });
        if said.await.is_err() {
            return;
        }
        let mut thrown_away = 0;
        let mut rest = Vec::new();
        while thrown_away < LINGER_BYTES && self.read(&mut rest).await.is_ok() {
            thrown_away += rest.len();
            rest.clear();
        }
    }

    fn poll_deadline<T>(&mut self, context: &mut Context<'_>) -> Poll<Result<T, Ended>> {
        if self.timer.deadline() > self.deadline {
            self.timer.as_mut().reset(self.deadline);
        }
        while self.timer.as_mut().poll(context).is_ready() {
            if Instant::from_std(clock::instant()) >= self.deadline {
                return Poll::Ready(Err(Ended::TimedOut));
            }
            self.timer.as_mut().reset(self.deadline);
        }
        Poll::Pending
    }
}
