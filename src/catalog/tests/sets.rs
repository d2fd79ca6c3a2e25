//! The sets of the NATS catalogue on answers that a real server of 2.15.1 gave: what must not leave does not, and what
//! is the same stays the same at every endpoint.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::fence::{ACME, GLOBEX, OTHERS};
use super::nats;
use crate::redact::{BodyKind, Plan, Pseudonyms, Redactor};

const SYSTEM: &str = "AB5MSXHYTKI7AX4WCNYFBMXSE2Z35YYJOPJAF5HKHWXIUOLEELNAMTOR";

/// Every recorded answer of an endpoint that answers JSON.
fn recorded() -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let folders = ["nats-2.15.1", "nats-2.15.1-whole"].map(|folder| std::fs::read_dir(root.join(folder)).unwrap());
    let files = folders.into_iter().flatten().flatten();
    let mut all: Vec<_> = files
        .map(|file| {
            let name = file.file_name().into_string().unwrap();
            (name.trim_end_matches(".json").to_owned(), std::fs::read(file.path()).unwrap())
        })
        .collect();
    all.sort();
    let endpoints: BTreeSet<&str> = all.iter().map(|(file, _)| endpoint(file)).collect();
    let catalog = nats();
    let json = catalog.endpoints.iter().filter(|endpoint| endpoint.body == BodyKind::Json);
    assert_eq!(endpoints, json.map(|endpoint| endpoint.name.as_str()).collect(), "each endpoint is there");
    all
}

fn endpoint(file: &str) -> &str {
    file.split("__").next().unwrap()
}

fn pseudonyms() -> Arc<Pseudonyms> {
    Arc::new(Pseudonyms::new(b"a key of no less than thirty-two bytes"))
}

/// What of a recorded answer leaves under `set`.
fn left(set: &str, file: &str, body: &[u8]) -> String {
    let catalog = nats();
    let id = catalog.find(endpoint(file)).unwrap();
    assert_eq!(catalog.unkept(set, id).unwrap(), [], "{set} {file}");
    let plan = Plan::compile(BodyKind::Json, catalog.rules(set, id).unwrap()).unwrap();
    let mut redactor = Redactor::new(plan, pseudonyms());
    let mut out = Vec::new();
    redactor.push(body, &mut out).unwrap();
    redactor.finish(&mut out).unwrap();
    let _: serde_json::Value = serde_json::from_slice(&out).unwrap();
    String::from_utf8(out).unwrap()
}

/// The words of `text` that are public keys of these kinds (`A` account, `N` server, `O` operator, `U` user, `X` curve).
fn keys<'a>(text: &'a str, kinds: &str) -> BTreeSet<&'a str> {
    let words = text.split(|c: char| !matches!(c, 'A'..='Z' | '2'..='7'));
    words.filter(|word| word.len() == 56 && word.starts_with(|kind| kinds.contains(kind))).collect()
}

/// The words of `text` that are IPv4 addresses.
fn addresses(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_digit() || c == '.'));
    words.filter(|word| word.parse::<std::net::Ipv4Addr>().is_ok()).collect()
}

/// What `words` has that stands in `text`.
fn told<'a>(text: &str, words: &[&'a str]) -> Vec<&'a str> {
    words.iter().copied().filter(|word| text.contains(word)).collect()
}

/// Tokens, and the beginnings of what is shaped like one.
const CREDENTIALS: &[&str] = &["eyJ", "hunter2", "s3cr3t"];

/// People and programs of the recorded servers; those of accounts as well.
const IDENTITIES: &[&str] = &[
    "Acme Corp",
    "Globex",
    "Initech",
    "orders-svc",
    "orders-workers",
    "orders-7d9f",
    "bearer",
    "short-lived",
    "device-0042",
    "leafuser",
    "sys-admin",
    "intruder",
    "mergers",
];

/// What is talked about.
const SUBJECTS: &[&str] =
    &["acme.", "acmejs.", "globex.", "globexjs.", "initech.", "from.acme", "$JS.", "$SYS.", "$KV.", "_INBOX", "_R_"];

/// Streams, servers and clusters.
const NAMES: &[&str] = &["ACMEJS", "GLOBEXJS", "MIRROR", "$MQTT", "west", "leaf-1", "p-", "RAFT"];

#[test]
fn no_set_lets_out_what_it_takes_out() {
    for (file, body) in recorded() {
        let left = left("no-credentials", &file, &body);
        assert_eq!(told(&left, CREDENTIALS), Vec::<&str>::new(), "{file}");
        assert_eq!(keys(&left, "O"), BTreeSet::new(), "{file}: operators sign accounts");
    }
    for set in ["standard", "numbers-only"] {
        for (file, body) in recorded() {
            let left = left(set, &file, &body);
            let words = [CREDENTIALS, IDENTITIES, SUBJECTS].concat();
            assert_eq!(told(&left, &words), Vec::<&str>::new(), "{set} {file}");
            assert_eq!(keys(&left, "AOUX"), BTreeSet::new(), "{set} {file}");
            assert!(keys(&left, "N").len() < 2, "{set} {file}: no other server than the one that answers");
            assert_eq!(addresses(&left), BTreeSet::new(), "{set} {file}");
        }
    }
    for (file, body) in recorded() {
        let left = left("numbers-only", &file, &body);
        assert_eq!(told(&left, NAMES), Vec::<&str>::new(), "{file}");
        assert_eq!(told(&left, OTHERS), if file == "varz" { vec!["tps"] } else { vec![] }, "{file}: `https`");
    }
}

/// What the recorded answers tell before anything is taken out: else the test above would prove nothing.
#[test]
fn the_recorded_answers_tell_all_of_it() {
    let all: Vec<String> = recorded().into_iter().map(|(_, body)| String::from_utf8(body).unwrap()).collect();
    let all = all.concat();
    let words = [&CREDENTIALS[..1], IDENTITIES, SUBJECTS, &NAMES[..6]].concat();
    assert_eq!(told(&all, &words), words);
    assert!("ANOU".chars().all(|kind| !keys(&all, &kind.to_string()).is_empty()));
    assert!(!addresses(&all).is_empty());
}

#[test]
fn an_account_has_one_pseudonym_at_every_endpoint() {
    let endpoints = |key: &str| {
        let alias = pseudonyms().of(key.as_bytes());
        let left = recorded().into_iter().map(|(file, body)| (left("standard", &file, &body), file));
        let left = left.filter(|(left, _)| left.contains(alias.as_str()));
        left.map(|(_, file)| endpoint(&file).to_owned()).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    let of_acme =
        ["accountz", "accstatz", "connz", "gatewayz", "healthz", "ipqueuesz", "jsz", "leafz", "raftz", "subsz"];
    assert_eq!(endpoints(ACME.key), of_acme);
    assert_eq!(
        endpoints(GLOBEX.key),
        ["accountz", "accstatz", "connz", "gatewayz", "ipqueuesz", "jsz", "leafz", "subsz"]
    );
    assert_eq!(
        endpoints(SYSTEM),
        ["accountz", "accstatz", "connz", "gatewayz", "ipqueuesz", "jsz", "raftz", "routez", "subsz", "varz"]
    );
}

#[test]
fn a_group_has_one_pseudonym_in_the_queues_and_in_the_groups() {
    let queues = recorded().into_iter().find(|(file, _)| file == "ipqueuesz__all=1").unwrap();
    let groups = recorded().into_iter().find(|(file, _)| file == "raftz__acc=ACME").unwrap();
    let (queues, groups) = (left("standard", &queues.0, &queues.1), left("standard", &groups.0, &groups.1));
    let alias = pseudonyms().of(b"C-R2F-9JR1QKxE");
    assert!(queues.contains(&format!("RAFT '{alias}' appendEntry")), "{queues}");
    assert!(groups.contains(&format!("\"{alias}\": {{")), "{groups}");
    assert!(queues.contains("RAFT '_meta_' entry"), "the one group that all have keeps its name");
}

#[test]
fn an_error_says_what_is_wrong_and_not_with_whose() {
    let alias = |key: &str| pseudonyms().of(key.as_bytes()).to_string();
    let (acme, nope) = (alias(ACME.key), alias("NOPE"));
    for (error, standard) in [
        ("JetStream account \"NOPE\" not found", format!("JetStream account \"{nope}\" not found")),
        (
            &*format!("JetStream stream \"S\" not found on account \"{}\"", ACME.key),
            format!("JetStream stream \"S\" not found on account \"{acme}\""),
        ),
        ("JetStream stream 'NOPE > S' is not current", format!("JetStream stream '{nope} > S' is not current")),
        (
            "JetStream consumer 'NOPE > S > C' is not current",
            format!("JetStream consumer '{nope} > S > C' is not current"),
        ),
        (
            "JetStream stream 'NOPE > S' could not be recovered",
            format!("JetStream stream '{nope} > S' could not be recovered"),
        ),
        ("JetStream is not current with the meta leader", "JetStream is not current with the meta leader".to_owned()),
        ("something about NOPE", alias("something about NOPE")),
        (
            "JetStream account \"a\" not found\" not found",
            format!("JetStream account \"{}\" not found", alias("a\" not found")),
        ),
    ] {
        let text = |error: &str| serde_json::json!({ "status": "error", "error": error }).to_string();
        assert_eq!(left("standard", "healthz", text(error).as_bytes()), text(&standard));
        assert_eq!(left("numbers-only", "healthz", text(error).as_bytes()), r#"{"status":"error"}"#);
    }
}
