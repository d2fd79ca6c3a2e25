//! Reads how the answer of an endpoint is cut down to one tenant.

use super::Reader;
use crate::catalog::model::{Argument, Arguments, Kind, Tenancy, Value};
use crate::document::{self, Entry, Node, Place};
use crate::redact::{BodyKind, Fence, FenceRule, SelectorError};

/// What can be written at `tenant`.
const KNOWN: [&str; 6] = ["argument", "force", "keep", "own", "named", "drop"];

impl Reader {
    /// The section `tenant` of an endpoint with this body and these arguments.
    pub(super) fn tenant(&mut self, node: &Node, body: Option<BodyKind>, known: &[Argument]) -> Option<Tenancy> {
        if matches!(body, Some(BodyKind::Text | BodyKind::Exposition)) {
            self.faults.at(node, "a text cannot be cut down to one tenant; leave `tenant` out");
        }
        let fields = node.fields(&KNOWN, &mut self.faults)?;
        let argument = fields.get("argument").and_then(|node| self.tenant_argument(node, known));
        let force = self.force(fields.get("force"), argument, known);
        if fields.get("own").or_else(|| fields.get("named")).is_none() {
            self.faults.at(node, "nothing would be the tenant's; say in `own` or `named` what belongs to whom");
        }
        let mut rules = self.paths(fields.get("keep"), FenceRule::keep);
        rules.extend(self.owners(fields.get("own"), FenceRule::own));
        rules.extend(self.owners(fields.get("named"), FenceRule::named));
        rules.extend(self.paths(fields.get("drop"), FenceRule::drop));
        let fence = self.right(node.place, Fence::new(rules))?;
        Some(Tenancy { argument, force, fence })
    }

    /// The index of the argument that takes the tenant's name.
    fn tenant_argument(&mut self, node: &Node, known: &[Argument]) -> Option<usize> {
        let name = node.text(&mut self.faults)?;
        let (index, argument) = self.known_argument(name, node.place, known)?;
        if !matches!(argument.kind, Kind::Text { .. }) {
            self.faults.at(node, format!("a tenant's name is a text, and `{name}` does not take one"));
        }
        Some(index)
    }

    /// `argument: value` for several arguments; in the order of the endpoint.
    fn force(&mut self, node: Option<&Node>, taken: Option<usize>, known: &[Argument]) -> Arguments {
        let mut force = self.entries(node, |reader, entry| reader.forced(entry, taken, known));
        force.sort_unstable_by_key(|(index, _)| *index);
        force
    }

    fn forced(&mut self, entry: &Entry, taken: Option<usize>, known: &[Argument]) -> Option<(usize, Value)> {
        let (index, argument) = self.known_argument(&entry.key, entry.place, known)?;
        if taken == Some(index) {
            self.faults.push(Some(entry.place), "this argument takes the tenant's name; it cannot have another value");
        }
        let value = argument.read(entry.node.text(&mut self.faults)?);
        if value.is_none() {
            self.faults.at(&entry.node, format!("must be {}", argument.kind.expected()));
        }
        Some((index, value?))
    }

    fn known_argument<'a>(&mut self, name: &str, place: Place, known: &'a [Argument]) -> Option<(usize, &'a Argument)> {
        let found = known.iter().enumerate().find(|(_, argument)| argument.name == name);
        if found.is_none() {
            let names: Vec<&str> = known.iter().map(|argument| argument.name.as_str()).collect();
            self.faults.push(Some(place), document::unknown("argument", name, &names));
        }
        found
    }

    /// A list of paths.
    fn paths(&mut self, node: Option<&Node>, rule: fn(&str) -> Result<FenceRule, SelectorError>) -> Vec<FenceRule> {
        let items = node.and_then(|node| node.list(&mut self.faults)).unwrap_or_default();
        let read = |item: &Node| {
            let path = item.text(&mut self.faults)?;
            self.right(item.place, rule(path))
        };
        items.iter().filter_map(read).collect()
    }

    /// `path: member or form` for several paths.
    fn owners(
        &mut self,
        node: Option<&Node>,
        rule: fn(&str, &str) -> Result<FenceRule, SelectorError>,
    ) -> Vec<FenceRule> {
        self.entries(node, |reader, entry| {
            let who = entry.node.text(&mut reader.faults)?;
            reader.right(entry.place, rule(&entry.key, who))
        })
    }

    /// What was read, or a fault at `place`.
    fn right<T>(&mut self, place: Place, read: Result<T, SelectorError>) -> Option<T> {
        read.map_err(|error| self.faults.push(Some(place), error.to_string())).ok()
    }
}
