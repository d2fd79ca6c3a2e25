use super::flights::MAX_OF_SOURCE;
use super::*;
use crate::authn::{Claim, Kept, Method, Proof};
use crate::oidc::{Reach, SourceUrl};
use crate::ops::clock;
use crate::tls::pki::{Leaf, Pki};
use crate::upstream::fake::{Fake, Reply};
use serde_json::{Value, json};
use std::future::Future;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

const NOW: u64 = 1_800_000_000;
const CACHE: u64 = 20;
const SECRET: &str = "CANARY:s p%+&\u{e9}";
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const TOKEN: &str = "CANARY+opaque/token==&x=~ y";

/// A server with TLS, an own CA, and a directory with the files of the client.
struct World {
    fake: Fake,
    pki: Pki,
    directory: tempfile::TempDir,
    tasks: Tasks,
}

impl World {
    async fn new(handler: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Self {
        let pki = Pki::new();
        let fake = Fake::tls(pki.leaf("localhost").server(), handler).await;
        let world = Self { fake, pki, directory: tempfile::tempdir().unwrap(), tasks: Tasks::new() };
        world.write_secret(&format!("{SECRET}\n"));
        world
    }

    fn secret_file(&self) -> PathBuf {
        self.directory.path().join("secret")
    }

    fn write_secret(&self, text: &str) {
        std::fs::write(self.secret_file(), text).unwrap();
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.fake.address.port())
    }

    fn introspection(&self) -> Asking {
        let url = SourceUrl::parse(&self.url("/introspect?realm=x"), Reach::Anywhere).unwrap();
        let client = ClientProof::SecretFile(self.secret_file());
        Asking::Introspection { url, client_id: "mon:ward id".to_owned(), client }
    }

    fn settings(&self, asking: Asking, identity: Option<&Leaf>) -> AskerSettings {
        AskerSettings {
            asking,
            remote: Remote {
                tls: self.pki.client(identity),
                reach: Reach::Anywhere,
                timeout: Duration::from_secs(5),
                token_file: None,
            },
            answers: AskedSettings {
                name: "opaque".to_owned(),
                issuer: None,
                audiences: vec!["monward".to_owned()],
                leeway: Duration::ZERO,
                cache: Duration::from_secs(CACHE),
                kept: None,
            },
            remembered: 100,
        }
    }

    fn asker(&self) -> Asker {
        Asker::new(self.settings(self.introspection(), None), &self.tasks)
    }

    /// How many questions the server saw.
    fn questions(&self) -> usize {
        self.fake.requests().len()
    }

    async fn sees(&self, questions: usize) {
        eventually("the questions", || self.questions() >= questions).await;
    }
}

fn at(second: u64) -> UnixTime {
    UnixTime::from_secs(second)
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn active(more: &Value) -> String {
    let mut answer = json!({ "active": true, "sub": "alice", "aud": "monward", "exp": NOW + 600 });
    answer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    answer.to_string()
}

fn good() -> Reply {
    Reply::ok(&active(&json!({})))
}

fn subject(verdict: &Verdict) -> Result<&str, TokenFault> {
    verdict.as_ref().map(|principal| principal.subject()).map_err(|fault| *fault)
}

async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let begun = clock::instant();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Begins `future`; it goes on by itself.
fn begin<F>(tasks: &Tasks, future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    tasks.spawn(future)
}

#[tokio::test]
async fn b19_the_question_says_what_the_standards_say_and_its_answer_makes_a_principal() {
    let world = World::new(|_, _| good()).await;
    let principal = world.asker().ask(&secret(TOKEN), HERE, at(NOW)).await.unwrap();
    assert_eq!((principal.issuer(), principal.subject()), ("opaque", "alice"));
    assert_eq!((principal.method(), principal.expires()), (Method::Introspection, at(NOW + 600)));
    // `printf 'mon%%3Award%%20id:CANARY%%3As%%20p%%25%%2B%%26%%C3%%A9' | base64`
    let form = "token=CANARY%2Bopaque%2Ftoken%3D%3D%26x%3D%7E%20y&token_type_hint=access_token";
    let expected = format!(
        "POST /introspect?realm=x HTTP/1.1\r\nHost: localhost:{}\r\nAccept-Encoding: identity\r\n\
         Accept: application/json\r\nUser-Agent: monward\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Authorization: Basic bW9uJTNBd2FyZCUyMGlkOkNBTkFSWSUzQXMlMjBwJTI1JTJCJTI2JUMzJUE5\r\nContent-Length: {}\r\n\r\n{form}",
        world.fake.address.port(),
        form.len()
    );
    assert_eq!(world.fake.requests(), [expected]);
}

#[tokio::test]
async fn b19_a_client_with_a_certificate_names_itself_in_the_form() {
    let pki = Pki::new();
    let fake = Fake::tls(pki.strict_server(&pki.leaf("localhost")), |_, _| good()).await;
    let world = World { fake, pki, directory: tempfile::tempdir().unwrap(), tasks: Tasks::new() };
    let url = SourceUrl::parse(&world.url("/i"), Reach::Anywhere).unwrap();
    let asking = Asking::Introspection { url, client_id: "a&b".to_owned(), client: ClientProof::Certificate };
    let leaf = world.pki.leaf("monward");
    let asker = Asker::new(world.settings(asking.clone(), Some(&leaf)), &world.tasks);
    assert_eq!(subject(&asker.ask(&secret("t"), HERE, at(NOW)).await), Ok("alice"));
    let request = world.fake.requests().concat();
    assert!(request.ends_with("\r\n\r\ntoken=t&token_type_hint=access_token&client_id=a%26b"), "{request}");
    assert!(!request.contains("Authorization"), "{request}");
    let nobody = Asker::new(world.settings(asking, None), &world.tasks);
    assert_eq!(subject(&nobody.ask(&secret("t"), HERE, at(NOW)).await), Err(TokenFault::Unavailable));
}

fn review_answer(status: &Value) -> String {
    json!({ "kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "status": status }).to_string()
}

#[tokio::test]
async fn b19_a_review_is_asked_of_the_api_server_with_our_own_token() {
    let user = json!({ "username": "system:serviceaccount:mon:prom", "groups": ["g"] });
    let body = review_answer(&json!({ "authenticated": true, "audiences": ["monward"], "user": user }));
    let refused = review_answer(&json!({ "user": {}, "error": "[invalid bearer token]" }));
    let world = World::new(move |number, _| {
        let body = if number == 0 { &body } else { &refused };
        Reply::raw(format!("HTTP/1.1 201 Created\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
    })
    .await;
    world.write_secret("own.token");
    for server in [world.url(""), world.url("/")] {
        let asking = Asking::review(&server, world.secret_file(), Reach::Anywhere).unwrap();
        assert_eq!(asking.url().target(), "/apis/authentication.k8s.io/v1/tokenreviews");
    }
    let asking = Asking::review(&world.url("/k8s/"), world.secret_file(), Reach::Anywhere).unwrap();
    let asker = Asker::new(world.settings(asking, None), &world.tasks);
    let principal = asker.ask(&secret("a\"b"), HERE, at(NOW)).await.unwrap();
    assert_eq!((principal.subject(), principal.method()), ("system:serviceaccount:mon:prom", Method::TokenReview));
    assert_eq!(principal.expires(), at(NOW + CACHE));
    let sent = world.fake.requests().concat();
    let (head, body) = sent.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /k8s/apis/authentication.k8s.io/v1/tokenreviews HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nContent-Type: application/json\r\nAuthorization: Bearer own.token\r\n"), "{head}");
    let expected = json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": { "token": "a\"b", "audiences": ["monward"] },
    });
    assert_eq!(serde_json::from_str::<Value>(body).unwrap(), expected);
    assert_eq!(subject(&asker.ask(&secret("bad"), HERE, at(NOW)).await), Err(TokenFault::Inactive));
    assert!(Asking::review("https://k?x", PathBuf::new(), Reach::Anywhere).is_err());
}

#[tokio::test]
async fn b19_an_inactive_token_is_bad_and_asked_about_each_time() {
    use TokenFault::{Audience, Inactive};
    let world = World::new(|number, _| match number {
        0 | 1 => Reply::ok(r#"{"active":false}"#),
        2 => Reply::ok(&active(&json!({ "aud": "other" }))),
        _ => good(),
    })
    .await;
    let asker = world.asker();
    let token = secret("t");
    let mut verdicts = Vec::new();
    for _ in 0..5 {
        verdicts.push(asker.ask(&token, HERE, at(NOW)).await);
    }
    let got: Vec<_> = verdicts.iter().map(subject).collect();
    assert_eq!(got, [Err(Inactive), Err(Inactive), Err(Audience), Ok("alice"), Ok("alice")]);
    assert_eq!(world.questions(), 4);
    assert_eq!(asker.figures(), Figures { ok: 1, inactive: 3, cached: 1, ..Figures::default() });
}

/// Each row's answer leaves the token unjudged, is forgotten at once, and has its own word.
#[tokio::test]
async fn b19_whatever_is_no_sound_answer_leaves_the_token_unjudged() {
    let big = active(&json!({ "x": "x".repeat(64 * 1024) }));
    let status = |line: &str| Reply::raw(format!("HTTP/1.1 {line}\r\nContent-Length: 15\r\n\r\n{{\"active\":true}}"));
    let chunk = format!("{:x}\r\n{big}\r\n0\r\n\r\n", big.len());
    let rows: Vec<(&str, Reply, &str)> = vec![
        ("active as text", Reply::ok(&active(&json!({ "active": "true" }))), "answer_verdict"),
        ("no active", Reply::ok(r#"{"sub":"alice"}"#), "answer_verdict"),
        ("html", Reply::ok("<html>"), "answer_json"),
        ("nothing", Reply::ok(""), "answer_json"),
        ("active twice", Reply::ok(r#"{"active":false,"active":true,"sub":"a"}"#), "answer_json"),
        ("junk", Reply::raw("junk\r\n\r\n").close(), "framing"),
        ("500", status("500 Oops"), "status"),
        ("503", status("503 Later"), "status"),
        ("400", status("400 What"), "status"),
        ("401: our own secret is wrong", status("401 Who"), "status"),
        ("403", status("403 No"), "status"),
        ("201 is for reviews alone", status("201 Created"), "status"),
        ("206", status("206 Partial"), "status"),
        ("302", Reply::raw("HTTP/1.1 302 F\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"), "status"),
        ("307", Reply::raw("HTTP/1.1 307 F\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"), "status"),
        ("huge", Reply::ok(&big), "too_large"),
        (
            "huge in chunks",
            Reply::raw(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}")),
            "too_large",
        ),
        ("gzip", Reply::raw("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx"), "encoded"),
        ("cut short", Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"active\":true").close(), "truncated"),
        ("hang", Reply::raw("").hang(), "timed_out"),
        ("hang behind the head", Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n").hang(), "timed_out"),
    ];
    for (row, reply, label) in rows {
        let world = World::new(move |number, _| if number == 0 { reply.clone() } else { good() }).await;
        let mut settings = world.settings(world.introspection(), None);
        settings.remote.timeout = Duration::from_millis(if label == "timed_out" { 500 } else { 5_000 });
        let mut asker = Asker::new(settings.clone(), &world.tasks);
        assert_eq!(subject(&asker.ask(&secret(TOKEN), HERE, at(NOW)).await), Err(TokenFault::Unavailable), "{row}");
        assert_eq!((asker.fault(), asker.figures().failed), (Some(label), 1), "{row}");
        assert_eq!((world.questions(), asker.remembered()), (1, 0), "{row}");
        if label == "timed_out" {
            // Enough time for a sound answer, however busy the machine is.
            settings.remote.timeout = MAX_TIMEOUT;
            asker = Asker::new(settings, &world.tasks);
        }
        assert_eq!(subject(&asker.ask(&secret(TOKEN), HERE, at(NOW)).await), Ok("alice"), "{row}: the next time");
        assert_eq!((asker.fault(), world.questions()), (None, 2), "{row}: the next time");
    }
}

#[tokio::test]
async fn b19_an_issuer_that_cannot_be_called_leaves_the_token_unjudged() {
    let world = World::new(|_, _| good()).await;
    let url = |text: &str| SourceUrl::parse(text, Reach::Anywhere).unwrap();
    let asking = |url| Asking::Introspection { url, client_id: "x".into(), client: ClientProof::Certificate };
    let stranger = Pki::new();
    let rows: [(&str, AskerSettings, &str); 5] = [
        (
            "a private address without the operator's word",
            {
                let mut settings = world.settings(asking(url(&world.url("/i"))), None);
                settings.remote.reach = Reach::Public;
                settings
            },
            "address_refused",
        ),
        (
            "a certificate of somebody else",
            {
                let mut settings = world.settings(asking(url(&world.url("/i"))), None);
                settings.remote.tls = stranger.client(None);
                settings
            },
            "tls_failed",
        ),
        ("nobody listens", world.settings(asking(url("http://127.0.0.1:1/i")), None), "unreachable"),
        ("no such name", world.settings(asking(url("https://monward.invalid/i")), None), "unresolved"),
        ("plain text to another machine", world.settings(asking(url("http://192.0.2.1/i")), None), "plain_text"),
    ];
    for (row, settings, label) in rows {
        let asker = Asker::new(settings, &world.tasks);
        assert_eq!(subject(&asker.ask(&secret(TOKEN), HERE, at(NOW)).await), Err(TokenFault::Unavailable), "{row}");
        assert_eq!(asker.fault(), Some(label), "{row}");
    }
    assert_eq!(world.questions(), 0);
}

#[tokio::test]
async fn b19_a_good_answer_is_remembered_until_the_cache_or_the_token_ends() {
    let rows = [
        ("cache before exp", json!({}), CACHE, NOW + CACHE),
        ("exp before cache", json!({ "exp": NOW + 7 }), CACHE, NOW + 7),
        ("no cache", json!({}), 0, NOW),
    ];
    for (row, more, cache, end) in rows {
        let body = active(&more);
        let world = World::new(move |_, _| Reply::ok(&body)).await;
        let mut settings = world.settings(world.introspection(), None);
        settings.answers.cache = Duration::from_secs(cache);
        let asker = Asker::new(settings, &world.tasks);
        let token = secret(TOKEN);
        asker.ask(&token, HERE, at(NOW)).await.unwrap();
        if end > NOW {
            asker.ask(&token, HERE, at(end).minus(Duration::from_millis(1))).await.unwrap();
        }
        assert_eq!((world.questions(), asker.remembered()), (1, usize::from(end > NOW)), "{row}");
        let expired = end == NOW + 7;
        let after = asker.ask(&token, HERE, at(end)).await;
        assert_eq!(subject(&after), if expired { Err(TokenFault::Expired) } else { Ok("alice") }, "{row}");
        assert_eq!(world.questions(), 2, "{row}");
    }
}

#[tokio::test]
async fn i12_a_clock_that_is_set_back_makes_no_answer_live_longer() {
    let world = World::new(|_, _| good()).await;
    let asker = world.asker();
    let token = secret(TOKEN);
    asker.ask(&token, HERE, at(NOW)).await.unwrap();
    asker.ask(&token, HERE, at(NOW - 1)).await.unwrap();
    assert_eq!(world.questions(), 1, "requests may overtake each other");
    asker.ask(&token, HERE, at(NOW - 3600)).await.unwrap();
    assert_eq!(world.questions(), 2);
}

/// The answer says whom it is about: nobody gets what was said of another token, or by another issuer.
#[tokio::test]
async fn a34_what_is_remembered_belongs_to_one_token_of_one_issuer() {
    fn echo(who: &'static str) -> impl Fn(usize, &str) -> Reply + Send + Sync + 'static {
        move |_, request| {
            let token = request.split("token=").nth(1).unwrap().split('&').next().unwrap();
            Reply::ok(&active(&json!({ "sub": format!("{token} at {who}") })))
        }
    }
    let (one, other) = (World::new(echo("one")).await, World::new(echo("other")).await);
    let askers = [(one.asker(), "one"), (other.asker(), "other")];
    for token in ["a", "A", "aa", "b"].repeat(2) {
        for (asker, who) in &askers {
            let expected = format!("{token} at {who}");
            assert_eq!(subject(&asker.ask(&secret(token), HERE, at(NOW)).await), Ok(expected.as_str()));
        }
    }
    assert_eq!((one.questions(), other.questions()), (4, 4));
    let again = one.asker();
    again.ask(&secret("a"), HERE, at(NOW)).await.unwrap();
    assert_eq!(one.questions(), 5, "a new asker knows nothing of what the old one was told");
}

#[tokio::test]
async fn b19_what_is_remembered_is_bounded() {
    let world = World::new(|_, _| Reply::ok(&active(&json!({ "x": "x".repeat(1000) })))).await;
    let mut settings = world.settings(world.introspection(), None);
    settings.remembered = 4;
    let asker = Asker::new(settings, &world.tasks);
    for number in 0..40 {
        asker.ask(&secret(&number.to_string()), HERE, at(NOW)).await.unwrap();
    }
    assert!((1..=8).contains(&asker.remembered()), "{}", asker.remembered());
}

/// How many of forty tokens are remembered, with room for ten of usual size, when each has this claim.
async fn remembered(claim: &Value, kept: Option<Kept>) -> usize {
    let body = active(&json!({ "x": claim }));
    let world = World::new(move |_, _| Reply::ok(&body)).await;
    let mut settings = world.settings(world.introspection(), None);
    settings.remembered = 10;
    settings.answers.kept = kept.map(Arc::new);
    let asker = Asker::new(settings, &world.tasks);
    for number in 0..40 {
        asker.ask(&secret(&number.to_string()), HERE, at(NOW)).await.unwrap();
    }
    asker.remembered()
}

#[tokio::test]
async fn b19_what_is_remembered_weighs_what_it_takes() {
    // 3 kB of text are 16 kB of empty texts.
    let many = json!(vec![""; 1000]);
    assert!(remembered(&many, None).await <= 2);
    let large = json!("x".repeat(60_000));
    assert_eq!(remembered(&large, None).await, 0, "one is more than there is room for all");
    let kept = Some(Kept { names: ["x".to_owned()].into(), texts: ["y".to_owned()].into(), ..Kept::default() });
    assert!(remembered(&large, kept).await >= 10);
}

#[tokio::test]
async fn b19_fifty_requests_with_one_token_are_one_question() {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let world = World::new(move |_, _| good().behind(&held)).await;
    let asker = Arc::new(world.asker());
    let ask = || {
        let asker = Arc::clone(&asker);
        begin(&world.tasks, async move { asker.ask(&secret(TOKEN), HERE, at(NOW)).await })
    };
    let all: Vec<_> = (0..50).map(|_| ask()).collect();
    eventually("49 followers", || asker.figures().shared == 49).await;
    world.sees(1).await;
    gate.add_permits(50);
    for one in all {
        assert_eq!(subject(&one.await.unwrap()), Ok("alice"));
    }
    assert_eq!(world.questions(), 1);
    assert_eq!(asker.figures(), Figures { ok: 1, shared: 49, ..Figures::default() });
}

#[tokio::test]
async fn b19_followers_share_a_refusal_as_well_and_the_next_request_asks_anew() {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let world = World::new(move |_, _| Reply::ok(r#"{"active":false}"#).behind(&held)).await;
    let asker = Arc::new(world.asker());
    let all: Vec<_> = (0..5)
        .map(|_| {
            let asker = Arc::clone(&asker);
            begin(&world.tasks, async move { asker.ask(&secret(TOKEN), HERE, at(NOW)).await })
        })
        .collect();
    eventually("4 followers", || asker.figures().shared == 4).await;
    gate.add_permits(2);
    for one in all {
        assert_eq!(subject(&one.await.unwrap()), Err(TokenFault::Inactive));
    }
    assert_eq!(subject(&asker.ask(&secret(TOKEN), HERE, at(NOW)).await), Err(TokenFault::Inactive));
    assert_eq!(world.questions(), 2);
}

#[tokio::test]
async fn b19_a_leader_that_goes_away_takes_nothing_from_its_followers() {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let world = World::new(move |_, _| good().behind(&held)).await;
    let asker = Arc::new(world.asker());
    let ask = || {
        let asker = Arc::clone(&asker);
        begin(&world.tasks, async move { asker.ask(&secret(TOKEN), HERE, at(NOW)).await })
    };
    let leader = ask();
    world.sees(1).await;
    let follower = ask();
    eventually("a follower", || asker.figures().shared == 1).await;
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    gate.add_permits(1);
    assert_eq!(subject(&follower.await.unwrap()), Ok("alice"));
    assert_eq!(world.questions(), 1);
    assert_eq!(world.tasks.wait(Duration::from_secs(10)).await, 0, "the question was one of the tasks");
}

/// How many calls the issuer sees about tokens that nobody knows.
const UNKNOWN: usize = MAX_IN_FLIGHT - RESERVED;

/// One source for each number.
fn source(number: usize) -> IpAddr {
    IpAddr::from((0xc633_6400 + u32::try_from(number).unwrap()).to_be_bytes())
}

/// Asks in the background.
fn asking(
    world: &World,
    asker: &Arc<Asker>,
    (token, source, now): (impl ToString, IpAddr, UnixTime),
) -> tokio::task::JoinHandle<Verdict> {
    let (asker, token) = (Arc::clone(asker), secret(&token.to_string()));
    begin(&world.tasks, async move { asker.ask(&token, source, now).await })
}

#[tokio::test]
async fn b19_the_issuer_sees_twelve_questions_about_strangers_at_once_and_the_rest_wait() {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let world = World::new(move |_, _| good().behind(&held)).await;
    let asker = Arc::new(world.asker());
    let all: Vec<_> = (0..40).map(|number| asking(&world, &asker, (number, source(number), at(NOW)))).collect();
    world.sees(UNKNOWN).await;
    for answered in 1..=40 - UNKNOWN {
        gate.add_permits(1);
        world.sees(UNKNOWN + answered).await;
        assert_eq!(world.questions(), UNKNOWN + answered, "each answer makes room for one question");
    }
    gate.add_permits(UNKNOWN);
    for one in all {
        assert_eq!(subject(&one.await.unwrap()), Ok("alice"));
    }
    assert_eq!((asker.figures().ok, world.questions()), (40, 40));
    assert!(world.fake.connections() <= UNKNOWN, "connections are kept");
}

#[tokio::test]
async fn b19_a_token_that_was_good_lately_goes_before_strangers() {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let world = World::new(move |number, _| if number == 0 { good() } else { good().behind(&held) }).await;
    let asker = Arc::new(world.asker());
    asker.ask(&secret("old-friend"), HERE, at(NOW)).await.unwrap();
    let now = at(NOW + CACHE);
    // More than there are seats, and as many of the very source as it may ask.
    let strangers: Vec<_> = (0..60).map(|number| asking(&world, &asker, (number, source(number / 15), now))).collect();
    world.sees(1 + UNKNOWN).await;
    let full: Vec<_> = (0..MAX_OF_SOURCE).map(|number| asking(&world, &asker, (1000 + number, HERE, now))).collect();
    let friend = asking(&world, &asker, ("old-friend", HERE, now));
    world.sees(2 + UNKNOWN).await;
    assert!(world.fake.requests().last().unwrap().contains("token=old-friend&"));
    gate.add_permits(1000);
    for one in strangers.into_iter().chain(full).chain([friend]) {
        assert_eq!(subject(&one.await.unwrap()), Ok("alice"));
    }
    assert!(asker.shared.memory.knew(&sha256("old-friend"), at(NOW + 2 * CACHE + 299)));
    assert!(!asker.shared.memory.knew(&sha256("old-friend"), at(NOW + 2 * CACHE + 300)));
}

fn sha256(text: &str) -> TokenHash {
    digest::digest(&digest::SHA256, text.as_bytes()).as_ref().try_into().unwrap()
}

#[tokio::test]
async fn b19_who_waits_too_long_for_a_turn_is_not_judged() {
    let world = World::new(|_, _| good()).await;
    let mut settings = world.settings(world.introspection(), None);
    settings.remote.timeout = Duration::from_millis(50);
    let asker = Asker::new(settings, &world.tasks);
    let all = asker.shared.seats.acquire_many(u32::try_from(UNKNOWN).unwrap()).await.unwrap();
    assert_eq!(subject(&asker.ask(&secret(TOKEN), HERE, at(NOW)).await), Err(TokenFault::Unavailable));
    assert_eq!((asker.fault(), world.fake.connections()), (Some("timed_out"), 0));
    assert_eq!(asker.figures(), Figures { failed: 1, ..Figures::default() });
    drop(all);
}

#[tokio::test]
async fn b19_more_questions_than_could_ever_be_answered_are_refused_at_once() {
    let world = World::new(|_, _| good()).await;
    let asker = world.asker();
    let join = |number| asker.join(hash_of(number), source(number), at(NOW));
    let all: Vec<_> = (0..flights::MAX_AWAITED).map(join).collect();
    assert!(all.iter().all(|joined| matches!(joined, Ok(Joined::Leads(..)))));
    assert!(matches!(join(flights::MAX_AWAITED), Err(TokenFault::Unavailable)));
    assert!(matches!(join(0), Ok(Joined::Follows(_))), "who joins is not too many");
    drop(all);
    assert!(asker.shared.flights.is_empty());
}

#[tokio::test]
async fn b19_one_source_has_sixteen_questions_at_once_and_others_theirs() {
    let world = World::new(|_, _| good()).await;
    let asker = world.asker();
    let join = |number, source: &str| asker.join(hash_of(number), source.parse().unwrap(), at(NOW));
    for (own, same, other) in
        [("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::ffff:1:2:3", "2001:db8:0:1::1")]
    {
        let mut all: Vec<_> = (0..MAX_OF_SOURCE).map(|number| join(number, own)).collect();
        assert!(all.iter().all(|joined| matches!(joined, Ok(Joined::Leads(..)))));
        for full in [own, same] {
            assert!(matches!(join(99, full), Err(TokenFault::Unavailable)), "{full}");
            assert!(matches!(join(0, full), Ok(Joined::Follows(_))), "{full}: nothing more is asked");
        }
        assert!(matches!(join(99, other), Ok(Joined::Leads(..))), "{other}");
        all.pop();
        assert!(matches!(join(99, same), Ok(Joined::Leads(..))), "{same}: when one has landed, another may start");
        drop(all);
        assert!(asker.shared.flights.is_empty());
    }
    assert_eq!(asker.figures(), Figures { failed: 4, shared: 4, ..Figures::default() });
}

#[tokio::test]
async fn b19_a_question_that_nobody_awaits_any_more_is_not_put() {
    let world = World::new(|_, _| good()).await;
    let asker = Arc::new(world.asker());
    let all = asker.shared.seats.acquire_many(u32::try_from(UNKNOWN).unwrap()).await.unwrap();
    let waiting: Vec<_> = (0..5).map(|number| asking(&world, &asker, (number, HERE, at(NOW)))).collect();
    let again = asking(&world, &asker, (0, HERE, at(NOW)));
    eventually("all to wait", || asker.figures().shared == 1 && asker.shared.flights.len() == 5).await;
    for one in waiting {
        one.abort();
        assert!(one.await.unwrap_err().is_cancelled());
    }
    eventually("the others to be dropped", || asker.shared.flights.len() == 1).await;
    drop(all);
    assert_eq!(subject(&again.await.unwrap()), Ok("alice"), "one of two who asked the same has stayed");
    assert_eq!(world.tasks.wait(Duration::from_secs(10)).await, 0);
    assert_eq!((world.questions(), asker.figures().ok, asker.figures().failed), (1, 1, 0));
    assert!(asker.shared.flights.is_empty());
}

/// The old question is out already when its task ends: it must not take the new one with it.
#[tokio::test]
async fn b19_what_is_asked_anew_outlives_the_end_of_what_nobody_awaited() {
    let world = World::new(|_, _| good()).await;
    let asker = world.asker();
    let lead = || match asker.join(hash_of(1), HERE, at(NOW)) {
        Ok(Joined::Leads(answer, landing)) => (answer, landing),
        _ => panic!("nobody asks about that"),
    };
    let (answer, old) = lead();
    drop(answer);
    old.unawaited().await;
    let (mut answer, new) = lead();
    drop(old);
    assert_eq!(asker.shared.flights.len(), 1);
    new.land(Err(TokenFault::Inactive));
    assert_eq!(subject(answer.borrow_and_update().as_ref().unwrap()), Err(TokenFault::Inactive));
    assert!(asker.shared.flights.is_empty());
}

fn hash_of(number: usize) -> TokenHash {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&number.to_le_bytes());
    hash
}

#[tokio::test]
async fn b19_a_new_secret_is_used_without_a_reload() {
    let world = World::new(|_, _| good()).await;
    let asker = world.asker();
    let rows: [(&str, Result<&str, TokenFault>, &str); 5] = [
        ("one", Ok("alice"), ":one"),
        ("two\n", Ok("alice"), ":two"),
        ("six\r\n", Ok("alice"), ":six"),
        ("", Err(TokenFault::Unavailable), ""),
        ("ten", Ok("alice"), ":ten"),
    ];
    for (number, (text, expected, sent)) in rows.into_iter().enumerate() {
        world.write_secret(text);
        let before = world.questions();
        assert_eq!(subject(&asker.ask(&secret(&number.to_string()), HERE, at(NOW)).await), expected, "{text:?}");
        let requests = world.fake.requests();
        let request = requests.get(before).map(String::as_str).unwrap_or_default();
        let field = request.lines().find_map(|line| line.strip_prefix("Authorization: Basic ")).unwrap_or_default();
        let pair = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, field).unwrap();
        assert!(String::from_utf8(pair).unwrap().ends_with(sent), "{text:?}");
        assert_eq!(requests.len() - before, usize::from(expected.is_ok()), "{text:?}");
    }
    assert_eq!(world.fake.connections(), 1);
}

#[test]
fn a_secret_file_is_one_line_of_text_and_nothing_of_it_is_shown() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("f");
    let long = "CANARY".repeat(3000);
    let rows: [(&str, &[u8], Result<&str, &str>); 9] = [
        ("plain", b"CANARY", Ok("CANARY")),
        ("line end", b"CANARY\n", Ok("CANARY")),
        ("spaces stay", b" CANARY \r\n", Ok(" CANARY ")),
        ("empty", b"", Err("it is empty")),
        ("only a line end", b"\n", Err("it is empty")),
        ("two lines", b"CANARY\nCANARY\n", Err("it is not one line of text")),
        ("NUL", b"CANARY\0", Err("it is not one line of text")),
        ("Latin-1", b"CANARY\xe9", Err("it is not UTF-8")),
        ("too large", long.as_bytes(), Err("it is too large")),
    ];
    for (row, text, expected) in rows {
        std::fs::write(&path, text).unwrap();
        match (crate::oidc::read_secret_file(&path), expected) {
            (Ok(secret), Ok(expected)) => {
                assert_eq!(secret.expose(), expected, "{row}");
                assert!(!format!("{secret:?}").contains("CANARY"));
            }
            (Err(fault), Err(expected)) => {
                assert_eq!(fault, OidcError::SecretFile(expected), "{row}");
                assert!(!fault.to_string().contains("CANARY"), "{row}");
            }
            (got, expected) => panic!("{row}: {got:?}, not {expected:?}"),
        }
    }
    assert_eq!(
        crate::oidc::read_secret_file(directory.path()).map(drop),
        Err(OidcError::SecretFile("it is no regular file"))
    );
    let missing = crate::oidc::read_secret_file(&directory.path().join("no")).map(drop);
    assert_eq!(missing, Err(OidcError::SecretFile("it does not exist")));
}

#[tokio::test]
async fn b19_what_can_be_no_token_is_never_asked_about() {
    let world = World::new(|_, _| good()).await;
    let asker = world.asker();
    let long = "x".repeat(MAX_TOKEN + 1);
    let rows = [("", TokenFault::Inactive), ("t\u{e9}", TokenFault::Inactive), ("t\nx", TokenFault::Inactive)];
    for (token, expected) in rows.into_iter().chain([(long.as_str(), TokenFault::TooLong)]) {
        assert_eq!(subject(&asker.ask(&secret(token), HERE, at(NOW)).await), Err(expected));
    }
    assert_eq!(world.questions(), 0);
    asker.ask(&secret(&"x".repeat(MAX_TOKEN)), HERE, at(NOW)).await.unwrap();
}

#[tokio::test]
async fn j01_nothing_that_can_be_printed_shows_a_token_or_a_secret() {
    let world = World::new(|_, _| good()).await;
    let asker = world.asker();
    let principal = asker.ask(&secret(TOKEN), HERE, at(NOW)).await.unwrap();
    let request = asker.shared.asking.request(TOKEN, &[]).await.unwrap();
    let printed = format!("{asker:?} {principal:?} {request:?} {:?}", asker.figures());
    assert!(!printed.contains("CANARY"), "{printed}");
}

#[tokio::test]
async fn b19_a_bound_token_stays_bound() {
    let thumbprint = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
    let body = active(&json!({ "cnf": { "x5t#S256": thumbprint } }));
    let world = World::new(move |_, _| Reply::ok(&body)).await;
    let asker = world.asker();
    for _ in 0..2 {
        let principal = asker.ask(&secret(TOKEN), HERE, at(NOW)).await.unwrap();
        assert_eq!(principal.proofs().find_map(Proof::bound_to), Some(&[7; 32]));
    }
    assert_eq!(world.questions(), 1);
}

#[test]
fn every_failure_says_what_it_means_for_the_token() {
    let broken = Failure::Answer(AnswerFault::Verdict);
    let missing = TokenFault::ClaimMissing(Claim::Subject);
    let rows = [
        (Failure::Call(OidcError::Status(401)), TokenFault::Unavailable, "status"),
        (broken, TokenFault::Unavailable, "answer_verdict"),
        (Failure::Answer(missing.into()), missing, "token_claim_missing"),
    ];
    for (failure, fault, label) in rows {
        assert_eq!((failure.of_token(), failure.label()), (fault, label));
    }
}
