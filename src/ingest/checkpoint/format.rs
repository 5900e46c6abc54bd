//! What is in a checkpoint's file: magic, header length (u32, little endian), header, state, CRC-32C of all before (u32,
//! little endian). Header and state are postcard.

use std::io::{self, BufWriter, Write};

use sidecart_engine::{STATE_VERSION, State};

use super::{Header, Restored};
use crate::log::disk::{DiskFile, write_full};

const MAGIC: [u8; 8] = *b"SCCKPT\x00\x01";
/// The largest header; ours have about 40 bytes.
const MAX_HEADER_BYTES: usize = 4_096;
/// Bytes per write; large enough that the system call does not count.
const WRITE_BYTES: usize = 1 << 20;
/// Bytes written between two syncs: what the log's own sync may have to wait behind on a disk that both share. Decision
/// record 0010 has what it brings.
const SYNC_BYTES: u64 = 2 << 20;

/// Why a file was not written whole.
pub(super) enum Unwritten {
    /// The operating system refused.
    Disk(io::Error),
    /// Header or state cannot be encoded.
    Encode(postcard::Error),
}

/// Writes a checkpoint into an empty file, durably.
pub(super) fn write(file: Box<dyn DiskFile>, header: &Header, state: &State) -> Result<(), Unwritten> {
    let mut out = BufWriter::with_capacity(WRITE_BYTES, Summing { file, at: 0, synced: 0, crc: 0 });
    let header = postcard::to_allocvec(header).map_err(Unwritten::Encode)?;
    let header_len =
        u32::try_from(header.len()).map_err(|_| Unwritten::Encode(postcard::Error::SerializeBufferFull))?;
    for part in [&MAGIC[..], &header_len.to_le_bytes(), &header] {
        out.write_all(part).map_err(Unwritten::Disk)?;
    }
    // The encoder would only say that it could not write: what the disk said is asked for first.
    let mut out = Told { to: out, said: None };
    if let Err(error) = postcard::to_io(state, &mut out) {
        return Err(out.said.take().map_or(Unwritten::Encode(error), Unwritten::Disk));
    }
    let mut summing = out.to.into_inner().map_err(|error| Unwritten::Disk(error.into_error()))?;
    let crc = summing.crc;
    summing.write_all(&crc.to_le_bytes()).map_err(Unwritten::Disk)?;
    summing.file.sync().map_err(Unwritten::Disk)
}

/// Keeps what the operating system said, which the encoder's own error leaves out.
struct Told<W> {
    to: W,
    said: Option<io::Error>,
}

impl<W: Write> Write for &mut Told<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to.write(bytes).inspect_err(|error| self.said = Some(io::Error::new(error.kind(), error.to_string())))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush().inspect_err(|error| self.said = Some(io::Error::new(error.kind(), error.to_string())))
    }
}

/// Writes bytes one behind the other and sums them up.
struct Summing {
    file: Box<dyn DiskFile>,
    at: u64,
    /// Bytes that are on the disk.
    synced: u64,
    crc: u32,
}

impl Write for Summing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write_full(self.file.as_mut(), bytes, self.at)?;
        self.at += bytes.len() as u64;
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        if self.at - self.synced >= SYNC_BYTES {
            self.file.sync()?;
            self.synced = self.at;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Why bytes are no checkpoint of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// They are not what was written.
    Damaged(&'static str),
    /// They hold a state of this other version.
    Version(u32),
}

/// Reads a checkpoint whole: the sum is checked before anything is decoded, so damage cannot become state.
///
/// # Errors
/// [`Fault`].
pub fn decode(bytes: &[u8]) -> Result<Restored, Fault> {
    let (sealed, crc) = bytes.split_last_chunk::<4>().ok_or(Fault::Damaged("too short"))?;
    let rest = sealed.strip_prefix(&MAGIC).ok_or(Fault::Damaged("it does not start as a checkpoint does"))?;
    if crc32c::crc32c(sealed) != u32::from_le_bytes(*crc) {
        return Err(Fault::Damaged("its checksum is another"));
    }
    let (header_len, rest) = rest.split_first_chunk::<4>().ok_or(Fault::Damaged("too short"))?;
    let header_len = u32::from_le_bytes(*header_len) as usize;
    if header_len > MAX_HEADER_BYTES || header_len > rest.len() {
        return Err(Fault::Damaged("its header is too long"));
    }
    let (header, state) = rest.split_at(header_len);
    let header: Header = postcard::from_bytes(header).map_err(|_| Fault::Damaged("its header cannot be read"))?;
    if header.state_version != STATE_VERSION {
        return Err(Fault::Version(header.state_version));
    }
    let state = postcard::from_bytes(state).map_err(|_| Fault::Damaged("its state cannot be read"))?;
    Ok(Restored { header, state })
}
