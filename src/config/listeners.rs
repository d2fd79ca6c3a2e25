//! Reads `listeners`.

use super::forward_auth::forward_auth;
use super::routes::routes;
use super::values::{address, host_name, path, word};
use super::{Certificate, ClientAuth, Listener};
use crate::document::{Faults, Fields, Node, unknown};

pub(super) fn listeners(fields: &Fields<'_>, upstreams: &[&str], faults: &mut Faults) -> Vec<Listener> {
    let Some(node) = fields.required("listeners", faults) else { return Vec::new() };
    let Some(items) = node.list(faults) else { return Vec::new() };
    if items.is_empty() {
        faults.at(node, "`listeners` is empty; at least one is needed");
    }
    items.iter().filter_map(|item| listener(item, upstreams, faults)).collect()
}

fn listener(node: &Node, upstreams: &[&str], faults: &mut Faults) -> Option<Listener> {
    let known = [
        "address",
        "hosts",
        "certificates",
        "min_tls",
        "client_auth",
        "client_ca_file",
        "crl_files",
        "basic",
        "forward_auth",
        "upstream",
        "routes",
    ];
    let fields = node.fields(&known, faults)?;
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
    let routes = routes(&fields, hosts.as_deref(), upstreams, faults);
    let client_auth = client_auth(&fields, faults);
    let forward_auth = forward_auth(&fields, faults);
    let basic = fields.get("basic").map_or(Some(false), |node| node.boolean(faults));
    Some(Listener {
        address: address?,
        hosts: hosts?,
        certificates: certificates?,
        tls12: tls12?,
        client_auth: client_auth?,
        basic: basic?,
        forward_auth: forward_auth?,
        routes: routes?,
    })
}

/// `client_auth` and the files that belong to it; `Some(None)` when it is off.
#[expect(clippy::option_option, reason = "the outer one is whether it could be read")]
fn client_auth(fields: &Fields<'_>, faults: &mut Faults) -> Option<Option<ClientAuth>> {
    let known = ["off", "optional", "required"];
    let mode = word(fields, "client_auth", &known, faults)?;
    let files = ["client_ca_file", "crl_files"].map(|key| fields.get(key));
    if mode == "off" {
        for node in files.into_iter().flatten() {
            faults.at(node, "has no effect without `client_auth: optional` or `client_auth: required`");
        }
        return Some(None);
    }
    let ca_file = fields.required("client_ca_file", faults).and_then(|node| path(node, faults));
    let crl_files = match fields.get("crl_files") {
        Some(node) => {
            let nodes = node.list(faults)?;
            if nodes.is_empty() {
                faults.at(node, "`crl_files` is empty; leave it out if certificates are not looked up in lists");
            }
            nodes.iter().filter_map(|node| path(node, faults)).collect()
        }
        None => Vec::new(),
    };
    Some(Some(ClientAuth { required: mode == "required", ca_file: ca_file?, crl_files }))
}

fn hosts(node: &Node, faults: &mut Faults) -> Option<Vec<String>> {
    let hosts = node.texts(faults)?;
    if hosts.is_empty() {
        faults.at(node, "`hosts` is empty; leave it out to answer for any name");
        return None;
    }
    // Every one is read, so that every fault is found.
    let all: Vec<Option<String>> = hosts.iter().map(|host| host_name(node, host, faults)).collect();
    all.into_iter().collect()
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
