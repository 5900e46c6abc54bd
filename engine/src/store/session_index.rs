//! The index of past and present visits behind session-kNN: which visits held an item, and what else they held.
//!
//! Visits are numbered; the newest `max_sessions` are kept, in a ring. Their items lie in one arena, in blocks of a few
//! sizes, so that ten million visits take some 50 bytes each. A visit that is still going on is extended in place.

use std::slice::from_ref;

use serde::{Deserialize, Serialize};

use super::ItemIx;
use super::fetch::{fetch, lines, prefetch};
use crate::nouns::{SECOND_MS, Timestamp};
use crate::settings::IndexSettings;

/// Sizes of blocks in the arena, in items: 2, 4, 8, ... 256.
const CLASSES: usize = 8;
/// Items in a line of memory. A block that is not longer lies in one line, a longer one begins with one, so that reading a
/// visit costs no line more than it must. (As far as the allocator gives so large a thing whole pages, as all do.)
const LINE: usize = 16;
/// Items by which the arena grows at least.
const LEAST_GROWTH: usize = 1 << 16;
/// Items kept per visit at most, whatever the settings say: the largest block.
pub(crate) const MAX_VISIT_ITEMS: usize = 2 << (CLASSES - 1);

/// Where a visit's items lie.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Slot {
    start: u32,
    len: u16,
    class: u8,
    /// Newest touch, seconds since 1970; good until 2106.
    at_s: u32,
}

/// Where a visit lies in its index; good until the index changes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Located {
    start: u32,
    len: u16,
    /// Newest touch, seconds since 1970.
    pub(crate) at_s: u32,
}

/// Tells where visits lie; made once for many of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finder<'a> {
    slots: &'a [Slot],
    /// The low bits of the next visit's number, and its place.
    next: u32,
    head: usize,
}

impl Located {
    /// How many items the visit holds.
    pub(crate) fn len(&self) -> usize {
        usize::from(self.len)
    }
}

impl Finder<'_> {
    /// Where the visit named by the low bits of its number lies; `None` if it has left.
    pub(crate) fn locate(&self, low: u32) -> Option<Located> {
        self.place(low).map(|place| self.at(place))
    }

    /// Where the visit of this place lies.
    pub(crate) fn at(&self, place: u32) -> Located {
        let Slot { start, len, at_s, .. } = self.slots[place as usize];
        Located { start, len, at_s }
    }

    /// Has what tells where the visits of these places lie fetched, see [`prefetch`].
    pub(crate) fn prefetch(&self, places: impl Iterator<Item = u32>) {
        prefetch(places.map(|place| from_ref(&self.slots[place as usize])));
    }

    /// The place of the visit named by the low bits of its number; `None` if it has left.
    pub(crate) fn place(&self, low: u32) -> Option<u32> {
        let age = self.next.wrapping_sub(low) as usize;
        if age == 0 || age > self.slots.len() {
            return None;
        }
        // Its number modulo the ring's length, without a division for each of hundreds of visits.
        Some(self.head.checked_sub(age).unwrap_or(self.head + self.slots.len() - age) as u32)
    }
}

/// The newest visits that held an item: a ring of the low 32 bits of their numbers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Postings {
    ring: Vec<u32>,
    /// Where the next one goes once the ring is full.
    head: u32,
}

/// The newest visits that held an item.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Newest<'a>([&'a [u32]; 2]);

impl<'a> Newest<'a> {
    pub(crate) fn len(&self) -> usize {
        self.0[0].len() + self.0[1].len()
    }

    /// From the last of the first half to its first, then likewise of the second half: the newest first.
    pub(crate) fn halves(&self) -> [&'a [u32]; 2] {
        self.0
    }

    /// The newest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &'a u32> + use<'a> {
        self.0[0].iter().rev().chain(self.0[1].iter().rev())
    }
}

/// See the [module](self).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SessionIndex {
    /// Number of the next visit.
    next: u64,
    slots: Vec<Slot>,
    arena: Vec<ItemIx>,
    /// Starts of free blocks, per size.
    free: [Vec<u32>; CLASSES],
    postings: Vec<Postings>,
    /// Visits ever posted, per item: apart from the postings, since they are looked up for hundreds of items at a time.
    totals: Vec<u32>,
}

impl SessionIndex {
    /// Visits in the index.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Visits ever indexed.
    pub(crate) fn total(&self) -> u64 {
        self.next
    }

    /// Visits ever indexed that held the item.
    pub(crate) fn total_of(&self, ix: ItemIx) -> u32 {
        self.totals.get(ix as usize).copied().unwrap_or_default()
    }

    /// Adds `item` to the visit numbered `serial` (to a new one if `None` or if that has left), as its latest item, and
    /// returns the visit's number.
    pub(crate) fn add(&mut self, serial: Option<u64>, item: ItemIx, at: Timestamp, settings: &IndexSettings) -> u64 {
        let max = settings.max_sessions.max(1);
        let serial = serial.filter(|&serial| self.holds(serial)).unwrap_or_else(|| self.begin(max));
        let place = (serial % self.slots.len() as u64) as usize;
        let slot = &mut self.slots[place];
        slot.at_s = slot.at_s.max(at.0.div_euclid(SECOND_MS).clamp(0, i64::from(u32::MAX)) as u32);
        let (start, len) = (slot.start as usize, slot.len as usize);
        let items = &mut self.arena[start..start + len];
        if let Some(at) = items.iter().position(|&other| other == item) {
            items[at..].rotate_left(1);
        } else if len >= settings.max_items.clamp(1, MAX_VISIT_ITEMS) {
            items.rotate_left(1);
            items[len - 1] = item;
            self.post(item, serial, settings);
        } else {
            self.push(place, item);
            self.post(item, serial, settings);
        }
        serial
    }

    /// The newest visits that held the item, newest first, by the low bits of their numbers; some may have left.
    pub(crate) fn newest(&self, ix: ItemIx) -> Newest<'_> {
        let (older, newer) = match self.postings.get(ix as usize) {
            Some(postings) => postings.ring.split_at(postings.head as usize),
            None => (&[][..], &[][..]),
        };
        // Once full, what stands before the head is newer than what stands after it.
        Newest([older, newer])
    }

    /// Has the newest visits of these items fetched, see [`fetch`]: first where each item's lie, then what lies there.
    pub(crate) fn fetch_newest(&self, items: impl Iterator<Item = ItemIx> + Clone) {
        fetch(items.clone().map(|ix| self.newest(ix).len() as u32));
        fetch(items.map(|ix| {
            let [newer, older] = self.newest(ix).halves();
            lines(newer, u32::from) ^ lines(older, u32::from)
        }));
    }

    /// Items of a visit named by the low bits of its number, oldest first, and its newest instant in seconds; `None`
    /// if it has left.
    pub(crate) fn visit(&self, low: u32) -> Option<(&[ItemIx], u32)> {
        self.finder().locate(low).map(|located| (self.items(located), located.at_s))
    }

    /// For whoever looks at many visits: finding out first where all of them lie, then fetching what lies there lets
    /// the processor wait for many cells of memory at once instead of for one after the other.
    pub(crate) fn finder(&self) -> Finder<'_> {
        let slots = self.slots.len();
        Finder { slots: &self.slots, next: self.next as u32, head: (self.next % slots.max(1) as u64) as usize }
    }

    /// The items of a located visit, oldest first.
    pub(crate) fn items(&self, located: Located) -> &[ItemIx] {
        let start = located.start as usize;
        &self.arena[start..start + located.len as usize]
    }

    /// Has the items of located visits fetched, see [`prefetch`].
    pub(crate) fn prefetch_items(&self, visits: impl Iterator<Item = Located>) {
        prefetch(visits.map(|visit| self.items(visit)));
    }

    fn holds(&self, serial: u64) -> bool {
        serial < self.next && self.next - serial <= self.slots.len() as u64
    }

    fn begin(&mut self, max: usize) -> u64 {
        let serial = self.next;
        self.next += 1;
        if self.slots.len() < max && serial == self.slots.len() as u64 {
            self.slots.push(Slot::default());
        } else {
            let place = (serial % self.slots.len() as u64) as usize;
            self.release(place);
        }
        let place = (serial % self.slots.len() as u64) as usize;
        let start = self.allocate(0);
        self.slots[place] = Slot { start, len: 0, class: 0, at_s: 0 };
        serial
    }

    fn release(&mut self, place: usize) {
        let slot = self.slots[place];
        self.free[slot.class as usize].push(slot.start);
    }

    fn allocate(&mut self, class: usize) -> u32 {
        self.free[class].pop().unwrap_or_else(|| {
            let size = 2 << class;
            let mut gap = self.arena.len();
            let start = gap.next_multiple_of(size.min(LINE));
            // Grow by an eighth, not by doubling: the arena is the largest single allocation there is.
            if self.arena.capacity() < start + size {
                self.arena.reserve_exact((start / 8).max(LEAST_GROWTH));
            }
            self.arena.resize(start + size, 0);
            // What is left out goes to the smaller blocks that fit, each at a multiple of its own size.
            while gap < start {
                let class = gap.trailing_zeros() as usize - 1;
                self.free[class].push(gap as u32);
                gap += 2 << class;
            }
            start as u32
        })
    }

    fn push(&mut self, place: usize, item: ItemIx) {
        let slot = self.slots[place];
        let (len, class) = (slot.len as usize, slot.class as usize);
        if len == 2 << class {
            let start = self.allocate(class + 1);
            let from = slot.start as usize;
            self.arena.copy_within(from..from + len, start as usize);
            self.free[class].push(slot.start);
            self.slots[place].start = start;
            self.slots[place].class += 1;
        }
        let start = self.slots[place].start as usize;
        self.arena[start + len] = item;
        self.slots[place].len += 1;
    }

    fn post(&mut self, item: ItemIx, serial: u64, settings: &IndexSettings) {
        if self.postings.len() <= item as usize {
            self.postings.resize_with(item as usize + 1, Postings::default);
            self.totals.resize(item as usize + 1, 0);
        }
        let postings = &mut self.postings[item as usize];
        let total = &mut self.totals[item as usize];
        *total = total.saturating_add(1);
        let low = serial as u32;
        if postings.ring.len() < settings.postings_per_item.max(1) {
            // In order again, should the limit have been raised after the ring had turned.
            postings.ring.rotate_left(postings.head as usize);
            let len = postings.ring.len();
            if len == postings.ring.capacity() {
                // By a quarter: most items have fewer visits than the limit, and doubling would reserve for all of them.
                let room = settings.postings_per_item.max(1) - len;
                postings.ring.reserve_exact((len / 4).max(4).min(room));
            }
            postings.ring.push(low);
            postings.head = postings.ring.len() as u32;
        } else {
            let head = postings.head as usize % postings.ring.len();
            postings.ring[head] = low;
            postings.head = head as u32 + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::settings::Settings;

    fn small() -> IndexSettings {
        IndexSettings { max_sessions: 5, max_items: 4, postings_per_item: 3 }
    }

    fn items(index: &SessionIndex, serial: u64) -> Option<Vec<ItemIx>> {
        index.visit(serial as u32).map(|(items, _)| items.to_vec())
    }

    #[test]
    fn a_visit_keeps_distinct_items_latest_last() {
        let settings = Settings::default().index;
        let mut index = SessionIndex::default();
        let mut serial = None;
        for item in [3, 1, 2, 3, 4, 5] {
            serial = Some(index.add(serial, item, Timestamp(0), &settings));
        }
        assert_eq!(items(&index, 0), Some(vec![1, 2, 3, 4, 5]));
        assert_eq!(index.newest(3).iter().collect::<Vec<_>>(), [&0]);
    }

    #[test]
    fn the_newest_visits_of_an_item_come_newest_first() {
        let mut index = SessionIndex::default();
        for _ in 0..5 {
            index.add(None, 9, Timestamp(0), &small());
        }
        assert_eq!(index.newest(9).iter().collect::<Vec<_>>(), [&4, &3, &2]);
        assert_eq!(index.total_of(9), 5);
    }

    #[test]
    fn no_block_takes_more_lines_than_it_must_and_no_room_is_lost() {
        let settings = IndexSettings { max_sessions: 64, ..Settings::default().index };
        let mut index = SessionIndex::default();
        for visit in 0..400_u32 {
            let mut serial = None;
            for item in 0..1 + visit * 7 % 23 {
                serial = Some(index.add(serial, item, Timestamp(0), &settings));
            }
        }
        let of_visits = index.slots.iter().map(|slot| (slot.start as usize, 2 << slot.class));
        let free = index.free.iter().enumerate();
        let free = free.flat_map(|(class, starts)| starts.iter().map(move |&start| (start as usize, 2 << class)));
        let mut blocks: Vec<(usize, usize)> = of_visits.chain(free).collect();
        blocks.sort_unstable();
        for (start, size) in &blocks {
            assert_eq!(start % size.min(&LINE), 0);
        }
        // One right after the other, to the end.
        let end = blocks.iter().fold(0, |end, &(start, size)| if start == end { start + size } else { usize::MAX });
        assert_eq!(end, index.arena.len());
    }

    proptest! {
        #[test]
        fn the_ring_holds_exactly_the_newest_visits(ops in prop::collection::vec((any::<bool>(), 0..8_u32), 1..200)) {
            let mut index = SessionIndex::default();
            let mut visits: Vec<Vec<ItemIx>> = Vec::new();
            let mut last = None;
            for (new, item) in ops {
                let serial = index.add(if new { None } else { last }, item, Timestamp(0), &small());
                if serial as usize == visits.len() {
                    visits.push(Vec::new());
                }
                let visit = &mut visits[serial as usize];
                visit.retain(|&other| other != item);
                visit.push(item);
                if visit.len() > 4 {
                    visit.remove(0);
                }
                last = Some(serial);
                let gone = visits.len().saturating_sub(5);
                for (serial, visit) in visits.iter().enumerate() {
                    let expected = (serial >= gone).then(|| visit.clone());
                    prop_assert_eq!(items(&index, serial as u64), expected);
                }
            }
        }
    }
}
