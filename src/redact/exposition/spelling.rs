//! The spellings of one name.
//!
//! In: a name as a rule or a page spells it. Out: what a page makes of it that knows the names of old alone (letters,
//! digits, `_`), so that a name means the same whatever the page can spell ([escaping
//! schemes](https://prometheus.io/docs/instrumenting/escaping_schemes/)). Two names may become one thus: in doubt they are.

use std::borrow::Cow;
use std::iter::once;

use super::sample::{is_label_letter, is_metric_letter};

/// The suffixes that a family's samples may have behind its name.
pub(super) const SUFFIXES: [&[u8]; 8] =
    [b"_bucket", b"_sum", b"_count", b"_total", b"_created", b"_info", b"_gsum", b"_gcount"];

/// What all spellings of a label's name have in common.
pub(super) fn label(name: &[u8]) -> Cow<'_, [u8]> {
    let mut key = match unescaped(name) {
        Some(plain) => Cow::Owned(underscored(plain.as_bytes(), is_label_letter).into_owned()),
        None => underscored(name, is_label_letter),
    };
    if key.first().is_some_and(u8::is_ascii_digit) {
        key.to_mut().iter_mut().take(1).for_each(|first| *first = b'_');
    }
    key
}

/// What a metric or a family could be called on a page of old, as it is and without the suffix of a sample. A first digit
/// stays.
pub(super) fn metric(name: &[u8]) -> Vec<Cow<'_, [u8]>> {
    let mut found = Vec::new();
    for name in once(name).chain(stem(name)) {
        found.push(underscored(name, is_metric_letter));
        let plain = unescaped(name);
        found.extend(plain.map(|plain| Cow::Owned(underscored(plain.as_bytes(), is_metric_letter).into_owned())));
    }
    let stems: Vec<_> = found.iter().filter_map(|name| stem(name)).map(|stem| Cow::Owned(stem.to_vec())).collect();
    found.extend(stems);
    found
}

/// `name` without the suffix of a sample.
pub(super) fn stem(name: &[u8]) -> Option<&[u8]> {
    SUFFIXES.iter().find_map(|suffix| name.strip_suffix(*suffix)).filter(|stem| !stem.is_empty())
}

/// `name` with `_` in the place of each character that is none of the letters of old (`escaping=underscores`).
pub(super) fn underscored(name: &[u8], is_letter: impl Fn(u8) -> bool) -> Cow<'_, [u8]> {
    if name.iter().all(|byte| is_letter(*byte)) {
        return Cow::Borrowed(name);
    }
    let letter = |c: char| u8::try_from(c).ok().filter(|byte| is_letter(*byte)).unwrap_or(b'_');
    Cow::Owned(String::from_utf8_lossy(name).chars().map(letter).collect())
}

/// What `name` stands for when it is escaped by values (`U__my_2e_name`); `None` when it is not.
fn unescaped(name: &[u8]) -> Option<String> {
    let mut rest = std::str::from_utf8(name).ok()?.strip_prefix("U__")?;
    let mut plain = String::new();
    while let Some((before, behind)) = rest.split_once('_') {
        let (code, behind) = behind.split_once('_')?;
        let character = match code {
            "" => '_',
            code if code.len() > 6 || !code.bytes().all(|byte| byte.is_ascii_hexdigit()) => return None,
            code => char::from_u32(u32::from_str_radix(code, 16).ok()?)?,
        };
        plain.push_str(before);
        plain.push(character);
        rest = behind;
    }
    plain.push_str(rest);
    Some(plain)
}
