//! A config that one replica is given is in force on all, at the same place of the order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::producer::{BaseRecord, Producer};
use serde_json::{Value, json};

use crate::fleet::{Fleet, metric, until};
use crate::server::Server;
use crate::{PATIENCE, await_one_state};

/// What docs/cluster.md states.
const SOON: Duration = Duration::from_secs(5);

/// The config of these replicas with this limit and this lateness.
fn config(fleet: &Fleet, limit: u32, lateness: &str) -> String {
    let mut config = fleet.config().clone();
    config["placements"] = json!({"cart": {"limit": limit}});
    config["events"]["allowed_lateness"] = lateness.into();
    config.to_string()
}

fn put(server: &Server, body: &str) -> (u16, Value) {
    let answer = server.send("PUT", "/v1/config", "application/yaml", body.as_bytes());
    (answer.status, answer.json())
}

/// Waits until another config than `before` is in force on the replica that took it, and gives its version. A replica that
/// has it back within two seconds answers 200, one that a busy machine keeps waiting 202.
fn in_force(server: &Server, (status, answer): (u16, Value), before: &str) -> String {
    assert!(matches!(status, 200 | 202), "{status}: {answer}");
    let view = server.await_json("/v1/config", |view| view["version"] != before);
    assert_eq!(view["source"], "topic", "{view}");
    assert!(status == 202 || view["version"] == answer["version"], "{answer}");
    view["version"].as_str().expect("a version").to_owned()
}

fn version(server: &Server) -> String {
    server.get("/v1/config").json()["version"].as_str().expect("a version").to_owned()
}

fn answered_by(server: &Server) -> Value {
    server.json("POST", "/v1/recommendations", &json!({"placement": "cart", "sessionId": "s"})).json()
}

fn assert_soon(servers: &[Server], wanted: &str) {
    let started = Instant::now();
    for (replica, server) in servers.iter().enumerate() {
        until(&format!("replica {replica} answers by {wanted}"), || answered_by(server)["configVersion"] == wanted);
    }
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
}

#[test]
#[ignore = "starts a broker and three replicas: run by scripts/test-services"]
fn a_config_put_to_one_replica_is_in_force_on_all_and_on_those_that_come_later() {
    let fleet = Fleet::new(json!({"events": {"config": "topic"}}));
    let mut servers: Vec<Server> = (0..3).map(|replica| fleet.start(replica)).collect();
    let items: Vec<Value> = (0..6).map(|n| json!({"itemId": format!("i{n}"), "price": 1})).collect();
    assert_eq!(servers[0].json("PUT", "/v1/items?wait=applied", &items.into()).status, 202);
    let first = version(&servers[0]);
    assert!(servers.iter().all(|server| version(server) == first), "folders and ports do not count");

    let second = in_force(&servers[0], put(&servers[0], &config(&fleet, 2, "1h")), &first);
    assert_soon(&servers, &second);
    until("the replicas know the items", || {
        servers.iter().all(|server| answered_by(server)["items"].as_array().map(Vec::len) == Some(2))
    });

    // What is wrong is in force nowhere, and neither is what has not seen the newest.
    let (status, problem) = put(&servers[1], "placements: {cart: {limit: none}}");
    assert_eq!(status, 400, "{problem}");
    let tag = ("if-match", first.as_str());
    assert_eq!(servers[1].send_with("PUT", "/v1/config", tag, &config(&fleet, 3, "1h")).0, 412);
    let mut restart = fleet.config().clone();
    restart["events"]["queue"] = 99.into();
    assert_eq!(put(&servers[1], &restart.to_string()).0, 409, "it needs a restart");
    assert!(servers.iter().all(|server| version(server) == second));

    // The file counts no more, and a replica that was down takes the newest.
    servers.pop().expect("three").kill();
    let third = in_force(&servers[1], put(&servers[1], &config(&fleet, 4, "1h")), &second);
    servers.push(fleet.start(2));
    servers.push(fleet.start(3));
    assert_soon(&servers, &third);
    assert_eq!(servers[3].get("/v1/config").json()["config"]["placements"]["cart"]["limit"], 4);

    let back = servers[2].send_with("POST", "/v1/config/rollback", ("x-none", ""), "");
    assert_eq!(in_force(&servers[2], back, &third), second);
    assert_soon(&servers, &second);
}

#[test]
#[ignore = "starts a broker and three replicas: run by scripts/test-services"]
fn what_is_too_late_changes_at_the_same_record_on_all_replicas() {
    /// At least, and at most; in between as long as configs are put.
    const RECORDS: std::ops::Range<usize> = 600..60_000;
    /// Configs that are put, each of them followed by its opposite.
    const PUTS: usize = 8;
    let fleet = Fleet::new(json!({"events": {"config": "topic"}, "storage": {"checkpoint_every": "1s"}}));
    let mut servers: Vec<Server> = (0..3).map(|replica| fleet.start(replica)).collect();
    let items = json!([{"itemId": "A", "title": "A", "price": 1}]);
    assert_eq!(servers[0].json("PUT", "/v1/items?wait=applied", &items).status, 202);
    let producer = fleet.producer();
    // Half an hour old: too late under one of the two configs.
    let at = jiff::Timestamp::now().as_millisecond() - 30 * 60_000;
    let is_over = AtomicBool::new(false);
    let written = std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let is_last = |n: &usize| *n >= RECORDS.start && is_over.load(Ordering::Acquire);
            let mut written = 0;
            for n in (0..RECORDS.end).take_while(|n| !is_last(n)) {
                let event = json!({"eventType": "view", "sessionId": format!("s{n}"), "itemId": "A", "timestamp": at});
                let (key, payload) = (n.to_string(), event.to_string());
                let record = BaseRecord::to("fleet.events").key(&key).payload(&payload);
                producer.send(record).map_err(|(error, _)| error).expect("room in the queue");
                std::thread::sleep(Duration::from_millis(5));
                written = n + 1;
            }
            producer.flush(PATIENCE).expect("written");
            written
        });
        let mut turn = 0;
        while turn < PUTS || !writing.is_finished() {
            let lateness = ["10m", "1h"][turn % 2];
            let (status, view) = put(&servers[turn % 2], &config(&fleet, 2, lateness));
            assert!(matches!(status, 200 | 202), "{view}");
            turn += 1;
            if turn == 3 {
                servers[2].signal("KILL");
            }
            is_over.store(turn >= PUTS, Ordering::Release);
        }
        writing.join().expect("written")
    });
    servers.pop().expect("three").kill();
    servers.push(fleet.start(2));
    servers.push(fleet.start(3));
    await_one_state(&servers.iter().collect::<Vec<_>>());
    let (refused, taken) = (metric(&servers[0], "sidecart_broker_poison_total", ""), servers[0].get("/metrics").text);
    assert!(
        refused > 0.0 && refused < written as f64,
        "{refused} of {written} refused: the configs never changed\n{taken}"
    );
    println!("{refused} of {written} foreign events were too late, the same on all replicas");
}

#[test]
#[ignore = "starts a broker and a replica: run by scripts/test-services"]
fn one_of_several_replicas_is_not_changed_alone() {
    let fleet = Fleet::new(json!({}));
    let server = fleet.start(0);
    let (status, problem) = put(&server, &config(&fleet, 2, "1h"));
    assert_eq!((status, &problem["error"]["code"]), (409, &json!("config_elsewhere")), "{problem}");
    assert_eq!(server.send_with("POST", "/v1/config/rollback", ("x-none", ""), "").0, 409);
}
