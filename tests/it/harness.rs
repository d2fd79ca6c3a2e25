//! The test servers themselves: a harness that lies would make every other test worthless.

use crate::support::gateway::plain_get;
use crate::support::idp::{DISCOVERY, Idp, JWKS};
use crate::support::nats::{Build, Nats};
use crate::support::tokens::Issuer;
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
