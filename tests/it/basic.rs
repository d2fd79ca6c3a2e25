//! HTTP Basic: a token as the password, and names with static keys.

use serde_json::{Value, json};

use crate::support::answers::BASIC;
use crate::support::bench::{Bench, assemble};
use crate::support::caller::basic;
use crate::support::eventually;
use crate::support::gateway::{POLICY, Setup};
use crate::support::keys::file;
use crate::support::tokens::{Issuer, bent};
use crate::support::upstream::Upstream;

/// The usual policy; `grafana` and `backup` are viewers by their static keys.
fn policy() -> String {
    let by_key = "  viewer:\n    - token: { issuer: keys, subject: [grafana, backup] }\n";
    POLICY.replacen("  viewer:\n", by_key, 1)
}

/// A gateway that takes HTTP Basic, with these static keys.
fn taking(users: &[(&str, &str)]) -> Bench {
    let upstream = Upstream::nats();
    let mut setup = Setup::before(&upstream).policy(&policy()).file("keys.yaml", file(users));
    "    basic: true\n".clone_into(&mut setup.listener);
    "  keys: { static_keys: keys.yaml }\n".clone_into(&mut setup.more_issuers);
    let gateway = setup.start();
    assemble(upstream, gateway)
}

/// Other static keys, and nobody says so. Waits without trying one: a wrong one counts.
fn changed(bench: &Bench, users: &[(&str, &str)]) {
    let reloads = || bench.gateway.metric("monward_config_reloads_total", &["result=\"ok\""]);
    let before = reloads();
    bench.gateway.rewrite("keys.yaml", &file(users));
    eventually("the new file to be noticed", || (reloads() > before).then_some(()));
}

fn by_key(user: &str) -> Value {
    json!({ "issuer": "keys", "subject": user, "method": "static_key" })
}

#[test]
fn where_it_is_off_neither_a_token_nor_a_key_counts_and_it_is_not_offered() {
    let upstream = Upstream::nats();
    let mut setup = Setup::before(&upstream).policy(&policy()).file("keys.yaml", file(&[("grafana", "sesame")]));
    "  keys: { static_keys: keys.yaml }\n".clone_into(&mut setup.more_issuers);
    // Off at the first listener, on at the second.
    "  - address: 127.0.0.1:0
    certificates: [{ certificate: server.pem, key: server.key }]
    basic: true
    upstream: nats
"
    .clone_into(&mut setup.listener);
    let gateway = setup.start();
    let bench = assemble(upstream, gateway);
    let token = Issuer::shared().token("viewer");
    for (user, password) in [("grafana", "sesame"), ("u1", token.as_str()), (token.as_str(), "")] {
        for answer in bench.caller().basic(user, password).refused("/varz", 401, "credential_scheme") {
            assert_eq!(answer.all("www-authenticate").len(), 1, "{}", answer.head);
        }
    }
    bench.upstream.assert_untouched("Basic where it is off");
}

#[test]
fn a_token_as_the_password_is_judged_as_any_other_token() {
    let upstream = Upstream::nats();
    let mut setup = Setup::before(&upstream);
    "    basic: true\n".clone_into(&mut setup.listener);
    let gateway = setup.start();
    let bench = assemble(upstream, gateway);
    let issuer = Issuer::shared();
    let token = issuer.token("viewer");
    let who = json!({ "issuer": "corp", "subject": "u1", "method": "basic_token" });
    // Whatever the name, none included.
    for user in ["u1", "", "somebody else", "bearer"] {
        bench.caller().basic(user, &token).permitted("/varz", &who);
    }
    // What is remembered of it does not make it a bearer token, nor the other way round.
    let bearer = json!({ "issuer": "corp", "subject": "u1", "method": "bearer_jwt" });
    bench.caller().bearer(&token).permitted("/varz", &bearer);
    bench.caller().basic("u1", &token).permitted("/varz", &who);
    bench.caller().basic("u1", &token).refused("/accountz", 403, "no_rule");

    let with = |name: &str, value: Value| {
        let mut claims = issuer.claims(&["viewer"]);
        claims[name] = value;
        issuer.keys[0].token(&claims)
    };
    for (password, reason) in [
        (with("exp", json!(1)), "token_expired"),
        (with("aud", json!("another")), "token_audience"),
        (bent(&token), "token_signature"),
        (format!("Bearer {token}"), "token_encoding"),
        (String::new(), "token_parts"),
        ("secret".to_owned(), "token_parts"),
    ] {
        for answer in bench.caller().basic("u1", &password).refused("/varz", 401, reason) {
            let bad = "Bearer realm=\"monward\", error=\"invalid_token\"";
            assert_eq!(answer.all("www-authenticate"), [bad, BASIC]);
        }
    }
    for answer in bench.caller().refused("/varz", 401, "credential_missing") {
        assert_eq!(answer.all("www-authenticate"), ["Bearer realm=\"monward\"", BASIC]);
    }
    for (value, status, reason) in [
        ("Basic".to_owned(), 401, "credential_malformed"),
        ("Basic !".to_owned(), 401, "credential_malformed"),
        (format!("{}=", basic("u1", &token)), 401, "credential_malformed"),
        ("Basic bm8gY29sb24=".to_owned(), 401, "credential_malformed"),
        (format!("Digest {token}"), 401, "credential_scheme"),
    ] {
        bench.caller().field("Authorization", &value).refused("/varz", status, reason);
    }
    bench.caller().basic("u1", &token).bearer(&token).refused("/varz", 400, "credential_several");
}

#[test]
fn a_static_key_opens_for_its_own_name_alone() {
    let bench = taking(&[("grafana", "sesame:with:colons"), ("backup", "another")]);
    bench.caller().basic("grafana", "sesame:with:colons").permitted("/varz", &by_key("grafana"));
    bench.caller().basic("backup", "another").permitted("/varz", &by_key("backup"));
    bench.caller().basic("backup", "another").refused("/accountz", 403, "no_rule");
    let mut said = Vec::new();
    // A name with another's key, a name that nobody has, no name, no key.
    for (user, key) in [("grafana", "another"), ("nobody", "another"), ("", "another"), ("grafana", "")] {
        for answer in bench.caller().basic(user, key).refused("/varz", 401, "key_wrong") {
            let bad = "Bearer realm=\"monward\", error=\"invalid_token\"";
            assert_eq!(answer.all("www-authenticate"), [bad, BASIC]);
            let id = answer.header("x-request-id").unwrap().to_owned();
            said.push(answer.text().replace(&id, ""));
        }
    }
    said.dedup();
    assert_eq!(said.len(), 1, "one of them tells more than another: {said:?}");
    bench.caller().bearer("another").refused("/varz", 401, "token_parts");
    // Somebody who is known from before and nobody else.
    bench.caller().basic("grafana", "sesame:with:colons").permitted("/varz", &by_key("grafana"));
}

#[test]
fn too_many_wrong_keys_are_429_for_their_source_and_nobody_else() {
    let bench = taking(&[("grafana", "sesame"), ("backup", "another")]);
    bench.caller().basic("grafana", "sesame").permitted("/varz", &by_key("grafana"));
    let stranger = bench.caller().coming_from("127.0.0.2");
    for number in 0..5 {
        stranger.basic("grafana", &format!("guess {number}")).refused("/varz", 401, "key_wrong");
    }
    // Right or wrong, known name or not: nothing is tried any more from there.
    for (user, key) in [("grafana", "guess"), ("nobody", "guess"), ("grafana", "sesame"), ("backup", "another")] {
        for answer in stranger.basic(user, key).refused("/varz", 429, "key_attempts") {
            let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=60).contains(&wait), "{}", answer.head);
            assert!(answer.all("www-authenticate").is_empty(), "{}", answer.head);
        }
    }
    bench.caller().basic("grafana", "sesame").permitted("/varz", &by_key("grafana"));
    bench.caller().basic("backup", "another").permitted("/varz", &by_key("backup"));
    let who = json!({ "issuer": "corp", "subject": "u1", "method": "bearer_jwt" });
    stranger.bearer(&Issuer::shared().token("viewer")).permitted("/varz", &who);
    // A change of the file is no fresh start.
    changed(&bench, &[("grafana", "sesame"), ("backup", "new")]);
    bench.caller().basic("backup", "new").permitted("/varz", &by_key("backup"));
    stranger.basic("grafana", "guess").refused("/varz", 429, "key_attempts");
}

#[test]
fn a_changed_file_is_noticed_by_itself() {
    let bench = taking(&[("grafana", "old")]);
    let (old, new) = (bench.caller().basic("grafana", "old"), bench.caller().basic("grafana", "new"));
    old.permitted("/varz", &by_key("grafana"));
    let mut open = old.open();
    assert_eq!(open.statuses("/varz"), [200; 2]);
    // Both while one takes the place of the other.
    changed(&bench, &[("grafana", "old"), ("grafana", "new")]);
    new.permitted("/varz", &by_key("grafana"));
    assert_eq!(open.statuses("/varz"), [200; 2]);
    changed(&bench, &[("grafana", "new")]);
    old.refused("/varz", 401, "key_wrong");
    assert_eq!(open.statuses("/varz"), [401; 2], "on connections that were open before");
    new.permitted("/varz", &by_key("grafana"));

    let failed = || bench.gateway.metric("monward_config_reloads_total", &["result=\"failed\""]);
    assert!(failed() < 0.5);
    // A key where its hash belongs: refused, and not repeated.
    bench.gateway.rewrite("keys.yaml", "version: 1\nkeys:\n  grafana: open-sesame\n");
    eventually("the fault", || (failed() > 0.5).then_some(()));
    new.permitted("/varz", &by_key("grafana"));
    let log = eventually("a line about it", || Some(bench.gateway.stderr()).filter(|log| log.contains("keys.yaml:3:")));
    assert!(log.contains("make it with") && !log.contains("open-sesame"), "{log}");
}
