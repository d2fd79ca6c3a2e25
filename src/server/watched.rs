//! Notices when files change that take trust away, and secrets that upstreams stop taking: revocations, CRLs, client
//! CAs, static keys, keys of upstreams; and the key of pseudonyms, which all replicas change at once.
//!
//! These must not wait for somebody to send a signal. They are looked at every few seconds instead of by `inotify`,
//! which does not see changes on network file systems.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::Judged;
use crate::config::load::Loaded;
use crate::document::Fault;

/// How often the files are looked at.
pub const LOOK: Duration = Duration::from_secs(2);

/// Files, and how they looked the last time.
#[derive(Debug)]
pub(super) struct Watched {
    files: Vec<(PathBuf, Stamp)>,
    /// Why a change of them that was seen is not in force yet.
    pub(super) owed: Option<Vec<Fault>>,
}

/// What changes when a file does: inode, length, time of change in seconds and nanoseconds. `None` when it is missing.
type Stamp = Option<(u64, u64, i64, i64)>;

impl Watched {
    /// The files of a configuration that are watched, as they are now.
    pub(super) fn of(loaded: &Loaded) -> Self {
        let config = &loaded.config;
        let trusted = config.listeners.iter().filter_map(|listener| listener.client_auth.as_ref());
        let trusted = trusted.flat_map(|trust| std::iter::once(&trust.ca_file).chain(&trust.crl_files));
        let keys = config.issuers.iter().filter_map(|issuer| match &issuer.judged {
            Judged::ByFile(file) => Some(file),
            Judged::ByKeys(_) | Judged::ByAsking(_) => None,
        });
        let secrets = config.upstreams.iter().flat_map(|upstream| upstream.secrets.iter().map(|(_, file)| file));
        let files = trusted.chain(keys).chain(&config.revocations).chain(secrets).chain(&config.pseudonym_key);
        Self::new(files.map(|file| loaded.at(file)).collect())
    }

    fn new(files: Vec<PathBuf>) -> Self {
        let stamped = files.into_iter().map(|file| {
            let now = stamp(&file);
            (file, now)
        });
        Self { files: stamped.collect(), owed: None }
    }

    /// Whether one of them changed since the last look.
    pub(super) fn changed(&mut self) -> bool {
        self.files.iter_mut().fold(false, |changed, (file, before)| {
            let now = stamp(file);
            changed | (std::mem::replace(before, now) != now)
        })
    }
}

fn stamp(file: &PathBuf) -> Stamp {
    let of = |data: std::fs::Metadata| (data.ino(), data.len(), data.mtime(), data.mtime_nsec());
    std::fs::metadata(file).ok().map(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_once_whichever_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        std::fs::write(&one, "1").unwrap();
        let mut watched = Watched::new(vec![one.clone(), other.clone()]);
        assert!(!watched.changed());
        std::fs::write(&other, "new").unwrap();
        assert!(watched.changed(), "it appeared");
        assert!(!watched.changed());
        std::fs::write(&one, "longer").unwrap();
        assert!(watched.changed(), "it grew");
        std::fs::write(folder.path().join("draft"), "LONGER").unwrap();
        std::fs::rename(folder.path().join("draft"), &one).unwrap();
        assert!(watched.changed(), "it was replaced by one of the same length");
        std::fs::remove_file(&other).unwrap();
        assert!(watched.changed(), "it vanished");
        assert!(!watched.changed());
    }
}
