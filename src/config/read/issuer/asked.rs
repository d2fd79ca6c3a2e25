//! Issuers that are asked about each token, and Kubernetes, which may be.

use super::super::super::values::{certificate_and_key, path, some_texts, span};
use super::super::super::{Ask, AskClient, AskWay, Issuer, Judged, KeySource};
use super::{CALLED, Called, JUDGED, Judgement, KEPT, issuer_url, keys, secure};
use crate::authn::Profile;
use crate::document::{Entry, Faults, Fields};

/// Where a cluster publishes the keys of its service accounts.
const CLUSTER_KEYS: &str = "/openid/v1/jwks";

/// Token introspection (RFC 7662).
pub(super) fn introspection(entry: &Entry, faults: &mut Faults) -> Option<Issuer> {
    let known = [&["introspection", "issuer", "audiences", "leeway", "cache"][..], &CALLED].concat();
    let fields = entry.node.fields(&known, faults)?;
    let issuer = fields.get("issuer").map_or(Some(String::new()), |node| issuer_url(node, faults));
    let called = Called::read(&fields, false, faults);
    let way = endpoint(&fields, called.as_ref().is_some_and(|called| called.private), faults);
    let audiences = fields.required("audiences", faults).and_then(|node| some_texts(node, faults));
    let cache = cache(&fields, "30s", faults);
    let judged = Judgement::read(&fields, "24h", faults);
    let tokens = judged?.settings(&entry.key, issuer?, audiences?, Profile::Asked);
    Some(called?.issuer(tokens, Judged::ByAsking(Ask { way: way?, cache: cache? })))
}

fn endpoint(fields: &Fields<'_>, private: bool, faults: &mut Faults) -> Option<AskWay> {
    let node = fields.required("introspection", faults)?;
    let known = ["url", "client_id", "client_secret_file", "certificate", "key"];
    let fields = node.fields(&known, faults)?;
    let url = fields.required("url", faults).and_then(|node| {
        let url = node.text(faults)?;
        secure(node, url, private, faults).then(|| url.to_owned())
    });
    let client_id = fields.required("client_id", faults).and_then(|node| node.text(faults)).map(str::to_owned);
    let secret = fields.get("client_secret_file").and_then(|node| path(node, faults));
    let client = match (secret, certificate_and_key(&fields, faults)) {
        (Some(file), None) => Some(AskClient::SecretFile(file)),
        (None, Some(certificate)) => Some(AskClient::Certificate(certificate)),
        (Some(_), Some(_)) | (None, None) => {
            faults.at(node, "write either `client_secret_file`, or `certificate` and `key`");
            None
        }
    };
    Some(AskWay::Introspection { url: url?, client_id: client_id?, client: client? })
}

/// Service accounts of a cluster, by its keys or by asking its API server.
pub(super) fn kubernetes(entry: &Entry, faults: &mut Faults) -> Option<Issuer> {
    let known = [&["kubernetes", "issuer", "cache"][..], &JUDGED, &CALLED, &KEPT].concat();
    let fields = entry.node.fields(&known, faults)?;
    let issuer = fields.required("issuer", faults).and_then(|node| issuer_url(node, faults));
    let audiences = fields.required("audiences", faults).and_then(|node| some_texts(node, faults));
    // A cluster lives on private addresses; which one is meant is written out.
    let called = Called::read(&fields, true, faults);
    let cluster = cluster(&fields, called.as_ref().is_some_and(|called| called.private), faults);
    let cache = cache(&fields, "10s", faults);
    let judged = Judgement::read(&fields, "24h", faults);
    let url = cluster.as_ref().map(|cluster| format!("{}{CLUSTER_KEYS}", cluster.server));
    let keys = keys(&fields, url.map(KeySource::Url), Some(Vec::new()), faults);
    let Cluster { server, token_file, review } = cluster?;
    if review {
        let tokens = judged?.settings(&entry.key, issuer?, audiences?, Profile::Asked);
        let way = AskWay::Review { server, token_file };
        return Some(called?.issuer(tokens, Judged::ByAsking(Ask { way, cache: cache? })));
    }
    let mut keys = keys?;
    keys.token_file = Some(token_file);
    let tokens = judged?.settings(&entry.key, issuer?, audiences?, Profile::ServiceAccount);
    Some(called?.issuer(tokens, Judged::ByKeys(keys)))
}

struct Cluster {
    server: String,
    token_file: std::path::PathBuf,
    review: bool,
}

fn cluster(fields: &Fields<'_>, private: bool, faults: &mut Faults) -> Option<Cluster> {
    let node = fields.required("kubernetes", faults)?;
    let fields = node.fields(&["server", "token_file", "review"], faults)?;
    let server = fields.required("server", faults).and_then(|node| {
        let url = node.text(faults)?;
        secure(node, url, private, faults).then(|| url.trim_end_matches('/').to_owned())
    });
    let token_file = fields.required("token_file", faults).and_then(|node| path(node, faults));
    let review = fields.get("review").map_or(Some(false), |node| node.boolean(faults));
    Some(Cluster { server: server?, token_file: token_file?, review: review? })
}

fn cache(fields: &Fields<'_>, default: &str, faults: &mut Faults) -> Option<std::time::Duration> {
    span(fields, "cache", default, ("0s", "5m"), faults)
}
