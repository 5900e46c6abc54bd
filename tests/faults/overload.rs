//! Five times the questions that the server can answer in full: nobody waits, nobody gets an error, and it is soon itself
//! again. `benches/overload.rs` measures the same with a processor for each side.

use std::time::Duration;

use crate::load::{Load, Pace};
use crate::open_loop::{self, Answered, Plan, percentile};
use crate::row::Row;
use crate::server::Server;
use crate::shop::{CONFIG, Shop, resident_kib, rounds};
use crate::shoppers::ITEMS;

/// The default of `server.deadline`.
const DEADLINE: Duration = Duration::from_millis(50);
/// What p99 may be beyond it here, where other programs take both processors from server and load for as long as they
/// please. Without admission questions wait for all before them, so that it grows with the flood: seconds.
const ALLOWANCE: Duration = Duration::from_secs(1);
/// How many times the sustainable rate is offered.
const TIMES: f64 = 5.0;
/// Open at once: the questions of a second, and no more than so many. To open them is work of its own, and at a low rate it
/// would be most of it.
const CONNECTIONS: std::ops::RangeInclusive<usize> = 32..=2_000;
/// The search for the sustainable rate: questions a second, halved so many times at most until nearly all answers are in full
/// and on time, then growing by a quarter until they are not.
const FIRST_RATE: f64 = 100.0;
const MAX_HALVINGS: i32 = 4;
const STEP: f64 = 1.25;
const MAX_STEPS: i32 = 20;
const STEP_LENGTH: Duration = Duration::from_secs(2);
/// Tries at a rate, and at being as before: a machine that stands still for a moment spoils one, and does not say what the
/// server can do. A rate that is found too low would make the flood none.
const TRIES: usize = 3;
/// The flood: this much of it per hundred rounds of the fault tests, at least a third of it and at most twice as much.
const FLOOD_PER_ROUNDS: Duration = Duration::from_secs(15);
/// Afterwards, at half the sustainable rate; in the second half of it all is as before.
const AFTERWARDS: Duration = Duration::from_secs(6);
/// The share that is in full where a rate is sustainable, or all is as before.
const MOSTLY: f64 = 0.97;
/// What resident memory may grow by under the flood, in MiB: connections with their buffers, answers under way.
const MAX_GROWTH_MIB: f64 = 160.0;
/// Events go on beside it.
const PACE: Pace = Pace { send: Duration::from_millis(100), ask: Duration::from_millis(50) };

#[test]
#[ignore = "takes all of the machine for half a minute"]
fn five_times_the_load_gets_lower_rungs_on_time_and_no_error() {
    let (shop, mut row) = (Shop::new(), Row::new("overload: 5 times what it can answer in full"));
    // What answers leave behind has its own limit, which is reached before the flood.
    let server = shop.open_with(&format!("{CONFIG}observability: {{decisions_kept: 200}}\n"));
    let mut sustainable = 0.0;
    let load = Load::at_pace(&server.url, "r", PACE, |load| {
        load.wait_for("events to learn from", &load.taken, 1_000);
        sustainable = find_sustainable(&server);
        let before = resident_kib(&server) / 1024.0;
        let flood = ask(&server, sustainable * TIMES, flood_length());
        row.asked += flood.len() as u64;
        row.worst = percentile(flood.iter(), 1.0);
        row.failed += flood.iter().filter(|answered| answered.status != 200).count() as u64;
        let (p99, full) = (percentile(flood.iter(), 0.99), share_in_full(&flood));
        println!("{:.0}/s of {sustainable:.0}/s: p99 {p99:?}, {:.1} % in full", sustainable * TIMES, full * 100.0);
        assert!(p99 < DEADLINE + ALLOWANCE, "p99 {p99:?}");
        assert!(full < 1.0, "all in full: that was no overload");
        let grown = resident_kib(&server) / 1024.0 - before;
        assert!(grown < MAX_GROWTH_MIB, "memory grew by {grown:.0} MiB");
        let mut shares = Vec::new();
        let is_again = (0..TRIES).any(|_| {
            let after = ask(&server, sustainable / 2.0, AFTERWARDS);
            shares.push(share_in_full(&after[after.len() / 2..]));
            shares.last() >= Some(&MOSTLY)
        });
        assert!(is_again, "in full afterwards, as shares: {shares:?}");
    });
    row.add(&load);
    shop.check(&server, &load.acknowledged(), &mut row);
    row.report();
}

fn flood_length() -> Duration {
    FLOOD_PER_ROUNDS.mul_f64((rounds() as f64 / 100.0).clamp(0.33, 2.0))
}

/// The highest rate of the search at which nearly all answers are in full and on time.
fn find_sustainable(server: &Server) -> f64 {
    let is_sustained = |rate: &f64| {
        (0..TRIES).any(|_| {
            let answered = ask(server, *rate, STEP_LENGTH);
            share_in_full(&answered) >= MOSTLY && percentile(answered.iter(), 0.9) <= DEADLINE
        })
    };
    let mut down = (0..=MAX_HALVINGS).map(|step| FIRST_RATE / f64::from(1 << step));
    let first = down.find(is_sustained).unwrap_or(FIRST_RATE / f64::from(1 << MAX_HALVINGS));
    let up = (1..MAX_STEPS).map(|step| first * STEP.powi(step));
    up.take_while(is_sustained).last().unwrap_or(first)
}

fn ask(server: &Server, rate: f64, length: Duration) -> Vec<Answered> {
    let address = server.url.strip_prefix("http://").expect("plain HTTP");
    let connections = (rate as usize).clamp(*CONNECTIONS.start(), *CONNECTIONS.end());
    open_loop::ask(address, Plan { rate, length, connections }, question)
}

/// Placements in turn, of normal, normal, high and low priority; a context and a cart of some items. They ask for a long
/// answer and for its reasons: so one costs many times what HTTP does, and five times as many can be taken in at all, also
/// by a debug build that shares its processors with the load.
fn question(number: u64) -> String {
    let placement = ["pdp", "cart", "checkout", "home"][number as usize % 4];
    let item = |step: u64| (number * 7 + step * 3) % ITEMS;
    format!(
        r#"{{"placement":"{placement}","sessionId":"asks-{}","contextItems":["i{}","i{}"],"cart":["i{}"],"limit":100,"explain":true}}"#,
        number % 1_000,
        item(0),
        item(1),
        item(2)
    )
}

fn share_in_full(answered: &[Answered]) -> f64 {
    answered.iter().filter(|answered| answered.tier == "full").count() as f64 / answered.len().max(1) as f64
}
