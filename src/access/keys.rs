use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::config::{Access, Scope};

/// What a hash in the config begins with.
const HASH_PREFIX: &str = "sha256:";
/// What a key begins with, so that a scanner for lost secrets knows it.
const KEY_PREFIX: &str = "sk_";
/// Random bytes of a key.
const KEY_BYTES: usize = 32;
/// The longest text taken for a key.
const MAX_KEY_BYTES: usize = 256;

type Hash = [u8; 32];

/// The keys of a config, ready to be compared with.
#[derive(Debug, Default)]
pub struct Keys(Vec<Known>);

/// A key, without the key.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its name.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// Requests per second at most.
    pub rate: Option<u32>,
    hash: Hash,
}

impl Keys {
    /// The keys of a config; those that are locked are not among them.
    #[must_use]
    pub fn of(access: &Access) -> Self {
        let known = |(name, key): (&String, &crate::config::AccessKey)| {
            let hash = parse(key.hash.as_deref()?)?;
            Some(Known { name: name.clone(), scopes: key.scopes.clone(), rate: key.rate, hash })
        };
        Self(access.keys.iter().filter_map(known).collect())
    }

    /// The key that a text is, if it is one. Takes as long for each text: all are compared, each in constant time.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<&Known> {
        if text.len() > MAX_KEY_BYTES {
            return None;
        }
        let hash: Hash = Sha256::digest(text.as_bytes()).into();
        let mut found = None;
        for known in &self.0 {
            if bool::from(known.hash.ct_eq(&hash)) {
                found = Some(known);
            }
        }
        found
    }
}

/// A key that nobody has: 256 random bits.
///
/// # Errors
/// The operating system gives no random bytes.
pub fn fresh_key() -> Result<String, getrandom::Error> {
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(format!("{KEY_PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)))
}

/// The hash of a key, for the config. A plain SHA-256: slow hashes are for words that people choose; nobody guesses 256
/// random bits, and each request is checked.
#[must_use]
pub fn hash_of(key: &str) -> String {
    Sha256::digest(key.as_bytes()).iter().fold(HASH_PREFIX.to_owned(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether a text is a hash as the config takes it.
#[must_use]
pub fn is_hash(text: &str) -> bool {
    parse(text).is_some()
}

/// The bytes of a hash in the config.
fn parse(text: &str) -> Option<Hash> {
    let digits = text.strip_prefix(HASH_PREFIX).filter(|digits| digits.len() == 64 && digits.is_ascii())?;
    let mut hash = Hash::default();
    for (place, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * place..2 * place + 2], 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AccessKey;

    #[test]
    fn a_key_is_known_by_its_hash_alone_and_a_locked_one_by_nothing() {
        let key = fresh_key().expect("random bytes");
        assert_ne!(key, fresh_key().expect("random bytes"));
        let entry = |hash: Option<String>| AccessKey { hash, scopes: vec![Scope::Read], rate: None };
        let keys = [("shop".to_owned(), entry(Some(hash_of(&key)))), ("old".to_owned(), entry(None))];
        let keys = Keys::of(&Access { keys: keys.into(), ..Access::default() });
        assert_eq!(keys.find(&key).map(|known| known.name.as_str()), Some("shop"));
        for wrong in ["", "sk_", &key[1..], &format!("{key}x"), &hash_of(&key), &"x".repeat(1_000)] {
            assert!(keys.find(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_hash_is_read_back_or_refused() {
        assert!(parse(&hash_of("k")).is_some());
        for wrong in ["", "sha256:", "sha256:00", &hash_of("k")[7..], &hash_of("k").replace('a', "g").replace('b', "é")]
        {
            assert!(parse(wrong).is_none(), "{wrong}");
        }
    }
}
