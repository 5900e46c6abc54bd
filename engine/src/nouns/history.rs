use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ItemId, Timestamp};

/// What a shopper did with one item over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Past {
    /// Which item.
    pub item: ItemId,
    /// Decayed count as of `at`: an occurrence counts half after one half-life. Above 0.
    pub count: f32,
    /// The newest time.
    pub at: Timestamp,
}

/// What is remembered of a shopper across visits, by item id: as it leaves an engine for a store elsewhere, and as a
/// request brings it back.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// Bought, refunds taken back.
    pub bought: Vec<Past>,
    /// Viewed or carted.
    pub seen: Vec<Past>,
    /// Waved away.
    pub dismissed: Vec<Past>,
    /// Orders placed.
    pub orders: u32,
    /// Newest event.
    pub last_at: Timestamp,
    /// Devices merged into the shopper.
    pub devices: u32,
}

/// A history on its way with a request; shared, since caches and remembered decisions hold it, too.
pub type Recalled = Option<Arc<History>>;

impl History {
    /// Adds what another memory of the same shopper holds. Counts decay with `half_life_ms`; the `limit` strongest items
    /// of a kind are kept.
    pub fn merge(&mut self, other: &Self, half_life_ms: i64, limit: usize) {
        merge(&mut self.bought, &other.bought, half_life_ms, limit);
        merge(&mut self.seen, &other.seen, half_life_ms, limit);
        merge(&mut self.dismissed, &other.dismissed, half_life_ms, limit);
        self.orders = self.orders.saturating_add(other.orders);
        self.devices = self.devices.saturating_add(other.devices);
        self.last_at = self.last_at.max(other.last_at);
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bought.is_empty() && self.seen.is_empty() && self.dismissed.is_empty() && self.orders == 0
    }
}

fn merge(into: &mut Vec<Past>, other: &[Past], half_life_ms: i64, limit: usize) {
    let half_lives = |ms: i64| ms as f64 / half_life_ms.max(1) as f64;
    for past in other {
        match into.iter_mut().find(|known| known.item == past.item) {
            Some(known) => {
                let at = known.at.max(past.at);
                let as_of = |past: &Past| past.count * (-half_lives(at.since_ms(past.at))).exp2() as f32;
                (known.count, known.at) = (as_of(known) + as_of(past), at);
            }
            None => into.push(past.clone()),
        }
    }
    // Where each would stand at one and the same instant, as a logarithm: far apart times would leave an `f32`.
    let standing = |past: &Past| f64::from(past.count).log2() + half_lives(past.at.0);
    into.sort_by(|a, b| standing(b).total_cmp(&standing(a)).then_with(|| a.item.cmp(&b.item)));
    into.truncate(limit);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nouns::DAY_MS;

    fn past(item: &str, count: f32, day: i64) -> Past {
        Past { item: item.to_owned().try_into().expect("an id"), count, at: Timestamp(day * DAY_MS) }
    }

    #[test]
    fn counts_are_added_as_of_the_later_time_whichever_comes_first() {
        let one = History { bought: vec![past("a", 2.0, 0)], orders: 1, ..History::default() };
        let two = History { bought: vec![past("a", 1.0, 7)], orders: 2, ..History::default() };
        for (mut into, other) in [(one.clone(), &two), (two.clone(), &one)] {
            into.merge(other, 7 * DAY_MS, 10);
            assert_eq!((into.bought, into.orders), (vec![past("a", 2.0, 7)], 3));
        }
    }

    #[test]
    fn the_strongest_items_are_kept_and_an_old_one_is_weaker_than_a_new_one() {
        let mut one = History { seen: vec![past("old", 3.0, 0), past("new", 1.0, 100)], ..History::default() };
        one.merge(&History { seen: vec![past("b", 1.0, 99)], ..History::default() }, 7 * DAY_MS, 2);
        assert_eq!(one.seen, [past("new", 1.0, 100), past("b", 1.0, 99)]);
    }
}
