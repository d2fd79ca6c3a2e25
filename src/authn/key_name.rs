//! The name of a key that a token asks for, without its text.

use std::fmt;

use ring::digest;

use super::algorithm::Algorithm;

/// Which key a token named: enough to know the name again, and to ask for it where names are UUIDs.
///
/// The text itself is the client's and stays out of faults, logs and memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyName(Form);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Form {
    /// A UUID in its usual spelling.
    Uuid([u8; 16]),
    /// Any other name, by half of its SHA-256.
    Digest([u8; 16]),
    /// No name: the only key of this algorithm is meant.
    Unnamed(Algorithm),
}

impl KeyName {
    /// The key `kid`, or the only one of `algorithm` when there is no `kid`.
    #[must_use]
    pub fn of(kid: Option<&str>, algorithm: Algorithm) -> Self {
        let Some(kid) = kid else { return Self(Form::Unnamed(algorithm)) };
        if let Some(number) = uuid(kid) {
            return Self(Form::Uuid(number));
        }
        let mut half = [0; 16];
        let whole = digest::digest(&digest::SHA256, kid.as_bytes());
        half.iter_mut().zip(whole.as_ref()).for_each(|(to, from)| *to = *from);
        Self(Form::Digest(half))
    }

    /// The name as a UUID in lower case with its hyphens; `None` when it is none.
    #[must_use]
    pub fn uuid(&self) -> Option<String> {
        let Form::Uuid(number) = self.0 else { return None };
        let digits = format!("{:032x}", u128::from_be_bytes(number));
        let parts = [digits.get(..8)?, digits.get(8..12)?, digits.get(12..16)?, digits.get(16..20)?, digits.get(20..)?];
        Some(parts.join("-"))
    }
}

/// The number behind a UUID as [RFC 9562 §4] writes it, in lower case only: each has one spelling.
///
/// [RFC 9562 §4]: https://www.rfc-editor.org/rfc/rfc9562#section-4
fn uuid(text: &str) -> Option<[u8; 16]> {
    let parts: Vec<&str> = text.split('-').collect();
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let sound =
        parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) && parts.iter().all(|part| part.bytes().all(is_digit));
    let number = u128::from_str_radix(&parts.concat(), 16).ok().filter(|_| sound)?;
    Some(number.to_be_bytes())
}

impl fmt::Debug for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<key name>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "01234567-89ab-cdef-0123-456789abcdef";

    fn name(kid: &str) -> KeyName {
        KeyName::of(Some(kid), Algorithm::Es256)
    }

    #[test]
    fn a_uuid_comes_back_as_it_was_and_nothing_else_is_one() {
        for text in [UUID, "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"] {
            assert_eq!(name(text).uuid().as_deref(), Some(text));
        }
        for text in [
            "",
            "k1",
            "01234567-89AB-CDEF-0123-456789ABCDEF",
            "0123456789abcdef0123456789abcdef",
            "01234567-89ab-cdef-0123-456789abcde",
            "01234567-89ab-cdef-0123-456789abcdefa",
            "0123456-789ab-cdef-0123-456789abcdef",
            "+1234567-89ab-cdef-0123-456789abcdef",
            "01234567-89ab-cdef-0123-456789abcdeg",
            "../34567-89ab-cdef-0123-456789abcdef",
            "01234567-89ab-cdef-0123-456789abcdef-",
            " 01234567-89ab-cdef-0123-456789abcdef",
        ] {
            assert_eq!(name(text).uuid(), None, "{text}");
        }
    }

    #[test]
    fn names_are_told_apart_and_not_printed() {
        let none = |algorithm| KeyName::of(None, algorithm);
        let all = [name("k1"), name("k2"), name(""), name(UUID), none(Algorithm::Es256), none(Algorithm::Rs256)];
        for (index, one) in all.iter().enumerate() {
            assert_eq!(all.iter().filter(|other| *other == one).count(), 1, "{index}");
            assert_eq!(format!("{one:?}"), "<key name>");
        }
        assert_eq!(name("k1"), KeyName::of(Some("k1"), Algorithm::EdDsa), "the algorithm does not count beside a name");
    }
}
