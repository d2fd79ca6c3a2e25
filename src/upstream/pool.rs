//! Kept connections to one target, and the fetch itself.

use super::FetchError;
use super::connection::Connection;
use super::dial::{Target, dial};
use super::exchange::{Bounds, Broken, Fetched, Sink, exchange};
use crate::ops::clock;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What a pool allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For one connection: lookup, TCP and TLS together.
    pub connect: Duration,
    /// For one fetch, from the first step to the last byte.
    pub total: Duration,
    /// Bytes of one answer's head.
    pub max_head: usize,
    /// Bytes of one answer's body, without its framing.
    pub max_body: u64,
    /// Connections kept while nobody needs them.
    pub max_idle: usize,
    /// For how long one is kept.
    pub idle_age: Duration,
}

/// The connections to one target. One pool per upstream and configuration: a new TLS setting is a new pool.
pub struct Pool {
    target: Target,
    limits: Limits,
    /// Oldest first; taken from the back, so that a quiet time lets the rest grow old.
    idle: Mutex<VecDeque<Idle>>,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            total: Duration::from_secs(30),
            max_head: 64 * 1024,
            max_body: 64 * 1024 * 1024,
            max_idle: 64,
            // Below the 75 s and more after which servers and middleboxes give up.
            idle_age: Duration::from_secs(30),
        }
    }
}

impl Pool {
    /// No connection yet; the first fetch opens one.
    #[must_use]
    pub const fn new(target: Target, limits: Limits) -> Self {
        Self { target, limits, idle: Mutex::new(VecDeque::new()) }
    }

    /// What the `Host` field of a request to this target says.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.target.authority
    }

    /// Sends `request` (see [`super::write_get`], [`super::write_post`]) and hands the answer to `sink`. It must be one
    /// that may be sent twice.
    ///
    /// Whatever the status. Dropping the future ends the fetch and its connection.
    ///
    /// # Errors
    /// When there is no answer, or none that is whole and sound. The sink may have seen a part of it by then.
    pub async fn fetch<S: Sink>(&self, request: &[u8], sink: &mut S) -> Result<Fetched, FetchError> {
        match tokio::time::timeout(self.limits.total, self.attempts(request, sink)).await {
            Ok(result) => result,
            Err(_elapsed) => Err(FetchError::TimedOut),
        }
    }

    /// On a kept connection, and once more on a fresh one when the kept one died without a word.
    async fn attempts<S: Sink>(&self, request: &[u8], sink: &mut S) -> Result<Fetched, FetchError> {
        if let Some(mut kept) = self.take_idle() {
            match exchange(&mut kept, request, sink, self.bounds()).await {
                Ok((fetched, keep)) => return Ok(self.finish(kept, fetched, keep)),
                Err(Broken::Failed(error)) => return Err(error),
                Err(Broken::Unanswered(_)) => {}
            }
        }
        // Boxed: a dial is rare, and its handshake would make every fetch's future as large as itself.
        let dialled = tokio::time::timeout(self.limits.connect, Box::pin(dial(&self.target))).await;
        let mut fresh = dialled.map_err(|_elapsed| FetchError::TimedOut)??;
        match exchange(&mut fresh, request, sink, self.bounds()).await {
            Ok((fetched, keep)) => Ok(self.finish(fresh, fetched, keep)),
            Err(Broken::Failed(error) | Broken::Unanswered(error)) => Err(error),
        }
    }

    const fn bounds(&self) -> Bounds {
        Bounds { max_head: self.limits.max_head, max_body: self.limits.max_body }
    }

    /// The youngest kept connection that is still sound.
    fn take_idle(&self) -> Option<Connection> {
        let now = clock::instant();
        let mut idle = self.idle.lock();
        while let Some(mut youngest) = idle.pop_back() {
            if self.is_old(&youngest, now) {
                // All others are older.
                idle.clear();
            } else if youngest.connection.is_quiet() {
                return Some(youngest.connection);
            }
        }
        None
    }

    fn finish(&self, mut connection: Connection, fetched: Fetched, keep: bool) -> Fetched {
        if keep && self.limits.max_idle > 0 {
            connection.rest();
            let since = clock::instant();
            let mut idle = self.idle.lock();
            while idle.front().is_some_and(|oldest| idle.len() >= self.limits.max_idle || self.is_old(oldest, since)) {
                idle.pop_front();
            }
            idle.push_back(Idle { connection, since });
        }
        fetched
    }

    fn is_old(&self, idle: &Idle, now: Instant) -> bool {
        now.saturating_duration_since(idle.since) > self.limits.idle_age
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool")
            .field("target", &self.target.authority)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
