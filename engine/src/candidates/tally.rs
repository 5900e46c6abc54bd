/// Numbers of entries that a cell has bits for: a million visits, far more than are ever looked at for one request.
const PLACE_BITS: u32 = 20;
const MAX_ROUND: u32 = (1 << (32 - PLACE_BITS)) - 1;
/// Smallest table.
const LEAST_CELLS: usize = 16;

/// Pairs of sums under sparse 32-bit keys, cleared in O(1). A table of small cells says where the sums of a key stand,
/// which lie side by side, so that a thousand keys fit into the nearest cache and what comes after walks them in order. A
/// hash map would allocate and re-hash at each request; a dense vector over ten million visits would miss the cache at
/// each step.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Open addressing: round, place of the entry, key; from the highest bit down. Round 0 is never current.
    cells: Vec<u64>,
    /// Cells used in this round, less 1: a power of two, less 1.
    mask: usize,
    round: u32,
    entries: Vec<(u32, [f32; 2])>,
    /// Room to find the largest sums in.
    ranked: Vec<u64>,
}

impl Tally {
    /// Forgets everything and makes room for `keys` different keys.
    pub(super) fn begin(&mut self, keys: usize) {
        let keys = keys.min(1 << PLACE_BITS);
        let room = (keys * 2).next_power_of_two().max(LEAST_CELLS);
        self.mask = room - 1;
        self.entries.clear();
        self.entries.reserve(keys);
        self.round += 1;
        if self.cells.len() < room {
            self.cells = vec![0; room];
            self.round = 1;
        } else if self.round > MAX_ROUND {
            self.cells.fill(0);
            self.round = 1;
        }
    }

    /// Adds to the sums under `key`. Keys beyond the room of `begin` are not taken in.
    pub(super) fn add(&mut self, key: u32, amounts: [f32; 2]) {
        // Fibonacci hashing: consecutive visit numbers spread over the table.
        let mut place = (key.wrapping_mul(0x9E37_79B9) >> 7) as usize & self.mask;
        loop {
            let cell = self.cells[place];
            if cell >> (32 + PLACE_BITS) != u64::from(self.round) {
                if self.entries.len() * 4 < (self.mask + 1) * 3 {
                    let entry = u64::from(self.round << PLACE_BITS | self.entries.len() as u32);
                    self.cells[place] = entry << 32 | u64::from(key);
                    self.entries.push((key, amounts));
                }
                return;
            }
            if cell as u32 == key {
                let entry = (cell >> 32) as usize & ((1 << PLACE_BITS) - 1);
                let sums = &mut self.entries[entry].1;
                sums[0] += amounts[0];
                sums[1] += amounts[1];
                return;
            }
            place = (place + 1) & self.mask;
        }
    }

    /// Keys and their sums, in order of first mention.
    pub(super) fn entries(&self) -> &[(u32, [f32; 2])] {
        &self.entries
    }

    /// The standing that the `limit` largest of the first or second sums have at least; 0 where there are not more. Of
    /// equal sums those of larger keys (newer visits) are the larger ones.
    pub(super) fn bar(&mut self, sum: usize, limit: usize) -> u64 {
        if self.entries.len() <= limit {
            return 0;
        }
        if limit == 0 {
            return u64::MAX;
        }
        self.ranked.clear();
        self.ranked.extend(self.entries.iter().map(|&(key, sums)| standing(key, sums[sum])));
        let bar = self.ranked.len() - limit;
        *self.ranked.select_nth_unstable(bar).1
    }
}

/// A sum, which is not negative, and its key as one integer, for nothing compares faster.
pub(super) fn standing(key: u32, sum: f32) -> u64 {
    u64::from(sum.to_bits()) << 32 | u64::from(key)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn best(tally: &mut Tally, sum: usize, limit: usize) -> Vec<(u32, f32)> {
        let bar = tally.bar(sum, limit);
        let sums = tally.entries().iter().map(|&(key, sums)| (key, sums[sum]));
        let mut best: Vec<_> = sums.filter(|&(key, sum)| standing(key, sum) >= bar).collect();
        best.sort_by(|a, b| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0)));
        best
    }

    proptest! {
        #[test]
        fn sums_like_two_maps(
            rounds in prop::collection::vec(prop::collection::vec((0..50_u32, 1..5_u8), 0..100), 1..4),
            skipped in prop::sample::select(vec![0, MAX_ROUND - 2]),
        ) {
            let mut tally = Tally::default();
            tally.begin(50);
            tally.round += skipped;
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
                    prop_assert_eq!(best(&mut tally, sum, 10), expected);
                }
            }
        }
    }
}
