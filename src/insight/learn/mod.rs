//! The least policy under which what was seen goes on, and nothing that was refused begins.
//!
//! Roles are by identity alone, since records hold no claims. What was permitted and answered is granted; a request that
//! was refused never is: where the general form of a rule would grant one, the rule
//! becomes a list of exactly what was seen, and where even that would, the endpoint is left out.

mod draft;
mod examples;
mod needs;
mod proven;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::draft::Draft;
use self::needs::Asked;
use self::proven::Who;
use super::recorded::{Caller, Recorded};
use crate::audit::Decision;
use crate::authz::{Cases, Circumstances, Outcome, Policy, explain};
use crate::catalog::{Catalog, Catalogs, EndpointId};
use crate::document::Fault;

/// Gathers what was seen.
#[derive(Debug)]
pub struct Learner {
    catalogs: Catalogs,
    catalog: Arc<Catalog>,
    callers: BTreeMap<Who, BTreeMap<EndpointId, Asked>>,
    refused: BTreeMap<(Who, String), Refusals>,
    /// What cannot be written into a policy: whose and why, and how often.
    left_out: BTreeMap<String, u64>,
    first: String,
    last: String,
    records: u64,
}

/// How often one request of somebody was refused, and why the last time.
#[derive(Clone, Debug, Default)]
struct Refusals {
    count: u64,
    reason: String,
}

/// A policy and the cases beside it, as texts of files.
#[derive(Debug)]
pub struct Learned {
    /// The policy.
    pub policy: String,
    /// Its cases.
    pub cases: String,
    /// How many roles it has.
    pub roles: usize,
    /// How many kinds of refused requests it goes on refusing.
    pub refused: usize,
    /// How many things are left out with a comment.
    pub left_out: usize,
}

/// For whom an endpoint needs more than the general form of a rule.
#[derive(Debug, Default)]
struct Care {
    /// Only exactly what was seen.
    exactly: BTreeSet<(Who, EndpointId)>,
    /// Nothing.
    without: BTreeSet<(Who, EndpointId)>,
}

impl Learner {
    /// Nothing was seen so far; the upstream has the catalogue called `name`.
    ///
    /// # Errors
    /// When none of `catalogs` is called so, in words for the operator.
    pub fn new(catalogs: Catalogs, name: &str) -> Result<Self, String> {
        let catalog = catalogs.find(name)?;
        let (first, last) = (String::new(), String::new());
        let (callers, refused, left_out) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Ok(Self { catalogs, catalog, callers, refused, left_out, first, last, records: 0 })
    }

    /// Takes one record.
    pub fn take(&mut self, record: &Recorded) {
        self.records += 1;
        if self.first.is_empty() || record.time < self.first {
            record.time.clone_into(&mut self.first);
        }
        if record.time > self.last {
            record.time.clone_into(&mut self.last);
        }
        let (Some(caller), Some(request)) = (&record.principal, &record.request) else { return };
        if let (Decision::Permit, Some(tenant)) = (record.decision, &record.tenant) {
            let tenant = tenant.escape_default();
            self.leave_out(format!("{caller}: saw only the part of tenant {tenant}; write a rule with `tenant`"));
            return;
        }
        if record.decision == Decision::Permit && record.via.is_some() {
            self.leave_out(format!("{caller}: asked through a proxy; write a rule with `redact: none`"));
            return;
        }
        match record.decision {
            Decision::Permit => self.permitted(caller, request, record),
            // It was permitted, only not so often.
            Decision::Deny if record.reason == "rate_limited" => {}
            Decision::Deny => self.refused(caller, request, &record.reason),
            Decision::Withhold => {}
        }
    }

    fn permitted(&mut self, caller: &Caller, request: &str, record: &Recorded) {
        let understood = self.catalog.resolve(b"GET", request.as_bytes());
        match (Who::of(caller), understood) {
            (Ok(who), Ok(resource)) => {
                let form = self.catalog.render(&resource);
                let asked = self.callers.entry(who).or_default().entry(resource.endpoint()).or_default();
                asked.take(form, record);
            }
            (Err(why), _) => self.leave_out(format!("{caller}: {why}")),
            (_, Err(fault)) => self.leave_out(format!("{}: {fault}", request.escape_default())),
        }
    }

    fn refused(&mut self, caller: &Caller, request: &str, reason: &str) {
        match Who::of(caller) {
            Ok(who) => {
                let refusals = self.refused.entry((who, request.to_owned())).or_default();
                refusals.count += 1;
                reason.clone_into(&mut refusals.reason);
            }
            Err(why) => self.leave_out(format!("{caller}: {why}")),
        }
    }

    fn leave_out(&mut self, what: String) {
        *self.left_out.entry(what).or_default() += 1;
    }

    /// Whether anything was permitted to anybody whom a policy can name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.callers.is_empty()
    }

    /// The least policy.
    ///
    /// # Errors
    /// When what was written is no good policy, or its cases fail: too many callers for one file, or a mistake of ours.
    pub fn learn(&self) -> Result<Learned, Vec<Fault>> {
        let mut care = Care::default();
        loop {
            let draft = Draft::new(self, &care);
            let text = draft.policy();
            let policy = Policy::parse("learned policy", &text, &self.catalogs)?;
            if self.tighten(&policy, &mut care) {
                continue;
            }
            let still: Vec<&(Who, String)> = self.refused.keys().filter(|key| refuses(&policy, key)).collect();
            let cases = examples::write(&draft, &still);
            let faults = Cases::parse("learned cases", &cases)?.run(&policy);
            if !faults.is_empty() {
                return Err(faults);
            }
            let (roles, refused) = (draft.roles(), still.len());
            return Ok(Learned {
                policy: text,
                cases,
                roles,
                refused,
                left_out: self.left_out.len() + care.without.len(),
            });
        }
    }

    /// Finds what `policy` grants although it was refused, and sees to it that the next draft does not. Whether there
    /// was anything.
    fn tighten(&self, policy: &Policy, care: &mut Care) -> bool {
        let mut found = false;
        for (who, request) in self.refused.keys() {
            let Some(principal) = who.principal() else { continue };
            let Outcome::Permitted { upstream, .. } =
                explain(policy, &principal, "GET", request, &Circumstances::default()).outcome
            else {
                continue;
            };
            let Ok(resource) = self.catalog.resolve(b"GET", request.as_bytes()) else { continue };
            let endpoint = resource.endpoint();
            let asked = self.callers.get(who).and_then(|asked| asked.get(&endpoint));
            if asked.is_some_and(|asked| asked.forms.contains_key(&upstream)) {
                continue;
            }
            // Whoever proves more has the roles of those who prove less.
            let givers =
                self.callers.iter().filter(|(giver, asked)| giver.is_part_of(who) && asked.contains_key(&endpoint));
            for (giver, _) in givers {
                let place = (giver.clone(), endpoint);
                found |= care.exactly.insert(place.clone()) || care.without.insert(place);
            }
        }
        found
    }
}

/// Whether `policy` refuses what was refused; what was permitted to the same caller at another time it does not.
fn refuses(policy: &Policy, (who, request): &(Who, String)) -> bool {
    let Some(principal) = who.principal() else { return false };
    !matches!(explain(policy, &principal, "GET", request, &Circumstances::default()).outcome, Outcome::Permitted { .. })
}

/// `text` as a quoted scalar of YAML that reads back as the same text, whatever is in it.
fn quote(text: &str) -> String {
    use std::fmt::Write as _;

    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        // Writing to a `String` cannot fail.
        let _infallible = match (character, u32::from(character)) {
            ('"' | '\\', _) => write!(quoted, "\\{character}"),
            (' '..='~', _) => quoted.write_char(character),
            (_, code @ ..=0xffff) => write!(quoted, "\\u{code:04x}"),
            (_, code) => write!(quoted, "\\U{code:08x}"),
        };
    }
    quoted.push('"');
    quoted
}
