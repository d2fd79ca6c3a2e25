//! A YAML document as a tree with places, and the faults found in it.
//!
//! In: the text of a configuration, policy, catalogue or cases file. Out: a [`Node`] whose every value knows
//! its line and column, so that a reader can go on after a fault and report **all** of them at once.
//! Refused here, before anybody looks inside: anchors and aliases (no expansion bombs), tags, several documents,
//! duplicate keys, keys that are not plain text, more than [`MAX_BYTES`] or [`MAX_DEPTH`].

mod fault;
mod parse;
mod words;

pub use fault::{Fault, Faults, Place, Position};
pub use parse::parse;
pub use words::{quoted, unknown};

/// The longest file that is read, in bytes.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;
/// The deepest nesting that is read.
pub const MAX_DEPTH: usize = 64;

/// One value of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// The kinds of value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A scalar: its text, and whether it was quoted (`"5"` is text, `5` is a number).
    Scalar {
        /// The text, unquoted.
        text: String,
        /// Whether it was written in quotes or as a block.
        quoted: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<Entry>),
}

/// One entry of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// Its value.
    pub node: Node,
}

impl Node {
    /// What kind of value it is, in the operator's words.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self.value {
            Value::Scalar { .. } => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// The text of a scalar, quoted or not; a fault when it is something else.
    pub fn text(&self, faults: &mut Faults) -> Option<&str> {
        if let Value::Scalar { text, .. } = &self.value {
            return Some(text);
        }
        faults.at(self, format!("expected text, found {}", self.kind()));
        None
    }

    /// The items of a list; a fault when it is something else.
    pub fn list(&self, faults: &mut Faults) -> Option<&[Node]> {
        if let Value::List(items) = &self.value {
            return Some(items);
        }
        let hint = match &self.value {
            Value::Scalar { text, .. } if text.len() <= 40 => format!("; write `[{text}]`"),
            Value::Scalar { .. } | Value::List(_) | Value::Map(_) => String::new(),
        };
        faults.at(self, format!("expected a list, found {}{hint}", self.kind()));
        None
    }

    /// The entries of a mapping; a fault when it is something else.
    pub fn entries(&self, faults: &mut Faults) -> Option<&[Entry]> {
        if let Value::Map(entries) = &self.value {
            return Some(entries);
        }
        faults.at(self, format!("expected a mapping, found {}", self.kind()));
        None
    }

    /// A list of texts; a fault for each item that is not one.
    pub fn texts(&self, faults: &mut Faults) -> Option<Vec<String>> {
        let items = self.list(faults)?;
        Some(items.iter().filter_map(|item| item.text(faults).map(str::to_owned)).collect())
    }

    /// A whole number, written without quotes.
    pub fn integer(&self, faults: &mut Faults) -> Option<i64> {
        if let Value::Scalar { text, quoted: false } = &self.value
            && let Ok(number) = text.parse()
        {
            return Some(number);
        }
        faults.at(self, "expected a whole number");
        None
    }

    /// `true` or `false`, written without quotes.
    pub fn boolean(&self, faults: &mut Faults) -> Option<bool> {
        match &self.value {
            Value::Scalar { text, quoted: false } if text == "true" => Some(true),
            Value::Scalar { text, quoted: false } if text == "false" => Some(false),
            Value::Scalar { .. } | Value::List(_) | Value::Map(_) => {
                faults.at(self, "expected `true` or `false`");
                None
            }
        }
    }

    /// The fields of a mapping that may have only the keys `known`; each other key is a fault.
    pub fn fields<'node>(&'node self, known: &[&str], faults: &mut Faults) -> Option<Fields<'node>> {
        let entries = self.entries(faults)?;
        for entry in entries {
            if !known.contains(&entry.key.as_str()) {
                faults.push(Some(entry.place), unknown("key", &entry.key, known));
            }
        }
        Some(Fields { place: self.place, entries })
    }
}

/// The fields of a mapping.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'node> {
    place: Place,
    entries: &'node [Entry],
}

impl<'node> Fields<'node> {
    /// The value of `key`, when it is there.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'node Node> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// The value of `key`; a fault when it is missing.
    pub fn required(&self, key: &str, faults: &mut Faults) -> Option<&'node Node> {
        let found = self.get(key);
        if found.is_none() {
            faults.push(Some(self.place), format!("`{key}` is missing here"));
        }
        found
    }

    /// Demands `version: 1`, the only one there is; a fault when it is missing or another one.
    pub fn version(&self, faults: &mut Faults) {
        if let Some(node) = self.required("version", faults)
            && node.integer(faults).is_some_and(|version| version != 1)
        {
            faults.at(node, "unknown version; known is `1`");
        }
    }

    /// Where the mapping begins.
    #[must_use]
    pub const fn place(&self) -> Place {
        self.place
    }
}

#[cfg(test)]
pub(crate) mod spoiled;

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        parse("x.yaml", text).err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn values_know_their_places() {
        let node = parse("x.yaml", "a: 1\nb:\n  - \"2\"\n").unwrap();
        let mut faults = Faults::new("x.yaml");
        let fields = node.fields(&["a", "b"], &mut faults).unwrap();
        assert_eq!(fields.get("a").unwrap().place, Place { line: 1, column: 4 });
        let list = fields.get("b").unwrap().list(&mut faults).unwrap();
        assert_eq!(list[0].place, Place { line: 3, column: 5 });
        assert_eq!(list[0].value, Value::Scalar { text: "2".to_owned(), quoted: true });
        assert!(faults.is_empty());
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for (text, message) in [
            ("a: 1\na: 2\n", "x.yaml:2:1: `a` stands here a second time (first on line 1)"),
            ("a: &x 1\nb: *x\n", "x.yaml:1:4: anchors, aliases and tags are not accepted; write the value out"),
            ("a: !!str 1\n", "x.yaml:1:4: anchors, aliases and tags are not accepted; write the value out"),
            ("a: 1\n---\nb: 2\n", "x.yaml:2:1: a second document begins here; write one document per file"),
            ("? [a]\n: 1\n", "x.yaml:1:3: a key must be plain text"),
            ("", "x.yaml: is empty"),
        ] {
            assert_eq!(messages(text), [message], "{text:?}");
        }
    }

    #[test]
    fn a_syntax_error_has_its_place() {
        let found = messages("a: [1, 2\nb: 3\n");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("x.yaml:2:"), "{found:?}");
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let deep = "[".repeat(MAX_DEPTH + 2) + &"]".repeat(MAX_DEPTH + 2);
        assert!(messages(&deep)[0].contains("nested deeper"));
        assert!(messages(&" ".repeat(MAX_BYTES + 1))[0].contains("the most is"));
    }

    #[test]
    fn all_unknown_keys_are_found_at_once_with_a_guess() {
        let node = parse("x.yaml", "rolse: 1\nzebra: 2\nroles: 3\n").unwrap();
        let mut faults = Faults::new("x.yaml");
        node.fields(&["roles", "rules"], &mut faults);
        let found: Vec<String> = faults.finish(None::<()>).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "x.yaml:1:1: unknown key `rolse`; did you mean `roles`?",
                "x.yaml:2:1: unknown key `zebra`; known are `roles`, `rules`",
            ]
        );
    }
}
