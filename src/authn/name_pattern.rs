//! What a policy writes to name client certificates: exact names, or `*` for one whole segment.

use std::fmt;

use super::certificate::Certificate;
use crate::document::{Faults, Node, Value, quoted};

use super::names::{MAX_NAME, is_dns_name, is_label, is_plain, is_segment, is_trust_domain, is_uri, mailbox, scheme};

/// A kind of name in a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameKind {
    /// The URI in its subject alternative names, such as a SPIFFE ID.
    Uri,
    /// A DNS name there.
    Dns,
    /// An e-mail address there.
    Email,
    /// The common name of its subject.
    CommonName,
}

impl NameKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Uri, Self::Dns, Self::Email, Self::CommonName];

    /// The word in policies.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Uri => "uri",
            Self::Dns => "dns",
            Self::Email => "email",
            Self::CommonName => "common_name",
        }
    }
}

/// Names of one kind: one, or all that differ in whole segments only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern {
    kind: NameKind,
    /// As compared: DNS names, and domains of e-mail addresses, in lower case.
    text: String,
}

/// Stands for one whole segment.
const ANY: &str = "*";

impl NamePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A sentence that says how to write it.
    pub fn parse(kind: NameKind, text: &str) -> Result<Self, String> {
        let text = match kind {
            NameKind::Uri => uri(text)?,
            NameKind::Dns => dns(text)?,
            NameKind::Email => email(text)?,
            NameKind::CommonName => common_name(text)?,
        };
        Ok(Self { kind, text })
    }

    /// The one name that it stands for, as certificates have it; `None` when there are several spellings.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        (self.kind != NameKind::Email && !self.text.contains('*')).then_some(&self.text)
    }

    /// Whether a certificate has such a name.
    #[must_use]
    pub fn matches(&self, certificate: &Certificate) -> bool {
        match self.kind {
            NameKind::Uri => certificate.uri.as_deref().is_some_and(|uri| self.matches_uri(uri)),
            NameKind::Dns => certificate.dns.iter().any(|name| self.matches_dns(name)),
            NameKind::Email => certificate.emails.iter().any(|address| self.matches_email(address)),
            NameKind::CommonName => certificate.common_name.as_deref() == Some(&self.text),
        }
    }

    /// Segment by segment, byte for byte. What `*` stands for must be plain: an encoded `/` would be several segments.
    fn matches_uri(&self, uri: &str) -> bool {
        let (mut wanted, mut found) = (self.text.split('/'), uri.split('/'));
        loop {
            match (wanted.next(), found.next()) {
                (None, None) => return true,
                (Some(ANY), Some(found)) if is_segment(found) => {}
                (Some(wanted), Some(found)) if wanted != ANY && wanted == found => {}
                (Some(_) | None, Some(_) | None) => return false,
            }
        }
    }

    /// The names of a certificate are in lower case already. One with a wildcard of its own is nobody's name.
    fn matches_dns(&self, name: &str) -> bool {
        match self.text.strip_prefix("*.") {
            Some(parent) => name.split_once('.').is_some_and(|(label, rest)| is_label(label) && rest == parent),
            None => name == self.text,
        }
    }

    fn matches_email(&self, address: &str) -> bool {
        let (Some((wanted, ours)), Some((local, domain))) = (mailbox(&self.text), mailbox(address)) else {
            return false;
        };
        (wanted == ANY || wanted == local) && ours.eq_ignore_ascii_case(domain)
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.key(), self.text)
    }
}

/// Reads names of a certificate as files have them: `uri`, `dns`, `email`, `common_name`, each one name or a list.
/// A certificate must have one of all of them.
pub fn certificate_names(node: &Node, faults: &mut Faults) -> Option<Vec<NamePattern>> {
    let kinds = NameKind::ALL.map(NameKind::key);
    let fields = node.fields(&kinds, faults)?;
    let mut patterns = Vec::new();
    for kind in NameKind::ALL {
        let Some(node) = fields.get(kind.key()) else { continue };
        let nodes = if let Value::List(items) = &node.value { items.as_slice() } else { std::slice::from_ref(node) };
        if nodes.is_empty() {
            faults.at(node, "the list is empty");
        }
        for node in nodes {
            match node.text(faults).map(|text| NamePattern::parse(kind, text)) {
                Some(Ok(pattern)) => patterns.push(pattern),
                Some(Err(message)) => faults.at(node, message),
                None => {}
            }
        }
    }
    if matches!(&node.value, Value::Map(entries) if entries.is_empty()) {
        faults.at(node, format!("names nobody; write one of {}", quoted(&kinds)));
    }
    Some(patterns)
}

fn uri(text: &str) -> Result<String, String> {
    let written = |problem: &str| {
        let text = text.escape_debug();
        format!("`{text}` {problem}; write a whole URI, such as `spiffe://example.org/ns/*/sa/prometheus`")
    };
    let Some(scheme) = scheme(text).filter(|_| is_uri(text)) else { return Err(written("is not a URI")) };
    // In `scheme://authority/path` only the path has segments.
    let behind = text.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://"));
    let (fixed, path) = match behind.map(|rest| rest.split_once('/').unwrap_or((rest, ""))) {
        Some((authority, path)) => (authority, path),
        None => (text, ""),
    };
    if fixed.contains('*') {
        return Err(written("has a `*` before its path, where none can be"));
    }
    if path.split('/').any(|segment| segment != ANY && segment.contains('*')) {
        return Err(written("has a `*` that is only a part of a segment"));
    }
    if !scheme.eq_ignore_ascii_case("spiffe") {
        return Ok(text.to_owned());
    }
    let segments = path.split('/').all(|segment| segment == ANY || is_segment(segment));
    if scheme == "spiffe" && behind.is_some() && is_trust_domain(fixed) && segments {
        return Ok(text.to_owned());
    }
    Err(written("is not a SPIFFE ID"))
}

fn dns(text: &str) -> Result<String, String> {
    let name = text.to_ascii_lowercase();
    if is_dns_name(name.strip_prefix("*.").unwrap_or(&name)) {
        return Ok(name);
    }
    let text = text.escape_debug();
    Err(format!(
        "`{text}` is not a DNS name; write `prometheus.example.org`, or `*.example.org` for any one label before it"
    ))
}

fn email(text: &str) -> Result<String, String> {
    let written = || {
        let text = text.escape_debug();
        format!("`{text}` is not an e-mail address; write `ops@example.org`, or `*@example.org` for anybody there")
    };
    let (local, domain) = mailbox(text).filter(|_| is_plain(text) && !text.contains(' ')).ok_or_else(written)?;
    let domain = domain.to_ascii_lowercase();
    if !is_dns_name(&domain) || (local != ANY && local.contains('*')) {
        return Err(written());
    }
    Ok(format!("{local}@{domain}"))
}

fn common_name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > MAX_NAME || text.contains(char::is_control) || text.trim() != text {
        return Err(format!("`{}` is not a common name; write it as it is in the certificate", text.escape_debug()));
    }
    if text.contains('*') {
        return Err(format!("`{text}` has a `*`, but common names are compared whole; write it out, or use `uri`"));
    }
    Ok(text.to_owned())
}
