//! Decisions to and from the other replicas, beside the one order: an answer never waits for them, and what does not fit
//! is dropped and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Headers as _, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::{Message as _, Offset as At, TopicPartitionList};
use uuid::Uuid;

use super::client::{BrokerError, Callbacks, config, consumer};
use super::topics::{ASK, Topics};
use super::witness::Witness;
use crate::config::Kafka;
use crate::decisions::{Decision, pack, unpack};
use crate::metrics::{Metrics, OutcomeLabel};

/// Decisions that may wait to be packed: a quarter of a second of 4,000 answers a second.
const MAX_WAITING: usize = 1_000;
/// Packed decisions that may wait for the broker; some KiB each.
const MAX_QUEUED: usize = 5_000;
/// How long a decision may take to the broker: later nobody clicks any more.
const IN_TIME: Duration = Duration::from_secs(10);
/// Between two looks at the stop signal.
const POLL: Duration = Duration::from_millis(200);
/// Between two tries to reach a broker.
const RETRY: Duration = Duration::from_secs(1);
/// Between two looks at how many partitions there are.
const COUNT: Duration = Duration::from_secs(60);
/// The header that says that a record is a decision, and in what form.
const HEADER: &str = "sidecart-decision";
const FORM: &[u8] = b"1";

/// Counts what the broker did not take.
struct Outgoing {
    callbacks: Callbacks,
    metrics: Arc<Metrics>,
}

impl ClientContext for Outgoing {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn error(&self, error: KafkaError, reason: &str) {
        self.callbacks.error(error, reason);
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        self.callbacks.token()
    }
}

impl ProducerContext for Outgoing {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        count(&self.metrics, if result.is_ok() { "sent" } else { "dropped" });
    }
}

fn count(metrics: &Metrics, outcome: &'static str) {
    metrics.broker.decisions.get_or_create(&OutcomeLabel { outcome }).inc();
}

/// The way out for this replica's decisions.
pub struct Telling {
    waiting: SyncSender<Arc<Decision>>,
    metrics: Arc<Metrics>,
}

impl Telling {
    /// Hands a decision on; never waits.
    pub fn tell(&self, decision: &Arc<Decision>) {
        if self.waiting.try_send(Arc::clone(decision)).is_err() {
            count(&self.metrics, "dropped");
        }
    }
}

/// Starts both ways. The broker may be away.
///
/// # Errors
/// [`BrokerError`]: the settings cannot be used.
pub fn spawn(
    kafka: &Kafka,
    topics: &Topics,
    metrics: &Arc<Metrics>,
    witness: Arc<dyn Witness>,
    stop: &Arc<AtomicBool>,
) -> Result<(Telling, [JoinHandle<()>; 2]), BrokerError> {
    let mut settings = config(kafka)?;
    settings.set("acks", "1").set("linger.ms", "20").set("compression.type", "zstd");
    settings.set("queue.buffering.max.messages", MAX_QUEUED.to_string());
    settings.set("message.timeout.ms", IN_TIME.as_millis().to_string());
    let context = Outgoing { callbacks: Callbacks::of(kafka), metrics: Arc::clone(metrics) };
    let producer: ThreadedProducer<Outgoing> = settings.create_with_context(context).map_err(BrokerError::Settings)?;
    let (waiting, queue) = sync_channel(MAX_WAITING);
    let out = Out { producer, topic: topics.decisions.clone(), metrics: Arc::clone(metrics), stop: Arc::clone(stop) };
    let back = Back {
        kafka: kafka.clone(),
        topic: topics.decisions.clone(),
        metrics: Arc::clone(metrics),
        witness,
        stop: Arc::clone(stop),
    };
    let thread = |name: &'static str, run: Box<dyn FnOnce() + Send>| {
        let thread = std::thread::Builder::new().name(name.into()).spawn(run);
        thread.map_err(|error| BrokerError::Thread(name, error))
    };
    let out = thread("decisions-out", Box::new(move || out.run(&queue)))?;
    let back = thread("decisions-back", Box::new(move || back.run()))?;
    Ok((Telling { waiting, metrics: Arc::clone(metrics) }, [out, back]))
}

struct Out {
    producer: ThreadedProducer<Outgoing>,
    topic: String,
    metrics: Arc<Metrics>,
    stop: Arc<AtomicBool>,
}

impl Out {
    fn run(self, queue: &Receiver<Arc<Decision>>) {
        while !self.stop.load(Ordering::Acquire) {
            match queue.recv_timeout(POLL) {
                Ok(decision) => self.send(&decision),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        // What is left is nobody's loss: a replica that ends answers no more.
        let _ = self.producer.flush(POLL);
    }

    fn send(&self, decision: &Decision) {
        let payload = match pack(decision) {
            Ok(payload) => payload,
            Err(error) => {
                tracing::debug!(%error, "a decision cannot be told to other replicas");
                return count(&self.metrics, "dropped");
            }
        };
        let headers = OwnedHeaders::new().insert(Header { key: HEADER, value: Some(FORM) });
        let key = decision.answer.request_id.as_str();
        let record = BaseRecord::to(&self.topic).key(key).payload(payload.as_slice()).headers(headers);
        if self.producer.send(record).is_err() {
            count(&self.metrics, "dropped");
        }
    }
}

/// Reads what all replicas tell, from now on: what was told before nobody clicks on any more, but for a few seconds' worth.
struct Back {
    kafka: Kafka,
    topic: String,
    metrics: Arc<Metrics>,
    witness: Arc<dyn Witness>,
    stop: Arc<AtomicBool>,
}

impl Back {
    fn run(self) {
        while !self.stopped() {
            if let Err(error) = self.follow() {
                // The thread that reads the records says the same, and what to do.
                tracing::debug!(%error, "decisions are not read");
                std::thread::sleep(RETRY);
            }
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Reads until the end, or until there are more partitions.
    fn follow(&self) -> Result<(), BrokerError> {
        let mut settings = config(&self.kafka)?;
        settings.set("group.id", format!("{}replica", self.kafka.topic_prefix)).set("enable.auto.commit", "false");
        settings.set("auto.offset.reset", "latest").set("queued.max.messages.kbytes", "8192");
        let consumer = consumer(&self.kafka, &settings)?;
        let refused = |error: KafkaError| BrokerError::Refused(error.to_string());
        let partitions = partitions(&consumer, &self.topic)?;
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions {
            list.add_partition_offset(&self.topic, partition, At::End).map_err(refused)?;
        }
        consumer.assign(&list).map_err(refused)?;
        let mut counted_at = Instant::now();
        while !self.stopped() {
            match consumer.poll(POLL) {
                Some(Ok(message)) => self.take(&message),
                Some(Err(error)) => tracing::debug!(%error, "decisions"),
                None => {}
            }
            if counted_at.elapsed() >= COUNT {
                counted_at = Instant::now();
                // A broker that is away has no news.
                if self::partitions(&consumer, &self.topic).is_ok_and(|now| now != partitions) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn take(&self, message: &rdkafka::message::BorrowedMessage<'_>) {
        let is_one = message
            .headers()
            .is_some_and(|headers| headers.iter().any(|header| header.key == HEADER && header.value == Some(FORM)));
        let id = message.key().and_then(|key| std::str::from_utf8(key).ok()?.parse::<Uuid>().ok());
        let Some(id) = id.filter(|_| is_one) else { return count(&self.metrics, "unreadable") };
        if self.witness.has_decision(id) {
            // This replica's own.
            return;
        }
        match unpack(message.payload().unwrap_or_default()) {
            Ok((id, decision)) => {
                count(&self.metrics, "taken");
                self.witness.decision(id, decision);
            }
            Err(error) => {
                tracing::debug!(%error, "a decision of another replica");
                count(&self.metrics, "unreadable");
            }
        }
    }
}

fn partitions(consumer: &BaseConsumer<Callbacks>, topic: &str) -> Result<i32, BrokerError> {
    let metadata =
        consumer.fetch_metadata(Some(topic), ASK).map_err(|error| BrokerError::Refused(error.to_string()))?;
    match metadata.topics().first().map_or(0, |topic| topic.partitions().len() as i32) {
        0 => Err(BrokerError::Topic { topic: topic.to_owned(), problem: "is not there yet".to_owned() }),
        partitions => Ok(partitions),
    }
}
