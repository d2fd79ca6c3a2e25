//! The test servers themselves: a harness that lies would make every other test worthless.

use serde_json::{Value, json};

use crate::support::gateway::plain_get;
use crate::support::idp::{DISCOVERY, Idp, JWKS};
use crate::support::nats::{Build, Nats};
use crate::support::pki::{Authority, Identity};
use crate::support::provider::{BOUND, GATEWAY, GATEWAY_CERTIFIED, JWT, Provider, SCRAPER, claims};
use crate::support::tokens::{AUDIENCE, Issuer, base64url, base64url_decoded, openssl};
use crate::support::upstream::Upstream;

/// Both real servers carry the account's and the user's token where they should be withheld.
#[test]
fn real_servers_tell_what_must_be_redacted() {
    for build in Build::ALL {
        let nats = Nats::start(build);
        let acme = nats.account("ACME");
        let account = plain_get(nats.monitoring, &format!("/accountz?acc={}", acme.public)).text();
        assert!(account.contains(&acme.token), "{build:?}: {account}");
        let connections = plain_get(nats.monitoring, "/connz?auth=1").text();
        assert!(connections.contains(&acme.user_token), "{build:?}: {connections}");
        let variables = plain_get(nats.monitoring, "/varz").text();
        assert!(variables.contains(&nats.operator_token), "{build:?}: {variables}");
    }
}

/// The fake upstream counts and answers.
#[test]
fn fake_upstream_records_and_answers() {
    let upstream = Upstream::nats();
    assert_eq!(plain_get_keep(&upstream), 200);
    assert_eq!(upstream.requests()[0].target(), "/varz");
    assert_eq!(upstream.connections(), 1);
}

fn plain_get_keep(upstream: &Upstream) -> u16 {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(upstream.address()).unwrap();
    stream.write_all(b"GET /varz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut bytes = Vec::new();
    let _gone = stream.read_to_end(&mut bytes);
    crate::support::http::take_response(&mut bytes, false, true).unwrap().status
}

/// Every kind of key signs what `ring` verifies, and a stopped identity provider refuses and comes back.
#[test]
fn identity_provider_stops_and_comes_back() {
    let issuer = Issuer::shared();
    assert_eq!(issuer.keys.len(), 7);
    let idp = Idp::dormant(&issuer.jwks());
    let address = idp.url().trim_start_matches("https://").to_owned();
    let reachable = || std::net::TcpStream::connect(&address).is_ok();
    assert!(!reachable());
    idp.wake();
    assert!(reachable());
    idp.kill();
    assert!(!reachable());
    idp.wake();
    assert!(reachable());
    assert_eq!(idp.hits(JWKS) + idp.hits(DISCOVERY), 0);
}

/// The real provider gives out what it should, says what it knows of it, and can be rotated, stopped and started.
#[test]
fn real_provider_rotates_stops_and_comes_back() {
    let (k1, k2) = (("k1", "RS256"), ("k2", "ES256"));
    let provider = Provider::start(&[k1]);
    let header = |token: &str| -> Value {
        serde_json::from_slice(&base64url_decoded(token.split('.').next().unwrap())).unwrap()
    };
    let first = provider.token(SCRAPER);
    assert_eq!(header(&first), json!({ "alg": "RS256", "kid": "k1", "typ": "at+jwt" }));
    let claims = claims(&first);
    assert_eq!(
        (&claims["sub"], &claims["aud"], &claims["roles"]),
        (&json!("scraper"), &json!(AUDIENCE), &json!(["viewer"]))
    );

    let opaque = provider.opaque(SCRAPER);
    assert!(!opaque.contains('.'), "{opaque}");
    let known = provider.introspect(GATEWAY, None, &opaque);
    assert_eq!(
        (&known["active"], &known["client_id"], &known["aud"]),
        (&json!(true), &json!("scraper"), &json!(AUDIENCE))
    );
    assert_eq!(provider.introspect(GATEWAY, None, "another"), json!({ "active": false }));

    provider.rotate(&[k2, k1]);
    assert_eq!(provider.keys(), "k2 k1");
    assert_eq!(header(&provider.token(SCRAPER)), json!({ "alg": "ES256", "kid": "k2", "typ": "at+jwt" }));
    assert_eq!(provider.introspect(GATEWAY, None, &opaque)["active"], true, "a rotation forgets no token");

    let reachable = || std::net::TcpStream::connect(provider.address).is_ok();
    provider.kill();
    assert!(!reachable());
    provider.publish(&[k1]);
    provider.restart();
    assert!(reachable());
    assert_eq!(header(&provider.token(SCRAPER))["kid"], "k1");
    assert_eq!(provider.introspect(GATEWAY, None, &opaque)["active"], true, "nor does a restart");
    provider.revoke(SCRAPER, &opaque);
    assert_eq!(provider.introspect(GATEWAY, None, &opaque), json!({ "active": false }));
    provider.freeze();
    assert!(reachable(), "it listens and does not answer");
    provider.thaw();
    assert_eq!(provider.hits("/token"), 4);
}

/// The real provider binds tokens to certificates, and takes a certificate for a secret.
#[test]
fn real_provider_knows_certificates() {
    let provider = Provider::start(&[("k1", "ES256")]);
    let authority = Authority::shared();
    let mine = authority.client("bound.test");
    let token = provider.token_with(BOUND, &mine);
    let der = openssl(&["x509", "-outform", "DER"], mine.certificate.as_bytes());
    let thumbprint = base64url(ring::digest::digest(&ring::digest::SHA256, &der));
    assert_eq!(claims(&token)["cnf"], json!({ "x5t#S256": thumbprint }));
    assert_eq!(provider.grant(BOUND, None, JWT).status, 400);
    assert_eq!(claims(&provider.token_with(SCRAPER, &mine)).get("cnf"), None);

    let opaque = provider.opaque(SCRAPER);
    let asks = |identity: Option<&Identity>| provider.introspect(GATEWAY_CERTIFIED, identity, &opaque);
    assert_eq!(asks(Some(&authority.client("gate-2.test")))["active"], true);
    assert_eq!(asks(Some(&authority.client("gate-3.test")))["error"], "invalid_client");
    assert_eq!(asks(None)["error"], "invalid_client");
    assert_eq!(asks(Some(&Authority::new("another").client("gate-2.test")))["error"], "invalid_client");
}
