//! The case files: our own tokens, and Wycheproof's JWS and JWE.

use std::collections::BTreeMap;
use std::time::Duration;

use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use super::super::{Algorithm, IssuerSettings, KeySet, LiveKeys, Profile, TokenFault, Verifier, jwt};
use super::mint::{self, AUDIENCE, ISSUER, LEEWAY, NOW, OTHER_RSA, P256, RSA, Signer, corpus, now};

fn text<'case>(case: &'case Value, name: &str) -> &'case str {
    case[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {case}"))
}

/// Fills in a template.
fn fill(template: &str) -> String {
    let mut out = template
        .replace("{ATTACKER_JWK}", &OTHER_RSA.jwk().to_string())
        .replace("ISS_UPPERCASE", &ISSUER.to_uppercase())
        .replace("CLIENT_ID", "some-client")
        .replace("ISS", ISSUER)
        .replace("AUD", AUDIENCE)
        .replace("LEEWAY", &LEEWAY.to_string())
        .replace("PORT", "1");
    while let Some(start) = out.find("NOW") {
        let (value, length) = evaluate(&out[start + 3..]);
        out.replace_range(start..start + 3 + length, &value.to_string());
    }
    out
}

/// `+300-1` after `NOW`: the second it means, and how long it is.
fn evaluate(terms: &str) -> (u64, usize) {
    let (mut value, mut length) = (NOW, 0);
    loop {
        let rest = &terms[length..];
        let digits = rest.get(1..).unwrap_or("").bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 || !rest.starts_with(['+', '-']) {
            return (value, length);
        }
        let number: i64 = rest[..=digits].parse().unwrap();
        value = value.checked_add_signed(number).unwrap();
        length += digits + 1;
    }
}

/// All tokens of a case; more than one where it says "also".
fn tokens(case: &Value) -> Vec<String> {
    let (header, claims) = (fill(text(case, "header")), fill(text(case, "claims")));
    let token = |sign: &dyn Fn(&[u8]) -> Vec<u8>| mint::token(&header, &claims, sign);
    let hmac =
        |key: &[u8]| token(&|signed| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), signed).as_ref().to_vec());
    match text(case, "sign") {
        "issuer-key k1 RS256" => vec![RSA.token(Algorithm::Rs256, &header, &claims)],
        "ATTACKER key" | "key of configured issuer #2 with same kid k1" | "1024-bit RSA key published in JWKS" => {
            vec![OTHER_RSA.token(Algorithm::Rs256, &header, &claims)]
        }
        "PS256 with the RS256-only key (JWK alg=RS256)" => vec![RSA.token(Algorithm::Ps256, &header, &claims)],
        "empty signature" => vec![token(&|_| Vec::new()), token(&|_| vec![0])],
        "64 zero bytes" => vec![token(&|_| vec![0; 64])],
        "ASN.1/DER encoded signature instead of r||s" => vec![token(&der_signature)],
        "HMAC with empty key" => {
            ["", "secret", "password", "changeme", "your-256-bit-secret"].map(|key| hmac(key.as_bytes())).into()
        }
        "HMAC keyed with issuer public key PEM bytes (also DER, JWK text, n)" => {
            public_spellings().iter().map(|key| hmac(key)).collect()
        }
        other => panic!("unknown way to sign: {other}"),
    }
}

fn der_signature(signed: &[u8]) -> Vec<u8> {
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random)
        .unwrap()
        .sign(&random, signed)
        .unwrap()
        .as_ref()
        .to_vec()
}

/// The public key in every spelling that an attacker might use as a shared secret.
fn public_spellings() -> Vec<Vec<u8>> {
    let Signer::Rsa(pair) = &*RSA else { panic!() };
    let der = pair.public_key().as_ref().to_vec();
    let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &der);
    let pem = format!("-----BEGIN RSA PUBLIC KEY-----\n{body}\n-----END RSA PUBLIC KEY-----\n");
    let jwk = RSA.jwk_with(&json!({ "kid": "k1", "alg": "RS256" }));
    let n = jwk["n"].as_str().unwrap().as_bytes().to_vec();
    vec![pem.trim_end().as_bytes().to_vec(), pem.into_bytes(), der, jwk.to_string().into_bytes(), n]
}

/// Two issuers; the first publishes a weak key, too.
fn world(profile: Profile) -> (Verifier, [Option<LiveKeys>; 2]) {
    let second = IssuerSettings { issuer: "https://two.example.org".to_owned(), ..mint::settings(profile) };
    let verifier = Verifier::new(vec![mint::settings(profile), second], 10);
    let weak = mint::encode(&[0xc1; 128]);
    let document = mint::document(&[
        RSA.jwk_with(&json!({ "kid": "k1", "alg": "RS256", "use": "sig" })),
        P256.jwk_with(&json!({ "kid": "e1", "alg": "ES256" })),
        json!({ "kty": "RSA", "kid": "weak", "n": weak, "e": "AQAB" }),
    ]);
    let (set, skipped) = KeySet::parse(&document, &Algorithm::ALL).unwrap();
    assert_eq!(skipped.len(), 1);
    let stale_at = now().plus(Duration::from_hours(1));
    let first = Some(LiveKeys { set: set.into(), stale_at });
    (verifier, [first, mint::live(&[OTHER_RSA.jwk_with(&json!({ "kid": "k1" }))])])
}

/// What a bearer value leads to, as the edge does it.
fn judge(verifier: &Verifier, keys: &[Option<LiveKeys>], token: &str) -> Result<(), &'static str> {
    let value = format!("Bearer {token}");
    let token =
        super::credential::bearer([value.as_bytes()].into_iter()).map_err(super::super::CredentialFault::label)?;
    verifier.verify(token, keys, now()).map(drop).map_err(TokenFault::label)
}

/// The reason of every refusal in our own cases; what is not here gets in (roles are judged later).
const REASONS: &str = "
    token_crit: crit-unknown crit-b64-false crit-empty
    token_typ: typ-logout+jwt typ-dpop+jwt typ-secevent+jwt typ-token-introspection+jwt typ-JWE typ-empty
    token_not_access_token: id-token-as-access
    token_claim_missing: no-iss no-aud no-exp no-sub
    token_claim_malformed: iss-number iss-object iss-array aud-number aud-object aud-null aud-mixed aud-empty exp-string
        exp-neg exp-1e300 exp-1e19 exp-u64max exp-2^63 exp-null exp-true exp-array nbf-string
    token_unknown_issuer: iss-trailing-slash iss-upper iss-prefix
    token_audience: aud-prefix aud-csv
    token_expired: exp-past-61 exp-past-leeway+1
    token_lifetime: exp-over-max-lifetime
    token_not_yet_valid: nbf-future
    token_issued_in_future: iat-future
    token_duplicate_member: dup-exp dup-roles dup-roles-escaped dup-nested hdr-dup-alg hdr-dup-kid
    token_json: hdr-trailing hdr-bom hdr-array claims-array
    token_algorithm_unknown: alg-lower alg-list alg-null alg-none alg-None alg-NONE alg-nOnE alg-empty hs256-pubkey-pem
        hs256-empty
    token_kid_malformed: kid-number kid-empty kid-crlf
    token_unknown_key: kid-path kid-sqli kid-unknown rsa-1024
    token_header_parameter: zip cty-jwt jwk-embedded jku x5u x5c
    token_algorithm_of_key: ps256-on-rs-key
    token_signature: es256-zero es256-der wrong-issuer-key
    token_too_deep: claims-deep
    credential_malformed: kid-64k claims-5000-roles
    token_sender_constrained: cnf-x5t-without-mtls cnf-jkt-without-dpop cnf-unknown
";

fn reasons() -> BTreeMap<&'static str, &'static str> {
    let mut label = "";
    let mut reasons = BTreeMap::new();
    for word in REASONS.split_whitespace() {
        match word.strip_suffix(':') {
            Some(found) => label = found,
            None => assert!(reasons.insert(word, label).is_none(), "{word}"),
        }
    }
    reasons
}

#[test]
fn a02_to_a32_every_own_token_case_gets_its_answer() {
    let (verifier, keys) = world(Profile::Jwt);
    let mut reasons = reasons();
    let cases = corpus("jwt-own/cases.ndjson");
    assert_eq!(cases.len(), 102);
    for case in &cases {
        let id = text(case, "id");
        // 403 is the policy's word: the identity itself is good.
        let wanted = if case["want"] == 401 { Err(reasons.remove(id).unwrap_or("no reason listed")) } else { Ok(()) };
        for token in tokens(case) {
            let expected = if id == "claims-deep" && token.len() > super::super::MAX_TOKEN {
                Err("token_too_long")
            } else {
                wanted
            };
            let got = judge(&verifier, &keys, &token);
            // An empty signature fails as a part where the algorithm did not fail before.
            assert_eq!(got, expected, "{id}");
        }
    }
    assert_eq!(reasons, BTreeMap::new());
}

#[test]
fn the_strict_profile_refuses_no_less() {
    let (verifier, keys) = world(Profile::Rfc9068);
    let mut passed = Vec::new();
    for case in corpus("jwt-own/cases.ndjson") {
        for token in tokens(&case) {
            if judge(&verifier, &keys, &token).is_ok() {
                passed.push(text(&case, "id").to_owned());
            }
        }
    }
    assert_eq!(passed, ["ok", "typ-case"]);
}

/// Only the signature: strict reading, the key that is meant, its one algorithm.
fn signature(case: &Value) -> bool {
    let key = &case["key"];
    let document = if key.get("keys").is_some() { key.clone() } else { json!({ "keys": [key] }) };
    let Ok((set, _)) = KeySet::parse(document.to_string().as_bytes(), &Algorithm::ALL) else { return false };
    let read = jwt::split(text(case, "token"), jwt::Padding::Refused).and_then(jwt::Parts::read);
    read.and_then(|token| set.check(&token, 0)).is_ok()
}

#[test]
fn a30_every_wycheproof_signature_is_judged_as_expected() {
    let cases = corpus("wycheproof-jose/jws.ndjson");
    assert_eq!(cases.len(), 476);
    let mut accepted = 0;
    for case in &cases {
        let valid = signature(case);
        assert_eq!(valid, text(case, "verifier_expect") == "valid", "{} {}", text(case, "id"), text(case, "comment"));
        accepted += usize::from(valid);
    }
    assert_eq!(accepted, 35);
}

#[test]
fn a30_no_wycheproof_token_gets_in() {
    for case in corpus("wycheproof-jose/jws.ndjson") {
        let key = &case["key"];
        let document = if key.get("keys").is_some() { key.clone() } else { json!({ "keys": [key] }) };
        let set = KeySet::parse(document.to_string().as_bytes(), &Algorithm::ALL).ok();
        let keys = [set.map(|(set, _)| LiveKeys { set: set.into(), stale_at: now().plus(Duration::from_mins(1)) })];
        assert!(judge(&mint::verifier(Profile::Jwt), &keys, text(&case, "token")).is_err(), "{}", text(&case, "id"));
    }
}

#[test]
fn a29_every_wycheproof_jwe_is_refused() {
    let (verifier, keys) = world(Profile::Jwt);
    let cases = corpus("wycheproof-jose/jwe_all_must_be_rejected.ndjson");
    assert_eq!(cases.len(), 173);
    for case in &cases {
        let token = case["token"].as_str().map_or_else(|| case["token"].to_string(), str::to_owned);
        assert!(judge(&verifier, &keys, &token).is_err(), "{}", text(case, "id"));
        assert!(verifier.verify(&token, &keys, now()).is_err(), "{}", text(case, "id"));
    }
}
