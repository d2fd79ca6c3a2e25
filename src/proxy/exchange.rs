//! One request from facts to answer, the same for both protocols.

use std::sync::Arc;
use std::time::Duration;

use super::Peer;
use super::behind::Behind;
use super::entry::{Entry, Stage};
use super::fetch::{self, Fetched, Withheld};
use super::head::HeadFault;
use super::pages::Wants;
use super::respond::{Answer, Wish};
use super::shown;
use super::snapshot::{Guarded, Judge, Snapshot};
use crate::authn::{ATTEMPTS_WINDOW, Door, KeyName, Principal, TokenFault};
use crate::catalog::TargetFault;
use crate::gate::{self, Denial, Identified, Inquiry, Pass, Question, Refusal, Request, Told, UpstreamId, Way};
use crate::oidc::Refreshed;
use crate::ops::clock;
use crate::redact::BodyKind;

/// How long a request waits for keys when its token names an unknown one.
const KEY_PATIENCE: Duration = Duration::from_secs(3);

/// What a protocol read of a request.
pub(super) struct Facts<'a> {
    pub(super) method: &'a [u8],
    pub(super) target: &'a [u8],
    pub(super) body: &'a [u8],
    pub(super) host: &'a [u8],
    pub(super) authorization: &'a [&'a [u8]],
    pub(super) assertions: &'a [(Door, &'a [u8])],
    pub(super) told: &'a [(Told, &'a [u8])],
    pub(super) accept: Option<&'a [u8]>,
    pub(super) accept_encoding: Option<&'a [u8]>,
    pub(super) protocol: &'static str,
}

/// What is in force for one request, from its beginning to its end.
#[derive(Clone)]
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

    /// What is behind the routes to `upstream`; while that is not known, the only one that there is.
    pub(super) fn behind(&self, upstream: Option<UpstreamId>) -> Option<&Behind> {
        let only = || match self.guarded.routes.upstreams() {
            [only] => Some(*only),
            [] | [..] => None,
        };
        self.snapshot.behind(upstream.or_else(only)?).map(|behind| &**behind)
    }
}

/// Decides, fetches, redacts. The record is written when the entry is dropped, after the answer was sent.
pub(super) async fn exchange(peer: &Peer, force: &InForce, facts: &Facts<'_>) -> (Answer, Entry) {
    let mut entry = Entry::new(peer, force.clone(), facts.protocol);
    let wish = Wish::of(facts.accept);
    let wants = Wants::of(facts.accept, facts.accept_encoding);
    let certificate = shown::certificate(peer.shown.as_deref(), force.guarded.client_trust.as_deref(), entry.received);
    let request = Request {
        method: facts.method,
        target: facts.target,
        body: facts.body,
        host: facts.host,
        authorization: facts.authorization,
        assertions: facts.assertions,
        told: facts.told,
        way: Way::Direct,
        certificate: certificate.as_ref(),
        source: entry.source(),
        tls: peer.tls,
        now: entry.received,
    };
    let request = gate::meant(&force.snapshot.engine(&force.guarded, &[]), request);
    entry.way = request.way;
    let answer = match decide(force, &request).await {
        // The proxy that asks fetches by itself.
        Ok(pass) if request.way == Way::Told => permitted(force, pass, wish, &mut entry),
        Ok(pass) => ask(force, pass, (wish, wants), &mut entry).await,
        Err(refusal) => refuse(force, *refusal, wish, &mut entry),
    };
    entry.status = answer.status;
    (answer, entry)
}

/// The answer to a head that could not be read.
pub(super) fn malformed(peer: &Peer, force: &InForce, fault: HeadFault, protocol: &'static str) -> (Answer, Entry) {
    let mut entry = Entry::new(peer, force.clone(), protocol);
    entry.stage = Stage::Malformed(fault);
    entry.status = fault.status();
    (Answer::plain(fault.status(), Wish::Text, entry.id), entry)
}

/// Asks the gate who it is, and then what they may.
async fn decide(force: &InForce, request: &Request<'_>) -> Result<Pass, Box<Refusal>> {
    let mut keys = force.snapshot.keys();
    let mut identified = gate::identify(&force.snapshot.engine(&force.guarded, &keys), request);
    if let Err(Denial::Token(TokenFault::UnknownKey { issuer, key })) = identified {
        match fresh_keys(force, issuer, key).await {
            Refreshed::Changed => {
                keys = force.snapshot.keys();
                identified = gate::identify(&force.snapshot.engine(&force.guarded, &keys), request);
            }
            // The issuer was heard of late, and had no such key.
            Refreshed::Unchanged | Refreshed::Absent | Refreshed::NotNow => {}
            // Without hearing it nobody can tell whether the token is bad or the key new.
            Refreshed::Failed | Refreshed::TimedOut => {
                identified = Err(Denial::Token(TokenFault::KeysMissing { issuer }));
            }
        }
    }
    let principal = match identified? {
        Identified::Known(principal) => principal,
        Identified::Asks(inquiry) => find_out(force, inquiry, request).await?,
    };
    gate::evaluate(&force.snapshot.engine(&force.guarded, &keys), principal, request)
}

/// When a token names a key that is not known yet: whether its issuer has published it since.
async fn fresh_keys(force: &InForce, issuer: usize, key: KeyName) -> Refreshed {
    match force.snapshot.issuers.get(issuer).and_then(|issuer| issuer.refresher()) {
        Some(refresher) => refresher.refresh(0, key, KEY_PATIENCE).await,
        None => Refreshed::NotNow,
    }
}

/// Asks those who can tell.
async fn find_out(force: &InForce, inquiry: Inquiry, request: &Request<'_>) -> Result<Arc<Principal>, Denial> {
    let judge = |issuer: &usize| force.snapshot.issuers.get(*issuer).map(|issuer| &issuer.judge);
    let answer = match &inquiry.question {
        Question::Token { issuer, token } => match judge(issuer) {
            Some(Judge::Asked(asker)) => asker.ask(token, request.source, request.now).await,
            Some(Judge::Keys(_) | Judge::File(_)) | None => Err(TokenFault::Unavailable),
        },
        Question::Key { issuer, user, key } => match judge(issuer) {
            Some(Judge::File(check)) => check.ask(user, key, request.source, request.now).await,
            Some(Judge::Keys(_) | Judge::Asked(_)) | None => Err(TokenFault::Unavailable),
        },
    };
    inquiry.settle(answer, request)
}

async fn ask(force: &InForce, pass: Pass, (wish, wants): (Wish, Wants), entry: &mut Entry) -> Answer {
    entry.stage = Stage::Passed(pass);
    let began = clock::instant();
    let Stage::Passed(pass) = &entry.stage else { return Answer::plain(502, wish, entry.id) };
    let Some(behind) = force.behind(Some(pass.upstream())) else { return Answer::plain(502, wish, entry.id) };
    let result = Box::pin(fetch::fetch(behind, pass, wants, entry.id)).await;
    entry.upstream_took(clock::instant().saturating_duration_since(began));
    let stage = std::mem::replace(&mut entry.stage, Stage::Received);
    let Stage::Passed(pass) = stage else { return Answer::plain(502, wish, entry.id) };
    match result {
        Ok(fetched) => answered(pass, fetched, wants, entry),
        Err(withheld) => withhold(pass, withheld, wish, entry),
    }
}

/// Tells a proxy that it may fetch, and what.
fn permitted(force: &InForce, pass: Pass, wish: Wish, entry: &mut Entry) -> Answer {
    let Some(behind) = force.behind(Some(pass.upstream())) else { return Answer::plain(502, wish, entry.id) };
    let target = behind.on_wire(&pass.asked().target).into_owned();
    entry.stage = Stage::Vouched(pass);
    Answer::body("text/plain; charset=utf-8", Vec::new(), entry.id).with("x-monward-target", target)
}

fn answered(pass: Pass, mut fetched: Fetched, wants: Wants, entry: &mut Entry) -> Answer {
    let content_type = match pass.plan().kind() {
        BodyKind::Json => "application/json",
        BodyKind::Text => "text/plain; charset=utf-8",
        BodyKind::Exposition => fetched.format.content_type(),
    };
    let body = std::mem::take(&mut fetched.body);
    let is_page = pass.plan().kind() == BodyKind::Exposition;
    let (content_type, body) = match pass.callback() {
        Some(callback) => ("application/javascript; charset=utf-8", callback.wrap(&body)),
        None => (content_type, body),
    };
    entry.stage = Stage::Answered(pass, fetched);
    if !is_page {
        return Answer::body(content_type, body, entry.id);
    }
    // What is not to leave is gone already, so that its length tells nothing.
    let answer = match wants.compressed(&body) {
        Some(compressed) => Answer::body(content_type, compressed, entry.id).with("content-encoding", "gzip"),
        None => Answer::body(content_type, body, entry.id),
    };
    answer.with("vary", "accept, accept-encoding")
}

fn withhold(pass: Pass, withheld: Withheld, wish: Wish, entry: &mut Entry) -> Answer {
    entry.stage = Stage::Withheld(pass, withheld);
    match withheld.relayed() {
        Some(status) => Answer::relayed(status, wish, entry.id),
        None => Answer::plain(withheld.status(), wish, entry.id),
    }
}

fn refuse(force: &InForce, refusal: Refusal, wish: Wish, entry: &mut Entry) -> Answer {
    let plain = Answer::plain(refusal.denial.status(), wish, entry.id);
    let engine = force.snapshot.engine(&force.guarded, &[]);
    let answer =
        engine.challenges(&refusal.denial).fold(plain, |answer, challenge| answer.with("www-authenticate", challenge));
    let answer = match &refusal.denial {
        Denial::Limit(exceeded) => answer
            .with("retry-after", exceeded.retry_after().as_secs().to_string())
            .with("ratelimit-policy", exceeded.policy_field())
            .with("ratelimit", exceeded.field()),
        Denial::Target(TargetFault::Method { allow }) => answer.with("allow", *allow),
        Denial::Token(fault) if fault.is_unjudged() => answer.with("retry-after", "5"),
        Denial::Token(TokenFault::Attempts) => answer.with("retry-after", ATTEMPTS_WINDOW.as_secs().to_string()),
        Denial::Credential(_)
        | Denial::Certificate(_)
        | Denial::Token(_)
        | Denial::Host
        | Denial::Path
        | Denial::Target(_)
        | Denial::Policy(_)
        | Denial::Forward(_) => answer,
    };
    entry.stage = Stage::Refused(Box::new(refusal));
    answer
}
