use super::sums::Sums;
use crate::store::{Factor, Row, best_of, best_weighted};

/// A sparse vector over dense numbers that is cleared in O(1).
#[derive(Debug, Default)]
pub(crate) struct Accumulator {
    sums: Sums<1>,
    /// Room to find the best in.
    ranked: Vec<u64>,
}

impl Accumulator {
    /// Forgets everything and makes room for numbers below `len`.
    pub(crate) fn begin(&mut self, len: usize) {
        self.sums.begin(len);
    }

    /// Adds to an entry, which is 0 if it was not touched before. The number must be below the `len` of `begin`.
    pub(crate) fn add(&mut self, number: u32, amount: f32) {
        self.sums.add(number, [amount]);
    }

    /// Adds what a row's weights are worth to the entries of its partners, see [`Accumulator::add`].
    pub(crate) fn add_row(&mut self, row: &Row, worth: impl Fn(f32) -> f32) {
        let entries = row.partners.iter().zip(&row.weights);
        self.sums.add_all(entries.map(|(&partner, &weight)| (partner, [worth(weight)])));
    }

    /// Sets an entry back to 0, if it was touched.
    pub(crate) fn clear(&mut self, number: u32) {
        self.sums.clear(number);
    }

    /// The entry, `None` if it was not touched.
    pub(crate) fn get(&self, number: u32) -> Option<f32> {
        self.sums.get(number).map(|&[sum]| sum)
    }

    /// The `limit` largest positive entries into `best`, largest first; equal ones by number.
    pub(crate) fn best(&mut self, limit: usize, best: &mut Vec<(u32, f32)>) {
        best_of(positive(&self.sums), limit, &mut self.ranked, best);
    }

    /// The same of each entry times a factor, not asked for where it cannot matter.
    pub(crate) fn best_weighted(
        &mut self,
        factor: Factor<impl Fn(u32) -> f32, impl Fn(u32) -> u32>,
        limit: usize,
        best: &mut Vec<(u32, f32)>,
    ) {
        best_weighted(positive(&self.sums), factor, limit, &mut self.ranked, best);
    }
}

fn positive(sums: &Sums<1>) -> impl Iterator<Item = (u32, f32)> + '_ {
    sums.entries().iter().map(|&(number, [sum])| (number, sum)).filter(|entry| entry.1 > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_come_largest_first_and_ties_by_number() {
        let mut sums = Accumulator::default();
        sums.begin(10);
        for (number, amount) in [(5, 1.0), (2, 1.0), (7, 3.0), (1, 0.0), (8, 2.0), (9, 5.0)] {
            sums.add(number, amount);
        }
        sums.clear(9);
        let mut best = Vec::new();
        sums.best(3, &mut best);
        assert_eq!(best, [(7, 3.0), (8, 2.0), (2, 1.0)]);
        let of = |number| if number == 7 { 0.1 } else { 1.0 };
        sums.best_weighted(Factor { of, most: 1.0, reads: |number| number }, 1, &mut best);
        assert_eq!(best, [(8, 2.0)]);
        sums.best(0, &mut best);
        assert!(best.is_empty());
    }
}
