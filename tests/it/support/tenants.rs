//! Two tenants on one server, and what betrays them.

use serde_json::{Value, json};

use super::eventually;
use super::gateway::plain_get;
use super::nats::{Build, Nats};

/// Each of them, and the other.
pub const TENANTS: [(&str, &str); 2] = [("ACME", "GLOBEX"), ("GLOBEX", "ACME")];

/// A server with a stream, a consumer, an open and some closed connections in each of two accounts.
pub fn two_tenants(build: Build) -> Nats {
    let nats = Nats::with_streams(build);
    for (account, _) in TENANTS {
        let small = account.to_lowercase();
        let stream = format!("{account}ORDERS");
        let config = json!({ "name": stream, "subjects": [format!("{small}.orders.>")], "storage": "file" });
        // JetStream answers a little later than the port does.
        eventually("a stream", || {
            let made = nats.ask(account, &format!("$JS.API.STREAM.CREATE.{stream}"), &config);
            assert!(made["error"]["code"].as_i64().is_none_or(|code| code == 503), "{made}");
            made.get("config").map(|_| ())
        });
        let durable = format!("{small}-worker");
        let config = json!({ "stream_name": stream, "config": { "durable_name": durable, "ack_policy": "explicit" } });
        let made = nats.ask(account, &format!("$JS.API.CONSUMER.DURABLE.CREATE.{stream}.{durable}"), &config);
        assert_eq!(made["name"], durable.as_str(), "{made}");
    }
    eventually("the connections that asked to be closed", || {
        let closed = document(&nats, "/connz?state=closed&auth=1");
        (closed["connections"].as_array()?.len() >= 4).then_some(())
    });
    nats
}

/// What the server itself answers.
pub fn document(nats: &Nats, target: &str) -> Value {
    serde_json::from_slice(&plain_get(nats.monitoring, target).body).unwrap()
}

/// What must not be seen of `account`: its key, its tokens, whatever is named after it.
pub fn marks(nats: &Nats, account: &str) -> Vec<String> {
    let small = account.to_lowercase();
    let found = nats.account(account);
    vec![
        found.public.clone(),
        found.token.clone(),
        found.user_token.clone(),
        format!("{account}ORDERS"),
        format!("{account}-orders"),
        format!("{small}.orders"),
        format!("{small}.secret"),
        format!("{small}-worker"),
        format!("\"{account}\""),
    ]
}

/// Questions, and what of the tenant's own must be in the answer; `{account}` and `{small}` stand for its name,
/// `{key}` for its key.
pub const QUESTIONS: &[(&str, &[&str])] = &[
    ("/connz", &[]),
    ("/connz?subs=detail", &[]),
    ("/connz?state=closed", &[]),
    ("/connz?state=all&subs=detail", &[]),
    ("/jsz?accounts=1", &["{key}", "\"storage\""]),
    ("/jsz?consumers=1&config=1&raft=1", &["{account}ORDERS", "{small}-worker", "{small}.orders."]),
    ("/jsz", &[]),
    ("/accstatz", &["{key}", "\"conns\""]),
    ("/accstatz?unused=1", &["{key}"]),
    ("/leafz", &[]),
    ("/leafz?subs=1", &[]),
    ("/subsz", &[]),
    ("/subsz?subs=1", &["{small}.secret.", "{small}.orders."]),
    ("/subsz?subs=1&limit=10000", &["{small}.secret."]),
    ("/healthz", &["\"status\""]),
    ("/healthz?details=1", &["\"status\""]),
    ("/ipqueuesz?all=1", &["[ACC:{key}] "]),
    ("/ipqueuesz", &[]),
];

/// `text` with the names of `account` in their places.
pub fn named(nats: &Nats, account: &str, text: &str) -> String {
    let text = text.replace("{account}", account).replace("{small}", &account.to_lowercase());
    text.replace("{key}", &nats.account(account).public)
}
