//! Reads a compact JWS strictly, before anything in it is believed.
//!
//! Nothing here proves anything; the parts are only known to have one possible reading.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::claims::Profile;
use super::fault::{Claim, TokenFault};
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

/// base64url as the most lenient reader of tokens takes it.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What may stand at the end of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Padding {
    /// Nothing ([RFC 7515 §2]).
    ///
    /// [RFC 7515 §2]: https://www.rfc-editor.org/rfc/rfc7515#section-2
    Refused,
    /// Nothing, or just the `=` that base64 would put there: AWS load balancers do, and sign it.
    Accepted,
}

/// A token of the right shape, of which only the header was read. It has no `Debug`: it must not be printed.
pub(super) struct Parts<'token> {
    members: Map<String, Value>,
    payload: &'token str,
    /// What the signature covers.
    signed: &'token [u8],
    signature: &'token str,
    padding: Padding,
}

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
    /// All of them: AWS load balancers make claims here.
    pub(super) members: Map<String, Value>,
    typ: Option<String>,
}

/// Whether `token` looks like a JWS at all: three parts, of which the first begins like an encoded JSON object (with space
/// before it or not).
pub(super) fn has_shape(token: &str) -> bool {
    let begins = token.get(..4).and_then(|first| URL_SAFE_NO_PAD.decode(first).ok());
    let opens = begins.and_then(|first| first.first().copied()).is_some_and(|first| b"{ \t\r\n".contains(&first));
    opens && token.bytes().filter(|byte| *byte == b'.').count() == 2
}

/// Splits `token` and reads its header ([RFC 7515 §7.1]).
///
/// [RFC 7515 §7.1]: https://www.rfc-editor.org/rfc/rfc7515#section-7.1
pub(super) fn split(token: &str, padding: Padding) -> Result<Parts<'_>, TokenFault> {
    if token.len() > MAX_TOKEN {
        return Err(TokenFault::TooLong);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(TokenFault::Parts)?;
    let (header, payload) = signed.split_once('.').ok_or(TokenFault::Parts)?;
    if payload.contains('.') || header.is_empty() {
        return Err(TokenFault::Parts);
    }
    let members = json::object(&decode(header, padding)?)?;
    Ok(Parts { members, payload, signed: signed.as_bytes(), signature, padding })
}

/// The `jti` of a token that somebody else has judged; `None` where it is no JWT, or one that can be read in two ways.
///
/// Its JSON is read strictly. Around it everything is allowed that some reader lets pass, such as spaces and further
/// parts: nobody shall hide the name of a token from a list of revoked ones by spelling the token in another way.
pub(super) fn token_id(token: &str) -> Option<Value> {
    let payload = LENIENT.decode(token.split('.').nth(1)?.replace(' ', "")).ok()?;
    json::object(&payload).ok()?.remove(Claim::TokenId.name())
}

impl<'token> Parts<'token> {
    /// The claims, before anything else is known of the token.
    pub(super) fn claims(&self) -> Result<Map<String, Value>, TokenFault> {
        Ok(json::object(&decode(self.payload, self.padding)?)?)
    }

    /// Reads all of it.
    pub(super) fn read(self) -> Result<Compact<'token>, TokenFault> {
        let header = Header::read(self.members)?;
        if self.signature.is_empty() {
            return Err(TokenFault::Parts);
        }
        let (payload, signature) = (decode(self.payload, self.padding)?, decode(self.signature, self.padding)?);
        Ok(Compact { header, payload, signed: self.signed, signature })
    }
}

/// Canonical base64url: no other alphabet, no bits left over in the last character, padding whole or not at all.
fn decode(part: &str, padding: Padding) -> Result<Vec<u8>, TokenFault> {
    let padded = padding == Padding::Accepted && part.ends_with('=');
    let engine = if padded { &URL_SAFE } else { &URL_SAFE_NO_PAD };
    engine.decode(part).map_err(|_| TokenFault::Encoding)
}

impl Header {
    fn read(members: Map<String, Value>) -> Result<Self, TokenFault> {
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
        Ok(Self { algorithm, kid, members, typ })
    }

    /// Whether `typ` is one that tokens of `profile` have ([RFC 8725 §3.11], [RFC 9068 §4]).
    ///
    /// A list of what is accepted, so that logout, `DPoP` and event tokens need no naming.
    ///
    /// [RFC 8725 §3.11]: https://www.rfc-editor.org/rfc/rfc8725#section-3.11
    /// [RFC 9068 §4]: https://www.rfc-editor.org/rfc/rfc9068#section-4
    pub(super) fn is_of(&self, profile: Profile) -> bool {
        let (access, plain) = match profile {
            Profile::Rfc9068 => (true, false),
            Profile::Jwt => (true, true),
            Profile::ServiceAccount | Profile::Door(_) => (false, true),
            Profile::Asked | Profile::StaticKeys => (false, false),
        };
        let Some(typ) = &self.typ else { return plain };
        let typ = typ.to_ascii_lowercase();
        match typ.strip_prefix("application/").unwrap_or(&typ) {
            "at+jwt" => access,
            "jwt" => plain,
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
