//! Sets of small numbers as words, bit 0 of the first word first.

/// The places of the bits of one word that are set.
pub(super) fn ones(word: u64) -> impl Iterator<Item = usize> {
    let rest = |word: &u64| Some(word & (word - 1)).filter(|rest| *rest != 0);
    std::iter::successors(Some(word).filter(|word| *word != 0), rest).map(|word| word.trailing_zeros() as usize)
}

/// Puts `bit` into the set.
pub(super) fn set(words: &mut [u64], bit: usize) {
    if let Some(word) = words.get_mut(bit / 64) {
        *word |= 1 << (bit % 64);
    }
}

/// Takes `bit` out of the set.
pub(super) fn clear(words: &mut [u64], bit: usize) {
    if let Some(word) = words.get_mut(bit / 64) {
        *word &= !(1 << (bit % 64));
    }
}

/// Whether `bit` is in the set.
pub(super) fn has(words: &[u64], bit: usize) -> bool {
    words.get(bit / 64).is_some_and(|word| word & (1 << (bit % 64)) != 0)
}

/// Whether two sets have something in common.
pub(super) fn meet(left: &[u64], right: &[u64]) -> bool {
    left.iter().zip(right).any(|(left, right)| left & right != 0)
}
