//! Looks at a log without changing it and without keeping its owner out.

use std::ops::ControlFlow;
use std::path::Path;

use serde::Serialize;

use super::disk::OsDisk;
use super::lock::FolderLock;
use super::segment::{self, Segment};
use super::segment_log::LOG_FOLDER;
use super::{Gaps, LogError, Logged, Offset, Region, Replayed};
use crate::wire::scalar::rfc3339;

/// A log as it is on disk at this moment, read only.
pub struct LogView {
    disk: OsDisk,
    segments: Vec<Segment>,
    next: Offset,
    in_use_by: Option<String>,
}

/// What one segment file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SegmentReport {
    /// File name.
    pub file: String,
    /// Length in bytes.
    pub bytes: u64,
    /// When it was made, RFC 3339; absent when its header is damaged.
    pub created_at: Option<String>,
    /// Offset of the first record.
    pub first_offset: Offset,
    /// Offset behind the last record.
    pub next_offset: Offset,
    /// Whole records.
    pub records: u64,
    /// Bytes that are frames no more.
    pub damage: Vec<Region>,
    /// The remains of an interrupted append at the end.
    pub torn: Option<Region>,
}

/// What a whole log holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// Its files, oldest first.
    pub segments: Vec<SegmentReport>,
    /// The oldest offset kept.
    pub first_offset: Offset,
    /// The offset behind the last record.
    pub next_offset: Offset,
    /// Offsets that should be there and are not.
    #[serde(flatten)]
    pub gaps: Gaps,
    /// Who has the data folder just now. What it is writing may look like a torn tail.
    pub in_use_by: Option<String>,
}

impl Verified {
    /// Whether anything that was written is not readable any more. A torn tail of the last file is no damage: nothing
    /// in it was acknowledged, and the next start cuts it off.
    pub fn is_damaged(&self) -> bool {
        let torn_inside = self.segments.iter().rev().skip(1).any(|segment| segment.torn.is_some());
        let broken = self.segments.iter().any(|segment| segment.created_at.is_none() || !segment.damage.is_empty());
        torn_inside || broken || self.gaps.lost > 0
    }
}

impl LogView {
    /// Opens the log of a data folder for reading.
    ///
    /// # Errors
    /// [`LogError::Io`], also when there is none; [`LogError::NewerFormat`].
    pub fn open(dir: &Path) -> Result<Self, LogError> {
        let disk = OsDisk::new(dir.join(LOG_FOLDER));
        let in_use_by = FolderLock::held_by(dir);
        let segments = segment::list(&disk)?;
        let next = match segments.last() {
            Some(last) => segment::examine(&disk, last)?.next,
            None => Offset::default(),
        };
        Ok(Self { disk, segments, next, in_use_by })
    }

    /// The oldest offset kept.
    pub fn first_offset(&self) -> Offset {
        self.segments.first().map_or(self.next, |segment| segment.first)
    }

    /// As [`super::EventLog::replay`].
    ///
    /// # Errors
    /// As [`super::EventLog::replay`].
    pub fn replay(
        &self,
        from: Offset,
        visit: &mut dyn FnMut(Logged<'_>) -> ControlFlow<()>,
    ) -> Result<Replayed, LogError> {
        segment::replay(&self.disk, &self.segments, from, self.next, visit)
    }

    /// The files, oldest first, and how many of their bytes are whole records: all, but for the last file those before
    /// what is just being written.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub fn files(&self) -> Result<Vec<(String, u64)>, LogError> {
        let mut files: Vec<(String, u64)> = self.segments.iter().map(|segment| (segment.name(), u64::MAX)).collect();
        if let (Some(file), Some(last)) = (files.last_mut(), self.segments.last()) {
            // Without a record, the header alone is what is whole.
            file.1 = segment::examine(&self.disk, last)?.end;
        }
        Ok(files)
    }

    /// Bytes that the log takes on disk.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Reads every byte and checks it; `progress` is told the bytes of each file that is done.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub fn verify(&self, progress: &mut dyn FnMut(u64)) -> Result<Verified, LogError> {
        let mut gaps = Gaps::default();
        let mut reports = Vec::with_capacity(self.segments.len());
        let mut behind = self.first_offset();
        for segment in &self.segments {
            gaps.note(behind, segment.first);
            let report = self.report(segment, &mut gaps)?;
            behind = report.next_offset;
            reports.push(report);
            progress(segment.bytes);
        }
        Ok(Verified {
            segments: reports,
            first_offset: self.first_offset(),
            next_offset: behind,
            gaps,
            in_use_by: self.in_use_by.clone(),
        })
    }

    fn report(&self, segment: &Segment, gaps: &mut Gaps) -> Result<SegmentReport, LogError> {
        let contents = segment::examine(&self.disk, segment)?;
        gaps.extend(&contents.gaps);
        Ok(SegmentReport {
            file: segment.name(),
            bytes: segment.bytes,
            created_at: segment.created_at.map(rfc3339),
            first_offset: segment.first,
            next_offset: contents.next,
            records: contents.records,
            damage: contents.damage,
            torn: contents.torn,
        })
    }
}
