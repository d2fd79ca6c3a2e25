//! The fences of the NATS catalogue on answers that a real server of 2.15.1 gave.

use std::path::Path;

use serde_json::Value as Json;

use super::super::Value;
use super::nats;

/// What a tenant is called, and what betrays it.
pub(super) struct Tenant {
    pub(super) key: &'static str,
    pub(super) words: &'static [&'static str],
    /// Keys of its users.
    users: &'static [&'static str],
}

/// GLOBEX imports `acme.svc.orders`, and `acme.events.>` as `from.acme.>`: its subscriptions to these are its own.
pub(super) const ACME: Tenant = Tenant {
    key: "ACP7OP6NN7EWXH6LAAGJJUHYFXRTGD53JT3SJHT3FTJOYTQR2JKW52YX",
    words: &[
        "Acme Corp",
        "ACMEJS",
        "acmejs",
        "MIRROR",
        "$MQTT",
        "orders-svc",
        "orders-workers",
        "orders-7d9f",
        "etl",
        "bearer",
        "short-lived",
        "device-0042",
        "acme.secret",
        "acme.customers",
        "acme.gone",
        "acme.mqtt",
        "acme.private",
        "acme.old",
        "payments",
    ],
    users: &[
        "UAMYT37RZSDIL6MRFCJJ7QDTTAZ2GNMWXVVUVJPAVAQO6ETPVVHFPJC6",
        "UB6D4TMCW3YSYAPPHGFDYJENPSWQMJ5JWHD4MZ4TG4OT7VDA2ZRVSHZR",
        "UBGQTQBW2DU2CYTY25W27WVMMQHNH5W6R5GTXVVHESXV2N6D6227MTCD",
        "UAKDVSWHPXAVG4DMLHA3HCDORFUFIG3HVZA5H7R2NJJLJH5WUDDADHX3",
        "UAIMHC3GT7FHM4VZYUBPUJJLYI6LPSTGD3EOUMK36Q5P7TU53BU2XAAI",
    ],
};

pub(super) const GLOBEX: Tenant = Tenant {
    key: "ADF5PRR32TUJ5WQN2AJN5SGYBEPJMTCOD4H4MINBPQW4Y4A5W64XXTBX",
    words: &["Globex", "GLOBEX", "globex", "mergers", "leafuser", "from.acme"],
    users: &["UBL22ASOYNZQXIIUN4VGJZ3SNV3EQUJ7GQQXINEUYQO4Q3K4RL4XTMRK"],
};

/// The system account, and a third one that nobody asks for.
pub(super) const OTHERS: &[&str] = &[
    "AB5MSXHYTKI7AX4WCNYFBMXSE2Z35YYJOPJAF5HKHWXIUOLEELNAMTOR",
    "ADQ5BVKRLYEK2JOQ77TFYWYW7QSOKYSOC2CVR2HZVXTFINYWCYUK2ARQ",
    "Initech",
    "initech",
    "tps",
    "sys-admin",
    "intruder",
    "_meta_",
    "nats-east-1/jetstream",
];

/// Every recorded answer, and its endpoint.
fn recorded() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/nats-2.15.1");
    let files = std::fs::read_dir(folder).unwrap().flatten();
    let mut all: Vec<_> = files
        .map(|file| {
            let name = file.file_name().into_string().unwrap();
            (name.trim_end_matches(".json").to_owned(), std::fs::read(file.path()).unwrap())
        })
        .collect();
    all.sort();
    assert_eq!(all.len(), 25);
    all
}

fn endpoint(file: &str) -> &str {
    file.split("__").next().unwrap()
}

/// What `tenant` sees of a recorded answer; `None`: it is withheld.
fn fenced(file: &str, body: &[u8], tenant: &Tenant) -> Option<String> {
    let catalog = nats();
    let tenancy = catalog.endpoint(catalog.find(endpoint(file)).unwrap()).tenant.as_ref().unwrap();
    let left = tenancy.fence.apply(tenant.key, body).ok()?;
    Some(String::from_utf8(left).unwrap())
}

fn file(name: &str) -> Vec<u8> {
    recorded().into_iter().find(|(file, _)| file == name).unwrap().1
}

#[test]
fn no_byte_of_another_account_is_left_of_a_recorded_answer() {
    for (tenant, other) in [(&ACME, &GLOBEX), (&GLOBEX, &ACME)] {
        for (name, body) in recorded() {
            let Some(left) = fenced(&name, &body, tenant) else { continue };
            let _: Json = serde_json::from_str(&left).unwrap_or_else(|error| panic!("{name}: {error}: {left}"));
            let strangers = OTHERS.iter().chain(other.words).chain(other.users).chain([&other.key]);
            for stranger in strangers {
                assert!(!left.contains(*stranger), "{name} tells {} about {stranger}: {left}", tenant.key);
            }
        }
    }
}

#[test]
fn only_an_answer_about_somebody_else_is_withheld() {
    for (tenant, withheld) in
        [(&ACME, ["accountz__acc=GLOBEX", "accountz__acc=SYS"]), (&GLOBEX, ["accountz__acc=ACME", "accountz__acc=SYS"])]
    {
        let found: Vec<String> = recorded()
            .into_iter()
            .filter(|(name, body)| fenced(name, body, tenant).is_none())
            .map(|(name, _)| name)
            .collect();
        assert_eq!(found, withheld);
    }
}

#[test]
fn the_fence_changes_nothing_of_what_it_has_left() {
    for tenant in [&ACME, &GLOBEX] {
        for (name, body) in recorded() {
            let Some(left) = fenced(&name, &body, tenant) else { continue };
            assert_eq!(fenced(&name, left.as_bytes(), tenant).as_ref(), Some(&left), "{name}");
        }
    }
}

#[test]
fn what_is_the_tenants_own_is_left() {
    for (name, tenant, own) in [
        (
            "connz__auth=1,subs=detail,state=all",
            &ACME,
            &["orders-svc v1.2", "acme.secret.payroll", "device-0042", "short-lived"][..],
        ),
        ("connz__auth=1,subs=detail,state=all", &GLOBEX, &["globex-app", "globex.private.mergers", "leafuser"]),
        ("connz__acc=GLOBEX,auth=1,subs=1", &GLOBEX, &["globex-app", "\"limit\": 1024"]),
        ("subsz__subs=1", &ACME, &["acmejs.0.", "\"qgroup\": \"orders-workers\""]),
        ("subsz__subs=1", &GLOBEX, &["globex.private.mergers", "\"account_tag\": \"Globex\""]),
        ("jsz__acc=NOPE,accounts=1", &GLOBEX, &["\"storage\": 500", "\"name\": \"Globex\""]),
        (
            "jsz__accounts=1,streams=1,consumers=1,config=1,raft=1",
            &ACME,
            &["ACMEJS_0", "MIRROR", "\"raft_group\"", "SEC-0"],
        ),
        (
            "jsz__consumers=1,direct-consumers=1,config=1",
            &ACME,
            &["JS_MIRROR_", "_nats.req.level", "\"storage\": 3361"],
        ),
        (
            "accountz__acc=ACME",
            &ACME,
            &["acme.latency.orders", "acme.old.*", "\"tier:gold\"", "\"client_connections\": 4"],
        ),
        ("accountz__acc=GLOBEX", &GLOBEX, &["\"name_tag\": \"Globex\"", "\"client_connections\""]),
        ("accstatz__unused=1", &ACME, &["\"conns\": 4", "115682"]),
        ("leafz__subs=1", &GLOBEX, &["\"id\": 20", "$LDS.Ro0H4huXZxcb6br9cQweca"]),
        ("raftz__acc=ACME", &ACME, &["C-R2F-9JR1QKxE", "nats-east-2"]),
        ("ipqueuesz__all=1", &ACME, &["consumer 'c0' on stream 'ACMEJS_1' ackMsgs", "MQTT send"]),
        ("ipqueuesz__all=1", &GLOBEX, &["stream 'GLOBEXJS_1' messages"]),
        ("healthz", &GLOBEX, &["{\"status\":\"ok\"}"]),
        (
            "healthz__account=ACME,stream=NOPE,details=1",
            &ACME,
            &["\"status\":\"error\"", "\"type\":\"STREAM\"", "not found on account"],
        ),
    ] {
        let left = fenced(name, &file(name), tenant).unwrap();
        for word in own {
            assert!(left.contains(word), "{name}: {} misses {word}: {left}", tenant.key);
        }
    }
}

/// Nobody learns from the answer to a question about somebody else whether there was something to find.
#[test]
fn a_question_about_somebody_else_is_answered_as_if_nothing_was_there() {
    for (name, tenant, want) in [
        ("raftz__acc=ACME", &GLOBEX, "{}"),
        ("raftz", &ACME, "{}"),
        ("healthz__account=ACME,stream=NOPE,details=1", &GLOBEX, r#"{"status":"error"}"#),
        ("healthz__account=ACME,stream=NOPE", &ACME, r#"{"status":"unavailable"}"#),
    ] {
        assert_eq!(fenced(name, &file(name), tenant).as_deref(), Some(want), "{name}");
    }
    for name in ["connz__user=ACME_orders-svc", "subsz__test=acme.secret.payroll,subs=1", "jsz__acc=ACME", "jsz"] {
        let left = fenced(name, &file(name), &GLOBEX).unwrap();
        let document: Json = serde_json::from_str(&left).unwrap();
        let members: Vec<&String> = document.as_object().unwrap().keys().collect();
        assert!(members.iter().all(|name| ["limit", "now", "offset", "server_id"].contains(&name.as_str())), "{left}");
    }
}

#[test]
fn connections_that_do_not_say_whose_they_are_are_nobodys() {
    let name = "connz__state=closed,subs=detail";
    assert!(String::from_utf8(file(name)).unwrap().contains("acme.gone"));
    let left = fenced(name, &file(name), &ACME).unwrap();
    assert!(!left.contains("connections"), "asked without `auth`: {left}");
}

/// Argument that takes the name, and what must be asked.
#[test]
fn every_endpoint_that_says_whose_its_parts_are_can_be_cut_down() {
    let catalog = nats();
    let found = catalog.endpoints.iter().filter_map(|endpoint| {
        let tenancy = endpoint.tenant.as_ref()?;
        let name = |index: usize| endpoint.arguments[index].name.as_str();
        let force: Vec<_> = tenancy.force.iter().map(|(index, value)| (name(*index), value.clone())).collect();
        Some((endpoint.name.as_str(), tenancy.argument.map(name), force))
    });
    let on = |name| vec![(name, Value::Boolean(true))];
    let expected = [
        ("connz", Some("acc"), on("auth")),
        ("leafz", Some("acc"), vec![]),
        (
            "subsz",
            Some("acc"),
            vec![("subs", Value::Boolean(true)), ("offset", Value::Integer(0)), ("limit", Value::Integer(65536))],
        ),
        ("accountz", Some("acc"), vec![]),
        ("accstatz", None, vec![]),
        ("jsz", Some("acc"), vec![]),
        ("healthz", Some("account"), on("details")),
        ("ipqueuesz", None, vec![]),
        ("raftz", Some("acc"), vec![]),
    ];
    assert_eq!(found.collect::<Vec<_>>(), expected);
}
