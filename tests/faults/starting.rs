//! Starts: two on one folder, and one with a lot to catch up with.

use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::load::Load;
use crate::row::Row;
use crate::server::Server;
use crate::shop::{CONFIG, Shop};

/// Events in the log of a slow start; reading them takes longer than asking whether the server is ready.
const HISTORY: usize = 60_000;
const BATCH: usize = 1_000;

#[test]
#[ignore = "part of the table of faults"]
fn a_second_process_on_a_data_folder_refuses_and_names_the_first() {
    let (shop, mut row) = (Shop::new(), Row::new("two processes on one data folder"));
    let server = shop.open();
    let load = Load::run(&server.url, "r", |load| {
        for _ in 0..5 {
            let second = Command::new(env!("CARGO_BIN_EXE_sidecart"))
                .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
                .arg(shop.path())
                .stdin(Stdio::null())
                .output()
                .expect("it runs");
            let said = String::from_utf8_lossy(&second.stderr);
            assert_eq!(second.status.code(), Some(2), "{said}");
            let first = format!("in use by process {} on ", server.id());
            assert!(said.contains(&first), "{said}");
        }
        load.wait_for("events meanwhile", &load.taken, 200);
    });
    row.add(&load);
    row.rounds = 5;
    shop.check(&server, &load.acknowledged(), &mut row);
    row.report();
}

#[test]
#[ignore = "fills a log: a minute"]
fn a_slow_start_says_why_it_is_not_ready_and_answers_meanwhile() {
    let (shop, mut row) = (Shop::new(), Row::new("slow start: 60,000 events to catch up with"));
    let server = shop.open();
    for batch in 0..HISTORY / BATCH {
        let events: Vec<Value> = (0..BATCH)
            .map(|n| {
                json!({"eventId": format!("h{batch}-{n}"), "eventType": "view", "sessionId": format!("s{}", n / 5),
                            "itemId": format!("i{}", (n * 7 + batch) % 40)})
            })
            .collect();
        assert_eq!(server.json("POST", "/v1/events", &Value::from(events)).status, 202);
    }
    server.kill();
    for checkpoint in shop.files("checkpoints", "ckpt") {
        std::fs::remove_file(checkpoint).expect("removed");
    }
    let server = Server::launch(shop.path(), CONFIG);
    let mut reasons = 0;
    let load = Load::run(&server.url, "r", |load| {
        loop {
            let ready = server.get("/readyz");
            if ready.status == 200 {
                break;
            }
            assert!(
                ready.json()["reason"].as_str().is_some_and(|why| why.contains("still to be applied")),
                "{ready:?}"
            );
            reasons += 1;
        }
        load.wait_for("events once it is ready", &load.taken, 100);
    });
    row.add(&load);
    assert!(reasons > 0, "it was ready at once: raise HISTORY");
    assert!(load.turned_away.load(Ordering::Acquire) > 0, "events wait until it is ready");
    shop.check(&server, &load.acknowledged(), &mut row);
    row.report();
}
