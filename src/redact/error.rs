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
    /// The body ends inside a value.
    Truncated,
    /// Not the grammar of RFC 8259.
    Syntax,
    /// Not UTF-8, or text with a NUL byte.
    Encoding,
    /// A byte order mark.
    ByteOrderMark,
    /// Something after the value.
    Trailing,
    /// The root is neither an object nor an array.
    RootScalar,
    /// More than 512 objects and arrays inside each other.
    Depth,
    /// A name, a number or a run of white space longer than may be held back.
    TooLong,
    /// Half of a surrogate pair in a name.
    LoneSurrogate,
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
        }
    }
}

impl fmt::Display for RedactErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "no value",
            Self::Truncated => "end of the body inside a value",
            Self::Syntax => "not JSON",
            Self::Encoding => "not UTF-8 text",
            Self::ByteOrderMark => "byte order mark",
            Self::Trailing => "bytes after the value",
            Self::RootScalar => "root is neither object nor array",
            Self::Depth => "nested too deep",
            Self::TooLong => "name, number or white space too long",
            Self::LoneSurrogate => "half a surrogate pair in a name",
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
