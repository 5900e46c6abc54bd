//! Forgetting a shopper, on disk as well: state, checkpoints, decisions, dead letters and log.
//!
//! Path of an erasure: durable order -> who is meant ([`who`]) -> a record of pseudonyms in the log, which the state
//! applies -> a new checkpoint, the older ones deleted -> other places ([`elsewhere`]) -> the log's files rewritten ([`replace`]) -> receipt. Each step may
//! be done again, so a crash in between costs nothing but time. Where replicas share a log, the others take the record from
//! there ([`Erasures::take`]), look up in their own files whom it means, and go the same way from the checkpoint on.
//! Decision record 0011 says why rewriting.

mod elsewhere;
mod job;
mod replace;
#[cfg(test)]
mod tests;
mod who;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[cfg(any(feature = "object-store", feature = "redis"))]
pub use elsewhere::Deleting;
pub use elsewhere::Elsewhere;
pub use job::{ErasureStatus, JobError, Target};
use job::{Job, Jobs, Taken};
use parking_lot::Mutex;
use replace::Replacement;
use sha2::{Digest, Sha256};
use sidecart_engine::nouns::{Entry, Erasure, Positions, Record, Request, Timestamp};
use tokio::sync::mpsc;
use uuid::Uuid;
use who::{SoughtPseudonyms, Who};

use crate::decisions::Decisions;
use crate::ingest::checkpoint::{CheckpointError, Checkpoints};
use crate::ingest::{DeadLetters, Ingest, Mark, Prepared, SubmitError};
use crate::log::{LogError, LogReader, Offset};
use crate::metrics::{Metrics, OutcomeLabel};

/// Pseudonyms of a kind per record: it stays far below the log's bound of a megabyte.
const MAX_PSEUDONYMS: usize = 5_000;
/// Erasures that may wait; each is a file of its own until it is done.
const MAX_WAITING: usize = 1_000;
/// How long the record may take to be applied, and a checkpoint to be made, before the erasure is tried again.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long the record of another replica's erasure may take to be applied before that is waited for anew.
const TAKEN_PATIENCE: Duration = Duration::from_secs(30);
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
    #[error("cannot read the dead letters: {0}")]
    ReadLetters(std::io::Error),
    #[error("the {0} cannot forget yet: {1}")]
    Elsewhere(&'static str, String),
    #[error("{0} took too long")]
    Slow(&'static str),
    #[error("the record of the erasure is not in the state yet: it comes from the broker")]
    NotApplied,
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
    /// Whether this replica is the one that writes to them.
    pub is_owner: Arc<AtomicBool>,
    /// What is told at `/metrics`.
    pub metrics: Arc<Metrics>,
}

/// Takes orders to erase, and carries them out one after the other.
#[derive(Clone)]
pub struct Erasures {
    jobs: Arc<Jobs>,
    waiting: mpsc::Sender<Uuid>,
    /// What went wrong with those that are being tried again.
    troubles: Arc<Mutex<BTreeMap<Uuid, String>>>,
    #[cfg_attr(not(feature = "kafka"), allow(dead_code, reason = "without a broker there are no other replicas"))]
    /// There are unfinished ones on file that did not fit into the queue.
    has_more: Arc<AtomicBool>,
    metrics: Arc<Metrics>,
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
        let (has_more, metrics) = (Arc::new(AtomicBool::new(false)), Arc::clone(&stores.metrics));
        let worker = Worker {
            jobs: Arc::clone(&jobs),
            stores,
            troubles: Arc::clone(&troubles),
            has_more: Arc::clone(&has_more),
        };
        let unfinished = jobs.unfinished()?;
        metrics.erasures_waiting.set(unfinished.len() as u64);
        tokio::spawn(worker.run(unfinished, queue));
        Ok(Self { jobs, waiting, troubles, has_more, metrics })
    }

    /// Takes an order; it is durable when this returns.
    ///
    /// # Errors
    /// [`JobError`] when it cannot be kept; it is to be sent again then.
    pub fn order(&self, target: Target, now: Timestamp) -> Result<ErasureStatus, JobError> {
        let room = self.waiting.try_reserve().map_err(|_| JobError::Full(MAX_WAITING))?;
        let job = Job::new(target, now)?;
        self.jobs.write(&job)?;
        self.metrics.erasures_waiting.inc();
        room.send(job.id);
        Ok(job.status())
    }

    /// Takes an erasure that came from the log of all replicas, before this replica's state knows it: what is to be done
    /// about its files is durable when this returns. `reach`: how far the broker must be read for the state to have
    /// forgotten. The same one may come again, in parts or after a crash. Blocks as long as the disk does.
    ///
    /// # Errors
    /// [`JobError`] when it cannot be kept; it is to be tried again before anything behind it is taken.
    #[cfg_attr(not(feature = "kafka"), allow(dead_code, reason = "without a broker there are no other replicas"))]
    pub fn take(&self, erasure: &Erasure, reach: &Positions, accepted_at: Timestamp) -> Result<(), JobError> {
        let id = erasure.order.as_deref().and_then(|order| order.parse().ok()).unwrap_or_else(|| id_of(reach));
        let order = Some(erasure.order.clone().unwrap_or_else(|| id.to_string()));
        let mut taken = Taken { erasure: Erasure { order, ..erasure.clone() }, reach: reach.clone(), forgotten: None };
        let _held = self.jobs.hold();
        let known = self.jobs.read(id)?;
        if known.as_ref().is_some_and(Job::is_own) {
            return Ok(());
        }
        let mut job = match known {
            // Another part: what was found for those before is looked for anew.
            Some(Job { taken: Some(before), salt, .. }) => {
                taken.erasure.add(&before.erasure);
                taken.reach.merge(&before.reach);
                Job { salt, ..Job::of_another(id, taken, accepted_at)? }
            }
            Some(_) | None => {
                self.metrics.erasures_waiting.inc();
                Job::of_another(id, taken, accepted_at)?
            }
        };
        job.accepted_at = accepted_at;
        self.jobs.write(&job)?;
        if self.waiting.try_send(id).is_err() {
            self.has_more.store(true, Ordering::Release);
        }
        Ok(())
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

/// The id of an erasure whose record names none, from the place of the record.
#[cfg_attr(not(feature = "kafka"), allow(dead_code, reason = "without a broker there are no other replicas"))]
fn id_of(reach: &Positions) -> Uuid {
    let place: Vec<String> =
        reach.iter().map(|(topic, partition, next)| format!("{topic}/{partition}/{next}")).collect();
    let hash = Sha256::digest(place.join(" "));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

struct Worker {
    jobs: Arc<Jobs>,
    stores: Stores,
    troubles: Arc<Mutex<BTreeMap<Uuid, String>>>,
    has_more: Arc<AtomicBool>,
}

/// Whom an erasure means here, and from which offset on the log knows nothing of them.
struct Meant {
    who: Who,
    replacement: Replacement,
    forgotten: Offset,
    /// Those that are not in this replica's log, by pseudonym; `None`: this replica was asked, and looked for all.
    others: Option<SoughtPseudonyms>,
}

impl Worker {
    async fn run(mut self, unfinished: Vec<Uuid>, mut queue: mpsc::Receiver<Uuid>) {
        for id in unfinished {
            self.finish(id).await;
        }
        while let Some(id) = queue.recv().await {
            self.finish(id).await;
            if queue.is_empty() && self.has_more.swap(false, Ordering::AcqRel) {
                match self.jobs.unfinished() {
                    Ok(more) => {
                        for id in more {
                            self.finish(id).await;
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "erasures on file are looked for again with the next one");
                        self.has_more.store(true, Ordering::Release);
                    }
                }
            }
        }
    }

    /// Tries an erasure until it is done, or the server stops: then the next start goes on with it.
    async fn finish(&mut self, id: Uuid) {
        loop {
            let tried = self.erase(id).await;
            let outcome = OutcomeLabel { outcome: if tried.is_ok() { "done" } else { "retried" } };
            match tried {
                Ok(false) => return,
                Ok(true) => {
                    self.stores.metrics.erasures.get_or_create(&outcome).inc();
                    self.stores.metrics.erasures_waiting.dec();
                    self.troubles.lock().remove(&id);
                    return;
                }
                Err(StepError::Submit(SubmitError::Stopping)) => return,
                Err(error) => {
                    tracing::warn!(%id, %error, "erasure is tried again");
                    self.stores.metrics.erasures.get_or_create(&outcome).inc();
                    self.troubles.lock().insert(id, error.to_string());
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    /// Carries an erasure out; `false`: it was done before.
    async fn erase(&mut self, id: Uuid) -> Result<bool, StepError> {
        let Some(job) = self.jobs.read(id)? else { return Ok(false) };
        let meant = match (&job.target, &job.taken) {
            (Some(target), _) => self.meant_by_order(target.clone(), job).await?,
            (None, Some(taken)) => self.meant_by_record(taken.clone(), job).await?,
            (None, None) => return Ok(false),
        };
        self.checkpoint_behind(meant.forgotten).await?;
        let is_owner = meant.others.is_none() || self.stores.is_owner.load(Ordering::Acquire);
        for place in self.stores.elsewhere.iter().filter(|place| is_owner || place.is_for_all()) {
            let done = place.forget(&meant.replacement.erasure(), meant.forgotten).await;
            done.map_err(|trouble| StepError::Elsewhere(place.name(), trouble))?;
        }
        let end = self.stores.ingest.roll().await?;
        let replacement = &meant.replacement;
        let rewritten = tokio::task::block_in_place(|| {
            self.stores.log.rewrite(end, &mut |logged| replacement.of_record(&logged, meant.forgotten))
        })?;
        let letters = self.stores.dead_letters.remove(|line| replacement.is_named_in(line));
        let letters = letters.map_err(StepError::DeadLetters)?;
        let is_theirs = |request: &Request| {
            replacement.is_about(request) || meant.others.as_ref().is_some_and(|others| others.is_about(request))
        };
        self.stores.decisions.forget(is_theirs);
        let _held = self.jobs.hold();
        // A further part may have come meanwhile: then it begins anew.
        let Some(mut job) = self.jobs.read(id)?.filter(|job| job.who.is_some()) else {
            return Err(StepError::NotApplied);
        };
        job.letters += letters;
        job.records += rewritten.records;
        job.finish(meant.who.sessions.len(), self.stores.ingest.now());
        self.jobs.write(&job)?;
        tracing::info!(%id, records = job.records, files = rewritten.segments, "erasure done");
        Ok(true)
    }

    /// Looks for whom an order means, and has the state forget them.
    async fn meant_by_order(&self, target: Target, mut job: Job) -> Result<Meant, StepError> {
        let who = match job.who.clone() {
            Some(who) => who,
            None => {
                let end = self.stores.ingest.roll().await?;
                // Found once and kept: a log that is rewritten in part tells less.
                let who = tokio::task::block_in_place(|| who::find(self.stores.log.as_ref(), &target, end))?;
                job.who = Some(who.clone());
                self.jobs.write(&job)?;
                who
            }
        };
        let replacement = Replacement::new(&who, &job.salt);
        let forgotten = self.forget(&replacement, &job).await?;
        Ok(Meant { who, replacement, forgotten, others: None })
    }

    /// Waits until the state has forgotten whom another replica was asked to forget, and looks for who that is here.
    async fn meant_by_record(&self, mut taken: Taken, mut job: Job) -> Result<Meant, StepError> {
        let mark = Mark { next: Offset(0), positions: taken.reach.clone() };
        if !self.stores.ingest.applied(&mark, TAKEN_PATIENCE).await {
            return Err(StepError::NotApplied);
        }
        let (who, forgotten) = match (job.who.clone(), taken.forgotten) {
            (Some(who), Some(forgotten)) => (who, Offset(forgotten)),
            _ => {
                let end = self.stores.ingest.roll().await?;
                let found = tokio::task::block_in_place(|| self.find_behind(&taken, end))?;
                taken.forgotten = Some(found.forgotten.0);
                let _held = self.jobs.hold();
                if self.jobs.read(job.id)?.and_then(|job| job.taken).is_none_or(|now| now.reach != taken.reach) {
                    return Err(StepError::NotApplied);
                }
                (job.who, job.taken) = (Some(found.who.clone()), Some(taken.clone()));
                self.jobs.write(&job)?;
                (found.who, found.forgotten)
            }
        };
        let replacement = Replacement::of_another(&who, &job.salt, &taken.erasure);
        Ok(Meant { who, replacement, forgotten, others: Some(SoughtPseudonyms::of(&taken.erasure)) })
    }

    fn find_behind(&self, taken: &Taken, end: Offset) -> Result<who::Found, StepError> {
        let (pseudonyms, mut known) = (SoughtPseudonyms::of(&taken.erasure), Who::default());
        for (_, letter) in self.stores.dead_letters.read(None).map_err(StepError::ReadLetters)? {
            pseudonyms.note_letter(&letter.event, &mut known);
        }
        Ok(who::find_behind(self.stores.log.as_ref(), &taken.erasure, known, end)?)
    }

    /// Has the state forget; gives the offset behind the record that says so.
    async fn forget(&self, replacement: &Replacement, job: &Job) -> Result<Offset, StepError> {
        let whole = Erasure { order: Some(job.id.to_string()), ..replacement.erasure() };
        let record = |part| {
            let record = Record::Erase(Box::new(part));
            // One that is left out would be forgotten nowhere, and told as done.
            Prepared::new(Entry { accepted_at: job.accepted_at, record, origin: None })
                .map_err(|error| SubmitError::Log(format!("the record of the erasure cannot be written: {error}")))
        };
        let records = whole.parts(MAX_PSEUDONYMS).into_iter().map(record).collect::<Result<_, _>>()?;
        let before = self.stores.ingest.acknowledged().next;
        let receipt = self.stores.ingest.submit(records).await?;
        if !self.stores.ingest.applied(&receipt.next, PATIENCE).await {
            return Err(StepError::Slow("applying the erasure"));
        }
        // Where there is a broker, the record has come back behind what was in this log when it was sent.
        let behind = self.stores.ingest.acknowledged().next;
        let log = self.stores.log.as_ref();
        // Others' records share its group, and what the shopper does behind it is not part of it: only the log says where
        // it is.
        Ok(tokio::task::block_in_place(|| who::end_of_order(log, &whole, before..behind))?.unwrap_or(behind))
    }

    /// Sees to it that no checkpoint is left from before `forgotten`.
    async fn checkpoint_behind(&self, forgotten: Offset) -> Result<(), StepError> {
        let made = tokio::time::timeout(PATIENCE, self.stores.ingest.checkpoint(forgotten)).await;
        made.map_err(|_| StepError::Slow("a checkpoint"))??;
        Ok(tokio::task::block_in_place(|| self.stores.checkpoints.forget_before(forgotten))?)
    }
}
