use super::*;
use crate::authn::{Algorithm, RingSettings};
use crate::oidc::{Reach, Remote, SourceUrl};
use crate::tls::pki::Pki;
use crate::upstream::fake::{Fake, Reply};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::sync::atomic::{AtomicBool, Ordering};

const LONG: Duration = Duration::from_secs(10);

/// A key set with one fresh P-256 key of this name.
fn key_set(kid: &str) -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let (x, y) = key.public_key_raw()[1..].split_at(32);
    let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
    format!(r#"{{"keys":[{{"kty":"EC","crv":"P-256","kid":"{kid}","x":"{x}","y":"{y}"}}]}}"#)
}

fn ring() -> KeyRing {
    let hour = Duration::from_hours(1);
    KeyRing::new(RingSettings { refresh: hour, max_stale: hour * 24, algorithms: vec![Algorithm::Es256] })
}

fn driver(fake: &Fake) -> Driver {
    let url = SourceUrl::parse(&format!("http://{}/jwks", fake.address), Reach::Anywhere).unwrap();
    let remote = Remote { tls: Pki::new().client(None), reach: Reach::Anywhere, timeout: Duration::from_millis(500) };
    Driver { name: "corp".into(), source: Source::Url { url, remote }, ring: ring() }
}

fn key_count(refresher: &Refresher, position: usize) -> Option<usize> {
    refresher.keys().get(position)?.as_ref().map(|keys| keys.set.count())
}

/// Waits until `reached`, at most ten seconds.
async fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let deadline = clock::instant() + LONG;
    while !reached() {
        assert!(clock::instant() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn keys_are_there_without_anyone_asking() {
    let set = key_set("k1");
    let fake = Fake::start(move |_, _| Reply::ok(&set)).await;
    let tasks = Tasks::new();
    let refresher = Refresher::start(&tasks, vec![driver(&fake)]);
    assert!(!refresher.ready(clock::now()));
    refresher.changes().wait_for(|count| *count == 1).await.unwrap();
    assert!(refresher.ready(clock::now()));
    assert_eq!(key_count(&refresher, 0), Some(1));
    let status = refresher.status().remove(0);
    assert_eq!((status.name.as_str(), status.fault, status.attempts, status.skipped), ("corp", None, 1, 0));
    assert!(status.fetched_at.is_some() && status.stale_at > status.fetched_at);
    assert!(!refresher.ready(status.stale_at.unwrap()), "keys that are too old do not count");
}

/// B01
#[tokio::test]
async fn an_issuer_that_is_down_at_the_start_is_asked_again_until_it_is_there() {
    let set = key_set("k1");
    let up = Arc::new(AtomicBool::new(false));
    let is_up = Arc::clone(&up);
    let fake =
        Fake::start(move |_, _| if is_up.load(Ordering::SeqCst) { Reply::ok(&set) } else { Reply::raw("").close() })
            .await;
    let refresher = Refresher::start(&Tasks::new(), vec![driver(&fake)]);
    until("the first failure", || refresher.status()[0].fault == Some("truncated")).await;
    assert!(!refresher.ready(clock::now()));
    assert_eq!(key_count(&refresher, 0), None, "no key of our own instead");
    assert_eq!(refresher.refresh(0, LONG).await, Refreshed::NotNow, "an unknown key is no reason to hurry");
    up.store(true, Ordering::SeqCst);
    until("recovery", || refresher.ready(clock::now())).await;
    assert_eq!(refresher.status()[0].fault, None);
}

/// B02, B08
#[tokio::test]
async fn old_keys_stay_when_the_issuer_goes_bad() {
    let set = key_set("k1");
    for (row, bad, word) in [
        ("gone", Reply::raw("").close(), "truncated"),
        ("500", Reply::raw("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"), "status"),
        ("redirect", Reply::raw("HTTP/1.1 302 No\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"), "status"),
    ] {
        let set = set.clone();
        let fake = Fake::start(move |number, _| if number == 0 { Reply::ok(&set) } else { bad.clone() }).await;
        let refresher = Refresher::start(&Tasks::new(), vec![driver(&fake)]);
        until("keys", || refresher.ready(clock::now())).await;
        assert_eq!(refresher.refresh(0, LONG).await, Refreshed::Failed, "{row}");
        assert_eq!((key_count(&refresher, 0), refresher.status()[0].fault), (Some(1), Some(word)), "{row}");
        assert!(refresher.ready(clock::now()), "{row}");
    }
}

/// B05, B08: what is no key set is a failure with a word of its own, and changes nothing.
#[tokio::test]
async fn a_document_that_is_no_key_set_changes_nothing() {
    let many: Vec<String> = (0..10_000).map(|number| format!(r#"{{"kty":"EC","kid":"{number}"}}"#)).collect();
    let rows = [
        ("html", "<html>".to_owned()),
        ("empty object", "{}".to_owned()),
        ("no list", r#"{"keys":{}}"#.to_owned()),
        ("10,000 keys", format!(r#"{{"keys":[{}]}}"#, many.join(","))),
        ("deep", format!(r#"{{"keys":{}"#, "[".repeat(100_000))),
    ];
    for (row, document) in rows {
        let set = key_set("k1");
        let fake = Fake::start(move |number, _| if number == 0 { Reply::ok(&set) } else { Reply::ok(&document) }).await;
        let refresher = Refresher::start(&Tasks::new(), vec![driver(&fake)]);
        until("keys", || refresher.ready(clock::now())).await;
        assert_eq!(refresher.refresh(0, LONG).await, Refreshed::Failed, "{row}");
        assert!(refresher.status()[0].fault.is_some(), "{row}");
        assert_eq!(key_count(&refresher, 0), Some(1), "{row}");
    }
}

#[tokio::test]
async fn a_rotation_is_found_by_the_first_token_of_the_new_key() {
    let sets = [key_set("k1"), key_set("k2")];
    let fake = Fake::start(move |number, _| Reply::ok(&sets[number.min(1)])).await;
    let refresher = Refresher::start(&Tasks::new(), vec![driver(&fake)]);
    until("keys", || refresher.ready(clock::now())).await;
    let before = refresher.keys()[0].clone().unwrap().set;
    assert_eq!(refresher.refresh(0, LONG).await, Refreshed::Changed);
    assert!(!Arc::ptr_eq(&before, &refresher.keys()[0].clone().unwrap().set));
    assert_eq!(*refresher.changes().borrow(), 2);
}

/// B07
#[tokio::test]
async fn a_storm_of_unknown_keys_is_one_fetch_and_then_none() {
    let set = key_set("k1");
    let fake = Fake::start(move |number, _| match number {
        0 => Reply::ok(&set),
        _ => Reply::ok(&set).dripping(64, Duration::from_millis(20)),
    })
    .await;
    let refresher = Arc::new(Refresher::start(&Tasks::new(), vec![driver(&fake)]));
    until("keys", || refresher.ready(clock::now())).await;
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..1000 {
        let refresher = Arc::clone(&refresher);
        waiting.spawn(async move { refresher.refresh(0, LONG).await });
    }
    while let Some(result) = waiting.join_next().await {
        assert_eq!(result.unwrap(), Refreshed::Unchanged);
    }
    assert_eq!(fake.requests().len(), 2);
    for _ in 0..1000 {
        assert_eq!(refresher.refresh(0, LONG).await, Refreshed::NotNow, "the budget is spent");
    }
    assert_eq!(fake.requests().len(), 2);
    assert_eq!(*refresher.changes().borrow(), 1);
}

/// B03
#[tokio::test]
async fn a_slow_issuer_delays_only_those_who_wait_for_it_and_not_for_long() {
    let set = key_set("k1");
    let fake = Fake::start(move |number, _| if number == 0 { Reply::ok(&set) } else { Reply::raw("").hang() }).await;
    let refresher = Refresher::start(&Tasks::new(), vec![driver(&fake)]);
    until("keys", || refresher.ready(clock::now())).await;
    assert_eq!(refresher.refresh(0, Duration::from_millis(20)).await, Refreshed::TimedOut);
    assert_eq!(key_count(&refresher, 0), Some(1), "known keys are there all the time");
    assert_eq!(refresher.refresh(0, LONG).await, Refreshed::Failed, "joins the fetch on its way");
    assert_eq!(refresher.status()[0].fault, Some("timed_out"));
    assert_eq!(fake.requests().len(), 2);
}

#[tokio::test]
async fn each_issuer_has_its_own_place_and_fate() {
    let set = key_set("k1");
    let good = Fake::start(move |_, _| Reply::ok(&set)).await;
    let bad = Fake::start(|_, _| Reply::raw("").hang()).await;
    let refresher = Refresher::start(&Tasks::new(), vec![driver(&bad), driver(&good)]);
    until("keys of the good one", || key_count(&refresher, 1).is_some()).await;
    assert_eq!(key_count(&refresher, 0), None);
    assert!(!refresher.ready(clock::now()));
    assert_eq!(refresher.refresh(7, LONG).await, Refreshed::NotNow, "no such issuer");
    assert!(Refresher::start(&Tasks::new(), Vec::new()).ready(clock::now()), "nobody to wait for");
}

#[tokio::test]
async fn a_key_file_is_read_again_when_an_unknown_key_is_seen() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("jwks.json");
    std::fs::write(&path, key_set("k1")).unwrap();
    let driver = Driver { name: "file".into(), source: Source::File(path.clone()), ring: ring() };
    let refresher = Refresher::start(&Tasks::new(), vec![driver]);
    until("keys", || refresher.ready(clock::now())).await;
    std::fs::write(&path, key_set("k2")).unwrap();
    assert_eq!(refresher.refresh(0, LONG).await, Refreshed::Changed);
}

#[tokio::test]
async fn stopping_and_dropping_end_the_tasks_also_in_the_middle_of_a_fetch() {
    let fake = Fake::start(|_, _| Reply::raw("").hang()).await;
    let tasks = Tasks::new();
    let stopped = Refresher::start(&tasks, vec![driver(&fake)]);
    until("a fetch", || fake.requests().len() == 1).await;
    tasks.stop();
    assert_eq!(tasks.wait(LONG).await, 0);
    drop(stopped);

    let tasks = Tasks::new();
    let dropped = Refresher::start(&tasks, vec![driver(&fake), driver(&fake)]);
    assert_eq!(tasks.live(), 2);
    drop(dropped);
    assert_eq!(tasks.wait(LONG).await, 0);
}
