//! Patterns of certificate names: what they match, and above all what they do not.

use super::super::{Certificate, NameKind, NamePattern};

fn pattern(kind: NameKind, text: &str) -> NamePattern {
    NamePattern::parse(kind, text).unwrap_or_else(|message| panic!("{message}"))
}

fn with_uri(uri: &str) -> Certificate {
    Certificate { uri: Some(uri.to_owned()), ..Certificate::default() }
}

/// A certificate with the one name.
fn named(kind: NameKind, name: &str) -> Certificate {
    let none = Certificate::default();
    match kind {
        NameKind::Uri => with_uri(name),
        NameKind::Dns => Certificate { dns: vec![name.to_ascii_lowercase()], ..none },
        NameKind::Email => Certificate { emails: vec![name.to_owned()], ..none },
        NameKind::CommonName => Certificate { common_name: Some(name.to_owned()), ..none },
    }
}

#[test]
fn a_pattern_matches_what_it_says() {
    for (kind, text, name) in [
        (NameKind::Uri, "spiffe://example.org/ns/a/sa/b", "spiffe://example.org/ns/a/sa/b"),
        (NameKind::Uri, "spiffe://example.org/ns/*/sa/prometheus", "spiffe://example.org/ns/x-1_y.z/sa/prometheus"),
        (NameKind::Uri, "spiffe://example.org/ns/*/sa/*", "spiffe://example.org/ns/a/sa/b"),
        (NameKind::Uri, "spiffe://example.org/*", "spiffe://example.org/a"),
        (NameKind::Uri, "https://example.org/a/*", "https://example.org/a/b"),
        (NameKind::Uri, "urn:uuid:1", "urn:uuid:1"),
        (NameKind::Dns, "prometheus.example.org", "Prometheus.EXAMPLE.org"),
        (NameKind::Dns, "Prometheus.Example.Org", "prometheus.example.org"),
        (NameKind::Dns, "*.example.org", "a.example.org"),
        (NameKind::Dns, "*.example.org", "a-b_1.example.org"),
        (NameKind::Email, "ops@example.org", "ops@EXAMPLE.org"),
        (NameKind::Email, "ops@Example.Org", "ops@example.org"),
        (NameKind::Email, "*@example.org", "any.body+tag@example.org"),
        (NameKind::CommonName, "Prometheus in Köln", "Prometheus in Köln"),
    ] {
        assert!(pattern(kind, text).matches(&named(kind, name)), "{text} should match {name}");
    }
}

#[test]
fn h03_a_pattern_matches_nothing_else() {
    for (kind, text, name) in [
        (NameKind::Uri, "spiffe://example.org/ns/a", "spiffe://example.org/ns/A"),
        (NameKind::Uri, "spiffe://example.org/ns/a", "spiffe://example.org/ns/a/b"),
        (NameKind::Uri, "spiffe://example.org/ns/a", "spiffe://example.org/ns"),
        (NameKind::Uri, "spiffe://example.org/ns/a", "spiffe://example.org/ns/aa"),
        (NameKind::Uri, "spiffe://example.org/ns/*", "spiffe://example.org/ns/a/b"),
        (NameKind::Uri, "spiffe://example.org/ns/*", "spiffe://example.org/ns"),
        (NameKind::Uri, "spiffe://example.org/ns/*", "spiffe://example.org/ns/"),
        (NameKind::Uri, "spiffe://example.org/*/b", "spiffe://example.org/a/c/b"),
        (NameKind::Uri, "spiffe://example.org/*", "spiffe://evil.test/a"),
        (NameKind::Uri, "spiffe://example.org/*", "spiffe://example.org.evil.test/a"),
        (NameKind::Uri, "spiffe://example.org/a", "spiffe://exampleXorg/a"),
        (NameKind::Uri, "https://example.org/*", "https://example.org/a%2fb"),
        (NameKind::Uri, "https://example.org/*", "https://example.org/a?b=c"),
        (NameKind::Uri, "https://example.org/*", "https://example.org/.."),
        (NameKind::Uri, "https://example.org/*", "http://example.org/a"),
        (NameKind::Dns, "*.example.org", "example.org"),
        (NameKind::Dns, "*.example.org", "a.b.example.org"),
        (NameKind::Dns, "*.example.org", ".example.org"),
        (NameKind::Dns, "*.example.org", "*.example.org"),
        (NameKind::Dns, "*.example.org", "a.exampleXorg"),
        (NameKind::Dns, "*.example.org", "a.example.org.evil.test"),
        (NameKind::Dns, "*.example.org", "evilexample.org"),
        (NameKind::Dns, "a.example.org", "a.example.org."),
        (NameKind::Dns, "a.example.org", "b.example.org"),
        (NameKind::Dns, "a.example.org", "aXexample.org"),
        (NameKind::Email, "ops@example.org", "Ops@example.org"),
        (NameKind::Email, "ops@example.org", "ops@example.org@evil.test"),
        (NameKind::Email, "*@example.org", "ops@evil.test@example.org"),
        (NameKind::Email, "*@example.org", "ops@a.example.org"),
        (NameKind::Email, "*@example.org", "@example.org"),
        (NameKind::Email, "*@example.org", "example.org"),
        (NameKind::CommonName, "prometheus", "Prometheus"),
        (NameKind::CommonName, "prometheus", "prometheus "),
    ] {
        assert!(!pattern(kind, text).matches(&named(kind, name)), "{text} should not match {name}");
    }
}

#[test]
fn h03_a_pattern_looks_at_names_of_its_own_kind_only() {
    let kinds = [NameKind::Uri, NameKind::Dns, NameKind::Email, NameKind::CommonName];
    for (kind, text) in [
        (NameKind::Uri, "urn:a:b"),
        (NameKind::Dns, "a.example.org"),
        (NameKind::Email, "a@example.org"),
        (NameKind::CommonName, "a.example.org"),
    ] {
        let pattern = pattern(kind, text);
        for other in kinds {
            assert_eq!(pattern.matches(&named(other, text)), other == kind, "{kind:?} {other:?}");
        }
        assert!(!pattern.matches(&Certificate::default()));
    }
}

#[test]
fn any_of_several_names_will_do() {
    let dns = ["a.test", "b.test"].map(str::to_owned).to_vec();
    let emails = ["a@a.test", "b@b.test"].map(str::to_owned).to_vec();
    let certificate = Certificate { dns, emails, ..Certificate::default() };
    assert!(pattern(NameKind::Dns, "b.test").matches(&certificate));
    assert!(pattern(NameKind::Email, "*@b.test").matches(&certificate));
    assert!(!pattern(NameKind::Dns, "c.test").matches(&certificate));
}

/// Each text (`|` between them) is refused, with a message that shows how to write one.
fn refused(kind: NameKind, hint: &str, texts: &str) {
    for text in texts.split('|') {
        let message = NamePattern::parse(kind, text).unwrap_err();
        assert!(message.contains(hint), "{text:?}: {message}");
        assert!(!message.contains(char::is_control), "{message:?}");
    }
}

#[test]
fn uris_that_say_nothing_clear_are_refused_with_a_way_to_write_them() {
    refused(
        NameKind::Uri,
        "such as `spiffe://example.org/ns/*/sa/prometheus`",
        "|*|example.org/a|*://a/b|urn:uuid:*|https://*/a|https://a/b*c|https://a/b c|https://a/b\n|\
         spiffe://*|spiffe://*/a|spiffe://*.example.org/a|spiffe://example.org|spiffe://example.org/|\
         spiffe://example.org/a/|spiffe://example.org/a/**|spiffe://example.org/a*|\
         spiffe://example.org/*a/b|spiffe://example.org/a/../b|spiffe://example.org/%61|\
         spiffe://example.org:1/a|spiffe://Example.org/a|SPIFFE://example.org/a|spiffe:example.org/a",
    );
}

#[test]
fn other_names_that_say_nothing_clear_are_refused_with_a_way_to_write_them() {
    refused(
        NameKind::Dns,
        "write `prometheus.example.org`",
        "|*|*.|a.*.org|a*.example.org|*a.example.org|**.example.org|*.*.org|a..b|.a|a.|b\u{fc}cher.test|\
         a b|a\0",
    );
    refused(
        NameKind::Email,
        "write `ops@example.org`",
        "|*|a|@a.b|a@|a@b@c|a*@b.c|**@b.c|a@*.b|a@*|a b@c.d|\u{fc}@b.c|a@b\n",
    );
    refused(NameKind::CommonName, "common name", "|*|a*| a|a |a\0b|a\nb");
}

#[test]
fn a_pattern_of_one_spelling_is_a_literal() {
    let literal = |kind, text| pattern(kind, text).literal().map(str::to_owned);
    assert_eq!(literal(NameKind::Dns, "A.Example.ORG").as_deref(), Some("a.example.org"));
    assert_eq!(literal(NameKind::CommonName, "Ops").as_deref(), Some("Ops"));
    assert_eq!(literal(NameKind::Dns, "*.example.org"), None);
    assert_eq!(literal(NameKind::Email, "ops@example.org"), None, "its domain may be spelled otherwise");
}
