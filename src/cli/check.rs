//! `monward check`: every fault of every file, at once.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{complain_all, say};
use crate::config::load::{load, text};
use crate::document::{self, Fault, Faults, Node, Value};
use crate::server;

/// What to check.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A file with `catalog:` is a policy, anything else a configuration. A configuration is checked with everything it names:
certificates, keys, policies. Beside the policy NAME.yaml, NAME.cases.yaml says what must come out; its cases are run.

Examples:
  monward check monward.yaml
  monward check policies/nats.yaml policies/staging.yaml")]
pub(super) struct Arguments {
    /// Configurations and policies
    #[arg(default_value = "monward.yaml", value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// 0 when all files are good, 1 when there is a fault.
#[allow(clippy::unnecessary_wraps, reason = "every command has the same shape")]
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let faults: Vec<Fault> = arguments.files.iter().filter_map(|file| check(file).err()).flatten().collect();
    if faults.is_empty() {
        for file in &arguments.files {
            say(format_args!("{}: good\n", file.display()));
        }
        return Ok(ExitCode::SUCCESS);
    }
    complain_all(&faults);
    Ok(ExitCode::FAILURE)
}

fn check(file: &Path) -> Result<(), Vec<Fault>> {
    let name = file.to_string_lossy();
    if let Some(stem) = name.strip_suffix(".cases.yaml") {
        return server::run_cases(Path::new(&format!("{stem}.yaml")));
    }
    if is_policy(file)? {
        return server::run_cases(file);
    }
    let loaded = load(file).map_err(|faults| with_policies(file, faults))?;
    server::assemble(&loaded, None)?;
    let policies = loaded.config.upstreams.iter().map(|upstream| loaded.at(&upstream.policy));
    let faults: Vec<Fault> = policies.filter_map(|policy| server::run_cases(&policy).err()).flatten().collect();
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// The faults of a configuration, and those of the policies that it names all the same.
fn with_policies(file: &Path, mut faults: Vec<Fault>) -> Vec<Fault> {
    let folder = file.parent().unwrap_or(Path::new(""));
    for policy in policies(file).unwrap_or_default() {
        faults.extend(server::run_cases(&folder.join(policy)).err().unwrap_or_default());
    }
    faults
}

/// The paths that stand at `upstreams.*.policy` in a file that need not be good.
fn policies(file: &Path) -> Option<Vec<String>> {
    let root = document::parse("", &text(file).ok()?).ok()?;
    let entries = |node: &Node| match &node.value {
        Value::Map(entries) => entries.clone(),
        Value::Scalar { .. } | Value::List(_) => Vec::new(),
    };
    let upstreams = entries(&root).into_iter().find(|entry| entry.key == "upstreams")?;
    let members = entries(&upstreams.node).into_iter().flat_map(|upstream| entries(&upstream.node));
    let named = members.filter(|member| member.key == "policy");
    Some(named.filter_map(|member| member.node.text(&mut Faults::new("")).map(str::to_owned)).collect())
}

fn is_policy(file: &Path) -> Result<bool, Vec<Fault>> {
    let root = document::parse(&file.display().to_string(), &text(file)?)?;
    Ok(matches!(root.value, Value::Map(entries) if entries.iter().any(|entry| entry.key == "catalog")))
}
