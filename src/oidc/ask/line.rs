//! The connections to whoever is asked again and again.

use crate::oidc::fetch::pool;
use crate::oidc::{OidcError, Remote, SourceUrl};
use crate::ops::clock;
use crate::types::Secret;
use crate::upstream::{Limits, Pool, ResponseHead, Sink, Stop, Take};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// Connections to one URL, kept for a while.
#[derive(Debug)]
pub(super) struct Line {
    url: SourceUrl,
    remote: Remote,
    max_idle: usize,
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    pool: Arc<Pool>,
    since: Instant,
}

/// The largest answer, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// For how long the addresses of a host are taken for its own: then the name is looked up and checked again.
const MAX_AGE: Duration = Duration::from_secs(30);

impl Line {
    /// No connection yet; at most `max_idle` are kept.
    pub(super) fn new(url: SourceUrl, remote: Remote, max_idle: usize) -> Self {
        Self { url, remote, max_idle, kept: Mutex::new(None) }
    }

    /// Sends `request`; the body of the answer if its status is one of `statuses`.
    pub(super) async fn send(&self, request: &Secret<Vec<u8>>, statuses: &[u16]) -> Result<Vec<u8>, OidcError> {
        let mut answer = Answer { statuses, body: Vec::new() };
        let fetched = match self.pool().await?.fetch(request.expose(), &mut answer).await {
            Ok(fetched) => fetched,
            Err(error) => {
                // Perhaps the host has moved.
                self.kept.lock().await.take();
                return Err(error.into());
            }
        };
        if statuses.contains(&fetched.status) { Ok(answer.body) } else { Err(OidcError::Status(fetched.status)) }
    }

    /// The lock is held over the lookup: who comes meanwhile waits for the same.
    async fn pool(&self) -> Result<Arc<Pool>, OidcError> {
        let mut kept = self.kept.lock().await;
        let since = clock::instant();
        if let Some(kept) = &*kept
            && since.saturating_duration_since(kept.since) < MAX_AGE
        {
            return Ok(Arc::clone(&kept.pool));
        }
        let max_body = u64::try_from(MAX_ANSWER).unwrap_or(u64::MAX);
        let limits = Limits { max_body, max_idle: self.max_idle, ..Limits::default() };
        let pool = Arc::new(pool(&self.url, &self.remote, limits).await?);
        *kept = Some(Kept { pool: Arc::clone(&pool), since });
        Ok(pool)
    }
}

struct Answer<'a> {
    statuses: &'a [u16],
    body: Vec<u8>,
}

impl Sink for Answer<'_> {
    fn head(&mut self, head: &ResponseHead<'_>) -> Result<Take, Stop> {
        Ok(if self.statuses.contains(&head.status) { Take::Body } else { Take::Head })
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.body.extend_from_slice(bytes);
        Ok(())
    }
}
