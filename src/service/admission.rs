use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::gate::{Gate, Pass};
use crate::config::placements::Priority;

/// Of the time there is for an answer, the share that may be spent waiting for others; what is left is for its own
/// computation and the network.
const WAITING_SHARE: f64 = 0.5;
/// How much a new measurement counts in the average cost of an answer.
const NEWNESS: f64 = 1.0 / 16.0;
/// How long a long turn is remembered, less and less. Forgotten sooner, a flood would be let in again after each short turn,
/// and turns would swing between short and far too long.
const MEMORY: Duration = Duration::from_millis(200);
/// Turns that a request waits for: one until it is read, one until it is computed.
const TURNS: f64 = 2.0;
/// Requests per thread that are let in however long the turns are: a machine that stood still for a moment is no crowd, and
/// these few take a millisecond.
const ALWAYS_PER_THREAD: f64 = 4.0;

/// Of the time there is for an answer, the share beyond which turns leave no room even for looking into the engine: that
/// costs a third to two thirds of an answer in full, for each of those that are not let in.
const FLOODED_SHARE: f64 = 0.05;

/// How a request is to be answered.
#[derive(Debug)]
pub enum Entry<'a> {
    /// In full: it is let in, until the pass is dropped.
    In(Pass<'a>),
    /// By what the engine has without any work.
    Crowded,
    /// By nothing: there is not even time to look.
    Flooded,
}

/// Decides who is computed and who gets the answer that costs nothing: as many at once as the config allows, and no more
/// than can be computed within the time there is. Where it gets crowded, placements of low priority go without first.
///
/// Nobody tells how long a request had lain with the kernel before it was read. It is about as long as a turn of the
/// runtime, in which all that have arrived are read, and those let in are computed, and whoever is let in waits for another
/// one. So turns are measured, and two of them are taken off the time that there is to wait. Without it a flood makes turns
/// long, long turns let in as many as short ones, and each of these is late by turns that nobody has counted.
#[derive(Debug)]
pub struct Admission {
    gate: Gate,
    /// Average time of a computed answer; 0 before the first.
    cost_ns: AtomicU64,
    /// How long turns took of late.
    turn_ns: AtomicU64,
    /// When that was noted, since `begun`.
    noted_ns: AtomicU64,
    begun: Instant,
    threads: usize,
}

impl Admission {
    /// Nobody is inside.
    #[must_use]
    pub fn new() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            gate: Gate::default(),
            cost_ns: AtomicU64::default(),
            turn_ns: AtomicU64::default(),
            noted_ns: AtomicU64::default(),
            begun: Instant::now(),
            threads,
        }
    }

    /// Lets a request in, unless it is too crowded for one of its priority. `most`: requests at once; `budget`: the time
    /// that answers have here, or a placement that has more. A placement that has less is not let in less for it: one of
    /// high priority would go without first, and its deadline holds all the same.
    pub fn enter(&self, most: usize, priority: Priority, budget: Duration) -> Entry<'_> {
        match self.gate.enter(self.limit(most, priority, budget)) {
            Some(pass) => Entry::In(pass),
            None if self.waited() > budget.mul_f64(FLOODED_SHARE) => Entry::Flooded,
            None => Entry::Crowded,
        }
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

    /// Notes that a turn of the runtime began at `from` and ended `now`: a longer one counts at once, of the one before it
    /// less the longer ago it is.
    pub fn note_turn(&self, from: Instant, now: Instant) {
        let ns = now.saturating_duration_since(self.begun).as_nanos() as u64;
        // As with the cost: one that is lost is soon made up for.
        let since = ns.saturating_sub(self.noted_ns.swap(ns, Ordering::Relaxed));
        let kept = 1.0 - since as f64 / MEMORY.as_nanos() as f64;
        let turn = now.saturating_duration_since(from).as_nanos() as f64;
        let old = self.turn_ns.load(Ordering::Relaxed) as f64;
        self.turn_ns.store(turn.max(old * kept) as u64, Ordering::Relaxed);
    }

    /// How long a request that is read now has been waiting to be, as far as can be known.
    #[must_use]
    pub fn waited(&self) -> Duration {
        Duration::from_nanos(self.turn_ns.load(Ordering::Relaxed))
    }

    fn limit(&self, most: usize, priority: Priority, budget: Duration) -> usize {
        let share = match priority {
            Priority::High => 1.0,
            Priority::Normal => 0.75,
            Priority::Low => 0.5,
        };
        let threads = self.threads as f64;
        let left_ns = budget.as_nanos() as f64 * WAITING_SHARE;
        let in_time = |left_ns: f64| match self.cost_ns.load(Ordering::Relaxed) {
            0 => f64::INFINITY,
            cost => threads * left_ns / cost as f64,
        };
        let unhurried = in_time(left_ns);
        let in_time =
            in_time(left_ns - TURNS * self.waited().as_nanos() as f64).max(unhurried.min(threads * ALWAYS_PER_THREAD));
        // One at least: a machine that is slow is better asked than not.
        ((most as f64).min(in_time) * share).max(1.0) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_turns_let_fewer_in_and_are_forgotten_when_they_get_short() {
        let (budget, ms) = (Duration::from_millis(50), Duration::from_millis);
        let admission = admission(2, Duration::from_micros(250));
        let limit = || admission.limit(512, Priority::High, budget);
        assert_eq!(limit(), 200);
        let mut now = admission.begun;
        let mut turn = |turn: Duration| {
            admission.note_turn(now, now + turn);
            now += turn;
        };
        turn(ms(10));
        assert_eq!(limit(), 40, "5 ms are left to wait");
        turn(ms(60));
        assert_eq!(limit(), 8, "some always");
        let inside: Vec<_> = (0..8).map(|_| admission.enter(512, Priority::High, budget)).collect();
        assert!(inside.iter().all(|entry| matches!(entry, Entry::In(_))));
        assert!(matches!(admission.enter(512, Priority::High, budget), Entry::Flooded));
        assert!(matches!(admission.enter(512, Priority::High, ms(500)), Entry::In(_)), "who has time can wait");
        drop(inside);
        turn(ms(1));
        assert_eq!(limit(), 8, "one short turn is no end of a flood");
        for _ in 0..1_000 {
            turn(ms(1));
        }
        assert_eq!(limit(), 184);
    }

    fn admission(threads: usize, cost: Duration) -> Admission {
        let admission = Admission { threads, ..Admission::new() };
        admission.note(cost);
        admission
    }

    #[test]
    fn low_priority_goes_without_first() {
        let admission = admission(2, Duration::from_micros(1));
        let budget = Duration::from_millis(50);
        let enter = |priority| match admission.enter(8, priority, budget) {
            Entry::In(pass) => Some(pass),
            Entry::Crowded => None,
            Entry::Flooded => panic!("nobody has waited"),
        };
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
