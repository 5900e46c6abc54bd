//! A fixed number of answers and updates, to count instructions and to compare what comes out.
//!
//! `cargo bench -p sidecart-engine --bench instructions -- [SESSIONS]` (100,000 if not said) prints a digest of all answers
//! and one of the state: a change that is to change nothing leaves both as they are. `scripts/count-instructions` runs it
//! under callgrind, which counts what happens in the functions named `counted_...` and writes a file for each.
//!
//! The shop: see `shop/mod.rs`.

#![allow(missing_docs, reason = "a program, not a library")]

mod shop;

use std::hash::{DefaultHasher, Hasher};

use sidecart_engine::nouns::{Entry, Request, Slate, Timestamp};
use sidecart_engine::{Engine, Scratch, Unhurried};

use shop::{ITEMS, LENGTHS, Shop, TAUGHT_VISITS, at};

/// As in the program that is shipped.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SESSIONS: u64 = 100_000;
/// Answers to questions of each length.
const ANSWERS: usize = 500;
/// Visits whose events are counted.
const VISITS: u64 = 2_000;
/// Lines of a large order, and how many such orders are counted.
const LINES: usize = 400;
const ORDERS: u64 = 20;

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|text| text.replace('_', "").parse::<u64>().ok());
    let sessions = numbers.next().unwrap_or(SESSIONS);
    let (mut engine, mut shop) = (shop::engine(sessions, ITEMS), Shop::new(ITEMS));
    let taught_from = sessions.saturating_sub(TAUGHT_VISITS);
    for visit in 0..taught_from {
        shop.visit(visit).iter().for_each(|entry| _ = engine.apply(entry));
    }
    shop::teach(&mut engine, &mut shop, taught_from..sessions);
    let (mut digest, mut order) = (DefaultHasher::new(), DefaultHasher::new());
    let mut scratch = Scratch::default();
    for length in LENGTHS {
        let requests: Vec<Request> = (0..ANSWERS).map(|_| shop.request(length)).collect();
        for slate in counted_answers(&engine, &requests, at(sessions), &mut scratch) {
            take(&slate, &mut digest);
            slate.picks.iter().for_each(|pick| order.write(pick.item_id.as_str().as_bytes()));
        }
        println!("answers to {length} items of context: {ANSWERS}");
    }
    println!("digest of the answers: {:016x}, of their items and order: {:016x}", digest.finish(), order.finish());
    let visits = sessions..sessions + VISITS;
    let entries: Vec<Entry> = visits.clone().flat_map(|visit| shop.visit(visit)).collect();
    counted_updates(&mut engine, &entries);
    println!("updates: {}", entries.len());
    let orders: Vec<Entry> = (visits.end..visits.end + ORDERS).map(|visit| shop.order(visit, LINES)).collect();
    counted_updates(&mut engine, &orders);
    println!("orders of {LINES} lines: {ORDERS}");
    let mut digest = DefaultHasher::new();
    digest.write(&postcard::to_stdvec(engine.state()).expect("the state in bytes"));
    println!("digest of the state: {:016x}", digest.finish());
}

#[inline(never)]
fn counted_answers(engine: &Engine, requests: &[Request], now: Timestamp, scratch: &mut Scratch) -> Vec<Slate> {
    requests.iter().map(|request| engine.recommend(request, now, &mut Unhurried, scratch)).collect()
}

#[inline(never)]
fn counted_updates(engine: &mut Engine, entries: &[Entry]) {
    for entry in entries {
        engine.apply(entry);
    }
}

/// Everything of an answer that a shop sees or a trainer learns from.
fn take(slate: &Slate, digest: &mut DefaultHasher) {
    for pick in &slate.picks {
        digest.write(pick.item_id.as_str().as_bytes());
        digest.write_u64(pick.score.to_bits());
        digest.write(pick.source.as_bytes());
        pick.reason.because_of.iter().for_each(|id| digest.write(id.as_str().as_bytes()));
    }
    digest.write(format!("{:?}", slate.exposure).as_bytes());
    digest.write_u32(slate.considered);
}
