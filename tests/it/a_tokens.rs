//! A: tokens. Nobody gets in with a token that is wrong in one thing.

use serde_json::{Value, json};

use crate::support::answers::{denial, success};
use crate::support::bench::{Bench, assemble, bench};
use crate::support::client::request;
use crate::support::gateway::{POLICY, Setup};
use crate::support::h2client;
use crate::support::in_parallel;
use crate::support::tokens::{AUDIENCE, Issuer, SigningKey, base64url, openssl, seal_hs256};
use crate::support::upstream::Upstream;

fn issuer() -> &'static Issuer {
    Issuer::shared()
}

fn k1() -> &'static SigningKey {
    issuer().key("k1")
}

/// Good claims, changed.
fn claims(change: impl FnOnce(&mut Value)) -> Value {
    let mut claims = issuer().claims(&["viewer"]);
    change(&mut claims);
    claims
}

/// A good token but for one claim, which becomes `value`.
fn with(name: &str, value: Value) -> String {
    k1().token(&claims(|claims| claims[name] = value))
}

/// A good token without one claim.
fn without(name: &str) -> String {
    k1().token(&claims(|claims| {
        claims.as_object_mut().unwrap().remove(name);
    }))
}

/// A token with this header text and good claims.
fn with_header(header: &str) -> String {
    k1().seal(header, &claims(|_| {}).to_string())
}

/// Each token is answered with one of `wanted`; those refused reach no upstream.
fn answered(bench: &Bench, tokens: &[String], wanted: &[u16]) {
    let before = bench.upstream.requests().len();
    in_parallel(tokens, |token| {
        let exchange = bench.client.exchange(request("GET", "/varz", Some(token), "").as_bytes());
        let what = format!("Bearer {}", token.get(..200).unwrap_or(token));
        assert_eq!(exchange.responses.len(), 1, "{what}: {exchange:?}");
        if exchange.status() == 200 {
            assert!(wanted.contains(&200), "{what} was let in");
            success(exchange.only(), &what);
        } else {
            denial(exchange.only(), wanted, &what);
        }
    });
    if !wanted.contains(&200) {
        assert_eq!(bench.upstream.requests().len(), before, "refused tokens reached the upstream");
    }
}

fn refused(tokens: &[String]) {
    answered(&bench(), tokens, &[401]);
}

#[test]
fn a00_every_algorithm_of_the_list_lets_in() {
    let tokens: Vec<String> = issuer().keys.iter().map(|key| key.token(&claims(|_| {}))).collect();
    assert_eq!(tokens.len(), 7);
    answered(&bench(), &tokens, &[200]);
}

#[test]
fn a01_no_credential() {
    let bench = bench();
    let answer = bench.client.get("/varz", None);
    denial(&answer, &[401], "no header");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"monward\""), "no error when nothing was sent");
    let answer = bench.client.get("/varz", Some("x.y.z"));
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    for value in ["", "Bearer", "Bearer ", "Basic dTpw", "Negotiate x", "Token x", "bearer:x", "Bearerx.y.z"] {
        let answer = bench.client.request("GET", "/varz", None, &format!("Authorization: {value}\r\n"));
        denial(&answer, &[400, 401], value);
    }
    bench.upstream.assert_untouched("no credential");
    for scheme in ["bearer", "BEARER", "bEaReR"] {
        let line = format!("Authorization: {scheme} {}\r\n", issuer().token("viewer"));
        success(&bench.client.request("GET", "/varz", None, &line), scheme);
    }
}

#[test]
fn a02_algorithm_none() {
    let body = base64url(claims(|_| {}).to_string());
    let mut tokens = Vec::new();
    for name in ["none", "None", "NONE", "nOnE", "", " none", "none\\u0000"] {
        let header = base64url(format!(r#"{{"alg":"{name}","kid":"k1","typ":"at+jwt"}}"#));
        tokens.push(format!("{header}.{body}."));
        tokens.push(format!("{header}.{body}.{}", base64url([0; 256])));
        let good = k1().token(&claims(|_| {}));
        tokens.push(format!("{header}.{body}.{}", good.rsplit('.').next().unwrap()));
    }
    refused(&tokens);
}

#[test]
fn a03_hmac_with_the_public_key() {
    let (pem, der) = k1().rsa_public_info();
    let (n, _) = k1().rsa_public();
    let jwk = k1().jwk().to_string();
    let text = claims(|_| {}).to_string();
    let mut tokens = Vec::new();
    for algorithm in ["HS256", "HS384", "RS256"] {
        let header = json!({ "alg": algorithm, "kid": "k1", "typ": "at+jwt" }).to_string();
        for key in [&pem[..], &pem[..pem.len() - 1], &der[..], jwk.as_bytes(), n.as_bytes()] {
            tokens.push(seal_hs256(key, &header, &text));
        }
    }
    refused(&tokens);
}

#[test]
fn a04_hmac_with_common_secrets() {
    let header = json!({ "alg": "HS256", "kid": "k1", "typ": "at+jwt" }).to_string();
    let text = claims(|_| {}).to_string();
    let secrets = [
        "",
        "secret",
        "password",
        "changeme",
        "key",
        "your-256-bit-secret",
        "test",
        "admin",
        "jwt",
        "default",
        "nats",
        "monward",
        "1234567890",
        "qwerty",
        "\0",
    ];
    refused(&secrets.map(|secret| seal_hs256(secret.as_bytes(), &header, &text)));
}

#[test]
fn a05_critical_extensions() {
    let headers = [
        r#"{"alg":"RS256","kid":"k1","typ":"at+jwt","crit":["x"],"x":1}"#,
        r#"{"alg":"RS256","kid":"k1","typ":"at+jwt","crit":["b64"],"b64":false}"#,
        r#"{"alg":"RS256","kid":"k1","typ":"at+jwt","b64":false}"#,
        r#"{"alg":"RS256","kid":"k1","typ":"at+jwt","crit":[]}"#,
        r#"{"alg":"RS256","kid":"k1","typ":"at+jwt","crit":"exp"}"#,
        r#"{"alg":"RS256","kid":"k1","typ":"at+jwt","crit":null}"#,
        r#"{"alg":"RS256","kid":"k1","typ":"at+jwt","crit":["exp"],"exp":1}"#,
    ];
    refused(&headers.map(with_header));
}

#[test]
fn a06_types_of_other_tokens() {
    let typed = |typ: &str| with_header(&format!(r#"{{"alg":"RS256","kid":"k1","typ":{typ}}}"#));
    let wrong = [
        "\"logout+jwt\"",
        "\"dpop+jwt\"",
        "\"secevent+jwt\"",
        "\"token-introspection+jwt\"",
        "\"JWE\"",
        "\"\"",
        "null",
        "1",
        "[\"at+jwt\"]",
        "\"at+jwt \"",
        "\"application/logout+jwt\"",
    ];
    let bench = bench();
    answered(&bench, &wrong.map(typed), &[401]);
    answered(&bench, &["\"at+jwt\"", "\"AT+JWT\"", "\"application/at+jwt\""].map(typed), &[200]);
}

#[test]
fn a06_the_strict_profile_takes_only_access_tokens() {
    let upstream = Upstream::nats();
    let mut setup = Setup::before(&upstream);
    setup.profile = "rfc9068";
    let gateway = setup.start();
    let bench = assemble(upstream, gateway);
    let typed = |typ: &str| with_header(&format!(r#"{{"alg":"RS256","kid":"k1"{typ}}}"#));
    answered(&bench, &["", ",\"typ\":\"JWT\"", ",\"typ\":\"jwt\""].map(typed), &[401]);
    answered(&bench, &["client_id", "iat", "jti", "sub", "exp", "aud", "iss"].map(without), &[401]);
    answered(&bench, &[issuer().token("viewer")], &[200]);
}

#[test]
fn a07_id_token_as_access_token() {
    let header = r#"{"alg":"RS256","kid":"k1","typ":"JWT"}"#;
    let text = claims(|claims| {
        claims["aud"] = json!("client-7");
        claims["nonce"] = json!("n");
        claims["at_hash"] = json!("x");
    });
    refused(&[k1().seal(header, &text.to_string())]);
}

#[test]
fn a08_no_issuer() {
    refused(&[without("iss")]);
}

#[test]
fn a09_no_audience_expiry_or_subject() {
    refused(&["aud", "exp", "sub"].map(without));
}

#[test]
fn a10_issuer_of_another_type() {
    refused(
        &[json!(123), json!({}), json!({ "a": 1 }), json!(null), json!(true), json!([])].map(|iss| with("iss", iss)),
    );
}

#[test]
fn a11_issuer_list() {
    refused(&[json!(["https://evil", issuer().url]), json!([issuer().url])].map(|iss| with("iss", iss)));
}

#[test]
fn a12_issuer_almost_equal() {
    let url = &issuer().url;
    let almost = [
        format!("{url}/"),
        url[..url.len() - 1].to_owned(),
        url.to_uppercase(),
        format!("{url}.evil.test"),
        format!(" {url}"),
        format!("{url}\0"),
        String::new(),
    ];
    refused(&almost.map(|iss| with("iss", json!(iss))));
}

#[test]
fn a13_audience_of_another_type() {
    let wrong = [
        json!(5),
        json!({ AUDIENCE: 1 }),
        json!(null),
        json!([]),
        json!([AUDIENCE, 5]),
        json!([[AUDIENCE]]),
        json!(true),
    ];
    let bench = bench();
    answered(&bench, &wrong.map(|aud| with("aud", aud)), &[401]);
    answered(&bench, &[with("aud", json!([AUDIENCE])), with("aud", json!(["x", AUDIENCE]))], &[200]);
}

#[test]
fn a14_audience_almost_equal() {
    let almost = [
        format!("{AUDIENCE}x"),
        format!("other,{AUDIENCE}"),
        format!("other {AUDIENCE}"),
        AUDIENCE.to_uppercase(),
        AUDIENCE[1..].to_owned(),
        "*".to_owned(),
        String::new(),
    ];
    refused(&almost.map(|aud| with("aud", json!(aud))));
}

#[test]
fn a15_expiry_of_another_type() {
    let text = |exp: &str| claims(|claims| claims["exp"] = json!("EXP")).to_string().replace("\"EXP\"", exp);
    let wrong = ["\"4102444800\"", "null", "true", "[]", "[4102444800]", "{}", "-1", "1e300", "-1e300", "0", "NaN"];
    refused(&wrong.map(|exp| k1().seal(&k1().header(), &text(exp))));
}

#[test]
fn a16_not_before() {
    let now = crate::support::now();
    let wrong = [json!("1"), json!(now + 3600), json!(null), json!(true), json!(1e300), json!([1])];
    let bench = bench();
    answered(&bench, &wrong.map(|nbf| with("nbf", nbf)), &[401]);
    answered(&bench, &[with("nbf", json!(now - 1)), with("nbf", json!(now - 100))], &[200]);
}

#[test]
fn a17_expiry_beyond_the_longest_life() {
    let now = crate::support::now();
    let far = [json!(1e19), json!(u64::MAX), json!(9_223_372_036_854_775_808_u64), json!(now + 31_536_000)];
    refused(&far.map(|exp| with("exp", exp)));
}

#[test]
fn a18_expired_with_leeway() {
    let now = crate::support::now();
    let bench = bench();
    let expired = |ago: u64| k1().token(&claims(|claims| claims["exp"] = json!(now - ago)));
    answered(&bench, &[expired(31), expired(61), expired(100_000)], &[401]);
    answered(&bench, &[expired(20)], &[200]);
}

#[test]
fn a19_issued_in_the_future() {
    let now = crate::support::now();
    refused(&[
        with("iat", json!(now + 3600)),
        with("iat", json!("1")),
        with("iat", json!(null)),
        with("iat", json!(1e300)),
    ]);
}

#[test]
fn a20_duplicate_members() {
    let text = claims(|_| {}).to_string();
    let open = text.strip_suffix('}').unwrap();
    let exp = crate::support::now() + 300;
    let doubled = [
        format!(r#"{{"exp":1,{}"#, &text[1..]),
        format!(r#"{open},"exp":{exp}}}"#),
        format!(r#"{open},"aud":"{AUDIENCE}"}}"#),
        format!(r#"{open},"roles":["admin"]}}"#),
        format!(r#"{open},"r\u006fles":["admin"]}}"#),
        format!(r#"{open},"realm_access":{{"roles":["viewer"],"roles":["admin"]}}}}"#),
        format!(r#"{open},"x":[{{"a":1,"\u0061":2}}]}}"#),
    ];
    let mut tokens: Vec<String> = doubled.iter().map(|text| k1().seal(&k1().header(), text)).collect();
    tokens.push(with_header(r#"{"alg":"RS256","alg":"RS256","kid":"k1","typ":"at+jwt"}"#));
    tokens.push(with_header(r#"{"alg":"none","alg":"RS256","kid":"k1","typ":"at+jwt"}"#));
    tokens.push(with_header(r#"{"alg":"RS256","kid":"k1","k\u0069d":"k1","typ":"at+jwt"}"#));
    refused(&tokens);
}

#[test]
fn a21_json_that_is_not_one_object() {
    let header = k1().header();
    let text = claims(|_| {}).to_string();
    let seal = |header: &[u8], text: &[u8]| {
        let signed = format!("{}.{}", base64url(header), base64url(text));
        format!("{signed}.{}", base64url(k1().sign(signed.as_bytes())))
    };
    let bom = |text: &str| [b"\xef\xbb\xbf", text.as_bytes()].concat();
    let tokens = [
        seal(&bom(&header), text.as_bytes()),
        seal(header.as_bytes(), &bom(&text)),
        seal(format!("{header} x").as_bytes(), text.as_bytes()),
        seal(header.as_bytes(), format!("{text}{{}}").as_bytes()),
        seal(b"[\"RS256\"]", text.as_bytes()),
        seal(header.as_bytes(), format!("[{text}]").as_bytes()),
        seal(header.as_bytes(), b"\"x\""),
        seal(header.as_bytes(), b""),
        seal(b"", text.as_bytes()),
        seal(header.as_bytes(), &[&text.as_bytes()[..text.len() - 1], b",\"x\":\"\xff\"}"].concat()),
        seal(
            header.as_bytes(),
            format!("{},\"x\":{}1{}}}", &text[..text.len() - 1], "[".repeat(500), "]".repeat(500)).as_bytes(),
        ),
    ];
    refused(&tokens);
}

#[test]
fn a22_base64_and_parts() {
    let good = issuer().token("viewer");
    let parts: Vec<&str> = good.split('.').collect();
    let (last, rest) = parts[2].split_at(parts[2].len() - 1);
    // An RSA-2048 signature leaves two bits over: the last of its letters must be one of A, Q, g, w.
    let next = rest.chars().next().unwrap();
    let other = char::from(u8::try_from(u32::from(next)).unwrap() + 1);
    let tokens = [
        format!("{good}="),
        format!("{good}=="),
        format!("{}=.{}.{}", parts[0], parts[1], parts[2]),
        format!("{}.{}.{last}{other}", parts[0], parts[1]),
        format!("{}.{}.{}", parts[0], parts[1], parts[2].replace('-', "+").replace('_', "/")),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}.{}.", parts[0], parts[1]),
        format!(".{}.{}", parts[1], parts[2]),
        format!("{good}.x"),
        format!("{good}..x"),
        format!("{good}."),
        format!(".{good}"),
        format!("{good} "),
        format!(" {good}"),
        format!("{good},{good}"),
        format!("\"{good}\""),
        format!("{good}%20"),
    ];
    let changed: Vec<String> = tokens.into_iter().filter(|token| token != &good && token.trim() != good).collect();
    let bench = bench();
    answered(&bench, &changed, &[400, 401]);
    let spaced = bench.client.request("GET", "/varz", None, &format!("Authorization: Bearer  {good}\r\n"));
    denial(&spaced, &[400, 401], "two spaces");
}

#[test]
fn a23_keys_of_the_attacker() {
    let attacker = SigningKey::new("x", "RS256");
    let listener = Upstream::nats();
    let at = listener.address();
    let mut jwk = attacker.jwk();
    jwk["kid"] = json!("k1");
    let certificate = base64url([0x30; 64]);
    let headers = [
        json!({ "alg": "RS256", "typ": "at+jwt", "jwk": jwk }),
        json!({ "alg": "RS256", "typ": "at+jwt", "kid": "k1", "jwk": jwk }),
        json!({ "alg": "RS256", "typ": "at+jwt", "kid": "x", "jku": format!("http://{at}/evil.json") }),
        json!({ "alg": "RS256", "typ": "at+jwt", "kid": "k1", "jku": format!("https://{at}/evil.json") }),
        json!({ "alg": "RS256", "typ": "at+jwt", "kid": "x", "x5u": format!("http://{at}/evil.pem") }),
        json!({ "alg": "RS256", "typ": "at+jwt", "x5c": [certificate] }),
        json!({ "alg": "RS256", "typ": "at+jwt", "kid": format!("http://{at}/k") }),
    ];
    refused(&headers.map(|header| attacker.seal(&header.to_string(), &claims(|_| {}).to_string())));
    assert_eq!(listener.connections(), 0, "a URL of a token was followed");
}

#[test]
fn a24_key_ids() {
    let bench = bench();
    let kids = [
        "\"\"",
        "1",
        "null",
        "[]",
        "\"a\\r\\nX: y\"",
        "\"../../../../dev/null\"",
        "\"x' UNION SELECT '1';--\"",
        "\"nope\"",
        "\"k1 \"",
        "\"K1\"",
        "\"k1\\u0000\"",
        "\"|sleep 10\"",
    ];
    let tokens: Vec<String> =
        kids.iter().map(|kid| with_header(&format!(r#"{{"alg":"RS256","kid":{kid},"typ":"at+jwt"}}"#))).collect();
    answered(&bench, &tokens, &[401]);
    assert_eq!(bench.gateway.audit(kids.len()).len(), kids.len(), "one record each");
    let long = with_header(&json!({ "alg": "RS256", "kid": "k".repeat(65_536), "typ": "at+jwt" }).to_string());
    answered(&bench, &[long], &[401, 431]);
    for line in bench.gateway.stderr().lines().chain(bench.gateway.audit_text().lines()) {
        assert!(!line.starts_with("X: y") && !line.contains("UNION"), "{line}");
    }
}

#[test]
fn a25_algorithms_that_do_not_fit_the_key() {
    let e1 = issuer().key("e1");
    let header = |algorithm: &str, kid: &str| json!({ "alg": algorithm, "kid": kid, "typ": "at+jwt" }).to_string();
    let text = claims(|_| {}).to_string();
    let sealed = |header: &str, signature: &dyn Fn(&[u8]) -> Vec<u8>| {
        let signed = format!("{}.{}", base64url(header), base64url(&text));
        format!("{signed}.{}", base64url(signature(signed.as_bytes())))
    };
    let tokens = [
        sealed(&header("PS256", "k1"), &|message| k1().sign_as("PS256", message)),
        sealed(&header("RS384", "k1"), &|message| k1().sign_as("RS384", message)),
        sealed(&header("RS256", "p1"), &|message| issuer().key("p1").sign_as("RS256", message)),
        sealed(&header("ES256", "e1"), &|_| vec![0; 64]),
        sealed(&header("ES256", "e1"), &|_| vec![]),
        sealed(&header("ES256", "e1"), &|message| der(&e1.sign(message))),
        sealed(&header("ES256", "e3"), &|message| issuer().key("e3").sign(message)),
        sealed(&header("ES384", "e1"), &|message| e1.sign(message)),
        sealed(&header("RS256", "e1"), &|message| e1.sign(message)),
        sealed(&header("EdDSA", "k1"), &|message| k1().sign(message)),
        sealed(&header("rs256", "k1"), &|message| k1().sign(message)),
        sealed(r#"{"alg":["RS256"],"kid":"k1","typ":"at+jwt"}"#, &|message| k1().sign(message)),
        sealed(r#"{"alg":null,"kid":"k1","typ":"at+jwt"}"#, &|message| k1().sign(message)),
        sealed(r#"{"kid":"k1","typ":"at+jwt"}"#, &|message| k1().sign(message)),
        sealed(&header("RS256", "k1"), &|message| k1().sign(&message[1..])),
    ];
    refused(&tokens);
}

/// An ECDSA signature r || s as an ASN.1 sequence of two integers.
fn der(fixed: &[u8]) -> Vec<u8> {
    let integer = |half: &[u8]| {
        let trimmed: Vec<u8> = half.iter().copied().skip_while(|byte| *byte == 0).collect();
        let padded = if trimmed[0] & 0x80 == 0 { trimmed } else { [&[0][..], &trimmed].concat() };
        [&[2, u8::try_from(padded.len()).unwrap()][..], &padded].concat()
    };
    let (r, s) = fixed.split_at(fixed.len() / 2);
    let both = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(both.len()).unwrap()][..], &both].concat()
}

#[test]
fn a28_oversized_tokens() {
    let bench = bench();
    let padded = with("pad", json!("p".repeat(9000)));
    assert!(padded.len() > 8193);
    answered(&bench, &[padded, ".".repeat(8193), "a".repeat(8193)], &[401, 431]);
    let begin = std::time::Instant::now();
    answered(&bench, &[".".repeat(1024 * 1024)], &[401, 431]);
    assert!(begin.elapsed().as_secs() < 5, "{:?}", begin.elapsed());
}

#[test]
fn a31_mail_addresses_give_no_role() {
    let mail = |address: &str, verified: bool| {
        k1().token(&claims(|claims| {
            claims["roles"] = json!([]);
            claims["email"] = json!(address);
            claims["email_verified"] = json!(verified);
        }))
    };
    answered(&bench(), &[mail("a@evil.test@corp.test", true), mail("a@corp.test", false)], &[403]);
}

#[test]
fn a32_claims_that_only_resemble_a_role() {
    let values = [
        json!("admins"),
        json!("viewer,admin"),
        json!({ "admin": true }),
        json!([["admin"]]),
        json!([1]),
        json!(null),
        json!(["Admin"]),
        json!(["admin "]),
        json!(["*"]),
        json!(["admin\0"]),
        json!(["\u{430}dmin"]),
        json!([]),
        json!(true),
    ];
    answered(&bench(), &values.map(|roles| with("roles", roles)), &[403]);
}

#[test]
fn a33_two_authorization_fields() {
    let bench = bench();
    let good = issuer().token("viewer");
    let line = format!("Authorization: Bearer {good}\r\n");
    for lines in [
        format!("{line}{line}"),
        format!("{line}Authorization: Bearer x\r\n"),
        format!("Authorization: Bearer x\r\n{line}"),
        format!("{line}authorization: Basic dTpw\r\n"),
        format!("{line}Authorization:\r\n"),
    ] {
        denial(&bench.client.request("GET", "/varz", None, &lines), &[400, 401], &lines);
    }
    let twice = format!("Bearer {good}");
    let answer = h2client::request(&bench.client, "GET", "/varz", Some(&good), &[("authorization", &twice)]).unwrap();
    denial(&answer, &[400, 401], "h2");
    for target in [format!("/varz?access_token={good}"), format!("/varz?token={good}")] {
        denial(&bench.client.get(&target, None), &[400, 401], "in the query");
        denial(&bench.client.get(&target, Some(&good)), &[400], "in the query and the field");
    }
    bench.upstream.assert_untouched("two credentials");
}

#[test]
fn a34_a_remembered_token_is_judged_anew_on_each_listener() {
    let upstream = Upstream::nats();
    let mut setup =
        Setup::before(&upstream).file("strict.yaml", POLICY.replace("allow: [viewer, admin]", "allow: [admin]"));
    let config = setup.text();
    let listener = |name: &str| {
        format!(
            "  - address: 127.0.0.1:0\n    certificates: [{{ certificate: server.pem, key: server.key }}]\n    upstream: {name}\n"
        )
    };
    let second = format!("  strict: {{ url: 'http://{}', policy: strict.yaml }}\n", upstream.address());
    let config = config.replacen("admin: {", &format!("{}admin: {{", listener("strict")), 1);
    setup.config = Some(config.replacen("audit: {", &format!("{second}audit: {{"), 1));
    let gateway = setup.start();
    let open = gateway.client();
    let mut strict = open.clone();
    strict.address = gateway.listeners[1];
    let token = issuer().token("viewer");
    for _ in 0..3 {
        success(&open.get("/varz", Some(&token)), "the open one");
        denial(&strict.get("/varz", Some(&token)), &[403], "the strict one");
    }
    assert_eq!(upstream.requests().len(), 3);
}

#[test]
fn a35_a_role_taken_away_is_gone_at_the_next_request() {
    let bench = bench();
    let token = issuer().token("viewer");
    success(&bench.client.get("/varz", Some(&token)), "before");
    bench.gateway.rewrite("policy.yaml", &POLICY.replace("roles: [viewer]", "roles: [nobody]"));
    bench.gateway.reload("ok");
    denial(&bench.client.get("/varz", Some(&token)), &[403], "after");
    assert_eq!(bench.upstream.requests().len(), 1);
}

/// An RSA key of 1024 bits: its JWK and a token signed with it. `ring` refuses to sign with one; `openssl` does not.
fn weak_key(header: &str, text: &str) -> (Value, String) {
    let pem = crate::support::tokens::rsa_pem(1024);
    let modulus = String::from_utf8(openssl(&["rsa", "-modulus", "-noout"], pem.as_bytes())).unwrap();
    let hex = modulus.trim().strip_prefix("Modulus=").unwrap();
    let n: Vec<u8> = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("key.pem");
    std::fs::write(&file, pem).unwrap();
    let signed = format!("{}.{}", base64url(header), base64url(text));
    let signature = openssl(&["dgst", "-sha256", "-sign", file.to_str().unwrap()], signed.as_bytes());
    let jwk = json!({ "kty": "RSA", "kid": "weak", "use": "sig", "alg": "RS256", "n": base64url(n), "e": "AQAB" });
    (jwk, format!("{signed}.{}", base64url(signature)))
}

/// A gateway whose issuer also publishes a weak key, beside a second issuer that has a key of the same id.
pub fn bench_with_weak_key(header: &str, text: &str) -> (Bench, String, Issuer) {
    let (weak, token) = weak_key(header, text);
    let mut keys: Value = serde_json::from_str(&issuer().jwks()).unwrap();
    keys["keys"].as_array_mut().unwrap().push(weak);
    let other = Issuer::new("https://other.test", &[("k1", "RS256")]);
    let upstream = Upstream::nats();
    let mut setup = Setup::before(&upstream).file("jwks.json", keys.to_string()).file("other.json", other.jwks());
    setup.more_issuers = format!(
        "  other: {{ issuer: 'https://other.test', audiences: [{AUDIENCE}], jwks_file: other.json, algorithms: [RS256], profile: jwt }}\n"
    );
    let gateway = setup.start();
    (assemble(upstream, gateway), token, other)
}
