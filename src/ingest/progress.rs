use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use tokio::sync::watch;

use crate::log::Offset;

/// Where the process stands between start and stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// The rest of the log is being applied; the scorer does not know everything yet.
    CatchingUp,
    /// All of the log has been applied, and the writers live.
    Ready,
    /// A writer died; answers go on from the state as it is, events are turned away. The text says why.
    Failed(String),
    /// No more records are taken.
    Stopping,
}

/// How far the log has been written and applied, readable from everywhere.
#[derive(Debug)]
pub struct Progress {
    start: Instant,
    phase: RwLock<Phase>,
    /// What is still to come from a broker before the process counts as ready.
    behind: RwLock<Option<String>>,
    /// What works, but not as well as it could.
    warnings: RwLock<Vec<String>>,
    appended: AtomicU64,
    applied: watch::Sender<Offset>,
    /// When the oldest unapplied record arrived, in microseconds since `start`, or somewhat earlier.
    pending_since_us: AtomicU64,
}

impl Progress {
    /// Everything before `next` is applied.
    #[must_use]
    pub fn new(next: Offset) -> Self {
        Self {
            start: Instant::now(),
            phase: RwLock::new(Phase::CatchingUp),
            behind: RwLock::new(None),
            warnings: RwLock::default(),
            appended: AtomicU64::new(next.0),
            applied: watch::Sender::new(next),
            pending_since_us: AtomicU64::new(0),
        }
    }

    /// Where the process stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        let phase = self.phase.read().clone();
        if phase == Phase::Ready && self.behind.read().is_some() { Phase::CatchingUp } else { phase }
    }

    /// What is still to come from a broker before the process counts as ready.
    #[must_use]
    pub fn behind(&self) -> Option<String> {
        self.behind.read().clone()
    }

    /// Says what is still to come from a broker; `None`: nothing any more.
    #[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "without a broker nothing comes from one"))]
    pub fn set_behind(&self, why: Option<String>) {
        *self.behind.write() = why;
    }

    /// What works, but not as well as it could.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.read().clone()
    }

    /// Says what works, but not as well as it could.
    #[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "only topics of a broker are warned of"))]
    pub fn set_warnings(&self, warnings: Vec<String>) {
        *self.warnings.write() = warnings;
    }

    /// Whether records are taken.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.phase() == Phase::Ready
    }

    /// Moves on to `phase`. A failure stays a failure.
    pub fn enter(&self, phase: Phase) {
        let mut current = self.phase.write();
        if !matches!(*current, Phase::Failed(_)) {
            *current = phase;
        }
    }

    /// The offset that the next record gets.
    #[must_use]
    pub fn appended(&self) -> Offset {
        Offset(self.appended.load(Ordering::Acquire))
    }

    /// Every record before this offset is in the engine.
    #[must_use]
    pub fn applied(&self) -> Offset {
        *self.applied.borrow()
    }

    /// To wait for [`Progress::applied`].
    #[must_use]
    pub fn watch_applied(&self) -> watch::Receiver<Offset> {
        self.applied.subscribe()
    }

    /// Every record before `next` is in the log; the newest of them arrived at `received`.
    pub(super) fn set_appended(&self, next: Offset, received: Instant) {
        if self.appended.swap(next.0, Ordering::AcqRel) <= self.applied().0 {
            self.pending_since(received);
        }
    }

    /// Every record before `next` is in the engine; the newest of them arrived at `received`.
    pub(super) fn set_applied(&self, next: Offset, received: Instant) {
        // What is applied next arrived no earlier: the lag is at most a little overstated.
        self.pending_since(received);
        self.applied.send_replace(next);
    }

    fn pending_since(&self, received: Instant) {
        let us = received.saturating_duration_since(self.start).as_micros();
        self.pending_since_us.store(u64::try_from(us).unwrap_or(u64::MAX), Ordering::Release);
    }

    /// How long the oldest unapplied record has been waiting.
    #[must_use]
    pub fn lag(&self) -> Duration {
        if self.applied() >= self.appended() {
            return Duration::ZERO;
        }
        let since = Duration::from_micros(self.pending_since_us.load(Ordering::Acquire));
        self.start.elapsed().saturating_sub(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_zero_when_everything_is_applied() {
        let progress = Progress::new(Offset(5));
        assert_eq!(progress.lag(), Duration::ZERO);
        let long_ago = Instant::now();
        progress.set_appended(Offset(7), long_ago);
        assert_eq!((progress.applied(), progress.appended()), (Offset(5), Offset(7)));
        progress.set_applied(Offset(7), long_ago);
        assert_eq!(progress.lag(), Duration::ZERO);
    }

    #[test]
    fn a_failure_stays_a_failure() {
        let progress = Progress::new(Offset(0));
        progress.enter(Phase::Failed("why".into()));
        progress.enter(Phase::Ready);
        assert_eq!(progress.phase(), Phase::Failed("why".into()));
    }
}
