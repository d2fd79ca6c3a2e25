//! The keys of an issuer over time, with time as a number.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::{Algorithm, KeyRing, KeySetFault, Profile, RingSettings, TokenFault};
use super::mint::{self, ED25519, P256, P384, at, document, good_claims};
use crate::types::UnixTime;

const REFRESH: u64 = 300;
const MAX_STALE: u64 = 24 * 3600;

fn ring_without_keys() -> KeyRing {
    KeyRing::new(RingSettings {
        refresh: Duration::from_secs(REFRESH),
        max_stale: Duration::from_secs(MAX_STALE),
        algorithms: Algorithm::ALL.to_vec(),
    })
}

fn k1() -> Value {
    P256.jwk_with(&json!({ "kid": "k1" }))
}

fn k2() -> Value {
    P384.jwk_with(&json!({ "kid": "k2" }))
}

fn fetch(ring: &mut KeyRing, offset: i64, body: &[u8]) -> Result<bool, KeySetFault> {
    ring.attempt(at(offset));
    ring.succeeded(at(offset), body, None)
}

/// A ring that has fetched `k1` at 0, long after anything else.
fn ready() -> KeyRing {
    let mut ring = ring_without_keys();
    assert_eq!(fetch(&mut ring, 0, &document(&[k1()])), Ok(true));
    ring
}

fn fail(ring: &mut KeyRing, offset: i64) {
    ring.attempt(at(offset));
    ring.failed(at(offset));
}

fn due(ring: &KeyRing, offset: i64) -> i64 {
    let next = ring.next_fetch(at(offset));
    i64::try_from(next.as_secs()).unwrap() - i64::try_from(mint::NOW).unwrap()
}

#[test]
fn b01_without_an_answer_there_are_no_keys_and_no_default() {
    let mut ring = ring_without_keys();
    assert!(ring.next_fetch(at(0)) <= at(0));
    for offset in [0, 1, 3, 100] {
        fail(&mut ring, offset);
        assert!(ring.keys().is_none());
        assert!(!ring.want_refresh(at(offset)));
    }
    let token = P256.token(Algorithm::Es256, r#"{"alg":"ES256","kid":"k1"}"#, &good_claims().to_string());
    let got = mint::verifier(Profile::Jwt).verify(&token, &[ring.keys()], at(0)).map(drop);
    assert_eq!(got, Err(TokenFault::KeysMissing { issuer: 0 }));
    fetch(&mut ring, 200, &document(&[k1()])).unwrap();
    assert!(ring.keys().is_some());
}

#[test]
fn b02_keys_serve_until_max_stale_and_not_a_moment_longer() {
    let mut ring = ready();
    let mut offset = 300;
    while offset < 2 * 86_400 {
        fail(&mut ring, offset);
        offset = due(&ring, offset);
    }
    let live = ring.keys().unwrap();
    let end = i64::try_from(MAX_STALE).unwrap();
    assert!(live.at(at(end - 1)).is_some());
    assert!(live.at(at(end)).is_none());
    fetch(&mut ring, offset, &document(&[k1()])).unwrap();
    assert!(ring.keys().unwrap().at(at(offset)).is_some());
}

#[test]
fn pauses_after_failures_double_up_to_a_minute() {
    let mut ring = ready();
    let mut times = vec![300];
    for _ in 0..7 {
        let last = *times.last().unwrap();
        fail(&mut ring, last);
        times.push(due(&ring, last));
    }
    let pauses: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses, [5, 10, 20, 40, 60, 60, 60]);
    let mut empty = ring_without_keys();
    let mut times = vec![0];
    for _ in 0..7 {
        let last = *times.last().unwrap();
        fail(&mut empty, last);
        times.push(due(&empty, last));
    }
    let pauses: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60]);
}

#[test]
fn a_fetch_that_is_never_heard_of_again_is_followed_by_another() {
    let mut ring = ready();
    ring.attempt(at(300));
    assert_eq!(due(&ring, 300), 305);
    ring.attempt(at(305));
    assert_eq!(due(&ring, 305), 315);
    // The pause counts from the end of a failed fetch, when that is known.
    ring.failed(at(310));
    assert_eq!(due(&ring, 310), 320);
    fetch(&mut ring, 320, &document(&[k1()])).unwrap();
    assert_eq!(due(&ring, 320), 620);
}

#[test]
fn b06_rotation_is_followed_without_a_gap() {
    let mut ring = ready();
    let counts = |ring: &KeyRing| ring.keys().unwrap().set.count();
    assert_eq!(due(&ring, 0), 300);
    assert_eq!(fetch(&mut ring, 300, &document(&[k1(), k2()])), Ok(true));
    assert_eq!(counts(&ring), 2);
    assert_eq!(fetch(&mut ring, 600, &document(&[k2()])), Ok(true));
    assert_eq!(counts(&ring), 1);
    // A token of a new key arrives before the next refresh: one fetch, at once.
    assert!(ring.want_refresh(at(700)));
    assert_eq!(due(&ring, 700), 700);
    assert_eq!(fetch(&mut ring, 700, &document(&[k2(), k1()])), Ok(true));
    assert_eq!(counts(&ring), 2);
}

#[test]
fn an_unchanged_document_keeps_the_set_and_prolongs_it() {
    let mut ring = ready();
    let first = ring.keys().unwrap();
    assert_eq!(fetch(&mut ring, 300, &document(&[k1()])), Ok(false));
    let second = ring.keys().unwrap();
    assert!(std::sync::Arc::ptr_eq(&first.set, &second.set));
    assert_eq!(second.stale_at.since(first.stale_at), Duration::from_mins(5));
}

/// Fetches during `seconds` of a storm of unknown keys; `answer` is what the issuer says.
fn storm(ring: &mut KeyRing, start: UnixTime, seconds: u64, answer: Option<&[u8]>) -> usize {
    let mut fetches = 0;
    for millis in 0..seconds * 1000 {
        let now = start.plus(Duration::from_millis(millis));
        for _ in 0..10 {
            ring.want_refresh(now);
        }
        if ring.next_fetch(now) <= now {
            fetches += 1;
            ring.attempt(now);
            match answer {
                Some(body) => drop(ring.succeeded(now, body, None)),
                None => ring.failed(now),
            }
        }
    }
    fetches
}

#[test]
fn b07_a_storm_of_unknown_keys_causes_two_fetches_at_most() {
    let body = document(&[k1()]);
    for (what, answer) in [("good", Some(body.as_slice())), ("bad", Some(b"{}".as_slice())), ("none", None)] {
        // Calm before; just after a fetch; just before the next one is due.
        for offset in [200, 1, 295] {
            let mut ring = ready();
            let fetches = storm(&mut ring, at(offset), 10, answer);
            assert!((1..=2).contains(&fetches), "{what} {offset}: {fetches}");
        }
    }
    let mut ring = ready();
    assert!(storm(&mut ring, at(100), 600, Some(&body)) <= 20);
}

#[test]
fn one_grant_is_one_fetch() {
    let mut ring = ready();
    assert!(ring.want_refresh(at(100)));
    assert!(!ring.want_refresh(at(100)));
    ring.attempt(at(100));
    assert!(!ring.want_refresh(at(100)), "while it is under way");
    ring.succeeded(at(101), &document(&[k1()]), None).unwrap();
    assert!(ring.want_refresh(at(101)));
    ring.attempt(at(101));
    ring.succeeded(at(102), &document(&[k1()]), None).unwrap();
    assert!(!ring.want_refresh(at(159)));
    assert!(ring.want_refresh(at(160)));
}

#[test]
fn while_the_issuer_fails_unknown_keys_cause_nothing() {
    let mut ring = ready();
    fail(&mut ring, 300);
    assert!(!ring.want_refresh(at(301)));
    assert_eq!(due(&ring, 301), 305);
}

#[test]
fn b08_bad_answers_keep_the_old_keys() {
    let mut ring = ready();
    let old = ring.keys().unwrap();
    for (offset, body) in [(300, "<html>"), (305, "{}"), (315, "{\"keys\":{}}"), (335, "{\"keys\":[]}"), (375, "[]")] {
        assert!(fetch(&mut ring, offset, body.as_bytes()).is_err(), "{body}");
        let live = ring.keys().unwrap();
        assert!(std::sync::Arc::ptr_eq(&old.set, &live.set));
        assert_eq!(live.stale_at, old.stale_at, "a bad answer must not prolong");
        assert!(due(&ring, offset) > offset);
    }
}

#[test]
fn b08_answers_that_alternate_between_good_and_empty_stop_nobody() {
    let mut ring = ready();
    for round in 1..20 {
        let offset = round * 300;
        let body = if round % 2 == 0 { document(&[k1()]) } else { document(&[]) };
        assert_eq!(fetch(&mut ring, offset, &body).is_ok(), round % 2 == 0);
        assert_eq!(ring.keys().unwrap().at(at(offset)).unwrap().count(), 1);
    }
}

#[test]
fn b09_b17_a_bad_key_is_told_and_the_good_ones_work() {
    let mut ring = ring_without_keys();
    let secret = json!({ "kty": "oct", "kid": "s", "k": "c2VjcmV0" });
    fetch(&mut ring, 0, &document(&[secret, k1(), ED25519.jwk_with(&json!({ "use": "enc" }))])).unwrap();
    assert_eq!(ring.keys().unwrap().set.count(), 1);
    let told: Vec<String> = ring.skipped().iter().map(ToString::to_string).collect();
    assert_eq!(told, ["key 0 (`s`) is a shared secret", "key 2 its `use` is not `sig`"]);
    fetch(&mut ring, 300, &document(&[k1()])).unwrap();
    assert_eq!(ring.skipped(), []);
}

#[test]
fn b16_max_age_is_clamped() {
    let day = 86_400;
    for (max_age, expected) in
        [(None, 300), (Some(0), 60), (Some(59), 60), (Some(61), 61), (Some(3600), 3600), (Some(31_536_000), day / 2)]
    {
        let mut ring = ring_without_keys();
        ring.attempt(at(0));
        ring.succeeded(at(0), &document(&[k1()]), max_age.map(Duration::from_secs)).unwrap();
        assert_eq!(due(&ring, 0), expected, "{max_age:?}");
    }
    // With more patience, a day is the most.
    let mut patient = KeyRing::new(RingSettings {
        refresh: Duration::from_mins(5),
        max_stale: Duration::from_hours(30 * 24),
        algorithms: Algorithm::ALL.to_vec(),
    });
    patient.attempt(at(0));
    patient.succeeded(at(0), &document(&[k1()]), Some(Duration::from_hours(365 * 24))).unwrap();
    assert_eq!(due(&patient, 0), day);
}

#[test]
fn b18_keys_that_share_a_kid_keep_the_old_set_when_none_is_left() {
    let mut ring = ready();
    let twins = document(&[P384.jwk_with(&json!({ "kid": "x" })), ED25519.jwk_with(&json!({ "kid": "x" }))]);
    assert!(matches!(fetch(&mut ring, 300, &twins), Err(KeySetFault::NoUsableKey { skipped }) if skipped.len() == 2));
    assert_eq!(ring.keys().unwrap().set.count(), 1);
}

#[test]
fn a_clock_that_is_set_back_does_not_put_fetches_off_for_long() {
    let ring = ready();
    let back = UnixTime::from_secs(mint::NOW - 30 * 86_400);
    assert!(ring.next_fetch(back).since(back) <= Duration::from_hours(24));
}
