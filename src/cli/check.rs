//! `monward check`: every fault of every file, at once.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{complain_all, say};
use crate::catalog::Catalogs;
use crate::config::load::{load, text};
use crate::document::{self, Fault, Faults, Node, Value};
use crate::server;

/// What to check.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A file with `catalog:` and `endpoints:` is a catalogue, one with `catalog:` alone a policy, anything else a configuration.
A configuration is checked with everything it names: certificates, keys, catalogues, policies. Beside the policy NAME.yaml,
NAME.cases.yaml says what must come out; its cases are run.

Examples:
  monward check monward.yaml
  monward check policies/nats.yaml policies/staging.yaml
  monward check --catalog my-program.yaml policy-of-my-program.yaml")]
pub(super) struct Arguments {
    /// Configurations, policies and catalogues
    #[arg(default_value = "monward.yaml", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A catalogue of your own that the policies may name; again for several
    #[arg(long = "catalog", value_name = "FILE")]
    catalogs: Vec<PathBuf>,
}

/// 0 when all files are good, 1 when there is a fault.
#[allow(clippy::unnecessary_wraps, reason = "every command has the same shape")]
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (catalogs, mut faults) = server::read_catalogs(&arguments.catalogs);
    faults.extend(arguments.files.iter().filter_map(|file| check(file, &catalogs).err()).flatten());
    if faults.is_empty() {
        for file in &arguments.files {
            say(format_args!("{}: good\n", file.display()));
        }
        return Ok(ExitCode::SUCCESS);
    }
    complain_all(&faults);
    Ok(ExitCode::FAILURE)
}

/// What a file is, by the keys at its top.
enum Kind {
    Catalogue,
    Policy,
    Configuration,
}

fn check(file: &Path, catalogs: &Catalogs) -> Result<(), Vec<Fault>> {
    let name = file.to_string_lossy();
    if let Some(stem) = name.strip_suffix(".cases.yaml") {
        return server::run_cases(Path::new(&format!("{stem}.yaml")), catalogs);
    }
    match kind(file)? {
        Kind::Catalogue => Catalogs::builtin().add(&name, &text(file)?),
        Kind::Policy => server::run_cases(file, catalogs),
        Kind::Configuration => configuration(file),
    }
}

fn configuration(file: &Path) -> Result<(), Vec<Fault>> {
    let loaded = load(file).map_err(|faults| with_files(file, faults))?;
    server::assemble(&loaded, None)?;
    let (catalogs, mut faults) = server::catalogs_of(&loaded);
    let policies = loaded.config.upstreams.iter().map(|upstream| loaded.at(&upstream.policy));
    faults.extend(policies.filter_map(|policy| server::run_cases(&policy, &catalogs).err()).flatten());
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// The faults of a configuration, and those of the catalogues and policies that it names all the same.
fn with_files(file: &Path, mut faults: Vec<Fault>) -> Vec<Fault> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let Some((catalogs, policies)) = named(file) else { return faults };
    let catalogs: Vec<PathBuf> = catalogs.into_iter().map(|catalog| folder.join(catalog)).collect();
    let (catalogs, more) = server::read_catalogs(&catalogs);
    faults.extend(more);
    for policy in policies {
        faults.extend(server::run_cases(&folder.join(policy), &catalogs).err().unwrap_or_default());
    }
    faults
}

/// The paths at `catalogs` and at `upstreams.*.policy` in a file that need not be good.
fn named(file: &Path) -> Option<(Vec<String>, Vec<String>)> {
    let root = document::parse("", &text(file).ok()?).ok()?;
    let entries = |node: &Node| match &node.value {
        Value::Map(entries) => entries.clone(),
        Value::Scalar { .. } | Value::List(_) => Vec::new(),
    };
    let path = |node: &Node| node.text(&mut Faults::new("")).map(str::to_owned);
    let member = |key: &str| entries(&root).into_iter().find(|entry| entry.key == key).map(|entry| entry.node);
    let catalogs = match member("catalogs").map(|node| node.value) {
        Some(Value::List(items)) => items.iter().filter_map(path).collect(),
        Some(Value::Scalar { .. } | Value::Map(_)) | None => Vec::new(),
    };
    let upstreams = member("upstreams").map(|node| entries(&node)).unwrap_or_default();
    let members = upstreams.into_iter().flat_map(|upstream| entries(&upstream.node));
    let policies = members.filter(|member| member.key == "policy").filter_map(|member| path(&member.node)).collect();
    Some((catalogs, policies))
}

fn kind(file: &Path) -> Result<Kind, Vec<Fault>> {
    let root = document::parse(&file.display().to_string(), &text(file)?)?;
    let has = |key: &str| matches!(&root.value, Value::Map(entries) if entries.iter().any(|entry| entry.key == key));
    Ok(match (has("catalog"), has("endpoints"), has("rules")) {
        (true, true, false) => Kind::Catalogue,
        (true, ..) => Kind::Policy,
        (false, ..) => Kind::Configuration,
    })
}
