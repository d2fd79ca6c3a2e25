//! The whole of a running monward: put together from a configuration, started, reloaded, drained.
//!
//! In: the path of `monward.yaml`. Out: a [`Running`] server. This is the only place that knows all parts.

mod assemble;
mod catalogs;
mod exposed;
mod issuers;
mod listen;
mod pseudonyms;
mod running;
mod secrets;
mod view;
mod watched;

pub use assemble::{Assembled, assemble, policy_of, read_policy, run_cases};
pub use catalogs::{catalogs_of, read_catalogs};
pub use exposed::exposed;
pub use pseudonyms::{pseudonyms, random_pseudonyms};
pub use running::{Addresses, Running, StartFault, Stopped, start};
pub use watched::LOOK;
