use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::mem;
use std::path::PathBuf;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sidecart_engine::nouns::Timestamp;
use utoipa::ToSchema;

use crate::wire::Rejection;
use crate::wire::scalar::rfc3339;

/// The size at which the file is set aside as `dead-letters.1.jsonl`; one such file is kept, so at most twice this is
/// on the disk.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Bytes that wait to be written at most, while a disk hangs; letters beyond are lost. Some ten thousand letters.
const MAX_WAITING_BYTES: usize = 8 << 20;

/// The file that grows.
const FILE: &str = "dead-letters.jsonl";
/// The one before it.
const OLDER_FILE: &str = "dead-letters.1.jsonl";

/// Well-formed events that came too late or claim to be from the future: kept as JSON lines, so that an operator can
/// look at them and import them. Bounded: the oldest leave first.
#[derive(Debug)]
pub struct DeadLetters {
    dir: PathBuf,
    open: Mutex<Option<Open>>,
    waiting: Mutex<Waiting>,
}

/// Lines that are still to be written.
#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<Vec<u8>>,
    bytes: usize,
}

/// What became of a letter that was posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    /// It is the first that waits: somebody is to call [`DeadLetters::write_waiting`].
    First,
    /// Others wait before it, so somebody has been told already.
    Waiting,
}

/// Why a letter was not kept.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// It has no JSON, which an event that came as JSON cannot be.
    #[error("cannot be kept as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The disk is too slow for the letters that come.
    #[error("{MAX_WAITING_BYTES} bytes of dead letters wait for the disk already: look at its health")]
    Full,
}

#[derive(Debug)]
struct Open {
    file: File,
    bytes: u64,
}

/// An event that was not taken, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Letter {
    /// When it came, RFC 3339.
    pub rejected_at: String,
    /// The kind of reason: `too_late` or `in_future`.
    pub code: String,
    /// What was wrong, and the remedy.
    pub error: String,
    /// The event as it was sent; in our own shape, if it came in another.
    #[schema(value_type = Object)]
    pub event: serde_json::Value,
    /// Whether the ids in it are pseudonyms (`privacy.pseudonyms`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pseudonymised: bool,
}

impl Letter {
    /// An event that was not taken, as it was sent.
    #[must_use]
    pub fn new(event: serde_json::Value, rejection: &Rejection, now: Timestamp) -> Self {
        let (code, error) = (rejection.code.name().to_owned(), rejection.to_string());
        Self { rejected_at: rfc3339(now), code, error, event, pseudonymised: false }
    }
}

impl DeadLetters {
    /// Letters are written to `dir`, which exists. The file is opened when the first one comes.
    #[must_use]
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, open: Mutex::default(), waiting: Mutex::default() }
    }

    /// Takes a letter, to be written soon; does not touch the disk. Its event was not acknowledged, so a letter may be lost
    /// in a crash.
    ///
    /// # Errors
    /// [`PostError`]; the event has been rejected either way.
    pub fn post(&self, letter: &Letter) -> Result<Posted, PostError> {
        let mut line = serde_json::to_vec(letter)?;
        line.push(b'\n');
        let mut waiting = self.waiting.lock();
        if waiting.bytes + line.len() > MAX_WAITING_BYTES {
            return Err(PostError::Full);
        }
        waiting.bytes += line.len();
        waiting.lines.push(line);
        Ok(if waiting.lines.len() == 1 { Posted::First } else { Posted::Waiting })
    }

    /// Writes what waits. Blocks as long as the disk does. What cannot be written is lost, which is logged.
    pub fn write_waiting(&self) {
        self.write_into(&mut self.open.lock());
    }

    fn write_into(&self, open: &mut Option<Open>) {
        let waiting = mem::take(&mut *self.waiting.lock());
        let failed = waiting.lines.iter().filter_map(|line| self.append(open, line).err());
        if let Some((count, error)) = failed.enumerate().last() {
            tracing::warn!(%error, lost = count + 1, "dead letters could not be written");
        }
    }

    fn append(&self, open: &mut Option<Open>, line: &[u8]) -> io::Result<()> {
        if open.as_ref().is_some_and(|open| open.bytes + line.len() as u64 > MAX_FILE_BYTES) {
            *open = None;
            std::fs::rename(self.path(), self.older_path())?;
        }
        let open = match open {
            Some(open) => open,
            closed => closed.insert(self.reopen()?),
        };
        open.file.write_all(line)?;
        open.bytes += line.len() as u64;
        Ok(())
    }

    /// All letters that are kept, oldest first, each with its line; of one code, if it is given. Lines that a crash has
    /// torn are left out.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn read(&self, code: Option<&str>) -> io::Result<Vec<(String, Letter)>> {
        let mut open = self.open.lock();
        self.write_into(&mut open);
        let mut letters = Vec::new();
        for path in [self.older_path(), self.path()] {
            let text = match std::fs::read_to_string(&path) {
                Ok(text) => text,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let parsed = text.lines().filter_map(|line| Some((line.to_owned(), serde_json::from_str(line).ok()?)));
            letters.extend(parsed.filter(|(_, letter): &(_, Letter)| code.is_none_or(|code| letter.code == code)));
        }
        Ok(letters)
    }

    /// Deletes the letters that `goes` names; says how many. Each file is replaced at once, and durably.
    ///
    /// # Errors
    /// When a file cannot be read or replaced; those before it are done.
    pub fn remove(&self, goes: impl Fn(&str) -> bool) -> io::Result<u64> {
        let mut open = self.open.lock();
        self.write_into(&mut open);
        *open = None;
        let mut removed = 0;
        for path in [self.older_path(), self.path()] {
            let text = match std::fs::read_to_string(&path) {
                Ok(text) => text,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let kept: Vec<&str> = text.split_inclusive('\n').filter(|line| !goes(line)).collect();
            let gone = text.split_inclusive('\n').count() - kept.len();
            if gone > 0 {
                let next = path.with_extension("tmp");
                let mut file = File::create(&next)?;
                file.write_all(kept.concat().as_bytes()).and_then(|()| file.sync_all())?;
                std::fs::rename(next, &path)?;
                removed += gone as u64;
            }
        }
        Ok(removed)
    }

    fn older_path(&self) -> PathBuf {
        self.dir.join(OLDER_FILE)
    }

    fn path(&self) -> PathBuf {
        self.dir.join(FILE)
    }

    fn reopen(&self) -> io::Result<Open> {
        let file = OpenOptions::new().create(true).append(true).open(self.path())?;
        let bytes = file.metadata()?.len();
        Ok(Open { file, bytes })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wire::Code;

    #[test]
    fn a_letter_keeps_the_event_on_one_line() {
        let dir = tempfile::tempdir().expect("a folder");
        let letters = DeadLetters::new(dir.path().into());
        let rejection = Rejection::field(Code::TooLate, "timestamp", "is late");
        for _ in 0..2 {
            letters.post(&Letter::new(json!({"eventId": "e1"}), &rejection, Timestamp(0))).expect("room");
        }
        letters.write_waiting();
        let text = std::fs::read_to_string(letters.path()).expect("the file");
        let line = r#"{"rejected_at":"1970-01-01T00:00:00Z","code":"too_late","error":"`timestamp` is late","event":{"eventId":"e1"}}"#;
        assert_eq!(text, format!("{line}\n{line}\n"));
    }
    #[test]
    fn letters_wait_for_the_disk_up_to_a_bound_and_whoever_reads_sees_them() {
        let dir = tempfile::tempdir().expect("a folder");
        let letters = DeadLetters::new(dir.path().into());
        let rejection = Rejection::field(Code::TooLate, "timestamp", "is late");
        let letter = Letter::new("x".repeat(64 << 10).into(), &rejection, Timestamp(0));
        let post = || letters.post(&letter);
        let held = letters.open.lock();
        assert_eq!(post().expect("room"), Posted::First);
        let kept = (1..1_000).take_while(|_| post().is_ok()).count() + 1;
        assert!((100..=128).contains(&kept), "{kept}");
        assert!(matches!(post(), Err(PostError::Full)));
        assert!(!letters.path().exists(), "posting does not touch the disk");
        drop(held);
        assert_eq!(letters.read(None).expect("read").len(), kept);
        assert_eq!(post().expect("room again"), Posted::First);
        assert_eq!(letters.remove(|_| true).expect("removed"), kept as u64 + 1);
    }
}
