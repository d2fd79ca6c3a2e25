//! One issuer of a [`super::Refresher`]: its keys, the fetch that is under way, and who waits for it.

use super::keeper::Keeper;
use super::refresh::{Board, Driver, Refreshed, Shared, Status};
use super::{KeyDocument, OidcError, Source, fetch_keys};
use crate::authn::{Fate, KeyLife, KeyName, Refused, Wanted, Wish};
use crate::ops::clock;
use crate::ops::key_metrics::{DeniedLabels, KeyResultLabels};
use crate::types::UnixTime;
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// The longest sleep: the wall clock may be set meanwhile.
const NAP: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Issuer {
    position: usize,
    name: String,
    source: Source,
    shared: Shared,
    keeper: Option<Keeper>,
    denied: Denied,
    state: Mutex<State>,
    wake: Notify,
    /// How the last fetch ended; changes with each.
    rounds: watch::Sender<Refreshed>,
}

#[derive(Debug)]
struct State {
    life: KeyLife,
    fetched_at: Option<UnixTime>,
    fault: Option<&'static str>,
    attempts: u64,
}

/// The figures of fetches that were asked for in vain; looked up once, since floods count here.
#[derive(Debug)]
struct Denied {
    issuer: Counter,
    overall: Counter,
}

/// What a fetch came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Brought {
    Changed,
    Unchanged,
    /// The issuer has no such key; whether it had one before.
    Gone {
        changed: bool,
    },
    Nothing(&'static str),
}

impl Issuer {
    pub(super) fn new(position: usize, driver: Driver, shared: &Shared) -> Self {
        let Driver { name, source, life, shelf } = driver;
        let mut life = life.taken_over();
        let keeper = match &mut life {
            KeyLife::Published(ring) => shelf.map(|shelf| {
                let metrics = Arc::clone(&shared.metrics);
                let keeper = Keeper::new(&name, shelf, ring.settings().max_stale, metrics);
                if ring.keys().is_none() {
                    keeper.restore(ring, clock::now());
                }
                keeper
            }),
            KeyLife::Named(_) => None,
        };
        if life.skipped() > 0 {
            tracing::warn!(issuer = %name, skipped = life.skipped(), "keys of the issuer were passed over");
        }
        let state = Mutex::new(State { fetched_at: life.fetched_at(), life, fault: None, attempts: 0 });
        let denied = Denied::new(&name, shared);
        let (wake, rounds) = (Notify::new(), watch::Sender::new(Refreshed::NotNow));
        Self { position, name, source, shared: shared.clone(), keeper, denied, state, wake, rounds }
    }

    /// A copy of its keys as they are now.
    pub(super) fn life(&self) -> KeyLife {
        self.state.lock().life.clone()
    }

    /// Keeps the keys fresh, for ever.
    pub(super) async fn keep_fresh(&self, board: &Board) {
        loop {
            match self.begin(clock::now(), board) {
                Ok(wanted) => {
                    let result = fetch_keys(&self.source, wanted).await;
                    self.end(clock::now(), wanted, &result, board);
                }
                Err(wait) => {
                    let _either = tokio::time::timeout(wait, self.wake.notified()).await;
                }
            }
        }
    }

    /// A token named the key `name`: asks for a fetch, and waits for it at most `limit`.
    pub(super) async fn refresh(&self, name: KeyName, limit: Duration) -> Refreshed {
        let mut rounds = match self.ask(clock::now(), name) {
            Ok(rounds) => rounds,
            Err(refused) => return refused,
        };
        let settled = self.settled(name, &mut rounds);
        tokio::time::timeout(limit, settled).await.unwrap_or(Refreshed::TimedOut)
    }

    /// Waits for the end of the fetch that `name` was asked for.
    async fn settled(&self, name: KeyName, rounds: &mut watch::Receiver<Refreshed>) -> Refreshed {
        while rounds.changed().await.is_ok() {
            let round = *rounds.borrow_and_update();
            if let Some(outcome) = self.outcome(name, round) {
                return outcome;
            }
        }
        Refreshed::NotNow
    }

    /// Joins the fetch that is on its way, or asks for one.
    fn ask(&self, now: UnixTime, name: KeyName) -> Result<watch::Receiver<Refreshed>, Refreshed> {
        let mut state = self.state.lock();
        let wish = state.life.want(now, name, &mut self.shared.budget.lock());
        match wish {
            Ok(Wish::Granted) => self.wake.notify_one(),
            Ok(Wish::Joined) => {}
            Err(refused) => {
                drop(state);
                return Err(self.refuse(refused));
            }
        }
        // INVARIANT: inside the lock, so that the next end of a fetch is that of the one asked for.
        Ok(self.rounds.subscribe())
    }

    fn refuse(&self, refused: Refused) -> Refreshed {
        match refused {
            Refused::Absent => return Refreshed::Absent,
            Refused::Failing => return Refreshed::Failed,
            Refused::Issuer => drop(self.denied.issuer.inc()),
            Refused::Overall => drop(self.denied.overall.inc()),
        }
        match self.source {
            // Where keys are learned one by one, what is not known may be good: nobody can tell.
            Source::Named { .. } => Refreshed::Failed,
            Source::Discovery { .. } | Source::Url { .. } | Source::File(_) => Refreshed::NotNow,
        }
    }

    /// What the end of a fetch means for whoever waits for `name`; `None` when it was the fetch of another key.
    fn outcome(&self, name: KeyName, round: Refreshed) -> Option<Refreshed> {
        match &self.state.lock().life {
            KeyLife::Published(_) => Some(round),
            KeyLife::Named(keys) => match keys.fate(name, clock::now()) {
                Fate::Open => None,
                Fate::Held => Some(Refreshed::Changed),
                Fate::Absent => Some(Refreshed::Absent),
                Fate::Unknown => Some(Refreshed::Failed),
            },
        }
    }

    /// Begins a fetch if one is due, else says how long that takes.
    fn begin(&self, now: UnixTime, board: &Board) -> Result<Wanted, Duration> {
        let mut state = self.state.lock();
        let due = state.life.next_fetch(now);
        if due > now {
            return Err(due.since(now).min(NAP));
        }
        let wanted = state.life.attempt(now);
        let Some(wanted) = wanted else {
            // Keys that were too old may have gone.
            board.publish(self.position, state.life.keys().as_ref(), false);
            return Err(Duration::from_secs(1));
        };
        state.attempts = state.attempts.saturating_add(1);
        Ok(wanted)
    }

    /// Takes the result of a fetch and publishes it.
    fn end(&self, now: UnixTime, wanted: Wanted, result: &Result<KeyDocument, OidcError>, board: &Board) {
        let mut state = self.state.lock();
        let brought = state.take(now, wanted, result);
        self.report(&state, brought);
        let changed = matches!(brought, Brought::Changed | Brought::Gone { changed: true });
        board.publish(self.position, state.life.keys().as_ref(), changed);
        // INVARIANT: inside the lock, so that whoever asks next waits for another fetch.
        self.rounds.send_replace(brought.as_round());
        drop(state);
        if let (Brought::Changed | Brought::Unchanged, Ok(document), Some(keeper)) = (brought, result, &self.keeper) {
            keeper.keep(now, &document.body);
        }
    }

    fn report(&self, state: &State, brought: Brought) {
        let (issuer, skipped) = (&self.name, state.life.skipped());
        let result = match brought {
            Brought::Changed => {
                tracing::info!(%issuer, skipped, "new keys");
                if skipped > 0 {
                    tracing::warn!(%issuer, skipped, "keys of the issuer were passed over");
                }
                "ok"
            }
            Brought::Unchanged => "unchanged",
            Brought::Gone { .. } => "gone",
            Brought::Nothing(fault) => {
                tracing::warn!(%issuer, fault, "keys could not be fetched");
                fault
            }
        };
        let labels = KeyResultLabels { issuer: issuer.clone(), result };
        self.shared.metrics.keys.refreshes.get_or_create(&labels).inc();
    }

    pub(super) fn status(&self) -> Status {
        let state = self.state.lock();
        Status {
            name: self.name.clone(),
            fetched_at: state.fetched_at,
            stale_at: state.life.keys().map(|keys| keys.stale_at),
            fault: state.fault,
            skipped: state.life.skipped(),
            attempts: state.attempts,
        }
    }
}

impl State {
    fn take(&mut self, now: UnixTime, wanted: Wanted, result: &Result<KeyDocument, OidcError>) -> Brought {
        let brought = match (result, wanted) {
            (Ok(document), _) => match self.life.succeeded(now, &document.body, document.max_age) {
                Ok(true) => Brought::Changed,
                Ok(false) => Brought::Unchanged,
                Err(word) => Brought::Nothing(word),
            },
            // A bucket says 403 of what it does not have to whoever may not list it.
            (Err(OidcError::Status(403 | 404 | 410)), Wanted::Key(_)) => Brought::Gone { changed: self.life.gone(now) },
            (Err(error), _) => {
                self.life.failed(now);
                Brought::Nothing(error.label())
            }
        };
        self.fault = match brought {
            Brought::Changed | Brought::Unchanged | Brought::Gone { .. } => None,
            Brought::Nothing(word) => Some(word),
        };
        if self.fault.is_none() {
            self.fetched_at = Some(now);
        }
        brought
    }
}

impl Brought {
    const fn as_round(self) -> Refreshed {
        match self {
            Self::Changed => Refreshed::Changed,
            Self::Unchanged | Self::Gone { .. } => Refreshed::Unchanged,
            Self::Nothing(_) => Refreshed::Failed,
        }
    }
}

impl Denied {
    fn new(name: &str, shared: &Shared) -> Self {
        let counter =
            |budget| shared.metrics.keys.denied.get_or_create_owned(&DeniedLabels { issuer: name.to_owned(), budget });
        Self { issuer: counter("issuer"), overall: counter("overall") }
    }
}
