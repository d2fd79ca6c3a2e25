//! Reads `roles`.

use crate::document::{Entry, Faults, Node, Place, Value};

use super::super::claims::{Claim, ClaimTest, Shape};
use super::super::roles::{Alternative, RoleId};
use super::{is_name, literal, literals};

/// What stands under `roles`.
#[derive(Default)]
pub(super) struct RolesRead {
    pub(super) names: Vec<String>,
    pub(super) alternatives: Vec<Alternative>,
    pub(super) issuers: Vec<(String, Place)>,
}

pub(super) fn read(node: Option<&Node>, faults: &mut Faults) -> RolesRead {
    let mut roles = RolesRead::default();
    for entry in node.and_then(|node| node.entries(faults)).unwrap_or_default() {
        if entry.key == "any" {
            faults.push(Some(entry.place), "`any` means every authenticated principal and cannot be a role");
        }
        is_name(&entry.key, "role", entry.place, faults);
        let role = RoleId(roles.names.len());
        roles.names.push(entry.key.clone());
        for alternative in entry.node.list(faults).unwrap_or_default() {
            roles.add(role, alternative, faults);
        }
    }
    roles
}

impl RolesRead {
    fn add(&mut self, role: RoleId, node: &Node, faults: &mut Faults) {
        let Some(fields) = node.fields(&["token"], faults) else { return };
        let Some(token) = fields.required("token", faults) else { return };
        let Some(fields) = token.fields(&["issuer", "subject", "claims"], faults) else { return };
        let subjects = fields.get("subject").map(|node| literals(node, faults));
        let claims = fields.get("claims").map(|node| claims(node, faults)).unwrap_or_default();
        let Some(issuer) = fields.required("issuer", faults) else { return };
        let Some(name) = literal(issuer, faults) else { return };
        self.issuers.push((name.to_owned(), issuer.place));
        self.alternatives.push(Alternative { role, issuer: name.to_owned(), subjects, claims });
    }
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
