//! WHAT is asked: turns a raw request target into an endpoint of the catalogue with typed arguments, or refuses.
//!
//! In: a catalogue file (data, not code), then per request the method and the target as they stood on the wire.
//! Out: a [`Resource`], or a [`TargetFault`]. [`Catalog::render`] turns a resource back into the one target that goes
//! upstream, so nothing that a client spelled is ever forwarded.
//!
//! Never guesses. A path is compared byte for byte with a table of canonical paths and aliases; it is not decoded,
//! cleaned or folded first, because two programs that clean a path differently disagree about who may read it.
//! What a query could mean in two ways (a name twice, `;`, an encoded name) is refused.

mod asking;
mod callback;
mod catalogs;
mod fault;
mod kind;
mod model;
mod query;
mod read;
mod table;
mod target;

pub use asking::{Ask, Form, Inject, Methods};
pub use callback::Callback;
pub use catalogs::Catalogs;
pub use fault::{Malformation, TargetFault};
pub use model::{
    Argument, Arguments, Catalog, Cost, Endpoint, EndpointId, Kind, MAX_COST, RedactionSet, Resource, Sensitive, Tag,
    Tenancy, Value,
};
pub use read::is_canonical;
pub(crate) use read::{read_families, read_label, selected};
pub use target::MAX_TARGET;

#[cfg(test)]
mod tests;
