//! The catalogues that a configuration or a command line adds to those inside the binary.

use std::path::PathBuf;

use crate::catalog::Catalogs;
use crate::config::load::{Loaded, text};
use crate::document::Fault;

/// Those inside the binary and those in `files`, and every fault of the files. A file with a fault adds nothing.
#[must_use]
pub fn read_catalogs(files: &[PathBuf]) -> (Catalogs, Vec<Fault>) {
    let (mut catalogs, mut faults) = (Catalogs::builtin(), Vec::new());
    for file in files {
        let read = text(file).and_then(|content| catalogs.add(&file.display().to_string(), &content));
        faults.extend(read.err().into_iter().flatten());
    }
    (catalogs, faults)
}

/// As [`read_catalogs`], of the files that a configuration names.
#[must_use]
pub fn catalogs_of(loaded: &Loaded) -> (Catalogs, Vec<Fault>) {
    let files: Vec<PathBuf> = loaded.config.catalogs.iter().map(|file| loaded.at(file)).collect();
    read_catalogs(&files)
}
