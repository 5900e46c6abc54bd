use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path};

use sha2::{Digest, Sha256};

use super::{
    BackupError, CHUNK_BYTES, FORMAT, Listed, MANIFEST, Manifest, copy, empty_folder, failed, hex, sync_folder,
};

/// Puts a backup back into the new or empty folder `to`. Every byte is checked before the first one is written.
///
/// # Errors
/// [`BackupError`]; on all but [`BackupError::Io`] nothing was written.
pub fn restore(from: &Path, to: &Path) -> Result<Manifest, BackupError> {
    let manifest = read(from)?;
    for listed in &manifest.files {
        check(&from.join(&listed.path), listed)?;
    }
    empty_folder(to)?;
    for listed in &manifest.files {
        let path = to.join(&listed.path);
        let parent = path.parent().unwrap_or(to);
        fs::create_dir_all(parent).map_err(failed("make", parent))?;
        copy(&from.join(&listed.path), &path, u64::MAX).map_err(failed("write", &path))?;
        sync_folder(parent)?;
    }
    sync_folder(to)?;
    Ok(manifest)
}

fn read(from: &Path) -> Result<Manifest, BackupError> {
    let path = from.join(MANIFEST);
    let none = |why: String| BackupError::NoBackup { path: from.to_owned(), why };
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(none(format!("there is no {MANIFEST}"))),
        Err(error) => return Err(failed("read", &path)(error)),
    };
    let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| none(error.to_string()))?;
    if manifest.format > FORMAT {
        return Err(none(format!("its format {} is newer than {FORMAT}", manifest.format)));
    }
    // A manifest is data from elsewhere: it must not say where else to write.
    let inside = |path: &str| Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    match manifest.files.iter().find(|listed| !inside(&listed.path)) {
        Some(listed) => Err(none(format!("`{}` leads out of it", listed.path))),
        None => Ok(manifest),
    }
}

fn check(path: &Path, listed: &Listed) -> Result<(), BackupError> {
    let mut file = File::open(path).map_err(failed("read", path))?;
    let (mut hash, mut bytes, mut chunk) = (Sha256::new(), 0, vec![0; CHUNK_BYTES]);
    loop {
        let read = file.read(&mut chunk).map_err(failed("read", path))?;
        if read == 0 {
            break;
        }
        hash.update(&chunk[..read]);
        bytes += read as u64;
    }
    let changed = |what| BackupError::Changed { path: path.to_owned(), what };
    if bytes != listed.bytes {
        return Err(changed("it has another length"));
    }
    if hex(hash) != listed.sha256 { Err(changed("its checksum is another")) } else { Ok(()) }
}
