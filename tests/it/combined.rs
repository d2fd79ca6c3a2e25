//! Several credentials with one request, one credential in several places, and requests that look harmless.

use serde_json::{Value, json};

use crate::support::asked::Asked;
use crate::support::bench::{Bench, assemble};
use crate::support::cluster::{Cluster, account, token as of_cluster};
use crate::support::gateway::{POLICY, Setup};
use crate::support::keys::file;
use crate::support::pki::{Authority, Identity};
use crate::support::tokens::{AUDIENCE, Issuer, SigningKey, bent};
use crate::support::upstream::Upstream;

const SPIFFE: &str = "spiffe://example.org/ns/monitoring/sa/prometheus";

/// Figures for whoever shows a token and a certificate, or an account and a certificate; health for either alone.
const BOTH: &str = r"
version: 1
catalog: nats
roles:
  certified:
    - client_cert: { uri: 'spiffe://example.org/ns/monitoring/sa/*' }
    - token: { issuer: corp, claims: { roles: [viewer] } }
  operator:
    - all_of:
        - token: { issuer: corp, claims: { roles: [viewer] } }
        - client_cert: { uri: 'spiffe://example.org/ns/monitoring/sa/*' }
    - all_of:
        - service_account: { issuer: cluster, namespace: monitoring, name: prometheus }
        - client_cert: { uri: 'spiffe://example.org/ns/monitoring/sa/*' }
rules:
  - { id: health, endpoints: [healthz], allow: [certified], redact: standard }
  - { id: figures, endpoints: [varz], allow: [operator], redact: standard }
";

fn shown(uri: &str) -> (Identity, Value) {
    let proof = json!({ "issuer": "client_certificate", "subject": uri, "method": "client_certificate" });
    (Authority::shared().workload(uri, 1), proof)
}

fn bearer() -> Value {
    json!({ "issuer": "corp", "subject": "u1", "method": "bearer_jwt" })
}

fn with(first: Value, also: &Value) -> Value {
    let mut both = first;
    both["also"] = json!([also]);
    both
}

#[test]
fn all_of_needs_every_one_of_them_and_the_record_names_them_all() {
    let key = SigningKey::new("sa-1", "RS256");
    let cluster = Cluster::start("own-1", &key);
    let upstream = Upstream::nats();
    let mut setup = Setup::before(&upstream).policy(BOTH).file("own-token", "own-1");
    setup.more_issuers = cluster.settings("");
    "    client_auth: optional\n    client_ca_file: ca.pem\n".clone_into(&mut setup.listener);
    let gateway = setup.start();
    let bench = assemble(upstream, gateway);
    let (mine, mine_proof) = shown(SPIFFE);
    let (other, other_proof) = shown("spiffe://example.org/ns/default/sa/prometheus");
    let person = Issuer::shared().token("viewer");
    let pod = of_cluster(&key, &account("monitoring", "prometheus"));
    let neighbour = of_cluster(&key, &account("monitoring", "grafana"));
    let by_account = |name: &str| {
        let subject = format!("system:serviceaccount:monitoring:{name}");
        json!({ "issuer": "cluster", "subject": subject, "method": "service_account" })
    };
    let (plain, certified) = (bench.caller(), bench.caller().showing(&mine));

    certified.bearer(&person).permitted("/varz", &with(bearer(), &mine_proof));
    certified.bearer(&pod).permitted("/varz", &with(by_account("prometheus"), &mine_proof));
    // Each alone, or with another one of the other kind, is not enough.
    plain.bearer(&person).refused("/varz", 403, "no_rule");
    plain.bearer(&pod).refused("/varz", 403, "no_role");
    certified.refused("/varz", 403, "no_rule");
    certified.bearer(&neighbour).refused("/varz", 403, "no_rule");
    for (credential, status, proof) in [(&person, "no_rule", bearer()), (&pod, "no_role", by_account("prometheus"))] {
        for answer in plain.showing(&other).bearer(credential).refused("/varz", 403, status) {
            assert_eq!(bench.record_of(&answer)["principal"], with(proof.clone(), &other_proof));
        }
    }
    // Half of it is still what it is.
    plain.bearer(&person).permitted("/healthz", &bearer());
    certified.permitted("/healthz", &mine_proof);
    certified.bearer(&neighbour).permitted("/healthz", &with(by_account("grafana"), &mine_proof));
    // A bad one is never passed over for the sake of a good one.
    let expired = {
        let mut claims = Issuer::shared().claims(&["viewer"]);
        claims["exp"] = json!(1);
        Issuer::shared().keys[0].token(&claims)
    };
    for (value, status, reason) in [
        (format!("Bearer {expired}"), 401, "token_expired"),
        (format!("Bearer {}", bent(&person)), 401, "token_signature"),
        ("Bearer x".to_owned(), 401, "token_parts"),
        ("Bearer".to_owned(), 401, "credential_malformed"),
        ("Basic dTpw".to_owned(), 401, "credential_scheme"),
        (String::new(), 401, "credential_scheme"),
    ] {
        let caller = certified.field("Authorization", &value);
        caller.refused("/varz", status, reason);
        caller.refused("/healthz", status, reason);
    }
    certified.bearer(&person).bearer(&person).refused("/healthz", 400, "credential_several");
}

/// Two listeners with one set of issuers: the first is the usual one and takes HTTP Basic, the second is strict about
/// who may view, and does not. Static keys, an issuer that is asked, and the usual one.
fn two_listeners(asked: &Asked) -> Bench {
    let ways = "  viewer:\n    - token: { issuer: keys, subject: [grafana] }\n    - token: { issuer: asked }\n";
    let policy = POLICY.replacen("  viewer:\n", ways, 1);
    let upstream = Upstream::nats();
    let mut setup = Setup::before(&upstream)
        .policy(&policy)
        .file("strict.yaml", policy.replace("allow: [viewer, admin]", "allow: [admin]"))
        .file("keys.yaml", file(&[("grafana", "sesame"), ("backup", "other")]))
        .file("client-secret", "secret");
    "    basic: true
  - address: 127.0.0.1:0
    certificates: [{ certificate: server.pem, key: server.key }]
    upstream: strict
"
    .clone_into(&mut setup.listener);
    setup.more_issuers = format!(
        "  keys: {{ static_keys: keys.yaml }}
  asked:
    introspection: {{ url: '{}/introspect', client_id: monward, client_secret_file: client-secret }}
    audiences: [{AUDIENCE}]
    ca_file: ca.pem
    allow_private_addresses: true
    cache: 5m
",
        asked.url()
    );
    let strict = format!("  strict: {{ url: 'http://{}', policy: strict.yaml }}\naudit: {{", upstream.address());
    setup.config = Some(setup.text().replacen("audit: {", &strict, 1));
    let gateway = setup.start();
    assemble(upstream, gateway)
}

#[test]
fn a34_what_is_remembered_of_a_credential_counts_only_where_and_how_it_came() {
    let asked = Asked::start(Box::new(|question| {
        let active = question.body.starts_with("token=opaque-good&");
        (
            200,
            json!({ "active": active, "sub": "svc", "aud": AUDIENCE, "exp": crate::support::now() + 300 }).to_string(),
        )
    }));
    let bench = two_listeners(&asked);
    let jwt = Issuer::shared().token("viewer");
    let key = json!({ "issuer": "keys", "subject": "grafana", "method": "static_key" });
    let opaque = json!({ "issuer": "asked", "subject": "svc", "method": "introspection" });
    let as_password = json!({ "issuer": "corp", "subject": "u1", "method": "basic_token" });
    for _ in 0..3 {
        let (open, strict) = (bench.caller(), bench.caller().at(1));
        // The same at a listener with another policy, and where HTTP Basic is off.
        open.bearer(&jwt).permitted("/varz", &bearer());
        strict.bearer(&jwt).refused("/varz", 403, "no_rule");
        open.basic("u1", &jwt).permitted("/varz", &as_password);
        strict.basic("u1", &jwt).refused("/varz", 401, "credential_scheme");
        open.basic("grafana", "sesame").permitted("/varz", &key);
        strict.basic("grafana", "sesame").refused("/varz", 401, "credential_scheme");
        open.bearer("opaque-good").permitted("/varz", &opaque);
        strict.bearer("opaque-good").refused("/varz", 403, "no_rule");
    }
    assert_eq!(asked.hits("POST /introspect"), 1);
    // One kind in the place of another, one's key with another's name.
    bench.caller().bearer("sesame").refused("/varz", 401, "token_inactive");
    bench.caller().basic("grafana", "opaque-good").refused("/varz", 401, "key_wrong");
    bench.caller().basic("backup", "sesame").refused("/varz", 401, "key_wrong");
    bench.caller().basic("grafanas", "esame").refused("/varz", 401, "key_wrong");
    bench.caller().basic("backup", "other").refused("/varz", 403, "no_role");
    let questions = asked.questions();
    assert!(questions.iter().all(|question| !question.body.contains(&jwt)), "a JWT of another issuer was asked about");
}

#[test]
fn a36_no_user_agent_is_a_credential() {
    let upstream = Upstream::nats();
    let gateway = Setup::before(&upstream).start();
    let bench = assemble(upstream, gateway);
    for agent in ["kube-probe/1.33", "GoogleHC/1.0", "Prometheus/3.5.0", "ELB-HealthChecker/2.0", "monward", "curl/8.9"]
    {
        for target in ["/varz", "/healthz", "/accountz", "/"] {
            bench.caller().field("User-Agent", agent).refused(target, 401, "credential_missing");
        }
    }
    bench.upstream.assert_untouched("user agents");
}

#[test]
fn a37_the_health_of_the_upstream_needs_a_token_and_monward_s_own_tells_nothing() {
    let upstream = Upstream::nats();
    let gateway = Setup::before(&upstream).start();
    let bench = assemble(upstream, gateway);
    let token = Issuer::shared().token("viewer");
    bench.caller().refused("/healthz", 401, "credential_missing");
    bench.caller().bearer(&bent(&token)).refused("/healthz", 401, "token_signature");
    bench.caller().bearer(&token).permitted("/healthz", &bearer());
    // monward's own pages are not there, for anybody.
    for target in ["/-/healthy", "/-/ready", "/livez", "/readyz", "/metrics"] {
        bench.caller().refused(target, 401, "credential_missing");
        bench.caller().bearer(&token).refused(target, 404, "unknown_endpoint");
    }
    for (path, text) in
        [("/-/healthy", "alive\n"), ("/livez", "alive\n"), ("/-/ready", "ready\n"), ("/readyz", "ready\n")]
    {
        let answer = bench.gateway.admin(path);
        assert_eq!((answer.status, answer.text().as_str()), (200, text), "{path}");
        let names: Vec<&str> = answer.headers.iter().map(|(name, _)| name.as_str()).collect();
        let plain = ["content-type", "cache-control", "x-content-type-options", "content-length", "connection", "date"];
        assert!(names.iter().all(|name| plain.contains(name)), "{path}: {}", answer.head);
    }
}
