//! H: handshakes, by the real program. What is too old, cut up or made for another listener gets nobody in.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, StreamOwned};

use crate::support::answers::{denial, success};
use crate::support::client::{Client, request};
use crate::support::gateway::{Gateway, Setup};
use crate::support::mtls::{BOTH, Kept, MINE, VERSIONS, World, all_serve, ask, changed, setup};
use crate::support::pki::{Authority, Identity, SERVER, self_signed};
use crate::support::tokens::Issuer;
use crate::support::upstream::{Upstream, nats_answers};
use crate::support::{PATIENCE, Process, eventually};

fn token() -> String {
    Issuer::shared().token("viewer")
}

/// The suites of TLS 1.2 that are spoken: ECDHE with AES-GCM or `ChaCha20` (RFC 7525 §4.2).
const SUITES: [u16; 6] = [0xc02b, 0xc02c, 0xcca9, 0xc02f, 0xc030, 0xcca8];
/// Those of TLS 1.3.
const SUITES_13: [u16; 3] = [0x1301, 0x1302, 0x1303];

/// A vector of TLS with a length of two bytes (RFC 8446 §3.4).
fn vector(content: &[u8]) -> Vec<u8> {
    [&u16::try_from(content.len()).unwrap().to_be_bytes(), content].concat()
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &vector(content)].concat()
}

/// A `ClientHello` of this version: as TLS 1.2 and before say it, or as 1.3 does (RFC 8446 §4.1.2).
fn hello(version: u16, suites: &[u16]) -> Vec<u8> {
    let suites: Vec<u8> = suites.iter().flat_map(|suite| suite.to_be_bytes()).collect();
    let mut extensions = [
        extension(10, &vector(&[0, 29, 0, 23])),
        extension(11, &[1, 0]),
        extension(13, &vector(&[4, 3, 8, 4, 4, 1, 2, 1])),
    ]
    .concat();
    if version == 0x0304 {
        extensions.extend(extension(43, &[2, 3, 4]));
        extensions.extend(extension(51, &vector(&[&[0, 29][..], &vector(&[9; 32])].concat())));
    }
    let legacy = version.min(0x0303).to_be_bytes();
    let body = [&legacy[..], &[7; 32], &[0], &vector(&suites), &[1, 0], &vector(&extensions)].concat();
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let handshake = [&[1], &length[1..], &body].concat();
    [&[22, 3, 1], &vector(&handshake)[..]].concat()
}

/// What a gateway says to a hello.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// It goes on, with this suite.
    Hello(u16),
    /// It ends with this alert.
    Alert(u8),
    Nothing,
}

fn say(address: SocketAddr, bytes: &[u8]) -> Said {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut start = [0; 5];
    if stream.read_exact(&mut start).is_err() {
        return Said::Nothing;
    }
    let mut record = vec![0; usize::from(u16::from_be_bytes([start[3], start[4]]))];
    stream.read_exact(&mut record).unwrap();
    match (start[0], record[0]) {
        (21, 2) => Said::Alert(record[1]),
        // Type, length, version, random, the session with its length, then the suite (RFC 8446 §4.1.3).
        (22, 2) => {
            let suite = 39 + usize::from(record[38]);
            Said::Hello(u16::from_be_bytes([record[suite], record[suite + 1]]))
        }
        _ => panic!("{start:?} {record:?}"),
    }
}

/// Alerts (RFC 8446 §6).
const HANDSHAKE_FAILURE: u8 = 40;
const PROTOCOL_VERSION: u8 = 70;

/// A gateway with two certificates: this one and one for an elliptic key.
fn with_rsa(setup: Setup) -> Setup {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "30", "-subj", "/CN=rsa"])
        .args(["-addext", "subjectAltName=DNS:mon.test", "-keyout", "rsa.key", "-out", "rsa.pem"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    setup.file("server.pem", read("rsa.pem")).file("server.key", read("rsa.key"))
}

#[test]
fn h01_old_versions_are_refused() {
    let world = World::new("optional");
    let address = world.gateway.listeners[0];
    let all: Vec<u16> = (0..0x1000).chain(0xc000..0xd000).collect();
    for version in [0x0300, 0x0301, 0x0302] {
        world.shut_out("tls_handshake", "an old version", || {
            assert_eq!(say(address, &hello(version, &all)), Said::Alert(PROTOCOL_VERSION), "{version:x}");
        });
    }
    // SSL 2.0 began with another kind of record.
    world.shut_out("tls_handshake", "SSL 2.0", || {
        let hello = [&[0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10][..], &[7; 0x25]].concat();
        let said = say(address, &hello);
        assert!(!matches!(said, Said::Hello(_)), "{said:?}");
    });
    // With what it speaks it goes on.
    assert_eq!(say(address, &hello(0x0303, &SUITES)), Said::Hello(SUITES[0]));
    assert_eq!(say(address, &hello(0x0304, &SUITES_13)), Said::Hello(SUITES_13[0]));
    // A client of another make sees the same.
    for (version, speaks) in [("-tls1", false), ("-tls1_1", false), ("-tls1_2", true), ("-tls1_3", true)] {
        let cipher = if speaks { "DEFAULT" } else { "ALL:@SECLEVEL=0" };
        let said = s_client(&world, &[version, "-cipher", cipher, "-alpn", "http/1.1"], &asking(Some(&token())));
        assert_eq!(said.contains("HTTP/1.1 200 OK"), speaks, "{version}: {said}");
        assert!(speaks || said.contains(" alert "), "{version}: {said}");
    }
}

#[test]
fn h01_only_1_3_where_that_is_configured() {
    let world = World::with("optional", |mut setup| {
        setup.listener.push_str("    min_tls: '1.3'\n");
        setup
    });
    let address = world.gateway.listeners[0];
    world.shut_out("tls_handshake", "TLS 1.2", || {
        assert_eq!(say(address, &hello(0x0303, &SUITES)), Said::Alert(PROTOCOL_VERSION));
    });
    assert_eq!(say(address, &hello(0x0304, &SUITES_13)), Said::Hello(SUITES_13[0]));
}

#[test]
fn h01_no_weak_suite_is_ever_chosen() {
    let (upstream, clients) = (Upstream::nats(), Authority::new("clients"));
    for (kind, setup, good) in [
        ("an elliptic key", setup(&upstream, &clients, "optional"), &SUITES[..3]),
        ("an RSA key", with_rsa(setup(&upstream, &clients, "optional")), &SUITES[3..]),
    ] {
        let gateway = setup.start();
        let address = gateway.listeners[0];
        for suite in good {
            assert_eq!(say(address, &hello(0x0303, &[*suite])), Said::Hello(*suite), "{kind}");
        }
        // All others that have a number: RC4, 3DES, export, NULL, anonymous, static RSA, CBC.
        let weak: Vec<u16> = (0..=u16::MAX).filter(|suite| !good.contains(suite)).collect();
        for suites in weak.chunks(0x1000) {
            let said = say(address, &hello(0x0303, suites));
            assert_eq!(said, Said::Alert(HANDSHAKE_FAILURE), "{kind}: {:x}", suites[0]);
        }
        for suite in SUITES_13 {
            assert_eq!(say(address, &hello(0x0304, &[suite])), Said::Hello(suite), "{kind}");
        }
        assert_eq!(say(address, &hello(0x0304, &[0x1304, 0x1305])), Said::Alert(HANDSHAKE_FAILURE), "{kind}");
    }
    upstream.assert_untouched("hellos");
}

#[test]
fn h01_nothing_is_negotiated_again() {
    let world = World::new("optional");
    let mut client = openssl(&world, &["-tls1_2", "-alpn", "http/1.1"]).stderr(Stdio::piped()).spawn().unwrap();
    let (mut input, mut said) = (client.stdin.take().unwrap(), client.stderr.take().unwrap());
    let client = Process(client);
    // The letter is an order to the client.
    input.write_all(b"R\n").unwrap();
    let mut text = String::new();
    said.read_to_string(&mut text).unwrap();
    assert!(text.contains("RENEGOTIATING") && text.contains("no renegotiation"), "{text}");
    drop((input, client));
    world.upstream.assert_untouched("a renegotiation");
}

/// `openssl s_client` of this gateway, that checks its certificate.
fn openssl(world: &World, arguments: &[&str]) -> Command {
    let mut command = Command::new("openssl");
    let address = world.gateway.listeners[0].to_string();
    command
        .args(["s_client", "-connect", &address, "-CAfile", "ca.pem", "-verify_return_error"])
        .args(["-verify_hostname", SERVER])
        .args(arguments)
        .current_dir(world.gateway.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

/// What `openssl s_client` gets for this input, and what it says of the handshake.
fn s_client(world: &World, arguments: &[&str], input: &str) -> String {
    let mut client = openssl(world, arguments).arg("-quiet").stderr(Stdio::piped()).spawn().unwrap();
    let _gone = client.stdin.take().unwrap().write_all(input.as_bytes());
    let output = client.wait_with_output().unwrap();
    [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat()
}

/// A request after which the connection ends.
fn asking(token: Option<&str>) -> String {
    request("GET", "/varz", token, "Connection: close\r\n")
}

/// A client that resumes whatever it can, without a certificate or with one.
fn resuming(world: &World, versions: usize, identity: Option<&Identity>) -> Client {
    changed(&world.speaking(VERSIONS[versions], identity), |tls| {
        tls.resumption = Resumption::in_memory_sessions(16);
        tls.enable_early_data = true;
    })
}

/// Asks once at this listener: what kind of handshake it was.
fn handshake(client: &Client, listener: SocketAddr) -> HandshakeKind {
    let client = client.at(listener);
    let mut connection = client.connect();
    assert!(!connection.takes_early_data(), "early data is taken");
    connection.send(request("GET", "/varz", Some(&token()), "").as_bytes());
    success(&connection.response(false).expect("an answer"), "a good handshake");
    connection.handshake_kind().unwrap()
}

/// Four listeners: two that want no certificate, one that takes one, one that demands one of another authority.
fn listeners() -> (World, Authority) {
    let others = Authority::new("others");
    let world = World::with("optional", |mut setup| {
        let listener = |more: &str| {
            let certificates = "    certificates: [{ certificate: server.pem, key: server.key }]\n";
            format!("  - address: 127.0.0.1:0\n{certificates}    upstream: nats\n{more}")
        };
        let strict = "    client_auth: required\n    client_ca_file: others.pem\n";
        setup.listener += &[listener(""), listener(""), listener(strict)].concat();
        setup.file("others.pem", others.certificate.clone())
    });
    (world, others)
}

#[test]
fn h08_h13_no_session_of_one_listener_is_worth_anything_on_another() {
    let (world, others) = listeners();
    let [taking, first, second, demanding] = world.gateway.listeners[..] else { panic!("four listeners") };
    for versions in [0, 1] {
        // With certificates there are no sessions at all.
        let mine = resuming(&world, versions, Some(&world.clients.workload(MINE, 1)));
        let other = resuming(&world, versions, Some(&others.workload(MINE, 1)));
        for _ in 0..3 {
            assert_eq!(handshake(&mine, taking), HandshakeKind::Full);
            assert_eq!(handshake(&other, demanding), HandshakeKind::Full);
        }
        // Without, there are: of the listener alone that gave them.
        let anonymous = resuming(&world, versions, None);
        assert_ne!(handshake(&anonymous, first), HandshakeKind::Resumed);
        assert_eq!(handshake(&anonymous, first), HandshakeKind::Resumed);
        for listener in [second, taking] {
            assert_ne!(handshake(&anonymous, listener), HandshakeKind::Resumed);
            let _again = handshake(&anonymous, first);
            assert_eq!(handshake(&anonymous, first), HandshakeKind::Resumed);
        }
        world.shut_out("certificate_missing", "a session of another listener", || {
            let client = anonymous.at(demanding);
            assert!(ask(&client, BOTH[0], None).is_none());
        });
        // Nor does a session of another listener spare a look at the certificate.
        let stranger = resuming(&world, versions, Some(&Authority::new("strangers").workload(MINE, 1)));
        let _first = handshake(&stranger, first);
        assert_eq!(handshake(&stranger, first), HandshakeKind::Resumed);
        for listener in [taking, demanding] {
            world.shut_out("certificate_unknown_issuer", "a session of another listener", || {
                let client = stranger.at(listener);
                assert!(ask(&client, BOTH[0], Some(&token())).is_none());
            });
        }
    }
}

#[test]
fn h08_no_session_outlives_a_change_of_the_authorities() {
    let (world, _) = listeners();
    let (taking, plain) = (world.gateway.listeners[0], world.gateway.listeners[1]);
    let identity = world.clients.workload(MINE, 1);
    let clients: Vec<_> =
        [0, 1].map(|versions| (resuming(&world, versions, Some(&identity)), resuming(&world, versions, None))).into();
    for (mine, anonymous) in &clients {
        assert_eq!(handshake(mine, taking), HandshakeKind::Full);
        let _first = handshake(anonymous, plain);
        assert_eq!(handshake(anonymous, plain), HandshakeKind::Resumed);
    }
    let fresh = Authority::new("fresh");
    world.gateway.rewrite("clients.crl", &fresh.revoked(&[], 2090));
    world.gateway.rewrite("clients.pem", &fresh.certificate);
    world.gateway.reload("ok");
    for (mine, anonymous) in &clients {
        world.shut_out("certificate_unknown_issuer", "an authority that is gone", || {
            assert!(ask(mine, BOTH[0], Some(&token())).is_none());
        });
        assert_ne!(handshake(anonymous, plain), HandshakeKind::Resumed, "a session from before");
    }
}

/// In which pieces a client sends its part of the handshake.
#[derive(Clone, Copy, Debug)]
enum Pieces {
    /// A record for each byte.
    Records,
    /// A segment for each byte.
    Segments,
}

/// A connection that sends what goes in the clear in pieces.
struct Crumbs {
    stream: TcpStream,
    pieces: Pieces,
    in_the_clear: bool,
}

impl Write for Crumbs {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // The client writes whole records.
        let mut rest = bytes;
        while let [kind, major, minor, long, short, ..] = *rest {
            let (record, after) = rest.split_at(5 + usize::from(u16::from_be_bytes([long, short])));
            rest = after;
            self.in_the_clear &= kind == 22;
            match self.pieces {
                _ if !self.in_the_clear => self.stream.write_all(record)?,
                Pieces::Segments => record.iter().try_for_each(|byte| self.stream.write_all(&[*byte]))?,
                Pieces::Records => {
                    record[5..].iter().try_for_each(|byte| self.stream.write_all(&[22, major, minor, 0, 1, *byte]))?;
                }
            }
        }
        assert!(rest.is_empty(), "half a record");
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

impl Read for Crumbs {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.stream.read(buffer)
    }
}

/// What a client hears that sends its handshake in pieces.
fn in_pieces(address: SocketAddr, tls: &Arc<ClientConfig>, name: &'static str, pieces: Pieces) -> String {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let connection = ClientConnection::new(Arc::clone(tls), ServerName::try_from(name).unwrap()).unwrap();
    let mut stream = StreamOwned::new(connection, Crumbs { stream, pieces, in_the_clear: true });
    let _gone = stream.write_all(asking(None).as_bytes()).and_then(|()| stream.flush());
    let mut text = Vec::new();
    let _gone = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn h09_whoever_cuts_up_a_hello_or_asks_for_no_name_meets_the_same_demand() {
    let world = World::new("required");
    let (address, identity) = (world.gateway.listeners[0], world.clients.workload(MINE, 1));
    let other = Authority::new("others").workload(MINE, 1);
    for versions in VERSIONS {
        for pieces in [Pieces::Records, Pieces::Segments] {
            // An address is no name that a client would ask for.
            for name in [SERVER, "127.0.0.1"] {
                let what = format!("{versions:?} {pieces:?} {name}");
                let said = in_pieces(address, &world.speaking(versions, Some(&identity)).tls(), name, pieces);
                assert!(said.starts_with("HTTP/1.1 200 OK\r\n"), "{what}: {said}");
                for (identity, reason) in [(None, "certificate_missing"), (Some(&other), "certificate_unknown_issuer")]
                {
                    world.shut_out(reason, &what, || {
                        let said = in_pieces(address, &world.speaking(versions, identity).tls(), name, pieces);
                        assert_eq!(said, "", "{what}");
                    });
                }
            }
        }
    }
}

#[test]
fn h09_whatever_name_is_asked_for_the_demand_is_the_same() {
    let world = World::new("required");
    let identity = world.clients.workload(MINE, 1);
    world.gateway.rewrite("mine.pem", &identity.certificate);
    world.gateway.rewrite("mine.key", &identity.key);
    // To a name that it does not know, it shows its first certificate.
    for name in [&["-noservername"][..], &["-servername", "unknown.test"], &["-servername", SERVER]] {
        for version in ["-tls1_2", "-tls1_3"] {
            let mut arguments = [name, &[version]].concat();
            world.shut_out("certificate_missing", version, || {
                let said = s_client(&world, &arguments, &asking(None));
                assert!(!said.contains("HTTP/1.1"), "{name:?}: {said}");
            });
            arguments.extend(["-cert", "mine.pem", "-key", "mine.key"]);
            let said = s_client(&world, &arguments, &asking(None));
            assert!(said.contains("HTTP/1.1 200 OK"), "{name:?}: {said}");
        }
    }
    // By the name of its second certificate, too.
    let second = world.anonymous().with_name(crate::support::pki::SECOND);
    world.shuts_out(&second, "certificate_missing", "the second name");
    let mine = world.showing(&identity).with_name(crate::support::pki::SECOND);
    world.serves(&mine, None, "the second name");
}

#[test]
fn h14_a_protocol_that_is_not_spoken_ends_the_handshake() {
    let world = World::new("optional");
    let mine = world.mine(1);
    for offered in [&[&b"spdy/3"[..]][..], &[b"h3", b"http/1.0", b"http/0.9"], &[b"H2"], &[b"h2c"]] {
        let client = mine.with_alpn(offered);
        world.shut_out("tls_handshake", "another protocol", || {
            let exchange = client.exchange(asking(None).as_bytes());
            assert!(exchange.closed && exchange.responses.is_empty(), "{offered:?}: {exchange:?}");
        });
    }
    for version in ["-tls1_2", "-tls1_3"] {
        world.shut_out("tls_handshake", "another protocol", || {
            let said = s_client(&world, &[version, "-alpn", "spdy/3"], &asking(Some(&token())));
            assert!(said.contains("alert no application protocol"), "{said}");
        });
    }
    // One of several will do.
    let exchange = mine.with_alpn(&[b"spdy/3", b"http/1.1"]).exchange(asking(None).as_bytes());
    assert_eq!(exchange.status(), 200);
}

#[test]
fn h14_another_protocol_than_the_one_agreed_on_gets_nowhere() {
    let world = World::new("optional");
    let mine = world.mine(1);
    let exchange = mine.with_alpn(&[b"h2"]).exchange(asking(None).as_bytes());
    assert!(exchange.closed && exchange.responses.is_empty(), "{exchange:?}");
    let exchange = mine.exchange(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert!(exchange.closed && exchange.status() >= 400, "{exchange:?}");
    world.upstream.assert_untouched("another protocol");
}

/// A gateway before an upstream that shows this certificate; it trusts our authority.
fn before(identity: &Identity) -> (Upstream, Setup) {
    let upstream = Upstream::start(Some(identity.server_config(None)), Box::new(nats_answers));
    let mut setup = Setup::before(&upstream);
    setup.upstream = format!("https://{}", upstream.address());
    ", ca_file: ca.pem".clone_into(&mut setup.upstream_more);
    (upstream, setup)
}

#[test]
fn h12_a_guarded_server_that_is_not_who_it_should_be_is_told_nothing() {
    let authority = Authority::shared();
    for (what, identity) in [
        ("another name", authority.server(&["nats.test"])),
        ("expired", authority.expired(&["127.0.0.1"])),
        ("signed by itself", self_signed(&["127.0.0.1"])),
        ("another authority", Authority::new("another").server(&["127.0.0.1"])),
        ("a client's", authority.client("127.0.0.1")),
    ] {
        let (upstream, setup) = before(&identity);
        let gateway = setup.start();
        let world = World { upstream, gateway, clients: Authority::new("nobody") };
        for via in BOTH {
            let answer = ask(&world.anonymous(), via, Some(&token())).unwrap();
            denial(&answer, &[502], what);
            let record = world.record(&answer);
            assert_eq!(record["reason"], "tls_failed", "{what}: {record}");
            assert_eq!(record["principal"]["method"], "bearer_jwt", "{what}: {record}");
        }
        world.upstream.assert_untouched(what);
        let labels = ["reason=\"tls_failed\"", "status=\"502\""];
        assert_eq!(world.gateway.metric("monward_requests_total", &labels).to_string(), "2", "{what}");
    }
    let (upstream, setup) = before(&authority.server(&["127.0.0.1"]));
    let gateway = setup.start();
    success(&gateway.client().get("/varz", Some(&token())), "the right one");
    assert_eq!(upstream.requests().len(), 1);
}

#[test]
fn h12_no_word_of_the_configuration_turns_the_check_off() {
    let (upstream, mut setup) = before(&self_signed(&["127.0.0.1"]));
    let trusted = setup.upstream_more.clone();
    for word in ["insecure", "insecure_skip_verify", "verify", "tls_verify"] {
        setup.upstream_more = format!("{trusted}, {word}: true");
        let (status, said) = setup.refuses_to_start();
        assert!(!status.success() && said.contains(word), "{word}: {said}");
    }
    upstream.assert_untouched("no start");
}

/// The certificate that a client is shown.
fn shown(gateway: &Gateway) -> Vec<u8> {
    let mut connection = gateway.client().connect();
    connection.send(request("GET", "/varz", Some(&token()), "").as_bytes());
    success(&connection.response(false).expect("a good handshake"), "a good handshake");
    connection.certificate()
}

#[test]
fn h15_a_pair_that_cannot_be_used_changes_nothing_and_is_reported() {
    let world = World::new("optional");
    let before = shown(&world.gateway);
    let fresh = Authority::shared().server(&[SERVER]);
    let good: Vec<(&str, String)> = ["server.pem", "server.key"]
        .map(|name| (name, std::fs::read_to_string(world.gateway.path(name)).unwrap()))
        .into();
    let spoiled = fresh.key.replace('\n', "");
    for (what, name, content, words) in [
        ("another's key", "server.key", Some(&fresh.key), &["`server.pem`", "does not fit"][..]),
        ("another's certificate", "server.pem", Some(&fresh.certificate), &["`server.pem`", "does not fit"]),
        ("no key", "server.key", None, &["server.key`", "No such file"]),
        ("no certificate", "server.pem", None, &["server.pem`", "No such file"]),
        ("an empty key", "server.key", Some(&String::new()), &["server.key`"]),
        ("a key without lines", "server.key", Some(&spoiled), &["server.key`"]),
        ("a key for a certificate", "server.pem", Some(&fresh.key), &["server.pem`"]),
    ] {
        match content {
            Some(content) => world.gateway.rewrite(name, content),
            None => std::fs::remove_file(world.gateway.path(name)).unwrap(),
        }
        let mut open = BOTH.map(|via| Kept::open(&world.mine(1), via));
        all_serve(&mut open, None, what);
        world.gateway.reload("failed");
        world.logs(&[&["ERROR"], words].concat());
        assert_eq!(shown(&world.gateway), before, "{what}");
        all_serve(&mut open, None, what);
        for (name, content) in &good {
            world.gateway.rewrite(name, content);
        }
    }
    // Nothing of a key is in the log, in letters or in numbers.
    let (log, key) = (world.gateway.stderr(), fresh.key.lines().nth(1).unwrap());
    let numbers = key.bytes().take(8).map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
    assert!(!log.contains(&key[..16]) && !log.contains(&numbers), "{log}");
    world.gateway.rewrite("server.pem", &fresh.certificate);
    world.gateway.rewrite("server.key", &fresh.key);
    world.gateway.reload("ok");
    eventually("the new pair", || (shown(&world.gateway) != before).then_some(()));
}

#[test]
fn h15_a_pair_for_a_guarded_server_that_cannot_be_used_changes_nothing() {
    let authority = Authority::shared();
    let (good, other) = (authority.client("monward.test"), authority.client("monward.test"));
    let upstream =
        Upstream::start(Some(authority.server(&["127.0.0.1"]).server_config(Some(authority))), Box::new(nats_answers));
    let mut setup = Setup::before(&upstream).file("up.pem", good.certificate).file("up.key", good.key);
    setup.upstream = format!("https://{}", upstream.address());
    ", ca_file: ca.pem, certificate: up.pem, key: up.key".clone_into(&mut setup.upstream_more);
    let gateway = setup.start();
    let world = World { upstream, gateway, clients: Authority::new("nobody") };
    world.serves(&world.anonymous(), Some(&token()), "before");
    for content in [other.key.as_str(), "", "garbage", &other.key.replace('\n', "")] {
        world.gateway.rewrite("up.key", content);
        world.gateway.reload("failed");
        world.serves(&world.anonymous(), Some(&token()), "the old pair");
    }
    world.logs(&["ERROR", "up.pem", "cannot be used"]);
    assert!(!world.gateway.stderr().contains(&other.key[40..60]), "{}", world.gateway.stderr());
}
