//! Reads a policy file. A fault never stops the reading; a policy comes out only when there is none.

mod args;
mod conditions;
mod redactions;
mod roles;
mod rules;

use std::sync::Arc;

pub(super) use conditions::{instant, tls_version};
pub(super) use redactions::{OwnSets, Sets};

use crate::catalog::{Catalog, Catalogs};
use crate::document::{self, Fault, Faults, Fields, Node, Place, Value};

use self::roles::RolesRead;
use self::rules::RulesReader;
use super::policy::{Mode, Policy, Source};
use super::roles::Roles;

/// Reads `sources`, which are one policy together, for the one of `catalogs` that they name.
pub(super) fn policy(sources: &[Source<'_>], catalogs: &Catalogs) -> Result<Policy, Vec<Fault>> {
    let mut faults = Faults::new(sources.first().map_or("", |source| source.file));
    let mut documents = Vec::new();
    for source in sources {
        match document::parse(source.file, source.text) {
            Ok(document) => documents.push((source.file, document)),
            Err(more) => faults.extend(more),
        }
    }
    let policy = if faults.is_empty() { read(&documents, catalogs, &mut faults) } else { None };
    faults.finish(policy)
}

fn read(documents: &[(&str, Node)], catalogs: &Catalogs, faults: &mut Faults) -> Option<Policy> {
    const KEYS: [&str; 6] = ["version", "catalog", "mode", "roles", "redactions", "rules"];
    let mut files = Vec::new();
    for (file, document) in documents {
        faults.turn_to(file);
        files.push((*file, document.fields(&KEYS, faults)?));
    }
    let mut roles = RolesRead::default();
    for (file, fields) in &files {
        faults.turn_to(file);
        roles.read(fields.get("roles"), faults);
    }
    let catalog = common(&files, catalogs, faults)?;
    let mut sets = Sets::new(&catalog);
    for (file, fields) in &files {
        faults.turn_to(file);
        sets.read(fields.get("redactions"), faults);
    }
    let own_sets = sets.own().clone();
    let mut reader = RulesReader::new(&catalog, &roles.names, sets);
    for (file, fields) in &files {
        faults.turn_to(file);
        let mode = fields.get("mode").map_or(Mode::Enforce, |node| rules::mode(node, faults));
        reader.read(fields.get("rules"), mode, faults);
    }
    let read = reader.finish();
    let (enforced, shadowed) = read.openings();
    Some(Policy {
        roles: Roles::new(roles.names, roles.grants),
        rules: read.rules,
        limits: read.limits,
        issuers: roles.issuers,
        clusters: roles.clusters,
        enforced,
        shadowed,
        own_sets,
        catalog,
    })
}

/// The catalogue that all files name.
fn common(files: &[(&str, Fields<'_>)], catalogs: &Catalogs, faults: &mut Faults) -> Option<Arc<Catalog>> {
    let mut found: Option<Arc<Catalog>> = None;
    for (file, fields) in files {
        faults.turn_to(file);
        fields.version(faults);
        let Some(node) = fields.required("catalog", faults) else { continue };
        let Some(name) = node.text(faults) else { continue };
        match (&found, catalogs.find(name)) {
            (Some(first), _) if first.name != name => {
                let message =
                    format!("the files of one policy speak of one catalogue, and another says `{}`", first.name);
                faults.at(node, message);
            }
            (Some(_), _) => {}
            (None, Ok(catalog)) => found = Some(catalog),
            (None, Err(message)) => faults.at(node, message),
        }
    }
    found
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

/// One of a few words with a meaning; a fault when it is another one.
fn word<T: Copy>(what: &str, node: &Node, known: &[(&str, T)], faults: &mut Faults) -> Option<T> {
    let text = node.text(faults)?;
    let found = known.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
    if found.is_none() {
        let known: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
        faults.at(node, document::unknown(what, text, &known));
    }
    found
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
