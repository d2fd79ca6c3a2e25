//! A gateway before a fake upstream: what most tests begin with.

use super::answers::denial;
use super::client::{Client, request};
use super::gateway::{Gateway, Setup};
use super::in_parallel;
use super::tokens::Issuer;
use super::upstream::Upstream;

/// The pair.
pub struct Bench {
    pub upstream: Upstream,
    pub gateway: Gateway,
    pub client: Client,
}

/// The usual gateway before the usual upstream.
pub fn bench() -> Bench {
    let upstream = Upstream::nats();
    let gateway = Setup::before(&upstream).start();
    assemble(upstream, gateway)
}

/// The usual gateway with another policy.
pub fn bench_with_policy(policy: &str) -> Bench {
    let upstream = Upstream::nats();
    let gateway = Setup::before(&upstream).policy(policy).start();
    assemble(upstream, gateway)
}

/// Any gateway and its upstream.
pub fn assemble(upstream: Upstream, gateway: Gateway) -> Bench {
    let client = gateway.client();
    Bench { upstream, gateway, client }
}

impl Bench {
    /// Each raw request, in which `{A}` is the viewer's `Authorization` line, is refused with one of `wanted`, and
    /// the upstream sees no byte.
    pub fn all_refused(&self, requests: &[String], wanted: &[u16]) {
        let authorization = authorization_line("viewer");
        in_parallel(requests, |template| {
            let exchange = self.client.exchange(&super::http::from_latin1(&template.replace("{A}", &authorization)));
            assert!(!exchange.responses.is_empty(), "no answer to {template:?}");
            denial(&exchange.responses[0], wanted, template);
            assert!(!exchange.statuses().contains(&200), "{template:?} was answered: {exchange:?}");
        });
        self.upstream.assert_untouched("refused requests");
    }

    /// `GET` of each target as a viewer is refused with one of `wanted`, and the upstream sees no byte.
    pub fn targets_refused(&self, targets: &[&str], wanted: &[u16]) {
        let requests: Vec<String> =
            targets.iter().map(|target| format!("GET {target} HTTP/1.1\r\nHost: mon.test\r\n{{A}}\r\n")).collect();
        self.all_refused(&requests, wanted);
    }

    /// The status of `GET target` for the bearer of `token`.
    pub fn status(&self, target: &str, token: Option<&str>) -> u16 {
        self.client.exchange(request("GET", target, token, "").as_bytes()).status()
    }
}

/// A whole `Authorization` line with a good token for `role`.
pub fn authorization_line(role: &str) -> String {
    format!("Authorization: Bearer {}\r\n", Issuer::shared().token(role))
}
