//! MAY they: decides what a principal may see, and under which obligations.
//!
//! In: a policy file, a proven [`Principal`](crate::authn::Principal) and an understood
//! [`Resource`](crate::catalog::Resource). Out: a [`Permit`] that carries everything the rest of the path needs
//! (the request as it may go upstream, the limit, the redaction plan), or the [`Reason`] why not.
//! It must never fail, guess, read a clock, or let anything through that no rule names.

mod cases;
mod circumstances;
mod claims;
mod condition;
mod decision;
mod explain;
mod findings;
mod limit;
mod opening;
mod policy;
mod read;
mod roles;
mod samples;
mod survey;
mod tenant;
mod terms;

#[cfg(test)]
mod tests;

pub use cases::Cases;
pub use circumstances::{Circumstances, Unknown};
pub use decision::{Decision, HeldRoles, Holder, LimitId, Permit, Reason, Refused, RuleId, Would};
pub use explain::{Explanation, Note, Outcome, Shown, Verdict, action_word, explain, explain_as};
pub use findings::Findings;
pub use limit::{Limit, Unit};
pub use policy::{Effect, Mode, Policy, Source};
pub use samples::Sample;
pub use survey::probes;
