//! A checkpoint's disk that fails: events are acknowledged and answers given as before; the log holds everything.

use std::time::Duration;

use crate::load::Load;
use crate::row::Row;
use crate::server::Server;
use crate::shop::{CONFIG, Shop, wait_for_one_more};

const FAULTS: [(&str, &str); 6] = [
    ("checkpoint: write error", "checkpoints write error\n"),
    ("checkpoint: short write", "checkpoints write short\n"),
    ("checkpoint: disk full", "checkpoints write full\n"),
    ("checkpoint: fsync error", "checkpoints sync error\n"),
    ("checkpoint: rename error", "checkpoints rename error\n"),
    ("checkpoint: read-only disk", "checkpoints create readonly\ncheckpoints remove readonly\n"),
];
const FAILED: &str = r#"sidecart_checkpoints_total{outcome="failed"}"#;
const WRITTEN: &str = r#"sidecart_checkpoints_total{outcome="written"}"#;
/// How long a disk hangs: several checkpoints would have been made.
const HANGS: Duration = Duration::from_secs(4);

#[test]
#[ignore = "needs a disk that fails on command, and a minute"]
fn a_checkpoint_that_fails_costs_nothing_and_the_next_one_is_made() {
    for (name, fault) in FAULTS {
        let (shop, mut row) = (Shop::new(), Row::new(name));
        let server = shop.open();
        let load = Load::run(&server.url, "r", |load| {
            wait_for_one_more(&server, WRITTEN);
            shop.fail(fault);
            wait_for_one_more(&server, FAILED);
            load.wait_for("events meanwhile", &load.taken, 200);
            shop.heal();
            wait_for_one_more(&server, WRITTEN);
        });
        row.add(&load);
        assert_eq!(row.turned_away, 0, "{name}: events do not need checkpoints");
        server.kill();
        let left: Vec<_> = shop.files("checkpoints", "tmp");
        assert!(left.len() <= 1, "{name}: {left:?}");
        shop.check(&Server::start(shop.path(), CONFIG), &load.acknowledged(), &mut row);
        row.report();
    }
}

#[test]
#[ignore = "needs a disk that fails on command, and seconds"]
fn a_checkpoint_that_hangs_delays_neither_answers_nor_freshness() {
    let (shop, mut row) = (Shop::new(), Row::new("checkpoint: fsync hangs for 4 s"));
    let server = shop.open();
    let load = Load::run(&server.url, "r", |load| {
        shop.fail("checkpoints sync hang\n");
        std::thread::sleep(HANGS);
        let event = serde_json::json!({"eventType": "view", "sessionId": "fresh", "itemId": "i1"});
        let seen = server.json("POST", "/v1/events?wait=applied", &event).json();
        assert_eq!(seen["applied"], true, "{seen}");
        load.wait_for("events meanwhile", &load.taken, 200);
        shop.heal();
        wait_for_one_more(&server, WRITTEN);
    });
    row.add(&load);
    assert_eq!(row.turned_away, 0);
    server.kill();
    shop.check(&Server::start(shop.path(), CONFIG), &load.acknowledged(), &mut row);
    row.report();
}
