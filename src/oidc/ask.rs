//! Asks an issuer about tokens that only it can judge.
//!
//! A question is put once, however many requests wait for its answer, and goes on without them once the issuer was
//! called. Only a positive answer is remembered, never behind the end of the token. Whatever keeps an answer from coming
//! is no verdict: the token is [`TokenFault::Unavailable`], and the next request asks again.
//!
//! Anybody can make up tokens. So each source has few questions at once, those that nobody awaits any more are not put,
//! and some of the calls that the issuer sees at once are for tokens that were good lately.

mod flights;
mod line;
mod memory;
mod question;

pub use question::{Asking, ClientProof};

use super::{MAX_TIMEOUT, OidcError, Remote};
use crate::authn::{AnswerFault, Answered, AskedSettings, MAX_TOKEN, Principal, TokenFault, introspected, reviewed};
use crate::ops::drain::Tasks;
use crate::types::{Secret, UnixTime};
use crate::upstream::FetchError;
use flights::{Flights, Joined, Landing, Standing};
use line::Line;
use memory::{Memory, TokenHash};
use parking_lot::Mutex;
use ring::digest;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Semaphore, SemaphorePermit};

/// What is needed to ask one issuer.
#[derive(Clone, Debug)]
pub struct AskerSettings {
    /// Whom to ask, and what.
    pub asking: Asking,
    /// How to call it; its timeout is for a whole question, with the wait for its turn.
    pub remote: Remote,
    /// How its answers are judged.
    pub answers: AskedSettings,
    /// About how many good tokens are remembered.
    pub remembered: usize,
}

/// Asks one issuer. What it remembers goes with it, so a reload forgets.
#[derive(Debug)]
pub struct Asker {
    shared: Arc<Shared>,
    tasks: Tasks,
}

/// How requests about tokens were answered so far; each counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// The issuer was asked, and the token is good.
    pub ok: u64,
    /// The issuer was asked, and the token is not good, or not for us.
    pub inactive: u64,
    /// The issuer could not be asked, or gave no sound answer.
    pub failed: u64,
    /// Another request had asked the same already and was waiting.
    pub shared: u64,
    /// The answer was remembered.
    pub cached: u64,
}

#[derive(Debug)]
struct Shared {
    asking: Asking,
    remote: Remote,
    answers: AskedSettings,
    line: Line,
    memory: Memory,
    flights: Arc<Flights>,
    /// The calls that the issuer may see at once.
    seats: Semaphore,
    /// More of them, for tokens that were good lately.
    reserved: Semaphore,
    counters: Counters,
    fault: Mutex<Option<&'static str>>,
}

#[derive(Debug, Default)]
struct Counters {
    ok: AtomicU64,
    inactive: AtomicU64,
    failed: AtomicU64,
    shared: AtomicU64,
    cached: AtomicU64,
}

type Verdict = Result<Arc<Principal>, TokenFault>;

/// Why a question made nobody known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Call(#[from] OidcError),
    #[error(transparent)]
    Answer(#[from] AnswerFault),
}

/// The most questions that the issuer sees at once.
const MAX_IN_FLIGHT: usize = 16;

/// How many of them are for tokens that were good lately.
const RESERVED: usize = 4;

impl Asker {
    /// Asks nothing yet. Questions run among `tasks`.
    #[must_use]
    pub fn new(settings: AskerSettings, tasks: &Tasks) -> Self {
        let AskerSettings { asking, remote, answers, remembered } = settings;
        let shared = Shared {
            line: Line::new(asking.url().clone(), remote.clone(), MAX_IN_FLIGHT),
            asking,
            remote,
            answers,
            memory: Memory::new(remembered),
            flights: Arc::default(),
            seats: Semaphore::new(MAX_IN_FLIGHT - RESERVED),
            reserved: Semaphore::new(RESERVED),
            counters: Counters::default(),
            fault: Mutex::default(),
        };
        Self { shared: Arc::new(shared), tasks: tasks.clone() }
    }

    /// Whom `token`, which came from `source`, belongs to, by the word of its issuer. Takes five seconds at most.
    ///
    /// Dropping the future leaves the question to whoever else waits for it. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`TokenFault::Unavailable`] when the issuer gave no sound answer, or too much is asked already, in all or from
    /// `source`; else what is wrong with the token.
    pub async fn ask(
        &self,
        token: &Secret<String>,
        source: IpAddr,
        now: UnixTime,
    ) -> Result<Arc<Principal>, TokenFault> {
        let text = token.expose();
        if text.len() > MAX_TOKEN {
            return Err(TokenFault::TooLong);
        }
        // RFC 6749 appendix A.12: no issuer gives such a token out, and some break when they are asked about it.
        if text.is_empty() || !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(TokenFault::Inactive);
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
        let mut answer = match self.join(hash, source, now)? {
            Joined::Known(principal) => return Ok(principal),
            Joined::Follows(answer) => answer,
            Joined::Leads(answer, landing) => {
                self.begin(landing, token, now);
                answer
            }
        };
        match answer.wait_for(Option::is_some).await {
            Ok(verdict) => verdict.clone().unwrap_or(Err(TokenFault::Unavailable)),
            Err(_gone) => Err(TokenFault::Unavailable),
        }
    }

    /// How requests were answered so far.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let counters = &self.shared.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Figures {
            ok: read(&counters.ok),
            inactive: read(&counters.inactive),
            failed: read(&counters.failed),
            shared: read(&counters.shared),
            cached: read(&counters.cached),
        }
    }

    /// How many good tokens are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.shared.memory.len()
    }

    /// Why the last question failed; `None` when it did not.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        *self.shared.fault.lock()
    }

    /// Remembers, joins whoever waits for the same answer, or leads.
    fn join(&self, hash: TokenHash, source: IpAddr, now: UnixTime) -> Result<Joined, TokenFault> {
        let shared = &self.shared;
        let recall = || shared.memory.recall(&hash, now);
        let join = || shared.flights.join(hash, shared.standing(&hash, source, now), recall);
        let joined = recall().map(Joined::Known).or_else(join);
        match &joined {
            Some(Joined::Known(_)) => count(&shared.counters.cached),
            Some(Joined::Follows(_)) => count(&shared.counters.shared),
            Some(Joined::Leads(..)) => {}
            None => count(&shared.counters.failed),
        }
        joined.ok_or(TokenFault::Unavailable)
    }

    /// Asks; whoever awaits the answer gets it.
    fn begin(&self, landing: Landing, token: &Secret<String>, now: UnixTime) {
        let (shared, token) = (Arc::clone(&self.shared), Secret::new(token.expose().clone()));
        self.tasks.spawn(async move {
            if let Some(verdict) = shared.find_out(&landing, &token, now).await {
                landing.land(verdict);
            }
        });
    }
}

impl Shared {
    /// `None` when nobody awaits the verdict.
    async fn find_out(&self, landing: &Landing, token: &Secret<String>, now: UnixTime) -> Option<Verdict> {
        let limit = self.remote.timeout.min(MAX_TIMEOUT);
        let asked = tokio::time::timeout(limit, self.question(landing, token, now)).await;
        match asked.unwrap_or(Err(Failure::Call(FetchError::TimedOut.into()))) {
            Ok(Some(answered)) => {
                count(&self.counters.ok);
                self.report(None);
                Some(Ok(self.memory.keep(*landing.hash(), answered, now)))
            }
            Ok(None) => None,
            Err(failure) => {
                let fault = failure.of_token();
                let failed = fault.is_unjudged();
                count(if failed { &self.counters.failed } else { &self.counters.inactive });
                self.report(failed.then(|| failure.label()));
                Some(Err(fault))
            }
        }
    }

    /// One question, in its turn, unless nobody awaits it by then. The answer counts from `now`, when it was asked for.
    async fn question(
        &self,
        landing: &Landing,
        token: &Secret<String>,
        now: UnixTime,
    ) -> Result<Option<Answered>, Failure> {
        let _seat = tokio::select! {
            biased;
            () = landing.unawaited() => return Ok(None),
            seat = self.seat(landing.standing()) => seat?,
        };
        let request = self.asking.request(token.expose(), &self.answers.audiences).await?;
        let body = self.line.send(&request, self.asking.statuses()).await?;
        let answered = match self.asking {
            Asking::Introspection { .. } => introspected(&self.answers, token.expose(), &body, now)?,
            Asking::Review { .. } => reviewed(&self.answers, token.expose(), &body, now)?,
        };
        Ok(Some(answered))
    }

    async fn seat(&self, standing: Standing) -> Result<SemaphorePermit<'_>, Failure> {
        let seat = match standing {
            Standing::Unknown(_) => self.seats.acquire().await,
            Standing::Good => tokio::select! {
                biased;
                seat = self.reserved.acquire() => seat,
                seat = self.seats.acquire() => seat,
            },
        };
        seat.map_err(|_closed| OidcError::Fetch(FetchError::TimedOut).into())
    }

    fn standing(&self, hash: &TokenHash, source: IpAddr, now: UnixTime) -> Standing {
        if self.memory.knew(hash, now) { Standing::Good } else { Standing::Unknown(source) }
    }

    /// Says it when the issuer's state changed; a line per question could fill a disk.
    fn report(&self, fault: Option<&'static str>) {
        let before = std::mem::replace(&mut *self.fault.lock(), fault);
        if before == fault {
            return;
        }
        if let Some(fault) = fault {
            tracing::warn!(issuer = %self.answers.name, fault, "the issuer cannot be asked about tokens");
        } else {
            tracing::info!(issuer = %self.answers.name, "the issuer answers questions about tokens again");
        }
    }
}

impl Failure {
    const fn of_token(self) -> TokenFault {
        match self {
            Self::Call(_) => TokenFault::Unavailable,
            Self::Answer(fault) => fault.of_token(),
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Call(error) => error.label(),
            Self::Answer(fault) => fault.label(),
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests;
