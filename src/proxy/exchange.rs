//! One request from facts to answer, the same for both protocols.

use std::sync::Arc;
use std::time::Duration;

use super::Peer;
use super::entry::{Entry, Stage};
use super::fetch::{self, Fetched, Withheld};
use super::head::HeadFault;
use super::respond::{Answer, Wish};
use super::snapshot::{Guarded, Snapshot};
use crate::authn::TokenFault;
use crate::catalog::TargetFault;
use crate::gate::{self, Denial, Pass, Refusal, Request};
use crate::oidc::Refreshed;
use crate::ops::clock;
use crate::redact::BodyKind;

/// How long a request waits for keys when its token names an unknown one.
const KEY_PATIENCE: Duration = Duration::from_secs(3);

/// What a protocol read of a request.
pub(super) struct Facts<'a> {
    pub(super) method: &'a [u8],
    pub(super) target: &'a [u8],
    pub(super) host: &'a [u8],
    pub(super) authorization: &'a [&'a [u8]],
    pub(super) accept: Option<&'a [u8]>,
    pub(super) protocol: &'static str,
}

/// What is in force for one request, from its beginning to its end.
pub(super) struct InForce {
    snapshot: Arc<Snapshot>,
    guarded: Arc<Guarded>,
}

impl InForce {
    /// What is in force now for the listener of `peer`; `None` when it is no longer configured.
    pub(super) fn now(peer: &Peer) -> Option<Self> {
        let snapshot = peer.gateway.snapshot.load_full();
        let guarded = Arc::clone(snapshot.guarded.get(peer.listener)?);
        Some(Self { snapshot, guarded })
    }

    /// What guards the listener.
    pub(super) fn guarded(&self) -> &Guarded {
        &self.guarded
    }
}

/// Decides, fetches, redacts. The record is written when the entry is dropped, after the answer was sent.
pub(super) async fn exchange(peer: &Peer, force: &InForce, facts: &Facts<'_>) -> (Answer, Entry) {
    let mut entry = Entry::new(peer, Arc::clone(&force.guarded), facts.protocol);
    let wish = Wish::of(facts.accept);
    let answer = match decide(force, facts, &entry).await {
        Ok(pass) => ask(&force.guarded, pass, wish, &mut entry).await,
        Err(refusal) => refuse(*refusal, wish, &mut entry),
    };
    entry.status = answer.status;
    (answer, entry)
}

/// The answer to a head that could not be read.
pub(super) fn malformed(peer: &Peer, force: &InForce, fault: HeadFault, protocol: &'static str) -> (Answer, Entry) {
    let mut entry = Entry::new(peer, Arc::clone(&force.guarded), protocol);
    entry.stage = Stage::Malformed(fault);
    entry.status = fault.status();
    (Answer::plain(fault.status(), Wish::Text, entry.id), entry)
}

/// Asks the gate; when a token names a key that is not known yet, asks once more after the issuer's keys were fetched.
async fn decide(force: &InForce, facts: &Facts<'_>, entry: &Entry) -> Result<Pass, Box<Refusal>> {
    let request = Request {
        method: facts.method,
        target: facts.target,
        host: facts.host,
        authorization: facts.authorization,
        now: entry.received,
    };
    let refusal = match evaluate(&force.snapshot, &force.guarded, &request) {
        Ok(pass) => return Ok(pass),
        Err(refusal) => refusal,
    };
    let Denial::Token(fault) = &refusal.denial else { return Err(refusal) };
    let TokenFault::UnknownKey { issuer } = fault else { return Err(refusal) };
    let Some(issuer) = force.snapshot.issuers.get(*issuer) else { return Err(refusal) };
    match issuer.refresher.refresh(0, KEY_PATIENCE).await {
        Refreshed::Changed => evaluate(&force.snapshot, &force.guarded, &request),
        Refreshed::Unchanged | Refreshed::Failed | Refreshed::NotNow | Refreshed::TimedOut => Err(refusal),
    }
}

fn evaluate(snapshot: &Snapshot, guarded: &Guarded, request: &Request<'_>) -> Result<Pass, Box<Refusal>> {
    let keys = snapshot.keys();
    gate::evaluate(&snapshot.engine(guarded, &keys), request)
}

async fn ask(guarded: &Guarded, pass: Pass, wish: Wish, entry: &mut Entry) -> Answer {
    entry.stage = Stage::Passed(pass);
    let began = clock::instant();
    let Stage::Passed(pass) = &entry.stage else { return Answer::plain(502, wish, entry.id) };
    let result = Box::pin(fetch::fetch(guarded, pass, entry.id)).await;
    entry.upstream_took(clock::instant().saturating_duration_since(began));
    let stage = std::mem::replace(&mut entry.stage, Stage::Received);
    let Stage::Passed(pass) = stage else { return Answer::plain(502, wish, entry.id) };
    match result {
        Ok(fetched) => answered(pass, fetched, entry),
        Err(withheld) => withhold(pass, withheld, wish, entry),
    }
}

fn answered(pass: Pass, mut fetched: Fetched, entry: &mut Entry) -> Answer {
    let content_type = match pass.plan().kind() {
        BodyKind::Json => "application/json",
        BodyKind::Text => "text/plain; charset=utf-8",
    };
    let body = std::mem::take(&mut fetched.body);
    entry.stage = Stage::Answered(pass, fetched);
    Answer::body(content_type, body, entry.id)
}

fn withhold(pass: Pass, withheld: Withheld, wish: Wish, entry: &mut Entry) -> Answer {
    entry.stage = Stage::Withheld(pass, withheld);
    match withheld.relayed() {
        Some(status) => Answer::relayed(status, wish, entry.id),
        None => Answer::plain(withheld.status(), wish, entry.id),
    }
}

fn refuse(refusal: Refusal, wish: Wish, entry: &mut Entry) -> Answer {
    let plain = Answer::plain(refusal.denial.status(), wish, entry.id);
    let answer = match refusal.denial.challenge() {
        Some(challenge) => plain.with("www-authenticate", challenge),
        None => plain,
    };
    let answer = match &refusal.denial {
        Denial::Limit(exceeded) => answer
            .with("retry-after", exceeded.retry_after().as_secs().to_string())
            .with("ratelimit-policy", exceeded.policy_field())
            .with("ratelimit", exceeded.field()),
        Denial::Target(TargetFault::Method { allow }) => answer.with("allow", *allow),
        Denial::Token(fault) if fault.keys_missing() => answer.with("retry-after", "5"),
        Denial::Credential(_) | Denial::Token(_) | Denial::Host | Denial::Target(_) | Denial::Policy(_) => answer,
    };
    entry.stage = Stage::Refused(Box::new(refusal));
    answer
}
