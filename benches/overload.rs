//! Five times the questions that a server can answer in full: what becomes of them, and how soon it is itself again.
//!
//! `cargo bench --bench overload -- [TIMES] [SECONDS]` (5 and 20 if not said). Server and load get a processor each where
//! `taskset` is there and has two. The sustainable rate is looked for first: the highest, in steps of a fifth, at which 99 of
//! 100 answers are of the highest rung and p99 is within the default deadline. Open loop: each question has its due time, and
//! latency counts from then, whatever the load's own threads were waiting for. A thousand events a second go on beside it.
//!
//! The load is one thread with [`CONNECTIONS`] connections (`load/open_loop.rs`), and says where it is itself what is slow.

#![allow(missing_docs, reason = "a program, not a library")]

mod load;
#[path = "load/open_loop.rs"]
mod open_loop;

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use load::{Server, agent, batch, catalogue, draw, item};
use open_loop::{Answered, Plan, percentile};

/// The default of `server.deadline`.
const DEADLINE: Duration = Duration::from_millis(50);
/// Open at once.
const CONNECTIONS: usize = 2_000;
/// Questions a second that the search begins with, and how it goes on.
const FIRST_RATE: f64 = 500.0;
const STEP: f64 = 1.2;
const MAX_STEPS: u32 = 30;
/// Of each step.
const SECONDS: f64 = 2.0;
/// Placements in turn, of normal, normal, high and low priority.
const PLACEMENTS: [&str; 4] = ["pdp", "cart", "checkout", "home"];
/// Items that a question's shopper has looked at, and those in the cart.
const CONTEXT: u64 = 30;
const CART: u64 = 10;
/// Events after a visit's first, to learn from before anything is measured.
const HISTORY_BATCHES: u64 = 300;
/// The share in full at which a rate is sustained, and at which the server is itself again.
const SUSTAINED: f64 = 0.99;
/// Windows of the recovery.
const WINDOW: Duration = Duration::from_millis(250);
/// A shop that looks at more before it answers than the defaults do: such an answer costs some ten times what HTTP does, so
/// that five times as many questions can be taken in by one processor at all.
const THOROUGH: [(&str, &str); 3] = [
    ("SIDECART_CANDIDATES_LIMIT", "1500"),
    ("SIDECART_CANDIDATES_NEIGHBOURS", "5000"),
    ("SIDECART_CANDIDATES_CONTEXT_ITEMS", "30"),
];
/// Between two looks at the server's memory.
const LOOK: Duration = Duration::from_millis(100);
/// What the rate afterwards is of the sustainable one, and for how long.
const AFTERWARDS: (f64, f64) = (0.5, 10.0);

fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<f64>().ok());
    let (times, seconds) = (numbers.next().unwrap_or(5.0), numbers.next().unwrap_or(20.0).clamp(1.0, 600.0));
    let server = start();
    prepare(&server);
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| trickle(&server, &ended));
        let sustainable = sustainable(&server);
        println!("sustainable: {sustainable:.0} questions/s in full within {} ms", DEADLINE.as_millis());
        let before = server.resident_mib();
        let peak = scope.spawn(|| peak(&server, &ended));
        let asked = ask(&server.url, sustainable * times, seconds);
        println!("offered: {times} times as many, {:.0}/s for {seconds} s", sustainable * times);
        report("all", &asked, |_| true);
        report("of the highest rung", &asked, is_full);
        for (place, name) in PLACEMENTS.iter().enumerate() {
            report(name, &asked, |asked| placement(asked.number) == place);
        }
        println!("by rung: {:?}", shares(&asked));
        let at_once = server.resident_mib();
        let after = ask(&server.url, sustainable * AFTERWARDS.0, AFTERWARDS.1);
        report("afterwards, half the rate", &after, |_| true);
        println!("99 of 100 in full again within {:?} ms", recovery(&after).map(|after| after.as_millis()));
        ended.store(true, Ordering::Release);
        let peak = peak.join().expect("no panic");
        println!("resident: {before:.0} MiB before, {peak:.0} MiB at most, {at_once:.0} MiB after");
    });
}

/// The most that the server's memory was.
fn peak(server: &Server, ended: &AtomicBool) -> f64 {
    let mut most: f64 = 0.0;
    while !ended.load(Ordering::Acquire) {
        most = most.max(server.resident_mib());
        std::thread::sleep(LOOK);
    }
    most
}

/// A server on a processor of its own, the load on another, if that can be had.
fn start() -> Server {
    let two = std::thread::available_parallelism().is_ok_and(|processors| processors.get() >= 2);
    let pinned = |processor: &str, arguments: &[&str]| {
        let done = Command::new("taskset").args(["-c", processor]).args(arguments).output();
        done.is_ok_and(|done| done.status.success())
    };
    if !two || !pinned("0", &["true"]) {
        println!("server and load share all processors");
        let mut command = Command::new(env!("CARGO_BIN_EXE_sidecart"));
        command.envs(THOROUGH);
        return Server::run(command);
    }
    println!("the server has one processor, the load another");
    // Its own id: the load's threads that come later inherit the place.
    let load = std::process::id().to_string();
    let moved = Command::new("taskset").args(["-c", "-p", "1", &load]).output();
    assert!(moved.is_ok_and(|moved| moved.status.success()), "taskset");
    let mut command = Command::new("taskset");
    command.args(["-c", "0", env!("CARGO_BIN_EXE_sidecart")]).envs(THOROUGH);
    Server::run(command)
}

/// Catalogue and history.
fn prepare(server: &Server) {
    let url = format!("{}/v1/items?wait=applied", server.url);
    agent().put(&url).header("content-type", "application/x-ndjson").send(catalogue()).expect("the catalogue");
    let url = format!("{}/v1/events?wait=applied", server.url);
    for number in 0..HISTORY_BATCHES {
        agent().post(&url).header("content-type", "application/x-ndjson").send(batch(number)).expect("history");
    }
}

/// A thousand events a second. Where the server has no room for them it says so, and they come again.
fn trickle(server: &Server, ended: &AtomicBool) {
    let (agent, url) = (agent(), format!("{}/v1/events", server.url));
    for number in HISTORY_BATCHES.. {
        if ended.load(Ordering::Acquire) {
            return;
        }
        // Turned away is an answer, too: what it does to questions is what is measured.
        let _ = agent.post(&url).header("content-type", "application/x-ndjson").send(batch(number));
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn sustainable(server: &Server) -> f64 {
    let mut best = FIRST_RATE;
    for step in 0..MAX_STEPS {
        let rate = FIRST_RATE * STEP.powi(step as i32);
        let asked = ask(&server.url, rate, SECONDS);
        let full = asked.iter().filter(|asked| is_full(asked)).count() as f64 / asked.len() as f64;
        println!("{rate:.0}/s: {:.1} % in full, p99 {:?}", full * 100.0, percentile(asked.iter(), 0.99));
        if full < SUSTAINED || percentile(asked.iter(), 0.99) > DEADLINE {
            break;
        }
        best = rate;
    }
    best
}

/// Asks at a rate for some seconds.
fn ask(url: &str, rate: f64, seconds: f64) -> Vec<Answered> {
    let address = url.strip_prefix("http://").expect("plain HTTP");
    let plan = Plan { rate, length: Duration::from_secs_f64(seconds), connections: CONNECTIONS };
    open_loop::ask(address, plan, question)
}

fn placement(number: u64) -> usize {
    number as usize % PLACEMENTS.len()
}

/// Of a shopper who has looked around for long, for a page with many places.
fn question(number: u64) -> String {
    let (visit, placement) = (draw(number) % 1_000, PLACEMENTS[placement(number)]);
    let items = |steps: std::ops::Range<u64>| {
        let ids: Vec<String> = steps.map(|step| format!(r#""i{}""#, item(visit, number % 5 + step))).collect();
        ids.join(",")
    };
    format!(
        r#"{{"placement":"{placement}","sessionId":"s{visit}","limit":100,"contextItems":[{}],"cart":[{}]}}"#,
        items(0..CONTEXT),
        items(CONTEXT..CONTEXT + CART)
    )
}

fn is_full(answered: &Answered) -> bool {
    answered.tier == "full"
}

fn report(name: &str, asked: &[Answered], which: impl Fn(&Answered) -> bool) {
    let these = || asked.iter().filter(|asked| which(asked));
    let (n, full) = (these().count(), these().filter(|asked| is_full(asked)).count());
    let other = these().filter(|asked| asked.status != 200).count();
    let ms = |share| percentile(these(), share).as_secs_f64() * 1e3;
    // What a question had waited for in the load before it was sent: no fault of the server's, if there are connections.
    let unsent = these().map(|asked| asked.took - asked.served).max().unwrap_or_default();
    println!(
        "{name:<26} {n:>8} answers, {:>5.1} % in full, {other} not 200; ms p50 {:.2}, p95 {:.2}, p99 {:.2}, max {:.2}; \
         sent {:.2} ms late at most",
        100.0 * full as f64 / n.max(1) as f64,
        ms(0.5),
        ms(0.95),
        ms(0.99),
        ms(1.0),
        unsent.as_secs_f64() * 1e3
    );
}

/// In percent of all, by rung.
fn shares(asked: &[Answered]) -> BTreeMap<&str, f64> {
    let mut shares = BTreeMap::new();
    for answered in asked {
        *shares.entry(answered.tier.as_str()).or_insert(0.0) += 100.0 / asked.len() as f64;
    }
    shares
}

/// The end of the first window in which 99 of 100 were in full; `None`: there was none.
fn recovery(asked: &[Answered]) -> Option<Duration> {
    let of = |asked: &Answered| (asked.due.as_nanos() / WINDOW.as_nanos()) as u32;
    let shares = asked.chunk_by(|a, b| of(a) == of(b)).map(|window| {
        let full = window.iter().filter(|asked| is_full(asked)).count();
        (of(&window[0]), full as f64 / window.len() as f64)
    });
    let first = shares.into_iter().find(|(_, share)| *share >= SUSTAINED);
    first.map(|(window, _)| WINDOW * (window + 1))
}
