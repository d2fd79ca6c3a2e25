//! `monward diff`: what two policies give differently, in general or for the requests of the past.

use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use super::policies::of_either;
use super::records::{Next, each_line};
use super::{complain_all, show, show_json, wrong};
use crate::insight::{Past, Recorded, Upstreams, compare};

/// Which policies, and which past.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without --replay, every role alone asks for every endpoint, plain and with each argument: what it gains (+), loses (-)
or gets otherwise (~). With --replay, every distinct request of the records is decided again by both policies, by the
roles in the record; a record has no claims. The exit code is 0 when nothing changes, 1 when something does or might
(a role that NEW does not have, records of which none tells its roles), 2 when they cannot be compared.

Examples:
  monward diff policy.yaml new.yaml
  monward diff /etc/monward/monward.yaml new/monward.yaml --upstream nats
  monward diff policy.yaml new.yaml --replay audit.jsonl audit.jsonl.1
  monward diff policy.yaml new.yaml --json | jq '.changes[] | select(.change == \"gained\")'")]
pub(super) struct Arguments {
    /// The policy that is in force, or the configuration that names its files
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The policy that shall be, or a configuration
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Files of audit records, `-` for standard input
    #[arg(long, value_name = "FILE", num_args = 1..)]
    replay: Vec<PathBuf>,
    /// The upstream that is meant, where a configuration or the records have several
    #[arg(long, value_name = "NAME")]
    upstream: Option<String>,
    /// A catalogue of your own that the policies may name; again for several
    #[arg(long = "catalog", value_name = "FILE")]
    catalogs: Vec<PathBuf>,
    /// Answer with one JSON object
    #[arg(long)]
    json: bool,
}

/// 0 when nothing changes, 1 when something does, 2 when they cannot be compared.
#[allow(clippy::unnecessary_wraps, reason = "every command has the same shape")]
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    Ok(differ(arguments).unwrap_or_else(|error| wrong(&error)))
}

fn differ(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let read = |file| of_either(file, &arguments.catalogs, arguments.upstream.as_deref());
    let (old, new) = match (read(&arguments.old)?, read(&arguments.new)?) {
        (Ok(old), Ok(new)) => (old, new),
        (old, new) => {
            let faults: Vec<_> = [old.err(), new.err()].into_iter().flatten().flatten().collect();
            complain_all(&faults);
            return Ok(ExitCode::from(2));
        }
    };
    let (ours, theirs) = (&old.catalog().name, &new.catalog().name);
    anyhow::ensure!(
        ours == theirs,
        "OLD is for the catalogue `{ours}` and NEW for `{theirs}`; they have nothing in common"
    );
    if arguments.replay.is_empty() {
        let comparison = compare(&old, &new);
        return report(arguments, &comparison, comparison.is_empty());
    }
    let (mut past, mut upstreams) = (Past::default(), Upstreams::new(arguments.upstream.as_deref()));
    each_line(&arguments.replay, |line| {
        let record = Recorded::parse(line)?;
        if upstreams.counts(&record) {
            past.take(&record);
        }
        Ok(Next::More)
    })?;
    upstreams.finish().map_err(anyhow::Error::msg)?;
    let replay = past.replay(&old, &new);
    report(arguments, &replay, replay.is_empty())
}

fn report<T: Serialize + std::fmt::Display>(arguments: &Arguments, found: &T, same: bool) -> anyhow::Result<ExitCode> {
    if arguments.json {
        show_json(found)?;
    } else {
        show(found);
    }
    Ok(if same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
