//! What issuers answer when they are asked about a token: sound, negative, broken.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::{
    AnswerFault, Answered, AskedSettings, Claim, ClaimTree, ClaimValue, Kept, MAX_ANSWER_AGE, Method, Revocations,
    TokenFault, introspected, reviewed,
};
use super::mint::{AUDIENCE, ISSUER, LEEWAY, NOW, encode, with};
use crate::types::UnixTime;

const CACHE: u64 = 20;

fn settings() -> AskedSettings {
    AskedSettings {
        name: "opaque".to_owned(),
        issuer: Some(ISSUER.to_owned()),
        audiences: vec!["other".to_owned(), AUDIENCE.to_owned()],
        leeway: Duration::from_secs(LEEWAY),
        cache: Duration::from_secs(CACHE),
        kept: None,
    }
}

fn now() -> UnixTime {
    UnixTime::from_secs(NOW)
}

/// A sound answer of an introspection endpoint.
fn active() -> Value {
    json!({ "active": true, "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": NOW + 600, "groups": ["ops"] })
}

fn introspect(answer: &Value) -> Result<Answered, AnswerFault> {
    introspected(&settings(), "opaque", answer.to_string().as_bytes(), now())
}

/// A sound answer of a Kubernetes API server.
fn review() -> Value {
    json!({
        "kind": "TokenReview",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": { "creationTimestamp": null },
        "spec": { "token": "CANARY", "audiences": [AUDIENCE] },
        "status": {
            "authenticated": true,
            "user": {
                "username": "system:serviceaccount:monitoring:prometheus",
                "uid": "5a4b",
                "groups": ["system:serviceaccounts", "system:authenticated"],
                "extra": { "authentication.kubernetes.io/pod-name": ["prometheus-0"] },
            },
            "audiences": [AUDIENCE],
        },
    })
}

fn with_status(more: &Value) -> Value {
    let status = with(review()["status"].clone(), more);
    with(review(), &json!({ "status": status }))
}

/// What became of a row: nobody, or who and until which second.
fn outcome(result: Result<Answered, AnswerFault>) -> Result<(String, u64), AnswerFault> {
    result.map(|answered| (answered.principal.subject().to_owned(), answered.until.as_secs()))
}

#[test]
fn b19_an_active_answer_makes_a_principal_of_the_whole_answer() {
    let answered = introspect(&active()).unwrap();
    let principal = &answered.principal;
    assert_eq!((principal.issuer(), principal.subject()), ("opaque", "alice"));
    assert_eq!(principal.method(), Method::Introspection);
    assert_eq!(principal.claims().get("groups"), Some(&ClaimValue::List(["ops".into()].into())));
    assert_eq!((principal.expires().as_secs(), answered.until.as_secs()), (NOW + 600, NOW + CACHE));
    assert_eq!(principal.proofs().next().unwrap().bound_to(), None);
}

#[test]
fn b19_only_the_json_values_true_and_false_are_a_verdict() {
    use AnswerFault::{Json, Verdict};
    let inactive = AnswerFault::Token(TokenFault::Inactive);
    let rows: [(&str, AnswerFault); 22] = [
        (r#"{"active":false}"#, inactive),
        (r#"{"active":false,"sub":"alice","exp":99999999999}"#, inactive),
        (r#"{"active":"true","sub":"alice"}"#, Verdict),
        (r#"{"active":"false"}"#, Verdict),
        (r#"{"active":1,"sub":"alice"}"#, Verdict),
        (r#"{"active":null}"#, Verdict),
        (r#"{"active":[true]}"#, Verdict),
        (r#"{"active":{"active":true}}"#, Verdict),
        (r#"{"Active":true,"sub":"alice"}"#, Verdict),
        (r#"{"sub":"alice"}"#, Verdict),
        ("{}", Verdict),
        ("", Json),
        ("true", Json),
        ("[]", Json),
        (r#"[{"active":true,"sub":"alice"}]"#, Json),
        ("<html>", Json),
        (r#"{"active":true,"sub":"alice"} {}"#, Json),
        (r#"{"active":true,"sub":"alice""#, Json),
        (r#"{"active":false,"active":true,"sub":"alice"}"#, Json),
        (r#"{"active":false,"\u0061ctive":true,"sub":"alice"}"#, Json),
        (r#"{"active":true,"sub":"alice","x":{"y":1,"y":2}}"#, Json),
        ("\u{feff}{\"active\":true,\"sub\":\"alice\"}", Json),
    ];
    for (body, expected) in rows {
        let fault = introspected(&settings(), "opaque", body.as_bytes(), now()).map(drop).unwrap_err();
        assert_eq!(fault, expected, "{body}");
        assert_eq!(fault.of_token().is_unjudged(), expected != inactive, "{body}");
    }
    let deep = format!(r#"{{"active":true,"sub":"alice","x":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(introspected(&settings(), "opaque", deep.as_bytes(), now()).map(drop), Err(Json));
    let latin = b"{\"active\":true,\"sub\":\"al\xffice\"}";
    assert_eq!(introspected(&settings(), "opaque", latin, now()).map(drop), Err(Json));
}

/// What is wrong with a token, or whose it is and until which second.
type Expected = Result<(&'static str, u64), TokenFault>;

/// Rows of changes to the sound answer; null removes a member.
fn check(rows: &[(&str, Value, Expected)]) {
    for (row, change, expected) in rows {
        let got = outcome(introspect(&with(active(), change)));
        let expected = expected.map(|(subject, until)| (subject.to_owned(), until)).map_err(AnswerFault::Token);
        assert_eq!(got, expected, "{row}");
    }
}

#[test]
fn b19_an_active_answer_is_held_to_the_times_it_names() {
    use Claim::{Expires, IssuedAt, NotBefore};
    use TokenFault::{ClaimMalformed, Expired, IssuedInFuture, NotYetValid};
    let good = |until| Ok(("alice", until));
    check(&[
        ("exp behind the cache", json!({ "exp": NOW + CACHE + 1 }), good(NOW + CACHE)),
        ("exp before the cache ends", json!({ "exp": NOW + 7 }), good(NOW + 7)),
        ("exp with a fraction", json!({ "exp": 1_800_000_007.5 }), good(NOW + 7)),
        ("no exp", json!({ "exp": null }), good(NOW + CACHE)),
        ("exp past, within the leeway: never remembered", json!({ "exp": NOW - 1 }), good(NOW - 1)),
        ("exp past", json!({ "exp": NOW - LEEWAY }), Err(Expired)),
        ("exp 0", json!({ "exp": 0 }), Err(Expired)),
        ("exp as text", json!({ "exp": (NOW + 600).to_string() }), Err(ClaimMalformed(Expires))),
        ("exp negative", json!({ "exp": -1 }), Err(ClaimMalformed(Expires))),
        ("exp absurd", json!({ "exp": 1e300 }), Err(ClaimMalformed(Expires))),
        ("exp list", json!({ "exp": [NOW + 600] }), Err(ClaimMalformed(Expires))),
        ("nbf within the leeway", json!({ "nbf": NOW + LEEWAY }), good(NOW + CACHE)),
        ("nbf ahead", json!({ "nbf": NOW + LEEWAY + 1 }), Err(NotYetValid)),
        ("nbf as text", json!({ "nbf": "0" }), Err(ClaimMalformed(NotBefore))),
        ("iat within the leeway", json!({ "iat": NOW + LEEWAY }), good(NOW + CACHE)),
        ("iat ahead", json!({ "iat": NOW + LEEWAY + 1 }), Err(IssuedInFuture)),
        ("iat as object", json!({ "iat": {} }), Err(ClaimMalformed(IssuedAt))),
    ]);
    let null = r#"{"active":true,"sub":"alice","aud":"other","exp":null}"#;
    let got = introspected(&settings(), "opaque", null.as_bytes(), now()).map(drop);
    assert_eq!(got, Err(AnswerFault::Token(ClaimMalformed(Expires))), "exp null is not no exp");
}

#[test]
fn b19_an_active_answer_for_somebody_else_is_refused() {
    use Claim::{Audience, ClientId, Issuer, Subject};
    use TokenFault::{ClaimMalformed, ClaimMissing, UnknownIssuer};
    let good = |subject| Ok((subject, NOW + CACHE));
    check(&[
        ("no iss", json!({ "iss": null }), good("alice")),
        ("iss with a slash", json!({ "iss": format!("{ISSUER}/") }), Err(UnknownIssuer)),
        ("iss in other case", json!({ "iss": ISSUER.to_uppercase() }), Err(UnknownIssuer)),
        ("iss list", json!({ "iss": [ISSUER] }), Err(ClaimMalformed(Issuer))),
        ("iss empty", json!({ "iss": "" }), Err(ClaimMalformed(Issuer))),
        ("aud list", json!({ "aud": ["x", AUDIENCE] }), good("alice")),
        ("no aud", json!({ "aud": null }), Err(TokenFault::Audience)),
        ("other aud", json!({ "aud": "x" }), Err(TokenFault::Audience)),
        ("longer aud", json!({ "aud": format!("{AUDIENCE}x") }), Err(TokenFault::Audience)),
        ("joined aud", json!({ "aud": format!("x {AUDIENCE}") }), Err(TokenFault::Audience)),
        ("aud list with a number", json!({ "aud": [AUDIENCE, 5] }), Err(ClaimMalformed(Audience))),
        ("aud empty list", json!({ "aud": [] }), Err(ClaimMalformed(Audience))),
        ("no sub, but client_id", json!({ "sub": null, "client_id": "job" }), good("job")),
        ("sub and client_id", json!({ "client_id": "job" }), good("alice")),
        ("neither sub nor client_id", json!({ "sub": null }), Err(ClaimMissing(Subject))),
        ("username does not stand for sub", json!({ "sub": null, "username": "alice" }), Err(ClaimMissing(Subject))),
        ("sub number", json!({ "sub": 5, "client_id": "job" }), Err(ClaimMalformed(Subject))),
        ("sub empty", json!({ "sub": "", "client_id": "job" }), Err(ClaimMalformed(Subject))),
        ("client_id list", json!({ "sub": null, "client_id": ["job"] }), Err(ClaimMalformed(ClientId))),
    ]);
    let anyone = AskedSettings { issuer: None, audiences: Vec::new(), ..settings() };
    let body = with(active(), &json!({ "iss": "https://elsewhere", "aud": null })).to_string();
    assert_eq!(outcome(introspected(&anyone, "opaque", body.as_bytes(), now())), Ok(("alice".to_owned(), NOW + CACHE)));
}

#[test]
fn b19_only_access_tokens_that_any_bearer_may_use_are_taken() {
    use TokenFault::{NotAccessToken, SenderConstrained};
    let good = || Ok(("alice", NOW + CACHE));
    let thumbprint = encode(&[7; 32]);
    check(&[
        ("bearer", json!({ "token_type": "bearer" }), good()),
        ("Bearer", json!({ "token_type": "Bearer" }), good()),
        ("access_token", json!({ "token_type": "access_token", "token_use": "access_token" }), good()),
        ("DPoP", json!({ "token_type": "DPoP" }), Err(SenderConstrained)),
        ("refresh_token", json!({ "token_type": "refresh_token" }), Err(NotAccessToken)),
        ("mac", json!({ "token_type": "mac" }), Err(NotAccessToken)),
        ("token_type empty", json!({ "token_type": "" }), Err(NotAccessToken)),
        ("token_type list", json!({ "token_type": ["Bearer"] }), Err(NotAccessToken)),
        ("token_use refresh", json!({ "token_type": "Bearer", "token_use": "refresh_token" }), Err(NotAccessToken)),
        ("token_use id", json!({ "token_use": "id" }), Err(NotAccessToken)),
        ("typ of Keycloak's refresh tokens", json!({ "typ": "Refresh" }), Err(NotAccessToken)),
        ("typ of Keycloak's access tokens", json!({ "typ": "Bearer" }), good()),
        ("an ID token", json!({ "nonce": "n" }), Err(NotAccessToken)),
        ("cnf jkt", json!({ "cnf": { "jkt": thumbprint } }), Err(SenderConstrained)),
        ("cnf both", json!({ "cnf": { "jkt": thumbprint, "x5t#S256": thumbprint } }), Err(SenderConstrained)),
        ("cnf empty", json!({ "cnf": {} }), Err(SenderConstrained)),
        ("cnf text", json!({ "cnf": thumbprint }), Err(SenderConstrained)),
        ("cnf number", json!({ "cnf": { "x5t#S256": 7 } }), Err(SenderConstrained)),
        ("cnf padded", json!({ "cnf": { "x5t#S256": format!("{thumbprint}=") } }), Err(SenderConstrained)),
        ("cnf short", json!({ "cnf": { "x5t#S256": encode(&[7; 31]) } }), Err(SenderConstrained)),
        ("cnf long", json!({ "cnf": { "x5t#S256": encode(&[7; 33]) } }), Err(SenderConstrained)),
    ]);
    let null = r#"{"active":true,"sub":"alice","aud":"other","cnf":null}"#;
    let got = introspected(&settings(), "opaque", null.as_bytes(), now()).map(drop);
    assert_eq!(got, Err(AnswerFault::Token(SenderConstrained)), "cnf null");
    let bound = introspect(&with(active(), &json!({ "cnf": { "x5t#S256": thumbprint } }))).unwrap();
    assert_eq!(bound.principal.proofs().next().unwrap().bound_to(), Some(&[7; 32]));
}

#[test]
fn b19_an_answer_counts_for_five_minutes_at_most() {
    let long = AskedSettings { cache: Duration::from_hours(1), ..settings() };
    let no_end = with(active(), &json!({ "exp": null })).to_string();
    let answered = introspected(&long, "opaque", no_end.as_bytes(), now()).unwrap();
    let most = now().plus(MAX_ANSWER_AGE);
    assert_eq!((answered.until, answered.principal.expires()), (most, most));
    let answered = reviewed(&long, "opaque", review().to_string().as_bytes(), now()).unwrap();
    assert_eq!((answered.until, answered.principal.expires()), (most, most));
}

#[test]
fn b19_a_reviewed_token_makes_a_principal_of_its_user() {
    let answered = reviewed(&settings(), "opaque", review().to_string().as_bytes(), now()).unwrap();
    let principal = &answered.principal;
    assert_eq!(principal.subject(), "system:serviceaccount:monitoring:prometheus");
    assert_eq!((principal.issuer(), principal.method()), ("opaque", Method::TokenReview));
    assert_eq!(principal.claims(), &ClaimTree::of(review()["status"]["user"].as_object().unwrap()));
    assert_eq!((answered.until.as_secs(), principal.expires()), (NOW + CACHE, answered.until));
}

#[test]
fn b19_a_review_that_is_not_clearly_positive_makes_nobody_known() {
    use AnswerFault::{Json, Kind, Verdict};
    let token = AnswerFault::Token;
    let refused = json!({ "status": { "user": {}, "error": "[invalid bearer token, token has expired]" } });
    let rows: Vec<(&str, Value, AnswerFault)> = vec![
        ("authenticated false", with_status(&json!({ "authenticated": false })), token(TokenFault::Inactive)),
        ("as a server answers about a bad token", with(review(), &refused), token(TokenFault::Inactive)),
        ("authenticated left out", with_status(&json!({ "authenticated": null })), token(TokenFault::Inactive)),
        ("authenticated as text", with_status(&json!({ "authenticated": "true" })), Verdict),
        ("authenticated 1", with_status(&json!({ "authenticated": 1 })), Verdict),
        ("an error beside it", with_status(&json!({ "error": "webhook failed" })), Verdict),
        ("an odd error beside it", with_status(&json!({ "error": ["x"] })), Verdict),
        ("no status", with(review(), &json!({ "status": null })), Kind),
        ("status as text", with(review(), &json!({ "status": "Failure" })), Kind),
        ("another kind", with(review(), &json!({ "kind": "Status" })), Kind),
        ("no kind", with(review(), &json!({ "kind": null })), Kind),
        ("another version", with(review(), &json!({ "apiVersion": "authentication.k8s.io/v1beta1" })), Kind),
        ("no user", with_status(&json!({ "user": null })), Kind),
        ("no name", with_status(&json!({ "user": {} })), token(TokenFault::ClaimMissing(Claim::Subject))),
        (
            "empty name",
            with_status(&json!({ "user": { "username": "" } })),
            token(TokenFault::ClaimMissing(Claim::Subject)),
        ),
        (
            "no audiences: the server did not look at ours",
            with_status(&json!({ "audiences": null })),
            token(TokenFault::Audience),
        ),
        ("other audiences", with_status(&json!({ "audiences": ["https://kubernetes"] })), token(TokenFault::Audience)),
        (
            "odd audiences",
            with_status(&json!({ "audiences": [5] })),
            token(TokenFault::ClaimMalformed(Claim::Audience)),
        ),
        ("a list", json!([review()]), Json),
    ];
    for (row, body, expected) in rows {
        assert_eq!(
            reviewed(&settings(), "opaque", body.to_string().as_bytes(), now()).map(drop),
            Err(expected),
            "{row}"
        );
    }
    let twice =
        review().to_string().replacen("\"authenticated\":true", "\"authenticated\":false,\"authenticated\":true", 1);
    assert_eq!(reviewed(&settings(), "opaque", twice.as_bytes(), now()).map(drop), Err(Json), "authenticated twice");
    let nobody = AskedSettings { audiences: Vec::new(), ..settings() };
    let got = reviewed(&nobody, "opaque", review().to_string().as_bytes(), now()).map(drop);
    assert_eq!(got, Err(token(TokenFault::Audience)), "without audiences of ours nothing is for us");
}

/// A JWT with this payload, as it stands on the wire.
fn jwt(payload: &str) -> String {
    format!("{}.{}.c2ln", encode(br#"{"alg":"RS256"}"#), encode(payload.as_bytes()))
}

/// Whether `t-1` on the list strikes `token`, when it was introspected and when it was reviewed.
fn struck(token: &str, answer: &Value) -> (bool, bool) {
    let list = "version: 1\ntokens: [{ issuer: opaque, jti: t-1 }]\n";
    let list = Revocations::parse("r.yaml", list).unwrap();
    let introspected = introspected(&settings(), token, answer.to_string().as_bytes(), now()).unwrap();
    let reviewed = reviewed(&settings(), token, review().to_string().as_bytes(), now()).unwrap();
    (list.strikes(&introspected.principal), list.strikes(&reviewed.principal))
}

#[test]
fn b19_a_token_is_struck_by_its_own_jti_when_the_answer_says_none() {
    let named = jwt(r#"{"iss":"x","jti":"t-1"}"#);
    let (header, rest) = named.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    // `fQ` and `fR` differ in bits that count for nothing.
    let ending = jwt(r#"{"jti":"t-1","a":1}"#).replacen("fQ.", "fR.", 1);
    assert!(ending.contains("fR."), "{ending}");
    let rows = [
        ("as it is", named.clone(), true),
        ("without a signature", format!("{header}.{payload}"), true),
        ("a space in front", format!(" {named}"), true),
        ("spaces inside", format!("{header} . {} {}.{signature}", &payload[..5], &payload[5..]), true),
        ("a dot behind", format!("{named}."), true),
        ("padded", format!("{header}.{payload}=.{signature}"), true),
        ("bits left over", ending, true),
        ("another jti", jwt(r#"{"jti":"t-2"}"#), false),
        ("no jti", jwt("{}"), false),
        ("a list", jwt(r#"{"jti":["t-1"]}"#), false),
        ("two names: read in two ways", jwt(r#"{"jti":"t-1","jti":"t-1"}"#), false),
        ("no object", jwt(r#""t-1""#), false),
        ("no JWT", "t-1".to_owned(), false),
        ("no base64", "a.!.c".to_owned(), false),
    ];
    for (row, token, expected) in rows {
        assert_eq!(struck(&token, &active()), (expected, expected), "{row}: {token}");
    }
}

#[test]
fn b19_what_the_answer_says_of_its_jti_counts_more_than_the_token() {
    let named = jwt(r#"{"jti":"t-1"}"#);
    for (jti, expected) in [(json!("t-2"), false), (json!("t-1"), true), (json!(1), false)] {
        assert_eq!(struck(&named, &with(active(), &json!({ "jti": jti }))).0, expected, "{jti}");
    }
    let mut null = active();
    null["jti"] = Value::Null;
    assert!(struck(&named, &null).0, "null is no jti");
}

#[test]
fn b19_of_an_answer_only_what_can_be_compared_is_kept() {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let kept = Kept {
        names: words(&["groups", "jti"]),
        texts: words(&["ops", "system:authenticated", "t-1"]),
        ..Kept::default()
    };
    let settings = AskedSettings { kept: Some(Arc::new(kept)), ..settings() };
    let token = jwt(r#"{"jti":"t-1"}"#);
    let body = with(active(), &json!({ "groups": ["x", "ops"], "more": "x".repeat(60_000) })).to_string();
    let answered = introspected(&settings, &token, body.as_bytes(), now()).unwrap();
    let expected = json!({ "groups": ["ops"], "jti": "t-1" });
    assert_eq!(answered.principal.claims(), &ClaimTree::of(expected.as_object().unwrap()));
    assert_eq!(
        (answered.principal.subject(), answered.until.as_secs()),
        ("alice", NOW + CACHE),
        "the rest still counts"
    );
    let answered = reviewed(&settings, &token, review().to_string().as_bytes(), now()).unwrap();
    let expected = json!({ "groups": ["system:authenticated"], "jti": "t-1" });
    assert_eq!(answered.principal.claims(), &ClaimTree::of(expected.as_object().unwrap()));
}
