//! The whole decision, top-down, in one function.
//!
//! In: what a request says of itself ([`Request`]) and what is in force ([`Engine`]). Out: a [`Pass`], the only thing
//! an upstream request can be built from, or a [`Refusal`] that says why, to whom and about what. No IO, no clock:
//! where only an issuer can tell who asks, [`identify`] hands out the question, and the edge brings the answer.

use std::net::IpAddr;
use std::sync::Arc;

use governor::clock::Clock;

use crate::authn::{CertificateFault, CredentialFault, Door, LiveKeys, Principal, Revocations, TokenFault, Verifier};
use crate::authz::{Circumstances, Decision, HeldRoles, Permit, Reason, RuleId, Would};
use crate::catalog::{Callback, EndpointId, Resource, TargetFault};
use crate::quota::{Admitted, Exceeded};
use crate::redact::Plan;
use crate::types::{TlsVersion, UnixTime};

mod forward;
mod identity;
mod routes;

pub use forward::{AUTHORIZE, ForwardAuth, ForwardFault, Proxy, Told, Way, meant};
pub use identity::{Identified, Inquiry, Question, identify};
pub use routes::{Found, Guard, Route, Routes, UpstreamId};

/// What a request says of itself; nothing in it is believed yet.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The method token.
    pub method: &'a [u8],
    /// The origin-form target, as on the wire.
    pub target: &'a [u8],
    /// The body, whole.
    pub body: &'a [u8],
    /// The host it was sent to: `Host` or `:authority`.
    pub host: &'a [u8],
    /// The value of every `Authorization` field.
    pub authorization: &'a [&'a [u8]],
    /// The values of the assertion fields of front doors.
    pub assertions: &'a [(Door, &'a [u8])],
    /// The values of the fields in which proxies tell what was asked.
    pub told: &'a [(Told, &'a [u8])],
    /// Who brings it; only [`meant`] knows.
    pub way: Way,
    /// What the client certificate of the connection proves, where one was shown.
    pub certificate: Option<&'a Result<Arc<Principal>, CertificateFault>>,
    /// The address it comes from.
    pub source: IpAddr,
    /// The version of TLS that it came over, where it is known.
    pub tls: Option<TlsVersion>,
    /// When it is judged.
    pub now: UnixTime,
}

/// What is in force for one listener, all of it from one snapshot.
#[derive(Clone, Copy)]
pub struct Engine<'a, C: Clock> {
    /// Says where requests go, and what guards it there.
    pub routes: &'a Routes<C>,
    /// Checks tokens.
    pub verifier: &'a Verifier,
    /// The keys of each issuer, in the verifier's order.
    pub keys: &'a [Option<LiveKeys>],
    /// Whether HTTP Basic is accepted.
    pub basic: bool,
    /// The position of the issuer that keeps static keys.
    pub static_keys: Option<usize>,
    /// Says what proves nothing any more.
    pub revoked: &'a Revocations,
    /// Says which proxy may ask about requests of others.
    pub forward_auth: Option<&'a ForwardAuth>,
}

/// What a client without a good credential may try beside a token ([RFC 7617 §2.1]); names and keys are UTF-8.
///
/// [RFC 7617 §2.1]: https://www.rfc-editor.org/rfc/rfc7617#section-2.1
const BASIC_CHALLENGE: &str = "Basic realm=\"monward\", charset=\"UTF-8\"";

impl<C: Clock> Engine<'_, C> {
    /// The values of `WWW-Authenticate` that go with `denial`.
    pub fn challenges(&self, denial: &Denial) -> impl Iterator<Item = &'static str> + use<C> {
        let basic = (self.basic && denial.status() == 401).then_some(BASIC_CHALLENGE);
        denial.challenge().into_iter().chain(basic)
    }
}

/// Proof that a request may go upstream: who asks, what, under which rule. Only [`evaluate`] makes one.
///
/// ```compile_fail
/// use std::sync::Arc;
/// use monward::{authn::Principal, gate::{Asked, Pass, UpstreamId}, quota::Admitted};
/// fn forge(principal: Arc<Principal>, admitted: Admitted, upstream: UpstreamId, asked: Asked) -> Pass {
///     Pass { principal, admitted, upstream, asked }
/// }
/// ```
#[derive(Debug)]
pub struct Pass {
    principal: Arc<Principal>,
    admitted: Admitted,
    upstream: UpstreamId,
    asked: Asked,
}

impl Pass {
    /// Who asks.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Where it goes.
    #[must_use]
    pub const fn upstream(&self) -> UpstreamId {
        self.upstream
    }

    /// What goes upstream: the endpoint, and the canonical target with what the rule adds to it.
    #[must_use]
    pub const fn asked(&self) -> &Asked {
        &self.asked
    }

    /// The rule that permits it.
    #[must_use]
    pub fn rule(&self) -> &RuleId {
        self.admitted.permit().rule()
    }

    /// What must not leave.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        self.admitted.permit().plan()
    }

    /// The function that the answer is to call (JSONP).
    #[must_use]
    pub fn callback(&self) -> Option<&Callback> {
        self.admitted.permit().resource().callback()
    }

    /// The tenant whose part alone may leave; `None`: all of it may.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.admitted.permit().tenant()
    }

    /// The roles of whoever asks.
    #[must_use]
    pub fn roles(&self) -> &HeldRoles {
        self.admitted.permit().roles()
    }

    /// What a rule in shadow would have decided.
    #[must_use]
    pub fn would(&self) -> Option<&Would> {
        self.admitted.permit().would()
    }
}

/// Why a request was refused before the upstream was asked.
#[derive(Debug)]
pub enum Denial {
    /// No credential, or one that cannot be read.
    Credential(CredentialFault),
    /// A client certificate that proves nothing.
    Certificate(CertificateFault),
    /// A token that does not prove anything, or keys that are missing.
    Token(TokenFault),
    /// A host name that is not ours.
    Host,
    /// A path outside all routes.
    Path,
    /// A target that the catalogue does not know or accept.
    Target(TargetFault),
    /// The policy says no.
    Policy(Reason),
    /// A permit that would be worth nothing to the proxy that asks.
    Forward(ForwardFault),
    /// Too often.
    Limit(Exceeded),
}

/// A denial with what was already known when it fell.
#[derive(Debug)]
pub struct Refusal {
    /// Why.
    pub denial: Denial,
    /// Who asked, once proven.
    pub principal: Option<Arc<Principal>>,
    /// Where it would have gone, once known.
    pub upstream: Option<UpstreamId>,
    /// What was asked: endpoint and canonical target, once understood.
    pub asked: Option<Asked>,
    /// The rule that spoke, where one did.
    pub rule: Option<RuleId>,
    /// The roles of whoever asked, once the policy was asked.
    pub roles: Option<HeldRoles>,
    /// What a rule in shadow would have decided.
    pub would: Option<Box<Would>>,
}

/// What was asked, in the catalogue's spelling only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The canonical path and query.
    pub target: String,
}

impl Denial {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Token(fault) if fault.is_unjudged() => 503,
            Self::Limit(_) | Self::Token(TokenFault::Attempts) => 429,
            Self::Credential(CredentialFault::Missing | CredentialFault::Scheme | CredentialFault::Malformed)
            | Self::Certificate(_)
            | Self::Token(_) => 401,
            Self::Host => 421,
            Self::Path => 404,
            Self::Target(fault) => fault.status(),
            Self::Credential(CredentialFault::Several | CredentialFault::InQuery) => 400,
            Self::Policy(reason) => reason.status(),
            Self::Forward(fault) => fault.status(),
        }
    }

    /// The value of `WWW-Authenticate` for bearer tokens, where one belongs (RFC 6750 §3): no error when nothing was sent.
    #[must_use]
    pub fn challenge(&self) -> Option<&'static str> {
        match self.status() {
            401 if matches!(self, Self::Credential(CredentialFault::Missing)) => Some("Bearer realm=\"monward\""),
            401 => Some("Bearer realm=\"monward\", error=\"invalid_token\""),
            403 => Some("Bearer realm=\"monward\", error=\"insufficient_scope\""),
            400 if matches!(self, Self::Credential(_)) => Some("Bearer realm=\"monward\", error=\"invalid_request\""),
            _ => None,
        }
    }

    /// The label in metrics and audit records.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Credential(fault) => fault.label(),
            Self::Certificate(fault) => fault.label(),
            Self::Token(fault) => fault.label(),
            Self::Host => "wrong_host",
            Self::Path => "unknown_path",
            Self::Target(fault) => fault.label(),
            Self::Policy(reason) => reason.label(),
            Self::Forward(fault) => fault.label(),
            Self::Limit(_) => "rate_limited",
        }
    }
}

/// Decides one request of `principal`: are they revoked, where, what, may they, how often.
///
/// # Errors
/// The first thing that is wrong, with what was known by then. An anonymous caller never gets here: whether a path, a
/// host or an argument exists is only judged for somebody who is known.
pub fn evaluate<C: Clock + Clone>(
    engine: &Engine<'_, C>,
    principal: Arc<Principal>,
    request: &Request<'_>,
) -> Result<Pass, Box<Refusal>> {
    if engine.revoked.strikes(&principal) {
        return Err(refuse(Denial::Token(TokenFault::Revoked), Some(principal), None));
    }
    if request.way == Way::Mistold {
        return Err(refuse(Denial::Forward(ForwardFault::Fields), Some(principal), None));
    }
    let found = match engine.routes.find(request.host, request.target) {
        Ok(found) => found,
        Err(denial) => return Err(refuse(denial, Some(principal), None)),
    };
    judge(&found, principal, request).map_err(|mut refusal| {
        refusal.upstream = Some(found.guard.upstream);
        refusal
    })
}

/// What, may they, how often: on the target as it goes upstream.
fn judge<C: Clock + Clone>(
    found: &Found<'_, C>,
    principal: Arc<Principal>,
    request: &Request<'_>,
) -> Result<Pass, Box<Refusal>> {
    let Guard { upstream, policy, limiter } = found.guard;
    let catalog = policy.catalog();
    let resource = match catalog.resolve_with(request.method, &found.target, request.body) {
        Ok(resource) => resource,
        Err(fault) => return Err(refuse(Denial::Target(fault), Some(principal), None)),
    };
    let asked = |resource: &Resource| Asked { endpoint: resource.endpoint(), target: catalog.render(resource) };
    let circumstances = circumstances(request);
    let permit = match policy.decide(&principal, resource, &circumstances) {
        Decision::Permit(permit) => permit,
        Decision::Deny(refused) => {
            let asked = asked(&refused.resource);
            let mut refusal = refuse(Denial::Policy(refused.reason), Some(principal), Some(asked));
            (refusal.rule, refusal.roles, refusal.would) = (refused.rule, Some(refused.roles), refused.would);
            return Err(refusal);
        }
    };
    let asked = asked(permit.resource());
    if request.way == Way::Told
        && let Some(fault) = forward::beyond(&permit, found, &asked.target, request)
    {
        return Err(refuse_permitted(Denial::Forward(fault), &permit, principal, asked));
    }
    match limiter.admit(permit, &principal) {
        Ok(admitted) => Ok(Pass { principal, admitted, upstream: *upstream, asked }),
        Err(turned_away) => {
            let (permit, exceeded) = turned_away.into_parts();
            Err(refuse_permitted(Denial::Limit(exceeded), &permit, principal, asked))
        }
    }
}

/// What is known besides who asks for what. Address and TLS of a proxy say nothing of whoever stands behind it, and an
/// address that the system did not tell is none that a rule may trust.
fn circumstances(request: &Request<'_>) -> Circumstances {
    let is_direct = request.way == Way::Direct;
    let source = Some(request.source).filter(|source| is_direct && !source.is_unspecified());
    let tls = request.tls.filter(|_| is_direct);
    Circumstances { now: Some(request.now), source, tls, ..Circumstances::default() }
}

impl From<Denial> for Box<Refusal> {
    /// Before anybody is known.
    fn from(denial: Denial) -> Self {
        refuse(denial, None, None)
    }
}

/// Refuses what the policy permits.
fn refuse_permitted(denial: Denial, permit: &Permit, principal: Arc<Principal>, asked: Asked) -> Box<Refusal> {
    let mut refusal = refuse(denial, Some(principal), Some(asked));
    (refusal.rule, refusal.roles) = (Some(permit.rule().clone()), Some(permit.roles().clone()));
    refusal.would = permit.would().cloned().map(Box::new);
    refusal
}

fn refuse(denial: Denial, principal: Option<Arc<Principal>>, asked: Option<Asked>) -> Box<Refusal> {
    Box::new(Refusal { denial, principal, upstream: None, asked, rule: None, roles: None, would: None })
}

#[cfg(test)]
mod tests;
