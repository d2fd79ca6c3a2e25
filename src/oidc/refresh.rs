//! Keeps the keys of all issuers fresh, in the background, one task per issuer.
//!
//! One task per issuer is also what makes a refresh single: whoever wants one while it runs waits for the same.

use super::{KeyDocument, OidcError, Source, fetch_keys};
use crate::authn::{KeyRing, LiveKeys};
use crate::ops::clock;
use crate::ops::drain::Tasks;
use crate::types::UnixTime;
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

/// What is needed to keep the keys of one issuer.
#[derive(Debug)]
pub struct Driver {
    /// The issuer's name in the configuration.
    pub name: String,
    /// Where its keys come from.
    pub source: Source,
    /// When to fetch them, and which are live.
    pub ring: KeyRing,
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
    /// A fetch failed; the old keys stay.
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
struct Board {
    keys: ArcSwap<Vec<Option<LiveKeys>>>,
    changes: watch::Sender<u64>,
}

#[derive(Debug)]
struct Issuer {
    position: usize,
    name: String,
    source: Source,
    state: Mutex<State>,
    wake: Notify,
    rounds: watch::Sender<Round>,
}

#[derive(Debug)]
struct State {
    ring: KeyRing,
    /// A fetch was granted or is on its way.
    pending: bool,
    fetched_at: Option<UnixTime>,
    fault: Option<&'static str>,
    attempts: u64,
}

/// The last finished fetch.
#[derive(Clone, Copy, Debug)]
struct Round {
    number: u64,
    outcome: Refreshed,
}

/// The longest sleep: the wall clock may be set meanwhile.
const NAP: Duration = Duration::from_secs(30);

impl Refresher {
    /// Starts to fetch at once. Must be called inside a tokio runtime; the tasks end with `tasks`.
    #[must_use]
    pub fn start(tasks: &Tasks, drivers: Vec<Driver>) -> Self {
        let keys = ArcSwap::from_pointee(drivers.iter().map(|driver| driver.ring.keys()).collect());
        let board = Arc::new(Board { keys, changes: watch::Sender::new(0) });
        let issuers: Vec<Arc<Issuer>> =
            drivers.into_iter().enumerate().map(|(position, driver)| Arc::new(Issuer::new(position, driver))).collect();
        let run = |issuer: &Arc<Issuer>| {
            let (issuer, board) = (Arc::clone(issuer), Arc::clone(&board));
            let mut stopping = tasks.stopping();
            let task = async move {
                tokio::select! {
                    () = stopping.stopped() => {}
                    () = keep_fresh(&issuer, &board) => {}
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

    /// The key ring of the issuer at `position` as it is now, for its successor after a reload.
    #[must_use]
    pub fn ring(&self, position: usize) -> Option<KeyRing> {
        self.issuers.get(position).map(|issuer| issuer.state.lock().ring.clone())
    }

    /// A token of the issuer at `position` named an unknown key: fetches, if the budget allows, and waits for it.
    ///
    /// However many ask at once, one fetch answers them all.
    pub async fn refresh(&self, position: usize, limit: Duration) -> Refreshed {
        let Some(issuer) = self.issuers.get(position) else { return Refreshed::NotNow };
        let Some((mut rounds, before)) = issuer.ask(clock::now()) else { return Refreshed::NotNow };
        match tokio::time::timeout(limit, rounds.wait_for(|round| round.number > before)).await {
            Ok(Ok(round)) => round.outcome,
            Ok(Err(_closed)) => Refreshed::NotNow,
            Err(_elapsed) => Refreshed::TimedOut,
        }
    }
}

impl Drop for Refresher {
    fn drop(&mut self) {
        self.running.iter().for_each(AbortHandle::abort);
    }
}

impl Issuer {
    fn new(position: usize, driver: Driver) -> Self {
        let Driver { name, source, ring } = driver;
        let fetched_at = ring.fetched_at();
        let state = State { ring, pending: false, fetched_at, fault: None, attempts: 0 };
        let rounds = watch::Sender::new(Round { number: 0, outcome: Refreshed::NotNow });
        Self { position, name, source, state: Mutex::new(state), wake: Notify::new(), rounds }
    }

    /// Joins the fetch that is on its way, or asks the ring for one; the number of the round before it.
    fn ask(&self, now: UnixTime) -> Option<(watch::Receiver<Round>, u64)> {
        let mut state = self.state.lock();
        if !state.pending {
            if !state.ring.want_refresh(now) {
                return None;
            }
            state.pending = true;
            self.wake.notify_one();
        }
        let rounds = self.rounds.subscribe();
        let before = rounds.borrow().number;
        Some((rounds, before))
    }

    /// Begins a fetch if one is due, else says how long that takes.
    fn begin(&self, now: UnixTime) -> Result<(), Duration> {
        let mut state = self.state.lock();
        let due = state.ring.next_fetch(now);
        if due > now {
            return Err(due.since(now).min(NAP));
        }
        state.ring.attempt(now);
        state.pending = true;
        state.attempts = state.attempts.saturating_add(1);
        Ok(())
    }

    /// Takes the result of a fetch and publishes it.
    fn end(&self, now: UnixTime, result: &Result<KeyDocument, OidcError>, board: &Board) {
        let mut state = self.state.lock();
        let outcome = match state.take(now, result) {
            Ok(changed) => {
                board.publish(self.position, state.ring.keys().as_ref(), changed);
                self.report(&state, changed);
                if changed { Refreshed::Changed } else { Refreshed::Unchanged }
            }
            Err(fault) => {
                tracing::warn!(issuer = %self.name, fault, "keys could not be fetched");
                Refreshed::Failed
            }
        };
        state.pending = false;
        // INVARIANT: inside the lock, so that whoever asks next counts from this round.
        self.rounds.send_modify(|round| *round = Round { number: round.number.saturating_add(1), outcome });
    }

    fn report(&self, state: &State, changed: bool) {
        let skipped = state.ring.skipped().len();
        if changed {
            tracing::info!(issuer = %self.name, skipped, "new keys");
        }
        if changed && skipped > 0 {
            tracing::warn!(issuer = %self.name, skipped, "keys of the issuer were passed over");
        }
    }

    fn status(&self) -> Status {
        let state = self.state.lock();
        Status {
            name: self.name.clone(),
            fetched_at: state.fetched_at,
            stale_at: state.ring.keys().map(|keys| keys.stale_at),
            fault: state.fault,
            skipped: state.ring.skipped().len(),
            attempts: state.attempts,
        }
    }
}

impl State {
    /// Whether the keys changed, or the word for why they could not be had.
    fn take(&mut self, now: UnixTime, result: &Result<KeyDocument, OidcError>) -> Result<bool, &'static str> {
        let result = match result {
            Ok(document) => self.ring.succeeded(now, &document.body, document.max_age).map_err(|fault| fault.label()),
            Err(error) => {
                self.ring.failed(now);
                Err(error.label())
            }
        };
        self.fault = result.err();
        if result.is_ok() {
            self.fetched_at = Some(now);
        }
        result
    }
}

impl Board {
    fn publish(&self, position: usize, keys: Option<&LiveKeys>, changed: bool) {
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

async fn keep_fresh(issuer: &Issuer, board: &Board) {
    loop {
        if let Err(wait) = issuer.begin(clock::now()) {
            let _either = tokio::time::timeout(wait, issuer.wake.notified()).await;
        } else {
            let result = fetch_keys(&issuer.source).await;
            issuer.end(clock::now(), &result, board);
        }
    }
}

#[cfg(test)]
mod tests;
