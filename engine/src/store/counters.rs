use serde::{Deserialize, Serialize};

use super::ItemIx;
use super::decay::{Decay, Decayed};
use crate::nouns::{EventKind, Timestamp};
use crate::settings::PopularitySettings;

/// Weight of each kind of interest in popularity: a purchase says more than a look. Removals say nothing here.
const WEIGHTS: [(EventKind, f32); 3] =
    [(EventKind::View, 1.0), (EventKind::AddToCart, 2.0), (EventKind::Purchase, 4.0)];

/// What is counted of one item.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counter {
    /// Decayed views, adds and purchases, at the long half-life.
    kinds: [Decayed; 3],
    /// All interest, weighted, at the long half-life.
    pub(crate) long: Decayed,
    /// All interest, weighted, at the short half-life.
    pub(crate) short: Decayed,
    /// Newest event.
    pub(crate) last_at: Option<Timestamp>,
}

impl Counter {
    /// The decayed count of one kind of interest.
    pub(crate) fn of(&self, kind: EventKind) -> Decayed {
        slot(kind).map_or_else(Decayed::default, |slot| self.kinds[slot])
    }
}

fn slot(kind: EventKind) -> Option<usize> {
    WEIGHTS.iter().position(|&(of, _)| of == kind)
}

/// Decayed counters of all items.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Counters {
    items: Vec<Counter>,
}

impl Counters {
    pub(crate) fn get(&self, ix: ItemIx) -> Counter {
        self.items.get(ix as usize).copied().unwrap_or_default()
    }

    /// Counts an occurrence of interest at `at`; `times` is 1, or -1 to take it back exactly as it was added.
    pub(crate) fn count(
        &mut self,
        ix: ItemIx,
        kind: EventKind,
        at: Timestamp,
        times: f32,
        settings: &PopularitySettings,
    ) {
        let Some(slot) = slot(kind) else { return };
        if self.items.len() <= ix as usize {
            self.items.resize(ix as usize + 1, Counter::default());
        }
        let counter = &mut self.items[ix as usize];
        let (long, short) = (Decay::new(settings.half_life_ms), Decay::new(settings.short_half_life_ms));
        counter.kinds[slot].add(long, at, times);
        counter.long.add(long, at, times * WEIGHTS[slot].1);
        counter.short.add(short, at, times * WEIGHTS[slot].1);
        counter.last_at = counter.last_at.max(Some(at));
    }
}
