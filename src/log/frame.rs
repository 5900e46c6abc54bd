//! The bytes of a segment file, all numbers little-endian.
//!
//! ```text
//! file header   magic 8 | version u32 | first offset u64 | created at ms i64 | crc32c u32 over the 28 before
//! frame header  marker 4 | length u32 | offset u64 | appended at ms i64 | crc32c of payload u32 | crc32c u32 over the 28 before
//! payload       `length` bytes
//! ```
//!
//! The frame header has a checksum of its own: a damaged payload costs exactly its record, since the length can still
//! be trusted, and a reader that lost its way can tell a frame from payload bytes at once.

use sidecart_engine::nouns::Timestamp;

use super::{MAX_RECORD_BYTES, Offset};

/// The version that is written and the latest that is read.
pub const VERSION: u32 = 1;
/// Length of the file header.
pub const FILE_HEADER_BYTES: usize = 32;
/// Length of a frame header.
pub const FRAME_HEADER_BYTES: usize = 32;
/// Starts every frame. 0xFF and 0xFE occur in no UTF-8 text, so no text that a sender chooses can look like a frame.
pub const MARKER: [u8; 4] = [0xFF, 0x5C, 0xFE, 0x10];

const MAGIC: [u8; 8] = *b"SIDECLOG";
const SUMMED: usize = 28;

/// What stands at the start of a segment file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileHeader {
    /// Format version.
    pub version: u32,
    /// The offset of the first record.
    pub first: Offset,
    /// When the file was made; no record of an earlier file was appended later.
    pub created_at: Timestamp,
}

impl FileHeader {
    /// Its bytes.
    pub fn encode(&self) -> [u8; FILE_HEADER_BYTES] {
        let mut bytes = [0; FILE_HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&self.version.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.first.0.to_le_bytes());
        bytes[20..28].copy_from_slice(&self.created_at.0.to_le_bytes());
        seal(&mut bytes);
        bytes
    }

    /// Reads it back; `None` when it is damaged.
    pub fn decode(bytes: &[u8; FILE_HEADER_BYTES]) -> Option<Self> {
        if bytes[..8] != MAGIC || !is_sealed(bytes) {
            return None;
        }
        Some(Self {
            version: u32::from_le_bytes(part(bytes, 8)),
            first: Offset(u64::from_le_bytes(part(bytes, 12))),
            created_at: Timestamp(i64::from_le_bytes(part(bytes, 20))),
        })
    }
}

/// What stands before a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Length of the payload; 1 to [`MAX_RECORD_BYTES`].
    pub length: usize,
    /// The record's place.
    pub offset: Offset,
    /// The `now` of its append.
    pub appended_at: Timestamp,
    payload_crc: u32,
}

impl FrameHeader {
    /// Reads a frame header; `None` when these bytes are none.
    pub fn decode(bytes: &[u8; FRAME_HEADER_BYTES]) -> Option<Self> {
        if bytes[..4] != MARKER || !is_sealed(bytes) {
            return None;
        }
        let length = u32::from_le_bytes(part(bytes, 4)) as usize;
        (1..=MAX_RECORD_BYTES).contains(&length).then(|| Self {
            length,
            offset: Offset(u64::from_le_bytes(part(bytes, 8))),
            appended_at: Timestamp(i64::from_le_bytes(part(bytes, 16))),
            payload_crc: u32::from_le_bytes(part(bytes, 24)),
        })
    }

    /// Whether these are the bytes that were appended.
    pub fn matches(&self, payload: &[u8]) -> bool {
        payload.len() == self.length && crc32c::crc32c(payload) == self.payload_crc
    }
}

/// Appends the frame of one record to `out`. The payload is 1 to [`MAX_RECORD_BYTES`] long.
pub fn encode_frame(out: &mut Vec<u8>, offset: Offset, appended_at: Timestamp, payload: &[u8]) {
    let mut header = [0; FRAME_HEADER_BYTES];
    header[..4].copy_from_slice(&MARKER);
    header[4..8].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    header[8..16].copy_from_slice(&offset.0.to_le_bytes());
    header[16..24].copy_from_slice(&appended_at.0.to_le_bytes());
    header[24..28].copy_from_slice(&crc32c::crc32c(payload).to_le_bytes());
    seal(&mut header);
    out.extend_from_slice(&header);
    out.extend_from_slice(payload);
}

fn seal(bytes: &mut [u8; 32]) {
    let crc = crc32c::crc32c(&bytes[..SUMMED]);
    bytes[SUMMED..].copy_from_slice(&crc.to_le_bytes());
}

fn is_sealed(bytes: &[u8; 32]) -> bool {
    crc32c::crc32c(&bytes[..SUMMED]) == u32::from_le_bytes(part(bytes, SUMMED))
}

fn part<const N: usize>(bytes: &[u8; 32], at: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&bytes[at..at + N]);
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_of_a_header_is_noticed() {
        let file = FileHeader { version: VERSION, first: Offset(7), created_at: Timestamp(1_767_268_800_000) }.encode();
        assert!(FileHeader::decode(&file).is_some());
        let mut frame = Vec::new();
        encode_frame(&mut frame, Offset(9), Timestamp(-1), b"payload");
        let frame: [u8; FRAME_HEADER_BYTES] = part(frame[..32].try_into().unwrap(), 0);
        assert_eq!(
            FrameHeader::decode(&frame).map(|h| (h.length, h.offset, h.appended_at.0)),
            Some((7, Offset(9), -1))
        );
        for bit in 0..256 {
            let flip = |mut bytes: [u8; 32]| {
                bytes[bit / 8] ^= 1 << (bit % 8);
                bytes
            };
            assert_eq!(FileHeader::decode(&flip(file)), None, "bit {bit}");
            assert_eq!(FrameHeader::decode(&flip(frame)), None, "bit {bit}");
        }
    }

    #[test]
    fn a_length_of_nothing_or_beyond_the_limit_is_no_header() {
        let of_length = |length: u32| {
            let mut header = [0; FRAME_HEADER_BYTES];
            header[..4].copy_from_slice(&MARKER);
            header[4..8].copy_from_slice(&length.to_le_bytes());
            seal(&mut header);
            FrameHeader::decode(&header)
        };
        let max = MAX_RECORD_BYTES as u32;
        assert!(of_length(1).is_some() && of_length(max).is_some());
        assert_eq!((of_length(0), of_length(max + 1)), (None, None));
    }
}
