use crate::load::Load;
use crate::row::Row;
use crate::server::Server;
use crate::shop::{CONFIG, Shop};

/// Where the clock goes, in milliseconds from the true time: back and forth by an hour and by days.
const JUMPS: [i64; 6] = [-3_600_000, 3_600_000, -172_800_000, 0, 172_800_000, 0];

#[test]
#[ignore = "needs a clock that jumps on command, and seconds"]
fn a_clock_that_jumps_loses_nothing_and_counts_nothing_twice() {
    let (shop, mut row) = (Shop::new(), Row::new("clock jumps by hours and days"));
    let server = shop.open();
    let load = Load::run(&server.url, "r", |load| {
        for jump in JUMPS {
            load.wait_for("events", &load.taken, 200);
            shop.fail(&format!("clock offset {jump}\n"));
        }
        load.wait_for("events", &load.taken, 200);
    });
    row.add(&load);
    row.rounds = JUMPS.len() as u64;
    let acknowledged = load.acknowledged();
    shop.check(&server, &acknowledged, &mut row);
    server.kill();
    shop.check(&Server::start(shop.path(), CONFIG), &acknowledged, &mut row);
    row.report();
}
