//! The last good keys of an issuer on disk, for a start while the issuer is away.
//!
//! Whoever can write that file decides whose tokens are good: it is taken only if nobody else could have written it,
//! and only for the issuer and the place that it was fetched from.

use crate::authn::{KeySetFault, MAX_DOCUMENT};
use crate::types::UnixTime;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use rustix::fs::OFlags;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The longest file that is read or written, in bytes: a document with each of its quotes escaped, and what is around.
const MAX_FILE: usize = 2 * MAX_DOCUMENT + 8 * 1024;
/// How far in the future keys may have been fetched: clocks are set.
const LEEWAY: Duration = Duration::from_mins(1);
/// The longest issuer's name that is spelled out in a file's name, in bytes.
const MAX_NAME: usize = 64;
/// What this monward writes and reads.
const VERSION: u32 = 1;

/// The place on disk for the keys of one issuer.
#[derive(Clone, Debug)]
pub struct Shelf {
    path: PathBuf,
    issuer: String,
    source: String,
}

/// Keys as they were fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// When.
    pub fetched_at: UnixTime,
    /// The document, as it came.
    pub document: Vec<u8>,
}

/// Why keys on disk are not taken, or not written. The texts say what to do.
#[derive(Debug, thiserror::Error)]
pub enum ShelfFault {
    /// The system says no.
    #[error("{0}; see to it that monward can read and write its `state_dir`")]
    Io(#[from] io::Error),
    /// It is a link, a folder, a pipe.
    #[error("it is no regular file; remove it")]
    NotRegular,
    /// Somebody else could have written it.
    #[error("it belongs to another user; remove it, and give `state_dir` to the user that monward runs as")]
    Owner,
    /// Others may read or write it.
    #[error("it is open to group or others; remove it, and keep `state_dir` private")]
    Permissions,
    /// Larger than any that is written.
    #[error("it is too large; remove it")]
    TooLarge,
    /// Not what monward writes.
    #[error("it is not a key file of this monward; remove it")]
    Malformed,
    /// Of another issuer, or fetched from elsewhere.
    #[error("it is of another issuer or from another place; it is replaced when the issuer answers")]
    Another,
    /// Fetched in the future.
    #[error("it was fetched in the future; set the clock right")]
    Future,
    /// Older than `max_stale`.
    #[error("it is older than `max_stale`; it is replaced when the issuer answers")]
    Stale,
    /// No key set that can be used.
    #[error("{0}; it is replaced when the issuer answers")]
    Keys(#[from] KeySetFault),
}

impl ShelfFault {
    /// A short word for metrics.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Io(_) => "unreadable",
            Self::NotRegular => "not_regular",
            Self::Owner => "owner",
            Self::Permissions => "permissions",
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::Another => "another_issuer",
            Self::Future => "future",
            Self::Stale => "stale",
            Self::Keys(_) => "keys",
        }
    }
}

/// The file.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    issuer: String,
    source: String,
    /// Milliseconds since 1970.
    fetched_at: u64,
    document: String,
}

impl Shelf {
    /// In `folder`, for the issuer `name` of the configuration whose `iss` is `issuer`, with keys from `source`.
    #[must_use]
    pub fn new(folder: &Path, name: &str, issuer: &str, source: &str) -> Self {
        let path = folder.join(file_name(name));
        Self { path, issuer: issuer.to_owned(), source: source.to_owned() }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The keys that an earlier run left, if they may still serve at `now`; `None` when there are none.
    ///
    /// # Errors
    /// Why the file is not believed.
    pub fn load(&self, now: UnixTime, max_stale: Duration) -> Result<Option<Kept>, ShelfFault> {
        let Some(bytes) = self.read()? else { return Ok(None) };
        let content: Content = serde_json::from_slice(&bytes).map_err(|_| ShelfFault::Malformed)?;
        if content.version != VERSION {
            return Err(ShelfFault::Malformed);
        }
        if content.issuer != self.issuer || content.source != self.source {
            return Err(ShelfFault::Another);
        }
        let fetched_at = UnixTime::from_millis(content.fetched_at);
        if fetched_at > now.plus(LEEWAY) {
            return Err(ShelfFault::Future);
        }
        let fetched_at = fetched_at.min(now);
        if now.since(fetched_at) >= max_stale {
            return Err(ShelfFault::Stale);
        }
        Ok(Some(Kept { fetched_at, document: content.document.into_bytes() }))
    }

    /// Replaces the file as a whole: whoever reads it, and whenever the machine stops, it is the old one or the new.
    ///
    /// # Errors
    /// When the disk fails, or the document cannot be kept.
    pub fn save(&self, kept: &Kept) -> Result<(), ShelfFault> {
        let document = std::str::from_utf8(&kept.document).map_err(|_| ShelfFault::Malformed)?.to_owned();
        let (issuer, source) = (self.issuer.clone(), self.source.clone());
        let content = Content { version: VERSION, issuer, source, fetched_at: kept.fetched_at.as_millis(), document };
        let bytes = serde_json::to_vec(&content).map_err(|_| ShelfFault::Malformed)?;
        if bytes.len() > MAX_FILE {
            return Err(ShelfFault::TooLarge);
        }
        let folder = self.path.parent().unwrap_or(Path::new("."));
        // Made with the permission 0600, under a name that nobody has.
        let mut draft = tempfile::Builder::new().prefix(".keys-").tempfile_in(folder)?;
        draft.write_all(&bytes)?;
        draft.as_file().sync_all()?;
        draft.persist(&self.path).map_err(|error| error.error)?;
        // The new name itself must reach the disk, too.
        File::open(folder)?.sync_all()?;
        Ok(())
    }

    fn read(&self) -> Result<Option<Vec<u8>>, ShelfFault> {
        // Asked before it is opened: opening a pipe would wait for whoever writes to it.
        match std::fs::symlink_metadata(&self.path) {
            Ok(found) => check(&found)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let flags = i32::try_from(OFlags::NOFOLLOW.union(OFlags::NONBLOCK).bits()).unwrap_or_default();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(&self.path)?;
        // Again, of what was opened: it may have been exchanged meanwhile.
        check(&file.metadata()?)?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > MAX_FILE { Err(ShelfFault::TooLarge) } else { Ok(Some(bytes)) }
    }
}

/// A regular file of ours that nobody else can read or write, of a sane length.
fn check(found: &Metadata) -> Result<(), ShelfFault> {
    if !found.is_file() {
        return Err(ShelfFault::NotRegular);
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(ShelfFault::Owner);
    }
    if found.mode() & 0o077 != 0 {
        return Err(ShelfFault::Permissions);
    }
    if found.len() > MAX_FILE as u64 {
        return Err(ShelfFault::TooLarge);
    }
    Ok(())
}

/// A file name of its own for each issuer: what is no letter, digit, `-` or `_` is spelled as `%` and two digits.
fn file_name(issuer: &str) -> String {
    if issuer.len() > MAX_NAME {
        let hash = digest::digest(&digest::SHA256, issuer.as_bytes());
        let hash = URL_SAFE_NO_PAD.encode(hash);
        // No issuer that is spelled out can have a dot there.
        return format!("keys-.{hash}.json");
    }
    let spelled = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
        _ => format!("%{byte:02x}"),
    };
    let name: String = issuer.bytes().map(spelled).collect();
    format!("keys-{name}.json")
}

#[cfg(test)]
mod tests;
