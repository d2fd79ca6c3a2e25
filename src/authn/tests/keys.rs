//! Documents of keys: which are taken, which are passed over, which are refused.

use serde_json::{Value, json};

use super::super::{Algorithm, KeySet, KeySetFault, MAX_DOCUMENT, MAX_KEYS, SkipReason};
use super::mint::{ED25519, OTHER_RSA, P256, P384, RSA, corpus, document, encode, with};

/// The reason why `key` is passed over, beside a good key that works (B17); `None` when it is taken.
fn skipped(key: &Value) -> Option<SkipReason> {
    skipped_for(key, &Algorithm::ALL)
}

fn skipped_for(key: &Value, allowed: &[Algorithm]) -> Option<SkipReason> {
    let good = P256.jwk_with(&json!({ "kid": "good" }));
    let allowed = [allowed, &[Algorithm::Es256]].concat();
    let (set, skipped) = KeySet::parse(&document(&[key.clone(), good]), &allowed).unwrap();
    assert_eq!(set.count() + skipped.len(), 2);
    skipped.first().map(|key| {
        assert_eq!(key.position, 0);
        key.reason
    })
}

fn fault(document: &[u8]) -> Option<KeySetFault> {
    KeySet::parse(document, &Algorithm::ALL).err()
}

fn modulus(bits: usize, last: u8) -> String {
    let mut bytes = vec![0xa7; bits.div_ceil(8)];
    bytes[0] = 0x80 >> ((8 - bits % 8) % 8);
    *bytes.last_mut().unwrap() = last;
    encode(&bytes)
}

#[test]
fn good_keys_of_every_kind_are_taken() {
    for key in [&RSA, &P256, &P384, &ED25519] {
        for more in [
            json!({}),
            json!({ "kid": "k" }),
            json!({ "use": "sig" }),
            json!({ "key_ops": ["verify"] }),
            json!({ "x5c": ["MIIB"], "foo": 1 }),
        ] {
            assert_eq!(skipped(&key.jwk_with(&more)), None, "{more}");
        }
    }
}

#[test]
fn b09_keys_of_another_purpose_are_passed_over() {
    for (more, reason) in [
        (json!({ "use": "enc" }), SkipReason::Use),
        (json!({ "use": "SIG" }), SkipReason::Use),
        (json!({ "use": ["sig"] }), SkipReason::Use),
        (json!({ "key_ops": ["encrypt"] }), SkipReason::Operations),
        (json!({ "key_ops": ["sign"] }), SkipReason::Operations),
        (json!({ "key_ops": [] }), SkipReason::Operations),
        (json!({ "key_ops": "verify" }), SkipReason::Operations),
        (json!({ "d": "AA" }), SkipReason::Private),
        (json!({ "p": "AA" }), SkipReason::Private),
        (json!({ "q": 1 }), SkipReason::Private),
        (json!({ "oth": [] }), SkipReason::Private),
        (json!({ "k": "AA" }), SkipReason::Private),
        (json!({ "kty": "oct", "k": "c2VjcmV0", "alg": "HS256" }), SkipReason::Symmetric),
        (json!({ "kty": "FOO" }), SkipReason::KeyType),
        (json!({ "kty": "rsa" }), SkipReason::KeyType),
        (json!({ "kty": 1 }), SkipReason::KeyType),
        (json!({ "kty": null }), SkipReason::KeyType),
        (json!({ "kid": 1 }), SkipReason::KeyId),
        (json!({ "kid": "" }), SkipReason::KeyId),
        (json!({ "kid": "a\nb" }), SkipReason::KeyId),
        (json!({ "kid": "k".repeat(257) }), SkipReason::KeyId),
        (json!({ "alg": "none" }), SkipReason::Algorithm),
        (json!({ "alg": "HS256" }), SkipReason::Algorithm),
        (json!({ "alg": "RSA-OAEP" }), SkipReason::Algorithm),
        (json!({ "alg": "ES512" }), SkipReason::Algorithm),
        (json!({ "alg": "" }), SkipReason::Algorithm),
        (json!({ "alg": ["RS256"] }), SkipReason::Algorithm),
        (json!({ "alg": "ES256" }), SkipReason::AlgorithmMismatch),
        (json!({ "alg": "EdDSA" }), SkipReason::AlgorithmMismatch),
    ] {
        assert_eq!(skipped(&RSA.jwk_with(&more)), Some(reason), "{more}");
    }
    assert_eq!(skipped(&json!(null)), Some(SkipReason::NotObject));
    assert_eq!(skipped(&json!("key")), Some(SkipReason::NotObject));
    assert_eq!(skipped(&json!([])), Some(SkipReason::NotObject));
    assert_eq!(skipped(&json!({})), Some(SkipReason::KeyType));
    let mut null_use = RSA.jwk();
    null_use["use"] = Value::Null;
    assert_eq!(skipped(&null_use), Some(SkipReason::Use));
}

#[test]
fn b09_weak_rsa_keys_are_passed_over() {
    let whole = RSA.jwk()["n"].as_str().unwrap().to_owned();
    for (what, more, reason) in [
        ("1024 bits", json!({ "n": modulus(1024, 1) }), Some(SkipReason::ModulusSize)),
        ("2047 bits", json!({ "n": modulus(2047, 1) }), Some(SkipReason::ModulusSize)),
        ("2048 bits", json!({ "n": modulus(2048, 1) }), None),
        ("8192 bits", json!({ "n": modulus(8192, 1) }), None),
        ("8193 bits", json!({ "n": modulus(8193, 1) }), Some(SkipReason::ModulusSize)),
        ("16384 bits", json!({ "n": modulus(16384, 1) }), Some(SkipReason::ModulusSize)),
        ("an even modulus", json!({ "n": modulus(2048, 2) }), Some(SkipReason::Modulus)),
        (
            "1024 bits behind zeros",
            json!({ "n": encode(&[vec![0; 128], vec![0xa7; 128]].concat()) }),
            Some(SkipReason::Encoding),
        ),
        ("one leading zero", json!({ "n": encode(&[vec![0], vec![0xa7; 256]].concat()) }), Some(SkipReason::Encoding)),
        ("all zeros", json!({ "n": encode(&[0; 256]) }), Some(SkipReason::Encoding)),
        ("no modulus", json!({ "n": null }), Some(SkipReason::Encoding)),
        ("an empty modulus", json!({ "n": "" }), Some(SkipReason::Encoding)),
        ("a number as modulus", json!({ "n": 5 }), Some(SkipReason::Encoding)),
        ("a padded modulus", json!({ "n": format!("{whole}==") }), Some(SkipReason::Encoding)),
        ("a modulus in base64", json!({ "n": whole.replace(['-', '_'], "+") + "+" }), Some(SkipReason::Encoding)),
        ("e = 1", json!({ "e": "AQ" }), Some(SkipReason::Exponent)),
        ("e = 0", json!({ "e": "AA" }), Some(SkipReason::Exponent)),
        ("e = 2", json!({ "e": "Ag" }), Some(SkipReason::Exponent)),
        ("e = 3", json!({ "e": "Aw" }), None),
        ("e = 65536", json!({ "e": "AQAA" }), Some(SkipReason::Exponent)),
        ("e with a leading zero", json!({ "e": "AAEAAQ" }), Some(SkipReason::Exponent)),
        ("e of 40 bits", json!({ "e": encode(&[1, 0, 0, 0, 1]) }), Some(SkipReason::Exponent)),
        ("no exponent", json!({ "e": null }), Some(SkipReason::Encoding)),
        ("an empty exponent", json!({ "e": "" }), Some(SkipReason::Exponent)),
    ] {
        assert_eq!(skipped(&RSA.jwk_with(&more)), reason, "{what}");
    }
}

#[test]
fn b09_points_must_lie_on_the_curve_they_name() {
    let x = P256.jwk()["x"].as_str().unwrap().to_owned();
    let prime = encode(&[0xff; 32]);
    for (what, key, reason) in [
        ("off the curve", P256.jwk_with(&json!({ "y": x })), SkipReason::Point),
        ("zeros", P256.jwk_with(&json!({ "x": encode(&[0; 32]), "y": encode(&[0; 32]) })), SkipReason::Point),
        ("beyond the field", P256.jwk_with(&json!({ "x": prime })), SkipReason::Point),
        ("short", P256.jwk_with(&json!({ "x": encode(&[1; 31]) })), SkipReason::Encoding),
        ("long", P256.jwk_with(&json!({ "x": encode(&[0; 33]) })), SkipReason::Encoding),
        ("no y", P256.jwk_with(&json!({ "y": null })), SkipReason::Encoding),
        ("P-384 in name only", P256.jwk_with(&json!({ "crv": "P-384" })), SkipReason::Encoding),
        ("P-384 for ES256", P256.jwk_with(&json!({ "crv": "P-384", "alg": "ES256" })), SkipReason::AlgorithmMismatch),
        ("P-384 off the curve", P384.jwk_with(&json!({ "y": encode(&[1; 48]) })), SkipReason::Point),
        ("P-256 for a P-384 point", P384.jwk_with(&json!({ "crv": "P-256" })), SkipReason::Encoding),
        ("P-521", P384.jwk_with(&json!({ "crv": "P-521" })), SkipReason::Curve),
        ("secp256k1", P256.jwk_with(&json!({ "crv": "secp256k1", "alg": "ES256K" })), SkipReason::Curve),
        ("no curve", P256.jwk_with(&json!({ "crv": null })), SkipReason::Curve),
        ("Ed25519 as EC", ED25519.jwk_with(&json!({ "kty": "EC" })), SkipReason::Curve),
        ("X25519", ED25519.jwk_with(&json!({ "crv": "X25519" })), SkipReason::Curve),
        ("Ed448", ED25519.jwk_with(&json!({ "crv": "Ed448" })), SkipReason::Curve),
        ("short Ed25519", ED25519.jwk_with(&json!({ "x": encode(&[9; 31]) })), SkipReason::Encoding),
    ] {
        assert_eq!(skipped(&key), Some(reason), "{what}");
    }
}

#[test]
fn b09_ed25519_keys_with_which_anybody_can_sign_are_passed_over() {
    // The eight points of small order, three with the other sign bit and one that is not canonical.
    for hex in [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0200000000000000000000000000000000000000000000000000000000000000",
    ] {
        let bytes: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap()).collect();
        assert_eq!(skipped(&ED25519.jwk_with(&json!({ "x": encode(&bytes) }))), Some(SkipReason::Point), "{hex}");
    }
}

#[test]
fn a_key_without_alg_has_one_algorithm_all_the_same() {
    use Algorithm::{Es256, Es384, Ps256, Ps384, Rs256, Rs512};
    let not_allowed = Some(SkipReason::AlgorithmNotAllowed);
    for (key, allowed, reason) in [
        (&RSA, vec![Rs256], None),
        (&RSA, vec![Ps256], None),
        (&RSA, vec![Ps256, Es256], None),
        (&RSA, vec![Rs256, Ps256], None),
        // Several, none of them the common one: which would be a guess.
        (&RSA, vec![Ps256, Ps384], not_allowed),
        (&RSA, vec![Es384], not_allowed),
        (&RSA, vec![Rs512], None),
        (&P384, vec![Rs256], not_allowed),
        (&P384, vec![Es384], None),
        (&ED25519, vec![Rs256], not_allowed),
    ] {
        assert_eq!(skipped_for(&key.jwk(), &allowed), reason, "{allowed:?}");
    }
    assert_eq!(skipped_for(&RSA.jwk_with(&json!({ "alg": "RS512" })), &[Rs256]), not_allowed);
}

#[test]
fn b18_keys_that_share_a_kid_are_both_passed_over() {
    let (one, two) = (RSA.jwk_with(&json!({ "kid": "k1" })), OTHER_RSA.jwk_with(&json!({ "kid": "k1" })));
    let three = P256.jwk_with(&json!({ "kid": "k2" }));
    let (set, skipped) = KeySet::parse(&document(&[one.clone(), three.clone(), two.clone()]), &Algorithm::ALL).unwrap();
    assert_eq!(set.count(), 1);
    let told: Vec<String> = skipped.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "key 0 (`k1`) shares its `kid` with another key; neither is used",
            "key 2 (`k1`) shares its `kid` with another key; neither is used",
        ]
    );
    assert!(
        matches!(fault(&document(&[one.clone(), two])), Some(KeySetFault::NoUsableKey { skipped }) if skipped.len() == 2)
    );
    // An encryption key of the same name is no rival, nor are keys without names.
    let encryption = with(one.clone(), &json!({ "use": "enc" }));
    assert_eq!(KeySet::parse(&document(&[one, encryption, three]), &Algorithm::ALL).unwrap().0.count(), 2);
    assert_eq!(KeySet::parse(&document(&[RSA.jwk(), OTHER_RSA.jwk()]), &Algorithm::ALL).unwrap().0.count(), 2);
}

#[test]
fn b08_what_is_no_key_set_is_a_fault() {
    for (text, expected) in [
        ("", KeySetFault::Json),
        ("<html>", KeySetFault::Json),
        ("\u{feff}{\"keys\":[]}", KeySetFault::Json),
        ("{\"keys\":[]}x", KeySetFault::Json),
        ("null", KeySetFault::Shape),
        ("[]", KeySetFault::Shape),
        ("\"keys\"", KeySetFault::Shape),
        ("{}", KeySetFault::Shape),
        ("{\"keys\":{}}", KeySetFault::Shape),
        ("{\"keys\":null}", KeySetFault::Shape),
        ("{\"Keys\":[]}", KeySetFault::Shape),
        ("{\"keys\":[],\"keys\":[]}", KeySetFault::DuplicateMember),
        ("{\"keys\":[{\"kty\":\"RSA\",\"k\\u0074y\":\"EC\"}]}", KeySetFault::DuplicateMember),
        ("{\"keys\":[]}", KeySetFault::NoUsableKey { skipped: Vec::new() }),
    ] {
        assert_eq!(fault(text.as_bytes()), Some(expected), "{text}");
    }
}

#[test]
fn b05_size_depth_and_count_are_bounded() {
    let padded = |length: usize| {
        let mut text = document(&[P256.jwk()]);
        text.resize(length, b' ');
        text
    };
    assert_eq!(fault(&padded(MAX_DOCUMENT)), None);
    assert_eq!(fault(&padded(MAX_DOCUMENT + 1)), Some(KeySetFault::TooLarge));
    let keys = |count: usize| {
        let many: Vec<Value> = (0..count).map(|number| P256.jwk_with(&json!({ "kid": number.to_string() }))).collect();
        document(&many)
    };
    assert_eq!(fault(&keys(MAX_KEYS)), None);
    assert_eq!(fault(&keys(MAX_KEYS + 1)), Some(KeySetFault::TooManyKeys));
    let deep = format!("{{\"keys\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(fault(deep.as_bytes()), Some(KeySetFault::TooDeep));
    assert_eq!(fault("[".repeat(MAX_DOCUMENT).as_bytes()), Some(KeySetFault::TooDeep));
}

#[test]
fn every_fault_has_its_own_label_and_says_no_key_bytes() {
    let key = RSA.jwk_with(&json!({ "kid": "k1", "d": "c2VjcmV0" }));
    let fault = fault(&document(&[key])).unwrap();
    let said = format!("{fault} {fault:?} {}", fault.label());
    assert!(!said.contains("c2VjcmV0") && !said.contains(RSA.jwk()["n"].as_str().unwrap()), "{said}");
    assert!(said.contains("Private") && said.contains("k1"), "{said}");
}

/// Puts real keys where a template has names.
fn fill(template: &str) -> String {
    let number = |key: &Value, name: &str| key[name].as_str().unwrap().to_owned();
    let mut off_curve = P256.jwk();
    off_curve["y"] = off_curve["x"].clone();
    template
        .replace("GOOD", &P256.jwk_with(&json!({ "kid": "good" })).to_string())
        .replace("\"N1\"", &RSA.jwk()["n"].to_string())
        .replace("\"N2\"", &OTHER_RSA.jwk()["n"].to_string())
        .replace("\"N\"", &RSA.jwk()["n"].to_string())
        .replace("\"32B\"", &P256.jwk()["x"].to_string())
        .replace("\"AA..\"", &format!("\"{}\"", number(&off_curve, "x")))
        .replace(
            "1024-bit n",
            &String::from_utf8(document(&[RSA.jwk_with(&json!({ "n": modulus(1024, 1) }))])).unwrap(),
        )
        .replace(
            "16384-bit n",
            &String::from_utf8(document(&[RSA.jwk_with(&json!({ "n": modulus(16384, 1) }))])).unwrap(),
        )
        .replace("10 000 RSA keys", &String::from_utf8(document(&vec![json!({ "kty": "RSA" }); 10_000])).unwrap())
        .replace("{\"keys\":[GENERATED 100 MB", &" ".repeat(MAX_DOCUMENT + 1))
}

/// What each own document leads to; scenarios of the network and of discovery have none here.
const DOCUMENTS: [(&str, &str); 20] = [
    ("200-html", "key_set_json"),
    ("huge", "key_set_too_large"),
    ("10000-keys", "key_set_too_many_keys"),
    ("deep", "key_set_too_deep"),
    ("empty-set", "key_set_no_usable_key"),
    ("keys-object", "key_set_shape"),
    ("no-keys", "key_set_shape"),
    ("oct-key", "key_symmetric"),
    ("private-key", "key_private"),
    ("dup-kid", "key_kid_duplicate"),
    ("unknown-kty", "taken but key_type"),
    ("use-enc", "key_use"),
    ("key-ops", "key_operations"),
    ("crv-alg-mismatch", "key_algorithm_mismatch"),
    ("off-curve", "key_point"),
    ("rsa-e1", "key_exponent"),
    ("rsa-1024", "key_modulus_size"),
    ("rsa-16384", "key_modulus_size"),
    ("slow", "taken"),
    ("tls-expired", "taken"),
];

#[test]
fn b05_b08_b09_b17_b18_own_documents_lead_to_what_they_should() {
    let cases = corpus("jwks-own/cases.ndjson");
    assert_eq!(cases.len(), 41);
    for (id, expected) in DOCUMENTS {
        let case = cases.iter().find(|case| case["id"] == id).unwrap_or_else(|| panic!("no case {id}"));
        let text = fill(case["document"].as_str().unwrap());
        let got = match KeySet::parse(text.as_bytes(), &Algorithm::ALL) {
            Ok((_, skipped)) if skipped.is_empty() => "taken".to_owned(),
            Ok((_, skipped)) => format!("taken but {}", skipped[0].reason.label()),
            Err(KeySetFault::NoUsableKey { skipped }) if !skipped.is_empty() => skipped[0].reason.label().to_owned(),
            Err(fault) => fault.label().to_owned(),
        };
        assert_eq!(got, expected, "{id}");
    }
}
