//! How two answers to one request differ.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::authz::{Outcome, action_word};
use crate::redact::Action;

/// Which way an answer changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// From no to yes.
    Gained,
    /// From yes to no.
    Lost,
    /// Yes, but otherwise.
    Otherwise,
}

impl Kind {
    /// The sign in front of a line.
    #[must_use]
    pub const fn sign(self) -> char {
        match self {
            Self::Gained => '+',
            Self::Lost => '-',
            Self::Otherwise => '~',
        }
    }
}

/// How two answers differ; equal ones have none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Delta {
    /// Which way.
    pub change: Kind,
    /// What exactly, in words.
    pub details: Vec<String>,
}

impl Delta {
    /// From `old` to `new`. That another rule says the same, or another reason, is no difference.
    #[must_use]
    pub fn between(old: &Outcome, new: &Outcome) -> Option<Self> {
        match (allowing(old), allowing(new)) {
            (None, None) => None,
            (Some(_), None) => {
                Some(Self { change: Kind::Lost, details: vec![format!("{}, was {}", says(new), says(old))] })
            }
            (None, Some(_)) => {
                Some(Self { change: Kind::Gained, details: vec![format!("{}, was {}", says(new), says(old))] })
            }
            (Some(old), Some(new)) => {
                let details = old.until(&new);
                (!details.is_empty()).then_some(Self { change: Kind::Otherwise, details })
            }
        }
    }
}

/// What a permitted request gets.
struct Allowed<'a> {
    upstream: &'a str,
    tenant: Option<&'a str>,
    limit: String,
    redactions: BTreeSet<(&'static str, &'a str)>,
    /// What leaves; all, when it is empty.
    kept: BTreeSet<&'a str>,
}

fn allowing(outcome: &Outcome) -> Option<Allowed<'_>> {
    let Outcome::Permitted { upstream, tenant, limit, redactions, .. } = outcome else { return None };
    let (kept, struck): (Vec<_>, Vec<_>) = redactions.iter().partition(|(action, _)| *action == Action::Keep);
    let kept = kept.into_iter().map(|(_, about)| about.as_str()).collect();
    let redactions = struck.into_iter().map(|(action, about)| (action_word(*action), about.as_str())).collect();
    let limit = limit.as_ref().map_or("none".to_owned(), ToString::to_string);
    Some(Allowed { upstream, tenant: tenant.as_deref(), limit, redactions, kept })
}

impl Allowed<'_> {
    fn until(&self, new: &Self) -> Vec<String> {
        let mut details = Vec::new();
        if self.upstream != new.upstream {
            details.push(format!("upstream {}, was {}", new.upstream, self.upstream));
        }
        if self.tenant != new.tenant {
            let part = |tenant: Option<&str>| tenant.map_or("all of it".to_owned(), |tenant| format!("only {tenant}"));
            details.push(format!("shows {}, was {}", part(new.tenant), part(self.tenant)));
        }
        if self.limit != new.limit {
            details.push(format!("limit {}, was {}", new.limit, self.limit));
        }
        if self.kept != new.kept {
            details.push(format!("leaves {}, was {}", leaving(&new.kept), leaving(&self.kept)));
        }
        let words = |set: Vec<&(&'static str, &str)>| {
            set.iter().map(|(action, selector)| format!("{action} {selector}")).collect::<Vec<_>>().join(", ")
        };
        let gone: Vec<_> = self.redactions.difference(&new.redactions).collect();
        if !gone.is_empty() {
            details.push(format!("redacts no more: {}", words(gone)));
        }
        let come: Vec<_> = new.redactions.difference(&self.redactions).collect();
        if !come.is_empty() {
            details.push(format!("redacts now: {}", words(come)));
        }
        details
    }
}

/// What leaves of an answer, where a set says what it keeps.
fn leaving(kept: &BTreeSet<&str>) -> String {
    let list = || kept.iter().copied().collect::<Vec<_>>().join(", ");
    if kept.is_empty() { "all the rest".to_owned() } else { format!("only {}", list()) }
}

/// An answer in a few words.
fn says(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Permitted { rule, .. } => format!("allow by {rule}"),
        Outcome::Refused(refused) => match &refused.rule {
            Some(rule) => format!("{} at {rule}", refused.reason.label()),
            None => refused.reason.label().to_owned(),
        },
        Outcome::NotUnderstood(fault) => fault.label().to_owned(),
    }
}
