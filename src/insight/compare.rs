//! What two policies give differently: every role alone, every endpoint, each argument.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

use super::delta::{Delta, Kind};
use crate::authz::{Circumstances, Outcome, Policy, Unknown, explain_as, probes};

/// What two policies give differently, the conditions of rules and the credentials passed over. Its `Display` is what `monward diff` prints.
#[derive(Debug)]
pub struct Comparison {
    roles: Vec<RoleChange>,
    rules: Vec<RuleChange>,
    changes: Vec<Change>,
    asked: usize,
}

/// A role that is had in another way, or is in one of the policies only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoleChange {
    /// Its name.
    pub role: String,
    /// Added, removed, or had in another way.
    pub change: Kind,
    /// The ways to have it by the old policy.
    pub old: Vec<String>,
    /// And by the new one.
    pub new: Vec<String>,
}

/// A rule that is in both policies, and what is other about it.
#[derive(Debug, Serialize)]
pub(super) struct RuleChange {
    rule: String,
    change: &'static str,
}

/// One request of one role that comes out otherwise.
#[derive(Debug, Serialize)]
struct Change {
    /// `None`: whoever is known, with or without a role.
    role: Option<String>,
    endpoint: String,
    request: String,
    #[serde(flatten)]
    delta: Delta,
    old: Outcome,
    new: Outcome,
}

/// What is not known of a role is passed over.
pub(super) const PASSED_OVER: Circumstances =
    Circumstances { now: None, source: None, tls: None, unknown: Unknown::IsPassedOver };

/// Compares two policies of one catalogue.
#[must_use]
pub fn compare(old: &Policy, new: &Policy) -> Comparison {
    let mut found =
        Comparison { roles: role_changes(old, new), rules: rule_changes(old, new), changes: Vec::new(), asked: 0 };
    let mut roles: Vec<&str> = old.all_roles().chain(new.all_roles()).collect();
    roles.sort_unstable();
    roles.dedup();
    for endpoint in new.catalog().endpoints.iter().filter_map(|endpoint| new.catalog().find(&endpoint.name)) {
        let name = &new.catalog().endpoint(endpoint).name;
        for request in probes(old, new, endpoint) {
            found.asked += 1;
            let everybody = change(old, new, None, (name, &request));
            let own = roles.iter().filter_map(|role| change(old, new, Some(role), (name, &request)));
            // What everybody gets is said once.
            let own: Vec<Change> =
                own.filter(|own| everybody.as_ref().is_none_or(|everybody| !own.is_that_of(everybody))).collect();
            found.changes.extend(everybody.into_iter().chain(own));
        }
    }
    found.changes.sort_by(|a, b| a.role.cmp(&b.role));
    found
}

fn change(old: &Policy, new: &Policy, role: Option<&str>, (endpoint, request): (&str, &str)) -> Option<Change> {
    let (old, new) = (outcome(old, role, request)?, outcome(new, role, request)?);
    let delta = Delta::between(&old, &new)?;
    let (role, endpoint, request) = (role.map(str::to_owned), endpoint.to_owned(), request.to_owned());
    Some(Change { role, endpoint, request, delta, old, new })
}

impl Change {
    /// Whether the same is given or taken; why it was refused before, or is now, may be another reason for each role.
    fn is_that_of(&self, other: &Self) -> bool {
        self.delta.change == other.delta.change
            && match self.delta.change {
                Kind::Gained => self.new.to_string() == other.new.to_string(),
                Kind::Lost => self.old.to_string() == other.old.to_string(),
                Kind::Otherwise => self.delta == other.delta,
            }
    }
}

/// A role that the policy does not have is no role.
fn outcome(policy: &Policy, role: Option<&str>, request: &str) -> Option<Outcome> {
    let known: Vec<&str> = role.into_iter().filter(|role| policy.all_roles().any(|known| known == *role)).collect();
    explain_as(policy, &known, "GET", request, &PASSED_OVER).ok().map(|explanation| explanation.outcome)
}

/// The roles whose holders are others.
pub(super) fn role_changes(old: &Policy, new: &Policy) -> Vec<RoleChange> {
    let has = |policy: &Policy, role: &str| policy.all_roles().any(|known| known == role);
    let mut roles: Vec<&str> = old.all_roles().chain(new.all_roles()).collect();
    roles.sort_unstable();
    roles.dedup();
    let changed = roles.into_iter().filter_map(|role| {
        let change = match (has(old, role), has(new, role)) {
            (false, _) => Kind::Gained,
            (true, false) => Kind::Lost,
            (true, true) => Kind::Otherwise,
        };
        let (old, new) = (old.ways(role), new.ways(role));
        (change != Kind::Otherwise || old != new).then(|| RoleChange { role: role.to_owned(), change, old, new })
    });
    changed.collect()
}

impl Comparison {
    /// Whether the two policies give everybody the same.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.roles.is_empty() && self.rules.is_empty() && self.changes.is_empty()
    }

    fn count(&self, kind: Kind) -> usize {
        self.changes.iter().filter(|change| change.delta.change == kind).count()
    }
}

impl fmt::Display for RoleChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ways = |ways: &[String]| if ways.is_empty() { "nobody".to_owned() } else { ways.join("; or ") };
        match self.change {
            Kind::Gained => write!(f, "{}: {}", self.role, ways(&self.new)),
            Kind::Lost => write!(f, "{}: was {}", self.role, ways(&self.old)),
            Kind::Otherwise => write!(f, "{}: {}, was {}", self.role, ways(&self.new), ways(&self.old)),
        }
    }
}

/// The rules that are in both policies, but apply at other times, to other tenants, or not in the same way.
pub(super) fn rule_changes(old: &Policy, new: &Policy) -> Vec<RuleChange> {
    let changed = old.rules_otherwise(new).into_iter();
    changed.map(|(rule, change)| RuleChange { rule: rule.to_owned(), change }).collect()
}

/// Those rules, under a heading of their own.
pub(super) fn write_rules(f: &mut fmt::Formatter<'_>, rules: &[RuleChange]) -> fmt::Result {
    if !rules.is_empty() {
        writeln!(f, "rules")?;
    }
    rules.iter().try_for_each(|RuleChange { rule, change }| writeln!(f, "  ~ {rule}: {change}"))
}

/// The changed definitions of roles, under a heading of their own.
pub(super) fn write_roles(f: &mut fmt::Formatter<'_>, roles: &[RoleChange]) -> fmt::Result {
    if !roles.is_empty() {
        writeln!(f, "roles")?;
    }
    roles.iter().try_for_each(|role| writeln!(f, "  {} {role}", role.change.sign()))
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_roles(f, &self.roles)?;
        write_rules(f, &self.rules)?;
        for group in self.changes.chunk_by(|a, b| a.role == b.role) {
            match group.first().and_then(|change| change.role.as_ref()) {
                Some(role) => writeln!(f, "role {role}")?,
                None => writeln!(f, "everybody, whatever the role")?,
            }
            // Requests that change in the same way share a line.
            let mut lines: BTreeMap<(&str, &Delta), Vec<&str>> = BTreeMap::new();
            for change in group {
                lines.entry((&change.endpoint, &change.delta)).or_default().push(&change.request);
            }
            for ((_, delta), requests) in lines {
                writeln!(f, "  {} {}: {}", delta.change.sign(), requests.join(" "), delta.details.join("; "))?;
            }
        }
        if self.is_empty() {
            return writeln!(f, "nothing changes: {} requests for each role alone", self.asked);
        }
        let [gained, lost, otherwise] = [Kind::Gained, Kind::Lost, Kind::Otherwise].map(|kind| self.count(kind));
        writeln!(f, "{gained} gained, {lost} lost, {otherwise} otherwise; {} requests for each role alone", self.asked)
    }
}

impl Serialize for Comparison {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct View<'a> {
            roles: &'a [RoleChange],
            rules: &'a [RuleChange],
            changes: &'a [Change],
            asked: usize,
        }
        View { roles: &self.roles, rules: &self.rules, changes: &self.changes, asked: self.asked }.serialize(serializer)
    }
}
