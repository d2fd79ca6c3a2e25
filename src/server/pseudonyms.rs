//! The key of the pseudonyms that stand in answers.

use std::sync::{Arc, LazyLock};

use crate::redact::Pseudonyms;

/// Those of this process: another one, or the same after its next start, has others.
static OWN: LazyLock<Arc<Pseudonyms>> = LazyLock::new(|| Arc::new(Pseudonyms::new(&rand::random::<[u8; 32]>())));

/// The pseudonyms of a configuration without a key.
pub(super) fn own() -> Arc<Pseudonyms> {
    Arc::clone(&OWN)
}
