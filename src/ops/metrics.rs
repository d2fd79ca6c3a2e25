//! What monward counts, in `OpenMetrics` text on the admin listener.
//!
//! Every label value comes from the configuration, the catalogue or a closed list of words, never from a request:
//! the number of series is bounded by the files, whoever asks.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::key_metrics::KeyMetrics;
use crate::authn::{Method, Principal};
use crate::types::UnixTime;

/// The content type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The labels of a request that was answered or refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The upstream's configured name.
    pub upstream: Arc<str>,
    /// The endpoint's name in the catalogue; `-` when it was not understood.
    pub endpoint: Arc<str>,
    /// `permit`, `deny` or `withhold`.
    pub decision: &'static str,
    /// Why.
    pub reason: &'static str,
    /// The status.
    pub status: u16,
}

/// The labels of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EndpointLabels {
    /// The upstream's configured name.
    pub upstream: Arc<str>,
    /// The endpoint's name in the catalogue.
    pub endpoint: Arc<str>,
}

/// The labels of a decision that a rule in shadow would have taken.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ShadowLabels {
    /// The upstream's configured name.
    pub upstream: Arc<str>,
    /// The endpoint's name in the catalogue.
    pub endpoint: Arc<str>,
    /// What was decided: `permit`, `deny` or `withhold`.
    pub decision: &'static str,
    /// What would have been: `permit` or `deny`.
    pub shadow: &'static str,
}

/// The labels of a redaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RedactionLabels {
    /// The endpoint's name in the catalogue.
    pub endpoint: Arc<str>,
    /// The selector that struck, as the policy or the catalogue spells it.
    pub selector: String,
}

/// The labels of a refused connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ConnectionLabels {
    /// Why.
    pub reason: &'static str,
}

/// The label of an issuer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct IssuerLabels {
    /// Its configured name.
    pub issuer: String,
}

/// The labels of a question to an issuer about a token.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct QuestionLabels {
    /// The issuer's configured name.
    pub issuer: String,
    /// `ok`, `inactive`, `failed`, `shared` (another request had asked) or `cached`.
    pub result: &'static str,
}

/// The labels of something that ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ExpiryLabels {
    /// The listener's configured address.
    pub listener: String,
    /// `server`, `client_ca`, `crl` or `upstream_client`.
    pub kind: &'static str,
    /// The file, or whom the certificate or list names as its own.
    pub name: String,
}

/// The labels of a result.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ResultLabels {
    /// `ok` or `failed`.
    pub result: &'static str,
}

/// The label of a way to prove who one is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct MethodLabels {
    /// The way.
    pub method: &'static str,
}

/// The figures of one way to prove who one is, looked up once: they are on the path of every request.
#[derive(Debug)]
struct MethodFigures {
    method: Method,
    requests: Counter,
    remaining: Histogram,
}

/// All of monward's metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    methods: Vec<MethodFigures>,
    /// Requests by what became of them.
    pub requests: Family<RequestLabels, Counter>,
    /// From head to answer.
    pub duration: Family<EndpointLabels, Histogram, fn() -> Histogram>,
    /// The upstream's part of it.
    pub upstream_duration: Family<EndpointLabels, Histogram, fn() -> Histogram>,
    /// Values taken out of answers.
    pub redactions: Family<RedactionLabels, Counter>,
    /// What rules in shadow would have decided.
    pub shadow: Family<ShadowLabels, Counter>,
    /// Secret-shaped texts that the safety net masked.
    pub masked: Family<EndpointLabels, Counter>,
    /// Fields in answers that the catalogue does not know.
    pub drift: Family<EndpointLabels, Gauge>,
    /// Open connections.
    pub connections: Gauge,
    /// Connections that were closed before a request was read.
    pub connections_refused: Family<ConnectionLabels, Counter>,
    /// Age of each issuer's keys.
    pub jwks_age: Family<IssuerLabels, Gauge>,
    /// Whether each issuer has keys that may be used.
    pub jwks_usable: Family<IssuerLabels, Gauge>,
    /// The life of issuers' keys.
    pub keys: KeyMetrics,
    /// What issuers answered about tokens.
    pub questions: Family<QuestionLabels, Counter>,
    /// When certificates and revocation lists end, in seconds since 1970.
    pub expiries: Family<ExpiryLabels, Gauge>,
    /// Reloads of the configuration.
    pub reloads: Family<ResultLabels, Counter>,
    /// Audit records that could not be written.
    pub audit_dropped: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All metrics at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("monward"),
            methods: Vec::new(),
            requests: Family::default(),
            duration: Family::new_with_constructor(seconds),
            upstream_duration: Family::new_with_constructor(seconds),
            redactions: Family::default(),
            shadow: Family::default(),
            masked: Family::default(),
            drift: Family::default(),
            connections: Gauge::default(),
            connections_refused: Family::default(),
            jwks_age: Family::default(),
            jwks_usable: Family::default(),
            keys: KeyMetrics::default(),
            questions: Family::default(),
            expiries: Family::default(),
            reloads: Family::default(),
            audit_dropped: Counter::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let (requests, remaining) = (Family::default(), Family::new_with_constructor(lifetimes as fn() -> Histogram));
        self.methods = Method::ALL.map(|method| figures(method, &requests, &remaining)).into();
        let to = &mut self.registry;
        to.register("authenticated_requests", "Requests by how the caller proved who it is", requests);
        let help = "How long the credentials of requests were still good";
        to.register_with_unit("credential_remaining", help, Unit::Seconds, remaining);
        to.register("requests", "Requests by what became of them", self.requests.clone());
        let help = "From the end of the request's head to the end of the answer";
        to.register_with_unit("request_duration", help, Unit::Seconds, self.duration.clone());
        let help = "The part of a request spent on the upstream";
        to.register_with_unit("upstream_duration", help, Unit::Seconds, self.upstream_duration.clone());
        to.register("redactions", "Values taken out of answers by a selector", self.redactions.clone());
        to.register("shadow_decisions", "What rules in shadow would have decided", self.shadow.clone());
        to.register("masked", "Secret-shaped texts that the safety net masked", self.masked.clone());
        to.register("drift_fields", "Fields in answers that the catalogue does not know", self.drift.clone());
        to.register("connections", "Open client connections", self.connections.clone());
        let help = "Connections closed before a request was read";
        to.register("connections_refused", help, self.connections_refused.clone());
        let help = "Age of the issuer's keys";
        to.register_with_unit("jwks_age", help, Unit::Seconds, self.jwks_age.clone());
        to.register("jwks_usable", "Whether the issuer has keys that may be used", self.jwks_usable.clone());
        self.keys.register(to);
        to.register("issuer_questions", "Questions to issuers about tokens", self.questions.clone());
        let help = "When certificates and revocation lists end, in seconds since 1970";
        to.register_with_unit("certificate_expiry_timestamp", help, Unit::Seconds, self.expiries.clone());
        to.register("config_reloads", "Reloads of the configuration", self.reloads.clone());
        to.register("audit_dropped", "Audit records that could not be written", self.audit_dropped.clone());
    }

    /// Counts a request of `principal`, and how long its credentials are still good: a scraper that forgets to renew
    /// shows before it fails.
    pub fn seen(&self, principal: &Principal, now: UnixTime) {
        for figures in self.methods.iter().filter(|figures| figures.method == principal.method()) {
            figures.requests.inc();
            figures.remaining.observe(principal.expires().since(now).as_secs_f64());
        }
    }

    /// Everything as `OpenMetrics` text.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing into a `String` cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

type Remaining = Family<MethodLabels, Histogram, fn() -> Histogram>;

fn figures(method: Method, requests: &Family<MethodLabels, Counter>, remaining: &Remaining) -> MethodFigures {
    let labels = MethodLabels { method: method.label() };
    let (requests, remaining) = (requests.get_or_create_owned(&labels), remaining.get_or_create_owned(&labels));
    MethodFigures { method, requests, remaining }
}

/// From a minute to a year.
fn lifetimes() -> Histogram {
    const HOUR: f64 = 3600.0;
    const DAY: f64 = 24.0 * HOUR;
    Histogram::new([60.0, 300.0, 1800.0, HOUR, 6.0 * HOUR, DAY, 7.0 * DAY, 30.0 * DAY, 90.0 * DAY, 365.0 * DAY])
}

/// From half a millisecond to half a minute.
fn seconds() -> Histogram {
    Histogram::new([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0])
}

/// Whole seconds for a gauge.
#[must_use]
pub fn whole_seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
}
