//! Reads which fields are sensitive, and which parts of names and texts.

use super::super::model::Sensitive;
use super::Reader;
use crate::document::{self, Faults, Fields, Node, Value};
use crate::redact::{Forms, Other, Part, Selector, SelectorError};

impl Reader {
    /// `tag: [selector, …]` for several tags.
    pub(super) fn sensitive(&mut self, node: Option<&Node>) -> Vec<Sensitive> {
        self.tagged(node, |node, faults| Some((selector(node, faults)?, Part::Value)))
    }

    /// `tag: [{ names: selector, forms: [form, …] }, …]` for several tags.
    pub(super) fn inside(&mut self, node: Option<&Node>) -> Vec<Sensitive> {
        self.tagged(node, part)
    }

    fn tagged(
        &mut self,
        node: Option<&Node>,
        read: impl Fn(&Node, &mut Faults) -> Option<(Selector, Part)>,
    ) -> Vec<Sensitive> {
        let lists = self.entries(node, |reader, entry| {
            let tag = reader.tag(&entry.key, entry.place);
            let items = entry.node.list(&mut reader.faults)?;
            let found: Vec<_> = items.iter().filter_map(|node| read(node, &mut reader.faults)).collect();
            let tag = tag?;
            Some(found.into_iter().map(move |(selector, part)| Sensitive { selector, part, tag }).collect::<Vec<_>>())
        });
        lists.into_iter().flatten().collect()
    }
}

/// What is meant of which values: a selector, or as [`Reader::inside`].
pub(crate) fn selected(node: &Node, faults: &mut Faults) -> Option<(Selector, Part)> {
    match node.value {
        Value::Map(_) => part(node, faults),
        Value::Scalar { .. } | Value::List(_) => Some((selector(node, faults)?, Part::Value)),
    }
}

fn selector(node: &Node, faults: &mut Faults) -> Option<Selector> {
    told(node, Selector::parse(node.text(faults)?), faults)
}

/// What is meant of names or of texts: `{ names: "$[*]", forms: ["[ACC:{}] *"] }`, `{ texts: …, forms: …, other: keep }`.
fn part(node: &Node, faults: &mut Faults) -> Option<(Selector, Part)> {
    let fields = node.fields(&["names", "texts", "forms", "other"], faults)?;
    let forms = forms(node, &fields, faults);
    let (path, part): (_, fn(Forms) -> Part) = match (fields.get("names"), fields.get("texts")) {
        (Some(path), None) => (path, Part::Name),
        (None, Some(path)) => (path, Part::Text),
        (Some(_), Some(_)) | (None, None) => {
            faults.at(node, "write either `names` or `texts`, with the selector of whose names or of which texts");
            return None;
        }
    };
    let selector = selector(path, faults);
    Some((selector?, part(forms?)))
}

fn forms(node: &Node, fields: &Fields<'_>, faults: &mut Faults) -> Option<Forms> {
    let texts = fields.get("forms").map_or_else(|| Some(Vec::new()), |node| node.texts(faults))?;
    let other = match fields.get("other") {
        None => Other::Whole,
        Some(node) => match node.text(faults)? {
            "keep" => Other::Keep,
            other => {
                faults.at(node, document::unknown("word", other, &["keep"]));
                return None;
            }
        },
    };
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    told(fields.get("forms").unwrap_or(node), Forms::parse(&texts, other), faults)
}

fn told<T>(node: &Node, read: Result<T, SelectorError>, faults: &mut Faults) -> Option<T> {
    read.map_err(|error| faults.at(node, error.to_string())).ok()
}
