//! The configs that were in force, on disk, so that going back survives a restart. One file each, written whole or not
//! at all; the oldest is deleted when there are more than [`MAX_KEPT`].

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sidecart_engine::nouns::Timestamp;

use super::{InForce, Source};
use crate::durable;

/// Configs kept. A shop that changes a rule an hour can go back two days; each takes some KiB.
pub const MAX_KEPT: usize = 50;
/// The folder in the data directory.
const FOLDER: &str = "config-history";
/// The largest file believed; that of a config is at most a little larger than the config.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Why the history cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The operating system refused.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file is not what was written.
    #[error("`{}` is damaged ({why}): delete it", path.display())]
    Damaged {
        /// Which one.
        path: PathBuf,
        /// How that shows.
        why: String,
    },
    /// No config of that version is kept.
    #[error("no config of version `{version}` is kept: {kept}")]
    Unknown {
        /// The version asked for.
        version: String,
        /// Those there are, in words.
        kept: String,
    },
}

/// One config that was in force, without its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// Its place in the history; grows.
    pub number: u64,
    /// Names it by its content.
    pub version: String,
    /// When it came into force.
    pub at: Timestamp,
    /// Where it came from.
    pub source: Source,
    /// Who brought it, if that is known.
    pub who: Option<String>,
    /// The hash of the file as it was then.
    pub digest: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    past: Past,
    config: Value,
}

/// The history of one data directory.
#[derive(Debug)]
pub struct History {
    dir: PathBuf,
    /// Oldest first.
    past: VecDeque<Past>,
}

impl History {
    /// Reads what there is in a data directory, changing nothing. Files that cannot be read are left out, and said so in
    /// the log.
    ///
    /// # Errors
    /// [`HistoryError::Io`] when the folder is there and cannot be read.
    pub fn open(data_dir: &Path) -> Result<Self, HistoryError> {
        let dir = data_dir.join(FOLDER);
        let failed = |source| HistoryError::Io { action: "read", path: dir.clone(), source };
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self { dir, past: VecDeque::new() }),
            Err(error) => return Err(failed(error)),
        };
        let mut past = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                match read(&path) {
                    Ok(kept) => past.push(kept.past),
                    Err(error) => tracing::warn!(%error, "left out of the config's history"),
                }
            }
        }
        past.sort_unstable_by_key(|past| past.number);
        Ok(Self { dir, past: past.into() })
    }

    /// The one that came last.
    #[must_use]
    pub fn newest(&self) -> Option<&Past> {
        self.past.back()
    }

    /// All, newest first.
    #[must_use]
    pub fn list(&self) -> Vec<Past> {
        self.past.iter().rev().cloned().collect()
    }

    /// The newest that is not of this version: what a rollback without a version goes to.
    #[must_use]
    pub fn before(&self, version: &str) -> Option<&Past> {
        self.past.iter().rev().find(|past| past.version != version)
    }

    /// The content of a version.
    ///
    /// # Errors
    /// [`HistoryError`] when it is not kept or cannot be read.
    pub fn read(&self, version: &str) -> Result<Value, HistoryError> {
        let Some(past) = self.past.iter().rev().find(|past| past.version == version) else {
            let mut kept: Vec<String> = self.past.iter().rev().map(|past| format!("`{}`", past.version)).collect();
            kept.dedup();
            kept.truncate(10);
            let kept =
                if kept.is_empty() { "none is".to_owned() } else { format!("the newest are {}", kept.join(", ")) };
            return Err(HistoryError::Unknown { version: version.to_owned(), kept });
        };
        Ok(read(&self.path(past.number))?.config)
    }

    /// Writes a config down as the newest, durably.
    ///
    /// # Errors
    /// [`HistoryError::Io`]; nothing has changed then.
    pub fn add(&mut self, in_force: &InForce, digest: Option<String>) -> Result<(), HistoryError> {
        let past = Past {
            number: self.newest().map_or(1, |newest| newest.number + 1),
            version: in_force.version.clone(),
            at: in_force.since,
            source: in_force.source,
            who: in_force.who.clone(),
            digest,
        };
        let config = serde_json::to_value(&in_force.config).expect("the config is plain data");
        let path = self.path(past.number);
        let kept = Kept { past, config };
        let bytes = serde_json::to_vec_pretty(&kept).expect("the config is plain data");
        let written = fs::create_dir_all(&self.dir).and_then(|()| durable::replace(&path, &bytes));
        written.map_err(|source| HistoryError::Io { action: "write", path, source })?;
        self.past.push_back(kept.past);
        while self.past.len() > MAX_KEPT {
            let gone = self.past.pop_front();
            // One that stays behind is deleted with the next; it is read as the oldest again.
            let _ = gone.map(|gone| fs::remove_file(self.path(gone.number)));
        }
        Ok(())
    }

    fn path(&self, number: u64) -> PathBuf {
        self.dir.join(format!("{number:010}.json"))
    }
}

fn read(path: &Path) -> Result<Kept, HistoryError> {
    let failed = |source| HistoryError::Io { action: "read", path: path.to_owned(), source };
    let damaged = |why: String| HistoryError::Damaged { path: path.to_owned(), why };
    if fs::metadata(path).map_err(failed)?.len() > MAX_FILE_BYTES {
        return Err(damaged("it is too large".to_owned()));
    }
    serde_json::from_slice(&fs::read(path).map_err(failed)?).map_err(|error| damaged(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::Config;

    fn in_force(version: &str) -> InForce {
        let config = Config::default();
        let settings = Arc::new(config.settings());
        let since = Timestamp(7);
        InForce {
            mapping: config.events.mapping.compiled(),
            config,
            version: version.to_owned(),
            settings,
            keys: crate::access::Keys::default(),
            since,
            source: Source::Put,
            who: None,
        }
    }

    #[test]
    fn it_is_bounded_and_survives_a_restart_without_what_is_damaged() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut history = History::open(dir.path()).expect("an empty history");
        for number in 0..MAX_KEPT + 3 {
            history.add(&in_force(&format!("v{number}")), None).expect("written");
        }
        let newest = format!("v{}", MAX_KEPT + 2);
        fs::write(history.path(10), b"{").expect("damaged");
        let again = History::open(dir.path()).expect("a history");
        assert_eq!(again.list().len(), MAX_KEPT - 1);
        assert_eq!(again.newest().map(|past| &past.version), Some(&newest));
        assert_eq!(again.before(&newest).map(|past| past.version.as_str()), Some("v51"));
        assert_eq!(again.read(&newest).expect("kept")["version"], 1);
        let error = again.read("v0").expect_err("deleted").to_string();
        assert!(error.starts_with("no config of version `v0` is kept: the newest are `v52`, `v51`"), "{error}");
    }
}
