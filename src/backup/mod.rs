//! A copy of a data folder that is consistent though a server writes to it, and the way back.
//!
//! What is consistent by itself is copied as it is: a checkpoint is written once, a finished file of the log does not
//! change, and the file being written only grows, so the whole records at its start are what was durable a moment ago.
//! The manifest comes last: a folder without one is no backup.

mod make;
mod restore;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

pub use make::make;
pub use restore::restore;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ingest::checkpoint::CheckpointError;
use crate::log::{LogError, Offset};

/// The manifest's name; what it lists is what a backup holds.
pub const MANIFEST: &str = "backup.json";
/// The version of the manifest that is written, and the latest that is read.
const FORMAT: u32 = 1;
/// Bytes copied at once.
const CHUNK_BYTES: usize = 1 << 20;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The manifest's own version.
    pub format: u32,
    /// The Sidecart that made it.
    pub sidecart: String,
    /// When, RFC 3339.
    pub created_at: String,
    /// The shape of the state in the checkpoint.
    pub state_version: u32,
    /// The checkpoint knows everything before this offset; absent: there was none yet.
    pub checkpoint: Option<Offset>,
    /// The oldest record of the log.
    pub first_offset: Offset,
    /// The offset behind its newest record: everything acknowledged before the backup began is before it.
    pub next_offset: Offset,
    /// All files but this one.
    pub files: Vec<Listed>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Where it is inside the folder.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// Why there is no backup, or no way back from one.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The operating system refused.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The checkpoints cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Something is there already.
    #[error("`{}` is not empty: nothing is overwritten, give another folder", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The folder is none that `sidecart backup` has finished.
    #[error("`{}` is no backup ({why}): give a folder that `sidecart backup` made", path.display())]
    NoBackup {
        /// The folder.
        path: PathBuf,
        /// How that shows.
        why: String,
    },
    /// A file is not what was backed up.
    #[error("`{}` is not what was backed up ({what}): nothing was restored, take another backup", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// How that shows.
        what: &'static str,
    },
    /// Files went while they were copied.
    #[error("the log moved on while it was copied: run the backup again, at another time than a busy retention")]
    Moved,
    /// What was copied is not whole.
    #[error("the copy of the log is damaged, as `sidecart log verify` will say of the original: {lost} records")]
    Damaged {
        /// Records missing.
        lost: u64,
    },
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::Io { action, path, source }
}

/// Makes an empty folder; one that holds something is refused.
fn empty_folder(path: &Path) -> Result<(), BackupError> {
    fs::create_dir_all(path).map_err(failed("make", path))?;
    let mut entries = fs::read_dir(path).map_err(failed("read", path))?;
    if entries.next().is_some() {
        return Err(BackupError::NotEmpty { path: path.to_owned() });
    }
    Ok(())
}

/// Copies the first `bytes` of a file, all for `u64::MAX`, durably and under the same permissions.
fn copy(from: &Path, to: &Path, bytes: u64) -> io::Result<Listed> {
    let source = File::open(from)?;
    let permissions = source.metadata()?.permissions();
    let mut source = source.take(bytes);
    let mut target = File::create(to)?;
    target.set_permissions(permissions)?;
    let (mut hash, mut length, mut chunk) = (Sha256::new(), 0, vec![0; CHUNK_BYTES]);
    loop {
        let read = source.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        hash.update(&chunk[..read]);
        target.write_all(&chunk[..read])?;
        length += read as u64;
    }
    target.sync_all()?;
    Ok(Listed { path: String::new(), bytes: length, sha256: hex(hash) })
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sync_folder(path: &Path) -> Result<(), BackupError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(failed("sync", path))
}

#[cfg(test)]
mod tests {
    use sidecart_engine::nouns::Timestamp;
    use sidecart_engine::{STATE_VERSION, State};

    use super::*;
    use crate::ingest::checkpoint::{Checkpoints, Header};
    use crate::log::{EventLog, LogOptions, SegmentLog};

    const NOW: Timestamp = Timestamp(1_780_000_000_000);

    /// A data folder with a log of several files, two checkpoints and a key; the log stays open, as a server has it.
    fn folder() -> (tempfile::TempDir, SegmentLog) {
        let dir = tempfile::tempdir().unwrap();
        let options = LogOptions { segment_bytes: 400, retain_ms: None, retain_bytes: None };
        let (mut log, _) = SegmentLog::open(dir.path(), options, NOW).unwrap();
        for number in 0..30 {
            log.append(&[format!("{{\"record\":{number}}}").into_bytes()], NOW).unwrap();
        }
        let checkpoints = Checkpoints::open(dir.path().join("checkpoints"), 3).unwrap();
        for next in [10, 20] {
            let header =
                Header { state_version: STATE_VERSION, next: Offset(next), config_version: "c".into(), saved_at: NOW };
            checkpoints.save(&header, &State::default()).unwrap();
        }
        fs::write(dir.path().join("token.key"), [7; 32]).unwrap();
        (dir, log)
    }

    #[test]
    fn a_backup_beside_an_open_log_restores_to_the_same_files() {
        let (dir, mut log) = folder();
        let out = tempfile::tempdir().unwrap();
        let (backup, restored) = (out.path().join("backup"), out.path().join("restored"));
        let manifest = make(dir.path(), &backup, NOW).unwrap();
        assert_eq!((manifest.checkpoint, manifest.next_offset), (Some(Offset(20)), Offset(30)));
        log.append(&[b"later".to_vec()], NOW).unwrap();
        restore(&backup, &restored).unwrap();
        assert_eq!(fs::read(restored.join("token.key")).unwrap(), [7; 32]);
        drop(log);
        let (log, _) = SegmentLog::open(&restored, LogOptions::default(), NOW).unwrap();
        assert_eq!(log.next_offset(), Offset(30));
        let (newest, skipped) = Checkpoints::open(restored.join("checkpoints"), 3).unwrap().newest().unwrap();
        assert_eq!((newest.unwrap().header.next, skipped.len()), (Offset(20), 0));
    }

    #[test]
    fn nothing_is_overwritten() {
        let (dir, _log) = folder();
        let out = tempfile::tempdir().unwrap();
        let backup = out.path().join("backup");
        make(dir.path(), &backup, NOW).unwrap();
        assert!(matches!(make(dir.path(), &backup, NOW), Err(BackupError::NotEmpty { .. })));
        assert!(matches!(restore(&backup, dir.path()), Err(BackupError::NotEmpty { .. })));
    }

    #[test]
    fn a_changed_missing_or_unfinished_backup_is_refused_and_nothing_restored() {
        let (dir, _log) = folder();
        let out = tempfile::tempdir().unwrap();
        let (backup, restored) = (out.path().join("backup"), out.path().join("restored"));
        let manifest = make(dir.path(), &backup, NOW).unwrap();
        for listed in &manifest.files {
            let path = backup.join(&listed.path);
            let whole = fs::read(&path).unwrap();
            let mut bytes = whole.clone();
            bytes[whole.len() / 2] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert!(matches!(restore(&backup, &restored), Err(BackupError::Changed { .. })), "{listed:?}");
            fs::remove_file(&path).unwrap();
            assert!(matches!(restore(&backup, &restored), Err(BackupError::Io { .. })), "{listed:?}");
            fs::write(&path, &whole).unwrap();
        }
        fs::remove_file(backup.join(MANIFEST)).unwrap();
        assert!(matches!(restore(&backup, &restored), Err(BackupError::NoBackup { .. })));
        assert!(!restored.join("log").exists());
    }

    #[test]
    fn a_path_that_leads_out_of_the_folder_is_refused() {
        let (dir, _log) = folder();
        let out = tempfile::tempdir().unwrap();
        let backup = out.path().join("backup");
        let mut manifest = make(dir.path(), &backup, NOW).unwrap();
        for path in ["../outside", "/etc/outside", "log/../../outside"] {
            manifest.files[0].path = path.into();
            fs::write(backup.join(MANIFEST), serde_json::to_vec(&manifest).unwrap()).unwrap();
            let refused = restore(&backup, &out.path().join("restored"));
            assert!(matches!(refused, Err(BackupError::NoBackup { .. })), "{path}");
        }
    }
}
