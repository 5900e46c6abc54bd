/// Bits of a cell that say where the entry stands; the others hold the stamp.
const PLACE_BITS: u32 = 16;
/// Numbers that have sums at most: more than the sources of one request ever touch. Others are not taken in.
const MAX_ENTRIES: usize = 1 << PLACE_BITS;
/// Entries that there is room for at first.
const LEAST_ENTRIES: usize = 1 << 10;

/// Sums under dense numbers, `N` under each, cleared in O(1). The sums lie side by side in order of first mention; a small
/// cell per number says where, and counts only if its stamp is the current one. So a hundred thousand items have cells in
/// the second nearest cache, and what walks the sums reads them in order.
#[derive(Debug, Default)]
pub(super) struct Sums<const N: usize> {
    stamp: u32,
    cells: Vec<u32>,
    /// How many of the entries are in use.
    len: usize,
    /// All 0 beyond `len`, and at least one more than that.
    entries: Vec<(u32, [f32; N])>,
}

impl<const N: usize> Sums<N> {
    /// Forgets everything and makes room for numbers below `len`.
    pub(super) fn begin(&mut self, len: usize) {
        if self.cells.len() < len {
            self.cells.resize(len, 0);
        }
        self.entries[..self.len].fill((0, [0.0; N]));
        self.entries.resize(self.entries.len().max(LEAST_ENTRIES), (0, [0.0; N]));
        self.len = 0;
        self.stamp += 1;
        if self.stamp == 1 << (u32::BITS - PLACE_BITS) {
            // Old stamps would look new.
            self.cells.fill(0);
            self.stamp = 1;
        }
    }

    /// Adds to the sums of a number, which are 0 if it was not mentioned before. It must be below the `len` of `begin`.
    pub(super) fn add(&mut self, number: u32, amounts: [f32; N]) {
        let place = self.mention(number);
        self.add_at(place, amounts);
    }

    /// Where the sums of a number stand, which is below the `len` of `begin`: at first mention after those of all others.
    /// Whether it was mentioned before is as good as random to the processor, so nothing branches on it.
    pub(super) fn mention(&mut self, number: u32) -> usize {
        if self.len + 1 >= self.entries.len() {
            self.grow();
        }
        let cell = &mut self.cells[number as usize];
        let is_known = *cell >> PLACE_BITS == self.stamp;
        let place = if is_known { *cell as usize % MAX_ENTRIES } else { self.len };
        if place == MAX_ENTRIES {
            return place;
        }
        *cell = self.stamp << PLACE_BITS | place as u32;
        self.entries[place].0 = number;
        self.len += usize::from(!is_known);
        place
    }

    /// Adds to the sums at a place told by [`Sums::mention`].
    pub(super) fn add_at(&mut self, place: usize, amounts: [f32; N]) {
        let sums = &mut self.entries[place].1;
        sums.iter_mut().zip(amounts).for_each(|(sum, amount)| *sum += amount);
    }

    /// The sums of a number, `None` if it was not mentioned.
    pub(super) fn get(&self, number: u32) -> Option<&[f32; N]> {
        self.place(number).map(|place| &self.entries[place].1)
    }

    /// Sets the sums of a number back to 0, if it was mentioned.
    pub(super) fn clear(&mut self, number: u32) {
        if let Some(place) = self.place(number) {
            self.entries[place].1 = [0.0; N];
        }
    }

    /// Numbers and their sums, in order of first mention.
    pub(super) fn entries(&self) -> &[(u32, [f32; N])] {
        &self.entries[..self.len]
    }

    fn place(&self, number: u32) -> Option<usize> {
        let cell = *self.cells.get(number as usize)?;
        (self.stamp > 0 && cell >> PLACE_BITS == self.stamp).then_some(cell as usize % MAX_ENTRIES)
    }

    #[cold]
    fn grow(&mut self) {
        // The one beyond the most takes in what there is no room for.
        let room = (self.entries.len() * 2).clamp(LEAST_ENTRIES, MAX_ENTRIES + 1);
        self.entries.resize(room, (0, [0.0; N]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginning_anew_forgets_everything() {
        let mut sums = Sums::default();
        assert_eq!(sums.get(3), None);
        sums.begin(4);
        sums.add(3, [1.0, 0.0]);
        sums.add(3, [0.5, 2.0]);
        assert_eq!(sums.get(3), Some(&[1.5, 2.0]));
        sums.begin(4);
        assert_eq!(sums.get(3), None);
        sums.stamp = (1 << (u32::BITS - PLACE_BITS)) - 1;
        sums.add(2, [1.0, 1.0]);
        sums.begin(4);
        assert_eq!(sums.get(2), None);
    }

    #[test]
    fn what_there_is_no_room_for_is_not_taken_in() {
        let mut sums = Sums::default();
        sums.begin(MAX_ENTRIES + 9);
        (0..MAX_ENTRIES as u32 + 9).for_each(|number| sums.add(number, [1.0]));
        assert_eq!(sums.entries().len(), MAX_ENTRIES);
        assert_eq!(sums.get(MAX_ENTRIES as u32 - 1), Some(&[1.0]));
        assert_eq!(sums.get(MAX_ENTRIES as u32), None);
    }
}
