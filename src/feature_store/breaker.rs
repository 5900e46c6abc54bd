//! A circuit breaker: whoever fails or dawdles too often is not asked for a while.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Newest answers that are looked at.
const WINDOW: u32 = 32;
/// Answers that must be known before anything is judged.
const LEAST: u32 = 8;
/// Failures among the newest answers at which it opens: half of them.
const BAD_SHARE_PERCENT: u32 = 50;
/// How long it stays open the first time; doubled with each failed attempt, up to [`LONGEST_OPEN`].
const FIRST_OPEN: Duration = Duration::from_millis(500);
/// See [`FIRST_OPEN`]: a store that is back is found within this time.
const LONGEST_OPEN: Duration = Duration::from_secs(10);
/// Answers in a row that close it again.
const GOOD_PROBES: u32 = 3;

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stance {
    /// All may ask.
    Closed,
    /// Nobody may.
    Open,
    /// One at a time may, to see whether it is well again.
    HalfOpen,
}

/// A circuit breaker. The time is an argument, so that it can be tested without any.
#[derive(Debug, Default)]
pub struct Breaker(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// The newest answers, one bit each, failures are 1.
    answers: u32,
    known: u32,
    /// Set while it is not closed: until when nobody asks.
    until: Option<Instant>,
    pause: Duration,
    /// Since when one that may ask is out, while half open.
    probing: Option<Instant>,
    good: u32,
}

impl Breaker {
    /// Whether to ask now. Who is let in has to [`note`](Self::note) what came of it; a probe that never does counts as
    /// gone after the longest pause.
    pub fn admits(&self, now: Instant) -> bool {
        let mut inner = self.0.lock();
        let Some(until) = inner.until else { return true };
        let is_probed = inner.probing.is_some_and(|since| now < since + LONGEST_OPEN);
        if now < until || is_probed {
            return false;
        }
        inner.probing = Some(now);
        true
    }

    /// Notes an answer, or that there was none in time.
    pub fn note(&self, is_good: bool, now: Instant) {
        let mut inner = self.0.lock();
        inner.probing = None;
        match (inner.until, is_good) {
            (None, _) => inner.judge(is_good, now),
            (Some(until), true) if now >= until => {
                inner.good += 1;
                if inner.good >= GOOD_PROBES {
                    *inner = Inner::default();
                }
            }
            (Some(until), false) if now >= until => inner.open(now),
            // A straggler from before it opened says nothing about now.
            (Some(_), _) => {}
        }
    }

    /// Who was let in learned nothing: neither good nor bad.
    pub fn let_go(&self) {
        self.0.lock().probing = None;
    }

    /// Where it stands.
    pub fn stance(&self, now: Instant) -> Stance {
        match self.0.lock().until {
            None => Stance::Closed,
            Some(until) if now < until => Stance::Open,
            Some(_) => Stance::HalfOpen,
        }
    }
}

impl Inner {
    fn judge(&mut self, is_good: bool, now: Instant) {
        self.answers = self.answers << 1 | u32::from(!is_good);
        self.known = (self.known + 1).min(WINDOW);
        if self.known >= LEAST && self.answers.count_ones() * 100 >= BAD_SHARE_PERCENT * self.known {
            self.open(now);
        }
    }

    fn open(&mut self, now: Instant) {
        self.pause = if self.pause.is_zero() { FIRST_OPEN } else { (self.pause * 2).min(LONGEST_OPEN) };
        self.until = Some(now + self.pause);
        (self.answers, self.known, self.good) = (0, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scene {
        breaker: Breaker,
        now: Instant,
    }

    impl Scene {
        fn new() -> Self {
            Self { breaker: Breaker::default(), now: Instant::now() }
        }

        fn pass(&mut self, time: Duration) {
            self.now += time;
        }

        /// Asks as often; gives how many were let in.
        fn ask(&self, times: usize, is_good: bool) -> usize {
            let let_in = (0..times).filter(|_| {
                let admitted = self.breaker.admits(self.now);
                if admitted {
                    self.breaker.note(is_good, self.now);
                }
                admitted
            });
            let_in.count()
        }

        fn stance(&self) -> Stance {
            self.breaker.stance(self.now)
        }
    }

    #[test]
    fn a_few_failures_among_many_answers_leave_it_closed() {
        let scene = Scene::new();
        for _ in 0..100 {
            assert_eq!((scene.ask(3, true), scene.ask(2, false)), (3, 2));
        }
        assert_eq!(scene.stance(), Stance::Closed);
    }

    #[test]
    fn it_opens_when_half_of_the_newest_answers_fail_and_asks_nobody() {
        let scene = Scene::new();
        assert_eq!(scene.ask(16, true), 16);
        assert_eq!(scene.ask(100, false), 16, "as many as were good");
        assert_eq!((scene.stance(), scene.ask(10, true)), (Stance::Open, 0));
    }

    #[test]
    fn one_at_a_time_finds_out_and_three_good_answers_close_it() {
        let mut scene = Scene::new();
        scene.ask(100, false);
        scene.pass(FIRST_OPEN);
        assert_eq!(scene.stance(), Stance::HalfOpen);
        assert!(scene.breaker.admits(scene.now));
        assert!(!scene.breaker.admits(scene.now), "one is out already");
        scene.breaker.note(true, scene.now);
        assert_eq!(scene.ask(2, true), 2);
        assert_eq!((scene.stance(), scene.ask(50, true)), (Stance::Closed, 50));
    }

    #[test]
    fn each_failed_attempt_waits_longer_up_to_a_bound_and_recovery_begins_anew() {
        let mut scene = Scene::new();
        scene.ask(100, false);
        let mut pause = FIRST_OPEN;
        for _ in 0..10 {
            scene.pass(pause);
            assert_eq!(scene.ask(5, false), 1);
            pause = (pause * 2).min(LONGEST_OPEN);
            scene.pass(pause - Duration::from_millis(1));
            assert_eq!(scene.ask(5, true), 0, "after {pause:?}");
            scene.pass(Duration::from_millis(1));
            scene.now -= pause;
        }
        scene.pass(LONGEST_OPEN);
        assert_eq!(scene.ask(3, true), 3);
        assert_eq!(scene.ask(100, false), LEAST as usize);
        scene.pass(FIRST_OPEN);
        assert_eq!(scene.ask(1, true), 1);
    }

    #[test]
    fn a_probe_that_never_tells_and_a_straggler_do_not_hold_it_open_or_close_it() {
        let mut scene = Scene::new();
        scene.ask(100, false);
        scene.breaker.note(true, scene.now);
        assert_eq!(scene.stance(), Stance::Open);
        scene.pass(FIRST_OPEN);
        assert!(scene.breaker.admits(scene.now));
        assert!(!scene.breaker.admits(scene.now));
        scene.pass(LONGEST_OPEN);
        assert!(scene.breaker.admits(scene.now));
        scene.breaker.let_go();
        assert_eq!(scene.stance(), Stance::HalfOpen, "nothing was learned");
        assert!(scene.breaker.admits(scene.now));
    }
}
