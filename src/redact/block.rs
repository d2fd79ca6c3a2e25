//! Sixteen bytes at once, in two words.
//!
//! In: a buffer and a place in it. Out: how far the bytes from there are of one sort. Words are searched by
//! arithmetic: a byte gets its high bit as a mark. Behind the first mark of a word there may be false ones.

/// Bytes in a block.
const SIZE: usize = 16;

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGHS: u64 = ONES << 7;
const SPACES: u64 = u64::from_ne_bytes([b' '; 8]);

/// Sixteen bytes, the first one lowest.
pub(super) type Block = [u64; 2];

/// The block at `at`, unless the buffer ends in it.
#[inline]
pub(super) fn block(buf: &[u8], at: usize) -> Option<Block> {
    let bytes: &[u8; SIZE] = buf.get(at..)?.first_chunk()?;
    let ([low, high], []) = bytes.as_chunks() else { return None };
    Some([u64::from_le_bytes(*low), u64::from_le_bytes(*high)])
}

/// How many bytes are before the first that has a bit set.
#[inline]
fn before_bit([low, high]: Block) -> usize {
    (u128::from(low) | u128::from(high) << 64).trailing_zeros() as usize / 8
}

/// How many spaces are at the start of `block`.
#[inline]
pub(super) fn spaces(block: Block) -> usize {
    before_bit(block.map(|word| word ^ SPACES))
}

/// Whether `block` begins with `count` spaces; false when it has not as many bytes.
#[inline]
pub(super) fn starts_with_spaces([low, high]: Block, count: usize) -> bool {
    let first = |count: usize| if count < 8 { (1 << (8 * count)) - 1 } else { u64::MAX };
    let others = (low ^ SPACES) & first(count) | (high ^ SPACES) & first(count.saturating_sub(8));
    count <= SIZE && others == 0
}

/// The first byte at or after `at` that `marks` marks, when there are whole blocks up to it.
#[inline]
pub(super) fn first_mark(buf: &[u8], at: usize, marks: impl Fn(u64) -> u64 + Copy) -> Option<usize> {
    let (at, found) = skip(buf, at, marks);
    found.then_some(at)
}

/// Goes on to the first byte that `marks` marks, or to where the last whole block ends; says whether there is one.
#[inline]
pub(super) fn skip(buf: &[u8], mut at: usize, marks: impl Fn(u64) -> u64 + Copy) -> (usize, bool) {
    while let Some(block) = block(buf, at) {
        let plain = before_bit(block.map(marks));
        at += plain;
        if plain < SIZE {
            return (at, true);
        }
        at += unmarked(buf, at, marks);
    }
    (at, false)
}

/// How many bytes from `at` on are without a mark, counted by larger steps: of a long run.
#[inline]
fn unmarked(buf: &[u8], at: usize, marks: impl Fn(u64) -> u64 + Copy) -> usize {
    let (steps, _) = buf.get(at..).unwrap_or_default().as_chunks::<{ 4 * SIZE }>();
    let is_free = |step: &&[u8; 4 * SIZE]| {
        let words = step.as_chunks().0.iter().map(|word| marks(u64::from_le_bytes(*word)));
        words.fold(0, |all, marked| all | marked) == 0
    };
    steps.iter().take_while(is_free).count() * 4 * SIZE
}

/// Marks what ends the plain part of a string: a quote, a backslash, a control, what is not ASCII.
#[inline]
pub(super) fn string_marks(word: u64) -> u64 {
    let equal = |byte: u8| (word ^ (ONES * u64::from(byte))).wrapping_sub(ONES);
    (equal(b'"') | equal(b'\\') | word.wrapping_sub(ONES * 0x20) | word) & HIGHS
}

/// As [`string_marks`]; spaces and DEL, too.
#[inline]
pub(super) fn name_marks(word: u64) -> u64 {
    let equal = |byte: u8| (word ^ (ONES * u64::from(byte))).wrapping_sub(ONES);
    (equal(b'"') | equal(b'\\') | word.wrapping_sub(ONES * 0x21) | word | word.wrapping_add(ONES)) & HIGHS
}

/// How many digits stand at `at`, when they are less than a block.
#[inline]
pub(super) fn digits(buf: &[u8], at: usize) -> Option<usize> {
    let [low, high] = block(buf, at)?.map(number_marks);
    match (low, high) {
        (0, 0) => None,
        (0, high) => Some(8 + high.trailing_zeros() as usize / 8),
        (low, _) => Some(low.trailing_zeros() as usize / 8),
    }
}

/// Marks what is not a digit.
#[inline]
fn number_marks(word: u64) -> u64 {
    let value = word ^ (ONES * u64::from(b'0'));
    (value.wrapping_add(ONES * (0x80 - 10)) | value) & HIGHS
}
