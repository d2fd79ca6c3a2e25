//! Names in the place of names: the same text always has the same one, and nobody can go back.
//!
//! In: a text and a key. Out: `p-` and 16 letters, the first 80 bits of the text's HMAC-SHA256
//! ([RFC 2104](https://www.rfc-editor.org/rfc/rfc2104)) in base32 of lower case. Whoever has the key can try texts; whoever
//! has only the pseudonym cannot.

use std::fmt;

use parking_lot::Mutex;
use ring::hmac;

/// Bytes of the HMAC that are shown, each five as eight letters.
const SHOWN: usize = 10;
/// Bytes of a pseudonym.
const LENGTH: usize = 2 + SHOWN / 5 * 8;
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Texts that are remembered, at most.
const SLOTS: usize = 1024;
/// Bytes of a text that is remembered, at most; the name of an account key has 56.
const TEXT: usize = 64;

/// Makes pseudonyms under one key. Its `Debug` shows nothing.
pub struct Pseudonyms {
    key: hmac::Key,
    /// Where the places of texts begin, so that nobody outside can choose them.
    seed: u64,
    /// Repeated texts: a body names the same accounts again and again.
    slots: Box<[Mutex<Slot>]>,
}

/// What stands for one text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pseudonym([u8; LENGTH]);

#[derive(Clone, Copy)]
struct Slot {
    length: usize,
    text: [u8; TEXT],
    pseudonym: Pseudonym,
}

const EMPTY: Slot = Slot { length: usize::MAX, text: [0; TEXT], pseudonym: Pseudonym([0; LENGTH]) };

impl Pseudonyms {
    /// The fewest bytes that a key of an operator has.
    pub const LEAST_KEY: usize = 32;

    /// Under `key`, of which at least [`Self::LEAST_KEY`] bytes should be random.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let seed = hmac::sign(&key, b"").as_ref().last_chunk().copied().map_or(0, u64::from_ne_bytes);
        Self { key, seed, slots: (0..SLOTS).map(|_| Mutex::new(EMPTY)).collect() }
    }

    /// What stands for `text`.
    #[must_use]
    pub fn of(&self, text: &[u8]) -> Pseudonym {
        let slot = self.slots.get(self.place(text)).filter(|_| text.len() <= TEXT);
        // Never waits: to compute takes no longer.
        let Some(mut slot) = slot.and_then(Mutex::try_lock) else { return self.compute(text) };
        if slot.length == text.len() && slot.text.get(..text.len()) == Some(text) {
            return slot.pseudonym;
        }
        let pseudonym = self.compute(text);
        if let Some(known) = slot.text.get_mut(..text.len()) {
            known.copy_from_slice(text);
            (slot.length, slot.pseudonym) = (text.len(), pseudonym);
        }
        pseudonym
    }

    fn compute(&self, text: &[u8]) -> Pseudonym {
        let tag = hmac::sign(&self.key, text);
        let mut shown = [0; LENGTH];
        let (prefix, letters) = shown.split_at_mut(2);
        prefix.copy_from_slice(b"p-");
        for (five, eight) in tag.as_ref().chunks_exact(5).zip(letters.chunks_exact_mut(8)) {
            let bits = five.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
            for (place, letter) in eight.iter_mut().enumerate() {
                let index = usize::try_from(bits >> (35 - 5 * place) & 31).unwrap_or_default();
                *letter = LETTERS.get(index).copied().unwrap_or_default();
            }
        }
        Pseudonym(shown)
    }

    /// The slot of a text: any will do that spreads them.
    fn place(&self, text: &[u8]) -> usize {
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        let mix = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(SPREAD);
        let (words, rest) = text.as_chunks();
        let hash = words.iter().fold(self.seed, |hash, word| mix(hash, u64::from_ne_bytes(*word)));
        let hash = rest.iter().fold(hash, |hash, byte| mix(hash, u64::from(*byte)));
        usize::try_from(hash >> 32).unwrap_or_default() % SLOTS
    }
}

impl fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pseudonyms")
    }
}

impl Pseudonym {
    /// Its letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // INVARIANT: only ASCII letters, see `compute`.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
