//! The catalogue against the wire, the shipped file, and files that are wrong.

mod nats;
mod property;
mod read;
mod target;

use std::sync::Arc;

use super::{Catalog, Resource, TargetFault};

fn nats() -> Arc<Catalog> {
    Catalog::builtin("nats").unwrap()
}

fn resolve(target: &str) -> Result<Resource, TargetFault> {
    nats().resolve(b"GET", target.as_bytes())
}

/// What goes upstream for `target`, or the label of the fault.
fn upstream(target: &str) -> String {
    resolve(target).map_or_else(|fault| fault.label().to_owned(), |resource| nats().render(&resource))
}
