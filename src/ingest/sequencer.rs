use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::Instant;

use rustc_hash::FxHashSet;
use sidecart_engine::nouns::{Entry, EventId};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::applier::{Group, Work};
use super::recovery::{self, StartError};
use super::{Job, Message, Phase, Prepared, Question, Receipt, Shared, SubmitError, record};
use crate::log::{EventLog, LogError, Offset};
use crate::metrics::seconds;

/// The most records of one append: enough that the sync's cost per record vanishes, few enough that the first of them
/// does not wait long for the last.
const MAX_GROUP_RECORDS: usize = 4_096;
/// The most payload bytes of one append, but for its last job; with it, a group stays below the log's own bound.
const MAX_GROUP_BYTES: usize = 8 << 20;

/// Starts the thread that owns the log.
pub(super) fn spawn(
    shared: &Arc<Shared>,
    log: Box<dyn EventLog>,
    jobs: mpsc::Receiver<Message>,
    groups: Groups,
    from: Offset,
) -> Result<JoinHandle<()>, StartError> {
    let mut sequencer = Sequencer { shared: Arc::clone(shared), log, groups, in_flight: InFlight::default() };
    let shared = Arc::clone(shared);
    std::thread::Builder::new()
        .name("sequencer".into())
        .spawn(move || shared.guard("sequencer", || sequencer.run(jobs, from)))
        .map_err(|error| StartError::Thread("sequencer", error))
}

/// The way to the applier, and what it says back about retention.
pub(super) struct Groups {
    pub to_applier: SyncSender<Work>,
    /// The offset from which checkpoints need the log, whenever that moved.
    pub keep_from: std::sync::mpsc::Receiver<Offset>,
}

struct Sequencer {
    shared: Arc<Shared>,
    log: Box<dyn EventLog>,
    groups: Groups,
    in_flight: InFlight,
}

/// A job that is part of the group being committed.
struct Pending {
    reply: oneshot::Sender<Result<Receipt, SubmitError>>,
    accepted: usize,
    duplicates: usize,
    /// Held until the records have left the queue for the log.
    room: OwnedSemaphorePermit,
}

impl Pending {
    /// Tells the caller. The room is free by then: a caller that sends on at once finds it. One that went away is told
    /// nothing; what it sent is as durable.
    fn answer(self, outcome: Result<Receipt, SubmitError>) {
        drop(self.room);
        let _ = self.reply.send(outcome);
    }
}

impl Sequencer {
    fn run(&mut self, mut jobs: mpsc::Receiver<Message>, from: Offset) {
        if let Err(error) = self.catch_up(from) {
            tracing::error!(%error, "the log cannot be read");
            self.shared.progress.enter(Phase::Failed(error.to_string()));
        }
        while let Some(message) = jobs.blocking_recv() {
            match message {
                Message::Take(first) => {
                    let (group, questions) = collect(first, &mut jobs);
                    self.commit(group);
                    questions.into_iter().for_each(|question| self.answer(question));
                }
                Message::Ask(question) => self.answer(question),
                // What is queued already still comes.
                Message::Stop => jobs.close(),
            }
            self.retain();
        }
    }

    /// Applies what the checkpoint does not cover, then lets records in.
    fn catch_up(&mut self, from: Offset) -> Result<(), LogError> {
        self.shared.progress.set_appended(self.log.next_offset(), Instant::now());
        recovery::replay(self.log.as_ref(), from, &self.groups.to_applier)
    }

    /// Makes a group durable with one append, acknowledges its jobs and hands it to the applier.
    fn commit(&mut self, jobs: Vec<Job>) {
        if let Phase::Failed(why) = self.shared.progress.phase() {
            for job in jobs {
                let _ = job.reply.send(Err(SubmitError::Failed(why.clone())));
            }
            return;
        }
        self.in_flight.trim(self.shared.progress.applied());
        let received = jobs.iter().map(|job| job.received).min().unwrap_or_else(Instant::now);
        let first = self.log.next_offset();
        let (fresh, pending) = self.dedupe(jobs, first);
        let (entries, payloads): (Vec<Entry>, Vec<Vec<u8>>) =
            fresh.into_iter().map(|record| (record.entry, record.payload)).unzip();
        match self.append(&payloads) {
            Ok(()) => {
                entries.iter().for_each(|entry| self.shared.metrics.count(record::kind(entry), "accepted", 1));
                self.acknowledge(pending, entries, received);
            }
            Err(error) => {
                tracing::error!(%error, records = payloads.len(), "append failed; nothing was acknowledged");
                self.in_flight.forget_from(first);
                // Before anybody is answered: who was turned away for good finds the reason at `/readyz`.
                if self.log.is_closed() || matches!(error, LogError::Poisoned) {
                    self.shared.progress.enter(Phase::Failed(LogError::Poisoned.to_string()));
                }
                for job in pending {
                    job.answer(Err(SubmitError::from(&error)));
                }
            }
        }
    }

    /// Takes out the events whose ids are known, here or in the engine.
    ///
    /// The order of the two checks matters: an id leaves `in_flight` only in [`InFlight::trim`], on this thread, once
    /// the engine has it; so an id that was accepted is always in one of the two.
    fn dedupe(&mut self, jobs: Vec<Job>, first: Offset) -> (Vec<Prepared>, Vec<Pending>) {
        let shared = Arc::clone(&self.shared);
        let engine = shared.engine.read();
        let mut fresh: Vec<Prepared> = Vec::new();
        let mut pending = Vec::with_capacity(jobs.len());
        for job in jobs {
            let (mut accepted, mut duplicates) = (0, 0);
            for record in job.records {
                let known = match record.event_id() {
                    // In the order of a broker: whether it counts is for the engine to say, alike on all replicas.
                    Some(_) if shared.outlet.is_some() => false,
                    Some(id) => {
                        let offset = first.plus(fresh.len() as u64);
                        self.in_flight.contains(id) || engine.has_seen(id) || !self.in_flight.insert(id, offset)
                    }
                    None => false,
                };
                if known {
                    duplicates += 1;
                    shared.metrics.count(record.kind(), "duplicate", 1);
                } else {
                    accepted += 1;
                    fresh.push(record);
                }
            }
            pending.push(Pending { reply: job.reply, accepted, duplicates, room: job.room });
        }
        (fresh, pending)
    }

    fn append(&mut self, payloads: &[Vec<u8>]) -> Result<(), LogError> {
        if payloads.is_empty() {
            return Ok(());
        }
        let started = Instant::now();
        self.log.append(payloads, self.shared.clock.now())?;
        self.shared.metrics.append.observe(seconds(started.elapsed()));
        self.shared.metrics.group.observe(payloads.len() as f64);
        Ok(())
    }

    fn acknowledge(&mut self, pending: Vec<Pending>, entries: Vec<Entry>, received: Instant) {
        let next = self.log.next_offset();
        if !entries.is_empty() {
            self.shared.progress.set_appended(next, received);
        }
        for job in pending {
            let receipt = Receipt { accepted: job.accepted, duplicates: job.duplicates, next: next.into() };
            job.answer(Ok(receipt));
        }
        if entries.is_empty() {
            return;
        }
        let group = Group { entries, next, received, replayed: false };
        if self.groups.to_applier.send(Work::Apply(group)).is_err() {
            self.shared.progress.enter(Phase::Failed("the applier has ended".into()));
        }
    }

    /// Answers a question about the log; hands one about the state on, behind all that was acknowledged. If the applier
    /// is gone, whoever asks is told so by the question's end.
    fn answer(&mut self, question: Question) {
        match question {
            Question::Roll(reply) => {
                let rolled = self.log.roll(self.shared.clock.now());
                // Whoever asked may have gone since.
                let _ = reply.send(rolled.map_err(|error| SubmitError::from(&error)));
            }
            question => drop(self.groups.to_applier.send(Work::Answer(question))),
        }
    }

    /// Deletes what no checkpoint needs any more, when a checkpoint was made since.
    fn retain(&mut self) {
        let Some(keep_from) = self.groups.keep_from.try_iter().last() else { return };
        match self.log.retain(keep_from, self.shared.clock.now()) {
            Ok(retired) if retired.segments > 0 => {
                tracing::info!(segments = retired.segments, bytes = retired.bytes, "old log files deleted");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "old log files could not be deleted"),
        }
    }
}

/// What is waiting, up to a group, and what was asked meanwhile.
fn collect(first: Job, jobs: &mut mpsc::Receiver<Message>) -> (Vec<Job>, Vec<Question>) {
    let size = |job: &Job| job.records.iter().map(Prepared::payload_len).sum::<usize>();
    let (mut records, mut bytes) = (first.records.len(), size(&first));
    let (mut group, mut questions) = (vec![first], Vec::new());
    while records < MAX_GROUP_RECORDS && bytes < MAX_GROUP_BYTES {
        let job = match jobs.try_recv() {
            Ok(Message::Take(job)) => job,
            Ok(Message::Ask(question)) => {
                questions.push(question);
                continue;
            }
            Ok(Message::Stop) => {
                jobs.close();
                break;
            }
            Err(_) => break,
        };
        records += job.records.len();
        bytes += size(&job);
        group.push(job);
    }
    (group, questions)
}

/// The ids of events that are in the log, or about to be, but not yet in the engine. Bounded by the queue to the
/// applier.
#[derive(Debug, Default)]
struct InFlight {
    ids: FxHashSet<EventId>,
    order: VecDeque<(Offset, EventId)>,
}

impl InFlight {
    fn contains(&self, id: &EventId) -> bool {
        self.ids.contains(id)
    }

    /// Whether it was not there yet.
    fn insert(&mut self, id: &EventId, offset: Offset) -> bool {
        let new = self.ids.insert(id.clone());
        if new {
            self.order.push_back((offset, id.clone()));
        }
        new
    }

    /// Forgets what the engine knows: everything before `applied`.
    fn trim(&mut self, applied: Offset) {
        while self.order.front().is_some_and(|(offset, _)| *offset < applied) {
            self.order.pop_front().map(|(_, id)| self.ids.remove(&id));
        }
    }

    /// Forgets what did not get into the log: everything from `first` on.
    fn forget_from(&mut self, first: Offset) {
        while self.order.back().is_some_and(|(offset, _)| *offset >= first) {
            self.order.pop_back().map(|(_, id)| self.ids.remove(&id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stays_until_the_engine_has_it() {
        let mut in_flight = InFlight::default();
        let id = |text| EventId::new(text).expect("an id");
        assert!(in_flight.insert(&id("a"), Offset(0)));
        assert!(in_flight.insert(&id("b"), Offset(1)));
        assert!(!in_flight.insert(&id("a"), Offset(2)));
        in_flight.trim(Offset(1));
        assert!(!in_flight.contains(&id("a")));
        assert!(in_flight.contains(&id("b")));
        in_flight.forget_from(Offset(1));
        assert!(!in_flight.contains(&id("b")));
    }
}
