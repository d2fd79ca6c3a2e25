//! From the text of `monward.yaml` to a [`Config`]; every fault is collected.

use std::net::SocketAddr;
use std::time::Duration;

use super::units;
use super::values::{address, bytes, count, is_host_name, path, some_texts, span, whole, word};
use super::{Audit, Certificate, Config, Issuer, KeySource, Limits, Listener, Log, Upstream};
use crate::authn::{Algorithm, IssuerSettings, Profile};
use crate::document::{self, Entry, Fault, Faults, Fields, Node, unknown};

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

fn config(root: &Node, faults: &mut Faults) -> Option<Config> {
    let known = ["version", "listeners", "admin", "issuers", "upstreams", "limits", "audit", "log", "threads"];
    let fields = root.fields(&known, faults)?;
    if let Some(version) = fields.required("version", faults)
        && version.integer(faults).is_some_and(|version| version != 1)
    {
        faults.at(version, "this monward reads version 1 only");
    }
    let upstreams = named(&fields, "upstreams", faults, upstream);
    let issuers = named(&fields, "issuers", faults, issuer);
    one_name_per_issuer(&issuers, &fields, faults);
    let listeners = listeners(&fields, &names(&fields, "upstreams"), faults);
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
    Some(Config { listeners, admin: admin?, issuers, upstreams, limits: limits?, audit: audit?, log: log?, threads })
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

/// A token chooses its issuer by `iss`; two with the same would leave the choice to chance.
fn one_name_per_issuer(issuers: &[Issuer], fields: &Fields<'_>, faults: &mut Faults) {
    let Some(node) = fields.get("issuers") else { return };
    for (index, issuer) in issuers.iter().enumerate() {
        let first = issuers.iter().take(index).find(|other| other.tokens.issuer == issuer.tokens.issuer);
        if let Some(first) = first {
            let names = format!("`{}` and `{}`", first.tokens.name, issuer.tokens.name);
            faults.at(node, format!("{names} have the same `issuer`; give each its own"));
        }
    }
}

/// The names in a mapping of names to things, whether or not the things are good.
fn names<'node>(fields: &Fields<'node>, key: &str) -> Vec<&'node str> {
    match fields.get(key).map(|node| &node.value) {
        Some(document::Value::Map(entries)) => entries.iter().map(|entry| entry.key.as_str()).collect(),
        Some(document::Value::Scalar { .. } | document::Value::List(_)) | None => Vec::new(),
    }
}

fn listeners(fields: &Fields<'_>, upstreams: &[&str], faults: &mut Faults) -> Vec<Listener> {
    let Some(node) = fields.required("listeners", faults) else { return Vec::new() };
    let Some(items) = node.list(faults) else { return Vec::new() };
    if items.is_empty() {
        faults.at(node, "`listeners` is empty; at least one is needed");
    }
    items.iter().filter_map(|item| listener(item, upstreams, faults)).collect()
}

fn listener(node: &Node, upstreams: &[&str], faults: &mut Faults) -> Option<Listener> {
    let fields = node.fields(&["address", "hosts", "certificates", "min_tls", "upstream"], faults)?;
    let address = fields.required("address", faults).and_then(|node| address(node, faults));
    let hosts = fields.get("hosts").map_or(Some(Vec::new()), |node| hosts(node, faults));
    let certificates = fields.required("certificates", faults).and_then(|node| certificates(node, faults));
    let tls12 = fields.get("min_tls").map_or(Some(true), |node| match node.text(faults)? {
        "1.2" => Some(true),
        "1.3" => Some(false),
        other => {
            faults.at(node, unknown("TLS version", other, &["1.2", "1.3"]));
            None
        }
    });
    let upstream = fields.required("upstream", faults).and_then(|node| {
        let name = node.text(faults)?;
        let found = upstreams.iter().position(|known| *known == name);
        if found.is_none() {
            faults.at(node, unknown("upstream", name, upstreams));
        }
        found
    });
    Some(Listener { address: address?, hosts: hosts?, certificates: certificates?, tls12: tls12?, upstream: upstream? })
}

fn hosts(node: &Node, faults: &mut Faults) -> Option<Vec<String>> {
    let hosts = node.texts(faults)?;
    if hosts.is_empty() {
        faults.at(node, "`hosts` is empty; leave it out to answer for any name");
        return None;
    }
    for host in &hosts {
        if !is_host_name(host) {
            faults.at(node, format!("`{host}` is not a host name; write it without scheme, port and wildcard"));
        }
    }
    Some(hosts.iter().map(|host| host.to_ascii_lowercase()).collect())
}

fn certificates(node: &Node, faults: &mut Faults) -> Option<Vec<Certificate>> {
    let items = node.list(faults)?;
    if items.is_empty() {
        faults.at(node, "`certificates` is empty; a listener needs at least one");
    }
    Some(items.iter().filter_map(|item| certificate(item, faults)).collect())
}

fn certificate(node: &Node, faults: &mut Faults) -> Option<Certificate> {
    let fields = node.fields(&["certificate", "key"], faults)?;
    let certificate = fields.required("certificate", faults).and_then(|node| path(node, faults));
    let key = fields.required("key", faults).and_then(|node| path(node, faults));
    Some(Certificate { certificate: certificate?, key: key? })
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

fn issuer(entry: &Entry, faults: &mut Faults) -> Option<Issuer> {
    let known = [
        "issuer",
        "audiences",
        "algorithms",
        "profile",
        "leeway",
        "max_lifetime",
        "jwks_url",
        "jwks_file",
        "ca_file",
        "allow_private_addresses",
        "refresh",
        "max_stale",
    ];
    let fields = entry.node.fields(&known, faults)?;
    let issuer = fields.required("issuer", faults).and_then(|node| issuer_url(node, faults));
    let audiences = fields.required("audiences", faults).and_then(|node| some_texts(node, faults));
    let algorithms = fields.get("algorithms").map_or(Some(default_algorithms()), |node| algorithms(node, faults));
    let profile = fields.get("profile").map_or(Some(Profile::Rfc9068), |node| profile(node, faults));
    let leeway = span(&fields, "leeway", "30s", ("0s", "60s"), faults);
    let max_lifetime = span(&fields, "max_lifetime", "24h", ("1m", "30d"), faults);
    let refresh = span(&fields, "refresh", "5m", ("10s", "24h"), faults);
    let max_stale = span(&fields, "max_stale", "24h", ("1m", "30d"), faults);
    let private = fields.get("allow_private_addresses").map_or(Some(false), |node| node.boolean(faults));
    let keys = key_source(&fields, private == Some(true), faults);
    let ca_file = fields.get("ca_file").map(|node| path(node, faults));
    let tokens = IssuerSettings {
        name: entry.key.clone(),
        issuer: issuer?,
        audiences: audiences?,
        algorithms: algorithms?,
        profile: profile?,
        leeway: leeway?,
        max_lifetime: max_lifetime?,
    };
    Some(Issuer {
        tokens,
        keys: keys?,
        ca_file: ca_file.unwrap_or_default(),
        allow_private_addresses: private?,
        refresh: refresh?,
        max_stale: max_stale?,
    })
}

fn issuer_url(node: &Node, faults: &mut Faults) -> Option<String> {
    let text = node.text(faults)?;
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    let is_url = rest.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[')
        && !rest.contains(['@', '?', '#', '\\'])
        && rest.bytes().all(|byte| byte.is_ascii_graphic());
    if is_url {
        return Some(text.to_owned());
    }
    faults
        .at(node, "expected the issuer's exact `iss`, a URL such as `https://idp.example.org`, without user or query");
    None
}

fn default_algorithms() -> Vec<Algorithm> {
    vec![Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa]
}

fn algorithms(node: &Node, faults: &mut Faults) -> Option<Vec<Algorithm>> {
    let names = some_texts(node, faults)?;
    let known: Vec<&str> = Algorithm::ALL.iter().map(|algorithm| algorithm.label()).collect();
    let mut found = Vec::new();
    for name in &names {
        match Algorithm::parse(name) {
            Some(algorithm) => found.push(algorithm),
            None => faults.at(node, unknown("algorithm", name, &known)),
        }
    }
    Some(found)
}

fn profile(node: &Node, faults: &mut Faults) -> Option<Profile> {
    match node.text(faults)? {
        "rfc9068" => Some(Profile::Rfc9068),
        "jwt" => Some(Profile::Jwt),
        other => {
            faults.at(node, unknown("token profile", other, &["rfc9068", "jwt"]));
            None
        }
    }
}

fn key_source(fields: &Fields<'_>, private: bool, faults: &mut Faults) -> Option<KeySource> {
    match (fields.get("jwks_url"), fields.get("jwks_file")) {
        (Some(node), Some(_)) => {
            faults.at(node, "write `jwks_url` or `jwks_file`, not both");
            None
        }
        (None, Some(node)) => Some(KeySource::File(path(node, faults)?)),
        (Some(node), None) => {
            let url = node.text(faults)?;
            secure(node, url, private, faults).then(|| KeySource::Url(url.to_owned()))
        }
        (None, None) => {
            let node = fields.get("issuer")?;
            let url = node.text(faults)?;
            secure(node, url, private, faults).then_some(KeySource::Discovery)
        }
    }
}

/// Keys come over `https`; over `http` only from this machine, and only where private addresses are allowed.
fn secure(node: &Node, url: &str, private: bool, faults: &mut Faults) -> bool {
    let loopback = ["http://127.0.0.1", "http://[::1]", "http://localhost"];
    let here = private
        && loopback
            .iter()
            .any(|prefix| url.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/'])));
    if url.starts_with("https://") || here {
        return true;
    }
    faults.at(node, "keys are fetched over https only (http: only from loopback with `allow_private_addresses: true`)");
    false
}

fn upstream(entry: &Entry, faults: &mut Faults) -> Option<Upstream> {
    let known = ["url", "policy", "ca_file", "certificate", "key", "server_name", "timeouts", "max_body"];
    let fields = entry.node.fields(&known, faults)?;
    let url = fields.required("url", faults);
    let origin = url.and_then(|node| {
        let found = units::origin(node.text(faults)?);
        found.map_err(|fault| faults.at(node, fault)).ok()
    });
    let policy = fields.required("policy", faults).and_then(|node| path(node, faults));
    let (connect_timeout, total_timeout) = timeouts(fields.get("timeouts"), faults);
    let max_body = bytes(&fields, "max_body", "64MiB", ("1KiB", "1GiB"), faults);
    let ca_file = fields.get("ca_file").and_then(|node| path(node, faults));
    let client = client_certificate(&fields, faults);
    let server_name = fields.get("server_name").and_then(|node| node.text(faults)).map(str::to_owned);
    let (tls, host, port) = origin?;
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
        policy: policy?,
        ca_file,
        client,
        server_name,
        connect_timeout: connect_timeout?,
        total_timeout: total_timeout?,
        max_body: max_body?,
    })
}

fn client_certificate(fields: &Fields<'_>, faults: &mut Faults) -> Option<Certificate> {
    match (fields.get("certificate"), fields.get("key")) {
        (Some(certificate), Some(key)) => {
            Some(Certificate { certificate: path(certificate, faults)?, key: path(key, faults)? })
        }
        (None, None) => None,
        (Some(node), None) | (None, Some(node)) => {
            faults.at(node, "`certificate` and `key` belong together");
            None
        }
    }
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
