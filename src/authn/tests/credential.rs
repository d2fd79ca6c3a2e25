use super::super::{CredentialFault, MAX_CREDENTIAL, bearer};

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
