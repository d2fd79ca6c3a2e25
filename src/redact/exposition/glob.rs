//! Names of families, with `*` for any run of characters.

use super::sample::is_metric_letter;
use super::spelling::{metric, stem, underscored};

/// A name in which `*` stands for anything, also for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob {
    text: String,
    /// What it could mean as pages of old spell it: itself, and without the suffix of a sample.
    spellings: Vec<Vec<u8>>,
}

impl Glob {
    /// `None` when it is empty, or longer than any name should be.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let good = (1..=512).contains(&text.len()) && !text.chars().any(char::is_control);
        good.then(|| Self { text: text.to_owned(), spellings: spellings(text) })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it means `name` to the letter.
    pub(super) fn is(&self, name: &[u8]) -> bool {
        fits(self.text.as_bytes(), name, |_, one, other| one == other)
    }

    /// Whether it could mean a metric that is spelled in one of these ways ([`metric`]).
    pub(super) fn may_be<'a>(&self, mut names: impl Iterator<Item = &'a [u8]>) -> bool {
        // A page of old has `_` in the place of a first digit.
        let first = |byte: u8| if byte.is_ascii_digit() { b'_' } else { byte };
        let alike = |place, one, other| one == other || (place == 0 && first(one) == first(other));
        names.any(|name| self.spellings.iter().any(|spelling| fits(spelling, name, alike)))
    }
}

fn spellings(text: &str) -> Vec<Vec<u8>> {
    if !text.contains('*') {
        return metric(text.as_bytes()).into_iter().map(Vec::from).collect();
    }
    let text = underscored(text.as_bytes(), |byte| is_metric_letter(byte) || byte == b'*').into_owned();
    // Without its suffix `*_total` would be everything.
    let base = stem(&text).filter(|stem| stem.iter().any(|byte| *byte != b'*')).map(<[u8]>::to_vec);
    std::iter::once(text).chain(base).collect()
}

/// In time of the lengths' product at most, whatever the pattern. `alike` compares two bytes, at that place of the name.
fn fits(pattern: &[u8], name: &[u8], alike: impl Fn(usize, u8, u8) -> bool) -> bool {
    let (mut at, mut place) = (0, 0);
    // Where the last star stands, and how much of the name it has taken.
    let mut star = None;
    while let Some(letter) = name.get(place) {
        match (pattern.get(at), star) {
            (Some(b'*'), _) => {
                star = Some((at, place));
                at += 1;
            }
            (Some(byte), _) if alike(place, *byte, *letter) => {
                at += 1;
                place += 1;
            }
            (_, Some((before, taken))) => {
                star = Some((before, taken + 1));
                (at, place) = (before + 1, taken + 1);
            }
            (_, None) => return false,
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}
