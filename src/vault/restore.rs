//! The way back: an empty data folder gets the newest checkpoint that is whole and that this version reads.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use sha2::{Digest, Sha256};
use sidecart_engine::STATE_VERSION;

use super::error::VaultError;
use super::manifest::{Manifest, STATE_END, owner};
use super::place::Place;
use super::shelf;
use super::upload::hex;
use crate::identity::Identity;
use crate::ingest::checkpoint::{CHECKPOINT_FOLDER, Fault, decode, file_name};
use crate::log::LOG_FOLDER;

/// Bytes read at once.
const PART_BYTES: u64 = 8 << 20;
/// What a checkpoint being written is called at its end, here and by the checkpoints themselves.
const UNFINISHED: &str = ".tmp";

/// Whether a data folder has neither log nor checkpoint, so that nothing can be lost by restoring into it.
///
/// # Errors
/// [`VaultError::Io`] when it cannot be read.
pub fn is_empty(data_dir: &Path) -> Result<bool, VaultError> {
    for part in [LOG_FOLDER, CHECKPOINT_FOLDER] {
        let path = data_dir.join(part);
        match fs::read_dir(&path) {
            Ok(entries) => {
                // What a kill has left half written is nothing yet.
                let whole = |name: &str| !name.ends_with(UNFINISHED);
                if entries.flatten().any(|entry| whole(&entry.file_name().to_string_lossy())) {
                    return Ok(false);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(VaultError::Io { action: "read", path, source }),
        }
    }
    Ok(true)
}

/// Puts the newest usable checkpoint of `cluster` into the empty folder `data_dir`, with the name of its log; what is
/// newer and cannot be used is skipped and told. `None`: the place holds none at all.
///
/// # Errors
/// [`VaultError`]; then the folder is as empty as before.
pub async fn restore(place: &Place, cluster: &str, data_dir: &Path) -> Result<Option<Manifest>, VaultError> {
    let found = shelf::manifests(place).await?;
    if found.is_empty() {
        return Ok(None);
    }
    let (found, mut reasons) = split(found);
    // First: a folder with a checkpoint and without a name would give itself one. A name alone says nothing yet.
    if let Some(log) = only_log(place, cluster, &found)? {
        log.keep(data_dir)?;
    }
    for manifest in &found {
        match fetch(place, manifest, data_dir).await {
            Ok(()) => return Ok(Some(manifest.clone())),
            Err(error) if error.is_passing() => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "checkpoint in the object store skipped");
                reasons.push(error.to_string());
            }
        }
    }
    Err(VaultError::NoneUsable { url: place.url().to_owned(), reasons })
}

fn split(found: Vec<shelf::Found>) -> (Vec<Manifest>, Vec<String>) {
    let (mut usable, mut reasons) = (Vec::new(), Vec::new());
    for found in found {
        match found {
            Ok(manifest) => usable.push(manifest),
            Err(error) => {
                tracing::warn!(%error, "checkpoint in the object store skipped");
                reasons.push(error.to_string());
            }
        }
    }
    (usable, reasons)
}

/// The one log of the cluster whose checkpoints lie here; `None`: no manifest can be read.
fn only_log(place: &Place, cluster: &str, found: &[Manifest]) -> Result<Option<Identity>, VaultError> {
    let url = place.url().to_owned();
    let logs: BTreeSet<&str> = found.iter().map(|manifest| manifest.log_id.as_str()).collect();
    match found.iter().find(|manifest| manifest.cluster != cluster) {
        Some(other) if found.iter().all(|manifest| manifest.cluster != cluster) => {
            Err(VaultError::Foreign { url, found: other.owner(), ours: owner(cluster, "(none yet)") })
        }
        None if logs.len() <= 1 => Ok(logs.first().and_then(|log| Identity::parse(log))),
        _ => {
            let owners: BTreeSet<String> = found.iter().map(Manifest::owner).collect();
            Err(VaultError::Ambiguous { url, found: owners.into_iter().collect() })
        }
    }
}

/// Brings one checkpoint into the folder: whole, checked, and under its name at once.
async fn fetch(place: &Place, manifest: &Manifest, data_dir: &Path) -> Result<(), VaultError> {
    let object = format!("{}{STATE_END}", manifest.stem());
    if manifest.state_version != STATE_VERSION {
        return Err(VaultError::Version { object, found: manifest.state_version, by: manifest.sidecart.clone() });
    }
    let folder = data_dir.join(CHECKPOINT_FOLDER);
    let unfinished = folder.join(format!("{}{UNFINISHED}", file_name(manifest.next)));
    let failed = |action, path: &Path| {
        let path = path.to_owned();
        move |source| VaultError::Io { action, path, source }
    };
    fs::create_dir_all(&folder).map_err(failed("make", &folder))?;
    let brought = bring(place, manifest, &object, &unfinished).await;
    let checked = brought.and_then(|()| tokio::task::block_in_place(|| check(manifest, &unfinished)));
    if let Err(error) = checked {
        // What is left over makes the folder look used.
        let _ = fs::remove_file(&unfinished);
        return Err(error);
    }
    let path = folder.join(file_name(manifest.next));
    fs::rename(&unfinished, &path).map_err(failed("write", &path))?;
    File::open(&folder).and_then(|dir| dir.sync_all()).map_err(failed("sync", &folder))
}

async fn bring(place: &Place, manifest: &Manifest, object: &str, to: &Path) -> Result<(), VaultError> {
    let failed = |source| VaultError::Io { action: "write", path: to.to_owned(), source };
    if place.size(object).await? != manifest.bytes {
        return Err(damaged(manifest, "it has another length"));
    }
    let mut file = File::create(to).map_err(failed)?;
    let (mut hash, mut at) = (Sha256::new(), 0);
    while at < manifest.bytes {
        let bytes = place.read(object, at..manifest.bytes.min(at + PART_BYTES)).await?;
        if bytes.is_empty() {
            return Err(damaged(manifest, "it ends too early"));
        }
        at += bytes.len() as u64;
        tokio::task::block_in_place(|| {
            hash.update(&bytes);
            file.write_all(&bytes)
        })
        .map_err(failed)?;
    }
    if hex(hash) != manifest.sha256 {
        return Err(damaged(manifest, "its checksum is another"));
    }
    tokio::task::block_in_place(|| file.sync_all()).map_err(failed)
}

/// Reads it as a start would: the sum says that it is what was uploaded, this says that it is a checkpoint.
fn check(manifest: &Manifest, path: &Path) -> Result<(), VaultError> {
    let bytes = fs::read(path).map_err(|source| VaultError::Io { action: "read", path: path.to_owned(), source })?;
    match decode(&bytes) {
        Ok(restored) if restored.header.next == manifest.next => Ok(()),
        Ok(_) => Err(damaged(manifest, "its offset is not the one in its manifest")),
        Err(Fault::Damaged(what)) => Err(damaged(manifest, what)),
        Err(Fault::Version(found)) => {
            let object = format!("{}{STATE_END}", manifest.stem());
            Err(VaultError::Version { object, found, by: manifest.sidecart.clone() })
        }
    }
}

fn damaged(manifest: &Manifest, what: &'static str) -> VaultError {
    VaultError::Damaged { object: format!("{}{STATE_END}", manifest.stem()), what }
}
