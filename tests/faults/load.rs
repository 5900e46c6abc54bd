//! Load on a server: events and questions at once, and what became of both.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Threads that send events; each waits for its answer before it sends on.
const SENDERS: usize = 3;
/// Events per batch.
const BATCH: usize = 20;
/// A sender that was turned away waits this long, less than it is told to, so that the end of a fault is seen soon.
const AGAIN: Duration = Duration::from_millis(20);
/// Longer than anything takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What has become of the load so far.
#[derive(Default)]
pub struct Load {
    stop: AtomicBool,
    pause: Duration,
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
    worst_us: AtomicU64,
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
        Self::with_pause(url, name, Duration::ZERO, during)
    }

    /// As [`Load::run`], each sender resting for `pause` after each batch.
    pub fn with_pause(url: &str, name: &str, pause: Duration, during: impl FnOnce(&Self)) -> Self {
        let load = Self { pause, ..Self::default() };
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

    /// Ids of events that were acknowledged.
    pub fn acknowledged(self) -> BTreeSet<String> {
        self.acknowledged.into_inner().expect("no panic")
    }

    /// The longest that an answer took, over the wire.
    pub fn worst(&self) -> Duration {
        Duration::from_micros(self.worst_us.load(Ordering::Acquire))
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
        let agent = agent();
        for batch in 0_u64.. {
            let ids: Vec<String> = (0..BATCH).map(|n| format!("{name}-{batch}-{n}")).collect();
            let events: Vec<Value> = ids.iter().enumerate().map(|(n, id)| event(id, batch, n)).collect();
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
            std::thread::sleep(self.pause);
        }
    }

    fn ask(&self, url: &str) {
        let agent = agent();
        for n in 0_u64.. {
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            let cart = json!([format!("i{}", n % 40)]);
            let question = json!({"placement": "cart", "sessionId": format!("asks-{}", n % 50), "cart": cart});
            let started = Instant::now();
            let Ok(mut response) = agent.post(format!("{url}/v1/recommendations")).send_json(&question) else { return };
            let Ok(_) = response.body_mut().read_to_vec() else { return };
            self.worst_us.fetch_max(started.elapsed().as_micros() as u64, Ordering::AcqRel);
            self.asked.fetch_add(1, Ordering::AcqRel);
            self.failed.fetch_add(u64::from(response.status() != 200), Ordering::AcqRel);
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build().new_agent()
}

/// Views, carts and purchases of a few shoppers in a small shop.
fn event(id: &str, batch: u64, n: usize) -> Value {
    let kind = ["view", "view", "view", "add_to_cart", "purchase"][n % 5];
    let item = format!("i{}", (batch as usize * 7 + n * 3) % 40);
    json!({"eventId": id, "eventType": kind, "sessionId": format!("s{}", (batch * 3 + n as u64) % 300),
           "userId": format!("u{}", n % 11), "itemId": item})
}
