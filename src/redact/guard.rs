//! The safety net over the strings of one JSON body.
//!
//! In: the inside of a string as it is spelled. Out: the ranges of the spelling to mask, found in what it stands for.

use std::ops::Range;

use super::net::{self, AT_SIGN, SEED, TOKEN, Watch};
use super::unescape::{spelled, unescape};

/// Looks through strings; remembers nothing of one when it comes to the next.
pub(super) struct Guard {
    tokens: Watch,
    at_signs: Watch,
    text: Vec<u8>,
    spans: Vec<Range<usize>>,
}

impl Guard {
    pub(super) fn new() -> Self {
        Self { tokens: Watch::new(&TOKEN), at_signs: Watch::new(&AT_SIGN), text: Vec::new(), spans: Vec::new() }
    }

    /// Begins with a new buffer.
    pub(super) fn restart(&mut self) {
        self.tokens.restart();
        self.at_signs.restart();
    }

    /// Reads a string with escapes; says what it stands for, unless half a surrogate pair is in it.
    pub(super) fn unescape(&mut self, raw: &[u8]) -> Option<&[u8]> {
        let lone = unescape(raw, &mut self.text);
        (!lone).then_some(&self.text)
    }

    /// The ranges to mask in the string at `range` of `buf`, counted from its start.
    pub(super) fn secrets(&mut self, buf: &[u8], range: &Range<usize>, escaped: bool) -> &[Range<usize>] {
        self.spans.clear();
        if !escaped && range.len() < SEED && range.end <= self.clear() {
            return &self.spans;
        }
        let raw = buf.get(range.clone()).unwrap_or_default();
        if escaped {
            unescape(raw, &mut self.text);
            if net::is_suspicious(&self.text) {
                net::find(&self.text, &mut self.spans);
                spelled(raw, &mut self.spans);
            }
        } else if self.is_suspicious(buf, range, raw) {
            net::find(raw, &mut self.spans);
        }
        &self.spans
    }

    /// Strings without escapes that are shorter than [`SEED`] and end before this place are free of secrets.
    pub(super) fn clear(&self) -> usize {
        self.tokens.clear().min(self.at_signs.clear())
    }

    /// Whether the string without escapes at `range` of `buf` is certainly free of secrets.
    pub(super) fn is_clear(&mut self, buf: &[u8], range: &Range<usize>) -> bool {
        let raw = buf.get(range.clone()).unwrap_or_default();
        !self.is_suspicious(buf, range, raw)
    }

    fn is_suspicious(&mut self, buf: &[u8], range: &Range<usize>, raw: &[u8]) -> bool {
        self.at_signs.is_in(buf, range) || self.tokens.is_in(buf, range) || net::has_long_base32(raw)
    }
}
