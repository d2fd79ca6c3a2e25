//! Says in words what a policy does with a request, and why.

use std::fmt;

use crate::authn::{Principal, Proof};
use crate::catalog::{Resource, TargetFault};
use crate::redact::{Action, Rule as Redaction};

use super::circumstances::{Circumstances, Truth};
use super::decision::{Decision, Permit, Reason, Refused, RuleId};
use super::opening::Opening;
use super::policy::{Effect, Mode, Policy, Who};
use super::roles::Held;

/// What a policy does with one request, and why. Its `Display` is what `monward explain` prints.
#[derive(Debug)]
pub struct Explanation {
    /// Method and target, as they were asked about.
    pub request: String,
    /// Everything that is proven of whoever asks, in words.
    pub who: String,
    /// The roles that the principal has.
    pub roles: Vec<String>,
    /// The endpoint's name; `None` when the request was not understood.
    pub endpoint: Option<String>,
    /// What comes out.
    pub outcome: Outcome,
    /// What each rule that names the endpoint says to it, in the order of the file.
    pub notes: Vec<Note>,
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
        /// The limit, in words.
        limit: Option<String>,
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
    /// It fits, but another rule is preferred.
    Fits,
    /// It names none of the principal's roles.
    OtherRoles,
    /// Its conditions do not hold.
    Conditions,
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
    let roles = policy.roles.of(who);
    let (endpoint, notes, outcome) = match policy.catalog().resolve(method.as_bytes(), target.as_bytes()) {
        Ok(resource) => {
            let endpoint = policy.catalog().endpoint(resource.endpoint()).name.clone();
            let mut notes = notes(policy, (who, &roles), &resource, circumstances);
            let outcome = match policy.decide(who, resource, circumstances) {
                Decision::Permit(permit) => permitted(policy, &permit),
                Decision::Deny(refused) => Outcome::Refused(refused),
            };
            mark(&mut notes, &outcome);
            (Some(endpoint), notes, outcome)
        }
        Err(fault) => (None, Vec::new(), Outcome::NotUnderstood(fault)),
    };
    Explanation {
        request: format!("{method} {target}"),
        who: who.proofs().map(describe).collect::<Vec<_>>().join(" and "),
        roles: roles.iter().map(|held| policy.roles.name(held.role).to_owned()).collect(),
        endpoint,
        outcome,
        notes,
    }
}

fn describe(proof: &Proof) -> String {
    let subject = proof.subject().escape_default();
    match proof.names() {
        Some(_) => format!("the client certificate {subject}"),
        None => format!("{subject} of issuer {}", proof.issuer()),
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
            let misfit = offer.and_then(|offer| offer.terms.check(what, None).err());
            let holds = rule.conditions.hold(who, circumstances);
            let applies = holds == Truth::Yes || (rule.effect == Effect::Deny && holds == Truth::Unknown);
            let verdict = match misfit {
                _ if !is_for => Verdict::OtherRoles,
                None if !applies => Verdict::Conditions,
                Some(misfit) => Verdict::Arguments(policy.reason(what.endpoint(), misfit)),
                None => Verdict::Fits,
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
        limit: limit.map(ToString::to_string),
        redactions: permit.plan().rules().iter().map(redaction).collect(),
    }
}

fn redaction(rule: &Redaction) -> (Action, String) {
    (rule.action, rule.selector.as_str().to_owned())
}

fn mark(notes: &mut [Note], outcome: &Outcome) {
    let decided = match outcome {
        Outcome::Permitted { rule, .. }
        | Outcome::Refused(Refused { reason: Reason::Denied, rule: Some(rule), .. }) => rule,
        Outcome::Refused(_) | Outcome::NotUnderstood(_) => return,
    };
    for note in notes.iter_mut().filter(|note| note.rule == *decided) {
        note.verdict = Verdict::Decides;
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "request   {}", self.request.escape_default())?;
        writeln!(f, "who       {}", self.who)?;
        writeln!(f, "roles     {}", if self.roles.is_empty() { "none".to_owned() } else { self.roles.join(", ") })?;
        writeln!(f, "endpoint  {}", self.endpoint.as_deref().unwrap_or("unknown"))?;
        write!(f, "{}", self.outcome)?;
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
            Self::Permitted { rule, upstream, limit, redactions } => {
                writeln!(f, "decision  allow\nrule      {rule}\nupstream  {upstream}")?;
                writeln!(f, "limit     {}", limit.as_deref().unwrap_or("none"))?;
                let count = redactions.len();
                writeln!(f, "redacts   {count} selectors; secret-shaped texts are masked in any case")?;
                redactions.iter().try_for_each(|(action, selector)| writeln!(f, "  {:<7} {selector}", word(*action)))
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
        let names = list(&self.names);
        let verdict = match &self.verdict {
            Verdict::Decides => "decides".to_owned(),
            Verdict::Fits => "fits, but another rule is preferred".to_owned(),
            Verdict::OtherRoles => "not for these roles".to_owned(),
            Verdict::Conditions => "its conditions do not hold".to_owned(),
            Verdict::Arguments(reason) => reason.to_string(),
        };
        let shadow = match self.mode {
            Mode::Enforce => "",
            Mode::Shadow => ", in shadow",
        };
        write!(f, "{} ({effect} {names}{shadow}): {verdict}", self.rule)
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

/// The word for an action, as policies and cases write it.
pub(super) const fn word(action: Action) -> &'static str {
    match action {
        Action::Remove => "remove",
        Action::Null => "null",
        Action::Mask => "mask",
    }
}
