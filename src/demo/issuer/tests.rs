use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    client_id: String,
    roles: Vec<String>,
    iat: u64,
    exp: u64,
    jti: String,
}

const NOW: u64 = 1_800_000_000;

fn clock() -> UnixTime {
    UnixTime::from_secs(NOW)
}

fn issuer() -> Issuer {
    Issuer::new("https://127.0.0.1:9".to_owned(), clock).unwrap()
}

fn get(issuer: &Issuer, path: &str) -> (StatusCode, Value) {
    let response = issuer.answer(&Request::get(path).body(Bytes::new()).unwrap());
    (response.status(), serde_json::from_slice(response.body()).unwrap_or(Value::Null))
}

fn post(issuer: &Issuer, headers: &[(&str, &str)], body: &str) -> Response<Bytes> {
    let mut request = Request::post("/token").header("content-type", "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    issuer.answer(&request.body(Bytes::copy_from_slice(body.as_bytes())).unwrap())
}

fn secret<'a>(issuer: &'a Issuer, id: &str) -> &'a str {
    issuer.clients().iter().find(|client| client.id == id).unwrap().secret.expose()
}

fn error(response: &Response<Bytes>) -> (u16, String) {
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    (response.status().as_u16(), body["error"].as_str().unwrap().to_owned())
}

/// The claims of `token`, once its signature is verified by the published key.
fn verify(issuer: &Issuer, token: &str, audience: &str) -> Claims {
    let (_, keys) = get(issuer, "/jwks");
    let key = &keys["keys"][0];
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let point = [vec![4], bytes(key["x"].as_str().unwrap()), bytes(key["y"].as_str().unwrap())].concat();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let key_of_issuer = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
    key_of_issuer.verify(signed.as_bytes(), &bytes(signature)).unwrap();
    let header: Value = serde_json::from_slice(&bytes(header)).unwrap();
    assert_eq!(header, json!({ "typ": "at+jwt", "alg": "ES256", "kid": key["kid"] }));
    let claims: Claims = serde_json::from_slice(&bytes(claims)).unwrap();
    assert_eq!((claims.iss.as_str(), claims.aud.as_str()), (issuer.url(), audience));
    claims
}

#[test]
fn discovery_names_the_issuer_itself_and_its_endpoints() {
    let issuer = issuer();
    let (status, document) = get(&issuer, "/.well-known/openid-configuration");
    assert_eq!(status, StatusCode::OK);
    assert_eq!(document["issuer"], "https://127.0.0.1:9");
    assert_eq!(document["jwks_uri"], "https://127.0.0.1:9/jwks");
    assert_eq!(document["token_endpoint"], "https://127.0.0.1:9/token");
}

#[test]
fn the_key_set_holds_one_public_signing_key_and_nothing_private() {
    let (status, keys) = get(&issuer(), "/jwks");
    assert_eq!(status, StatusCode::OK);
    let keys = keys["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0]["alg"], "ES256");
    assert_eq!(keys[0]["kid"].as_str().unwrap().len(), 43);
    assert!(keys[0].get("d").is_none());
}

#[test]
fn a_client_gets_a_token_that_verifies_by_the_published_key() {
    let issuer = issuer();
    let form = format!("grant_type=client_credentials&client_id=scraper&client_secret={}", secret(&issuer, "scraper"));
    let pair = STANDARD.encode(format!("operator:{}", secret(&issuer, "operator")));
    let by_form = post(&issuer, &[], &form);
    let by_basic = post(&issuer, &[("authorization", &format!("Basic {pair}"))], "grant_type=client_credentials");
    for (response, id) in [(by_form, "scraper"), (by_basic, "operator")] {
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(body["token_type"], "Bearer");
        assert_eq!(body["expires_in"], 600);
        let claims = verify(&issuer, body["access_token"].as_str().unwrap(), AUDIENCE);
        assert_eq!((claims.sub.as_str(), claims.client_id.as_str()), (id, id));
        assert_eq!(claims.roles, [id]);
        assert_eq!((claims.iat, claims.exp), (NOW, NOW + 600));
        assert_eq!(claims.jti.len(), 24);
    }
}

#[test]
fn flawed_tokens_are_flawed_in_one_way_only() {
    let issuer = issuer();
    let expired = verify(&issuer, &issuer.mint("scraper", Flaw::Expired).unwrap(), AUDIENCE);
    assert_eq!(expired.exp, NOW - 600, "past any leeway");
    let other = verify(&issuer, &issuer.mint("scraper", Flaw::Audience).unwrap(), "billing");
    assert_eq!(other.exp, NOW + 600);
    let whole = verify(&issuer, &issuer.mint("scraper", Flaw::None).unwrap(), AUDIENCE);
    assert_eq!(whole.exp, NOW + 600);
}

/// A name, headers, a body; then the status and error that are expected.
type Case<'a> = (&'a str, Vec<(&'a str, &'a str)>, String, u16, &'a str);

#[test]
fn token_requests_are_refused_as_the_standard_says() {
    let issuer = issuer();
    let good = secret(&issuer, "scraper").to_owned();
    let pair = STANDARD.encode(format!("scraper:{good}"));
    let basic = format!("Basic {pair}");
    let grant = "grant_type=client_credentials";
    let whole = format!("{grant}&client_id=scraper&client_secret={good}");
    let rows: [Case<'_>; 10] = [
        ("no client", vec![], grant.to_owned(), 401, "invalid_client"),
        ("wrong secret", vec![], format!("{grant}&client_id=scraper&client_secret=x"), 401, "invalid_client"),
        ("unknown client", vec![], format!("{grant}&client_id=root&client_secret={good}"), 401, "invalid_client"),
        ("broken Basic", vec![("authorization", "Basic !!")], grant.to_owned(), 401, "invalid_client"),
        ("another scheme", vec![("authorization", "Bearer x")], grant.to_owned(), 401, "invalid_client"),
        ("two ways at once", vec![("authorization", &basic)], whole.clone(), 400, "invalid_request"),
        ("no grant", vec![("authorization", &basic)], String::new(), 400, "invalid_request"),
        ("another grant", vec![("authorization", &basic)], "grant_type=password".into(), 400, "unsupported_grant_type"),
        ("a repeated parameter", vec![], format!("{whole}&{grant}"), 400, "invalid_request"),
        ("bytes that are no text", vec![("authorization", &basic)], "grant_type=%ff".into(), 400, "invalid_request"),
    ];
    for (name, headers, body, status, code) in rows {
        let response = post(&issuer, &headers, &body);
        assert_eq!(error(&response), (status, code.to_owned()), "{name}");
        assert_eq!(response.headers().contains_key(WWW_AUTHENTICATE), status == 401, "{name}");
        assert!(!String::from_utf8_lossy(response.body()).contains(&good), "{name}");
    }
    let json = Request::post("/token").header("content-type", "application/json").body(Bytes::from("{}")).unwrap();
    assert_eq!(error(&issuer.answer(&json)), (400, "invalid_request".to_owned()));
}

#[test]
fn a_secret_is_decoded_as_a_form_inside_basic() {
    let header = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode("a%3Ab:c+d%2B"))).unwrap();
    assert_eq!(basic(&header), Some(("a:b".to_owned(), "c d+".to_owned())));
}

#[test]
fn only_the_right_method_on_the_right_path_is_answered() {
    let issuer = issuer();
    let ask = |method: &str, path: &str| {
        let response = issuer.answer(&Request::builder().method(method).uri(path).body(Bytes::new()).unwrap());
        (response.status().as_u16(), response.headers().contains_key(ALLOW))
    };
    assert_eq!(ask("GET", "/token"), (405, true));
    assert_eq!(ask("POST", "/jwks"), (405, true));
    assert_eq!(ask("GET", "/"), (404, false));
    assert_eq!(ask("GET", "/token/"), (404, false));
}
