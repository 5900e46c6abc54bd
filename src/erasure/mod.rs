//! Forgetting a shopper, on disk as well: state, checkpoints, decisions, dead letters and log.
//!
//! Path of an erasure: durable order -> who is meant ([`who`]) -> a record of pseudonyms in the log, which the state
//! applies -> a new checkpoint, the older ones deleted -> other places ([`elsewhere`]) -> the log's files rewritten ([`replace`]) -> receipt. Each step may
//! be done again, so a crash in between costs nothing but time. Decision record 0011 says why rewriting.

mod elsewhere;
mod job;
mod replace;
#[cfg(test)]
mod tests;
mod who;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

#[cfg(any(feature = "object-store", feature = "redis"))]
pub use elsewhere::Deleting;
pub use elsewhere::Elsewhere;
pub use job::{ErasureStatus, JobError, Target};
use job::{Job, Jobs};
use parking_lot::Mutex;
use replace::Replacement;
use sidecart_engine::nouns::{Entry, Record, Timestamp};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::decisions::Decisions;
use crate::ingest::checkpoint::{CheckpointError, Checkpoints};
use crate::ingest::{DeadLetters, Ingest, Prepared, SubmitError};
use crate::log::{LogError, LogReader, Offset};

/// Pseudonyms of a kind per record: it stays far below the log's bound of a megabyte.
const MAX_PSEUDONYMS: usize = 5_000;
/// Erasures that may wait; each is a file of its own until it is done.
const MAX_WAITING: usize = 1_000;
/// How long the record may take to be applied, and a checkpoint to be made, before the erasure is tried again.
const PATIENCE: Duration = Duration::from_secs(600);
/// Before a step that failed is tried again: the disk may have room by then.
const AGAIN: Duration = Duration::from_secs(2);

/// Why a step of an erasure failed. It is tried again.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    Submit(#[from] SubmitError),
    #[error(transparent)]
    Job(#[from] JobError),
    #[error("cannot rewrite the dead letters: {0}")]
    DeadLetters(std::io::Error),
    #[error("the {0} cannot forget yet: {1}")]
    Elsewhere(&'static str, String),
    #[error("{0} took too long")]
    Slow(&'static str),
}

/// What erasures work on.
pub struct Stores {
    /// The way into the log.
    pub ingest: Ingest,
    /// The log, read and rewritten beside its writer.
    pub log: Box<dyn LogReader>,
    /// The saved states.
    pub checkpoints: Checkpoints,
    /// Late events on file.
    pub dead_letters: Arc<DeadLetters>,
    /// Answers that are remembered.
    pub decisions: Arc<Decisions>,
    /// Places beyond the data folder.
    pub elsewhere: Vec<Box<dyn Elsewhere>>,
}

/// Takes orders to erase, and carries them out one after the other.
pub struct Erasures {
    jobs: Arc<Jobs>,
    waiting: mpsc::Sender<Uuid>,
    /// What went wrong with those that are being tried again.
    troubles: Arc<Mutex<BTreeMap<Uuid, String>>>,
}

impl Erasures {
    /// Erasures whose orders are kept in `dir`; those that a stop has interrupted are taken up again. Runs on the
    /// current runtime until `stores.ingest` says that the server stops.
    ///
    /// # Errors
    /// [`JobError`] when the folder cannot be made or read.
    pub fn start(dir: PathBuf, stores: Stores) -> Result<Self, JobError> {
        let jobs = Arc::new(Jobs::open(dir)?);
        let (waiting, queue) = mpsc::channel(MAX_WAITING);
        let troubles = Arc::new(Mutex::new(BTreeMap::new()));
        let worker = Worker { jobs: Arc::clone(&jobs), stores, troubles: Arc::clone(&troubles) };
        let unfinished = jobs.unfinished()?;
        tokio::spawn(worker.run(unfinished, queue));
        Ok(Self { jobs, waiting, troubles })
    }

    /// Takes an order; it is durable when this returns.
    ///
    /// # Errors
    /// [`JobError`] when it cannot be kept; it is to be sent again then.
    pub fn order(&self, target: Target, now: Timestamp) -> Result<ErasureStatus, JobError> {
        let room = self.waiting.try_reserve().map_err(|_| JobError::Full(MAX_WAITING))?;
        let job = Job::new(target, now)?;
        self.jobs.write(&job)?;
        room.send(job.id);
        Ok(job.status())
    }

    /// How an erasure stands; `None`: there is none of this id.
    ///
    /// # Errors
    /// [`JobError`] when its file cannot be read.
    pub fn status(&self, id: Uuid) -> Result<Option<ErasureStatus>, JobError> {
        let status = self.jobs.read(id)?.map(|job| job.status());
        Ok(status.map(|status| ErasureStatus { trouble: self.troubles.lock().get(&id).cloned(), ..status }))
    }
}

struct Worker {
    jobs: Arc<Jobs>,
    stores: Stores,
    troubles: Arc<Mutex<BTreeMap<Uuid, String>>>,
}

impl Worker {
    async fn run(mut self, unfinished: Vec<Uuid>, mut queue: mpsc::Receiver<Uuid>) {
        for id in unfinished {
            self.finish(id).await;
        }
        while let Some(id) = queue.recv().await {
            self.finish(id).await;
        }
    }

    /// Tries an erasure until it is done, or the server stops: then the next start goes on with it.
    async fn finish(&mut self, id: Uuid) {
        loop {
            match self.erase(id).await {
                Ok(()) => {
                    self.troubles.lock().remove(&id);
                    return;
                }
                Err(StepError::Submit(SubmitError::Stopping)) => return,
                Err(error) => {
                    tracing::warn!(%id, %error, "erasure is tried again");
                    self.troubles.lock().insert(id, error.to_string());
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    async fn erase(&mut self, id: Uuid) -> Result<(), StepError> {
        let Some(mut job) = self.jobs.read(id)? else { return Ok(()) };
        let Some(target) = job.target.clone() else { return Ok(()) };
        if job.who.is_none() {
            let end = self.stores.ingest.roll().await?;
            // Found once and kept: a log that is rewritten in part tells less.
            job.who = Some(tokio::task::block_in_place(|| who::find(self.stores.log.as_ref(), &target, end))?);
            self.jobs.write(&job)?;
        }
        let Some(who) = job.who.clone() else { return Ok(()) };
        let replacement = Replacement::new(&who, &job.salt);
        let forgotten = self.forget(&replacement, job.accepted_at).await?;
        self.checkpoint_behind(forgotten).await?;
        for place in &self.stores.elsewhere {
            let done = place.forget(&replacement.erasure(), forgotten).await;
            done.map_err(|trouble| StepError::Elsewhere(place.name(), trouble))?;
        }
        let end = self.stores.ingest.roll().await?;
        let rewritten = tokio::task::block_in_place(|| {
            self.stores.log.rewrite(end, &mut |logged| replacement.of_record(&logged, forgotten))
        })?;
        let letters = self.stores.dead_letters.remove(|line| replacement.is_named_in(line));
        job.letters += letters.map_err(StepError::DeadLetters)?;
        self.stores.decisions.forget(|request| replacement.is_about(request));
        job.records += rewritten.records;
        job.finish(who.sessions.len(), self.stores.ingest.now());
        self.jobs.write(&job)?;
        tracing::info!(%id, records = job.records, files = rewritten.segments, "erasure done");
        Ok(())
    }

    /// Has the state forget; gives the offset behind the record that says so.
    async fn forget(&self, replacement: &Replacement, accepted_at: Timestamp) -> Result<Offset, StepError> {
        let records = replacement
            .erasure()
            .parts(MAX_PSEUDONYMS)
            .into_iter()
            .filter_map(|part| Prepared::new(Entry { accepted_at, record: Record::Erase(Box::new(part)) }).ok());
        let receipt = self.stores.ingest.submit(records.collect()).await?;
        if !self.stores.ingest.applied(receipt.next, PATIENCE).await {
            return Err(StepError::Slow("applying the erasure"));
        }
        Ok(receipt.next)
    }

    /// Sees to it that no checkpoint is left from before `forgotten`.
    async fn checkpoint_behind(&self, forgotten: Offset) -> Result<(), StepError> {
        let made = tokio::time::timeout(PATIENCE, self.stores.ingest.checkpoint(forgotten)).await;
        made.map_err(|_| StepError::Slow("a checkpoint"))??;
        Ok(tokio::task::block_in_place(|| self.stores.checkpoints.forget_before(forgotten))?)
    }
}
