//! The client certificate of a connection, and whether it still counts.
//!
//! A connection may live for days, longer than an authority is trusted or a revocation list is the newest. So what the
//! handshake found is not kept for ever: each request asks again, and the answer is worked out anew when the listener's
//! files were read again, and once a minute.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;

use crate::authn::{Certificate, CertificateFault, Principal};
use crate::tls::client_auth::{ClientTrust, Demand};
use crate::types::UnixTime;

/// How long a verdict on a chain holds while nothing else changes: certificates and revocation lists end by themselves.
const VERDICT: Duration = Duration::from_mins(1);

/// The certificate that a client showed in its handshake, and whose key it proved to have.
pub(super) struct Shown {
    /// As it was sent, the client's own first.
    chain: Vec<CertificateDer<'static>>,
    proven: Result<Arc<Principal>, CertificateFault>,
    verdict: Mutex<Verdict>,
}

/// The last verdict on the chain.
#[derive(Clone, Copy)]
struct Verdict {
    /// Of the [`ClientTrust`] that gave it.
    generation: u64,
    at: UnixTime,
    result: Result<(), CertificateFault>,
}

impl Shown {
    /// What a handshake showed that `trust` found good at `at`.
    pub(super) fn new(chain: &[CertificateDer<'static>], trust: &ClientTrust, at: UnixTime) -> Self {
        let proven = chain.first().map_or(Err(CertificateFault::Missing), |leaf| Certificate::read(leaf));
        let verdict = Mutex::new(Verdict { generation: trust.generation(), at, result: Ok(()) });
        Self { chain: chain.to_vec(), proven, verdict }
    }

    fn proves(&self, trust: &ClientTrust, now: UnixTime) -> Result<Arc<Principal>, CertificateFault> {
        let principal = self.proven.as_ref().map_err(|fault| *fault)?;
        self.judge(trust, now)?;
        // To the second: `notAfter` is the last moment of its validity (RFC 5280 §4.1.2.5).
        if now.as_secs() > principal.expires().as_secs() {
            return Err(CertificateFault::Expired);
        }
        Ok(Arc::clone(principal))
    }

    /// The verdict of `trust`, fresh enough. Requests that ask at once wait for one answer.
    fn judge(&self, trust: &ClientTrust, now: UnixTime) -> Result<(), CertificateFault> {
        let mut verdict = self.verdict.lock();
        // A clock that was set back makes no verdict last longer.
        let fresh = verdict.at <= now && now.since(verdict.at) < VERDICT;
        if verdict.generation != trust.generation() || !fresh {
            *verdict = Verdict { generation: trust.generation(), at: now, result: trust.verify(&self.chain, now) };
        }
        verdict.result
    }
}

/// What a connection's certificate proves under what is in force now; `None` when certificates do not count.
///
/// A connection from before certificates were demanded has none, and proves nothing.
pub(super) fn certificate(
    shown: Option<&Shown>,
    trust: Option<&ClientTrust>,
    now: UnixTime,
) -> Option<Result<Arc<Principal>, CertificateFault>> {
    let trust = trust?;
    match (shown, trust.demand()) {
        (Some(shown), Demand::Optional | Demand::Required) => Some(shown.proves(trust, now)),
        (None, Demand::Optional) => None,
        (None, Demand::Required) => Some(Err(CertificateFault::Missing)),
    }
}

#[cfg(test)]
mod tests;
