use crate::store::{ItemIx, best_of};

/// What two views of the same visits say of items: pairs of sums under item numbers, cleared in O(1).
#[derive(Debug, Default)]
pub(super) struct Votes {
    stamp: u32,
    /// Stamp and place among the entries; counts only if the stamp is the current one.
    cells: Vec<(u32, u32)>,
    entries: Vec<(ItemIx, [f32; 2])>,
}

impl Votes {
    /// Forgets everything and makes room for item numbers below `items`.
    pub(super) fn begin(&mut self, items: usize) {
        if self.cells.len() < items {
            self.cells.resize(items, (0, 0));
        }
        self.entries.clear();
        self.stamp = self.stamp.wrapping_add(1);
        if self.stamp == 0 {
            // After 2^32 requests old stamps would look new.
            self.cells.fill((0, 0));
            self.stamp = 1;
        }
    }

    /// Adds to the sums of an item. Its number must be below the `items` of `begin`.
    pub(super) fn add(&mut self, item: ItemIx, amounts: [f32; 2]) {
        let cell = &mut self.cells[item as usize];
        if cell.0 == self.stamp {
            let sums = &mut self.entries[cell.1 as usize].1;
            sums[0] += amounts[0];
            sums[1] += amounts[1];
        } else {
            *cell = (self.stamp, self.entries.len() as u32);
            self.entries.push((item, amounts));
        }
    }

    /// Sets the sums of an item back to 0, if it has any.
    pub(super) fn clear(&mut self, item: ItemIx) {
        if let Some(&(_, place)) = self.cells.get(item as usize).filter(|cell| cell.0 == self.stamp) {
            self.entries[place as usize].1 = [0.0; 2];
        }
    }

    /// The `limit` largest positive ones of the first or second sums, each times what `factor` says of the item, into
    /// `best`, largest first; equal ones by number.
    pub(super) fn best(
        &self,
        sum: usize,
        factor: impl Fn(ItemIx) -> f32,
        limit: usize,
        ranked: &mut Vec<u64>,
        best: &mut Vec<(ItemIx, f32)>,
    ) {
        let positive = self.entries.iter().map(|&(item, sums)| (item, sums[sum])).filter(|entry| entry.1 > 0.0);
        best_of(positive.map(|(item, sum)| (item, sum * factor(item))), limit, ranked, best);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_of_each_view_come_largest_first_and_are_forgotten_by_beginning_anew() {
        let (mut votes, mut ranked, mut best) = (Votes::default(), Vec::new(), Vec::new());
        votes.begin(9);
        for (item, amounts) in [(5, [1.0, 0.0]), (2, [1.0, 4.0]), (7, [3.0, 1.0]), (5, [0.0, 2.0]), (8, [2.0, 9.0])] {
            votes.add(item, amounts);
        }
        votes.clear(8);
        votes.best(0, |_| 1.0, 9, &mut ranked, &mut best);
        assert_eq!(best, [(7, 3.0), (2, 1.0), (5, 1.0)]);
        votes.best(1, |item| if item == 7 { 10.0 } else { 1.0 }, 2, &mut ranked, &mut best);
        assert_eq!(best, [(7, 10.0), (2, 4.0)]);
        votes.begin(9);
        votes.best(0, |_| 1.0, 9, &mut ranked, &mut best);
        assert!(best.is_empty());
    }
}
