//! A real Prometheus scrapes through the real gateway, with tokens of a real `OpenID` provider.

use serde_json::json;

use crate::support::gateway::Setup;
use crate::support::prometheus::{Prometheus, job, oauth2, trusting};
use crate::support::provider::{JWT, Provider, SCRAPER, STRANGER};
use crate::support::tokens::Issuer;
use crate::support::upstream::{Step, Upstream, with_length};

/// Whoever is a viewer may scrape.
pub const POLICY: &str = r"
version: 1
catalog: prometheus
roles:
  viewer:
    - token: { issuer: corp, claims: { roles: [viewer] } }
rules:
  - id: scrape
    endpoints: [metrics]
    allow: [viewer]
    redact: none
";

#[test]
fn with_oauth2_up_is_1_and_on_the_wrong_path_0() {
    let provider = Provider::start(&[("k1", "RS256")]);
    let exporter = Prometheus::exporter();
    let mut setup = Setup::new(exporter.address).policy(POLICY).discovering(&provider.url());
    setup.profile = "rfc9068";
    let gateway = setup.start();

    let scraper = || [trusting(), oauth2(&provider, SCRAPER, JWT, "")];
    let stranger = [trusting(), oauth2(&provider, STRANGER, JWT, "")];
    let jobs = [
        job("good", &gateway, "/metrics", &scraper()),
        job("wrong-path", &gateway, "/federate", &scraper()),
        job("stranger", &gateway, "/metrics", &stranger),
        job("anonymous", &gateway, "/metrics", &[trusting()]),
    ];
    let prometheus = Prometheus::start(&jobs, &[]);
    prometheus.assert_up("good");
    prometheus.assert_down("wrong-path", "404");
    prometheus.assert_down("stranger", "403");
    prometheus.assert_down("anonymous", "401");

    // What came through are the exporter's figures.
    assert!(prometheus.sample("scrape_samples_scraped", "good") > 100.0);
    assert!(prometheus.sample("prometheus_ready", "good") > 0.5);

    for (status, reason, subject) in
        [(200, "rule", SCRAPER.id), (404, "unknown_endpoint", SCRAPER.id), (403, "no_role", STRANGER.id)]
    {
        let found = gateway.audited(status);
        assert_eq!((&found["reason"], &found["principal"]["subject"]), (&json!(reason), &json!(subject)), "{found}");
    }
    // One token of each client serves many scrapes.
    assert!(provider.hits("/token") <= 3, "{} tokens", provider.hits("/token"));
}

#[test]
fn secrets_in_labels_are_masked_and_the_page_stays_a_page_of_metrics() {
    let issuer = Issuer::shared();
    let secret = issuer.token("viewer");
    let page = format!(
        "# HELP app_info What runs.\n# TYPE app_info gauge\napp_info{{url=\"http://u:pass@db:1/\",token=\"{secret}\"}} 1\n\
         # TYPE app_total counter\napp_total{{code=\"200\"}} 1.5e3\n"
    );
    let upstream = Upstream::scripted(Box::new(move |_| {
        vec![Step::Send(with_length("200 OK", "Content-Type: text/plain; version=0.0.4\r\n", page.as_bytes()))]
    }));
    let gateway = Setup::before(&upstream).policy(POLICY).start();
    let bearer = format!("    authorization: {{ credentials: {} }}\n", issuer.token("viewer"));
    let prometheus = Prometheus::start(&[job("app", &gateway, "/metrics", &[trusting(), bearer])], &[]);
    prometheus.assert_up("app");
    assert!((prometheus.sample("app_total", "app") - 1500.0).abs() < f64::EPSILON);
    let labels = prometheus.labels("app_info", "app").to_string();
    assert!(labels.contains("[redacted]"), "{labels}");
    let whole = gateway.client().get("/metrics", Some(&issuer.token("viewer"))).everything();
    for text in [&labels, &whole] {
        assert!(!text.contains(secret.rsplit('.').next().unwrap()) && !text.contains("pass"), "{text}");
    }
}
