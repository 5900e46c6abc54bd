//! What has to be looked after beside reading: how much waits, how far it is, what has changed at the broker.

use std::time::Instant;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer as _;

use super::{COUNT, CUTS, Consume, LOOK, MAX_CUTS, MAX_WAITING, MAX_WAITING_BYTES, NEAR, POLL, QUIET, Reader, STUCK};

impl Consume {
    /// Whether a topic has more partitions than are read, looked at now and then.
    pub(super) fn has_grown(&self, reader: &mut Reader) -> bool {
        if reader.counted_at.elapsed() < COUNT {
            return false;
        }
        reader.counted_at = Instant::now();
        self.topics.ordered.iter().enumerate().any(|(lane, topic)| {
            // A broker that is away has no news.
            let metadata = reader.consumer.fetch_metadata(Some(topic), POLL * 100);
            let count =
                metadata.ok().and_then(|metadata| metadata.topics().first().map(|topic| topic.partitions().len()));
            count.is_some_and(|count| count > reader.known.range((lane, 0)..=(lane, i32::MAX)).count())
        })
    }

    /// Whether records or a cut are waited for in vain while the broker answers: a client that lost its way after the
    /// broker was away must not hold its replica up for good.
    pub(super) fn is_stuck(&self, reader: &mut Reader) -> bool {
        let waits = reader.merge.waiting() > 0 || reader.merge.cuts_waiting() > 0;
        let next = reader.merge.next_cut();
        let since = match reader.stuck_since {
            Some((cut, since)) if waits && cut == next => since,
            _ => {
                reader.stuck_since = waits.then(|| (next, Instant::now()));
                return false;
            }
        };
        if since.elapsed() < STUCK {
            return false;
        }
        reader.stuck_since = None;
        // A broker that is away is waited for.
        reader.consumer.fetch_watermarks(&self.topics.cuts, 0, POLL * 100).is_ok()
    }

    /// Reads on only where there is room.
    pub(super) fn pace(&self, reader: &mut Reader) {
        let cuts = share(reader.merge.cuts_waiting(), MAX_CUTS);
        self.pace_one(reader, (CUTS, 0), &self.topics.cuts, cuts);
        for (lane, topic) in self.topics.ordered.iter().enumerate() {
            for partition in reader.merge.partitions(lane) {
                let (records, bytes) = reader.merge.waiting_of((lane, partition));
                let share = share(records, MAX_WAITING).max(share(bytes, MAX_WAITING_BYTES));
                self.pace_one(reader, (lane, partition), topic, share);
            }
        }
    }

    /// `share`: how much of its room a partition has taken.
    fn pace_one(&self, reader: &mut Reader, place: (usize, i32), topic: &str, share: f64) {
        let is_paused = reader.paused.contains(&place);
        if is_paused == (share > 0.5) || (!is_paused && share <= 1.0) {
            return;
        }
        let mut list = TopicPartitionList::new();
        list.add_partition(topic, place.1);
        // If the client cannot do it now, it is tried again with the next turn.
        if is_paused {
            if reader.consumer.resume(&list).is_ok() {
                reader.paused.remove(&place);
            }
        } else if reader.consumer.pause(&list).is_ok() {
            reader.paused.insert(place);
        }
    }

    /// Readiness, lag, and partitions that were added.
    pub(super) fn look(&self, reader: &mut Reader) {
        if reader.goal.is_some() {
            self.tell_behind(reader);
        }
        if reader.looked_at.elapsed() < LOOK {
            return;
        }
        reader.looked_at = Instant::now();
        // If the process ends, the loop does, too.
        let _ = self.bury_due(reader);
        let broker = &self.shared.metrics.broker;
        broker.clock_ahead.set(self.publisher.skew().ahead_ms() as f64 / 1e3);
        self.warn(&reader.warnings);
        broker.waiting.set(reader.merge.waiting() as i64);
        let ends = self.ends.lock().clone();
        for (lane, topic) in self.topics.ordered.iter().enumerate() {
            for (&partition, &end) in ends.0.get(topic).into_iter().flatten() {
                let left = end - reader.merge.taken((lane, partition));
                broker.tell_lag(topic, partition, left.max(0));
            }
        }
    }

    /// Warns of the topics, and of this replica's clock.
    pub(super) fn warn(&self, of_topics: &[String]) {
        let warnings: Vec<String> = of_topics.iter().cloned().chain(self.publisher.skew().warning()).collect();
        let known = self.shared.progress.warnings();
        if warnings != known {
            warnings.iter().filter(|warning| !known.contains(warning)).for_each(|warning| tracing::warn!("{warning}"));
            self.shared.progress.set_warnings(warnings);
        }
    }

    /// Whether nothing more comes though offsets are left: those of transactions and of what compaction took away.
    fn is_at_the_end(&self, reader: &Reader) -> bool {
        let merge = &reader.merge;
        let is_quiet = reader.arrived_at.elapsed() > QUIET && merge.waiting() == 0 && merge.cuts_waiting() == 0;
        is_quiet && !reader.is_troubled && reader.consumer.fetch_watermarks(&self.topics.cuts, 0, POLL * 100).is_ok()
    }

    /// Says what is still to come before the process counts as ready.
    pub(super) fn tell_behind(&self, reader: &mut Reader) {
        let Some(goal) = &reader.goal else { return };
        let engine = self.shared.engine.read();
        let reached = engine.positions();
        let left: i64 = goal.iter().map(|(t, p, end)| (end - reached.of(t, p).unwrap_or(0)).max(0)).sum();
        drop(engine);
        if left == 0 || self.is_at_the_end(reader) {
            self.reached(reader);
        } else {
            let why = format!("some {left} records of the broker are still to be applied");
            self.shared.progress.set_behind(Some(why));
        }
    }

    /// What the broker held is applied. What has come meanwhile is caught up with, too, while that is less each time.
    fn reached(&self, reader: &mut Reader) {
        let ends = self.ends.lock().clone();
        let left: i64 = {
            let engine = self.shared.engine.read();
            let reached = engine.positions();
            ends.iter().map(|(t, p, end)| (end - reached.of(t, p).unwrap_or(0)).max(0)).sum()
        };
        if left <= NEAR || left >= reader.left {
            if left > NEAR {
                tracing::warn!(left, "records come as fast as this replica takes them: it counts as ready, and lags");
            }
            tracing::info!("all that the broker held at the start is applied");
            self.shared.progress.set_behind(None);
            reader.goal = None;
        } else {
            (reader.left, reader.goal) = (left, Some(ends));
        }
    }
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}
