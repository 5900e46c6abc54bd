use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::ItemIx;
use super::catalog::{Facts, NO_IX};
use crate::nouns::{DAY_MS, Timestamp};

/// Newcomers remembered per category, and overall.
const PER_LIST: usize = 64;
/// For so long an item counts as new. Milliseconds.
const NEW_FOR_MS: i64 = 14 * DAY_MS;

/// The items that came into the catalogue last, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct List(Vec<(ItemIx, Timestamp)>);

impl List {
    fn add(&mut self, ix: ItemIx, at: Timestamp) {
        self.0.retain(|&(other, _)| other != ix);
        if self.0.len() >= PER_LIST {
            self.0.remove(0);
        }
        self.0.push((ix, at));
    }

    fn new_as_of(&self, now: Timestamp) -> impl Iterator<Item = ItemIx> + '_ {
        let is_new = move |&&(_, at): &&(ItemIx, Timestamp)| now.since_ms(at) < NEW_FOR_MS;
        self.0.iter().rev().take_while(is_new).map(|&(ix, _)| ix)
    }
}

/// What is new in the shop: the way in for items that nobody has met yet. Bounded by the number of categories.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Newcomers {
    overall: List,
    #[serde(with = "super::by_key")]
    categories: FxHashMap<u32, List>,
}

impl Newcomers {
    /// An item has come into the catalogue, or into another category.
    pub(crate) fn add(&mut self, ix: ItemIx, facts: &Facts, at: Timestamp) {
        self.overall.add(ix, at);
        if facts.category != NO_IX {
            self.categories.entry(facts.category).or_default().add(ix, at);
        }
    }

    /// The newest of a category, newest first.
    pub(crate) fn of(&self, category: u32, now: Timestamp) -> impl Iterator<Item = ItemIx> + '_ {
        self.categories.get(&category).into_iter().flat_map(move |list| list.new_as_of(now))
    }

    /// The newest of the shop, newest first.
    pub(crate) fn overall(&self, now: Timestamp) -> impl Iterator<Item = ItemIx> + '_ {
        self.overall.new_as_of(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_come_first_and_age_out() {
        let mut newcomers = Newcomers::default();
        let facts = Facts { category: 7, ..Facts::default() };
        for ix in 0..100 {
            newcomers.add(ix, &facts, Timestamp(i64::from(ix)));
        }
        let now = Timestamp(1_000);
        assert_eq!(newcomers.of(7, now).take(3).collect::<Vec<_>>(), [99, 98, 97]);
        assert_eq!(newcomers.of(7, now).count(), PER_LIST);
        assert_eq!(newcomers.of(8, now).count(), 0);
        assert_eq!(newcomers.overall(Timestamp(NEW_FOR_MS + 98)).collect::<Vec<_>>(), [99]);
    }

    #[test]
    fn an_item_that_returns_stands_once() {
        let mut newcomers = Newcomers::default();
        for ix in [1, 2, 1] {
            newcomers.add(ix, &Facts::default(), Timestamp(0));
        }
        assert_eq!(newcomers.overall(Timestamp(1)).collect::<Vec<_>>(), [1, 2]);
    }
}
