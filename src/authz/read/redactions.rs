//! Reads `redactions`, and compiles what a rule's `redact` means for an endpoint.

use std::collections::HashMap;
use std::sync::Arc;

use crate::authz::explain::action_word;
use crate::catalog::{self, Catalog, EndpointId, Tag, read_families, read_label};
use crate::document::{self, Entry, Faults, Node, Place};
use crate::redact::{Action, BodyKind, Part, Plan, Rule, SeriesRule};

use super::is_name;

/// The set that holds for a rule without `redact`.
const STANDARD: &str = "standard";
/// The word for "no rules"; the safety net works all the same.
const NONE: &str = "none";

const ADVICE: &str = "in a rule of its own, write a set that promises less, or `redact: none`, \
                      if its readers may see that";

/// What a set of a policy can do.
const ACTIONS: [Action; 6] =
    [Action::Remove, Action::Null, Action::Mask, Action::Pseudonym, Action::TruncateIp, Action::Keep];

/// What can be written in one: where it begins, and what it does.
const KEYS: [&str; 9] = ["extends", "remove", "null", "mask", "pseudonym", "truncate_ip", "keep", "labels", "families"];

/// The redaction sets that rules may name.
pub(in crate::authz) struct Sets<'catalog> {
    catalog: &'catalog Catalog,
    own: OwnSets,
    compiled: HashMap<(String, EndpointId), Arc<Plan>>,
}

/// The sets of a policy, by name.
pub(in crate::authz) type OwnSets = HashMap<String, Own>;

/// A set of the policy: what it adds to a set of the catalogue.
#[derive(Clone, Debug)]
pub(in crate::authz) struct Own {
    extends: String,
    rules: Vec<Rule>,
    /// For pages of metrics.
    series: Vec<SeriesRule>,
}

impl<'catalog> Sets<'catalog> {
    /// The sets of `catalog`.
    pub(super) fn new(catalog: &'catalog Catalog) -> Self {
        Self::with(catalog, OwnSets::new())
    }

    /// The sets of `catalog` and those of a policy that was read.
    pub(in crate::authz) fn with(catalog: &'catalog Catalog, own: OwnSets) -> Self {
        Self { catalog, own, compiled: HashMap::new() }
    }

    /// Those of the policy.
    pub(super) const fn own(&self) -> &OwnSets {
        &self.own
    }

    /// Adds those of a file.
    pub(super) fn read(&mut self, node: Option<&Node>, faults: &mut Faults) {
        for entry in node.and_then(|node| node.entries(faults)).unwrap_or_default() {
            is_name(&entry.key, "redaction set", entry.place, faults);
            if self.is_builtin(&entry.key) {
                faults.push(Some(entry.place), format!("`{}` is the catalogue's own; choose another name", entry.key));
            }
            let own = self.own_set(entry, faults);
            if self.own.insert(entry.key.clone(), own).is_some() {
                faults.push(Some(entry.place), format!("another file has a set `{}` already", entry.key));
            }
        }
    }

    fn own_set(&self, entry: &Entry, faults: &mut Faults) -> Own {
        let mut own = Own { extends: NONE.to_owned(), rules: Vec::new(), series: Vec::new() };
        let Some(fields) = entry.node.fields(&KEYS, faults) else { return own };
        if let Some(node) = fields.required("extends", faults)
            && let Some(name) = node.text(faults)
        {
            if !self.is_builtin(name) {
                faults.at(node, document::unknown("redaction set of the catalogue", name, &self.builtin()));
            }
            name.clone_into(&mut own.extends);
        }
        for action in ACTIONS {
            let items = fields.get(action_word(action)).and_then(|node| node.list(faults)).unwrap_or_default();
            own.rules.extend(items.iter().filter_map(|node| rule(node, action, faults)));
        }
        own.series.extend(fields.get("labels").map(|node| labels(node, faults)).unwrap_or_default());
        own.series.extend(fields.get("families").map(|node| families(node, faults)).unwrap_or_default());
        own
    }

    /// The set that `redact` names, or the one that holds without it; a fault when it is unknown.
    pub(super) fn choose(&self, redact: Option<&Node>, at: Place, faults: &mut Faults) -> Option<String> {
        let name = match redact {
            Some(node) => node.text(faults)?,
            None => STANDARD,
        };
        if let Err(message) = self.know(name) {
            faults.push(Some(redact.map_or(at, |node| node.place)), message);
            return None;
        }
        Some(name.to_owned())
    }

    /// Whether there is a set `name`; else what there is.
    pub(in crate::authz) fn know(&self, name: &str) -> Result<(), String> {
        if self.is_builtin(name) || self.own.contains_key(name) {
            return Ok(());
        }
        let mut known = self.builtin();
        known.extend(self.own.keys().map(String::as_str));
        known.sort_unstable();
        Err(document::unknown("redaction set", name, &known))
    }

    /// What `set` means for `endpoint`; each is compiled once and shared.
    pub(super) fn plan(
        &mut self,
        set: &str,
        endpoint: EndpointId,
        at: Place,
        faults: &mut Faults,
    ) -> Option<Arc<Plan>> {
        let key = (set.to_owned(), endpoint);
        if let Some(plan) = self.compiled.get(&key) {
            return Some(Arc::clone(plan));
        }
        match self.compile(set, endpoint) {
            Ok(plan) => {
                self.compiled.insert(key, Arc::clone(&plan));
                Some(plan)
            }
            Err(message) => {
                faults.push(Some(at), message);
                None
            }
        }
    }

    /// What `set` means for `endpoint`; else why it cannot be used there.
    pub(in crate::authz) fn compile(&self, set: &str, endpoint: EndpointId) -> Result<Arc<Plan>, String> {
        let about = self.catalog.endpoint(endpoint);
        if let Some(why) = self.broken_promise(set, endpoint) {
            return Err(format!("`{set}` cannot be kept on `{}`: {why}; {ADVICE}", about.name));
        }
        let plan = match about.body {
            BodyKind::Exposition => Ok(Plan::for_metrics(self.series_rules(set, endpoint))),
            BodyKind::Json | BodyKind::Text => Plan::compile(about.body, self.rules(set, endpoint)),
        };
        plan.map_err(|error| format!("`{set}` cannot be used on `{}`: {error}", about.name))
    }

    /// What of `set` would stay in the body of `endpoint` all the same.
    fn broken_promise(&self, set: &str, endpoint: EndpointId) -> Option<String> {
        if set == NONE {
            return None;
        }
        match self.catalog.endpoint(endpoint).body {
            BodyKind::Text => return Some("it answers text, which has no fields".to_owned()),
            BodyKind::Json | BodyKind::Exposition => {}
        }
        let tags = self.catalog.unkept(self.base(set), endpoint).unwrap_or_default();
        let tags: Vec<&str> = tags.into_iter().map(Tag::label).collect();
        (!tags.is_empty()).then(|| format!("it tells {} where no selector reaches", document::quoted(&tags)))
    }

    /// The set of the catalogue that `set` is or extends.
    fn base<'set>(&'set self, set: &'set str) -> &'set str {
        self.own.get(set).map_or(set, |own| own.extends.as_str())
    }

    fn rules(&self, set: &str, endpoint: EndpointId) -> Vec<Rule> {
        let own = self.own.get(set);
        let base = self.base(set);
        let mut rules = if base == NONE { None } else { self.catalog.rules(base, endpoint) }.unwrap_or_default();
        rules.extend(own.into_iter().flat_map(|own| own.rules.iter().cloned()));
        rules
    }

    fn series_rules(&self, set: &str, endpoint: EndpointId) -> Vec<SeriesRule> {
        let mut rules = self.catalog.series_rules(self.base(set), endpoint).unwrap_or_default();
        rules.extend(self.own.get(set).into_iter().flat_map(|own| own.series.iter().cloned()));
        rules
    }

    fn is_builtin(&self, name: &str) -> bool {
        self.builtin().contains(&name)
    }

    fn builtin(&self) -> Vec<&str> {
        let names = self.catalog.redactions.iter().map(|set| set.name.as_str());
        names.chain(std::iter::once(NONE)).collect()
    }
}

/// Labels by what happens to them.
fn labels(node: &Node, faults: &mut Faults) -> Vec<SeriesRule> {
    let actions = [
        ("remove", Action::Remove),
        ("mask", Action::Mask),
        ("pseudonym", Action::Pseudonym),
        ("truncate_ip", Action::TruncateIp),
    ];
    let Some(fields) = node.fields(&actions.map(|(key, _)| key), faults) else { return Vec::new() };
    let mut rules = Vec::new();
    for (key, action) in actions {
        let items = fields.get(key).and_then(|node| node.list(faults)).unwrap_or_default();
        let series = items.iter().filter_map(|item| read_label(item, faults));
        rules.extend(series.map(|series| SeriesRule { series, action }));
    }
    rules
}

/// Families by what happens to them.
fn families(node: &Node, faults: &mut Faults) -> Vec<SeriesRule> {
    let actions = [("remove", Action::Remove), ("keep", Action::Keep)];
    let Some(fields) = node.fields(&actions.map(|(key, _)| key), faults) else { return Vec::new() };
    let mut rules = Vec::new();
    for (key, action) in actions {
        let series = fields.get(key).map(|node| read_families(node, faults)).unwrap_or_default();
        rules.extend(series.into_iter().map(|series| SeriesRule { series, action }));
    }
    rules
}

fn rule(node: &Node, action: Action, faults: &mut Faults) -> Option<Rule> {
    let (selector, part) = catalog::selected(node, faults)?;
    if action == Action::Keep && part != Part::Value {
        faults.at(node, "only whole values can be kept; write a selector");
        return None;
    }
    Some(Rule { part, ..Rule::new(selector, action) })
}
