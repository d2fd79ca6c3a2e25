//! Reads `when` and `unless` of a rule.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use crate::document::{self, Faults, Fields, Node, Value};
use crate::types::{TlsVersion, UnixTime};

use super::super::circumstances::CredentialKind;
use super::super::condition::{Conditions, Test, Window};
use super::word;

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// `None`: there is a fault, and the rule must not be taken for one without conditions.
pub(super) fn read(fields: Fields<'_>, faults: &mut Faults) -> Option<Conditions> {
    let when = optional(fields, "when", faults, test);
    let unless = optional(fields, "unless", faults, test);
    Some(Conditions { when: when?, unless: unless? })
}

/// Reads the value of `key`, where it is there: the outer option is whether it could be read.
#[expect(clippy::option_option, reason = "the outer one is whether it could be read")]
fn optional<T>(
    fields: Fields<'_>,
    key: &str,
    faults: &mut Faults,
    read: fn(&Node, &mut Faults) -> Option<T>,
) -> Option<Option<T>> {
    fields.get(key).map_or(Some(None), |node| read(node, faults).map(Some))
}

fn test(node: &Node, faults: &mut Faults) -> Option<Test> {
    let known = ["source", "time", "not_before", "not_after", "tls", "credentials"];
    let fields = node.fields(&known, faults)?;
    if known.iter().all(|key| fields.get(key).is_none()) {
        faults.at(node, format!("names no condition; known are {}", document::quoted(&known)));
        return None;
    }
    let source = optional(fields, "source", faults, networks);
    let time = optional(fields, "time", faults, windows);
    let not_before = optional(fields, "not_before", faults, instant);
    let not_after = optional(fields, "not_after", faults, instant);
    let tls = optional(fields, "tls", faults, tls_version);
    let credentials = optional(fields, "credentials", faults, credentials);
    if let (Some(Some(from)), Some(Some(until)), Some(node)) = (not_before, not_after, fields.get("not_after"))
        && until < from
    {
        faults.at(node, "`not_after` is earlier than `not_before`, so this never holds");
    }
    Some(Test {
        source: source?,
        time: time?,
        not_before: not_before?,
        not_after: not_after?,
        tls: tls?,
        credentials: credentials?.unwrap_or_default(),
    })
}

/// Networks and single addresses, at least one.
fn networks(node: &Node, faults: &mut Faults) -> Option<Vec<IpNet>> {
    all(some(node, faults)?, |item| {
        let text = item.text(faults)?;
        let found = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        match found {
            Some(IpNet::V6(network)) if network.addr().to_ipv4_mapped().is_some() => {
                faults.at(item, "sources are compared as IPv4 where they are; write the network as IPv4");
            }
            Some(network) if network.addr() == network.network() => return Some(network),
            Some(network) => {
                faults.at(item, format!("`{text}` has bits behind its prefix; write `{}`", network.trunc()));
            }
            None => faults.at(item, "expected a network or an address, such as `10.0.0.0/8` or `2001:db8::1`"),
        }
        None
    })
}

/// All items, when each could be read; the faults of all of them are found at once.
fn all<T>(items: &[Node], read: impl FnMut(&Node) -> Option<T>) -> Option<Vec<T>> {
    let read: Vec<Option<T>> = items.iter().map(read).collect();
    read.into_iter().collect()
}

/// One window or a list of them.
fn windows(node: &Node, faults: &mut Faults) -> Option<Vec<Window>> {
    if matches!(node.value, Value::Map(_)) {
        return Some(vec![window(node, faults)?]);
    }
    all(some(node, faults)?, |item| window(item, faults))
}

fn window(node: &Node, faults: &mut Faults) -> Option<Window> {
    let fields = node.fields(&["days", "from", "to", "zone"], faults)?;
    let days = fields.get("days").map_or_else(|| Some(DAYS.map(|(_, day)| day).to_vec()), |node| days(node, faults));
    let from = optional(fields, "from", faults, minutes);
    let to = optional(fields, "to", faults, minutes);
    let zone = fields.get("zone").map_or(Some(TimeZone::UTC), |node| zone(node, faults));
    let (from, to) = (from?.unwrap_or(0), to?.unwrap_or(24 * 60));
    if from == to {
        faults.at(node, "begins when it ends; leave `from` and `to` out for whole days");
        return None;
    }
    Some(Window { days: days?, from, to, zone: zone? })
}

fn days(node: &Node, faults: &mut Faults) -> Option<Vec<Weekday>> {
    all(some(node, faults)?, |item| word("day", item, &DAYS, faults))
}

/// `08:30`, in minutes since midnight; `24:00` is the end of the day.
fn minutes(node: &Node, faults: &mut Faults) -> Option<u16> {
    let text = node.text(faults)?;
    let two = |digits: &str| (digits.len() == 2).then(|| digits.parse::<u16>().ok()).flatten();
    let read = text.split_once(':').and_then(|(hour, minute)| Some((two(hour)?, two(minute)?)));
    let found = read.filter(|(hour, minute)| *minute < 60 && (*hour < 24 || (*hour, *minute) == (24, 0)));
    if found.is_none() {
        faults.at(node, "expected a time of day of two digits each, such as `\"08:30\"`, at most `\"24:00\"`");
    }
    found.map(|(hour, minute)| hour * 60 + minute)
}

fn zone(node: &Node, faults: &mut Faults) -> Option<TimeZone> {
    let name = node.text(faults)?;
    let zone = TimeZone::get(name).ok();
    if zone.is_none() {
        faults.at(
            node,
            format!("`{name}` is no time zone of the IANA database; write one such as `Europe/Berlin` or `UTC`"),
        );
    }
    zone
}

/// An instant as RFC 3339 writes it.
pub(in crate::authz) fn instant(node: &Node, faults: &mut Faults) -> Option<UnixTime> {
    let read = node.text(faults)?.parse::<Timestamp>().ok();
    let found = read.and_then(|instant| u64::try_from(instant.as_millisecond()).ok());
    if found.is_none() {
        faults.at(node, "expected a time such as `2026-12-31T18:00:00Z`");
    }
    found.map(UnixTime::from_millis)
}

pub(in crate::authz) fn tls_version(node: &Node, faults: &mut Faults) -> Option<TlsVersion> {
    let text = node.text(faults)?;
    let found = TlsVersion::of(text);
    if found.is_none() {
        faults.at(node, document::unknown("TLS version", text, &["1.2", "1.3"]));
    }
    found
}

fn credentials(node: &Node, faults: &mut Faults) -> Option<Vec<CredentialKind>> {
    let known: Vec<&str> = CredentialKind::words().collect();
    all(some(node, faults)?, |item| {
        let word = item.text(faults)?;
        let kind = CredentialKind::of(word);
        if kind.is_none() {
            faults.at(item, document::unknown("credential", word, &known));
        }
        kind
    })
}

/// A list with something in it.
fn some<'node>(node: &'node Node, faults: &mut Faults) -> Option<&'node [Node]> {
    let items = node.list(faults)?;
    if items.is_empty() {
        faults.at(node, "the list is empty, so this never holds");
        return None;
    }
    Some(items)
}
