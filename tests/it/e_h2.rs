//! E: HTTP/2. Floods end their own connection and nobody else's; what is malformed never gets near the upstream.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::support::answers::{denial, success};
use crate::support::bench::{Bench, assemble, bench};
use crate::support::client::Connection;
use crate::support::gateway::Setup;
use crate::support::h2client::{self, Frame, block, frame, frames, headers, literal, open, raw};
use crate::support::tokens::Issuer;
use crate::support::upstream::{Step, Upstream, json};
use crate::support::{PATIENCE, eventually};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW: u8 = 8;
const CONTINUATION: u8 = 9;

const ACK: u8 = 1;

fn token() -> String {
    Issuer::shared().token_for("e2e", "viewer")
}

/// The fields of a good request of a viewer.
fn good<'a>(bearer: &'a str, method: &'a str) -> [(&'a str, &'a str); 5] {
    [
        (":method", method),
        (":scheme", "https"),
        (":authority", "mon.test"),
        (":path", "/varz"),
        ("authorization", bearer),
    ]
}

fn connection(bench: &Bench, frames: &[Vec<u8>]) -> Connection {
    let mut connection = bench.client.with_alpn(&[b"h2"]).connect();
    connection.send(&raw(frames));
    connection
}

fn has(bytes: &[u8], wanted: impl Fn(&Frame) -> bool) -> bool {
    frames(bytes).iter().any(wanted)
}

/// Sends a flood in pieces on a connection of its own: the connection ends with GOAWAY or just ends, the gateway has
/// not grown, and others are served.
fn ends_its_own_connection(flood: impl Fn(u32) -> Vec<u8>, pieces: u32, what: &str) {
    let bench = bench();
    success(&h2client::get(&bench.client, "/varz", Some(&token())), "before");
    let before = bench.gateway.resident();
    let mut connection = connection(&bench, &[]);
    for piece in 0..pieces {
        connection.send(&flood(piece));
    }
    let closed = connection.until(what, |bytes| has(bytes, |(kind, ..)| *kind == GOAWAY));
    assert!(closed || has(connection.bytes(), |(kind, ..)| *kind == GOAWAY), "{what}");
    served_as_before(&bench, before, what);
}

/// Others are served, nothing panicked, and the gateway is about as large as before.
fn served_as_before(bench: &Bench, before: u64, what: &str) {
    success(&h2client::get(&bench.client, "/varz", Some(&token())), what);
    success(&bench.client.get("/varz", Some(&token())), what);
    let grown = bench.gateway.resident().saturating_sub(before);
    assert!(grown < 32 * 1024, "{what}: {grown} KiB more");
    assert!(!bench.gateway.stderr().contains("panicked"), "{}", bench.gateway.stderr());
}

/// The number of a client's stream.
fn stream(number: u32) -> u32 {
    number * 2 + 1
}

#[test]
fn e01_rapid_reset() {
    let bearer = format!("Bearer {}", token());
    let reset =
        |number| [headers(stream(number), &good(&bearer, "GET")), frame(RESET, 0, stream(number), &[0, 0, 0, 8])];
    let piece = |piece: u32| (piece * 100..(piece + 1) * 100).flat_map(reset).flatten().collect::<Vec<u8>>();
    ends_its_own_connection(piece, 200, "20,000 streams that are reset at once");
}

#[test]
fn e02_continuation_without_end() {
    let fields = block(&[("x-much", &"a".repeat(15_000))]);
    let piece = |piece: u32| {
        if piece == 0 {
            frame(HEADERS, 1, 1, &block(&good("Bearer x", "GET")))
        } else {
            frame(CONTINUATION, 0, 1, &fields)
        }
    };
    ends_its_own_connection(piece, 350, "5 MB of CONTINUATION");
    let empty = |piece: u32| {
        if piece == 0 {
            frame(HEADERS, 1, 1, &block(&good("Bearer x", "GET")))
        } else {
            frame(CONTINUATION, 0, 1, b"").repeat(1000)
        }
    };
    ends_its_own_connection(empty, 200, "empty CONTINUATION");
}

#[test]
fn e03_empty_data() {
    let bearer = format!("Bearer {}", token());
    let bench = bench();
    let before = bench.gateway.resident();
    let mut connection = connection(&bench, &[open(1, &good(&bearer, "POST"))]);
    for _ in 0..200 {
        connection.send(&frame(DATA, 0, 1, b"").repeat(1000));
    }
    connection.until("the end of the stream", |bytes| has(bytes, |(kind, ..)| [RESET, GOAWAY, HEADERS].contains(kind)));
    bench.upstream.assert_untouched("empty DATA");
    served_as_before(&bench, before, "empty DATA");
}

#[test]
fn e04_streams_that_the_server_is_made_to_reset() {
    let bearer = format!("Bearer {}", token());
    let made = |number| [open(stream(number), &good(&bearer, "GET")), frame(WINDOW, 0, stream(number), &[0; 4])];
    let piece = |piece: u32| (piece * 100..(piece + 1) * 100).flat_map(made).flatten().collect::<Vec<u8>>();
    ends_its_own_connection(piece, 100, "10,000 streams with a window of nothing");
    let late = |number| [headers(stream(number), &good(&bearer, "GET")), frame(DATA, 1, stream(number), b"x")];
    let piece = |piece: u32| (piece * 100..(piece + 1) * 100).flat_map(late).flatten().collect::<Vec<u8>>();
    ends_its_own_connection(piece, 100, "10,000 streams with data behind their end");
}

#[test]
fn e05_a_small_block_that_stands_for_much() {
    let bench = bench();
    success(&h2client::get(&bench.client, "/varz", Some(&token())), "before");
    let before = bench.gateway.resident();
    let bearer = format!("Bearer {}", token());
    // One field of 4000 bytes, and then 12,000 times the same: 48 MB.
    let stored = [vec![0x40], literal("x"), literal(&"a".repeat(4000))].concat();
    let bomb = [block(&good(&bearer, "GET")), stored, vec![0xbe; 12_000]].concat();
    let mut connection = connection(&bench, &[]);
    for number in 0..20 {
        connection.send(&frame(HEADERS, 0b101, stream(number), &bomb));
    }
    let ended = |(kind, _, stream, payload): &Frame| {
        *kind == GOAWAY || *kind == RESET || *kind == HEADERS && *stream == 1 && !payload.contains(&0x88)
    };
    connection.until("an end", |bytes| has(bytes, ended));
    assert_eq!(bench.upstream.requests().len(), 1, "only what came before");
    served_as_before(&bench, before, "a bomb");
}

#[test]
fn e06_pings_and_settings_are_answered_or_end_their_connection() {
    let bench = bench();
    success(&h2client::get(&bench.client, "/varz", Some(&token())), "before");
    let before = bench.gateway.resident();
    for (what, kind, payload) in [("PING", PING, &[7; 8][..]), ("SETTINGS", SETTINGS, &[0, 4, 0, 0, 0xff, 0xff])] {
        let mut connection = connection(&bench, &[]);
        let mut answered = 0;
        for _ in 0..100 {
            connection.send(&frame(kind, 0, 0, payload).repeat(1000));
            answered += 1000;
            let all = |bytes: &[u8]| {
                let found = frames(bytes);
                found.iter().any(|(kind, ..)| *kind == GOAWAY)
                    || found.iter().filter(|(other, flags, ..)| *other == kind && flags & ACK == ACK).count()
                        >= answered
            };
            if connection.until(what, all) || has(connection.bytes(), |(kind, ..)| *kind == GOAWAY) {
                break;
            }
        }
        served_as_before(&bench, before, what);
    }
}

/// Changes of the fields of a good request, each of which makes it malformed.
fn malformed(bearer: &str) -> Vec<(&'static str, Vec<(&'static str, String)>)> {
    let usual = || -> Vec<(&'static str, String)> {
        let names = [":method", ":scheme", ":authority", ":path", "authorization"];
        names.into_iter().zip(good(bearer, "GET")).map(|(name, (_, value))| (name, value.to_owned())).collect()
    };
    let mut rows = Vec::new();
    for (why, name, value) in [
        ("another te", "te", "gzip"),
        ("connection", "connection", "close"),
        ("connection that names a field", "connection", "authorization"),
        ("keep-alive", "keep-alive", "timeout=5"),
        ("proxy-connection", "proxy-connection", "close"),
        ("transfer-encoding", "transfer-encoding", "chunked"),
        ("upgrade", "upgrade", "h2c"),
        ("an upper-case name", "X-Upper", "x"),
        ("a carriage return in a value", "x-a", "a\r\nx-forwarded-user: root"),
        ("a line feed in a value", "x-a", "a\nb"),
        ("a NUL in a value", "x-a", "a\0b"),
        ("a line feed in a name", "x\na", "a"),
        ("a space in a name", "x a", "a"),
        ("a colon in a name", "x:a", "a"),
        ("no name", "", "a"),
        ("a second path", ":path", "/accountz"),
        ("a second method", ":method", "POST"),
        ("a second authority", ":authority", "other.test"),
        ("an unknown pseudo-field", ":protocol-x", "websocket"),
        ("one of answers", ":status", "200"),
    ] {
        let mut fields = usual();
        fields.push((name, value.to_owned()));
        rows.push((why, fields));
    }
    let mut late = usual();
    late.rotate_right(1);
    rows.push(("a pseudo-field behind a field", late));
    for (why, at, value) in [
        ("an empty path", 3, ""),
        ("a relative path", 3, "varz"),
        ("an absolute path", 3, "https://mon.test/varz"),
        ("a star", 3, "*"),
        ("a path with a space", 3, "/varz /accountz"),
        ("a path with a line", 3, "/varz\r\nX: y"),
        ("an authority with a user", 2, "root@mon.test"),
        ("an empty authority", 2, ""),
        ("CONNECT with a path", 0, "CONNECT"),
        ("a method that is no token", 0, "GET /accountz HTTP/1.1"),
    ] {
        let mut fields = usual();
        value.clone_into(&mut fields[at].1);
        rows.push((why, fields));
    }
    for (why, at) in [("no method", 0), ("no authority", 2), ("no path", 3)] {
        let mut fields = usual();
        fields.remove(at);
        rows.push((why, fields));
    }
    rows
}

#[test]
fn e07_malformed_requests_end_without_a_byte_upstream() {
    let bench = bench();
    let bearer = format!("Bearer {}", token());
    for (why, fields) in malformed(&bearer) {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut connection = connection(&bench, &[headers(1, &fields)]);
        let over = |(kind, _, stream, _): &Frame| *kind == GOAWAY || *stream == 1 && [RESET, HEADERS].contains(kind);
        let closed = connection.until(why, |bytes| has(bytes, over));
        // The static table's `:status: 200`.
        let is_good = |(kind, _, _, payload): &Frame| *kind == HEADERS && payload.first() == Some(&0x88);
        assert!(!has(connection.bytes(), is_good), "{why} was answered with 200");
        assert!(closed || has(connection.bytes(), over), "{why}");
        bench.upstream.assert_untouched(why);
    }
    let mut connection = connection(&bench, &[headers(1, &good(&bearer, "GET"))]);
    connection.until("the good one", |bytes| has(bytes, |(kind, ..)| *kind == DATA));
    assert_eq!(bench.upstream.requests().len(), 1, "what all of these are changes of");
}

#[test]
fn e08_a_stream_that_the_client_resets_frees_the_upstream() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let gateway = Setup::new(listener.local_addr().unwrap()).start();
    let client = gateway.client();
    let bearer = format!("Bearer {}", token());
    let mut asking = client.with_alpn(&[b"h2"]).connect();
    asking.send(&raw(&[headers(1, &good(&bearer, "GET"))]));
    asking.until("settings", |bytes| !frames(bytes).is_empty());
    let (mut upstream, _) = listener.accept().unwrap();
    upstream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut block = [0; 4096];
        let count = upstream.read(&mut block).unwrap();
        assert_ne!(count, 0, "the gateway hung up by itself");
        request.extend_from_slice(&block[..count]);
    }
    assert!(request.starts_with(b"GET /varz HTTP/1.1\r\n"));
    asking.send(&frame(RESET, 0, 1, &[0, 0, 0, 8]));
    assert_eq!(upstream.read(&mut [0; 16]).unwrap_or(1), 0, "the request upstream goes on");
    let record = gateway.audit(1).remove(0);
    assert_eq!((&record["decision"], &record["cut"]), (&"withhold".into(), &true.into()), "{record}");
    // The connection is still good.
    asking.send(&headers(3, &good(&bearer, "GET")));
    let (mut upstream, _) = listener.accept().unwrap();
    upstream.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_ne!(upstream.read(&mut [0; 4096]).unwrap(), 0);
    upstream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").unwrap();
    assert!(!asking.until("an answer", |bytes| has(bytes, |(kind, _, stream, _)| (*kind, *stream) == (DATA, 3))));
}

#[test]
fn e09_a_length_that_is_not_that_of_the_data() {
    let bench = bench();
    let bearer = format!("Bearer {}", token());
    for (why, method, length, end, data) in [
        ("more than said", "POST", "3", 0, &b"abcde"[..]),
        ("less than said", "POST", "5", 0, b"abc"),
        ("something instead of nothing", "POST", "0", 0, b"a"),
        ("a length and no data", "GET", "5", 1, b""),
        ("no number", "GET", "x", 1, b""),
        ("a sign", "GET", "+0", 1, b""),
    ] {
        let fields = [&good(&bearer, method)[..], &[("content-length", length)]].concat();
        let head = if end == 1 { headers(1, &fields) } else { open(1, &fields) };
        let body = if end == 1 { Vec::new() } else { frame(DATA, 1, 1, data) };
        let mut connection = connection(&bench, &[head, body]);
        let over = |(kind, _, stream, _): &Frame| *kind == GOAWAY || *stream == 1 && [RESET, HEADERS].contains(kind);
        connection.until(why, |bytes| has(bytes, over));
        let is_good = |(kind, _, _, payload): &Frame| *kind == HEADERS && payload.first() == Some(&0x88);
        assert!(!has(connection.bytes(), is_good), "{why} was answered with 200");
        bench.upstream.assert_untouched(why);
    }
}

#[test]
fn e10_an_authority_and_another_host() {
    let bench = bench();
    for host in ["other.test", "mon.test:1", "mon.test.", ""] {
        let answer = h2client::request(&bench.client, "GET", "/varz", Some(&token()), &[("host", host)]);
        denial(&answer.unwrap(), &[400], host);
    }
    bench.upstream.assert_untouched("two hosts");
    let same = h2client::request(&bench.client, "GET", "/varz", Some(&token()), &[("host", "MON.test")]).unwrap();
    success(&same, "the same host twice");
}

#[test]
fn e11_streams_and_header_lists_are_bounded() {
    let upstream = Upstream::scripted(Box::new(|_| vec![Step::Hang]));
    let gateway = Setup::before(&upstream).start();
    let bench = assemble(upstream, gateway);
    let bearer = format!("Bearer {}", token());
    let many: Vec<Vec<u8>> = (0..150).map(|number| headers(stream(number), &good(&bearer, "GET"))).collect();
    let mut connection = connection(&bench, &many);
    let refused = |bytes: &[u8]| frames(bytes).iter().filter(|(kind, ..)| *kind == RESET).count() >= 50;
    connection.until("the streams over the bound", |bytes| refused(bytes) || has(bytes, |(kind, ..)| *kind == GOAWAY));
    let settings = frames(connection.bytes()).into_iter().find(|(kind, flags, ..)| (*kind, *flags) == (SETTINGS, 0));
    let payload = settings.unwrap().3;
    assert!(payload.chunks(6).any(|pair| pair == [0, 3, 0, 0, 0, 100]), "streams: {payload:?}");
    eventually("all that may be open", || (bench.upstream.requests().len() == 100).then_some(()));
    for size in [16 * 1024, 17 * 1024, 100 * 1024] {
        let value = "a".repeat(size);
        let answer = h2client::request(&bench.client, "GET", "/varz", Some(&token()), &[("x-a", &value)]).unwrap();
        denial(&answer, &[431], &format!("{size} bytes"));
    }
    let many: Vec<(String, String)> = (0..500).map(|number| (format!("x-{number}"), "a".to_owned())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    denial(&h2client::request(&bench.client, "GET", "/varz", Some(&token()), &many).unwrap(), &[431], "500 fields");
    assert_eq!(bench.upstream.requests().len(), 100);
}

#[test]
fn e12_a_client_that_opens_no_window_is_cut() {
    let body = format!("{{\"a\":\"{}\"}}", "x".repeat(4 << 20));
    let upstream = Upstream::scripted(Box::new(move |_| json(&body)));
    let gateway = Setup::before(&upstream).limits("write: 1s, idle: 60s").start();
    let bench = assemble(upstream, gateway);
    let bearer = format!("Bearer {}", token());
    let closed = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let mut connection = connection(&bench, &[closed, headers(1, &good(&bearer, "GET"))]);
    let reset = |(kind, _, stream, _): &Frame| (*kind, *stream) == (RESET, 1) || *kind == GOAWAY;
    let gone = connection.until("the stream to be reset", |bytes| has(bytes, reset));
    assert!(gone || has(connection.bytes(), reset));
    let data =
        frames(connection.bytes()).iter().filter(|(kind, ..)| *kind == DATA).map(|frame| frame.3.len()).sum::<usize>();
    assert_eq!(data, 0, "no window, no data");
    let record = eventually("the record", || bench.gateway.audit(1).into_iter().find(|record| record["cut"] == true));
    assert_eq!(record["bytes"], 0, "{record}");
}

#[test]
fn e13_http_2_without_tls_is_not_spoken() {
    let bench = bench();
    for address in [bench.gateway.listeners[0], bench.gateway.admin] {
        let mut plain = TcpStream::connect(address).unwrap();
        plain.set_read_timeout(Some(PATIENCE)).unwrap();
        let bearer = format!("Bearer {}", token());
        let _gone = plain.write_all(&raw(&[headers(1, &good(&bearer, "GET"))]));
        let mut said = Vec::new();
        let _reset = plain.read_to_end(&mut said);
        let text = String::from_utf8_lossy(&said);
        assert!(
            said.is_empty() || said[0] == 0x15 || text.starts_with("HTTP/1.1 4") || text.starts_with("HTTP/1.1 5"),
            "{text}"
        );
        assert!(
            !has(&said, |(kind, flags, ..)| (*kind, *flags) == (SETTINGS, 0) && said.len() >= 9 && said[0] == 0),
            "{said:?}"
        );
    }
    // The same behind TLS, where HTTP/1.1 was agreed on.
    let mut agreed = bench.client.connect();
    agreed.send(&raw(&[headers(1, &good("Bearer x", "GET"))]));
    let exchange = agreed.drain(false, PATIENCE);
    assert!(exchange.statuses().iter().all(|status| [400, 505].contains(status)), "{exchange:?}");
    assert!(exchange.closed, "{exchange:?}");
    let upgrade = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n";
    let answer = bench.client.request("GET", "/varz", None, upgrade);
    denial(&answer, &[401], "h2c by upgrade");
    bench.upstream.assert_untouched("plain HTTP/2");
}
