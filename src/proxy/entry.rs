//! The bookkeeping of one request: whatever becomes of it, one audit record and its metrics are written.
//!
//! The record is written when the entry is dropped, so that a connection that breaks, a task that is cut off at the end
//! of a drain and a panic leave one as well.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::behind::Behind;
use super::exchange::InForce;
use super::fetch::{Fetched, Withheld};
use super::head::HeadFault;
use super::snapshot::Guarded;
use super::{Gateway, Peer};
use crate::audit::{Decision, Record, Redaction, Shadow, Who, write_line};
use crate::authn::{Method, Principal};
use crate::authz::{Effect, HeldRoles, RuleId, Would};
use crate::catalog::EndpointId;
use crate::gate::{Asked, Pass, Refusal, Way};
use crate::ops::metrics::{EndpointLabels, RedactionLabels, RequestLabels, ShadowLabels};
use crate::ops::{clock, date};
use crate::redact::Action;
use crate::types::{RequestId, UnixTime};

/// What has become of a request so far.
pub(super) enum Stage {
    /// Its head was read, nothing decided.
    Received,
    /// Its head could not be read.
    Malformed(HeadFault),
    /// Refused before the upstream was asked.
    Refused(Box<Refusal>),
    /// Permitted; the upstream is being asked.
    Passed(Pass),
    /// Permitted, but nothing of the upstream's answer may leave.
    Withheld(Pass, Withheld),
    /// Permitted to a proxy that fetches by itself.
    Vouched(Pass),
    /// Permitted and answered.
    Answered(Pass, Fetched),
}

/// One request.
pub(super) struct Entry {
    gateway: Arc<Gateway>,
    force: InForce,
    source: std::net::IpAddr,
    protocol: &'static str,
    pub(super) id: RequestId,
    pub(super) received: UnixTime,
    began: Instant,
    upstream: Option<Duration>,
    pub(super) stage: Stage,
    /// Who brought it.
    pub(super) way: Way,
    /// The status that was chosen; 0 while there is none.
    pub(super) status: u16,
    /// The bytes of body that were sent; `None` until the answer has left whole.
    pub(super) sent: Option<u64>,
}

impl Entry {
    pub(super) fn new(peer: &Peer, force: InForce, protocol: &'static str) -> Self {
        Self {
            gateway: Arc::clone(&peer.gateway),
            force,
            source: peer.source,
            protocol,
            id: RequestId::new(rand::random()),
            received: clock::now(),
            began: clock::instant(),
            upstream: None,
            stage: Stage::Received,
            way: Way::Direct,
            status: 0,
            sent: None,
        }
    }

    /// The address that it comes from.
    pub(super) const fn source(&self) -> std::net::IpAddr {
        self.source
    }

    /// Notes how long the upstream took.
    pub(super) const fn upstream_took(&mut self, span: Duration) {
        self.upstream = Some(span);
    }

    fn decision(&self) -> (Decision, &'static str) {
        match &self.stage {
            Stage::Received => (Decision::Deny, "aborted"),
            Stage::Malformed(fault) => (Decision::Deny, fault.label()),
            Stage::Refused(refusal) => (Decision::Deny, refusal.denial.label()),
            Stage::Passed(_) => (Decision::Withhold, "aborted"),
            Stage::Withheld(_, withheld) => (Decision::Withhold, withheld.label()),
            Stage::Vouched(_) | Stage::Answered(..) => (Decision::Permit, "rule"),
        }
    }

    fn count(&self, decision: Decision, reason: &'static str, duration: Duration) {
        let metrics = &self.gateway.metrics;
        let endpoint = self.asked().map(|asked| asked.endpoint);
        if let Some(principal) = self.principal() {
            metrics.seen(principal, self.received);
        }
        if let Some(would) = self.would() {
            let EndpointLabels { upstream, endpoint } = self.labels(endpoint);
            let (enforced, shadow) = (decision.label(), decision_of(would).label());
            let labels = ShadowLabels { upstream, endpoint, decision: enforced, shadow };
            metrics.shadow.get_or_create(&labels).inc();
        }
        if let Stage::Answered(pass, fetched) = &self.stage
            && let Some(answered) = self.behind().and_then(|behind| behind.answered(pass.asked().endpoint, metrics))
        {
            answered.requests.inc();
            answered.duration.observe(duration.as_secs_f64());
            answered.upstream_duration.observe(self.upstream.unwrap_or_default().as_secs_f64());
            self.count_unknown(pass.asked().endpoint, fetched);
            return self.count_redactions(fetched, endpoint);
        }
        let labels = self.labels(endpoint);
        metrics.duration.get_or_create(&labels).observe(duration.as_secs_f64());
        if let Some(span) = self.upstream {
            metrics.upstream_duration.get_or_create(&labels).observe(span.as_secs_f64());
        }
        let EndpointLabels { upstream, endpoint } = labels;
        let labels = RequestLabels { upstream, endpoint, decision: decision.label(), reason, status: self.status };
        metrics.requests.get_or_create(&labels).inc();
    }

    /// Tells of fields that nobody has described: their names, never what they hold.
    fn count_unknown(&self, endpoint: EndpointId, fetched: &Fetched) {
        let Some(alarm) = self.behind().and_then(|behind| behind.alarm(endpoint)) else { return };
        if fetched.unknown.is_empty() {
            return;
        }
        let (labels, (news, count)) = (self.labels(Some(endpoint)), alarm.news(&fetched.unknown));
        for field in news {
            let (upstream, endpoint) = (&*labels.upstream, &*labels.endpoint);
            tracing::warn!(upstream, endpoint, field, "a field that the catalogue does not know");
        }
        self.gateway.metrics.drift.get_or_create(&labels).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    fn count_redactions(&self, fetched: &Fetched, endpoint: Option<EndpointId>) {
        let metrics = &self.gateway.metrics;
        if fetched.masked > 0 {
            metrics.masked.get_or_create(&self.labels(endpoint)).inc_by(fetched.masked);
        }
        for (about, count) in self.redactions() {
            let endpoint = self.labels(endpoint).endpoint;
            let labels = RedactionLabels { endpoint, selector: about.into_owned() };
            metrics.redactions.get_or_create(&labels).inc_by(count);
        }
    }

    /// What became of it at the gate: a pass, a refusal, or neither.
    fn judged(&self) -> Result<&Pass, Option<&Refusal>> {
        match &self.stage {
            Stage::Passed(pass) | Stage::Withheld(pass, _) | Stage::Vouched(pass) | Stage::Answered(pass, _) => {
                Ok(pass)
            }
            Stage::Refused(refusal) => Err(Some(refusal)),
            Stage::Received | Stage::Malformed(_) => Err(None),
        }
    }

    /// Where it goes, or would have gone.
    fn behind(&self) -> Option<&Behind> {
        let upstream = self.judged().map_or_else(|refusal| refusal?.upstream, |pass| Some(pass.upstream()));
        self.force.behind(upstream)
    }

    fn labels(&self, endpoint: Option<EndpointId>) -> EndpointLabels {
        let nowhere = || EndpointLabels { upstream: Arc::from("-"), endpoint: Arc::from("-") };
        self.behind().map_or_else(nowhere, |behind| behind.labels(endpoint))
    }

    /// Who asked, once proven.
    fn principal(&self) -> Option<&Principal> {
        self.judged().map_or_else(|refusal| refusal?.principal.as_deref(), |pass| Some(pass.principal()))
    }

    /// What was asked, as far as it was understood.
    fn asked(&self) -> Option<&Asked> {
        self.judged().map_or_else(|refusal| refusal?.asked.as_ref(), |pass| Some(pass.asked()))
    }

    /// The roles of whoever asked, once the policy was asked.
    fn roles(&self) -> Option<&HeldRoles> {
        self.judged().map_or_else(|refusal| refusal?.roles.as_ref(), |pass| Some(pass.roles()))
    }

    /// What a rule in shadow would have decided.
    fn would(&self) -> Option<&Would> {
        self.judged().map_or_else(|refusal| refusal?.would.as_deref(), Pass::would)
    }

    /// What the rules that struck are about, with how often.
    fn redactions(&self) -> impl Iterator<Item = (Cow<'_, str>, u64)> {
        let Stage::Answered(pass, fetched) = &self.stage else { return EitherIter(None) };
        let hits = pass.plan().words().zip(&fetched.hits);
        let struck = hits.filter(|((action, _), hits)| **hits > 0 && *action != Action::Keep);
        EitherIter(Some(struck.map(|((_, words), hits)| (words, *hits))))
    }

    fn record(&self, decision: Decision, reason: &'static str, duration: Duration) -> Vec<u8> {
        let time = date::rfc3339(self.received);
        let (behind, asked) = (self.behind(), self.asked());
        let catalog = behind.map(|behind| behind.guard.policy.catalog());
        let endpoint = asked.zip(catalog).map(|(asked, catalog)| catalog.endpoint(asked.endpoint).name.as_str());
        let rule = self.judged().map_or_else(|refusal| refusal?.rule.as_ref(), |pass| Some(pass.rule()));
        let (upstream_status, masked) = match &self.stage {
            Stage::Answered(_, fetched) => (Some(fetched.status), fetched.masked),
            Stage::Withheld(_, withheld) => (withheld.upstream_status(), 0),
            Stage::Received | Stage::Malformed(_) | Stage::Refused(_) | Stage::Passed(_) | Stage::Vouched(_) => {
                (None, 0)
            }
        };
        let record = Record {
            time: &time,
            request_id: self.id.as_str(),
            listener: &self.force.guarded().listener,
            source: self.source,
            protocol: self.protocol,
            via: (self.way != Way::Direct).then_some("forward_auth"),
            principal: self.principal().map(who),
            roles: self.roles().zip(behind).map(|(roles, behind)| behind.guard.policy.role_names(roles).collect()),
            upstream: behind.map(|behind| &*behind.name),
            tenant: self.judged().ok().and_then(Pass::tenant),
            endpoint,
            request: asked.map(|asked| asked.target.as_str()),
            decision,
            rule: rule.map(RuleId::as_str),
            reason,
            shadow: self.would().map(|would| Shadow { decision: decision_of(would), rule: would.rule.as_str() }),
            status: self.status,
            upstream_status,
            redactions: self.redactions().map(|(selector, count)| Redaction { selector, count }).collect(),
            masked,
            bytes: self.sent.unwrap_or_default(),
            cut: self.sent.is_none(),
            duration_us: micros(duration),
            upstream_us: self.upstream.map(micros),
        };
        let mut line = Vec::with_capacity(512);
        // Writing into a `Vec` cannot fail.
        let _ = write_line(&record, &mut line);
        line
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let duration = clock::instant().saturating_duration_since(self.began);
        let (decision, reason) = self.decision();
        self.count(decision, reason, duration);
        self.gateway.audit.write(&self.record(decision, reason, duration));
    }
}

/// The record of a connection that was closed before a request was read.
pub(super) fn refused_connection(peer: &Peer, guarded: &Guarded, reason: &'static str) {
    let (time, request_id) = (date::rfc3339(clock::now()), RequestId::new(rand::random()).to_string());
    let record = Record {
        time: &time,
        request_id: &request_id,
        listener: &guarded.listener,
        source: peer.source,
        protocol: "-",
        via: None,
        principal: None,
        roles: None,
        upstream: None,
        tenant: None,
        endpoint: None,
        request: None,
        decision: Decision::Deny,
        rule: None,
        reason,
        shadow: None,
        status: 0,
        upstream_status: None,
        redactions: Vec::new(),
        masked: 0,
        bytes: 0,
        cut: false,
        duration_us: 0,
        upstream_us: None,
    };
    let mut line = Vec::new();
    // Writing into a `Vec` cannot fail.
    let _ = write_line(&record, &mut line);
    peer.gateway.audit.write(&line);
    let labels = crate::ops::metrics::ConnectionLabels { reason };
    peer.gateway.metrics.connections_refused.get_or_create(&labels).inc();
}

fn who(principal: &Principal) -> Who<'_> {
    let also = principal.proofs().skip(1);
    let also = also.map(|proof| one(proof.issuer(), proof.subject(), proof.method(), Vec::new())).collect();
    one(principal.issuer(), principal.subject(), principal.method(), also)
}

const fn one<'a>(issuer: &'a str, subject: &'a str, method: Method, also: Vec<Who<'a>>) -> Who<'a> {
    Who { issuer, subject, method: method.label(), also }
}

const fn decision_of(would: &Would) -> Decision {
    match would.effect {
        Effect::Allow => Decision::Permit,
        Effect::Deny => Decision::Deny,
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// An iterator that may be none at all.
struct EitherIter<I>(Option<I>);

impl<I: Iterator> Iterator for EitherIter<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        self.0.as_mut()?.next()
    }
}
