//! When the keys of an issuer are written to disk. A disk that fails or hangs stops nothing else.

use super::shelf::{Kept, Shelf, ShelfFault};
use crate::authn::KeyRing;
use crate::ops::key_metrics::KeyResultLabels;
use crate::ops::metrics::Metrics;
use crate::types::UnixTime;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

/// Keeps the last good keys of one issuer on disk.
#[derive(Clone, Debug)]
pub(super) struct Keeper(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    shelf: Shelf,
    /// What is on disk is written again at this age, though it did not change.
    renew: Duration,
    metrics: Arc<Metrics>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    written: Option<Kept>,
    busy: bool,
    complained: bool,
}

impl Keeper {
    pub(super) fn new(name: &str, shelf: Shelf, max_stale: Duration, metrics: Arc<Metrics>) -> Self {
        let state = Mutex::new(State::default());
        Self(Arc::new(Inner { name: name.to_owned(), shelf, renew: max_stale / 10, metrics, state }))
    }

    /// Puts what an earlier run left into `ring`, if it may still serve.
    pub(super) fn restore(&self, ring: &mut KeyRing, now: UnixTime) {
        let (issuer, file) = (&self.0.name, self.0.shelf.path().display());
        let result = match self.load(ring, now) {
            Ok(None) => "none",
            Ok(Some(age)) => {
                tracing::info!(%issuer, age = age.as_secs(), "keys of an earlier run serve until the issuer answers");
                "ok"
            }
            Err(fault) => {
                tracing::warn!(%issuer, %file, "the keys on disk are not used: {fault}");
                fault.label()
            }
        };
        let labels = KeyResultLabels { issuer: issuer.clone(), result };
        self.0.metrics.keys.restored.get_or_create(&labels).inc();
    }

    /// The age of the keys that were found.
    fn load(&self, ring: &mut KeyRing, now: UnixTime) -> Result<Option<Duration>, ShelfFault> {
        let Some(kept) = self.0.shelf.load(now, ring.settings().max_stale)? else { return Ok(None) };
        ring.restore(kept.fetched_at, &kept.document)?;
        let age = now.since(kept.fetched_at);
        self.0.state.lock().written = Some(kept);
        Ok(Some(age))
    }

    /// A fetch brought `document`: writes it in the background, unless the disk has it and lately.
    ///
    /// Nobody waits for that. While one is being written, the next one is left to the next fetch.
    pub(super) fn keep(&self, fetched_at: UnixTime, document: &[u8]) {
        let mut state = self.0.state.lock();
        let is_there = state.written.as_ref().is_some_and(|written| {
            written.document == document
                && written.fetched_at <= fetched_at
                && fetched_at.since(written.fetched_at) < self.0.renew
        });
        if state.busy || is_there {
            return;
        }
        state.busy = true;
        let (inner, kept) = (Arc::clone(&self.0), Kept { fetched_at, document: document.to_vec() });
        tokio::task::spawn_blocking(move || inner.write(kept));
    }
}

impl Inner {
    fn write(&self, kept: Kept) {
        let saved = self.shelf.save(&kept);
        let mut state = self.state.lock();
        state.busy = false;
        let result = match saved {
            Ok(()) => {
                state.complained = false;
                state.written = Some(kept);
                "ok"
            }
            Err(fault) => {
                if !state.complained {
                    let (issuer, file) = (&self.name, self.shelf.path().display());
                    tracing::warn!(%issuer, %file, "the keys cannot be kept on disk: {fault}");
                }
                state.complained = true;
                "failed"
            }
        };
        let labels = KeyResultLabels { issuer: self.name.clone(), result };
        self.metrics.keys.kept.get_or_create(&labels).inc();
    }
}
