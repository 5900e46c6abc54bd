use std::io;
use std::path::PathBuf;

use super::{MAX_BATCH_BYTES, MAX_RECORD_BYTES, Offset};

/// Why the log could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The payload at `index` of the batch has no byte or too many. Nothing was written.
    #[error("record {index} of the batch is {bytes} bytes long: 1 to {MAX_RECORD_BYTES} are allowed")]
    RecordSize {
        /// Its place in the batch, from 0.
        index: usize,
        /// Its length.
        bytes: usize,
    },
    /// What is to take the place of a record has too many bytes, or none. The record is as it was.
    #[error(
        "what is to take the place of the record at offset {offset} is {bytes} bytes long: 1 to {MAX_RECORD_BYTES} are allowed"
    )]
    ChangedSize {
        /// Where the record stands.
        offset: Offset,
        /// The length of what was to take its place.
        bytes: usize,
    },
    /// The batch as a whole is too large. Nothing was written.
    #[error("a batch of {bytes} bytes: at most {MAX_BATCH_BYTES} are allowed, append it in parts")]
    BatchTooLarge {
        /// The sum of its payloads.
        bytes: usize,
    },
    /// The operating system refused. [`LogError::is_full`] tells a full disk from other causes.
    #[error("cannot {action} `{}`: {cause}", path.display())]
    Io {
        /// What was tried: `write`, `sync`, ...
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the operating system said; part of the message already, so it is no further link of a chain.
        cause: io::Error,
    },
    /// An earlier error left it unknown what is on the disk; appends are refused until the log is opened anew.
    #[error("the log is closed for writing since an earlier disk error: check the disk, then restart")]
    Poisoned,
    /// Another process has the data folder.
    #[error("`{}` is in use by {holder}: stop it, or give another --data-dir", dir.display())]
    InUse {
        /// The data folder.
        dir: PathBuf,
        /// Who has it, as it said itself: process id and start.
        holder: String,
    },
    /// The file was written by a later version of Sidecart.
    #[error("`{}` has format version {version}, this Sidecart reads up to {known}: use the newer one", path.display())]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// The version it names.
        version: u32,
        /// The latest version that is known.
        known: u32,
    },
    /// Records from here on were asked for, but they have been deleted by retention.
    #[error("offset {from} is no longer in the log, which starts at {first}: start from a newer checkpoint")]
    Retired {
        /// The offset asked for.
        from: Offset,
        /// The oldest one kept.
        first: Offset,
    },
    /// Records from here on were asked for, but the log ends before.
    #[error("offset {from} is behind the end of the log, {next}: the log is older than what was derived from it")]
    Ahead {
        /// The offset asked for.
        from: Offset,
        /// The next one to be given out.
        next: Offset,
    },
}

impl LogError {
    /// Whether the disk is full (or a quota is): appending works again once there is room.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let Self::Io { cause, .. } = self else { return false };
        matches!(cause.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

/// Turns an error of the operating system into one that says what was tried on which file.
pub(super) fn failed(action: &'static str, path: PathBuf) -> impl FnOnce(io::Error) -> LogError {
    move |cause| LogError::Io { action, path, cause }
}
