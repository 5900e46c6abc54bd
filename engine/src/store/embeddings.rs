//! What items are like, learned from the order in which shoppers come to them. Co-visits know only pairs that have
//! met; vectors also bring items near one another that are met in the same company.
//!
//! Each item has two vectors: as something given in a visit, and as something wanted next. For a visit of items y, the
//! newest first, and the next item x:
//!   h = sum of fade^age given(y) / sum of fade^age,   P(x) = softmax over x and drawn others of h · wanted(.)
//! (continuous bag of words with sampled softmax: Mikolov et al., 2013; Barkan and Koenigstein, item2vec, 2016), stepped
//! by AdaGrad with one rate per vector. Each new item of a visit is a step, and with it some past visits are gone through
//! again, so that little traffic teaches as much as a second reading of it would. The dice are a function of the
//! number of steps: the same events give the same vectors.

use serde::{Deserialize, Serialize};

use super::ItemIx;
use super::fetch::{fetch, lines};
use super::session_index::SessionIndex;
use crate::nouns::mixed;
use crate::settings::EmbeddingSettings;

/// Numbers per vector. On training windows 64 brought a third more than 32, at twice the memory.
const DIM: usize = 64;
/// Items of a visit that speak, the newest.
const REACH: usize = 8;
/// What each speaks against the one after it.
const FADE: f32 = 0.6;
/// Others that a wanted item is told from at each step.
const DRAWN: usize = 8;
/// One in so many is drawn from all items alike, the rest from what shoppers came to lately.
const ALIKE: u64 = 4;
/// Newest items that shoppers came to, to draw from.
const RECENT: usize = 8_192;
/// Newest visits that are gone through again.
const WINDOW: u64 = 100_000;
/// Where AdaGrad's sums of squares begin.
const CAUTION: f32 = 1e-2;
/// Width of what given vectors begin with. Wanted ones begin at nothing.
const SPREAD: f32 = 0.5;
/// Rehearsals with the first item of a visit, for each that is asked for: where a visit is short, the rest of its update
/// is cheap; the average over visits is about one.
const FIRST: usize = 3;
/// Fewest rows kept: a step never replaces a row that it works on.
const FEWEST_ROWS: usize = 64;
const NO_ROW: u32 = u32::MAX;

/// A point among the items.
pub(crate) type Point = [f32; DIM];

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
    /// Row by row, as something given and as something wanted.
    given: Vec<f32>,
    wanted: Vec<f32>,
    /// AdaGrad's sums of squares, of the given and of the wanted vector.
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

    /// Where a visit stands: the mean of its items, the newest above all. `None`: none of them has a vector.
    pub(crate) fn stand(&self, visit: impl Iterator<Item = (ItemIx, f32)>) -> Option<Point> {
        let voices = visit.take(REACH).filter_map(|(item, age)| Some((self.row(item)?, FADE.powf(age))));
        let (mut sum, mut total) = ([0.0; DIM], 0.0);
        for (row, voice) in voices {
            total += voice;
            add(&mut sum, vector(&self.given, row), voice);
        }
        if total == 0.0 {
            return None;
        }
        sum.iter_mut().for_each(|sum| *sum /= total);
        Some(sum)
    }

    /// How much an item is wanted from where a visit stands: a logit. `None`: nothing is known of it.
    pub(crate) fn wanted(&self, stand: &Point, item: ItemIx) -> Option<f32> {
        Some(dot(stand, vector(&self.wanted, self.row(item)?)))
    }

    /// What an item is like as something given.
    pub(crate) fn given(&self, item: ItemIx) -> Option<&Point> {
        Some(vector(&self.given, self.row(item)?))
    }

    /// Has the vectors of these items fetched, see [`fetch`].
    pub(crate) fn fetch(&self, items: impl Iterator<Item = ItemIx> + Clone) {
        fetch(items.clone().map(|item| self.row(item).unwrap_or(NO_ROW)));
        let rows = items.filter_map(|item| self.row(item));
        fetch(
            rows.map(|row| {
                lines(vector(&self.wanted, row), f32::to_bits) ^ lines(vector(&self.given, row), f32::to_bits)
            }),
        );
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
        let Some(target) = self.row(item) else { return };
        let mut rows = [target; 1 + DRAWN];
        let drawn = self.draw(before, item, &mut rows);
        let rows = &rows[..drawn];
        let given = before.iter().filter_map(|&known| self.row(known));
        fetch(given.map(|row| lines(vector(&self.given, row), f32::to_bits)).chain(self.lines_of_wanted(rows)));
        let aged = |(age, &known): (usize, &ItemIx)| (known, age as f32);
        let Some(stand) = self.stand(before.iter().enumerate().map(aged)) else { return };
        let slope = self.push(&stand, rows, settings.rate);
        self.pull(before, &slope, settings.rate);
    }

    /// What is to be fetched of each of these rows for a step that wants them.
    fn lines_of_wanted<'a>(&'a self, rows: &'a [u32]) -> impl Iterator<Item = u32> + 'a {
        rows.iter().map(|&row| self.squares[row as usize][1].to_bits() ^ lines(vector(&self.wanted, row), f32::to_bits))
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

    /// Moves the wanted vectors, the first of `rows` towards `stand` and the others away; the slope for what stood
    /// there.
    fn push(&mut self, stand: &Point, rows: &[u32], rate: f32) -> Point {
        let mut errors = [0.0; 1 + DRAWN];
        let errors = &mut errors[..rows.len()];
        for (error, &row) in errors.iter_mut().zip(rows) {
            *error = dot(stand, vector(&self.wanted, row));
        }
        let largest = errors.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        errors.iter_mut().for_each(|error| *error = (*error - largest).exp());
        let sum: f32 = errors.iter().sum();
        errors.iter_mut().for_each(|error| *error /= sum);
        errors[0] -= 1.0;
        let (mut slope, square) = ([0.0; DIM], dot(stand, stand) / DIM as f32);
        for (&error, &row) in errors.iter().zip(rows) {
            let squares = &mut self.squares[row as usize][1];
            *squares += error * error * square;
            let step = -rate * error / squares.sqrt();
            let wanted = vector_mut(&mut self.wanted, row);
            for ((slope, wanted), stand) in slope.iter_mut().zip(wanted).zip(stand) {
                *slope += error * *wanted;
                *wanted += step * stand;
            }
        }
        slope
    }

    /// Moves the given vectors of those that spoke against the slope.
    fn pull(&mut self, before: &[ItemIx], slope: &Point, rate: f32) {
        let square = dot(slope, slope) / DIM as f32;
        let voices = before.len() as i32;
        let total = (1.0 - FADE.powi(voices)) / (1.0 - FADE);
        let mut share = 1.0 / total;
        for &known in before {
            if let Some(row) = self.row(known) {
                let squares = &mut self.squares[row as usize][0];
                *squares += share * share * square;
                let step = -rate * share / squares.sqrt();
                add(vector_mut(&mut self.given, row), slope, step);
            }
            share *= FADE;
        }
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
        vector_mut(&mut self.wanted, row).fill(0.0);
        let begun = u64::from(item) * DIM as u64;
        for (number, value) in (begun..).zip(vector_mut(&mut self.given, row)) {
            *value = ((mixed(number) >> 40) as f32 / (1_u64 << 24) as f32 - 0.5) * SPREAD;
        }
    }

    fn add_row(&mut self) -> u32 {
        let row = self.items.len();
        self.items.push(0);
        self.used.push(true);
        self.squares.push([CAUTION; 2]);
        self.given.resize((row + 1) * DIM, 0.0);
        self.wanted.resize((row + 1) * DIM, 0.0);
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

fn vector(vectors: &[f32], row: u32) -> &Point {
    vectors[row as usize * DIM..].first_chunk().expect("a row is as long as a vector")
}

fn vector_mut(vectors: &mut [f32], row: u32) -> &mut Point {
    vectors[row as usize * DIM..].first_chunk_mut().expect("a row is as long as a vector")
}

/// The dot product of two vectors, in sums that grow side by side.
pub(crate) fn dot(a: &Point, b: &Point) -> f32 {
    const LANES: usize = 8;
    let mut lanes = [0.0; LANES];
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    lanes.iter().sum()
}

fn add(to: &mut Point, what: &Point, times: f32) {
    to.iter_mut().zip(what).for_each(|(to, what)| *to += times * what);
}

#[cfg(test)]
mod tests {
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
        let wanted = |item| embeddings.wanted(&stand, item).expect("a known item");
        let least_kin = (0..10).filter(|&item| item != 3).map(wanted).fold(f32::INFINITY, f32::min);
        let best_stranger = (10..20).map(wanted).fold(f32::NEG_INFINITY, f32::max);
        assert!(least_kin > best_stranger, "{least_kin} {best_stranger}");
        assert_eq!(embeddings.wanted(&stand, 77), None);
        assert!(embeddings.stand([(77, 0.0)].into_iter()).is_none());
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
        assert!(embeddings.given(0).is_some(), "it was met all the time");
        assert!(embeddings.given(FEWEST_ROWS as ItemIx + 9).is_some(), "the newest has one");
        let rows = embeddings.places.iter().filter(|&&row| row != NO_ROW).count();
        assert_eq!(rows, FEWEST_ROWS, "no row belongs to two items");
    }

    #[test]
    fn without_room_nothing_is_kept() {
        assert_eq!(taught(50, &settings(0)), Embeddings::default());
    }
}
