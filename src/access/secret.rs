//! Keys that the server makes for itself, each a file in the data folder that this user alone can read.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Bytes of a key: as many as the hash has that it is for.
const KEY_BYTES: usize = 32;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The operating system refused.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("`{}` holds {found} bytes instead of {KEY_BYTES}: put back the key, or delete the file to begin anew with \
             another", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// What it holds.
        found: usize,
    },
    /// The operating system has no random bytes.
    #[error("no random bytes for a key: {0}")]
    Random(String),
}

/// Reads the key in the file `path`; `None`: there is no such file.
///
/// # Errors
/// [`SecretError`].
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, SecretError> {
    match fs::read(path) {
        Ok(key) if key.len() == KEY_BYTES => Ok(Some(key)),
        Ok(key) => Err(SecretError::Length { path: path.into(), found: key.len() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(SecretError::Io { action: "read", path: path.into(), source }),
    }
}

/// Makes a key and keeps it in the file `path`, which is new.
///
/// # Errors
/// [`SecretError`].
pub fn make(path: &Path) -> Result<Vec<u8>, SecretError> {
    let mut key = vec![0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(|error| SecretError::Random(error.to_string()))?;
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(&key)?;
        file.sync_all()
    };
    write().map_err(|source| SecretError::Io { action: "write", path: path.into(), source })?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_kept_and_this_user_alone_can_read_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("some.key");
        assert!(read(&path).expect("nothing to read").is_none());
        let key = make(&path).expect("a key");
        assert_eq!(read(&path).expect("read"), Some(key));
        assert_eq!(fs::metadata(&path).expect("the key").permissions().mode() & 0o777, 0o600);
        assert!(matches!(make(&path), Err(SecretError::Io { action: "write", .. })), "one is there");
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("some.key");
        fs::write(&path, b"short").expect("written");
        assert!(matches!(read(&path), Err(SecretError::Length { found: 5, .. })));
    }
}
