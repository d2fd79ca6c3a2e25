//! Files with secrets of monward's own, read anew each time: whoever replaces one need not tell.

use std::path::Path;

use super::OidcError;
use super::fetch::read_file;
use crate::types::Secret;

/// The longest secret or token of monward's own, in bytes.
const MAX_SECRET: usize = 16 * 1024;

/// The secret in the file `path`: one line of text, at most 16 KiB.
///
/// # Errors
/// [`OidcError::SecretFile`] when it cannot be read, is empty or is no single line of text.
pub fn read_secret_file(path: &Path) -> Result<Secret<String>, OidcError> {
    use std::io::ErrorKind;
    let bad = |why| Err(OidcError::SecretFile(why));
    let bytes = match read_file(path, MAX_SECRET) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return bad("it does not exist"),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return bad("it must not be read"),
        Err(error) if error.kind() == ErrorKind::InvalidInput => return bad("it is no regular file"),
        Err(_) => return bad("reading it failed"),
    };
    if bytes.len() > MAX_SECRET {
        return bad("it is too large");
    }
    let Ok(text) = std::str::from_utf8(&bytes) else { return bad("it is not UTF-8") };
    let line = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    if line.is_empty() {
        return bad("it is empty");
    }
    if line.contains(char::is_control) {
        return bad("it is not one line of text");
    }
    Ok(Secret::new(line.to_owned()))
}

/// The token in the file `path`: a secret that an `Authorization` field can hold.
///
/// # Errors
/// As [`read_secret_file`], and when it is no token.
pub fn read_token_file(path: &Path) -> Result<Secret<String>, OidcError> {
    let token = read_secret_file(path)?;
    if token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(token)
    } else {
        Err(OidcError::SecretFile("it holds no token"))
    }
}

/// The secret in the file `path` as it is now.
pub(super) async fn secret(path: &Path) -> Result<Secret<String>, OidcError> {
    read(path, read_secret_file).await
}

/// The value of `Authorization` with the token in the file `path` as it is now (RFC 6750 §2.1).
pub(super) async fn bearer(path: &Path) -> Result<Secret<String>, OidcError> {
    let token = read(path, read_token_file).await?;
    Ok(Secret::new(format!("Bearer {}", token.expose())))
}

type Read = fn(&Path) -> Result<Secret<String>, OidcError>;

/// Off the threads that others wait for.
async fn read(path: &Path, read: Read) -> Result<Secret<String>, OidcError> {
    let path = path.to_owned();
    let done = tokio::task::spawn_blocking(move || read(&path)).await;
    done.map_err(|_| OidcError::SecretFile("reading it failed"))?
}
