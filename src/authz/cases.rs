//! Examples beside a policy: who asks for what, and what must come out.

use std::collections::HashMap;
use std::net::IpAddr;

use serde_json::{Map, Value as Json};

use crate::authn::{CLIENT_CERTIFICATE, Certificate, NameKind, Principal};
use crate::document::{self, Fault, Faults, Fields, Node, Place, Value};
use crate::redact::Action;

use super::circumstances::Circumstances;
use super::decision::{Refused, RuleId};
use super::explain::{Explanation, Outcome, action_word, explain};
use super::policy::Policy;
use super::read::{instant, tls_version};

/// The examples of one file.
#[derive(Debug)]
pub struct Cases {
    file: String,
    cases: Vec<Case>,
}

#[derive(Debug)]
struct Case {
    name: String,
    place: Place,
    who: Principal,
    method: String,
    target: String,
    circumstances: Circumstances,
    expect: (Place, Expected),
    rule: Option<(Place, String)>,
    reason: Option<(Place, String)>,
    upstream: Option<(Place, String)>,
    tenant: Option<(Place, String)>,
    redactions: Option<(Place, Vec<String>)>,
}

/// What must come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Allow,
    Deny,
    Status(u16),
}

impl Cases {
    /// Reads a cases file: a list of cases.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once, each with its place.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Fault>> {
        let document = document::parse(file, text)?;
        let mut faults = Faults::new(file);
        let items = document.list(&mut faults).unwrap_or_default();
        let cases: Vec<Case> = items.iter().filter_map(|item| read(item, &mut faults)).collect();
        let mut names = HashMap::new();
        for case in &cases {
            if let Some(line) = names.insert(case.name.as_str(), case.place.line) {
                faults.push(Some(case.place), format!("there is a case `{}` already, on line {line}", case.name));
            }
        }
        faults.finish(Some(Self { file: file.to_owned(), cases }))
    }

    /// How many cases there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.cases.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.cases.is_empty()
    }

    /// Asks `policy` all of them. Whatever came out otherwise is a fault at the line that expects it.
    #[must_use]
    pub fn run(&self, policy: &Policy) -> Vec<Fault> {
        let complaints = self.cases.iter().flat_map(|case| {
            let explanation = explain(policy, &case.who, &case.method, &case.target, &case.circumstances);
            let mut complaints = case.complaints(policy, &explanation);
            if let Some((_, last)) = complaints.last_mut() {
                last.push_str(&background(policy, &explanation));
            }
            complaints.into_iter().map(move |(place, complaint)| (case, place, complaint))
        });
        complaints
            .map(|(case, place, complaint)| Fault {
                file: self.file.clone(),
                place: Some(place),
                message: format!("case `{}`: {complaint}", case.name),
            })
            .collect()
    }
}

impl Case {
    /// Everything that came out otherwise than expected: where that was expected, and what came out.
    fn complaints(&self, policy: &Policy, got: &Explanation) -> Vec<(Place, String)> {
        let mut complaints = Vec::new();
        let (place, expected) = self.expect;
        if !expected.is_met_by(&got.outcome) {
            complaints.push((place, format!("expected {}, got {}", expected.describe(), describe(got))));
        }
        let unknown = self.rule.as_ref().filter(|(_, name)| policy.rules().all(|rule| rule.as_str() != name));
        complaints.extend(unknown.map(|(place, name)| {
            let known: Vec<&str> = policy.rules().map(RuleId::as_str).collect();
            (*place, document::unknown("rule", name, &known))
        }));
        let mut compare = |expected: &Option<(Place, String)>, what: &str, found: Option<String>| {
            let Some((place, expected)) = expected else { return };
            if found.as_ref() != Some(expected) {
                let found = found.map_or_else(|| format!("no {what}"), |found| format!("`{found}`"));
                complaints.push((*place, format!("expected {what} `{expected}`, got {found}: {}", describe(got))));
            }
        };
        if unknown.is_none() {
            compare(&self.rule, "rule", rule_of(&got.outcome));
        }
        compare(&self.reason, "reason", reason_of(&got.outcome));
        compare(&self.upstream, "upstream request", upstream_of(&got.outcome));
        compare(&self.tenant, "tenant", tenant_of(&got.outcome));
        if let Some((place, expected)) = &self.redactions {
            complaints.extend(redactions(expected, &got.outcome).map(|complaint| (*place, complaint)));
        }
        complaints
    }
}

impl Expected {
    const fn is_met_by(self, outcome: &Outcome) -> bool {
        match self {
            Self::Allow => matches!(outcome, Outcome::Permitted { .. }),
            Self::Deny => !matches!(outcome, Outcome::Permitted { .. }),
            Self::Status(status) => status == outcome.status(),
        }
    }

    fn describe(self) -> String {
        match self {
            Self::Allow => "allow".to_owned(),
            Self::Deny => "deny".to_owned(),
            Self::Status(status) => format!("status {status}"),
        }
    }
}

/// What came out, in one line.
fn describe(got: &Explanation) -> String {
    let roles = if got.roles.is_empty() { "no role".to_owned() } else { format!("roles {}", got.roles.join(", ")) };
    match &got.outcome {
        Outcome::Permitted { rule, .. } => format!("allow by rule `{rule}` ({roles})"),
        Outcome::Refused(Refused { reason, rule: Some(rule), .. }) => {
            format!("deny at rule `{rule}`: {reason} ({roles})")
        }
        Outcome::Refused(Refused { reason, rule: None, .. }) => format!("deny: {reason} ({roles})"),
        Outcome::NotUnderstood(fault) => format!("status {}: {fault}", got.outcome.status()),
    }
}

/// What stands behind a failure: who it was, and what each rule of the endpoint said.
fn background(policy: &Policy, got: &Explanation) -> String {
    let known: Vec<&str> = policy.issuers().map(|(issuer, _)| issuer).collect();
    let strange = |issuer: &&str| *issuer != CLIENT_CERTIFICATE && !known.contains(issuer);
    let strangers = got.who.iter().map(|shown| shown.issuer.as_str()).filter(strange);
    let strangers =
        strangers.map(|issuer| format!("no role names it: {}", document::unknown("issuer", issuer, &known)));
    let who: Vec<String> = got.who.iter().map(ToString::to_string).collect();
    let rules = got.notes.iter().map(ToString::to_string);
    let all: Vec<String> =
        std::iter::once(format!("who: {}", who.join(" and "))).chain(strangers).chain(rules).collect();
    format!("\n    {}", all.join("\n    "))
}

fn rule_of(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Permitted { rule, .. } => Some(rule.to_string()),
        Outcome::Refused(refused) => refused.rule.as_ref().map(ToString::to_string),
        Outcome::NotUnderstood(_) => None,
    }
}

fn reason_of(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Permitted { .. } => None,
        Outcome::Refused(refused) => Some(refused.reason.label().to_owned()),
        Outcome::NotUnderstood(fault) => Some(fault.label().to_owned()),
    }
}

fn upstream_of(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Permitted { upstream, .. } => Some(upstream.clone()),
        Outcome::Refused(_) | Outcome::NotUnderstood(_) => None,
    }
}

fn tenant_of(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Permitted { tenant, .. } => tenant.clone(),
        Outcome::Refused(_) | Outcome::NotUnderstood(_) => None,
    }
}

/// `[]` wants no selector at all; else each of `expected` must be so: `$.a` is redacted, `mask $.a` by this action,
/// `keep $.a` not at all, whether or not it is on a list of what stays.
fn redactions(expected: &[String], outcome: &Outcome) -> Option<String> {
    let Outcome::Permitted { redactions, .. } = outcome else {
        return Some("expected redactions, but nothing was allowed".to_owned());
    };
    if expected.is_empty() && !redactions.is_empty() {
        return Some(format!("expected no redactions, got {}", redactions.len()));
    }
    let struck = || redactions.iter().filter(|(action, _)| *action != Action::Keep);
    let is_met = |wanted: &str| match wanted.split_once(' ') {
        Some(("keep", kept)) => struck().all(|(_, about)| about != kept),
        pair => struck().any(|(action, about)| about == wanted || pair == Some((action_word(*action), about))),
    };
    let missing: Vec<&str> = expected.iter().map(String::as_str).filter(|wanted| !is_met(wanted)).collect();
    (!missing.is_empty()).then(|| format!("these redactions are otherwise: {}", document::quoted(&missing)))
}

fn read(node: &Node, faults: &mut Faults) -> Option<Case> {
    const KEYS: [&str; 12] =
        ["name", "who", "request", "from", "at", "tls", "expect", "rule", "reason", "redactions", "upstream", "tenant"];
    let fields = node.fields(&KEYS, faults)?;
    let name = fields.required("name", faults).and_then(|node| node.text(faults));
    let who = fields.required("who", faults).and_then(|node| principal(node, faults));
    let request = fields.required("request", faults).and_then(|node| request(node, faults));
    let circumstances = circumstances(fields, faults);
    let expect = fields.required("expect", faults).and_then(|node| expected(node, faults));
    let reason = text_of(fields, "reason", faults);
    if let Some((place, label)) = &reason
        && !REASONS.contains(&label.as_str())
    {
        faults.push(Some(*place), document::unknown("reason", label, &REASONS));
    }
    let redactions = fields.get("redactions").and_then(|node| Some((node.place, node.texts(faults)?)));
    let rule = text_of(fields, "rule", faults);
    let upstream = text_of(fields, "upstream", faults);
    let tenant = text_of(fields, "tenant", faults);
    let (method, target) = request?;
    Some(Case {
        name: name?.to_owned(),
        place: node.place,
        who: who?,
        method,
        target,
        circumstances: circumstances?,
        expect: expect?,
        rule,
        reason,
        upstream,
        tenant,
        redactions,
    })
}

/// What is known besides who asks for what; what a case does not say is not known.
fn circumstances(fields: Fields<'_>, faults: &mut Faults) -> Option<Circumstances> {
    let source = fields.get("from").map(|node| {
        let found = node.text(faults)?.parse::<IpAddr>().ok();
        if found.is_none() {
            faults.at(node, "expected an address, such as `10.0.0.1`");
        }
        found
    });
    let now = fields.get("at").map(|node| instant(node, faults));
    let tls = fields.get("tls").map(|node| tls_version(node, faults));
    let is_read = source != Some(None) && now != Some(None) && tls != Some(None);
    let (now, source, tls) = (now.flatten(), source.flatten(), tls.flatten());
    is_read.then(|| Circumstances { now, source, tls, ..Circumstances::default() })
}

fn text_of(fields: Fields<'_>, key: &str, faults: &mut Faults) -> Option<(Place, String)> {
    let node = fields.get(key)?;
    Some((node.place, node.text(faults)?.to_owned()))
}

/// One proof, or a list of them; the first one speaks for all.
fn principal(node: &Node, faults: &mut Faults) -> Option<Principal> {
    let Value::List(items) = &node.value else { return proof(node, faults) };
    if items.is_empty() {
        faults.at(node, "the list is empty; a caller has proven something");
    }
    let all: Vec<Option<Principal>> = items.iter().map(|item| proof(item, faults)).collect();
    all.into_iter().collect::<Option<Vec<_>>>()?.into_iter().reduce(|first, other| first.and(&other))
}

/// A token, a client certificate, or both.
fn proof(node: &Node, faults: &mut Faults) -> Option<Principal> {
    let fields = node.fields(&["issuer", "subject", "claims", "client_cert"], faults)?;
    let certificate = fields.get("client_cert").map(|node| certificate(node, faults));
    if certificate.is_some() && ["issuer", "subject", "claims"].iter().all(|key| fields.get(key).is_none()) {
        return Some(Principal::supposed_certificate(certificate??));
    }
    let issuer = fields.required("issuer", faults).and_then(|node| node.text(faults));
    let subject = fields.required("subject", faults).and_then(|node| node.text(faults));
    let claims = match fields.get("claims") {
        Some(node) => claims(node, faults)?,
        None => Map::new(),
    };
    let token = Principal::supposed(issuer?.to_owned(), subject?.to_owned(), claims);
    match certificate {
        Some(certificate) => Some(token.and(&Principal::supposed_certificate(certificate?))),
        None => Some(token),
    }
}

/// Its names; of the kinds that a certificate may have several of, lists too.
fn certificate(node: &Node, faults: &mut Faults) -> Option<Certificate> {
    let fields = node.fields(&NameKind::ALL.map(NameKind::key), faults)?;
    let mut certificate = Certificate::default();
    for kind in NameKind::ALL {
        let Some(node) = fields.get(kind.key()) else { continue };
        match (&node.value, kind) {
            (Value::List(_), NameKind::Dns | NameKind::Email) => {
                node.texts(faults)?.iter().for_each(|name| certificate.name(kind, name));
            }
            (Value::List(_) | Value::Scalar { .. } | Value::Map(_), _) => certificate.name(kind, node.text(faults)?),
        }
    }
    Some(certificate)
}

fn claims(node: &Node, faults: &mut Faults) -> Option<Map<String, Json>> {
    Some(node.entries(faults)?.iter().map(|entry| (entry.key.clone(), json(&entry.node))).collect())
}

/// What the node is in a token: plain `true`, `null` and numbers are not text.
fn json(node: &Node) -> Json {
    match &node.value {
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(entries) => entries.iter().map(|entry| (entry.key.clone(), json(&entry.node))).collect(),
        Value::Scalar { text, quoted: true } => Json::String(text.clone()),
        Value::Scalar { text, quoted: false } => match serde_json::from_str(text) {
            Ok(value @ (Json::Null | Json::Bool(_) | Json::Number(_))) => value,
            Ok(Json::String(_) | Json::Array(_) | Json::Object(_)) | Err(_) => Json::String(text.clone()),
        },
    }
}

/// `GET /connz?auth=1`
fn request(node: &Node, faults: &mut Faults) -> Option<(String, String)> {
    let text = node.text(faults)?;
    let request = text.split_once(' ').filter(|(method, target)| !method.is_empty() && !target.is_empty());
    if request.is_none() {
        faults.at(node, "expected a method, a space and a target, such as `GET /varz`");
    }
    request.map(|(method, target)| (method.to_owned(), target.to_owned()))
}

fn expected(node: &Node, faults: &mut Faults) -> Option<(Place, Expected)> {
    let expected = match node.text(faults)? {
        "allow" => Expected::Allow,
        "deny" => Expected::Deny,
        status => match status.parse() {
            Ok(status) if STATUSES.contains(&status) => Expected::Status(status),
            Ok(_) | Err(_) => {
                faults.at(node, "expected `allow`, `deny`, or one of the statuses 200, 400, 403, 404, 405, 414");
                return None;
            }
        },
    };
    Some((node.place, expected))
}

/// The statuses that do not depend on time, keys or the upstream.
const STATUSES: [u16; 6] = [200, 400, 403, 404, 405, 414];

/// The labels of [`Reason`](super::Reason) and [`TargetFault`].
const REASONS: [&str; 15] = [
    "no_role",
    "no_rule",
    "denied",
    "conditions",
    "tenant_unknown",
    "argument_forbidden",
    "argument_outside",
    "target_too_long",
    "target_malformed",
    "unknown_endpoint",
    "method_not_allowed",
    "unknown_argument",
    "duplicate_argument",
    "argument_value",
    "callback",
];
