//! `monward check`: every fault of every file, at once.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::policies::{Kind, kind};
use super::{complain, complain_all, say};
use crate::authz::Findings;
use crate::catalog::Catalogs;
use crate::config::load::{fault, load, text};
use crate::document::{self, Fault, Faults, Node, Value};
use crate::server;

/// What is doubtful about pseudonyms under a random key.
const NO_KEY: &str = "its policies show pseudonyms, which change at each start and differ between replicas; \
                      keep a key for them: `redaction: { pseudonym_key: { file: PATH } }`";

/// What to check.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A file with `catalog:` and `endpoints:` is a catalogue, one with `catalog:` alone a policy, anything else a configuration.
A configuration is checked with everything it names: certificates, keys, catalogues, policies. Beside the policy NAME.yaml,
NAME.cases.yaml says what must come out; its cases are run. What is right but was hardly meant is called doubtful: rules that
never decide, roles that nobody can have or no rule names, files with keys that others on this machine can read,
pseudonyms without a key of their own.

Examples:
  monward check monward.yaml
  monward check --strict monward.yaml
  monward check policies/nats.yaml policies/staging.yaml
  monward check --catalog my-program.yaml policy-of-my-program.yaml")]
pub(super) struct Arguments {
    /// Configurations, policies and catalogues
    #[arg(default_value = "monward.yaml", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A catalogue of your own that the policies may name; again for several
    #[arg(long = "catalog", value_name = "FILE")]
    catalogs: Vec<PathBuf>,
    /// Fail for what is only doubtful, too
    #[arg(long)]
    strict: bool,
}

/// 0 when all files are good, 1 when there is a fault, or a doubt and `--strict`.
#[allow(clippy::unnecessary_wraps, reason = "every command has the same shape")]
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (catalogs, mut faults) = server::read_catalogs(&arguments.catalogs);
    let mut doubts = Vec::new();
    let mut good = Vec::new();
    for file in &arguments.files {
        match check(file, &catalogs) {
            Ok(findings) => {
                let closed: Vec<&str> = findings.iter().flat_map(|found| &found.closed).map(String::as_str).collect();
                let closed =
                    if closed.is_empty() { String::new() } else { format!("; closed to all: {}", closed.join(", ")) };
                good.push(format!("{}: good{closed}\n", file.display()));
                doubts.extend(findings.into_iter().flat_map(|found| found.doubts));
            }
            Err(more) => faults.extend(more),
        }
    }
    for doubt in &doubts {
        complain(format_args!("{doubt} (doubtful)"));
    }
    if !faults.is_empty() {
        complain_all(&faults);
        return Ok(ExitCode::FAILURE);
    }
    for line in &good {
        say(line);
    }
    Ok(if arguments.strict && !doubts.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What a look over each policy found.
fn check(file: &Path, catalogs: &Catalogs) -> Result<Vec<Findings>, Vec<Fault>> {
    let name = file.to_string_lossy();
    if let Some(stem) = name.strip_suffix(".cases.yaml") {
        return policy(&[PathBuf::from(format!("{stem}.yaml"))], catalogs);
    }
    match kind(file)? {
        Kind::Catalogue => Catalogs::builtin().add(&name, &text(file)?).map(|()| Vec::new()),
        Kind::Policy => policy(&[file.to_owned()], catalogs),
        Kind::Configuration => configuration(file),
    }
}

fn policy(paths: &[PathBuf], catalogs: &Catalogs) -> Result<Vec<Findings>, Vec<Fault>> {
    let policy = server::read_policy(paths, catalogs)?;
    server::run_cases(&policy, paths)?;
    Ok(vec![policy.findings()])
}

fn configuration(file: &Path) -> Result<Vec<Findings>, Vec<Fault>> {
    let loaded = load(file).map_err(|faults| with_files(file, faults))?;
    server::assemble(&loaded, None)?;
    let (catalogs, mut faults) = server::catalogs_of(&loaded);
    let mut found = vec![Findings { doubts: server::exposed(&loaded), ..Findings::default() }];
    for upstream in &loaded.config.upstreams {
        let paths: Vec<PathBuf> = upstream.policies.iter().map(|path| loaded.at(path)).collect();
        match policy(&paths, &catalogs) {
            Ok(findings) => found.extend(findings),
            Err(more) => faults.extend(more),
        }
    }
    if loaded.config.pseudonym_key.is_none() && found.iter().any(|found| found.pseudonyms) {
        found.push(Findings { doubts: fault(&file.display().to_string(), NO_KEY.to_owned()), ..Findings::default() });
    }
    if faults.is_empty() { Ok(found) } else { Err(faults) }
}

/// The faults of a configuration, and those of the catalogues and policies that it names all the same.
fn with_files(file: &Path, mut faults: Vec<Fault>) -> Vec<Fault> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let Some((catalogs, policies)) = named(file) else { return faults };
    let catalogs: Vec<PathBuf> = catalogs.into_iter().map(|catalog| folder.join(catalog)).collect();
    let (catalogs, more) = server::read_catalogs(&catalogs);
    faults.extend(more);
    for paths in policies.into_iter().filter(|paths| !paths.is_empty()) {
        let paths: Vec<PathBuf> = paths.into_iter().map(|path| folder.join(path)).collect();
        faults.extend(policy(&paths, &catalogs).err().unwrap_or_default());
    }
    faults
}

/// The paths at `catalogs`, and those at each `upstreams.*.policy`, in a file that need not be good.
fn named(file: &Path) -> Option<(Vec<String>, Vec<Vec<String>>)> {
    let root = document::parse("", &text(file).ok()?).ok()?;
    let entries = |node: &Node| match &node.value {
        Value::Map(entries) => entries.clone(),
        Value::Scalar { .. } | Value::List(_) => Vec::new(),
    };
    let paths = |node: &Node| {
        let items = if let Value::List(items) = &node.value { items } else { std::slice::from_ref(node) };
        items.iter().filter_map(|item| item.text(&mut Faults::new("")).map(str::to_owned)).collect::<Vec<_>>()
    };
    let member = |key: &str| entries(&root).into_iter().find(|entry| entry.key == key).map(|entry| entry.node);
    let catalogs = member("catalogs").map(|node| paths(&node)).unwrap_or_default();
    let upstreams = member("upstreams").map(|node| entries(&node)).unwrap_or_default();
    let members = upstreams.into_iter().flat_map(|upstream| entries(&upstream.node));
    let policies = members.filter(|member| member.key == "policy").map(|member| paths(&member.node)).collect();
    Some((catalogs, policies))
}
