use std::collections::BTreeSet;
use std::time::Duration;

use crate::load::Load;
use crate::row::Row;
use crate::server::Server;
use crate::shop::{CONFIG, Shop, roll, rounds};

/// Rounds on one data folder: a later round finds what the earlier ones left, and each is checked against a replay of
/// the whole log, which should not take minutes.
const ROUNDS_PER_SHOP: u64 = 20;
/// The latest instant of a kill, in milliseconds of load: later than a checkpoint is begun.
const LATEST_MS: u64 = 1_500;

#[test]
#[ignore = "kills a server 20 times, or FAULTS_ROUNDS times: a minute or ten"]
fn kill_9_at_random_instants_loses_nothing() {
    let mut seed = std::process::id().into();
    println!("seed {seed}");
    let mut row = Row::new("kill -9 at a random instant");
    let mut left = rounds();
    while left > 0 {
        let shop = Shop::new();
        let mut acknowledged = BTreeSet::new();
        for _ in 0..left.min(ROUNDS_PER_SHOP) {
            left -= 1;
            round(&shop, &mut acknowledged, &mut seed, &mut row);
        }
    }
    row.report();
}

/// Loads a server and kills it at a random instant; now and then kills the next one while it starts; then checks all.
fn round(shop: &Shop, acknowledged: &mut BTreeSet<String>, seed: &mut u64, row: &mut Row) {
    let server = shop.open();
    let (url, name) = (server.url.clone(), format!("r{}", row.rounds));
    let at = Duration::from_millis(roll(seed, LATEST_MS));
    let load = Load::run(&url, &name, |_| {
        std::thread::sleep(at);
        server.kill();
    });
    row.add(&load);
    acknowledged.extend(load.acknowledged());
    if roll(seed, 3) == 0 {
        let starting = Server::launch(shop.path(), CONFIG);
        std::thread::sleep(Duration::from_millis(roll(seed, 60)));
        starting.kill();
    }
    let server = Server::start(shop.path(), CONFIG);
    shop.check(&server, acknowledged, row);
    // A clean stop saves the state: the next round starts from a checkpoint and a rest of the log.
    if roll(seed, 2) == 0 {
        assert_eq!(server.stop(), Some(0));
    } else {
        server.kill();
    }
}
