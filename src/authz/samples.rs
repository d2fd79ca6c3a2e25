//! Requests to try a policy with.

use std::sync::Arc;

use crate::catalog::{Cost, Endpoint, EndpointId, Kind, Resource, Value};
use crate::redact::Plan;

use super::decision::RuleId;
use super::opening::Offer;
use super::policy::{Policy, Who};

/// A request that a rule permits.
#[derive(Debug)]
pub struct Sample {
    /// The rule.
    pub rule: RuleId,
    /// The roles that it is for; none: every authenticated principal.
    pub roles: Vec<String>,
    /// What is asked.
    pub endpoint: EndpointId,
    /// The canonical target, as it goes upstream.
    pub target: String,
    /// What must not leave.
    pub plan: Arc<Plan>,
}

impl Policy {
    /// Requests that its rules permit: each endpoint without arguments, with each boolean and each word that chooses what
    /// is shown, and with all booleans at once. Endpoints that stop the upstream while they answer are left out, and rules for
    /// tenants, whose answers depend on who asks.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample> {
        let mut samples = Vec::new();
        for (index, about) in self.catalog.endpoints.iter().enumerate() {
            let endpoint = EndpointId(index);
            let offers = self.opening(endpoint).offers().iter();
            let offers = offers.filter(|offer| offer.tenant.is_none() && about.cost != Cost::Ruinous);
            samples.extend(offers.flat_map(|offer| self.of_offer(offer, endpoint)));
        }
        samples
    }

    fn of_offer(&self, offer: &Offer, endpoint: EndpointId) -> Vec<Sample> {
        let Some(rule) = self.rules.get(offer.rule) else { return Vec::new() };
        let roles: Vec<String> = match &rule.who {
            Who::Any => Vec::new(),
            Who::Roles(roles) => roles.iter().map(|role| self.roles.name(*role).to_owned()).collect(),
        };
        let sample = |target| {
            let (rule, roles, plan) = (rule.id.clone(), roles.clone(), Arc::clone(&offer.plan));
            Sample { rule, roles, endpoint, target, plan }
        };
        self.targets(offer, endpoint).into_iter().map(sample).collect()
    }

    /// The targets that `offer` permits, each once.
    fn targets(&self, offer: &Offer, endpoint: EndpointId) -> Vec<String> {
        let about = self.catalog.endpoint(endpoint);
        let permitted = |resource: &Resource| offer.terms.check(resource, None).is_ok();
        let single = shown(about).into_iter().map(|one| vec![one]);
        let asked: Vec<Resource> = std::iter::once(Vec::new())
            .chain(single)
            .map(|arguments| Resource::new(endpoint, arguments))
            .filter(permitted)
            .collect();
        let all = asked.iter().flat_map(Resource::arguments).filter(|(_, value)| *value == Value::Boolean(true));
        let all = Resource::new(endpoint, all.cloned().collect());
        let settled = asked.into_iter().chain(std::iter::once(all)).map(|resource| offer.terms.settle(resource, about));
        let mut targets: Vec<String> = settled.map(|resource| self.catalog.render(&resource)).collect();
        targets.sort_unstable();
        targets.dedup();
        targets
    }
}

/// Arguments that choose what is shown, other than by default.
fn shown(endpoint: &Endpoint) -> Vec<(usize, Value)> {
    let values = |kind: &Kind| match kind {
        Kind::Boolean { words } => {
            std::iter::once(Value::Boolean(true)).chain(words.iter().cloned().map(Value::Text)).collect()
        }
        Kind::Word { words } => words.iter().cloned().map(Value::Text).collect(),
        Kind::Integer { .. } | Kind::Text { .. } => Vec::new(),
    };
    let arguments = endpoint.arguments.iter().enumerate();
    let all = arguments.flat_map(|(at, argument)| values(&argument.kind).into_iter().map(move |value| (at, value)));
    all.filter(|(at, value)| endpoint.arguments.get(*at).is_some_and(|argument| !argument.is_default(value))).collect()
}
