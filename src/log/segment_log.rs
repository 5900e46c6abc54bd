//! The embedded log: segment files in `DIR/log`, one of which, the active one, grows.

use std::fs::{self, File};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use sidecart_engine::nouns::Timestamp;

use super::disk::{self, Disk, DiskFile, write_full};
use super::error::failed;
use super::frame::{FILE_HEADER_BYTES, FRAME_HEADER_BYTES, encode_frame};
use super::lock::FolderLock;
use super::recover::{Last, Recovered};
use super::rewrite::{self, Change, Rewritten};
use super::segment::{self, Segment};
use super::{EventLog, LogError, LogReader, Logged, MAX_BATCH_BYTES, MAX_RECORD_BYTES, Offset, Replayed, Retired};

/// The folder of the segments inside the data folder.
pub const LOG_FOLDER: &str = "log";

/// How the log is cut into files and how long it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogOptions {
    /// A new segment is begun before a batch would make one larger than this. Bytes; a restart verifies one segment.
    pub segment_bytes: u64,
    /// What no checkpoint needs is deleted when its segment is older than this. Milliseconds; `None` = any age is kept.
    pub retain_ms: Option<i64>,
    /// What no checkpoint needs is deleted while the log is larger than this. Bytes; `None` = any size is kept.
    pub retain_bytes: Option<u64>,
}

impl Default for LogOptions {
    /// Segments of 64 MiB (some 300,000 events, verified in well under a second), all of them kept.
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, retain_ms: None, retain_bytes: None }
    }
}

/// [`EventLog`] in files of its own. The decision record 0001 says why.
pub struct SegmentLog {
    disk: Arc<dyn Disk>,
    options: LogOptions,
    /// All segments, oldest first; the last one is the active one.
    segments: Vec<Segment>,
    active: Box<dyn DiskFile>,
    next: Offset,
    poisoned: bool,
    frames: Vec<u8>,
    /// Held while names of files that are no longer written to change.
    files: Arc<Mutex<()>>,
    _lock: Option<FolderLock>,
}

impl SegmentLog {
    /// Opens the log of a data folder, which is made if need be, and keeps every other process out of the folder.
    ///
    /// The last segment is verified: a torn tail is cut off; a damaged file is left as it is and a new one begun.
    ///
    /// # Errors
    /// [`LogError::InUse`], [`LogError::NewerFormat`], [`LogError::Io`].
    pub fn open(dir: &Path, options: LogOptions, now: Timestamp) -> Result<(Self, Recovered), LogError> {
        let folder = dir.join(LOG_FOLDER);
        make_folder(dir, &folder)?;
        let lock = FolderLock::acquire(dir, now)?;
        let (mut log, recovered) = Self::open_on(disk::folder(folder, LOG_FOLDER), options, now)?;
        log._lock = Some(lock);
        Ok((log, recovered))
    }

    /// Opens the log on any disk; the caller answers for being alone.
    ///
    /// # Errors
    /// [`LogError::NewerFormat`], [`LogError::Io`].
    pub fn open_on(disk: Arc<dyn Disk>, options: LogOptions, now: Timestamp) -> Result<(Self, Recovered), LogError> {
        segment::remove_unfinished(disk.as_ref())?;
        // A crash may have come between naming a segment and making its name durable; records are about to go into it.
        disk.sync().map_err(failed("sync", disk.path("")))?;
        let mut segments = segment::list(disk.as_ref())?;
        let last = match segments.pop() {
            Some(last) => Last::recover(disk.as_ref(), last, now)?,
            None => Last::begin(disk.as_ref(), Offset(0), now)?,
        };
        let Last { sealed, active, file, next, recovered } = last;
        segments.extend(sealed);
        segments.push(active);
        let log = Self {
            disk,
            options,
            segments,
            active: file,
            next,
            poisoned: false,
            frames: Vec::new(),
            files: Arc::default(),
            _lock: None,
        };
        Ok((log, recovered))
    }

    /// Makes sure that no offset below `offset` is given out. For a start whose checkpoint is ahead of the log, because
    /// the disk has lost or damaged what it had promised to keep: new records must not take offsets that the
    /// checkpoint believes it has applied. The offsets left out are reported as a gap by every replay.
    ///
    /// # Errors
    /// As [`EventLog::append`].
    pub fn skip_to(&mut self, offset: Offset, now: Timestamp) -> Result<(), LogError> {
        if self.poisoned {
            return Err(LogError::Poisoned);
        }
        if offset > self.next {
            self.begin_segment(offset, now)?;
        }
        Ok(())
    }

    /// Bytes that the log takes on disk.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    fn active_bytes(&self) -> u64 {
        self.segments.last().map_or(0, |segment| segment.bytes)
    }

    fn encode(&mut self, payloads: &[Vec<u8>], now: Timestamp) {
        self.frames.clear();
        // One large batch must not keep its memory for good.
        self.frames.shrink_to(KEPT_BUFFER_BYTES);
        for (offset, payload) in (self.next.0..).zip(payloads) {
            encode_frame(&mut self.frames, Offset(offset), now, payload);
        }
    }

    fn is_segment_full(&self) -> bool {
        let bytes = self.active_bytes();
        bytes > FILE_HEADER_BYTES as u64 && bytes + self.frames.len() as u64 > self.options.segment_bytes
    }

    /// Makes a segment that starts at `first` the active one.
    fn begin_segment(&mut self, first: Offset, now: Timestamp) -> Result<(), LogError> {
        match segment::create(self.disk.as_ref(), first, now) {
            Ok((segment, file)) => {
                self.segments.push(segment);
                self.active = file;
                self.next = first;
                Ok(())
            }
            Err(error) => {
                // If the new file has got its name after all, it must not come to lie behind later records.
                self.poisoned |= !is_before_naming(&error);
                Err(error)
            }
        }
    }

    fn write(&mut self) -> Result<(), LogError> {
        let at = self.active_bytes();
        let Some(segment) = self.segments.last_mut() else { return Err(LogError::Poisoned) };
        let path = self.disk.path(&segment.name());
        if let Err(error) = write_full(self.active.as_mut(), &self.frames, at) {
            // Cut back what was written; a file that cannot be cut is not written to again.
            let undone = self.active.set_bytes(at).and_then(|()| self.active.sync());
            self.poisoned = undone.is_err();
            return Err(failed("write", path)(error));
        }
        if let Err(error) = self.active.sync() {
            // The kernel may have dropped the pages and call them clean: a second sync would prove nothing. Only what
            // earlier syncs have promised is trusted, so the tail goes and the file is closed to appends.
            self.poisoned = true;
            let _ = self.active.set_bytes(at).and_then(|()| self.active.sync());
            return Err(failed("sync", path)(error));
        }
        segment.bytes = at + self.frames.len() as u64;
        Ok(())
    }

    /// Whether retention lets go of the oldest segment, `total` bytes being kept with it.
    fn is_expired(&self, total: u64, now: Timestamp) -> bool {
        // The next file was made when this one was finished: nothing in it is younger.
        let finished_at = self.segments[1..].iter().find_map(|segment| segment.created_at);
        let too_old = |span: i64| finished_at.is_some_and(|at| now.since_ms(at) > span);
        self.options.retain_bytes.is_some_and(|limit| total > limit) || self.options.retain_ms.is_some_and(too_old)
    }
}

/// Makes the folder of the log, so that it survives power loss with what will be in it.
fn make_folder(dir: &Path, folder: &Path) -> Result<(), LogError> {
    let sync = |dir: &Path| File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed("sync", dir.into()));
    let is_new = !dir.exists();
    fs::create_dir_all(folder).map_err(failed("create", folder.into()))?;
    sync(dir)?;
    // Of a folder that was there before, others have made the name durable, and its parent may not be ours to read.
    let parent = dir.canonicalize().ok().and_then(|dir| dir.parent().map(Path::to_owned));
    parent.filter(|_| is_new).map_or(Ok(()), |parent| sync(&parent))
}

/// How much of the encode buffer is kept between appends: a usual group commit fits.
const KEPT_BUFFER_BYTES: usize = 1 << 20;

fn is_before_naming(error: &LogError) -> bool {
    matches!(error, LogError::Io { action: "create" | "write", .. })
}

impl EventLog for SegmentLog {
    fn append(&mut self, payloads: &[Vec<u8>], now: Timestamp) -> Result<Offset, LogError> {
        check_sizes(payloads)?;
        if self.poisoned {
            return Err(LogError::Poisoned);
        }
        let first = self.next;
        if payloads.is_empty() {
            return Ok(first);
        }
        self.encode(payloads, now);
        if self.is_segment_full() {
            self.begin_segment(first, now)?;
        }
        self.write()?;
        self.next = first.plus(payloads.len() as u64);
        Ok(first)
    }

    fn is_closed(&self) -> bool {
        self.poisoned
    }

    fn first_offset(&self) -> Offset {
        self.segments.first().map_or(self.next, |segment| segment.first)
    }

    fn next_offset(&self) -> Offset {
        self.next
    }

    fn replay(&self, from: Offset, visit: &mut dyn FnMut(Logged<'_>) -> ControlFlow<()>) -> Result<Replayed, LogError> {
        segment::replay(self.disk.as_ref(), &self.segments, from, self.next, visit)
    }

    fn roll(&mut self, now: Timestamp) -> Result<Offset, LogError> {
        if self.poisoned {
            return Err(LogError::Poisoned);
        }
        if self.active_bytes() > FILE_HEADER_BYTES as u64 {
            self.begin_segment(self.next, now)?;
        }
        Ok(self.next)
    }

    fn reader(&self) -> Box<dyn LogReader> {
        Box::new(SegmentReader { disk: Arc::clone(&self.disk), files: Arc::clone(&self.files) })
    }

    fn retain(&mut self, keep_from: Offset, now: Timestamp) -> Result<Retired, LogError> {
        let _held = self.files.lock();
        let mut retired =
            Retired { kept_bytes: self.segments.iter().map(|segment| segment.bytes).sum(), ..Retired::default() };
        while let [oldest, behind, ..] = self.segments[..]
            && behind.first <= keep_from
            && self.is_expired(retired.kept_bytes, now)
        {
            let name = oldest.name();
            self.disk.remove(&name).map_err(failed("remove", self.disk.path(&name)))?;
            self.segments.remove(0);
            retired.segments += 1;
            retired.bytes += oldest.bytes;
            retired.kept_bytes -= oldest.bytes;
        }
        if retired.segments > 0 {
            self.disk.sync().map_err(failed("sync", self.disk.path("")))?;
        }
        Ok(retired)
    }
}

/// Looks at the files anew each time: segments come and go while it waits.
struct SegmentReader {
    disk: Arc<dyn Disk>,
    files: Arc<Mutex<()>>,
}

impl LogReader for SegmentReader {
    fn first_offset(&self) -> Result<Offset, LogError> {
        Ok(segment::list(self.disk.as_ref())?.first().map_or(Offset(0), |segment| segment.first))
    }

    fn replay(
        &self,
        from: Offset,
        to: Offset,
        visit: &mut dyn FnMut(Logged<'_>) -> ControlFlow<()>,
    ) -> Result<Replayed, LogError> {
        let mut segments = segment::list(self.disk.as_ref())?;
        // Those begun since hold nothing that is asked for; what is half written behind `to` is not looked at.
        segments.retain(|segment| segment.first < to);
        segment::replay(self.disk.as_ref(), &segments, from, to, visit)
    }

    fn rewrite(&self, end: Offset, change: Change<'_>) -> Result<Rewritten, LogError> {
        let segments = segment::list(self.disk.as_ref())?;
        rewrite::rewrite_all(self.disk.as_ref(), &self.files, &segments, end, change)
    }
}

fn check_sizes(payloads: &[Vec<u8>]) -> Result<(), LogError> {
    for (index, payload) in payloads.iter().enumerate() {
        if payload.is_empty() || payload.len() > MAX_RECORD_BYTES {
            return Err(LogError::RecordSize { index, bytes: payload.len() });
        }
    }
    let bytes = payloads.iter().map(|payload| payload.len() + FRAME_HEADER_BYTES).sum();
    if bytes > MAX_BATCH_BYTES { Err(LogError::BatchTooLarge { bytes }) } else { Ok(()) }
}
