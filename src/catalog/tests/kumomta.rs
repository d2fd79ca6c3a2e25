//! The shipped catalogue of `KumoMTA`: figures and liveness, and never anything else of that port.

use std::sync::Arc;

use super::super::{Catalog, TargetFault};
use crate::redact::{Action, BodyKind, Plan, Pseudonyms, Redactor};

fn catalog() -> Arc<Catalog> {
    Catalog::builtin("kumomta").unwrap()
}

#[test]
fn figures_and_liveness_are_read_and_nothing_else() {
    let catalog = catalog();
    let pages =
        catalog.endpoints.iter().map(|endpoint| (endpoint.path.as_str(), endpoint.methods.allow(), endpoint.body));
    assert_eq!(
        pages.collect::<Vec<_>>(),
        [
            ("/metrics", "GET, HEAD", BodyKind::Exposition),
            ("/metrics.json", "GET, HEAD", BodyKind::Json),
            ("/api/check-liveness/v1", "GET, HEAD", BodyKind::Text),
        ]
    );
    let upstream = |target: &str| catalog.resolve(b"GET", target.as_bytes()).map(|asked| catalog.render(&asked));
    assert_eq!(upstream("/metrics?prefix=ready_count"), Ok("/metrics?prefix=ready_count".to_owned()));
    assert_eq!(upstream("/metrics.json?prefix=a%26b"), Ok("/metrics.json?prefix=a%26b".to_owned()));
    assert!(upstream("/api/check-liveness/v1?prefix=x").is_err());
}

#[test]
fn the_administration_cannot_be_reached() {
    for target in [
        "/",
        "/api/inject/v1",
        "/api/xfer/inject/v1",
        "/api/machine-info",
        "/api/admin/bounce/v1",
        "/api/admin/suspend/v1",
        "/api/admin/rebind/v1",
        "/api/admin/inspect-message/v1",
        "/api/admin/inspect-sched-q/v1",
        "/api/admin/trace-smtp-server/v1",
        "/api/admin/set_diagnostic_log_filter/v1",
        "/api/admin/memory/stats",
        "/rapidoc",
        "/api-docs/openapi.json",
        "/metrics/",
        "/metrics.jso",
        "/api/check-liveness/v2",
    ] {
        for method in [&b"GET"[..], b"POST", b"DELETE"] {
            assert_eq!(catalog().resolve(method, target.as_bytes()), Err(TargetFault::UnknownEndpoint), "{target}");
        }
    }
    for target in ["/metrics", "/metrics.json", "/api/check-liveness/v1"] {
        let found = catalog().resolve(b"POST", target.as_bytes());
        assert_eq!(found, Err(TargetFault::Method { allow: "GET, HEAD" }), "{target}");
    }
}

#[test]
fn customers_are_hidden_on_the_page() {
    let catalog = catalog();
    let metrics = catalog.find("metrics").unwrap();
    assert_eq!(catalog.unkept("numbers-only", metrics).unwrap(), []);
    assert_eq!(catalog.unkept("standard", metrics).unwrap(), []);
    let rules = catalog.series_rules("standard", metrics).unwrap();
    let words: Vec<_> = rules.iter().map(|rule| (rule.action, rule.series.name())).collect();
    for label in ["tenant", "campaign", "domain", "queue", "service", "source", "pool", "provider"] {
        assert!(words.contains(&(Action::Pseudonym, label)), "{label}: {words:?}");
    }
}

/// The shapes of figures: a number, one label, several, a histogram alone and by a label.
const FIGURES: &str = r#"{"lua_count":{"help":"h","type":"gauge","value":1.0},"none":{"type":"counter","value":null},
"scheduled_count":{"help":"h","type":"gauge","value":{"queue":{"customer.example":3,"tenant@campaign.example":4}}},
"connection_count":{"type":"gauge","value":{"service":{"esmtp_listener":1,"smtp_client:ip-7->mx.customer.example":2}}},
"ready":{"type":"gauge","value":[{"provider":"p.customer.example","pool":"ip-7","@":5},{"provider":"q","pool":"r","@":6}]},
"latency":{"type":"histogram","value":{"count":9,"sum":0.5,"avg":0.05,"bucket":[[0.005,1],[0.01,2]]}},
"by_event":{"type":"histogram","value":{"event":{"campaign.example":{"count":8,"sum":1,"avg":0.1,"bucket":[[1,8]]}}}}}"#;

#[test]
fn the_figures_leave_without_the_customers() {
    let catalog = catalog();
    let id = catalog.find("metrics-json").unwrap();
    let left = |set: &str| {
        assert_eq!(catalog.unkept(set, id).unwrap(), [], "{set}");
        let plan = Plan::compile(BodyKind::Json, catalog.rules(set, id).unwrap()).unwrap();
        let mut redactor = Redactor::new(plan, Arc::new(Pseudonyms::new(&[7; 32])));
        let mut out = Vec::new();
        redactor.push(FIGURES.as_bytes(), &mut out).unwrap();
        redactor.finish(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    let alias = |text: &str| Pseudonyms::new(&[7; 32]).of(text.as_bytes()).to_string();
    let mut wanted = FIGURES.to_owned();
    for text in ["smtp_client:ip-7->mx.customer.example", "tenant@campaign.example", "p.customer.example"] {
        wanted = wanted.replace(text, &alias(text));
    }
    for text in ["customer.example", "campaign.example", "ip-7", "q", "r"] {
        wanted = wanted.replace(&format!("\"{text}\""), &format!("\"{}\"", alias(text)));
    }
    assert_eq!(left("standard"), wanted);
    let totals = left("numbers-only");
    for word in ["example", "ip-7", "p-", "\"q\""] {
        assert!(!totals.contains(word), "{word}: {totals}");
    }
    for figure in
        [r#""value":1.0"#, r#""queue":{}"#, r#""esmtp_listener":1"#, r#"{"@":5}"#, r#""count":9"#, r#""event":{}"#]
    {
        assert!(totals.contains(figure), "{figure}: {totals}");
    }
    assert_eq!(left("no-credentials"), FIGURES);
}
