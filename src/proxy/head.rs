//! Reads the head of one HTTP/1.1 request, strictly (RFC 9112 §2 to §6).
//!
//! In: the bytes received so far. Out: not yet, a [`Head`], or a [`HeadFault`]. monward guards what is only ever read,
//! so a request has no body, or with POST a short one whose length stands in the head and whose bytes are known
//! beforehand: any other framing is refused, and with it every way to smuggle a second request. Nothing is repaired or
//! guessed.

use std::ops::Range;

use super::via;
use crate::authn::Door;
use crate::gate::Told;

/// The most header fields that are read.
const MAX_FIELDS: usize = 64;
/// The longest request target, in bytes.
pub(super) const MAX_TARGET: usize = 8192;

/// The head of a request, as positions in the bytes it was read from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// The method token.
    pub(super) method: Range<usize>,
    /// The target, origin-form.
    pub(super) target: Range<usize>,
    /// The value of `Host`.
    pub(super) host: Range<usize>,
    /// The values of `Authorization`; more than two are not kept, two are refused anyway.
    pub(super) authorization: Vec<Range<usize>>,
    /// The values of the fields in which front doors put assertions.
    pub(super) assertions: Vec<(Door, Range<usize>)>,
    /// The values of the fields in which proxies tell what was asked.
    pub(super) told: Vec<(Told, Range<usize>)>,
    /// The value of `Accept`, when there is exactly one.
    pub(super) accept: Option<Range<usize>>,
    /// The value of `Accept-Encoding`, when there is exactly one.
    pub(super) accept_encoding: Option<Range<usize>>,
    /// Whether the client wants the connection closed after the answer.
    pub(super) close: bool,
    /// The body, empty for nearly all requests. It begins where the head ends, and may not have arrived yet.
    pub(super) body: Range<usize>,
}

/// Why a head was refused. The connection is closed after the answer: what follows cannot be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum HeadFault {
    /// Not HTTP/1.1 syntax.
    #[error("the request's head is malformed")]
    Syntax,
    /// A version other than HTTP/1.1.
    #[error("only HTTP/1.1 and HTTP/2 are spoken")]
    Version,
    /// No `Host`, several, or one that is not a host.
    #[error("exactly one valid host is needed")]
    Host,
    /// A body where none may be, a longer one than any that may be, or another framing of one.
    #[error("a request must not have such a body")]
    Body,
    /// `Expect`.
    #[error("no expectation can be met")]
    Expect,
    /// It passed here before.
    #[error("the request has passed here before")]
    Loop,
    /// Too many fields or too many bytes.
    #[error("the request's head is too large")]
    TooLarge,
    /// The target alone is too long.
    #[error("the request's target is too long")]
    TargetTooLong,
    /// The head did not arrive in time.
    #[error("the request's head took too long")]
    TooSlow,
}

impl HeadFault {
    /// The HTTP status.
    #[must_use]
    pub(super) const fn status(self) -> u16 {
        match self {
            Self::Syntax | Self::Host | Self::Body => 400,
            Self::Version => 505,
            Self::Expect => 417,
            Self::Loop => 508,
            Self::TooLarge => 431,
            Self::TargetTooLong => 414,
            Self::TooSlow => 408,
        }
    }

    /// The label in metrics and audit records.
    #[must_use]
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Syntax => "malformed_head",
            Self::Version => "http_version",
            Self::Host => "malformed_host",
            Self::Body => "request_body",
            Self::Expect => "expectation",
            Self::Loop => "loop",
            Self::TooLarge => "head_too_large",
            Self::TargetTooLong => "target_too_long",
            Self::TooSlow => "head_too_slow",
        }
    }
}

/// Reads the head at the beginning of `bytes`; `Ok(None)` asks for more. `cap` is the most that a head may take,
/// `longest` the longest body of a POST.
///
/// # Errors
/// As soon as it is certain that no more bytes can make it right.
pub(super) fn read(bytes: &[u8], cap: usize, longest: usize) -> Result<Option<Head>, HeadFault> {
    let end = memchr::memmem::find(bytes.get(..cap.min(bytes.len())).unwrap_or(bytes), b"\r\n\r\n").map(|at| at + 4);
    let head = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or(bytes);
    lines_end_well(head)?;
    if end.is_none() && bytes.len() < cap {
        return Ok(None);
    }
    target_fits(head)?;
    if end.is_none() {
        return Err(HeadFault::TooLarge);
    }
    parse(head, longest).map(Some)
}

/// Every line feed follows a carriage return and the other way round; the first byte begins a method.
fn lines_end_well(head: &[u8]) -> Result<(), HeadFault> {
    if head.first().is_some_and(|first| !first.is_ascii_alphabetic()) {
        return Err(HeadFault::Syntax);
    }
    for at in memchr::memchr2_iter(b'\r', b'\n', head) {
        let good = match head.get(at) {
            Some(b'\n') => at > 0 && head.get(at - 1) == Some(&b'\r'),
            Some(_) => head.get(at + 1).is_none_or(|next| *next == b'\n'),
            None => false,
        };
        if !good {
            return Err(HeadFault::Syntax);
        }
    }
    Ok(())
}

fn target_fits(head: &[u8]) -> Result<(), HeadFault> {
    let line = memchr::memchr(b'\r', head).unwrap_or(head.len());
    // The longest method of the registry has 17 letters (RFC 9110 §16.1.1), the version 8.
    if line > MAX_TARGET + 32 { Err(HeadFault::TargetTooLong) } else { Ok(()) }
}

fn parse(head: &[u8], longest: usize) -> Result<Head, HeadFault> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::Version) if has_three_parts(head) => return Err(HeadFault::Version),
        Err(httparse::Error::TooManyHeaders) => return Err(HeadFault::TooLarge),
        Ok(httparse::Status::Partial) | Err(_) => return Err(HeadFault::Syntax),
    }
    let (Some(method), Some(target), Some(version)) = (request.method, request.path, request.version) else {
        return Err(HeadFault::Syntax);
    };
    let at = |part: &[u8]| position(head, part);
    let mut found = Fields { longest: longest_of(method.as_bytes(), longest), ..Fields::default() };
    for field in request.headers.iter() {
        found.take(field.name.as_bytes(), field.value, at(field.value))?;
    }
    if version != 1 {
        return Err(HeadFault::Version);
    }
    let host = found.host.filter(|host| is_host(head.get(host.clone()).unwrap_or_default()));
    Ok(Head {
        method: at(method.as_bytes()),
        target: at(target.as_bytes()),
        host: host.ok_or(HeadFault::Host)?,
        authorization: found.authorization,
        assertions: found.assertions,
        told: found.told,
        accept: found.accept.filter(|_| !found.accepts_again),
        accept_encoding: found.accept_encoding.filter(|_| !found.accepts_again),
        close: found.close,
        body: head.len()..head.len() + found.content_length.unwrap_or_default(),
    })
}

/// Whether the request line is method, target and version with one space between them.
fn has_three_parts(head: &[u8]) -> bool {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    line.split(|byte| *byte == b' ').filter(|part| !part.is_empty()).count() == 3
        && memchr::memchr_iter(b' ', line).count() == 2
}

/// The few fields that monward looks at.
#[derive(Default)]
struct Fields {
    host: Option<Range<usize>>,
    authorization: Vec<Range<usize>>,
    assertions: Vec<(Door, Range<usize>)>,
    told: Vec<(Told, Range<usize>)>,
    accept: Option<Range<usize>>,
    accept_encoding: Option<Range<usize>>,
    /// One of these two stood there twice.
    accepts_again: bool,
    content_length: Option<usize>,
    close: bool,
    /// The longest body that may be.
    longest: usize,
}

impl Fields {
    fn take(&mut self, name: &[u8], value: &[u8], at: Range<usize>) -> Result<(), HeadFault> {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match name.len() {
            3 if is("via") && via::names_us(value) => return Err(HeadFault::Loop),
            4 if is("host") && self.host.is_some() => return Err(HeadFault::Host),
            4 if is("host") => self.host = Some(at),
            6 if is("accept") => self.accepts_again |= self.accept.replace(at).is_some(),
            6 if is("expect") => return Err(HeadFault::Expect),
            10 if is("connection") => self.close |= has_token(value, b"close"),
            13 if is("authorization") && self.authorization.len() < 2 => self.authorization.push(at),
            14 if is("content-length") && self.content_length.is_some() => return Err(HeadFault::Body),
            14 if is("content-length") => self.content_length = Some(body_length(value, self.longest)?),
            15 if is("accept-encoding") => self.accepts_again |= self.accept_encoding.replace(at).is_some(),
            17 if is("transfer-encoding") => return Err(HeadFault::Body),
            _ => {
                self.told.extend(Told::of_field(name).map(|told| (told, at.clone())));
                self.assertions.extend(Door::of_field(name).map(|door| (door, at)));
            }
        }
        Ok(())
    }
}

/// The longest body that a request with this method may have.
pub(super) const fn longest_of(method: &[u8], longest: usize) -> usize {
    if matches!(method, b"POST") { longest } else { 0 }
}

/// The value of `Content-Length`, at most `longest`: one number in its one spelling (RFC 9112 §6.3).
pub(super) fn body_length(value: &[u8], longest: usize) -> Result<usize, HeadFault> {
    let plain = value == b"0" || (value.first() != Some(&b'0') && value.iter().all(u8::is_ascii_digit));
    let length = std::str::from_utf8(value).ok().filter(|_| plain).and_then(|text| text.parse().ok());
    length.filter(|length| *length <= longest).ok_or(HeadFault::Body)
}

fn has_token(value: &[u8], token: &[u8]) -> bool {
    value.split(|byte| *byte == b',').any(|part| part.trim_ascii().eq_ignore_ascii_case(token))
}

/// `host [":" port]` of RFC 9110 §7.2, without user-info and of sane length.
pub(super) fn is_host(value: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(byte);
    (1..=255).contains(&value.len()) && value.iter().all(plain)
}

/// Where `part`, a slice of `whole`, stands in it.
fn position(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    start..start + part.len()
}

#[cfg(test)]
mod tests;
