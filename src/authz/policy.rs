//! A policy that was read, checked and indexed, and the one function that decides.

use std::sync::Arc;

use crate::authn::{Kept, Principal};
use crate::catalog::{Catalog, Catalogs, EndpointId, Resource};
use crate::document::{Fault, Position};
use crate::redact::Plan;

use super::circumstances::Circumstances;
use super::condition::Conditions;
use super::decision::{Decision, HeldRoles, Holder, LimitId, Permit, Reason, Refused, RuleId, Would};
use super::limit::Limit;
use super::opening::{Offer, Opening};
use super::read::{self, OwnSets, Sets};
use super::roles::{Held, RoleId, Roles};
use super::tenant::{Stranger, narrow};
use super::terms::Misfit;

/// Who may see what of one kind of upstream. Immutable; shared by all requests.
#[derive(Debug)]
pub struct Policy {
    pub(super) catalog: Arc<Catalog>,
    pub(super) roles: Roles,
    pub(super) rules: Vec<Rule>,
    pub(super) limits: Vec<Limit>,
    /// The issuers that roles name, and where.
    pub(super) issuers: Vec<(String, Position)>,
    /// Those of them that must be Kubernetes clusters, and where.
    pub(super) clusters: Vec<(String, Position)>,
    /// The rules that are enforced, for each endpoint of the catalogue, in its order.
    pub(super) enforced: Vec<Opening>,
    /// All rules, those in shadow as well; `None` when none is.
    pub(super) shadowed: Option<Vec<Opening>>,
    /// Its redaction sets.
    pub(super) own_sets: OwnSets,
}

/// A file of a policy.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Its name, for messages.
    pub file: &'a str,
    /// Its content.
    pub text: &'a str,
}

/// What a rule does to those it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Opens endpoints.
    Allow,
    /// Closes endpoints, whatever other rules say.
    Deny,
}

/// Whether what a rule says is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is.
    Enforce,
    /// It is only recorded what would have been.
    Shadow,
}

/// A rule without its endpoints.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) id: RuleId,
    /// Where it is written.
    pub(super) at: Position,
    pub(super) effect: Effect,
    pub(super) mode: Mode,
    pub(super) who: Who,
    pub(super) conditions: Conditions,
    pub(super) limit: Option<LimitId>,
    /// Whether it serves JSONP.
    pub(super) jsonp: bool,
}

/// One question: who asks for what, and what else is known.
pub(super) struct Question<'a> {
    pub(super) who: &'a Principal,
    pub(super) roles: &'a [Held],
    pub(super) what: &'a Resource,
    pub(super) circumstances: &'a Circumstances,
}

/// The rule that permits it.
struct Fit<'a> {
    offer: &'a Offer,
    rule: &'a Rule,
    tenant: Option<String>,
}

/// Why no rule permits it, and the rule that says so.
struct Miss<'a> {
    reason: Reason,
    rule: Option<&'a Rule>,
}

/// Whom a rule names.
#[derive(Debug)]
pub(super) enum Who {
    /// Every authenticated principal.
    Any,
    /// Those with one of these roles; with an empty list, nobody.
    Roles(Vec<RoleId>),
}

impl Policy {
    /// Reads a policy of one file for the one of `catalogs` that it names; README.md of `policies/` is the language.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once, each with its place.
    pub fn parse(file: &str, text: &str, catalogs: &Catalogs) -> Result<Self, Vec<Fault>> {
        read::policy(&[Source { file, text }], catalogs)
    }

    /// Reads a policy of several files. Their order says nothing.
    ///
    /// # Errors
    /// As [`Policy::parse`], of all files.
    pub fn parse_all(sources: &[Source<'_>], catalogs: &Catalogs) -> Result<Self, Vec<Fault>> {
        read::policy(sources, catalogs)
    }

    /// The policy that opens nothing of `catalog`, and has the redaction sets of the catalogue alone.
    #[must_use]
    pub fn closed(catalog: Arc<Catalog>) -> Self {
        Self {
            roles: Roles::default(),
            rules: Vec::new(),
            limits: Vec::new(),
            issuers: Vec::new(),
            clusters: Vec::new(),
            enforced: Vec::new(),
            shadowed: None,
            own_sets: OwnSets::default(),
            catalog,
        }
    }

    /// What the redaction set `set`, of this policy or of its catalogue, does to answers of `endpoint`.
    ///
    /// # Errors
    /// Why there is none, in words for the operator.
    pub fn redaction(&self, set: &str, endpoint: EndpointId) -> Result<Arc<Plan>, String> {
        let sets = Sets::with(&self.catalog, self.own_sets.clone());
        sets.know(set)?;
        sets.compile(set, endpoint)
    }

    /// Decides. A deny rule wins wherever it stands; else, of the allow rules that are for one of the principal's roles,
    /// whose conditions hold and within whose terms the arguments are, the one that takes out least; else no. The order
    /// of the file says nothing.
    #[must_use]
    pub fn decide(&self, who: &Principal, what: Resource, circumstances: &Circumstances) -> Decision {
        self.decide_for(self.roles.of(who), who, what, circumstances)
    }

    /// Decides about a principal with these roles.
    pub(super) fn decide_for(
        &self,
        roles: Vec<Held>,
        who: &Principal,
        what: Resource,
        circumstances: &Circumstances,
    ) -> Decision {
        let question = Question { who, roles: &roles, what: &what, circumstances };
        let judged = self.judge(&self.enforced, &question);
        let would = self.shadowed.as_ref().and_then(|openings| would(self.judge(openings, &question)));
        match judged {
            Ok(Fit { offer, rule, tenant }) => {
                let holder = self.holder(rule, &roles, who);
                let endpoint = self.catalog.endpoint(what.endpoint());
                let mut resource = offer.terms.settle(what, endpoint);
                if let (Some(tenant), Some(tenancy)) = (&tenant, &endpoint.tenant) {
                    narrow(&mut resource, tenant, tenancy, endpoint);
                }
                let cost = self.catalog.cost(&resource);
                let shown = (Arc::clone(&offer.plan), tenant);
                Decision::Permit(Permit::new((resource, cost), rule, shown, holder, (HeldRoles(roles), would)))
            }
            Err(miss) => refuse(miss, what, roles, would),
        }
    }

    /// What `openings` say to a question.
    fn judge<'a>(&'a self, openings: &'a [Opening], question: &Question<'_>) -> Result<Fit<'a>, Miss<'a>> {
        let Question { who, roles, what, circumstances } = question;
        let Some(opening) = openings.get(what.endpoint().0) else { return Err(Reason::NoRule.into()) };
        let denying = opening.denying(roles).filter_map(|position| self.rules.get(position));
        let denying = denying.filter(|rule| rule.conditions.close(who, circumstances));
        if let Some(rule) = denying.min_by_key(|rule| &rule.id) {
            return Err(Miss { reason: Reason::Denied, rule: Some(rule) });
        }
        let mut first = None;
        for offer in opening.allowing(roles) {
            let Some(rule) = self.rules.get(offer.rule) else { continue };
            let reason = match self.fit(offer, rule, question) {
                Ok(tenant) => return Ok(Fit { offer, rule, tenant }),
                Err(reason) => reason,
            };
            first = first.or(Some(Miss { reason, rule: Some(rule) }));
        }
        let nothing = if roles.is_empty() { Reason::NoRole } else { Reason::NoRule };
        Err(first.unwrap_or_else(|| nothing.into()))
    }

    /// Whether what `rule` offers fits the question, and for which tenant.
    pub(super) fn fit(&self, offer: &Offer, rule: &Rule, question: &Question<'_>) -> Result<Option<String>, Reason> {
        let Question { who, roles, what, circumstances } = question;
        let endpoint = self.catalog.endpoint(what.endpoint());
        let misfit = |misfit| self.reason(what.endpoint(), misfit);
        let bound = offer.tenant.as_ref().and(endpoint.tenant.as_ref()).and_then(|tenancy| tenancy.argument);
        offer.terms.check(what, bound).map_err(misfit)?;
        if what.callback().is_some() && !rule.jsonp {
            return Err(Reason::Callback);
        }
        if !rule.conditions.open(who, circumstances) {
            return Err(Reason::Conditions);
        }
        let Some(claim) = &offer.tenant else { return Ok(None) };
        let holder = self.holder(rule, roles, who);
        claim.bind(holder.of(who), what, endpoint, circumstances.unknown).map(Some).map_err(|stranger| match stranger {
            Stranger::Unknown => Reason::TenantUnknown,
            Stranger::Misfit(other) => misfit(other),
        })
    }

    /// The proofs that an allow rule rests on.
    fn holder(&self, rule: &Rule, roles: &[Held], who: &Principal) -> Holder {
        match &rule.who {
            Who::Any => Holder::at(std::iter::once(0)),
            Who::Roles(named) => {
                let held = roles.iter().find(|held| named.contains(&held.role));
                held.map(|held| self.roles.holder(*held, who)).unwrap_or_default()
            }
        }
    }

    /// The catalogue that it speaks about.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Whether some rule opens `endpoint`, to whomever, or would if it were not in shadow.
    #[must_use]
    pub fn opens(&self, endpoint: EndpointId) -> bool {
        !self.opening(endpoint).offers().is_empty()
    }

    /// Its limits, by [`LimitId`].
    #[must_use]
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// The issuers that its roles name, and where, so that a configuration can be checked against them.
    pub fn issuers(&self) -> impl Iterator<Item = (&str, &Position)> {
        self.issuers.iter().map(|(name, at)| (name.as_str(), at))
    }

    /// The issuers that roles by service account name, and where: tokens of another kind of issuer may say anything
    /// where a cluster says which account it is.
    pub fn clusters(&self) -> impl Iterator<Item = (&str, &Position)> {
        self.clusters.iter().map(|(name, at)| (name.as_str(), at))
    }

    /// Adds to `kept` what the roles compare, and what names tenants.
    pub fn keep_claims(&self, kept: &mut Kept) {
        self.roles.claims().for_each(|test| test.keep(kept));
        let offers = self.shadowed.as_ref().unwrap_or(&self.enforced).iter().flat_map(Opening::offers);
        offers.filter_map(|offer| offer.tenant.as_ref()).for_each(|tenant| tenant.keep(kept));
    }

    /// The rules' names, in the order of the file.
    pub fn rules(&self) -> impl Iterator<Item = &RuleId> {
        self.rules.iter().map(|rule| &rule.id)
    }

    /// The names of roles that a principal had.
    pub fn role_names<'a>(&'a self, roles: &'a HeldRoles) -> impl Iterator<Item = &'a str> {
        roles.0.iter().map(|held| self.roles.name(held.role))
    }

    /// All rules of `endpoint`, those in shadow as well; of one that the catalogue does not have, none.
    pub(super) fn opening(&self, endpoint: EndpointId) -> &Opening {
        static CLOSED: Opening = Opening::closed();
        self.shadowed.as_ref().unwrap_or(&self.enforced).get(endpoint.0).unwrap_or(&CLOSED)
    }

    /// A misfit in the catalogue's words.
    pub(super) fn reason(&self, endpoint: EndpointId, misfit: Misfit) -> Reason {
        let (Misfit::Forbidden(position) | Misfit::Outside(position)) = misfit;
        let argument = self.catalog.endpoint(endpoint).arguments.get(position);
        let argument = argument.map_or_else(String::new, |argument| argument.name.clone());
        match misfit {
            Misfit::Forbidden(_) => Reason::ArgumentForbidden { argument },
            Misfit::Outside(_) => Reason::ArgumentOutside { argument },
        }
    }
}

/// What a rule in shadow would have decided; `None` when none would.
fn would(judged: Result<Fit<'_>, Miss<'_>>) -> Option<Box<Would>> {
    let (effect, rule) = match judged {
        Ok(fit) => (Effect::Allow, fit.rule),
        Err(Miss { reason: Reason::Denied, rule }) => (Effect::Deny, rule?),
        Err(_) => return None,
    };
    (rule.mode == Mode::Shadow).then(|| Box::new(Would { effect, rule: rule.id.clone() }))
}

impl From<Reason> for Miss<'_> {
    /// No rule says so.
    fn from(reason: Reason) -> Self {
        Self { reason, rule: None }
    }
}

fn refuse(miss: Miss<'_>, resource: Resource, roles: Vec<Held>, would: Option<Box<Would>>) -> Decision {
    let rule = miss.rule.map(|rule| rule.id.clone());
    Decision::Deny(Refused { reason: miss.reason, resource, rule, roles: HeldRoles(roles), would })
}
