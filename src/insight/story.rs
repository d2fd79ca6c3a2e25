//! What happened to one request, and what would help.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::recorded::{Caller, Recorded};
use super::sentences::{remedy, sentence};
use crate::authn::CLIENT_CERTIFICATE;
use crate::authz::{Circumstances, Effect, Explanation, Outcome, Policy, Reason, Unknown, Verdict, explain_as};

/// What happened to one request. Its `Display` is what `monward why` prints.
#[derive(Debug)]
pub struct Story {
    record: Recorded,
    /// The record as it was written, with members that this version does not know.
    raw: Value,
    today: Today,
}

/// What the policy of today says to the recorded request of the recorded roles.
#[derive(Debug)]
pub enum Today {
    /// There is no policy at hand.
    NoPolicy,
    /// The record tells no roles or no request: the policy was not asked then, and nothing can be asked now.
    NotTold,
    /// It depends on what a record does not tell: TLS, credentials, claims.
    Depends,
    /// These roles are not in it.
    UnknownRoles(Vec<String>),
    /// It was asked.
    Asked(Box<Explanation>),
}

impl Today {
    /// Asks `policy`, if there is one.
    #[must_use]
    pub fn of(record: &Recorded, policy: Option<&Policy>) -> Self {
        let Some(policy) = policy else { return Self::NoPolicy };
        let (Some(roles), Some(request)) = (record.known_roles(), &record.request) else { return Self::NotTold };
        let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
        if record.tenant.is_some() {
            return Self::Depends;
        }
        // Both ways, with what is not known: where they agree, it does not matter.
        let ask =
            |unknown| explain_as(policy, &roles, "GET", request, &Circumstances { unknown, ..record.circumstances() });
        match (ask(Unknown::IsPassedOver), ask(Unknown::Closes)) {
            (Ok(one), Ok(other)) if one.outcome.to_string() == other.outcome.to_string() => {
                Self::Asked(Box::new(other))
            }
            (Ok(_), Ok(_)) => Self::Depends,
            (Err(unknown), _) | (_, Err(unknown)) => Self::UnknownRoles(unknown),
        }
    }
}

impl Story {
    /// Of the record on `line`.
    ///
    /// # Errors
    /// When the line is broken.
    pub fn of(line: &str, today: impl FnOnce(&Recorded) -> Today) -> Result<Self, String> {
        let record = Recorded::parse(line)?;
        let raw = serde_json::from_str(line).map_err(|error| error.to_string())?;
        Ok(Self { today: today(&record), record, raw })
    }

    /// What would help: in general, and by the policy of today.
    #[must_use]
    pub fn help(&self) -> Vec<String> {
        let general = remedy(&self.record.reason).map(str::to_owned);
        let Today::Asked(explanation) = &self.today else { return general.into_iter().collect() };
        general.into_iter().chain(advice(explanation)).collect()
    }

    fn today(&self) -> Option<String> {
        match &self.today {
            Today::NoPolicy | Today::NotTold => None,
            Today::Depends => Some(
                "cannot be told: it depends on the TLS, the credentials or the tenant, which a record does not tell"
                    .to_owned(),
            ),
            Today::UnknownRoles(roles) => Some(format!("today's policy has no role {}", listed(roles))),
            Today::Asked(explanation) => Some(match &explanation.outcome {
                Outcome::Permitted { rule, limit, .. } => {
                    let limit = limit.as_ref().map_or("no limit".to_owned(), |limit| format!("limit {limit}"));
                    format!("allow by rule {rule}, {limit}")
                }
                Outcome::Refused(refused) => format!("deny, {}: {}", refused.reason.label(), refused.reason),
                Outcome::NotUnderstood(fault) => format!("deny, {}: {fault}", fault.label()),
            }),
        }
    }
}

/// What would have to be otherwise in the policy.
fn advice(explanation: &Explanation) -> Vec<String> {
    let Outcome::Refused(refused) = &explanation.outcome else { return Vec::new() };
    let endpoint = explanation.endpoint.as_deref().unwrap_or_default();
    let notes = explanation.notes.iter().filter(|note| note.effect == Effect::Allow);
    match refused.reason {
        Reason::ArgumentForbidden { .. } | Reason::ArgumentOutside { .. } => {
            let misfits = notes.filter_map(|note| match &note.verdict {
                Verdict::Arguments(Reason::ArgumentForbidden { argument } | Reason::ArgumentOutside { argument }) => {
                    Some((&note.rule, argument))
                }
                Verdict::Arguments(_)
                | Verdict::Decides
                | Verdict::WouldDecide
                | Verdict::Fits
                | Verdict::OtherRoles
                | Verdict::Overruled
                | Verdict::Conditions(_) => None,
            });
            misfits
                .map(|(rule, argument)| {
                    format!("Rule `{rule}` would have to accept it: `args: {{ {endpoint}: {{ {argument}: … }} }}`.")
                })
                .collect()
        }
        Reason::NoRole | Reason::NoRule => {
            let open: Vec<String> =
                notes.map(|note| format!("Rule `{}` opens it to {}.", note.rule, listed(&note.names))).collect();
            if open.is_empty() {
                vec![format!("No rule of today's policy opens `{endpoint}` to anybody.")]
            } else {
                open
            }
        }
        Reason::Conditions => {
            let waiting = notes.filter(|note| matches!(note.verdict, Verdict::Conditions(_)));
            waiting.map(|note| format!("Rule `{}` fits, once its `when` and `unless` do.", note.rule)).collect()
        }
        Reason::Callback => {
            vec!["A rule that fits would have to say `jsonp: true`.".to_owned()]
        }
        Reason::TenantUnknown => {
            vec!["The token would have to name the tenant in the claim that the rule names.".to_owned()]
        }
        Reason::Denied => {
            refused.rule.iter().map(|rule| format!("Rule `{rule}` would have to name other roles.")).collect()
        }
    }
}

fn listed(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| plain(name)).collect();
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

/// What a record spelled, in one line that moves no terminal.
pub(super) fn plain(text: &str) -> String {
    let plain = |character: char| matches!(character, ' '..='~');
    text.chars().map(|one| if plain(one) { one.to_string() } else { one.escape_default().to_string() }).collect()
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, proof) in self.proofs().enumerate() {
            let (and, subject) = (if position == 0 { "" } else { " and " }, plain(&proof.subject));
            if proof.issuer == CLIENT_CERTIFICATE {
                write!(f, "{and}the client certificate {subject}")?;
            } else {
                write!(f, "{and}{subject} of issuer {} ({})", plain(&proof.issuer), plain(&proof.method))?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = &self.record;
        writeln!(f, "request   {}\nwhen      {}", record.request_id, record.time)?;
        let who = record.principal.as_ref().map_or("nobody that was proven".to_owned(), ToString::to_string);
        writeln!(f, "who       {who}")?;
        if let Some(roles) = record.known_roles() {
            writeln!(f, "roles     {}", if roles.is_empty() { "none".to_owned() } else { listed(roles) })?;
        }
        writeln!(f, "from      {} by {} to {}", record.source, plain(&record.protocol), plain(&record.listener))?;
        if record.via.is_some() {
            writeln!(f, "through   a proxy, which asked what its client may and fetches by itself")?;
        }
        let asked = record.request.as_deref().map_or("nothing that was understood".to_owned(), |request| {
            format!("{} (endpoint {})", plain(request), plain(record.endpoint.as_deref().unwrap_or("unknown")))
        });
        writeln!(f, "asked     {asked}\ndecision  {}", record.decision.label())?;
        let says = sentence(&record.reason).unwrap_or("This version of monward does not know this word.");
        writeln!(f, "reason    {}: {says}", plain(&record.reason))?;
        if let Some(rule) = &record.rule {
            writeln!(f, "rule      {}", plain(rule))?;
        }
        if let Some(tenant) = &record.tenant {
            writeln!(f, "tenant    {}: nothing else of the answer left", plain(tenant))?;
        }
        self.answer(f)?;
        if let Some(shadow) = &record.shadow {
            writeln!(f, "shadow    {} by rule {}, if it were enforced", shadow.decision.label(), plain(&shadow.rule))?;
        }
        self.today().map_or(Ok(()), |today| writeln!(f, "today     {today}"))?;
        self.help().iter().try_for_each(|help| writeln!(f, "help      {help}"))
    }
}

impl Story {
    /// What came back, and how long it took.
    fn answer(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = &self.record;
        match (record.upstream_status, record.upstream_us) {
            (Some(status), Some(micros)) => writeln!(f, "upstream  {status} in {micros} µs")?,
            (Some(status), None) => writeln!(f, "upstream  {status}")?,
            (None, Some(micros)) => writeln!(f, "upstream  gave no status in {micros} µs")?,
            (None, None) => writeln!(f, "upstream  was not asked")?,
        }
        for struck in &record.redactions {
            writeln!(f, "redacted  {} × {}", struck.count, plain(&struck.selector))?;
        }
        if record.masked > 0 {
            writeln!(f, "redacted  {} × a secret-shaped text", record.masked)?;
        }
        let status = if record.status == 0 { "no answer".to_owned() } else { format!("status {}", record.status) };
        let cut = if record.cut { ", cut off before it was whole" } else { "" };
        writeln!(f, "answer    {status}, {} bytes in {} µs{cut}", record.bytes, record.duration_us)
    }
}

impl Serialize for Story {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct View<'a> {
            record: &'a Value,
            sentence: Option<&'static str>,
            help: Vec<String>,
            today: Option<&'a Explanation>,
        }
        let today = match &self.today {
            Today::Asked(explanation) => Some(&**explanation),
            Today::NoPolicy | Today::NotTold | Today::Depends | Today::UnknownRoles(_) => None,
        };
        let (record, sentence, help) = (&self.raw, sentence(&self.record.reason), self.help());
        View { record, sentence, help, today }.serialize(serializer)
    }
}
