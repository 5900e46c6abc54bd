//! What the tests have in common: a small shop, and services started by the scripts in `scripts/services`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::Server;

const PATIENCE: Duration = Duration::from_secs(60);

/// Longer than an answer takes, beyond its deadline of 50 ms: this machine is shared.
const IN_TIME: Duration = Duration::from_millis(400);

/// Puts `count` items into the shop, `i0`, `i1` and so on.
pub fn put_items(server: &Server, count: usize) {
    let item = |n| json!({"itemId": format!("i{n}"), "title": "t", "price": 1.5, "categoryPath": ["c"]});
    let items: Vec<Value> = (0..count).map(item).collect();
    assert_eq!(server.json("PUT", "/v1/items?wait=applied", &Value::from(items)).status, 202);
}

/// Sends events and waits until they are applied.
pub fn send(server: &Server, events: &Value) {
    let answer = server.json("POST", "/v1/events?wait=applied", events);
    assert_eq!(answer.status, 202, "{}", answer.text);
}

/// Some shoppers' events, told apart by `round`.
pub fn events(round: usize, count: usize) -> Value {
    let event = |n: usize| {
        json!({"eventId": format!("e{round}-{n}"), "eventType": "view", "sessionId": format!("s{round}-{}", n / 4),
               "userId": format!("u{}", n % 7), "itemId": format!("i{}", (n * 7 + round) % 20)})
    };
    (0..count).map(event).collect()
}

/// The value of a metric, 0 if it is not there yet.
pub fn metric(server: &Server, name: &str) -> f64 {
    let text = server.get("/metrics").text;
    let line = text.lines().find(|line| line.split(' ').next() == Some(name));
    line.and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0.0)
}

/// Asks until the answer is yes.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "{what}: not so after {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Fails unless answers that took so long were in time: the usual one of them, as a machine that stands still for a moment
/// makes one late, and an answer that waits for a store makes each late.
pub fn assert_in_time(what: &str, took: &[Duration]) {
    let mut sorted = took.to_vec();
    sorted.sort();
    assert!(sorted[sorted.len() / 2] < IN_TIME, "{what}: {took:?}");
}

/// A service of `scripts/services`, started for one test in a folder of its own.
pub struct Service {
    script: PathBuf,
    dir: tempfile::TempDir,
    facts: BTreeMap<String, String>,
}

impl Service {
    pub fn start(name: &str, flags: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/services").join(name);
        let dir = tempfile::tempdir().expect("a folder");
        let output = Command::new(&script).arg("start").arg(dir.path()).args(flags).output().expect("bash runs it");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "`{name}` cannot be started, its script says: {said}");
        let text = String::from_utf8(output.stdout).expect("text");
        let facts = text.lines().filter_map(|line| line.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned()));
        Self { script, facts: facts.collect(), dir }
    }

    /// What `start` printed.
    pub fn fact(&self, name: &str) -> &str {
        self.facts.get(name).unwrap_or_else(|| panic!("{name} is not in {:?}", self.facts))
    }

    /// `kill`, `restart`, `pause`, `resume`.
    pub fn tell(&self, action: &str) {
        let output = Command::new(&self.script).arg(action).arg(self.dir.path()).output().expect("bash runs it");
        assert!(output.status.success(), "{action}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Frozen or killed, it is to be gone; nobody is left to be told that it was not.
        let _ = Command::new(&self.script).arg("stop").arg(self.dir.path()).output();
    }
}
