//! The masks of 64 bytes with the vectors of x86-64.
//!
//! Vectors are loaded by value: a load through a pointer would be the same instruction, and `unsafe`.

use std::arch::x86_64::{
    __m128i, __m256i, __m512i, _mm_adds_epu8, _mm_and_si128, _mm_cmpeq_epi8, _mm_cmpgt_epi8, _mm_min_epu8,
    _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8, _mm_setzero_si128, _mm_shuffle_epi8, _mm_sub_epi8,
    _mm256_adds_epu8, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8, _mm256_cmpgt_epi8,
    _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set_epi64x, _mm256_set1_epi8, _mm256_setzero_si256,
    _mm256_shuffle_epi8, _mm256_sub_epi8, _mm512_and_si512, _mm512_broadcast_i32x4, _mm512_cmpeq_epi8_mask,
    _mm512_cmpge_epu8_mask, _mm512_cmple_epu8_mask, _mm512_or_si512, _mm512_set_epi64, _mm512_set1_epi8,
    _mm512_shuffle_epi8, _mm512_sub_epi8, _mm512_test_epi8_mask,
};

use super::prints::Prints;
use super::{Block, Masks, Row, State, windows};

/// By the low half of a byte: the white space with this half, or a byte of another half.
///
/// A byte with the high bit set looks up zero, and is not zero.
const SPACES: [u8; 16] = [b' ', 0, 0, 0, 0, 0, 0, 0, 0, b'\t', b'\n', 0, 0, b'\r', 0, 0];

macro_rules! scan {
    ($name:ident, $masks:ident, $features:literal) => {
        /// As [`Kernel::scan`](super::Kernel), with the instructions that it is named after.
        ///
        /// In groups: when masks do not go through memory, LLVM takes them for vectors of single bits and handles each
        /// bit for itself.
        #[target_feature(enable = $features)]
        pub(super) fn $name(input: &[u8], prints: &Prints, state: &mut State, rows: &mut Vec<Row>) {
            let mut masks = [Masks::default(); GROUP];
            let mut blocks = windows(input);
            loop {
                let mut count = 0;
                for (masks, blocks) in masks.iter_mut().zip(&mut blocks) {
                    *masks = $masks(blocks, prints);
                    count += 1;
                }
                rows.extend(masks.iter().take(count).map(|masks| state.step(masks)));
                if count < GROUP {
                    return;
                }
            }
        }
    };
}

/// Blocks whose masks are made before they are looked at.
const GROUP: usize = 4;

scan!(scan_ssse3, masks_ssse3, "ssse3");
scan!(scan_avx2, masks_avx2, "avx2,bmi1,bmi2,lzcnt,popcnt");
scan!(scan_avx512, masks_avx512, "avx512f,avx512bw,avx2,bmi1,bmi2,lzcnt,popcnt");

/// The words of so many bytes, the first one lowest.
#[inline]
fn words<const N: usize>(bytes: &[u8]) -> [i64; N] {
    let mut words = [0; N];
    words.iter_mut().zip(bytes.as_chunks().0).for_each(|(word, bytes)| *word = i64::from_le_bytes(*bytes));
    words
}

/// The vector at `part`, which there is.
#[inline]
fn at<V: Copy, const N: usize>(vectors: &[V; N], part: usize) -> V {
    vectors.get(part).copied().unwrap_or(vectors[0])
}

#[target_feature(enable = "sse2")]
#[inline]
fn table(bytes: &[u8; 16]) -> __m128i {
    let [low, high] = words(bytes);
    _mm_set_epi64x(high, low)
}

#[target_feature(enable = "sse2")]
#[inline]
fn quarters(block: &Block) -> [__m128i; 4] {
    let words: [i64; 8] = words(block);
    [[words[1], words[0]], [words[3], words[2]], [words[5], words[4]], [words[7], words[6]]]
        .map(|[high, low]| _mm_set_epi64x(high, low))
}

#[target_feature(enable = "sse2")]
#[inline]
fn equal128(bytes: __m128i, byte: u8) -> __m128i {
    _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte.cast_signed()))
}

/// Which bytes are from `first` to `last`.
#[target_feature(enable = "sse2")]
#[inline]
fn within128(bytes: __m128i, first: u8, last: u8) -> __m128i {
    let place = _mm_sub_epi8(bytes, _mm_set1_epi8(first.cast_signed()));
    _mm_cmpeq_epi8(_mm_min_epu8(place, _mm_set1_epi8((last - first).cast_signed())), place)
}

#[target_feature(enable = "ssse3")]
#[inline]
fn masks_ssse3(blocks: [&Block; 4], prints: &Prints) -> Masks {
    let [here, second, third, fourth] = blocks.map(|block| quarters(block));
    macro_rules! mask {
        ($($from:ident: $bytes:ident),+ => $class:expr) => {{
            let mut mask = 0;
            for part in (0..4).rev() {
                $(let $bytes = at(&$from, part);)+
                mask = mask << 16 | u64::from(_mm_movemask_epi8($class).cast_unsigned());
            }
            mask
        }};
    }
    let [spaces, first, next, last] =
        [&SPACES, &prints.halves[0], &prints.halves[1], &prints.halves[2]].map(|bytes| table(bytes));
    let high = mask!(here: x => _mm_adds_epu8(x, _mm_set1_epi8(1)));
    Masks {
        quote: mask!(here: x => equal128(x, b'"')),
        backslash: mask!(here: x => equal128(x, b'\\')),
        open: mask!(here: x => equal128(_mm_or_si128(x, _mm_set1_epi8(0x20)), b'{')),
        close: mask!(here: x => equal128(_mm_or_si128(x, _mm_set1_epi8(0x20)), b'}')),
        colon: mask!(here: x => equal128(x, b':')),
        comma: mask!(here: x => equal128(x, b',')),
        space: mask!(here: x => _mm_cmpeq_epi8(x, _mm_shuffle_epi8(spaces, x))),
        // Bytes are signed to this comparison.
        control: mask!(here: x => _mm_cmpgt_epi8(_mm_set1_epi8(0x20), x)) & !high,
        digit: mask!(here: x => within128(x, b'0', b'9')),
        zero: mask!(here: x => equal128(x, b'0')),
        high,
        base32: mask!(here: x => within128(x, b'2', b'Z')),
        alarm: mask!(here: x, second: y, third: z => _mm_or_si128(
            equal128(x, b'@'),
            _mm_and_si128(_mm_and_si128(equal128(x, b'e'), equal128(y, b'y')), equal128(z, b'J')),
        )),
        name: !mask!(second: x, third: y, fourth: z => _mm_cmpeq_epi8(
            _mm_and_si128(
                _mm_and_si128(_mm_shuffle_epi8(first, x), _mm_shuffle_epi8(next, y)),
                _mm_shuffle_epi8(last, z),
            ),
            _mm_setzero_si128(),
        )),
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn halves(block: &Block) -> [__m256i; 2] {
    let words: [i64; 8] = words(block);
    [
        _mm256_set_epi64x(words[3], words[2], words[1], words[0]),
        _mm256_set_epi64x(words[7], words[6], words[5], words[4]),
    ]
}

#[target_feature(enable = "avx2")]
#[inline]
fn equal256(bytes: __m256i, byte: u8) -> __m256i {
    _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(byte.cast_signed()))
}

#[target_feature(enable = "avx2")]
#[inline]
fn within256(bytes: __m256i, first: u8, last: u8) -> __m256i {
    let place = _mm256_sub_epi8(bytes, _mm256_set1_epi8(first.cast_signed()));
    _mm256_cmpeq_epi8(_mm256_min_epu8(place, _mm256_set1_epi8((last - first).cast_signed())), place)
}

#[target_feature(enable = "avx2")]
#[inline]
fn masks_avx2(blocks: [&Block; 4], prints: &Prints) -> Masks {
    let [here, second, third, fourth] = blocks.map(|block| halves(block));
    macro_rules! mask {
        ($($from:ident: $bytes:ident),+ => $class:expr) => {{
            let mut mask = 0;
            for part in (0..2).rev() {
                $(let $bytes = at(&$from, part);)+
                mask = mask << 32 | u64::from(_mm256_movemask_epi8($class).cast_unsigned());
            }
            mask
        }};
    }
    let [spaces, first, next, last] = [&SPACES, &prints.halves[0], &prints.halves[1], &prints.halves[2]]
        .map(|bytes| _mm256_broadcastsi128_si256(table(bytes)));
    let high = mask!(here: x => _mm256_adds_epu8(x, _mm256_set1_epi8(1)));
    Masks {
        quote: mask!(here: x => equal256(x, b'"')),
        backslash: mask!(here: x => equal256(x, b'\\')),
        open: mask!(here: x => equal256(_mm256_or_si256(x, _mm256_set1_epi8(0x20)), b'{')),
        close: mask!(here: x => equal256(_mm256_or_si256(x, _mm256_set1_epi8(0x20)), b'}')),
        colon: mask!(here: x => equal256(x, b':')),
        comma: mask!(here: x => equal256(x, b',')),
        space: mask!(here: x => _mm256_cmpeq_epi8(x, _mm256_shuffle_epi8(spaces, x))),
        // Bytes are signed to this comparison.
        control: mask!(here: x => _mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), x)) & !high,
        digit: mask!(here: x => within256(x, b'0', b'9')),
        zero: mask!(here: x => equal256(x, b'0')),
        high,
        base32: mask!(here: x => within256(x, b'2', b'Z')),
        alarm: mask!(here: x, second: y, third: z => _mm256_or_si256(
            equal256(x, b'@'),
            _mm256_and_si256(_mm256_and_si256(equal256(x, b'e'), equal256(y, b'y')), equal256(z, b'J')),
        )),
        name: !mask!(second: x, third: y, fourth: z => _mm256_cmpeq_epi8(
            _mm256_and_si256(
                _mm256_and_si256(_mm256_shuffle_epi8(first, x), _mm256_shuffle_epi8(next, y)),
                _mm256_shuffle_epi8(last, z),
            ),
            _mm256_setzero_si256(),
        )),
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn vector(block: &Block) -> __m512i {
    let words: [i64; 8] = words(block);
    _mm512_set_epi64(words[7], words[6], words[5], words[4], words[3], words[2], words[1], words[0])
}

#[target_feature(enable = "avx512bw")]
#[inline]
fn equal512(bytes: __m512i, byte: u8) -> u64 {
    _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(byte.cast_signed()))
}

#[target_feature(enable = "avx512bw")]
#[inline]
fn within512(bytes: __m512i, first: u8, last: u8) -> u64 {
    let place = _mm512_sub_epi8(bytes, _mm512_set1_epi8(first.cast_signed()));
    _mm512_cmple_epu8_mask(place, _mm512_set1_epi8((last - first).cast_signed()))
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn masks_avx512(blocks: [&Block; 4], prints: &Prints) -> Masks {
    let [here, second, third, fourth] = blocks.map(|block| vector(block));
    let [spaces, first, next, last] = [&SPACES, &prints.halves[0], &prints.halves[1], &prints.halves[2]]
        .map(|bytes| _mm512_broadcast_i32x4(table(bytes)));
    let bracket = _mm512_or_si512(here, _mm512_set1_epi8(0x20));
    let begins = _mm512_and_si512(_mm512_shuffle_epi8(first, second), _mm512_shuffle_epi8(next, third));
    Masks {
        quote: equal512(here, b'"'),
        backslash: equal512(here, b'\\'),
        open: equal512(bracket, b'{'),
        close: equal512(bracket, b'}'),
        colon: equal512(here, b':'),
        comma: equal512(here, b','),
        space: _mm512_cmpeq_epi8_mask(here, _mm512_shuffle_epi8(spaces, here)),
        control: _mm512_cmple_epu8_mask(here, _mm512_set1_epi8(0x1f)),
        digit: within512(here, b'0', b'9'),
        zero: equal512(here, b'0'),
        high: _mm512_cmpge_epu8_mask(here, _mm512_set1_epi8(0x7f)),
        base32: within512(here, b'2', b'Z'),
        alarm: equal512(here, b'@') | equal512(here, b'e') & equal512(second, b'y') & equal512(third, b'J'),
        name: _mm512_test_epi8_mask(begins, _mm512_shuffle_epi8(last, fourth)),
    }
}
