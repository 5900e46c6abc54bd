//! What is taken, into this replica's own log.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sidecart_engine::nouns::{Entry, EventKind, Positions, Record, Timestamp};

use super::{BATCH, BATCH_BYTES, Consume, RETRY};
use crate::broker::arrived::Arrived;
use crate::broker::merge::Step;
use crate::broker::publish::Letter;
use crate::ingest::{Prepared, SubmitError};

impl Consume {
    /// Appends a batch and has it applied; `false`: the process ends, or its log takes nothing more.
    pub(super) fn submit(&self, mut steps: Vec<Step<Arrived>>) -> bool {
        let now = self.shared.clock.now();
        let mut newest = BTreeMap::new();
        let mut oldest_ms = 0;
        let leads = self.leads.load(Ordering::Acquire);
        for step in &mut steps {
            let Step::Record(arrived) = step else { continue };
            arrived.judge(&self.reading.lock());
            self.take_config(arrived);
            if leads {
                self.tell_clicks(arrived);
            }
            if !self.note_erasures(arrived) {
                return false;
            }
            if let Some((why, payload)) = &arrived.refused {
                self.bury(arrived, why, payload);
            }
            newest.insert((arrived.origin.topic.as_str(), arrived.origin.partition), arrived.at);
            oldest_ms = oldest_ms.max(now.since_ms(arrived.at));
        }
        for ((topic, partition), at) in newest {
            self.shared.metrics.broker.tell_age(topic, partition, now.since_ms(at));
        }
        let received = Instant::now().checked_sub(Duration::from_millis(oldest_ms.unsigned_abs()));
        let received = received.unwrap_or_else(Instant::now);
        let (mut job, mut bytes) = (Vec::new(), 0);
        for record in steps.into_iter().flat_map(|step| prepared(step, now)) {
            if bytes >= BATCH_BYTES || job.len() >= 2 * BATCH {
                if !self.hand_on(std::mem::take(&mut job), received) {
                    return false;
                }
                bytes = 0;
            }
            bytes += record.payload().len();
            job.push(record);
        }
        job.is_empty() || self.hand_on(job, received)
    }

    fn hand_on(&self, job: Vec<Prepared>, received: Instant) -> bool {
        let mut refused = false;
        loop {
            match self.ordered.submit(job.clone(), received) {
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
                }
            }
        }
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
            let (mut reach, origin) = (Positions::default(), &arrived.origin);
            reach.advance(&origin.topic, origin.partition, origin.offset + 1);
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

    /// Counts what cannot be taken; the leader puts it aside for all.
    fn bury(&self, arrived: &Arrived, why: &str, payload: &[u8]) {
        let origin = &arrived.origin;
        self.shared.metrics.broker.poison.inc();
        tracing::warn!(topic = origin.topic, partition = origin.partition, offset = origin.offset, "not taken: {why}");
        if !self.leads.load(Ordering::Acquire) {
            return;
        }
        let origin = (origin.topic.as_str(), origin.partition, origin.offset);
        if let Err(error) = self.runtime.block_on(self.publisher.bury(&Letter { origin, reason: why, payload })) {
            tracing::error!("a record that cannot be read was not put aside: {error}");
        }
    }
}

/// The entries of a step for this replica's log.
fn prepared(step: Step<Arrived>, now: Timestamp) -> Vec<Prepared> {
    match step {
        Step::Record(arrived) => arrived.entries,
        Step::Cut(reached) => {
            let entry = Entry { accepted_at: now, record: Record::Positions(reached), origin: None };
            let prepared =
                Prepared::new(entry).inspect_err(|error| tracing::error!(%error, "positions cannot be kept"));
            prepared.into_iter().collect()
        }
    }
}
