//! Replicas in this process, on a broker that the client library plays.

use std::path::Path;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use serde_json::{Value, json};
use sidecart_engine::Settings;
use sidecart_engine::nouns::{Entry, Erasure, Event, Item, ItemId, Positions, Record, Timestamp};

use super::*;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::in_force::Proposal;
use crate::ingest::checkpoint::Checkpoints;
use crate::ingest::{self, Prepared, Saving, Storage, Writers};
use crate::log::{LogOptions, SegmentLog};
use crate::metrics::Metrics;

const PATIENCE: Duration = Duration::from_secs(60);
const PARTITIONS: i32 = 3;

type Cluster = MockCluster<'static, DefaultProducerContext>;

fn cluster() -> (Cluster, Kafka) {
    cluster_of(&Kafka::default().topic_prefix)
}

fn cluster_of(prefix: &str) -> (Cluster, Kafka) {
    let cluster = MockCluster::new(1).expect("a broker");
    let brokers = vec![cluster.bootstrap_servers()];
    let kafka = Kafka { brokers, topic_prefix: prefix.to_owned(), partitions: 3, ..Kafka::default() };
    let topics = Topics::of(&kafka);
    for topic in topics.ordered.iter().chain([&topics.cuts, &topics.decisions, &topics.dead_letters]) {
        let is_many = ["catalog", "inventory", "events"].iter().any(|many| topic.ends_with(many));
        cluster.create_topic(topic, if is_many { PARTITIONS } else { 1 }, 1).expect("a topic");
    }
    (cluster, kafka)
}

/// Nobody is told.
struct Nobody;

impl Witness for Nobody {
    fn erasure(&self, _: &Erasure, _: &Positions, _: Timestamp) -> Result<(), String> {
        Ok(())
    }

    fn config(&self, _: &Proposal) -> Result<Reading, String> {
        Err("there is nobody".into())
    }

    fn click(&self, _: &Event) {}

    fn has_decision(&self, _: uuid::Uuid) -> bool {
        false
    }

    fn decision(&self, _: uuid::Uuid, _: crate::decisions::Decision) {}
}

struct Replica {
    ingest: Ingest,
    shared: Arc<Shared>,
    writers: Writers,
    following: Following,
}

impl Replica {
    fn on(kafka: &Kafka, dir: &Path) -> Self {
        let (clock, config) = (Arc::new(SystemClock), Config::default());
        let options = LogOptions { segment_bytes: 1 << 20, retain_ms: None, retain_bytes: None };
        let publisher = Arc::new(Publisher::new(kafka, &Topics::of(kafka), clock.clone()).expect("a publisher"));
        let outlet: Arc<dyn ingest::Outlet> = publisher.clone();
        let storage = Storage {
            log: Box::new(SegmentLog::open(dir, options, crate::clock::Clock::now(clock.as_ref())).expect("opened").0),
            checkpoints: Checkpoints::open(dir.join("checkpoints"), 2).expect("opened"),
            saving: Saving { every: Duration::from_secs(86_400), config_version: "test".into() },
            learning: None,
            outlet: Some(outlet),
        };
        let metrics = Arc::new(Metrics::new());
        let (ingest, shared, writers) =
            ingest::start(storage, Settings::default(), 10_000, metrics, clock).expect("started");
        let reading = Reading {
            mapping: config.events.mapping.compiled(),
            currency: config.catalog.currency,
            pseudonyms: None,
            events: config.events,
        };
        let (kafka, learning, leads) = (kafka.clone(), None, Arc::default());
        let (ingest_too, shared_too) = (ingest.clone(), Arc::clone(&shared));
        let needs = Needs {
            kafka,
            reading,
            publisher,
            ingest: ingest_too,
            shared: shared_too,
            learning,
            leads,
            witness: Arc::new(Nobody),
        };
        let following = follow(needs).expect("followed");
        Self { ingest, shared, writers, following }
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let started = Instant::now();
        while !is_so(self) {
            assert!(started.elapsed() < PATIENCE, "not {what}: {:?}", self.shared.progress.behind());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn ready(self) -> Self {
        self.until("ready", |replica| replica.shared.progress.is_ready()).await;
        self
    }

    async fn put(&self, id: &str) {
        let record = Record::Item(Box::new(Item::bare(ItemId::new(id).expect("an id"))));
        let entry = Entry { accepted_at: self.ingest.now(), record, origin: None };
        let receipt = self.ingest.submit(vec![Prepared::new(entry).expect("encoded")]).await.expect("taken");
        assert!(self.ingest.applied(&receipt.next, PATIENCE).await);
    }

    fn knows(&self, item: &str) -> bool {
        self.shared.engine.read().item(item).is_some()
    }

    fn state(&self) -> Vec<u8> {
        postcard::to_allocvec(self.shared.engine.read().state()).expect("encoded")
    }

    async fn stop(self) {
        let end = move || {
            self.following.stop();
            drop(self.ingest);
            self.writers.join();
        };
        tokio::task::spawn_blocking(end).await.expect("joined");
    }
}

/// A producer that knows nothing of Sidecart.
fn write(kafka: &Kafka, topic: &str, key: &str, payload: &str) {
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", &kafka.brokers[0]).create().expect("a producer");
    producer.send(BaseRecord::to(topic).key(key).payload(payload)).map_err(|(error, _)| error).expect("room");
    producer.flush(PATIENCE).expect("written");
}

fn cart(session: &str, item: &str) -> Value {
    json!({"eventType": "add_to_cart", "sessionId": session, "itemId": item})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_take_the_same_order_and_a_restart_goes_on_where_it_was() {
    let (_cluster, kafka) = cluster();
    let [.., events, _] = &Topics::of(&kafka).ordered;
    let folders = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
    let one = Replica::on(&kafka, folders[0].path()).ready().await;
    let other = Replica::on(&kafka, folders[1].path()).ready().await;
    one.put("a").await;
    other.put("b").await;
    for visit in 0..20 {
        write(&kafka, events, &format!("v{visit}"), &cart(&format!("v{visit}"), "a").to_string());
    }
    write(&kafka, events, "v0", "no JSON");
    other.stop().await;
    one.put("c").await;
    let other = Replica::on(&kafka, folders[1].path()).ready().await;
    other.put("d").await;
    other.until("told of c", |replica| replica.knows("c")).await;
    one.until("told of d", |replica| replica.knows("d")).await;
    let started = Instant::now();
    while one.state() != other.state() {
        assert!(started.elapsed() < PATIENCE, "replicas differ");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let seen = |replica: &Replica| {
        (0..20)
            .filter(|v| replica.shared.engine.read().session(&format!("v{v}"), replica.ingest.now()).is_some())
            .count()
    };
    assert_eq!((seen(&one), seen(&other)), (20, 20));
    one.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_broker_a_replica_says_why_it_is_not_ready_and_tries_on() {
    let kafka = Kafka { brokers: vec!["127.0.0.1:9".into()], ..Kafka::default() };
    let folder = tempfile::tempdir().expect("a folder");
    let replica = Replica::on(&kafka, folder.path());
    let says = |replica: &Replica| replica.shared.progress.behind().is_some_and(|why| why.contains("127.0.0.1:9"));
    replica.until("told", says).await;
    assert!(!replica.shared.progress.is_ready());
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_without_an_id_are_taken_however_long_the_names_of_topics_are() {
    // An id has at most 128 bytes.
    let (_cluster, kafka) = cluster_of(&"x".repeat(128));
    let [.., events, _] = &Topics::of(&kafka).ordered;
    let folder = tempfile::tempdir().expect("a folder");
    let replica = Replica::on(&kafka, folder.path()).ready().await;
    replica.put("a").await;
    write(&kafka, events, "v", &cart("plain", "a").to_string());
    let packed = json!({"client_id": "packed", "events": [
        {"name": "add_to_cart", "params": {"items": [{"item_id": "a"}]}},
        {"name": "add_to_cart", "params": {"items": [{"item_id": "a"}]}}]});
    write(&kafka, events, "v", &packed.to_string());
    let units = |replica: &Replica, session: &str| {
        let engine = replica.shared.engine.read();
        let session = engine.session(session, replica.ingest.now());
        session.map_or(0, |session| session.cart.iter().map(|line| line.quantity).sum())
    };
    replica.until("told of both", |replica| units(replica, "plain") == 1 && units(replica, "packed") == 2).await;
    assert_eq!(replica.shared.metrics.broker.poison.get(), 0);
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ends_of_partitions_are_told_with_what_nobody_has_read() {
    let (_cluster, kafka) = cluster();
    let topics = Topics::of(&kafka);
    let [.., events, _] = &topics.ordered;
    (0..20).for_each(|n| write(&kafka, events, &format!("v{n}"), "unread"));
    let consumer = client::config(&kafka).expect("settings");
    let consumer = consumer.create_with_context(client::Callbacks::of(&kafka)).expect("a consumer");
    let all = topics.ordered.clone();
    let told = tokio::task::spawn_blocking(move || ends::ask(&consumer, &all)).await.expect("asked");
    let told = told.expect("told");
    let all: i64 = told.iter().filter(|(topic, ..)| topic == events).map(|(.., end)| end).sum();
    assert_eq!((all, told.of(events, PARTITIONS)), (20, None));
    assert_eq!(told.iter().count(), 3 * PARTITIONS as usize + 3);
}
