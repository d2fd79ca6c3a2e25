//! Reads the head of an answer, strictly (RFC 9112 §4, §5, §6).

use super::FetchError;

/// The head of an answer, as the sink sees it; borrowed from the connection's buffer.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// 200 to 599; never an interim status.
    pub status: u16,
    /// `Content-Type`, raw; there is at most one.
    pub content_type: Option<&'a [u8]>,
    /// `Content-Length` of a body that has one.
    pub content_length: Option<u64>,
    fields: &'a [httparse::Header<'a>],
}

/// How the end of the body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// The status has no body.
    Empty,
    /// This many bytes.
    Length(u64),
    /// In chunks.
    Chunked,
}

/// What a head means for the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    /// Where the body ends.
    pub(super) framing: Framing,
    /// Whether the connection may serve another request.
    pub(super) keep: bool,
    /// Whether the body has a content coding.
    pub(super) encoded: bool,
}

/// A head that stands whole in the buffer.
pub(super) enum Parsed<'a> {
    /// 100, 102 to 199: to be skipped.
    Interim,
    /// The answer.
    Final(ResponseHead<'a>, Meaning),
}

/// The most header fields of one answer.
pub(super) const MAX_FIELDS: usize = 100;

impl<'a> ResponseHead<'a> {
    /// All values of the field `name`, raw, in order.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        values(self.fields, name)
    }
}

/// The length of the head in `bytes`, its empty line included; `None` while it is not whole.
///
/// `seen` bytes were looked at before; they are not searched again.
pub(super) fn length(bytes: &[u8], seen: usize) -> Result<Option<usize>, FetchError> {
    const START: &[u8] = b"HTTP/1.";
    let most = START.len().min(bytes.len());
    if bytes.get(..most) != START.get(..most) {
        return Err(FetchError::Framing("not HTTP/1"));
    }
    let from = seen.saturating_sub(3);
    let rest = bytes.get(from..).unwrap_or_default();
    Ok(memchr::memmem::find(rest, b"\r\n\r\n").map(|at| from + at + 4))
}

/// Reads a whole head, as [`length`] cut it out.
pub(super) fn parse<'a>(
    bytes: &'a [u8],
    fields: &'a mut [httparse::Header<'a>; MAX_FIELDS],
) -> Result<Parsed<'a>, FetchError> {
    if has_bare_line_end(bytes) {
        return Err(FetchError::Framing("CR or LF alone in the head"));
    }
    let mut response = httparse::Response::new(fields);
    let complete = matches!(response.parse(bytes), Ok(httparse::Status::Complete(read)) if read == bytes.len());
    let (true, Some(status), Some(minor)) = (complete, response.code, response.version) else {
        return Err(FetchError::Framing("head"));
    };
    let fields: &'a [httparse::Header<'a>] = response.headers;
    match status {
        101 => Err(FetchError::Framing("switched protocols")),
        100..=199 => Ok(Parsed::Interim),
        200..=599 => meaning(status, minor, fields),
        0..100 | 600.. => Err(FetchError::Framing("status")),
    }
}

fn meaning<'a>(status: u16, minor: u8, fields: &'a [httparse::Header<'a>]) -> Result<Parsed<'a>, FetchError> {
    let mut types = values(fields, "content-type");
    let content_type = types.next();
    if types.next().is_some() {
        return Err(FetchError::Framing("two content types"));
    }
    let framing = framing(status, minor, fields)?;
    let content_length = match framing {
        Framing::Length(length) => Some(length),
        Framing::Empty | Framing::Chunked => None,
    };
    let closes = values(fields, "connection")
        .flat_map(|value| value.split(|byte| *byte == b','))
        .any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"));
    let meaning = Meaning {
        framing,
        keep: minor == 1 && !closes && framing != Framing::Empty,
        encoded: values(fields, "content-encoding").any(|value| !value.eq_ignore_ascii_case(b"identity")),
    };
    Ok(Parsed::Final(ResponseHead { status, content_type, content_length, fields }, meaning))
}

/// [RFC 9112 §6.3](https://www.rfc-editor.org/rfc/rfc9112#section-6.3), without its last resort (read until close).
fn framing(status: u16, minor: u8, fields: &[httparse::Header<'_>]) -> Result<Framing, FetchError> {
    let bad = FetchError::Framing;
    let mut lengths = values(fields, "content-length");
    let mut codings = values(fields, "transfer-encoding");
    let (length, coding) = (lengths.next(), codings.next());
    if lengths.next().is_some() {
        return Err(bad("two content lengths"));
    }
    if codings.next().is_some() {
        return Err(bad("two transfer encodings"));
    }
    let framing = match (length, coding) {
        (Some(_), Some(_)) => return Err(bad("content length and transfer encoding")),
        (None, Some(coding)) if minor == 1 && coding.eq_ignore_ascii_case(b"chunked") => Framing::Chunked,
        (None, Some(_)) => return Err(bad("transfer encoding")),
        (Some(length), None) => Framing::Length(digits(length).ok_or(bad("content length"))?),
        (None, None) if matches!(status, 204 | 304) => Framing::Empty,
        (None, None) => return Err(bad("no length")),
    };
    Ok(if matches!(status, 204 | 304) { Framing::Empty } else { framing })
}

fn digits(value: &[u8]) -> Option<u64> {
    let all_digits = (1..=19).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(value).ok().filter(|_| all_digits)?.parse().ok()
}

fn values<'a>(fields: &'a [httparse::Header<'a>], name: &str) -> impl Iterator<Item = &'a [u8]> {
    fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
}

fn has_bare_line_end(bytes: &[u8]) -> bool {
    let mut before = b'\n';
    let bare = bytes.iter().any(|&byte| {
        let bare = (byte == b'\n') != (before == b'\r');
        before = byte;
        bare
    });
    bare || before == b'\r'
}

#[cfg(test)]
mod tests;
