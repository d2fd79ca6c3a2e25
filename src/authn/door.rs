//! Front doors that say beside a request who asks.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::certificate::Certificate;
use super::claims::{self, Accepted, IssuerSettings};
use super::fault::{Claim, TokenFault};
use super::jwt::{Header, Padding};
use super::name_pattern::NamePattern;
use crate::types::UnixTime;

/// A product that authenticates people and puts a signed assertion beside each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Door {
    /// Google Cloud Identity-Aware Proxy ([signed headers]).
    ///
    /// [signed headers]: https://cloud.google.com/iap/docs/signed-headers-howto
    GoogleIap,
    /// Cloudflare Access ([application token]).
    ///
    /// [application token]: https://developers.cloudflare.com/cloudflare-one/identity/authorization-cookie/application-token/
    CloudflareAccess,
    /// AWS Application Load Balancer ([user claims]).
    ///
    /// [user claims]: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html#user-claims-encoding
    AwsAlb,
    /// Pomerium ([identity verification]).
    ///
    /// [identity verification]: https://www.pomerium.com/docs/capabilities/getting-users-identity
    Pomerium,
}

/// The one `iss` of Google's Identity-Aware Proxy.
const GOOGLE_ISSUER: &str = "https://cloud.google.com/iap";

/// From where the assertions of a front door count. By default from nowhere: whoever else can reach monward could
/// replay one that they saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trusted {
    /// The addresses of the front door.
    pub networks: Vec<IpNet>,
    /// The names in the client certificate that it shows; one is enough.
    pub certificates: Vec<NamePattern>,
}

/// Whose assertions count, where the front door is AWS's: its keys sign for the load balancers of everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadBalancers {
    /// Their ARNs.
    pub signers: Vec<String>,
    /// The client id that they have at the identity provider.
    pub client: String,
}

/// Where a request comes from, as far as its connection proves it.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The address.
    pub source: IpAddr,
    /// The client certificate.
    pub certificate: Option<&'a Certificate>,
}

impl Trusted {
    /// Whether assertions from there count.
    #[must_use]
    pub fn holds(&self, origin: Origin<'_>) -> bool {
        let source = origin.source.to_canonical();
        self.networks.iter().any(|network| network.contains(&source)) || self.names(origin)
    }

    /// Whether all that is asked of a place holds there: one of the networks where some are named, and one of the
    /// certificates where some are. Nothing is never enough.
    #[must_use]
    pub fn demands_met(&self, origin: Origin<'_>) -> bool {
        let source = origin.source.to_canonical();
        let near = self.networks.is_empty() || self.networks.iter().any(|network| network.contains(&source));
        let named = self.certificates.is_empty() || self.names(origin);
        near && named && !(self.networks.is_empty() && self.certificates.is_empty())
    }

    /// Whether the client certificate from there is one of those that assertions come with.
    #[must_use]
    pub fn names(&self, origin: Origin<'_>) -> bool {
        let named = |certificate| self.certificates.iter().any(|pattern| pattern.matches(certificate));
        origin.certificate.is_some_and(named)
    }
}

impl Door {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::GoogleIap, Self::CloudflareAccess, Self::AwsAlb, Self::Pomerium];

    /// The name in the configuration.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::GoogleIap => "google_iap",
            Self::CloudflareAccess => "cloudflare_access",
            Self::AwsAlb => "aws_alb",
            Self::Pomerium => "pomerium",
        }
    }

    /// The field that holds its assertion, in lower case.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::GoogleIap => "x-goog-iap-jwt-assertion",
            Self::CloudflareAccess => "cf-access-jwt-assertion",
            Self::AwsAlb => "x-amzn-oidc-data",
            Self::Pomerium => "x-pomerium-jwt-assertion",
        }
    }

    /// The front door whose field has that name, in any case.
    #[must_use]
    pub fn of_field(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|door| name.eq_ignore_ascii_case(door.field().as_bytes()))
    }

    /// The only algorithms that it signs with.
    #[must_use]
    pub const fn algorithms(self) -> &'static [Algorithm] {
        match self {
            Self::GoogleIap | Self::AwsAlb | Self::Pomerium => &[Algorithm::Es256],
            Self::CloudflareAccess => &[Algorithm::Rs256],
        }
    }

    /// How long its assertions live at most, unless the configuration says otherwise.
    #[must_use]
    pub const fn max_lifetime(self) -> Duration {
        match self {
            // Ten minutes, and half a minute of skew at both ends.
            Self::GoogleIap => Duration::from_mins(11),
            // As long as the session of an application.
            Self::CloudflareAccess => Duration::from_hours(24),
            Self::AwsAlb => Duration::from_mins(10),
            Self::Pomerium => Duration::from_mins(5),
        }
    }

    /// The `iss` that needs no configuration.
    #[must_use]
    pub const fn only_issuer(self) -> Option<&'static str> {
        match self {
            Self::GoogleIap => Some(GOOGLE_ISSUER),
            Self::CloudflareAccess | Self::AwsAlb | Self::Pomerium => None,
        }
    }

    /// Judges a configured `iss`.
    ///
    /// # Errors
    /// What is expected instead.
    pub fn check_issuer(self, issuer: &str) -> Result<(), &'static str> {
        let (good, expected) = match self {
            Self::GoogleIap => (issuer == GOOGLE_ISSUER, "`https://cloud.google.com/iap`"),
            Self::CloudflareAccess => {
                let team = issuer.strip_prefix("https://").and_then(|host| host.strip_suffix(".cloudflareaccess.com"));
                let good = team.is_some_and(|team| is_host(team) && !team.contains('.'));
                (good, "`https://<team>.cloudflareaccess.com`")
            }
            Self::AwsAlb => {
                let host = issuer.strip_prefix("https://").and_then(|rest| rest.split('/').next());
                (host.is_some_and(is_host), "the identity provider's `iss`, a URL such as `https://idp.example.org`")
            }
            Self::Pomerium => {
                (is_host(pomerium_host(issuer)), "the route's host name, such as `monitoring.example.org`")
            }
        };
        if good { Ok(()) } else { Err(expected) }
    }

    /// Where its keys are; `None` where each has an address of its own.
    #[must_use]
    pub fn keys_url(self, issuer: &str) -> Option<String> {
        match self {
            Self::GoogleIap => Some("https://www.gstatic.com/iap/verify/public_key-jwk".to_owned()),
            Self::CloudflareAccess => Some(format!("{issuer}/cdn-cgi/access/certs")),
            Self::AwsAlb => None,
            Self::Pomerium => Some(format!("https://{}/.well-known/pomerium/jwks.json", pomerium_host(issuer))),
        }
    }

    /// Whether `aud` says for whom its assertions are.
    #[must_use]
    pub const fn names_audience(self) -> bool {
        match self {
            Self::GoogleIap | Self::CloudflareAccess | Self::Pomerium => true,
            Self::AwsAlb => false,
        }
    }

    pub(super) const fn padding(self) -> Padding {
        match self {
            Self::GoogleIap | Self::CloudflareAccess | Self::Pomerium => Padding::Refused,
            Self::AwsAlb => Padding::Accepted,
        }
    }

    /// Judges everything of an assertion but `iss`, which has chosen `settings`.
    pub(super) fn check(
        self,
        settings: &IssuerSettings,
        (header, claims): (&Header, &Map<String, Value>),
        now: UnixTime,
    ) -> Result<Accepted, TokenFault> {
        if claims::is_another_kind(claims) || !self.is_its_kind(claims) {
            return Err(TokenFault::NotAccessToken);
        }
        // The door's connection is not the client's: there is nothing to compare with.
        if claims.contains_key("cnf") {
            return Err(TokenFault::SenderConstrained);
        }
        if self.names_audience() {
            claims::audience(&settings.audiences, claims)?;
        }
        let mut expires = claims::times(settings, claims, now)?;
        if self == Self::AwsAlb {
            expires = expires.min(signer(settings, header, now)?);
        } else {
            claims::require(claims, Claim::IssuedAt)?;
        }
        let subject = self.subject(claims)?.to_owned();
        Ok(Accepted { subject, expires, bound_to: None })
    }

    /// Cloudflare's session tokens of a whole team have the same keys as the tokens for one application.
    fn is_its_kind(self, claims: &Map<String, Value>) -> bool {
        match self {
            Self::CloudflareAccess => claims.get("type").and_then(Value::as_str) == Some("app"),
            Self::GoogleIap | Self::AwsAlb | Self::Pomerium => true,
        }
    }

    /// `sub`; Cloudflare leaves it empty for service tokens, which have a client id in `common_name`.
    fn subject(self, claims: &Map<String, Value>) -> Result<&str, TokenFault> {
        let name = claims.get("common_name").and_then(Value::as_str).filter(|name| !name.is_empty());
        match name {
            Some(name) if self == Self::CloudflareAccess && claims.get("sub").is_some_and(|sub| sub == "") => Ok(name),
            Some(_) | None => claims::text(claims, Claim::Subject),
        }
    }

    /// Says beside `email` that it is verified, for the front doors that pass on no other address.
    pub(super) fn vouch(self, claims: &mut Map<String, Value>) {
        let vouches = match self {
            Self::GoogleIap | Self::CloudflareAccess | Self::Pomerium => true,
            Self::AwsAlb => false,
        };
        if vouches && claims.get("email").is_some_and(|email| email.as_str().is_some_and(|email| !email.is_empty())) {
            claims.entry("email_verified").or_insert(Value::Bool(true));
        }
    }
}

/// What AWS says in the header: who signed, for which client and issuer, until when. The answer is the last.
fn signer(settings: &IssuerSettings, header: &Header, now: UnixTime) -> Result<UnixTime, TokenFault> {
    let says = |name: &str| header.members.get(name).and_then(Value::as_str).unwrap_or_default();
    let ours = &settings.load_balancers;
    if !ours.signers.iter().any(|signer| signer == says("signer")) || says("signer").is_empty() {
        return Err(TokenFault::Signer);
    }
    if ours.client.is_empty() || says("client") != ours.client {
        return Err(TokenFault::Client);
    }
    if claims::issuer(&header.members)? != settings.issuer {
        return Err(TokenFault::UnknownIssuer);
    }
    claims::times(settings, &header.members, now)
}

/// Pomerium's `iss` is the host alone, or (`jwt_issuer_format: uri`) a URL of nothing but the host.
fn pomerium_host(issuer: &str) -> &str {
    issuer.strip_prefix("https://").and_then(|host| host.strip_suffix('/')).unwrap_or(issuer)
}

fn is_host(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
}
