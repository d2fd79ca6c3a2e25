//! F: headers. The upstream sees what monward says, never what the client spelled.

use crate::support::answers::success;
use crate::support::bench::{Bench, bench};
use crate::support::h2client;
use crate::support::tokens::Issuer;
use crate::support::upstream::Seen;

/// All that the upstream may get.
const ALLOWED: &[&str] =
    &["host", "accept", "accept-encoding", "user-agent", "via", "x-request-id", "traceparent", "connection"];

/// Asks as a viewer with these lines and gives what the upstream got, if it was asked.
fn upstream_got(bench: &Bench, target: &str, lines: &str) -> Option<Seen> {
    let before = bench.upstream.requests().len();
    let token = Issuer::shared().token("viewer");
    let answer = bench.client.request("GET", target, Some(&token), lines);
    assert!([200, 400].contains(&answer.status), "{lines:?}: {}", answer.head);
    let requests = bench.upstream.requests();
    assert_eq!(requests.len() - before, usize::from(answer.status == 200), "{lines:?}");
    requests.into_iter().nth(before)
}

/// The upstream gets listed fields only, each once, and none of `secrets`.
fn only_ours(seen: &Seen, secrets: &[&str]) {
    let headers = seen.headers();
    for (name, _) in &headers {
        assert!(ALLOWED.contains(&name.as_str()), "{name}: {}", seen.head);
        assert_eq!(headers.iter().filter(|(other, _)| other == name).count(), 1, "{name} twice: {}", seen.head);
    }
    for secret in secrets {
        assert!(!seen.head.contains(secret), "{secret}: {}", seen.head);
    }
    assert!(!seen.head.to_lowercase().contains("authorization"), "{}", seen.head);
}

const IDENTITY: &[&str] = &[
    "X-Forwarded-User",
    "X-Forwarded-Groups",
    "X-Forwarded-Email",
    "X-Forwarded-Preferred-Username",
    "X-Auth-Request-User",
    "X-Auth-Request-Email",
    "X-Auth-Request-Groups",
    "Remote-User",
    "Remote-Groups",
    "X-Remote-User",
    "X-Remote-Group",
    "X-Remote-Extra-Scopes",
    "X-Real-IP",
    "Forwarded",
    "X-Forwarded-For",
    "X-SSL-Client-CN",
    "X-SSL-Client-Cert",
    "X-Client-Cert",
    "X-Forwarded-Client-Cert",
    "X-User",
    "X-WEBAUTH-USER",
    "Ssl-Client-Verify",
];

#[test]
fn f01_identity_of_the_client_s_making() {
    let bench = bench();
    let lines: String = IDENTITY.iter().map(|name| format!("{name}: CANARY\r\n")).collect();
    only_ours(&upstream_got(&bench, "/varz", &lines).unwrap(), &["CANARY"]);
}

#[test]
fn f01_identity_of_the_client_s_making_over_h2() {
    let bench = bench();
    let headers: Vec<(String, &str)> = IDENTITY.iter().map(|name| (name.to_lowercase(), "CANARY")).collect();
    let borrowed: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let token = Issuer::shared().token("viewer");
    success(&h2client::request(&bench.client, "GET", "/varz", Some(&token), &borrowed).unwrap(), "h2");
    only_ours(&bench.upstream.requests()[0], &["CANARY"]);
}

#[test]
fn f02_the_same_header_twice() {
    let bench = bench();
    let lines =
        "X-Forwarded-User: CANARY\r\nX-Forwarded-User: CANARY\r\nX-Request-Id: CANARY\r\nX-Request-Id: CANARY\r\n";
    only_ours(&upstream_got(&bench, "/varz", lines).unwrap(), &["CANARY"]);
}

#[test]
fn f03_identity_that_the_token_does_not_carry() {
    let bench = bench();
    let lines = "X-Forwarded-Email: CANARY\r\nX-Remote-Extra-Foo: CANARY\r\nNats-Request-Info: CANARY\r\n";
    only_ours(&upstream_got(&bench, "/varz", lines).unwrap(), &["CANARY"]);
}

#[test]
fn f04_headers_that_rename_the_request() {
    let bench = bench();
    let names = [
        "X-Forwarded-Uri",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Prefix",
        "X-Forwarded-Port",
        "X-Forwarded-Method",
        "X-Original-URL",
        "X-Original-Method",
        "X-Rewrite-URL",
        "X-HTTP-Method-Override",
        "X-HTTP-Method",
        "X-Method-Override",
        "X-Host",
        "X-Forwarded-Server",
        "X-Original-Host",
    ];
    for value in ["/accountz", "DELETE", "healthz", "evil.test"] {
        let lines: String = names.iter().map(|name| format!("{name}: {value}\r\n")).collect();
        let seen = upstream_got(&bench, "/varz", &lines).unwrap();
        only_ours(&seen, &[value]);
        assert_eq!(seen.line(), "GET /varz HTTP/1.1");
        let token = Issuer::shared().token("viewer");
        let lines = lines.replace("/accountz", "/varz").replace("DELETE", "GET");
        assert_eq!(bench.client.request("GET", "/accountz", Some(&token), &lines).status, 403);
    }
    assert!(bench.upstream.requests().iter().all(|seen| seen.target() == "/varz"));
}

#[test]
fn f05_underscore_aliases() {
    let bench = bench();
    let lines = "X_Forwarded_User: CANARY\r\nX-Forwarded_User: CANARY\r\nREMOTE_USER: CANARY\r\nHTTP_X_FORWARDED_USER: CANARY\r\n";
    if let Some(seen) = upstream_got(&bench, "/varz", lines) {
        only_ours(&seen, &["CANARY"]);
    }
}

#[test]
fn f06_mixed_aliases() {
    let bench = bench();
    for line in [
        "x-forwarded-USER: CANARY\r\n",
        "X.Forwarded.User: CANARY\r\n",
        "X-Forwarded-User!: CANARY\r\n",
        "X~Forwarded~User: CANARY\r\n",
        "'X-Forwarded-User': CANARY\r\n",
    ] {
        if let Some(seen) = upstream_got(&bench, "/varz", line) {
            only_ours(&seen, &["CANARY"]);
        }
    }
}

/// A request with these `Connection` lines goes up with all the fields that one without them has.
fn nothing_is_lost(bench: &Bench, lines: &str) {
    let names = |seen: &Seen| seen.headers().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let plain = names(&upstream_got(bench, "/varz", "").unwrap());
    if let Some(seen) = upstream_got(bench, "/varz", lines) {
        only_ours(&seen, &["CANARY"]);
        assert_eq!(names(&seen), plain, "{lines:?} took a header away");
    }
}

#[test]
fn f07_connection_names_headers_of_the_gateway() {
    let bench = bench();
    for lines in [
        "Connection: X-Forwarded-User\r\nX-Forwarded-User: CANARY\r\n",
        "Connection: close, X-Request-Id, Via, Host, User-Agent, Accept\r\n",
        "Connection: X-REQUEST-ID\r\n",
    ] {
        nothing_is_lost(&bench, lines);
    }
}

#[test]
fn f08_connection_in_lower_case_repeated_and_long() {
    let bench = bench();
    let many: String = (0..11).map(|number| format!("X-{number}, ")).collect();
    for lines in [
        "connection: x-request-id\r\nconnection: via\r\nConnection: host\r\n".to_owned(),
        format!("Connection: {many}X-Request-Id\r\n"),
        "Connection: ,,,x-request-id;q=1,,\r\n".to_owned(),
    ] {
        nothing_is_lost(&bench, &lines);
    }
}

#[test]
fn f09_connection_names_authorization() {
    let bench = bench();
    let seen = upstream_got(&bench, "/varz", "Connection: Authorization\r\n");
    only_ours(&seen.expect("still authenticated"), &[]);
    let anonymous = bench.client.request("GET", "/varz", None, "Connection: Authorization\r\n");
    assert_eq!(anonymous.status, 401);
    assert_eq!(bench.upstream.requests().len(), 1);
}

#[test]
fn f10_trailers_never_become_headers() {
    let bench = bench();
    let lines = "TE: trailers\r\nTrailer: Authorization, X-Forwarded-User\r\n";
    if let Some(seen) = upstream_got(&bench, "/varz", lines) {
        only_ours(&seen, &["trailer", "Trailer"]);
    }
    let before = bench.upstream.requests().len();
    let chunked = format!(
        "{lines}Transfer-Encoding: chunked\r\n\r\n0\r\nAuthorization: Bearer {}\r\nX-Forwarded-User: CANARY\r\n",
        Issuer::shared().token("admin")
    );
    let answer = bench.client.exchange(crate::support::client::request("GET", "/varz", None, &chunked).as_bytes());
    assert!([400, 401].contains(&answer.status()), "{answer:?}");
    assert_eq!(bench.upstream.requests().len(), before);
}

#[test]
fn f11_the_same_on_the_health_endpoint() {
    let bench = bench();
    let lines: String = IDENTITY.iter().map(|name| format!("{name}: CANARY\r\n")).collect();
    only_ours(&upstream_got(&bench, "/healthz", &lines).unwrap(), &["CANARY"]);
    assert_eq!(bench.client.request("OPTIONS", "/healthz", None, &lines).status, 401);
    assert_eq!(bench.client.request("GET", "/healthz", None, &lines).status, 401);
    assert_eq!(bench.upstream.requests().len(), 1);
}

#[test]
fn f12_no_credential_goes_upstream() {
    let bench = bench();
    let token = Issuer::shared().token("viewer");
    let lines = "Cookie: session=CANARY\r\nProxy-Authorization: Basic CANARY\r\nX-Api-Key: CANARY\r\nX-Amz-Security-Token: CANARY\r\n\
                 DPoP: CANARY\r\nX-Goog-IAP-JWT-Assertion: CANARY\r\nCf-Access-Jwt-Assertion: CANARY\r\nReferer: https://CANARY/\r\n\
                 User-Agent: CANARY\r\nAccept: CANARY/CANARY\r\nVia: 1.1 CANARY\r\ntraceparent: CANARY\r\n";
    let seen = upstream_got(&bench, "/varz", lines).unwrap();
    only_ours(&seen, &["CANARY", &token, token.rsplit('.').next().unwrap()]);
    let host = bench.upstream.address().to_string();
    assert!(seen.headers().contains(&("host".to_owned(), host)), "{}", seen.head);
}

#[test]
fn f13_the_upstream_gets_the_allow_list_and_each_value_is_ours() {
    let bench = bench();
    let fields = ["Host", "Accept", "Accept-Encoding", "Accept-Language", "User-Agent", "Via", "X-Request-Id"]
        .into_iter()
        .chain(["traceparent", "tracestate", "baggage", "Cookie", "Origin", "Referer", "Range", "If-None-Match"])
        .chain(["If-Modified-Since", "Cache-Control", "Pragma", "Priority", "Sec-Fetch-Mode", "DNT", "Warning", "From"])
        .chain(["X-Goog-IAP-JWT-Assertion", "Cf-Access-Jwt-Assertion", "X-Amzn-Oidc-Data", "X-Pomerium-Jwt-Assertion"])
        .chain(["X-Amzn-Oidc-Identity", "X-Amzn-Oidc-Accesstoken", "X-Pomerium-Claim-Email", "Grpc-Metadata-X", "A"]);
    let lines: String = fields.clone().skip(1).map(|name| format!("{name}: CANARY\r\n")).collect();
    let token = Issuer::shared().token("viewer");
    let h1 = upstream_got(&bench, "/varz", &lines).unwrap();
    let lower: Vec<String> = fields.skip(1).map(str::to_lowercase).collect();
    let pairs: Vec<(&str, &str)> = lower.iter().map(|name| (name.as_str(), "CANARY")).collect();
    success(&h2client::request(&bench.client, "GET", "/varz", Some(&token), &pairs).unwrap(), "h2");
    let h2 = bench.upstream.requests().pop().unwrap();
    let host = bench.upstream.address().to_string();
    for seen in [h1, h2] {
        only_ours(&seen, &["CANARY"]);
        let headers = seen.headers();
        let fixed = |(name, _): &&(String, String)| !["x-request-id", "traceparent", "via"].contains(&name.as_str());
        let values: Vec<(&str, &str)> =
            headers.iter().filter(fixed).map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let ours = [
            ("host", host.as_str()),
            ("accept-encoding", "identity"),
            ("accept", "application/json"),
            ("user-agent", "monward"),
        ];
        assert_eq!(values, ours, "{}", seen.head);
        assert_eq!(headers.len(), ours.len() + 3, "{}", seen.head);
        assert!(headers.iter().any(|(name, value)| name == "via" && value.starts_with("1.1 monward-")));
    }
}

#[test]
fn f14_a_request_that_passed_here_before_is_refused() {
    let bench = bench();
    let token = Issuer::shared().token("viewer");
    let seen = upstream_got(&bench, "/varz", "").unwrap();
    let ours = seen.headers().into_iter().find(|(name, _)| name == "via").unwrap().1;
    let before = bench.upstream.requests().len();
    for lines in [
        format!("Via: {ours}\r\n"),
        format!("vIA: 1.0 fred, {}\r\n", ours.to_uppercase()),
        format!("Via: 1.0 fred (a, b)\r\nVia: {ours} (again)\r\n"),
        format!("Via: HTTP/2 {} , 1.1 other\r\n", &ours[4..]),
    ] {
        for token in [Some(token.as_str()), None] {
            let answer = bench.client.request("GET", "/varz", token, &lines);
            assert_eq!(answer.status, 508, "{lines:?}: {}", answer.head);
        }
    }
    for via in [ours.as_str(), &format!("1.0 fred, 2 {}", &ours[4..])] {
        let answer = h2client::request(&bench.client, "GET", "/varz", Some(&token), &[("via", via)]).unwrap();
        assert_eq!(answer.status, 508, "h2 {via}");
    }
    let twice = [("via", "1.0 fred"), ("via", ours.as_str())];
    assert_eq!(h2client::request(&bench.client, "GET", "/varz", Some(&token), &twice).unwrap().status, 508);
    assert_eq!(bench.upstream.requests().len(), before, "a loop reached the upstream");
    let comment = format!("1.1 other ({ours})");
    for via in ["1.1 monward.example.org", "1.1 monward-00000000", &comment, &format!("{ours}:8443"), "monward"] {
        let lines = format!("Via: {via}\r\n");
        assert_eq!(bench.client.request("GET", "/varz", Some(&token), &lines).status, 200, "{via}");
        let answer = h2client::request(&bench.client, "GET", "/varz", Some(&token), &[("via", via)]).unwrap();
        assert_eq!(answer.status, 200, "h2 {via}");
    }
    let loops = |record: &serde_json::Value| record.to_string().contains("\"loop\"");
    assert_eq!(bench.gateway.audit(22).iter().filter(|record| loops(record)).count(), 11);
}

#[test]
fn f14_a_gateway_before_itself_turns_once() {
    let bench = bench();
    // What goes upstream comes back as a request, as it does when the upstream is the gateway's own address.
    let seen = upstream_got(&bench, "/varz", "").unwrap();
    let authorization = crate::support::bench::authorization_line("viewer");
    let again = seen.head.replace(&bench.upstream.address().to_string(), "mon.test");
    let again = again.replacen("\r\n", &format!("\r\n{authorization}"), 1);
    let exchange = bench.client.exchange(again.as_bytes());
    assert_eq!(exchange.status(), 508, "{again:?}: {exchange:?}");
    assert_eq!(bench.upstream.requests().len(), 1);
}
