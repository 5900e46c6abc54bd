//! A broker of three nodes, each record on two of them before it is acknowledged.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use serde_json::json;

use crate::broker::Broker;
use crate::fleet::{metric, until};
use crate::outside::Outside;
use crate::server::Server;
use crate::{Replicas, SPELL, await_all_sent, under_load};

/// Until the other nodes miss one, and give its partitions to others.
const MISSED: Duration = Duration::from_secs(10);

#[test]
#[ignore = "starts a broker of three nodes and three replicas, and kills nodes: run by scripts/test-services"]
fn one_node_of_three_may_go_and_without_two_nothing_is_acknowledged_that_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let broker = Broker::start_with(&folder.path().join("broker"), &["--nodes", "3"]);
    let config = json!({
        "events": {"log": "kafka"},
        "kafka": {"brokers": broker.addresses(), "partitions": 6, "replication": 3, "publish_timeout": "3s"},
    });
    let start = |replica: usize| Server::start(&folder.path().join(replica.to_string()), &config.to_string());
    let replicas: Replicas = std::array::from_fn(|replica| RwLock::new(Some(start(replica))));
    let acknowledged = || -> f64 {
        let replica = replicas[0].read();
        metric(replica.as_ref().expect("it lives"), "sidecart_records_total", "kind=\"add_to_cart\"")
    };
    let answers = AtomicU64::new(0);
    let (mut without_one, mut without_two) = (0.0, 0);
    let sent = under_load(&replicas, &answers, || {
        std::thread::sleep(SPELL);
        broker.kill_node(1);
        std::thread::sleep(MISSED);
        let before = acknowledged();
        std::thread::sleep(SPELL);
        without_one = acknowledged() - before;
        until("events are taken without one of three nodes", || acknowledged() > before);
        broker.restart_node(1);
        std::thread::sleep(SPELL);
        broker.kill_node(2);
        broker.kill_node(3);
        let before = answers.load(Ordering::Relaxed);
        std::thread::sleep(SPELL);
        without_two = answers.load(Ordering::Relaxed) - before;
        let broker = &broker;
        // Each waits for the other.
        std::thread::scope(|scope| [2, 3].map(|node| scope.spawn(move || broker.restart_node(node))).map(drop));
        std::thread::sleep(MISSED);
    });
    assert!(without_two > 0, "nobody answered without two of three nodes");
    await_all_sent(&replicas, &sent);
    println!(
        "{} events acknowledged, {without_one:.0} within {SPELL:?} without one node; {without_two} answers without two",
        sent.iter().sum::<u64>(),
    );
}

#[test]
#[ignore = "starts a broker of three nodes and kills one: run by scripts/test-services"]
fn good_records_pass_letters_that_cannot_be_written_and_those_are_written_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let broker = Broker::start_with(&folder.path().join("broker"), &["--nodes", "3"]);
    let outside = Outside::at(&broker.address);
    outside.make_on("shop.dead-letters", 2);
    let kafka = json!({"brokers": broker.addresses(), "topic_prefix": "shop.", "partitions": 1, "replication": 3});
    let config = json!({"events": {"log": "kafka"}, "kafka": kafka});
    let server = Server::start(&folder.path().join("a"), &config.to_string());
    until("it leads", || metric(&server, "sidecart_broker_leader", "") > 0.0);
    broker.kill_node(2);
    std::thread::sleep(MISSED);
    let knows = |session: &str| server.get(&format!("/v1/features/sessions/{session}")).status == 200;
    let behind_poison = |session: &str| {
        outside.write("shop.events", 0, "unreadable");
        outside.write("shop.events", 0, &json!({"eventType": "view", "sessionId": session, "itemId": "a"}).to_string());
        outside.flush();
        let written = Instant::now();
        until("what is behind an unreadable record is taken", || knows(session));
        written.elapsed()
    };
    let waits = [behind_poison("first"), behind_poison("second")];
    assert_eq!(metric(&server, "sidecart_broker_letters_total", ""), 0.0, "there is no node for them");
    // The thirty seconds for which letters are tried first; once they are over, nothing waits any more.
    assert!(waits[1] < Duration::from_secs(15), "{waits:?}");
    broker.restart_node(2);
    until("the letters are written", || metric(&server, "sidecart_broker_letters_total", "") >= 2.0);
    assert_eq!(metric(&server, "sidecart_broker_letters_lost_total", ""), 0.0);
    let wanted = ["shop.events/0/0", "shop.events/0/2"].map(str::to_owned).into();
    assert_eq!(outside.keys("shop.dead-letters", wanted).len(), 2);
    println!("records behind unreadable ones waited {waits:?}");
}
