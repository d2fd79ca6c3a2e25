//! Reads where the requests of a listener go: `upstream`, or `routes`.

use super::Route;
use super::values::host_name;
use crate::catalog::is_canonical;
use crate::document::{Faults, Fields, Node, unknown};

/// The routes of a listener that answers for `hosts`; `None` there when they could not be read.
pub(super) fn routes(
    fields: &Fields<'_>,
    hosts: Option<&[String]>,
    upstreams: &[&str],
    faults: &mut Faults,
) -> Option<Vec<Route>> {
    let Some(node) = fields.get("routes") else {
        let upstream = fields.required("upstream", faults).and_then(|node| upstream(node, upstreams, faults))?;
        return Some(vec![Route { host: None, prefix: String::new(), upstream }]);
    };
    if let Some(node) = fields.get("upstream") {
        faults.at(node, "a listener has either `upstream` or `routes`");
    }
    let items = node.list(faults)?;
    if items.is_empty() {
        faults.at(node, "`routes` is empty; name at least one, or write `upstream`");
        return None;
    }
    // Every one is read, so that every fault is found.
    let read: Vec<Option<Route>> = items.iter().map(|item| route(item, upstreams, faults)).collect();
    let read: Vec<Route> = read.into_iter().collect::<Option<_>>()?;
    for (at, (route, item)) in read.iter().zip(items).enumerate() {
        let same = |(other, _): &(&Route, &Node)| other.host == route.host && other.prefix == route.prefix;
        if let Some((_, first)) = read.iter().zip(items).take(at).find(same) {
            faults
                .at(item, format!("this is for the same requests as the route of line {}; keep one", first.place.line));
        }
    }
    agree(&read, node, hosts.unwrap_or_default(), faults);
    Some(read)
}

/// Where `hosts` is written, it names those of the routes and no other that nothing leads on from.
fn agree(routes: &[Route], node: &Node, hosts: &[String], faults: &mut Faults) {
    if hosts.is_empty() {
        return;
    }
    let named: Vec<&String> = routes.iter().filter_map(|route| route.host.as_ref()).collect();
    for host in named.iter().filter(|host| !hosts.contains(host)) {
        faults.at(node, format!("no request reaches the route for `{host}`: `hosts` does not name it"));
    }
    let any = named.len() < routes.len();
    for host in hosts.iter().filter(|host| !any && !named.contains(host)) {
        faults.at(node, format!("`hosts` names `{host}`, but no route is for it"));
    }
}

fn route(node: &Node, upstreams: &[&str], faults: &mut Faults) -> Option<Route> {
    let fields = node.fields(&["host", "prefix", "upstream"], faults)?;
    let host = match fields.get("host") {
        Some(node) => node.text(faults).and_then(|host| host_name(node, host, faults)).map(Some),
        None => Some(None),
    };
    let prefix = fields.get("prefix").map_or(Some(String::new()), |node| prefix(node, faults));
    let upstream = fields.required("upstream", faults).and_then(|node| upstream(node, upstreams, faults));
    Some(Route { host: host?, prefix: prefix?, upstream: upstream? })
}

fn prefix(node: &Node, faults: &mut Faults) -> Option<String> {
    let text = node.text(faults)?;
    let fault = if text == "/" {
        "leave `prefix` out to mean every path".to_owned()
    } else if text.ends_with('/') || !is_canonical(text) {
        format!("`{text}` is not canonical: write `/a/b` of unreserved characters, no slash last")
    } else if text == "/-" || text.starts_with("/-/") {
        "paths below `/-` are monward's own; take another prefix".to_owned()
    } else {
        return Some(text.to_owned());
    };
    faults.at(node, fault);
    None
}

/// The index of an upstream.
fn upstream(node: &Node, upstreams: &[&str], faults: &mut Faults) -> Option<usize> {
    let name = node.text(faults)?;
    let found = upstreams.iter().position(|known| *known == name);
    if found.is_none() {
        faults.at(node, unknown("upstream", name, upstreams));
    }
    found
}
