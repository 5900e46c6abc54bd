//! What items are like, learned from the order in which shoppers come to them. Co-visits know only pairs that have
//! met; vectors also bring items near one another that are met in the same company.
//!
//! Each item has a vector. For a visit of items y, the newest first, and the next item x:
//!   h = sum of fade^age v(y),   P(x) = softmax over x and drawn others of scale · cos(h, v(.))
//! (continuous bag of words with sampled softmax: Mikolov et al., 2013; Barkan and Koenigstein, item2vec, 2016; cosines
//! instead of products, so that nothing wins by the length of its vector: Gupta et al., NISER, 2019), stepped by AdaGrad
//! with two rates per vector: as something given and as something wanted. Each new item of a visit is a step, and with it
//! some past visits are gone through again, so that little traffic teaches as much as a second reading of it would. The
//! dice are a function of the number of steps: the same events give the same vectors.

mod arithmetic;

use arithmetic::{DIM, DRAWN, FADE, NO_ROW, REACH, add, length, near, pull, push, vector, vector_mut};
pub(crate) use arithmetic::{Point, Stand, dot};
use serde::{Deserialize, Serialize};

use super::ItemIx;
use super::fetch::{fetch, lines};
use super::session_index::SessionIndex;
use crate::nouns::mixed;
use crate::settings::EmbeddingSettings;

/// One in so many is drawn from all items alike, the rest from what shoppers came to lately.
const ALIKE: u64 = 4;
/// Newest items that shoppers came to, to draw from.
const RECENT: usize = 8_192;
/// Newest visits that are gone through again.
const WINDOW: u64 = 100_000;
/// Where AdaGrad's sums of squares begin.
const CAUTION: f32 = 1e-2;
/// Width of what the numbers of a vector begin with.
const SPREAD: f32 = 0.5;
/// Rehearsals with the first item of a visit, for each that is asked for, one with the second, and none with what comes
/// after: where a visit is short, the rest of its update is cheap.
const FIRST: usize = 2;
/// Fewest rows kept: a step never replaces a row that it works on.
const FEWEST_ROWS: usize = 64;

impl Stand {
    fn of(mut sum: Point) -> Self {
        let length = length(&sum);
        sum.iter_mut().for_each(|number| *number /= length);
        Self { direction: sum, length }
    }
}

/// Bounded: beyond `max_items`, an item that was not met for long gives its row to the newcomer (second chance).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Embeddings {
    /// The row of each item that has one.
    places: Vec<u32>,
    /// The item of each row.
    items: Vec<ItemIx>,
    /// Whether a row was used since the hand last came by.
    used: Vec<bool>,
    hand: u32,
    /// Vectors, row by row.
    vectors: Vec<f32>,
    /// AdaGrad's sums of squares, of a row as something given and as something wanted.
    squares: Vec<[f32; 2]>,
    recent: Vec<ItemIx>,
    /// Where the next of them goes once there are enough.
    head: u32,
    steps: u64,
    evicted: u64,
}

impl Embeddings {
    /// Items that have vectors.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// Items that lost theirs because of the limit.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Where a visit stands: the direction of the sum of its items, the newest above all. `None`: none of them has a
    /// vector.
    pub(crate) fn stand(&self, visit: impl Iterator<Item = (ItemIx, f32)>) -> Option<Stand> {
        let voices = visit.take(REACH).filter_map(|(item, age)| Some((self.row(item)?, FADE.powf(age))));
        let (mut sum, mut is_known) = ([0.0; DIM], false);
        for (row, voice) in voices {
            is_known = true;
            add(&mut sum, vector(&self.vectors, row), voice);
        }
        is_known.then(|| Stand::of(sum))
    }

    /// How much an item is wanted from where a visit stands: a logit, within [`arithmetic::SCALE`] either way; and how near it is to the
    /// one whose vector is `last`, which comes with the square of its length: a cosine. `None`: nothing is known of it.
    pub(crate) fn near(&self, stand: &Stand, last: Option<(&Point, f32)>, item: ItemIx) -> Option<(f32, Option<f32>)> {
        Some(near(stand, last, vector(&self.vectors, self.row(item)?)))
    }

    /// What an item is like.
    pub(crate) fn of(&self, item: ItemIx) -> Option<&Point> {
        Some(vector(&self.vectors, self.row(item)?))
    }

    /// Has the vectors of these items fetched, see [`fetch`].
    pub(crate) fn fetch(&self, items: impl Iterator<Item = ItemIx> + Clone) {
        fetch(items.clone().map(|item| self.row(item).unwrap_or(NO_ROW)));
        let rows = items.filter_map(|item| self.row(item));
        fetch(rows.map(|row| lines(vector(&self.vectors, row), f32::to_bits)));
    }

    /// A visit came to `item`, after the items `before`, the newest first.
    pub(crate) fn learn(
        &mut self,
        before: &[ItemIx],
        item: ItemIx,
        index: &SessionIndex,
        settings: &EmbeddingSettings,
    ) {
        if settings.max_items == 0 {
            return;
        }
        self.remember(item);
        self.step(&before[..before.len().min(REACH)], item, settings);
        for again in 0..settings.rehearsals * FIRST as u32 / (1 + before.len() as u32) {
            let dice = mixed(self.steps ^ u64::from(again) << 48);
            let age = dice % WINDOW.min(index.len() as u64).max(1);
            let Some((visit, _)) = index.visit((index.total() as u32).wrapping_sub(1 + age as u32)) else { continue };
            if visit.len() < 2 {
                continue;
            }
            let next = 1 + (dice >> 32) as usize % (visit.len() - 1);
            let mut before = [0; REACH];
            let known = visit[..next].iter().rev().take(REACH);
            let known = before.iter_mut().zip(known).map(|(to, &from)| *to = from).count();
            self.step(&before[..known], visit[next], settings);
        }
    }

    fn remember(&mut self, item: ItemIx) {
        if self.recent.len() < RECENT {
            self.recent.push(item);
        } else {
            self.recent[self.head as usize] = item;
            self.head = (self.head + 1) % RECENT as u32;
        }
    }

    /// One step: what was wanted is drawn towards where the visit stood, the others are pushed away.
    fn step(&mut self, before: &[ItemIx], item: ItemIx, settings: &EmbeddingSettings) {
        self.steps += 1;
        for &known in before.iter().chain([&item]) {
            self.give_row(known, before, settings.max_items.max(FEWEST_ROWS));
        }
        let Some(target) = self.row(item).filter(|_| !before.is_empty()) else { return };
        let mut rows = [target; 1 + DRAWN];
        let drawn = self.draw(before, item, &mut rows);
        let rows = &rows[..drawn];
        self.fetch_rows(before.iter().filter_map(|&known| self.row(known)).chain(rows.iter().copied()));
        let aged = |(age, &known): (usize, &ItemIx)| (known, age as f32);
        let Some(stand) = self.stand(before.iter().enumerate().map(aged)) else { return };
        let (vectors, squares) = (&mut self.vectors, &mut self.squares);
        let slope = push(vectors, squares, &stand, rows, settings.rate);
        let before = before.iter().map(|&known| self.places.get(known as usize).copied().unwrap_or(NO_ROW));
        let mut given = [NO_ROW; REACH];
        given.iter_mut().zip(before).for_each(|(to, row)| *to = row);
        pull(vectors, squares, &given, &slope, settings.rate);
    }

    /// Has all that a step reads of these rows fetched, see [`fetch`].
    fn fetch_rows(&self, rows: impl Iterator<Item = u32>) {
        let square = |row: u32| self.squares[row as usize][1].to_bits();
        fetch(rows.map(|row| square(row) ^ lines(vector(&self.vectors, row), f32::to_bits)));
    }

    /// Draws rows to tell the first one from; how many there are then.
    fn draw(&self, before: &[ItemIx], item: ItemIx, rows: &mut [u32; 1 + DRAWN]) -> usize {
        let mut len = 1;
        for n in 0..DRAWN as u64 {
            let dice = mixed(self.steps.wrapping_mul(1 + DRAWN as u64).wrapping_add(n));
            let other = if n % ALIKE == 0 {
                self.items[(dice % self.items.len() as u64) as usize]
            } else {
                self.recent[(dice % self.recent.len() as u64) as usize]
            };
            if let Some(row) = self.row(other).filter(|_| other != item && !before.contains(&other)) {
                rows[len] = row;
                len += 1;
            }
        }
        len
    }

    fn row(&self, item: ItemIx) -> Option<u32> {
        self.places.get(item as usize).copied().filter(|&row| row != NO_ROW)
    }

    /// Sees to it that an item has a row, and that it keeps it for a while.
    fn give_row(&mut self, item: ItemIx, busy: &[ItemIx], most: usize) {
        if let Some(row) = self.row(item) {
            self.used[row as usize] = true;
            return;
        }
        let row = if self.items.len() < most { self.add_row() } else { self.free_row(busy) };
        if self.places.len() <= item as usize {
            self.places.resize(item as usize + 1, NO_ROW);
        }
        self.places[item as usize] = row;
        self.items[row as usize] = item;
        self.used[row as usize] = true;
        self.squares[row as usize] = [CAUTION; 2];
        let begun = u64::from(item) * DIM as u64;
        for (number, value) in (begun..).zip(vector_mut(&mut self.vectors, row)) {
            *value = ((mixed(number) >> 40) as f32 / (1_u64 << 24) as f32 - 0.5) * SPREAD;
        }
    }

    fn add_row(&mut self) -> u32 {
        let row = self.items.len();
        self.items.push(0);
        self.used.push(true);
        self.squares.push([CAUTION; 2]);
        self.vectors.resize((row + 1) * DIM, 0.0);
        row as u32
    }

    /// The first row from the hand on that was not used since the hand came by, and is not of a busy item.
    fn free_row(&mut self, busy: &[ItemIx]) -> u32 {
        loop {
            let row = self.hand;
            self.hand = (self.hand + 1) % self.items.len() as u32;
            let item = self.items[row as usize];
            if !busy.contains(&item) && !std::mem::take(&mut self.used[row as usize]) {
                self.places[item as usize] = NO_ROW;
                self.evicted += 1;
                return row;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::arithmetic::SCALE;
    use super::*;
    use crate::nouns::Timestamp;
    use crate::settings::Settings;

    fn settings(max_items: usize) -> EmbeddingSettings {
        EmbeddingSettings { max_items, ..Settings::default().embeddings }
    }

    /// Visits of two items of one company: 0 to 9, or 10 to 19.
    fn taught(visits: u64, settings: &EmbeddingSettings) -> Embeddings {
        let (mut embeddings, mut index) = (Embeddings::default(), SessionIndex::default());
        for visit in 0..visits {
            let dice = mixed(visit);
            let company = (visit % 2 * 10) as ItemIx;
            let (first, second) = (company + (dice % 10) as ItemIx, company + (dice >> 32) as ItemIx % 10);
            let serial = index.add(None, first, Timestamp(0), &Settings::default().index);
            embeddings.learn(&[], first, &index, settings);
            index.add(Some(serial), second, Timestamp(0), &Settings::default().index);
            embeddings.learn(&[first], second, &index, settings);
        }
        embeddings
    }

    #[test]
    fn items_of_one_company_are_wanted_together_whether_or_not_they_have_met() {
        let embeddings = taught(4_000, &settings(1_000));
        let stand = embeddings.stand([(3, 0.0)].into_iter()).expect("a known item");
        let wanted = |item| embeddings.near(&stand, None, item).expect("a known item").0;
        let least_kin = (0..10).filter(|&item| item != 3).map(wanted).fold(f32::INFINITY, f32::min);
        let best_stranger = (10..20).map(wanted).fold(f32::NEG_INFINITY, f32::max);
        assert!(least_kin > best_stranger, "{least_kin} {best_stranger}");
        assert_eq!(embeddings.near(&stand, None, 77), None);
        assert!(embeddings.stand([(77, 0.0)].into_iter()).is_none());
    }

    /// Along the slope, and for what has no slope to follow.
    #[test]
    fn a_step_makes_what_was_wanted_likelier_and_moves_no_farther_than_its_rate() {
        let settings = settings(1_000);
        let mut embeddings = taught(50, &settings);
        let wanted = |embeddings: &Embeddings| {
            let stand = embeddings.stand([(3, 0.0)].into_iter()).expect("a known item");
            embeddings.near(&stand, None, 17).expect("a known item").0
        };
        let row = embeddings.row(17).expect("a known item");
        vector_mut(&mut embeddings.vectors, row).fill(0.0);
        assert_eq!(wanted(&embeddings), 0.0);
        embeddings.step(&[3], 17, &settings);
        assert!(wanted(&embeddings) > 1.0 && wanted(&embeddings) <= SCALE + 1e-3, "{}", wanted(&embeddings));
        // AdaGrad's first step is at most rate x sqrt(DIM) long.
        assert!(length(vector(&embeddings.vectors, row)) < settings.rate * (DIM as f32).sqrt() + 1e-3);
    }

    #[test]
    fn the_same_events_give_the_same_vectors() {
        assert_eq!(taught(300, &settings(1_000)), taught(300, &settings(1_000)));
    }

    #[test]
    fn beyond_the_limit_the_longest_unmet_item_gives_its_row_away() {
        let (mut embeddings, index) = (Embeddings::default(), SessionIndex::default());
        let few = settings(1);
        for item in 0..FEWEST_ROWS as ItemIx + 10 {
            embeddings.learn(&[0], item, &index, &few);
        }
        assert_eq!((embeddings.len(), embeddings.evicted()), (FEWEST_ROWS, 10));
        assert!(embeddings.of(0).is_some(), "it was met all the time");
        assert!(embeddings.of(FEWEST_ROWS as ItemIx + 9).is_some(), "the newest has one");
        let rows = embeddings.places.iter().filter(|&&row| row != NO_ROW).count();
        assert_eq!(rows, FEWEST_ROWS, "no row belongs to two items");
    }

    #[test]
    fn without_room_nothing_is_kept() {
        assert_eq!(taught(50, &settings(0)), Embeddings::default());
    }
}
