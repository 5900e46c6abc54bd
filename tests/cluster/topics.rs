//! Topics that are not, or do not stay, as Sidecart makes them.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::PATIENCE;
use crate::broker::Broker;
use crate::outside::Outside;
use crate::server::Server;

fn config(broker: &Broker, partitions: i32) -> String {
    json!({
        "events": {"log": "kafka"},
        "kafka": {"brokers": [broker.address], "topic_prefix": "shop.", "partitions": partitions},
    })
    .to_string()
}

fn stock_up(server: &Server) {
    let answer = server.json("PUT", "/v1/items?wait=applied", &json!([{"itemId": "A", "title": "A", "price": 1}]));
    assert_eq!(answer.status, 202, "{}", answer.text);
}

fn view(session: &str) -> String {
    json!({"eventType": "view", "sessionId": session, "itemId": "A"}).to_string()
}

fn await_session(server: &Server, session: &str) {
    let (started, path) = (Instant::now(), format!("/v1/features/sessions/{session}"));
    while server.get(&path).status != 200 {
        assert!(started.elapsed() < PATIENCE, "{session} was never taken: {}", server.get("/readyz").text);
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn await_one_state(one: &Server, other: &Server) {
    let digest = |server: &Server| server.get("/v1/state/digest").json()["sha256"].clone();
    let started = Instant::now();
    while digest(one) != digest(other) || digest(one) == Value::Null {
        assert!(started.elapsed() < PATIENCE, "the replicas never agreed");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("server.log")).expect("a log")
}

#[test]
#[ignore = "starts a broker and a replica: run by scripts/test-services"]
fn topics_that_would_lose_records_are_refused_until_they_are_mended_and_lesser_ones_are_warned_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let broker = Broker::start(&folder.path().join("broker"));
    let outside = Outside::at(&broker.address);
    outside.make("shop.events", 2, &[("cleanup.policy", "compact")]);
    outside.make("shop.models", 1, &[("cleanup.policy", "delete"), ("max.message.bytes", "2097152")]);
    let server = Server::launch(&folder.path().join("a"), &config(&broker, 2));
    let refused = |ready: &Value| {
        let reason = ready["reason"].as_str().unwrap_or_default();
        reason.contains("topic `shop.events` has `cleanup.policy=compact`") && reason.contains("cleanup.policy=delete")
    };
    server.await_json("/readyz", refused);
    outside.set("shop.events", "cleanup.policy", "delete");
    let ready = server.await_json("/readyz", |ready| ready["status"] == "ready");
    let warnings: Vec<&str> = ready["warnings"].as_array().expect("some").iter().filter_map(Value::as_str).collect();
    let has = |topic: &str, setting: &str| warnings.iter().any(|text| text.contains(topic) && text.contains(setting));
    assert!(has("`shop.models`", "cleanup.policy=compact"), "{warnings:?}");
    assert!(has("`shop.events`", "message.timestamp.type=LogAppendTime"), "{warnings:?}");
    assert!(!has("`shop.catalog`", ""), "those that it made are as they should be: {warnings:?}");
    stock_up(&server);
    assert_eq!(server.stop(), Some(0));
}

#[test]
#[ignore = "starts a broker and two replicas: run by scripts/test-services"]
fn partitions_that_are_added_while_replicas_run_are_read_by_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let broker = Broker::start(&folder.path().join("broker"));
    let [one, two] = ["a", "b"].map(|dir| Server::start(&folder.path().join(dir), &config(&broker, 2)));
    let outside = Outside::at(&broker.address);
    stock_up(&one);
    outside.write("shop.events", 1, &view("before"));
    outside.flush();
    await_session(&two, "before");
    outside.grow("shop.events", 4);
    // A producer that has not heard of the new partitions writes to none of them for some minutes.
    let outside = Outside::at(&broker.address);
    outside.write("shop.events", 3, &view("in-a-new-one"));
    outside.write("shop.events", 0, &view("in-an-old-one"));
    outside.flush();
    for server in [&one, &two] {
        for session in ["in-an-old-one", "in-a-new-one"] {
            await_session(server, session);
        }
    }
    await_one_state(&one, &two);
    assert_eq!((one.stop(), two.stop()), (Some(0), Some(0)));
}

#[test]
#[ignore = "starts a broker and a replica: run by scripts/test-services"]
fn a_replica_whose_records_retention_has_removed_says_so_and_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let broker = Broker::start(&folder.path().join("broker"));
    let (dir, outside) = (folder.path().join("a"), Outside::at(&broker.address));
    let server = Server::start(&dir, &config(&broker, 1));
    stock_up(&server);
    outside.write("shop.events", 0, &view("read"));
    outside.flush();
    await_session(&server, "read");
    server.kill();
    outside.write("shop.events", 0, &view("missed"));
    outside.flush();
    outside.empty("shop.events", 0);
    outside.write("shop.events", 0, &view("kept"));
    outside.flush();
    let server = Server::start(&dir, &config(&broker, 1));
    await_session(&server, "kept");
    await_session(&server, "read");
    assert_eq!(server.get("/v1/features/sessions/missed").status, 404);
    assert!(log(&dir).contains("retention has deleted what this replica had not read"), "{}", log(&dir));
    assert_eq!(server.stop(), Some(0));
}
