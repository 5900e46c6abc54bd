//! kill -9 in the middle of an erasure: it is taken up again, and ends with the shopper in no file.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::load::Load;
use crate::naming::files_that_name;
use crate::row::Row;
use crate::server::Server;
use crate::shop::{CONFIG, Shop, roll, rounds};

const USER: &str = "shopper-to-be-erased-0815";
const VISIT: &str = "visit-to-be-erased-0815";
/// Events of the shopper before the erasure, over several files of the log.
const EVENTS: usize = 300;
/// The latest instant of a kill after the order, in milliseconds: an erasure here takes less.
const LATEST_MS: u64 = 400;
const PATIENCE: Duration = Duration::from_secs(60);
/// Rounds at most: each is a shop of its own.
const MAX_ROUNDS: u64 = 50;

#[test]
#[ignore = "kills a server in the middle of erasures: a minute"]
fn a_killed_erasure_is_finished_and_leaves_no_byte() {
    let mut seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut row = Row::new("kill -9 in the middle of an erasure");
    for number in 0..rounds().min(MAX_ROUNDS) {
        round(number, &mut seed, &mut row);
    }
    row.report();
}

fn round(number: u64, seed: &mut u64, row: &mut Row) {
    let shop = Shop::new();
    let server = shop.open();
    let (url, at) = (server.url.clone(), Duration::from_millis(roll(seed, LATEST_MS)));
    let mut id = String::new();
    let load = Load::run(&url, &format!("r{number}"), |load| {
        load.wait_for("events before", &load.taken, 200);
        for batch in 0..EVENTS / 20 {
            let events: Vec<Value> = (0..20).map(|n| theirs(batch * 20 + n)).collect();
            assert_eq!(server.json("POST", "/v1/events", &Value::from(events)).status, 202);
        }
        let ordered = server.json("POST", "/v1/erasures", &json!({"userId": USER}));
        assert_eq!(ordered.status, 202, "{ordered:?}");
        id = ordered.json()["erasureId"].as_str().expect("an id").to_owned();
        std::thread::sleep(at);
        server.kill();
    });
    row.add(&load);
    let acknowledged: BTreeSet<String> = load.acknowledged();
    let server = Server::start(shop.path(), CONFIG);
    let started = Instant::now();
    while server.get(&format!("/v1/erasures/{id}")).json()["status"] != "done" {
        assert!(started.elapsed() < PATIENCE, "{}", server.get(&format!("/v1/erasures/{id}")).text);
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_not_named(shop.path());
    shop.check(&server, &acknowledged, row);
    server.kill();
    let server = Server::start(shop.path(), CONFIG);
    shop.check(&server, &acknowledged, row);
    assert_eq!(server.stop(), Some(0));
    assert_not_named(shop.path());
}

fn theirs(number: usize) -> Value {
    let kind = ["view", "add_to_cart", "purchase"][number % 3];
    json!({"eventId": format!("theirs-{number}"), "eventType": kind,
           "sessionId": VISIT, "userId": USER, "itemId": format!("i{}", number % 40)})
}

fn assert_not_named(folder: &Path) {
    let left = files_that_name(folder, &[USER, VISIT]);
    assert!(left.is_empty(), "{left:#?}");
}
