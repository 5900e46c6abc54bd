//! How far this replica's clock is from the broker's, by which all replicas are judged alike.
//!
//! What a replica takes over HTTP bears its own time of acceptance, and answers fade what is old by it: a clock that is off
//! makes this replica's events older or younger than those of the others, and nobody sees it from outside.

use std::sync::atomic::{AtomicI64, Ordering};

use sidecart_engine::nouns::Timestamp;

/// Beyond this it is warned of; networks and pauses of a busy machine explain less.
const TOLERATED_MS: i64 = 5_000;

/// What is known of it: a bound that waiting cannot explain.
#[derive(Debug, Default)]
pub struct Skew(AtomicI64);

impl Skew {
    /// A record was sent after `sent` and acknowledged before `acknowledged`, both by this clock; the broker put its own
    /// time on it.
    pub fn note_sent(&self, sent: Timestamp, acknowledged: Timestamp, stamped: Timestamp) {
        let ahead = sent.since_ms(stamped).max(0) + acknowledged.since_ms(stamped).min(0);
        self.0.store(ahead, Ordering::Relaxed);
    }

    /// A record was read at `now`; the broker put its own time on it, long ago or just now.
    pub fn note_read(&self, now: Timestamp, stamped: Timestamp) {
        let age = now.since_ms(stamped);
        if age < 0 {
            self.0.store(age, Ordering::Relaxed);
        } else {
            // It may be ahead, which an age does not tell.
            self.0.fetch_max(0, Ordering::Relaxed);
        }
    }

    /// Milliseconds by which this clock is ahead of the broker's, at least; below 0 it is behind.
    pub fn ahead_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// What is to be warned of.
    pub fn warning(&self) -> Option<String> {
        let ahead = self.ahead_ms();
        let which = if ahead < 0 { "behind" } else { "ahead of" };
        (ahead.abs() > TOLERATED_MS).then(|| {
            format!(
                "this replica's clock is more than {} s {which} the broker's (`sidecart_broker_clock_ahead_seconds`): the \
                 events that it takes bear a wrong time, and its answers take others' for older or younger than they are; \
                 keep the clocks of all machines in step (NTP)",
                TOLERATED_MS / 1_000
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_waiting_cannot_explain_counts() {
        let skew = Skew::default();
        let sent = |stamped| {
            skew.note_sent(Timestamp(10_000), Timestamp(40_000), Timestamp(stamped));
            skew.ahead_ms()
        };
        assert_eq!((sent(10_000), sent(25_000), sent(40_000)), (0, 0, 0), "somewhere within the thirty seconds");
        assert_eq!((sent(3_000), sent(47_000)), (7_000, -7_000));
        assert!(skew.warning().is_some_and(|said| said.contains("5 s behind")));
        skew.note_read(Timestamp(50_000), Timestamp(1_000));
        assert_eq!(skew.ahead_ms(), 0, "an old record is no sign of a clock ahead, nor of one behind");
        skew.note_read(Timestamp(1_000), Timestamp(9_000));
        assert_eq!(skew.ahead_ms(), -8_000);
        assert_eq!(sent(5_500), 4_500);
        assert!(skew.warning().is_none(), "a pause may be as long");
    }
}
