//! Service accounts of a Kubernetes cluster, by its keys and by asking its API server.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::bench::{Bench, assemble};
use crate::support::cluster::{Cluster, ISSUER, KEYS, MONWARD, REVIEWS, account, authenticated, token, unsigned};
use crate::support::gateway::Setup;
use crate::support::tokens::{Issuer, SigningKey};
use crate::support::upstream::Upstream;
use crate::support::within;

/// `monitoring` may see figures, and its Prometheus and Thanos connections.
const POLICY: &str = r"
version: 1
catalog: nats
roles:
  viewer:
    - service_account: { issuer: cluster, namespace: monitoring }
    - token: { issuer: corp, claims: { roles: [viewer] } }
  operator:
    - service_account: { issuer: cluster, namespace: [monitoring, ops], name: [prometheus, thanos] }
rules:
  - { id: view, endpoints: [varz], allow: [viewer], redact: standard }
  - { id: connections, endpoints: [connz], allow: [operator], redact: standard }
";

fn before(cluster: &Cluster, upstream: &Upstream, more: &str, members: &str) -> Setup {
    let mut setup = Setup::before(upstream).policy(POLICY).file("own-token", "own-1\n");
    setup.more_issuers = format!("{}{members}", cluster.settings(more));
    setup
}

fn by_keys(cluster: &Cluster) -> Bench {
    let upstream = Upstream::nats();
    let gateway = before(cluster, &upstream, "", "    refresh: 10s\n").start();
    assemble(upstream, gateway)
}

fn reviewing(cluster: &Cluster, cache: &str) -> Bench {
    let upstream = Upstream::nats();
    let gateway = before(cluster, &upstream, ", review: true", &format!("    cache: {cache}\n")).start();
    assemble(upstream, gateway)
}

fn who(account: &str, method: &str) -> Value {
    json!({ "issuer": "cluster", "subject": format!("system:serviceaccount:{account}"), "method": method })
}

#[test]
fn an_account_has_the_roles_of_its_namespace_and_of_its_name() {
    let key = SigningKey::new("sa-1", "RS256");
    let cluster = Cluster::start("own-1", &key);
    let bench = by_keys(&cluster);
    let caller = |namespace, name| bench.caller().bearer(&token(&key, &account(namespace, name)));
    let method = "service_account";
    caller("monitoring", "prometheus").permitted("/varz", &who("monitoring:prometheus", method));
    caller("monitoring", "prometheus").permitted("/connz", &who("monitoring:prometheus", method));
    caller("monitoring", "grafana").permitted("/varz", &who("monitoring:grafana", method));
    caller("monitoring", "grafana").refused("/connz", 403, "no_rule");
    caller("ops", "thanos").permitted("/connz", &who("ops:thanos", method));
    caller("ops", "thanos").refused("/varz", 403, "no_rule");
    for (namespace, name) in [("default", "prometheus"), ("monitoring2", "prometheus"), ("ops", "prometheus2")] {
        caller(namespace, name).refused("/connz", 403, "no_role");
    }
    // The keys were asked for with monward's own token, and nothing else was asked.
    let questions = cluster.server.questions();
    assert!(!questions.is_empty() && questions.iter().all(|question| question.line == KEYS), "{questions:?}");
}

#[test]
fn a_token_that_is_not_an_account_s_for_us_is_refused() {
    let key = SigningKey::new("sa-1", "RS256");
    let cluster = Cluster::start("own-1", &key);
    let bench = by_keys(&cluster);
    let with = |change: &dyn Fn(&mut Value)| {
        let mut claims = account("monitoring", "prometheus");
        change(&mut claims);
        token(&key, &claims)
    };
    let cases: Vec<(String, &str)> = vec![
        (with(&|claims| claims["aud"] = json!([ISSUER])), "token_audience"),
        (with(&|claims| claims["aud"] = json!(["monward2", "vault"])), "token_audience"),
        (with(&|claims| drop(claims.as_object_mut().unwrap().remove("aud"))), "token_claim_missing"),
        // As secrets of service accounts had it before tokens were bound: no end, another issuer.
        (with(&|claims| drop(claims.as_object_mut().unwrap().remove("exp"))), "token_claim_missing"),
        (with(&|claims| claims["iss"] = json!("kubernetes/serviceaccount")), "token_unknown_issuer"),
        (with(&|claims| claims["exp"] = json!(crate::support::now() - 60)), "token_expired"),
        (with(&|claims| claims["exp"] = json!(crate::support::now() + 40 * 86400)), "token_lifetime"),
        (with(&|claims| claims["sub"] = json!("system:serviceaccount:monitoring:admin")), "token_claim_malformed"),
        (
            with(&|claims| claims["sub"] = json!("system:serviceaccount:monitoring:a:prometheus")),
            "token_claim_malformed",
        ),
        (with(&|claims| claims["sub"] = json!("prometheus")), "token_claim_malformed"),
        (with(&|claims| claims["kubernetes.io"]["namespace"] = json!("ops")), "token_claim_malformed"),
        (token(&SigningKey::new("sa-1", "RS256"), &account("monitoring", "prometheus")), "token_signature"),
        (token(&SigningKey::new("sa-9", "RS256"), &account("monitoring", "prometheus")), "token_unknown_key"),
        (key.token(&account("monitoring", "prometheus")), "token_typ"),
        // The issuer of another name does not vouch for the cluster's accounts, nor the cluster for its people.
        (Issuer::shared().keys[0].token(&account("monitoring", "prometheus")), "token_typ"),
        (token(&Issuer::shared().keys[0], &account("monitoring", "prometheus")), "token_unknown_key"),
        (token(&key, &Issuer::shared().claims(&["viewer"])), "token_unknown_key"),
    ];
    for (token, reason) in &cases {
        bench.caller().bearer(token).refused("/varz", 401, reason);
    }
    bench.upstream.assert_untouched("tokens that are not for us");
}

#[test]
fn the_keys_need_monward_s_own_token_as_it_is_now() {
    let (first, second) = (SigningKey::new("sa-1", "RS256"), SigningKey::new("sa-2", "RS256"));
    let cluster = Cluster::start("own-2", &first);
    let upstream = Upstream::nats();
    let gateway = before(&cluster, &upstream, "", "    refresh: 10s\n").start_unready();
    let bench = assemble(upstream, gateway);
    let by = |key: &SigningKey| bench.caller().bearer(&token(key, &account("monitoring", "prometheus")));
    // The file holds a token that the cluster does not take.
    within(Duration::from_mins(1), "a first try", || (cluster.server.hits(KEYS) > 0).then_some(()));
    by(&first).refused("/varz", 503, "keys_missing");
    assert_eq!(bench.gateway.admin("/-/ready").status, 503);
    bench.gateway.rewrite("own-token", "own-2\n");
    within(Duration::from_mins(1), "the keys", || (by(&first).statuses("/varz") == [200; 2]).then_some(()));
    bench.gateway.wait_ready();
    by(&first).permitted("/varz", &who("monitoring:prometheus", "service_account"));

    // The cluster changes both; the old token gets no keys any more, what is known goes on.
    cluster.expect("own-3");
    cluster.publish(&[&second]);
    let asked = cluster.server.hits(KEYS);
    within(Duration::from_mins(1), "a fetch in vain", || (cluster.server.hits(KEYS) > asked).then_some(()));
    by(&first).permitted("/varz", &who("monitoring:prometheus", "service_account"));
    by(&second).refused("/varz", 503, "keys_missing");
    bench.gateway.rewrite("own-token", "own-3\n");
    within(Duration::from_mins(1), "the new keys", || (by(&second).statuses("/varz") == [200; 2]).then_some(()));
    by(&first).refused("/varz", 401, "token_unknown_key");
    let used: Vec<String> = cluster.server.questions().into_iter().map(|question| question.authorization).collect();
    assert!(
        ["Bearer own-1", "Bearer own-2", "Bearer own-3"].iter().all(|own| used.contains(&(*own).to_owned())),
        "{used:?}"
    );
    assert!(bench.gateway.metric("monward_config_reloads_total", &[]) < 0.5, "nobody told it to read anything again");
}

#[test]
fn a_review_says_who_it_is_and_whether_still() {
    let cluster = Cluster::start("own-1", &SigningKey::new("sa-1", "RS256"));
    let bench = reviewing(&cluster, "0s");
    let (good, other, elsewhere) = (unsigned("good"), unsigned("other"), unsigned("elsewhere"));
    cluster.know(&good, authenticated("monitoring", "prometheus", MONWARD));
    cluster.know(&other, authenticated("default", "prometheus", MONWARD));
    cluster.know(&elsewhere, authenticated("monitoring", "prometheus", "vault"));
    let caller = |token: &str| bench.caller().bearer(token);
    caller(&good).permitted("/varz", &who("monitoring:prometheus", "token_review"));
    caller(&good).permitted("/connz", &who("monitoring:prometheus", "token_review"));
    caller(&other).refused("/varz", 403, "no_role");
    caller(&elsewhere).refused("/varz", 401, "token_audience");
    caller(&unsigned("nobody's")).refused("/varz", 401, "token_inactive");
    for (name, status) in [
        (
            "no audiences",
            json!({ "authenticated": true, "user": { "username": "system:serviceaccount:monitoring:a" } }),
        ),
        ("a fault", {
            let mut status = authenticated("monitoring", "a", MONWARD);
            status["error"] = json!("lost");
            status
        }),
        ("a text", {
            let mut status = authenticated("monitoring", "a", MONWARD);
            status["authenticated"] = json!("true");
            status
        }),
    ] {
        let token = unsigned(name);
        cluster.know(&token, status);
        let unclear = if name == "no audiences" { (401, "token_audience") } else { (503, "issuer_unavailable") };
        caller(&token).refused("/varz", unclear.0, unclear.1);
    }
    // Whoever comes with a token of somebody else's is not the cluster's business.
    let asked = cluster.server.hits(REVIEWS);
    bench
        .caller()
        .bearer(&Issuer::shared().token("viewer"))
        .permitted("/varz", &json!({ "issuer": "corp", "subject": "u1", "method": "bearer_jwt" }));
    caller("opaque-token").refused("/varz", 401, "token_parts");
    assert_eq!(cluster.server.hits(REVIEWS), asked);
    assert_eq!(cluster.server.hits(KEYS), 0, "no keys are needed");
    // Its pod is deleted: without a cache the token is bad at once, on open connections, too.
    let mut open = caller(&good).open();
    assert_eq!(open.statuses("/varz"), [200; 2]);
    cluster.forget(&good);
    assert_eq!(open.statuses("/varz"), [401; 2]);
    caller(&good).refused("/varz", 401, "token_inactive");
}

#[test]
fn a_review_is_remembered_and_without_one_it_is_503() {
    let cluster = Cluster::start("own-1", &SigningKey::new("sa-1", "RS256"));
    let bench = reviewing(&cluster, "5m");
    let (known, unseen) = (unsigned("known"), unsigned("unseen"));
    for token in [&known, &unseen] {
        cluster.know(token, authenticated("monitoring", "prometheus", MONWARD));
    }
    let (known, unseen) = (bench.caller().bearer(&known), bench.caller().bearer(&unseen));
    for _ in 0..5 {
        known.permitted("/varz", &who("monitoring:prometheus", "token_review"));
    }
    assert_eq!(cluster.server.hits(REVIEWS), 1, "asked once for ten requests");
    let nobody = bench.caller().bearer(&unsigned("nobody"));
    nobody.refused("/varz", 401, "token_inactive");
    assert_eq!(cluster.server.hits(REVIEWS), 3, "a no is not remembered");

    // Its own token has run out.
    cluster.expect("own-2");
    unseen.refused("/varz", 503, "issuer_unavailable");
    known.permitted("/varz", &who("monitoring:prometheus", "token_review"));
    bench.gateway.rewrite("own-token", "own-2");
    unseen.permitted("/varz", &who("monitoring:prometheus", "token_review"));
    cluster.server.kill();
    for answer in nobody.refused("/varz", 503, "issuer_unavailable") {
        assert_eq!(answer.header("retry-after"), Some("5"), "{}", answer.head);
    }
    known.permitted("/varz", &who("monitoring:prometheus", "token_review"));
    cluster.server.wake();
    nobody.becomes("/varz", 503, 401);
    let questions = |result: &str| {
        bench.gateway.metric("monward_issuer_questions_total", &["issuer=\"cluster\"", &format!("result=\"{result}\"")])
    };
    assert!(questions("cached") > 9.5 && questions("failed") > 3.5 && questions("inactive") > 1.5);
}
