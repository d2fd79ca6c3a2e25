//! Reads which labels and families of pages of metrics are sensitive; policies name them in the same words.

use super::Reader;
use crate::catalog::model::{Sensitive, Tag};
use crate::document::{Faults, Fields, Node, Value};
use crate::redact::{BodyKind, SelectorError, Series};

impl Reader {
    /// What `sensitive` and `inside` say of a body of this kind.
    pub(super) fn told(&mut self, fields: Fields<'_>, body: Option<BodyKind>) -> (Vec<Sensitive>, Vec<(Series, Tag)>) {
        let (sensitive, inside) = (fields.get("sensitive"), fields.get("inside"));
        let wrong = match body {
            Some(BodyKind::Json) | None => None,
            Some(BodyKind::Text) => {
                let node = sensitive.or(inside);
                node.map(|node| (node, "a text has no fields; say what it tells in `out_of_reach`"))
            }
            Some(BodyKind::Exposition) => {
                inside.map(|node| (node, "a page of metrics has no members; name its labels in `sensitive`"))
            }
        };
        if let Some((node, message)) = wrong {
            self.faults.at(node, message);
        }
        if body == Some(BodyKind::Exposition) {
            return (Vec::new(), self.series(sensitive));
        }
        let mut told = self.sensitive(sensitive);
        told.extend(self.inside(inside));
        (told, Vec::new())
    }

    /// `tag: [{ label: … }, …]` for several tags.
    fn series(&mut self, node: Option<&Node>) -> Vec<(Series, Tag)> {
        let lists = self.entries(node, |reader, entry| {
            let tag = reader.tag(&entry.key, entry.place);
            let items = entry.node.list(&mut reader.faults)?;
            let found: Vec<Series> = items.iter().flat_map(|item| listed(item, &mut reader.faults)).collect();
            let tag = tag?;
            Some(found.into_iter().map(|series| (series, tag)).collect::<Vec<_>>())
        });
        lists.into_iter().flatten().collect()
    }
}

/// One item: `{ label: NAME }`, `{ label: NAME, families: [NAME, …] }` or `{ families: [NAME, …] }`.
fn listed(node: &Node, faults: &mut Faults) -> Vec<Series> {
    if matches!(node.value, Value::Scalar { .. } | Value::List(_)) {
        faults.at(node, "a page of metrics has no fields; write `{ label: NAME }` or `{ families: [NAME] }`");
        return Vec::new();
    }
    let Some(fields) = node.fields(&["label", "families"], faults) else { return Vec::new() };
    match (fields.get("label"), fields.get("families")) {
        (None, None) => {
            faults.at(node, "`label` or `families` is missing here");
            Vec::new()
        }
        (None, Some(families)) => read_families(families, faults),
        (Some(label), _) => label_in(label, fields, faults).into_iter().collect(),
    }
}

/// A label in a list of a policy: `NAME`, or `{ label: NAME, families: [NAME, …] }`.
pub(crate) fn read_label(node: &Node, faults: &mut Faults) -> Option<Series> {
    if let Value::Scalar { text, .. } = &node.value {
        return good(node, Series::label(text, &[]), faults);
    }
    let fields = node.fields(&["label", "families"], faults)?;
    label_in(fields.required("label", faults)?, fields, faults)
}

/// A list of names of families, with `*` for anything.
pub(crate) fn read_families(node: &Node, faults: &mut Faults) -> Vec<Series> {
    let items = node.list(faults).unwrap_or_default();
    if items.is_empty() {
        faults.at(node, "this list is empty; name a family, with `*` for anything");
    }
    let family = |item: &Node| {
        let text = item.text(faults)?.to_owned();
        good(item, Series::family(&text), faults)
    };
    items.iter().filter_map(family).collect()
}

fn label_in(label: &Node, fields: Fields<'_>, faults: &mut Faults) -> Option<Series> {
    let families: Vec<Series> = fields.get("families").map(|node| read_families(node, faults)).unwrap_or_default();
    let name = label.text(faults)?.to_owned();
    let globs: Vec<&str> = families.iter().map(Series::name).collect();
    good(label, Series::label(&name, &globs), faults)
}

fn good(node: &Node, series: Result<Series, SelectorError>, faults: &mut Faults) -> Option<Series> {
    series.map_err(|error| faults.at(node, error.to_string())).ok()
}
