//! What a broker as the log costs and gives: how many events a second a replica takes from foreign producers and over
//! HTTP, how long after a foreign producer's write an answer changes, and whether unreadable records hold good ones up.
//!
//! `cargo bench --features cluster --bench broker -- [EVENTS] [SECONDS] [PROBES] [LOAD] [POISON]` (1,000,000, 15, 1,000,
//! 2,000 and 100,000 if not said): events written to the topic at once, seconds of events over HTTP, questions whether an
//! answer has changed, events a second beside them, and unreadable records written at once.
//!
//! Starts Apache Kafka by `scripts/services/kafka`, or takes the one at `KAFKA_BROKERS`. Broker, replica and load share this
//! machine's cores.

#![allow(missing_docs, reason = "a program, not a library")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};

const ITEMS: u64 = 2_000;
const PARTITIONS: u64 = 12;
/// Events per request, and senders, over HTTP.
const BATCH: u64 = 500;
const SENDERS: u64 = 4;
/// Longer than anything takes on a loaded machine; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(120);

type Foreign = ThreadedProducer<DefaultProducerContext>;

/// A broker of our own, or somebody else's.
struct Broker {
    address: String,
    folder: Option<PathBuf>,
}

impl Broker {
    fn script() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/services/kafka")
    }

    fn start() -> Self {
        if let Ok(address) = std::env::var("KAFKA_BROKERS") {
            return Self { address, folder: None };
        }
        let folder = std::env::temp_dir().join(format!("sidecart-bench-kafka-{}", std::process::id()));
        let started = Command::new(Self::script()).arg("start").arg(&folder).stderr(Stdio::inherit()).output();
        let started = started.expect("bash runs it");
        assert!(started.status.success(), "no broker");
        let said = String::from_utf8(started.stdout).expect("text");
        let address = said.lines().find_map(|line| line.strip_prefix("KAFKA_BROKERS=")).expect("an address").to_owned();
        Self { address, folder: Some(folder) }
    }

    /// A producer that writes at once, or as much as it can.
    fn producer(&self, linger_ms: &str) -> Foreign {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.address).set("linger.ms", linger_ms).set("acks", "all");
        config.set("queue.buffering.max.messages", "200000").create().expect("a producer")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            let _ = Command::new(Self::script()).arg("stop").arg(folder).status();
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// A replica whose log is the broker.
struct Replica {
    process: Child,
    url: String,
    topic: String,
    folder: PathBuf,
    agent: ureq::Agent,
}

impl Replica {
    fn start(broker: &Broker) -> Self {
        let folder = std::env::temp_dir().join(format!("sidecart-bench-replica-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let prefix = format!("bench-{}.", std::process::id());
        let (config, address) = (folder.join("config.yaml"), &broker.address);
        let text = format!(
            "events: {{log: kafka}}\nserver: {{max_body: 16MiB}}\n\
             kafka: {{brokers: ['{address}'], topic_prefix: '{prefix}', partitions: {PARTITIONS}}}\n"
        );
        std::fs::write(&config, text).expect("a config");
        let mut process = Command::new(env!("CARGO_BIN_EXE_sidecart"))
            .args(["serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(&config)
            .arg("--data-dir")
            .arg(folder.join("data"))
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(folder.join("server.log")).expect("a log"))
            .spawn()
            .expect("the binary that was just built");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("piped")).read_line(&mut line).expect("its first line");
        let url = line.trim().strip_prefix("listening on ").expect("the address").to_owned();
        let agent = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).build();
        let replica = Self { process, url, topic: format!("{prefix}events"), folder, agent: agent.into() };
        wait_until("ready", || replica.get("/readyz").0 == 200);
        replica
    }

    fn get(&self, path: &str) -> (u16, String) {
        let mut answer = self.agent.get(format!("{}{path}", self.url)).call().expect("an answer");
        (answer.status().as_u16(), answer.body_mut().read_to_string().expect("text"))
    }

    fn send(&self, path: &str, kind: &str, body: &str) -> (u16, String) {
        let put = path.starts_with("/v1/items");
        let url = format!("{}{path}", self.url);
        let request = if put { self.agent.put(url) } else { self.agent.post(url) };
        let mut answer = request.header("content-type", kind).send(body).expect("an answer");
        (answer.status().as_u16(), answer.body_mut().read_to_string().expect("text"))
    }

    /// Events in this replica's log.
    fn taken(&self) -> u64 {
        let metrics = self.get("/metrics").1;
        let value = |line: &str| line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok());
        let lines = metrics.lines().filter(|line| {
            line.starts_with("sidecart_records_total{")
                && line.contains("outcome=\"accepted\"")
                && (line.contains("kind=\"view\"") || line.contains("kind=\"add_to_cart\""))
        });
        lines.filter_map(value).sum::<f64>() as u64
    }

    /// Whether the engine has all that is in this replica's log.
    fn is_applied(&self) -> bool {
        let ready: serde_json::Value = serde_json::from_str(&self.get("/readyz").1).expect("JSON");
        ready["applied"] == ready["appended"]
    }

    /// A figure of the metrics.
    fn metric(&self, name: &str) -> f64 {
        let metrics = self.get("/metrics").1;
        let line = metrics.lines().find(|line| line.split(['{', ' ']).next() == Some(name));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0.0)
    }

    /// What the placement shows to a visit.
    fn shown(&self, session: &str) -> Vec<String> {
        let body = format!(r#"{{"placement":"cart","sessionId":"{session}","limit":5}}"#);
        let (status, answer) = self.send("/v1/recommendations", "application/json", &body);
        assert_eq!(status, 200, "{answer}");
        let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
        let items = answer["items"].as_array().cloned().unwrap_or_default();
        items.iter().filter_map(|item| item["itemId"].as_str().map(str::to_owned)).collect()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "{what}: not so after {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// splitmix64 of a counter: the same load every time.
fn draw(seed: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z ^ (z >> 31)
}

fn now_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis()
}

/// Event `n` of a load: visits of five steps in a cluster of items. Its session, and its JSON.
fn event(load: &str, n: u64) -> (String, String) {
    let (visit, step) = (n / 5, n % 5);
    let item = draw(visit) % (ITEMS / 50) * 50 + draw(n) % 50;
    let (kind, now) = (if step == 4 { "add_to_cart" } else { "view" }, now_ms());
    let json = format!(
        r#"{{"eventId":"{load}{n}","eventType":"{kind}","sessionId":"{load}s{visit}","itemId":"i{item}","timestamp":{now}}}"#
    );
    (format!("{load}s{visit}"), json)
}

/// Writes a record, waiting where the producer's own queue is full.
fn write(producer: &Foreign, topic: &str, key: &str, json: &str) {
    let mut record = BaseRecord::to(topic).key(key).payload(json);
    loop {
        match producer.send(record) {
            Ok(()) => return,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                record = back;
                std::thread::sleep(Duration::from_millis(1));
            }
            Err((error, _)) => panic!("not written: {error}"),
        }
    }
}

/// A foreign producer writes `events` as fast as it can; until the replica has applied the last.
fn foreign_ingest(broker: &Broker, replica: &Replica, events: u64) {
    let (producer, before, started) = (broker.producer("20"), replica.taken(), Instant::now());
    for n in 0..events {
        let (key, json) = event("f", n);
        write(&producer, &replica.topic, &key, &json);
    }
    producer.flush(PATIENCE).expect("written");
    let written = started.elapsed().as_secs_f64();
    wait_until("all applied", || replica.taken() >= before + events && replica.is_applied());
    let applied = started.elapsed().as_secs_f64();
    println!("foreign producer: {events} events written in {written:.1} s ({:.0}/s),", events as f64 / written);
    println!("  applied by the replica in {applied:.1} s: {:.0} events/s through the broker", events as f64 / applied);
}

/// Events over HTTP, each request acknowledged by the broker.
fn http_ingest(replica: &Replica, seconds: u64) {
    let (before, started) = (replica.taken(), Instant::now());
    let until = started + Duration::from_secs(seconds);
    let sender = |first: u64| {
        move || {
            let (mut number, mut taken) = (first, 0);
            while Instant::now() < until {
                let events = (number * BATCH..(number + 1) * BATCH).map(|n| event("h", n).1);
                let body = events.collect::<Vec<_>>().join("\n");
                let (status, answer) = replica.send("/v1/events", "application/x-ndjson", &body);
                if status == 202 {
                    taken += BATCH;
                } else {
                    assert_eq!(status, 503, "{answer}");
                }
                number += SENDERS;
            }
            taken
        }
    };
    let taken: u64 = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS).map(|first| scope.spawn(sender(first))).collect();
        senders.into_iter().map(|sender| sender.join().expect("no panic")).sum()
    });
    let acknowledged = started.elapsed().as_secs_f64();
    wait_until("all applied", || replica.taken() >= before + taken && replica.is_applied());
    let applied = started.elapsed().as_secs_f64();
    println!("over HTTP: {taken} events in requests of {BATCH}, {SENDERS} at a time, each acknowledged by the broker:");
    println!(
        "  {:.0} events/s acknowledged, {:.0} events/s applied by the replica",
        taken as f64 / acknowledged,
        taken as f64 / applied
    );
}

/// From a foreign producer's write until an answer differs by it: a visit that has seen an item is not shown it again.
/// In milliseconds.
fn probe(producer: &Foreign, replica: &Replica, session: &str) -> f64 {
    // On a machine that is busy beyond its cores an answer in time may have nothing to show.
    let mut item = String::new();
    wait_until("something shown to a new visit", || {
        item = replica.shown(session).first().cloned().unwrap_or_default();
        !item.is_empty()
    });
    let json = format!(
        r#"{{"eventId":"{session}","eventType":"view","sessionId":"{session}","itemId":"{item}","timestamp":{}}}"#,
        now_ms()
    );
    let written = Instant::now();
    write(producer, &replica.topic, session, &json);
    while replica.shown(session).contains(&item) {
        assert!(written.elapsed() < PATIENCE, "the answer never changed");
        std::thread::sleep(Duration::from_micros(500));
    }
    written.elapsed().as_secs_f64() * 1e3
}

/// Ends a load with whoever asks beside it, also where that fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn tell(mut ms: Vec<f64>) {
    ms.sort_by(f64::total_cmp);
    let at = |share: f64| ms[((ms.len() - 1) as f64 * share) as usize];
    println!("  n {}, p50 {:.1}, p95 {:.1}, p99 {:.1}, max {:.1}", ms.len(), at(0.5), at(0.95), at(0.99), at(1.0));
}

fn freshness(broker: &Broker, replica: &Replica, probes: u64, load: u64) {
    let (stop, started) = (AtomicBool::new(false), Instant::now());
    let mut ms = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let producer = broker.producer("5");
            let every = Duration::from_secs(1).div_f64(load.max(1) as f64);
            for n in 0.. {
                if stop.load(Ordering::Relaxed) || load == 0 {
                    break;
                }
                std::thread::sleep((started + every.mul_f64(n as f64)).saturating_duration_since(Instant::now()));
                let (key, json) = event(&format!("b{load}"), n);
                write(&producer, &replica.topic, &key, &json);
            }
        });
        let _ends = Ends(&stop);
        let producer = broker.producer("0");
        for n in 0..probes {
            ms.push(probe(&producer, replica, &format!("probe{load}-{n}")));
            // Not in step with the leader's cuts.
            std::thread::sleep(Duration::from_micros(draw(n) % 20_000));
        }
    });
    println!("freshness, from a foreign write to a changed answer, beside {load} events/s, milliseconds:");
    tell(ms);
}

/// Writes unreadable records as fast as it can; until all are in the topic of dead letters.
fn poison(broker: &Broker, replica: &Replica, records: u64) {
    let name = "sidecart_broker_letters_total";
    let (before, is_over, started) = (replica.metric(name), AtomicBool::new(false), Instant::now());
    let mut ms = Vec::new();
    let took = std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let producer = broker.producer("5");
            (0..records).for_each(|n| write(&producer, &replica.topic, &n.to_string(), "not what anybody can read"));
            wait_until("all put aside", || replica.metric(name) >= before + records as f64);
            is_over.store(true, Ordering::Relaxed);
            started.elapsed().as_secs_f64()
        });
        let producer = broker.producer("0");
        while !is_over.load(Ordering::Relaxed) {
            ms.push(probe(&producer, replica, &format!("amid{}", ms.len())));
        }
        flood.join().expect("no panic")
    });
    println!(
        "poison: {records} unreadable records in the topic of dead letters after {took:.1} s ({:.0}/s);",
        records as f64 / took
    );
    println!("  good records amid them, from the write to a changed answer, milliseconds:");
    tell(ms);
}

fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<u64>().ok());
    let (events, seconds) = (numbers.next().unwrap_or(1_000_000), numbers.next().unwrap_or(15).clamp(1, 600));
    let (probes, load) = (numbers.next().unwrap_or(1_000).max(1), numbers.next().unwrap_or(2_000));
    let broker = Broker::start();
    let replica = Replica::start(&broker);
    let line = |n| format!(r#"{{"itemId":"i{n}","title":"Item {n}","categoryPath":["c{}"],"price":9.5}}"#, n / 50);
    let catalogue = (0..ITEMS).map(line).collect::<Vec<_>>().join("\n");
    let (status, answer) = replica.send("/v1/items?wait=applied", "application/x-ndjson", &catalogue);
    assert_eq!(status, 202, "{answer}");
    foreign_ingest(&broker, &replica, events);
    http_ingest(&replica, seconds);
    freshness(&broker, &replica, probes, load);
    poison(&broker, &replica, numbers.next().unwrap_or(100_000).max(1));
}
