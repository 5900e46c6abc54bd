//! Records that nobody can read, many of them: each is put aside, whoever dies, and good ones do not wait for it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::broker::Broker;
use crate::fleet::{metric, until};
use crate::leader::await_leader;
use crate::outside::Outside;
use crate::server::Server;

const PARTITIONS: i32 = 3;
/// Unreadable records of the flood amid which the leader is killed.
const FLOOD: i32 = 30_000;
/// Unreadable records of the flood that good ones are measured in.
const LARGE_FLOOD: i32 = 100_000;

fn start(broker: &Broker, dir: &std::path::Path) -> Server {
    let config = json!({
        "events": {"log": "kafka"},
        "kafka": {"brokers": [broker.address], "topic_prefix": "shop.", "partitions": PARTITIONS},
    });
    Server::start(dir, &config.to_string())
}

fn stock_up(server: &Server) {
    let answer = server.json("PUT", "/v1/items?wait=applied", &json!([{"itemId": "A", "title": "A", "price": 1}]));
    assert_eq!(answer.status, 202, "{}", answer.text);
}

fn knows(server: &Server, session: &str) -> bool {
    server.get(&format!("/v1/features/sessions/{session}")).status == 200
}

fn good(session: &str) -> String {
    json!({"eventType": "view", "sessionId": session, "itemId": "A"}).to_string()
}

#[test]
#[ignore = "starts a broker and two replicas, and kills one: run by scripts/test-services"]
fn every_unreadable_record_is_put_aside_though_the_leader_is_killed_amid_a_flood() {
    let folder = tempfile::tempdir().expect("a folder");
    let broker = Broker::start(&folder.path().join("broker"));
    let dirs = [folder.path().join("a"), folder.path().join("b")];
    let mut replicas = dirs.each_ref().map(|dir| Some(start(&broker, dir)));
    stock_up(replicas[0].as_ref().expect("it lives"));
    let leader = await_leader(&broker.address, "shop.", &replicas.iter().flatten().collect::<Vec<_>>());

    let outside = Outside::at(&broker.address);
    let written = std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            for n in 0..FLOOD {
                outside.write("shop.events", n % PARTITIONS, &format!("unreadable {n}"));
                // At a pace that lasts some seconds.
                if n % 100 == 99 {
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
            outside.flush();
        });
        let victim = replicas[leader].take().expect("it lives");
        until("letters are written", || metric(&victim, "sidecart_broker_letters_total", "") > 1_000.0);
        let written = metric(&victim, "sidecart_broker_letters_total", "");
        victim.kill();
        flood.join().expect("written");
        written
    });
    assert!(written < f64::from(FLOOD), "the leader was killed after the flood, not amid it");
    for partition in 0..PARTITIONS {
        outside.write("shop.events", partition, &good(&format!("behind-{partition}")));
    }
    outside.flush();
    let survivor = replicas[1 - leader].as_ref().expect("it lives");
    for partition in 0..PARTITIONS {
        until("good ones behind are taken", || knows(survivor, &format!("behind-{partition}")));
    }
    // The good ones aside, each partition holds nothing but poison from its first offset on.
    let wanted: BTreeSet<String> =
        (0..FLOOD).map(|n| format!("shop.events/{}/{}", n % PARTITIONS, n / PARTITIONS)).collect();
    let count = wanted.len();
    let found = outside.keys("shop.dead-letters", wanted);
    assert_eq!(found.len(), count, "nothing else was put aside");
    let copies: u32 = found.values().map(|count| count - 1).sum();
    println!("{FLOOD} unreadable records, the leader killed after {written} letters: all are there, {copies} twice");

    let back = start(&broker, &dirs[leader]);
    let digest = |server: &Server| server.get("/v1/state/digest").json()["sha256"].clone();
    until("one state", || digest(&back) == digest(survivor) && digest(&back) != Value::Null);
}

#[test]
#[ignore = "starts a broker and writes 100,000 records: run by scripts/test-services"]
fn good_records_do_not_wait_for_a_flood_of_unreadable_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let broker = Broker::start(&folder.path().join("broker"));
    let server = start(&broker, &folder.path().join("a"));
    stock_up(&server);
    until("it leads", || metric(&server, "sidecart_broker_leader", "") > 0.0);
    let (outside, is_over) = (Outside::at(&broker.address), AtomicBool::new(false));
    let mut waits = Vec::new();
    let took = std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let started = Instant::now();
            for n in 0..LARGE_FLOOD {
                outside.write("shop.events", n % PARTITIONS, &format!("unreadable {n}"));
            }
            until("all are put aside", || {
                metric(&server, "sidecart_broker_letters_total", "") >= f64::from(LARGE_FLOOD)
            });
            is_over.store(true, Ordering::Release);
            started.elapsed()
        });
        // In the midst of it, behind thousands of them in the same partition.
        let probing = Outside::at(&broker.address);
        while !is_over.load(Ordering::Acquire) {
            let (session, written) = (format!("good-{}", waits.len()), Instant::now());
            probing.write("shop.events", waits.len() as i32 % PARTITIONS, &good(&session));
            probing.flush();
            until("a good one is taken", || knows(&server, &session));
            waits.push(written.elapsed());
        }
        flood.join().expect("all were put aside")
    });
    waits.sort();
    let longest = *waits.last().expect("some were measured");
    println!(
        "{LARGE_FLOOD} unreadable records put aside in {took:.1?}; {} good ones amid them, longest {longest:.1?}",
        waits.len()
    );
    assert!(longest < Duration::from_secs(15), "a good record waited for {longest:?}");
    assert_eq!(metric(&server, "sidecart_broker_letters_lost_total", ""), 0.0);
    // What the broker has and this replica has not taken is told, too: in the end nothing.
    let lag = "sidecart_broker_lag_records";
    until("the lag is told of every partition", || {
        let text = server.get("/metrics").text;
        (0..PARTITIONS).all(|n| text.contains(&format!("{lag}{{topic=\"shop.events\",partition=\"{n}\"}} 0")))
    });
}
