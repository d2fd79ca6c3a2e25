//! Names as the most lenient reader of the body sees them.
//!
//! Go's `encoding/json` finds a struct field by name without regard to case, under Unicode's simple folding (so `ſ`
//! is an `s` and the Kelvin sign a `k`); other readers trim or drop what cannot be seen. A rule must hold for all
//! of them, so names are compared after folding case and dropping control, space and format characters. What is
//! equal then is the same name; a name too many is redacted rather than one too few.

/// The name in the form in which names are compared.
pub(super) fn fold(name: &str) -> String {
    name.chars().filter(|c| !is_invisible(*c)).map(fold_char).collect()
}

/// Whether folding `byte` of a name without escapes is [`u8::to_ascii_lowercase`] and nothing more.
pub(super) const fn is_plain(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e)
}

/// One representative of all characters that differ in case only.
///
/// Up and down again, because some lower-case letters meet only in the upper case (`ς` and `σ`, `ſ` and `s`). A few
/// characters meet here that simple folding keeps apart (`ı` and `i`).
fn fold_char(c: char) -> char {
    match c {
        _ if c.is_ascii() => c.to_ascii_lowercase(),
        '\u{130}' => 'i',
        _ => single(single(c, char::to_uppercase), char::to_lowercase),
    }
}

fn single<I: Iterator<Item = char>>(c: char, map: impl Fn(char) -> I) -> char {
    let mut mapped = map(c);
    match (mapped.next(), mapped.next()) {
        (Some(only), None) => only,
        _ => c,
    }
}

/// Control, space, format and default-ignorable characters ([UAX #44](https://www.unicode.org/reports/tr44/)).
fn is_invisible(c: char) -> bool {
    c.is_control() || c.is_whitespace() || INVISIBLE.iter().any(|(first, last)| (*first..=*last).contains(&c))
}

const INVISIBLE: &[(char, char)] = &[
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];
