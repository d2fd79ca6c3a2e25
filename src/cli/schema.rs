//! `monward schema`: the JSON Schemas of monward's files, for editors and pipelines.

use std::process::ExitCode;

use super::say;

/// Which file.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The schema knows the shape of a file; `monward check` knows whether it is right.

Example:
  monward schema catalog > catalog.schema.json")]
pub(super) struct Arguments {
    /// The kind of file
    #[arg(value_enum)]
    kind: Kind,
}

/// The files that have a schema.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Kind {
    /// A catalogue (JSON Schema draft 2020-12)
    Catalog,
}

/// Prints it.
#[allow(clippy::unnecessary_wraps, reason = "every command has the same shape")]
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match arguments.kind {
        Kind::Catalog => say(include_str!("../../policies/catalogs/catalog.schema.json")),
    }
    Ok(ExitCode::SUCCESS)
}
