//! Events and recommendations over HTTP at a steady rate, against the real binary on loopback.
//!
//! `cargo bench --bench http -- [EVENTS_PER_S] [RECOMMENDATIONS_PER_S] [SECONDS]` (20,000, 500 and 15 if not said).
//!
//! Open loop: each request has its due time, and its latency counts from then, so a server that falls behind is not
//! spared (no coordinated omission). Events come in durable batches of 100. The load runs on the same cores as the
//! server. Needs nothing but the build; stops by itself.

#![allow(missing_docs, reason = "a program, not a library")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const ITEMS: u64 = 20_000;
const BATCH: u64 = 100;
/// Connections, and threads, of each kind.
const EVENT_SENDERS: u64 = 4;
const ASKERS: u64 = 4;

struct Server {
    process: Child,
    url: String,
    data: std::path::PathBuf,
}

impl Server {
    fn start() -> Self {
        let data = std::env::temp_dir().join(format!("sidecart-bench-{}", std::process::id()));
        let mut process = Command::new(env!("CARGO_BIN_EXE_sidecart"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(&data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary that was just built");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("piped")).read_line(&mut line).expect("its first line");
        let url = line.trim().strip_prefix("listening on ").expect("the address").to_owned();
        Self { process, url, data }
    }

    fn resident_mib(&self) -> f64 {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.process.id())).unwrap_or_default();
        let pages: f64 = statm.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default();
        pages * 4096.0 / f64::from(1 << 20)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The folder is thrown away, so a clean stop would be wasted.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

/// splitmix64 of a counter: the same load every time.
fn draw(seed: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z ^ (z >> 31)
}

/// An item of the visit's cluster, popular ones more often.
fn item(visit: u64, step: u64) -> u64 {
    let share = (draw(visit * 31 + step) >> 11) as f64 / (1_u64 << 53) as f64;
    draw(visit) % (ITEMS / 50) * 50 + (51_f64.powf(share) as u64 - 1).min(49)
}

fn catalogue() -> String {
    let line = |n| format!(r#"{{"itemId":"i{n}","title":"Item {n}","categoryPath":["c{}"],"price":9.5}}"#, n / 50);
    (0..ITEMS).map(line).collect::<Vec<_>>().join("\n")
}

fn batch(number: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let line = |n: u64| {
        let (visit, step) = (n / 5, n % 5);
        let kind = if step == 4 { "add_to_cart" } else { "view" };
        let item = item(visit, step);
        format!(
            r#"{{"eventId":"e{n}","eventType":"{kind}","sessionId":"s{visit}","itemId":"i{item}","timestamp":{now}}}"#
        )
    };
    (number * BATCH..(number + 1) * BATCH).map(line).collect::<Vec<_>>().join("\n")
}

fn question(number: u64) -> String {
    let (visit, cart) = (draw(number) % 1_000, item(draw(number) % 1_000, number % 5));
    format!(r#"{{"placement":"cart","sessionId":"s{visit}","cart":["i{cart}"],"limit":5}}"#)
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(10))).build().into()
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
    let server = Server::start();
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
