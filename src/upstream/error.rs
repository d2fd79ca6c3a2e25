//! Why a fetch gave no usable answer.

/// Why a fetch failed. Closed, and free of anything the upstream sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// No address, or no connection to any of them.
    #[error("the upstream cannot be reached")]
    Unreachable,
    /// The handshake failed: unknown issuer, wrong name, expired, or our own certificate was refused.
    #[error("the TLS handshake with the upstream failed")]
    TlsFailed,
    /// The connection or the whole answer took longer than allowed.
    #[error("the upstream did not answer in time")]
    TimedOut,
    /// The answer's start, head or framing breaks the protocol; the text names the rule.
    #[error("the upstream's answer is malformed: {0}")]
    Framing(&'static str),
    /// The body is larger than allowed.
    #[error("the upstream's body is too large")]
    TooLarge,
    /// The connection ended before the answer did.
    #[error("the upstream's answer is cut short")]
    Truncated,
    /// The body carries a content coding although `identity` was asked for.
    #[error("the upstream's body is encoded")]
    Encoded,
    /// The sink refused to take more.
    #[error("the upstream's answer was refused while it was read")]
    Stopped,
    /// The request to send holds a byte that could end a line; a mistake of ours.
    #[error("the request to the upstream is malformed")]
    Request,
}

impl FetchError {
    /// A short word for metrics and audit records; one per variant.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TlsFailed => "tls_failed",
            Self::TimedOut => "timed_out",
            Self::Framing(_) => "framing",
            Self::TooLarge => "too_large",
            Self::Truncated => "truncated",
            Self::Encoded => "encoded",
            Self::Stopped => "stopped",
            Self::Request => "request",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_a_word_and_a_sentence_of_its_own() {
        use FetchError::{Encoded, Framing, Request, Stopped, TimedOut, TlsFailed, TooLarge, Truncated, Unreachable};
        let all = [Unreachable, TlsFailed, TimedOut, Framing("x"), TooLarge, Truncated, Encoded, Stopped, Request];
        let words: std::collections::BTreeSet<_> = all.iter().map(|error| error.label()).collect();
        let sentences: std::collections::BTreeSet<_> = all.iter().map(ToString::to_string).collect();
        assert_eq!((words.len(), sentences.len()), (all.len(), all.len()));
    }
}
