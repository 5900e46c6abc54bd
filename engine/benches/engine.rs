//! What an answer and an update cost, and what the state weighs, in a generated shop.
//!
//! `cargo bench -p sidecart-engine --bench engine -- [SESSIONS...] [--items N] [--asks N]` (1,000,000 sessions of 100,000
//! items if not said; several numbers of sessions run one after the other). One thread; the state is filled first, the
//! scorer learns from some visits, then the last twentieth of the sessions is timed event by event, with queries in between. Both views of session-kNN are on.
//! `--asks` adds answers at the end, for a profiler, and says which stages their time goes to. Instructions are counted by
//! `--bench instructions`.
//!
//! The shop: see `shop/mod.rs`.

#![allow(missing_docs, reason = "a program, not a library")]

mod shop;
#[path = "shop/stages.rs"]
mod stages;

use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};
use sidecart_engine::nouns::Timestamp;
use sidecart_engine::{Engine, Scratch, Unhurried};

use shop::{CLUSTER, ITEMS, LENGTHS, Shop, TAUGHT_VISITS, at};

/// As in the program that is shipped.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Resident memory in MiB (Linux; 0 elsewhere).
fn resident_mib() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = statm.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default();
    pages * 4096.0 / f64::from(1 << 20)
}

/// Processor time of this thread, so that what else the machine does is left out. Reading it costs some 0.3 us.
fn cpu_us() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

fn report(name: &str, mut us: Vec<f64>) {
    us.sort_by(f64::total_cmp);
    let at = |share: f64| us[((us.len() - 1) as f64 * share) as usize];
    println!("{name:<28} {:>8} {:>8.1} {:>8.1} {:>8.1} {:>8.1}", us.len(), at(0.5), at(0.95), at(0.99), at(0.999));
}

/// What the command line asks for.
#[derive(Default)]
struct Options {
    sessions: Vec<u64>,
    items: Option<u64>,
    /// Further answers at the end: something to profile.
    asks: u64,
}

impl Options {
    fn read() -> Self {
        let mut options = Self::default();
        let mut arguments = std::env::args().skip(1);
        let number = |text: &str| text.replace('_', "").parse::<u64>().ok();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--items" => options.items = arguments.next().as_deref().and_then(number),
                "--asks" => options.asks = arguments.next().as_deref().and_then(number).unwrap_or_default(),
                other => options.sessions.extend(number(other)),
            }
        }
        options
    }
}

fn main() {
    let options = Options::read();
    match options.sessions[..] {
        [] => bench(1_000_000, &options),
        [sessions] => bench(sessions, &options),
        // A process each: memory that one has given back would count for the next.
        _ => options.sessions.iter().for_each(|sessions| {
            let program = std::env::current_exe().expect("the path of this program");
            let mut child = std::process::Command::new(program);
            child.args([sessions.to_string(), "--items".into(), options.items.unwrap_or(ITEMS).to_string()]);
            assert!(child.status().expect("a run").success(), "the run of {sessions} sessions failed");
        }),
    }
}

fn bench(sessions: u64, options: &Options) {
    let items = options.items.unwrap_or(ITEMS).max(CLUSTER);
    let mut engine = shop::engine(sessions, items);
    let mut shop = Shop::new(items);
    let empty = resident_mib();
    println!("{sessions} sessions, {items} items; catalogue alone {empty:.0} MiB");

    let timed_from = sessions - sessions / 20;
    let mut updates = Vec::new();
    let mut queries: [Vec<f64>; 3] = Default::default();
    let mut scratch = Scratch::default();
    let began = Instant::now();
    let taught_from = timed_from.saturating_sub(TAUGHT_VISITS);
    for visit in 0..taught_from {
        shop.visit(visit).iter().for_each(|entry| _ = engine.apply(entry));
    }
    shop::teach(&mut engine, &mut shop, taught_from..timed_from);
    println!("filled in {:.1} s", began.elapsed().as_secs_f64());
    for visit in timed_from..sessions {
        for entry in shop.visit(visit) {
            updates.push(cpu_us_of(|| engine.apply(&entry)));
        }
        if visit % 5 == 0 {
            for (latencies, length) in queries.iter_mut().zip(LENGTHS) {
                latencies.push(answer_us(&engine, &mut shop, length, at(visit), &mut scratch));
            }
        }
    }
    stages::report(&engine, &mut shop, options.asks, at(sessions), &mut scratch);
    println!("{:<28} {:>8} {:>8} {:>8} {:>8} {:>8}", "CPU microseconds", "n", "p50", "p95", "p99", "p99.9");
    report("update", updates);
    for (latencies, length) in queries.iter().zip(LENGTHS) {
        report(&format!("answer, {length} items of context"), latencies.clone());
    }
    report("answer, all of these", queries.concat());
    let (resident, events) = (resident_mib(), shop.events as f64);
    println!(
        "{} events; resident {resident:.0} MiB, {:.0} MiB per million events\n",
        shop.events,
        (resident - empty) / events * 1e6
    );
}

fn cpu_us_of<T>(work: impl FnOnce() -> T) -> f64 {
    let before = cpu_us();
    let done = work();
    let took = cpu_us() - before;
    drop(done);
    took
}

fn answer_us(engine: &Engine, shop: &mut Shop, length: usize, now: Timestamp, scratch: &mut Scratch) -> f64 {
    let request = shop.request(length);
    cpu_us_of(|| {
        let answer = engine.recommend(&request, now, &mut Unhurried, scratch);
        assert_eq!(answer.picks.len(), 20, "a full answer");
        answer
    })
}
