//! Which instructions the index is made with.
//!
//! The only place with `unsafe`: a function compiled for instructions that not every processor has may run only where
//! they are. A [`Kernel`] of such instructions exists only after the processor was asked for them, and what it calls is
//! safe code but for that: it reads slices and writes a vector.

#![allow(unsafe_code, reason = "functions for certain processors are called, after these were asked")]

use std::fmt;

use super::prints::Prints;
#[cfg(target_arch = "x86_64")]
use super::x86;
use super::{Row, State};

/// The instructions that bodies are looked through with; all see the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel(Kind);

// INVARIANT: all but `Words` are made by `Kernel::all` alone, where the processor has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Words of 64 bits; there is no index then.
    Words,
    #[cfg(target_arch = "x86_64")]
    Ssse3,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Words => "words",
            #[cfg(target_arch = "x86_64")]
            Kind::Ssse3 => "SSSE3",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "AVX2",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "AVX-512",
        })
    }
}

impl Kernel {
    /// All that this processor can run, the fastest last.
    #[must_use]
    pub fn all() -> impl DoubleEndedIterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let vectors = {
            let ssse3 = is_x86_feature_detected!("ssse3");
            let avx2 = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("bmi2")
                && is_x86_feature_detected!("lzcnt")
                && is_x86_feature_detected!("popcnt");
            let avx512 = avx2 && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
            [ssse3.then_some(Kind::Ssse3), avx2.then_some(Kind::Avx2), avx512.then_some(Kind::Avx512)]
        };
        #[cfg(not(target_arch = "x86_64"))]
        let vectors: [Option<Kind>; 0] = [];
        [Some(Kind::Words)].into_iter().chain(vectors).flatten().map(Self)
    }

    /// The fastest that this processor can run.
    #[must_use]
    pub fn best() -> Self {
        Self::all().next_back().unwrap_or(Self(Kind::Words))
    }

    /// Whether there is an index with it.
    pub(in crate::redact) fn leaps(self) -> bool {
        self.0 != Kind::Words
    }

    /// Appends a row for each 64 bytes of `input`; three bytes more are looked at.
    pub(super) fn scan(self, input: &[u8], prints: &Prints, state: &mut State, rows: &mut Vec<Row>) {
        match self.0 {
            Kind::Words => {}
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the processor has these instructions, else there were no such kernel.
            Kind::Ssse3 => unsafe { x86::scan_ssse3(input, prints, state, rows) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Kind::Avx2 => unsafe { x86::scan_avx2(input, prints, state, rows) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Kind::Avx512 => unsafe { x86::scan_avx512(input, prints, state, rows) },
        }
    }
}
