//! Reads a compact JWS strictly, before anything in it is believed.
//!
//! Nothing here proves anything; the parts are only known to have one possible reading.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::claims::Profile;
use super::fault::TokenFault;
use super::json;

/// The longest token that is read, in bytes; longer ones are refused before any decoding.
pub const MAX_TOKEN: usize = 8192;

/// The longest `kid`, in bytes.
const MAX_KEY_ID: usize = 256;

/// Header parameters that are refused whatever they say.
///
/// `jwk`, `jku`, `x5u`, `x5c` bring the key that should check them; `b64`, `zip`, `cty`, `enc` change what the
/// payload means. The thumbprints `x5t` and `x5t#S256` bring nothing but a name and are ignored as unknown ones are:
/// widespread issuers send them.
const REFUSED: [&str; 8] = ["jwk", "jku", "x5u", "x5c", "b64", "zip", "cty", "enc"];

/// A token taken apart. It has no `Debug`: it must not be printed.
pub(super) struct Compact<'token> {
    pub(super) header: Header,
    /// The decoded second part; claims only once [`json::object`] has read it.
    pub(super) payload: Vec<u8>,
    /// What the signature covers.
    pub(super) signed: &'token [u8],
    pub(super) signature: Vec<u8>,
}

/// The header parameters that count.
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    typ: Option<String>,
}

/// Takes `token` apart ([RFC 7515 §7.1]).
///
/// [RFC 7515 §7.1]: https://www.rfc-editor.org/rfc/rfc7515#section-7.1
pub(super) fn read(token: &str) -> Result<Compact<'_>, TokenFault> {
    if token.len() > MAX_TOKEN {
        return Err(TokenFault::TooLong);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(TokenFault::Parts)?;
    let (header, payload) = signed.split_once('.').ok_or(TokenFault::Parts)?;
    if payload.contains('.') || header.is_empty() {
        return Err(TokenFault::Parts);
    }
    let header = Header::read(&json::object(&decode(header)?)?)?;
    if signature.is_empty() {
        return Err(TokenFault::Parts);
    }
    let (payload, signature) = (decode(payload)?, decode(signature)?);
    Ok(Compact { header, payload, signed: signed.as_bytes(), signature })
}

/// Canonical base64url: no padding, no other alphabet, no bits left over in the last character.
fn decode(part: &str) -> Result<Vec<u8>, TokenFault> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenFault::Encoding)
}

impl Header {
    fn read(members: &Map<String, Value>) -> Result<Self, TokenFault> {
        if members.contains_key("crit") {
            return Err(TokenFault::Critical);
        }
        if REFUSED.iter().any(|name| members.contains_key(*name)) {
            return Err(TokenFault::HeaderParameter);
        }
        let algorithm = members.get("alg").and_then(Value::as_str).and_then(Algorithm::parse);
        let algorithm = algorithm.ok_or(TokenFault::Algorithm)?;
        let kid = match members.get("kid") {
            None => None,
            Some(value) => Some(key_id(value).ok_or(TokenFault::KeyId)?.to_owned()),
        };
        let typ = match members.get("typ") {
            None => None,
            Some(value) => Some(value.as_str().ok_or(TokenFault::Type)?.to_owned()),
        };
        Ok(Self { algorithm, kid, typ })
    }

    /// Whether `typ` is that of an access token ([RFC 8725 §3.11], [RFC 9068 §4]).
    ///
    /// A list of what is accepted, so that logout, `DPoP` and event tokens need no naming.
    ///
    /// [RFC 8725 §3.11]: https://www.rfc-editor.org/rfc/rfc8725#section-3.11
    /// [RFC 9068 §4]: https://www.rfc-editor.org/rfc/rfc9068#section-4
    pub(super) fn is_access_token(&self, profile: Profile) -> bool {
        let Some(typ) = &self.typ else {
            return profile == Profile::Jwt;
        };
        let typ = typ.to_ascii_lowercase();
        match typ.strip_prefix("application/").unwrap_or(&typ) {
            "at+jwt" => true,
            "jwt" => profile == Profile::Jwt,
            _ => false,
        }
    }
}

/// A `kid`, of a token or of a key: text, not empty, not huge, without control characters.
pub(super) fn key_id(value: &Value) -> Option<&str> {
    let text = value.as_str()?;
    let sane = !text.is_empty() && text.len() <= MAX_KEY_ID && !text.chars().any(char::is_control);
    sane.then_some(text)
}
