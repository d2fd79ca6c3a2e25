use super::*;
use crate::tls::pki::{Leaf, Pki};
use crate::upstream::fake::{Fake, Reply};
use crate::upstream::{Place, ResponseHead, Stop, Take, TargetTls, write_get};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::sync::Arc;

const SHORT: Duration = Duration::from_millis(150);

/// Keeps everything it is given.
#[derive(Debug, Default, PartialEq)]
struct Keeper {
    status: u16,
    content_type: Option<Vec<u8>>,
    body: Vec<u8>,
    heads: usize,
    head_only: bool,
    stop_at: Option<usize>,
}

impl Sink for Keeper {
    fn head(&mut self, head: &ResponseHead<'_>) -> Result<Take, Stop> {
        self.heads += 1;
        self.status = head.status;
        self.content_type = head.content_type.map(<[u8]>::to_vec);
        Ok(if self.head_only { Take::Head } else { Take::Body })
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        assert!(!bytes.is_empty());
        self.body.extend_from_slice(bytes);
        if self.stop_at.is_some_and(|at| self.body.len() >= at) { Err(Stop) } else { Ok(()) }
    }
}

fn plain(fake: &Fake) -> Target {
    Target { place: Place::Addresses(vec![fake.address]), tls: None, authority: fake.address.to_string() }
}

fn small() -> Limits {
    Limits { total: Duration::from_secs(5), max_head: 4096, max_body: 4096, ..Limits::default() }
}

fn request(pool: &Pool) -> Vec<u8> {
    let mut request = Vec::new();
    write_get(&mut request, pool.authority(), "/varz", &[]).unwrap();
    request
}

async fn get(pool: &Pool) -> Result<Keeper, FetchError> {
    let mut keeper = Keeper::default();
    let fetched = pool.fetch(&request(pool), &mut keeper).await?;
    assert_eq!((fetched.status, fetched.body_bytes), (keeper.status, keeper.body.len() as u64));
    assert_eq!(keeper.heads, 1);
    Ok(keeper)
}

/// One fetch from a server that answers with exactly `wire` and closes.
async fn answered(wire: &[u8]) -> Result<Keeper, FetchError> {
    let reply = Reply::raw(wire).close();
    let fake = Fake::start(move |_, _| reply.clone()).await;
    get(&Pool::new(plain(&fake), small())).await
}

#[tokio::test]
async fn sound_answers_arrive_whole() {
    let rows: [(&str, &[u8], u16, &[u8]); 8] = [
        ("length", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, b"hello"),
        ("empty", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, b""),
        ("chunked", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", 200, b"hello"),
        ("trailers are dropped",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Jwt: CANARY\r\n\r\n", 200, b"hi"),
        ("HTTP/1.0 with a length", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, b"hi"),
        ("interim answers are swallowed",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            200, b"hi"),
        ("an error's status and body", b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno", 503, b"no"),
        ("204", b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    ];
    for (row, wire, status, body) in rows {
        let keeper = answered(wire).await.unwrap();
        assert_eq!((keeper.status, keeper.body.as_slice()), (status, body), "{row}");
    }
}

/// G11, G20, G26, G27, G28.
#[tokio::test]
async fn unsound_answers_are_errors() {
    use FetchError::{Encoded, Framing, TooLarge, Truncated};
    let interim =
        [b"HTTP/1.1 103 Early\r\n\r\n".repeat(1000), b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec()];
    let big_head = format!("HTTP/1.1 200 OK\r\nA: {}\r\nContent-Length: 0\r\n\r\n", "a".repeat(2 << 20));
    let rows: [(&str, &[u8], FetchError); 20] = [
        ("G11 gzip", b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b", Encoded),
        ("G20 switched protocols", b"HTTP/1.1 101 S\r\nUpgrade: h2c\r\n\r\nx", Framing("switched protocols")),
        ("G20 a thousand early hints", &interim.concat(), Framing("too many interim answers")),
        (
            "G26 two lengths",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
            Framing("two content lengths"),
        ),
        (
            "G26 length and chunked",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            Framing("content length and transfer encoding"),
        ),
        ("G26 folded line", b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n", Framing("head")),
        ("G26 bare LF", b"HTTP/1.1 200 OK\nContent-Length: 0\n\r\n\r\n", Framing("CR or LF alone in the head")),
        ("G26 head of 2 MiB", big_head.as_bytes(), Framing("head too large")),
        (
            "G27 a second answer behind a length",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ny",
            Framing("bytes behind the answer"),
        ),
        (
            "G27 bytes behind the last chunk",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nx",
            Framing("bytes behind the answer"),
        ),
        ("G27 a body behind 204", b"HTTP/1.1 204 No\r\n\r\nx", Framing("bytes behind the answer")),
        ("G28 length too long", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", Truncated),
        ("G28 no last chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", Truncated),
        ("G28 inside a chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nx", Truncated),
        ("inside the head", b"HTTP/1.1 200 OK\r\nContent-Le", Truncated),
        ("nothing at all", b"", Truncated),
        ("until close", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbody", Framing("no length")),
        ("not HTTP", b"SSH-2.0-OpenSSH\r\n", Framing("not HTTP/1")),
        ("length over the limit", b"HTTP/1.1 200 OK\r\nContent-Length: 4097\r\n\r\n", TooLarge),
        ("chunks over the limit", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n", Truncated),
    ];
    for (row, wire, expected) in rows {
        assert_eq!(answered(wire).await.unwrap_err(), expected, "{row}");
    }
}

#[tokio::test]
async fn chunks_over_the_limit_are_refused_as_soon_as_they_are() {
    let wire = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2000\r\n{}", "x".repeat(0x2000));
    let fake = Fake::start(move |_, _| Reply::raw(&wire).hang()).await;
    assert_eq!(get(&Pool::new(plain(&fake), small())).await.unwrap_err(), FetchError::TooLarge);
}

#[tokio::test]
async fn an_answer_reads_the_same_at_every_split() {
    let wire = b"HTTP/1.1 103 x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nA: b\r\n\r\n";
    let replies = move |number: usize, _: &str| Reply::raw(wire).dripping(number + 1, Duration::from_micros(300));
    let fake = Fake::start(replies).await;
    let pool = Pool::new(plain(&fake), small());
    for size in 1..40 {
        assert_eq!(get(&pool).await.unwrap().body, b"hello world", "pieces of {size}");
    }
    assert_eq!(fake.connections(), 1);
}

#[tokio::test]
async fn a_large_body_streams_through_a_small_buffer() {
    let body = "0123456789abcdef".repeat(64 * 1024);
    let served = body.clone();
    let fake = Fake::start(move |_, _| Reply::ok(&served)).await;
    let pool = Pool::new(plain(&fake), Limits { max_body: 1 << 20, ..small() });
    for _ in 0..3 {
        assert!(get(&pool).await.unwrap().body == body.as_bytes());
    }
    assert_eq!(fake.connections(), 1);
}

#[tokio::test]
async fn one_connection_serves_many_fetches() {
    let fake = Fake::start(|number, _| Reply::ok(&number.to_string())).await;
    let pool = Pool::new(plain(&fake), small());
    for number in 0..3 {
        assert_eq!(get(&pool).await.unwrap().body, number.to_string().as_bytes());
    }
    assert_eq!(fake.connections(), 1);
    let expected = format!("GET /varz HTTP/1.1\r\nHost: {}\r\nAccept-Encoding: identity\r\n\r\n", fake.address);
    assert_eq!(fake.requests(), vec![expected; 3]);
}

#[tokio::test]
async fn connections_are_not_reused_when_they_must_not_be() {
    let rows: [(&str, &[u8]); 3] = [
        ("close", b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
        ("HTTP/1.0", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"),
        ("204", b"HTTP/1.1 204 No Content\r\n\r\n"),
    ];
    for (row, wire) in rows {
        let fake = Fake::start(move |_, _| Reply::raw(wire)).await;
        let pool = Pool::new(plain(&fake), small());
        get(&pool).await.unwrap();
        get(&pool).await.unwrap();
        assert_eq!(fake.connections(), 2, "{row}");
    }
}

#[tokio::test]
async fn old_and_surplus_connections_are_dropped() {
    let fake = Fake::start(|_, _| Reply::ok("x").dripping(8, Duration::from_millis(1))).await;
    let pool = Pool::new(plain(&fake), Limits { max_idle: 2, ..small() });
    let (a, b, c) = tokio::join!(get(&pool), get(&pool), get(&pool));
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!((fake.connections(), pool.idle.lock().len()), (3, 2));
    for idle in pool.idle.lock().iter_mut() {
        idle.since = idle.since.checked_sub(Duration::from_mins(1)).unwrap();
    }
    get(&pool).await.unwrap();
    assert_eq!((fake.connections(), pool.idle.lock().len()), (4, 1));
    let unkept = Pool::new(plain(&fake), Limits { max_idle: 0, ..small() });
    get(&unkept).await.unwrap();
    assert_eq!(unkept.idle.lock().len(), 0);
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_replaced_without_an_error() {
    // Closed without `Connection: close`: the next fetch finds out before or after it has sent its request.
    let fake = Fake::start(|_, _| Reply::ok("x").close()).await;
    let pool = Pool::new(plain(&fake), small());
    for _ in 0..3 {
        assert_eq!(get(&pool).await.unwrap().body, b"x");
    }
    assert_eq!(fake.connections(), 3);
}

#[tokio::test]
async fn a_kept_connection_that_dies_on_the_request_is_retried_exactly_once() {
    // The second request is read and answered by closing; so is every later one on a kept connection.
    let fake = Fake::start(|number, _| if number == 1 { Reply::raw("").close() } else { Reply::ok("x") }).await;
    let pool = Pool::new(plain(&fake), small());
    get(&pool).await.unwrap();
    assert_eq!(get(&pool).await.unwrap().body, b"x");
    assert_eq!((fake.connections(), fake.requests().len()), (2, 3));
}

#[tokio::test]
async fn nothing_is_retried_on_a_fresh_connection_or_behind_the_first_byte() {
    let fake = Fake::start(|_, _| Reply::raw("").close()).await;
    assert_eq!(get(&Pool::new(plain(&fake), small())).await.unwrap_err(), FetchError::Truncated);
    assert_eq!(fake.requests().len(), 1);

    let fake = Fake::start(|number, _| if number == 0 { Reply::ok("x") } else { Reply::raw("H").close() }).await;
    let pool = Pool::new(plain(&fake), small());
    get(&pool).await.unwrap();
    assert_eq!(get(&pool).await.unwrap_err(), FetchError::Truncated);
    assert_eq!(fake.requests().len(), 2);
}

/// G27: an answer nobody asked for must not become the answer to the next request.
#[tokio::test]
async fn g27_an_unsolicited_answer_on_a_kept_connection_is_never_used() {
    let poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
    let fake = Fake::start(move |number, _| match number {
        0 => Reply::raw(format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst{poison}"))
            .dripping(43, Duration::from_millis(1)),
        _ => Reply::ok("clean"),
    })
    .await;
    let pool = Pool::new(plain(&fake), small());
    // Both at once when the machine is busy: then the first one is refused.
    let got = get(&pool).await;
    assert!(matches!(got, Err(FetchError::Framing(_))) || got.unwrap().body == b"first");
    let deadline = clock::instant() + Duration::from_secs(5);
    while pool.idle.lock().front_mut().is_some_and(|idle| idle.connection.is_quiet()) {
        assert!(clock::instant() < deadline, "the poison never arrived");
        tokio::task::yield_now().await;
    }
    assert_eq!(get(&pool).await.unwrap().body, b"clean");
    assert_eq!(fake.connections(), 2);
}

#[tokio::test]
async fn a_sink_that_stops_ends_the_fetch_and_its_connection() {
    let fake = Fake::start(|_, _| Reply::ok("hello")).await;
    let pool = Pool::new(plain(&fake), small());
    let mut sink = Keeper { stop_at: Some(1), ..Keeper::default() };
    assert_eq!(pool.fetch(&request(&pool), &mut sink).await, Err(FetchError::Stopped));
    assert_eq!(pool.idle.lock().len(), 0);
}

/// G19 and the like: the head is all the caller wants to know.
#[tokio::test]
async fn a_body_nobody_wants_is_never_shown_nor_waited_for() {
    let rows: [(&str, Reply, u16, usize); 6] = [
        ("redirect", Reply::raw("HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 4\r\n\r\nbody"), 302, 1),
        ("chunked", Reply::raw("HTTP/1.1 400 No\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"), 400, 1),
        ("encoded", Reply::raw("HTTP/1.1 404 No\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx"), 404, 1),
        ("it never comes", Reply::raw("HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\n").hang(), 500, 2),
        ("unsound", Reply::raw("HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), 500, 2),
        ("more than it should be", Reply::raw("HTTP/1.1 206 P\r\nContent-Length: 1\r\n\r\nxy"), 206, 2),
    ];
    for (row, reply, status, connections) in rows {
        let fake = Fake::start(move |_, _| reply.clone()).await;
        let pool = Pool::new(plain(&fake), small());
        for _ in 0..2 {
            let mut sink = Keeper { head_only: true, ..Keeper::default() };
            let fetched = pool.fetch(&request(&pool), &mut sink).await.unwrap();
            assert_eq!((fetched.status, fetched.body_bytes, sink.body.len()), (status, 0, 0), "{row}");
        }
        assert_eq!(fake.connections(), connections, "{row}");
    }
}

#[tokio::test]
async fn one_deadline_covers_the_whole_fetch() {
    let rows: [(&str, Reply); 4] = [
        ("silence", Reply::raw("").hang()),
        ("silence behind the head", Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n").hang()),
        (
            "a drip of head",
            Reply::raw("HTTP/1.1 200 OK\r\nA: bcdefghijklmn").dripping(1, Duration::from_millis(20)).hang(),
        ),
        ("a drip of body", Reply::ok("0123456789abcdef").dripping(1, Duration::from_millis(20)).hang()),
    ];
    for (row, reply) in rows {
        let fake = Fake::start(move |_, _| reply.clone()).await;
        let pool = Pool::new(plain(&fake), Limits { total: SHORT, ..small() });
        let begun = clock::instant();
        assert_eq!(get(&pool).await.unwrap_err(), FetchError::TimedOut, "{row}");
        assert!(begun.elapsed() < Duration::from_secs(3), "{row}");
    }
}

#[tokio::test]
async fn nobody_listening_and_no_such_name_are_unreachable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for place in [
        Place::Addresses(vec![address]),
        Place::Addresses(Vec::new()),
        Place::Name { host: "no-such-host.invalid".into(), port: 80 },
    ] {
        let pool = Pool::new(Target { place: place.clone(), tls: None, authority: "x".into() }, small());
        assert_eq!(get(&pool).await.unwrap_err(), FetchError::Unreachable, "{place:?}");
    }
}

#[tokio::test]
async fn a_name_is_looked_up_and_every_address_tried() {
    let fake = Fake::start(|_, _| Reply::ok("x")).await;
    let place = Place::Name { host: "localhost".into(), port: fake.address.port() };
    let pool = Pool::new(Target { place, tls: None, authority: "localhost".into() }, small());
    assert_eq!(get(&pool).await.unwrap().body, b"x");
}

fn secure(fake: &Fake, config: Arc<ClientConfig>, name: &'static str) -> Pool {
    let name = ServerName::try_from(name).unwrap();
    Pool::new(Target { tls: Some(TargetTls { config, name }), ..plain(fake) }, small())
}

async fn tls_fake(leaf: &Leaf) -> Fake {
    Fake::tls(leaf.server(), |number, _| Reply::ok(&format!("secret {number}"))).await
}

#[tokio::test]
async fn tls_to_the_right_server_works_and_is_kept() {
    let pki = Pki::new();
    let fake = tls_fake(&pki.leaf("nats.example")).await;
    let pool = secure(&fake, pki.client(None), "nats.example");
    for number in 0..3 {
        assert_eq!(get(&pool).await.unwrap().body, format!("secret {number}").as_bytes());
    }
    assert_eq!(fake.connections(), 1);
}

#[tokio::test]
async fn tls_to_any_other_server_fails_before_a_request_is_sent() {
    let (pki, other) = (Pki::new(), Pki::new());
    let rows: [(&str, Leaf, &'static str); 4] = [
        ("unknown CA", other.leaf("nats.example"), "nats.example"),
        ("wrong name", pki.leaf("other.example"), "nats.example"),
        ("wrong address", pki.leaf("nats.example"), "127.0.0.1"),
        ("expired", pki.expired("nats.example"), "nats.example"),
    ];
    for (row, leaf, name) in rows {
        let fake = tls_fake(&leaf).await;
        let pool = secure(&fake, pki.client(None), name);
        assert_eq!(get(&pool).await.unwrap_err(), FetchError::TlsFailed, "{row}");
        assert_eq!(fake.requests().len(), 0, "{row}");
    }
    let fake = Fake::start(|_, _| Reply::ok("x")).await;
    let pool = Pool::new(
        Target { tls: secure(&fake, pki.client(None), "nats.example").target.tls, ..plain(&fake) },
        Limits { total: SHORT, ..small() },
    );
    assert!(matches!(get(&pool).await, Err(FetchError::TlsFailed | FetchError::TimedOut)), "no TLS at all");
}

#[tokio::test]
async fn a_server_that_wants_a_client_certificate_gets_ours_or_refuses() {
    let pki = Pki::new();
    let config = pki.strict_server(&pki.leaf("nats.example"));
    let fake = Fake::tls(config, |_, _| Reply::ok("x")).await;
    let known = secure(&fake, pki.client(Some(&pki.leaf("monward.example"))), "nats.example");
    assert_eq!(get(&known).await.unwrap().body, b"x");
    let unknown = secure(&fake, pki.client(None), "nats.example");
    assert!(matches!(get(&unknown).await, Err(FetchError::TlsFailed | FetchError::Truncated)));
    assert_eq!(fake.requests().len(), 1);
}

/// G27 over TLS, where the second answer may already be decrypted when the first one ends.
#[tokio::test]
async fn g27_an_unsolicited_answer_in_a_record_of_its_own_is_never_used() {
    let pki = Pki::new();
    let first = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst";
    let wire = format!("{first}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
    let reply = move |number: usize, _: &str| match number {
        0 => Reply::raw(&wire).dripping(first.len(), Duration::ZERO),
        _ => Reply::ok("clean"),
    };
    let fake = Fake::tls(pki.leaf("nats.example").server(), reply).await;
    let pool = secure(&fake, pki.client(None), "nats.example");
    let got = get(&pool).await;
    assert!(matches!(got, Err(FetchError::Framing(_))) || got.unwrap().body == b"first");
    let deadline = clock::instant() + Duration::from_secs(5);
    while pool.idle.lock().front_mut().is_some_and(|idle| idle.connection.is_quiet()) {
        assert!(clock::instant() < deadline, "the poison never arrived");
        tokio::task::yield_now().await;
    }
    assert_eq!(get(&pool).await.unwrap().body, b"clean");
}

/// Every answer in llhttp's corpus that llhttp refuses is an error here too.
#[tokio::test]
async fn answers_that_llhttp_refuses_are_refused() {
    use base64::Engine as _;
    let corpora = std::env::var("MONWARD_CORPORA").expect("set MONWARD_CORPORA to the folder of the corpora");
    let text = std::fs::read_to_string(format!("{corpora}/llhttp/cases.ndjson")).unwrap();
    let (mut refused, mut accepted) = (0, 0);
    for line in text.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        if case["type"] != "response" || case["lenient"] != false {
            continue;
        }
        let wire = base64::engine::general_purpose::STANDARD.decode(case["bytes_b64"].as_str().unwrap()).unwrap();
        let result = answered(&wire).await;
        if case["llhttp_error"].is_null() {
            accepted += usize::from(result.is_ok());
        } else {
            refused += 1;
            assert!(result.is_err(), "{}: {result:?}", case["title"]);
        }
    }
    assert!(refused >= 20 && accepted >= 8, "{refused} refused, {accepted} accepted");
}

#[tokio::test]
async fn a_fetch_in_flight_is_small() {
    let fake = Fake::start(|_, _| Reply::ok("x")).await;
    let pool = Pool::new(plain(&fake), small());
    let mut sink = Keeper::default();
    let size = std::mem::size_of_val(&pool.fetch(b"", &mut sink));
    assert!(size <= 1536, "{size} bytes");
}
