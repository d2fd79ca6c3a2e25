//! Who asks, joined from tokens, assertions of front doors and client certificates.

use super::*;
use crate::authn::{Certificate, ClaimValue, Method, NameKind, NamePattern, Proof};

const DOOR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

/// The positions of the issuers.
const POMERIUM: usize = 1;
const GOOGLE: usize = 2;
const OPAQUE: usize = 3;

/// A key of ES256, as the doors have it.
struct DoorKey(ring::signature::EcdsaKeyPair);

impl DoorKey {
    fn new() -> Self {
        let (random, algorithm) = (SystemRandom::new(), &ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING);
        let pkcs8 = ring::signature::EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self(ring::signature::EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap())
    }

    fn live(&self) -> LiveKeys {
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        let key = json!({"kty": "EC", "crv": "P-256", "kid": "d", "x": BASE64.encode(x), "y": BASE64.encode(y)});
        let (set, _) = KeySet::parse(json!({ "keys": [key] }).to_string().as_bytes(), &[Algorithm::Es256]).unwrap();
        LiveKeys { set: Arc::new(set), stale_at: UnixTime::from_secs(NOW + 3600) }
    }

    fn sign(&self, kid: &str, claims: &Value) -> String {
        let header = BASE64.encode(json!({"alg": "ES256", "kid": kid, "typ": "JWT"}).to_string());
        let message = format!("{header}.{}", BASE64.encode(claims.to_string()));
        let signature = self.0.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", BASE64.encode(signature.as_ref()))
    }
}

/// The usual gate with front doors, and an issuer of opaque tokens.
struct Doors {
    bench: Bench,
    key: DoorKey,
}

/// What a request shows beside its target.
#[derive(Clone, Copy)]
struct Shown<'a> {
    authorization: &'a [&'a str],
    assertions: &'a [(Door, &'a str)],
    certificate: Option<&'a Result<Arc<Principal>, CertificateFault>>,
    source: IpAddr,
}

const NOTHING: Shown<'static> = Shown { authorization: &[], assertions: &[], certificate: None, source: ELSEWHERE };

impl Doors {
    fn new() -> Self {
        let mut bench = Bench::new();
        let key = DoorKey::new();
        let corp = corp();
        let trusted = || Trusted {
            networks: vec!["10.0.0.0/8".parse().unwrap()],
            certificates: vec![NamePattern::parse(NameKind::Dns, "front.test").unwrap()],
        };
        let door = |name: &str, issuer: &str, door| IssuerSettings {
            name: name.to_owned(),
            issuer: issuer.to_owned(),
            algorithms: vec![Algorithm::Es256],
            profile: Profile::Door(door),
            trusted: trusted(),
            ..corp.clone()
        };
        let issuers = vec![
            corp.clone(),
            door("pomerium", "mon.test", Door::Pomerium),
            door("google", "https://cloud.google.com/iap", Door::GoogleIap),
            IssuerSettings {
                name: "opaque".to_owned(),
                issuer: String::new(),
                profile: Profile::Asked,
                ..corp.clone()
            },
        ];
        bench.verifier = Verifier::new(issuers, 100);
        bench.keys.extend([Some(key.live()), Some(key.live()), None]);
        Self { bench, key }
    }

    fn claims(issuer: &str) -> Value {
        json!({"iss": issuer, "aud": "us", "sub": "person", "email": "p@test", "exp": NOW + 300, "iat": NOW})
    }

    fn pomerium(&self) -> String {
        self.key.sign("d", &Self::claims("mon.test"))
    }

    fn google(&self) -> String {
        self.key.sign("d", &Self::claims("https://cloud.google.com/iap"))
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.bench.token("prometheus"))
    }

    /// `Authorization` with a token that is bound to the certificate of this fingerprint.
    fn bound(&self, fingerprint: [u8; 32]) -> String {
        let claims = json!({
            "iss": "https://idp.test", "aud": "us", "sub": "bound", "exp": NOW + 300, "iat": NOW,
            "cnf": { "x5t#S256": BASE64.encode(fingerprint) },
        });
        format!("Bearer {}", self.bench.sign("k", &claims))
    }

    fn engine(&self) -> Engine<'_, FakeRelativeClock> {
        Engine {
            routes: &self.bench.routes,
            verifier: &self.bench.verifier,
            keys: &self.bench.keys,
            basic: true,
            static_keys: None,
            revoked: &self.bench.revoked,
            forward_auth: None,
        }
    }

    /// Who it is; a question to an issuer is answered with `answer`.
    fn who_with(&self, shown: Shown<'_>, answer: Result<Arc<Principal>, TokenFault>) -> Result<Arc<Principal>, Denial> {
        let authorization: Vec<&[u8]> = shown.authorization.iter().map(|value| value.as_bytes()).collect();
        let assertions: Vec<(Door, &[u8])> =
            shown.assertions.iter().map(|(door, value)| (*door, value.as_bytes())).collect();
        let request = Request {
            method: b"GET",
            target: b"/varz",
            body: &[],
            host: b"mon.test",
            authorization: &authorization,
            assertions: &assertions,
            told: &[],
            way: Way::Direct,
            certificate: shown.certificate,
            source: shown.source,
            tls: None,
            now: UnixTime::from_secs(NOW),
        };
        match super::identify(&self.engine(), &request)? {
            Identified::Known(principal) => Ok(principal),
            Identified::Asks(inquiry) => {
                assert!(matches!(inquiry.question, Question::Token { issuer: OPAQUE, .. }), "{:?}", inquiry.question);
                inquiry.settle(answer, &request)
            }
        }
    }

    fn who(&self, shown: Shown<'_>) -> Result<Vec<(String, Method)>, (u16, &'static str)> {
        let proofs = |who: Arc<Principal>| {
            who.proofs().map(|proof| (proof.issuer().to_owned(), proof.method())).collect::<Vec<_>>()
        };
        let unasked = self.who_with(shown, Err(TokenFault::Unavailable));
        unasked.map(proofs).map_err(|denial| (denial.status(), denial.label()))
    }

    fn names(&self, shown: Shown<'_>) -> Result<Vec<String>, (u16, &'static str)> {
        Ok(self.who(shown)?.into_iter().map(|(name, _)| name).collect())
    }
}

fn certificate(dns: &str, fingerprint: [u8; 32]) -> Arc<Principal> {
    let names = Certificate { dns: vec![dns.to_owned()], fingerprint, ..Certificate::default() };
    Arc::new(Principal::supposed_certificate(names))
}

#[test]
fn a26_a_remembered_token_is_good_on_a_connection_with_its_certificate_only() {
    let doors = Doors::new();
    let (own, other) = (Ok(certificate("a.test", [1; 32])), Ok(certificate("a.test", [2; 32])));
    let bound = doors.bound([1; 32]);
    let authorization = [bound.as_str()];
    let shown = |certificate| Shown { authorization: &authorization, certificate, ..NOTHING };
    let refused = Err((401, "token_sender_constrained"));
    assert_eq!(doors.names(shown(Some(&other))), refused, "another certificate, never seen before");
    assert_eq!(doors.bench.verifier.remembered(), 1);
    assert_eq!(doors.names(shown(Some(&own))), Ok(vec!["corp".to_owned(), "client_certificate".to_owned()]));
    assert_eq!(doors.names(shown(Some(&other))), refused, "another certificate with the same name");
    assert_eq!(doors.names(shown(None)), refused, "no certificate");
    assert_eq!(doors.bench.verifier.remembered(), 1, "all of them found the same remembered token");
    let by_basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("x:{}", &bound[7..])));
    let authorization = [by_basic.as_str()];
    let shown = |certificate| Shown { authorization: &authorization, certificate, ..NOTHING };
    assert_eq!(doors.names(shown(Some(&other))), refused);
    assert!(doors.names(shown(Some(&own))).is_ok());
}

#[test]
fn a26_a_certificate_beside_a_token_that_is_not_bound_to_it_is_fine() {
    let doors = Doors::new();
    let (bearer, shown) = (doors.bearer(), Ok(certificate("a.test", [1; 32])));
    let authorization = [bearer.as_str()];
    let names = doors.names(Shown { authorization: &authorization, certificate: Some(&shown), ..NOTHING });
    assert_eq!(names, Ok(vec!["corp".to_owned(), "client_certificate".to_owned()]));
}

#[test]
fn a26_a_bound_token_is_not_loosened_by_an_assertion() {
    let doors = Doors::new();
    let (bound, assertion) = (doors.bound([1; 32]), doors.pomerium());
    let (authorization, assertions) = ([bound.as_str()], [(Door::Pomerium, assertion.as_str())]);
    let shown = Shown { authorization: &authorization, assertions: &assertions, source: DOOR, ..NOTHING };
    assert_eq!(doors.names(shown), Err((401, "token_sender_constrained")));
}

#[test]
fn from_elsewhere_an_assertion_counts_for_nothing() {
    let doors = Doors::new();
    let (assertion, bearer) = (doors.pomerium(), doors.bearer());
    let assertions = [(Door::Pomerium, assertion.as_str())];
    let shown = Shown { assertions: &assertions, ..NOTHING };
    assert_eq!(doors.names(shown), Err((401, "credential_missing")));
    let stranger = Ok(certificate("stranger.test", [1; 32]));
    assert_eq!(
        doors.names(Shown { certificate: Some(&stranger), ..shown }),
        Ok(vec!["client_certificate".to_owned()]),
        "a certificate that is not the door's is only itself"
    );
    let authorization = [bearer.as_str()];
    let bad = [(Door::Pomerium, "rubbish"), (Door::Pomerium, "rubbish"), (Door::AwsAlb, "")];
    for assertions in [&assertions[..], &bad[..]] {
        let shown = Shown { authorization: &authorization, assertions, ..NOTHING };
        assert_eq!(doors.names(shown), Ok(vec!["corp".to_owned()]));
    }
    let shown = Shown { assertions: &[(Door::AwsAlb, "rubbish")], source: DOOR, ..NOTHING };
    assert_eq!(doors.names(shown), Err((401, "credential_missing")), "nobody configured that door");
}

#[test]
fn a_door_is_trusted_by_its_network_or_by_its_certificate() {
    let doors = Doors::new();
    let assertion = doors.pomerium();
    let shown = Shown { assertions: &[(Door::Pomerium, &assertion)], ..NOTHING };
    assert_eq!(
        doors.who(Shown { source: DOOR, ..shown }),
        Ok(vec![("pomerium".to_owned(), Method::FrontDoor)]),
        "by network"
    );
    let mapped = "::ffff:10.0.0.1".parse().unwrap();
    assert_eq!(doors.names(Shown { source: mapped, ..shown }), Ok(vec!["pomerium".to_owned()]));
    let front = Ok(certificate("front.test", [1; 32]));
    assert_eq!(
        doors.names(Shown { certificate: Some(&front), ..shown }),
        Ok(vec!["pomerium".to_owned()]),
        "by certificate, which is the door's own and says nothing of whoever stands behind it"
    );
    assert_eq!(
        doors.names(Shown { certificate: Some(&front), assertions: &[], ..shown }),
        Ok(vec!["client_certificate".to_owned()]),
        "the door itself"
    );
}

#[test]
fn a_bad_assertion_from_a_trusted_place_is_never_passed_over() {
    let doors = Doors::new();
    let (bearer, good) = (doors.bearer(), doors.pomerium());
    let expired = json!({"iss": "mon.test", "aud": "us", "sub": "person", "exp": NOW - 60, "iat": NOW - 90});
    let expired = doors.key.sign("d", &expired);
    let elsewhere = doors.key.sign("d", &Doors::claims("other.test"));
    let forged = DoorKey::new().sign("d", &Doors::claims("mon.test"));
    let unknown = doors.key.sign("x", &Doors::claims("mon.test"));
    let front = Ok(certificate("front.test", [1; 32]));
    for (name, value, label) in [
        ("expired", expired.as_str(), "token_expired"),
        ("of another route", &elsewhere, "token_unknown_issuer"),
        ("forged", &forged, "token_signature"),
        ("of a new key", &unknown, "token_unknown_key"),
        ("of another door", &doors.google(), "token_unknown_issuer"),
        ("empty", "", "token_parts"),
        ("a word", "opaque", "token_parts"),
        ("with the scheme", &format!("Bearer {good}"), "token_encoding"),
    ] {
        for authorization in [&[][..], &[bearer.as_str()]] {
            let assertions = [(Door::Pomerium, value)];
            let shown = Shown { authorization, assertions: &assertions, source: DOOR, ..NOTHING };
            assert_eq!(doors.names(shown), Err((401, label)), "{name}");
            let shown = Shown { source: ELSEWHERE, certificate: Some(&front), ..shown };
            assert_eq!(doors.names(shown), Err((401, label)), "{name}");
        }
    }
}

#[test]
fn the_keys_of_a_door_can_be_unknown_or_missing_like_any_other() {
    let mut doors = Doors::new();
    let (new, good) = (doors.key.sign("new", &Doors::claims("mon.test")), doors.pomerium());
    let shown = |assertions| Shown { assertions, source: DOOR, ..NOTHING };
    let assertions = [(Door::Pomerium, new.as_str())];
    let denial = doors.who_with(shown(&assertions), Err(TokenFault::Unavailable)).unwrap_err();
    assert!(matches!(denial, Denial::Token(TokenFault::UnknownKey { issuer: POMERIUM, .. })), "{denial:?}");
    doors.bench.keys[POMERIUM] = None;
    let assertions = [(Door::Pomerium, good.as_str())];
    let denial = doors.who_with(shown(&assertions), Err(TokenFault::Unavailable)).unwrap_err();
    assert!(matches!(denial, Denial::Token(TokenFault::KeysMissing { issuer: POMERIUM })), "{denial:?}");
    assert_eq!(denial.status(), 503);
    assert_eq!(doors.bench.keys.len(), OPAQUE + 1);
    assert!(doors.bench.keys[GOOGLE].is_some());
}

#[test]
fn a33_the_same_field_twice_is_one_too_many() {
    let doors = Doors::new();
    let (first, google) = (doors.pomerium(), doors.google());
    for second in [first.as_str(), "rubbish", ""] {
        for assertions in [
            [(Door::Pomerium, first.as_str()), (Door::Pomerium, second)],
            [(Door::Pomerium, second), (Door::Pomerium, first.as_str())],
        ] {
            let shown = Shown { assertions: &assertions, source: DOOR, ..NOTHING };
            assert_eq!(doors.names(shown), Err((400, "credential_several")), "{second}");
        }
    }
    let assertions = [(Door::Pomerium, first.as_str()), (Door::GoogleIap, google.as_str())];
    let shown = Shown { assertions: &assertions, source: DOOR, ..NOTHING };
    assert_eq!(doors.names(shown), Err((400, "credential_several")), "two doors");
}

#[test]
fn a_token_an_assertion_and_a_certificate_prove_three_things() {
    let doors = Doors::new();
    let (bearer, assertion) = (doors.bearer(), doors.pomerium());
    let own = Ok(certificate("own.test", [1; 32]));
    let authorization = [bearer.as_str()];
    let assertions = [(Door::Pomerium, assertion.as_str())];
    let shown = Shown { authorization: &authorization, assertions: &assertions, certificate: Some(&own), source: DOOR };
    let who = doors.who_with(shown, Err(TokenFault::Unavailable)).unwrap();
    let proofs: Vec<(&str, &str)> = who.proofs().map(|proof| (proof.issuer(), proof.subject())).collect();
    assert_eq!(proofs, [("corp", "prometheus"), ("pomerium", "person"), ("client_certificate", "own.test")]);
    assert_eq!((who.subject(), who.method()), ("prometheus", Method::BearerJwt), "the first speaks for it");
    let verified: Vec<Option<&ClaimValue>> = who.proofs().map(|proof| proof.claims().get("email_verified")).collect();
    assert_eq!(verified, [None, Some(&ClaimValue::True), None], "what a door vouches for is its own proof's alone");

    let unreadable = Err(CertificateFault::Malformed);
    let shown = Shown { certificate: Some(&unreadable), source: DOOR, ..shown };
    assert_eq!(doors.names(shown), Err((401, "certificate_malformed")), "a bad certificate is not passed over either");
}

#[test]
fn an_issuer_that_is_asked_does_not_make_an_assertion_forgotten() {
    let doors = Doors::new();
    let assertion = doors.pomerium();
    let assertions = [(Door::Pomerium, assertion.as_str())];
    let shown = Shown { authorization: &["Bearer opaque"], assertions: &assertions, source: DOOR, ..NOTHING };
    let claims = serde_json::Map::new();
    let answer = Arc::new(Principal::supposed("opaque".to_owned(), "asked".to_owned(), claims));
    let who = doors.who_with(shown, Ok(answer)).unwrap();
    let names: Vec<&str> = who.proofs().map(Proof::issuer).collect();
    assert_eq!(names, ["opaque", "pomerium"]);
    assert_eq!(doors.names(shown), Err((503, "issuer_unavailable")));
    let bad = [(Door::Pomerium, "rubbish")];
    assert_eq!(
        doors.names(Shown { assertions: &bad, ..shown }),
        Err((401, "token_parts")),
        "nobody is asked for nothing"
    );
}

#[test]
fn a34_neither_way_takes_what_was_good_on_the_other() {
    let doors = Doors::new();
    let (assertion, token) = (doors.pomerium(), doors.bench.token("prometheus"));
    let beside = |value| {
        let assertions = [(Door::Pomerium, value)];
        doors.names(Shown { assertions: &assertions, source: DOOR, ..NOTHING })
    };
    let bearer = |value: &str| {
        let value = format!("Bearer {value}");
        doors.names(Shown { authorization: &[&value], source: DOOR, ..NOTHING })
    };
    for _ in 0..2 {
        assert_eq!(beside(&assertion), Ok(vec!["pomerium".to_owned()]));
        assert_eq!(bearer(&assertion), Err((401, "token_unknown_issuer")));
        assert_eq!(bearer(&token), Ok(vec!["corp".to_owned()]));
        assert_eq!(beside(&token), Err((401, "token_unknown_issuer")));
    }
    assert_eq!(doors.bench.verifier.remembered(), 2);
}
