//! The function that a JSONP answer calls.

use super::fault::TargetFault;

/// The longest name, in bytes.
const MAX_NAME: usize = 64;

/// The name of a function in a browser, good enough to stand in a script: `[A-Za-z_$][A-Za-z0-9_$.]*`, 64 bytes at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback(Box<str>);

impl Callback {
    /// Reads the value of `callback` as it stands in a query; nothing is decoded.
    pub(super) fn parse(text: &str) -> Result<Self, TargetFault> {
        let starts = text.starts_with(|first: char| first.is_ascii_alphabetic() || matches!(first, '_' | '$'));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'.');
        if starts && text.len() <= MAX_NAME && text.bytes().all(plain) {
            return Ok(Self(text.into()));
        }
        Err(TargetFault::Callback)
    }

    /// `body`, which is JSON, as the script that calls the function with it. The comment in front keeps the first bytes
    /// from being those that a client chose.
    #[must_use]
    pub fn wrap(&self, body: &[u8]) -> Vec<u8> {
        [b"/**/", self.0.as_bytes(), b"(", body, b");"].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g18_only_the_name_of_a_function_is_one() {
        let long = "a".repeat(64);
        for good in ["cb", "_", "$", "jQuery_1.fn$2", "a.b.c", &long] {
            let wrapped = Callback::parse(good).unwrap().wrap(b"{}");
            assert_eq!(String::from_utf8(wrapped).unwrap(), format!("/**/{good}({{}});"));
        }
        let longer = "a".repeat(65);
        for bad in [
            "",
            "1a",
            ".a",
            "a(",
            "alert(1)//",
            "a b",
            "a-b",
            "a[0]",
            "a%62",
            "a+b",
            "a;b",
            "a\n",
            "<b>",
            "\u{e4}",
            "a\u{2028}",
            "a=1",
            "a'",
            "a\"",
            "a/",
            "a`",
            &longer,
        ] {
            assert_eq!(Callback::parse(bad), Err(TargetFault::Callback), "{bad}");
        }
    }
}
