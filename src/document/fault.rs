//! What is wrong in a file, and where.

use std::fmt;
use std::sync::Arc;

use super::Node;

/// Where something stands in a file; both count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// A place in one of several files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The file, as the operator named it.
    pub file: Arc<str>,
    /// Where in it.
    pub place: Place,
}

/// One thing that is wrong in a file, in words for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file, as the operator named it.
    pub file: String,
    /// Where; `None` when the file as a whole is meant.
    pub place: Option<Place>,
    /// What is wrong and what to do, lower case, no full stop.
    pub message: String,
}

impl Fault {
    /// Something wrong at `position`.
    #[must_use]
    pub fn new(position: &Position, message: impl Into<String>) -> Self {
        Self { file: position.file.to_string(), place: Some(position.place), message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some(place) => write!(f, "{}:{}:{}: {}", self.file, place.line, place.column, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

/// The faults of one file after another, collected while they are read.
#[derive(Debug)]
pub struct Faults {
    file: Arc<str>,
    list: Vec<Fault>,
}

impl Faults {
    /// No faults yet in `file`.
    #[must_use]
    pub fn new(file: &str) -> Self {
        Self { file: file.into(), list: Vec::new() }
    }

    /// Goes on with `file`: what is noted from now on is wrong there.
    pub fn turn_to(&mut self, file: &str) {
        self.file = file.into();
    }

    /// `place` in the file at hand.
    #[must_use]
    pub fn position(&self, place: Place) -> Position {
        Position { file: Arc::clone(&self.file), place }
    }

    /// Notes a fault at `node`.
    pub fn at(&mut self, node: &Node, message: impl Into<String>) {
        self.push(Some(node.place), message);
    }

    /// Notes a fault at `place`, or of the file as a whole.
    pub fn push(&mut self, place: Option<Place>, message: impl Into<String>) {
        self.list.push(Fault { file: self.file.to_string(), place, message: message.into() });
    }

    /// Takes over faults that were found in another file.
    pub fn extend(&mut self, others: Vec<Fault>) {
        self.list.extend(others);
    }

    /// Whether nothing is wrong so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// `value` when there were no faults, else all of them, in the order of their places.
    ///
    /// # Errors
    /// The faults, when there are any.
    pub fn finish<T>(mut self, value: Option<T>) -> Result<T, Vec<Fault>> {
        self.list.sort_by(|a, b| (&a.file, a.place).cmp(&(&b.file, b.place)));
        match value {
            Some(value) if self.list.is_empty() => Ok(value),
            Some(_) | None if !self.list.is_empty() => Err(self.list),
            Some(_) | None => {
                self.push(None, "is incomplete");
                Err(self.list)
            }
        }
    }
}
