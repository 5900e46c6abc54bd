//! Co-visitation rows: for each item the items that go with it, decayed, bounded, one set of rows per relation.

use serde::{Deserialize, Serialize};

use super::ItemIx;
use super::decay::Decay;
use super::fetch::{fetch, lines};
use crate::nouns::Timestamp;
use crate::settings::AffinitySettings;

/// What two items have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Relation {
    /// Touched in one visit (viewed, carted or bought), near each other.
    Visit,
    /// Put into one cart.
    Cart,
    /// Bought in one order.
    Buy,
    /// Touched right after, or nearly: the short window, forward only.
    Next,
}

/// The items that go with one item. All figures stand on the scale of `epoch` (see [`Decay`]).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) epoch: i32,
    /// Decayed number of times the item stood in this relation at all: the n_i of P(j | i) = C_ij / n_i.
    pub(crate) n: f32,
    /// Partners and their decayed weights, in no order.
    pub(crate) partners: Vec<ItemIx>,
    pub(crate) weights: Vec<f32>,
}

impl Row {
    /// The partner's weight on the scale of `epoch`; 0 if it has none.
    pub(crate) fn weight(&self, partner: ItemIx) -> f32 {
        find(&self.partners, partner).map_or(0.0, |place| self.weights[place])
    }

    /// P(partner | this) = C / n; 0 where nothing is known.
    pub(crate) fn conditional(&self, partner: ItemIx) -> f32 {
        if self.n > 0.0 { self.weight(partner) / self.n } else { 0.0 }
    }

    /// Moves the figures to the scale of `epoch` if that is later, and returns the factor for an occurrence of
    /// `epoch` to be added.
    fn settle(&mut self, epoch: i32) -> f32 {
        if epoch == self.epoch {
            return 1.0;
        }
        if self.partners.is_empty() && self.n == 0.0 {
            self.epoch = epoch;
        } else if epoch > self.epoch {
            let factor = Decay::rescale(self.epoch, epoch);
            self.n *= factor;
            self.weights.iter_mut().for_each(|weight| *weight *= factor);
            self.epoch = epoch;
        }
        Decay::rescale(epoch, self.epoch)
    }

    /// Adds to the weight of `partner`. A full row drops its least entry for a heavier newcomer, or the newcomer if it
    /// is the least; the dropped weight is forgotten, not inherited (Space-Saving's inheritance was measured to hurt).
    fn add(&mut self, partner: ItemIx, weight: f32, room: usize) {
        if let Some(place) = find(&self.partners, partner) {
            self.weights[place] += weight;
            return;
        }
        let len = self.partners.len();
        if len < room {
            if len == self.partners.capacity() && len * 2 > room {
                // Doubling would reserve what a full row never uses.
                self.partners.reserve_exact(room - len);
                self.weights.reserve_exact(room - len);
            }
            self.partners.push(partner);
            self.weights.push(weight);
            return;
        }
        let least = least(&self.weights);
        // Looking for the place of the least only where it is to be replaced: most newcomers of a full row are lighter.
        if least <= weight
            && let Some(place) = self.weights.iter().position(|&weight| weight == least)
        {
            self.partners[place] = partner;
            self.weights[place] = weight;
        }
    }

    /// Takes weight back; an entry that falls to (nearly) nothing leaves.
    fn take(&mut self, partner: ItemIx, weight: f32) {
        if let Some(place) = find(&self.partners, partner) {
            self.weights[place] -= weight;
            // What is left of a sum after taking back its parts is rounding.
            if self.weights[place] <= weight * 1e-4 {
                self.partners.swap_remove(place);
                self.weights.swap_remove(place);
            }
        }
    }
}

/// Entries looked at side by side, which the processor does in a few steps.
const LANES: usize = 16;

/// The place of a partner. A plain search would look at one entry at a time and ask after each whether to go on.
fn find(partners: &[ItemIx], partner: ItemIx) -> Option<usize> {
    let chunks = partners.chunks_exact(LANES);
    let rest = chunks.remainder();
    for (chunk, lanes) in chunks.enumerate() {
        let met = lanes.iter().fold(0, |met, &other| met | u32::from(other == partner));
        if met != 0 {
            return lanes.iter().position(|&other| other == partner).map(|place| chunk * LANES + place);
        }
    }
    rest.iter().position(|&other| other == partner).map(|place| partners.len() - rest.len() + place)
}

/// The least of some weights, which are numbers; infinite if there are none.
fn least(weights: &[f32]) -> f32 {
    let less = |a: f32, b: f32| if b < a { b } else { a };
    let mut lanes = [f32::INFINITY; LANES];
    let chunks = weights.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, &weight)| *lane = less(*lane, weight));
    }
    rest.iter().chain(&lanes).fold(f32::INFINITY, |least, &weight| less(least, weight))
}

/// The rows of all relations.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rows {
    relations: [Vec<Row>; 4],
    /// Decayed number of times that any item stood in the relation: rows of nobody, without partners.
    totals: [Row; 4],
}

/// How pairs are added: the relation, the bound and the instant, worked out once for all pairs of one event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pairing {
    relation: Relation,
    epoch: i32,
    /// Weight of an occurrence at the event's instant, on the scale of `epoch`.
    g: f32,
    /// Entries per row.
    room: usize,
}

impl Pairing {
    pub(crate) fn new(relation: Relation, at: Timestamp, settings: &AffinitySettings) -> Self {
        let (epoch, g) = Decay::new(settings.half_life_ms).place(at);
        Self { relation, epoch, g, room: settings.row_len.max(1) }
    }
}

impl Rows {
    pub(crate) fn get(&self, relation: Relation, ix: ItemIx) -> Option<&Row> {
        self.relations[relation as usize].get(ix as usize)
    }

    /// Has the rows of these items fetched, see [`fetch`].
    pub(crate) fn fetch(&self, relation: Relation, items: impl Iterator<Item = ItemIx> + Clone) {
        let rows = items.filter_map(|ix| self.get(relation, ix));
        fetch(rows.clone().map(|row| row.partners.len() as u32));
        fetch(rows.map(|row| lines(&row.partners, u32::from) ^ lines(&row.weights, f32::to_bits)));
    }

    /// Has how often these items stood in the relation fetched, see [`fetch`].
    pub(crate) fn fetch_counts(&self, relation: Relation, items: impl Iterator<Item = ItemIx>) {
        fetch(items.map(|ix| self.get(relation, ix).map_or(0, |row| row.n.to_bits())));
    }

    /// Entries in all rows.
    pub(crate) fn pairs(&self) -> usize {
        self.relations.iter().flatten().map(|row| row.partners.len()).sum()
    }

    /// Counts that `ix` stood in the relation (`times` = 1), or takes that back (-1).
    pub(crate) fn stand(&mut self, pairing: Pairing, ix: ItemIx, times: f32) {
        let (row, g) = self.row(pairing, ix);
        row.n = (row.n + times * g).max(0.0);
        let total = &mut self.totals[pairing.relation as usize];
        let g = pairing.g * total.settle(pairing.epoch);
        total.n = (total.n + times * g).max(0.0);
    }

    /// How often any item stood in the relation: epoch and n.
    pub(crate) fn total(&self, relation: Relation) -> &Row {
        &self.totals[relation as usize]
    }

    /// Adds `weight` to the directed pair `from -> to`.
    pub(crate) fn add(&mut self, pairing: Pairing, from: ItemIx, to: ItemIx, weight: f32) {
        let (row, g) = self.row(pairing, from);
        row.add(to, weight * g, pairing.room);
    }

    /// Takes `weight` back from the directed pair `from -> to`, as it was added at the pairing's instant.
    pub(crate) fn take(&mut self, pairing: Pairing, from: ItemIx, to: ItemIx, weight: f32) {
        let (row, g) = self.row(pairing, from);
        row.take(to, weight * g);
    }

    fn row(&mut self, pairing: Pairing, ix: ItemIx) -> (&mut Row, f32) {
        let rows = &mut self.relations[pairing.relation as usize];
        if rows.len() <= ix as usize {
            rows.resize_with(ix as usize + 1, Row::default);
        }
        let row = &mut rows[ix as usize];
        let factor = row.settle(pairing.epoch);
        (row, pairing.g * factor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::nouns::DAY_MS;
    use crate::settings::Settings;

    fn pairing(at: i64, row_len: usize) -> Pairing {
        let settings = AffinitySettings { row_len, half_life_ms: 7 * DAY_MS, ..Settings::default().affinities };
        Pairing::new(Relation::Buy, Timestamp(at), &settings)
    }

    fn partners(rows: &Rows, ix: ItemIx) -> Vec<ItemIx> {
        let mut list = rows.get(Relation::Buy, ix).map(|row| row.partners.clone()).unwrap_or_default();
        list.sort_unstable();
        list
    }

    proptest! {
        #[test]
        fn searching_side_by_side_finds_what_a_plain_search_finds(
            partners in prop::collection::vec(0..60_u32, 0..100),
            weights in prop::collection::vec(0.0..9.0_f32, 0..100),
            partner in 0..60_u32,
        ) {
            prop_assert_eq!(find(&partners, partner), partners.iter().position(|&other| other == partner));
            prop_assert_eq!(least(&weights), weights.iter().copied().fold(f32::INFINITY, f32::min));
        }
    }

    #[test]
    fn a_full_row_replaces_its_least_without_inheriting() {
        let mut rows = Rows::default();
        for (to, weight) in [(1, 3.0), (2, 1.0), (3, 2.0)] {
            rows.add(pairing(0, 2), 0, to, weight);
        }
        assert_eq!(partners(&rows, 0), [1, 3]);
        let row = rows.get(Relation::Buy, 0).expect("a row");
        assert_eq!(row.weights.iter().sum::<f32>(), 5.0);
        rows.add(pairing(0, 2), 0, 9, 0.5);
        assert_eq!(partners(&rows, 0), [1, 3], "a newcomer lighter than all does not enter");
    }

    #[test]
    fn taking_back_leaves_what_was_there_before() {
        let mut rows = Rows::default();
        rows.add(pairing(0, 8), 0, 1, 1.0);
        let before = rows.clone();
        rows.add(pairing(DAY_MS, 8), 0, 2, 0.7);
        rows.take(pairing(DAY_MS, 8), 0, 2, 0.7);
        assert_eq!(rows, before);
    }

    #[test]
    fn an_older_event_weighs_less_in_whatever_order_they_come() {
        let weights = |times: [i64; 2]| {
            let mut rows = Rows::default();
            for (to, at) in (1..).zip(times) {
                rows.add(pairing(at, 8), 0, to, 1.0);
            }
            rows.get(Relation::Buy, 0).expect("a row").weights.clone()
        };
        let far = 30 * 7 * DAY_MS;
        let (a, b) = (weights([0, far]), weights([far, 0]));
        assert!((a[1] / a[0] - b[0] / b[1]).abs() < 1e-3 * (a[1] / a[0]), "{a:?} {b:?}");
        assert!(a[1] > a[0]);
    }
}
