//! Third-party cases, read from the folder that `MONWARD_CORPORA` names; they are not part of this repository.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;

/// The folder.
///
/// # Panics
/// When the variable is unset: a missing corpus must not look like a passing test.
pub fn folder() -> PathBuf {
    let Some(folder) = std::env::var_os("MONWARD_CORPORA") else {
        panic!("MONWARD_CORPORA is unset: it must name the folder of the third-party cases (raw-http-own, llhttp, …)");
    };
    PathBuf::from(folder)
}

/// All cases of `file`, one JSON object per line.
pub fn cases<T: DeserializeOwned>(file: &str) -> Vec<T> {
    let path = folder().join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{file}: {error}: {line}")))
        .collect()
}

/// Bytes from base64.
pub fn bytes(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}
