//! TLS on both sides: certificates by name, protocols by ALPN, guarded servers that want a certificate themselves.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::answers::{denial, success};
use crate::support::bench::bench;
use crate::support::client::request;
use crate::support::gateway::{Gateway, Setup};
use crate::support::pki::{Authority, Identity, SECOND};
use crate::support::tokens::Issuer;
use crate::support::upstream::{Upstream, nats_answers};

fn token() -> String {
    Issuer::shared().token("viewer")
}

/// The certificate that is shown to a client asking for `name`.
fn shown(gateway: &Gateway, name: &'static str) -> Vec<u8> {
    let mut connection = gateway.client().with_name(name).connect();
    connection.send(request("GET", "/varz", None, "").as_bytes());
    assert_eq!(connection.response(false).expect("a good handshake").status, 401, "{name}");
    connection.certificate()
}

#[test]
fn the_certificate_follows_the_name() {
    let bench = bench();
    let (first, second) = (shown(&bench.gateway, "mon.test"), shown(&bench.gateway, SECOND));
    assert_ne!(first, second);
    assert_eq!(shown(&bench.gateway, "mon.test"), first);
}

#[test]
fn the_protocol_follows_alpn() {
    let bench = bench();
    for (offered, chosen) in
        [(&[&b"h2"[..], b"http/1.1"][..], Some(&b"h2"[..])), (&[b"http/1.1"], Some(b"http/1.1")), (&[], None)]
    {
        let mut connection = bench.client.with_alpn(offered).connect();
        connection.send(b"GET");
        assert_eq!(connection.alpn().as_deref(), chosen);
    }
    // Without ALPN it is HTTP/1.1.
    let exchange = bench.client.with_alpn(&[]).exchange(request("GET", "/varz", Some(&token()), "").as_bytes());
    assert_eq!(exchange.status(), 200);
}

#[test]
fn plain_http_gets_no_answer() {
    let bench = bench();
    for raw in [request("GET", "/varz", Some(&token()), ""), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()] {
        let mut stream = TcpStream::connect(bench.gateway.listeners[0]).unwrap();
        stream.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
        stream.write_all(raw.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let _reset = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/") && answer.len() < 64, "{answer:?}");
    }
    bench.upstream.assert_untouched("plain HTTP");
}

/// A gateway before an upstream with this certificate, trusting our authority.
fn before(identity: &Identity, clients: Option<&Authority>, more: &str) -> (Upstream, Gateway) {
    let upstream = Upstream::start(Some(identity.server_config(clients)), Box::new(nats_answers));
    let client = Authority::shared().client("monward.test");
    let mut setup = Setup::before(&upstream).file("client.pem", client.certificate).file("client.key", client.key);
    setup.upstream = format!("https://{}", upstream.address());
    setup.upstream_more = format!(", ca_file: ca.pem{more}");
    let gateway = setup.start();
    (upstream, gateway)
}

#[test]
fn a_guarded_server_over_tls() {
    let authority = Authority::shared();
    let (upstream, gateway) = before(&authority.server(&["127.0.0.1"]), None, "");
    success(&gateway.client().get("/varz", Some(&token())), "its address is in the certificate");
    assert_eq!(upstream.requests().len(), 1);
    let (_upstream, gateway) = before(&authority.server(&["nats.test"]), None, ", server_name: nats.test");
    success(&gateway.client().get("/varz", Some(&token())), "another name, as configured");
}

#[test]
fn a_guarded_server_that_wants_a_certificate() {
    let authority = Authority::shared();
    let identity = authority.server(&["127.0.0.1"]);
    let (_upstream, gateway) = before(&identity, Some(authority), ", certificate: client.pem, key: client.key");
    success(&gateway.client().get("/varz", Some(&token())), "with a certificate");
    let (upstream, gateway) = before(&identity, Some(authority), "");
    denial(&gateway.client().get("/varz", Some(&token())), &[502], "without one");
    upstream.assert_untouched("without a certificate");
}

#[test]
fn a_guarded_server_that_refuses_connections_and_comes_back() {
    let bench = bench();
    success(&bench.client.get("/varz", Some(&token())), "before");
    bench.upstream.refuse();
    let client = &bench.client;
    // A kept connection may serve on; new ones are refused.
    crate::support::eventually("the pool to run dry", || {
        bench.upstream.script(|_| vec![crate::support::upstream::Step::Close]);
        let answer = client.get("/varz", Some(&token()));
        denial(&answer, &[502], "away");
        Some(())
    });
    denial(&client.get("/varz", Some(&token())), &[502], "away");
    bench.upstream.script(nats_answers);
    bench.upstream.listen();
    success(&client.get("/varz", Some(&token())), "back");
}

#[test]
fn a_guarded_server_that_says_nothing_is_504() {
    let upstream = Upstream::scripted(Box::new(|_| vec![crate::support::upstream::Step::Hang]));
    let mut setup = Setup::before(&upstream);
    setup.upstream_more = ", timeouts: { connect: 1s, total: 1s }".to_owned();
    let gateway = setup.start();
    let begin = std::time::Instant::now();
    denial(&gateway.client().get("/varz", Some(&token())), &[504], "silence");
    assert!(begin.elapsed().as_secs() < 8, "{:?}", begin.elapsed());
}
