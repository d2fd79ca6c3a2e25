//! A canary token and a canary account JWT through every branch, at trace level: neither is ever written down.

use std::time::Duration;

use serde_json::json;

use crate::support::client::request;
use crate::support::gateway::{Gateway, Setup};
use crate::support::h2client;
use crate::support::http::Response;
use crate::support::tokens::{Issuer, base64url};
use crate::support::upstream::{Step, Upstream, chunked, json as answer, with_length};

/// As NATS puts it into `accountz`.
fn account_jwt() -> String {
    let claims = base64url(json!({ "jti": "CANARYACCOUNT", "sub": "ACANARY" }).to_string());
    format!("{}.{claims}.{}", base64url(r#"{"typ":"JWT","alg":"ed25519-nkey"}"#), base64url([7; 64]))
}

/// A policy with a small budget on `/healthz`, so that 429 is among the branches.
const POLICY: &str = r"
version: 1
catalog: nats
roles:
  viewer:
    - token: { issuer: corp, claims: { roles: [viewer] } }
rules:
  - id: view
    endpoints: [varz, connz, accountz]
    allow: [viewer]
    args: { accountz: { acc: allow } }
    redact: no-credentials
  - id: rare
    endpoints: [healthz]
    allow: [viewer]
    limit: { rate: 1/min, burst: 1 }
";

struct Canaries {
    secrets: Vec<String>,
}

impl Canaries {
    /// No secret stands in `text`.
    fn absent(&self, text: &str, what: &str) {
        for secret in &self.secrets {
            if let Some(at) = text.find(secret.as_str()) {
                let from = text[..at].rfind('\n').map_or(0, |line| line + 1);
                let line: String = text[from..].lines().next().unwrap_or_default().chars().take(400).collect();
                panic!("{what} holds `{secret}`: {line}");
            }
        }
    }
}

/// What the upstream answers, by the account that is asked for.
fn upstream() -> Upstream {
    let jwt = account_jwt();
    Upstream::scripted(Box::new(move |seen| {
        let body = format!(
            r#"{{"account_detail":{{"jwt":"{jwt}","decoded_jwt":{{"x":"CANARYFIELD"}},"n":1}},"log":"x {jwt} y"}}"#
        );
        let json = "Content-Type: application/json\r\n";
        match seen.target().split("acc=").nth(1).unwrap_or("") {
            "ERROR" => vec![Step::Send(with_length("500 CANARYFIELD", "X-Jwt: CANARYFIELD\r\n", body.as_bytes()))],
            "BAD" => vec![Step::Send(with_length("400 Bad Request", "", body.as_bytes()))],
            "REDIRECT" => vec![Step::Send(with_length("301 Moved", "Location: /CANARYFIELD\r\n", body.as_bytes()))],
            "SWITCH" => vec![
                Step::Send(b"HTTP/1.1 101 CANARYFIELD\r\nUpgrade: CANARYFIELD\r\n\r\nCANARYFIELD".to_vec()),
                Step::Close,
            ],
            "BROKEN" => vec![Step::Send(with_length("200 OK", json, &body.as_bytes()[..body.len() - 3]))],
            "GZIP" => vec![Step::Send(with_length("200 OK", "Content-Encoding: CANARYFIELD\r\n", body.as_bytes()))],
            "GARBAGE" => vec![Step::Send(format!("CANARYFIELD {body}\r\n\r\n").into_bytes()), Step::Close],
            "HEADER" => vec![
                Step::Send(format!("HTTP/1.1 200 OK\r\nCANARYFIELD\r\nContent-Length: 2\r\n\r\n{body}").into_bytes()),
                Step::Close,
            ],
            "CUT" => vec![
                Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{\"jwt\":\"CANARYFIELD".to_vec()),
                Step::Close,
            ],
            "CLOSE" => vec![Step::Close],
            "HANG" => vec![Step::Pause(Duration::from_secs(3)), Step::Close],
            "CHUNKS" => vec![Step::Send(chunked("200 OK", json, body.as_bytes(), 1))],
            "TRAILER" => {
                let mut raw = chunked("200 OK", json, body.as_bytes(), 9);
                raw.truncate(raw.len() - 2);
                raw.extend_from_slice(b"X-Jwt: CANARYFIELD\r\n\r\n");
                vec![Step::Send(raw)]
            }
            "HUGE" => answer(&format!("{{\"jwt\":\"{}\"}}", "CANARYFIELD".repeat(10_000))),
            _ => answer(&body),
        }
    }))
}

/// Every answer of every branch, over both protocols.
fn all_branches(gateway: &Gateway, good: &str, bad: &str) -> Vec<Response> {
    let client = gateway.client();
    let mut answers = Vec::new();
    let accounts = [
        "A", "ERROR", "BAD", "REDIRECT", "SWITCH", "BROKEN", "GZIP", "GARBAGE", "HEADER", "CUT", "CLOSE", "HANG",
        "CHUNKS", "TRAILER", "HUGE",
    ];
    let mut targets: Vec<String> = accounts.iter().map(|account| format!("/accountz?acc={account}")).collect();
    targets.extend(
        [
            "/varz",
            "/connz",
            "/healthz",
            "/healthz",
            "/stacksz",
            "/nothing",
            "/varz?x=1",
            "/connz?limit=x",
            "/varz#x",
            "/%61",
            "//x",
        ]
        .map(str::to_owned),
    );
    targets.push(format!("/varz?access_token={good}"));
    targets.push(format!("/{good}"));
    for target in &targets {
        for credential in [Some(good), Some(bad), None] {
            for method in ["GET", "HEAD", "POST"] {
                let cookie = format!("Cookie: token={good}\r\nX-Forwarded-Access-Token: {good}\r\n");
                answers.push(client.request(method, target, credential, &cookie));
            }
            if target.starts_with('/') && !target.contains('#') {
                answers.push(h2client::request(&client, "GET", target, credential, &[("cookie", good)]).unwrap());
            }
        }
    }
    for (line, lines) in [
        (format!("GET /varz?{} HTTP/1.1", good.repeat(20)), String::new()),
        ("GET /varz HTTP/1.0".to_owned(), String::new()),
        (format!("GET /varz {good}"), String::new()),
        (format!("{good} /varz HTTP/1.1"), String::new()),
        ("GET /varz HTTP/1.1".to_owned(), format!("Authorization: Basic {good}\r\n")),
        ("GET /varz HTTP/1.1".to_owned(), "Content-Length: 5\r\n".to_owned()),
        ("GET /varz HTTP/1.1".to_owned(), "Expect: 100-continue\r\n".to_owned()),
        ("GET /varz HTTP/1.1".to_owned(), format!("{good}\r\n")),
        ("GET /varz HTTP/1.1".to_owned(), format!("{good} : x\r\n")),
        ("GET /varz HTTP/1.1".to_owned(), format!("X: {}\r\n", good.repeat(60))),
        ("GET /varz HTTP/1.1".to_owned(), format!("Host: {good}\r\n")),
    ] {
        let raw = format!("{line}\r\nHost: mon.test\r\nAuthorization: Bearer {good}\r\n{lines}\r\n");
        answers.extend(client.exchange(raw.as_bytes()).responses);
    }
    // Cut off in the middle of a head, and of an answer.
    let mut half = client.connect();
    half.send(&request("GET", "/varz", Some(good), "").as_bytes()[..100]);
    half.reset();
    let mut gone = client.connect();
    gone.send(request("GET", "/accountz?acc=HANG", Some(good), "").as_bytes());
    gone.reset();
    answers
}

#[test]
fn no_canary_in_any_output_of_any_branch() {
    let upstream = upstream();
    let mut setup = Setup::before(&upstream).policy(POLICY).limits("header: 2s");
    setup.log_level = "trace";
    setup.upstream_more = ", timeouts: { connect: 1s, total: 1s }, max_body: 64KiB".to_owned();
    setup.environment =
        vec![("RUST_BACKTRACE".to_owned(), "full".to_owned()), ("RUST_LOG".to_owned(), "trace".to_owned())];
    let gateway = setup.start();

    let mut claims = Issuer::shared().claims(&["viewer"]);
    claims["note"] = json!("CANARYCLAIM");
    claims["jti"] = json!("CANARYJTI");
    let good = Issuer::shared().key("k1").token(&claims);
    claims["aud"] = json!("CANARYAUDIENCE");
    let bad = Issuer::shared().key("k1").token(&claims);

    let answers = all_branches(&gateway, &good, &bad);
    let statuses: std::collections::BTreeSet<u16> = answers.iter().map(|answer| answer.status).collect();
    for wanted in [200, 400, 401, 403, 404, 405, 417, 429, 431, 502, 504, 505] {
        assert!(statuses.contains(&wanted), "no branch gave {wanted}: {statuses:?}");
    }
    gateway.rewrite("policy.yaml", &format!("version: 1\n{good}: 1\n"));
    gateway.reload("failed");
    gateway.rewrite("server.key", &format!("-----BEGIN PRIVATE KEY-----\n{good}\n-----END PRIVATE KEY-----\n"));
    gateway.reload("failed");

    let mut secrets: Vec<String> =
        ["CANARYCLAIM", "CANARYJTI", "CANARYAUDIENCE", "CANARYFIELD", "CANARYACCOUNT"].map(str::to_owned).to_vec();
    for token in [&good, &bad, &account_jwt()] {
        // Claims and signature: header texts repeat in every token and give nothing away.
        secrets.extend(token.split('.').skip(1).map(|part| part[..24].to_owned()));
    }
    let canaries = Canaries { secrets };
    for answer in &answers {
        canaries.absent(&answer.everything(), &format!("an answer with {}", answer.status));
    }
    canaries.absent(&gateway.metrics(), "metrics");
    canaries.absent(&gateway.audit_text(), "audit");
    canaries.absent(&gateway.stdout(), "stdout");
    let log = gateway.stderr();
    // A policy file is no place for secrets; what a reload says of it is not looked at.
    let log: String =
        log.lines().filter(|line| !line.contains("policy.yaml")).map(|line| format!("{line}\n")).collect();
    canaries.absent(&log, "the log");
    assert!(!log.contains("panicked"), "{log}");
}
