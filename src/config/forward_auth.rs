//! Reads `forward_auth`: which proxy may ask about requests of others.

use super::trusted::trusted;
use crate::document::{Faults, Fields, Node, unknown};
use crate::gate::{ForwardAuth, Proxy};

/// `forward_auth` of a listener; `Some(None)` when there is none.
#[expect(clippy::option_option, reason = "the outer one is whether it could be read")]
pub(super) fn forward_auth(fields: &Fields<'_>, faults: &mut Faults) -> Option<Option<ForwardAuth>> {
    let Some(node) = fields.get("forward_auth") else { return Some(None) };
    let own = node.fields(&["from", "trusted"], faults)?;
    let from = own.required("from", faults).and_then(|node| proxy(node, faults));
    let trusted = own.required("trusted", faults).and_then(|node| trusted(node, faults));
    let (from, trusted) = (from?, trusted?);
    let asked = fields.get("client_auth").and_then(|node| node.text(&mut Faults::new("")));
    if !trusted.certificates.is_empty() && !matches!(asked, Some("optional" | "required")) {
        faults.at(node, "`client_cert` needs a listener with `client_auth: optional` or `client_auth: required`");
    }
    Some(Some(ForwardAuth { from, trusted }))
}

fn proxy(node: &Node, faults: &mut Faults) -> Option<Proxy> {
    let name = node.text(faults)?;
    let found = Proxy::ALL.into_iter().find(|proxy| proxy.name() == name);
    if found.is_none() {
        faults.at(node, unknown("proxy", name, &Proxy::ALL.map(Proxy::name)));
    }
    found
}
