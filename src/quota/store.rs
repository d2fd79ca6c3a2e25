//! Cells by key, never more than a fixed number of them.

use std::collections::HashMap;

use governor::nanos::Nanos;
use governor::state::keyed::ShrinkableKeyedStateStore;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use parking_lot::RwLock;

/// A keyed hash of principal and endpoint: no identity is kept.
pub(super) type Key = u64;

/// How many locks share the keys.
const SHARDS: usize = 16;

/// Cells by key. When a shard is full, its new keys share one cell until a sweep makes room.
///
/// Sharing is the safe end: newcomers may be turned away too early, but the upstream never gets more than the limits
/// of those cells allow, nobody who has a cell loses it, and refusing newcomers outright would lock them out.
#[derive(Debug)]
pub(super) struct Cells {
    shards: Vec<Shard>,
    per_shard: usize,
}

#[derive(Debug, Default)]
struct Shard {
    cells: RwLock<HashMap<Key, InMemoryState>>,
    overflow: InMemoryState,
}

impl Cells {
    /// Room for about `most` keys.
    pub(super) fn new(most: usize) -> Self {
        Self { shards: (0..SHARDS).map(|_| Shard::default()).collect(), per_shard: most.div_ceil(SHARDS).max(1) }
    }

    fn shard(&self, key: Key) -> &Shard {
        #[expect(clippy::cast_possible_truncation, reason = "only the low bits choose the shard")]
        let position = key as usize % SHARDS;
        #[expect(clippy::indexing_slicing, reason = "there are exactly SHARDS of them")]
        &self.shards[position]
    }
}

impl StateStore for Cells {
    type Key = Key;

    fn measure_and_replace<T, F, E>(&self, key: &Self::Key, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let shard = self.shard(*key);
        if let Some(cell) = shard.cells.read().get(key) {
            return cell.measure_and_replace(&NotKeyed::NonKey, f);
        }
        let mut cells = shard.cells.write();
        if cells.len() >= self.per_shard && !cells.contains_key(key) {
            return shard.overflow.measure_and_replace(&NotKeyed::NonKey, f);
        }
        cells.entry(*key).or_default().measure_and_replace(&NotKeyed::NonKey, f)
    }
}

impl ShrinkableKeyedStateStore<Key> for Cells {
    fn retain_recent(&self, drop_below: Nanos) {
        for shard in &self.shards {
            shard.cells.write().retain(|_, cell| arrival(cell).is_some_and(|arrival| arrival > drop_below));
        }
    }

    fn shrink_to_fit(&self) {
        for shard in &self.shards {
            let mut cells = shard.cells.write();
            // Not to the last byte, or the next sweep would find it grown again.
            if cells.capacity() / 4 > cells.len() {
                let room = cells.len() * 2;
                cells.shrink_to(room);
            }
        }
    }

    fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.cells.read().len()).sum()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The theoretical arrival time of a cell, read without changing it.
fn arrival(cell: &InMemoryState) -> Option<Nanos> {
    cell.measure_and_replace(&NotKeyed::NonKey, Err::<((), Nanos), _>).err().flatten()
}
