//! The policy as text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::needs::{Asked, Need, Needs};
use super::proven::Who;
use super::{Care, Learner};
use crate::authz::Limit;
use crate::catalog::{Catalog, EndpointId};
use crate::redact::BodyKind;

/// How many lines a list in a comment has.
pub(super) const LISTED: usize = 100;

/// A caller, and what it asked for.
type Seen<'a> = (&'a Who, &'a BTreeMap<EndpointId, Asked>);

/// What a role needs: for each endpoint one or several sets of arguments.
type Shape = BTreeMap<EndpointId, Vec<Needs>>;

/// A policy before it is written.
pub(super) struct Draft<'a> {
    learner: &'a Learner,
    roles: Vec<Role<'a>>,
    /// Callers and endpoints that are left out because something of it was refused.
    without: Vec<String>,
}

/// Callers with the same needs.
pub(super) struct Role<'a> {
    pub(super) name: String,
    pub(super) callers: Vec<Seen<'a>>,
    shape: Shape,
}

/// A rule before it is written: a set of endpoints that share everything else.
struct Rule {
    redact: &'static str,
    busiest: u64,
    endpoints: Vec<(EndpointId, Needs)>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(learner: &'a Learner, care: &Care) -> Self {
        let mut by_needs: BTreeMap<Shape, Vec<Seen<'a>>> = BTreeMap::new();
        for (who, asked) in &learner.callers {
            let kept = asked.iter().filter(|(endpoint, _)| !care.without.contains(&(who.clone(), **endpoint)));
            let shape: Shape = kept
                .map(|(endpoint, asked)| {
                    let exactly = care.exactly.contains(&(who.clone(), *endpoint));
                    (*endpoint, asked.needs(&learner.catalog, *endpoint, exactly))
                })
                .collect();
            if !shape.is_empty() {
                by_needs.entry(shape).or_default().push((who, asked));
            }
        }
        let mut names = BTreeSet::new();
        let roles = by_needs.into_iter().map(|(shape, callers)| {
            let name = callers.first().map_or(String::new(), |(who, _)| who.name());
            Role { name: unused(name, &mut names), callers, shape }
        });
        let roles = roles.collect();
        let without = care.without.iter();
        let without = without.map(|(who, endpoint)| format!("{who}: {}", learner.catalog.endpoint(*endpoint).name));
        Self { learner, roles, without: without.collect() }
    }

    pub(super) const fn roles(&self) -> usize {
        self.roles.len()
    }

    /// Each role with the endpoints that it has.
    pub(super) fn by_role(&self) -> impl Iterator<Item = (&Role<'a>, impl Iterator<Item = EndpointId>)> {
        self.roles.iter().map(|role| (role, role.shape.keys().copied()))
    }

    /// The policy.
    pub(super) fn policy(&self) -> String {
        let mut text = String::new();
        self.head(&mut text);
        if self.roles.is_empty() {
            text.push_str("\nroles: {}\nrules: []\n");
            self.tail(&mut text);
            return text;
        }
        text.push_str("\nroles:\n");
        for role in &self.roles {
            let _ = writeln!(text, "  {}:", role.name);
            for (who, _) in &role.callers {
                let _ = writeln!(text, "    - {}", who.grant());
            }
        }
        text.push_str("\nrules:\n");
        self.roles.iter().for_each(|role| self.rules(role, &mut text));
        self.tail(&mut text);
        text
    }

    fn head(&self, text: &mut String) {
        let Learner { catalog, first, last, records, .. } = self.learner;
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            text,
            "# Learned from {records} audit records, from {first} to {last}: what was permitted and answered, and no more.\n\
             # Roles are by identity, since records hold no claims. Name them, replace identities by groups, and read\n\
             # every `allow` in `args`: a caller may then give any value.\n\
             # A name of a client certificate is taken for its URI, e-mail or DNS name; where it is only the common name,\n\
             # write `common_name`.\n\
             version: 1\ncatalog: {}",
            catalog.name
        );
    }

    /// The rules of one role: one for all endpoints with the same redaction and the same rate.
    fn rules(&self, role: &Role<'_>, text: &mut String) {
        let catalog = &self.learner.catalog;
        let mut rules: Vec<Rule> = Vec::new();
        for (endpoint, alternatives) in &role.shape {
            let redact = redaction(catalog, *endpoint);
            let asked = role.callers.iter().filter_map(|(_, asked)| asked.get(endpoint));
            let busiest = asked.map(Asked::busiest).max().unwrap_or_default();
            for needs in alternatives {
                place(&mut rules, Rule { redact, busiest, endpoints: vec![(*endpoint, needs.clone())] });
            }
        }
        for (number, one) in rules.iter().enumerate() {
            self.rule(role, (number + 1, one), text);
        }
    }

    fn rule(&self, role: &Role<'_>, (number, one): (usize, &Rule), text: &mut String) {
        let catalog = &self.learner.catalog;
        for (endpoint, needs) in &one.endpoints {
            self.remarks(role, (*endpoint, needs), one.redact, text);
        }
        let names: Vec<&str> =
            one.endpoints.iter().map(|(endpoint, _)| catalog.endpoint(*endpoint).name.as_str()).collect();
        let _ = writeln!(text, "  - id: {}-{number}", role.name);
        let _ = writeln!(text, "    endpoints: [{}]\n    allow: [{}]", names.join(", "), role.name);
        let written: Vec<String> =
            one.endpoints.iter().filter_map(|(endpoint, needs)| arguments(catalog, *endpoint, needs)).collect();
        if !written.is_empty() {
            let _ = writeln!(text, "    args:");
            text.push_str(&written.concat());
        }
        // Half as much again in the long run. Twice the busiest minute at once: it may end as the next one begins.
        let most = u64::from(Limit::MAX);
        let (rate, burst) = ((one.busiest * 3).div_ceil(2).clamp(1, most), (one.busiest * 2).clamp(1, most));
        let _ = writeln!(text, "    limit: {{ rate: {rate}/min, burst: {burst} }}\n    redact: {}", one.redact);
    }

    /// What was seen of one endpoint.
    fn remarks(&self, role: &Role<'_>, (endpoint, needs): (EndpointId, &Needs), redact: &str, text: &mut String) {
        let about = self.learner.catalog.endpoint(endpoint);
        let seen: Vec<&Asked> = role.callers.iter().filter_map(|(_, asked)| asked.get(&endpoint)).collect();
        let count: u64 = seen.iter().map(|asked| asked.count()).sum();
        let first = seen.iter().map(|asked| asked.first.as_str()).min().unwrap_or_default();
        let last = seen.iter().map(|asked| asked.last.as_str()).max().unwrap_or_default();
        let busiest = seen.iter().map(|asked| asked.busiest()).max().unwrap_or_default();
        let _ = writeln!(
            text,
            "  # {}: {count} times from {first} to {last}, at most {busiest} in a minute by one caller",
            about.name
        );
        for (argument, _) in about.arguments.iter().zip(needs).filter(|(_, need)| **need == Need::Anything) {
            let _ = writeln!(
                text,
                "  # {}: any value of `{}`, since it is free text or may be left out",
                about.name, argument.name
            );
        }
        if redact == "none" {
            let _ = writeln!(
                text,
                "  # {}: no redaction set keeps its promise here; its readers see all of it",
                about.name
            );
        } else if seen.iter().all(|asked| !asked.redacted) {
            let _ = writeln!(
                text,
                "  # {}: nothing was taken out of the answers that were seen; this set may take out more",
                about.name
            );
        }
    }

    /// What is not granted.
    fn tail(&self, text: &mut String) {
        let refused = self.learner.refused.iter();
        let refused = refused.map(|((who, request), refusals)| {
            format!(
                "{who}: {}, {} times, {}",
                request.escape_default(),
                refusals.count,
                refusals.reason.escape_default()
            )
        });
        comment(
            text,
            "Refused when it was asked, and granted by no rule for its own sake:",
            &refused.collect::<Vec<_>>(),
        );
        comment(
            text,
            "Left out, because what was refused of it cannot be told from what was permitted:",
            &self.without,
        );
        let others = self.learner.left_out.iter().map(|(what, count)| format!("{what}, {count} times"));
        comment(text, "Left out, because a policy cannot name it:", &others.collect::<Vec<_>>());
    }
}

fn comment(text: &mut String, heading: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n# {heading}");
    for line in lines.iter().take(LISTED) {
        let _ = writeln!(text, "#   {line}");
    }
    if lines.len() > LISTED {
        let _ = writeln!(text, "#   … and {} more", lines.len() - LISTED);
    }
}

/// Puts the endpoint of `one` into a rule that says the same and does not have it yet, or adds a rule.
fn place(rules: &mut Vec<Rule>, mut one: Rule) {
    let has = |rule: &Rule, endpoint| rule.endpoints.iter().any(|(other, _)| *other == endpoint);
    let fits = |rule: &&mut Rule| {
        let is_new = one.endpoints.iter().all(|(endpoint, _)| !has(rule, *endpoint));
        is_new && (rule.redact, rule.busiest) == (one.redact, one.busiest)
    };
    match rules.iter_mut().find(fits) {
        Some(found) => found.endpoints.append(&mut one.endpoints),
        None => rules.push(one),
    }
}

/// The entry of one endpoint in `args`, where it needs one.
fn arguments(catalog: &Catalog, endpoint: EndpointId, needs: &Needs) -> Option<String> {
    let about = catalog.endpoint(endpoint);
    let written = about.arguments.iter().zip(needs);
    let written =
        written.filter_map(|(argument, need)| Some(format!("{}: {}", argument.name, need.written(argument)?)));
    let written: Vec<String> = written.collect();
    (!written.is_empty()).then(|| format!("      {}: {{ {} }}\n", about.name, written.join(", ")))
}

/// The set that takes out most and keeps its promise on the endpoint.
fn redaction(catalog: &Catalog, endpoint: EndpointId) -> &'static str {
    match catalog.endpoint(endpoint).body {
        BodyKind::Text => "none",
        BodyKind::Json | BodyKind::Exposition => {
            let kept = |set: &&&str| catalog.unkept(set, endpoint).is_some_and(|unkept| unkept.is_empty());
            ["standard", "no-credentials"].iter().find(kept).unwrap_or(&"none")
        }
    }
}

/// `name`, with a number behind it when it is taken.
fn unused(name: String, names: &mut BTreeSet<String>) -> String {
    let numbered = (2_usize..).map(|number| format!("{name}-{number}"));
    let free = std::iter::once(name.clone()).chain(numbered).find(|name| !names.contains(name)).unwrap_or(name);
    names.insert(free.clone());
    free
}
