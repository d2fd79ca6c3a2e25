//! Rules that apply at some times, from some places, over some TLS, with some credentials.

use serde_json::json;

use super::{ask_at, faults, member, policy, principal};
use crate::authn::{Certificate, Method, NameKind, Principal};
use crate::authz::{Circumstances, Decision, Outcome, Unknown, explain_as};
use crate::types::{TlsVersion, UnixTime};

/// Wednesday 2026-07-01, 12:00 UTC: 14:00 in Berlin.
const NOON: u64 = 1_782_907_200;
const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

fn at(seconds: u64) -> Circumstances {
    Circumstances { now: Some(UnixTime::from_secs(seconds)), ..Circumstances::default() }
}

fn from(source: &str) -> Circumstances {
    Circumstances { source: Some(source.parse().unwrap()), ..Circumstances::default() }
}

fn over(tls: TlsVersion) -> Circumstances {
    Circumstances { tls: Some(tls), ..Circumstances::default() }
}

/// What somebody in group `a` gets of `/varz` under one rule: `permit`, or the reason.
fn outcome(rule: &str, circumstances: &Circumstances) -> &'static str {
    outcome_of(rule, &member(&["a"]), circumstances)
}

fn outcome_of(rule: &str, who: &Principal, circumstances: &Circumstances) -> &'static str {
    let policy = policy(&format!("rules:\n  - {{ id: r, endpoints: [varz], {rule} }}\n"));
    match ask_at(&policy, who, "/varz", circumstances) {
        Decision::Permit(_) => "permit",
        Decision::Deny(refused) => refused.reason.label(),
    }
}

#[test]
fn an_allow_rule_needs_its_conditions_to_hold_and_to_be_known() {
    let nothing = Circumstances::default();
    let moment = "allow: [a], when: { not_before: 2026-07-01T12:00:00Z, not_after: 2026-07-01T12:00:00Z }";
    let net = "allow: [a], when: { source: [10.0.0.0/8, 192.0.2.7, \"2001:db8::/32\"] }";
    let spell = "allow: [a], when: { not_before: 2026-07-01T12:00:00Z, not_after: 2026-07-02T12:00:00Z }";
    for (why, rule, circumstances, permitted) in [
        ("at the only moment", moment, at(NOON), true),
        ("from a network", net, from("10.1.2.3"), true),
        ("from the one address", net, from("192.0.2.7"), true),
        ("from the address beside it", net, from("192.0.2.8"), false),
        ("from the network in IPv6 spelling", net, from("::ffff:10.1.2.3"), true),
        ("from IPv6", net, from("2001:db8::1"), true),
        ("from elsewhere", net, from("11.0.0.1"), false),
        ("from where nobody knows", net, nothing, false),
        ("on the first moment", spell, at(NOON), true),
        ("on the last moment", spell, at(NOON + DAY), true),
        ("before", spell, at(NOON - 1), false),
        ("after", spell, at(NOON + DAY + 1), false),
        ("TLS 1.3", "allow: [a], when: { tls: \"1.3\" }", over(TlsVersion::V13), true),
        ("TLS 1.2", "allow: [a], when: { tls: \"1.3\" }", over(TlsVersion::V12), false),
        ("at least TLS 1.2", "allow: [a], when: { tls: \"1.2\" }", over(TlsVersion::V13), true),
        ("some TLS", "allow: [a], when: { tls: \"1.2\" }", nothing, false),
        ("not from there", "allow: [a], unless: { source: [10.0.0.0/8] }", from("11.0.0.1"), true),
        ("but from there", "allow: [a], unless: { source: [10.0.0.0/8] }", from("10.0.0.1"), false),
        ("perhaps from there", "allow: [a], unless: { source: [10.0.0.0/8] }", nothing, false),
    ] {
        let wanted = if permitted { "permit" } else { "conditions" };
        assert_eq!(outcome(rule, &circumstances), wanted, "{why}");
    }
}

#[test]
fn an_allow_rule_needs_one_of_its_times() {
    let nothing = Circumstances::default();
    let office = "allow: [a], when: { time: { days: [mon, tue, wed, thu, fri], from: \"08:00\", to: \"18:00\", zone: Europe/Berlin } }";
    let night = "allow: [a], when: { time: [{ days: [wed], from: \"22:00\", to: \"06:00\" }] }";
    let half = "allow: [a], when: { time: { from: \"12:30\", to: \"12:45\" } }";
    let late = "allow: [a], when: { time: { days: [wed], from: \"11:00\" } }";
    for (why, rule, circumstances, permitted) in [
        ("within office hours", office, at(NOON), true),
        ("at the first minute of summer time's eight o'clock", office, at(NOON - 6 * HOUR), true),
        ("a minute before it", office, at(NOON - 6 * HOUR - 60), false),
        ("at the end", office, at(NOON + 4 * HOUR), false),
        ("a minute before the end", office, at(NOON + 4 * HOUR - 60), true),
        ("on a Saturday", office, at(NOON + 3 * DAY), false),
        ("in winter the zone's clocks count", office, at(NOON + 181 * DAY - 5 * HOUR), true),
        ("in winter an hour before", office, at(NOON + 181 * DAY - 5 * HOUR - 60), false),
        ("at a time that nobody knows", office, nothing, false),
        ("in the night of the day", night, at(NOON + 11 * HOUR), true),
        ("in the morning after the day", night, at(NOON + 17 * HOUR), true),
        ("in the morning of the day", night, at(NOON - 7 * HOUR), false),
        ("in the night after", night, at(NOON + 11 * HOUR + DAY), false),
        ("at the first minute of the night", night, at(NOON + 10 * HOUR), true),
        ("at the last minute of the night", night, at(NOON + 18 * HOUR - 60), true),
        ("when the night is over", night, at(NOON + 18 * HOUR), false),
        ("minutes count as well", half, at(NOON + 31 * 60), true),
        ("a minute before", half, at(NOON + 29 * 60), false),
        ("at the last of them", half, at(NOON + 44 * 60), true),
        ("behind it", half, at(NOON + 45 * 60), false),
        ("to the end of the day", late, at(NOON + 12 * HOUR - 60), true),
        ("before it", late, at(NOON - HOUR - 60), false),
        ("at midnight the day is over", late, at(NOON + 12 * HOUR), false),
    ] {
        let wanted = if permitted { "permit" } else { "conditions" };
        assert_eq!(outcome(rule, &circumstances), wanted, "{why}");
    }
}

#[test]
fn a_deny_rule_applies_unless_its_conditions_are_known_not_to_hold() {
    let ask = |deny: &str, circumstances: &Circumstances| {
        let rules = format!(
            "rules:\n  - {{ id: yes, endpoints: [varz], allow: [a] }}\n  - {{ id: no, endpoints: [varz], {deny} }}\n"
        );
        match ask_at(&policy(&rules), &member(&["a"]), "/varz", circumstances) {
            Decision::Permit(permit) => permit.rule().to_string(),
            Decision::Deny(refused) => refused.rule.unwrap().to_string(),
        }
    };
    let nothing = Circumstances::default();
    for (why, deny, circumstances, rule) in [
        ("from there", "deny: any, when: { source: [10.0.0.0/8] }", from("10.0.0.1"), "no"),
        ("from elsewhere", "deny: any, when: { source: [10.0.0.0/8] }", from("11.0.0.1"), "yes"),
        ("from where nobody knows", "deny: any, when: { source: [10.0.0.0/8] }", nothing, "no"),
        ("unless from there", "deny: any, unless: { source: [10.0.0.0/8] }", from("10.0.0.1"), "yes"),
        ("unless from there, from elsewhere", "deny: any, unless: { source: [10.0.0.0/8] }", from("11.0.0.1"), "no"),
        ("unless from there, unknown", "deny: any, unless: { source: [10.0.0.0/8] }", nothing, "no"),
        ("without a certificate", "deny: any, unless: { credentials: [client_cert] }", nothing, "no"),
        ("both must hold", "deny: any, when: { tls: \"1.2\", source: [10.0.0.0/8] }", from("11.0.0.1"), "yes"),
    ] {
        assert_eq!(ask(deny, &circumstances), rule, "{why}");
    }
}

#[test]
fn credentials_must_all_have_been_shown() {
    let mut certificate = Certificate::default();
    certificate.name(NameKind::Dns, "a.example.org");
    let certificate = Principal::supposed_certificate(certificate);
    let token = principal(&json!({ "groups": ["a"] }));
    let (both, basic) = (token.and(&certificate), token.by_basic());
    for (why, kinds, who, permitted) in [
        ("a token", "[token]", &token, true),
        ("a token for two", "[token, client_cert]", &token, false),
        ("both", "[token, client_cert]", &both, true),
        ("both for one", "[client_cert]", &both, true),
        ("a bearer token by name", "[bearer_jwt]", &token, true),
        ("a bearer token, asked for another kind", "[introspection]", &token, false),
        ("a token by basic", "[basic_token]", &basic, true),
        ("a token by basic is none by bearer", "[bearer_jwt]", &basic, false),
        ("a certificate alone is no token", "[token]", &certificate, false),
    ] {
        let got = outcome_of(&format!("allow: any, when: {{ credentials: {kinds} }}"), who, &Circumstances::default());
        assert_eq!(got, if permitted { "permit" } else { "conditions" }, "{why}");
    }
}

#[test]
fn faulty_conditions_are_named() {
    for (condition, message) in [
        ("when: {}", "names no condition; known are `source`"),
        ("when: { source: [] }", "the list is empty, so this never holds"),
        ("when: { source: [10.0.0.1/8] }", "`10.0.0.1/8` has bits behind its prefix; write `10.0.0.0/8`"),
        ("when: { source: [\"::ffff:127.0.0.0/104\"] }", "write the network as IPv4"),
        ("unless: { source: [\"::ffff:127.0.0.1\"] }", "write the network as IPv4"),
        ("when: { source: [here, 10.0.0.1/8] }", "has bits behind its prefix"),
        ("when: { source: [here] }", "expected a network or an address"),
        ("when: { time: { from: \"8:00\" } }", "expected a time of day of two digits each"),
        ("when: { time: { from: \"24:01\" } }", "expected a time of day of two digits each"),
        ("when: { time: { from: \"25:00\" } }", "expected a time of day of two digits each"),
        ("when: { time: { from: \"08:60\" } }", "expected a time of day of two digits each"),
        ("when: { time: { to: \"24:00\", from: \"24:00\" } }", "begins when it ends"),
        ("when: { time: { days: [] } }", "the list is empty, so this never holds"),
        ("when: { time: { from: \"08:00\", to: \"08:00\" } }", "begins when it ends"),
        ("when: { time: { days: [monday] } }", "unknown day `monday`"),
        ("when: { time: { zone: Europe/Bielefeld } }", "`Europe/Bielefeld` is no time zone"),
        ("when: { not_after: tomorrow }", "expected a time such as"),
        ("when: { not_after: 2026-01-01T00:00:00Z, not_before: 2027-01-01T00:00:00Z }", "is earlier than `not_before`"),
        ("when: { tls: 1.4 }", "unknown TLS version `1.4`"),
        ("when: { credentials: [password] }", "unknown credential `password`"),
        ("unless: { sources: [] }", "unknown key `sources`"),
    ] {
        let text = format!("{}rules:\n  - {{ id: r, endpoints: [varz], allow: any, {condition} }}\n", super::ROLES);
        let found = faults(&text);
        assert!(found.iter().any(|fault| fault.contains(message)), "{condition}: {found:?}");
    }
}

#[test]
fn every_credential_has_a_word_and_a_wrong_one_is_told_them_all() {
    let known = [
        Method::BearerJwt,
        Method::Introspection,
        Method::ServiceAccount,
        Method::TokenReview,
        Method::FrontDoor,
        Method::BasicToken,
        Method::StaticKey,
    ];
    let words: Vec<&str> = ["token", "client_cert"].into_iter().chain(known.map(Method::label)).collect();
    let text = |word: &str| {
        let rule = format!("{{ id: r, endpoints: [varz], allow: any, when: {{ credentials: [{word}] }} }}");
        format!("{}rules: [{rule}]\n", super::ROLES)
    };
    for word in &words {
        assert_eq!(faults(&text(word)), Vec::<String>::new(), "{word}");
    }
    let found = faults(&text("something_else_altogether"));
    assert!(words.iter().all(|word| found[0].contains(&format!("`{word}`"))), "{found:?}");
}

#[test]
fn where_only_roles_are_asked_about_what_is_not_known_is_passed_over_and_what_is_known_counts() {
    let outcome = |rules: &str, circumstances: Circumstances| {
        let policy = policy(&format!("rules:\n  - {{ id: yes, endpoints: [varz], {rules} }}\n"));
        let explained = explain_as(&policy, &["a"], "GET", "/varz", &circumstances).unwrap();
        matches!(explained.outcome, Outcome::Permitted { .. })
    };
    let nothing = Circumstances::default();
    let deny = |deny: &str| format!("allow: [a] }}\n  - {{ id: no, endpoints: [varz], {deny}");
    for (why, rule, circumstances, perhaps, surely) in [
        ("credentials are not known", "allow: [a], when: { credentials: [client_cert] }", nothing, true, false),
        ("nor is their absence", "allow: [a], unless: { credentials: [client_cert] }", nothing, true, true),
        ("TLS may be right", "allow: [a], when: { tls: \"1.3\" }", nothing, true, false),
        ("TLS is wrong", "allow: [a], when: { tls: \"1.3\" }", over(TlsVersion::V12), false, false),
        ("a deny that may hold", &deny("deny: any, when: { tls: \"1.2\" }"), nothing, true, false),
        ("a deny that holds", &deny("deny: any, when: { tls: \"1.2\" }"), over(TlsVersion::V13), false, false),
        ("a deny by credentials", &deny("deny: any, unless: { credentials: [client_cert] }"), nothing, true, false),
    ] {
        let passed_over = Circumstances { unknown: Unknown::IsPassedOver, ..circumstances };
        assert_eq!(outcome(rule, passed_over), perhaps, "{why}, passed over");
        assert_eq!(outcome(rule, circumstances), surely, "{why}, in doubt closed");
    }
}
