//! The catalogue of NATS held against real servers: what they serve must be known to it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use monward::catalog::{Catalog, Kind, TargetFault};
use monward::redact::{BodyKind, Drift};

use crate::support::gateway::plain_get;
use crate::support::nats::{Build, Nats};

/// What nats-server registers on its monitoring port, over all versions from 2.9 to 2.15, and what it never does.
const PATHS: &str = "/ /varz /connz /routez /gatewayz /leafz /subsz /subscriptionsz /stacksz /accountz /accstatz /jsz \
                     /healthz /ipqueuesz /raftz /debug/vars /expvarz /metrics /debug/pprof/ /debug/pprof/heap /profilez /pprof";

/// A value of each kind, for an argument that is asked for.
fn sample(kind: &Kind) -> Vec<String> {
    match kind {
        Kind::Boolean { words } => {
            std::iter::once("1".to_owned()).chain(words.iter().map(ToString::to_string)).collect()
        }
        Kind::Integer { .. } => vec!["1".to_owned()],
        Kind::Word { words } => words.iter().map(ToString::to_string).collect(),
        Kind::Text { .. } => vec!["NOPE".to_owned()],
    }
}

/// Each endpoint plain, with each argument alone, and with all that it can be made to show.
fn targets(catalog: &Catalog, nats: &Nats) -> Vec<String> {
    let acme = &nats.account("ACME").public;
    let mut targets = vec![
        format!("/accountz?acc={acme}"),
        format!("/jsz?acc={acme}&accounts=1&streams=1&consumers=1&direct-consumers=1&config=1&raft=1"),
        "/jsz?accounts=1&streams=1&consumers=1&direct-consumers=1&config=1&raft=1".to_owned(),
        "/connz?auth=1&subs=detail&state=all".to_owned(),
        "/routez?subs=detail".to_owned(),
        "/gatewayz?accs=1&subs=detail".to_owned(),
        format!("/healthz?account={acme}&stream=NOPE&details=1"),
        format!("/healthz?account={acme}&stream=ORDERS&consumer=NOPE&details=1"),
        format!("/raftz?acc={acme}"),
    ];
    for endpoint in &catalog.endpoints {
        targets.push(endpoint.path.clone());
        for argument in &endpoint.arguments {
            let with = |value: String| format!("{}?{}={value}", endpoint.path, argument.name);
            targets.extend(sample(&argument.kind).into_iter().map(with));
        }
    }
    targets
}

#[test]
fn every_field_that_a_server_answers_is_known() {
    let catalog = Catalog::builtin("nats").unwrap();
    for build in Build::ALL {
        let nats = Nats::with_jetstream(build);
        let mut unknown = BTreeSet::new();
        let mut seen = 0;
        for target in targets(&catalog, &nats) {
            let asked = catalog.resolve(b"GET", target.as_bytes()).unwrap_or_else(|fault| panic!("{target}: {fault}"));
            let endpoint = catalog.endpoint(asked.endpoint());
            let answer = plain_get(nats.monitoring, &target);
            // What is no JSON is a refusal in words, or an endpoint that this version does not have.
            let Ok(Value::Object(_)) = serde_json::from_slice(&answer.body) else {
                assert!(
                    endpoint.body == BodyKind::Text || answer.status >= 400,
                    "{build:?} {target}: {}",
                    answer.text()
                );
                continue;
            };
            assert_eq!(endpoint.body, BodyKind::Json, "{build:?} {target}");
            let mut drift = Drift::new(Arc::clone(endpoint.fields.as_ref().unwrap()));
            drift.push(&answer.body);
            seen += answer.text().matches("\":").count();
            unknown.extend(drift.finish().into_iter().map(|path| format!("{} {path}", endpoint.name)));
        }
        assert!(seen > 500, "{build:?}: only {seen} fields were seen");
        assert!(unknown.is_empty(), "{build:?}: add to policies/catalogs/nats.fields:\n{unknown:#?}");
    }
}

#[test]
fn every_endpoint_that_a_server_has_is_known_and_the_others_are_not_there() {
    let catalog = Catalog::builtin("nats").unwrap();
    for build in Build::ALL {
        let nats = Nats::with_jetstream(build);
        let page = plain_get(nats.monitoring, "/").text();
        let links = page
            .split("href=")
            .skip(1)
            .filter_map(|rest| rest.split(['>', ' ', '"', '\'']).find(|part| !part.is_empty()));
        let links: Vec<String> = links
            .filter(|link| !link.starts_with("http"))
            .map(|link| format!("/{}", link.trim_start_matches(['.', '/'])))
            .collect();
        assert!(links.len() >= 10, "{build:?}: {page}");
        for link in &links {
            assert!(catalog.resolve(b"GET", link.as_bytes()).is_ok(), "{build:?} links to {link}");
        }
        for path in PATHS.split_whitespace() {
            let known = catalog.resolve(b"GET", path.as_bytes()).is_ok();
            let there = plain_get(nats.monitoring, path).status != 404;
            assert!(known || !there, "{build:?} has {path}");
            let since = matches!((build, path), (Build::Debian, "/raftz" | "/debug/vars" | "/expvarz"));
            assert!(!known || there || since || path == "/raftz", "{build:?} has no {path}");
        }
    }
}

#[test]
fn every_boolean_is_one_that_a_server_reads() {
    let catalog = Catalog::builtin("nats").unwrap();
    let nats = Nats::with_jetstream(Build::Pypi);
    for endpoint in &catalog.endpoints {
        for argument in endpoint.arguments.iter().filter(|argument| matches!(argument.kind, Kind::Boolean { .. })) {
            let target = format!("{}?{}=perhaps", endpoint.path, argument.name);
            let answer = plain_get(nats.monitoring, &target);
            assert_eq!(answer.status, 400, "{target}: {}", answer.text());
            let refused = catalog.resolve(b"GET", target.as_bytes());
            assert!(matches!(refused, Err(TargetFault::ArgumentValue { .. })), "{target}: {refused:?}");
        }
    }
}
