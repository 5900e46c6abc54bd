use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::catalog::{Facts, NO_IX};
use super::counters::Counter;
use super::{ItemIx, decay::Decayed};

/// Items on an overall board.
const OVERALL: usize = 500;
/// Items on a category's board.
const PER_CATEGORY: usize = 100;

/// The most wanted items, best first.
///
/// Under forward decay all figures of one half-life fade alike, so the order of two items only changes when one of
/// them is touched: a board that is mended at each touch is right at every instant (but for items pushed off a full
/// board when another's refund makes room: they return with their next touch).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Board {
    /// (standing, item), best first; equal standings by item number.
    places: Vec<(f64, ItemIx)>,
}

impl Board {
    /// Best first.
    pub(crate) fn items(&self) -> impl Iterator<Item = ItemIx> + '_ {
        self.places.iter().map(|&(_, ix)| ix)
    }

    /// Puts `ix` where `figure` says, which has not fallen since the last time.
    fn raise(&mut self, ix: ItemIx, figure: Decayed, room: usize) {
        let standing = figure.standing();
        // Whoever is below the last of a full board is not on it: no need to search.
        if self.places.len() < room || self.places.last().is_some_and(|last| !before(*last, (standing, ix))) {
            self.put(ix, standing, room);
        }
    }

    /// Puts `ix` where `figure` says, wherever it stood before.
    fn set(&mut self, ix: ItemIx, figure: Decayed, room: usize) {
        self.places.retain(|&(_, other)| other != ix);
        if figure.value > 0.0 {
            self.raise(ix, figure, room);
        }
    }

    fn put(&mut self, ix: ItemIx, standing: f64, room: usize) {
        let place = self.places.iter().position(|&(_, other)| other == ix).unwrap_or_else(|| {
            self.places.push((standing, ix));
            self.places.len() - 1
        });
        self.places[place].0 = standing;
        self.rise(place);
        self.places.truncate(room);
    }

    /// Moves the entry at `place`, the only one out of order, up to where it belongs.
    fn rise(&mut self, mut place: usize) {
        while place > 0 && before(self.places[place], self.places[place - 1]) {
            self.places.swap(place, place - 1);
            place -= 1;
        }
    }
}

fn before(a: (f64, ItemIx), b: (f64, ItemIx)) -> bool {
    a.0 > b.0 || (a.0 == b.0 && a.1 < b.1)
}

/// The boards: overall in the long run and lately, and one per narrowest category.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Leaders {
    pub(crate) bestsellers: Board,
    pub(crate) trending: Board,
    #[serde(with = "super::by_key")]
    categories: FxHashMap<u32, Board>,
}

impl Leaders {
    pub(crate) fn category(&self, category: u32) -> Option<&Board> {
        self.categories.get(&category)
    }

    /// Interest in an item has been counted. Items that the catalogue lacks stand on no board.
    pub(crate) fn raise(&mut self, ix: ItemIx, counter: &Counter, facts: &Facts) {
        if facts.known {
            self.bestsellers.raise(ix, counter.long, OVERALL);
            self.trending.raise(ix, counter.short, OVERALL);
            if facts.category != NO_IX {
                self.categories.entry(facts.category).or_default().raise(ix, counter.long, PER_CATEGORY);
            }
        }
    }

    /// An item has changed otherwise: refunded, moved, deleted, returned.
    pub(crate) fn set(&mut self, ix: ItemIx, counter: &Counter, facts: &Facts) {
        let (long, short) = if facts.known { (counter.long, counter.short) } else { Default::default() };
        self.bestsellers.set(ix, long, OVERALL);
        self.trending.set(ix, short, OVERALL);
        if facts.category != NO_IX {
            self.categories.entry(facts.category).or_default().set(ix, long, PER_CATEGORY);
        }
    }

    /// An item has left a category.
    pub(crate) fn leave(&mut self, ix: ItemIx, category: u32) {
        if let Some(board) = self.categories.get_mut(&category) {
            board.set(ix, Decayed::default(), PER_CATEGORY);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn figure(value: f32) -> Decayed {
        Decayed { epoch: 0, value }
    }

    proptest! {
        #[test]
        fn a_board_is_the_sorted_top_of_growing_figures(touches in prop::collection::vec(0..30_u32, 1..200)) {
            let mut board = Board::default();
            let mut counts = [0.0_f32; 30];
            for ix in touches {
                counts[ix as usize] += 1.0;
                board.raise(ix, figure(counts[ix as usize]), 8);
            }
            let mut expected: Vec<_> = (0..30_u32).filter(|&ix| counts[ix as usize] > 0.0).collect();
            expected.sort_by(|&a, &b| counts[b as usize].total_cmp(&counts[a as usize]).then(a.cmp(&b)));
            expected.truncate(8);
            prop_assert_eq!(board.items().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_figure_that_falls_to_nothing_leaves_the_board() {
        let mut board = Board::default();
        board.set(1, figure(2.0), 4);
        board.set(2, figure(3.0), 4);
        board.set(2, figure(1.0), 4);
        assert_eq!(board.items().collect::<Vec<_>>(), [1, 2]);
        board.set(2, figure(0.0), 4);
        assert_eq!(board.items().collect::<Vec<_>>(), [1]);
    }
}
