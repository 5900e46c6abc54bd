/// Numbers that have sums at most, as many as a cell can tell apart: more than the sources of one request ever touch. Others
/// are not taken in.
const MAX_ENTRIES: usize = 1 << u16::BITS;
/// The number of an entry that is not in use.
const NOBODY: u32 = u32::MAX;

/// Sums under dense numbers, `N` under each, cleared without a walk over all numbers. The sums lie side by side in order of
/// first mention; a small cell per number says where, and counts only if the entry there is of that number (a sparse set:
/// Briggs and Torczon, 1993). So a hundred thousand items have cells in the second nearest cache, and what walks the sums
/// reads them in order.
#[derive(Debug, Default)]
pub(super) struct Sums<const N: usize> {
    cells: Vec<u16>,
    /// How many of the entries are in use.
    len: usize,
    /// [`NOBODY`]'s, and 0, beyond `len`. At least one as soon as there are cells.
    entries: Vec<(u32, [f32; N])>,
}

impl<const N: usize> Sums<N> {
    /// Forgets everything and makes room for numbers below `len`.
    pub(super) fn begin(&mut self, len: usize) {
        if self.cells.len() < len {
            self.cells.resize(len, 0);
        }
        self.entries[..self.len].fill((NOBODY, [0.0; N]));
        self.len = 0;
        self.room(1);
    }

    /// Adds to the sums of a number, which are 0 if it was not mentioned before. It must be below the `len` of `begin`.
    pub(super) fn add(&mut self, number: u32, amounts: [f32; N]) {
        self.add_all([(number, amounts)].into_iter());
    }

    /// Adds to the sums of some numbers, see [`Sums::add`].
    pub(super) fn add_all(&mut self, amounts: impl ExactSizeIterator<Item = (u32, [f32; N])>) {
        let mut room = self.room(amounts.len());
        for (number, amounts) in amounts {
            let place = room.mention(number);
            if let Some((_, sums)) = room.entries.get_mut(place) {
                add(sums, amounts);
            }
        }
        self.len = room.len;
    }

    /// Tells where the sums of some numbers stand, which are below the `len` of `begin`: at first mention after those of all
    /// others. `told` gets the place of each number among the given ones, then that of its sums.
    #[inline(always)]
    pub(super) fn mention(&mut self, numbers: &[u32], mut told: impl FnMut(usize, usize)) {
        let mut room = self.room(numbers.len());
        // A plain loop, which keeps all it works with in registers; one over an iterator's `for_each` was not inlined.
        for (at, &number) in numbers.iter().enumerate() {
            told(at, room.mention(number));
        }
        self.len = room.len;
    }

    /// Room for so many more entries, as far as there is any.
    fn room(&mut self, more: usize) -> Room<'_, N> {
        let least = (self.len + more).min(MAX_ENTRIES);
        if self.entries.len() < least {
            self.entries.resize(least.max(self.entries.len() * 2).min(MAX_ENTRIES), (NOBODY, [0.0; N]));
        }
        Room { cells: &mut self.cells, len: self.len, entries: &mut self.entries }
    }

    /// Adds to the sums at a place told by [`Sums::mention`].
    pub(super) fn add_at(&mut self, place: usize, amounts: [f32; N]) {
        if let Some((_, sums)) = self.entries.get_mut(place) {
            add(sums, amounts);
        }
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
        let place = usize::from(*self.cells.get(number as usize)?);
        (self.entries[place].0 == number).then_some(place)
    }
}

/// Sums while some numbers are mentioned, one right after the other.
struct Room<'a, const N: usize> {
    cells: &'a mut [u16],
    len: usize,
    entries: &'a mut [(u32, [f32; N])],
}

impl<const N: usize> Room<'_, N> {
    /// The place of a number's entry; that beyond the last if there is no room for it.
    ///
    /// Whether a number was mentioned before is as good as random to the processor, so nothing branches on it.
    #[inline(always)]
    fn mention(&mut self, number: u32) -> usize {
        let cell = &mut self.cells[number as usize];
        let told = usize::from(*cell);
        let is_known = self.entries[told].0 == number;
        let place = if is_known { told } else { self.len };
        // Beyond the entries is only what there is no room for.
        if let Some(entry) = self.entries.get_mut(place) {
            *cell = place as u16;
            entry.0 = number;
            self.len += usize::from(!is_known);
        }
        place
    }
}

fn add<const N: usize>(sums: &mut [f32; N], amounts: [f32; N]) {
    sums.iter_mut().zip(amounts).for_each(|(sum, amount)| *sum += amount);
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
        sums.add(2, [1.0, 1.0]);
        assert_eq!((sums.get(2), sums.get(3)), (Some(&[1.0, 1.0]), None));
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
