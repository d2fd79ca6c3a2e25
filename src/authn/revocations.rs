//! The deny-list: tokens, subjects and certificates that prove nothing any more, whatever else says they do.
//!
//! ```yaml
//! version: 1
//! tokens:                     # by `jti`
//!   - { issuer: corp, jti: "5f0c…", reason: "laptop lost" }
//! subjects:
//!   - { issuer: corp, subject: "bob" }
//! certificates:               # as `openssl x509 -noout -serial -fingerprint -sha256` shows them
//!   - { serial: "0A:1B:2C" }
//!   - { sha256: "4F:…" }
//! ```
//!
//! A client certificate is also struck as a subject, with the issuer `client_certificate` and the name under which
//! records show it. A serial strikes whichever trusted authority gave it; where several are trusted, the fingerprint
//! is exact.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::certificate::Certificate;
use super::claim_tree::ClaimValue;
use super::principal::{CLIENT_CERTIFICATE, Principal, Proof};
use crate::document::{self, Fault, Faults, Fields, Node, Place};

/// The most hexadecimal digits of a serial number ([RFC 5280 §4.1.2.2]).
///
/// [RFC 5280 §4.1.2.2]: https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.2
const MAX_SERIAL: usize = 40;

/// What was revoked. Without any file, nothing.
#[derive(Debug, Default)]
pub struct Revocations {
    /// The `jti`s by issuer.
    tokens: HashMap<String, HashSet<String>>,
    /// The subjects by issuer.
    subjects: HashMap<String, HashSet<String>>,
    /// Serial numbers of certificates, spelled like [`Certificate::serial`].
    serials: HashSet<String>,
    /// The SHA-256 of certificates.
    fingerprints: HashSet<[u8; 32]>,
    /// The issuers that are named, and where first.
    issuers: BTreeMap<String, Place>,
}

impl Revocations {
    /// Reads `text`, the content of `file`.
    ///
    /// # Errors
    /// Every fault, with its place.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Fault>> {
        let root = document::parse(file, text)?;
        let mut faults = Faults::new(file);
        let mut list = Self::default();
        list.read(&root, &mut faults);
        faults.finish(Some(list))
    }

    /// Whether anything that `principal` proved was revoked.
    #[must_use]
    pub fn strikes(&self, principal: &Principal) -> bool {
        principal.proofs().any(|proof| self.strikes_proof(proof))
    }

    /// The issuers that entries name, and where first, so that a configuration can be checked against them: an entry for an
    /// issuer that does not exist would revoke nothing.
    pub fn issuers(&self) -> impl Iterator<Item = (&str, Place)> {
        self.issuers.iter().map(|(name, place)| (name.as_str(), *place))
    }

    fn strikes_proof(&self, proof: &Proof) -> bool {
        let lists = |list: &HashMap<String, HashSet<String>>, value: &str| {
            list.get(proof.issuer()).is_some_and(|values| values.contains(value))
        };
        let by_token = !self.tokens.is_empty()
            && proof.claims().get("jti").is_some_and(|jti| match jti {
                // A number is not what RFC 7519 asks for, but whoever lists it means it.
                ClaimValue::Text(jti) | ClaimValue::Number(jti) => lists(&self.tokens, jti),
                ClaimValue::List(_) | ClaimValue::Members(_) | ClaimValue::True | ClaimValue::Other => false,
            });
        by_token
            || lists(&self.subjects, proof.subject())
            || proof.names().is_some_and(|names| self.strikes_certificate(names))
    }

    fn strikes_certificate(&self, certificate: &Certificate) -> bool {
        self.serials.contains(&certificate.serial) || self.fingerprints.contains(&certificate.fingerprint)
    }

    fn read(&mut self, root: &Node, faults: &mut Faults) -> Option<()> {
        let fields = root.fields(&["version", "tokens", "subjects", "certificates"], faults)?;
        fields.version(faults);
        for node in items(fields, "tokens", faults) {
            if let Some((issuer, jti)) = self.of_issuer(node, "jti", faults) {
                self.tokens.entry(issuer).or_default().insert(jti);
            }
        }
        for node in items(fields, "subjects", faults) {
            if let Some((issuer, subject)) = self.of_issuer(node, "subject", faults) {
                self.subjects.entry(issuer).or_default().insert(subject);
            }
        }
        for node in items(fields, "certificates", faults) {
            self.certificate(node, faults);
        }
        Some(())
    }

    /// An entry of an issuer and the value of `key`.
    fn of_issuer(&mut self, node: &Node, key: &str, faults: &mut Faults) -> Option<(String, String)> {
        let fields = entry(node, &["issuer", key, "reason"], faults)?;
        let issuer = some_text(fields.required("issuer", faults), faults);
        let value = some_text(fields.required(key, faults), faults);
        let ((issuer, place), (value, _)) = (issuer?, value?);
        if key != "subject" || issuer != CLIENT_CERTIFICATE {
            self.issuers.entry(issuer.to_owned()).or_insert(place);
        }
        Some((issuer.to_owned(), value.to_owned()))
    }

    fn certificate(&mut self, node: &Node, faults: &mut Faults) -> Option<()> {
        let fields = entry(node, &["serial", "sha256", "reason"], faults)?;
        let (serial, sha256) = (fields.get("serial"), fields.get("sha256"));
        if serial.is_none() && sha256.is_none() {
            faults.at(node, "`serial` or `sha256` is missing here");
        }
        self.serials.extend(serial.and_then(|node| serial_number(node, faults)));
        self.fingerprints.extend(sha256.and_then(|node| fingerprint(node, faults)));
        Some(())
    }
}

/// The items of a list that may be missing.
fn items<'node>(fields: Fields<'node>, key: &str, faults: &mut Faults) -> &'node [Node] {
    fields.get(key).and_then(|node| node.list(faults)).unwrap_or_default()
}

/// The fields of one entry; `reason` is for those who read the file.
fn entry<'node>(node: &'node Node, known: &[&str], faults: &mut Faults) -> Option<Fields<'node>> {
    let fields = node.fields(known, faults)?;
    if let Some(reason) = fields.get("reason") {
        reason.text(faults);
    }
    Some(fields)
}

/// A text that is not empty, and where it stands.
fn some_text<'node>(node: Option<&'node Node>, faults: &mut Faults) -> Option<(&'node str, Place)> {
    let node = node?;
    let text = node.text(faults)?;
    if text.is_empty() {
        faults.at(node, "expected a value, found nothing");
        return None;
    }
    Some((text, node.place))
}

/// Spelled like [`Certificate::serial`].
fn serial_number(node: &Node, faults: &mut Faults) -> Option<String> {
    let digits = digits(node, faults)?;
    let serial = digits.trim_start_matches('0');
    if serial.is_empty() || serial.len() > MAX_SERIAL {
        faults.at(node, format!("a serial number has 1 to {MAX_SERIAL} hexadecimal digits and is not zero"));
        return None;
    }
    Some(serial.to_owned())
}

fn fingerprint(node: &Node, faults: &mut Faults) -> Option<[u8; 32]> {
    let digits = digits(node, faults)?;
    let bytes: Vec<u8> = digits.as_bytes().chunks(2).filter_map(byte).collect();
    let found = bytes.try_into().ok().filter(|_| digits.len() == 64);
    if found.is_none() {
        faults.at(node, format!("a SHA-256 has 64 hexadecimal digits, found {}", digits.len()));
    }
    found
}

/// Hexadecimal digits in lower case, without the colons between them.
fn digits(node: &Node, faults: &mut Faults) -> Option<String> {
    let digits: String = node.text(faults)?.chars().filter(|char| *char != ':').collect();
    if digits.is_empty() || !digits.chars().all(|char| char.is_ascii_hexdigit()) {
        faults.at(node, "expected hexadecimal digits, such as `0A:1B:2C`");
        return None;
    }
    Some(digits.to_ascii_lowercase())
}

fn byte(pair: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()
}
