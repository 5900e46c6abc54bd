//! What a restart does with the last segment, the only one that a crash can have caught while it was written.

use sidecart_engine::nouns::Timestamp;

use super::disk::{Disk, DiskFile};
use super::error::failed;
use super::scan::Region;
use super::segment::{self, Segment};
use super::{LogError, Offset};

/// What opening the log found in its last segment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The file name of the last segment.
    pub file: String,
    /// Its torn tail, which was cut off: the remains of an append that was never acknowledged.
    pub cut: Option<Region>,
    /// Its damaged bytes. The file is left as it is and no longer written to; replay reports what is missing.
    pub damage: Vec<Region>,
}

/// The last segment, ready to be appended to.
pub struct Last {
    /// The damaged segment that was the last one, if it was.
    pub sealed: Option<Segment>,
    /// The one that grows.
    pub active: Segment,
    /// Its file.
    pub file: Box<dyn DiskFile>,
    /// The offset that comes next.
    pub next: Offset,
    /// What was found.
    pub recovered: Recovered,
}

impl Last {
    /// A new, empty segment.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub fn begin(disk: &dyn Disk, first: Offset, now: Timestamp) -> Result<Self, LogError> {
        let (active, file) = segment::create(disk, first, now)?;
        Ok(Self { sealed: None, active, file, next: first, recovered: Recovered::default() })
    }

    /// Verifies the last segment. Whole, or torn at its end: appends go on in it, behind its last whole record.
    /// Damaged: appends go on in a new one, so that the evidence stays as it is.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub fn recover(disk: &dyn Disk, segment: Segment, now: Timestamp) -> Result<Self, LogError> {
        let contents = segment::examine(disk, &segment)?;
        let mut recovered = Recovered { file: segment.name(), cut: contents.torn, damage: contents.damage.clone() };
        let has_header = segment.created_at.is_some();
        if !has_header && contents.records == 0 && contents.damage.is_empty() {
            // Not one frame and no header: there was nothing in it yet, so the name is free.
            recovered.cut = Some(Region { at: 0, bytes: segment.bytes });
            return Ok(Self { recovered, ..Self::begin(disk, segment.first, now)? });
        }
        if !has_header || !contents.damage.is_empty() {
            recovered.cut = None;
            let next = contents.next.max(segment.first.plus(1));
            return Ok(Self { sealed: Some(segment), recovered, ..Self::begin(disk, next, now)? });
        }
        let file = reopen(disk, &segment, contents.end)?;
        let active = Segment { bytes: contents.end, ..segment };
        Ok(Self { sealed: None, active, file, next: contents.next, recovered })
    }
}

/// Opens a segment for writing, without what is behind `end`. What is left is made durable: readers are about to be
/// shown it, and it may be an append whose sync never happened.
fn reopen(disk: &dyn Disk, segment: &Segment, end: u64) -> Result<Box<dyn DiskFile>, LogError> {
    let name = segment.name();
    let mut file = disk.open(&name).map_err(failed("open", disk.path(&name)))?;
    if segment.bytes > end {
        file.set_bytes(end).map_err(failed("cut", disk.path(&name)))?;
    }
    file.sync().map_err(failed("sync", disk.path(&name)))?;
    Ok(file)
}
