//! Why a request target was refused.

use thiserror::Error;

/// Why a request target was refused. The text is for the operator; [`TargetFault::sentence`] is for the client.
///
/// No variant carries a value that the client sent: a token typed into `user=` must not reach a log.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TargetFault {
    /// Longer than [`MAX_TARGET`](super::MAX_TARGET): 414.
    #[error("the request target is longer than 8192 bytes")]
    TooLong,
    /// Not something that has one meaning: 400.
    #[error("{0}")]
    Malformed(Malformation),
    /// A path outside the catalogue: 404.
    #[error("no endpoint of the catalogue has this path")]
    UnknownEndpoint,
    /// A method that the endpoint does not have: 405.
    #[error("the method is not one of {allow}")]
    Method {
        /// The value of the `Allow` header.
        allow: &'static str,
    },
    /// A body that is not the one of the endpoint: 400.
    #[error("the body is not the one that this endpoint is asked with")]
    Body,
    /// A name that is not an argument of the endpoint: 400.
    #[error("`{argument}` is not an argument of this endpoint")]
    UnknownArgument {
        /// The name; `…` when it does not look like one, because it may be a secret in the wrong place.
        argument: String,
    },
    /// An argument that stands in the query more than once: 400.
    #[error("`{argument}` stands in the query more than once")]
    DuplicateArgument {
        /// Its name.
        argument: String,
    },
    /// A value that its argument does not take: 400.
    #[error("the value of `{argument}` must be {expected}")]
    ArgumentValue {
        /// The name of the argument.
        argument: String,
        /// What it takes.
        expected: String,
    },
    /// JSONP with something that is no name of a function, twice, or for an answer that is no JSON: 400.
    #[error("`callback` must be the name of a function, once, and for JSON")]
    Callback,
}

impl TargetFault {
    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::TooLong => 414,
            Self::UnknownEndpoint => 404,
            Self::Method { .. } => 405,
            Self::Malformed(_)
            | Self::Body
            | Self::UnknownArgument { .. }
            | Self::DuplicateArgument { .. }
            | Self::ArgumentValue { .. }
            | Self::Callback => 400,
        }
    }

    /// The label in metrics and audit records.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::TooLong => "target_too_long",
            Self::Malformed(_) => "target_malformed",
            Self::UnknownEndpoint => "unknown_endpoint",
            Self::Method { .. } => "method_not_allowed",
            Self::Body => "request_body",
            Self::UnknownArgument { .. } => "unknown_argument",
            Self::DuplicateArgument { .. } => "duplicate_argument",
            Self::ArgumentValue { .. } => "argument_value",
            Self::Callback => "callback",
        }
    }

    /// What the client may read: a fixed sentence without anything that it sent.
    #[must_use]
    pub const fn sentence(&self) -> &'static str {
        match self {
            Self::TooLong => "The request target is too long.",
            Self::Malformed(_) => "The request target is malformed.",
            Self::UnknownEndpoint => "There is no such endpoint.",
            Self::Method { .. } => "The method is not allowed here.",
            Self::Body => "The body is not the one that is taken here.",
            Self::UnknownArgument { .. } => "The query names an unknown argument.",
            Self::DuplicateArgument { .. } => "The query names an argument twice.",
            Self::ArgumentValue { .. } => "The query gives an argument a value that it does not take.",
            Self::Callback => "The query asks for JSONP in a way that is not served.",
        }
    }
}

/// What is wrong with a method, path or query as a piece of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Malformation {
    /// Not a token of [RFC 9110 §5.6.2](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2).
    #[error("the method is not a token")]
    Method,
    /// Not the origin-form of [RFC 9112 §3.2.1](https://www.rfc-editor.org/rfc/rfc9112#section-3.2.1).
    #[error("the request target does not begin with a slash")]
    Form,
    /// A space, a control character or a byte beyond ASCII.
    #[error("the request target has a character that is not visible ASCII")]
    Character,
    /// `#`, which belongs to the client and never to a request.
    #[error("the request target has a fragment")]
    Fragment,
    /// `%` in the path; no path of a catalogue needs one.
    #[error("the path has a percent sign")]
    Escape,
    /// `\` in the path.
    #[error("the path has a backslash")]
    Backslash,
    /// `;` in the path or unencoded in the query.
    #[error("the request target has a semicolon")]
    Semicolon,
    /// An empty segment, other than one in front of a known path.
    #[error("the path has an empty segment")]
    EmptySegment,
    /// `.` or `..` as a segment.
    #[error("the path has a dot segment")]
    DotSegment,
    /// `&&`, `&` at either end, or a value without a name.
    #[error("the query has a pair without a name")]
    EmptyPair,
    /// The name of an argument in an encoded spelling.
    #[error("the query has an encoded name")]
    EncodedName,
    /// `%` without two hexadecimal digits behind it.
    #[error("the query has a broken percent-encoding")]
    BrokenEscape,
    /// A value that decodes to something other than printable ASCII.
    #[error("the query has a value that is not printable ASCII")]
    UnprintableValue,
}
