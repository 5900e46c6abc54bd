const EMPTY: u64 = 0;

/// Sums under sparse 32-bit keys, cleared in O(1): an open-addressing table whose cells carry the round they were
/// written in. A hash map would allocate and re-hash at each request; a dense vector over ten million visits would
/// miss the cache at each step.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// (round << 32 | key, sum); round 0 is never current.
    cells: Vec<(u64, f32)>,
    round: u32,
    used: Vec<u32>,
}

impl Tally {
    /// Forgets everything and makes room for `keys` different keys.
    pub(crate) fn begin(&mut self, keys: usize) {
        let room = (keys.max(8) * 2).next_power_of_two();
        if self.cells.len() < room {
            self.cells = vec![(EMPTY, 0.0); room];
            self.round = 0;
        }
        self.used.clear();
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.cells.fill((EMPTY, 0.0));
            self.round = 1;
        }
    }

    /// Adds to the sum under `key`. Keys beyond the room of `begin` are not taken in.
    pub(crate) fn add(&mut self, key: u32, amount: f32) {
        let mask = self.cells.len() - 1;
        let tag = u64::from(self.round) << 32 | u64::from(key);
        // Fibonacci hashing: consecutive visit numbers spread over the table.
        let mut place = (key.wrapping_mul(0x9E37_79B9) as usize) & mask;
        loop {
            let cell = &mut self.cells[place];
            if cell.0 == tag {
                cell.1 += amount;
                return;
            }
            if cell.0 >> 32 != u64::from(self.round) {
                if self.used.len() * 4 < (mask + 1) * 3 {
                    *cell = (tag, amount);
                    self.used.push(place as u32);
                }
                return;
            }
            place = (place + 1) & mask;
        }
    }

    /// The `limit` largest sums into `best`, largest first; of equal ones the newest (largest key) first.
    pub(crate) fn best(&self, limit: usize, best: &mut Vec<(u32, f32)>) {
        best.clear();
        best.extend(self.used.iter().map(|&place| {
            let (tag, sum) = self.cells[place as usize];
            (tag as u32, sum)
        }));
        let order = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0));
        if best.len() > limit && limit > 0 {
            best.select_nth_unstable_by(limit - 1, order);
        }
        best.truncate(limit);
        best.sort_unstable_by(order);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sums_like_a_map(rounds in prop::collection::vec(prop::collection::vec((0..50_u32, 1..5_u8), 0..100), 1..4)) {
            let mut tally = Tally::default();
            for adds in rounds {
                tally.begin(50);
                let mut map = BTreeMap::<u32, f32>::new();
                for (key, amount) in adds {
                    tally.add(key * 1_000_003, f32::from(amount));
                    *map.entry(key * 1_000_003).or_default() += f32::from(amount);
                }
                let mut expected: Vec<_> = map.into_iter().collect();
                expected.sort_by(|a, b| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0)));
                expected.truncate(10);
                let mut best = Vec::new();
                tally.best(10, &mut best);
                prop_assert_eq!(best, expected);
            }
        }
    }
}
