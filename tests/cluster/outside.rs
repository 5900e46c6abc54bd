//! What others do at a broker: write records, read topics, change topics.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::PATIENCE;

/// Somebody who knows nothing of Sidecart.
pub struct Outside {
    brokers: String,
    producer: ThreadedProducer<DefaultProducerContext>,
}

impl Outside {
    pub fn at(brokers: &str) -> Self {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers).set("linger.ms", "5").set("acks", "all");
        Self { brokers: brokers.to_owned(), producer: config.create().expect("a producer") }
    }

    /// Writes a record to a partition, waiting where there is no room.
    pub fn write(&self, topic: &str, partition: i32, payload: &str) {
        let mut record: BaseRecord<'_, str, str> = BaseRecord::to(topic).partition(partition).payload(payload);
        loop {
            match self.producer.send(record) {
                Ok(()) => return,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => record = back,
                Err((error, _)) => panic!("not written: {error}"),
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until the broker has all that was written.
    pub fn flush(&self) {
        self.producer.flush(PATIENCE).expect("written");
    }

    /// How often each key is in partition 0 of a topic, once all that are `wanted` are.
    pub fn keys(&self, topic: &str, mut wanted: BTreeSet<String>) -> BTreeMap<String, u32> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers).set("group.id", "outside").set("enable.auto.commit", "false");
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let mut from = TopicPartitionList::new();
        from.add_partition_offset(topic, 0, Offset::Beginning).expect("an offset");
        consumer.assign(&from).expect("assigned");
        let (started, mut keys) = (Instant::now(), BTreeMap::new());
        while !wanted.is_empty() {
            let (first, last) = (wanted.first(), wanted.last());
            let waited = started.elapsed();
            assert!(waited < PATIENCE, "{topic} lacks {} keys, {first:?} to {last:?}", wanted.len());
            let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
            let message = message.expect("a record");
            let key = String::from_utf8(message.key().expect("a key").to_vec()).expect("text");
            wanted.remove(&key);
            *keys.entry(key).or_default() += 1;
        }
        keys
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        ClientConfig::new().set("bootstrap.servers", &self.brokers).create().expect("an admin client")
    }

    /// Makes a topic that is not as Sidecart makes it.
    pub fn make(&self, topic: &str, partitions: i32, settings: &[(&str, &str)]) {
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        let new = settings.iter().fold(new, |new, (name, value)| new.set(name, value));
        let made = wait(self.admin().create_topics([&new], &AdminOptions::new())).expect("an answer");
        made.into_iter().for_each(|outcome| drop(outcome.expect("made")));
        self.until_there(topic, partitions);
    }

    /// Makes a topic of one partition that is on one node alone.
    pub fn make_on(&self, topic: &str, node: i32) {
        let nodes: [&[i32]; 1] = [&[node]];
        let new = NewTopic::new(topic, 1, TopicReplication::Variable(&nodes));
        let made = wait(self.admin().create_topics([&new], &AdminOptions::new())).expect("an answer");
        made.into_iter().for_each(|outcome| drop(outcome.expect("made")));
        self.until_there(topic, 1);
    }

    /// Sets a topic otherwise.
    pub fn set(&self, topic: &str, name: &str, value: &str) {
        let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set(name, value);
        let set = wait(self.admin().alter_configs([&change], &AdminOptions::new())).expect("an answer");
        set.into_iter().for_each(|outcome| drop(outcome.expect("set")));
    }

    /// Gives a topic more partitions.
    pub fn grow(&self, topic: &str, partitions: i32) {
        let new = NewPartitions::new(topic, partitions as usize);
        let grown = wait(self.admin().create_partitions([&new], &AdminOptions::new())).expect("an answer");
        grown.into_iter().for_each(|outcome| drop(outcome.expect("grown")));
        self.until_there(topic, partitions);
    }

    /// Deletes all records of a partition, as retention does.
    pub fn empty(&self, topic: &str, partition: i32) {
        let mut ends = TopicPartitionList::new();
        ends.add_partition_offset(topic, partition, Offset::End).expect("an offset");
        let emptied = wait(self.admin().delete_records(&ends, &AdminOptions::new())).expect("an answer");
        emptied.elements().into_iter().for_each(|partition| partition.error().expect("emptied"));
    }

    fn until_there(&self, topic: &str, partitions: i32) {
        let started = Instant::now();
        loop {
            let told = self.producer.client().fetch_metadata(Some(topic), PATIENCE).expect("metadata");
            let there = told.topics().first().map_or(0, |topic| topic.partitions().len());
            if there == partitions as usize {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "{topic} has {there} partitions");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Waits for an answer of the admin client.
fn wait<T>(answer: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(answer)
}
