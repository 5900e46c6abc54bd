//! One file of the log: its name, its header, how it comes to be.

use std::io;
use std::ops::ControlFlow;

use sidecart_engine::nouns::Timestamp;

use super::disk::{Disk, DiskFile, read_full, write_full};
use super::error::failed;
use super::frame::{FILE_HEADER_BYTES, FileHeader, VERSION};
use super::scan::{Found, Region, Scanner};
use super::{Gap, Gaps, LogError, Logged, MAX_GAPS, Offset, Replayed, note_gap};

/// What a segment being made is called until it is whole.
pub const UNFINISHED: &str = ".tmp";

/// A segment file as the log knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// The offset of its first record.
    pub first: Offset,
    /// How many of its bytes are read: all, but for the last segment those that were acknowledged.
    pub bytes: u64,
    /// When it was made; `None` when its header is damaged.
    pub created_at: Option<Timestamp>,
}

impl Segment {
    /// Its file name: the first offset in 20 digits, so that names sort like offsets.
    pub fn name(&self) -> String {
        segment_name(self.first)
    }
}

fn segment_name(first: Offset) -> String {
    format!("{:020}.seg", first.0)
}

fn parse_name(name: &str) -> Option<Offset> {
    let digits = name.strip_suffix(".seg")?;
    (digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok().map(Offset))?
}

/// All segments of a folder in order of their offsets; files of other names are left alone.
///
/// # Errors
/// [`LogError::Io`], [`LogError::NewerFormat`].
pub fn list(disk: &dyn Disk) -> Result<Vec<Segment>, LogError> {
    let names = disk.names().map_err(failed("list", disk.path("")))?;
    let mut firsts: Vec<Offset> = names.iter().filter_map(|name| parse_name(name)).collect();
    firsts.sort_unstable();
    firsts.into_iter().map(|first| inspect(disk, first)).collect()
}

fn inspect(disk: &dyn Disk, first: Offset) -> Result<Segment, LogError> {
    let name = segment_name(first);
    let mut file = disk.open_to_read(&name).map_err(failed("open", disk.path(&name)))?;
    let bytes = file.bytes().map_err(failed("read", disk.path(&name)))?;
    let header = read_header(file.as_mut(), bytes).map_err(failed("read", disk.path(&name)))?;
    if let Some(FileHeader { version, .. }) = header
        && version > VERSION
    {
        return Err(LogError::NewerFormat { path: disk.path(&name), version, known: VERSION });
    }
    let created_at = header.filter(|header| header.first == first).map(|header| header.created_at);
    Ok(Segment { first, bytes, created_at })
}

fn read_header(file: &mut dyn DiskFile, bytes: u64) -> io::Result<Option<FileHeader>> {
    let mut header = [0; FILE_HEADER_BYTES];
    if bytes < header.len() as u64 {
        return Ok(None);
    }
    read_full(file, &mut header, 0)?;
    Ok(FileHeader::decode(&header))
}

/// Removes what a crash left of segments that were being made; no record was in them.
///
/// # Errors
/// [`LogError::Io`].
pub fn remove_unfinished(disk: &dyn Disk) -> Result<(), LogError> {
    for name in disk.names().map_err(failed("list", disk.path("")))? {
        if name.strip_suffix(UNFINISHED).and_then(parse_name).is_some() {
            disk.remove(&name).map_err(failed("remove", disk.path(&name)))?;
        }
    }
    Ok(())
}

/// Makes a segment without records. It gets its name when its header is durable, so no crash leaves a segment without
/// one; a file that has the name already is replaced.
///
/// # Errors
/// [`LogError::Io`]; whether the segment exists then is unknown.
pub fn create(disk: &dyn Disk, first: Offset, now: Timestamp) -> Result<(Segment, Box<dyn DiskFile>), LogError> {
    let name = segment_name(first);
    let unfinished = format!("{name}{UNFINISHED}");
    let header = FileHeader { version: VERSION, first, created_at: now }.encode();
    let mut file = disk.create(&unfinished).map_err(failed("create", disk.path(&unfinished)))?;
    write_full(file.as_mut(), &header, 0).map_err(failed("write", disk.path(&unfinished)))?;
    file.sync().map_err(failed("sync", disk.path(&unfinished)))?;
    disk.rename(&unfinished, &name).map_err(failed("name", disk.path(&name)))?;
    disk.sync().map_err(failed("sync", disk.path("")))?;
    Ok((Segment { first, bytes: header.len() as u64, created_at: Some(now) }, file))
}

/// What a whole segment holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// Whole records.
    pub records: u64,
    /// The offset behind the last one, damaged ones counted.
    pub next: Offset,
    /// Behind the last whole frame.
    pub end: u64,
    /// Offsets below `next` that are missing.
    pub gaps: Gaps,
    /// Bytes that are frames no more; the first [`MAX_GAPS`] regions.
    pub damage: Vec<Region>,
    /// The remains of an interrupted append at the end.
    pub torn: Option<Region>,
}

/// Reads a segment from end to end.
///
/// # Errors
/// [`LogError::Io`].
pub fn examine(disk: &dyn Disk, segment: &Segment) -> Result<Contents, LogError> {
    let name = segment.name();
    let mut file = disk.open_to_read(&name).map_err(failed("open", disk.path(&name)))?;
    let mut scanner = Scanner::new(file.as_mut(), segment.first, segment.bytes);
    let mut contents = Contents::default();
    let mut behind = segment.first;
    while let Some(found) = scanner.next().map_err(failed("read", disk.path(&name)))? {
        match found {
            Found::Record { offset, .. } => {
                contents.records += 1;
                contents.gaps.note(behind, offset);
                behind = offset.plus(1);
            }
            Found::Damage(region) if contents.damage.len() < MAX_GAPS => contents.damage.push(region),
            Found::Damage(_) => {}
            Found::Torn(region) => contents.torn = Some(region),
        }
    }
    contents.next = scanner.expected();
    contents.end = scanner.position();
    contents.gaps.note(behind, contents.next);
    Ok(contents)
}

/// Shows the records of `segments`, which end at `end`, to `visit`, beginning with `from`. Offsets that should be there
/// and are not become gaps.
///
/// # Errors
/// [`LogError::Retired`], [`LogError::Ahead`], [`LogError::Io`].
pub fn replay(
    disk: &dyn Disk,
    segments: &[Segment],
    from: Offset,
    end: Offset,
    visit: &mut dyn FnMut(Logged<'_>) -> ControlFlow<()>,
) -> Result<Replayed, LogError> {
    let first = segments.first().map_or(end, |segment| segment.first);
    if from < first {
        return Err(LogError::Retired { from, first });
    }
    if from > end {
        return Err(LogError::Ahead { from, next: end });
    }
    let mut replayed = Replayed { next: from, ..Replayed::default() };
    for (index, segment) in segments.iter().enumerate() {
        let behind = segments.get(index + 1).map_or(end, |next| next.first);
        if behind <= replayed.next {
            continue;
        }
        if replay_segment(disk, segment, behind, &mut replayed, visit)?.is_break() {
            return Ok(replayed);
        }
        replayed.advance(behind);
    }
    Ok(replayed)
}

fn replay_segment(
    disk: &dyn Disk,
    segment: &Segment,
    behind: Offset,
    replayed: &mut Replayed,
    visit: &mut dyn FnMut(Logged<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, LogError> {
    let name = segment.name();
    let mut file = disk.open_to_read(&name).map_err(failed("open", disk.path(&name)))?;
    let mut scanner = Scanner::new(file.as_mut(), segment.first, segment.bytes);
    while let Some(found) = scanner.next().map_err(failed("read", disk.path(&name)))? {
        let Found::Record { offset, appended_at } = found else { continue };
        if offset >= behind {
            break;
        }
        if offset < replayed.next {
            continue;
        }
        let payload = scanner.payload();
        replayed.advance(offset);
        replayed.records += 1;
        replayed.bytes += payload.len() as u64;
        replayed.next = offset.plus(1);
        if visit(Logged { offset, appended_at, payload }).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

impl Replayed {
    /// Goes to `offset`; what was not met on the way is missing.
    fn advance(&mut self, offset: Offset) {
        note_gap(&mut self.gaps, &mut self.lost, Gap { from: self.next, to: offset });
        self.next = self.next.max(offset);
    }
}
