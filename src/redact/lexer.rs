//! Tokens of RFC 8259: strings, numbers, words, white space.
//!
//! In: a buffer and a place in it. Out: where the token ends, where to go on when the buffer ends first, or what is
//! wrong. Nothing is remembered here, so a token means the same however the body was cut into chunks.

use super::block;
use super::error::{RedactErrorKind, Stop};

/// How far a token goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scan {
    /// It ends before this place.
    End(usize),
    /// The buffer ends first; all before this place is known to be good.
    More(usize),
}

/// The first byte at or after `at` that is not white space. Indentation goes eight spaces at a time.
pub(super) fn skip_space(buf: &[u8], mut at: usize) -> usize {
    const SPACES: u64 = u64::from_le_bytes(*b"        ");
    loop {
        match buf.get(at) {
            Some(b' ') => {
                let block = buf.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or(*b" .......");
                at += (u64::from_le_bytes(block) ^ SPACES).trailing_zeros() as usize / 8;
            }
            Some(b'\n' | b'\r' | b'\t') => at += 1,
            Some(_) | None => return at,
        }
    }
}

/// Goes on with a string from `at`, which is behind its opening quote. `escaped` is set when there is a backslash.
pub(super) fn string(buf: &[u8], mut at: usize, escaped: &mut bool) -> Result<Scan, Stop> {
    loop {
        at = skip_plain(buf, at);
        match buf.get(at) {
            None => return Ok(Scan::More(at)),
            Some(b'"') => return Ok(Scan::End(at + 1)),
            Some(b'\\') => {
                *escaped = true;
                match escape(buf, at)? {
                    Scan::End(end) => at = end,
                    Scan::More(_) => return Ok(Scan::More(at)),
                }
            }
            Some(0..=0x1f) => return Err(Stop::new(RedactErrorKind::Syntax, at)),
            Some(_) => match wide(buf, at)? {
                Scan::End(end) => at = end,
                Scan::More(rest) => return Ok(Scan::More(rest)),
            },
        }
    }
}

/// Steps over bytes of a string that are only themselves.
fn skip_plain(buf: &[u8], at: usize) -> usize {
    let (mut at, found) = block::skip(buf, at, block::string_marks);
    while !found && buf.get(at).is_some_and(|byte| matches!(byte, 0x20..=0x7f if !matches!(byte, b'"' | b'\\'))) {
        at += 1;
    }
    at
}

/// An escape at `at`, by its spelling only: what it stands for is another matter.
pub(super) fn escape(buf: &[u8], at: usize) -> Result<Scan, Stop> {
    let wrong = Stop::new(RedactErrorKind::Syntax, at);
    match buf.get(at + 1) {
        None => Ok(Scan::More(at)),
        Some(b'u') => {
            let digits = buf.get(at + 2..buf.len().min(at + 6)).unwrap_or_default();
            match digits.iter().all(u8::is_ascii_hexdigit) {
                true if digits.len() == 4 => Ok(Scan::End(at + 6)),
                true => Ok(Scan::More(at)),
                false => Err(wrong),
            }
        }
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(Scan::End(at + 2)),
        Some(_) => Err(wrong),
    }
}

/// A run of characters outside ASCII.
fn wide(buf: &[u8], at: usize) -> Result<Scan, Stop> {
    let rest = buf.get(at..).unwrap_or_default();
    let run = rest.iter().position(u8::is_ascii).unwrap_or(rest.len());
    match std::str::from_utf8(rest.get(..run).unwrap_or_default()) {
        Ok(_) => Ok(Scan::End(at + run)),
        Err(fault) if fault.error_len().is_none() && run == rest.len() => Ok(Scan::More(at + fault.valid_up_to())),
        Err(fault) => Err(Stop::new(RedactErrorKind::Encoding, at + fault.valid_up_to())),
    }
}

/// A number at `at`. It has an end only when another byte follows.
pub(super) fn number(buf: &[u8], at: usize) -> Result<Scan, Stop> {
    let rest = buf.get(at..).unwrap_or_default();
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    match rest.iter().position(|byte| !is_part(byte)) {
        None => Ok(Scan::More(at)),
        Some(length) if is_number(rest.get(..length).unwrap_or_default()) => Ok(Scan::End(at + length)),
        Some(_) => Err(Stop::new(RedactErrorKind::Syntax, at)),
    }
}

fn is_number(token: &[u8]) -> bool {
    let token = token.strip_prefix(b"-").unwrap_or(token);
    let (whole, rest) = digits(token);
    if whole.is_empty() || (whole.len() > 1 && whole.first() == Some(&b'0')) {
        return false;
    }
    let rest = match rest.strip_prefix(b".").map(digits) {
        Some(([], _)) => return false,
        Some((_, after)) => after,
        None => rest,
    };
    let Some(exponent) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) else { return rest.is_empty() };
    let unsigned = exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-")).unwrap_or(exponent);
    !unsigned.is_empty() && digits(unsigned).1.is_empty()
}

fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let length = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(length)
}

/// One of the words `true`, `false`, `null` at `at`.
pub(super) fn word(buf: &[u8], at: usize, word: &[u8]) -> Result<Scan, Stop> {
    let rest = buf.get(at..).unwrap_or_default();
    if rest.starts_with(word) {
        Ok(Scan::End(at + word.len()))
    } else if word.starts_with(rest) {
        Ok(Scan::More(at))
    } else {
        Err(Stop::new(RedactErrorKind::Syntax, at))
    }
}
