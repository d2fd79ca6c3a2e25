//! Keeps the keys of all issuers fresh, in the background, one task per issuer.
//!
//! One task per issuer is also what makes a refresh single: whoever wants one while it runs waits for the same.

use super::Source;
use super::issuer::Issuer;
use super::shelf::Shelf;
use crate::authn::{KeyLife, KeyName, LiveKeys, RefreshBudget};
use crate::ops::drain::Tasks;
use crate::ops::metrics::Metrics;
use crate::types::UnixTime;
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// What is needed to keep the keys of one issuer.
#[derive(Debug)]
pub struct Driver {
    /// The issuer's name in the configuration.
    pub name: String,
    /// Where its keys come from.
    pub source: Source,
    /// When to fetch them, and which are live.
    pub life: KeyLife,
    /// Where the last good set is kept for a start without the issuer, if anywhere.
    pub shelf: Option<Shelf>,
}

/// What the refreshers of all issuers share, from the start to the end of the process.
#[derive(Clone, Debug)]
pub struct Shared {
    /// How many fetches unknown keys may cause, over all issuers.
    pub budget: Arc<Mutex<RefreshBudget>>,
    /// Where it is counted.
    pub metrics: Arc<Metrics>,
}

/// The key sets of all issuers of one configuration; dropping it ends their refresh.
#[derive(Debug)]
pub struct Refresher {
    board: Arc<Board>,
    issuers: Vec<Arc<Issuer>>,
    running: Vec<AbortHandle>,
}

/// How a wish for fresh keys ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// The keys are others than before: worth a second look at the token.
    Changed,
    /// A fetch succeeded and brought the same keys.
    Unchanged,
    /// The issuer was asked for that key, now or a moment ago, and has none.
    Absent,
    /// A fetch failed, now or a moment ago; the old keys stay.
    Failed,
    /// No fetch was allowed: too many of late, no keys at all yet, or no such issuer.
    NotNow,
    /// It takes longer than the caller wants to wait; it goes on without him.
    TimedOut,
}

/// What can be said about the keys of one issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The issuer's name in the configuration.
    pub name: String,
    /// When keys were last fetched well.
    pub fetched_at: Option<UnixTime>,
    /// From when on they do not serve any more.
    pub stale_at: Option<UnixTime>,
    /// Why the last fetch failed; `None` when it did not.
    pub fault: Option<&'static str>,
    /// How many keys of the last good document were passed over.
    pub skipped: usize,
    /// How many fetches were begun.
    pub attempts: u64,
}

/// The live keys of all issuers, in their order, swapped as one.
#[derive(Debug)]
pub(super) struct Board {
    keys: ArcSwap<Vec<Option<LiveKeys>>>,
    changes: watch::Sender<u64>,
}

impl Shared {
    /// Nothing is spent yet.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { budget: Arc::new(Mutex::new(RefreshBudget::default())), metrics }
    }
}

impl Refresher {
    /// Starts to fetch at once. Must be called inside a tokio runtime; the tasks end with `tasks`.
    ///
    /// Issuers without keys begin with what an earlier run left on disk.
    #[must_use]
    pub fn start(tasks: &Tasks, shared: &Shared, drivers: Vec<Driver>) -> Self {
        let issuers: Vec<Arc<Issuer>> = drivers
            .into_iter()
            .enumerate()
            .map(|(position, driver)| Arc::new(Issuer::new(position, driver, shared)))
            .collect();
        let keys = ArcSwap::from_pointee(issuers.iter().map(|issuer| issuer.life().keys()).collect());
        let board = Arc::new(Board { keys, changes: watch::Sender::new(0) });
        let run = |issuer: &Arc<Issuer>| {
            let (issuer, board) = (Arc::clone(issuer), Arc::clone(&board));
            let mut stopping = tasks.stopping();
            let task = async move {
                tokio::select! {
                    () = stopping.stopped() => {}
                    () = issuer.keep_fresh(&board) => {}
                }
            };
            tasks.spawn(task).abort_handle()
        };
        let running = issuers.iter().map(run).collect();
        Self { board, issuers, running }
    }

    /// The live keys of all issuers, in the order of the drivers, as [`crate::authn::Verifier::verify`] wants them.
    #[must_use]
    pub fn keys(&self) -> Arc<Vec<Option<LiveKeys>>> {
        self.board.keys.load_full()
    }

    /// Counts up with every change of any issuer's keys.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.board.changes.subscribe()
    }

    /// Whether every issuer has keys that still serve at `now`.
    #[must_use]
    pub fn ready(&self, now: UnixTime) -> bool {
        self.board.keys.load().iter().all(|keys| keys.as_ref().is_some_and(|keys| now < keys.stale_at))
    }

    /// All issuers, in the order of the drivers.
    #[must_use]
    pub fn status(&self) -> Vec<Status> {
        self.issuers.iter().map(|issuer| issuer.status()).collect()
    }

    /// The keys of the issuer at `position` as they are now, for its successor after a reload.
    #[must_use]
    pub fn life(&self, position: usize) -> Option<KeyLife> {
        self.issuers.get(position).map(|issuer| issuer.life())
    }

    /// A token of the issuer at `position` named the unknown key `name`: fetches, if the budgets allow, and waits.
    ///
    /// However many ask at once, one fetch answers them all; and whoever names a key that the issuer was found not to
    /// have has his answer at once.
    pub async fn refresh(&self, position: usize, name: KeyName, limit: Duration) -> Refreshed {
        match self.issuers.get(position) {
            Some(issuer) => issuer.refresh(name, limit).await,
            None => Refreshed::NotNow,
        }
    }
}

impl Drop for Refresher {
    fn drop(&mut self) {
        self.running.iter().for_each(AbortHandle::abort);
    }
}

impl Board {
    pub(super) fn publish(&self, position: usize, keys: Option<&LiveKeys>, changed: bool) {
        self.keys.rcu(|before| {
            let mut all = Vec::clone(before);
            if let Some(slot) = all.get_mut(position) {
                *slot = keys.cloned();
            }
            all
        });
        if changed {
            self.changes.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}

#[cfg(test)]
mod tests;
