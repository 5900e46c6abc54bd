//! What time it is. Only the binary knows; the engine is told.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use sidecart_engine::nouns::Timestamp;

/// What time it is, for everything that judges events and answers: acceptance, lateness, the end of visits. Deadlines
/// and latencies are measured on the machine's own monotonic clock instead.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // A clock before 1970 is broken; every event is then in the future and refused, which says so.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
        #[cfg(feature = "failpoints")]
        let now = now.plus_ms(crate::log::failpoints::clock_offset_ms());
        now
    }
}

/// A clock that stands until it is moved: recorded events are served as if they happened now.
#[derive(Debug, Default)]
pub struct StreamClock(AtomicI64);

impl StreamClock {
    /// A clock that shows `at`.
    #[must_use]
    pub fn at(at: Timestamp) -> Self {
        Self(AtomicI64::new(at.0))
    }

    /// Moves the clock forward to `at`; an earlier instant leaves it where it is.
    pub fn advance_to(&self, at: Timestamp) {
        self.0.fetch_max(at.0, Ordering::AcqRel);
    }
}

impl Clock for StreamClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_clock_never_goes_back() {
        let clock = StreamClock::at(Timestamp(10));
        clock.advance_to(Timestamp(20));
        clock.advance_to(Timestamp(15));
        assert_eq!(clock.now(), Timestamp(20));
    }
}
