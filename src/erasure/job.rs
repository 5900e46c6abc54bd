//! An erasure on file: what was ordered until it is done, and from then on only that it was.

use std::fs;
use std::io;
use std::path::PathBuf;

use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};
use sidecart_engine::nouns::{AnonymousId, Erasure, Positions, SessionId, Timestamp, UserId};
use utoipa::ToSchema;
use uuid::Uuid;

use super::who::Who;
use crate::durable;
use crate::wire::scalar::rfc3339;

/// Bytes of the salt from which replacements are made: nobody guesses them.
const SALT_BYTES: usize = 16;

/// Why an erasure cannot be kept or looked up.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
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
    /// Too many wait.
    #[error("{0} erasures are waiting already: send again in a moment")]
    Full(usize),
    /// The operating system has no random bytes.
    #[error("no random bytes: {0}")]
    Random(String),
}

/// Whom an order names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// A known shopper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// A device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anonymous: Option<AnonymousId>,
    /// Visits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<SessionId>,
}

/// How an erasure stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErasureStatus {
    /// Its id.
    #[schema(value_type = String)]
    pub erasure_id: Uuid,
    /// `running` or `done`. What is running survives a restart and is tried until it is done.
    #[schema(example = "done")]
    pub status: &'static str,
    /// When it was ordered.
    pub accepted_at: String,
    /// When it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<String>,
    /// Visits that were theirs.
    pub sessions: usize,
    /// Records of the log that named them.
    pub records: u64,
    /// Dead letters that named them.
    pub dead_letters: u64,
    /// What kept the last attempt from being done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// What a replica knows of an erasure that another one was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    /// Whom it means, by pseudonym.
    pub erasure: Erasure,
    /// How far the broker must be read for the state to have forgotten them.
    pub reach: Positions,
    /// The offset behind the record in this replica's own log, once it was looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forgotten: Option<u64>,
}

/// An erasure.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    pub id: Uuid,
    pub accepted_at: Timestamp,
    /// Gone when it is done, as is all else that could lead to a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// In the place of `target` where another replica was asked. Gone when it is done, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<Taken>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<Who>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub salt: Vec<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    #[serde(default)]
    pub sessions: usize,
    #[serde(default)]
    pub records: u64,
    #[serde(default)]
    pub letters: u64,
}

impl Job {
    /// One that this process was asked for.
    pub fn new(target: Target, now: Timestamp) -> Result<Self, JobError> {
        Ok(Self { target: Some(target), salt: salt()?, ..Self::empty(Uuid::now_v7(), now) })
    }

    /// One that another replica was asked for.
    #[cfg_attr(not(feature = "kafka"), allow(dead_code, reason = "without a broker there are no other replicas"))]
    pub fn of_another(id: Uuid, taken: Taken, accepted_at: Timestamp) -> Result<Self, JobError> {
        Ok(Self { taken: Some(taken), salt: salt()?, ..Self::empty(id, accepted_at) })
    }

    fn empty(id: Uuid, accepted_at: Timestamp) -> Self {
        Self {
            id,
            accepted_at,
            target: None,
            taken: None,
            who: None,
            salt: Vec::new(),
            completed_at: None,
            sessions: 0,
            records: 0,
            letters: 0,
        }
    }

    /// Whether this process was asked for it, and it is not done.
    #[cfg_attr(not(feature = "kafka"), allow(dead_code, reason = "without a broker there are no other replicas"))]
    pub fn is_own(&self) -> bool {
        self.target.is_some()
    }

    /// Turns it into its receipt.
    pub fn finish(&mut self, sessions: usize, now: Timestamp) {
        self.target = None;
        self.taken = None;
        self.who = None;
        self.salt.clear();
        self.sessions = sessions;
        self.completed_at = Some(now);
    }

    pub fn status(&self) -> ErasureStatus {
        ErasureStatus {
            erasure_id: self.id,
            status: if self.completed_at.is_some() { "done" } else { "running" },
            accepted_at: rfc3339(self.accepted_at),
            completed_at: self.completed_at.map(rfc3339),
            sessions: self.who.as_ref().map_or(self.sessions, |who| who.sessions.len()),
            records: self.records,
            dead_letters: self.letters,
            trouble: None,
        }
    }
}

fn salt() -> Result<Vec<u8>, JobError> {
    let mut salt = vec![0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(|error| JobError::Random(error.to_string()))?;
    Ok(salt)
}

/// The folder of erasures, a file each.
pub struct Jobs {
    dir: PathBuf,
    /// Held from reading a job to writing it, where two may do so.
    changing: Mutex<()>,
}

impl Jobs {
    pub fn open(dir: PathBuf) -> Result<Self, JobError> {
        fs::create_dir_all(&dir).map_err(|source| JobError::Io { action: "make", path: dir.clone(), source })?;
        Ok(Self { dir, changing: Mutex::new(()) })
    }

    /// Keeps others from changing a job.
    pub fn hold(&self) -> MutexGuard<'_, ()> {
        self.changing.lock()
    }

    fn path(&self, id: Uuid) -> PathBuf {
        self.dir.join(format!("{id}.json"))
    }

    /// Writes a job, durably and at once. What its file held before is overwritten as a file, not as bytes of a disk.
    pub fn write(&self, job: &Job) -> Result<(), JobError> {
        let path = self.path(job.id);
        let written =
            serde_json::to_vec(job).map_err(io::Error::from).and_then(|bytes| durable::replace(&path, &bytes));
        written.map_err(|source| JobError::Io { action: "write", path, source })
    }

    pub fn read(&self, id: Uuid) -> Result<Option<Job>, JobError> {
        let path = self.path(id);
        let failed = |source| JobError::Io { action: "read", path: path.clone(), source };
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| failed(error.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Those that are not done, in the order in which they came: ids are made of time.
    pub fn unfinished(&self) -> Result<Vec<Uuid>, JobError> {
        let failed = |source| JobError::Io { action: "read", path: self.dir.clone(), source };
        let mut ids = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let id = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
            let Some(id) = id.filter(|_| path.extension().is_some_and(|end| end == "json")) else { continue };
            if self.read(id)?.is_some_and(|job| job.completed_at.is_none()) {
                ids.push(id);
            }
        }
        ids.sort_unstable();
        Ok(ids)
    }
}
