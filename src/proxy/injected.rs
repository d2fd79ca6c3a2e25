//! A field with a secret that monward adds to the requests of an endpoint.

use std::fmt::Write as _;

use ring::hmac;

use crate::types::Secret;

/// A shorter value may stand in an answer by chance.
const LEAST_SECRET: usize = 8;

/// A field whose value is known to monward and the upstream alone. It cannot be printed.
pub struct Injected {
    header: String,
    value: Secret<String>,
}

impl Injected {
    /// The secret itself as the value.
    #[must_use]
    pub const fn plain(header: String, secret: Secret<String>) -> Self {
        Self { header, value: secret }
    }

    /// The HMAC-SHA256 of `body` under `secret` ([RFC 2104](https://www.rfc-editor.org/rfc/rfc2104)), in lower-case
    /// hexadecimal digits.
    #[must_use]
    pub fn signature(header: String, secret: &Secret<String>, body: &[u8]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
        let mut value = String::with_capacity(64);
        for byte in hmac::sign(&key, body).as_ref() {
            // Writing to a `String` cannot fail.
            let _infallible = write!(value, "{byte:02x}");
        }
        Self { header, value: Secret::new(value) }
    }

    /// Whether `body` repeats the value as it is. Upstreams that show what they were asked with are told apart from chance
    /// by its length.
    pub(super) fn is_in(&self, body: &[u8]) -> bool {
        let value = self.value.expose().as_bytes();
        value.len() >= LEAST_SECRET && memchr::memmem::find(body, value).is_some()
    }

    /// Name and value, for the upstream alone.
    pub(super) fn field(&self) -> (&str, &str) {
        (&self.header, self.value.expose())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test case 2 of [RFC 4231 §4.3](https://www.rfc-editor.org/rfc/rfc4231#section-4.3).
    #[test]
    fn a_signature_is_that_of_the_standard() {
        let secret = Secret::new("Jefe".to_owned());
        let signed = Injected::signature("X-Sign".to_owned(), &secret, b"what do ya want for nothing?");
        let wanted = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(signed.field(), ("X-Sign", wanted));
        let plain = Injected::plain("X-Key".to_owned(), secret);
        assert_eq!(plain.field(), ("X-Key", "Jefe"));
    }
}
