//! The drift alarm, through a whole gateway.

use crate::g_redaction::redacting;
use crate::support::eventually;
use crate::support::tokens::Issuer;
use crate::support::upstream::json;

#[test]
fn a_field_that_the_catalogue_does_not_know_is_counted_and_named_and_its_value_is_not() {
    let bench = redacting();
    let token = Issuer::shared().token("viewer");
    let get = |target: &str| bench.client.get(target, Some(&token)).status;
    let drift = |endpoint: &str| bench.gateway.metric("monward_drift_fields", &[endpoint]);
    bench.upstream.script(|_| json(r#"{"server_id":"x","brand_new":{"CANARY":"CANARY"},"also_new":["CANARY"]}"#));
    assert_eq!((get("/varz"), drift("varz")), (200, 2.0));
    bench.upstream.script(|_| json(r#"{"server_id":"x","connections":[{"cid":1,"ip":"CANARY","token":"CANARY"}]}"#));
    assert_eq!((get("/connz"), drift("connz")), (200, 1.0));
    bench.upstream.script(|_| json(r#"{"status":"ok"}"#));
    assert_eq!((get("/healthz"), drift("healthz")), (200, 0.0));
    let log = eventually("the names in the log", || {
        let log = bench.gateway.stderr();
        ["$.brand_new", "$.also_new", "$.connections[*].token"].iter().all(|name| log.contains(name)).then_some(log)
    });
    for (what, text) in [("log", log), ("metrics", bench.gateway.metrics()), ("audit", bench.gateway.audit_text())] {
        assert!(!text.contains("CANARY"), "{what}: {text}");
    }
    assert!(!bench.gateway.metrics().contains("brand_new"), "labels come from files alone");
}
