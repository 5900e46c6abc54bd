//! One line of the table.

use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;

use crate::load::Load;

/// The longest that an answer may take here, over the wire, on a machine that does a lot besides: the deadline of 50 ms,
/// and as much again for a client that had to wait for its processor. It is reported; only far beyond it is a failure: less
/// than the shortest time for which a disk hangs in these tests (3 s), so that an answer which waits for a disk is seen.
const FAR_TOO_LONG: Duration = Duration::from_secs(2);

/// What a fault did.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// The fault.
    pub fault: String,
    /// How often it struck.
    pub rounds: u64,
    /// Events acknowledged.
    pub acknowledged: u64,
    /// Of these, not in the log afterwards; `allowed_loss` of them are what the fault destroyed.
    pub lost: u64,
    /// Records that the fault itself destroyed, which must be named and can't be more.
    pub allowed_loss: u64,
    /// Events that are in the log more than once.
    pub twice: u64,
    /// Whether the state was that of a clean replay each time.
    pub equal: bool,
    /// Batches of events that were told to come again.
    pub turned_away: u64,
    /// Of these, told so in another way than with 503 and Retry-After.
    pub odd: u64,
    /// Recommendations answered.
    pub asked: u64,
    /// Recommendations answered with another status than 200.
    pub failed: u64,
    /// The longest answer.
    pub worst: Duration,
}

impl Row {
    /// A fault that has not struck yet.
    pub fn new(fault: &str) -> Self {
        Self { fault: fault.to_owned(), equal: true, ..Self::default() }
    }

    /// Adds what became of a load.
    pub fn add(&mut self, load: &Load) {
        self.rounds += 1;
        self.acknowledged += load.taken.load(Ordering::Acquire);
        self.turned_away += load.turned_away.load(Ordering::Acquire);
        self.odd += load.odd.load(Ordering::Acquire);
        self.asked += load.asked.load(Ordering::Acquire);
        self.failed += load.failed.load(Ordering::Acquire);
        self.worst = self.worst.max(load.worst());
    }

    /// Prints the row, and fails where a promise was broken.
    pub fn report(&self) {
        let line = json!({
            "fault": self.fault, "rounds": self.rounds, "acknowledged": self.acknowledged, "lost": self.lost,
            "twice": self.twice, "equal": self.equal, "turnedAway": self.turned_away, "asked": self.asked,
            "failed": self.failed, "worstMs": self.worst.as_secs_f64() * 1e3,
        });
        println!("{line}");
        if let Some(path) = std::env::var_os("FAULTS_ROWS") {
            let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).expect("a file for rows");
            writeln!(file, "{line}").expect("a row written");
        }
        assert!(self.lost <= self.allowed_loss, "events lost: {self:?}");
        assert_eq!((self.twice, self.equal, self.odd, self.failed), (0, true, 0, 0), "{self:?}");
        assert!(self.worst < FAR_TOO_LONG, "{self:?}");
        assert!(self.asked > 0, "nothing was asked: {self:?}");
    }
}
