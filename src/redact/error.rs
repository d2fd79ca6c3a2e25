//! Why a body was withheld.

use std::fmt;

/// Why a body could not be redacted: what and where, never a byte of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct RedactError {
    /// What is wrong.
    pub kind: RedactErrorKind,
    /// Where, in bytes from the start of the body.
    pub offset: u64,
}

/// What is wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RedactErrorKind {
    /// There is no value at all.
    Empty,
    /// The body ends inside a value or a line, or without `# EOF`.
    Truncated,
    /// Not the grammar of RFC 8259, or that of a page of metrics.
    Syntax,
    /// Not UTF-8, or text with a NUL byte.
    Encoding,
    /// A byte order mark.
    ByteOrderMark,
    /// Something after the value, or after `# EOF`.
    Trailing,
    /// The root is neither an object nor an array.
    RootScalar,
    /// More than 512 objects and arrays inside each other.
    Depth,
    /// A name, a number, a run of white space or a line longer than may be held back.
    TooLong,
    /// Half of a surrogate pair in a name.
    LoneSurrogate,
    /// More series of metrics, or labels on a line, than can be told apart.
    TooMany,
}

impl RedactErrorKind {
    /// The kind as one word for metrics and records.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Truncated => "truncated",
            Self::Syntax => "syntax",
            Self::Encoding => "encoding",
            Self::ByteOrderMark => "byte_order_mark",
            Self::Trailing => "trailing",
            Self::RootScalar => "root_scalar",
            Self::Depth => "depth",
            Self::TooLong => "too_long",
            Self::LoneSurrogate => "lone_surrogate",
            Self::TooMany => "too_many",
        }
    }
}

impl fmt::Display for RedactErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "no value",
            Self::Truncated => "the body is cut off",
            Self::Syntax => "not well-formed",
            Self::Encoding => "not UTF-8 text",
            Self::ByteOrderMark => "byte order mark",
            Self::Trailing => "bytes after the end",
            Self::RootScalar => "root is neither object nor array",
            Self::Depth => "nested too deep",
            Self::TooLong => "name, number, white space or line too long",
            Self::LoneSurrogate => "half a surrogate pair in a name",
            Self::TooMany => "more series, or more labels on a line, than can be told apart",
        })
    }
}

/// A fault at a place of the buffer at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stop {
    pub(super) kind: RedactErrorKind,
    pub(super) at: usize,
}

impl Stop {
    pub(super) const fn new(kind: RedactErrorKind, at: usize) -> Self {
        Self { kind, at }
    }
}
