use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use parking_lot::Mutex;
use serde::Serialize;

/// The file in the data directory, one line of JSON per action.
const FILE: &str = "audit.jsonl";
/// Where the older half goes.
const OLDER: &str = "audit.1.jsonl";
/// At this size the file is set aside, and the one set aside before is gone: some hundred thousand actions.
const MAX_BYTES: u64 = 16 << 20;

/// What was done with the scope `admin`, by whom, with what outcome.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// When.
    pub at: String,
    /// The name of the key; absent: the server asks for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The method.
    pub method: &'static str,
    /// The path.
    pub path: String,
    /// The status it was answered with.
    pub status: u16,
    /// As in the answer's `x-request-id`.
    pub request_id: String,
    /// The config in force afterwards.
    pub config_version: String,
}

/// The record of admin actions.
#[derive(Debug)]
pub struct Audit {
    dir: PathBuf,
    file: Mutex<Option<File>>,
}

impl Audit {
    /// Writes into this data directory, from the first action on.
    #[must_use]
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, file: Mutex::new(None) }
    }

    /// Writes an action down; returns once it is on the disk.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn write(&self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        let path = self.dir.join(FILE);
        let mut open = self.file.lock();
        let file = match open.take() {
            Some(file) => file,
            None => OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?,
        };
        let mut file = if file.metadata()?.len() >= MAX_BYTES {
            fs::rename(&path, self.dir.join(OLDER))?;
            OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?
        } else {
            file
        };
        file.write_all(&line)?;
        file.sync_data()?;
        *open = Some(file);
        Ok(())
    }
}
