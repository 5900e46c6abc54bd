//! What a killed upload leaves in a shared folder: the part of a checkpoint that it had written, under the checkpoint's name
//! with `#` and a number, which listings do not show. Other stores keep such parts to themselves; see decision record 0014.

use std::path::{Path, PathBuf};
use std::{fs, io};

use sidecart_engine::nouns::Timestamp;

use super::error::VaultError;
use super::manifest::named;
use crate::log::Offset;

/// A file that is being written, or that nobody goes on with.
#[derive(Debug, PartialEq, Eq)]
pub struct Leftover {
    path: PathBuf,
    /// How far the checkpoint reaches that it was to become.
    pub next: Offset,
    /// When it was last written to.
    pub changed_at: Timestamp,
}

/// Those in a folder.
///
/// # Errors
/// [`VaultError::Io`].
pub fn list(folder: &Path) -> Result<Vec<Leftover>, VaultError> {
    let failed = |source| VaultError::Io { action: "read", path: folder.into(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let Some((_, next)) = name.to_str().and_then(becomes).and_then(named) else { continue };
        let changed = entry.metadata().and_then(|meta| meta.modified());
        match changed {
            Ok(changed) => {
                let since = changed.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
                let changed_at = Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
                found.push(Leftover { path: entry.path(), next, changed_at });
            }
            // Finished meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(found)
}

/// Removes one. An upload that is still going on fails and is made anew, from a newer checkpoint.
///
/// # Errors
/// [`VaultError::Io`].
pub fn remove(leftover: &Leftover) -> Result<(), VaultError> {
    match fs::remove_file(&leftover.path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(VaultError::Io { action: "delete", path: leftover.path.clone(), source: error })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The name that a file is to have once it is whole.
fn becomes(name: &str) -> Option<&str> {
    let (becomes, number) = name.rsplit_once('#')?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(becomes)
}
