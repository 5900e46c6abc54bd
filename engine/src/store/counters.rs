use serde::{Deserialize, Serialize};

use super::ItemIx;
use super::decay::{Decay, Decayed};
use super::fetch::fetch;
use crate::nouns::{DAY_MS, EventKind, HOUR_MS, Timestamp};
use crate::settings::PopularitySettings;

/// Returns over which an item's usual interval is a mean.
const INTERVAL_MEMORY: u32 = 100;
/// Purchases of one item nearer than this are of one errand, not a return. Milliseconds.
const ERRAND_MS: i64 = 12 * HOUR_MS;

/// Weight of each kind of interest in popularity: a purchase says more than a look. Removals say nothing here.
const WEIGHTS: [(EventKind, f32); 3] =
    [(EventKind::View, 1.0), (EventKind::AddToCart, 2.0), (EventKind::Purchase, 4.0)];

/// Time from one purchase of an item to the same shopper's next, over all shoppers: mean of its logarithm, because such
/// times differ by factors. A refund leaves it: that the shopper came back remains true.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Interval {
    /// Second and later purchases counted.
    times: u32,
    /// Mean of ln(days) over them.
    log_days: f32,
}

impl Interval {
    fn add(&mut self, days: f32) {
        self.times = self.times.saturating_add(1);
        // A mean over the last so many, so that it follows the item.
        self.log_days += (days.ln() - self.log_days) / self.times.min(INTERVAL_MEMORY) as f32;
    }

    /// The usual number of days, once it rests on at least `least` returns.
    pub(crate) fn days(self, least: u32) -> Option<f32> {
        (self.times >= least.max(1)).then(|| self.log_days.exp())
    }
}

/// What is counted of one item.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counter {
    /// After how long shoppers buy it again.
    pub(crate) interval: Interval,
    /// Decayed views, adds and purchases, at the long half-life.
    kinds: [Decayed; 3],
    /// All interest, weighted, at the long half-life.
    pub(crate) long: Decayed,
    /// All interest, weighted, at the short half-life.
    pub(crate) short: Decayed,
    /// Newest event.
    pub(crate) last_at: Option<Timestamp>,
}

impl Counter {
    /// The decayed count of one kind of interest.
    pub(crate) fn of(&self, kind: EventKind) -> Decayed {
        slot(kind).map_or_else(Decayed::default, |slot| self.kinds[slot])
    }
}

fn slot(kind: EventKind) -> Option<usize> {
    WEIGHTS.iter().position(|&(of, _)| of == kind)
}

/// By how much one event of a kind raises an item's popularity.
pub(crate) fn interest(kind: EventKind) -> f32 {
    slot(kind).map_or(0.0, |slot| WEIGHTS[slot].1)
}

/// Decayed counters of all items.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Counters {
    items: Vec<Counter>,
}

impl Counters {
    pub(crate) fn get(&self, ix: ItemIx) -> Counter {
        self.items.get(ix as usize).copied().unwrap_or_default()
    }

    /// Has the counters of these items fetched, see [`fetch`].
    pub(crate) fn fetch(&self, items: impl Iterator<Item = ItemIx>) {
        fetch(items.map(|ix| self.items.get(ix as usize).map_or(0, |counter| counter.long.value.to_bits())));
    }

    /// A shopper bought at `at` what she had last bought at `before`.
    pub(crate) fn count_return(&mut self, ix: ItemIx, before: Timestamp, at: Timestamp) {
        let gap_ms = at.since_ms(before);
        if gap_ms >= ERRAND_MS
            && let Some(counter) = self.items.get_mut(ix as usize)
        {
            counter.interval.add(gap_ms as f32 / DAY_MS as f32);
        }
    }

    /// Counts an occurrence of interest at `at`; `times` is 1, or -1 to take it back exactly as it was added.
    pub(crate) fn count(
        &mut self,
        ix: ItemIx,
        kind: EventKind,
        at: Timestamp,
        times: f32,
        settings: &PopularitySettings,
    ) {
        let Some(slot) = slot(kind) else { return };
        if self.items.len() <= ix as usize {
            self.items.resize(ix as usize + 1, Counter::default());
        }
        let counter = &mut self.items[ix as usize];
        let (long, short) = (Decay::new(settings.half_life_ms), Decay::new(settings.short_half_life_ms));
        counter.kinds[slot].add(long, at, times);
        counter.long.add(long, at, times * WEIGHTS[slot].1);
        counter.short.add(short, at, times * WEIGHTS[slot].1);
        counter.last_at = counter.last_at.max(Some(at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn the_usual_interval_is_the_mean_of_returns_and_errands_are_none() {
        let mut counters = Counters::default();
        counters.count(0, EventKind::Purchase, Timestamp(0), 1.0, &Settings::default().popularity);
        counters.count_return(0, Timestamp(0), Timestamp(HOUR_MS));
        assert_eq!(counters.get(0).interval.days(1), None);
        for days in [5, 20] {
            counters.count_return(0, Timestamp(0), Timestamp(days * DAY_MS));
        }
        let days = counters.get(0).interval.days(2).expect("two returns");
        assert!((days - 10.0).abs() < 1e-3, "{days}");
        assert_eq!(counters.get(0).interval.days(3), None);
    }
}
