//! The event log: every accepted record, durable and in order, before anybody is told that it was accepted.
//!
//! Path of a batch: [`EventLog::append`] -> frames -> one write -> one sync -> the offset of its first record. Path of a
//! restart: open (cut the torn tail, name the damage) -> [`EventLog::replay`] from the checkpoint's offset.
//!
//! The caller is one thread, the sequencer. It commits groups: it drains what is waiting into one `append`, so that all
//! waiting writers share one sync.

pub mod disk;
mod error;
#[cfg(feature = "failpoints")]
pub mod failpoints;
mod frame;
mod inspect;
mod lock;
mod recover;
mod rewrite;
mod scan;
mod segment;
mod segment_log;
#[cfg(test)]
pub mod tests;

use std::fmt;
use std::ops::ControlFlow;

pub use error::LogError;
pub use inspect::{LogView, SegmentReport, Verified};
pub use rewrite::{Change, Rewritten};
pub use scan::Region;
pub use segment_log::{LOG_FOLDER, LogOptions, SegmentLog};
use serde::{Deserialize, Serialize};
use sidecart_engine::nouns::Timestamp;

/// The largest payload of one record, in bytes. A record is one event or one item and takes some hundred bytes; the
/// bound keeps a flipped bit in a length field from making a reader allocate gigabytes.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// The most payload bytes of one batch. A batch is encoded in memory and written at once; more than this gains nothing
/// over two syncs.
pub const MAX_BATCH_BYTES: usize = 32 << 20;

/// The place of a record in the log: 0, 1, 2, ... in the order of acceptance. Never reused for an acknowledged record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Offset(pub u64);

impl Offset {
    /// The offset `records` further on; saturates.
    #[must_use]
    pub fn plus(self, records: u64) -> Self {
        Self(self.0.saturating_add(records))
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One record as it is read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logged<'a> {
    /// Its place.
    pub offset: Offset,
    /// The `now` of the append that wrote it.
    pub appended_at: Timestamp,
    /// What was appended, byte for byte.
    pub payload: &'a [u8],
}

/// Offsets that were given out and cannot be read any more: `from` up to, not including, `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The first offset that is missing.
    pub from: Offset,
    /// The first offset that is there again.
    pub to: Offset,
}

impl Gap {
    /// How many offsets are missing.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.to.0.saturating_sub(self.from.0)
    }
}

/// Offsets that could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Gaps {
    /// Where they are; the first [`MAX_GAPS`] ranges.
    #[serde(rename = "gaps")]
    pub listed: Vec<Gap>,
    /// How many offsets are missing in all, those beyond the listed ranges included.
    pub lost: u64,
}

impl Gaps {
    /// Notes that `from` up to, not including, `to` is missing; nothing if that is empty.
    fn note(&mut self, from: Offset, to: Offset) {
        note_gap(&mut self.listed, &mut self.lost, Gap { from, to });
    }

    fn extend(&mut self, others: &Self) {
        let listed: u64 = others.listed.iter().map(Gap::records).sum();
        for gap in &others.listed {
            self.note(gap.from, gap.to);
        }
        self.lost += others.lost - listed;
    }
}

fn note_gap(listed: &mut Vec<Gap>, lost: &mut u64, gap: Gap) {
    if gap.records() == 0 {
        return;
    }
    *lost += gap.records();
    let has_room = listed.len() < MAX_GAPS;
    match listed.last_mut() {
        Some(last) if last.to == gap.from => last.to = gap.to,
        _ if has_room => listed.push(gap),
        _ => {}
    }
}

/// What a replay met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Records that the visitor was shown.
    pub records: u64,
    /// Payload bytes that the visitor was shown.
    pub bytes: u64,
    /// Where to go on: behind the last record shown, or behind the end when the visitor did not stop.
    pub next: Offset,
    /// What was skipped because it is damaged; the first [`MAX_GAPS`] ranges.
    pub gaps: Vec<Gap>,
    /// How many offsets were skipped in all, those beyond the listed ranges included.
    pub lost: u64,
}

/// The most gaps that a report lists one by one. A disk that damages more is to be replaced, not listed.
pub const MAX_GAPS: usize = 1_000;

/// What [`EventLog::retain`] deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retired {
    /// Segments deleted.
    pub segments: u64,
    /// Bytes given back.
    pub bytes: u64,
    /// Bytes that the log still takes.
    pub kept_bytes: u64,
}

/// Reads a log that another thread goes on writing.
pub trait LogReader: Send + Sync {
    /// The oldest offset that is still kept.
    ///
    /// # Errors
    /// [`LogError::Io`], [`LogError::NewerFormat`].
    fn first_offset(&self) -> Result<Offset, LogError>;

    /// Shows the records from `from` up to, not including, `to`, all of which must have been acknowledged.
    ///
    /// # Errors
    /// As [`EventLog::replay`].
    fn replay(
        &self,
        from: Offset,
        to: Offset,
        visit: &mut dyn FnMut(Logged<'_>) -> ControlFlow<()>,
    ) -> Result<Replayed, LogError>;

    /// Changes the records before `end`, which must come from [`EventLog::roll`], as `change` says. Offsets and times
    /// stay; nobody who reads meanwhile sees half of it.
    ///
    /// # Errors
    /// [`LogError::Io`]; what was rewritten until then stays so.
    fn rewrite(&self, end: Offset, change: Change<'_>) -> Result<Rewritten, LogError>;
}

/// An ordered, durable log of opaque records.
pub trait EventLog: Send {
    /// Appends one batch with one sync; gives the offset of its first record, the others follow without gap. When it
    /// returns, every payload survives kill -9 and power loss. An empty batch writes nothing.
    ///
    /// On an error nothing of the batch is in the log, neither for readers of this process nor after a restart, and
    /// the next append may be tried; except [`LogError::Poisoned`] and a failed sync, after which this log refuses
    /// appends until it is opened anew, and what of the batch had reached the disk may come back then.
    ///
    /// # Errors
    /// [`LogError::RecordSize`] and [`LogError::BatchTooLarge`] before anything is written; [`LogError::is_full`] when
    /// the disk is full; [`LogError::Io`]; [`LogError::Poisoned`].
    fn append(&mut self, payloads: &[Vec<u8>], now: Timestamp) -> Result<Offset, LogError>;

    /// Whether this log refuses appends until it is opened anew.
    fn is_closed(&self) -> bool {
        false
    }

    /// The oldest offset that is still kept; equals [`EventLog::next_offset`] when the log is empty.
    fn first_offset(&self) -> Offset;

    /// The offset that the next record will get.
    fn next_offset(&self) -> Offset;

    /// Shows the records from `from` on to `visit`, in order, until it breaks or the end is reached. Damaged records
    /// are skipped and reported. What an unfinished append has written is never shown.
    ///
    /// # Errors
    /// [`LogError::Retired`] when `from` is no longer kept, [`LogError::Ahead`] when it is behind the end,
    /// [`LogError::Io`] when a file cannot be read.
    fn replay(&self, from: Offset, visit: &mut dyn FnMut(Logged<'_>) -> ControlFlow<()>) -> Result<Replayed, LogError>;

    /// Finishes the file that is being written, so that all records so far are in files that do not change any more;
    /// gives the offset behind them.
    ///
    /// # Errors
    /// As [`EventLog::append`].
    fn roll(&mut self, now: Timestamp) -> Result<Offset, LogError>;

    /// A reader for another thread.
    fn reader(&self) -> Box<dyn LogReader>;

    /// Deletes the oldest records that are below `keep_from` (what the oldest checkpoint still in use needs) and beyond
    /// the retention by age or size, as far as whole files go.
    ///
    /// # Errors
    /// [`LogError::Io`] when a file cannot be deleted; those before it are gone, the log stays usable.
    fn retain(&mut self, keep_from: Offset, now: Timestamp) -> Result<Retired, LogError>;
}
