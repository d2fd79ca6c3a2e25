//! The key of the pseudonyms that stand in answers.

use std::sync::{Arc, LazyLock};

use crate::config::load::{Loaded, fault};
use crate::document::Fault;
use crate::oidc::read_secret_file;
use crate::redact::Pseudonyms;

/// Those of a configuration without a key: another process, or the same after its next start, has others.
static RANDOM: LazyLock<Arc<Pseudonyms>> = LazyLock::new(|| Arc::new(Pseudonyms::new(&rand::random::<[u8; 32]>())));

/// The pseudonyms of this process.
#[must_use]
pub fn random_pseudonyms() -> Arc<Pseudonyms> {
    Arc::clone(&RANDOM)
}

/// The pseudonyms of a configuration.
///
/// # Errors
/// When the file of its key holds none, or a short one.
pub fn pseudonyms(loaded: &Loaded) -> Result<Arc<Pseudonyms>, Vec<Fault>> {
    let Some(file) = &loaded.config.pseudonym_key else { return Ok(random_pseudonyms()) };
    let file = loaded.at(file);
    let said = |message: String| fault(&file.display().to_string(), message);
    let key = read_secret_file(&file).map_err(|error| said(error.to_string()))?;
    let (key, least) = (key.expose().as_bytes(), Pseudonyms::LEAST_KEY);
    if key.len() < least {
        let message = format!("the key of pseudonyms has at least {least} bytes; make one with `openssl rand -hex 32`");
        return Err(said(message));
    }
    Ok(Arc::new(Pseudonyms::new(key)))
}
