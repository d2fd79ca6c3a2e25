//! How the names of rules begin.
//!
//! In: the first three bytes behind a quote. Out: whether some rule's name might begin so. Only the low half of each
//! byte is looked at, the same for capital and small letters, as a byte shuffle looks it up: each of eight groups of
//! names has one bit.

/// How the names of a plan's rules begin.
#[derive(Clone, Debug, Default)]
pub(in crate::redact) struct Prints {
    /// By the low half of the first byte, of the second, of the third.
    pub(super) halves: [[u8; 16]; 3],
    groups: u32,
}

impl Prints {
    /// Takes a name in, which is folded.
    ///
    /// Letters outside ASCII do no harm: only spellings outside ASCII are the same name, and those are no part of this.
    pub(in crate::redact) fn add(&mut self, name: &str) {
        let group = 1 << (self.groups % 8);
        self.groups += 1;
        let mut bytes = name.bytes().chain([b'"']);
        for halves in &mut self.halves {
            let byte = bytes.next();
            let wanted = |half: usize| byte.is_none_or(|byte| usize::from(byte & 15) == half);
            (0..).zip(halves).filter(|(half, _)| wanted(*half)).for_each(|(_, groups)| *groups |= group);
        }
    }

    /// Whether a rule's name might begin with `bytes`, three of them and ASCII.
    #[cfg(test)]
    pub(super) fn may_begin(&self, bytes: &[u8]) -> bool {
        let groups = self.halves.iter().zip(bytes).map(|(halves, byte)| halves[usize::from(byte & 15)]);
        groups.fold(u8::MAX, |all, groups| all & groups) != 0
    }
}
