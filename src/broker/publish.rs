//! The way out: records to their topics, acknowledged when the broker has them.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders, Timestamp as Stamp};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer};
use sidecart_engine::nouns::{Positions, Record, Timestamp};

use super::client::{BrokerError, Callbacks, MAX_MESSAGE_BYTES, config, explain};
use super::letters::{Letter, Spans};
use super::skew::Skew;
use super::topics::Topics;
use crate::clock::Clock;
use crate::config::Kafka;
use crate::ingest::{Outlet, Prepared, Sent, SubmitError};

/// The header that tells our own records from those of foreign producers, and its value.
pub const OWN_HEADER: &str = "sidecart-entry";
/// The form of our own records: an entry of the log, as JSON.
pub const OWN_FORM: &[u8] = b"1";
/// Records that may wait for the broker in this process; beyond, senders are told to come again.
const MAX_QUEUED: usize = 200_000;
/// The header of a cut that says whose letters were seen to: [`Spans`] as JSON.
pub const BURIED: &str = "buried";
/// Letters that are under way at once.
const MAX_BURIED: usize = 2_000;
/// Bytes that are kept of a record that cannot be taken: with what goes around them, the topic takes them.
const MAX_LETTER_BYTES: usize = MAX_MESSAGE_BYTES - (64 << 10);
/// How long a stop waits for what is under way.
const FLUSH: Duration = Duration::from_secs(5);

/// Sends records to the broker.
pub struct Publisher {
    producer: FutureProducer<Callbacks>,
    topics: Topics,
    kafka: Kafka,
    acknowledged: Mutex<Positions>,
    clock: Arc<dyn Clock>,
    skew: Skew,
}

impl Publisher {
    /// A publisher; the broker need not be there yet.
    ///
    /// # Errors
    /// [`BrokerError::Settings`], [`BrokerError::File`].
    pub fn new(kafka: &Kafka, topics: &Topics, clock: Arc<dyn Clock>) -> Result<Self, BrokerError> {
        let mut config = config(kafka)?;
        // Durable on all replicas in sync; a retry neither doubles nor reorders.
        config.set("acks", "all").set("enable.idempotence", "true");
        config.set("linger.ms", "2").set("compression.type", "zstd").set("partitioner", "murmur2_random");
        config.set("message.timeout.ms", kafka.publish_timeout.ms().to_string());
        config.set("queue.buffering.max.messages", MAX_QUEUED.to_string());
        let producer = config.create_with_context(Callbacks::of(kafka)).map_err(BrokerError::Settings)?;
        let (topics, kafka) = (topics.clone(), kafka.clone());
        Ok(Self { producer, topics, kafka, acknowledged: Mutex::default(), clock, skew: Skew::default() })
    }

    /// What is known of this replica's clock.
    pub fn skew(&self) -> &Skew {
        &self.skew
    }

    /// Hands a record to the client.
    fn send<'s>(&'s self, record: &Prepared) -> Result<(&'s str, DeliveryFuture), KafkaError> {
        let (topic, key) = self.topics.route(record.record());
        let headers = OwnedHeaders::new().insert(Header { key: OWN_HEADER, value: Some(OWN_FORM) });
        let mut message: FutureRecord<'_, str, [u8]> = FutureRecord::to(topic).headers(headers);
        message.key = key;
        // A key without a value: compaction forgets the item.
        message.payload = (!matches!(record.record(), Record::Delete { .. })).then_some(record.payload());
        self.producer.send_result(message).map(|delivery| (topic, delivery)).map_err(|(error, _)| error)
    }

    async fn publish_all(&self, records: Vec<Prepared>) -> Result<Positions, SubmitError> {
        let begun = self.clock.now();
        let under_way: Vec<_> = records.iter().map(|record| self.send(record)).collect();
        let mut stamped = None;
        let mut reached = Positions::default();
        let mut failed = None;
        for sent in under_way {
            let outcome = match sent {
                Ok((topic, delivery)) => match delivery.await {
                    Ok(Ok(delivery)) => {
                        reached.advance(topic, delivery.partition, delivery.offset + 1);
                        if let Stamp::LogAppendTime(at) = delivery.timestamp {
                            stamped = Some(Timestamp(at));
                        }
                        continue;
                    }
                    Ok(Err((error, _))) => error,
                    Err(_) => KafkaError::Canceled,
                },
                Err(error) => error,
            };
            failed.get_or_insert(outcome);
        }
        self.acknowledged.lock().merge(&reached);
        if let Some(stamped) = stamped {
            self.skew.note_sent(begun, self.clock.now(), stamped);
        }
        match failed {
            None => Ok(reached),
            Some(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => {
                Err(SubmitError::Full(MAX_QUEUED))
            }
            Some(error) => {
                let said = explain(&self.kafka, &error);
                tracing::error!(%error, "the broker did not take records; they were not acknowledged");
                Err(SubmitError::Log(said))
            }
        }
    }

    /// Says in what order records shall be taken, and whose letters were seen to. What comes of it comes back as a cut.
    ///
    /// # Errors
    /// The client's queue is full.
    pub fn cut(&self, cut: &Positions, buried: &Spans) -> Result<(), KafkaError> {
        let json = |value: serde_json::Result<Vec<u8>>| value.map_err(|_| KafkaError::Canceled);
        let payload = json(serde_json::to_vec(cut))?;
        let mut message: FutureRecord<'_, str, [u8]> = FutureRecord::to(&self.topics.cuts).payload(&payload);
        if !buried.is_empty() {
            let value = json(serde_json::to_vec(buried))?;
            message = message.headers(OwnedHeaders::new().insert(Header { key: BURIED, value: Some(&value) }));
        }
        self.producer.send_result(message).map(drop).map_err(|(error, _)| error)
    }

    async fn propose_config(&self, config: Vec<u8>) -> Result<Positions, SubmitError> {
        let headers = OwnedHeaders::new().insert(Header { key: OWN_HEADER, value: Some(OWN_FORM) });
        let topic = self.topics.configs();
        // One key: compaction keeps the newest.
        let message: FutureRecord<'_, str, [u8]> =
            FutureRecord::to(topic).key("config").payload(config.as_slice()).headers(headers);
        let refused = |error: KafkaError| SubmitError::Log(explain(&self.kafka, &error));
        let sent = self.producer.send_result(message).map_err(|(error, _)| refused(error))?;
        let delivery = sent.await.map_err(|_| refused(KafkaError::Canceled))?.map_err(|(error, _)| refused(error))?;
        let mut reached = Positions::default();
        reached.advance(topic, delivery.partition, delivery.offset + 1);
        Ok(reached)
    }

    /// Puts records aside; done when the broker has all of them.
    ///
    /// # Errors
    /// The first failure, after all are through: some of them may be there.
    pub async fn bury(&self, letters: &[Letter]) -> Result<(), KafkaError> {
        let mut outcome = Ok(());
        for letters in letters.chunks(MAX_BURIED) {
            let under_way: Vec<_> = letters.iter().map(|letter| self.send_letter(letter)).collect();
            for sent in under_way {
                let sent = match sent {
                    Ok(delivery) => delivery.await.map_err(|_| KafkaError::Canceled),
                    Err(error) => Err(error),
                };
                let sent = sent.and_then(|taken| taken.map(drop).map_err(|(error, _)| error));
                outcome = outcome.and(sent);
            }
        }
        outcome
    }

    fn send_letter(&self, letter: &Letter) -> Result<DeliveryFuture, KafkaError> {
        let (partition, offset) = (letter.origin.partition.to_string(), letter.origin.offset.to_string());
        let (key, size) = (letter.key(), letter.payload.len().to_string());
        let mut headers = OwnedHeaders::new()
            .insert(Header { key: "reason", value: Some(&letter.reason) })
            .insert(Header { key: "topic", value: Some(&letter.origin.topic) })
            .insert(Header { key: "partition", value: Some(&partition) })
            .insert(Header { key: "offset", value: Some(&offset) });
        let payload = &letter.payload[..letter.payload.len().min(MAX_LETTER_BYTES)];
        if payload.len() < letter.payload.len() {
            headers = headers.insert(Header { key: "cut-from-bytes", value: Some(&size) });
        }
        let message: FutureRecord<'_, str, [u8]> =
            FutureRecord::to(&self.topics.dead_letters).key(key.as_str()).payload(payload).headers(headers);
        self.producer.send_result(message).map_err(|(error, _)| error)
    }

    /// Waits for what is under way.
    pub fn flush(&self) {
        if let Err(error) = self.producer.flush(FLUSH) {
            tracing::warn!(%error, "some records that nobody waits for were not sent");
        }
    }
}

impl Outlet for Publisher {
    fn publish(&self, records: Vec<Prepared>) -> Sent<'_> {
        Box::pin(self.publish_all(records))
    }

    fn offer(&self, record: &Prepared) -> bool {
        self.send(record).is_ok()
    }

    fn propose(&self, config: Vec<u8>) -> Sent<'_> {
        Box::pin(self.propose_config(config))
    }

    fn acknowledged(&self) -> Positions {
        self.acknowledged.lock().clone()
    }
}
