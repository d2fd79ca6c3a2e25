//! The outage drill: an issuer that is killed, hung, slow, serving junk or rotated while it is down. Who has a good
//! token gets in all the while, nobody else does, and the issuer is not stormed.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::gateway::{Gateway, Setup};
use crate::support::idp::{DISCOVERY, Idp, JWKS, Page};
use crate::support::load::{Lanes, Load, Probe, probe};
use crate::support::provider::{Key, Provider, SCRAPER, STRANGER, claims};
use crate::support::tokens::{Issuer, SigningKey, base64url};
use crate::support::upstream::Upstream;
use crate::support::{in_parallel, within};

const K1: Key = ("k1", "RS256");
const K2: Key = ("k2", "RS256");
/// About a hundred requests a second.
const BUSY: Lanes = Lanes { good: 3, bad: 2 };
/// Fewer, for several gateways at once.
const CALM: Lanes = Lanes { good: 1, bad: 2 };

/// Somebody who would like to be the issuer: tokens that say what a good one says.
struct Attacker {
    key: SigningKey,
}

impl Attacker {
    fn new() -> Self {
        Self { key: SigningKey::new("k1", "RS256") }
    }

    /// Signed by a key of another name, or by another key of that name.
    fn forged(&self, kid: &str, claims: &Value) -> Probe {
        let header = json!({ "alg": "RS256", "kid": kid, "typ": "at+jwt" }).to_string();
        // 503 while the issuer cannot be heard: nobody can tell whether its key is new.
        let wanted: &[u16] = if kid.starts_with("unknown") { &[401, 503] } else { &[401] };
        probe(&format!("forged for {kid}"), &self.key.seal(&header, &claims.to_string()), wanted)
    }

    /// Forgeries for a key that is there, and one without a signature.
    fn usual(&self, kid: &str, claims: &Value) -> Vec<Probe> {
        let unsigned = format!("{}.{}.", base64url(r#"{"alg":"none","typ":"at+jwt"}"#), base64url(claims.to_string()));
        vec![self.forged(kid, claims), probe("unsigned", &unsigned, &[401])]
    }

    /// The same, and many key names that nobody has ever heard of.
    fn flood(&self, kid: &str, claims: &Value) -> Vec<Probe> {
        let mut all: Vec<Probe> = (0..200).map(|number| self.forged(&format!("unknown-{number}"), claims)).collect();
        all.extend(self.usual(kid, claims));
        all
    }
}

/// A gateway that has its keys from the issuer at `url` by discovery.
fn gateway(upstream: &Upstream, url: &str) -> Gateway {
    let mut setup = Setup::before(upstream).discovering(url);
    setup.profile = "rfc9068";
    setup.start()
}

fn status(gateway: &Gateway, token: &str) -> u16 {
    gateway.client().get("/varz", Some(token)).status
}

/// How often an issuer that does not answer may be asked: twice because of unknown keys, and after growing pauses.
fn most(begin: Instant) -> usize {
    3 + usize::try_from(begin.elapsed().as_secs() / 5).unwrap()
}

/// How often the gateway asked for keys in vain.
fn failures(gateway: &Gateway) -> usize {
    gateway.stderr().matches("keys could not be fetched").count()
}

#[test]
fn b06_a_real_provider_rotates_under_load_without_a_wrong_answer() {
    let provider = Provider::start(&[K1]);
    let upstream = Upstream::nats();
    let gateway = gateway(&upstream, &provider.url());
    let begin = Instant::now();
    let attacker = Attacker::new();
    let first = provider.token(SCRAPER);
    let claims = claims(&first);
    let stranger = probe("a stranger", &provider.token(STRANGER), &[403]);
    let bad = |kids: &[&str]| -> Vec<Probe> {
        let mut all = vec![stranger.clone()];
        all.extend(kids.iter().flat_map(|kid| attacker.usual(kid, &claims)));
        all
    };
    let good = |token: &str| probe("good", token, &[200]);

    let answers = Load::run(&gateway, BUSY, |load| {
        load.expect(vec![good(&first)], bad(&["k1"]));
        load.more(100);
        provider.rotate(&[K1, K2]);
        load.more(30);
        provider.rotate(&[K2, K1]);
        let second = provider.token(SCRAPER);
        load.expect(vec![good(&first), good(&second)], bad(&["k1", "k2"]));
        load.more(150);
        provider.rotate(&[K2]);
        load.expect(vec![good(&second)], bad(&["k2"])[1..].to_vec());
        within(Duration::from_secs(40), "the old key to go", || match status(&gateway, &first) {
            200 => None,
            401 => Some(()),
            other => panic!("{other}"),
        });
        let mut gone = attacker.usual("k2", &claims);
        gone.push(probe("of the old key", &first, &[401]));
        load.expect(vec![good(&second), good(&provider.token(SCRAPER))], gone);
        load.more(60);
    });
    assert!(answers > 340, "{answers}");
    // At the start, at the new name, and every ten seconds.
    let allowed = 2 + usize::try_from(begin.elapsed().as_secs() / 10).unwrap();
    assert!(provider.hits(JWKS) <= allowed, "{} fetches", provider.hits(JWKS));
}

/// What happens to a real provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outage {
    Killed,
    Hung,
}

#[test]
fn b02_a_real_provider_goes_away_and_comes_back_with_other_keys() {
    in_parallel(&[Outage::Killed, Outage::Hung], |outage| {
        let provider = Provider::start(&[K1]);
        let upstream = Upstream::nats();
        let gateway = gateway(&upstream, &provider.url());
        let begin = Instant::now();
        let attacker = Attacker::new();
        let (first, unseen) = (provider.token(SCRAPER), provider.token(SCRAPER));
        let claims = claims(&first);
        let good = |token: &str| probe("good", token, &[200]);
        Load::run(&gateway, CALM, |load| {
            load.expect(vec![good(&first)], attacker.usual("k1", &claims));
            load.more(20);
            match outage {
                Outage::Killed => provider.kill(),
                Outage::Hung => provider.freeze(),
            }
            load.expect(vec![good(&first), good(&unseen)], attacker.flood("k1", &claims));
            load.more(40);
            assert_eq!(gateway.admin("/-/ready").status, 200, "{outage:?}");
            assert!(failures(&gateway) <= most(begin), "{outage:?}: {} failures", failures(&gateway));

            provider.publish(&[K2]);
            load.expect(vec![probe("of a key that may be gone", &first, &[200, 401])], attacker.flood("k1", &claims));
            if *outage == Outage::Hung {
                provider.kill();
            }
            provider.restart();
            let second = provider.token(SCRAPER);
            within(Duration::from_secs(40), "the new key", || match status(&gateway, &second) {
                200 => Some(()),
                401 | 503 => None,
                other => panic!("{outage:?}: {other}"),
            });
            let mut bad = attacker.flood("k2", &claims);
            bad.push(probe("of the old key", &first, &[401]));
            bad.push(probe("of the old key", &unseen, &[401]));
            load.expect(vec![good(&second)], bad);
            load.more(30);
        });
        let fetches = provider.hits(JWKS) + failures(&gateway);
        assert!(fetches <= 2 + most(begin), "{outage:?}: {fetches} fetches");
    });
}

#[test]
fn b03_b08_an_issuer_that_hangs_drips_or_talks_nonsense() {
    let good = Issuer::shared().jwks();
    let text = |text: &str| Page::Json(text.to_owned(), "");
    let raw = |text: &str| Page::Raw(text.as_bytes().to_vec());
    let pages = [
        ("hangs", JWKS, Page::Hang),
        ("hangs at once", DISCOVERY, Page::Hang),
        ("one byte a second", JWKS, Page::Slow(good.clone())),
        ("another document", JWKS, text(r#"{"keys":{"k1":{}}}"#)),
        ("a page for people", DISCOVERY, text("<html>Down for maintenance</html>")),
        ("half a key set", JWKS, raw("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{\"keys\":[")),
        ("no HTTP", DISCOVERY, raw("SSH-2.0-OpenSSH_9.2\r\n\r\n")),
        ("without keys", JWKS, text(r#"{"keys":[]}"#)),
    ];
    let attacker = Attacker::new();
    in_parallel(&pages, |(what, path, page)| {
        let idp = Idp::start(&good);
        let upstream = Upstream::nats();
        let gateway = gateway(&upstream, &idp.url());
        let begin = Instant::now();
        let mut claims = Issuer::shared().claims(&["viewer"]);
        claims["iss"] = json!(idp.url());
        let token = |kid: &str| probe(what, &Issuer::shared().key(kid).token(&claims), &[200]);
        Load::run(&gateway, CALM, |load| {
            load.expect(vec![token("k1")], attacker.usual("k1", &claims));
            load.more(10);
            idp.set(path, page.clone());
            let before = idp.hits(path);
            load.expect(vec![token("k1"), token("e1"), token("d1")], attacker.flood("k1", &claims));
            within(Duration::from_secs(20), what, || (idp.hits(path) > before).then_some(()));
            load.more(60);
            assert_eq!(gateway.admin("/-/ready").status, 200, "{what}");
            assert!(idp.hits(path) - before <= most(begin), "{what}: {} fetches", idp.hits(path) - before);
        });
    });
}
