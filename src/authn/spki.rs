//! Reads a public key in PEM: what a load balancer of AWS publishes under each key's name.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::jwk::{Key, SkipReason};

/// What stands before the two coordinates of every uncompressed P-256 key ([RFC 5480 §2]): a sequence of the algorithm
/// `ecPublicKey` with the curve `prime256v1`, and a bit string that begins with 4.
///
/// [RFC 5480 §2]: https://www.rfc-editor.org/rfc/rfc5480#section-2
const PREFIX: [u8; 27] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];
/// The longest text that is read, in bytes; a P-256 key has less than 200.
const MAX_PEM: usize = 1024;

/// The `ES256` key `kid` from `body`: exactly one `PUBLIC KEY` on P-256 ([RFC 7468 §13]), nothing before or after it.
///
/// [RFC 7468 §13]: https://www.rfc-editor.org/rfc/rfc7468#section-13
pub(super) fn read(kid: String, body: &[u8]) -> Result<Key, SkipReason> {
    let text = std::str::from_utf8(body).ok().filter(|text| text.len() <= MAX_PEM).ok_or(SkipReason::Encoding)?;
    let inner = text.trim_ascii().strip_prefix("-----BEGIN PUBLIC KEY-----");
    let inner = inner.and_then(|text| text.strip_suffix("-----END PUBLIC KEY-----")).ok_or(SkipReason::Encoding)?;
    let lines: String = inner.lines().map(str::trim_ascii).collect();
    let der = STANDARD.decode(lines).map_err(|_| SkipReason::Encoding)?;
    let point = der.strip_prefix(&PREFIX).ok_or(SkipReason::Curve)?;
    let (x, y) = point.split_at_checked(32).ok_or(SkipReason::Encoding)?;
    Key::es256(kid, x, y)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem() -> String {
        rcgen::KeyPair::generate().unwrap().public_key_pem()
    }

    fn why(body: &[u8]) -> Option<SkipReason> {
        read("k".to_owned(), body).err()
    }

    #[test]
    fn one_key_on_p256_is_taken_whatever_its_line_ends() {
        let pem = pem();
        for text in [
            pem.clone(),
            pem.replace("\r\n", "\n"),
            pem.replace('\r', "").replace('\n', "\r\n"),
            format!("\n{pem}\n\n"),
        ] {
            assert_eq!(why(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let pem = pem();
        let der =
            |der: &[u8]| format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der));
        let p384 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
        let ed25519 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let off_curve = [&PREFIX[..], &[7; 64]].concat();
        let longer = [&PREFIX[..], &[7; 65]].concat();
        let compressed = [&PREFIX[..26], &[2], &[7; 32]].concat();
        let rows = [
            ("nothing", String::new(), SkipReason::Encoding),
            ("html", "<html>".to_owned(), SkipReason::Encoding),
            ("two keys", format!("{pem}{pem}"), SkipReason::Encoding),
            ("text before", format!("x{pem}"), SkipReason::Encoding),
            ("a private key", pem.replace("PUBLIC", "PRIVATE"), SkipReason::Encoding),
            ("a certificate", pem.replace("PUBLIC KEY", "CERTIFICATE"), SkipReason::Encoding),
            ("not base64", pem.replacen('M', "!", 1), SkipReason::Encoding),
            ("too long", format!("{}{pem}", "\n".repeat(MAX_PEM)), SkipReason::Encoding),
            ("P-384", p384.public_key_pem(), SkipReason::Curve),
            ("Ed25519", ed25519.public_key_pem(), SkipReason::Curve),
            ("compressed", der(&compressed), SkipReason::Curve),
            ("off the curve", der(&off_curve), SkipReason::Point),
            ("longer", der(&longer), SkipReason::Encoding),
            ("cut short", der(&PREFIX), SkipReason::Encoding),
        ];
        for (row, text, reason) in rows {
            assert_eq!(why(text.as_bytes()), Some(reason), "{row}");
        }
        assert_eq!(why(&[0xff]), Some(SkipReason::Encoding));
    }
}
