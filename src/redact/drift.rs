//! The drift alarm: fields of a body that nobody has described.
//!
//! In: the fields that an endpoint is known to have, and a body in any chunking. Out: the paths of those that it has
//! beyond them, without a value and without a name that may be data. Says nothing below an unknown field. Whether the
//! body is JSON at all is for the [`Redactor`](super::Redactor) to judge; of one that is not, what is said means nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::selector::{Segment, SelectorError, Step, path, refusal};
use super::unescape::unescape;

/// Objects and arrays inside each other, at most; further down nothing is looked at.
const MAX_DEPTH: usize = 512;
/// Bytes of a name that are read. A public key is longer: such a name is data.
const MAX_NAME: usize = 48;
/// Unknown fields of one body that are told, at most.
const MAX_FOUND: usize = 32;

/// How a known field is written.
const FORM: &str = "a known field has one name or `[*]` at each step, from the root down";

/// The fields that the answers of an endpoint are known to have.
#[derive(Clone, Debug)]
pub struct KnownFields {
    /// The first is the root.
    nodes: Vec<Node>,
}

/// A place in a body.
#[derive(Clone, Debug, Default)]
struct Node {
    /// Members with a name of their own.
    names: Vec<(String, usize)>,
    /// Elements, and members whose names are data.
    any: Option<usize>,
    /// A text, a number or a boolean may stand here.
    value: bool,
}

impl KnownFields {
    /// The fields at `paths`, each as `$.connections[*].ip`; `[*]` is any element, and any member whose name is data.
    ///
    /// # Errors
    /// Which path is not of this form.
    pub fn parse<'a>(paths: impl IntoIterator<Item = &'a str>) -> Result<Self, SelectorError> {
        let mut known = Self { nodes: vec![Node::default()] };
        for text in paths {
            let at = path(text)?.iter().try_fold(0, |at, segment| known.step(at, segment));
            let at = at.ok_or_else(|| refusal(text, FORM))?;
            known.nodes.get_mut(at).into_iter().for_each(|node| node.value = true);
        }
        Ok(known)
    }

    /// The place below `at` where one step leads; `None` when it leads to several.
    fn step(&mut self, at: usize, segment: &Segment) -> Option<usize> {
        match (segment.descendant, segment.steps.as_slice()) {
            (false, [Step::Name(name)]) => Some(self.below(at, Some(&name.exact))),
            (false, [Step::Any]) => Some(self.below(at, None)),
            (true | false, _) => None,
        }
    }

    /// The place below `at` of this name, made where it is not there.
    fn below(&mut self, at: usize, name: Option<&str>) -> usize {
        let next = self.nodes.len();
        let Some(node) = self.nodes.get_mut(at) else { return at };
        let found = match name {
            Some(name) => node.names.iter().find(|(known, _)| known == name).map(|(_, below)| *below),
            None => node.any,
        };
        if let Some(found) = found {
            return found;
        }
        match name {
            Some(name) => node.names.push((name.to_owned(), next)),
            None => node.any = Some(next),
        }
        self.nodes.push(Node::default());
        next
    }

    fn node(&self, at: Option<usize>) -> Option<&Node> {
        self.nodes.get(at?)
    }
}

/// What is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// A value may begin.
    Value,
    /// A name may begin.
    Name,
    /// Inside a name, perhaps behind a backslash.
    InName { escaped: bool },
    /// Inside a text, perhaps behind a backslash.
    InText { escaped: bool },
    /// A separator or a bracket is to come.
    After,
}

/// An object or array that is open.
struct Level {
    object: bool,
    /// The step that led here.
    step: String,
    /// What is known of it; `None` below what is unknown.
    node: Option<usize>,
}

/// One body that is held against what is known.
pub struct Drift {
    known: Arc<KnownFields>,
    state: State,
    levels: Vec<Level>,
    /// Levels beyond those that are kept.
    deeper: usize,
    /// The step to the value to come, and what is known of it.
    step: String,
    node: Option<usize>,
    name: Vec<u8>,
    found: BTreeSet<String>,
}

impl Drift {
    /// Begins a body.
    #[must_use]
    pub fn new(known: Arc<KnownFields>) -> Self {
        Self {
            known,
            state: State::Value,
            levels: Vec::new(),
            deeper: 0,
            step: String::new(),
            node: Some(0),
            name: Vec::new(),
            found: BTreeSet::new(),
        }
    }

    /// Takes the next bytes of the body.
    pub fn push(&mut self, mut chunk: &[u8]) {
        while let Some((byte, rest)) = chunk.split_first() {
            chunk = match self.state {
                State::InName { escaped } => {
                    self.in_name(*byte, escaped);
                    rest
                }
                State::InText { escaped: true } => {
                    self.state = State::InText { escaped: false };
                    rest
                }
                State::InText { escaped: false } => self.in_text(chunk),
                State::Value | State::Name | State::After => {
                    self.outside(*byte);
                    rest
                }
            };
        }
    }

    /// The unknown fields so far, in order, 32 at most: `$.connections[*].token`, or `$.a[*]` where only `$.a` is known and
    /// has turned into something with fields of its own.
    #[must_use]
    pub fn finish(self) -> BTreeSet<String> {
        self.found
    }

    fn in_name(&mut self, byte: u8, escaped: bool) {
        if byte == b'"' && !escaped {
            self.state = State::After;
            return self.named();
        }
        self.state = State::InName { escaped: byte == b'\\' && !escaped };
        // One more than is read, so that a longer name shows.
        if self.name.len() <= MAX_NAME {
            self.name.push(byte);
        }
    }

    /// Skips to the end of a text, or to its next backslash; says what follows.
    fn in_text<'c>(&mut self, chunk: &'c [u8]) -> &'c [u8] {
        let Some(at) = memchr::memchr2(b'"', b'\\', chunk) else { return &[] };
        let escape = chunk.get(at) == Some(&b'\\');
        self.state = if escape { State::InText { escaped: true } } else { State::After };
        chunk.get(at + 1..).unwrap_or_default()
    }

    fn outside(&mut self, byte: u8) {
        match byte {
            b'{' | b'[' => self.open(byte == b'{'),
            b'}' | b']' => self.close(),
            b',' => self.next(),
            b':' => self.state = State::Value,
            b'"' if self.state == State::Name => {
                self.name.clear();
                self.state = State::InName { escaped: false };
            }
            b'"' => {
                self.value();
                self.state = State::InText { escaped: false };
            }
            b' ' | b'\t' | b'\n' | b'\r' => {}
            _ if self.state == State::Value => {
                // `null` is what a field has that has nothing.
                if byte != b'n' {
                    self.value();
                }
                self.state = State::After;
            }
            // The rest of a number or of a word.
            _ => {}
        }
    }

    fn open(&mut self, object: bool) {
        self.element();
        self.state = if object { State::Name } else { State::Value };
        if self.levels.len() == MAX_DEPTH {
            self.deeper += 1;
            return;
        }
        let step = std::mem::take(&mut self.step);
        self.levels.push(Level { object, step, node: self.node });
        self.arrive();
    }

    fn close(&mut self) {
        if self.deeper > 0 {
            self.deeper -= 1;
        } else {
            self.levels.pop();
        }
        self.state = State::After;
    }

    fn next(&mut self) {
        let object = self.levels.last().is_some_and(|level| level.object);
        self.state = if object { State::Name } else { State::Value };
        self.arrive();
    }

    /// Stands before the next member or element.
    fn arrive(&mut self) {
        self.node = None;
        self.step.clear();
    }

    /// A text, a number or a boolean begins.
    fn value(&mut self) {
        self.element();
        if self.known.node(self.node).is_some_and(|node| !node.value) {
            self.tell();
        }
    }

    /// In an array, goes down to the element that begins.
    fn element(&mut self) {
        let Some(level) = self.levels.last().filter(|level| !level.object && self.deeper == 0) else { return };
        let Some(node) = self.known.node(level.node) else { return };
        "[*]".clone_into(&mut self.step);
        self.node = node.any;
        if node.any.is_none() {
            self.tell();
        }
    }

    /// Goes down to the member whose name has ended.
    fn named(&mut self) {
        let Some(level) = self.levels.last().filter(|_| self.deeper == 0) else { return };
        let Some(node) = self.known.node(level.node) else { return };
        let mut name = Vec::new();
        unescape(&self.name, &mut name);
        let own = node.names.iter().find(|(known, _)| known.as_bytes() == name);
        self.node = own.map(|(_, below)| *below).or(node.any);
        // Where no name is known, names may be data.
        let shown = if own.is_some() || !node.names.is_empty() { field(&name) } else { None };
        self.step = shown.filter(|_| own.is_some() || node.any.is_none()).unwrap_or_else(|| "[*]".to_owned());
        if self.node.is_none() {
            self.tell();
        }
    }

    fn tell(&mut self) {
        if self.found.len() < MAX_FOUND {
            let steps = self.levels.iter().map(|level| level.step.as_str());
            let path: String = std::iter::once("$").chain(steps).chain(std::iter::once(self.step.as_str())).collect();
            self.found.insert(path);
        }
    }
}

/// The step to the member `name`, unless it may be data: names of accounts and keys are seldom written as fields are.
fn field(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok().filter(|name| name.len() <= MAX_NAME)?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let is_field = name.starts_with(|first: char| first.is_ascii_lowercase()) && name.bytes().all(plain);
    is_field.then(|| format!(".{name}"))
}
