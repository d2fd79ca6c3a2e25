//! From the text of `monward.yaml` to a [`Config`]; every fault is collected.

mod issuer;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use self::issuer::{issuer, no_two_alike};
use super::listeners::listeners;
use super::units;
use super::values::{address, bytes, certificate_and_key, count, one_or_more, path, paths, span, whole, word};
use super::{Audit, Config, Issuer, Judged, Limits, Listener, Log, Upstream};
use crate::document::{self, Entry, Fault, Faults, Fields, Node};

/// Reads `text`, the content of `file`.
///
/// # Errors
/// Every fault of the file, with line and column.
pub fn read(file: &str, text: &str) -> Result<Config, Vec<Fault>> {
    let root = document::parse(file, text)?;
    let mut faults = Faults::new(file);
    let config = config(&root, &mut faults);
    faults.finish(config)
}

/// What stands at the top of the file.
const KEYS: [&str; 13] = [
    "version",
    "listeners",
    "admin",
    "issuers",
    "upstreams",
    "catalogs",
    "limits",
    "audit",
    "log",
    "threads",
    "revocations",
    "state_dir",
    "redaction",
];

fn config(root: &Node, faults: &mut Faults) -> Option<Config> {
    let fields = root.fields(&KEYS, faults)?;
    if let Some(version) = fields.required("version", faults)
        && version.integer(faults).is_some_and(|version| version != 1)
    {
        faults.at(version, "this monward reads version 1 only");
    }
    let upstreams = named(&fields, "upstreams", faults, upstream);
    let listeners = listeners(&fields, &names(&fields, "upstreams"), faults);
    // Where certificates are asked for everywhere, nobody else need vouch for anybody.
    let certificates = !listeners.is_empty() && listeners.iter().all(|listener| listener.client_auth.is_some());
    let issuers = match fields.get("issuers") {
        None if certificates => Vec::new(),
        Some(_) | None => named(&fields, "issuers", faults, issuer),
    };
    no_two_alike(&issuers, &fields, faults);
    static_keys_can_come(&issuers, &listeners, &fields, faults);
    let admin = admin(&fields, faults);
    if let Some(address) = admin
        && address.port() != 0
        && listeners.iter().any(|listener| listener.address == address)
        && let Some(node) = fields.get("listeners")
    {
        faults.at(node, format!("`{address}` is the admin listener's address; give each its own"));
    }
    let limits = limits(fields.get("limits"), faults);
    let audit = audit(fields.get("audit"), faults);
    let log = log(fields.get("log"), faults);
    let threads = fields.get("threads").and_then(|node| whole(node, 1, 1024, faults));
    let revocations = fields.get("revocations").and_then(|node| path(node, faults));
    let state_dir = fields.get("state_dir").and_then(|node| path(node, faults));
    let catalogs = paths(&fields, "catalogs", faults);
    let pseudonym_key = fields.get("redaction").and_then(|node| pseudonym_key(node, faults));
    let (admin, limits, audit, log) = (admin?, limits?, audit?, log?);
    Some(Config {
        listeners,
        admin,
        issuers,
        upstreams,
        catalogs,
        limits,
        audit,
        log,
        threads,
        revocations,
        state_dir,
        pseudonym_key,
    })
}

/// Static keys come by HTTP Basic, so some listener must accept it.
fn static_keys_can_come(issuers: &[Issuer], listeners: &[Listener], fields: &Fields<'_>, faults: &mut Faults) {
    let file = issuers.iter().find(|issuer| matches!(issuer.judged, Judged::ByFile(_)));
    if let (Some(file), Some(node)) = (file, fields.get("issuers"))
        && !listeners.iter().any(|listener| listener.basic)
    {
        let name = &file.tokens.name;
        faults.at(node, format!("`{name}` has static keys, which come by HTTP Basic: a listener needs `basic: true`"));
    }
}

/// A mapping of names to things; a fault when it is missing or empty.
fn named<T>(
    fields: &Fields<'_>,
    key: &str,
    faults: &mut Faults,
    read: impl Fn(&Entry, &mut Faults) -> Option<T>,
) -> Vec<T> {
    let Some(node) = fields.required(key, faults) else { return Vec::new() };
    let Some(entries) = node.entries(faults) else { return Vec::new() };
    if entries.is_empty() {
        faults.at(node, format!("`{key}` names none; at least one is needed"));
    }
    entries.iter().filter_map(|entry| read(entry, faults)).collect()
}

/// The names in a mapping of names to things, whether or not the things are good.
fn names<'node>(fields: &Fields<'node>, key: &str) -> Vec<&'node str> {
    match fields.get(key).map(|node| &node.value) {
        Some(document::Value::Map(entries)) => entries.iter().map(|entry| entry.key.as_str()).collect(),
        Some(document::Value::Scalar { .. } | document::Value::List(_)) | None => Vec::new(),
    }
}

fn admin(fields: &Fields<'_>, faults: &mut Faults) -> Option<SocketAddr> {
    let Some(node) = fields.get("admin") else { return Some(SocketAddr::from(([127, 0, 0, 1], 9901))) };
    let fields = node.fields(&["address"], faults)?;
    let node = fields.required("address", faults)?;
    let found = address(node, faults)?;
    if !found.ip().is_loopback() {
        faults.at(node, "the admin listener has no authentication: bind it to a loopback address");
        return None;
    }
    Some(found)
}

fn upstream(entry: &Entry, faults: &mut Faults) -> Option<Upstream> {
    let known = ["url", "policy", "ca_file", "certificate", "key", "server_name", "timeouts", "max_body", "secrets"];
    let fields = entry.node.fields(&known, faults)?;
    let url = fields.required("url", faults);
    let origin = url.and_then(|node| {
        let found = units::origin(node.text(faults)?);
        found.map_err(|fault| faults.at(node, fault)).ok()
    });
    let policies = fields.required("policy", faults).and_then(|node| one_or_more(node, faults));
    let (connect_timeout, total_timeout) = timeouts(fields.get("timeouts"), faults);
    let max_body = bytes(&fields, "max_body", "64MiB", ("1KiB", "1GiB"), faults);
    let secrets = secrets(fields.get("secrets"), faults);
    let ca_file = fields.get("ca_file").and_then(|node| path(node, faults));
    let client = certificate_and_key(&fields, faults);
    let server_name = fields.get("server_name").and_then(|node| node.text(faults)).map(str::to_owned);
    let units::Origin { tls, host, port, base } = origin?;
    if let Some(node) = url
        && !tls
        && ["ca_file", "certificate", "key", "server_name"].iter().any(|key| fields.get(key).is_some())
    {
        faults.at(node, "`ca_file`, `certificate`, `key` and `server_name` are for `https://` upstreams");
    }
    Some(Upstream {
        name: entry.key.clone(),
        tls,
        host,
        port,
        base,
        policies: policies?,
        ca_file,
        client,
        server_name,
        connect_timeout: connect_timeout?,
        total_timeout: total_timeout?,
        max_body: max_body?,
        secrets,
    })
}

/// `secrets: { api_key: { file: key.txt } }`
fn secrets(node: Option<&Node>, faults: &mut Faults) -> Vec<(String, PathBuf)> {
    let entries = node.and_then(|node| node.entries(faults)).unwrap_or_default();
    let mut read = |entry: &Entry| Some((entry.key.clone(), secret_file(&entry.node, faults)?));
    entries.iter().filter_map(&mut read).collect()
}

/// `redaction: { pseudonym_key: { file: key.txt } }`
fn pseudonym_key(node: &Node, faults: &mut Faults) -> Option<PathBuf> {
    let fields = node.fields(&["pseudonym_key"], faults)?;
    fields.required("pseudonym_key", faults).and_then(|node| secret_file(node, faults))
}

/// `{ file: key.txt }`
fn secret_file(node: &Node, faults: &mut Faults) -> Option<PathBuf> {
    let fields = node.fields(&["file"], faults)?;
    fields.required("file", faults).and_then(|node| path(node, faults))
}

fn timeouts(node: Option<&Node>, faults: &mut Faults) -> (Option<Duration>, Option<Duration>) {
    let empty = Node { place: document::Place { line: 1, column: 1 }, value: document::Value::Map(Vec::new()) };
    let Some(fields) = node.unwrap_or(&empty).fields(&["connect", "total"], faults) else { return (None, None) };
    let connect = span(&fields, "connect", "2s", ("10ms", "1m"), faults);
    let total = span(&fields, "total", "30s", ("10ms", "10m"), faults);
    (connect, total)
}

fn limits(node: Option<&Node>, faults: &mut Faults) -> Option<Limits> {
    let known = [
        "connections",
        "connections_per_source",
        "handshake",
        "header",
        "header_bytes",
        "idle",
        "write",
        "drain",
        "cached_tokens",
    ];
    let empty = Node { place: document::Place { line: 1, column: 1 }, value: document::Value::Map(Vec::new()) };
    let fields = node.unwrap_or(&empty).fields(&known, faults)?;
    let connections = count(&fields, "connections", 10_000, 1_000_000, faults);
    let connections_per_source = count(&fields, "connections_per_source", 1_000, 1_000_000, faults);
    let handshake = span(&fields, "handshake", "10s", ("10ms", "1m"), faults);
    let header = span(&fields, "header", "10s", ("10ms", "1m"), faults);
    let header_bytes = bytes(&fields, "header_bytes", "16KiB", ("1KiB", "64KiB"), faults);
    let idle = span(&fields, "idle", "60s", ("10ms", "1h"), faults);
    let write = span(&fields, "write", "10s", ("10ms", "10m"), faults);
    let drain = span(&fields, "drain", "30s", ("0s", "10m"), faults);
    let cached_tokens = count(&fields, "cached_tokens", 10_000, 1_000_000, faults);
    Some(Limits {
        connections: connections?,
        connections_per_source: connections_per_source?,
        handshake: handshake?,
        header: header?,
        header_bytes: header_bytes?,
        idle: idle?,
        write: write?,
        drain: drain?,
        cached_tokens: cached_tokens?,
    })
}

fn audit(node: Option<&Node>, faults: &mut Faults) -> Option<Audit> {
    let Some(node) = node else { return Some(Audit { stdout: true, file: None }) };
    let fields = node.fields(&["stdout", "file"], faults)?;
    let file = fields.get("file").and_then(|node| path(node, faults));
    let stdout = fields.get("stdout").map_or(Some(file.is_none()), |node| node.boolean(faults))?;
    if !stdout && file.is_none() {
        faults.at(node, "audit records must go somewhere: `stdout: true`, or `file: PATH`");
    }
    Some(Audit { stdout, file })
}

fn log(node: Option<&Node>, faults: &mut Faults) -> Option<Log> {
    let Some(node) = node else { return Some(Log { level: "info".to_owned(), json: false }) };
    let fields = node.fields(&["level", "format"], faults)?;
    let level = word(&fields, "level", &["info", "error", "warn", "debug", "trace"], faults);
    let format = word(&fields, "format", &["human", "json"], faults);
    Some(Log { level: level?, json: format? == "json" })
}

#[cfg(test)]
mod tests;
