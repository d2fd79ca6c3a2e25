//! The shipped catalogue of exporters: their metrics page and nothing else.

use super::super::{Catalog, TargetFault};
use crate::redact::BodyKind;

#[test]
fn an_exporter_has_one_page_without_arguments() {
    let catalog = Catalog::builtin("prometheus").unwrap();
    let pages: Vec<_> = catalog.endpoints.iter().map(|endpoint| (endpoint.path.as_str(), endpoint.body)).collect();
    assert_eq!(pages, [("/metrics", BodyKind::Exposition)]);
    let resolve = |target: &str| catalog.resolve(b"GET", target.as_bytes());
    assert_eq!(resolve("/metrics").map(|resource| catalog.render(&resource)), Ok("/metrics".to_owned()));
    for target in ["/", "/metrics/", "/federate", "/api/v1/query?query=up", "/-/quit", "/debug/pprof/heap", "/probe"] {
        assert!(matches!(resolve(target), Err(TargetFault::UnknownEndpoint)), "{target}");
    }
    for target in ["/metrics?collect[]=cpu", "/metrics?target=x", "/metrics?callback=x"] {
        assert!(resolve(target).is_err(), "{target}");
    }
}
