//! The shipped catalogue of Centrifugo: its figures, and none of the calls beside them.

use super::super::{Ask, Catalog, Form, TargetFault};
use crate::redact::{Action, BodyKind};

#[test]
fn each_page_is_asked_as_the_server_wants_it() {
    let catalog = Catalog::builtin("centrifugo").unwrap();
    let pages = catalog.endpoints.iter().map(|endpoint| {
        let body = match &endpoint.ask {
            Ask::Get => "",
            Ask::Post { body, .. } => body,
        };
        let secret = endpoint.inject.as_ref();
        let secret = secret.map(|inject| (inject.header.as_str(), inject.secret.as_str(), inject.form));
        (endpoint.path.as_str(), endpoint.methods.allow(), body, secret, endpoint.body)
    });
    let (all, get) = ("GET, HEAD, POST", "GET, HEAD");
    let stats = r#"{"method":"stats","params":{}}"#;
    assert_eq!(
        pages.collect::<Vec<_>>(),
        [
            ("/api/info", all, "{}", Some(("X-API-Key", "api_key", Form::Plain)), BodyKind::Json),
            ("/metrics", get, "", None, BodyKind::Exposition),
            ("/health", get, "", None, BodyKind::Json),
            ("/api/", all, stats, Some(("X-API-Sign", "secret", Form::HmacSha256)), BodyKind::Json),
        ]
    );
}

#[test]
fn nothing_that_acts_can_be_asked() {
    let catalog = Catalog::builtin("centrifugo").unwrap();
    for call in [
        "publish",
        "broadcast",
        "subscribe",
        "unsubscribe",
        "disconnect",
        "presence",
        "presence_stats",
        "history",
        "history_remove",
        "rpc",
        "refresh",
        "channels",
        "batch",
        "map_publish",
        "shared_poll_publish",
        "info/",
        "Info",
    ] {
        for method in [&b"GET"[..], b"POST"] {
            let found = catalog.resolve_with(method, format!("/api/{call}").as_bytes(), b"{}");
            assert_eq!(found, Err(TargetFault::UnknownEndpoint), "{call}");
        }
    }
    for target in ["/", "/api", "/swagger/", "/debug/pprof/", "/connection/websocket", "/admin/auth", "/health/"] {
        assert_eq!(catalog.resolve(b"POST", target.as_bytes()), Err(TargetFault::UnknownEndpoint), "{target}");
    }
    for target in ["/api/info?api_key=x", "/api/?data=x&sign=y", "/metrics?name=x"] {
        assert!(catalog.resolve(b"GET", target.as_bytes()).is_err(), "{target}");
    }
    for body in [
        r#"{"method":"disconnect","params":{"user":"x"}}"#,
        r#"[{"method":"stats","params":{}}]"#,
        r#"{"method":"stats","params":{}}{"method":"disconnect","params":{}}"#,
        r#"{"method":"stats","params":{} }"#,
        "{}",
    ] {
        let found = catalog.resolve_with(b"POST", b"/api/", body.as_bytes());
        assert_eq!(found, Err(TargetFault::Body), "{body}");
    }
}

#[test]
fn the_sets_take_out_what_tells_one_machine() {
    let catalog = Catalog::builtin("centrifugo").unwrap();
    let selectors = |set: &str, endpoint: &str| {
        let rules = catalog.rules(set, catalog.find(endpoint).unwrap()).unwrap();
        rules.iter().map(|rule| rule.selector.as_str().to_owned()).collect::<Vec<_>>()
    };
    let paths =
        |root: &str, names: &[&str]| names.iter().map(|name| format!("$.{root}.nodes[*].{name}")).collect::<Vec<_>>();
    for (endpoint, root) in [("info", "result"), ("stats", "body.data")] {
        assert_eq!(selectors("standard", endpoint), paths(root, &["uid", "version"]));
        assert_eq!(selectors("numbers-only", endpoint), paths(root, &["uid", "version", "name"]));
        assert_eq!(selectors("no-credentials", endpoint), Vec::<String>::new());
    }
    let metrics = catalog.find("metrics").unwrap();
    assert_eq!(catalog.unkept("numbers-only", metrics).unwrap(), []);
    let rules = catalog.series_rules("standard", metrics).unwrap();
    let rules: Vec<_> = rules.iter().map(|rule| (rule.action, rule.series.as_str())).collect();
    let wanted = [
        (Action::Pseudonym, "label client_name"),
        (Action::Mask, "label error in *_redis_*"),
        (Action::Pseudonym, "label channel_namespace"),
        (Action::Remove, "label version"),
        (Action::Remove, "label client_version"),
    ];
    assert_eq!(rules, wanted);
}
