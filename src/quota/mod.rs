//! HOW OFTEN: counts permits for each principal and endpoint, and turns the one too many away.
//!
//! In: a [`Permit`](crate::authz::Permit) and whose it is. Out: an [`Admitted`], or an [`Exceeded`] that says when
//! to come back. GCRA, one cell for each principal × endpoint × limit, so that nobody uses up another's share.
//! It must never grow without bound, keep an identity in clear, or let a request through because it is full.

mod fields;
mod limiter;
mod store;

#[cfg(test)]
mod tests;

pub use fields::Exceeded;
pub use limiter::{Admitted, Limiter, TurnedAway};
