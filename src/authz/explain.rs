//! Says in words what a policy does with a request, and why.

mod json;

use std::fmt;

use serde::Serialize;
use serde_json::Map;

use crate::authn::{CLIENT_CERTIFICATE, Principal, Proof};
use crate::catalog::{Resource, TargetFault};
use crate::redact::Action;

use super::circumstances::Circumstances;
#[cfg(doc)]
use super::circumstances::Unknown;
use super::decision::{Decision, Permit, Reason, Refused, RuleId, Would};
use super::limit::Limit;
use super::opening::Opening;
use super::policy::{Effect, Mode, Policy, Question, Who};
use super::roles::Held;

/// What a policy does with one request, and why. Its `Display` is what `monward explain` prints.
#[derive(Debug)]
pub struct Explanation {
    /// Method and target, as they were asked about.
    pub request: String,
    /// Everything that is proven of whoever asks; nothing where only roles were asked about.
    pub who: Vec<Shown>,
    /// The roles that the principal has.
    pub roles: Vec<String>,
    /// The endpoint's name; `None` when the request was not understood.
    pub endpoint: Option<String>,
    /// What comes out.
    pub outcome: Outcome,
    /// What a rule in shadow would have decided.
    pub would: Option<Would>,
    /// What each rule that names the endpoint says to it, in the order of the file.
    pub notes: Vec<Note>,
}

/// One thing that is proven of whoever asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// The issuer's configured name, or [`CLIENT_CERTIFICATE`](crate::authn::CLIENT_CERTIFICATE).
    pub issuer: String,
    /// The subject.
    pub subject: String,
}

/// What comes out of a request.
#[derive(Debug)]
pub enum Outcome {
    /// The catalogue does not know it; no rule was asked.
    NotUnderstood(TargetFault),
    /// No.
    Refused(Refused),
    /// Yes.
    Permitted {
        /// The rule that decided.
        rule: RuleId,
        /// The target that goes upstream.
        upstream: String,
        /// The tenant whose part alone leaves.
        tenant: Option<String>,
        /// How many times as much as the endpoint alone it costs the upstream.
        cost: u32,
        /// How often.
        limit: Option<Limit>,
        /// What does not leave: action and selector.
        redactions: Vec<(Action, String)>,
    },
}

/// What one rule says to a request.
#[derive(Debug)]
pub struct Note {
    /// The rule.
    pub rule: RuleId,
    /// What it does to those it names.
    pub effect: Effect,
    /// Whether it does so.
    pub mode: Mode,
    /// Whom it names: `any`, or roles.
    pub names: Vec<String>,
    /// What it says here.
    pub verdict: Verdict,
}

/// What one rule says to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It decided.
    Decides,
    /// It would have, if it were enforced.
    WouldDecide,
    /// It fits, but another rule is preferred.
    Fits,
    /// It names none of the principal's roles.
    OtherRoles,
    /// Its conditions do not hold, or nobody can tell: which, in words.
    Conditions(String),
    /// It fits, but a deny rule is above it.
    Overruled,
    /// It is for the principal, but not with these arguments.
    Arguments(Reason),
}

/// What `policy` does when `who` asks for `target` with `method`, and why.
#[must_use]
pub fn explain(
    policy: &Policy,
    who: &Principal,
    method: &str,
    target: &str,
    circumstances: &Circumstances,
) -> Explanation {
    let shown = who.proofs().map(shown).collect();
    explain_roles(policy, (who, policy.roles.of(who)), (method, target), circumstances, shown)
}

/// What `policy` does when somebody with the roles of these names asks, whoever it is. Credentials and claims
/// are not known; [`Unknown`] says what becomes of that.
///
/// # Errors
/// The names that are no roles of the policy: what it does is then unknown.
pub fn explain_as(
    policy: &Policy,
    names: &[&str],
    method: &str,
    target: &str,
    circumstances: &Circumstances,
) -> Result<Explanation, Vec<String>> {
    let find = |name: &str| policy.roles.find(name);
    let unknown: Vec<String> = names.iter().filter(|name| find(name).is_none()).map(ToString::to_string).collect();
    if !unknown.is_empty() {
        return Err(unknown);
    }
    let mut roles: Vec<Held> = names.iter().filter_map(|name| find(name)).map(Held::supposed).collect();
    roles.sort_unstable();
    roles.dedup();
    let nobody = Principal::supposed(String::new(), String::new(), Map::new());
    Ok(explain_roles(policy, (&nobody, roles), (method, target), circumstances, Vec::new()))
}

fn explain_roles(
    policy: &Policy,
    (who, roles): (&Principal, Vec<Held>),
    (method, target): (&str, &str),
    circumstances: &Circumstances,
    shown: Vec<Shown>,
) -> Explanation {
    let mut would = None;
    let (endpoint, notes, outcome) = match policy.catalog().resolve(method.as_bytes(), target.as_bytes()) {
        Ok(resource) => {
            let endpoint = policy.catalog().endpoint(resource.endpoint()).name.clone();
            let mut notes = notes(policy, (who, &roles), &resource, circumstances);
            let outcome = match policy.decide_for(roles.clone(), who, resource, circumstances) {
                Decision::Permit(permit) => {
                    would = permit.would().cloned();
                    permitted(policy, &permit)
                }
                Decision::Deny(refused) => {
                    would = refused.would.as_deref().cloned();
                    Outcome::Refused(refused)
                }
            };
            mark(&mut notes, &outcome, would.as_ref());
            (Some(endpoint), notes, outcome)
        }
        Err(fault) => (None, Vec::new(), Outcome::NotUnderstood(fault)),
    };
    Explanation {
        request: format!("{method} {target}"),
        who: shown,
        roles: roles.iter().map(|held| policy.roles.name(held.role).to_owned()).collect(),
        endpoint,
        outcome,
        would,
        notes,
    }
}

fn shown(proof: &Proof) -> Shown {
    Shown { issuer: proof.issuer().to_owned(), subject: proof.subject().to_owned() }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = self.subject.escape_default();
        if self.issuer == CLIENT_CERTIFICATE {
            write!(f, "the client certificate {subject}")
        } else {
            write!(f, "{subject} of issuer {}", self.issuer.escape_default())
        }
    }
}

/// Every rule of the endpoint; those that fit are [`Verdict::Fits`] until [`mark`] finds the one that decided.
fn notes(
    policy: &Policy,
    (who, roles): (&Principal, &[Held]),
    what: &Resource,
    circumstances: &Circumstances,
) -> Vec<Note> {
    let opening: &Opening = policy.opening(what.endpoint());
    let naming = opening.all().iter().filter_map(|position| Some((*position, policy.rules.get(*position)?)));
    naming
        .map(|(position, rule)| {
            let (is_for, names) = match &rule.who {
                Who::Any => (true, vec!["any".to_owned()]),
                Who::Roles(named) => (
                    named.iter().any(|role| roles.iter().any(|held| held.role == *role)),
                    named.iter().map(|role| policy.roles.name(*role).to_owned()).collect(),
                ),
            };
            let offer = opening.offers().iter().find(|offer| offer.rule == position);
            let question = Question { who, roles, what, circumstances };
            let obstacles = || rule.conditions.obstacles(who, circumstances);
            let verdict = match offer.map(|offer| policy.fit(offer, rule, &question)) {
                _ if !is_for => Verdict::OtherRoles,
                None if !rule.conditions.close(who, circumstances) => Verdict::Conditions(obstacles()),
                None | Some(Ok(_)) => Verdict::Fits,
                Some(Err(Reason::Conditions)) => Verdict::Conditions(obstacles()),
                Some(Err(reason)) => Verdict::Arguments(reason),
            };
            Note { rule: rule.id.clone(), effect: rule.effect, mode: rule.mode, names, verdict }
        })
        .collect()
}

fn permitted(policy: &Policy, permit: &Permit) -> Outcome {
    let limit = permit.limit().and_then(|limit| policy.limits().get(limit.0));
    Outcome::Permitted {
        rule: permit.rule().clone(),
        upstream: policy.catalog().render(permit.resource()),
        tenant: permit.tenant().map(str::to_owned),
        cost: permit.cost().get(),
        limit: limit.cloned(),
        redactions: permit.plan().words().map(|(action, words)| (action, words.into_owned())).collect(),
    }
}

fn mark(notes: &mut [Note], outcome: &Outcome, would: Option<&Would>) {
    for note in notes.iter_mut().filter(|note| would.is_some_and(|would| would.rule == note.rule)) {
        note.verdict = Verdict::WouldDecide;
    }
    let decided = match outcome {
        Outcome::Permitted { rule, .. }
        | Outcome::Refused(Refused { reason: Reason::Denied, rule: Some(rule), .. }) => rule,
        Outcome::Refused(_) | Outcome::NotUnderstood(_) => return,
    };
    let is_denied = matches!(outcome, Outcome::Refused(_));
    for note in notes.iter_mut().filter(|note| is_denied && note.verdict == Verdict::Fits) {
        note.verdict = Verdict::Overruled;
    }
    for note in notes.iter_mut().filter(|note| note.rule == *decided) {
        note.verdict = Verdict::Decides;
    }
}

impl Outcome {
    /// The status that it leads to, when nothing goes wrong later.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Permitted { .. } => 200,
            Self::Refused(refused) => refused.reason.status(),
            Self::NotUnderstood(fault) => fault.status(),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "request   {}", self.request.escape_default())?;
        let who: Vec<String> = self.who.iter().map(ToString::to_string).collect();
        writeln!(
            f,
            "who       {}",
            if who.is_empty() { "anybody with the roles".to_owned() } else { who.join(" and ") }
        )?;
        writeln!(f, "roles     {}", if self.roles.is_empty() { "none".to_owned() } else { self.roles.join(", ") })?;
        writeln!(f, "endpoint  {}", self.endpoint.as_deref().unwrap_or("unknown"))?;
        write!(f, "{}", self.outcome)?;
        if let Some(Would { effect, rule }) = &self.would {
            let decision = match effect {
                Effect::Allow => "allow",
                Effect::Deny => "deny",
            };
            writeln!(f, "shadow    {decision} by rule {rule}, if it were enforced")?;
        }
        if self.notes.is_empty() {
            return match self.endpoint {
                Some(_) => writeln!(f, "rules     no rule names this endpoint"),
                None => Ok(()),
            };
        }
        writeln!(f, "rules     {} for this endpoint", self.notes.len())?;
        self.notes.iter().try_for_each(|note| writeln!(f, "  {note}"))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUnderstood(fault) => writeln!(f, "decision  deny\nreason    {}: {fault}", fault.label()),
            Self::Refused(Refused { reason, rule, .. }) => {
                writeln!(f, "decision  deny\nreason    {}: {reason}", reason.label())?;
                rule.as_ref().map_or(Ok(()), |rule| writeln!(f, "rule      {rule}"))
            }
            Self::Permitted { rule, upstream, tenant, cost, limit, redactions } => {
                writeln!(f, "decision  allow\nrule      {rule}\nupstream  {upstream}")?;
                if let Some(tenant) = tenant {
                    writeln!(f, "tenant    {tenant}: nothing else of the answer leaves")?;
                }
                if *cost > 1 {
                    writeln!(f, "cost      {cost} times that of the endpoint alone")?;
                }
                writeln!(f, "limit     {}", limit.as_ref().map_or("none".to_owned(), ToString::to_string))?;
                let count = redactions.iter().filter(|(action, _)| *action != Action::Keep).count();
                let listed = if count < redactions.len() { "; nothing leaves but what is kept" } else { "" };
                writeln!(f, "redacts   {count} selectors{listed}; secret-shaped texts are masked in any case")?;
                redactions
                    .iter()
                    .try_for_each(|(action, selector)| writeln!(f, "  {:<11} {selector}", action_word(*action)))
            }
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let effect = match self.effect {
            Effect::Allow => "allows",
            Effect::Deny => "denies",
        };
        let shadow = match self.mode {
            Mode::Enforce => "",
            Mode::Shadow => ", in shadow",
        };
        write!(f, "{} ({effect} {}{shadow}): {}", self.rule, list(&self.names), self.verdict)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decides => f.write_str("decides"),
            Self::WouldDecide => f.write_str("would decide, if it were enforced"),
            Self::Fits => f.write_str("fits, but another rule is preferred"),
            Self::OtherRoles => f.write_str("not for these roles"),
            Self::Conditions(which) => write!(f, "its conditions do not hold: {which}"),
            Self::Overruled => f.write_str("fits, but a deny rule is above it"),
            Self::Arguments(reason) => reason.fmt(f),
        }
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

/// The word for an action, as policies and cases write it.
#[must_use]
pub const fn action_word(action: Action) -> &'static str {
    match action {
        Action::Remove => "remove",
        Action::Null => "null",
        Action::Mask => "mask",
        Action::Pseudonym => "pseudonym",
        Action::TruncateIp => "truncate_ip",
        Action::Keep => "keep",
    }
}
