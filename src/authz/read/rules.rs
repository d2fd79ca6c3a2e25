//! Reads `rules`.

use std::collections::HashMap;
use std::sync::Arc;

use crate::catalog::{Catalog, EndpointId};
use crate::document::{self, Faults, Fields, Node, Position, Value};
use crate::redact::BodyKind;

use super::super::decision::{LimitId, RuleId};
use super::super::limit::{Limit, Unit, parse_count, parse_rate};
use super::super::opening::{Offer, Opening};
use super::super::policy::{Effect, Mode, Rule, Who};
use super::super::roles::{RoleId, RoleNames};
use super::super::tenant::TenantClaim;
use super::redactions::Sets;
use super::{args, conditions, is_name, word};

/// What a limit may count.
const UNITS: [(&str, Unit); 2] = [("requests", Unit::Requests), ("cost", Unit::Cost)];

/// What stands under `rules`.
pub(super) struct RulesRead {
    pub(super) rules: Vec<Rule>,
    pub(super) limits: Vec<Limit>,
    /// For each endpoint of the catalogue, in its order.
    endpoints: Vec<Named>,
}

/// The rules that name an endpoint.
#[derive(Default)]
struct Named {
    all: Vec<usize>,
    offers: Vec<Offer>,
}

impl RulesRead {
    /// The rules that are enforced, and all of them where some are in shadow.
    pub(super) fn openings(&self) -> (Vec<Opening>, Option<Vec<Opening>>) {
        let opening = |wanted: fn(Mode) -> bool| {
            let one = |named: &Named| Opening::new(&named.all, &named.offers, (&self.rules, &self.limits), wanted);
            self.endpoints.iter().map(one).collect()
        };
        let has_shadow = self.rules.iter().any(|rule| rule.mode == Mode::Shadow);
        (opening(|mode| mode == Mode::Enforce), has_shadow.then(|| opening(|_| true)))
    }
}

/// Reads the rules of one file after another.
pub(super) struct RulesReader<'read> {
    catalog: &'read Catalog,
    roles: &'read RoleNames,
    sets: Sets<'read>,
    ids: HashMap<String, Position>,
    read: RulesRead,
}

impl<'read> RulesReader<'read> {
    pub(super) fn new(catalog: &'read Catalog, roles: &'read RoleNames, sets: Sets<'read>) -> Self {
        let endpoints = catalog.endpoints.iter().map(|_| Named::default()).collect();
        let read = RulesRead { rules: Vec::new(), limits: Vec::new(), endpoints };
        Self { catalog, roles, sets, ids: HashMap::new(), read }
    }

    /// Adds those of a file; `mode` is that of rules that do not say.
    pub(super) fn read(&mut self, node: Option<&Node>, mode: Mode, faults: &mut Faults) {
        for node in node.and_then(|node| node.list(faults)).unwrap_or_default() {
            Reader { all: self, mode, faults }.rule(node);
        }
    }

    pub(super) fn finish(self) -> RulesRead {
        self.read
    }
}

struct Reader<'reader, 'read> {
    all: &'reader mut RulesReader<'read>,
    mode: Mode,
    faults: &'reader mut Faults,
}

impl Reader<'_, '_> {
    fn rule(&mut self, node: &Node) {
        const KEYS: [&str; 12] = [
            "id",
            "endpoints",
            "allow",
            "deny",
            "args",
            "tenant",
            "limit",
            "redact",
            "jsonp",
            "when",
            "unless",
            "mode",
        ];
        let Some(fields) = node.fields(&KEYS, self.faults) else { return };
        let id = self.id(fields);
        let endpoints = self.endpoints(fields);
        let (effect, who) = self.effect(fields);
        let limit = fields.get("limit").and_then(|node| self.limit(&id, node));
        let mode = fields.get("mode").map_or(self.mode, |node| mode(node, self.faults));
        let conditions = conditions::read(fields, self.faults).unwrap_or_default();
        let jsonp = fields.get("jsonp").is_some_and(|node| self.jsonp(node, &endpoints));
        let position = self.all.read.rules.len();
        for endpoint in &endpoints {
            if let Some(named) = self.all.read.endpoints.get_mut(endpoint.0) {
                named.all.push(position);
            }
        }
        match effect {
            Effect::Allow => self.allow(fields, &endpoints, &who),
            Effect::Deny => self.deny(fields),
        }
        let at = self.faults.position(node.place);
        self.all.read.rules.push(Rule { id, at, effect, mode, who, conditions, limit, jsonp });
    }

    fn id(&mut self, fields: Fields<'_>) -> RuleId {
        let Some(node) = fields.required("id", self.faults) else { return RuleId::new("") };
        let text = node.text(self.faults).unwrap_or_default();
        is_name(text, "rule", node.place, self.faults);
        let here = self.faults.position(node.place);
        if let Some(first) = self.all.ids.insert(text.to_owned(), here.clone()) {
            let file = if first.file == here.file { String::new() } else { format!(" of {}", first.file) };
            self.faults.at(node, format!("there is a rule `{text}` already, on line {}{file}", first.place.line));
        }
        RuleId::new(text)
    }

    fn endpoints(&mut self, fields: Fields<'_>) -> Vec<EndpointId> {
        let Some(node) = fields.required("endpoints", self.faults) else { return Vec::new() };
        let Some(items) = node.list(self.faults) else { return Vec::new() };
        if items.is_empty() {
            self.faults.at(node, "the list is empty, so the rule does nothing");
        }
        let known: Vec<&str> = self.all.catalog.endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
        let mut found = Vec::new();
        for item in items {
            let Some(name) = item.text(self.faults) else { continue };
            match self.all.catalog.find(name) {
                Some(endpoint) if found.contains(&endpoint) => {
                    self.faults.at(item, format!("`{name}` stands here twice"));
                }
                Some(endpoint) => found.push(endpoint),
                None => self.faults.at(item, document::unknown("endpoint", name, &known)),
            }
        }
        found
    }

    fn effect(&mut self, fields: Fields<'_>) -> (Effect, Who) {
        match (fields.get("allow"), fields.get("deny")) {
            (Some(node), None) => return (Effect::Allow, self.who(node)),
            (None, Some(node)) => return (Effect::Deny, self.who(node)),
            (Some(_), Some(node)) => self.faults.at(node, "a rule has either `allow` or `deny`; write two rules"),
            (None, None) => {
                let message = "`allow` or `deny` is missing here; `allow: []` lets nobody in";
                self.faults.push(Some(fields.place()), message);
            }
        }
        (Effect::Allow, Who::Roles(Vec::new()))
    }

    /// `any`, or a list of roles.
    fn who(&mut self, node: &Node) -> Who {
        match &node.value {
            Value::Scalar { text, .. } if text == "any" => return Who::Any,
            Value::Scalar { text, .. } => self.faults.at(node, format!("expected `any` or a list such as `[{text}]`")),
            Value::Map(_) => self.faults.at(node, "expected `any` or a list of roles"),
            Value::List(items) => return Who::Roles(items.iter().filter_map(|item| self.role(item)).collect()),
        }
        Who::Roles(Vec::new())
    }

    fn role(&mut self, node: &Node) -> Option<RoleId> {
        let name = node.text(self.faults)?;
        let found = self.all.roles.find(name);
        if found.is_none() {
            let known: Vec<&str> = self.all.roles.all().collect();
            let message = match (name, known.as_slice()) {
                ("any", _) => "`any` stands alone, without a list".to_owned(),
                (_, []) => format!(
                    "unknown role `{name}`; there are none under `roles`; where they stand in another file, check the \
                     configuration that names both"
                ),
                (_, known) => document::unknown("role", name, known),
            };
            self.faults.at(node, message);
        }
        found
    }

    fn limit(&mut self, rule: &RuleId, node: &Node) -> Option<LimitId> {
        let fields = node.fields(&["rate", "burst", "by"], self.faults)?;
        let rate = fields
            .required("rate", self.faults)
            .and_then(|node| parse_rate(node.text(self.faults)?).map_err(|message| self.faults.at(node, message)).ok());
        let burst = match fields.get("burst") {
            Some(node) => {
                let number = node.integer(self.faults)?;
                parse_count(number).map_err(|message| self.faults.at(node, message)).ok()
            }
            None => parse_count(1).ok(),
        };
        let unit = fields.get("by").map_or(Some(Unit::Requests), |node| word("unit", node, &UNITS, self.faults));
        let ((count, period), burst, unit) = (rate?, burst?, unit?);
        self.all.read.limits.push(Limit { rule: rule.clone(), count, period, burst, unit });
        Some(LimitId(self.all.read.limits.len() - 1))
    }

    fn deny(&mut self, fields: Fields<'_>) {
        for key in ["args", "tenant", "limit", "redact", "jsonp"] {
            if let Some(node) = fields.get(key) {
                self.faults.at(node, format!("a `deny` rule takes no `{key}`; it closes the endpoint altogether"));
            }
        }
    }

    /// Whether answers may be scripts that call a function.
    fn jsonp(&mut self, node: &Node, endpoints: &[EndpointId]) -> bool {
        let Some(jsonp) = node.boolean(self.faults) else { return false };
        for endpoint in endpoints.iter().filter(|_| jsonp) {
            let endpoint = self.all.catalog.endpoint(*endpoint);
            if endpoint.body != BodyKind::Json {
                self.faults.at(node, format!("`{}` answers no JSON; leave it out of this rule", endpoint.name));
            }
        }
        jsonp
    }

    /// The claim that names the tenant, which each of `endpoints` must be able to tell from others.
    fn tenant(&mut self, node: &Node, endpoints: &[EndpointId]) -> Option<Arc<TenantClaim>> {
        let claim = TenantClaim::parse(node.text(self.faults)?);
        if claim.is_none() {
            self.faults.at(node, "expected a claim of the token, such as `\"{claims.nats_account}\"`");
        }
        for endpoint in endpoints {
            let endpoint = self.all.catalog.endpoint(*endpoint);
            if endpoint.tenant.is_none() {
                let message = format!("nobody can tell whose the parts of the answer of `{}` are", endpoint.name);
                self.faults.at(node, format!("{message}; leave it out of this rule"));
            }
        }
        claim.map(Arc::new)
    }

    /// A fault when `args` says something about the argument that takes the tenant's name.
    fn unbound(&mut self, node: &Node, endpoint: EndpointId, written: &args::Written) {
        let endpoint_name = &self.all.catalog.endpoint(endpoint).name;
        let tenancy = self.all.catalog.endpoint(endpoint).tenant.as_ref();
        let bound = tenancy.and_then(|tenancy| tenancy.argument);
        let says = written.iter().find(|(of, position, _)| *of == endpoint && Some(*position) == bound);
        if says.is_some() {
            let message =
                format!("the tenant's name is bound to an argument of `{endpoint_name}` that stands here, too");
            self.faults.at(node, format!("{message}; leave it out of `args`"));
        }
    }

    fn allow(&mut self, fields: Fields<'_>, endpoints: &[EndpointId], who: &Who) {
        let args = fields.get("args").map(|node| args::read(node, endpoints, self.all.catalog, self.faults));
        let args = args.unwrap_or_default();
        let tenant = fields.get("tenant").and_then(|node| self.tenant(node, endpoints));
        if let Some(node) = fields.get("tenant").filter(|_| !args.tenants.is_empty()) {
            self.faults.at(node, "either `tenant`, or the claim in `args`");
        }
        let bound = fields.get("tenant").or_else(|| fields.get("args").filter(|_| !args.tenants.is_empty()));
        if let (Who::Any, Some(node)) = (who, bound) {
            self.faults.at(node, "name roles: with `any` the claim would be believed of the tokens of every issuer");
        }
        let redact = fields.get("redact");
        let at = redact.map_or(fields.place(), |node| node.place);
        let Some(set) = self.all.sets.choose(redact, at, self.faults) else { return };
        let rule = self.all.read.rules.len();
        for &endpoint in endpoints {
            let terms = args::terms(&args.written, endpoint, self.all.catalog);
            let bound = args.tenants.iter().find(|(other, _)| *other == endpoint).map(|(_, claim)| claim);
            let tenant = bound.or(tenant.as_ref()).cloned();
            if let (Some(_), Some(node)) = (&tenant, fields.get("args")) {
                self.unbound(node, endpoint, &args.written);
            }
            let plan = self.all.sets.plan(&set, endpoint, at, self.faults);
            if let (Some(named), Some(plan)) = (self.all.read.endpoints.get_mut(endpoint.0), plan) {
                named.offers.push(Offer { rule, terms, plan, tenant });
            }
        }
    }
}

/// `enforce` or `shadow`; a fault when it is neither.
pub(super) fn mode(node: &Node, faults: &mut Faults) -> Mode {
    word("mode", node, &[("enforce", Mode::Enforce), ("shadow", Mode::Shadow)], faults).unwrap_or(Mode::Enforce)
}
