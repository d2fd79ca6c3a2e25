//! `monward demo`: the guided tour, on standard output.

use std::io;
use std::process::ExitCode;

use anyhow::Context;

use crate::config::Log;
use crate::demo::{Afterwards, run as give};
use crate::ops::paint::Paint;
use crate::ops::telemetry;

/// What to show.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Everything runs on loopback and in a private temporary folder; nothing stays behind.
A nats-server on PATH is guarded if there is one, else recorded answers are.

Examples:
  monward demo
  monward demo --exit")]
pub(super) struct Arguments {
    /// End after the tour; the exit code says whether every answer was as it should be
    #[arg(long)]
    exit: bool,
}

/// 0 when every answer of the tour was as it should be.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let _log = telemetry::start(&Log { level: "warn".to_owned(), json: false });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("cannot start worker threads")?;
    let afterwards = if arguments.exit { Afterwards::Exit } else { Afterwards::StayUp };
    let mut out = io::stdout();
    let right = runtime.block_on(give(afterwards, Paint::of_stdout(), &mut out))?;
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
