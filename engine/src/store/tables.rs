//! The two simpler paradigms: a daily batch table and a fixed list. Baselines of every comparison, and rungs to fall
//! back on.

use serde::{Deserialize, Serialize};

use super::ItemIx;
use super::affinities::{Relation, Row, Rows};
use super::decay::{Lens, Reading};
use super::keep_best;
use super::leaders::Leaders;
use crate::nouns::Timestamp;

/// Entries per row of the batch table.
const PER_ITEM: usize = 50;
/// Items on the fixed list.
const FIXED: usize = 200;

/// An item-to-item table as a nightly job makes it: rebuilt at each midnight (UTC) of the events' clock, looked up by
/// the current items, blind to what happened since.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct BatchTable {
    rows: Vec<Vec<(ItemIx, f32)>>,
    /// When the newest rebuild began.
    pub(crate) built_at: Option<Timestamp>,
    /// The next row to be rebuilt; `None`: done.
    next: Option<u32>,
}

impl BatchTable {
    /// The items that go with `ix`, best first.
    pub(crate) fn get(&self, ix: ItemIx) -> &[(ItemIx, f32)] {
        self.rows.get(ix as usize).map_or(&[], Vec::as_slice)
    }

    /// Starts a rebuild if a midnight lies between the last one and `now`; the first event ever starts none.
    pub(crate) fn turn_day(&mut self, now: Timestamp) {
        match self.built_at {
            Some(at) if at.day() >= now.day() => {}
            Some(_) => self.begin(now),
            None => self.built_at = Some(now),
        }
    }

    pub(crate) fn is_rebuilding(&self) -> bool {
        self.next.is_some()
    }

    pub(crate) fn begin(&mut self, now: Timestamp) {
        self.built_at = Some(now);
        self.next = Some(0);
    }

    /// Rebuilds up to `count` rows; spreading the job over events keeps it from ever holding up an answer.
    pub(crate) fn advance(&mut self, rows: &Rows, lens: &Lens, items: usize, count: usize) {
        let Some(next) = self.next else { return };
        self.rows.resize_with(items.max(self.rows.len()), Vec::new);
        let end = (next as usize).saturating_add(count).min(items);
        for ix in next as usize..end {
            self.rows[ix] = table_row(rows, &lens.rows, ix as ItemIx);
        }
        self.next = (end < items).then_some(end as u32);
    }
}

/// Co-visits and co-purchases of one item, summed: P(j | i), in visits with popular partners damped by the fourth root
/// of their own count.
fn table_row(rows: &Rows, reading: &Reading, ix: ItemIx) -> Vec<(ItemIx, f32)> {
    let mut row: Vec<(ItemIx, f32)> = Vec::new();
    if let Some(source) = rows.get(Relation::Visit, ix).filter(|source| source.n > 0.0) {
        row.extend(partners(source).map(|(partner, weight)| {
            let wanted = rows.get(Relation::Visit, partner).map_or(0.0, |row| row.n * reading.factor(row.epoch));
            (partner, weight / source.n / (1.0 + wanted).sqrt().sqrt())
        }));
    }
    if let Some(source) = rows.get(Relation::Buy, ix).filter(|source| source.n > 0.0) {
        row.extend(partners(source).map(|(partner, weight)| (partner, weight / source.n)));
    }
    row.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
    row.dedup_by(|later, first| {
        let same = later.0 == first.0;
        first.1 += if same { later.1 } else { 0.0 };
        same
    });
    keep_best(&mut row, PER_ITEM);
    row.shrink_to_fit();
    row
}

fn partners(source: &Row) -> impl Iterator<Item = (ItemIx, f32)> + '_ {
    source.partners.iter().copied().zip(source.weights.iter().copied())
}

/// A list as a merchandiser fixes it once: the bestsellers of that day.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct StaticList {
    items: Vec<ItemIx>,
    pub(crate) fixed_at: Option<Timestamp>,
}

impl StaticList {
    pub(crate) fn items(&self) -> &[ItemIx] {
        &self.items
    }

    pub(crate) fn fix(&mut self, leaders: &Leaders, at: Timestamp) {
        self.items = leaders.bestsellers.items().take(FIXED).collect();
        self.fixed_at = Some(at);
    }
}
