//! B: the life of keys against real issuers: rotation and floods under load, restarts without the issuer, pinned hosts.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::answers::{denial, success};
use crate::support::client::{Client, request};
use crate::support::gateway::{Gateway, Setup};
use crate::support::idp::{DISCOVERY, Idp, JWKS, Page};
use crate::support::pki::Authority;
use crate::support::tokens::{Issuer, SigningKey, base64url};
use crate::support::upstream::Upstream;
use crate::support::{eventually, within};

fn claims(idp: &Idp, subject: &str) -> Value {
    let mut claims = Issuer::shared().claims(&["viewer"]);
    claims["iss"] = json!(idp.url());
    claims["sub"] = json!(subject);
    claims
}

fn token(idp: &Idp) -> String {
    Issuer::shared().key("k1").token(&claims(idp, "u"))
}

/// A token with every claim right, whose key nobody has. Its signature is never looked at.
fn stranger(idp: &Idp, kid: &str) -> String {
    let header = json!({ "alg": "RS256", "kid": kid, "typ": "at+jwt" }).to_string();
    format!("{}.{}.{}", base64url(header), base64url(claims(idp, "u").to_string()), base64url([7; 256]))
}

/// Keys by discovery, fetched again only for a reason.
fn calm(upstream: &Upstream, idp: &Idp) -> Setup {
    let mut setup = Setup::before(upstream).discovering(&idp.url());
    setup.keys = setup.keys.replace("refresh: 10s", "refresh: 5m");
    setup
}

/// Requests on one connection for as long as it lasts, and then on the next.
struct Line {
    client: Client,
    connection: crate::support::client::Connection,
}

impl Line {
    fn to(gateway: &Gateway) -> Self {
        let client = gateway.client();
        Self { connection: client.connect(), client }
    }

    fn status(&mut self, token: &str) -> u16 {
        for _ in 0..2 {
            self.connection.send(request("GET", "/varz", Some(token), "").as_bytes());
            if let Some(response) = self.connection.response(false) {
                return response.status;
            }
            self.connection = self.client.connect();
        }
        panic!("no answer on a fresh connection");
    }
}

/// Threads that send requests until the test is over, and count them.
struct Load {
    stop: AtomicBool,
    /// 0: the first key; 1: both; 2: the second, and perhaps still the first.
    phase: AtomicUsize,
    sent: AtomicUsize,
    refused: AtomicUsize,
}

impl Load {
    fn send(&self, gateway: &Gateway, first: &[String], second: &[String]) {
        let mut line = Line::to(gateway);
        let mut number = 0;
        while !self.stop.load(Ordering::SeqCst) {
            number += 1;
            if self.phase.load(Ordering::SeqCst) > 0 {
                assert_eq!(line.status(&second[number % second.len()]), 200, "the new key, request {number}");
            }
            let status = line.status(&first[number % first.len()]);
            match (status, self.phase.load(Ordering::SeqCst)) {
                (200, _) => {}
                (401, 2) => drop(self.refused.fetch_add(1, Ordering::SeqCst)),
                (status, phase) => panic!("the old key: {status} in phase {phase}, request {number}"),
            }
            self.sent.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn goes_on(&self, requests: usize) {
        let before = self.sent.load(Ordering::SeqCst);
        within(Duration::from_mins(1), "the load to go on", || {
            (self.sent.load(Ordering::SeqCst) >= before + requests).then_some(())
        });
    }
}

/// Stops the load also when an assertion fails, so that the test ends.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn b06_rotation_under_load_gives_no_wrong_answer() {
    let idp = Idp::start(&Issuer::shared().jwks());
    let upstream = Upstream::nats();
    let k2 = SigningKey::new("k2", "RS256");
    let old = Issuer::shared().key("k1");
    let tokens = |key: &SigningKey| -> Vec<String> {
        (0..20).map(|number| key.token(&claims(&idp, &format!("u{number}")))).collect()
    };
    let (first, second) = (tokens(old), tokens(&k2));
    let gateway = Setup::before(&upstream).discovering(&idp.url()).start();
    let zero = || AtomicUsize::new(0);
    let load = Load { stop: AtomicBool::new(false), phase: zero(), sent: zero(), refused: zero() };
    std::thread::scope(|scope| {
        let _stop = Stop(&load.stop);
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| load.send(&gateway, &first, &second))).collect();
        load.goes_on(200);
        idp.rotate(&json!({ "keys": [old.jwk(), k2.jwk()] }).to_string());
        load.phase.store(1, Ordering::SeqCst);
        load.goes_on(400);
        load.phase.store(2, Ordering::SeqCst);
        idp.rotate(&json!({ "keys": [k2.jwk()] }).to_string());
        within(Duration::from_mins(1), "the old key to go", || {
            (load.refused.load(Ordering::SeqCst) >= 4).then_some(())
        });
        // From now on it is gone for good.
        let mut line = Line::to(&gateway);
        for token in &first {
            assert_eq!(line.status(token), 401);
        }
        load.goes_on(200);
        load.stop.store(true, Ordering::SeqCst);
        for thread in threads {
            thread.join().unwrap();
        }
    });
    assert!(gateway.metric("monward_requests_total", &["status=\"503\""]) < 1.0);
}

#[test]
fn b07_ten_thousand_unknown_keys_cause_two_fetches_at_most() {
    let idp = Idp::start(&Issuer::shared().jwks());
    let upstream = Upstream::nats();
    let gateway = calm(&upstream, &idp).start();
    let before = idp.hits(JWKS);
    let memory = gateway.resident();
    let known = token(&idp);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (gateway, idp, known) = (&gateway, &idp, &known);
            scope.spawn(move || {
                let mut line = Line::to(gateway);
                for number in 0..1250 {
                    assert_eq!(line.status(&stranger(idp, &format!("{thread}-{number}"))), 401);
                    if number % 50 == 0 {
                        assert_eq!(line.status(known), 200, "a known key is none of its business");
                    }
                }
            });
        }
    });
    assert!(idp.hits(JWKS) - before <= 2, "{} fetches", idp.hits(JWKS) - before);
    assert!(gateway.metric("monward_jwks_refresh_denied_total", &["issuer=\"corp\"", "budget=\"issuer\""]) > 1000.0);
    let grown = gateway.resident().saturating_sub(memory);
    assert!(grown < 32 * 1024, "{grown} KiB more");
}

#[test]
fn b07_a_flood_over_many_issuers_is_bounded_as_a_whole() {
    let main = Idp::start(&Issuer::shared().jwks());
    let others: Vec<Idp> = (0..15).map(|_| Idp::start(&Issuer::shared().jwks())).collect();
    let upstream = Upstream::nats();
    let mut setup = calm(&upstream, &main);
    for (number, idp) in others.iter().enumerate() {
        let _ = write!(
            setup.more_issuers,
            "  other{number}:\n    issuer: {}\n    audiences: [nats-monitoring]\n    profile: jwt\n    {}\n",
            idp.url(),
            setup.keys
        );
    }
    let gateway = setup.start();
    let fetches = || others.iter().chain([&main]).map(|idp| idp.hits(JWKS)).sum::<usize>();
    let before = fetches();
    assert_eq!(before, 16);
    let mut line = Line::to(&gateway);
    for round in 0..20 {
        for idp in others.iter().chain([&main]) {
            assert_eq!(line.status(&stranger(idp, &format!("kid-{round}"))), 401);
        }
    }
    assert_eq!(fetches() - before, 10);
    assert!(gateway.metric("monward_jwks_refresh_denied_total", &["budget=\"overall\""]) > 5.0);
    for idp in others.iter().chain([&main]) {
        // Only `corp` has a role; but the tokens of all are understood.
        assert!([200, 403].contains(&line.status(&token(idp))));
    }
}

/// The same setup with a folder for the keys.
fn keeping(upstream: &Upstream, idp: &Idp, folder: &TempDir) -> Setup {
    let mut setup = calm(upstream, idp);
    setup.config = Some(format!("{}state_dir: {}\n", setup.text(), folder.path().display()));
    setup
}

#[test]
fn b02_a_cold_start_without_the_issuer_goes_on_with_the_last_good_keys() {
    let idp = Idp::start(&Issuer::shared().jwks());
    let (upstream, folder) = (Upstream::nats(), TempDir::new().unwrap());
    let setup = keeping(&upstream, &idp, &folder);
    let file = folder.path().join("keys-corp.json");
    let first = setup.start();
    eventually("the file", || file.exists().then_some(()));
    let mode = || std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    assert!(first.metrics().contains(r#"monward_jwks_restored_total{issuer="corp",result="none"} 1"#));
    // Killed, not asked: what is on disk must do.
    drop(first);
    idp.kill();
    let second = setup.start();
    assert!(second.metrics().contains(r#"monward_jwks_restored_total{issuer="corp",result="ok"} 1"#));
    success(&second.client().get("/varz", Some(&token(&idp))), "a known key");
    denial(&second.client().get("/varz", Some(&stranger(&idp, "k9"))), &[503], "an unknown key: nobody can tell");
    let forged = SigningKey::new("k1", "RS256").token(&claims(&idp, "u"));
    denial(&second.client().get("/varz", Some(&forged)), &[401], "another key of that name");
    drop(second);
    // What others can write is not believed, though nothing else is there.
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let third = setup.start_unready();
    eventually("the warning", || third.stderr().contains("open to group or others").then_some(()));
    denial(&third.client().get("/varz", Some(&token(&idp))), &[503], "keys that are not believed");
    assert_eq!(third.admin("/-/ready").status, 503);
    // The issuer comes back: its keys replace the file.
    idp.wake();
    third.wait_ready();
    success(&third.client().get("/varz", Some(&token(&idp))), "the issuer is back");
    eventually("the new file", || (mode() == 0o600).then_some(()));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
}

#[test]
fn b02_a_rotation_while_monward_is_down_is_seen_at_once() {
    let idp = Idp::start(&Issuer::shared().jwks());
    let (upstream, folder) = (Upstream::nats(), TempDir::new().unwrap());
    let setup = keeping(&upstream, &idp, &folder);
    let first = setup.start();
    eventually("the file", || folder.path().join("keys-corp.json").exists().then_some(()));
    drop(first);
    let k2 = SigningKey::new("k2", "RS256");
    idp.rotate(&json!({ "keys": [k2.jwk()] }).to_string());
    let second = setup.start();
    eventually("the new keys", || {
        let old = second.client().get("/varz", Some(&token(&idp))).status;
        let new = second.client().get("/varz", Some(&k2.token(&claims(&idp, "u")))).status;
        assert!([200, 401].contains(&old) && [200, 401].contains(&new), "{old} {new}");
        (old == 401 && new == 200).then_some(())
    });
}

#[test]
fn a_folder_for_keys_that_is_not_there_is_told_at_the_start() {
    let upstream = Upstream::nats();
    let mut setup = Setup::before(&upstream);
    setup.config = Some(format!("{}state_dir: nowhere\n", setup.text()));
    let (status, said) = setup.refuses_to_start();
    assert!(!status.success() && said.contains("nowhere` is not there"), "{said}");
}

#[test]
fn b11_keys_on_another_host_need_the_operators_word() {
    let identity = Authority::shared().server(&["localhost"]);
    let elsewhere = Idp::with_identity(&Issuer::shared().jwks(), &identity);
    elsewhere.wake();
    let idp = Idp::start(&json!({ "keys": [] }).to_string());
    let there = format!("{}{JWKS}", elsewhere.url().replace("127.0.0.1", "localhost"));
    idp.set(DISCOVERY, Page::Json(idp.discovery(&idp.url(), &there), ""));
    let upstream = Upstream::nats();
    for hosts in ["", "\n    jwks_hosts: [localhost.example.org, example.org]"] {
        let mut setup = calm(&upstream, &idp);
        setup.keys.push_str(hosts);
        let gateway = setup.start_unready();
        eventually("the refusal", || {
            (gateway.metric("monward_jwks_refresh_total", &["result=\"jwks_host\""]) > 0.0).then_some(())
        });
        denial(&gateway.client().get("/varz", Some(&token(&idp))), &[503], "no keys");
        assert_eq!(elsewhere.connections(), 0);
    }
    let mut setup = calm(&upstream, &idp);
    setup.keys.push_str("\n    jwks_hosts: [keys.example.org, LocalHost]");
    let gateway = setup.start();
    success(&gateway.client().get("/varz", Some(&token(&idp))), "a pinned host");
    assert_eq!(elsewhere.hits(JWKS), 1);
}

/// Keys at this URL, without leave for inside addresses.
fn at(upstream: &Upstream, url: &str) -> Setup {
    let mut setup = Setup::before(upstream);
    setup.keys = format!("jwks_url: {url}\n    ca_file: ca.pem");
    setup
}

#[test]
fn b12_inside_addresses_are_not_called_however_they_are_spelled() {
    let trap = Idp::start(&Issuer::shared().jwks());
    let port = trap.url().rsplit(':').next().unwrap().to_owned();
    let upstream = Upstream::nats();
    for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.169.254", "0x7f000001"] {
        let gateway = at(&upstream, &format!("https://{host}:{port}/jwks")).start_unready();
        eventually(host, || {
            let words = ["result=\"address_refused\"", "result=\"unresolved\""];
            words.iter().any(|word| gateway.metric("monward_jwks_refresh_total", &[word]) > 0.0).then_some(())
        });
    }
    for host in ["2130706433", "127.1", "0177.0.0.1"] {
        let (status, said) = at(&upstream, &format!("https://{host}:{port}/jwks")).refuses_to_start();
        assert!(!status.success() && said.contains("the URL is unusable"), "{host}: {said}");
    }
    assert_eq!(trap.connections(), 0);
}

#[test]
fn b14_a_proxy_that_the_environment_names_is_not_used() {
    let trap = Idp::start("");
    let idp = Idp::start(&Issuer::shared().jwks());
    let upstream = Upstream::nats();
    let mut setup = calm(&upstream, &idp);
    let proxy = trap.url().replace("https:", "http:");
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    setup.environment = names.map(|name| (name.to_owned(), proxy.clone())).to_vec();
    let gateway = setup.start();
    success(&gateway.client().get("/varz", Some(&token(&idp))), "fetched directly");
    assert_eq!(trap.connections(), 0);
}

#[test]
fn b18_of_two_keys_of_one_name_neither_is_used_and_it_is_told() {
    let (a, b) = (SigningKey::new("twin", "RS256"), SigningKey::new("twin", "RS256"));
    let jwks = json!({ "keys": [a.jwk(), b.jwk(), Issuer::shared().key("k1").jwk()] }).to_string();
    let idp = Idp::start(&jwks);
    let upstream = Upstream::nats();
    let gateway = calm(&upstream, &idp).start();
    for key in [&a, &b] {
        denial(&gateway.client().get("/varz", Some(&key.token(&claims(&idp, "u")))), &[401], "a twin");
    }
    success(&gateway.client().get("/varz", Some(&token(&idp))), "the other key");
    eventually("the alarm", || gateway.stderr().contains("keys of the issuer were passed over").then_some(()));
    // The same in a file.
    let gateway = Setup::before(&upstream).file("jwks.json", jwks).start();
    eventually("the alarm", || gateway.stderr().contains("keys of the issuer were passed over").then_some(()));
}

#[test]
fn every_end_of_a_fetch_has_its_word_in_the_metrics() {
    for (page, word) in [
        (Page::Status(500), "status"),
        (Page::Json("<html>".to_owned(), ""), "key_set_json"),
        (Page::Json(r#"{"keys":[]}"#.to_owned(), ""), "key_set_no_usable_key"),
        (Page::Redirect("/".to_owned()), "status"),
        (Page::Json(Issuer::shared().jwks(), "Content-Encoding: gzip\r\n"), "encoded"),
        (Page::Json(Issuer::shared().jwks(), ""), "unchanged"),
    ] {
        let idp = Idp::start(&Issuer::shared().jwks());
        let upstream = Upstream::nats();
        let gateway = calm(&upstream, &idp).start();
        let count = |word: &str| {
            let result = format!("result=\"{word}\"");
            gateway.metric("monward_jwks_refresh_total", &["issuer=\"corp\"", &result])
        };
        assert_eq!((count("ok"), count(word)), (1.0, 0.0), "{word}");
        idp.set(JWKS, page);
        denial(&gateway.client().get("/varz", Some(&stranger(&idp, "k9"))), &[401, 503], word);
        assert_eq!((count("ok"), count(word)), (1.0, 1.0), "{word}");
        success(&gateway.client().get("/varz", Some(&token(&idp))), "the old keys serve");
    }
}
