//! Reads whose word counts: source networks, names in a client certificate.

use ipnet::IpNet;

use crate::authn::{Trusted, certificate_names};
use crate::document::{Faults, Node};

/// From where something counts: networks, client certificates, or both.
pub(super) fn trusted(node: &Node, faults: &mut Faults) -> Option<Trusted> {
    let fields = node.fields(&["networks", "client_cert"], faults)?;
    let networks = fields.get("networks").map_or(Some(Vec::new()), |node| networks(node, faults));
    let certificates = fields.get("client_cert").map_or(Some(Vec::new()), |node| certificate_names(node, faults));
    let trusted = Trusted { networks: networks?, certificates: certificates? };
    if trusted.networks.is_empty() && trusted.certificates.is_empty() {
        faults.at(node, "nobody is trusted by this; write `networks`, `client_cert` or both");
        return None;
    }
    Some(trusted)
}

fn networks(node: &Node, faults: &mut Faults) -> Option<Vec<IpNet>> {
    let nodes = node.list(faults)?;
    let read = |node: &Node, faults: &mut Faults| {
        let text = node.text(faults)?;
        match text.parse::<IpNet>() {
            Ok(net) if net.prefix_len() == 0 => {
                faults.at(node, format!("`{text}` is everybody; write the networks that it comes from"));
                None
            }
            Ok(net) if net.addr() != net.network() => {
                faults.at(node, format!("`{text}` has bits behind its prefix; write `{}`", net.trunc()));
                None
            }
            Ok(net) => Some(net),
            Err(_) => {
                faults.at(node, format!("`{text}` is not a network; write it like `10.0.0.0/8` or `2001:db8::/32`"));
                None
            }
        }
    };
    // Every one is read, so that every fault is found.
    let all: Vec<Option<IpNet>> = nodes.iter().map(|node| read(node, faults)).collect();
    all.into_iter().collect()
}
