//! Attribution tokens: they tie a later event to the answer it follows from, and cannot be made up by a browser.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use sidecart_engine::nouns::PlacementId;
use uuid::Uuid;

/// Bytes of the key: as many as the hash has.
const KEY_BYTES: usize = 32;
/// Bytes of the tag that travel: half of the hash, which nobody guesses, in half of the room.
const TAG_BYTES: usize = 16;
const UUID_BYTES: usize = 16;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
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
    /// The file that the config names holds something else.
    #[error(
        "`{}` (`access.token_key_file`) holds neither {KEY_BYTES} bytes nor {} hexadecimal digits: make one by `openssl rand \
         -hex {KEY_BYTES}`", path.display(), 2 * KEY_BYTES
    )]
    Form {
        /// The file.
        path: PathBuf,
    },
    /// The file holds something else.
    #[error("`{}` holds {found} bytes instead of {KEY_BYTES}: delete it, and a new key is made", path.display())]
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

/// Makes and checks tokens. The token is base64url of request id (16 bytes), placement and tag.
#[derive(Clone)]
pub struct Tokens {
    mac: Hmac<Sha256>,
}

impl Tokens {
    /// Reads the key in the file `path`; makes both, readable by this user alone, when there is none.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn with_key(path: &Path) -> Result<Self, KeyError> {
        let key = match fs::read(path) {
            Ok(key) => key,
            Err(error) if error.kind() == io::ErrorKind::NotFound => make_key(path)?,
            Err(source) => return Err(KeyError::Io { action: "read", path: path.into(), source }),
        };
        if key.len() != KEY_BYTES {
            return Err(KeyError::Length { path: path.into(), found: key.len() });
        }
        Ok(Self { mac: Hmac::new_from_slice(&key).expect("any length of key will do") })
    }

    /// Reads the key in a file that the config names, which is to be there: replicas have the same.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn with_shared_key(path: &Path) -> Result<Self, KeyError> {
        let bytes = fs::read(path).map_err(|source| KeyError::Io { action: "read", path: path.into(), source })?;
        let key = if bytes.len() == KEY_BYTES { Some(bytes) } else { from_hex(&bytes) };
        let key = key.ok_or_else(|| KeyError::Form { path: path.into() })?;
        Ok(Self { mac: Hmac::new_from_slice(&key).expect("any length of key will do") })
    }

    /// The token of an answer.
    #[must_use]
    pub fn sign(&self, request: Uuid, placement: &PlacementId) -> String {
        let mut bytes = Vec::with_capacity(UUID_BYTES + placement.as_str().len() + TAG_BYTES);
        bytes.extend_from_slice(request.as_bytes());
        bytes.extend_from_slice(placement.as_str().as_bytes());
        let tag = self.mac.clone().chain_update(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(&tag[..TAG_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The request id of the answer that the token is of; `None` unless this server, or one with the same key, made it.
    #[must_use]
    pub fn open(&self, token: &str) -> Option<Uuid> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        if bytes.len() < UUID_BYTES + TAG_BYTES {
            return None;
        }
        let (signed, tag) = bytes.split_at(bytes.len() - TAG_BYTES);
        self.mac.clone().chain_update(signed).verify_truncated_left(tag).ok()?;
        Uuid::from_slice(&signed[..UUID_BYTES]).ok()
    }
}

/// The key in a text of hexadecimal digits, with the line end that editors add.
fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?.trim();
    if text.len() != 2 * KEY_BYTES || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..KEY_BYTES).map(|place| u8::from_str_radix(&text[2 * place..2 * place + 2], 16).ok()).collect()
}

fn make_key(path: &Path) -> Result<Vec<u8>, KeyError> {
    let mut key = vec![0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(|error| KeyError::Random(error.to_string()))?;
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(&key)?;
        file.sync_all()
    };
    write().map_err(|source| KeyError::Io { action: "write", path: path.into(), source })?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_token_is_valid_until_any_of_it_changes() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("token.key");
        let tokens = Tokens::with_key(&path).expect("a key");
        assert_eq!(fs::metadata(&path).expect("the key").permissions().mode() & 0o777, 0o600);
        let token = tokens.sign(Uuid::now_v7(), &PlacementId::new("cart").expect("an id"));
        assert!(Tokens::with_key(&path).expect("the same key").open(&token).is_some());
        let bytes = URL_SAFE_NO_PAD.decode(&token).expect("base64url");
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(tokens.open(&URL_SAFE_NO_PAD.encode(changed)).is_none(), "byte {at}");
        }
        assert!(tokens.open("").is_none() && tokens.open("not a token").is_none());
    }

    #[test]
    fn a_shared_key_is_read_as_bytes_or_digits_and_never_made() {
        let dir = tempfile::tempdir().expect("a folder");
        let (bytes, digits) = (dir.path().join("bytes"), dir.path().join("digits"));
        assert!(matches!(Tokens::with_shared_key(&bytes), Err(KeyError::Io { .. })));
        fs::write(&bytes, [0xab; KEY_BYTES]).expect("written");
        fs::write(&digits, format!("{}\n", "aB".repeat(KEY_BYTES))).expect("written");
        let token =
            Tokens::with_shared_key(&bytes).expect("a key").sign(Uuid::nil(), &PlacementId::new("p").expect("an id"));
        assert_eq!(Tokens::with_shared_key(&digits).expect("a key").open(&token), Some(Uuid::nil()));
        for wrong in ["", "abc", &"x".repeat(2 * KEY_BYTES), &"a".repeat(2 * KEY_BYTES + 2)] {
            fs::write(&digits, wrong).expect("written");
            let error = Tokens::with_shared_key(&digits).err().expect("refused").to_string();
            assert!(error.contains("openssl rand -hex 32"), "{error}");
        }
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("token.key");
        fs::write(&path, b"short").expect("written");
        assert!(matches!(Tokens::with_key(&path), Err(KeyError::Length { found: 5, .. })));
    }
}
