//! Single values: addresses, paths, counts, spans, sizes; each with its range and its fault.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{Certificate, units};
use crate::document::{Faults, Fields, Node, Value, quoted, unknown};

/// One of `known`; the first is the default.
pub(super) fn word(fields: &Fields<'_>, key: &str, known: &[&str], faults: &mut Faults) -> Option<String> {
    let Some(node) = fields.get(key) else { return known.first().map(|word| (*word).to_owned()) };
    let text = node.text(faults)?;
    if known.contains(&text) {
        return Some(text.to_owned());
    }
    faults.at(node, unknown(key, text, known));
    None
}

pub(super) fn address(node: &Node, faults: &mut Faults) -> Option<SocketAddr> {
    let found = node.text(faults)?.parse().ok();
    if found.is_none() {
        faults.at(node, "expected an IP address and a port, such as `0.0.0.0:8443` or `[::]:8443`");
    }
    found
}

pub(super) fn path(node: &Node, faults: &mut Faults) -> Option<PathBuf> {
    let text = node.text(faults)?;
    if text.is_empty() {
        faults.at(node, "expected a path, found nothing");
        return None;
    }
    Some(PathBuf::from(text))
}

/// A list of paths that may be missing.
pub(super) fn paths(fields: &Fields<'_>, key: &str, faults: &mut Faults) -> Vec<PathBuf> {
    let items = fields.get(key).and_then(|node| node.list(faults)).unwrap_or_default();
    items.iter().filter_map(|item| path(item, faults)).collect()
}

/// One path, or a list of different ones.
pub(super) fn one_or_more(node: &Node, faults: &mut Faults) -> Option<Vec<PathBuf>> {
    let Value::List(items) = &node.value else { return Some(vec![path(node, faults)?]) };
    if items.is_empty() {
        faults.at(node, "the list is empty; at least one file is needed");
        return None;
    }
    let mut paths = Vec::new();
    for item in items {
        let path = path(item, faults)?;
        if paths.contains(&path) {
            faults.at(item, format!("`{}` stands here twice", path.display()));
        }
        paths.push(path);
    }
    Some(paths)
}

pub(super) fn some_texts(node: &Node, faults: &mut Faults) -> Option<Vec<String>> {
    let texts = node.texts(faults)?;
    if texts.is_empty() || texts.iter().any(String::is_empty) {
        faults.at(node, "expected at least one value, and none of them empty");
        return None;
    }
    Some(texts)
}

pub(super) fn whole(node: &Node, min: usize, max: usize, faults: &mut Faults) -> Option<usize> {
    let number = node.integer(faults)?;
    let found = usize::try_from(number).ok().filter(|number| (min..=max).contains(number));
    if found.is_none() {
        faults.at(node, format!("{number} is out of range: {min} to {max}"));
    }
    found
}

pub(super) fn count(fields: &Fields<'_>, key: &str, default: usize, max: usize, faults: &mut Faults) -> Option<usize> {
    fields.get(key).map_or(Some(default), |node| whole(node, 1, max, faults))
}

pub(super) fn span(
    fields: &Fields<'_>,
    key: &str,
    default: &str,
    (min, max): (&str, &str),
    faults: &mut Faults,
) -> Option<Duration> {
    ranged(fields, key, default, (min, max), units::duration, faults)
}

pub(super) fn bytes(
    fields: &Fields<'_>,
    key: &str,
    default: &str,
    (min, max): (&str, &str),
    faults: &mut Faults,
) -> Option<usize> {
    ranged(fields, key, default, (min, max), units::size, faults)
}

#[allow(clippy::too_many_arguments, reason = "one reader for both units; a struct would only rename the arguments")]
fn ranged<T: PartialOrd>(
    fields: &Fields<'_>,
    key: &str,
    default: &str,
    (min, max): (&str, &str),
    unit: fn(&str) -> Option<T>,
    faults: &mut Faults,
) -> Option<T> {
    let Some(node) = fields.get(key) else { return unit(default) };
    let text = node.text(faults)?;
    let Some(value) = unit(text) else {
        faults.at(node, format!("`{text}` has no unit that is known here; write it like {}", quoted(&[default])));
        return None;
    };
    if unit(min).is_some_and(|min| value < min) || unit(max).is_some_and(|max| value > max) {
        faults.at(node, format!("`{text}` is out of range: {min} to {max}"));
        return None;
    }
    Some(value)
}

/// The one spelling of a host name: in lower case, without a dot at the end.
pub(super) fn host_name(node: &Node, host: &str, faults: &mut Faults) -> Option<String> {
    let name = host.strip_suffix('.').unwrap_or(host);
    if !is_host_name(name) {
        faults.at(node, format!("`{host}` is not a host name; write it without scheme, port and wildcard"));
        return None;
    }
    Some(name.to_ascii_lowercase())
}

/// A name, an IPv4 address, or an IPv6 address in brackets.
pub(super) fn is_host_name(host: &str) -> bool {
    let plain = |text: &str, more: &[u8]| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
    };
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    inner.map_or_else(|| plain(host, b".-_"), |address| plain(address, b".:"))
}

/// `certificate` and `key`, which belong together.
pub(super) fn certificate_and_key(fields: &Fields<'_>, faults: &mut Faults) -> Option<Certificate> {
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
