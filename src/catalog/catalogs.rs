//! The catalogues that policies may name: those inside the binary, and those that an operator adds.

use std::sync::{Arc, LazyLock};

use super::model::Catalog;
use crate::document::{Fault, quoted, unknown};

/// The catalogues inside the binary: file and text.
pub(super) const SHIPPED: [(&str, &str); 4] = [
    ("policies/catalogs/nats.yaml", include_str!("../../policies/catalogs/nats.yaml")),
    ("policies/catalogs/centrifugo.yaml", include_str!("../../policies/catalogs/centrifugo.yaml")),
    ("policies/catalogs/kumomta.yaml", include_str!("../../policies/catalogs/kumomta.yaml")),
    ("policies/catalogs/prometheus.yaml", include_str!("../../policies/catalogs/prometheus.yaml")),
];

/// The fields of `nats`, in a file of their own: there are hundreds.
const NATS_FIELDS: &str = include_str!("../../policies/catalogs/nats.fields");

/// Read once. A broken file is caught by the test `every_builtin_catalogue_is_read`.
static BUILTIN: LazyLock<Vec<Arc<Catalog>>> = LazyLock::new(|| {
    let read = |(file, text): &(&str, &str)| {
        let catalog = Catalog::parse(file, text).ok()?;
        if catalog.name == "nats" { catalog.with_fields(NATS_FIELDS) } else { Some(catalog) }
    };
    SHIPPED.iter().filter_map(read).map(Arc::new).collect()
});

/// The catalogues that policies may name, each name once.
#[derive(Clone, Debug)]
pub struct Catalogs {
    known: Vec<Arc<Catalog>>,
    /// The names of files that could not be read to their end.
    faulty: Vec<String>,
}

impl Catalogs {
    /// Those inside the binary.
    #[must_use]
    pub fn builtin() -> Self {
        Self { known: BUILTIN.clone(), faulty: Vec::new() }
    }

    /// Adds the catalogue `text`, the content of `file`.
    ///
    /// # Errors
    /// Everything that is wrong with it, with places; also a name that is taken.
    pub fn add(&mut self, file: &str, text: &str) -> Result<(), Vec<Fault>> {
        let (name, read) = super::read::catalog(file, text, &self.names());
        match read {
            Ok(catalog) => {
                self.known.push(Arc::new(catalog));
                Ok(())
            }
            Err(faults) => {
                self.faulty.extend(name);
                Err(faults)
            }
        }
    }

    /// The catalogue of that name.
    ///
    /// # Errors
    /// Why there is none, in words for the operator.
    pub fn find(&self, name: &str) -> Result<Arc<Catalog>, String> {
        if let Some(catalog) = self.known.iter().find(|catalog| catalog.name == name) {
            return Ok(Arc::clone(catalog));
        }
        if self.faulty.iter().any(|faulty| faulty == name) {
            return Err(format!("catalogue {} has faults of its own; mend it first", quoted(&[name])));
        }
        Err(unknown("catalogue", name, &self.names()))
    }

    /// Their names.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.known.iter().map(|catalog| catalog.name.as_str()).collect()
    }
}

impl Catalog {
    /// The catalogue of that name inside the binary.
    #[must_use]
    pub fn builtin(name: &str) -> Option<Arc<Self>> {
        BUILTIN.iter().find(|catalog| catalog.name == name).cloned()
    }
}
