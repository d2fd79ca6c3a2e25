//! The query of a request: arguments in, arguments out, one spelling for one meaning.
//!
//! The upstream reads a query with Go's `url.ParseQuery`: the first of two equal names wins, names are decoded, a pair
//! with `;` or a broken `%` is dropped without a word. Whoever reads it in another way can be talked past, so all of
//! that is refused and only what has one meaning goes on.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::callback::Callback;
use super::fault::{Malformation, TargetFault};
use super::model::{Argument, Arguments, Endpoint, Value};
use crate::redact::BodyKind;

/// The longest unknown name that is shown to the operator.
const SHOWN_NAME: usize = 24;

/// The arguments in `query`, in the order of the endpoint, without those that change nothing; and the function that the
/// answer is to call, which is none of the upstream's business.
///
/// An empty value, with or without `=`, counts as absent, as the upstream counts it; so does one equal to the default.
pub(super) fn parse(endpoint: &Endpoint, query: &str) -> Result<(Arguments, Option<Callback>), TargetFault> {
    if query.contains(';') {
        return Err(TargetFault::Malformed(Malformation::Semicolon));
    }
    let mut found: Vec<(usize, Option<Value>)> = Vec::new();
    let mut callback = None;
    for pair in query.split('&') {
        if let Some(name) = pair.strip_prefix("callback").filter(|rest| rest.is_empty() || rest.starts_with('=')) {
            let name = Callback::parse(name.strip_prefix('=').unwrap_or_default())?;
            if endpoint.body != BodyKind::Json || callback.replace(name).is_some() {
                return Err(TargetFault::Callback);
            }
            continue;
        }
        let (index, argument, value) = parse_pair(endpoint, pair)?;
        if found.iter().any(|(earlier, _)| *earlier == index) {
            return Err(TargetFault::DuplicateArgument { argument: argument.name.clone() });
        }
        found.push((index, value));
    }
    found.sort_unstable_by_key(|(index, _)| *index);
    Ok((found.into_iter().filter_map(|(index, value)| Some((index, value?))).collect(), callback))
}

fn parse_pair<'a>(endpoint: &'a Endpoint, pair: &str) -> Result<(usize, &'a Argument, Option<Value>), TargetFault> {
    let (name, raw) = pair.split_once('=').unwrap_or((pair, ""));
    if name.is_empty() {
        return Err(TargetFault::Malformed(Malformation::EmptyPair));
    }
    if name.contains(['%', '+']) {
        return Err(TargetFault::Malformed(Malformation::EncodedName));
    }
    let Some((index, argument)) = endpoint.arguments.iter().enumerate().find(|(_, argument)| argument.name == name)
    else {
        return Err(TargetFault::UnknownArgument { argument: shown(pair, name) });
    };
    let text = decode(raw).map_err(TargetFault::Malformed)?;
    if text.is_empty() {
        return Ok((index, argument, None));
    }
    let Some(value) = argument.read(&text) else {
        let expected = argument.kind.expected();
        return Err(TargetFault::ArgumentValue { argument: argument.name.clone(), expected });
    };
    Ok((index, argument, Some(value).filter(|value| !argument.is_default(value))))
}

/// An unknown name as the operator may see it: `?eyJhbGciOi…` is a token, not a name.
fn shown(pair: &str, name: &str) -> String {
    let word = name.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'-'));
    if word && name.len() <= SHOWN_NAME && pair.contains('=') { name.to_owned() } else { "…".to_owned() }
}

/// `raw` without its percent-encoding; `+` is a space, as in
/// [`url.QueryUnescape`](https://pkg.go.dev/net/url#QueryUnescape).
fn decode(raw: &str) -> Result<Cow<'_, str>, Malformation> {
    if !raw.contains(['%', '+']) {
        return Ok(Cow::Borrowed(raw));
    }
    let mut text = String::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        let meant = match byte {
            b'+' => b' ',
            b'%' => hex(bytes.next())? << 4 | hex(bytes.next())?,
            other => other,
        };
        if !matches!(meant, b' '..=b'~') {
            return Err(Malformation::UnprintableValue);
        }
        text.push(char::from(meant));
    }
    Ok(Cow::Owned(text))
}

fn hex(digit: Option<u8>) -> Result<u8, Malformation> {
    match digit {
        Some(byte @ b'0'..=b'9') => Ok(byte - b'0'),
        Some(byte @ b'a'..=b'f') => Ok(byte - b'a' + 10),
        Some(byte @ b'A'..=b'F') => Ok(byte - b'A' + 10),
        Some(_) | None => Err(Malformation::BrokenEscape),
    }
}

/// Writes `?name=value&…` behind a path, in the order of the endpoint and without defaults.
///
/// Booleans are `1` and `0`, which every version of every upstream written in Go reads; of a value only the unreserved
/// characters of [RFC 3986 §2.3](https://www.rfc-editor.org/rfc/rfc3986#section-2.3) stay as they are.
pub(super) fn render(endpoint: &Endpoint, arguments: &[(usize, Value)], target: &mut String) {
    let mut separator = '?';
    for (index, argument) in endpoint.arguments.iter().enumerate() {
        let Some((_, value)) = arguments.iter().find(|(given, _)| *given == index) else { continue };
        if argument.is_default(value) {
            continue;
        }
        target.push(separator);
        target.push_str(&argument.name);
        target.push('=');
        render_value(value, target);
        separator = '&';
    }
}

fn render_value(value: &Value, target: &mut String) {
    // Writing to a `String` cannot fail.
    let _infallible = match value {
        Value::Boolean(true) => target.write_char('1'),
        Value::Boolean(false) => target.write_char('0'),
        Value::Integer(number) => write!(target, "{number}"),
        Value::Text(text) => text.bytes().try_for_each(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => target.write_char(char::from(byte)),
            other => write!(target, "%{other:02X}"),
        }),
    };
}
