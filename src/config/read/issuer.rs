//! Issuers: whose credentials are believed, and how they are judged.

mod asked;
mod door;

use std::path::PathBuf;

use super::super::values::{is_host_name, path, some_texts, span};
use super::super::{Issuer, Judged, KeySource, Keys};
use crate::authn::{Algorithm, CLIENT_CERTIFICATE, IssuerSettings, LoadBalancers, Profile, Trusted};
use crate::document::{Entry, Faults, Fields, Node, quoted, unknown};

/// What makes an issuer one of another kind than one of JWTs.
const KINDS: [&str; 4] = ["introspection", "kubernetes", "front_door", "static_keys"];

pub(super) fn issuer(entry: &Entry, faults: &mut Faults) -> Option<Issuer> {
    if entry.key == CLIENT_CERTIFICATE {
        faults.push(Some(entry.place), "this name stands for client certificates; give the issuer another");
    }
    let mut kinds = entry.node.entries(faults)?.iter().filter(|entry| KINDS.contains(&entry.key.as_str()));
    let kind = kinds.next().map(|entry| entry.key.as_str());
    if let Some(second) = kinds.next() {
        faults.push(Some(second.place), format!("an issuer has at most one of {}", quoted(&KINDS)));
        return None;
    }
    match kind {
        None => signer(entry, faults),
        Some("introspection") => asked::introspection(entry, faults),
        Some("kubernetes") => asked::kubernetes(entry, faults),
        Some("front_door") => door::door(entry, faults),
        Some(_) => static_keys(entry, faults),
    }
}

/// An issuer of JWTs.
fn signer(entry: &Entry, faults: &mut Faults) -> Option<Issuer> {
    let own = ["issuer", "algorithms", "profile", "jwks_url", "jwks_file", "jwks_hosts"];
    let known = [&own[..], &JUDGED, &CALLED, &KEPT, &KINDS].concat();
    let fields = entry.node.fields(&known, faults)?;
    let issuer = fields.required("issuer", faults).and_then(|node| issuer_url(node, faults));
    let algorithms = fields.get("algorithms").map_or(Some(default_algorithms()), |node| algorithms(node, faults));
    let profile = fields.get("profile").map_or(Some(Profile::Rfc9068), |node| profile(node, faults));
    let called = Called::read(&fields, false, faults);
    let source = key_source(&fields, called.as_ref().is_some_and(|called| called.private), faults);
    let hosts = jwks_hosts(&fields, faults);
    let keys = keys(&fields, source, hosts, faults);
    let audiences = fields.required("audiences", faults).and_then(|node| some_texts(node, faults));
    let judged = Judgement::read(&fields, "24h", faults);
    let tokens =
        IssuerSettings { algorithms: algorithms?, ..judged?.settings(&entry.key, issuer?, audiences?, profile?) };
    Some(called?.issuer(tokens, Judged::ByKeys(keys?)))
}

/// Names and keys in a file.
fn static_keys(entry: &Entry, faults: &mut Faults) -> Option<Issuer> {
    let fields = entry.node.fields(&["static_keys"], faults)?;
    let file = fields.required("static_keys", faults).and_then(|node| path(node, faults))?;
    let judged = Judgement::read(&fields, "24h", faults)?;
    let tokens = judged.settings(&entry.key, String::new(), Vec::new(), Profile::StaticKeys);
    Some(Issuer { tokens, judged: Judged::ByFile(file), ca_file: None, allow_private_addresses: false })
}

/// The fields of [`Judgement`], and `audiences`.
const JUDGED: [&str; 3] = ["audiences", "leeway", "max_lifetime"];

/// What is asked of every token.
struct Judgement {
    leeway: std::time::Duration,
    max_lifetime: std::time::Duration,
}

impl Judgement {
    fn read(fields: &Fields<'_>, longest: &str, faults: &mut Faults) -> Option<Self> {
        let leeway = span(fields, "leeway", "30s", ("0s", "60s"), faults);
        let max_lifetime = span(fields, "max_lifetime", longest, ("1m", "30d"), faults);
        Some(Self { leeway: leeway?, max_lifetime: max_lifetime? })
    }

    fn settings(self, name: &str, issuer: String, audiences: Vec<String>, profile: Profile) -> IssuerSettings {
        IssuerSettings {
            name: name.to_owned(),
            issuer,
            audiences,
            algorithms: default_algorithms(),
            profile,
            leeway: self.leeway,
            max_lifetime: self.max_lifetime,
            trusted: Trusted::default(),
            load_balancers: LoadBalancers::default(),
        }
    }
}

/// The fields of [`Called`].
const CALLED: [&str; 2] = ["ca_file", "allow_private_addresses"];

/// How an issuer is called.
struct Called {
    ca_file: Option<PathBuf>,
    private: bool,
}

impl Called {
    fn read(fields: &Fields<'_>, private: bool, faults: &mut Faults) -> Option<Self> {
        let private = fields.get("allow_private_addresses").map_or(Some(private), |node| node.boolean(faults));
        let ca_file = match fields.get("ca_file") {
            Some(node) => Some(path(node, faults)?),
            None => None,
        };
        Some(Self { ca_file, private: private? })
    }

    fn issuer(self, tokens: IssuerSettings, judged: Judged) -> Issuer {
        Issuer { tokens, judged, ca_file: self.ca_file, allow_private_addresses: self.private }
    }
}

/// The fields of [`keys`].
const KEPT: [&str; 2] = ["refresh", "max_stale"];

fn keys(
    fields: &Fields<'_>,
    source: Option<KeySource>,
    hosts: Option<Vec<String>>,
    faults: &mut Faults,
) -> Option<Keys> {
    let refresh = span(fields, "refresh", "5m", ("10s", "24h"), faults);
    let max_stale = span(fields, "max_stale", "24h", ("1m", "30d"), faults);
    Some(Keys { source: source?, hosts: hosts?, token_file: None, refresh: refresh?, max_stale: max_stale? })
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
    faults.at(node, "issuers are called over https only (http: only on loopback with `allow_private_addresses: true`)");
    false
}

/// Hosts as the metadata may name them: without scheme, port and brackets.
fn jwks_hosts(fields: &Fields<'_>, faults: &mut Faults) -> Option<Vec<String>> {
    let Some(node) = fields.get("jwks_hosts") else { return Some(Vec::new()) };
    if fields.get("jwks_url").is_some() || fields.get("jwks_file").is_some() {
        faults.at(node, "`jwks_hosts` is for discovery; `jwks_url` and `jwks_file` say themselves where the keys are");
        return None;
    }
    let hosts = some_texts(node, faults)?;
    for host in hosts.iter().filter(|host| !is_host_name(host)) {
        faults.at(node, format!("`{host}` is not a host name; write it without scheme, port and wildcard"));
    }
    let bare = |host: &String| host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    Some(hosts.iter().map(bare).collect())
}

/// A token chooses its issuer by `iss`; two with the same would leave the choice to chance. So would two issuers to ask
/// about tokens that name none, or two files of static keys.
pub(super) fn no_two_alike(issuers: &[Issuer], fields: &Fields<'_>, faults: &mut Faults) {
    let Some(node) = fields.get("issuers") else { return };
    for (index, issuer) in issuers.iter().enumerate() {
        let first = issuers.iter().take(index).find(|other| {
            let (one, other) = (&issuer.tokens, &other.tokens);
            let same_way = one.profile.takes_bearer() && other.profile.takes_bearer() || one.profile == other.profile;
            same_way && one.issuer == other.issuer
        });
        let Some(first) = first else { continue };
        let names = format!("`{}` and `{}`", first.tokens.name, issuer.tokens.name);
        let message = match (issuer.tokens.profile, issuer.tokens.issuer.is_empty()) {
            (Profile::StaticKeys, _) => "both have static keys; put them into one file",
            (_, true) => "would both be asked about tokens that name no issuer; give one of them an `issuer`",
            (_, false) => "have the same `issuer`; give each its own",
        };
        faults.at(node, format!("{names} {message}"));
    }
}
