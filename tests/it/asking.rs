//! Those who must be asked about a credential, a file of hashes or an issuer: under attack, and about what is revoked.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::client::request;
use crate::support::gateway::{Gateway, Setup};
use crate::support::idp::{Idp, Judge, Page};
use crate::support::tokens::{AUDIENCE, Issuer};
use crate::support::upstream::Upstream;
use crate::support::{eventually, in_parallel};

/// Of `correct-horse-battery-staple`, by the line that the documentation shows: 19 MiB.
const HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$czNpaVhiVEg1dVRtamlmdXpkOGtVdz09$DE11bxyX/pdGBjv2bHFNo+B2mRddSTR1EgyVQIopq0g";

/// Where a cluster is asked.
const REVIEW: &str = "/apis/authentication.k8s.io/v1/tokenreviews";

/// Where any other issuer is asked.
const INTROSPECTION: &str = "/introspect";

/// Viewers may look, whoever vouches for them; so may a service account.
const POLICY: &str = "
version: 1
catalog: nats
roles:
  viewer:
    - token: { issuer: opaque, claims: { roles: [viewer] } }
    - token: { issuer: named, claims: { roles: [viewer] } }
    - token: { issuer: cluster, subject: ['system:serviceaccount:mon:prom'] }
rules:
  - { id: view, endpoints: [varz], allow: [viewer], redact: standard }
";

fn basic(user: &str, key: &str) -> String {
    let pair = STANDARD.encode(format!("{user}:{key}"));
    request("GET", "/varz", None, &format!("Authorization: Basic {pair}\r\nConnection: close\r\n"))
}

#[test]
fn wrong_keys_of_strangers_leave_no_memory_behind() {
    let upstream = Upstream::nats();
    let mut setup = Setup::before(&upstream).file("keys.yaml", format!("version: 1\nkeys:\n  grafana: \"{HASH}\"\n"));
    "    basic: true\n".clone_into(&mut setup.listener);
    "  keys:\n    static_keys: keys.yaml\n".clone_into(&mut setup.more_issuers);
    let gateway = setup.start();
    // What the first one needs, every client needs: threads, TLS, the record.
    assert_eq!(gateway.client().coming_from("127.0.0.9").exchange(basic("nobody", "wrong").as_bytes()).status(), 401);
    let before = gateway.resident();
    let tries: Vec<u8> = (0..40).collect();
    in_parallel(&tries, |number| {
        let raw = basic(&format!("stranger-{number}"), "wrong");
        assert_eq!(
            gateway.client().coming_from(&format!("127.0.0.{}", 2 + number % 5)).exchange(raw.as_bytes()).status(),
            401
        );
    });
    let grown = gateway.resident().saturating_sub(before);
    assert!(grown < 2 * 19 * 1024 + 40 * 1024, "{grown} KiB more");
}

/// The name of the issuer of tokens that must be asked about them.
const NAMED: &str = "https://named.test";
/// The name of the cluster.
const CLUSTER: &str = "https://cluster.test";

/// A gateway that asks `idp` about opaque tokens, and about the JWTs of two issuers in either way.
fn asking(idp: &Idp, upstream: &Upstream) -> Setup {
    let mut setup =
        Setup::before(upstream).policy(POLICY).file("secret", "s3cret").file("revoked.yaml", "version: 1\n");
    let called = format!("audiences: [{AUDIENCE}], cache: 5m, ca_file: ca.pem, allow_private_addresses: true");
    let url = idp.url();
    let way = format!("introspection: {{ url: '{url}{INTROSPECTION}', client_id: c, client_secret_file: secret }}");
    setup.more_issuers = format!(
        "  opaque: {{ {way}, {called} }}
  named: {{ issuer: '{NAMED}', {way}, {called} }}
  cluster: {{ issuer: '{CLUSTER}', kubernetes: {{ server: '{url}', token_file: secret, review: true }}, {called} }}
revocations: revoked.yaml
"
    );
    setup
}

/// What an introspection endpoint says of a token of a viewer.
fn active(more: &Value) -> String {
    let mut answer = json!({ "active": true, "sub": "u1", "aud": AUDIENCE, "roles": ["viewer"] });
    answer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    answer.to_string()
}

fn status(gateway: &Gateway, token: &str) -> u16 {
    gateway.client().get("/varz", Some(token)).status
}

#[test]
fn b19_a_token_that_its_issuer_calls_good_is_revoked_by_its_jti() {
    let (idp, upstream) = (Idp::start(&Issuer::shared().jwks()), Upstream::nats());
    let user = json!({ "username": "system:serviceaccount:mon:prom" });
    let reviewed = json!({ "authenticated": true, "audiences": [AUDIENCE], "user": user });
    let review = json!({ "kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "status": reviewed });
    let judge = |others: String| Page::Judge(Judge { others, ..Judge::default() });
    idp.set(INTROSPECTION, judge(active(&json!({}))));
    idp.set(REVIEW, judge(review.to_string()));
    let gateway = asking(&idp, &upstream).start();
    let token = |issuer: &str, jti: &str| {
        let mut claims = Issuer::shared().claims(&[]);
        (claims["iss"], claims["jti"]) = (json!(issuer), json!(jti));
        Issuer::shared().key("k1").token(&claims)
    };
    for (name, issuer) in [("named", NAMED), ("cluster", CLUSTER)] {
        let (lost, kept) = (token(issuer, "lost"), token(issuer, "kept"));
        assert_eq!([status(&gateway, &lost), status(&gateway, &kept)], [200, 200], "{name}");
        gateway.rewrite("revoked.yaml", &format!("version: 1\ntokens: [{{ issuer: {name}, jti: lost }}]\n"));
        eventually("the revocation", || (status(&gateway, &lost) == 401).then_some(()));
        assert_eq!(status(&gateway, &kept), 200, "{name}");
        eventually("the record", || {
            let mut records = gateway.audit(1).into_iter();
            records.find(|record| record["reason"] == "revoked" && record["principal"]["issuer"] == name)
        });
    }
}

/// Two hundred tokens that nobody has given out would take the issuer ten seconds, twice as long as anybody waits.
#[test]
fn b19_who_floods_the_issuer_with_questions_delays_nobody_else_for_long() {
    const FLOOD: usize = 200;
    let (idp, upstream) = (Idp::start(&Issuer::shared().jwks()), Upstream::nats());
    let known = vec![("token=good-token&".to_owned(), active(&json!({})))];
    let others = json!({ "active": false }).to_string();
    idp.set(INTROSPECTION, Page::Judge(Judge { known, others, takes: Duration::from_millis(800) }));
    let gateway = asking(&idp, &upstream).start();
    let (connected, sent) = (Barrier::new(FLOOD), AtomicUsize::new(0));
    let flood = |number: usize| {
        let mut connection = gateway.client().coming_from("127.0.0.2").connect();
        connection.send(request("GET", "/varz", None, "").as_bytes());
        assert_eq!(connection.response(false).unwrap().status, 401);
        connected.wait();
        connection.send(request("GET", "/varz", Some(&format!("junk-{number}")), "").as_bytes());
        sent.fetch_add(1, Ordering::SeqCst);
        connection.response(false).unwrap().status
    };
    std::thread::scope(|scope| {
        let flood = &flood;
        let all: Vec<_> = (0..FLOOD).map(|number| scope.spawn(move || flood(number))).collect();
        eventually("the flood", || (sent.load(Ordering::SeqCst) == FLOOD && idp.hits(INTROSPECTION) > 0).then_some(()));
        assert_eq!(gateway.client().coming_from("127.0.0.3").get("/varz", Some("good-token")).status, 200);
        for one in all {
            let status = one.join().unwrap();
            assert!([401, 503].contains(&status), "{status}");
        }
    });
    assert_eq!(
        gateway.client().coming_from("127.0.0.2").get("/varz", Some("good-token")).status,
        200,
        "when it is over, all is well"
    );
}

/// There is room for 16 MiB: not for three hundred times 60 kB.
#[test]
fn b19_what_no_policy_looks_at_takes_no_room_from_other_tokens() {
    let (idp, upstream) = (Idp::start(&Issuer::shared().jwks()), Upstream::nats());
    let others = active(&json!({ "photo": "x".repeat(60_000) }));
    idp.set(INTROSPECTION, Page::Judge(Judge { others, ..Judge::default() }));
    let gateway = asking(&idp, &upstream).start();
    let mut connection = gateway.client().connect();
    for number in (0..300).chain(0..300) {
        connection.send(request("GET", "/varz", Some(&format!("token-{number}")), "").as_bytes());
        assert_eq!(connection.response(false).unwrap().status, 200, "{number}");
    }
    assert_eq!(idp.hits(INTROSPECTION), 300, "each was asked about once");
}
