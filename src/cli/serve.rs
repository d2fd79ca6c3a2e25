//! `monward serve`: runs until it is told to stop; SIGHUP reloads, SIGTERM and SIGINT drain.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::complain_all;
use crate::config::load::load;
use crate::ops::telemetry;
use crate::server::{Addresses, LOOK, Running, StartFault, Stopped, start};

/// How long tasks that are cut off may take to end.
const CUT_OFF: Duration = Duration::from_secs(1);

/// How to serve.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
SIGHUP reads certificates, policies and the configuration again; a faulty file changes nothing.
SIGTERM and SIGINT stop accepting, finish what is in flight, and end.

Example:
  monward serve --config /etc/monward/monward.yaml")]
pub(super) struct Arguments {
    /// The configuration
    #[arg(long, value_name = "FILE", env = "MONWARD_CONFIG", default_value = "monward.yaml")]
    config: PathBuf,
    /// Write the addresses that were bound to this file, as JSON
    #[arg(long, value_name = "FILE")]
    ports_file: Option<PathBuf>,
}

/// 0 after an orderly end, 1 when it could not start.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let loaded = match load(&arguments.config) {
        Ok(loaded) => loaded,
        Err(faults) => {
            complain_all(&faults);
            return Ok(ExitCode::FAILURE);
        }
    };
    let _log = telemetry::start(&loaded.config.log);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all();
    if let Some(threads) = loaded.config.threads {
        runtime.worker_threads(threads);
    }
    let runtime = runtime.build().context("cannot start worker threads")?;
    let Some(stopped) = runtime.block_on(serve(arguments))? else { return Ok(ExitCode::FAILURE) };
    if stopped.left() > 0 {
        tracing::warn!("{} connections were cut off at the end of the drain", stopped.left());
    }
    // Ends what is left; each request that is cut off leaves its record.
    runtime.shutdown_timeout(CUT_OFF);
    stopped.flush();
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Serves until it is told to stop; `None` when it could not start and has said why.
async fn serve(arguments: &Arguments) -> anyhow::Result<Option<Stopped>> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let running = match start(&arguments.config).await {
        Ok(running) => running,
        Err(StartFault::Files(faults)) => {
            complain_all(&faults);
            return Ok(None);
        }
        Err(fault @ (StartFault::Bind { .. } | StartFault::Audit(_))) => return Err(fault.into()),
    };
    announce(&running, arguments.ports_file.as_deref())?;
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            _ = hangup.recv() => running.reload(),
            _ = look.tick() => running.look(),
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    tracing::info!("draining");
    Ok(Some(running.shutdown().await))
}

fn announce(running: &Running, file: Option<&Path>) -> anyhow::Result<()> {
    let Addresses { listeners, admin } = running.addresses();
    for address in listeners {
        tracing::info!("listening on {address}");
    }
    tracing::info!("admin listening on {admin}");
    if let Some(file) = file {
        let names: Vec<String> = listeners.iter().map(ToString::to_string).collect();
        let text = json!({ "listeners": names, "admin": admin.to_string() }).to_string();
        let draft = file.with_extension("part");
        std::fs::write(&draft, text).with_context(|| format!("cannot write `{}`", draft.display()))?;
        std::fs::rename(&draft, file).with_context(|| format!("cannot write `{}`", file.display()))?;
    }
    Ok(())
}
