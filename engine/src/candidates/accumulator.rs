use crate::store::best_of;

/// A sparse vector over dense numbers that is cleared in O(1): an entry counts only if its stamp is the current one.
#[derive(Debug, Default)]
pub(crate) struct Accumulator {
    stamp: u32,
    cells: Vec<(u32, f32)>,
    touched: Vec<u32>,
    /// Room to find the best in.
    ranked: Vec<u64>,
}

impl Accumulator {
    /// Forgets everything and makes room for numbers below `len`.
    pub(crate) fn begin(&mut self, len: usize) {
        if self.cells.len() < len {
            self.cells.resize(len, (0, 0.0));
        }
        self.touched.clear();
        self.stamp = self.stamp.wrapping_add(1);
        if self.stamp == 0 {
            // After 2^32 requests old stamps would look new.
            self.cells.fill((0, 0.0));
            self.stamp = 1;
        }
    }

    /// Adds to an entry, which is 0 if it was not touched before. The number must be below the `len` of `begin`.
    pub(crate) fn add(&mut self, number: u32, amount: f32) {
        let cell = &mut self.cells[number as usize];
        if cell.0 == self.stamp {
            cell.1 += amount;
        } else {
            *cell = (self.stamp, amount);
            self.touched.push(number);
        }
    }

    /// Sets an entry back to 0, if it was touched.
    pub(crate) fn clear(&mut self, number: u32) {
        if let Some(cell) = self.cells.get_mut(number as usize).filter(|cell| cell.0 == self.stamp) {
            cell.1 = 0.0;
        }
    }

    /// The entry, `None` if it was not touched.
    pub(crate) fn get(&self, number: u32) -> Option<f32> {
        self.cells.get(number as usize).filter(|cell| cell.0 == self.stamp).map(|cell| cell.1)
    }

    /// Multiplies each touched entry by what `factor` says.
    pub(crate) fn scale(&mut self, mut factor: impl FnMut(u32) -> f32) {
        for &number in &self.touched {
            self.cells[number as usize].1 *= factor(number);
        }
    }

    /// The `limit` largest positive entries into `best`, largest first; equal ones by number.
    pub(crate) fn best(&mut self, limit: usize, best: &mut Vec<(u32, f32)>) {
        let touched = self.touched.iter().map(|&number| (number, self.cells[number as usize].1));
        best_of(touched.filter(|entry| entry.1 > 0.0), limit, &mut self.ranked, best);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginning_anew_forgets_everything() {
        let mut sums = Accumulator::default();
        sums.begin(4);
        sums.add(3, 1.0);
        sums.add(3, 0.5);
        assert_eq!(sums.get(3), Some(1.5));
        sums.begin(4);
        assert_eq!(sums.get(3), None);
        sums.stamp = u32::MAX;
        sums.add(2, 1.0);
        sums.begin(4);
        assert_eq!(sums.get(2), None);
    }

    #[test]
    fn the_best_come_largest_first_and_ties_by_number() {
        let mut sums = Accumulator::default();
        sums.begin(9);
        for (number, amount) in [(5, 1.0), (2, 1.0), (7, 3.0), (1, 0.0), (8, 2.0)] {
            sums.add(number, amount);
        }
        let mut best = Vec::new();
        sums.best(3, &mut best);
        assert_eq!(best, [(7, 3.0), (8, 2.0), (2, 1.0)]);
        sums.best(0, &mut best);
        assert!(best.is_empty());
    }
}
