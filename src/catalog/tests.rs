//! The catalogue against the wire, the shipped file, and files that are wrong.

mod nats;
mod prometheus;
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

#[test]
fn every_builtin_catalogue_is_read() {
    let files = [
        ("nats", include_str!("../../policies/catalogs/nats.yaml")),
        ("prometheus", include_str!("../../policies/catalogs/prometheus.yaml")),
    ];
    for (name, text) in files {
        let read = Catalog::parse(name, text).map_err(|faults| faults.iter().map(ToString::to_string).collect());
        let read: Result<_, Vec<String>> = read.map(|catalog| catalog.name);
        assert_eq!(read, Ok(name.to_owned()));
        assert_eq!(Catalog::builtin(name).map(|catalog| catalog.name.clone()).as_deref(), Some(name));
    }
    assert!(Catalog::builtin("nginx").is_none());
}
