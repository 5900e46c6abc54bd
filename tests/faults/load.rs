//! Load on a server: events and questions at once, and what became of both.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::shoppers::Shoppers;

/// Threads that send events; each waits for its answer before it sends on.
const SENDERS: usize = 3;
/// Events per batch.
const BATCH: usize = 20;
/// A sender that was turned away waits this long, less than it is told to, so that the end of a fault is seen soon.
const AGAIN: Duration = Duration::from_millis(20);
/// Longer than anything takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long who loads a server rests.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Each sender after a batch.
    pub send: Duration,
    /// The asker after an answer.
    pub ask: Duration,
}

/// As fast as senders can; some hundreds of questions a second.
const EAGER: Pace = Pace { send: Duration::ZERO, ask: Duration::from_millis(2) };

/// What has become of the load so far.
pub struct Load {
    stop: AtomicBool,
    pace: Pace,
    /// What a shopper under way would be shown: asked by the asker, renewed by the senders.
    question: Mutex<Value>,
    acknowledged: Mutex<BTreeSet<String>>,
    /// Events acknowledged.
    pub taken: AtomicU64,
    /// Batches of events answered with 503.
    pub turned_away: AtomicU64,
    /// Of these, without Retry-After; or answered with another error.
    pub odd: AtomicU64,
    /// Questions answered.
    pub asked: AtomicU64,
    /// Questions answered with a status other than 200.
    pub failed: AtomicU64,
    /// How long each answer took, in microseconds. Bounded by a load's length: some hundreds a second.
    took_us: Mutex<Vec<u64>>,
}

/// Ends the load when dropped.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Load {
    /// Loads the server at `url` while `during` runs. Event ids begin with `name`, which is new for each run. A server
    /// that goes away ends the load.
    pub fn run(url: &str, name: &str, during: impl FnOnce(&Self)) -> Self {
        Self::at_pace(url, name, EAGER, during)
    }

    /// As [`Load::run`], as fast as `pace` lets it.
    pub fn at_pace(url: &str, name: &str, pace: Pace, during: impl FnOnce(&Self)) -> Self {
        let load = Self::new(pace, Shoppers::new(name).question());
        std::thread::scope(|scope| {
            for sender in 0..SENDERS {
                let load = &load;
                scope.spawn(move || load.send(url, &format!("{name}-{sender}")));
            }
            scope.spawn(|| load.ask(url));
            // Dropped last, also where `during` panics: the scope would wait for the load for ever.
            let _stop = Stop(&load.stop);
            during(&load);
        });
        load
    }

    fn new(pace: Pace, question: Value) -> Self {
        Self {
            stop: AtomicBool::default(),
            pace,
            question: question.into(),
            acknowledged: Mutex::default(),
            taken: AtomicU64::default(),
            turned_away: AtomicU64::default(),
            odd: AtomicU64::default(),
            asked: AtomicU64::default(),
            failed: AtomicU64::default(),
            took_us: Mutex::default(),
        }
    }

    /// Ids of events that were acknowledged.
    pub fn acknowledged(self) -> BTreeSet<String> {
        self.acknowledged.into_inner().expect("no panic")
    }

    /// The longest that an answer took, over the wire.
    pub fn worst(&self) -> Duration {
        self.percentile(1.0)
    }

    /// The time within which this share of the answers so far was there, over the wire; none: 0.
    pub fn percentile(&self, share: f64) -> Duration {
        let mut took = self.took_us.lock().expect("no panic").clone();
        took.sort_unstable();
        let at = (took.len().saturating_sub(1) as f64 * share) as usize;
        Duration::from_micros(took.get(at).copied().unwrap_or(0))
    }

    /// Waits until `counter` has grown by `by`.
    pub fn wait_for(&self, what: &str, counter: &AtomicU64, by: u64) {
        let (from, started) = (counter.load(Ordering::Acquire), Instant::now());
        while counter.load(Ordering::Acquire) < from + by {
            assert!(started.elapsed() < PATIENCE, "{what}: waited for {by} more, from {from} on");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn send(&self, url: &str, name: &str) {
        let (agent, mut shoppers) = (agent(), Shoppers::new(name));
        for batch in 0_u64.. {
            let ids: Vec<String> = (0..BATCH).map(|n| format!("{name}-{batch}-{n}")).collect();
            let events: Vec<Value> = ids.iter().map(|id| shoppers.event(id)).collect();
            *self.question.lock().expect("no panic") = shoppers.question();
            while !self.stop.load(Ordering::Acquire) {
                let Ok(mut response) = agent.post(format!("{url}/v1/events")).send_json(&events) else { return };
                if response.status() == 202 {
                    let Ok(answer) = response.body_mut().read_json::<Value>() else { return };
                    // A batch sent anew after an error may hold events that had become durable: they are known.
                    let taken = answer["accepted"].as_u64().unwrap_or(0) + answer["duplicates"].as_u64().unwrap_or(0);
                    assert_eq!(taken, BATCH as u64, "{answer}");
                    self.acknowledged.lock().expect("no panic").extend(ids);
                    self.taken.fetch_add(BATCH as u64, Ordering::AcqRel);
                    break;
                }
                let told = response.status() == 503 && response.headers().contains_key("retry-after");
                self.turned_away.fetch_add(1, Ordering::AcqRel);
                self.odd.fetch_add(u64::from(!told), Ordering::AcqRel);
                std::thread::sleep(AGAIN);
            }
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            std::thread::sleep(self.pace.send);
        }
    }

    fn ask(&self, url: &str) {
        let agent = agent();
        while !self.stop.load(Ordering::Acquire) {
            let question = self.question.lock().expect("no panic").clone();
            let started = Instant::now();
            let Ok(mut response) = agent.post(format!("{url}/v1/recommendations")).send_json(&question) else { return };
            let Ok(_) = response.body_mut().read_to_vec() else { return };
            self.took_us.lock().expect("no panic").push(started.elapsed().as_micros() as u64);
            self.asked.fetch_add(1, Ordering::AcqRel);
            self.failed.fetch_add(u64::from(response.status() != 200), Ordering::AcqRel);
            std::thread::sleep(self.pace.ask);
        }
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build().new_agent()
}
