//! A, continued: the collected tokens, each sent over HTTP as a bearer token.

use serde::Deserialize;
use serde_json::json;

use crate::a_tokens::bench_with_weak_key;
use crate::support::answers::{denial, success};
use crate::support::bench::{Bench, bench};
use crate::support::client::request;
use crate::support::corpora::cases;
use crate::support::in_parallel;
use crate::support::pki::self_signed;
use crate::support::tokens::{AUDIENCE, Issuer, SigningKey, base64url, seal_hs256};
use crate::support::upstream::Upstream;

#[derive(Deserialize)]
struct JwtCase {
    id: String,
    header: String,
    claims: String,
    sign: String,
    want: u16,
}

const LEEWAY: i64 = 30;

/// The template with every placeholder filled in.
fn fill(template: &str, attacker: &SigningKey, port: u16) -> String {
    let url = &Issuer::shared().url;
    let jwk = attacker.jwk().to_string();
    let certificate = self_signed(&["attacker.test"]).certificate;
    let body: String = certificate.lines().filter(|line| !line.starts_with('-')).collect();
    let text = times(template)
        .replace("{ATTACKER_JWK}", &jwk)
        .replace("ATTACKER_JWK", &jwk)
        .replace("ATTACKER_CERT", &body)
        .replace("ISS_UPPERCASE", &url.to_uppercase())
        .replace("CLIENT_ID", "client-7")
        .replace("PORT", &port.to_string())
        .replace("ISS", url);
    text.replace("AUD", AUDIENCE)
}

/// `NOW`, followed by any number of `+n`, `-n`, `-LEEWAY`, as a number.
fn times(template: &str) -> String {
    let now = i64::try_from(crate::support::now()).unwrap();
    let mut parts = template.split("NOW");
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        let mut rest = part;
        let mut sum = now;
        let mut fraction = "";
        while let Some(sign) = rest.chars().next().filter(|char| ['+', '-'].contains(char)) {
            let term = &rest[1..];
            let (value, after) = if let Some(after) = term.strip_prefix("LEEWAY") {
                (LEEWAY, after)
            } else {
                let end = term.find(|char: char| !char.is_ascii_digit()).unwrap_or(term.len());
                (term[..end].parse().unwrap(), &term[end..])
            };
            sum += if sign == '+' { value } else { -value };
            rest = after;
        }
        if let Some(after) = rest.strip_prefix(".5") {
            (fraction, rest) = (".5", after);
        }
        text.push_str(&format!("{sum}{fraction}{rest}"));
    }
    text
}

/// An ASN.1 signature: what Java and OpenSSL make, and JOSE forbids.
fn der_of(fixed: &[u8]) -> Vec<u8> {
    let (r, s) = fixed.split_at(32);
    [&[0x30, 70, 2, 33, 0][..], r, &[2, 33, 0], s].concat()
}

/// The token of a case; `weak` is one signed with a published key that is too short.
fn token(case: &JwtCase, attacker: &SigningKey, other: &Issuer, weak: &str, port: u16) -> String {
    let (header, claims) = (fill(&case.header, attacker, port), fill(&case.claims, attacker, port));
    let issuer = Issuer::shared();
    let signed = format!("{}.{}", base64url(&header), base64url(&claims));
    let sealed = |signature: &[u8]| format!("{signed}.{}", base64url(signature));
    let message = signed.as_bytes();
    match case.sign.as_str() {
        "issuer-key k1 RS256" => issuer.key("k1").seal(&header, &claims),
        "ATTACKER key" => attacker.seal(&header, &claims),
        "empty signature" => sealed(b""),
        "64 zero bytes" => sealed(&[0; 64]),
        "1024-bit RSA key published in JWKS" => weak.to_owned(),
        sign if sign.starts_with("HMAC keyed with issuer public key") => {
            seal_hs256(&issuer.key("k1").rsa_public_info().0, &header, &claims)
        }
        sign if sign.starts_with("HMAC") => seal_hs256(b"", &header, &claims),
        sign if sign.starts_with("PS256") => sealed(&issuer.key("k1").sign_as("PS256", message)),
        sign if sign.starts_with("ASN.1") => sealed(&der_of(&issuer.key("e1").sign(message))),
        sign if sign.starts_with("key of configured issuer #2") => sealed(&other.key("k1").sign(message)),
        other => panic!("{}: nobody knows how to sign as {other:?}", case.id),
    }
}

#[test]
fn jwt_corpus() {
    let attacker = SigningKey::new("x", "RS256");
    let listener = Upstream::nats();
    let header = json!({ "alg": "RS256", "kid": "weak" }).to_string();
    let (bench, weak, other) = bench_with_weak_key(&header, &Issuer::shared().claims(&["viewer"]).to_string());
    let all: Vec<JwtCase> = cases("jwt-own/cases.ndjson");
    assert_eq!(all.len(), 102);
    in_parallel(&all, |case| {
        let token = token(case, &attacker, &other, &weak, listener.address().port());
        let exchange = bench.client.exchange(request("GET", "/varz", Some(&token), "").as_bytes());
        assert_eq!(exchange.responses.len(), 1, "{}: {exchange:?}", case.id);
        let oversized = case.want == 401 && token.len() > 8192 && exchange.status() == 431;
        if case.want == 200 {
            success(exchange.only(), &case.id);
        } else if !oversized {
            denial(exchange.only(), &[case.want], &case.id);
        }
    });
    assert_eq!(listener.connections(), 0, "a URL of a token was followed");
    let good = all.iter().filter(|case| case.want == 200).count();
    assert_eq!(bench.upstream.requests().len(), good);
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    token: String,
}

/// None of these may get in, and none may reach the upstream.
fn all_401(bench: &Bench, file: &str, count: usize) {
    let all: Vec<Vector> = cases(file);
    assert_eq!(all.len(), count);
    in_parallel(&all, |vector| {
        let exchange = bench.client.exchange(request("GET", "/varz", Some(&vector.token), "").as_bytes());
        let wanted: &[u16] = if vector.token.len() > 8192 { &[401, 431] } else { &[401] };
        assert_eq!(exchange.responses.len(), 1, "{}: {exchange:?}", vector.id);
        denial(exchange.only(), wanted, &vector.id);
    });
    bench.upstream.assert_untouched(file);
}

#[test]
fn a29_wycheproof_encrypted_tokens() {
    all_401(&bench(), "wycheproof-jose/jwe_all_must_be_rejected.ndjson", 173);
}

#[test]
fn a30_wycheproof_signed_tokens() {
    all_401(&bench(), "wycheproof-jose/jws.ndjson", 476);
}
