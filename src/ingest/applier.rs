use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::RwLockWriteGuard;
use sidecart_engine::nouns::{Entry, Record};
use sidecart_engine::{Applied, STATE_VERSION};
use tokio::sync::oneshot;

use super::checkpoint::{CheckpointError, Checkpoints, Header};
use super::checkpointer::Checkpointer;
use super::recovery::{Saving, StartError};
use super::sequencer::Groups;
use super::trainer::Classroom;
use super::{Phase, Question, Shared, StateDigest, record};
use crate::log::{LogReader, Offset};
use crate::metrics::seconds;

/// Groups that may wait for the applier. With the records of a group it bounds what is acknowledged but not visible;
/// when full, the sequencer waits, and the callers with it.
const MAX_WAITING_GROUPS: usize = 32;
/// Entries applied in one turn at the lock: some tens of microseconds, so that readers hardly notice.
const MAX_TURN_ENTRIES: usize = 64;
/// The longest turn at the lock, but for its last entry: about as long as an answer takes.
const MAX_TURN: Duration = Duration::from_micros(200);

/// What the applier does next.
pub(super) enum Work {
    /// Change the engine.
    Apply(Group),
    /// Say something about its state.
    Answer(Question),
}

/// Entries of the log on their way into the engine, in log order.
pub(super) struct Group {
    pub entries: Vec<Entry>,
    /// The offset behind the last of them.
    pub next: Offset,
    /// When the first of them arrived.
    pub received: Instant,
    /// Read back from the log rather than just accepted: says nothing about freshness.
    pub replayed: bool,
}

/// Starts the thread that is the engine's only writer.
pub(super) fn spawn(
    shared: &Arc<Shared>,
    checkpoints: Checkpoints,
    saving: Saving,
    log: Box<dyn LogReader>,
    classroom: Option<Classroom>,
) -> Result<(JoinHandle<()>, Groups), StartError> {
    let (to_applier, groups) = sync_channel(MAX_WAITING_GROUPS);
    let (retention, keep_from) = channel();
    let saved = shared.progress.applied();
    let newest = Arc::new(AtomicU64::new(saved.0));
    let maker = (checkpoints.clone(), saving.clone());
    let checkpointer = Checkpointer::spawn(shared, maker, log, retention.clone(), Arc::clone(&newest))?;
    let shared_too = Arc::clone(shared);
    let mut applier = Applier { shared: shared_too, checkpoints, saving, retention, newest, ordered: saved, classroom };
    let shared = Arc::clone(shared);
    let thread = std::thread::Builder::new()
        .name("applier".into())
        .spawn(move || shared.guard("applier", || applier.run(&groups, checkpointer)))
        .map_err(|error| StartError::Thread("applier", error))?;
    Ok((thread, Groups { to_applier, keep_from }))
}

struct Applier {
    shared: Arc<Shared>,
    checkpoints: Checkpoints,
    saving: Saving,
    retention: Sender<Offset>,
    /// What the newest whole checkpoint covers.
    newest: Arc<AtomicU64>,
    /// What the checkpoint ordered last covers.
    ordered: Offset,
    /// Where the scorer's lessons are made, if it learns.
    classroom: Option<Classroom>,
}

impl Applier {
    /// Applies and saves until the sequencer has ended. After a panic the state may be half changed: it is not saved.
    fn run(&mut self, groups: &Receiver<Work>, checkpointer: Checkpointer) {
        let mut save_at = Instant::now() + self.saving.every;
        loop {
            match groups.recv_timeout(save_at.saturating_duration_since(Instant::now())) {
                Ok(Work::Apply(group)) => self.apply(&group),
                Ok(Work::Answer(Question::Digest(reply))) => self.digest(reply),
                Ok(Work::Answer(Question::Checkpoint(reply))) => self.checkpoint(&checkpointer, reply),
                // The sequencer's own.
                Ok(Work::Answer(Question::Roll(_))) => {}
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if checkpointer.wants_from_memory() {
                self.save();
            }
            if Instant::now() >= save_at {
                self.order_checkpoint(&checkpointer);
                save_at = Instant::now() + self.saving.every;
            }
        }
        checkpointer.stop();
        self.save();
    }

    /// Has a checkpoint made off to the side, unless nothing changed since the last one. What the log does not tell
    /// (see [`Shared::unlogged`]) can only be saved from here.
    fn order_checkpoint(&mut self, checkpointer: &Checkpointer) {
        let next = self.shared.progress.applied();
        if next == self.ordered && !checkpointer.has_failed() {
            return;
        }
        if self.shared.unlogged.load(Ordering::Acquire) {
            self.save();
        } else if checkpointer.order(next, None) {
            self.ordered = next;
        }
    }

    /// Has a checkpoint made of all that is applied, and tells when it is there. While another one is being made, the
    /// question is dropped: whoever asked asks again.
    fn checkpoint(&mut self, checkpointer: &Checkpointer, reply: oneshot::Sender<Offset>) {
        let next = self.shared.progress.applied();
        if self.newest.load(Ordering::Acquire) == next.0 {
            // Whoever asked may have gone since.
            let _ = reply.send(next);
        } else if self.shared.unlogged.load(Ordering::Acquire) {
            self.save();
            let _ = reply.send(Offset(self.newest.load(Ordering::Acquire)));
        } else if checkpointer.order(next, Some(reply)) {
            self.ordered = next;
        }
    }

    fn apply(&mut self, group: &Group) {
        let mut rest = &group.entries[..];
        while !rest.is_empty() {
            let done = self.turn(rest, group.replayed);
            let turn;
            (turn, rest) = rest.split_at(done);
            let next = Offset(group.next.0 - rest.len() as u64);
            self.shared.progress.set_applied(next, group.received);
            if !group.replayed {
                let age = seconds(group.received.elapsed());
                turn.iter().for_each(|_| self.shared.metrics.freshness.observe(age));
            }
        }
        // Also where offsets without entries were skipped.
        self.shared.progress.set_applied(group.next, group.received);
        if group.replayed && self.shared.progress.phase() == Phase::CatchingUp {
            self.end_of_catch_up();
        }
    }

    /// Lets records in once the engine knows all that the log held at the start, which is up to `appended`.
    fn end_of_catch_up(&self) {
        if self.shared.progress.applied() >= self.shared.progress.appended() {
            self.shared.progress.enter(Phase::Ready);
            tracing::info!(next = self.shared.progress.applied().0, "ready");
        }
    }

    /// Applies some entries under the lock; says how many.
    fn turn(&mut self, entries: &[Entry], replayed: bool) -> usize {
        if let Some(Entry { record: Record::Erase(erasure), .. }) = entries.first() {
            // Looked for as a reader, so that answers go on: this thread is the only writer, nothing changes in between.
            let found = self.shared.engine.read().find_erased(erasure);
            self.shared.engine.write().forget(&found);
            self.shared.changed.erased(found.shoppers());
            return 1;
        }
        let mut engine = self.shared.engine.write();
        let started = Instant::now();
        let mut done = 0;
        let until = entries.iter().position(|entry| matches!(entry.record, Record::Erase(_))).unwrap_or(entries.len());
        for entry in entries[..until].iter().take(MAX_TURN_ENTRIES) {
            // What is replayed was learned from before; the models are in the log.
            if let Some(classroom) = self.classroom.as_mut().filter(|_| !replayed) {
                classroom.attend(&engine, entry);
            }
            let before = engine.profile_changes();
            let applied = engine.apply(entry);
            if engine.profile_changes() != before && self.shared.changed.is_on() {
                self.shared.changed.note(engine.shoppers_of(entry));
            }
            if applied == Applied::Refused {
                self.shared.metrics.count(record::kind(entry), "refused", 1);
            }
            done += 1;
            if started.elapsed() >= MAX_TURN {
                break;
            }
        }
        // Readers that queued up meanwhile go first.
        RwLockWriteGuard::unlock_fair(engine);
        done
    }

    /// Says what the state is. As a reader that is the only writer it keeps nobody waiting but itself.
    fn digest(&self, question: oneshot::Sender<StateDigest>) {
        if question.is_closed() {
            return;
        }
        match StateDigest::of(self.shared.engine.read().state(), self.shared.progress.applied()) {
            // Whoever asked may have gone since.
            Ok(digest) => drop(question.send(digest)),
            Err(error) => tracing::error!(%error, "the state cannot be encoded"),
        }
    }

    /// Saves the state from here. Holds the lock as a reader: answers go on, and as this is the only writer, nobody
    /// waits for it; but nothing is applied meanwhile. At the end of a process that is as it should be.
    fn save(&mut self) {
        let next = self.shared.progress.applied();
        if self.newest.load(Ordering::Acquire) == next.0 {
            return;
        }
        let started = Instant::now();
        let metrics = &self.shared.metrics;
        match self.write_checkpoint(next) {
            Ok(keep_from) => {
                self.ordered = next;
                self.newest.store(next.0, Ordering::Release);
                let millis = started.elapsed().as_millis() as u64;
                tracing::info!(next = next.0, millis, "checkpoint written");
                metrics.checkpoint.observe(seconds(started.elapsed()));
                metrics.checkpoints.get_or_create(&outcome("written")).inc();
                // The sequencer may have ended already: the next start retains.
                let _ = self.retention.send(keep_from);
            }
            Err(error) => {
                tracing::error!(%error, "checkpoint failed; the log still holds everything");
                metrics.checkpoints.get_or_create(&outcome("failed")).inc();
            }
        }
    }

    fn write_checkpoint(&self, next: Offset) -> Result<Offset, CheckpointError> {
        let header = Header {
            state_version: STATE_VERSION,
            next,
            config_version: self.saving.config_version.clone(),
            saved_at: self.shared.clock.now(),
        };
        self.checkpoints.save(&header, self.shared.engine.read().state())
    }
}

fn outcome(outcome: &'static str) -> crate::metrics::OutcomeLabel {
    crate::metrics::OutcomeLabel { outcome }
}
