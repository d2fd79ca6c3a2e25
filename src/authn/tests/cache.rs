//! What is remembered of good tokens, and for how long.

use std::time::Duration;

use serde_json::json;

use super::super::{Algorithm, LiveKeys, Profile, TokenFault, Verifier};
use super::mint::{self, LEEWAY, NOW, P256, P384, at, good_claims, now};
use std::sync::Arc;

const HEADER: &str = r#"{"alg":"ES256","kid":"e1","typ":"at+jwt"}"#;

fn good() -> String {
    P256.token(Algorithm::Es256, HEADER, &good_claims().to_string())
}

fn keys() -> [Option<LiveKeys>; 1] {
    [mint::live(&[P256.jwk_with(&json!({ "kid": "e1" }))])]
}

#[test]
fn a_good_token_is_remembered() {
    let (verifier, keys, token) = (mint::verifier(Profile::Rfc9068), keys(), good());
    let first = verifier.verify(&token, &keys, now()).unwrap();
    let second = verifier.verify(&token, &keys, at(1)).unwrap();
    assert!(Arc::ptr_eq(&first, &second));
}

#[test]
fn a_remembered_token_ends_when_a_fresh_verification_would_end_it() {
    let (verifier, keys, token) = (mint::verifier(Profile::Rfc9068), keys(), good());
    let end = 300 + i64::try_from(LEEWAY).unwrap();
    let first = verifier.verify(&token, &keys, now()).unwrap();
    assert!(Arc::ptr_eq(&first, &verifier.verify(&token, &keys, at(end - 1)).unwrap()));
    assert_eq!(verifier.verify(&token, &keys, at(end)).map(drop), Err(TokenFault::Expired));
}

#[test]
fn a_remembered_token_does_not_outlive_its_keys() {
    let (verifier, token) = (mint::verifier(Profile::Rfc9068), good());
    verifier.verify(&token, &keys(), now()).unwrap();
    let other = [mint::live(&[P384.jwk_with(&json!({ "kid": "e1" }))])];
    assert_eq!(verifier.verify(&token, &other, now()).map(drop), Err(TokenFault::AlgorithmOfKey));
    let renamed = [mint::live(&[P256.jwk_with(&json!({ "kid": "e2" }))])];
    assert_eq!(verifier.verify(&token, &renamed, now()).map(drop), Err(mint::unknown_key(Some("e1"))));
    assert_eq!(verifier.verify(&token, &[None], now()).map(drop), Err(TokenFault::KeysMissing { issuer: 0 }));
    assert_eq!(verifier.verify(&token, &[], now()).map(drop), Err(TokenFault::KeysMissing { issuer: 0 }));
    let [Some(live)] = keys() else { panic!() };
    let stale = [Some(LiveKeys { stale_at: now(), ..live })];
    assert_eq!(verifier.verify(&token, &stale, now()).map(drop), Err(TokenFault::KeysMissing { issuer: 0 }));
    verifier.verify(&token, &keys(), now()).unwrap();
}

#[test]
fn the_same_document_fetched_again_keeps_what_is_remembered() {
    let (verifier, token) = (mint::verifier(Profile::Rfc9068), good());
    let first = verifier.verify(&token, &keys(), now()).unwrap();
    let second = verifier.verify(&token, &keys(), now()).unwrap();
    assert!(Arc::ptr_eq(&first, &second));
}

#[test]
fn a_changed_set_verifies_anew_and_remembers_anew() {
    let (verifier, token) = (mint::verifier(Profile::Rfc9068), good());
    let both = [mint::live(&[P256.jwk_with(&json!({ "kid": "e1" })), P384.jwk_with(&json!({ "kid": "e2" }))])];
    let first = verifier.verify(&token, &keys(), now()).unwrap();
    let second = verifier.verify(&token, &both, now()).unwrap();
    assert!(!Arc::ptr_eq(&first, &second));
    assert!(Arc::ptr_eq(&second, &verifier.verify(&token, &both, now()).unwrap()));
}

#[test]
fn a_bad_token_is_not_remembered() {
    let (verifier, keys) = (mint::verifier(Profile::Rfc9068), keys());
    let early = mint::with(good_claims(), &json!({ "nbf": NOW + 100 })).to_string();
    let token = P256.token(Algorithm::Es256, HEADER, &early);
    assert_eq!(verifier.verify(&token, &keys, now()).map(drop), Err(TokenFault::NotYetValid));
    verifier.verify(&token, &keys, at(100)).unwrap();
}

#[test]
fn a_token_that_differs_in_one_character_is_another_token() {
    let (verifier, keys, token) = (mint::verifier(Profile::Rfc9068), keys(), good());
    verifier.verify(&token, &keys, now()).unwrap();
    for position in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(bytes).unwrap();
        assert!(verifier.verify(&other, &keys, now()).is_err(), "{position}");
    }
}

#[test]
fn a34_two_verifiers_share_nothing() {
    let (first, keys, token) = (mint::verifier(Profile::Rfc9068), keys(), good());
    first.verify(&token, &keys, now()).unwrap();
    let mut settings = mint::settings(Profile::Rfc9068);
    settings.audiences = vec!["another-service".to_owned()];
    let second = Verifier::new(vec![settings], 100);
    assert_eq!(second.verify(&token, &keys, now()).map(drop), Err(TokenFault::Audience));
}

#[test]
fn what_is_remembered_is_bounded_and_may_be_nothing() {
    let keys = keys();
    for entries in [0, 1, 4] {
        let verifier = Verifier::new(vec![mint::settings(Profile::Rfc9068)], entries);
        for number in 0..50 {
            let claims = mint::with(good_claims(), &json!({ "jti": format!("j{number}") })).to_string();
            let token = P256.token(Algorithm::Es256, HEADER, &claims);
            verifier.verify(&token, &keys, now()).unwrap();
        }
        assert!(verifier.remembered() <= entries.max(1), "{entries}: {}", verifier.remembered());
    }
}

#[test]
fn nothing_that_holds_tokens_or_keys_prints_them() {
    let (verifier, keys, token) = (mint::verifier(Profile::Rfc9068), keys(), good());
    verifier.verify(&token, &keys, now()).unwrap();
    let printed = format!("{verifier:?} {keys:?}");
    assert!(!printed.contains("u1") && !printed.contains(P256.jwk()["x"].as_str().unwrap()), "{printed}");
    assert!(keys[0].as_ref().unwrap().at(now().plus(Duration::from_hours(24))).is_none());
}
