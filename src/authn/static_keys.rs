//! The file of static keys: names and argon2id hashes, for clients that know nothing but HTTP Basic.
//!
//! ```yaml
//! version: 1
//! keys:
//!   grafana: "$argon2id$v=19$m=19456,t=2,p=1$…$…"
//!   backup:                # two while a key is replaced
//!     - "$argon2id$v=19$m=19456,t=2,p=1$…$…"
//!     - "$argon2id$v=19$m=19456,t=2,p=1$…$…"
//! ```
//!
//! A key is made with `KEY="$(openssl rand -hex 32)"`, and its hash with
//!
//! ```sh
//! printf %s "$KEY" | argon2 "$(openssl rand -base64 16)" -id -k 19456 -t 2 -p 1 -e
//! ```

use std::collections::HashMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use argon2::password_hash::phc::{Output, PasswordHash};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use ring::digest;
use serde_json::Map;

use super::fault::TokenFault;
use super::principal::{Method, Principal, Proof};
use crate::document::{self, Entry, Fault, Faults, Node, Value};
use crate::types::{Secret, UnixTime};

/// The most names in one file.
pub const MAX_STATIC_KEYS: usize = 1000;

/// The most hashes of one name: the key that is in use, and the one that takes its place.
const MAX_HASHES: usize = 2;

/// The longest name, in bytes.
const MAX_NAME: usize = 256;

/// The most memory that a hash may ask for, in KiB, which are also the blocks of argon2.
const MAX_MEMORY: u32 = 64 * 1024;

/// What makes a hash that is accepted.
const LINE: &str = r#"printf %s "$KEY" | argon2 "$(openssl rand -base64 16)" -id -k 19456 -t 2 -p 1 -e"#;

/// The parameters in the order in which they must stand, with their ranges; `m` counts KiB.
///
/// The least is far above what a guesser would like, the most is what two checks at once may take of a small machine.
const PARAMETERS: [(&str, RangeInclusive<u32>); 3] = [("m", 8 * 1024..=MAX_MEMORY), ("t", 1..=10), ("p", 1..=4)];

/// What a hash with other parameters is told.
const EXPECTED: &str = "expected the parameters `m`, `t` and `p`, in this order and no others";

/// Version 1.3 of argon2 ([RFC 9106 §3.1](https://www.rfc-editor.org/rfc/rfc9106#section-3.1)).
const VERSION: u32 = 0x13;

/// The shortest salt, in bytes ([RFC 9106 §3.1](https://www.rfc-editor.org/rfc/rfc9106#section-3.1)).
const MIN_SALT: usize = 16;

/// The shortest hash, in bytes.
const MIN_HASH: usize = 32;

/// The names and hashes of one file.
pub struct StaticKeys {
    users: Vec<User>,
    places: HashMap<String, usize>,
    /// Chooses whose hashes a name that is not there is checked against; as secret as the file.
    seed: [u8; 32],
}

struct User {
    principal: Arc<Principal>,
    hashes: Vec<PasswordHash>,
}

/// What argon2 works in, while one key is checked.
///
/// INVARIANT: it asks for [`MAX_MEMORY`] whatever it needs, and touches only what it needs. So large a piece comes from
/// the system and goes back to it at the end of the check. A smaller one the C library would keep, one for each of the
/// many threads on which checks run in turn.
struct Memory(Vec<Block>);

impl StaticKeys {
    /// Reads `text`, the content of `file`, for the issuer that the configuration calls `issuer`.
    ///
    /// # Errors
    /// Every fault, with its place. None of them repeats a hash or what stands where one belongs.
    pub fn parse(issuer: &str, file: &str, text: &str) -> Result<Self, Vec<Fault>> {
        let root = document::parse(file, text)?;
        let mut faults = Faults::new(file);
        let users = users(&root, issuer, &mut faults).unwrap_or_default();
        let places = users.iter().enumerate().map(|(place, user)| (user.principal.subject().to_owned(), place));
        let places = places.collect();
        faults.finish(Some(Self { users, places, seed: sha256(&[text.as_bytes()]) }))
    }

    /// How many names there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether there are none; a file that was read has one at least.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// Who `key` proves to be there when it comes with the name `user`.
    ///
    /// Takes long and up to 64 MiB: not for a thread that others wait for. It takes as long for a name that is not
    /// there: that one is checked against the hashes of one that is, always the same one, so that neither the time
    /// nor a difference between hashes of several strengths tells which names exist.
    ///
    /// # Errors
    /// [`TokenFault::Key`] when name and key do not belong together, [`TokenFault::Unavailable`] without memory.
    pub fn check(&self, user: &str, key: &Secret<String>) -> Result<Arc<Principal>, TokenFault> {
        let known = self.places.get(user).copied();
        let checked = self.users.get(known.unwrap_or_else(|| self.stand_in(user))).ok_or(TokenFault::Key)?;
        let mut memory = Memory::take().ok_or(TokenFault::Unavailable)?;
        let mut right = false;
        // All of them, also behind the right one: the time must not tell either which of two keys it is.
        for hash in &checked.hashes {
            right |= memory.opens(hash, key).ok_or(TokenFault::Unavailable)?;
        }
        if right && known.is_some() { Ok(Arc::clone(&checked.principal)) } else { Err(TokenFault::Key) }
    }

    /// Whose hashes stand in for those of `user`, who has none.
    fn stand_in(&self, user: &str) -> usize {
        let hash = sha256(&[&self.seed, user.as_bytes()]);
        let number = hash.iter().take(4).fold(0, |number: usize, byte| number << 8 | usize::from(*byte));
        number.checked_rem(self.users.len()).unwrap_or_default()
    }
}

impl Memory {
    fn take() -> Option<Self> {
        let mut blocks = Vec::new();
        blocks.try_reserve_exact(usize::try_from(MAX_MEMORY).ok()?).ok()?;
        Some(Self(blocks))
    }

    /// Whether `hash` is of `key`; `None` when that cannot be told.
    fn opens(&mut self, hash: &PasswordHash, key: &Secret<String>) -> Option<bool> {
        let (salt, expected) = (hash.salt.as_ref()?, hash.hash.as_ref()?);
        let params = Params::try_from(hash).ok()?;
        let needed = params.block_count();
        if self.0.len() < needed {
            self.0.resize(needed, Block::new());
        }
        let mut made = [0; Output::MAX_LENGTH];
        let made = made.get_mut(..expected.len())?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2.hash_password_into_with_memory(key.expose().as_bytes(), salt, made, self.0.as_mut_slice()).ok()?;
        // In constant time: `Output` compares no other way.
        Some(Output::new(made).ok()? == *expected)
    }
}

impl fmt::Debug for StaticKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticKeys").field("users", &self.users.len()).finish_non_exhaustive()
    }
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

fn users(root: &Node, issuer: &str, faults: &mut Faults) -> Option<Vec<User>> {
    let fields = root.fields(&["version", "keys"], faults)?;
    fields.version(faults);
    let node = fields.required("keys", faults)?;
    let entries = node.entries(faults)?;
    if entries.is_empty() || entries.len() > MAX_STATIC_KEYS {
        faults.at(node, format!("has {} names, expected 1 to {MAX_STATIC_KEYS}", entries.len()));
    }
    Some(entries.iter().filter_map(|entry| user(entry, issuer, faults)).collect())
}

fn user(entry: &Entry, issuer: &str, faults: &mut Faults) -> Option<User> {
    let name = &entry.key;
    if name.is_empty() || name.len() > MAX_NAME || name.contains(|char: char| char == ':' || char.is_control()) {
        let message = format!(
            "a name has 1 to {MAX_NAME} bytes, no colon and no control character: HTTP Basic cannot carry it otherwise"
        );
        faults.push(Some(entry.place), message);
    }
    let hashes = hashes(&entry.node, faults)?;
    let named = (issuer.to_owned(), name.clone());
    let never = UnixTime::from_secs(u64::MAX);
    let principal = Arc::new(Principal::new(Proof::token(named, Method::StaticKey, Map::new(), never, None)));
    Some(User { principal, hashes })
}

/// One hash, or a list of them.
fn hashes(node: &Node, faults: &mut Faults) -> Option<Vec<PasswordHash>> {
    let nodes = match &node.value {
        Value::List(items) => items.as_slice(),
        Value::Scalar { .. } | Value::Map(_) => std::slice::from_ref(node),
    };
    if nodes.is_empty() || nodes.len() > MAX_HASHES {
        faults.at(node, format!("has {} hashes, expected one, or two while a key is replaced", nodes.len()));
        return None;
    }
    nodes.iter().map(|node| hash(node, faults)).collect()
}

fn hash(node: &Node, faults: &mut Faults) -> Option<PasswordHash> {
    let text = node.text(faults)?;
    let hash = PasswordHash::new(text).map_err(|_| String::from("is not a hash of a key"));
    match hash.and_then(|hash| fault(&hash).map_or(Ok(hash), Err)) {
        Ok(hash) => Some(hash),
        Err(message) => {
            faults.at(node, format!("{message}; make it with `{LINE}`"));
            None
        }
    }
}

/// What is wrong with a hash.
fn fault(hash: &PasswordHash) -> Option<String> {
    if hash.algorithm.as_str() != "argon2id" {
        return Some("is not a hash of argon2id, the only kind that is accepted".to_owned());
    }
    if hash.version != Some(VERSION) {
        return Some(format!("expected version {VERSION} of argon2 (`v={VERSION}`)"));
    }
    let mut given = hash.params.iter();
    for (name, range) in PARAMETERS {
        let value =
            given.next().filter(|(given, _)| given.as_str() == name).and_then(|(_, value)| value.decimal().ok());
        let Some(value) = value else { return Some(EXPECTED.to_owned()) };
        if !range.contains(&value) {
            return Some(format!("`{name}={value}` is out of range: {} to {}", range.start(), range.end()));
        }
    }
    if given.next().is_some() {
        return Some(EXPECTED.to_owned());
    }
    if hash.salt.as_ref().is_none_or(|salt| salt.len() < MIN_SALT) {
        return Some(format!("the salt is shorter than {MIN_SALT} bytes"));
    }
    if hash.hash.as_ref().is_none_or(|output| output.len() < MIN_HASH) {
        return Some(format!("the hash is shorter than {MIN_HASH} bytes"));
    }
    None
}
