//! G: what leaves. Whatever the upstream answers, in whatever pieces, no field that a rule removes gets out.

use std::time::Duration;

use serde_json::Value;

use crate::support::answers::{denial, success};
use crate::support::bench::{Bench, assemble};
use crate::support::gateway::Setup;
use crate::support::h2client;
use crate::support::http::Response;
use crate::support::tokens::Issuer;
use crate::support::upstream::{Step, Upstream, chunked, json, with_length};

/// Everything may be asked, and credentials never leave.
pub const POLICY: &str = r"
version: 1
catalog: nats
roles:
  viewer:
    - token: { issuer: corp, claims: { roles: [viewer] } }
rules:
  - id: all
    endpoints: [varz, connz, accountz, healthz]
    allow: [viewer]
    args: { connz: { auth: allow, state: [open, closed, all] }, accountz: { acc: allow } }
    redact: no-credentials
";

pub const JSON: &str = "Content-Type: application/json\r\n";

/// How the upstream cuts its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Length,
    Chunks(usize),
    Segments,
}

/// How the client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    Http1,
    Http2,
    Head,
    HeadHttp2,
    Conditional,
}

/// All combinations that every case goes through.
pub const WAYS: [(Framing, Ask); 9] = [
    (Framing::Length, Ask::Http1),
    (Framing::Length, Ask::Http2),
    (Framing::Length, Ask::Head),
    (Framing::Length, Ask::HeadHttp2),
    (Framing::Length, Ask::Conditional),
    (Framing::Chunks(1), Ask::Http1),
    (Framing::Chunks(1), Ask::Http2),
    (Framing::Chunks(7), Ask::Head),
    (Framing::Segments, Ask::Http1),
];

/// The answer in the pieces that `framing` says.
pub fn steps(framing: Framing, status: &str, headers: &str, body: &[u8]) -> Vec<Step> {
    match framing {
        Framing::Length => vec![Step::Send(with_length(status, headers, body))],
        Framing::Chunks(size) => vec![Step::Send(chunked(status, headers, body, size))],
        Framing::Segments => vec![Step::Drip(with_length(status, headers, body))],
    }
}

/// One request in the way that `ask` says.
pub fn ask(bench: &Bench, target: &str, ask: Ask) -> Response {
    let token = Issuer::shared().token("viewer");
    let client = &bench.client;
    match ask {
        Ask::Http1 => client.get(target, Some(&token)),
        Ask::Head => client.request("HEAD", target, Some(&token), ""),
        Ask::Http2 => h2client::get(client, target, Some(&token)),
        Ask::HeadHttp2 => h2client::request(client, "HEAD", target, Some(&token), &[]).unwrap(),
        Ask::Conditional => {
            let extra = "Range: bytes=0-9\r\nIf-Range: \"x\"\r\nIf-None-Match: \"sha-of-secret\", *\r\n\
                         If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\nAccept-Encoding: gzip, br, zstd\r\n";
            client.request("GET", target, Some(&token), extra)
        }
    }
}

/// What must come out.
pub enum Wanted<'a> {
    /// 200 and exactly this.
    Body(&'a str),
    /// 502 and nothing of the upstream's.
    Withheld,
    /// 200 with valid JSON, or 502.
    Either,
}

/// Checks one answer.
pub fn check(answer: &Response, way: Ask, wanted: &Wanted<'_>, what: &str) {
    let head = matches!(way, Ask::Head | Ask::HeadHttp2);
    match wanted {
        Wanted::Body(_) => success(answer, what),
        Wanted::Either if answer.status == 200 => success(answer, what),
        Wanted::Withheld | Wanted::Either => denial(answer, &[502, 500, 413], what),
    }
    if answer.status != 200 {
        return;
    }
    let length = answer.header("content-length").map(|length| length.parse::<usize>().unwrap());
    if head {
        assert!(answer.body.is_empty(), "{what}");
    } else {
        assert!(length.is_none_or(|length| length == answer.body.len()), "{what}: {}", answer.head);
        let valid = serde_json::from_slice::<Value>(&answer.body);
        // Half a surrogate pair is JSON to RFC 8259 §8.2, but not to everybody.
        let half = answer.text().contains("\\ud800");
        assert!(valid.is_ok() || half || answer.body.is_empty(), "{what}: {valid:?}: {}", answer.text());
    }
    if let Wanted::Body(body) = wanted {
        assert!(head || answer.text() == *body, "{what}: {} instead of {body}", answer.text());
        assert!(!head || length.is_none_or(|length| length == body.len()), "{what}: {}", answer.head);
    }
}

/// A gateway with [`POLICY`].
pub fn redacting() -> Bench {
    let upstream = Upstream::nats();
    let gateway = Setup::before(&upstream).policy(POLICY).start();
    assemble(upstream, gateway)
}

/// Sends `body` through in every way and expects `wanted`; "CANARY" must not come out anywhere.
fn through(bench: &Bench, target: &str, headers: &'static str, body: &[u8], wanted: &Wanted<'_>) {
    for (framing, way) in WAYS {
        let sent = body.to_vec();
        bench.upstream.script(move |_| steps(framing, "200 OK", headers, &sent));
        let answer = ask(bench, target, way);
        let shown = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
        let what = format!("{framing:?} {way:?} {headers:?} {shown}");
        check(&answer, way, wanted, &what);
        assert!(!answer.everything().contains("CANARY"), "{what}: {}", answer.everything());
    }
    assert!(!bench.gateway.audit_text().contains("CANARY"));
    assert!(!bench.gateway.stderr().contains("CANARY"));
    assert!(!bench.gateway.metrics().contains("CANARY"));
}

fn all(cases: &[(&str, Wanted<'_>)]) {
    let bench = redacting();
    for (body, wanted) in cases {
        through(&bench, "/accountz", JSON, body.as_bytes(), wanted);
    }
}

use Wanted::{Body, Either, Withheld};

#[test]
fn g01_duplicate_names() {
    all(&[
        (r#"{"jwt":"x","jwt":"CANARY","a":1}"#, Body(r#"{"a":1}"#)),
        (r#"{"a":1,"jwt":"CANARY","b":2,"jwt":{"x":"CANARY"}}"#, Body(r#"{"a":1,"b":2}"#)),
    ]);
}

#[test]
fn g02_escaped_names() {
    all(&[
        (r#"{"\u006awt":"CANARY","a":1}"#, Body(r#"{"a":1}"#)),
        (r#"{"\u006AWT":"CANARY","j\u0077t":"CANARY"}"#, Body("{}")),
        (r#"{"a":1,"\u006a\u0077\u0074":"CANARY"}"#, Body(r#"{"a":1}"#)),
    ]);
}

#[test]
fn g03_case_and_folding() {
    all(&[
        (r#"{"JWT":"CANARY","Jwt":"CANARY","jWt":"CANARY"}"#, Body("{}")),
        (r#"{"issuer_\u212Aey":"CANARY"}"#, Body("{}")),
        (r#"{"i\u017fsuer_key":"CANARY"}"#, Body("{}")),
        ("{\"i\u{17f}\u{17f}uer_\u{212a}ey\":\"CANARY\"}", Body("{}")),
        (r#"{"jwt\u0000":"CANARY"}"#, Either),
        (r#"{" jwt":"CANARY","jwt ":"CANARY"}"#, Either),
        ("{\"jw\u{200d}t\":\"CANARY\"}", Either),
        ("{\"\u{feff}jwt\":\"CANARY\"}", Either),
    ]);
}

#[test]
fn g04_nested_values() {
    all(&[
        (r#"{"a":[{"b":[{"jwt":"CANARY"}]}]}"#, Body(r#"{"a":[{"b":[{}]}]}"#)),
        (r#"{"jwt":{"x":"CANARY"},"a":1}"#, Body(r#"{"a":1}"#)),
        (r#"{"jwt":["CANARY",["CANARY",{"a":"CANARY"}]],"a":1}"#, Body(r#"{"a":1}"#)),
        (r#"{"decoded_jwt":{"nats":{"imports":[{"token":"CANARY"}]}},"a":null}"#, Body(r#"{"a":null}"#)),
    ]);
}

#[test]
fn g05_encodings_other_than_utf8() {
    let bench = redacting();
    let utf16: Vec<u8> = "{\"jwt\":\"CANARY\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cases: [&[u8]; 8] = [
        b"\xef\xbb\xbf{\"jwt\":\"CANARY\"}",
        b"{\"jwt\":\"CANARY\",\"a\":\"\xff\"}",
        b"{\"\xffjwt\":\"CANARY\"}",
        b"{\"a\":\"\xed\xa0\x80\",\"jwt\":\"CANARY\"}",
        b"{\"a\":\"\xc0\xaf\",\"jwt\":\"CANARY\"}",
        b"{\"a\":\"\xf4\x90\x80\x80\"}",
        &utf16,
        &[&b"\xff\xfe"[..], &utf16].concat(),
    ];
    for body in cases {
        through(&bench, "/accountz", JSON, body, &Withheld);
    }
}

#[test]
fn g06_numbers_and_order_stay() {
    all(&[
        (
            r#"{"n":123456789012345678901234567890,"f":1.10,"e":1E5,"z":-0,"m":18446744073709551616,"jwt":"CANARY"}"#,
            Body(r#"{"n":123456789012345678901234567890,"f":1.10,"e":1E5,"z":-0,"m":18446744073709551616}"#),
        ),
        (
            r#"{"cpu":0.1000000000000000055511151231257827,"seq":9007199254740993,"jwt":"CANARY"}"#,
            Body(r#"{"cpu":0.1000000000000000055511151231257827,"seq":9007199254740993}"#),
        ),
        (r#"{"z":1,"jwt":"CANARY","a":2,"m":3}"#, Body(r#"{"z":1,"a":2,"m":3}"#)),
        (r#"{"u":"http:\/\/x","h":"\u003c","jwt":"CANARY"}"#, Body(r#"{"u":"http:\/\/x","h":"\u003c"}"#)),
    ]);
}

#[test]
fn g07_depth() {
    let bench = redacting();
    let before = bench.gateway.resident();
    let arrays = format!("{}{{\"jwt\":\"CANARY\"}}{}", "[".repeat(100_000), "]".repeat(100_000));
    let objects = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    for body in [arrays, objects] {
        bench.upstream.script(move |_| steps(Framing::Length, "200 OK", JSON, body.as_bytes()));
        for way in [Ask::Http1, Ask::Http2, Ask::Head] {
            check(&ask(&bench, "/accountz", way), way, &Withheld, "100,000 deep");
        }
    }
    let grown = bench.gateway.resident().saturating_sub(before);
    assert!(grown < 32 * 1024, "{grown} KiB more");
    let shallow = format!("{}{{\"jwt\":\"CANARY\"}}{}", "[".repeat(30), "]".repeat(30));
    let wanted = shallow.replace("\"jwt\":\"CANARY\"", "");
    through(
        &bench,
        "/accountz",
        JSON,
        format!("{{\"a\":{shallow}}}").as_bytes(),
        &Body(&format!("{{\"a\":{wanted}}}")),
    );
}

#[test]
fn g08_not_one_json_text() {
    all(&[
        ("{\"a\":1}\n{\"jwt\":\"CANARY\"}", Withheld),
        ("{\"a\":1}CANARY", Withheld),
        ("{\"jwt\":\"CANARY\"}\n{\"jwt\":\"CANARY\"}\n", Withheld),
        (r#"{"a":1/*,"x":2*/,"jwt":"CANARY"}"#, Withheld),
        ("{'jwt':'CANARY'}", Withheld),
        (r#"{"a":NaN,"jwt":"CANARY"}"#, Withheld),
        (r#"{"a":Infinity,"jwt":"CANARY"}"#, Withheld),
        (r#"{"jwt":"CANARY",}"#, Withheld),
        ("{\"a\":\"x\ny\",\"jwt\":\"CANARY\"}", Withheld),
        (r#"{"a":1,"jwt":"CANA"#, Withheld),
        (r#"cb({"jwt":"CANARY"})"#, Withheld),
        (r#"{"a":01,"jwt":"CANARY"}"#, Withheld),
        (r#"{"a" "CANARY"}"#, Withheld),
        ("<html>CANARY</html>", Withheld),
        ("", Either),
    ]);
}

#[test]
fn g08_a_body_cut_short_is_not_passed_on_as_whole() {
    let bench = redacting();
    let cut: [&[u8]; 4] = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"a\":1}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{\"a\":1}\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{\"a\":1}",
        b"HTTP/1.1 200 OK\r\nContent-Le",
    ];
    for raw in cut {
        bench.upstream.script(move |_| vec![Step::Send(raw.to_vec()), Step::Close]);
        for way in [Ask::Http1, Ask::Http2, Ask::Head] {
            check(&ask(&bench, "/accountz", way), way, &Withheld, &String::from_utf8_lossy(raw));
        }
    }
}

#[test]
fn g10_the_content_type_decides_nothing() {
    let bench = redacting();
    let body = br#"{"jwt":"CANARY","a":1}"#;
    let types = [
        "Content-Type: text/html\r\n",
        "Content-Type: text/plain\r\n",
        "X-A: b\r\n",
        "Content-Type: image/png\r\nContent-Type: application/json\r\n",
        "Content-Type: application/octet-stream\r\n",
        "Content-Type: application/json; charset=utf-16\r\n",
        "Content-Type: \r\n",
    ];
    for headers in types {
        through(&bench, "/accountz", headers, body, &Either);
    }
    bench.upstream.script(|_| steps(Framing::Length, "200 OK", "Content-Type: text/html\r\n", br#"{"a":"<script>"}"#));
    let answer = ask(&bench, "/accountz", Ask::Http1);
    if answer.status == 200 {
        let kind = answer.header("content-type").unwrap();
        assert!(kind.starts_with("application/json"), "{kind}");
    }
}

#[test]
fn g11_content_codings() {
    let bench = redacting();
    let body = br#"{"jwt":"CANARY","a":1}"#;
    for headers in [
        "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
        "Content-Type: application/json\r\nContent-Encoding: br\r\n",
        "Content-Type: application/json\r\nContent-Encoding: gzip, gzip\r\n",
        "Content-Type: application/json\r\nContent-Encoding: zstd\r\n",
        "Content-Type: application/json\r\nContent-Encoding: x\r\nContent-Encoding: identity\r\n",
    ] {
        through(&bench, "/accountz", headers, body, &Withheld);
    }
    let gzip = b"\x1f\x8b\x08\0M\xe4\xffj\x02\xff\xabV\xca*/Q\xb2Rrv\xf4s\x0c\x8aT\xaa\x05\0H\x7f\x82d\x10\0\0\0";
    through(&bench, "/accountz", JSON, gzip, &Withheld);
    for seen in bench.upstream.requests() {
        let codings: Vec<_> = seen.headers().into_iter().filter(|(name, _)| name == "accept-encoding").collect();
        assert!(codings.iter().all(|(_, value)| value == "identity"), "{}", seen.head);
    }
}

#[test]
fn g12_secrets_by_their_shape() {
    let bench = redacting();
    let jwt = "eyJhbGciOiJlZDI1NTE5LW5rZXkiLCJ0eXAiOiJKV1QifQ.eyJqdGkiOiJDQU5BUlkifQ.c2ln";
    let seed = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
    let bodies = [
        format!(r#"{{"err":"bad token {jwt} tail"}}"#),
        format!(r#"{{"a":["{jwt}","x {jwt},{jwt}"]}}"#),
        format!(r#"{{"{jwt}":1}}"#),
        format!(r#"{{"a":"{}"}}"#, jwt.replace("eyJ", "\\u0065yJ")),
        format!(r#"{{"x":"{seed}"}}"#),
        format!(r#"{{"x":"seed={seed};"}}"#),
        r#"{"connect_urls":["nats://user:eyJqdGkiOiJDQU5BUlkifQ@10.0.0.1:4222"]}"#.to_owned(),
        r#"{"u":"nats:\/\/user:eyJqdGkiOiJDQU5BUlkifQ@10.0.0.1:4222"}"#.to_owned(),
    ];
    for body in bodies {
        for (framing, way) in WAYS {
            let sent = body.clone();
            bench.upstream.script(move |_| steps(framing, "200 OK", JSON, sent.as_bytes()));
            let answer = ask(&bench, "/accountz", way);
            check(&answer, way, &Either, &body);
            let all = answer.everything();
            for secret in ["eyJqdGkiOiJDQU5BUlkifQ", "SUACSSL3", "UAHUDXKFSNVU"] {
                assert!(!all.contains(secret), "{framing:?} {way:?} {body}: {all}");
            }
        }
    }
}

#[test]
fn g13_a_secret_without_its_shape() {
    let bench = redacting();
    let body = r#"{"connections":[{"cid":1,"jwt":"hunter2-CANARY","authorized_user":"CANARY","issuer_key":"CANARY"}]}"#;
    through(&bench, "/connz?auth=1", JSON, body.as_bytes(), &Body(r#"{"connections":[{"cid":1}]}"#));
    through(&bench, "/connz?state=closed", JSON, body.as_bytes(), &Body(r#"{"connections":[{"cid":1}]}"#));
}

#[test]
fn g14_operators_and_decoded_tokens() {
    let bench = redacting();
    for (target, body, wanted) in [
        (
            "/varz",
            r#"{"trusted_operators_jwt":["CANARY"],"trusted_operators_claim":[{"x":"CANARY"}],"mem":1}"#,
            r#"{"mem":1}"#,
        ),
        (
            "/accountz",
            r#"{"account_detail":{"decoded_jwt":{"iss":"CANARY","nats":{"limits":{}}},"client_cnt":1}}"#,
            r#"{"account_detail":{"client_cnt":1}}"#,
        ),
        (
            "/accountz",
            r#"{"account_detail":{"exports":[{"validation_result_jwt":["CANARY"]}]}}"#,
            r#"{"account_detail":{"exports":[{}]}}"#,
        ),
        (
            "/connz",
            r#"{"connections":[{"cid":3,"tls_peer_certs":[{"subject":"CANARY"}]}]}"#,
            r#"{"connections":[{"cid":3}]}"#,
        ),
    ] {
        through(&bench, target, JSON, body.as_bytes(), &Body(wanted));
    }
}

#[test]
fn g15_dangerous_endpoints_are_denied() {
    let bench = redacting();
    bench.targets_refused(&["/debug/vars", "/stacksz", "/ipqueuesz", "/raftz", "/"], &[403]);
}

#[test]
fn g16_error_bodies_are_replaced() {
    let bench = redacting();
    // The last one would pass as an answer: it is the status that says it is none.
    let bodies = ["panic: jwt=CANARY at monitor.go", "<script>CANARY</script>", "{\"error\":\"CANARY\"}"];
    let statuses = [
        "500 Internal Server Error",
        "503 Service Unavailable",
        "400 Bad Request",
        "404 Not Found",
        "401 CANARY",
        "418 CANARY",
        "201 Created",
        "203 CANARY",
        "204 No Content",
        "206 Partial Content",
    ];
    for status in statuses {
        for (body, content_type) in bodies.iter().flat_map(|body| [(body, "text/plain"), (body, "application/json")]) {
            let body = if status.starts_with("204") { "" } else { body };
            let headers = format!("Content-Type: {content_type}\r\n");
            for way in [Ask::Http1, Ask::Http2, Ask::Head, Ask::Conditional] {
                let headers = headers.clone();
                bench.upstream.script(move |_| steps(Framing::Length, status, &headers, body.as_bytes()));
                let answer = ask(&bench, "/accountz", way);
                assert!(answer.status >= 400, "{status}: {}", answer.head);
                assert_ne!(answer.status, 401, "{status}: the upstream's 401 is not the client's");
                denial(&answer, &[answer.status], status);
                assert!(!answer.everything().contains("CANARY"), "{status} {way:?}: {}", answer.everything());
            }
        }
    }
}

#[test]
fn g17_cross_origin_headers_are_not_passed_on() {
    let bench = redacting();
    bench.upstream.script(|_| {
        let headers = "Content-Type: application/json\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\n";
        steps(Framing::Length, "200 OK", headers, b"{}")
    });
    for way in [Ask::Http1, Ask::Http2, Ask::Head] {
        let answer = ask(&bench, "/varz", way);
        success(&answer, "cors");
        assert!(!answer.head.to_lowercase().contains("access-control"), "{}", answer.head);
    }
    let token = Issuer::shared().token("viewer");
    let answer = bench.client.request("GET", "/varz", Some(&token), "Origin: https://evil.test\r\n");
    assert!(!answer.head.to_lowercase().contains("access-control"), "{}", answer.head);
}

#[test]
fn g17_only_listed_headers_of_the_upstream_pass() {
    let bench = redacting();
    let headers = "Content-Type: application/json\r\nETag: \"CANARY\"\r\nDigest: sha-256=CANARY\r\nContent-MD5: CANARY\r\n\
        Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT\r\nSet-Cookie: a=CANARY\r\nServer: CANARY\r\nX-Powered-By: CANARY\r\n\
        Refresh: 0;url=http://127.0.0.1:8222/CANARY\r\nLink: <http://x/CANARY>\r\nContent-Location: /CANARY\r\n\
        Location: http://CANARY/\r\nX-Account-Jwt: CANARY\r\nVia: 1.1 CANARY\r\nAlt-Svc: h3=\"CANARY\"\r\n\
        Connection: X-Secret\r\nX-Secret: CANARY\r\nProxy-Authenticate: Basic realm=CANARY\r\nX-Request-Id: CANARY\r\n";
    through(&bench, "/varz", headers, br#"{"a":1}"#, &Body(r#"{"a":1}"#));
    let answer = ask(&bench, "/varz", Ask::Http1);
    let allowed = [
        "date",
        "content-type",
        "content-length",
        "cache-control",
        "x-content-type-options",
        "x-request-id",
        "connection",
        "vary",
        "ratelimit",
        "ratelimit-policy",
        "strict-transport-security",
        "transfer-encoding",
        "referrer-policy",
        "content-security-policy",
        "x-frame-options",
    ];
    for (name, _) in &answer.headers {
        assert!(allowed.contains(&name.to_lowercase().as_str()), "{name} in {}", answer.head);
    }
}

#[test]
fn g18_callback_is_refused_where_no_rule_serves_it() {
    let bench = redacting();
    let targets = [
        "/varz?callback=cb",
        "/accountz?callback=alert(1)//",
        "/connz?callback=",
        "/varz?callback",
        "/varz?%63allback=a",
    ];
    bench.targets_refused(&targets, &[400]);
}

#[test]
fn g19_redirects_are_neither_followed_nor_forwarded() {
    let bench = redacting();
    let trap = Upstream::nats();
    for status in
        ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"]
    {
        let location = format!("Location: http://{}/accountz?jwt=CANARY\r\n", trap.address());
        bench.upstream.script(move |_| steps(Framing::Length, status, &location, b"<a href=\"/varz\">CANARY</a>"));
        for way in [Ask::Http1, Ask::Http2, Ask::Head] {
            let answer = ask(&bench, "/varz", way);
            denial(&answer, &[502], status);
            assert!(!answer.everything().contains("CANARY"), "{}", answer.everything());
        }
    }
    assert_eq!(trap.connections(), 0);
}

#[test]
fn g20_switching_protocols_and_interim_answers() {
    let bench = redacting();
    let switching =
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nCANARY CANARY CANARY".to_vec();
    bench
        .upstream
        .script(move |_| vec![Step::Send(switching.clone()), Step::Pause(Duration::from_millis(50)), Step::Close]);
    for way in [Ask::Http1, Ask::Http2, Ask::Head] {
        let answer = ask(&bench, "/varz", way);
        denial(&answer, &[502], "101");
        assert!(!answer.everything().contains("CANARY"), "{}", answer.everything());
    }
    let hint = "HTTP/1.1 103 Early Hints\r\nLink: </CANARY>; rel=preload\r\n\r\n";
    for (count, wanted) in [(1, vec![200, 502]), (3, vec![200, 502]), (100_000, vec![502])] {
        let mut raw = hint.repeat(count).into_bytes();
        raw.extend(with_length("200 OK", JSON, b"{\"a\":1}"));
        bench.upstream.script(move |_| vec![Step::Send(raw.clone()), Step::Close]);
        let token = Issuer::shared().token("viewer");
        let text = crate::support::client::request("GET", "/varz", Some(&token), "Connection: close\r\n");
        let exchange = bench.client.exchange(text.as_bytes());
        assert_eq!(exchange.responses.len(), 1, "103 × {count}: {:?}", exchange.statuses());
        assert!(wanted.contains(&exchange.status()), "103 × {count}: {:?}", exchange.statuses());
        assert!(!exchange.only().everything().contains("CANARY"));
    }
    bench.upstream.script(|_| json("{\"a\":1}"));
    success(&ask(&bench, "/varz", Ask::Http1), "afterwards");
}
