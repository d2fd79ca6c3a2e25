//! What is wrong with a PEM file, in words that can be logged.

use rustls::pki_types::pem::Error;

/// What a reader found. Never its own words: several of them quote the file, and the file may be a private key.
pub(super) fn problem(error: &Error) -> String {
    if let Error::Io(error) = error {
        error.to_string()
    } else if matches!(error, Error::NoItemsFound) {
        "nothing of the wanted kind in it".to_owned()
    } else {
        "not PEM".to_owned()
    }
}
