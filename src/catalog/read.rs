//! Reads a catalogue file; its format is described in `policies/catalogs/README.md`.

mod asking;

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;
use std::sync::Arc;

use super::model::{Argument, Catalog, Cost, Endpoint, Kind, MAX_COST, RedactionSet, Tag};
use crate::document::{self, Entry, Fault, Faults, Fields, Node, Place};
use crate::redact::{Action, BodyKind};

mod fields;
mod sensitive;
mod series;
mod tenant;

pub(crate) use sensitive::selected;
pub(crate) use series::{read_families, read_label};

const BODIES: [(&str, BodyKind); 3] =
    [("json", BodyKind::Json), ("text", BodyKind::Text), ("exposition", BodyKind::Exposition)];

/// The longest path, argument name or endpoint name, in bytes.
const MAX_NAME: usize = 128;
/// The most arguments of one endpoint: a query with more is refused by its size alone.
const MAX_ARGUMENTS: usize = 64;
/// The longest free text that an argument may take, in bytes.
const MAX_TEXT: i64 = 4096;

/// What can be said of an endpoint.
const ENDPOINT: [&str; 13] = [
    "path",
    "aliases",
    "methods",
    "ask",
    "inject",
    "body",
    "cost",
    "arguments",
    "sensitive",
    "inside",
    "out_of_reach",
    "fields",
    "tenant",
];

/// What a set can do with a tag.
const ACTIONS: [(&str, Action); 5] = [
    ("remove", Action::Remove),
    ("null", Action::Null),
    ("mask", Action::Mask),
    ("pseudonym", Action::Pseudonym),
    ("truncate_ip", Action::TruncateIp),
];

impl Catalog {
    /// Reads `text`, the content of `file`.
    ///
    /// # Errors
    /// Everything that is wrong with it, with places.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Fault>> {
        catalog(file, text, &[]).1
    }
}

/// Reads `text`, the content of `file`, whose name must not be one of `taken`. Also says that name, good file or not.
pub(super) fn catalog(file: &str, text: &str, taken: &[&str]) -> (Option<String>, Result<Catalog, Vec<Fault>>) {
    let root = match document::parse(file, text) {
        Ok(root) => root,
        Err(faults) => return (None, Err(faults)),
    };
    let taken = taken.iter().map(|name| (*name).to_owned()).collect();
    let mut reader = Reader { faults: Faults::new(file), taken, paths: HashMap::new(), name: None };
    let catalog = reader.catalog(&root);
    (reader.name, reader.faults.finish(catalog))
}

struct Reader {
    faults: Faults,
    /// The names of other catalogues.
    taken: Vec<String>,
    /// The name of this one.
    name: Option<String>,
    /// Every path and alias so far, to find the second of its kind.
    paths: HashMap<String, Place>,
}

impl Reader {
    fn catalog(&mut self, root: &Node) -> Option<Catalog> {
        let known = ["version", "catalog", "redactions", "everywhere", "endpoints"];
        let fields = root.fields(&known, &mut self.faults)?;
        self.version(fields);
        self.name = fields.required("catalog", &mut self.faults).and_then(|node| self.name(node));
        let redactions = self.entries(fields.get("redactions"), |reader, entry| Some(reader.redaction(entry)));
        let everywhere = self.sensitive(fields.get("everywhere"));
        let endpoints = fields.required("endpoints", &mut self.faults);
        let endpoints = self.entries(endpoints, Self::endpoint);
        Some(Catalog::new(self.name.clone()?, endpoints, everywhere, redactions))
    }

    fn version(&mut self, fields: Fields<'_>) {
        let node = fields.required("version", &mut self.faults);
        let Some(node) = node else { return };
        if node.integer(&mut self.faults).is_some_and(|version| version != 1) {
            self.faults.at(node, "this version of the format is not known; write `version: 1`");
        }
    }

    /// Reads each entry of a mapping that may be missing.
    fn entries<T>(&mut self, node: Option<&Node>, read: impl Fn(&mut Self, &Entry) -> Option<T>) -> Vec<T> {
        let entries = node.and_then(|node| node.entries(&mut self.faults)).unwrap_or_default();
        entries.iter().filter_map(|entry| read(self, entry)).collect()
    }

    fn redaction(&mut self, entry: &Entry) -> RedactionSet {
        self.plain_name(&entry.key, entry.place);
        let actions = self.entries(Some(&entry.node), |reader, action| {
            let tag = reader.tag(&action.key, action.place);
            Some((tag?, reader.word("action", &action.node, &ACTIONS)?))
        });
        RedactionSet { name: entry.key.clone(), actions }
    }

    fn endpoint(&mut self, entry: &Entry) -> Option<Endpoint> {
        self.plain_name(&entry.key, entry.place);
        let fields = entry.node.fields(&ENDPOINT, &mut self.faults)?;
        let path = fields.required("path", &mut self.faults).and_then(|node| self.path(node));
        let aliases = fields.get("aliases").and_then(|node| node.list(&mut self.faults)).unwrap_or_default();
        let aliases = aliases.iter().filter_map(|node| self.path(node)).collect();
        let methods = self.methods(fields.get("methods"));
        let ask = self.ask(fields.get("ask"));
        let inject = self.inject(fields.get("inject"), ask.as_ref());
        let body = fields.required("body", &mut self.faults);
        let body = body.and_then(|node| self.word("body", node, &BODIES));
        let cost = fields.required("cost", &mut self.faults);
        let cost = cost.and_then(|node| self.word("cost", node, &Cost::ALL));
        let arguments = self.arguments(fields.get("arguments"));
        let (sensitive, series) = self.told(fields, body);
        let out_of_reach = self.tags(fields.get("out_of_reach"));
        let known_fields = fields.get("fields").and_then(|node| self.known_fields(node, body));
        let tenant = fields.get("tenant").and_then(|node| self.tenant(node, body, &arguments));
        let name = entry.key.clone();
        Some(Endpoint {
            name,
            path: path?,
            aliases,
            methods: methods?,
            ask: ask?,
            inject,
            body: body?,
            cost: cost?,
            arguments,
            sensitive,
            series,
            out_of_reach,
            fields: known_fields,
            tenant,
        })
    }

    fn tags(&mut self, node: Option<&Node>) -> Vec<Tag> {
        let items = node.and_then(|node| node.list(&mut self.faults)).unwrap_or_default();
        items.iter().filter_map(|item| self.word("tag", item, &Tag::ALL)).collect()
    }

    fn arguments(&mut self, node: Option<&Node>) -> Vec<Argument> {
        let arguments = self.entries(node, Self::argument);
        if let Some(node) = node.filter(|_| arguments.len() > MAX_ARGUMENTS) {
            self.faults.at(node, format!("an endpoint has at most {MAX_ARGUMENTS} arguments"));
        }
        arguments
    }

    fn argument(&mut self, entry: &Entry) -> Option<Argument> {
        self.argument_name(entry);
        let entries = entry.node.entries(&mut self.faults)?;
        let Some(kind) = entries.iter().find(|field| field.key == "type") else {
            self.faults.push(Some(entry.place), "`type` is missing here");
            return None;
        };
        let readers: [(&str, ReadKind); 4] = [
            ("boolean", Self::boolean),
            ("integer", Self::integer),
            ("word", Self::word_kind),
            ("text", Self::text_kind),
        ];
        let read = self.word("type", &kind.node, &readers)?;
        let kind = read(self, &entry.node)?;
        let fields = entry.node.fields(known_fields(&kind), &mut self.faults)?;
        let explicit = fields.get("explicit").and_then(|node| node.boolean(&mut self.faults)).unwrap_or(false);
        let name = entry.key.clone();
        let cost = fields.get("cost").map_or(Some(NonZeroU32::MIN), |node| self.times(node))?;
        let mut argument = Argument { name, kind, synonyms: Vec::new(), default: None, explicit, cost };
        argument.synonyms = self.entries(fields.get("synonyms"), |reader, synonym| reader.synonym(&argument, synonym));
        self.default(&mut argument, fields.get("default"));
        Some(argument)
    }

    /// How many times as much something costs.
    fn times(&mut self, node: &Node) -> Option<NonZeroU32> {
        let number = node.integer(&mut self.faults)?;
        let cost = u32::try_from(number).ok().and_then(NonZeroU32::new);
        let cost = cost.filter(|cost| (2..=MAX_COST.get()).contains(&cost.get()));
        if cost.is_none() {
            self.faults.at(node, format!("{number} is out of range: 2 to {MAX_COST}, or leave it out"));
        }
        cost
    }

    fn default(&mut self, argument: &mut Argument, node: Option<&Node>) {
        if let Some(node) = node {
            argument.default = node.text(&mut self.faults).and_then(|text| argument.read(text));
            if argument.default.is_none() {
                self.faults.at(node, format!("the default must be {}", argument.kind.expected()));
            }
        } else if matches!(argument.kind, Kind::Boolean { .. }) {
            argument.default = argument.read("false");
        }
    }

    fn synonym(&mut self, argument: &Argument, entry: &Entry) -> Option<(String, Arc<str>)> {
        let same = entry.node.text(&mut self.faults)?;
        if argument.read(same).is_none() {
            self.faults.at(&entry.node, format!("must be {}", argument.kind.expected()));
        } else if argument.read(&entry.key).is_some() || !is_word(&entry.key) {
            self.faults.push(Some(entry.place), "a synonym must be a lower-case word that is not yet a value");
        }
        Some((entry.key.clone(), same.into()))
    }

    fn boolean(&mut self, node: &Node) -> Option<Kind> {
        let words = field(node, "words").map_or_else(|| Some(Vec::new()), |node| self.words(node));
        Some(Kind::Boolean { words: words? })
    }

    fn integer(&mut self, node: &Node) -> Option<Kind> {
        let min = self.required_integer(node, "min");
        let max = self.required_integer(node, "max");
        let (min, max) = (min?, max?);
        if min > max {
            self.faults.at(node, format!("`min` is {min} and `max` only {max}"));
        }
        Some(Kind::Integer { min: min.into(), max: max.into() })
    }

    fn word_kind(&mut self, node: &Node) -> Option<Kind> {
        let Some(words) = field(node, "words") else {
            self.faults.at(node, "`words` is missing here");
            return None;
        };
        Some(Kind::Word { words: self.words(words)? })
    }

    fn text_kind(&mut self, node: &Node) -> Option<Kind> {
        let max = self.required_integer(node, "max_bytes")?;
        let Some(max_bytes) = usize::try_from(max).ok().filter(|_| (1..=MAX_TEXT).contains(&max)) else {
            self.faults.at(node, format!("`max_bytes` must be from 1 to {MAX_TEXT}"));
            return None;
        };
        Some(Kind::Text { max_bytes })
    }

    fn required_integer(&mut self, node: &Node, key: &str) -> Option<i64> {
        let Some(found) = field(node, key) else {
            self.faults.at(node, format!("`{key}` is missing here"));
            return None;
        };
        found.integer(&mut self.faults)
    }

    fn words(&mut self, node: &Node) -> Option<Vec<Arc<str>>> {
        let words = node.texts(&mut self.faults)?;
        let distinct: HashSet<&String> = words.iter().collect();
        if words.is_empty() || distinct.len() < words.len() || !words.iter().all(|word| is_word(word)) {
            self.faults.at(node, "expected different words of lower-case letters, digits, `_` and `-`");
        }
        Some(words.into_iter().map(Arc::from).collect())
    }

    fn name(&mut self, node: &Node) -> Option<String> {
        let text = node.text(&mut self.faults)?;
        self.plain_name(text, node.place);
        if self.taken.iter().any(|taken| taken == text) {
            self.faults.at(node, format!("there is a catalogue `{text}` already; give this one a name of its own"));
        }
        Some(text.to_owned())
    }

    fn plain_name(&mut self, name: &str, place: Place) {
        if !is_word(name) || name.len() > MAX_NAME {
            self.faults.push(Some(place), "a name has lower-case letters, digits, `_` and `-`");
        }
    }

    fn argument_name(&mut self, entry: &Entry) {
        let name = &entry.key;
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
        if name == "callback" {
            self.faults.push(Some(entry.place), "`callback` cannot be an argument: it puts a text before the body");
        } else if name.is_empty() || !plain || name.len() > MAX_NAME {
            self.faults.push(Some(entry.place), "the name of an argument has letters, digits, `_`, `-` and `.`");
        }
    }

    /// A path in its one spelling, that no endpoint has yet.
    fn path(&mut self, node: &Node) -> Option<String> {
        let path = node.text(&mut self.faults)?;
        if !is_canonical(path) {
            self.faults.at(node, format!("`{path}` is not canonical: write `/`, or `/a/b` of unreserved characters"));
            return None;
        }
        if let Some(first) = self.paths.get(path) {
            let line = first.line;
            self.faults.at(node, format!("`{path}` is a path already (line {line})"));
            return None;
        }
        self.paths.insert(path.to_owned(), node.place);
        Some(path.to_owned())
    }

    fn tag(&mut self, name: &str, place: Place) -> Option<Tag> {
        let found = Tag::ALL.iter().find(|(label, _)| *label == name).map(|(_, tag)| *tag);
        if found.is_none() {
            let known = Tag::ALL.map(|(label, _)| label);
            self.faults.push(Some(place), document::unknown("tag", name, &known));
        }
        found
    }

    /// One of a few words with a meaning.
    fn word<T: Copy>(&mut self, what: &str, node: &Node, words: &[(&str, T)]) -> Option<T> {
        let text = node.text(&mut self.faults)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.faults.at(node, document::unknown(what, text, &known));
        }
        found
    }
}

type ReadKind = fn(&mut Reader, &Node) -> Option<Kind>;

const fn known_fields(kind: &Kind) -> &'static [&'static str] {
    match kind {
        Kind::Boolean { .. } => &["type", "words", "default", "explicit", "cost"],
        Kind::Integer { .. } => &["type", "min", "max", "default", "explicit", "cost"],
        Kind::Word { .. } => &["type", "words", "synonyms", "default", "explicit", "cost"],
        Kind::Text { .. } => &["type", "max_bytes", "default", "explicit", "cost"],
    }
}

/// The value of `key` in a mapping; whether other keys are known is checked elsewhere.
fn field<'node>(node: &'node Node, key: &str) -> Option<&'node Node> {
    match &node.value {
        document::Value::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node),
        document::Value::Scalar { .. } | document::Value::List(_) => None,
    }
}

fn is_word(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    !text.is_empty() && text.bytes().all(plain)
}

/// Whether no program between here and the upstream could spell `path` in another way: `/`, or `/a/b` of unreserved
/// characters ([RFC 3986 §2.3](https://www.rfc-editor.org/rfc/rfc3986#section-2.3)), of at most 128 bytes.
#[must_use]
pub fn is_canonical(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let segment = |text: &str| !matches!(text, "" | "." | "..") && text.bytes().all(plain);
    let Some(rest) = path.strip_prefix('/').filter(|_| path.len() <= MAX_NAME) else { return false };
    rest.is_empty() || rest.strip_suffix('/').unwrap_or(rest).split('/').all(segment)
}
