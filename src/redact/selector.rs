//! Selectors: the part of RFC 9535 that can be decided while a body streams.
//!
//! In: the text of a path. Out: its segments, or why it was refused. Filters, slices and negative indices are
//! refused because their answer depends on bytes that have not arrived yet.

use rsonpath_syntax::{Index, Segment as ParsedSegment, Selector as ParsedStep};

use super::fold::fold;

/// The library's own report is not asked for: drawing it panics for `$.a[b`, where nothing closes the bracket.
const NO_PATH: &str = "not a JSON path (RFC 9535); write such as `$.a`, `$.a[*].b`, `$..a` or `$['a','b']`";

/// A JSON path: names, wildcards, indices and descendants of RFC 9535.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    text: String,
    segments: Vec<Segment>,
}

/// Why a selector was refused, in words for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SelectorError(pub String);

/// One step down (or any number of steps, then one).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Whether the step may start at any depth below.
    pub(super) descendant: bool,
    /// What the step may take; never empty.
    pub(super) steps: Vec<Step>,
}

/// What one step takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The members of this name.
    Name(Name),
    /// All members and elements.
    Any,
    /// The element at this place, from 0.
    Index(u64),
}

/// The name of a member in a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// As it was written.
    pub(super) exact: String,
    /// As names are compared to redact.
    pub(super) folded: String,
}

impl Selector {
    /// Reads an RFC 9535 path, as `$..jwt` or `$.connections[*]['jwt','nkey']`.
    ///
    /// Names are compared as the most lenient reader of a body would: without regard to case, and to control, space and
    /// format characters.
    ///
    /// # Errors
    /// When it is not such a path, selects the whole body (`$`), or needs a filter, a slice or a negative index.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let segments = path(text)?;
        if segments.is_empty() {
            return Err(refusal(text, "selects the whole body; deny the endpoint instead"));
        }
        Ok(Self { text: text.to_owned(), segments })
    }

    /// The path as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The steps, from the root.
    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }
}

/// The segments of an RFC 9535 path; none for `$`.
pub(super) fn path(text: &str) -> Result<Vec<Segment>, SelectorError> {
    let query = rsonpath_syntax::parse(text).map_err(|_| refusal(text, NO_PATH))?;
    query.segments().iter().map(segment).collect::<Result<_, _>>().map_err(|why| refusal(text, why))
}

/// Why `text` is refused.
pub(super) fn refusal(text: &str, why: &str) -> SelectorError {
    SelectorError(format!("selector `{text}`: {why}"))
}

fn segment(parsed: &ParsedSegment) -> Result<Segment, &'static str> {
    let (descendant, selectors) = match parsed {
        ParsedSegment::Child(selectors) => (false, selectors),
        ParsedSegment::Descendant(selectors) => (true, selectors),
    };
    Ok(Segment { descendant, steps: selectors.as_slice().iter().map(step).collect::<Result<_, _>>()? })
}

fn step(parsed: &ParsedStep) -> Result<Step, &'static str> {
    match parsed {
        ParsedStep::Name(name) => {
            Ok(Step::Name(Name { exact: name.unquoted().to_owned(), folded: fold(name.unquoted()) }))
        }
        ParsedStep::Wildcard => Ok(Step::Any),
        ParsedStep::Index(Index::FromStart(index)) => Ok(Step::Index(index.as_u64())),
        ParsedStep::Index(Index::FromEnd(_)) => {
            Err("negative indices are not supported: the end is not known in a stream")
        }
        ParsedStep::Slice(_) => Err("slices are not supported: write the indices, or `[*]`"),
        ParsedStep::Filter(_) => Err("filters are not supported: a selector may depend on names and places only"),
    }
}
