//! Stand-ins for the ids of shoppers, devices and visits: a keyed hash takes their place at the door, so that neither the
//! log nor the state, nor decisions nor dead letters ever hold what the shop calls them. The same key gives the same
//! stand-in, so features, answers and erasures go on by the shop's own ids.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value};
use sha2::Sha256;
use sidecart_engine::nouns::{AnonymousId, Event, Request, SessionId, UserId};

use super::secret::{self, SecretError};
use crate::config::Privacy;
use crate::durable;

/// The key's file in the data folder, where the config names no other.
pub const KEY_FILE: &str = "pseudonym.key";
/// The file in the data folder that says which key its ids were replaced with, without the key.
pub const MARK_FILE: &str = "pseudonym.id";
/// What a stand-in begins with: that it is one can be seen in the log.
const PREFIX: &str = "p-";
/// Bytes of the hash that a stand-in is made of: two ids never get the same one, and 22 letters hold it.
const BYTES: usize = 16;
/// What of an event in our own shape is kept with its stand-ins: the fields that are read. Others could hold an id, too.
const FIELDS: [&str; 15] = [
    "eventId",
    "eventType",
    "userId",
    "anonymousId",
    "sessionId",
    "itemId",
    "price",
    "currency",
    "quantity",
    "orderId",
    "items",
    "timestamp",
    "placement",
    "attributionToken",
    "consent",
];

/// What is replaced. The same text as an id of two kinds gets two stand-ins, which cannot be told to belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A shopper.
    User,
    /// A device.
    Anonymous,
    /// A visit.
    Session,
}

/// Why there are no stand-ins, or other ones than before.
#[derive(Debug, thiserror::Error)]
pub enum PseudonymError {
    /// The key cannot be had.
    #[error(transparent)]
    Key(#[from] SecretError),
    /// The file that the config names is not there.
    #[error("no key for pseudonyms in `{}` (`privacy.key_file`): put 32 random bytes there", .0.display())]
    NoKey(PathBuf),
    /// The data folder was written with a key that is gone.
    #[error(
        "the ids in this data folder were replaced with a key that is not in `{}`: put it back, or delete `{}`, and \
         nothing known of shoppers so far is theirs any more",
        key.display(),
        mark.display()
    )]
    OtherKey {
        /// Where the key was looked for.
        key: PathBuf,
        /// What says so.
        mark: PathBuf,
    },
    /// The data folder was written with stand-ins, and now there are to be none.
    #[error(
        "the ids in this data folder are pseudonyms: set `privacy.pseudonyms: true`, or delete `{}`, and shoppers are \
         known by their own ids from now on",
        .0.display()
    )]
    SwitchedOff(PathBuf),
    /// The operating system refused.
    #[error("cannot read or write `{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// Makes stand-ins.
#[derive(Clone)]
pub struct Pseudonyms {
    mac: Hmac<Sha256>,
}

impl Pseudonyms {
    /// As the config asks for, with the key that the data folder was begun with; `None`: the config asks for none.
    ///
    /// # Errors
    /// [`PseudonymError`]: also where the folder was written with another key, or without.
    pub fn open(privacy: &Privacy, data_dir: &Path) -> Result<Option<Self>, PseudonymError> {
        let mark = data_dir.join(MARK_FILE);
        let written = read_mark(&mark)?;
        if !privacy.pseudonyms {
            return written.map_or(Ok(None), |_| Err(PseudonymError::SwitchedOff(mark)));
        }
        let path = privacy.key_file.clone().unwrap_or_else(|| data_dir.join(KEY_FILE));
        let key = match secret::read(&path)? {
            Some(key) => key,
            None if written.is_some() => return Err(PseudonymError::OtherKey { key: path, mark }),
            None if privacy.key_file.is_some() => return Err(PseudonymError::NoKey(path)),
            None => secret::make(&path)?,
        };
        let pseudonyms = Self::with_key(&key);
        match written {
            Some(text) if text.trim() == pseudonyms.mark() => {}
            Some(_) => return Err(PseudonymError::OtherKey { key: path, mark }),
            None => write_mark(&mark, &pseudonyms.mark())?,
        }
        Ok(Some(pseudonyms))
    }

    fn with_key(key: &[u8]) -> Self {
        Self { mac: Hmac::new_from_slice(key).expect("any length of key will do") }
    }

    /// Tells keys apart and gives none away.
    fn mark(&self) -> String {
        self.hash(b'k', "")
    }

    fn of(&self, kind: Kind, id: &str) -> String {
        let label = match kind {
            Kind::User => b'u',
            Kind::Anonymous => b'a',
            Kind::Session => b's',
        };
        format!("{PREFIX}{}", self.hash(label, id))
    }

    fn hash(&self, label: u8, id: &str) -> String {
        let hash = self.mac.clone().chain_update([label]).chain_update(id).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode(&hash[..BYTES])
    }

    /// The stand-in of a visit.
    #[must_use]
    pub fn session(&self, id: &SessionId) -> SessionId {
        SessionId::new(&self.of(Kind::Session, id.as_str())).expect("a stand-in is short visible text")
    }

    /// The stand-in of a shopper.
    #[must_use]
    pub fn user(&self, id: &UserId) -> UserId {
        UserId::new(&self.of(Kind::User, id.as_str())).expect("a stand-in is short visible text")
    }

    /// The stand-in of a device.
    #[must_use]
    pub fn anonymous(&self, id: &AnonymousId) -> AnonymousId {
        AnonymousId::new(&self.of(Kind::Anonymous, id.as_str())).expect("a stand-in is short visible text")
    }

    /// Replaces the ids of an event.
    pub fn hide_event(&self, event: &mut Event) {
        event.session = self.session(&event.session);
        event.user = event.user.as_ref().map(|id| self.user(id));
        event.anonymous = event.anonymous.as_ref().map(|id| self.anonymous(id));
    }

    /// Replaces the ids of a request.
    pub fn hide_request(&self, request: &mut Request) {
        request.session = self.session(&request.session);
        request.user = request.user.as_ref().map(|id| self.user(id));
    }

    /// An event in our own shape with its ids replaced, and of its fields those alone that are read; what is no id is left
    /// out.
    #[must_use]
    pub fn hide_told(&self, event: &Value) -> Value {
        let replaced = |name: &str, value: &Value| {
            let kind = match name {
                "userId" => Kind::User,
                "anonymousId" => Kind::Anonymous,
                "sessionId" => Kind::Session,
                _ => return Some(value.clone()),
            };
            match value {
                Value::String(id) if id.is_empty() => None,
                Value::String(id) => Some(self.of(kind, id).into()),
                Value::Number(id) => Some(self.of(kind, &id.to_string()).into()),
                _ => None,
            }
        };
        let kept = FIELDS.iter().filter_map(|name| Some(((*name).to_owned(), replaced(name, event.get(*name)?)?)));
        Value::Object(kept.collect::<Map<_, _>>())
    }
}

fn read_mark(path: &Path) -> Result<Option<String>, PseudonymError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(PseudonymError::Io { path: path.into(), source }),
    }
}

fn write_mark(path: &Path, mark: &str) -> Result<(), PseudonymError> {
    let written = durable::replace(path, format!("{mark}\n").as_bytes());
    written.map_err(|source| PseudonymError::Io { path: path.into(), source })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_stand_in_depends_on_key_kind_and_id() {
        let (one, other) = (Pseudonyms::with_key(&[1; 32]), Pseudonyms::with_key(&[2; 32]));
        let id = one.of(Kind::User, "ada@example.org");
        assert_eq!(id, one.of(Kind::User, "ada@example.org"));
        assert_eq!(id.len(), PREFIX.len() + 22);
        assert_ne!(id, other.of(Kind::User, "ada@example.org"));
        assert_ne!(id, one.of(Kind::Session, "ada@example.org"));
        assert_ne!(id, one.of(Kind::User, "bob@example.org"));
    }

    #[test]
    fn a_letter_keeps_what_is_read_and_no_id() {
        let pseudonyms = Pseudonyms::with_key(&[1; 32]);
        let told = json!({"eventType": "view", "userId": 17, "sessionId": "ada-1", "anonymousId": "", "itemId": "i",
                          "email": "ada@example.org", "context": {"ip": "10.0.0.7"}});
        let expected = json!({"eventType": "view", "userId": pseudonyms.of(Kind::User, "17"),
                              "sessionId": pseudonyms.of(Kind::Session, "ada-1"), "itemId": "i"});
        assert_eq!(pseudonyms.hide_told(&told), expected);
    }

    #[test]
    fn a_folder_keeps_to_its_key() {
        let dir = tempfile::tempdir().expect("a folder");
        let open = |pseudonyms| Pseudonyms::open(&Privacy { pseudonyms, key_file: None }, dir.path());
        assert!(open(false).expect("none asked for").is_none());
        assert!(fs::read_dir(dir.path()).expect("listed").next().is_none(), "nothing is made for nothing");
        let first = open(true).expect("a key is made").expect("asked for");
        assert_eq!(open(true).expect("the same").expect("asked for").mark(), first.mark());
        assert!(matches!(open(false), Err(PseudonymError::SwitchedOff(_))));
        fs::remove_file(dir.path().join(KEY_FILE)).expect("removed");
        assert!(matches!(open(true), Err(PseudonymError::OtherKey { .. })), "none is made in place of a lost one");
        fs::write(dir.path().join(KEY_FILE), [9; 32]).expect("written");
        assert!(matches!(open(true), Err(PseudonymError::OtherKey { .. })));
        fs::remove_file(dir.path().join(MARK_FILE)).expect("removed");
        assert!(open(true).expect("begun anew").is_some());
    }

    #[test]
    fn a_key_that_the_config_names_is_not_made_up() {
        let dir = tempfile::tempdir().expect("a folder");
        let named = dir.path().join("mounted.key");
        let privacy = Privacy { pseudonyms: true, key_file: Some(named.clone()) };
        assert!(matches!(Pseudonyms::open(&privacy, dir.path()), Err(PseudonymError::NoKey(_))));
        fs::write(&named, [9; 32]).expect("written");
        assert!(Pseudonyms::open(&privacy, dir.path()).expect("read").is_some());
    }
}
