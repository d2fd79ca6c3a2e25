//! NATS's keys: Ed25519 with a letter for what the key is, and the tokens that they sign.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

/// What a key is; the number is the prefix byte of its text form.
#[derive(Clone, Copy)]
pub enum Role {
    Operator = 14 << 3,
    Account = 0,
    User = 20 << 3,
}

/// A key pair with its public text form.
pub struct NatsKey {
    pair: Ed25519KeyPair,
    pub public: String,
}

impl NatsKey {
    /// A fresh key.
    pub fn new(role: Role) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        let mut raw = vec![role as u8];
        raw.extend_from_slice(pair.public_key().as_ref());
        raw.extend_from_slice(&crc16(&raw).to_le_bytes());
        Self { pair, public: base32(&raw) }
    }

    /// A signature over `message`, base64url without padding.
    pub fn sign(&self, message: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(self.pair.sign(message))
    }

    /// A NATS JWT (version 2) about `subject`, signed by this key.
    pub fn token(&self, subject: &str, name: &str, nats: &Value) -> String {
        let mut claims = json!({
            "jti": "", "iat": super::now() - 5, "iss": self.public, "name": name, "sub": subject, "nats": nats,
        });
        claims["jti"] = Value::String(base32(digest(&SHA256, claims.to_string().as_bytes()).as_ref()));
        let header = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"ed25519-nkey"}"#);
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.sign(signed.as_bytes());
        format!("{signed}.{signature}")
    }
}

/// RFC 4648 §6, without padding.
fn base32(bytes: &[u8]) -> String {
    let mut text = String::new();
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in bytes {
        bits = (bits << 8) | u32::from(*byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            text.push(char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[(bits >> held) as usize & 31]));
        }
        bits &= (1 << held) - 1;
    }
    if held > 0 {
        text.push(char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[(bits << (5 - held)) as usize & 31]));
    }
    text
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |start, byte| {
        (0..8).fold(
            start ^ (u16::from(*byte) << 8),
            |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
            },
        )
    })
}
