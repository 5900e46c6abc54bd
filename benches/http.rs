//! Events and recommendations over HTTP at a steady rate, against the real binary on loopback.
//!
//! `cargo bench --bench http -- [EVENTS_PER_S] [RECOMMENDATIONS_PER_S] [SECONDS]` (20,000, 500 and 15 if not said).
//!
//! Open loop: each request has its due time, and its latency counts from then, so a server that falls behind is not
//! spared (no coordinated omission). Events come in durable batches of 100. The load runs on the same cores as the
//! server. Needs nothing but the build; stops by itself.

#![allow(missing_docs, reason = "a program, not a library")]

mod load;

use std::process::Command;
use std::time::{Duration, Instant};

use load::{BATCH, Server, agent, batch, catalogue, draw, item};

/// Connections, and threads, of each kind.
const EVENT_SENDERS: u64 = 4;
const ASKERS: u64 = 4;

fn question(number: u64) -> String {
    let (visit, cart) = (draw(number) % 1_000, item(draw(number) % 1_000, number % 5));
    format!(r#"{{"placement":"cart","sessionId":"s{visit}","cart":["i{cart}"],"limit":5}}"#)
}

/// Sends request `first`, `first + stride`, ... each at its due time; latencies in milliseconds from then.
fn paced(
    url: &str,
    content: &str,
    every: Duration,
    count: u64,
    [first, stride]: [u64; 2],
    body: impl Fn(u64) -> String,
) -> Vec<f64> {
    let (agent, start) = (agent(), Instant::now());
    let mut latencies = Vec::new();
    for number in (first..count).step_by(stride as usize) {
        let body = body(number);
        let due = start + every.mul_f64(number as f64);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let mut answer = agent.post(url).header("content-type", content).send(body).expect("an answer of 2xx");
        let text = answer.body_mut().read_to_string().expect("a body");
        assert!(!text.is_empty());
        latencies.push(due.elapsed().as_secs_f64() * 1e3);
    }
    latencies
}

fn report(name: &str, mut ms: Vec<f64>) {
    ms.sort_by(f64::total_cmp);
    let at = |share: f64| ms[((ms.len() - 1) as f64 * share) as usize];
    println!("{name:<28} {:>8} {:>8.2} {:>8.2} {:>8.2} {:>8.2}", ms.len(), at(0.5), at(0.95), at(0.99), at(1.0));
}

fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<u64>().ok());
    let (events, asks) = (numbers.next().unwrap_or(20_000), numbers.next().unwrap_or(500).max(1));
    let seconds = numbers.next().unwrap_or(15).clamp(1, 600);
    let server = Server::run(Command::new(env!("CARGO_BIN_EXE_sidecart")));
    let (items_url, events_url) =
        (format!("{}/v1/items?wait=applied", server.url), format!("{}/v1/events", server.url));
    agent()
        .put(&items_url)
        .header("content-type", "application/x-ndjson")
        .send(catalogue())
        .expect("the catalogue is taken");
    let empty = server.resident_mib();
    let batches = (events / BATCH).max(1) * seconds;
    let questions_url = format!("{}/v1/recommendations", server.url);
    let (mut taken, mut answered) = (Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        let every = Duration::from_secs(1).div_f64((events / BATCH).max(1) as f64);
        let senders: Vec<_> = (0..EVENT_SENDERS)
            .map(|n| {
                scope.spawn({
                    let url = &events_url;
                    move || paced(url, "application/x-ndjson", every, batches, [n, EVENT_SENDERS], batch)
                })
            })
            .collect();
        let every = Duration::from_secs(1).div_f64(asks as f64);
        let askers: Vec<_> = (0..ASKERS)
            .map(|n| {
                scope.spawn({
                    let url = &questions_url;
                    move || paced(url, "application/json", every, asks * seconds, [n, ASKERS], question)
                })
            })
            .collect();
        senders.into_iter().for_each(|sender| taken.extend(sender.join().expect("no panic")));
        askers.into_iter().for_each(|asker| answered.extend(asker.join().expect("no panic")));
    });
    println!("{events} events/s in durable batches of {BATCH} and {asks} recommendations/s for {seconds} s");
    println!("{:<28} {:>8} {:>8} {:>8} {:>8} {:>8}", "milliseconds", "n", "p50", "p95", "p99", "max");
    report("batch of events, durable", taken);
    report("recommendation", answered);
    let (resident, millions) = (server.resident_mib(), (batches * BATCH) as f64 / 1e6);
    println!("resident {resident:.0} MiB, of which {:.0} MiB per million events", (resident - empty) / millions);
}
