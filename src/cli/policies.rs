//! Which policy a command means: files of one, or a configuration with its upstreams.

use std::path::{Path, PathBuf};

use anyhow::bail;

use crate::authz::Policy;
use crate::config::load::{load, text};
use crate::document::{self, Fault, Value};
use crate::server;

/// A policy, or everything that is wrong with its files.
pub(super) type Read = Result<Policy, Vec<Fault>>;

/// What a file is, by the keys at its top.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Catalogue,
    Policy,
    Configuration,
}

/// What `file` is.
///
/// # Errors
/// When it is no YAML.
pub(super) fn kind(file: &Path) -> Result<Kind, Vec<Fault>> {
    let root = document::parse(&file.display().to_string(), &text(file)?)?;
    let has = |key: &str| matches!(&root.value, Value::Map(entries) if entries.iter().any(|entry| entry.key == key));
    Ok(match (has("catalog"), has("endpoints"), has("rules")) {
        (true, true, false) => Kind::Catalogue,
        (true, ..) | (false, false, true) => Kind::Policy,
        (false, ..) => Kind::Configuration,
    })
}

/// The policy of these files, for the catalogues inside the binary and those of `catalogs`.
pub(super) fn of_files(files: &[PathBuf], catalogs: &[PathBuf]) -> Read {
    let (catalogs, faults) = server::read_catalogs(catalogs);
    if faults.is_empty() { server::read_policy(files, &catalogs) } else { Err(faults) }
}

/// The policy of an upstream of the configuration `file`; of the only one where none is named.
///
/// # Errors
/// When it does not say which.
pub(super) fn of_configuration(file: &Path, upstream: Option<&str>) -> anyhow::Result<Read> {
    let loaded = match load(file) {
        Ok(loaded) => loaded,
        Err(faults) => return Ok(Err(faults)),
    };
    let upstreams = &loaded.config.upstreams;
    let found = match (upstream, upstreams.as_slice()) {
        (Some(name), all) => all.iter().find(|upstream| upstream.name == *name),
        (None, [only]) => Some(only),
        (None, _) => None,
    };
    let Some(upstream) = found else {
        let names: Vec<&str> = upstreams.iter().map(|upstream| upstream.name.as_str()).collect();
        bail!("say which upstream is meant: --upstream with one of {}", document::quoted(&names));
    };
    let (catalogs, faults) = server::catalogs_of(&loaded);
    Ok(if faults.is_empty() { server::policy_of(&loaded, &catalogs, upstream) } else { Err(faults) })
}

/// The policy in `file`, or that of an upstream where it is a configuration.
///
/// # Errors
/// As [`of_configuration`].
pub(super) fn of_either(file: &PathBuf, catalogs: &[PathBuf], upstream: Option<&str>) -> anyhow::Result<Read> {
    match kind(file) {
        Ok(Kind::Configuration) => of_configuration(file, upstream),
        Ok(Kind::Policy | Kind::Catalogue) | Err(_) => Ok(of_files(std::slice::from_ref(file), catalogs)),
    }
}
