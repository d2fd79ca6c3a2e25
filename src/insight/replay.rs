//! Which past requests another policy would have answered otherwise.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::{Serialize, Serializer};

use super::compare::{PASSED_OVER, RoleChange, RuleChange, role_changes, rule_changes, write_roles, write_rules};
use super::delta::Delta;
use super::recorded::{Caller, Recorded};
use super::story::plain;
use crate::authz::{Circumstances, Outcome, Policy, explain_as};

/// Who, with which roles, asked for what, and from where that is known.
type Request = (Caller, Vec<String>, String, Option<IpAddr>);

/// The requests of the past, each distinct one once.
#[derive(Debug, Default)]
pub struct Past {
    requests: BTreeMap<Request, Times>,
    records: u64,
    /// Records without a request that was understood.
    not_understood: u64,
    /// Records that tell no roles.
    no_roles: u64,
}

/// How often something was seen, and when.
#[derive(Clone, Debug, Serialize)]
struct Times {
    seen: u64,
    first: String,
    last: String,
}

impl Past {
    /// Takes one record.
    pub fn take(&mut self, record: &Recorded) {
        self.records += 1;
        let (Some(caller), Some(request)) = (&record.principal, &record.request) else {
            self.not_understood += 1;
            return;
        };
        let Some(roles) = record.known_roles() else {
            self.no_roles += 1;
            return;
        };
        let key = (caller.clone(), roles.to_vec(), request.clone(), record.circumstances().source);
        let new = || Times { seen: 0, first: record.time.clone(), last: record.time.clone() };
        let times = self.requests.entry(key).or_insert_with(new);
        times.seen += 1;
        times.first = times.first.clone().min(record.time.clone());
        times.last = times.last.clone().max(record.time.clone());
    }

    /// Decides all of them by both policies.
    #[must_use]
    pub fn replay(self, old: &Policy, new: &Policy) -> Replay {
        let mut replay = Replay {
            roles: role_changes(old, new),
            rules: rule_changes(old, new),
            records: self.records,
            not_understood: self.not_understood,
            no_roles: self.no_roles,
            distinct: self.requests.len(),
            ..Replay::default()
        };
        for (past, times) in self.requests {
            replay.take(old, new, (&past, &times));
        }
        replay.changes.sort_by_key(|change| Reverse(change.times.seen));
        replay
    }
}

impl Replay {
    /// Decides one request.
    fn take(&mut self, old: &Policy, new: &Policy, ((caller, roles, request, source), times): (&Request, &Times)) {
        let known = Circumstances { source: *source, ..PASSED_OVER };
        let names: Vec<&str> = roles.iter().map(String::as_str).collect();
        let unknown = |which, policy: &Policy| {
            let error = explain_as(policy, &names, "GET", request, &known).err();
            error.into_iter().flatten().map(move |role| (which, role)).collect::<Vec<_>>()
        };
        let strangers = [unknown("OLD", old), unknown("NEW", new)].concat();
        if !strangers.is_empty() {
            for stranger in strangers {
                *self.unknown_roles.entry(stranger).or_default() += times.seen;
            }
            return;
        }
        self.replayed += times.seen;
        let outcome = |policy: &Policy, form: &str| {
            explain_as(policy, &names, "GET", form, &known).ok().map(|explanation| explanation.outcome)
        };
        let changes = forms(old, &names, request, &known).into_iter().filter_map(|form| {
            let (old, new) = (outcome(old, &form)?, outcome(new, &form)?);
            let delta = Delta::between(&old, &new)?;
            let (principal, roles, times) = (caller.clone(), roles.clone(), times.clone());
            Some(Changed { principal, roles, request: form, times, delta, old, new })
        });
        self.changes.extend(changes);
    }
}

/// The requests that a record may stand for: as it is written, and without what the old policy's rule adds by itself.
/// A record of a permitted request has what went upstream.
fn forms(old: &Policy, roles: &[&str], request: &str, known: &Circumstances) -> Vec<String> {
    let goes_as = |form: &str| match explain_as(old, roles, "GET", form, known).ok()?.outcome {
        Outcome::Permitted { upstream, .. } => Some(upstream),
        Outcome::Refused(_) | Outcome::NotUnderstood(_) => None,
    };
    let mut forms = vec![request.to_owned()];
    let Some((path, query)) = request.split_once('?') else { return forms };
    if goes_as(request).as_deref() != Some(request) {
        return forms;
    }
    let mut pairs: Vec<&str> = query.split('&').collect();
    let join = |pairs: &[&str]| if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) };
    for pair in query.split('&') {
        let fewer: Vec<&str> = pairs.iter().copied().filter(|other| *other != pair).collect();
        if goes_as(&join(&fewer)).as_deref() == Some(request) {
            pairs = fewer;
        }
    }
    forms.push(join(&pairs));
    forms.dedup();
    forms
}

/// Which past requests another policy would have answered otherwise. Its `Display` is what `monward diff --replay`
/// prints.
#[derive(Debug, Default)]
pub struct Replay {
    roles: Vec<RoleChange>,
    rules: Vec<RuleChange>,
    changes: Vec<Changed>,
    records: u64,
    replayed: u64,
    distinct: usize,
    not_understood: u64,
    no_roles: u64,
    /// By policy and role: how many records.
    unknown_roles: BTreeMap<(&'static str, String), u64>,
}

/// One past request that comes out otherwise.
#[derive(Debug, Serialize)]
struct Changed {
    #[serde(serialize_with = "proofs")]
    principal: Caller,
    roles: Vec<String>,
    request: String,
    #[serde(flatten)]
    times: Times,
    #[serde(flatten)]
    delta: Delta,
    old: Outcome,
    new: Outcome,
}

/// All that was proven: a list of issuer, subject and method.
fn proofs<S: Serializer>(caller: &Caller, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct View<'a> {
        issuer: &'a str,
        subject: &'a str,
        method: &'a str,
    }
    serializer.collect_seq(caller.proofs().map(|one| View {
        issuer: &one.issuer,
        subject: &one.subject,
        method: &one.method,
    }))
}

impl Replay {
    /// Whether all that was seen comes out as before, as far as anybody can tell: a role that the new policy does not
    /// have, one that others have now, and records of which none could be replayed leave that open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let untold = self.replayed == 0 && (self.no_roles > 0 || self.records == 0);
        self.changes.is_empty()
            && self.rules.is_empty()
            && self.roles.is_empty()
            && self.unknown_roles.is_empty()
            && !untold
    }
}

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_roles(f, &self.roles)?;
        write_rules(f, &self.rules)?;
        if !self.changes.is_empty() {
            writeln!(f, "requests")?;
        }
        for change in &self.changes {
            let who = &change.principal;
            let (sign, times) = (change.delta.change.sign(), &change.times);
            let details = change.delta.details.join("; ");
            let request = plain(&change.request);
            writeln!(f, "  {sign} {request}, {who}, {} times, last {}: {details}", times.seen, times.last)?;
        }
        self.write_untold(f)?;
        let changed = self.changes.len();
        let (replayed, records, distinct) = (self.replayed, self.records, self.distinct);
        writeln!(f, "{changed} changes; {replayed} of {records} records replayed, {distinct} distinct requests")
    }
}

impl Replay {
    /// What could not be replayed.
    fn write_untold(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = [
            (self.no_roles, "tell no roles"),
            (self.not_understood, "have no caller or no request that was understood"),
        ];
        let lines = lines.iter().filter(|(count, _)| *count > 0).map(|(count, why)| format!("{count} {why}"));
        let unknown = self.unknown_roles.iter();
        let unknown = unknown
            .map(|((which, role), count)| format!("{count} have the role {}, which {which} has not", plain(role)));
        let lines: Vec<String> = lines.chain(unknown).collect();
        if !lines.is_empty() {
            writeln!(f, "not replayed")?;
        }
        lines.iter().try_for_each(|line| writeln!(f, "    {line}"))
    }
}

impl Serialize for Replay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Unknown<'a> {
            policy: &'static str,
            role: &'a str,
            records: u64,
        }
        #[derive(Serialize)]
        struct View<'a> {
            roles: &'a [RoleChange],
            rules: &'a [RuleChange],
            changes: &'a [Changed],
            records: u64,
            replayed: u64,
            distinct: usize,
            not_understood: u64,
            no_roles: u64,
            unknown_roles: Vec<Unknown<'a>>,
        }
        let unknown = self.unknown_roles.iter();
        let unknown = unknown.map(|((policy, role), records)| Unknown { policy, role, records: *records });
        let view = View {
            roles: &self.roles,
            rules: &self.rules,
            changes: &self.changes,
            records: self.records,
            replayed: self.replayed,
            distinct: self.distinct,
            not_understood: self.not_understood,
            no_roles: self.no_roles,
            unknown_roles: unknown.collect(),
        };
        view.serialize(serializer)
    }
}
