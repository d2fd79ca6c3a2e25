//! The keys of an issuer over time, with time as a number.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::{
    Algorithm, KeyName, KeyRing, KeySetFault, MAX_ABSENT, Profile, RefreshBudget, Refused, RingSettings, TokenFault,
    Wish,
};
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

fn name(kid: &str) -> KeyName {
    KeyName::of(Some(kid), Algorithm::Es256)
}

/// A token that names `kid`; other issuers spend nothing.
fn want(ring: &mut KeyRing, offset: i64, kid: &str) -> Result<Wish, Refused> {
    ring.want_refresh(at(offset), name(kid), &mut RefreshBudget::default())
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
        assert_eq!(want(&mut ring, offset, "k1"), Err(Refused::Failing));
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
    assert_eq!(want(&mut ring, 700, "k1"), Ok(Wish::Granted));
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
    let (mut fetches, mut budget) = (0, RefreshBudget::new(usize::MAX, Duration::from_mins(1)));
    for millis in (0..seconds * 1000).step_by(20) {
        let now = start.plus(Duration::from_millis(millis));
        for number in 0..10 {
            let _ = ring.want_refresh(now, name(&format!("{millis}-{number}")), &mut budget);
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
    assert_eq!(want(&mut ring, 100, "a"), Ok(Wish::Granted));
    assert_eq!(want(&mut ring, 100, "b"), Ok(Wish::Joined));
    ring.attempt(at(100));
    assert_eq!(want(&mut ring, 100, "c"), Ok(Wish::Joined), "while it is under way");
    ring.succeeded(at(101), &document(&[k1()]), None).unwrap();
    assert_eq!(want(&mut ring, 101, "d"), Ok(Wish::Granted));
    ring.attempt(at(101));
    ring.succeeded(at(102), &document(&[k1()]), None).unwrap();
    assert_eq!(want(&mut ring, 159, "e"), Err(Refused::Issuer));
    assert_eq!(want(&mut ring, 160, "e"), Ok(Wish::Granted));
}

#[test]
fn while_the_issuer_fails_unknown_keys_cause_nothing() {
    let mut ring = ready();
    fail(&mut ring, 300);
    assert_eq!(want(&mut ring, 301, "k2"), Err(Refused::Failing));
    assert_eq!(due(&ring, 301), 305);
}

#[test]
fn b07_a_storm_over_many_issuers_is_bounded_and_stops_no_fetch_that_is_due() {
    let mut budget = RefreshBudget::default();
    let mut rings: Vec<KeyRing> = (0..50).map(|_| ready()).collect();
    let granted = |ring: &mut KeyRing, budget: &mut RefreshBudget| ring.want_refresh(at(100), name("x"), budget);
    let answers: Vec<_> = rings.iter_mut().map(|ring| granted(ring, &mut budget)).collect();
    assert_eq!(answers.iter().filter(|answer| **answer == Ok(Wish::Granted)).count(), 10);
    assert_eq!(answers.iter().filter(|answer| **answer == Err(Refused::Overall)).count(), 40);
    assert!(rings.iter().skip(10).all(|ring| due(ring, 100) == 300), "what was refused changes nothing");
    for ring in &mut rings {
        assert_eq!(fetch(ring, 300, &document(&[k1()])), Ok(false), "it asks nobody");
    }
}

#[test]
fn an_issuer_that_is_refused_its_own_share_takes_nothing_from_others() {
    let mut budget = RefreshBudget::new(1, Duration::from_mins(1));
    let mut spent = ready();
    fetch(&mut spent, 60, &document(&[k1()])).unwrap();
    fetch(&mut spent, 61, &document(&[k1()])).unwrap();
    assert_eq!(spent.want_refresh(at(62), name("x"), &mut budget), Err(Refused::Issuer));
    fail(&mut spent, 120);
    assert_eq!(spent.want_refresh(at(121), name("x"), &mut budget), Err(Refused::Failing));
    assert_eq!(ready().want_refresh(at(121), name("x"), &mut budget), Ok(Wish::Granted));
}

/// A ring that was asked for `kid` at 100, and the issuer answered with `k1` alone.
fn asked_for(kid: &str) -> KeyRing {
    let mut ring = ready();
    assert_eq!(want(&mut ring, 100, kid), Ok(Wish::Granted));
    assert_eq!(fetch(&mut ring, 100, &document(&[k1()])), Ok(false));
    ring
}

#[test]
fn a_key_that_a_fetch_did_not_bring_is_not_fetched_for_again_within_a_minute() {
    let mut ring = asked_for("x");
    assert_eq!(want(&mut ring, 101, "x"), Err(Refused::Absent));
    assert_eq!(want(&mut ring, 159, "x"), Err(Refused::Absent));
    assert_eq!(want(&mut ring.clone(), 160, "x"), Ok(Wish::Granted));
    assert_eq!(want(&mut ring, 101, "y"), Ok(Wish::Granted), "another name");
    assert_eq!(want(&mut ring, 101, "x"), Err(Refused::Absent), "also while a fetch is on its way");
}

#[test]
fn other_keys_make_absent_names_forgotten() {
    let mut ring = asked_for("x");
    assert_eq!(fetch(&mut ring, 110, &document(&[k2()])), Ok(true));
    assert_eq!(want(&mut ring, 170, "x"), Ok(Wish::Granted));
    // But not a name that this very fetch was for.
    assert_eq!(fetch(&mut ring, 170, &document(&[k1()])), Ok(true));
    assert_eq!(want(&mut ring, 171, "x"), Err(Refused::Absent));
}

#[test]
fn only_names_that_the_issuer_could_have_seen_are_noted() {
    let mut ring = ready();
    want(&mut ring, 100, "early").unwrap();
    want(&mut ring, 100, "k1").unwrap();
    ring.attempt(at(100));
    want(&mut ring, 100, "late").unwrap();
    ring.succeeded(at(101), &document(&[k1()]), None).unwrap();
    assert_eq!(want(&mut ring, 102, "late"), Ok(Wish::Granted), "its key may have come just behind the answer");
    let mut ring = ready();
    want(&mut ring, 100, "x").unwrap();
    fail(&mut ring, 100);
    fetch(&mut ring, 105, &document(&[k1()])).unwrap();
    assert_eq!(want(&mut ring, 163, "x"), Ok(Wish::Granted), "a fetch that failed tells nothing");
}

#[test]
fn a_key_that_came_is_not_absent() {
    let mut ring = ready();
    let unnamed = KeyName::of(None, Algorithm::Es384);
    let mut budget = RefreshBudget::default();
    for name in [name("k2"), unnamed, name("x")] {
        ring.want_refresh(at(100), name, &mut budget).unwrap();
    }
    fetch(&mut ring, 100, &document(&[k1(), k2()])).unwrap();
    for name in [name("k2"), unnamed] {
        assert_eq!(ring.clone().want_refresh(at(101), name, &mut budget), Ok(Wish::Granted));
    }
    assert_eq!(want(&mut ring, 101, "x"), Err(Refused::Absent));
}

#[test]
fn b07_a_flood_of_names_during_one_fetch_is_noted_up_to_a_bound() {
    let mut ring = ready();
    for number in 0..3 * MAX_ABSENT {
        want(&mut ring, 100, &number.to_string()).unwrap();
    }
    fetch(&mut ring, 100, &document(&[k1()])).unwrap();
    let mut absent = 0;
    for number in 0..3 * MAX_ABSENT {
        absent += usize::from(want(&mut ring, 101, &number.to_string()) == Err(Refused::Absent));
    }
    assert_eq!(absent, MAX_ABSENT);
}

#[test]
fn b02_kept_keys_serve_from_their_own_time_and_a_fetch_is_due_at_once() {
    let mut ring = ring_without_keys();
    ring.restore(at(-3600), &document(&[k1()])).unwrap();
    let live = ring.keys().unwrap();
    let end = i64::try_from(MAX_STALE).unwrap() - 3600;
    assert!(live.at(at(end - 1)).is_some() && live.at(at(end)).is_none());
    assert_eq!(ring.fetched_at(), Some(at(-3600)));
    assert!(ring.next_fetch(at(0)) <= at(0));
    // The issuer is still away, then it is back with the same keys.
    fail(&mut ring, 0);
    assert_eq!((due(&ring, 0), ring.keys().unwrap().stale_at), (5, live.stale_at));
    assert_eq!(fetch(&mut ring, 5, &document(&[k1()])), Ok(false));
    assert_eq!(ring.fetched_at(), Some(at(5)));
}

#[test]
fn kept_keys_are_read_as_strictly_as_fetched_ones() {
    let mut ring = ring_without_keys();
    let secret = json!({ "kty": "oct", "kid": "s", "k": "c2VjcmV0" });
    for body in [b"{}".to_vec(), b"<html>".to_vec(), document(&[]), document(std::slice::from_ref(&secret))] {
        assert!(ring.restore(at(-1), &body).is_err());
        assert!(ring.keys().is_none());
    }
    ring.restore(at(-1), &document(&[secret, k1()])).unwrap();
    assert_eq!((ring.keys().unwrap().set.count(), ring.skipped().len()), (1, 1));
}

#[test]
fn whoever_takes_a_ring_over_does_not_wait_for_the_fetch_of_another() {
    let mut ring = ready();
    want(&mut ring, 100, "x").unwrap();
    let mut granted = ring.clone().taken_over();
    assert_eq!((want(&mut granted, 100, "y"), due(&granted, 100)), (Ok(Wish::Joined), 100), "it is fetched at once");
    ring.attempt(at(100));
    assert_eq!(want(&mut ring.taken_over(), 101, "y"), Err(Refused::Failing));
}

#[test]
fn a_clock_that_is_set_back_does_not_stop_fetches_for_unknown_keys() {
    let mut ring = ready();
    fetch(&mut ring, 300, &document(&[k1()])).unwrap();
    assert_eq!(want(&mut ring, -86_400, "x"), Ok(Wish::Granted));
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
