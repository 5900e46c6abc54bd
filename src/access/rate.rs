use std::time::Instant;

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

/// Names remembered at most; a config has at most a hundred keys, and forgetting one costs a second's worth of requests.
const MAX_NAMES: usize = 200;

/// How often each key was used lately: a bucket that holds a second's worth of requests and fills at that rate.
#[derive(Debug, Default)]
pub struct Rates(Mutex<FxHashMap<String, Bucket>>);

impl Rates {
    /// Whether a key of this name may be used once more at `now`, of `rate` times a second.
    pub fn take(&self, name: &str, rate: u32, now: Instant) -> bool {
        let rate = f64::from(rate);
        let mut buckets = self.0.lock();
        if !buckets.contains_key(name) {
            if buckets.len() >= MAX_NAMES {
                buckets.clear();
            }
            buckets.insert(name.to_owned(), Bucket::full(rate, now));
        }
        buckets.get_mut(name).is_none_or(|bucket| bucket.take(rate, rate, now))
    }
}

/// Something that is used up and comes back with time.
#[derive(Debug)]
pub(super) struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// One that holds `size`.
    pub(super) fn full(size: f64, now: Instant) -> Self {
        Self { tokens: size, at: now }
    }

    /// Takes one out, if there is one, from a bucket that holds `size` at most and gets `rate` back a second.
    pub(super) fn take(&mut self, size: f64, rate: f64, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * rate).min(size);
        self.at = self.at.max(now);
        let has_room = self.tokens >= 1.0;
        self.tokens -= if has_room { 1.0 } else { 0.0 };
        has_room
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_seconds_worth_at_once_and_then_the_rate_each_name_for_itself() {
        let (rates, start) = (Rates::default(), Instant::now());
        let taken = |at: Duration| (0..100).filter(|_| rates.take("shop", 10, start + at)).count();
        assert_eq!(taken(Duration::ZERO), 10);
        assert_eq!(taken(Duration::from_millis(500)), 5);
        assert_eq!(taken(Duration::from_secs(60)), 10, "no more is saved up");
        assert!(rates.take("other", 1, start));
    }
}
