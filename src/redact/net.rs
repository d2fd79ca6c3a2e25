//! The safety net: finds secrets by their shape, whatever the rules say.
//!
//! In: a text. Out: the ranges to mask. Three shapes, none of which contains white space:
//! - tokens: `eyJ` and what follows of base64url, dots and padding, with two dots or with a second `.eyJ`;
//! - NKEY seeds: `S`, a kind, 56 of base32, and all base32 that follows, whatever stands before;
//! - what stands between `//` and the last `@` before the authority ends.
//!
//! In doubt more is masked: there are no word boundaries to hide behind.

use std::ops::Range;
use std::sync::LazyLock;

use memchr::{memchr, memchr_iter, memchr3, memmem};

/// What stands in the place of a secret.
pub(super) const MASK: &[u8] = b"[redacted]";

/// Letters of a seed: `S`, its kind, 32 bytes and a checksum in base32.
pub(super) const SEED: usize = 58;

/// Whether `text` might hold a secret; cheap, and never wrong when it says no.
pub(super) fn is_suspicious(text: &[u8]) -> bool {
    memchr(b'@', text).is_some() || has_long_base32(text) || memmem::find(text, b"eyJ").is_some()
}

/// Whether `text` might have a run of base32 as long as a seed: such a run covers one of every 58 places.
pub(super) fn has_long_base32(text: &[u8]) -> bool {
    text.len() >= SEED && text.iter().skip(SEED - 1).step_by(SEED).any(|byte| is_base32(*byte))
}

/// Whether `text` has a run of base32 as long as a seed.
pub(super) fn has_seed_run(text: &[u8]) -> bool {
    let around = |place: usize| {
        let (before, after) = text.split_at(place);
        before.iter().rev().take_while(|byte| is_base32(**byte)).count() + run(after, is_base32).len()
    };
    let places = (SEED - 1..text.len()).step_by(SEED);
    places.into_iter().any(|place| text.get(place).is_some_and(|byte| is_base32(*byte)) && around(place) >= SEED)
}

/// Writes the ranges of `text` to mask to `spans`: in order, apart from each other.
pub(super) fn find(text: &[u8], spans: &mut Vec<Range<usize>>) {
    spans.clear();
    // Where the last run that was looked at ends, so that none is walked twice: a run of token letters without a
    // token in it has none further on either, and all seeds of a run of base32 end with it.
    let (mut token_end, mut seed_end) = (0, 0);
    let mut at = 0;
    while let Some(ahead) = text.get(at..).and_then(|rest| memchr3(b'e', b'S', b'/', rest)) {
        at += ahead;
        let rest = text.get(at..).unwrap_or_default();
        let found = match rest.first() {
            Some(b'e') if at >= token_end && rest.starts_with(b"eyJ") => {
                let run = run(rest, is_token);
                token_end = at + run.len();
                has_token_dots(run).then_some(at..token_end)
            }
            Some(b'S') => {
                if at >= seed_end {
                    seed_end = at + run(rest, is_base32).len();
                }
                (seed_end - at >= SEED && is_seed_kind(text.get(at + 1))).then_some(at..seed_end)
            }
            Some(b'/') if rest.starts_with(b"//") => user_info(rest).map(|length| at + 2..at + 2 + length),
            Some(_) | None => None,
        };
        at = found.as_ref().map_or(at + 1, |span| span.end);
        spans.extend(found);
    }
}

/// The beginning of `text` that is all of one sort; in steps, as runs are long.
fn run(text: &[u8], is_part: impl Fn(u8) -> bool) -> &[u8] {
    let whole = |step: &&[u8; 16]| step.iter().fold(0, |others, byte| others | u8::from(!is_part(*byte))) == 0;
    let (steps, _) = text.as_chunks();
    let (_, rest) = text.split_at(steps.iter().take_while(whole).count() * 16);
    let left = rest.iter().position(|byte| !is_part(*byte)).unwrap_or(rest.len());
    text.get(..text.len() - rest.len() + left).unwrap_or_default()
}

fn has_token_dots(run: &[u8]) -> bool {
    memchr_iter(b'.', run).nth(1).is_some() || memmem::find(run, b".eyJ").is_some()
}

fn is_seed_kind(byte: Option<&u8>) -> bool {
    matches!(byte, Some(b'U' | b'A' | b'O' | b'N' | b'C' | b'X' | b'P'))
}

/// The length of the user-info behind `//`, when there is one.
fn user_info(text: &[u8]) -> Option<usize> {
    let authority = run(text.get(2..)?, |byte| !matches!(byte, b'/' | b'?' | b'#' | b' ' | b'\t' | b'\n' | b'\r'));
    memchr::memrchr(b'@', authority).filter(|length| *length > 0)
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'=')
}

fn is_base32(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'2'..=b'7')
}

/// Writes `text` to `out` with a mask in the place of each span.
pub(super) fn write_masked(text: &[u8], spans: &[Range<usize>], out: &mut Vec<u8>) {
    let mut from = 0;
    for span in spans {
        out.extend_from_slice(text.get(from..span.start).unwrap_or_default());
        out.extend_from_slice(MASK);
        from = span.end;
    }
    out.extend_from_slice(text.get(from..).unwrap_or_default());
}

/// How every token begins.
pub(super) static TOKEN: LazyLock<memmem::Finder> = LazyLock::new(|| memmem::Finder::new(b"eyJ"));
/// What every user-info has behind it.
pub(super) static AT_SIGN: LazyLock<memmem::Finder> = LazyLock::new(|| memmem::Finder::new(b"@"));

/// Knows where a buffer is free of a needle, looking ahead in large steps: cheaper than asking each string.
pub(super) struct Watch {
    finder: &'static memmem::Finder<'static>,
    /// No needle begins before this place.
    clear: usize,
    /// A needle begins at `clear`.
    found: bool,
}

impl Watch {
    /// A watch for a needle, which is not empty.
    pub(super) fn new(finder: &'static memmem::Finder<'static>) -> Self {
        Self { finder, clear: 0, found: false }
    }

    /// Begins with a new buffer.
    pub(super) fn restart(&mut self) {
        (self.clear, self.found) = (0, false);
    }

    /// Before this place the buffer is known to be free of the needle.
    pub(super) fn clear(&self) -> usize {
        self.clear
    }

    /// Whether the needle is somewhere in `range` of `buf`; ranges must come in order.
    pub(super) fn is_in(&mut self, buf: &[u8], range: &Range<usize>) -> bool {
        const AHEAD: usize = 32 * 1024;
        let tail = self.finder.needle().len() - 1;
        let end = range.end.saturating_sub(tail);
        while self.clear < end && !(self.found && self.clear >= range.start) {
            let from = range.start.max(self.clear);
            let to = buf.len().min(range.end.max(from + AHEAD));
            let place = buf.get(from..to).and_then(|ahead| self.finder.find(ahead));
            self.found = place.is_some();
            self.clear = place.map_or(to.saturating_sub(tail), |place| from + place);
        }
        self.found && self.clear < end
    }
}
