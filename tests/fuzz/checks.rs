//! What must hold for any bytes: one function for each fuzz target. The integration tests replay what was found.

use std::sync::Arc;

use monward::authn::{Certificate, NameKind, Principal};
use monward::authz::{Circumstances, Decision, Policy};
use monward::catalog::{self, Catalog, Catalogs, Endpoint, EndpointId, Resource, TargetFault};
use monward::redact::{Action, BodyKind, Kernel, Plan, Pseudonyms, RedactError, Redactor, Report, Rule, Selector};
use monward::types::{TlsVersion, UnixTime};

#[path = "../go/model.rs"]
mod model;

use model::{decided, meanings, parse_query, split};

/// A fuzz target.
pub type Check = fn(&[u8]);

/// All of them by their names.
pub const CHECKS: [(&str, Check); 5] =
    [("redact", redact), ("target", target), ("query", query), ("policy", policy), ("catalog", catalogue)];

fn nats() -> Arc<Catalog> {
    Catalog::builtin("nats").unwrap()
}

/// A line such as `GET /varz?a=1`, asked of every catalogue inside the binary.
pub fn target(line: &[u8]) {
    let cut = line.iter().position(|byte| *byte == b' ').unwrap_or(0);
    let (method, target) = (&line[..cut], &line[line.len().min(cut + 1)..]);
    for name in ["nats", "prometheus"] {
        let catalog = Catalog::builtin(name).unwrap();
        if let Ok(resource) = catalog.resolve(method, target) {
            assert!(matches!(method, b"GET" | b"HEAD"));
            understood(&catalog, target, &resource);
        }
    }
}

/// A query, asked of every endpoint of NATS.
pub fn query(query: &[u8]) {
    let catalog = nats();
    for endpoint in &catalog.endpoints {
        let target = [endpoint.path.as_bytes(), b"?", query].concat();
        if let Ok(resource) = catalog.resolve(b"GET", &target) {
            understood(&catalog, &target, &resource);
        }
    }
}

/// A body: with the instructions of every processor, and in pieces of any size, the same leaves, or the same is wrong.
pub fn redact(body: &[u8]) {
    let paths = [("$..jwt", Action::Remove), ("$.a[*].b", Action::Mask), ("$..c[1]", Action::Null)];
    let rules = paths.map(|(path, action)| Rule::new(Selector::parse(path).unwrap(), action));
    for rules in [&rules[..1], &rules] {
        let plan = Plan::compile(BodyKind::Json, rules.to_vec()).unwrap();
        let want = redacted(&plan, Kernel::best(), body, body.len().max(1));
        for kernel in Kernel::all() {
            for size in [1, 7, 64, 200, body.len().max(1)] {
                assert_eq!(redacted(&plan, kernel, body, size), want, "{kernel}, pieces of {size}");
            }
        }
    }
}

fn redacted(plan: &Arc<Plan>, kernel: Kernel, body: &[u8], size: usize) -> Result<(Vec<u8>, Report), RedactError> {
    let mut redactor = Redactor::new(Arc::clone(plan), Arc::new(Pseudonyms::new(&[7; 32]))).with_kernel(kernel);
    let mut out = Vec::new();
    for piece in body.chunks(size) {
        redactor.push(piece, &mut out)?;
    }
    redactor.finish(&mut out).map(|report| (out, report))
}

/// The path is one of the endpoint's own, Go reads the same arguments, and what goes upstream means the same.
fn understood(catalog: &Catalog, target: &[u8], resource: &Resource) {
    let endpoint = catalog.endpoint(resource.endpoint());
    let (path, query) = split(target);
    let mut own = std::iter::once(&endpoint.path).chain(&endpoint.aliases);
    assert!(own.any(|own| path == own.as_bytes() || path.strip_prefix(b"/") == Some(own.as_bytes())));
    let rendered = catalog.render(resource);
    let (rendered_path, rendered_query) = split(rendered.as_bytes());
    assert_eq!(rendered_path, endpoint.path.as_bytes());
    assert!(rendered.bytes().all(|byte| byte.is_ascii_graphic()));
    assert_eq!(catalog.resolve(b"HEAD", rendered.as_bytes()).as_ref(), Ok(resource), "{rendered}");
    same_to_go(endpoint, resource, query);
    same_to_go(endpoint, resource, rendered_query);
}

fn same_to_go(endpoint: &Endpoint, resource: &Resource, query: &[u8]) {
    let read = parse_query(query).unwrap();
    assert!(read.values().all(|values| values.len() == 1), "{read:?}");
    assert_eq!(meanings(endpoint, &read), decided(endpoint, resource));
}

/// A policy file; when it is right, it decides on every endpoint for several principals.
pub fn policy(text: &[u8]) {
    let Ok(text) = str::from_utf8(text) else { return };
    match Policy::parse("p.yaml", text, &Catalogs::builtin()) {
        Ok(policy) => {
            let _looked_over = policy.findings();
            for who in everybody() {
                for known in circumstances() {
                    decides(&policy, &who, &known);
                }
            }
        }
        Err(faults) => assert!(!faults.is_empty()),
    }
}

fn everybody() -> Vec<Principal> {
    let claims = serde_json::json!({
        "groups": ["a", "nats-scraper", "nats-viewer"],
        "roles": ["nats-operator", "nats-auditor"],
        "realm_access": { "roles": ["nats-operator"] },
        "scope": "nats.read a",
    });
    let token = |issuer: &str, claims: &serde_json::Value| {
        let claims = claims.as_object().cloned().unwrap_or_default();
        Principal::supposed(issuer.to_owned(), "system:serviceaccount:monitoring:prometheus".to_owned(), claims)
    };
    let mut certificate = Certificate::default();
    certificate.name(NameKind::Uri, "spiffe://example.org/ns/monitoring/sa/prometheus");
    certificate.name(NameKind::Dns, "x.ops.example.org");
    let certificate = Principal::supposed_certificate(certificate);
    let corp = token("corp", &claims);
    vec![token("cluster", &serde_json::Value::Null), corp.and(&certificate), corp, certificate]
}

/// Nothing is known, or all of it.
fn circumstances() -> [Circumstances; 2] {
    let known = Circumstances {
        now: Some(UnixTime::from_secs(1_800_000_000)),
        source: Some([192, 0, 2, 1].into()),
        tls: Some(TlsVersion::V13),
        ..Circumstances::default()
    };
    [Circumstances::default(), known]
}

fn decides(policy: &Policy, who: &Principal, known: &Circumstances) {
    let catalog = policy.catalog();
    for endpoint in &catalog.endpoints {
        for query in ["", "?limit=7", "?auth=1", "?acc=A", "?state=closed&limit=700", "?subs=1", "?details=1"] {
            let target = format!("{}{query}", endpoint.path);
            let Ok(resource) = catalog.resolve(b"GET", target.as_bytes()) else { continue };
            match policy.decide(who, resource, known) {
                Decision::Permit(permit) => {
                    let upstream = catalog.render(permit.resource());
                    let again = catalog.resolve(b"GET", upstream.as_bytes());
                    assert_eq!(again.as_ref(), Ok(permit.resource()), "{upstream}");
                }
                Decision::Deny(refused) => assert!(!refused.reason.label().is_empty()),
            }
        }
    }
}

/// A catalogue file; when it is right, its endpoints are found by each of their paths and by nothing near them.
pub fn catalogue(text: &[u8]) {
    let Ok(text) = str::from_utf8(text) else { return };
    match Catalog::parse("c.yaml", text) {
        Ok(catalog) => catalog.endpoints.iter().for_each(|endpoint| found(&catalog, endpoint)),
        Err(faults) => assert!(!faults.is_empty()),
    }
}

fn found(catalog: &Catalog, endpoint: &Endpoint) {
    for method in endpoint.methods.allow().split(", ") {
        let resolve = |target: &str| catalog.resolve(method.as_bytes(), target.as_bytes());
        let id = |target: &str| resolve(target).ok().map(|resource| resource.endpoint());
        let own = catalog.find(&endpoint.name);
        for path in std::iter::once(&endpoint.path).chain(&endpoint.aliases) {
            assert_eq!(id(path), own, "{method} {path}");
            assert_eq!(id(&format!("/{path}")), own, "{method} /{path}");
            for near in [format!("//{path}"), format!("/.{path}"), format!("{path}/."), format!("{path}%20")] {
                assert_eq!(id(&near), None::<EndpointId>, "{method} {near}");
            }
        }
        endpoint.arguments.iter().for_each(|argument| rendered(catalog, &endpoint.path, &argument.name, resolve));
    }
}

/// What an argument means is said in one way, which means the same.
fn rendered(catalog: &Catalog, path: &str, argument: &str, resolve: impl Fn(&str) -> Result<Resource, TargetFault>) {
    for value in ["1", "0", "true", "a", "7", "-1", "detail"] {
        let target = format!("{path}?{argument}={value}");
        if let Ok(resource) = resolve(&target) {
            assert_eq!(resolve(&catalog.render(&resource)).as_ref(), Ok(&resource), "{target}");
        }
    }
}
