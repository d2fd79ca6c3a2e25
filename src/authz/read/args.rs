//! Reads `args` of a rule.

use std::sync::Arc;

use crate::catalog::{Argument, Catalog, EndpointId, Kind, Value};
use crate::document::{self, Entry, Faults, Fields, Node};

use super::super::tenant::TenantClaim;
use super::super::terms::{Bounds, Constraint, Outside, Takes, Terms};
use super::word;

/// What may become of a number outside of its bounds.
const OUTSIDE: [(&str, Outside); 2] = [("refuse", Outside::Refused), ("clamp", Outside::Clamped)];

/// The constraints of a rule: endpoint, position of the argument, constraint.
pub(super) type Written = Vec<(EndpointId, usize, Constraint)>;

/// What stands under `args`.
#[derive(Default)]
pub(super) struct ArgsRead {
    /// The constraints.
    pub(super) written: Written,
    /// The claims that a tenant's name is bound to, by endpoint.
    pub(super) tenants: Vec<(EndpointId, Arc<TenantClaim>)>,
}

/// Reads the entries of `args`: keyed by argument (for each endpoint of the rule that has it), or by endpoint.
pub(super) fn read(node: &Node, endpoints: &[EndpointId], catalog: &Catalog, faults: &mut Faults) -> ArgsRead {
    let mut read = ArgsRead::default();
    for entry in node.entries(faults).unwrap_or_default() {
        match catalog.find(&entry.key) {
            Some(endpoint) if endpoints.contains(&endpoint) => {
                for inner in entry.node.entries(faults).unwrap_or_default() {
                    add(&mut read, inner, &[endpoint], catalog, faults);
                }
            }
            Some(_) => {
                let message = format!("`{}` is not among the endpoints of this rule", entry.key);
                faults.push(Some(entry.place), message);
            }
            None => add(&mut read, entry, endpoints, catalog, faults),
        }
    }
    read
}

/// The terms of `endpoint` under these constraints.
pub(super) fn terms(written: &Written, endpoint: EndpointId, catalog: &Catalog) -> Terms {
    let own: Vec<_> = written.iter().filter(|(other, ..)| *other == endpoint).cloned().collect();
    let own: Vec<_> = own.into_iter().map(|(_, position, constraint)| (position, constraint)).collect();
    Terms::new(catalog.endpoint(endpoint), &own)
}

/// One argument, for each of `endpoints` that has it; one of them must.
fn add(read: &mut ArgsRead, entry: &Entry, endpoints: &[EndpointId], catalog: &Catalog, faults: &mut Faults) {
    let mut is_known = false;
    for &endpoint in endpoints {
        let arguments = &catalog.endpoint(endpoint).arguments;
        let Some(position) = arguments.iter().position(|argument| argument.name == entry.key) else {
            if tenant(&entry.node).is_some() && endpoints.len() > 1 {
                let name = &catalog.endpoint(endpoint).name;
                let message = format!("`{name}` has no `{}`, so it would show all tenants", entry.key);
                faults.push(Some(entry.place), format!("{message}; write `tenant:` beside `args` instead"));
            }
            continue;
        };
        let Some(argument) = arguments.get(position) else { continue };
        is_known = true;
        if let Some(claim) = tenant(&entry.node) {
            let tenancy = catalog.endpoint(endpoint).tenant.as_ref();
            if tenancy.and_then(|tenancy| tenancy.argument) == Some(position) {
                read.tenants.push((endpoint, Arc::new(claim)));
            } else {
                let (name, endpoint) = (&entry.key, &catalog.endpoint(endpoint).name);
                faults.at(&entry.node, format!("`{name}` of `{endpoint}` does not take the name of a tenant"));
            }
            continue;
        }
        if read.written.iter().any(|(other, at, _)| (*other, *at) == (endpoint, position)) {
            let message = format!("`{}` of `{}` stands here twice", entry.key, catalog.endpoint(endpoint).name);
            faults.push(Some(entry.place), message);
        }
        let mut own = Context { argument, endpoint: &catalog.endpoint(endpoint).name, faults };
        read.written.extend(own.constraint(&entry.node).map(|constraint| (endpoint, position, constraint)));
    }
    if !is_known && !endpoints.is_empty() {
        let known = endpoints.iter().flat_map(|endpoint| &catalog.endpoint(*endpoint).arguments);
        let mut known: Vec<&str> = known.map(|argument| argument.name.as_str()).collect();
        known.sort_unstable();
        known.dedup();
        let message = match known.as_slice() {
            [] => format!("unknown argument `{}`; the endpoints of this rule take none", entry.key),
            known => document::unknown("argument", &entry.key, known),
        };
        faults.push(Some(entry.place), message);
    }
}

/// The claim in `"{claims.account}"`.
fn tenant(node: &Node) -> Option<TenantClaim> {
    match &node.value {
        document::Value::Scalar { text, .. } => TenantClaim::parse(text),
        document::Value::List(_) | document::Value::Map(_) => None,
    }
}

struct Context<'context> {
    argument: &'context Argument,
    endpoint: &'context str,
    faults: &'context mut Faults,
}

impl Context<'_> {
    /// `allow`, `forbid`, a list of values, or a mapping.
    fn constraint(&mut self, node: &Node) -> Option<Constraint> {
        let takes = match &node.value {
            document::Value::Scalar { text, .. } if text == "allow" => Takes::Any,
            document::Value::Scalar { text, .. } if text == "forbid" => Takes::Nothing,
            document::Value::Scalar { text, .. } => {
                let hint = format!(
                    "expected `allow`, `forbid`, a list such as `[{text}]`, or a mapping such as `{{ max: 9 }}`"
                );
                self.faults.at(node, hint);
                return None;
            }
            document::Value::List(items) => self.one_of(node, items)?,
            document::Value::Map(_) => return self.mapping(node),
        };
        Some(Constraint { takes, default: None })
    }

    fn one_of(&mut self, node: &Node, items: &[Node]) -> Option<Takes> {
        if items.is_empty() {
            self.faults.at(node, "the list is empty; write `forbid` if no value may be given");
            return None;
        }
        Some(Takes::OneOf(items.iter().filter_map(|item| self.value(item)).collect()))
    }

    /// `{ force }`, or `{ default }` alone or beside `one_of` or `min`, `max`, `outside`.
    fn mapping(&mut self, node: &Node) -> Option<Constraint> {
        let fields = node.fields(&["force", "default", "one_of", "min", "max", "outside"], self.faults)?;
        let others = ["default", "one_of", "min", "max", "outside"];
        let is_there = |key: &&str| fields.get(key).is_some();
        if let Some(forced) = fields.get("force") {
            if others.iter().any(is_there) {
                self.faults.at(node, "`force` stands alone: what is sent is always this value");
            }
            return Some(Constraint { takes: Takes::Forced(self.value(forced)?), default: None });
        }
        if is_there(&"one_of") && ["min", "max", "outside"].iter().any(is_there) {
            self.faults.at(node, "either `one_of`, or `min` and `max`");
            return None;
        }
        let default = match fields.get("default") {
            Some(node) => Some(self.value(node)?),
            None => None,
        };
        let takes = match fields.get("one_of") {
            Some(list) => {
                let items = list.list(self.faults)?;
                self.one_of(list, items)?
            }
            None if ["min", "max", "outside"].iter().any(is_there) => self.range(node, fields, default.is_some())?,
            None if default.is_some() => Takes::Any,
            None => {
                self.faults.at(node, "expected `min`, `max` or both, `one_of`, `default` or `force`");
                return None;
            }
        };
        if let (Some(value), Some(node)) = (&default, fields.get("default"))
            && !takes.sends(value)
        {
            self.faults.at(node, "the rule would refuse this value itself");
        }
        Some(Constraint { takes, default })
    }

    fn range(&mut self, node: &Node, fields: Fields<'_>, has_default: bool) -> Option<Takes> {
        let Kind::Integer { min: least, max: most } = self.argument.kind else {
            let message = format!("`{}` of `{}` is not a number", self.argument.name, self.endpoint);
            self.faults.at(node, message);
            return None;
        };
        let (min, max) = (fields.get("min"), fields.get("max"));
        if min.is_none() && max.is_none() {
            self.faults.at(node, "expected `min`, `max` or both");
            return None;
        }
        if self.argument.default.is_none() && !has_default {
            let message = format!(
                "`{}` of `{}` has no default, so a range would not bind those who leave it out; add `default`",
                self.argument.name, self.endpoint
            );
            self.faults.at(node, message);
            return None;
        }
        let mut bound = |node: Option<&Node>, otherwise| node.map_or(Some(otherwise), |node| self.integer(node));
        let (min, max) = (bound(min, least), bound(max, most));
        let (min, max) = (min?, max?);
        if min > max {
            self.faults.at(node, format!("`min` {min} is greater than `max` {max}"));
            return None;
        }
        let outside =
            fields.get("outside").map_or(Some(Outside::Refused), |node| word("word", node, &OUTSIDE, self.faults))?;
        Some(Takes::Within(Bounds { min, max, outside }))
    }

    fn integer(&mut self, node: &Node) -> Option<i128> {
        match self.value(node)? {
            Value::Integer(number) => Some(number),
            Value::Boolean(_) | Value::Text(_) => None,
        }
    }

    /// One value, as the catalogue accepts it in a query.
    fn value(&mut self, node: &Node) -> Option<Value> {
        let text = node.text(self.faults)?;
        if TenantClaim::parse(text).is_some() {
            let message = format!(
                "a claim binds an argument by itself: write `{}: \"{text}\"`, or `tenant:`",
                self.argument.name
            );
            self.faults.at(node, message);
            return None;
        }
        let value = self.argument.read(text);
        if value.is_none() {
            let (argument, expected) = (&self.argument.name, self.argument.kind.expected());
            self.faults.at(node, format!("`{argument}` of `{}` takes {expected}, not `{text}`", self.endpoint));
        }
        value
    }
}
