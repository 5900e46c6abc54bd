//! Five times the questions that a server can answer in full: what becomes of them, and how soon it is itself again.
//!
//! `cargo bench --bench overload -- [TIMES] [SECONDS]` (5 and 20 if not said). Server and load get a processor each where
//! `taskset` is there and has two. The sustainable rate is looked for first: the highest, in steps of a fifth, at which 99 of
//! 100 answers are of the highest rung and p99 is within the default deadline. Open loop: each question has its due time, and
//! latency counts from then, whatever the load's own threads were waiting for. A thousand events a second go on beside it.
//!
//! Each connection waits for its answer, so no more than [`CONNECTIONS`] questions are open at once. Where that is less
//! than the server lets in, questions queue up in the load and not in the server: all are answered in full, late.

#![allow(missing_docs, reason = "a program, not a library")]

mod load;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use load::{Server, agent, batch, catalogue, draw, item};

/// The default of `server.deadline`.
const DEADLINE: Duration = Duration::from_millis(50);
/// Connections, and threads.
const CONNECTIONS: u64 = 96;
/// Questions a second that the search begins with, and how it goes on.
const FIRST_RATE: f64 = 200.0;
const STEP: f64 = 1.2;
const MAX_STEPS: u32 = 30;
/// Of each step.
const SECONDS: f64 = 3.0;
/// Placements in turn, of normal, normal, high and low priority.
const PLACEMENTS: [&str; 4] = ["pdp", "cart", "checkout", "home"];
/// Events after a visit's first, to learn from before anything is measured.
const HISTORY_BATCHES: u64 = 300;
/// Windows of the recovery.
const WINDOW: Duration = Duration::from_millis(250);

/// One question, and what became of it.
struct Asked {
    /// When it was due, since the beginning.
    due: Duration,
    /// From then until the answer was read.
    took: Duration,
    status: u16,
    is_full: bool,
    placement: usize,
}

fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<f64>().ok());
    let (times, seconds) = (numbers.next().unwrap_or(5.0), numbers.next().unwrap_or(20.0).clamp(1.0, 600.0));
    let server = start();
    prepare(&server);
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| trickle(&server, &ended));
        let sustainable = sustainable(&server);
        let before = server.resident_mib();
        println!("sustainable: {sustainable:.0} questions/s in full within {} ms", DEADLINE.as_millis());
        let asked = ask(&server.url, sustainable * times, seconds);
        println!("offered: {times} times as many, {:.0}/s for {seconds} s", sustainable * times);
        report("all", &asked, |_| true);
        report("of the highest rung", &asked, |asked| asked.is_full);
        for (place, name) in PLACEMENTS.iter().enumerate() {
            report(name, &asked, |asked| asked.placement == place);
        }
        println!("resident: {before:.0} MiB before, {:.0} MiB after", server.resident_mib());
        let after = ask(&server.url, sustainable / 2.0, 10.0);
        report("afterwards, half the rate", &after, |_| true);
        println!("all in full again after {} ms", recovery(&after).as_millis());
        ended.store(true, Ordering::Release);
    });
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
        return Server::start();
    }
    println!("the server has one processor, the load another");
    // Its own id: the load's threads that come later inherit the place.
    let load = std::process::id().to_string();
    let moved = Command::new("taskset").args(["-c", "-p", "1", &load]).output();
    assert!(moved.is_ok_and(|moved| moved.status.success()), "taskset");
    let mut command = Command::new("taskset");
    command.args(["-c", "0", env!("CARGO_BIN_EXE_sidecart")]);
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
        let full = asked.iter().filter(|asked| asked.is_full).count() as f64 / asked.len() as f64;
        if full < 0.99 || percentile(asked.iter(), 0.99) > DEADLINE {
            break;
        }
        best = rate;
    }
    best
}

/// Asks at a rate for some seconds.
fn ask(url: &str, rate: f64, seconds: f64) -> Vec<Asked> {
    let address = url.strip_prefix("http://").expect("plain HTTP");
    let (count, begun) = ((rate * seconds) as u64, Instant::now() + Duration::from_millis(20));
    let mut all = Vec::with_capacity(count as usize);
    std::thread::scope(|scope| {
        let askers: Vec<_> = (0..CONNECTIONS)
            .map(|first| {
                scope.spawn(move || {
                    let mut line = Line::new(address);
                    let mine = (first..count).step_by(CONNECTIONS as usize);
                    mine.map(|number| line.ask(number, begun, Duration::from_secs_f64(number as f64 / rate))).collect()
                })
            })
            .collect();
        for asker in askers {
            let asked: Vec<Asked> = asker.join().expect("no panic");
            all.extend(asked);
        }
    });
    all.sort_by_key(|asked| asked.due);
    all
}

/// A connection that is kept.
struct Line(BufReader<TcpStream>);

impl Line {
    fn new(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a limit");
        Self(BufReader::new(stream))
    }

    fn ask(&mut self, number: u64, begun: Instant, due: Duration) -> Asked {
        let placement = number as usize % PLACEMENTS.len();
        let visit = draw(number) % 1_000;
        let body = format!(
            r#"{{"placement":"{}","sessionId":"s{visit}","cart":["i{}"]}}"#,
            PLACEMENTS[placement],
            item(visit, number % 5)
        );
        let request = format!(
            "POST /v1/recommendations HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        std::thread::sleep((begun + due).saturating_duration_since(Instant::now()));
        self.0.get_mut().write_all(request.as_bytes()).expect("sent");
        let (status, answer) = self.answer();
        let took = (begun + due).elapsed();
        Asked { due, took, status, is_full: answer.contains(r#""tier":"full""#), placement }
    }

    /// Status and body.
    fn answer(&mut self) -> (u16, String) {
        let (mut line, mut status, mut length) = (String::new(), 0, 0);
        loop {
            line.clear();
            assert!(self.0.read_line(&mut line).expect("an answer") > 0, "the server hung up");
            let text = line.trim().to_ascii_lowercase();
            if text.is_empty() {
                break;
            }
            if let Some(rest) = text.strip_prefix("http/1.1 ") {
                status = rest.split(' ').next().and_then(|code| code.parse().ok()).expect("a status");
            } else if let Some(bytes) = text.strip_prefix("content-length:") {
                length = bytes.trim().parse().expect("a length");
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("a body");
        (status, String::from_utf8_lossy(&body).into_owned())
    }
}

fn percentile<'a>(asked: impl Iterator<Item = &'a Asked>, share: f64) -> Duration {
    let mut took: Vec<Duration> = asked.map(|asked| asked.took).collect();
    took.sort();
    took.get(((took.len().max(1) - 1) as f64 * share) as usize).copied().unwrap_or_default()
}

fn report(name: &str, asked: &[Asked], which: impl Fn(&Asked) -> bool) {
    let these = || asked.iter().filter(|asked| which(asked));
    let (n, full) = (these().count(), these().filter(|asked| asked.is_full).count());
    let other = these().filter(|asked| asked.status != 200).count();
    let ms = |share| percentile(these(), share).as_secs_f64() * 1e3;
    println!(
        "{name:<26} {n:>8} answers, {:>5.1} % in full, {other} not 200; ms p50 {:.2}, p95 {:.2}, p99 {:.2}, max {:.2}",
        100.0 * full as f64 / n.max(1) as f64,
        ms(0.5),
        ms(0.95),
        ms(0.99),
        ms(1.0)
    );
}

/// From the beginning to the last window in which an answer was not in full.
fn recovery(asked: &[Asked]) -> Duration {
    let last = asked.iter().filter(|asked| !asked.is_full).map(|asked| asked.due).max();
    last.map_or(Duration::ZERO, |due| WINDOW * ((due.as_millis() / WINDOW.as_millis()) as u32 + 1))
}
