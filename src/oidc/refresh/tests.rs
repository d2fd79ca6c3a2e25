use super::*;
use crate::authn::{Algorithm, KeyRing, NamedKeys, RingSettings};
use crate::oidc::{Reach, Remote, SourceUrl};
use crate::ops::clock;
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
    let remote = Remote {
        tls: Pki::new().client(None),
        reach: Reach::Anywhere,
        timeout: Duration::from_millis(500),
        token_file: None,
    };
    Driver { name: "corp".into(), source: Source::Url { url, remote }, life: ring().into(), shelf: None }
}

fn start(drivers: Vec<Driver>) -> Refresher {
    start_with(&Tasks::new(), drivers)
}

fn start_with(tasks: &Tasks, drivers: Vec<Driver>) -> Refresher {
    Refresher::start(tasks, &Shared::new(Arc::new(Metrics::new())), drivers)
}

fn name(kid: &str) -> KeyName {
    KeyName::of(Some(kid), Algorithm::Es256)
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
    let refresher = start_with(&tasks, vec![driver(&fake)]);
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
    let refresher = start(vec![driver(&fake)]);
    until("the first failure", || refresher.status()[0].fault == Some("truncated")).await;
    assert!(!refresher.ready(clock::now()));
    assert_eq!(key_count(&refresher, 0), None, "no key of our own instead");
    assert_eq!(refresher.refresh(0, name("k9"), LONG).await, Refreshed::Failed, "an unknown key is no reason to hurry");
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
        let refresher = start(vec![driver(&fake)]);
        until("keys", || refresher.ready(clock::now())).await;
        assert_eq!(refresher.refresh(0, name("k9"), LONG).await, Refreshed::Failed, "{row}");
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
        let refresher = start(vec![driver(&fake)]);
        until("keys", || refresher.ready(clock::now())).await;
        assert_eq!(refresher.refresh(0, name("k9"), LONG).await, Refreshed::Failed, "{row}");
        assert!(refresher.status()[0].fault.is_some(), "{row}");
        assert_eq!(key_count(&refresher, 0), Some(1), "{row}");
    }
}

#[tokio::test]
async fn a_rotation_is_found_by_the_first_token_of_the_new_key() {
    let sets = [key_set("k1"), key_set("k2")];
    let fake = Fake::start(move |number, _| Reply::ok(&sets[number.min(1)])).await;
    let refresher = start(vec![driver(&fake)]);
    until("keys", || refresher.ready(clock::now())).await;
    let before = refresher.keys()[0].clone().unwrap().set;
    assert_eq!(refresher.refresh(0, name("k9"), LONG).await, Refreshed::Changed);
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
    let refresher = Arc::new(start(vec![driver(&fake)]));
    until("keys", || refresher.ready(clock::now())).await;
    let mut waiting = tokio::task::JoinSet::new();
    for number in 0..1000 {
        let refresher = Arc::clone(&refresher);
        waiting.spawn(async move { refresher.refresh(0, name(&number.to_string()), LONG).await });
    }
    while let Some(result) = waiting.join_next().await {
        assert_eq!(result.unwrap(), Refreshed::Unchanged);
    }
    assert_eq!(fake.requests().len(), 2);
    for number in 1000..2000 {
        let outcome = refresher.refresh(0, name(&number.to_string()), LONG).await;
        assert_eq!(outcome, Refreshed::NotNow, "the budget is spent");
    }
    assert_eq!(fake.requests().len(), 2);
    assert_eq!(*refresher.changes().borrow(), 1);
}

/// B03
#[tokio::test]
async fn a_slow_issuer_delays_only_those_who_wait_for_it_and_not_for_long() {
    let set = key_set("k1");
    let fake = Fake::start(move |number, _| if number == 0 { Reply::ok(&set) } else { Reply::raw("").hang() }).await;
    let refresher = start(vec![driver(&fake)]);
    until("keys", || refresher.ready(clock::now())).await;
    assert_eq!(refresher.refresh(0, name("k9"), Duration::from_millis(20)).await, Refreshed::TimedOut);
    assert_eq!(key_count(&refresher, 0), Some(1), "known keys are there all the time");
    assert_eq!(refresher.refresh(0, name("k9"), LONG).await, Refreshed::Failed, "joins the fetch on its way");
    assert_eq!(refresher.status()[0].fault, Some("timed_out"));
    assert_eq!(fake.requests().len(), 2);
}

#[tokio::test]
async fn each_issuer_has_its_own_place_and_fate() {
    let set = key_set("k1");
    let good = Fake::start(move |_, _| Reply::ok(&set)).await;
    let bad = Fake::start(|_, _| Reply::raw("").hang()).await;
    let refresher = start(vec![driver(&bad), driver(&good)]);
    until("keys of the good one", || key_count(&refresher, 1).is_some()).await;
    assert_eq!(key_count(&refresher, 0), None);
    assert!(!refresher.ready(clock::now()));
    assert_eq!(refresher.refresh(7, name("k9"), LONG).await, Refreshed::NotNow, "no such issuer");
    assert!(start(Vec::new()).ready(clock::now()), "nobody to wait for");
}

#[tokio::test]
async fn a_key_file_is_read_again_when_an_unknown_key_is_seen() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("jwks.json");
    std::fs::write(&path, key_set("k1")).unwrap();
    let driver = Driver { name: "file".into(), source: Source::File(path.clone()), life: ring().into(), shelf: None };
    let refresher = start(vec![driver]);
    until("keys", || refresher.ready(clock::now())).await;
    std::fs::write(&path, key_set("k2")).unwrap();
    assert_eq!(refresher.refresh(0, name("k9"), LONG).await, Refreshed::Changed);
}

#[tokio::test]
async fn stopping_and_dropping_end_the_tasks_also_in_the_middle_of_a_fetch() {
    let fake = Fake::start(|_, _| Reply::raw("").hang()).await;
    let tasks = Tasks::new();
    let stopped = start_with(&tasks, vec![driver(&fake)]);
    until("a fetch", || fake.requests().len() == 1).await;
    tasks.stop();
    assert_eq!(tasks.wait(LONG).await, 0);
    drop(stopped);

    let tasks = Tasks::new();
    let dropped = start_with(&tasks, vec![driver(&fake), driver(&fake)]);
    assert_eq!(tasks.live(), 2);
    drop(dropped);
    assert_eq!(tasks.wait(LONG).await, 0);
}

/// B07: a flood over many issuers is bounded as a whole, and fetches that are due go on.
#[tokio::test]
async fn all_issuers_together_have_a_budget() {
    let set = key_set("k1");
    let fake = Fake::start(move |_, _| Reply::ok(&set)).await;
    let metrics = Arc::new(Metrics::new());
    let shared = Shared::new(Arc::clone(&metrics));
    let drivers = (0..30).map(|number| Driver { name: format!("i{number}"), ..driver(&fake) }).collect();
    let first = Refresher::start(&Tasks::new(), &shared, drivers);
    until("keys", || first.ready(clock::now())).await;
    let mut outcomes = Vec::new();
    for position in 0..30 {
        outcomes.push(first.refresh(position, name("x"), LONG).await);
    }
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Refreshed::Unchanged).count(), 10);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Refreshed::NotNow).count(), 20);
    assert_eq!(fake.requests().len(), 40);
    // Also a refresher of a new configuration: its first fetch is due, its unknown keys are refused.
    let second = Refresher::start(&Tasks::new(), &shared, vec![driver(&fake)]);
    until("keys", || second.ready(clock::now())).await;
    assert_eq!(second.refresh(0, name("x"), LONG).await, Refreshed::NotNow);
    assert_eq!(fake.requests().len(), 41);
    let page = metrics.render();
    assert!(page.contains(r#"monward_jwks_refresh_denied_total{issuer="i10",budget="overall"} 1"#), "{page}");
    assert!(page.contains(r#"monward_jwks_refresh_denied_total{issuer="i10",budget="issuer"} 0"#), "{page}");
}

#[tokio::test]
async fn a_key_that_is_not_there_is_asked_for_once_and_then_refused_at_once() {
    let set = key_set("k1");
    let fake = Fake::start(move |number, _| if number < 2 { Reply::ok(&set) } else { Reply::raw("").hang() }).await;
    let refresher = start(vec![driver(&fake)]);
    until("keys", || refresher.ready(clock::now())).await;
    assert_eq!(refresher.refresh(0, name("x"), LONG).await, Refreshed::Unchanged);
    // Did it ask or wait, it would be told something else, and the server would see it.
    assert_eq!(refresher.refresh(0, name("x"), Duration::ZERO).await, Refreshed::Absent);
    assert_eq!(fake.requests().len(), 2);
    let successor = Driver { life: refresher.life(0).unwrap(), ..driver(&fake) };
    let successor = start(vec![successor]);
    assert_eq!(successor.refresh(0, name("x"), LONG).await, Refreshed::Absent, "a reload forgets nothing");
}

#[tokio::test]
async fn every_end_of_a_fetch_is_counted() {
    let sets = [key_set("k1"), key_set("k2")];
    let fake = Fake::start(move |number, _| match number {
        0 | 1 => Reply::ok(&sets[0]),
        _ => Reply::raw("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"),
    })
    .await;
    let metrics = Arc::new(Metrics::new());
    let refresher = Refresher::start(&Tasks::new(), &Shared::new(Arc::clone(&metrics)), vec![driver(&fake)]);
    until("keys", || refresher.ready(clock::now())).await;
    assert_eq!(refresher.refresh(0, name("a"), LONG).await, Refreshed::Unchanged);
    // A reload forgets nothing, so that another name needs a refresher of its own.
    let fresh = Driver { life: ring().into(), ..driver(&fake) };
    let failing = Refresher::start(&Tasks::new(), &Shared::new(Arc::clone(&metrics)), vec![fresh]);
    until("a failure", || failing.status()[0].fault == Some("status")).await;
    let page = metrics.render();
    for result in ["ok", "unchanged"] {
        let line = format!("monward_jwks_refresh_total{{issuer=\"corp\",result=\"{result}\"}} 1\n");
        assert!(page.contains(&line), "{line}{page}");
    }
    assert!(page.contains("monward_jwks_refresh_total{issuer=\"corp\",result=\"status\"}"), "{page}");
}

/// A driver with the folder for its keys.
fn keeping(fake: &Fake, folder: &std::path::Path) -> Driver {
    let driver = driver(fake);
    let label = driver.source.label().unwrap();
    Driver { shelf: Some(Shelf::new(folder, "corp", "https://idp.example.org", &label)), ..driver }
}

/// B02: the issuer is away when monward starts again.
#[tokio::test]
async fn a_cold_start_without_the_issuer_goes_on_with_the_keys_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let set = key_set("k1");
    let up = Arc::new(AtomicBool::new(true));
    let is_up = Arc::clone(&up);
    let fake =
        Fake::start(move |_, _| if is_up.load(Ordering::SeqCst) { Reply::ok(&set) } else { Reply::raw("").close() })
            .await;
    let file = folder.path().join("keys-corp.json");
    let first = start(vec![keeping(&fake, folder.path())]);
    until("the file", || file.exists()).await;
    let fetched = first.status()[0].fetched_at;
    drop(first);
    up.store(false, Ordering::SeqCst);
    let metrics = Arc::new(Metrics::new());
    let second =
        Refresher::start(&Tasks::new(), &Shared::new(Arc::clone(&metrics)), vec![keeping(&fake, folder.path())]);
    assert!(second.ready(clock::now()), "before any fetch");
    assert_eq!((key_count(&second, 0), second.status()[0].fetched_at), (Some(1), fetched));
    until("the failure", || second.status()[0].fault == Some("truncated")).await;
    assert!(second.ready(clock::now()), "and after one that failed");
    assert!(!second.ready(fetched.unwrap().plus(Duration::from_hours(24))), "from the time of the old fetch on");
    assert!(metrics.render().contains(r#"monward_jwks_restored_total{issuer="corp",result="ok"} 1"#));
}

#[tokio::test]
async fn a_file_that_is_not_believed_is_the_same_as_none_and_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys-corp.json");
    std::fs::write(&file, "{}").unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let set = key_set("k1");
    let fake = Fake::start(move |number, _| if number == 0 { Reply::raw("").close() } else { Reply::ok(&set) }).await;
    let metrics = Arc::new(Metrics::new());
    let shared = Shared::new(Arc::clone(&metrics));
    let refresher = Refresher::start(&Tasks::new(), &shared, vec![keeping(&fake, folder.path())]);
    assert_eq!(key_count(&refresher, 0), None);
    let page = metrics.render();
    assert!(page.contains(r#"monward_jwks_restored_total{issuer="corp",result="malformed"} 1"#), "{page}");
    let written = || metrics.render().contains(r#"monward_jwks_kept_total{issuer="corp",result="ok"} 1"#);
    until("the new file", written).await;
    assert!(start(vec![keeping(&fake, folder.path())]).ready(clock::now()));
}

#[tokio::test]
async fn a_disk_that_fails_stops_no_refresh() {
    let folder = tempfile::tempdir().unwrap();
    let sets = [key_set("k1"), key_set("k2")];
    let fake = Fake::start(move |number, _| Reply::ok(&sets[number.min(1)])).await;
    let metrics = Arc::new(Metrics::new());
    let shared = Shared::new(Arc::clone(&metrics));
    let refresher = Refresher::start(&Tasks::new(), &shared, vec![keeping(&fake, &folder.path().join("gone"))]);
    until("keys", || refresher.ready(clock::now())).await;
    let failures = |count: usize| {
        let line = format!("monward_jwks_kept_total{{issuer=\"corp\",result=\"failed\"}} {count}\n");
        metrics.render().contains(&line)
    };
    until("the first failure", || failures(1)).await;
    assert_eq!(refresher.refresh(0, name("k2"), LONG).await, Refreshed::Changed);
    until("it is tried again", || failures(2)).await;
}

const UUIDS: [&str; 2] = ["01234567-89ab-cdef-0123-456789abcdef", "11234567-89ab-cdef-0123-456789abcdef"];

fn by_name(fake: &Fake) -> Driver {
    let remote = Remote { tls: Pki::new().client(None), reach: Reach::Anywhere, timeout: LONG, token_file: None };
    let source = Source::named(&format!("http://{}", fake.address), remote).unwrap();
    let hour = Duration::from_hours(1);
    let settings = RingSettings { refresh: hour, max_stale: hour * 24, algorithms: vec![Algorithm::Es256] };
    Driver { name: "alb".into(), source, life: NamedKeys::new(settings).into(), shelf: None }
}

#[tokio::test]
async fn keys_are_learned_by_name_each_once() {
    let pem = rcgen::KeyPair::generate().unwrap().public_key_pem();
    let fake = Fake::start(move |_, head| {
        if head.starts_with(&format!("GET /{} ", UUIDS[0])) {
            Reply::ok(&pem)
        } else {
            Reply::raw("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
        }
    })
    .await;
    let refresher = Arc::new(start(vec![by_name(&fake)]));
    assert!(refresher.ready(clock::now()), "there is nothing to wait for");
    let mut waiting = tokio::task::JoinSet::new();
    for number in 0..200 {
        let refresher = Arc::clone(&refresher);
        waiting.spawn(async move { (number % 2, refresher.refresh(0, name(UUIDS[number % 2]), LONG).await) });
    }
    while let Some(result) = waiting.join_next().await {
        let (which, outcome) = result.unwrap();
        let expected = [Refreshed::Changed, Refreshed::Absent][which];
        assert_eq!(outcome, expected);
    }
    assert_eq!((fake.requests().len(), key_count(&refresher, 0)), (2, Some(1)));
    assert_eq!(refresher.refresh(0, name("no-uuid"), LONG).await, Refreshed::Absent);
    assert_eq!(refresher.refresh(0, name(UUIDS[1]), Duration::ZERO).await, Refreshed::Absent);
    assert_eq!(fake.requests().len(), 2);
}

#[tokio::test]
async fn a_key_that_cannot_be_had_is_nobodys_fault() {
    let fake = Fake::start(|number, _| match number {
        0 => Reply::raw("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"),
        _ => Reply::raw("").hang(),
    })
    .await;
    let refresher = start(vec![by_name(&fake)]);
    assert_eq!(refresher.refresh(0, name(UUIDS[0]), LONG).await, Refreshed::Failed, "it failed");
    assert_eq!(refresher.refresh(0, name(UUIDS[0]), LONG).await, Refreshed::Failed, "it is left alone for a while");
    assert_eq!(fake.requests().len(), 1);
    let refresher = start(vec![by_name(&fake)]);
    assert_eq!(refresher.refresh(0, name(UUIDS[0]), Duration::from_millis(20)).await, Refreshed::TimedOut, "too slow");
}
