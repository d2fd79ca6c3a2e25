//! HTTP Basic: a token or a static key for clients that know nothing else.

use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::authn::{Method, StaticKeys};

/// Of `first-key`, by the `argon2` command of Debian.
const KEYS: &str = "\
version: 1
keys:
  grafana: \"$argon2id$v=19$m=8192,t=1,p=1$MU1FcU9WODZwOGtJRkM0OURqYndDZz09$PsBbKMeF4QbIFxQhF90oH48Qqg3Z02FqHKf1bOa7w0s\"
";

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// A gate that accepts Basic, with static keys at the issuer's place 1 or without.
fn bench(static_keys: Option<usize>) -> Bench {
    Bench { basic: true, static_keys, ..Bench::new() }
}

fn request<'a>(authorization: &'a [&'a [u8]]) -> Request<'a> {
    Request {
        method: b"GET",
        target: b"/varz",
        body: &[],
        host: b"mon.test",
        authorization,
        assertions: &[],
        told: &[],
        way: Way::Direct,
        certificate: None,
        source: IpAddr::from([192, 0, 2, 1]),
        tls: None,
        now: UnixTime::from_secs(NOW),
    }
}

#[test]
fn a_token_may_come_as_the_password_of_basic_whatever_the_name() {
    let bench = bench(None);
    for user in ["", "token", "somebody else"] {
        let header = basic(user, &bench.token("prometheus"));
        let pass = bench.ask(&[&header], "mon.test", "GET", "/connz").unwrap();
        assert_eq!((pass.principal().subject(), pass.principal().method().label()), ("prometheus", "basic_token"));
        bench.clock.advance(Duration::from_mins(1));
    }
    let bearer = format!("Bearer {}", bench.token("prometheus"));
    let pass = bench.ask(&[&bearer], "mon.test", "GET", "/varz").unwrap();
    assert_eq!(pass.principal().method(), Method::BearerJwt, "what is remembered of the token is not changed by it");
}

#[test]
fn a_token_is_judged_by_basic_as_it_is_by_bearer() {
    let bench = bench(None);
    let claims = json!({"iss": "https://idp.test", "aud": "us", "sub": "x", "exp": NOW - 300, "iat": NOW - 600});
    for (password, wanted) in [
        (bench.sign("k", &claims), (401, "token_expired")),
        (bench.token("prometheus") + "x", (401, "token_encoding")),
        (bench.token("nobody"), (403, "no_role")),
        ("hunter2".to_owned(), (401, "token_parts")),
        (String::new(), (401, "token_parts")),
    ] {
        let answer = label(bench.ask(&[&basic("x", &password)], "mon.test", "GET", "/varz"));
        assert_eq!(answer, wanted, "{password}");
    }
}

#[test]
fn basic_is_refused_where_it_is_not_switched_on() {
    let bench = Bench { static_keys: Some(1), ..Bench::new() };
    for password in ["first-key".to_owned(), bench.token("prometheus")] {
        let header = basic("grafana", &password);
        assert_eq!(label(bench.ask(&[&header], "mon.test", "GET", "/varz")), (401, "credential_scheme"));
    }
}

#[test]
fn a33_basic_and_bearer_together_are_refused() {
    let bench = bench(Some(1));
    let (bearer, basic) = (format!("Bearer {}", bench.token("prometheus")), basic("grafana", "first-key"));
    for headers in [[&bearer, &basic], [&basic, &bearer], [&basic, &basic]] {
        let headers = headers.map(String::as_str);
        assert_eq!(label(bench.ask(&headers, "mon.test", "GET", "/varz")), (400, "credential_several"));
    }
}

#[test]
fn a_static_key_is_a_question_for_those_who_have_the_file_and_their_answer_counts() {
    let bench = bench(Some(1));
    let header = basic("grafana", "first-key");
    let values = [header.as_bytes()];
    let request = request(&values);
    let keys = StaticKeys::parse("keys", "k.yaml", KEYS).unwrap();
    let ask = || match identify(&bench.engine(), &request).unwrap() {
        Identified::Asks(inquiry) => inquiry,
        Identified::Known(principal) => panic!("known without a question: {principal:?}"),
    };
    let inquiry = ask();
    let Question::Key { issuer, user, key } = &inquiry.question else { panic!("{inquiry:?}") };
    assert_eq!((*issuer, user.as_str(), key.expose().as_str()), (1, "grafana", "first-key"));
    assert!(!format!("{inquiry:?}").contains("first-key"));
    let answer = keys.check(user, key);
    let principal = inquiry.settle(answer, &request).unwrap();
    assert_eq!((principal.subject(), principal.method().label()), ("grafana", "static_key"));
    for (fault, wanted) in [
        (TokenFault::Key, (401, "key_wrong")),
        (TokenFault::Attempts, (429, "key_attempts")),
        (TokenFault::Unavailable, (503, "issuer_unavailable")),
    ] {
        let denial = ask().settle(Err(fault), &request).unwrap_err();
        assert_eq!((denial.status(), denial.label()), wanted);
    }
}

#[test]
fn with_static_keys_a_jwt_is_still_a_token_and_everything_else_a_key() {
    let bench = bench(Some(0));
    let jwt = basic("grafana", &bench.token("prometheus"));
    let pass = bench.ask(&[&jwt], "mon.test", "GET", "/varz").unwrap();
    assert_eq!(pass.principal().method(), Method::BasicToken);
    for password in ["", "a.b.c", "eyJ", "eyJhbGciOiJub25lIn0.", "eyJhbGciOiJub25lIn0.e30..", "a:b", "kéy"] {
        let header = basic("grafana", password);
        let values = [header.as_bytes()];
        let identified = identify(&bench.engine(), &request(&values)).unwrap();
        assert!(
            matches!(&identified, Identified::Asks(Inquiry { question: Question::Key { key, .. }, .. }) if key.expose() == password),
            "{password}"
        );
    }
}

#[test]
fn a_401_offers_basic_beside_bearer_where_it_is_accepted_and_nothing_else_does() {
    let offer = "Basic realm=\"monward\", charset=\"UTF-8\"";
    let (with, without) = (bench(Some(1)), Bench::new());
    for (denial, bearer) in [
        (Denial::Credential(CredentialFault::Missing), "Bearer realm=\"monward\""),
        (Denial::Credential(CredentialFault::Scheme), "Bearer realm=\"monward\", error=\"invalid_token\""),
        (Denial::Token(TokenFault::Key), "Bearer realm=\"monward\", error=\"invalid_token\""),
        (Denial::Token(TokenFault::Revoked), "Bearer realm=\"monward\", error=\"invalid_token\""),
    ] {
        assert_eq!(with.engine().challenges(&denial).collect::<Vec<_>>(), [bearer, offer], "{denial:?}");
        assert_eq!(without.engine().challenges(&denial).collect::<Vec<_>>(), [bearer], "{denial:?}");
    }
    for (denial, values) in [
        (Denial::Credential(CredentialFault::Several), 1),
        (Denial::Host, 0),
        (Denial::Token(TokenFault::Attempts), 0),
        (Denial::Token(TokenFault::Unavailable), 0),
    ] {
        let challenges: Vec<_> = with.engine().challenges(&denial).collect();
        assert_eq!(challenges.len(), values, "{denial:?}");
        assert!(!challenges.contains(&offer), "{denial:?}");
    }
}
