//! Client certificates: which names count, and which certificates prove nothing.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use rcgen::KeyUsagePurpose::{CrlSign, DigitalSignature, KeyAgreement, KeyCertSign};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose,
    SerialNumber, date_time_ymd,
};
use ring::digest::{SHA256, digest};

use super::super::{CLIENT_CERTIFICATE, Certificate, CertificateFault as Fault, ClaimTree, Method, Principal};
use crate::types::UnixTime;

const EMAIL: u8 = 0x81;
const DNS: u8 = 0x82;
const URI: u8 = 0x86;
const ADDRESS: u8 = 0x87;
const SPIFFE: &str = "spiffe://example.org/ns/monitoring/sa/prometheus";

static KEY: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate().unwrap());

/// One DER value; DER wants the shortest spelling of its length.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    match length {
        [0, low] if low < 0x80 => [&[tag, low], content].concat(),
        [0, low] => [&[tag, 0x81, low], content].concat(),
        [high, low] => [&[tag, 0x82, high, low], content].concat(),
    }
}

fn san(content: Vec<u8>) -> CustomExtension {
    CustomExtension::from_oid_content(&[2, 5, 29, 17], content)
}

fn sign(params: &CertificateParams) -> Vec<u8> {
    params.self_signed(&*KEY).unwrap().der().to_vec()
}

/// A certificate with these subject alternative names, by tag, and a key for signatures.
fn params(names: &[(u8, &[u8])]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.key_usages = vec![DigitalSignature];
    if !names.is_empty() {
        let names: Vec<u8> = names.iter().flat_map(|(tag, name)| der(*tag, name)).collect();
        params.custom_extensions = vec![san(der(0x30, &names))];
    }
    params
}

fn read(params: &CertificateParams) -> Result<Certificate, Fault> {
    Certificate::read(&sign(params)).map(|principal| names(&principal))
}

fn names(principal: &Arc<Principal>) -> Certificate {
    principal.proofs().next().unwrap().names().unwrap().clone()
}

fn read_uri(uri: &str) -> Result<Option<String>, Fault> {
    read(&params(&[(URI, uri.as_bytes())])).map(|certificate| certificate.uri)
}

#[test]
fn every_name_of_a_good_certificate_is_read() {
    let mut params = params(&[
        (DNS, b"Prometheus.Example.ORG"),
        (EMAIL, b"Ops@Example.org"),
        (URI, SPIFFE.as_bytes()),
        (ADDRESS, &[10, 0, 0, 1]),
        (DNS, b"second.example.org"),
    ]);
    params.distinguished_name.push(DnType::CommonName, "prometheus für alle");
    params.serial_number = Some(SerialNumber::from_slice(&[0x0a, 0xbc, 0x00]));
    params.not_after = date_time_ymd(2031, 1, 1);
    let leaf = sign(&params);
    let principal = Certificate::read(&leaf).unwrap();
    let certificate = names(&principal);
    assert_eq!(certificate.uri.as_deref(), Some(SPIFFE));
    assert_eq!(certificate.dns, ["prometheus.example.org", "second.example.org"]);
    assert_eq!(certificate.emails, ["Ops@Example.org"]);
    assert_eq!(certificate.common_name.as_deref(), Some("prometheus für alle"));
    assert_eq!(certificate.serial, "abc00");
    assert_eq!(certificate.fingerprint, digest(&SHA256, &leaf).as_ref());
    assert_eq!((principal.issuer(), principal.subject()), (CLIENT_CERTIFICATE, SPIFFE));
    assert_eq!(principal.method(), Method::ClientCertificate);
    assert_eq!(principal.expires(), UnixTime::from_secs(1_924_992_000));
    assert_eq!(principal.claims(), &ClaimTree::default());
}

#[test]
fn the_first_name_speaks_in_records() {
    for (given, expected) in [
        (&[(EMAIL, &b"a@b.c"[..]), (DNS, b"d.e")][..], "d.e"),
        (&[(EMAIL, b"a@b.c")], "a@b.c"),
        (&[], "only a common name"),
    ] {
        let mut params = params(given);
        params.distinguished_name.push(DnType::CommonName, "only a common name");
        assert_eq!(read(&params).unwrap().subject(), expected);
    }
    let mut nameless = params(&[]);
    nameless.serial_number = Some(SerialNumber::from_slice(&[7]));
    assert_eq!(read(&nameless).unwrap().subject(), "serial 7");
}

#[test]
fn h04_spiffe_ids_are_strict() {
    let long = |length: usize| {
        let start = "spiffe://example.org/";
        format!("{start}{}", "a".repeat(length - start.len()))
    };
    let good = [SPIFFE, "spiffe://a/b", "spiffe://a_b-1.c/A.b_c-1", "spiffe://example.org/...", &long(2048)];
    for uri in good {
        assert_eq!(read_uri(uri), Ok(Some(uri.to_owned())), "{uri}");
    }
    for (what, uri) in [
        ("upper-case scheme", "SPIFFE://example.org/a"),
        ("mixed scheme", "sPiffe://example.org/a"),
        ("upper-case trust domain", "spiffe://Example.org/a"),
        ("no trust domain", "spiffe:///a"),
        ("only the scheme", "spiffe:"),
        ("no slashes", "spiffe:example.org/a"),
        ("the root path", "spiffe://example.org/"),
        ("no path", "spiffe://example.org"),
        ("a port", "spiffe://example.org:443/a"),
        ("a user", "spiffe://root@example.org/a"),
        ("a query", "spiffe://example.org/a?b=c"),
        ("a fragment", "spiffe://example.org/a#b"),
        ("an encoded letter", "spiffe://example.org/%61"),
        ("an encoded slash", "spiffe://example.org/a%2fb"),
        ("an encoded trust domain", "spiffe://example%2eorg/a"),
        ("an empty segment", "spiffe://example.org/a//b"),
        ("a dot", "spiffe://example.org/a/./b"),
        ("two dots", "spiffe://example.org/a/../b"),
        ("a slash at the end", "spiffe://example.org/a/"),
        ("a wildcard", "spiffe://example.org/*"),
        ("a space", "spiffe://example.org/a b"),
        ("a semicolon", "spiffe://example.org/a;b"),
        ("a trust domain of 256 bytes", &format!("spiffe://{}/a", "a".repeat(256))),
    ] {
        assert_eq!(read_uri(uri), Err(Fault::SpiffeId), "{what}");
    }
    assert_eq!(read_uri(&long(2049)), Err(Fault::Name));
}

#[test]
fn h04_two_uri_names_prove_nothing() {
    let other = &b"https://example.org/a"[..];
    for uris in [[SPIFFE.as_bytes(), SPIFFE.as_bytes()], [SPIFFE.as_bytes(), other], [other, SPIFFE.as_bytes()]] {
        assert_eq!(read(&params(&uris.map(|uri| (URI, uri)))), Err(Fault::SeveralUris), "{uris:?}");
    }
    // Not even when the first of them would not count by itself.
    let names = [(URI, &b"no uri"[..]), (URI, other)];
    assert_eq!(read(&params(&names)), Err(Fault::SeveralUris));
}

#[test]
fn other_uris_count_when_they_are_uris() {
    for uri in ["https://example.org/a%20b?c=d#e", "urn:uuid:1", "HTTPS://Example.org/"] {
        assert_eq!(read_uri(uri), Ok(Some(uri.to_owned())));
    }
    for uri in ["example.org", "/a", "a b:c", "1a:b", "https:", "https://a/<b>", ":a", "https://a/b c"] {
        assert_eq!(read_uri(uri), Ok(None), "{uri}");
    }
}

#[test]
fn h04_a_name_that_others_may_read_differently_proves_nothing() {
    let good = (DNS, &b"good.example.org"[..]);
    for tag in [URI, DNS, EMAIL] {
        for name in [
            &b"spiffe://example.org/a\0.evil.test"[..],
            b"a@example.org\0",
            b"\0",
            b"tab\t.example.org",
            b"line\n.example.org",
            b"bell\x07",
            b"delete\x7f",
            "b\u{fc}cher.example.org".as_bytes(),
            "spiffe://\u{435}xample.org/a".as_bytes(),
            b"\xff\xfe",
            b"latin-\xfc.example.org",
            b"",
            &[b'a'; 2049],
        ] {
            for names in [&[(tag, name)][..], &[good, (tag, name)], &[(tag, name), good]] {
                assert_eq!(read(&params(names)), Err(Fault::Name), "{tag:x} {name:?}");
            }
        }
    }
}

#[test]
fn h03_a_common_name_is_not_taken_for_another_name() {
    let mut params = params(&[]);
    params.distinguished_name.push(DnType::CommonName, SPIFFE);
    let certificate = read(&params).unwrap();
    assert_eq!((certificate.uri, certificate.dns, certificate.emails), (None, vec![], vec![]));
    assert_eq!(certificate.common_name.as_deref(), Some(SPIFFE));
}

#[test]
fn a_common_name_with_control_characters_proves_nothing() {
    for name in ["a\0b", "a\nb", &"a".repeat(2049)] {
        let mut params = params(&[]);
        params.distinguished_name.push(DnType::CommonName, name);
        assert_eq!(read(&params), Err(Fault::Name));
    }
}

#[test]
fn of_several_common_names_none_counts() {
    let mut params = params(&[]);
    params.distinguished_name.push(DnType::CommonName, "first");
    params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 3]), "second");
    assert_eq!(read(&params).unwrap().common_name, None);
}

#[test]
fn h03_an_authority_never_speaks_for_itself() {
    let with = |uri: &str, usages: &[KeyUsagePurpose], ca: IsCa| {
        let mut params = params(&[(URI, uri.as_bytes())]);
        params.key_usages = usages.to_vec();
        params.is_ca = ca;
        read(&params).map(drop)
    };
    let ca = || IsCa::Ca(BasicConstraints::Unconstrained);
    for uri in [SPIFFE, "https://example.org/a"] {
        for (what, usages, is_ca, expected) in [
            ("as it should be", &[DigitalSignature][..], IsCa::ExplicitNoCa, Ok(())),
            ("more than that", &[DigitalSignature, KeyAgreement], IsCa::NoCa, Ok(())),
            ("an authority", &[DigitalSignature], ca(), Err(Fault::Authority)),
            ("signs certificates", &[DigitalSignature, KeyCertSign], IsCa::NoCa, Err(Fault::Authority)),
            ("signs lists", &[DigitalSignature, CrlSign], IsCa::NoCa, Err(Fault::Authority)),
            ("does not sign", &[KeyAgreement], IsCa::NoCa, Err(Fault::KeyUsage)),
        ] {
            assert_eq!(with(uri, usages, is_ca), expected, "{what}: {uri}");
        }
    }
    // Many private authorities say nothing of the key.
    assert_eq!(with(SPIFFE, &[], IsCa::NoCa), Ok(()));
}

#[test]
fn an_extension_that_comes_twice_or_has_a_tail_proves_nothing() {
    let names = der(0x30, &der(DNS, b"good.example.org"));
    let with = |extensions: Vec<CustomExtension>| {
        let mut params = params(&[]);
        params.custom_extensions = extensions;
        read(&params).map(|certificate| certificate.dns)
    };
    let extension = |id: u64, content: &[u8]| CustomExtension::from_oid_content(&[2, 5, 29, id], content.to_vec());
    assert_eq!(with(vec![san(names.clone())]), Ok(vec!["good.example.org".to_owned()]));
    let tail = [names.as_slice(), b"\x05\x00"].concat();
    for (what, extensions) in [
        ("names twice", vec![san(names.clone()), san(names)]),
        ("names with a tail", vec![san(tail)]),
        ("names that are a set", vec![san(der(0x31, &der(DNS, b"a.b")))]),
        ("names that are cut off", vec![san(b"\x30\x08\x82\x10abc".to_vec())]),
        ("constraints that are no sequence", vec![extension(19, &[0x01, 0x01, 0xff])]),
        ("constraints with a tail", vec![extension(19, &[0x30, 0x00, 0x30, 0x03, 0x01, 0x01, 0xff])]),
        ("a second key usage", vec![extension(15, &[0x03, 0x02, 0x07, 0x80])]),
    ] {
        assert_eq!(with(extensions), Err(Fault::Malformed), "{what}");
    }
}

#[test]
fn serial_numbers_are_written_one_way() {
    for (bytes, expected) in
        [(&[0x00, 0x01][..], "1"), (&[0x7f], "7f"), (&[0x0f, 0xab], "fab"), (&[0xab, 0xcd], "abcd"), (&[0x00], "0")]
    {
        let mut params = params(&[]);
        params.serial_number = Some(SerialNumber::from_slice(bytes));
        assert_eq!(read(&params).unwrap().serial, expected, "{bytes:?}");
    }
}

#[test]
fn what_is_no_certificate_is_said_to_be_none() {
    let good = sign(&params(&[(DNS, b"a.b")]));
    let tail = [good.as_slice(), b"\0"].concat();
    let nested = [0x30, 0x80].repeat(10_000);
    for bytes in [&b""[..], b"\x30", b"\x30\x00", b"not DER", &good[..good.len() - 1], &tail, &nested] {
        assert_eq!(Certificate::read(bytes).map(drop), Err(Fault::Malformed), "{} bytes", bytes.len());
    }
}

#[test]
fn labels_are_distinct() {
    let all = [
        Fault::Malformed,
        Fault::Missing,
        Fault::Authority,
        Fault::KeyUsage,
        Fault::Name,
        Fault::SeveralUris,
        Fault::SpiffeId,
        Fault::NotYetValid,
        Fault::Expired,
        Fault::Revoked,
        Fault::RevocationUnknown,
        Fault::RevocationListExpired,
        Fault::RevocationList,
        Fault::UnknownIssuer,
        Fault::Purpose,
        Fault::Signature,
        Fault::Chain,
    ];
    let labels: std::collections::BTreeSet<&str> = all.iter().map(|fault| fault.label()).collect();
    assert_eq!(labels.len(), all.len());
    for fault in all {
        let message = fault.to_string();
        assert!(message.starts_with(char::is_lowercase) && !message.ends_with('.'), "{message}");
    }
}

static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| sign(&params(&[(URI, SPIFFE.as_bytes()), (DNS, b"a.example.org")])));

proptest! {
    #[test]
    fn h05_no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = Certificate::read(&bytes);
    }

    #[test]
    fn h05_no_change_of_a_certificate_makes_the_reader_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let mut bytes = GOOD.clone();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(GOOD.len()));
        }
        if let Ok(principal) = Certificate::read(&bytes) {
            // What was read is still plain.
            prop_assert!(!principal.subject().contains(char::is_control));
        }
    }
}
