//! From YAML's events to a tree.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::{Entry, Fault, Faults, MAX_BYTES, MAX_DEPTH, Node, Place, Value};

/// Reads `text`, the content of `file`.
///
/// # Errors
/// One fault for a syntax error (nothing behind it can be trusted), all of them for duplicate keys.
pub fn parse(file: &str, text: &str) -> Result<Node, Vec<Fault>> {
    let mut faults = Faults::new(file);
    if text.len() > MAX_BYTES {
        faults.push(None, format!("is {} bytes long, the most is {MAX_BYTES}", text.len()));
        return faults.finish(None);
    }
    let mut builder = Builder { parser: Parser::new_from_str(text), faults };
    let node = builder.document();
    builder.faults.finish(node)
}

struct Builder<'input> {
    parser: Parser<'input, saphyr_parser::StrInput<'input>>,
    faults: Faults,
}

impl<'input> Builder<'input> {
    fn next(&mut self) -> Option<(Event<'input>, Place)> {
        match self.parser.next_event()? {
            Ok((event, span)) => Some((event, place(span))),
            Err(error) => {
                let marker = error.marker();
                let place = Place { line: marker.line(), column: marker.col() + 1 };
                self.faults.push(Some(place), format!("is not valid YAML here: {}", error.info()));
                None
            }
        }
    }

    /// `StreamStart DocumentStart value DocumentEnd StreamEnd`, and nothing else.
    fn document(&mut self) -> Option<Node> {
        self.next()?;
        let (event, _) = self.next()?;
        if event == Event::StreamEnd {
            self.faults.push(None, "is empty");
            return None;
        }
        let (event, at) = self.next()?;
        let node = self.value(event, at, 0)?;
        self.next()?;
        let (event, at) = self.next()?;
        if event != Event::StreamEnd {
            self.faults.push(Some(at), "a second document begins here; write one document per file");
            return None;
        }
        Some(node)
    }

    fn value(&mut self, event: Event<'input>, at: Place, depth: usize) -> Option<Node> {
        if depth > MAX_DEPTH {
            self.faults.push(Some(at), format!("is nested deeper than {MAX_DEPTH}"));
            return None;
        }
        if has_anchor_or_tag(&event) {
            self.faults.push(Some(at), "anchors, aliases and tags are not accepted; write the value out");
            return None;
        }
        let value = match event {
            Event::Scalar(text, style, _, _) => {
                Value::Scalar { text: text.into_owned(), quoted: style != ScalarStyle::Plain }
            }
            Event::SequenceStart(..) => Value::List(self.list(depth)?),
            Event::MappingStart(..) => Value::Map(self.map(depth)?),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::Alias(_)
            | Event::SequenceEnd
            | Event::MappingEnd => {
                self.faults.push(Some(at), "a value is missing here");
                return None;
            }
        };
        Some(Node { place: at, value })
    }

    fn list(&mut self, depth: usize) -> Option<Vec<Node>> {
        let mut items = Vec::new();
        loop {
            let (event, at) = self.next()?;
            if event == Event::SequenceEnd {
                return Some(items);
            }
            items.push(self.value(event, at, depth + 1)?);
        }
    }

    fn map(&mut self, depth: usize) -> Option<Vec<Entry>> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut lines: HashMap<String, usize> = HashMap::new();
        loop {
            let (event, at) = self.next()?;
            if event == Event::MappingEnd {
                return Some(entries);
            }
            let Value::Scalar { text: key, .. } = self.value(event, at, depth + 1)?.value else {
                self.faults.push(Some(at), "a key must be plain text");
                return None;
            };
            let (event, value_at) = self.next()?;
            let node = self.value(event, value_at, depth + 1)?;
            if let Some(line) = lines.get(&key) {
                self.faults.push(Some(at), format!("`{key}` stands here a second time (first on line {line})"));
            } else {
                lines.insert(key.clone(), at.line);
                entries.push(Entry { key, place: at, node });
            }
        }
    }
}

fn place(span: Span) -> Place {
    Place { line: span.start.line(), column: span.start.col() + 1 }
}

fn has_anchor_or_tag(event: &Event<'_>) -> bool {
    match event {
        Event::Alias(_) => true,
        Event::Scalar(_, _, anchor, tag) | Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => {
            *anchor != 0 || tag.is_some()
        }
        Event::Nothing
        | Event::StreamStart
        | Event::StreamEnd
        | Event::DocumentStart(_)
        | Event::DocumentEnd
        | Event::SequenceEnd
        | Event::MappingEnd => false,
    }
}
