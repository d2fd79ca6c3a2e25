//! The questions that are awaited: one for each token, and a bounded number in all and for each source.

use super::Verdict;
use super::memory::TokenHash;
use crate::authn::{Principal, network};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::watch;

/// The most questions that are put or wait for their turn. More could not be answered in time by an issuer that is
/// so slow as to let them pile up.
pub(super) const MAX_AWAITED: usize = 1024;

/// The most of them that one source may have begun: an IPv4 address or an IPv6 network of 64 bits.
pub(super) const MAX_OF_SOURCE: usize = 16;

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<Awaited>);

#[derive(Debug, Default)]
struct Awaited {
    flights: HashMap<TokenHash, Flight>,
    sources: HashMap<IpAddr, usize>,
}

#[derive(Debug)]
struct Flight {
    answer: watch::Sender<Option<Verdict>>,
    /// Whose it is, where that is counted.
    source: Option<IpAddr>,
}

/// What is known of a token before it is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It was good a few minutes ago.
    Good,
    /// Nothing; it came from there.
    Unknown(IpAddr),
}

/// What a request gets before it waits.
pub(super) enum Joined {
    /// The answer was remembered.
    Known(Arc<Principal>),
    /// Another request has asked the same.
    Follows(watch::Receiver<Option<Verdict>>),
    /// It must ask.
    Leads(watch::Receiver<Option<Verdict>>, Landing),
}

/// Takes a question out of those that are awaited, also when its task panics.
pub(super) struct Landing {
    flights: Arc<Flights>,
    hash: TokenHash,
    standing: Standing,
    answer: watch::Sender<Option<Verdict>>,
}

impl Flights {
    /// Joins the question about a token, or begins it; `None` when there are too many.
    ///
    /// INVARIANT: an answer is remembered before its question lands, so `recall`, called while none can, misses none.
    pub(super) fn join(
        self: &Arc<Self>,
        hash: TokenHash,
        standing: Standing,
        recall: impl FnOnce() -> Option<Arc<Principal>>,
    ) -> Option<Joined> {
        let mut awaited = self.0.lock();
        if let Some(flight) = awaited.flights.get(&hash) {
            return Some(Joined::Follows(flight.answer.subscribe()));
        }
        if let Some(principal) = recall() {
            return Some(Joined::Known(principal));
        }
        let source = match standing {
            Standing::Good => None,
            Standing::Unknown(source) => Some(network(source)),
        };
        if let Some(source) = source {
            awaited.count(source)?;
        }
        let (answer, receiver) = watch::channel(None);
        awaited.flights.insert(hash, Flight { answer: answer.clone(), source });
        Some(Joined::Leads(receiver, Landing { flights: Arc::clone(self), hash, standing, answer }))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().flights.len()
    }

    /// Also of sources.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let awaited = self.0.lock();
        awaited.flights.is_empty() && awaited.sources.is_empty()
    }
}

impl Awaited {
    /// One more of `source`, if there may be.
    fn count(&mut self, source: IpAddr) -> Option<()> {
        if self.flights.len() >= MAX_AWAITED {
            return None;
        }
        let count = self.sources.entry(source).or_default();
        if *count >= MAX_OF_SOURCE {
            return None;
        }
        *count += 1;
        Some(())
    }

    fn remove(&mut self, hash: &TokenHash) {
        let Some(source) = self.flights.remove(hash).and_then(|flight| flight.source) else { return };
        if let Some(count) = self.sources.get_mut(&source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.sources.remove(&source);
            }
        }
    }
}

impl Landing {
    /// Which token is asked about.
    pub(super) const fn hash(&self) -> &TokenHash {
        &self.hash
    }

    /// What was known of it.
    pub(super) const fn standing(&self) -> Standing {
        self.standing
    }

    /// Tells the answer to all who await it.
    pub(super) fn land(self, verdict: Verdict) {
        let answer = self.answer.clone();
        drop(self);
        answer.send_replace(Some(verdict));
    }

    /// Returns once nobody awaits the answer; nobody can from then on.
    pub(super) async fn unawaited(&self) {
        loop {
            self.answer.closed().await;
            let mut awaited = self.flights.0.lock();
            if self.answer.receiver_count() == 0 {
                awaited.remove(&self.hash);
                return;
            }
        }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut awaited = self.flights.0.lock();
        // What nobody awaited any more is out already, and somebody may have asked the same anew.
        if awaited.flights.get(&self.hash).is_some_and(|flight| flight.answer.same_channel(&self.answer)) {
            awaited.remove(&self.hash);
        }
    }
}
