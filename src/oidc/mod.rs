//! The issuers' side: fetches their key sets and keeps them fresh.
//!
//! Input: one [`Source`] per issuer and its key ring. Output: the live keys of all issuers, swapped as one, for the
//! request path to read without waiting.
//!
//! It never takes a URL from a token, follows a redirect, reads a proxy variable, falls back to a key of its own, or
//! calls a private address unless the operator said so.

mod address;
mod error;
mod fetch;
mod refresh;
mod url;

pub use address::Reach;
pub use error::OidcError;
pub use fetch::{KeyDocument, MAX_TIMEOUT, Remote, Source, fetch_keys, read_key_file};
pub use refresh::{Driver, Refreshed, Refresher, Status};
pub use url::SourceUrl;
