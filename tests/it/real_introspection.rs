//! Tokens that say nothing by themselves: the gateway asks a real `OpenID` provider about them.

use std::time::Duration;

use crate::support::gateway::{Gateway, Setup};
use crate::support::load::{Lanes, Load, probe};
use crate::support::pki::Authority;
use crate::support::prometheus::{Prometheus, job, oauth2, trusting};
use crate::support::provider::{Account, GATEWAY, GATEWAY_CERTIFIED, OPAQUE, Provider, SCRAPER, STRANGER, encoded};
use crate::support::tokens::AUDIENCE;
use crate::support::upstream::Upstream;
use crate::support::{eventually, in_parallel, within};

/// Where the provider is asked.
const ASKED: &str = "/token/introspection";

/// Viewers by JWT and by opaque token may scrape.
fn policy(catalog: &str, endpoint: &str) -> String {
    format!(
        "
version: 1
catalog: {catalog}
roles:
  viewer:
    - token: {{ issuer: corp, claims: {{ roles: [viewer] }} }}
    - token: {{ issuer: asked, claims: {{ roles: [viewer] }} }}
rules:
  - id: view
    endpoints: [{endpoint}]
    allow: [viewer]
    redact: none
"
    )
}

/// A gateway that knows the provider twice: `corp` by its keys, and `asked` by asking it as `client`.
fn asking(provider: &Provider, upstream: &Upstream, client: Account, cache: &str) -> Setup {
    let proof = if client.secret().is_empty() {
        "certificate: client.pem, key: client.key"
    } else {
        "client_secret_file: client-secret"
    };
    let identity = Authority::shared().client("gate-2.test");
    let mut setup = Setup::before(upstream).policy(&policy("nats", "varz")).discovering(&provider.url());
    setup.more_issuers = format!(
        "  asked:
    introspection: {{ url: '{}{ASKED}', client_id: '{}', {proof} }}
    audiences: [{AUDIENCE}]
    cache: {cache}
    ca_file: ca.pem
    allow_private_addresses: true
",
        provider.url(),
        client.id
    );
    setup
        .file("client-secret", format!("{}\n", client.secret()))
        .file("client.pem", identity.certificate)
        .file("client.key", identity.key)
}

fn status(gateway: &Gateway, token: &str) -> u16 {
    gateway.client().get("/varz", Some(token)).status
}

#[test]
fn b19_an_opaque_token_is_as_good_as_the_provider_says() {
    in_parallel(&[GATEWAY, GATEWAY_CERTIFIED], |client| {
        let provider = Provider::start(&[("k1", "RS256")]);
        let upstream = Upstream::nats();
        let gateway = asking(&provider, &upstream, *client, "0s").start();
        let token = provider.opaque(SCRAPER);
        assert_eq!(status(&gateway, &token), 200, "{client:?}: {}", gateway.stderr());
        let record = gateway.audited(200);
        assert_eq!(record["principal"]["method"], "introspection", "{record}");
        assert_eq!(record["principal"]["issuer"], "asked", "{record}");
        assert_eq!(record["principal"]["subject"], SCRAPER.id, "a token of a client has no `sub`: {record}");

        assert_eq!(status(&gateway, &provider.opaque(STRANGER)), 403);
        assert_eq!(status(&gateway, "nobody-has-ever-seen-this-token-before-today"), 401);
        // What is a JWT is judged by its keys, and nobody is asked about it.
        let asked = provider.hits(ASKED);
        assert_eq!(status(&gateway, &provider.token(SCRAPER)), 200);
        assert_eq!(provider.hits(ASKED), asked);

        provider.revoke(SCRAPER, &token);
        assert_eq!(status(&gateway, &token), 401, "without a cache a token that was taken back is bad at once");
    });
}

#[test]
fn b19_a_good_answer_is_kept_for_a_while_and_a_bad_one_is_not() {
    let provider = Provider::start(&[("k1", "RS256")]);
    let upstream = Upstream::nats();
    let gateway = asking(&provider, &upstream, GATEWAY, "10s").start();
    let token = provider.opaque(SCRAPER);
    in_parallel(&[(); 40], |()| assert_eq!(status(&gateway, &token), 200));
    assert_eq!(provider.hits(ASKED), 1, "one question for all who wait");
    provider.revoke(SCRAPER, &token);
    within(Duration::from_secs(30), "the kept answer to be forgotten", || match status(&gateway, &token) {
        200 => None,
        401 => Some(()),
        other => panic!("{other}"),
    });
    let asked = provider.hits(ASKED);
    assert_eq!(status(&gateway, &token), 401);
    assert_eq!(provider.hits(ASKED), asked + 1, "an answer that says no is not kept");
}

#[test]
fn b19_a_provider_that_is_away_is_503_and_never_a_pass() {
    let provider = Provider::start(&[("k1", "RS256")]);
    let upstream = Upstream::nats();
    let gateway = asking(&provider, &upstream, GATEWAY, "5m").start();
    let (known, unseen, jwt) = (provider.opaque(SCRAPER), provider.opaque(SCRAPER), provider.token(SCRAPER));
    assert_eq!(status(&gateway, &known), 200);
    let invented = "nobody-has-ever-seen-this-token-before-today";
    for outage in [Provider::kill, Provider::freeze] {
        Load::run(&gateway, Lanes { good: 2, bad: 1 }, |load| {
            load.expect(vec![probe("kept", &known, &[200]), probe("by its keys", &jwt, &[200])], Vec::new());
            load.more(10);
            outage(&provider);
            let good = vec![probe("kept", &known, &[200]), probe("by its keys", &jwt, &[200])];
            load.expect(good, vec![probe("unseen", &unseen, &[503]), probe("invented", invented, &[503])]);
            load.more(100);
        });
        // After the hang it must be ended before it can be started.
        provider.kill();
        provider.restart();
    }
    eventually("the provider to be asked again", || (status(&gateway, &unseen) == 200).then_some(()));
    eventually("a verdict", || (status(&gateway, invented) == 401).then_some(()));
}

#[test]
fn the_secret_and_the_tokens_stand_nowhere() {
    let provider = Provider::start(&[("k1", "RS256")]);
    let upstream = Upstream::nats();
    let mut setup = asking(&provider, &upstream, GATEWAY, "0s");
    setup.log_level = "trace";
    setup.environment = vec![("RUST_LOG".to_owned(), "trace".to_owned())];
    let gateway = setup.start();
    let token = provider.opaque(SCRAPER);
    assert_eq!(status(&gateway, &token), 200);
    provider.kill();
    assert_eq!(status(&gateway, &token), 503);
    let written = [gateway.stderr(), gateway.stdout(), gateway.audit_text(), gateway.metrics()].concat();
    for secret in [token.as_str(), GATEWAY.secret(), &encoded(GATEWAY.secret())] {
        assert!(!written.contains(secret), "`{secret}` was written down");
    }
}

#[test]
fn prometheus_scrapes_with_an_opaque_token() {
    let provider = Provider::start(&[("k1", "RS256")]);
    let exporter = Prometheus::exporter();
    let upstream = Upstream::nats();
    let mut setup = asking(&provider, &upstream, GATEWAY, "30s").policy(&policy("prometheus", "metrics"));
    setup.upstream = format!("http://{}", exporter.address);
    let gateway = setup.start();
    let as_client = |client| [trusting(), oauth2(&provider, client, OPAQUE, "")];
    let jobs = [
        job("good", &gateway, "/metrics", &as_client(SCRAPER)),
        job("wrong-path", &gateway, "/federate", &as_client(SCRAPER)),
        job("stranger", &gateway, "/metrics", &as_client(STRANGER)),
    ];
    let prometheus = Prometheus::start(&jobs, &[]);
    prometheus.assert_up("good");
    prometheus.assert_down("wrong-path", "404");
    prometheus.assert_down("stranger", "403");
}
