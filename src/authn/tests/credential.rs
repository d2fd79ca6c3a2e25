use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};

use super::super::{Credential, CredentialFault, MAX_CREDENTIAL, credential};

/// The one bearer token, where Basic is off.
pub(super) fn bearer<'a>(values: impl Iterator<Item = &'a [u8]>) -> Result<&'a str, CredentialFault> {
    match credential(values, false)? {
        Some(Credential::Bearer(token)) => Ok(token),
        Some(Credential::Basic { .. }) => Err(CredentialFault::Scheme),
        None => Err(CredentialFault::Missing),
    }
}

fn one(value: &str) -> Result<&str, CredentialFault> {
    bearer([value.as_bytes()].into_iter())
}

#[test]
fn a_bearer_token_is_found_whatever_the_case_of_its_scheme() {
    for value in ["Bearer abc", "bearer abc", "BEARER abc", "bEaReR abc"] {
        assert_eq!(one(value), Ok("abc"), "{value}");
    }
    assert_eq!(one("Bearer a-b._~+/9=="), Ok("a-b._~+/9=="));
}

#[test]
fn a01_no_header_is_no_credential() {
    assert_eq!(bearer([].into_iter()), Err(CredentialFault::Missing));
}

#[test]
fn a33_two_authorization_lines_are_refused_even_when_equal() {
    for (first, second) in
        [("Bearer a", "Bearer b"), ("Bearer a", "Bearer a"), ("Basic x", "Bearer a"), ("", "Bearer a")]
    {
        let lines = [first.as_bytes(), second.as_bytes()];
        assert_eq!(bearer(lines.into_iter()), Err(CredentialFault::Several), "{first} {second}");
    }
}

#[test]
fn another_scheme_is_not_a_bearer() {
    for value in
        ["", " ", "Basic dXNlcjpwYXNz", "DPoP abc", "Bearerabc", "Bearer\tabc", " Bearer abc", "Bearer: abc", "abc"]
    {
        assert_eq!(one(value), Err(CredentialFault::Scheme), "{value:?}");
    }
}

#[test]
fn a22_what_is_not_exactly_one_token_is_malformed() {
    for value in [
        "Bearer",
        "Bearer ",
        "Bearer  abc",
        "Bearer abc ",
        "Bearer \tabc",
        "Bearer a b",
        "Bearer a,b",
        "Bearer a, Bearer b",
        "Bearer =",
        "Bearer a=b",
        "Bearer \"abc\"",
        "Bearer a\0b",
        "Bearer ab\u{e9}",
    ] {
        assert_eq!(one(value), Err(CredentialFault::Malformed), "{value:?}");
    }
    assert_eq!(bearer([b"Bearer \xff\xfe".as_slice()].into_iter()), Err(CredentialFault::Malformed));
}

#[test]
fn a28_a_huge_value_is_not_looked_at() {
    let fits = format!("Bearer {}", "a".repeat(MAX_CREDENTIAL - 7));
    assert_eq!(one(&fits).map(str::len), Ok(MAX_CREDENTIAL - 7));
    assert_eq!(one(&format!("{fits}a")), Err(CredentialFault::Malformed));
    assert_eq!(one(&format!("Bearer {}", ".".repeat(1 << 20))), Err(CredentialFault::Malformed));
}

#[test]
fn every_fault_has_its_own_label() {
    use CredentialFault::{InQuery, Malformed, Missing, Scheme, Several};
    let labels: std::collections::BTreeSet<_> =
        [Missing, Several, Scheme, Malformed, InQuery].map(CredentialFault::label).into();
    assert_eq!(labels.len(), 5);
}

/// The name and the password of one value, where Basic is on.
fn pair(value: &[u8]) -> Result<(String, String), CredentialFault> {
    match credential([value].into_iter(), true)? {
        Some(Credential::Basic { user, password }) => Ok((user, password.expose().clone())),
        Some(Credential::Bearer(token)) => panic!("{token} is a bearer token"),
        None => Err(CredentialFault::Missing),
    }
}

#[test]
fn basic_is_a_name_and_a_password_in_utf8_split_at_the_first_colon() {
    for (text, user, password) in [
        // RFC 7617 §2 and §2.1.
        ("Aladdin:open sesame", "Aladdin", "open sesame"),
        ("test:123\u{a3}", "test", "123\u{a3}"),
        ("user:", "user", ""),
        (":key", "", "key"),
        (":", "", ""),
        ("user:a:b::c", "user", "a:b::c"),
        ("user::", "user", ":"),
        ("j\u{fc}rgen:k\u{e9}y \u{1f511}", "j\u{fc}rgen", "k\u{e9}y \u{1f511}"),
        (" user : key ", " user ", " key "),
    ] {
        let value = format!("Basic {}", STANDARD.encode(text));
        assert_eq!(pair(value.as_bytes()), Ok((user.to_owned(), password.to_owned())), "{text:?}");
    }
    // The very bytes of RFC 7617.
    assert_eq!(pair(b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==").map(|pair| pair.0), Ok("Aladdin".to_owned()));
    assert_eq!(pair(b"Basic dGVzdDoxMjPCow==").map(|pair| pair.1), Ok("123\u{a3}".to_owned()));
    for scheme in ["basic", "BASIC", "bAsIc"] {
        assert!(pair(format!("{scheme} dTpr").as_bytes()).is_ok(), "{scheme}");
    }
}

#[test]
fn what_is_not_exactly_one_pair_in_base64_is_malformed() {
    let of = |text: &[u8]| format!("Basic {}", STANDARD.encode(text)).into_bytes();
    for (name, value) in [
        ("nothing behind the scheme", b"Basic".to_vec()),
        ("nothing behind the space", b"Basic ".to_vec()),
        ("two spaces", b"Basic  dTpr".to_vec()),
        ("a space at the end", b"Basic dTpr ".to_vec()),
        ("a tab", b"Basic \tdTpr".to_vec()),
        ("two pairs", b"Basic dTpr dTpr".to_vec()),
        ("two pairs with a comma", b"Basic dTpr, Bearer x".to_vec()),
        ("no base64", b"Basic u:k".to_vec()),
        ("the pair as it is", b"Basic user".to_vec()),
        ("a line break", b"Basic dTpr\ndTpr".to_vec()),
        ("only padding", b"Basic ====".to_vec()),
        ("padding that is missing", format!("Basic {}", STANDARD_NO_PAD.encode("user:k1")).into_bytes()),
        ("padding in excess", b"Basic dTpr=".to_vec()),
        ("padding within", b"Basic dTo=dTpr".to_vec()),
        ("bits behind the last byte", b"Basic dTprMR==".to_vec()),
        ("the other alphabet", format!("Basic {}", URL_SAFE.encode("u:\u{ff}\u{bf}\u{bf}>>>???")).into_bytes()),
        ("no colon", of(b"user")),
        ("nothing at all", of(b"")),
        ("Latin-1", of(b"user:k\xe9y")),
        ("a NUL in the name", of(b"us\0er:key")),
        ("a line feed in the password", of(b"user:key\n")),
        ("a carriage return in the name", of(b"user\r:key")),
        ("a DEL", of(b"user:\x7f")),
        ("a C1 control", of("user:\u{85}".as_bytes())),
    ] {
        assert_eq!(pair(&value), Err(CredentialFault::Malformed), "{name}");
    }
    let long = format!("Basic {}", STANDARD.encode(format!("u:{}", "k".repeat(MAX_CREDENTIAL))));
    assert_eq!(pair(long.as_bytes()), Err(CredentialFault::Malformed));
}

#[test]
fn basic_is_another_scheme_where_it_is_off_and_nothing_else_is_one_where_it_is_on() {
    let value = b"Basic dTpr".as_slice();
    assert_eq!(credential([value].into_iter(), false).map(drop), Err(CredentialFault::Scheme));
    assert!(matches!(credential([b"Bearer dTpr".as_slice()].into_iter(), true), Ok(Some(Credential::Bearer("dTpr")))));
    for value in
        ["Basicx dTpr", "Basic:dTpr", "BasicdTpr", " Basic dTpr", "Basic\tdTpr", "Digest dTpr", "\"Basic\" dTpr"]
    {
        assert_eq!(pair(value.as_bytes()), Err(CredentialFault::Scheme), "{value}");
    }
}

#[test]
fn a33_basic_beside_another_line_is_refused() {
    for (first, second) in [("Basic dTpr", "Basic dTpr"), ("Basic dTpr", "Bearer a"), ("Bearer a", "Basic dTpr")] {
        let lines = [first.as_bytes(), second.as_bytes()];
        assert_eq!(credential(lines.into_iter(), true).map(drop), Err(CredentialFault::Several), "{first} {second}");
    }
}

#[test]
fn a_password_is_not_printed() {
    let shown = credential([b"Basic dXNlcjpodW50ZXIy".as_slice()].into_iter(), true).unwrap();
    assert_eq!(format!("{shown:?}"), "Some(Basic { user: \"user\", password: <secret> })");
}
