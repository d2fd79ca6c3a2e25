//! How the values of arguments are read and described.

use std::sync::Arc;

use super::model::{Argument, Kind, Value};
use crate::redact::is_secret_shaped;

/// What Go's [`strconv.ParseBool`](https://pkg.go.dev/strconv#ParseBool) takes for true.
const TRUE: [&str; 6] = ["1", "t", "T", "TRUE", "true", "True"];
/// And for false.
const FALSE: [&str; 6] = ["0", "f", "F", "FALSE", "false", "False"];

impl Argument {
    /// The value that `text` (decoded, not empty) means in its one canonical form; `None` when it is not one.
    #[must_use]
    pub fn read(&self, text: &str) -> Option<Value> {
        match &self.kind {
            Kind::Boolean { .. } if TRUE.contains(&text) => Some(Value::Boolean(true)),
            Kind::Boolean { .. } if FALSE.contains(&text) => Some(Value::Boolean(false)),
            Kind::Boolean { words } | Kind::Word { words } => self.word(words, text),
            Kind::Integer { min, max } => {
                decimal(text).filter(|number| (min..=max).contains(&number)).map(Value::Integer)
            }
            Kind::Text { max_bytes } => {
                let fits = (1..=*max_bytes).contains(&text.len());
                let printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
                // A credential typed into a filter would end in records and upstream; no account or name looks like one.
                (fits && printable && !is_secret_shaped(text)).then(|| Value::Text(text.into()))
            }
        }
    }

    fn word(&self, words: &[Arc<str>], text: &str) -> Option<Value> {
        let synonym = self.synonyms.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
        let meant = synonym.map_or(text, |(_, same)| same);
        words.iter().find(|word| word.eq_ignore_ascii_case(meant)).map(|word| Value::Text(Arc::clone(word)))
    }

    /// Whether `value` changes nothing, because the upstream assumes it anyway.
    #[must_use]
    pub fn is_default(&self, value: &Value) -> bool {
        self.default.as_ref() == Some(value)
    }
}

impl Kind {
    /// What the values look like, for messages: `a whole number from 1 to 100`.
    #[must_use]
    pub fn expected(&self) -> String {
        match self {
            Self::Boolean { words } if words.is_empty() => "a boolean (`1` or `0`)".to_owned(),
            Self::Boolean { words } => format!("a boolean (`1` or `0`) or one of `{}`", words.join("`, `")),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Word { words } => format!("one of `{}`", words.join("`, `")),
            Self::Text { max_bytes } => format!("1 to {max_bytes} printable ASCII characters, and no credential"),
        }
    }
}

/// A whole number without sign `+`, leading zeros, separators or exponent: one spelling per number.
fn decimal(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let padded = digits.starts_with('0') && text != "0";
    if plain && !padded { text.parse().ok() } else { None }
}
