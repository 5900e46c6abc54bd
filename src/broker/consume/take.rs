//! What is taken, into this replica's own log.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sidecart_engine::nouns::{Entry, EventKind, Positions, Record, Timestamp};

use super::{BATCH, BATCH_BYTES, Consume, RETRY, Reader};
use crate::broker::arrived::Arrived;
use crate::broker::merge::Step;
use crate::ingest::{Answer, Prepared, SubmitError};

/// A job that the sequencer has: while it is being appended, the next one is read.
pub(super) struct InFlight {
    answer: Result<Answer, SubmitError>,
    /// The records as bytes, should the log refuse them.
    payloads: Vec<Vec<u8>>,
    received: Instant,
}

impl Consume {
    /// Appends a batch and has it applied; `false`: the process ends, or its log takes nothing more.
    pub(super) fn submit(&self, reader: &mut Reader, mut steps: Vec<Step<Arrived>>) -> bool {
        let now = self.shared.clock.now();
        if !self.tell_witness(&mut steps) {
            return false;
        }
        let oldest_ms = self.tell_ages(&steps, now);
        // Before anything of the batch is appended: whoever dies here reads it again.
        if !self.see_to_letters(reader, &mut steps) {
            return false;
        }
        let received = Instant::now().checked_sub(Duration::from_millis(oldest_ms.unsigned_abs()));
        let received = received.unwrap_or_else(Instant::now);
        let (mut job, mut bytes) = (Vec::with_capacity(steps.len()), 0);
        for step in steps {
            let taken = match step {
                Step::Record(arrived) => arrived.entries,
                Step::Cut(reached) => positions(reached, now),
            };
            for record in taken {
                if bytes >= BATCH_BYTES || job.len() >= 2 * BATCH {
                    if !self.hand_on(reader, std::mem::take(&mut job), received) {
                        return false;
                    }
                    bytes = 0;
                }
                bytes += record.payload().len();
                job.push(record);
            }
        }
        job.is_empty() || self.hand_on(reader, job, received)
    }

    /// Judges what is judged in its turn, and tells the rest of the replica what means more than a change of the state.
    /// `false`: the process ends.
    fn tell_witness(&self, steps: &mut [Step<Arrived>]) -> bool {
        let leads = self.leads.load(Ordering::Acquire);
        for step in steps {
            let Step::Record(arrived) = step else { continue };
            arrived.judge(&self.reading.lock());
            self.take_config(arrived);
            if leads {
                self.tell_clicks(arrived);
            }
            if !self.note_erasures(arrived) {
                return false;
            }
        }
        true
    }

    /// Brings a config into force for what comes behind it.
    fn take_config(&self, arrived: &mut Arrived) {
        let Some(proposal) = arrived.proposal.take() else { return };
        match self.witness.config(&proposal) {
            Ok(reading) => *self.reading.lock() = reading,
            // Not put aside: who put it is told, and so does each replica's `lastError`.
            Err(why) => tracing::warn!(version = proposal.version, "config not taken up: {why}"),
        }
    }

    fn tell_clicks(&self, arrived: &Arrived) {
        for entry in &arrived.entries {
            if let Record::Event(event) = entry.record()
                && event.kind == EventKind::Click
                && event.attribution_token.is_some()
            {
                self.witness.click(event);
            }
        }
    }

    /// Has what is to be forgotten in this replica's files written down before its log and state know of it: a crash in
    /// between is made good by reading the record again. `false`: the process ends.
    fn note_erasures(&self, arrived: &Arrived) -> bool {
        let mut refused = false;
        for entry in &arrived.entries {
            let Record::Erase(erasure) = entry.record() else { continue };
            let mut reach = Positions::default();
            reach.advance(&self.topics.ordered[arrived.lane], arrived.partition, arrived.offset + 1);
            while let Err(error) = self.witness.erasure(erasure, &reach, entry.accepted_at()) {
                tracing::error!("an erasure cannot be taken: {error}");
                self.shared.progress.set_behind(Some(error.to_string()));
                std::thread::sleep(RETRY);
                if self.stopped() {
                    return false;
                }
                refused = true;
            }
        }
        if refused {
            // Whether more is to come is said with the next look.
            self.shared.progress.set_behind(None);
        }
        true
    }

    /// Tells how old the newest record of each partition is; gives the age of the oldest of all, in milliseconds.
    fn tell_ages(&self, steps: &[Step<Arrived>], now: Timestamp) -> i64 {
        let (mut newest, mut oldest_ms) = (BTreeMap::new(), 0);
        for step in steps {
            let Step::Record(arrived) = step else { continue };
            newest.insert((arrived.lane, arrived.partition), arrived.at);
            oldest_ms = oldest_ms.max(now.since_ms(arrived.at));
        }
        for ((lane, partition), at) in newest {
            self.shared.metrics.broker.tell_age(&self.topics.ordered[lane], partition, now.since_ms(at));
        }
        oldest_ms
    }

    /// Hands a job on once the one before is in the log: one that is refused must not be overtaken, or its records would
    /// count as read.
    fn hand_on(&self, reader: &mut Reader, job: Vec<Prepared>, received: Instant) -> bool {
        if !self.settle(reader) {
            return false;
        }
        let payloads = job.iter().map(|record| record.payload().to_vec()).collect();
        let answer = self.ordered.send(job, received);
        reader.in_flight = Some(InFlight { answer, payloads, received });
        true
    }

    /// Waits until the job under way, if any, is in the log; `false`: the process ends, or its log takes nothing more.
    pub(super) fn settle(&self, reader: &mut Reader) -> bool {
        let Some(mut job) = reader.in_flight.take() else { return true };
        let mut refused = false;
        loop {
            match job.answer.and_then(Answer::wait) {
                Ok(_) => {
                    if refused {
                        // Whether more is to come is said with the next look.
                        self.shared.progress.set_behind(None);
                    }
                    return true;
                }
                Err(SubmitError::Stopping | SubmitError::Failed(_)) => return false,
                // The disk is full, or refuses: what has arrived is not lost, the broker has it.
                Err(error) => {
                    if !std::mem::replace(&mut refused, true) {
                        tracing::error!("{error}");
                    }
                    self.shared.progress.set_behind(Some(error.to_string()));
                    std::thread::sleep(RETRY);
                    if self.stopped() {
                        return false;
                    }
                    job.answer = again(&job.payloads).and_then(|records| self.ordered.send(records, job.received));
                }
            }
        }
    }
}

/// Records from their bytes in the log.
fn again(payloads: &[Vec<u8>]) -> Result<Vec<Prepared>, SubmitError> {
    let entry = |payload: &Vec<u8>| serde_json::from_slice(payload).map_err(|error| error.to_string());
    let record = |payload| entry(payload).and_then(|entry| Prepared::new(entry).map_err(|error| error.to_string()));
    payloads.iter().map(record).collect::<Result<_, _>>().map_err(SubmitError::Failed)
}

/// What is written down of a cut that was taken whole.
fn positions(reached: Positions, now: Timestamp) -> Vec<Prepared> {
    let entry = Entry { accepted_at: now, record: Record::Positions(reached), origin: None };
    let prepared = Prepared::new(entry).inspect_err(|error| tracing::error!(%error, "positions cannot be kept"));
    prepared.into_iter().collect()
}
