//! Keys that the server makes for itself, each a file in the data folder that this user alone can read; or is given.

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
    /// The file that the config names holds something else.
    #[error("`{}` holds neither {KEY_BYTES} bytes nor {} hexadecimal digits: make one by `openssl rand -hex {KEY_BYTES}`",
            path.display(), 2 * KEY_BYTES)]
    Form {
        /// The file.
        path: PathBuf,
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

/// Reads a key that was made elsewhere: bytes, or hexadecimal digits as `openssl rand -hex` writes them.
///
/// # Errors
/// [`SecretError`]; there must be one.
pub fn given(path: &Path) -> Result<Vec<u8>, SecretError> {
    let bytes = fs::read(path).map_err(|source| SecretError::Io { action: "read", path: path.into(), source })?;
    let key = if bytes.len() == KEY_BYTES { Some(bytes) } else { from_hex(&bytes) };
    key.ok_or_else(|| SecretError::Form { path: path.into() })
}

/// The key in a text of hexadecimal digits, with the line end that editors add.
fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?.trim();
    if text.len() != 2 * KEY_BYTES || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..KEY_BYTES).map(|place| u8::from_str_radix(&text[2 * place..2 * place + 2], 16).ok()).collect()
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
    fn a_given_key_is_read_as_bytes_or_digits_and_never_made() {
        let dir = tempfile::tempdir().expect("a folder");
        let (bytes, digits) = (dir.path().join("bytes"), dir.path().join("digits"));
        assert!(matches!(given(&bytes), Err(SecretError::Io { action: "read", .. })));
        fs::write(&bytes, [0xab; KEY_BYTES]).expect("written");
        fs::write(&digits, format!("{}\n", "aB".repeat(KEY_BYTES))).expect("written");
        assert_eq!(given(&bytes).expect("a key"), given(&digits).expect("a key"));
        for wrong in ["", "abc", &"x".repeat(2 * KEY_BYTES), &"a".repeat(2 * KEY_BYTES + 2)] {
            fs::write(&digits, wrong).expect("written");
            let error = given(&digits).expect_err("refused").to_string();
            assert!(error.contains("openssl rand -hex 32"), "{error}");
        }
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("some.key");
        fs::write(&path, b"short").expect("written");
        assert!(matches!(read(&path), Err(SecretError::Length { found: 5, .. })));
    }
}
