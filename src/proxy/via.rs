//! The `Via` field ([RFC 9110 §7.6.3]): what monward writes there, and whether a request passed here before.
//!
//! [RFC 9110 §7.6.3]: https://www.rfc-editor.org/rfc/rfc9110#section-7.6.3

use std::sync::OnceLock;

/// What goes upstream: a pseudonym of this process, so that one monward may stand behind another and only a circle is
/// refused.
pub(super) fn ours() -> &'static str {
    static OURS: OnceLock<String> = OnceLock::new();
    OURS.get_or_init(|| format!("1.1 monward-{:08x}", rand::random::<u32>()))
}

/// Whether one of the members of `value` names monward as the recipient. Comments name nobody.
pub(super) fn names_us(value: &[u8]) -> bool {
    let (mut depth, mut escaped, mut start) = (0_usize, false, 0);
    for (at, byte) in value.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if depth > 0 => escaped = true,
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                if is_ours(value.get(start..at).unwrap_or_default()) {
                    return true;
                }
                start = at + 1;
            }
            _ => {}
        }
    }
    is_ours(value.get(start..).unwrap_or_default())
}

/// `received-protocol RWS received-by [ RWS comment ]`
fn is_ours(member: &[u8]) -> bool {
    let mut words = member.split(|byte| b" \t".contains(byte)).filter(|word| !word.is_empty());
    let received_by = words.nth(1).and_then(|word| word.split(|byte| *byte == b'(').next());
    let pseudonym = ours().rsplit(' ').next().unwrap_or_default();
    received_by.is_some_and(|name| name.eq_ignore_ascii_case(pseudonym.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f14_the_pseudonym_counts_where_a_recipient_stands_and_nowhere_else() {
        let own = ours().strip_prefix("1.1 ").unwrap();
        for (value, expected) in [
            ("1.1 OWN", true),
            ("HTTP/1.1 OWN", true),
            ("2\tOWN", true),
            ("1.1   OWN  ", true),
            ("1.0 fred, 1.1 OWN (a comment)", true),
            ("1.0 fred , 1.1 OWN , 1.1 other", true),
            (",, ,1.1 OWN", true),
            ("1.0 fred (1, \\) (2), 3), 1.1 OWN", true),
            ("1.1 OWN(comment)", true),
            ("", false),
            ("OWN", false),
            ("1.1", false),
            ("1.1 monward-01234567", false),
            ("1.1 OWN2", false),
            ("1.1 my-OWN", false),
            ("1.1 OWN.example.org", false),
            ("1.1 OWN:8443", false),
            ("1.1 other (1.1 OWN)", false),
            ("1.1 other (x, 1.1 OWN, y)", false),
            ("1.1 other (x (y), 1.1 OWN)", false),
            ("1.1 other (x \\), 1.1 OWN)", false),
            ("1.1 other OWN", false),
        ] {
            assert_eq!(names_us(value.replace("OWN", own).as_bytes()), expected, "{value}");
            assert_eq!(names_us(value.replace("OWN", &own.to_uppercase()).as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn f14_what_goes_upstream_is_what_is_recognised() {
        assert!(names_us(ours().as_bytes()) && ours() == ours());
    }
}
