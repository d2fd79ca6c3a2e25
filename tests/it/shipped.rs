//! The shipped policies before real servers: every usual reader asks as it asks by itself, and can read the answer.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::answers::{denial, success};
use crate::support::caller::basic;
use crate::support::client::Client;
use crate::support::cluster::{self, Cluster};
use crate::support::gateway::{Gateway, Setup, plain_get};
use crate::support::http::Response;
use crate::support::keys::file;
use crate::support::nats::{Build, Nats};
use crate::support::pki::Authority;
use crate::support::tokens::{Issuer, SigningKey};
use crate::support::upstream::{Seen, Step, Upstream, json, with_length};

/// Who asks.
#[derive(Clone, Copy, Debug)]
enum Who {
    /// With the certificate of the account `1` in the namespace `0`.
    Workload(&'static str, &'static str),
    /// With a static key, by HTTP Basic.
    Key(&'static str),
    /// With a token of the account `1` in the namespace `0` of the cluster.
    Account(&'static str, &'static str),
    /// With a token of somebody in this group, of the account ACME.
    Member(&'static str),
}

const EXPORTER: Who = Who::Workload("monitoring", "nats-exporter");
const TELEGRAF: Who = Who::Workload("monitoring", "telegraf");
const DATADOG: Who = Who::Workload("datadog", "datadog-agent");
const NATS_TOP: Who = Who::Workload("nats", "nats-box");
const PROMETHEUS: Who = Who::Workload("monitoring", "prometheus");
const KUBELET: Who = Who::Key("kubelet");

/// A gateway with a shipped policy, for callers of all kinds.
struct World {
    gateway: Gateway,
    clients: Authority,
    cluster: SigningKey,
    _cluster: Cluster,
    /// The key of ACME, where there is one.
    tenant: String,
}

impl World {
    fn new(upstream: SocketAddr, policy: &str, more: &str) -> Self {
        let (clients, key) = (Authority::new("clients"), SigningKey::new("sa-1", "RS256"));
        let cluster = Cluster::start("own-1", &key);
        let mut setup = Setup::new(upstream)
            .policy(policy)
            .file("clients.pem", clients.certificate.clone())
            .file("own-token", "own-1\n")
            .file("api.key", "the-key\n")
            .file("keys.yaml", file(&[("kubelet", "sesame"), ("nats-exporter", "sesame")]));
        "    client_auth: optional\n    client_ca_file: clients.pem\n    basic: true\n".clone_into(&mut setup.listener);
        setup.more_issuers = format!("  keys: {{ static_keys: keys.yaml }}\n{}", cluster.settings(""));
        more.clone_into(&mut setup.upstream_more);
        Self { gateway: setup.start(), clients, cluster: key, _cluster: cluster, tenant: String::new() }
    }

    fn ask(&self, who: Who, method: &str, target: &str) -> Response {
        let client: Client = self.gateway.client();
        match who {
            Who::Workload(namespace, name) => {
                let uri = format!("spiffe://example.org/ns/{namespace}/sa/{name}");
                let client = client.showing(&self.clients.workload(&uri, 1), &[b"http/1.1"]);
                client.request(method, target, None, "User-Agent: Go-http-client/1.1\r\nAccept-Encoding: gzip\r\n")
            }
            Who::Key(name) => {
                let fields = format!("Authorization: {}\r\nAccept: */*\r\n", basic(name, "sesame"));
                client.request(method, target, None, &fields)
            }
            Who::Account(namespace, name) => {
                let token = cluster::token(&self.cluster, &cluster::account(namespace, name));
                client.request(method, target, Some(&token), "")
            }
            Who::Member(group) => {
                let mut claims = Issuer::shared().claims(&[]);
                claims["groups"] = json!([group]);
                claims["nats_account"] = json!(self.tenant);
                client.request(method, target, Some(&Issuer::shared().key("k1").token(&claims)), "")
            }
        }
    }

    fn get(&self, who: Who, target: &str) -> Response {
        self.ask(who, "GET", target)
    }
}

/// The usual readers, what each sends, and what a server that nobody guards is asked for the same rows.
const ASKED: &[(Who, &str, &str)] = &[
    (EXPORTER, "//varz", "/varz"),
    (EXPORTER, "/varz", "/varz"),
    (EXPORTER, "//connz", "/connz"),
    (EXPORTER, "/connz?auth=true", "/connz"),
    (EXPORTER, "//routez", "/routez"),
    (EXPORTER, "//subsz", "/subsz"),
    (EXPORTER, "//gatewayz", "/gatewayz"),
    (EXPORTER, "//leafz", "/leafz"),
    (EXPORTER, "//accstatz?unused=1", "/accstatz?unused=1"),
    (EXPORTER, "//jsz?accounts=true", "/jsz?accounts=true"),
    (EXPORTER, "//jsz?streams=true", "/jsz?streams=true"),
    (EXPORTER, "/jsz?consumers=true&config=true&raft=true", "/jsz?consumers=true&config=true"),
    (EXPORTER, "//healthz", "/healthz"),
    (EXPORTER, "//healthz?js-enabled-only=true", "/healthz?js-enabled-only=true"),
    (EXPORTER, "//healthz?js-server-only=true", "/healthz?js-server-only=true"),
    (Who::Key("nats-exporter"), "//varz", "/varz"),
    (TELEGRAF, "/varz", "/varz"),
    (DATADOG, "/varz", "/varz"),
    (DATADOG, "/connz", "/connz"),
    (DATADOG, "/routez", "/routez"),
    (NATS_TOP, "/varz", "/varz"),
    (NATS_TOP, "/connz?limit=1024&sort=cid", "/connz?limit=256"),
    (NATS_TOP, "/connz?limit=2048&sort=bytes_to&subs=1", "/connz?limit=256&sort=bytes_to&subs=1"),
    (KUBELET, "/healthz", "/healthz"),
    (KUBELET, "/healthz?js-server-only=true", "/healthz?js-server-only=true"),
    (KUBELET, "/healthz?js-enabled-only=true", "/healthz?js-enabled-only=true"),
    (Who::Account("nats", "prober"), "/healthz", "/healthz"),
    (Who::Member("nats-on-call"), "/accountz", "/accountz"),
];

/// What they do not get.
const REFUSED: &[(Who, &str)] = &[
    (EXPORTER, "/accountz"),
    (EXPORTER, "/connz?subs=1"),
    (EXPORTER, "/"),
    (TELEGRAF, "/connz"),
    (DATADOG, "/connz?auth=1"),
    (NATS_TOP, "/connz?auth=1"),
    (KUBELET, "/varz"),
    (KUBELET, "/healthz?js-enabled=true"),
    (KUBELET, "/healthz?js-server-only=true&js-enabled-only=true"),
    (PROMETHEUS, "/varz"),
    // Not from the office.
    (Who::Member("nats-on-call"), "/connz?state=closed"),
    (Who::Member("nats-tenant"), "/varz"),
    (Who::Member("nats-tenant"), "/jsz?acc=OTHER&streams=1"),
    (Who::Member("nats-operator"), "/stacksz"),
];

fn nats(build: Build) -> (Nats, World) {
    let nats = Nats::with_jetstream(build);
    let mut world = World::new(nats.monitoring, include_str!("../../policies/nats.yaml"), "");
    nats.account("ACME").public.clone_into(&mut world.tenant);
    (nats, world)
}

fn document(answer: &Response, what: &str) -> Value {
    success(answer, what);
    serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{what}: {error}: {}", answer.text()))
}

#[test]
fn every_usual_reader_of_nats_can_read_its_answers() {
    for build in Build::ALL {
        let (nats, world) = nats(build);
        for (who, target, plain) in ASKED {
            let what = format!("{build:?} {who:?} {target}");
            // Once before, for what the server only shows of endpoints that were asked.
            plain_get(nats.monitoring, plain);
            let answer = world.get(*who, target);
            let seen = document(&answer, &what);
            let whole = serde_json::from_slice(&plain_get(nats.monitoring, plain).body).unwrap();
            keeps_its_types(&seen, &whole, &what);
            for secret in nats.accounts.iter().flat_map(|account| [&account.token, &account.user_token]) {
                assert!(!answer.text().contains(secret), "{what}: {seen}");
            }
            assert!(!answer.text().contains("eyJ"), "{what}: {seen}");
        }
        for (who, target) in REFUSED {
            denial(&world.get(*who, target), &[403], target);
        }
        let root = world.get(DATADOG, "/");
        success(&root, "the page that Datadog looks for");
        assert!(root.text().contains("varz"), "{}", root.text());
    }
}

/// What is there has the type that it has in `whole`, and no number is missing; `peer` is the name of a server. Rows come
/// in any order.
fn keeps_its_types(seen: &Value, whole: &Value, what: &str) {
    match (seen, whole) {
        (Value::Object(seen), Value::Object(whole)) => {
            for (name, value) in seen {
                let other = whole.get(name).unwrap_or_else(|| panic!("{what}: nobody wrote `{name}`"));
                keeps_its_types(value, other, &format!("{what} .{name}"));
            }
            let gone =
                whole.iter().find(|(name, value)| value.is_number() && *name != "peer" && !seen.contains_key(*name));
            assert_eq!(gone, None, "{what}: a number is missing");
        }
        (Value::Array(seen), Value::Array(whole)) => {
            for (position, value) in seen.iter().enumerate() {
                let key = ["cid", "acc", "id", "name"].into_iter().find(|key| value.get(key).is_some());
                let same = |other: &&Value| key.is_some_and(|key| other[key] == value[key]);
                let other = whole.iter().find(same).or_else(|| whole.get(position)).unwrap();
                keeps_its_types(value, other, &format!("{what} []"));
            }
        }
        (Value::Null, Value::Null)
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::String(_), Value::String(_)) => {}
        (seen, whole) => panic!("{what}: {seen} instead of {whole}"),
    }
}

#[test]
fn the_rows_of_an_exporter_differ_and_say_no_more_than_they_must() {
    for build in Build::ALL {
        let (nats, world) = nats(build);
        let accounts = document(&world.get(EXPORTER, "//accstatz?unused=1"), "accstatz");
        let rows = accounts["account_statz"].as_array().unwrap();
        let names: BTreeSet<&str> = rows.iter().map(|row| row["acc"].as_str().unwrap()).collect();
        assert!(rows.len() >= 2 && names.len() == rows.len(), "{build:?}: {accounts}");

        let streams = world.get(EXPORTER, "/jsz?consumers=true&config=true&raft=true");
        let details = document(&streams, "jsz");
        let mut accounts = details["account_details"].as_array().unwrap().iter();
        let account = accounts.find(|account| account["id"] == nats.account("ACME").public.as_str()).unwrap();
        let stream = &account["stream_detail"][0];
        assert_eq!((&stream["name"], &stream["consumer_detail"][0]["name"]), (&json!("ORDERS"), &json!("worker")));
        assert!(stream["config"]["max_bytes"].is_number(), "{build:?}: {stream}");
        for gone in ["orders.", "all orders", "store_dir", "raft_group"] {
            assert!(!streams.text().contains(gone), "{build:?}: {gone}: {details}");
        }

        let connections = document(&world.get(EXPORTER, "/connz?auth=true"), "connz");
        let rows = connections["connections"].as_array().unwrap();
        let ids: BTreeSet<u64> = rows.iter().map(|row| row["cid"].as_u64().unwrap()).collect();
        assert!(rows.len() >= 2 && ids.len() == rows.len(), "{build:?}: {connections}");
        assert_eq!(connections["limit"], 1024, "{build:?}");
        for row in rows {
            assert_eq!((&row["ip"], &row["port"]), (&json!("[redacted]"), &json!(0)), "{build:?}: {row}");
            let hidden = |name: &str| row.get(name).is_none_or(|value| value.as_str().unwrap().starts_with("p-"));
            assert!(hidden("name") && hidden("account"), "{build:?}: {row}");
        }

        let top = world.get(NATS_TOP, "/connz?limit=2048&sort=cid&subs=1");
        assert_eq!(document(&top, "nats-top")["limit"], 256, "{build:?}");
        assert!(top.text().contains("ACME-orders") && top.text().contains("acme.secret."), "{build:?}: {}", top.text());
    }
}

#[test]
fn a_tenant_reads_its_own_account_and_no_other() {
    const TENANT: Who = Who::Member("nats-tenant");
    for build in Build::ALL {
        let (nats, world) = nats(build);
        let own = &nats.account("ACME").public;
        for (target, mark) in [
            ("/connz", "ACME-orders"),
            ("/connz?subs=1&state=all", "ACME-orders"),
            ("/jsz?accounts=1&streams=1&consumers=1&config=1", "\"ORDERS\""),
            ("/subsz?subs=1", "acme.secret."),
            ("/accountz", own.as_str()),
            ("/accstatz", own.as_str()),
            ("/leafz", "leafs"),
            ("/healthz?stream=ORDERS&consumer=worker", "\"status\""),
        ] {
            let answer = world.get(TENANT, target);
            document(&answer, target);
            let text = answer.text();
            // Who has no leaf node is told of none.
            assert!(text.contains(mark) || target == "/leafz", "{build:?} {target}: {mark}: {text}");
            let other = nats.account("GLOBEX");
            for mark in [other.public.as_str(), "GLOBEX", "globex.", "eyJ"] {
                assert!(!text.contains(mark), "{build:?} {target} tells about {mark}: {text}");
            }
        }
    }
}

/// Who asks with which method for what, and the status of the answer.
type Asked = (Who, &'static str, &'static str, u16);

/// A program with figures, with an answer of Centrifugo and one of `KumoMTA`.
fn program(seen: &Seen) -> Vec<Step> {
    match seen.target() {
        "/api/info" | "/health" | "/metrics.json" => json(r#"{"result":{"nodes":[{"uid":"a1b2","name":"host-7"}]}}"#),
        _ => vec![Step::Send(with_length("200 OK", "Content-Type: text/plain; version=0.0.4\r\n", b"up 1\n"))],
    }
}

#[test]
fn exporters_centrifugo_and_kumomta_are_asked_by_their_readers_alone() {
    const OPERATOR: Who = Who::Member("centrifugo-operator");
    const PROBER: Who = Who::Account("kumomta", "prober");
    const KEY: &str = ", secrets: { api_key: { file: api.key } }";
    let exporter = include_str!("../../policies/prometheus.yaml");
    let centrifugo = include_str!("../../policies/centrifugo.yaml");
    let kumomta = include_str!("../../policies/kumomta.yaml");
    let all: [(&str, &str, &[Asked]); 3] = [
        (
            exporter,
            "",
            &[
                (PROMETHEUS, "GET", "/metrics", 200),
                (Who::Member("prometheus"), "GET", "/metrics", 200),
                (Who::Member("staff"), "GET", "/metrics", 403),
                (KUBELET, "GET", "/metrics", 403),
                (PROMETHEUS, "GET", "/debug/pprof/heap", 404),
            ],
        ),
        (
            centrifugo,
            KEY,
            &[
                (PROMETHEUS, "GET", "/metrics", 200),
                (PROMETHEUS, "GET", "/health", 200),
                (OPERATOR, "POST", "/api/info", 200),
                (OPERATOR, "GET", "/api/info", 200),
                (PROMETHEUS, "POST", "/api/info", 403),
                (OPERATOR, "POST", "/api/", 403),
                (OPERATOR, "POST", "/api/publish", 404),
            ],
        ),
        (
            kumomta,
            "",
            &[
                (PROMETHEUS, "GET", "/metrics", 200),
                (PROMETHEUS, "GET", "/metrics.json", 403),
                (PROBER, "GET", "/api/check-liveness/v1", 200),
                (PROBER, "GET", "/metrics", 403),
                (PROMETHEUS, "POST", "/api/admin/bounce/v1", 404),
            ],
        ),
    ];
    for (policy, more, asked) in all {
        let upstream = Upstream::scripted(Box::new(program));
        let world = World::new(upstream.address(), policy, more);
        for (who, method, target, status) in asked {
            let before = upstream.requests().len();
            let answer = world.ask(*who, method, target);
            let what = format!("{who:?} {method} {target}");
            if *status == 200 {
                success(&answer, &what);
            } else {
                denial(&answer, &[*status], &what);
            }
            assert_eq!(upstream.requests().len() - before, usize::from(*status == 200), "{what}");
        }
    }
}
