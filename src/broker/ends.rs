//! How far the broker's partitions reach, asked beside the reading thread: what has not even arrived here is lag, too.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};
use sidecart_engine::nouns::Positions;

use super::client::{BrokerError, Callbacks, config, consumer};
use super::topics::{ASK, Topics};
use crate::config::Kafka;

/// Between two questions: one request to each broker.
const EVERY: Duration = Duration::from_secs(2);
/// Between two looks at the stop signal.
const PAUSE: Duration = Duration::from_millis(100);
/// In a list of offsets to be looked up by time, the same number means the end.
const AT_THE_END: Offset = Offset::End;

/// How far the partitions reached when the broker was last asked; nothing, while it was never asked.
pub type Ends = Arc<Mutex<Positions>>;

/// Asks until `stop`.
///
/// # Errors
/// [`BrokerError`]: the settings cannot be used.
pub fn spawn(kafka: &Kafka, topics: &Topics, ends: Ends, stop: Arc<AtomicBool>) -> Result<JoinHandle<()>, BrokerError> {
    let mut config = config(kafka)?;
    config.set("group.id", format!("{}ends", kafka.topic_prefix)).set("enable.auto.commit", "false");
    let consumer = consumer(kafka, &config)?;
    let topics = topics.ordered.clone();
    let run = move || {
        let mut asked: Option<Instant> = None;
        while !stop.load(Ordering::Acquire) {
            // Nothing is assigned: what is polled are the client's calls back, such as for a new token.
            let _ = consumer.poll(PAUSE);
            if asked.is_some_and(|at| at.elapsed() < EVERY) {
                continue;
            }
            asked = Some(Instant::now());
            match ask(&consumer, &topics) {
                Ok(reached) => drop(ends.lock().merge(&reached)),
                // A broker that is away has no news.
                Err(error) => tracing::debug!(%error, "the ends of partitions are not known"),
            }
        }
    };
    std::thread::Builder::new().name("ends".into()).spawn(run).map_err(|error| BrokerError::Thread("ends", error))
}

/// How far all partitions reach now.
pub(super) fn ask(consumer: &BaseConsumer<Callbacks>, topics: &[String]) -> Result<Positions, KafkaError> {
    let mut list = TopicPartitionList::new();
    for topic in topics {
        let metadata = consumer.fetch_metadata(Some(topic), ASK)?;
        for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
            list.add_partition_offset(topic, partition.id(), AT_THE_END)?;
        }
    }
    let mut reached = Positions::default();
    for found in consumer.offsets_for_times(list, ASK)?.elements() {
        if let (Ok(()), Offset::Offset(end)) = (found.error(), found.offset()) {
            reached.advance(found.topic(), found.partition(), end);
        }
    }
    Ok(reached)
}
