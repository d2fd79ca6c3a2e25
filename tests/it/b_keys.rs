//! B: keys and discovery. An issuer that is away, slow, or hostile never lets anyone in and never stops a known key.

use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::answers::{denial, success};
use crate::support::bench::Bench;
use crate::support::client::request;
use crate::support::corpora::cases;
use crate::support::gateway::{Gateway, Setup};
use crate::support::idp::{DISCOVERY, Idp, JWKS, Page};
use crate::support::pki::{Authority, self_signed};
use crate::support::tokens::{Issuer, SigningKey, base64url, seal_hs256};
use crate::support::upstream::Upstream;
use crate::support::{eventually, in_parallel, within};

/// An issuer whose keys are those of the shared one, at the address of `idp`.
fn claims(idp: &Idp) -> Value {
    let mut claims = Issuer::shared().claims(&["viewer"]);
    claims["iss"] = json!(idp.url());
    claims
}

fn token(idp: &Idp) -> String {
    Issuer::shared().key("k1").token(&claims(idp))
}

fn unknown(idp: &Idp, kid: &str) -> String {
    let header = json!({ "alg": "RS256", "kid": kid, "typ": "at+jwt" }).to_string();
    Issuer::shared().key("k1").seal(&header, &claims(idp).to_string())
}

struct World {
    idp: Idp,
    upstream: Upstream,
    gateway: Gateway,
}

impl World {
    /// A gateway that has its keys from `idp` by discovery; it may not have them yet.
    fn around(idp: Idp) -> Self {
        let upstream = Upstream::nats();
        let gateway = Setup::before(&upstream).discovering(&idp.url()).start_unready();
        Self { idp, upstream, gateway }
    }

    fn good() -> Self {
        let world = Self::around(Idp::start(&Issuer::shared().jwks()));
        world.gateway.wait_ready();
        world
    }

    fn status(&self, token: &str) -> u16 {
        let exchange = self.gateway.client().exchange(request("GET", "/varz", Some(token), "").as_bytes());
        if exchange.status() != 200 {
            denial(exchange.only(), &[401, 503], "keys");
        }
        exchange.status()
    }

    /// Nobody gets in, and the gateway is not ready, after the issuer was asked at least once.
    fn stays_shut(&self, what: &str) {
        eventually(&format!("{what}: a first try"), || (self.idp.connections() > 0).then_some(()));
        for token in [token(&self.idp), unknown(&self.idp, "x"), none(&self.idp)] {
            assert!([401, 503].contains(&self.status(&token)), "{what}");
        }
        self.upstream.assert_untouched(what);
    }
}

fn none(idp: &Idp) -> String {
    format!("{}.{}.", base64url(r#"{"alg":"none"}"#), base64url(claims(idp).to_string()))
}

#[test]
fn b01_issuer_down_at_boot() {
    let world = World::around(Idp::dormant(&Issuer::shared().jwks()));
    let good = token(&world.idp);
    assert_eq!(world.gateway.admin("/-/ready").status, 503);
    assert_eq!(world.gateway.admin("/-/healthy").status, 200);
    let answer = world.gateway.client().get("/varz", Some(&good));
    denial(&answer, &[503], "no keys");
    denial(&world.gateway.client().get("/varz", None), &[401], "anonymous");
    // Keys that everybody knows: an empty one, and the attacker's own under the right name.
    let attacker = SigningKey::new("k1", "RS256");
    let header = json!({ "alg": "HS256", "kid": "k1", "typ": "at+jwt" }).to_string();
    let text = claims(&world.idp).to_string();
    for bad in [attacker.seal(&attacker.header(), &text), seal_hs256(b"", &header, &text), none(&world.idp)] {
        assert!([401, 503].contains(&world.status(&bad)));
    }
    world.upstream.assert_untouched("no keys");
    world.idp.wake();
    world.gateway.wait_ready();
    assert_eq!(world.status(&good), 200);
}

#[test]
fn b02_issuer_down_later() {
    let upstream = Upstream::nats();
    let idp = Idp::start(&Issuer::shared().jwks());
    let mut setup = Setup::before(&upstream).discovering(&idp.url());
    setup.keys.push_str("\n    max_stale: 1m");
    let gateway = setup.start();
    let world = World { idp, upstream, gateway };
    let begin = Instant::now();
    assert_eq!(world.status(&token(&world.idp)), 200);
    world.idp.kill();
    // A known key serves, also for a token never seen before; an unknown one does not get in.
    for round in 0..20 {
        let mut claims = claims(&world.idp);
        claims["sub"] = json!(format!("u{round}"));
        assert_eq!(world.status(&Issuer::shared().key("e1").token(&claims)), 200);
    }
    assert_eq!(world.status(&unknown(&world.idp, "k9")), 503, "nobody can tell");
    assert_eq!(world.gateway.admin("/-/ready").status, 200);
    within(Duration::from_secs(90), "keys to become too old", || {
        (world.status(&token(&world.idp)) == 503).then_some(())
    });
    assert!(begin.elapsed() > Duration::from_secs(45), "{:?}", begin.elapsed());
    assert_eq!(world.gateway.admin("/-/ready").status, 503);
}

#[test]
fn b03_a_slow_or_silent_issuer_delays_nobody_with_a_known_key() {
    for page in [Page::Hang, Page::Slow(Issuer::shared().jwks())] {
        let world = World::good();
        world.idp.set(JWKS, page);
        let client = world.gateway.client();
        let (known, stranger) = (token(&world.idp), unknown(&world.idp, "k9"));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let begin = Instant::now();
                assert_eq!(client.exchange(request("GET", "/varz", Some(&stranger), "").as_bytes()).status(), 503);
                begin.elapsed()
            });
            eventually("the second fetch", || (world.idp.hits(JWKS) >= 2).then_some(()));
            for _ in 0..20 {
                let begin = Instant::now();
                success(&client.get("/varz", Some(&known)), "a known key");
                assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
            }
            let waited = waiting.join().unwrap();
            assert!(waited < Duration::from_secs(8), "{waited:?}");
        });
    }
}

#[test]
fn b04_no_redirect_is_followed() {
    let trap = Idp::start(&Issuer::shared().jwks());
    for path in [DISCOVERY, JWKS] {
        let idp = Idp::dormant(&Issuer::shared().jwks());
        idp.set(path, Page::Redirect(format!("{}{path}", trap.url())));
        idp.wake();
        World::around(idp).stays_shut(path);
        let idp = Idp::dormant(&Issuer::shared().jwks());
        idp.set(path, Page::Redirect(path.to_owned()));
        idp.wake();
        let world = World::around(idp);
        world.stays_shut("to itself");
        assert!(world.idp.hits(path) < 10, "{}", world.idp.hits(path));
    }
    assert_eq!(trap.connections(), 0);
}

/// Key sets that are too much.
fn oversized() -> Vec<(&'static str, Page)> {
    let good = Issuer::shared().key("k1").jwk();
    let keys: Vec<Value> = (0..10_000)
        .map(|number| {
            let mut key = good.clone();
            key["kid"] = json!(format!("k{number}"));
            key
        })
        .collect();
    let many = json!({ "keys": keys }).to_string();
    let deep = format!("{{\"x\":{}{},\"keys\":[{good}]}}", "[".repeat(100_000), "]".repeat(100_000));
    vec![
        ("endless", Page::Endless),
        ("gzip", Page::Json("\u{1f}\u{8b}\u{8}".to_owned(), "Content-Encoding: gzip\r\n")),
        ("gzip by name", Page::Json(Issuer::shared().jwks(), "Content-Encoding: gzip\r\n")),
        ("10,000 keys", Page::Json(many, "")),
        ("deep", Page::Json(deep, "")),
    ]
}

#[test]
fn b05_oversized_key_sets() {
    for (what, page) in oversized() {
        let world = World::around(Idp::dormant(&Issuer::shared().jwks()));
        let before = world.gateway.resident();
        world.idp.set(JWKS, page);
        world.idp.wake();
        eventually(what, || (world.idp.hits(JWKS) >= 1).then_some(()));
        world.stays_shut(what);
        let grown = world.gateway.resident().saturating_sub(before);
        assert!(grown < 16 * 1024, "{what}: {grown} KiB more");
        world.idp.rotate(&Issuer::shared().jwks());
        world.gateway.wait_ready();
        assert_eq!(world.status(&token(&world.idp)), 200, "{what}");
    }
}

#[test]
fn b06_rotation_under_load() {
    let world = World::good();
    let k2 = SigningKey::new("k2", "RS256");
    let old = Issuer::shared().key("k1").jwk();
    let (first, second) = (token(&world.idp), k2.token(&claims(&world.idp)));
    let client = world.gateway.client();
    let get = |token: &str| client.exchange(request("GET", "/varz", Some(token), "").as_bytes()).status();
    world.idp.rotate(&json!({ "keys": [old, k2.jwk()] }).to_string());
    // The very first request with the new key finds it.
    assert_eq!(get(&second), 200);
    for _ in 0..50 {
        assert_eq!((get(&first), get(&second)), (200, 200));
    }
    world.idp.rotate(&json!({ "keys": [k2.jwk()] }).to_string());
    within(Duration::from_secs(40), "the old key to go", || {
        assert_eq!(get(&second), 200);
        match get(&first) {
            200 => None,
            401 => Some(()),
            other => panic!("{other}"),
        }
    });
}

#[test]
fn b07_a_storm_of_unknown_keys() {
    let world = World::good();
    let before = world.idp.hits(JWKS);
    let tokens: Vec<String> = (0..500).map(|number| unknown(&world.idp, &format!("kid-{number}"))).collect();
    in_parallel(&tokens, |token| assert_eq!(world.status(token), 401));
    let fetches = world.idp.hits(JWKS) - before;
    assert!(fetches <= 2, "{fetches} fetches");
    assert_eq!(world.status(&token(&world.idp)), 200);
    world.upstream.requests().iter().for_each(|seen| assert_eq!(seen.target(), "/varz"));
    assert_eq!(world.upstream.requests().len(), 1);
}

#[test]
fn b08_answers_that_are_no_key_set() {
    let pages = [
        Page::Status(500),
        Page::Status(404),
        Page::Raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>".to_vec()),
        Page::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"keys\":[".to_vec()),
        Page::Raw(b"garbage\r\n\r\n".to_vec()),
        Page::Json("{}".to_owned(), ""),
        Page::Json(r#"{"keys":{}}"#.to_owned(), ""),
        Page::Json(r#"{"keys":[]}"#.to_owned(), ""),
        Page::Json(r#"{"keys":[{}]}"#.to_owned(), ""),
        Page::Json("null".to_owned(), ""),
    ];
    in_parallel(&pages, |page| {
        let world = World::good();
        assert_eq!(world.status(&token(&world.idp)), 200, "{page:?}");
        let before = world.idp.hits(JWKS);
        world.idp.set(JWKS, page.clone());
        assert_eq!(world.status(&unknown(&world.idp, "k9")), 503, "{page:?}: nobody can tell");
        assert_eq!(world.idp.hits(JWKS), before + 1, "{page:?}: it was fetched");
        for key in ["k1", "e1"] {
            let token = Issuer::shared().key(key).token(&claims(&world.idp));
            assert_eq!(world.status(&token), 200, "{page:?}: the old keys serve");
        }
        assert!(world.gateway.metrics().contains("monward_jwks_usable"));
    });
}

/// A gateway with this key file.
fn with_keys(keys: &[Value]) -> Bench {
    let upstream = Upstream::nats();
    let gateway = Setup::before(&upstream).file("jwks.json", json!({ "keys": keys }).to_string()).start();
    crate::support::bench::assemble(upstream, gateway)
}

#[test]
fn b09_keys_that_must_not_verify() {
    let rsa = |kid: &str| SigningKey::new(kid, "RS256");
    let issuer = Issuer::shared();
    let text = issuer.claims(&["viewer"]).to_string();
    let (private, encryption, operations, one, wrong) =
        (rsa("private"), rsa("enc"), rsa("ops"), rsa("one"), rsa("alg"));
    let mut jwks = vec![issuer.key("k1").jwk()];
    let mut add = |key: &SigningKey, name: &str, value: Value| {
        let mut jwk = key.jwk();
        jwk[name] = value;
        jwks.push(jwk);
    };
    add(&private, "d", json!("AQAB"));
    add(&encryption, "use", json!("enc"));
    add(&operations, "key_ops", json!(["encrypt"]));
    add(&one, "e", json!("AQ"));
    add(&wrong, "alg", json!("RSA-OAEP"));
    let curve = SigningKey::new("curve", "ES256");
    add(&curve, "crv", json!("P-384"));
    let off = SigningKey::new("off", "ES256");
    add(&off, "y", json!(base64url([7; 32])));
    let secret = json!({ "kty": "oct", "kid": "oct", "alg": "HS256", "use": "sig", "k": base64url("secret") });
    let unnamed = json!({ "kty": "oct", "k": base64url("secret") });
    let odd = json!({ "kty": "FOO", "kid": "z" });
    let huge = json!({ "kty": "RSA", "kid": "huge", "alg": "RS256", "n": base64url([0xf1; 2048]), "e": "AQAB" });
    jwks.extend([secret, unnamed, odd, huge, json!({}), json!(null), json!("x"), json!([])]);
    let bench = with_keys(&jwks);
    let mut tokens: Vec<String> = [&private, &encryption, &operations, &one, &wrong, &curve, &off]
        .map(|key| key.seal(&key.header(), &text))
        .to_vec();
    for kid in ["oct", "k1", "z"] {
        tokens.push(seal_hs256(b"secret", &json!({ "alg": "HS256", "kid": kid, "typ": "at+jwt" }).to_string(), &text));
    }
    for token in &tokens {
        assert_eq!(bench.status("/varz", Some(token)), 401, "{token}");
    }
    bench.upstream.assert_untouched("keys that must not verify");
    success(&bench.client.get("/varz", Some(&issuer.token("viewer"))), "the good key among them");
}

#[test]
fn b09_two_keys_of_one_name() {
    let (a, b) = (SigningKey::new("k1", "RS256"), SigningKey::new("k1", "RS256"));
    let text = Issuer::shared().claims(&["viewer"]).to_string();
    let upstream = Upstream::nats();
    let jwks = json!({ "keys": [a.jwk(), b.jwk(), Issuer::shared().key("e1").jwk()] }).to_string();
    let gateway = Setup::before(&upstream).file("jwks.json", jwks).start_unready();
    let bench = crate::support::bench::assemble(upstream, gateway);
    let status = |key: &SigningKey| bench.status("/varz", Some(&key.seal(&key.header(), &text)));
    let (first, second) = (status(&a), status(&b));
    assert_eq!(first, second, "never silently the first");
    assert!([200, 401, 503].contains(&first));
}

#[derive(Deserialize)]
struct Case {
    id: String,
}

/// What an issuer serves in a case of the collection, and whether a token of the good key `k1` gets in.
fn scenario(id: &str, idp: &Idp) -> Option<(Page, Page, bool)> {
    let issuer = Issuer::shared();
    let good = issuer.key("k1").jwk();
    let odd = |name: &str, value: Value| {
        let mut jwk = good.clone();
        jwk[name] = value;
        jwk
    };
    let jwks = |keys: Value| Page::Json(json!({ "keys": keys }).to_string(), "");
    let uri = format!("{}{JWKS}", idp.url());
    let discovery = |issuer: &str, uri: &str| Page::Json(idp.discovery(issuer, uri), "");
    let right = discovery(&idp.url(), &uri);
    let n = |bytes: usize| base64url(vec![0xc1; bytes]);
    let only = |page: Page, works: bool| Some((right.clone(), page, works));
    let found = |page: Page| Some((page, jwks(json!([good])), false));
    match id {
        "500" => only(Page::Status(500), false),
        "200-html" => only(Page::Json("<html>".to_owned(), ""), false),
        "huge" => only(Page::Endless, false),
        "gzip-bomb" => only(Page::Json(issuer.jwks(), "Content-Encoding: gzip\r\n"), false),
        "10000-keys" => only(oversized().swap_remove(3).1, false),
        "deep" => only(Page::Json("[".repeat(100_000), ""), false),
        "empty-set" => only(jwks(json!([])), false),
        "keys-object" => only(jwks(json!({})), false),
        "no-keys" => only(Page::Json("{}".to_owned(), ""), false),
        "oct-key" => only(jwks(json!([{ "kty": "oct", "kid": "k1", "alg": "HS256", "k": "c2VjcmV0" }])), false),
        "private-key" => only(jwks(json!([odd("d", json!("AQAB"))])), false),
        "unknown-kty" => only(jwks(json!([{ "kty": "FOO", "kid": "z" }, good])), true),
        "use-enc" => only(jwks(json!([odd("use", json!("enc"))])), false),
        "key-ops" => only(jwks(json!([odd("key_ops", json!(["encrypt"]))])), false),
        "crv-alg-mismatch" => {
            let point = json!({ "kty": "EC", "kid": "k1", "alg": "ES256", "crv": "P-384", "x": n(32), "y": n(32) });
            only(jwks(json!([point])), false)
        }
        "off-curve" => only(jwks(json!([{ "kty": "EC", "kid": "k1", "crv": "P-256", "x": n(32), "y": n(32) }])), false),
        "rsa-e1" => only(jwks(json!([odd("e", json!("AQ"))])), false),
        "rsa-1024" => only(jwks(json!([odd("n", json!(n(128)))])), false),
        "rsa-16384" => only(jwks(json!([odd("n", json!(n(2048)))])), false),
        "redirect" => only(Page::Redirect("http://127.0.0.1:9/".to_owned()), false),
        "redirect-loop" => only(Page::Redirect(JWKS.to_owned()), false),
        "slow" => only(Page::Slow(issuer.jwks()), false),
        "hang-after-headers" => only(Page::Hang, false),
        "disc-issuer-mismatch" => found(discovery("https://evil", &uri)),
        "disc-issuer-slash" => found(discovery(&format!("{}/", idp.url()), &uri)),
        "disc-jwks-http" => found(discovery(&idp.url(), &uri.replace("https:", "http:"))),
        "disc-jwks-otherhost" => found(discovery(&idp.url(), "https://169.254.169.254/latest")),
        "disc-jwks-file" => found(discovery(&idp.url(), "file:///etc/passwd")),
        "disc-alg-none" => {
            let text = idp.discovery(&idp.url(), &uri).replace("[\"RS256\"]", "[\"none\",\"HS256\"]");
            Some((Page::Json(text, ""), jwks(json!([good])), true))
        }
        "cache-control" => only(Page::Json(issuer.jwks(), "Cache-Control: max-age=0\r\n"), true),
        "proxy-env" => only(Page::Json(issuer.jwks(), ""), true),
        // Each of these is a test of its own above or below.
        "down-at-boot" | "down-after-good" | "rotation" | "unknown-kid-storm" | "flap" | "dup-kid" | "http-scheme"
        | "tls-wrong-name" | "tls-expired" | "tls-selfsigned" => None,
        other => panic!("nobody knows the case {other}"),
    }
}

#[test]
fn jwks_corpus() {
    let all: Vec<Case> = cases("jwks-own/cases.ndjson");
    assert_eq!(all.len(), 41);
    in_parallel(&all, |case| {
        let idp = Idp::dormant("");
        let Some((discovery, keys, works)) = scenario(&case.id, &idp) else { return };
        idp.set(DISCOVERY, discovery);
        idp.set(JWKS, keys);
        idp.wake();
        let world = if case.id == "proxy-env" { behind_proxy(idp) } else { World::around(idp) };
        if works {
            world.gateway.wait_ready();
            assert_eq!(world.status(&token(&world.idp)), 200, "{}", case.id);
            assert!([401, 503].contains(&world.status(&none(&world.idp))), "{}", case.id);
            assert!(world.idp.hits(JWKS) <= 2, "{}", case.id);
        } else {
            world.stays_shut(&case.id);
        }
    });
}

/// The environment names a proxy that must not be used.
fn behind_proxy(idp: Idp) -> World {
    let upstream = Upstream::nats();
    let mut setup = Setup::before(&upstream).discovering(&idp.url());
    let proxy = "http://127.0.0.1:9".to_owned();
    setup.environment =
        ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"].map(|name| (name.to_owned(), proxy.clone())).to_vec();
    let gateway = setup.start_unready();
    World { idp, upstream, gateway }
}

#[test]
fn b10_a_metadata_document_of_almost_this_issuer_is_refused() {
    let others: [fn(&str) -> String; 5] = [
        |url| format!("{url}/"),
        |url| format!("{url}/."),
        |url| url.replace("https:", "HTTPS:"),
        |url| url.replace("127.0.0.1", "localhost"),
        |_| "https://idp.test".to_owned(),
    ];
    for other in others {
        let idp = Idp::start(&Issuer::shared().jwks());
        let (url, named) = (idp.url(), other(&idp.url()));
        let document = |issuer: &str| Page::Json(idp.discovery(issuer, &format!("{url}{JWKS}")), "");
        idp.set(DISCOVERY, document(&named));
        let right = document(&url);
        let world = World::around(idp);
        world.stays_shut(&named);
        assert_eq!(world.idp.hits(JWKS), 0, "{named}: keys were asked for");
        let refused = ["issuer=\"corp\"", "result=\"issuer_mismatch\""];
        eventually("the word for it", || {
            (world.gateway.metric("monward_jwks_refresh_total", &refused) > 0.0).then_some(())
        });
        // Neither does a token that names the other one get in.
        let mut claims = claims(&world.idp);
        claims["iss"] = json!(named);
        assert_eq!(world.status(&Issuer::shared().key("k1").token(&claims)), 401, "{named}");
        world.upstream.assert_untouched(&named);
        world.idp.set(DISCOVERY, right);
        within(Duration::from_mins(1), "the right document", || {
            (world.gateway.admin("/-/ready").status == 200).then_some(())
        });
        assert_eq!(world.status(&token(&world.idp)), 200, "{named}");
    }
}

#[test]
fn b15_the_certificate_of_the_issuer_must_be_right() {
    let authority = Authority::shared();
    let elsewhere = Authority::new("another");
    let cases = [
        ("wrong name", authority.server(&["idp.test"])),
        ("expired", authority.expired(&["127.0.0.1"])),
        ("signed by itself", self_signed(&["127.0.0.1"])),
        ("another authority", elsewhere.server(&["127.0.0.1"])),
        ("a client's", authority.client("127.0.0.1")),
    ];
    in_parallel(&cases, |(what, identity)| {
        let idp = Idp::with_identity(&Issuer::shared().jwks(), identity);
        idp.wake();
        let world = World::around(idp);
        world.stays_shut(what);
        assert_eq!(world.idp.hits(DISCOVERY) + world.idp.hits(JWKS), 0, "{what}: a request was sent");
    });
}

#[test]
fn jwks_corpus_plain_http_and_private_addresses() {
    for (issuer, keys) in [
        ("http://idp.example.org", "refresh: 5m"),
        ("ftp://idp.example.org", "refresh: 5m"),
        ("https://user:password@idp.example.org", "refresh: 5m"),
        ("https://idp.example.org", "jwks_url: http://idp.example.org/jwks"),
        ("https://idp.example.org", "jwks_url: file:///etc/passwd"),
    ] {
        let mut setup = Setup::new("127.0.0.1:9".parse().unwrap());
        issuer.clone_into(&mut setup.issuer);
        keys.clone_into(&mut setup.keys);
        let (status, said) = setup.refuses_to_start();
        assert!(
            !status.success() && (said.contains("monward.yaml:") || said.contains("`corp`")),
            "{issuer} {keys}: {said}"
        );
    }
    // Without leave, not even an issuer with a good certificate is dialled on loopback.
    let idp = Idp::start(&Issuer::shared().jwks());
    let upstream = Upstream::nats();
    let mut setup = Setup::before(&upstream).discovering(&idp.url());
    setup.keys = "ca_file: ca.pem".to_owned();
    let gateway = setup.start_unready();
    let answer = gateway.client().get("/varz", Some(&token(&idp)));
    denial(&answer, &[503], "a private address");
    assert_eq!(idp.connections(), 0);
    upstream.assert_untouched("a private address");
}

#[test]
fn jwks_corpus_flapping_keys() {
    let world = World::good();
    world.idp.rotate(r#"{"keys":[]}"#);
    assert_eq!(world.status(&unknown(&world.idp, "a")), 503, "nobody can tell");
    assert_eq!(world.status(&token(&world.idp)), 200);
    world.idp.rotate(&Issuer::shared().jwks());
    for _ in 0..10 {
        assert_eq!(world.status(&token(&world.idp)), 200);
    }
}
