//! The deny-list.

use serde_json::{Value, json};

use super::super::{Certificate, Principal, Revocations};

const LIST: &str = "\
version: 1
tokens:
  - { issuer: corp, jti: \"abc\", reason: laptop lost }
  - { issuer: corp, jti: 17 }
subjects:
  - { issuer: corp, subject: bob }
  - { issuer: client_certificate, subject: \"spiffe://corp.test/mallory\" }
certificates:
  - { serial: \"00:0A:1b:2C\" }
  - { serial: 1234 }
  - { sha256: \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\" }
  - { serial: ff, sha256: \"bb:BB:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb:bb\" }
";

fn list() -> Revocations {
    Revocations::parse("r.yaml", LIST).unwrap()
}

fn faults(text: &str) -> Vec<String> {
    let faults = Revocations::parse("r.yaml", text).err().unwrap_or_default();
    faults.iter().map(ToString::to_string).collect()
}

fn token(issuer: &str, subject: &str, jti: &Value) -> Principal {
    let Value::Object(claims) = json!({ "jti": jti }) else { panic!() };
    Principal::supposed(issuer.to_owned(), subject.to_owned(), claims)
}

fn certificate(serial: &str, fingerprint: u8, uri: &str) -> Principal {
    let (serial, uri) = (serial.to_owned(), Some(uri.to_owned()));
    Principal::supposed_certificate(Certificate {
        serial,
        uri,
        fingerprint: [fingerprint; 32],
        ..Certificate::default()
    })
}

#[test]
fn a_token_is_struck_by_its_own_name_or_by_its_subject_of_that_issuer_alone() {
    let list = list();
    for (issuer, subject, jti, struck) in [
        ("corp", "alice", json!("abc"), true),
        ("corp", "alice", json!("ABC"), false),
        ("corp", "alice", json!("abcd"), false),
        ("other", "alice", json!("abc"), false),
        ("corp", "alice", json!(17), true),
        ("corp", "alice", json!("17"), true),
        ("corp", "alice", json!(["abc"]), false),
        ("corp", "alice", json!(null), false),
        ("corp", "bob", json!("fresh"), true),
        ("corp", "Bob", json!("fresh"), false),
        ("other", "bob", json!("fresh"), false),
        ("client_certificate", "bob", json!("fresh"), false),
    ] {
        assert_eq!(list.strikes(&token(issuer, subject, &jti)), struck, "{issuer} {subject} {jti}");
    }
    let without = Principal::supposed("corp".to_owned(), "alice".to_owned(), serde_json::Map::new());
    assert!(!list.strikes(&without));
}

#[test]
fn a_certificate_is_struck_by_serial_fingerprint_or_name() {
    let list = list();
    for (serial, fingerprint, uri, struck) in [
        ("1", 0, "spiffe://corp.test/alice", false),
        ("a1b2c", 0, "spiffe://corp.test/alice", true),
        ("a1b2", 0, "spiffe://corp.test/alice", false),
        ("1234", 0, "spiffe://corp.test/alice", true),
        ("1", 0xaa, "spiffe://corp.test/alice", true),
        ("1", 0xbb, "spiffe://corp.test/alice", true),
        ("ff", 0xcc, "spiffe://corp.test/alice", true),
        ("1", 0xcc, "spiffe://corp.test/alice", false),
        ("1", 0, "spiffe://corp.test/mallory", true),
        ("1", 0, "spiffe://corp.test/mallory/x", false),
        ("1", 0, "bob", false),
    ] {
        assert_eq!(list.strikes(&certificate(serial, fingerprint, uri)), struck, "{serial} {fingerprint} {uri}");
    }
}

#[test]
fn one_struck_proof_strikes_the_whole_principal_whichever_place_it_has() {
    let list = list();
    let (good, bad) = (token("corp", "alice", &json!("x")), token("corp", "bob", &json!("x")));
    let (good_card, bad_card) = (certificate("1", 0, "a"), certificate("ff", 0, "a"));
    assert!(!list.strikes(&good.and(&good_card)));
    assert!(list.strikes(&good.and(&bad_card)));
    assert!(list.strikes(&bad_card.and(&good)));
    assert!(list.strikes(&bad.and(&good_card)));
    assert!(list.strikes(&good_card.and(&good).and(&bad)));
    assert!(list.strikes(&bad.by_basic()));
}

#[test]
fn without_entries_nothing_is_struck() {
    for list in [Revocations::default(), Revocations::parse("r.yaml", "version: 1\ntokens: []\n").unwrap()] {
        assert!(!list.strikes(&token("corp", "bob", &json!("abc"))));
        assert!(!list.strikes(&certificate("ff", 0xaa, "x")));
        assert!(!list.strikes(&certificate("", 0, "x")));
        assert_eq!(list.issuers().count(), 0);
    }
}

#[test]
fn the_issuers_that_are_named_can_be_checked() {
    let text = "version: 1\ntokens:\n  - { issuer: corp, jti: a }\n  - { issuer: client_certificate, jti: a }\nsubjects:\n  - { issuer: crop, subject: a }\n  - { issuer: corp, subject: a }\n  - { issuer: client_certificate, subject: a }\n";
    let list = Revocations::parse("r.yaml", text).unwrap();
    let named: Vec<(&str, usize)> = list.issuers().map(|(name, place)| (name, place.line)).collect();
    assert_eq!(named, [("client_certificate", 4), ("corp", 3), ("crop", 6)], "a certificate has no jti");
}

#[test]
fn all_faults_come_at_once_with_their_places() {
    let text = "\
version: 7
token: []
tokens:
  - { issuer: corp }
  - { issuer: \"\", jti: x }
  - { issuer: corp, jti: \"\", until: tomorrow }
  - { issuer: [corp], jti: x }
  - abc
subjects: bob
certificates:
  - {}
  - { serial: xyz }
  - { serial: \"\" }
  - { serial: \"00:00\" }
  - { serial: 123456789012345678901234567890123456789012 }
  - { sha256: abcd }
  - { sha256: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" }
  - { sha256: +a }
  - { serial: a, reason: [x] }
";
    assert_eq!(
        faults(text),
        [
            "r.yaml:1:10: unknown version; known is `1`",
            "r.yaml:2:1: unknown key `token`; did you mean `tokens`?",
            "r.yaml:4:5: `jti` is missing here",
            "r.yaml:5:15: expected a value, found nothing",
            "r.yaml:6:26: expected a value, found nothing",
            "r.yaml:6:30: unknown key `until`; known are `issuer`, `jti`, `reason`",
            "r.yaml:7:15: expected text, found a list",
            "r.yaml:8:5: expected a mapping, found a single value",
            "r.yaml:9:11: expected a list, found a single value; write `[bob]`",
            "r.yaml:11:5: `serial` or `sha256` is missing here",
            "r.yaml:12:15: expected hexadecimal digits, such as `0A:1B:2C`",
            "r.yaml:13:15: expected hexadecimal digits, such as `0A:1B:2C`",
            "r.yaml:14:15: a serial number has 1 to 40 hexadecimal digits and is not zero",
            "r.yaml:15:15: a serial number has 1 to 40 hexadecimal digits and is not zero",
            "r.yaml:16:15: a SHA-256 has 64 hexadecimal digits, found 4",
            "r.yaml:17:15: a SHA-256 has 64 hexadecimal digits, found 65",
            "r.yaml:18:15: expected hexadecimal digits, such as `0A:1B:2C`",
            "r.yaml:19:26: expected text, found a list",
        ]
    );
    assert_eq!(faults("tokens: []\n"), ["r.yaml:1:1: `version` is missing here"]);
}
