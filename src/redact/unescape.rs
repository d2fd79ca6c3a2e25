//! What the text between two quotes stands for.
//!
//! In: the inside of a string that the lexer found good. Out: its characters as UTF-8, and from places in them back
//! to places in the spelling.

use std::ops::Range;

/// Writes the characters of `raw` to `text`. Half a surrogate pair becomes U+FFFD; says whether there was one.
pub(super) fn unescape(raw: &[u8], text: &mut Vec<u8>) -> bool {
    text.clear();
    let mut lone = false;
    let mut rest = raw;
    while let Some(plain) = memchr::memchr(b'\\', rest) {
        let (before, escape) = rest.split_at(plain);
        text.extend_from_slice(before);
        let (length, c) = decode(escape);
        lone |= c.is_none();
        let mut utf8 = [0; 4];
        text.extend_from_slice(c.unwrap_or(char::REPLACEMENT_CHARACTER).encode_utf8(&mut utf8).as_bytes());
        rest = escape.get(length..).unwrap_or_default();
    }
    text.extend_from_slice(rest);
    lone
}

/// Turns ranges of the characters of `raw`, in order, into ranges of `raw` itself.
pub(super) fn spelled(raw: &[u8], spans: &mut [Range<usize>]) {
    let (mut at, mut place) = (0, 0);
    for bound in spans.iter_mut().flat_map(|span| [&mut span.start, &mut span.end]) {
        while place < *bound && at < raw.len() {
            let rest = raw.get(at..).unwrap_or_default();
            if rest.first() == Some(&b'\\') {
                let (length, c) = decode(rest);
                at += length;
                place += c.unwrap_or(char::REPLACEMENT_CHARACTER).len_utf8();
            } else {
                at += 1;
                place += 1;
            }
        }
        *bound = at;
    }
}

/// The escape at the start of `raw`: its length, and the character unless it is half a pair.
fn decode(raw: &[u8]) -> (usize, Option<char>) {
    match raw.get(1) {
        Some(b'b') => (2, Some('\u{8}')),
        Some(b'f') => (2, Some('\u{c}')),
        Some(b'n') => (2, Some('\n')),
        Some(b'r') => (2, Some('\r')),
        Some(b't') => (2, Some('\t')),
        Some(b'u') => decode_unit(raw),
        Some(other) => (2, Some(char::from(*other))),
        None => (2, None),
    }
}

fn decode_unit(raw: &[u8]) -> (usize, Option<char>) {
    let Some(unit) = unit(raw) else { return (6, None) };
    if let Some(c) = char::from_u32(unit) {
        return (6, Some(c));
    }
    let low = raw.get(6..).filter(|rest| rest.starts_with(b"\\u")).and_then(self::unit);
    match (unit, low) {
        (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) => {
            (12, char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00)))
        }
        _ => (6, None),
    }
}

fn unit(raw: &[u8]) -> Option<u32> {
    raw.get(2..6)?.iter().try_fold(0, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?))
}
