//! One checkpoint on its way into the store: the state first, then its manifest, which makes it count.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use sha2::{Digest, Sha256};
use sidecart_engine::nouns::Timestamp;

use super::error::VaultError;
use super::manifest::{MANIFEST_END, Manifest, STATE_END};
use super::place::Place;
use crate::identity::Identity;
use crate::log::Offset;
use crate::wire::scalar::rfc3339;

/// Bytes of one part of an upload. S3 wants at least 5 MiB, and at most 10,000 parts: states of up to 80 GB.
pub const PART_BYTES: usize = 8 << 20;
/// Parts under way at once; with [`PART_BYTES`] it bounds the memory.
const PARTS_AT_ONCE: usize = 2;
/// The CRC-32C of anything that ends with its own CRC-32C, as a whole checkpoint does: a property of the code.
const WHOLE: u32 = 0x4867_4BC7;

/// Whose checkpoints they are.
#[derive(Debug, Clone)]
pub struct Owner {
    /// The name of the cluster, as configured.
    pub cluster: String,
    /// The log that the offsets are of.
    pub log: Identity,
}

/// Puts the checkpoint in the file `path`, which knows everything before `next`, into the store. To do so twice, or from
/// two machines at once, gives one checkpoint.
///
/// # Errors
/// [`VaultError`]; what was written until then has no manifest, so nobody reads it.
pub async fn upload(
    place: &Place,
    owner: &Owner,
    (path, next): (&Path, Offset),
    now: Timestamp,
) -> Result<Manifest, VaultError> {
    let failed = |action| move |source| VaultError::Io { action, path: path.to_owned(), source };
    // Held open: the folder may prune it meanwhile.
    let mut file = File::open(path).map_err(failed("read"))?;
    let (bytes, sha256, crc) = tokio::task::block_in_place(|| sum(&mut file)).map_err(failed("read"))?;
    if crc != WHOLE {
        return Err(VaultError::NotWhole(path.to_owned()));
    }
    let facts = (bytes, sha256);
    let manifest = Manifest::of(&owner.cluster, owner.log, next, facts, rfc3339(now));
    let stem = manifest.stem();
    let name = format!("{stem}{STATE_END}");
    if let Err(error) = send(place, &name, &mut file, path).await {
        // Somebody else may have finished the same bytes meanwhile: Azure then drops the parts of who comes second.
        if !place.size(&name).await.is_ok_and(|there| there == bytes) {
            return Err(error);
        }
    }
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| failed("describe")(error.into()))?;
    place.put_new(&format!("{stem}{MANIFEST_END}"), text).await?;
    Ok(manifest)
}

/// Puts the whole of a file into the store, in parts.
async fn send(place: &Place, name: &str, file: &mut File, path: &Path) -> Result<(), VaultError> {
    let failed = |source| VaultError::Io { action: "read", path: path.to_owned(), source };
    let mut writing = place.write(name, PART_BYTES).await?;
    let mut part = vec![0; PART_BYTES];
    file.rewind().map_err(failed)?;
    loop {
        let read = tokio::task::block_in_place(|| fill(file, &mut part)).map_err(failed)?;
        writing.wait_for_capacity(PARTS_AT_ONCE - 1).await.map_err(place.error("write", name))?;
        writing.write(&part[..read]);
        if read < part.len() {
            break;
        }
    }
    writing.finish().await.map_err(place.error("write", name))?;
    Ok(())
}

/// Length, SHA-256 and CRC-32C of a file.
fn sum(file: &mut File) -> io::Result<(u64, String, u32)> {
    let (mut hash, mut bytes, mut crc, mut part) = (Sha256::new(), 0, 0, vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut part)?;
        if read == 0 {
            return Ok((bytes, hex(hash), crc));
        }
        hash.update(&part[..read]);
        crc = crc32c::crc32c_append(crc, &part[..read]);
        bytes += read as u64;
    }
}

/// A finished hash in hexadecimal.
pub fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads until `part` is full or the file ends.
fn fill(file: &mut File, part: &mut [u8]) -> io::Result<usize> {
    let mut full = 0;
    while full < part.len() {
        match file.read(&mut part[full..]) {
            Ok(0) => break,
            Ok(read) => full += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(full)
}
