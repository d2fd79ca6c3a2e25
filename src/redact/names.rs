//! The names of all rules of a plan.
//!
//! In: a member's name. Out: the positions that wait for it. Most names of a body are no rule's: a few letters and the
//! length of a plain name rule out nearly all of them.

use super::fold::{fold, is_plain};
use super::index::Prints;

/// The names of all rules, each with the positions that wait for it.
#[derive(Debug)]
pub(super) struct Names {
    entries: Vec<Entry>,
    /// By mark: one more than the place of the first entry with it.
    first: Vec<usize>,
    prints: Prints,
}

#[derive(Debug)]
struct Entry {
    name: String,
    set: Vec<u64>,
    /// One more than the place of the next entry with this mark.
    next: usize,
}

/// How many different marks there are.
const MARKS: usize = 1024;

/// What is the same for all spellings of a name without escapes, but for few other names.
#[inline]
fn mark(name: &[u8]) -> usize {
    let letter = |at: usize| name.get(at).map_or(0, |byte| usize::from(byte & 0x1f));
    let [first, middle, last] = [0, name.len() / 2, name.len().saturating_sub(1)].map(letter);
    (first * 37 + middle * 11 + last * 5 + (name.len() & 0x3f) * 173) % MARKS
}

impl Default for Names {
    fn default() -> Self {
        Self { entries: Vec::new(), first: vec![0; MARKS], prints: Prints::default() }
    }
}

impl Names {
    /// The positions that wait for `name`, which is folded.
    pub(super) fn entry(&mut self, name: &str, width: usize) -> &mut [u64] {
        let known = self.entries.iter().position(|entry| entry.name == name);
        let place = known.unwrap_or(self.entries.len());
        if known.is_none() {
            let next = self.first.get_mut(mark(name.as_bytes())).map_or(0, |first| std::mem::replace(first, place + 1));
            self.prints.add(name);
            self.entries.push(Entry { name: name.to_owned(), set: vec![0; width], next });
        }
        self.entries.get_mut(place).map_or(&mut [], |entry| entry.set.as_mut_slice())
    }

    /// How the names begin.
    pub(super) fn prints(&self) -> &Prints {
        &self.prints
    }

    /// Whether `key`, all of plain letters, might be one of the names.
    #[inline]
    pub(super) fn may_have(&self, key: &[u8]) -> bool {
        self.first.get(mark(key)).is_some_and(|first| *first != 0)
    }

    /// The positions that wait for the name `key`, which is unescaped and UTF-8.
    pub(super) fn find(&self, key: &[u8]) -> Option<&[u64]> {
        if !key.iter().fold(true, |all, byte| all & is_plain(*byte)) {
            let folded = fold(std::str::from_utf8(key).ok()?);
            return self.entries.iter().find(|entry| entry.name == folded).map(|entry| entry.set.as_slice());
        }
        self.find_plain(key)
    }

    /// As [`Self::find`], for a name all of plain letters.
    pub(super) fn find_plain(&self, key: &[u8]) -> Option<&[u64]> {
        let at = |place: usize| self.entries.get(place.checked_sub(1)?);
        let mut same = std::iter::successors(at(*self.first.get(mark(key))?), |entry| at(entry.next));
        let is_same = |name: &[u8]| name == key || name.eq_ignore_ascii_case(key);
        same.find(|entry| is_same(entry.name.as_bytes())).map(|entry| entry.set.as_slice())
    }
}
