//! Which log a data folder belongs to: a name that is made once, with the folder, and goes wherever its checkpoints go.
//! Offsets and change numbers only mean something together with it.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::durable;

/// The file in the data folder.
pub const IDENTITY_FILE: &str = "log.id";

/// Why the name of the log is not known.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
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
    #[error(
        "`{}` holds no log id: put back the file that belongs to this folder, or delete it, and this folder counts as a \
         new log",
        .0.display()
    )]
    Unreadable(PathBuf),
}

/// The name of a log. Two logs never have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity(Uuid);

impl Identity {
    /// That of the data folder `dir`; made and written down if it has none.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn of(dir: &Path) -> Result<Self, IdentityError> {
        let path = dir.join(IDENTITY_FILE);
        match fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text).ok_or(IdentityError::Unreadable(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let identity = Self(Uuid::now_v7());
                identity.keep(dir)?;
                Ok(identity)
            }
            Err(source) => Err(IdentityError::Io { action: "read", path, source }),
        }
    }

    /// The name of a log that several replicas read from elsewhere: the same `origin`, the same name.
    #[must_use]
    pub fn derived(origin: &str) -> Self {
        let digest = Sha256::digest(origin.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// Reads the text of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.trim().parse().ok().map(Self)
    }

    /// Writes it down in `dir`, durably and at once.
    ///
    /// # Errors
    /// [`IdentityError::Io`].
    pub fn keep(self, dir: &Path) -> Result<(), IdentityError> {
        let path = dir.join(IDENTITY_FILE);
        let written = durable::replace(&path, format!("{self}\n").as_bytes());
        written.map_err(|source| IdentityError::Io { action: "write", path, source })
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_its_name_and_another_has_another() {
        let (one, two) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let first = Identity::of(one.path()).expect("made");
        assert_eq!(Identity::of(one.path()).expect("read"), first);
        assert_ne!(Identity::of(two.path()).expect("made"), first);
        assert_eq!(Identity::parse(&first.to_string()), Some(first));
    }

    #[test]
    fn a_broken_file_is_an_error_and_not_a_new_log() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join(IDENTITY_FILE), "nonsense").expect("written");
        let error = Identity::of(dir.path()).expect_err("no id").to_string();
        assert!(error.contains("log.id` holds no log id"), "{error}");
    }

    #[test]
    fn the_same_origin_gives_the_same_name() {
        assert_eq!(Identity::derived("broker-1/sidecart."), Identity::derived("broker-1/sidecart."));
        assert_ne!(Identity::derived("broker-1/sidecart."), Identity::derived("broker-1/other."));
    }
}
