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
    /// Entries in use, and how many there may be.
    len: usize,
    most: usize,
    entries: Vec<(u32, [f32; 2])>,
    /// Room to find the largest sums in.
    ranked: Vec<u64>,
}

impl Tally {
    /// Forgets everything and makes room for `keys` different keys.
    pub(super) fn begin(&mut self, keys: usize) {
        let keys = keys.min(1 << PLACE_BITS);
        // Half of the cells stay empty, so that every search ends.
        let room = (keys * 2).next_power_of_two().max(LEAST_CELLS);
        self.mask = room - 1;
        (self.len, self.most) = (0, keys);
        if self.entries.len() < keys {
            self.entries.resize(keys, (0, [0.0; 2]));
        }
        self.round += 1;
        if self.cells.len() < room {
            self.cells = vec![0; room];
            self.round = 1;
        } else if self.round > MAX_ROUND {
            self.cells.fill(0);
            self.round = 1;
        }
    }

    /// Adds to the sums under each of the keys of all `lists`, from the last key of a list to the first, but not under
    /// `except`. Keys beyond the room of `begin` are not taken in.
    pub(super) fn add_all(&mut self, lists: [&[u32]; 2], except: Option<u32>, amounts: [f32; 2]) {
        let (mask, round) = (self.mask, self.round);
        // What all keys need at hand, not behind `self`: this is the innermost loop of finding neighbours.
        let (cells, entries, mut len) = (&mut self.cells[..=mask], &mut self.entries[..self.most], self.len);
        let except = except.map_or(u64::MAX, u64::from);
        for list in lists {
            for &key in list.iter().rev().filter(|&&key| u64::from(key) != except) {
                // Fibonacci hashing: consecutive visit numbers spread over the table.
                let mut place = (key.wrapping_mul(0x9E37_79B9) >> 7) as usize & mask;
                loop {
                    let cell = cells[place];
                    if cell >> (32 + PLACE_BITS) != u64::from(round) {
                        if let Some(entry) = entries.get_mut(len) {
                            *entry = (key, amounts);
                            cells[place] = u64::from(round << PLACE_BITS | len as u32) << 32 | u64::from(key);
                            len += 1;
                        }
                        break;
                    }
                    if cell as u32 == key {
                        let sums = &mut entries[(cell >> 32) as usize & ((1 << PLACE_BITS) - 1)].1;
                        *sums = [sums[0] + amounts[0], sums[1] + amounts[1]];
                        break;
                    }
                    place = (place + 1) & mask;
                }
            }
        }
        self.len = len;
    }

    /// Keys and their sums, in order of first mention.
    pub(super) fn entries(&self) -> &[(u32, [f32; 2])] {
        &self.entries[..self.len]
    }

    /// Forgets what has neither a first sum of the first of these nor a second one of the second. No more is to be added
    /// then.
    pub(super) fn keep(&mut self, least: [f32; 2]) {
        let mut kept = 0;
        // Each is written, and stays if it is large enough: which ones are is as good as random to the processor.
        for place in 0..self.len {
            let entry = self.entries[place];
            self.entries[kept] = entry;
            kept += usize::from(entry.1[0] >= least[0] || entry.1[1] >= least[1]);
        }
        self.len = kept;
    }

    /// The standing that the `limit` largest of the first or second sums have at least; 0 where there are not more. Of
    /// equal sums those of larger keys (newer visits) are the larger ones.
    pub(super) fn bar(&mut self, sum: usize, limit: usize) -> u64 {
        if self.len <= limit {
            return 0;
        }
        if limit == 0 {
            return u64::MAX;
        }
        self.ranked.clear();
        self.ranked.extend(self.entries[..self.len].iter().map(|&(key, sums)| standing(key, sums[sum])));
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

    const EXCEPT: u32 = u32::MAX;

    /// What so many of the sums reach, and possibly more of them; 0 if there are not so many.
    fn reached(tally: &Tally, sum: usize, many: usize) -> f32 {
        let mut sums: Vec<f32> = tally.entries().iter().map(|entry| entry.1[sum]).collect();
        sums.sort_by(|a, b| b.total_cmp(a));
        sums.get(many - 1).copied().unwrap_or_default()
    }

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
                    tally.add_all([&[key * 1_000_003, EXCEPT], &[]], Some(EXCEPT), amounts);
                    for (map, amount) in maps.iter_mut().zip(amounts) {
                        *map.entry(key * 1_000_003).or_default() += amount;
                    }
                }
                let maps = maps.map(|map| {
                    let mut expected: Vec<_> = map.into_iter().collect();
                    expected.sort_by(|a, b| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0)));
                    expected.truncate(10);
                    expected
                });
                prop_assert_eq!([0, 1].map(|sum| best(&mut tally, sum, 10)), maps.clone());
                tally.keep([reached(&tally, 0, 10), reached(&tally, 1, 12)]);
                prop_assert_eq!([0, 1].map(|sum| best(&mut tally, sum, 10)), maps);
            }
        }
    }
}
