//! `monward doctor`: asks the upstreams what the policies open, and looks at what is left of the answers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use serde::Serialize;

use super::{complain_all, show, show_json};
use crate::authz::Sample;
use crate::catalog::Catalog;
use crate::config::load::load;
use crate::gate::Asked;
use crate::insight::Canaries;
use crate::proxy::{Behind, Examined, examine};
use crate::redact::{self, Action, Plan};
use crate::server;

/// What to examine.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Asks each upstream of the configuration, from here and as `serve` would, for what its policy opens: each endpoint plain, with
each argument that chooses what is shown, and with all of them. Says what does not answer, what cannot be redacted, and which
fields the catalogue does not know. Endpoints that stop the upstream while they answer are left out; rules for tenants, too.

--canary proves what redaction promises: what a rule takes out of any of these answers must not stand in any answer that the
rule gives, nor anything that looks like a secret. Texts of less than 8 letters tell nothing and are not looked for, nor
are those inside an object that goes as a whole, or in a sensitive field that the rule leaves. Where something is seen, the path is told, never the text.

The exit code is 0 when all is well, 1 when something is seen or an upstream does not answer.

Examples:
  monward doctor
  monward doctor --canary --config /etc/monward/monward.yaml
  monward doctor --canary --json | jq '.upstreams[].rules[] | select(.seen != [])'")]
pub(super) struct Arguments {
    /// The configuration
    #[arg(long, value_name = "FILE", env = "MONWARD_CONFIG", default_value = "monward.yaml")]
    config: PathBuf,
    /// Prove on the answers that nothing is left of what rules take out
    #[arg(long)]
    canary: bool,
    /// Answer with one JSON object
    #[arg(long)]
    json: bool,
}

/// 0 when all is well, 1 when it is not.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let assembled = match load(&arguments.config).and_then(|loaded| server::assemble(&loaded, None)) {
        Ok(assembled) => assembled,
        Err(faults) => {
            complain_all(&faults);
            return Ok(ExitCode::FAILURE);
        }
    };
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().context("cannot start a worker thread")?;
    let mut health = Health { canary: arguments.canary, upstreams: Vec::new() };
    for behind in &assembled.upstreams {
        health.upstreams.push(runtime.block_on(upstream(behind, arguments.canary)));
    }
    if arguments.json {
        show_json(&health)?;
    } else {
        show(&health);
    }
    Ok(if health.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Asks one upstream for everything, and looks at it.
async fn upstream(behind: &Behind, canary: bool) -> Upstream {
    let mut upstream = Upstream { name: behind.name.to_string(), ..Upstream::default() };
    let mut rules: BTreeMap<String, Answers> = BTreeMap::new();
    for sample in behind.guard.policy.samples() {
        let endpoint = behind.guard.policy.catalog().endpoint(sample.endpoint).name.clone();
        let asked = Asked { endpoint: sample.endpoint, target: sample.target.clone() };
        upstream.asked += 1;
        match examine(behind, &asked, &sample.plan).await {
            Ok(examined) => {
                upstream.unknown.extend(examined.unknown.iter().map(|field| format!("{endpoint} {field}")));
                let rule = rules.entry(sample.rule.to_string()).or_default();
                rule.push((sample, examined));
            }
            Err((reason, status)) => {
                upstream.silent |= status.is_none();
                upstream.failed.push(Failed { target: asked.target, rule: sample.rule.to_string(), reason, status });
            }
        }
    }
    if canary {
        upstream.rules = rules.iter().map(|(name, answers)| prove(behind, name, answers)).collect();
    }
    upstream
}

/// The answers of one rule.
type Answers = Vec<(Sample, Examined)>;

/// Looks in all answers of a rule for what it takes out of any.
fn prove(behind: &Behind, name: &str, answers: &Answers) -> Rule {
    let mut canaries = Canaries::default();
    for (sample, examined) in answers {
        // What cannot be trusted was not examined in the first place.
        let _trusted = canaries.gather(&sample.plan, &behind.pseudonyms, &examined.raw);
    }
    for (sample, examined) in answers {
        if let Some(fields) = sensitive(behind.guard.policy.catalog(), sample) {
            let _trusted = canaries.forget((&sample.plan, &fields), &behind.pseudonyms, &examined.raw);
        }
    }
    let seen = answers.iter().flat_map(|(sample, examined)| {
        let places = canaries.seen_in(&examined.left).into_iter();
        places.map(|place| Seen { target: sample.target.clone(), place })
    });
    let roles = answers.iter().flat_map(|(sample, _)| sample.roles.iter().cloned()).collect();
    Rule { id: name.to_owned(), roles, answers: answers.len(), values: canaries.len(), seen: seen.collect() }
}

/// What finds all sensitive fields of a sample's endpoint.
fn sensitive(catalog: &Catalog, sample: &Sample) -> Option<Arc<Plan>> {
    let fields = catalog.endpoint(sample.endpoint).sensitive.iter().chain(&catalog.everywhere);
    let rules = fields.map(|field| redact::Rule {
        part: field.part.clone(),
        ..redact::Rule::new(field.selector.clone(), Action::Mask)
    });
    Plan::compile(sample.plan.kind(), rules.collect()).ok()
}

/// How all upstreams are.
#[derive(Serialize)]
struct Health {
    #[serde(skip)]
    canary: bool,
    upstreams: Vec<Upstream>,
}

/// How one upstream is.
#[derive(Default, Serialize)]
struct Upstream {
    name: String,
    /// How many requests were sent.
    asked: usize,
    /// Whether some had no answer at all.
    silent: bool,
    failed: Vec<Failed>,
    /// Fields that the catalogue does not know.
    unknown: BTreeSet<String>,
    rules: Vec<Rule>,
}

/// A request without an answer that may leave.
#[derive(Serialize)]
struct Failed {
    target: String,
    rule: String,
    reason: &'static str,
    /// The upstream's.
    status: Option<u16>,
}

/// What was proven of one rule.
#[derive(Serialize)]
struct Rule {
    #[serde(rename = "rule")]
    id: String,
    /// Whom it is for; none: everybody.
    roles: BTreeSet<String>,
    answers: usize,
    /// How many texts it takes out.
    values: usize,
    seen: Vec<Seen>,
}

/// Where something is seen that must not be.
#[derive(Serialize)]
struct Seen {
    target: String,
    place: String,
}

impl Health {
    fn is_well(&self) -> bool {
        let ill = |upstream: &Upstream| upstream.silent || upstream.rules.iter().any(|rule| !rule.seen.is_empty());
        !self.upstreams.iter().any(ill)
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for upstream in &self.upstreams {
            writeln!(
                f,
                "upstream  {}: {} of {} requests answered",
                upstream.name,
                upstream.answered(),
                upstream.asked
            )?;
            for Failed { target, rule, reason, status } in &upstream.failed {
                let status = status.map(|status| format!(" (status {status})")).unwrap_or_default();
                writeln!(f, "  ~ {target} under `{rule}`: {reason}{status}")?;
            }
            for field in &upstream.unknown {
                writeln!(f, "  ~ unknown field: {field}")?;
            }
            upstream.rules.iter().try_for_each(|rule| rule.fmt(f))?;
        }
        if !self.canary {
            writeln!(f, "\nWhether redaction keeps its promises is proven with --canary.")?;
        }
        Ok(())
    }
}

impl Upstream {
    const fn answered(&self) -> usize {
        self.asked - self.failed.len()
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let roles: Vec<&str> = self.roles.iter().map(String::as_str).collect();
        let roles = if roles.is_empty() { "any".to_owned() } else { roles.join(", ") };
        let Self { id, answers, values, seen, .. } = self;
        let sign = if seen.is_empty() { '+' } else { '-' };
        let what = if seen.is_empty() { "nothing of that is seen" } else { "and this is seen all the same:" };
        writeln!(f, "  {sign} {id} ({roles}): {values} texts are taken out of {answers} answers, {what}")?;
        seen.iter().try_for_each(|Seen { target, place }| writeln!(f, "      {target}  {place}"))
    }
}
