//! The private folder of one demo: 0700, files 0600, gone at the end.

use std::fs::{OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use tempfile::TempDir;

use super::DemoError;

/// A temporary folder that is removed, with all that is in it, when it is dropped.
pub(super) struct Folder(TempDir);

impl Folder {
    /// Makes a new one where the system keeps temporary files.
    pub(super) fn create() -> Result<Self, DemoError> {
        let folder = tempfile::Builder::new()
            .prefix("monward-demo-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .map_err(DemoError::preparing("make a private folder"))?;
        Ok(Self(folder))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a new file that only its owner may read.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), DemoError> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.path().join(name));
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(DemoError::preparing("write into the private folder"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_may_look_and_nothing_stays() {
        let folder = Folder::create().unwrap();
        folder.write("server.key", "secret").unwrap();
        let path = folder.path().to_owned();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join("server.key")), 0o600);
        folder.write("server.key", "twice").unwrap_err();
        drop(folder);
        assert!(!path.exists());
    }
}
