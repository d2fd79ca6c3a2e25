//! Where the tokens of a stretch of JSON are: sixty-four bytes at once.
//!
//! In: a buffer, a place at a token's edge, what may come there. Out: by block of 64 bytes, one bit a byte: brackets,
//! commas, names that rules might mean, what only an array may have, and stops. All before the first stop is good JSON
//! in which the safety net has nothing to find, if objects and arrays are what they must be; that is the reader's part.
//!
//! Nothing is refused here: a stop says only that somebody must look. So it may be set too often, and is: by white
//! space where printers put none, by every `@`. "The first byte that is no white space behind a comma" and the like are
//! carries of additions: `commas + spaces` runs through the spaces and stops behind them.

#![allow(clippy::inline_always, reason = "what a kernel does is compiled anew with its instructions")]

use super::net::SEED;

mod check;
mod kernel;
mod prints;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use kernel::Kernel;
pub(super) use prints::Prints;

/// Bytes of a block.
pub(super) const BLOCK: usize = 64;
/// Bytes behind a block that are looked at with it.
const AHEAD: usize = 3;
/// Blocks of a batch, at most.
const BLOCKS: usize = 32;

/// One bit for each of 64 bytes, by what they are.
#[derive(Clone, Copy, Default)]
struct Masks {
    quote: u64,
    backslash: u64,
    /// `{` and `[`.
    open: u64,
    /// `}` and `]`.
    close: u64,
    colon: u64,
    comma: u64,
    /// White space of JSON.
    space: u64,
    /// Below the space.
    control: u64,
    digit: u64,
    zero: u64,
    /// DEL and above.
    high: u64,
    /// All of base32, and a few more.
    base32: u64,
    /// `@`, or the first letter of `eyJ`.
    alarm: u64,
    /// The three bytes behind might begin a rule's name.
    name: u64,
}

/// What is known of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    /// What must be looked at before it is passed.
    stop: u64,
    /// As `stop`, in an object.
    array_only: u64,
    /// As `stop`, in an array.
    object_only: u64,
    /// Commas between members or elements.
    comma: u64,
    /// Brackets, and quotes that open names which rules might mean.
    event: u64,
    bracket: u64,
    /// Closing brackets behind nothing but white space and an opening one or a comma.
    empty: u64,
    /// Scalars, escapes and other letters to spell out.
    check: u64,
}

/// What a block needs to know of those before it.
#[derive(Default)]
struct State {
    /// All bits: the block begins inside a string.
    inside: u64,
    /// The first byte is escaped.
    escaped: u64,
    /// The byte before was a comma or an opening bracket.
    separator: u64,
    /// Only white space was since such a one.
    spaced: bool,
    /// The block begins inside a string that stands behind a separator.
    item: bool,
    /// The byte before closed such a string.
    item_end: u64,
    colon: u64,
    /// The byte before was white space behind a colon.
    colon_space: u64,
    /// The byte before ended a value, or was part of a scalar.
    end: u64,
    scalar: u64,
    digit: u64,
    /// The byte before was a zero that began a number.
    zero: u64,
    base32: u64,
}

/// What stands before the bytes that an index begins with.
#[derive(Clone, Copy)]
pub(super) enum After {
    /// A comma or an opening bracket.
    Separator,
    /// A value, and maybe white space.
    Value,
}

/// The blocks from one place on.
#[derive(Default)]
pub(super) struct Batch {
    base: usize,
    end: usize,
    rows: Vec<Row>,
}

/// Sixty-four bytes.
type Block = [u8; BLOCK];

/// Each block of `input`, and the same one, two and three bytes further on.
#[inline]
fn windows(input: &[u8]) -> impl Iterator<Item = [&Block; 4]> {
    let blocks = |from: usize| input.get(from..).unwrap_or_default().as_chunks().0;
    let further = blocks(1).iter().zip(blocks(2)).zip(blocks(3));
    blocks(0).iter().zip(further).map(|(here, ((second, third), fourth))| [here, second, third, fourth])
}

/// Bits at and above `bit`; none for 64.
#[inline]
pub(super) fn from_bit(bit: usize) -> u64 {
    u32::try_from(bit).ok().and_then(|bit| u64::MAX.checked_shl(bit)).unwrap_or(0)
}

/// The parity of all bits up to each.
#[inline(always)]
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

/// `left + right` and the carry.
#[inline(always)]
fn add(left: u64, right: u64, carry: &mut bool) -> u64 {
    let (sum, first) = left.overflowing_add(right);
    let (sum, second) = sum.overflowing_add(u64::from(*carry));
    *carry = first | second;
    sum
}

impl State {
    /// Shifts by one byte: each bit tells of the byte before.
    #[inline(always)]
    fn before(bits: u64, carry: &mut u64) -> u64 {
        let shifted = bits << 1 | *carry;
        *carry = bits >> 63;
        shifted
    }

    /// Quotes that are not escaped, and the backslashes that escape.
    #[inline(always)]
    fn quotes(&mut self, masks: &Masks) -> (u64, u64) {
        const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
        if masks.backslash | self.escaped == 0 {
            return (masks.quote, 0);
        }
        // Of a run of backslashes every second escapes; the subtraction runs along it.
        let fresh = masks.backslash & !self.escaped;
        let codes = ((fresh << 1) | ODD).wrapping_sub(fresh) ^ ODD;
        let escaped = codes ^ (masks.backslash | self.escaped);
        let escaping = codes & masks.backslash;
        self.escaped = escaping >> 63;
        (masks.quote & !escaped, escaping)
    }

    /// Where a run of base32 as long as a seed is.
    #[inline(always)]
    fn seeds(&mut self, base32: u64) -> u64 {
        let before = std::mem::replace(&mut self.base32, base32);
        let is_long = |length: u32| length as usize >= SEED;
        if !is_long(before.count_ones() + base32.count_ones()) {
            return 0;
        }
        let mut run = base32;
        for shift in [1, 2, 4, 8, 16, SEED - 32] {
            run &= run >> shift;
        }
        run | u64::from(is_long(before.leading_ones() + base32.trailing_ones()))
    }

    /// What a block is, given what was before.
    #[inline(always)]
    fn step(&mut self, masks: &Masks) -> Row {
        let odd = masks.high | masks.control | masks.space | masks.backslash;
        if self.inside & !(masks.quote | masks.backslash | self.escaped) == u64::MAX {
            // Nothing but the middle of a string.
            return Row {
                stop: masks.control | masks.alarm | self.seeds(masks.base32),
                array_only: if self.item { odd } else { 0 },
                check: masks.high,
                ..Row::default()
            };
        }
        let (quote, escaping) = self.quotes(masks);
        let inside = prefix_xor(quote) ^ self.inside;
        self.inside = 0_u64.wrapping_sub(inside >> 63);
        let outside = !(inside | quote);
        let (opening, closing) = (quote & inside, quote & !inside);
        let [open, close, colon, comma, space] =
            [masks.open, masks.close, masks.colon, masks.comma, masks.space].map(|mask| mask & outside);
        let scalar = outside & !(open | close | colon | comma | space);
        let start = scalar & !Self::before(scalar, &mut self.scalar);

        // What follows a separator.
        let behind = Self::before(comma | open, &mut self.separator);
        let first = add(behind, space, &mut self.spaced) & !space;
        let item = opening & first;
        let ripple = add(inside, item, &mut self.item);
        let item_end = Self::before(ripple & closing, &mut self.item_end);

        // What follows a colon: at once, or after one space.
        let value = Self::before(colon, &mut self.colon);
        let later = Self::before(value & space, &mut self.colon_space);
        let value = (value | later) & !space;

        let end = Self::before(closing | close | scalar, &mut self.end);
        let begin = opening | start | open;
        let digit = masks.digit & scalar;
        let zero = Self::before(start & masks.zero, &mut self.zero);
        let broken = masks.control & inside
            | (masks.backslash | masks.high) & outside
            | begin & !(first | value)
            | colon & !item_end
            | comma & !end
            | close & value
            | later & space
            | zero & digit;
        let strange = scalar & !digit & (start | Self::before(digit, &mut self.digit));
        let bracket = open | close;
        Row {
            stop: broken | masks.alarm & inside | self.seeds(masks.base32),
            array_only: first & (start | open) | item_end & !colon | odd & inside & !ripple,
            object_only: colon,
            comma,
            event: bracket | item & masks.name,
            bracket,
            empty: close & first,
            check: strange | (escaping | masks.high) & inside,
        }
    }
}

impl Batch {
    /// Forgets what it knows, which was of another buffer.
    pub(super) fn clear(&mut self) {
        (self.base, self.end) = (0, 0);
    }

    /// Whether it tells of the bytes at `at`.
    #[inline]
    pub(super) fn covers(&self, at: usize) -> bool {
        (self.base..self.end).contains(&at)
    }

    /// The place behind the last byte that it tells of.
    pub(super) fn end(&self) -> usize {
        self.end
    }

    /// Looks at `buf` from `at` on, which is behind what `after` says.
    pub(super) fn fill(&mut self, kernel: Kernel, prints: &Prints, buf: &[u8], (at, after): (usize, After)) {
        let (separator, end) = match after {
            After::Separator => (1, 0),
            After::Value => (0, 1),
        };
        let mut state = State { separator, end, ..State::default() };
        let rest = buf.get(at..).unwrap_or_default();
        let whole = (rest.len().saturating_sub(AHEAD) / BLOCK).min(BLOCKS);
        self.rows.clear();
        self.rows.reserve_exact(BLOCKS);
        kernel.scan(rest.get(..whole * BLOCK + AHEAD).unwrap_or_default(), prints, &mut state, &mut self.rows);
        let tail = rest.get(whole * BLOCK..).unwrap_or_default();
        if whole < BLOCKS && !tail.is_empty() {
            // White space behind the end: no bracket and no comma is in it, so nothing leads there.
            let mut padded = [b' '; 2 * BLOCK + AHEAD];
            padded.iter_mut().zip(tail).for_each(|(to, byte)| *to = *byte);
            let blocks = tail.len().div_ceil(BLOCK);
            kernel.scan(padded.get(..blocks * BLOCK + AHEAD).unwrap_or_default(), prints, &mut state, &mut self.rows);
        }
        (self.base, self.end) = (at, at + rest.len().min(self.rows.len() * BLOCK));
        self.checks(buf);
    }

    /// Spells out what one bit cannot say; what is wrong becomes a stop.
    fn checks(&mut self, buf: &[u8]) {
        let mut done = 0;
        for (base, row) in (self.base..).step_by(BLOCK).zip(&mut self.rows) {
            row.spell_out(buf, base, &mut done);
        }
    }

    /// The block of `at`: where it begins, what is in it.
    #[inline]
    pub(super) fn row(&self, at: usize) -> Option<(usize, &Row)> {
        let number = (at - self.base) / BLOCK;
        Some((self.base + number * BLOCK, self.rows.get(number)?))
    }

    /// The last comma or bracket in `from..to`.
    pub(super) fn last_edge(&self, from: usize, to: usize) -> Option<usize> {
        let last = to.checked_sub(1).filter(|last| *last >= from)?;
        let mut number = (last - self.base) / BLOCK;
        let mut below = !from_bit((last - self.base) % BLOCK + 1);
        loop {
            let row = self.rows.get(number)?;
            let edges = (row.comma | row.bracket) & below;
            if edges != 0 {
                let edge = self.base + number * BLOCK + 63 - edges.leading_zeros() as usize;
                return (edge >= from).then_some(edge);
            }
            below = u64::MAX;
            number = number.checked_sub(1)?;
        }
    }

    /// How many commas are in `from..to`.
    pub(super) fn commas(&self, from: usize, to: usize) -> u64 {
        let (mut count, mut at) = (0, from);
        while at < to {
            let Some((base, row)) = self.row(at) else { break };
            let inside = from_bit(at - base) & !from_bit((to - base).min(BLOCK));
            count += u64::from((row.comma & inside).count_ones());
            at = base + BLOCK;
        }
        count
    }
}

impl Row {
    /// Spells out what one bit cannot say, of the block at `base`; all before `done` is.
    #[inline]
    fn spell_out(&mut self, buf: &[u8], base: usize, done: &mut usize) {
        while self.check != 0 {
            let (bit, at) = (self.check & self.check.wrapping_neg(), base + self.check.trailing_zeros() as usize);
            self.check ^= bit;
            match if at < *done { Some(*done) } else { check::passes(buf, at) } {
                Some(end) => *done = end,
                None => self.stop |= bit,
            }
        }
    }

    /// The next bracket, or name that rules might mean, in the bits `left`; an error when something must be looked at
    /// before it, inside an object or an array.
    #[inline]
    pub(super) fn next(&self, object: bool, left: u64) -> Option<Result<usize, usize>> {
        let stops = (self.stop | if object { self.array_only } else { self.object_only }) & left;
        let events = self.event & left;
        if stops | events == 0 {
            return None;
        }
        let (stop, event) = (stops.trailing_zeros() as usize, events.trailing_zeros() as usize);
        Some(if stop <= event { Err(stop) } else { Ok(event) })
    }

    /// Whether nothing but white space and a bracket or comma is before the bracket at `bit`.
    #[inline]
    pub(super) fn may_be_empty(&self, bit: usize) -> bool {
        self.empty >> bit & 1 != 0
    }
}
