use std::time::Duration;

use super::*;
use crate::authn::Door;
use crate::authn::Profile;
use crate::config::{AskClient, AskWay, Certificate, Judged, KeySource, Route};
use crate::gate::Proxy;

const GOOD: &str = "\
version: 1
listeners:
  - address: 127.0.0.1:8443
    hosts: [NATS.example.org]
    certificates:
      - { certificate: server.pem, key: server.key }
    min_tls: \"1.3\"
    upstream: nats
admin: { address: 127.0.0.1:9901 }
issuers:
  corp:
    issuer: https://idp.example.org
    audiences: [nats-monitoring]
    jwks_file: jwks.json
    algorithms: [RS256, EdDSA]
    profile: jwt
    leeway: 10s
upstreams:
  nats:
    url: https://nats.internal:8222
    policy: policies/nats.yaml
    ca_file: ca.pem
    timeouts: { connect: 1s }
    max_body: 1MiB
limits: { header: 5s, header_bytes: 8KiB }
audit: { file: audit.jsonl }
log: { level: debug, format: json }
threads: 2
";

fn faults(text: &str) -> Vec<String> {
    read("monward.yaml", text).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

/// `GOOD` with one line replaced.
fn with(line: &str, replacement: &str) -> String {
    assert!(GOOD.contains(line), "{line}");
    GOOD.replacen(line, replacement, 1)
}

#[test]
fn every_value_arrives_where_it_belongs() {
    let config = read("monward.yaml", GOOD).unwrap();
    let listener = &config.listeners[0];
    assert_eq!(listener.hosts, ["nats.example.org"]);
    assert!(!listener.tls12);
    let issuer = &config.issuers[0];
    assert_eq!((issuer.tokens.name.as_str(), issuer.tokens.profile), ("corp", Profile::Jwt));
    let Judged::ByKeys(keys) = &issuer.judged else { panic!("{issuer:?}") };
    assert_eq!(keys.source, KeySource::File("jwks.json".into()));
    assert_eq!((issuer.tokens.leeway, keys.max_stale), (Duration::from_secs(10), Duration::from_hours(24)));
    let upstream = &config.upstreams[0];
    assert_eq!((upstream.tls, upstream.host.as_str(), upstream.port), (true, "nats.internal", 8222));
    assert_eq!((upstream.connect_timeout, upstream.total_timeout), (Duration::from_secs(1), Duration::from_secs(30)));
    assert_eq!(upstream.max_body, 1 << 20);
    assert_eq!((config.limits.header, config.limits.header_bytes), (Duration::from_secs(5), 8192));
    assert_eq!(config.audit, Audit { stdout: false, file: Some("audit.jsonl".into()) });
    assert_eq!((config.log.level.as_str(), config.log.json, config.threads), ("debug", true, Some(2)));
}

#[test]
fn what_is_left_out_has_a_safe_default() {
    let text = GOOD.lines().take_while(|line| !line.starts_with("limits")).filter(|line| {
        !["admin", "    hosts", "    min_tls", "    algorithms", "    profile", "    leeway"]
            .iter()
            .any(|start| line.starts_with(start))
    });
    let config = read("monward.yaml", &text.collect::<Vec<_>>().join("\n")).unwrap();
    assert_eq!(config.admin.to_string(), "127.0.0.1:9901");
    assert!(config.listeners[0].hosts.is_empty() && config.listeners[0].tls12);
    assert_eq!(config.issuers[0].tokens.profile, Profile::Rfc9068);
    assert_eq!(config.issuers[0].tokens.leeway, Duration::from_secs(30));
    assert_eq!(config.audit, Audit { stdout: true, file: None });
    assert_eq!(config.limits.header, Duration::from_secs(10));
}

#[test]
fn each_fault_says_where_it_is_and_what_to_do() {
    for (line, replacement, expected) in [
        ("version: 1", "version: 2", "monward.yaml:1:10: this monward reads version 1 only"),
        (
            "    upstream: nats",
            "    upstream: nast",
            "monward.yaml:8:15: unknown upstream `nast`; did you mean `nats`?",
        ),
        (
            "admin: { address: 127.0.0.1:9901 }",
            "admin: { address: 0.0.0.0:9901 }",
            "monward.yaml:9:19: the admin listener has no authentication: bind it to a loopback address",
        ),
        ("    leeway: 10s", "    leeway: 61s", "monward.yaml:17:13: `61s` is out of range: 0s to 60s"),
        (
            "    leeway: 10s",
            "    leeway: 10",
            "monward.yaml:17:13: `10` has no unit that is known here; write it like `30s`",
        ),
        ("    leeway: 10s", "    leway: 10s", "monward.yaml:17:5: unknown key `leway`; did you mean `leeway`?"),
        ("[RS256, EdDSA]", "[RS256, HS256]", "monward.yaml:15:17: unknown algorithm `HS256`; did you mean `RS256`?"),
        (
            "    jwks_file: jwks.json",
            "    jwks_url: http://idp.example.org/keys",
            "monward.yaml:14:15: issuers are called over https only (http: only on loopback with `allow_private_addresses: true`)",
        ),
        (
            "    jwks_file: jwks.json",
            "    jwks_url: http://127.0.0.1.example.org/keys\n    allow_private_addresses: true",
            "monward.yaml:14:15: issuers are called over https only (http: only on loopback with `allow_private_addresses: true`)",
        ),
        (
            "    url: https://nats.internal:8222",
            "    url: http://nats.internal:8222",
            "monward.yaml:20:10: `ca_file`, `certificate`, `key` and `server_name` are for `https://` upstreams",
        ),
        (
            "audit: { file: audit.jsonl }",
            "audit: { stdout: false }",
            "monward.yaml:26:8: audit records must go somewhere: `stdout: true`, or `file: PATH`",
        ),
        (
            "    audiences: [nats-monitoring]",
            "    audiences: []",
            "monward.yaml:13:16: expected at least one value, and none of them empty",
        ),
        ("threads: 2", "threads: 0", "monward.yaml:28:10: 0 is out of range: 1 to 1024"),
        ("threads: 2", "threads: \"2\"", "monward.yaml:28:10: expected a whole number"),
    ] {
        assert_eq!(faults(&with(line, replacement)), [expected], "{replacement}");
    }
}

#[test]
fn b11_hosts_that_may_hold_the_keys_are_named_for_discovery_alone() {
    let discovery = |hosts: &str| with("    jwks_file: jwks.json", &format!("    jwks_hosts: {hosts}"));
    let config = read("monward.yaml", &discovery("[Keys.example.org, 192.0.2.1, '[2001:DB8::1]']")).unwrap();
    let Judged::ByKeys(keys) = &config.issuers[0].judged else { panic!("{config:?}") };
    assert_eq!(keys.hosts, ["keys.example.org", "192.0.2.1", "2001:db8::1"]);
    assert_eq!(keys.source, KeySource::Discovery);
    for wrong in ["https://a", "a:8443", "'*.example.org'", "a/b", "a b"] {
        let found = faults(&discovery(&format!("[keys.example.org, {wrong}]")));
        let wrong = wrong.trim_matches('\'');
        let expected =
            format!("monward.yaml:14:17: `{wrong}` is not a host name; write it without scheme, port and wildcard");
        assert_eq!(found, [expected]);
    }
    assert_eq!(faults(&discovery("[]")), ["monward.yaml:14:17: expected at least one value, and none of them empty"]);
    for keys in ["jwks_file: j", "jwks_url: https://idp.example.org/k"] {
        let found = faults(&with("    jwks_file: jwks.json", &format!("    {keys}\n    jwks_hosts: [a]")));
        assert!(found.len() == 1 && found[0].contains("`jwks_hosts` is for discovery"), "{found:?}");
    }
}

#[test]
fn the_folder_for_keys_is_off_unless_named() {
    assert_eq!(read("monward.yaml", GOOD).unwrap().state_dir, None);
    let named = with("threads: 2", "threads: 2\nstate_dir: /var/lib/monward");
    assert_eq!(read("monward.yaml", &named).unwrap().state_dir, Some("/var/lib/monward".into()));
    assert_eq!(faults(&with("threads: 2", "state_dir: ''")), ["monward.yaml:28:12: expected a path, found nothing"]);
}

#[test]
fn an_upstream_gives_secrets_by_name_and_file() {
    assert_eq!(read("monward.yaml", GOOD).unwrap().upstreams[0].secrets, []);
    let given = |text: &str| with("    max_body: 1MiB", &format!("    max_body: 1MiB\n    secrets: {text}"));
    let config = read("monward.yaml", &given("{ api_key: { file: api.key }, hmac: { file: /run/hmac } }")).unwrap();
    let wanted = [("api_key".to_owned(), "api.key".into()), ("hmac".to_owned(), "/run/hmac".into())];
    assert_eq!(config.upstreams[0].secrets, wanted);
    for (text, message) in [
        ("[api_key]", "25:14: expected a mapping, found a list"),
        ("{ api_key: api.key }", "25:25: expected a mapping, found a single value"),
        ("{ api_key: {} }", "25:25: `file` is missing here"),
        ("{ api_key: { file: '' } }", "25:33: expected a path, found nothing"),
        ("{ api_key: { value: hunter2 } }", "25:27: unknown key `value`; known are `file`"),
    ] {
        assert!(
            faults(&given(text)).contains(&format!("monward.yaml:{message}")),
            "{text}: {:?}",
            faults(&given(text))
        );
    }
}

#[test]
fn pseudonyms_have_a_key_of_their_own_when_one_is_named() {
    assert_eq!(read("monward.yaml", GOOD).unwrap().pseudonym_key, None);
    let given = |text: &str| with("threads: 2", &format!("redaction: {text}"));
    let named = read("monward.yaml", &given("{ pseudonym_key: { file: names.key } }")).unwrap();
    assert_eq!(named.pseudonym_key, Some("names.key".into()));
    for (text, message) in [
        ("{}", "28:12: `pseudonym_key` is missing here"),
        ("{ pseudonym_key: hunter2 }", "28:29: expected a mapping, found a single value"),
        ("{ pseudonym_key: {} }", "28:29: `file` is missing here"),
        ("{ key: { file: a } }", "28:14: unknown key `key`; known are `pseudonym_key`"),
    ] {
        let found = faults(&given(text));
        assert!(found.contains(&format!("monward.yaml:{message}")), "{text}: {found:?}");
        assert!(!found.concat().contains("hunter2"), "{text}: {found:?}");
    }
}

#[test]
fn all_faults_come_at_once() {
    let text =
        with("version: 1", "version: 3").replace("127.0.0.1:8443", "nowhere").replace("max_body: 1MiB", "max_body: 1");
    let found = faults(&text);
    assert_eq!(found.len(), 3, "{found:#?}");
    let lines: Vec<&str> = found.iter().filter_map(|fault| fault.split(':').nth(1)).collect();
    assert_eq!(lines, ["1", "3", "24"], "in the order of the file");
}

#[test]
fn nothing_at_all_is_told_what_is_missing() {
    let found = faults("{}");
    for key in ["version", "listeners", "issuers", "upstreams"] {
        assert!(found.iter().any(|fault| fault.ends_with(&format!("`{key}` is missing here"))), "{key}: {found:#?}");
    }
}

#[test]
fn two_issuers_cannot_share_an_iss() {
    let second = "issuers:\n  other:\n    issuer: https://idp.example.org\n    audiences: [us]\n    jwks_file: j\n";
    let found = faults(&with("issuers:\n", second));
    assert_eq!(found, ["monward.yaml:11:3: `other` and `corp` have the same `issuer`; give each its own"]);
}

/// `GOOD` with `issuers` instead of its own, and with HTTP Basic.
fn with_issuers(issuers: &str) -> String {
    let text = with("    min_tls: \"1.3\"", "    basic: true");
    let (before, rest) = text.split_once("issuers:\n").unwrap();
    let (_, after) = rest.split_once("upstreams:").unwrap();
    format!("{before}issuers:\n{issuers}\nupstreams:{after}")
}

#[test]
fn each_kind_of_issuer_is_read() {
    let config = read(
        "monward.yaml",
        &with_issuers(
            "  opaque: { introspection: { url: https://idp.test/i, client_id: us, client_secret_file: s }, audiences: [us], cache: 5s }
  certified: { introspection: { url: https://b.test/i, client_id: us, certificate: c, key: k }, issuer: https://b.test, audiences: [us] }
  cluster: { kubernetes: { server: https://k8s.test/, token_file: t }, issuer: https://k8s.test, audiences: [us] }
  reviewed: { kubernetes: { server: https://k.test, token_file: t, review: true }, issuer: https://k.test, audiences: [us] }
  iap: { front_door: google_iap, audiences: [us], from: { networks: [10.0.0.0/8, 2001:db8::/32] } }
  alb:
    front_door: aws_alb
    issuer: https://idp.test
    from: { client_cert: { dns: alb.test } }
    aws: { region: eu-west-1, signers: [arn], client: us }
  keys: { static_keys: keys.yaml }",
        ),
    )
    .unwrap();
    let named = |name: &str| config.issuers.iter().find(|issuer| issuer.tokens.name == name).unwrap();
    let asked = |name: &str| {
        let Judged::ByAsking(ask) = &named(name).judged else { panic!("{name}") };
        (ask.way.clone(), ask.cache.as_secs())
    };
    let by_keys = |name: &str| {
        let Judged::ByKeys(keys) = &named(name).judged else { panic!("{name}") };
        keys.clone()
    };
    let introspection =
        |url: &str, client| AskWay::Introspection { url: url.to_owned(), client_id: "us".to_owned(), client };
    assert_eq!(asked("opaque"), (introspection("https://idp.test/i", AskClient::SecretFile("s".into())), 5));
    let pair = Certificate { certificate: "c".into(), key: "k".into() };
    assert_eq!(asked("certified"), (introspection("https://b.test/i", AskClient::Certificate(pair)), 30));
    assert_eq!((named("opaque").tokens.issuer.as_str(), named("opaque").tokens.profile), ("", Profile::Asked));
    let review = AskWay::Review { server: "https://k.test".to_owned(), token_file: "t".into() };
    assert_eq!(asked("reviewed"), (review, 10));
    let cluster = by_keys("cluster");
    assert_eq!(cluster.source, KeySource::Url("https://k8s.test/openid/v1/jwks".to_owned()));
    assert_eq!((cluster.token_file, named("cluster").allow_private_addresses), (Some("t".into()), true));
    let iap = &named("iap").tokens;
    assert_eq!((iap.issuer.as_str(), iap.profile), ("https://cloud.google.com/iap", Profile::Door(Door::GoogleIap)));
    assert_eq!((iap.trusted.networks.len(), iap.max_lifetime), (2, Door::GoogleIap.max_lifetime()));
    assert_eq!(by_keys("alb").source, KeySource::Alb { region: "eu-west-1".to_owned() });
    assert_eq!(named("alb").tokens.load_balancers.signers, ["arn"]);
    assert_eq!(named("keys").judged, Judged::ByFile("keys.yaml".into()));
}

/// Issuers with one fault each, and where it is found.
const WRONG_ISSUERS: [(&str, &str); 16] = [
    (
        "  client_certificate: { static_keys: k }",
        "11:3: this name stands for client certificates; give the issuer another",
    ),
    (
        "  a: { static_keys: k, front_door: pomerium }",
        "11:24: an issuer has at most one of `introspection`, `kubernetes`, `front_door`, `static_keys`",
    ),
    ("  a: { static_keys: k, audiences: [x] }", "11:24: unknown key `audiences`; known are `static_keys`"),
    (
        "  a: { audiences: [us], introspection: { url: https://i.test, client_id: us } }",
        "11:40: write either `client_secret_file`, or `certificate` and `key`",
    ),
    (
        "  a: { audiences: [us], introspection: { url: http://i.test, client_id: us, client_secret_file: s } }",
        "11:47: issuers are called over https only (http: only on loopback with `allow_private_addresses: true`)",
    ),
    (
        "  a: { audiences: [us], introspection: { url: https://i.test, client_id: us, client_secret_file: s }, cache: 6m }",
        "11:110: `6m` is out of range: 0s to 5m",
    ),
    (
        "  a: { kubernetes: { server: https://k.test, token_file: t }, audiences: [us] }",
        "11:6: `issuer` is missing here",
    ),
    (
        "  a: { front_door: pomerum, from: { networks: [10.0.0.0/8] } }",
        "11:20: unknown front door `pomerum`; did you mean `pomerium`?",
    ),
    ("  a: { front_door: google_iap, audiences: [x] }", "11:6: `from` is missing here"),
    (
        "  a: { front_door: google_iap, audiences: [x], from: {} }",
        "11:54: nobody is trusted by this; write `networks`, `client_cert` or both",
    ),
    (
        "  a: { front_door: google_iap, audiences: [x], from: { networks: [0.0.0.0/0] } }",
        "11:67: `0.0.0.0/0` is everybody; write the networks that it comes from",
    ),
    (
        "  a: { front_door: google_iap, audiences: [x], from: { networks: [10.1.0.0/8] } }",
        "11:67: `10.1.0.0/8` has bits behind its prefix; write `10.0.0.0/8`",
    ),
    (
        "  a: { front_door: google_iap, issuer: https://x.test, audiences: [x], from: { networks: [10.0.0.0/8] } }",
        "11:40: the `issuer` of this front door is always `https://cloud.google.com/iap`; leave it out",
    ),
    (
        "  a: { front_door: aws_alb, issuer: https://x.test, audiences: [x], from: { networks: [10.0.0.0/8] }, aws: { region: r, signers: [s], client: c } }",
        "11:64: the assertions of this front door name no audience; `aws.client` takes its place",
    ),
    (
        "  a: { static_keys: k }\n  b: { static_keys: l }",
        "11:3: `a` and `b` both have static keys; put them into one file",
    ),
    (
        "  a: { audiences: [us], introspection: { url: https://i.test, client_id: us, client_secret_file: s } }\n  b: { audiences: [us], introspection: { url: https://j.test, client_id: us, client_secret_file: s } }",
        "11:3: `a` and `b` would both be asked about tokens that name no issuer; give one of them an `issuer`",
    ),
];

#[test]
fn a_wrong_issuer_of_each_kind_is_a_fault_that_says_what_to_do() {
    for (issuers, expected) in WRONG_ISSUERS {
        let found = faults(&with_issuers(issuers));
        assert_eq!(found, [format!("monward.yaml:{expected}")], "{issuers}");
    }
}

#[test]
fn a_front_door_may_share_its_issuer_with_bearer_tokens() {
    let alb = "aws: { region: r, signers: [s], client: c }";
    let issuers = format!(
        "  idp: {{ issuer: https://idp.test, audiences: [us] }}
  alb: {{ front_door: aws_alb, issuer: https://idp.test, from: {{ networks: [10.0.0.0/8] }}, {alb} }}"
    );
    assert_eq!(faults(&with_issuers(&issuers)), Vec::<String>::new());
}

#[test]
fn client_certificates_have_their_files_and_may_be_all_there_is() {
    let trust =
        "    upstream: nats\n    client_auth: required\n    client_ca_file: ca.pem\n    crl_files: [a.crl, b.crl]";
    let config = read("monward.yaml", &with("    upstream: nats", trust)).unwrap();
    let settings = config.listeners[0].client_auth.clone().unwrap();
    assert!(settings.required);
    assert_eq!((settings.ca_file, settings.crl_files.len()), ("ca.pem".into(), 2));
    let alone = with("    upstream: nats", trust);
    let (before, rest) = alone.split_once("issuers:\n").unwrap();
    let alone = format!("{before}upstreams:{}", rest.split_once("upstreams:").unwrap().1);
    assert_eq!(read("monward.yaml", &alone).unwrap().issuers, []);
    for (replacement, expected) in [
        ("    upstream: nats\n    client_auth: optional", "3:5: `client_ca_file` is missing here"),
        (
            "    upstream: nats\n    client_ca_file: ca.pem",
            "9:21: has no effect without `client_auth: optional` or `client_auth: required`",
        ),
        (
            "    upstream: nats\n    client_auth: on",
            "9:18: unknown client_auth `on`; known are `off`, `optional`, `required`",
        ),
    ] {
        assert_eq!(faults(&with("    upstream: nats", replacement)), [format!("monward.yaml:{expected}")]);
    }
}

#[test]
fn static_keys_without_a_listener_that_takes_them_are_a_fault() {
    let text = with_issuers("  keys: { static_keys: k }").replace("basic: true", "basic: false");
    let expected = "`keys` has static keys, which come by HTTP Basic: a listener needs `basic: true`";
    assert_eq!(faults(&text), [format!("monward.yaml:11:3: {expected}")]);
}

/// `GOOD` with a second upstream, and these lines instead of `hosts` and `upstream` of the listener.
fn with_routes(lines: &str) -> String {
    let second = "upstreams:\n  edge: { url: http://127.0.0.1:1, policy: edge.yaml }\n";
    let text = with("    hosts: [NATS.example.org]\n", "").replacen("    upstream: nats\n", lines, 1);
    text.replacen("upstreams:\n", second, 1)
}

#[test]
fn routes_are_by_host_by_prefix_or_both() {
    let text = "    hosts: [a.test, B.test.]
    routes:
      - { host: A.Test, prefix: /nats, upstream: nats }
      - { host: b.test., upstream: edge }
      - { prefix: /a/b-1.2_~, upstream: nats }
      - { upstream: edge }
";
    let config = read("monward.yaml", &with_routes(text)).unwrap();
    let route = |host: Option<&str>, prefix: &str, upstream| Route {
        host: host.map(str::to_owned),
        prefix: prefix.to_owned(),
        upstream,
    };
    assert_eq!(config.listeners[0].hosts, ["a.test", "b.test"]);
    let wanted = [
        route(Some("a.test"), "/nats", 1),
        route(Some("b.test"), "", 0),
        route(None, "/a/b-1.2_~", 1),
        route(None, "", 0),
    ];
    assert_eq!(config.listeners[0].routes, wanted);
    let one = read("monward.yaml", GOOD).unwrap();
    assert_eq!(one.listeners[0].routes, [route(None, "", 0)]);
}

const CANONICAL: &str = "is not canonical: write `/a/b` of unreserved characters, no slash last";

/// Routes with faults, and what is said of them.
const WRONG_ROUTES: [(&str, &[&str]); 13] = [
    ("", &["3:5: `upstream` is missing here"]),
    ("    routes: []\n", &["7:13: `routes` is empty; name at least one, or write `upstream`"]),
    ("    upstream: nats\n    routes: [{ upstream: nats }]\n", &["7:15: a listener has either `upstream` or `routes`"]),
    ("    routes: [{ prefix: /a }]\n", &["7:14: `upstream` is missing here"]),
    ("    routes: [{ prefix: /a, upstream: nast }]\n", &["7:38: unknown upstream `nast`; did you mean `nats`?"]),
    ("    routes: [{ prefx: /a, upstream: nats }]\n", &["7:16: unknown key `prefx`; did you mean `prefix`?"]),
    ("    routes: [{ prefix: /, upstream: nats }]\n", &["7:24: leave `prefix` out to mean every path"]),
    (
        "    routes: [{ prefix: /-/a, upstream: nats }]\n",
        &["7:24: paths below `/-` are monward's own; take another prefix"],
    ),
    (
        "    routes: [{ host: 'https://a', upstream: nats }, { prefix: /b/, upstream: nast }]\n",
        &[
            "7:22: `https://a` is not a host name; write it without scheme, port and wildcard",
            "7:63: `/b/` is not canonical: write `/a/b` of unreserved characters, no slash last",
            "7:78: unknown upstream `nast`; did you mean `nats`?",
        ],
    ),
    (
        "    routes: [{ prefix: /a, upstream: nats }, { prefix: /a, upstream: edge }]\n",
        &["7:46: this is for the same requests as the route of line 7; keep one"],
    ),
    (
        "    routes: [{ upstream: nats }, { upstream: nats }]\n",
        &["7:34: this is for the same requests as the route of line 7; keep one"],
    ),
    (
        "    routes: [{ host: a, upstream: nats }, { host: A., upstream: edge }]\n",
        &["7:43: this is for the same requests as the route of line 7; keep one"],
    ),
    (
        "    hosts: [a, c]\n    routes: [{ host: a, upstream: nats }, { host: b, upstream: nats }]\n",
        &[
            "8:13: `hosts` names `c`, but no route is for it",
            "8:13: no request reaches the route for `b`: `hosts` does not name it",
        ],
    ),
];

#[test]
fn a_fault_in_routes_says_where_it_is_and_what_to_do() {
    for (lines, wanted) in WRONG_ROUTES {
        let mut found = faults(&with_routes(lines));
        found.sort();
        let wanted: Vec<String> = wanted.iter().map(|fault| format!("monward.yaml:{fault}")).collect();
        assert_eq!(found, wanted, "{lines}");
    }
    for prefix in ["nats", "/nats/", "//nats", "/a//b", "/./a", "/..", "/n%61ts", "/n ts", "/a?b", "'/a#b'", "/ä", "''"]
    {
        let lines = format!("    routes: [{{ prefix: {prefix}, upstream: nats }}]\n");
        let found = faults(&with_routes(&lines));
        assert_eq!(found, [format!("monward.yaml:7:24: `{}` {CANONICAL}", prefix.trim_matches('\''))], "{prefix}");
    }
}

#[test]
fn a_path_in_the_address_of_an_upstream_is_canonical() {
    let config = read("monward.yaml", &with("nats.internal:8222", "nats.internal:8222/nats")).unwrap();
    assert_eq!(config.upstreams[0].base, "/nats");
    let found = faults(&with("nats.internal:8222", "nats.internal:8222/nats/"));
    assert_eq!(found, [format!("monward.yaml:20:10: the path `/nats/` {CANONICAL}")]);
}

/// `GOOD` with this `forward_auth` on a listener that asks for certificates as `client_auth` says.
fn with_proxy(client_auth: &str, forward_auth: &str) -> String {
    let ca = if client_auth == "off" { "" } else { "    client_ca_file: ca.pem\n" };
    let lines = format!("    upstream: nats\n    client_auth: {client_auth}\n{ca}    forward_auth: {forward_auth}");
    with("    upstream: nats", &lines)
}

#[test]
fn a_proxy_that_may_ask_is_named_with_all_that_it_must_show() {
    assert_eq!(read("monward.yaml", GOOD).unwrap().listeners[0].forward_auth, None);
    for (from, wanted) in [("nginx", Proxy::Nginx), ("traefik", Proxy::Traefik), ("envoy", Proxy::Envoy)] {
        let both = "trusted: { networks: [10.0.0.0/8], client_cert: { dns: proxy.test } }";
        let text = with_proxy("required", &format!("{{ from: {from}, {both} }}"));
        let found = read("monward.yaml", &text).unwrap().listeners[0].forward_auth.clone().unwrap();
        assert_eq!((found.from, found.trusted.networks.len(), found.trusted.certificates.len()), (wanted, 1, 1));
    }
    let networks = "{ from: nginx, trusted: { networks: [10.0.0.0/8] } }";
    assert!(read("monward.yaml", &with_proxy("off", networks)).unwrap().listeners[0].forward_auth.is_some());
    for (client_auth, forward_auth, expected) in [
        ("off", "{ from: nginx }", "10:19: `trusted` is missing here"),
        ("off", "{ trusted: { networks: [10.0.0.0/8] } }", "10:19: `from` is missing here"),
        (
            "off",
            "{ from: caddy, trusted: { networks: [10.0.0.0/8] } }",
            "10:27: unknown proxy `caddy`; known are `nginx`, `traefik`, `envoy`",
        ),
        (
            "off",
            "{ from: nginx, trusted: {} }",
            "10:43: nobody is trusted by this; write `networks`, `client_cert` or both",
        ),
        (
            "off",
            "{ from: nginx, trusted: { networks: [] } }",
            "10:43: nobody is trusted by this; write `networks`, `client_cert` or both",
        ),
        (
            "off",
            "{ from: nginx, trusted: { networks: ['::/0'] } }",
            "10:56: `::/0` is everybody; write the networks that it comes from",
        ),
        (
            "off",
            "{ from: nginx, trusted: { client_cert: { dns: proxy.test } } }",
            "10:19: `client_cert` needs a listener with `client_auth: optional` or `client_auth: required`",
        ),
        (
            "off",
            "{ from: nginx, trust: 1, trusted: { networks: [10.0.0.0/8] } }",
            "10:34: unknown key `trust`; did you mean `trusted`?",
        ),
    ] {
        assert_eq!(
            faults(&with_proxy(client_auth, forward_auth)),
            [format!("monward.yaml:{expected}")],
            "{forward_auth}"
        );
    }
}
