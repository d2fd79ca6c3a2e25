//! `monward redact`: what a redaction set leaves of a body, or what it takes out and where.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use serde::Serialize;

use super::policies::{Read as Policies, of_configuration};
use super::{complain, complain_all, show, show_json, wrong};
use crate::authz::{Policy, action_word};
use crate::catalog::{Catalog, Endpoint, Sensitive};
use crate::config::load::load;
use crate::document::{self, Fault};
use crate::redact::{
    Action, BodyKind, Cause, Drift, KnownFields, Plan, Pseudonyms, RedactError, Redactor, Report, Rule, Touch, touched,
};
use crate::server;

/// The catalogue that is meant where none is named.
const USUAL: &str = "nats";
/// Bytes that are read at once.
const CHUNK: usize = 64 * 1024;

/// Which set, for answers of which endpoint.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The body comes from standard input, and goes redacted to standard output while it arrives. One that cannot be trusted (no
strict JSON, for example) is an error: what was written by then is the redaction of a valid beginning, and nothing follows.
The exit code is 0 when the whole body was redacted, 1 when it cannot be, 2 when there is no such set or endpoint. --explain
lists what is touched instead, never the values; the members of its --json are in policies/README.md.

Examples:
  curl -s http://127.0.0.1:8222/connz | monward redact --set standard --endpoint connz
  monward redact --set numbers-only --endpoint varz --explain < varz.json
  monward redact --set lean --policy policy.yaml --endpoint connz --explain --json < connz.json | jq -r '.touched[].path'
  monward redact --set standard --catalog my-program.yaml --endpoint stats < stats.json
  monward redact --set standard --config monward.yaml --upstream nats --endpoint jsz < jsz.json")]
pub(super) struct Arguments {
    /// The redaction set: one of the catalogue, one of the policy, or `none`
    #[arg(long, value_name = "NAME")]
    set: String,
    /// The endpoint whose answer the body is, by its name in the catalogue
    #[arg(long, value_name = "NAME")]
    endpoint: String,
    /// The catalogue: a name, or a file with one of your own; the policy's, else `nats`
    #[arg(long, value_name = "NAME|FILE", conflicts_with = "config")]
    catalog: Option<String>,
    /// A policy with sets of its own; again for each further file of it
    #[arg(long = "policy", value_name = "FILE", conflicts_with = "config")]
    policies: Vec<PathBuf>,
    /// The configuration whose policy is meant
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The upstream whose policy is meant, when the configuration has several
    #[arg(long, value_name = "NAME", requires = "config")]
    upstream: Option<String>,
    /// List what is touched, and where, instead of the redacted body
    #[arg(long)]
    explain: bool,
    /// Answer with one JSON object
    #[arg(long, requires = "explain")]
    json: bool,
}

/// 0 when the body is redacted, 1 when it cannot be, 2 when it is not clear how.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let policy = match policy(arguments) {
        Ok(Ok(policy)) => policy,
        Ok(Err(faults)) => {
            complain_all(&faults);
            return Ok(ExitCode::FAILURE);
        }
        Err(error) => return Ok(wrong(&error)),
    };
    let plan = match plan(arguments, &policy) {
        Ok(plan) => plan,
        Err(error) => return Ok(wrong(&error)),
    };
    let pseudonyms = match pseudonyms(arguments) {
        Ok(pseudonyms) => pseudonyms,
        Err(faults) => {
            complain_all(&faults);
            return Ok(ExitCode::FAILURE);
        }
    };
    let redacted = if arguments.explain {
        explain(arguments, &policy, (&plan, &pseudonyms))?
    } else {
        stream(&plan, &pseudonyms)?
    };
    if let Err(error) = redacted {
        complain(format_args!("monward: the body cannot be trusted: {error}; nothing of it follows"));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// The policy that has the set; of a catalogue alone, one that has those of the catalogue.
fn policy(arguments: &Arguments) -> anyhow::Result<Policies> {
    if let Some(config) = &arguments.config {
        return of_configuration(config, arguments.upstream.as_deref());
    }
    let named = arguments.catalog.as_deref();
    // No name of a catalogue has such a character.
    let file = named.filter(|name| name.contains(['.', '/'])).map(PathBuf::from);
    let (catalogs, faults) = server::read_catalogs(file.as_slice());
    if !faults.is_empty() {
        return Ok(Err(faults));
    }
    let name = if file.is_some() { catalogs.names().last().copied() } else { named };
    if arguments.policies.is_empty() {
        let catalog = catalogs.find(name.unwrap_or(USUAL)).map_err(anyhow::Error::msg)?;
        return Ok(Ok(Policy::closed(catalog)));
    }
    let policy = server::read_policy(&arguments.policies, &catalogs);
    if let (Ok(policy), Some(name)) = (&policy, name)
        && policy.catalog().name != name
    {
        bail!("the policy is for the catalogue `{}`, not for `{name}`", policy.catalog().name);
    }
    Ok(policy)
}

/// What the set does to answers of the endpoint.
fn plan(arguments: &Arguments, policy: &Policy) -> anyhow::Result<Arc<Plan>> {
    let (catalog, name) = (policy.catalog(), arguments.endpoint.as_str());
    let names: Vec<&str> = catalog.endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
    let endpoint = catalog.find(name).with_context(|| document::unknown("endpoint", name, &names))?;
    policy.redaction(&arguments.set, endpoint).map_err(anyhow::Error::msg)
}

/// Those of the configuration; else new ones, for this body alone.
fn pseudonyms(arguments: &Arguments) -> Result<Arc<Pseudonyms>, Vec<Fault>> {
    match &arguments.config {
        Some(config) => server::pseudonyms(&load(config)?),
        None => Ok(server::random_pseudonyms()),
    }
}

/// Redacts standard input to standard output while it arrives.
fn stream(plan: &Arc<Plan>, pseudonyms: &Arc<Pseudonyms>) -> anyhow::Result<Result<(), RedactError>> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let begin = || Redactor::new(Arc::clone(plan), Arc::clone(pseudonyms));
    let (mut redactor, mut out) = (begin(), Vec::new());
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = match input.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.context("cannot read the body")?,
        };
        let chunk = chunk.get(..length).unwrap_or_default();
        let result = if chunk.is_empty() {
            std::mem::replace(&mut redactor, begin()).finish(&mut out).map(drop)
        } else {
            redactor.push(chunk, &mut out)
        };
        output.write_all(&out).and_then(|()| output.flush()).context("cannot write the body")?;
        out.clear();
        if chunk.is_empty() || result.is_err() {
            return Ok(result);
        }
    }
}

/// Lists what is touched in standard input.
fn explain(
    arguments: &Arguments,
    policy: &Policy,
    (plan, pseudonyms): (&Arc<Plan>, &Arc<Pseudonyms>),
) -> anyhow::Result<Result<(), RedactError>> {
    let mut body = Vec::new();
    io::stdin().lock().read_to_end(&mut body).context("cannot read the body")?;
    let (touches, report) = match touched(plan, pseudonyms, &body) {
        Ok(found) => found,
        Err(error) => return Ok(Err(error)),
    };
    let catalog = policy.catalog();
    let endpoint = catalog.endpoints.iter().find(|endpoint| endpoint.name == arguments.endpoint);
    let is_page = plan.kind() == BodyKind::Exposition;
    // Of a page of metrics nobody knows the places: all that is known of it are the rules.
    let places = touches.iter().filter(|_| !is_page);
    let explained = Explained {
        catalog: &catalog.name,
        endpoint: &arguments.endpoint,
        set: &arguments.set,
        bytes: body.len(),
        masked: report.masked,
        unknown: endpoint.and_then(|endpoint| endpoint.fields.as_ref()).map(|known| unknown(known, &body)),
        rules: is_page.then(|| struck(plan, &report)),
        touched: places.map(|touch| Row::new(touch, plan, (catalog, endpoint))).collect(),
    };
    if arguments.json {
        show_json(&explained)?;
    } else {
        show(&explained);
    }
    Ok(Ok(()))
}

/// The fields of `body` that are not known.
fn unknown(known: &Arc<KnownFields>, body: &[u8]) -> BTreeSet<String> {
    let mut drift = Drift::new(Arc::clone(known));
    drift.push(body);
    drift.finish()
}

/// The rules that found something, in the order of the plan.
fn struck<'a>(plan: &'a Plan, report: &Report) -> Vec<Struck<'a>> {
    let all = plan.words().zip(&report.hits).filter(|((action, _), count)| **count > 0 && *action != Action::Keep);
    all.map(|((action, rule), count)| Struck { rule, action: action_word(action), count: *count }).collect()
}

/// What a set does to one body.
#[derive(Serialize)]
struct Explained<'a> {
    catalog: &'a str,
    endpoint: &'a str,
    set: &'a str,
    /// The length of the body.
    bytes: usize,
    /// How often the safety net masked something.
    masked: u64,
    /// The fields that the catalogue does not know; `None`: it does not say which there are.
    unknown: Option<BTreeSet<String>>,
    /// What took something out of a page of metrics; `None`: the body is of another kind.
    rules: Option<Vec<Struck<'a>>>,
    /// The places, but for a page of metrics.
    touched: Vec<Row<'a>>,
}

/// A rule that found something in a page of metrics.
#[derive(Serialize)]
struct Struck<'a> {
    rule: Cow<'a, str>,
    action: &'static str,
    /// The labels, or lines with a value, that it found.
    count: u64,
}

/// One place that is touched.
#[derive(Serialize)]
struct Row<'a> {
    path: &'a str,
    what: &'static str,
    action: &'static str,
    /// Why: `rule`, `not_kept` or `safety_net`.
    cause: &'static str,
    /// The rule that says so.
    rule: Option<Cow<'a, str>>,
    /// What the catalogue says that it tells; `None`: the catalogue does not have this selector.
    tag: Option<&'static str>,
    offset: u64,
}

impl<'a> Row<'a> {
    fn new(touch: &'a Touch, plan: &'a Plan, (catalog, endpoint): (&Catalog, Option<&Endpoint>)) -> Self {
        let (cause, rule) = match touch.cause {
            Cause::Rule(rule) => ("rule", plan.rules().get(rule)),
            Cause::NotKept => ("not_kept", None),
            Cause::SafetyNet => ("safety_net", None),
        };
        let mut sensitive = endpoint.into_iter().flat_map(|endpoint| &endpoint.sensitive).chain(&catalog.everywhere);
        let is_of = |field: &&Sensitive, rule: &Rule| field.selector == rule.selector && field.part == rule.part;
        let field = rule.and_then(|rule| sensitive.find(|field| is_of(field, rule)));
        let (what, action) = (touch.what.word(), action_word(touch.action));
        let rule = rule.map(Rule::about);
        let tag = field.map(|field| field.tag.label());
        Self { path: &touch.path, what, action, cause, rule, tag, offset: touch.offset }
    }
}

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.touched.len();
        writeln!(f, "endpoint  {} of {}", self.endpoint, self.catalog)?;
        writeln!(f, "set       {}", self.set)?;
        writeln!(f, "body      {} bytes", self.bytes)?;
        if let Some(rules) = &self.rules {
            return page(f, rules, self.masked);
        }
        writeln!(f, "touched   {count} {}", if count == 1 { "place" } else { "places" })?;
        for field in self.unknown.iter().flatten() {
            writeln!(f, "unknown   {field}, which the catalogue does not know")?;
        }
        let width = self.touched.iter().map(|row| row.path.chars().count()).max().unwrap_or_default().min(60);
        self.touched.iter().try_for_each(|row| {
            let name = if row.what == "name" { "the name of " } else { "" };
            let place = format!("{name}{}", row.path);
            write!(f, "  {:<12}{place:<width$}  at byte {}, ", row.action, row.offset)?;
            match &row.rule {
                Some(rule) => write!(f, "by {rule}")?,
                None if row.cause == "not_kept" => f.write_str("kept by nothing")?,
                None => f.write_str("looks like a secret")?,
            }
            row.tag.map_or(Ok(()), |tag| write!(f, " ({tag})"))?;
            writeln!(f)
        })
    }
}

/// What is said of a page of metrics.
fn page(f: &mut fmt::Formatter<'_>, rules: &[Struck<'_>], masked: u64) -> fmt::Result {
    let times = |count: u64| if count == 1 { "time" } else { "times" };
    let by_rules: u64 = rules.iter().map(|rule| rule.count).sum();
    writeln!(f, "touched   {by_rules} {} by rules, {masked} {} by the safety net", times(by_rules), times(masked))?;
    let width = rules.iter().map(|row| row.rule.chars().count()).max().unwrap_or_default().min(60);
    rules.iter().try_for_each(|Struck { rule, action, count }| {
        writeln!(f, "  {action:<12}{rule:<width$}  {count} {}", times(*count))
    })
}
