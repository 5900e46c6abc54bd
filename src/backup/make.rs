use std::fs;
use std::io;
use std::path::Path;

use sidecart_engine::STATE_VERSION;
use sidecart_engine::nouns::Timestamp;

use super::{BackupError, FORMAT, Listed, MANIFEST, Manifest, copy, empty_folder, failed, sync_folder};
use crate::access;
use crate::identity::IDENTITY_FILE;
use crate::ingest::checkpoint::{CHECKPOINT_FOLDER, Checkpoints, file_name};
use crate::log::disk::folder;
use crate::log::{LOG_FOLDER, LogView, Offset};
use crate::wire::scalar::rfc3339;

/// Files of the data folder that belong to a backup if they are there: without the keys, attribution tokens that are out
/// in the shop would not be known any more, nor shoppers by their own ids; the log keeps its name; orders to erase must go on.
const BESIDES: [&str; 6] =
    ["token.key", access::KEY_FILE, access::MARK_FILE, IDENTITY_FILE, "dead-letters.jsonl", "dead-letters.1.jsonl"];
const ERASURES: &str = "erasures";
/// How often the copying is begun anew when retention was quicker.
const ATTEMPTS: usize = 5;

/// Copies the data folder `from` into the new folder `to`. A server may be using it.
///
/// # Errors
/// [`BackupError`]; what was copied until then is no backup, since it has no manifest.
pub fn make(from: &Path, to: &Path, now: Timestamp) -> Result<Manifest, BackupError> {
    empty_folder(to)?;
    let mut attempt = 1;
    let (checkpoint, view, mut files) = loop {
        match storage(from, to) {
            Err(BackupError::Moved) if attempt < ATTEMPTS => attempt += 1,
            done => break done?,
        }
        for part in [LOG_FOLDER, CHECKPOINT_FOLDER] {
            fs::remove_dir_all(to.join(part)).map_err(failed("clear", &to.join(part)))?;
        }
    };
    files.extend(besides(from, to)?);
    let copied = LogView::open(to)?;
    let verified = copied.verify(&mut |_| {})?;
    if verified.is_damaged() {
        return Err(BackupError::Damaged { lost: verified.gaps.lost });
    }
    let manifest = Manifest {
        format: FORMAT,
        sidecart: env!("CARGO_PKG_VERSION").to_owned(),
        created_at: rfc3339(now),
        state_version: STATE_VERSION,
        checkpoint,
        first_offset: view.first_offset(),
        next_offset: verified.next_offset,
        files,
    };
    let path = to.join(MANIFEST);
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| failed("write", &path)(error.into()))?;
    fs::write(&path, text).map_err(failed("write", &path))?;
    fs::File::open(&path).and_then(|file| file.sync_all()).map_err(failed("sync", &path))?;
    sync_folder(to)?;
    Ok(manifest)
}

/// Copies the newest whole checkpoint first, then the log, which is then sure to reach as far.
fn storage(from: &Path, to: &Path) -> Result<(Option<Offset>, LogView, Vec<Listed>), BackupError> {
    let mut files = Vec::new();
    for part in [LOG_FOLDER, CHECKPOINT_FOLDER] {
        fs::create_dir_all(to.join(part)).map_err(failed("make", &to.join(part)))?;
    }
    let checkpoints = Checkpoints::on(folder(from.join(CHECKPOINT_FOLDER), CHECKPOINT_FOLDER), 1);
    let newest = if from.join(CHECKPOINT_FOLDER).exists() { checkpoints.newest()?.0 } else { None };
    let checkpoint = newest.map(|restored| restored.header.next);
    if let Some(next) = checkpoint {
        files.push(copied(from, to, &format!("{CHECKPOINT_FOLDER}/{}", file_name(next)), u64::MAX)?);
    }
    let view = LogView::open(from)?;
    for (name, bytes) in view.files()? {
        files.push(copied(from, to, &format!("{LOG_FOLDER}/{name}"), bytes)?);
    }
    for part in [LOG_FOLDER, CHECKPOINT_FOLDER] {
        sync_folder(&to.join(part))?;
    }
    Ok((checkpoint, view, files))
}

fn besides(from: &Path, to: &Path) -> Result<Vec<Listed>, BackupError> {
    let mut files = Vec::new();
    for name in BESIDES.into_iter().filter(|name| from.join(name).exists()) {
        files.push(copied(from, to, name, u64::MAX)?);
    }
    let orders = from.join(ERASURES);
    if orders.exists() {
        fs::create_dir_all(to.join(ERASURES)).map_err(failed("make", &to.join(ERASURES)))?;
        for entry in fs::read_dir(&orders).map_err(failed("read", &orders))? {
            let name = entry.map_err(failed("read", &orders))?.file_name().to_string_lossy().into_owned();
            if name.ends_with(".json") {
                files.push(copied(from, to, &format!("{ERASURES}/{name}"), u64::MAX)?);
            }
        }
        sync_folder(&to.join(ERASURES))?;
    }
    Ok(files)
}

fn copied(from: &Path, to: &Path, path: &str, bytes: u64) -> Result<Listed, BackupError> {
    match copy(&from.join(path), &to.join(path), bytes) {
        Ok(listed) => Ok(Listed { path: path.to_owned(), ..listed }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(BackupError::Moved),
        Err(error) => Err(failed("copy", &from.join(path))(error)),
    }
}
