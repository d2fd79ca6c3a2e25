//! An explanation for machines: one JSON object whose members README.md of `policies/` lists.

use serde::{Serialize, Serializer};

use super::{Explanation, Note, Outcome, Shown, Verdict, action_word};
use crate::authz::policy::{Effect, Mode};
use crate::authz::{Limit, RuleId, Unit};

#[derive(Serialize)]
struct View<'a> {
    request: &'a str,
    who: &'a [Shown],
    roles: &'a [String],
    endpoint: Option<&'a str>,
    #[serde(flatten)]
    outcome: Answer<'a>,
    shadow: Option<Shadow<'a>>,
    rules: Vec<Says<'a>>,
}

/// What came out. Every member is always there; what does not apply is `null` or empty.
#[derive(Default, Serialize)]
struct Answer<'a> {
    decision: &'static str,
    status: u16,
    reason: Option<&'static str>,
    sentence: Option<String>,
    rule: Option<&'a str>,
    upstream: Option<&'a str>,
    tenant: Option<&'a str>,
    cost: Option<u32>,
    limit: Option<Rate>,
    redactions: Vec<Redaction<'a>>,
}

#[derive(Serialize)]
struct Rate {
    count: u32,
    period_s: u64,
    burst: u32,
    by: &'static str,
}

#[derive(Serialize)]
struct Redaction<'a> {
    action: &'static str,
    selector: &'a str,
}

#[derive(Serialize)]
struct Shadow<'a> {
    decision: &'static str,
    rule: &'a str,
}

#[derive(Serialize)]
struct Says<'a> {
    id: &'a str,
    effect: &'static str,
    mode: &'static str,
    names: &'a [String],
    verdict: &'static str,
    sentence: String,
}

impl Serialize for Explanation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let view = View {
            request: &self.request,
            who: &self.who,
            roles: &self.roles,
            endpoint: self.endpoint.as_deref(),
            outcome: answer(&self.outcome),
            shadow: self
                .would
                .as_ref()
                .map(|would| Shadow { decision: effect(would.effect), rule: would.rule.as_str() }),
            rules: self.notes.iter().map(says).collect(),
        };
        view.serialize(serializer)
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        answer(self).serialize(serializer)
    }
}

fn answer(outcome: &Outcome) -> Answer<'_> {
    let refused = Answer { decision: "deny", status: outcome.status(), ..Answer::default() };
    match outcome {
        Outcome::NotUnderstood(fault) => {
            Answer { reason: Some(fault.label()), sentence: Some(fault.to_string()), ..refused }
        }
        Outcome::Refused(why) => Answer {
            reason: Some(why.reason.label()),
            sentence: Some(why.reason.to_string()),
            rule: why.rule.as_ref().map(RuleId::as_str),
            ..refused
        },
        Outcome::Permitted { rule, upstream, tenant, cost, limit, redactions } => Answer {
            decision: "allow",
            rule: Some(rule.as_str()),
            upstream: Some(upstream),
            tenant: tenant.as_deref(),
            cost: Some(*cost),
            limit: limit.as_ref().map(rate),
            redactions: redactions
                .iter()
                .map(|(action, selector)| Redaction { action: action_word(*action), selector })
                .collect(),
            ..refused
        },
    }
}

fn rate(limit: &Limit) -> Rate {
    Rate { count: limit.count.get(), period_s: limit.period.as_secs(), burst: limit.burst.get(), by: unit(limit.unit) }
}

const fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Allow => "allow",
        Effect::Deny => "deny",
    }
}

const fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Requests => "requests",
        Unit::Cost => "cost",
    }
}

fn says(note: &Note) -> Says<'_> {
    Says {
        id: note.rule.as_str(),
        effect: effect(note.effect),
        mode: match note.mode {
            Mode::Enforce => "enforce",
            Mode::Shadow => "shadow",
        },
        names: &note.names,
        verdict: match note.verdict {
            Verdict::Decides => "decides",
            Verdict::WouldDecide => "would_decide",
            Verdict::Fits => "fits",
            Verdict::OtherRoles => "other_roles",
            Verdict::Conditions(_) => "conditions",
            Verdict::Overruled => "overruled",
            Verdict::Arguments(_) => "arguments",
        },
        sentence: note.verdict.to_string(),
    }
}
