//! Assertions of front doors: what each says, one thing wrong at a time.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::{
    Algorithm, Certificate, Claim, ClaimValue, Door, IssuerSettings, LiveKeys, LoadBalancers, Method, NameKind,
    NamePattern, Origin, Principal, Profile, TokenFault, Trusted, Verifier,
};
use super::mint::{self, AUDIENCE, NOW, P256, RSA, Signer, at, good_claims, now};

const TEAM: &str = "https://team.cloudflareaccess.com";
const POOL: &str = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Abc";
const ROUTE: &str = "monitoring.example.org";
const ARN: &str = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/front/50dc6c495c0c9188";
const KID: &str = "c2f80c8b-c05c-4068-af14-17299f7896b1";

fn issuer_of(door: Door) -> &'static str {
    match door {
        Door::GoogleIap => "https://cloud.google.com/iap",
        Door::CloudflareAccess => TEAM,
        Door::AwsAlb => POOL,
        Door::Pomerium => ROUTE,
    }
}

fn settings(door: Door) -> IssuerSettings {
    IssuerSettings {
        name: door.label().to_owned(),
        issuer: issuer_of(door).to_owned(),
        audiences: if door.names_audience() { vec![AUDIENCE.to_owned()] } else { Vec::new() },
        algorithms: door.algorithms().to_vec(),
        max_lifetime: door.max_lifetime(),
        trusted: Trusted { networks: vec!["10.0.0.0/8".parse().unwrap()], certificates: Vec::new() },
        load_balancers: LoadBalancers { signers: vec!["other".to_owned(), ARN.to_owned()], client: "c1".to_owned() },
        ..mint::settings(Profile::Door(door))
    }
}

/// Header and claims as the door writes them.
fn good(door: Door) -> (Value, Value) {
    let (iss, exp) = (issuer_of(door), NOW + 120);
    match door {
        Door::GoogleIap => (
            json!({ "alg": "ES256", "typ": "JWT", "kid": KID }),
            json!({ "iss": iss, "aud": AUDIENCE, "sub": "accounts.google.com:1", "email": "a@example.org",
                    "hd": "example.org", "iat": NOW - 5, "exp": NOW + 595 }),
        ),
        Door::CloudflareAccess => (
            json!({ "alg": "RS256", "typ": "JWT", "kid": KID }),
            json!({ "iss": iss, "aud": [AUDIENCE], "sub": "7335d417", "email": "a@example.org", "type": "app",
                    "identity_nonce": "6ei69kawdKzMIAPF", "country": "DE", "iat": NOW - 5, "nbf": NOW - 5, "exp": exp }),
        ),
        Door::AwsAlb => (
            json!({ "alg": "ES256", "typ": "JWT", "kid": KID, "iss": iss, "client": "c1", "signer": ARN, "exp": exp }),
            json!({ "iss": iss, "sub": "23d498b2", "email": "a@example.org", "email_verified": "true", "exp": exp }),
        ),
        Door::Pomerium => (
            json!({ "alg": "ES256", "typ": "JWT", "kid": KID }),
            json!({ "iss": iss, "aud": AUDIENCE, "sub": "u1", "user": "u1", "email": "a@example.org", "jti": "j",
                    "groups": ["sre"], "sid": "s", "name": "A", "iat": NOW, "exp": NOW + 300 }),
        ),
    }
}

fn signer(door: Door) -> (&'static Signer, Algorithm) {
    let algorithm = door.algorithms()[0];
    (if algorithm == Algorithm::Rs256 { &RSA } else { &P256 }, algorithm)
}

fn token(door: Door, header: &Value, claims: &Value) -> String {
    let (signer, algorithm) = signer(door);
    signer.token(algorithm, &header.to_string(), &claims.to_string())
}

fn good_token(door: Door) -> String {
    let (header, claims) = good(door);
    token(door, &header, &claims)
}

fn keys(door: Door) -> Option<LiveKeys> {
    let (signer, algorithm) = signer(door);
    mint::live(&[signer.jwk_with(&json!({ "kid": KID, "alg": algorithm.label(), "use": "sig" }))])
}

const fn from(source: [u8; 4]) -> Origin<'static> {
    Origin {
        source: IpAddr::V4(std::net::Ipv4Addr::new(source[0], source[1], source[2], source[3])),
        certificate: None,
    }
}

const INSIDE: Origin<'static> = from([10, 1, 2, 3]);
const OUTSIDE: Origin<'static> = from([192, 0, 2, 1]);

fn verify(door: Door, token: &str) -> Result<Arc<Principal>, TokenFault> {
    let verifier = Verifier::new(vec![settings(door)], 10);
    verifier.verify_assertion((door, token.as_bytes()), INSIDE, &[keys(door)], now())
}

/// A good assertion with members of header and claims changed, or removed where null.
fn changed(door: Door, in_header: &Value, in_claims: &Value) -> Result<Arc<Principal>, TokenFault> {
    let (header, claims) = good(door);
    verify(door, &token(door, &mint::with(header, in_header), &mint::with(claims, in_claims)))
}

fn claims(door: Door, more: &Value) -> Result<(), TokenFault> {
    changed(door, &json!({}), more).map(drop)
}

fn header(door: Door, more: &Value) -> Result<(), TokenFault> {
    changed(door, more, &json!({})).map(drop)
}

#[test]
fn a_good_assertion_of_each_door_gives_its_principal() {
    for (door, subject, verified) in [
        (Door::GoogleIap, "accounts.google.com:1", ClaimValue::True),
        (Door::CloudflareAccess, "7335d417", ClaimValue::True),
        (Door::AwsAlb, "23d498b2", ClaimValue::Text("true".into())),
        (Door::Pomerium, "u1", ClaimValue::True),
    ] {
        let who = verify(door, &good_token(door)).unwrap();
        assert_eq!((who.issuer(), who.subject(), who.method()), (door.label(), subject, Method::FrontDoor));
        assert_eq!(who.claims().get("email_verified"), Some(&verified), "{door:?}");
    }
}

#[test]
fn only_a_door_that_vouches_says_that_an_address_is_verified() {
    let verified =
        |door, more: &Value| changed(door, &json!({}), more).unwrap().claims().get("email_verified").cloned();
    for door in [Door::GoogleIap, Door::CloudflareAccess, Door::Pomerium] {
        assert_eq!(verified(door, &json!({})), Some(ClaimValue::True), "{door:?}");
        assert_eq!(verified(door, &json!({ "email_verified": false })), Some(ClaimValue::Other), "what it says stays");
        assert_eq!(verified(door, &json!({ "email": null })), None, "{door:?}: there is no address");
        assert_eq!(verified(door, &json!({ "email": "" })), None, "{door:?}");
        assert_eq!(verified(door, &json!({ "email": ["a@example.org"] })), None, "{door:?}");
    }
    assert_eq!(verified(Door::AwsAlb, &json!({ "email_verified": null })), None);
}

#[test]
fn what_every_assertion_must_say() {
    let (missing, malformed) = (TokenFault::ClaimMissing, TokenFault::ClaimMalformed);
    for door in Door::ALL {
        for (name, more, expected) in [
            ("another issuer", json!({ "iss": "https://evil.example.org" }), TokenFault::UnknownIssuer),
            ("its issuer and a slash", json!({ "iss": format!("{}/", issuer_of(door)) }), TokenFault::UnknownIssuer),
            ("no issuer", json!({ "iss": null }), missing(Claim::Issuer)),
            ("an issuer that is a list", json!({ "iss": [issuer_of(door)] }), malformed(Claim::Issuer)),
            ("no subject", json!({ "sub": null }), missing(Claim::Subject)),
            ("an empty subject", json!({ "sub": "" }), malformed(Claim::Subject)),
            ("a subject that is a number", json!({ "sub": 1 }), malformed(Claim::Subject)),
            ("no end", json!({ "exp": null }), missing(Claim::Expires)),
            ("an end that is text", json!({ "exp": "1800000100" }), malformed(Claim::Expires)),
            ("an end long ago", json!({ "iat": NOW - 100, "exp": NOW - 60 }), TokenFault::Expired),
            ("a beginning later", json!({ "nbf": NOW + 60 }), TokenFault::NotYetValid),
            ("made in the future", json!({ "iat": NOW + 60, "exp": NOW + 90 }), TokenFault::IssuedInFuture),
            ("a longer life", json!({ "exp": NOW + 100_000 }), TokenFault::Lifetime),
            ("the nonce of an ID token", json!({ "nonce": "n" }), TokenFault::NotAccessToken),
            ("the hash of an ID token", json!({ "at_hash": "h" }), TokenFault::NotAccessToken),
            ("the event of a logout token", json!({ "events": {} }), TokenFault::NotAccessToken),
            ("a key of the client", json!({ "cnf": { "jkt": "x" } }), TokenFault::SenderConstrained),
            (
                "a certificate of the client",
                json!({ "cnf": { "x5t#S256": mint::encode(&[0; 32]) } }),
                TokenFault::SenderConstrained,
            ),
        ] {
            assert_eq!(claims(door, &more), Err(expected), "{door:?}: {name}");
        }
    }
}

#[test]
fn the_header_of_an_assertion_is_read_strictly() {
    for door in Door::ALL {
        let unknown = mint::unknown_key(Some("another"));
        for (more, expected) in [
            (json!({ "typ": null }), Ok(())),
            (json!({ "typ": "application/jwt" }), Ok(())),
            (json!({ "typ": "at+jwt" }), Err(TokenFault::Type)),
            (json!({ "typ": "logout+jwt" }), Err(TokenFault::Type)),
            (json!({ "crit": ["exp"] }), Err(TokenFault::Critical)),
            (json!({ "jku": "https://evil.example.org" }), Err(TokenFault::HeaderParameter)),
            (json!({ "jwk": signer(door).0.jwk() }), Err(TokenFault::HeaderParameter)),
            (json!({ "alg": "none" }), Err(TokenFault::Algorithm)),
            (json!({ "alg": "HS256" }), Err(TokenFault::Algorithm)),
            (json!({ "alg": "ES384" }), Err(TokenFault::AlgorithmNotAllowed)),
            (json!({ "kid": "another" }), Err(unknown)),
            (json!({ "kid": "" }), Err(TokenFault::KeyId)),
        ] {
            assert_eq!(header(door, &more), expected, "{door:?} {more}");
        }
    }
}

#[test]
fn a20_an_assertion_names_nothing_twice() {
    for door in Door::ALL {
        let (header, claims) = good(door);
        let twice = |text: String, more: &str| format!("{},{more}}}", text.strip_suffix('}').unwrap());
        let (signer, algorithm) = signer(door);
        for (header, claims) in [
            (header.to_string(), twice(claims.to_string(), r#""email":"root@example.org""#)),
            (header.to_string(), twice(claims.to_string(), r#""s\u0075b":"root""#)),
            (twice(header.to_string(), r#""kid":"x""#), claims.to_string()),
        ] {
            let token = signer.token(algorithm, &header, &claims);
            assert_eq!(verify(door, &token).map(drop), Err(TokenFault::DuplicateMember), "{door:?} {header} {claims}");
        }
    }
}

#[test]
fn a_door_signs_with_its_own_algorithm_even_where_the_configuration_allows_others() {
    for (door, other, algorithm) in [
        (Door::GoogleIap, &*RSA, Algorithm::Rs256),
        (Door::CloudflareAccess, &*P256, Algorithm::Es256),
        (Door::AwsAlb, &*RSA, Algorithm::Rs256),
        (Door::Pomerium, &*RSA, Algorithm::Rs256),
    ] {
        let settings = IssuerSettings { algorithms: Algorithm::ALL.to_vec(), ..settings(door) };
        let (header, claims) = good(door);
        let header = mint::with(header, &json!({ "alg": algorithm.label() })).to_string();
        let token = other.token(algorithm, &header, &claims.to_string());
        let keys = [mint::live(&[other.jwk_with(&json!({ "kid": KID }))])];
        let got = Verifier::new(vec![settings], 1).verify_assertion((door, token.as_bytes()), INSIDE, &keys, now());
        assert_eq!(got.map(drop), Err(TokenFault::AlgorithmNotAllowed), "{door:?}");
    }
}

#[test]
fn a_forged_assertion_fails_at_its_signature() {
    for door in Door::ALL {
        let token = good_token(door);
        let (signed, _) = token.rsplit_once('.').unwrap();
        let forged = format!("{signed}.{}", mint::encode(&[7; 64]));
        assert_eq!(verify(door, &forged).map(drop), Err(TokenFault::Signature), "{door:?}");
        let no_keys =
            Verifier::new(vec![settings(door)], 1).verify_assertion((door, token.as_bytes()), INSIDE, &[None], now());
        assert_eq!(no_keys.map(drop), Err(TokenFault::KeysMissing { issuer: 0 }), "{door:?}");
    }
}

#[test]
fn what_is_no_token_is_refused() {
    for door in Door::ALL {
        let verifier = Verifier::new(vec![settings(door)], 1);
        for (value, expected) in [
            (&b""[..], TokenFault::Parts),
            (b"x", TokenFault::Parts),
            (b"..", TokenFault::Parts),
            (b"\xff.x.y", TokenFault::Encoding),
            (b"e30.e30.AA", TokenFault::Algorithm),
        ] {
            let got = verifier.verify_assertion((door, value), INSIDE, &[keys(door)], now());
            assert_eq!(got.map(drop), Err(expected), "{door:?} {value:?}");
        }
        let long = "x".repeat(super::super::MAX_TOKEN + 1);
        assert_eq!(verify(door, &long).map(drop), Err(TokenFault::TooLong));
        let two = format!("{0}, {0}", good_token(door));
        assert!(verify(door, &two).is_err(), "{door:?}: two in one field");
    }
}

#[test]
fn three_doors_name_whom_they_speak_to() {
    for door in [Door::GoogleIap, Door::CloudflareAccess, Door::Pomerium] {
        for (more, expected) in [
            (json!({ "aud": AUDIENCE }), Ok(())),
            (json!({ "aud": [AUDIENCE] }), Ok(())),
            (json!({ "aud": "/projects/1/apps/another" }), Err(TokenFault::Audience)),
            (json!({ "aud": ["another"] }), Err(TokenFault::Audience)),
            (json!({ "aud": [AUDIENCE, 1] }), Err(TokenFault::ClaimMalformed(Claim::Audience))),
            (json!({ "aud": null }), Err(TokenFault::ClaimMissing(Claim::Audience))),
            (json!({ "iat": null }), Err(TokenFault::ClaimMissing(Claim::IssuedAt))),
        ] {
            assert_eq!(claims(door, &more), expected, "{door:?} {more}");
        }
        let settings = IssuerSettings { audiences: Vec::new(), ..settings(door) };
        let verifier = Verifier::new(vec![settings], 1);
        let token = good_token(door);
        let got = verifier.verify_assertion((door, token.as_bytes()), INSIDE, &[keys(door)], now());
        assert_eq!(got.map(drop), Err(TokenFault::Audience), "{door:?}: without audiences nobody gets in");
    }
}

#[test]
fn lifetimes_are_what_the_doors_promise() {
    for (door, seconds) in [(Door::GoogleIap, 660), (Door::CloudflareAccess, 86_400), (Door::Pomerium, 300)] {
        let life = |seconds: u64| claims(door, &json!({ "iat": NOW, "nbf": null, "exp": NOW + seconds }));
        assert_eq!((life(seconds), life(seconds + 1)), (Ok(()), Err(TokenFault::Lifetime)), "{door:?}");
    }
}

#[test]
fn cloudflare_s_tokens_for_a_whole_team_are_none_for_an_application() {
    for kind in [json!("org"), json!("App"), json!(""), json!(["app"]), json!(1), Value::Null] {
        assert_eq!(claims(Door::CloudflareAccess, &json!({ "type": kind })), Err(TokenFault::NotAccessToken), "{kind}");
    }
    assert_eq!(
        claims(Door::CloudflareAccess, &json!({ "iss": "https://other.cloudflareaccess.com" })),
        Err(TokenFault::UnknownIssuer)
    );
}

#[test]
fn cloudflare_s_service_tokens_are_called_by_their_client_id() {
    let service =
        json!({ "sub": "", "common_name": "e367.access", "email": null, "identity_nonce": null, "nbf": null });
    let who = changed(Door::CloudflareAccess, &json!({}), &service).unwrap();
    assert_eq!((who.subject(), who.claims().get("email_verified")), ("e367.access", None));
    let with = |more: &Value| changed(Door::CloudflareAccess, &json!({}), more);
    let who = with(&json!({ "common_name": "e367.access" })).unwrap();
    assert_eq!(who.subject(), "7335d417", "a subject goes before");
    let malformed = Err(TokenFault::ClaimMalformed(Claim::Subject));
    assert_eq!(with(&json!({ "sub": "" })).map(drop), malformed);
    assert_eq!(with(&json!({ "sub": "", "common_name": "" })).map(drop), malformed);
    assert_eq!(with(&json!({ "sub": "", "common_name": ["x"] })).map(drop), malformed);
    let missing = Err(TokenFault::ClaimMissing(Claim::Subject));
    assert_eq!(with(&json!({ "sub": null, "common_name": "e367.access" })).map(drop), missing);
    for door in [Door::GoogleIap, Door::AwsAlb, Door::Pomerium] {
        assert_eq!(claims(door, &json!({ "sub": "", "common_name": "e367.access" })), malformed, "{door:?}");
    }
}

#[test]
fn a_load_balancer_counts_only_by_name_and_for_our_client() {
    let other = ARN.replace("123456789012", "999999999999");
    for (name, more, expected) in [
        ("another account's", json!({ "signer": other }), TokenFault::Signer),
        ("a longer name", json!({ "signer": format!("{ARN}0") }), TokenFault::Signer),
        ("none", json!({ "signer": null }), TokenFault::Signer),
        ("an empty one", json!({ "signer": "" }), TokenFault::Signer),
        ("a list", json!({ "signer": [ARN] }), TokenFault::Signer),
        ("another client", json!({ "client": "c2" }), TokenFault::Client),
        ("no client", json!({ "client": null }), TokenFault::Client),
        ("a client of another type", json!({ "client": ["c1"] }), TokenFault::Client),
        ("another issuer in the header", json!({ "iss": "https://evil.example.org" }), TokenFault::UnknownIssuer),
        ("no issuer in the header", json!({ "iss": null }), TokenFault::ClaimMissing(Claim::Issuer)),
        ("no end in the header", json!({ "exp": null }), TokenFault::ClaimMissing(Claim::Expires)),
        ("an end of text in the header", json!({ "exp": "1" }), TokenFault::ClaimMalformed(Claim::Expires)),
        ("an end long ago in the header", json!({ "exp": NOW - 60 }), TokenFault::Expired),
        ("a late end in the header", json!({ "exp": NOW + 100_000 }), TokenFault::Lifetime),
    ] {
        assert_eq!(header(Door::AwsAlb, &more), Err(expected), "{name}");
    }
    for (signers, client, expected) in [
        (vec![], "c1", TokenFault::Signer),
        (vec![String::new()], "c1", TokenFault::Signer),
        (vec![ARN.to_owned()], "", TokenFault::Client),
    ] {
        let load_balancers = LoadBalancers { signers, client: client.to_owned() };
        let settings = IssuerSettings { load_balancers, ..settings(Door::AwsAlb) };
        let (header, claims) = good(Door::AwsAlb);
        let header = mint::with(
            header,
            &json!({ "signer": if expected == TokenFault::Signer { "" } else { ARN }, "client": client }),
        );
        let token = token(Door::AwsAlb, &header, &claims);
        let verifier = Verifier::new(vec![settings], 1);
        let got = verifier.verify_assertion((Door::AwsAlb, token.as_bytes()), INSIDE, &[keys(Door::AwsAlb)], now());
        assert_eq!(got.map(drop), Err(expected), "an empty configuration matches nothing");
    }
}

#[test]
fn the_earlier_end_of_a_load_balancer_s_two_counts() {
    let who = changed(Door::AwsAlb, &json!({ "exp": NOW + 20 }), &json!({})).unwrap();
    assert_eq!(who.expires(), at(20));
    let who = changed(Door::AwsAlb, &json!({}), &json!({ "exp": NOW + 10 })).unwrap();
    assert_eq!(who.expires(), at(10));
}

#[test]
fn a_load_balancer_pads_and_signs_its_padding() {
    use base64::Engine as _;
    let pad = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE.encode(bytes);
    let (header, claims) = good(Door::AwsAlb);
    // Texts of each length, so that there is padding of each length.
    for spaces in 0..3 {
        let header = format!("{}{}", header, " ".repeat(spaces));
        let signed = format!("{}.{}", pad(header.as_bytes()), pad(claims.to_string().as_bytes()));
        let signature = P256.sign(Algorithm::Es256, signed.as_bytes());
        let token = format!("{signed}.{}", pad(&signature));
        assert!(token.ends_with("=="));
        assert_eq!(verify(Door::AwsAlb, &token).unwrap().subject(), "23d498b2", "{token}");
        let bare = token.replace('=', "");
        let expected = if signed.contains('=') { Err(TokenFault::Signature) } else { Ok(()) };
        assert_eq!(verify(Door::AwsAlb, &bare).map(drop), expected, "the padding is part of what is signed");
        for broken in [format!("{token}="), token[..token.len() - 1].to_owned(), token.replace("==", "=")] {
            assert_eq!(verify(Door::AwsAlb, &broken).map(drop), Err(TokenFault::Encoding), "{broken}");
        }
    }
    for door in [Door::GoogleIap, Door::CloudflareAccess, Door::Pomerium] {
        let padded = format!("{}==", good_token(door));
        assert_eq!(verify(door, &padded).map(drop), Err(TokenFault::Encoding), "{door:?}");
    }
}

#[test]
fn the_facts_of_each_door() {
    let google = "https://www.gstatic.com/iap/verify/public_key-jwk";
    let team = "https://team.cloudflareaccess.com/cdn-cgi/access/certs";
    let route = "https://monitoring.example.org/.well-known/pomerium/jwks.json";
    assert_eq!(Door::GoogleIap.keys_url("https://cloud.google.com/iap").as_deref(), Some(google));
    assert_eq!(Door::CloudflareAccess.keys_url(TEAM).as_deref(), Some(team));
    assert_eq!(Door::Pomerium.keys_url(ROUTE).as_deref(), Some(route));
    assert_eq!(Door::Pomerium.keys_url("https://monitoring.example.org/").as_deref(), Some(route));
    assert_eq!(Door::AwsAlb.keys_url(POOL), None);
    for door in Door::ALL {
        assert_eq!(door.check_issuer(issuer_of(door)), Ok(()), "{door:?}");
        assert_eq!(door.only_issuer().is_some(), door == Door::GoogleIap);
        assert_eq!(Door::of_field(door.field().to_uppercase().as_bytes()), Some(door));
        assert_eq!(Door::of_field(format!("{}x", door.field()).as_bytes()), None);
    }
    for (door, issuer) in [
        (Door::GoogleIap, "https://cloud.google.com/iap/"),
        (Door::GoogleIap, "https://accounts.google.com"),
        (Door::CloudflareAccess, "team.cloudflareaccess.com"),
        (Door::CloudflareAccess, "http://team.cloudflareaccess.com"),
        (Door::CloudflareAccess, "https://team.cloudflareaccess.com/"),
        (Door::CloudflareAccess, "https://.cloudflareaccess.com"),
        (Door::CloudflareAccess, "https://a.b.cloudflareaccess.com"),
        (Door::CloudflareAccess, "https://evil.org/.cloudflareaccess.com"),
        (Door::CloudflareAccess, "https://team.cloudflareaccess.com.evil.org"),
        (Door::AwsAlb, "http://idp.example.org"),
        (Door::AwsAlb, "https://"),
        (Door::AwsAlb, "https://user@idp.example.org"),
        (Door::Pomerium, "https://monitoring.example.org"),
        (Door::Pomerium, "http://monitoring.example.org/"),
        (Door::Pomerium, "monitoring.example.org/path"),
        (Door::Pomerium, "monitoring.example.org:443"),
        (Door::Pomerium, ""),
    ] {
        assert!(door.check_issuer(issuer).is_err(), "{door:?} {issuer}");
    }
}

#[test]
fn an_assertion_counts_only_from_where_the_issuer_says() {
    let certificate =
        |dns: &str| Certificate { dns: vec![dns.to_owned()], serial: "1".to_owned(), ..Certificate::default() };
    let (front, stranger) = (certificate("front.example.org"), certificate("stranger.example.org"));
    let by = |certificate| Origin { certificate: Some(certificate), ..OUTSIDE };
    let mapped = Origin { source: "::ffff:10.1.2.3".parse().unwrap(), certificate: None };
    let networks = || vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
    let names = || vec![NamePattern::parse(NameKind::Dns, "front.example.org").unwrap()];
    let inside_v6 = Origin { source: "2001:db8::1".parse().unwrap(), certificate: None };
    for (networks, certificates, origin, expected) in [
        (networks(), vec![], INSIDE, true),
        (networks(), vec![], mapped, true),
        (networks(), vec![], inside_v6, true),
        (networks(), vec![], OUTSIDE, false),
        (networks(), vec![], by(&front), false),
        (vec![], names(), by(&front), true),
        (vec![], names(), by(&stranger), false),
        (vec![], names(), INSIDE, false),
        (networks(), names(), by(&front), true),
        (networks(), names(), INSIDE, true),
        (networks(), names(), by(&stranger), false),
        (vec![], vec![], INSIDE, false),
        (vec![], vec![], by(&front), false),
    ] {
        let trusted = Trusted { networks, certificates };
        let name = format!("{trusted:?} {origin:?}");
        let verifier = Verifier::new(vec![IssuerSettings { trusted, ..settings(Door::Pomerium) }], 10);
        assert_eq!(verifier.trusts(Door::Pomerium, origin), expected, "{name}");
        assert!(!verifier.trusts(Door::GoogleIap, origin), "another door: {name}");
        let token = good_token(Door::Pomerium);
        let got = verifier.verify_assertion((Door::Pomerium, token.as_bytes()), origin, &[keys(Door::Pomerium)], now());
        assert_eq!(got.map(drop), if expected { Ok(()) } else { Err(TokenFault::UnknownIssuer) }, "{name}");
    }
}

#[test]
fn a34_what_is_remembered_from_one_place_is_not_good_from_another() {
    let verifier = Verifier::new(vec![settings(Door::Pomerium)], 10);
    let (token, keys) = (good_token(Door::Pomerium), [keys(Door::Pomerium)]);
    let ask = |origin| verifier.verify_assertion((Door::Pomerium, token.as_bytes()), origin, &keys, now());
    let (first, second) = (ask(INSIDE).unwrap(), ask(INSIDE).unwrap());
    assert!(Arc::ptr_eq(&first, &second), "it is remembered");
    assert_eq!(ask(OUTSIDE).map(drop), Err(TokenFault::UnknownIssuer));
}

#[test]
fn a34_an_assertion_is_no_bearer_token_and_the_other_way_round() {
    for door in Door::ALL {
        // The same issuer and key on both ways, as a load balancer has it with its identity provider.
        let bearer = IssuerSettings {
            name: "idp".to_owned(),
            issuer: issuer_of(door).to_owned(),
            ..mint::settings(Profile::Jwt)
        };
        let verifier = Verifier::new(vec![bearer, settings(door)], 10);
        let other = mint::live(&[mint::P384.jwk_with(&json!({ "kid": KID }))]);
        let own = keys(door);
        let assertion = good_token(door);
        let beside = |token: &str, keys: &[Option<LiveKeys>]| {
            verifier.verify_assertion((door, token.as_bytes()), INSIDE, keys, now()).map(|who| who.method())
        };
        let keys = [other, own.clone()];
        assert_eq!(beside(&assertion, &keys), Ok(Method::FrontDoor), "{door:?}");
        let got = verifier.verify(&assertion, &keys, now()).map(drop);
        assert!(got.is_err(), "{door:?}: remembered as an assertion, shown as a bearer token: {got:?}");

        let (signer, algorithm) = signer(door);
        let header = json!({ "alg": algorithm.label(), "kid": KID, "typ": "at+jwt" }).to_string();
        let claims = mint::with(good_claims(), &json!({ "iss": issuer_of(door) })).to_string();
        let token = signer.token(algorithm, &header, &claims);
        let keys = [own.clone(), own];
        assert_eq!(verifier.verify(&token, &keys, now()).map(|who| who.method()), Ok(Method::BearerJwt), "{door:?}");
        assert_eq!(beside(&token, &keys), Err(TokenFault::Type), "{door:?}: remembered as a bearer token");
    }
}

#[test]
fn a_door_alone_takes_no_bearer_tokens() {
    for door in Door::ALL {
        let verifier = Verifier::new(vec![settings(door)], 10);
        let got = verifier.verify(&good_token(door), &[keys(door)], now()).map(drop);
        let padded = if door == Door::AwsAlb { good_token(door).contains('=') } else { false };
        assert_eq!(got, Err(if padded { TokenFault::Encoding } else { TokenFault::UnknownIssuer }), "{door:?}");
        let mut bearer = settings(door);
        bearer.profile = Profile::Jwt;
        let verifier = Verifier::new(vec![bearer], 10);
        let got =
            verifier.verify_assertion((door, good_token(door).as_bytes()), INSIDE, &[keys(door)], now()).map(drop);
        assert_eq!(got, Err(TokenFault::UnknownIssuer), "{door:?}: its issuer is one of bearer tokens");
    }
}

#[test]
fn one_door_s_assertion_counts_in_no_other_door_s_field() {
    let verifier = Verifier::new(Door::ALL.map(settings).to_vec(), 10);
    let keys = Door::ALL.map(keys);
    for door in Door::ALL {
        for field in Door::ALL {
            let got = verifier.verify_assertion((field, good_token(door).as_bytes()), INSIDE, &keys, now()).map(drop);
            assert_eq!(got, if field == door { Ok(()) } else { Err(TokenFault::UnknownIssuer) }, "{door:?} {field:?}");
        }
    }
}

#[test]
fn of_two_issuers_of_one_door_the_one_that_is_meant_and_trusted_is_taken() {
    let second = IssuerSettings {
        name: "second".to_owned(),
        issuer: "second.example.org".to_owned(),
        trusted: Trusted { networks: vec!["192.0.2.0/24".parse().unwrap()], certificates: Vec::new() },
        ..settings(Door::Pomerium)
    };
    let verifier = Verifier::new(vec![settings(Door::Pomerium), second], 10);
    let keys = [keys(Door::Pomerium), keys(Door::Pomerium)];
    let (header, claims) = good(Door::Pomerium);
    let of_second = token(Door::Pomerium, &header, &mint::with(claims, &json!({ "iss": "second.example.org" })));
    let ask = |token: &str, origin| {
        let got = verifier.verify_assertion((Door::Pomerium, token.as_bytes()), origin, &keys, now());
        got.map(|who| who.issuer().to_owned())
    };
    assert_eq!(ask(&good_token(Door::Pomerium), INSIDE), Ok("pomerium".to_owned()));
    assert_eq!(ask(&of_second, OUTSIDE), Ok("second".to_owned()));
    assert_eq!(ask(&of_second, INSIDE), Err(TokenFault::UnknownIssuer));
    assert_eq!(ask(&good_token(Door::Pomerium), OUTSIDE), Err(TokenFault::UnknownIssuer));
}

#[test]
fn an_assertion_ends_remembered_or_not() {
    let verifier = Verifier::new(vec![settings(Door::Pomerium)], 10);
    let (token, keys) = (good_token(Door::Pomerium), [keys(Door::Pomerium)]);
    let at_second =
        |second| verifier.verify_assertion((Door::Pomerium, token.as_bytes()), INSIDE, &keys, at(second)).map(drop);
    assert_eq!((at_second(0), at_second(329), at_second(330)), (Ok(()), Ok(()), Err(TokenFault::Expired)));
}
