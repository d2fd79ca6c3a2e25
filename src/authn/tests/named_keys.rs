//! Keys that are learned by name, with time as a number.

use std::time::Duration;

use rcgen::{KeyPair, PublicKeyData as _};
use ring::signature::EcdsaKeyPair;
use serde_json::json;

use super::super::{
    Algorithm, Fate, KeyLife, KeyName, MAX_NAMED, NamedKeys, Profile, RefreshBudget, Refused, RingSettings, SkipReason,
    TokenFault, Wanted, Wish,
};
use super::mint::{self, Signer, at, good_claims};

const HOUR: i64 = 3600;
const MAX_STALE: i64 = 24 * HOUR;

fn settings() -> RingSettings {
    RingSettings {
        refresh: Duration::from_hours(1),
        max_stale: Duration::from_hours(24),
        algorithms: vec![Algorithm::Es256],
    }
}

fn keys() -> NamedKeys {
    NamedKeys::new(settings())
}

fn kid(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

fn name(number: usize) -> KeyName {
    KeyName::of(Some(&kid(number)), Algorithm::Es256)
}

fn pem() -> String {
    KeyPair::generate().unwrap().public_key_pem()
}

fn want(keys: &mut NamedKeys, offset: i64, number: usize) -> Result<Wish, Refused> {
    keys.want(at(offset), name(number), &mut RefreshBudget::default())
}

/// Asks for the key, fetches it, and has `pem` for an answer.
fn learn(keys: &mut NamedKeys, offset: i64, number: usize, pem: &str) {
    assert_eq!(want(keys, offset, number), Ok(Wish::Granted), "{number}");
    assert_eq!(keys.attempt(at(offset)), Some(name(number)));
    assert_eq!(keys.succeeded(at(offset), pem.as_bytes(), None), Ok(true));
}

fn fail(keys: &mut NamedKeys, offset: i64) {
    assert!(keys.attempt(at(offset)).is_some());
    keys.failed(at(offset));
}

fn due(keys: &NamedKeys, offset: i64) -> i64 {
    i64::try_from(keys.next_fetch(at(offset)).as_secs()).unwrap() - i64::try_from(mint::NOW).unwrap()
}

#[test]
fn nothing_is_fetched_before_a_token_names_a_key() {
    let mut keys = keys();
    assert_eq!(due(&keys, 0), 24 * HOUR);
    assert_eq!(keys.attempt(at(0)), None);
    assert_eq!(keys.keys().at(at(1_000_000)).unwrap().count(), 0, "no keys are no outage");
    assert_eq!(keys.fetched_at(), None);
}

#[test]
fn a_key_is_learned_by_name_and_verifies_tokens_that_name_it() {
    let pair = KeyPair::generate().unwrap();
    let random = ring::rand::SystemRandom::new();
    let algorithm = &ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
    let signer = Signer::P256(EcdsaKeyPair::from_pkcs8(algorithm, pair.serialized_der(), &random).unwrap());
    let header = json!({ "alg": "ES256", "kid": kid(1) }).to_string();
    let token = signer.token(Algorithm::Es256, &header, &good_claims().to_string());
    let verifier = mint::verifier(Profile::Jwt);
    let mut keys = keys();
    let judged = |keys: &NamedKeys| verifier.verify(&token, &[Some(keys.keys())], at(0)).map(drop);
    assert_eq!(judged(&keys), Err(TokenFault::UnknownKey { issuer: 0, key: name(1) }));
    assert_eq!(want(&mut keys, 0, 1), Ok(Wish::Granted));
    assert_eq!(due(&keys, 0), 0);
    assert_eq!(keys.fate(name(1), at(0)), Fate::Open);
    assert_eq!(keys.attempt(at(0)), Some(name(1)));
    assert_eq!(keys.succeeded(at(0), pair.public_key_pem().as_bytes(), None), Ok(true));
    assert_eq!(keys.fate(name(1), at(0)), Fate::Held);
    assert_eq!(judged(&keys), Ok(()));
    assert_eq!(pair.der_bytes().len(), 65);
    // The same text under another name is another key.
    learn(&mut keys, 1, 2, &pair.public_key_pem());
    assert_eq!(keys.keys().set.count(), 2);
    assert_eq!(judged(&keys), Ok(()), "it grows without losing what it had");
}

#[test]
fn a_name_that_is_no_uuid_is_never_fetched() {
    let mut keys = keys();
    let mut budget = RefreshBudget::default();
    for kid in [
        "",
        "k1",
        "../x",
        "../../../latest",
        "00000000-0000-4000-8000-00000000000",
        "00000000-0000-4000-8000-00000000000A",
        "00000000-0000-4000-8000-00000000000g",
        "00000000-0000-4000-8000-000000000001/x",
        "00000000-0000-4000-8000-000000000001-",
        "00000000-0000-4000-800000000001-",
        "00000000000040008000000000000001",
    ] {
        let name = KeyName::of(Some(kid), Algorithm::Es256);
        assert_eq!(keys.want(at(0), name, &mut budget), Err(Refused::Absent), "{kid}");
    }
    assert_eq!(keys.want(at(0), KeyName::of(None, Algorithm::Es256), &mut budget), Err(Refused::Absent));
    assert_eq!(keys.attempt(at(0)), None);
}

#[test]
fn a_key_that_the_issuer_does_not_have_is_not_asked_for_again_within_a_minute() {
    let mut keys = keys();
    want(&mut keys, 0, 1).unwrap();
    keys.attempt(at(0));
    assert!(!keys.gone(at(0)));
    assert_eq!(keys.fate(name(1), at(0)), Fate::Absent);
    assert_eq!(want(&mut keys, 59, 1), Err(Refused::Absent));
    assert_eq!(want(&mut keys, 59, 2), Ok(Wish::Granted));
    assert_eq!(want(&mut keys, 60, 1), Ok(Wish::Granted));
}

#[test]
fn b07_a_flood_of_names_is_bounded_here_and_over_all_issuers() {
    let mut keys = keys();
    let mut fetches = 0;
    for second in 0..60 {
        for number in 0..100 {
            let _ = want(&mut keys, second, usize::try_from(second).unwrap() * 100 + number);
        }
        while keys.next_fetch(at(second)) <= at(second) {
            keys.attempt(at(second)).unwrap();
            keys.gone(at(second));
            fetches += 1;
        }
    }
    assert_eq!(fetches, MAX_NAMED);
    assert_eq!(want(&mut keys, 59, 1_000_000), Err(Refused::Issuer));
    let mut budget = RefreshBudget::new(0, Duration::from_mins(1));
    assert_eq!(self::keys().want(at(0), name(1), &mut budget), Err(Refused::Overall));
}

#[test]
fn whoever_asks_for_the_same_key_waits_for_the_same_fetch() {
    let mut keys = keys();
    assert_eq!(want(&mut keys, 0, 1), Ok(Wish::Granted));
    assert_eq!(want(&mut keys, 0, 1), Ok(Wish::Joined));
    assert_eq!(want(&mut keys, 0, 2), Ok(Wish::Granted));
    assert_eq!(keys.attempt(at(0)), Some(name(1)));
    assert_eq!(want(&mut keys, 0, 1), Ok(Wish::Joined), "while it is under way");
    keys.succeeded(at(0), pem().as_bytes(), None).unwrap();
    assert_eq!((keys.fate(name(1), at(0)), keys.fate(name(2), at(0))), (Fate::Held, Fate::Open));
    assert_eq!(keys.attempt(at(0)), Some(name(2)));
    keys.failed(at(0));
    assert_eq!(keys.fate(name(2), at(0)), Fate::Unknown);
    assert_eq!(keys.keys().set.count(), 1, "the failure of one is not that of the other");
}

#[test]
fn while_the_issuer_does_not_answer_it_is_left_alone_between_attempts() {
    let mut keys = keys();
    let mut offset = 0;
    for pause in [1, 2, 4, 8, 16, 32, 60] {
        want(&mut keys, offset, 1).unwrap();
        fail(&mut keys, offset);
        assert_eq!(want(&mut keys, offset + pause - 1, 1), Err(Refused::Failing), "{pause}");
        offset += pause;
    }
    assert_eq!(want(&mut keys.clone(), offset, 1), Ok(Wish::Granted));
    assert_eq!(want(&mut keys, -86_400, 1), Ok(Wish::Granted), "also after the clock was set back");
}

#[test]
fn a_held_key_is_fetched_again_from_time_to_time_and_goes_when_it_is_gone() {
    let (first, second) = (pem(), pem());
    let mut keys = keys();
    learn(&mut keys, 0, 1, &first);
    assert_eq!(due(&keys, 0), HOUR);
    assert_eq!(keys.attempt(at(HOUR)), Some(name(1)));
    assert_eq!(keys.succeeded(at(HOUR), first.as_bytes(), Some(Duration::from_mins(10))), Ok(false));
    assert_eq!(due(&keys, HOUR), HOUR + 600, "what the answer says");
    assert_eq!(keys.attempt(at(HOUR + 600)), Some(name(1)));
    assert_eq!(keys.succeeded(at(HOUR + 600), second.as_bytes(), Some(Duration::ZERO)), Ok(true));
    assert_eq!(due(&keys, HOUR + 600), HOUR + 660, "B16: clamped");
    assert_eq!(keys.attempt(at(HOUR + 660)), Some(name(1)));
    assert!(keys.gone(at(HOUR + 660)));
    assert_eq!(keys.keys().set.count(), 0);
    assert_eq!(want(&mut keys, HOUR + 661, 1), Err(Refused::Absent));
}

#[test]
fn b02_a_held_key_serves_until_max_stale_and_is_then_nobody_knows() {
    let mut keys = keys();
    learn(&mut keys, 0, 1, &pem());
    let mut offset = due(&keys, 0);
    while offset < MAX_STALE {
        assert!(keys.keys().at(at(offset)).is_some());
        fail(&mut keys, offset);
        assert!(due(&keys, offset) > offset);
        offset = due(&keys, offset);
    }
    assert!(keys.keys().at(at(MAX_STALE - 1)).is_some());
    assert!(keys.keys().at(at(MAX_STALE)).is_none());
    assert_eq!(keys.attempt(at(offset)), None, "nobody asks for it any more");
    assert_eq!((keys.keys().set.count(), keys.fate(name(1), at(offset))), (0, Fate::Unknown));
    assert_eq!(want(&mut keys, offset + 60, 1), Ok(Wish::Granted));
}

#[test]
fn at_most_eight_are_held_and_the_first_makes_room() {
    let mut keys = keys();
    for number in 0..=MAX_NAMED {
        learn(&mut keys, i64::try_from(number).unwrap() * 60, number, &pem());
    }
    assert_eq!(keys.keys().set.count(), MAX_NAMED);
    assert_eq!((keys.fate(name(0), at(600)), keys.fate(name(1), at(600))), (Fate::Unknown, Fate::Held));
}

#[test]
fn what_is_no_key_is_a_failure_and_not_the_word_that_there_is_none() {
    let mut keys = keys();
    want(&mut keys, 0, 1).unwrap();
    keys.attempt(at(0));
    assert_eq!(keys.succeeded(at(0), b"<html>", None), Err(SkipReason::Encoding));
    assert_eq!(keys.fate(name(1), at(0)), Fate::Unknown);
    let other = RingSettings { algorithms: vec![Algorithm::Rs256], ..settings() };
    let mut keys = NamedKeys::new(other);
    want(&mut keys, 0, 1).unwrap();
    keys.attempt(at(0));
    assert_eq!(keys.succeeded(at(0), pem().as_bytes(), None), Err(SkipReason::AlgorithmNotAllowed));
}

#[test]
fn whoever_takes_over_asks_anew_for_what_was_under_way() {
    let mut keys = keys();
    want(&mut keys, 0, 1).unwrap();
    want(&mut keys, 0, 2).unwrap();
    keys.attempt(at(0));
    let mut successor = keys.taken_over();
    assert_eq!(successor.fate(name(1), at(0)), Fate::Unknown);
    assert_eq!(successor.attempt(at(0)), Some(name(2)));
}

#[test]
fn both_kinds_of_lives_have_one_face() {
    let mut life = KeyLife::from(keys());
    let mut budget = RefreshBudget::default();
    assert_eq!(life.attempt(at(0)), None);
    assert_eq!(life.want(at(0), name(1), &mut budget), Ok(Wish::Granted));
    assert_eq!(life.attempt(at(0)), Some(Wanted::Key(name(1))));
    assert_eq!(life.succeeded(at(0), pem().as_bytes(), None), Ok(true));
    assert_eq!((life.keys().unwrap().set.count(), life.fetched_at(), life.skipped()), (1, Some(at(0)), 0));
    let mut set = KeyLife::from(super::super::KeyRing::new(settings()));
    assert_eq!(set.attempt(at(0)), Some(Wanted::Set));
    assert!(!set.gone(at(0)), "a set that is gone is an outage");
    assert_eq!(set.succeeded(at(1), b"{}", None), Err("key_set_shape"));
    assert!(set.keys().is_none());
}
