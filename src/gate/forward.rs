//! A trusted proxy that does not pass a request on but asks about it: nginx's `auth_request`, Traefik's `ForwardAuth`,
//! Envoy's `ext_authz` over HTTP.
//!
//! What it tells counts only where the listener names such a proxy, only on [`AUTHORIZE`], and only in the fields of
//! that kind of proxy, each exactly once. For everybody else these fields say nothing. The client certificate of the
//! connection is the proxy's, and no part of who asks. The proxy fetches by itself, so what only monward could carry out
//! is refused: it would be a promise that nobody keeps.

use governor::clock::Clock;

use super::identity::shown;
use super::{Engine, Found, Request};
use crate::authn::{Origin, Trusted};
use crate::authz::Permit;
use crate::catalog::Ask;

/// Where proxies ask.
pub const AUTHORIZE: &str = "/-/authorize";

/// A kind of proxy, which decides how it tells what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxy {
    /// nginx: `X-Original-Method` and `X-Original-URI`, as `deploy/forward-auth/nginx.conf` sets them; `Host` is the
    /// client's.
    Nginx,
    /// Traefik: `X-Forwarded-Method`, `X-Forwarded-Uri` and `X-Forwarded-Host`.
    Traefik,
    /// Envoy: its own method and host, and the path behind [`AUTHORIZE`] as `path_prefix`.
    Envoy,
}

/// A field in which a proxy tells what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// `X-Original-Method`.
    OriginalMethod,
    /// `X-Original-URI`.
    OriginalUri,
    /// `X-Forwarded-Method`.
    ForwardedMethod,
    /// `X-Forwarded-Uri`.
    ForwardedUri,
    /// `X-Forwarded-Host`.
    ForwardedHost,
}

/// Which proxy may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardAuth {
    /// How it tells.
    pub from: Proxy,
    /// How it is known; all that is written must hold.
    pub trusted: Trusted,
}

/// Who brings a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Whoever asks.
    Direct,
    /// A trusted proxy, which told what was asked.
    Told,
    /// A trusted proxy, but what it told has not one meaning.
    Mistold,
}

/// Why a proxy is refused that would be let through if it were whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardFault {
    /// One of its fields is missing, or there twice.
    Fields,
    /// Something must not leave, which only monward could take out: fields, or the parts of other tenants.
    Redaction,
    /// The upstream is not asked as the client asks: with a body of monward's, or a secret.
    Asking,
    /// The target is not spelled as it was decided on, and the proxy forwards what is spelled.
    Target,
}

impl Proxy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Nginx, Self::Traefik, Self::Envoy];

    /// The name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Traefik => "traefik",
            Self::Envoy => "envoy",
        }
    }

    /// Whether it asks here by this target.
    fn asks_by(self, target: &[u8]) -> bool {
        let rest = target.strip_prefix(AUTHORIZE.as_bytes());
        match self {
            Self::Nginx | Self::Traefik => rest == Some(b""),
            Self::Envoy => rest.is_some_and(|rest| rest.first() == Some(&b'/')),
        }
    }

    /// Method, target and host of what was asked.
    fn original<'a>(self, request: &Request<'a>) -> Option<(&'a [u8], &'a [u8], &'a [u8])> {
        let only = |field| {
            let mut values = request.told.iter().filter(|(told, _)| *told == field).map(|(_, value)| *value);
            values.next().filter(|_| values.next().is_none())
        };
        match self {
            Self::Nginx => Some((only(Told::OriginalMethod)?, only(Told::OriginalUri)?, request.host)),
            Self::Traefik => {
                Some((only(Told::ForwardedMethod)?, only(Told::ForwardedUri)?, only(Told::ForwardedHost)?))
            }
            Self::Envoy => Some((request.method, request.target.strip_prefix(AUTHORIZE.as_bytes())?, request.host)),
        }
    }
}

impl Told {
    /// The field called `name`, in any case and no other spelling.
    #[must_use]
    pub fn of_field(name: &[u8]) -> Option<Self> {
        let known = [
            ("x-original-method", Self::OriginalMethod),
            ("x-original-uri", Self::OriginalUri),
            ("x-forwarded-method", Self::ForwardedMethod),
            ("x-forwarded-uri", Self::ForwardedUri),
            ("x-forwarded-host", Self::ForwardedHost),
        ];
        known.into_iter().find(|(field, _)| name.eq_ignore_ascii_case(field.as_bytes())).map(|(_, told)| told)
    }
}

impl ForwardFault {
    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Fields => 400,
            Self::Redaction | Self::Asking | Self::Target => 403,
        }
    }

    /// The label in metrics and audit records.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Fields => "forward_auth_fields",
            Self::Redaction => "forward_auth_redaction",
            Self::Asking => "forward_auth_asking",
            Self::Target => "forward_auth_target",
        }
    }
}

/// The request that is meant: this one, or the one that a trusted proxy asks about.
#[must_use]
pub fn meant<'a, C: Clock>(engine: &Engine<'_, C>, request: Request<'a>) -> Request<'a> {
    let Some(settings) = engine.forward_auth else { return request };
    if !settings.from.asks_by(request.target) || !trusts(engine, &settings.trusted, &request) {
        return request;
    }
    match settings.from.original(&request) {
        // A body that came with the question is the proxy's.
        Some((method, target, host)) => Request { method, target, host, body: &[], way: Way::Told, ..request },
        None => Request { way: Way::Mistold, ..request },
    }
}

/// Whether `request` comes from such a proxy. A certificate that proves nothing, or no more, opens nothing.
fn trusts<C: Clock>(engine: &Engine<'_, C>, trusted: &Trusted, request: &Request<'_>) -> bool {
    let good = match request.certificate {
        None => true,
        Some(Ok(certificate)) => !engine.revoked.strikes(certificate),
        Some(Err(_)) => false,
    };
    good && trusted.demands_met(Origin { source: request.source, certificate: shown(request) })
}

/// Why a permit is worth nothing to a proxy that fetches `request` as it is spelled, and not as `target`.
pub(super) fn beyond<C: Clock>(
    permit: &Permit,
    found: &Found<'_, C>,
    target: &str,
    request: &Request<'_>,
) -> Option<ForwardFault> {
    if permit.plan().words().len() > 0 || permit.tenant().is_some() {
        return Some(ForwardFault::Redaction);
    }
    let endpoint = found.guard.policy.catalog().endpoint(permit.resource().endpoint());
    if endpoint.ask != Ask::Get || endpoint.inject.is_some() {
        return Some(ForwardFault::Asking);
    }
    let spelled = request.target.strip_prefix(found.prefix.as_bytes());
    (spelled != Some(target.as_bytes())).then_some(ForwardFault::Target)
}
