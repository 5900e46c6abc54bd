use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::gate::{Gate, Pass};
use crate::config::placements::Priority;

/// Of the time there is for an answer, the share that may be spent waiting for others; what is left is for its own
/// computation and the network.
const WAITING_SHARE: f64 = 0.5;
/// How much a new measurement counts in the average cost of an answer.
const NEWNESS: f64 = 1.0 / 16.0;

/// Decides who is computed and who gets the answer that costs nothing: as many at once as the config allows, and no more
/// than can be computed within the time there is. Where it gets crowded, placements of low priority go without first.
#[derive(Debug)]
pub struct Admission {
    gate: Gate,
    /// Average time of a computed answer; 0 before the first.
    cost_ns: AtomicU64,
    threads: usize,
}

impl Admission {
    /// Nobody is inside.
    #[must_use]
    pub fn new() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { gate: Gate::default(), cost_ns: AtomicU64::default(), threads }
    }

    /// Lets a request in, unless it is too crowded for one of its priority. `most`: requests at once; `budget`: the time
    /// that a placement has.
    pub fn enter(&self, most: usize, priority: Priority, budget: Duration) -> Option<Pass<'_>> {
        self.gate.enter(self.limit(most, priority, budget))
    }

    /// How many are inside.
    #[must_use]
    pub fn inside(&self) -> usize {
        self.gate.inside()
    }

    /// Notes what an answer has cost.
    pub fn note(&self, cost: Duration) {
        let cost = cost.as_nanos() as f64;
        let old = self.cost_ns.load(Ordering::Relaxed) as f64;
        let new = if old > 0.0 { old + (cost - old) * NEWNESS } else { cost };
        // Two that note at once lose one of the two; it is an average.
        self.cost_ns.store(new as u64, Ordering::Relaxed);
    }

    fn limit(&self, most: usize, priority: Priority, budget: Duration) -> usize {
        let share = match priority {
            Priority::High => 1.0,
            Priority::Normal => 0.75,
            Priority::Low => 0.5,
        };
        let cost = self.cost_ns.load(Ordering::Relaxed);
        let in_time = match cost {
            0 => f64::INFINITY,
            cost => self.threads as f64 * budget.as_nanos() as f64 * WAITING_SHARE / cost as f64,
        };
        // One at least: a machine that is slow is better asked than not.
        ((most as f64).min(in_time) * share).max(1.0) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(threads: usize, cost: Duration) -> Admission {
        let admission = Admission { threads, ..Admission::new() };
        admission.note(cost);
        admission
    }

    #[test]
    fn low_priority_goes_without_first() {
        let admission = admission(2, Duration::from_micros(1));
        let budget = Duration::from_millis(50);
        let enter = |priority| admission.enter(8, priority, budget);
        let _low: Vec<_> = (0..8).map_while(|_| enter(Priority::Low)).collect();
        assert_eq!(admission.inside(), 4);
        let _normal: Vec<_> = (0..8).map_while(|_| enter(Priority::Normal)).collect();
        assert_eq!(admission.inside(), 6);
        let _high: Vec<_> = (0..8).map_while(|_| enter(Priority::High)).collect();
        assert_eq!(admission.inside(), 8);
    }

    #[test]
    fn no_more_are_let_in_than_can_be_computed_in_time() {
        let budget = Duration::from_millis(50);
        let slow = admission(2, Duration::from_millis(5));
        assert_eq!(slow.limit(512, Priority::High, budget), 10);
        assert_eq!(slow.limit(512, Priority::Low, budget), 5);
        let very_slow = admission(2, Duration::from_secs(1));
        assert_eq!(very_slow.limit(512, Priority::Low, budget), 1);
        for _ in 0..200 {
            very_slow.note(Duration::from_micros(100));
        }
        let limit = very_slow.limit(512, Priority::High, budget);
        assert!((400..=500).contains(&limit), "it recovers with the answers: {limit}");
    }
}
