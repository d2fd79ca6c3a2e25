use tokio::task::JoinSet;

use super::*;

/// Of `first-key` and `second-key`, by the `argon2` command of Debian.
const FIRST: &str =
    "$argon2id$v=19$m=8192,t=1,p=1$MU1FcU9WODZwOGtJRkM0OURqYndDZz09$PsBbKMeF4QbIFxQhF90oH48Qqg3Z02FqHKf1bOa7w0s";
const SECOND: &str =
    "$argon2id$v=19$m=8192,t=1,p=1$OXp0QXVTTnpXQXFrVEQremtGbUdHZz09$75e61bv7s5K4IURrylS78lzUUXMxEGQqca7DDiB4etg";

const LONG: Duration = Duration::from_mins(10);

fn keys(hash: &str) -> StaticKeys {
    StaticKeys::parse("keys", "k.yaml", &format!("version: 1\nkeys:\n  grafana: \"{hash}\"\n")).unwrap()
}

fn source(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn now() -> UnixTime {
    UnixTime::from_secs(1_800_000_000)
}

async fn ask(check: &KeyCheck, user: &str, key: &str, last: u8) -> Result<Arc<Principal>, TokenFault> {
    check.ask(user, &Secret::new(key.to_owned()), source(last), now()).await
}

/// Forty at once.
async fn crowd(check: Arc<KeyCheck>, key: &'static str) -> Vec<Result<(), TokenFault>> {
    let mut asking = JoinSet::new();
    for _ in 0..40 {
        let check = Arc::clone(&check);
        asking.spawn(async move { ask(&check, "grafana", key, 1).await.map(drop) });
    }
    asking.join_all().await
}

#[tokio::test]
async fn a_right_key_is_remembered_and_a_wrong_one_is_not() {
    let check = KeyCheck::new(keys(FIRST), None);
    let first = ask(&check, "grafana", "first-key", 1).await.unwrap();
    assert_eq!((first.issuer(), first.subject()), ("keys", "grafana"));
    for (user, key) in [("grafana", "second-key"), ("grafana", ""), ("nobody", "first-key"), ("grafan", "afirst-key")] {
        assert_eq!(ask(&check, user, key, 1).await.map(drop), Err(TokenFault::Key), "{user} {key}");
    }
    assert_eq!(check.remembered(), 1);
}

#[tokio::test]
async fn a_remembered_key_needs_no_place_and_no_check() {
    let bounds = Arc::new(Bounds::new(1, 0, LONG));
    let check = KeyCheck::with_bounds(keys(FIRST), Arc::clone(&bounds));
    ask(&check, "grafana", "first-key", 1).await.unwrap();
    let _all = Arc::clone(&bounds.running).try_acquire_owned().unwrap();
    let _places = Arc::clone(&bounds.places).try_acquire_owned().unwrap();
    assert!(ask(&check, "grafana", "first-key", 1).await.is_ok());
    assert_eq!(ask(&check, "grafana", "second-key", 1).await.map(drop), Err(TokenFault::Unavailable));
}

#[tokio::test]
async fn a_reload_forgets_right_keys_but_not_wrong_ones() {
    let before = KeyCheck::new(keys(FIRST), None);
    ask(&before, "grafana", "first-key", 1).await.unwrap();
    for number in 0..10 {
        assert_eq!(ask(&before, "nobody", "x", 2).await.map(drop), Err(TokenFault::Key), "{number}");
    }
    let after = KeyCheck::new(keys(SECOND), Some(&before));
    assert_eq!(after.remembered(), 0);
    assert_eq!(ask(&after, "grafana", "first-key", 1).await.map(drop), Err(TokenFault::Key));
    assert!(ask(&after, "grafana", "second-key", 1).await.is_ok());
    assert_eq!(ask(&after, "grafana", "second-key", 2).await.map(drop), Err(TokenFault::Attempts));
}

#[tokio::test]
async fn after_ten_wrong_keys_a_remembered_one_cannot_be_guessed_either() {
    let check = KeyCheck::new(keys(FIRST), None);
    ask(&check, "grafana", "first-key", 1).await.unwrap();
    for number in 0..10 {
        assert_eq!(ask(&check, "grafana", "x", 2).await.map(drop), Err(TokenFault::Key), "{number}");
    }
    for key in ["first-key", "x"] {
        assert_eq!(ask(&check, "grafana", key, 2).await.map(drop), Err(TokenFault::Attempts), "{key}");
    }
    assert!(ask(&check, "grafana", "first-key", 1).await.is_ok(), "the honest source goes on");
}

#[tokio::test]
async fn wrong_keys_that_wait_in_a_crowd_count_as_well() {
    let bounds = Arc::new(Bounds::new(1, 64, LONG));
    let check = Arc::new(KeyCheck::with_bounds(keys(FIRST), bounds));
    let answers = crowd(check, "x").await;
    let tried = answers.iter().filter(|answer| **answer == Err(TokenFault::Key)).count();
    assert_eq!(tried, 10);
    assert!(answers.iter().all(|answer| matches!(answer, Err(TokenFault::Key | TokenFault::Attempts))));
}

#[tokio::test]
async fn a_crowd_with_the_same_right_key_is_checked_once() {
    let bounds = Arc::new(Bounds::new(1, 64, LONG));
    let check = KeyCheck::with_bounds(keys(FIRST), bounds);
    let check = Arc::new(check);
    let answers = crowd(Arc::clone(&check), "first-key").await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(check.checks(), 1);
}

#[tokio::test]
async fn who_finds_no_place_or_no_turn_is_told_to_come_back() {
    let bounds = Arc::new(Bounds::new(1, 1, LONG));
    let check = KeyCheck::with_bounds(keys(FIRST), Arc::clone(&bounds));
    let running = Arc::clone(&bounds.running).try_acquire_owned().unwrap();
    let place = Arc::clone(&bounds.places).try_acquire_owned().unwrap();
    let second = async {
        let answer = ask(&check, "grafana", "first-key", 2).await.map(drop);
        drop((running, place));
        answer
    };
    let (first, second) = tokio::join!(biased; ask(&check, "grafana", "first-key", 1), second);
    assert_eq!(second, Err(TokenFault::Unavailable), "the one place was taken");
    assert!(first.is_ok(), "who waits has his turn");

    let bounds = Arc::new(Bounds::new(1, 1, Duration::ZERO));
    let check = KeyCheck::with_bounds(keys(FIRST), Arc::clone(&bounds));
    let _running = Arc::clone(&bounds.running).try_acquire_owned().unwrap();
    assert_eq!(ask(&check, "grafana", "first-key", 1).await.map(drop), Err(TokenFault::Unavailable));
    assert_eq!(bounds.places.available_permits(), 2, "who gave up leaves his place");
}

#[tokio::test]
async fn a_wrong_key_counts_also_when_its_sender_does_not_wait() {
    let bounds = Arc::new(Bounds::new(1, 64, LONG));
    let check = KeyCheck::with_bounds(keys(FIRST), Arc::clone(&bounds));
    for _ in 0..10 {
        let mut asked = Box::pin(ask(&check, "grafana", "x", 1));
        // Once is enough to begin; whether the check is over by then does not matter.
        let _begun = std::future::poll_fn(|context| {
            std::task::Poll::Ready(std::future::Future::poll(asked.as_mut(), context).is_ready())
        })
        .await;
        drop(asked);
        let turn = Arc::clone(&bounds.running).acquire_owned().await.unwrap();
        drop(turn);
    }
    assert_eq!(ask(&check, "grafana", "first-key", 1).await.map(drop), Err(TokenFault::Attempts));
}

#[test]
fn no_two_pairs_of_name_and_key_have_the_same_tag_and_no_two_processes_the_same_for_one() {
    let (one, two) = (KeyCheck::new(keys(FIRST), None), KeyCheck::new(keys(FIRST), None));
    let tag = |check: &KeyCheck, user: &str, key: &str| check.0.tag(user, &Secret::new(key.to_owned()));
    assert_eq!(tag(&one, "ab", "c"), tag(&one, "ab", "c"));
    assert_ne!(tag(&one, "ab", "c"), tag(&one, "a", "bc"));
    assert_ne!(tag(&one, "ab", "c"), tag(&one, "abc", ""));
    assert_ne!(tag(&one, "ab", "c"), tag(&two, "ab", "c"));
}

#[test]
fn nothing_secret_is_printed() {
    assert_eq!(format!("{:?}", KeyCheck::new(keys(FIRST), None)), "KeyCheck { keys: StaticKeys { users: 1, .. }, .. }");
}
