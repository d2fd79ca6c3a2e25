//! What a NATS operator makes: keys with names, JWTs signed by them, a client that logs in with one.
//!
//! In: randomness and claims. Out: an operator, accounts and a user that a `nats-server` in operator mode accepts
//! (ADR-14). Seeds stay in memory and die with the demo.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA512_256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::types::UnixTime;

/// Whose key it is; the first letter of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// `O…`
    Operator,
    /// `A…`
    Account,
    /// `U…`
    User,
}

impl Owner {
    /// The byte before the key, whose upper five bits are the letter in base 32.
    const fn prefix(self) -> u8 {
        match self {
            Self::Operator => 14 << 3,
            Self::Account => 0,
            Self::User => 20 << 3,
        }
    }
}

/// An Ed25519 key with the name that NATS gives it.
pub(super) struct Key {
    pair: Ed25519KeyPair,
    name: String,
}

impl Key {
    /// A new key; `None` when the machine has no randomness.
    pub(super) fn generate(owner: Owner, random: &SystemRandom) -> Option<Self> {
        let mut seed = [0_u8; 32];
        random.fill(&mut seed).ok()?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).ok()?;
        let mut bytes = vec![owner.prefix()];
        bytes.extend_from_slice(pair.public_key().as_ref());
        bytes.extend_from_slice(&checksum(&bytes).to_le_bytes());
        Some(Self { pair, name: base32(&bytes) })
    }

    /// Its public name: 56 characters of base 32.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A JWT about `subject`, called `title`, that says `nats`.
    pub(super) fn sign(&self, subject: &Self, title: &str, nats: &Value, now: UnixTime) -> String {
        let mut claims =
            json!({ "iss": self.name, "sub": subject.name, "name": title, "iat": now.as_secs(), "nats": nats });
        let id = base32(digest(&SHA512_256, claims.to_string().as_bytes()).as_ref());
        if let Some(claims) = claims.as_object_mut() {
            claims.insert("jti".to_owned(), Value::String(id));
        }
        let header = json!({ "typ": "JWT", "alg": "ed25519-nkey" }).to_string();
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.pair.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// The claims of an operator whose system account is `system`.
pub(super) fn operator_claims(system: &Key) -> Value {
    json!({ "type": "operator", "version": 2, "system_account": system.name() })
}

/// The claims of an account without limits, `streams` aside: how many of those it may have (`-1` is any number).
pub(super) fn account_claims(streams: i32) -> Value {
    json!({
        "type": "account",
        "version": 2,
        "limits": {
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1,
            "leaf": -1, "mem_storage": streams, "disk_storage": streams, "streams": streams, "consumer": streams,
        },
        "default_permissions": { "pub": {}, "sub": {} },
    })
}

/// The claims of a user without limits.
pub(super) fn user_claims() -> Value {
    json!({ "type": "user", "version": 2, "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1 })
}

/// Logs in at `server` as the user `jwt` speaks of, and subscribes to `subject`. The client stays until it is dropped.
pub(super) async fn log_in(server: SocketAddr, jwt: &str, user: &Key, subject: &str) -> io::Result<TcpStream> {
    let mut stream = BufReader::new(TcpStream::connect(server).await?);
    let info = line(&mut stream).await?;
    let info: Value = serde_json::from_str(info.strip_prefix("INFO ").unwrap_or_default())?;
    let nonce = info.get("nonce").and_then(Value::as_str).unwrap_or_default();
    let signature = URL_SAFE_NO_PAD.encode(user.pair.sign(nonce.as_bytes()));
    let connect = json!({
        "verbose": false, "pedantic": false, "tls_required": false, "protocol": 1, "lang": "rust", "version": "demo",
        "name": "orders-7f9c", "jwt": jwt, "sig": signature,
    });
    stream.write_all(format!("CONNECT {connect}\r\nSUB {subject} 1\r\nPING\r\n").as_bytes()).await?;
    loop {
        let answer = line(&mut stream).await?;
        match answer.trim_end() {
            "PONG" => return Ok(stream.into_inner()),
            "" => return Err(io::ErrorKind::UnexpectedEof.into()),
            refused if refused.starts_with("-ERR") => return Err(io::Error::other(refused.to_owned())),
            _ => {}
        }
    }
}

async fn line(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    stream.take(64 * 1024).read_line(&mut line).await?;
    Ok(line)
}

/// CRC-16/XMODEM.
fn checksum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(
            sum ^ (u16::from(*byte) << 8),
            |sum, _| if sum & 0x8000 == 0 { sum << 1 } else { (sum << 1) ^ 0x1021 },
        )
    })
}

/// Base 32 without padding (RFC 4648 §6).
fn base32(bytes: &[u8]) -> String {
    let (mut text, mut held, mut bits) = (String::with_capacity(bytes.len() * 8 / 5 + 1), 0_u32, 0_u32);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(letter(held >> bits));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(letter(held << (5 - bits)));
    }
    text
}

/// The letter of the lowest five bits.
fn letter(bits: u32) -> char {
    let index = usize::try_from(bits & 31).unwrap_or_default();
    char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".get(index).copied().unwrap_or(b'A'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_and_the_letters_are_the_standard_ones() {
        assert_eq!(checksum(b"123456789"), 0x31c3);
        for (bytes, text) in [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foobar", "MZXW6YTBOI")] {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn a_name_tells_whose_key_it_is() {
        for (owner, first) in [(Owner::Operator, 'O'), (Owner::Account, 'A'), (Owner::User, 'U')] {
            let key = Key::generate(owner, &SystemRandom::new()).unwrap();
            assert_eq!(key.name().len(), 56);
            assert!(key.name().starts_with(first), "{}", key.name());
        }
    }

    #[test]
    fn a_jwt_has_three_parts_and_says_who_signed_it() {
        let random = SystemRandom::new();
        let operator = Key::generate(Owner::Operator, &random).unwrap();
        let account = Key::generate(Owner::Account, &random).unwrap();
        let jwt = operator.sign(&account, "ACME", &account_claims(-1), UnixTime::from_secs(1_800_000_000));
        let parts: Vec<_> = jwt.split('.').collect();
        assert_eq!(parts.len(), 3);
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
        assert_eq!(claims["iss"], operator.name());
        assert_eq!(claims["sub"], account.name());
        assert_eq!(claims["jti"].as_str().unwrap().len(), 52);
    }
}
