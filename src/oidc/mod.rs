//! The issuers' side: fetches their key sets and keeps them fresh; asks about tokens that need no keys.
//!
//! Input: one [`Source`] per issuer and the life of its keys. Output: the live keys of all issuers, swapped as one, for
//! the request path to read without waiting. The last good set of each may lie on a [`Shelf`], for a start without its
//! issuer. Of an issuer that must be asked, an [`Asker`] gives the word, token by token.
//!
//! It never takes a URL from a token, follows a redirect, reads a proxy variable, falls back to a key of its own, or
//! calls a private address unless the operator said so.

mod address;
mod ask;
mod error;
mod fetch;
mod issuer;
mod keeper;
mod refresh;
mod secret_file;
mod shelf;
mod url;

pub use address::Reach;
pub use ask::{Asker, AskerSettings, Asking, ClientProof, Figures};
pub use error::OidcError;
pub use fetch::{KeyDocument, MAX_TIMEOUT, Remote, Source, alb_keys, fetch_keys, read_key_file};
pub use refresh::{Driver, Refreshed, Refresher, Shared, Status};
pub use secret_file::{read_secret_file, read_token_file};
pub use shelf::{Kept, Shelf, ShelfFault};
pub use url::SourceUrl;
