//! Answers recorded from `nats-server` 2.15.1, for machines that have none.
//!
//! In: a path and a query as monward sends them. Out: the recorded body that comes nearest: arguments that only page
//! or sort do not count. The server that gave them is gone, and so are its keys.

use bytes::Bytes;
use http::{Request, Response, StatusCode};

use super::web::{Handler, answer, text};

/// The version of the server that gave the answers.
pub(super) const VERSION: &str = "2.15.1";
/// The account that the tour asks about; its answer carries a JWT.
pub(super) const ACCOUNT: &str = "ACP7OP6NN7EWXH6LAAGJJUHYFXRTGD53JT3SJHT3FTJOYTQR2JKW52YX";

/// Serves the recorded answers.
pub(super) struct Recorded;

impl Handler for Recorded {
    fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let query = request.uri().query().unwrap_or_default();
        match find(request.uri().path(), query) {
            Found::Body(body) => answer(StatusCode::OK, "application/json", Bytes::from_static(body)),
            Found::NoAccount => text(StatusCode::BAD_REQUEST, "Account does not exist"),
            Found::Nothing => text(StatusCode::NOT_FOUND, "404 page not found\n"),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Found {
    Body(&'static [u8]),
    NoAccount,
    Nothing,
}

/// The answer for `path` that was recorded with most of the arguments of `query`, and with no other.
fn find(path: &str, query: &str) -> Found {
    let asked: Vec<(&str, &str)> = query.split('&').filter_map(|pair| pair.split_once('=')).map(plain).collect();
    let fits = ANSWERS.iter().filter(|recorded| recorded.path == path);
    let mut fits = fits.filter(|recorded| recorded.arguments.iter().all(|argument| asked.contains(argument)));
    let account = asked.iter().any(|(name, _)| *name == "acc") && path == "/accountz";
    let Some(mut best) = fits.next() else { return Found::Nothing };
    for recorded in fits {
        if recorded.arguments.len() > best.arguments.len() {
            best = recorded;
        }
    }
    if account && best.arguments.is_empty() { Found::NoAccount } else { Found::Body(best.body) }
}

/// An argument with its boolean written in one way.
fn plain<'a>((name, value): (&'a str, &'a str)) -> (&'a str, &'a str) {
    (name, if value == "true" { "1" } else { value })
}

struct Answer {
    path: &'static str,
    arguments: &'static [(&'static str, &'static str)],
    body: &'static [u8],
}

macro_rules! answers {
    ($($path:literal [$($name:literal = $value:expr),*] $file:literal)*) => {
        &[$(Answer {
            path: $path,
            arguments: &[$(($name, $value)),*],
            body: include_bytes!(concat!("answers/", $file)),
        }),*]
    };
}

static ANSWERS: &[Answer] = answers! {
    "/varz" [] "varz.json"
    "/connz" [] "connz.json"
    "/connz" ["auth" = "1"] "connz-auth.json"
    "/connz" ["state" = "closed"] "connz-closed.json"
    "/accountz" [] "accountz.json"
    "/accountz" ["acc" = ACCOUNT] "accountz-acme.json"
    "/accountz" ["acc" = "ADF5PRR32TUJ5WQN2AJN5SGYBEPJMTCOD4H4MINBPQW4Y4A5W64XXTBX"] "accountz-globex.json"
    "/accstatz" [] "accstatz.json"
    "/jsz" [] "jsz.json"
    "/jsz" ["accounts" = "1"] "jsz-accounts.json"
    "/jsz" ["streams" = "1"] "jsz-streams.json"
    "/healthz" [] "healthz.json"
    "/subsz" [] "subsz.json"
    "/routez" [] "routez.json"
    "/gatewayz" [] "gatewayz.json"
    "/leafz" [] "leafz.json"
};

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn body(path: &str, query: &str) -> Value {
        match find(path, query) {
            Found::Body(body) => serde_json::from_slice(body).unwrap(),
            other @ (Found::NoAccount | Found::Nothing) => panic!("{path}?{query}: {other:?}"),
        }
    }

    #[test]
    fn every_answer_is_one_json_object_and_is_found() {
        for recorded in ANSWERS {
            let query: Vec<_> = recorded.arguments.iter().map(|(name, value)| format!("{name}={value}")).collect();
            assert!(body(recorded.path, &query.join("&")).is_object(), "{}", recorded.path);
            assert_eq!(find(recorded.path, &query.join("&")), Found::Body(recorded.body));
        }
    }

    #[test]
    fn the_answers_carry_the_secrets_that_the_tour_withholds() {
        let varz = body("/varz", "");
        assert!(varz["trusted_operators_jwt"][0].as_str().unwrap().starts_with("eyJ"));
        assert!(varz["server_id"].is_string() && varz["connections"].is_u64());
        let account = &body("/accountz", &format!("acc={ACCOUNT}"))["account_detail"];
        assert!(account["jwt"].as_str().unwrap().starts_with("eyJ"));
        assert!(account["decoded_jwt"].is_object() && account["issuer_key"].is_string());
        assert!(body("/connz", "auth=true")["connections"][0].is_object());
        assert!(body("/connz", "state=closed")["connections"].to_string().contains("eyJ"));
    }

    #[test]
    fn paging_does_not_matter_and_unknown_things_are_not_found() {
        assert_eq!(find("/connz", "limit=256&state=open"), find("/connz", ""));
        assert_eq!(find("/connz", "auth=false"), find("/connz", ""));
        assert_eq!(find("/jsz", "accounts=true&limit=100"), find("/jsz", "accounts=1"));
        assert_eq!(find("/accountz", "acc=NOPE"), Found::NoAccount);
        assert_eq!(find("/stacksz", ""), Found::Nothing);
    }

    #[test]
    fn no_answer_holds_a_private_key_or_a_seed() {
        for recorded in ANSWERS {
            let text = std::str::from_utf8(recorded.body).unwrap();
            assert!(!text.contains("PRIVATE KEY"), "{}", recorded.path);
            for word in text.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| word.len() == 58) {
                assert!(!word.starts_with('S'), "{}: a seed-shaped word", recorded.path);
            }
        }
    }
}
