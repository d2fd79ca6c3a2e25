//! The catalogue against the wire, the shipped file, and files that are wrong.

mod asking;
mod centrifugo;
mod fault;
mod fence;
mod generated;
mod go;
mod kumomta;
mod nats;
mod prometheus;
mod property;
mod read;
mod schema;
mod sets;
mod sets_page;
mod target;
mod tenant;

use std::sync::Arc;

use super::catalogs::SHIPPED;
use super::{Catalog, Catalogs, Resource, TargetFault};

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
    for (file, text) in SHIPPED {
        let name = file.rsplit('/').next().and_then(|name| name.strip_suffix(".yaml")).unwrap();
        let read = Catalog::parse(file, text).map_err(|faults| faults.iter().map(ToString::to_string).collect());
        let read: Result<_, Vec<String>> = read.map(|catalog| catalog.name);
        assert_eq!(read, Ok(name.to_owned()));
        assert_eq!(Catalog::builtin(name).map(|catalog| catalog.name.clone()).as_deref(), Some(name));
    }
    assert!(Catalog::builtin("nginx").is_none());
}

const LAMP: &str = "version: 1\ncatalog: lamp\nendpoints:\n  state: { path: /state, body: json, cost: cheap }\n";

#[test]
fn a_catalogue_that_is_added_is_found_beside_those_inside_the_binary() {
    let mut catalogs = Catalogs::builtin();
    let shipped: Vec<String> = catalogs.names().into_iter().map(str::to_owned).collect();
    catalogs.add("lamp.yaml", LAMP).unwrap();
    assert_eq!(catalogs.find("lamp").unwrap().name, "lamp");
    assert_eq!(catalogs.find("nats").unwrap().name, "nats");
    assert_eq!(catalogs.find("lmap").unwrap_err(), "unknown catalogue `lmap`; did you mean `lamp`?");
    assert_eq!(catalogs.names().len(), shipped.len() + 1);
    assert!(Catalogs::builtin().find("lamp").is_err(), "it was added to one only");
}

#[test]
fn a_name_stands_once() {
    let faults = |catalogs: &mut Catalogs, name: &str| {
        let read = catalogs.add("x.yaml", &LAMP.replace("lamp", name));
        read.err().unwrap_or_default().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let taken = |name: &str| {
        vec![format!("x.yaml:2:10: there is a catalogue `{name}` already; give this one a name of its own")]
    };
    let mut catalogs = Catalogs::builtin();
    assert_eq!(faults(&mut catalogs, "nats"), taken("nats"));
    assert_eq!(faults(&mut catalogs, "lamp"), Vec::<String>::new());
    assert_eq!(faults(&mut catalogs, "lamp"), taken("lamp"));
    assert!(catalogs.find("nats").unwrap().endpoints.len() > 1, "the first of a name stays");
}

#[test]
fn a_policy_of_a_faulty_catalogue_is_told_so() {
    let mut catalogs = Catalogs::builtin();
    catalogs.add("lamp.yaml", &LAMP.replace("json", "jsn")).unwrap_err();
    assert_eq!(catalogs.find("lamp").unwrap_err(), "catalogue `lamp` has faults of its own; mend it first");
    catalogs.add("empty.yaml", "").unwrap_err();
    assert!(catalogs.find("empty").unwrap_err().starts_with("unknown catalogue `empty`"));
}
