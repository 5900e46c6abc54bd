//! Reads the frames of one segment in order and finds its way again behind damage.

use std::io;

use sidecart_engine::nouns::Timestamp;

use super::Offset;
use super::disk::{DiskFile, read_full};
use super::frame::{FILE_HEADER_BYTES, FRAME_HEADER_BYTES, FrameHeader, MARKER};

/// How much is read at once: large enough for the disk's full speed, small enough to stay in the cache.
const CHUNK_BYTES: u64 = 256 << 10;
const FRAME_HEADER: u64 = FRAME_HEADER_BYTES as u64;

/// Bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Region {
    /// Where they start.
    pub at: u64,
    /// How many they are.
    pub bytes: u64,
}

/// What comes next in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A whole record; its payload is [`Scanner::payload`].
    Record {
        /// Its place.
        offset: Offset,
        /// When it was appended.
        appended_at: Timestamp,
    },
    /// Bytes that were written as frames once and are not any more; the offsets they held are missing.
    Damage(Region),
    /// The rest of the file holds no frame: what an interrupted append left.
    Torn(Region),
}

/// Reads a segment from its first frame to `end`.
pub struct Scanner<'f> {
    file: &'f mut dyn DiskFile,
    end: u64,
    window: Vec<u8>,
    window_at: u64,
    /// Where the next frame should be.
    at: u64,
    /// Behind the last frame whose header was whole.
    anchor: u64,
    expected: Offset,
    payload: (u64, usize),
}

impl<'f> Scanner<'f> {
    /// Starts at the first frame of a segment whose first offset is `first`; reads no further than `end`.
    pub fn new(file: &'f mut dyn DiskFile, first: Offset, end: u64) -> Self {
        let at = FILE_HEADER_BYTES as u64;
        Self { file, end, window: Vec::new(), window_at: 0, at, anchor: at, expected: first, payload: (at, 0) }
    }

    /// The offset behind the last frame found so far.
    pub fn expected(&self) -> Offset {
        self.expected
    }

    /// Behind the last whole frame found so far.
    pub fn position(&self) -> u64 {
        self.anchor
    }

    /// The payload of the record that [`Scanner::next`] gave last.
    pub fn payload(&self) -> &[u8] {
        let (at, length) = self.payload;
        let from = (at - self.window_at) as usize;
        &self.window[from..from + length]
    }

    /// The next record or damage; `None` at the end.
    ///
    /// # Errors
    /// What the disk says when it cannot be read.
    pub fn next(&mut self) -> io::Result<Option<Found>> {
        if self.at >= self.end {
            return Ok(None);
        }
        match self.header(self.at)? {
            Some(header) if self.is_plausible(&header, self.at) => self.frame(header).map(Some),
            _ => self.resync().map(Some),
        }
    }

    fn frame(&mut self, header: FrameHeader) -> io::Result<Found> {
        let at = self.at;
        let bytes = FRAME_HEADER + header.length as u64;
        if at + bytes > self.end {
            // Its own offset was not acknowledged; those of damaged bytes before it may have been.
            self.expected = header.offset;
            self.at = self.end;
            return Ok(Found::Torn(Region { at, bytes: self.end - at }));
        }
        let whole = header.matches(&self.load(at, bytes)?[FRAME_HEADER_BYTES..][..header.length]);
        self.at = at + bytes;
        self.anchor = self.at;
        self.expected = header.offset.plus(1);
        self.payload = (at + FRAME_HEADER, header.length);
        if !whole {
            return Ok(Found::Damage(Region { at, bytes }));
        }
        Ok(Found::Record { offset: header.offset, appended_at: header.appended_at })
    }

    /// Looks for the next frame behind bytes that are none.
    fn resync(&mut self) -> io::Result<Found> {
        let start = self.at;
        let mut at = start;
        let mut strange = false;
        while at + FRAME_HEADER <= self.end {
            let ahead = self.load(at, FRAME_HEADER)?;
            let Some(skip) = ahead.windows(MARKER.len()).position(|four| four == MARKER) else {
                at += (ahead.len() - (MARKER.len() - 1)) as u64;
                continue;
            };
            at += skip as u64;
            match self.header(at)? {
                Some(header) if self.is_plausible(&header, at) => {
                    self.at = at;
                    return Ok(Found::Damage(Region { at: start, bytes: at - start }));
                }
                found => strange |= found.is_some(),
            }
            at += 1;
        }
        self.at = self.end;
        let rest = Region { at: start, bytes: self.end - start };
        if !strange {
            return Ok(Found::Torn(rest));
        }
        // Frames that belong elsewhere: nobody knows which offsets were here, so none of them is given out again.
        self.expected = self.expected.plus(self.capacity(self.end));
        Ok(Found::Damage(rest))
    }

    /// A frame must continue the offsets; behind damage it may skip as many as the damaged bytes can have held. That
    /// keeps frames of other files and stale ones out.
    fn is_plausible(&self, header: &FrameHeader, at: u64) -> bool {
        let room = self.expected.plus(self.capacity(at));
        header.offset >= self.expected && header.offset <= room
    }

    /// How many records can have been between the last whole frame and `at`; a record has at least one byte.
    fn capacity(&self, at: u64) -> u64 {
        (at - self.anchor) / (FRAME_HEADER + 1)
    }

    fn header(&mut self, at: u64) -> io::Result<Option<FrameHeader>> {
        if at + FRAME_HEADER > self.end {
            return Ok(None);
        }
        let bytes = self.load(at, FRAME_HEADER)?;
        Ok(bytes.first_chunk().and_then(FrameHeader::decode))
    }

    /// At least `bytes` bytes from `at` on, or more if they are at hand. They end before `end`.
    fn load(&mut self, at: u64, bytes: u64) -> io::Result<&[u8]> {
        let loaded = self.window_at..self.window_at + self.window.len() as u64;
        if !(loaded.contains(&at) && at + bytes <= loaded.end) {
            let wanted = bytes.max(CHUNK_BYTES).min(self.end - at);
            self.window.resize(wanted as usize, 0);
            self.window_at = at;
            if let Err(error) = read_full(self.file, &mut self.window, at) {
                self.window.clear();
                return Err(error);
            }
        }
        Ok(&self.window[(at - self.window_at) as usize..])
    }
}
