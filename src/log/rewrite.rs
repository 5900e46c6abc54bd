//! Changes records in place, so that a person's ids can leave the log. Offsets and times stay.

use parking_lot::Mutex;

use super::disk::{Disk, DiskFile, write_full};
use super::error::failed;
use super::frame::{FILE_HEADER_BYTES, FileHeader, VERSION, encode_frame};
use super::scan::{Found, Scanner};
use super::segment::{Segment, UNFINISHED};
use super::{LogError, Logged, MAX_RECORD_BYTES, Offset};

/// Bytes per write.
const WRITE_BYTES: usize = 1 << 20;
/// What takes the place of a damaged record, whose offset would else be missing: no reader takes it for an entry.
const LOST: &[u8] = br#"{"lost":true}"#;

/// What a record becomes; `None`: it stays as it is. Asked twice of each record.
pub type Change<'c> = &'c mut dyn FnMut(Logged<'_>) -> Option<Vec<u8>>;

/// What a rewriting has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rewritten {
    /// Records that were changed.
    pub records: u64,
    /// Files that were replaced.
    pub segments: u64,
}

/// Rewrites one segment that is no longer written to. The new file replaces the old one at once and is durable when this
/// returns; a crash leaves the one or the other. `files` is held while names change, so that retention and this do not
/// undo one another. A segment without a record to be changed is left alone.
///
/// # Errors
/// [`LogError::Io`], [`LogError::ChangedSize`]; the segment is as it was.
pub fn rewrite(disk: &dyn Disk, files: &Mutex<()>, segment: &Segment, change: Change<'_>) -> Result<u64, LogError> {
    let name = segment.name();
    let mut file = disk.open_to_read(&name).map_err(failed("open", disk.path(&name)))?;
    let changed = count(disk, file.as_mut(), segment, change)?;
    if changed == 0 {
        return Ok(0);
    }
    let unfinished = format!("{name}{UNFINISHED}");
    let mut out = disk.create(&unfinished).map_err(failed("create", disk.path(&unfinished)))?;
    copy(disk, file.as_mut(), out.as_mut(), segment, change)?;
    out.sync().map_err(failed("sync", disk.path(&unfinished)))?;
    let _held = files.lock();
    let is_there = disk.names().map_err(failed("list", disk.path("")))?.contains(&name);
    if is_there {
        disk.rename(&unfinished, &name).map_err(failed("name", disk.path(&name)))?;
    } else {
        disk.remove(&unfinished).map_err(failed("remove", disk.path(&unfinished)))?;
    }
    disk.sync().map_err(failed("sync", disk.path("")))?;
    Ok(changed)
}

fn count(disk: &dyn Disk, file: &mut dyn DiskFile, segment: &Segment, change: Change<'_>) -> Result<u64, LogError> {
    let mut scanner = Scanner::new(file, segment.first, segment.bytes);
    let mut changed = 0;
    while let Some(found) = scanner.next().map_err(failed("read", disk.path(&segment.name())))? {
        let Found::Record { offset, appended_at } = found else { continue };
        let logged = Logged { offset, appended_at, payload: scanner.payload() };
        changed += u64::from(change(logged).is_some());
    }
    Ok(changed)
}

fn copy(
    disk: &dyn Disk,
    file: &mut dyn DiskFile,
    out: &mut dyn DiskFile,
    segment: &Segment,
    change: Change<'_>,
) -> Result<(), LogError> {
    let path = || disk.path(&segment.name());
    let created_at = segment.created_at.unwrap_or_default();
    let mut bytes = FileHeader { version: VERSION, first: segment.first, created_at }.encode().to_vec();
    debug_assert_eq!(bytes.len(), FILE_HEADER_BYTES);
    let (mut at, mut expected) = (0, segment.first);
    let mut scanner = Scanner::new(file, segment.first, segment.bytes);
    while let Some(found) = scanner.next().map_err(failed("read", path()))? {
        let Found::Record { offset, appended_at } = found else { continue };
        while expected < offset {
            encode_frame(&mut bytes, expected, appended_at, LOST);
            expected = expected.plus(1);
        }
        let payload = scanner.payload();
        let changed = change(Logged { offset, appended_at, payload });
        if let Some(bytes) = changed.as_ref().map(Vec::len).filter(|bytes| !(1..=MAX_RECORD_BYTES).contains(bytes)) {
            return Err(LogError::ChangedSize { offset, bytes });
        }
        encode_frame(&mut bytes, offset, appended_at, changed.as_deref().unwrap_or(payload));
        expected = offset.plus(1);
        if bytes.len() >= WRITE_BYTES {
            write_full(out, &bytes, at).map_err(failed("write", path()))?;
            at += bytes.len() as u64;
            bytes.clear();
        }
    }
    while expected < scanner.expected() {
        encode_frame(&mut bytes, expected, created_at, LOST);
        expected = expected.plus(1);
    }
    write_full(out, &bytes, at).map_err(failed("write", path()))
}

/// Rewrites all segments that begin before `upto`, which must not be written to any more.
///
/// # Errors
/// As for [`rewrite`]; what was rewritten stays so.
pub fn rewrite_all(
    disk: &dyn Disk,
    files: &Mutex<()>,
    segments: &[Segment],
    upto: Offset,
    change: Change<'_>,
) -> Result<Rewritten, LogError> {
    let mut total = Rewritten::default();
    for segment in segments.iter().filter(|segment| segment.first < upto) {
        let records = rewrite(disk, files, segment, change)?;
        total.records += records;
        total.segments += u64::from(records > 0);
    }
    Ok(total)
}
