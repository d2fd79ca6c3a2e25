//! The guarded side: fetches one bounded answer over HTTP/1.1, or says why not.
//!
//! Input: a [`Target`], a request that the caller built, a [`Sink`]. Output: the answer's head and body, handed to
//! the sink piece by piece while they arrive, and [`Fetched`] once the answer is known to be whole. A sink must not let
//! go of what it was given before that.
//!
//! Strict on purpose: what two readers could frame differently is refused, and so is a body that ends with the
//! connection, because its truncation cannot be seen. It never follows a redirect, reads no proxy variable, decodes no
//! content coding, and repeats a request only when a kept connection died before the first byte of the answer.

mod chunked;
mod connection;
mod dial;
mod error;
mod exchange;
mod head;
mod pool;
mod request;

#[cfg(test)]
pub(crate) mod fake;

pub use dial::{Place, Target, TargetTls};
pub use error::FetchError;
pub use exchange::{Fetched, Sink, Stop, Take};
pub use head::ResponseHead;
pub use pool::{Limits, Pool};
pub use request::{write_get, write_post};
