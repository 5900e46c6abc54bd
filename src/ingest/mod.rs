//! The write path: records come in from many callers, become durable in one order, and change the engine in that
//! order.
//!
//! caller -> queue -> *sequencer* thread (dedupe, group commit, acknowledge) -> queue -> *applier* thread (the only
//! writer of the engine) -> `applied` offset. The sequencer owns the log, the applier owns the checkpoints.

mod applier;
mod changed;
pub mod checkpoint;
mod checkpointer;
mod dead_letters;
mod digest;
mod history;
#[cfg(feature = "kafka")]
mod ordered;
mod outlet;
mod progress;
pub mod rebuild;
mod record;
mod recovery;
mod sequencer;
mod submitted;
#[cfg(test)]
mod tests;
mod trainer;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use changed::Changed;
pub use dead_letters::{DeadLetters, Letter, Posted};
pub use digest::StateDigest;
#[cfg(feature = "kafka")]
pub use ordered::{Answer, Ordered};
#[cfg(feature = "kafka")]
pub use outlet::Sent;
pub use outlet::{Mark, Outlet};
use parking_lot::RwLock;
pub use progress::{Phase, Progress};
pub use record::Prepared;
pub use recovery::{Saving, StartError, Storage};
use sidecart_engine::nouns::Timestamp;
use sidecart_engine::{Engine, Lesson};
pub use submitted::{Receipt, SubmitError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
pub use trainer::{LEARNING_RATE, Learning};

use crate::clock::Clock;
use crate::log::Offset;
use crate::metrics::Metrics;

/// The most records of one job; a larger batch is several jobs. Keeps one caller from filling a whole group.
const MAX_JOB_RECORDS: usize = 512;
/// The most payload bytes of one job, but for its last record.
const MAX_JOB_BYTES: usize = 4 << 20;
/// Between two questions for a checkpoint.
const CHECKPOINT_PAUSE: Duration = Duration::from_millis(100);
/// Jobs that may wait for the sequencer; the records in them are bounded by `events.queue`.
const MAX_QUEUED_JOBS: usize = 65_536;

/// What both paths share: the engine and how far it is.
pub struct Shared {
    /// The engine. The applier writes in short turns; everybody else reads.
    pub engine: RwLock<Engine>,
    /// How far the log has been written and applied.
    pub progress: Progress,
    /// What is told at `/metrics`.
    pub metrics: Arc<Metrics>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The engine was changed by something that is no record of the log, as the demo does: a state made from the log
    /// would lack it.
    pub unlogged: AtomicBool,
    /// Where records go before they come back to this process's log; `None`: that log is the first to have them.
    pub outlet: Option<Arc<dyn Outlet>>,
    /// Shoppers of whom a store elsewhere is to hear.
    pub changed: Changed,
}

impl Shared {
    /// Runs a writer. A panic in one must not be silent: from then on the process says that it is not ready, records
    /// are turned away, and answers go on from the state as it is.
    pub(crate) fn guard(&self, writer: &str, run: impl FnOnce()) {
        if catch_unwind(AssertUnwindSafe(run)).is_err() {
            let why = format!("the {writer} panicked, the log of this process says where");
            tracing::error!("{why}");
            self.progress.enter(Phase::Failed(why));
        }
    }

    /// See [`Ingest::applied`].
    async fn applied(&self, mark: &Mark, patience: Duration) -> bool {
        let mut applied = self.progress.watch_applied();
        let is_applied = |applied: &Offset| {
            *applied >= mark.next
                && (mark.positions.is_empty() || self.engine.read().positions().covers(&mark.positions))
        };
        matches!(tokio::time::timeout(patience, applied.wait_for(is_applied)).await, Ok(Ok(_)))
    }
}

/// A part of a batch on its way to the sequencer.
struct Job {
    records: Vec<Prepared>,
    received: Instant,
    reply: oneshot::Sender<Result<Receipt, SubmitError>>,
    room: OwnedSemaphorePermit,
}

/// What is asked of the writers. Where no answer can be given, the question is dropped, which tells who asked.
enum Question {
    /// What is the state?
    Digest(oneshot::Sender<StateDigest>),
    /// May all files of the log but the active one be looked at as finished, and up to where?
    Roll(oneshot::Sender<Result<Offset, SubmitError>>),
    /// Is there a checkpoint of all that is applied? Answered when there is.
    Checkpoint(oneshot::Sender<Offset>),
}

/// What the sequencer is told.
enum Message {
    Take(Job),
    /// To be answered behind everything that was taken before.
    Ask(Question),
    /// Nothing comes after this.
    Stop,
}

/// The way in. Cloned by whoever submits.
#[derive(Clone)]
pub struct Ingest {
    jobs: mpsc::Sender<Message>,
    room: Arc<Semaphore>,
    capacity: usize,
    /// For history that is not applied yet.
    history: Arc<Semaphore>,
    shared: Arc<Shared>,
    school: trainer::Door,
}

/// The writer threads: sequencer, applier, and the trainer beside them.
pub struct Writers {
    sequencer: JoinHandle<()>,
    applier: JoinHandle<()>,
    trainer: Option<JoinHandle<()>>,
}

impl Writers {
    /// Waits until both have ended: the queues are empty, everything is applied and saved. They end after
    /// [`Ingest::stop`], or when the last [`Ingest`] is gone.
    pub fn join(self) {
        // A panic was reported by the thread's own guard, and the phase says so.
        let _ = self.sequencer.join();
        let _ = self.applier.join();
        let _ = self.trainer.map(JoinHandle::join);
    }
}

/// Restores the state from the newest usable checkpoint and starts the writers, which apply the rest of the log before
/// they take records. `queue`: records that may wait for the log's writer.
///
/// # Errors
/// [`StartError`] when the checkpoints cannot be read or do not fit the log, or a thread cannot be started.
pub fn start(
    storage: Storage,
    settings: sidecart_engine::Settings,
    queue: usize,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
) -> Result<(Ingest, Arc<Shared>, Writers), StartError> {
    let restored = recovery::restore(&storage, settings)?;
    let shared = Arc::new(Shared {
        engine: RwLock::new(restored.engine),
        progress: Progress::new(restored.next),
        metrics,
        clock,
        unlogged: AtomicBool::new(false),
        outlet: storage.outlet,
        changed: Changed::default(),
    });
    let capacity = queue.clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
    let (jobs, waiting) = mpsc::channel(MAX_QUEUED_JOBS);
    let room = Arc::new(Semaphore::new(capacity));
    let school =
        storage.learning.map(|learning| trainer::spawn(&shared, jobs.downgrade(), Arc::clone(&room), learning));
    let (classroom, trainer) = school.transpose()?.unzip();
    let school = classroom.as_ref().map(trainer::Classroom::door).unwrap_or_default();
    let ingest = Ingest { jobs, room, capacity, history: history::room(), shared: Arc::clone(&shared), school };
    let (applier, groups) =
        applier::spawn(&shared, storage.checkpoints, storage.saving, storage.log.reader(), classroom)?;
    let sequencer = sequencer::spawn(&shared, storage.log, waiting, groups, restored.next)?;
    Ok((ingest, shared, Writers { sequencer, applier, trainer }))
}

impl Ingest {
    /// Makes records durable, in their order. A batch is taken whole or in front part: on an error some of its first
    /// records may be durable, and sending all of it again counts those once if they carry event ids.
    ///
    /// Only the first part is turned away when the queue is full; the rest waits for room.
    ///
    /// # Errors
    /// [`SubmitError`]: to be sent again later.
    pub async fn submit(&self, records: Vec<Prepared>) -> Result<Receipt, SubmitError> {
        let outcome = self.submit_parts(records).await;
        if let Err(error) = &outcome {
            self.shared.metrics.turn_away(error.name());
        }
        outcome
    }

    async fn submit_parts(&self, records: Vec<Prepared>) -> Result<Receipt, SubmitError> {
        let received = Instant::now();
        let mut total = Receipt::default();
        let mut rest = records.into_iter().peekable();
        let mut first = true;
        while rest.peek().is_some() {
            let part = next_part(&mut rest, self.capacity.min(MAX_JOB_RECORDS));
            self.refuse_unless_ready()?;
            let room = if first { self.room_now(part.len())? } else { self.room_soon(part.len()).await? };
            first = false;
            let receipt = match &self.shared.outlet {
                Some(outlet) => self.send_off(outlet.as_ref(), part).await?,
                None => self.sequence(part, received, room).await?,
            };
            total.accepted += receipt.accepted;
            total.duplicates += receipt.duplicates;
            total.next.merge(&receipt.next);
        }
        Ok(total)
    }

    /// Has the sequencer make a part durable in this process's log.
    async fn sequence(
        &self,
        records: Vec<Prepared>,
        received: Instant,
        room: OwnedSemaphorePermit,
    ) -> Result<Receipt, SubmitError> {
        let (reply, answer) = oneshot::channel();
        let job = Job { records, received, reply, room };
        self.jobs.try_send(Message::Take(job)).map_err(|error| self.refused(&error))?;
        answer.await.unwrap_or_else(|_| Err(self.why_gone()))
    }

    /// Sends a part to the broker. Whether an event is a duplicate is decided when it comes back, for all replicas alike;
    /// here only those count as such that the state knows already, and they are not sent again.
    async fn send_off(&self, outlet: &dyn Outlet, mut records: Vec<Prepared>) -> Result<Receipt, SubmitError> {
        let before = records.len();
        {
            let engine = self.shared.engine.read();
            records.retain(|record| !record.event_id().is_some_and(|id| engine.has_seen(id)));
        }
        let (accepted, duplicates) = (records.len(), before - records.len());
        let positions = outlet.publish(records).await?;
        Ok(Receipt { accepted, duplicates, next: Mark { next: Offset(0), positions } })
    }

    /// The way in for what a broker has put in order.
    #[cfg(feature = "kafka")]
    #[must_use]
    pub fn ordered(&self) -> Ordered {
        Ordered::new(self.jobs.clone())
    }

    /// All that was acknowledged so far.
    #[must_use]
    pub fn acknowledged(&self) -> Mark {
        let positions = self.shared.outlet.as_ref().map(|outlet| outlet.acknowledged()).unwrap_or_default();
        Mark { next: self.shared.progress.appended(), positions }
    }

    /// Waits until everything before `mark` is in the engine; `false` when that takes longer than `patience`.
    pub async fn applied(&self, mark: &Mark, patience: Duration) -> bool {
        self.shared.applied(mark, patience).await
    }

    /// The digest of the state with everything in it that was acknowledged before this was asked. The applier encodes
    /// the state for it: answers and acknowledgements go on, freshness pauses for about a second per 400 MB of state.
    ///
    /// # Errors
    /// [`SubmitError`]: to be asked again later.
    pub async fn digest(&self) -> Result<StateDigest, SubmitError> {
        self.ask(Question::Digest).await
    }

    /// Finishes the log's active file; gives the offset behind it.
    ///
    /// # Errors
    /// [`SubmitError`]: to be asked again later.
    pub async fn roll(&self) -> Result<Offset, SubmitError> {
        self.ask(Question::Roll).await?
    }

    /// Waits until there is a checkpoint of everything before `covering`, which must be applied.
    ///
    /// # Errors
    /// [`SubmitError`]: to be asked again later.
    pub async fn checkpoint(&self, covering: Offset) -> Result<(), SubmitError> {
        loop {
            match self.ask(Question::Checkpoint).await {
                Ok(covered) if covered >= covering => return Ok(()),
                // One that was begun earlier, or one that failed and was logged.
                Ok(_) | Err(SubmitError::Busy(_)) => tokio::time::sleep(CHECKPOINT_PAUSE).await,
                Err(error) => return Err(error),
            }
        }
    }

    async fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Question) -> Result<T, SubmitError> {
        let (reply, answer) = oneshot::channel();
        self.jobs.try_send(Message::Ask(question(reply))).map_err(|error| self.refused(&error))?;
        answer.await.map_err(|_| match self.shared.progress.phase() {
            Phase::Ready | Phase::CatchingUp => SubmitError::Busy("checkpoint"),
            _ => self.why_gone(),
        })
    }

    /// The present instant by the writers' clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Takes no more records. What waits in the queue is still written, applied and saved; then the writers end.
    pub async fn stop(&self) {
        self.shared.progress.enter(Phase::Stopping);
        // If the sequencer is gone already, there is nothing to stop.
        let _ = self.jobs.send(Message::Stop).await;
    }

    /// Hands the scorer a lesson. It is dropped where many wait already, or where the scorer does not learn.
    pub fn teach(&self, lesson: Lesson) {
        if !self.shared.engine.read().model().frozen {
            self.school.hand_in(lesson);
        }
    }

    /// Publishes what the scorer has learned of all that was acknowledged, before its turn: for who stops right after
    /// that. Gives up after `patience`; the next model tells as much then.
    pub async fn publish_learned(&self, patience: Duration) {
        let publish = async {
            if self.applied(&self.acknowledged(), patience).await {
                self.school.publish().await;
            }
        };
        if tokio::time::timeout(patience, publish).await.is_err() {
            tracing::warn!("what was learned could not be published in time");
        }
    }

    /// Records waiting for the log's writer.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.capacity.saturating_sub(self.room.available_permits())
    }

    fn refuse_unless_ready(&self) -> Result<(), SubmitError> {
        match self.shared.progress.phase() {
            Phase::Ready => Ok(()),
            Phase::CatchingUp => Err(SubmitError::CatchingUp),
            Phase::Stopping => Err(SubmitError::Stopping),
            Phase::Failed(why) => Err(SubmitError::Failed(why)),
        }
    }

    fn room_now(&self, records: usize) -> Result<OwnedSemaphorePermit, SubmitError> {
        let permits = u32::try_from(records).map_err(|_| SubmitError::Full(self.capacity))?;
        Arc::clone(&self.room).try_acquire_many_owned(permits).map_err(|_| SubmitError::Full(self.capacity))
    }

    async fn room_soon(&self, records: usize) -> Result<OwnedSemaphorePermit, SubmitError> {
        let permits = u32::try_from(records).map_err(|_| SubmitError::Full(self.capacity))?;
        Arc::clone(&self.room).acquire_many_owned(permits).await.map_err(|_| SubmitError::Stopping)
    }

    fn refused(&self, error: &mpsc::error::TrySendError<Message>) -> SubmitError {
        match error {
            mpsc::error::TrySendError::Full(_) => SubmitError::Full(self.capacity),
            mpsc::error::TrySendError::Closed(_) => self.why_gone(),
        }
    }

    fn why_gone(&self) -> SubmitError {
        match self.shared.progress.phase() {
            Phase::Failed(why) => SubmitError::Failed(why),
            _ => SubmitError::Stopping,
        }
    }
}

/// The next records of a batch that fit into one job.
fn next_part(rest: &mut std::iter::Peekable<std::vec::IntoIter<Prepared>>, max_records: usize) -> Vec<Prepared> {
    let (mut part, mut bytes) = (Vec::new(), 0);
    while let Some(record) = rest.next_if(|_| part.len() < max_records && bytes < MAX_JOB_BYTES) {
        bytes += record.payload_len();
        part.push(record);
    }
    part
}
