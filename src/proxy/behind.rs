//! The side of one upstream: what guards it, how it is reached, what is counted of it.
//!
//! There is one of each upstream, however many listeners and routes lead there.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use governor::clock::DefaultClock;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

use super::drift::Alarm;
use super::injected::Injected;
use crate::catalog::{Endpoint, EndpointId};
use crate::gate::Guard;
use crate::ops::metrics::{EndpointLabels, Metrics, RequestLabels};
use crate::redact::Pseudonyms;
use crate::types::UnixTime;
use crate::upstream::Pool;

/// One upstream with all that is on the way to it.
pub struct Behind {
    /// Its name.
    pub name: Arc<str>,
    /// Who may ask it what, and how often.
    pub guard: Arc<Guard<DefaultClock>>,
    /// Connections to it.
    pub pool: Pool,
    /// What stands before every path there: canonical, or empty.
    pub base: String,
    /// The secrets that go with its requests, in the catalogue's order.
    pub injected: Vec<Option<Injected>>,
    /// What stands in its answers for names that do not leave.
    pub pseudonyms: Arc<Pseudonyms>,
    /// When the certificate ends that it is shown: kind, file, time.
    pub shown_until: Option<(&'static str, String, UnixTime)>,
    /// The figures of each endpoint, in the catalogue's order.
    pub endpoints: Vec<EndpointFigures>,
}

/// The figures of one endpoint.
pub struct EndpointFigures {
    /// Its name.
    name: Arc<str>,
    /// Those of the usual case, looked up once: a request that was answered finds them without a hash.
    answered: OnceLock<Answered>,
    /// Looks for fields that nobody has described.
    alarm: Alarm,
}

/// The figures of requests that were answered.
pub(super) struct Answered {
    pub(super) requests: Counter,
    pub(super) duration: Histogram,
    pub(super) upstream_duration: Histogram,
}

impl EndpointFigures {
    /// No figures yet for `endpoint`.
    #[must_use]
    pub fn new(endpoint: &Endpoint) -> Self {
        let alarm = Alarm::new(endpoint.fields.clone());
        Self { name: Arc::from(endpoint.name.as_str()), answered: OnceLock::new(), alarm }
    }
}

impl Behind {
    /// A canonical target as it goes on the wire. The root below a base path is the base path alone, as NATS has it.
    pub(super) fn on_wire<'a>(&self, target: &'a str) -> Cow<'a, str> {
        below(&self.base, target)
    }

    /// The labels of an endpoint.
    pub(super) fn labels(&self, endpoint: Option<EndpointId>) -> EndpointLabels {
        let known = endpoint.and_then(|endpoint| self.endpoints.get(endpoint.index()));
        let endpoint = known.map_or_else(|| Arc::from("-"), |known| Arc::clone(&known.name));
        EndpointLabels { upstream: Arc::clone(&self.name), endpoint }
    }

    /// The drift alarm of an endpoint.
    pub(super) fn alarm(&self, endpoint: EndpointId) -> Option<&Alarm> {
        self.endpoints.get(endpoint.index()).map(|figures| &figures.alarm)
    }

    /// The figures of answered requests for an endpoint.
    pub(super) fn answered(&self, endpoint: EndpointId, metrics: &Metrics) -> Option<&Answered> {
        let figures = self.endpoints.get(endpoint.index())?;
        Some(figures.answered.get_or_init(|| {
            let labels = self.labels(Some(endpoint));
            let (upstream, endpoint) = (Arc::clone(&labels.upstream), Arc::clone(&labels.endpoint));
            let permitted = RequestLabels { upstream, endpoint, decision: "permit", reason: "rule", status: 200 };
            Answered {
                requests: metrics.requests.get_or_create_owned(&permitted),
                duration: metrics.duration.get_or_create_owned(&labels),
                upstream_duration: metrics.upstream_duration.get_or_create_owned(&labels),
            }
        }))
    }
}

fn below<'a>(base: &str, target: &'a str) -> Cow<'a, str> {
    match target.strip_prefix('/') {
        _ if base.is_empty() => Cow::Borrowed(target),
        Some(rest) if rest.is_empty() || rest.starts_with('?') => Cow::Owned([base, rest].concat()),
        Some(_) | None => Cow::Owned([base, target].concat()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c16_a_base_path_stands_before_every_target_and_alone_for_the_root() {
        for (base, target, wanted) in [
            ("", "/", "/"),
            ("", "/connz?limit=1", "/connz?limit=1"),
            ("/nats", "/", "/nats"),
            ("/nats", "/?a=1", "/nats?a=1"),
            ("/nats", "/connz?limit=1", "/nats/connz?limit=1"),
            ("/a/b", "/debug/vars", "/a/b/debug/vars"),
        ] {
            assert_eq!(below(base, target), wanted, "{base} {target}");
        }
    }
}
