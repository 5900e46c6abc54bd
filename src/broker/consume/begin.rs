//! Seeing to the topics, and going to where the state is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use rdkafka::Message as _;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::{Offset as At, TopicPartitionList};
use sidecart_engine::nouns::Positions;
use uuid::Uuid;

use super::{Consume, FIND_CONFIG, POLL, Reader, SILENCE, STAGGER};
use crate::broker::arrived::{Arrived, Content};
use crate::broker::client::{BrokerError, config, consumer, explain};
use crate::broker::letters::{Held, Spans};
use crate::broker::merge::Merge;
use crate::broker::topics::{ASK, Topics};
use crate::in_force::Proposal;

impl Consume {
    /// Sees to the topics and goes to where the state is.
    pub(super) fn begin(&self, is_first: bool) -> Result<Reader, BrokerError> {
        // The rest of this replica's own log says where it was.
        while self.shared.progress.applied() < self.shared.progress.appended() && !self.stopped() {
            std::thread::sleep(POLL);
        }
        let warnings = self.runtime.block_on(self.topics.ensure(&self.kafka))?;
        self.warn(&warnings);
        let mut config = config(&self.kafka)?;
        // No group: every replica reads everything, from where its own state is.
        config.set("group.id", format!("{}replica", self.kafka.topic_prefix)).set("enable.auto.commit", "false");
        config.set("auto.offset.reset", "earliest").set("fetch.wait.max.ms", "10");
        config.set("fetch.error.backoff.ms", "100").set("queued.max.messages.kbytes", "65536");
        let consumer = consumer(&self.kafka, &config)?;
        let from = self.shared.engine.read().positions().clone();
        let merge = Merge::new(self.topics.ordered.to_vec(), self.topics.cuts.clone(), &from);
        let now = Instant::now();
        let mut reader = Reader {
            consumer,
            merge,
            warnings,
            arrived_at: now,
            is_troubled: false,
            paused: BTreeSet::new(),
            goal: None,
            left: i64::MAX,
            cuts_end: 0,
            patience: SILENCE + STAGGER * u32::from(Uuid::new_v4().as_bytes()[0] % 8),
            stuck_since: None,
            cut: None,
            cut_at: now,
            whole_cut_at: now,
            uncut_since: None,
            looked_at: now,
            known: BTreeSet::new(),
            counted_at: now,
            in_flight: None,
            held: Held::default(),
            told: BTreeMap::new(),
            buried: Spans::default(),
            buried_at: now,
            unburied_since: None,
        };
        self.go_back_to_config(&from)?;
        let goal = self.assign(&mut reader, &from)?;
        reader.cuts_end = goal.of(&self.topics.cuts, 0).unwrap_or(0);
        reader.goal = is_first.then_some(goal);
        Ok(reader)
    }

    /// Brings that config into force that was when the state was where it is now: the newest before its place in the topic.
    fn go_back_to_config(&self, from: &Positions) -> Result<(), BrokerError> {
        let topic = self.topics.configs();
        let Some(next) = from.of(topic, 0).filter(|next| *next > 0) else { return Ok(()) };
        let refused = |error: KafkaError| BrokerError::Refused(explain(&self.kafka, &error));
        let mut config = config(&self.kafka)?;
        config.set("group.id", format!("{}replica", self.kafka.topic_prefix)).set("enable.auto.commit", "false");
        let consumer = consumer(&self.kafka, &config)?;
        let (first, end) = consumer.fetch_watermarks(topic, 0, ASK).map_err(refused)?;
        let next = next.min(end);
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, 0, At::Beginning).map_err(refused)?;
        consumer.assign(&list).map_err(refused)?;
        let (started, mut at, mut newest) = (Instant::now(), first, None::<Proposal>);
        while at < next {
            if self.stopped() || started.elapsed() > FIND_CONFIG {
                let problem =
                    format!("does not give its records before {next} within {FIND_CONFIG:?}: it is tried again");
                return Err(BrokerError::Topic { topic: topic.to_owned(), problem });
            }
            let Some(message) = consumer.poll(POLL * 20).transpose().map_err(refused)? else { continue };
            at = message.offset() + 1;
            if message.offset() < next {
                let arrived = Arrived::of(&message, Topics::CONFIGS, &self.reading.lock());
                // One that came too late to take the place of what it had seen was never in force.
                let follows = |proposal: &Proposal| match (&proposal.expected, &newest) {
                    (Some(expected), Some(newest)) => *expected == newest.version,
                    _ => true,
                };
                if let Some(proposal) = arrived.proposal.filter(|proposal| follows(proposal)) {
                    newest = Some(*proposal);
                }
            }
        }
        if let Some(proposal) = newest {
            match self.witness.config_before(&proposal) {
                Ok(reading) => *self.reading.lock() = reading,
                Err(why) => tracing::warn!(version = proposal.version, "config not taken up: {why}"),
            }
        }
        Ok(())
    }

    /// Reads every partition from where it was left; gives how far they reach now.
    fn assign(&self, reader: &mut Reader, from: &Positions) -> Result<Positions, BrokerError> {
        let refused = |error: KafkaError| BrokerError::Refused(explain(&self.kafka, &error));
        let (mut list, mut goal) = (TopicPartitionList::new(), Positions::default());
        let ordered = self.topics.ordered.iter().enumerate().map(|(lane, topic)| (Some(lane), topic));
        for (lane, topic) in ordered.chain([(None, &self.topics.cuts)]) {
            let metadata = reader.consumer.fetch_metadata(Some(topic), ASK).map_err(refused)?;
            let partitions = metadata.topics().first().map_or(0, |topic| topic.partitions().len() as i32);
            if partitions == 0 {
                let problem = "is not there yet: it is looked for again".to_owned();
                return Err(BrokerError::Topic { topic: topic.clone(), problem });
            }
            for partition in 0..partitions {
                let (first, end) = reader.consumer.fetch_watermarks(topic, partition, ASK).map_err(refused)?;
                let next = from.of(topic, partition).unwrap_or(0);
                if next > end {
                    let problem = format!(
                        "partition {partition} ends at {end}, but this replica has read up to {next}: it belongs to \
                         another cluster, or the topic was made anew; start with an empty data directory"
                    );
                    return Err(BrokerError::Topic { topic: topic.clone(), problem });
                }
                if let Some(lane) = lane {
                    reader.known.insert((lane, partition));
                    let lost = reader.merge.begins_at((lane, partition), first);
                    // Compaction leaves the newest of each key: nothing is lost by that.
                    if lost > 0 && Content::ORDERED[lane] == Content::Events {
                        tracing::error!(topic, partition, lost, "retention has deleted what this replica had not read");
                    }
                }
                if end > first {
                    goal.advance(topic, partition, end);
                }
                let at = if next < first { At::Beginning } else { At::Offset(next) };
                list.add_partition_offset(topic, partition, at).map_err(refused)?;
            }
        }
        reader.consumer.assign(&list).map_err(refused)?;
        Ok(goal)
    }
}
