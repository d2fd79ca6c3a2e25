//! Reads which fields answers are known to have: `fields` of an endpoint, or a file beside the catalogue.

use std::sync::Arc;

use super::Reader;
use crate::catalog::model::Catalog;
use crate::document::Node;
use crate::redact::{BodyKind, KnownFields};

impl Reader {
    /// `fields: [$.a, …]`.
    pub(super) fn known_fields(&mut self, node: &Node, body: Option<BodyKind>) -> Option<Arc<KnownFields>> {
        if body.is_some_and(|body| body != BodyKind::Json) {
            self.faults.at(node, "only the fields of JSON are watched");
        }
        let paths = node.list(&mut self.faults)?;
        let good = paths.iter().filter_map(|node| {
            let path = node.text(&mut self.faults)?;
            match KnownFields::parse([path]) {
                Ok(_) => Some(path),
                Err(error) => {
                    self.faults.at(node, error.to_string());
                    None
                }
            }
        });
        let good: Vec<&str> = good.collect();
        KnownFields::parse(good).ok().map(Arc::new)
    }
}

impl Catalog {
    /// With the known fields that `text` lists: `[endpoint]` on a line, and then its paths, each on a line; `None` when
    /// it names no such endpoint or a path is not well-formed.
    pub(in crate::catalog) fn with_fields(mut self, text: &str) -> Option<Self> {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let lines: Vec<&str> = lines.collect();
        for section in lines.chunk_by(|_, next| !next.starts_with('[')) {
            let (name, paths) = section.split_first()?;
            let name = name.strip_prefix('[')?.strip_suffix(']')?;
            let endpoint = self.endpoints.iter_mut().find(|endpoint| endpoint.name == name)?;
            endpoint.fields = Some(Arc::new(KnownFields::parse(paths.iter().copied()).ok()?));
        }
        Some(self)
    }
}
