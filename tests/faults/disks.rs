//! A log's disk that fails while events pour in. Recommendations go on; what cannot be made durable is not acknowledged.

use std::time::Duration;

use crate::load::Load;
use crate::row::Row;
use crate::server::Server;
use crate::shop::{CONFIG, Shop};

/// How long a fault lasts.
const LASTS: Duration = Duration::from_millis(700);
/// How long a disk hangs: far longer than any deadline.
const HANGS: Duration = Duration::from_secs(3);
const ROUNDS: u64 = 3;

/// Lets the log's disk fail under load, several times, and heals it: acknowledging stops and begins again by itself.
fn passing(name: &str, fault: &str) {
    let (shop, mut row) = (Shop::new(), Row::new(name));
    let mut acknowledged = std::collections::BTreeSet::new();
    let server = shop.open();
    for round in 0..ROUNDS {
        let load = Load::run(&server.url, &format!("r{round}"), |load| {
            load.wait_for("events before the fault", &load.taken, 200);
            shop.fail(fault);
            load.wait_for("batches turned away", &load.turned_away, 3);
            let asked = load.asked.load(std::sync::atomic::Ordering::Acquire);
            std::thread::sleep(LASTS);
            assert!(load.asked.load(std::sync::atomic::Ordering::Acquire) > asked, "answers stopped");
            assert_eq!(server.get("/readyz").status, 200, "a passing fault needs no restart");
            shop.heal();
            load.wait_for("events after the fault", &load.taken, 200);
        });
        row.add(&load);
        acknowledged.extend(load.acknowledged());
    }
    shop.check(&server, &acknowledged, &mut row);
    server.kill();
    shop.check(&Server::start(shop.path(), CONFIG), &acknowledged, &mut row);
    row.report();
}

#[test]
#[ignore = "needs a disk that fails on command, and seconds"]
fn a_full_disk_stops_acknowledging_and_recovers_by_itself() {
    passing("log: disk full", "log write full\nlog create full\n");
}

#[test]
#[ignore = "needs a disk that fails on command, and seconds"]
fn a_write_error_passes() {
    passing("log: write error", "log write error\n");
}

#[test]
#[ignore = "needs a disk that fails on command, and seconds"]
fn a_short_write_passes() {
    passing("log: short write", "log write short\n");
}

#[test]
#[ignore = "needs a disk that fails on command, and seconds"]
fn a_disk_that_turns_read_only_and_back_passes() {
    passing("log: read-only disk", "log write readonly\nlog create readonly\n");
}

#[test]
#[ignore = "needs a disk that fails on command, and seconds"]
fn a_failed_sync_closes_the_log_until_the_next_start() {
    let (shop, mut row) = (Shop::new(), Row::new("log: fsync error"));
    let mut acknowledged = std::collections::BTreeSet::new();
    for round in 0..ROUNDS {
        let server = shop.open();
        let load = Load::run(&server.url, &format!("r{round}"), |load| {
            load.wait_for("events before the fault", &load.taken, 200);
            shop.fail("log sync error\n");
            load.wait_for("batches turned away", &load.turned_away, 3);
            shop.heal();
            // Nobody knows what the disk holds now: the server says so instead of going on.
            let ready = server.get("/readyz");
            assert_eq!(ready.status, 503, "{}", ready.text);
            assert!(ready.text.contains("closed for writing") || ready.text.contains("sync"), "{}", ready.text);
            load.wait_for("answers meanwhile", &load.asked, 20);
        });
        row.add(&load);
        acknowledged.extend(load.acknowledged());
        server.kill();
        shop.check(&Server::start(shop.path(), CONFIG), &acknowledged, &mut row);
    }
    row.report();
}

#[test]
#[ignore = "needs a disk that fails on command, and seconds"]
fn a_log_that_hangs_in_fsync_delays_no_answer() {
    let (shop, mut row) = (Shop::new(), Row::new("log: fsync hangs for 3 s"));
    let server = shop.open();
    let load = Load::run(&server.url, "r", |load| {
        load.wait_for("events before the fault", &load.taken, 200);
        shop.fail("log sync hang\n");
        std::thread::sleep(HANGS);
        shop.heal();
        load.wait_for("events after the fault", &load.taken, 200);
    });
    row.add(&load);
    shop.check(&server, &load.acknowledged(), &mut row);
    row.report();
}
