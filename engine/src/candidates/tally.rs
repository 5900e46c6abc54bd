use crate::store::select_best;

const EMPTY: (u64, [f32; 2]) = (0, [0.0; 2]);

/// Pairs of sums under sparse 32-bit keys, cleared in O(1): an open-addressing table whose cells carry the round they
/// were written in. A hash map would allocate and re-hash at each request; a dense vector over ten million visits would
/// miss the cache at each step.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// (round << 32 | key, sums); round 0 is never current.
    cells: Vec<(u64, [f32; 2])>,
    round: u32,
    used: Vec<u32>,
}

impl Tally {
    /// Forgets everything and makes room for `keys` different keys.
    pub(crate) fn begin(&mut self, keys: usize) {
        let room = (keys.max(8) * 2).next_power_of_two();
        if self.cells.len() < room {
            self.cells = vec![EMPTY; room];
            self.round = 0;
        }
        self.used.clear();
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.cells.fill(EMPTY);
            self.round = 1;
        }
    }

    /// Adds to the sums under `key`. Keys beyond the room of `begin` are not taken in.
    pub(crate) fn add(&mut self, key: u32, amounts: [f32; 2]) {
        let mask = self.cells.len() - 1;
        let tag = u64::from(self.round) << 32 | u64::from(key);
        // Fibonacci hashing: consecutive visit numbers spread over the table.
        let mut place = (key.wrapping_mul(0x9E37_79B9) as usize) & mask;
        loop {
            let cell = &mut self.cells[place];
            if cell.0 == tag {
                cell.1[0] += amounts[0];
                cell.1[1] += amounts[1];
                return;
            }
            if cell.0 >> 32 != u64::from(self.round) {
                if self.used.len() * 4 < (mask + 1) * 3 {
                    *cell = (tag, amounts);
                    self.used.push(place as u32);
                }
                return;
            }
            place = (place + 1) & mask;
        }
    }

    /// The `limit` largest of the first or second sums into `best`, in no particular order; of equal ones the newest
    /// (largest key).
    pub(crate) fn best(&self, sum: usize, limit: usize, best: &mut Vec<(u32, f32)>) {
        best.clear();
        best.extend(self.used.iter().map(|&place| {
            let (tag, sums) = self.cells[place as usize];
            (!(tag as u32), sums[sum])
        }));
        select_best(best, limit);
        best.iter_mut().for_each(|entry| entry.0 = !entry.0);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sums_like_two_maps(rounds in prop::collection::vec(prop::collection::vec((0..50_u32, 1..5_u8), 0..100), 1..4)) {
            let mut tally = Tally::default();
            for adds in rounds {
                tally.begin(50);
                let mut maps = [BTreeMap::<u32, f32>::new(), BTreeMap::new()];
                for (key, amount) in adds {
                    let amounts = [f32::from(amount), f32::from(5 - amount)];
                    tally.add(key * 1_000_003, amounts);
                    for (map, amount) in maps.iter_mut().zip(amounts) {
                        *map.entry(key * 1_000_003).or_default() += amount;
                    }
                }
                for (sum, map) in maps.into_iter().enumerate() {
                    let mut expected: Vec<_> = map.into_iter().collect();
                    expected.sort_by(|a, b| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0)));
                    expected.truncate(10);
                    let mut best = Vec::new();
                    tally.best(sum, 10, &mut best);
                    best.sort_by(|a, b| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0)));
                    prop_assert_eq!(best, expected);
                }
            }
        }
    }
}
