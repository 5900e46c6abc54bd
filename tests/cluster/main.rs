//! Three replicas of the real binary on a real broker: one is killed, then the broker, under load. Nothing that was
//! acknowledged is lost or counts twice, answers go on, and in the end all replicas have the same state, bit for bit.

mod broker;
mod clicking;
mod configuring;
mod erasing;
mod fleet;
#[path = "../support/leader.rs"]
mod leader;
mod letters;
#[path = "../support/naming.rs"]
mod naming;
mod nodes;
mod outside;
mod security;
#[path = "../http/server.rs"]
#[expect(dead_code, reason = "shared with the HTTP tests, which use more of it")]
mod server;
#[cfg(feature = "failpoints")]
mod skewed;
mod topics;

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::server::Server;

/// Longer than anything takes on a loaded machine; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long each state of the cluster lasts.
const SPELL: Duration = Duration::from_secs(3);
/// An answer that takes as long is late: its deadline is the server's, the rest is a machine that does a lot besides.
const LATE: Duration = Duration::from_secs(1);
const REPLICAS: usize = 3;
/// The one that is killed.
const VICTIM: usize = 2;
/// Who sends events, each visit one after the other.
const SENDERS: usize = 4;

type Replicas = [RwLock<Option<Server>>; REPLICAS];

fn start(broker: &Broker, folder: &Path, replica: usize) -> Server {
    let config = json!({
        "events": {"log": "kafka"},
        "kafka": {"brokers": broker.addresses(), "topic_prefix": "cluster.", "partitions": 6},
        "storage": {"checkpoint_every": "1s"},
    });
    Server::start(&folder.join(replica.to_string()), &config.to_string())
}

/// Sends one event to one replica after the other until one acknowledges it; gives up only when the test is over.
fn send(replicas: &Replicas, first: usize, event: &Value) {
    let (started, body) = (Instant::now(), event.to_string());
    for turn in 0.. {
        assert!(started.elapsed() < PATIENCE, "nobody takes {body}");
        let replica = replicas[(first + turn) % REPLICAS].read();
        let answer =
            replica.as_ref().map(|replica| replica.try_send("POST", "/v1/events", "application/json", body.as_bytes()));
        match answer {
            Some(Ok(answer)) if answer.status == 202 => {
                assert_eq!(answer.json()["rejected"].as_array().map_or(0, Vec::len), 0, "{}", answer.text);
                return;
            }
            Some(Ok(answer)) => assert_eq!(answer.status, 503, "{}", answer.text),
            // Killed, or about to be.
            Some(Err(_)) | None => {}
        }
        drop(replica);
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Adds one unit to a visit's cart after the other until `end`; gives how many.
fn shop_on(replicas: &Replicas, sender: usize, end: &AtomicBool) -> u64 {
    let mut sent = 0;
    while !end.load(Ordering::Acquire) {
        let event = json!({"eventId": format!("{sender}-{sent}"), "eventType": "add_to_cart",
            "sessionId": format!("visit-{sender}"), "itemId": format!("i{}", sent % 8)});
        send(replicas, sender + sent as usize, &event);
        sent += 1;
    }
    sent
}

/// Asks all that live for recommendations until `end`; every answer is a 200, and they are in time: but for one in a hundred,
/// as a machine that runs all of this at once holds one up now and then, and not because anybody waits for the broker.
fn ask_on(replicas: &Replicas, end: &AtomicBool, answers: &AtomicU64) {
    let request = json!({"placement": "cart", "sessionId": "visit-0", "cart": ["i1"], "deadlineMs": 80}).to_string();
    let (mut asked, mut late) = (0, Vec::new());
    while !end.load(Ordering::Acquire) {
        for (number, replica) in replicas.iter().enumerate() {
            let replica = replica.read();
            let Some(replica) = replica.as_ref() else { continue };
            let started = Instant::now();
            let answer = replica.try_send("POST", "/v1/recommendations", "application/json", request.as_bytes());
            // Only the dead say nothing.
            let answer = match answer {
                Err(_) if number == VICTIM => continue,
                answer => answer.expect("an answer"),
            };
            assert_eq!(answer.status, 200, "{}", answer.text);
            asked += 1;
            late.extend(Some(started.elapsed()).filter(|took| *took >= LATE));
            answers.fetch_add(1, Ordering::Relaxed);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(late.len() * 100 <= asked, "of {asked} answers {} were late: {late:?}", late.len());
}

/// In the midst of whatever it does.
fn kill_nine(replica: &RwLock<Option<Server>>) {
    let id = replica.read().as_ref().map(Server::id).expect("it lives").to_string();
    let told = Command::new("kill").args(["-9", &id]).status().expect("kill runs");
    assert!(told.success());
    *replica.write() = None;
}

fn units(server: &Server, sender: usize) -> u64 {
    let features = server.get(&format!("/v1/features/sessions/visit-{sender}")).json();
    let lines = features["cart"].as_array().cloned().unwrap_or_default();
    lines.iter().map(|line| line["quantity"].as_u64().unwrap_or(0)).sum()
}

/// Waits until all replicas have one state; a model may still be on its way.
fn await_one_state(servers: &[&Server]) {
    let started = Instant::now();
    loop {
        let digests: Vec<Value> = servers.iter().map(|server| server.get("/v1/state/digest").json()).collect();
        let same = |digest: &Value| digest["sha256"].is_string() && digest["sha256"] == digests[0]["sha256"];
        if digests.iter().all(same) {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "replicas disagree: {digests:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Waits until every replica has all that was acknowledged, once, and one state.
fn await_all_sent(replicas: &Replicas, sent: &[u64]) {
    let guards: Vec<_> = replicas.iter().map(RwLock::read).collect();
    let servers: Vec<&Server> = guards.iter().filter_map(|replica| replica.as_ref()).collect();
    let started = Instant::now();
    for server in &servers {
        for (sender, &sent) in sent.iter().enumerate() {
            while units(server, sender) != sent {
                let found = units(server, sender);
                assert!(started.elapsed() < PATIENCE, "visit-{sender} has {found} units of {sent}");
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
    await_one_state(&servers);
}

/// Has visits and questions go on while `act` does what it does; gives how many events of each visit were acknowledged.
fn under_load(replicas: &Replicas, answers: &AtomicU64, act: impl FnOnce()) -> Vec<u64> {
    let items: Vec<Value> = (0..8).map(|n| json!({"itemId": format!("i{n}"), "title": "t", "price": 1.5})).collect();
    let put = replicas[0].read().as_ref().map(|replica| replica.json("PUT", "/v1/items?wait=applied", &items.into()));
    assert_eq!(put.expect("it lives").status, 202);
    let end = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                scope.spawn({
                    let end = &end;
                    move || shop_on(replicas, sender, end)
                })
            })
            .collect();
        let asking = scope.spawn(|| ask_on(replicas, &end, answers));
        act();
        end.store(true, Ordering::Release);
        asking.join().expect("every answer was a 200");
        senders.into_iter().map(|sender| sender.join().expect("all were taken")).collect()
    })
}

#[test]
#[ignore = "starts a broker and three replicas, and kills them: run by scripts/test-services"]
fn nothing_acknowledged_is_lost_when_a_replica_and_then_the_broker_are_killed_under_load() {
    let folder = tempfile::tempdir().expect("a folder");
    let broker = Broker::start(&folder.path().join("broker"));
    let replicas: Replicas = std::array::from_fn(|replica| RwLock::new(Some(start(&broker, folder.path(), replica))));
    let answers = AtomicU64::new(0);
    let mut while_away = 0;
    let sent = under_load(&replicas, &answers, || {
        std::thread::sleep(SPELL);
        kill_nine(&replicas[VICTIM]);
        std::thread::sleep(SPELL);
        let back = start(&broker, folder.path(), VICTIM);
        *replicas[VICTIM].write() = Some(back);
        std::thread::sleep(SPELL);
        broker.kill();
        let before = answers.load(Ordering::Relaxed);
        std::thread::sleep(SPELL);
        while_away = answers.load(Ordering::Relaxed) - before;
        broker.restart();
        std::thread::sleep(SPELL);
    });
    assert!(while_away > 0, "nobody answered while the broker was away");
    assert!(sent.iter().all(|&sent| sent > 0), "{sent:?}");

    await_all_sent(&replicas, &sent);
    println!(
        "{} events acknowledged, {} answers, {while_away} without a broker",
        sent.iter().sum::<u64>(),
        answers.load(Ordering::Relaxed)
    );
}
