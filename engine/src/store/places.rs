/// Bits of a cell that say where the value stands; the others hold as many bits of its key's hash.
const PLACE_BITS: u32 = 32;
const LEAST_CELLS: usize = 16;
const EMPTY: u64 = u64::MAX;

/// Where the values of keys stand: an open-addressing table that does not hold the keys. Whoever looks for a key reads
/// its value next, and the key beside it; holding it here as well would double the memory for nothing.
///
/// Half of a cell is a part of the key's hash, so that keys are nearly never compared in vain.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    cells: Vec<u64>,
    len: usize,
}

impl Places {
    /// The place of the key of that hash, of which `is_it` holds.
    pub(super) fn get(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        self.find(hash, is_it).map(|at| self.cells[at] as u32)
    }

    /// Takes in a key that is not there yet. No place is `u32::MAX`.
    pub(super) fn insert(&mut self, hash: u64, place: u32) {
        if (self.len + 1) * 4 > self.cells.len() * 3 {
            self.grow();
        }
        self.put(cell(hash, place));
        self.len += 1;
    }

    /// The value of a key has moved.
    pub(super) fn set(&mut self, hash: u64, before: u32, place: u32) {
        if let Some(at) = self.find(hash, |other| other == before) {
            self.cells[at] = cell(hash, place);
        }
    }

    /// Takes out the key whose value stands there.
    pub(super) fn remove(&mut self, hash: u64, place: u32) {
        let Some(mut hole) = self.find(hash, |other| other == place) else { return };
        self.len -= 1;
        let mask = self.cells.len() - 1;
        let mut at = hole;
        // What stands behind the hole moves up as far as its own beginning allows, so that no search ends too early.
        loop {
            at = (at + 1) & mask;
            let cell = self.cells[at];
            if cell == EMPTY {
                break;
            }
            let begin = begin(cell, mask);
            if (at.wrapping_sub(begin) & mask) >= (at.wrapping_sub(hole) & mask) {
                self.cells[hole] = cell;
                hole = at;
            }
        }
        self.cells[hole] = EMPTY;
    }

    fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<usize> {
        let mask = self.cells.len().checked_sub(1)?;
        let part = hash >> PLACE_BITS;
        let mut at = begin(hash, mask);
        loop {
            let cell = self.cells[at];
            if cell == EMPTY {
                return None;
            }
            if cell >> PLACE_BITS == part && is_it(cell as u32) {
                return Some(at);
            }
            at = (at + 1) & mask;
        }
    }

    fn put(&mut self, cell: u64) {
        let mask = self.cells.len() - 1;
        let mut at = begin(cell, mask);
        while self.cells[at] != EMPTY {
            at = (at + 1) & mask;
        }
        self.cells[at] = cell;
    }

    fn grow(&mut self) {
        let cells = std::mem::take(&mut self.cells);
        self.cells = vec![EMPTY; (cells.len() * 2).max(LEAST_CELLS)];
        cells.into_iter().filter(|&cell| cell != EMPTY).for_each(|cell| self.put(cell));
    }
}

fn cell(hash: u64, place: u32) -> u64 {
    hash >> PLACE_BITS << PLACE_BITS | u64::from(place)
}

/// Where the search for a hash, or for the part of it in a cell, begins.
fn begin(hash: u64, mask: usize) -> usize {
    (hash >> PLACE_BITS) as usize & mask
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_like_a_map(ops in prop::collection::vec((0..40_u64, 0..3_u8), 0..300)) {
            let mut places = Places::default();
            let mut map: BTreeMap<u64, u32> = BTreeMap::new();
            // Hashes that meet in their cells, and some in the whole part that is kept.
            let hash = |key: u64| (key % 9) << 60 | (key % 13) << 32;
            for (next, (key, op)) in (0_u32..).zip(ops) {
                match (map.get(&key).copied(), op) {
                    (None, 0 | 1) => {
                        places.insert(hash(key), next);
                        map.insert(key, next);
                    }
                    (Some(place), 1) => {
                        places.set(hash(key), place, next);
                        map.insert(key, next);
                    }
                    (Some(place), 2) => {
                        places.remove(hash(key), place);
                        map.remove(&key);
                    }
                    _ => {}
                }
                for key in 0..40 {
                    let expected = map.get(&key).copied();
                    prop_assert_eq!(places.get(hash(key), |place| Some(place) == expected), expected);
                }
                prop_assert_eq!(places.len, map.len());
            }
        }
    }
}
