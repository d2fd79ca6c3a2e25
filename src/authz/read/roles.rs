//! Reads `roles`.

use crate::authn::certificate_names;
use crate::document::{Entry, Faults, Node, Place, Position, Value, unknown};

use super::super::claims::{Claim, ClaimTest, Shape};
use super::super::roles::{Grant, RoleNames, SERVICE_ACCOUNT, Subjects, Test, TokenTest};
use super::{is_name, literal, literals};

/// What stands under `roles`.
#[derive(Default)]
pub(super) struct RolesRead {
    pub(super) names: RoleNames,
    pub(super) grants: Vec<Grant>,
    pub(super) issuers: Vec<(String, Position)>,
    pub(super) clusters: Vec<(String, Position)>,
}

/// What can stand in a grant, by itself.
const TESTS: [&str; 3] = ["token", "client_cert", "service_account"];
/// What can stand in a grant.
const GRANTS: [&str; 4] = ["token", "client_cert", "service_account", "all_of"];

impl RolesRead {
    /// Adds those of a file. A role that another file has as well is had in the ways of both.
    pub(super) fn read(&mut self, node: Option<&Node>, faults: &mut Faults) {
        for entry in node.and_then(|node| node.entries(faults)).unwrap_or_default() {
            if entry.key == "any" {
                faults.push(Some(entry.place), "`any` means every authenticated principal and cannot be a role");
            }
            is_name(&entry.key, "role", entry.place, faults);
            let role = self.names.add(&entry.key, faults.position(entry.place));
            for grant in entry.node.list(faults).unwrap_or_default() {
                let tests = self.grant(grant, faults);
                self.grants.push(Grant { role, tests: tests.unwrap_or_default() });
            }
        }
    }

    fn grant(&mut self, node: &Node, faults: &mut Faults) -> Option<Vec<Test>> {
        let entry = only_entry(node, &GRANTS, faults)?;
        if entry.key != "all_of" {
            return Some(vec![self.test(entry, faults)?]);
        }
        let items = entry.node.list(faults)?;
        if items.len() < 2 {
            faults.at(&entry.node, "`all_of` needs at least two");
        }
        let tests = items.iter().filter_map(|item| self.test(only_entry(item, &TESTS, faults)?, faults));
        Some(tests.collect())
    }

    fn test(&mut self, entry: &Entry, faults: &mut Faults) -> Option<Test> {
        match entry.key.as_str() {
            "client_cert" => certificate_names(&entry.node, faults).map(Test::Certificate),
            "service_account" => self.service_account(&entry.node, faults).map(Test::Token),
            _ => self.token(&entry.node, faults).map(Test::Token),
        }
    }

    fn token(&mut self, node: &Node, faults: &mut Faults) -> Option<TokenTest> {
        let fields = node.fields(&["issuer", "subject", "claims"], faults)?;
        let subjects = fields.get("subject").map_or(Subjects::All, |node| Subjects::Named(literals(node, faults)));
        let claims = fields.get("claims").map(|node| claims(node, faults)).unwrap_or_default();
        let issuer = self.issuer(fields.required("issuer", faults)?, faults)?;
        Some(TokenTest { issuer, subjects, claims })
    }

    fn service_account(&mut self, node: &Node, faults: &mut Faults) -> Option<TokenTest> {
        let fields = node.fields(&["issuer", "namespace", "name"], faults)?;
        let namespaces = fields.required("namespace", faults).map(|node| parts(node, faults));
        let names = fields.get("name").map(|node| parts(node, faults));
        let node = fields.required("issuer", faults)?;
        let issuer = self.issuer(node, faults)?;
        self.clusters.push((issuer.clone(), faults.position(node.place)));
        let namespaces = namespaces?;
        let subjects = match names {
            None => Subjects::Namespaces(namespaces),
            Some(names) => {
                let pairs = namespaces.iter().flat_map(|namespace| names.iter().map(move |name| (namespace, name)));
                Subjects::Named(pairs.map(|(namespace, name)| format!("{SERVICE_ACCOUNT}{namespace}:{name}")).collect())
            }
        };
        Some(TokenTest { issuer, subjects, claims: Vec::new() })
    }

    fn issuer(&mut self, node: &Node, faults: &mut Faults) -> Option<String> {
        let name = literal(node, faults)?;
        self.issuers.push((name.to_owned(), faults.position(node.place)));
        Some(name.to_owned())
    }
}

/// The one entry of a mapping, whose key is one of `known`.
fn only_entry<'node>(node: &'node Node, known: &[&str], faults: &mut Faults) -> Option<&'node Entry> {
    let entries = node.entries(faults)?;
    for entry in entries {
        if !known.contains(&entry.key.as_str()) {
            faults.push(Some(entry.place), unknown("key", &entry.key, known));
        }
    }
    match entries {
        [only] => known.contains(&only.key.as_str()).then_some(only),
        [] => {
            faults.at(node, format!("expected one of {}", crate::document::quoted(known)));
            None
        }
        [_, second, ..] => {
            let message = "each item of the list is one way; write a second `-`, or `all_of` when both must hold";
            faults.push(Some(second.place), message);
            None
        }
    }
}

/// A name or a list of names, as Kubernetes writes them (RFC 1123 labels).
fn parts(node: &Node, faults: &mut Faults) -> Vec<String> {
    let names = one_or_more(node, faults);
    for (place, name) in &names {
        let is_label =
            name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte));
        if !is_label || name.is_empty() {
            faults
                .push(Some(*place), format!("`{name}` is not a name in Kubernetes; it stands for itself, without `*`"));
        }
    }
    names.into_iter().map(|(_, name)| name).collect()
}

/// One text, or a list of them, with their places.
fn one_or_more(node: &Node, faults: &mut Faults) -> Vec<(Place, String)> {
    let nodes = match &node.value {
        Value::List(items) => items.as_slice(),
        Value::Scalar { .. } | Value::Map(_) => std::slice::from_ref(node),
    };
    if nodes.is_empty() {
        faults.at(node, "the list is empty");
    }
    nodes.iter().filter_map(|node| Some((node.place, literal(node, faults)?.to_owned()))).collect()
}

fn claims(node: &Node, faults: &mut Faults) -> Vec<ClaimTest> {
    let entries = node.entries(faults).unwrap_or_default();
    if matches!(&node.value, Value::Map(entries) if entries.is_empty()) {
        faults.at(node, "names no claim; leave `claims` out to accept every token of the issuer");
    }
    entries.iter().filter_map(|entry| claim(entry, faults)).collect()
}
/// `path: [a, b]`, `path: a`, `path: { text: [a, b] }` or `path: { words: [a, b] }`.
fn claim(entry: &Entry, faults: &mut Faults) -> Option<ClaimTest> {
    let path = entry.key.clone();
    if path.is_empty() {
        faults.push(Some(entry.place), "a claim needs a name");
        return None;
    }
    let (shape, values) = match &entry.node.value {
        Value::List(_) => (shape_of_list(&path), literals(&entry.node, faults)),
        Value::Scalar { .. } => (Shape::Text, vec![literal(&entry.node, faults)?.to_owned()]),
        Value::Map(_) => {
            let fields = entry.node.fields(&["text", "words"], faults)?;
            match (fields.get("text"), fields.get("words")) {
                (Some(node), None) => (Shape::Text, literals(node, faults)),
                (None, Some(node)) => (Shape::Words, literals(node, faults)),
                (Some(_), Some(_)) | (None, None) => {
                    faults.at(&entry.node, "expected either `text` or `words`");
                    return None;
                }
            }
        }
    };
    Some(ClaimTest { claim: Claim { path, shape }, values })
}

/// `scope` is a string of words (RFC 8693 §4.2), and so is what one large provider calls `scp`.
fn shape_of_list(path: &str) -> Shape {
    match path.rsplit('.').next() {
        Some("scope" | "scp") => Shape::Words,
        Some(_) | None => Shape::List,
    }
}
