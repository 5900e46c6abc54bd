//! The state on disk: written whole or not at all, checked before it is believed.
//!
//! The name of a file is the offset of the first record that it does not cover; what is in it, `format` says.

mod format;

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use format::Unwritten;
pub use format::{Fault, decode};
use serde::{Deserialize, Serialize};
use sidecart_engine::nouns::Timestamp;
use sidecart_engine::{STATE_VERSION, State};

use crate::log::Offset;
use crate::log::disk::{self, Disk, read_full};

const EXTENSION: &str = ".ckpt";
/// What a checkpoint being written is called behind its name.
const UNFINISHED: &str = ".tmp";

/// Why a checkpoint cannot be used or made.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
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
    /// The bytes are not what was written.
    #[error("`{}` is damaged ({what}): it is skipped, delete it", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How that shows.
        what: &'static str,
    },
    /// The state has another shape than this Sidecart's.
    #[error("`{}` holds state version {found}, this Sidecart reads {STATE_VERSION}: it is skipped", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version it names.
        found: u32,
    },
    /// The state cannot be written down.
    #[error("cannot encode the state: {0}")]
    Encode(#[from] postcard::Error),
}

/// What a checkpoint says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The engine's [`STATE_VERSION`] when it was written.
    pub state_version: u32,
    /// The first record of the log that the state does not know.
    pub next: Offset,
    /// The config in force.
    pub config_version: String,
    /// When it was written.
    pub saved_at: Timestamp,
}

/// A state that was read back.
#[derive(Debug)]
pub struct Restored {
    /// What the file said about itself.
    pub header: Header,
    /// The state.
    pub state: State,
}

/// The folder of checkpoints.
#[derive(Clone)]
pub struct Checkpoints {
    disk: Arc<dyn Disk>,
    keep: usize,
}

/// The name of the folder inside the data folder.
pub const CHECKPOINT_FOLDER: &str = "checkpoints";

impl Checkpoints {
    /// Checkpoints in `dir`, which is made if absent; the newest `keep` (at least 1) are kept.
    ///
    /// # Errors
    /// [`CheckpointError::Io`] when the folder cannot be made.
    pub fn open(dir: PathBuf, keep: usize) -> Result<Self, CheckpointError> {
        fs::create_dir_all(&dir).map_err(|source| CheckpointError::Io { action: "make", path: dir.clone(), source })?;
        let checkpoints = Self::on(disk::folder(dir, CHECKPOINT_FOLDER), keep);
        checkpoints.remove_unfinished()?;
        Ok(checkpoints)
    }

    /// Gives back the room of what a crash has left half written.
    fn remove_unfinished(&self) -> Result<(), CheckpointError> {
        for name in self.disk.names().map_err(|source| self.io_error("read", "", source))? {
            if name.strip_suffix(UNFINISHED).and_then(offset_of).is_some() {
                // A disk that refuses this will refuse the next checkpoint, which says so.
                let _ = self.disk.remove(&name);
            }
        }
        Ok(())
    }

    /// Checkpoints on any disk.
    #[must_use]
    pub fn on(disk: Arc<dyn Disk>, keep: usize) -> Self {
        Self { disk, keep: keep.max(1) }
    }

    /// The newest checkpoint that can be used, and why those after it cannot. Their files stay where they are.
    ///
    /// # Errors
    /// [`CheckpointError::Io`] when the folder cannot be read.
    pub fn newest(&self) -> Result<(Option<Restored>, Vec<CheckpointError>), CheckpointError> {
        let mut skipped = Vec::new();
        for next in self.offsets()?.into_iter().rev() {
            match self.read(next) {
                Ok(restored) => return Ok((Some(restored), skipped)),
                Err(error) => skipped.push(error),
            }
        }
        Ok((None, skipped))
    }

    /// The first offset that no checkpoint, whole or damaged, covers; `None`: there is none.
    ///
    /// # Errors
    /// [`CheckpointError::Io`] when the folder cannot be read.
    pub fn covered(&self) -> Result<Option<Offset>, CheckpointError> {
        Ok(self.offsets()?.last().copied())
    }

    /// Where the checkpoint that covers everything before `next` is, or would be.
    #[must_use]
    #[cfg_attr(not(feature = "object-store"), expect(dead_code, reason = "only an upload asks"))]
    pub fn path(&self, next: Offset) -> PathBuf {
        self.disk.path(&file_name(next))
    }

    /// Writes a checkpoint and deletes those beyond the number kept. When it returns, the new one survives power loss.
    /// Gives the offset from which the oldest kept checkpoint needs the log.
    ///
    /// # Errors
    /// [`CheckpointError::Io`], [`CheckpointError::Encode`]; then the earlier checkpoints are as they were.
    pub fn save(&self, header: &Header, state: &State) -> Result<Offset, CheckpointError> {
        let name = file_name(header.next);
        let unfinished = format!("{name}{UNFINISHED}");
        let written = self.write(&unfinished, header, state).and_then(|()| {
            self.disk.rename(&unfinished, &name).map_err(|source| self.io_error("rename", &name, source))
        });
        if let Err(error) = written {
            // What is left over takes room on a disk that may be full; if even this fails, the next start ignores it.
            let _ = self.disk.remove(&unfinished);
            return Err(error);
        }
        self.disk.sync().map_err(|source| self.io_error("sync", "", source))?;
        self.prune(header.next)
    }

    /// Deletes those that do not know all before `offset`, if there is one that does.
    ///
    /// # Errors
    /// [`CheckpointError::Io`].
    pub fn forget_before(&self, offset: Offset) -> Result<(), CheckpointError> {
        let offsets = self.offsets()?;
        if offsets.last().is_none_or(|newest| *newest < offset) {
            return Ok(());
        }
        for old in offsets.into_iter().filter(|next| *next < offset) {
            let name = file_name(old);
            self.disk.remove(&name).map_err(|source| self.io_error("delete", &name, source))?;
        }
        self.disk.sync().map_err(|source| self.io_error("sync", "", source))
    }

    /// Deletes the oldest beyond the number kept.
    fn prune(&self, newest: Offset) -> Result<Offset, CheckpointError> {
        let offsets = self.offsets()?;
        let surplus = offsets.len().saturating_sub(self.keep);
        for old in &offsets[..surplus] {
            let name = file_name(*old);
            self.disk.remove(&name).map_err(|source| self.io_error("delete", &name, source))?;
        }
        Ok(offsets.get(surplus).copied().unwrap_or(newest))
    }

    /// What the checkpoint files cover, oldest first.
    fn offsets(&self) -> Result<Vec<Offset>, CheckpointError> {
        let names = self.disk.names().map_err(|source| self.io_error("read", "", source))?;
        let mut offsets: Vec<Offset> = names.iter().filter_map(|name| offset_of(name)).collect();
        offsets.sort_unstable();
        Ok(offsets)
    }

    fn io_error(&self, action: &'static str, name: &str, source: io::Error) -> CheckpointError {
        CheckpointError::Io { action, path: self.disk.path(name), source }
    }

    fn write(&self, name: &str, header: &Header, state: &State) -> Result<(), CheckpointError> {
        let failed = |source| self.io_error("write", name, source);
        let file = self.disk.create(name).map_err(failed)?;
        format::write(file, header, state).map_err(|error| match error {
            Unwritten::Disk(source) => failed(source),
            Unwritten::Encode(error) => error.into(),
        })
    }

    fn read(&self, next: Offset) -> Result<Restored, CheckpointError> {
        let name = file_name(next);
        let bytes = self.read_bytes(&name).map_err(|source| self.io_error("read", &name, source))?;
        decode(&bytes).map_err(|fault| match fault {
            Fault::Damaged(what) => CheckpointError::Damaged { path: self.disk.path(&name), what },
            Fault::Version(found) => CheckpointError::Version { path: self.disk.path(&name), found },
        })
    }

    fn read_bytes(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut file = self.disk.open_to_read(name)?;
        let length = usize::try_from(file.bytes()?).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut bytes = vec![0; length];
        read_full(file.as_mut(), &mut bytes, 0)?;
        Ok(bytes)
    }
}

/// The file of the checkpoint that covers everything before `next`.
#[must_use]
pub fn file_name(next: Offset) -> String {
    format!("{:020}{EXTENSION}", next.0)
}

fn offset_of(name: &str) -> Option<Offset> {
    name.strip_suffix(EXTENSION)?.parse().ok().map(Offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::tests::sim::{Fault as SimFault, SimDisk};

    fn header(next: u64) -> Header {
        Header { state_version: STATE_VERSION, next: Offset(next), config_version: "c1".into(), saved_at: Timestamp(1) }
    }

    fn saved(offsets: &[u64], keep: usize) -> (tempfile::TempDir, Checkpoints) {
        let dir = tempfile::tempdir().expect("a folder");
        let checkpoints = Checkpoints::open(dir.path().join("checkpoints"), keep).expect("opened");
        for next in offsets {
            checkpoints.save(&header(*next), &State::default()).expect("saved");
        }
        (dir, checkpoints)
    }

    fn newest(checkpoints: &Checkpoints) -> (Option<u64>, Vec<String>) {
        let (restored, skipped) = checkpoints.newest().expect("read");
        let reasons = skipped.iter().map(|error| {
            let text = error.to_string();
            text[text.find('(').unwrap_or(0)..].to_owned()
        });
        (restored.map(|restored| restored.header.next.0), reasons.collect())
    }

    #[test]
    fn the_newest_checkpoint_is_the_one_of_the_highest_offset() {
        let (_dir, checkpoints) = saved(&[9, 10, 100], 3);
        assert_eq!(newest(&checkpoints), (Some(100), vec![]));
    }

    #[test]
    fn the_log_is_needed_from_the_oldest_kept_checkpoint_on() {
        let (_dir, checkpoints) = saved(&[1, 2, 3], 2);
        assert_eq!(checkpoints.save(&header(4), &State::default()).expect("saved"), Offset(3));
        assert_eq!(checkpoints.offsets().expect("listed"), [Offset(3), Offset(4)]);
    }

    #[test]
    fn any_flipped_or_missing_byte_leads_to_the_checkpoint_before() {
        let (_dir, checkpoints) = saved(&[1, 2], 2);
        let path = checkpoints.disk.path(&file_name(Offset(2)));
        let whole = fs::read(&path).expect("the file");
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x40;
            fs::write(&path, &bytes).expect("written");
            assert_eq!(newest(&checkpoints).0, Some(1), "byte {at} flipped");
            fs::write(&path, &whole[..at]).expect("written");
            assert_eq!(newest(&checkpoints).0, Some(1), "cut at {at}");
        }
        assert_eq!(newest(&checkpoints).1.len(), 1);
    }

    #[test]
    fn an_unfinished_checkpoint_is_not_seen() {
        let (_dir, checkpoints) = saved(&[1], 2);
        fs::write(checkpoints.disk.path("00000000000000000009.ckpt.tmp"), b"half").expect("written");
        assert_eq!(newest(&checkpoints), (Some(1), vec![]));
    }

    /// Each operation of a save fails in each way; gives how many operations a save has.
    fn each_fault(check: impl Fn(&SimDisk, &Checkpoints, Result<Offset, CheckpointError>, String)) {
        for fault in [SimFault::Error, SimFault::Full, SimFault::ShortThenError(3)] {
            for at in 0.. {
                let disk = SimDisk::default();
                let checkpoints = Checkpoints::on(Arc::new(disk.clone()), 2);
                checkpoints.save(&header(1), &State::default()).expect("saved");
                checkpoints.save(&header(2), &State::default()).expect("saved");
                let before = disk.operations();
                disk.fail(at, fault);
                let saved = checkpoints.save(&header(3), &State::default());
                if before + at >= disk.operations() {
                    assert!(at > 4, "a save writes, syncs, renames, syncs and deletes");
                    break;
                }
                check(&disk, &checkpoints, saved, format!("{fault:?} at {at}"));
            }
        }
    }

    #[test]
    fn a_save_that_fails_anywhere_leaves_a_whole_checkpoint_and_the_next_one_works() {
        each_fault(|disk, checkpoints, saved, place| {
            assert!(saved.is_err() || newest(checkpoints).0 == Some(3), "{place}");
            assert!(newest(checkpoints).0.is_some_and(|next| next >= 2), "{place}");
            disk.heal();
            checkpoints.save(&header(4), &State::default()).expect("saved");
            assert_eq!(newest(checkpoints), (Some(4), vec![]), "{place}");
            let unfinished = disk.all_names().into_iter().filter(|name| name.ends_with(UNFINISHED)).count();
            assert!(unfinished <= 1, "{place}");
        });
    }

    #[test]
    fn power_loss_after_a_failed_save_leaves_the_checkpoint_before() {
        each_fault(|disk, checkpoints, saved, place| {
            disk.heal();
            disk.lose_power(|| false);
            let found = newest(checkpoints).0;
            assert!(found == Some(2) || found == Some(3), "{place}: {found:?} after {saved:?}");
            assert!(saved.is_err() || found == Some(3), "{place}: what was saved is gone");
        });
    }

    #[test]
    fn a_state_of_another_version_is_skipped() {
        let (_dir, checkpoints) = saved(&[1], 2);
        let other = Header { state_version: STATE_VERSION + 1, ..header(2) };
        checkpoints.save(&other, &State::default()).expect("saved");
        let (restored, skipped) = checkpoints.newest().expect("read");
        assert_eq!(restored.map(|r| r.header.next), Some(Offset(1)));
        assert!(matches!(skipped[..], [CheckpointError::Version { .. }]));
    }
}
