//! Steps over whole JSON values: where each ends, or what is wrong with it.
//!
//! In: the whole body and a place in it. Nothing here recurses, so depth costs no stack.

use crate::redact::error::{RedactErrorKind, Stop};
use crate::redact::lexer::{self, Scan};

/// Objects and arrays inside each other, at most.
const MAX_DEPTH: usize = 512;

/// The place behind the value at `at`.
pub(super) fn value(buf: &[u8], mut at: usize) -> Result<usize, Stop> {
    // The closing brackets of what is open.
    let mut open: Vec<u8> = Vec::new();
    loop {
        let opened = match buf.get(at) {
            Some(b'{') => Some(b'}'),
            Some(b'[') => Some(b']'),
            Some(_) | None => None,
        };
        if let Some(close) = opened {
            if open.len() == MAX_DEPTH {
                return Err(Stop::new(RedactErrorKind::Depth, at));
            }
            open.push(close);
            at = lexer::skip_space(buf, at + 1);
            if buf.get(at) != Some(&close) {
                at = child(buf, at, close)?;
                continue;
            }
        } else {
            at = single(buf, at)?;
        }
        // A value has ended, or the end of an empty object or array is at hand.
        loop {
            let Some(close) = open.last().copied() else { return Ok(at) };
            at = lexer::skip_space(buf, at);
            match buf.get(at) {
                Some(b',') => {
                    at = child(buf, lexer::skip_space(buf, at + 1), close)?;
                    break;
                }
                Some(byte) if *byte == close => open.pop(),
                other => return Err(wrong(other, at)),
            };
            at += 1;
        }
    }
}

/// The value of the child at `at` of what `close` closes: behind its name, if it has one.
fn child(buf: &[u8], at: usize, close: u8) -> Result<usize, Stop> {
    if close == b'}' { name(buf, at).map(|(_, value)| value) } else { Ok(at) }
}

/// The name of a member at `at`: where it ends, and where the value begins.
pub(super) fn name(buf: &[u8], at: usize) -> Result<(usize, usize), Stop> {
    if buf.get(at) != Some(&b'"') {
        return Err(wrong(buf.get(at), at));
    }
    let end = single(buf, at)?;
    let colon = lexer::skip_space(buf, end);
    match buf.get(colon) {
        Some(b':') => Ok((end, lexer::skip_space(buf, colon + 1))),
        other => Err(wrong(other, colon)),
    }
}

/// The place behind the string, number or word at `at`.
pub(super) fn single(buf: &[u8], at: usize) -> Result<usize, Stop> {
    let scan = match buf.get(at) {
        Some(b'"') => lexer::string(buf, at + 1, &mut false),
        Some(b'-' | b'0'..=b'9') => lexer::number(buf, at),
        Some(b't') => lexer::word(buf, at, b"true"),
        Some(b'f') => lexer::word(buf, at, b"false"),
        Some(b'n') => lexer::word(buf, at, b"null"),
        other => Err(wrong(other, at)),
    };
    match scan? {
        Scan::End(end) => Ok(end),
        Scan::More(_) => Err(Stop::new(RedactErrorKind::Truncated, buf.len())),
    }
}

/// What is wrong when `found` stands at `at`.
pub(super) fn wrong(found: Option<&u8>, at: usize) -> Stop {
    Stop::new(if found.is_none() { RedactErrorKind::Truncated } else { RedactErrorKind::Syntax }, at)
}
