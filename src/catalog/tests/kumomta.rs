//! The shipped catalogue of `KumoMTA`: figures and liveness, and never anything else of that port.

use super::super::{Catalog, TargetFault};
use crate::redact::BodyKind;

fn catalog() -> std::sync::Arc<Catalog> {
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
            ("/metrics", "GET, HEAD", BodyKind::Text),
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
fn no_set_promises_to_hide_customers() {
    let catalog = catalog();
    for page in ["metrics", "metrics-json"] {
        assert_eq!(catalog.unkept("standard", catalog.find(page).unwrap()).unwrap().len(), 4, "{page}");
    }
}
