//! Tests of what records tell.

mod canary;
mod compare;
mod learn;
mod recorded;
mod replay;
mod sentences;
mod story;

use serde_json::{Value, json};

/// A record of `alice` asking for `/varz`, with these members besides or instead; `null` takes one away.
pub(super) fn line(more: &Value) -> String {
    let mut record = json!({
        "time": "2026-01-02T03:04:05.678Z",
        "request_id": "0123456789abcdef0123456789abcdef",
        "listener": "0.0.0.0:8443",
        "source": "127.0.0.1",
        "protocol": "HTTP/2",
        "principal": { "issuer": "corp", "subject": "alice", "method": "bearer_jwt" },
        "roles": ["a"],
        "endpoint": "varz",
        "request": "/varz",
        "decision": "permit",
        "rule": "see",
        "reason": "rule",
        "status": 200,
        "bytes": 17,
        "duration_us": 420,
    });
    let members = record.as_object_mut().unwrap();
    for (name, value) in more.as_object().unwrap() {
        members.insert(name.clone(), value.clone());
    }
    members.retain(|_, value| !value.is_null());
    record.to_string()
}
