//! Attribution tokens: they tie a later event to the answer it follows from, and cannot be made up by a browser.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use sidecart_engine::nouns::PlacementId;
use uuid::Uuid;

use crate::access::{SecretError, secret};

/// Bytes of the tag that travel: half of the hash, which nobody guesses, in half of the room.
const TAG_BYTES: usize = 16;
const UUID_BYTES: usize = 16;

/// Makes and checks tokens. The token is base64url of request id (16 bytes), placement and tag.
#[derive(Clone)]
pub struct Tokens {
    mac: Hmac<Sha256>,
}

impl Tokens {
    /// Reads the key in the file `path`; makes both, readable by this user alone, when there is none.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn with_key(path: &Path) -> Result<Self, SecretError> {
        let key = secret::read(path)?.map_or_else(|| secret::make(path), Ok)?;
        Ok(Self { mac: Hmac::new_from_slice(&key).expect("any length of key will do") })
    }

    /// Reads the key in a file that the config names, which is to be there: replicas have the same.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn with_shared_key(path: &Path) -> Result<Self, SecretError> {
        let key = secret::given(path)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_valid_until_any_of_it_changes() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("token.key");
        let tokens = Tokens::with_key(&path).expect("a key");
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
}
