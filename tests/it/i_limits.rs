//! I: limits. No client holds what others need, and a refusal costs the upstream nothing.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::support::answers::{denial, success};
use crate::support::bench::{Bench, assemble, bench_with_policy};
use crate::support::client::request;
use crate::support::eventually;
use crate::support::gateway::{Gateway, POLICY, Setup};
use crate::support::h2client;
use crate::support::tokens::Issuer;
use crate::support::upstream::{Upstream, json};

fn token() -> String {
    Issuer::shared().token("viewer")
}

fn bench_with_limits(limits: &str) -> Bench {
    let upstream = Upstream::nats();
    let gateway = Setup::before(&upstream).limits(limits).start();
    assemble(upstream, gateway)
}

/// A plain TCP connection from a loopback address of the test's choice.
fn connect_from(source: &str, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&format!("{source}:0").parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.into()
}

/// How long the peer keeps the connection, sending `bytes` one by one with a pause in between.
fn kept(stream: &mut TcpStream, bytes: &[u8], pause: Duration) -> Duration {
    let begin = Instant::now();
    stream.set_read_timeout(Some(pause)).unwrap();
    let mut bytes = bytes.iter();
    while begin.elapsed() < Duration::from_secs(20) {
        if let Some(byte) = bytes.next() {
            let _gone = stream.write_all(&[*byte]);
        }
        match stream.read(&mut [0; 512]) {
            Ok(0) => return begin.elapsed(),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => return begin.elapsed(),
        }
    }
    panic!("kept for {:?}", begin.elapsed());
}

#[test]
fn i05_a_dripping_header_is_cut() {
    let bench = bench_with_limits("header: 1s, idle: 60s");
    let mut connection = bench.client.connect();
    let begin = Instant::now();
    let mut closed = false;
    for byte in request("GET", "/varz", Some(&token()), "").bytes() {
        connection.send(&[byte]);
        closed = connection.closes_within(Duration::from_millis(100));
        if closed {
            break;
        }
    }
    assert!(closed, "the whole header dripped in");
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
    assert!(connection.text().is_empty() || connection.text().starts_with("HTTP/1.1 408"), "{}", connection.text());
    bench.upstream.assert_untouched("a dripping header");
    success(&bench.client.get("/varz", Some(&token())), "others");
}

#[test]
fn i05_a_dripping_h2_preface_is_cut() {
    let bench = bench_with_limits("header: 1s, idle: 60s");
    let mut connection = bench.client.with_alpn(&[b"h2"]).connect();
    let begin = Instant::now();
    connection.send(b"PRI * HTT");
    assert_eq!(connection.alpn().as_deref(), Some(&b"h2"[..]));
    assert!(connection.closes_within(Duration::from_secs(8)), "{:?}", begin.elapsed());
}

#[test]
fn i06_a_stalled_handshake_is_cut() {
    let bench = bench_with_limits("handshake: 1s");
    let address = bench.gateway.listeners[0];
    let hello = [22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    for bytes in [&[][..], &hello[..1], &hello] {
        let mut stream = connect_from("127.0.0.1", address);
        let spent = kept(&mut stream, bytes, Duration::from_millis(100));
        assert!(spent < Duration::from_secs(6), "{bytes:?}: {spent:?}");
    }
    success(&bench.client.get("/varz", Some(&token())), "others");
}

/// How many of `count` connections from `source` the gateway keeps.
fn keeps(gateway: &Gateway, source: &str, count: usize) -> (usize, Vec<TcpStream>) {
    let streams: Vec<TcpStream> = (0..count).map(|_| connect_from(source, gateway.listeners[0])).collect();
    let open = |mut stream: &TcpStream| {
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        matches!(stream.read(&mut [0; 64]), Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut))
    };
    // The last ones were refused a moment after they were accepted.
    let kept = eventually("the refused connections to close", || {
        let kept = streams.iter().filter(|stream| open(stream)).count();
        (kept < count).then_some(kept)
    });
    (kept, streams)
}

#[test]
fn i07_connections_of_one_source_are_capped() {
    let bench = bench_with_limits("handshake: 30s, connections: 1000, connections_per_source: 50");
    let (kept, streams) = keeps(&bench.gateway, "127.0.0.2", 200);
    assert!(kept <= 50, "{kept} of 200 are open");
    success(&bench.client.get("/varz", Some(&token())), "another source");
    drop(streams);
    eventually("room for the source again", || {
        let (kept, _streams) = keeps(&bench.gateway, "127.0.0.2", 60);
        (kept > 0).then_some(())
    });
    assert!(bench.gateway.metric("monward_connections_refused_total", &[]) >= 100.0, "{}", bench.gateway.metrics());
}

#[test]
fn i07_connections_in_all_are_capped_and_idle_ones_go() {
    let bench = bench_with_limits("handshake: 1s, idle: 1s, connections: 100, connections_per_source: 90");
    let sources = ["127.0.0.2", "127.0.0.3", "127.0.0.4"];
    let mut streams = Vec::new();
    for source in sources {
        streams.extend((0..80).map(|_| connect_from(source, bench.gateway.listeners[0])));
    }
    eventually("idle connections to make room", || (bench.status_or_none() == Some(200)).then_some(()));
    drop(streams);
    // The places become free one after the other; the first free one is no promise of a second.
    let mut idle = eventually("a connection that is kept", || {
        let mut connection = bench.client.connect();
        connection.send(request("GET", "/varz", Some(&token()), "").as_bytes());
        let answer = connection.response(false)?;
        success(&answer, "keep-alive");
        Some(connection)
    });
    assert!(idle.closes_within(Duration::from_secs(8)), "an idle connection stays");
}

impl Bench {
    /// The status of a request, `None` when the connection is not even accepted.
    fn status_or_none(&self) -> Option<u16> {
        let exchange =
            self.client.exchange_within(request("GET", "/varz", Some(&token()), "").as_bytes(), Duration::from_secs(2));
        exchange.responses.first().map(|answer| answer.status)
    }
}

#[test]
fn i08_a_reader_that_does_not_read_is_cut() {
    let body = format!("{{\"a\":[{}0]}}", "0,".repeat(12 * 1024 * 1024));
    let upstream = Upstream::scripted(Box::new(move |seen| match seen.target() {
        "/healthz" => json("{\"status\":\"ok\"}"),
        _ => json(&body),
    }));
    let gateway = Setup::before(&upstream).limits("write: 1s, idle: 60s").start();
    let client = gateway.client();
    let mut lazy = client.connect();
    lazy.send(request("GET", "/varz", Some(&token()), "").as_bytes());
    eventually("the connection to be cut", || {
        let cut = gateway.metric("monward_connections", &[]) < 0.5;
        (cut && !upstream.requests().is_empty()).then_some(())
    });
    success(&client.get("/healthz", Some(&token())), "others");
    let answer = lazy.drain(false, Duration::from_secs(10));
    assert!(answer.closed && answer.responses.iter().all(|answer| !answer.complete), "it got everything");
}

fn limited() -> Bench {
    let policy =
        POLICY.replacen("    redact: standard", "    limit: { rate: 6/min, burst: 3 }\n    redact: standard", 1);
    bench_with_policy(&policy)
}

#[test]
fn i01_too_often_is_429_and_others_are_not_touched() {
    let bench = limited();
    let alice = Issuer::shared().token_for("alice", "viewer");
    for round in 0..3 {
        success(&bench.client.get("/varz", Some(&alice)), &format!("round {round}"));
    }
    let answer = bench.client.get("/varz", Some(&alice));
    denial(&answer, &[429], "the fourth");
    let wait: u64 = answer.header("retry-after").expect("Retry-After").parse().unwrap();
    assert!((1..=10).contains(&wait), "{wait}");
    let limit = answer.header("ratelimit").expect("RateLimit");
    assert!(limit.contains("r=0") && limit.contains(";t="), "{limit}");
    let policy = answer.header("ratelimit-policy").expect("RateLimit-Policy");
    assert!(policy.contains("q=") && !policy.contains("alice"), "{policy}");
    denial(&h2client::get(&bench.client, "/varz", Some(&alice)), &[429], "over h2 too");
    // Another token of the same subject is the same principal; another subject or endpoint is not.
    let again = Issuer::shared().key("e1").token(&{
        let mut claims = Issuer::shared().claims(&["viewer"]);
        claims["sub"] = serde_json::json!("alice");
        claims
    });
    denial(&bench.client.get("/varz", Some(&again)), &[429], "another token");
    success(&bench.client.get("/healthz", Some(&alice)), "another endpoint");
    success(&bench.client.get("/varz", Some(&Issuer::shared().token_for("bob", "viewer"))), "another subject");
}

#[test]
fn i02_a_429_costs_no_upstream_byte() {
    let bench = limited();
    let tokens: Vec<usize> = (0..200).collect();
    let token = token();
    let good = std::sync::atomic::AtomicUsize::new(0);
    crate::support::in_parallel(&tokens, |_| match bench.status("/varz", Some(&token)) {
        200 => drop(good.fetch_add(1, std::sync::atomic::Ordering::SeqCst)),
        429 => {}
        other => panic!("{other}"),
    });
    let good = good.into_inner();
    assert!((3..=8).contains(&good), "{good}");
    assert_eq!(bench.upstream.requests().len(), good);
}

#[test]
fn i01_refused_requests_drain_nothing() {
    let bench = limited();
    let alice = Issuer::shared().token_for("alice", "viewer");
    for _ in 0..20 {
        assert_eq!(bench.status("/varz", None), 401);
        assert_eq!(bench.status("/varz", Some("x.y.z")), 401);
        assert_eq!(bench.status("/accountz", Some(&alice)), 403);
        assert_eq!(bench.status("/varz?x=1", Some(&alice)), 400);
    }
    for _ in 0..3 {
        success(&bench.client.get("/varz", Some(&alice)), "the budget is whole");
    }
}
