use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;
use rustc_hash::FxHashSet;

/// Shoppers that may wait to be told elsewhere: a few MB. Beyond it they are looked for in the state instead.
const MAX_WAITING: usize = 1 << 18;
/// Erased shoppers that may wait. The order to erase waits for its own deletion; this only spares caches their age.
const MAX_ERASED: usize = 1 << 16;

/// Shoppers whose profiles have changed, for a store elsewhere that is written behind. Costs the applier a look at a
/// flag where there is none, and never makes it wait.
#[derive(Debug, Default)]
pub struct Changed {
    /// Whether somebody writes behind.
    on: AtomicBool,
    /// Whether somebody caches what is elsewhere.
    watched: AtomicBool,
    waiting: Mutex<Waiting>,
    /// How many were taken and are not written yet.
    in_hand: AtomicUsize,
}

/// What has been noted since it was taken last.
#[derive(Debug, Default)]
#[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "nobody writes behind without a store"))]
pub struct Waiting {
    /// Their pseudonyms.
    pub shoppers: FxHashSet<u64>,
    /// Erased ones.
    erased: Vec<u64>,
    /// More changed than there is room for: all that changed since the last mark is to be looked for.
    pub overflown: bool,
}

#[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "nobody writes behind without a store"))]
impl Changed {
    /// Whether changes are to be noted.
    pub fn is_on(&self) -> bool {
        self.on.load(Ordering::Acquire)
    }

    /// Begins or ends the noting of changes. What was noted goes with the end.
    pub fn switch(&self, on: bool) {
        self.on.store(on, Ordering::Release);
        if !on {
            let mut waiting = self.waiting.lock();
            waiting.shoppers = FxHashSet::default();
            waiting.overflown = false;
        }
    }

    /// Begins the noting of erasures.
    pub fn watch(&self) {
        self.watched.store(true, Ordering::Release);
    }

    /// Notes shoppers; 0 stands for none. Called under the engine's lock: what a reader of the engine sees is noted.
    pub fn note(&self, shoppers: impl IntoIterator<Item = u64>) {
        let mut waiting = self.waiting.lock();
        for shopper in shoppers.into_iter().filter(|shopper| *shopper != 0) {
            if waiting.shoppers.len() < MAX_WAITING {
                waiting.shoppers.insert(shopper);
            } else {
                waiting.overflown |= !waiting.shoppers.contains(&shopper);
            }
        }
    }

    /// Notes shoppers that were erased.
    pub fn erased(&self, shoppers: impl Iterator<Item = u64>) {
        if self.watched.load(Ordering::Acquire) {
            let mut waiting = self.waiting.lock();
            let room = MAX_ERASED.saturating_sub(waiting.erased.len());
            waiting.erased.extend(shoppers.take(room));
        }
    }

    /// Notes all of these, however many: as many as the state holds profiles at most.
    pub fn note_all(&self, shoppers: Vec<u64>) {
        self.waiting.lock().shoppers.extend(shoppers);
    }

    /// Takes who has changed: they count as waiting until [`Self::hold`] tells otherwise.
    pub fn take(&self) -> Waiting {
        let mut waiting = self.waiting.lock();
        self.hold(waiting.shoppers.len());
        let erased = std::mem::take(&mut waiting.erased);
        std::mem::replace(&mut waiting, Waiting { erased, ..Waiting::default() })
    }

    /// Tells how many of those taken are not written yet.
    pub fn hold(&self, count: usize) {
        self.in_hand.store(count, Ordering::Release);
    }

    /// How many are known to wait: noted, or taken and not written yet.
    pub fn count(&self) -> usize {
        let waiting = self.waiting.lock();
        waiting.shoppers.len() + self.in_hand.load(Ordering::Acquire)
    }

    /// Takes who was erased. They are not to be written any more, either.
    pub fn take_erased(&self) -> Vec<u64> {
        let mut waiting = self.waiting.lock();
        let erased = std::mem::take(&mut waiting.erased);
        for shopper in &erased {
            waiting.shoppers.remove(shopper);
        }
        erased
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shopper_waits_once_and_what_has_no_room_is_told() {
        let changed = Changed::default();
        changed.note([7, 0, 7, 8]);
        assert_eq!(changed.count(), 2);
        let taken = changed.take();
        assert_eq!((taken.shoppers.len(), taken.overflown), (2, false));
        changed.note([9]);
        assert_eq!(changed.count(), 3, "what is taken waits until it is written");
        changed.hold(0);
        assert_eq!(changed.take().shoppers.len(), 1);
        changed.note(1..=MAX_WAITING as u64);
        changed.note([1]);
        assert!(!changed.take().overflown, "known ones need no room");
        changed.note(1..=MAX_WAITING as u64 + 1);
        assert!(changed.take().overflown);
        assert!(changed.take().shoppers.is_empty());
    }
}
