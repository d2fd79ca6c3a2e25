//! `monward learn`: the least policy for what was seen, and its cases.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};

use super::records::{Next, each_line};
use super::{complain, complain_all, say, wrong};
use crate::insight::{Learned, Learner, Recorded, Upstreams};
use crate::server;

/// What was seen, and where to write.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Only what was permitted and answered is granted, to the identities that asked; what was refused never is. The policy
and its cases are checked before anything is written, and no file is replaced. Read the comments before you use it.
The exit code is 0 when there is a policy, 1 when there is nothing to learn from, 2 when it cannot be written.

Examples:
  monward learn audit.jsonl audit.jsonl.1 --catalog nats --out learned.yaml
  monward learn - --catalog nats < audit.jsonl")]
pub(super) struct Arguments {
    /// Files of audit records, `-` for standard input
    #[arg(value_name = "FILE", required = true)]
    audit: Vec<PathBuf>,
    /// The catalogue of the upstream
    #[arg(long, value_name = "NAME")]
    catalog: String,
    /// The file of a catalogue of your own, so that --catalog can name it; again for several
    #[arg(long = "catalog-file", value_name = "FILE")]
    own: Vec<PathBuf>,
    /// Where the policy goes, with its cases beside it; standard output, without cases, unless given
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The upstream whose records count, when there are records of several
    #[arg(long, value_name = "NAME")]
    upstream: Option<String>,
}

/// 0 when there is a policy, 1 when there is nothing to learn, 2 when it cannot be written.
#[allow(clippy::unnecessary_wraps, reason = "every command has the same shape")]
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    Ok(learn(arguments).unwrap_or_else(|error| wrong(&error)))
}

fn learn(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (catalogs, faults) = server::read_catalogs(&arguments.own);
    if !faults.is_empty() {
        complain_all(&faults);
        bail!("a catalogue has faults; nothing was read");
    }
    let files = arguments.out.as_deref().map(beside);
    for file in files.iter().flatten() {
        ensure!(!file.exists(), "`{}` is there already; name another file", file.display());
    }
    let (mut learner, mut upstreams) = (
        Learner::new(catalogs, &arguments.catalog).map_err(anyhow::Error::msg)?,
        Upstreams::new(arguments.upstream.as_deref()),
    );
    each_line(&arguments.audit, |line| {
        let record = Recorded::parse(line)?;
        if upstreams.counts(&record) {
            learner.take(&record);
        }
        Ok(Next::More)
    })?;
    upstreams.finish().map_err(anyhow::Error::msg)?;
    if learner.is_empty() {
        complain("nothing was permitted to anybody whom a policy can name; there is no policy to write");
        return Ok(ExitCode::FAILURE);
    }
    let found = match learner.learn() {
        Ok(found) => found,
        Err(faults) => {
            complain_all(&faults);
            bail!("what was learned is no good policy; nothing was written");
        }
    };
    let Some([policy, cases]) = files else {
        say(&found.policy);
        return Ok(ExitCode::SUCCESS);
    };
    write(&policy, &found.policy)?;
    write(&cases, &found.cases)?;
    complain(summary(&found, &policy, &cases));
    Ok(ExitCode::SUCCESS)
}

/// The policy, and its cases where `monward check` looks for them.
fn beside(out: &Path) -> [PathBuf; 2] {
    [out.to_owned(), out.with_extension("cases.yaml")]
}

/// Who may ask what is nobody else's business.
fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let failed = || format!("cannot write `{}`", file.display());
    open.with_context(failed)?.write_all(text.as_bytes()).with_context(failed)
}

fn summary(found: &Learned, policy: &Path, cases: &Path) -> String {
    let Learned { roles, refused, left_out, .. } = found;
    let (policy, cases) = (policy.display(), cases.display());
    format!(
        "{policy}, {cases}: {roles} roles, {refused} refused requests stay refused, {left_out} left out; see the comments"
    )
}
