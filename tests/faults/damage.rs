//! Bits that flip on the disk.

use std::path::Path;

use crate::load::Load;
use crate::row::Row;
use crate::server::Server;
use crate::shop::{CONFIG, Shop, roll, rounds};

/// A place in the first file of the log that is behind the items: an event's record.
const FAR_INSIDE: u64 = 200_000;

fn flip(path: &Path, at: u64, bit: u64) {
    let mut bytes = std::fs::read(path).expect("read");
    bytes[at as usize] ^= 1 << bit;
    std::fs::write(path, bytes).expect("written");
}

/// A shop with a few files of log and two checkpoints, stopped cleanly.
fn stopped(row: &mut Row) -> (Shop, std::collections::BTreeSet<String>) {
    let shop = Shop::new();
    let server = shop.open();
    let load = Load::run(&server.url, "r", |load| {
        load.wait_for("events", &load.taken, 2_000);
        crate::shop::wait_for_one_more(&server, r#"sidecart_checkpoints_total{outcome="written"}"#);
    });
    row.add(&load);
    assert_eq!(server.stop(), Some(0));
    (shop, load.acknowledged())
}

#[test]
#[ignore = "starts a server for each flipped bit: a minute"]
fn a_flipped_bit_in_a_checkpoint_leads_to_the_one_before_and_the_same_state() {
    let mut row = Row::new("bit flip in the newest checkpoint");
    let (shop, acknowledged) = stopped(&mut row);
    row.rounds = 0;
    let newest = shop.files("checkpoints", "ckpt").pop().expect("a checkpoint");
    let whole = std::fs::read(&newest).expect("read");
    let mut seed = 7;
    for _ in 0..rounds().min(40) {
        flip(&newest, roll(&mut seed, whole.len() as u64), roll(&mut seed, 8));
        let server = Server::start(shop.path(), CONFIG);
        shop.check(&server, &acknowledged, &mut row);
        server.kill();
        std::fs::write(&newest, &whole).expect("written");
        row.rounds += 1;
    }
    for checkpoint in shop.files("checkpoints", "ckpt") {
        flip(&checkpoint, 40, 1);
    }
    shop.check(&Server::start(shop.path(), CONFIG), &acknowledged, &mut row);
    row.rounds += 1;
    row.report();
}

#[test]
#[ignore = "starts servers on damaged logs: seconds"]
fn a_flipped_bit_in_the_log_costs_its_record_at_most_and_is_named() {
    let mut row = Row::new("bit flip in the log, checkpoints lost too");
    let (shop, acknowledged) = stopped(&mut row);
    let first = shop.files("log", "seg")[0].clone();
    flip(&first, FAR_INSIDE, 2);
    // What a checkpoint covers is not lost to the state.
    let covered = Server::start(shop.path(), CONFIG);
    assert_eq!(covered.get("/readyz").status, 200);
    covered.kill();
    let verified = shop.log("verify", &[]);
    assert_eq!(verified.status.code(), Some(1));
    let verified: serde_json::Value = serde_json::from_slice(&verified.stdout).expect("JSON");
    assert_eq!((&verified["damaged"], &verified["lost"]), (&true.into(), &1.into()), "{verified}");
    for checkpoint in shop.files("checkpoints", "ckpt") {
        std::fs::remove_file(checkpoint).expect("removed");
    }
    row.allowed_loss = 1;
    let server = Server::start(shop.path(), CONFIG);
    shop.check(&server, &acknowledged, &mut row);
    row.report();
}
