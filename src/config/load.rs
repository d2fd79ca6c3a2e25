//! Opens the files that a configuration is made of, up to a bound.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{Config, read};
use crate::document::{Fault, Faults, MAX_BYTES};

/// A configuration and the folder that its paths are relative to.
#[derive(Debug)]
pub struct Loaded {
    /// What the file says.
    pub config: Config,
    folder: PathBuf,
}

impl Loaded {
    /// A path of the configuration, from the folder of the file.
    #[must_use]
    pub fn at(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }
}

/// Reads the configuration file `path`.
///
/// # Errors
/// Every fault of the file; the files it names are not opened here.
pub fn load(path: &Path) -> Result<Loaded, Vec<Fault>> {
    let config = read(&path.display().to_string(), &text(path)?)?;
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    Ok(Loaded { config, folder })
}

/// The text of the file `path`, at most [`MAX_BYTES`].
///
/// # Errors
/// When it cannot be read, is too long or is not UTF-8.
pub fn text(path: &Path) -> Result<String, Vec<Fault>> {
    let name = path.display().to_string();
    let read = || {
        // Asked before it is opened: opening a pipe would wait for whoever writes to it.
        if !path.metadata()?.is_file() {
            return Err(std::io::Error::other("it is no regular file"));
        }
        let mut text = String::new();
        File::open(path)?.take(MAX_BYTES as u64 + 1).read_to_string(&mut text)?;
        Ok::<_, std::io::Error>(text)
    };
    let text = read().map_err(|error| fault(&name, format!("cannot be read: {error}")))?;
    if text.len() > MAX_BYTES {
        return Err(fault(&name, format!("is longer than {MAX_BYTES} bytes")));
    }
    Ok(text)
}

/// One fault of a whole file.
#[must_use]
pub fn fault(file: &str, message: String) -> Vec<Fault> {
    let mut faults = Faults::new(file);
    faults.push(None, message);
    faults.finish(None::<()>).err().unwrap_or_default()
}
