//! `monward why`: what happened to one request, by its id.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};

use super::records::{Next, each_line};
use super::{complain, complain_all, show, show_json, wrong};
use crate::authz::Policy;
use crate::config::load::{Loaded, load};
use crate::insight::{Recorded, Story, Today, request_id};
use crate::server;

/// Which request, in which records.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The id is in the answer's X-Request-Id and in its body. With the configuration at hand, the policy of today is asked
about the recorded request, by the recorded roles. The exit code is 0 when the record is found and 1 when it is not.

Examples:
  monward why 6f0c7b1d2a3e4f5061728394a5b6c7d8
  monward why urn:uuid:6f0c7b1d-2a3e-4f50-6172-8394a5b6c7d8 --audit audit.jsonl audit.jsonl.1
  kubectl logs deploy/monward | monward why 6f0c7b1d2a3e4f5061728394a5b6c7d8 --audit -")]
pub(super) struct Arguments {
    /// The id of the request: 32 hexadecimal digits, with or without dashes and `urn:uuid:`
    #[arg(value_name = "REQUEST_ID")]
    id: String,
    /// Files of audit records, `-` for standard input; the configuration's `audit.file` unless given
    #[arg(long, value_name = "FILE", num_args = 1..)]
    audit: Vec<PathBuf>,
    /// The configuration
    #[arg(long, value_name = "FILE", env = "MONWARD_CONFIG", default_value = "monward.yaml")]
    config: PathBuf,
    /// Answer with one JSON object
    #[arg(long)]
    json: bool,
}

/// 0 when the record is found, 1 when it is not, 2 when it cannot be looked for.
#[allow(clippy::unnecessary_wraps, reason = "every command has the same shape")]
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    Ok(find(arguments).unwrap_or_else(|error| wrong(&error)))
}

fn find(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let id = request_id(&arguments.id)
        .with_context(|| format!("`{}` is not a request id: 32 hexadecimal digits", arguments.id))?;
    let config = configuration(arguments)?;
    let files = files(arguments, config.as_ref())?;
    let mut found = None;
    each_line(&files, |line| {
        // Most lines are of other requests: they are not even parsed.
        if memchr::memmem::find(line.as_bytes(), id.as_bytes()).is_none() || Recorded::parse(line)?.request_id != id {
            return Ok(Next::More);
        }
        found = Some(Story::of(line, |record| Today::of(record, policy(config.as_ref(), record).as_ref()))?);
        Ok(Next::Enough)
    })?;
    let Some(story) = found else {
        let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        complain(format_args!("no record of {id} in {}", names.join(", ")));
        return Ok(ExitCode::FAILURE);
    };
    if arguments.json {
        show_json(&story)?;
    } else {
        show(&story);
    }
    Ok(ExitCode::SUCCESS)
}

/// The configuration; one that is not there is none, where the records are named without it.
fn configuration(arguments: &Arguments) -> anyhow::Result<Option<Loaded>> {
    let file = &arguments.config;
    if !arguments.audit.is_empty() && !file.exists() {
        return Ok(None);
    }
    match load(file) {
        Ok(loaded) => Ok(Some(loaded)),
        Err(faults) => {
            complain_all(&faults);
            if arguments.audit.is_empty() {
                bail!("name the records with --audit, or a good configuration with --config");
            }
            Ok(None)
        }
    }
}

fn files(arguments: &Arguments, config: Option<&Loaded>) -> anyhow::Result<Vec<PathBuf>> {
    if !arguments.audit.is_empty() {
        return Ok(arguments.audit.clone());
    }
    let file = config.and_then(|loaded| Some(loaded.at(loaded.config.audit.file.as_deref()?)));
    let file = file.context("the configuration has no `audit.file`; name the records with --audit")?;
    Ok(vec![file])
}

/// The policy of today for the upstream of `record`.
fn policy(config: Option<&Loaded>, record: &Recorded) -> Option<Policy> {
    let loaded = config?;
    let upstreams = &loaded.config.upstreams;
    let upstream = upstreams.iter().find(|upstream| record.upstream.as_ref() == Some(&upstream.name));
    let (catalogs, faults) = server::catalogs_of(loaded);
    if !faults.is_empty() {
        complain_all(&faults);
        return None;
    }
    match server::policy_of(loaded, &catalogs, upstream?) {
        Ok(policy) => Some(policy),
        Err(faults) => {
            complain_all(&faults);
            None
        }
    }
}
