//! One process per data folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

use sidecart_engine::nouns::Timestamp;

use super::LogError;
use super::error::failed;
use crate::wire::scalar::rfc3339;

/// The file in the data folder that is locked. It stays when the process ends; the lock does not.
const LOCK_FILE: &str = "lock";
/// How much of the lock file is read for a message: a process id and an instant take less.
const MAX_HOLDER_BYTES: u64 = 200;

/// The right to write in a data folder, held until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock, or says who has it.
    ///
    /// # Errors
    /// [`LogError::InUse`]; [`LogError::Io`] when the lock file cannot be made.
    pub fn acquire(dir: &Path, now: Timestamp) -> Result<Self, LogError> {
        let path = dir.join(LOCK_FILE);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed("open", path.clone()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LogError::InUse { dir: dir.into(), holder: holder(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(failed("lock", path)(error)),
        }
        // Who holds it is a courtesy to the next one's message: a full disk must not refuse us for it.
        let text = format!("process {} on {}, started {}\n", std::process::id(), host(), rfc3339(now));
        let _ = file.set_len(0).and_then(|()| file.write_all(text.as_bytes()));
        Ok(Self { _file: file })
    }

    /// Who has the lock of a folder just now, if anybody; it is not taken.
    pub fn held_by(dir: &Path) -> Option<String> {
        let mut file = File::open(dir.join(LOCK_FILE)).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Some(holder(&mut file)),
            _ => None,
        }
    }
}

/// The name of this machine: on a file system that several share, a process id alone does not say whom to stop.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "this machine".to_owned(),
        name => name.to_owned(),
    }
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.take(MAX_HOLDER_BYTES).read_to_string(&mut text) {
        Ok(read) if read > 0 => text.trim().to_owned(),
        _ => "another process".to_owned(),
    }
}
