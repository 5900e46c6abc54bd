//! The state on disk: written whole or not at all, checked before it is believed.
//!
//! A file is: magic, header length (u32, little endian), header, state, CRC-32C of all before (u32, little endian).
//! Header and state are postcard. Its name is the offset of the first record that it does not cover.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sidecart_engine::nouns::Timestamp;
use sidecart_engine::{STATE_VERSION, State};

use crate::log::Offset;

const MAGIC: [u8; 8] = *b"SCCKPT\x00\x01";
const EXTENSION: &str = "ckpt";
/// The largest header; ours have about 40 bytes.
const MAX_HEADER_BYTES: usize = 4_096;
/// Bytes per write; large enough that the system call does not count.
const WRITE_BYTES: usize = 1 << 20;

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
#[derive(Debug, Clone)]
pub struct Checkpoints {
    dir: PathBuf,
    keep: usize,
}

impl Checkpoints {
    /// Checkpoints in `dir`, which is made if absent; the newest `keep` (at least 1) are kept.
    ///
    /// # Errors
    /// [`CheckpointError::Io`] when the folder cannot be made.
    pub fn open(dir: PathBuf, keep: usize) -> Result<Self, CheckpointError> {
        fs::create_dir_all(&dir).map_err(|source| io_error("make", &dir, source))?;
        Ok(Self { dir, keep: keep.max(1) })
    }

    /// The newest checkpoint that can be used, and why those after it cannot. Their files stay where they are.
    ///
    /// # Errors
    /// [`CheckpointError::Io`] when the folder cannot be read.
    pub fn newest(&self) -> Result<(Option<Restored>, Vec<CheckpointError>), CheckpointError> {
        let mut skipped = Vec::new();
        for path in self.files()?.into_iter().rev() {
            match read(&path) {
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
        Ok(self.files()?.last().and_then(|path| offset_of(path)))
    }

    /// Writes a checkpoint and deletes those beyond the number kept. When it returns, the new one survives power loss.
    /// Gives the offset from which the oldest kept checkpoint needs the log.
    ///
    /// # Errors
    /// [`CheckpointError::Io`], [`CheckpointError::Encode`]; then the earlier checkpoints are as they were.
    pub fn save(&self, header: &Header, state: &State) -> Result<Offset, CheckpointError> {
        let path = self.dir.join(format!("{:020}.{EXTENSION}", header.next.0));
        let unfinished = path.with_extension("tmp");
        let written = write(&unfinished, header, state)
            .and_then(|()| fs::rename(&unfinished, &path).map_err(|source| io_error("rename", &path, source)));
        if let Err(error) = written {
            // What is left over takes room on a disk that may be full; if even this fails, the next start ignores it.
            let _ = fs::remove_file(&unfinished);
            return Err(error);
        }
        sync_dir(&self.dir)?;
        let files = self.files()?;
        let surplus = files.len().saturating_sub(self.keep);
        for old in &files[..surplus] {
            fs::remove_file(old).map_err(|source| io_error("delete", old, source))?;
        }
        Ok(files.get(surplus).and_then(|path| offset_of(path)).unwrap_or(header.next))
    }

    /// The checkpoint files, oldest first.
    fn files(&self) -> Result<Vec<PathBuf>, CheckpointError> {
        let failed = |source| io_error("read", &self.dir, source);
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if offset_of(&path).is_some() {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }
}

fn offset_of(path: &Path) -> Option<Offset> {
    if path.extension()? != EXTENSION {
        return None;
    }
    path.file_stem()?.to_str()?.parse().ok().map(Offset)
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> CheckpointError {
    CheckpointError::Io { action, path: path.into(), source }
}

/// Makes the names in a folder durable.
fn sync_dir(dir: &Path) -> Result<(), CheckpointError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|source| io_error("sync", dir, source))
}

/// Passes bytes on and sums them up.
struct Summing<W> {
    to: W,
    crc: u32,
}

impl<W: Write> Write for Summing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.crc = crc32c::crc32c_append(self.crc, &bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn write(path: &Path, header: &Header, state: &State) -> Result<(), CheckpointError> {
    let failed = |source| io_error("write", path, source);
    let file = File::create(path).map_err(failed)?;
    let mut out = BufWriter::with_capacity(WRITE_BYTES, Summing { to: file, crc: 0 });
    let header = postcard::to_allocvec(header)?;
    out.write_all(&MAGIC).map_err(failed)?;
    let header_len = u32::try_from(header.len()).map_err(|_| postcard::Error::SerializeBufferFull)?;
    out.write_all(&header_len.to_le_bytes()).map_err(failed)?;
    out.write_all(&header).map_err(failed)?;
    let out = postcard::to_io(state, out)?;
    let mut summing = out.into_inner().map_err(|error| failed(error.into_error()))?;
    let crc = summing.crc;
    summing.write_all(&crc.to_le_bytes()).map_err(failed)?;
    summing.to.sync_all().map_err(failed)
}

/// Reads a checkpoint whole: the sum is checked before anything is decoded, so damage cannot become state.
fn read(path: &Path) -> Result<Restored, CheckpointError> {
    let damaged = |what| CheckpointError::Damaged { path: path.into(), what };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .map_err(|source| io_error("read", path, source))?;
    let (sealed, crc) = bytes.split_last_chunk::<4>().ok_or(damaged("too short"))?;
    let rest = sealed.strip_prefix(&MAGIC).ok_or(damaged("it does not start as a checkpoint does"))?;
    if crc32c::crc32c(sealed) != u32::from_le_bytes(*crc) {
        return Err(damaged("its checksum is another"));
    }
    let (header_len, rest) = rest.split_first_chunk::<4>().ok_or(damaged("too short"))?;
    let header_len = u32::from_le_bytes(*header_len) as usize;
    if header_len > MAX_HEADER_BYTES || header_len > rest.len() {
        return Err(damaged("its header is too long"));
    }
    let (header, state) = rest.split_at(header_len);
    let header: Header = postcard::from_bytes(header).map_err(|_| damaged("its header cannot be read"))?;
    if header.state_version != STATE_VERSION {
        return Err(CheckpointError::Version { path: path.into(), found: header.state_version });
    }
    let state = postcard::from_bytes(state).map_err(|_| damaged("its state cannot be read"))?;
    Ok(Restored { header, state })
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(checkpoints.files().expect("listed").len(), 2);
    }

    #[test]
    fn any_flipped_or_missing_byte_leads_to_the_checkpoint_before() {
        let (_dir, checkpoints) = saved(&[1, 2], 2);
        let path = checkpoints.files().expect("listed")[1].clone();
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
        fs::write(checkpoints.dir.join("00000000000000000009.tmp"), b"half").expect("written");
        assert_eq!(newest(&checkpoints), (Some(1), vec![]));
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
