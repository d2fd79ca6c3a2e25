//! Whether what a rule takes out of one answer shows in another.
//!
//! In: answers as the upstream gave them, and what was left of them. Out: where a text that was taken out of any of them
//! is seen all the same. Reads with its own means: a mistake of the redaction is none of its own.

use std::collections::BTreeSet;
use std::sync::Arc;

use memchr::memmem;
use serde_json::Value;

use crate::redact::{Plan, Pseudonyms, RedactError, Touch, Touched, is_secret_shaped, touched};

/// Shorter texts are too common to tell anything: `client`, `2.10.1`.
const LEAST: usize = 8;

/// The texts that one rule takes out. They are secrets: there is no way to show them.
#[derive(Default)]
pub struct Canaries(BTreeSet<String>);

impl Canaries {
    /// Adds what `plan` takes out of `body`.
    ///
    /// # Errors
    /// When the body cannot be trusted.
    pub fn gather(&mut self, plan: &Arc<Plan>, pseudonyms: &Arc<Pseudonyms>, body: &[u8]) -> Result<(), RedactError> {
        let (touches, _) = touched(plan, pseudonyms, body)?;
        self.0.extend(touches.iter().flat_map(|touch| texts(touch, body)));
        Ok(())
    }

    /// Forgets what `plan` leaves in `body` of what `fields` would take out: it may be seen, and so proves nothing where
    /// it is seen.
    ///
    /// # Errors
    /// When the body cannot be trusted.
    pub fn forget(
        &mut self,
        (plan, fields): (&Arc<Plan>, &Arc<Plan>),
        pseudonyms: &Arc<Pseudonyms>,
        body: &[u8],
    ) -> Result<(), RedactError> {
        let (gone, _) = touched(plan, pseudonyms, body)?;
        let (found, _) = touched(fields, pseudonyms, body)?;
        let gone: BTreeSet<&str> = gone.iter().map(|touch| touch.path.as_str()).collect();
        // A path that begins with another one, up to a step, is below it.
        let is_left = |path: &str| {
            let steps = path.char_indices().filter(|(_, letter)| matches!(letter, '.' | '[')).map(|(at, _)| at);
            !steps.chain(std::iter::once(path.len())).any(|end| path.get(..end).is_some_and(|path| gone.contains(path)))
        };
        for touch in found.iter().filter(|touch| is_left(&touch.path)) {
            for text in texts(touch, body) {
                self.0.remove(&text);
            }
        }
        Ok(())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where one of them is seen in `body`, and where something looks like a secret: paths without places in lists,
    /// each once.
    #[must_use]
    pub fn seen_in(&self, body: &[u8]) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        match serde_json::from_slice(body) {
            Ok(value) => self.look(&value, &mut "$".to_owned(), &mut seen),
            Err(_) if self.betrays(&String::from_utf8_lossy(body)) => drop(seen.insert("$".to_owned())),
            Err(_) => {}
        }
        seen
    }

    fn look(&self, value: &Value, path: &mut String, seen: &mut BTreeSet<String>) {
        let length = path.len();
        match value {
            Value::String(text) if self.betrays(text) => drop(seen.insert(path.clone())),
            Value::Array(items) => {
                path.push_str("[*]");
                for item in items {
                    self.look(item, path, seen);
                }
            }
            Value::Object(members) => {
                for (name, value) in members {
                    self.step(name, path, seen);
                    self.look(value, path, seen);
                    path.truncate(length);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        path.truncate(length);
    }

    /// Goes down to the member `name`.
    fn step(&self, name: &str, path: &mut String, seen: &mut BTreeSet<String>) {
        if self.betrays(name) {
            path.push_str("[*]");
            seen.insert(format!("the name of {path}"));
        } else {
            path.push('.');
            path.push_str(name);
        }
    }

    fn betrays(&self, text: &str) -> bool {
        let has = |canary: &String| memmem::find(text.as_bytes(), canary.as_bytes()).is_some();
        is_secret_shaped(text) || self.0.iter().any(has)
    }
}

/// The texts that go at one place, but the short ones.
fn texts(touch: &Touch, body: &[u8]) -> Vec<String> {
    let at = usize::try_from(touch.offset).unwrap_or(usize::MAX);
    let rest = body.get(at..).unwrap_or_default();
    let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<Value>();
    let Some(Ok(first)) = values.next() else { return Vec::new() };
    // Where a member goes as a whole, its name comes first.
    let behind = rest.get(values.byte_offset()..).unwrap_or_default().trim_ascii_start();
    let member = behind.strip_prefix(b":").filter(|_| touch.what == Touched::Value && touch.parts.is_empty());
    let member = member.and_then(|rest| serde_json::Deserializer::from_slice(rest).into_iter::<Value>().next()?.ok());
    let found: Vec<String> = match member.unwrap_or(first) {
        Value::String(text) if touch.parts.is_empty() => vec![text],
        Value::String(text) => {
            touch.parts.iter().filter_map(|part| text.get(part.clone()).map(str::to_owned)).collect()
        }
        Value::Array(items) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
        // An object that goes as a whole may hold what may be seen elsewhere: a decoded JWT tells whose account it is.
        Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    };
    found.into_iter().filter(|text| text.len() >= LEAST).collect()
}
