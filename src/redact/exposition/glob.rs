//! Names of families, with `*` for any run of characters.

/// A name in which `*` stands for anything, also for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob {
    text: String,
    /// How a page spells it that knows the names of old alone (`escaping=underscores`).
    escaped: Option<String>,
}

impl Glob {
    /// `None` when it is empty, or longer than any name should be.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let good = (1..=512).contains(&text.len()) && !text.chars().any(char::is_control);
        good.then(|| Self { text: text.to_owned(), escaped: underscored(text) })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn fits(&self, name: &[u8]) -> bool {
        fits(self.text.as_bytes(), name) || self.escaped.as_ref().is_some_and(|text| fits(text.as_bytes(), name))
    }
}

/// `name` with `_` in the place of each character that names of old cannot have; `None` where that changes nothing.
pub(super) fn underscored(name: &str) -> Option<String> {
    let old = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '*');
    let escaped: String = name.chars().map(|c| if old(c) { c } else { '_' }).collect();
    (escaped != name).then_some(escaped)
}

/// In time of the lengths' product at most, whatever the pattern.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut place) = (0, 0);
    // Where the last star stands, and how much of the name it has taken.
    let mut star = None;
    while place < name.len() {
        match (pattern.get(at), star) {
            (Some(b'*'), _) => {
                star = Some((at, place));
                at += 1;
            }
            (Some(byte), _) if name.get(place) == Some(byte) => {
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
