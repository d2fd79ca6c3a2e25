//! A canary token and a canary account JWT through every branch, at trace level: neither is ever written down.

use std::time::Duration;

use serde_json::json;

use crate::support::asked::Asked;
use crate::support::bench::{Bench, assemble};
use crate::support::caller::{Caller, basic};
use crate::support::client::request;
use crate::support::cluster::{Cluster, KEYS, MONWARD, authenticated, unsigned};
use crate::support::gateway::{Gateway, POLICY as USUAL, Setup};
use crate::support::h2client;
use crate::support::http::Response;
use crate::support::keys::hashed;
use crate::support::pki::pem_block;
use crate::support::tokens::{AUDIENCE, Issuer, SigningKey, base64url, bent};
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

/// Texts that must stand nowhere.
pub struct Canaries {
    pub secrets: Vec<String>,
}

impl Canaries {
    /// No secret stands in `text`.
    pub fn absent(&self, text: &str, what: &str) {
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
    gateway.rewrite("server.key", &pem_block("PRIVATE KEY", &good));
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

/// Every kind of credential that is not a plain bearer JWT, and monward's own.
struct Kinds {
    introspection: Asked,
    cluster: Cluster,
    door: SigningKey,
    hash: String,
}

const OPAQUE: &str = "CANARYOPAQUE";
const SECRET: &str = "CANARYSECRET";
const OWN: &str = "CANARYOWNTOKEN";
const KEY: &str = "CANARYKEY";
const DOOR: &str = "X-Pomerium-Jwt-Assertion";

impl Kinds {
    fn new() -> Self {
        let answer = |active: bool| json!({ "active": active, "sub": "svc", "aud": AUDIENCE, "note": "CANARYANSWER" });
        let introspection = Asked::start(Box::new(move |question| {
            (200, answer(question.body.starts_with("token=CANARYOPAQUE&")).to_string())
        }));
        let cluster = Cluster::start(OWN, &SigningKey::new("sa-1", "RS256"));
        cluster.know(&unsigned("CANARYPOD"), authenticated("monitoring", "prometheus", MONWARD));
        Self { introspection, cluster, door: SigningKey::new("door", "ES256"), hash: hashed(KEY) }
    }

    fn gateway(&self, upstream: Upstream) -> Bench {
        let ways = "  viewer:
    - token: { issuer: keys }
    - token: { issuer: asked }
    - token: { issuer: cluster }
    - token: { issuer: door }
";
        let mut setup = Setup::before(&upstream)
            .policy(&USUAL.replacen("  viewer:\n", ways, 1))
            .file("keys.yaml", format!("version: 1\nkeys:\n  grafana: '{}'\n", self.hash))
            .file("client-secret", SECRET)
            .file("own-token", OWN)
            .file("door.json", json!({ "keys": [self.door.jwk()] }).to_string());
        "    basic: true\n".clone_into(&mut setup.listener);
        // The cluster twice: its keys are fetched and its reviews asked for with the same token of monward's own.
        let by_keys = self.cluster.settings("").replacen("cluster:", "by_keys:", 1);
        let by_keys = by_keys.replace("https://kubernetes.default.svc.cluster.local", "https://other.example.org");
        setup.more_issuers = format!(
            "  keys: {{ static_keys: keys.yaml }}
  asked:
    introspection: {{ url: '{}/ask', client_id: monward, client_secret_file: client-secret }}
    audiences: [{AUDIENCE}]
    ca_file: ca.pem
    allow_private_addresses: true
    cache: 0s
  door:
    front_door: pomerium
    issuer: monitoring.example.org
    audiences: [{AUDIENCE}]
    jwks_file: door.json
    from: {{ networks: [127.0.0.1/32] }}
{by_keys}{}",
            self.introspection.url(),
            self.cluster.settings(", review: true")
        );
        setup.log_level = "trace";
        setup.environment =
            vec![("RUST_BACKTRACE".to_owned(), "full".to_owned()), ("RUST_LOG".to_owned(), "trace".to_owned())];
        let gateway = setup.start();
        assemble(upstream, gateway)
    }

    fn assertion(&self, note: &str) -> String {
        let now = crate::support::now();
        self.door.seal(
            r#"{"alg":"ES256","kid":"door"}"#,
            &json!({ "iss": "monitoring.example.org", "aud": AUDIENCE, "sub": "u1", "iat": now, "exp": now + 60,
                     "email": "CANARYMAIL@example.org", "note": note })
            .to_string(),
        )
    }

    /// All the texts that must stand nowhere, and what is made of them on the way.
    fn secrets(&self, assertions: &[&str]) -> Canaries {
        let mut secrets: Vec<String> =
            ["CANARYUSER", "CANARYANSWER", "CANARYMAIL", OPAQUE, SECRET, OWN, KEY].map(str::to_owned).to_vec();
        secrets.push(self.hash.rsplit('$').next().unwrap().to_owned());
        for (user, password) in [("grafana", KEY), ("monward", SECRET), ("grafana", "CANARYKEYWRONG"), (OPAQUE, "")] {
            secrets.push(basic(user, password).trim_start_matches("Basic ").to_owned());
        }
        for token in assertions {
            secrets.extend(token.split('.').skip(1).map(|part| part[..24].to_owned()));
        }
        Canaries { secrets }
    }
}

/// Good and bad ones of each kind in their places, and in places where they do not belong.
fn every_kind<'a>(bench: &'a Bench, good: &[String; 2], bad: &[String; 2]) -> Vec<Caller<'a>> {
    let caller = bench.caller();
    let mut all = vec![
        caller.basic("grafana", KEY),
        caller.basic("grafana", "CANARYKEYWRONG"),
        caller.basic("CANARYUSER", KEY),
        caller.basic(KEY, ""),
        caller.basic(OPAQUE, ""),
        caller.basic("", OPAQUE),
        caller.bearer(KEY),
        caller.bearer(OPAQUE),
        caller.bearer(&format!("{OPAQUE}X")),
        caller.field("Authorization", KEY),
        caller.field("Authorization", &format!("Digest {KEY}")),
        caller.field("Authorization", &format!("Basic {KEY}")),
        caller.field("Authorization", &format!("Bearer {KEY} {KEY}")),
        caller.bearer(OPAQUE).basic("grafana", KEY),
    ];
    for token in good.iter().chain(bad) {
        all.extend([
            caller.bearer(token),
            caller.field(DOOR, token),
            caller.field(DOOR, token).field(DOOR, token),
            caller.field(DOOR, token).bearer(OPAQUE),
            caller.field(DOOR, token).coming_from("127.0.0.2"),
            caller.basic("CANARYUSER", token),
        ]);
    }
    all
}

#[test]
fn no_canary_of_any_kind_of_credential_in_any_output() {
    let kinds = Kinds::new();
    let bench = kinds.gateway(Upstream::nats());
    let good = [kinds.assertion("CANARYNOTE"), unsigned("CANARYPOD")];
    let bad = [bent(&kinds.assertion("CANARYBENT")), unsigned("CANARYNOBODY")];
    let mut answers = Vec::new();
    let targets = ["/varz".to_owned(), "/accountz".to_owned(), "/nothing".to_owned(), "/varz?x=1".to_owned()];
    let by_query = format!("/varz?access_token={OPAQUE}");
    let everybody = every_kind(&bench, &good, &bad);
    for caller in &everybody {
        answers.extend(targets.iter().chain([&by_query]).flat_map(|target| caller.ask(target)));
    }
    // Those who are asked are away, and then the files are broken.
    kinds.introspection.kill();
    kinds.cluster.server.kill();
    answers.extend(everybody.iter().flat_map(|caller| caller.ask("/varz")));
    let statuses: std::collections::BTreeSet<u16> = answers.iter().map(|answer| answer.status).collect();
    for wanted in [200, 400, 401, 403, 404, 429, 503] {
        assert!(statuses.contains(&wanted), "no branch gave {wanted}: {statuses:?}");
    }
    let gateway = &bench.gateway;
    for method in ["static_key", "introspection", "token_review", "front_door", "basic_token"] {
        assert!(gateway.audit_text().contains(&format!("\"method\":\"{method}\"")), "nobody came by {method}");
    }
    assert!(kinds.cluster.server.hits(KEYS) > 0, "nobody asked for keys with monward's own token");
    for (name, content) in [
        ("keys.yaml", format!("version: 1\nkeys:\n  grafana: {KEY}\n")),
        ("keys.yaml", format!("version: 1\nkeys:\n  grafana: ['{}', {KEY}]\n", kinds.hash)),
        ("client-secret", format!("{SECRET}\n{SECRET}\n")),
        ("own-token", format!("{OWN} {OWN}\n")),
    ] {
        let before = std::fs::read_to_string(gateway.path(name)).unwrap();
        gateway.rewrite(name, &content);
        gateway.reload("failed");
        gateway.rewrite(name, &before);
        gateway.reload("ok");
    }
    let canaries = kinds.secrets(&[&good[0], &good[1], &bad[0], &bad[1]]);
    for answer in &answers {
        canaries.absent(&answer.everything(), &format!("an answer with {}", answer.status));
    }
    canaries.absent(&gateway.metrics(), "metrics");
    canaries.absent(&gateway.audit_text(), "audit");
    canaries.absent(&gateway.stdout(), "stdout");
    canaries.absent(&gateway.stderr(), "the log");
    assert!(!gateway.stderr().contains("panicked"), "{}", gateway.stderr());
    let upstream: String = bench.upstream.requests().into_iter().map(|seen| seen.head).collect();
    canaries.absent(&upstream, "a request upstream");
}
