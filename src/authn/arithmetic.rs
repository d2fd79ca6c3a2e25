//! Arithmetic on public keys: whether their numbers make a sound key at all.
//!
//! `ring` refuses a point off its curve only when a signature is checked; here such a key is never taken in. All
//! numbers are public, so nothing needs to take constant time.

use num_bigint::BigUint;

/// The odd primes up to 167, with which the ROCA test works.
const SMALL_PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
    113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// A curve `y² = x³ − 3x + b` over a prime field, its numbers in words of 32 bits, the lowest first.
pub(super) struct Curve {
    prime: &'static [u32],
    b: &'static [u32],
    /// The length of a coordinate, in bytes.
    pub(super) width: usize,
}

/// P-256 ([SP 800-186 §3.2.1.3](https://doi.org/10.6028/NIST.SP.800-186)).
pub(super) const P256: Curve = Curve {
    prime: &[0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0, 0, 0, 1, 0xffff_ffff],
    b: &[0x27d2_604b, 0x3bce_3c3e, 0xcc53_b0f6, 0x651d_06b0, 0x7698_86bc, 0xb3eb_bd55, 0xaa3a_93e7, 0x5ac6_35d8],
    width: 32,
};

/// P-384 ([SP 800-186 §3.2.1.4](https://doi.org/10.6028/NIST.SP.800-186)).
pub(super) const P384: Curve = Curve {
    prime: &[
        0xffff_ffff,
        0,
        0,
        0xffff_ffff,
        0xffff_fffe,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
        0xffff_ffff,
    ],
    b: &[
        0xd3ec_2aef,
        0x2a85_c8ed,
        0x8a2e_d19d,
        0xc656_398d,
        0x5013_875a,
        0x0314_088f,
        0xfe81_4112,
        0x181d_9c6e,
        0xe3f8_2d19,
        0x988e_056b,
        0xe23e_e7e4,
        0xb331_2fa7,
    ],
    width: 48,
};

impl Curve {
    /// Whether the point (`x`, `y`), big-endian, lies on it.
    pub(super) fn contains(&self, x: &[u8], y: &[u8]) -> bool {
        let prime = BigUint::from_slice(self.prime);
        let (x, y) = (BigUint::from_bytes_be(x), BigUint::from_bytes_be(y));
        if x >= prime || y >= prime {
            return false;
        }
        let left = &y * &y % &prime;
        let cube = &x * &x * &x + BigUint::from_slice(self.b);
        left == (cube + (&prime - &x) * 3_u32) % &prime
    }
}

/// Whether `point` is a sound Ed25519 key ([RFC 8032 §5.1.3]): canonical, on the curve, not of small order.
///
/// With a key of small order (all zeros, for one) anybody can sign.
///
/// [RFC 8032 §5.1.3]: https://www.rfc-editor.org/rfc/rfc8032#section-5.1.3
pub(super) fn is_sound_ed25519(point: &[u8]) -> bool {
    let one = BigUint::from(1_u32);
    let prime = (&one << 255_u32) - 19_u32;
    let mut y = BigUint::from_bytes_le(point);
    y.set_bit(255, false);
    // The neutral element (y = 1), the point of order 2 (y = −1), those of order 4 (y = 0).
    if point.len() != 32 || y >= prime || y <= one || &y + &one == prime {
        return false;
    }
    let inverse = |number: &BigUint| number.modpow(&(&prime - 2_u32), &prime);
    let d = (&prime - 121_665_u32) * inverse(&BigUint::from(121_666_u32)) % &prime;
    let square = &y * &y % &prime;
    // x² = u / v
    let (u, v) = (&square - &one, (d * &square + &one) % &prime);
    let on_curve = (&u * &v).modpow(&((&prime - &one) >> 1_u32), &prime) == one;
    // A point of order 8 doubles to one with y = 0, that is x² = −y².
    let order_8 = (&u + &square * &v) % &prime == BigUint::ZERO;
    on_curve && !order_8
}

/// Whether `modulus`, big-endian, bears the fingerprint of keys that can be factored (ROCA, CVE-2017-15361).
///
/// Such primes are powers of 65537 modulo every small prime, and so is their product. A sound modulus looks like that
/// once in a hundred million.
pub(super) fn has_roca_fingerprint(modulus: &[u8]) -> bool {
    let modulus = BigUint::from_bytes_be(modulus);
    SMALL_PRIMES.iter().all(|prime| {
        let residue = (&modulus % *prime).to_u32_digits().first().copied().unwrap_or(0);
        let mut power = 1;
        loop {
            if residue == power {
                return true;
            }
            power = power * (65_537 % prime) % prime;
            if power == 1 {
                return false;
            }
        }
    })
}
