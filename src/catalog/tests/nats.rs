//! The shipped NATS catalogue: complete, and its redaction sets keep their promises.

use rsonpath_syntax::{JsonPathQuery, Segment, Selector, Selectors};

use super::super::{Cost, Kind, Tag};
use super::nats;
use crate::redact::{Action, BodyKind, Part};

/// Every argument that a server of versions 2.9 to 2.15 reads; `!` before those that a rule must name.
#[test]
fn every_endpoint_has_every_argument() {
    let expected = [
        ("root", ""),
        ("varz", ""),
        ("connz", "!auth !subs offset limit !cid !state sort !user !acc !mqtt_client"),
        ("routez", "!subs"),
        ("gatewayz", "!accs !acc_name !gw_name !subs"),
        ("leafz", "!subs !acc"),
        ("subsz", "!subs offset limit !acc !test"),
        ("stacksz", ""),
        ("accountz", "!acc"),
        ("accstatz", "unused"),
        (
            "jsz",
            "!acc !accounts !streams !consumers !direct-consumers !config leader-only stream-leader-only !raft offset limit",
        ),
        ("healthz", "js-enabled js-enabled-only js-server-only js-meta-only !details !account !stream !consumer"),
        ("ipqueuesz", "!all !queues"),
        ("raftz", "!acc !group"),
        ("debug-vars", ""),
    ];
    let catalog = nats();
    let found = catalog.endpoints.iter().map(|endpoint| {
        let arguments = endpoint.arguments.iter();
        let marked = arguments.map(|argument| format!("{}{}", if argument.explicit { "!" } else { "" }, argument.name));
        (endpoint.name.as_str(), marked.collect::<Vec<_>>().join(" "))
    });
    let found: Vec<(&str, String)> = found.collect();
    let found: Vec<(&str, &str)> = found.iter().map(|(name, arguments)| (*name, arguments.as_str())).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_number_is_bounded_and_every_boolean_is_off_unless_asked() {
    for endpoint in &nats().endpoints {
        for argument in &endpoint.arguments {
            let name = format!("{} {}", endpoint.name, argument.name);
            match &argument.kind {
                Kind::Integer { min, max } => assert!(*min >= 0 && i64::try_from(*max).is_ok(), "{name}"),
                Kind::Boolean { .. } => {
                    assert!(argument.read("0").is_some_and(|off| argument.is_default(&off)), "{name}");
                }
                Kind::Word { .. } => assert!(argument.default.is_some(), "{name}"),
                Kind::Text { .. } => assert!(argument.default.is_none() && argument.explicit, "{name}"),
            }
        }
    }
}

#[test]
fn what_decodes_tokens_or_lists_everything_costs_more() {
    let cost = |target: &str| nats().cost(&nats().resolve(b"GET", target.as_bytes()).unwrap()).get();
    for (target, wanted) in [
        ("/connz?limit=1", 1),
        ("/connz?auth=1&limit=1", 20),
        ("/connz?auth=0&state=open&subs=0", 1),
        ("/connz?state=all&auth=1&subs=detail", 1000),
        ("/subsz?subs=1&limit=1", 20),
        ("/jsz?consumers=true&config=true&raft=true", 32),
        ("/varz", 1),
    ] {
        assert_eq!(cost(target), wanted, "{target}");
    }
}

#[test]
fn kinds_of_body_and_cost_are_those_that_were_seen() {
    let catalog = nats();
    let texts = catalog.endpoints.iter().filter(|endpoint| endpoint.body == BodyKind::Text);
    assert_eq!(texts.map(|endpoint| endpoint.name.as_str()).collect::<Vec<_>>(), ["root", "stacksz"]);
    let ruinous = catalog.endpoints.iter().filter(|endpoint| endpoint.cost == Cost::Ruinous);
    assert_eq!(ruinous.map(|endpoint| endpoint.name.as_str()).collect::<Vec<_>>(), ["stacksz"]);
}

#[test]
fn understanding_a_plain_target_allocates_nothing() {
    assert_eq!(nats().resolve(b"GET", b"/varz").unwrap().arguments.capacity(), 0);
}

#[test]
fn the_sets_do_what_their_names_say() {
    let catalog = nats();
    let everything = [Tag::Credential, Tag::Identity, Tag::Topology, Tag::Subject, Tag::Host, Tag::Name];
    let kept = |name: &str| {
        let set = catalog.redactions.iter().find(|set| set.name == name).unwrap();
        everything.into_iter().filter(|tag| set.action(*tag).is_none()).collect::<Vec<_>>()
    };
    assert_eq!(kept("standard"), [Tag::Name]);
    assert_eq!(kept("no-credentials"), &everything[1..]);
    assert_eq!(kept("numbers-only"), []);
    for set in &catalog.redactions {
        assert_eq!(set.action(Tag::Credential), Some(Action::Remove), "{}", set.name);
    }
    let varz = catalog.find("varz").unwrap();
    assert!(catalog.rules("standrad", varz).is_none());
    assert!(catalog.unkept("standrad", varz).is_none());
    assert!(catalog.rules("standard", catalog.find("stacksz").unwrap()).is_some_and(|rules| rules.is_empty()));
}

#[test]
fn what_no_selector_reaches_is_known() {
    let catalog = nats();
    let unkept = |set: &str, endpoint: &str| catalog.unkept(set, catalog.find(endpoint).unwrap()).unwrap();
    for endpoint in catalog.endpoints.iter().filter(|endpoint| endpoint.body == BodyKind::Json) {
        for set in ["standard", "no-credentials", "numbers-only"] {
            assert_eq!(unkept(set, &endpoint.name), [], "{set} {}", endpoint.name);
        }
    }
    assert_eq!(unkept("standard", "stacksz").len(), 4);
    assert_eq!(unkept("no-credentials", "stacksz"), []);
}

/// Where tokens and public keys of accounts, operators, servers and users were seen in answers of a 2.15.1.
const SEEN: &[(&str, &[&str])] = &[
    (
        "accountz",
        &[
            "$.account_detail.decoded_jwt.nats.imports[*].token",
            "$.account_detail.jwt",
            "$.account_detail.account_name",
            "$.account_detail.decoded_jwt.nats.imports[*].account",
            "$.account_detail.decoded_jwt.nats.signing_keys[*]",
            "$.account_detail.decoded_jwt.nats.signing_keys[*].key",
            "$.account_detail.decoded_jwt.sub",
            "$.account_detail.imports[*].account",
            "$.account_detail.imports[*].subject",
            "$.accounts[*]",
            "$.system_account",
            "$.account_detail.decoded_jwt.iss",
            "$.account_detail.issuer_key",
            "$.account_detail.decoded_jwt.nats.revocations[*]",
            "$.account_detail.revoked_user[*]",
            "$.account_detail.validation_result_jwt[*]",
        ],
    ),
    ("accstatz", &["$.account_statz[*].acc"]),
    (
        "connz",
        &[
            "$.connections[*].jwt",
            "$.connections[*].account",
            "$.connections[*].issuer_key",
            "$.connections[*].authorized_user",
            "$.connections[*].tls_peer_certs[*].cert_sha256",
            "$.connections[*].subscriptions_list_detail[*].account",
            "$.connections[*].subscriptions_list[*]",
        ],
    ),
    ("debug-vars", &["$.cmdline[*]"]),
    (
        "gatewayz",
        &[
            "$.outbound_gateways.west.accounts[*].name",
            "$.outbound_gateways.west.accounts[*].subscriptions_list[*]",
            "$.outbound_gateways.west.accounts[*].subscriptions_list_detail[*].subject",
            "$.outbound_gateways.west.connection.name",
            "$.inbound_gateways.west[*].accounts[*].name",
            "$.inbound_gateways.west[*].connection.name",
        ],
    ),
    ("healthz", &["$.error", "$.errors[*].account", "$.errors[*].error"]),
    (
        "jsz",
        &[
            "$.account_details[*].id",
            "$.account_details[*].stream_detail[*].cluster.traffic_account",
            "$.account_details[*].stream_detail[*].consumer_detail[*].cluster.traffic_account",
            "$.account_details[*].stream_detail[*].direct_consumer_detail[*].config.metadata['_nats.mirror.acc']",
        ],
    ),
    ("leafz", &["$.leafs[*].account"]),
    ("raftz", &["$.ACCOUNT._meta_.traffic_account", "$.ACCOUNT['C-R2F-9JR1QKxE'].traffic_account"]),
    (
        "routez",
        &[
            "$.routes[*].account",
            "$.routes[*].subscriptions_list[*]",
            "$.routes[*].subscriptions_list_detail[*].sid",
            "$.routes[*].subscriptions_list_detail[*].subject",
            "$.routes[*].remote_id",
        ],
    ),
    ("subsz", &["$.subscriptions_list[*].account", "$.subscriptions_list[*].subject"]),
    (
        "varz",
        &[
            "$.trusted_operators_jwt[*]",
            "$.system_account",
            "$.trusted_operators_claim[*].nats.system_account",
            "$.trusted_operators_claim[*].iss",
            "$.trusted_operators_claim[*].nats.signing_keys[*]",
            "$.trusted_operators_claim[*].sub",
        ],
    ),
];

/// Seen as well, and left: `$.server_id` of every endpoint, the public key of the server that answers. Exporters tell
/// servers apart by it and stop without it. Of names of members see `sets.rs`.
const LEFT: &str = "$.server_id";

#[test]
fn the_standard_set_covers_every_key_and_token_that_was_seen() {
    for (endpoint, paths) in SEEN {
        for path in *paths {
            assert!(covered("standard", endpoint, path), "{endpoint} {path}");
        }
    }
    for endpoint in &nats().endpoints {
        assert!(!covered("numbers-only", &endpoint.name, LEFT), "{}", endpoint.name);
    }
}

#[test]
fn every_set_covers_what_logins_are_made_of() {
    let fields =
        ["jwt", "decoded_jwt", "issuer_key", "authorized_user", "tls_peer_certs", "token", "validation_result_jwt"];
    for set in ["standard", "no-credentials", "numbers-only"] {
        for endpoint in nats().endpoints.iter().filter(|endpoint| endpoint.body == BodyKind::Json) {
            for field in fields {
                assert!(covered(set, &endpoint.name, &format!("$.a[*].b.{field}")), "{set} {field}");
            }
        }
        for path in ["$.trusted_operators_jwt", "$.trusted_operators_claim"] {
            assert!(covered(set, "varz", path), "{set} {path}");
        }
        assert!(covered(set, "debug-vars", "$.cmdline"), "{set}");
    }
}

#[test]
fn the_standard_set_leaves_what_machines_count_by() {
    for (endpoint, paths) in [
        (
            "varz",
            "server_id server_name version cpu mem connections in_msgs start now slow_consumers tls_cert_not_after \
             http_req_stats cluster.name jetstream.config.max_memory jetstream.meta.leader jetstream.stats.api.total",
        ),
        (
            "connz",
            "server_id num_connections total connections[*].cid connections[*].in_msgs connections[*].pending_bytes \
             connections[*].subscriptions connections[*].start connections[*].rtt connections[*].kind",
        ),
        ("routez", "num_routes routes[*].rid routes[*].in_bytes routes[*].remote_name"),
        ("leafz", "leafnodes leafs[*].name leafs[*].rtt leafs[*].out_msgs"),
        ("gatewayz", "name outbound_gateways.west.connection.cid outbound_gateways.west.accounts[*].num_subs"),
        ("accstatz", "account_statz[*].conns account_statz[*].sent.bytes"),
        ("accountz", "account_detail.client_connections account_detail.expired account_detail.sublist_stats.num_cache"),
        ("healthz", "status"),
        (
            "jsz",
            "streams messages account_details[*].memory account_details[*].stream_detail[*].name meta_cluster.leader \
             account_details[*].stream_detail[*].state.messages account_details[*].stream_detail[*].created \
             account_details[*].stream_detail[*].consumer_detail[*].name meta_cluster.replicas[*].active \
             account_details[*].stream_detail[*].consumer_detail[*].num_pending",
        ),
        ("debug-vars", "memstats.Alloc"),
    ] {
        for path in paths.split_whitespace() {
            assert!(!covered("standard", endpoint, &format!("$.{path}")), "{endpoint} {path}");
        }
    }
}

#[test]
fn every_selector_is_of_rfc_9535_and_of_the_simple_kind() {
    let catalog = nats();
    for field in catalog.everywhere.iter().chain(catalog.endpoints.iter().flat_map(|endpoint| &endpoint.sensitive)) {
        let query = parsed(field.selector.as_str());
        for segment in query.segments() {
            let simple = |selector: &Selector| matches!(selector, Selector::Name(_) | Selector::Wildcard);
            assert!(selectors(segment).iter().all(simple), "{}", field.selector.as_str());
        }
    }
}

/// Whether a rule of `set` finds `path`, where `[*]` stands for any element, or something around it.
fn covered(set: &str, endpoint: &str, path: &str) -> bool {
    let catalog = nats();
    let rules = catalog.rules(set, catalog.find(endpoint).unwrap()).unwrap();
    let steps = parsed(path);
    let rules = rules.iter().filter(|rule| !matches!(rule.part, Part::Name(_)));
    rules.into_iter().any(|rule| finds(parsed(rule.selector.as_str()).segments(), steps.segments()))
}

fn finds(rule: &[Segment], steps: &[Segment]) -> bool {
    let Some((segment, rest)) = rule.split_first() else { return true };
    let deepest = if segment.is_child() { steps.len().min(1) } else { steps.len() };
    (0..deepest).any(|at| {
        let step = selectors(&steps[at]).first();
        let hit = selectors(segment).iter().any(|selector| matches!(selector, Selector::Wildcard) || selector == step);
        hit && finds(rest, &steps[at + 1..])
    })
}

fn parsed(path: &str) -> JsonPathQuery {
    rsonpath_syntax::parse(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn selectors(segment: &Segment) -> &Selectors {
    segment.selectors()
}
