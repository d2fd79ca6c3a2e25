//! Keeps the label sets of one body apart.
//!
//! In: series by what is left of them and by what was taken out. Out: whether another series looks the same. Each is
//! remembered by a hash under a key of the process, so that nobody can make many of them fall together; a hash too
//! many that is equal costs a label that was not needed.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

/// The most series of one body that are told apart.
const MAX_SERIES: usize = 1 << 19;

/// All series so far.
#[derive(Default)]
pub(super) struct Unique {
    hasher: foldhash::quality::RandomState,
    /// What is left of a series, and what was taken out of the first one that looked so.
    seen: HashMap<u64, u64, foldhash::fast::RandomState>,
}

/// A series: the same whatever the order of its labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Print {
    left: u64,
    taken: u64,
}

/// A name, by its hash.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name(u64);

/// There are too many series.
pub(super) struct Full;

impl Unique {
    /// The name of a label, or that of a metric.
    #[inline]
    pub(super) fn name(&self, name: &[u8]) -> Name {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(name);
        Name(hasher.finish())
    }

    /// Adds the metric itself.
    #[inline]
    pub(super) fn is(print: &mut Print, metric: Name) {
        print.left = print.left.wrapping_add(metric.0);
    }

    /// Adds a label that is left. An empty value is as good as none.
    #[inline]
    pub(super) fn leave(&self, print: &mut Print, name: Name, value: &[u8]) {
        if !value.is_empty() {
            print.left = print.left.wrapping_add(self.hash(name, value));
        }
    }

    /// Adds a label that is taken out, or gets another value.
    #[inline]
    pub(super) fn take(&self, print: &mut Print, name: Name, value: &[u8]) {
        if !value.is_empty() {
            print.taken = print.taken.wrapping_add(self.hash(name, value));
        }
    }

    #[inline]
    fn hash(&self, name: Name, value: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u64(name.0);
        hasher.write(value);
        hasher.finish()
    }

    /// Whether what is left of `print` is also what is left of another series before it.
    pub(super) fn is_taken(&mut self, print: Print) -> Result<bool, Full> {
        if self.seen.len() >= MAX_SERIES && !self.seen.contains_key(&print.left) {
            return Err(Full);
        }
        Ok(*self.seen.entry(print.left).or_insert(print.taken) != print.taken)
    }
}
