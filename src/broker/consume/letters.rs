//! Letters of records that cannot be taken: sent before the batch is appended where this replica leads, held back where
//! another one does.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::{Consume, RETRY, Reader};
use crate::broker::arrived::Arrived;
use crate::broker::client::explain;
use crate::broker::letters::{Letter, Spans};
use crate::broker::merge::Step;

/// How long good records wait for the broker to take letters. Without a broker there are none; a topic of dead letters
/// that alone does not work must not stop the others.
const WAIT: Duration = Duration::from_secs(30);

/// Between two tries to write letters once good records no longer wait for them.
const PAUSE: Duration = Duration::from_secs(10);

/// What became of letters.
enum Sent {
    /// The broker has them.
    Buried,
    /// It may take them later.
    Later,
    /// It never takes them.
    Lost,
}

impl Consume {
    /// Sees to the letters of a batch, and hears of those that another replica has seen to. `false`: the process ends.
    pub(super) fn see_to_letters(&self, reader: &mut Reader, steps: &mut [Step<Arrived>]) -> bool {
        let (mut letters, mut cut_to) = (Vec::new(), 0);
        for step in steps {
            match step {
                Step::Record(arrived) => letters.extend(arrived.refused.take().map(|letter| *letter)),
                Step::Cut(reached) => cut_to = reached.of(&self.topics.cuts, 0).unwrap_or(cut_to),
            }
        }
        let goes_on = letters.is_empty() || self.see_to(reader, letters);
        // A cut tells of letters before it.
        let rest = reader.told.split_off(&cut_to);
        let told = std::mem::replace(&mut reader.told, rest);
        told.values().for_each(|spans| reader.held.told(spans));
        goes_on
    }

    fn see_to(&self, reader: &mut Reader, letters: Vec<Letter>) -> bool {
        let Some(first) = letters.first() else { return true };
        let (count, key, why) = (letters.len(), first.key(), &first.reason);
        self.shared.metrics.broker.poison.inc_by(count as u64);
        tracing::warn!(count, first = key, "records not taken, the first of them: {why}");
        if self.leads.load(Ordering::Acquire) {
            return self.bury_first(reader, letters);
        }
        reader.buried = Spans::default();
        reader.held.hold(letters, Instant::now());
        !reader.held.is_full() || self.bury_due(reader)
    }

    /// Sends letters and waits; `false`: the process ends.
    fn bury_first(&self, reader: &mut Reader, letters: Vec<Letter>) -> bool {
        loop {
            match self.bury(reader, &letters) {
                Sent::Buried => {
                    letters.iter().for_each(|letter| reader.buried.extend(&letter.origin));
                    return true;
                }
                Sent::Later if !gives_up(reader) => {
                    std::thread::sleep(RETRY);
                    if self.stopped() {
                        return false;
                    }
                }
                Sent::Later => {
                    reader.buried = Spans::default();
                    reader.held.hold(letters, Instant::now());
                    return !reader.held.is_full() || self.bury_due(reader);
                }
                Sent::Lost => {
                    reader.buried = Spans::default();
                    return true;
                }
            }
        }
    }

    /// Sends what was held back for long enough. What the broker does not take now is held back again, and while that is
    /// too much, nothing more is taken. `false`: the process ends.
    pub(super) fn bury_due(&self, reader: &mut Reader) -> bool {
        loop {
            let due = reader.held.due(Instant::now());
            if due.is_empty() || !matches!(self.bury(reader, &due), Sent::Later) {
                return true;
            }
            reader.held.hold(due, Instant::now());
            if !reader.held.is_overfull() {
                return true;
            }
            if gives_up(reader) {
                self.lose(&reader.held.due(Instant::now()));
                return true;
            }
            std::thread::sleep(RETRY);
            if self.stopped() {
                return false;
            }
        }
    }

    fn bury(&self, reader: &mut Reader, letters: &[Letter]) -> Sent {
        // A topic that takes nothing is tried now and then: each try takes as long as a record may take.
        if gives_up(reader) && reader.buried_at.elapsed() < PAUSE {
            return Sent::Later;
        }
        let outcome = self.runtime.block_on(self.publisher.bury(letters));
        reader.buried_at = Instant::now();
        let Err(error) = outcome else {
            reader.unburied_since = None;
            self.shared.metrics.broker.letters.inc_by(letters.len() as u64);
            return Sent::Buried;
        };
        let said = explain(&self.kafka, &error);
        tracing::error!(letters = letters.len(), "dead letters not written: {said}");
        if passes(&error) {
            reader.unburied_since.get_or_insert_with(Instant::now);
            return Sent::Later;
        }
        self.lose(letters);
        Sent::Lost
    }

    fn lose(&self, letters: &[Letter]) {
        let key = |letter: Option<&Letter>| letter.map(Letter::key).unwrap_or_default();
        let (count, first, last) = (letters.len(), key(letters.first()), key(letters.last()));
        tracing::error!(count, first, last, "dead letters lost; the records themselves are where they were");
        self.shared.metrics.broker.letters_lost.inc_by(count as u64);
    }
}

/// Whether the broker has taken no letter for so long that good records no longer wait for it.
fn gives_up(reader: &Reader) -> bool {
    reader.unburied_since.is_some_and(|since| since.elapsed() >= WAIT)
}

/// Whether it may go well later without anybody changing anything.
fn passes(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::AllBrokersDown
                | Code::BrokerTransportFailure
                | Code::LeaderNotAvailable
                | Code::MessageTimedOut
                | Code::NotEnoughReplicas
                | Code::NotEnoughReplicasAfterAppend
                | Code::NotLeaderForPartition
                | Code::QueueFull
                | Code::RequestTimedOut
        )
    )
}
