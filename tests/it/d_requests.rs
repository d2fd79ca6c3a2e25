//! D: what else a request over HTTP/1.1 can be beside its framing: forms, expectations, hosts, versions, sizes, lines.

use crate::support::answers::denial;
use crate::support::bench::{Bench, authorization_line, bench};
use crate::support::http::from_latin1;
use crate::support::in_parallel;

/// Each text, in which `{A}` is a viewer's `Authorization` line, gets one answer with one of `wanted`, and none after
/// it; the upstream sees no byte.
fn refused(bench: &Bench, texts: &[String], wanted: &[u16]) {
    let authorization = authorization_line("viewer");
    in_parallel(texts, |template| {
        let exchange = bench.client.exchange(&from_latin1(&template.replace("{A}", &authorization)));
        assert_eq!(exchange.responses.len(), 1, "{template:?}: {exchange:?}");
        denial(exchange.only(), wanted, template);
    });
    bench.upstream.assert_untouched("refused requests");
}

#[test]
fn d14_a_form_is_no_query() {
    let form = |method: &str, target: &str, kind: &str, body: &str| {
        format!(
            "{method} {target} HTTP/1.1\r\nHost: mon.test\r\n{{A}}Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let encoded = "application/x-www-form-urlencoded";
    let texts = [
        form("POST", "/connz", encoded, "auth=1"),
        form("GET", "/connz", encoded, "auth=1"),
        form("PUT", "/connz?limit=1", encoded, "limit=9999"),
        form("POST", "/accountz", "multipart/form-data; boundary=b", "--b\r\n\r\nacc=A\r\n--b--\r\n"),
        form("POST", "/varz", "application/json", "{\"auth\":true}"),
        "POST /connz HTTP/1.1\r\nHost: mon.test\r\n{A}Content-Length: 0\r\n\r\n".to_owned(),
    ];
    refused(&bench(), &texts, &[400, 403, 405]);
}

#[test]
fn d15_no_expectation_is_met() {
    let bench = bench();
    let expecting = |line: &str, expectation: &str, more: &str| {
        format!("{line} HTTP/1.1\r\nHost: mon.test\r\n{{A}}Expect: {expectation}\r\n{more}\r\n")
    };
    let texts = [
        expecting("GET /varz", "100-continue", ""),
        expecting("GET /varz", "100-Continue", ""),
        expecting("GET /varz", "everything", ""),
        expecting("GET /varz", "", ""),
        expecting("GET /accountz", "100-continue", ""),
        expecting("HEAD /varz", "100-continue", ""),
        expecting("POST /varz", "100-continue", "Content-Length: 5\r\n"),
        expecting("GET /varz", "100-continue", "Expect: x\r\n"),
    ];
    let without_body = |text: &&String| !text.starts_with("HEAD");
    let gets: Vec<String> = texts.iter().filter(without_body).cloned().collect();
    refused(&bench, &gets, &[400, 405, 417]);
    for text in texts {
        let exchange = bench.client.exchange(text.replace("{A}", &authorization_line("viewer")).as_bytes());
        assert!(exchange.statuses().iter().all(|status| *status >= 400), "no 100: {exchange:?}");
    }
    bench.upstream.assert_untouched("expectations");
}

#[test]
fn d16_one_host_without_a_user() {
    let hosts = |lines: &str| format!("GET /varz HTTP/1.1\r\n{lines}{{A}}\r\n");
    let texts = [
        hosts(""),
        hosts("Host: mon.test\r\nHost: mon.test\r\n"),
        hosts("Host: mon.test\r\nhost: other.test\r\n"),
        hosts("Host:\r\n"),
        hosts("Host:   \r\n"),
        hosts("Host: root@mon.test\r\n"),
        hosts("Host: root:pw@mon.test\r\n"),
        hosts("Host: mon.test/varz\r\n"),
        hosts("Host: mon.test?x\r\n"),
        hosts("Host: mon.test, other.test\r\n"),
        hosts("Host: mon test\r\n"),
        hosts("Host: https://mon.test\r\n"),
        hosts("Host: m\u{f6}n.test\r\n"),
        hosts(&format!("Host: {}\r\n", "a".repeat(256))),
    ];
    refused(&bench(), &texts, &[400]);
}

#[test]
fn d17_no_version_but_1_1() {
    let bench = bench();
    let lines = [
        "GET /varz HTTP/0.9",
        "GET /varz HTTP/1.0",
        "GET /varz HTTP/1.2",
        "GET /varz HTTP/1.10",
        "GET /varz HTTP/2.0",
        "GET /varz HTTP/2",
        "GET /varz HTTP/3",
        "GET /varz http/1.1",
        "GET /varz HTTPS/1.1",
        "GET /varz HTTP/1,1",
        "GET /varz HTTP/11",
        "GET /varz ICY/1.1",
        "GET /varz HTTP/1.1x",
    ];
    let texts = lines.map(|line| format!("{line}\r\nHost: mon.test\r\n{{A}}\r\n"));
    refused(&bench, &texts, &[400, 505]);
    // Without a version there may be no head to answer: nothing, or a refusal, and the end.
    for text in ["GET /varz\r\n", "GET /varz\r\n\r\n", "GET /varz\n"] {
        let exchange = bench.client.exchange(text.as_bytes());
        assert!(
            exchange.closed && exchange.statuses().iter().all(|status| [400, 408, 505].contains(status)),
            "{exchange:?}"
        );
    }
    bench.upstream.assert_untouched("HTTP/0.9");
}

#[test]
fn d18_a_head_has_a_size_and_a_number_of_fields() {
    let bench = bench();
    let head = |lines: &str| format!("GET /varz HTTP/1.1\r\nHost: mon.test\r\n{{A}}{lines}\r\n");
    let fields = |count: usize| (0..count).map(|at| format!("X-{at}: a\r\n")).collect::<String>();
    let texts = [
        head(&format!("X-A: {}\r\n", "a".repeat(16 * 1024))),
        head(&format!("{}: a\r\n", "X".repeat(16 * 1024))),
        head(&format!("X-A: {}\r\n", "a".repeat(1024 * 1024))),
        head(&fields(65)),
        head(&fields(257)),
        head(&"X: a\r\n".repeat(4000)),
        head(&format!("X-A: {}\r\n", "a".repeat(8000)).repeat(2)),
    ];
    refused(&bench, &texts, &[431]);
    let small = head(&fields(50)).replace("{A}", &authorization_line("viewer"));
    assert_eq!(bench.client.exchange(small.as_bytes()).status(), 200, "fifty fields are fine");
}

/// Of the kinds of request that servers were found to understand differently from each other.
const DISPUTED: &[&str] = &[
    "Transfer-Encoding: chunked\0\r\n",
    "Transfer-Encoding\0: chunked\r\n",
    "Transfer-Encoding: \"chunked\"\r\n",
    "Transfer-Encoding: chun\u{e9}ked\r\n",
    "Transfer-Encoding: chunked, \r\n",
    "Transfer-Encoding: cow\r\nTransfer-Encoding: chunked\r\n",
    "Transfer_Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "Transfer-Encoding:\r\n chunked\r\n",
    "\u{a0}Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding\u{85}: chunked\r\n",
    "Content-Length: 1\r2\r\n",
    "Content-Length: 5\0\r\n",
    "Content-Length: \u{b2}\r\n",
    "Content-Length: 5 \x0b\r\n",
    "Content-Length: 0005\r\n",
    "Content-Length: 5,\r\n",
    "Content-Length: ,5\r\n",
    "Content-Length: 5;a=b\r\n",
    "Content-Length: 0x5\r\n",
    "Content-Length: 5e0\r\n",
    "Content-Length:5\r\nContent-Length:6\r\n",
    "Content-Length: -0\r\n",
    "X: a\r\r\n",
    "X: a\n",
    "X: a\r\n\n",
    "X: a\rContent-Length: 5\r\n",
    "X\r\n",
    "X : a\r\n",
    "\tX: a\r\n",
    "X: a\0\r\n",
    "@: a\r\n",
    "X\": a\r\n",
];

#[test]
fn d20_what_servers_dispute_about_is_refused() {
    let hidden = "0\r\n\r\nGET /accountz HTTP/1.1\r\nHost: mon.test\r\n\r\n";
    let bench = bench();
    let authorization = authorization_line("viewer");
    in_parallel(DISPUTED, |lines| {
        for method in ["GET", "POST"] {
            let text = format!("{method} /varz HTTP/1.1\r\nHost: mon.test\r\n{authorization}{lines}\r\n{hidden}");
            let exchange = bench.client.exchange(&from_latin1(&text));
            assert_eq!(exchange.responses.len(), 1, "{method} {lines:?}: {exchange:?}");
            denial(exchange.only(), &[400], lines);
            assert!(exchange.closed, "{method} {lines:?}: {exchange:?}");
        }
    });
    bench.upstream.assert_untouched("disputed requests");
}

#[test]
fn d21_a_request_line_has_two_spaces_and_ascii() {
    let lines = [
        "GET  /varz HTTP/1.1",
        "GET /varz  HTTP/1.1",
        " GET /varz HTTP/1.1",
        "GET /varz HTTP/1.1 ",
        "GET\t/varz HTTP/1.1",
        "GET /varz\tHTTP/1.1",
        "GET /var z HTTP/1.1",
        "GET /varz /accountz HTTP/1.1",
        "GET /varz?a b HTTP/1.1",
        "GET /v\u{e4}rz HTTP/1.1",
        "GET /varz?\u{c3}\u{a4} HTTP/1.1",
        "GET /varz\0 HTTP/1.1",
        "GET /varz\x7f HTTP/1.1",
        "GET /varz\x0b HTTP/1.1",
        "G\u{c9}T /varz HTTP/1.1",
        "GET/varz HTTP/1.1",
        "/varz HTTP/1.1",
        "GET HTTP/1.1",
    ];
    let texts = lines.map(|line| format!("{line}\r\nHost: mon.test\r\n{{A}}\r\n"));
    refused(&bench(), &texts, &[400]);
}
