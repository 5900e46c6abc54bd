//! The real binary with a broker as its log, and producers that know nothing of it: every shape of `docs/events.md` written
//! to the topic of events, and what no shape is.

#[path = "support/leader.rs"]
mod leader;
#[path = "http/server.rs"]
#[expect(dead_code, reason = "shared with the HTTP tests, which use more of it")]
mod server;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::{Value, json};

use crate::leader::await_leader;
use crate::server::Server;

/// Longer than anything takes on a loaded machine; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// A shop's topics at the broker that `scripts/test-services` has started.
struct Shop {
    brokers: String,
    prefix: String,
    folder: tempfile::TempDir,
    producer: ThreadedProducer<DefaultProducerContext>,
}

impl Shop {
    fn new(name: &str) -> Self {
        let brokers = std::env::var("KAFKA_BROKERS").expect("KAFKA_BROKERS names a broker: run scripts/test-services");
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &brokers).set("linger.ms", "0");
        let producer = config.create().expect("a producer");
        let prefix = format!("{name}-{}.", std::process::id());
        Self { brokers, prefix, folder: tempfile::tempdir().expect("a folder"), producer }
    }

    fn replica(&self, name: &str, partitions: u16) -> Server {
        let config = json!({
            "events": {"log": "kafka", "allowed_lateness": "1h"},
            "kafka": {"brokers": [self.brokers], "topic_prefix": self.prefix, "partitions": partitions},
        });
        Server::start(&self.folder.path().join(name), &config.to_string())
    }

    /// Writes one record of events.
    fn write(&self, key: &str, headers: &[(&str, &str)], payload: &[u8]) {
        let topic = format!("{}events", self.prefix);
        let headers = headers
            .iter()
            .fold(OwnedHeaders::new(), |headers, (key, value)| headers.insert(Header { key, value: Some(*value) }));
        let record = BaseRecord::to(&topic).key(key).payload(payload).headers(headers);
        self.producer.send(record).map_err(|(error, _)| error).expect("room in the queue");
        self.producer.flush(PATIENCE).expect("written");
    }

    fn tell(&self, key: &str, event: &Value) {
        self.write(key, &[], event.to_string().as_bytes());
    }

    /// The dead letters, as payload by origin, once there are `count`, with their reasons.
    fn letters(&self, count: usize) -> Vec<(BTreeMap<String, String>, Vec<u8>)> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers).set("group.id", "letters").set("enable.auto.commit", "false");
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let mut from = TopicPartitionList::new();
        from.add_partition_offset(&format!("{}dead-letters", self.prefix), 0, Offset::Beginning).expect("an offset");
        consumer.assign(&from).expect("assigned");
        let (started, mut letters) = (Instant::now(), Vec::new());
        // Once all are there, a moment more: one written twice must show.
        let mut quiet = 0;
        while letters.len() < count || quiet < 10 {
            assert!(started.elapsed() < PATIENCE, "{} of {count} letters: {letters:?}", letters.len());
            let Some(message) = consumer.poll(Duration::from_millis(100)) else {
                quiet += 1;
                continue;
            };
            let message = message.expect("a record");
            let headers = message.headers().map(|headers| {
                let text = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
                headers.iter().map(|header| (header.key.to_owned(), text(header.value))).collect()
            });
            letters.push((headers.unwrap_or_default(), message.payload().unwrap_or_default().to_vec()));
            quiet = 0;
        }
        letters
    }
}

fn stock_up(server: &Server) {
    let items = json!([{"itemId": "A", "title": "A", "price": 1}, {"itemId": "B", "title": "B", "price": 2}]);
    let answer = server.json("PUT", "/v1/items?wait=applied", &items);
    assert_eq!(answer.status, 202, "{}", answer.text);
}

/// Waits until a visit's cart has these units of items.
fn await_cart(server: &Server, session: &str, lines: &[(&str, u64)]) {
    server.await_json(&format!("/v1/features/sessions/{session}"), |features| {
        let cart = features["cart"].as_array().cloned().unwrap_or_default();
        let units = |line: &Value| line["quantity"].as_u64().unwrap_or(1);
        let cart: Vec<_> = cart.iter().map(|line| (line["itemId"].as_str().unwrap_or_default(), units(line))).collect();
        cart == lines
    });
}

#[test]
#[ignore = "needs a broker at KAFKA_BROKERS: run by scripts/test-services"]
fn every_shape_that_foreign_producers_write_is_taken_and_counts_once() {
    let shop = Shop::new("shapes");
    let server = shop.replica("one", 3);
    stock_up(&server);
    let plain =
        json!({"eventId": "e1", "eventType": "add_to_cart", "sessionId": "plain", "itemId": "A", "quantity": 2});
    let structured = json!({"specversion": "1.0", "id": "1", "source": "/shop", "type": "dev.shop.add_to_cart",
        "sessionid": "structured", "data": {"itemId": "B"}});
    let binary = [
        ("content-type", "application/json"),
        ("ce_specversion", "1.0"),
        ("ce_id", "2"),
        ("ce_source", "/shop"),
        ("ce_type", "add_to_cart"),
        ("ce_sessionid", "binary"),
    ];
    let segment = json!({"type": "track", "event": "Product Added", "messageId": "m1", "anonymousId": "segment",
        "properties": {"product_id": "A", "quantity": 3}});
    let ga4 = json!({"client_id": "ga4", "events": [
        {"name": "page_view", "params": {}},
        {"name": "add_to_cart", "params": {"event_id": "g1", "items": [{"item_id": "B"}]}},
        {"name": "add_to_cart", "params": {"event_id": "g2", "items": [{"item_id": "A"}]}}]});
    // Twice, as a producer that retries without idempotence writes it.
    for _ in 0..2 {
        shop.tell("plain", &plain);
        shop.write(
            "structured",
            &[("content-type", "application/cloudevents+json")],
            structured.to_string().as_bytes(),
        );
        shop.write("binary", &binary, br#"{"itemId": "A"}"#);
        shop.tell("segment", &segment);
        shop.tell("ga4", &ga4);
    }
    // Behind both copies of each.
    for key in ["plain", "structured", "binary", "segment", "ga4"] {
        let last = json!({"eventType": "add_to_cart", "sessionId": format!("{key}-last"), "itemId": "A"});
        shop.tell(key, &last);
        await_cart(&server, &format!("{key}-last"), &[("A", 1)]);
    }
    await_cart(&server, "plain", &[("A", 2)]);
    await_cart(&server, "structured", &[("B", 1)]);
    await_cart(&server, "binary", &[("A", 1)]);
    await_cart(&server, "segment", &[("A", 3)]);
    await_cart(&server, "ga4", &[("B", 1), ("A", 1)]);
    assert_eq!(server.stop(), Some(0));
}

#[test]
#[ignore = "needs a broker at KAFKA_BROKERS: run by scripts/test-services"]
fn poison_goes_to_the_dead_letters_once_with_its_origin_and_stops_no_partition() {
    let shop = Shop::new("poison");
    let (one, two) = (shop.replica("one", 1), shop.replica("two", 1));
    stock_up(&one);
    // While the lead goes from one to another a letter may be written by both, under the same key.
    await_leader(&shop.brokers, &shop.prefix, &[&one, &two]);
    let late = json!({"eventType": "view", "sessionId": "s", "itemId": "A", "timestamp": 1_700_000_000_000_u64});
    let poison: [(&[u8], &str); 7] = [
        (b"not json", "is not an object"),
        (b"", ""),
        (b"{\"eventType\":\"view\",\"sessionId\":\"\xff\",\"itemId\":\"A\"}", "is not UTF-8"),
        (br#"{"eventType":"view","itemId":"A"}"#, "`sessionId` is missing"),
        (br#"{"eventType":"viewed","sessionId":"s","itemId":"A"}"#, "`viewed` is not known"),
        (
            br#"{"event":"Product Added","anonymousId":"a","properties":{"product_id":"A","price":-1}}"#,
            "`properties.price`",
        ),
        (&late.to_string().into_bytes(), "late"),
    ];
    for (n, (payload, _)) in poison.iter().enumerate() {
        shop.write("same", &[], payload);
        shop.tell("same", &json!({"eventType": "add_to_cart", "sessionId": format!("good{n}"), "itemId": "A"}));
    }
    for n in 0..poison.len() {
        await_cart(&one, &format!("good{n}"), &[("A", 1)]);
        await_cart(&two, &format!("good{n}"), &[("A", 1)]);
    }
    let letters = shop.letters(poison.len());
    assert_eq!(letters.len(), poison.len(), "{letters:?}");
    for (n, ((headers, payload), (wrong, why))) in letters.iter().zip(&poison).enumerate() {
        assert_eq!(payload, wrong, "letter {n}");
        assert!(headers["reason"].contains(why), "letter {n}: {headers:?}");
        assert_eq!(headers["topic"], format!("{}events", shop.prefix));
        assert_eq!((headers["partition"].as_str(), headers["offset"].as_str()), ("0", (2 * n).to_string().as_str()));
    }
    let digest = |server: &Server| server.get("/v1/state/digest").json()["sha256"].clone();
    let (first, started) = (digest(&one), Instant::now());
    assert!(first.is_string(), "{first}");
    while digest(&two) != digest(&one) {
        assert!(started.elapsed() < PATIENCE, "the replicas never agreed");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!((one.stop(), two.stop()), (Some(0), Some(0)));
}

#[test]
#[ignore = "needs a broker at KAFKA_BROKERS: run by scripts/test-services"]
fn a_restart_reads_each_foreign_record_once() {
    let shop = Shop::new("restart");
    let server = shop.replica("one", 2);
    stock_up(&server);
    // Without an id: only its place in the topic tells it from another.
    let event = |session: &str| json!({"eventType": "add_to_cart", "sessionId": session, "itemId": "A"});
    shop.tell("k", &event("s"));
    shop.tell("k", &event("s"));
    await_cart(&server, "s", &[("A", 2)]);
    server.kill();
    shop.tell("k", &event("s"));
    let server = shop.replica("one", 2);
    await_cart(&server, "s", &[("A", 3)]);
    assert_eq!(server.stop(), Some(0));
    // From nothing but the topics.
    let anew = shop.replica("anew", 2);
    await_cart(&anew, "s", &[("A", 3)]);
    assert_eq!(anew.stop(), Some(0));
}
