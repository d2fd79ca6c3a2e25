//! Reads a policy file. A fault never stops the reading; a policy comes out only when there is none.

mod args;
mod conditions;
mod redactions;
mod roles;
mod rules;

use std::sync::Arc;

pub(super) use conditions::{instant, tls_version};

use crate::catalog::{Catalog, Catalogs};
use crate::document::{self, Fault, Faults, Fields, Node, Place, Value};

use super::policy::{Mode, Policy};
use super::roles::Roles;

/// Reads `text`, the content of `file`.
pub(super) fn policy(file: &str, text: &str, catalog: Arc<Catalog>) -> Result<Policy, Vec<Fault>> {
    let document = document::parse(file, text)?;
    let mut faults = Faults::new(file);
    let policy = read(&document, catalog, &mut faults);
    faults.finish(policy)
}

/// Reads `text`, the content of `file`, for the one of `catalogs` that it names.
pub(super) fn policy_for(file: &str, text: &str, catalogs: &Catalogs) -> Result<Policy, Vec<Fault>> {
    let document = document::parse(file, text)?;
    let mut faults = Faults::new(file);
    let policy = document.entries(&mut faults).and_then(|entries| {
        let entry = entries.iter().find(|entry| entry.key == "catalog");
        let Some(entry) = entry else {
            faults.at(&document, "`catalog` is missing here");
            return None;
        };
        let name = entry.node.text(&mut faults)?;
        let catalog = catalogs.find(name).map_err(|message| faults.at(&entry.node, message)).ok()?;
        read(&document, catalog, &mut faults)
    });
    faults.finish(policy)
}

fn read(document: &Node, catalog: Arc<Catalog>, faults: &mut Faults) -> Option<Policy> {
    let fields = document.fields(&["version", "catalog", "mode", "roles", "redactions", "rules"], faults)?;
    heading(fields, &catalog, faults);
    let roles = roles::read(fields.get("roles"), faults);
    let sets = redactions::read(fields.get("redactions"), &catalog, faults);
    let mode = fields.get("mode").map_or(Mode::Enforce, |node| rules::mode(node, faults));
    let read = rules::read(fields.get("rules"), &catalog, &roles.names, (sets, mode), faults);
    let (enforced, shadowed) = read.openings();
    Some(Policy {
        catalog,
        roles: Roles::new(roles.names, roles.grants),
        rules: read.rules,
        limits: read.limits,
        issuers: roles.issuers,
        clusters: roles.clusters,
        enforced,
        shadowed,
    })
}

fn heading(fields: Fields<'_>, catalog: &Catalog, faults: &mut Faults) {
    if let Some(node) = fields.required("version", faults)
        && node.integer(faults).is_some_and(|version| version != 1)
    {
        faults.at(node, "unknown version; known is `1`");
    }
    if let Some(node) = fields.required("catalog", faults)
        && let Some(name) = node.text(faults)
        && name != catalog.name
    {
        faults.at(node, document::unknown("catalogue", name, &[&catalog.name]));
    }
}

/// Whether `text` can be the name of a role, rule or set; else a fault at `place`.
fn is_name(text: &str, what: &str, place: Place, faults: &mut Faults) -> bool {
    let is_good = (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if !is_good {
        let message = format!("`{text}` cannot name a {what}; use 1 to 64 letters, digits, `-`, `_`, `.`");
        faults.push(Some(place), message);
    }
    is_good
}

/// The text of a value that is compared with claims: not empty, and nothing that YAML would take for another type.
fn literal<'node>(node: &'node Node, faults: &mut Faults) -> Option<&'node str> {
    let text = node.text(faults)?;
    if text.is_empty() {
        faults.at(node, "is empty, and would match nothing or everything");
        return None;
    }
    if text == "*" {
        faults.at(node, "there are no wildcards; values are compared as they stand");
        return None;
    }
    if !is_quoted(node) && is_other_type(text) {
        let message = format!("`{text}` is no text, and only texts match; put it in quotes if the text is meant");
        faults.at(node, message);
        return None;
    }
    Some(text)
}

/// A list of [`literal`]s.
fn literals(node: &Node, faults: &mut Faults) -> Vec<String> {
    let items = node.list(faults).unwrap_or_default();
    items.iter().filter_map(|item| literal(item, faults).map(str::to_owned)).collect()
}

fn is_quoted(node: &Node) -> bool {
    matches!(node.value, Value::Scalar { quoted: true, .. })
}

/// Whether YAML 1.2's core schema reads the plain scalar `text` as null, a boolean or a number.
fn is_other_type(text: &str) -> bool {
    const WORDS: [&str; 11] = ["~", "null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE", ".inf"];
    WORDS.contains(&text) || (text.parse::<f64>().is_ok() && text.starts_with(|c: char| !c.is_ascii_alphabetic()))
}
