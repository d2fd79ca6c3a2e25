//! G, continued: the collected bodies, served by the upstream in every framing and asked for in every way.

use std::io::Write;
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde_json::Value;

use crate::g_redaction::{Ask, Framing, POLICY, WAYS, Wanted, ask, check, redacting, steps};
use crate::support::answers::denial;
use crate::support::corpora::{bytes, cases};
use crate::support::gateway::Setup;
use crate::support::in_parallel;
use crate::support::upstream::{Seen, Step, Upstream, json};

#[derive(Deserialize)]
struct Case {
    id: String,
    request: String,
    upstream_status: String,
    upstream_headers: String,
    body_b64: Option<String>,
    want: String,
    forbid_substrings: Vec<String>,
}

impl Case {
    fn body(&self) -> Vec<u8> {
        if let Some(body) = &self.body_b64 {
            return bytes(body);
        }
        let canary = "{\"jwt\":\"CANARY\"}";
        match self.id.as_str() {
            "deep-1e5" => format!("{}{canary}{}", "[".repeat(100_000), "]".repeat(100_000)).into_bytes(),
            "deep-obj-1e5" => format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000)).into_bytes(),
            "huge-key" => format!("{{\"{}\":1,\"jwt\":\"CANARY\"}}", "a".repeat(1_000_000)).into_bytes(),
            "huge-string" => format!("{{\"a\":\"{}\",\"jwt\":\"CANARY\"}}", "x".repeat(20_000_000)).into_bytes(),
            "gzip-bomb" => gzip(format!("[{}0]", "0,".repeat(5_000_000)).as_bytes()),
            other => panic!("nobody knows how to make the body of {other}"),
        }
    }

    /// The path and query, with `number` in place of the account, so that the upstream knows which case is meant.
    fn target(&self, number: usize, way: usize) -> String {
        let target = self.request.split(' ').nth(1).unwrap();
        target.replace("acc=A", &format!("acc=c{number}w{way}"))
    }

    fn headers(&self) -> String {
        self.upstream_headers.split("\r\n").filter(|line| !line.is_empty()).map(|line| format!("{line}\r\n")).collect()
    }

    fn wanted(&self) -> Wanted<'static> {
        match exact(&self.id) {
            Some(body) => Wanted::Body(body),
            None if self.want.starts_with("502") && !self.want.contains(" or ") => Wanted::Withheld,
            None => Wanted::Either,
        }
    }
}

/// What must come out, letter by letter, where there is only one right answer.
fn exact(id: &str) -> Option<&'static str> {
    Some(match id {
        "plain" => r#"{"account_detail":{"a":1}}"#,
        "dup-key" | "escaped-key" | "value-object" | "value-array" | "commas" | "commas2" | "split-chunks" => {
            r#"{"a":1}"#
        }
        "escaped-key-upper-hex" | "case" | "kelvin" | "first-last-only" => "{}",
        "nested-array" => r#"{"a":[{"b":[{}]}]}"#,
        "big-number" => r#"{"n":123456789012345678901234567890,"f":1.10,"e":1E5,"z":-0,"m":18446744073709551616}"#,
        "float-precision" => r#"{"cpu":0.1000000000000000055511151231257827,"seq":9007199254740993}"#,
        "key-order" => r#"{"z":1,"a":2,"m":3}"#,
        "slash-escape" => r#"{"u":"http:\/\/x"}"#,
        "decoded-jwt" => r#"{"account_detail":{}}"#,
        "varz-operators" => r#"{"mem":1}"#,
        "mqtt-password-as-jwt" => r#"{"connections":[{"cid":1}]}"#,
        "html-in-value" => r#"{"a":"</script><script>alert(1)</script>"}"#,
        _ => return None,
    })
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut child =
        Command::new("gzip").arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("gzip is on PATH");
    let mut input = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(plain).unwrap());
        child.wait_with_output().unwrap().stdout
    })
}

/// Case and way, as [`Case::target`] spelled them.
fn numbers(seen: &Seen) -> Option<(usize, usize)> {
    let (case, way) = seen.target().split("acc=c").nth(1)?.split_once('w')?;
    Some((case.parse().ok()?, way.parse().ok()?))
}

#[test]
fn redaction_corpus() {
    let bench = redacting();
    let all: Vec<(usize, Case)> = cases("redaction-own/cases.ndjson").into_iter().enumerate().collect();
    assert_eq!(all.len(), 75);
    let answers: Vec<(String, String, Vec<u8>, String)> = all
        .iter()
        .map(|(_, case)| (case.upstream_status.clone(), case.headers(), case.body(), case.target(0, 0)))
        .collect();
    bench.upstream.script(move |seen| {
        let known = numbers(seen).or_else(|| Some((answers.iter().position(|answer| answer.3 == seen.target())?, 0)));
        let Some((number, way)) = known else { return json("{}") };
        let (status, headers, body, _) = &answers[number];
        let framing = if body.len() > 65_536 { Framing::Length } else { WAYS[way].0 };
        steps(framing, status, headers, body)
    });
    in_parallel(&all, |(number, case)| {
        for (way, (framing, asked)) in WAYS.into_iter().enumerate() {
            let answer = ask(&bench, &case.target(*number, way), asked);
            let what = format!("{} ({}) {framing:?} {asked:?}", case.id, case.want);
            for secret in &case.forbid_substrings {
                assert!(!answer.everything().contains(secret), "{what}: {secret} in {}", answer.everything());
            }
            match answer.status {
                400 | 403 => denial(&answer, &[400, 403], &what),
                _ => check(&answer, asked, &case.wanted(), &what),
            }
        }
    });
    let written = [bench.gateway.audit_text(), bench.gateway.stderr(), bench.gateway.stdout(), bench.gateway.metrics()];
    assert!(!written.concat().contains("CANARY"), "a redacted value was logged");
}

#[test]
fn every_split_of_a_body_gives_the_same_bytes() {
    let bench = redacting();
    let body: &'static str = r#"{"jwt":"CANARY","a":1,"b":[{"decoded_jwt":{"x":"CANARY\u0041"}},"\ud83d\ude00é"]}"#;
    let wanted = r#"{"a":1,"b":[{},"\ud83d\ude00é"]}"#;
    let splits: Vec<usize> = (1..body.len()).collect();
    bench.upstream.script(move |seen| {
        let at: usize = seen.target().split("acc=s").nth(1).unwrap().parse().unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{at:x}\r\n").into_bytes();
        let (first, second) = body.as_bytes().split_at(at);
        let rest = [format!("\r\n{:x}\r\n", second.len()).as_bytes(), second, b"\r\n0\r\n\r\n"].concat();
        vec![Step::Send([&head, first].concat()), Step::Send(rest)]
    });
    in_parallel(&splits, |at| {
        let answer = ask(&bench, &format!("/accountz?acc=s{at}"), Ask::Http1);
        check(&answer, Ask::Http1, &Wanted::Body(wanted), &format!("split at {at}"));
    });
}

#[derive(Deserialize)]
struct Text {
    name: String,
    expect: String,
    bytes_b64: String,
}

#[test]
fn g09_json_test_suite() {
    let upstream = Upstream::nats();
    let gateway = Setup::before(&upstream).policy(POLICY).start();
    let bench = crate::support::bench::assemble(upstream, gateway);
    let all: Vec<(usize, Text)> = cases("jsontestsuite/cases.ndjson").into_iter().enumerate().collect();
    assert_eq!(all.len(), 340);
    let bodies: Vec<Vec<u8>> = all.iter().map(|(_, text)| bytes(&text.bytes_b64)).collect();
    let served = bodies.clone();
    let ways = [(Framing::Length, Ask::Http1), (Framing::Chunks(1), Ask::Http1), (Framing::Length, Ask::Http2)];
    bench.upstream.script(move |seen| {
        let (number, way) = numbers(seen).unwrap();
        let body = &served[number];
        let small = body.len() < 4096;
        match way {
            3 => steps(Framing::Length, "200 OK", "", &[b"{\"jwt\":\"CANARY\",\"x\":", &body[..], b"}"].concat()),
            way => steps(if small { ways[way].0 } else { Framing::Length }, "200 OK", "", body),
        }
    });
    in_parallel(&all, |(number, text)| {
        let body = &bodies[*number];
        // An answer of the monitoring port is an object; another value may be withheld.
        let object = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
        for (way, (framing, asked)) in ways.into_iter().enumerate() {
            let answer = ask(&bench, &format!("/accountz?acc=c{number}w{way}"), asked);
            let what = format!("{} ({}) {framing:?} {asked:?}", text.name, text.expect);
            match text.expect.as_str() {
                "accept" if object => check(&answer, asked, &Wanted::Body(&String::from_utf8_lossy(body)), &what),
                "reject" => check(&answer, asked, &Wanted::Withheld, &what),
                _ => either(&answer, body, &what),
            }
        }
        let wrapped = ask(&bench, &format!("/accountz?acc=c{number}w3"), Ask::Http1);
        assert!(!wrapped.everything().contains("CANARY"), "{}: {}", text.name, wrapped.everything());
        assert!([200, 502].contains(&wrapped.status), "{}: {}", text.name, wrapped.head);
    });
}

/// 200 with the very bytes, or 502 with none of them.
fn either(answer: &crate::support::http::Response, body: &[u8], what: &str) {
    if answer.status == 200 {
        let same = answer.body == body || serde_json::from_slice::<Value>(&answer.body).is_ok();
        assert!(same && answer.complete, "{what}: {}", answer.text());
    } else {
        denial(answer, &[502], what);
    }
}
