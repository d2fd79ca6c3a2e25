//! Endpoints that are asked with POST: the upstream gets the body of the catalogue, a client's own goes nowhere.

use crate::support::answers::{denial, success};
use crate::support::bench::{Bench, assemble, authorization_line};
use crate::support::client::request;
use crate::support::gateway::Setup;
use crate::support::h2client::Line;
use crate::support::http::Response;
use crate::support::tokens::Issuer;
use crate::support::upstream::{Upstream, json};

const LAMP: &str = "version: 1
catalog: lamp
endpoints:
  state: { path: /state, body: json, cost: cheap }
  info:
    path: /info
    methods: [POST]
    ask: { method: POST, body: '{\"a\":1}', content_type: application/json }
    body: json
    cost: cheap
  both:
    path: /both
    methods: [GET, HEAD, POST]
    ask: { method: POST, body: '{}', content_type: application/json }
    body: json
    cost: cheap
";

const POLICY: &str = "version: 1
catalog: lamp
roles:
  viewer:
    - token: { issuer: corp, claims: { roles: [viewer] } }
rules:
  - { id: look, endpoints: [state, info, both], allow: [viewer], redact: none }
";

const INFO: &str = "{\"a\":1}";

fn bench() -> Bench {
    let upstream = Upstream::scripted(Box::new(|_| json("{\"lit\":true}")));
    let setup = Setup::before(&upstream).policy(POLICY).file("lamp.yaml", LAMP).limits("header: 1s");
    let config = format!("{}catalogs: [lamp.yaml]\n", setup.text());
    let gateway = Setup { config: Some(config), ..setup }.start();
    assemble(upstream, gateway)
}

fn viewer() -> String {
    Issuer::shared().token("viewer")
}

/// A request with a body under its length.
fn sized(method: &str, target: &str, body: &str) -> String {
    let token = viewer();
    request(method, target, Some(&token), &format!("Content-Length: {}\r\n", body.len())) + body
}

/// What the upstream saw of the requests since the last call: line, media type, body.
fn seen(bench: &Bench, from: usize) -> Vec<(String, String, String)> {
    let requests = bench.upstream.requests();
    let one = |seen: &crate::support::upstream::Seen| {
        let kind = seen.headers().into_iter().find(|(name, _)| name == "content-type").map(|(_, value)| value);
        (seen.line().to_owned(), kind.unwrap_or_default(), seen.body.clone())
    };
    requests.iter().skip(from).map(one).collect()
}

#[test]
fn the_upstream_is_asked_with_the_body_of_the_catalogue_whatever_the_client_sent() {
    let bench = bench();
    let token = viewer();
    let info = ("POST /info HTTP/1.1", "application/json", INFO);
    let both = ("POST /both HTTP/1.1", "application/json", "{}");
    for (at, (row, text, (line, kind, body))) in [
        ("POST without a length", request("POST", "/info", Some(&token), ""), info),
        ("POST of nothing", sized("POST", "/info", ""), info),
        ("POST of the very body", sized("POST", "/info", INFO), info),
        ("GET", request("GET", "/both", Some(&token), ""), both),
        ("HEAD", request("HEAD", "/both", Some(&token), ""), both),
        ("POST where GET is as well", sized("POST", "/both", "{}"), both),
        ("a plain GET", request("GET", "/state", Some(&token), ""), ("GET /state HTTP/1.1", "", "")),
    ]
    .into_iter()
    .enumerate()
    {
        let mut connection = bench.client.connect();
        connection.send(text.as_bytes());
        success(&connection.response(row == "HEAD").unwrap(), row);
        assert_eq!(seen(&bench, at), [(line.to_owned(), kind.to_owned(), body.to_owned())], "{row}");
    }
}

#[test]
fn any_other_body_is_refused_before_the_upstream_sees_a_byte() {
    let bench = bench();
    let head = format!("POST /info HTTP/1.1\r\nHost: mon.test\r\n{}", authorization_line("viewer"));
    let rows = [
        ("another body of that length", sized("POST", "/info", "{\"b\":1}"), 400),
        ("a beginning of it", sized("POST", "/info", "{\"a\":"), 400),
        ("more than it", sized("POST", "/info", "{\"a\":1} "), 400),
        ("far more", sized("POST", "/info", &" ".repeat(5000)), 400),
        ("the body of another endpoint", sized("POST", "/info", "{}"), 400),
        ("the body of a longer one", sized("POST", "/both", INFO), 400),
        ("a body where none is taken", sized("POST", "/state", "{}"), 405),
        ("GET with a body", sized("GET", "/both", "{}"), 400),
        ("HEAD with a body", sized("HEAD", "/both", "{}"), 400),
        ("PUT with a body", sized("PUT", "/info", INFO), 400),
        ("chunks", format!("{head}Transfer-Encoding: chunked\r\n\r\n7\r\n{INFO}\r\n0\r\n\r\n"), 400),
        ("chunks beside a length", format!("{head}Content-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n{INFO}"), 400),
        ("two lengths", format!("{head}Content-Length: 7\r\nContent-Length: 7\r\n\r\n{INFO}"), 400),
        ("two lengths in one", format!("{head}Content-Length: 7, 7\r\n\r\n{INFO}"), 400),
        ("a length with a sign", format!("{head}Content-Length: +7\r\n\r\n{INFO}"), 400),
        ("a length with a zero", format!("{head}Content-Length: 07\r\n\r\n{INFO}"), 400),
        ("a length beyond counting", format!("{head}Content-Length: 18446744073709551623\r\n\r\n{INFO}"), 400),
        ("an expectation", format!("{head}Content-Length: 7\r\nExpect: 100-continue\r\n\r\n{INFO}"), 417),
        ("a body that does not come", format!("{head}Content-Length: 7\r\n\r\n{{\"a\""), 408),
        (
            "a wrong body of nobody",
            "POST /info HTTP/1.1\r\nHost: mon.test\r\nContent-Length: 2\r\n\r\n[]".to_owned(),
            401,
        ),
        (
            "the right body of nobody",
            format!("POST /info HTTP/1.1\r\nHost: mon.test\r\nContent-Length: 7\r\n\r\n{INFO}"),
            401,
        ),
        ("a good path of nobody", "GET /info HTTP/1.1\r\nHost: mon.test\r\n\r\n".to_owned(), 401),
    ];
    crate::support::in_parallel(&rows, |(row, text, status)| {
        let mut connection = bench.client.connect();
        connection.send(text.as_bytes());
        let answer = connection.response(text.starts_with("HEAD")).unwrap_or_else(|| panic!("{row}: no answer"));
        denial(&answer, &[*status], row);
    });
    bench.upstream.assert_untouched("refused bodies");
}

#[test]
fn a_refused_method_names_those_of_the_endpoint() {
    let bench = bench();
    for (method, target, allow) in [
        ("GET", "/info", "POST"),
        ("HEAD", "/info", "POST"),
        ("POST", "/state", "GET, HEAD"),
        ("DELETE", "/both", "GET, HEAD, POST"),
    ] {
        let mut connection = bench.client.connect();
        connection.send(request(method, target, Some(&viewer()), "").as_bytes());
        let answer = connection.response(method == "HEAD").unwrap();
        denial(&answer, &[405], &format!("{method} {target}"));
        assert_eq!(answer.header("allow"), Some(allow), "{method} {target}");
        let h2 = Line::to(&bench.client).unwrap().request(method, target, Some(&viewer()), &[]).unwrap();
        assert_eq!((h2.status, h2.header("allow")), (405, Some(allow)), "h2 {method} {target}");
    }
    bench.upstream.assert_untouched("refused methods");
}

#[test]
fn what_follows_a_body_is_the_next_request_and_nothing_else() {
    let bench = bench();
    let pair = sized("POST", "/info", INFO) + &request("GET", "/state", Some(&viewer()), "");
    for size in [1, 5, pair.len()] {
        let mut connection = bench.client.connect();
        for piece in pair.as_bytes().chunks(size) {
            connection.send(piece);
        }
        success(&connection.response(false).unwrap(), &format!("POST in pieces of {size}"));
        success(&connection.response(false).unwrap(), &format!("GET behind it in pieces of {size}"));
    }
    let before = bench.upstream.requests().len();
    assert_eq!(before, 6);
    // A request as the body of another is a body, and a wrong one; nothing behind it is read.
    let hidden = "GET /s";
    let mut connection = bench.client.connect();
    connection.send((sized("POST", "/info", hidden) + &request("GET", "/state", Some(&viewer()), "")).as_bytes());
    let answer = connection.response(false).unwrap();
    denial(&answer, &[400], "a request in a body");
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(connection.text(), "", "more than one answer");
    assert_eq!(bench.upstream.requests().len(), before);
}

#[test]
fn http_2_takes_the_same_bodies() {
    let bench = bench();
    let token = viewer();
    let mut line = Line::to(&bench.client).unwrap();
    let length = |body: &str| body.len().to_string();
    for (row, target, body) in [("none", "/info", ""), ("the very one", "/info", INFO), ("of both", "/both", "{}")] {
        let before = bench.upstream.requests().len();
        for declared in [true, false] {
            let length = length(body);
            let fields = if declared { vec![("content-length", length.as_str())] } else { Vec::new() };
            let answer = line.send(("POST", target), Some(&token), &fields, body.as_bytes()).unwrap();
            success(&answer, &format!("{row}, declared: {declared}"));
        }
        assert_eq!(seen(&bench, before).len(), 2, "{row}");
        assert!(seen(&bench, before).iter().all(|(_, _, sent)| *sent == if target == "/info" { INFO } else { "{}" }));
    }
    let before = bench.upstream.requests().len();
    let long = " ".repeat(100_000);
    for (row, target, body, status) in [
        ("another body of that length", "/info", "{\"b\":1}", 400),
        ("a beginning of it", "/info", "{\"a\":", 400),
        ("more than it", "/info", "{\"a\":1} ", 400),
        ("far more", "/info", &long, 400),
        ("the body of another endpoint", "/info", "{}", 400),
        ("a body where none is taken", "/state", "{}", 405),
    ] {
        let answer: Response = line.send(("POST", target), Some(&token), &[], body.as_bytes()).unwrap();
        denial(&answer, &[status], row);
    }
    let nobody = line.send(("POST", "/info"), None, &[], INFO.as_bytes()).unwrap();
    denial(&nobody, &[401], "nobody");
    for method in ["GET", "PUT"] {
        let answer = line.send((method, "/both"), Some(&token), &[], b"{}").unwrap();
        denial(&answer, &[400], method);
    }
    let expecting = line.send(("POST", "/info"), Some(&token), &[("expect", "100-continue")], INFO.as_bytes()).unwrap();
    denial(&expecting, &[417], "an expectation");
    let slow = line.unfinished("POST", "/info", Some(&token), b"{").unwrap();
    denial(&slow, &[408], "a body that does not come");
    assert_eq!(bench.upstream.requests().len(), before, "refused bodies");
}
