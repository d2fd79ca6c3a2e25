//! D: HTTP/1 framing. However a request is framed, no second request hides in it.

use std::time::Duration;

use serde::Deserialize;

use crate::support::answers::{denial, success};
use crate::support::bench::{Bench, authorization_line, bench};
use crate::support::client::{Exchange, request};
use crate::support::corpora::{bytes, cases};
use crate::support::gateway::Setup;
use crate::support::http::from_latin1;
use crate::support::in_parallel;
use crate::support::tokens::Issuer;
use crate::support::upstream::{Step, Upstream};

const HEAD: &str = "POST /varz HTTP/1.1\r\nHost: mon.test\r\n{A}";
const SMUGGLED: &str = "GET /accountz HTTP/1.1\r\nHost: mon.test\r\n\r\n";

/// Each text is refused with 400 and the connection closed; the upstream sees nothing.
fn refused_and_closed(bench: &Bench, texts: &[String]) {
    refused_and_closed_as(bench, texts, &[400]);
}

fn refused_and_closed_as(bench: &Bench, texts: &[String], wanted: &[u16]) {
    let authorization = authorization_line("viewer");
    in_parallel(texts, |template| {
        let mut connection = bench.client.connect();
        connection.send(&from_latin1(&template.replace("{A}", &authorization)));
        let answer = connection.response(false).unwrap_or_else(|| panic!("closed without an answer: {template:?}"));
        denial(&answer, wanted, template);
        assert_eq!(answer.header("connection"), Some("close"), "{template:?}: {}", answer.head);
        assert!(connection.closes_within(Duration::from_secs(5)), "left open: {template:?}");
        assert_eq!(connection.text(), "", "more than one answer: {template:?}");
    });
    bench.upstream.assert_untouched("malformed requests");
}

/// `POST` with these header lines and this body.
fn post(lines: &str, body: &str) -> String {
    format!("{HEAD}{lines}\r\n{body}")
}

/// `GET` with these header lines.
fn get(lines: &str) -> String {
    format!("GET /varz HTTP/1.1\r\nHost: mon.test\r\n{{A}}{lines}\r\n")
}

#[test]
fn d01_transfer_encoding_with_content_length() {
    let both = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n";
    let turned = "Transfer-Encoding: chunked\r\nContent-Length: 46\r\n";
    let texts = [post(both, "0\r\n\r\n"), post(turned, &format!("0\r\n\r\n{SMUGGLED}")), post(both, SMUGGLED)];
    refused_and_closed(&bench(), &texts);
}

#[test]
fn d02_transfer_encoding_on_http_1_0() {
    let text = "POST /varz HTTP/1.0\r\nHost: mon.test\r\n{A}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned();
    let get = "GET /varz HTTP/1.0\r\nHost: mon.test\r\n{A}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned();
    refused_and_closed_as(&bench(), &[text, get], &[400, 505]);
}

#[test]
fn d03_chunked_not_last_identity_and_others() {
    let codings =
        ["identity", "chunked, identity", "gzip, chunked", "chunked, chunked", "gzip", "chunked;q=1", "x", ""];
    let texts = codings.map(|coding| post(&format!("Transfer-Encoding: {coding}\r\n"), "0\r\n\r\n"));
    refused_and_closed(&bench(), &texts);
}

#[test]
fn d04_transfer_encoding_twice_or_odd() {
    let twice = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n";
    let odd =
        ["Transfer-Encoding: ,chunked\r\n", "Transfer-Encoding: \x0bchunked\r\n", "Transfer-Encoding:\tchunked\r\n"];
    let mut texts = vec![post(twice, "0\r\n\r\n"), post("transfer-encoding: CHUNKED\r\n", "0\r\n\r\n")];
    texts.extend(odd.map(|lines| post(lines, "0\r\n\r\n")));
    refused_and_closed(&bench(), &texts);
}

#[test]
fn d05_content_length_spellings() {
    let mut texts = vec![
        post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"),
        post("Content-Length: 3\r\nContent-Length: 0\r\n", "abc"),
        post("Content-Length: 0\r\nContent-Length: 0\r\n", ""),
    ];
    let values = [
        "3, 3",
        "+3",
        "-1",
        "0x3",
        "1_0",
        "",
        "18446744073709551616",
        "99999999999999999999",
        "3 3",
        "0, 0",
        "00",
        "0;",
    ];
    texts.extend(values.map(|value| post(&format!("Content-Length: {value}\r\n"), "abc")));
    refused_and_closed(&bench(), &texts);
}

#[test]
fn d06_header_syntax() {
    let head = "GET /varz HTTP/1.1\r\nHost: mon.test\r\n{A}";
    let mut texts: Vec<String> = [
        "Content-Length : 3\r\n\r\nabc",
        "X-A: a\r\n b\r\n\r\n",
        "X-A: a\r\n\tb\r\n\r\n",
        "X-A: a\rb\r\n\r\n",
        "X-A: a\0b\r\n\r\n",
        "X-A: a\n\r\n",
        "nocolon\r\n\r\n",
        ": x\r\n\r\n",
        "X\u{ff}: a\r\n\r\n",
        "X A: a\r\n\r\n",
        "X-A\t: a\r\n\r\n",
        "(X): a\r\n\r\n",
    ]
    .map(|rest| format!("{head}{rest}"))
    .to_vec();
    texts.push("GET /varz HTTP/1.1\nHost: mon.test\n\n".to_owned());
    texts.push("GET /varz HTTP/1.1\r\n Host: mon.test\r\n{A}\r\n".to_owned());
    texts.push("\r\n\r\nGET /varz HTTP/1.1\r\nHost: mon.test\r\n{A}\r\n".to_owned());
    refused_and_closed(&bench(), &texts);
}

#[test]
fn d07_a_body_on_get_and_head() {
    let mut texts = Vec::new();
    for method in ["GET", "HEAD"] {
        let head = get("").replacen("GET", method, 1).trim_end().to_owned();
        texts.push(format!("{head}Content-Length: {}\r\n\r\n{SMUGGLED}", SMUGGLED.len()));
        texts.push(format!("{head}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"));
        texts.push(format!("{head}Content-Length: 9223372036854775807\r\n\r\n"));
    }
    let bench = bench();
    let authorization = authorization_line("viewer");
    in_parallel(&texts, |text| {
        let exchange = bench.client.exchange(text.replace("{A}", &authorization).as_bytes());
        assert_eq!(exchange.statuses(), [400], "{text}");
        assert!(exchange.closed, "{text}");
    });
    bench.upstream.assert_untouched("bodies");
}

#[test]
fn d08_chunk_syntax() {
    let chunked = "Transfer-Encoding: chunked\r\n";
    let bodies = [
        "3;ext=\"a\r\nb\"\r\nabc\r\n0\r\n\r\n",
        "3\nabc\n0\n\n",
        "0_3\r\nabc\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
        "-1\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "0\r\nAuthorization: Bearer x\r\nX-Forwarded-User: root\r\n\r\n",
    ];
    refused_and_closed(&bench(), &bodies.map(|body| post(chunked, body)));
}

#[test]
fn d09_an_enormous_length_is_answered_at_once() {
    let bench = bench();
    let text = post("Content-Length: 9223372036854775807\r\n", "").replace("{A}", &authorization_line("viewer"));
    let mut connection = bench.client.connect();
    let begin = std::time::Instant::now();
    connection.send(text.as_bytes());
    let answer = connection.response(false).expect("an answer");
    denial(&answer, &[400, 405, 413], "2^63-1");
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    bench.upstream.assert_untouched("2^63-1");
}

#[test]
fn d10_a_refused_body_is_never_read_as_a_request() {
    let bench = bench();
    let good = request("GET", "/varz", Some(&Issuer::shared().token("viewer")), "");
    for first in [
        format!("POST /varz HTTP/1.1\r\nHost: mon.test\r\nContent-Length: {}\r\n\r\n", good.len()),
        format!("GET /varz HTTP/1.1\r\nHost: mon.test\r\nContent-Length: {}\r\n\r\n", good.len()),
        "POST /varz HTTP/1.1\r\nHost: mon.test\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
    ] {
        let exchange = bench.client.exchange(format!("{first}{good}").as_bytes());
        assert_eq!(exchange.responses.len(), 1, "{first}: {exchange:?}");
        denial(exchange.only(), &[400, 401], &first);
        assert!(exchange.closed, "{first}");
    }
    bench.upstream.assert_untouched("bodies of refused requests");
}

#[test]
fn d11_pipelined_requests_are_each_judged() {
    let bench = bench();
    let token = Issuer::shared().token("viewer");
    let ask = |target| request("GET", target, Some(&token), "");
    let exchange = bench.client.exchange(format!("{}{}", ask("/varz"), ask("/accountz")).as_bytes());
    let statuses = exchange.statuses();
    assert!(statuses == [200, 403] || (statuses == [200] && exchange.closed), "{exchange:?}");
    let exchange = bench.client.exchange(format!("{}{}", ask("/accountz"), ask("/varz")).as_bytes());
    assert!(exchange.statuses() == [403, 200] || (exchange.status() == 403 && exchange.closed), "{exchange:?}");
    let anonymous = request("GET", "/varz", None, "");
    let exchange = bench.client.exchange(format!("{}{anonymous}", ask("/varz")).as_bytes());
    assert!(exchange.statuses() == [200, 401] || (exchange.statuses() == [200] && exchange.closed), "{exchange:?}");
    assert!(bench.upstream.requests().iter().all(|seen| seen.target() == "/varz"));
    assert!(bench.upstream.requests().len() <= 3);
}

#[test]
fn d12_no_upgrade() {
    let bench = bench();
    let authorization = authorization_line("viewer");
    for lines in [
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n",
        "Connection: Upgrade\r\nUpgrade: foo\r\n",
    ] {
        let exchange = bench.client.exchange(get(lines).replace("{A}", &authorization).as_bytes());
        assert!([200, 400].contains(&exchange.status()), "{exchange:?}");
        assert!(!exchange.statuses().contains(&101), "{exchange:?}");
    }
    for seen in bench.upstream.requests() {
        let head = seen.head.to_lowercase();
        assert!(
            !head.contains("upgrade") && !head.contains("http2-settings") && !head.contains("sec-websocket"),
            "{head}"
        );
    }
}

#[test]
fn d13_bytes_after_an_upgrade_never_reach_the_upstream() {
    let bench = bench();
    let upgrade = get("Connection: Upgrade\r\nUpgrade: foo\r\n").replace("{A}", &authorization_line("viewer"));
    for after in [SMUGGLED, "\0\x01\x02raw bytes of another protocol\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let exchange = bench.client.exchange(format!("{upgrade}{after}").as_bytes());
        assert!(!exchange.statuses().contains(&101), "{exchange:?}");
        assert!(exchange.statuses().iter().skip(1).all(|status| *status >= 400), "{exchange:?}");
    }
    assert!(bench.upstream.requests().iter().all(|seen| seen.target() == "/varz"));
    assert_eq!(bench.upstream.unread(), b"");
}

#[derive(Deserialize)]
struct RawCase {
    id: String,
    cls: String,
    raw_latin1: String,
    want: String,
}

/// The statuses that a case accepts, as its sentence names them.
fn wanted(case: &RawCase) -> Vec<u16> {
    let mut statuses: Vec<u16> =
        case.want.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
    statuses.retain(|status| (200..600).contains(status));
    let tolerated = case.cls == "hop" && case.want.contains(" or ");
    if case.cls == "upgrade" || tolerated || statuses.is_empty() {
        statuses.extend([200, 400]);
    }
    if statuses.contains(&405) || statuses.contains(&417) {
        // A body or an expectation may be refused before the method is looked at.
        statuses.extend([400, 417]);
    }
    statuses
}

/// What holds for every exchange, whatever was sent.
fn never_more_than_asked(what: &str, exchange: &Exchange) {
    assert!(exchange.statuses().iter().all(|status| *status >= 200), "{what}: an interim answer: {exchange:?}");
    let refused = exchange.responses.iter().find(|response| response.status == 400);
    assert!(refused.is_none() || exchange.closed, "{what}: left open after 400: {exchange:?}");
}

/// Nothing but these targets ever went upstream, and not more often than answers came back.
fn upstream_within(upstream: &Upstream, answered: usize, targets: &[&str]) {
    let requests = upstream.requests();
    assert!(requests.len() <= answered, "{} requests went upstream for {answered} answers", requests.len());
    for seen in requests {
        assert!(targets.contains(&seen.target()), "{}", seen.line());
        assert!(seen.line().starts_with("GET ") || seen.line().starts_with("HEAD "), "{}", seen.line());
    }
    assert_eq!(upstream.unread(), b"", "bytes that are no request went upstream");
}

#[test]
fn raw_http_corpus() {
    let bench = bench();
    let authorization = authorization_line("viewer");
    let answered = std::sync::atomic::AtomicUsize::new(0);
    let all: Vec<RawCase> = cases("raw-http-own/cases.ndjson");
    in_parallel(&all, |case| {
        let exchange = bench.client.exchange(&from_latin1(&case.raw_latin1.replace("{A}", &authorization)));
        let what = format!("{} ({})", case.id, case.want);
        never_more_than_asked(&what, &exchange);
        let silent = exchange.responses.is_empty() && exchange.closed && case.want.contains("close");
        assert!(silent || wanted(case).contains(&exchange.status()), "{what}: {exchange:?}");
        if exchange.status() >= 400 {
            denial(&exchange.responses[0], &wanted(case), &what);
        }
        let good = exchange.statuses().iter().filter(|status| **status == 200).count();
        answered.fetch_add(good, std::sync::atomic::Ordering::SeqCst);
    });
    let requests = bench.upstream.requests();
    for seen in &requests {
        for (name, value) in seen.headers() {
            let spoofed =
                name.contains("forwarded") || name.contains("user") && name != "user-agent" || name.contains('_');
            assert!(!spoofed && value != "root" && name != "proxy-authorization" && name != "te", "{}", seen.head);
        }
    }
    upstream_within(&bench.upstream, answered.into_inner(), &["/varz", "/connz", "/connz?limit=256", "/healthz"]);
}

#[derive(Deserialize)]
struct Mutation {
    name: String,
    te_header_line_b64: String,
}

#[test]
fn d19_smuggler_corpus() {
    let bench = bench();
    let authorization = authorization_line("viewer");
    let all: Vec<Mutation> = cases("smuggler-te-mutations/cases.ndjson");
    assert_eq!(all.len(), 1768);
    let chunks = format!("0\r\n\r\n{SMUGGLED}");
    in_parallel(&all, |case| {
        for (method, length) in [("POST", chunks.len()), ("GET", 5)] {
            let mut raw = format!("{method} /varz HTTP/1.1\r\n").into_bytes();
            raw.extend(bytes(&case.te_header_line_b64));
            let rest = format!("\r\nHost: mon.test\r\n{authorization}Content-Length: {length}\r\n\r\n{chunks}");
            raw.extend(rest.as_bytes());
            let exchange = bench.client.exchange(&raw);
            let what = format!("{} {method}", case.name);
            assert_eq!(exchange.responses.len(), 1, "{what}: {exchange:?}");
            assert!([400, 405, 431, 501].contains(&exchange.status()), "{what}: {exchange:?}");
            assert!(exchange.closed, "{what}: {exchange:?}");
        }
    });
    bench.upstream.assert_untouched("smuggled requests");
}

#[derive(Deserialize)]
struct LlhttpCase {
    file: String,
    title: String,
    #[serde(rename = "type")]
    kind: String,
    lenient: bool,
    llhttp_error: Option<(String, String)>,
    bytes_b64: String,
}

/// The bytes with a good host and token after the first line, where it has none.
fn completed(raw: &[u8], authorization: &str, target: Option<&str>) -> Vec<u8> {
    let Some(end) = raw.iter().position(|byte| *byte == b'\n') else { return raw.to_vec() };
    let (line, rest) = raw.split_at(end + 1);
    let mut made = match target {
        None => line.to_vec(),
        Some(target) => {
            // The version and what follows it stays as the case wrote it.
            let version = line.iter().rposition(|byte| *byte == b' ').unwrap_or(0);
            [format!("GET {target}").as_bytes(), &line[version..]].concat()
        }
    };
    let text = String::from_utf8_lossy(rest).to_lowercase();
    if !text.contains("host:") {
        made.extend_from_slice(b"Host: mon.test\r\n");
    }
    if !text.contains("authorization:") {
        made.extend_from_slice(authorization.as_bytes());
    }
    made.extend_from_slice(rest);
    made
}

#[test]
fn d19_llhttp_requests() {
    let upstream = Upstream::nats();
    let gateway = Setup::before(&upstream).limits("header: 2s").start();
    let client = gateway.client();
    let authorization = authorization_line("viewer");
    let all: Vec<LlhttpCase> = cases("llhttp/cases.ndjson");
    let strict: Vec<&LlhttpCase> = all.iter().filter(|case| case.kind == "request" && !case.lenient).collect();
    assert_eq!(strict.len(), 134);
    let answered = std::sync::atomic::AtomicUsize::new(0);
    in_parallel(&strict, |case| {
        for target in [None, Some("/varz")] {
            let raw = completed(&bytes(&case.bytes_b64), &authorization, target);
            let exchange = client.exchange(&raw);
            let what = format!("{} {} {target:?}", case.file, case.title);
            never_more_than_asked(&what, &exchange);
            let good = exchange.statuses().iter().filter(|status| **status == 200).count();
            assert!(target.is_some() || good == 0 || case.llhttp_error.is_none(), "{what}: {exchange:?}");
            answered.fetch_add(good, std::sync::atomic::Ordering::SeqCst);
        }
    });
    upstream_within(&upstream, answered.into_inner(), &["/varz"]);
}

#[test]
fn d19_llhttp_responses() {
    let all: Vec<LlhttpCase> = cases("llhttp/cases.ndjson");
    let upstream = Upstream::nats();
    let gateway = Setup::before(&upstream).start();
    let client = gateway.client();
    let token = Issuer::shared().token("viewer");
    for case in all.iter().filter(|case| case.kind.starts_with("response")) {
        let raw = bytes(&case.bytes_b64);
        upstream.script(move |_| vec![Step::Send(raw.clone()), Step::Close]);
        let answer = client.get("/varz", Some(&token));
        let what = format!("{} {} {:?}", case.file, case.title, case.llhttp_error);
        denial(&answer, &[500, 502, 503, 504], &what);
        upstream.script(crate::support::upstream::nats_answers);
        success(&client.get("/varz", Some(&token)), &format!("after {what}"));
    }
}
