//! How entries of the log change the state. One file per kind of change; each is idempotent or guarded by the dedupe
//! window.

mod erase;
mod event;
mod order;

pub use erase::Forgotten;

use super::{ItemIx, State};
use crate::Applied;
use crate::nouns::{Entry, Item, ItemId, Record, Timestamp};
use crate::settings::Settings;

impl State {
    /// Applies one entry.
    pub(crate) fn apply(&mut self, entry: &Entry, settings: &Settings) -> Applied {
        if !self.is_new(entry) {
            return Applied::Duplicate;
        }
        let applied = self.apply_record(entry, settings);
        // Not what comes twice, nor what only one replica wrote down: replicas that agree count the same.
        if applied != Applied::Duplicate && !matches!(entry.record, Record::Positions(_)) {
            self.applied += 1;
        }
        applied
    }

    /// Whether an entry was not read from its place at a broker before; from now on it was.
    fn is_new(&mut self, entry: &Entry) -> bool {
        let place = entry.origin.as_ref();
        place.is_none_or(|at| self.positions.advance(&at.topic, at.partition, at.offset + 1))
    }

    fn apply_record(&mut self, entry: &Entry, settings: &Settings) -> Applied {
        match &entry.record {
            Record::Event(event) => self.apply_event(event, entry.accepted_at, settings),
            Record::Item(item) => self.put_item(item, entry.accepted_at, settings),
            Record::Patch { item, patch } => {
                let patch = (**patch).clone();
                self.change_item(item, entry.accepted_at, |state| state.catalog.patch(item, patch))
            }
            Record::Delete { item } => self.change_item(item, entry.accepted_at, |state| state.catalog.delete(item)),
            Record::Model(model) => {
                if self.models.take(model, entry.accepted_at) {
                    Applied::Fresh
                } else {
                    Applied::Duplicate
                }
            }
            Record::Erase(erasure) => self.erase(erasure),
            Record::Positions(positions) => {
                if self.positions.merge(positions) {
                    Applied::Fresh
                } else {
                    Applied::Duplicate
                }
            }
            Record::Stock(update) => {
                self.change_item(&update.item, entry.accepted_at, |state| state.catalog.set_stock(update))
            }
        }
    }

    fn put_item(&mut self, item: &Item, at: Timestamp, settings: &Settings) -> Applied {
        let applied = self.change_item(&item.id, at, |state| state.catalog.put(item.clone(), &settings.catalog));
        self.refused_items += u64::from(applied == Applied::Refused);
        applied
    }

    /// Makes a change to the catalogue and keeps the boards in step with it.
    fn change_item(&mut self, id: &ItemId, at: Timestamp, change: impl FnOnce(&mut Self) -> Option<ItemIx>) -> Applied {
        let before = self.catalog.number(id.as_str()).map(|ix| *self.catalog.facts(ix));
        let Some(ix) = change(self) else { return Applied::Refused };
        let facts = *self.catalog.facts(ix);
        let moved = before.filter(|before| before.category != facts.category);
        if let Some(before) = moved {
            self.leaders.leave(ix, before.category);
        }
        if moved.is_some() || before.is_none_or(|before| before.known != facts.known) {
            self.leaders.set(ix, &self.counters.get(ix), &facts);
        }
        let returned = facts.known && before.is_none_or(|before| !before.known);
        if returned || moved.is_some() {
            self.newcomers.add(ix, &facts, at);
        }
        Applied::Fresh
    }
}
