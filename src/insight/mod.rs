//! What records tell: why a request came out so, what another policy would have said, which policy is enough.
//!
//! In: lines of audit files, and policies. Out: sentences, comparisons, a policy with its cases. A record holds no
//! claims, so a past request is decided again by the roles that the record names, and by nothing else.
//! It must never fill in what a record does not tell, nor grant what was refused.

mod canary;
mod compare;
mod delta;
mod learn;
mod recorded;
mod replay;
mod sentences;
mod story;
mod upstreams;

#[cfg(test)]
mod tests;

pub use canary::Canaries;
pub use compare::{Comparison, RoleChange, compare};
pub use delta::{Delta, Kind};
pub use learn::{Learned, Learner};
pub use recorded::{Caller, Recorded, Shadow, Struck, request_id};
pub use replay::{Past, Replay};
pub use sentences::{remedy, sentence};
pub use story::{Story, Today};
pub use upstreams::Upstreams;
