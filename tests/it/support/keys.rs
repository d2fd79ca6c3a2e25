//! Files of static keys.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// The hash of `key`, as weak as is accepted.
pub fn hashed(key: &str) -> String {
    let (memory, passes, lanes) = (8 * 1024, 1, 1);
    let salt: [u8; 16] = rand::random();
    let mut hash = [0; 32];
    let argon2 =
        Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(memory, passes, lanes, Some(32)).unwrap());
    argon2.hash_password_into(key.as_bytes(), &salt, &mut hash).unwrap();
    let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
    format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${hash}")
}

/// A file with these names and keys; a name that stands twice has both keys.
pub fn file(users: &[(&str, &str)]) -> String {
    let mut lines = String::from("version: 1\nkeys:\n");
    let mut names: Vec<&str> = users.iter().map(|(name, _)| *name).collect();
    names.dedup();
    for name in names {
        let hashes = users.iter().filter(|(user, _)| *user == name).map(|(_, key)| format!("'{}'", hashed(key)));
        lines.push_str(&format!("  {name}: [{}]\n", hashes.collect::<Vec<_>>().join(", ")));
    }
    lines
}
