//! What one bit a byte cannot say: words, numbers that are not digits alone, escapes, letters outside ASCII.
//!
//! In: a buffer and a place in it. Out: how far it is good, and harmless to the safety net; nothing when somebody
//! must look.

use super::super::lexer::{self, Scan};

/// The place up to which the bytes at `at` are fine.
#[inline]
pub(super) fn passes(buf: &[u8], at: usize) -> Option<usize> {
    match buf.get(at)? {
        b'\\' => escape(buf, at),
        0x7f.. => wide(buf, at),
        // Not the first letter of its scalar.
        _ if at.checked_sub(1).and_then(|before| buf.get(before)).is_some_and(u8::is_ascii_digit) => number(buf, at),
        b't' => word(buf, at, b"true"),
        b'f' => word(buf, at, b"false"),
        b'n' => word(buf, at, b"null"),
        _ => number(buf, at),
    }
}

/// An escape that stands for no letter or digit and no `@`: no secret is spelled with it.
fn escape(buf: &[u8], at: usize) -> Option<usize> {
    let Scan::End(end) = lexer::escape(buf, at).ok()? else { return None };
    let harmless = match buf.get(at + 2..end)? {
        [b'0', b'0', high, low] => {
            let [high, low] = [*high, *low].map(|digit| char::from(digit).to_digit(16));
            let byte = u8::try_from(high? << 4 | low?).ok()?;
            !byte.is_ascii_alphanumeric() && byte != b'@'
        }
        _ => true,
    };
    harmless.then_some(end)
}

/// A run of letters outside ASCII, when it ends in this buffer.
fn wide(buf: &[u8], at: usize) -> Option<usize> {
    let rest = buf.get(at..)?;
    let run = rest.iter().position(|byte| *byte < 0x7f)?;
    std::str::from_utf8(rest.get(..run)?).ok().map(|_| at + run)
}

fn word(buf: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    let end = at + word.len();
    (buf.get(at..end)? == word && ends_scalar(buf, end)).then_some(end)
}

fn number(buf: &[u8], at: usize) -> Option<usize> {
    let before = buf.get(..at)?.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let Scan::End(end) = lexer::number(buf, at - before).ok()? else { return None };
    ends_scalar(buf, end).then_some(end)
}

fn ends_scalar(buf: &[u8], at: usize) -> bool {
    buf.get(at).is_some_and(|byte| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t'))
}
