//! End to end: real `nats-server`s in operator mode, behind the real gateway, over HTTP/1.1 and h2.

use serde_json::Value;

use crate::support::answers::{denial, success};
use crate::support::client::Client;
use crate::support::gateway::{Gateway, Setup};
use crate::support::h2client;
use crate::support::http::Response;
use crate::support::nats::{Build, Nats};
use crate::support::tokens::Issuer;

/// Scrapers see numbers; operators see everything but credentials; secret admins even ask for `auth=1`.
const POLICY: &str = r"
version: 1
catalog: nats
roles:
  scraper:
    - token: { issuer: corp, claims: { roles: [scraper] } }
  operator:
    - token: { issuer: corp, claims: { roles: [operator] } }
rules:
  - id: scrape
    endpoints: [varz, jsz, healthz]
    allow: [scraper, operator]
    args: { jsz: { limit: { max: 100 } } }
    redact: standard
  - id: connections
    endpoints: [connz]
    allow: [operator]
    args: { auth: allow, subs: allow, state: [open, closed, all], limit: { max: 256 } }
    redact: no-credentials
  - id: look
    endpoints: [accountz, routez, gatewayz, leafz, subsz, accstatz]
    allow: [operator]
    args: { accountz: { acc: allow }, subsz: { subs: allow, acc: allow } }
    redact: no-credentials
";

/// How the client speaks.
#[derive(Clone, Copy, Debug)]
enum Protocol {
    Http1,
    Http2,
}

struct World {
    build: Build,
    nats: Nats,
    gateway: Gateway,
}

impl World {
    fn new(build: Build) -> Self {
        let nats = Nats::start(build);
        let gateway = Setup::new(nats.monitoring).policy(POLICY).start();
        Self { build, nats, gateway }
    }

    fn get(&self, protocol: Protocol, target: &str, role: Option<&str>) -> Response {
        let token = role.map(|role| Issuer::shared().token(role));
        let client: Client = self.gateway.client();
        match protocol {
            Protocol::Http1 => client.get(target, token.as_deref()),
            Protocol::Http2 => h2client::get(&client, target, token.as_deref()),
        }
    }

    /// The document that comes out, after checking that it carries no credential of the server.
    fn document(&self, protocol: Protocol, target: &str, role: &str) -> Value {
        let answer = self.get(protocol, target, Some(role));
        let what = format!("{:?} {protocol:?} {target}", self.build);
        success(&answer, &what);
        let text = answer.text();
        assert_eq!(answer.header("content-type"), Some("application/json"), "{what}");
        for account in &self.nats.accounts {
            for secret in [&account.token, &account.user_token] {
                assert!(!text.contains(secret.as_str()), "{what}: {text}");
            }
        }
        assert!(!text.contains("eyJ") && !text.contains(&self.nats.operator_token), "{what}: {text}");
        serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{what}: {error}: {text}"))
    }
}

fn everywhere(test: impl Fn(&World, Protocol)) {
    for build in Build::ALL {
        let world = World::new(build);
        for protocol in [Protocol::Http1, Protocol::Http2] {
            test(&world, protocol);
        }
        let errors = world.gateway.stderr();
        assert!(!errors.contains("panicked"), "{errors}");
    }
}

#[test]
fn the_anonymous_get_401_and_strangers_403() {
    everywhere(|world, protocol| {
        for target in ["/varz", "/accountz", "/nothing"] {
            denial(&world.get(protocol, target, None), &[401], target);
        }
        denial(&world.get(protocol, "/varz", Some("stranger")), &[403], "a stranger");
    });
}

#[test]
fn a_scraper_sees_numbers_and_no_operator_token() {
    everywhere(|world, protocol| {
        let document = world.document(protocol, "/varz", "scraper");
        assert!(document["connections"].as_u64().unwrap() >= 2, "{document}");
        assert!(document["mem"].is_u64() && document["version"].is_string(), "{document}");
        for gone in ["trusted_operators_jwt", "trusted_operators_claim"] {
            assert!(document.get(gone).is_none(), "{gone}: {document}");
        }
        assert!(document["system_account"].as_str().is_none_or(|name| name.starts_with("p-")), "{document}");
        assert_eq!(world.document(protocol, "/healthz", "scraper")["status"], "ok");
        let again = world.document(protocol, "//varz", "scraper");
        assert_eq!(again["server_id"], document["server_id"]);
        for target in ["/accountz", "/connz", "/connz?auth=1", "/subsz?subs=1", "/stacksz", "/debug/vars"] {
            denial(&world.get(protocol, target, Some("scraper")), &[403], target);
        }
    });
}

#[test]
fn an_operator_sees_accounts_without_their_tokens() {
    everywhere(|world, protocol| {
        let acme = world.nats.account("ACME");
        let document = world.document(protocol, &format!("/accountz?acc={}", acme.public), "operator");
        let detail = &document["account_detail"];
        assert_eq!(detail["account_name"], acme.public.as_str(), "{document}");
        assert_eq!(detail["client_connections"], 1, "{document}");
        for gone in ["jwt", "decoded_jwt", "issuer_key"] {
            assert!(detail.get(gone).is_none(), "{gone}: {document}");
        }
        let accounts = world.document(protocol, "/accountz", "operator");
        assert!(accounts["accounts"].as_array().unwrap().len() >= 2, "{accounts}");
    });
}

#[test]
fn an_operator_sees_connections_without_their_tokens() {
    everywhere(|world, protocol| {
        for target in ["/connz", "/connz?auth=1", "/connz?state=all&auth=1", "/connz?auth=true&subs=detail"] {
            let document = world.document(protocol, target, "operator");
            let connections = document["connections"].as_array().unwrap();
            assert_eq!(connections.len(), 2, "{target}: {document}");
            let names: Vec<_> = connections.iter().filter_map(|connection| connection["name"].as_str()).collect();
            assert!(names.contains(&"ACME-orders") && names.contains(&"GLOBEX-orders"), "{target}: {document}");
        }
        let answer = world.get(protocol, "/connz?limit=1000", Some("operator"));
        denial(&answer, &[403], "more than the rule lets");
        let document = world.document(protocol, "/connz?limit=1", "operator");
        assert_eq!(document["connections"].as_array().unwrap().len(), 1, "{document}");
    });
}

#[test]
fn every_other_json_endpoint_comes_through() {
    everywhere(|world, protocol| {
        let targets =
            ["/routez", "/gatewayz", "/leafz", "/subsz", "/subscriptionsz", "/accstatz", "/jsz", "/subsz?subs=1"];
        for target in targets {
            assert!(world.document(protocol, target, "operator").is_object(), "{target}");
        }
        let document = world.document(protocol, "/subsz?subs=1", "operator");
        assert!(document["num_subscriptions"].as_u64().unwrap() >= 2, "{document}");
    });
}

#[test]
fn the_redacted_document_differs_in_nothing_else() {
    for build in Build::ALL {
        let world = World::new(build);
        let acme = &world.nats.account("ACME").public;
        let target = format!("/accountz?acc={acme}");
        let mut whole: Value =
            serde_json::from_slice(&crate::support::gateway::plain_get(world.nats.monitoring, &target).body).unwrap();
        let mut redacted = world.document(Protocol::Http1, &target, "operator");
        let detail = whole["account_detail"].as_object_mut().unwrap();
        for gone in ["jwt", "decoded_jwt", "issuer_key"] {
            detail.remove(gone);
        }
        for document in [&mut whole, &mut redacted] {
            document["now"] = Value::Null;
            sort(document);
        }
        assert_eq!(whole, redacted, "{build:?}");
    }
}

/// Sorts every list: the server lists imports in another order each time.
fn sort(value: &mut Value) {
    match value {
        Value::Array(list) => {
            list.iter_mut().for_each(sort);
            list.sort_by_key(Value::to_string);
        }
        Value::Object(members) => members.values_mut().for_each(sort),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn head_tells_the_length_of_the_redacted_body() {
    for build in Build::ALL {
        let world = World::new(build);
        let target = format!("/accountz?acc={}", world.nats.account("GLOBEX").public);
        let token = Issuer::shared().token("operator");
        let head = world.gateway.client().request("HEAD", &target, Some(&token), "");
        success(&head, &target);
        let length: usize = head.header("content-length").map_or(0, |length| length.parse().unwrap());
        let get = world.gateway.client().get(&target, Some(&token));
        // The times in it have up to nine digits after the point.
        assert!(length == 0 || length.abs_diff(get.body.len()) <= 12, "{length} and {}", get.body.len());
    }
}

#[test]
fn a_server_that_goes_away_is_502_and_comes_back() {
    let world = World::new(Build::Pypi);
    let World { nats, gateway, .. } = world;
    let token = Issuer::shared().token("scraper");
    success(&gateway.client().get("/varz", Some(&token)), "before");
    drop(nats);
    denial(&gateway.client().get("/varz", Some(&token)), &[502, 504], "gone");
    let record = gateway.audit(2).remove(1);
    assert_eq!(record["decision"], "withhold", "{record}");
}
