//! Go's reading of queries, written again for the tests: `src/catalog/tests/go.rs` holds it against Go's own answers.
//!
//! Whoever includes this file says in the module around it what `catalog` is.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::catalog::{Argument, Endpoint, Kind, Resource, Value};

/// What Go's `url.Query()` holds.
pub(super) type Query = BTreeMap<Vec<u8>, Vec<Vec<u8>>>;

/// As `net/http` and [`url.ParseQuery`](https://pkg.go.dev/net/url#ParseQuery) read it; `None` is a 400.
pub(super) fn parse_query(raw: &[u8]) -> Option<Query> {
    if raw.iter().any(|byte| *byte <= b' ' || *byte == 0x7f) {
        return None;
    }
    let mut query = Query::new();
    for pair in raw.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty() && !pair.contains(&b';')) {
        let cut = pair.iter().position(|byte| *byte == b'=');
        let (name, value) = cut.map_or((pair, &b""[..]), |at| (&pair[..at], &pair[at + 1..]));
        if let (Some(name), Some(value)) = (unescape(name), unescape(value)) {
            query.entry(name).or_default().push(value);
        }
    }
    Some(query)
}

fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut meant = Vec::new();
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        meant.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
                u8::try_from(digit(rest.next())? * 16 + digit(rest.next())?).unwrap()
            }
            other => *other,
        });
    }
    Some(meant)
}

/// As `strconv.ParseBool` reads it.
pub(super) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// As `strconv.Atoi` reads it.
pub(super) fn atoi(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// As `strconv.ParseUint` reads it.
pub(super) fn parse_uint(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| !text.starts_with('+'))
}

/// What NATS takes out of `query` for `argument`: nothing for what changes nothing, an error for what it refuses.
fn meaning(argument: &Argument, query: &Query) -> Result<Option<Value>, String> {
    let given = query.get(argument.name.as_bytes()).and_then(|values| values.first());
    let Some(given) = given.filter(|given| !given.is_empty()) else { return Ok(None) };
    let text = String::from_utf8(given.clone()).map_err(|error| error.to_string())?;
    let lower = text.to_lowercase();
    let value = match &argument.kind {
        Kind::Boolean { words } => match parse_bool(&text) {
            Some(flag) => Some(Value::Boolean(flag)),
            None => word(words, &lower),
        },
        Kind::Integer { .. } if argument.name == "cid" => parse_uint(&text).map(|number| Value::Integer(number.into())),
        Kind::Integer { .. } => atoi(&text).map(|number| Value::Integer(number.into())),
        Kind::Word { .. } if argument.name == "state" && lower == "any" => Some(Value::Text("all".into())),
        Kind::Word { words } => word(words, &lower),
        Kind::Text { .. } => Some(Value::Text(text.as_str().into())),
    };
    let value = value.ok_or_else(|| format!("{}={text}", argument.name))?;
    Ok((!argument.is_default(&value)).then_some(value))
}

fn word(words: &[Arc<str>], lower: &str) -> Option<Value> {
    words.iter().find(|word| ***word == *lower).map(|word| Value::Text(Arc::clone(word)))
}

/// Each argument of an endpoint: nothing when it changes nothing, an error when NATS would refuse it.
pub(super) type Meaning = Vec<Result<Option<Value>, String>>;

/// What NATS takes out of `query` for each argument of `endpoint`.
pub(super) fn meanings(endpoint: &Endpoint, query: &Query) -> Meaning {
    endpoint.arguments.iter().map(|argument| meaning(argument, query)).collect()
}

/// What monward decides on.
pub(super) fn decided(endpoint: &Endpoint, resource: &Resource) -> Meaning {
    let given = |at: usize| resource.arguments().iter().find(|(index, _)| *index == at);
    (0..endpoint.arguments.len()).map(|at| Ok(given(at).map(|(_, value)| value.clone()))).collect()
}

/// The path and the query of a target.
pub(super) fn split(target: &[u8]) -> (&[u8], &[u8]) {
    let cut = target.iter().position(|byte| *byte == b'?');
    cut.map_or((target, &b""[..]), |at| (&target[..at], &target[at + 1..]))
}
