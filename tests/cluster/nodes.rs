//! A broker of three nodes, each record on two of them before it is acknowledged.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use serde_json::json;

use crate::broker::Broker;
use crate::fleet::metric;
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
    assert!(without_one > 0.0, "nothing was taken without one of three nodes");
    assert!(without_two > 0, "nobody answered without two of three nodes");
    await_all_sent(&replicas, &sent);
    println!(
        "{} events acknowledged, {without_one:.0} within {SPELL:?} without one node; {without_two} answers without two",
        sent.iter().sum::<u64>(),
    );
}
