//! One token, one fault: each table row changes one thing in a token that is otherwise good.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::{Algorithm, Claim, ClaimValue, IssuerSettings, MAX_TOKEN, Profile, TokenFault, Verifier};
use super::mint::{
    self, AUDIENCE, ED25519, ISSUER, LEEWAY, NOW, OTHER_RSA, P256, P384, RSA, Signer, at, good_claims, now,
};

const HEADER: &str = r#"{"alg":"ES256","kid":"e1","typ":"at+jwt"}"#;

fn judge_at(now: crate::types::UnixTime, token: &str, profile: Profile) -> Result<(), TokenFault> {
    let keys = [mint::live(&[P256.jwk_with(&json!({ "kid": "e1" }))])];
    mint::verifier(profile).verify(token, &keys, now).map(drop)
}

fn judge(header: &str, claims: &str, profile: Profile) -> Result<(), TokenFault> {
    judge_at(now(), &P256.token(Algorithm::Es256, header, claims), profile)
}

/// A good token with this header text.
fn header(text: &str) -> Result<(), TokenFault> {
    judge(text, &good_claims().to_string(), Profile::Jwt)
}

/// A good token with these claims changed, or removed where null.
fn claims(more: &Value) -> Result<(), TokenFault> {
    judge(HEADER, &mint::with(good_claims(), more).to_string(), Profile::Jwt)
}

/// A good token with the member `name` written as `text`.
fn raw(name: &str, text: &str) -> Result<(), TokenFault> {
    let mut good = mint::with(good_claims(), &json!({ name: null })).to_string();
    good.pop();
    judge(HEADER, &format!("{good},\"{name}\":{text}}}"), Profile::Jwt)
}

#[test]
fn a_good_token_gives_its_principal() {
    let keys = [mint::live(&[P256.jwk_with(&json!({ "kid": "e1" }))])];
    let token = P256.token(Algorithm::Es256, HEADER, &good_claims().to_string());
    for profile in [Profile::Rfc9068, Profile::Jwt] {
        let principal = mint::verifier(profile).verify(&token, &keys, now()).unwrap();
        assert_eq!((principal.issuer(), principal.subject()), ("corp", "u1"));
        assert_eq!(principal.expires(), at(300));
        assert_eq!(principal.claims().get("roles"), Some(&ClaimValue::List(["viewer".into()].into())));
    }
}

#[test]
fn every_algorithm_verifies_with_its_key_and_with_no_other() {
    let pairs: [(&Signer, &[Algorithm]); 4] = [
        (&RSA, &Algorithm::ALL[..6]),
        (&P256, &[Algorithm::Es256]),
        (&P384, &[Algorithm::Es384]),
        (&ED25519, &[Algorithm::EdDsa]),
    ];
    for (signer, algorithm) in pairs.iter().flat_map(|(signer, list)| list.iter().map(move |one| (signer, *one))) {
        let keys = [mint::live(&[signer.jwk_with(&json!({ "kid": "k", "alg": algorithm.label() }))])];
        for said in Algorithm::ALL {
            let header = json!({ "alg": said.label(), "kid": "k" }).to_string();
            let token = signer.token(said, &header, &good_claims().to_string());
            let expected = if said == algorithm { Ok(()) } else { Err(TokenFault::AlgorithmOfKey) };
            let got = mint::verifier(Profile::Jwt).verify(&token, &keys, now()).map(drop);
            assert_eq!(got, expected, "{algorithm:?} {said:?}");
        }
    }
}

#[test]
fn a02_alg_none_in_any_spelling_is_not_understood() {
    for alg in
        ["\"none\"", "\"None\"", "\"NONE\"", "\"nOnE\"", "\"\"", "null", "[\"ES256\"]", "\"es256\"", "1", "\"ES256 \""]
    {
        assert_eq!(header(&format!(r#"{{"alg":{alg},"kid":"e1"}}"#)), Err(TokenFault::Algorithm), "{alg}");
    }
    assert_eq!(header(r#"{"kid":"e1"}"#), Err(TokenFault::Algorithm));
}

#[test]
fn an_algorithm_outside_the_issuers_list_is_refused_though_the_key_would_fit() {
    let keys = [mint::live(&[P256.jwk_with(&json!({ "kid": "e1" }))])];
    let settings = IssuerSettings { algorithms: vec![Algorithm::Rs256], ..mint::settings(Profile::Jwt) };
    let token = P256.token(Algorithm::Es256, HEADER, &good_claims().to_string());
    let got = Verifier::new(vec![settings], 1).verify(&token, &keys, now()).map(drop);
    assert_eq!(got, Err(TokenFault::AlgorithmNotAllowed));
}

#[test]
fn a05_crit_is_refused_whatever_it_says() {
    for text in [r#"["x"],"x":1"#, r#"["b64"],"b64":false"#, "[]", "null", "{}", r#""exp""#] {
        let text = format!(r#"{{"alg":"ES256","kid":"e1","crit":{text}}}"#);
        assert_eq!(header(&text), Err(TokenFault::Critical), "{text}");
    }
    assert_eq!(header(r#"{"alg":"ES256","kid":"e1","b64":true}"#), Err(TokenFault::HeaderParameter));
}

#[test]
fn a06_typ_must_be_that_of_an_access_token() {
    // Value of `typ` (None: absent), accepted by the profiles `jwt` and `rfc9068`.
    for (typ, jwt, rfc9068) in [
        (None, true, false),
        (Some(json!("at+jwt")), true, true),
        (Some(json!("AT+JWT")), true, true),
        (Some(json!("application/at+jwt")), true, true),
        (Some(json!("Application/AT+jwt")), true, true),
        (Some(json!("JWT")), true, false),
        (Some(json!("jwt")), true, false),
        (Some(json!("application/jwt")), true, false),
        (Some(json!("logout+jwt")), false, false),
        (Some(json!("dpop+jwt")), false, false),
        (Some(json!("secevent+jwt")), false, false),
        (Some(json!("token-introspection+jwt")), false, false),
        (Some(json!("JWE")), false, false),
        (Some(json!("JOSE")), false, false),
        (Some(json!("ID")), false, false),
        (Some(json!("")), false, false),
        (Some(json!("application/")), false, false),
        (Some(json!("application/application/at+jwt")), false, false),
        (Some(json!(" at+jwt")), false, false),
        (Some(json!("at+jwt; charset=x")), false, false),
        (Some(json!(1)), false, false),
        (Some(json!(["at+jwt"])), false, false),
        (Some(Value::Null), false, false),
    ] {
        let mut header = json!({ "alg": "ES256", "kid": "e1" });
        if let Some(typ) = &typ {
            header["typ"] = typ.clone();
        }
        for (profile, accepted) in [(Profile::Jwt, jwt), (Profile::Rfc9068, rfc9068)] {
            let expected = if accepted { Ok(()) } else { Err(TokenFault::Type) };
            assert_eq!(
                judge(&header.to_string(), &good_claims().to_string(), profile),
                expected,
                "{typ:?} {profile:?}"
            );
        }
    }
}

#[test]
fn a07_an_id_token_is_not_an_access_token() {
    for more in [
        json!({ "nonce": "n" }),
        json!({ "at_hash": "x" }),
        json!({ "c_hash": "x" }),
        json!({ "typ": "ID" }),
        json!({ "typ": "Refresh" }),
        json!({ "events": { "http://schemas.openid.net/event/backchannel-logout": {} } }),
    ] {
        assert_eq!(claims(&more), Err(TokenFault::NotAccessToken), "{more}");
    }
    assert_eq!(raw("nonce", "null"), Err(TokenFault::NotAccessToken));
    assert_eq!(claims(&json!({ "typ": "Bearer" })), Ok(()));
}

#[test]
fn a08_a09_required_claims_must_be_there() {
    for claim in [Claim::Issuer, Claim::Audience, Claim::Expires, Claim::Subject] {
        assert_eq!(claims(&json!({ claim.name(): null })), Err(TokenFault::ClaimMissing(claim)), "{claim:?}");
    }
}

#[test]
fn rfc9068_requires_more_claims() {
    for claim in [Claim::ClientId, Claim::TokenId, Claim::IssuedAt] {
        let without = mint::with(good_claims(), &json!({ claim.name(): null })).to_string();
        assert_eq!(judge(HEADER, &without, Profile::Rfc9068), Err(TokenFault::ClaimMissing(claim)), "{claim:?}");
        assert_eq!(judge(HEADER, &without, Profile::Jwt), Ok(()), "{claim:?}");
        let empty = mint::with(good_claims(), &json!({ claim.name(): "" })).to_string();
        assert_eq!(judge(HEADER, &empty, Profile::Rfc9068), Err(TokenFault::ClaimMalformed(claim)), "{claim:?}");
    }
}

#[test]
fn a10_a11_iss_and_sub_must_be_text() {
    for text in ["123", "{}", "{\"a\":1}", "null", "true", "[]", "\"\"", &format!("[\"https://evil\",\"{ISSUER}\"]")] {
        for claim in [Claim::Issuer, Claim::Subject] {
            assert_eq!(raw(claim.name(), text), Err(TokenFault::ClaimMalformed(claim)), "{claim:?} {text}");
        }
    }
}

#[test]
fn a12_iss_must_be_equal_byte_for_byte() {
    for iss in [
        format!("{ISSUER}/"),
        ISSUER.to_uppercase(),
        format!("{ISSUER}.evil.test"),
        format!("{ISSUER}\0"),
        format!(" {ISSUER}"),
        ISSUER.replace("https", "http"),
        ISSUER[..ISSUER.len() - 1].to_owned(),
    ] {
        assert_eq!(claims(&json!({ "iss": iss })), Err(TokenFault::UnknownIssuer), "{iss}");
    }
}

#[test]
fn a13_a14_aud_names_us_and_nothing_but_texts() {
    let malformed = Err(TokenFault::ClaimMalformed(Claim::Audience));
    for (text, expected) in [
        (format!("\"{AUDIENCE}\""), Ok(())),
        (format!("[\"{AUDIENCE}\"]"), Ok(())),
        (format!("[\"other\",\"{AUDIENCE}\"]"), Ok(())),
        ("5".to_owned(), malformed),
        (format!("{{\"{AUDIENCE}\":1}}"), malformed),
        ("null".to_owned(), malformed),
        ("[]".to_owned(), malformed),
        (format!("[\"{AUDIENCE}\",5]"), malformed),
        (format!("[5,\"{AUDIENCE}\"]"), malformed),
        (format!("[\"{AUDIENCE}\",null]"), malformed),
        (format!("[[\"{AUDIENCE}\"]]"), malformed),
        (format!("\"{AUDIENCE}x\""), Err(TokenFault::Audience)),
        (format!("\"other,{AUDIENCE}\""), Err(TokenFault::Audience)),
        (format!("\"other {AUDIENCE}\""), Err(TokenFault::Audience)),
        ("\"\"".to_owned(), Err(TokenFault::Audience)),
    ] {
        assert_eq!(raw("aud", &text), expected, "{text}");
    }
}

#[test]
fn an_issuer_without_audiences_lets_nobody_in() {
    let keys = [mint::live(&[P256.jwk_with(&json!({ "kid": "e1" }))])];
    let settings = IssuerSettings { audiences: Vec::new(), ..mint::settings(Profile::Jwt) };
    let token = P256.token(Algorithm::Es256, HEADER, &good_claims().to_string());
    assert_eq!(Verifier::new(vec![settings], 1).verify(&token, &keys, now()).map(drop), Err(TokenFault::Audience));
}

#[test]
fn a15_a16_a17_times_must_be_sane_numbers() {
    let far = format!("{}", NOW + 31_536_000);
    for claim in [Claim::Expires, Claim::NotBefore, Claim::IssuedAt] {
        for text in [
            "\"4102444800\"",
            "null",
            "true",
            "[]",
            "[4102444800]",
            "{}",
            "-1",
            "-0.5",
            "1e300",
            "1e19",
            "1e12",
            "18446744073709551615",
            "9223372036854775808",
            "253402300800",
        ] {
            assert_eq!(raw(claim.name(), text), Err(TokenFault::ClaimMalformed(claim)), "{claim:?} {text}");
        }
    }
    assert_eq!(raw("exp", "1e999"), Err(TokenFault::Json));
    assert_eq!(raw("exp", "NaN"), Err(TokenFault::Json));
    assert_eq!(raw("exp", &far), Err(TokenFault::Lifetime));
    assert_eq!(raw("exp", &format!("{}.5", NOW + 300)), Ok(()));
    assert_eq!(raw("nbf", &format!("{}.5", NOW - 1)), Ok(()));
    assert_eq!(raw("exp", &format!("{}.0e1", (NOW + 300) / 10)), Ok(()));
}

#[test]
fn a18_the_leeway_is_exact_at_both_ends() {
    let leeway = i64::try_from(LEEWAY).unwrap();
    let token = P256.token(Algorithm::Es256, HEADER, &mint::with(good_claims(), &json!({ "exp": NOW })).to_string());
    for (offset, expected) in [
        (-5, Ok(())),
        (0, Ok(())),
        (leeway - 5, Ok(())),
        (leeway - 1, Ok(())),
        (leeway, Err(TokenFault::Expired)),
        (leeway + 1, Err(TokenFault::Expired)),
        (61, Err(TokenFault::Expired)),
        (1_000_000_000, Err(TokenFault::Expired)),
    ] {
        assert_eq!(judge_at(at(offset), &token, Profile::Rfc9068), expected, "{offset}");
    }
}

#[test]
fn a16_a19_tokens_from_the_future_are_refused() {
    for (offset, accepted) in [(0, true), (LEEWAY, true), (LEEWAY + 1, false), (3600, false)] {
        let nbf = if accepted { Ok(()) } else { Err(TokenFault::NotYetValid) };
        let iat = if accepted { Ok(()) } else { Err(TokenFault::IssuedInFuture) };
        assert_eq!(claims(&json!({ "nbf": NOW + offset, "exp": NOW + 7200 })), nbf, "nbf +{offset}");
        assert_eq!(claims(&json!({ "iat": NOW + offset, "exp": NOW + 7200 })), iat, "iat +{offset}");
    }
}

#[test]
fn a17_the_lifetime_is_bounded_with_and_without_iat() {
    let day = 86_400;
    for (more, expected) in [
        (json!({ "iat": NOW, "exp": NOW + day }), Ok(())),
        (json!({ "iat": NOW, "exp": NOW + day + 1 }), Err(TokenFault::Lifetime)),
        (json!({ "iat": NOW - day, "exp": NOW + 1 }), Err(TokenFault::Lifetime)),
        (json!({ "iat": 0, "exp": NOW + 300 }), Err(TokenFault::Lifetime)),
        (json!({ "iat": null, "exp": NOW + day }), Ok(())),
        (json!({ "iat": null, "exp": NOW + day + LEEWAY }), Ok(())),
        (json!({ "iat": null, "exp": NOW + day + LEEWAY + 1 }), Err(TokenFault::Lifetime)),
    ] {
        assert_eq!(claims(&more), expected, "{more}");
    }
}

#[test]
fn the_leeway_never_exceeds_a_minute() {
    let keys = [mint::live(&[P256.jwk_with(&json!({ "kid": "e1" }))])];
    let settings = IssuerSettings { leeway: Duration::from_hours(1), ..mint::settings(Profile::Jwt) };
    let verifier = Verifier::new(vec![settings], 1);
    for (more, expected) in [
        (json!({ "exp": NOW - 59 }), Ok(())),
        (json!({ "exp": NOW - 60 }), Err(TokenFault::Expired)),
        (json!({ "nbf": NOW + 61 }), Err(TokenFault::NotYetValid)),
        (json!({ "iat": NOW + 61 }), Err(TokenFault::IssuedInFuture)),
    ] {
        let token = P256.token(Algorithm::Es256, HEADER, &mint::with(good_claims(), &more).to_string());
        assert_eq!(verifier.verify(&token, &keys, now()).map(drop), expected, "{more}");
    }
}

#[test]
fn a20_a_name_must_not_stand_twice_at_any_depth() {
    for (name, text) in [
        ("exp", "1800000300,\"exp\":1800000300"),
        ("aud", "\"nats-monitoring\",\"aud\":\"nats-monitoring\""),
        ("roles", "[\"viewer\"],\"roles\":[\"admin\"]"),
        ("roles", "[\"viewer\"],\"r\\u006fles\":[\"admin\"]"),
        ("realm_access", "{\"roles\":[\"viewer\"],\"roles\":[\"admin\"]}"),
        ("x", "[[{\"a\":1,\"\\u0061\":2}]]"),
        ("", "1,\"\":2"),
    ] {
        assert_eq!(raw(name, text), Err(TokenFault::DuplicateMember), "{name} {text}");
    }
    for text in [r#"{"alg":"ES256","alg":"ES256"}"#, r#"{"alg":"ES256","kid":"e1","k\u0069d":"e2"}"#] {
        assert_eq!(header(text), Err(TokenFault::DuplicateMember), "{text}");
    }
    assert_eq!(raw("x", "[{\"a\":1},{\"a\":2},{\"A\":{\"a\":1}}]"), Ok(()));
}

#[test]
fn a21_header_and_claims_are_one_json_object_in_utf_8() {
    let good = good_claims().to_string();
    for text in [
        format!("\u{feff}{good}"),
        format!("{good}x"),
        format!("{good} x"),
        format!("{good}{good}"),
        format!("[{good}]"),
        format!("{good}\0"),
        "[]".to_owned(),
        "1".to_owned(),
        "null".to_owned(),
        "\"x\"".to_owned(),
        "{".to_owned(),
        " ".to_owned(),
        "{'a':1}".to_owned(),
        "{\"a\":1,}".to_owned(),
        "{\"a\":\"\\ud800\"}".to_owned(),
        "{\"a\":\"\n\"}".to_owned(),
        "{/**/}".to_owned(),
        "{1:1}".to_owned(),
    ] {
        assert_eq!(judge(HEADER, &text, Profile::Jwt), Err(TokenFault::Json), "{text}");
        assert_eq!(header(&text.replace(&good, HEADER)), Err(TokenFault::Json), "{text}");
    }
    let parts = |header: &[u8], claims: &[u8]| {
        let signed = format!("{}.{}", mint::encode(header), mint::encode(claims));
        let signature = mint::encode(&P256.sign(Algorithm::Es256, signed.as_bytes()));
        judge_at(now(), &format!("{signed}.{signature}"), Profile::Jwt)
    };
    let latin = [&good.as_bytes()[..good.len() - 1], b",\"x\":\"\xe9\"}"].concat();
    assert_eq!(parts(HEADER.as_bytes(), &latin), Err(TokenFault::Json));
    assert_eq!(parts(b"{\"alg\":\"ES256\",\"kid\":\"\xff\"}", good.as_bytes()), Err(TokenFault::Json));
}

#[test]
fn a21_depth_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(raw("x", &nested(31)), Ok(()));
    assert_eq!(raw("x", &nested(32)), Err(TokenFault::TooDeep));
    assert_eq!(raw("x", &nested(1000)), Err(TokenFault::TooDeep));
}

#[test]
fn a22_a_token_has_three_parts_in_canonical_base64url() {
    let good = P256.token(Algorithm::Es256, HEADER, &good_claims().to_string());
    let [first, second, third] = good.split('.').collect::<Vec<_>>()[..] else { panic!() };
    // 64 bytes leave four spare bits in the last character.
    let mut loose = third.to_owned();
    let last = loose.pop().unwrap();
    loose.push(char::from(last as u8 + 1));
    for (token, expected) in [
        (String::new(), TokenFault::Parts),
        (".".to_owned(), TokenFault::Parts),
        ("..".to_owned(), TokenFault::Parts),
        ("...".to_owned(), TokenFault::Parts),
        ("a".to_owned(), TokenFault::Parts),
        (format!("{first}.{second}"), TokenFault::Parts),
        (format!("{first}.{second}."), TokenFault::Parts),
        (format!("{first}..{third}"), TokenFault::Json),
        (format!(".{second}.{third}"), TokenFault::Parts),
        (format!("{good}."), TokenFault::Parts),
        (format!("{good}.{third}"), TokenFault::Parts),
        (format!("{good}.{third}.{third}"), TokenFault::Parts),
        (format!("{good}=="), TokenFault::Encoding),
        (format!("{first}=.{second}.{third}"), TokenFault::Encoding),
        (format!("{good}+"), TokenFault::Encoding),
        (format!("{good}/"), TokenFault::Encoding),
        (format!(" {good}"), TokenFault::Encoding),
        (format!("{good} "), TokenFault::Encoding),
        (format!("{good}\n"), TokenFault::Encoding),
        (format!("{first}.{second}.{loose}"), TokenFault::Encoding),
        (format!("{first}.{second}.{third}AAA"), TokenFault::Encoding),
        (format!("{first}.{second}.{third}AA"), TokenFault::Signature),
        (format!("{first}.{second}.AA"), TokenFault::Signature),
    ] {
        assert_eq!(judge_at(now(), &token, Profile::Jwt), Err(expected), "{token}");
    }
}

#[test]
fn a23_keys_that_a_token_brings_are_refused_before_anything_else() {
    for (name, value) in [
        ("jwk", P256.jwk()),
        ("jku", json!("http://127.0.0.1:1/evil.json")),
        ("x5u", json!("http://127.0.0.1:1/evil.pem")),
        ("x5c", json!(["MIIB"])),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
        ("enc", json!("A128GCM")),
        ("jku", Value::Null),
    ] {
        let mut header_members = json!({ "alg": "ES256", "kid": "e1" });
        header_members[name] = value;
        assert_eq!(header(&header_members.to_string()), Err(TokenFault::HeaderParameter), "{name}");
    }
    // A thumbprint brings no key; it is passed over like any unknown name.
    assert_eq!(header(r#"{"alg":"ES256","kid":"e1","x5t":"abc","x5t#S256":"abc","nonce":"n"}"#), Ok(()));
}

#[test]
fn a24_kid_is_a_name_and_nothing_else() {
    let unknown = |kid| mint::unknown_key(Some(kid));
    let long = format!("\"{}\"", "k".repeat(257));
    for (kid, expected) in [
        ("\"\"", TokenFault::KeyId),
        ("1", TokenFault::KeyId),
        ("null", TokenFault::KeyId),
        ("[\"e1\"]", TokenFault::KeyId),
        ("\"a\\r\\nX: y\"", TokenFault::KeyId),
        ("\"e1\\u0000\"", TokenFault::KeyId),
        (&long, TokenFault::KeyId),
        ("\"../../../../dev/null\"", unknown("../../../../dev/null")),
        ("\"x' UNION SELECT '1';--\"", unknown("x' UNION SELECT '1';--")),
        ("\"E1\"", unknown("E1")),
        ("\"e1 \"", unknown("e1 ")),
    ] {
        assert_eq!(header(&format!(r#"{{"alg":"ES256","kid":{kid}}}"#)), Err(expected), "{kid}");
    }
}

#[test]
fn a_token_without_kid_means_the_only_key_of_its_algorithm() {
    let token = P256.token(Algorithm::Es256, r#"{"alg":"ES256"}"#, &good_claims().to_string());
    let other = Signer::P256(match &*P256 {
        Signer::P256(_) => {
            let random = ring::rand::SystemRandom::new();
            let algorithm = &ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
            let pkcs8 = ring::signature::EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
            ring::signature::EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap()
        }
        Signer::Rsa(_) | Signer::P384(_) | Signer::Ed25519(_) => unreachable!(),
    });
    for (keys, expected) in [
        (vec![P256.jwk()], Ok(())),
        (vec![P256.jwk_with(&json!({ "kid": "e1" })), P384.jwk(), RSA.jwk()], Ok(())),
        (vec![P256.jwk(), other.jwk()], Err(TokenFault::KeyIdMissing)),
        (vec![other.jwk()], Err(TokenFault::Signature)),
        (vec![RSA.jwk()], Err(mint::unknown_key(None))),
    ] {
        let got = mint::verifier(Profile::Jwt).verify(&token, &[mint::live(&keys)], now()).map(drop);
        assert_eq!(got, expected, "{keys:?}");
    }
    // A key without name is not the one that a token names.
    let named = P256.token(Algorithm::Es256, HEADER, &good_claims().to_string());
    let got = mint::verifier(Profile::Jwt).verify(&named, &[mint::live(&[P256.jwk()])], now()).map(drop);
    assert_eq!(got, Err(mint::unknown_key(Some("e1"))));
}

#[test]
fn a26_a27_a_token_bound_to_a_key_is_no_bearer() {
    for more in [
        json!({ "cnf": { "x5t#S256": "OTHER" } }),
        json!({ "cnf": { "jkt": "X" } }),
        json!({ "cnf": { "kid": "x" } }),
        json!({ "cnf": {} }),
        json!({ "cnf": "x" }),
    ] {
        assert_eq!(claims(&more), Err(TokenFault::SenderConstrained), "{more}");
    }
    assert_eq!(raw("cnf", "null"), Err(TokenFault::SenderConstrained));
}

#[test]
fn a28_a_long_token_is_refused_before_it_is_decoded() {
    let padded = |pad: usize| {
        let claims = mint::with(good_claims(), &json!({ "pad": "x".repeat(pad) })).to_string();
        P256.token(Algorithm::Es256, HEADER, &claims)
    };
    let around = MAX_TOKEN * 3 / 4 - 400;
    let fill = |length: usize| (around..around + 800).map(padded).find(|token| token.len() >= length).unwrap();
    let longest = fill(MAX_TOKEN - 1);
    assert!(longest.len() <= MAX_TOKEN);
    assert_eq!(judge_at(now(), &longest, Profile::Jwt), Ok(()));
    let too_long = fill(MAX_TOKEN + 1);
    assert_eq!(judge_at(now(), &too_long, Profile::Jwt), Err(TokenFault::TooLong));
    assert_eq!(judge_at(now(), &".".repeat(MAX_TOKEN + 1), Profile::Jwt), Err(TokenFault::TooLong));
    assert_eq!(judge_at(now(), &".".repeat(MAX_TOKEN), Profile::Jwt), Err(TokenFault::Parts));
}

#[test]
fn the_issuer_chooses_the_keys_and_no_others_are_tried() {
    let second = IssuerSettings {
        issuer: "https://two.example.org".to_owned(),
        name: "two".to_owned(),
        ..mint::settings(Profile::Jwt)
    };
    let verifier = Verifier::new(vec![mint::settings(Profile::Jwt), second], 10);
    let keys = [
        mint::live(&[RSA.jwk_with(&json!({ "kid": "k1" }))]),
        mint::live(&[OTHER_RSA.jwk_with(&json!({ "kid": "k1" }))]),
    ];
    let header = r#"{"alg":"RS256","kid":"k1"}"#;
    let claims_of_two = mint::with(good_claims(), &json!({ "iss": "https://two.example.org" })).to_string();
    let verify = |signer: &Signer, claims: &str, keys: &[_]| {
        let token = signer.token(Algorithm::Rs256, header, claims);
        verifier.verify(&token, keys, now()).map(|who| who.issuer().to_owned())
    };
    assert_eq!(verify(&RSA, &good_claims().to_string(), &keys), Ok("corp".to_owned()));
    assert_eq!(verify(&OTHER_RSA, &claims_of_two, &keys), Ok("two".to_owned()));
    assert_eq!(verify(&OTHER_RSA, &good_claims().to_string(), &keys), Err(TokenFault::Signature));
    assert_eq!(verify(&RSA, &claims_of_two, &keys), Err(TokenFault::Signature));
    // Missing keys of one issuer are told as its own, and never replaced by another's.
    let [first, _] = keys;
    assert_eq!(verify(&RSA, &claims_of_two, &[first.clone(), None]), Err(TokenFault::KeysMissing { issuer: 1 }));
    assert_eq!(verify(&RSA, &claims_of_two, &[first]), Err(TokenFault::KeysMissing { issuer: 1 }));
}

#[test]
fn a_bad_token_is_bad_even_while_keys_are_missing() {
    let expired = mint::with(good_claims(), &json!({ "exp": NOW - 1000 })).to_string();
    let token = P256.token(Algorithm::Es256, HEADER, &expired);
    assert_eq!(mint::verifier(Profile::Jwt).verify(&token, &[None], now()).map(drop), Err(TokenFault::Expired));
}

#[test]
fn every_bit_of_a_signature_counts() {
    for (signer, algorithm) in [(&P256, Algorithm::Es256), (&ED25519, Algorithm::EdDsa), (&RSA, Algorithm::Rs256)] {
        let header = json!({ "alg": algorithm.label(), "kid": "k" }).to_string();
        let keys = [mint::live(&[signer.jwk_with(&json!({ "kid": "k" }))])];
        for bit in 0..64 * 8 {
            let token = mint::token(&header, &good_claims().to_string(), |signed| {
                let mut signature = signer.sign(algorithm, signed);
                signature[bit / 8] ^= 1 << (bit % 8);
                signature
            });
            let got = mint::verifier(Profile::Jwt).verify(&token, &keys, now()).map(drop);
            assert_eq!(got, Err(TokenFault::Signature), "{algorithm:?} {bit}");
            if matches!(algorithm, Algorithm::Rs256) && bit > 16 {
                break;
            }
        }
    }
}

#[test]
fn a_signature_of_any_other_length_is_refused() {
    for (signer, algorithm) in [(&P256, Algorithm::Es256), (&ED25519, Algorithm::EdDsa), (&RSA, Algorithm::Rs256)] {
        let header = json!({ "alg": algorithm.label(), "kid": "k" }).to_string();
        let keys = [mint::live(&[signer.jwk_with(&json!({ "kid": "k" }))])];
        for length in (1..64).chain([65, 128, 255, 257]) {
            let token = mint::token(&header, &good_claims().to_string(), |signed| {
                let mut signature = signer.sign(algorithm, signed);
                signature.resize(length, 0);
                signature
            });
            let got = mint::verifier(Profile::Jwt).verify(&token, &keys, now()).map(drop);
            assert_eq!(got, Err(TokenFault::Signature), "{algorithm:?} {length}");
        }
    }
}

#[test]
fn faults_never_say_what_the_token_says() {
    let canary = "canary-7f3a";
    for (header, claims) in [
        (json!({ "alg": canary }), good_claims()),
        (json!({ "alg": "ES256", "kid": canary }), good_claims()),
        (json!({ "alg": "ES256", "typ": canary }), good_claims()),
        (json!({ "alg": "ES256", "kid": "e1" }), mint::with(good_claims(), &json!({ "iss": canary }))),
        (json!({ "alg": "ES256", "kid": "e1" }), mint::with(good_claims(), &json!({ "aud": canary }))),
        (json!({ "alg": "ES256", "kid": "e1" }), mint::with(good_claims(), &json!({ "exp": canary }))),
    ] {
        let fault = judge(&header.to_string(), &claims.to_string(), Profile::Jwt).unwrap_err();
        let said = format!("{fault} {fault:?} {}", fault.label());
        assert!(!said.contains("canary"), "{said}");
        assert!(fault.label().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}", fault.label());
    }
}
